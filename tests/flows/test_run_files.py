"""Files of a run are listed, opened and previewed, and never one from outside, whatever is asked."""

import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import files as run_files
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError
from fusion_flows.rundir.files import FileRefusedError, list_files, open_file, preview

ROOT = Path(__file__).parents[2]
RUN_ID = "0123456789ab"
SECRET = b"from outside"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """Return a run with some files; beside it lie a secret and another run."""
    return make(tmp_path)


def make(folder: Path) -> RunDirectory:
    (folder / "secret").write_bytes(SECRET)
    other = rundir.create(folder / "runs", "f" * 12, "[general_settings]\n")
    (other.output / "points.csv").write_bytes(SECRET)
    run = rundir.create(folder / "runs", RUN_ID, "[general_settings]\n")
    run.points.write_text("erlang,blocked\n140.0,3\n")
    (run.output / "140_erlang.json").write_text('{"blocking_mean": 0.1}\n')
    run.log.write_text("10:00:00 INFO up\n")
    run.progress.write_text('{"type": "start"}\n')
    (run.plots / "blocking.png").write_bytes(PNG)
    return run


def put(run: RunDirectory, name: str, content: bytes) -> str:
    (run.output / name).write_bytes(content)
    return f"output/{name}"


def read(run: RunDirectory, path: str) -> bytes:
    with open_file(run, path) as file:
        return file.read()


def refusal(run: RunDirectory, path: str) -> str:
    """Return why a file is refused, and look at the message on the way."""
    with pytest.raises(FileRefusedError) as refused:
        open_file(run, path)
    error = refused.value
    assert isinstance(error, RunDirectoryError)
    assert (error.run_id, error.path) == (run.run_id, path)
    assert run.run_id in str(error)
    assert str(error).isprintable()
    assert len(str(error)) < 500
    with pytest.raises(FileRefusedError):
        preview(run, path)
    return error.reason


# --- listing ------------------------------------------------------------------------------------


def test_files_are_listed_with_size_time_and_kind(run: RunDirectory) -> None:
    os.utime(run.points, (0, 1_700_000_000.5))
    entries = {entry.path: entry for entry in list_files(run)}
    assert list(entries) == sorted(entries)
    assert {path: entry.kind for path, entry in entries.items()} == {
        "config.ini": "text",
        "logs/sim.log": "text",
        "output/140_erlang.json": "json",
        "output/points.csv": "csv",
        "plots/blocking.png": "picture",
        "progress.jsonl": "text",
    }
    points = entries["output/points.csv"]
    assert points.size == run.points.stat().st_size
    assert points.modified == datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)
    assert points.modified.tzinfo is UTC


def test_only_what_can_be_opened_is_listed(run: RunDirectory, tmp_path: Path) -> None:
    before = [entry.path for entry in list_files(run)]
    with run_lock.hold(run):
        pass
    (run.output / ".points.csv.tmp").write_text("half")
    for name in ("a:b", "a\\b", "CON", "nul.txt", "dot.", "space ", "bell\a"):
        (run.output / name).write_text("x")
    with suppress(OSError):  # some file systems have text for names only
        (run.output / os.fsdecode(b"\xff")).write_text("x")
    for name in ("C:", "con", "..."):
        (run.path / name).mkdir()
        (run.path / name / "file").write_text("x")
    (run.output / "link").symlink_to(run.points)
    (run.output / "out").symlink_to(tmp_path / "secret")
    (run.output / "folder").symlink_to(tmp_path)
    (run.output / "loop").symlink_to("loop")
    os.mkfifo(run.output / "pipe")
    (run.output / "ﬁle․․ ①．csv").write_text("odd, but a name")
    (run.output / "~").write_text("a name, too")
    after = [entry.path for entry in list_files(run)]
    assert sorted(set(after) - set(before)) == ["output/~", "output/ﬁle․․ ①．csv"]
    assert all(read(run, path) is not None for path in after)


def test_a_run_that_is_not_there_has_no_list(tmp_path: Path, run: RunDirectory) -> None:
    with pytest.raises(RunDirectoryError, match="there is no run"):
        list_files(RunDirectory(tmp_path / RUN_ID))
    (tmp_path / "link").symlink_to(run.path)
    with pytest.raises(RunDirectoryError, match="cannot read"):
        list_files(RunDirectory(tmp_path / "link"))


