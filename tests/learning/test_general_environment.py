"""Environments with signal quality, impairments and failures measure what the simulator measures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray

from fusion.config.config import ConfigError
from fusion.learning import ID, EonEnv, evaluate
from fusion.results.measured import Replication
from fusion.results.replication_file import to_record
from fusion.scenario.scenario import Scenario
from fusion.simulation.connections import ConnectionSimulation
from fusion.simulation.replication import replicate
from tests.learning.scenes import equal, play
from tests.twin.cases import first_requests

LOAD = 260.0
THRESHOLDS = {"QPSK": 12.0, "8-QAM": 15.0, "16-QAM": 18.0, "32-QAM": 21.0, "64-QAM": 24.0}


def overrides(requests: int = 600, warmup: int = 200, **sections: Any) -> dict[str, Any]:
    general = {"num_requests": requests, "frag_calc_step": 50, **sections.pop("general", {})}
    return {
        "general_settings": general,
        "simulation_settings": {"warmup_requests": warmup},
        **{f"{name}_settings": values for name, values in sections.items()},
    }


def snr(kind: str, **more: Any) -> dict[str, Any]:
    return {"snr_type": kind, "snr_thresholds": {"BPSK": 9.0, **THRESHOLDS}, **more}


QUALITY: dict[str, dict[str, Any]] = {
    "noise of one band": {"snr": snr("snr_calc_nli", input_power=2e-3)},
    "noise": {"snr": snr("gsnr", input_power=2e-3)},
    "neighbours go on to work": {"snr": snr("gsnr", input_power=2e-3, snr_recheck=True)},
    "two bands": {
        "snr": snr("gsnr", input_power=2e-3, snr_recheck=True, recheck_crossband=True),
        "spectrum": {"c_band": 40, "l_band": 40},
    },
    "cores": {
        "snr": {
            "snr_type": "xt_calculation",
            "requested_xt": {"BPSK": -34, **dict.fromkeys(THRESHOLDS, -37.0)},
        },
        "topology": {"cores_per_link": 7},
        "spectrum": {"c_band": 24},
    },
    "channels": {
        "snr": snr("gsnr", input_power=4e-3),
        "topology": {"bw_per_slot": 50},
        "spectrum": {"c_band": 24},
        "general": {"fixed_grid": True, "guard_slots": 0},
    },
    "no warm-up": {"snr": snr("gsnr", input_power=2e-3), "warmup": 0},
    "more than a chunk": {
        "snr": snr("gsnr", input_power=2e-3),
        "requests": 1500,
        "warmup": 1023,
    },
}


@pytest.mark.parametrize("name", QUALITY)
def test_the_first_action_measures_what_kspff_measures(name: str) -> None:
    env = EonEnv("quick", overrides(**QUALITY[name]), load=LOAD)
    done = play(env, 3)
    wanted = replicate(env.scenario, LOAD, 3, env.setting.warmup_requests)
    assert wanted.quality.blocked_by_quality > 0
    assert wanted.quality.noise_to_signal > 0.0
    assert equal(done, wanted)


def test_more_blocks_find_good_places_that_first_fit_does_not() -> None:
    sections = overrides(**QUALITY["channels"])
    blocked = [
        play(EonEnv("quick", sections, load=LOAD, blocks=blocks), 3).traffic.blocked.sum()
        for blocks in (1, 4)
    ]
    assert blocked[1] < blocked[0]


SLICES: dict[str, dict[str, Any]] = {
    "alike": {"general": {"max_segments": 4}},
    "in part": {"general": {"max_segments": 3, "can_partially_serve": True}},
    "good": {**QUALITY["noise"], "general": {"max_segments": 4}},
    "good and not alike": {
        **QUALITY["neighbours go on to work"],
        "general": {"max_segments": 4, "dynamic_lps": True},
    },
}


def kspff_with_slices(env: EonEnv) -> Any:
    """Take the first path with a place for the whole request; else the first that carries most of it."""
    whole_is = np.float32(1.0 / env.setting.config.general_settings.max_segments)
    names, paths = env.layout.names, env.layout.paths
    first = names.index("path 0: hops")
    at = [names.index(f"path 0: {what}") - first for what in ("carried", "lightpaths")]

    def choose(observation: NDArray[np.float32], mask: NDArray[np.int8]) -> int:
        carried, lightpaths = paths(observation)[:, at].T
        assert np.array_equal(mask[:-1] == 1, carried > 0.0)
        is_whole = (carried == 1.0) & (lightpaths == whole_is)
        if is_whole.any():
            return int(is_whole.argmax())
        return int(carried.argmax()) if carried.any() else len(mask) - 1

    return choose


@pytest.mark.parametrize("name", SLICES)
def test_requests_are_sliced_on_the_path_of_an_action(name: str) -> None:
    env = EonEnv("quick", overrides(**SLICES[name]), load=1.4 * LOAD)
    done = play(env, 3, kspff_with_slices(env))
    wanted = replicate(env.scenario, 1.4 * LOAD, 3, 200)
    assert wanted.connections.sliced > 20
    assert wanted.traffic.blocked.sum() > 0
    assert (wanted.connections.partly_served > 0) == (name == "in part")
    if "snr" in SLICES[name]:  # the loop tries slices on all paths in turn, which rounds the noise
        assert same_counts(done, wanted)
    else:
        assert equal(done, wanted)


def test_a_part_of_a_request_is_rewarded_by_its_share() -> None:
    env = EonEnv("quick", overrides(**SLICES["in part"]), load=1.4 * LOAD, blocked_reward=-0.5)
    observation, info = env.reset(options={"replication": 1})
    at = env.layout.names.index("path 0: carried") - env.layout.names.index("path 0: hops")
    shares = set()
    for _ in range(600):
        action = int(np.argmax(info["action_mask"]))
        share = 0.0
        if action < env.layout.actions - 1:
            share = float(env.layout.paths(observation)[action, at])
        observation, reward, _, _, info = env.step(action)
        assert reward == pytest.approx(share - 0.5 * (1.0 - share), abs=1e-6)
        shares.add(share)
    assert {0.0, 1.0} < shares


def table(folder: Path, scenario: Scenario) -> Path:
    """Write a file of signal quality in which the upper slots of all first paths are bad."""
    rows = ["source,destination,path,band,slot,gsnr_db"]
    rows += [
        f"{a},{b},{path},c,{slot},{10 if path == 1 and slot > 20 else 22}"
        for a, b in scenario.pairs
        for path in range(1, 6)
        for slot in range(100)
    ]
    file = folder / "quality.csv"
    file.write_text("\n".join(rows))
    return file


def test_the_first_action_measures_what_kspff_measures_with_quality_from_a_file(
    tmp_path: Path,
) -> None:
    file = table(tmp_path, EonEnv("quick").scenario)
    kind = snr("snr_e2e_external_resources", quality_file=str(file))
    env = EonEnv("quick", overrides(snr=kind), load=LOAD)
    done = play(env, 1)
    assert done.quality.blocked_by_quality > 0
    assert equal(done, replicate(env.scenario, LOAD, 1, 200))


POLICIES: dict[str, dict[str, Any]] = {
    "paths by interference": {"general": {"route_method": "nli_aware"}},
    "paths by crosstalk": {
        "general": {"route_method": "xt_aware"},
        "topology": {"cores_per_link": 7},
        "spectrum": {"c_band": 16},
    },
    "cores by crosstalk, and quality": {
        **QUALITY["cores"],
        "general": {"allocation_method": "xt_aware"},
    },
    "random fit, and quality": {
        **QUALITY["noise"],
        "general": {"allocation_method": "random_fit"},
    },
}


@pytest.mark.parametrize("name", POLICIES)
def test_the_policy_of_the_config_warms_up(name: str) -> None:
    """Until the agent is asked all is as in a run; measured by what is up when nothing more is served."""
    sections = overrides(requests=1, warmup=800, **POLICIES[name])
    env = EonEnv("quick", sections, load=LOAD, warm_up="policy")
    env.reset(options={"replication": 2})
    env.step(env.layout.actions - 1)
    done, wanted = env.measured(), replicate(env.scenario, LOAD, 2, 800)
    # The one request that the agent blocks is shorter than what was set up before it.
    assert done.links.fragmentation.sum() > 0.0
    assert np.array_equal(done.links.fragmentation, wanted.links.fragmentation)
    assert done.links.utilisation == pytest.approx(wanted.links.utilisation, rel=0.02)


def test_light_is_found_where_the_policy_that_looks_at_it_left_it() -> None:
    sections = overrides(**POLICIES["cores by crosstalk, and quality"])
    scenario = EonEnv("quick", sections, load=LOAD).scenario
    assert scenario.service is not None
    simulation = ConnectionSimulation(scenario, scenario.service, LOAD)
    simulation.serve(first_requests(scenario.traffic, LOAD, 1, 0, 400))
    light = simulation._state.light
    wanted = [each.copy() for each in light]
    assert all(each.any() for each in wanted)
    for each in light:
        each[...] = 3
    simulation.find_light()
    assert all(np.array_equal(a, b) for a, b in zip(light, wanted, strict=True))


def test_a_policy_that_looks_at_light_restores_connections_of_an_agent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail, met = ConnectionSimulation.fail, []

    def looked_at(simulation: ConnectionSimulation, *arguments: Any) -> Any:
        for happens in (False, True):
            met.append(fail(simulation, *arguments) if happens else None)
            light = simulation._state.light
            before = [each.copy() for each in light]
            simulation.find_light()
            assert all(np.array_equal(a, b) for a, b in zip(light, before, strict=True))
        return met[-1]

    monkeypatch.setattr(ConnectionSimulation, "fail", looked_at)
    failure = {**FAILURES["at random"], "restoration": "reroute"}
    sections = overrides(failure=failure, **POLICIES["cores by crosstalk, and quality"])
    assert play(EonEnv("quick", sections, load=LOAD), 0).failures.restored > 0
    assert len(met) > 2


FAILURES: dict[str, dict[str, Any]] = {
    "at random": {"failure_type": "random", "mtbf": 4, "mtbf_of": "link", "mttr": 0.3},
    "at a request": {
        "failure_type": "node",
        "failed_node_id": 5,
        "t_fail_arrival_index": 100,
        "t_repair_after_arrivals": 300,
    },
    "at a time": {
        "failure_type": "link",
        "failed_link_src": 2,
        "failed_link_dst": 3,
        "t_fail_time": 0.1,
        "t_repair_after_time": 0.3,
        "further_failures": [{"failure_type": "node", "failed_node_id": 8, "t_fail_time": 0.2}],
    },
}


def same_counts(done: Replication, wanted: Replication) -> bool:
    """Say whether two replications counted the same, and measured the same up to rounding."""
    one, other = to_record(done), to_record(wanted)
    return all(
        np.array_equal(one[name], other[name])
        if np.issubdtype(np.asarray(one[name]).dtype, np.integer)
        else np.allclose(one[name], other[name], rtol=1e-9)
        for name in one.keys() - {"fusion"}
    )


@pytest.mark.parametrize("restoration", ["none", "reroute", "wait"])
@pytest.mark.parametrize("name", FAILURES)
def test_failures_interrupt_what_they_interrupt_in_the_simulator(
    name: str, restoration: str
) -> None:
    failure = {**FAILURES[name], "restoration": restoration}
    env = EonEnv("quick", overrides(failure=failure), load=180.0)
    done, wanted = play(env, 4), replicate(env.scenario, 180.0, 4, 200)
    assert wanted.failures.interrupted > 0
    assert (wanted.failures.restored > 0) == (restoration == "reroute")
    assert same_counts(done, wanted)


def test_what_failures_need_is_compiled_before_the_first_request_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail, called = ConnectionSimulation.fail, []

    def noted(simulation: ConnectionSimulation, *arguments: Any) -> Any:
        called.append(simulation)
        return fail(simulation, *arguments)

    monkeypatch.setattr(ConnectionSimulation, "fail", noted)
    env = EonEnv("quick", overrides(failure={**FAILURES["at random"], "mtbf": 1e9}), load=LOAD)
    play(env, 0)
    play(env, 1)
    assert len(called) == 1
    assert env.measured().failures.link_outages.sum() == 0


@pytest.mark.parametrize("restoration", ["none", "reroute", "wait"])
def test_failures_and_quality_at_once(restoration: str) -> None:
    failure = {**FAILURES["at random"], "restoration": restoration}
    env = EonEnv("quick", overrides(failure=failure, **QUALITY["noise"]), load=LOAD)
    done, wanted = play(env, 4), replicate(env.scenario, LOAD, 4, 200)
    assert wanted.failures.interrupted > 0
    assert wanted.quality.blocked_by_quality > 0
    assert equal(done, wanted)


@pytest.mark.parametrize("more", [{}, QUALITY["noise"]], ids=["any quality", "quality"])
def test_a_path_that_is_down_is_shown_and_never_offered(more: dict[str, Any]) -> None:
    failure = FAILURES["at random"]
    env = EonEnv("quick", overrides(failure=failure, **more), load=20.0, observation="spectrum")
    network, layout = env.scenario.network, env.layout
    observation, info = env.reset(options={"replication": 0})
    down_seen = up_seen = 0
    for _ in range(700):
        simulation: Any = env._batch._simulation[0]  # type: ignore[attr-defined]
        down = simulation.links.down > 0
        paths = layout.paths(observation["features"])
        source, destination = np.flatnonzero(observation["features"][: 2 * len(layout.nodes)])
        ends = (layout.nodes[source], layout.nodes[destination - len(layout.nodes)])
        pair = env.scenario.pairs.index(ends)
        first, end = network.first_path[[pair, pair + 1]]
        assert not observation["free"][down].any()
        for place, path in enumerate(range(first, end)):
            links = network.links[network.first_hop[path] : network.first_hop[path + 1]]
            is_down = bool(down[links].any())
            assert paths[place, -1] == is_down
            if is_down:
                assert info["action_mask"][place] == 0
                assert paths[place, 1] == 0.0
            down_seen += is_down
            up_seen += not is_down
        observation, _, _, _, info = env.step(int(np.argmax(info["action_mask"])))
    assert down_seen > 50
    assert up_seen > 50


GENERAL: dict[str, dict[str, Any]] = {
    "quality": {"overrides": overrides(60, 20, **QUALITY["two bands"]), "blocks": 2},
    "failures": {
        "overrides": overrides(60, 20, failure=FAILURES["at random"]),
        "observation": "spectrum",
        "warm_up": "policy",
    },
    "impairments": {"overrides": overrides(60, 20, general={"route_method": "nli_aware"})},
    "slices": {"overrides": overrides(60, 20, **SLICES["in part"]), "blocks": 2},
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", GENERAL)
def test_gymnasium_finds_nothing_wrong(name: str) -> None:
    env = gymnasium.make(ID, config="quick", load=LOAD, **GENERAL[name])
    check_env(env.unwrapped)


def test_names_say_what_the_numbers_are() -> None:
    failure = FAILURES["at random"]
    env = EonEnv("quick", overrides(failure=failure, **QUALITY["noise"]), load=LOAD, blocks=2)
    assert env.layout.names[-5:] == (
        *("path 4: width of block 0", "path 4: margin of block 0"),
        *("path 4: width of block 1", "path 4: margin of block 1"),
        "path 4: down",
    )
    observation, _ = env.reset(seed=1)
    assert len(env.layout.names) == len(observation) == env.layout.size
    assert env.layout.paths(observation).shape == (5, 14)


def test_what_an_agent_measures_is_compared_with_a_policy_of_the_simulator() -> None:
    sections = overrides(**QUALITY["noise"])
    done = evaluate(
        lambda _, masks: masks.argmax(axis=1), "quick", sections, load=LOAD, replications=3
    )
    scenario = EonEnv("quick", sections).scenario
    wanted = [replicate(scenario, LOAD, number, 200) for number in range(3)]
    assert all(equal(a, b) for a, b in zip(done.replications, wanted, strict=True))


def test_protection_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigError, match=r"protection_mode .*an action selects one path"):
        EonEnv("quick", {"protection_settings": {"protection_mode": "1plus1"}})
