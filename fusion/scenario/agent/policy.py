"""A trained agent as the policy of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fusion.config.sections import Config
from fusion.kernel.adapted_environment import LEAST_LOSS, count_most_lost
from fusion.kernel.arrays import Network
from fusion.kernel.capacity import Capacity
from fusion.kernel.network_tape import Tape
from fusion.kernel.search import FIRST_FIT
from fusion.network.planes import Plane
from fusion.scenario.agent.about import About
from fusion.scenario.agent.source import AgentSource
from fusion.scenario.agent.tape import make_tape
from fusion.scenario.assignment import capacity_of_config
from fusion.scenario.policies import path_fit


class AgentPolicy(NamedTuple):
    """An agent that fits its scenario.

    label: name of its file. features: numbers that it is shown. fit: how a lightpath is placed on a path that
    it chooses. capacity: what it or the fit needs to know of it; None: nothing. most: the most capacity that
    a lightpath takes in the empty network.
    """

    label: str
    about: About
    features: int
    tape: Tape
    fit: int
    capacity: Capacity | None
    most: float


def agent_policy_of(
    config: Config, agent: AgentSource | None, network: Network, planes: Sequence[Plane]
) -> AgentPolicy | None:
    """Return the policy of an agent whose `about` is filled in, as `fit.fitted` does. None: there is none."""
    if agent is None:
        return None
    assert agent.about is not None
    tape, _ = make_tape(agent.graph)
    chooses_paths = agent.about.actions == "paths"
    fit = path_fit(config) if chooses_paths else FIRST_FIT
    shows_place = chooses_paths and agent.about.observation == "blocks"
    capacity, most = None, 1.0
    if shows_place or fit == LEAST_LOSS:
        capacity = capacity_of_config(config, network)
    if capacity is not None and shows_place:
        rates = len(config.bit_rate_shares)
        lost = np.ones((len(network.first_path) - 1, rates))
        slots = np.array([plane.slots for plane in planes], dtype=np.int64)
        count_most_lost(network, capacity, slots, rates, lost)
        most = float(lost.max())
    return AgentPolicy(agent.label, agent.about, agent.graph.features, tape, fit, capacity, most)
