"""Which configs take the loop that follows FUSION step by step, and what it needs of a modulation table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from fusion.config.config import Config
from fusion.config.limits_as_fusion import TABLED
from fusion.network.modulation import value_of
from fusion.network.modulation_tables import ModulationTable

PATHS_IN_TABLE = 3
"""Of a pair, as far as the loop that follows FUSION looks at them where there is a table of paths."""

Slicing = Literal["none", "equal", "unequal", "channels", "tiers"]
"""Not at all; by lightpaths of one bit rate; as FUSION's orchestrator does; by channels of the fixed grid, or
by lightpaths of several bit rates, as their signal quality allows."""


def needs_full(config: Config) -> bool:
    """Say whether the conventions of a config need the loop that follows FUSION step by step."""
    mode, general = config.compatibility_settings.conventions, config.general_settings
    if mode == "none":
        return False
    return (
        (mode == "fusion_orchestrator" and general.max_segments > 1)
        or general.route_method == "cong_aware"
        or general.allocation_method == "xt_aware"
        or has_table_of_paths(config)
        or config.snr_settings.snr_type != "None"
    )


def has_table_of_paths(config: Config) -> bool:
    """Say whether FUSION takes the paths from a table. For other networks it finds them itself."""
    return (
        config.general_settings.route_method == "external_ksp"
        and config.topology_settings.network == TABLED
    )


def slicing_of(config: Config) -> Slicing:
    """Return how requests are sliced."""
    general = config.general_settings
    if general.max_segments == 1:
        return "none"
    if general.dynamic_lps:
        return "channels" if general.fixed_grid else "tiers"
    newer = config.compatibility_settings.conventions == "fusion_orchestrator"
    return "unequal" if newer else "equal"


def slices_by_length(config: Config) -> bool:
    """Say whether slices have the format that FUSION takes by the length of a path."""
    return slicing_of(config) == "equal"


def unknown_formats(config: Config, table: ModulationTable) -> Iterator[tuple[str, str]]:
    """Yield (key, message) for what the signal quality of a config needs of every format and lacks."""
    snr = config.snr_settings
    needed: dict[str, Mapping[str, float]] = {}
    if snr.snr_type == "gsnr":
        needed = {"snr_thresholds": snr.snr_thresholds, "phi": snr.phi}
        if config.general_settings.fixed_grid:
            needed["channel_capacity"] = config.general_settings.channel_capacity
    elif snr.snr_type == "xt_calculation":
        needed = {"requested_xt": snr.requested_xt}
    elif snr.egn_model:
        needed = {"phi": snr.phi}
    if snr.snr_type == "gsnr" and slicing_of(config) == "channels":
        rates = {rate for rate, _ in table.bit_rates}
        capacity = config.general_settings.channel_capacity
        others = {value_of(capacity, each.name) for each in table.formats} - {None, *rates}
        if others:
            told = ", ".join(f"{rate:g}" for rate in sorted(rate for rate in others if rate))
            yield (
                "channel_capacity",
                f"must be bit rates of the table {table.name}, or FUSION crashes; not there: {told}",
            )
    for key, numbers in needed.items():
        names = [each.name for each in table.formats if value_of(numbers, each.name) is None]
        if names:
            yield (
                key,
                f"must have a number for every format of the table; not there: {', '.join(names)}",
            )
