"""Leftovers: what runs, compilations and kills have left on this machine, and nobody needs any more.

What another run shares is no leftover: a directory in which one of several attempts goes on, waits or is
complete; a directory with a file that another run names; points of a sweep that can still go on.
"""

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from fusion.config.config import ConfigError
from fusion.config.counts import agreeing, counted
from fusion.sweep.definition import Sweep
from fusion.sweep.points_without_results import (
    forget_points,
    last_written,
    points_without_results,
)
from fusion.sweep.store import Store
from fusion_flows.flows.point_computation import FOLDERS
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir import removal as run_removal
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError
from fusion_flows.rundir.file_state import file_state, is_complete, recorded_name
from fusion_flows.rundir.removal import allocated
from fusion_flows.runs import listing
from fusion_flows.runs.by_files_deletion import refuse_if_a_server_answers
from fusion_flows.runs.lookup import RunError, by_directory, last_uses
from fusion_flows.runs.time_expressions import in_words, moment
from fusion_flows.server import address as server_address
from fusion_flows.server import known_folders
from fusion_flows.server.address import ServerAwayError, connect
from fusion_flows.server.paging import PAGE, pages
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

Kind = Literal["run", "deleted run", "compiled code", "temporary file", "points without results"]

_TEMPORARY = re.compile(r"(.*/)?\.[^/]+\.tmp")
_UNFINISHED = re.compile(r".+\.nbc\.[0-9a-f]{12}")
_TO_COMPILE = timedelta(hours=1)
"""In which a process that has made a folder for compiled code has put something into it, if it ever does."""
_KERNEL = re.compile(r"kernel-[0-9a-f]{16}")
_SEARCHES = {"fusion-find-load-*": "find-load", f"{FOLDERS}*": "ties"}
"""Temporary folders -> the verb that makes them."""
_AT_WORK_SECONDS = (
    86_400.0  # since the last change of a store: a search for a load has no directory
)
_NAMED = 5  # runs that stay, for each reason
_FAILED = ("CANCELLED", "FAILED", "CRASHED")


class Leftover(NamedTuple):
    """Something that can be removed."""

    kind: Kind
    path: Path
    size: int
    """Bytes on disk."""
    changed: datetime
    """When it was written or used last."""
    what: str
    """What it is, in words."""
    names: frozenset[str] = frozenset()
    """Run ids of a run, keys of points."""


class Found(NamedTuple):
    """What can be removed, and what was looked at and is kept, in words."""

    leftovers: list[Leftover]
    kept: list[str]


class Cleaned(NamedTuple):
    """What was removed, and what could not be, in words."""

    removed: list[Leftover]
    problems: list[str]


def find_leftovers(older_than: str | datetime = "1w", *, without_server: bool = False) -> Found:
    """Return what may be removed; nothing is.

    Runs that were cancelled, failed or crashed, if no run shares their files; compiled code of other
    versions; temporary files of processes that were killed; remains of deletions that were cut short; points
    of the store that have no result and belong to no sweep that has a run directory.

    Args:
        older_than: What was changed or used since then is kept: 2w or 36h ago, or a date.
        without_server: Decide by the files alone which runs may go, as no server has runs that wait to
            continue one.

    Raises:
        ArgumentError: An invalid time, or a server answers that `without_server` would not ask.
        RunDirectoryError: The folder of runs cannot be read.
        NoServerError: The server refuses.
    """
    before = moment(older_than, "--older-than") if isinstance(older_than, str) else older_than
    settings = Settings()
    runs_dir = rundir.absolute(settings.runs_dir)
    kept: list[str] = []
    since = (
        in_words(older_than)
        if isinstance(older_than, str)
        else f"since {older_than:%Y-%m-%d %H:%M}"
    )
    if without_server:
        refuse_if_a_server_answers()
    runs = (_runs_by_files if without_server else _runs)(runs_dir, before, since, kept)
    gone = {one.path for one in runs}
    folders = list(dict.fromkeys([runs_dir, *known_folders.known(known_folders.RUNS)]))
    return Found(
        [
            *runs,
            *_deleted(runs_dir),
            *_compiled(before),
            *_temporary(runs_dir, gone, settings.store, before),
            *_points(Store(settings.store), folders, gone, settings, before, kept),
        ],
        kept,
    )


