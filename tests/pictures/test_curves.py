import math

import pytest
from matplotlib.colors import to_rgb

from fusion_flows.pictures.curves import sweep_figure
from fusion_flows.pictures.heat_map import heat_map
from fusion_flows.pictures.style import LOOKS

from .drawn import BOUND, LOADS, METRIC, Row, draw, lines, point, said, signs, spots, sweep, tidy


def test_a_curve_has_its_estimates_intervals_and_bounds_and_an_unfinished_point_is_hollow() -> None:
    rows = sweep({"network": ["nsfnet"]})
    (place,) = draw(rows, "network").axes
    (line,) = lines(place)
    assert line.get_xydata().tolist() == [[r["erlang"], r["estimate"]] for r in rows[1:]]
    assert place.get_yscale() == "log"
    drawn = spots(place)
    assert drawn[100.0, BOUND] == "#000000"
    assert drawn[200.0, rows[1]["estimate"]] == "#ffffff"
    assert drawn[300.0, rows[2]["estimate"]] == "#000000"
    (bars,) = (c for c in place.collections if len(c.get_paths()) == 3)
    ends = [path.vertices[:, 1].tolist() for path in bars.get_paths()]
    assert ends == [pytest.approx([r["ci_lower"], r["ci_upper"]]) for r in rows[1:]]


def test_the_sign_of_a_curve_is_hollow_where_all_its_points_are() -> None:
    rows = sweep({"k_paths": [1, 3]})
    rows = [{**row, "complete": row["k_paths"] == 1} for row in rows]
    assert signs(draw(rows, "k_paths")) == ["#000000", "#ffffff", "#ffffff"]


def test_only_what_is_in_the_picture_is_explained() -> None:
    every = ["95 % interval", "nothing blocked: upper bound", "incomplete"]
    rows = sweep({"network": ["nsfnet"]})
    assert said(draw(rows, "network")) == every
    assert said(draw(rows[2:], "network")) == every[:1]
    assert said(draw(rows[:1], "network")) == every[1:2]
    lost = [point(100, None), point(200, 0.0) | {"ci_upper": None}, point(300, float("nan"))]
    assert said(draw([*lost, point(400, 0.1)])) == ["95 % interval", "3 points without a value"]


def test_labels_have_the_axes_that_change_and_no_others() -> None:
    rows = sweep({"k_paths": [1, 3], "network": ["nsfnet"], "path_order": ["km", "hops"]})
    words = ["k_paths = 1, km", "k_paths = 1, hops", "k_paths = 3, km", "k_paths = 3, hops"]
    assert said(draw(rows, "k_paths", "network", "path_order"))[:4] == words
    clear = sweep({"bit_rates": ["uniform"], "holding": ["uniform", "exponential"], "csb": [True]})
    assert said(draw(clear, "bit_rates", "holding", "csb"))[0] == "holding = uniform"
    choices = sweep({"path_choice": ["in_order", "all"], "path_order": ["km"]})
    words = ["path_choice = in_order", "path_choice = all"]
    assert said(draw(choices, "path_choice", "path_order"))[:2] == words


def test_curves_are_told_apart_in_grey_and_by_all_kinds_of_sight() -> None:
    (place,) = draw(sweep({"k_paths": range(1, 9)}), "k_paths").axes
    grey = []
    for line in lines(place):
        linear = [
            ((c + 0.055) / 1.055) ** 2.4 if c > 0.04 else c / 12.92
            for c in to_rgb(line.get_color())
        ]
        light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        grey.append(max(0.0, 116 * light ** (1 / 3) - 16))
    assert len(grey) == 8
    assert min(b - a for a, b in zip(sorted(grey), sorted(grey)[1:], strict=False)) > 6.5
    assert max(grey) < 80  # none is lost on white
    assert len({look.marker for look in LOOKS}) == len({look.line for look in LOOKS}) == 8


def test_many_curves_get_panels_the_network_first_with_one_scale() -> None:
    axes = {"k_paths": [1, 3, 5], "allocation_method": ["a", "b", "c", "d"], "network": ["x", "y"]}
    figure = draw(sweep(axes, lambda _: LOADS[1:3]), *axes)
    titles = [place.get_title("left") for place in figure.axes]
    assert titles == [f"{network}, k_paths = {k}" for network in "xy" for k in (1, 3, 5)]
    assert [len(lines(place)) for place in figure.axes] == [4] * 6
    assert len({place.get_ylim() for place in figure.axes}) == 1
    assert said(figure)[:4] == ["a", "b", "c", "d"]
    slots = {"k_paths": [1, 2, 3, 4], "slots": [100, 320]}  # what is not a policy
    assert [p.get_title("left") for p in draw(sweep(slots), *slots).axes] == [
        "slots = 100",
        "slots = 320",
    ]


def test_networks_with_other_loads_have_their_own_axis() -> None:
    axes = {"network": ["small", "large"], "k_paths": [1, 2, 3, 4]}
    far = sweep(axes, lambda of: [x * (20 if of["network"] == "large" else 1) for x in LOADS])
    small, large = (place.get_xlim() for place in draw(far, *axes).axes)
    assert small[1] < 500 < 2000 > large[0] > 500
    near = draw(sweep(axes), *axes)
    assert len({place.get_xlim() for place in near.axes}) == 1


