"""Stores that were written on this machine, so that a message can say where results lie."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from fusion.config.counts import counted
from fusion.sweep.store import Store, StoreError
from fusion_flows.server import known_folders


def remember(store: Store) -> None:
    """Note that this store is written. Where that cannot be, nothing is lost but a hint."""
    known_folders.remember(known_folders.STORES, store.folder)


def others_with(keys: Collection[str], store: Store) -> list[tuple[Path, int]]:
    """Return other stores that have some of these points, with how many; the one with most first."""
    found = []
    for folder in known_folders.known(known_folders.STORES):
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