def test_a_folder_that_is_removed_while_it_is_listed_is_left_out(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = rundir.open_folder

    def open_and_remove(name: str | Path, within: int | None = None) -> int:
        folder = really(name, within)
        if name == "logs":
            shutil.rmtree(run.log.parent)
        return folder

    before = [entry.path for entry in list_files(run)]
    monkeypatch.setattr(rundir, "open_folder", open_and_remove)
    after = [entry.path for entry in list_files(run)]
    assert after == [path for path in before if path != "logs/sim.log"]


def test_a_deep_tree_is_listed_to_a_depth_that_can_be_opened(run: RunDirectory) -> None:
    folder = run.path
    for _ in range(rundir.MAX_DEPTH + 10):
        folder = folder / "d"
        folder.mkdir()
        (folder / "file").write_text("x")
    deepest = max((entry.path for entry in list_files(run)), key=len)
    assert deepest.count("/") == rundir.MAX_DEPTH - 1
    assert read(run, deepest) == b"x"
    assert max(path.count("/") for path, _ in rundir.walk(run)) == rundir.MAX_DEPTH
    assert "parts" in refusal(run, f"d/{deepest}")
    open_before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    list_files(run)
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) == open_before


@pytest.mark.parametrize("seconds", [-(2**62), -(2**40), 2**40, 2**62])
def test_any_time_of_a_file_can_be_shown(run: RunDirectory, seconds: int) -> None:
    try:
        os.utime(run.points, (seconds, seconds))
    except OverflowError:
        pytest.skip("no such time")
    status = run.points.stat()
    (shown,) = (entry.modified for entry in list_files(run) if entry.path == "output/points.csv")
    assert shown.tzinfo is UTC
    assert (shown.year > 2100) == (status.st_mtime > 2**33)
    assert run_files._time(float(seconds)).year == (9999 if seconds > 0 else 1)


# --- opening ------------------------------------------------------------------------------------


def test_every_listed_file_opens(run: RunDirectory) -> None:
    entries = list_files(run)
    assert len(entries) == 6
    for entry in entries:
        with open_file(run, entry.path) as file:
            assert len(file.read()) == entry.size
            file.seek(0)
            assert os.get_blocking(file.fileno())
            assert not os.get_inheritable(file.fileno())


OUTSIDE = [
    "..",
    "../",
    "../../secret",
    "../ffffffffffff/output/points.csv",
    "output/../../../secret",
    "output/../output/points.csv",
    "output/..",
    "./output/points.csv",
    "output/./points.csv",
    ".",
    "",
    "/",
    "//",
    "/etc/passwd",
    "//etc/passwd",
    "output//points.csv",
    "output/points.csv/",
    "/output/points.csv",
    "~/secret",
    "~root/.bashrc",
    "file:///etc/passwd",
    "%2e%2e/%2e%2e/secret",
    "%2e%2e%2f%2e%2e%2fsecret",
    "%252e%252e/%252e%252e/secret",
    "..%2f..%2fsecret",
    "..%c0%af..%c0%afsecret",
    "%2fetc%2fpasswd",
    "output%2fpoints.csv",
    "output/points%2ecsv",
    "..\\..\\secret",
    "output\\points.csv",
    "output\\..\\..\\..\\secret",
    "\\\\server\\share\\secret",
    "\\\\?\\C:\\secret",
    "C:\\Windows\\win.ini",
    "C:/Windows/win.ini",
    "C:secret",
    "c:",
    "output/points.csv:stream",
    "output/points.csv::$DATA",
    "output:points.csv",
    "CON",
    "output/NUL",
    "nul.txt",
    "aux.tar.gz",
    "Com1",
    "LPT9.csv",
    "COM¹",
    "con .txt",
    "CONIN$",
    "output/points.csv.",
    "output/points.csv ",
    "output /points.csv",
    "output./points.csv",
    "...",
    ".. /secret",
    "\0",
    "output/points.csv\0",
    "output/points.csv\0.png",
    "../../secret\0",
    "output/points.csv\n",
    "\ud800",
    "．．/．．/secret",
    "․․/․․/secret",
    "‥/secret",
    "..∕..∕secret",
    "output／points.csv",
    "ｏutput/points.csv",
    "OUTPUT/points.csv",
    "OUTPUT/Points.csv",
    "output/POINTS.CSV",
    "config.ini/x",
    "config.ini/../output/points.csv",
    "output/points.csv/../../../../secret",
    "x" * 300,
    "x/" * 3000,
    "x" * 10**6,
    "../" * 30 + "etc/passwd",
    "/proc/self/environ",
    "/dev/stdin",
    ".lock",
]


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: ascii(path)[:40])
def test_a_path_that_names_no_file_of_the_run_is_refused(run: RunDirectory, path: str) -> None:
    with run_lock.hold(run):
        pass
    refusal(run, path)


