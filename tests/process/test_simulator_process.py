"""The simulator as a process: exit codes, signals, kills, resuming, and the same bytes every time."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fusion.results.progress import ProgressReader, ProgressState

SLOW = pytest.mark.slow
OTHER_MOMENTS = ((1, 1), (1, 33), (2, 12))
TABLES = ("points.csv", "replications.csv", "links.csv", "pairs.csv", "bit_rates.csv")

CONFIG = """
[general_settings]
erlang_start = 160
erlang_stop = 200
erlang_step = 20
num_requests = {requests}
max_iters = {replications}
mod_assumption = deeprmsa_reach
guard_slots = 1
[topology_settings]
network = nsfnet_deeprmsa
link_directions = separate
[routing_settings]
k_paths = 5
path_order = hops
[spectrum_settings]
c_band = 100
[traffic_settings]
bit_rates = uniform
bit_rate_min = 25
bit_rate_max = 100
[statistics_settings]
stopping_rule = {rule}
relative_precision = 0.04
min_replications = 10
[simulation_settings]
workers = {workers}
"""


def write_config(
    folder: Path,
    *,
    workers: int = 1,
    requests: int = 20_000,
    replications: int = 30,
    rule: str = "precision",
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.ini"
    path.write_text(
        CONFIG.format(workers=workers, requests=requests, replications=replications, rule=rule)
    )
    return path


def command(config: Path | str, directory: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "fusion.cli.run_sim",
        "--config",
        str(config),
        "--output-dir",
        str(directory / "output"),
        "--progress-file",
        str(directory / "progress.jsonl"),
        "--run-file",
        str(directory / "run.json"),
    ]


def simulate(config: Path | str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(config, directory), capture_output=True, text=True, timeout=200)


_started: list[subprocess.Popen[bytes]] = []


def start(config: Path, directory: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command(config, directory), stderr=subprocess.DEVNULL, start_new_session=True
    )
    _started.append(process)
    return process


@pytest.fixture(autouse=True)
def _leave_nothing_behind() -> Iterator[None]:
    yield
    while _started:
        process = _started.pop()
        if process.poll() is None:  # the test failed
            process.kill()
            process.wait()


def wait_for_replications(directory: Path, count: int) -> None:
    path = directory / "output" / "replications.jsonl"
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        if path.exists() and path.read_bytes().count(b"\n") > count:
            return
        time.sleep(0.01)
    raise AssertionError(f"no {count} replications")


def wait_until_gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    return psutil.wait_procs(processes, timeout=5)[1]


def read_tables(directory: Path) -> dict[str, bytes]:
    names = (*TABLES, "replications.jsonl", "160_erlang.json", "200_erlang.json")
    return {name: (directory / "output" / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    directory = tmp_path_factory.mktemp("undisturbed")
    result = simulate(write_config(directory), directory)
    assert result.returncode == 0, result.stderr
    return read_tables(directory)


@pytest.mark.parametrize("workers", [pytest.param(2, marks=SLOW), 3])
def test_number_of_workers_changes_no_byte(
    workers: int, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    result = simulate(write_config(tmp_path, workers=workers), tmp_path)
    assert result.returncode == 0, result.stderr
    assert read_tables(tmp_path) == undisturbed


def test_a_failure_has_a_table_of_its_own(tmp_path: Path) -> None:
    config = write_config(tmp_path, workers=2)
    failure = "failure_type = node\nfailed_node_id = 5\nt_repair_after_arrivals = 100\n"
    with config.open("a") as file:
        file.write(f"\n[failure_settings]\n{failure}restoration = reroute\n")
    result = simulate(config, tmp_path)
    assert result.returncode == 0, result.stderr
    with (tmp_path / "output" / "failures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["phase"] for row in rows] == ["before", "during", "after"] * (len(rows) // 3)
    blocking = [float(row["blocking_probability"]) for row in rows[:3]]
    assert blocking[1] > blocking[0]
    before, during, after = rows[:3]
    assert int(during["interrupted"]) > int(during["restored"]) > 0
    of_phases = [name for name in rows[0] if name.startswith(("requests", "blocked", "blocking_"))]
    once = list(rows[0])[list(rows[0]).index("interrupted") :]
    assert all(before[name] and after[name] for name in of_phases)
    assert all(during[name] for name in once if not name.startswith("recovery"))
    assert {before[name] + after[name] for name in once} == {""}, "a sum counts them once"
    each = json.loads(next((tmp_path / "output").glob("*_erlang.json")).read_text())["iter_stats"]
    assert all(one["protection_switchovers"] == 0 for one in each.values())
    lost = sum(one["failure_induced_blocks"] for one in each.values())
    assert lost == int(during["interrupted"]) - int(during["restored"])
    with (tmp_path / "output" / "availability.csv").open() as file:
        available = list(csv.DictReader(file))
    assert {row["what"] for row in available} == {"connections", "link"}
    assert 0 < float(available[0]["availability"]) < 1
    assert float(available[0]["recovery_ms_mean"]) > 100


def test_a_long_name_of_the_folder_for_temporary_files_does_not_matter(
    undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is too long for the address of a socket."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    result = simulate(write_config(tmp_path, workers=2), tmp_path)
    assert result.returncode == 0, result.stderr
    assert read_tables(tmp_path) == undisturbed


@pytest.mark.parametrize(
    ("workers", "kill_after"),
    [(1, 12), (2, 1), (2, 33), *(pytest.param(*each, marks=SLOW) for each in OTHER_MOMENTS)],
)
def test_kill_and_restart_give_the_same_bytes(
    workers: int, kill_after: int, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    config = write_config(tmp_path, workers=workers)
    process = start(config, tmp_path)
    wait_for_replications(tmp_path, kill_after)
    tree = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert wait_until_gone(tree) == []
    there = (tmp_path / "output" / "replications.jsonl").read_bytes()
    assert simulate(config, tmp_path).returncode == 0
    assert read_tables(tmp_path) == undisturbed
    assert list((tmp_path / "output").glob(".*")) == []
    assert there.count(b"\n") > kill_after


def test_damaged_line_is_computed_again(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.mkdir()
    lines = undisturbed["replications.jsonl"].split(b"\n")
    lines[2] = b"\0" * 100
    lines[4] = b'{"a":1}'
    (output / "replications.jsonl").write_bytes(b"\n".join(lines))
    result = simulate(write_config(tmp_path), tmp_path)
    assert result.returncode == 0
    assert "line 3 is damaged" in result.stderr
    assert read_tables(tmp_path) == undisturbed


def test_torn_line_is_dropped(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.mkdir()
    whole = undisturbed["replications.jsonl"]
    (output / "replications.jsonl").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "progress.jsonl").write_bytes(b'{"type":"start","ts":"2026-01-0')
    assert simulate(write_config(tmp_path), tmp_path).returncode == 0
    assert read_tables(tmp_path) == undisturbed
    events = list(ProgressReader(tmp_path / "progress.jsonl").read())
    assert [event["type"] for event in events][:2] == ["start", "iteration"]


@pytest.mark.parametrize(
    ("workers", "number", "exit_code"),
    [
        (1, signal.SIGINT, 130),
        (2, signal.SIGTERM, 143),
        pytest.param(2, signal.SIGINT, 130, marks=SLOW),
        pytest.param(1, signal.SIGTERM, 143, marks=SLOW),
    ],
)
def test_first_signal_keeps_what_is_done(
    workers: int, number: signal.Signals, exit_code: int, tmp_path: Path
) -> None:
    config = write_config(tmp_path, workers=workers, requests=100_000, replications=1000)
    process = start(config, tmp_path)
    wait_for_replications(tmp_path, 3)
    tree = psutil.Process(process.pid).children(recursive=True)
    # The whole group, as a terminal does it: the workers leave the decision to the parent.
    os.killpg(process.pid, number)
    assert process.wait(timeout=30) == exit_code
    assert wait_until_gone(tree) == []
    points = (tmp_path / "output" / "points.csv").read_text()
    assert "interrupted" in points
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["exit_code"] == exit_code
    assert number.name in run["exit_reason"]
    last = list(ProgressReader(tmp_path / "progress.jsonl").read())[-1]
    assert (last["type"], last["exit_code"]) == ("complete", exit_code)


def test_signal_before_anything_is_computed(tmp_path: Path) -> None:
    config = write_config(tmp_path, replications=1000)
    process = start(config, tmp_path)
    deadline = time.monotonic() + 60
    while not (tmp_path / "run.json").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.terminate()
    assert process.wait(timeout=20) == 143


def test_second_signal_ends_at_once(tmp_path: Path) -> None:
    config = write_config(tmp_path, workers=2, requests=50_000_000, rule="fixed")
    process = start(config, tmp_path)
    wait_for_replications(tmp_path, 0)
    while len(tree := psutil.Process(process.pid).children(recursive=True)) < 4:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) in (130, 143)
    assert wait_until_gone(tree) == []


def test_dead_worker_is_told(tmp_path: Path) -> None:
    config = write_config(tmp_path, workers=2, requests=50_000_000, rule="fixed")
    process = start(config, tmp_path)
    deadline = time.monotonic() + 60
    busy: list[psutil.Process] = []
    while not busy and time.monotonic() < deadline:
        tree = psutil.Process(process.pid).children(recursive=True)
        # The workers are children of the fork server, which is busy only while it starts.
        workers = [each for each in tree if each.ppid() != process.pid]
        busy = [each for each in workers if each.cpu_times().user > 0.5]
        time.sleep(0.1)
    busy[0].kill()
    assert process.wait(timeout=20) == 1
    assert wait_until_gone(tree) == []
    error = [
        e for e in list(ProgressReader(tmp_path / "progress.jsonl").read()) if e["type"] == "error"
    ]
    assert "worker process died" in error[0]["message"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small run that has ended."""
    folder = tmp_path_factory.mktemp("finished")
    config = write_config(folder, requests=1000, replications=3, rule="fixed")
    assert simulate(config, folder).returncode == 0
    return folder


