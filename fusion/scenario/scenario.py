"""Config and input files to arrays: all that a replication needs, small enough to send to a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusion.config.config import Config
from fusion.kernel.arrays import Network, make_network
from fusion.kernel.failures import able_to_fail
from fusion.kernel.protection import Protection
from fusion.kernel.records import Service
from fusion.kernel.request import Facts
from fusion.kernel.routing import IN_ORDER
from fusion.kernel.search import FIRST_FIT
from fusion.network.formats import FormatOptions, make_format_options
from fusion.network.impairments import make_impairments
from fusion.network.modulation import bits_per_symbol_steps, lightpath_widths
from fusion.network.paths import PathTable, k_shortest_paths
from fusion.network.paths_as_fusion import paths_as_listed
from fusion.network.planes import BANDS, Plane, planes_of
from fusion.network.quality import make_quality
from fusion.network.quality_file import quality_of_paths
from fusion.network.slicing import PER_GBPS, lightpath_rates
from fusion.scenario.failures import Failure, failed_links, lifetimes_of, scheduled
from fusion.scenario.full_as_fusion import PATHS_IN_TABLE, make_rules
from fusion.scenario.full_needs_as_fusion import has_table_of_paths, needs_full
from fusion.scenario.inputs import Inputs
from fusion.scenario.policies import (
    CHOICES,
    Policy,
    built_in_policy,
    looks_at_impairments,
    ranks_paths,
)
from fusion.scenario.policy.build import reads_random
from fusion.scenario.policy.source import PolicySource
from fusion.scenario.protection import (
    is_protected,
    longest_of_pair,
    make_protection,
    protected_paths,
)
from fusion.scenario.recovery import RecoveryTimes
from fusion.scenario.scenario_as_fusion import (
    Columns,
    Conventions,
    make_columns,
    make_conventions,
    make_widths,
    service_as_fusion,
)
from fusion.scenario.service import make_service, needs_quality, takes_connections
from fusion.scenario.traffic import TrafficModel


class UserPolicy(NamedTuple):
    """A policy of the user's, and what it may know of the network."""

    source: PolicySource
    facts: Facts


class Scenario(NamedTuple):
    """A run without its loads. Arrays are read only by agreement.

    hops: int32[path]. length_km: float64[path]. rank: int32[path], place among the candidates of its pair.
    format_by_row: int32[row, column], index into `formats`, -1 = none reaches; rows and columns as in
    `network.width`. guard_slots: included in `network.width`. bit_rates_gbps: float64[bit rate], those of
    lightpaths; those of requests come first, as in `traffic`. service: how requests may be served beside by
    one lightpath of their own, and the signal quality it needs; None: not at all, and any. failure: of links,
    in each replication. protection: of connections; then candidates come in pairs, see `disjoint`, and a pair
    has one rank. conventions: of the original FUSION, if a replication is to follow them. rate_of_column:
    int32[column], index of its bit rate in `bit_rates_gbps`. user_policy: the user's, in place of `policy`.
    pairs: (source, destination) names. links: (from, to) names, one for each spectrum.
    """

    network: Network
    traffic: TrafficModel
    policy: Policy
    service: Service | None
    failure: Failure | None
    protection: Protection | None
    planes: tuple[Plane, ...]
    hops: NDArray[np.int32]
    length_km: NDArray[np.float64]
    rank: NDArray[np.int32]
    format_by_row: NDArray[np.int32]
    formats: tuple[str, ...]
    guard_slots: int
    bit_rates_gbps: NDArray[np.float64]
    rate_of_column: NDArray[np.int32]
    pairs: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    link_km: tuple[float, ...]
    seed: int
    num_requests: int
    sample_every: int
    conventions: Conventions | None = None
    user_policy: UserPolicy | None = None

    @property
    def slots_per_link(self) -> int:
        """Slots of one link over all cores and bands."""
        return sum(plane.slots for plane in self.planes)


class Loop(NamedTuple):
    """Which event loop a config needs.

    For connections with a backup, for others (FUSION's; with signal quality; by impairments), or plain.
    in_full: FUSION's, step by step. policy: of the user's, for which there is a plain loop of its own.
    """

    protected: bool
    connections: bool
    fails: bool
    as_fusion: bool
    in_full: bool
    quality: bool
    impaired: bool
    policy: PolicySource | None


