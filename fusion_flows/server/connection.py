"""Prefect's API as a run uses it: a server that is away costs the run nothing."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from logging import Logger, LoggerAdapter
from typing import Any, TypeVar

import httpx
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

LAST_NEWS_SECONDS = 3.0
"""How long a run that is ended waits for the server, which may be busy at that moment, to take its report."""

_TIMEOUT_SECONDS = 20.0
_PATIENCE_SECONDS = 15.0
_ATTEMPTS = 10  # of one piece of work while the server answers other calls
_PAUSE_SECONDS = (1.0, 2.0, 4.0, 8.0)  # between two attempts, while nobody answers
_LOCALLY = {"send_to_api": False}  # what is said about an absent server cannot be sent to it

T = TypeVar("T")


class Unreachable(Exception):
    """The server does not answer now. Try again later."""


class Connection:
    """A client whose calls fail at once, as Unreachable, while the server is away.

    Prefect's own client tries each call for a minute; a run has better things to do meanwhile.
    Use it as a context, once or several times.
    """

    def __init__(self, logger: Logger | LoggerAdapter[Any]) -> None:
        """logger: told, on this machine only, when the server goes and when it is back."""
        self._logger = logger
        self._client: SyncPrefectClient
        self._open = ExitStack()
        self._away_since: float | None = None
        self._failures = 0
        self._next_attempt = 0.0

    def call(self, function: Callable[[SyncPrefectClient], T]) -> T:
        """Return function(client).

        Raises Unreachable when the server is away or was a moment ago, and whatever else the
        client raises: an answer that says no is an answer.
        """
        if time.monotonic() < self._next_attempt:
            raise Unreachable
        try:
            value = function(self._client)
        except httpx.HTTPError as error:
            if isinstance(error, httpx.HTTPStatusError) and not _is_passing(error.response):
                self._is_back()
                raise
            self._is_away(error)
            raise Unreachable(str(error)) from error
        self._is_back()
        return value

    def wait(self, seconds: float) -> bool:
        """Wait until the server answers, `seconds` at most; return whether it does."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.call(lambda client: client.api_version())
            except Unreachable:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(0.5)
            else:
                return True

    def patiently(self, work: Callable[[], T], seconds: float) -> T:
        """Return work(), which calls the server and is done again if the server fails it meanwhile.

        A server that is up may still refuse one call, as when SQLite was busy. seconds: how long to
        wait for a server that is away; 0 for a single attempt. Raises Unreachable after that, or
        when the server refuses the work ten times, and what `call` raises.
        """
        deadline: float | None = None
        for _ in range(_ATTEMPTS - 1):
            try:
                return work()
            except Unreachable:
                # From the first refusal on, as a busy database takes ten seconds to say no; and each
                # time anew, within what Prefect gives a run that it ends.
                now = time.monotonic()
                deadline = deadline or now + _PATIENCE_SECONDS
                if now > deadline or not self.wait(seconds):
                    raise
        return work()

    def _is_away(self, error: httpx.HTTPError) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        pause = _PAUSE_SECONDS[min(self._failures, len(_PAUSE_SECONDS) - 1)]
        self._failures += 1
        self._next_attempt = now + pause
        if self._failures == 2:  # one call in vain is nothing to speak of: SQLite was busy
            self._logger.warning(
                "The Prefect server does not answer (%s). The run does not need it; updates are held "
                "back until it answers.",
                error or type(error).__name__,
                extra=_LOCALLY,
            )

    def _is_back(self) -> None:
        if self._away_since is not None and self._failures > 1:
            self._logger.info(
                "The Prefect server answers again, after %.0f s.",
                time.monotonic() - self._away_since,
                extra=_LOCALLY,
            )
        self._away_since, self._failures, self._next_attempt = None, 0, 0.0

    def __enter__(self) -> "Connection":
        """Open a client; also again after it was closed."""
        self._client = get_client(
            httpx_settings={"timeout": httpx.Timeout(_TIMEOUT_SECONDS)}, sync_client=True
        )
        self._open.enter_context(self._client)
        # For as long as this is open: to change a setting takes 18 ms.
        self._open.enter_context(temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}))
        return self

    def __exit__(self, *_: object) -> None:
        """Close the client."""
        self._open.close()


def _is_passing(response: httpx.Response) -> bool:
    """Return whether a refusal is of the moment: a proxy without its server, a busy database."""
    return response.status_code >= 500 or response.status_code in (408, 429)
