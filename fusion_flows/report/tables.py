"""The tables of a report: points, node pairs, bit rates, links, phases of a failure."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fusion.config.ini import format_value
from fusion.results.interval_text import (
    between,
    interval_text,
    probability_text,
)
from fusion.results.link_statistics import LINK_COLUMNS
from fusion.results.outcome import AVAILABILITY
from fusion.scenario.offered_load import is_other_load, nominal_note
from fusion.sweep.definition import ERLANG, Sweep
from fusion_flows.report.page import Cell, Table

Row = Mapping[str, Any]

INTERRUPTED = "interrupted"
"""The stop reason of a load that was not finished, in points.csv."""
SUSPENDED = "suspended"
"""What is said instead where the run is to go on."""

BOUND = (
    "<: nothing was blocked, and this is an upper bound. Blocked requests come in clusters, of up to 12 on "
    "average, so the bound is 12 times as high as for independent requests, and can lie above the interval "
    "of a point where a few were blocked."
)
METHOD_BOUND = (
    "n with bound: nothing (or everything) was blocked in one of the two, or both blocked the same number in "
    "every replication, so the interval comes from the upper bound for so many requests."
)
LEFT_OUT = (
    "n of m: one of the two points has more replications than the other, and only those that both have are "
    "compared, so a blocking here may differ a little from that of its point."
)

FEW = 5
FEW_REPLICATIONS = (
    f"With fewer than {FEW} replications an interval is very wide and depends much on the seed; with one "
    "there is none. More replications (max_iters) make it narrower."
)

_BLOCKING = "blocking_probability"
_BRIEF, _FEW_RATES = 10, 12
_MOST_ROWS = 500  # of a table in a page


def point_cells(row: Row, unfinished: str = INTERRUPTED) -> dict[str, Cell]:
    """Return a point as a person reads it, by the name of the column.

    row: of points.csv.  unfinished: what is said of a load that was interrupted.  The offered load is told
    where it is not the nominal one.
    """
    offered = float(row["offered_erlang"])
    other = is_other_load(offered, float(row["erlang"]))
    blocked, requests = row["blocked"], row["requests"]
    stop = str(row["stop_reason"])
    return {
        "load (E)": Cell(f"{row['erlang']:g}", row["erlang"]),
        **({"offered (E)": Cell(f"{offered:.4g}", offered)} if other else {}),
        "blocking": _probability(row, _BLOCKING),
        "interval": _interval(row, _BLOCKING),
        "by bit rate": _probability(row, "bit_rate_blocking_probability"),
        "replications": Cell(str(row["replications"]), row["replications"]),
        "blocked / requests": Cell(f"{blocked:,} / {requests:,}", blocked),
        "stop": Cell(unfinished if stop == INTERRUPTED else stop),
    }


def point_texts(rows: Iterable[Row], unfinished: str = INTERRUPTED) -> list[dict[str, Any]]:
    """Return the points of a run as they are shown, in Prefect and at the command. See `point_cells`."""
    return _texts(point_cells(row, unfinished) for row in rows)


def sweep_point_texts(rows: Iterable[Row], sweep: Sweep, unfinished: str) -> list[dict[str, Any]]:
    """Return the points of a sweep as they are shown. See `sweep_point_cells`."""
    rows = list(rows)
    offered = _are_other_loads(rows)
    return _texts(sweep_point_cells(row, sweep, unfinished, offered) for row in rows)


def _are_other_loads(rows: Iterable[Row]) -> bool:
    """Return whether the offered load of a point is not the nominal one. Older rows have only the latter."""
    return any(
        is_other_load(float(row["offered_erlang"]), float(row[ERLANG]))
        for row in rows
        if row.get("offered_erlang") is not None
    )


def few_told(rows: Iterable[Row]) -> list[str]:
    """Return a note on intervals from few replications, if there are such."""
    return [FEW_REPLICATIONS] if any(int(row["replications"]) < FEW for row in rows) else []


def _texts(rows: Iterable[Mapping[str, Cell]]) -> list[dict[str, Any]]:
    return [{name: cell.text for name, cell in cells.items()} for cells in rows]


def sweep_point_cells(
    row: Row, sweep: Sweep, unfinished: str, offered: bool = False
) -> dict[str, Cell]:
    """Return a point of a sweep as a person reads it.

    row: of the sweep's points.csv, of one metric.  unfinished: what is said of a point that is not complete.
    offered: whether the offered load has a column.
    """
    names = {ERLANG: "load (E)"}
    load = row.get("offered_erlang")
    estimate, lower, upper = row["estimate"], row["ci_lower"], row["ci_upper"]
    text = probability_text(estimate, lower, upper)
    return {
        **{names.get(axis, axis): _value(row[axis]) for axis in sweep.axes},
        **({"offered (E)": Cell("" if load is None else f"{load:.4g}", load)} if offered else {}),
        AVAILABILITY if sweep.metric == AVAILABILITY else "blocking": Cell(text, estimate),
        "interval": Cell(between(lower, upper), upper),
        "replications": Cell(str(row["replications"]), row["replications"]),
        "blocked / requests": Cell(f"{row['blocked']:,} / {row['requests']:,}", row["blocked"]),
        "stop": Cell(row["stop_reason"] or unfinished),
    }


def points_table(rows: Sequence[Row], unfinished: str = INTERRUPTED) -> Table:
    """Return the table of a run's points.  unfinished: see `point_cells`."""
    levels = {float(row["confidence"]) for row in rows}
    level = f"{100 * levels.pop():.4g} % intervals" if len(levels) == 1 else "intervals"
    caption = (
        f"The points, with {level} over replications; by bit rate: blocked Gb/s over offered Gb/s."
    )
    cells = [point_cells(row, unfinished) for row in rows]
    told = " ".join([caption + _bound_told(cells), *few_told(rows)])
    wide = ("by bit rate", "blocked / requests", *_alike_in(cells, "replications", "stop"))
    return _table(told, cells, 100, "output/points.csv", wide)


