"""Run a command, and end it with everything it started when its starter is gone (POSIX).

`python -I -S guard.py GRACE_SECONDS COMMAND...` stands between a starter and the command. Its
standard input is a pipe that only the starter can write to. The pipe closes when the starter asks
for the end and when the starter dies, however it dies: there is one way to end and it is always
the same. The guard then sends SIGTERM to all that descends from it, waits the grace time, and
sends SIGKILL until nothing is left. Its exit code is the command's (128 + n for signal n).

On Linux it is a child subreaper, so that what the command started stays a descendant even in a
session of its own, and the command dies with the guard (parent-death signal). Elsewhere it ends the
command's process group. Standard library only: it starts in some 20 ms of CPU.
"""

import ctypes
import os
import select
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LINUX = sys.platform == "linux"
_KILL_SECONDS = 10.0  # a process in uninterruptible sleep dies when the kernel lets it
_CANNOT_START = 127


def main(arguments: list[str]) -> int:
    """Run the command until it, or its starter, ends; return the command's exit code."""
    grace_seconds, command = float(arguments[0]), arguments[1:]
    starter = os.getppid()
    if _LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    stop_asked = False

    def ask_to_stop(_signal: int, _frame: object) -> None:
        nonlocal stop_asked
        stop_asked = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ask_to_stop)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)  # it wakes the poll below

    leader = _start(command)
    poller = select.poll()
    poller.register(0, select.POLLIN)
    poller.register(read_end, select.POLLIN)
    if _LINUX:  # the pipe may be held open by a fork of the starter
        try:
            poller.register(os.pidfd_open(starter), select.POLLIN)
        except OSError:
            stop_asked = True  # gone before we looked
    stop_asked = stop_asked or os.getppid() != starter

    exit_code = _exit_code(leader)
    while exit_code is None and not stop_asked:
        for descriptor, _events in poller.poll():
            if descriptor == read_end:
                os.read(read_end, 4096)
            else:
                stop_asked = True
        exit_code = _exit_code(leader)
    _end_all(leader, grace_seconds)
    exit_code = _exit_code(leader) if exit_code is None else exit_code
    return 128 + signal.SIGKILL if exit_code is None else exit_code


def _start(command: list[str]) -> int:
    """Start the command in a session of its own and return its process id."""
    guard = os.getpid()
    leader = os.fork()
    if leader:
        return leader
    try:
        os.setsid()
        if _LINUX:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != guard:
                os._exit(_CANNOT_START)
        signal.set_wakeup_fd(-1)
        for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGCHLD", "SIGPIPE", "SIGXFSZ"):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
    finally:
        os._exit(_CANNOT_START)


def _exit_code(leader: int) -> int | None:
    """Return the command's exit code, or None while it runs; collect other children that ended.

    The command itself stays a zombie, so that its process and group id cannot be given to others.
    """
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return None
        if ended is None or ended.si_pid == leader:
            break
        os.waitpid(ended.si_pid, 0)
    ended = os.waitid(os.P_PID, leader, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if ended is None:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status


def _end_all(leader: int, grace_seconds: float) -> None:
    """Ask everything that descends from us to end, then kill until nothing is left."""
    deadline = time.monotonic() + grace_seconds
    if not _signal_all(leader, signal.SIGTERM):
        return
    while time.monotonic() < deadline:
        time.sleep(0.02)
        _exit_code(leader)
        if not _signal_all(leader, 0):
            return
    deadline = time.monotonic() + _KILL_SECONDS
    while _signal_all(leader, signal.SIGKILL) and time.monotonic() < deadline:
        time.sleep(0.02)
        _exit_code(leader)


def _signal_all(leader: int, number: int) -> bool:
    """Send a signal to all that descends from us and return whether anything was there."""
    if not _LINUX:
        try:
            os.killpg(leader, number)
        except (ProcessLookupError, PermissionError):  # macOS: a group of zombies is not permitted
            return False
        return True
    found = False
    for pid, started in _descendants().items():
        try:
            process = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            # The descriptor is of this process, whatever gets its number later.
            status = _status(pid)
            if status is None or status[1] != started or status[2] == "Z":
                continue
            found = True
            signal.pidfd_send_signal(process, number)
        except OSError:
            continue
        finally:
            os.close(process)
    return found


def _descendants() -> dict[int, int]:
    """Return {process id: start time in clock ticks} of all that descends from us."""
    children: dict[int, list[tuple[int, int]]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (status := _status(int(name))) is not None:
            children.setdefault(status[0], []).append((int(name), status[1]))
    found: dict[int, int] = {}
    waiting = [os.getpid()]
    while waiting:
        for pid, started in children.get(waiting.pop(), []):
            found[pid] = started
            waiting.append(pid)
    return found


def _status(pid: int) -> tuple[int, int, str] | None:
    """Return a process's parent, start time in clock ticks and state letter, or None."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # its name may hold spaces
    except OSError:
        return None
    return int(fields[1]), int(fields[19]), fields[0].decode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
