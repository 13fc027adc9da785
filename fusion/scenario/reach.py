"""Which pairs of nodes and bit rates can never be served: paths are too long, or take too many slots."""

import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fusion.config.counts import counted
from fusion.config.problems import Problem
from fusion.config.sections import Config
from fusion.config.sources import problem_of
from fusion.network.modulation import counted_widths, lightpath_formats, lightpath_widths
from fusion.network.modulation_tables import ModulationTable
from fusion.network.paths import PathTable
from fusion.network.slicing import PER_GBPS, slices
from fusion.network.topology import Topology
from fusion.scenario.lightpaths import channel_capacity_of, lightpath_rates_of
from fusion.scenario.protection import km_of_best_pairs

_SHOWN = 10
_MANY_NODES = 300

_log = logging.getLogger("fusion.inputs")


def km_of_pairs(
    config: Config,
    topology: Topology,
    matrix: NDArray[np.float64] | None,
    disjoint: PathTable | None,
) -> tuple[NDArray[np.float64], list[Problem]]:
    """Return the least km of each pair of nodes with traffic, float64[pair], and what is wrong.

    disjoint: see `Inputs`; pairs without two disjoint paths are left out.
    """
    endpoints = np.array(topology.endpoints)
    traffic = ~np.eye(len(endpoints), dtype=np.bool_)
    if matrix is not None:
        traffic &= matrix[np.ix_(endpoints, endpoints)] > 0
    if disjoint is not None:
        return _protected_km(config, topology, disjoint, traffic)
    return np.asarray(_shortest_km(topology)[np.ix_(endpoints, endpoints)][traffic]), []


