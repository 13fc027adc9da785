"""What only the loop that follows FUSION step by step can do: its decisions are FUSION's, and its twin's."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from fusion_full_twin import Full, FullTwin
from fusion_twin import Lightpath, Served, Setting, Table, draw
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.config import load_config
from fusion.kernel.fusion_loop import PATH, TRANSPONDERS
from fusion.network.slicing import PER_GBPS
from fusion.network.topology import load_topology
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.simulation.replication_as_fusion import replicate_as_fusion, trajectory
from fusion.simulation.trajectory_as_fusion import Trajectory

DECISIONS = json.loads(
    (Path(__file__).parents[1] / "data" / "fusion_decisions.json").read_text(encoding="utf-8")
)
SLOW_TWINS = (
    "GSNR, flexible",
    "GSNR, flexible, grooming",
    "GSNR of two bands, flexible",
    "GSNR of two bands, flexible, full",
    "orchestrator, table of paths",
    "orchestrator, two cores",
    "orchestrator, one format",
    "congestion, two cores",
    "congestion, partial, two bands",
    "table of paths, slices",
    "table of paths, service in part",
)
"""Settings whose twin takes more than a few seconds."""


@cache
def scenario_of(name: str) -> Scenario:
    """Return the scenario of a setting."""
    config = load_config("default", whole(name))
    return make_scenario(config, read_inputs(config))


def whole(name: str) -> dict[str, dict[str, Any]]:
    """Return the config of a setting, with its loads and without the bands of the template."""
    given = DECISIONS[name]
    config = json.loads(json.dumps(given["config"]))
    config["general_settings"] |= dict.fromkeys(("erlang_start", "erlang_stop"), given["erlang"])
    dark = {f"{band}_band": 0 for band in "clsoe"}
    return dict(config) | {"spectrum_settings": dark | config["spectrum_settings"]}


def settings_of(name: str) -> tuple[Setting, Full]:
    """Return what the twin needs to know of a setting."""
    given, config = DECISIONS[name], whole(name)
    general, snr = config["general_settings"], config["snr_settings"]
    network, core_only = config["topology_settings"]["network"], config["topology_settings"]
    topology = load_topology(network, core_nodes_only=not core_only["is_only_core_node"])
    nodes = topology.nodes
    table = json.loads(
        (
            Path(__file__).parents[2]
            / "fusion/shipped/modulations"
            / f"{general['mod_assumption']}.json"
        ).read_text(encoding="utf-8")
    )[general["mod_assumption"]]
    listed = [nodes[node] for node in topology.endpoints_as_listed]
    setting = Setting(
        lines=[(nodes[a], nodes[b], km) for a, b, km in topology.links],
        table={rate: formats for rate, formats in table.items() if rate.isdigit()},
        shares=general["request_distribution"],
        erlang=given["erlang"],
        num_requests=general["num_requests"],
        k_paths=config["routing_settings"]["k_paths"],
        cores=core_only["cores_per_link"],
        bands=tuple(
            (band, config["spectrum_settings"][f"{band}_band"])
            for band in "cl"
            if config["spectrum_settings"][f"{band}_band"]
        ),
        guard=general["guard_slots"],
        priority=general["spectrum_priority"],
        pre_calc=general["pre_calc_mod_selection"],
        fixed_grid=general["fixed_grid"],
        max_segments=general["max_segments"],
        partial=general["can_partially_serve"],
        holding_time=general["holding_time"],
        per_core=config["compatibility_settings"]["load_per_core"],
        core_nodes=None if core_only["is_only_core_node"] else listed,
    )
    external: frozenset[frozenset[str]] = frozenset()
    if general["route_method"] == "external_ksp" and network == "USbackbone60":
        cores = load_topology(network, core_nodes_only=True).endpoints
        external = frozenset(frozenset(pair) for pair in combinations([nodes[n] for n in cores], 2))
    defaults = load_config("default", {}).snr_settings
    full = Full(
        route=general["route_method"],
        external=external,
        orchestrator=config["compatibility_settings"]["conventions"] == "fusion_orchestrator",
        snr=snr["snr_type"],
        slot_ghz=core_only["bw_per_slot"],
        xt_noise=snr["xt_noise"],
        egn=snr["egn_model"],
        phi=dict(defaults.phi),
        requested_xt=dict(defaults.requested_xt),
        grooms=general["is_grooming_enabled"],
        dynamic=general["dynamic_lps"],
    )
    return setting, full


def served_by(scenario: Scenario, found: Trajectory) -> list[Served]:
    """Return what was decided in the words of the twin."""
    network = scenario.network
    pair_of = [
        pair
        for pair in range(len(scenario.pairs))
        for _ in range(network.first_path[pair], network.first_path[pair + 1])
    ]
    lightpaths: dict[int, list[Lightpath]] = {}
    for (request, path, plane, start, _), (_, name, rate) in zip(
        found.lightpath.tolist(), found.made.tolist(), strict=True
    ):
        nodes = [scenario.pairs[pair_of[path]][0]]
        for link in network.links[network.first_hop[path] : network.first_hop[path + 1]]:
            a, b = scenario.links[link]
            nodes.append(b if nodes[-1] == a else a)
        at = scenario.planes[plane]
        gbps = f"{scenario.lightpaths.bit_rates_gbps[rate]:g}"
        lightpaths.setdefault(request, []).append(
            Lightpath(
                tuple(nodes), at.core, at.band, start, scenario.lightpaths.formats[name], gbps
            )
        )
    return [
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


def decided(scenario: Scenario, load: float, iteration: int) -> list[Served]:
    assert scenario.conventions is not None
    assert scenario.conventions.rules is not None
    return served_by(scenario, trajectory(scenario, scenario.conventions, load, iteration))


def fingerprint(served: list[Served]) -> dict[str, Any]:
    """Return a hash of decisions, and how many requests are blocked and lightpaths set up."""
    lines = [
        ("+" if one.routed else "-")
        + " ".join(
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


@pytest.mark.parametrize("name", DECISIONS)
def test_decisions_are_those_of_fusion_itself(name: str) -> None:
    given = DECISIONS[name]
    found = fingerprint(decided(scenario_of(name), given["erlang"], given["iteration"]))
    assert found == {key: given[key] for key in found}


def same_as_twin(name: str) -> None:
    setting, full = settings_of(name)
    requests = draw(setting, DECISIONS[name]["iteration"])
    wanted = FullTwin(setting, full).run(requests)
    found = decided(scenario_of(name), setting.erlang, DECISIONS[name]["iteration"])
    for number, (mine, theirs) in enumerate(zip(found, wanted, strict=True)):
        assert mine == theirs, (number, requests[number])


@pytest.mark.parametrize("name", [name for name in DECISIONS if name not in SLOW_TWINS])
def test_decisions_are_those_of_the_twin(name: str) -> None:
    same_as_twin(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in DECISIONS if name in SLOW_TWINS])
def test_further_decisions_are_those_of_the_twin(name: str) -> None:
    same_as_twin(name)


@pytest.mark.parametrize("name", [name for name in DECISIONS if "counters" in DECISIONS[name]])
def test_counters_are_those_of_fusion_itself(name: str) -> None:
    given, scenario = DECISIONS[name], scenario_of(name)
    assert scenario.conventions is not None
    done = replicate_as_fusion(scenario, scenario.conventions, given["erlang"], given["iteration"])
    record = dict(done.fusion or {})
    record["sim_block_list"] = [done.blocking_probability]
    record["sim_br_block_list"] = [done.bit_rate_blocking_probability]
    used = record["mods_used_dict"]
    record["weights"] = {
        rate: {name: each["mean"] for name, each in formats.items() if each["mean"] is not None}
        for rate, formats in record["weights_dict"].items()
    }
    record["mods"] = {rate: each for rate, each in used.items() if rate.isdigit()}
    record["snr_by_format"] = {
        name: each["snr"]["overall"]
        for name, each in used.items()
        if not name.isdigit() and isinstance(each["snr"]["overall"], dict)
    }
    record["realized"] = record["demand_realization_ratio"]["overall"]
    found = {key: record[key] for key in given["counters"]}
    mine, theirs = flat(found), flat(given["counters"])
    assert mine.keys() == theirs.keys()
    numbers = {place for place, leaf in theirs.items() if isinstance(leaf, float)}
    assert {place: leaf for place, leaf in mine.items() if place not in numbers} == {
        place: leaf for place, leaf in theirs.items() if place not in numbers
    }
    for place in numbers:
        assert mine[place] == pytest.approx(theirs[place], rel=1e-9, abs=1e-9), place


def flat(value: Any, at: str = "") -> dict[str, Any]:
    """Return the leaves of JSON data by their place."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = dict(enumerate(value)).items()
    else:
        return {at: value}
    return {place: leaf for key, one in items for place, leaf in flat(one, f"{at}/{key}").items()}


