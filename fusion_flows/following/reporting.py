"""Follow a simulator: its log and its progress into Prefect until it ends."""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from logging import Logger, LoggerAdapter
from types import FrameType
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import State
from prefect.states import Completed

from fusion.config.counts import counted
from fusion.results.interval_text import probability_text
from fusion.results.progress import Event, ProgressReader, ProgressState
from fusion_flows.following import onlooker
from fusion_flows.following.artifacts import Artifacts, live_rows, metrics_text, news, now, table
from fusion_flows.following.live_plot import LivePlot
from fusion_flows.following.log_forwarder import LogForwarder
from fusion_flows.following.onlooker import Bar, News
from fusion_flows.following.parts import Parts
from fusion_flows.following.result_lines import result_line
from fusion_flows.following.stall import Stall
from fusion_flows.process.tree import ProcessTree
from fusion_flows.report.tables import INTERRUPTED
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.log_stream import LogStream
from fusion_flows.server.connection import Connection, Unreachable

PAUSED = "paused"
"""What the news of a run begin with while its processes wait."""

_WAIT_SECONDS = 0.25  # how late a reason to end the run is seen
_LOOK_SECONDS = 1.0  # between two looks at log and progress
_MOST_LOAD_PARTS = 50  # a run of more loads shows none of them as parts
_SHARE = 100.0  # an artifact takes this share of a core at most, however long its table


class ChangedArtifacts:
    """Sends artifacts that have changed, and not more often than their size permits."""

    def __init__(self, artifacts: Artifacts) -> None:
        """artifacts: of one run."""
        self._artifacts = artifacts
        self._sent: dict[str, tuple[object, str]] = {}
        self._not_before: dict[str, float] = {}

    def put(self, kind: str, form: str, data: object, description: str, now: bool) -> None:
        """Send an artifact, see `Artifacts.put`. now: whatever its size."""
        if self._sent.get(kind) == (data, description):
            return
        if not now and time.monotonic() < self._not_before.get(kind, 0.0):
            return
        began = time.thread_time()
        self._artifacts.put(kind, form, data, description)
        self._sent[kind] = (data, description)
        self._not_before[kind] = time.monotonic() + _SHARE * (time.thread_time() - began)


class PlotArtifact:
    """Sends a picture again and again while something goes on."""

    def __init__(
        self, artifacts: Artifacts, plot: LivePlot, logger: Logger | LoggerAdapter[Any]
    ) -> None:
        """logger: is told when there will be no picture any more."""
        self._artifacts = artifacts
        self._plot = plot
        self._logger = logger
        self._is_given_up = False

    def show(self, text: str, *, last: bool) -> None:
        """Send a picture if there is a new one; nothing here can end the run. Raises Unreachable.

        text: the news. last: see `LivePlot.look`.
        """
        if picture := self._plot.look(last=last):
            try:
                self._artifacts.put("plot", "markdown", picture, text)
            except Unreachable:
                raise
            except Exception as error:  # Prefect says no
                self._plot.stop(error)
        if (reason := self._plot.error) is not None and not self._is_given_up:
            self._is_given_up = True
            self._logger.warning("cannot draw while it goes on: %s", reason)


def follow(
    tree: ProcessTree,
    look: Callable[[], None],
    ended: Callable[[], State | None],
    glance: Callable[[], None] = lambda: None,
    paused: Callable[[], bool] = lambda: False,
    stall: Stall | None = None,
    is_urgent: Callable[[], bool] = lambda: False,
) -> int | State:
    """Look again and again until the simulator ends; return its exit code, or the first state of ended().

    glance: a quick look, for who looks on in this process. paused: whether all processes of the simulator
    are to stop where they are; then, when it says no, they go on. stall: says when it makes no progress.
    is_urgent: whether a glance has found what is not to wait for the next look.
    """
    next_look = 0.0
    stopped = False
    with _remembered_signals() as signals:
        while (code := tree.wait(_WAIT_SECONDS)) is None:
            if (state := ended()) is not None:
                return state
            glance()
            if time.monotonic() >= next_look or is_urgent():
                if paused():
                    tree.suspend()  # again and again, as one may have been born meanwhile
                elif stopped:
                    tree.resume()
                if stall is not None and (paused() or stopped):
                    stall.reset()
                elif stall is not None and (state := stall.look(tree)) is not None:
                    return state
                stopped = paused()
                look()
                next_look = time.monotonic() + _LOOK_SECONDS
            if signals:
                raise signals[0]
    return code


@contextmanager
def _remembered_signals() -> Iterator[list[BaseException]]:
    """Give a list that gets what each Ctrl-C and each SIGTERM raises, besides that it is raised.

    Python ignores an exception where nobody could catch it, as in a callback of the garbage
    collector, and then nothing would end.
    """
    heard: list[BaseException] = []
    if threading.current_thread() is not threading.main_thread():
        yield heard
        return

    def remembering(before: Callable[[int, FrameType | None], object]) -> Any:
        def hear(number: int, frame: FrameType | None) -> None:
            try:
                before(number, frame)
            except BaseException as error:
                heard.append(error)
                raise

        return hear

    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    ours = {number: before for number, before in found.items() if callable(before)}
    for number, before in ours.items():
        signal.signal(number, remembering(before))
    try:
        yield heard
    finally:
        for number, before in ours.items():
            signal.signal(number, before)


def after(first: str, text: str) -> str:
    """Return two parts of the news, of which each may be empty."""
    return ", ".join(part for part in (first, text) if part)


