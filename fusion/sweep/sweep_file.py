"""A sweep from its file, in TOML or JSON."""

from __future__ import annotations

import os.path
import shlex
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from fusion.config.config import ConfigError, Problem
from fusion.config.missing_files import not_found
from fusion.config.named_files import KEYS, missing_file, told_path
from fusion.config.nested_text import parse_nested
from fusion.config.problems import brief, nearest, show
from fusion.config.sections import HOME
from fusion.config.shipped import SWEEPS, sweep_names
from fusion.config.templates import find_template, template_names
from fusion.config.text_files import read_text
from fusion.config.variants import Origin, Variants
from fusion.sweep.definition import Sweep, make_sweep
from fusion.sweep.relative_paths import (
    absolute_template,
    absolute_value,
    is_template_file,
    with_absolute_paths,
)
from fusion.sweep.study import PREFIX, study_sweep

_MAX_BYTES = 16 << 20  # 100,000 points, written out
_EMPTY = (
    'is empty: it needs a template, such as template = "quick", axes in [grid], such as k_paths = [1, 2], '
    "or both"
)
_LOOKED_AT = 1000  # values of an axis, where something else is wrong already


def read_sweep(path: Path | str, *, templates: Collection[str] = ()) -> Sweep:
    """Return the sweep of a .toml or .json file, or a shipped one. Raises ConfigError with all that is wrong.

    path: also the name of a shipped sweep, such as quick, or reproduce: and the name of a study, for its
    published values. Relative paths in a file start from its folder, see `with_absolute_paths`. templates:
    names of those that there are, to say beside other errors that one is unknown; empty: that is not known.
    """
    if str(path).startswith(PREFIX):
        return study_sweep(str(path).removeprefix(PREFIX))
    path = SWEEPS / f"{path}.toml" if str(path) in sweep_names() else Path(path)
    kind = path.suffix[1:].upper()
    if kind not in ("TOML", "JSON"):
        message = f"a sweep's file ends in .toml or .json, shipped is {', '.join(sweep_names())}; "
        if path.suffix.lower() == ".ini":
            file = shlex.quote(str(path))
            message += f"an INI file is checked by `fusion validate {file}` and simulated by "
            message += f"`fusion run {file}`"
        elif str(path) in template_names():
            message += f"{path} is a template, which `fusion run {path}` simulates"
        else:
            message += "`fusion run` takes templates and INI files"
            message += nearest(str(path), sweep_names())
        raise _refuse(path, message)
    if not os.path.exists(path):
        raise ConfigError([missing_file("sweep", str(path), (".toml", ".json"))])
    try:
        text = read_text(path, _MAX_BYTES)
    except ValueError as error:
        raise _refuse(path, show(str(error), 200)) from None
    try:
        data = parse_nested(text, kind) if text.strip() else {}
    except ValueError as error:
        raise _refuse(path, str(error)) from None
    if _is_empty(data):
        raise _refuse(path, _EMPTY)
    if kind == "TOML" and isinstance(data, dict) and data.get("where") == "":
        data["where"] = " "  # empty is what a sweep without it has, as in a run's sweep.json
    try:
        sweep = make_sweep(data, str(path))
    except ConfigError as error:
        missing = dict.fromkeys(_missing_files(data, path))
        told = {(each.key, brief(each.value)) for each in error.problems}
        more = [each for each in missing if (each.key, each.value) not in told]
        template = _missing_template(data, path, templates)
        raise ConfigError([*error.problems, *template, *more]) from None
    return with_absolute_paths(sweep, path.parent)


def _is_empty(data: object) -> bool:
    """Return whether a sweep's file says nothing, as one that was saved empty by mistake."""
    if not isinstance(data, Mapping) or not data.keys() <= Sweep.model_fields.keys():
        return False
    return all(isinstance(value, Mapping | list) and not value for value in data.values())


def _refuse(path: Path, message: str) -> ConfigError:
    return ConfigError([Problem("", "sweep", told_path(str(path)), message, "")])


def _missing_template(data: object, path: Path, known: Collection[str]) -> list[Problem]:
    """Return what is wrong with the template: its path, or its name where it is known which there are."""
    template = data.get("template") if isinstance(data, Mapping) else None
    if not isinstance(template, str):
        return []
    if not is_template_file(template):
        if not known or not template or template in known:
            return []
        message = f"unknown template{nearest(template, sorted(known))}"
        return [Problem("", "template", show(template), message, str(path))]
    try:
        find_template(absolute_template(template, path.parent), None, None)
    except ConfigError as error:
        return [each._replace(source=str(path)) for each in error.problems]
    return []


def _missing_files(data: object, path: Path) -> Iterator[Problem]:
    """Yield a problem for each file and network that a sweep names and that is not there.

    data: of the sweep's file, in which something else is wrong. Without this they would be told only once
    that is mended, as files are looked for with the rest of a configuration.
    """
    for key, value, place in _named(data):
        given = absolute_value(key, value, path.parent)
        origin = Origin(f"{place}, {path}")
        variants = Variants("default", {HOME[key]: {key: given}}, origin=origin)
        draft = variants.draft()
        yield from (
            each
            for each in not_found(
                draft.values, draft.entries, searched=False, template=Path(), folders=None
            )
            if each.key == key
        )


def _named(data: object) -> Iterator[tuple[str, str, str]]:
    """Yield (key, value, place) of what a sweep names files in, as far as it has the form of one."""
    for section in _dictionaries(data, "overrides"):
        for keys in section.values():
            for key, value in keys.items() if isinstance(keys, Mapping) else ():
                yield from _texts(str(key).strip().lower(), [value], "overrides")
    groups = _dictionaries(data, "grid")
    for axis, values in groups[0].items() if groups else ():
        yield from _texts(str(axis), values, f"grid.{axis}")
    for number, group in enumerate(_dictionaries(data, "zip"), start=1):
        for axis, values in group.items():
            yield from _texts(str(axis), values, f"zip {number}, {axis}")
    for point in _dictionaries(data, "points"):
        for axis, value in point.items():
            yield from _texts(str(axis), [value], f"points, {axis}")


def _dictionaries(data: object, name: str) -> list[Mapping[Any, Any]]:
    found = data.get(name) if isinstance(data, Mapping) else None
    several = found if isinstance(found, list) else [found]
    return [each for each in several[:_LOOKED_AT] if isinstance(each, Mapping)]


def _texts(key: str, values: object, place: str) -> Iterator[tuple[str, str, str]]:
    for value in values[:_LOOKED_AT] if key in KEYS and isinstance(values, list) else ():
        if isinstance(value, str):
            yield key, value, place
