"""Progress events reach their reader whole, whatever happens to the file."""

import json
import time
import tracemalloc
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.results.progress import ProgressReader, ProgressState, ProgressWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a progress file that is not there yet."""
    return tmp_path / "progress.jsonl"


def line(number: int) -> bytes:
    """Return an event as a line."""
    return json.dumps({"type": "iteration", "iteration": number}).encode() + b"\n"


def numbers(reader: ProgressReader) -> list[int]:
    """Return what is new."""
    return [event["iteration"] for event in reader.read()]


def test_a_file_that_is_not_there_has_no_events(path: Path) -> None:
    assert numbers(ProgressReader(path)) == []


@given(cuts=st.lists(st.integers(0, 200), max_size=10))
def test_events_torn_anywhere_are_read_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("progress") / "progress.jsonl"
    whole = b"".join(line(number) for number in range(5))
    reader, found, start = ProgressReader(path), [], 0
    for end in [*sorted(cuts), len(whole)]:
        with path.open("ab") as file:
            file.write(whole[start:end])
        start = max(start, min(end, len(whole)))
        found += numbers(reader)
    assert found == [0, 1, 2, 3, 4]


def test_lines_that_are_no_event_are_dropped(path: Path) -> None:
    nonsense = [b"", b"{", b"3", b'{"type": 3}', b"\xff\xfe", b"[" * 100_000, b'{"a": 1}']
    path.write_bytes(line(1) + b"\n".join(nonsense) + b"\n" + line(2))
    assert numbers(ProgressReader(path)) == [1, 2]


@pytest.mark.parametrize("how", ["shorter", "replaced"])
def test_a_rewritten_file_is_read_from_its_start(path: Path, how: str) -> None:
    reader = ProgressReader(path)
    path.write_bytes(line(1) + line(2))
    assert numbers(reader) == [1, 2]
    if how == "shorter":
        path.write_bytes(line(3))
        assert numbers(reader) == [3]
    else:
        new = path.with_name("new")
        new.write_bytes(line(3) + line(4) + line(5))
        new.replace(path)
        assert numbers(reader) == [3, 4, 5]


def test_memory_is_bounded_whatever_the_file_holds(path: Path) -> None:
    reader = ProgressReader(path)
    with path.open("wb") as file:
        file.write(line(1))
        for _ in range(50):
            file.write(b"x" * (1 << 20))
        file.write(b"\n" + line(2))
    tracemalloc.start()
    assert numbers(reader) == [1, 2]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_percent_counts_loads_and_replications(path: Path) -> None:
    writer, state = ProgressWriter(path), ProgressState()
    writer.write("start", config={"total_erlangs": 4, "total_iterations": 5})
    for iteration in range(5):
        metrics = {"blocked": 1, "requests": 10}
        writer.write("iteration", erlang=10.0, iteration=iteration, metrics=metrics)
    writer.write("erlang_complete", erlang=10.0, metrics={})
    writer.write("iteration", erlang=20.0, iteration=3, metrics={"blocked": 0, "requests": 10})
    writer.close()
    for event in ProgressReader(path).read():
        state.add(event)
    assert state.fraction == pytest.approx(6 / 20)
    assert state.so_far(10.0, 0.95).mean == pytest.approx(0.1)
    assert state.so_far(20.0, 0.95).ci_upper > 0.0, "nothing blocked is a bound"


def test_the_time_left_of_a_resumed_run_is_that_of_its_own_replications() -> None:
    state = ProgressState()

    def add(kind: str, **values: object) -> None:
        state.add({"type": kind, **values})

    def attempt() -> None:
        add("start", config={"total_erlangs": 3, "total_iterations": 10})
        state.started = time.monotonic() - 100.0

    def replication(iteration: int, **values: object) -> None:
        add("iteration", erlang=10.0, iteration=iteration, metrics={}, **values)

    attempt()
    for iteration in range(7):
        replication(iteration)
    assert state.seconds_left == pytest.approx(100.0 * 23 / 7, rel=0.01)
    attempt()
    for iteration in range(7):
        assert state.seconds_left is None, "nothing was done in this attempt"
        replication(iteration, resumed=True)
    assert state.seconds_left is None
    replication(7)
    assert state.seconds_left == pytest.approx(100.0 * 22, rel=0.01)


def test_the_time_left_does_not_count_what_was_compiled() -> None:
    state = ProgressState()
    state.add({"type": "start", "config": {"total_erlangs": 1, "total_iterations": 10}})
    state.started = time.monotonic() - 100.0
    state.add({"type": "compiling"})
    assert state.compiling
    state.add({"type": "computing"})
    assert not state.compiling
    assert state.started is not None
    state.started -= 2.0
    state.add({"type": "iteration", "erlang": 10.0, "iteration": 0, "metrics": {}})
    assert state.seconds_left == pytest.approx(18.0, rel=0.05)


def test_times_have_a_zone(path: Path) -> None:
    writer = ProgressWriter(path)
    writer.write("start", config={})
    writer.close()
    (event,) = ProgressReader(path).read()
    assert datetime.fromisoformat(event["ts"]).utcoffset() == timedelta(0)
