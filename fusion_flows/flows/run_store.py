"""The store that the run of a sweep used, so that its `sweep.json` continues there from any folder."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fusion.sweep.store import Store
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.server import address as server_address

_VARIABLE = "FUSION_STORE_DIR"


def store_of_run(run: RunDirectory) -> Store | None:
    """Return the store that a sweep's run wrote, if it is there still; None: nothing is known of it."""
    try:
        folder = Path(json.loads(run.provenance.read_text(encoding="utf-8"))["store"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return Store(folder) if folder.is_dir() else None


def run_of_file(source: object) -> RunDirectory | None:
    """Return the run whose store is meant where a sweep is given as this; None: the settings say which.

    FUSION_STORE_DIR goes before it, unless this process has it from `fusion up`.
    """
    if not isinstance(source, Path | str) or server_address.store_is_given():
        return None
    run = RunDirectory(rundir.absolute(source).parent)
    is_its = Path(source).name == run.sweep.name
    return run if is_its and store_of_run(run) is not None else None


@contextmanager
def used_by_flow(store: Store) -> Iterator[None]:
    """Have a flow that is called in here use this store, as it asks the settings."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = str(store.folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
