"""Which entries have keys of ours, which have keys of FUSION's, and which have no place."""

import os.path
from pathlib import Path

from fusion.config import foreign_keys, named_files
from fusion.config.ini import Entries, Entry
from fusion.config.named_files import InputFolders
from fusion.config.other_names import meant_key
from fusion.config.problems import Problem, brief, nearest, show, with_allowed
from fusion.config.sections import HOME, SECTIONS
from fusion.config.table_files import is_fusions

_ENDING = "_settings"


def sort_out(
    entries: Entries,
    folder: Path,
    folders: InputFolders | None,
    ours: Entries,
    others: Entries,
    ignored: list[Problem],
) -> list[Problem]:
    """Add one layer's entries to `ours` (at home) and `others`; return those with no place."""
    problems: list[Problem] = []
    unknown: list[Problem] = []
    layer: Entries = {}
    for (section, key), entry in entries.items():
        if foreign_keys.is_process_section(section) or not _is_known(section):
            continue  # told once for each section, below
        home = None if (section, key) in foreign_keys.OF_CONVENTIONS else HOME.get(key)
        if home is not None and (
            section in (home, "general_settings") or section in foreign_keys.ALSO_IN.get(key, ())
        ):
            first = layer.setdefault((home, key), entry)
            if foreign_keys.plain(first.value) != foreign_keys.plain(entry.value):
                message = f"is given as {show(first.value)}, too (see {first.source})"
                problems.append(Problem(section, key, brief(entry.value), message, entry.source))
        elif foreign_keys.find(section, key):
            others[section, key] = entry
        else:
            message = _unknown(section, key)
            unknown.append(Problem(section, key, brief(entry.value), message, entry.source))
    sources: dict[str, str] = {}
    for (section, _), entry in entries.items():
        sources.setdefault(section, entry.source)
    for section, source in sources.items():
        if foreign_keys.is_process_section(section):
            message = (
                "sections for further processes are not read (nor does FUSION's command line); "
                "write a file for each variant, or use overrides"
            )
            problems.append(Problem(section, "", None, message, source))
        elif not _is_known(section):
            unknown.append(Problem(section, "", None, _unknown_section(section), source))
    problems += named_files.first_problems(unknown)
    for place, entry in layer.items():
        ours[place] = _with_absolute_path(place, entry, folder, folders, ignored)
    return problems


def judge(others: Entries, ignored: list[Problem]) -> list[Problem]:
    """Add FUSION's keys that change nothing to `ignored`; return those that ask for more."""
    problems: list[Problem] = []
    for (section, key), entry in others.items():
        foreign = foreign_keys.find(section, key)
        assert foreign is not None
        refused = foreign_keys.refused(foreign, entry.value)
        message = foreign.refusal if refused else foreign.reason
        problem = Problem(section, key, brief(entry.value), message, entry.source)
        (problems if refused else ignored).append(problem)
    return problems


def _is_known(section: str) -> bool:
    return section in SECTIONS or section in foreign_keys.SECTIONS


def _unknown_section(section: str) -> str:
    known = sorted({*SECTIONS, *foreign_keys.SECTIONS})
    # People leave out what all of the names end in.
    hint = nearest(section, known) or nearest(f"{section}{_ENDING}", known)
    return with_allowed("unknown section", hint, f"the sections are {', '.join(SECTIONS)}")


def _unknown(section: str, key: str) -> str:
    if key in HOME:
        return f"the key belongs in [{HOME[key]}]"
    known = list(SECTIONS[section].model_fields) if section in SECTIONS else []
    suggestion = meant_key(key, known, list(HOME))
    allowed = f"; the section has {', '.join(known)}" if known and not suggestion else ""
    return f"unknown key{suggestion}{allowed}"


def _with_absolute_path(
    place: tuple[str, str],
    entry: Entry,
    folder: Path,
    folders: InputFolders | None,
    ignored: list[Problem],
) -> Entry:
    """Make a relative path absolute; a name of a shipped topology or table stays as it is."""
    key, value = place[1], entry.value
    if not named_files.is_path(key, value):
        return entry
    text = str(value).strip()
    path = os.path.abspath(folder / text)
    tables = key == "mod_assumption_path" and is_fusions(text)  # given beside the INI file
    if tables and (folders is None or folders.hold(path)) and not os.path.isfile(path):
        reason = "this is where FUSION keeps its tables; the shipped ones are used"
        ignored.append(Problem(*place, show(text), reason, entry.source))
        return entry._replace(value="")
    return entry._replace(value=path)
