"""Prefect's server for many runs on SQLite: `python -m fusion_flows.server start`.

It takes the options of `prefect server start` and is that, but for four things.

Python's garbage collection. A client that is killed in the middle of a request leaves cursors of SQLite in
the server, in cycles that only garbage collection frees. To free a cursor takes the lock of its connection,
whose thread may be waiting for the database, for up to 60 s. Python collects in whichever thread it is in,
mostly in the one that answers everybody, so all requests waited, and with them the one that had the
database. Here a thread collects that does nothing else.

The marking of runs as late. Prefect gives each run that has waited for 15 s another state, hundreds of
them at once in transactions that get in each other's way: 60 waiting runs cost 560 tracebacks "database is
locked", and other clients get none or a 503 for an answer. Runs that wait for the limit of runs at once are
no news, so on SQLite they stay Scheduled. PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED=true has it as Prefect
does it.

Transactions. Most of Prefect's begin as readers and become writers. If another one has written in between,
SQLite refuses at once instead of waiting, and the answer is 503: a click on Resume or Submit while runs
report was lost now and then, as the UI does not ask again. Here a transaction is a writer from its beginning,
and waits for its turn.

Reports. It also gives out the reports of the runs in its folder of runs, for the links in their artifacts.
"""

import gc
import os
import sys
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

_YOUNG_SECONDS = 0.5
"""Between two collections of what is young: so long may such a cursor keep others from the database."""

_OLD_EVERY = 20
"""Each so many is one of everything."""


def main() -> None:
    """Run `prefect server` with the arguments of this process."""
    let_waiting_runs_wait()
    begin_as_writer()
    offer_reports()
    import prefect.server.api.server  # noqa: F401 - most of what no collection needs to look at
    from prefect.cli import app

    collect_in_a_thread_of_its_own()
    sys.argv[:1] = ["prefect", "server"]
    app()


def let_waiting_runs_wait() -> None:
    """Have Prefect not mark runs as late, if its database is SQLite and nobody has said otherwise."""
    from prefect.context import refresh_global_settings_context
    from prefect.settings import get_current_settings

    server = get_current_settings().server
    url = server.database.connection_url
    is_sqlite = url is None or url.get_secret_value().startswith("sqlite")
    if is_sqlite and "enabled" not in server.services.late_runs.model_fields_set:
        os.environ["PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED"] = "false"
        refresh_global_settings_context()


def begin_as_writer() -> None:
    """Have each transaction on SQLite take the lock of the database as it begins.

    What Prefect begins inside of it, through other connections, would wait for it for ever, and begins as
    Prefect has it.
    """
    from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration

    begin = AioSqliteConfiguration.begin_transaction

    @asynccontextmanager
    async def as_writer(
        self: Any, session: Any, with_for_update: bool = False
    ) -> AsyncGenerator[Any, None]:
        if SQLITE_BEGIN_MODE.get() is not None:
            async with begin(self, session, with_for_update=with_for_update) as transaction:
                yield transaction
            return
        async with begin(self, session, with_for_update=True) as transaction:
            await session.connection()  # it begins here, and not with its first statement
            mode = SQLITE_BEGIN_MODE.set("DEFERRED")
            try:
                yield transaction
            finally:
                SQLITE_BEGIN_MODE.reset(mode)

    AioSqliteConfiguration.begin_transaction = as_writer  # type: ignore[method-assign]


def offer_reports() -> None:
    """Have the server give out the reports of runs as well."""
    from prefect.server.api import server

    from fusion_flows.server.downloads import offer
    from fusion_flows.server.settings import Settings

    create, runs_dir = server.create_app, Settings().runs_dir.expanduser().absolute()

    def create_with_reports(*arguments: Any, **options: Any) -> Any:
        from prefect.settings import get_current_settings

        app = create(*arguments, **options)
        password = get_current_settings().server.api.auth_string
        offer(app, runs_dir, password.get_secret_value() if password else None)
        return app

    server.create_app = create_with_reports


def collect_in_a_thread_of_its_own() -> None:
    """Have a thread, and no other, collect garbage from now on. What is there now is not garbage."""
    gc.collect()
    gc.freeze()
    gc.disable()
    threading.Thread(target=_collect, name="garbage collection", daemon=True).start()


def _collect() -> None:
    while True:
        for generation in (1,) * (_OLD_EVERY - 1) + (2,):
            time.sleep(_YOUNG_SECONDS)
            gc.collect(generation)


if __name__ == "__main__":
    main()
