"""INI text: read with limits into plain entries, and written; nothing in it is evaluated.

The dialect is that of Python's configparser as FUSION uses it (`key = value` or `key : value`,
comments on lines of their own, keys in any case) without interpolation. What stands in [DEFAULT] is
kept for whoever asks for it (`Entry.inherited`). A value goes on in indented lines only while a
bracket is open, so an indented key is a key and not, unseen, the tail of the value above it.
"""

import re
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from fusion.config.named_files import MOST_PROBLEMS, quote
from fusion.config.problems import ConfigError, Problem, brief, show
from fusion.config.text_files import read_text

MAX_BYTES = 1 << 20  # 1 MiB; the longest INI files of FUSION have 7 KiB

_HEADER = re.compile(r"\[([^\[\]]+)\]\s*(?:[#;].*)?")
_CASE_COUNTS = re.compile(r"DEFAULT|S\d.*")  # FUSION reads [s1], and not [S1]
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


DEFAULTS = "DEFAULT"
"""The section whose keys all others have as well; in lower case it is one like any other."""


class Layer(IntEnum):
    """Where a value was set: the later one takes precedence."""

    DEFAULT, TEMPLATE, OVERRIDES, AXIS = range(4)


class Entry(NamedTuple):
    """A value as it was given, and where. inherited: its section has it from [DEFAULT]."""

    value: object
    source: str
    inherited: bool = False
    layer: Layer = Layer.TEMPLATE


Entries = dict[tuple[str, str], Entry]
"""(section, key) -> entry, section and key in lower case; [DEFAULT] and [S1] as they are."""


def read_ini(path: Path) -> tuple[Entries, list[Problem]]:
    """Return the entries of an INI file and what is wrong with its text.

    Raises ConfigError where there is no text: missing, unreadable, not a regular file, over 1 MiB,
    not UTF-8.
    """
    try:
        text = read_text(path, MAX_BYTES)
    except ValueError as error:
        raise ConfigError([Problem("", "", None, show(str(error), 200), str(path))]) from None
    return parse_ini(text, str(path))


def parse_ini(text: str, name: str) -> tuple[Entries, list[Problem]]:
    """Return the entries of INI text and what is wrong with it; `name` is its place in messages.

    Of the lines before the first [section] only one is told: a file of another kind has many.
    """
    entries: Entries = {}
    problems: list[Problem] = []
    sections: set[str] = set()
    section = ""
    key = ""  # of the value that may go on in the next line
    parts: list[str] = []
    depth = 0  # brackets that the value has left open
    source = name
    lost = False  # a line before the first [section] was told

    def close() -> None:
        nonlocal key
        if key:
            entries[section, key] = entries[section, key]._replace(value="\n".join(parts))
        key = ""

    def tell(message: str, key: str = "", value: object = None) -> None:
        nonlocal lost
        if section or not lost:
            problems.append(Problem(section, show(key), brief(value), message, source))
        lost = True

    for number, raw in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        if len(problems) >= MOST_PROBLEMS:
            problems.append(Problem("", "", None, "reading stopped: too many bad lines", name))
            break
        line, source = raw.strip(), f"{name}, line {number}"
        if not line or line[0] in "#;":
            continue
        if _CONTROL.search(line):
            tell("the line has a control character")
            continue
        if key and depth > 0 and raw[0] in " \t":
            parts.append(line)
            depth += _open_brackets(line)
            continue
        close()
        if line[0] == "[":
            header = _HEADER.fullmatch(line)
            if not header:
                tell(f"not a [section]: {quote(line)}")
                continue
            section = header[1].strip()
            section = section if _CASE_COUNTS.fullmatch(section) else section.lower()
            if section in sections:
                tell("duplicate section")
            sections.add(section)
            continue
        match = re.match(r"([^=:]+)[=:](.*)", line)
        if not match:
            tell(f"expected `key = value`, found: {quote(line)}")
            continue
        name_of_key, value = match[1].strip().lower(), match[2].strip()
        if not section:
            tell("stands before the first [section]", name_of_key, quote(value))
        elif (section, name_of_key) in entries:
            first = entries[section, name_of_key].source
            tell(f"duplicate key, see {first}", name_of_key, value)
        else:
            entries[section, name_of_key] = Entry(value, source)
            key, parts, depth = name_of_key, [value], _open_brackets(value)
    close()
    for (section, key), entry in list(entries.items()):
        for other in sorted(sections - {DEFAULTS}) if section == DEFAULTS else ():
            entries.setdefault((other, key), entry._replace(inherited=True))
    return entries, problems


def _open_brackets(text: str) -> int:
    return sum(text.count(bracket) for bracket in "{[(") - sum(map(text.count, "}])"))


def format_value(value: object) -> str:
    """Return a value as INI text that reads back as the same value."""
    if isinstance(value, Mapping):
        pairs = (f'"{format_value(k)}": {format_value(v)}' for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)
