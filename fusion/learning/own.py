"""A function of the user's that observes or rewards, read and compiled as a policy of the user's is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from fusion.config.config import Config
from fusion.kernel.own_environment import check_reward, size_of
from fusion.kernel.request import Request
from fusion.kernel.user_policy import CompileError, make_request
from fusion.scenario.candidate_paths import candidate_paths
from fusion.scenario.columns import columns_of
from fusion.scenario.inputs import Inputs
from fusion.scenario.policy.build import chooser_of, reads_random
from fusion.scenario.policy.errors import in_words
from fusion.scenario.policy.file import PolicyFileError, read_policy
from fusion.scenario.policy.rules import PLAIN
from fusion.scenario.policy.source import PolicySource
from fusion.scenario.scenario import Scenario
from fusion.scenario.user_policy import UserPolicy, user_policy_of

_ARGUMENTS = {
    "observation": ("the request",),
    "reward": ("the request", "path", "plane", "start"),
}


def is_own(value: Any) -> bool:
    """Return whether an option is a function, or names one as `file.py:function`."""
    return callable(value) or (isinstance(value, str) and ".py:" in value)


def own_function(
    name: str, value: str | Callable[..., Any], config: Config, inputs: Inputs, scenario: Scenario
) -> UserPolicy:
    """Return a function of the user's with what it may know of the network.

    name: of the option, observation or reward. Raises ValueError with what is wrong in its file, or if it
    cannot be compiled.
    """
    if PLAIN:  # print in compiled code would wait for Python for ever
        raise ValueError(
            f"{name}: FUSION_PLAIN_POLICY is set, but a function of an environment is always compiled"
        )
    if callable(value):
        value = _where(name, value)
    try:
        source = read_policy(value, arguments=_ARGUMENTS[name])
    except PolicyFileError as error:
        raise ValueError(f"{name} = {value}: {error}") from None
    if reads_random(source):
        raise ValueError(f"{name} = {value}: it reads request.random, which only a policy has")
    paths = candidate_paths(config, inputs)
    columns = columns_of(config, inputs.modulation, paths)
    own = user_policy_of(config, source, scenario.network, paths, scenario.planes, columns)
    assert own is not None
    if name == "reward":
        _compiled(check_reward, own, scenario)
    return own


def own_size(observer: UserPolicy, scenario: Scenario) -> int:
    """Return how many numbers an observation has. Raises ValueError where it is no tuple of numbers."""
    size: int = _compiled(size_of, observer, scenario)
    return size


def _compiled(check: Callable[..., Any], own: UserPolicy, scenario: Scenario) -> Any:
    try:
        return check(chooser_of(own.source), _any_request(own, scenario))
    except CompileError as error:
        raise ValueError(_in_words(str(error), own.source)) from None
    except (ArithmeticError, AssertionError, IndexError, RuntimeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"{own.source.label}: raises {what}") from None


def _in_words(message: str, source: PolicySource) -> str:
    if found := re.search(r"<(returns .*?)>", message):  # of fusion.kernel.own_environment
        return f"{source.label} {found[1]}"
    place, reason = in_words(message, source.names)
    return f"{place or source.label}: {source.function} cannot be compiled: {reason}"


def _any_request(own: UserPolicy, scenario: Scenario) -> Request:
    network = scenario.network
    free = np.ascontiguousarray(network.spectrum)
    gbps = float(own.facts.bit_rate_gbps[0])
    request: Request = make_request(
        network, own.facts, free, None, None, None, 0, 0, gbps, 0.0, 1.0, 0.0
    )
    return request


def _where(name: str, function: Callable[..., Any]) -> str:
    """Return a function as `file.py:function`."""
    try:
        file = inspect.getsourcefile(function)
    except TypeError:
        file = None
    if file is None or not file.endswith(".py"):
        raise ValueError(f"{name} = {function!r}: must be a function of a file, which is compiled")
    return f"{file}:{function.__name__}"
