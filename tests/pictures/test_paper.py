"""What a paper asks of a picture: width, limits, targets, place of the legend."""

from typing import Any

import pytest

from fusion_flows.pictures.curves import sweep_figure
from fusion_flows.pictures.differences import difference_figure
from fusion_flows.pictures.paper import Paper

from .drawn import METRIC, said, sweep, tidy


@pytest.mark.parametrize("panels", [1, 3, 4])
@pytest.mark.parametrize(("width", "inches"), [("column", 3.5), ("page", 7.16)])
@pytest.mark.parametrize("legend", ["below", "right", "none"])
def test_a_picture_is_as_wide_as_the_paper_wants(
    panels: int, width: Any, inches: float, legend: Any
) -> None:
    axes: dict[str, list[Any]] = {"path_order": ["km", "hops", "hops_per_bit"]}
    if panels > 1:
        axes["network"] = [f"net{number}" for number in range(panels)]
    figure = sweep_figure(
        sweep(axes), [*axes, "erlang"], METRIC, "a sweep", Paper(width=width, legend=legend)
    )
    assert tidy(figure).get_figwidth() == inches
    assert len(figure.axes) == panels
    assert len(figure.legends) == (legend != "none")


def test_a_target_is_a_line_in_each_panel_and_within_the_axes() -> None:
    rows = sweep({"network": ["a", "b", "c"], "k_paths": [1, 2, 3]})
    figure = sweep_figure(
        rows, ["network", "k_paths", "erlang"], METRIC, "", Paper(targets=(1e-7, 0.5))
    )
    for place in tidy(figure).axes:
        lines = [line for line in place.lines if set(line.get_xdata()) == {0, 1}]
        assert [line.get_ydata()[0] for line in lines] == [1e-7, 0.5]
        low, high = place.get_ylim()
        assert low < 1e-7
        assert high > 0.5
    assert "target 1e-07, 0.5" in said(figure)


def test_limits_are_as_they_are_asked_for_and_no_arrow_lies_outside() -> None:
    rows = sweep({"k_paths": [1, 2]})
    paper = Paper(load_limits=(150, 450), limits=(1e-5, 1))
    figure = sweep_figure(rows, ["k_paths", "erlang"], METRIC, "", paper)
    (place,) = figure.axes
    figure.draw_without_rendering()
    assert (place.get_xlim(), place.get_ylim()) == ((150, 450), (1e-5, 1))
    assert "nothing blocked: upper bound" not in said(figure), "they are at 100 Erlang"


def test_the_legend_is_inside_where_somebody_wants_it() -> None:
    figure = sweep_figure(
        sweep({"k_paths": [1, 2]}), ["k_paths", "erlang"], METRIC, "", Paper(legend="inside")
    )
    (place,) = figure.axes
    legend = place.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()][:2] == ["k_paths = 1", "k_paths = 2"]
    assert figure.legends == []


def test_differences_have_limits_and_width_too() -> None:
    row = {"label": "a", "verdict": "a blocks less", "ci_lower": -0.2, "ci_upper": -0.1}
    rows = [{**row, "erlang": load, "difference": -0.15} for load in (100.0, 200.0)]
    paper = Paper(width="page", load_limits=(90, 210), limits=(-1, 1))
    figure = tidy(difference_figure(rows, "", paper=paper))
    (place,) = figure.axes
    assert figure.get_figwidth() == 7.16
    assert (place.get_xlim(), place.get_ylim()) == ((90, 210), (-1, 1))
