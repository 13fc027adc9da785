"""A run directory is entered by its run id alone, held by one process, and deleted as a whole."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import ValidationError

from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import removal as run_removal
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError
from fusion_flows.server.settings import Settings

ROOT = Path(__file__).parents[2]
RUN_ID = "0123456789ab"
DAY = 86_400.0
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def make(runs_dir: Path, run_id: str = RUN_ID, files: int = 1, size: int = 100) -> RunDirectory:
    """Make a run directory with result files."""
    run = rundir.create(runs_dir, run_id, "[general_settings]\n")
    for number in range(files):
        (run.output / f"{number}_erlang.json").write_bytes(os.urandom(size))
    return run


def run_ids(number: int) -> list[str]:
    return [f"{each:012x}" for each in range(number)]


@contextmanager
def script(text: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a script in a process of its own; a line goes in to start it, lines come out."""
    with subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def say(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


HOLD = """
import sys
from pathlib import Path
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import removal as run_removal
from fusion_flows.rundir import directory as rundir
with run_lock.hold(rundir.RunDirectory(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.readline()
"""

# --- ids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tail", "run_id"),
    [
        ("0123456789ab", "0123456789ab"),
        ("e12345678901", "e12345678901"),
        ("1234e567e901", "1234e567e901"),
        ("123456789012", "b23456789012"),
        ("000000000000", "a00000000000"),
        ("12345e678901", "b2345e678901"),
        ("1e2345678901", "be2345678901"),
        ("9e9999999999", "fe9999999999"),
    ],
)
def test_no_reader_takes_a_run_id_for_a_number(tmp_path: Path, tail: str, run_id: str) -> None:
    flow_run_id = UUID(f"0192e4a0-0000-7000-8000-{tail}")
    assert rundir.run_id_of(flow_run_id) == run_id
    with pytest.raises(ValueError, match="could not convert"):
        float(run_id)
    assert rundir.own_run_id(tmp_path, flow_run_id) == run_id
    make(tmp_path, tail)  # as an earlier version did
    assert rundir.own_run_id(tmp_path, flow_run_id) == tail
    assert rundir.run_ids_of(flow_run_id) == {run_id, tail}


@pytest.mark.parametrize("tail", ["123456789012", "123456789e12", "0123456789e1", "0123456789ab"])
def test_an_old_run_id_is_found_by_the_number_that_it_was_read_as(
    tmp_path: Path, tail: str
) -> None:
    for other in ("123456789013", "12345678e901", "0123456789ac"):
        make(tmp_path, other)
    make(tmp_path, tail)
    try:
        read = json.loads(tail)
    except ValueError:
        read = tail
    assert rundir.meant(tmp_path, read if isinstance(read, str) else repr(read)) == tail


def test_a_number_that_no_run_was_stays(tmp_path: Path) -> None:
    make(tmp_path, "12345e678901")
    for text in ("1e5", "Infinity", "12", "some/path", ""):
        assert rundir.meant(tmp_path, text) == text


# --- which directories are runs -----------------------------------------------------------------


def test_a_run_is_opened_by_its_id(tmp_path: Path) -> None:
    run = make(tmp_path)
    assert rundir.open_run(tmp_path, RUN_ID) == run
    assert rundir.list_runs(tmp_path) == [run]


def test_a_relative_folder_of_runs_is_taken_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(tmp_path)
    monkeypatch.chdir(tmp_path.parent)
    assert rundir.open_run(Path(tmp_path.name), RUN_ID) == run
    assert rundir.list_runs(Path(tmp_path.name)) == [run]


