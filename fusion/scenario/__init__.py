"""A configuration and its input files, as the arrays that a replication needs."""

from importlib import import_module
from typing import Any

_HOMES = {
    "Scenario": "fusion.scenario.scenario",
    "make_scenario": "fusion.scenario.scenario",
}


def __getattr__(name: str) -> Any:
    """Import what scripts take from here; `fusion` itself has all that is promised."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