class Follower:
    """Carries news of one run into Prefect. `state` is what the events said so far."""

    def __init__(
        self,
        run: RunDirectory,
        flow_run_id: UUID,
        connection: Connection,
        logger: Logger | LoggerAdapter[Any],
        *,
        confidence: float,
        offered_per_nominal: float,
        max_log_bytes: int,
        draw: Callable[[str, int], bytes],
        stall: Stall,
        paused: Callable[[], bool] = lambda: False,
        parts: Parts,
    ) -> None:
        """Prepare to follow a run that starts now; what an earlier attempt logged is not repeated.

        confidence: of the intervals shown. offered_per_nominal: the offered load over the nominal one. draw:
        see `LivePlot`; the network as it is now. paused: whether the simulator waits where it is. parts: of
        the flow run; each load becomes one.
        """
        self.state = ProgressState()
        self.artifacts = Artifacts(connection, flow_run_id)
        self._events = ProgressReader(run.progress)
        for event in self._events.read():  # of an earlier attempt
            self.state.add(event)
        stream = LogStream.of_what_comes(run.log, max_log_bytes)
        self._log = LogForwarder(stream, connection, flow_run_id, logger)
        self._logger = logger
        self._confidence = confidence
        self._offered = offered_per_nominal
        self._stall = stall
        self._parts = parts
        self._paused = paused
        self._put = ChangedArtifacts(self.artifacts).put
        self._has_shown_a_load = bool(self.state.completed)
        told = "the network by now, links coloured by utilisation"
        self._plot = PlotArtifact(self.artifacts, LivePlot(draw, 0, told), logger)

    def look(self) -> None:
        """Read what is new, and pass it on if the server is there."""
        self.glance()
        self._has_shown_a_load = bool(self.state.completed)
        with suppress(Unreachable):  # it is all in files, and the next look goes on from here
            self.pass_on()

    def pass_on(self, *, last: bool = False) -> None:
        """Tell the server what it does not know yet. Raises Unreachable.

        last: nothing more will come, so nothing is held back.
        """
        self._parts.send()
        self._log.forward(last=last)
        if self.state.total_erlangs or last:
            self._show(last)

    def has_a_first_load(self) -> bool:
        """Return whether a first load is complete since the last look: somebody waits for that number."""
        return bool(self.state.completed) and not self._has_shown_a_load

    def rows_at_the_end(self) -> list[dict[str, Any]]:
        """Return a row per load that was told of, when nothing more will come; see `live_rows`."""
        return self._rows(unfinished=INTERRUPTED)

    def _rows(
        self, loads: Iterable[float] | None = None, unfinished: str = "running"
    ) -> list[dict[str, Any]]:
        return live_rows(
            self.state, self._confidence, loads, unfinished, offered_per_nominal=self._offered
        )

    def glance(self) -> None:
        """Read what is new, and tell it to who looks on in this process."""
        for event in self._events.read():
            self.state.add(event)
            if self.state.total_erlangs <= _MOST_LOAD_PARTS:
                self._parts_by(event)
        if self.state.total_erlangs:
            onlooker.tell(self._news)

    def _parts_by(self, event: Event) -> None:
        """Have each load be a part of the flow run: when it was simulated, and what came out."""
        if event["type"] == "erlang_start":
            self._parts.begin(f"{event['erlang']:g} E", datetime.fromisoformat(event["ts"]))
        elif event["type"] == "erlang_complete":
            metrics = event.get("metrics", {})
            state: State[Any] = Completed(message=metrics_text(metrics))
            found = probability_text(
                *(metrics.get(key) for key in ("mean_blocking", "ci_lower", "ci_upper"))
            )
            ended = datetime.fromisoformat(event["ts"])
            self._parts.end(f"{event['erlang']:g} E", state, ended, found)

    def _news(self) -> News:
        state = self.state
        done = sum(map(len, state.finished.values()))
        unfinished = state.total_erlangs - len(state.completed)
        counted = sum(len(state.finished.get(erlang, ())) for erlang in state.completed)
        requests = sum(n for counts in state.finished.values() for _, n in counts.values())
        return News(
            bars=(
                Bar("loads", len(state.completed), state.total_erlangs),
                Bar("replications", done, counted + unfinished * state.total_iterations),
            ),
            finished=tuple(map(result_line, self._rows(state.completed))),
            now=after(self._first(), now(state, self._confidence)),
            requests=requests,
            seconds_left=state.seconds_left,
        )

    def _first(self) -> str:
        """Return what the news begin with while the simulator makes no progress."""
        return PAUSED if self._paused() else self._stall.text or self.state.compiling

    def _show(self, last: bool) -> None:
        paused = self._paused() and not last
        first = "" if last else self._first()
        text = after(first, news(self.state, self._confidence, ended=last or paused))
        self._put("progress", "progress", round(100 * self.state.fraction, 1), text, last)
        # At the end the table of the report takes its place. That takes seconds, in which a run that is
        # cancelled may be killed: its table is not to say that it is running.
        if not last or len(self.state.completed) < self.state.total_erlangs:
            going_on = INTERRUPTED if last else PAUSED if paused else "running"
            rows = self._rows(unfinished=going_on)
            if rows:
                done = f"{len(self.state.completed)} of {counted(self.state.total_erlangs, 'load')}"
                self._put("points", "table", table(rows), f"{done}, {going_on}", last)
        self._plot.show(text, last=last)