@pytest.mark.parametrize(
    "run_id",
    [
        "",
        ".",
        "..",
        "/",
        "/etc",
        "../runs/0123456789ab",
        "0123456789ab/",
        "0123456789ab/.",
        "./0123456789ab",
        "x/../0123456789ab",
        "..\\runs\\0123456789ab",
        "%30123456789ab",
        "%2e%2e",
        "%252e%252e",
        "0123456789AB",
        "0123456789ab\n",
        "0123456789ab\0",
        "\x000123456789a",
        " 0123456789ab",
        "0123456789a",
        "0123456789abc",
        "0123456789ag",
        "０１２３４５６７８９ab",
        "٠123456789ab",
        "C:0123456789",
        "C:\\456789abc",
        "CON",
        "NUL",
        "0123456789ab:x",
        "~",
        "\ud800" * 12,
        "a" * 100_000,
        None,
        12,
        pytest.param(10**5000, id="a number too long for text"),
    ],
)
def test_whatever_is_no_run_id_is_refused_and_shown(tmp_path: Path, run_id: str) -> None:
    make(tmp_path / "runs")
    with pytest.raises(RunDirectoryError, match="is not a run id: 12 digits") as refusal:
        rundir.open_run(tmp_path / "runs", run_id)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 200


def test_a_run_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="there is no run ffffffffffff in"):
        rundir.open_run(tmp_path, "f" * 12)
    with pytest.raises(RunDirectoryError, match="there is no run"):
        rundir.open_run(tmp_path / "none", "f" * 12)
    assert rundir.list_runs(tmp_path / "none") == []


def test_a_folder_of_runs_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match=r"cannot read the folder of runs .*file"):
        rundir.list_runs(tmp_path / "file")


def test_what_only_looks_like_a_run_is_none(tmp_path: Path) -> None:
    runs_dir = tmp_path / "runs"
    run = make(runs_dir)
    elsewhere = make(tmp_path / "elsewhere")
    (runs_dir / ("a" * 12)).mkdir()
    (runs_dir / ("b" * 12)).write_text("")
    (runs_dir / ("c" * 12)).symlink_to(elsewhere.path)
    (runs_dir / ("d" * 12)).symlink_to(run.path)
    (runs_dir / ("e" * 12)).mkdir()
    (runs_dir / ("e" * 12) / "config.ini").symlink_to(elsewhere.config)
    (runs_dir / ("f" * 12)).mkdir()
    (runs_dir / ("f" * 12) / "config.ini").mkdir()
    make(runs_dir, "name")
    make(runs_dir, "ABCDEFABCDEF")  # lists its name so on every file system
    assert rundir.list_runs(runs_dir) == [run]
    for letter, reason in {
        "a": "no config.ini",
        "b": "not a folder",
        "c": "symbolic link",
        "d": "symbolic link",
        "e": "config.ini is not a regular file",
        "f": "config.ini is not a regular file",
    }.items():
        with pytest.raises(RunDirectoryError, match=reason):
            rundir.open_run(runs_dir, letter * 12)
    with pytest.raises(RunDirectoryError, match="there is no run"):
        rundir.open_run(runs_dir, "abcdefabcdef")


COME_AND_GO = """
import shutil, sys
from pathlib import Path
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import removal as run_removal
from fusion_flows.rundir import directory as rundir
print("up", flush=True)
while True:
    for number in range(5):
        rundir.create(Path(sys.argv[1]), f"{number:012x}", "[general_settings]")
    for number in range(5):
        shutil.rmtree(Path(sys.argv[1]) / f"{number:012x}")
"""


def test_runs_are_listed_while_others_come_and_go(tmp_path: Path) -> None:
    stays = make(tmp_path, "f" * 12)
    listed, counted = set(), set()
    deadline = time.monotonic() + 60
    with script(COME_AND_GO, tmp_path) as other:
        assert hear(other) == "up"
        for attempt in itertools.count():
            runs = rundir.list_runs(tmp_path)
            assert stays in runs
            listed.add(len(runs))
            counted.add(len(run_removal.expired(tmp_path, None, 0, NOW)))
            if attempt > 500 and len(listed) > 3 and len(counted) > 3:
                break
            assert time.monotonic() < deadline


# --- holding ------------------------------------------------------------------------------------


