"""What a configuration names - topology, modulation table, traffic matrix - read and checked.

Together, because only together do they show whether a request can be served at all.
"""

import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fusion.config.named_files import input_folders
from fusion.config.problems import ConfigError, Problem
from fusion.config.sections import Config
from fusion.network.modulation_tables import ModulationTable
from fusion.network.paths import GivenPaths, PathTable
from fusion.network.propagation.plant import Plant
from fusion.network.quality_file import QualityTable
from fusion.network.topology import Topology
from fusion.scenario.agent.source import AgentSource
from fusion.scenario.input_checks import (
    problems_of_conventions,
    problems_of_failures,
    problems_of_impairments,
    problems_of_links,
    problems_of_quality,
)
from fusion.scenario.input_files import (
    Read,
    agent_of,
    given_paths_of,
    modulation_of,
    plant_of,
    policy_source_of,
    problems_outside,
    quality_table_of,
    topology_of,
    traffic_matrix_of,
)
from fusion.scenario.path_rules import path_rule, paths_by_rule_of
from fusion.scenario.policy.source import PolicySource
from fusion.scenario.protection import is_protected, protected_paths
from fusion.scenario.reach import (
    counted_rows,
    counted_slots,
    km_of_pairs,
    reach_problems,
    slots_of_pairs,
)
from fusion.scenario.read_keys import Memory

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
    `protected_paths`; candidates: those of others, see `paths_by_rule_of`: both where they have been found
    already, and they follow from the other inputs. plant: what GNPy propagates; None: nothing. agent: a
    trained agent, which fits the config.
    """

    topology: Topology
    modulation: ModulationTable
    traffic_matrix: NDArray[np.float64] | None
    paths: GivenPaths | None = None
    policy: PolicySource | None = None
    quality: QualityTable | None = None
    disjoint: PathTable | None = None
    candidates: PathTable | None = None
    plant: Plant | None = None
    agent: AgentSource | None = None


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
        if outside := self._call(problems_outside, config, self._folders):
            raise ConfigError(outside)
        problems: list[Problem] = []

        def read(function: Callable[..., Read[T]], *others: Any) -> T | None:
            content, wrong = self._call(function, config, *others)
            problems.extend(wrong)
            return content

        topology = read(topology_of)
        plant = read(plant_of, topology)
        modulation = read(modulation_of, plant)
        matrix = read(traffic_matrix_of, topology)
        paths = read(given_paths_of, topology)
        policy = read(policy_source_of, modulation, self._folders)
        agent = read(agent_of, topology, self._folders)
        problems += self._call(problems_of_failures, config, topology)
        problems += self._call(problems_of_links, config, topology)
        problems += self._call(problems_of_conventions, config, modulation)
        problems += self._call(problems_of_quality, config, modulation)
        problems += self._call(problems_of_impairments, config)
        quality = read(quality_table_of, topology)
        if problems or topology is None or modulation is None:
            raise ConfigError(problems)
        disjoint = candidates = None
        if config.compatibility_settings.conventions == "none":
            if is_protected(config):
                disjoint = self._call(protected_paths, config, topology, paths)
            elif agent is not None or not path_rule(config).is_one_search:  # may be refused
                candidates = self._call(
                    paths_by_rule_of, config, topology, modulation, paths, matrix
                )
            if beyond := self._beyond_reach(config, topology, modulation, matrix, disjoint):
                raise ConfigError(beyond)
        if agent is not None and candidates is not None:
            from fusion.scenario.agent.fit import fitted  # here: it takes its time

            agent, misfits = self._call(fitted, config, agent, topology, candidates)
            if misfits:
                raise ConfigError(misfits)
        inputs = Inputs(
            *(topology, modulation, matrix, paths, policy, quality, disjoint, candidates, plant),
            agent=agent,
        )
        if self._memory is None:
            return inputs
        return self._made.setdefault(tuple(map(id, inputs)), inputs)

    def _beyond_reach(
        self,
        config: Config,
        topology: Topology,
        modulation: ModulationTable,
        matrix: NDArray[np.float64] | None,
        disjoint: PathTable | None,
    ) -> list[Problem]:
        """Return a problem where nobody can be served, see `reach`."""
        km, problems = self._call(km_of_pairs, config, topology, matrix, disjoint)
        if len(km) == 0:
            return problems
        if self._memory is None:
            rows, pairs = counted_slots(config, modulation, km)
        else:
            slots = self._call(slots_of_pairs, config, modulation, km)
            rows, pairs = self._call(counted_rows, config, slots)
        return [*problems, *self._call(reach_problems, config, modulation, rows, pairs)]

    def _call(self, function: Callable[..., T], config: Config, *others: Any) -> T:
        if self._memory is None:
            return function(config, *others)
        return self._memory.call(function, config, *others)
