"""The load at which the blocking probability reaches a target: from loads that are there, or searched for.

Everything is done on the probit scale over the logarithm of the load. On Erlang links of 20 to 320 servers
and on NSFNET, blocking bends less there than on the scale of its logarithm or its logit; on smaller links it
hardly bends on any.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusion.results.comparison import quantile_of_t, side_of, welch_degrees
from fusion.results.statistics import blocking_estimate, upper_bound_of_zero

Floats = NDArray[np.float64]
Curves = Callable[[Floats], Floats]

INSIDE = "inside"
BELOW = "below all loads"
ABOVE = "above all loads"
NO_REPLICATIONS = "no replications"

FOUND = "found"
BELOW_LOWEST = "below lowest"
ABOVE_HIGHEST = "above highest"
MORE_REQUESTS = "more requests needed"


class LoadAt(NamedTuple):
    """The load in Erlang at which blocking is `target`, with its two-sided interval.

    status: "inside"; "below all loads" or "above all loads", where load is NaN and the interval open to that
    side (0 or inf); "no replications". A limit is 0 or inf wherever the loads do not bound it, and both are
    NaN where a load has one replication, which has no spread.
    """

    load: float
    ci_lower: float
    ci_upper: float
    target: float
    status: str


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

POINTS = 64
"""Loads between two neighbours at which the interval is looked for."""


def load_at(
    loads: Sequence[float],
    blocked: Sequence[ArrayLike],
    offered: Sequence[ArrayLike],
    target: float,
    confidence: float,
) -> LoadAt:
    """Return the load at which the blocking probability reaches a target.

    loads: in Erlang, rising. blocked, offered: per load a float64[replication]. Raises ValueError.

    Blocking is made to rise with the load (isotonic regression, weighted by offered requests: Barlow et
    al., Statistical Inference under Order Restrictions, 1972) and interpolated by a monotone cubic
    (Fritsch, Butland, SIAM J. Sci. Stat. Comput. 5, 1984, 300). With loads 12 % apart its error on Erlang
    links of 5 to 320 servers is 0.13 % of the load at most, mostly 0.02 %, that of straight lines up to 0.9
    %. It is not part of the interval.

    The interval holds the loads where the interpolated blocking differs from the target by less than
    Student's t, after Fieller (J. R. Stat. Soc. B 16, 1954, 175). Replications at other loads have other
    random numbers, also those of the same number, so the variance there is the sum of those of the loads
    around, each times the square of its weight, with Satterthwaite's degrees of freedom. A band between the
    intervals of the loads would be up to 1.4 times too wide.

    Loads where nothing is blocked give upper bounds: the interval reaches down to where a line through the
    bounds meets the target, and up to the first load with more. Between these two the estimate takes half a
    blocked request for none.
    """
    _check_probability("target", target)
    if not len(loads) == len(blocked) == len(offered):
        raise ValueError(
            f"{len(loads)} loads, {len(blocked)} of blocked and {len(offered)} of offered: as many of each"
        )
    if any(not 0.0 < load < math.inf for load in loads) or any(np.diff(loads) <= 0.0):
        raise ValueError(f"loads are {list(loads)}: they must be positive, rising, and each once")
    levels = _levels(loads, blocked, offered)
    if not levels:
        return LoadAt(math.nan, math.nan, math.nan, target, NO_REPLICATIONS)
    none = [level for level in levels if level.probability == 0.0]
    some = levels[len(none) :]
    goal = _probit(target)
    bounds = _Bounds(none, confidence)
    if not some:
        lower = bounds.lower_limit(goal, math.inf, math.inf)
        return LoadAt(math.nan, lower, math.inf, target, ABOVE)
    curve = _Interpolation(some, confidence)
    first = float(curve.x[0])
    load, status = curve.root(goal), INSIDE
    if goal > curve.y[-1]:
        load, status = math.nan, ABOVE
    elif goal < curve.y[0]:
        load, status = bounds.root(goal, first, float(curve.y[0])), INSIDE
        if not none:
            load, status = math.nan, BELOW
    if any(level.spread_unknown for level in some):
        return LoadAt(load, math.nan, math.nan, target, status)
    lower, upper = curve.limits(goal)
    if lower == 0.0 and none:
        lower = bounds.lower_limit(goal, first, curve.upper_limit_at_first())
    return LoadAt(load, lower, upper, target, status)


class _Level(NamedTuple):
    """Loads whose blocking is estimated as one, because it would fall otherwise.

    requests: offered at each load. variance: of the probability.
    """

    loads: list[float]
    requests: list[float]
    probability: float
    variance: float
    degrees: float

    @property
    def spread_unknown(self) -> bool:
        return not self.variance > 0.0


def _levels(
    loads: Sequence[float], blocked: Sequence[ArrayLike], offered: Sequence[ArrayLike]
) -> list[_Level]:
    """Return the levels of blocking in the order of the loads; a load without replications is left out."""
    from scipy.optimize import isotonic_regression

    sides = [side_of(*counts) for counts in zip(blocked, offered, strict=True)]
    known = [(load, side) for load, side in zip(loads, sides, strict=True) if side.requests > 0.0]
    if not known:
        return []
    weights = np.array([side.requests for _, side in known])
    probability = np.array([side.probability for _, side in known])
    blocks = isotonic_regression(probability, weights=weights).blocks
    levels = []
    for start, stop in pairwise(blocks.tolist()):
        share = weights[start:stop] / weights[start:stop].sum()
        requests = float(weights[start:stop].sum())
        p = float(share @ probability[start:stop])
        # Everything blocked has no probit; it is taken as half a request less.
        p = min(p, 1.0 - 0.5 / requests)
        members = [side for _, side in known[start:stop]]
        terms = share**2 * np.array([side.variance for side in members])
        degrees = np.array([max(1, len(side.residuals) - 1) for side in members])
        variance = float(terms.sum())
        freedom = welch_degrees(terms, degrees) if variance > 0.0 else float(degrees.sum())
        if variance == 0.0:  # equal counts by chance do not prove precision
            variance = p * (1.0 - p) / requests
        names = [load for load, _ in known[start:stop]]
        levels.append(_Level(names, weights[start:stop].tolist(), p, variance, freedom))
    return levels


class _Bounds:
    """What is known at the loads where nothing is blocked."""

    def __init__(self, levels: list[_Level], confidence: float) -> None:
        """levels: without blocking, which is one level or none."""
        self._x = np.log([load for level in levels for load in level.loads])
        # Where more load blocked nothing, less load blocks no more than that: the requests count together.
        requests = np.array([each for level in levels for each in level.requests])
        ahead = requests[::-1].cumsum()[::-1]
        level = 0.5 + 0.5 * confidence  # each limit of the interval fails in half of the cases
        self._upper = np.array(
            [min(_probit(upper_bound_of_zero(each, level)), FARTHEST) for each in ahead]
        )
        self._half = np.array([_probit(0.5 / each) for each in ahead])

    def root(self, goal: float, first: float, y: float) -> float:
        """Return the load where a line from half a blocked request to the first load with more is `goal`.

        first, y: logarithm of that load and probit there.
        """
        if len(self._x) == 0:
            return math.nan
        values = np.append(np.minimum(self._half, y - 1e-9), y)
        return math.exp(float(np.interp(goal, values, np.append(self._x, first))))

    def lower_limit(self, goal: float, first: float, y: float) -> float:
        """Return the load where a line through the bounds is `goal`; 0 where it is not that low.

        first, y: logarithm of the first load with blocking, or inf, and the upper limit there.
        """
        x, values = self._x, self._upper
        if math.isfinite(first):
            x, values = np.append(x, first), np.append(values, y)
        values = np.maximum.accumulate(values)
        if goal < values[0]:
            return 0.0
        return math.exp(float(np.interp(goal, values, x)))


class _Interpolation:
    """Blocking over the loads, on the probit scale over the logarithm of the load, with its uncertainty."""

    def __init__(self, levels: list[_Level], confidence: float) -> None:
        self.x = np.log([load for level in levels for load in level.loads])
        sizes = [len(level.loads) for level in levels]
        y = np.array([_probit(level.probability) for level in levels])
        self.y = np.repeat(y, sizes)
        slope = np.exp(-0.5 * y * y) / math.sqrt(2.0 * math.pi)
        self._deviation = np.sqrt([level.variance for level in levels]) / slope
        self._degrees = np.array([level.degrees for level in levels])
        self._confidence = confidence
        # Derivatives of the curve by each level, as differences: the cubic's slopes have no simple form.
        self._step = 0.1 * np.nan_to_num(self._deviation, nan=1.0)
        moves = np.repeat(np.diag(self._step), sizes, axis=0)
        self._curves = _monotone(
            self.x, np.column_stack([self.y, self.y[:, None] + moves, self.y[:, None] - moves])
        )
        self._grid = self.x
        if len(self.x) > 1:
            parts = np.linspace(self.x[:-1], self.x[1:], POINTS, endpoint=False, axis=1)
            self._grid = np.append(parts.ravel(), self.x[-1])

    def root(self, goal: float) -> float:
        """Return the load where the curve is `goal`, the middle of them where it is flat there."""
        y = self._curves(self._grid)[:, 0]
        left = np.interp(goal, y, self._grid)
        right = -np.interp(-goal, -y[::-1], -self._grid[::-1])
        return math.exp(0.5 * float(left + right))

    def upper_limit_at_first(self) -> float:
        """Return the upper limit of the curve at the first load."""
        return float(self._band(self.x[:1])[1][0])

    def limits(self, goal: float) -> tuple[float, float]:
        """Return the lowest and the highest load at which the curve may be `goal`; open ends are 0, inf."""
        lower, upper = self._band(self._grid)
        return (
            _first_crossing(self._grid, upper - goal),
            _last_crossing(self._grid, lower - goal),
        )

    def _band(self, x: Floats) -> tuple[Floats, Floats]:
        """Return the limits of the curve."""
        from scipy.special import stdtrit

        curves = self._curves(x)
        levels = len(self._step)
        derivatives = (curves[:, 1 : 1 + levels] - curves[:, 1 + levels :]) / (2.0 * self._step)
        terms = (derivatives * self._deviation) ** 2
        variance = terms.sum(axis=1)
        degrees = variance**2 / (terms**2 / self._degrees).sum(axis=1)
        half = stdtrit(degrees, 0.5 + 0.5 * self._confidence) * np.sqrt(variance)
        return curves[:, 0] - half, curves[:, 0] + half


def _monotone(x: Floats, y: Floats) -> Curves:
    """Return monotone cubics through points, a column each; constants for one point."""
    if len(x) == 1:
        return lambda at: np.repeat(y, len(at), axis=0)
    from scipy.interpolate import PchipInterpolator

    curves: Curves = PchipInterpolator(x, y, axis=0)
    return curves


def _first_crossing(x: Floats, over: Floats) -> float:
    """Return the load from which on `over` is positive, 0 if it is so from the start.

    x: logarithms of loads. Where it never is, the last load.
    """
    positive = np.flatnonzero(over >= 0.0)
    if len(positive) == 0:
        return math.exp(x[-1])
    if positive[0] == 0:
        return 0.0
    return _zero(x, over, int(positive[0]))


def _last_crossing(x: Floats, over: Floats) -> float:
    """Return the load up to which `over` is negative somewhere, inf if it is so at the end."""
    negative = np.flatnonzero(over <= 0.0)
    if len(negative) == 0:
        return math.exp(x[0])
    if negative[-1] == len(x) - 1:
        return math.inf
    return _zero(x, over, int(negative[-1]) + 1)


def _zero(x: Floats, over: Floats, after: int) -> float:
    """Return the load at which the line from the point before `after` to it is zero."""
    low, high = over[after - 1], over[after]
    share = low / (low - high) if high != low else 0.5
    return math.exp(float(x[after - 1] + share * (x[after] - x[after - 1])))


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

FARTHEST = 8.0
"""Probit of 1 - 6e-16: a fit that goes so far to either side has no maximum."""

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
    _check_probability("target", target)
    _check_probability("confidence", confidence)
    if not 0.0 < lowest < highest < math.inf:
        raise ValueError(
            f"lowest and highest are {lowest} and {highest}: they must be positive and in this order"
        )
    if not relative_precision > 0.0:
        raise ValueError(f"relative_precision is {relative_precision}: it must be more than 0")
    search = _Search(target, lowest, highest, confidence)
    reach = min(0.1, max(0.25 * math.sqrt(relative_precision), 2.0 * relative_precision))

    centre = yield from _bracket(search, reach, max_requests)
    goal, narrow = _probit(target), 0
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
        square = quantile_of_t(confidence, self.degrees) ** 2
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
    line = np.array([_probit(share), 0.0])
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
    goal = _probit(search.target)
    while high - low > 2.0 * reach and search.requests < max_requests:
        share = (goal - low_y) / (high_y - low_y)
        share = 0.5 if math.isnan(share) else min(max(share, 0.2), 0.8)
        x = low + share * (high - low)
        tasks = search.tasks([search.load(x)])
        search.take(tasks, (yield tasks))
        _, _, blocked, offered = search.trace[-1]
        y = _probit((blocked + 0.5) / (offered + 1.0))
        if blocked >= search.target * offered:
            high, high_y = x, y
        else:
            low, low_y = x, y
        if blocked >= 10 and 0.5 < blocked / offered / search.target < 2.0:
            return x
    return 0.5 * (low + high)


def _probit(probability: float) -> float:
    """Return the quantile of the standard normal distribution."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def _check_probability(name: str, value: float) -> None:
    """Raise ValueError for what is not a probability between 0 and 1."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} is {value}: it must be between 0 and 1")
