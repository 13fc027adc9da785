"""The study of path orders: its sweep plans, and its page says what the program finds."""

from __future__ import annotations

import re
from pathlib import Path

from fusion.results.interval_text import interval_text
from fusion.sweep.computation import compute
from fusion.sweep.point_state import point_states
from fusion.sweep.points import sweep_points
from fusion.sweep.results import point_rows
from fusion.sweep.sweep_file import read_sweep

ROOT = Path(__file__).parents[2]
ROW = re.compile(
    r"^\| `(?P<order>km|hops)` \| (?P<load>\d+) \| [^|]+ \| [^|]+ \| (?P<lower>\S+) to (?P<upper>\S+) \|",
    re.MULTILINE,
)


def test_the_example_names_its_page_by_title_and_place() -> None:
    remarks = (ROOT / "examples" / "path_orders.toml").read_text().split("template =")[0]
    said = " ".join(remarks.replace("#", " ").split())
    (found,) = re.findall(r'"([^"]+)", (docs/\S+\.md) in its repository', said)
    assert (ROOT / found[1]).read_text().startswith(f"# {found[0]}\n")
    for example in (ROOT / "examples").rglob("*.*"):
        if example.suffix in (".toml", ".py"):  # no other names a page as if it were beside it
            pages = re.findall(r"docs/\S+\.md(?! in its repository)", example.read_text())
            assert pages == [], example


def test_the_page_says_what_the_program_finds() -> None:
    page = (ROOT / "docs" / "study_path_orders.md").read_text()
    written = {(row["order"], float(row["load"])): row for row in ROW.finditer(page)}
    assert len(written) == 18
    points = sweep_points(read_sweep(ROOT / "examples" / "path_orders.toml"))
    assert len(points) == 3 * 5 * 9
    some = [
        point
        for point in points
        if point.axes["k_paths"] == 5
        and point.erlang in (120, 160)
        and point.axes["path_order"] in ("km", "hops")
    ]
    states = point_states(some, {}, "blocking_probability")
    for _ in compute(states, 1, lambda: False):
        pass
    rows = point_rows(states, ["blocking_probability"])
    assert len(rows) == 4
    for row in rows:
        told = written[row["path_order"], row["erlang"]]
        # The same seeds and the same rule: the page has the same figures, to the digits it shows.
        ends = interval_text(None, 100 * row["ci_lower"], 100 * row["ci_upper"])
        assert (told["lower"], told["upper"]) == ends[1:]
