"""The picture of the spectrum at a moment: every lightpath where it is, told apart from its neighbours."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from fusion_flows.pictures.spectrum import Band, spectrum_figure

from .drawn import said, tidy

LINKS = [("a", "b", ""), ("b", "c", ""), ("c", "a", "")]


def row(
    link: tuple[str, str, str], first: int, slots: int, lightpath: int, **more: Any
) -> dict[str, Any]:
    return {
        "source": link[0],
        "destination": link[1],
        "core": 0,
        "band": "c",
        "first_slot": first,
        "slots": slots,
        "guard_slots": 1,
        "lightpath": lightpath,
        "role": "working",
        "bit_rate_gbps": 100.0,
        "modulation": "QPSK",
        **more,
    }


def boxes(figure: Figure, axes: int = 0) -> dict[tuple[int, int, int], str]:
    """Return colours of what is drawn filled or hatched, by row, first slot and the slot behind."""
    found = {}
    for pieces in figure.axes[axes].collections:
        assert isinstance(pieces, PolyCollection)
        colors = pieces.get_facecolors()
        colors = colors if len(colors) else pieces.get_edgecolors()
        for number, path in enumerate(pieces.get_paths()):
            (left, top), (right, bottom) = path.vertices.min(axis=0), path.vertices.max(axis=0)
            assert int(top) == int(bottom)
            found[int(top), round(left), round(right)] = to_hex(colors[number])
    return found


def test_each_lightpath_is_where_it_is_and_unlike_its_neighbours() -> None:
    rows = [row(LINKS[0], 4 * n, 3, n + 1) for n in range(10)]
    rows += [row(LINKS[1], 4 * n, 3, 10 - n) for n in range(10)]
    figure = tidy(spectrum_figure(rows, LINKS, [Band("c", 50)], "", arrows=True))
    found = boxes(figure)
    for each in rows:
        at, first = LINKS.index((each["source"], each["destination"], "")), each["first_slot"]
        assert (at, first, first + 3) in found
        assert (at, first + 3, first + 4) in found, "its guard band"
    of_link = defaultdict(list)
    of_lightpath = defaultdict(set)
    for each in rows:
        at, first = LINKS.index((each["source"], each["destination"], "")), each["first_slot"]
        of_link[at].append(found[at, first, first + 3])
        of_lightpath[each["lightpath"]].add(found[at, first, first + 3])
    assert all(one != other for colors in of_link.values() for one, other in pairwise(colors))
    assert all(len(colors) == 1 for colors in of_lightpath.values()), "the same on all its links"
    place = figure.axes[0]
    assert [label.get_text() for label in place.get_yticklabels()] == ["a → b", "b → c", "c → a"]
    assert place.get_ylim() == (3, 0), "the first link is at the top"
    assert said(figure) == ["guard band", "free"]


def test_bands_are_side_by_side_and_backups_are_hatched() -> None:
    rows = [
        row(LINKS[0], 0, 2, 1),
        row(LINKS[1], 7, 2, 2, band="l", role="backup", modulation="BPSK"),
    ]
    bands = [Band("c", 40), Band("l", 20)]
    figure = tidy(spectrum_figure(rows, LINKS, bands, "a title", color="modulation"))
    assert set(boxes(figure, 0)) == {(0, 0, 2), (0, 2, 3)}
    assert set(boxes(figure, 1)) == {(1, 7, 9), (1, 9, 10)}
    assert any(pieces.get_hatch() for pieces in figure.axes[1].collections)
    assert said(figure) == ["BPSK", "QPSK", "guard band", "backup", "free"]


def test_an_empty_network_can_be_drawn() -> None:
    figure = tidy(spectrum_figure([], LINKS, [Band("c", 40)], ""))
    assert boxes(figure) == {}
    assert said(figure) == ["free"]
