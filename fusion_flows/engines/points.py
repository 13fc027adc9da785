"""The flow `fusion-points`: some points of a sweep, computed wherever a worker takes them."""

import shutil
import time
from contextlib import suppress
from uuid import UUID

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run as current
from prefect.states import Cancelled, Completed, Crashed, Failed

from fusion.config.counts import counted
from fusion.config.problems import show
from fusion.results.outcome import Outcome
from fusion.sweep.point_file import from_text
from fusion.sweep.points import Point
from fusion.sweep.store import COLUMNS, Outcomes, OutcomeWriter, Store, parse_lines
from fusion_flows.engines.deliveries import Sender
from fusion_flows.engines.packing import pack, unpack
from fusion_flows.engines.simulator import options_of, simulator
from fusion_flows.following.flow_ends import (
    SimulationError,
    failure_of,
    interruptible_flow,
    told_in_words,
)
from fusion_flows.following.log_forwarder import LogForwarder
from fusion_flows.following.parameters import Text
from fusion_flows.following.parts import DELIVER, SIMULATE, Parts, state_by
from fusion_flows.following.reporting import follow
from fusion_flows.following.stall import Stall
from fusion_flows.process.marks import end_marked
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import removal as run_removal
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError
from fusion_flows.rundir.log_stream import LogStream
from fusion_flows.server.connection import LAST_NEWS_SECONDS, Connection, Unreachable
from fusion_flows.server.settings import Settings
from fusion_flows.server.watch import DELETED, Watch, is_abandoned, silence

_QUESTION_SECONDS = 5.0
_GO_ON = "the sweep asks again for the rest"


def pack_order(points: str, outcomes: dict[str, Outcomes]) -> str:
    """Return the parameter `order`: points as `to_text` gives them, and what is there of them."""
    there = [
        ",".join(map(str, (key, *outcome)))
        for key, found in outcomes.items()
        for outcome in found.values()
    ]
    return pack({"points": points, "there": there, "columns": COLUMNS})


def _run_name() -> str:
    return str(current.parameters.get("name") or "points")


@interruptible_flow("fusion-points", _run_name)
def fusion_points(order: str, sweep_run: str, name: Text = "") -> object:
    """Compute points of a sweep and deliver their outcomes through the Prefect server.

    The sweep makes these runs when its engine is a deployment of this flow; nobody else needs them.

    Args:
        order: The points, packed, with all that they compute with.
        sweep_run: Id of the flow run that has asked; when that is over, this run ends.
        name: Name of the run in lists.

    Raises SimulationError when this version of the package cannot compute the order, or the
    simulator fails.
    """
    return told_in_words(lambda: _compute(order, sweep_id(sweep_run)))


def sweep_id(sweep_run: str) -> UUID:
    """Return the id of the flow run that has asked. Raises SimulationError for what is not an id."""
    try:
        return UUID(sweep_run)
    except ValueError:
        message = f"sweep_run = {show(sweep_run)}: must be the id of the flow run that has asked"
        raise SimulationError(message, 2) from None


