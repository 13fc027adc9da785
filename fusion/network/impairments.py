"""What impairment-aware policies know: config to the arrays of `fusion.kernel.impairments`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fusion.config.config import Config
from fusion.network.cores import LAYOUTS, adjacency, colours
from fusion.network.physics.fibre import Fibre
from fusion.network.quality import lists_as_array

if TYPE_CHECKING:
    from fusion.kernel.impairments import Impairments

POWER = 1e-3
"""W: launch power for which the interference of a link is taken, whatever input_power is."""

WORST = 6.3349755556585961e-27
"""(W/Hz)²: the interference that costs 1, as in FUSION.

That in the middle channel of 86 side by side, of 37.5 GHz and POWER each: (POWER / 37.5 GHz)² ln(85 * 87).
"""


def impairment_problems(config: Config) -> Iterator[tuple[str, str]]:
    """Yield (key, message) for what such a policy cannot be had with."""
    general, cores = config.general_settings, config.topology_settings.cores_per_link
    if config.routing_settings.policy or cores in LAYOUTS:
        return
    for key in ("route_method", "allocation_method"):
        if getattr(general, key) == "xt_aware":
            yield (
                "cores_per_link",
                f"must be one of {', '.join(map(str, LAYOUTS))} with {key} = xt_aware: of others it is "
                "not known which cores are neighbours",
            )
            return


def make_impairments(
    config: Config, planes: Sequence[tuple[int, str]], link_km: Sequence[float]
) -> Impairments:
    """Return the arrays for a config of which `looks_at_impairments` is true.

    planes: core and band of each. link_km: km of each spectrum.
    """
    from fusion.kernel.impairments import Impairments  # loads numba; checks need none

    general, settings = config.general_settings, config.snr_settings
    km = np.asarray(link_km, dtype=np.float64)
    spans = km * 1e3 / Fibre().span_length
    length, weight = settings.beta * km / km.max(initial=0.0), np.full(len(km), 1.0 - settings.beta)
    if general.route_method == "nli_aware":
        density = POWER / (config.topology_settings.bw_per_slot * 1e9)
        weight = weight * spans * (density**2 / WORST)
    elif settings.xt_type == "without_length":
        length, weight = np.zeros(len(km)), spans
    bands = config.spectrum_settings
    most = max(getattr(bands, band) for band in type(bands).model_fields)
    cores = config.topology_settings.cores_per_link
    near = np.zeros((cores, cores), dtype=np.bool_)
    colour = [0] * cores
    if cores in LAYOUTS:
        near, colour = adjacency(cores), colours(cores)
    return Impairments(
        guard=general.guard_slots,
        length=length,
        weight=weight,
        log_sum=log_sums(2 * most),
        adjacent=lists_as_array(
            [
                [there for there, (c, b) in enumerate(planes) if b == band and near[core, c]]
                for core, band in planes
            ]
        ),
        from_top=np.array([colour[core] == 1 for core, _ in planes]),
    )


def log_sums(most: int) -> NDArray[np.float64]:
    """Return float64[most + 3]: at x + 2 the sum of ln(x), ln(x - 2), ... down to 1 or 2."""
    table = np.zeros(most + 3)
    for x in range(1, most + 1):
        table[x + 2] = table[x] + np.log(x)
    return table
