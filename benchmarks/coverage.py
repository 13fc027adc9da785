"""What intervals hold, and what pairing saves: `python -m benchmarks.coverage [--runs 1000]` (some minutes).

First the stopping rule `precision`, with its defaults: one run after the other takes replications until the
rule stops it; counted is how many of their 95 % intervals hold the true blocking probability, and beside it
the same for intervals over 10 replications. The truth of links is Erlang B; that of NSFNET is the mean of
all replications, a thousand times as many as a run has. Then differences of two policies on NSFNET with
common random numbers: how many times more replications they would take without, and their coverage.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion import load_config, make_scenario, read_inputs
from fusion.results.comparison import blocking_difference, variance_ratio
from fusion.results.statistics import blocking_estimate
from fusion.results.stopping import Precision
from fusion.scenario.scenario import Scenario
from validation.coverage import coverage_of_fixed, short_replications
from validation.exact import erlang_b
from validation.link_models import RequestClass, link_model

SLOTS = 20
AT_ONCE = 2000  # replications of one task
TEMPLATE = "nsfnet_100_slots"


class Case(NamedTuple):
    """Runs of one setting. load: Erlang; of a link None, as it is found for `blocking`."""

    blocking: float
    load: float | None
    requests: int
    precision: float


CASES = [
    Case(1e-4, None, 15_000, 0.2),
    Case(1e-3, None, 10_000, 0.1),
    Case(1e-3, None, 1_000, 0.2),
    Case(1e-2, None, 5_000, 0.1),
    Case(0.05, None, 2_000, 0.05),
    Case(0.2, None, 1_000, 0.05),
    Case(math.nan, 110.0, 12_000, 0.2),
    Case(math.nan, 140.0, 10_000, 0.1),
    Case(math.nan, 200.0, 5_000, 0.05),
    Case(math.nan, 300.0, 8_000, 0.05),
]
PAIRS: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "path_order: hops, km": ({"path_order": "hops"}, {"path_order": "km"}),
    "k_paths: 5, 1": ({"k_paths": 5}, {"k_paths": 1}),
    "path_choice: all, in_order": ({"path_choice": "all"}, {"path_choice": "in_order"}),
    "allocation_method: first_fit, random_fit": (
        {"allocation_method": "first_fit"},
        {"allocation_method": "random_fit"},
    ),
}


def load_of(blocking: float) -> float:
    """Return the load in Erlang at which a link of SLOTS slots blocks so much, by bisection."""
    low, high = 0.0, 10.0 * SLOTS
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if erlang_b(SLOTS, middle) < blocking else (low, middle)
    return middle


def nsfnet(changes: dict[str, object]) -> Scenario:
    fit = {name: value for name, value in changes.items() if name == "allocation_method"}
    routing = {name: value for name, value in changes.items() if name != "allocation_method"}
    config = load_config(TEMPLATE, {"routing_settings": routing, "general_settings": fit})
    return make_scenario(config, read_inputs(config))


def blocked_in(
    load: float, requests: int, changes: dict[str, object] | None, stream: int
) -> NDArray[np.int64]:
    """Return int64[AT_ONCE], blocked requests per replication; changes: of NSFNET, None: a link."""
    if changes is None:
        one = RequestClass(load, 1, [[0]])
        scenario, load = link_model([one], [SLOTS], ("first_fit", "in_order"), num_requests=1)
    else:
        scenario = nsfnet(changes)
    return short_replications(scenario, load, math.ceil(20 * load), requests, AT_ONCE, stream)


def stopped(blocked: Iterator[int], case: Case) -> NDArray[np.int64]:
    """Return the replications of one run."""
    rule = Precision(case.precision, 0.0, 0.95, 10, 100_000, 5)
    taken: list[int] = []
    for value in blocked:
        taken.append(value)
        if rule.add(value / case.requests, case.requests):
            break
    return np.array(taken)


def stopping(pool: ProcessPoolExecutor, case: Case, runs: int) -> str:
    load = load_of(case.blocking) if case.load is None else case.load
    changes: dict[str, object] | None = None if case.load is None else {}
    work = partial(blocked_in, load, case.requests, changes)
    all_of_them: list[NDArray[np.int64]] = []

    def values() -> Iterator[int]:
        for first in count(0, 2):
            for found in pool.map(work, (first, first + 1)):
                all_of_them.append(found)
                yield from found.tolist()

    source = values()
    experiments = [stopped(source, case) for _ in range(runs)]
    blocked = np.concatenate(all_of_them)
    truth = case.blocking if case.load is None else float(blocked.mean()) / case.requests
    held = 0
    for taken in experiments:
        estimate = blocking_estimate(taken, [case.requests] * len(taken), 0.95)
        held += estimate.ci_lower <= truth <= estimate.ci_upper
    fixed = coverage_of_fixed(
        blocked[: len(blocked) // 10 * 10].reshape(-1, 10), case.requests, truth
    )
    name = f"link, {load:.2f} E" if case.load is None else f"NSFNET, {load:g} E"
    lower, upper = wilson(held, runs)
    return (
        f"{name:<16} {truth:9.2e} {case.requests:9,} {100 * case.precision:4.0f} % {runs:6}"
        f" {np.mean([len(taken) for taken in experiments]):7.1f}"
        f" {_percent(held / runs):>7} ({_percent(lower)} to {_percent(upper)})"
        f" {_percent(fixed.share):>8} of {fixed.experiments}"
    )


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, J. Am. Stat. Assoc. 22, 1927, 209)."""
    z, p = 1.96, hits / of
    centre = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return centre - half, centre + half


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def pairing(pool: ProcessPoolExecutor, name: str, load: float) -> str:
    requests, experiments = 10_000, 400
    sides = [
        pool.submit(blocked_in, load, requests, changes, stream)
        for changes in PAIRS[name]
        for stream in (0, 1)
    ]
    found = [side.result() for side in sides]
    a, b = np.concatenate(found[:2]), np.concatenate(found[2:])
    offered = np.full(len(a), requests)
    ratio = variance_ratio(a, offered, b, offered)
    truth = (a.mean() - b.mean()) / requests
    held = 0
    for one, other in zip(a.reshape(experiments, -1), b.reshape(experiments, -1), strict=True):
        ten = offered[: len(one)]
        difference = blocking_difference(one, ten, other, ten, 0.95, paired=True)
        held += difference.ci_lower <= truth <= difference.ci_upper
    lower, upper = wilson(held, experiments)
    return (
        f"{name:<42} {load:5g} {a.mean() / requests:9.2e} {b.mean() / requests:9.2e} {ratio:6.1f}"
        f" {_percent(held / experiments):>7} ({_percent(lower)} to {_percent(upper)})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    with ProcessPoolExecutor(2) as pool:
        print(
            f"{'setting':<16} {'blocking':>9} {'requests':>9} {'rule':>6} {'runs':>6} {'mean n':>7}"
            " coverage of the rule       coverage of n = 10"
        )
        for case in CASES:
            print(stopping(pool, case, runs), flush=True)
        print(
            f"\n{'a, b on NSFNET':<42} {'load':>5} {'a':>9} {'b':>9} {'ratio':>6} coverage of n = 10"
        )
        for name in PAIRS:
            for load in (120.0, 160.0, 250.0):
                print(pairing(pool, name, load), flush=True)


if __name__ == "__main__":
    main()
