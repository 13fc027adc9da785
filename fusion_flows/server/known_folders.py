"""Folders that were used on this machine, so that a message can say where something lies.

PREFECT_HOME/fusion-up/KIND.txt has a folder on each line, the latest at the end. Nothing depends on it:
which folder is meant is said by the settings alone.
"""

from contextlib import suppress
from pathlib import Path

from fusion.results.files import write_atomic
from fusion_flows.server import address as server_address

RUNS = "runs"
"""Folders of run directories."""
STORES = "stores"
"""Folders in which sweeps keep what they have computed."""

_MOST = 20


def remember(kind: str, folder: Path) -> None:
    """Note that a folder is used. Where that cannot be, nothing is lost but a hint."""
    before = known(kind)
    folder = folder.expanduser().absolute()
    if before[-1:] == [folder]:
        return
    latest = [*(each for each in before if each != folder), folder][-_MOST:]
    with suppress(OSError):
        path = _path(kind)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, "".join(f"{each}\n" for each in latest).encode())


def known(kind: str) -> list[Path]:
    """Return the folders, the latest at the end."""
    try:
        lines = _path(kind).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    return [Path(line) for line in lines if line]


def _path(kind: str) -> Path:
    return server_address.folder() / f"{kind}.txt"
