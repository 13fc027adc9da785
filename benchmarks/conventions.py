"""Requests per second with FUSION's conventions, beside FUSION's own: `python -m benchmarks.conventions`.

The setting of FUSION's figures: NSFNet, k = 3, first fit, one core of 320 slots, 10,000 requests in a
replication. A replication draws its requests, serves them, and fills FUSION's counters. Of several rounds the
fastest is shown.
"""

from __future__ import annotations

import time
from typing import Any

from fusion import load_config, make_scenario, read_inputs, replicate
from fusion.scenario.requests_as_fusion import draw_requests
from fusion.simulation.replication_as_fusion import trajectory

FUSION_PER_SECOND = (400, 530)
"""Of its default engine, on two cores of a machine like those of the other figures."""

REQUESTS = 10_000
LOAD = 300.0
ROUNDS = 9


def best(run: Any) -> float:
    """Return the seconds of the fastest of some rounds."""
    seconds = []
    for number in range(ROUNDS):
        began = time.perf_counter()
        run(number)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def main() -> None:
    print(f"{REQUESTS:,} requests, {LOAD:g} Erlang; requests/s, and how many times FUSION's 530")
    print(f"{'':>12} {'drawn':>12} {'and served':>12} {'and counted':>12} {'/FUSION':>8}")
    for name, segments in (("no slices", 1), ("4 slices", 4)):
        config = load_config(
            "default",
            {
                "general_settings": {
                    "num_requests": REQUESTS,
                    "max_segments": segments,
                    "erlang_start": LOAD,
                    "erlang_stop": LOAD,
                },
                "topology_settings": {"cores_per_link": 1},
                "routing_settings": {"k_paths": 3},
                "compatibility_settings": {"conventions": "fusion"},
            },
        )
        scenario = make_scenario(config, read_inputs(config))
        conventions = scenario.conventions
        assert conventions is not None
        drawn = best(lambda n, c=conventions: draw_requests(c.stream, LOAD, n))
        served = best(lambda n, c=conventions, s=scenario: trajectory(s, c, LOAD, n))
        counted = best(lambda n, s=scenario: replicate(s, LOAD, n, 0))
        rates = [REQUESTS / seconds for seconds in (drawn, served, counted)]
        print(f"{name:>12} " + " ".join(f"{rate:>12,.0f}" for rate in rates), end=" ")
        print(f"{rates[-1] / FUSION_PER_SECOND[1]:>8,.0f}")
    low, high = FUSION_PER_SECOND
    print(f"{'FUSION':>12} {'':>12} {'':>12} {f'{low}-{high}':>12}")


if __name__ == "__main__":
    main()
