"""Follow a sweep: outcomes as they are written, and the news of it into Prefect."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from logging import Logger, LoggerAdapter
from pathlib import Path
from typing import Any
from uuid import UUID

from fusion.config.counts import counted
from fusion.config.ini import format_value
from fusion.results.durations import clock
from fusion.results.files import write_atomic
from fusion.results.progress import ProgressReader, compiling_text
from fusion.sweep.chunks import REQUESTS_PER_SECOND, seconds_left
from fusion.sweep.definition import Sweep
from fusion.sweep.failed_points import failure_of_event
from fusion.sweep.point_state import PointState
from fusion.sweep.results import Row, point_rows
from fusion.sweep.store import OutcomeReader
from fusion_flows.following import onlooker
from fusion_flows.following.artifacts import Artifacts
from fusion_flows.following.live_plot import LivePlot
from fusion_flows.following.log_forwarder import LogForwarder
from fusion_flows.following.onlooker import Bar, News
from fusion_flows.following.parts import Parts
from fusion_flows.following.reporting import (
    PAUSED,
    ChangedArtifacts,
    PlotArtifact,
    after,
)
from fusion_flows.following.stall import Stall
from fusion_flows.report.setting import sweep_subject
from fusion_flows.report.sweep_page import SHOWN_POINTS
from fusion_flows.report.tables import sweep_point_texts
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.log_stream import LogStream
from fusion_flows.server.connection import Connection, Unreachable
from fusion_flows.server.settings import Settings

_MEASURED_SECONDS = 3.0  # before the speed is believed


class SweepFollower:
    """Keeps the states of a sweep's points up to date and shows them."""

    def __init__(
        self,
        run: RunDirectory,
        flow_run_id: UUID,
        connection: Connection,
        logger: Logger | LoggerAdapter[Any],
        sweep: Sweep,
        states: Sequence[PointState],
        *,
        cores: int,
        settings: Settings,
        paused: Callable[[], bool] = lambda: False,
        parts: Parts,
    ) -> None:
        """states: of all points. cores: that compute. paused: whether they wait where they are.

        parts: of the flow run, which are sent with the rest.
        """
        self._paused = paused
        self._parts = parts
        self._run = run
        self._kept = b""  # what is in the file of the news
        self.artifacts = Artifacts(connection, flow_run_id)
        self.error = ""
        """What the simulator said last of why it failed as a whole."""
        self._sweep = sweep
        self._states = {state.point.key: state for state in states}
        self._put = ChangedArtifacts(self.artifacts).put
        self._events = ProgressReader(run.progress)
        list(self._events.read())  # of an earlier attempt
        stream = LogStream.of_what_comes(run.log, settings.max_log_size_bytes)
        self._log = LogForwarder(stream, connection, flow_run_id, logger)
        self._outcomes: OutcomeReader | None = None
        self._written: Path | None = None  # by the simulator on this machine
        self.stall = Stall(
            lambda: (run.progress, self._written),
            settings,
            logger,
            alike=False,
            go_on="the same sweep, run again, continues from there",
        )
        """Of the simulators on this machine."""
        self._cores = cores
        self._compiling = ""  # what to say while the simulator does
        self._compiled: float | None = None  # about when that is over
        self._requests = 0
        self._timed_requests = 0
        self._seconds = 0.0  # in which these were computed
        self._since: float | None = None
        self._rests = False
        self._rows: dict[str, tuple[int, bool, Row]] = {}
        self._logger = logger
        self._plot = PlotArtifact(self.artifacts, LivePlot(self._draw, len(states)), logger)

    @property
    def requests_per_second(self) -> float:
        """How fast this machine has been, or is believed to be."""
        seconds = self._seconds
        if self._since is not None:
            seconds += time.monotonic() - self._since
        if seconds < _MEASURED_SECONDS or not self._timed_requests:
            return REQUESTS_PER_SECOND * self._cores
        return self._timed_requests / seconds

    def read_from(self, outcomes: Path) -> None:
        """Say which file the next simulator writes."""
        self.stall.reset()
        self._outcomes, self._written = OutcomeReader(outcomes), outcomes
        self._compiling = ""

    def _begin_to_time(self) -> None:
        """Start the clock: to start a simulator, and to compile, says nothing of how long the rest takes."""
        self._compiling = ""
        if self._since is None and not self._rests:
            self._since = time.monotonic()

    def pause(self) -> None:
        """Say that no simulator works now."""
        if self._since is not None:
            self._seconds += time.monotonic() - self._since
            self._since = None

    def _keep_time(self) -> None:
        """Do not take the time of a pause for time in which nothing was computed fast."""
        if self._paused():
            self._rests = self._rests or self._since is not None
            self.pause()
        elif self._rests:
            self._rests = False
            self._since = time.monotonic()

    def look(self) -> None:
        """Take in what is new, and pass it on if the server is there."""
        self._keep_time()
        self.glance()
        with suppress(Unreachable):  # it is all in files, and the next look goes on from here
            self.pass_on()

    def pass_on(self, *, last: bool = False) -> None:
        """Tell the server what it does not know yet. Raises Unreachable.

        last: nothing more will come, so nothing is held back.
        """
        percent, text = self._progress(last)
        self._keep_news(percent, text)
        self._parts.send()
        self._log.forward(last=last)
        self._show(percent, text, last)

    def glance(self) -> None:
        """Read what is new, and tell it to who looks on in this process."""
        self._read_events()
        self._read_outcomes()
        onlooker.tell(self._live_news)

    def _live_news(self) -> News:
        states = self._states.values()
        counts = Counter(map(_stage, states))
        done, needed = _replications(states)
        failed: dict[str, str] = {}
        for state in states:
            if state.failure is not None:
                axes = ", ".join(
                    f"{axis} = {format_value(v)}" for axis, v in state.point.axes.items()
                )
                failed.setdefault(state.failure.error, f"failed: {axes}: {state.failure.error}")
        return News(
            bars=(Bar("points", counts["done"], len(states)), Bar("replications", done, needed)),
            finished=tuple(failed.values()),
            now=after(
                self._first(),
                ", ".join(
                    f"{counts[stage]} {stage}"
                    for stage in ("running", "waiting", "failed")
                    if counts[stage]
                ),
            ),
            requests=self._requests,
            seconds_left=self._seconds_left(),
        )

    def _first(self) -> str:
        """Return what the news begin with while the simulator makes no progress."""
        return PAUSED if self._paused() else self.stall.text or self._compiling

    def _seconds_left(self) -> float | None:
        """Return an estimate of the time until the end; None while something compiles for an unknown time."""
        compiling = 0.0
        if self._compiling:
            if self._compiled is None:
                return None
            compiling = max(0.0, self._compiled - time.monotonic())
        return compiling + seconds_left(self._states.values(), self.requests_per_second)

    def _read_outcomes(self) -> None:
        before = self._requests
        for _, (key, outcome) in self._outcomes.lines() if self._outcomes else ():
            if key in self._states:
                state = self._states[key]
                state.add(outcome)
                self._requests += state.point.requests
        if self._since is not None:
            self._timed_requests += self._requests - before
        elif self._requests > before:  # elsewhere, where nobody says when it begins
            self._begin_to_time()

    def _read_events(self) -> None:
        for event in self._events.read():
            if event.get("type") == "point_failed" and event.get("key") in self._states:
                key = event["key"]
                self._states[key].failure = failure_of_event(event)
            elif event.get("type") == "compiling":
                self._compiling = compiling_text(event)
                seconds = event.get("seconds")
                self._compiled = None if seconds is None else time.monotonic() + float(seconds)
            elif event.get("type") == "computing":
                self._begin_to_time()
            elif event.get("type") == "error":
                self.error = str(event.get("message"))

    def _progress(self, last: bool) -> tuple[float, str]:
        """Return how far the sweep is, in percent and in words."""
        done, needed = _replications(self._states.values())
        percent = 100.0 * done / needed if needed else 100.0
        first = "" if last else self._first()
        text = after(first, self.news(done, needed, ended=last or self._paused()))
        return round(min(percent, 100.0), 1), text

    def _keep_news(self, percent: float, text: str) -> None:
        """Write the news into their file, for lists without a server."""
        news = json.dumps({"percent": percent, "news": text}).encode()
        if news != self._kept:
            with suppress(OSError):  # on a full disk the results matter
                write_atomic(self._run.news, news)
                self._kept = news

    def _show(self, percent: float, text: str, last: bool) -> None:
        states = list(self._states.values())
        going_on = PAUSED if self._paused() else "running"
        self._put("progress", "progress", percent, text, last)
        rows = self.rows(states[:SHOWN_POINTS])
        if rows and not last:
            beyond = f", the first {SHOWN_POINTS}" if len(states) > SHOWN_POINTS else ""
            self._put(
                "points", "table", table(rows, self._sweep, going_on), f"{text}{beyond}", last
            )
        self._plot.show(text, last=last)

    def _draw(self, form: str, dots_per_inch: int) -> bytes:
        """Return the picture of what there is as svg or png. In a thread: states grow while it reads them."""
        from fusion_flows.pictures.curves import sweep_figure  # here, as matplotlib is slow to load
        from fusion_flows.pictures.field_names import in_field_names
        from fusion_flows.pictures.files import image

        states = list(self._states.values())
        rows = self.rows(states)
        if not rows:
            return b""
        title = sweep_subject(self._sweep)
        shown, axes = in_field_names(rows, self._sweep.axes, states, self._sweep.labels)
        figure = sweep_figure(shown, axes, self._sweep.metric, title)
        return image(figure, form, dots_per_inch)

    def news(self, done: int, needed: int, *, ended: bool = False) -> str:
        """Return what is new, on one line. ended: nothing more will come."""
        if not self._states:
            return "nothing to compute"
        counts = Counter(_stage(state) for state in self._states.values())
        parts = [f"{counts['done']}/{counted(len(self._states), 'point')}"]
        begun, waiting = ("begun", "not begun") if ended else ("running", "waiting")
        named = {"running": begun, "waiting": waiting, "failed": "failed"}
        parts += [f"{counts[stage]} {text}" for stage, text in named.items() if counts[stage]]
        left = self._seconds_left()
        if not (ended or left is None) and (counts["running"] or counts["waiting"]):
            parts.append(f"ETA {clock(left)}")
        parts.append(f"{done:,}/{counted(needed, 'replication')}")
        return ", ".join(parts)

    def rows(self, states: Sequence[PointState]) -> list[Row]:
        """Return a row for each of these points that has a replication, for the sweep's metric."""
        found = []
        for state in states:
            version = (len(state.outcomes), state.is_done)
            known = self._rows.get(state.point.key)
            if known is None or known[:2] != version:
                made = point_rows([state], [self._sweep.metric])
                if not made:
                    continue
                known = self._rows[state.point.key] = (*version, made[0])
            found.append(known[2])
        return found


def _replications(states: Iterable[PointState]) -> tuple[int, int]:
    """Return how many replications there are, and how many there will be."""
    done = needed = 0
    for state in states:
        have = len(state.outcomes)
        done += have
        needed += have if state.failure is not None else state.replications_needed
    return done, needed


def _stage(state: PointState) -> str:
    if state.failure is not None:
        return "failed"
    if state.stop_reason is not None:
        return "done"
    return "running" if state.outcomes else "waiting"


def table(rows: Sequence[Row], sweep: Sweep, unfinished: str) -> str:
    """Return points as the data of a table artifact: a few columns with readable names.

    unfinished: what is said of a point that is not complete.
    """
    return json.dumps(sweep_point_texts(rows, sweep, unfinished))
