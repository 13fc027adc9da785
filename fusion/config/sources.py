"""Where the values of a configuration came from, and problems of its keys, which name it."""

from collections.abc import Mapping

from fusion.config.ini import Entries, Layer
from fusion.config.named_files import told_value
from fusion.config.problems import Problem, brief
from fusion.config.sections import HOME, Config

_DEFAULT = "default"
_SOURCES = "_sources"
"""Of a loaded Config; not a field, as where values came from is not one of them."""


def keep_sources(config: Config, sources: Mapping[str, str]) -> None:
    """Have a configuration know where its values came from. sources: by key; of the others it is default."""
    vars(config)[_SOURCES] = sources


def source_of(config: Config, key: str) -> str:
    """Return where the value of a key came from: INI file and line, overrides, or default.

    Only a Config of `load_config` knows; of any other this is "the configuration".
    """
    sources: Mapping[str, str] | None = vars(config).get(_SOURCES)
    return "the configuration" if sources is None else sources.get(key, _DEFAULT)


def problem_of(config: Config, key: str, message: str) -> Problem:
    """Return a problem of a key, with its value and where that came from."""
    value = told_value(key, getattr(getattr(config, HOME[key]), key))
    return Problem(HOME[key], key, value, message, source_of(config, key))


def problem_of_entry(key: str, value: object, message: str, ours: Entries) -> Problem:
    """Return the same of a key that is not in a configuration yet. value: of a key without an entry."""
    entry = ours.get((HOME[key], key))
    if entry is None:
        return Problem(HOME[key], key, brief(value), message, _DEFAULT)
    if isinstance(entry.value, str):
        if "%(" in entry.value or "${" in entry.value:
            message += "; values are taken as they stand, without interpolation"
        if " #" in entry.value or " ;" in entry.value:
            message += "; a comment needs a line of its own"
    return Problem(HOME[key], key, told_value(key, entry.value), message, entry.source)


def layer_of(key: str, ours: Entries) -> Layer:
    """Return where the value of a key was set."""
    entry = ours.get((HOME[key], key))
    return Layer.DEFAULT if entry is None else entry.layer
