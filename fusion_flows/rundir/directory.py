"""The run directory: where each file of a run is, and how it is made and found."""

import json
import os
import re
import shlex
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from fusion.config.problems import show
from fusion.results.files import write_atomic

MAX_DEPTH = 64
"""Folders within folders that are looked into; a run has one level of them."""

_RUN_ID = re.compile(r"[0-9a-f]{12}")
_NUMBER = re.compile(r"[0-9]+(e[0-9]+)?")  # a run id that is read as one
_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?(e\+?[0-9]+)?")
_LETTERS = "abcdf"  # an e between digits is an exponent


class RunDirectoryError(ValueError):
    """A run directory that cannot be used; the message says which and why."""


class RunDirectory(NamedTuple):
    """One run's files. `path` is absolute; its last part is the run id where a flow made it."""

    path: Path

    @property
    def run_id(self) -> str:
        """What names the run: 12 hex digits where a flow made the directory."""
        return self.path.name

    @property
    def config(self) -> Path:
        """The frozen configuration of a run of `fusion`."""
        return self.path / "config.ini"

    @property
    def training(self) -> Path:
        """The frozen settings of a run of `fusion-train`, beside its configuration."""
        return self.path / "training.ini"

    @property
    def sweep(self) -> Path:
        """The frozen sweep of a run of `fusion-sweep`, which has no configuration of its own."""
        return self.path / "sweep.json"

    @property
    def flow_run(self) -> Path:
        """The flow run that has worked here last: id, name, start, end and duration."""
        return self.path / "flow_run.json"

    @property
    def order(self) -> Path:
        """Points that the simulator is to compute; frozen in a run of `fusion-points`."""
        return self.path / "points.json"

    @property
    def provenance(self) -> Path:
        """Versions, code revision, machine and exit reason."""
        return self.path / "run.json"

    @property
    def progress(self) -> Path:
        """Events, one JSON object per line."""
        return self.path / "progress.jsonl"

    @property
    def news(self) -> Path:
        """How far a sweep is, in percent and in words, for lists without a server."""
        return self.path / "news.json"

    @property
    def log(self) -> Path:
        """Standard output and error of the simulator."""
        return self.path / "logs" / "sim.log"

    @property
    def output(self) -> Path:
        """Folder of the result files."""
        return self.path / "output"

    @property
    def points(self) -> Path:
        """One row per load."""
        return self.output / "points.csv"

    @property
    def report(self) -> Path:
        """The report, as one HTML file."""
        return self.path / "report.html"

    @property
    def plots(self) -> Path:
        """Folder of the pictures."""
        return self.path / "plots"


def run_id_of(flow_run_id: UUID) -> str:
    """Return the last group of a flow run's id, which is random in every version of UUID.

    Where that would be a number to a reader of JSON, a spreadsheet or a data frame, such as 123456789012 or
    12345e678901, its first digit becomes a letter.
    """
    run_id = former_run_id_of(flow_run_id)
    if not _NUMBER.fullmatch(run_id):
        return run_id
    return _LETTERS[int(run_id[0]) % len(_LETTERS)] + run_id[1:]


def former_run_id_of(flow_run_id: UUID) -> str:
    """Return the run id that earlier versions gave: a number, for some."""
    return flow_run_id.hex[-12:]


def is_run_id(text: str) -> bool:
    """Return whether a text has the form of a run id."""
    return bool(_RUN_ID.fullmatch(text))


def run_ids_of(flow_run_id: UUID) -> set[str]:
    """Return what a run may be called: its run id, and the one that earlier versions gave it."""
    return {run_id_of(flow_run_id), former_run_id_of(flow_run_id)}


def own_run_id(runs_dir: Path, flow_run_id: UUID) -> str:
    """Return the run id of a flow run: the former one where its directory has that name."""
    former = former_run_id_of(flow_run_id)
    is_there = _NUMBER.fullmatch(former) and (absolute(runs_dir) / former).is_dir()
    return former if is_there else run_id_of(flow_run_id)


def meant(runs_dir: Path, run: str) -> str:
    """Return the run id that a number was, such as 123456789e12, which JSON writes as 1.23456789e+20.

    Any other text, and a number that several ids or none would be, is returned as it is.
    """
    if _RUN_ID.fullmatch(run) or not _DECIMAL.fullmatch(run):
        return run
    ids = [
        name
        for name in names_in(absolute(runs_dir))
        if _RUN_ID.fullmatch(name) and _NUMBER.fullmatch(name) and float(name) == float(run)
    ]
    return ids[0] if len(ids) == 1 else run


_ARTIFACTS = ("progress", "points", "plot", "report")  # in the order in which they are read


def artifact_key(kind: str, run_id: str) -> str:
    """Return the key of an artifact of a run, which Prefect shows as its title: they sort."""
    return f"{_ARTIFACTS.index(kind) + 1}-{kind}-{run_id}"


