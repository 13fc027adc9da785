"""What turns the conventions of the original FUSION on, what they exclude, and when they stop."""

import json
import math
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pytest

from fusion.config.config import Config, ConfigError, Problem, ignored_keys, load_config, to_ini
from fusion.config.features import FEATURES, REFUSED
from fusion.config.limits_as_fusion import ONLY
from fusion.config.relevant_fields import relevant_fields
from fusion.config.sections import HOME, SECTIONS
from fusion.kernel.fusion_full import ROW
from fusion.network.formats_as_fusion import by_length, by_reach, first_that_reaches
from fusion.network.modulation import load_modulation
from fusion.network.paths_as_fusion import paths_as_listed
from fusion.network.topology import load_topology
from fusion.results.load_file_as_fusion import write_load_file_as_fusion
from fusion.results.replication_file import from_record, to_record
from fusion.results.stopping import make_rule
from fusion.results.stopping_as_fusion import FusionRule, half_width, width_percent
from fusion.scenario.content import content_key
from fusion.scenario.inputs import read_inputs
from fusion.scenario.requests_as_fusion import draw_requests
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.scenario.service_as_fusion import segments
from fusion.simulation.moments_as_fusion import described
from fusion.simulation.replication import replicate
from fusion.simulation.replication_as_fusion import trajectory

ON = {"compatibility_settings": {"conventions": "fusion"}}
SHARES = {"25": 0.1, "50": 0.1, "100": 0.5, "200": 0.2, "400": 0.1}


def fusion_config(**changes: dict[str, Any]) -> Config:
    overrides: dict[str, Any] = {
        "general_settings": {
            "num_requests": 200,
            "request_distribution": SHARES,
            "max_segments": 1,
            "max_iters": 20,
        },
        "topology_settings": {"cores_per_link": 1},
        **ON,
    }
    for section, keys in changes.items():
        overrides[section] = overrides.get(section, {}) | keys
    return load_config("default", overrides)


def fusion_scenario(**changes: dict[str, Any]) -> Scenario:
    config = fusion_config(**changes)
    return make_scenario(config, read_inputs(config))


def problems(**changes: dict[str, Any]) -> list[Problem]:
    with pytest.raises(ConfigError) as error:
        read_inputs(fusion_config(**changes))
    return error.value.problems


# --- the switch ----------------------------------------------------------------------------------


def test_off_is_the_default_and_changes_no_content() -> None:
    default, off = load_config("quick"), {"compatibility_settings": {"conventions": "none"}}
    assert default.compatibility_settings.conventions == "none"
    assert load_config("quick", off) == default
    assert not any("compatibility" in name for name in relevant_fields(default))
    inputs = read_inputs(default)
    assert content_key(load_config("quick", off), inputs) == content_key(default, inputs)


def test_keys_of_fusion_count_only_with_its_conventions(tmp_path: Path) -> None:
    path = tmp_path / "my.ini"
    path.write_text(
        "[general_settings]\npre_calc_mod_selection = True\nnum_requests = 100\n"
        "[rl_settings]\nis_training = True\npath_algorithm = first_fit\n"
    )
    keys = {(problem.section, problem.key) for problem in ignored_keys(path)}
    assert keys == {
        ("general_settings", "pre_calc_mod_selection"),
        ("rl_settings", "is_training"),
        ("rl_settings", "path_algorithm"),
    }
    assert load_config(path).topology_settings.cores_per_link == 1
    assert [problem.key for problem in ignored_keys(path, ON)] == ["path_algorithm"]
    config = load_config(path, ON)
    assert config.compatibility_settings.pre_calc_mod_selection
    assert config.compatibility_settings.is_training
    assert config.topology_settings.cores_per_link == 3
    frozen = tmp_path / "frozen.ini"
    frozen.write_text(to_ini(config))
    assert load_config(frozen) == config