def slots_of_pairs(
    config: Config, modulation: ModulationTable, km: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Return the slots of lightpaths over so many km: int32[pair, bit rate], 0 where no format reaches."""
    width_ghz, capacity = config.topology_settings.bw_per_slot, channel_capacity_of(config)
    rates = lightpath_rates_of(config, modulation)
    return lightpath_widths(modulation, km, rates, width_ghz, capacity)[0]


def counted_slots(
    config: Config, modulation: ModulationTable, km: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return rows of `slots_of_pairs`, and how often each is there, without those of all pairs."""
    width_ghz, capacity = config.topology_settings.bw_per_slot, channel_capacity_of(config)
    rates = lightpath_rates_of(config, modulation)
    rows, pairs = counted_widths(lightpath_formats(modulation, rates, width_ghz, capacity), km)
    return rows[pairs > 0], pairs[pairs > 0]


def counted_rows(
    _config: Config, slots: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the rows that differ, and how often each is there."""
    # numpy.unique sorts, which takes 20 times as long.
    counts = Counter(row.tobytes() for row in slots)
    rows = np.frombuffer(b"".join(counts), dtype=slots.dtype)
    return rows.reshape(-1, slots.shape[1]), np.array(list(counts.values()), dtype=np.int64)


def reach_problems(
    config: Config,
    modulation: ModulationTable,
    slots: NDArray[np.int32],
    pairs_of: NDArray[np.int64],
) -> list[Problem]:
    """Return a problem for bit rates that no pair of nodes can have, even on its shortest path.

    Those that only some pairs can have are told in the log. slots: rows of `slots_of_pairs`. pairs_of: pairs
    of nodes of each row.
    """
    spectrum = config.spectrum_settings
    largest = max(getattr(spectrum, band) for band in type(spectrum).model_fields)
    fitting = (slots > 0) & (slots + config.general_settings.guard_slots <= largest)
    pairs = pairs_of @ _servable(config, modulation, fitting)
    all_pairs, rates = int(pairs_of.sum()), list(config.bit_rate_shares)
    never = [rate for rate, number in zip(rates, pairs, strict=True) if number == 0]
    if not never:
        _warn_of_blocked(rates, [all_pairs - int(number) for number in pairs], all_pairs)
        return []
    uniform = config.traffic_settings.bit_rates == "uniform"
    message = (
        f"no two nodes can have {_rates(never)}: even the shortest path is beyond the reach of "
        f"every format, or the lightpath with its guard band is wider than {largest} slots"
    )
    return [problem_of(config, "bit_rate_max" if uniform else "request_distribution", message)]


def _servable(
    config: Config, modulation: ModulationTable, fitting: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return bool[row, bit rate of requests]: whether there is room for it, by slices if they are allowed.

    fitting: bool[row, bit rate of lightpaths], those of requests first.
    """
    general, requested = config.general_settings, len(config.bit_rate_shares)
    servable = fitting[:, :requested].copy()
    if general.max_segments == 1:
        return servable
    units = [round(rate * PER_GBPS) for rate in lightpath_rates_of(config, modulation)]
    partial = general.can_partially_serve or general.dynamic_lps
    for index, rate in enumerate(units[:requested]):
        for lower, _ in slices(units, rate, general.max_segments, partial=partial):
            servable[:, index] |= fitting[:, lower]
    return servable


def _warn_of_blocked(rates: Sequence[float], blocked: Sequence[int], all_pairs: int) -> None:
    """Say in the log which bit rates some pairs cannot have. blocked: pairs, of each bit rate."""
    most_first = sorted(zip(blocked, rates, strict=True), reverse=True)
    some = [f"{pairs:,} at {rate:g} Gb/s" for pairs, rate in most_first if pairs]
    if not some:
        return
    told = some[:_SHOWN]
    if more := len(some) - len(told):
        told.append(f"and at {counted(more, 'more bit rate')}")
    _log.warning(
        "some requests are always blocked, as the shortest path between their nodes is beyond the "
        "reach of every format or needs too many slots; of %s pairs of source and destination: %s",
        f"{all_pairs:,}",
        ", ".join(told),
    )


def _protected_km(
    config: Config,
    topology: Topology,
    paths: PathTable,
    traffic: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], list[Problem]]:
    """Return the km that the longer of two disjoint paths has at least, for the pairs that have two."""
    problems: list[Problem] = []
    endpoints = np.array(topology.endpoints)
    km = km_of_best_pairs(topology, paths)[np.ix_(endpoints, endpoints)]
    kind = config.protection_settings.disjointness_type
    missing = np.argwhere(np.isnan(km) & traffic)
    if len(missing) == traffic.sum():
        message = f"no two nodes are joined by two paths without a common {kind}"
        problems.append(problem_of(config, "protection_mode", message))
    elif len(missing):
        one, other = (topology.nodes[endpoints[node]] for node in missing[0])
        _log.warning(
            "always blocked: %d of %d pairs of nodes, such as %s and %s, that no two paths without a "
            "common %s join",
            len(missing),
            traffic.sum(),
            one,
            other,
            kind,
        )
    return np.asarray(km[traffic & ~np.isnan(km)]), problems


def _rates(rates: Sequence[float]) -> str:
    more = f" and {len(rates) - _SHOWN} more" if len(rates) > _SHOWN else ""
    return ", ".join(f"{rate:g}" for rate in rates[:_SHOWN]) + f"{more} Gb/s"


def _shortest_km(topology: Topology) -> NDArray[np.float64]:
    """Return the km of the shortest paths between all nodes, float64[node, node] (Floyd 1962).

    On arrays this takes a moment for all nodes, where a search from each of them would take seconds; of very
    many nodes the compiled searches of scipy take less.
    """
    count = len(topology.nodes)
    if count > _MANY_NODES:
        return _searched_km(topology)
    km = np.full((count, count), np.inf)
    np.fill_diagonal(km, 0.0)
    for a, b, length, _ in topology.ways:
        km[a, b] = min(km[a, b], length)
    for via in range(count):
        np.minimum(km, km[:, via, None] + km[None, via, :], out=km)
    return km


def _searched_km(topology: Topology) -> NDArray[np.float64]:
    """Return the same, by a search from each node (Dijkstra)."""
    from scipy.sparse import coo_array  # here: it takes its time, and few networks need it
    from scipy.sparse.csgraph import dijkstra

    least: dict[tuple[int, int], float] = {}
    for a, b, length, _ in topology.ways:
        least[a, b] = min(length, least.get((a, b), length))
    ends = np.array(list(least), dtype=np.int32)
    shape = (len(topology.nodes),) * 2
    graph = coo_array((list(least.values()), tuple(ends.T)), shape=shape).tocsr()
    return np.asarray(np.round(dijkstra(graph), 6))
