"""What went wrong, in words, and the exit code of the command."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)
from pydantic import ValidationError

from fusion.config.config import ConfigError
from fusion.config.other_names import meant_key
from fusion.config.overrides import OVERRIDES
from fusion.config.problems import show
from fusion.config.sections import HOME
from fusion.config.training_extra import MissingExtraError
from fusion.sweep.store import StoreError
from fusion_flows.command import catalogue, misread, run_here, sweeps, up
from fusion_flows.command.examples import SUMMARIES
from fusion_flows.command.exit_codes import BAD_INPUT, FAILED, INTERRUPTED
from fusion_flows.command.other_files import misplaced
from fusion_flows.command.terminal import print_note, print_problem
from fusion_flows.flows.load_search import SearchFailedError
from fusion_flows.flows.point_computation import ComputationFailedError
from fusion_flows.rundir.directory import RunDirectoryError
from fusion_flows.rundir.files import FileRefusedError
from fusion_flows.runs import listing
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.address import AlreadyUpError, NoServerError
from fusion_flows.server.database import NewerDatabaseError

_TOLD = (
    listing.RunError,
    run_here.UnfinishedRunError,
    sweeps.NothingFoundError,
    SearchFailedError,
    ComputationFailedError,
    RunDirectoryError,
    NoServerError,
    AlreadyUpError,
    NewerDatabaseError,
    MissingExtraError,
    up.UpError,
)
"""Errors whose message says everything."""

_NOT_THERE = listing.NoSuchRunError | FileRefusedError
"""What was named wrongly: a run, a file of it. It is a mistake in the command, as every other name is."""


_OF_WHAT_WAS_GIVEN = (
    *(ConfigError, ArgumentError, StoreError, RunDirectoryError, NoServerError),
    *(listing.RunError, FileRefusedError),
)


def told(error: Exception, verb: str, given: Mapping[str, Any]) -> int | None:
    """Print what went wrong and return the exit code; None: nobody expected this, a traceback is wanted.

    given: the arguments of the verb.
    """
    if isinstance(error, _OF_WHAT_WAS_GIVEN) and (lines := misplaced(verb, given)):
        # What the verb has made of it would only mislead.
        print_problem("\n".join(lines))
        return BAD_INPUT
    if isinstance(error, run_here.InterruptedRunError):
        print_note(f"\n{error}")
        return INTERRUPTED
    if isinstance(error, _TOLD) and not isinstance(error, _NOT_THERE):
        print_problem(str(error))
        return FAILED
    if isinstance(error, CycloptsError):
        print_problem(f"{_misused(error)}\n`fusion {_verb(error)}--help` lists what is available.")
    elif isinstance(error, ValidationError):  # of the settings in the environment
        for one in error.errors():
            name = f"FUSION_{'.'.join(map(str, one['loc'])).upper()}"
            print_problem(f"{name} = {one['input']}: {one['msg']}")
    elif isinstance(error, ConfigError):
        print_problem(f"{_as_typed(error, given)}{catalogue.hint(error)}")
    elif isinstance(error, ArgumentError | StoreError | _NOT_THERE):
        print_problem(str(error))
    else:
        return None
    return BAD_INPUT


def _misused(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        return misread.too_many(error, _verb(error).strip())
    if isinstance(error, CoercionError):
        return misread.not_read(error)
    if isinstance(error, MissingArgumentError):
        return misread.too_few(error)
    if isinstance(error, UnknownCommandError):
        return _unknown_verb(error)
    if isinstance(error, UnknownOptionError):
        return f"{error}{_key_hint(str(error), error)}"
    return str(error)


def _unknown_verb(error: UnknownCommandError) -> str:
    """Return all verbs that may have been meant: those that are spelled alike, or begin or end like it."""
    typed = next(iter(error.unused_tokens or ()), "")
    alike = get_close_matches(typed, SUMMARIES, n=len(SUMMARIES), cutoff=0.7)
    parts = [verb for verb in SUMMARIES if typed and (verb.startswith(typed) or typed in verb)]
    swapped = [verb for verb in SUMMARIES if sorted(verb) == sorted(typed)]  # rnu for run
    near = list(dict.fromkeys([*swapped, *alike, *parts]))
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"unknown command {show(typed)}{hint}"


def _key_hint(said: str, error: CycloptsError) -> str:
    """Return how to set what was given as an option, where that is a key of the settings."""
    found = re.search(r"--([A-Za-z][\w-]*)", said)
    key = found[1].lower().replace("-", "_") if found else ""
    if key not in HOME:
        hint = meant_key(key) if key else ""
        return f"{hint}, each with -s KEY=VALUE" if hint else ""
    if (error.command_chain or ("",))[0] not in ("run", "validate"):
        return f" {key} is a key of the settings: {HOME[key]}.{key}"
    return f" Settings are given with -s: -s {key}=VALUE"


def _as_typed(error: ConfigError, given: Mapping[str, Any]) -> ConfigError:
    """Return the problems with the option that a value was given with, in place of `overrides`."""
    changes, file = given.get("changes") or (), given.get("overrides")
    if not changes and not file:
        return error
    typed = {text.partition("=")[0].rpartition(".")[2].strip().lower() for text in changes}
    return ConfigError(
        problem._replace(source="-s" if not file or problem.key in typed else f"--overrides {file}")
        if problem.source == OVERRIDES
        else problem
        for problem in error.problems
    )


def _verb(error: CycloptsError) -> str:
    return "".join(f"{word} " for word in error.command_chain or ())
