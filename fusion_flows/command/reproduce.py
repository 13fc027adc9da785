"""Published figures, simulated again and compared."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from fusion.config.shipped import study_names
from fusion.results.files import atomic_file
from fusion.sweep.reproduction import Value, agrees, as_record, counts
from fusion.sweep.study import find_study
from fusion_flows.command.sweeps import the_store
from fusion_flows.flows.reproduction import reproduce_studies
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.settings import Settings


class ShippedStudy(NamedTuple):
    """A published study that can be reproduced."""

    name: str
    title: str
    values: int
    """That were published."""
    judged: int
    """Of them, those whose source says how uncertain they are."""
    summary: str


class Reproduced(BaseModel):
    """What came of it."""

    model_config = ConfigDict(frozen=True)

    values: list[dict[str, Any]]
    """A row for each published value, as in values.csv."""
    verdicts: dict[str, int]
    agrees: bool
    """Whether no value is outside."""
    csv: Path
    picture: Path
    report: Path
    store: Path


def studies() -> list[ShippedStudy]:
    """Return the studies that can be reproduced."""
    found = map(find_study, study_names())
    return [
        ShippedStudy(
            each.name,
            each.study.title,
            len(each.points),
            sum(point.is_judged for point in each.points),
            each.study.summary,
        )
        for each in found
    ]


def reproduce(
    *names: str,
    every: bool = False,
    quick: bool = False,
    to: Path = Path("reproduced"),
    say: Callable[[str], None] = lambda text: None,
) -> Reproduced:
    """Simulate published figures again, and compare; without a name, list the studies.

    Simulated points go into the store, so nothing is computed twice and an interrupted command resumes.
    The command writes a table (values.csv), a picture of published against simulated values, and a report.
    A value is inside if both agree within their joint 99 % interval; explained if it lies in the range that
    a documented reason gives, such as other rules for ties; and outside otherwise.

    Args:
        names: Studies, such as deeprmsa maskrsa; default: none, which lists them.
        every: Reproduce all studies.
        quick: A coarse pass with a fraction of the requests.
        to: Folder for the table, the picture and the report; default: reproduced.
        say: Called with each step, in a line.

    Raises:
        ConfigError: An unknown study.
        ArgumentError: No study is named, or --all beside names.
        StoreError: The store has contradictory results.
        ComputationFailedError: The simulator failed; what was finished is in the store.
        InterruptedRunError: Ctrl-C; what was finished is in the store.
    """
    from fusion_flows.command.run_here import InterruptedRunError

    if bool(names) == every:
        known = ", ".join(study_names())
        raise ArgumentError(f"name studies, or --all for all of them: {known}")
    found = {name: find_study(name) for name in (study_names() if every else names)}
    store = the_store()
    try:
        rows = reproduce_studies(
            list(found.values()),
            store,
            quick=quick,
            grace_seconds=Settings().grace_seconds,
            say=say,
        )
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Interrupted. What was simulated is in the store {store.folder}; the same command continues "
            "from there."
        ) from None
    from fusion_flows.report.html import write_html
    from fusion_flows.report.pictures import write_pictures
    from fusion_flows.report.reproduction_page import PICTURE, reproduction_page

    page = reproduction_page(found, rows, quick=quick)
    to.mkdir(parents=True, exist_ok=True)
    table = to / "values.csv"
    _write(rows, table)
    return Reproduced(
        values=[as_record(row) for row in rows],
        verdicts=counts(rows),
        agrees=agrees(rows),
        csv=table,
        picture=write_pictures(page, to)[PICTURE],
        report=write_html(page, to / "report.html"),
        store=store.folder,
    )


def _write(rows: list[Value], path: Path) -> None:
    with atomic_file(path) as file:
        writer = csv.DictWriter(file, Value._fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(as_record, rows))
