"""Settings checked for a program: what is wrong with them and what is to be known of them, as data."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from fusion.config.config import Config, ConfigError, Problem, read_config
from fusion.config.reading import unreached_stop
from fusion.network.topology import Topology, link_lengths
from fusion_flows.command.other_files import refuse_other_files
from fusion_flows.server.settings import Settings


class Checked(NamedTuple):
    """Settings, and what they are; what is not known for settings that cannot be run is None."""

    valid: bool
    problems: list[Problem]
    """All that is wrong."""
    ignored: list[Problem]
    """Keys that were left out because they cannot change a result."""
    dropped: list[Problem]
    """Keys that were left out although they could; see `fusion.config.config.Reading`."""
    notes: list[str]
    """What counts here and would not in FUSION, which file was taken, how a network's file was read."""
    topology: str | None = None
    nodes: int | None = None
    links: int | None = None
    policy: str | None = None
    loads_erlang: list[float] | None = None
    content_key: str | None = None
    """Of what can change a result: settings with the same key have the same results."""
    link_km: dict[str, float] | None = None
    """Lengths of the links: shortest, mean, longest."""
    length_key: str | None = None
    """The attribute of the links that the lengths are from; empty where each counts as 1 km."""


def check(template: str, overrides: Mapping[str, Any] | None = None) -> Checked:
    """Check settings and the files they name, as `fusion validate --json` does; what is wrong is returned.

    Args:
        template: Name of a template, or the path of an INI file.
        overrides: What to change in it: {"section": {"key": value}}.
    """
    from fusion.scenario.content import content_key
    from fusion.scenario.inputs import read_inputs

    try:
        refuse_other_files(template)
        reading = read_config(template, overrides, templates_dir=Settings().templates_dir)
    except ConfigError as error:
        return Checked(False, error.problems, [], [], [])
    config, ignored, dropped, notes = reading
    try:
        inputs = read_inputs(config)
    except ConfigError as error:
        return Checked(False, error.problems, ignored, dropped, notes)
    return Checked(
        True,
        [],
        ignored,
        dropped,
        [*notes, *unreached_stop(config), *inputs.topology.remarks],
        *_of(config, inputs.topology),
        content_key(config, inputs),
        link_lengths(inputs.topology)._asdict(),
        inputs.topology.length_key,
    )


def schema() -> dict[str, Any]:
    """Print a JSON Schema of the settings: types, bounds, choices, defaults and meanings.

    It describes overrides, {"section": {"key": value}}; an INI file has the same values as text. Keys of the
    original FUSION that are only accepted or ignored are not included.
    """
    return Config.model_json_schema()


def _of(config: Config, topology: Topology) -> tuple[str, int, int, str, list[float]]:
    counts = len(topology.nodes), len(topology.links)
    return topology.name, *counts, config.policy, list(config.loads)
