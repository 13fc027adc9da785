"""A process tree ends as a whole, whatever its processes do and whoever is killed."""

import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from fusion_flows.process import guard
from fusion_flows.process import tree as process_tree
from fusion_flows.process.marks import MARK, TREE_MARK, marked_processes
from fusion_flows.process.tree import ProcessTree

from .zoo import GRACE_SECONDS, ROOT, alive, assert_gone, halves, starter, wait_for, zoo

linux = pytest.mark.skipif(sys.platform != "linux", reason="subreapers and pidfds are of Linux")


def python(script: str) -> list[str]:
    """Return the command that runs a script."""
    return [sys.executable, "-S", "-c", script]


# Exit codes, output, environment


def test_exit_code_and_output_are_the_commands(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    with ProcessTree(python(script), log=log) as tree:
        assert tree.wait(10) == 7
    assert sorted(log.read_text().split()) == ["err", "out"]


def test_death_by_signal_is_128_plus_its_number(tmp_path: Path) -> None:
    script = "import os; os.kill(os.getpid(), 9)"
    with ProcessTree(python(script), log=tmp_path / "log") as tree:
        assert tree.wait(10) == 128 + 9


def test_a_command_that_is_not_there_says_so(tmp_path: Path) -> None:
    with ProcessTree(["/no/such/command"], log=tmp_path / "log") as tree:
        assert tree.wait(10) == 127
    assert "cannot start /no/such/command" in (tmp_path / "log").read_text()


def test_an_empty_command_or_mark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="command: \\[\\] is empty"):
        ProcessTree([], log=tmp_path / "log")
    with pytest.raises(ValueError, match="mark: '' is empty"):
        ProcessTree(["true"], log=tmp_path / "log", mark="")


def test_a_log_that_cannot_be_opened_starts_nothing(tmp_path: Path) -> None:
    before = psutil.Process().children()
    with pytest.raises(FileNotFoundError):
        ProcessTree(["sleep", "60"], log=tmp_path / "no" / "log")
    assert psutil.Process().children() == before


def test_environment_is_all_that_command_and_guard_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "secret")
    with ProcessTree(
        python("import os, time; print(*os.environ, flush=True); time.sleep(60)"),
        log=tmp_path / "log",
        environment={"EXTRA": "x", MARK: "not this"},
        mark="of a run",
    ) as tree:
        wait_for(lambda: "\n" in (tmp_path / "log").read_text())
        expected = {"EXTRA", MARK, TREE_MARK}
        assert set((tmp_path / "log").read_text().split()) - {"LC_CTYPE"} == expected
        for half in halves(tree.pid):
            assert set(half.environ()) == expected
            assert half.environ()[MARK] == tree.mark == "of a run"


def test_without_environment_the_command_gets_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "x")
    script = f"import os, sys; print(os.environ['OURS'], os.environ['{MARK}'], sys.stdin.read())"
    with ProcessTree(python(script), log=tmp_path / "log") as tree:
        assert tree.wait(10) == 0
    assert (tmp_path / "log").read_text().split() == ["x", tree.mark]  # and its input is empty
    assert MARK not in os.environ


# The end, asked for


COUNTS_SIGNALS = """
import signal, sys, time
count = 0
def note(number, frame):
    global count
    count += 1
signal.signal(signal.SIGTERM, note)
print("up", flush=True)
while not count:
    time.sleep(0.01)
until = time.monotonic() + 0.5
while time.monotonic() < until:
    time.sleep(0.01)
print("heard", count, flush=True)
"""


def test_end_lets_the_command_finish_within_the_grace_time(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), print('saved'), sys.exit(143)))\n"
        "print('up', flush=True); time.sleep(60)"
    )
    log = tmp_path / "log"
    with ProcessTree(python(script), log=log, grace_seconds=30) as tree:
        wait_for(lambda: "up" in log.read_text())
        assert tree.end() == tree.end() == 143, "not 137: nobody had to kill it"
    assert "saved" in log.read_text()


def test_half_a_guard_still_gives_the_grace_time(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with ProcessTree(python(COUNTS_SIGNALS), log=log, grace_seconds=5) as tree:
        wait_for(lambda: "up" in log.read_text())
        halves(tree.pid)[0].kill()
        assert tree.end() == 128 + signal.SIGKILL  # the guard's: nobody heard the command's
    assert "heard 1" in log.read_text()


def test_a_stopped_command_may_finish_too(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(143)))\n"
        "os.kill(os.getpid(), signal.SIGSTOP); time.sleep(60)"
    )
    with ProcessTree(python(script), log=tmp_path / "log", grace_seconds=30) as tree:
        _outer, inner = halves(tree.pid)
        wait_for(lambda: [c.status() for c in inner.children()] == [psutil.STATUS_STOPPED])
        assert tree.end() == 143
    assert (tmp_path / "log").read_text() == "saved\n"


