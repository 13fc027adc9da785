"""What a configuration names - topology, modulation table, traffic matrix - read and checked.

Together, because only together do they show whether a request can be served at all.
"""

import hashlib
import json
import logging
import math
import os.path
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from itertools import combinations
from pathlib import Path, PurePath
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fusion.config.config import Config, ConfigError, Problem, source_of
from fusion.config.counts import counted
from fusion.config.named_files import (
    KEYS,
    InputFolders,
    file_of,
    first_problems,
    input_folders,
    told_value,
)
from fusion.config.relevant_fields import relevant_fields
from fusion.config.sections import HOME
from fusion.config.shipped import OTHER_NAMES, topology_names
from fusion.network.formats import Ways, make_ways
from fusion.network.impairments import impairment_problems
from fusion.network.modulation import (
    ModulationError,
    ModulationTable,
    bits_per_symbol_steps,
    lightpath_widths,
    load_modulation,
)
from fusion.network.path_file import PathFileError, read_paths
from fusion.network.paths import GivenPaths, PathTable
from fusion.network.quality import quality_problems
from fusion.network.quality_file import QualityFileError, QualityTable, read_quality
from fusion.network.slicing import PER_GBPS, lightpath_rates, slices
from fusion.network.table_limits_as_fusion import unusable_table
from fusion.network.topology import Topology, TopologyError, load_topology
from fusion.scenario.failures import FailureError, lifetimes_of, links_of_failures
from fusion.scenario.full_needs_as_fusion import needs_full, slices_by_length, unknown_formats
from fusion.scenario.policy.source import PolicySource
from fusion.scenario.protection import is_protected, km_of_best_pairs, protected_paths
from fusion.scenario.read_keys import Memory
from fusion.scenario.traffic_matrix import TrafficMatrixError, read_traffic_matrix
from fusion.scenario.versions import FAILURES_VERSION, RESULTS_VERSION

_SHOWN = 10
_NAMES_OF_FILES = {*KEYS, "mod_assumption", "length_key"}
"""Keys that say where inputs are, what they are called and how they are read: what they hold counts."""

_log = logging.getLogger("fusion.inputs")
_quiet: ContextVar[bool] = ContextVar("quiet", default=False)
_log.addFilter(lambda _: not _quiet.get())

T = TypeVar("T")


class Inputs(NamedTuple):
    """What a run computes with, beside its configuration.

    traffic_matrix: float64[node, node], share of the requests from row to column, sums to 1; None:
    the same for all ordered pairs of endpoints. paths: (source, destination) -> paths, as node indices, of
    the pairs that a file has paths of; None: no file. policy: the source of a policy of the user's. quality:
    of the paths, from a file; None: no file. disjoint: the candidate paths of protected connections, see
    `protected_paths`, where they have been found already; they follow from the others.
    """

    topology: Topology
    modulation: ModulationTable
    traffic_matrix: NDArray[np.float64] | None
    paths: GivenPaths | None = None
    policy: PolicySource | None = None
    quality: QualityTable | None = None
    disjoint: PathTable | None = None


def read_inputs(
    config: Config,
    *,
    templates_dir: Path | None = None,
    input_dirs: Sequence[Path] | None = None,
    quiet: bool = False,
) -> Inputs:
    """Return the inputs that a configuration names.

    input_dirs, templates_dir: folders in which the files must lie, as for `load_config`. Bit rates
    that reach only some pairs of nodes, and other remarks, are written to the log. quiet: they are not,
    as another process that reads the same inputs logs them. Raises ConfigError with all problems,
    at most ten for each file: files that cannot be used, bit rates without modulation, bit rates
    that no pair of nodes can have, tables that do not fit the slot width.
    """
    reader = InputReader(templates_dir=templates_dir, input_dirs=input_dirs, quiet=quiet)
    return reader.read(config)


