"""Whole lines of a file that another process appends to."""

from pathlib import Path

import pytest

from fusion.results.line_file import LineFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file that is not there yet."""
    return tmp_path / "lines"


def append(path: Path, content: bytes) -> None:
    """Append to a file, or make it."""
    with path.open("ab") as file:
        file.write(content)


def test_a_file_that_is_not_there_has_no_lines(path: Path) -> None:
    assert list(LineFile(path).lines(last=True)) == []


def test_a_line_is_read_once_it_is_whole(path: Path) -> None:
    file = LineFile(path)
    append(path, b"one\n\ntw")
    assert list(file.lines()) == [b"one", b""]
    assert list(file.lines()) == []
    append(path, b"o\nthree")
    assert list(file.lines()) == [b"two"]
    assert list(file.lines(last=True)) == [b"three"]
    assert list(file.lines(last=True)) == []


def test_what_is_not_taken_comes_again(path: Path) -> None:
    append(path, b"one\ntwo\nthree\n")
    file = LineFile(path)
    assert next(file.lines()) == b"one"
    assert file.offset == 4
    assert next(file.lines()) == b"two"
    file.offset = 4
    assert list(file.lines()) == [b"two", b"three"]


def test_what_is_appended_while_it_is_read_is_left_for_the_next_time(path: Path) -> None:
    append(path, b"0\n")
    file, found = LineFile(path), []
    for line in file.lines():
        found.append(line)
        append(path, b"1\n")
    assert found == [b"0"]
    assert list(file.lines()) == [b"1"]


def test_a_part_may_be_read(path: Path) -> None:
    append(path, b"one\ntwo\nthree")
    file = LineFile(path)
    assert list(file.lines(6, last=True)) == [b"one"]
    assert not file.at_end
    assert list(file.lines(6, last=True)) == [b"two"]
    assert not file.at_end
    assert list(file.lines(6, last=True)) == [b"three"]
    assert file.at_end


@pytest.mark.parametrize("ending", [b"\n", b""])
def test_of_a_long_line_the_start_is_taken(path: Path, ending: bytes) -> None:
    file = LineFile(path, longest=4)
    append(path, b"four\nfive5")
    assert [(line, file.cut) for line in file.lines()] == [(b"four", 0)]
    append(path, b"5" * 9)
    assert list(file.lines()) == []
    append(path, b"5" + ending)
    assert list(file.lines(last=True)) == [b"five"]
    assert file.cut == 11


def test_a_file_that_was_replaced_is_read_from_its_start(path: Path) -> None:
    append(path, b"one\n")
    file = LineFile(path, offset=2)
    assert list(file.lines()) == [b"e"]
    new = path.with_name("new")
    append(new, b"another\nfile\n")
    new.replace(path)
    assert list(file.lines()) == [b"another", b"file"]
    path.write_bytes(b"less\n")
    assert list(file.lines()) == [b"less"]