def test_a_run_is_held_by_one_process(tmp_path: Path) -> None:
    run = make(tmp_path)
    assert not run_lock.in_use(run)
    assert not (run.path / ".lock").exists()  # looking leaves nothing
    with script(HOLD, run.path) as holder:
        assert hear(holder) == "held"
        assert run_lock.in_use(run)
        with (
            pytest.raises(RunDirectoryError, match="0123456789ab is in use by another process"),
            run_lock.hold(run),
        ):
            pass
        say(holder)
        assert holder.wait(10) == 0
    assert not run_lock.in_use(run)
    with run_lock.hold(run):
        assert run_lock.in_use(run)


def test_a_run_is_held_once_in_one_process_too(tmp_path: Path) -> None:
    run = make(tmp_path)
    with run_lock.hold(run):
        with pytest.raises(RunDirectoryError, match="in use"), run_lock.hold(run):
            pass
        assert run_lock.in_use(run)
        assert run_lock.in_use(run)  # and looking has not freed it
        with pytest.raises(RunDirectoryError, match="in use"):
            run_removal.delete(run)
    with pytest.raises(KeyError), run_lock.hold(run):
        raise KeyError
    assert not run_lock.in_use(run)


@pytest.mark.parametrize(
    "start_child",
    [
        "subprocess.Popen(['sleep', '60'], close_fds=False).pid",
        "os.spawnvp(os.P_NOWAIT, 'sleep', ['sleep', '60'])",
        "os.fork() or time.sleep(60)",
    ],
    ids=["subprocess", "spawn", "fork"],
)
def test_a_killed_holder_frees_the_run_though_its_child_lives(
    tmp_path: Path, start_child: str
) -> None:
    run = make(tmp_path)
    text = HOLD.replace('print("held"', f"print({start_child}").replace(
        "import sys", "import os, subprocess, sys, time"
    )
    with script(text, run.path) as holder:
        child = int(hear(holder))
        try:
            assert run_lock.in_use(run)
            holder.kill()
            holder.wait()
            deadline = time.monotonic() + 5  # a fork closes what it got as soon as it runs
            while run_lock.in_use(run):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            os.kill(child, 0)
        finally:
            os.kill(child, signal.SIGKILL)


def test_those_that_look_do_not_see_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr(run_lock, "_LOCK_SECONDS", 30.0)  # for a busy machine
    run = make(tmp_path)
    with run_lock.hold(run):
        pass
    with (run.path / ".lock").open("rb") as look:
        fcntl.flock(look, fcntl.LOCK_SH)  # as `in_use` does, for a moment
        assert not run_lock.in_use(run)
        threading.Timer(0.1, look.close).start()
        with run_lock.hold(run):  # it waits for those who look
            assert look.closed
            assert run_lock.in_use(run)


@pytest.mark.parametrize("kind", ["symlink", "pipe", "folder"])
def test_a_lock_file_that_is_none_is_not_followed(tmp_path: Path, kind: str) -> None:
    run = make(tmp_path)
    lock, outside = run.path / ".lock", tmp_path / "outside"
    if kind == "symlink":
        lock.symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(lock)
    else:
        lock.mkdir()
    assert run_lock.in_use(run)  # cannot be told
    with pytest.raises(RunDirectoryError, match=r"cannot lock .*\.lock"), run_lock.hold(run):
        pass
    assert not outside.exists()


def test_what_is_not_there_is_not_held(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / RUN_ID)
    assert not run_lock.in_use(run)
    with pytest.raises(RunDirectoryError, match="there is no run"), run_lock.hold(run):
        pass
    assert not run.path.exists()


def test_a_run_that_is_resumed_by_a_link_is_held_where_it_is(tmp_path: Path) -> None:
    run = make(tmp_path / "runs")
    (tmp_path / "latest").symlink_to(run.path)
    found = rundir.find(tmp_path, str(tmp_path / "latest"))
    assert found == run
    with run_lock.hold(found):
        assert run_lock.in_use(run)


# --- deleting -----------------------------------------------------------------------------------


