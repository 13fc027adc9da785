"""What lightpaths a configuration may set up: their bit rates, formats and slots, by the length of a path."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from fusion.config.sections import Config
from fusion.network.formats import FormatOptions, make_format_options
from fusion.network.modulation_tables import ModulationTable
from fusion.network.slicing import lightpath_rates


def lightpath_rates_of(config: Config, table: ModulationTable) -> list[float]:
    """Return the bit rates of lightpaths in Gb/s: those of requests, and with slicing others behind them."""
    rates = list(config.bit_rate_shares)
    return lightpath_rates(rates, table) if config.general_settings.max_segments > 1 else rates


def channel_capacity_of(config: Config) -> Mapping[str, float] | None:
    """Return format -> Gb/s of a channel of the fixed grid; None: slots are as many as a lightpath needs."""
    general = config.general_settings
    # By FUSION's conventions a channel carries any bit rate.
    as_fusion = config.compatibility_settings.conventions != "none"
    return general.channel_capacity if general.fixed_grid and not as_fusion else None


def format_options_of(
    config: Config, table: ModulationTable, length_km: ArrayLike, *, fills_channels: bool
) -> FormatOptions:
    """Return the formats that lightpaths may take on paths. fills_channels: as for `make_format_options`."""
    return make_format_options(
        table,
        length_km,
        lightpath_rates_of(config, table),
        config.topology_settings.bw_per_slot,
        channel_capacity=channel_capacity_of(config),
        fills_channels=fills_channels,
    )
