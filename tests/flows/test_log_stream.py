"""The log of a simulator reaches its readers whole, in batches and bounded, whatever it holds."""

import logging
import tracemalloc
from pathlib import Path

import pytest

from fusion_flows.rundir.log_stream import LogStream, tail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return the path of a log that is not there yet."""
    return tmp_path / "sim.log"


def lines(stream: LogStream, *, last: bool = False) -> list[str]:
    """Return what is new, line by line."""
    found = []
    while True:
        found += [line for batch in stream.read(last=last) for line in batch.text.split("\n")]
        if stream.at_end:
            return found


def test_a_log_that_is_not_there_has_no_lines(log: Path) -> None:
    assert lines(LogStream(log, 1000), last=True) == []


def test_lines_are_whole(log: Path) -> None:
    stream = LogStream(log, 1000)
    log.write_bytes(b"one\ntw")
    assert lines(stream) == ["one"]
    log.write_bytes(b"one\ntwo\nthree")
    assert lines(stream) == ["two"]
    assert lines(stream, last=True) == ["three"]
    assert lines(stream, last=True) == []


def test_a_character_may_be_torn_and_bytes_may_be_no_text(log: Path) -> None:
    stream = LogStream(log, 1000)
    whole = "5 µs\n".encode()
    log.write_bytes(whole[:3])
    assert lines(stream) == []
    log.write_bytes(whole + b"\xff\xfe!\r\n")
    assert lines(stream) == ["5 µs", "\ufffd\ufffd!"]


def test_lines_of_one_level_make_one_batch(log: Path) -> None:
    log.write_text(
        "10:00:00 INFO a\n10:00:01 INFO b\n"
        "10:00:02 WARNING c\n  more of c\n"
        "10:00:03 ERROR d\nTraceback (most recent call last):\n  File x\nValueError: no\n"
        "plain: a long run of text that is there for a person to read, with ERROR\n"
    )
    batches = list(LogStream(log, 10_000).read())
    assert [(batch.level, batch.text.count("\n") + 1) for batch in batches] == [
        (logging.INFO, 2),
        (logging.WARNING, 2),
        (logging.ERROR, 4),
        (logging.INFO, 1),
    ]


def test_100_000_lines_come_in_few_batches(log: Path) -> None:
    log.write_text("INFO a line of the simulator\n" * 100_000)
    stream = LogStream(log, 10**8)
    batches = list(stream.read())
    while not stream.at_end:
        batches += stream.read()
    assert sum(batch.text.count("\n") + 1 for batch in batches) == 100_000
    assert len(batches) < 200
    assert max(len(batch.text) for batch in batches) < 50_000


def test_the_limit_is_told_once(log: Path) -> None:
    log.write_text("0123456\n" * 100)
    stream = LogStream(log, 80)
    seen = lines(stream)
    assert seen[:-1] == ["0123456"] * 10
    assert str(log) in seen[-1]
    log.write_text("0123456\n" * 200)
    assert lines(stream, last=True) == []


def test_the_limit_is_told_within_a_line_that_does_not_end(log: Path) -> None:
    log.write_bytes(b"one\n" + b"x" * (1 << 21))
    stream = LogStream(log, 100_000)
    read = [line for _ in range(4) for line in lines(stream)]
    assert read[0] == "one"
    assert read[1].startswith("xxxx")
    assert read[1].endswith("more bytes in this line)")
    assert [line for line in read if "longer than shown here" in line] == read[2:]
    with log.open("ab") as file:
        file.write(b"y\n")
    assert lines(stream, last=True) == []


def test_a_log_of_just_the_limit_is_not_cut(log: Path) -> None:
    log.write_text("0123456\n" * 10)
    stream = LogStream(log, 80)
    assert lines(stream, last=True) == ["0123456"] * 10


def test_one_huge_line_is_cut_and_costs_little_memory(log: Path) -> None:
    with log.open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 10**6)
        file.write(b"\nnext\n")
    stream = LogStream(log, 10**9)
    tracemalloc.start()
    seen = lines(stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen[1:] == ["next"]
    assert len(seen[0]) < 20_000
    assert "more bytes" in seen[0]
    assert peak < 4 * 10**6


def test_a_rewritten_log_is_read_from_its_start(log: Path) -> None:
    stream = LogStream(log, 1000)
    log.write_text("one\ntwo\n")
    lines(stream)
    log.write_text("new\n")
    assert lines(stream) == ["new"]


def test_tail_is_the_last_lines(log: Path) -> None:
    assert tail(log) == ""
    log.write_text("\n".join(f"line {number}" for number in range(10_000)))
    assert tail(log, lines=2) == "line 9998\nline 9999"
