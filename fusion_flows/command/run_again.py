"""A run once more, with changes: from the settings that an earlier run was frozen with."""

import re
from collections.abc import Mapping
from typing import Any

from fusion.config.config import ConfigError, load_config, read_config
from fusion.config.counts import counted
from fusion.config.ini import format_value
from fusion.config.sections import HOME, flat
from fusion_flows.report.setting import run_name
from fusion_flows.rundir.directory import RunDirectory, command_to_go_on
from fusion_flows.rundir.file_state import recorded_name
from fusion_flows.runs.by_files import find_directory
from fusion_flows.runs.lookup import RunError
from fusion_flows.server.settings import Settings

_LONGEST_VALUE = 30
_LONGEST_NAME = 100
_IN_DEFAULT_NAME = ("network", "erlang_start", "erlang_stop")
_CHANGE = re.compile(r", (\w+)(=[^,]*| changed)$")


def settings_of(run: str) -> RunDirectory:
    """Repeat an earlier run, optionally with changes, here or (with --detach) on a worker.

    The new run has its own directory; that of the earlier run is not changed.

    Args:
        run: Run id (the first 4 digits are enough), name, or flow run id of the earlier run.

    Raises:
        NoSuchRunError: There is no such run, or several are called so.
        RunDirectoryError: Its directory is not on this machine.
        RunError: It is a sweep.
    """
    found = find_directory(run, Settings().runs_dir)
    if found.sweep.is_file():
        raise RunError(
            f"{found.run_id} is a sweep, of which no point is computed twice: `{command_to_go_on(found)}` "
            "computes what is missing; for other points change its file"
        )
    if found.training.is_file():
        raise RunError(
            f"{found.run_id} is the training of an agent; `fusion train {found.config} --training-file "
            f"{found.training}` trains it again, with changes if you like"
        )
    return found


def name_of(earlier: RunDirectory, overrides: Mapping[str, Any]) -> str:
    """Return what the run is called that repeats an earlier one with changes, such as `ring, k_paths=3`.

    Empty without changes: then it is called by its topology, policy and loads, as any run. Settings that
    are wrong have no name; whoever simulates them says what is wrong.
    """
    try:
        before = load_config(earlier.config)
        now = read_config(str(earlier.config), overrides).config
    except ConfigError:
        return ""
    old, new = flat(before), flat(now)
    changed = {key: _told(key, new[key]) for key in HOME if new[key] != old[key]}
    if not changed:
        return ""
    name = recorded_name(earlier)
    base, earlier_changes = _without_changes(name)
    if base in ("", run_name(before)):
        base = run_name(now)
        for key in _IN_DEFAULT_NAME:  # its loads and its network are those of now
            changed.pop(key, None)
    whole = ", ".join([base, *(earlier_changes | changed).values()])
    if len(whole) > _LONGEST_NAME:
        count = len(earlier_changes | changed)
        return f"{base[: _LONGEST_NAME - 20]}, {counted(count, 'setting')} changed"
    return whole


def _told(key: str, value: object) -> str:
    text = format_value(value)
    is_short = len(text) <= _LONGEST_VALUE and "," not in text and text.isprintable() and text
    return f"{key}={text}" if is_short else f"{key} changed"


def _without_changes(name: str) -> tuple[str, dict[str, str]]:
    """Return a name without the changes that it ends with, and those by their key, in their order."""
    found: dict[str, str] = {}
    while (match := _CHANGE.search(name)) and match[1] in HOME:
        found = {match[1]: match[0][2:], **found}
        name = name[: match.start()]
    return name, found
