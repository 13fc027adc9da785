"""Parallel links, links in one direction only, and lengths that differ by direction."""

from __future__ import annotations

import csv
import io
import json
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.config import Config, ConfigError, load_config
from fusion.network.disjoint import disjoint_pairs
from fusion.network.parallel_links import MOST_CHOICES, choices_of
from fusion.network.path_rule import PathRule, paths_by_rule
from fusion.network.paths import PATH_ORDERS, k_shortest_paths
from fusion.network.topology import Topology, TopologyError, load_topology
from fusion.results.spectrum_table import spectrum_table
from fusion.results.tables import availability_rows, link_rows
from fusion.scenario.content import content_key
from fusion.scenario.failures import links_of_failures
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import make_scenario
from fusion.simulation.moment import moment_after
from fusion.simulation.replication import replicate
from tests.twin.cases import multigraphs

LINES = "source,target,length_km,name,one_way\n"
TWO = f"{LINES}A,B,100,north,\nA,B,120,south,\nB,C,50,,\nC,A,70,,\n"


def read(tmp_path: Path, text: str, name: str = "net.csv") -> Topology:
    (tmp_path / name).write_text(text)
    return load_topology(tmp_path / name)


def refusal(tmp_path: Path, text: str, name: str = "net.csv") -> str:
    with pytest.raises(TopologyError) as error:
        read(tmp_path, text, name)
    (problem,) = error.value.problems
    return problem


# --- reading -------------------------------------------------------------------------------------


def test_parallel_links_have_names_or_numbers(tmp_path: Path) -> None:
    topology = read(tmp_path, TWO)
    assert topology.links == ((0, 1, 100.0), (0, 1, 120.0), (1, 2, 50.0), (2, 0, 70.0))
    assert topology.link_names == ("north", "south", "", "")
    assert topology.has_parallel_links
    assert not topology.has_directions
    assert topology.remarks == (
        "1 link (A - B) is listed beside another of the same nodes: these are parallel links, each with a "
        "spectrum of its own",
    )
    assert read(tmp_path, TWO.replace("south", "north")).link_names == ("1", "2", "", "")
    assert read(tmp_path, "A,B,100\nA,B,100\nA,B,90").link_names == ("1", "2", "3")


def test_both_directions_of_parallel_links_belong_together(tmp_path: Path) -> None:
    """By name, then by length, then as they come."""
    named = f"{LINES}A,B,100,n,\nA,B,120,s,\nB,A,120,s,\nB,A,100,n,\n"
    assert read(tmp_path, named).links == ((0, 1, 100.0), (0, 1, 120.0))
    assert read(tmp_path, "A B 100\nA B 120\nB A 120\nB A 100").km_back == ()
    topology = read(tmp_path, "A B 100\nA B 120\nB A 130\nB A 100")
    assert (topology.links, topology.km_back) == (((0, 1, 100), (0, 1, 120)), (100, 130))
    assert "such as A - B: 120 km, and 130 km back" in topology.remarks[1]


def _json(directed: bool, *links: tuple[str, str, float], **more: object) -> str:
    edges = [{"source": a, "target": b, "length_km": km} for a, b, km in links]
    nodes = [{"id": node} for node in "ABC"]
    return json.dumps({"directed": directed, "nodes": nodes, "edges": edges, **more})


def test_a_directed_file_may_have_links_in_one_direction_only(tmp_path: Path) -> None:
    ring = ("A", "B", 10.0), ("B", "C", 20.0), ("C", "A", 30.0)
    topology = read(tmp_path, _json(True, *ring, ("B", "A", 10.0)), "net.json")
    assert topology.one_way == (False, True, True)
    assert topology.back_links == (0,)
    assert topology.ways[3:] == [(1, 0, 10.0, 0)]
    assert topology.remarks[0].endswith("each is taken as a link with one direction")
    topology = read(tmp_path, _json(True, *ring), "net.json")  # it has no direction back at all
    assert topology.one_way == ()
    assert topology.remarks[0].endswith("each is taken as a link with two directions")


