"""Requests per second of one core, drawing the traffic included: `python -m benchmarks.throughput`.

Settings: NSFNET, k = 5, bit rates uniform over 25 ... 100 Gb/s, one spectrum per direction. The policies are
run in turn, round after round. Shown are medians over the rounds, of the time of the processor, and the ratio
to kspff (first fit, paths in order). The last column is what the ratio should not exceed; a star marks a
policy that does.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

from fusion import load_config, make_scenario, read_inputs
from fusion.kernel.arrays import new_state, new_tally
from fusion.scenario.policies import FITS
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import CHUNK, draw_requests
from fusion.simulation.plain import serve_chunk

SETTINGS = (("nsfnet_100_slots", 170.0), ("nsfnet_320_slots", 650.0))
ROUNDS = 7
CHUNKS = 60
FULL_CHUNKS = 8

AT_MOST = {("first_fit", "all"): 2.4} | {
    (fit, "in_order"): 2.0 for fit in FITS if fit != "first_fit"
}
"""Ratios to kspff."""


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
        for _ in range(chunks):
            start = time.thread_time()
            chunk = next(self.requests)
            drawn = time.thread_time()
            serve_chunk(self.scenario, self.state, self.tally, chunk)
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


def main() -> None:
    for template, load in SETTINGS:
        print(f"\n{template}, {load:g} Erlang, one core, {ROUNDS} rounds of {CHUNKS * CHUNK:,}")
        print(
            f"{'policy':>24} {'traffic':>8} {'loop':>8} {'total':>8} {'M req/s':>8} {'/kspff':>7}"
            f" {'at most':>8}"
        )
        names = [(fit, choice) for choice in ("in_order", "all") for fit in FITS]
        runners = [Runner(make(template, *name), load) for name in names]
        times = [
            [runner.carry_on(CHUNKS if index == 0 else CHUNKS // 6) for _ in (0,)]
            for index, runner in enumerate(runners)
        ]
        for _ in range(ROUNDS - 1):
            for index, runner in enumerate(runners):
                times[index].append(runner.carry_on(CHUNKS if index == 0 else CHUNKS // 6))
        reference = statistics.median(map(sum, times[0]))
        for (fit, choice), rounds in zip(names, times, strict=True):
            drawing, serving = (statistics.median(part) for part in zip(*rounds, strict=True))
            total = statistics.median(map(sum, rounds))
            most = AT_MOST.get((fit, choice))
            limit = "" if most is None else f"{most:.1f}{'*' if total > most * reference else ' '}"
            print(
                f"{fit + ', ' + choice:>24} {drawing:>5.0f} ns {serving:>5.0f} ns {total:>5.0f} ns "
                f"{1e3 / total:>8.2f} {total / reference:>7.2f} {limit:>8}"
            )
    print(f"\ncompiling, once per machine and version: {compile_time():.1f} s")


if __name__ == "__main__":
    main()
