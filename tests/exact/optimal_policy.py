"""The least blocking that a policy without knowledge of the future can reach in a small network, exactly.

A Markov decision process: its states are the sets of lightpaths that are up, as in `markov`, and at each
arrival the policy chooses any path, any slots that are free there, or to refuse. Solved by relative value
iteration, which gives a lower and an upper limit of the optimum.
"""

from __future__ import annotations

import numpy as np

from fusion.kernel.arrays import Network
from tests.exact.markov import State, Up
from tests.twin.twin import Spectrum


def least_blocking(network: Network, erlang: list[float]) -> tuple[float, float]:
    """Return limits, 1e-9 apart, of the least blocking probability. erlang: [pair], of its only bit rate."""
    number: dict[State, int] = {frozenset(): 0}
    states: list[State] = [frozenset()]
    spectrum = Spectrum(network)
    first_alike = [spectrum.route.index(route) for route in spectrum.route]
    arrivals: list[tuple[int, int, int]] = []  # pair, from, to
    departures: list[tuple[int, int]] = []

    def place(state: State) -> int:
        if state not in number:
            number[state] = len(states)
            states.append(state)
        return number[state]

    for source, state in enumerate(states):  # grows while it is read
        for up in state:
            spectrum.take(*up)
        for pair in range(len(erlang)):
            for choice in spectrum.choices(pair, 0, "random_fit", "all"):
                one = choice._replace(path=first_alike[choice.path])
                up = Up(one, spectrum.width[choice.path][0])
                arrivals.append((pair, source, place(state | {up})))
        for up in state:
            spectrum.give_back(*up)
            departures.append((source, place(state - {up})))

    size = len(states)
    pair_of, before, after = np.array(arrivals).T
    leaving, left = np.array(departures).T
    rate = sum(erlang) + np.bincount(leaving, minlength=size).max()
    value = np.zeros(size)
    while True:
        gain = np.bincount(leaving, value[left] - value[leaving], minlength=size)
        for pair, load in enumerate(erlang):
            of_pair = pair_of == pair
            best = np.ones(size)  # the cost to refuse
            change = value[after[of_pair]] - value[before[of_pair]]
            np.minimum.at(best, before[of_pair], change)
            gain += load * best
        if gain.max() - gain.min() < 1e-9 * sum(erlang):
            return float(gain.min() / sum(erlang)), float(gain.max() / sum(erlang))
        value += gain / (1.02 * rate)
        value -= value[0]
