"""Overrides: what a caller changes in a template, as nested mappings or in a file."""

import os.path
from collections.abc import Mapping
from pathlib import Path

from fusion.config.ini import MAX_BYTES, Entries, Entry, Layer
from fusion.config.named_files import missing_file, told_path
from fusion.config.nested_text import parse_nested
from fusion.config.problems import ConfigError, Problem, brief, show
from fusion.config.sections import HOME
from fusion.config.text_files import read_text

_ENDINGS = (".json", ".toml")
_MAX_OVERRIDES = 1000
OVERRIDES = "overrides"
"""Where a value is from that a caller has changed."""
_FORM = 'overrides are sections of keys, like {"general_settings": {"erlang_start": 50}}'


def read_overrides(path: str | Path) -> dict[str, object]:
    """Return the nested overrides of a .json or .toml file of at most 1 MiB.

    Raises ConfigError with the place of the mistake; names given twice are one.
    """
    path = Path(path)
    kind = path.suffix[1:].upper()
    if f".{kind.lower()}" not in _ENDINGS:
        raise _refuse(path, "an overrides file ends in .json or .toml")
    if not os.path.exists(path):
        raise ConfigError([missing_file(OVERRIDES, str(path), _ENDINGS)])
    try:
        text = read_text(path, MAX_BYTES)
    except ValueError as error:
        raise _refuse(path, show(str(error), 200)) from None
    try:
        overrides = parse_nested(text, kind)
    except ValueError as error:
        raise _refuse(path, str(error)) from None
    if not isinstance(overrides, dict):
        raise _refuse(path, _FORM)
    return overrides


def _refuse(path: Path, message: str) -> ConfigError:
    return ConfigError([Problem("", OVERRIDES, told_path(str(path)), message, "")])


def override_entries(overrides: object, source: str = OVERRIDES) -> tuple[Entries, list[Problem]]:
    """Flatten nested overrides; names are compared in lower case as in an INI file.

    source: where they are from.
    """
    entries: Entries = {}
    problems: list[Problem] = []
    if overrides is None:
        return entries, problems
    if not isinstance(overrides, Mapping):
        message = f"{_FORM}, not {type(overrides).__name__}"
        return entries, [Problem("", "", None, message, source)]
    for raw_section, keys in overrides.items():
        if len(entries) + len(problems) > _MAX_OVERRIDES:
            message = f"there are more than {_MAX_OVERRIDES:,} overrides"
            problems.append(Problem("", "", None, message, source))
            break
        section = _name(raw_section)
        if not isinstance(raw_section, str) or not isinstance(keys, Mapping):
            message = _FORM
            if section in HOME:
                message += f"; '{section}' is a key of {HOME[section]}"
            problems.append(Problem("", section, brief(keys), message, source))
            continue
        if len(keys) > _MAX_OVERRIDES:
            message = f"there are more than {_MAX_OVERRIDES:,} overrides"
            problems.append(Problem(section, "", None, message, source))
            continue
        for raw_key, value in keys.items():
            key = _name(raw_key)
            if not isinstance(raw_key, str) or (section, key) in entries:
                message = "duplicate key" if isinstance(raw_key, str) else "not a name of a key"
                problems.append(Problem(section, key, brief(value), message, source))
                continue
            entries[section, key] = Entry(value, source, layer=Layer.OVERRIDES)
    return entries, problems


def _name(value: object) -> str:
    return show(value, 200).strip().lower()
