"""Files and shipped names in a configuration that do not exist, or may not be read."""

import os.path
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fusion.config.ini import Entries
from fusion.config.named_files import (
    ENDINGS,
    KEYS,
    InputFolders,
    file_of,
    near_file,
    why_no_file,
)
from fusion.config.problems import Problem, nearest, with_allowed
from fusion.config.shipped import FUSION_NETWORKS, OTHER_NAMES, modulation_names, topology_names
from fusion.config.sources import problem_of_entry


def take_outside(values: dict[str, Any], folders: InputFolders, ours: Entries) -> list[Problem]:
    """Take files outside the folders from the values; return a problem for each."""
    problems = []
    for key in KEYS:
        path = file_of(key, values.get(key, ""))
        if os.path.isabs(path) and not folders.hold(path):
            problems.append(problem_of_entry(key, values.pop(key), folders.refusal(), ours))
    return problems


def not_found(
    values: Mapping[str, Any],
    ours: Entries,
    *,
    searched: bool,
    template: Path,
    folders: InputFolders | None,
) -> list[Problem]:
    """Return a problem for each file and shipped name that is not there.

    template: the INI file. folders: those that may be read, of which files are offered. searched: whether the
    file of modulation tables was looked for at several places. What a file holds is checked when it is read,
    with the topology and the rest (`inputs`).
    """
    return [
        *_files_not_found(values, ours, folders, searched=searched),
        *_network_not_found(values, ours, folders, template),
        *_table_not_found(values, ours),
    ]


def _files_not_found(
    values: Mapping[str, Any], ours: Entries, folders: InputFolders | None, *, searched: bool
) -> Iterator[Problem]:
    for key in KEYS:
        path = file_of(key, values.get(key, ""))
        if os.path.isabs(path) and not os.path.isfile(path):
            text = why_no_file(path)
            if key == "mod_assumption_path" and searched and not os.path.exists(path):
                text += ", nor one in the working folder or above the INI file"
            text += near_file(path, folders, endings=ENDINGS[key])
            yield problem_of_entry(key, values[key], text, ours)


def _network_not_found(
    values: Mapping[str, Any], ours: Entries, folders: InputFolders | None, template: Path
) -> Iterator[Problem]:
    network = values.get("network", "")
    if not network or os.path.isabs(network) or network in OTHER_NAMES:
        return
    names = [*topology_names(), *FUSION_NETWORKS]
    if network in names:
        return
    allowed = (
        f"available: {', '.join(names)}, and your own files (a path, such as ./my_network.graphml)"
    )
    entry = ours.get(("topology_settings", "network"))
    is_of_template = entry is not None and entry.source.startswith(str(template))
    beside = os.path.join(os.path.abspath(template.parent if is_of_template else ""), network)
    near = near_file(beside, folders, "./", ENDINGS["network"])
    # A file of just this name is meant rather than a shipped network of one like it.
    shipped = "" if os.path.isfile(beside) else nearest(network, names)
    message = with_allowed("unknown topology", shipped or near, allowed)
    yield problem_of_entry("network", network, message, ours)


def _table_not_found(values: Mapping[str, Any], ours: Entries) -> Iterator[Problem]:
    table = values.get("mod_assumption", "")
    if not table or values.get("mod_assumption_path") != "":
        return
    names = modulation_names()
    if table in names:
        return
    allowed = f"available: {', '.join(names)}, or name the file that has it in mod_assumption_path"
    message = with_allowed("unknown table", nearest(table, names), allowed)
    yield problem_of_entry("mod_assumption", table, message, ours)
