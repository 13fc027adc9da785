"""How requests may be served: sliced, groomed, in part, or by lightpaths of sufficient signal quality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusion.config.sections import Config
from fusion.kernel.assignment import Assignment
from fusion.kernel.records import Service
from fusion.network.formats import Columns
from fusion.network.impairments import make_impairments
from fusion.network.paths import PathTable
from fusion.network.planes import Plane
from fusion.network.propagation.plant import CURRENT
from fusion.network.quality import make_quality
from fusion.network.quality_file import quality_of_paths
from fusion.network.slicing import PER_GBPS
from fusion.scenario.candidate_paths import ranks_of
from fusion.scenario.inputs import Inputs
from fusion.scenario.kept_propagation import calibrated_neighbours, propagated_quality
from fusion.scenario.lightpaths import lightpath_rates_of
from fusion.scenario.loops import takes_connections
from fusion.scenario.policies import looks_at_impairments
from fusion.scenario.service_arrays import make_service
from fusion.scenario.service_as_fusion import service_as_fusion


def service_of(
    config: Config,
    inputs: Inputs,
    paths: PathTable,
    planes: Sequence[Plane],
    link_km: Sequence[float],
    columns: Columns,
    assignment: Assignment | None,
) -> Service | None:
    """Return how requests may be served; None: by one lightpath of their own, of any signal quality."""
    if not takes_connections(config):
        return None
    general = config.general_settings
    as_fusion = config.compatibility_settings.conventions != "none"
    rates = columns.gbps.tolist() if as_fusion else lightpath_rates_of(config, inputs.modulation)
    service = make_service(
        paths,
        rates,
        len(config.bit_rate_shares),
        max_segments=general.max_segments,
        grooms=general.is_grooming_enabled,
        partial=general.can_partially_serve,
        separate_directions=config.topology_settings.link_directions == "separate",
        uneven=general.dynamic_lps,
    )
    if as_fusion:
        service = service_as_fusion(config, service, inputs.modulation)
    service = _with_quality(config, inputs, service, paths, planes, link_km, columns)
    service = service._replace(assignment=assignment)
    if looks_at_impairments(config):
        on = [(plane.core, plane.band) for plane in planes]
        service = service._replace(impairments=make_impairments(config, on, link_km))
    return service


def _with_quality(
    config: Config,
    inputs: Inputs,
    service: Service,
    paths: PathTable,
    planes: Sequence[Plane],
    link_km: Sequence[float],
    columns: Columns,
) -> Service:
    """Return a service whose lightpaths need some signal quality, if a model of it is on."""
    options = columns.format_options
    if options is None:
        return service
    if options.any_rate >= 0:
        tiers = np.full((len(config.bit_rate_shares), 1), options.any_rate, dtype=np.int32)
        service = service._replace(tiers=tiers)
    units = np.rint(np.array(options.bit_rates_gbps) * PER_GBPS).astype(np.int64)
    cores = [(plane.core, plane.band) for plane in planes]
    from_file, neighbours = None, None
    if inputs.quality is not None:
        from_file = quality_of_paths(
            inputs.quality,
            np.repeat(paths.pairs, np.diff(paths.first_path), axis=0),
            ranks_of(paths),
            cores,
            max(plane.slots for plane in planes),
            config.snr_settings.snr_thresholds,
        )
    if inputs.plant is not None:
        from_file = propagated_quality(config, inputs.plant, inputs.topology, paths)
        if inputs.plant.load == CURRENT:
            neighbours = calibrated_neighbours(config, inputs.plant, inputs.topology)
    quality = make_quality(
        config, inputs.modulation, options, cores, link_km, from_file, neighbours
    )
    return service._replace(rate=units[options.rate], quality=quality)
