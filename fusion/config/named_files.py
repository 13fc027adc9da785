"""Files that a configuration names: where they may lie, and how much of their content an error shows.

Who may set a run's parameters need not have the rights of the process that reads the files.
"""

import os.path
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path, PurePath
from typing import NamedTuple

from fusion.config.counts import counted
from fusion.config.problems import Problem, brief, show
from fusion.config.shipped import MODULATIONS, TEMPLATES, TOPOLOGIES

KEYS = (
    "network",
    "mod_assumption_path",
    "traffic_matrix",
    "paths_file",
    "policy",
    "quality_file",
    "gnpy_equipment",
    "gnpy_spectrum",
    "gnpy_sim_params",
)
"""The keys whose value may be a path. No key of FUSION's own makes anything read a file."""

AGENT_ENDINGS = (".onnx", ".safetensors")
"""Of files of trained agents."""

_TABLES = (".csv", ".tsv", ".txt", ".dat", "")
ENDINGS: dict[str, tuple[str, ...]] = {
    "network": (".json", ".graphml", ".xml", ".gml", ".n2p", ".xls", ".xlsx", *_TABLES),
    "mod_assumption_path": (".json", ".csv"),
    "traffic_matrix": _TABLES,
    "paths_file": _TABLES,
    "policy": (".py", *AGENT_ENDINGS),
    "quality_file": _TABLES,
    "gnpy_equipment": (".json",),
    "gnpy_spectrum": (".json",),
    "gnpy_sim_params": (".json",),
}
"""How the names of the files end that a key of KEYS is meant to read; only such files are offered for it.

"" is a name without an ending.
"""

MOST_PROBLEMS = 10
"""Problems of one file that are told, each with a piece or two of its content."""

_ALIKE = 0.75  # of difflib's ratio
_MOST_BESIDE = 1000  # files of a folder among which one that is meant is looked for
_QUOTED_CHARACTERS = 60
_SHOWN_CHARACTERS = 80


class InputFolders(NamedTuple):
    """Folders whose files may be read, beside those that are shipped.

    named: as absolute paths, for messages.  resolved: without symbolic links.
    """

    named: tuple[str, ...]
    resolved: tuple[Path, ...]

    def hold(self, path: str | PurePath) -> bool:
        """Tell whether a file may be read: it is shipped, or really lies in one of the folders.

        path: absolute, without `..`, and what is then opened.  For a place outside the answer does
        not tell whether there is a file.
        """
        if Path(path).parent in (
            TEMPLATES,
            TOPOLOGIES,
            MODULATIONS,
        ):  # by its name, as an installer may have put links there
            return True
        try:
            try:
                real = os.path.realpath(path, strict=True)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                real = os.path.realpath(path)  # cannot be opened, and inside that is what is told
        except (OSError, ValueError):  # links in a circle, a path that is too long, a NUL
            return False
        return any(Path(real).is_relative_to(folder) for folder in self.resolved)

    def refusal(self) -> str:
        """Return what to tell of a file outside."""
        told = [show(folder, 400) for folder in self.named] + ["those of the package"]
        return (
            f"lies outside the folders that may be read ({', '.join(told)}); "
            "FUSION_INPUT_DIRS names them"
        )


def input_folders(
    input_dirs: Sequence[Path] | None, templates_dir: Path | None
) -> InputFolders | None:
    """Return the folders that may be read; None: any place.

    Relative ones start from the working directory. Raises TypeError for a single path, whose
    letters would be taken for folders.
    """
    if input_dirs is None:
        return None
    if isinstance(input_dirs, str | bytes | PurePath):
        raise TypeError(f"input_dirs are a sequence of folders, not {input_dirs!r}")
    folders = [*input_dirs, *([] if templates_dir is None else [templates_dir])]
    named = dict.fromkeys(os.path.abspath(folder) for folder in folders)
    return InputFolders(tuple(named), tuple(Path(os.path.realpath(name)) for name in named))


def is_path(key: str, value: object) -> bool:
    """Return whether the value of a key is the path of a file, not a shipped name and not nothing."""
    if key not in KEYS or not isinstance(value, str | PurePath):
        return False
    text = str(value).strip()
    if text.lower() in ("", "none"):
        return False
    if key == "policy":
        # file:function, or the file of an agent; another name is refused as it was written
        return ":" in text or names_agent(text)
    return key != "network" or any(mark in text for mark in "/\\.")


