"""Overrides: what a caller changes in a template, as nested mappings or in a file."""

import json
import os.path
from collections.abc import Callable, Mapping
from pathlib import Path

from fusion.config.ini import MAX_BYTES, Entries, Entry
from fusion.config.named_files import missing_file
from fusion.config.problems import ConfigError, Problem, brief, show
from fusion.config.sections import HOME
from fusion.config.text_files import read_text

_MAX_OVERRIDES = 1000
OVERRIDES = "overrides"
"""Where a value is from that a caller has changed."""
_FORM = 'overrides are sections of keys, like {"general_settings": {"erlang_start": 50}}'


def read_overrides(path: str | Path) -> dict[str, object]:
    """Return the nested overrides of a .json or .toml file of at most 1 MiB.

    Raises ConfigError with the place of the mistake; names given twice are one.
    """
    path = Path(path)
    parsers: dict[str, Callable[[str], object]] = {".json": _parse_json, ".toml": _parse_toml}
    parse = parsers.get(path.suffix.lower())
    if parse is None:
        raise _refuse(path, "an overrides file ends in .json or .toml")
    if not os.path.exists(path):
        raise ConfigError([missing_file(OVERRIDES, str(path), tuple(parsers))])
    try:
        text = read_text(path, MAX_BYTES)
    except ValueError as error:
        raise _refuse(path, show(str(error), 200)) from None
    try:
        overrides = parse(text)
    except RecursionError:
        raise _refuse(path, "is nested too deeply; overrides are sections of keys") from None
    except ValueError as error:  # JSONDecodeError and TOMLDecodeError are, with line and column
        raise _refuse(
            path, f"is not valid {path.suffix[1:].upper()}: {show(str(error), 200)}"
        ) from None
    if not isinstance(overrides, dict):
        raise _refuse(path, _FORM)
    return overrides


def _refuse(path: Path, message: str) -> ConfigError:
    return ConfigError([Problem("", "", None, message, str(path))])


def _parse_json(text: str) -> object:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, value in pairs:
            if name in found:
                raise ValueError(f"the name {show(name)} is there twice")
            found[name] = value
        return found

    return json.loads(text, object_pairs_hook=unique)


def _parse_toml(text: str) -> object:
    import tomllib  # here, because most runs have no such file

    return tomllib.loads(text)


def override_entries(overrides: object) -> tuple[Entries, list[Problem]]:
    """Flatten nested overrides; names are compared in lower case as in an INI file."""
    entries: Entries = {}
    problems: list[Problem] = []
    if overrides is None:
        return entries, problems
    if not isinstance(overrides, Mapping):
        message = f"{_FORM}, not {type(overrides).__name__}"
        return entries, [Problem("", "", None, message, OVERRIDES)]
    for raw_section, keys in overrides.items():
        if len(entries) + len(problems) > _MAX_OVERRIDES:
            message = f"there are more than {_MAX_OVERRIDES:,} overrides"
            problems.append(Problem("", "", None, message, OVERRIDES))
            break
        section = _name(raw_section)
        if not isinstance(raw_section, str) or not isinstance(keys, Mapping):
            message = _FORM
            if section in HOME:
                message += f"; '{section}' is a key of {HOME[section]}"
            problems.append(Problem("", section, brief(keys), message, OVERRIDES))
            continue
        if len(keys) > _MAX_OVERRIDES:
            message = f"there are more than {_MAX_OVERRIDES:,} overrides"
            problems.append(Problem(section, "", None, message, OVERRIDES))
            continue
        for raw_key, value in keys.items():
            key = _name(raw_key)
            if not isinstance(raw_key, str) or (section, key) in entries:
                message = (
                    "the key is there twice" if isinstance(raw_key, str) else "not a name of a key"
                )
                problems.append(Problem(section, key, brief(value), message, OVERRIDES))
                continue
            entries[section, key] = Entry(value, OVERRIDES)
    return entries, problems


def _name(value: object) -> str:
    return show(value, 200).strip().lower()
