"""The event loop of a scenario: the built-in one, or one with a policy of the user's or an agent inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from fusion.kernel.arrays import Floats, Int32s, Network, State, Tally, Words
from fusion.kernel.event_loop import serve
from fusion.kernel.records import Connections, Count, Quality, Service
from fusion.kernel.request import Request
from fusion.kernel.routing import IN_ORDER
from fusion.kernel.user_policy import (
    COLUMN,
    LEFT,
    REQUEST,
    WRONG,
    Asked,
    Chooser,
    PlainChooser,
    gbps_of,
    in_python,
    loop_with,
    make_request,
)
from fusion.scenario.policy.build import chooser_of
from fusion.scenario.policy.rules import PLAIN
from fusion.scenario.policy.trial import Traced, WrongPolicyError
from fusion.scenario.scenario import Scenario
from fusion.scenario.user_policy import UserPolicy
from fusion.simulation.agent_loop import AgentConnectionLoop, AgentLoop
from fusion.simulation.assignment_loop import AssignmentLoop

Serve = Callable[..., None]
"""A function with the arguments of an event loop up to `decision`."""


def event_loop(scenario: Scenario) -> Serve:
    """Return the plain event loop of a scenario, for one replication.

    With a policy of the user's it raises WrongPolicyError for a choice that cannot be made, and for what the
    policy raises.
    """
    if scenario.agent is not None:
        return AgentLoop(scenario, scenario.agent)
    if scenario.assignment is not None:
        return AssignmentLoop(scenario.assignment)
    if scenario.user_policy is None:
        return cast("Serve", serve)
    return UserPolicyLoop(scenario.user_policy, scenario.pairs)


def loop_for_connections(scenario: Scenario, loop: Any) -> Serve:
    """Return one of the loops for connections with the policy of a scenario; it raises as `event_loop` does.

    loop: of `fusion.kernel.connection_loop`.
    """
    if scenario.agent is not None:
        return AgentConnectionLoop(scenario, scenario.agent)
    if scenario.user_policy is None:
        return cast("Serve", loop)
    return UserPolicyConnectionLoop(scenario.user_policy, scenario.pairs, loop)


class _Served(NamedTuple):
    """What a policy is asked in the middle of. quality, state, order: as in `Request`."""

    network: Network
    free: Words
    quality: Quality | None
    state: Connections | None
    order: Int32s | None
    arrival: Floats
    holding: Floats
    pair: Int32s
    bit_rate: Int32s
    tie: Floats


class _Loop:
    """What the event loops with a policy of the user's have in common."""

    def __init__(self, user_policy: UserPolicy, pairs: Sequence[tuple[str, str]]) -> None:
        """pairs: (source, destination) names, for messages."""
        self._user_policy, self._pairs = user_policy, pairs
        self._asked = Asked(user_policy.facts, np.zeros(4, dtype=np.int64))

    def _run(self, work: Callable[[], None], served: _Served) -> None:
        """Serve requests. Raises WrongPolicyError."""
        try:
            work()
        except Exception as error:
            raise self._error(served, error) from None
        if self._asked.at[WRONG]:
            raise self._error(served, None)

    def _request(self, served: _Served) -> Request:
        """Return the request at hand, or the lightpath of it that is asked for."""
        i, column, left = self._asked.at[[REQUEST, COLUMN, LEFT]].tolist()
        if served.state is None:
            column = int(served.bit_rate[i])
        return in_python(
            make_request(
                served.network,
                self._user_policy.facts,
                served.free,
                served.quality,
                served.state,
                served.order,
                int(served.pair[i]),
                column,
                gbps_of(self._user_policy.facts, column, left),
                served.arrival[i],
                served.holding[i],
                served.tie[i] if len(served.tie) else 0.0,
            )
        )

    def _error(self, served: _Served, error: Exception | None) -> WrongPolicyError:
        """Return what is wrong: the policy is asked again in plain Python, with nothing changed since."""
        i, request = int(self._asked.at[REQUEST]), self._request(served)
        try:
            chosen = Traced(self._user_policy.source)(request)
        except WrongPolicyError as wrong:
            told = str(wrong)
        else:
            if error is not None:
                raise error
            label = self._user_policy.source.label
            told = f"{label}: chooses {chosen} in plain Python and another when compiled"
        source, destination = self._pairs[served.pair[i]]
        gbps = self._user_policy.facts.bit_rate_gbps[served.bit_rate[i]]
        part = ""
        if request.bit_rate_gbps != gbps:
            part = f"a lightpath of {request.bit_rate_gbps:g} Gb/s for the "
        return WrongPolicyError(
            f"{told} ({part}request from {source} to {destination}, {gbps:g} Gb/s, at time "
            f"{served.arrival[i]:g})"
        )


class UserPolicyLoop(_Loop):
    """The plain event loop with a policy of the user's."""

    def __init__(self, user_policy: UserPolicy, pairs: Sequence[tuple[str, str]]) -> None:
        """pairs: (source, destination) names, for messages."""
        super().__init__(user_policy, pairs)
        self._chooser = chooser_of(user_policy.source)
        self._loop = serve.py_func if PLAIN else loop_with(serve, self._chooser)

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
        self._run(
            lambda: self._loop(
                *(network, state, tally, None, None, sample_every),
                *requests,
                *(decision, self._chooser, self._asked),
            ),
            _Served(network, state.free, None, None, None, *requests),
        )


class UserPolicyConnectionLoop(_Loop):
    """A loop for connections with a policy of the user's."""

    def __init__(
        self, user_policy: UserPolicy, pairs: Sequence[tuple[str, str]], loop: Any
    ) -> None:
        """pairs: (source, destination) names, for messages. loop: of `fusion.kernel.connection_loop`."""
        super().__init__(user_policy, pairs)
        self._chooser: Chooser | PlainChooser = chooser_of(user_policy.source)
        if PLAIN:
            self._chooser = PlainChooser(self._choose)
        self._plain = chooser_of(user_policy.source).plain
        self._served: _Served | None = None
        self._loop = loop_with(loop, self._chooser)

    def __call__(
        self,
        network: Network,
        service: Service,
        state: Connections,
        pair_of_path: Int32s,
        tally: Tally,
        count: Count,
        _fit: int,
        choice: int,
        sample_every: int,
        arrival: Floats,
        holding: Floats,
        pair: Int32s,
        bit_rate: Int32s,
        tie: Floats,
        decision: Int32s,
    ) -> None:
        """Serve requests as `connection_loop.serve_each` does. Raises WrongPolicyError."""
        requests = (arrival, holding, pair, bit_rate, tie)
        ranked = choice if choice != IN_ORDER else None
        order = None if ranked is None else state.order
        served = _Served(network, state.free, service.quality, state, order, *requests)
        self._served = served
        self._run(
            lambda: self._serve(
                *(network, service, state, pair_of_path, tally, count, None, ranked, sample_every),
                *requests,
                *(decision, self._chooser, self._asked),
            ),
            served,
        )

    def _serve(self, *arguments: Any) -> None:
        try:
            self._loop(*arguments)
        except RuntimeError:
            if isinstance(self._chooser, PlainChooser) and self._chooser.raised is not None:
                raise self._chooser.raised from None
            raise

    def _choose(self) -> tuple[int, int, int]:
        """Choose in plain Python."""
        assert self._served is not None
        path, plane, start = self._plain(self._request(self._served))
        return path, plane, start
