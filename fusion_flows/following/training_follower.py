"""Follow the training of an agent: its log and its evaluations into Prefect."""

import json
from collections.abc import Callable
from contextlib import suppress
from logging import Logger, LoggerAdapter
from typing import Any
from uuid import UUID

from fusion.results.durations import clock
from fusion.results.interval_text import with_interval
from fusion.results.progress import ProgressReader
from fusion.results.training_progress import Row, TrainingProgress
from fusion_flows.following import onlooker
from fusion_flows.following.artifacts import Artifacts
from fusion_flows.following.live_plot import LivePlot
from fusion_flows.following.log_forwarder import LogForwarder
from fusion_flows.following.onlooker import Bar, News
from fusion_flows.following.parts import Parts
from fusion_flows.following.reporting import PAUSED, ChangedArtifacts, PlotArtifact, after
from fusion_flows.following.stall import Stall
from fusion_flows.report.training_page import evaluation_texts
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.log_stream import LogStream
from fusion_flows.server.connection import Connection, Unreachable


class TrainingFollower:
    """Carries news of one training into Prefect. `state` is what the events said so far."""

    def __init__(
        self,
        run: RunDirectory,
        flow_run_id: UUID,
        connection: Connection,
        logger: Logger | LoggerAdapter[Any],
        *,
        confidence: float,
        title: str,
        max_log_bytes: int,
        stall: Stall,
        paused: Callable[[], bool] = lambda: False,
        parts: Parts,
    ) -> None:
        """Prepare to follow a training that starts now; what an earlier attempt logged is not repeated.

        confidence: of the intervals shown. title: of the picture. paused: whether the training waits where it
        is. parts: of the flow run.
        """
        self.state = TrainingProgress()
        self.artifacts = Artifacts(connection, flow_run_id)
        self._events = ProgressReader(run.progress)
        for event in self._events.read():  # of an earlier attempt
            self.state.add(event)
        stream = LogStream.of_what_comes(run.log, max_log_bytes)
        self._log = LogForwarder(stream, connection, flow_run_id, logger)
        self._confidence, self._title = confidence, title
        self._stall, self._paused, self._parts = stall, paused, parts
        self._put = ChangedArtifacts(self.artifacts).put
        self._evaluations_seen = len(self.state.rows)
        told = "blocking at each evaluation by now, over steps"
        self._plot = PlotArtifact(self.artifacts, LivePlot(self._draw, 0, told), logger)

    def look(self) -> None:
        """Read what is new, and pass it on if the server is there."""
        self.glance()
        self._evaluations_seen = len(self.state.rows)
        with suppress(Unreachable):  # it is all in files, and the next look goes on from here
            self.pass_on()

    def glance(self) -> None:
        """Read what is new, and tell it to who looks on in this process."""
        for event in self._events.read():
            self.state.add(event)
        if self.state.steps:
            onlooker.tell(self._news)

    def has_an_evaluation(self) -> bool:
        """Return whether an agent was evaluated since the last look."""
        return len(self.state.rows) > self._evaluations_seen

    def pass_on(self, *, last: bool = False) -> None:
        """Tell the server what it does not know yet. Raises Unreachable.

        last: nothing more will come, so nothing is held back.
        """
        self._parts.send()
        self._log.forward(last=last)
        if self.state.steps or last:
            self._show(last)

    def _rows(self) -> list[Row]:
        return [self.state.rows[steps] for steps in sorted(self.state.rows)]

    def _draw(self, form: str, dots_per_inch: int) -> bytes:
        """Return the picture as svg or png, or nothing before the first evaluation."""
        from fusion_flows.pictures.files import image  # here, as matplotlib is slow to load
        from fusion_flows.pictures.training import training_figure

        rows = self._rows()
        if not rows:
            return b""
        heuristics = {name: each["mean"] for name, each in self.state.heuristics.items()}
        figure = training_figure(rows, heuristics, self._confidence, self._title)
        return image(figure, form, dots_per_inch)

    def _news(self) -> News:
        state = self.state
        return News(
            bars=(Bar("steps", state.done, state.steps),),
            finished=tuple(map(evaluation_line, self._rows())),
            now=after(self._first(), state.comparison),
            requests=max(0, state.done - state.done_before),
            seconds_left=state.seconds_left,
        )

    def _first(self) -> str:
        """Return what the news begin with while there is no progress."""
        return PAUSED if self._paused() else self._stall.text or self.state.compiling

    def _show(self, last: bool) -> None:
        paused = self._paused() and not last
        text = after("" if last else self._first(), training_news(self.state, ended=last or paused))
        percent = round(100 * self.state.fraction, 1)
        self._put("progress", "progress", percent, text, last)
        if rows := self._rows():
            table = json.dumps(evaluation_texts(rows)[::-1])
            self._put("points", "table", table, f"{len(rows)} evaluations, the last first", last)
        self._plot.show(text, last=last)


def training_news(state: TrainingProgress, *, ended: bool = False) -> str:
    """Return what is new in a training, on one line. ended: nothing more will come."""
    parts = [f"{state.done:,}/{state.steps:,} steps"]
    if not ended and state.comparison:
        parts.append(state.comparison)
    if not ended and not state.comparing and state.seconds_left is not None:
        parts.append(f"ETA {clock(state.seconds_left)}")
    if (best := state.best) is not None:
        parts.append(f"best {evaluation_line(best)}")
    return ", ".join(parts)


def evaluation_line(row: Row) -> str:
    """Return what an evaluation has found, in a line."""
    lower, upper = (row.get(f"blocking_probability_ci_{end}") for end in ("lower", "upper"))
    found = with_interval(row["blocking_probability"], lower, upper)
    line = f"blocking {found} at {int(row['steps']):,}"
    if row.get("ksp_ff") is not None:
        line += f" (KSP-FF {row['ksp_ff']:.3g}, {row['best_heuristic']} {row['best_heuristic_blocking']:.3g})"
    return line