def sweep_table(rows: Sequence[Row], sweep: Sweep, brief: int, unfinished: str, file: str) -> Table:
    """Return the table of a sweep's points.  unfinished: see `sweep_point_cells`. file: that has all rows."""
    offered = _are_other_loads(rows)
    cells = [sweep_point_cells(row, sweep, unfinished, offered) for row in rows[: 10 * _MOST_ROWS]]
    caption = f"The points: {sweep.metric}.{_bound_told(cells)}"
    wide = ("blocked / requests", *_alike_in(cells, "replications", "stop"))
    return _table(" ".join([caption, *few_told(rows)]), cells, brief, file, wide)


def _bound_told(cells: Sequence[Mapping[str, Cell]]) -> str:
    """Return a note on the bound where nothing was blocked; empty where no blocking is such a bound."""
    return f" {BOUND}" if any(_is_bound(row) for row in cells) else ""


def _is_bound(row: Mapping[str, Cell]) -> bool:
    return "blocking" in row and row["blocking"].text.startswith("<")


def comparison_table(rows: Sequence[Row], axis: str) -> Table:
    """Return which value on an axis blocks less. rows: as of `fusion.sweep.compare.compare`."""
    largest = largest_difference(rows[:_MOST_ROWS])
    cells = [comparison_cells(row, axis, largest) for row in rows[:_MOST_ROWS]]
    bases = {cell[f"{axis} (base)"].text for cell in cells}
    base = f" from {bases.pop()}" if len(bases) == 1 else ""
    caption = (
        f"Differences in blocking{base} along {axis}, with their intervals; rows with common random "
        "numbers are paired."
    )
    # The table of the points says which replications are few.
    notes = [note for note in comparison_notes(rows) if note != FEW_REPLICATIONS]
    wide = (f"{axis} (base)", "blocking (base)", "blocking", "difference from base", "n")
    return _table(" ".join([caption, *notes]), cells, 3 * _BRIEF, "", wide)


