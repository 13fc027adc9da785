"""Points of a store that have no result: found with all that is on file of them, and forgotten."""

import json
import os
import time
from pathlib import Path

import pytest

from fusion.results.outcome import outcome_of
from fusion.scenario.scenario import make_scenario
from fusion.simulation.replication import replicate
from fusion.sweep.definition import Sweep
from fusion.sweep.failed_points import FailureWriter
from fusion.sweep.point_state import Failure
from fusion.sweep.points import Point, sweep_points
from fusion.sweep.points_without_results import (
    forget_points,
    last_written,
    points_without_results,
)
from fusion.sweep.store import OutcomeWriter, Store

OLD = time.time() - 10_000


@pytest.fixture
def points() -> list[Point]:
    few = {"general_settings": {"num_requests": 200}}
    return sweep_points(
        Sweep(template="quick", grid={"k_paths": [1, 2, 3], "erlang": [100]}, overrides=few)
    )


def test_points_without_results_are_forgotten_with_their_failures(
    points: list[Point], tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    assert last_written(store) == 0
    assert points_without_results(store, time.time()) == {}
    store.describe(points)
    computed, failed, waiting = points
    with OutcomeWriter(store.new_file()) as writer:
        scenario = make_scenario(computed.config, computed.inputs)
        done = replicate(scenario, computed.erlang, 0, computed.warmup_requests)
        writer.append([(computed.key, outcome_of(done))])
    failures = FailureWriter(store, points, "one")
    failures.append(Failure(one.key, "it broke", "", 1) for one in (computed, failed))
    with (store.folder / "failures" / "one.jsonl").open("a") as file:
        file.write('{"key": "12')  # a kill has cut it short
    files = sorted(path for path in store.folder.rglob("*") if path.is_file())
    for path in files:
        os.utime(path, (OLD, OLD))
    assert last_written(store) == OLD

    assert points_without_results(store, OLD - 1) == {}, "it was written since"
    found = points_without_results(store, OLD + 1)
    assert set(found) == {failed.key, waiting.key}
    assert found[failed.key] > found[waiting.key], "its failure, too"

    before = store.read([computed.key])
    forget_points(store, [failed.key])
    assert set(store.contents()) == {computed.key, waiting.key}
    (path,) = (store.folder / "failures").glob("*.jsonl")
    first, torn = path.read_text().splitlines()
    assert (json.loads(first)["key"], torn) == (computed.key, '{"key": "12')
    forget_points(store, [computed.key, waiting.key])
    assert store.contents() == {}
    assert store.read([computed.key]) == before, "no outcome is touched"
    assert not list((store.folder / "points").iterdir())


def test_a_point_that_was_described_again_is_kept(points: list[Point], tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.describe(points)
    (old,) = (store.folder / "points").iterdir()
    (store.folder / "points" / "other.jsonl").write_bytes(old.read_bytes())
    os.utime(old, (OLD, OLD))
    assert points_without_results(store, OLD + 1) == {}
