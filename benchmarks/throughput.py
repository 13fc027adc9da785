"""Requests per second of one core, drawing the traffic included: `python -m benchmarks.throughput`.

Settings: NSFNET, k = 5, bit rates uniform over 25 ... 100 Gb/s, one spectrum per direction. The policies are
run in turn, round after round. Shown are medians over the rounds, of the time of the processor, and the ratio
to kspff (first fit, paths in order). The last column is what the ratio should not exceed, or how many
requests per second there should be; a star marks a policy that misses it. Then the seconds of each bound
on blocking for a million requests.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from fusion import load_config, make_scenario, read_inputs
from fusion.kernel.arrays import new_state, new_tally
from fusion.kernel.event_loop import NO_DECISIONS
from fusion.scenario.assignment import ASSIGNMENTS
from fusion.scenario.policies import FITS
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import CHUNK, Requests, draw_requests
from fusion.simulation.bounds.bounds import Bounds
from fusion.simulation.bounds.clairvoyant import least_blocked
from fusion.simulation.bounds.reduced_load import reduced_load_blocking
from fusion.simulation.bounds.relaxed import SYSTEMS, relaxed_blocking
from fusion.simulation.user_policy_loop import event_loop

SETTINGS = (("nsfnet_100_slots", 170.0), ("nsfnet_320_slots", 650.0))
ROUNDS = 7
CHUNKS = 60
"""Of a round of kspff; other fits have a sixth of that, and what is not a fit has ASSIGNED_CHUNKS."""
ASSIGNED_CHUNKS = 2
FULL_CHUNKS = 8
BOUND_REQUESTS, BOUND_LOAD = 1_000_000, 500.0

AT_MOST = {("first_fit", "all"): 2.4} | {
    (fit, "in_order"): 2.0 for fit in FITS if fit != "first_fit"
}
"""Ratios to kspff."""

AT_LEAST = {("nsfnet_100_slots", "mscl", "all"): 300_000}
"""Requests per second."""


def make(template: str, fit: str, choice: str) -> Scenario:
    config = load_config(
        template,
        {
            "general_settings": {"allocation_method": fit},
            "routing_settings": {"path_choice": choice},
        },
    )
    return make_scenario(config, read_inputs(config))


class Runner:
    """A simulation past its warm-up that can be carried on and timed."""

    def __init__(self, scenario: Scenario, load: float) -> None:
        self.scenario = scenario
        self.loop = event_loop(scenario)
        policy = scenario.policy
        self.state = new_state(
            scenario.network,
            load,
            scenario.traffic.mean_holding_time,
            keep_usage=policy.needs_usage,
        )
        self.tally = new_tally(scenario.network)
        self.requests = draw_requests(scenario.traffic, load, 1, 0, ties=policy.needs_ties)
        self.carry_on(FULL_CHUNKS)

    def carry_on(self, chunks: int) -> tuple[float, float]:
        """Return nanoseconds per request for drawing the traffic and for the event loop."""
        drawing = serving = 0.0
        scenario, policy = self.scenario, self.scenario.policy
        for _ in range(chunks):
            start = time.thread_time()
            chunk = next(self.requests)
            drawn = time.thread_time()
            self.loop(
                *(scenario.network, self.state, self.tally, policy.fit, policy.choice),
                *(scenario.sample_every, *chunk, NO_DECISIONS),
            )
            drawing += drawn - start
            serving += time.thread_time() - drawn
        per_request = 1e9 / (chunks * CHUNK)
        return drawing * per_request, serving * per_request


def compile_time() -> float:
    """Return the seconds of CPU that the first start on a machine spends on compiling."""
    code = (
        "import benchmarks.throughput as t; t.Runner(t.make('quick', 'first_fit', 'in_order'), 1.0)"
    )
    seconds = [os.times().children_user]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "FUSION_CACHE_DIR": cache}
        for _ in range(2):
            subprocess.run([sys.executable, "-c", code], env=environment, check=True)
            seconds.append(os.times().children_user)
    return (seconds[1] - seconds[0]) - (seconds[2] - seconds[1])


def bound_times(template: str, load: float) -> dict[str, float]:
    """Return the seconds of CPU that each bound takes, with the requests that it is for, once compiled."""
    config = load_config(
        template,
        {
            "general_settings": {
                "num_requests": BOUND_REQUESTS,
                "erlang_start": load,
                "erlang_stop": load,
            },
            "simulation_settings": {"warmup_requests": 0},
        },
    )
    inputs = read_inputs(config)
    scenario = make_scenario(config, inputs)

    def requests(count: int) -> list[Requests]:
        drawn = draw_requests(scenario.traffic, load, scenario.seed, 0, ties=False)
        return list(itertools.islice(drawn, -(-count // CHUNK)))

    def clairvoyant(count: int) -> None:
        bounds = Bounds(config, inputs)
        least_blocked(bounds.needs, bounds.resources(load), requests(count))

    def long_run(_: int) -> None:
        bounds = Bounds(config, inputs)
        bounds.long_run(load, bounds.resources(load))

    works: dict[str, Callable[[int], object]] = {
        "clairvoyant": clairvoyant,
        "long run": long_run,
        "reduced load": lambda _: reduced_load_blocking(scenario, load),
        **{
            system.replace("_", " "): lambda count, system=system: relaxed_blocking(
                scenario, system, iter(()), iter(requests(count))
            )
            for system in SYSTEMS
        },
    }
    seconds = {}
    for name, work in works.items():
        work(CHUNK)
        start = time.process_time()
        work(BOUND_REQUESTS)
        seconds[name] = time.process_time() - start
    return seconds


def rows_of(template: str, load: float) -> Iterator[str]:
    """Yield a line for each policy."""
    names = [(fit, choice) for choice in ("in_order", "all") for fit in (*FITS, *ASSIGNMENTS)]
    chunks = {name: ASSIGNED_CHUNKS if name[0] in ASSIGNMENTS else CHUNKS // 6 for name in names}
    chunks[names[0]] = CHUNKS
    runners = {name: Runner(make(template, *name), load) for name in names}
    times: dict[tuple[str, str], list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name, runner in runners.items():
            times[name].append(runner.carry_on(chunks[name]))
    reference = statistics.median(map(sum, times[names[0]]))
    for name, rounds in times.items():
        drawing, serving = (statistics.median(part) for part in zip(*rounds, strict=True))
        total = statistics.median(map(sum, rounds))
        limit = ""
        if (most := AT_MOST.get(name)) is not None:
            limit = f"at most {most:.1f}{'*' if total > most * reference else ''}"
        if (least := AT_LEAST.get((template, *name))) is not None:
            limit = f"at least {least / 1e6:g} M/s{'*' if 1e9 / total < least else ''}"
        yield (
            f"{', '.join(name):>29} {drawing:>5.0f} ns {serving:>6.0f} ns {total:>6.0f} ns "
            f"{1e3 / total:>8.3f} {total / reference:>7.2f}  {limit}"
        )


def main() -> None:
    for template, load in SETTINGS:
        print(f"\n{template}, {load:g} Erlang, one core, {ROUNDS} rounds of {CHUNKS * CHUNK:,}")
        print(
            f"{'policy':>29} {'traffic':>8} {'loop':>9} {'total':>9} {'M req/s':>8} {'/kspff':>7}  target"
        )
        for row in rows_of(template, load):
            print(row, flush=True)
    template, load = SETTINGS[0][0], BOUND_LOAD
    print(f"\nbounds, {BOUND_REQUESTS:,} requests of {template} at {load:g} Erlang")
    for name, seconds in bound_times(template, load).items():
        print(f"{name:>29} {seconds:>7.2f} s")
    print(f"\ncompiling, once per machine and version: {compile_time():.1f} s")


if __name__ == "__main__":
    main()
