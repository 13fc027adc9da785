"""A replication with what only the loop that follows FUSION step by step can do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fusion.kernel.arrays import Tally, new_tally
from fusion.kernel.connections import (
    BLOCKED_BY_QUALITY,
    ENDED,
    GROOMED,
    PARTLY_SERVED,
    SLICED,
    UNSERVED,
    new_count,
)
from fusion.kernel.fusion_full import (
    FIRST,
    GUARD,
    IN_USE,
    LACKED,
    NOISE,
    RECORD,
    ROW,
    SETUPS,
    SHOWN,
    SLICING,
    UNSERVED_GBPS,
    UNTIL,
    Diary,
    Rules,
)
from fusion.kernel.fusion_full_loop import serve_in_full
from fusion.kernel.fusion_loop import LIGHTPATHS, PATH, PLACE, TRANSPONDERS
from fusion.kernel.records import Count
from fusion.network.slicing import PER_GBPS
from fusion.results.measured import Counted
from fusion.scenario.full_as_fusion import new_diary, new_live
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import CHUNK, Requests
from fusion.simulation.pool import Stopped
from fusion.simulation.trajectory_as_fusion import Trajectory

_GROOMED_AS_A_WHOLE = 1


def serve_step_by_step(
    scenario: Scenario, rules: Rules, requests: Requests, stopped: Callable[[], bool]
) -> tuple[Trajectory, Counted]:
    """Serve the requests of a replication. Raises Stopped when `stopped` says yes."""
    number = len(requests.arrival)
    live, diary = new_live(rules, number), new_diary(rules, number)
    tally = new_tally(scenario.network)
    shares = np.empty(int(scenario.candidates.hops.max(initial=1)))
    departure = requests.arrival + requests.holding
    by_departure, ended = np.argsort(departure, kind="stable"), np.zeros(1, dtype=np.int64)
    for start in range(0, number, CHUNK):
        if stopped():
            raise Stopped
        serve_in_full(
            rules,
            live,
            diary,
            tally,
            shares,
            scenario.sample_every,
            start,
            min(start + CHUNK, number),
            requests.arrival,
            requests.holding,
            requests.pair,
            requests.bit_rate,
            by_departure,
            ended,
        )
    records = int(live.cursor[RECORD])
    found = _trajectory(scenario, requests, diary, records)
    count = _count(scenario, rules, requests, diary, found, tally)
    return found, Counted(float(requests.arrival[-1]), tally, count)


def _trajectory(scenario: Scenario, requests: Requests, diary: Diary, records: int) -> Trajectory:
    entries = diary.lightpath[:records]
    rates = {
        int(rate): index for index, rate in enumerate(scenario.lightpaths.bit_rates_gbps.tolist())
    }
    rate = np.array([rates[gbps] for gbps in entries[:, 6].tolist()], dtype=np.int32)
    outcome = diary.outcome[:, [LIGHTPATHS, TRANSPONDERS, PATH, PLACE]].astype(np.int32)
    begin = requests.arrival[entries[:, 0]]
    # What is up at the last departure has ended with it.
    until = diary.measured[:records, UNTIL].copy()
    lasted = until - begin
    use = np.full(records, 100.0)
    known = np.isfinite(lasted) & (lasted > 0)
    carried = diary.measured[:records, IN_USE]
    use[known] = 100.0 * carried[known] / (entries[known, 6] * lasted[known])
    return Trajectory(
        requests,
        outcome,
        diary.outcome[:, UNSERVED_GBPS] * PER_GBPS,
        np.column_stack([entries[:, :4], np.full(records, -1, dtype=np.int32)]),
        diary.links[:, SETUPS].copy(),
        np.column_stack([entries[:, 4], entries[:, 5], rate]).astype(np.int32),
        diary.outcome[:, 4] == _GROOMED_AS_A_WHOLE,
        diary.weight,
        until,
        np.column_stack([diary.measured[:records, SHOWN], use]),
    )


def _count(
    scenario: Scenario,
    rules: Rules,
    requests: Requests,
    diary: Diary,
    found: Trajectory,
    tally: Tally,
) -> Count:
    """Add to a tally what follows from the decisions, and return the rest."""
    records = len(found.lightpath)
    path = diary.outcome[:, PATH]
    blocked = path < 0
    _, of, plane, _, _ = found.lightpath.T
    tally.offered_by_pair[:] = np.bincount(requests.pair, minlength=len(tally.offered_by_pair))
    for which, total in (
        (slice(None), tally.offered_by_bit_rate),
        (blocked, tally.blocked_by_bit_rate),
    ):
        total[:] = np.bincount(requests.bit_rate[which], minlength=len(total))
    tally.blocked_by_pair[:] = np.bincount(
        requests.pair[blocked], minlength=len(tally.blocked_by_pair)
    )
    tally.served_by_path[:] = np.bincount(of, minlength=len(tally.served_by_path))
    tally.served_by_plane[:] = np.bincount(plane, minlength=len(tally.served_by_plane))
    until = diary.measured[:records, UNTIL]
    end = np.minimum(until, requests.arrival[-1])
    busy = (found.made[:, 0] + rules.number[GUARD]) * (
        end - requests.arrival[found.lightpath[:, 0]]
    )
    tally.busy_by_path[:] = np.bincount(of, busy, minlength=len(tally.busy_by_path))
    reachable = _reachable(rules)
    pairs, rates = requests.pair[blocked], requests.bit_rate[blocked]
    tally.events[0] = np.count_nonzero(~reachable[pairs, rates])
    count = new_count()
    lightpaths, transponders = diary.outcome[:, LIGHTPATHS], diary.outcome[:, TRANSPONDERS]
    count.number[GROOMED] = np.count_nonzero(found.groomed)
    count.number[SLICED] = np.count_nonzero(lightpaths > 1)
    left = diary.outcome[:, UNSERVED_GBPS]
    part = ~blocked & (left > 0) & (left < rules.rate[requests.bit_rate, 0])
    count.number[PARTLY_SERVED] = np.count_nonzero(part | (~blocked & (lightpaths < transponders)))
    count.number[UNSERVED] = found.unserved[~blocked].sum()
    over = until <= requests.arrival[-1]
    count.number[ENDED] = np.count_nonzero(over)
    count.number[BLOCKED_BY_QUALITY] = np.count_nonzero(blocked & (diary.outcome[:, LACKED] > 0))
    if found.measured is not None:
        count.use[0] = found.measured[over, 1].sum() / 100.0
    count.noise[0] = diary.measured[:records, NOISE].sum()
    return count


def _reachable(rules: Rules) -> np.ndarray:
    """Return bool[pair, bit rate]: whether there is a path and a format to try, alone or in slices."""
    rates = len(rules.rate)
    alone = rules.tries[:, :, 0, 1] > 0
    for index in range(rates if rules.number[SLICING] else 0):
        if rules.rate[index, 1]:
            lower = rules.tier < rules.rate[index, 0]
            alone[:, index] |= (rules.slices[:, lower, 0, 1] > 0).any(axis=1)
    pairs = len(rules.pair) - 1
    found = np.zeros((pairs, rates), dtype=np.bool_)
    pair = np.repeat(np.arange(pairs), np.diff(rules.pair[:, FIRST]))
    np.logical_or.at(found, pair, alone[rules.path[:-1, ROW]])
    return found
