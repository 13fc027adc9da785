"""Write the tables of docs/reproduce.md and its picture: `python docs/make_reproduce.py` (some minutes)."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fusion.config.shipped import study_names
from fusion.results.interval_text import interval_text
from fusion.sweep.reproduction import Value
from fusion.sweep.study import NamedStudy, find_study
from fusion_flows.command.reproduce import reproduce
from fusion_flows.command.terminal import print_note
from fusion_flows.report.reproduction_page import shown, verdict_rows

HERE = Path(__file__).parent
PAGE = HERE / "reproduce.md"
PICTURE = HERE / "images" / "reproduction.png"
MARKS = re.compile(r"(<!-- (\w+): begin -->\n\n).*?(\n\n<!-- \2: end -->)", re.DOTALL)
"""Around what is written here; the rest of the page is written by hand."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(value: float, lower: float = math.nan, upper: float = math.nan) -> str:
    """Return a share in percent, with its interval where it has one."""
    scaled = [None if math.isnan(x) else 100 * x for x in (value, lower, upper)]
    text = interval_text(*scaled)
    return f"{text.estimate} ({text.lower} to {text.upper})" if text.lower else text.estimate


def section(named: NamedStudy, rows: Sequence[Value]) -> str:
    """Return what the page says of a study."""
    study = named.study
    sources = [
        f"- `{key}`: {each.authors}, *{each.title}*, {each.venue}, {each.year}. {each.where}. "
        f"<{link(each.address)}>. Uncertainty: {each.uncertainty}."
        for key, each in study.sources.items()
    ]
    left_open = [f"- {each}" for each in study.open]
    reasons = [f"- *{each.name}*: {each.text}" for each in study.reasons]
    lines: list[list[str]] = []
    for row in rows:
        explained = row.verdict
        if row.reason:
            reach = f"{percent(row.range_lower)} to {percent(row.range_upper)}"
            explained += f" ({row.reason}: {reach})"
        metric = "" if row.metric == "blocking_probability" else ", bit rate"
        lines.append(
            [
                row.source,
                f"{row.case}{metric}",
                f"{row.erlang:g}",
                percent(row.published, row.lower, row.upper),
                percent(row.ours, row.ci_lower, row.ci_upper),
                explained,
            ]
        )
    parts = [
        f"### {study.title}",
        f"`fusion reproduce {named.name}`. {study.summary}.",
        "\n".join(sources),
        *(
            ["Left open by the sources, or assumed:\n\n" + "\n".join(left_open)]
            if left_open
            else []
        ),
        *(["Reasons that were tried:\n\n" + "\n".join(reasons)] if reasons else []),
        table(["source", "case", "load", "published, %", "ours, %", "verdict"], lines),
    ]
    return "\n\n".join(parts)


def link(address: str) -> str:
    """Return an address as a link."""
    return f"https://doi.org/{address[4:]}" if address.startswith("doi:") else address


def as_value(record: dict[str, Any]) -> Value:
    """Return a row of the table."""
    return Value(**{name: math.nan if value is None else value for name, value in record.items()})


def main() -> None:
    """Reproduce all studies, and write page and picture."""
    with TemporaryDirectory() as folder:
        done = reproduce(every=True, to=Path(folder), say=print_note)
        shutil.copyfile(done.picture, PICTURE)
    rows = [as_value(record) for record in done.values]
    studies = [
        section(find_study(name), [row for row in rows if row.study == name])
        for name in study_names()
    ]
    verdicts = table(["study", "values", *shown(rows)], verdict_rows(rows))
    parts = {"verdicts": verdicts, "studies": "\n\n".join(studies)}
    text = PAGE.read_text(encoding="utf-8")
    text = MARKS.sub(lambda found: f"{found[1]}{parts[found[2]]}{found[3]}", text)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
