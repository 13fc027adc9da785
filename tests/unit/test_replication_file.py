"""The file of replications, as this version and others have written it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion.results.link_statistics import LinkStatistics
from fusion.results.measured import (
    LightpathStatistics,
    Replication,
    TrafficStatistics,
)
from fusion.results.replication_file import FIELDS, ReplicationFile, from_record, to_record

_COUNTS = np.zeros(1, dtype=np.int64)
_SHARES = np.zeros(1)


def replication(number: int) -> Replication:
    return Replication(
        erlang=10.0,
        replication=number,
        requests=100,
        warmup_requests=10,
        traffic=TrafficStatistics(_COUNTS, _COUNTS, 0, 1.0, 0.0, _COUNTS, _COUNTS),
        served=LightpathStatistics(1, 1, 1.0, 1, _COUNTS, _COUNTS, _COUNTS),
        links=LinkStatistics(_SHARES, _SHARES),
    )


def read_again(path: Path, change: Callable[[dict[str, Any]], object]) -> set[int]:
    """Return the numbers that are read from a file of two, of which another version wrote the second."""
    file = ReplicationFile(path, "key", {})
    file.append(replication(0))
    file.append(replication(1))
    file.close()
    *lines, last = path.read_text().splitlines()
    record = json.loads(last)
    change(record)
    path.write_text("".join(f"{line}\n" for line in (*lines, json.dumps(record))))
    file = ReplicationFile(path, "key", {})
    file.close()
    return {number for _, number in file.replications}


def test_what_a_later_version_measures_beside_is_left_out(tmp_path: Path) -> None:
    assert read_again(tmp_path / "file", lambda record: record.update(regenerators=3)) == {0, 1}


def test_what_an_earlier_version_did_not_measure_is_not_taken_for_zero(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_again(tmp_path / "file", lambda record: record.pop("slots")) == {0}
    assert "1 replications are of a version that did not measure slots" in caplog.text
    assert "damaged" not in caplog.text


def test_what_was_not_asked_for_then_may_be_missing(tmp_path: Path) -> None:
    assert read_again(tmp_path / "file", lambda record: record.pop("groomed")) == {0, 1}


def test_a_record_gives_the_replication_back() -> None:
    again = from_record(json.loads(json.dumps(to_record(replication(3)))))
    assert to_record(again) == to_record(replication(3))


def test_what_is_said_by_subject_is_one_record_in_the_file() -> None:
    record = to_record(replication(3))
    assert tuple(record) == FIELDS
    assert len(set(FIELDS)) == len(FIELDS)  # or one would be written over another
    assert record["blocked"] == [0]
    assert record["requests"] == 100