def remove_leftovers(
    leftovers: Sequence[Leftover],
    older_than: str | datetime = "1w",
    *,
    without_server: bool = False,
) -> Cleaned:
    """Remove what `find_leftovers` has returned, except what is in use by now.

    Raises as `find_leftovers`.
    """
    now_found = find_leftovers(older_than, without_server=without_server).leftovers
    still = {(one.kind, one.path): one for one in now_found}
    remove = {**_REMOVE, "run": _delete_files} if without_server else _REMOVE
    removed: list[Leftover] = []
    problems: list[str] = []
    for one in leftovers:
        now = still.get((one.kind, one.path))
        if now is None or not one.names >= now.names:
            problems.append(f"{one.path} is in use now, or gone, and is left alone")
            continue
        try:
            remove[one.kind](now)
        except (OSError, RunError, RunDirectoryError) as error:
            problems.append(f"{one.path} is not removed: {error}")
        else:
            removed.append(now)
    return Cleaned(removed, problems)


# --- runs ----------------------------------------------------------------------------------------


def _runs(runs_dir: Path, before: datetime, since: str, kept: list[str]) -> list[Leftover]:
    """Return the runs that did not succeed and that nobody needs.

    since: what `before` is in words.  kept: gets which of those that did not succeed stay, and why.
    """
    here = rundir.list_runs(runs_dir)
    if not here:
        return []
    try:
        flow_runs = _flow_runs()
    except ServerAwayError as error:
        if unfinished := sum(not is_complete(run) for run in here):
            kept.append(
                f"{counted(unfinished, 'run')} without all results in {runs_dir}, as another run may wait to "
                f"continue {agreeing(unfinished, 'it', 'them')}, and {error}. If you work without a server, "
                "add --without-server"
            )
        return []
    sharing = by_directory(runs_dir, flow_runs)
    uses = last_uses(sharing)
    found: dict[Path, Leftover] = {}
    staying: dict[str, list[str]] = {}
    unknown = 0
    for run in here:
        if run.run_id not in sharing:
            unknown += not is_complete(run)
            continue
        failed = _failed_run(run, sharing[run.run_id], uses.get(run.run_id))
        if failed is None:
            continue
        if uses.get(run.run_id, before) is None:
            why = "with another attempt that goes on or waits"
        elif is_complete(run):
            why = "with all results"
        elif failed.changed >= before:
            why = f"in use {since} (--older-than changes that)"
        else:
            found[run.path] = failed
            continue
        staying.setdefault(why, []).append(f"{run.run_id} {failed.what}")
    for why, those in staying.items():
        named = "; ".join(those[:_NAMED])
        more = f"; and {len(those) - _NAMED} more" if len(those) > _NAMED else ""
        kept.append(f"{counted(len(those), 'unsuccessful run')} {why}: {named}{more}")
    if unknown:
        kept.append(
            f"{counted(unknown, 'run directory', 'run directories')} without all results in {runs_dir} that "
            f"Prefect has no run of, as {agreeing(unknown, 'it', 'they')} may be of another server"
        )
    waiting = [json.dumps(one.parameters, default=str) for one in flow_runs if not _is_over(one)]
    for path, named in _named_by_others(list(found), here, waiting):
        kept.append(f"{path}: {named} names a file in it")
        del found[path]
    return sorted(found.values(), key=lambda one: one.changed)


def _runs_by_files(runs_dir: Path, before: datetime, since: str, kept: list[str]) -> list[Leftover]:
    """Return the runs that have ended without all results, by their files, and that no other run names.

    One that is suspended is to go on, and stays. The arguments are those of `_runs`.
    """
    here = rundir.list_runs(runs_dir)
    found: dict[Path, Leftover] = {}
    young: list[str] = []
    for run in here:
        state = file_state(run)
        if not state.over or is_complete(run):
            continue
        try:
            files = [status for _, status in rundir.walk(run)]
        except RunDirectoryError:  # deleted meanwhile
            continue
        changed = _latest(files)
        if changed is None:
            continue
        name = recorded_name(run)
        what = f"{state.name}: {name}" if name else state.name
        size = sum(map(allocated, files))
        if changed >= before:
            young.append(f"{run.run_id} {what}")
        else:
            names = frozenset({run.run_id})
            found[run.path] = Leftover("run", run.path, size, changed, what, names)
    if young:
        named = "; ".join(young[:_NAMED])
        more = f"; and {len(young) - _NAMED} more" if len(young) > _NAMED else ""
        kept.append(
            f"{counted(len(young), 'unsuccessful run')} in use {since} (--older-than changes that): "
            f"{named}{more}"
        )
    for path, by in _named_by_others(list(found), here, ()):
        kept.append(f"{path}: {by} names a file in it")
        del found[path]
    return sorted(found.values(), key=lambda one: one.changed)