def test_there_is_no_warmup() -> None:
    config = fusion_config()
    assert config.warmup_requests(300.0) == 0
    assert fusion_config(simulation_settings={"warmup_requests": 0}).warmup_requests(300.0) == 0


@pytest.mark.parametrize(
    ("section", "key", "value", "hint"),
    [
        ("general_settings", "route_method", "frag_aware", "cong_aware or external_ksp"),
        ("general_settings", "route_method", "xt_aware", "not among the candidates"),
        (
            "general_settings",
            "allocation_method",
            "last_fit",
            "first_fit, priority_first or xt_aware",
        ),
        ("general_settings", "guard_slots", 2, "must be 0 or 1"),
        ("routing_settings", "path_order", "hops", "must be km"),
        ("routing_settings", "path_choice", "all", "must be in_order"),
        ("topology_settings", "link_directions", "separate", "must be shared"),
        ("traffic_settings", "bit_rates", "uniform", "must be distribution"),
        ("traffic_settings", "holding_distribution", "deterministic", "must be exponential"),
        ("simulation_settings", "seed", 1, "number of the replication"),
        ("simulation_settings", "warmup_requests", 100, "must be auto or 0"),
        ("statistics_settings", "stopping_rule", "precision", "must be fixed"),
        ("general_settings", "num_requests", 101, "50: "),
        ("snr_settings", "snr_recheck", True, "must be False"),
        ("routing_settings", "congestion_weight", 0.5, "must be 0.3"),
        ("general_settings", "num_requests", 20_000_000, "at most 10,000,000"),
    ],
)
def test_what_cannot_be_had_is_refused(section: str, key: str, value: object, hint: str) -> None:
    found = problems(**{section: {key: value}})
    assert [problem.key for problem in found] == [key]
    assert "conventions = fusion" in found[0].message
    assert hint.replace("50: ", "'50': 10") in found[0].message


HONOURED = {
    *("erlang_start", "erlang_stop", "erlang_step", "holding_time", "num_requests", "max_iters"),
    *(
        "request_distribution",
        "mod_assumption",
        "mod_assumption_path",
        "guard_slots",
        "route_method",
    ),
    *("allocation_method", "spectrum_priority", "max_segments", "is_grooming_enabled"),
    *("dynamic_lps", "channel_capacity"),
    *(
        "fixed_grid",
        "can_partially_serve",
        "frag_calc_step",
        "network",
        "cores_per_link",
        "bw_per_slot",
    ),
    *("const_link_weight", "length_key", "is_only_core_node", "k_paths", "workers", "confidence"),
    *("c_band", "l_band", "s_band", "o_band", "e_band"),
}
WITHOUT_EFFECT = {
    *("bit_rate_min", "bit_rate_max", "bit_rate_step"),
    *("relative_precision", "absolute_precision", "min_replications", "look_ahead"),
    *("path_ties_salt", "interfering_routes", "capacity_widths", "spectrum_classes"),
}
"""As what they belong to is refused; and so are the other keys of failures and protection."""


def test_what_becomes_of_every_key_is_known() -> None:
    idle = {
        key
        for section in (
            "failure_settings",
            "protection_settings",
            "snr_settings",
        )  # quality: by its model
        for key in SECTIONS[section].model_fields
    }
    ours = set(SECTIONS["compatibility_settings"].model_fields)
    refused = {
        key
        for named, *others in REFUSED
        for example in FEATURES[named].examples
        for key in FEATURES[named].found(example)
        if others == ["fusion"]
    }
    unknown = set(HOME) - HONOURED - WITHOUT_EFFECT - idle - ours - refused - set(ONLY)
    assert not unknown, f"say in features.py or limits_as_fusion.py what becomes of {unknown}"