class InputReader:
    """Reads the inputs of many configurations: what they have in common once, see `read_keys`."""

    def __init__(
        self,
        *,
        templates_dir: Path | None = None,
        input_dirs: Sequence[Path] | None = None,
        memory: Memory | None = None,
        quiet: bool = False,
    ) -> None:
        """Take the arguments of `read_inputs`. memory: of what was read; None: nothing is remembered."""
        self._quiet = quiet
        self._folders = input_folders(input_dirs, templates_dir)
        self._memory = memory
        self._made: dict[tuple[int, ...], Inputs] = {}

    def read(self, config: Config) -> Inputs:
        """Return the inputs that a configuration names; it raises as `read_inputs` does."""
        before = _quiet.set(self._quiet)
        try:
            return self._read(config)
        finally:
            _quiet.reset(before)

    def _read(self, config: Config) -> Inputs:
        def step(function: Callable[..., T], *others: Any) -> T:
            """Call a function of the configuration that adds to a list of problems."""
            result, found = self._call(_with_problems, config, function, *others)
            problems.extend(found)
            return cast("T", result)

        problems: list[Problem] = list(self._call(_outside, config, self._folders))
        if problems:
            raise ConfigError(problems)
        topology = step(_topology)
        modulation = step(_modulation)
        matrix = None
        if topology is not None and config.traffic_settings.traffic_matrix:
            matrix = step(_traffic_matrix, topology)
        paths = None
        if topology is not None and config.routing_settings.paths_file:
            paths = step(_paths, topology)
        policy = None
        if config.routing_settings.policy:
            policy = step(_policy, modulation, self._folders)
        if topology is not None and config.failure_settings.failure_type != "none":
            step(_check_failures, topology)
        as_fusion = config.compatibility_settings.conventions != "none"
        if modulation is not None and as_fusion:
            problems += self._call(_unusable_table, config, modulation)
        if modulation is not None and config.snr_settings.snr_type != "None" and not as_fusion:
            step(_check_quality, modulation)
        problems += self._call(_check_impairments, config)
        quality = None
        if topology is not None and config.snr_settings.quality_file:
            quality = step(_quality, topology)
        disjoint = None
        if topology is not None and modulation is not None and not problems and not as_fusion:
            if is_protected(config):
                disjoint = self._call(protected_paths, config, topology, paths)
            km = step(_km_of_pairs, topology, matrix, disjoint)
            if len(km):
                slots = self._call(_slots_of_pairs, config, modulation, km)
                if self._memory is None:  # for one configuration it is not worth it
                    rows, pairs = slots, np.ones(len(slots), dtype=np.int64)
                else:
                    rows, pairs = self._call(_distinct_rows, config, slots)
                step(_check_reach, modulation, rows, pairs)
        if problems or topology is None or modulation is None:
            raise ConfigError(problems)
        parts = (topology, modulation, matrix, paths, policy, quality, disjoint)
        inputs = Inputs(*parts)
        return (
            inputs if self._memory is None else self._made.setdefault(tuple(map(id, parts)), inputs)
        )

    def _call(self, function: Callable[..., T], config: Config, *others: Any) -> T:
        if self._memory is None:
            return function(config, *others)
        return self._memory.call(function, config, *others)


def _with_problems(
    config: Config, function: Callable[..., T], *others: Any
) -> tuple[T, list[Problem]]:
    """Return what a function gives, and the problems that it adds to its last argument."""
    problems: list[Problem] = []
    return function(config, *others, problems), problems


class Digests:
    """SHA-256 of inputs, each made once as long as this object lives."""

    def __init__(self) -> None:
        """Know none yet."""
        self._known: dict[int, tuple[object, str]] = {}

    def of(self, thing: T, data: Callable[[T], object]) -> str:
        """Return the digest of an input, in hex. data: what of it counts."""
        if id(thing) not in self._known:
            self._known[id(thing)] = thing, _digest(data(thing))  # its address stays its own
        return self._known[id(thing)][1]


def content(config: Config, inputs: Inputs, digests: Digests | None = None) -> dict[str, object]:
    """Return all that can change a result, as JSON data: what `content_key` is made from.

    That is the version of the results, the relevant fields of the configuration, and a SHA-256 of
    each input: where they are, and what they are called, is not in it.
    """
    digest = (digests or Digests()).of
    fields = {
        name: value
        for name, value in relevant_fields(config).items()
        if name.partition(".")[2] not in _NAMES_OF_FILES
    }
    topology, matrix = inputs.topology, inputs.traffic_matrix
    found = {
        "results_version": RESULTS_VERSION,
        "config": fields,
        "topology": digest(topology, lambda it: [it.nodes, it.links, it.endpoints]),
        "modulation": digest(inputs.modulation, lambda it: it._replace(name="")),
        "traffic_matrix": None if matrix is None else digest(matrix, lambda it: it.tolist()),
    }
    if config.failure_settings.failure_type != "none":
        found["failures_version"] = FAILURES_VERSION
        # A region by km follows from coordinates, which are not part of the topology otherwise.
        links, *further = links_of_failures(config.failure_settings, topology)
        found["failed_links"] = links
        if further:
            found["further_failed_links"] = further
    if inputs.quality is not None:
        found["quality"] = digest(
            inputs.quality,
            lambda it: sorted((place, sorted(spots.items())) for place, spots in it.items()),
        )
    if inputs.paths is not None:
        found["paths"] = digest(inputs.paths, lambda it: sorted(it.items()))
    if config.compatibility_settings.conventions != "none":
        found["endpoints_as_listed"] = topology.endpoints_as_listed
    if inputs.policy is not None:
        found["policy"] = inputs.policy.key
    return cast("dict[str, object]", _canonical(found))


