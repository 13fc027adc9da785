"""Run a command, and end it with everything it started when its starter is gone.

`python -I -S guard.py STARTER GRACE_SECONDS COMMAND...` stands between the process STARTER and the
command. Its standard input is a socket whose other end only the starter has. That end closes when
the starter asks for the end and when the starter dies, however it dies: there is one way to end and
it is always the same. All that the command started gets SIGTERM, the grace time, then SIGKILL until
nothing is left. The exit code is the command's (128 + n for signal n).

The guard is two processes, as a guard can be killed, too: the inner one runs the command and ends
the tree, the outer one waits for it. When one of them is gone the other ends what is left.

On Linux both are child subreapers, so that what the command started stays a descendant even in a
session of its own and with its parent gone, and the command dies with the inner one (parent-death
signal). Elsewhere they end the command's process group. Standard library only, and little of it:
it starts in some 20 ms of CPU.
"""

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_KILL_SECONDS = 10.0  # a process in uninterruptible sleep dies when the kernel lets it
_INNER_SECONDS = 0.3  # beyond the grace time, before the inner process counts as stuck
_LOOK_SECONDS = 0.5  # between two looks for the starter, where the kernel does not report its end
_END_SECONDS = 0.02  # between two looks while the tree ends
_COLLECT_AT_ONCE = 10_000  # so many, and then on, lest somebody forks so fast that it never ends
_CANNOT_START = 127

Status = tuple[int, int]  # of a process: parent, start time in clock ticks


def main(arguments: list[str]) -> int:
    """Run the command until it, or its starter, ends; return the command's exit code."""
    starter, grace_seconds, command = int(arguments[0]), float(arguments[1]), arguments[2:]
    tree = _TREE()
    lifeline, held = os.pipe()  # the inner process hears when the outer one closes it or dies

    def inner() -> int:
        os.close(held)
        os.setpgid(0, 0)  # who signals the group of the one does not hit the other
        watch = Watch(0, lifeline)
        tree.start(lambda: _execute(tree, command))
        while tree.exit_code is None and not watch.stop:
            watch.sleep()
            tree.gone()
        _end(tree, watch, time.monotonic() + grace_seconds)
        return 128 + signal.SIGKILL if tree.exit_code is None else tree.exit_code

    tree.start(inner)
    watch = Watch(0, starter=starter)
    while tree.exit_code is None and not watch.stop:
        watch.sleep()
        tree.gone()
    os.close(held)
    deadline = time.monotonic() + grace_seconds
    while tree.exit_code is None and time.monotonic() < deadline + _INNER_SECONDS:
        watch.sleep(_END_SECONDS)
        tree.gone()
    _end(tree, watch, deadline)
    return 128 + signal.SIGKILL if tree.exit_code is None else tree.exit_code


def _end(tree: "Tree", watch: "Watch", deadline: float) -> None:
    """Ask everything to end until the deadline, then kill until nothing is left."""
    if not tree.gone() and time.monotonic() < deadline:
        tree.signal(signal.SIGTERM, signal.SIGCONT)  # what is stopped could not hear the first
    while not tree.gone() and (left := deadline - time.monotonic()) > 0:
        watch.sleep(min(left, _END_SECONDS))
    deadline = time.monotonic() + _KILL_SECONDS
    tree.killing = True
    while not tree.gone() and time.monotonic() < deadline:
        tree.signal(signal.SIGKILL)
        watch.sleep(_END_SECONDS)


def _execute(tree: "Tree", command: list[str]) -> int:
    """Become the command."""
    tree.enter()
    signal.set_wakeup_fd(-1)
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGCHLD", "SIGPIPE", "SIGXFSZ"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
    return _CANNOT_START