@pytest.mark.parametrize(
    ("axes", "panels", "entries"),
    [
        ({"k_paths": range(1, 41)}, 1, 40),
        ({"k_paths": range(1, 6), "allocation_method": range(8)}, 5, 8),
        ({"seed": range(13), "k_paths": range(13)}, 1, 13 + 13),
    ],
    ids=["one axis", "8 in a panel", "too many for panels"],
)
def test_too_many_curves_are_coloured_by_the_first_axis(
    axes: dict[str, range], panels: int, entries: int
) -> None:
    rows = [row for row in sweep(axes, lambda _: LOADS[:3]) if not row["complete"]]
    if len(rows) > 100:
        rows = [row for row in rows if (row["seed"] + row["k_paths"]) % 3 == 0]
    figure = draw(rows, *axes)
    assert len(figure.axes) == panels
    assert len(said(figure)) == entries + 2
    if panels == 1:
        looks = {(line.get_color(), str(line.get_linestyle())) for line in lines(figure.axes[0])}
        assert len({color for color, _ in looks}) == len(next(iter(axes.values())))


def test_equal_bounds_lie_side_by_side_and_aside_of_estimates() -> None:
    rows = [point(100, 0.0, k_paths=k) for k in (1, 2, 3)]
    rows += [point(200, 0.0, k_paths=1), point(200, BOUND, k_paths=2), point(300, 0.1, k_paths=3)]
    (place,) = draw(rows, "k_paths").axes
    across: dict[float, set[float]] = {}
    for line in place.lines:
        if line.get_marker() in ("o", "s", "^"):
            for (x, _), spot in zip(
                line.get_xydata(), line.get_transform().transform(line.get_xydata()), strict=True
            ):
                across.setdefault(float(x), set()).add(round(float(spot[0]), 1))
    centre = {x: place.transData.transform((x, 1e-3))[0] for x in across}
    assert [len(across[x]) for x in (100, 200, 300)] == [3, 2, 1]
    assert sum(across[100]) / 3 == pytest.approx(centre[100], abs=0.2)
    assert min(across[200]) == pytest.approx(centre[200], abs=0.1)


@pytest.mark.parametrize("lower", [BOUND, 15 * BOUND])
def test_a_bound_hides_no_interval(lower: float) -> None:
    rows = [point(100, 20 * BOUND, k_paths=1) | {"ci_lower": lower}, point(100, 0.0, k_paths=2)]
    (place,) = draw(rows, "k_paths").axes
    (bound,) = (line for line in place.lines if line.get_marker() == "s")
    ((x, _),) = bound.get_transform().transform(bound.get_xydata())
    aside = x - place.transData.transform((100, 1e-3))[0]
    assert (aside > 2) == (lower == BOUND), "beside an interval that reaches down to it"


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [point(100, 1e-3)],
        [point(100, 0.0), point(200, 0.0)],
        [point(100, 1e-3) | {"ci_lower": None, "ci_upper": None}, point(150, 1.0)],
        [point(100, 1e-5) | {"ci_lower": 0.0}, point(110, 2e-5) | {"ci_lower": 1e-300}],
        [point(1.0 + n / 10, 1e-4 + n / 1e4) for n in range(60)],
    ],
    ids=["none", "one", "nothing blocked", "no interval", "interval to zero", "60 loads"],
)
def test_odd_rows_are_drawn(rows: list[Row]) -> None:
    (place,) = draw(rows, "erlang").axes
    drawn = [row for row in rows if row["estimate"]]
    assert sum(len(line.get_xydata()) for line in lines(place)) == len(drawn)
    low, high = place.get_ylim()
    assert low > 0
    assert high / low < 1e7


def test_bounds_alone_are_between_powers_of_ten() -> None:
    (place,) = draw([point(100, 0.0), point(200, 0.0)]).axes
    ends = [math.log10(end) for end in place.get_ylim()]
    assert ends == pytest.approx([round(end) for end in ends])
    assert ends[0] < math.log10(BOUND) < ends[1]


def test_long_words_and_dollars_fit() -> None:
    words = ["{'50': 0.3, '100': 0.5} " * 4, "$50 and $100_000"]
    rows = sweep({"request_distribution": words})
    figure = sweep_figure(rows, ["request_distribution", "erlang"], METRIC, "long words $ " * 12)
    told = said(tidy(figure))
    assert told[0].replace("\n", " ").strip() == words[0].strip()
    assert told[1] == r"\$50 and \$100_000"


def test_rows_that_are_not_one_picture_are_refused() -> None:
    rows = sweep({"k_paths": [1, 2]})
    with pytest.raises(ValueError, match="2 rows have erlang = 100: name all axes"):
        sweep_figure(rows, ["erlang"], METRIC, "")
    with pytest.raises(ValueError, match=r"rows of mean_hops in a picture of blocking_probability"):
        sweep_figure([rows[0] | {"metric": "mean_hops"}], ["erlang"], METRIC, "")
    with pytest.raises(ValueError, match="2 rows have network = x, k_paths = 1"):
        heat_map([row | {"network": "x"} for row in rows[:2]], "network", "k_paths", METRIC, "")


def test_a_metric_that_is_no_blocking_has_a_linear_axis_and_zeros() -> None:
    rows = [point(load, load / 400 - 0.25) | {"metric": "utilisation"} for load in LOADS]
    (place,) = tidy(sweep_figure(rows, ["erlang"], "utilisation", "")).axes
    assert place.get_yscale() == "linear"
    assert lines(place)[0].get_xydata()[0].tolist() == [100.0, 0.0]


def test_many_intervals_are_a_band_and_the_legend_says_so() -> None:
    few = draw([point(100 + n, 1e-3 * (n + 1)) for n in range(20)])
    many = draw([point(100 + n, 1e-3 * (n + 1)) for n in range(40)])
    kinds = [type(figure.legends[0].legend_handles[0]).__name__ for figure in (few, many)]
    assert kinds == ["Line2D", "Rectangle"]
    assert [len(figure.axes[0].collections) for figure in (few, many)] == [1, 1]
