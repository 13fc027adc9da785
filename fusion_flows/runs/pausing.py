"""Pause runs and resume them, as the buttons of Prefect's UI do.

A run of a deployment leaves its process and its place in the line (Suspended); a worker starts it anew.
One that no worker could start waits in its process (Paused).
"""

import time
from typing import TYPE_CHECKING, Any

from fusion_flows.runs.by_files import lost
from fusion_flows.runs.lookup import Found, Run, RunError, described, find, refresh
from fusion_flows.server.address import connect
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import State

_LEAVE_SECONDS = 150.0  # from the state to the end of the process: the last news and the report
_LOOK_SECONDS = 0.2


def pause(*run: str, wait: bool = True) -> list[Run]:
    """Pause running runs for any length of time; `resume` continues them.

    A run of a deployment ends its process, keeps its finished replications and lets the next run start. A
    run that no worker could restart, such as `fusion run` in a terminal, is stopped in its process.

    Args:
        run: Run ids (the first 4 digits are enough), names, or flow run ids.
        wait: Wait until their processes on this machine have ended; default: wait.

    Raises:
        NoSuchRunError: No run, or more than one, matches; then none is paused.
        RunError: A run has ended, has not started, or is already paused; then none is paused. Or a process
            has not ended in time.
        NoServerError: No server answers.
    """
    runs_dir = Settings().runs_dir
    with connect() as client:
        found = [find(client, one, runs_dir) for one in run]
        for one in found:
            _refuse_to_pause(client, one)
        for one in found:
            _pause(client, one)
        deadline = time.monotonic() + _LEAVE_SECONDS
        after = [refresh(client, one) for one in found]
        while wait and any(map(_is_leaving, after)) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
            after = [refresh(client, one) for one in after]
        if wait and (there := [one for one in after if _is_leaving(one)]):
            raise RunError(
                f"{there[0].called} is Suspended, but its process is still there after "
                f"{_LEAVE_SECONDS:.0f} s; `fusion doctor` says what is wrong"
            )
        return [described(one) for one in after]


def resume(*run: str) -> list[Run]:
    """Resume paused runs. A run whose process has ended is queued again.

    A run that has ended is not paused: finish it with `fusion run --resume`, or a sweep with `fusion
    sweep`.

    Args:
        run: Run ids (the first 4 digits are enough), names, or flow run ids.

    Raises:
        NoSuchRunError: No run, or more than one, matches; then none is resumed.
        RunError: A run is not paused, or its process is gone; then none is resumed.
        NoServerError: No server answers.
    """
    runs_dir = Settings().runs_dir
    with connect() as client:
        found = [find(client, one, runs_dir) for one in run]
        for one in found:
            _refuse_to_resume(client, one)
        for one in found:
            assert one.flow_run is not None
            _check(one, client.resume_flow_run(one.flow_run.id), "resumed")
        return [described(refresh(client, one)) for one in found]


def _is_leaving(found: Found) -> bool:
    """Return whether a run is suspended, and its process is still there, on this machine."""
    state = found.state
    is_suspended = state and state.is_paused() and state.state_details.pause_reschedule
    return bool(is_suspended) and found.is_held


def _pause(client: "SyncPrefectClient", found: Found) -> None:
    from prefect.states import Paused, Suspended

    from fusion_flows.server.watch import PAUSED, SUSPENDED

    assert found.flow_run is not None
    # With no time limit, as Prefect would call the run Failed when it is over.
    state: State[Any] = (
        Suspended(message=SUSPENDED) if found.flow_run.deployment_id else Paused(message=PAUSED)
    )
    _check(found, client.set_flow_run_state(found.flow_run.id, state), "paused")


def _check(found: Found, answer: Any, what: str) -> None:
    """Raise RunError where Prefect does not agree. answer: what it says. what: was asked for."""
    if answer.status.value != "ACCEPT":
        reason = getattr(answer.details, "reason", None) or "Prefect does not say why"
        raise RunError(f"{found.called} is not {what}: {reason}")


def _refuse_to_pause(client: "SyncPrefectClient", found: Found) -> None:
    """Raise RunError for a run that does not compute, or is ending."""
    if found.flow_run is None:
        raise RunError(f"{found.called} is not known to Prefect, so it cannot be paused")
    state = found.state
    if state and state.is_running():
        if lost(client, [found]):
            raise RunError(f"{found.called} has lost its processes, so it cannot be paused")
        return
    if state and state.is_paused():
        raise RunError(f"{found.called} is already {state.name}; `fusion resume` continues it")
    if state and state.is_final():
        raise RunError(f"{found.called} has ended ({state.name}), so it cannot be paused")
    if state and state.is_cancelling():
        raise RunError(f"{found.called} is being cancelled")
    told = "has not started, so it cannot be paused; `fusion cancel` removes it from the queue"
    raise RunError(f"{found.called} {told}")


def _refuse_to_resume(client: "SyncPrefectClient", found: Found) -> None:
    """Raise RunError for a run that is not paused, or that nobody would go on with."""
    state = found.state
    finish = f"`{found.to_go_on}` finishes it"
    if state is not None and state.is_paused():
        if lost(client, [found]):
            raise RunError(f"{found.called} has lost its process; {finish}")
        return
    if state is None and found.flow_run is None:
        raise RunError(f"{found.called} is not known to Prefect; {finish}")
    if state is not None and state.is_final():
        left = "" if state.is_completed() else f"; {finish}"
        raise RunError(f"{found.called} has ended ({state.name}) and is not paused{left}")
    raise RunError(f"{found.called} is not paused, but {state.name if state else 'waiting'}")
