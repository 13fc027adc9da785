"""Sweeps that a server starts by itself: schedules of the deployment `fusion-sweep/sweep`."""

import re
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from fusion.config.counts import counted
from fusion.config.problems import show
from fusion_flows.command.submission import find_deployment, need_server
from fusion_flows.command.sweeps import SWEEP_DEPLOYMENT, SweepSource, sweep_parameters
from fusion_flows.flows.schedule_dates import NoDateError, next_dates
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server import address as server_address

if TYPE_CHECKING:
    from prefect.client.schemas.schedules import CronSchedule

_FIELDS = 5
_ALLOWED = {
    "a minute": "0 to 59",
    "an hour": "0 to 23",
    "a day": "1 to 31",
    "a month": "1 to 12 or jan to dec",
    "a weekday": "0 to 7 (0 and 7 are Sunday) or sun to sat",
}
_FORM = "must be minute, hour, day, month and weekday, such as '0 2 * * *'"


class ScheduledSweep(BaseModel):
    """A sweep that is started again and again."""

    model_config = ConfigDict(frozen=True)

    name: str
    cron: str
    timezone: str
    next_date: datetime
    """When it is due for the first time."""
    schedule_id: UUID
    replaced: bool
    """Whether there was a schedule of this name."""
    url: str
    """The page of the deployment in Prefect, where schedules are switched off and deleted."""


def schedule_sweep(
    file: SweepSource, cron: str, *, timezone: str = "UTC", name: str = "", engine: str = "local"
) -> ScheduledSweep:
    """Run a sweep at regular times, by a schedule of the deployment `fusion-sweep/sweep`.

    The sweep is checked first and sent in its present form. The schedule is active at once, and replaces
    one with the same name. Points in the store are not computed again.

    Args:
        file: The TOML or JSON file of the sweep, the sweep itself, or what the file would hold.
        cron: Minute, hour, day, month and weekday, five fields, such as "0 2 * * *" for each night at 2.
        timezone: Time zone of these times, such as Europe/Berlin; default: UTC.
        name: Name of the schedule and of its runs; default: the template, or the network if all points
            have one, and the axes.
        engine: Where points are computed, as for `fusion sweep`; default: local.

    Raises:
        ArgumentError: A cron text or a zone that is invalid, or a date that never comes.
        ConfigError: The sweep is invalid; all errors are listed.
        RunError: The server has no such deployment.
        NoServerError: No server answers, or none is known but the embedded one.
    """
    need_server()
    schedule, next_date = make_schedule(cron, timezone)
    parameters = sweep_parameters(file, name=name, engine=engine)
    slug = re.sub(r"\W+", "-", parameters["name"].lower()).strip("-")
    with server_address.connect() as client:
        from prefect.client.schemas.actions import DeploymentScheduleCreate

        from fusion_flows.server.ui_pages import page

        deployment = find_deployment(client, SWEEP_DEPLOYMENT)
        known = next((one for one in deployment.schedules if one.slug == slug), None)
        if known is not None:
            client.update_deployment_schedule(
                deployment.id, known.id, active=True, schedule=schedule, parameters=parameters
            )
            schedule_id = known.id
        else:
            wanted = DeploymentScheduleCreate(schedule=schedule, slug=slug, parameters=parameters)
            (made,) = client.create_deployment_schedules(deployment.id, [wanted])
            schedule_id = made.id
        return ScheduledSweep(
            name=slug,
            cron=cron,
            timezone=timezone,
            next_date=next_date,
            schedule_id=schedule_id,
            replaced=known is not None,
            url=page(f"/deployments/deployment/{deployment.id}"),
        )


def make_schedule(cron: str, timezone: str) -> "tuple[CronSchedule, datetime]":
    """Return a schedule of Prefect's and its first date.

    Raises ArgumentError for what Prefect refuses, and for what it takes and cannot plan.
    """
    from prefect.client.schemas.schedules import CronSchedule

    fields = cron.split()
    if len(fields) != _FIELDS and not cron.startswith("@"):  # @daily and the like are five, too
        raise ArgumentError(
            f"cron {show(cron)}: has {counted(len(fields), 'field')}; {_FORM}{_seconds(fields)}"
        )
    try:
        schedule = CronSchedule(cron=cron, timezone=timezone)
    except ValidationError as error:
        if any("timezone" in problem["loc"] for problem in error.errors()):
            raise ArgumentError(
                f"timezone {show(timezone)}: must be a zone such as UTC or Europe/Berlin"
            ) from None
        raise ArgumentError(f"cron {show(cron)}: {_wrong_field(fields) or _FORM}") from None
    try:
        return schedule, next_dates(schedule)[0]
    except (NoDateError, IndexError):
        raise ArgumentError(
            f"cron {show(cron)}: Prefect finds no date for it, now or later, and would plan no run of any "
            f"schedule of {SWEEP_DEPLOYMENT} any more"
        ) from None


def _wrong_field(fields: list[str]) -> str:
    """Return what is wrong with the first field that Prefect refuses by itself; empty if there is none."""
    from prefect.client.schemas.schedules import CronSchedule

    if len(fields) != _FIELDS:
        return ""
    for place, ((name, allowed), field) in enumerate(zip(_ALLOWED.items(), fields, strict=True)):
        alone = ["*"] * _FIELDS
        alone[place] = field
        try:
            CronSchedule(cron=" ".join(alone))
        except ValidationError:
            return (
                f"{show(field)} is not {name}: that is {allowed}, or several of them, such as "
                "1,3 or 1-5 or */2"
            )
    return ""


def _seconds(fields: list[str]) -> str:
    """Return what to say of a sixth field: elsewhere it is the first, in Prefect the last."""
    if len(fields) != _FIELDS + 1:
        return ""
    return (
        f". Prefect reads a sixth field, at the end, as seconds, and * there starts 60 runs in a minute; "
        f"without the first it is '{' '.join(fields[1:])}', without the last '{' '.join(fields[:-1])}'"
    )
