"""Where the file of modulation tables is that an INI file names.

FUSION starts from the root of its project, whichever folder the INI file is in. Here the file is looked for
beside the INI file, in the working folder, and in the folders above the INI file, one after the other.
"""

import os.path
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from fusion.settings.named_files import InputFolders

_OF_FUSION = ("example_mods/default_mod_formats.json", "run_mods/mod_formats.json")


class TableFile(NamedTuple):
    """A file and how it was found: `place` is the folder in words, "" beside the INI file."""

    path: str
    place: str


def find_table_file(name: str, folder: Path, folders: InputFolders | None) -> TableFile | None:
    """Return where a file with a relative path is; None: at none of the places.

    folder: that of the INI file.  folders: those that may be read; at others it is not looked for.
    """
    beside = Path(os.path.abspath(folder))
    places = [(beside, ""), (Path.cwd(), "in the working folder")]
    places += [(above, "in a folder above the INI file") for above in beside.parents]
    for place, words in places:
        path = os.path.abspath(place / name)
        if (folders is None or folders.hold(path)) and os.path.isfile(path):
            return TableFile(path, words if place != beside else "")
    return None


def is_fusions(name: str) -> bool:
    """Return whether this is where FUSION keeps the tables that are shipped here."""
    return name.replace("\\", "/").endswith(_OF_FUSION)


def compared_with_shipped(table: str, path: str) -> str:
    """Return how a table in a file compares with the shipped one of its name, in words.

    Empty where none is shipped under its name, or the file has no such table; that is told elsewhere.
    """
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return _compared(table, path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _compared(table: str, path: str, changed: int, size: int) -> str:
    from fusion.modulation_tables import ModulationError, load_modulation, modulation_names

    if table not in modulation_names():
        return ""
    try:
        given = load_modulation(table, Path(path))
    except ModulationError:
        return ""
    if given == load_modulation(table):
        return f"its table {table} is the shipped one"
    return f"its table {table} differs from the shipped one"