def content_key(config: Config, inputs: Inputs) -> str:
    """Return the SHA-256, in hex, of `content`."""
    return key_of(content(config, inputs))


def key_of(content: Mapping[str, object]) -> str:
    """Return the content key of what `content` returned, now or in an earlier process."""
    return _digest(content)


def key_of_canonical(content: Mapping[str, object]) -> str:
    """Return the same as `key_of`, of what `content` has returned just now."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(value: object) -> str:
    text = json.dumps(_canonical(value), sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: object) -> object:
    """Return JSON data in which equal numbers are equal text."""
    if isinstance(value, dict):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float):
        if math.isinf(value):  # a reach without limit
            return "inf"
        return int(value) if value.is_integer() else value
    return value


def _problem(config: Config, key: str, message: str) -> Problem:
    value = told_value(key, getattr(getattr(config, HOME[key]), key))
    return Problem(HOME[key], key, value, message, source_of(config, key))


def _file_problems(config: Config, key: str, lines: Sequence[str]) -> list[Problem]:
    return first_problems([_problem(config, key, line) for line in lines])


def _check_failures(config: Config, topology: Topology, problems: list[Problem]) -> None:
    try:
        links_of_failures(config.failure_settings, topology)
        _check_lifetimes(config, topology)
    except FailureError as error:
        problems.append(_problem(config, error.key, str(error)))


def _check_impairments(config: Config) -> list[Problem]:
    return [_problem(config, key, message) for key, message in impairment_problems(config)]


def _outside(config: Config, folders: InputFolders | None) -> list[Problem]:
    """Return a problem for each file that may not be read."""
    if folders is None:
        return []
    values = ((key, getattr(getattr(config, HOME[key]), key)) for key in KEYS)
    return [
        _problem(config, key, folders.refusal())
        for key, path in values
        if not _may_be_read(key, path, folders)
    ]


def _may_be_read(key: str, value: str, folders: InputFolders) -> bool:
    if os.path.isabs(value):
        return folders.hold(file_of(key, value))
    # `load_config` leaves no relative path, which would have started from the working directory.
    return not value or (key == "network" and value in {*topology_names(), *OTHER_NAMES})


def _topology(config: Config, problems: list[Problem]) -> Topology | None:
    settings = config.topology_settings
    try:
        topology = load_topology(
            settings.network,
            const_link_weight=settings.const_link_weight,
            core_nodes_only=not settings.is_only_core_node,
            length_key=settings.length_key,
        )
    except TopologyError as error:
        problems += _file_problems(config, "network", error.problems)
        return None
    for remark in topology.remarks:
        _log.warning("network %s: %s", topology.name, remark)
    if topology.demands and not config.traffic_settings.traffic_matrix:
        _log.warning(
            "network %s: its file has %s demands, which are not used: traffic_matrix = %s takes them",
            *(topology.name, f"{topology.demands:,}", PurePath(settings.network).name),
        )
    return topology


def _modulation(config: Config, problems: list[Problem]) -> ModulationTable | None:
    general = config.general_settings
    path = Path(general.mod_assumption_path) if general.mod_assumption_path else None
    rates = config.bit_rate_shares
    width_ghz = config.topology_settings.bw_per_slot
    try:
        table = load_modulation(general.mod_assumption, path)
        if config.compatibility_settings.conventions != "none":
            width_ghz = table.slot_width_ghz or width_ghz  # FUSION does not compare the two
        lightpath_widths(table, [0.0], list(rates), width_ghz, _channel_capacity(config))
        if config.routing_settings.path_order == "hops_per_bit":
            bits_per_symbol_steps(table, tuple(rates), tuple(rates.values()), width_ghz)
    except ModulationError as error:
        problems += _file_problems(config, "mod_assumption", error.problems)
        return None
    return table


def _unusable_table(config: Config, table: ModulationTable) -> list[Problem]:
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
    return [_problem(config, key, message) for key, message in found]


def _channel_capacity(config: Config) -> Mapping[str, float] | None:
    general = config.general_settings
    # By FUSION's conventions a channel carries any bit rate.
    as_fusion = config.compatibility_settings.conventions != "none"
    return general.channel_capacity if general.fixed_grid and not as_fusion else None


def _lightpath_rates(config: Config, table: ModulationTable) -> list[float]:
    rates = list(config.bit_rate_shares)
    return lightpath_rates(rates, table) if config.general_settings.max_segments > 1 else rates


def _check_quality(config: Config, table: ModulationTable, problems: list[Problem]) -> None:
    ways = _ways(config, table)
    problems += [
        _problem(config, key, message) for key, message in quality_problems(config, table, ways)
    ]


def _ways(config: Config, table: ModulationTable) -> Ways:
    return make_ways(
        table,
        [0.0],
        _lightpath_rates(config, table),
        config.topology_settings.bw_per_slot,
        channel_capacity=_channel_capacity(config),
        fills_channels=False,
    )


def _quality(config: Config, topology: Topology, problems: list[Problem]) -> QualityTable | None:
    settings, spectrum = config.snr_settings, config.spectrum_settings
    slots = {
        key.removesuffix("_band"): getattr(spectrum, key) for key in type(spectrum).model_fields
    }
    try:
        table = read_quality(Path(settings.quality_file), topology, slots, settings.snr_thresholds)
    except QualityFileError as error:
        problems += _file_problems(config, "quality_file", error.problems)
        return None
    there = {frozenset(place[:2]) for place in table}
    pairs = {frozenset(pair) for pair in combinations(topology.endpoints, 2)}
    if missing := len(pairs - there):
        _log.warning(
            "quality_file has no path between %s of %s pairs of nodes: always blocked",
            f"{missing:,}",
            f"{len(pairs):,}",
        )
    return table


def _traffic_matrix(
    config: Config, topology: Topology, problems: list[Problem]
) -> NDArray[np.float64] | None:
    try:
        matrix, remarks = read_traffic_matrix(
            Path(config.traffic_settings.traffic_matrix), topology
        )
    except TrafficMatrixError as error:
        problems += _file_problems(config, "traffic_matrix", error.problems)
        return None
    for remark in remarks:
        _log.warning("traffic_matrix: %s", remark)
    return matrix


def _paths(config: Config, topology: Topology, problems: list[Problem]) -> GivenPaths | None:
    try:
        return read_paths(Path(config.routing_settings.paths_file), topology)
    except PathFileError as error:
        problems += _file_problems(config, "paths_file", error.problems)
        return None


def _policy(
    config: Config,
    table: ModulationTable | None,
    folders: InputFolders | None,
    problems: list[Problem],
) -> PolicySource | None:
    from fusion.scenario.policy.file import PolicyFileError, read_policy  # here: it takes its time
    from fusion.scenario.policy.trial import conditions_of, try_out

    try:
        source = read_policy(config.routing_settings.policy, folders)
        formats = 1
        if table is not None and config.snr_settings.snr_type != "None":
            formats = _ways(config, table).options.shape[1]
        wrong = try_out(source, conditions_of(config, formats))
    except PolicyFileError as error:
        wrong = error.problems
    problems += _file_problems(config, "policy", wrong)
    return None if wrong else source


def _km_of_pairs(
    config: Config,
    topology: Topology,
    matrix: NDArray[np.float64] | None,
    disjoint: PathTable | None,
    problems: list[Problem],
) -> NDArray[np.float64]:
    """Return the least km of each pair of nodes with traffic: float64[pair]."""
    endpoints = np.array(topology.endpoints)
    traffic = ~np.eye(len(endpoints), dtype=np.bool_)
    if matrix is not None:
        traffic &= matrix[np.ix_(endpoints, endpoints)] > 0
    if disjoint is not None:
        return _protected_km(config, topology, disjoint, traffic, problems)
    return np.asarray(_shortest_km(topology)[np.ix_(endpoints, endpoints)][traffic])


def _slots_of_pairs(
    config: Config, modulation: ModulationTable, km: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Return the slots of lightpaths over so many km: int32[pair, bit rate], 0 where no format reaches."""
    width_ghz, capacity = config.topology_settings.bw_per_slot, _channel_capacity(config)
    rates = _lightpath_rates(config, modulation)
    return lightpath_widths(modulation, km, rates, width_ghz, capacity)[0]


