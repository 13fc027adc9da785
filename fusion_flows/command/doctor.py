"""`fusion doctor`: what is installed, reachable and set up, line by line, and how to mend the rest."""

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import ValidationError

from fusion.config.training_extra import NEEDED, missing_packages
from fusion.results.provenance import versions_of
from fusion_flows.server import address as server_address
from fusion_flows.server import database as server_database
from fusion_flows.server.address import NoServerError
from fusion_flows.server.database import NewerDatabaseError
from fusion_flows.server.settings import Settings
from fusion_flows.server.shipped import example_files, prefect_file

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

Verdict = Literal["ok", "warning", "problem"]

_LITTLE_SPACE, _NO_SPACE = 2 * 1024**3, 200 * 1024**2  # bytes
_LOCAL = ("127.0.0.1", "localhost", "::1")
_PYTHON = (3, 11)
_BELOW = {"fastapi": "<0.151", "sqlalchemy": "<2.1"}
_APART = (
    ("<4", "fastapi", ">=0.151", "its server does not start, or cannot be set up"),
    ("<3.9", "sqlalchemy", ">=2.1", "its server plans no run of any schedule"),
)
"""Versions of Prefect, and of what else they fail with: measured with 3.8.8, 3.9.1, 0.165 and 2.1.9."""


class Check(NamedTuple):
    """One thing that was looked at."""

    subject: str
    verdict: Verdict
    found: str
    mend: str = ""
    """What to do; empty where nothing is wrong."""


def doctor() -> list[Check]:
    """Check everything that a run needs, and report what is wrong and how to fix it.

    Versions, also of what training needs, the Prefect server with its database, work pool, workers,
    deployments, schedules and automation, the folder of runs, the cache of the compiled event loop. Nothing
    is started or changed.
    """
    return [*_versions(), _shipped_files(), *_server(), *_runs_folder(), _kernel_cache()]


# --- this machine ------------------------------------------------------------------------------


def _versions() -> Iterator[Check]:
    python = platform.python_version()
    if sys.version_info >= _PYTHON:
        yield Check("python", "ok", f"{python}, {sys.executable}")
    else:
        yield Check("python", "problem", python, "use Python 3.11 or newer")
    for package, name in (
        ("fusion-eon", "fusion"),
        *((p, p) for p in ("prefect", "numpy", "numba")),
    ):
        try:
            yield Check(name, "ok", metadata.version(package))
        except metadata.PackageNotFoundError:
            mend = "python -m pip install " + (
                "the wheel or the clone" if name == "fusion" else name
            )
            yield Check(name, "problem", "is not installed", mend)
    yield _training()
    with suppress(metadata.PackageNotFoundError):
        packages = ("prefect", "fastapi", "sqlalchemy")
        yield from _not_together({one: metadata.version(one) for one in packages})


def _training() -> Check:
    """Say which packages of the extra `train` are there; only `fusion train` needs all of them."""
    missing = missing_packages()
    versions = versions_of([*NEEDED.values()])
    parts = [f"{name} {version}" for name, version in versions.items()]
    if missing:
        parts.append(f"without {', '.join(missing)}, which only `fusion train` needs")
    return Check("training", "ok", ", ".join(parts))


def _not_together(installed: Mapping[str, str]) -> Iterator[Check]:
    """Yield a problem for each pair of versions that was tried and does not work.

    An installer may let them through, as Prefect 3.8 allows what was released after it.
    """
    from packaging.specifiers import SpecifierSet

    for prefects, package, others, what in _APART:
        prefect, other = installed["prefect"], installed[package]
        if prefect in SpecifierSet(prefects) and other in SpecifierSet(others):
            found = f"{other} with Prefect {prefect}: {what}"
            mend = f"python -m pip install '{package}{_BELOW[package]}'"
            yield Check(package, "problem", found, mend)


def _shipped_files() -> Check:
    """Look for what is not a module, and without which nothing can be deployed."""
    if prefect_file().is_file() and example_files():
        return Check("shipped files", "ok", f"{prefect_file()} and examples")
    found = f"{prefect_file()} is missing" if example_files() else "the examples are missing"
    mend = "install it again: python -m pip install --force-reinstall --no-deps fusion_eon-...whl"
    return Check("shipped files", "problem", found, mend)


