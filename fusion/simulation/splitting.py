"""Blocking probabilities that are too low for a plain simulation, by importance splitting (RESTART).

A trajectory of the network is copied each time it comes nearer to blocking, and a copy ends when it is as far
away again as where it began. What happens after i splittings into R_1, ..., R_i weighs 1 / (R_1 ... R_i), so
that every request counts once in the mean whatever the thresholds are; they decide on the variance alone.

M. Villén-Altamirano, J. Villén-Altamirano, "The Rare Event Simulation Method RESTART: Efficiency Analysis
and Guidelines for Its Application", in: D. Kouvatsos (ed.), Next Generation Internet, LNCS 5233, 2011,
pp. 509-547.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fusion.config.config import Config, ConfigError
from fusion.config.misfits import misfits
from fusion.kernel.arrays import Floats, Int32s, Int64s, State, new_state, new_tally
from fusion.kernel.splitting_loop import (
    Closeness,
    Count,
    Trajectories,
    split_and_serve,
)
from fusion.results.statistics import Estimate, blocking_estimate
from fusion.scenario.inputs import Inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.scenario.traffic import CHUNK, Requests, draw_requests
from fusion.simulation.pool import Stopped, run_tasks, usable_cpus

STRIDE = 4
"""Requests between two looks at the importance, fewer below 40 Erlang: a tenth of a mean holding time.

