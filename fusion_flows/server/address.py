"""Which Prefect server is meant: the configured one, that of a running `fusion up`, or the embedded one.

`fusion up` writes its address into PREFECT_HOME/fusion-up/server.json and keeps that file locked as
long as it lives, so the address of one that was killed is never taken for a server. What is asked while it
is starting waits for it, as it is the server that is meant.
"""

import json
import logging
import os
import signal
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from fusion.results import file_lock
from fusion_flows.process.companion import ending_with_us
from fusion_flows.server import database as server_database

if TYPE_CHECKING:
    import httpx
    from prefect.client.orchestration import SyncPrefectClient

URL = "PREFECT_API_URL"

_EMBEDDED_MARK = "FUSION_EMBEDDED_SERVER"
_READERS_SECONDS = 0.5  # those that only look have the lock for a moment
_LOOK_SECONDS = 0.02
_STARTING_SECONDS = 120.0  # for which a `fusion up` that is starting is waited for
_of_fusion_up = ""  # the address that `configure` has put into the environment
_LOCAL = dict.fromkeys(("127.0.0.1", "::1", "0.0.0.0", "::"), "localhost")

_log = logging.getLogger("fusion_flows.server")


class NoServerError(RuntimeError):
    """No Prefect server answers, or it refuses to; the message says which and what to do."""


class ServerAwayError(NoServerError):
    """Nothing answers where the server should be."""


class AlreadyUpError(RuntimeError):
    """Another `fusion up` with the same PREFECT_HOME is alive."""


class LivingServer(NamedTuple):
    """What a living `fusion up` says of itself."""

    url: str
    """Of the API; empty for a moment at the start, before it is known."""
    runs_dir: Path
    pid: int
    store_dir: str = ""
    """Where its worker keeps what sweeps compute; empty: `store` in the folder of the runs."""
    input_dirs: tuple[str, ...] | None = None
    """Folders whose files its worker may read; None where it does not say."""
    starting: bool = False
    """Whether server and worker are not there yet."""

    @property
    def store(self) -> Path:
        """The store of its worker."""
        return Path(self.store_dir) if self.store_dir else self.runs_dir / "store"


class _Configured(NamedTuple):
    """A server that somebody has configured."""

    url: str
    origin: str
    """Where that is written, in words."""


class ServerFile:
    """The file in which `fusion up` says where its server is. Use it as a context."""

    def __init__(self) -> None:
        """Lock the file. Raises AlreadyUpError while another process has it, OSError."""
        folder().mkdir(parents=True, exist_ok=True)
        self._file = open(_path(), "a+", encoding="utf-8")  # noqa: SIM115 - open as long as we live
        deadline = time.monotonic() + _READERS_SECONDS
        while not file_lock.lock(self._file, exclusive=True):
            if time.monotonic() < deadline:
                time.sleep(_LOOK_SECONDS)
                continue
            self._file.close()
            there = living()
            what = there and ("starting" if there.starting else there.url)
            where = f" (process {there.pid}, {what})" if there else ""
            raise AlreadyUpError(
                f"`fusion up` is running already{where}; end that one with Ctrl-C in its terminal, "
                "or set PREFECT_HOME to another folder to have a second one"
            )
        self._file.truncate(0)

    def write(self, server: LivingServer) -> None:
        """Say where the server is. The file itself stays, as it carries the lock."""
        text = json.dumps({**server._asdict(), "runs_dir": str(server.runs_dir)})
        self._file.truncate(0)
        self._file.write(text)
        self._file.flush()

    def __enter__(self) -> "ServerFile":
        """Return the file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Say that there is no server any more."""
        self._file.truncate(0)
        self._file.close()


def folder() -> Path:
    """Return where `fusion up` keeps its logs and its address."""
    home = os.environ.get("PREFECT_HOME") or Path.home() / ".prefect"
    return Path(home).expanduser().absolute() / "fusion-up"


def living() -> LivingServer | None:
    """Return what the living `fusion up` says of itself, or None when there is none."""
    deadline = time.monotonic() + _READERS_SECONDS
    while True:
        try:
            with open(_path(), encoding="utf-8") as file:
                if file_lock.lock(file, exclusive=False):
                    return None
                said = json.loads(file.read())
            places = Path(said["runs_dir"]), int(said["pid"]), str(said.get("store_dir", ""))
            folders = said.get("input_dirs")
            input_dirs = None if folders is None else tuple(map(str, folders))
            return LivingServer(str(said["url"]), *places, input_dirs, bool(said.get("starting")))
        except OSError:
            return None
        except (ValueError, KeyError, TypeError):  # it is writing just now
            if time.monotonic() > deadline:
                return None
            time.sleep(_LOOK_SECONDS)