@pytest.fixture
def finished_copy(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def test_directory_of_another_config_is_refused(finished_copy: Path) -> None:
    before = read_tables(finished_copy)
    result = simulate(write_config(finished_copy, requests=2000), finished_copy)
    assert result.returncode == 2
    assert "general_settings.num_requests: 1000 there, 2000 here" in result.stderr
    assert "Traceback" not in result.stderr
    assert read_tables(finished_copy) == before


def test_two_simulators_in_one_directory(tmp_path: Path) -> None:
    config = write_config(tmp_path, requests=100_000, replications=10_000, rule="fixed")
    process = start(config, tmp_path)
    wait_for_replications(tmp_path, 1)
    result = simulate(config, tmp_path)
    process.kill()
    process.wait()
    assert result.returncode == 2
    assert "another simulator" in result.stderr
    events = list(ProgressReader(tmp_path / "progress.jsonl").read())
    of_one = {"start", "compiling", "computing", "erlang_start", "iteration"}
    assert {event["type"] for event in events} <= of_one


def test_finished_run_is_not_computed_again(finished_copy: Path) -> None:
    before = read_tables(finished_copy)
    first = list(ProgressReader(finished_copy / "progress.jsonl").read())
    assert simulate(finished_copy / "config.ini", finished_copy).returncode == 0
    assert read_tables(finished_copy) == before
    events = list(ProgressReader(finished_copy / "progress.jsonl").read())
    assert events[: len(first)] == first
    second = events[len(first) :]
    # What is there is told before the loads that it completes, and no load starts.
    begun = {"compiling", "computing", "erlang_start"}
    told = [event["type"] for event in first if event["type"] not in begun]
    assert sorted(event["type"] for event in second) == sorted(told)
    assert all(event["resumed"] for event in second if event["type"] == "iteration")


def test_progress_tells_the_whole_story(finished: Path) -> None:
    events = list(ProgressReader(finished / "progress.jsonl").read())
    state = ProgressState()
    for event in events:
        state.add(event)
        assert event["ts"].endswith("+00:00")
    assert [event["type"] for event in events if event["type"] != "compiling"] == [
        "start",
        "computing",
        *["erlang_start", *["iteration"] * 3, "erlang_complete"] * 3,
        "complete",
    ]
    assert state.fraction == 1.0
    assert state.exit_code == 0
    assert set(state.completed) == {160.0, 180.0, 200.0}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[general_settings]\nerlang_strat = 3\n", "erlang_start"),
        pytest.param("[general_settings]\nnum_requests = many\n", "num_requests", marks=SLOW),
        ("[topology_settings]\nnetwork = NSFNett\n", "NSFNet"),
        ("\x00\x01binary", ""),
        pytest.param("[general_settings]\nguard_slots = %(x)s\n", "guard_slots", marks=SLOW),
        pytest.param(
            "[general_settings]\nerlang_start = 300\nerlang_stop = 200\n", "erlang_stop", marks=SLOW
        ),
    ],
)
def test_bad_config_exits_2_before_anything_is_computed(
    text: str, told: str, tmp_path: Path
) -> None:
    config = tmp_path / "bad.ini"
    config.write_text(text)
    result = simulate(config, tmp_path)
    assert result.returncode == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run.json").exists()
    assert not (tmp_path / "output" / "replications.jsonl").exists()