def test_what_cannot_be_had_together_is_refused(tmp_path: Path) -> None:
    matrix = tmp_path / "matrix.csv"
    matrix.write_text("0,1\n1,0\n")
    for changes, key in (
        ({"general_settings": {"allocation_method": "priority_first"}}, "cores_per_link"),
        (
            {"general_settings": {"max_segments": 2, "is_grooming_enabled": True}},
            "is_grooming_enabled",
        ),
        ({"traffic_settings": {"traffic_matrix": str(matrix)}}, "traffic_matrix"),
        (
            {
                "failure_settings": {
                    "failure_type": "node",
                    "failed_node_id": "1",
                    "t_repair_after_arrivals": 0,
                }
            },
            "failure_type",
        ),
        (
            {"general_settings": {"request_distribution": {"50": 0.5, "100": 0.5}}},
            "request_distribution",
        ),
        ({"general_settings": {"mod_assumption": "deeprmsa_reach"}}, "mod_assumption"),
    ):
        assert key in [problem.key for problem in problems(**changes)], changes


@pytest.mark.parametrize(
    ("general", "others", "key", "hint"),
    [
        ({"allocation_method": "xt_aware"}, {"cores_per_link": 3}, "cores_per_link", "must be 1"),
        ({"dynamic_lps": True}, {"snr_type": "snr_calc_nli"}, "dynamic_lps", "with gsnr it works"),
        ({}, {"snr_type": "gsnr"}, "snr_type", "needs dynamic_lps or is_grooming_enabled"),
        ({}, {"snr_type": "xt_calculation"}, "cores_per_link", "must be 7"),
        (
            {"dynamic_lps": True, "max_segments": 4, "is_grooming_enabled": True},
            {"snr_type": "gsnr"},
            "can_partially_serve",
            "must be True",
        ),
        (
            {"route_method": "external_ksp"},
            {"network": "USbackbone60", "const_link_weight": True},
            "const_link_weight",
            "must be False",
        ),
        (
            {"route_method": "cong_aware"},
            {"conventions": "fusion_orchestrator"},
            "route_method",
            "blocks every request",
        ),
        (
            {"is_grooming_enabled": True},
            {"conventions": "fusion_orchestrator"},
            "is_grooming_enabled",
            "not compared",
        ),
    ],
)
def test_what_fusion_cannot_do_with_the_rest_is_refused(
    general: dict[str, Any], others: dict[str, Any], key: str, hint: str
) -> None:
    changes: dict[str, dict[str, Any]] = {"general_settings": general}
    for other, value in others.items():
        changes.setdefault(HOME[other], {})[other] = value
    found = [line for line in map(str, problems(**changes)) if f"{key} = " in line]
    assert found
    assert hint in found[0]


def test_fusions_own_paths_need_no_file() -> None:
    scenario = fusion_scenario(general_settings={"route_method": "external_ksp"})
    assert scenario.conventions is not None
    assert scenario.conventions.rules is None  # on other networks it finds them itself
    tabled = fusion_scenario(
        general_settings={"route_method": "external_ksp"},
        topology_settings={"network": "USbackbone60"},
        routing_settings={"k_paths": 5},
    )
    assert tabled.conventions is not None
    assert tabled.conventions.rules is not None
    assert tabled.candidates.rank.max() == 2  # three of each pair
    served = (tabled.conventions.rules.tries[:, :, 0, 1] > 0).any(axis=1)
    paths = served[tabled.conventions.rules.path[:-1, ROW]]
    assert paths.sum() == 14 * 13 * 3  # of its core nodes


def test_a_table_says_what_signal_quality_needs_of_its_formats(tmp_path: Path) -> None:
    gsnr = {"snr_type": "gsnr"}
    general = {"dynamic_lps": True, "max_segments": 4, "fixed_grid": True}
    found = problems(general_settings=general, snr_settings=gsnr)
    assert [problem.key for problem in found] == ["channel_capacity"]
    assert "not there: 600, 800" in found[0].message  # of DEFAULT, whose highest is 400
    table = {rate: {"QAM": {"max_length": 3000, "slots_needed": 2}} for rate in SHARES}
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"mine": table}))
    own = {"mod_assumption": "mine", "mod_assumption_path": str(path)}
    found = problems(general_settings=own | {"is_grooming_enabled": True}, snr_settings=gsnr)
    assert {problem.key for problem in found} == {"snr_thresholds", "phi"}


