"""The simulator process for points of a sweep: the same numbers as the simulator, whatever ends it."""

import csv
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from fusion.config.config import load_config, to_ini
from fusion.results.outcome import Outcome
from fusion.sweep.computation import compute
from fusion.sweep.definition import Sweep
from fusion.sweep.point_file import write_points
from fusion.sweep.point_state import point_states
from fusion.sweep.points import Point, sweep_points
from fusion.sweep.store import Store

SMALL: dict[str, Any] = {"num_requests": 2000, "max_iters": 4}


def points_of(general: dict[str, Any] = SMALL, **statistics: Any) -> list[Point]:
    overrides = {"general_settings": general, "statistics_settings": statistics}
    grid: dict[str, Any] = {"path_order": ["km", "hops"], "erlang": [150, 200]}
    return sweep_points(Sweep(template="quick", overrides=overrides, grid=grid))


def start(folder: Path, points: list[Point], workers: int = 1) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    write_points(folder / "points.json", points, "blocking_probability")
    store = Store(folder / "store")
    return subprocess.Popen(
        [
            sys.executable,
            *("-m", "fusion.cli.run_points"),
            *("--points", str(folder / "points.json")),
            *("--store", str(store.folder)),
            *("--outcomes", str(store.new_file())),
            *("--progress-file", str(folder / "progress.jsonl")),
            *("--workers", str(workers)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(folder: Path, points: list[Point], workers: int = 1) -> str:
    process = start(folder, points, workers)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said


def lines(folder: Path) -> list[str]:
    """Return all whole lines of outcomes, sorted."""
    found = []
    for file in Store(folder / "store").files():
        found += file.read_text().split("\n")[1:-1]
    return sorted(found)


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    text = (folder / "progress.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, text) if event["type"] == kind]


def wait_until_gone(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + 3
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            while process.status() != psutil.STATUS_ZOMBIE:
                assert time.monotonic() < deadline, process
                time.sleep(0.02)


def until_something_is_there(folder: Path) -> None:
    deadline = time.monotonic() + 60
    while len(lines(folder)) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of small points that one worker has computed."""
    folder = tmp_path_factory.mktemp("one")
    finish(folder, points_of(), 1)
    assert len(lines(folder)) == 4 * 4
    return folder


def test_outcomes_do_not_depend_on_the_number_of_workers(one: Path, tmp_path: Path) -> None:
    points = points_of()
    finish(tmp_path / "two", points, 2)
    assert lines(one) == lines(tmp_path / "two")
    assert {event["key"] for event in events(tmp_path / "two", "point")} == {p.key for p in points}


def test_outcomes_are_those_of_a_run(one: Path, tmp_path: Path) -> None:
    points = points_of()
    config = tmp_path / "run.ini"
    loads = {"erlang_start": 150, "erlang_stop": 200, "erlang_step": 50}
    overrides = {
        "general_settings": {**SMALL, **loads},
        "routing_settings": {"path_order": "hops"},
    }
    config.write_text(to_ini(load_config("quick", overrides)))
    command = [sys.executable, "-m", "fusion.cli.run_sim", "--config", str(config)]
    subprocess.run([*command, "--output-dir", str(tmp_path / "run")], check=True)
    with (tmp_path / "run" / "replications.csv").open() as file:
        rows = list(csv.DictReader(file))
    store = Store(one / "store")
    outcomes = store.read(point.key for point in points)
    hops = {point.erlang: point for point in points if point.axes["path_order"] == "hops"}
    assert len(rows) == 8
    for row in rows:
        mine = outcomes[hops[float(row["erlang"])].key][int(row["replication"])]
        assert (mine.requests, mine.blocked) == (int(row["requests"]), int(row["blocked"]))
        assert mine.utilisation == float(row["utilisation"])
        assert mine.hops / mine.lightpaths == float(row["mean_hops"])


def test_what_is_there_is_not_computed_again(one: Path, tmp_path: Path) -> None:
    shutil.copytree(one / "store", tmp_path / "store")
    before = lines(tmp_path)
    finish(tmp_path, points_of())
    assert lines(tmp_path) == before
    assert len(list((tmp_path / "store" / "outcomes").iterdir())) == 1, "nothing, and no file"
    finish(tmp_path, points_of({**SMALL, "max_iters": 6}))
    assert len(lines(tmp_path)) == 4 * 6
    assert set(before) < set(lines(tmp_path))


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_killed_and_started_again_it_computes_nothing_twice(tmp_path: Path, workers: int) -> None:
    points = points_of({"num_requests": 20_000, "max_iters": 30})
    finish(tmp_path / "undisturbed", points, 2)
    chance = random.Random(workers)
    for _ in range(3):
        process = start(tmp_path / "killed", points, workers)
        time.sleep(chance.uniform(0.5, 2))
        tree = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        wait_until_gone(tree)
    finish(tmp_path / "killed", points, workers)
    keys = [line.split(",")[:2] for line in lines(tmp_path / "killed")]
    assert len({tuple(key) for key in keys}) == len(keys)
    assert lines(tmp_path / "killed") == lines(tmp_path / "undisturbed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path, points_of({"num_requests": 50_000, "max_iters": 1000}), 2)
    until_something_is_there(tmp_path)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + number
    wait_until_gone(children)
    assert events(tmp_path, "complete")[-1]["exit_code"] == 128 + number
    assert len(lines(tmp_path)) >= 3


def test_a_point_stops_where_its_rule_says_and_others_may_have_gone_further(tmp_path: Path) -> None:
    precise = points_of(
        {"num_requests": 3000, "max_iters": 60},
        stopping_rule="precision",
        relative_precision=0.1,
    )
    finish(tmp_path / "alone", precise, 1)
    finish(tmp_path / "after", points_of({"num_requests": 3000, "max_iters": 60}), 2)
    before = lines(tmp_path / "after")
    finish(tmp_path / "after", precise, 2)
    assert lines(tmp_path / "after") == before
    ends = []
    for folder in ("alone", "after"):
        outcomes = Store(tmp_path / folder / "store").read(point.key for point in precise)
        states = point_states(precise, outcomes, "blocking_probability")
        ends.append([(state.stop_reason, state.outcomes) for state in states])
    assert ends[0] == ends[1]
    assert all(reason == "precision" for reason, _ in ends[0])
    assert all(10 <= len(found) < 60 for _, found in ends[0])


def test_nothing_blocked_stops_at_an_absolute_precision(tmp_path: Path) -> None:
    overrides = {
        "general_settings": {"num_requests": 5000, "max_iters": 500},
        "statistics_settings": {"stopping_rule": "precision", "absolute_precision": 3e-4},
    }
    points = sweep_points(Sweep(template="quick", overrides=overrides, grid={"erlang": [5]}))
    finish(tmp_path, points)
    outcomes = Store(tmp_path / "store").read([points[0].key])
    (state,) = point_states(points, outcomes, "blocking_probability")
    assert state.stop_reason == "precision"
    assert not any(outcome.blocked for outcome in state.outcomes)
    assert len(state.outcomes) < 60


def test_points_are_what_they_were_when_they_were_planned(tmp_path: Path) -> None:
    network = tmp_path / "net.txt"
    network.write_text("1\t2\t100\n2\t3\t100\n1\t3\t100\n")
    grid: dict[str, Any] = {"network": [str(network)], "erlang": [150]}
    sweep = Sweep(template="quick", overrides={"general_settings": SMALL}, grid=grid)
    points = sweep_points(sweep)
    finish(tmp_path / "one", points)
    network.write_text("1\t2\t3000\n2\t3\t3000\n")
    finish(tmp_path / "two", points)
    assert sorted(lines(tmp_path / "one")) == sorted(lines(tmp_path / "two"))
    assert sweep_points(sweep)[0].key != points[0].key


def test_an_error_in_one_point_fails_that_point_alone() -> None:
    points = points_of()
    topology = points[0].inputs.topology._replace(links=((0, 99, 1.0),))
    broken = points[0]._replace(inputs=points[0].inputs._replace(topology=topology))
    states = point_states([broken, points[2]], {}, "blocking_probability")
    landed = [key for each in compute(states, 1, lambda: False) for key, _ in each]
    assert set(landed) == {points[2].key}
    assert states[0].failure is not None
    assert "Error" in states[0].failure.error
    assert states[1].stop_reason == "fixed"


@pytest.mark.parametrize("text", ["", "{", '{"points": 3}', '{"metric": "x", "points": [{}]}'])
def test_a_file_of_points_that_is_none_is_told_in_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "points.json").write_text(text)
    names = ("points", "store", "outcomes", "progress-file")
    options = [word for name in names for word in (f"--{name}", str(tmp_path / f"{name}.json"))]
    done = subprocess.run(
        [sys.executable, "-m", "fusion.cli.run_points", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "points.json" in done.stderr


def test_what_an_outcome_is_said_to_be() -> None:
    one = Outcome(0, 200, 10, 50, 0, 400.0, 300.0, 150, 300, 1.0, 450, 0.5, 0.5)
    assert one.blocking_probability == 0.25
    assert one.bit_rate_blocking_probability == 0.75
