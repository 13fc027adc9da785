"""How much an agent blocks, measured as a policy of the simulator is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.learning.episodes import counted_of
from fusion.learning.setting import ConfigLike
from fusion.learning.vector import EonVectorEnv
from fusion.results.comparison import Difference, blocking_difference
from fusion.results.measured import Replication
from fusion.results.outcome import METRICS, outcome_of
from fusion.results.statistics import Estimate

Agent = Callable[[Any, NDArray[np.int8]], NDArray[np.integer[Any]]]
"""(observations, masks int8[environment, action]) to int[environment], an action for each environment."""

_SIDE_BY_SIDE = 64
_MOST = 1_000_000


class Evaluation(NamedTuple):
    """What an agent did: the replications, as those of the simulator."""

    replications: tuple[Replication, ...]
    confidence: float

    @property
    def blocking_probability(self) -> Estimate:
        """Blocked over offered requests, with its interval over replications."""
        return self.metric("blocking_probability")

    def metric(self, name: str) -> Estimate:
        """Return one of `fusion.results.outcome.METRICS` with its interval over replications.

        Raises KeyError for any other name.
        """
        outcomes = [outcome_of(each) for each in self.replications]
        return METRICS[name].estimate(outcomes, self.confidence)

    def minus(self, other: Evaluation) -> Difference:
        """Return the blocking probability of this agent minus that of another, with its interval.

        By pairs where both met the same requests, in replications of the same numbers at the same load.
        """
        a, b = self.replications, other.replications
        met = [[(each.erlang, each.replication) for each in side] for side in (a, b)]
        return blocking_difference(
            [each.traffic.blocked.sum() for each in a],
            [each.requests for each in a],
            [each.traffic.blocked.sum() for each in b],
            [each.requests for each in b],
            self.confidence,
            paired=met[0] == met[1],
        )


def evaluate(
    agent: Agent,
    config: ConfigLike = "nsfnet_100_slots",
    overrides: Mapping[str, object] | None = None,
    *,
    replications: int | Iterable[int] | None = None,
    **options: Any,
) -> Evaluation:
    """Let an agent decide replications, up to 64 side by side, and return what they measured.

    agent: see `Agent`; it must not learn between two requests. config, overrides, options: those of
    `EonVectorEnv`, such as load. replications: their numbers, or how many, from 0 on; None: max_iters of the
    config. A policy of the simulator meets the same requests in the replications of the same numbers, so the
    two can be compared by pairs. Raises ConfigError, ValueError.
    """
    env = EonVectorEnv(1, config, overrides, **options)
    if replications is None:
        replications = env.setting.config.general_settings.max_iters
    if isinstance(replications, Iterable) and not isinstance(replications, str | bytes):
        numbers = list(replications)
    else:
        numbers = list(range(counted_of("replications", replications, 1, _MOST)))
    if not numbers:
        raise ValueError("replications = []: must name at least one, or say how many")
    done: list[Replication] = []
    for first in range(0, len(numbers), _SIDE_BY_SIDE):
        some = numbers[first : first + _SIDE_BY_SIDE]
        if env.num_envs != len(some):
            env = EonVectorEnv(len(some), config, overrides, **options)
        observation, info = env.reset(options={"replication": some})
        ended = np.zeros(len(some), dtype=np.bool_)
        while not ended.all():  # they all end with the same step
            action = agent(observation, info["action_mask"])
            observation, _, _, ended, info = env.step(np.asarray(action))
        done += [env.measured(row) for row in range(len(some))]
    confidence = env.setting.config.statistics_settings.confidence
    return Evaluation(tuple(done), confidence)