@pytest.mark.parametrize("path", [None, b"config.ini", 3, Path("config.ini")])
def test_a_path_is_text(run: RunDirectory, path: str) -> None:
    assert "text" in refusal(run, path)


@pytest.mark.parametrize(
    "name",
    [
        "%2e%2e",
        "a%2fb",
        "..%2f",
        "．．",
        "․․",
        "‥",
        "a∕b",
        "~",
        "$HOME",
        "*",
        "a;b",
        "é",
        "e\u0301",
    ],
)
def test_a_name_is_taken_literally(run: RunDirectory, name: str) -> None:
    (run.output / name).mkdir()
    try:
        path = put(run, f"{name}/{name}", b"literal")
        if name.startswith("."):
            assert "dot" in refusal(run, path)
        else:
            assert path in [entry.path for entry in list_files(run)]
            assert read(run, path) == b"literal"
    finally:
        assert read(run, "config.ini").startswith(b"[")


def test_a_missing_file_says_so_and_names_the_nearest(run: RunDirectory) -> None:
    assert refusal(run, "output/point.csv") == ("file not found; did you mean 'output/points.csv'?")
    assert refusal(run, "OUTPUT/points.csv").endswith("'output/points.csv'?")
    assert refusal(run, "zzz") == "file not found"
    assert refusal(run, "x" * 10**6) == "it has more than 4096 characters"
    with pytest.raises(FileRefusedError) as refused:
        open_file(run, "output/point.csv")
    assert "'output/point.csv' is refused" in str(refused.value)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


def test_no_link_is_followed(run: RunDirectory, tmp_path: Path) -> None:
    links = {
        "output/out": tmp_path / "secret",
        "output/relative": Path("../../../secret"),
        "output/inside": run.points,
        "output/here": Path("points.csv"),
        "output/fd": Path("/proc/self/fd/0"),
        "output/loop": Path("loop"),
        "output/dangling": Path("nothing"),
    }
    for path, target in links.items():
        (run.path / path).symlink_to(target)
        assert refusal(run, path).startswith(("it is, or lies behind, a symb", "Too many", "there"))
    folders = {
        "a": tmp_path,
        "b": Path("output"),
        "c": Path("."),
        "output/d": Path(".."),
        "root": Path("/"),
    }
    for path, target in folders.items():
        (run.path / path).symlink_to(target)
    for path in (
        "a/secret",
        f"a/runs/{RUN_ID}/config.ini",
        "b/points.csv",
        "c/output/points.csv",
        "output/d/config.ini",
        "root/etc/passwd",
        "c/c/c/config.ini",
    ):
        assert refusal(run, path).startswith("it is, or lies behind, a symbolic link")
    (tmp_path / "alias").symlink_to(run.path)
    refusal(RunDirectory(tmp_path / "alias"), "config.ini")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "null", "zero", "tty"])
def test_what_is_no_regular_file_is_refused_at_once(run: RunDirectory, kind: str) -> None:
    path = run.output / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        before = os.getcwd()
        os.chdir(run.output)  # the path of a socket is short
        try:
            socket.socket(socket.AF_UNIX).bind(kind)
        finally:
            os.chdir(before)
    elif kind == "folder":
        path.mkdir()
    else:
        try:
            os.mknod(
                path, 0o20666, os.makedev(*{"null": (1, 3), "zero": (1, 5), "tty": (5, 0)}[kind])
            )
        except PermissionError:
            pytest.skip("only root makes devices")
    reason = refusal(run, f"output/{kind}")
    if kind in ("pipe", "folder"):
        assert kind in reason


