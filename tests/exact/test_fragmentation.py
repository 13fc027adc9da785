"""Fragmentation and utilisation of a small link, against the Markov chain of its slots."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fusion.results.statistics import mean_estimate
from fusion.simulation.replication import replicate
from validation.link_models import RequestClass, link_model, warmup_requests


def stationary(slots: int, erlang: float) -> dict[tuple[int, ...], float]:
    """Return the probability of each set of taken slots: width 1, first fit, unit holding time."""
    states = list(itertools.product((0, 1), repeat=slots))
    number = {state: index for index, state in enumerate(states)}
    rates = np.zeros((len(states), len(states)))
    for state in states:
        for slot, taken in enumerate(state):
            if taken:
                left = (*state[:slot], 0, *state[slot + 1 :])
                rates[number[state], number[left]] += 1.0
        if 0 in state:
            first = state.index(0)
            taken_more = (*state[:first], 1, *state[first + 1 :])
            rates[number[state], number[taken_more]] += erlang
    generator = rates - np.diag(rates.sum(axis=1))
    equations = np.vstack([generator.T, np.ones(len(states))])
    wanted = np.append(np.zeros(len(states)), 1.0)
    probability = np.linalg.lstsq(equations, wanted, rcond=None)[0]
    return dict(zip(states, probability, strict=True))


def fragmentation(state: tuple[int, ...]) -> float:
    runs = [len(list(run)) for taken, run in itertools.groupby(state) if not taken]
    return 1.0 - max(runs) / sum(runs) if runs else 0.0


def test_time_means_of_a_link_are_exact() -> None:
    chain = stationary(3, 0.5)
    exact = sum(p * fragmentation(state) for state, p in chain.items())
    busy = sum(p * sum(state) / 3 for state, p in chain.items())
    assert exact == pytest.approx(0.02311, abs=5e-6)

    scenario, load = link_model(
        [RequestClass(0.5, 1, [[0]])], [3], ("first_fit", "in_order"), num_requests=200_000
    )
    scenario = scenario._replace(sample_every=1)
    done = [replicate(scenario, load, number, warmup_requests(load)) for number in range(20)]
    sampled = mean_estimate([each.links.fragmentation[0] for each in done], 0.99)
    used = mean_estimate([each.links.utilisation[0] for each in done], 0.99)
    assert sampled.ci_lower < exact < sampled.ci_upper
    assert used.ci_lower < busy < used.ci_upper
