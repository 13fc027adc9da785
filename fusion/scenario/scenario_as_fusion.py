"""What the conventions of the original FUSION make of a config and its inputs: arrays for its loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.config.config import Config
from fusion.kernel.fusion_full import CROSSTALK, KIND, Rules
from fusion.kernel.records import Service
from fusion.network.formats_as_fusion import Widths, by_length, first_that_reaches
from fusion.network.modulation_tables import ModulationTable
from fusion.network.paths import PathTable
from fusion.scenario.inputs import Inputs
from fusion.scenario.requests_as_fusion import Stream, quotas

NEVER_SLICED = 25.0
"""A request of this bit rate is not sliced, whatever the table has below it."""


class Columns(NamedTuple):
    """The columns of `Network.width`: one for each bit rate of requests, and with slicing one for each tier.

    rates: bit rates of lightpaths in Gb/s, those of requests first. of: int32[column], index into these.
    """

    rates: tuple[float, ...]
    of: NDArray[np.int32]

    @property
    def gbps(self) -> list[float]:
        """The bit rate of each column."""
        return [self.rates[index] for index in self.of]


class Conventions(NamedTuple):
    """What a replication does and counts as FUSION does.

    stream: its requests. columns: of the network. tiers: bit rates of the table, in its order. formats: for
    each of these the names of its formats. shares: bit rate -> share of the requests. k_paths: as FUSION
    has it, see `k_paths_in_file`. cores, partial, is_training, lists_slots: as in the config. is_newer:
    whether it is FUSION's orchestrator. rules: of the loop that follows FUSION step by step; None: the faster
    ones do the same.
    """

    stream: Stream
    columns: Columns
    tiers: tuple[float, ...]
    formats: tuple[tuple[str, ...], ...]
    shares: dict[float, float]
    k_paths: int
    cores: int
    partial: bool
    is_training: bool
    lists_slots: bool
    is_newer: bool = False
    rules: Rules | None = None

    @property
    def reason(self) -> str:
        """Why a request is blocked, by FUSION's words."""
        return "congestion" if self.is_newer else "distance"

    @property
    def has_quality(self) -> bool:
        """Whether FUSION computes the signal quality of lightpaths."""
        return self.rules is not None and bool(self.rules.number[KIND])

    @property
    def by_crosstalk(self) -> bool:
        """Whether that is crosstalk."""
        return self.rules is not None and self.rules.number[KIND] == CROSSTALK

    def of_one_request(self) -> Conventions:
        """Return the same with a single request, of the first bit rate that there is."""
        quotas = np.zeros_like(self.stream.quotas)
        quotas[np.argmax(self.stream.quotas > 0)] = 1
        return self._replace(stream=self.stream._replace(quotas=quotas))


def make_columns(config: Config, table: ModulationTable, *, full: bool) -> Columns:
    """Return what the columns stand for.

    full: whether the loop that follows FUSION step by step is used, which has widths of its own.
    """
    requested = list(config.bit_rate_shares)
    if full:
        channels = config.general_settings.channel_capacity.values()
        others = dict.fromkeys([*_tiers(table), *channels])
        rates = [*requested, *(rate for rate in others if rate not in requested)]
        return Columns(tuple(rates), np.arange(len(requested), dtype=np.int32))
    tiers = _tiers(table) if config.general_settings.max_segments > 1 else []
    rates = [*requested, *(rate for rate in tiers if rate not in requested)]
    of = [rates.index(rate) for rate in [*requested, *tiers]]
    return Columns(tuple(rates), np.array(of, dtype=np.int32))


def make_widths(
    config: Config, table: ModulationTable, length_km: NDArray[np.float64], *, full: bool
) -> Widths:
    """Return slots and formats of every path and column. full: as for `make_columns`."""
    requested = list(config.bit_rate_shares)
    single = config.compatibility_settings.pre_calc_mod_selection and not full
    parts = [(by_length if single else first_that_reaches)(table, requested, length_km)]
    if config.general_settings.max_segments > 1 and not full:
        parts.append(by_length(table, _tiers(table), length_km))
    slots = np.hstack([part.slots for part in parts])
    if config.general_settings.fixed_grid:
        slots = np.minimum(slots, np.int32(1))
    return Widths(slots, np.hstack([part.formats for part in parts]))


def segments(requested: Sequence[float], tiers: Sequence[float]) -> NDArray[np.int32]:
    """Return `Service.slices`: tiers below the bit rate, highest first, and how often they are in it.

    The column of tier t is len(requested) + t.
    """
    table = np.zeros((len(requested), len(tiers), 2), dtype=np.int32)
    order = sorted(range(len(tiers)), key=lambda tier: -tiers[tier])
    for row, rate in enumerate(requested):
        below = [tier for tier in order if tiers[tier] < rate != NEVER_SLICED]
        for option, tier in enumerate(below):
            table[row, option] = len(requested) + tier, int(rate / tiers[tier])
    return table


def service_as_fusion(config: Config, service: Service, table: ModulationTable) -> Service:
    """Return a service with the slices that FUSION takes."""
    return service._replace(slices=segments(list(config.bit_rate_shares), _tiers(table)))


def make_conventions(
    config: Config, inputs: Inputs, paths: PathTable, columns: Columns, rules: Rules | None
) -> Conventions:
    """Return the conventions of a run."""
    general, topology, table = config.general_settings, inputs.topology, inputs.modulation
    requested, tiers = list(config.bit_rate_shares), _tiers(table)
    nodes = topology.endpoints_as_listed
    place = {node: index for index, node in enumerate(nodes)}
    pair = np.full((len(nodes), len(nodes)), -1, dtype=np.int32)
    for index, (source, destination) in enumerate(paths.pairs.tolist()):
        pair[place[source], place[destination]] = index
    by_rate = quotas(general.request_distribution, general.num_requests)
    index_of = [requested.index(rate) if rate in requested else -1 for rate in tiers]
    cores = config.topology_settings.cores_per_link
    return Conventions(
        stream=Stream(
            pair=pair,
            quotas=np.array([by_rate[rate] for rate in tiers], dtype=np.int64),
            bit_rate=np.array(index_of, dtype=np.int32),
            per_load=cores if config.compatibility_settings.load_per_core else 1,
            mean_holding_time=general.holding_time,
        ),
        columns=columns,
        tiers=tuple(tiers),
        formats=tuple(
            tuple(table.formats[entry.format].name for entry in entries)
            for _, entries in table.bit_rates
        ),
        shares=dict(general.request_distribution),
        k_paths=config.compatibility_settings.k_paths_in_file or config.routing_settings.k_paths,
        cores=cores,
        partial=general.can_partially_serve,
        is_training=config.compatibility_settings.is_training,
        lists_slots=config.compatibility_settings.save_start_end_slots,
        is_newer=config.compatibility_settings.conventions == "fusion_orchestrator",
        rules=rules,
    )


def _tiers(table: ModulationTable) -> list[float]:
    return [rate for rate, _ in table.bit_rates]
