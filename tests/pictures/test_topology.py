import json
import math
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from fusion.config.shipped import topology_names
from fusion.network.topology import Topology, load_topology
from fusion_flows.pictures import topology as picture
from fusion_flows.pictures.courses import beside as right_of
from fusion_flows.pictures.courses import course
from fusion_flows.pictures.files import images
from fusion_flows.pictures.labels import Box, Room, crossing
from fusion_flows.pictures.layout import KEPT, computed, faults, positions
from fusion_flows.pictures.topology import Worst, topology_figure

from .drawn import Row, said, tidy

NSFNET = "nsfnet_deeprmsa"


def links(topology: Topology, *, both: bool) -> list[Row]:
    """Return rows of links.csv, the more utilised the later they come."""
    rows = [
        {"source": topology.nodes[a], "destination": topology.nodes[b], "utilisation": 0.02 * n}
        for n, (a, b, _) in enumerate(topology.links, 1)
    ]
    back = [
        {
            "source": row["destination"],
            "destination": row["source"],
            "utilisation": row["utilisation"] / 2,
        }
        for row in rows
    ]
    return rows + (back if both else [])


def lanes(figure: Figure) -> dict[str, tuple[float, float]]:
    """Return width and lightness of what is told of each link."""
    found = {}
    for line in figure.axes[0].lines:
        told = str(line.get_gid() or "").removeprefix("told:")
        if " km" in told:
            r, g, b = to_rgb(line.get_color())
            found[told] = line.get_linewidth(), 0.2126 * r + 0.7152 * g + 0.0722 * b
    return found


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("name", topology_names())
def test_every_shipped_topology_is_drawn_whole(name: str) -> None:
    topology = load_topology(name)
    figure = tidy(topology_figure(topology, name))
    assert set(topology.nodes) <= set(words(figure))
    assert len(lanes(figure)) == len(topology.links)
    assert figure.get_size_inches()[0] <= 7.2
    places = positions(topology)
    assert set(places) == set(topology.nodes)
    assert places == positions(topology)
    apart = min(math.dist(*pair) for pair in combinations(places.values(), 2))
    assert apart > 0.03, "no node hides another"


def test_kept_layouts_are_those_of_the_topologies_without_coordinates() -> None:
    kept = json.loads(KEPT.read_text())
    without = [name for name in topology_names() if not load_topology(name).coordinates]
    assert list(kept) == without
    for name in without:
        assert set(kept[name]) == set(load_topology(name).nodes)


def test_a_file_of_ones_own_is_laid_out_the_same_each_time(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        "source,destination,length_km\nA,B,100\nB,C,100\nC,D,100\nD,A,100\nC,Emden,50\n"
    )
    topology = load_topology(file)
    places = positions(topology)
    assert places == positions(topology)
    ends = np.array([(a, b) for a, b, _ in topology.links])
    assert faults(np.array(list(places.values())), ends) < 1, "a square with a tail"
    figure = tidy(topology_figure(topology, "mine"))
    assert {"A", "B", "C", "D", "Emden", "100", "50"} <= set(words(figure))
    assert (
        len({line.get_markersize() for line in figure.axes[0].lines if line.get_marker() == "o"})
        == 1
    )
    large = topology._replace(
        nodes=tuple(map(str, range(500))), links=tuple((i, i + 1, 1.0) for i in range(499))
    )
    assert len(computed(large, 1)) == 500


def test_parallel_links_are_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        "source,target,length_km,name\nA,B,100,north\nB,C,90,\nC,A,80,\nA,B,120,south\nA,B,130,sea\n"
    )
    topology = load_topology(file)
    plain = tidy(topology_figure(topology, "mine"))
    assert {"A - B (north): 100 km", "A - B (sea): 130 km", "B - C: 90 km"} <= set(lanes(plain))
    assert {"100", "130", "90"} <= set(words(plain))
    names = ("north", "", "", "south", "sea")
    rows = [
        row | {"link": name} for row, name in zip(links(topology, both=False), names, strict=True)
    ]
    back = [{**row, "source": row["destination"], "destination": row["source"]} for row in rows]
    figure = tidy(topology_figure(topology, "mine", links=rows + back))
    told = lanes(figure)
    assert len(told) == 10
    assert (
        told["A to B (north): 100 km, utilisation 0.020"][0]
        < (told["A to B (sea): 130 km, utilisation 0.100"][0])
    )
    middles = [
        np.mean(line.get_xydata(), axis=0)
        for line in figure.axes[0].lines
        if "(" in str(line.get_gid() or "")
    ]
    assert min(math.dist(*pair) for pair in combinations(middles, 2)) > 2


