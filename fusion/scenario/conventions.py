"""What a replication does and counts by the conventions of the original FUSION."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fusion.config.sections import Config
from fusion.kernel.arrays import Network
from fusion.kernel.fusion_full import CROSSTALK, KIND, Rules
from fusion.network.paths import PathTable
from fusion.network.planes import Plane
from fusion.scenario.columns_as_fusion import tiers_of
from fusion.scenario.full_as_fusion import make_rules
from fusion.scenario.full_needs_as_fusion import needs_full
from fusion.scenario.inputs import Inputs
from fusion.scenario.offered_load import per_load
from fusion.scenario.requests_as_fusion import Stream, quotas


class Conventions(NamedTuple):
    """What a replication does and counts as FUSION does.

    stream: its requests. tiers: bit rates of the table, in its order. formats: for
    each of these the names of its formats. shares: bit rate -> share of the requests. k_paths: as FUSION
    has it, see `k_paths_in_file`. cores, partial, is_training, lists_slots: as in the config. is_newer:
    whether it is FUSION's orchestrator. rules: of the loop that follows FUSION step by step; None: the faster
    ones do the same.
    """

    stream: Stream
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


def conventions_of(
    config: Config,
    inputs: Inputs,
    paths: PathTable,
    planes: Sequence[Plane],
    network: Network,
    link_km: Sequence[float],
) -> Conventions | None:
    """Return the conventions of a run; None: it has none."""
    compatibility, table = config.compatibility_settings, inputs.modulation
    if compatibility.conventions == "none":
        return None
    general = config.general_settings
    rules = None
    if needs_full(config):
        rules = make_rules(config, table, paths, network, link_km, planes)
    return Conventions(
        stream=_stream(config, inputs, paths),
        tiers=tuple(tiers_of(table)),
        formats=tuple(
            tuple(table.formats[entry.format].name for entry in entries)
            for _, entries in table.bit_rates
        ),
        shares=dict(general.request_distribution),
        k_paths=compatibility.k_paths_in_file or config.routing_settings.k_paths,
        cores=config.topology_settings.cores_per_link,
        partial=general.can_partially_serve,
        is_training=compatibility.is_training,
        lists_slots=compatibility.save_start_end_slots,
        is_newer=compatibility.conventions == "fusion_orchestrator",
        rules=rules,
    )


def _stream(config: Config, inputs: Inputs, paths: PathTable) -> Stream:
    """Return how the requests of a replication are drawn."""
    general, nodes = config.general_settings, inputs.topology.endpoints_as_listed
    place = {node: index for index, node in enumerate(nodes)}
    pair = np.full((len(nodes), len(nodes)), -1, dtype=np.int32)
    for index, (source, destination) in enumerate(paths.pairs.tolist()):
        pair[place[source], place[destination]] = index
    requested, tiers = list(config.bit_rate_shares), tiers_of(inputs.modulation)
    by_rate = quotas(general.request_distribution, general.num_requests)
    index_of = [requested.index(rate) if rate in requested else -1 for rate in tiers]
    return Stream(
        pair=pair,
        quotas=np.array([by_rate[rate] for rate in tiers], dtype=np.int64),
        bit_rate=np.array(index_of, dtype=np.int32),
        per_load=per_load(config),
        mean_holding_time=general.holding_time,
    )
