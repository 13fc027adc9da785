"""`fusion ties`: rules for ties compared on the same requests, by what the store keeps, whatever ends it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fusion.config.config import load_config
from fusion.network.path_rule import count_ties
from fusion.network.paths import PathTable
from fusion.results.comparison import blocking_difference
from fusion.scenario.candidate_paths import candidate_paths
from fusion.scenario.inputs import read_inputs
from fusion.scenario.path_rules import path_rule
from fusion.scenario.scenario import make_scenario
from fusion.simulation.replication import replicate
from fusion.sweep.point_file import write_points
from fusion.sweep.point_state import point_states
from fusion.sweep.store import Store
from fusion.sweep.tie_rules import (
    BASE,
    SAME_PATHS,
    rows_of_rules,
    rules_for,
    rules_with_paths_of_another,
    states_to_compute,
    sweep_of_rules,
)
from fusion_flows.command import sweep_cli
from fusion_flows.command import ties as command
from fusion_flows.command.sweeps import states_of
from fusion_flows.runs.time_expressions import ArgumentError

from .test_load_search import ours
from .test_sweep import computed

REQUESTS, LOADS, REPLICATIONS = 3000, (180.0, 200.0), 3
WORDS = ("-s", f"num_requests={REQUESTS}", "--loads", "180, 200", "--replications", "3")


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    here = {
        "FUSION_STORE_DIR": str(folder / "store"),
        "TMPDIR": str(folder),
        "OF_TEST": str(folder),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "fusion_flows.command.cli", "ties", "quick", *words],
        cwd=folder,
        env={**os.environ, **here},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(folder: Path, *words: str) -> tuple[int, str, str]:
    process = start(folder, *words)
    out, told = process.communicate(timeout=300)
    return process.returncode, out, told


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """Return a folder with a store, what was found, and what was told."""
    folder = tmp_path_factory.mktemp("ties")
    code, out, told = run(folder, *WORDS, "--salts", "1", "--json")
    assert code == 0, told
    return folder, json.loads(out), told


def blocked(keys: dict[str, Any], load: float) -> tuple[list[int], list[int]]:
    """Return blocked and offered requests of each replication, simulated here."""
    general = {"num_requests": REQUESTS}
    config = load_config("quick", {"general_settings": general, "routing_settings": keys})
    scenario = make_scenario(config, read_inputs(config))
    done = [
        replicate(scenario, load, number, config.warmup_requests(load))
        for number in range(REPLICATIONS)
    ]
    return [int(one.traffic.blocked.sum()) for one in done], [one.requests for one in done]


def test_rows_are_paired_differences_from_the_default_rule(
    found: tuple[Path, dict[str, Any], str],
) -> None:
    folder, study, told = found
    rules = rules_for(load_config("quick"), 1)
    rows = study["rows"]
    assert [(row["rule"], row["erlang"]) for row in rows] == [
        (rule, load) for load in LOADS for rule in rules
    ]
    assert computed(folder).total() == len(rows) * REPLICATIONS
    assert f"{len(rows)} of {len(rows)} points computed" in told
    for load in LOADS:
        base = blocked({}, load)
        for rule, keys in rules.items():
            row = next(each for each in rows if (each["rule"], each["erlang"]) == (rule, load))
            here = blocked(keys, load)
            assert row["blocking_probability"] == pytest.approx(sum(here[0]) / sum(here[1]))
            if rule == BASE:
                assert row["difference"] is row["verdict"] is None
                continue
            expected = blocking_difference(
                *here, *base, row["confidence"], paired=True, family=len(rules) - 1
            )
            ends = row["difference_ci_lower"], row["difference_ci_upper"]
            assert (row["difference"], *ends) == pytest.approx(expected[:3])
            assert row["verdict"] == expected.verdict
            share = sum(base[0]) / sum(base[1])
            assert row["relative_difference"] == pytest.approx(expected.mean / share)


def test_it_says_how_many_node_pairs_have_ties_and_writes_files(
    found: tuple[Path, dict[str, Any], str],
) -> None:
    folder, study, _ = found
    config = load_config("quick")
    inputs = read_inputs(config)
    paths = candidate_paths(config, inputs)
    k = config.routing_settings.k_paths
    counted = count_ties(inputs.topology, k, path_rule(config), paths)
    assert study["node_pairs"] == counted._asdict()
    names = [Path(file).name for file in study["files"]]
    assert names == [f"quick-ties.{form}" for form in ("png", "pdf", "svg", "csv")]
    with (folder / "plots" / "quick-ties.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["rule"] for row in rows] == [row["rule"] for row in study["rows"]]
    assert float(rows[-1]["difference"]) == study["rows"][-1]["difference"]


def test_what_is_there_is_not_simulated_again(found: tuple[Path, dict[str, Any], str]) -> None:
    folder, study, _ = found
    before = computed(folder)
    code, out, told = run(folder, *WORDS, "--salts", "2", "--to", "more")
    assert code == 0, told
    assert computed(folder).total() == before.total() + len(LOADS) * REPLICATIONS  # hash 2
    assert "2 of 2 points computed" in told
    lines = out.splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["180", BASE], ["180", "longest"]]
    assert sum("hash 2" in line for line in lines) == len(LOADS)
    assert f"Of {study['node_pairs']['pairs']} node pairs" in out


RING = "a,b,100\nb,c,210\nc,d,330\nd,e,470\ne,a,590\n"
"""A network whose pairs have two paths of different lengths each."""


def test_without_ties_the_base_alone_is_simulated(tmp_path: Path) -> None:
    (tmp_path / "ring.csv").write_text(f"source,destination,length\n{RING}")
    network = ("-s", "network=ring.csv", "-s", "path_order=km", "-s", "k_paths=2")
    code, out, told = run(tmp_path, *network, *WORDS)
    assert code == 0, told
    assert computed(tmp_path).total() == len(LOADS) * REPLICATIONS
    assert f"{len(LOADS)} of {len(LOADS)} points computed" in told
    lines = out.splitlines()
    assert lines[0] == "No ties: the rule changes nothing here."
    rules = list(rules_for(load_config("quick"), 3))[1:]
    for rule in rules:
        (of_rule, *_) = (
            line for line in lines if line.lstrip().startswith("180 ") and f" {rule}  " in line
        )
        assert of_rule.split()[-3:] == ["0", "same", "paths"]
    assert "no difference shown" not in out
    with (tmp_path / "plots" / "ring-ties.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(LOADS) * (len(rules) + 1)
    assert {row["difference"] for row in rows if row["rule"] != BASE} == {"0.0"}


def test_rules_with_the_paths_of_another_are_not_simulated(tmp_path: Path) -> None:
    # One pair has a tie: by km a-c over b or over d, where a-b-c comes first by nodes.
    network = tmp_path / "square.csv"
    network.write_text("source,destination,length\na,b,100\nb,c,200\na,d,200\nd,c,100\nb,d,999\n")
    changes: dict[str, dict[str, Any]] = {
        "general_settings": {"num_requests": REQUESTS},
        "topology_settings": {"network": str(network)},
        "routing_settings": {"path_order": "km", "k_paths": 2},
    }
    config = load_config("quick", changes)
    rules = rules_for(config, 6)
    store = Store(tmp_path / "store")
    sweep = sweep_of_rules(config, "quick", changes, [100.0], 2, 6)
    _, states, _ = states_of(sweep, store)
    same = rules_with_paths_of_another(states, rules)
    tables = {
        name: candidate_paths(changed, read_inputs(changed))
        for name, keys in rules.items()
        for changed in [
            load_config(
                "quick", {**changes, "routing_settings": {**changes["routing_settings"], **keys}}
            )
        ]
    }
    first = {name: next(n for n, t in tables.items() if _equal(t, tables[name])) for name in rules}
    assert same == {name: other for name, other in first.items() if name != other}
    second = max(set(same.values()) - {BASE})  # it is there: a direction of the pair has two orders
    assert len(states_to_compute(states, rules, same)) == len(set(first.values()))

    needed = [state.point for state in states_to_compute(states, rules, same)]
    store.describe(needed)
    write_points(tmp_path / "points.json", needed, sweep.metric)
    options = ["--points", "points.json", "--store", "store", "--progress-file", "progress.jsonl"]
    command = [sys.executable, "-m", "fusion.cli.run_points", *options]
    outcomes = ["--outcomes", str(store.new_file())]
    subprocess.run([*command, *outcomes], cwd=tmp_path, check=True, capture_output=True)
    states = point_states(
        [state.point for state in states],
        store.read(state.point.key for state in states),
        "blocking_probability",
    )
    rows = {row["rule"]: row for row in rows_of_rules(states, rules, same)}
    assert list(rows) == list(rules)
    for name, other in same.items():
        row = rows[name]
        assert row["same_paths_as"] == other
        assert (row["blocking_probability"], row["path_ties"]) == (
            rows[other]["blocking_probability"],
            rules[name]["path_ties"],
        )
        assert row["verdict"] == (SAME_PATHS if other == BASE else rows[other]["verdict"])
        assert row["difference"] == (0.0 if other == BASE else rows[other]["difference"])
    alike = next(name for name, other in same.items() if other == second)
    assert sweep_cli._tie_cells(rows[alike])[-1].endswith(f" (same paths as {second})")


def _equal(one: PathTable, other: PathTable) -> bool:
    return one.links.tolist() == other.links.tolist()


def test_a_relative_difference_of_zero_has_no_sign() -> None:
    texts = [sweep_cli._percent(share) for share in (4e-4, -4e-4, 0.0, 0.123, -0.02)]
    assert texts == ["0.0 %", "0.0 %", "0.0 %", "+12.3 %", "-2.0 %"]


def test_an_interrupted_study_goes_on_where_it_was(tmp_path: Path) -> None:
    words = ("-s", "num_requests=200000", "--loads", "180", "--replications", "8", "--salts", "0")
    process = start(tmp_path, *words)
    deadline = time.monotonic() + 200
    while not computed(tmp_path).total() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command continues from there" in told
    there = computed(tmp_path).total()
    rules = len(rules_for(load_config("quick"), 0))
    assert 0 < there < 8 * rules
    while ours(tmp_path) and time.monotonic() < deadline + 20:
        time.sleep(0.1)
    assert not ours(tmp_path)
    code, _, told = run(tmp_path, *words)
    assert code == 0, told
    assert computed(tmp_path).total() == 8 * rules  # none of them twice


def test_rules_of_networkx_are_for_candidates_by_km_or_hops() -> None:
    def names(**routing: object) -> set[str]:
        return set(rules_for(load_config("quick", {"routing_settings": routing}), 1))

    assert "listed_directed, then hash" in names()
    assert "listed" in names(path_order="hops_per_bit", candidate_order="km")
    for routing in ({"path_order": "hops_per_bit"}, {"candidate_order": "link_disjoint"}):
        assert names(**routing) == {"shortest", "longest", "nodes", "hash 1"}


def test_keys_that_the_rules_set_do_not_count() -> None:
    config = load_config("quick")
    given = {"routing_settings": {"path_ties": "hash", "k_paths": 2}, "statistics_settings": {}}
    sweep = sweep_of_rules(config, "quick", given, [100.0], 4, 0)
    assert sweep.overrides["routing_settings"] == {"k_paths": 2}
    assert given["routing_settings"]["path_ties"] == "hash"
    assert len(sweep.points) == len(rules_for(config, 0))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--replications", "1"), "--replications 1: must be 2 or more"),
        (("--salts", "101"), "--salts 101: must be from 0 to 100"),
        (("--loads", "180 to 200"), "--loads 180 to 200: must be like 140 to 220 step 20"),
        (("--loads", "x"), "--loads x: must be like 140 to 220 step 20"),
        (("-s", "protection_mode=1plus1"), "path_ties = longest: must be shortest with protection"),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    code, out, err = run(tmp_path, *words)
    assert (code, out) == (2, "")
    assert told in err
    assert not (tmp_path / "store").exists()


def test_a_folder_that_cannot_be_written_is_told(
    found: tuple[Path, dict[str, Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, *_ = found
    monkeypatch.setenv("FUSION_STORE_DIR", str(folder / "store"))
    (folder / "a_file").write_text("")
    with pytest.raises(ArgumentError, match=r"--to .*a_file"):
        command.ties(
            "quick",
            {"general_settings": {"num_requests": REQUESTS}},
            loads="180",
            replications=3,
            salts=0,
            to=folder / "a_file",
        )
