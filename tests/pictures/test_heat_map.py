from fusion_flows.pictures.heat_map import heat_map

from .drawn import METRIC, point, said, sweep, tidy


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
    assert said(figure) == ["nothing blocked: upper bound", "incomplete", "no result"]
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