def names_agent(policy: str) -> bool:
    """Return whether the value of `policy` is the file of a trained agent, and not `file.py:function`."""
    return policy.lower().endswith(AGENT_ENDINGS)


def split_policy(value: str) -> tuple[str, str]:
    """Return file and function of a policy, which is named as `file.py:function`; an agent has none."""
    if names_agent(value):
        return value, ""
    file, _, function = value.rpartition(":")
    return file, function


def file_of(key: str, value: str) -> str:
    """Return the file in the value of a key of KEYS."""
    return split_policy(value)[0] if key == "policy" and value else value


def told_value(key: str, value: object) -> object:
    """Return a value for a `Problem`; of a long path the end, which says more than the beginning."""
    if key not in KEYS or not isinstance(value, str) or not os.path.isabs(value):
        return brief(value)
    return brief(told_path(value))


def told_path(path: str) -> str:
    """Return a path for a message; of a long one the end."""
    fits = len(path) <= _SHOWN_CHARACTERS
    return path if fits else "..." + path[3 - _SHOWN_CHARACTERS :]


def missing_file(
    key: str, path: str, endings: Sequence[str], folders: InputFolders | None = None
) -> Problem:
    """Return what to tell of a file that is not there, with the name that may be meant.

    key: the name of what was given.  path: as it was given.  endings: of such files, which are offered;
    folders: those of which a file may be told.
    """
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        message = f"there is no folder {show(told_path(folder))}"
    else:
        near = near_file(os.path.abspath(path), folders, os.path.join(folder, ""), endings)
        message = f"file not found{near}"
    return Problem("", key, told_path(path), message, "")


def why_no_file(path: str) -> str:
    """Return what is wrong with a path that is not that of a regular file."""
    if os.path.isdir(path):
        return "is a folder, not a file"
    return "is not a regular file" if os.path.exists(path) else "file not found"


def near_file(
    path: str, folders: InputFolders | None, before: str = "", endings: Sequence[str] = ()
) -> str:
    """Return `; did you mean 'x'?` for a file that may be meant by a path that names none, or nothing.

    That is a file in the same folder whose name is alike, with an ending or without. folders: those of
    which a file may be told.  before: what makes a path of its name.  endings: of those that are offered;
    none: all.
    """
    folder, name = os.path.split(path)
    try:
        with os.scandir(folder) as found:
            files = [each.name for each in islice(found, _MOST_BESIDE) if each.is_file()]
        files = [
            file for file in files if not endings or os.path.splitext(file)[1].lower() in endings
        ]
    except (OSError, ValueError):  # no such folder, one that may not be read, a NUL
        return ""
    known = [file for file in sorted(files) if _may_be_told(folder, file, folders)]
    near = max(known, key=lambda file: _likeness(name, file), default="")
    if not near or _likeness(name, near)[0] < _ALIKE:
        return ""
    return f"; did you mean '{show(told_path(before + near))}'?"


def _likeness(name: str, file: str) -> tuple[float, float]:
    """Return how much two names are alike without their endings, and with them: from 0 to 1.

    The ending alone says little: nothere.toml is not 14_where.toml.
    """
    pairs = zip(*map(os.path.splitext, (name.lower()[:200], file.lower()[:200])), strict=True)
    (one, other), endings = pairs
    alone = SequenceMatcher(None, one, other).ratio()
    return alone, alone + SequenceMatcher(None, *endings).ratio()


def _may_be_told(folder: str, file: str, folders: InputFolders | None) -> bool:
    return file.isprintable() and (folders is None or folders.hold(os.path.join(folder, file)))


def quote(value: object) -> str:
    """Return a short piece of a file's content for a message, printable and on one line."""
    return show(value, _QUOTED_CHARACTERS)


def first_problems(problems: Sequence[Problem]) -> list[Problem]:
    """Return the first problems of one file, and how many more there are.

    A file of another kind would otherwise be told nearly whole, line by line.
    """
    shown = list(problems[:MOST_PROBLEMS])
    if more := len(problems) - len(shown):
        shown.append(shown[-1]._replace(message=f"and {counted(more, 'more problem')}"))
    return shown
