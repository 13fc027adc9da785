"""Learn which path to take, in ten seconds: `python examples/learn_paths.py`.

An agent scores each candidate path by a weighted sum of its features, and takes the best one that has room,
with first fit on it. The weights are found by the cross-entropy method (R. Y. Rubinstein, Methodol. Comput.
Appl. Probab. 1, 1999, pp. 127-190): of 64 random ones, each in an environment of its own with the same
requests, the dozen that blocks least determines where the next 64 are drawn. On requests that it has not
seen, the agent is then compared with one that takes any path with room at random, and with first fit on the
first one (kspff).
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.learning import EonVectorEnv, evaluate

TEMPLATE, LOAD = "quick", 200.0
SHOWN = ("hops", "width", "free slots", "largest block", "mean block", "first start", "its block")
POPULATION, BEST = 64, 12
UNSEEN = range(32)
SEEN_FROM = 1000


def parse() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generations", type=int, default=12)
    parser.add_argument("--requests", type=int, default=3000, help="measured, of a replication")
    return parser.parse_args()


def first_possible(observations: Any, masks: NDArray[np.int8]) -> NDArray[np.int64]:
    """Take the first path in order that has room."""
    return masks.argmax(axis=1)


class AnyPossible:
    """Take any action of the mask."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(1)

    def __call__(self, observations: Any, masks: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return an action for each environment."""
        return (self._random.random(masks.shape) * masks).argmax(axis=1)


class ByScore:
    """Take the path with the highest score; the last action, which blocks, only where there is no other."""

    def __init__(self, env: EonVectorEnv, weights: NDArray[np.float64]) -> None:
        """weights: float64[feature of a path], or one row for each environment."""
        self._layout, self._weights = env.layout, weights

    def __call__(self, observations: Any, masks: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return an action for each environment."""
        score = (self._layout.paths(observations) * self._weights[..., None, :]).sum(axis=-1)
        possible = np.where(masks[:, :-1] == 1, score, -np.inf).argmax(axis=1)
        return np.where(masks[:, :-1].any(axis=1), possible, self._layout.actions - 1)


def blocking(env: EonVectorEnv, agent: ByScore, replication: int) -> NDArray[np.float64]:
    """Return what each environment blocked, all with the requests of one replication."""
    observations, infos = env.reset(options={"replication": [replication] * env.num_envs})
    while "blocking_probability" not in infos:
        observations, _, _, _, infos = env.step(agent(observations, infos["action_mask"]))
    return infos["blocking_probability"]


def learn(env: EonVectorEnv, generations: int) -> NDArray[np.float64]:
    """Return the weights that block least."""
    random = np.random.default_rng(0)
    mean, spread = np.zeros(len(SHOWN)), np.ones(len(SHOWN))
    for generation in range(generations):
        weights = random.normal(mean, spread, (POPULATION, len(SHOWN)))
        blocked = blocking(env, ByScore(env, weights), SEEN_FROM + generation)
        best = np.argsort(blocked, kind="stable")[:BEST]
        mean, spread = weights[best].mean(axis=0), weights[best].std(axis=0) + 0.02
        print(
            f"generation {generation + 1:>2}: best {blocked.min():.4f}, mean {blocked.mean():.4f}"
        )
    return mean


def main() -> None:
    """Learn, and compare."""
    options = parse()
    overrides = {"general_settings": {"num_requests": options.requests}}
    # While it learns, first fit fills the network before each episode.
    env = EonVectorEnv(POPULATION, TEMPLATE, overrides, load=LOAD, warm_up="policy")
    weights = learn(env, options.generations)
    print("weights:", ", ".join(f"{what} {w:+.2f}" for what, w in zip(SHOWN, weights, strict=True)))

    agents = {"random": AnyPossible(), "first": first_possible, "learned": ByScore(env, weights)}
    found = {
        name: evaluate(agent, TEMPLATE, overrides, load=LOAD, replications=UNSEEN)
        for name, agent in agents.items()
    }
    for name, done in found.items():
        p = done.blocking_probability
        print(f"{name:>8}: blocking {p.mean:.4f} [{p.ci_lower:.4f}, {p.ci_upper:.4f}]")
    difference = found["learned"].minus(found["first"])
    print(
        f"learned - first: {difference.mean:+.4f}, {difference.verdict_between('learned', 'first')}"
    )


if __name__ == "__main__":
    main()