def loop_of(config: Config, policy: PolicySource | None) -> Loop:
    """Return which event loop a config needs with a policy of its inputs, and whether links fail in it."""
    fails = config.failure_settings.failure_type != "none"
    as_fusion, in_full = config.compatibility_settings.conventions != "none", needs_full(config)
    quality = needs_quality(config)
    connections, impaired = takes_connections(config), looks_at_impairments(config)
    protected = is_protected(config)
    return Loop(protected, connections, fails, as_fusion, in_full, quality, impaired, policy)


def make_scenario(config: Config, inputs: Inputs) -> Scenario:
    """Return the arrays of a run. Both arguments have been checked, so this raises nothing of its own."""
    general, topology = config.general_settings, inputs.topology
    separate = config.topology_settings.link_directions == "separate"
    protected = is_protected(config)
    shares = config.bit_rate_shares
    rates = list(shares)
    columns: Columns | None = None
    paths = _paths(config, inputs, separate)
    format_options: FormatOptions | None = None
    full = needs_full(config)
    if config.compatibility_settings.conventions != "none":
        columns = make_columns(config, inputs.modulation, full=full)
        rates = columns.gbps
        slots, formats = make_widths(config, inputs.modulation, paths.length_km, full=full)
    else:
        if general.max_segments > 1:
            rates = lightpath_rates(rates, inputs.modulation)
        same_format = protected and config.protection_settings.backup_slots == "same"
        km = longest_of_pair(paths).length_km if same_format else paths.length_km
        if needs_quality(config):
            format_options = _format_options(config, inputs, km, rates)
            slots, formats = format_options.slots, format_options.format
        else:
            slots, formats = lightpath_widths(
                inputs.modulation,
                km,
                rates,
                config.topology_settings.bw_per_slot,
                general.channel_capacity if general.fixed_grid else None,
            )
    width = np.where(slots > 0, slots + general.guard_slots, 0).astype(np.int32)
    # Paths that the reaches do not tell apart share a row, so that the table stays in the first cache level.
    rows, width_row = _distinct_rows(np.hstack([width, formats]))
    planes = planes_of(config)
    n_links = len(topology.links) * (2 if separate else 1)
    names = topology.nodes
    forward = tuple((names[a], names[b]) for a, b, _ in topology.links)
    link_km = tuple(km for _, _, km in topology.links) * (2 if separate else 1)
    network = make_network(
        paths.first_path,
        paths.first_hop,
        paths.links,
        width_row,
        rows[:, : width.shape[1]],
        n_links,
        [plane.slots for plane in planes],
        _path_cost(config, paths),
    )
    failure = _failure(config, inputs, separate)
    service = None
    if takes_connections(config):
        service = make_service(
            paths,
            rates,
            len(shares),
            max_segments=general.max_segments,
            grooms=general.is_grooming_enabled,
            partial=general.can_partially_serve,
            separate_directions=separate,
            uneven=general.dynamic_lps,
        )
        if columns is not None:
            service = service_as_fusion(config, service, inputs.modulation)
        if format_options is not None:
            service = _with_quality(config, inputs, service, format_options, paths, planes, link_km)
        if looks_at_impairments(config):
            on = [(plane.core, plane.band) for plane in planes]
            service = service._replace(impairments=make_impairments(config, on, link_km))
    conventions = None
    if columns is not None:
        rules = None
        if full:
            each = [(plane.core, plane.band, plane.slots) for plane in planes]
            rules = make_rules(config, inputs.modulation, paths, network, link_km, each)
        conventions = make_conventions(config, inputs, paths, columns, rules)
    bit_rates, of_column = np.array(rates), np.arange(len(rates), dtype=np.int32)
    if columns is not None:
        bit_rates, of_column = np.array(columns.rates), columns.of
    if format_options is not None:
        bit_rates, of_column = np.array(format_options.bit_rates_gbps), format_options.rate
    return Scenario(
        network=network if failure is None else able_to_fail(network),
        traffic=TrafficModel(
            pair_shares=_pair_shares(inputs, paths),
            bit_rate_shares=np.array(list(shares.values())),
            mean_holding_time=general.holding_time,
            holding_distribution=config.traffic_settings.holding_distribution,
        ),
        policy=_policy(config, inputs),
        service=service,
        failure=failure,
        protection=make_protection(config, topology, paths, _groups(config, inputs))
        if protected
        else None,
        planes=planes,
        hops=np.diff(paths.first_hop),
        length_km=paths.length_km,
        rank=_ranks(paths) // np.int32(2 if protected else 1),
        format_by_row=np.ascontiguousarray(rows[:, width.shape[1] :], dtype=np.int32),
        formats=tuple(each.name for each in inputs.modulation.formats),
        guard_slots=general.guard_slots,
        bit_rates_gbps=bit_rates,
        rate_of_column=of_column,
        pairs=tuple((names[s], names[d]) for s, d in paths.pairs),
        links=forward + tuple((b, a) for a, b in forward) if separate else forward,
        link_km=link_km,
        seed=config.simulation_settings.seed,
        num_requests=general.num_requests,
        sample_every=general.frag_calc_step,
        conventions=conventions,
        user_policy=_user_policy(
            inputs, paths, planes, _rates_of(bit_rates, of_column, format_options)
        ),
    )


