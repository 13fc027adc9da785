"""The report of published values beside simulated ones: verdicts, the picture, sources, each value."""

import math
from collections.abc import Mapping, Sequence

from fusion.config.counts import counted
from fusion.results.interval_text import between, interval_text
from fusion.sweep.reproduction import CONFIDENCE, NOT_COMPUTED, VERDICTS, Value, counts
from fusion.sweep.study import NamedStudy
from fusion_flows.report.page import Cell, Code, Page, Section, Table, Terms, Text, numbered
from fusion_flows.report.pictures import drawn

PICTURE = "reproduction"
"""What the files of the picture are called."""


def verdict_rows(rows: Sequence[Value]) -> list[tuple[str, ...]]:
    """Return a row for each study, and one for all: its name, how many values, and of each verdict."""
    names = list(dict.fromkeys(row.study for row in rows))
    groups = [(name, [row for row in rows if row.study == name]) for name in names]
    if len(groups) > 1:
        groups.append(("all", list(rows)))
    found = []
    for name, of_study in groups:
        number = counts(of_study)
        found.append(
            (name, str(len(of_study)), *(str(number.get(verdict, 0)) for verdict in shown(rows)))
        )
    return found


def shown(rows: Sequence[Value]) -> list[str]:
    """Return the verdicts that have a column: all but one that says that something is missing."""
    return [
        verdict
        for verdict in VERDICTS
        if verdict != NOT_COMPUTED or any(row.verdict == verdict for row in rows)
    ]


def value_cells(row: Value) -> dict[str, Cell]:
    """Return a value as cells, by column."""
    ours = interval_text(*(_none(x) for x in (row.ours, row.ci_lower, row.ci_upper)))
    explained = f"{row.reason}: {between(row.range_lower, row.range_upper)}" if row.reason else ""
    return {
        "source": Cell(row.source),
        "case": Cell(row.case),
        "load (E)": Cell(f"{row.erlang:g}", row.erlang),
        "metric": Cell(row.metric.removesuffix("_probability").replace("_", " ")),
        "published": Cell(f"{row.published:.4g}", row.published),
        "its interval": Cell(between(_none(row.lower), _none(row.upper))),
        "ours": Cell(ours.estimate, _none(row.ours)),
        "interval": Cell(between(_none(row.ci_lower), _none(row.ci_upper))),
        "ratio": Cell("" if math.isnan(row.ratio) else f"{row.ratio:.2f}", _none(row.ratio)),
        "verdict": Cell(row.verdict),
        "range of the reason": Cell(explained),
    }


def reproduction_page(
    studies: Mapping[str, NamedStudy], rows: Sequence[Value], *, quick: bool
) -> Page:
    """Return the report. studies: by name."""
    from fusion_flows.pictures.reproduction import reproduction_figure  # matplotlib is slow to load

    titles = {name: named.study.title for name, named in studies.items()}
    picture = drawn(
        PICTURE,
        "Published and simulated blocking, with the interval of each; on the line they are equal.",
        "A panel for each study with a point for each published value",
        lambda: reproduction_figure(rows, titles),
    )
    header = ("study", "values", *shown(rows))
    verdicts = Table(
        "Verdicts by study",
        header,
        tuple(tuple(map(Cell, row)) for row in verdict_rows(rows)),
        len(rows),
        "",
    )
    sections = [Section("Verdicts", (verdicts, Text(MEANING), picture))]
    for name, named in studies.items():
        of_study = [value_cells(row) for row in rows if row.study == name]
        columns = tuple(of_study[0]) if of_study else ()
        table = Table(
            f"Values of {named.study.title}",
            columns,
            tuple(tuple(cells.values()) for cells in of_study),
            200,
            "values.csv",
        )
        sources = Terms(
            tuple(
                (
                    key,
                    f"{each.authors}: {each.title}. {each.venue}, {each.year}. {each.where}. "
                    f"{each.address}. Uncertainty: {each.uncertainty}.",
                )
                for key, each in named.study.sources.items()
            )
        )
        left_open = [Text(f"Left open: {each}") for each in named.study.open]
        reasons = [Text(f"Reason **{each.name}**: {each.text}") for each in named.study.reasons]
        sections.append(
            Section(
                named.study.title,
                (Text(f"{named.study.summary}."), sources, *left_open, *reasons, table),
            )
        )
    option = " --quick" if quick else ""
    sections.append(Section("Again", (Code(f"fusion reproduce {' '.join(studies)}{option}"),)))
    setting = (
        f"**{counted(len(rows), 'published value')}** of {counted(len(studies), 'study', 'studies')}",
        *(("A coarse pass: fewer requests than the studies have",) if quick else ()),
    )
    return Page("Published values, simulated again", setting, "", numbered(sections), "")


MEANING = (
    "**inside**: published and simulated value differ by no more than the joint "
    f"{100 * CONFIDENCE:g} % interval of both and the rounding of what is printed. **explained**: not "
    "inside, but the range that the settings of a reason give meets the published interval. **outside**: "
    "neither. **not judged**: the source does not say how uncertain its value is. Of values that "
    "agree, one in a hundred is outside by chance."
)


def _none(number: float) -> float | None:
    return None if math.isnan(number) else number
