"""A policy of the user's, with what it may know of the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fusion.config.sections import Config
from fusion.kernel.arrays import Network
from fusion.kernel.request import Facts
from fusion.network.formats import Columns
from fusion.network.paths import PathTable
from fusion.network.planes import BANDS, Plane
from fusion.scenario.assignment import capacity_of_config
from fusion.scenario.policy.build import asks
from fusion.scenario.policy.source import PolicySource


class UserPolicy(NamedTuple):
    """A policy of the user's, and what it may know of the network."""

    source: PolicySource
    facts: Facts


def user_policy_of(
    config: Config,
    source: PolicySource | None,
    network: Network,
    paths: PathTable,
    planes: Sequence[Plane],
    columns: Columns,
) -> UserPolicy | None:
    """Return the policy of the user's; None: there is none."""
    if source is None:
        return None
    gbps, options = columns.gbps, columns.format_options
    if options is not None and options.any_rate >= 0:
        gbps[options.any_rate] = 0.0  # its format decides
    facts = Facts(
        source=np.ascontiguousarray(paths.pairs[:, 0], dtype=np.int32),
        destination=np.ascontiguousarray(paths.pairs[:, 1], dtype=np.int32),
        bit_rate_gbps=gbps,
        length_km=np.asarray(paths.length_km, dtype=np.float64),
        plane=np.array([(p.core, BANDS.index(p.band), p.slots) for p in planes], dtype=np.int32),
        capacity=capacity_of_config(config, network) if asks(source, "capacity_loss") else None,
    )
    return UserPolicy(source, facts)