def comparison_notes(rows: Sequence[Row]) -> list[str]:
    """Return what has to be explained of a comparison, if it occurs. rows: as of `comparison_cells`."""
    names = ("offered_erlang_a", "offered_erlang_b")
    shares = {row[name] / row[ERLANG] for row in rows for name in names if row.get(name)}
    nominal = nominal_note(shares)
    return [
        *([LEFT_OUT] if any(row["left_out"] for row in rows) else []),
        *([METHOD_BOUND] if any(row["method"] == "bound" for row in rows) else []),
        *few_told(rows),
        *([nominal] if nominal else []),
    ]


def largest_difference(rows: Iterable[Row]) -> float:
    """Return the largest of all differences and ends of their intervals; 0 where there is none."""
    names = ("difference", "ci_lower", "ci_upper")
    found = [abs(row[name]) for row in rows for name in names if row[name] is not None]
    return max((value for value in found if math.isfinite(value)), default=0.0)


def comparison_cells(row: Row, axis: str, largest: float = 0.0) -> dict[str, Cell]:
    """Return a comparison as a person reads it, the base first. row: as of `fusion.sweep.compare.compare`.

    largest: of all rows of the table, see `largest_difference`: so that they have the same notation.

    The difference is the blocking of the other value minus that of the base, rounded by itself to the digits
    of its own interval. So it may be a digit off the difference of the two numbers as they are written.
    """
    others = list(row)[: list(row).index("a")]
    ends = row["ci_lower"], row["ci_upper"]
    text = interval_text(row["difference"], *ends, signed=True, beside=largest)
    return {
        **{"load (E)" if name == "erlang" else name: _value(row[name]) for name in others},
        f"{axis} (base)": _value(row["b"]),
        "blocking (base)": _side(row, "b"),
        axis: _value(row["a"]),
        "blocking": _side(row, "a"),
        "difference from base": Cell(text.estimate, row["difference"]),
        "interval": Cell(between(*ends, signed=True, beside=largest), row["ci_upper"]),
        "n": Cell(_counts(row), row["replications"]),
        "verdict": Cell(_verdict(row, axis)),
    }


def _counts(row: Row) -> str:
    """Return the replications that are compared, and how: 10 paired, 4 of 10 paired, 10 and 4 unpaired."""
    n, method = row["replications"], "unpaired" if row["method"] == "welch" else row["method"]
    if row["left_out"]:
        return f"{n} of {n + row['left_out']} {method}"
    base, other = row["replications_b"], row["replications_a"]
    return f"{n} {method}" if base == other else f"{base} and {other} {method}"


def brief_comparison_cells(row: Row, axis: str, largest: float = 0.0) -> dict[str, Cell]:
    """Return the same for a narrow table: the header names the base, the verdict is on the other value."""
    whole = comparison_cells(row, axis, largest)
    base = whole[f"{axis} (base)"].text
    verdicts = {"a blocks less": "blocks less", "b blocks less": "blocks more"}
    of_base = f"of {base}" if isinstance(row["b"], str) else f"of {axis} = {base}"
    cells = {}
    for name, cell in whole.items():
        if name in (f"{axis} (base)", "blocking (base)"):
            continue
        cells["difference" if name == "difference from base" else name] = cell
        if name == "blocking":  # as in the difference: that of the value minus that of the base
            cells[of_base] = whole["blocking (base)"]
    cells["verdict"] = Cell(verdicts.get(row["verdict"], "not shown"))
    return cells


def _side(row: Row, side: str) -> Cell:
    """Return the blocking of a side, as the table of its points has it."""
    value, lower, upper = (row[f"{name}_{side}"] for name in ("estimate", "ci_lower", "ci_upper"))
    return Cell(probability_text(value, lower, upper), value)