@st.composite
def random_cases(draw: st.DrawFn) -> tuple[Setting, Full, int]:
    """Small networks with ties in length, and tables in which farther formats may take fewer slots."""
    count = draw(st.integers(2, 6))
    links = {(draw(st.integers(0, node - 1)), node) for node in range(1, count)}
    others = [(a, b) for b in range(count) for a in range(b) if (a, b) not in links]
    if others:
        links |= set(draw(st.lists(st.sampled_from(others), max_size=5)))
    lines = [
        (f"n{a}", f"n{b}", float(draw(st.sampled_from([100, 200, 300, 450.5]))))
        for a, b in draw(st.permutations(sorted(links)))
    ]
    kind = draw(st.sampled_from(["None", "snr_calc_nli", "xt_calculation", "gsnr", "None"]))
    newer = kind == "None" and draw(st.booleans())
    dynamic = kind == "gsnr" and draw(st.booleans())
    grooms = kind == "gsnr" and (draw(st.booleans()) or not dynamic)
    fixed = draw(st.booleans()) if kind == "gsnr" else False
    rates = ("200", "400", "600") if kind == "gsnr" else ("25", "50", "100", "200")
    formats = (
        ("64-QAM", "16-QAM", "QPSK", "BPSK") if kind == "gsnr" else ("64-QAM", "16-QAM", "QPSK")
    )
    if fixed and dynamic:
        rates = ("200", "400", "600", "800")
    table: Table = {}
    for rate in rates:
        reaches = sorted(draw(st.lists(st.integers(100, 1500), min_size=4, max_size=4)))
        table[rate] = {
            name: {"max_length": reach, "slots_needed": draw(st.integers(1, 5))}
            for name, reach in zip(formats, reaches, strict=False)
        }
    segments = draw(st.sampled_from([1, 2, 4, 8]))
    if grooms and not dynamic:
        segments = 1
    if newer:
        segments = max(2, segments)
    bands = draw(st.sampled_from([(("c", 12),), (("c", 9), ("l", 13))]))
    setting = Setting(
        lines=lines,
        table=table,
        shares=dict.fromkeys(table, 1 / len(table)),
        erlang=float(draw(st.integers(3, 30))),
        num_requests=20 * len(table),
        k_paths=draw(st.integers(1, 4)),
        cores=7 if kind == "xt_calculation" else draw(st.integers(1, 2)),
        bands=bands[:1] if kind in ("snr_calc_nli", "xt_calculation") else bands,
        guard=draw(st.integers(0, 1)),
        priority=draw(st.sampled_from(["None", "CSB", "BSC"])),
        pre_calc=kind != "gsnr" and draw(st.booleans()),
        fixed_grid=fixed,
        max_segments=segments,
        partial=(grooms and dynamic) or draw(st.booleans()),
        holding_time=draw(st.sampled_from([0.2, 3600.0])),
    )
    full = Full(
        route="cong_aware"
        if not newer and (kind == "None" or draw(st.booleans()))
        else "k_shortest_path",
        orchestrator=newer,
        snr=kind,
        slot_ghz=draw(st.sampled_from([12.5, 50.0])),
        xt_noise=draw(st.booleans()),
        egn=draw(st.booleans()),
        grooms=grooms,
        dynamic=dynamic,
    )
    return setting, full, draw(st.integers(0, 1000))