def _distinct_rows(table: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the distinct rows of a table, ascending, and int64[row], which of them each row is.

    As `np.unique` does, which sorts the whole table for it: a second on 60 nodes.
    """
    found: dict[bytes, int] = {}
    which = [found.setdefault(row.tobytes(), len(found)) for row in table]
    distinct = np.frombuffer(b"".join(found), dtype=table.dtype).reshape(len(found), -1)
    rows, place = np.unique(distinct, axis=0, return_inverse=True)
    return rows, place.ravel()[which].astype(np.int64)


def _ranks(paths: PathTable) -> NDArray[np.int32]:
    """Return int32[path]: the place of each among the candidates of its pair."""
    first = np.repeat(paths.first_path[:-1], np.diff(paths.first_path))
    return (np.arange(len(first)) - first).astype(np.int32)


def _format_options(
    config: Config, inputs: Inputs, length_km: ArrayLike, rates: Sequence[float]
) -> FormatOptions:
    general = config.general_settings
    return make_format_options(
        inputs.modulation,
        length_km,
        rates,
        config.topology_settings.bw_per_slot,
        channel_capacity=general.channel_capacity if general.fixed_grid else None,
        fills_channels=general.fixed_grid and general.dynamic_lps,
    )


def _with_quality(
    config: Config,
    inputs: Inputs,
    service: Service,
    format_options: FormatOptions,
    paths: PathTable,
    planes: Sequence[Plane],
    link_km: Sequence[float],
) -> Service:
    """Return a service whose lightpaths need some signal quality."""
    if format_options.any_rate >= 0:
        tiers = np.full((len(config.bit_rate_shares), 1), format_options.any_rate, dtype=np.int32)
        service = service._replace(tiers=tiers)
    units = np.rint(np.array(format_options.bit_rates_gbps) * PER_GBPS).astype(np.int64)
    cores = [(plane.core, plane.band) for plane in planes]
    from_file = None
    if inputs.quality is not None:
        candidates = np.diff(paths.first_path)
        from_file = quality_of_paths(
            inputs.quality,
            np.repeat(paths.pairs, candidates, axis=0),
            _ranks(paths),
            cores,
            max(plane.slots for plane in planes),
            config.snr_settings.snr_thresholds,
        )
    quality = make_quality(config, inputs.modulation, format_options, cores, link_km, from_file)
    return service._replace(rate=units[format_options.rate], quality=quality)


def _policy(config: Config, inputs: Inputs) -> Policy:
    general, routing = config.general_settings, config.routing_settings
    ranked = ranks_paths(config)
    if inputs.policy is not None:
        choice = CHOICES[general.route_method] if ranked else IN_ORDER
        return Policy(FIRST_FIT, choice, draws=reads_random(inputs.policy))
    return built_in_policy(
        general.allocation_method, general.route_method if ranked else routing.path_choice
    )


def _rates_of(
    bit_rates: NDArray[np.float64],
    of_column: NDArray[np.int32],
    format_options: FormatOptions | None,
) -> NDArray[np.float64]:
    """Return float64[column]: the bit rate of a lightpath, 0 where its format decides."""
    rates = bit_rates[of_column]
    if format_options is not None and format_options.any_rate >= 0:
        rates[format_options.any_rate] = 0.0
    return rates


def _user_policy(
    inputs: Inputs, paths: PathTable, planes: Sequence[Plane], rates: NDArray[np.float64]
) -> UserPolicy | None:
    if inputs.policy is None:
        return None
    facts = Facts(
        source=np.ascontiguousarray(paths.pairs[:, 0], dtype=np.int32),
        destination=np.ascontiguousarray(paths.pairs[:, 1], dtype=np.int32),
        bit_rate_gbps=np.asarray(rates, dtype=np.float64),
        length_km=np.asarray(paths.length_km, dtype=np.float64),
        plane=np.array([(p.core, BANDS.index(p.band), p.slots) for p in planes], dtype=np.int32),
    )
    return UserPolicy(inputs.policy, facts)


def _paths(config: Config, inputs: Inputs, separate: bool) -> PathTable:
    routing, shares = config.routing_settings, config.bit_rate_shares
    if is_protected(config):
        return inputs.disjoint or protected_paths(config, inputs.topology, inputs.paths)
    bits = None
    if routing.path_order == "hops_per_bit":
        bits = bits_per_symbol_steps(
            inputs.modulation,
            tuple(shares),
            tuple(shares.values()),
            config.topology_settings.bw_per_slot,
        )
    k = 1 if config.general_settings.route_method == "shortest_path" else routing.k_paths
    given = inputs.paths
    if config.compatibility_settings.conventions != "none":
        in_file = config.compatibility_settings.k_paths_in_file
        if in_file and (
            has_table_of_paths(config) or config.general_settings.route_method == "cong_aware"
        ):
            k = in_file  # where it is absent FUSION takes one path for these, and three for others
        if has_table_of_paths(config):
            k = min(k, PATHS_IN_TABLE)
        given = paths_as_listed(inputs.topology, k)
    least_congested = config.general_settings.route_method == "least_congested"
    return k_shortest_paths(
        inputs.topology,
        k,
        routing.path_order,
        separate,
        bits,
        given=given,
        most_hops_more=1 if least_congested else None,
    )


def _groups(config: Config, inputs: Inputs) -> list[list[int]]:
    """Return the groups of links that are told to share a risk."""
    return [
        failed_links(each, inputs.topology)
        for each in config.failure_settings.each
        if each.failure_type == "srlg"
    ]


def _path_cost(config: Config, paths: PathTable) -> NDArray[np.float64] | None:
    """Return what `search_ranked` adds to the congestion of a path: w c + (1 - w) l is w (c + this).

    A working path and its backup count as one path.
    """
    if config.general_settings.route_method != "cong_aware":
        return None
    weight = config.routing_settings.congestion_weight
    km = paths.length_km
    if is_protected(config):
        km = np.repeat(km.reshape(-1, 2).sum(axis=1), 2)
    candidates = np.diff(paths.first_path)
    longest = np.zeros(len(candidates))
    pair = np.repeat(np.arange(len(candidates)), candidates)
    np.maximum.at(longest, pair, km)
    return np.asarray((1.0 - weight) / weight * (km / longest[pair]))


def _failure(config: Config, inputs: Inputs, separate: bool) -> Failure | None:
    settings, topology = config.failure_settings, inputs.topology
    if settings.failure_type == "none":
        return None
    protection = config.protection_settings
    failure = Failure(
        restoration=settings.restoration,
        recovery=RecoveryTimes(
            protection.protection_switchover_ms,
            protection.restoration_latency_ms,
            protection.signalling_ms_per_km,
        ),
        reverts=protection.revert_to_primary,
        spectra=len(topology.links) * (2 if separate else 1),
    )
    if settings.failure_type == "random":
        return failure._replace(lifetimes=lifetimes_of(settings, topology))
    requests = config.general_settings.num_requests
    return failure._replace(
        schedule=tuple(
            scheduled(each, topology, requests, separate=separate) for each in settings.each
        )
    )


def _pair_shares(inputs: Inputs, paths: PathTable) -> NDArray[np.float64]:
    if inputs.traffic_matrix is None:
        return np.full(len(paths.pairs), 1.0 / len(paths.pairs))
    shares = inputs.traffic_matrix[paths.pairs[:, 0], paths.pairs[:, 1]]
    return np.asarray(shares / shares.sum(), dtype=np.float64)