def _verdict(row: Row, axis: str) -> str:
    side = {"a blocks less": "a", "b blocks less": "b"}.get(row["verdict"])
    if side is None:
        return str(row["verdict"])
    value = _value(row[side]).text
    return f"{value if isinstance(row[side], str) else f'{axis} = {value}'} blocks less"


def pairs_table(rows: Sequence[Row], load: float, called: Callable[[str], str]) -> Table:
    """Return the node pairs, those that surely block most first: by the lower end of the interval.

    called: returns what a node is called.
    """
    total = sum(row["blocked"] for row in rows) or 1
    cells = [
        {
            **_ends(row, called),
            **_blocked(row),
            "share of all blocked": _percent(row["blocked"] / total),
        }
        for row in by_blocking(rows)[:_MOST_ROWS]
    ]
    caption = f"Node pairs at {load:g} E, by the lower end of the interval."
    return _table(caption, cells, _BRIEF, "output/pairs.csv", ["blocked / requests"])


def _ends(row: Row, called: Callable[[str], str]) -> dict[str, Cell]:
    return {
        "from": Cell(called(str(row["source"]))),
        "to": Cell(called(str(row["destination"]))),
    }


def by_blocking(rows: Iterable[Row]) -> list[Row]:
    """Return the rows of which something is blocked, those that surely block most first."""
    seen = [row for row in rows if row["blocked"]]
    return sorted(seen, key=lambda row: (-_sure(row), -row[_BLOCKING]))


def _sure(row: Row) -> float:
    lower = row[f"{_BLOCKING}_ci_lower"]
    return float(row[_BLOCKING] if lower is None else lower)


def bit_rates_table(rows: Sequence[Row], load: float) -> Table:
    """Return blocking by bit rate at a load. rows: of bit_rates.csv; those without requests are left out."""
    asked = [row for row in rows if float(row["erlang"]) == load and row["requests"]]
    many = len(asked) > _FEW_RATES
    total = sum(row["blocked"] for row in asked) or 1
    cells = [
        {
            "bit rate (Gb/s)": _value(row["bit_rate_gbps"]),
            **_blocked(row),
            "share of all blocked": _percent(row["blocked"] / total),
        }
        for row in (by_blocking(asked) if many else asked)
    ]
    order = ", by the lower end of the interval" if many else ""
    caption = f"Bit rates at {load:g} E{order}.{_bound_told(cells)}"
    return _table(caption, cells, _BRIEF, "output/bit_rates.csv", ["blocked / requests"])


def links_table(rows: Sequence[Row], load: float, called: Callable[[str], str]) -> Table:
    """Return the links at a load, the fullest first. called: returns what a node is called."""
    full = sorted(rows, key=lambda row: -row["utilisation"])[:_MOST_ROWS]
    lengths = _alike([row["length_km"] for row in full])
    cells = [
        {
            **_ends(row, called),
            **({"link": Cell(str(row["link"]))} if "link" in row else {}),
            "length (km)": length,
            "utilisation": _number(row, "utilisation"),
            "interval": _range(row, "utilisation"),
            **{name: _number(row, name) for name in LINK_COLUMNS if name != "utilisation"},
        }
        for row, length in zip(full, lengths, strict=True)
    ]
    wide = ("length (km)", *(name for name in LINK_COLUMNS if name != "utilisation"))
    return _table(f"Links at {load:g} E.", cells, _BRIEF, "output/links.csv", wide)


def failures_table(rows: Sequence[Row]) -> Table:
    """Return blocking before, during and after a failure. rows: of failures.csv."""
    cells = [
        {
            "load (E)": _value(row["erlang"]),
            "phase": Cell(str(row["phase"])),
            **_blocked(row),
            **{name: _count(row[name]) for name in ("interrupted", "switched", "restored")},
        }
        for row in rows
    ]
    caption = (
        "Blocking by phase of the failure. The connections that were interrupted, switched to their backup "
        "and restored, over all phases, are in the row during."
    )
    wide = ("interval", "blocked / requests")
    return _table(caption + _bound_told(cells), cells, 3 * _BRIEF, "output/failures.csv", wide)


