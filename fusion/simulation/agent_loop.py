"""Event loops in which the agent of a scenario decides."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.kernel.adapted_environment import (
    BLOCKS,
    BY_SERVICE,
    FIRST_BLOCKS,
    PATHS,
    SLOTS,
    Adapted,
)
from fusion.kernel.agent_loop import Deciding, serve_by_agent, serve_connections_by_agent
from fusion.kernel.arrays import Floats, Int32s, Network, State, Tally
from fusion.kernel.network_tape import own_copy
from fusion.kernel.records import Connections, Count, Service
from fusion.kernel.search import FIRST_FIT
from fusion.scenario.agent.fit import layout_of_agent
from fusion.scenario.agent.policy import AgentPolicy
from fusion.scenario.layout import Layout, make_block_view_of, make_view
from fusion.scenario.scenario import Scenario


def _deciding(scenario: Scenario, agent: AgentPolicy, places: int) -> tuple[Layout, Deciding]:
    """Return what an agent decides with. places: numbers of a choice."""
    service = scenario.service
    layout = layout_of_agent(
        agent.about,
        shows_quality=service is not None and service.quality is not None,
        shows_slices=service is not None and service.max_segments > 1,
        shows_failures=scenario.failure is not None,
        slots=scenario.slots_per_link,
    )
    own = layout.of_loop
    kind = {"blocks": BLOCKS, "slots": SLOTS}.get(
        layout.action_kind, FIRST_BLOCKS if agent.fit == FIRST_FIT else PATHS
    )
    return layout, Deciding(
        sight=make_view(scenario, layout),
        tape=own_copy(agent.tape),
        features=agent.features,
        adapted=Adapted(
            actions=kind,
            fit=agent.fit,
            reward=BY_SERVICE,
            may_block=int(agent.about.may_block),
            weight=np.ones(1),
            most_lost=np.ones((1, 1)),
            most=agent.most,
        ),
        capacity=agent.capacity,
        more=make_block_view_of(scenario, layout) if layout.shows_more else None,
        mask=np.zeros(layout.actions, dtype=np.int8),
        shown=np.zeros(own.size, dtype=np.float32),
        own_mask=np.zeros(own.actions, dtype=np.int8),
        choice=np.full((own.actions - 1, places), -1, dtype=np.int32),
        place=np.full((layout.candidates, 2), -1, dtype=np.int32),
    )


class AgentLoop:
    """The plain event loop with an agent, for one replication."""

    def __init__(self, scenario: Scenario, agent: AgentPolicy) -> None:
        """agent: of the scenario."""
        _, self._deciding = _deciding(scenario, agent, 2)

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
        _tie: Floats,
        decision: Int32s,
    ) -> None:
        """Serve requests as `event_loop.serve` does."""
        serve_by_agent(
            *(network, self._deciding, state, tally, sample_every),
            *(arrival, holding, pair, bit_rate, decision),
        )


class AgentConnectionLoop:
    """The loop for connections with an agent, for one replication."""

    def __init__(self, scenario: Scenario, agent: AgentPolicy) -> None:
        """agent: of the scenario."""
        layout, self._deciding = _deciding(scenario, agent, 3)
        self._more = layout.of_loop.more(len(scenario.network.width))
        self._kept: Any = None

    def __call__(
        self,
        network: Network,
        service: Service,
        state: Connections,
        pair_of_path: Int32s,
        tally: Tally,
        count: Count,
        _fit: int,
        _choice: int,
        sample_every: int,
        arrival: Floats,
        holding: Floats,
        pair: Int32s,
        bit_rate: Int32s,
        _tie: Floats,
        decision: Int32s,
    ) -> None:
        """Serve requests as `connection_loop.serve_each` does."""
        if self._kept is None and service.max_segments > 1:
            self._kept = np.empty(len(state.path))
        serve_connections_by_agent(
            *(network, service, state, pair_of_path, tally, count),
            *(self._deciding, self._more, self._kept, sample_every),
            *(arrival, holding, pair, bit_rate, decision),
        )