_RESUMED_AS = "resumed as "


def resumed_as(run_id: str) -> str:
    """Return what the progress of a run says once another goes on with its files."""
    return f"{_RESUMED_AS}{run_id}"


def was_resumed_as(progress: str) -> str:
    """Return the run id of the run that the progress of another says that it was resumed as, or nothing."""
    return progress.removeprefix(_RESUMED_AS) if progress.startswith(_RESUMED_AS) else ""


def create(
    runs_dir: Path,
    run_id: str,
    config: str = "",
    *,
    training: str = "",
    sweep: str = "",
    order: str = "",
) -> RunDirectory:
    """Make the directory of a run and freeze what it is to do there, or enter it again.

    config, sweep, order: the text of one of these files. training: of that file, beside a config.

    A flow run that is tried again finds its directory and goes on in it. Raises RunDirectoryError
    when the directory cannot be made or was made for another configuration.
    """
    run = RunDirectory(absolute(runs_dir) / run_id)
    _make_folders(run)
    frozen = [(run.config, config)]
    if sweep or order:
        frozen = [(run.sweep, sweep) if sweep else (run.order, order)]
    if training:
        frozen.insert(0, (run.training, training))
    try:
        for file, text in frozen:
            if not file.exists():
                write_atomic(file, text.encode())
            elif file.read_text(encoding="utf-8") != text:
                raise RunDirectoryError(
                    f"{run.path} belongs to a run with another configuration; start a new run"
                )
    except OSError as error:
        raise _cannot_make(run, error) from error
    return run


def absolute(path: Path | str) -> Path:
    """Return the path from the root, a leading ~ being the home directory."""
    return Path(path).expanduser().absolute()


def no_directory(run_id: str, runs_dir: Path | str, why: str) -> str:
    """Return that a run has no directory in `runs_dir`, and where it has one, if that is seen.

    A run that was made here before `fusion up` was started elsewhere is in `runs` of the working folder. why:
    what else may be, where it is not there.
    """
    text = f"run {run_id} has no directory in {absolute(runs_dir)}"
    there = hint_at(run_id, runs_dir)
    return f"{text}, but {there}" if there else f"{text}{why}"


def hint_at(run_id: str, runs_dir: Path | str) -> str:
    """Return that a run has its directory in `runs` of the working folder, not in `runs_dir`; else empty."""
    here = absolute("runs")
    if here == absolute(runs_dir) or not run_id or not (here / run_id).is_dir():
        return ""
    return f"in {here}: FUSION_RUNS_DIR={shlex.quote(str(here))} finds it"


def _make_folders(run: RunDirectory) -> None:
    try:
        for folder in (run.path, run.log.parent, run.output, run.plots):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_make(run, error) from error


def _cannot_make(run: RunDirectory, error: OSError) -> RunDirectoryError:
    return RunDirectoryError(
        f"cannot make the run directory {run.path}: {error.strerror or error}; "
        "set FUSION_RUNS_DIR to use another folder"
    )


def find(runs_dir: Path, run: str) -> RunDirectory:
    """Return an existing run directory, named by its run id or by its path.

    Raises RunDirectoryError when there is none, or nothing to continue in it.
    """
    path = absolute(runs_dir) / run if _RUN_ID.fullmatch(run) else absolute(run)
    if path.is_symlink():  # whoever runs this has named it; `hold` follows none
        path = path.resolve()
    found = RunDirectory(path)
    refuse_to_resume_sweep(found)
    if not found.config.is_file():
        raise RunDirectoryError(f"no run to continue in {path}: it has no config.ini")
    _make_folders(found)
    return found


def command_to_go_on(run: RunDirectory) -> str:
    """Return what a person types to compute what is missing of a run that has ended early.

    A run and a training are resumed in their directory, and a sweep is computed from its frozen file, with
    the same engine; what it had finished is in the store. All are paths, so that the command works in any
    folder.
    """
    if run.training.is_file():
        return f"fusion train --resume {shlex.quote(str(run.path))}"
    if not run.sweep.is_file():
        return f"fusion run --resume {shlex.quote(str(run.path))}"
    command = f"fusion sweep {shlex.quote(str(run.sweep))}"
    with suppress(OSError, ValueError, AttributeError):
        engine = json.loads(run.provenance.read_text(encoding="utf-8")).get("engine", "local")
        if engine != "local":
            command += f" --engine {shlex.quote(str(engine))}"
    return command


def refuse_other_than_simulation(run: RunDirectory) -> None:
    """Raise RunDirectoryError where this is the directory of a sweep or of a training."""
    refuse_to_resume_sweep(run)
    if run.training.is_file():
        raise RunDirectoryError(
            f"{run.run_id} is the training of an agent; `{command_to_go_on(run)}` continues it"
        )