More requests are cheaper and show less of the way up.
"""

FACTOR = 3
"""Trajectories that go on at a threshold, unless the importance is too coarse for it."""

PILOT_ROUNDS = 12
PILOT_REQUESTS = (100_000, 1_000_000)
"""Least and most requests of a round; in between it is a twentieth of those of the estimate."""

_PILOT_REPLICATION = 1 << 40  # no replication of an estimate has such a number
_LEAST_ROOM = 16
_FEW_RECORDS = 200
_FEW_BLOCKED = 20
_REDRAW_STREAM = 5  # requests are drawn from the streams 0 ... 4 of a replication


class Plan(NamedTuple):
    """How trajectories are split.

    thresholds: importance at which a trajectory is split, rising. factors: int, at least 2, as many of them.
    room: see `importance`; softness: slots by which the room must shrink for a pair to count e times as much.
    trajectories: requests of all trajectories per request of the main one, as the pilot found them.
    """

    thresholds: tuple[float, ...]
    factors: tuple[int, ...]
    room: int
    softness: float
    stride: int
    trajectories: float


class Split(NamedTuple):
    """What one replication counted after its warm-up.

    requests: served by the main trajectory. requests_by_level, blocked_by_level: int64[level], of all
    trajectories, not weighted; level 0 is below the first threshold. excursions: of the main trajectory from
    level 0; blocked_excursions: those in which it or a copy met blocking.
    """

    replication: int
    requests: int
    weighted_blocked: float
    requests_by_level: Int64s
    blocked_by_level: Int64s
    excursions: int
    blocked_excursions: int


class RareEstimate(NamedTuple):
    """A blocking probability with its two-sided interval over replications, and what it took.

    requests: all that were served, with warm-ups and pilot; pilot_requests: in the pilot. main_requests:
    measured ones of the main trajectories. blocked: seen in all trajectories, not weighted. excursions,
    blocked_excursions: see `Split`; fewer than some 30 blocked ones are too few for the interval to be
    relied upon. plan: thresholds and factors; without any it was a plain simulation.
    """

    erlang: float
    blocking_probability: float
    ci_lower: float
    ci_upper: float
    replications: int
    requests: int
    pilot_requests: int
    main_requests: int
    blocked: int
    excursions: int
    blocked_excursions: int
    plan: Plan

    @property
    def relative_precision(self) -> float:
        """Half the width of the interval over the estimate; NaN where nothing was blocked."""
        return Estimate(
            self.blocking_probability, self.ci_lower, self.ci_upper, self.replications
        ).relative_precision


def estimate_rare_blocking(
    config: Config,
    inputs: Inputs,
    load: float,
    stopped: Callable[[], bool] = lambda: False,
) -> RareEstimate:
    """Estimate the blocking probability at a load in Erlang by importance splitting.

    Of the config, `max_iters` is the number of replications and `num_requests` what each may spend on all its
    trajectories after the warm-up, about; the pilot comes on top. stopped: asked between chunks. The result
    depends on config, inputs and load alone, not on `workers`. Raises ValueError for a load or a number of
    replications with which there is no estimate, ConfigError for what splitting does not go with, Stopped,
    and WorkerDiedError.
    """
    if problems := misfits(config, "splitting"):
        raise ConfigError(problems)
    replications = config.general_settings.max_iters
    if not (math.isfinite(load) and load > 0.0):
        raise ValueError(f"load is {load}: must be a number of Erlang above 0")
    if replications < 2:
        raise ValueError(
            f"max_iters is {replications}: must be at least 2, or there is no interval"
        )
    return estimate_scenario(
        make_scenario(config, inputs),
        load,
        replications,
        config.warmup_requests(load),
        config.statistics_settings.confidence,
        config.simulation_settings.workers or usable_cpus(),
        stopped,
    )


def estimate_scenario(
    scenario: Scenario,
    load: float,
    replications: int,
    warmup_requests: int,
    confidence: float,
    workers: int = 1,
    stopped: Callable[[], bool] = lambda: False,
) -> RareEstimate:
    """Estimate the blocking probability of a scenario as `estimate_rare_blocking` does.

    The estimate is the mean over replications of sum(weight * blocked) / requests of the main trajectory,
    which is unbiased for what the main trajectory would find. The interval is that of `blocking_estimate`:
    Student's t over replications on the logit scale. Nothing blocked gives its upper bound for the requests
    of the main trajectories, which are a plain simulation. workers: processes for the replications. Raises
    Stopped, and WorkerDiedError.
    """
    others = ("service", "failure", "protection", "conventions", "user_policy")
    if there := [name for name in others if getattr(scenario, name) is not None]:
        raise ValueError(f"importance splitting has no loop for a scenario with {there[0]}")
    budget = scenario.num_requests
    plan, pilot = make_plan(scenario, load, warmup_requests, replications * budget, stopped)
    main = max(1, min(budget, round(budget / plan.trajectories)))
    numbers = iter(range(replications))
    work = _Work(scenario, load, warmup_requests, main, plan)
    found = run_tasks(work, lambda: next(numbers, None), workers, stopped)
    done = sorted(found, key=lambda split: split.replication)
    if len(done) < replications:
        raise Stopped
    estimate = blocking_estimate(
        [each.weighted_blocked for each in done], [each.requests for each in done], confidence
    )
    measured = sum(int(each.requests_by_level.sum()) for each in done)
    return RareEstimate(
        erlang=load,
        blocking_probability=estimate.mean,
        ci_lower=estimate.ci_lower,
        ci_upper=estimate.ci_upper,
        replications=replications,
        requests=pilot + measured + replications * warmup_requests,
        pilot_requests=pilot,
        main_requests=sum(each.requests for each in done),
        blocked=sum(int(each.blocked_by_level.sum()) for each in done),
        excursions=sum(each.excursions for each in done),
        blocked_excursions=sum(each.blocked_excursions for each in done),
        plan=plan,
    )


def compile_splitting(config: Config, inputs: Inputs) -> None:
    """Have what estimates of a config need compiled, unless it is in the cache, by serving few requests."""
    plan = Plan((), (), 1, 1.0, STRIDE, 1.0)
    replicate_with_splitting(make_scenario(config, inputs), 1.0, 0, 0, STRIDE, plan)


def replicate_with_splitting(
    scenario: Scenario,
    load: float,
    replication: int,
    warmup_requests: int,
    requests: int,
    plan: Plan,
    stopped: Callable[[], bool] = lambda: False,
) -> Split:
    """Simulate one replication at a load in Erlang, starting from an empty network.

    requests: measured ones of the main trajectory. Without thresholds it meets the requests of
    `replication.replicate` and blocks the same. Raises ValueError for an invalid plan, and Stopped.
    """
    _check(plan)
    split, _ = _simulate(scenario, load, replication, warmup_requests, requests, plan, 0, stopped)
    return split


def _check(plan: Plan) -> None:
    thresholds, factors = plan.thresholds, plan.factors
    if len(thresholds) != len(factors):
        raise ValueError(
            f"{len(thresholds)} thresholds and {len(factors)} factors: as many of each"
        )
    if any(not low < high for low, high in pairwise((-math.inf, *thresholds))):
        raise ValueError(f"thresholds are {thresholds}: they must rise")
    if any(factor < 2 for factor in factors):
        raise ValueError(f"factors are {factors}: each must be at least 2")
    if plan.stride < 1 or plan.room < 1 or not plan.softness > 0.0:
        raise ValueError(
            f"stride is {plan.stride}, room {plan.room} and softness {plan.softness}: "
            "stride and room must be at least 1, softness above 0"
        )


class _Work:
    """Does replications of one estimate; it travels to the workers of a pool once."""

    def __init__(
        self, scenario: Scenario, load: float, warmup_requests: int, requests: int, plan: Plan
    ) -> None:
        self._scenario, self._load, self._plan = scenario, load, plan
        self._warmup_requests, self._requests = warmup_requests, requests

    def __call__(self, task: int, stopped: Callable[[], bool] = lambda: False, /) -> Split:
        return replicate_with_splitting(
            self._scenario,
            self._load,
            task,
            self._warmup_requests,
            self._requests,
            self._plan,
            stopped,
        )


# --- one replication -----------------------------------------------------------------------------


class _Source:
    """Requests of a replication in one stream: every trajectory goes on with those that come next."""

    def __init__(self, scenario: Scenario, load: float, replication: int) -> None:
        self._chunks = draw_requests(
            scenario.traffic, load, scenario.seed, replication, ties=scenario.policy.needs_ties
        )
        self.chunk = next(self._chunks)

    def use(self, count: int) -> None:
        """Take what was served off the chunk, and put the next one behind what is left."""
        rest = self.chunk.part(count, len(self.chunk.arrival))
        more = next(self._chunks)
        self.chunk = Requests(
            np.concatenate([rest.arrival, more.arrival]),
            np.concatenate([rest.holding, more.holding]),
            np.concatenate([rest.pair, more.pair]),
            np.concatenate([rest.bit_rate, more.bit_rate]),
            np.concatenate([rest.tie, more.tie]),
        )

    def skip(self, count: int) -> None:
        """Take what was served off the chunk."""
        self.chunk = self.chunk.part(count, len(self.chunk.arrival))


def _simulate(
    scenario: Scenario,
    load: float,
    replication: int,
    warmup_requests: int,
    requests: int,
    plan: Plan,
    records: int,
    stopped: Callable[[], bool],
) -> tuple[Split, Floats]:
    """Return what a replication counted, and float64[record, 3] as in `Count`."""
    network, policy, traffic = scenario.network, scenario.policy, scenario.traffic
    mean = traffic.mean_holding_time
    state = new_state(network, load, mean, keep_usage=policy.needs_usage)
    levels = len(plan.thresholds) + 1
    saved = State(*(np.empty((levels, *array.shape), dtype=array.dtype) for array in state))
    tally = new_tally(network)
    closeness = _closeness(scenario, plan)
    stream = _redraw_stream(scenario.seed, load, replication)
    source = _Source(scenario, load, replication)

    def run(horizon: int, plan: Plan, records: int) -> tuple[Count, Int64s]:
        trajectories, count = _trajectories(plan, horizon), _new_count(plan, records)
        while True:
            if stopped():
                raise Stopped
            used = split_and_serve(
                network,
                state,
                saved,
                tally,
                trajectories,
                count,
                closeness,
                policy.fit if scenario.assignment is None else None,
                policy.choice,
                plan.stride,
                mean if traffic.holding_distribution == "exponential" else 0.0,
                stream,
                *source.chunk,
                scenario.assignment,
            )
            if trajectories.now[4]:
                source.skip(used)
                return count, trajectories.now
            source.use(used)

    if warmup_requests > 0:
        # In large portions: there is nothing to look at.
        run(warmup_requests, plan._replace(thresholds=(), factors=(), stride=CHUNK), 0)
    count, now = run(requests, plan, records)
    weights = 1.0 / np.cumprod([1.0, *plan.factors])
    split = Split(
        replication=replication,
        requests=requests,
        weighted_blocked=float(count.blocked @ weights),
        requests_by_level=count.requests,
        blocked_by_level=count.blocked,
        excursions=int(count.excursions[0]),
        blocked_excursions=int(count.excursions[1]),
    )
    return split, count.record[: int(now[5])]


def _redraw_stream(seed: int, load: float, replication: int) -> np.random.Generator:
    words = struct.unpack("<II", struct.pack("<d", load))
    key = (*words, replication, _REDRAW_STREAM)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))


def _closeness(scenario: Scenario, plan: Plan) -> Closeness:
    network = scenario.network
    widest, share = _widest(scenario)
    return Closeness(
        widest=widest,
        share=share,
        term=np.exp(-np.arange(plan.room + 1) / plan.softness),
        widest_of_all=int(widest.max()),
        starts=np.zeros_like(network.spectrum),
        scratch=np.zeros((2, network.spectrum.shape[2]), dtype=np.uint64),
    )


def _widest(scenario: Scenario) -> tuple[Int32s, Floats]:
    """Return the slots of the widest request by path, and the shares of pairs that have a path."""
    network, traffic = scenario.network, scenario.traffic
    offered = network.width[:, traffic.bit_rate_shares > 0.0]
    fitting = np.where(offered <= _largest_plane(scenario), offered, 0)
    widest = fitting.max(axis=1)[network.width_row].astype(np.int32)
    pair_of_path = np.repeat(
        np.arange(len(traffic.pair_shares)), np.diff(network.first_path).astype(np.int64)
    )
    carried = np.bincount(pair_of_path, widest, minlength=len(traffic.pair_shares)) > 0
    share = np.where(carried, traffic.pair_shares, 0.0)
    return widest, np.asarray(share / (share.sum() or 1.0), dtype=np.float64)


def _largest_plane(scenario: Scenario) -> int:
    return max(plane.slots for plane in scenario.planes)


def _trajectories(plan: Plan, horizon: int) -> Trajectories:
    levels = len(plan.thresholds) + 1
    return Trajectories(
        threshold=np.array([-math.inf, *plan.thresholds]),
        factor=np.array([1, *plan.factors], dtype=np.int64),
        waiting=np.zeros(levels, dtype=np.int64),
        parent=np.zeros(levels, dtype=np.int64),
        served=np.zeros(levels, dtype=np.int64),
        importance=np.zeros(levels),
        now=np.array([0, 0, 0, horizon, 0, 0, 0], dtype=np.int64),
        shift=np.zeros(1),
    )


def _new_count(plan: Plan, records: int) -> Count:
    levels = len(plan.thresholds) + 1
    return Count(
        requests=np.zeros(levels, dtype=np.int64),
        blocked=np.zeros(levels, dtype=np.int64),
        excursions=np.zeros(2, dtype=np.int64),
        record=np.empty((records, 3)),
    )


# --- the pilot -----------------------------------------------------------------------------------


def make_plan(
    scenario: Scenario,
    load: float,
    warmup_requests: int,
    requests: int,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[Plan, int]:
    """Return where to split, and the requests that a pilot served to find it.

    requests: of the estimate in all. The pilot has random numbers of its own, so the thresholds are constants
    to the estimate. Each round splits at the thresholds of the one before and so sees further up. They are
    put where the share of time above falls by `FACTOR`, which makes all levels equally costly, up to where
    half of the blocking happens. Raises Stopped.
    """
    per_round = int(np.clip(requests // 20, *PILOT_REQUESTS))
    widest, _ = _widest(scenario)
    softness = max(1.0, 0.5 * float(widest.mean()))
    largest = _largest_plane(scenario)
    stride = max(1, min(STRIDE, int(load / 10.0)))
    plan = Plan((), (), min(_LEAST_ROOM, largest), softness, stride, 1.0)
    served = 0
    for number in range(PILOT_ROUNDS):
        horizon = max(stride, round(per_round / plan.trajectories))
        split, record = _simulate(
            scenario,
            load,
            _PILOT_REPLICATION + number,
            warmup_requests,
            horizon,
            plan,
            2 * per_round // stride,
            stopped,
        )
        measured = int(split.requests_by_level.sum())
        served += measured + warmup_requests
        plan = plan._replace(trajectories=measured / horizon)
        # The first threshold must be above what the importance is where all pairs have the largest room.
        lowest = -plan.room / softness + 1e-9  # rounding of a logarithm
        too_coarse = np.mean(record[:, 0] > lowest) < 1.0 / FACTOR
        if too_coarse and not plan.thresholds and plan.room < largest:
            plan = plan._replace(room=min(plan.room + max(2, plan.room // 4), largest))
            continue
        thresholds, factors, enough = _thresholds(record)
        if not thresholds:  # plain simulation, with nothing to look at
            return plan._replace(stride=CHUNK), served
        if thresholds == plan.thresholds and factors == plan.factors:
            return plan, served
        if len(thresholds) <= len(plan.thresholds) and enough:
            return plan, served
        plan = plan._replace(
            thresholds=thresholds,
            factors=factors,
            # What the new levels will cost: as much as a level of the main trajectory, each.
            trajectories=max(plan.trajectories, 1.0 + len(thresholds)),
        )
    return plan, served


def _thresholds(record: Floats) -> tuple[tuple[float, ...], tuple[int, ...], bool]:
    """Return thresholds, factors and whether blocking was seen often enough to know where to stop."""
    order = np.argsort(-record[:, 0], kind="stable")
    value, weight, blocked = record[order].T
    # The last record of equal ones: where the importance is a threshold, all of them are above it.
    last = np.flatnonzero(np.append(value[1:] < value[:-1], True))
    above = np.cumsum(weight)[last] / weight.sum()
    blocking = np.cumsum(weight * blocked)[last]
    seen = bool(blocked.sum() >= _FEW_BLOCKED)
    thresholds: list[float] = []
    factors: list[int] = []
    share = 1.0
    while True:
        at = int(np.searchsorted(above, share / FACTOR, side="right")) - 1
        if at < 0 or last[at] + 1 < _FEW_RECORDS:
            return tuple(thresholds), tuple(factors), seen and at < 0
        if seen and blocking[at] < 0.5 * blocking[-1]:
            return tuple(thresholds), tuple(factors), True
        thresholds.append(float(value[last[at]]))
        factors.append(max(2, round(share / above[at])))
        share = float(above[at])
