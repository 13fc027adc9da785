"""Runs: list, find, show, pause, cancel and delete them."""

from importlib import import_module
from typing import Any

_PROMISED = {
    **dict.fromkeys(("Details", "Run", "cancel", "delete", "log_lines", "runs", "show"), "listing"),
    **dict.fromkeys(("pause", "resume"), "pausing"),
}


def __getattr__(name: str) -> Any:
    """Import a promised name when it is asked for: what else is in this room needs no Prefect."""
    if name in _PROMISED:
        return getattr(import_module(f"fusion_flows.runs.{_PROMISED[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
