"""The run directory: where each file of a run is, and how a directory is made."""

import re
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from fusion.files import write_atomic

_RUN_ID = re.compile(r"[0-9a-f]{12}")


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
        """The frozen configuration."""
        return self.path / "config.ini"

    @property
    def provenance(self) -> Path:
        """Versions, code revision, machine and exit reason."""
        return self.path / "run.json"

    @property
    def progress(self) -> Path:
        """Events, one JSON object per line."""
        return self.path / "progress.jsonl"

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
    def plots(self) -> Path:
        """Folder of the pictures."""
        return self.path / "plots"


def run_id_of(flow_run_id: UUID) -> str:
    """Return the last group of a flow run's id, which is random in every version of UUID."""
    return flow_run_id.hex[-12:]


def create(runs_dir: Path, run_id: str, config: str) -> RunDirectory:
    """Make the directory of a run and freeze its configuration there, or enter it again.

    A flow run that is tried again finds its directory and goes on in it. Raises RunDirectoryError
    when the directory cannot be made or was made for another configuration.
    """
    run = RunDirectory(Path(runs_dir).expanduser().absolute() / run_id)
    _make_folders(run)
    try:
        if not run.config.exists():
            write_atomic(run.config, config.encode())
        elif run.config.read_text(encoding="utf-8") != config:
            raise RunDirectoryError(
                f"{run.path} belongs to a run with another configuration; start a new run"
            )
    except OSError as error:
        raise _cannot_make(run, error) from error
    return run


def _make_folders(run: RunDirectory) -> None:
    try:
        for folder in (run.path, run.log.parent, run.output, run.plots):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_make(run, error) from error


def _cannot_make(run: RunDirectory, error: OSError) -> RunDirectoryError:
    return RunDirectoryError(
        f"cannot make the run directory {run.path}: {error.strerror or error}; "
        "FUSION_RUNS_DIR names another place"
    )


def find(runs_dir: Path, run: str) -> RunDirectory:
    """Return an existing run directory, named by its run id or by its path.

    Raises RunDirectoryError when there is none, or nothing to continue in it.
    """
    runs_dir = Path(runs_dir).expanduser().absolute()
    path = runs_dir / run if _RUN_ID.fullmatch(run) else Path(run).expanduser().absolute()
    found = RunDirectory(path)
    if not found.config.is_file():
        raise RunDirectoryError(f"no run to continue in {path}: it has no config.ini")
    _make_folders(found)
    return found
