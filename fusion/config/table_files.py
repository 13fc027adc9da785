"""Where to find the file of modulation tables that an INI file names.

FUSION starts from the root of its project, whichever folder the INI file is in. Here the file is looked for
beside the INI file, in the working folder, and in the folders above the INI file, one after the other.
"""

import json
import os.path
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from fusion.config.ini import Entries, Entry
from fusion.config.named_files import InputFolders, is_path
from fusion.config.problems import Problem, show
from fusion.config.sections import Config
from fusion.config.shipped import MODULATIONS, SAME_TABLES, modulation_names
from fusion.config.text_files import read_text

TABLES = ("general_settings", "mod_assumption_path")
"""The key that names the file."""

_MAX_BYTES = 2**20
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
    if table not in modulation_names():
        return ""
    key = SAME_TABLES.get(table, table)
    given = _content(Path(path), key)
    if given is None:
        return ""
    if given == _content(MODULATIONS / f"{key}.json", key):
        return f"its table {table} is the shipped one"
    return f"its table {table} differs from the shipped one"


def _content(path: Path, table: str) -> dict[str, Any] | None:
    """Return what counts of a table in a file; None where there is no such table."""
    try:
        content = json.loads(read_text(path, _MAX_BYTES))[table]
        return {"slot_width_ghz": 12.5} | {
            key: value for key, value in content.items() if key not in ("description", "source")
        }
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None


def find_tables(entries: Entries, folder: Path, folders: InputFolders | None) -> TableFile | None:
    """Put in the place of the file of modulation tables where it is; empty for the shipped ones.

    Without such a file the shipped ones are meant where it is FUSION's own.
    """
    entry = entries.get(TABLES)
    if entry is None or not is_path(TABLES[1], entry.value):
        return None
    name = str(entry.value).strip()
    if os.path.isabs(name):
        return None
    found = find_table_file(name, folder, folders)
    if found is not None:
        entries[TABLES] = entry._replace(value=found.path)
    elif is_fusions(name) and (folders is None or folders.hold(os.path.abspath(folder / name))):
        entries[TABLES] = entry._replace(value="")
    return found


def note_on_tables(given: Entry, found: TableFile | None, config: Config) -> list[Problem]:
    """Return what is to be known of the file of modulation tables: which it is, and whether it is another."""
    general = config.general_settings
    if found is None:
        if general.mod_assumption_path or not is_fusions(str(given.value)):
            return []
        text = "no such file beside the INI file, in the working folder or in a folder above; "
        text += f"the shipped table {general.mod_assumption} is used"
    else:
        compared = compared_with_shipped(general.mod_assumption, found.path)
        if not found.place and "differs" not in compared:
            return []
        where = f"{show(found.path, 400)}, {found.place}" if found.place else "beside the INI file"
        text = "; ".join(part for part in (f"taken from {where}", compared) if part)
    return [Problem(*TABLES, show(str(given.value).strip()), text, given.source)]