def test_checking_it_loads_no_compiler() -> None:
    over = {
        "general_settings": {
            "num_requests": 200,
            "request_distribution": SHARES,
            "max_segments": 1,
            "is_grooming_enabled": True,
        },
        "snr_settings": {"snr_type": "gsnr"},
        **ON,
    }
    code = (
        "import sys; from fusion import load_config, read_inputs\n"
        f"read_inputs(load_config('default', {over!r})); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"numba", "pandas", "matplotlib", "prefect"}


def test_the_formats_of_neighbours_are_part_of_the_content_with_gsnr() -> None:
    general = {"is_grooming_enabled": True}
    phi = {"QPSK": 0.5, "16-QAM": 0.5, "64-QAM": 0.5, "8-QAM": 0.5, "32-QAM": 0.5, "BPSK": 0.5}
    fields = relevant_fields(
        fusion_config(general_settings=general, snr_settings={"snr_type": "gsnr", "phi": phi})
    )
    assert "snr_settings.phi" in fields


def test_without_slices_the_orchestrator_decides_as_fusion_does() -> None:
    newer = {"compatibility_settings": {"conventions": "fusion_orchestrator"}}
    plain = fusion_scenario(general_settings={"max_segments": 1})
    other = fusion_scenario(general_settings={"max_segments": 1}, **newer)
    assert other.conventions is not None
    assert plain.conventions is not None
    assert other.conventions.rules is None
    first, second = (
        trajectory(each, each.conventions, 900.0, 0) for each in (plain, other) if each.conventions
    )
    assert np.array_equal(first.outcome, second.outcome)
    assert np.array_equal(first.lightpath, second.lightpath)


@pytest.mark.parametrize(
    "key", ["load_per_core", "is_training", "pre_calc_mod_selection", "save_start_end_slots"]
)
def test_its_switches_are_refused_without(key: str) -> None:
    with pytest.raises(ConfigError, match="only read with conventions = fusion"):
        load_config("quick", {"compatibility_settings": {key: True}})


def test_tables_that_fusion_would_retry_are_refused(tmp_path: Path) -> None:
    table = {
        rate: {
            "QPSK": {"max_length": 3000, "slots_needed": 2},
            "16-QAM": {"max_length": 2000, "slots_needed": 3},
        }
        for rate in SHARES
    }
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"mine": table}))
    own = {"mod_assumption": "mine", "mod_assumption_path": str(path)}
    found = problems(general_settings=own)
    assert [problem.key for problem in found] == ["mod_assumption"]
    assert "QPSK at 25 Gb/s" in found[0].message
    found = problems(general_settings=own | {"pre_calc_mod_selection": True})
    assert [problem.key for problem in found] == ["pre_calc_mod_selection"]
    assert "lacks 64-QAM at 25 Gb/s" in found[0].message
    found = problems(general_settings=own | {"max_segments": 2})
    assert {problem.key for problem in found} == {"mod_assumption", "max_segments"}


# --- requests, paths, formats --------------------------------------------------------------------


def test_quotas_are_kept_and_the_seed_is_the_number_plus_one() -> None:
    scenario = fusion_scenario()
    assert scenario.conventions is not None
    requests = draw_requests(scenario.conventions.stream, 300.0, 0)
    assert np.bincount(requests.bit_rate).tolist() == [20, 20, 100, 40, 20]
    numbers = np.random.RandomState(1).random_sample(2)
    assert requests.arrival[0] == (-1.0 / (300.0 / 0.2)) * np.log(numbers[0])
    assert requests.holding[0] == (-1.0 / (1.0 / 0.2)) * np.log(numbers[1])
    again = draw_requests(scenario.conventions.stream, 300.0, 0)
    assert all(np.array_equal(a, b) for a, b in zip(requests, again, strict=True))
    other = draw_requests(scenario.conventions.stream, 300.0, 1)
    assert not np.array_equal(requests.pair, other.pair)


