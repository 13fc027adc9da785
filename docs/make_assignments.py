"""Write the table of allocation methods in docs/policies.md: `python docs/make_assignments.py` (minutes).

Setting: that of the DeepRMSA study (template deeprmsa) on three networks, at a load at which KSP-FF blocks
one to two per cent. All methods meet the same requests, and differences have paired intervals.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusion import load_config, make_scenario, read_inputs, replicate
from fusion.results.comparison import blocking_difference

PAGE = Path(__file__).parent / "policies.md"
LOADS = {"nsfnet_deeprmsa": 230, "cost239_deeprmsa": 560, "usnet_gcnrnn": 400}
REPLICATIONS, REQUESTS = 10, 20_000
METHODS: tuple[tuple[str, dict[str, object]], ...] = (
    ("first_fit", {}),
    ("exact_fit", {}),
    ("mscl", {}),
    ("mscl", {"capacity_widths": "all"}),
    ("mscl", {"interfering_routes": 0}),
    ("first_last_fit", {}),
    ("dedicated_partition", {}),
    ("min_cuts", {}),
    ("min_misalignment", {}),
    ("min_entropy", {}),
)
HEAD = "| allocation_method | path_choice |" + "".join(f" {name} |" for name in LOADS)
RULE = "|---|---|" + "---:|" * len(LOADS)

Counts = tuple[NDArray[np.int64], NDArray[np.int64]]


def counts(network: str, method: str, choice: str, keys: dict[str, object]) -> Counts:
    """Return the blocked and the offered requests of each replication."""
    changes: dict[str, dict[str, object]] = {
        "general_settings": {
            "allocation_method": method,
            "num_requests": REQUESTS,
            "erlang_start": LOADS[network],
            "erlang_stop": LOADS[network],
        },
        "topology_settings": {"network": network},
        "routing_settings": {"path_choice": choice, **keys},
    }
    config = load_config("deeprmsa", changes)
    scenario, load = make_scenario(config, read_inputs(config)), float(LOADS[network])
    warmup = config.warmup_requests(load)
    done = [replicate(scenario, load, number, warmup).traffic for number in range(REPLICATIONS)]
    return (
        np.array([each.blocked.sum() for each in done]),
        np.array([each.requested.sum() for each in done]),
    )


def cell(found: Counts, base: Counts) -> str:
    """Return the blocking, and by how many per cent it differs from that of KSP-FF."""
    blocking = 100 * found[0].sum() / found[1].sum()
    if found is base:
        return f"{blocking:.3g} %"
    level = base[0].sum() / base[1].sum()
    difference = blocking_difference(*found, *base, 0.95, paired=True)
    mean, low, high = (100 * each / level for each in difference[:3])
    return f"{blocking:.3g} %: {mean:+.0f} ({low:+.0f} to {high:+.0f})"


def table() -> str:
    """Return the table."""
    lines = [HEAD, RULE]
    bases = {network: counts(network, "first_fit", "in_order", {}) for network in LOADS}
    for method, keys in METHODS:
        for choice in ("in_order", "all"):
            name = ", ".join(
                [f"`{method}`", *(f"`{key} = {value}`" for key, value in keys.items())]
            )
            cells = []
            for network in LOADS:
                base = bases[network]
                is_base = (method, choice) == ("first_fit", "in_order")
                found = base if is_base else counts(network, method, choice, keys)
                cells.append(cell(found, base))
            lines.append(f"| {name} | {choice} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table."""
    page = PAGE.read_text(encoding="utf-8")
    pattern = r"^\| allocation_method \| path_choice \|.*?\n\n"
    page = re.sub(pattern, lambda _: f"{table()}\n", page, flags=re.MULTILINE | re.DOTALL)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