def availability_table(rows: Sequence[Row]) -> Table:
    """Return the availability of connections by load. rows: of availability.csv."""
    cells = [
        {
            "load (E)": _value(row["erlang"]),
            "availability": _estimate(row, "availability"),
            "interval": _interval(row, "availability"),
            "outages": _value(row["outages"]),
            "mean outage": _digits(row["outage_time"]),
            "interrupted": _value(row["interrupted"]),
            "switched": _value(row["switched"]),
            "restored": _value(row["restored"]),
            "recovery (ms)": _number(row, "recovery_ms_mean"),
            "95 %": _number(row, "recovery_ms_p95"),
        }
        for row in rows
        if row["what"] == "connections"
    ]
    caption = (
        "Availability of admitted connections: carried time over requested time; outages, in the "
        "unit of holding_time; recovery times of switching and restoration."
    )
    wide = ("mean outage", "interrupted", "switched", "restored", "recovery (ms)", "95 %")
    return _table(caption, cells, 3 * _BRIEF, "output/availability.csv", wide)


def _table(
    caption: str,
    rows: Sequence[Mapping[str, Cell]],
    brief: int,
    file: str,
    wide: Iterable[str] = (),
) -> Table:
    columns = tuple(rows[0]) if rows else ()
    cells = tuple(tuple(row.values()) for row in rows)
    return Table(caption, columns, cells, brief, file, frozenset(wide) & {*columns})


def _alike_in(rows: Sequence[Mapping[str, Cell]], *columns: str) -> list[str]:
    """Return the columns in which all rows have the same."""
    return [name for name in columns if len({row[name].text for row in rows}) == 1]


def _blocked(row: Row) -> dict[str, Cell]:
    return {
        "blocking": _probability(row, _BLOCKING),
        "interval": _interval(row, _BLOCKING),
        "blocked / requests": Cell(f"{row['blocked']:,} / {row['requests']:,}", row["blocked"]),
    }


def _probability(row: Row, column: str) -> Cell:
    value, upper = row.get(column), row.get(f"{column}_ci_upper")
    return Cell(probability_text(value, row.get(f"{column}_ci_lower"), upper), value)


def _interval(row: Row, column: str) -> Cell:
    lower, upper = row.get(f"{column}_ci_lower"), row.get(f"{column}_ci_upper")
    return Cell(between(lower, upper), upper)


def _estimate(row: Row, column: str) -> Cell:
    value = row.get(column)
    ends = (row.get(f"{column}_ci_{end}") for end in ("lower", "upper"))
    return Cell(interval_text(value, *ends).estimate, value)


def _range(row: Row, column: str) -> Cell:
    """Return an interval with the decimals of `_number`."""
    lower, upper = row.get(f"{column}_ci_lower"), row.get(f"{column}_ci_upper")
    if lower is None or upper is None:
        return Cell("")
    return Cell(f"{lower:.3f} to {upper:.3f}", upper)


def _alike(values: Sequence[float]) -> list[Cell]:
    """Return numbers with the same decimals: as many as one of them needs."""
    parts = (format_value(round(value, 3)).partition(".")[2] for value in values)
    decimals = max(map(len, parts), default=0)
    return [Cell(f"{value:.{decimals}f}", value) for value in values]


def _number(row: Row, column: str) -> Cell:
    value = row.get(column)
    return Cell("" if value is None else f"{value:.3f}", value)


def _digits(value: float | None) -> Cell:
    """Return a number with the digits that tell an availability from 1."""
    return Cell("" if value is None else f"{value:.7g}", value)


def _percent(share: float) -> Cell:
    return Cell(f"{100 * share:.1f} %", share)


def _count(value: int | None) -> Cell:
    """Return a count, which is not known by itself for every row."""
    return Cell("" if value is None else f"{value:,}", value)


def _value(value: object) -> Cell:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Cell(str(value))
    return Cell(format_value(value), value)
