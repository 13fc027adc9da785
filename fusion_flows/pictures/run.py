"""The picture of a run: blocking probability over load."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from fusion_flows.pictures.curves import sweep_figure
from fusion_flows.pictures.rows import Row

_METRIC = "blocking_probability"


def blocking_figure(rows: Sequence[Row], title: str) -> Figure:
    """Draw the points of a run as the one curve of a sweep over load.

    rows: of points.csv, with `erlang`, `offered_erlang` and `blocking_probability` with its `_ci_lower` and
    `_ci_upper`.
    """
    points = [
        {
            "erlang": row["erlang"],
            "metric": _METRIC,
            "estimate": row[_METRIC],
            "ci_lower": row.get(f"{_METRIC}_ci_lower"),
            "ci_upper": row.get(f"{_METRIC}_ci_upper"),
            "confidence": row.get("confidence"),
            "offered_erlang": row.get("offered_erlang"),
            "complete": row.get("stop_reason") != "interrupted",
        }
        for row in rows
    ]
    return sweep_figure(points, ["erlang"], _METRIC, title)