def _runs_folder() -> Iterator[Check]:
    try:
        folder = Settings().runs_dir.expanduser().absolute()
    except ValidationError as error:
        found = "; ".join(
            f"FUSION_{'.'.join(map(str, one['loc'])).upper()}: {one['msg']}"
            for one in error.errors()
        )
        yield Check("settings", "problem", found, "correct these environment variables")
        return
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        mend = "set FUSION_RUNS_DIR, or give `fusion up --runs-dir`, a folder that you can write to"
        yield Check("runs folder", "problem", f"{folder}: {error.strerror}", mend)
        return
    will = "" if there == folder else ", created by the first run"
    yield Check("runs folder", "ok", f"{folder}{will}")
    yield Check("store", "ok", f"{Settings().store.expanduser().absolute()}, of sweeps")
    free = shutil.disk_usage(there).free
    verdict: Verdict = (
        "ok" if free > _LITTLE_SPACE else "warning" if free > _NO_SPACE else "problem"
    )
    mend = (
        ""
        if verdict == "ok"
        else "remove leftovers (`fusion clean`) or runs (`fusion delete`), or set FUSION_KEEP_BYTES"
    )
    yield Check("disk", verdict, f"{free / 1024**3:,.1f} GiB free", mend)


def _kernel_cache() -> Check:
    from fusion.kernel_cache import CACHE_DIR

    if CACHE_DIR is None:
        mend = (
            "set FUSION_CACHE_DIR to a folder that you can write to; until then every run compiles "
            "the simulator again"
        )
        return Check("kernel cache", "warning", "there is no folder for it", mend)
    compiled = any(CACHE_DIR.rglob("*.nbc"))
    state = "compiled" if compiled else "the first run compiles it, which may take a minute"
    return Check("kernel cache", "ok", f"{CACHE_DIR}, {state}")


# --- the server --------------------------------------------------------------------------------


def _server() -> Iterator[Check]:
    url = server_address.configure()
    if not url:
        yield Check(
            "server",
            "warning",
            "none is running; runs started here use Prefect's embedded server",
            "`fusion up` starts one, with the UI and a worker",
        )
        yield _database(None, "")
        return
    origin = server_address.origin_of(url)
    try:
        with server_address.connect() as client:
            yield Check("server", "ok", f"{url}{origin and f', {origin}'}")
            yield _version_of(client)
            yield _database(client, url)
            yield _auth(url)
            yield from _set_up(client)
    except NoServerError as error:
        yield Check("server", "problem", str(error), "start it, or correct PREFECT_API_URL")


def _version_of(client: "SyncPrefectClient") -> Check:
    server, mine = client.api_version(), metadata.version("prefect")
    if server == mine:
        return Check("server version", "ok", server)
    mend = "use the same version of Prefect for server, worker and this command"
    return Check("server version", "warning", f"{server}, and {mine} here", mend)


def _database(client: "SyncPrefectClient | None", url: str) -> Check:
    """Say which database it is. A server does not give away its address, as there is a password in it."""
    if client is not None:
        said = client.request("GET", "/admin/settings").json()["server"]["database"]
        if said.get("driver"):
            place = f"{said.get('host') or ''} {said.get('name') or ''}".strip()
            return Check("database", "ok", f"{said['driver'].partition('+')[0]} {place}".strip())
        if urlsplit(url).hostname not in _LOCAL:
            return Check("database", "ok", "the server does not say which")
    path = server_database.sqlite_file()
    if path is None:
        address = urlsplit(server_database.address())
        kind = address.scheme.partition("+")[0]
        return Check("database", "ok", f"{kind} at {address.hostname}{address.path}")
    try:
        server_database.check()
    except NewerDatabaseError as error:
        return Check("database", "problem", *str(error).split(". ", 1))
    size = f", {path.stat().st_size / 1e6:,.1f} MB" if path.is_file() else ", not created yet"
    return Check("database", "ok", f"SQLite, {path}{size}")


def _auth(url: str) -> Check:
    import httpx

    try:
        asked = httpx.get(f"{url.rstrip('/')}/admin/version", timeout=10).status_code in (401, 403)
    except httpx.HTTPError as error:
        return Check("password", "warning", f"cannot tell: {error}", "is the server reachable?")
    if asked:
        return Check("password", "ok", "the server requires one")
    if urlsplit(url).hostname in _LOCAL:
        return Check("password", "ok", "none; only this machine can connect")
    return Check(
        "password",
        "warning",
        "none: whoever reaches the server can run programs on its workers",
        "set PREFECT_SERVER_API_AUTH_STRING at the server and PREFECT_API_AUTH_STRING here",
    )