def killed_runs_dir() -> Path | None:
    """Return the folder of the runs of a `fusion up` that was killed; an orderly end leaves none."""
    try:
        with open(_path(), encoding="utf-8") as file:
            if not file_lock.lock(file, exclusive=False):
                return None
            return Path(json.loads(file.read())["runs_dir"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def configured() -> str:
    """Return the server's address that Prefect finds in its settings, or nothing."""
    found = _configured()
    return found.url if found else ""


def origin_of(url: str) -> str:
    """Return where this address of a server comes from, in words; nothing where that is not known."""
    if url == _of_fusion_up:
        return "of `fusion up`"
    found = _configured()
    return f"{URL} of {found.origin}" if found and found.url == url else ""


def _configured() -> _Configured | None:
    """Return the address and the place that Prefect takes it from.

    In Prefect's order: environment, .env, prefect.toml, pyproject.toml, the active profile. Prefect
    itself cannot be asked: it reads its settings as it is imported, and then they stand.
    """
    if url := os.environ.get(URL):
        return _Configured(url, "the environment")
    return _from_dotenv() or _from_project() or _from_profile()


def meant() -> LivingServer | None:
    """Return the living `fusion up`, also one that is starting, if its server is the one that is meant here.

    That is so where no server is configured, and where it is this one that is. Else return None.
    """
    server = living()
    given = configured() if server else ""
    if server is None or not given:
        return server
    return server if server.url and _place_of(given) == _place_of(server.url) else None


def _started(server: LivingServer) -> LivingServer | None:
    """Wait until a `fusion up` has started, and return what it says then; None where it has ended instead.

    Raises ServerAwayError where that takes too long.
    """
    _log.warning("`fusion up` (process %d) is starting; waiting until it is up ...", server.pid)
    deadline = time.monotonic() + _STARTING_SECONDS
    while (there := living()) is not None and there.starting:
        if time.monotonic() > deadline:
            raise ServerAwayError(
                f"`fusion up` (process {there.pid}) is starting for more than {_STARTING_SECONDS:.0f} s; "
                f"its logs are in {folder()}"
            )
        time.sleep(_LOOK_SECONDS)
    return there


def configure() -> str:
    """Have Prefect talk to the configured server, else to that of a living `fusion up`.

    Return its address; empty: Prefect will start its embedded server. With that of `fusion up` come
    its folders and its password, where this process has none. One that is starting is waited for. Call it
    before Prefect is imported; afterwards it says what Prefect does and changes nothing.

    Raises ServerAwayError where one is starting for too long.
    """
    server = meant()
    if server is not None and server.starting and not configured() and "prefect" not in sys.modules:
        server = _started(server)
    if server is not None:
        _take_folders(server)
    if "prefect" in sys.modules:
        from prefect.settings import get_current_settings

        return get_current_settings().api.url or ""
    if url := configured():
        return url
    if server is None:
        # What the embedded one cannot write down at once it repeats; its log is this terminal.
        os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")
        return ""
    global _of_fusion_up
    _of_fusion_up = os.environ[URL] = server.url
    if password := os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        os.environ.setdefault("PREFECT_API_AUTH_STRING", password)
    return server.url


def _take_folders(server: LivingServer) -> None:
    """Keep its folders as long as this process lives, whether it does or not."""
    if not os.environ.get("FUSION_RUNS_DIR"):
        os.environ["FUSION_RUNS_DIR"] = str(server.runs_dir)
        if not os.environ.get("FUSION_STORE_DIR"):
            global _taken_store
            _taken_store = os.environ["FUSION_STORE_DIR"] = str(server.store)


_taken_store = ""


def store_is_given() -> bool:
    """Return whether a person has set FUSION_STORE_DIR, and not this process after `fusion up`."""
    return os.environ.get("FUSION_STORE_DIR", "") not in ("", _taken_store)


def _place_of(url: str) -> tuple[str, str, int | None, str]:
    """Return what makes two addresses the same server."""
    try:
        parts = urlsplit(url.strip().rstrip("/"))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return url, "", None, ""
    return parts.scheme, _LOCAL.get(host, host), port, parts.path


@contextmanager
def connect() -> Iterator["SyncPrefectClient"]:
    """Open a client of the server that `configure` finds, or of one that Prefect has started in this process.

    Raises NoServerError when there is none, when it does not answer, at first or later, or wants a password.
    """
    url = configure()
    if not url and not _is_embedded_running():
        raise ServerAwayError(
            f"no Prefect server is running: start one with `fusion up`, or set {URL} to the address of one"
        )
    import httpx
    from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    try:
        with open_client() as client:
            if url:  # Prefect tries for a minute what can be said at once
                with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
                    _check_answer(url, client.hello())
            yield client
    except httpx.HTTPStatusError as error:
        raise NoServerError(_refusal(url, error.response)) from error
    except httpx.HTTPError as error:
        raise ServerAwayError(_away(url, error)) from error


def _is_embedded_running() -> bool:
    """Return whether Prefect has started a server for a flow that was called in this process."""
    module = sys.modules.get("prefect.server.api.server")
    known = module.SubprocessASGIServer._instances.values() if module else ()
    return any(server.running for server in known)


def open_client() -> "SyncPrefectClient":
    """Return a client. With no server configured Prefect starts its embedded one here, once.

    Raises NewerDatabaseError where that one could not start.
    """
    from prefect import get_client
    from prefect.settings import get_current_settings

    if get_current_settings().api.url or _is_embedded_running():
        return get_client(sync_client=True)
    server_database.check()
    with without_interrupts(), ending_with_us(_EMBEDDED_MARK):
        return get_client(sync_client=True)


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from an embedded server that is started here: it must outlive the last news.

    It is a child in the terminal's process group, and a signal that is blocked stays so in a child.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _refusal(url: str, answer: "httpx.Response") -> str:
    if answer.status_code in (401, 403):
        return (
            f"the Prefect server at {url} wants a password: set PREFECT_API_AUTH_STRING to what its "
            "PREFECT_SERVER_API_AUTH_STRING is"
        )
    if _is_page(answer) or not _has_api(url):
        return _stranger(url)
    said = " ".join(answer.text.split())[:300]
    return f"the Prefect server at {url} refuses with status {answer.status_code}: {said}"


def _check_answer(url: str, answer: "httpx.Response") -> None:
    """Raise NoServerError where the UI of a server answers, or a server of something else."""
    if _is_page(answer):
        raise NoServerError(_stranger(url))


def _is_page(answer: "httpx.Response") -> bool:
    return str(answer.headers.get("content-type", "")).startswith("text/html")


def _has_api(url: str) -> bool:
    return "api" in urlsplit(url).path.split("/")


def _stranger(url: str) -> str:
    if not _has_api(url):
        return f"{URL} = {url} lacks /api at its end: set it to {url.rstrip('/')}/api"
    return (
        f"what answers at {url} is not a Prefect server; start one with `fusion up`, or set {URL} to the "
        "address of one, with /api at its end"
    )


def _away(url: str, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    server = meant()
    if server is not None and server.starting:
        return (
            f"the Prefect server at {url} does not answer yet: `fusion up` (process {server.pid}) is "
            "starting it; try again in a moment"
        )
    if url and not _has_api(url):
        reason += f"; the address of a server ends in /api, as {url.rstrip('/')}/api"
    origin = origin_of(url)
    return (
        f"no Prefect server answers at {url or 'its embedded address'}{origin and f', {origin}'} ({reason}); "
        f"start one with `fusion up`, or set {URL} to the address of one"
    )


def _path() -> Path:
    return folder() / "server.json"


def _from_dotenv() -> _Configured | None:
    from dotenv import dotenv_values

    path = Path(".env").absolute()
    url = dotenv_values(path).get(URL) if path.is_file() else ""
    return _Configured(url, str(path)) if url else None


def _from_project() -> _Configured | None:
    for name, place in (("prefect.toml", ()), ("pyproject.toml", ("tool", "prefect"))):
        path = Path(name).absolute()
        if url := _read(path, *place, "api", "url"):
            return _Configured(url, str(path))
    return None


def _from_profile() -> _Configured | None:
    home = folder().parent
    path = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml").expanduser()
    active = os.environ.get("PREFECT_PROFILE") or _read(path, "active")
    url = _read(path, "profiles", active, URL) if active else ""
    return _Configured(url, f"the profile {active} in {path}") if url else None


def _read(path: Path, *keys: str) -> str:
    """Return a text in a TOML file, or nothing when it is not there."""
    try:
        value: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
