"""The least blocking in the long run by any policy that does not know what is to come.

Requests arrive by Poisson processes and hold for exponential times that no policy knows. On one resource this
is a Markov decision process whose state is how many requests of each width are up: too many states. The bound
is that of its linear program (occupation measures) in which states are told apart by the slots in use alone,
with the balance of each width kept. docs/bounds.md has the proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.simulation.bounds.resources import Needs, Resource

Floats = NDArray[np.float64]

_LUMPED = 3.0
"""f is a line from so many standard deviations of the slots in use below their mean: fewer variables."""
_RARE = 5.0
"""A capacity so many standard deviations above the mean has the bound 0."""


class Flow(NamedTuple):
    """Requests of one width at a resource. slots: what each needs. erlang: offered."""

    slots: int
    erlang: float


def least_long_run(needs: Needs, resources: Sequence[Resource], load: float) -> float:
    """Return a lower bound on the long-run blocking probability of requests.

    load: offered, in Erlang; holding times are exponential. resources: of which no two count the same
    request.
    """
    blocked = float(needs.share[needs.never].sum())
    for resource in resources:
        need = resource.need
        widths = np.unique(need[need > 0]).tolist()
        flows = tuple(
            Flow(width, load * float(needs.share[need == width].sum())) for width in widths
        )
        # Both directions of a cut are often the same problem.
        blocked += least_blocked_erlang(resource.capacity, flows) / load
    return blocked


@lru_cache(64)
def least_blocked_erlang(capacity: int, flows: tuple[Flow, ...]) -> float:
    """Return a lower bound on the requests that are blocked per mean holding time on one resource.

    It solves, for f(slots in use), a number t for each flow and g,

        max g, g <= sum_j erlang_j min(1, f(u + c_j) - f(u) + t_j) - u max_j (f(u) - f(u - c_j) + t_j) / c_j

    for each u. Whatever the solver returns, g is then computed anew from f and t, and is a bound.
    """
    step = int(np.gcd.reduce([flow.slots for flow in flows])) if flows else 1
    c = np.array([flow.slots // step for flow in flows])
    erlang = np.array([flow.erlang for flow in flows])
    capacity //= step
    if not len(c):
        return 0.0
    mean, deviation = float(erlang @ c), float(np.sqrt(erlang @ c**2))
    if capacity > mean + _RARE * deviation:
        return 0.0  # too little for the solver to tell from nothing
    low = max(0, int(min(mean, capacity) - _LUMPED * deviation))
    f, t = _solve(capacity, c, erlang, low)
    return max(0.0, _certified(capacity, c, erlang, f, t))


def _certified(capacity: int, c: NDArray[np.int64], erlang: Floats, f: Floats, t: Floats) -> float:
    """Return the bound that f, float64[slots in use], and t, float64[flow], prove."""
    used = np.arange(capacity + 1)
    arrivals = np.zeros(capacity + 1)
    departures = np.full(capacity + 1, -np.inf)
    departures[used < c.min()] = 0.0
    for slots, rate, own in zip(c.tolist(), erlang, t, strict=True):
        least = np.ones(capacity + 1)
        if slots <= capacity:
            least[: capacity + 1 - slots] = np.minimum(1.0, f[slots:] - f[:-slots] + own)
            change = used[slots:] / slots * (f[slots:] - f[:-slots] + own)
            departures[slots:] = np.maximum(departures[slots:], change)
        arrivals += rate * least
    return float((arrivals - departures).min())


def _solve(capacity: int, c: NDArray[np.int64], erlang: Floats, low: int) -> tuple[Floats, Floats]:
    """Return f, float64[slots in use], and t, float64[flow]; f is linear below `low`."""
    from scipy.optimize import linprog
    from scipy.sparse import coo_array

    n, flows = capacity - low + 1, len(c)
    below = min(low, int(c.max()) + 1)
    states = np.arange(low - below, capacity + 1)
    # Variables: f(low) ... f(capacity), the slope below, t, accepted[flow, state], departures[state], g.
    slope, own, accepted = n, n + 1, n + 1 + flows
    departures = accepted + flows * len(states)
    bound = departures + len(states)
    rows: list[NDArray[np.int64]] = []
    columns: list[NDArray[np.int64]] = []
    values: list[Floats] = []
    count = 0

    def add(terms: list[tuple[NDArray[np.int64], NDArray[np.int64], Floats]], size: int) -> None:
        """Add inequalities `sum of terms <= 0`: each term has rows, columns and values."""
        nonlocal count
        for row, column, value in terms:
            rows.append(row + count)
            columns.append(np.broadcast_to(column, row.shape))
            values.append(np.broadcast_to(value, row.shape).astype(np.float64))
        count += size

    def of_f(
        used: NDArray[np.int64], factor: Floats
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64], Floats]]:
        """Return the terms of factor x f(used): f itself, or slope x (used - low)."""
        row = np.arange(len(used))
        near = used >= low
        return [
            (row[near], used[near] - low, factor[near]),
            (row[~near], np.full(int((~near).sum()), slope), (factor * (used - low))[~near]),
        ]

    every = np.arange(len(states))
    ones = np.ones(len(states))
    add(
        [
            (every, np.full(len(states), bound), ones),
            (every, departures + every, ones),
            *(
                (every, accepted + flow * len(states) + every, -erlang[flow] * ones)
                for flow in range(flows)
            ),
        ],
        len(states),
    )
    for flow, slots in enumerate(c.tolist()):
        room = every[states + slots <= capacity]
        row, one = np.arange(len(room)), np.ones(len(room))
        add(
            [
                (row, accepted + flow * len(states) + room, one),
                *of_f(states[room] + slots, -one),
                *of_f(states[room], one),
                (row, np.full(len(room), own + flow), -one),
            ],
            len(room),
        )
        some = every[states >= slots]
        row, number = np.arange(len(some)), states[some] / slots
        add(
            [
                *of_f(states[some], number),
                *of_f(states[some] - slots, -number),
                (row, np.full(len(some), own + flow), number),
                (row, departures + some, -np.ones(len(some))),
            ],
            len(some),
        )
    lower, upper = np.full(bound + 1, -np.inf), np.full(bound + 1, np.inf)
    lower[0] = upper[0] = 0.0  # a constant in f changes nothing
    lower[own] = upper[own] = 0.0  # nor does c_j in t_j, which is a slope of f
    upper[accepted:departures] = 1.0
    lower[departures : departures + len(states)][states < c.min()] = 0.0
    objective = np.zeros(bound + 1)
    objective[bound] = -1.0
    matrix = coo_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(count, bound + 1),
    ).tocsr()
    found = linprog(
        objective,
        A_ub=matrix,
        b_ub=np.zeros(count),
        bounds=np.column_stack([lower, upper]),
        method="highs-ds",
    )
    if found.x is None:
        return np.zeros(capacity + 1), np.zeros(flows)
    far = found.x[slope] * (np.arange(low) - low)
    return np.concatenate([far, found.x[:n]]), found.x[own : own + flows]
