import csv
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from fusion_flows import sweep_plots
from fusion_flows.sweep_plots import difference_figure, heat_map, save_with_data, sweep_figure

Row = dict[str, Any]
METRIC = "blocking_probability"
LOADS = (100.0, 200.0, 300.0, 400.0)
BOUND = 3e-6


def point(erlang: float, estimate: float | None, **axes: Any) -> Row:
    seen = bool(estimate)
    return {
        **axes,
        "erlang": erlang,
        "metric": METRIC,
        "estimate": estimate,
        "ci_lower": estimate * 0.8 if seen and estimate else 0.0,
        "ci_upper": estimate * 1.3 if seen and estimate else BOUND,
        "replications": 10,
        "confidence": 0.95,
        "complete": True,
        "key": "",
    }


def sweep(
    axes: Mapping[str, Sequence[Any]], loads: Callable[[Row], Sequence[float]] = lambda _: LOADS
) -> list[Row]:
    """Return points of all combinations; at the lowest load nothing is blocked, the next is running."""
    rows = []
    for number, values in enumerate(product(*axes.values())):
        assignment = dict(zip(axes, values, strict=True))
        for place, load in enumerate(loads(assignment)):
            estimate = 0.0 if place == 0 else 10.0 ** (place - 6) / (1 + 0.3 * number)
            rows.append({**point(load, estimate, **assignment), "complete": place != 1})
    return rows


def draw(rows: Sequence[Row], *axes: str) -> Figure:
    return tidy(sweep_figure(rows, [*axes, "erlang"], METRIC, "a sweep"))


def tidy(figure: Figure) -> Figure:
    """Draw a figure for real: nothing warns, touches, or lies outside; points are within their axes."""
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        canvas.draw()
    renderer = canvas.get_renderer()
    parts: list[Any] = [*figure.axes, *figure.legends, *figure.texts]
    if figure.get_suptitle():
        parts.append(figure._suptitle)
    boxes = [(part, part.get_tightbbox(renderer)) for part in parts]
    for part, box in boxes:
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.bbox.x1 + 1
        assert inside, f"{part} sticks out"
        assert box.y1 <= figure.bbox.y1 + 1, f"{part} sticks out at the top"
    for (one, box), (other, its) in combinations(boxes, 2):
        if one is not other:
            apart = min(box.x1, its.x1) <= max(box.x0, its.x0) + 1 or (
                min(box.y1, its.y1) <= max(box.y0, its.y0) + 1
            )
            assert apart, f"{one} covers {other}"
    for place in figure.axes:
        area = place.get_window_extent(renderer).padded(1)
        for line in place.lines:
            if line.get_marker() in ("o", "s", "^", "D", "v", "P", "X", "p"):
                for spot in line.get_transform().transform(line.get_xydata()):
                    assert area.contains(*spot), "a point outside its axes"
    return figure