def refuse_other_than_training(run: RunDirectory) -> None:
    """Raise RunDirectoryError where this is not the directory of a training."""
    if not run.training.is_file():
        raise RunDirectoryError(f"{run.run_id} is no training: it has no {run.training.name}")


def refuse_to_resume_sweep(run: RunDirectory) -> None:
    """Raise RunDirectoryError where this is the directory of a sweep, which no run can continue."""
    if run.sweep.is_file() and not run.config.exists():
        raise RunDirectoryError(
            f"{run.run_id} is a sweep, and only runs can be resumed this way; "
            f"`{command_to_go_on(run)}` continues it"
        )


def open_run(runs_dir: Path, run_id: str) -> RunDirectory:
    """Return the directory of an existing run, named by its run id and by nothing else.

    The id may come from anywhere. Raises RunDirectoryError for all that is not 12 digits of 0-9
    and a-f, or does not name a folder of `runs_dir` with a config.ini in it; a symbolic link
    is not such a folder.
    """
    if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
        raise RunDirectoryError(f"{shown(run_id)} is not a run id: 12 digits of 0-9 and a-f")
    runs_dir = absolute(runs_dir)
    run = RunDirectory(runs_dir / run_id)
    if run_id not in names_in(runs_dir):  # a file system may know the name in upper case, too
        raise no_run(run)
    if reason := _no_run_because(run):
        raise RunDirectoryError(f"{run.path} is not a run directory: {reason}")
    return run


def list_runs(runs_dir: Path) -> list[RunDirectory]:
    """Return the runs in `runs_dir`, in the order of their ids: all that `open_run` accepts.

    A folder that is not there has no runs. Raises RunDirectoryError when it cannot be read.
    """
    runs_dir = absolute(runs_dir)
    runs = [RunDirectory(runs_dir / name) for name in names_in(runs_dir) if _RUN_ID.fullmatch(name)]
    return [run for run in runs if not _no_run_because(run)]


def names_in(runs_dir: Path) -> list[str]:
    """Return all names in the folder of runs, sorted; none when it is not there."""
    try:
        return sorted(os.listdir(runs_dir))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunDirectoryError(
            f"cannot read the folder of runs {runs_dir}: {error.strerror or error}"
        ) from error


def no_run(run: RunDirectory) -> RunDirectoryError:
    """Return the error that says that this run is not there."""
    return RunDirectoryError(f"there is no run {run.run_id} in {run.path.parent}")


def _no_run_because(run: RunDirectory) -> str:
    """Return why this is not a run directory; empty when it is one."""
    try:
        status = os.lstat(run.path)
        if stat.S_ISLNK(status.st_mode):
            return "it is a symbolic link"
        if not stat.S_ISDIR(status.st_mode):
            return "it is not a folder"
        frozen = next(
            (path for path in (run.config, run.sweep) if os.path.lexists(path)), run.order
        )
        if not stat.S_ISREG(os.lstat(frozen).st_mode):
            return f"its {frozen.name} is not a regular file"
    except FileNotFoundError:
        return (
            "it has no config.ini, sweep.json or points.json" if run.path.exists() else "it is gone"
        )
    except OSError as error:
        return error.strerror or str(error)
    return ""


def shown(value: object) -> str:
    """Return a value as a message shows it: in quotes, printable, and not longer than a line."""
    text = repr(value[:101]) if isinstance(value, str) else show(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def walk(run: RunDirectory) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the relative path and the status of each regular file, in the order of names.

    No symbolic link is followed; what vanishes meanwhile is left out, and so is what lies deeper
    than MAX_DEPTH. Raises RunDirectoryError when the run directory cannot be read.
    """
    try:
        folder = open_folder(run.path)
        try:
            yield from _walk(folder, "")
        finally:
            os.close(folder)
    except FileNotFoundError:
        raise no_run(run) from None
    except OSError as error:
        raise RunDirectoryError(f"cannot read {run.path}: {error.strerror or error}") from error


def open_folder(name: str | Path, within: int | None = None) -> int:
    """Open a folder and return its descriptor; raise OSError for a symbolic link.

    The open is the check: no moment lies between them in which a link could be swapped in.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, dir_fd=within)


def _walk(folder: int, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    # os.fwalk opens by name what it took for a folder, and waits for ever if it is a pipe by then.
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # removed since it was opened: some file systems call that an error
        if prefix:
            return
        raise
    for name in names:
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                yield prefix + name, status
            if not stat.S_ISDIR(status.st_mode) or prefix.count("/") == MAX_DEPTH:
                continue
            inner = open_folder(name, folder)
        except OSError:
            continue
        try:
            yield from _walk(inner, f"{prefix}{name}/")
        finally:
            os.close(inner)
