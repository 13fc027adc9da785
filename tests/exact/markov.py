"""Exact blocking of small networks: the Markov chain of contiguous slots, built and solved.

A state is the set of lightpaths that are up. Arrivals are Poisson and holding times exponential with mean 1,
so every lightpath ends at rate 1, and by PASTA a class is blocked with the probability of the states that
have no room for it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from fusion.kernel.arrays import Network
from tests.twin.twin import Choice, Spectrum


class Up(NamedTuple):
    """A lightpath that is up; its path is the first one of the network over the same links."""

    choice: Choice
    width: int


State = frozenset[Up]


class Chain(NamedTuple):
    """A continuous-time Markov chain.

    rate: float[from, to], off-diagonal. blocks: bool[state, pair], whether the pair finds no room.
    """

    states: list[State]
    rate: csr_array
    blocks: NDArray[np.bool_]


def build_chain(network: Network, erlang: list[float], fit: str, path_choice: str) -> Chain:
    """Return the chain of all states that can be reached from the empty network.

    erlang: [pair], the offered load of its only bit rate.
    """
    spectrum = Spectrum(network)
    first_alike = [spectrum.route.index(route) for route in spectrum.route]
    number: dict[State, int] = {frozenset(): 0}
    states: list[State] = [frozenset()]
    rates: list[tuple[int, int, float]] = []
    blocks: list[list[bool]] = []

    def add_rate(source: int, target: State, rate: float) -> None:
        if target not in number:
            number[target] = len(states)
            states.append(target)
        rates.append((source, number[target], rate))

    for source, state in enumerate(states):  # grows while it is read
        for up in state:
            spectrum.take(*up)
        blocked = []
        for pair, load in enumerate(erlang):
            choices = spectrum.choices(pair, 0, fit, path_choice)
            blocked.append(not choices)
            for choice in choices:
                path = first_alike[choice.path]
                up = Up(choice._replace(path=path), spectrum.width[choice.path][0])
                add_rate(source, state | {up}, load / len(choices))
        for up in state:
            spectrum.give_back(*up)
            add_rate(source, state - {up}, 1.0)
        blocks.append(blocked)

    source_of, target_of, rate_of = zip(*rates, strict=True)
    size = (len(states), len(states))
    rate = coo_array((rate_of, (source_of, target_of)), shape=size).tocsr()
    return Chain(states, rate, np.array(blocks))


def stationary(rate: csr_array) -> NDArray[np.float64]:
    """Return the stationary distribution, float64[state], by power iteration of the uniformised chain.

    The slowest mode decays about as fast as a lightpath, so some hundred steps do.
    """
    leaving = rate.sum(axis=1)
    step = 1.0 / (1.01 * leaving.max())
    entering = rate.T.tocsr()
    distribution = np.full(len(leaving), 1.0 / len(leaving))
    for _ in range(100_000):
        change = entering @ distribution - leaving * distribution
        distribution += step * change
        if np.abs(change).sum() < 1e-13:
            return np.asarray(distribution / distribution.sum())
    raise ArithmeticError("the power iteration did not converge")


def blocking(network: Network, erlang: list[float], fit: str, path_choice: str) -> list[float]:
    """Return the blocking probability of each pair."""
    chain = build_chain(network, erlang, fit, path_choice)
    return [float(p) for p in stationary(chain.rate) @ chain.blocks]