def _flow_runs() -> "list[FlowRun]":
    """Return all runs of our flows that the server knows."""
    with connect() as client:
        from prefect.client.schemas.filters import FlowFilter, FlowFilterName

        from fusion_flows.following.flow_ends import FLOWS

        ours = FlowFilter(name=FlowFilterName(any_=list(FLOWS)))
        return list(
            chain.from_iterable(
                pages(
                    lambda offset: client.read_flow_runs(
                        flow_filter=ours, limit=PAGE, offset=offset
                    )
                )
            )
        )


def _is_over(flow_run: "FlowRun") -> bool:
    return flow_run.state is not None and flow_run.state.is_final()


def _failed_run(
    run: RunDirectory, flow_runs: Sequence["FlowRun"], used: datetime | None
) -> Leftover | None:
    """Return a run of which no attempt that is over has succeeded, with all who share its directory.

    None for any other, and for one that is in use.
    """
    from fusion_flows.server.watch import expired  # here, as Prefect is slow to load

    over = [one.state for one in flow_runs if one.state is not None and one.state.is_final()]
    if not over or any(state.type.value not in _FAILED or expired(state) for state in over):
        return None
    if run_lock.in_use(run):
        return None
    try:
        files = [status for _, status in rundir.walk(run)]
    except RunDirectoryError:  # deleted meanwhile
        return None
    changed = _latest(files, used)
    if changed is None:
        return None
    newest = flow_runs[-1]
    attempts = f", {counted(len(flow_runs), 'attempt')}" if len(flow_runs) > 1 else ""
    return Leftover(
        "run",
        run.path,
        sum(map(allocated, files)),
        changed,
        f"{newest.state.name if newest.state else ''}{attempts}: {newest.name}",
        frozenset(rundir.own_run_id(run.path.parent, one.id) for one in flow_runs),
    )


def _latest(files: Iterable[os.stat_result], used: datetime | None = None) -> datetime | None:
    times = [status.st_mtime for status in files]
    if used is not None:
        times.append(used.timestamp())
    return datetime.fromtimestamp(max(times), UTC) if times else None


def _named_by_others(
    leaving: Sequence[Path], runs: Sequence[RunDirectory], waiting: Sequence[str]
) -> Iterator[tuple[Path, str]]:
    """Yield each of these directories that a run names which stays, such as for its network, and that run.

    waiting: parameters of runs that have not begun.
    """
    texts = {run.path: _frozen(run) for run in runs}
    leaves = set(leaving)
    names: dict[Path, str] = {}
    while True:
        stays = {path: text for path, text in texts.items() if path not in leaves}
        for path in sorted(leaves):
            by = next((f"run {one.name}" for one, text in stays.items() if str(path) in text), "")
            if not by and any(str(path) in text for text in waiting):
                by = "a run that waits"
            if by:
                names[path] = by
        if not leaves & names.keys():  # one that stays may name another
            break
        leaves -= names.keys()
    yield from names.items()


def _frozen(run: RunDirectory) -> str:
    texts = []
    for path in (run.config, run.sweep, run.order):
        with suppress(OSError, ValueError):
            texts.append(path.read_text(encoding="utf-8"))
    return "\n".join(texts)


def _delete_run(one: Leftover) -> None:
    listing.delete(*sorted(one.names))


def _delete_files(one: Leftover) -> None:
    run_removal.delete(RunDirectory(one.path))


# --- files ---------------------------------------------------------------------------------------


def _deleted(runs_dir: Path) -> Iterator[Leftover]:
    for path in run_removal.leftovers(runs_dir):
        if (found := _leftover("deleted run", path, "rest of a deletion")) is not None:
            yield found


def _compiled(before: datetime) -> Iterator[Leftover]:
    """Yield the folders of compiled code of other versions, and files that a kill has left in ours."""
    from fusion.kernel_cache import CACHE_DIR  # here, as LLVM is slow to load

    if CACHE_DIR is None:
        return
    for folder in sorted(CACHE_DIR.parent.iterdir()):
        is_other = _KERNEL.fullmatch(folder.name) and folder != CACHE_DIR
        if is_other and folder.is_dir() and not folder.is_symlink():
            what = "of another version of FUSION, numba or Python"
            found = _leftover("compiled code", folder, what)
            since = before
            if found is not None and not any(folder.iterdir()):
                # A process makes it when it starts, and fills it only if it compiles something.
                found = found._replace(what=f"empty, {what}")
                since = max(before, datetime.now(UTC) - _TO_COMPILE)
            if found is not None and found.changed < since:
                yield found
    for path in sorted(CACHE_DIR.rglob("*.nbc.*")):
        if _UNFINISHED.fullmatch(path.name):
            yield from _old_file(path, before)


