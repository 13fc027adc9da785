"""Regions where no curve can be: below a bound, behind the curves."""

from typing import Any

import numpy as np
from matplotlib.collections import PolyCollection

from fusion_flows.pictures.curves import sweep_figure
from fusion_flows.pictures.regions import Region

from .drawn import lines, said, tidy

METRIC = "blocking_probability"
ROWS: list[dict[str, Any]] = [
    {
        "metric": METRIC,
        "erlang": load,
        "estimate": blocking,
        "ci_lower": 0.9 * blocking,
        "ci_upper": 1.1 * blocking,
        "confidence": 0.95,
        "complete": True,
    }
    for load, blocking in ((100.0, 0.001), (150.0, 0.01), (200.0, 0.1))
]
REGIONS = [
    Region("nobody", [(100.0, 0.0), (150.0, 1e-5), (200.0, 0.02)]),
    Region("few", [(100.0, 0.0), (150.0, 0.0), (200.0, 0.0)]),
]


def test_a_region_is_all_below_its_bound_and_moves_no_limit() -> None:
    plain = sweep_figure(ROWS, ["erlang"], METRIC, "")
    figure = sweep_figure(ROWS, ["erlang"], METRIC, "", regions=REGIONS)
    place, other = figure.axes[0], plain.axes[0]
    assert place.get_ylim() == other.get_ylim()
    assert place.get_xlim() == other.get_xlim()
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "nobody" in names
    assert "few" not in names  # a bound of 0 is below every log axis
    shaded = [
        each
        for each in place.collections
        if isinstance(each, PolyCollection) and each.get_label() == "nobody"
    ]
    (corners,) = (path.vertices for path in shaded[0].get_paths())
    corners = np.asarray(corners)
    assert corners[:, 0].min() == 150.0
    assert corners[corners[:, 0] == 200.0, 1].max() == 0.02
    assert corners[:, 1].min() < place.get_ylim()[0]
    assert all(
        shaded[0].get_zorder() < line.get_zorder()
        for line in place.lines
        if len(line.get_xdata()) == 3
    )  # type: ignore[arg-type]


def test_a_region_below_the_curves_is_in_the_picture() -> None:
    """It was named in the legend and out of sight."""
    region = Region("nobody", [(100.0, 1e-9), (150.0, 2e-8), (200.0, 2e-6)])
    figure = sweep_figure(ROWS, ["erlang"], METRIC, "", regions=[region])
    plain = sweep_figure(ROWS, ["erlang"], METRIC, "")
    low, high = figure.axes[0].get_ylim()
    assert 1e-7 < low < 2e-6
    assert high == plain.axes[0].get_ylim()[1]


def test_a_curve_alone_is_named_where_this_is_asked_for() -> None:
    rows = [{**row, "run": "KSP-FF"} for row in ROWS]

    def names(**options: bool) -> list[str]:
        figure = sweep_figure(rows, ["run", "erlang"], METRIC, "", regions=REGIONS, **options)
        return [text.get_text() for text in figure.legends[0].get_texts()]

    assert names(name_single_curve=True) == ["KSP-FF", *names()]


def test_points_with_regions_of_their_own_have_a_panel_each() -> None:
    """A region is behind the curves that it is for, whatever else varies with the network."""
    rows = [
        {**row, "network": network, "fibre": fibre, "k_paths": k, "key": f"{network}{k}"}
        for network, fibre in (("ring", "old"), ("mesh", "new"))
        for k in (1, 5)
        for row in ROWS
    ]
    axes = ["network", "fibre", "k_paths", "erlang"]
    regions = [
        Region(name, [(150.0, bound), (200.0, 2 * bound)], frozenset({f"{of}1", f"{of}5"}))
        for of, bound in (("ring", 1e-4), ("mesh", 2e-3))
        for name in ("nobody", "few")
    ]
    figure = tidy(sweep_figure(rows, axes, METRIC, "", regions=regions))
    titles = [place.get_title(loc="left") for place in figure.axes]
    assert titles == ["ring", "mesh"]
    for place, bound in zip(figure.axes, (1e-4, 2e-3), strict=True):
        assert len(lines(place)) == 2
        edges = [line for line in place.lines if line.get_linewidth() == 0.8]
        assert [list(edge.get_ydata()) for edge in edges] == [[bound, 2 * bound]] * 2
    assert [name for name in said(figure) if name in ("nobody", "few")] == ["nobody", "few"]
    (alone,) = sweep_figure(rows, axes, METRIC, "").axes
    assert len(lines(alone)) == 4, "without regions all curves are in one panel"
