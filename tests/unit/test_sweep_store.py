"""The store: what is written is there, whatever happened to who wrote it."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.results.measured import Replication
from fusion.results.outcome import Outcome
from fusion.scenario.versions import MAY_LACK_IN_OUTCOME, MAY_LACK_IN_REPLICATION
from fusion.sweep.definition import Sweep
from fusion.sweep.points import Point, sweep_points
from fusion.sweep.store import (
    COLUMNS,
    OutcomeWriter,
    Store,
    StoreError,
    parse_line,
    parse_lines,
    read_outcomes,
)

POINTS = sweep_points(Sweep(template="quick", grid={"k_paths": [1, 3], "erlang": [150, 160]}))


def outcome(number: int, blocked: int = 3) -> Outcome:
    return Outcome(number, 100, 10, blocked, 0, 1.5, 0.1 + 0.2, 97, 200, 1e-300, 300, 1 / 3, 0.25)


def filled(folder: Path, *numbers: int, points: list[Point] = POINTS, blocked: int = 3) -> Store:
    store = Store(folder)
    store.describe(points)
    with OutcomeWriter(store.new_file()) as writer:
        writer.append(
            (point.key, outcome(number, blocked)) for point in points for number in numbers
        )
    return store


finite = st.floats(0, 1e300, allow_nan=False)
counts = st.integers(0, 2**62)


@given(
    st.builds(Outcome, *[counts] * 5, finite, finite, counts, counts, finite, counts, *[finite] * 4)
)
def test_an_outcome_survives_its_line_to_the_last_bit(one: Outcome) -> None:
    line = ",".join(["a" * 64, *map(repr, one)])
    assert parse_line(line.encode()) == ("a" * 64, one)


def test_a_line_of_the_first_version_is_read() -> None:
    """It had no times, which are 0 where no link fails."""
    line = ",".join(["a" * 64, *map(repr, outcome(3)[:13])])
    assert parse_line(line.encode()) == ("a" * 64, outcome(3))
    assert parse_line(line.encode() + b",1.0") is None


def test_columns_are_read_by_their_names(tmp_path: Path) -> None:
    """A file of a later version has columns more, and elsewhere."""
    store = filled(tmp_path, 0, 1, points=POINTS[:1])
    (file,) = store.files()
    rows = [line.split(",") for line in file.read_text().splitlines()]
    file.write_text(
        "".join(
            ",".join([*row[5:], cell, *row[:5]]) + "\n"
            for row, cell in zip(rows, ("regenerators", "3", "4"), strict=True)
        )
    )
    assert store.read([POINTS[0].key]) == {POINTS[0].key: {0: outcome(0), 1: outcome(1)}}


def test_a_file_without_what_this_version_needs_is_computed_again_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = filled(tmp_path, 0, 1, points=POINTS[:1])
    (file,) = store.files()
    rows = [line.split(",") for line in file.read_text().splitlines()]
    place = rows[0].index("slots")
    file.write_text("".join(",".join([*row[:place], *row[place + 1 :]]) + "\n" for row in rows))
    assert store.read([POINTS[0].key]) == {POINTS[0].key: {}}
    assert "did not measure slots: what it has is computed again" in caplog.text


def test_lines_that_travel_without_their_file_have_its_columns_with_them() -> None:
    names = (*reversed(COLUMNS), "regenerators")
    line = ",".join(map(str, [*reversed(("a" * 64, *outcome(3))), 7]))
    assert parse_lines([line], names) == [("a" * 64, outcome(3))]
    assert parse_lines([line], None) == []


def test_what_a_line_may_lack_is_named_with_the_rule_for_it() -> None:
    """A default would be taken for what earlier versions measured: see `fusion.scenario.versions`."""
    assert Outcome._field_defaults.keys() == MAY_LACK_IN_OUTCOME
    may_lack = {
        name
        for field, default in Replication._field_defaults.items()
        for name in (default._field_defaults if isinstance(default, tuple) else [field])
    }
    assert may_lack == MAY_LACK_IN_REPLICATION


def test_what_is_written_is_there(tmp_path: Path) -> None:
    store = filled(tmp_path, 0, 1)
    found = store.read(point.key for point in POINTS[:2])
    assert found == {point.key: {0: outcome(0), 1: outcome(1)} for point in POINTS[:2]}
    assert store.read(["b" * 64]) == {"b" * 64: {}}
    assert Store(tmp_path / "none").read(["b" * 64]) == {"b" * 64: {}}


def test_a_line_that_is_cut_short_or_damaged_is_not_there(tmp_path: Path) -> None:
    store = filled(tmp_path, 0, 1)
    (file,) = store.files()
    text = file.read_bytes()
    for end in range(len(text)):
        file.write_bytes(text[:end])
        assert len(list(read_outcomes(file))) == max(0, text[:end].count(b"\n") - 1)
    file.write_bytes(text.replace(b",100,", b",1x0,", 1))
    assert len(list(read_outcomes(file))) == 2 * len(POINTS) - 1


def test_two_that_disagree_about_a_replication_are_told(tmp_path: Path) -> None:
    store = filled(tmp_path, 0)
    filled(tmp_path, 0)  # computed twice: equal
    assert len(store.read([POINTS[0].key])[POINTS[0].key]) == 1
    filled(tmp_path, 0, blocked=4)
    with pytest.raises(StoreError, match=r"replication 0 .*blocked: [34] and [34]"):
        store.read([POINTS[0].key])


def test_stores_are_merged_and_again_for_nothing(tmp_path: Path) -> None:
    one = filled(tmp_path / "one", 0, 1, points=POINTS[:2])
    other = filled(tmp_path / "other", 1, 2, points=POINTS[1:])
    assert one.merge(other) == 2 * len(POINTS[1:]) - 1
    assert one.merge(other) == 0
    found = one.read(point.key for point in POINTS)
    assert [sorted(found[point.key]) for point in POINTS] == [[0, 1], [0, 1, 2], [1, 2], [1, 2]]
    assert set(one.contents()) == {point.key for point in POINTS}


def test_what_does_not_match_is_not_merged(tmp_path: Path) -> None:
    one, other = filled(tmp_path / "one", 0), filled(tmp_path / "other", 0, 1, blocked=5)
    before = sorted(path.read_bytes() for path in (tmp_path / "one").rglob("*") if path.is_file())
    with pytest.raises(StoreError, match="blocked: 3 and 5"):
        one.merge(other)
    after = sorted(path.read_bytes() for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert before == after


def test_a_description_that_was_changed_is_refused(tmp_path: Path) -> None:
    store = filled(tmp_path, 0)
    (file,) = (tmp_path / "points").iterdir()
    file.write_text(
        file.read_text().replace(
            '"general_settings.erlang_start": 150', '"general_settings.erlang_start": 151'
        )
    )
    with pytest.raises(StoreError, match="does not hold what its key says"):
        store.contents()


def test_a_key_is_found_by_its_start(tmp_path: Path) -> None:
    store = filled(tmp_path, 0)
    key, content = store.content(POINTS[0].key[:12])
    assert key == POINTS[0].key
    assert content["config"]["general_settings.erlang_start"] == 150
    with pytest.raises(StoreError, match="4 points"):
        store.content("")
    with pytest.raises(StoreError, match="no point"):
        store.content("xyz")


WRITE = """
import sys
import time
from pathlib import Path
from fusion.results.outcome import Outcome
from fusion.sweep.store import OutcomeWriter, Store
key, like = sys.argv[2], Outcome(*eval(sys.argv[3]))
with OutcomeWriter(Store(Path(sys.argv[1])).new_file()) as writer:
    for number in range(3000):
        writer.append([(key, like._replace(replication=number))])
        if number == 0:
            print("up", flush=True)
    time.sleep(100)
"""


def test_a_writer_killed_at_any_moment_leaves_whole_lines(tmp_path: Path) -> None:
    chance, store, (key, *_) = random.Random(1), Store(tmp_path), (point.key for point in POINTS)
    store.describe(POINTS)
    command = [sys.executable, "-c", WRITE, str(tmp_path), key, repr(tuple(outcome(0)))]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.03))
        store.read([key])  # beside those who write
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    found = store.read([key])[key]
    assert found
    assert found == {number: outcome(number) for number in range(len(found))}
    assert set(store.contents()) == {point.key for point in POINTS}
