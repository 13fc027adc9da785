"""Points that failed stay named until they are computed, also when what was wrong is mended in a file."""

import json
from collections.abc import Iterable
from pathlib import Path

from fusion.config.config import load_config
from fusion.results.outcome import Outcome
from fusion.scenario.inputs import read_inputs
from fusion.sweep.definition import Sweep
from fusion.sweep.failed_points import FailureWriter, failed_points
from fusion.sweep.point_state import Failure, PointState, point_states
from fusion.sweep.points import Point, make_point, sweep_points
from fusion.sweep.store import Store

POINTS = sweep_points(Sweep(template="quick", grid={"k_paths": [1, 3], "erlang": [150, 160]}))
ONE, OTHER = POINTS[:2]


def outcome(number: int) -> Outcome:
    return Outcome(number, 100, 10, 3, 0, 1.5, 0.1, 97, 200, 0.2, 300, 0.3, 0.25)


def states(points: Iterable[Point], *numbers: int) -> list[PointState]:
    there = {number: outcome(number) for number in numbers}
    return point_states(
        points, {point.key: dict(there) for point in POINTS}, "blocking_probability"
    )


def failed(store: Store, points: Iterable[Point], *numbers: int) -> dict[str, str]:
    return failed_points(store, states(points, *numbers))


def test_a_point_is_failed_until_it_has_the_replication_that_failed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert failed(store, POINTS) == {}
    FailureWriter(store, POINTS, "a").append([Failure(ONE.key, "it broke", "trace", 3)])
    assert failed(store, POINTS) == {ONE.key: "it broke"}
    assert failed(store, POINTS, 0, 1, 2) == {ONE.key: "it broke"}
    assert failed(store, POINTS, 0, 1, 2, 3) == {}
    assert failed(store, POINTS, *range(ONE.config.general_settings.max_iters)) == {}
    FailureWriter(store, POINTS, "b").append([Failure(ONE.key, "again", "trace", 5)])
    assert failed(store, POINTS, 0, 1, 2, 3) == {ONE.key: "again"}


def test_a_line_that_is_cut_short_is_no_failure(tmp_path: Path) -> None:
    store = Store(tmp_path)
    FailureWriter(store, POINTS, "a").append(
        [Failure(point.key, "it broke", "trace", 0) for point in (ONE, OTHER)]
    )
    file = tmp_path / "failures" / "a.jsonl"
    assert len(file.read_text().splitlines()) == 2
    file.write_text(file.read_text()[:-30])
    assert failed(store, POINTS) == {ONE.key: "it broke"}


def made(network: Path) -> Point:
    config = load_config("quick", {"topology_settings": {"network": str(network)}})
    return make_point(config, read_inputs(config))


def test_a_point_whose_file_is_mended_is_still_the_one_that_failed(tmp_path: Path) -> None:
    def points(km: float, name: str = "net.csv") -> Point:
        (tmp_path / name).write_text(f"a,b,{km}\nb,c,100\n")
        return made(tmp_path / name)

    store = Store(tmp_path / "store")
    broken = points(300)
    FailureWriter(store, [broken], "a").append([Failure(broken.key, "it broke", "trace", 0)])
    mended = points(301)
    assert mended.key != broken.key
    assert failed(store, [mended]) == {mended.key: "it broke"}
    assert (
        failed_points(
            store, point_states([mended], {mended.key: {1: outcome(1)}}, "blocking_probability")
        )
        == {}
    )
    assert failed(store, [points(302, "another.csv")]) == {}
    record = json.loads((tmp_path / "store" / "failures" / "a.jsonl").read_text())
    assert record["trace"] == "trace"
