from fusion_flows.pictures.tie_rules import tie_figure

from .drawn import Row, said, tidy


def row(rule: str, erlang: float, difference: float | None, half: float = 1e-3) -> Row:
    """Return a row of `rows_of_rules`, with a blocking of 2 % at the base."""
    return {
        "erlang": erlang,
        "rule": rule,
        "blocking_probability": 0.02 + (difference or 0.0),
        "difference": difference,
        "difference_ci_lower": None if difference is None else difference - half,
        "difference_ci_upper": None if difference is None else difference + half,
        "relative_difference": None if difference is None else difference / 0.02,
    }


def test_rules_are_lines_with_relative_differences() -> None:
    rows = [
        *(row("shortest", load, None) for load in (100.0, 200.0)),
        *(row("longest", load, 4e-3) for load in (100.0, 200.0)),
        row("hash 1", 100.0, -5e-4),
        row("nodes", 200.0, 0.0),
    ]
    figure = tidy(tie_figure(rows, "Rules", "shortest"))
    (place,) = figure.axes
    assert [label.get_text() for label in place.get_yticklabels()] == ["longest", "hash 1", "nodes"]
    marks = {
        (round(float(line.get_xdata()[0]), 6), int(line.get_ydata()[0])): line.get_markerfacecolor()
        for line in place.lines
        if line.get_marker() not in ("", "None")
    }
    assert marks.keys() == {(20.0, 0), (-2.5, 1), (0.0, 2)}
    assert marks[-2.5, 1] == marks[0.0, 2] == "white"
    assert marks[20.0, 0] != "white"
    intervals = sorted(
        [round(float(x), 6) for x in lines.get_segments()[0][:, 0]] for lines in place.collections
    )
    assert intervals == [[-7.5, 2.5], [-5.0, 5.0], [15.0, 25.0], [15.0, 25.0]]
    assert said(figure) == ["100 E", "200 E", "interval excludes zero", "zero not excluded"]


def test_a_rule_with_the_paths_of_the_base_has_words_and_no_bar() -> None:
    same = {**row("nodes", 100.0, 0.0, 0.0), "verdict": "same paths"}
    alike = {**row("hash 2", 100.0, 4e-3), "same_paths_as": "longest"}
    (place,) = tie_figure([row("longest", 100.0, 4e-3), same, alike], "", "shortest").axes
    names = [label.get_text() for label in place.get_yticklabels()]
    assert names == ["longest", "nodes (same paths)", "hash 2 (same paths as longest)"]
    marked = [line.get_ydata()[0] for line in place.lines if line.get_marker() not in ("", "None")]
    assert marked == [0, 2]
    assert len(place.collections) == 2


def test_without_a_difference_there_is_an_empty_picture() -> None:
    (place,) = tie_figure([row("shortest", 100.0, None)], "", "shortest").axes
    assert not place.collections