def test_a_file_that_may_not_be_read_says_so(run: RunDirectory) -> None:
    run.points.chmod(0)
    if os.access(run.points, os.R_OK):
        pytest.skip("root may read everything")
    assert refusal(run, "output/points.csv") == "Permission denied"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_refusing_leaves_no_file_open(run: RunDirectory) -> None:
    os.mkfifo(run.output / "pipe")
    (run.output / "link").symlink_to("/etc")
    before = len(os.listdir("/proc/self/fd"))
    for path in (*OUTSIDE, "output", "output/pipe", "output/link", "output/link/passwd"):
        with pytest.raises(FileRefusedError):
            open_file(run, path)
    assert len(os.listdir("/proc/self/fd")) == before


# --- any path -----------------------------------------------------------------------------------

parts = st.sampled_from(
    [
        "",
        ".",
        "..",
        "output",
        "OUTPUT",
        "points.csv",
        "config.ini",
        "logs",
        "sim.log",
        "link",
        "inside",
    ]
) | st.sampled_from(
    ["secret", "runs", RUN_ID, "f" * 12, "%2e%2e", "．．", "~", "\0", "C:", "a:b", "CON", ".lock"]
)
separators = st.sampled_from(["/", "/", "/", "//", "\\", "%2f", "／"])
composed = st.lists(st.tuples(parts, separators), max_size=8).map(
    lambda pairs: "".join(part + separator for part, separator in pairs)
)
paths = st.one_of(
    composed, composed.map(lambda path: path.rstrip("/")), st.text(), st.text("./\\%2ef:~\0")
)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Return a run that holds links to the outside and to the inside."""
    run = make(tmp_path_factory.mktemp("attacked"))
    (run.path / "link").symlink_to("..")
    (run.output / "link").symlink_to("../../../secret")
    (run.path / "inside").symlink_to("output")
    return run


@settings(derandomize=True, deadline=None, max_examples=1500)
@given(path=paths)
def test_any_path_gives_a_file_of_the_run_or_is_refused(attacked: RunDirectory, path: str) -> None:
    inside = {
        (status.st_dev, status.st_ino): name
        for folder, _, names in os.walk(attacked.path)
        for name in names
        if (status := os.lstat(os.path.join(folder, name)))
    }
    listed = {entry.path for entry in list_files(attacked)}
    try:
        with open_file(attacked, path) as file:
            status = os.fstat(file.fileno())
    except FileRefusedError as refused:
        message = str(refused)
        assert path not in listed
        assert message.isprintable()
    else:
        assert inside[status.st_dev, status.st_ino] == path.split("/")[-1]
        assert path in listed


# --- an attacker that changes the directory meanwhile ---------------------------------------------

SWAP = """
import os, sys
place, outside = sys.argv[1:]
aside, link = place + "_aside", place + "_link"
print("up", flush=True)
while True:
    os.rename(place, aside)
    os.symlink(outside, place)
    os.rename(place, link)
    os.rename(aside, place)
    os.unlink(link)
    if os.path.isfile(place):  # a file can be replaced in one step as well
        os.symlink(outside, link)
        os.link(place, aside)
        os.rename(link, place)
        os.rename(aside, place)
"""


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a folder with the names of a run's `output`, and another content."""
    folder = tmp_path / "outside"
    (folder / "deeper").mkdir(parents=True)
    for name in ("points.csv", "only_outside.csv", "deeper/points.csv"):
        (folder / name).write_bytes(SECRET)
    return folder


@pytest.fixture(params=["output", "output/points.csv", "output/deeper"])
def swapped(
    run: RunDirectory, outside: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[RunDirectory, str]]:
    """Let a process swap a folder or a file for a link to the outside, and back, all the time."""
    place = str(request.param)
    (run.output / "deeper").mkdir()
    (run.output / "deeper" / "points.csv").write_bytes(run.points.read_bytes())
    target = {"output": outside, "output/deeper": outside / "deeper"}.get(
        place, outside / "points.csv"
    )
    with subprocess.Popen(
        [sys.executable, "-S", "-c", SWAP, str(run.path / place), str(target)],
        stdout=subprocess.PIPE,
        text=True,
    ) as attacker:
        assert attacker.stdout is not None
        assert attacker.stdout.readline() == "up\n"
        yield run, "output/deeper/points.csv" if "deeper" in place else "output/points.csv"
        assert attacker.poll() is None
        attacker.kill()


