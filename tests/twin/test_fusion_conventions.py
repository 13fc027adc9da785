"""With FUSION's conventions every decision is that of its slow twin: path, core, band, first slot, format."""

from __future__ import annotations

import hashlib
import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fusion_twin import FusionTwin, Lightpath, Served, Setting, Table, draw
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.config import load_config
from fusion.config.shipped import FUSION_NETWORKS
from fusion.kernel.fusion_loop import LIGHTPATHS, PATH, TRANSPONDERS
from fusion.network.slicing import PER_GBPS
from fusion.network.topology import load_topology
from fusion.scenario.conventions import Conventions
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.simulation.replication_as_fusion import trajectory

SHARES = {"25": 0.1, "50": 0.1, "100": 0.5, "200": 0.2, "400": 0.1}
BANDS = {"C": (("c", 320),), "C+L": (("c", 60), ("l", 60))}
DATA = Path(__file__).parents[1] / "data" / "fusion_fingerprints.json"
FINGERPRINTS = json.loads(DATA.read_text(encoding="utf-8"))
WITH_CORE_NODES = ("USbackbone60", "Spainbackbone30")
"""Networks that are tested with their 14 core nodes, to have fewer pairs."""

LOADS = {
    "NSFNet": 300,
    "USNet": 500,
    "Pan-European": 600,
    "USbackbone60": 300,
    "Spainbackbone30": 900,
    "geant": 900,
    "toy_network": 500,
    "metro_net": 500,
    "dt_network": 700,
    "Japan12": 400,
}


def fusion_table() -> Table:
    file = Path(__file__).parents[2] / "fusion" / "shipped" / "modulations" / "DEFAULT.json"
    table = json.loads(file.read_text(encoding="utf-8"))["DEFAULT"]
    return {rate: formats for rate, formats in table.items() if rate.isdigit()}


def fusion_setting(network: str, **values: Any) -> Setting:
    """Return what FUSION's files say of one of its networks."""
    core = network in WITH_CORE_NODES
    topology = load_topology(network, core_nodes_only=core)
    nodes = topology.nodes
    lines = [(nodes[a], nodes[b], km) for a, b, km in topology.links]
    listed = [nodes[node] for node in topology.endpoints_as_listed]
    given = {"lines": lines, "table": fusion_table(), "shares": SHARES, "k_paths": 3}
    given |= {"erlang": float(LOADS[network]), "core_nodes": listed if core else None}
    return Setting(**given | values)


def make(setting: Setting, network: str, table_file: Path | None = None) -> Scenario:
    """Return the scenario of a setting, with FUSION's conventions."""
    bands = {f"{band}_band": 0 for band in "clsoe"} | {
        f"{band}_band": slots for band, slots in setting.bands
    }
    overrides: dict[str, Any] = {
        "general_settings": {
            "erlang_start": setting.erlang,
            "erlang_stop": setting.erlang,
            "num_requests": setting.num_requests,
            "request_distribution": setting.shares,
            "holding_time": setting.holding_time,
            "guard_slots": setting.guard,
            "spectrum_priority": setting.priority,
            "max_segments": setting.max_segments,
            "can_partially_serve": setting.partial,
            "pre_calc_mod_selection": setting.pre_calc,
            "fixed_grid": setting.fixed_grid,
        },
        "topology_settings": {
            "network": network,
            "cores_per_link": setting.cores,
            "is_only_core_node": setting.core_nodes is None,
        },
        "routing_settings": {"k_paths": setting.k_paths},
        "spectrum_settings": bands,
        "compatibility_settings": {"conventions": "fusion", "load_per_core": setting.per_core},
    }
    if table_file is not None:
        overrides["general_settings"] |= {
            "mod_assumption": "random",
            "mod_assumption_path": str(table_file),
        }
    config = load_config("default", overrides)
    return make_scenario(config, read_inputs(config))


def fingerprint(served: list[Served]) -> dict[str, Any]:
    """Return a hash of decisions, and how many requests are blocked and lightpaths set up."""
    lines = [
        " ".join(
            f"{'-'.join(each.path)}/{each.core}{each.band}{each.start}/{each.format}/{each.rate}"
            for each in one.lightpaths
        )
        for one in served
    ]
    return {
        "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        "blocked": sum(not one.routed for one in served),
        "lightpaths": sum(len(one.lightpaths) for one in served),
    }


def conventions_of(scenario: Scenario) -> Conventions:
    assert scenario.conventions is not None
    return scenario.conventions


def decisions(scenario: Scenario, load: float, iteration: int) -> tuple[list[Served], Any]:
    """Return what the simulator decides, in the words of the twin, and its requests."""
    conventions, network = conventions_of(scenario), scenario.network
    found = trajectory(scenario, conventions, load, iteration)
    lightpaths: dict[int, list[Lightpath]] = {}
    for request, path, plane, start, column in found.lightpath.tolist():
        nodes = [scenario.pairs[found.requests.pair[request]][0]]
        for link in network.links[network.first_hop[path] : network.first_hop[path + 1]]:
            a, b = scenario.links[link]
            nodes.append(b if nodes[-1] == a else a)
        at = scenario.planes[plane]
        name = scenario.lightpaths.formats[
            scenario.lightpaths.format_by_row[network.width_row[path], column]
        ]
        rate = f"{scenario.lightpaths.bit_rates_gbps[scenario.lightpaths.rate_of_column[column]]:g}"
        lightpath = Lightpath(tuple(nodes), at.core, at.band, start, name, rate)
        lightpaths.setdefault(request, []).append(lightpath)
    served = [
        Served(
            bool(outcome[PATH] >= 0),
            tuple(lightpaths.get(number, ())),
            int(outcome[TRANSPONDERS]),
            int(unserved) // PER_GBPS,
        )
        for number, (outcome, unserved) in enumerate(
            zip(found.outcome, found.unserved, strict=True)
        )
    ]
    assert [len(each.lightpaths) for each in served] == found.outcome[:, LIGHTPATHS].tolist()
    return served, found


