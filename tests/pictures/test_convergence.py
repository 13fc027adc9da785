from matplotlib.collections import LineCollection

from fusion.results.statistics import blocking_estimate
from fusion_flows.pictures.bit_rates import bit_rate_figure
from fusion_flows.pictures.convergence import convergence_figure, left_out

from .drawn import Row, said, tidy

COUNTS = [12, 9, 14, 8, 11, 10]


def replications(load: float, counts: list[int]) -> list[Row]:
    return [{"erlang": load, "blocked": blocked, "requests": 1000} for blocked in counts]


def test_the_mean_so_far_ends_in_the_estimate_of_all() -> None:
    figure = tidy(convergence_figure(replications(100, COUNTS), 0.95, "a run"))
    (place,) = figure.axes
    mean, lower, upper = place.lines
    estimate = blocking_estimate(COUNTS, [1000] * 6, 0.95)
    assert list(mean.get_xdata()) == [1, 2, 3, 4, 5, 6]
    assert mean.get_ydata()[0] == 0.012
    assert mean.get_ydata()[-1] == estimate.mean
    assert [line.get_ydata()[0] for line in (lower, upper)] == list(estimate[1:3])
    assert (place.get_xlabel(), place.get_title("left")) == ("replications", "100 E")
    assert said(figure) == ["mean so far", "95 % interval", "at the end"]


def test_of_many_loads_three_are_shown_and_none_without_blocking() -> None:
    rows = [row for load in range(1, 10) for row in replications(load, COUNTS)]
    rows += replications(0.5, [0, 0, 0]) + replications(20, [5])
    figure = tidy(convergence_figure(rows, 0.99, ""))
    assert [place.get_title("left") for place in figure.axes] == ["1 E", "5 E", "9 E"]
    assert "99 % interval" in said(figure)
    told = (
        "left out: 0.5 E (nothing is blocked), 6 loads from 2 to 8 E (3 loads at most are drawn), "
    )
    told += "20 E (one replication)"
    assert left_out(rows) == told
    assert " ".join(said(figure)[-1].split()) == told
    assert left_out(replications(1, COUNTS)) == ""
    empty = tidy(convergence_figure(replications(1, [0, 0]), 0.95, ""))
    assert [text.get_text() for text in empty.axes[0].texts] == ["no results"]


def test_thousands_of_replications_are_drawn_with_few_points() -> None:
    figure = tidy(convergence_figure(replications(1, COUNTS * 500), 0.95, ""))
    steps = list(figure.axes[0].lines[0].get_xdata())
    assert len(steps) <= 40
    assert (steps[0], steps[-1]) == (1, 3000)


def bit_rate(load: float, rate: float, blocked: int) -> Row:
    mean = blocked / 1000
    return {
        "erlang": load,
        "bit_rate_gbps": rate,
        "blocking_probability": mean,
        "blocking_probability_ci_lower": 0.8 * mean,
        "blocking_probability_ci_upper": 1.2 * mean or 0.01,
    }


def test_blocking_over_the_bit_rate() -> None:
    rows = [bit_rate(load, 25 * n, load * n) for load in (1, 2) for n in range(3)]
    figure = tidy(bit_rate_figure(rows, 0.95, ""))
    (place,) = figure.axes
    assert place.get_yscale() == "log"
    assert place.get_xlabel() == "bit rate (Gb/s)"
    curves = [line for line in place.lines if line.get_linewidth() == 1.1]
    assert [len(line.get_xdata()) for line in curves] == [2, 2]
    assert said(figure) == ["1 E", "2 E", "95 % interval", "left out: nothing blocked"]
    many = [bit_rate(load, rate, load) for load in range(1, 12) for rate in (25, 50)]
    assert said(tidy(bit_rate_figure(many, 0.95, "")))[:5] == ["1 E", "3 E", "6 E", "9 E", "11 E"]


def test_of_many_bit_rates_the_highest_load_has_points_with_bars() -> None:
    rows = [bit_rate(load, 25 * n, load * n) for load in (1, 2) for n in range(40)]
    figure = tidy(bit_rate_figure(rows, 0.95, ""))
    (place,) = figure.axes
    (points,) = [line for line in place.lines if line.get_linewidth() == 1.1]
    assert points.get_linestyle() == "None"
    assert [*points.get_ydata()] == [2 * n / 1000 for n in range(1, 40)]
    (bars,) = [found for found in place.collections if isinstance(found, LineCollection)]
    assert len(bars.get_segments()) == 39
    assert said(figure) == ["2 E", "95 % interval", "left out: nothing blocked"]
