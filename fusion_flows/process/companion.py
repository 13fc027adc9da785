"""End marked processes when the process that started them is gone, however it ended.

`python -m fusion_flows.process.companion STARTER VARIABLE MARK` waits until its standard input is closed,
whose other end only the starter has, or until the starter is gone. Then it ends what carries the mark in its
environment. It is for processes that a library starts, which cannot be given to `tree.ProcessTree`.
"""

import atexit
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

_GRACE_SECONDS = 5.0
_LOOK_SECONDS = 1.0  # a fork of the starter may hold its end of the socket open
_END_SECONDS = 10.0


@contextmanager
def ending_with_us(variable: str) -> Iterator[None]:
    """Have processes that are started within end with this process.

    variable: of their environment, for the mark by which they are found. At an orderly end of this process,
    what was registered with atexit within comes first.
    """
    mark = uuid4().hex
    lifeline, its_end = socket.socketpair()
    with its_end:
        companion = subprocess.Popen(
            [sys.executable, "-m", __name__, str(os.getpid()), variable, mark],
            stdin=its_end.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end() -> None:
        lifeline.close()
        with suppress(subprocess.TimeoutExpired):
            companion.wait(_END_SECONDS)

    atexit.register(end)
    os.environ[variable] = mark
    try:
        yield
    finally:
        del os.environ[variable]


def main(arguments: list[str]) -> None:
    """Wait for the end of the starter and end what carries the mark."""
    starter, variable, mark = int(arguments[0]), arguments[1], arguments[2]
    while os.getppid() == starter and not select.select([0], [], [], _LOOK_SECONDS)[0]:
        pass
    from fusion_flows.process.marks import end_marked  # here, as until now there is nothing to do

    end_marked(mark, _GRACE_SECONDS, variable)


if __name__ == "__main__":
    main(sys.argv[1:])
