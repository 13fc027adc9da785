"""Environments with other observations, actions or rewards than those of the event loops for learners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.adapted_environment import (
    BLOCKS,
    BY_BIT_RATE,
    BY_CAPACITY,
    BY_SERVICE,
    FIRST_BLOCKS,
    LEAST_LOSS,
    PATHS,
    SLOTS,
    Adapted,
    Adapting,
    Waiting,
    count_most_lost,
    show_adapted,
    translate,
)
from fusion.kernel.arrays import Int32s, Words
from fusion.kernel.bundle import Bundle
from fusion.kernel.capacity import Capacity
from fusion.kernel.environment_loop import REST
from fusion.kernel.graph_observation import LINK_FEATURES, GraphView
from fusion.kernel.own_environment import reward_own, show_own
from fusion.kernel.search import FIRST_FIT
from fusion.kernel.user_policy import loop_with
from fusion.learning.batch import Batch
from fusion.learning.setting import Setting
from fusion.results.measured import Replication
from fusion.scenario.assignment import capacity_of_config
from fusion.scenario.layout import make_block_view_of
from fusion.scenario.policies import path_fit
from fusion.scenario.policy.build import chooser_of

_REWARDS = {"served": BY_SERVICE, "bit_rate": BY_BIT_RATE, "capacity_loss": BY_CAPACITY}


class AdaptedBatch(Batch):
    """A batch around another one, which decides: what goes in and what comes out is changed."""

    def __init__(self, setting: Setting, count: int, inner: Batch) -> None:
        """count: number of environments. inner: as many, with the layout `setting.layout.of_loop`."""
        super().__init__(setting, count)
        scenario, layout = setting.scenario, setting.layout
        network = scenario.network
        self._inner = inner
        self._shows_own = setting.observer is not None
        self._replication = inner._replication
        self.shown = self.shown._replace(ended=inner.shown.ended, free=inner.shown.free)
        is_graph = layout.observation == "graph"
        hops = int(scenario.candidates.hops.max()) if is_graph else 0
        self.down = inner.down
        if is_graph:
            ends = _link_ends(setting)
            self._ends = np.tile(ends, (count, 1, 1))
            self._nodes = np.zeros((count, len(graph_nodes(setting)), 2), dtype=np.float32)
        links = (len(scenario.links), layout.link_size) if is_graph else (0, 0)
        self._adapting = Adapting(
            features=np.empty((count, 0), np.float32) if self._shows_own else self.shown.features,
            links=np.zeros((count, *links), dtype=np.float32),
            path_links=np.empty((count, layout.candidates, hops), dtype=np.int16),
            mask=self.shown.mask,
            reward=self.shown.reward,
            place=np.full((count, layout.candidates, 2), -1, dtype=np.int32),
            action=np.zeros(count, dtype=np.int64),
            weight=np.ones(count),
            lost=np.zeros(count),
        )
        fit = path_fit(setting.config) if layout.action_kind == "paths" else FIRST_FIT
        kind = {"blocks": BLOCKS, "slots": SLOTS}.get(
            layout.action_kind, FIRST_BLOCKS if fit == FIRST_FIT else PATHS
        )
        reward = _REWARDS.get(setting.reward, BY_SERVICE)
        gbps = scenario.lightpaths.bit_rates_gbps
        shares = scenario.traffic.bit_rate_shares
        capacity: Capacity | None = None
        most_lost = np.ones((len(scenario.pairs), len(shares)))
        if reward == BY_CAPACITY or (kind == PATHS and fit == LEAST_LOSS) or layout.shows_place:
            capacity = capacity_of_config(setting.config, network)
        if capacity is not None and (reward == BY_CAPACITY or layout.shows_place):
            slots = np.array([plane.slots for plane in scenario.planes], dtype=np.int64)
            count_most_lost(network, capacity, slots, len(shares), most_lost)
        adapted = Adapted(
            actions=kind,
            fit=fit,
            reward=reward,
            may_block=int(setting.may_block),
            weight=gbps[: len(shares)] / float(shares @ gbps[: len(shares)]),
            most_lost=most_lost,
            most=float(most_lost.max()),
        )
        common = (
            network,
            inner.view,
            adapted,
            inner.waiting(),
            self._adapting,
            capacity,
        )
        more = make_block_view_of(scenario, layout) if layout.shows_more else None
        self._translating = Bundle(*common)
        self._showing = Bundle(*common, more, self._graph_view() if is_graph else None)
        self._calls: tuple[Any, Any] | None = None
        self._own_observation, self._own_reward = self._own_calls()

    @property
    def seen(self) -> Any:
        """As of `Batch`; of the kind `graph` the features are views of those of the kind `blocks`."""
        layout = self._setting.layout
        if layout.observation != "graph":
            return super().seen
        features = self.shown.features
        return {
            "nodes": self._nodes,
            "links": self._adapting.links,
            "ends": self._ends,
            "request": features[:, 2 * len(layout.nodes) : layout.head],
            "paths": layout.paths(features),
            "path_links": self._adapting.path_links,
        }

    def begin(self, environment: int, replication: int) -> None:
        """Do as `Batch.begin` says."""
        self._inner.begin(environment, replication)

    def step(self, action: NDArray[np.integer], task: NDArray[np.int8]) -> int:
        """Do as `Batch.step` says."""
        if self._calls is None:
            self._calls = (
                self._translating.call_of(translate, self._no_action, self.deciding),
                self._showing.call_of(show_adapted, self.deciding),
            )
        translated, showed = self._calls
        action = self._actions(action)
        if not translated(action, task):
            self.check(action)
        if self._own_reward is not None:
            self._own_reward(task)
        ended = self._inner.step(self._adapting.action, task)
        showed(task)
        if self._own_observation is not None:
            self._own_observation(task)
        if self._setting.layout.observation == "graph":
            self._show_graph(task)
        return ended

    def _show_graph(self, task: NDArray[np.int8]) -> None:
        """Write what of the graph the compiled function leaves."""
        nodes = len(self._setting.layout.nodes)
        for end in range(2):
            of_end = self.shown.features[:, end * nodes : (end + 1) * nodes]
            self._nodes[:, :nodes, end] = of_end
        if self.down is not None:
            acting = task != REST
            self._adapting.links[acting, :, LINK_FEATURES] = self.down[acting]

    def waiting(self) -> Waiting:
        """Do as `Batch.waiting` says, of the loop inside."""
        return self._inner.waiting()

    def measured(self, environment: int) -> Replication:
        """Do as `Batch.measured` says."""
        return self._inner.measured(environment)

    def blocking_probability(self) -> NDArray[np.float64]:
        """Do as `Batch.blocking_probability` says."""
        return self._inner.blocking_probability()

    def _free(self) -> Words:
        return self._inner._free()

    def _pair(self) -> Int32s:
        return self._inner._pair()

    def _own_calls(self) -> tuple[Callable[..., Any] | None, Callable[..., Any] | None]:
        """Return what a function of the user's is called with for each environment: observation, reward."""
        setting, network = self._setting, self._setting.scenario.network
        waiting, calls = self._inner.waiting(), list[Callable[..., Any] | None]()
        for own, loop, others in (
            (setting.observer, show_own, (self.shown.features,)),
            (setting.rewarder, reward_own, (self._inner.view, self._adapting)),
        ):
            if own is None:
                calls.append(None)
                continue
            chooser = chooser_of(own.source)
            compiled, first = loop_with(loop, chooser), (network, own.facts, waiting, *others)

            def call(task: Any, compiled: Any = compiled, first: Any = (*first, chooser)) -> None:
                compiled(*first, task)

            calls.append(call)
        return calls[0], calls[1]

    def _graph_view(self) -> GraphView:
        scenario = self._setting.scenario
        slots = np.bitwise_count(scenario.network.spectrum).sum(axis=(0, 2)).astype(np.float64)
        km = np.array(scenario.link_km, dtype=np.float64)
        return GraphView(
            length=km / (km.max(initial=0.0) or 1.0),
            link_slots=slots,
            most_slots=float(slots.max()),
            largest=float(max(plane.slots for plane in scenario.planes)),
        )


def graph_nodes(setting: Setting) -> tuple[str, ...]:
    """Return the nodes of the kind `graph`: those of the layout, then those that only pass light through."""
    of_links = (name for link in setting.scenario.links for name in link)
    return tuple(dict.fromkeys((*setting.layout.nodes, *of_links)))


def _link_ends(setting: Setting) -> NDArray[np.int16]:
    """Return int16[link, 2]: the nodes at the ends of each link, by their number in `graph_nodes`."""
    number = {name: index for index, name in enumerate(graph_nodes(setting))}
    ends = [[number[name] for name in link] for link in setting.scenario.links]
    return np.array(ends, dtype=np.int16)
