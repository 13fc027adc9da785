"""What the conventions of the original FUSION exclude: refused by key, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MOST_REQUESTS = 10_000_000
"""All requests of a replication are held in memory."""

ONLY: dict[str, tuple[tuple[object, ...], str]] = {
    "guard_slots": ((0, 1), "it crashes with more"),
    "warmup_requests": (("auto", 0), "it counts from the empty network on"),
    "seed": ((0,), "its seed is the number of the replication plus 1"),
    "congestion_weight": ((0.3,), "its files cannot set another"),
}
"""Key -> the values that it may have, and why no others. What is not available at all is in `features`."""

TABLED = "USbackbone60"
"""The network whose paths FUSION has in a table: three of each pair of its core nodes."""

_TABLE_OF_PATHS = "route_method = external_ksp and conventions = fusion"

_SWITCHES = (
    "load_per_core",
    "is_training",
    "pre_calc_mod_selection",
    "save_start_end_slots",
    "k_paths_in_file",
)


def contradictions_with_fusion(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (key, message) for values that FUSION's conventions exclude; as `sections.contradictions`."""
    mode = values.get("conventions")
    if mode not in ("fusion", "fusion_orchestrator"):
        for key in _SWITCHES:
            if values.get(key):
                yield key, "is only read with conventions = fusion"
        return
    for key, (allowed, why) in ONLY.items():
        if key in values and values[key] not in allowed:
            wanted = " or ".join(str(value) or "empty" for value in allowed)
            yield key, f"must be {wanted} with conventions = {mode}: {why}"
    yield from _of_signal_quality(values)
    tabled = values.get("route_method") == "external_ksp" and values.get("network") == TABLED
    if tabled and values.get("const_link_weight"):
        yield (
            "const_link_weight",
            f"must be False with {_TABLE_OF_PATHS}, which has the km of {TABLED}",
        )
    cores = values.get("cores_per_link")
    if values.get("allocation_method") == "priority_first" and cores is not None and cores < 7:
        yield (
            "cores_per_link",
            "must be at least 7 with allocation_method = priority_first and conventions = fusion, which "
            "takes cores 0, 2, 4, 1, 3, 5, 6 of any fibre",
        )
    if values.get("is_grooming_enabled") and values.get("max_segments", 1) > 1:
        if not values.get("dynamic_lps"):
            yield (
                "is_grooming_enabled",
                "must be False with max_segments above 1 and conventions = fusion, which crashes when a "
                "sliced request ends; with dynamic_lps it does not",
            )
        elif not values.get("can_partially_serve"):
            yield (
                "can_partially_serve",
                "must be True with grooming, dynamic_lps and conventions = fusion, which crashes when the "
                "rest of a partly groomed request does not fit",
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


def _of_signal_quality(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind = values.get("snr_type", "None")
    dynamic, grooms = values.get("dynamic_lps"), values.get("is_grooming_enabled")
    if kind == "gsnr" and dynamic is False and grooms is False:
        yield (
            "snr_type",
            "needs dynamic_lps or is_grooming_enabled with conventions = fusion: FUSION crashes without, as "
            "it then does not note the formats of lightpaths",
        )
    if kind == "gsnr" and values.get("c_band") == 0:
        yield "c_band", "must not be 0 with snr_type = gsnr and conventions = fusion, which crashes"
    if kind == "xt_calculation" and values.get("cores_per_link", 7) != 7:
        yield (
            "cores_per_link",
            "must be 7 with snr_type = xt_calculation and conventions = fusion, which knows no others",
        )
