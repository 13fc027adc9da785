"""The configuration: keys, INI files, overrides, and messages about errors in them."""

from importlib import import_module
from typing import Any

_HOMES = {
    "Config": "fusion.config.config",
    "load_config": "fusion.config.config",
    "read_config": "fusion.config.config",
}


def __getattr__(name: str) -> Any:
    """Import what scripts take from here; `fusion` itself has all that is promised."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
