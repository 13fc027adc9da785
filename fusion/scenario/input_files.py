"""The files that a configuration names, each kind read and checked by itself.

What is read comes with what is wrong with it, at most ten problems a file; with problems there is None.
Nothing is read, and nothing is wrong, where the configuration names no file of the kind, or the topology that
it goes with could not be read.
"""

import logging
import os.path
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path, PurePath
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fusion.config.counts import counted
from fusion.config.named_files import (
    KEYS,
    InputFolders,
    file_of,
    first_problems,
    names_agent,
)
from fusion.config.problems import Problem
from fusion.config.sections import HOME, Config
from fusion.config.shipped import OTHER_NAMES, topology_names
from fusion.config.sources import problem_of
from fusion.network.modulation import bits_per_symbol_steps, lightpath_widths
from fusion.network.modulation_tables import ModulationError, ModulationTable, load_modulation
from fusion.network.path_file import PathFileError, read_paths
from fusion.network.paths import GivenPaths
from fusion.network.propagation.designed import GnpyError
from fusion.network.propagation.plant import CURRENT, Plant, table_of_modes
from fusion.network.propagation.reading import read_plant
from fusion.network.quality_file import QualityFileError, QualityTable, read_quality
from fusion.network.topology import Topology, TopologyError, load_topology
from fusion.scenario.agent.graph import AgentFileError
from fusion.scenario.agent.source import AgentSource
from fusion.scenario.lightpaths import channel_capacity_of, format_options_of
from fusion.scenario.path_rules import compares_bits, number_of_paths
from fusion.scenario.policy.source import PolicySource
from fusion.scenario.traffic_matrix import TrafficMatrixError, read_traffic_matrix

_BYTES_OF_SLOT, _MOST_GIGABYTES = (
    9,
    8,
)  # of what the event loop is told of a path's slot by GNPy's mode

T = TypeVar("T")
Read = tuple[T | None, list[Problem]]

_log = logging.getLogger("fusion.inputs")


def problems_outside(config: Config, folders: InputFolders | None) -> list[Problem]:
    """Return a problem for each file that may not be read."""
    if folders is None:
        return []
    values = ((key, getattr(getattr(config, HOME[key]), key)) for key in KEYS)
    return [
        problem_of(config, key, folders.refusal())
        for key, path in values
        if not _may_be_read(key, path, folders)
    ]


def topology_of(config: Config) -> Read[Topology]:
    """Read the topology."""
    settings = config.topology_settings
    try:
        topology = load_topology(
            settings.network,
            const_link_weight=settings.const_link_weight,
            core_nodes_only=not settings.is_only_core_node,
            length_key=settings.length_key,
        )
    except TopologyError as error:
        return None, _problems(config, "network", error.problems)
    for remark in topology.remarks:
        _log.warning("network %s: %s", topology.name, remark)
    if topology.demands and not config.traffic_settings.traffic_matrix:
        _log.warning(
            "network %s: its file has %s demands, which are not used: traffic_matrix = %s takes them",
            *(topology.name, f"{topology.demands:,}", PurePath(settings.network).name),
        )
    return topology, []


def plant_of(config: Config, topology: Topology | None) -> Read[Plant]:
    """Read what GNPy propagates, where it gives the signal quality."""
    if topology is None or config.snr_settings.snr_type != "gnpy":
        return None, []
    try:
        plant, remarks = read_plant(config, topology)
    except GnpyError as error:
        return None, _problems(config, error.key, [str(error)])
    for remark in remarks:
        _log.warning("%s", remark)
    ends = len(topology.endpoints)
    paths = ends * (ends - 1) * number_of_paths(config)
    bytes_of_slot = _BYTES_OF_SLOT + (8 if plant.load == CURRENT else 0)
    gigabytes = paths * len(plant.modes) * plant.band.slots * bytes_of_slot / 2**30
    if gigabytes > _MOST_GIGABYTES:
        message = (
            f"{paths:,} paths with {counted(len(plant.modes), 'mode')} and {plant.band.slots} slots take "
            f"{gigabytes:.0f} GiB of memory; at most {_MOST_GIGABYTES} are allowed with snr_type = gnpy"
        )
        return None, _problems(config, "k_paths", [message])
    return plant, []


