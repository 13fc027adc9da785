"""When schedules come due, asked of the code with which Prefect's server plans runs.

The server plans all schedules of a deployment together. One that has no next date raises there, and then no
run of any of them is planned; the server's log is the only place that says so.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from fusion.config.problems import show
from fusion_flows.server.paging import PAGE, pages

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import DeploymentSchedule
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.client.schemas.schedules import SCHEDULE_TYPES

_PLANNED_AHEAD = timedelta(days=100)  # as the server does, unless its settings say otherwise
_PLANNED_RUNS = 3
_SHORTEST = timedelta(
    minutes=1
)  # between two runs: what is shorter had its seconds in the wrong place


class NoDateError(ValueError):
    """A schedule whose next date Prefect cannot find; the message is Prefect's."""


class BadSchedule(NamedTuple):
    """A schedule that is on, and should not be as it is."""

    deployment: str
    """With its flow, such as fusion-sweep/sweep."""
    name: str
    """The schedule's, with its times."""
    reason: str
    stops_others: bool
    """Whether the server plans no run of any schedule of the deployment because of it."""
    pause: str
    """The command that switches it off."""


def next_dates(schedule: "SCHEDULE_TYPES", *, planned: bool = False) -> list[datetime]:
    """Return the next date of a schedule; none where it is over.

    planned: as many as the server plans at a time, which may be none for a schedule that is due in years.
    Raises NoDateError where the server would fail.
    """
    from prefect.server.schemas.schedules import SCHEDULE_TYPES
    from prefect.utilities.asyncutils import run_coro_as_sync
    from pydantic import TypeAdapter

    try:
        known = TypeAdapter(SCHEDULE_TYPES).validate_python(schedule.model_dump())
        limits: dict[str, Any] = {"n": 1}
        if planned:
            limits = {"n": _PLANNED_RUNS, "end": datetime.now(UTC) + _PLANNED_AHEAD}
        return list(run_coro_as_sync(known.get_dates(**limits)))
    except Exception as error:  # whatever it is, the server meets it, too
        raise NoDateError(" ".join(str(error).split()) or type(error).__name__) from None


def bad_schedules(client: "SyncPrefectClient") -> Iterator[BadSchedule]:
    """Yield the schedules of our deployments that stop others, or start runs every few seconds."""
    for name, deployment in _deployments(client):
        for schedule in deployment.schedules:
            if not schedule.active:
                continue
            reason, stops_others = _fault(schedule)
            if reason:
                pause = f"prefect deployment schedule pause {name} {schedule.id}"
                yield BadSchedule(name, _name(schedule), reason, stops_others, pause)


def _fault(schedule: "DeploymentSchedule") -> tuple[str, bool]:
    """Return what is wrong with a schedule, or nothing, and whether it stops others."""
    try:
        dates = next_dates(schedule.schedule, planned=True)
    except NoDateError as error:
        return f"has no next date ({error})", True
    gaps = [later - earlier for earlier, later in pairwise(dates)]
    if not gaps or min(gaps) >= _SHORTEST:
        return "", False
    fields = len(str(getattr(schedule.schedule, "cron", "")).split())
    sixth = "; Prefect reads the sixth field of a cron text as seconds" if fields > 5 else ""
    return f"starts runs {min(gaps).total_seconds():g} s apart{sixth}", False


def _name(schedule: "DeploymentSchedule") -> str:
    times = schedule.schedule
    text = getattr(times, "cron", None) or getattr(times, "rrule", None) or times.interval  # type: ignore[union-attr]
    return f"{schedule.slug or schedule.id} ({show(str(text))})"


def _deployments(client: "SyncPrefectClient") -> "Iterator[tuple[str, DeploymentResponse]]":
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    from fusion_flows.following.flow_ends import FLOWS

    ours = FlowFilter(name=FlowFilterName(any_=[*FLOWS, "fusion-maintenance"]))
    for page in pages(
        lambda offset: client.read_deployments(flow_filter=ours, limit=PAGE, offset=offset)
    ):
        flows = {one.flow_id: client.read_flow(one.flow_id).name for one in page}
        for deployment in page:
            yield f"{flows[deployment.flow_id]}/{deployment.name}", deployment
