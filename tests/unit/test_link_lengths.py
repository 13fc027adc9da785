"""Which number of a link is its length: read where it is plain, asked where it is not, and said."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from fusion.config.config import ConfigError, load_config
from fusion.config.shipped import topology_names
from fusion.network.topology import TopologyError, lengths_text, load_topology
from fusion.results.progress import ProgressWriter
from fusion.results.report import Report
from fusion.scenario.content import content_key
from fusion.scenario.inputs import read_inputs

KM = {("A", "B"): 500.0, ("A", "C"): 900.0, ("B", "C"): 850.0}


def graph_of(**values: Any) -> Any:
    """Return a triangle; each value is that of all links, or a function of the km."""
    graph = nx.Graph()
    for ends, km in KM.items():
        attributes = {key: each(km) if callable(each) else each for key, each in values.items()}
        graph.add_edge(*ends, **attributes)
    return graph


def plain(km: float) -> float:
    return km


def _write_json(graph: Any, file: Path) -> None:
    file.write_text(json.dumps(nx.node_link_data(graph, edges="edges")))


def _write_adjacency(graph: Any, file: Path) -> None:
    file.write_text(json.dumps(nx.adjacency_data(graph)))


def _write_lines(graph: Any, file: Path) -> None:
    names = sorted({name for *_, attributes in graph.edges(data=True) for name in attributes})
    rows = [["source", "target", *names]]
    rows += [[a, b, *(str(x[name]) for name in names)] for a, b, x in graph.edges(data=True)]
    file.write_text("\n".join(",".join(row) for row in rows))


WRITERS: dict[str, Callable[[Any, Path], None]] = {
    "net.graphml": nx.write_graphml,
    "net.gml": nx.write_gml,
    "net.json": _write_json,
    "adjacency.json": _write_adjacency,
    "net.csv": _write_lines,
    "net.edgelist": nx.write_edgelist,
}


def write(folder: Path, name: str, graph: Any) -> Path:
    WRITERS[name](graph, folder / name)
    return folder / name


def lengths(file: Path, **options: Any) -> dict[tuple[str, ...], float]:
    topology = load_topology(file, **options)
    nodes = topology.nodes
    return {tuple(sorted((nodes[a], nodes[b]))): km for a, b, km in topology.links}


def question(file: Path, **options: Any) -> str:
    with pytest.raises(TopologyError) as error:
        load_topology(file, **options)
    (problem,) = error.value.problems
    return problem


# --- what is read --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("key", ["dist", "lengthInKm", "km", "length", "Length"])
def test_a_weight_of_one_for_each_hop_is_never_a_length(
    tmp_path: Path, name: str, key: str
) -> None:
    if name == "net.gml" and not key.isalnum():
        pytest.skip("GML has no such keys")
    assert lengths(write(tmp_path, name, graph_of(weight=1, **{key: plain}))) == KM


@pytest.mark.parametrize("name", WRITERS)
def test_a_weight_counts_where_nothing_else_can_be_a_length(tmp_path: Path, name: str) -> None:
    graph = graph_of(weight=plain, capacity=lambda km: 10 * km, lanes=2, label="fibre")
    file = write(tmp_path, name, graph)
    assert lengths(file) == KM
    assert load_topology(file).length_key == "weight"


@pytest.mark.parametrize(
    "key",
    [
        "length_km", "LENGTH_KM", "length (km)", "Length [km]", "Distance (km)", "lengthInKm", "km", "KM",
        "dist", "Dist", "distance_km", "distance", "fiber_length", "fibreLength", "link_length", "length-km",
        "kilometers", "len",
    ],
)  # fmt: skip
def test_names_of_a_length(tmp_path: Path, key: str) -> None:
    for name in ("net.json", "net.csv", "net.graphml"):
        assert lengths(write(tmp_path, name, graph_of(weight=3, **{key: plain}))) == KM
    assert load_topology(tmp_path / "net.csv").length_key == key


def test_a_name_that_says_km_goes_before_others(tmp_path: Path) -> None:
    miles = {"length": lambda km: km / 1.6, "distance": lambda km: km / 2}
    for key in ("length_km", "lengthInKm"):
        assert lengths(write(tmp_path, "net.json", graph_of(**miles, **{key: plain}))) == KM


def test_links_may_have_their_lengths_under_different_names(tmp_path: Path) -> None:
    graph = graph_of(length=plain)
    graph.edges["A", "C"]["distance"] = graph.edges["A", "C"].pop("length")
    assert lengths(write(tmp_path, "net.json", graph)) == KM


def test_a_link_without_the_length_that_others_have_is_not_one_km(tmp_path: Path) -> None:
    graph = graph_of(dist=plain, weight=1)
    del graph.edges["A", "C"]["dist"]
    problem = question(write(tmp_path, "net.json", graph))
    assert problem == "link 2 (A - C): no length; others have theirs as dist"


# --- what is asked -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITERS)
def test_two_numbers_that_may_be_the_length_are_asked_about(tmp_path: Path, name: str) -> None:
    file = write(tmp_path, name, graph_of(weight=plain, detour=lambda km: km + 1))
    asked = question(file)
    assert "weight (500 to 900)" in asked
    assert "detour (501 to 901)" in asked
    assert "length_key = detour" in asked
    assert lengths(file, length_key="weight") == KM
    assert lengths(file, length_key="DETOUR") == {ends: km + 1 for ends, km in KM.items()}


def test_length_and_distance_are_asked_about_where_they_differ(tmp_path: Path) -> None:
    assert lengths(write(tmp_path, "net.json", graph_of(length=plain, distance=plain))) == KM
    file = write(tmp_path, "net.json", graph_of(length=plain, distance=lambda km: 1000 * km))
    assert "length (500 to 900), distance (500000 to 900000)?" in question(file)
    assert lengths(file, length_key="length") == KM


@pytest.mark.parametrize("name", ["net.json", "net.csv"])
@pytest.mark.parametrize(
    ("first", "second"),
    [("Length", "length"), ("length", "Length"), ("Length_KM", "length_km"), ("Weight", "weight")],
)
def test_names_that_differ_in_case_are_kept_apart(
    tmp_path: Path, name: str, first: str, second: str
) -> None:
    file = write(tmp_path, name, graph_of(**{first: plain, second: lambda km: 2 * km}))
    for key in ({}, {"length_key": first.upper()}):
        asked = question(file, **key)
        assert f"{first} (500 to 900)" in asked
        assert f"{second} (1000 to 1800)" in asked
        assert "length_key = " in asked
    assert lengths(file, length_key=first) == KM
    assert load_topology(file, length_key=first).length_key == first
    assert lengths(file, length_key=second) == {ends: 2 * km for ends, km in KM.items()}
    file = write(tmp_path, name, graph_of(**{first: plain, second: plain}))
    assert lengths(file) == lengths(file, length_key=first.upper()) == KM


def test_one_link_with_two_values_in_names_that_differ_in_case_is_asked_about(
    tmp_path: Path,
) -> None:
    graph = graph_of(Length=plain)
    graph.edges["A", "C"]["length"] = 9.0
    file = write(tmp_path, "net.json", graph)
    assert "Length (500 to 900), length (always 9)?" in question(file)
    assert lengths(file, length_key="Length") == KM
    assert "no length; others have theirs as length" in _first_problem(file, length_key="length")


@pytest.mark.parametrize("key", ["length", "weight", "Km"])
def test_each_link_may_spell_the_name_in_its_own_case(tmp_path: Path, key: str) -> None:
    graph = graph_of(**{key: plain})
    graph.edges["A", "C"][key.upper()] = graph.edges["A", "C"].pop(key)
    file = write(tmp_path, "net.json", graph)
    assert lengths(file) == lengths(file, length_key=key) == KM


def test_a_weight_that_varies_is_asked_about_beside_a_name_that_may_be_another_thing(
    tmp_path: Path,
) -> None:
    varies = graph_of(dist=lambda km: km / 2, weight=plain)
    file = write(tmp_path, "net.json", varies)
    assert "dist (250 to 450), weight (500 to 900)?" in question(file)
    assert lengths(file, length_key="weight") == KM
    for key in ("length", "Length", "distance", "lengthInKm"):
        varies = graph_of(weight=lambda km: 1 / km, **{key: plain})
        assert lengths(write(tmp_path, "net.json", varies)) == KM
    assert lengths(write(tmp_path, "net.json", graph_of(dist=plain, weight=plain))) == KM


def test_where_hops_count_no_length_is_needed(tmp_path: Path) -> None:
    ones = dict.fromkeys(KM, 1.0)
    for attributes in ({}, {"capacity": 40}, {"weight": plain, "detour": lambda km: km + 1}):
        file = write(tmp_path, "net.json", graph_of(**attributes))
        assert lengths(file, const_link_weight=True) == ones
    file = write(tmp_path, "net.json", graph_of(length=lambda km: 1000 * km))  # metres
    assert lengths(file, const_link_weight=True) == ones
    file = write(tmp_path, "net.json", graph_of(length=-5))
    assert "must be a number of km" in _first_problem(file, const_link_weight=True)


def _first_problem(file: Path, **options: Any) -> str:
    with pytest.raises(TopologyError) as error:
        load_topology(file, **options)
    return error.value.problems[0]


@pytest.mark.parametrize("name", WRITERS)
def test_one_on_every_link_is_asked_about(tmp_path: Path, name: str) -> None:
    file = write(tmp_path, name, graph_of(weight=1, d=plain))
    asked = question(file)
    assert "weight is 1 on every link" in asked
    assert "d (500 to 900)" in asked
    assert "length_key = d or length_key = weight" in asked
    assert "const_link_weight = True" in asked
    assert lengths(file, length_key="d") == KM
    ones = dict.fromkeys(KM, 1.0)
    assert lengths(file, length_key="weight") == lengths(file, const_link_weight=True) == ones


def test_one_on_every_line_is_asked_about_unless_a_name_says_km(tmp_path: Path) -> None:
    file = tmp_path / "net.txt"
    file.write_text("a b 1\nb c 1.0\n")
    assert "the third column is 1 on every link" in question(file)
    assert set(lengths(file, length_key="length_km").values()) == {1.0}
    file.write_text("source,target,length_km\na,b,1\nb,c,1\n")
    assert set(lengths(file).values()) == {1.0}


@pytest.mark.parametrize("key", ["length_m", "Length (m)", "distance_miles", "lengthInMeters"])
def test_another_unit_in_the_name_is_told(tmp_path: Path, key: str) -> None:
    file = write(tmp_path, "net.json", graph_of(**{key: plain}))
    problem = question(file)
    assert "no length" in problem
    assert f"{key} (500 to 900) is in another unit by its name" in problem
    assert lengths(file, length_key=key) == KM


def test_a_length_key_that_no_link_has(tmp_path: Path) -> None:
    file = write(tmp_path, "net.json", graph_of(dist=plain, weight=1))
    problem = question(file, length_key="lenght")
    assert problem == (
        "no link has length_key = lenght; their attributes are: dist (500 to 900), weight (always 1)"
    )


@pytest.mark.parametrize("options", [{}, {"length_key": "weight"}])
def test_longer_than_any_link_on_earth_is_refused_with_metres(
    tmp_path: Path, options: dict[str, str]
) -> None:
    graph = graph_of(weight=0.01)
    graph.edges["A", "B"]["weight"] = 150_000.0  # metres, as GNPy's graph has them behind a fibre
    problem = question(write(tmp_path, "net.graphml", graph), **options)
    assert problem == (
        "1 link is longer than 20,000 km, half the way around the Earth: link 1 (A - B): weight = 150000. "
        "Lengths are in km: divide metres by 1,000, or name the attribute that is in km with length_key"
    )
    graph.edges["A", "B"]["weight"] = 20_000.0
    assert max(lengths(write(tmp_path, "net.graphml", graph), **options).values()) == 20_000


@pytest.mark.parametrize("name", WRITERS)
def test_lengths_in_metres_are_told_once(tmp_path: Path, name: str) -> None:
    graph = graph_of(length=lambda km: km * 1000)
    graph.add_edge("C", "D", length=650_000.0)
    problem = question(write(tmp_path, name, graph))
    assert problem.startswith(
        "4 links are longer than 20,000 km, half the way around the Earth: the longest"
    )
    assert problem.endswith("length_key")
    named = [problem.find(ends) for ends in ("A - C", "B - C", "C - D")]
    assert named == sorted(named)
    assert -1 not in named
    assert "A - B" not in problem


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("500 km", "; leave out the unit and write 500"),
        ("500.5km", "; leave out the unit and write 500.5"),
        ("500 mi", "; convert it from 'mi' to km and leave out the unit"),
    ],
)
def test_a_length_with_its_unit_says_what_to_write(tmp_path: Path, value: str, hint: str) -> None:
    graph = graph_of(length=plain)
    graph.edges["A", "C"]["length"] = value
    problem = question(write(tmp_path, "net.json", graph))
    assert problem == (
        f"link 2 (A - C): length = {value}: must be a number of km from 1e-06 to 20,000{hint}"
    )


def test_an_empty_cell_is_what_null_is(tmp_path: Path) -> None:
    graph = graph_of(length=plain)
    graph.edges["A", "C"]["length"] = None
    null = question(write(tmp_path, "net.json", graph))
    graph.edges["A", "C"]["length"] = ""
    empty = question(write(tmp_path, "net.csv", graph))
    assert null == "link 2 (A - C): no length; others have theirs as length"
    assert empty == null.replace("link 2", "line 3")
    for _, _, attributes in graph.edges(data=True):
        attributes["length"] = ""
    problem = question(write(tmp_path, "net.csv", graph))
    assert problem == "no link has a length: length is empty on 3 links"


CITIES = {"A": (13.4, 52.5), "B": (8.7, 50.1), "C": (10.0, 53.6)}  # 424, 256, 400 km apart


@pytest.mark.parametrize("name", ["net.json", "net.graphml", "net.gml"])
@pytest.mark.parametrize(("factor", "right"), [(0.001, False), (1.3, True), (20, False)])
def test_lengths_far_from_the_great_circle_are_asked_about(
    tmp_path: Path, name: str, factor: float, right: bool
) -> None:
    graph = graph_of(length=lambda km: km * factor)
    for node, (longitude, latitude) in CITIES.items():
        graph.nodes[node].update({"Lon": longitude, "Lat": latitude})
    file = write(tmp_path, name, graph)
    expected = pytest.approx({ends: km * factor for ends, km in KM.items()})
    if not right:
        asked = question(file)
        assert (
            "3 of 3 links are more than 10 times as long or as short as the great circle" in asked
        )
        assert "length_key = length" in asked
        assert set(lengths(file, const_link_weight=True).values()) == {1.0}
    assert lengths(file, length_key="length" * (not right)) == expected


def test_a_detour_in_one_city_is_not_asked_about(tmp_path: Path) -> None:
    graph = graph_of(length=60)
    for place, node in enumerate(graph):
        graph.nodes[node].update(longitude=13.4 + 0.001 * place, latitude=52.5)
    assert set(lengths(write(tmp_path, "net.json", graph)).values()) == {60.0}


@pytest.mark.parametrize("name", topology_names())
def test_a_shipped_network_is_asked_nothing(name: str) -> None:
    topology = load_topology(name)
    assert topology.length_key == "length_km"
    assert topology.remarks == ()


# --- both directions -----------------------------------------------------------------------------


def test_a_link_in_one_direction_of_a_directed_file_is_told(tmp_path: Path) -> None:
    graph = nx.DiGraph([("A", "B", {"km": 5}), ("B", "A", {"km": 5}), ("B", "C", {"km": 7})])
    graph.add_edges_from([("C", "A", {"km": 9}), ("A", "C", {"km": 9})])
    for name in ("net.json", "net.graphml", "net.gml", "adjacency.json"):
        topology = load_topology(write(tmp_path, name, graph))
        assert sorted(km for _, _, km in topology.links) == [5, 7, 9]
        assert topology.remarks == (
            "the file is directed and has 1 link (B - C) in one direction only: each is taken as a link "
            "with one direction",
        )
    graph.add_edge("C", "B", km=7)
    assert load_topology(write(tmp_path, "net.json", graph)).remarks == ()


def test_both_directions_in_an_undirected_file_are_told(tmp_path: Path) -> None:
    file = write(tmp_path, "net.json", graph_of(km=plain))
    data = json.loads(file.read_text())
    assert load_topology(file).remarks == ()
    data["edges"] += [
        {**link, "source": link["target"], "target": link["source"]} for link in data["edges"][:2]
    ]
    file.write_text(json.dumps(data))
    (remark,) = load_topology(file).remarks
    assert "undirected and has 2 links (B - A, C - A) from either end" in remark
    assert "each is taken as one link with two directions" in remark
    assert lengths(file) == KM
    file.write_text(json.dumps(data | {"directed": True}))
    assert "in one direction only" in load_topology(file).remarks[0]
    del data["directed"]
    file.write_text(json.dumps(data))
    assert load_topology(file).remarks == ()
    assert load_topology(write(tmp_path, "adjacency.json", graph_of(km=plain))).remarks == ()


def test_attributes_of_nodes_may_have_any_case(tmp_path: Path) -> None:
    graph = graph_of(km=plain)
    graph.nodes["A"]["Core"] = graph.nodes["B"]["CORE"] = True
    topology = load_topology(write(tmp_path, "net.json", graph), core_nodes_only=True)
    assert topology.endpoints == (0, 1)


# --- the config ----------------------------------------------------------------------------------


def test_a_config_asks_and_is_answered(tmp_path: Path) -> None:
    file = write(tmp_path, "net.graphml", graph_of(weight=plain, detour=lambda km: km + 1))

    def config(**keys: Any) -> Any:
        return load_config("quick", {"topology_settings": {"network": str(file), **keys}})

    with pytest.raises(ConfigError, match=r"network = .*length_key = detour"):
        read_inputs(config())
    inputs = read_inputs(config(length_key="weight"))
    assert max(km for _, _, km in inputs.topology.links) == 900
    answered = content_key(config(length_key="weight"), inputs)
    nx.write_graphml(graph_of(weight=plain), file)
    assert content_key(config(), read_inputs(config())) == answered
    assert content_key(config(const_link_weight=True), inputs) != answered


def test_an_earlier_name_of_a_network_goes_on_being_taken(caplog: pytest.LogCaptureFixture) -> None:
    def key(name: str) -> str:
        config = load_config("quick", {"topology_settings": {"network": name}}, input_dirs=[])
        return content_key(config, read_inputs(config, input_dirs=[]))

    with caplog.at_level(logging.WARNING):
        earlier = key("jpn48")
    assert "jpn48 is jpn48_12576km; jpn48_18920km has other lengths" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert earlier == key("jpn48_12576km") != key("jpn48_18920km")
    assert not caplog.records


def test_the_two_jpn48_have_the_same_links_of_other_lengths() -> None:
    short, long = load_topology("jpn48_12576km"), load_topology("jpn48_18920km")
    totals = [sum(km for _, _, km in one.links) for one in (short, long)]
    assert totals == [12_576, 18_920]

    def by_name(topology: Any) -> dict[frozenset[str], float]:
        name = [topology.names[node] for node in topology.nodes]
        return {frozenset((name[a], name[b])): km for a, b, km in topology.links}

    first, second = by_name(short), by_name(long)
    assert first.keys() == second.keys()
    assert all(abs(second[ends] - 1.5 * km) <= 2 for ends, km in first.items())


def test_a_run_says_how_long_its_links_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    topology = load_topology("nsfnet_deeprmsa")
    assert lengths_text(topology) == "shortest link 150 km, mean 968.2 km, longest 2,400 km"
    graph = graph_of(dist=lambda km: km / 1000)
    file = write(tmp_path, "net.json", graph)
    assert lengths_text(load_topology(file)) == (
        "shortest link 0.5 km, mean 0.75 km, longest 0.9 km, from dist"
    )
    progress = ProgressWriter(tmp_path / "progress.jsonl")
    with caplog.at_level(logging.INFO):
        Report(load_config("quick"), {}, progress).start(topology, 5)
    progress.close()
    assert "shortest link 150 km, mean 968.2 km, longest 2,400 km" in caplog.text
