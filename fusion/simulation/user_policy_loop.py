"""The event loop of a scenario: the built-in one, or one with a policy of the user's inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fusion.kernel.arrays import Floats, Int32s, Network, State, Tally
from fusion.kernel.event_loop import serve
from fusion.kernel.user_policy import REQUEST, WRONG, Asked, in_python, loop_with, make_request
from fusion.scenario.policy.build import chooser_of
from fusion.scenario.policy.rules import PLAIN
from fusion.scenario.policy.trial import Traced, WrongPolicyError
from fusion.scenario.scenario import OwnPolicy, Scenario

Serve = Callable[..., None]
"""A function with the arguments of `event_loop.serve` up to `decision`."""


def event_loop(scenario: Scenario) -> Serve:
    """Return the event loop of a scenario, for one replication.

    With a policy of the user's it raises WrongPolicyError for a choice that cannot be made, and for what the
    policy raises.
    """
    return serve if scenario.own is None else OwnLoop(scenario.own, scenario.pairs)


class OwnLoop:
    """The event loop with a policy of the user's."""

    def __init__(self, own: OwnPolicy, pairs: Sequence[tuple[str, str]]) -> None:
        """pairs: (source, destination) names, for messages."""
        chooser = chooser_of(own.source)
        self._own, self._pairs = own, pairs
        self._loop = serve.py_func if PLAIN else loop_with(serve, chooser)
        self._chooser, self._asked = chooser, Asked(own.facts, np.zeros(2, dtype=np.int64))

    def __call__(
        self,
        network: Network,
        state: State,
        tally: Tally,
        _fit: int,
        _choice: int,
        sample_every: int,
        arrival: Floats,
        holding: Floats,
        pair: Int32s,
        bit_rate: Int32s,
        tie: Floats,
        decision: Int32s,
    ) -> None:
        """Serve requests as `event_loop.serve` does. Raises WrongPolicyError."""
        requests = (arrival, holding, pair, bit_rate, tie)
        at = self._asked.at
        try:
            self._loop(
                *(network, state, tally, None, None, sample_every),
                *requests,
                *(decision, self._chooser, self._asked),
            )
        except Exception as error:
            raise self._error(network, state, requests, int(at[REQUEST]), error) from None
        if at[WRONG]:
            raise self._error(network, state, requests, int(at[REQUEST]), None)

    def _error(
        self, network: Network, state: State, requests: Any, i: int, error: Exception | None
    ) -> WrongPolicyError:
        """Return what is wrong: the policy is asked again in plain Python, with nothing changed since."""
        arrival, holding, pair, bit_rate, tie = requests
        p, b = int(pair[i]), int(bit_rate[i])
        random = tie[i] if len(tie) else 0.0
        request = make_request(
            network,
            self._own.facts,
            state.free,
            p,
            b,
            arrival[i],
            holding[i],
            random,
        )
        try:
            chosen = Traced(self._own.source)(in_python(request))
        except WrongPolicyError as wrong:
            told = str(wrong)
        else:
            if error is not None:
                raise error
            told = f"{self._own.source.label}: chooses {chosen} in plain Python and another when compiled"
        source, destination = self._pairs[p]
        gbps = self._own.facts.bit_rate_gbps[b]
        return WrongPolicyError(
            f"{told} (request from {source} to {destination}, {gbps:g} Gb/s, at time {arrival[i]:g})"
        )
