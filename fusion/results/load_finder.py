"""A search for the load at which blocking reaches a target: it says what to simulate next."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from fusion.results.probit import FARTHEST, check_probability, probit
from fusion.results.statistics import blocking_estimate, student_t

FOUND = "found"
BELOW_LOWEST = "below lowest"
ABOVE_HIGHEST = "above highest"
MORE_REQUESTS = "more requests needed"


class Evaluation(NamedTuple):
    """One replication that a search asked for. load: in Erlang."""

    load: float
    replication: int
    blocked: int
    offered: int


class FoundLoad(NamedTuple):
    """What a search found: the load in Erlang at which blocking is `target`, with its two-sided interval.

    status: "found"; "below lowest" or "above highest", where load is NaN; "more requests needed", where the
    estimate is not as precise as wanted, or NaN. requests: offered in all. trace: in the order of the search.
    """

    load: float
    ci_lower: float
    ci_upper: float
    target: float
    status: str
    requests: int
    trace: tuple[Evaluation, ...]

    @property
    def relative_precision(self) -> float:
        """Half the width of the interval over the load."""
        return 0.5 * (self.ci_upper - self.ci_lower) / self.load


Task = tuple[float, int]
"""Load and replication number."""


def find_load(
    simulate: Callable[[float, int], tuple[int, int]],
    target: float,
    *,
    lowest: float,
    highest: float,
    relative_precision: float = 0.01,
    confidence: float = 0.95,
    min_replications: int = 10,
    max_requests: float = 1e9,
) -> FoundLoad:
    """Return the load at which blocking reaches a target, found with few requests.

    simulate: of load in Erlang and replication number, returns blocked and offered requests; it is asked for
    numbers from 0 at each load. The rest as in `search_load`. Raises ValueError.
    """
    search = search_load(
        target,
        lowest=lowest,
        highest=highest,
        relative_precision=relative_precision,
        confidence=confidence,
        min_replications=min_replications,
        max_requests=max_requests,
    )
    try:
        tasks = next(search)
        while True:
            tasks = search.send([simulate(*task) for task in tasks])
    except StopIteration as end:
        found: FoundLoad = end.value
        return found


BEND, BEND_DEVIATION = -1.5, 2.0
"""Second over first derivative of the probit of blocking by the logarithm of the load, and how far it varies.