def test_core_nodes_are_in_the_order_of_their_list() -> None:
    topology = load_topology("USbackbone60", core_nodes_only=True)
    names = [topology.nodes[node] for node in topology.endpoints_as_listed]
    assert names[:5] == ["51", "46", "59", "55", "23"]
    assert sorted(topology.endpoints_as_listed) == list(topology.endpoints)
    everywhere = load_topology("USbackbone60")
    assert everywhere.endpoints_as_listed == everywhere.endpoints


def test_paths_come_in_no_order_of_ours() -> None:
    topology = load_topology("NSFNet")
    paths = paths_as_listed(topology, 4)
    assert all(len(found) == 4 for found in paths.values())
    reverse = {pair: [path[::-1] for path in found] for pair, found in paths.items()}
    differing = sum(paths[a, b] != reverse[b, a] for a, b in paths)
    assert differing == 24  # of 182, as was found with FUSION


def test_a_remainder_is_dropped_and_25_is_not_sliced() -> None:
    table = segments([25.0, 400.0, 500.0], [10.0, 25.0, 400.0])
    assert table[0].tolist() == [[0, 0]] * 3
    assert table[1].tolist() == [[4, 16], [3, 40], [0, 0]]
    assert table[2].tolist() == [[5, 1], [4, 20], [3, 50]]


def test_formats_by_length_and_by_reach() -> None:
    table = load_modulation("DEFAULT")
    km = np.array([0.0, 916.0, 916.1, 2375.0, 2375.1, 5540.0, 5540.1])
    single, first = by_length(table, [100.0], km), first_that_reaches(table, [100.0], km)
    assert single.slots[:, 0].tolist() == [2, 2, 2, 2, 4, 4, 0]
    assert np.array_equal(single.formats, first.formats)
    assert np.array_equal(single.slots, first.slots)
    assert [entry.reach_km for entry in by_reach(table, 100.0)] == [916, 2375, 5540]


# --- stopping, counters, files -------------------------------------------------------------------


def test_it_stops_at_the_first_narrow_interval() -> None:
    values = [0.10, 0.12, 0.11, 0.11]
    rule = FusionRule(10, is_training=False)
    assert [rule.add(value, 100) for value in values[:3]] == [None, None, None]
    assert half_width(values) == 1.645 * stdev(values) / 2
    assert width_percent(values) == pytest.approx(200 * half_width(values) / mean(values))
    equal = FusionRule(10, is_training=False)
    assert [equal.add(0.1, 100) for _ in range(2)] == [None, "precision"]
    training = FusionRule(3, is_training=True)
    assert [training.add(0.1, 100) for _ in range(3)] == [None, None, "max_iters"]
    never = FusionRule(3, is_training=False)
    assert [never.add(0.0, 100) for _ in range(3)] == [None, None, "max_iters"]
    assert width_percent([0.0, 0.0]) == math.inf


def test_a_config_has_this_rule() -> None:
    training = {"compatibility_settings": {"conventions": "fusion", "is_training": True}}
    assert make_rule(fusion_config()).add(0.1, 1) is None
    rule = make_rule(fusion_config())
    assert [rule.add(0.1, 1), rule.add(0.1, 1)] == [None, "precision"]
    rule = make_rule(fusion_config(**training))
    assert [rule.add(0.1, 1), rule.add(0.1, 1)] == [None, None]


def test_moments_are_those_of_the_values() -> None:
    values = np.array([1.5, 2.25, 2.25, 10.0])
    found = described(values)
    assert found == {"mean": 4.0, "std": stdev(values.tolist()), "min": 1.5, "max": 10.0}
    assert described(values[:1]) == {"mean": 1.5, "std": 0.0, "min": 1.5, "max": 1.5}
    assert described(values[:0]) == {"mean": None, "std": None, "min": None, "max": None}