def test_links_that_are_swapped_in_never_show_the_outside(
    swapped: tuple[RunDirectory, str],
) -> None:
    run, path = swapped
    read_inside = refused = 0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            assert read(run, path) == b"erlang,blocked\n140.0,3\n"
            assert SECRET.decode() not in preview(run, path).text
            read_inside += 1
        except FileRefusedError as refusal:
            message = str(refusal)
            assert "only_outside" not in message
            refused += 1
        if refused % 10 == 0:
            assert not [entry for entry in list_files(run) if "only_outside" in entry.path]
        if read_inside + refused > 5000 and min(read_inside, refused) > 100:
            break
    assert min(read_inside, refused) > 100


# --- previews -----------------------------------------------------------------------------------


def test_a_text_is_shown_whole_when_it_fits(run: RunDirectory) -> None:
    path = put(run, "notes.txt", "\ufeffα\r\nb".encode())
    seen = preview(run, path)
    assert (seen.kind, seen.text, seen.truncated, seen.size) == ("text", "α\r\nb", False, 8)
    assert seen.path == path
    assert preview(run, put(run, "empty.txt", b""))[1:5] == (0, "text", False, "")


@pytest.mark.parametrize(
    ("max_lines", "max_bytes", "text", "truncated"),
    [
        (3, 100, "ab\ncd\nef\n", False),
        (2, 100, "ab\ncd\n", True),
        (1, 100, "ab\n", True),
        (9, 9, "ab\ncd\nef\n", False),
        (9, 8, "ab\ncd\n", True),
        (9, 6, "ab\ncd\n", True),
        (9, 5, "ab\n", True),
        (9, 3, "ab\n", True),
        (9, 2, "ab", True),
        (9, 1, "a", True),
    ],
)
def test_a_text_is_cut_to_whole_lines(
    run: RunDirectory, max_lines: int, max_bytes: int, text: str, truncated: bool
) -> None:
    seen = preview(run, put(run, "a.log", b"ab\ncd\nef\n"), max_lines, max_bytes)
    assert (seen.text, seen.truncated) == (text, truncated)


def test_a_last_line_without_an_end_counts(run: RunDirectory) -> None:
    path = put(run, "a.jsonl", b"a\nb\nc")
    assert preview(run, path, max_lines=3)[3:5] == (False, "a\nb\nc")
    assert preview(run, path, max_lines=2)[3:5] == (True, "a\nb\n")


def test_bytes_that_are_no_utf_8_are_replaced(run: RunDirectory) -> None:
    seen = preview(run, put(run, "a.log", b"\xff\xfea\xed\xa0\x80\n\xe2\x82"))
    assert seen.text.encode().decode() == seen.text
    assert seen.text.startswith("\ufffd\ufffda")
    assert seen.text.endswith("\n\ufffd")
    cut = preview(run, put(run, "b.log", "€€€".encode()), max_bytes=7)
    assert (cut.text, cut.truncated) == ("€€", True)


@pytest.mark.parametrize("limit", [0, -1])
def test_limits_are_positive(run: RunDirectory, limit: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        preview(run, "config.ini", max_lines=limit)
    with pytest.raises(ValueError, match="at least 1"):
        preview(run, "config.ini", max_bytes=limit)


def test_json_is_parsed_when_it_fits(run: RunDirectory) -> None:
    value = {"a": [1, 2.5, None, "µ"]}
    path = put(run, "a.json", json.dumps(value, indent=1).encode())
    seen = preview(run, path)
    assert (seen.kind, seen.value, seen.truncated) == ("json", value, False)
    few = preview(run, path, max_lines=1)
    assert (few.value, few.text, few.truncated) == (value, "{\n", True)
    large = preview(run, path, max_bytes=5)
    assert (large.kind, large.value, large.truncated) == ("json", None, True)
    assert preview(run, put(run, "b.json", b'\xef\xbb\xbf{"b": 1}')).value == {"b": 1}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"{'a': 1}", b"[" * 500_000, b"9" * 10_000, b'"\xff"']
)
def test_what_is_no_json_is_a_text(run: RunDirectory, content: bytes) -> None:
    seen = preview(run, put(run, "a.json", content))
    assert (seen.kind, seen.value) == ("text", None)
    assert len(seen.text) == len(content)