def test_a_deleted_run_is_gone_and_nothing_else(tmp_path: Path) -> None:
    run, other = make(tmp_path), make(tmp_path, "f" * 12)
    run_removal.delete(run)
    assert list(tmp_path.iterdir()) == [other.path]
    assert rundir.list_runs(tmp_path) == [other]
    with pytest.raises(RunDirectoryError, match="there is no run 0123456789ab"):
        run_removal.delete(run)


def test_only_a_run_directory_is_deleted(tmp_path: Path) -> None:
    run = make(tmp_path, "my_project")
    with pytest.raises(RunDirectoryError, match="'my_project' is not a run id"):
        run_removal.delete(run)
    (tmp_path / RUN_ID).symlink_to(run.path)
    with pytest.raises(RunDirectoryError, match="symbolic link"):
        run_removal.delete(RunDirectory(tmp_path / RUN_ID))
    assert run.config.exists()


def test_what_links_point_to_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("here")
    run = make(tmp_path / "runs")
    (run.output / "folder").symlink_to(outside)
    (run.path / "file").symlink_to(outside / "precious")
    (run.plots / "loop").symlink_to(run.plots)
    os.link(outside / "precious", run.output / "hard")
    run_removal.delete(run)
    assert (outside / "precious").read_text() == "here"
    assert list((tmp_path / "runs").iterdir()) == []


def test_removal_resists_links_that_are_swapped_in() -> None:
    assert shutil.rmtree.avoids_symlink_attacks


def test_a_run_in_use_is_not_deleted(tmp_path: Path) -> None:
    run = make(tmp_path, files=3)
    before = sorted(run.path.rglob("*.json"))
    with script(HOLD, run.path) as holder:
        assert hear(holder) == "held"
        with pytest.raises(RunDirectoryError, match="in use by another process"):
            run_removal.delete(run)
        assert sorted(run.path.rglob("*.json")) == before
        holder.kill()
        holder.wait()
        run_removal.delete(run)
    assert list(tmp_path.iterdir()) == []


WRITE = """
import os, sys, time
os.chdir(sys.argv[1])
print("up", flush=True)
made = 0
try:
    while True:
        open(f"{os.getpid()}_{made}", "w").close()
        made += 1
        time.sleep(0.001)
except FileNotFoundError:  # the folder is gone
    print(made, flush=True)
"""


def test_a_writer_that_goes_on_does_not_keep_the_directory(tmp_path: Path) -> None:
    run = make(tmp_path, files=200)
    with script(WRITE, run.output) as one, script(WRITE, run.output) as two:
        assert hear(one) == hear(two) == "up"
        run_removal.delete(run)
        assert list(tmp_path.iterdir()) == []
        assert one.wait(10) == two.wait(10) == 0
        assert int(hear(one)) + int(hear(two)) > 0


def test_what_cannot_be_removed_is_told_and_not_listed(tmp_path: Path) -> None:
    run = make(tmp_path)
    run.output.chmod(0o500)
    if os.access(run.output, os.W_OK):
        pytest.skip("root may remove everything")
    with pytest.raises(RunDirectoryError, match=r"cannot remove all of .*\.deleted-0123456789ab"):
        run_removal.delete(run)
    assert rundir.list_runs(tmp_path) == []
    (leftover,) = tmp_path.iterdir()
    (leftover / "output").chmod(0o700)
    assert run_removal.remove_leftovers(tmp_path) == 1


DELETE_ALL = """
import sys
from pathlib import Path
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import removal as run_removal
from fusion_flows.rundir import directory as rundir
run_lock._LOCK_SECONDS = 30.0  # for a busy machine
print("up", flush=True)
sys.stdin.readline()
done, told = 0, 0
for number in range(int(sys.argv[2])):
    try:
        run_removal.delete(rundir.RunDirectory(Path(sys.argv[1]) / f"{number:012x}"))
        done += 1
    except rundir.RunDirectoryError as error:
        assert "there is no run" in str(error) or "is gone" in str(error), error
        told += 1
print(done, told, flush=True)
"""


