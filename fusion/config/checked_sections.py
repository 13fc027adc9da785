"""Entries to sections, each key checked by itself."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from fusion.config.ini import Entries
from fusion.config.problems import Problem, nearest, words
from fusion.config.section import Section
from fusion.config.sections import SECTIONS
from fusion.config.sources import problem_of_entry
from fusion.config.values import TOLD


def check_sections(
    ours: Entries, known: dict[object, tuple[Section, dict[str, str]]]
) -> tuple[dict[str, Section], dict[str, Any], list[Problem]]:
    """Return the sections, the values that are right by themselves, and the problems of others.

    known: sections by what they were made from, with what is wrong in them; new ones are added.
    """
    raw: dict[str, dict[str, object]] = {name: {} for name in SECTIONS}
    for (name, key), entry in ours.items():
        raw[name][key] = entry.value
    sections: dict[str, Section] = {}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, keys in raw.items():
        made_from = _identity(name, keys)
        if made_from not in known:
            known[made_from] = _section(name, keys)
        sections[name], wrong = known[made_from]
        problems += [problem_of_entry(key, None, message, ours) for key, message in wrong.items()]
        values |= vars(sections[name])
        for key in wrong:
            del values[key]
    return sections, values, problems


def _identity(name: str, keys: Mapping[str, object]) -> object:
    """Return something that is equal for equal values of equal types only."""
    found = (name, *((key, type(value), value) for key, value in keys.items()))
    try:
        hash(found)
        return found
    except TypeError:
        try:
            return repr(found)
        except RecursionError:
            return object()


def _section(name: str, raw: dict[str, object]) -> tuple[Section, dict[str, str]]:
    """Return a section without the keys that are wrong, and what is wrong with each of those."""
    model = SECTIONS[name]
    wrong: dict[str, str] = {}
    try:
        return model.model_validate(raw), wrong
    except ValidationError as error:
        schema = model.model_json_schema()["properties"]
        for item in error.errors(include_url=False, include_input=False):
            key = str(item["loc"][0])
            told = item["type"] == TOLD
            wrong.setdefault(key, item["msg"] if told else _allowed(key, raw[key], schema[key]))
    right = {key: value for key, value in raw.items() if key not in wrong}
    return model.model_validate(right), wrong


def _allowed(key: str, value: object, schema: dict[str, Any]) -> str:
    """Return what a key takes, from its JSON schema, and the value that was nearly given."""
    text = f"must be {words(schema)}"
    if "enum" not in schema or not isinstance(value, str):
        return text
    return text + nearest(value, schema["enum"])