def _compute(order: str, sweep_run: UUID) -> State:
    """Return the state in which the run ends."""
    settings = Settings()
    logger = get_run_logger()
    flow_run_id = UUID(str(current.id))
    try:
        text, points, there = _read(order)
    except (ValueError, TypeError, LookupError) as error:
        raise SimulationError(f"This order cannot be computed here: {error}", 2) from None
    run_id = rundir.own_run_id(settings.runs_dir, flow_run_id)
    run = rundir.create(settings.runs_dir, run_id, order=text)
    with run_lock.hold_own(run, run_id), Connection(logger) as connection:
        if run.log.exists():  # of an attempt that was killed a moment ago
            end_marked(str(flow_run_id), settings.grace_seconds)
        store = Store(run.path / "store")
        shutil.rmtree(store.folder, ignore_errors=True)
        with OutcomeWriter(store.new_file()) as writer:
            writer.append(there)
        outcomes = store.new_file()
        sender = Sender(connection, flow_run_id, outcomes, run.progress)
        stream = LogStream.of_what_comes(run.log, settings.max_log_size_bytes)
        log = LogForwarder(stream, connection, flow_run_id, logger)
        parts = Parts(flow_run_id, connection)

        def pass_on(*, last: bool = False) -> None:
            sender.send(last=last)
            parts.send()
            log.forward(last=last)

        def look() -> None:
            with suppress(Unreachable):  # it is all in files, and the next look goes on from here
                pass_on()

        def look_last(wait_seconds: float) -> bool:
            """Return whether the server has taken everything."""
            with suppress(Unreachable):
                connection.patiently(lambda: pass_on(last=True), wait_seconds)
                return True
            return False

        stall = Stall(lambda: (run.progress, outcomes), settings, logger, alike=False, go_on=_GO_ON)
        watch, sweep = Watch(connection, flow_run_id), _SweepWatch(connection, sweep_run)
        parts.begin(SIMULATE)
        parts.tell()
        try:
            options = options_of(points, run.order, store, outcomes, run.progress)
            grace, mark = settings.grace_seconds, str(flow_run_id)
            with simulator(
                "run_points", options, log=run.log, grace_seconds=grace, mark=mark
            ) as tree:
                end = follow(
                    tree,
                    look,
                    lambda: watch.ended() or sweep.ended(),
                    paused=lambda: watch.paused,
                    stall=stall,
                )
        except BaseException as error:  # a signal to this process, most of all
            if is_abandoned():
                silence()
            parts.end_all(state_by(error))
            look_last(LAST_NEWS_SECONDS)
            raise
        is_over = not isinstance(end, State)
        if isinstance(end, State) and end.message == DELETED:
            parts.forget()
        parts.end(SIMULATE, _state_of_part(end))
        parts.begin(DELIVER)
        has_all = look_last(settings.server_wait_seconds if is_over else LAST_NEWS_SECONDS)
        parts.end(DELIVER, None if has_all else Failed(message="The server has not taken all."))
        parts.tell()
        if isinstance(end, State) and end.is_failed() and stall.text:  # as one that was killed
            return Crashed(message=end.message)
        if isinstance(end, State):
            return end
        if end > 128:  # killed: the sweep asks again for what is missing
            return Crashed(message=failure_of(run, sender.error, end, _GO_ON))
        if end:
            raise SimulationError(failure_of(run, sender.error, end, _GO_ON), end)
        delivered = sender.delivered
    if has_all:
        _remove(run)
    return Completed(
        message=f"{counted(len(points), 'point')}, {counted(delivered, 'replication')}"
    )


def _state_of_part(end: State | int) -> State | None:
    """Return how simulating has ended; None where it is complete. end: a state, or an exit code."""
    if isinstance(end, State):
        return end if end.is_final() else Cancelled(message=end.message)
    return Failed(message=f"The simulator has ended with exit code {end}.") if end else None


def _read(order: str) -> tuple[str, list[Point], list[tuple[str, Outcome]]]:
    """Return the text of the points, the points, and what is there of them."""
    found = unpack(order)
    if not isinstance(found, dict):
        raise TypeError("it is not an order")
    points, _ = from_text(found["points"])
    return found["points"], points, parse_lines(found["there"], found.get("columns"))


def _remove(run: RunDirectory) -> None:
    """Delete the directory of a run that has delivered all it had."""
    with suppress(RunDirectoryError):
        run_removal.delete(run)


class _SweepWatch:
    """Watches whether the sweep that has asked is still there."""

    def __init__(self, connection: Connection, sweep_run: UUID) -> None:
        self._connection = connection
        self._sweep_run = sweep_run
        self._next = 0.0

    def ended(self) -> State | None:
        """Return the state to end in, or None to go on."""
        if time.monotonic() < self._next:
            return None
        self._next = time.monotonic() + _QUESTION_SECONDS
        try:
            state = self._connection.call(
                lambda client: client.read_flow_run(self._sweep_run).state
            )
        except ObjectNotFound:
            return Cancelled(message="The sweep that had asked for it was deleted.")
        except Unreachable:
            return None
        if state is not None and (
            state.is_final() or state.is_cancelling() or state.state_details.pause_reschedule
        ):
            return Cancelled(message="The sweep that had asked for it is over.")
        return None
