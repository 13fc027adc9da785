"""The lightpaths that a configuration may set up on its candidate paths, by kind of configuration."""

from __future__ import annotations

import numpy as np

from fusion.config.sections import Config
from fusion.network.formats import Columns
from fusion.network.modulation import lightpath_widths
from fusion.network.modulation_tables import ModulationTable
from fusion.network.paths import PathTable
from fusion.scenario.columns_as_fusion import columns_as_fusion
from fusion.scenario.lightpaths import channel_capacity_of, format_options_of, lightpath_rates_of
from fusion.scenario.loops import needs_quality
from fusion.scenario.protection import is_protected, longest_of_pair


def columns_of(config: Config, table: ModulationTable, paths: PathTable) -> Columns:
    """Return the columns of `Network.width`."""
    if config.compatibility_settings.conventions != "none":
        return columns_as_fusion(config, table, paths.length_km)
    if is_protected(config) and config.protection_settings.backup_slots == "same":
        paths = longest_of_pair(paths)
    if needs_quality(config):
        return _by_quality(config, table, paths)
    return _by_length(config, table, paths)


def _by_length(config: Config, table: ModulationTable, paths: PathTable) -> Columns:
    """Return a column for each bit rate, in the first format that reaches."""
    rates = lightpath_rates_of(config, table)
    width_ghz, capacity = config.topology_settings.bw_per_slot, channel_capacity_of(config)
    slots, formats = lightpath_widths(table, paths.length_km, rates, width_ghz, capacity)
    return Columns(slots, formats, tuple(rates), np.arange(len(rates), dtype=np.int32))


def _by_quality(config: Config, table: ModulationTable, paths: PathTable) -> Columns:
    """Return columns for each bit rate in each format, of which signal quality allows some."""
    general = config.general_settings
    fills = general.fixed_grid and general.dynamic_lps
    found = format_options_of(config, table, paths.length_km, fills_channels=fills)
    return Columns(found.slots, found.format, found.bit_rates_gbps, found.rate, found)