@settings(max_examples=40, deadline=None)
@given(random_cases())
def test_decisions_on_random_networks(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[Setting, Full, int]
) -> None:
    setting, full, iteration = case
    folder = tmp_path_factory.mktemp("case")
    network = folder / "network.txt"
    network.write_text("".join(f"{a}\t{b}\t{km}\n" for a, b, km in setting.lines))
    (folder / "table.json").write_text(json.dumps({"random": setting.table}))
    mode = "fusion_orchestrator" if full.orchestrator else "fusion"
    config = load_config(
        "default",
        {
            "general_settings": {
                "erlang_start": setting.erlang,
                "erlang_stop": setting.erlang,
                "num_requests": setting.num_requests,
                "request_distribution": setting.shares,
                "holding_time": setting.holding_time,
                "mod_assumption": "random",
                "mod_assumption_path": str(folder / "table.json"),
                "guard_slots": setting.guard,
                "spectrum_priority": setting.priority,
                "max_segments": setting.max_segments,
                "can_partially_serve": setting.partial,
                "pre_calc_mod_selection": setting.pre_calc,
                "fixed_grid": setting.fixed_grid,
                "route_method": full.route,
                "is_grooming_enabled": full.grooms,
                "dynamic_lps": full.dynamic,
            },
            "topology_settings": {
                "network": str(network),
                "cores_per_link": setting.cores,
                "is_only_core_node": True,
                "bw_per_slot": full.slot_ghz,
            },
            "routing_settings": {"k_paths": setting.k_paths},
            "spectrum_settings": {f"{band}_band": 0 for band in "clsoe"}
            | {f"{band}_band": slots for band, slots in setting.bands},
            "snr_settings": {
                "snr_type": full.snr,
                "xt_noise": full.xt_noise,
                "egn_model": full.egn,
            },
            "compatibility_settings": {"conventions": mode, "load_per_core": False},
        },
    )
    scenario = make_scenario(config, read_inputs(config))
    snr = config.snr_settings
    full = full._replace(phi=dict(snr.phi), requested_xt=dict(snr.requested_xt))
    requests = draw(setting, iteration)
    wanted = FullTwin(setting, full).run(requests)
    found = decided(scenario, setting.erlang, iteration)
    for number, (mine, theirs) in enumerate(zip(found, wanted, strict=True)):
        assert mine == theirs, (number, requests[number])