def _distinct_rows(
    _config: Config, slots: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the rows that differ, and how often each is there."""
    counts = Counter(
        row.tobytes() for row in slots
    )  # numpy.unique sorts, which takes 20 times as long
    rows = np.frombuffer(b"".join(counts), dtype=slots.dtype)
    return rows.reshape(-1, slots.shape[1]), np.array(list(counts.values()), dtype=np.int64)


def _check_reach(
    config: Config,
    modulation: ModulationTable,
    slots: NDArray[np.int32],
    pairs_of: NDArray[np.int64],
    problems: list[Problem],
) -> None:
    """Find bit rates that some or all pairs of nodes cannot have even on their shortest path.

    slots: rows of `_slots_of_pairs`. pairs_of: pairs of nodes of each row.
    """
    rates, general = list(config.bit_rate_shares), config.general_settings
    spectrum = config.spectrum_settings
    largest = max(getattr(spectrum, band) for band in type(spectrum).model_fields)
    single = (slots > 0) & (slots + general.guard_slots <= largest)
    fits = single[:, : len(rates)].copy()
    sliced = general.max_segments > 1
    units = [round(rate * PER_GBPS) for rate in _lightpath_rates(config, modulation) if sliced]
    for index, rate in enumerate(units[: len(rates)]):
        for lower, _ in slices(
            units,
            rate,
            general.max_segments,
            partial=general.can_partially_serve or general.dynamic_lps,
        ):
            fits[:, index] |= single[:, lower]
    all_pairs, pairs_by_rate = int(pairs_of.sum()), pairs_of @ fits
    if pairs_by_rate.min() == all_pairs:
        return
    never = [rate for rate, pairs in zip(rates, pairs_by_rate, strict=True) if pairs == 0]
    if never:
        uniform = config.traffic_settings.bit_rates == "uniform"
        message = (
            f"no two nodes can have {_rates(never)}: even the shortest path is beyond the reach of "
            f"every format, or the lightpath with its guard band is wider than {largest} slots"
        )
        key = "bit_rate_max" if uniform else "request_distribution"
        problems.append(_problem(config, key, message))
    some = [rate for rate, pairs in zip(rates, pairs_by_rate, strict=True) if 0 < pairs < all_pairs]
    if some and not never:
        blocked = sorted(
            (
                (all_pairs - int(pairs), rate)
                for rate, pairs in zip(rates, pairs_by_rate, strict=True)
            ),
            reverse=True,
        )
        told = [f"{pairs:,} at {rate:g} Gb/s" for pairs, rate in blocked[:_SHOWN] if pairs]
        if more := len(some) - len(told):
            told.append(f"and at {counted(more, 'more bit rate')}")
        _log.warning(
            "some requests are always blocked, as the shortest path between their nodes is beyond the "
            "reach of every format or needs too many slots; of %s pairs of source and destination: %s",
            f"{all_pairs:,}",
            ", ".join(told),
        )


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


def _protected_km(
    config: Config,
    topology: Topology,
    paths: PathTable,
    traffic: NDArray[np.bool_],
    problems: list[Problem],
) -> NDArray[np.float64]:
    """Return the km that the longer of two disjoint paths has at least, for the pairs that have two."""
    endpoints = np.array(topology.endpoints)
    km = km_of_best_pairs(topology, paths)[np.ix_(endpoints, endpoints)]
    kind = config.protection_settings.disjointness_type
    missing = np.argwhere(np.isnan(km) & traffic)
    if len(missing) == traffic.sum():
        message = f"no two nodes are joined by two paths without a common {kind}"
        problems.append(_problem(config, "protection_mode", message))
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
    return np.asarray(km[traffic & ~np.isnan(km)])


def _rates(rates: Sequence[float]) -> str:
    more = f" and {len(rates) - _SHOWN} more" if len(rates) > _SHOWN else ""
    return ", ".join(f"{rate:g}" for rate in rates[:_SHOWN]) + f"{more} Gb/s"


def _shortest_km(topology: Topology) -> NDArray[np.float64]:
    """Return the km of the shortest paths between all nodes, float64[node, node] (Floyd 1962)."""
    count = len(topology.nodes)
    km = np.full((count, count), np.inf)
    np.fill_diagonal(km, 0.0)
    for a, b, length in topology.links:
        km[a, b] = km[b, a] = length
    for via in range(count):
        np.minimum(km, km[:, via, None] + km[None, via, :], out=km)
    return km
