"""`fusion find-load`: a load found without a grid, by what the store keeps, whatever ends it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from fusion.results.load_finder import find_load
from fusion.results.outcome import outcome_of
from fusion.scenario.scenario import make_scenario
from fusion.simulation.replication import replicate
from fusion.sweep.definition import Sweep
from fusion.sweep.load_search import LoadSearch, search_all
from fusion.sweep.points import Point, at_load, sweep_points
from fusion.sweep.store import OutcomeWriter, Store
from fusion.sweep.sweep_file import read_sweep
from fusion_flows.command.cli import main

from .prefect_server import wait_for
from .test_sweep import computed

SWEEP = """
template = "quick"
[grid]
path_order = ["km", "hops"]
erlang = [50, 400]
[overrides.general_settings]
num_requests = {requests}
"""


def start(folder: Path, *words: str, requests: int = 2000) -> subprocess.Popen[str]:
    (folder / "sweep.toml").write_text(SWEEP.format(requests=requests))
    here = {
        "FUSION_STORE_DIR": str(folder / "store"),
        "TMPDIR": str(folder),
        "OF_TEST": str(folder),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "fusion_flows.command.cli", "find-load", "sweep.toml", *words],
        cwd=folder,
        env={**os.environ, **here},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def find(folder: Path, *words: str) -> tuple[list[dict[str, Any]], str]:
    process = start(folder, *words, "--json")
    out, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    return json.loads(out), told


def ours(folder: Path) -> list[psutil.Process]:
    """Return the living processes of a command."""
    found = []
    for process in psutil.process_iter():
        try:
            is_ours = process.environ().get("OF_TEST") == str(folder)
            if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]], str]:
    """Return a folder with a store, what was found, and what was told."""
    folder = tmp_path_factory.mktemp("found")
    return folder, *find(folder, "0.02")


def simulation(first: Point) -> Callable[[float, int], tuple[int, int]]:
    scenario = make_scenario(first.config, first.inputs)

    def simulate(load: float, number: int) -> tuple[int, int]:
        done = replicate(scenario, load, number, at_load(first, load).warmup_requests)
        return int(done.traffic.blocked.sum()), done.requests

    return simulate


def test_it_is_the_search_on_replications_of_the_simulator(
    found: tuple[Path, list[dict[str, Any]], str],
) -> None:
    folder, rows, told = found
    ends = sweep_points(read_sweep(folder / "sweep.toml"))
    assert [row["path_order"] for row in rows] == ["km", "hops"]
    asked = 0
    for row in rows:
        first = next(point for point in ends if point.axes["path_order"] == row["path_order"])
        alone = find_load(simulation(first), 0.02, lowest=50, highest=400)
        assert (row["load"], row["ci_lower"], row["ci_upper"]) == alone[:3]
        assert (row["status"], row["requests"]) == ("found", alone.requests)
        last = alone.trace[-1].load
        asked += len(alone.trace)
        assert f"path_order = {row['path_order']}: blocking" in told
        assert f"at {last:g} E; {alone.requests:,} requests so far" in told
    assert computed(folder).total() == asked


def test_what_is_there_is_not_simulated_again(
    found: tuple[Path, list[dict[str, Any]], str],
) -> None:
    folder, rows, _ = found
    before = computed(folder)
    again, _ = find(folder, "0.02")
    assert [row.pop("simulated") for row in again] == [0, 0]
    assert again == [{k: v for k, v in row.items() if k != "simulated"} for row in rows]
    assert computed(folder) == before


def test_interrupted_it_leaves_no_process_and_goes_on_from_the_store(tmp_path: Path) -> None:
    words = ("0.002", "--precision", "0.002", "--max-requests", "4e6")
    process = start(tmp_path, *words, requests=50_000)
    wait_for(lambda: computed(tmp_path).total() > 8, 60, "outcomes", every=0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "continues from there" in told
    wait_for(lambda: not ours(tmp_path), 3, "the end of its processes")
    killed = start(tmp_path, *words, requests=50_000)
    wait_for(lambda: len(ours(tmp_path)) > 1, 30, "its processes", every=0.02)
    killed.kill()
    killed.communicate()
    wait_for(lambda: not ours(tmp_path), 5, "the end of its processes")
    kept = computed(tmp_path).total()
    last = start(tmp_path, *words, "--json", requests=50_000)
    out, told = last.communicate(timeout=120)
    assert last.returncode == 0, told
    assert set(computed(tmp_path).values()) == {1}, "nothing was computed twice"
    assert computed(tmp_path).total() > kept > 8
    (tmp_path / "fresh").mkdir()
    fresh = start(tmp_path / "fresh", *words, "--json", requests=50_000)
    whole, told = fresh.communicate(timeout=120)
    assert fresh.returncode == 0, told
    same = ("path_order", "load", "ci_lower", "ci_upper", "requests", "status")
    for one, other in zip(json.loads(out), json.loads(whole), strict=True):
        assert [one[name] for name in same] == [other[name] for name in same]
    again, anew = (sum(row["simulated"] for row in json.loads(said)) for said in (out, whole))
    assert again < anew


@pytest.mark.parametrize(
    ("sweep", "target", "told"),
    [
        (SWEEP.format(requests=500), "1.5", "1.5 is not a blocking probability"),
        (SWEEP.format(requests=500), "0.1 --precision 2", "2 is not a precision"),
        (
            SWEEP.format(requests=500).replace("50, 400", "50"),
            "0.1",
            "path_order = km has one load, 50 E",
        ),
        ('template = "quick"\n[grid]\nk_path = [1]\n', "0.1", "did you mean 'k_paths'"),
    ],
)
def test_what_cannot_be_searched_is_told(
    tmp_path: Path,
    sweep: str,
    target: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "sweep.toml").write_text(sweep)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FUSION_STORE_DIR", str(tmp_path / "store"))
    assert main(["find-load", "sweep.toml", *target.split()]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_a_load_outside_of_the_range_is_told(tmp_path: Path) -> None:
    rows, _ = find(tmp_path, "0.9")
    assert [(row["load"], row["status"]) for row in rows] == [(None, "above highest")] * 2
    again, told = find(tmp_path, "0.9")
    for row, before in zip(again, rows, strict=True):
        same = ("path_order", "load", "ci_lower", "ci_upper", "status")
        assert [row[name] for name in same] == [before[name] for name in same]
        assert row["simulated"] == 0
    assert told.count("requests so far") == 2, "no load is looked at but the highest"
    assert told.count(" at 400 E; ") == 2


@pytest.mark.parametrize(
    ("loads", "stored", "target", "status"),
    [
        ([10, 20], 1, 0.01, "above highest"),
        ([600, 800], 0, 1e-3, "below lowest"),
    ],
)
def test_what_the_store_has_at_the_ends_is_looked_at_before_anything_is_simulated(
    tmp_path: Path, loads: list[float], stored: int, target: float, status: str
) -> None:
    few = {"general_settings": {"num_requests": 3000, "max_iters": 3}}
    points = sweep_points(Sweep(template="quick", grid={"erlang": loads}, overrides=few))
    end = points[stored]
    scenario = make_scenario(end.config, end.inputs)
    store = Store(tmp_path / "store")
    store.describe(points)
    with OutcomeWriter(store.new_file()) as writer:
        for count in (1, 2):
            writer.append(
                (end.key, outcome_of(replicate(scenario, end.erlang, number, end.warmup_requests)))
                for number in range(count - 1, 2 * count - 1)
            )
            search = LoadSearch(
                points, "blocking_probability", target, relative_precision=0.01, max_requests=1e9
            )
            rounds = search_all([search], store, writer, 1, lambda: False)
            _, done = next(rounds)
            is_complete = count == 2
            assert search.is_over is is_complete
            assert {each.load for each in done} == ({end.erlang} if is_complete else {done[0].load})
            rounds.close()
    assert search.found is not None
    assert (search.found.status, search.simulated) == (status, 0)
    assert search.found.requests == 3 * 3000
