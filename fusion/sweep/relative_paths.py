"""Relative paths in a sweep's file start from the folder of that file, wherever they occur in it."""

from __future__ import annotations

import logging
import os.path
from pathlib import Path
from typing import Any

from fusion.config.named_files import file_of, is_path
from fusion.config.problems import show
from fusion.sweep.definition import Steps, Sweep, Values

_log = logging.getLogger("fusion.sweep")


def with_absolute_paths(sweep: Sweep, folder: Path) -> Sweep:
    """Return a sweep whose paths are absolute: its template, the files in its overrides and on its axes.

    folder: where relative ones start. One that leads to no file from there, but to one from the working
    directory, is that one, with a warning: so it was in the files of earlier versions.
    """
    return sweep.model_copy(
        update={
            "template": absolute_template(sweep.template, folder),
            "overrides": {
                section: {
                    key: absolute_value(key.strip().lower(), value, folder)
                    for key, value in keys.items()
                }
                for section, keys in sweep.overrides.items()
            },
            "grid": _axes(sweep.grid, folder),
            "zip": [_axes(group, folder) for group in sweep.zip],
            "points": [
                {axis: absolute_value(axis, value, folder) for axis, value in point.items()}
                for point in sweep.points
            ],
        }
    )


def is_template_file(template: str) -> bool:
    """Return whether a template is the path of a file, and not a name."""
    return template.lower().endswith(".ini") or "/" in template or "\\" in template


def absolute_template(template: str, folder: Path) -> str:
    """Return a template; a path made absolute, see `with_absolute_paths`."""
    return _absolute("template", template, folder) if is_template_file(template) else template


def _axes(axes: dict[str, Values], folder: Path) -> dict[str, Values]:
    return {
        axis: values
        if isinstance(values, Steps)
        else [absolute_value(axis, value, folder) for value in values]
        for axis, values in axes.items()
    }


def absolute_value(key: str, value: Any, folder: Path) -> Any:
    """Return the value of a key; a path made absolute, see `with_absolute_paths`."""
    return _absolute(key, value, folder) if is_path(key, value) else value


def _absolute(key: str, value: str, folder: Path) -> str:
    text = str(value).strip()
    beside, here = os.path.abspath(folder / text), os.path.abspath(text)
    only_here = not os.path.isfile(file_of(key, beside)) and os.path.isfile(file_of(key, here))
    if not only_here:
        return beside
    _log.warning(
        "%s = %s is taken from the working folder; paths in a sweep's file start from the folder of that "
        "file, %s, where it was not found",
        key,
        show(text, 200),
        folder.absolute(),
    )
    return here
