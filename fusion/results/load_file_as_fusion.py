"""The file of a load as the original FUSION writes it, with its name and its values: `300.0_erlang.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, variance
from typing import Any

from fusion.results.files import atomic_file
from fusion.results.measured import Replication
from fusion.results.stopping_as_fusion import half_width


def load_file_name_as_fusion(load: float) -> str:
    """Return the file name for a load in Erlang, which has a decimal point in any case."""
    return f"{float(load)!r}_erlang.json"


def write_load_file_as_fusion(
    path: Path, replications: Sequence[Replication], *, is_training: bool
) -> None:
    """Write the file of one load, atomically. Every iteration is in it."""
    blocking = [each.blocking_probability for each in replications]
    bit_rate_blocking = [each.bit_rate_blocking_probability for each in replications]
    iterations = {}
    for number, each in enumerate(replications, 1):
        record = dict(each.fusion or {})
        record["sim_block_list"] = blocking[:number]
        record["sim_br_block_list"] = bit_rate_blocking[:number]
        iterations[str(each.replication)] = record
    last = iterations[str(replications[-1].replication)]
    utilizations = last["sim_lp_utilization_list"]
    record = {
        "iter_stats": iterations,
        "link_usage": last["link_usage_dict"],
        **_moments("blocking", "block", blocking, is_training=is_training),
        **_moments(
            "bit_rate_blocking", "bit_rate_block", bit_rate_blocking, is_training=is_training
        ),
        "lightpath_utilization": mean(utilizations) if utilizations else None,
    }
    with atomic_file(path) as file:
        json.dump(record, file, indent=4)
        file.write("\n")


def _moments(name: str, short: str, values: list[float], *, is_training: bool) -> dict[str, Any]:
    """Return mean, variance and interval; null while a learner trains, the last two 0 of a mean of 0."""
    keys = (f"{name}_mean", f"{name}_variance", f"ci_rate_{short}", f"ci_percent_{short}")
    if is_training:
        return dict.fromkeys(keys)
    if len(values) == 1:
        return dict(zip(keys, (values[0], 0.0, 0.0, 0.0), strict=True))
    average, half = mean(values), half_width(values)
    percent = 2 * half / average * 100 if average > 0 else 0.0
    return dict(zip(keys, (average, variance(values), half, percent), strict=True))
