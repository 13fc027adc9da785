"""The content key: what can change a result, as canonical JSON, and its hash."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from fusion.config.named_files import KEYS
from fusion.config.relevant_fields import relevant_fields
from fusion.config.sections import Config
from fusion.network.topology import Topology
from fusion.scenario.failures import links_of_failures
from fusion.scenario.inputs import Inputs
from fusion.scenario.versions import FAILURES_VERSION, RESULTS_VERSION

_NAMES_OF_FILES = {*KEYS, "mod_assumption", "length_key"}
"""Keys that say where inputs are, what they are called and how they are read: what they hold counts."""

T = TypeVar("T")


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
        "topology": digest(topology, _of_topology),
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
    if inputs.plant is not None:
        found["gnpy"] = digest(inputs.plant, lambda it: it.content)
    if inputs.paths is not None:
        found["paths"] = digest(inputs.paths, lambda it: sorted(it.items()))
    if config.compatibility_settings.conventions != "none":
        found["endpoints_as_listed"] = topology.endpoints_as_listed
    if inputs.policy is not None:
        found["policy"] = inputs.policy.key
    if inputs.agent is not None:
        found["agent"] = digest(inputs.agent, lambda it: it.key)
    return cast("dict[str, object]", _canonical(found))


def content_key(config: Config, inputs: Inputs) -> str:
    """Return the content key: the SHA-256, in hex, of everything that can change a result."""
    return key_of(content(config, inputs))


def key_of(content: Mapping[str, object]) -> str:
    """Return the content key of what `content` returned, now or in an earlier process."""
    return _digest(content)


def key_of_canonical(content: Mapping[str, object]) -> str:
    """Return the same as `key_of`, of what `content` has returned just now."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _of_topology(topology: Topology) -> list[object]:
    """Return what of a topology counts: of its links more than nodes and lengths only where they have it."""
    more = [topology.km_back, topology.one_way, topology.link_limits]
    return [topology.nodes, topology.links, topology.endpoints, *(more if any(more) else [])]


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