def said(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def lines(place: Axes) -> list[Line2D]:
    """Return the lines through the estimates."""
    return [
        line for line in place.lines if line.get_linewidth() == 1.1 and line.get_marker() == "None"
    ]


def spots(place: Axes) -> dict[tuple[float, float], str]:
    """Return the colour that fills each marker, by where it is."""
    found = {}
    for line in place.lines:
        if isinstance(line.get_marker(), str) and line.get_marker() not in ("None", "_", "|"):
            for x, y in line.get_xydata():
                found[float(x), float(y)] = to_hex(line.get_markerfacecolor())
    return found


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


def test_only_what_is_in_the_picture_is_explained() -> None:
    every = ["95 % interval", "nothing blocked: upper bound", "still running"]
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
    looks = sweep_plots._LOOKS
    assert len({look.marker for look in looks}) == len({look.line for look in looks}) == 8


def test_many_curves_get_panels_the_network_first_with_one_scale() -> None:
    axes = {"k_paths": [1, 3, 5], "allocation_method": ["a", "b", "c", "d"], "network": ["x", "y"]}
    figure = draw(sweep(axes, lambda _: LOADS[1:3]), *axes)
    titles = [place.get_title("left") for place in figure.axes]
    assert titles == [f"{network}, k_paths = {k}" for network in "xy" for k in (1, 3, 5)]
    assert [len(lines(place)) for place in figure.axes] == [4] * 6
    assert len({place.get_ylim() for place in figure.axes}) == 1
    assert said(figure)[:4] == ["a", "b", "c", "d"]
    slots = {"k_paths": [1, 2, 3, 4], "slots": [100, 320]}  # what is no policy
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


def test_a_heat_map_has_numbers_bounds_and_gaps() -> None:
    rows = sweep({"k_paths": [10, 2, 1, 3, 5]}, lambda _: range(100, 700, 100))
    rows.remove(rows[23])
    figure = tidy(heat_map(rows, "erlang", "k_paths", METRIC, "nsfnet"))
    place = figure.axes[0]
    numbers = {text.get_position(): text.get_text() for text in place.texts}
    assert len(numbers) == 29
    assert [label.get_text() for label in place.get_yticklabels()] == ["1", "2", "3", "5", "10"]
    assert numbers[0, 0] == "<3.0e-6"
    assert numbers[1, 4] == "1.0e-5"  # k_paths = 10 is the first curve, and the highest line
    assert numbers[4, 4] == "0.010"
    assert (5, 2) not in numbers
    assert sum(bool(patch.get_hatch()) for patch in place.patches) == 5
    assert len(place.lines) == 5  # are running
    assert said(figure) == ["nothing blocked: upper bound", "still running", "no result"]
    renderer = figure.canvas.get_renderer()
    for text in place.texts:
        box = text.get_window_extent(renderer).transformed(place.transData.inverted())
        assert box.width < 1
        assert box.height < 1


def test_a_heat_map_without_room_for_numbers_has_none_and_words_go_down() -> None:
    many = [point(x, 1e-3 * x, k_paths=y) for x in range(1, 31) for y in range(3)]
    small = tidy(heat_map(many, "erlang", "k_paths", METRIC, ""))
    assert not any(text.get_visible() for text in small.axes[0].texts)
    words = [point(1, p, policy=name) for p, name in ((0.1, "a long name, first fit"), (0.2, "b"))]
    bottom, top = tidy(heat_map(words, "erlang", "policy", METRIC, "")).axes[0].get_ylim()
    assert bottom > top
    turned = tidy(heat_map(words, "policy", "erlang", METRIC, ""))
    assert len(turned.axes) == 2
    for rows in ([], [point(1, 0.0, k=1)], [point(1, None, k=1)]):
        assert len(tidy(heat_map(rows, "erlang", "k", METRIC, "")).axes) == 1


def difference(erlang: float, mean: float, half: float | None, label: str = "hops - km") -> Row:
    return {
        "erlang": erlang,
        "difference": mean,
        "ci_lower": None if half is None else mean - half,
        "ci_upper": None if half is None else mean + half,
        "label": label,
        "verdict": "hops blocks less" if half and mean < -half else "no difference shown",
    }


def test_a_difference_is_filled_where_its_interval_excludes_zero() -> None:
    rows = [difference(100, -2e-3, 1e-3), difference(200, 1e-3, 2e-3), difference(300, 1e-3, None)]
    figure = tidy(difference_figure(rows, "path orders"))
    (place,) = figure.axes
    drawn = spots(place)
    assert drawn == {(100.0, -2e-3): "#000000", (200.0, 1e-3): "#ffffff", (300.0, 1e-3): "#ffffff"}
    low, high = place.get_ylim()
    assert low < -3e-3 < 3e-3 < high
    assert place.get_yscale() == "linear"
    assert said(figure) == [
        "hops - km: hops blocks less 1×, no difference shown 2×",
        "interval excludes zero",
        "zero not excluded",
    ]


def test_differences_of_several_sizes_and_of_several_pairs_are_all_seen() -> None:
    rows = [
        difference(100.0 * n, -(10.0**-n), 10.0**-n * share, f"pair {share}")
        for n in range(1, 7)
        for share in (0.2, 0.5, 0.7, 2)
    ]
    (place,) = tidy(difference_figure(rows, "")).axes
    assert place.get_yscale() == "symlog"
    assert len(spots(place)) == 6
    at_100 = {
        round(float(line.get_transform().transform(line.get_xydata())[0][0]))
        for line in place.lines
        if isinstance(line.get_marker(), str) and len(line.get_xydata()) == 6
    }
    assert len(at_100) == 4
    assert tidy(difference_figure([], "nothing")).axes


SAVED = """
from pathlib import Path
from tests.flows.test_sweep_plots import METRIC, save_with_data, sweep, sweep_figure
rows = sweep({"k_paths": [1, 2]})
save_with_data(sweep_figure(rows, ["k_paths", "erlang"], METRIC, "a"), rows, Path("FOLDER"), "sweep")
"""


def test_files_have_the_numbers_no_dates_and_the_same_bytes_in_another_process(
    tmp_path: Path,
) -> None:
    rows = sweep({"k_paths": [1, 2]})
    figure = sweep_figure(rows, ["k_paths", "erlang"], METRIC, "a")
    save_with_data(figure, rows, tmp_path / "one", "sweep")
    names = ["sweep.csv", "sweep.pdf", "sweep.png", "sweep.svg"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == names
    with (tmp_path / "one" / "sweep.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == list(rows[0])
    assert [float(line["estimate"]) for line in table] == [row["estimate"] for row in rows]
    assert [line["complete"] for line in table] == [str(row["complete"]) for row in rows]
    pdf = (tmp_path / "one" / "sweep.pdf").read_bytes()
    assert b"Type3" not in pdf
    assert b"/CIDFontType2" in pdf
    for name in names:
        assert not any(
            word in (tmp_path / "one" / name).read_bytes() for word in (b"Date>", b"dc:date")
        )
    with Image.open(tmp_path / "one" / "sweep.png") as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert image.width == 1050  # a column of a page
    code = SAVED.replace("FOLDER", str(tmp_path / "other"))
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    rows = [point(100, 1e-3)]
    (tmp_path / "sweep.png").write_bytes(b"old")
    (tmp_path / ".sweep.png.tmp").mkdir()  # stands in the way
    with pytest.raises(OSError, match=r"sweep\.png"):
        save_with_data(sweep_figure(rows, ["erlang"], METRIC, ""), rows, tmp_path, "sweep", dpi=50)
    assert (tmp_path / "sweep.png").read_bytes() == b"old"


def test_rows_with_other_columns_all_reach_the_file(tmp_path: Path) -> None:
    rows = [point(100, 1e-3), point(200, 1e-2) | {"note": "one, two"}]
    save_with_data(sweep_figure(rows, ["erlang"], METRIC, ""), rows, tmp_path, "sweep", dpi=50)
    with (tmp_path / "sweep.csv").open(newline="") as file:
        assert [line["note"] for line in csv.DictReader(file)] == ["", "one, two"]