def test_what_a_link_says_of_its_directions(tmp_path: Path) -> None:
    text = "source,target,length_km,one_way,length_back_km\nA,B,10,,12\nB,C,20,true,\nC,A,30,yes,\n"
    topology = read(tmp_path, text)
    assert topology.one_way == (False, True, True)
    assert topology.km_back[0] == 12
    assert refusal(tmp_path, text.replace("yes", "perhaps")) == (
        "line 4 (C - A): one_way = perhaps: must be true or false"
    )
    assert "must be a number of km" in refusal(tmp_path, text.replace(",12", ",far"))
    assert "has one length" in refusal(tmp_path, text.replace("yes,", "yes,31"))
    assert refusal(tmp_path, text.replace("C,A,30,yes,\n", "")) == (
        "not connected: 1 of 3 nodes have no way to node A: C"
    )


def test_an_undirected_file_lists_a_link_once(tmp_path: Path) -> None:
    links = ("A", "B", 10.0), ("B", "A", 11.0), ("B", "C", 5.0)
    told = refusal(tmp_path, _json(False, *links), "net.json")
    assert told.endswith(
        "10 km for the other direction in link 1; in an undirected file a link has one length"
    )
    same = ("A", "B", 10.0), ("B", "A", 10.0), ("B", "C", 5.0)
    assert len(read(tmp_path, _json(False, *same), "net.json").links) == 2


def test_no_traffic_starts_where_nodes_only_pass_through(tmp_path: Path) -> None:
    data = json.loads(_json(False, ("A", "B", 10.0), ("B", "C", 5.0)))
    data["nodes"][1]["pass_through"] = True
    assert read(tmp_path, json.dumps(data), "net.json").endpoints == (0, 2)


def test_names_change_no_content_key_and_directions_do(tmp_path: Path) -> None:
    def key(text: str) -> str:
        config = config_of(tmp_path, text)
        return content_key(config, read_inputs(config))

    assert key("A,B,100\n") == key(f"{LINES}A,B,100,north,\n")
    assert (
        len({key(TWO), key(TWO.replace("120", "121")), key("A B 100\nB A 101"), key("A B 100")})
        == 4
    )


# --- paths ---------------------------------------------------------------------------------------


def test_all_choices_of_links_in_exact_order() -> None:
    hops = [[(5, 0), (7, 3)], [(2, 1)], [(1, 2), (3, 4), (3, 5)]]
    every = sorted((sum(km for km, _ in one), tuple(at for _, at in one)) for one in product(*hops))
    assert choices_of(hops) == every
    assert [length for length, _ in every] == [8, 10, 10, 10, 12, 12]


def test_of_very_many_choices_each_link_is_on_one() -> None:
    random = np.random.default_rng(1)
    hops = [[(int(random.integers(1, 9)), 3 * h + n) for n in range(3)] for h in range(6)]
    hops = [sorted(links) for links in hops]
    found = choices_of(hops)
    assert len(found) == MOST_CHOICES
    assert found == sorted(set(found))
    assert {link for _, links in found for link in links} == set(range(18))
    every = sorted((sum(km for km, _ in one), tuple(at for _, at in one)) for one in product(*hops))
    assert found[: MOST_CHOICES - 3] == every[: MOST_CHOICES - 3]


def short_reach(km: float) -> float:
    return 3.3 if km <= 3 else 2.2 if km <= 5 else 1.1 if km <= 7 else 0.0


def _rank(order: str, hops: int, micro: int) -> tuple[Fraction, int, int] | None:
    if order == "km":
        return Fraction(0), micro, hops
    if order == "hops":
        return Fraction(0), hops, micro
    value = Fraction(short_reach(micro / 1e6)).limit_denominator(10**6)
    return (hops / value, hops, micro) if value else None