def assert_equal(scenario: Scenario, setting: Setting, iteration: int) -> list[Served]:
    """Compare requests and decisions of an iteration one by one, and the set-ups on each link."""
    requests, twin = draw(setting, iteration), FusionTwin(setting)
    wanted = twin.run(requests)
    served, found = decisions(scenario, setting.erlang, iteration)
    assert np.array_equal(found.requests.arrival, [request.arrive for request in requests])
    assert np.allclose(
        found.requests.arrival + found.requests.holding,
        [request.depart for request in requests],
        rtol=1e-15,
    )
    ends = [scenario.pairs[pair] for pair in found.requests.pair]
    assert ends == [(request.source, request.destination) for request in requests]
    for number, (mine, theirs) in enumerate(zip(served, wanted, strict=True)):
        assert mine == theirs, (number, requests[number])
    if wanted[-1].routed:
        count = [twin.setups.get(link, 0) for link in scenario.links]
        assert found.setups.tolist() == count
    return wanted


@pytest.mark.parametrize("network", FUSION_NETWORKS)
def test_decisions_on_fusions_networks(network: str) -> None:
    number = list(FUSION_NETWORKS).index(network)
    setting = fusion_setting(
        network,
        num_requests=200,
        cores=1 + number % 3,
        per_core=number % 2 == 0,
        guard=number % 2,
        bands=(("c", 30), ("l", 25)),
        priority=("None", "BSC", "CSB")[number // 3 % 3],
        max_segments=(1, 4)[number % 2],
        pre_calc=number % 4 == 1,
    )
    setting = setting._replace(erlang=9 * setting.erlang)
    served = assert_equal(make(setting, network), setting, iteration=number)
    # Both rely on networkx for the paths; this does not.
    assert fingerprint(served) == FINGERPRINTS[network]


@pytest.mark.slow
@pytest.mark.parametrize("network", FUSION_NETWORKS)
@pytest.mark.parametrize("cores", [1, 2, 3])
def test_all_decisions_on_fusions_networks(network: str, cores: int) -> None:
    for guard, bands, slices in product((0, 1), BANDS.values(), (1, 4)):
        setting = fusion_setting(
            network, num_requests=500, cores=cores, guard=guard, bands=bands, max_segments=slices
        )
        setting = setting._replace(erlang=setting.erlang * cores)
        assert_equal(make(setting, network), setting, iteration=0)


@st.composite
def random_cases(draw: st.DrawFn) -> tuple[Setting, int]:
    """Small networks with ties in length, and tables in which farther formats take no fewer slots."""
    count = draw(st.integers(2, 6))
    links = {(draw(st.integers(0, node - 1)), node) for node in range(1, count)}
    others = [(a, b) for b in range(count) for a in range(b) if (a, b) not in links]
    if others:
        links |= set(draw(st.lists(st.sampled_from(others), max_size=5)))
    order = draw(st.permutations(sorted(links)))
    lines = [
        (f"n{a}", f"n{b}", float(draw(st.sampled_from([100, 200, 300, 450.5])))) for a, b in order
    ]
    rates = draw(st.permutations([10, 25, 50, 100, 200]))[: draw(st.sampled_from([2, 4, 5]))]
    # FUSION goes by the names in one place and by the reaches in another.
    names = draw(st.permutations(("64-QAM", "16-QAM", "QPSK")))
    table: Table = {}
    for rate in rates:
        reaches = sorted(draw(st.lists(st.integers(100, 1500), min_size=3, max_size=3)))
        slots = sorted(draw(st.lists(st.integers(1, 8), min_size=3, max_size=3)))
        table[str(rate)] = {
            name: {"max_length": reach, "slots_needed": width}
            for name, reach, width in zip(names, reaches, slots, strict=True)
        }
    equal = 1 / len(rates)
    bands = draw(st.sampled_from([(("c", 12),), (("c", 70),), (("c", 9), ("l", 13))]))
    setting = Setting(
        lines=lines,
        table=table,
        shares=dict.fromkeys(table, equal),
        erlang=float(draw(st.integers(3, 30))),
        num_requests=20 * len(rates),
        k_paths=draw(st.integers(1, 4)),
        cores=draw(st.integers(1, 3)),
        bands=bands,
        guard=draw(st.integers(0, 1)),
        priority=draw(st.sampled_from(["None", "CSB", "BSC"])),
        pre_calc=draw(st.booleans()),
        fixed_grid=draw(st.booleans()),
        max_segments=draw(st.sampled_from([1, 2, 4, 8])),
        partial=draw(st.booleans()),
        holding_time=draw(st.sampled_from([0.2, 3600.0])),
        per_core=draw(st.booleans()),
    )
    return setting, draw(st.integers(0, 1000))


@settings(max_examples=40, deadline=None)
@given(random_cases())
def test_decisions_on_random_networks(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[Setting, int]
) -> None:
    setting, iteration = case
    folder = tmp_path_factory.mktemp("case")
    network = folder / "network.txt"
    network.write_text("".join(f"{a}\t{b}\t{km}\n" for a, b, km in setting.lines))
    (folder / "table.json").write_text(json.dumps({"random": setting.table}))
    assert_equal(make(setting, str(network), folder / "table.json"), setting, iteration)
