"""Words in a picture: metrics, values on axes, short numbers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from fusion.results.outcome import METRICS
from fusion.scenario.offered_load import offered_times
from fusion_flows.pictures.rows import Names, Row, is_numeric

LOAD = "load (Erlang)"
BIT_RATE = "bit rate (Gb/s)"
_NAMES = {
    "erlang": LOAD,
    **{name: metric.title for name, metric in METRICS.items()},
}


_UNCLEAR = frozenset({"", "True", "False", "None", "none", "all", "in_order"})
"""Words that say nothing without their axis."""


def label(axes: Sequence[str], names: Names, values: Mapping[str, Sequence[str]]) -> str:
    """Return the values as people say them: numbers with their axis, words alone if they are clear."""
    known = Counter(text for texts in values.values() for text in texts)
    return ", ".join(
        f"{axis} = {text}" if is_numeric([text]) or text in _UNCLEAR or known[text] > 1 else text
        for axis, text in zip(axes, names, strict=True)
    )


def load_label(rows: Iterable[Row]) -> str:
    """Return the label of an axis of loads: what is offered, too, where that is not the nominal load.

    rows: of points, with `offered_erlang`, or of a comparison, with that of both sides.
    """
    names = ("offered_erlang", "offered_erlang_a", "offered_erlang_b")
    shares = {
        round(float(row[name]) / float(row["erlang"]), 6)
        for row in rows
        for name in names
        if row.get(name) is not None and float(row["erlang"])
    }
    times = offered_times(shares)
    return f"nominal {LOAD}; offered: {times}" if times else LOAD


def named(metric: str) -> str:
    """Return what a metric or an axis is called in a picture."""
    return plain(_NAMES.get(metric, metric))


def plain(text: str) -> str:
    """Return a text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")


def short(value: float) -> str:
    """Return a number with two digits in few characters: 0.012, 3.4e-5."""
    text = f"{value:#.2g}" if 0.01 <= abs(value) < 1000 or value == 0 else f"{value:.1e}"
    return text.rstrip(".").replace("e-0", "e-").replace("e+0", "e")
