"""Remarks on how a configuration was read, and how they are logged."""

import logging
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from fusion.config.problems import Problem
from fusion.config.sections import Config

_log = logging.getLogger("fusion.config")


class Reading(NamedTuple):
    """A configuration, and what a person should know of how it was read.

    ignored: keys that were left out because they cannot change a result.  dropped: keys that were left out
    although they could: FUSION does not read them either, another one overrules them, the file is not there.
    notes: what counts here and would not in FUSION, and which file was taken, a line each.
    """

    config: Config
    ignored: list[Problem]
    dropped: list[Problem]
    notes: list[str]


def warn_of_reading(
    ignored: Sequence[Problem], dropped: Sequence[Problem], notes: Sequence[str]
) -> None:
    """Say in the log what is to be known of how a configuration was read: the parts of a `Reading`."""
    told = [
        *_summary("keys ignored, because they cannot change a result", ignored),
        *_summary("keys left out that could change a result", dropped),
        *notes,
    ]
    if told:
        _log.warning("%s", "\n".join(told))


def unreached_stop(config: Config) -> list[str]:
    """Return a note where the steps from the lowest load do not reach erlang_stop exactly."""
    general, loads = config.general_settings, config.loads
    if loads[-1] == general.erlang_stop:
        return []
    return [
        f"erlang_stop = {general.erlang_stop:g} is not simulated: from {loads[0]:g}, steps of "
        f"{general.erlang_step:g} end at {loads[-1]:g}"
    ]


def _summary(title: str, ignored: Sequence[Problem]) -> list[str]:
    """Return lines for the log: the keys that were left out, by reason; none where there are none."""
    lines = [f"{title} ({len(ignored)}):"] if ignored else []
    for reason, group in groupby(sorted(ignored, key=lambda p: p.message), lambda p: p.message):
        keys: dict[str, list[str]] = {}
        for problem in group:
            keys.setdefault(problem.section, []).append(problem.key)
        names = "; ".join(
            f"[{section}] {', '.join(names)}".strip() for section, names in keys.items()
        )
        lines.append(f"  {reason}: {names}")
    return lines