@given(
    topology=multigraphs(directions=True),
    k=st.integers(1, 4),
    order=st.sampled_from(PATH_ORDERS),
    separate=st.booleans(),
)
@settings(derandomize=True, deadline=None, max_examples=150)
def test_candidates_are_all_choices_of_the_k_best_routes(
    topology: Topology, k: int, order: str, separate: bool
) -> None:
    table = k_shortest_paths(topology, k, order, separate, short_reach)
    ways = list(enumerate(topology.ways))
    graph: Any = nx.DiGraph([(a, b) for _, (a, b, *_) in ways])
    for pair, (source, destination) in enumerate(table.pairs.tolist()):
        routes = []
        for nodes in map(tuple, nx.all_simple_paths(graph, source, destination)):
            hops = [[way for way in ways if way[1][:2] == hop] for hop in pairwise(nodes)]
            choices = []
            for choice in product(*hops):
                micro = sum(round(km * 1e6) for _, (*_, km, _) in choice)
                if (rank := _rank(order, len(choice), micro)) is not None:
                    links = tuple(link for _, (*_, link) in choice)
                    spectra = tuple(at if separate else link for at, (*_, link) in choice)
                    choices.append((rank, nodes, links, spectra, micro))
            if choices:
                routes.append((min(choices)[0], nodes, choices))
        wanted = sorted(each for *_, choices in sorted(routes)[:k] for each in choices)
        first, end = table.first_path[pair : pair + 2]
        found = [
            tuple(table.links[table.first_hop[path] : table.first_hop[path + 1]].tolist())
            for path in range(first, end)
        ]
        assert found == [spectra for *_, spectra, _ in wanted]
        assert table.length_km[first:end].tolist() == [micro / 1e6 for *_, micro in wanted]


@pytest.mark.parametrize("ties", ["longest", "nodes", "hash", "listed", "listed_directed"])
def test_other_rules_have_the_same_candidates(ties: str) -> None:
    links = ((0, 1, 1.0), (0, 1, 2.0), (1, 2, 1.0), (0, 2, 3.0), (0, 2, 2.0), (0, 2, 2.0))
    names = ("a", "b", "", "a", "b", "c")
    topology = Topology("net", ("0", "1", "2"), links, (0, 1, 2), {}, {}, link_names=names)
    rule = PathRule("km", ties, "km", ties)
    table = paths_by_rule(topology, 2, rule)
    pair = table.pairs.tolist().index([0, 2])
    found = {
        (
            tuple(table.links[table.first_hop[q] : table.first_hop[q + 1]].tolist()),
            table.length_km[q],
        )
        for q in range(table.first_path[pair], table.first_path[pair + 1])
    }
    assert found == {((0, 2), 2.0), ((1, 2), 3.0), ((3,), 3.0), ((4,), 2.0), ((5,), 2.0)}
    assert np.diff(table.length_km[table.first_path[pair] : table.first_path[pair + 1]]).min() >= 0


# --- disjoint paths ------------------------------------------------------------------------------


@given(topology=multigraphs(), order=st.sampled_from(["km", "hops"]), by_nodes=st.booleans())
@settings(derandomize=True, deadline=None, max_examples=150)
def test_the_first_disjoint_pair_is_the_least_of_all(
    topology: Topology, order: str, by_nodes: bool
) -> None:
    graph: Any = nx.MultiGraph()
    graph.add_nodes_from(range(len(topology.nodes)))
    for link, (a, b, _) in enumerate(topology.links):
        graph.add_edge(a, b, link)

    def cost(links: tuple[int, ...]) -> tuple[float, float]:
        km = sum(topology.links[link][2] for link in links)
        return (km, len(links)) if order == "km" else (len(links), km)

    table = disjoint_pairs(topology, 3, order, by_nodes=by_nodes)
    for pair, ends in enumerate(table.pairs.tolist()):
        every = []
        for path in nx.all_simple_edge_paths(graph, *ends):
            inner = {node for edge in path[:-1] for node in edge[:2]} - set(ends)
            every.append((tuple(link for *_, link in path), inner))
        totals = [
            tuple(np.add(cost(one), cost(other)))
            for at, (one, inner) in enumerate(every)
            for other, inner2 in every[at + 1 :]
            if not set(one) & set(other) and not (by_nodes and inner & inner2)
        ]
        found = [
            tuple(table.links[table.first_hop[q] : table.first_hop[q + 1]].tolist())
            for q in range(table.first_path[pair], table.first_path[pair + 1])
        ]
        assert bool(found) == bool(totals)
        if found:
            assert tuple(np.add(cost(found[0]), cost(found[1]))) == min(totals)
        for working, backup in zip(found[::2], found[1::2], strict=True):
            assert not set(working) & set(backup)
            assert cost(working) <= cost(backup)


