"""The flow `fusion-sweep`: points are computed once, whatever ends what computes them."""

import csv
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from fusion.sweep.point_file import write_points
from fusion.sweep.store import Store
from fusion_flows.command import settings_diff, sweeps
from fusion_flows.following.parts import CHECK_POINTS, COLLECT, READ_STORE, REPORT, SIMULATE

from .prefect_server import Prefect, wait_for
from .started import simulators

GRID: dict[str, Any] = {
    "template": "quick",
    "overrides": {"general_settings": {"num_requests": 3000, "max_iters": 4}},
    "grid": {"k_paths": [1, 3], "path_order": ["km", "hops"], "erlang": [150, 200]},
    "where": "k_paths > 1 or path_order == 'km'",
}
LONG: dict[str, Any] = {  # half a minute on one core
    **GRID,
    "overrides": {"general_settings": {"num_requests": 100_000, "max_iters": 200}},
}
ON_ONE_CORE: dict[str, Any] = {  # goes on for minutes, and leaves a core to others
    **GRID,
    "overrides": {
        "general_settings": {"num_requests": 100_000, "max_iters": 2000},
        "simulation_settings": {"workers": 1},
    },
}


def start(
    server: Prefect,
    folder: Path,
    sweep: dict[str, Any],
    name: str = "",
    engine: str = "local",
    before: str = "",
) -> Any:
    """Call the flow from a process, with a store of this folder. before: code that runs first."""
    folder.mkdir(exist_ok=True)
    path = folder / "call.py"
    path.write_text(
        f"import os\nos.environ['FUSION_STORE_DIR'] = {str(folder / 'store')!r}\n"
        f"from fusion_flows import fusion_sweep\n{before}\n"
        f"result = fusion_sweep({sweep!r}, name={name or str(folder)!r}, engine={engine!r})\n"
        f"open({str(folder / 'result.json')!r}, 'w').write(result.model_dump_json())\n"
    )
    return server.call(str(path))


def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return found


def computed(folder: Path) -> Counter[str]:
    """Return how often each replication was computed, by the text of key and number."""
    counts: Counter[str] = Counter()
    for file in Store(folder / "store").files():
        lines = file.read_bytes().split(b"\n")[:-1]  # a torn last line was not finished
        counts.update(",".join(line.decode().split(",")[:2]) for line in lines[1:])
    return counts


