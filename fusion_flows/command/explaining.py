"""A key of the settings in words: what it means, what it takes, its default, which template has what."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from fusion.config.config import ConfigError, load_config
from fusion.config.ini import format_value
from fusion.config.other_names import meant_key
from fusion.config.problems import nearest, show, words
from fusion.config.sections import DEFAULTS, HOME, SECTIONS, flat
from fusion.config.templates import template_names
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from fusion_flows.command.policy_words import Policy
    from fusion_flows.report.terms import Term

_SHORTEST_WORD, _MOST_KEYS = 3, 20


class Key(NamedTuple):
    """A key of the settings."""

    key: str
    section: str
    meaning: str
    """With the unit, where it has one."""
    allowed: str
    default: str
    """As INI text; empty where the key is empty."""
    templates: dict[str, str]
    """Template -> its value, of those whose value is not the default."""


def explain(*key: str) -> "list[Key | Policy | Term]":
    """Explain settings: meaning, unit, allowed values, default, and the value in each template.

    It also explains policies, such as KSP-FF or MSCL, with the keys that set them, and the terms of the
    glossary.

    Args:
        key: A key, with or without its section, or a section for all of its keys; a policy, such as KSP-FF
            or MSCL; a term of the glossary; default: all keys.

    Raises:
        ArgumentError: There is no such key.
    """
    found = [name for each in key or SECTIONS for name in _named(each)]
    with_values = _templates()
    return [
        _described(name, with_values) if isinstance(name, str) else name
        for name in {str(name): name for name in found}.values()
    ]


def _named(text: str) -> "Sequence[str | Policy | Term]":
    """Return the keys that `key`, `section.key`, `[section]` or `section` means, or a policy or term."""
    name = text.partition("=")[0].strip().lower()
    section, _, key = name.rpartition(".")
    if key in HOME and section in ("", HOME[key]):
        return [key]
    for candidate in (name.strip("[]"), f"{name.strip('[]')}_settings"):
        if candidate in SECTIONS:
            return list(SECTIONS[candidate].model_fields)
    if key in HOME:
        raise ArgumentError(f"{show(text)}: {key} is a key of {HOME[key]}")
    from fusion_flows.command import policy_words  # here, as a key is what most ask for

    if (policy := policy_words.explained(text)) is not None:
        return [policy]
    there = (
        meant_key(key, list(HOME), list(SECTIONS))
        or _mentioned(key)
        or nearest(text, policy_words.names())
    )
    then = "" if there.endswith("?") else ";"
    raise ArgumentError(
        f"there is no key, section, policy or term {show(text)}{there}{then} `fusion explain` lists all keys"
    )


def _mentioned(word: str) -> str:
    """Return `; these mention it: ...` for the keys with a word in name or meaning, or nothing."""
    having = _mentioning(word)
    return f"; these mention it: {', '.join(having)}" if having else ""


def _mentioning(word: str) -> list[str]:
    """Return the keys with a word in name or meaning, unless it is in too many to be of use."""
    having = [
        key
        for key, section in HOME.items()
        if word in f"{key} {SECTIONS[section].model_fields[key].description}".lower()
    ]
    return having if len(word) >= _SHORTEST_WORD and len(having) <= _MOST_KEYS else []


def _templates() -> dict[str, dict[str, object]]:
    """Return template -> key -> value, of the templates that can be read."""
    folder = Settings().templates_dir
    found = {}
    for name in template_names(folder):
        try:
            found[name] = flat(load_config(name, templates_dir=folder))
        except ConfigError:
            continue  # `fusion templates` says so
    return found


def _described(key: str, templates: dict[str, dict[str, object]]) -> Key:
    section = HOME[key]
    schema = SECTIONS[section].model_json_schema()["properties"][key]
    others = {
        name: format_value(values[key])
        for name, values in templates.items()
        if values[key] != DEFAULTS[key]
    }
    return Key(
        key,
        section,
        schema["description"],
        words(schema),
        format_value(DEFAULTS[key]),
        others,
    )


def heading(one: "Key | Policy | Term") -> str:
    """Return what stands above the lines of a key, a policy or a term."""
    return f"[{one.section}] {one.key}" if isinstance(one, Key) else one.name


def lines(one: "Key | Policy | Term") -> Iterable[tuple[str, str]]:
    """Yield title and text of each line that a person is shown of a key, a policy or a term."""
    return _lines_of_key(one) if isinstance(one, Key) else _lines_of_policy(one)


def _lines_of_policy(one: "Policy | Term") -> Iterable[tuple[str, str]]:
    from fusion_flows.command.policy_words import Policy

    page = "glossary.md in the documentation"
    if isinstance(one, Policy):
        page = one.page
        yield "Meaning", one.meaning
        for key, value in one.keys.items():
            yield "Set by", f"{key} = {value}"
    else:
        yield "Meaning", one.text
        if keys := _mentioning(one.name.lower()):
            yield "Keys", ", ".join(keys)
    if one.source:
        yield "Source", one.source
    yield "Page", page


def _lines_of_key(key: Key) -> Iterable[tuple[str, str]]:
    yield "Meaning", key.meaning
    yield "Allowed", key.allowed
    yield "Default", key.default or "(empty)"
    by_value: dict[str, list[str]] = {}
    for name, value in key.templates.items():
        by_value.setdefault(value or "(empty)", []).append(name)
    for value, names in by_value.items():
        yield "Template", f"{value} in {', '.join(names)}"