# --- configurations ------------------------------------------------------------------------------


def config_of(tmp_path: Path, text: str, **keys: Any) -> Config:
    (tmp_path / "net.csv").write_text(text)
    general = {"network": str(tmp_path / "net.csv"), "num_requests": 1000, "max_iters": 2}
    return load_config(
        "quick", {"general_settings": general | {"link_directions": "separate"} | keys}
    )


def problems(config: Config) -> dict[str, str]:
    with pytest.raises(ConfigError) as error:
        read_inputs(config)
    return {problem.key: problem.message for problem in error.value.problems}


LINK = {"failure_type": "link", "failed_link_src": "A", "failed_link_dst": "B"}
LINK |= {"t_repair_after_arrivals": "200"}


def test_a_failure_names_one_of_parallel_links(tmp_path: Path) -> None:
    config = config_of(tmp_path, TWO, **LINK)
    assert problems(config) == {
        "failed_link_name": "must name one of the links between A and B: north, south"
    }
    config = config_of(tmp_path, TWO, **LINK, failed_link_name="west")
    assert (
        "is no link between A and B, which have north, south"
        in problems(config)["failed_link_name"]
    )
    config = config_of(tmp_path, TWO, **LINK, failed_link_name="south")
    inputs = read_inputs(config)
    assert links_of_failures(config.failure_settings, inputs.topology) == [[1]]
    scenario = make_scenario(config, inputs)
    assert scenario.failure is not None
    assert scenario.failure.schedule[0].links.tolist() == [False, True, False, False] * 2
    group = "[(A, B, south), (C, B)]"
    config = config_of(tmp_path, TWO, **LINK | {"failure_type": "srlg", "srlg_links": group})
    assert config.failure_settings.srlg_links == group
    assert links_of_failures(config.failure_settings, inputs.topology) == [[1, 2]]
    config = config_of(tmp_path, TWO, **LINK | {"failure_type": "srlg", "srlg_links": "[(A, B)]"})
    assert "must name one of the links" in problems(config)["srlg_links"]


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"candidate_order": "link_disjoint"}, ["candidate_order"]),
        (
            {
                "conventions": "fusion",
                "path_order": "km",
                "bit_rates": "distribution",
                "link_directions": "shared",
            },
            ["conventions"],
        ),
    ],
)
def test_what_does_not_work_with_parallel_links(
    tmp_path: Path, keys: dict[str, str], wrong: list[str]
) -> None:
    found = problems(config_of(tmp_path, TWO, **keys))
    assert [key for key in found if "parallel links" in found[key]] == wrong


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"link_directions": "shared"}, "link_directions"),
        ({"candidate_ties": "listed", "path_ties": "listed"}, "path_ties"),
        ({"candidate_order": "link_disjoint"}, "candidate_order"),
        ({"protection_mode": "1plus1"}, "protection_mode"),
    ],
)
def test_what_does_not_work_with_links_whose_directions_differ(
    tmp_path: Path, keys: dict[str, str], wrong: str
) -> None:
    for text in (f"{LINES}A,B,10,,\nB,C,20,,true\nC,A,30,,1\n", "A B 10\nB A 11\nB C 20\nC A 30"):
        assert wrong in problems(config_of(tmp_path, text, **keys))
        read_inputs(config_of(tmp_path, text))


def test_tables_name_parallel_links(tmp_path: Path) -> None:
    config = config_of(
        tmp_path, TWO, **LINK, failed_link_name="south", c_band=30, erlang_start=50, erlang_stop=50
    )
    scenario = make_scenario(config, read_inputs(config, quiet=True))
    done = [replicate(scenario, 50.0, number, 100) for number in range(2)]
    rows = link_rows(done, scenario, 0.95)
    assert [row["link"] for row in rows] == ["north", "south", "", ""] * 2
    assert list(rows[0])[1:4] == ["source", "destination", "link"]
    assert all(row["utilisation"] > 0 for row in rows)
    rows = availability_rows(done, scenario, 0.95)
    down = [(row["source"], row["link"]) for row in rows[1:] if row["outages"]]
    assert down == [("A", "south"), ("B", "south")]
    moment = moment_after(scenario, 50.0, 0, 100, 900)
    names = {row["link"] for row in csv.DictReader(io.StringIO(spectrum_table(scenario, moment)))}
    assert {"north", ""} <= names