def test_a_run_that_somebody_moves_while_it_is_deleted_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(tmp_path / "runs")
    really = run_lock.hold

    @contextmanager
    def hold_and_move(run: RunDirectory) -> Iterator[None]:
        with really(run):
            run.path.rename(tmp_path / "moved")  # by hand: whoever does that asks for no lock
            yield

    monkeypatch.setattr(run_removal, "hold", hold_and_move)
    with pytest.raises(RunDirectoryError, match="there is no run"):
        run_removal.delete(run)
    assert (tmp_path / "moved" / "config.ini").exists()


def test_of_many_deletions_at_once_one_does_it(tmp_path: Path) -> None:
    number = 150
    for run_id in run_ids(number):
        make(tmp_path, run_id, files=3)
    arguments = (DELETE_ALL, tmp_path, number)
    with script(*arguments) as one, script(*arguments) as two, script(*arguments) as three:
        processes = (one, two, three)
        assert [hear(process) for process in processes] == ["up"] * 3
        for process in processes:
            say(process)
        while any(process.poll() is None for process in processes):
            run_removal.remove_leftovers(tmp_path)  # what the others are at
        counts = [tuple(map(int, hear(process).split())) for process in processes]
        assert [process.wait() for process in processes] == [0, 0, 0]
    assert sum(done for done, _ in counts) == number
    assert sum(told for _, told in counts) == 2 * number
    assert list(tmp_path.iterdir()) == []


