"""A file that is given in place of settings and is something else: what it is, and which verb takes it."""

import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from fusion.config.config import ConfigError, Problem
from fusion.config.ini import MAX_BYTES
from fusion.config.named_files import told_path
from fusion.config.nested_text import parse_nested
from fusion.config.sections import SECTIONS
from fusion.config.text_files import read_text
from fusion.sweep.definition import Sweep

_NESTED = (".toml", ".json")
_NETWORKS = (".graphml", ".gml", ".xml")
_OF_NETWORKS = {"nodes", "links", "edges"}


def refuse_other_files(template: object) -> None:
    """Raises ConfigError for a file that is no INI file but a sweep, overrides or a network.

    template: what was given as the settings; where it is anything else, whoever reads it says so.
    """
    path = Path(str(template))
    ending = path.suffix.lower()
    if ending not in (*_NESTED, *_NETWORKS) or not path.is_file():
        return
    message = f"is not an INI file; {_what_it_is(path, ending)}"
    raise ConfigError([Problem("", "template", told_path(str(template)), message, "")])


def _what_it_is(path: Path, ending: str) -> str:
    file = shlex.quote(str(path))
    keys: set[str] = set()
    if ending in _NESTED:
        with suppress(ValueError):
            data = parse_nested(read_text(path, MAX_BYTES), ending[1:].upper())
            keys = {str(key).strip().lower() for key in data} if isinstance(data, Mapping) else keys
    if ending in _NETWORKS or (ending == ".json" and keys & _OF_NETWORKS):
        named = shlex.quote(f"network={path if '/' in str(path) else f'./{path}'}")
        return f"a network is checked by `fusion validate quick -s {named}`"
    if keys & set(SECTIONS):
        return f"overrides are checked by `fusion validate TEMPLATE --overrides {file}`"
    if keys & set(Sweep.model_fields):
        return f"a sweep is checked by `fusion plan {file}` and computed by `fusion sweep {file}`"
    return (
        f"if it is a sweep, `fusion plan {file}` checks it; if it has overrides, "
        f"`fusion validate TEMPLATE --overrides {file}`"
    )