def test_sigterm_comes_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with ProcessTree(python(COUNTS_SIGNALS), log=log, grace_seconds=30) as tree:
        wait_for(lambda: "up" in log.read_text())
        assert tree.end() == 0
    assert "heard 1" in log.read_text()


@linux
@pytest.mark.parametrize("way", ["wait", "wait, fork"])
def test_sigterm_comes_once_when_the_starter_is_killed(way: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with starter(way, python(COUNTS_SIGNALS), log, grace_seconds=30) as start:
        assert start.guard
        wait_for(lambda: "up" in log.read_text())
        start.process.kill()
        wait_for(lambda: "heard" in log.read_text())
    assert "heard 1" in log.read_text()


def test_signals_that_the_starter_blocks_are_not_blocked_in_the_tree(tmp_path: Path) -> None:
    blocked = {signal.SIGTERM, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    try:
        tree = ProcessTree(
            python("import time; print('up', flush=True); time.sleep(60)"),
            log=tmp_path / "log",
            grace_seconds=30,
        )
        wait_for(lambda: "up" in (tmp_path / "log").read_text())
        assert tree.end() == 128 + signal.SIGTERM
        with ProcessTree(["true"], log=tmp_path / "log") as tree:
            assert tree.wait(20) == 0
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_end_is_heard_while_a_fork_of_the_starter_lives(tmp_path: Path) -> None:
    sleep = python("import time; print('up', flush=True); time.sleep(60)")
    tree = ProcessTree(sleep, log=tmp_path / "log", grace_seconds=30)
    fork = os.fork()
    if fork == 0:
        time.sleep(60)
        os._exit(0)
    try:
        wait_for(lambda: "up" in (tmp_path / "log").read_text())
        assert tree.end() == 128 + signal.SIGTERM
    finally:
        os.kill(fork, signal.SIGKILL)
        os.waitpid(fork, 0)


# All kinds of processes, all ways to end


def by_end(tree: ProcessTree) -> None:
    tree.end()


def by_leaving(tree: ProcessTree) -> None:
    with tree:
        pass


def by_an_exception(tree: ProcessTree) -> None:
    with pytest.raises(RuntimeError), tree:
        raise RuntimeError("on purpose")


def by_forgetting(tree: ProcessTree) -> None:
    tree._lifeline.close()  # as the garbage collector would do


def by_sigterm_to_the_guard(tree: ProcessTree) -> None:
    os.kill(tree.pid, signal.SIGTERM)


def by_killing_the_outer_half(tree: ProcessTree) -> None:
    halves(tree.pid)[0].kill()


def by_killing_the_inner_half(tree: ProcessTree) -> None:
    halves(tree.pid)[1].kill()


def by_killing_the_group_of_the_guard(tree: ProcessTree) -> None:
    os.killpg(tree.pid, signal.SIGKILL)


def with_a_stopped_inner_half(tree: ProcessTree) -> None:
    halves(tree.pid)[1].suspend()
    tree._lifeline.close()


def with_a_stopped_outer_half(tree: ProcessTree) -> None:
    halves(tree.pid)[0].suspend()
    tree._lifeline.close()


def with_a_stopped_guard(tree: ProcessTree) -> None:
    for half in halves(tree.pid):
        half.suspend()
    threading.Thread(target=tree.end).start()


@linux
@pytest.mark.parametrize(
    "way",
    [
        by_end,
        by_leaving,
        by_an_exception,
        by_forgetting,
        by_sigterm_to_the_guard,
        by_killing_the_outer_half,
        by_killing_the_inner_half,
        by_killing_the_group_of_the_guard,
        with_a_stopped_inner_half,
        with_a_stopped_outer_half,
        with_a_stopped_guard,
    ],
)
def test_nothing_is_left(way: Callable[[ProcessTree], None], tmp_path: Path) -> None:
    animals = zoo(tmp_path)
    tree = ProcessTree(animals.command, log=animals.log, grace_seconds=GRACE_SECONDS)
    processes = animals.processes()
    started = time.monotonic()
    way(tree)
    assert_gone(processes, GRACE_SECONDS + 20 - (time.monotonic() - started))
    assert tree.end() == 128 + signal.SIGKILL


@linux
def test_nothing_is_left_when_the_command_alone_is_killed(tmp_path: Path) -> None:
    animals = zoo(tmp_path)
    tree = ProcessTree(animals.command, log=animals.log, grace_seconds=GRACE_SECONDS)
    processes = animals.processes()
    processes["leader"].kill()
    assert_gone(processes)
    assert tree.wait(5) == 128 + signal.SIGKILL


def test_what_the_command_left_behind_ends_with_it(tmp_path: Path) -> None:
    animals = zoo(tmp_path, "child")
    script = (
        "import os, subprocess, time\n"
        f"subprocess.Popen({animals.command!r})\n"
        f"while not os.path.getsize({str(animals.log)!r}): time.sleep(0.01)"
    )
    with ProcessTree(python(script), log=animals.log, grace_seconds=GRACE_SECONDS) as tree:
        processes = animals.processes()
        assert tree.wait(10) == 0
        assert_gone(processes, 0.5)


@linux
@pytest.mark.parametrize("way", ["exit", "_exit", "exec", "exception", "segfault"])
def test_nothing_is_left_when_the_starter_ends_by_itself(way: str, tmp_path: Path) -> None:
    animals = zoo(tmp_path)
    with starter(way, animals.command, animals.log) as start:
        processes = animals.processes()
        start.go()
        if way != "exec":
            code = start.process.wait(20)
            assert code == {"exception": 1, "segfault": -signal.SIGSEGV}.get(way, 0)
        else:
            wait_for(lambda: psutil.Process(start.process.pid).name() == "sleep")
        assert_gone(processes)


@linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("way", ["wait", "wait, fork"])
def test_nothing_is_left_when_the_starter_is_killed(
    way: str, number: signal.Signals, tmp_path: Path
) -> None:
    animals = zoo(tmp_path)
    with starter(way, animals.command, animals.log) as start:
        processes = animals.processes()
        start.process.send_signal(number)
        assert_gone(processes)


@linux
def test_nothing_is_left_when_the_starters_terminal_is_closed(tmp_path: Path) -> None:
    animals = zoo(tmp_path)
    ours, terminal = pty.openpty()
    with starter("wait", animals.command, animals.log, terminal=terminal) as start:
        os.close(terminal)
        processes = animals.processes()
        os.close(ours)
        assert start.process.wait(60) == -signal.SIGHUP
        assert_gone(processes)


@linux
def test_nothing_is_left_when_starter_and_half_the_guard_are_killed(tmp_path: Path) -> None:
    animals = zoo(tmp_path)
    with starter("wait", animals.command, animals.log) as start:
        processes = animals.processes()
        for process in (halves(start.guard)[1], start.process):
            process.kill()
        assert_gone(processes)


@linux
def test_end_finds_what_a_killed_guard_left(tmp_path: Path) -> None:
    animals = zoo(tmp_path, "leader", "child", "session", "daemon", "stopped")
    tree = ProcessTree(animals.command, log=animals.log, grace_seconds=GRACE_SECONDS)
    processes = animals.processes()
    both = halves(tree.pid)
    for half in both:
        half.suspend()
    for half in both:
        half.kill()
    assert tree.wait(5) == 128 + signal.SIGKILL
    wait_for(lambda: not alive(processes["leader"]))  # it dies with the guard
    assert alive(processes["session"])
    assert alive(processes["daemon"])
    started = time.monotonic()
    tree.end()
    assert_gone(processes, GRACE_SECONDS + 20 - (time.monotonic() - started))


# What forks while it is killed

# At most eight seconds long: each process starts the next and leaves.
COMET = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
held = os.open(sys.argv[1], os.O_WRONLY)
until = time.monotonic() + 8
if os.fork():
    time.sleep(60)
while time.monotonic() < until:
    if os.fork():
        os._exit(0)
    if sys.argv[2] == "sessions":
        os.setsid()
os.write(held, b"nobody ended it")
"""

# At most eight seconds long: four lines of them, each process with children that live for a while.
RABBITS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
held = os.open(sys.argv[1], os.O_WRONLY)
until = time.monotonic() + 8
for line in range(4):
    if os.fork() == 0:
        break
else:
    time.sleep(60)
while time.monotonic() < until:
    for child in range(2):
        if os.fork() == 0:
            time.sleep(0.1)
            os._exit(0)
    time.sleep(0.005)
    if os.fork():
        os._exit(0)
    if sys.argv[2] == "sessions":
        os.setsid()
os.write(held, b"nobody ended it")
"""


@linux
@pytest.mark.parametrize("where", ["group", "sessions"])
@pytest.mark.parametrize("script", [COMET, RABBITS], ids=["comet", "rabbits"])
def test_what_forks_in_a_loop_is_ended(script: str, where: str, tmp_path: Path) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    log = tmp_path / "log"
    with ProcessTree(
        [*python(script), str(held), where], log=log, grace_seconds=GRACE_SECONDS
    ) as tree:
        time.sleep(0.5)  # some generations
        assert tree.end() == 128 + signal.SIGKILL
    # All who held the other end are gone, and none of them had the time to end by itself.
    readable, _, _ = select.select([reader], [], [], 20)
    assert readable, "something still holds the other end"
    assert os.read(reader, 100) == b""
    os.close(reader)


SLOW_COMET = """
import os, signal, sys, time
from fusion_flows.process import guard
def work():
    os.setsid()
    until = time.monotonic() + 15
    while os.fork() == 0 and time.monotonic() < until:
        time.sleep(0.1)
    return 0
tree = guard.Descendants()
tree.start(lambda: time.sleep(0.5) or 0)  # this one is of our own group
tree.start(work)
time.sleep(0.2)
tree.signal = lambda *numbers: None
guard._KILL_SECONDS = 5
guard._end(tree, guard.Watch(), deadline=time.monotonic())
print("gone" if tree.gone() else "there")
"""


@linux
def test_the_group_of_what_has_ended_is_killed_without_a_look() -> None:
    result = subprocess.run(
        [sys.executable, "-c", SLOW_COMET],
        cwd=ROOT,
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stdout == "gone\n", result.stderr


# The guard


@linux
def test_a_waiting_guard_sleeps_and_is_small(tmp_path: Path) -> None:
    with ProcessTree(["sleep", "60"], log=tmp_path / "log") as tree:
        both = halves(tree.pid)
        wait_for(lambda: bool(both[1].children()))

        def seconds() -> float:
            return sum(sum(half.cpu_times()[:2]) for half in both)

        before = seconds()
        time.sleep(2)
        assert seconds() - before < 0.05
        assert sum(half.memory_full_info().uss for half in both) < 20e6


def variant(folder: Path, *lines: str) -> Path:
    """Return a script that changes the guard and runs it."""
    script = folder / "variant.py"
    script.write_text(
        "import importlib.util, os, sys\n"
        f"spec = importlib.util.spec_from_file_location('guard', {str(process_tree._GUARD)!r})\n"
        "guard = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(guard)\n" + "\n".join(lines) + "\n"
        "sys.exit(guard.main(sys.argv[1:]))\n"
    )
    return script


@linux
@pytest.mark.parametrize("way", ["wait", "wait, fork"])
def test_a_linux_without_pidfds_does_as_well(way: str, tmp_path: Path) -> None:
    guard = variant(tmp_path, "del os.pidfd_open")
    animals = zoo(tmp_path)
    with starter(way, animals.command, animals.log, guard=guard) as start:
        processes = animals.processes()
        start.process.kill()
        assert_gone(processes)


@pytest.mark.parametrize(
    "victim", ["starter", "outer half", "inner half", "starter of a stopped half"]
)
def test_elsewhere_the_process_group_ends(victim: str, tmp_path: Path) -> None:
    guard = variant(tmp_path, "guard._TREE = guard.Group", "guard._KILL_SECONDS = 3")
    animals = zoo(tmp_path, "leader", "child", "stopped")
    with starter("wait", animals.command, animals.log, guard=guard) as start:
        processes = animals.processes()
        outer, inner = halves(start.guard)
        if victim == "starter of a stopped half":
            inner.suspend()
            processes["inner half"] = inner
        {"outer half": outer, "inner half": inner}.get(victim, start.process).kill()
        assert_gone(processes)
        for half in filter(
            alive, (outer, inner)
        ):  # Linux sees a group in a zombie, so they wait on
            half.kill()


# Numbers that were given to others

# Runs as the first process of a namespace, where the next process id can be chosen.
NAMESPACE = """
import os, subprocess, sys, time
from pathlib import Path
from fusion_flows.process import guard
from fusion_flows.process.tree import ProcessTree

def stranger_with(pid):
    # Start a process, in a session of its own, that has this id.
    for _ in range(100):
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
        process = subprocess.Popen(["sleep", "60"], start_new_session=True)
        if process.pid == pid:
            return process
        process.kill()
        process.wait()
    raise SystemExit("no luck")

def wait_for(condition):
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)
"""

OF_THE_COMMAND = """
log = Path(sys.argv[1])
deaf = (
    "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('deaf', os.getpid(), flush=True); time.sleep(60)"
)
command = (
    "import os, subprocess, sys; print('command', os.getpid(), flush=True); "
    f"subprocess.Popen([sys.executable, '-S', '-c', {deaf!r}], start_new_session=True)\\n"
    f"while b'deaf' not in open({str(log)!r}, 'rb').read(): pass"
)
tree = ProcessTree([sys.executable, "-S", "-c", command], log=log, grace_seconds=1.5)
wait_for(lambda: "deaf" in log.read_text())
numbers = dict(line.split() for line in log.read_text().splitlines())
wait_for(lambda: not os.path.exists("/proc/" + numbers["command"]))
stranger = stranger_with(int(numbers["command"]))
assert os.getpgid(stranger.pid) == int(numbers["command"])
assert tree.wait(0) is None
assert tree.wait(20) == 0
assert not os.path.exists("/proc/" + numbers["deaf"])
assert stranger.poll() is None, "the stranger was hit"
print("stranger lives")
"""

BETWEEN_LOOK_AND_SIGNAL = """
import signal
ask, asked = os.pipe()
answer, answered = os.pipe()
look = guard._descendants

def look_and_change():
    # What was seen ends, and its number is a stranger's before the signal is sent.
    found = look()
    assert list(found) == [tree._child]
    os.kill(tree._child, signal.SIGKILL)
    os.waitpid(tree._child, 0)
    os.write(asked, b"%d" % tree._child)
    os.read(answer, 1)
    return found

tree = guard.Descendants()
if os.fork() == 0:
    guard._descendants = look_and_change
    os.close(ask)
    tree.start(lambda: time.sleep(60) or 0)
    time.sleep(0.05)  # start times are in ticks of 0.01 s
    tree.signal(signal.SIGKILL)
    os._exit(0)
os.close(asked)
stranger = stranger_with(int(os.read(ask, 20)))
os.write(answered, b"x")
assert os.read(ask, 1) == b""  # it has ended
time.sleep(0.1)
assert stranger.poll() is None, "the stranger was hit"
print("stranger lives")
"""


@linux
@pytest.mark.parametrize(
    "script", [OF_THE_COMMAND, BETWEEN_LOOK_AND_SIGNAL], ids=["command", "between look and signal"]
)
def test_a_number_that_was_given_to_another_is_not_hit(script: str, tmp_path: Path) -> None:
    path = tmp_path / "namespace.py"
    path.write_text(NAMESPACE + script)
    own_namespace = ["unshare", "-Urpf", "--mount-proc", "--kill-child"]
    try:
        subprocess.run(
            [*own_namespace, "sh", "-c", "echo 500 > /proc/sys/kernel/ns_last_pid"],
            check=True,
            capture_output=True,
            timeout=20,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this system does not let us choose process ids: {error}")
    result = subprocess.run(
        [*own_namespace, sys.executable, str(path), str(tmp_path / "log")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stdout == "stranger lives\n", result.stderr


@linux
def test_a_process_with_another_start_time_or_parent_is_not_hit() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        seen = guard._status(process.pid)
        assert seen is not None
        parent, started = seen
        assert parent == os.getpid()
        guard._signal(process.pid, (parent, started - 1), (signal.SIGKILL,))
        elsewhere = f"guard._signal({process.pid}, (1, {started}), (9,))"
        subprocess.run(
            [sys.executable, "-c", f"from fusion_flows.process import guard; {elsewhere}"],
            cwd=ROOT,
            check=True,
            timeout=20,
        )
        time.sleep(0.1)
        assert process.poll() is None
        guard._signal(process.pid, seen, (signal.SIGKILL,))
        assert process.wait(10) == -signal.SIGKILL


@linux
def test_a_child_older_than_its_parent_is_not_a_descendant(monkeypatch: pytest.MonkeyPatch) -> None:
    me = os.getpid()
    processes = {  # (parent, start time): 20's parent was another 10, before ours
        me: (1, 100),
        10: (me, 200),
        20: (10, 150),
        30: (10, 200),
        40: (20, 300),
    }
    monkeypatch.setattr(os, "listdir", lambda _path: ["self", *map(str, processes)])
    monkeypatch.setattr(guard, "_status", processes.get)
    assert guard._descendants() == {10: processes[10], 30: processes[30]}


def test_a_signal_while_the_tree_is_being_ended_does_not_leave_it(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('ready', flush=True); time.sleep(60)"
    )
    log = tmp_path / "log"

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    tree = ProcessTree([sys.executable, "-c", stubborn], log=log, grace_seconds=2.0)
    try:
        wait_for(lambda: log.read_text() == "ready\n")
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            tree.__exit__(None, None, None)
        assert not marked_processes().get(tree.mark)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        tree.end()