# --- slots and cores that differ by link ---------------------------------------------------------

UNEQUAL = "source,target,length_km,c_band,cores_per_link\nA,B,100,70,\nB,C,50,,1\nC,A,70,0,\n"


def test_links_have_their_own_slots_and_cores(tmp_path: Path) -> None:
    config = config_of(tmp_path, UNEQUAL, c_band=100, l_band=20, cores_per_link=2)
    scenario = make_scenario(config, read_inputs(config, quiet=True))
    free = np.bitwise_count(scenario.network.spectrum).sum(axis=2)
    planes = [(plane.core, plane.band) for plane in scenario.planes]
    assert planes == [(0, "c"), (0, "l"), (1, "c"), (1, "l")]
    assert free.T.tolist() == [[70, 20, 70, 20], [100, 20, 0, 0], [0, 20, 0, 20]] * 2
    assert int(scenario.network.spectrum[0, 0, 1]) == 2**6 - 1  # from the lowest slot up
    assert scenario.link_slots == (180, 120, 40) * 2
    done = replicate(scenario, 400.0, 0, 100)
    busy = done.links.utilisation
    assert 0 < busy.min() < busy.max() <= 1
    assert done.traffic.blocked.sum() > 0
    moment = moment_after(scenario, 400.0, 0, 100, 900)
    for row in csv.DictReader(io.StringIO(spectrum_table(scenario, moment))):
        end = int(row["first_slot"]) + int(row["slots"]) + int(row["guard_slots"])
        link = scenario.links.index((row["source"], row["destination"]))
        assert end <= free[planes.index((int(row["core"]), row["band"])), link]


def test_a_link_with_all_slots_changes_nothing(tmp_path: Path) -> None:
    keys = {"c_band": 100, "cores_per_link": 2}
    text = "source,target,length_km,c_band\nA,B,100,{}\nB,C,50,\nC,A,70,\n"
    found = []
    for slots in (100, ""):
        config = config_of(tmp_path, text.format(slots), **keys)
        scenario = make_scenario(config, read_inputs(config, quiet=True))
        found.append(replicate(scenario, 300.0, 0, 100))
    one, other = found
    assert one.traffic.blocked.tolist() == other.traffic.blocked.tolist()
    assert one.links.utilisation == pytest.approx(other.links.utilisation)


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"c_band": 60}, "c_band"),
        ({"allocation_method": "mscl"}, "allocation_method"),
        ({"route_method": "cong_aware"}, "route_method"),
        ({"protection_mode": "1plus1", "route_method": "cong_aware"}, "route_method"),
    ],
)
def test_what_does_not_work_with_unequal_links(
    tmp_path: Path, keys: dict[str, Any], wrong: str
) -> None:
    assert wrong in problems(config_of(tmp_path, UNEQUAL, **({"c_band": 100} | keys)))
    read_inputs(config_of(tmp_path, UNEQUAL, c_band=100))


@pytest.mark.parametrize(
    "keys",
    [
        {"protection_mode": "1plus1"},
        {"protection_mode": "1plus1", "backup_slots": "same"},
        {"protection_mode": "shared_backup", "revert_to_primary": True},
    ],
)
def test_backups_fit_on_links_with_fewer_slots(tmp_path: Path, keys: dict[str, Any]) -> None:
    text = "source,target,length_km,c_band\nA,B,100,10\nB,C,50,24\nC,A,70,\n"
    config = config_of(tmp_path, text, c_band=40, **keys)
    scenario = make_scenario(config, read_inputs(config, quiet=True))
    done = replicate(scenario, 60.0, 0, 200)
    busy = done.links.utilisation
    assert 0 < busy.min() < busy.max() <= 1
    assert busy[scenario.links.index(("A", "B"))] > 0.5
    assert done.traffic.blocked.sum() > 0


def test_what_a_link_says_of_its_slots_is_checked(tmp_path: Path) -> None:
    told = refusal(tmp_path, UNEQUAL.replace(",70,\n", ",7.5,\n", 1))
    assert told == "line 2 (A - B): c_band = 7.5: must be a whole number from 0"
