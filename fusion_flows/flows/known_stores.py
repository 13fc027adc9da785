"""Stores that were written on this machine, so that a message can say where results lie.

PREFECT_HOME/fusion-up/stores.txt has a folder on each line, the latest at the end. Nothing depends on it:
which store is meant is said by the settings alone.
"""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from fusion.config.counts import counted
from fusion.results.files import write_atomic
from fusion.sweep.store import Store, StoreError
from fusion_flows.server import address as server_address

_MOST = 20


def remember(store: Store) -> None:
    """Note that this store is written. Where that cannot be, nothing is lost but a hint."""
    known = _read()
    if known[-1:] == [store.folder]:
        return
    latest = [*(each for each in known if each != store.folder), store.folder][-_MOST:]
    with suppress(OSError):
        _path().parent.mkdir(parents=True, exist_ok=True)
        write_atomic(_path(), "".join(f"{each}\n" for each in latest).encode())


def others_with(keys: Collection[str], store: Store) -> list[tuple[Path, int]]:
    """Return other stores that have some of these points, with how many; the one with most first."""
    found = []
    for folder in _read():
        if folder != store.folder:
            with suppress(OSError, StoreError):
                count = sum(map(bool, Store(folder).read(keys).values()))
                found += [(folder, count)] if count else []
    return sorted(found, key=lambda each: -each[1])


def hint(keys: Collection[str], store: Store) -> str:
    """Return a sentence that names another store with some of these points; empty where none has any."""
    for folder, count in others_with(keys, store)[:1]:
        has = f"results of {count} of the {counted(len(keys), 'point')}"
        return f"The store {folder} has {has}: set FUSION_STORE_DIR={folder} to use it"
    return ""


def _path() -> Path:
    return server_address.folder() / "stores.txt"


def _read() -> list[Path]:
    try:
        return [Path(line) for line in _path().read_text(encoding="utf-8").splitlines() if line]
    except (OSError, ValueError):
        return []
