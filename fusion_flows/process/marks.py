"""Find and end processes by a mark in their environment, when nothing else knows of them any more."""

import os
import time

import psutil

MARK = "FUSION_PROCESS_TREE"
"""Environment variable that all processes of a tree have. Its value may be that of more trees."""

TREE_MARK = "FUSION_PROCESS_TREE_ID"
"""The same with a value of that tree alone."""

_KILL_SECONDS = 3.0  # a process in uninterruptible sleep is left to the kernel then
_LOOK_SECONDS = 0.05


def marked_processes(variable: str = MARK) -> dict[str, list[psutil.Process]]:
    """Return the living processes of this user that carry a mark, by mark, without the caller.

    variable: the one that holds the mark. A process that cleared its environment is not found.
    """
    user = psutil.Process().username()
    found: dict[str, list[psutil.Process]] = {}
    for pid in psutil.pids():
        try:
            process = psutil.Process(pid)
            mark = process.environ().get(variable)
            if mark and pid != os.getpid() and process.username() == user:
                found.setdefault(mark, []).append(process)
        except (psutil.Error, OSError):  # a zombie, gone, or not ours to look at
            continue
    return found


def end_marked(mark: str, grace_seconds: float, variable: str = MARK) -> int:
    """End the processes that carry a mark and return how many have ended.

    SIGTERM, the grace time, then SIGKILL until nothing is left; without grace time SIGKILL at once.
    psutil compares start times, so a process id that was given to another is never hit.
    """
    kill_time = time.monotonic() + grace_seconds
    met: set[psutil.Process] = set()
    while living := marked_processes(variable).get(mark, []):
        now = time.monotonic()
        if now > kill_time + _KILL_SECONDS:
            break
        for process in living:
            try:
                if now >= kill_time:
                    process.kill()
                elif process not in met:
                    process.terminate()
                    process.resume()  # what is stopped could not hear the first
            except (psutil.Error, OSError):
                continue
        met.update(living)
        time.sleep(_LOOK_SECONDS)
    return len(met.difference(living))