def _temporary(
    runs_dir: Path, gone: set[Path], store: Path, before: datetime
) -> Iterator[Leftover]:
    for run in rundir.list_runs(runs_dir):
        if run.path in gone or run_lock.in_use(run):
            continue
        with suppress(RunDirectoryError):
            for name, _ in list(rundir.walk(run)):
                if _TEMPORARY.fullmatch(name):
                    yield from _old_file(run.path / name, before)
    for folder in (rundir.absolute(store), server_address.folder()):
        for path in sorted(folder.rglob(".*.tmp")):
            yield from _old_file(path, before)
    for pattern, verb in _SEARCHES.items():
        for path in sorted(Path(tempfile.gettempdir()).glob(pattern)):
            with suppress(OSError):
                if path.lstat().st_uid == os.getuid():
                    why = f"of a `fusion {verb}` that was killed"
                    found = _leftover("temporary file", path, why)
                    if found is not None and found.changed < before:
                        yield found


def _old_file(path: Path, before: datetime) -> Iterator[Leftover]:
    found = _leftover("temporary file", path, "not complete: its process was killed")
    if found is not None and found.changed < before and path.is_file() and not path.is_symlink():
        yield found


def _leftover(kind: Kind, path: Path, what: str) -> Leftover | None:
    """Return a file, or a folder with all files in it; None where it is gone."""
    try:
        files = [path.lstat()]
        for folder, _, names in os.walk(path):
            for name in names:
                with suppress(FileNotFoundError):
                    files.append(os.lstat(os.path.join(folder, name)))
    except FileNotFoundError:
        return None
    # What is only read was used, too: code that is compiled once is loaded for months.
    times = [
        max(status.st_mtime, status.st_atime if one else 0.0) for one, status in enumerate(files)
    ]
    changed = datetime.fromtimestamp(max(times), UTC)
    return Leftover(kind, path, sum(map(allocated, files)), changed, what)


def _remove_path(one: Leftover) -> None:
    if one.path.is_dir() and not one.path.is_symlink():
        shutil.rmtree(one.path)
    else:
        one.path.unlink(missing_ok=True)


# --- the store -----------------------------------------------------------------------------------


def _points(
    store: Store,
    folders: Iterable[Path],
    gone: set[Path],
    settings: Settings,
    before: datetime,
    kept: list[str],
) -> Iterator[Leftover]:
    """Yield the points of a store that have no result and are of no sweep with a directory that stays."""
    written = last_written(store)
    if not written or time.time() - written < _AT_WORK_SECONDS:
        return
    sizes = points_without_results(store, before.timestamp())
    for run in (run for folder in folders for run in rundir.list_runs(folder)) if sizes else ():
        if run.path in gone or not run.sweep.is_file():
            continue
        keys = _keys_of(run, settings)
        if keys is None:
            kept.append(
                f"{counted(len(sizes), 'point')} of the store {store.folder} without a result, as they may "
                f"be of the sweep {run.sweep}, which cannot be read"
            )
            return
        sizes = {key: size for key, size in sizes.items() if key not in keys}
    if sizes:
        yield Leftover(
            "points without results",
            store.folder,
            sum(sizes.values()),
            datetime.fromtimestamp(written, UTC),
            f"{counted(len(sizes), 'point')} of the store, of no sweep that has a run directory",
            frozenset(sizes),
        )


def _keys_of(run: RunDirectory, settings: Settings) -> set[str] | None:
    """Return the keys of the points of a sweep; None where it cannot be read, as a file of it is gone."""
    from fusion.sweep.points import sweep_points

    try:
        sweep = Sweep.model_validate_json(run.sweep.read_text(encoding="utf-8"))
        points = sweep_points(
            sweep, templates_dir=settings.templates_dir, say=lambda _: None, quiet=True
        )
    except (ConfigError, ValueError, OSError):
        return None
    return {point.key for point in points}


def _forget(one: Leftover) -> None:
    forget_points(Store(one.path), one.names)


_REMOVE: Mapping[Kind, Callable[[Leftover], None]] = {
    "run": _delete_run,
    "deleted run": _remove_path,
    "compiled code": _remove_path,
    "temporary file": _remove_path,
    "points without results": _forget,
}