def test_threads_that_delete_at_once_agree_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_lock, "_LOCK_SECONDS", 30.0)  # for a busy machine
    together = threading.Barrier(4)
    outcomes: list[str] = []

    def delete(run: RunDirectory) -> None:
        together.wait()
        try:
            run_removal.delete(run)
            outcomes.append("done")
        except RunDirectoryError as error:
            outcomes.append(str(error))

    for run_id in run_ids(50):
        run = make(tmp_path, run_id)
        threads = [threading.Thread(target=delete, args=[run]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 4
        assert outcomes.count("done") == 1
        assert all(
            "no run" in outcome or "is gone" in outcome for outcome in set(outcomes) - {"done"}
        )
        outcomes.clear()
    assert list(tmp_path.iterdir()) == []


HOLD_AND_LOOK = """
import os, sys, time
from pathlib import Path
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import removal as run_removal
from fusion_flows.rundir import directory as rundir
run = rundir.RunDirectory(Path(sys.argv[1]))
print("up", flush=True)
held = 0
deadline = time.monotonic() + float(sys.argv[2])
while time.monotonic() < deadline:
    try:
        rundir.create(run.path.parent, run.run_id, "[general_settings]\\n")
        with run_lock.hold(run):
            inode = os.stat(run.path).st_ino
            for _ in range(20):
                assert os.stat(run.path).st_ino == inode
            held += 1
    except rundir.RunDirectoryError:
        pass
print(held, flush=True)
"""


def test_a_run_is_never_deleted_while_it_is_held(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / RUN_ID)
    deleted = 0
    with script(HOLD_AND_LOOK, run.path, 2) as one, script(HOLD_AND_LOOK, run.path, 2) as two:
        assert hear(one) == hear(two) == "up"
        while one.poll() is None:
            try:
                run_removal.delete(run)
                deleted += 1
            except RunDirectoryError:
                continue
        assert one.wait() == two.wait() == 0
        assert int(hear(one)) + int(hear(two)) > 50
    assert deleted > 10


def test_a_lock_of_a_run_that_was_made_anew_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(tmp_path)
    really = run_lock._open_lock
    opened: list[object] = []

    def open_and_delete(run: RunDirectory, flags: int) -> object:
        lock = really(run, flags)
        if not opened:  # between the open and the lock, which is where nobody can wait for it
            os.rename(run.path, tmp_path / "aside")
            make(tmp_path)
        opened.append(lock)
        return lock

    monkeypatch.setattr(run_lock, "_open_lock", open_and_delete)
    with run_lock.hold(run):
        monkeypatch.undo()
        assert len(opened) == 2
        assert run_lock.in_use(run)
        assert not run_lock.in_use(RunDirectory(tmp_path / "aside"))


DELETE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import removal as run_removal
from fusion_flows.rundir import directory as rundir
steps = 0
def die(event, arguments):
    global steps
    if event in ("os.rename", "shutil.rmtree", "os.remove", "os.rmdir"):
        steps += 1
        if steps == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
run = rundir.RunDirectory(Path(sys.argv[1]))
sys.addaudithook(die)
run_removal.delete(run)
"""


def test_a_kill_at_any_step_of_a_deletion_leaves_all_of_the_run_or_no_run(tmp_path: Path) -> None:
    left = []
    for step in itertools.count(1):
        run = make(tmp_path, files=5)
        with script(DELETE_AND_DIE, run.path, step) as process:
            code = process.wait(60)
        assert not run_lock.in_use(run)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        files = len(list(tmp_path.rglob("*.json")))
        left.append(files)
        if rundir.list_runs(tmp_path):
            assert (step, files) == (1, 5)
            assert run_removal.remove_leftovers(tmp_path) == 0
            run_removal.delete(run)
        else:
            (leftover,) = tmp_path.iterdir()
            assert leftover.name.startswith(f".deleted-{RUN_ID}-")
            with pytest.raises(RunDirectoryError, match="there is no run"):
                rundir.open_run(tmp_path, RUN_ID)
            assert run_removal.remove_leftovers(tmp_path) == 1
        assert list(tmp_path.iterdir()) == []
    assert set(left) == {5, 4, 3, 2, 1, 0}
    assert list(tmp_path.iterdir()) == []


def test_only_leftovers_are_removed(tmp_path: Path) -> None:
    runs_dir, outside = tmp_path / "runs", tmp_path / "outside"
    run = make(runs_dir)
    outside.mkdir()
    (outside / "precious").write_text("here")
    keep = [".deleted", ".deleted-", f".deleted-{RUN_ID}-x", "deleted-x", ".deleted-notes.txt"]
    for name in keep:
        (runs_dir / name).mkdir()
    (runs_dir / f".deleted-{RUN_ID}-0123456789abcdef").symlink_to(outside)
    (runs_dir / f".deleted-{RUN_ID}-fedcba9876543210" / "deep" / "er").mkdir(parents=True)
    assert run_removal.remove_leftovers(runs_dir) == 2
    assert sorted(path.name for path in runs_dir.iterdir()) == sorted([run.run_id, *keep])
    assert (outside / "precious").read_text() == "here"
    assert run_removal.remove_leftovers(tmp_path / "none") == 0


# --- retention ----------------------------------------------------------------------------------


def aged(runs_dir: Path, run_id: str, days: float, size: int = 0) -> RunDirectory:
    """Make a run whose last change was so many days before NOW."""
    run = make(runs_dir, run_id, size=size)
    for path in run.path.rglob("*"):
        if path.is_file():
            os.utime(path, (0, NOW.timestamp() - 1000 * DAY))
    os.utime(run.output / "0_erlang.json", (0, NOW.timestamp() - days * DAY))
    return run


def on_disk(run: RunDirectory) -> int:
    return sum(path.lstat().st_blocks for path in run.path.rglob("*") if path.is_file()) * 512


def test_nothing_expires_unless_it_is_asked_for(tmp_path: Path) -> None:
    aged(tmp_path, RUN_ID, days=10_000)
    assert run_removal.expired(tmp_path, None, None, NOW) == []
    assert run_removal.expired(tmp_path / "none", 1, 0, NOW) == []


def test_a_run_expires_by_its_last_change_oldest_first(tmp_path: Path) -> None:
    run_3, run_1, run_2, run_future = (
        aged(tmp_path, letter * 12, days)
        for letter, days in zip("abcd", (3, 1, 2, -9), strict=True)
    )
    assert run_removal.expired(tmp_path, 3.01, None, NOW) == []
    assert run_removal.expired(tmp_path, 2.99, None, NOW) == [run_3]
    assert run_removal.expired(tmp_path, 0.5, None, NOW) == [run_3, run_2, run_1]
    assert run_removal.expired(tmp_path, 1e-9, None, NOW) == [run_3, run_2, run_1]
    assert run_future.path.exists()


def test_the_oldest_expire_until_the_others_fit(tmp_path: Path) -> None:
    sizes = {"a": 500_000, "b": 300_000, "c": 100_000}
    old, middle, new = (
        aged(tmp_path, letter * 12, days, sizes[letter])
        for letter, days in zip("abc", (3, 2, 1), strict=True)
    )
    assert on_disk(old) > 500_000
    total = sum(map(on_disk, (old, middle, new)))
    for keep_bytes, gone in (
        (total, []),
        (total - 1, [old]),
        (on_disk(middle) + on_disk(new), [old]),
        (on_disk(middle) + on_disk(new) - 1, [old, middle]),
        (on_disk(new), [old, middle]),
        (on_disk(new) - 1, [old, middle, new]),
        (0, [old, middle, new]),
    ):
        assert run_removal.expired(tmp_path, None, keep_bytes, NOW) == gone
    # What is too old makes room before anything else goes.
    assert run_removal.expired(tmp_path, 2.5, on_disk(middle) + on_disk(new), NOW) == [old]
    assert run_removal.expired(tmp_path, 2.5, on_disk(new), NOW) == [old, middle]


def test_a_run_in_use_stays_and_counts(tmp_path: Path) -> None:
    old, middle, new = (
        aged(tmp_path, letter * 12, days, 100_000)
        for letter, days in zip("abc", (3, 2, 1), strict=True)
    )
    with run_lock.hold(old):
        os.utime(old.path / ".lock", (0, 0))
        assert run_removal.expired(tmp_path, 1.5, None, NOW) == [middle]
        assert run_removal.expired(tmp_path, None, on_disk(old) + on_disk(new), NOW) == [middle]
        assert run_removal.expired(tmp_path, None, 0, NOW) == [middle, new]
    assert run_removal.expired(tmp_path, None, 0, NOW) == [old, middle, new]


def test_holes_in_a_file_and_what_links_point_to_take_no_space(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(10**6))
    run = make(tmp_path / "runs")
    with (run.output / "sparse").open("wb") as file:
        file.truncate(10 * 2**30)
    (run.output / "link").symlink_to(tmp_path / "big")
    assert run_removal.expired(tmp_path / "runs", None, 200_000, NOW) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("KEEP_DAYS", value) for value in ("0", "-1", "nan", "inf", "x")),
        *(("KEEP_BYTES", value) for value in ("-1", "1.5", "x")),
    ],
)
def test_settings_of_retention_are_checked(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"FUSION_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_retention_is_off_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Settings().keep_days, Settings().keep_bytes) == (None, None)
    monkeypatch.setenv("FUSION_KEEP_DAYS", "0.5")
    monkeypatch.setenv("FUSION_KEEP_BYTES", "0")
    assert (Settings().keep_days, Settings().keep_bytes) == (0.5, 0)


def test_a_run_that_lies_in_the_working_folder_is_found_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "up" / "runs"
    (tmp_path / "runs" / "54c6ef3ec21d").mkdir(parents=True)
    told = rundir.no_directory("54c6ef3ec21d", other, "; it is gone")
    here = tmp_path / "runs"
    assert told == (
        f"run 54c6ef3ec21d has no directory in {other}, but in {here}: FUSION_RUNS_DIR={here} finds it"
    )
    assert rundir.no_directory("aaaaaaaaaaaa", other, "; it is gone").endswith("; it is gone")
    assert rundir.no_directory("54c6ef3ec21d", "runs", "; it is gone").endswith("; it is gone")
