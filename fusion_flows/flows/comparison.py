"""The flow `fusion-compare`: existing runs, side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run as current
from prefect.states import Completed, Failed
from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from fusion.config.config import ConfigError
from fusion.config.counts import counted
from fusion.config.ini import format_value
from fusion.results.interval_text import probability_text
from fusion_flows.flows.bound_regions import regions_of_runs
from fusion_flows.following.flow_ends import log_for_a_person
from fusion_flows.following.parameters import Text
from fusion_flows.report.markdown import markdown
from fusion_flows.report.page import Cell, Page, Picture, Section, Table, numbered
from fusion_flows.report.tables import (
    brief_comparison_cells,
    comparison_cells,
    comparison_notes,
    largest_difference,
)
from fusion_flows.rundir.directory import RunDirectoryError, run_id_of
from fusion_flows.runs.by_files import find_directory
from fusion_flows.runs.comparison import RUN, RunComparison, compare_runs, figure_of, read_labels
from fusion_flows.runs.lookup import RunError
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.address import NoServerError
from fusion_flows.server.run_labels import given_name
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from fusion_flows.pictures.regions import Region

_TOLD = (ArgumentError, ConfigError, NoServerError, RunDirectoryError, RunError)
"""What ends a comparison with a message that says everything."""
_DPI = 200


def _rows(value: object) -> object:
    """Return rows as a form sends them: without those that were left empty, numbers as text."""
    if not isinstance(value, list):
        return value
    return [str(row).strip() for row in value if row is not None and str(row).strip()]


Runs = Annotated[
    list[str],
    BeforeValidator(_rows),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
Labels = Annotated[
    Sequence[str],
    BeforeValidator(_rows),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]


class Comparison(BaseModel):
    """What the comparison has found."""

    model_config = ConfigDict(frozen=True)

    headline: str
    runs: list[str]
    settings: dict[str, list[str]]
    """section.key -> value in each run, as in an INI file, of those that differ."""
    rows: list[dict[str, str]]
    """A row for each load and each run but the base."""
    warnings: list[str]
    """Which runs are offered different loads at the same nominal load."""


def _run_name() -> str:
    if name := given_name(current.parameters):
        return name
    runs = _rows(current.parameters.get("runs"))
    return f"compare {', '.join(runs)}" if isinstance(runs, list) else "compare"


@flow(name="fusion-compare", flow_run_name=_run_name)
def fusion_compare(
    runs: Runs, base: Text = "", labels: Labels = (), title: Text = "", bound: bool = False
) -> "Comparison | State[Comparison]":
    """Compare runs: the settings that differ, blocking over load in one picture, verdicts at each load.

    Replications that served the same requests are paired (common random numbers).

    Args:
        runs: Two runs or more, one a row: names, or run ids (the first 4 digits are enough).
        base: The run to compare the others with; empty: the first.
        labels: What runs are called in tables and in the picture, one a row: run=label, such as 9f0f=KSP-FF.
        title: Title above the picture; empty: none.
        bound: Compute below which blocking no policy can be, and shade it in the picture.
    """
    base = base.strip()
    try:
        called = read_labels(labels, [*runs, *([base] if base else [])])
        found = compare_runs(*runs, base=base, labels=called)
        regions = _regions(runs, found) if bound else []
    except _TOLD as error:
        log_for_a_person()
        # As a state: Prefect puts words of its own before the message of an exception.
        return Failed(message=str(error), data=error)
    get_run_logger().info("%s", found.headline)
    for warning in found.warnings:
        get_run_logger().warning("%s", warning)
    _publish(found, title.strip(), regions)
    result = Comparison(
        headline=found.headline,
        runs=found.runs,
        settings={key: list(map(format_value, values)) for key, values in found.settings.items()},
        rows=_texts(found),
        warnings=found.warnings,
    )
    return Completed(message=found.headline, data=result)


def _regions(runs: Sequence[str], found: RunComparison) -> "list[Region]":
    """Return where no policy can be in the picture."""
    compared = [find_directory(run, Settings().runs_dir) for run in runs]
    logger = get_run_logger()
    loads = [row["erlang"] for row in found.points]
    return regions_of_runs(compared, loads, say=lambda line: logger.info("%s", line))


def _publish(found: RunComparison, title: str, regions: "Sequence[Region]") -> None:
    """Leave verdicts, report and settings as artifacts; a list shows their descriptions alone."""
    own = run_id_of(UUID(str(current.id)))
    told = ". ".join([found.headline, *map(_warned, found.warnings)])
    if found.rows:
        verdicts = [{name: cell.text for name, cell in row.items()} for row in _cells(found)]
        create_table_artifact(verdicts, key=f"1-verdicts-{own}", description=told)
    create_markdown_artifact(
        markdown(_page(found, title, regions)), key=f"2-comparison-{own}", description=told
    )
    if found.settings:
        create_table_artifact(
            [
                {"setting": key, **dict(zip(found.runs, map(format_value, values), strict=True))}
                for key, values in found.settings.items()
            ],
            key=f"3-settings-{own}",
            description=f"{_settings_differ(found)}: {', '.join(found.settings)}",
        )


def _warned(warning: str) -> str:
    return f"Warning: {warning}"


def _texts(found: RunComparison) -> list[dict[str, str]]:
    """Return a row for each load and each run but the base, with all that is known."""
    largest = largest_difference(found.rows)
    return [
        {name: cell.text for name, cell in comparison_cells(row, RUN, largest).items()}
        for row in found.rows
    ]


def _cells(found: RunComparison) -> list[dict[str, Cell]]:
    """Return the same for a window of the UI: the verdict first, and nothing that all rows share."""
    largest = largest_difference(found.rows)
    rows = [brief_comparison_cells(row, RUN, largest) for row in found.rows]
    shared = [name for name in (RUN, "n") if len({row[name].text for row in rows}) == 1]
    order = dict.fromkeys(("load (E)", RUN, "verdict", "difference", "interval", *rows[0]))
    names = [name for name in order if name not in shared]
    return [{name: row[name] for name in names} for row in rows]


def _settings_differ(found: RunComparison) -> str:
    count = len(found.settings)
    return (
        f"{counted(count, 'setting')} {'differs' if count == 1 else 'differ'}"
        if count
        else ("They have the same settings")
    )


def _page(found: RunComparison, title: str, regions: "Sequence[Region]") -> Page:
    from fusion_flows.pictures.files import images  # here, as matplotlib is slow to load

    figure = figure_of(found, title, regions)
    told = f"Blocking probability over load, a curve for each of {', '.join(found.runs)}"
    if regions:
        told += ", above the regions where no policy can be"
    png, svg = images(figure, ("png", "svg"), _DPI)
    curves = Picture("comparison", f"{told}.", told, png, svg.decode())
    settings = Table(
        f"{_settings_differ(found)}.",
        ("setting", *found.runs),
        tuple(
            (Cell(f"`{key}`"), *(Cell(format_value(value)) for value in values))
            for key, values in found.settings.items()
        ),
        100,
        "",
    )
    sections = [
        Section("Blocking", (curves, _of_each(found))),
        *([Section("Differences", (_differences(found),))] if found.rows else []),
        *([Section("Settings that differ", (settings,))] if found.settings else []),
    ]
    lines = (f"**{found.headline}**", *(f"**{_warned(each)}.**" for each in found.warnings))
    return Page(" and ".join(found.runs), lines, "", numbered(sections), "")


def _of_each(found: RunComparison) -> Table:
    """Return the blocking of each run, a row for each load."""
    texts: dict[float, dict[str, Cell]] = {}
    for row in found.points:
        if row["estimate"] is not None:
            text = probability_text(row["estimate"], row["ci_lower"], row["ci_upper"])
            texts.setdefault(row["erlang"], {})[row[RUN]] = Cell(text, row["estimate"])
    rows = tuple(
        (Cell(f"{load:g}", load), *(of_run.get(run, Cell("–")) for run in found.runs))
        for load, of_run in sorted(texts.items())
    )
    return Table("Blocking probability of each.", ("load (E)", *found.runs), rows, 100, "")


def _ways(found: RunComparison) -> str:
    """Return what it means that replications are paired, or not, where this occurs."""
    methods = {row["method"] for row in found.rows}
    ways = {
        "paired": "paired: with common random numbers",
        "welch": "unpaired: they served other requests, so the interval is Welch's",
    }
    return "; ".join(way for method, way in ways.items() if method in methods) or ways["paired"]


def _differences(found: RunComparison) -> Table:
    """Return the comparison as a table for a narrow page, which names the base once."""
    rows = _cells(found)
    whole = brief_comparison_cells(found.rows[0], RUN)
    of = "Blocking" if RUN in rows[0] else f"Blocking of {whole[RUN].text}"
    n = "" if "n" in rows[0] else f", with {whole['n'].text} replications"
    caption = f"{of} compared with {found.rows[0]['b']}{n}; {_ways(found)}."
    caption = " ".join([caption, *comparison_notes(found.rows)])
    # There is no room for the blocking of both, which the table before has.
    names = [name for name in rows[0] if name != "blocking" and not name.startswith("of ")]
    cells = tuple(tuple(row[name] for name in names) for row in rows)
    return Table(caption, tuple(names), cells, 100, "")
