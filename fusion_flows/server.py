"""Prefect's server without the minute in which it may hang: `python -m fusion_flows.server start`.

It takes the options of `prefect server start` and is that, but for Python's garbage collection.

A client that is killed in the middle of a request leaves cursors of SQLite in the server, in cycles that only
garbage collection frees. To free a cursor takes the lock of its connection, whose thread may be waiting for
the database, for up to 60 s. Python collects in whichever thread it is in, mostly in the one that answers
everybody, so all requests waited, and with them the one that had the database. Here a thread collects that
does nothing else.
"""

import gc
import sys
import threading
import time

_YOUNG_SECONDS = 0.5
"""Between two collections of what is young: so long may such a cursor keep others from the database."""

_OLD_EVERY = 20
"""Each so many is one of everything."""

_STARTED_AFTER = 120
"""Collections after which what is there counts as the program itself, which no later one looks at."""


def main() -> None:
    """Run `prefect server` with the arguments of this process."""
    collect_in_a_thread_of_its_own()
    from prefect.cli import app  # here, as what it leaves is collected, too

    sys.argv[:1] = ["prefect", "server"]
    app()


def collect_in_a_thread_of_its_own() -> None:
    """Have a thread, and no other, collect garbage from now on."""
    gc.disable()
    threading.Thread(target=_collect, name="garbage collection", daemon=True).start()


def _collect() -> None:
    number = 0
    while True:
        time.sleep(_YOUNG_SECONDS)
        number += 1
        gc.collect(1 if number % _OLD_EVERY else 2)
        if number == _STARTED_AFTER:
            gc.freeze()


if __name__ == "__main__":
    main()