@pytest.fixture(scope="module")
def finished(server: Prefect, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the folder of a complete sweep, and its flow run."""
    folder = tmp_path_factory.mktemp("sweep")
    assert start(server, folder, GRID).wait(90) == 0
    return folder, server.named(str(folder))


def test_a_sweep_shows_its_points_in_tables_and_in_prefect(
    server: Prefect, finished: tuple[Path, str]
) -> None:
    folder, run_id = finished
    assert server.run(run_id)["state_type"] == "COMPLETED"
    parts = server.parts(run_id)
    assert list(parts) == [CHECK_POINTS, READ_STORE, SIMULATE, COLLECT, REPORT]
    assert {state for state, _ in parts.values()} == {"Completed"}
    made = result(folder)
    assert made["points"] == 6
    with Path(made["points_csv"]).open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * 7
    blocking = [row for row in rows if row["metric"] == "blocking_probability"]
    assert {(row["k_paths"], row["path_order"]) for row in blocking} == {
        ("1", "km"),
        ("3", "km"),
        ("3", "hops"),
    }
    for row in blocking:
        assert float(row["ci_lower"]) < float(row["estimate"]) < float(row["ci_upper"])
        assert (row["replications"], row["stop_reason"], row["complete"]) == ("4", "fixed", "True")
    with Path(made["replications_csv"]).open() as file:
        assert len(list(csv.DictReader(file))) == 6 * 4
    artifacts = server.artifacts(run_id)
    assert artifacts["progress"]["data"] == 100
    assert artifacts["progress"]["description"] == "6/6 points, 24/24 replications"
    assert len(json.loads(artifacts["points"]["data"])) == 6
    assert "data:image/svg+xml" in artifacts["report"]["data"]
    assert "Partial" not in artifacts["report"]["data"]
    assert any("6 points, 0 of them complete" in line for _, line in server.log(run_id))
    assert Path(made["plot"]).read_bytes().startswith(b"\x89PNG")
    record = json.loads((Path(made["run_dir"]) / "run.json").read_text())
    assert (record["points"], record["engine"], record["exit_code"]) == (6, "local", 0)
    assert record["packages"].keys() >= {"numpy", "numba"}


def test_what_is_there_is_not_computed_again_and_new_points_are(
    server: Prefect, finished: tuple[Path, str]
) -> None:
    folder, _ = finished
    before = computed(folder)
    table = Path(result(folder)["points_csv"]).read_bytes()
    wider = {**GRID, "grid": {**GRID["grid"], "erlang": [150, 175, 200]}}
    assert start(server, folder, GRID, "the same").wait(90) == 0
    assert computed(folder) == before
    assert Path(result(folder)["points_csv"]).read_bytes() == table
    assert start(server, folder, wider, "wider").wait(90) == 0
    after = computed(folder)
    assert after & before == before
    assert set(after.values()) == {1}
    assert after.total() == before.total() + 3 * 4


def test_a_plan_and_a_frame_of_what_is_there_compute_nothing(
    finished: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = finished
    monkeypatch.setenv("FUSION_STORE_DIR", str(folder / "store"))
    before = computed(folder)
    wider = {**GRID, "grid": {**GRID["grid"], "erlang": [150, 200, 500]}}
    planned = sweeps.plan(sweeps.Sweep.model_validate(wider))
    assert (len(planned.points), planned.complete, planned.replications_left) == (9, 6, 12)
    assert planned.axes == ["k_paths", "path_order", "erlang"]
    frame = sweeps.load_sweep(sweeps.Sweep.model_validate(wider), ["blocking_probability"])
    assert list(frame["erlang"]) == [150, 200] * 3
    assert frame["complete"].all()
    one, other = (point.key[:10] for point in planned.points[:2])
    assert settings_diff.diff(one, other) == [
        ("general_settings.erlang_start", 150, 200),
        ("general_settings.erlang_stop", 150, 200),
    ]
    assert computed(folder) == before


def no_simulators(directory: Path) -> bool:
    return not simulators(directory)


def is_at_it_or_over(process: subprocess.Popen[bytes], directory: Path) -> bool:
    return process.poll() is not None or bool(simulators(directory))


def kill_all(process: subprocess.Popen[bytes], directory: Path) -> None:
    """SIGKILL to the flow, the guards and the simulators at once."""
    process.kill()
    for each in simulators(directory):
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


KILLED: dict[str, Any] = {
    **GRID,
    "overrides": {"general_settings": {"num_requests": 30_000, "max_iters": 40}},
}
KILLED_OFTEN: dict[str, Any] = {  # 4 policies, 2 topologies, 10 loads
    "template": "quick",
    "overrides": {"general_settings": {"num_requests": 60_000, "max_iters": 60}},
    "grid": {
        "network": ["nsfnet_deeprmsa", "usnet_gcnrnn"],
        "path_order": ["km", "hops"],
        "allocation_method": ["first_fit", "best_fit"],
        "erlang": {"start": 120, "stop": 300, "count": 10},
    },
}


@pytest.mark.parametrize(
    ("sweep", "rounds"), [(KILLED, 2), pytest.param(KILLED_OFTEN, 20, marks=pytest.mark.slow)]
)
@pytest.mark.timeout(1500)
def test_killed_at_random_moments_a_sweep_computes_nothing_twice(
    server: Prefect, tmp_path: Path, sweep: dict[str, Any], rounds: int
) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert start(server, undisturbed, sweep).wait(200) == 0
    chance = random.Random(rounds)
    for number in range(rounds):
        name = f"{killed} {number}"
        process = start(server, killed, sweep, name)
        directory = server.directory(server.named(name))
        wait_for(partial(is_at_it_or_over, process, directory), 60, "a simulator")
        if number == 0:
            wait_for(lambda: computed(killed), 60, "outcomes")
        time.sleep(chance.uniform(0, 2))
        kill_all(process, directory)
        wait_for(partial(no_simulators, directory), 5, "their end")
    assert computed(killed).total() > 0
    assert start(server, killed, sweep, f"{killed} at last").wait(200) == 0
    for table in ("points_csv", "replications_csv"):
        once, again = (Path(result(folder)[table]).read_bytes() for folder in (undisturbed, killed))
        assert once == again
    assert set(computed(killed).values()) == {1}, "nothing was computed twice"


@pytest.mark.slow
def test_a_killed_simulator_is_started_again(server: Prefect, tmp_path: Path) -> None:
    sweep = {**LONG, "overrides": {"general_settings": {"num_requests": 50_000, "max_iters": 40}}}
    process = start(server, tmp_path, sweep)
    run_id = server.named(str(tmp_path))
    directory = server.directory(run_id)
    wait_for(lambda: computed(tmp_path).total() > 5, 60, "outcomes")
    parents = [
        each
        for each in simulators(directory)
        if "run_points" in str(each.cmdline()) and "guard.py" not in str(each.cmdline())
    ]
    parents[0].kill()
    assert process.wait(120) == 0
    assert server.run(run_id)["state_type"] == "COMPLETED"
    assert any("started again" in line for _, line in server.log(run_id))
    assert set(computed(tmp_path).values()) == {1}


def test_a_cancelled_sweep_leaves_no_process_and_keeps_what_it_has(
    worker: Prefect, tmp_path: Path
) -> None:
    run_id = worker.submit("fusion-sweep/sweep", sweep=LONG, name=str(tmp_path))
    directory = worker.directory(run_id)
    wait_for(lambda: (directory / "progress.jsonl").exists(), 60, "the simulator")
    store = Store(worker.runs / "store")
    keys = [point.key for point in sweeps.sweep_points(sweeps.Sweep.model_validate(LONG))]
    wait_for(lambda: sum(map(len, store.read(keys).values())), 60, "outcomes")
    worker.cancel(run_id)
    wait_for(lambda: not simulators(directory), 10, "the end of the processes")
    run = worker.finished(run_id)
    assert run["state_type"] == "CANCELLED"
    complete, parts = ("Completed", ""), worker.parts(run_id)
    # The timeline is the only place on its page that says so without a click.
    shown = f"{SIMULATE}: Cancelled; what was finished is kept."
    assert parts.pop(shown) == ("Cancelled", run["state"]["message"])
    assert parts == dict.fromkeys((CHECK_POINTS, READ_STORE, COLLECT, REPORT), complete)
    assert sum(map(len, store.read(keys).values())) > 0


# The flow has read the store; its simulator has not. Meanwhile another one computes: BETWEEN.
BETWEEN = """
import subprocess, sys
from pathlib import Path
from fusion_flows.flows import sweep as flow
simulator, waiting = flow.simulator, [{between!r}]
def start(name, options, **more):
    if waiting:
        store = Path({store!r})
        (store / "outcomes").mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-m", "fusion.cli.run_points", "--points", waiting.pop()]
        words += ["--store", str(store), "--outcomes", str(store / "outcomes" / "another.csv")]
        subprocess.run([*words, "--progress-file", str(store / "progress")], check=True)
    return simulator(name, {{**options, "store": {read!r}}}, **more)
flow.simulator = start
"""


def with_most(replications: int) -> dict[str, Any]:
    settings = {"num_requests": 3000, "max_iters": replications}
    return {**GRID, "overrides": {"general_settings": settings}}


@pytest.mark.parametrize("most_of_other", [2, 6])
def test_what_another_sweep_computes_meanwhile_counts(
    server: Prefect, finished: tuple[Path, str], tmp_path: Path, most_of_other: int
) -> None:
    other = sweeps.Sweep.model_validate(with_most(most_of_other))
    between, store = tmp_path / "other.json", tmp_path / "store"
    write_points(between, sweeps.sweep_points(other)[:4], other.metric)
    hook = BETWEEN.format(between=str(between), store=str(store), read=str(store))
    assert start(server, tmp_path, GRID, before=hook).wait(90) == 0
    straight = server.directory(finished[1]) / "output"  # others run more in the same folder
    for table in ("points_csv", "replications_csv"):
        found = Path(result(tmp_path)[table])
        assert found.read_bytes() == (straight / found.name).read_bytes()
    run_id = server.named(str(tmp_path))
    assert server.artifacts(run_id)["progress"]["description"] == "6/6 points, 24/24 replications"
    told = f"{4 * most_of_other} replications of another sweep came from the store"
    assert any(told in line for _, line in server.log(run_id))
    assert set(computed(tmp_path).values()) == {1}
    settings = with_most(most_of_other)
    assert start(server, tmp_path, settings, "the other").wait(90) == 0
    undisturbed = tmp_path / "undisturbed"
    assert start(server, undisturbed, settings).wait(90) == 0
    one, two = (Path(result(each)["points_csv"]).read_bytes() for each in (tmp_path, undisturbed))
    assert one == two


def test_a_simulator_with_nothing_to_do_is_not_started_again_for_the_same_points(
    server: Prefect, finished: tuple[Path, str], tmp_path: Path
) -> None:
    between, store = tmp_path / "other.json", tmp_path / "store"
    sweep = sweeps.Sweep.model_validate(with_most(1))
    write_points(between, sweeps.sweep_points(sweep), sweep.metric)
    elsewhere = str(finished[0] / "store")  # has everything
    hook = BETWEEN.format(between=str(between), store=str(store), read=elsewhere)
    assert start(server, tmp_path, GRID, before=hook).wait(90) == 1
    state = server.run(server.named(str(tmp_path)))["state"]
    assert state["type"] == "FAILED"
    assert f"the store {store} lacks replications of 6 of the 6 points" in state["message"]


def test_a_bad_sweep_is_told_before_anything_is_started(server: Prefect, tmp_path: Path) -> None:
    bad = {**GRID, "grid": {"k_paths": [3, 0], "erlang": [150]}}
    assert start(server, tmp_path, bad).wait(60) == 1
    run_id = server.named(str(tmp_path))
    run = server.run(run_id)
    assert run["state_type"] == "FAILED"
    assert "k_paths = 0" in run["state"]["message"]
    assert not server.directory(run_id).exists()


def test_the_command_plans_computes_and_explains(server: Prefect, tmp_path: Path) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text(
        'template = "quick"\n[grid]\nk_paths = [1, 2]\nerlang = [150]\n'
        "[overrides.general_settings]\nnum_requests = 2000\nmax_iters = 2\n"
    )
    environment = {**server.environment, "FUSION_STORE_DIR": str(tmp_path / "store")}

    def fusion(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fusion_flows.command.cli", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    before = json.loads(fusion("plan", str(file), "--json").stdout)
    assert (before["complete"], before["replications_left"]) == (0, 4)
    told = fusion("plan", str(file)).stdout
    assert told.endswith("; about 4 replications left, under 1 s here\n")
    done = fusion("sweep", str(file))
    assert done.returncode == 0, done.stderr
    assert "2 points: " in done.stdout
    told = (
        r"k_paths = 1, erlang = 150: blocking probability 0\.\d+ \[0\.\d+, 0\.\d+\]; "
        "2 replications, fixed"
    )
    assert re.search(told, done.stderr)
    after = fusion("plan", str(file))
    assert "2 points, 2 complete" in after.stdout
    assert after.stdout.endswith("; nothing is left to compute\n")
    keys = [point[3] for point in before["points"]]
    said = fusion("diff", *(key[:8] for key in keys)).stdout
    assert "routing_settings.k_paths" in said
    assert fusion("diff", keys[0], "zzz").returncode == 2
    file.write_text('template = "quick"\n[grid]\nk_path = [1]\n')
    bad = fusion("sweep", str(file))
    assert bad.returncode == 2
    assert "did you mean 'k_paths'" in bad.stderr


BROKEN = """
import fusion.scenario.candidate_paths
from fusion.scenario.path_rules import paths_by_rule_of
def broken(config, *more):
    if config.routing_settings.k_paths == 1:
        raise ValueError("no such path today")
    return paths_by_rule_of(config, *more)
fusion.scenario.candidate_paths.paths_by_rule_of = broken
"""


def test_failed_points_are_named_and_computed_again_without_the_others(
    server: Prefect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, broken = tmp_path / "sweep.toml", tmp_path / "broken"
    file.write_text(
        'template = "quick"\n[grid]\nk_paths = [1, 2]\nerlang = [150, 200]\n'
        "[overrides.general_settings]\nnum_requests = 2000\nmax_iters = 2\n"
    )
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(BROKEN)
    whole = {**server.environment, "FUSION_STORE_DIR": str(tmp_path / "store")}
    monkeypatch.setenv("FUSION_STORE_DIR", str(tmp_path / "store"))

    def fusion(*words: str, path: str = whole["PYTHONPATH"]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fusion_flows.command.cli", *words],
            env={**whole, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    failed = fusion("sweep", str(file), path=f"{broken}{os.pathsep}{whole['PYTHONPATH']}")
    assert failed.returncode == 1
    assert "2 of 4 points failed" in failed.stderr
    assert "2 x ValueError: no such path today" in failed.stderr
    assert "2 complete, 2 failed in" in fusion("plan", str(file)).stdout

    file.write_text(file.read_text().replace("[150, 200]", "[150, 200, 250]"))
    before = computed(tmp_path)
    again = fusion("sweep", str(file), "--failed")
    assert again.returncode == 0, again.stderr
    assert (computed(tmp_path) - before).total() == 2 * 2
    planned = sweeps.plan(file)
    assert (len(planned.points), planned.complete, planned.failed) == (6, 4, 0)
