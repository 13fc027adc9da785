"""Points of a sweep on a Dask cluster: results come back as values, so that no disk is shared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State

from fusion.sweep.chunks import next_chunk
from fusion.sweep.failed_points import FailureWriter
from fusion.sweep.point_state import PointState
from fusion.sweep.store import OutcomeWriter, Store
from fusion_flows.following.flow_ends import SimulationError
from fusion_flows.following.sweep_follower import SweepFollower

if TYPE_CHECKING:
    from fusion.sweep.remote import Delivery, Order

ORDER_SECONDS = 5.0
"""What one task of the cluster works on: long against its way, short as a dead worker's is done again."""

_ORDERS_PER_THREAD = 2  # one at work and one that waits there
_LOOK_SECONDS = 0.5
_TAKE_SECONDS = 5.0  # for a result that a worker has
_CONNECT_SECONDS = 10


def compute_on_dask(
    address: str,
    metric: str,
    states: Sequence[PointState],
    store: Store,
    follower: SweepFollower,
    ended: Callable[[], State | None],
) -> State | None:
    """Compute what is missing on the cluster at `address`; return the state to end in early, if any.

    address: of the scheduler, such as tcp://host:8786. Dask gives the tasks of a dead worker to another.
    Raises SimulationError when there is no such cluster or it gives a task up.
    """
    try:
        from distributed import Client
    except ImportError:
        raise SimulationError(
            "the engine dask needs a package: pip install distributed", 2
        ) from None
    try:
        client = Client(address, timeout=_CONNECT_SECONDS)
    except OSError as error:
        raise SimulationError(f"no Dask scheduler answers at {address}: {error}", 1) from None
    with client, OutcomeWriter(path := store.new_file()) as writer:
        follower.read_from(path)
        failures = FailureWriter(store, [state.point for state in states], path.stem)
        orders = _Orders(client, metric, states, follower)
        while True:
            orders.send()
            if not orders.out:
                break
            for delivery, failed in orders.back():
                writer.append(delivery.outcomes)
                failures.append(delivery.failures)
                for failure in delivery.failures:
                    failed[failure.key].failure = failure
            follower.stall.look(None)
            follower.look()
            if (state := ended()) is not None:
                orders.cancel()
                return state
    follower.pause()
    return None


class _Orders:
    """Orders that are out on a cluster."""

    def __init__(
        self, client: Any, metric: str, states: Sequence[PointState], follower: SweepFollower
    ) -> None:
        self.out: dict[Any, list[PointState]] = {}
        self._client = client
        self._metric = metric
        self._waiting = {state.point.key: state for state in states if not state.is_done}
        self._follower = follower
        self._told = False

    def send(self) -> None:
        """Send orders until every thread has enough."""
        threads = sum(self._client.nthreads().values())
        if not threads and not self._told:
            self._told = True
            get_run_logger().warning("The Dask cluster has no worker; the points wait for one")
        threads = max(1, threads)
        speed = self._follower.requests_per_second / threads
        while len(self.out) < _ORDERS_PER_THREAD * threads:
            chunk = next_chunk(self._waiting.values(), speed, ORDER_SECONDS)
            if not chunk:
                return
            for state in chunk:
                del self._waiting[state.point.key]
            future = self._client.submit(_deliver, self._order(chunk), pure=False)
            self.out[future] = chunk

    def _order(self, chunk: list[PointState]) -> Order:
        from fusion.sweep.remote import Order

        points = [state.point for state in chunk]
        return Order(
            points,
            {
                state.point.key: {each.replication: each for each in state.outcomes}
                for state in chunk
            },
            self._metric,
        )

    def back(self) -> list[tuple[Delivery, dict[str, PointState]]]:
        """Wait a moment and return what is back, with the states of its points."""
        from distributed import KilledWorker, wait
        from distributed.client import FIRST_COMPLETED

        try:
            done = wait(list(self.out), timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED).done
        except TimeoutError:
            return []
        found = []
        for future in done:
            try:
                delivery = future.result(timeout=_TAKE_SECONDS)
            except KilledWorker as error:
                raise SimulationError(f"workers of the cluster die: {error}", 1) from None
            except (
                TimeoutError
            ):  # the worker that has it does not answer; the sweep may be cancelled meanwhile
                break
            found.append((delivery, {state.point.key: state for state in self.out.pop(future)}))
        return found

    def cancel(self) -> None:
        """Have the cluster drop what it has not begun."""
        self._client.cancel(list(self.out), force=True)


def _deliver(order: Order) -> Delivery:
    from fusion.sweep.remote import deliver  # on a worker, which has the compiled kernel

    return deliver(order)
