from fusion_flows.pictures.differences import difference_figure

from .drawn import Row, said, signs, spots, tidy


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
        "hops - km: hops blocks less at 1 of 3 loads, no difference\nshown at 2",
        "interval excludes zero",
        "zero not excluded",
    ]


def test_the_sign_of_a_pair_is_hollow_where_all_its_points_are() -> None:
    clear, unclear = (
        difference(100, -2e-3, 1e-3, "hops - km"),
        difference(100, 1e-3, 2e-3, "a - km"),
    )
    figure = tidy(difference_figure([clear, unclear], ""))
    assert signs(figure)[:2] == ["#000000", "#ffffff"]
    assert signs(tidy(difference_figure([unclear], ""))) == ["#ffffff", "#ffffff"]


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
