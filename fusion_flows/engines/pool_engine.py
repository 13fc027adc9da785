"""Points of a sweep on the workers of a work pool: portions as runs of a deployment of `fusion-points`."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import prefect
from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkerFilter,
    WorkerFilterStatus,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run as current
from prefect.states import Cancelled, Cancelling, Crashed

from fusion.config.counts import counted
from fusion.sweep.chunks import next_chunk, seconds_left
from fusion.sweep.failed_points import FailureWriter
from fusion.sweep.point_file import to_text
from fusion.sweep.point_state import PointState, how_far
from fusion.sweep.store import OutcomeWriter, Store
from fusion_flows.engines import deliveries
from fusion_flows.engines.deliveries import Delivery
from fusion_flows.engines.packing import MOST_BYTES
from fusion_flows.engines.points import pack_order
from fusion_flows.following.flow_ends import SimulationError
from fusion_flows.following.sweep_follower import SweepFollower
from fusion_flows.server.connection import Connection, Unreachable

ORDER_SECONDS = 60.0
"""What one run works on: long against the wait for a worker to ask and the start of a process."""

_LEAST_SECONDS = 5.0
_WAITING = 2  # that lie ready for a worker that gets free
_MOST_OUT = 100
_LOOK_SECONDS = 1.0
_NEVER_STARTED = timedelta(seconds=60)  # in Pending; a process takes seconds to start
_MOST_DEATHS = 3  # of runs one after the other that have delivered nothing
_GOING_ON = [
    *(StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED),
    StateType.CANCELLING,
]


def compute_on_workers(
    deployment: str,
    metric: str,
    states: Sequence[PointState],
    store: Store,
    follower: SweepFollower,
    ended: Callable[[], State | None],
    connection: Connection,
    sweep_run: UUID,
) -> State | None:
    """Compute what is missing as runs of a deployment; return the state to end in early, if any.

    deployment: its name, such as fusion-points/worker-points. Raises SimulationError when there is none, when
    a worker says that it cannot compute the points, or when runs end again and again without a result.
    """
    orders = _Orders(deployment, metric, states, connection, sweep_run)
    failures = FailureWriter(
        store, [state.point for state in states], (path := store.new_file()).stem
    )
    with OutcomeWriter(path) as writer:
        follower.read_from(path)
        orders.adopt(writer, failures)
        follower.look()
        try:
            while True:
                orders.send(follower.requests_per_second)
                if orders.is_done:
                    break
                time.sleep(_LOOK_SECONDS)
                over = orders.take(writer, failures)
                follower.look()
                orders.settle(over)
                if (state := ended()) is not None:
                    return state
        finally:
            orders.cancel()
    follower.pause()
    return None


class _Out:
    """An order that is out."""

    def __init__(self, chunk: list[PointState]) -> None:
        self.chunk = chunk
        self.runs = False
        self._before = how_far(chunk)

    @property
    def is_in_vain(self) -> bool:
        """Whether nothing has come of it, and its points wait for something."""
        undone = any(not state.is_done for state in self.chunk)
        return undone and how_far(self.chunk) == self._before


class _Orders:
    """Orders that are out with workers."""

    def __init__(
        self,
        deployment: str,
        metric: str,
        states: Sequence[PointState],
        connection: Connection,
        sweep_run: UUID,
    ) -> None:
        self.out: dict[UUID, _Out] = {}
        self._metric = metric
        self._states = {state.point.key: state for state in states}
        self._waiting = {state.point.key: state for state in states if not state.is_done}
        self._connection = connection
        self._sweep_run = sweep_run
        self._deaths = 0
        self._told = False
        self._unsent: tuple[list[PointState], str, str, str] | None = None
        connection.wait(60.0)
        try:
            found = connection.call(lambda client: client.read_deployment_by_name(deployment))
        except ObjectNotFound:
            message = f"there is no deployment {deployment}, which was given as the engine"
            raise SimulationError(message, 2) from None
        self._deployment = found.id
        self._pool = found.work_pool_name
        self._name = deployment
        self._sent = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is out and nothing is to be sent."""
        waiting = any(not state.is_done for state in self._waiting.values())
        return not (self.out or waiting or self._unsent)

    def adopt(self, writer: OutcomeWriter, failures: FailureWriter) -> None:
        """Take what runs of an attempt that was killed have delivered, and end those that go on."""
        self._connection.wait(60.0)
        ours = FlowRunFilter(
            parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[self._sweep_run]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_GOING_ON)),
        )
        for run in self._read_runs(ours):
            self._cancel(run.id)
        deadline = time.monotonic() + 30.0
        while self._read_runs(ours) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        known: dict[UUID, bool] = {}
        while found := deliveries.waiting(self._connection, None):
            ours_now = [
                each
                for each in found
                if self._is_stray(each.flow_run, known)
                and any(key in self._states for key, _ in each.outcomes)
            ]
            self._write(ours_now, writer, failures)
            if len(ours_now) < len(found):
                return

    def _is_stray(self, flow_run: UUID, known: dict[UUID, bool]) -> bool:
        """Return whether the sweep that a run has delivered to is this one, or over."""
        if flow_run not in known:
            known[flow_run] = False
            try:
                run = self._connection.call(lambda client: client.read_flow_run(flow_run))
                sweep = UUID(str(run.parameters.get("sweep_run")))
                known[flow_run] = sweep == self._sweep_run
                if not known[flow_run]:
                    state = self._connection.call(lambda client: client.read_flow_run(sweep).state)
                    known[flow_run] = state is not None and state.is_final()
            except ObjectNotFound:
                known[flow_run] = True
        return known[flow_run]

    def send(self, requests_per_second: float) -> None:
        """Send orders until each worker has one, and some lie ready."""
        running = sum(order.runs for order in self.out.values())
        try:
            self._submit()
            workers = self._workers()
            if not workers and not running and not self._told:
                self._told = True
                get_run_logger().warning(
                    "No worker of the work pool %s is there; the points wait for one", self._pool
                )
            most = min(_MOST_OUT, workers + _WAITING)
            while len(self.out) < most:
                speed = requests_per_second / max(1, running)
                left = seconds_left(self._waiting.values(), speed)
                seconds = min(ORDER_SECONDS, max(_LEAST_SECONDS, left / (2 * most)))
                chunk = next_chunk(self._waiting.values(), speed, seconds)
                if not chunk:
                    return
                self._send(chunk)
        except Unreachable:
            return

    def _send(self, chunk: list[PointState]) -> None:
        """Make a flow run for these points, or for fewer if they are too many for one parameter."""
        while True:
            text = to_text([state.point for state in chunk], self._metric)
            there = {
                state.point.key: {each.replication: each for each in state.outcomes}
                for state in chunk
            }
            order = pack_order(text, there)
            if len(order) < MOST_BYTES:
                break
            if len(chunk) == 1:
                raise SimulationError(
                    f"point {chunk[0].point.key[:12]} with "
                    f"{counted(len(chunk[0].outcomes), 'replication')} is too much for a parameter "
                    "of a flow run; compute it with the engine local",
                    2,
                )
            chunk = chunk[: len(chunk) // 2]
        for state in chunk:
            del self._waiting[state.point.key]
        self._sent += 1
        name = f"portion {self._sent} of {current.name}: {counted(len(chunk), 'point')}"
        self._unsent = chunk, order, name, f"{self._sweep_run}-{uuid4()}"
        self._submit()

    def _submit(self) -> None:
        """Make the flow run that is to be made, if any, and only once when an answer was lost."""
        if self._unsent is not None:
            chunk, order, name, key = self._unsent
            run = self._connection.call(lambda client: self._create(client, order, name, key))
            self.out[run.id] = _Out(chunk)
            self._unsent = None

    def _create(self, client: SyncPrefectClient, order: str, name: str, key: str) -> FlowRun:
        placeholder = client.create_task_run(  # so that the run is shown below the sweep
            prefect.Task(lambda: None, name=self._name),
            self._sweep_run,
            key,
            state=prefect.states.Pending(),
        )
        return client.create_flow_run_from_deployment(
            self._deployment,
            parameters={"order": order, "sweep_run": str(self._sweep_run), "name": name},
            name=name,
            idempotency_key=key,
            parent_task_run_id=placeholder.id,
        )

    def _workers(self) -> int:
        """Return how many workers the pool has now."""
        if self._pool is None:
            return 1
        online = WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"]))
        return len(
            self._connection.call(
                lambda client: client.read_workers_for_work_pool(
                    str(self._pool), worker_filter=online, limit=_MOST_OUT
                )
            )
        )

    def take(self, writer: OutcomeWriter, failures: FailureWriter) -> list[FlowRun]:
        """Write down what was delivered, and return the runs that are over."""
        try:
            found = self._read_runs(FlowRunFilter(id=FlowRunFilterId(any_=list(self.out))))
            for run in found:
                self.out[run.id].runs = run.state is not None and run.state.is_running()
                self._give_up_if_never_started(run)
            while delivered := deliveries.waiting(self._connection, list(self.out)):
                self._write(delivered, writer, failures)
        except Unreachable:
            return []
        gone = set(self.out) - {run.id for run in found}
        for each in gone:  # deleted by somebody
            self._put_back(self.out.pop(each))
        return [run for run in found if run.state is not None and run.state.is_final()]

    def _give_up_if_never_started(self, run: FlowRun) -> None:
        """Give a final state to a run whose worker died between taking and starting it."""
        state = run.state
        if state is not None and state.is_pending():
            age = datetime.now(UTC) - state.timestamp
            if age > _NEVER_STARTED:
                lost: State = Crashed(message="It was handed to a worker and never started.")
                self._connection.call(lambda client: client.set_flow_run_state(run.id, lost))

    def _write(
        self, delivered: Sequence[Delivery], writer: OutcomeWriter, failures: FailureWriter
    ) -> None:
        for delivery in delivered:
            new = []
            for key, outcome in delivery.outcomes:
                state = self._states.get(key)
                if state is not None and not state.has(outcome.replication):
                    state.add(outcome)
                    new.append((key, outcome))
            writer.append(new)
            ours = [failure for failure in delivery.failures if failure.key in self._states]
            failures.append(ours)
            for failure in ours:
                self._states[failure.key].failure = failure
        deliveries.taken(self._connection, delivered)

    def settle(self, over: Sequence[FlowRun]) -> None:
        """Have computed again what runs that are over have left."""
        for run in over:
            order = self.out.pop(run.id)
            state = run.state
            assert state is not None
            if state.is_failed():
                raise SimulationError(f"{run.name} failed: {state.message}", 1)
            self._deaths = self._deaths + 1 if order.is_in_vain else 0
            if self._deaths >= _MOST_DEATHS:
                raise SimulationError(
                    f"{_MOST_DEATHS} runs of {self._name} have ended without a result; the last one, "
                    f"{run.name}: {state.name}, {state.message}",
                    1,
                )
            self._put_back(order)

    def _put_back(self, order: _Out) -> None:
        self._waiting |= {state.point.key: state for state in order.chunk if not state.is_done}

    def cancel(self) -> None:
        """End all runs that are out. Those that do not hear it see that their sweep is over."""
        for flow_run in self.out:
            try:
                self._cancel(flow_run)
            except Unreachable:
                return

    def _cancel(self, flow_run: UUID) -> None:
        def cancel(client: SyncPrefectClient) -> None:
            now = client.read_flow_run(flow_run).state
            # A run that a worker has taken and not started has nobody yet who would hear Cancelling.
            kind = Cancelling if now is not None and now.is_running() else Cancelled
            state: State = kind(message="The sweep has ended.")
            client.set_flow_run_state(flow_run, state)

        with suppress(ObjectNotFound):
            self._connection.call(cancel)

    def _read_runs(self, wanted: FlowRunFilter) -> list[FlowRun]:
        return self._connection.call(
            lambda client: client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=["fusion-points"])),
                flow_run_filter=wanted,
            )
        )
