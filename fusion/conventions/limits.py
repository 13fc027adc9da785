"""What the conventions of the original FUSION cannot be had with: refused by key, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MOST_REQUESTS = 10_000_000
"""All requests of a replication are held in memory."""

ONLY: dict[str, tuple[tuple[object, ...], str]] = {
    "route_method": (
        ("k_shortest_path", "shortest_path"),
        "its other methods crash or serve beyond the reach of the format; they work without it",
    ),
    "allocation_method": (
        ("first_fit", "priority_first"),
        "its other methods crash or block every request; they work without it",
    ),
    "guard_slots": ((0, 1), "it crashes with more"),
    "path_order": (("km",), "its only order"),
    "path_choice": (("in_order",), "its only choice"),
    "link_directions": (("shared",), "a lightpath takes its slots in both directions there"),
    "bit_rates": (("distribution",), "bit rates are drawn by quota there"),
    "holding_distribution": (("exponential",), "its only distribution"),
    "traffic_matrix": (("",), "all pairs of nodes are equal there"),
    "warmup_requests": (("auto", 0), "it counts from the empty network on"),
    "seed": ((0,), "its seed is the number of the replication plus 1"),
    "stopping_rule": (("fixed",), "it has a rule of its own; is_training = True switches that off"),
    "failure_type": (("none",), "every kind crashes there"),
    "protection_mode": (("none",), "it crashes or protects nothing there"),
    "snr_type": (
        ("None",),
        "its models of signal quality are not available yet; ours work without it",
    ),
    "dynamic_lps": ((False,), "not available yet; it works without it"),
    "policy": (("",), "it has none from a file"),
}
"""Key -> the values that it may have, and what FUSION does with others."""

_SWITCHES = (
    "load_per_core",
    "is_training",
    "pre_calc_mod_selection",
    "save_start_end_slots",
    "k_paths_in_file",
)


def contradictions_with_fusion(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (key, message) for values that FUSION's conventions exclude; as `sections.contradictions`."""
    if values.get("conventions") != "fusion":
        for key in _SWITCHES:
            if values.get(key):
                yield key, "is only read with conventions = fusion"
        return
    for key, (allowed, why) in ONLY.items():
        if key in values and values[key] not in allowed:
            wanted = " or ".join(str(value) or "empty" for value in allowed)
            yield key, f"must be {wanted} with conventions = fusion: {why}"
    cores = values.get("cores_per_link")
    if values.get("allocation_method") == "priority_first" and cores is not None and cores < 7:
        yield (
            "cores_per_link",
            "must be at least 7 with allocation_method = priority_first and conventions = fusion, which "
            "takes cores 0, 2, 4, 1, 3, 5, 6 of any fibre",
        )
    if values.get("is_grooming_enabled") and values.get("max_segments", 1) > 1:
        yield (
            "is_grooming_enabled",
            "must be False with max_segments above 1 and conventions = fusion, which crashes when a "
            "sliced request ends",
        )
    requests, shares = values.get("num_requests"), values.get("request_distribution")
    if requests is not None and requests > MOST_REQUESTS:
        yield "num_requests", f"must be at most {MOST_REQUESTS:,} with conventions = fusion"
    elif requests is not None and shares:
        quotas = {f"{rate:g}": int(share * requests) for rate, share in shares.items()}
        if sum(quotas.values()) != requests:
            yield (
                "num_requests",
                f"cannot be divided by request_distribution: share x {requests}, rounded down, is {quotas}, "
                f"{sum(quotas.values())} together; FUSION (conventions = fusion) stops there",
            )