def test_a_replication_survives_its_file_and_fills_fusions(tmp_path: Path) -> None:
    scenario = fusion_scenario(
        general_settings={"max_segments": 4, "can_partially_serve": True},
        spectrum_settings={"c_band": 60, "l_band": 20},
    )
    done = [replicate(scenario, 600.0, number, 0) for number in range(3)]
    again = [from_record(json.loads(json.dumps(to_record(each)))) for each in done]
    for name, replications in (("a", done), ("b", again)):
        write_load_file_as_fusion(tmp_path / name, replications, is_training=False)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    file = json.loads((tmp_path / "a").read_text())
    blocking = [each.blocking_probability for each in done]
    assert file["blocking_mean"] == mean(blocking) > 0
    assert file["ci_rate_block"] == half_width(blocking)
    assert file["ci_percent_block"] == width_percent(blocking)
    last = file["iter_stats"]["2"]
    assert last["sim_block_list"] == blocking
    assert file["iter_stats"]["0"]["sim_block_list"] == blocking[:1]
    assert last["block_reasons_dict"] == {"distance": 1.0, "congestion": 0.0, "xt_threshold": 0.0}
    assert sum(last["path_index_list"]) == round((1 - blocking[2]) * 200)
    assert sum(last["block_bw_dict"].values()) == round(blocking[2] * 200)
    formats = ("QPSK", "16-QAM", "64-QAM")
    counted = sum(last["mods_used_dict"][rate][name] for rate in SHARES for name in formats)
    assert counted == done[2].served.lightpaths == sum(last["cores_dict"].values())
    in_band = sum(last["mods_used_dict"][name]["l"] for name in formats)
    assert in_band == done[2].served.lightpaths_by_plane[1] > 0
    realized = last["demand_realization_ratio"]
    assert realized["overall"]["num_full_served"] + done[2].connections.partly_served <= 200
    assert realized["overall"]["min"] < 1


def test_a_single_replication_has_fusions_zeros(tmp_path: Path) -> None:
    scenario = fusion_scenario()
    done = replicate(scenario, 900.0, 0, 0)
    write_load_file_as_fusion(tmp_path / "a", [done], is_training=False)
    file = json.loads((tmp_path / "a").read_text())
    assert file["blocking_mean"] == done.blocking_probability
    assert (file["blocking_variance"], file["ci_rate_block"], file["ci_percent_block"]) == (0, 0, 0)


@pytest.mark.parametrize(("guard", "behind"), [(0, -1), (1, 1)])
def test_slots_of_lightpaths_are_listed_as_fusion_does(guard: int, behind: int) -> None:
    listing = {"save_start_end_slots": "True", "guard_slots": guard}
    scenario = fusion_scenario(general_settings=listing)
    record = replicate(scenario, 300.0, 0, 0).fusion
    assert scenario.conventions is not None
    assert record is not None
    found = trajectory(scenario, scenario.conventions, 300.0, 0)
    assert record["start_slot_list"] == found.lightpath[:, 3].tolist()
    slots = scenario.network.width - guard
    wanted = [
        start + slots[scenario.network.width_row[path], column] + behind
        for _, path, _, start, column in found.lightpath.tolist()
    ]
    assert record["end_slot_list"] == wanted
    silent = replicate(fusion_scenario(), 300.0, 0, 0).fusion
    assert silent is not None
    assert silent["start_slot_list"] == silent["end_slot_list"] == []


def test_grooming_changes_nothing_as_no_lightpath_has_anything_to_spare() -> None:
    plain, grooming = (
        replicate(fusion_scenario(general_settings=keys), 900.0, 0, 0)
        for keys in ({}, {"is_grooming_enabled": True, "can_partially_serve": True})
    )
    assert plain.traffic.blocked.sum() > 0
    assert np.array_equal(plain.traffic.blocked, grooming.traffic.blocked)
    assert grooming.connections.groomed == 0