def test_output_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("a file, not a directory")
    result = simulate(write_config(tmp_path), tmp_path)
    assert result.returncode == 2
    assert str(tmp_path / "output") in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("option", ["--progress-file", "--run-file", "--output-dir"])
def test_path_that_cannot_be_written_is_told_by_its_option(option: str, tmp_path: Path) -> None:
    arguments = command(write_config(tmp_path), tmp_path)
    arguments[arguments.index(option) + 1] = "/dev/null/no"
    result = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert f"{option} /dev/null/no" in result.stderr
    assert "Traceback" not in result.stderr


def test_missing_config_file(tmp_path: Path) -> None:
    result = simulate(tmp_path / "missing.ini", tmp_path)
    assert result.returncode == 2
    assert "missing.ini" in result.stderr


def test_arguments_are_answered_without_the_kernel(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom fusion.cli.run_sim import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n"
        "    print(end.code, sorted({'numba', 'numpy', 'pydantic', 'networkx'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.endswith("0 []\n")
    wrong = subprocess.run([sys.executable, "-m", "fusion.cli.run_sim"], capture_output=True)
    assert wrong.returncode == 2


def test_simulator_knows_nothing_of_prefect() -> None:
    code = (
        "import sys, fusion.simulation.simulation, fusion.cli.run_sim\n"
        "print(sorted({'prefect', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n"