def test_links_in_one_direction_have_an_arrow_and_unequal_ones_both_lengths(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    links_of_file = [
        {"source": "A", "target": "B", "length_km": 100},
        {"source": "B", "target": "A", "length_km": 110},
        {"source": "B", "target": "C", "length_km": 90},
        {"source": "C", "target": "A", "length_km": 80},
        {"source": "A", "target": "C", "length_km": 80},
    ]
    nodes = [{"id": node} for node in "ABC"]
    file.write_text(json.dumps({"directed": True, "nodes": nodes, "edges": links_of_file}))
    topology = load_topology(file)
    figure = tidy(topology_figure(topology, "mine"))
    told = set(words(figure))
    assert {"100 / 110", "90", "80"} <= told
    assert said(figure) == [
        "numbers on links: km, of both directions where these differ",
        "in this direction only",
    ]
    ends = lanes(figure)
    assert "B to C: 90 km" in ends
    assert "A - B: 100 km, 110 km back" in ends
    (head,) = (
        line for line in figure.axes[0].lines if line.get_gid() == "told:in this direction only"
    )
    places = {
        line.get_gid(): np.mean(line.get_xydata(), axis=0)
        for line in figure.axes[0].lines
        if str(line.get_gid()).startswith("told:node ")
    }
    here = head.get_xydata()[0]
    assert math.dist(here, places["told:node C"]) < math.dist(here, places["told:node B"])


def test_coordinates_are_a_map() -> None:
    places = positions(load_topology(NSFNET))
    assert places["1"][0] < places["8"][0] < places["12"][0], "WA, IL, NY from west to east"
    assert places["6"][1] < places["8"][1], "TX in the south"
    across = load_topology(NSFNET)
    pacific = across._replace(
        coordinates={
            node: (170.0 + 2.0 * n - 360.0 * (n > 5), 0.5 * n)
            for n, node in enumerate(across.nodes)
        }
    )
    xs = [x for x, _ in positions(pacific).values()]
    assert xs == sorted(xs), "the date line cuts no network"


def test_the_fuller_a_link_the_darker_and_wider_it_is() -> None:
    topology = load_topology(NSFNET)
    figure = tidy(topology_figure(topology, "a run", links=links(topology, both=False)))
    drawn = list(lanes(figure).values())
    assert len(drawn) == len(topology.links)
    widths, lightness = zip(*drawn, strict=True)
    assert list(widths) == sorted(widths)
    assert list(lightness) == sorted(lightness, reverse=True), "in grey print, too"
    (bar,) = figure.axes[1:]
    assert bar.get_ylabel() == "utilisation (0: empty, 1: full)"
    assert bar.get_ylim() == (0.0, 0.5)
    assert not any("lanes" in text for text in said(figure))
    told = "1 (WA) - 2 (CA1): 1050 km, utilisation 0.020"
    assert told in lanes(figure)
    (svg,) = images(figure, ["svg"], 100)
    assert f"<title>{told}</title>".encode() in svg
    assert not re.search(rb'id="told', svg)


def test_separate_directions_are_two_lanes_on_their_right() -> None:
    topology = load_topology(NSFNET)
    figure = tidy(topology_figure(topology, "a run", links=links(topology, both=True)))
    assert len(lanes(figure)) == 2 * len(topology.links)
    assert "two lines: one for each direction, on its right-hand side" in said(figure)
    both = {"1 (WA) to 2 (CA1): 1050 km, utilisation 0.020"}
    both.add("2 (CA1) to 1 (WA): 1050 km, utilisation 0.010")
    assert both <= set(lanes(figure))
    north = np.array([(0.0, 0.0), (0.0, 10.0)])
    assert (right_of(north, 2.0)[:, 0] == 2.0).all(), "right of north is east"


def test_fragmentation_is_drawn_the_same() -> None:
    topology = load_topology(NSFNET)
    rows = [{**row, "fragmentation": 0.3} for row in links(topology, both=False)[:-1]]
    figure = tidy(topology_figure(topology, "", links=rows, metric="fragmentation"))
    assert figure.axes[1].get_ylabel() == "fragmentation (0: one free block)"
    assert sum("fragmentation 0.300" in told for told in lanes(figure)) == len(rows)


def test_the_pair_that_blocks_most_is_marked_with_its_path() -> None:
    topology = load_topology(NSFNET)
    worst = Worst("1", "13", ("1", "8", "9", "13"), "0.31 [0.30, 0.32]")
    figure = tidy(topology_figure(topology, "", links=links(topology, both=True), worst=worst))
    bands = [line for line in figure.axes[0].lines if line.get_color() == picture._HALO]
    assert len(bands) == 3
    squares = [line.get_gid() for line in figure.axes[0].lines if line.get_marker() == "s"]
    assert squares == ["told:node 1", "told:node 13"]
    signs = {
        text: handle
        for (legend,) in [figure.legends]
        for text, handle in zip(said(figure), legend.legend_handles, strict=True)
    }
    assert signs["highest blocking: 1 (WA) to 13 (NJ), 0.31 [0.30, 0.32]"].get_marker() == "s"
    assert signs["its first path"].get_color() == picture._HALO
    without = tidy(topology_figure(topology, "", worst=worst._replace(path=())))
    assert "its first path" not in said(without)


def test_nodes_that_send_nothing_are_hollow() -> None:
    topology = load_topology("fusion_spainbackbone30", core_nodes_only=True)
    figure = tidy(topology_figure(topology, ""))
    faces = [
        line.get_markerfacecolor() for line in figure.axes[0].lines if line.get_marker() == "o"
    ]
    assert faces.count("black") == 14
    assert faces.count("white") == 16
    assert "neither source nor destination" in said(figure)


def test_a_link_goes_around_nodes_that_are_in_its_way() -> None:
    nodes = {name: Box(x, 0.0, 12.0, 12.0) for name, x in (("a", 0.0), ("b", 50.0), ("c", 100.0))}
    assert len(course(("a", "b"), nodes)) == 2
    around = course(("a", "c"), nodes)
    assert min(math.dist(spot, (50.0, 0.0)) for spot in around) > 8.0
    assert tuple(around[0]) == (0.0, 0.0)
    assert tuple(around[-1]) == (100.0, 0.0)


def test_words_keep_off_each_other() -> None:
    node = Box(50.0, 50.0, 10.0, 10.0)
    line = np.array([[50.0, 50.0, 100.0, 50.0]])
    room = Room([node], line, 1.0, Box(50.0, 50.0, 100.0, 100.0))
    first = room.beside(node, 20.0, 8.0)
    second = room.beside(node, 20.0, 8.0)
    assert first is not None
    assert second is not None
    assert not first.meets(second)
    assert not crossing(line, first).any()
    spots = [((92.0, 50.0), (0.0, -1.0))]
    on = room.on_line(spots, 10.0, 6.0)
    assert on == Box(92.0, 50.0, 10.0, 6.0)
    assert room.on_line([((50.0, 50.0), (0.0, -1.0))], 90.0, 90.0) is None
    close = np.vstack([line, line + np.array([0.0, 2.0, 0.0, 2.0])])
    beside = Room([], close, 1.0, Box(50.0, 50.0, 100.0, 100.0)).on_line(spots, 10.0, 6.0)
    assert beside is not None
    assert beside.y < 50.0, "below its own line, as another is above"
    assert not crossing(close, beside).any()
