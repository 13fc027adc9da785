"""A sweep from its file, in TOML or JSON."""

from __future__ import annotations

import json
import os.path
import tomllib
from pathlib import Path

from fusion.config.config import ConfigError, Problem
from fusion.config.named_files import missing_file
from fusion.config.problems import show
from fusion.config.text_files import read_text
from fusion.sweep.definition import Sweep, make_sweep
from fusion.sweep.relative_paths import with_absolute_paths

_MAX_BYTES = 16 << 20  # 100,000 points, written out


def read_sweep(path: Path | str) -> Sweep:
    """Return the sweep of a .toml or .json file. Raises ConfigError with all that is wrong.

    Relative paths in it start from its folder, see `with_absolute_paths`.
    """
    path = Path(path)
    kind = path.suffix[1:].upper()
    if kind not in ("TOML", "JSON"):
        message = "a sweep's file ends in .toml or .json; `fusion run` takes an INI file"
        raise ConfigError([Problem("", "", None, message, str(path))])
    if not os.path.exists(path):
        raise ConfigError([missing_file("sweep", str(path), (".toml", ".json"))])
    try:
        text = read_text(path, _MAX_BYTES)
    except ValueError as error:
        raise ConfigError([Problem("", "", None, show(str(error), 200), str(path))]) from None
    try:
        data = json.loads(text) if kind == "JSON" else tomllib.loads(text)
    except ValueError as error:
        message = f"is not valid {kind}: {show(str(error), 200)}"
        raise ConfigError([Problem("", "", None, message, str(path))]) from None
    if kind == "TOML" and isinstance(data, dict) and data.get("where") == "":
        data["where"] = " "  # empty is what a sweep without it has, as in a run's sweep.json
    return with_absolute_paths(make_sweep(data, str(path)), path.parent)
