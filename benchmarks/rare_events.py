"""What importance splitting gains over plain simulation: `python -m benchmarks.rare_events` (ten minutes).

For each setting the work that a relative variance of 1 takes: variance of a replication over the squared
blocking, times its requests, or times its seconds. The gain is that of the plain simulation over that of
splitting, and beside it its 90 % interval by resampling the replications of both. Warm-up and pilot are left
out of both; what the pilot took is the last column. Where a plain simulation would take too long its work is
that of the row above with the blocking of this one, which is marked with *.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion import load_config, make_scenario, read_inputs, replicate
from fusion.scenario.scenario import Scenario
from fusion.simulation.splitting import make_plan, replicate_with_splitting
from validation.exact import erlang_b
from validation.link_models import RequestClass, link_model, warmup_requests

Floats = NDArray[np.float64]

SERVERS = 30
SETTINGS: dict[str, tuple[float, ...]] = {
    "link": (18.9, 16.3, 14.3, 12.7, 11.3, 9.15),
    "nsfnet_100_slots": (116.0, 98.0, 84.0, 73.0, 63.0),
    "nsfnet_320_slots": (508.0, 460.0, 420.0, 390.0, 365.0),
}
PLAIN_REPLICATIONS = 400
MOST_PLAIN = 150_000_000
BLOCKED = 150


class Side(NamedTuple):
    """What was measured. found: float64[replication], blocking; requests: of a replication."""

    found: Floats
    requests: float
    nanoseconds: float

    def work(self, of: Floats | None = None) -> float:
        """Return requests that a relative variance of 1 takes."""
        found = self.found if of is None else of
        return float(found.var(ddof=1) / self.found.mean() ** 2 * self.requests)


def scenario_of(name: str, load: float) -> Scenario:
    if name == "link":
        classes = [RequestClass(load, 1, [[0]])]
        return link_model(classes, [SERVERS], ("first_fit", "in_order"), num_requests=1)[0]
    config = load_config(name)
    return make_scenario(config, read_inputs(config))


def measure_splitting(
    scenario: Scenario, load: float, replications: int, requests: int
) -> tuple[Side, str]:
    warmup = warmup_requests(load)
    plan, pilot = make_plan(scenario, load, warmup, replications * requests)
    main = max(1, round(requests / plan.trajectories))
    start = time.perf_counter()
    done = [
        replicate_with_splitting(scenario, load, number, warmup, main, plan)
        for number in range(replications)
    ]
    seconds = time.perf_counter() - start
    measured = sum(int(each.requests_by_level.sum()) for each in done)
    found = np.array([each.weighted_blocked / each.requests for each in done])
    told = f"{len(plan.thresholds):>6} {plan.trajectories:>6.1f} {pilot / 1e6:>6.1f} M"
    return Side(found, measured / replications, seconds / measured * 1e9), told


def measure_plain(scenario: Scenario, load: float, blocking: float) -> Side | None:
    """Return None where it would take too long."""
    if BLOCKED / blocking > MOST_PLAIN:
        return None
    each = math.ceil(BLOCKED / blocking / PLAIN_REPLICATIONS)
    scenario, warmup = scenario._replace(num_requests=max(each, 10_000)), warmup_requests(load)
    start = time.perf_counter()
    found = [
        replicate(scenario, load, 10_000 + number, warmup).blocking_probability
        for number in range(PLAIN_REPLICATIONS)
    ]
    seconds = time.perf_counter() - start
    total = PLAIN_REPLICATIONS * (scenario.num_requests + warmup)
    return Side(np.array(found), scenario.num_requests, seconds / total * 1e9)


def gain_interval(plain: Side, splitting: Side) -> tuple[float, float]:
    """Return the middle 90 % of the gain over resampled replications."""
    random = np.random.default_rng(1)

    def resampled(side: Side) -> Floats:
        found = random.choice(side.found, (2000, len(side.found)))
        return np.asarray(found.var(axis=1, ddof=1) / side.found.mean() ** 2 * side.requests)

    low, high = np.quantile(resampled(plain) / resampled(splitting), [0.05, 0.95])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=60)
    parser.add_argument("--requests", type=int, default=200_000, help="of all trajectories")
    options = parser.parse_args()
    make_plan(scenario_of("link", 1.0), 1.0, 1, 1)  # compiles
    print(
        f"{'setting':>16} {'Erlang':>7} {'blocking':>9} {'exact':>9} {'+-':>5} {'levels':>6} {'cost':>6} "
        f"{'pilot':>8} {'plain':>9} {'splitting':>9} {'gain in requests':>24} "
        f"{'ns':>5} {'ns':>6} {'in seconds':>10}"
    )
    for name, loads in SETTINGS.items():
        above: tuple[float, Side] | None = None
        for load in loads:
            scenario = scenario_of(name, load)
            ours, told = measure_splitting(scenario, load, options.replications, options.requests)
            p = float(ours.found.mean())
            exact = f"{erlang_b(SERVERS, load):9.2e}" if name == "link" else " " * 9
            error = ours.found.std(ddof=1) / math.sqrt(len(ours.found)) / p
            plain = measure_plain(scenario, load, p)
            if plain is not None:
                above = (float(plain.found.mean()), plain)
                work, mark = plain.work(), " "
                low, high = gain_interval(plain, ours)
            else:
                assert above is not None
                plain = above[1]
                work, mark = plain.work() * above[0] / p, "*"
                low, high = (side * above[0] / p for side in gain_interval(plain, ours))
            gain = work / ours.work()
            print(
                f"{name:>16} {load:>7g} {p:>9.2e} {exact} {100 * error:>5.1f} % {told} {work:>9.2e} "
                f"{ours.work():>9.2e} {gain:>8.2f}{mark}({low:>5.3g} to {high:>6.3g}) "
                f"{plain.nanoseconds:>5.0f} {ours.nanoseconds:>6.0f} "
                f"{gain * plain.nanoseconds / ours.nanoseconds:>10.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