def modulation_of(config: Config, plant: Plant | None) -> Read[ModulationTable]:
    """Read the modulation table, which must have the bit rates of requests; with GNPy it has its modes."""
    general = config.general_settings
    if config.snr_settings.snr_type == "gnpy":
        if plant is None:
            return None, []
        return table_of_modes(plant, list(config.bit_rate_shares)), []
    path = Path(general.mod_assumption_path) if general.mod_assumption_path else None
    rates = config.bit_rate_shares
    width_ghz = config.topology_settings.bw_per_slot
    try:
        table = load_modulation(general.mod_assumption, path)
        if config.compatibility_settings.conventions != "none":
            width_ghz = table.slot_width_ghz or width_ghz  # FUSION does not compare the two
        lightpath_widths(table, [0.0], list(rates), width_ghz, channel_capacity_of(config))
        if compares_bits(config):
            bits_per_symbol_steps(table, tuple(rates), tuple(rates.values()), width_ghz)
    except ModulationError as error:
        return None, _problems(config, "mod_assumption", error.problems)
    return table, []


def traffic_matrix_of(config: Config, topology: Topology | None) -> Read[NDArray[np.float64]]:
    """Read the traffic matrix."""
    file = config.traffic_settings.traffic_matrix
    if topology is None or not file:
        return None, []
    try:
        matrix, remarks = read_traffic_matrix(Path(file), topology)
    except TrafficMatrixError as error:
        return None, _problems(config, "traffic_matrix", error.problems)
    for remark in remarks:
        _log.warning("traffic_matrix: %s", remark)
    return matrix, []


def given_paths_of(config: Config, topology: Topology | None) -> Read[GivenPaths]:
    """Read the file of paths."""
    file = config.routing_settings.paths_file
    if topology is None or not file:
        return None, []
    try:
        return read_paths(Path(file), topology), []
    except PathFileError as error:
        return None, _problems(config, "paths_file", error.problems)


def agent_of(
    config: Config, topology: Topology | None, folders: InputFolders | None
) -> Read[AgentSource]:
    """Read a trained agent; whether it fits is to be seen with the paths."""
    file = config.routing_settings.policy
    if topology is None or not names_agent(file):
        return None, []
    from fusion.scenario.agent.file import read_agent  # here: it takes its time

    try:
        return read_agent(file, folders), []
    except AgentFileError as error:
        return None, _problems(config, "policy", [f"{PurePath(file).name}: {error}"])


def policy_source_of(
    config: Config, table: ModulationTable | None, folders: InputFolders | None
) -> Read[PolicySource]:
    """Read a policy of the user's, and try it out. table: None: it could not be read."""
    policy = config.routing_settings.policy
    if not policy or names_agent(policy):
        return None, []
    from fusion.scenario.policy.file import PolicyFileError, read_policy  # here: it takes its time
    from fusion.scenario.policy.trial import conditions_of, try_out

    try:
        source = read_policy(policy, folders)
        formats = 1
        if table is not None and config.snr_settings.snr_type != "None":
            options = format_options_of(config, table, [0.0], fills_channels=False).options
            formats = options.shape[1]
        wrong = try_out(source, conditions_of(config, formats))
    except PolicyFileError as error:
        wrong = error.problems
    return None if wrong else source, _problems(config, "policy", wrong)


def quality_table_of(config: Config, topology: Topology | None) -> Read[QualityTable]:
    """Read the file of the signal quality of paths."""
    settings, spectrum = config.snr_settings, config.spectrum_settings
    if topology is None or not settings.quality_file:
        return None, []
    slots = {
        key.removesuffix("_band"): getattr(spectrum, key) for key in type(spectrum).model_fields
    }
    try:
        table = read_quality(Path(settings.quality_file), topology, slots, settings.snr_thresholds)
    except QualityFileError as error:
        return None, _problems(config, "quality_file", error.problems)
    there = {frozenset(place[:2]) for place in table}
    pairs = {frozenset(pair) for pair in combinations(topology.endpoints, 2)}
    if missing := len(pairs - there):
        _log.warning(
            "quality_file has no path between %s of %s pairs of nodes: always blocked",
            f"{missing:,}",
            f"{len(pairs):,}",
        )
    return table, []


def _may_be_read(key: str, value: str, folders: InputFolders) -> bool:
    if os.path.isabs(value):
        return folders.hold(file_of(key, value))
    # `load_config` leaves no relative path, which would have started from the working directory.
    return not value or (key == "network" and value in {*topology_names(), *OTHER_NAMES})


def _problems(config: Config, key: str, lines: Sequence[str]) -> list[Problem]:
    return first_problems([problem_of(config, key, line) for line in lines])