def test_csv_has_a_header_and_rows(run: RunDirectory) -> None:
    seen = preview(run, "output/points.csv")
    assert (seen.kind, seen.header, seen.rows) == ("csv", ["erlang", "blocked"], [["140.0", "3"]])
    path = put(run, "a.csv", b'a,b\r\n"x, ""y""\nz",2\r\n3,4\r\n')
    assert preview(run, path).rows == [['x, "y"\nz', "2"], ["3", "4"]]
    assert preview(run, path, max_lines=3).rows == [['x, "y"\nz', "2"]]
    assert preview(run, put(run, "mac.csv", b"a\rb\r")).rows == [["b"]]
    torn = preview(run, path, max_lines=2)  # within the quotes
    assert (torn.header, torn.rows, torn.truncated) == (["a", "b"], [], True)
    empty = preview(run, put(run, "b.csv", b""))
    assert (empty.kind, empty.header, empty.rows) == ("csv", [], [])


def test_what_is_no_csv_is_a_text(run: RunDirectory) -> None:
    content = b'a,"' + b"x" * 200_000
    seen = preview(run, put(run, "a.csv", content))
    assert (seen.kind, seen.header, seen.rows) == ("text", None, None)
    assert seen.text == content.decode()


@pytest.mark.parametrize(
    ("name", "start", "media_type"),
    [
        ("a.png", PNG, "image/png"),
        ("a.PNG", PNG, "image/png"),
        ("a.jpg", b"\xff\xd8\xff\xe0\0", "image/jpeg"),
        ("a.gif", b"GIF89a\0", "image/gif"),
        ("a.webp", b"RIFF\0\0\0\0WEBP", "image/webp"),
        ("a.svg", b'<?xml version="1.0"?><svg></svg>', "image/svg+xml"),
    ],
)
def test_a_picture_comes_whole_or_not_at_all(
    run: RunDirectory, name: str, start: bytes, media_type: str
) -> None:
    path = put(run, name, start)
    seen = preview(run, path)
    assert (seen.kind, seen.content, seen.media_type) == ("picture", start, media_type)
    assert (seen.truncated, seen.text) == (False, "")
    large = preview(run, put(run, name, start + b"x" * 1000), max_bytes=len(start) + 10)
    assert (large.kind, large.content, large.media_type) == ("picture", b"", media_type)
    assert (large.truncated, large.size) == (True, len(start) + 1000)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.png", b"no picture", "text"),
        ("b.png", b"\x89PNG no", "binary"),
        ("a.svg", b"<html></html>", "text"),
        ("a.csv", b"a,b\n\0,1\n", "binary"),
        ("a.json", b"\0", "binary"),
        ("a.log", b"a\0", "binary"),
        ("a", b"plain\n", "text"),
        ("a.pickle", b"\x80\x04\x95", "binary"),
        ("a.html", b"<script>", "text"),
    ],
)
def test_the_content_decides_what_a_file_is(
    run: RunDirectory, name: str, content: bytes, kind: str
) -> None:
    seen = preview(run, put(run, name, content))
    assert seen.kind == kind
    assert seen.content == b""
    assert seen.text == (content.decode() if kind == "text" else "")


HUGE = 50 * 10**6


def test_memory_is_bounded_whatever_the_file_holds(run: RunDirectory) -> None:
    contents = {"x": b"x" * 10**6, "no_text": b"\xff" * 10**6, "commas": b"," * 10**6}
    huge = []
    for name, block in contents.items():
        for suffix in (".txt", ".json", ".csv", ".png", ".bin"):
            huge.append(put(run, name + suffix, block))
            os.truncate(run.path / huge[-1], HUGE)  # a hole behind the first megabyte
    with (run.output / "line.txt").open("wb") as file:
        for _ in range(50):
            file.write(contents["x"])
    for name in ("sparse.txt", "sparse.csv", "sparse.json"):
        huge.append(put(run, name, b""))
        os.truncate(run.path / huge[-1], 10 * 2**30)
    for path in (*huge, "output/line.txt"):
        tracemalloc.start()
        seen = preview(run, path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20 * 10**6, path
        assert seen.truncated
        assert seen.size >= HUGE
        assert len(seen.text) <= 10**6
    line = preview(run, "output/line.txt")
    assert (line.text, line.truncated) == ("x" * 10**6, True)