Measured: 0.2 to -4.9 on Erlang links of 5 to 320 servers with a blocking of 1e-4 to 0.1, -0.8 to -3.6 on
NSFNET.
"""


WIDEST = 20.0
"""Logarithm of the upper over the lower limit of a load beyond which there is no interval."""

NEAR = 4.0
"""Distance up to which replications count, over half of what the two loads are apart."""

LOOK_AHEAD = 5
"""Rounds for which the interval must have stayed narrow, see `stopping.Precision`."""


def search_load(
    target: float,
    *,
    lowest: float,
    highest: float,
    relative_precision: float = 0.01,
    confidence: float = 0.95,
    min_replications: int = 10,
    max_requests: float = 1e9,
) -> Generator[list[Task], Iterable[tuple[int, int]], FoundLoad]:
    """Search for the load at which blocking reaches a target: yield what to simulate, return what was found.

    lowest, highest: loads in Erlang between which it is looked for. relative_precision: half the interval
    over the load at which to stop. min_replications: fewest near the load. max_requests: the search ends with
    the round that reaches it. Each list of loads and replication numbers may be done in any order, in
    parallel; sent back are blocked and offered requests of each, in the order of the list. Deterministic.
    Raises ValueError.

    First single replications narrow the range down to two loads near the target. Then two loads a few
    percent to both sides of the estimate get replications in turn, and move with it: the design that tells
    most of where a line meets the target (Wu, J. Am. Stat. Assoc. 80, 1985, 974). The line is a probit
    regression of all replications near, weighted by their requests (McCullagh, Nelder, Generalized Linear
    Models, 2nd ed., sec. 2.5, with the dispersion of sec. 4.5). The interval is Fieller's of its root
    (Finney, Probit Analysis, 3rd ed., ch. 4) with Student's t, wider by what the `BEND` between the two
    loads may move it. The search stops when the interval has stayed narrow over a look-ahead.
    """
    check_probability("target", target)
    check_probability("confidence", confidence)
    if not 0.0 < lowest < highest < math.inf:
        raise ValueError(
            f"lowest and highest are {lowest} and {highest}: they must be positive and in this order"
        )
    if not relative_precision > 0.0:
        raise ValueError(f"relative_precision is {relative_precision}: it must be more than 0")
    search = _Search(target, lowest, highest, confidence)
    reach = min(0.1, max(0.25 * math.sqrt(relative_precision), 2.0 * relative_precision))

    centre = yield from _bracket(search, reach, max_requests)
    goal, narrow = probit(target), 0
    while search.requests < max_requests:
        # Both loads stay inside the range, even where the target is at its end.
        inner = min(reach, 0.5 * (search.high - search.low))
        centre = min(max(centre, search.low + inner), search.high - inner)
        both = [search.load(centre - inner), search.load(centre + inner)]
        tasks = search.tasks(both * (1 + len(search.near(centre, NEAR * reach)) // 40))
        search.take(tasks, (yield tasks))
        outside = search.outside(both, min_replications)
        if outside is not None:
            return outside
        near = search.near(centre, NEAR * reach)
        line = fit_line(near, centre)
        root = math.nan
        if line is not None:
            root, low, high = line.root(goal, confidence)
            precise = math.exp(high - root) - math.exp(low - root) <= 2.0 * relative_precision
            narrow = narrow + 1 if precise and len(near) >= min_replications else 0
            if narrow >= LOOK_AHEAD:
                return search.found(centre, (root, low, high), FOUND)
            if high == math.inf:  # too little is known of the slope here
                root = search.guess(centre, reach, goal, confidence)
        if math.isnan(root):
            root = reach * search.direction(near)
        if abs(root) > 0.5 * reach:
            centre += min(max(root, -2.0 * reach), 2.0 * reach)
    return search.unfinished(centre, reach, goal, confidence)


def outside_range(
    evaluations: Iterable[Evaluation],
    target: float,
    *,
    lowest: float,
    highest: float,
    confidence: float,
    min_replications: int,
) -> FoundLoad | None:
    """Return that the target is outside of a range, if replications at one of its ends say so already.

    As a search says it that comes to this end; its trace are the replications there.
    """
    everything = list(evaluations)
    for end in (highest, lowest):
        search = _Search(target, lowest, highest, confidence)
        there = [each for each in everything if each.load == end]
        search.take([each[:2] for each in there], [each[2:] for each in there])
        if there and (found := search.outside([end], max(2, min_replications))) is not None:
            return found
    return None


class Line(NamedTuple):
    """Probit of blocking = level + slope * x, fitted to replications.

    variances: of level, of both jointly, of slope. square: level and slope of the line that the same fit
    makes of x².
    """

    level: float
    slope: float
    variances: tuple[float, float, float]
    square: tuple[float, float]
    degrees: int

    def root(self, goal: float, confidence: float) -> tuple[float, float, float]:
        """Return where the line is `goal`, and Fieller's limits; infinite where the slope may be zero.

        A curve that bends by `BEND` is not its chord: root and variance allow for that.
        """
        square = student_t(confidence, self.degrees) ** 2
        of_level, joint, of_slope = self.variances
        chord = (goal - self.level) / self.slope
        # What the fit makes of the square of the distance from the root: half the bend of it is the error.
        sag = 0.5 * (self.square[0] + self.square[1] * chord - chord**2)
        above = self.level - goal - self.slope * BEND * sag
        of_level += (self.slope * BEND_DEVIATION * sag) ** 2
        root = -above / self.slope
        a = self.slope**2 - square * of_slope
        if a <= 0.0:
            return root, -math.inf, math.inf
        b = self.slope * above - square * joint
        c = above**2 - square * of_level
        half = math.sqrt(max(0.0, b * b - a * c)) / a
        low, high = -b / a - half, -b / a + half
        return (root, low, high) if high - low < WIDEST else (root, -math.inf, math.inf)


def fit_line(evaluations: Sequence[Evaluation], centre: float) -> Line | None:
    """Return the probit regression of blocking on the logarithm of the load over e^centre.

    By Fisher scoring. None where it has no maximum, the slope is not positive, or fewer than three
    replications are there. The dispersion is taken as 1 at least: blocked requests come in clusters, never
    more evenly than by chance.
    """
    from scipy.special import ndtr

    n = len(evaluations)
    if n < 3:
        return None
    x = np.log([each.load for each in evaluations]) - centre
    blocked = np.array([each.blocked for each in evaluations], dtype=np.float64)
    offered = np.array([each.offered for each in evaluations], dtype=np.float64)
    share = float(blocked.sum() / offered.sum())
    if share in (0.0, 1.0) or np.ptp(x) == 0.0:
        return None
    design = np.stack([np.ones(n), x])
    line = np.array([probit(share), 0.0])
    for _ in range(50):
        y = line @ design
        if np.abs(y).max() > FARTHEST:
            return None
        p = ndtr(y)
        density = np.exp(-0.5 * y * y) / math.sqrt(2.0 * math.pi)
        spread = p * (1.0 - p)
        information = (design * (offered * density**2 / spread)) @ design.T
        inverse = np.linalg.inv(information)
        step = inverse @ (design @ ((blocked - offered * p) * density / spread))
        line = line + step
        if np.abs(step).max() < 1e-9:
            break
    else:
        return None
    if line[1] <= 0.0:
        return None
    dispersion = max(
        1.0, float(np.sum((blocked - offered * p) ** 2 / (offered * spread))) / (n - 2)
    )
    covariance = dispersion * inverse
    square = inverse @ (design @ (offered * density**2 / spread * x * x))
    return Line(
        float(line[0]),
        float(line[1]),
        (float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])),
        (float(square[0]), float(square[1])),
        n - 2,
    )


class _Search:
    """The replications of a search, and what they say. low, high: logarithms of the ends of the range."""

    def __init__(self, target: float, lowest: float, highest: float, confidence: float) -> None:
        self.low, self.high = math.log(lowest), math.log(highest)
        self.requests = 0
        self.trace: list[Evaluation] = []
        self.target, self._confidence = target, confidence
        self._lowest, self._highest = lowest, highest
        self._next: Counter[float] = Counter()

    def load(self, x: float) -> float:
        """Return e^x in the range, rounded: loads of five digits are easier to read and to find again."""
        if x <= self.low + 1e-9:
            return self._lowest
        if x >= self.high - 1e-9:
            return self._highest
        return min(max(float(f"{math.exp(x):.5g}"), self._lowest), self._highest)

    def tasks(self, loads: Iterable[float]) -> list[Task]:
        """Return the next replication of each load."""
        tasks = []
        for load in loads:
            tasks.append((load, self._next[load]))
            self._next[load] += 1
        return tasks

    def take(self, tasks: list[Task], counts: Iterable[tuple[int, int]]) -> None:
        """Take in the blocked and offered requests of tasks. Raises ValueError."""
        for (load, number), (blocked, offered) in zip(tasks, counts, strict=True):
            if not (0 <= blocked <= offered and offered > 0):
                raise ValueError(
                    f"replication {number} at {load} Erlang has {blocked} of {offered} requests blocked"
                )
            self.trace.append(Evaluation(load, number, blocked, offered))
            self.requests += offered

    def near(self, centre: float, distance: float) -> list[Evaluation]:
        """Return the replications whose load is within a distance, on the logarithmic scale."""
        return [each for each in self.trace if abs(math.log(each.load) - centre) < distance]

    def guess(self, centre: float, reach: float, goal: float, confidence: float) -> float:
        """Return where the target seems to be, from replications farther away; NaN if they do not say."""
        for distance in (4.0, 8.0, 16.0, 32.0):
            line = fit_line(self.near(centre, distance * reach), centre)
            if line is not None:
                root, _, high = line.root(goal, confidence)
                if high < math.inf:
                    return root
        return math.nan

    def direction(self, near: Sequence[Evaluation]) -> int:
        """Return 1 where blocking is clearly under the target, -1 where over it, else 0."""
        blocked = sum(each.blocked for each in near)
        expected = self.target * sum(each.offered for each in near)
        if max(blocked, expected) < 5.0:
            return 0
        return int(blocked < 0.5 * expected) - int(blocked > 2.0 * expected)

    def outside(self, loads: Sequence[float], min_replications: int) -> FoundLoad | None:
        """Return that the target is outside, if blocking at an end of the range says so."""
        # This is asked every round, so it asks for more than the confidence of one question.
        confidence = 1.0 - 0.1 * (1.0 - self._confidence)
        for end in {self._lowest, self._highest} & set(loads):
            there = [each for each in self.trace if each.load == end]
            if len(there) < min_replications:
                continue
            blocked, offered = ([each[place] for each in there] for place in (2, 3))
            estimate = blocking_estimate(blocked, offered, confidence)
            if end == self._highest and estimate.ci_upper < self.target:
                return self.result(math.nan, end, math.inf, ABOVE_HIGHEST)
            if end == self._lowest and estimate.ci_lower > self.target:
                return self.result(math.nan, 0.0, end, BELOW_LOWEST)
        return None

    def found(
        self, centre: float, root_and_limits: tuple[float, float, float], status: str
    ) -> FoundLoad:
        """Return a load and its interval, of which logarithms over e^centre are given.

        An estimate outside of the range does not count.
        """
        load, lower, upper = (math.exp(centre + each) for each in root_and_limits)
        if load > self._highest:
            return self.result(math.nan, lower, upper, ABOVE_HIGHEST)
        if load < self._lowest:
            return self.result(math.nan, lower, upper, BELOW_LOWEST)
        return self.result(load, lower, upper, status)

    def result(self, load: float, lower: float, upper: float, status: str) -> FoundLoad:
        """Return what was found, with what it took."""
        return FoundLoad(load, lower, upper, self.target, status, self.requests, tuple(self.trace))

    def unfinished(self, centre: float, reach: float, goal: float, confidence: float) -> FoundLoad:
        """Return what is known when there may be no more requests."""
        line = fit_line(self.near(centre, NEAR * reach), centre)
        if line is None:
            return self.result(math.nan, 0.0, math.inf, MORE_REQUESTS)
        root, low, high = line.root(goal, confidence)
        if high == math.inf:
            return self.result(math.nan, 0.0, math.inf, MORE_REQUESTS)
        return self.found(centre, (root, low, high), MORE_REQUESTS)


def _bracket(
    search: _Search, reach: float, max_requests: float
) -> Generator[list[Task], Iterable[tuple[int, int]], float]:
    """Close in on the target with single replications; return the logarithm of a load near it."""
    low, high = search.low, search.high
    low_y, high_y = math.nan, math.nan
    goal = probit(search.target)
    while high - low > 2.0 * reach and search.requests < max_requests:
        share = (goal - low_y) / (high_y - low_y)
        share = 0.5 if math.isnan(share) else min(max(share, 0.2), 0.8)
        x = low + share * (high - low)
        tasks = search.tasks([search.load(x)])
        search.take(tasks, (yield tasks))
        _, _, blocked, offered = search.trace[-1]
        y = probit((blocked + 0.5) / (offered + 1.0))
        if blocked >= search.target * offered:
            high, high_y = x, y
        else:
            low, low_y = x, y
        if blocked >= 10 and 0.5 < blocked / offered / search.target < 2.0:
            return x
    return 0.5 * (low + high)
