"""The file per load in the form of the original FUSION, for scripts that read it: <load>_erlang.json.

It has FUSION's names and meanings for what this simulator computes and leaves out the rest. The intervals
are those of the config's confidence with Student's t, where FUSION has 90 % with a normal quantile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusion.results.files import atomic_file
from fusion.results.json_text import to_json
from fusion.results.measured import Replication
from fusion.results.statistics import Estimate, mean_estimate
from fusion.scenario.scenario import Scenario


def load_file_name(load: float) -> str:
    """Return the file name for a load in Erlang."""
    return f"{load:g}_erlang.json" if load == float(f"{load:g}") else f"{load!r}_erlang.json"


def write_load_file(
    path: Path, replications: Sequence[Replication], scenario: Scenario, confidence: float
) -> None:
    """Write the file of one load, atomically."""
    ratios = [each.blocking_probability for each in replications]
    gbps_ratios = [each.bit_rate_blocking_probability for each in replications]
    iterations = {str(each.replication): _iteration(each, scenario) for each in replications}
    # FUSION repeats the list so far in every iteration; the last one holds them all.
    iterations[str(replications[-1].replication)] |= {
        "sim_block_list": ratios,
        "sim_br_block_list": gbps_ratios,
    }
    gbps = mean_estimate(gbps_ratios, confidence)
    record = {
        "iter_stats": iterations,
        "lightpath_utilization": float(np.mean([_utilisation(each) for each in replications])),
        **_moments("blocking", "block", ratios, mean_estimate(ratios, confidence)),
        **_moments("bit_rate_blocking", "bit_rate_block", gbps_ratios, gbps),
    }
    with atomic_file(path) as file:
        file.write(to_json(record) + "\n")


def _moments(name: str, short: str, values: Sequence[float], estimate: Estimate) -> dict[str, Any]:
    half = 0.5 * (estimate.ci_upper - estimate.ci_lower)
    known = len(values) > 1
    return {
        f"{name}_mean": float(np.mean(values)),
        f"{name}_variance": float(np.var(values, ddof=1)) if known else None,
        f"ci_rate_{short}": None if math.isnan(half) else half,
        f"ci_percent_{short}": 2 * half / estimate.mean * 100
        if known and estimate.mean > 0
        else None,
    }


def _utilisation(each: Replication) -> float:
    """Return the mean utilisation of lightpaths in percent: 100 where each carries one request."""
    connections = each.connections
    return 100.0 * connections.lightpath_use / connections.ended if connections.ended else 100.0


def _iteration(each: Replication, scenario: Scenario) -> dict[str, Any]:
    traffic, served = each.traffic, each.served
    by_quality = each.quality.blocked_by_quality
    cores: dict[str, int] = {}
    for plane, count in zip(scenario.planes, served.lightpaths_by_plane, strict=True):
        cores[str(plane.core)] = cores.get(str(plane.core), 0) + int(count)
    rates = [f"{rate:g}" for rate in scenario.lightpaths.bit_rates_gbps]
    blocked = int(traffic.blocked.sum())
    reach = traffic.blocked_out_of_reach / blocked if blocked else None
    return {
        "cores_dict": cores,
        "mods_used_dict": {
            rate: {
                name: int(served.lightpaths_by_format[number, index])
                for number, name in enumerate(scenario.lightpaths.formats)
            }
            for index, rate in enumerate(rates)
        },
        "block_bw_dict": dict(zip(rates, traffic.blocked_by_bit_rate.tolist(), strict=False)),
        "sim_lp_utilization_list": [_utilisation(each)],
        "block_reasons_dict": {
            "distance": reach,
            "congestion": None if reach is None else 1.0 - reach - by_quality / blocked,
            "xt_threshold": by_quality / blocked if blocked else None,
        },
        "hops_mean": served.hops / served.lightpaths if served.lightpaths else None,
        "lengths_mean": round(served.length_km / served.lightpaths, 2)
        if served.lightpaths
        else None,
        "path_index_list": served.lightpaths_by_rank.tolist(),
        **_failures(each, scenario),
        "link_usage_dict": {
            f"{source}-{destination}{name and f' {name}'}": {"utilisation": value}
            for (source, destination, name), value in zip(
                scenario.named_links, each.links.utilisation.tolist(), strict=True
            )
        },
    }


def _failures(each: Replication, scenario: Scenario) -> dict[str, int]:
    """Return what failures did by FUSION's names; who waits for a repair is not lost."""
    if scenario.failure is None:
        return {}
    waits, failures = scenario.failure.restoration == "wait", each.failures
    return {
        "protection_switchovers": failures.switched,
        "failure_induced_blocks": 0
        if waits
        else failures.interrupted - failures.switched - failures.restored,
    }
