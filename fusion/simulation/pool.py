"""Work in parallel: a pool of processes that never outlives this one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any, Protocol, TypeVar

_TOLD_SECONDS = 0.3  # between the signals to two processes of a tree

T = TypeVar("T")
R = TypeVar("R")
T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class Stopped(Exception):
    """The work was told to stop before its end; there is nothing to keep of it."""


class Work(Protocol[T_contra, R_co]):
    """A task's work: a function of a module, or an object that is pickled once for each worker."""

    def __call__(self, task: T_contra, stopped: Callable[[], bool] = ..., /) -> R_co:
        """Return the result of one task; raise Stopped when `stopped` says yes."""
        ...


class WorkerDiedError(RuntimeError):
    """A worker process was ended from outside, for one by the kernel when memory ran out."""


_work: Work[Any, Any]


def run_tasks(
    work: Work[T, R],
    next_task: Callable[[], T | None],
    workers: int,
    stopped: Callable[[], bool],
) -> Iterator[R]:
    """Yield results as they are there, asking for the next task whenever a worker gets free.

    next_task: returns None when there is nothing to do before another result is there. workers: number
    of processes; 1 works in this process. stopped: when it says yes, no task is started any more and what
    runs is dropped. Raises WorkerDiedError.
    """
    if workers == 1:
        yield from _in_this_process(work, next_task, stopped)
    else:
        yield from _in_a_pool(work, next_task, workers, stopped)


def _in_this_process(
    work: Work[T, R], next_task: Callable[[], T | None], stopped: Callable[[], bool]
) -> Iterator[R]:
    while not stopped() and (task := next_task()) is not None:
        try:
            yield work(task, stopped)
        except Stopped:
            return


def _in_a_pool(
    work: Work[T, R],
    next_task: Callable[[], T | None],
    workers: int,
    stopped: Callable[[], bool],
) -> Iterator[R]:
    context = multiprocessing.get_context("forkserver" if _can_fork() else "spawn")
    if _can_fork():
        # The server imports the kernel once and its forks have it.
        context.set_forkserver_preload(["fusion.simulation.replication"])
    executor = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(work,)
    )
    running: set[Future[R]] = set()
    finished = False
    try:
        while not stopped():
            # One task more than workers, so that none waits while a result is taken in.
            while len(running) <= workers and (task := next_task()) is not None:
                running.add(executor.submit(_do, task))
            if not running:
                finished = True
                return
            done, running = wait(running, timeout=0.1, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except (BrokenProcessPool, EOFError, ConnectionError):  # the latter two of the fork server
        if not _stopped_soon(stopped):
            raise WorkerDiedError("a worker process died; was the memory full?") from None
    finally:
        # A replication may take minutes, so workers that are not done are killed. That comes first: while an
        # executor sees to the end of its workers, its shutdown waits for them.
        if not finished:
            end_workers()
        executor.shutdown(wait=finished, cancel_futures=True)


def _stopped_soon(stopped: Callable[[], bool]) -> bool:
    """Return whether this process is told to stop: who ends a whole tree may have met the workers first."""
    deadline = time.monotonic() + _TOLD_SECONDS
    while not (told := stopped()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return told


def _can_fork() -> bool:
    """Say whether there can be a fork server: its socket lies in the folder for temporary files.

    The address of a socket has 104 characters or more, and some 35 of them are the name below that folder.
    """
    return len(os.fsencode(tempfile.gettempdir())) <= 64


def usable_cpus() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def end_workers() -> None:
    """Kill the workers of this process, if there are any, and wait until they are gone."""
    workers = multiprocessing.active_children()
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.join()


def _start_worker(work: Work[Any, Any]) -> None:
    global _work
    _work = work
    # A terminal or a supervisor signals the whole group. It is for the parent to decide what that means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)


def _do(task: Any) -> Any:
    return _work(task)
