"""What the options of a configuration need of its inputs: links, failures, conventions, signal quality."""

from collections.abc import Iterator

from fusion.config.problems import Problem
from fusion.config.sections import Config
from fusion.config.sources import problem_of
from fusion.network.impairments import impairment_problems
from fusion.network.modulation_tables import ModulationTable
from fusion.network.path_rule import LINK_DISJOINT
from fusion.network.quality import quality_problems
from fusion.network.slots_of_links import limits_above
from fusion.network.spectra import is_separate
from fusion.network.table_limits_as_fusion import unusable_table
from fusion.network.topology import Topology
from fusion.scenario.failures import FailureError, lifetimes_of, links_of_failures
from fusion.scenario.full_needs_as_fusion import needs_full, slices_by_length, unknown_formats
from fusion.scenario.lightpaths import format_options_of
from fusion.scenario.protection import is_protected


def problems_of_failures(config: Config, topology: Topology | None) -> list[Problem]:
    """Return what is wrong with the links that are to fail."""
    if topology is None or config.failure_settings.failure_type == "none":
        return []
    try:
        links_of_failures(config.failure_settings, topology)
        _check_lifetimes(config, topology)
    except FailureError as error:
        return [problem_of(config, error.key, str(error))]
    return []


def problems_of_links(config: Config, topology: Topology | None) -> list[Problem]:
    """Return what does not go together with parallel links, or with links whose directions differ."""
    if topology is None:
        return []
    routing, separate = config.routing_settings, is_separate(config)
    found: list[tuple[str, str]] = []
    if topology.has_parallel_links:
        what = "does not work with parallel links, which the network has"
        if routing.candidate_order == LINK_DISJOINT:
            found.append(("candidate_order", what))
        if is_protected(config) and routing.paths_file:
            found.append(("paths_file", f"together with protection {what}"))
        if config.compatibility_settings.conventions != "none":
            found.append(("conventions", what))
    if topology.has_directions:
        kind = "directions of different lengths"
        if topology.one_way:
            kind = "one direction only"
        what = f"does not work with links that have {kind}, which the network has"
        if not separate:
            message = f"must be separate, as the network has links that have {kind}"
            found.append(("link_directions", message))
        if routing.path_ties == "listed":
            found.append(("path_ties", f"{what}; listed_directed does"))
        if routing.candidate_ties == "listed":
            found.append(("candidate_ties", f"{what}; listed_directed does"))
        if routing.candidate_order == LINK_DISJOINT:
            found.append(("candidate_order", what))
        if is_protected(config):
            found.append(("protection_mode", what))
        if config.compatibility_settings.conventions != "none":
            found.append(("conventions", what))
        if topology.one_way and routing.paths_file:
            found.append(("paths_file", what))
        if config.snr_settings.quality_file:
            found.append(("quality_file", what))
    if topology.link_limits:
        found += [*limits_above(config, topology), *_with_unequal_links(config)]
    return [problem_of(config, key, message) for key, message in dict(found).items()]


def _with_unequal_links(config: Config) -> Iterator[tuple[str, str]]:
    """Yield (key, message) for what counts on each link having the same slots."""
    from fusion.scenario.policies import FITS  # loads numba; checks of other networks need none

    general, what = (
        config.general_settings,
        "does not work with links that have fewer slots or cores",
    )
    what += ", which the network has"
    if general.allocation_method not in FITS:
        yield "allocation_method", what
    if general.route_method not in ("k_shortest_path", "shortest_path", "external_ksp"):
        yield "route_method", what
    if config.compatibility_settings.conventions != "none":
        yield "conventions", what
    if config.snr_settings.snr_type != "None":
        yield "snr_type", what
    if config.routing_settings.policy:
        yield "policy", what


def problems_of_conventions(config: Config, table: ModulationTable | None) -> list[Problem]:
    """Return what FUSION would do otherwise, or not at all, with a modulation table."""
    if table is None or config.compatibility_settings.conventions == "none":
        return []
    general, full = config.general_settings, needs_full(config)
    by_length = ""
    if config.compatibility_settings.pre_calc_mod_selection:
        by_length = "pre_calc_mod_selection"
    elif general.route_method == "cong_aware":
        by_length = "route_method"
    found = [
        *unusable_table(
            table,
            general.request_distribution,
            by_length=by_length,
            slices=slices_by_length(config),
            # The loop that follows FUSION step by step tries all formats.
            one_slot=general.fixed_grid or full,
        ),
        *(unknown_formats(config, table) if full else ()),
    ]
    return [problem_of(config, key, message) for key, message in found]


def problems_of_quality(config: Config, table: ModulationTable | None) -> list[Problem]:
    """Return what the signal quality of lightpaths cannot be computed with, by our models."""
    as_fusion = config.compatibility_settings.conventions != "none"
    if table is None or config.snr_settings.snr_type == "None" or as_fusion:
        return []
    format_options = format_options_of(config, table, [0.0], fills_channels=False)
    return [
        problem_of(config, key, message)
        for key, message in quality_problems(config, table, format_options)
    ]


def problems_of_impairments(config: Config) -> list[Problem]:
    """Return what paths and cores cannot be ranked with by impairments."""
    return [problem_of(config, key, message) for key, message in impairment_problems(config)]


def _check_lifetimes(config: Config, topology: Topology) -> None:
    """Raise FailureError where links would fail more often than requests come."""
    settings, general = config.failure_settings, config.general_settings
    if settings.failure_type != "random":
        return
    lifetimes = lifetimes_of(settings, topology)
    failures = float((1.0 / (lifetimes.mean_up + lifetimes.mean_down)).sum())
    most = config.loads[0] / general.holding_time
    if failures > most:
        message = f"must be larger: {failures:.3g} links would fail per unit of time, and only "
        raise FailureError(
            "mtbf", message + f"{most:.3g} requests come at {config.loads[0]:g} Erlang"
        )
