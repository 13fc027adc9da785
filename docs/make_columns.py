"""Write the tables of metrics and of statistics of links in docs/files.md: `python docs/make_columns.py`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fusion.results.link_statistics import LINK_COLUMNS
from fusion.results.outcome import COLUMNS, METRICS

TARGET = Path(__file__).with_name("files.md")
HEADS = {"metrics": "estimate", "links": "statistic"}
"""Name of a table in the page -> the head of its first column."""


def page() -> str:
    """Return the page with these tables as they are in the code."""
    text = TARGET.read_text(encoding="utf-8")
    tables = {
        "metrics": {name: METRICS[name].meaning for name in COLUMNS},
        "links": {name: column.meaning for name, column in LINK_COLUMNS.items()},
    }
    for name, meanings in tables.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
        before, rest = text.split(begin)
        text = before + begin + _table(HEADS[name], meanings) + end + rest.split(end)[1]
    return text


def _table(head: str, meanings: Mapping[str, str]) -> str:
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in meanings.items())
    return f"| {head} | meaning |\n|---|---|\n{rows}"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