def _fork(work: Callable[[], int]) -> int:
    """Start a process that does the work and ends with the code it returns; return its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = work()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


class Watch:
    """Sleeps until a child ends or somebody asks for the end; from then on `stop` is true."""

    def __init__(self, *closing: int, starter: int | None = None) -> None:
        """Take over the signals.

        closing: descriptors that ask for the end when they close.  starter: our parent. Its end is
        watched for as well, as its socket may be held open by a fork of it.
        """
        self.stop = False
        self._starter = starter
        self._look_seconds = None if starter is None else _LOOK_SECONDS
        self._poller = select.poll()
        self._signals, write_end = os.pipe()
        os.set_blocking(self._signals, False)
        os.set_blocking(write_end, False)
        for descriptor in (self._signals, *closing):
            self._poller.register(descriptor, select.POLLIN)
        if sys.platform == "linux" and starter is not None:
            with suppress(AttributeError, OSError):  # a Linux before 5.3, or it is gone
                self._poller.register(os.pidfd_open(starter), select.POLLIN)
                self._look_seconds = None
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # it only has to wake us
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # what the starter had blocked is its own
        self._look_for_starter()

    def sleep(self, seconds: float | None = None) -> None:
        """Sleep until something happens, at most so long."""
        if seconds is None:
            seconds = self._look_seconds
        for descriptor, _events in self._poller.poll(None if seconds is None else seconds * 1000):
            if descriptor == self._signals:
                os.read(descriptor, 4096)
            else:
                self._poller.unregister(descriptor)
                self.stop = True
        self._look_for_starter()

    def _look_for_starter(self) -> None:
        if self._starter is not None and os.getppid() != self._starter:
            self.stop = True

    def _ask(self, _number: int, _frame: object) -> None:
        self.stop = True


class Descendants:
    """All that descends from this process; Linux makes us the parent of what loses its own."""

    def __init__(self) -> None:
        self.exit_code: int | None = None  # of the child, once it has ended
        self.killing = False
        self._child = 0

    def start(self, work: Callable[[], int]) -> None:
        """Start the child, from which all else descends."""
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._child = _fork(work)

    def enter(self) -> None:
        """Give this process a session of its own; it dies with its parent."""
        parent = os.getppid()
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(_CANNOT_START)

    def gone(self) -> bool:
        """Collect what has ended and say whether nothing is left.

        Who has no child has no descendant: a process becomes ours before the end of its parent can
        be seen. No list of processes can say so, as more may be born while it is made.
        """
        if sys.platform != "linux":
            raise NotImplementedError
        for _ in range(_COLLECT_AT_ONCE):
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return True
            if ended is None:
                return False
            if self.killing:
                _kill_group_of(ended.si_pid)
            _pid, status = os.waitpid(ended.si_pid, 0)
            if ended.si_pid == self._child:
                self.exit_code = _exit_code(status)
        return False

    def signal(self, *numbers: int) -> None:
        """Send each of them these signals."""
        for pid, seen in _descendants().items():
            _signal(pid, seen, numbers)


class Group:
    """The command's process group: all that can be signalled as one where nothing better is."""

    def __init__(self) -> None:
        """Make the group. Its first member ends at once and is not collected: so its id stays ours."""
        self.exit_code: int | None = None  # of the child, once it has ended
        self.killing = False
        self._child = 0
        self._group = _fork(self._lead)
        with suppress(OSError):  # it has done so itself
            os.setpgid(self._group, self._group)

    def _lead(self) -> int:
        os.setpgid(0, 0)
        return 0

    def start(self, work: Callable[[], int]) -> None:
        """Start the child."""
        self._child = _fork(work)

    def enter(self) -> None:
        """Make this process a member."""
        os.setpgid(0, self._group)

    def gone(self) -> bool:
        """Collect the child if it has ended and say whether nothing is left."""
        if self.exit_code is None:
            pid, status = os.waitpid(self._child, os.WNOHANG)
            if pid:
                self.exit_code = _exit_code(status)
        try:
            os.killpg(self._group, 0)
        except (ProcessLookupError, PermissionError):  # macOS: a group of zombies is not permitted
            return self.exit_code is not None
        return False

    def signal(self, *numbers: int) -> None:
        """Send the group these signals; SIGKILL is for the child, too."""
        for number in numbers:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, number)
            if number == signal.SIGKILL and self.exit_code is None:
                os.kill(self._child, number)


Tree = Descendants | Group
_TREE: type[Tree] = Descendants if sys.platform == "linux" else Group


def _kill_group_of(ended: int) -> None:
    """Kill the process group of a child that has ended and is not collected yet.

    The kernel does so at one instant, which catches what forks faster than we can look. The child
    that is not collected keeps the group's id from being given to another group. All members of a
    group are of one session, and every session but ours was made by a descendant.
    """
    with suppress(OSError):
        group = os.getpgid(ended)
        if group != os.getpgrp():
            os.killpg(group, signal.SIGKILL)


def _signal(pid: int, seen: Status, numbers: tuple[int, ...]) -> None:
    """Send signals to a process if it is the one that was seen."""
    if sys.platform != "linux":
        raise NotImplementedError
    descriptor = None
    try:
        descriptor = os.pidfd_open(pid)  # is of this process, whatever gets its number later
    except ProcessLookupError:
        return
    except (AttributeError, OSError):
        pass  # a Linux before 5.3: a moment is left between the look and the signal
    try:
        status = _status(pid)
        if status is None or status[1] != seen[1] or status[0] not in (seen[0], os.getpid()):
            return
        for number in numbers:
            if descriptor is None:
                os.kill(pid, number)
            else:
                signal.pidfd_send_signal(descriptor, number)
    except OSError:
        pass  # it has ended, or has become another user's
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _descendants() -> dict[int, Status]:
    """Return all that descends from us, by process id."""
    everything = {
        int(name): status
        for name in os.listdir("/proc")
        if name.isdigit() and (status := _status(int(name))) is not None
    }
    children: dict[int, list[int]] = {}
    for pid, status in everything.items():
        children.setdefault(status[0], []).append(pid)
    found: dict[int, Status] = {}
    waiting = [os.getpid()]
    while waiting:
        parent = waiting.pop()
        for pid in children.get(parent, []):
            if everything[pid][1] >= everything[parent][1]:  # else the parent's id was given anew
                found[pid] = everything[pid]
                waiting.append(pid)
    return found


def _status(pid: int) -> Status | None:
    """Return what /proc says of a process, or None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # its name may hold spaces
    except OSError:
        return None
    return int(fields[1]), int(fields[19])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