def _set_up(client: "SyncPrefectClient") -> Iterator[Check]:
    from prefect.exceptions import ObjectNotFound

    from fusion_flows.command.deploy import MAINTENANCE_QUEUE, POINTS_QUEUE, POOL, RUNS_QUEUE

    mend = "`fusion set-up` and `fusion up` create it"
    try:
        pool = client.read_work_pool(POOL)
    except ObjectNotFound:
        yield Check("work pool", "problem", f"there is no work pool {POOL}", mend)
        return
    if pool.is_paused:
        yield Check("work pool", "problem", f"{POOL} is paused", f"prefect work-pool resume {POOL}")
    else:
        limit = f"limit {pool.concurrency_limit}" if pool.concurrency_limit else "no limit"
        yield Check("work pool", "ok", f"{POOL}, {limit}")
    for name in (RUNS_QUEUE, MAINTENANCE_QUEUE, POINTS_QUEUE):
        yield _queue(client, POOL, name)
    yield from _workers(client, POOL)
    yield from _deployments(client, mend)
    yield from _schedules(client)
    yield _automation(client)


def _deployments(client: "SyncPrefectClient", mend: str) -> Iterator[Check]:
    """Look for each deployment that `fusion set-up` makes."""
    from prefect.exceptions import ObjectNotFound

    from fusion_flows.command.deploy import deployment_names

    for name in deployment_names():
        try:
            deployment = client.read_deployment_by_name(name)
        except ObjectNotFound:
            yield Check("deployment", "problem", f"there is no deployment {name}", mend)
            continue
        paused = "it is paused: resume it in the UI" if deployment.paused else ""
        found = f"{name}, paused" if paused else name
        yield Check("deployment", "warning" if paused else "ok", found, paused)


def _queue(client: "SyncPrefectClient", pool: str, name: str) -> Check:
    from prefect.exceptions import ObjectNotFound

    subject = f"queue {name}"
    try:
        queue = client.read_work_queue_by_name(name, work_pool_name=pool)
    except ObjectNotFound:
        return Check(subject, "problem", "is not there", "`fusion set-up` makes it")
    if queue.is_paused:
        mend = f"prefect work-queue resume {name} --pool {pool}"
        return Check(subject, "problem", "is paused", mend)
    limit = queue.concurrency_limit
    if limit == 0:
        mend = "`fusion set-up --max-concurrent-runs 1` raises it"
        return Check(subject, "problem", "its limit is 0: no run starts", mend)
    return Check(subject, "ok", f"{limit} at a time" if limit else "no limit")


def _workers(client: "SyncPrefectClient", pool: str) -> Iterator[Check]:
    workers = client.read_workers_for_work_pool(pool)
    online = [worker for worker in workers if worker.status.value == "ONLINE"]
    for worker in online:
        found = f"{worker.name} is online"
        if worker.last_heartbeat_time is not None:
            ago = (datetime.now(UTC) - worker.last_heartbeat_time).total_seconds()
            found += f", last heartbeat {max(ago, 0):.0f} s ago"
        yield Check("worker", "ok", found)
    if not online:
        last = max(
            (one.last_heartbeat_time for one in workers if one.last_heartbeat_time), default=None
        )
        heard = f", last heartbeat {last.astimezone():%Y-%m-%d %H:%M %Z}" if last else ""
        mend = f"`fusion up`, or `prefect worker start --pool {pool}`, starts one"
        yield Check("worker", "problem", f"none is online{heard}: submitted runs wait", mend)


def _schedules(client: "SyncPrefectClient") -> Iterator[Check]:
    from fusion_flows.flows.schedule_dates import bad_schedules

    found = list(bad_schedules(client))
    for one in found:
        stops = (
            f"; no schedule of {one.deployment} starts a run any more" if one.stops_others else ""
        )
        said = f"{one.name} of {one.deployment} {one.reason}{stops}"
        verdict: Verdict = "problem" if one.stops_others else "warning"
        yield Check("schedule", verdict, said, f"`{one.pause}` switches it off")
    if not found:
        yield Check("schedules", "ok", "all that are on can be planned")


def _automation(client: "SyncPrefectClient") -> Check:
    from fusion_flows.command.deploy import AUTOMATION

    found = client.read_automations_by_name(AUTOMATION)
    if not found:
        mend = "`fusion set-up` makes it"
        return Check("automation", "problem", "a run whose machine dies stays Running", mend)
    if not found[0].enabled:
        return Check("automation", "warning", f"'{AUTOMATION}' is off", "turn it on in the UI")
    return Check("automation", "ok", "runs without a heartbeat become Crashed")
