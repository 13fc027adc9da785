"""Schedules on the pages and in the help run at the hour that they name, and the page says which do not."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime, timedelta
from importlib import metadata
from zoneinfo import ZoneInfo

import pytest
from flows.blocks import PAGES, ROOT, blocks
from prefect.client.schemas.schedules import CronSchedule
from prefect.server.schemas import schedules
from prefect.utilities.asyncutils import run_coro_as_sync

from fusion_flows.command.examples import EXAMPLES

NIGHTLY = ROOT / "docs" / "howto" / "nightly.md"


def dates(cron: str, timezone: str, start: datetime, days: int) -> list[datetime]:
    """Return when the installed Prefect would run a schedule, in its own time zone."""
    checked = CronSchedule(cron=cron, timezone=timezone)
    schedule = schedules.CronSchedule(**checked.model_dump())
    planned = run_coro_as_sync(schedule.get_dates(1000, start, start + timedelta(days=days)))
    assert planned
    return [date.astimezone(ZoneInfo(timezone)) for date in planned]


def told() -> list[tuple[str, str]]:
    """Return times and time zone of each daily or weekly schedule that is told to type."""
    texts = [block.text for page in PAGES for block in blocks(page)] + list(EXAMPLES.values())
    found = []
    for line in "\n".join(texts).splitlines():
        if line.strip().removeprefix("$ ").startswith("fusion schedule "):
            words = shlex.split(line.removeprefix("$ "), comments=True)
            zone = words[words.index("--timezone") + 1] if "--timezone" in words else "UTC"
            found.append((words[3], zone))
    return found


def test_what_is_told_to_type_runs_at_its_hour_all_the_year() -> None:
    assert len(told()) >= 3
    for cron, zone in told():
        minute, hour = map(int, cron.split()[:2])
        planned = dates(cron, zone, datetime(2027, 1, 1, tzinfo=UTC), days=365)
        assert {(date.minute, date.hour) for date in planned} == {(minute, hour)}, cron
        assert len({date.date() for date in planned}) == len(planned)


def test_the_page_says_when_a_schedule_runs_whose_hour_is_missing() -> None:
    text = " ".join(NIGHTLY.read_text(encoding="utf-8").split())
    told = re.findall(r"at (\d):00[a-z ,]* with Prefect (3\.\d+\.\d+)", text)
    says = {version: int(hour) for hour, version in told}
    assert len(says) == 2
    version = metadata.version("prefect")
    if version not in says:
        pytest.skip(f"the page does not say what Prefect {version} does")
    spring = dates("0 2 * * *", "Europe/Berlin", datetime(2027, 3, 27, 12, tzinfo=UTC), days=2)
    assert [(date.day, date.hour) for date in spring] == [(28, says[version]), (29, 2)]
    autumn = dates("0 2 * * *", "Europe/Berlin", datetime(2027, 10, 30, 12, tzinfo=UTC), days=2)
    assert [(date.day, date.hour) for date in autumn] == [(31, 2), (1, 2)]
    assert autumn[0].utcoffset() == timedelta(hours=2), "the first of two"


def test_the_page_speaks_of_the_version_that_the_constraints_name() -> None:
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    version = re.search(r"^prefect==(\S+)$", constraints, re.MULTILINE)
    assert version is not None
    assert f"with Prefect {version[1]}" in " ".join(NIGHTLY.read_text(encoding="utf-8").split())
