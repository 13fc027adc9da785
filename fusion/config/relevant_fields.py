"""Which keys of a configuration can change a result: those that its results are filed under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion.config.failure_settings import FAILURE_KEYS
from fusion.config.ini import Entries, Layer, format_value
from fusion.config.named_files import names_agent
from fusion.config.problems import Problem
from fusion.config.sections import (
    DEFAULTS,
    HOME,
    LINK_COST_KEYS,
    QUALITY_KEYS,
    SECTIONS,
    Config,
    flat,
)


def relevant_fields(config: Config) -> dict[str, object]:
    """Return "section.key" -> value of what differs from the default and can change a result.

    Numbers are normalised (300.0 is 300), and so is what comes to the same: a shortest path is one
    of k = 1, and keys of a mode that is off are left out. A key that a later version adds leaves
    the fields of older configurations as they are.
    """
    values = flat(config)
    skipped = {"workers", *without_effect(values)}
    if values["bit_rates"] != "uniform":
        values["request_distribution"] = config.bit_rate_shares  # without shares of 0
    if values["route_method"] == "shortest_path":
        skipped.add("route_method")  # its k_paths is 1
    counts_paths = values["can_partially_serve"] and values["max_segments"] > 1
    counts_paths = counts_paths or values["route_method"] in ("cong_aware", "external_ksp")
    if not counts_paths or values["k_paths_in_file"] == values["k_paths"]:
        skipped.add("k_paths_in_file")  # it changes how paths are listed alone
    if values["route_method"] == "1plus1_protection":
        skipped.add("route_method")  # its protection_mode is 1plus1
    for same in ("path_order", "path_ties"):
        choosing = same.replace("path", "candidate")
        if values[choosing] == values[same]:
            skipped.add(choosing)
    if values["spectrum_priority"] == "CSB":
        skipped.add("spectrum_priority")  # the same as None
    return {
        f"{HOME[key]}.{key}": _normal(value)
        for key, value in values.items()
        if key not in skipped and value != DEFAULTS[key]
    }


def without_effect(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys that change nothing -> the key that switches them off, by whose value it does.

    values: of all keys.
    """
    found: dict[str, str] = {}

    def off(switch: str, *keys: str) -> None:
        found.update(dict.fromkeys(keys, switch))

    if values["bit_rates"] == "uniform":
        off("bit_rates", "request_distribution")
    else:
        off("bit_rates", "bit_rate_min", "bit_rate_max", "bit_rate_step")
    if values["stopping_rule"] == "fixed":
        off(
            "stopping_rule",
            "relative_precision",
            "absolute_precision",
            "min_replications",
            "look_ahead",
        )
    if values["max_segments"] == 1 and not values["is_grooming_enabled"]:
        off("max_segments", "can_partially_serve")
    off("failure_type", *_without_effect_in_a_failure(values) - {"failure_type"})
    off("snr_type", *_without_effect_on_quality(values) - {"snr_type"})
    if values["conventions"] != "none":
        off("conventions", "warmup_requests")  # there is none
    recovery = ("restoration_latency_ms", "signalling_ms_per_km")
    if values["protection_mode"] == "none":
        off("protection_mode", *SECTIONS["protection_settings"].model_fields)
        del found["protection_mode"]
        if values["failure_type"] != "none" and values["restoration"] == "reroute":
            for key in recovery:
                del found[key]
    elif values["failure_type"] == "none":
        off("failure_type", "revert_to_primary", "protection_switchover_ms", *recovery)
    if values["route_method"] != "cong_aware":
        off("route_method", "congestion_weight")
    if "hash" not in (values["path_ties"], values["candidate_ties"]):
        off("path_ties", "path_ties_salt")
    is_function = values["policy"] and not names_agent(values["policy"])
    if values["allocation_method"] != "mscl" and not is_function:
        off("allocation_method", "interfering_routes", "capacity_widths")
    if values["allocation_method"] not in ("first_last_fit", "dedicated_partition"):
        off("allocation_method", "spectrum_classes")
    if values["policy"]:
        off("policy", "path_choice", "spectrum_classes")
        if is_function:  # an agent may choose a path alone
            off("policy", "allocation_method")
    return found


def idle_overrides(entries: Entries, config: Config) -> list[Problem]:
    """Return the overrides that change nothing, as something else switches them off.

    entries: of all that was given. Those with the default value are not told: nobody waits for their effect.
    """
    values = flat(config)
    switches = without_effect(values)
    found = []
    for (section, key), entry in entries.items():
        if entry.layer == Layer.OVERRIDES and key in switches and values[key] != DEFAULTS[key]:
            switch = switches[key]
            message = f"has no effect with {switch} = {format_value(values[switch])}"
            if switch in ("failure_type", "snr_type") and values[switch] != DEFAULTS[switch]:
                message += " and the other keys beside it"
            found.append(Problem(section, key, format_value(values[key]), message, ""))
    return found


def _without_effect_in_a_failure(values: Mapping[str, Any]) -> set[str]:
    """Return the keys of failure_settings that change nothing."""
    kind = values["failure_type"]
    if kind == "none":
        return set(SECTIONS["failure_settings"].model_fields)
    own = FAILURE_KEYS[kind]
    skipped = {key for keys in FAILURE_KEYS.values() for key in keys if key not in own}
    if kind == "random":
        skipped |= {"further_failures", "t_fail_arrival_index", "t_repair_after_arrivals"}
        skipped |= {"t_fail_time", "t_repair_after_time"}
    if values["geo_radius_km"] > 0:
        skipped.add("geo_hop_radius")
    else:
        skipped.add("geo_center_point")
    if values["t_fail_time"] == -1:
        skipped |= {"t_fail_time", "t_repair_after_time"}
    else:
        skipped |= {"t_fail_arrival_index", "t_repair_after_arrivals"}
    return skipped


def _without_effect_on_quality(values: Mapping[str, Any]) -> set[str]:
    """Return the keys of snr_settings that change nothing, and of what goes with them."""
    kind = values["snr_type"]
    used = {"snr_type", *QUALITY_KEYS[kind], *LINK_COST_KEYS.get(values["route_method"], ())}
    if values["xt_type"] == "without_length" and values["route_method"] == "xt_aware":
        used.discard("beta")
    if not values["egn_model"] and not (kind == "gsnr" and values["conventions"] != "none"):
        used.discard("phi")
    if kind == "gnpy" and values["gnpy_load"] != "current":
        used.discard("snr_recheck")
    if not values["snr_recheck"]:
        used -= {"recheck_adjacent_cores", "recheck_crossband"}
    if kind != "xt_calculation" and not values["xt_noise"]:
        used.discard("recheck_adjacent_cores")
    unused = set(SECTIONS["snr_settings"].model_fields) - used
    return unused if values["fixed_grid"] else unused | {"channel_capacity"}


def _normal(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {format_value(key): _normal(item) for key, item in value.items()}
    return value
