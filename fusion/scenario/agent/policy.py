"""A trained agent as the policy of a scenario."""

from __future__ import annotations

from typing import NamedTuple

from fusion.kernel.network_tape import Tape
from fusion.scenario.agent.about import About
from fusion.scenario.agent.source import AgentSource
from fusion.scenario.agent.tape import make_tape


class AgentPolicy(NamedTuple):
    """An agent that fits its scenario. label: name of its file. features: numbers that it is shown."""

    label: str
    about: About
    features: int
    tape: Tape


def agent_policy_of(agent: AgentSource | None) -> AgentPolicy | None:
    """Return the policy of an agent whose `about` is filled in, as `fit.fitted` does. None: there is none."""
    if agent is None:
        return None
    assert agent.about is not None
    tape, _ = make_tape(agent.graph)
    return AgentPolicy(agent.label, agent.about, agent.graph.features, tape)
