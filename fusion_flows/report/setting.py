"""What was simulated, in words."""

import os.path
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion.config.config import Config, ConfigError, read_config
from fusion.config.counts import counted
from fusion.config.ini import format_value
from fusion.config.named_files import is_path
from fusion.config.templates import template_names
from fusion.config.training_settings import TrainingSettings
from fusion.network.path_rule import TieCount
from fusion.network.topology import lengths_text
from fusion.scenario.candidate_paths import candidate_paths, ties_of
from fusion.scenario.inputs import Inputs
from fusion.scenario.offered_load import offered_text
from fusion.scenario.path_rules import rule_text
from fusion.scenario.protection import is_protected
from fusion.sweep.definition import Sweep
from fusion_flows.server.settings import Settings

_OF_AN_AGENT = (
    *("actions", "observation", "network", "steps", "reward", "blocks", "shows_holding"),
    *("width", "layers", "attention_heads"),
)
"""Keys of a training by which its name is told from that of others."""

_LONGEST_NAME = 120


def run_name(config: Config) -> str:
    """Return what a run is called in lists: topology, policy and loads."""
    network = Path(config.topology_settings.network).stem
    return f"{network} {config.policy} {span_text(config.loads)} E"


def training_name(config: Config, settings: TrainingSettings) -> str:
    """Return what a training is called in lists: that, topology, load, seed, and how it differs.

    These are the keys of the agent that differ from their defaults, and what decides on the paths that it
    chooses.
    """
    network = Path(config.topology_settings.network).stem
    load = settings.load or config.loads[0]
    default = TrainingSettings()
    parts = [f"train {network} {load:g} E, seed {settings.seed}"]
    for key in _OF_AN_AGENT:
        if (value := getattr(settings, key)) != getattr(default, key):
            parts.append(f"{key}={format_value(value)}")
            if (key, value) == ("actions", "paths"):
                parts.append(config.general_settings.allocation_method)
    name = ", ".join(parts)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def titled(name: str, subject: str) -> str:
    """Return the title of a report: the name that a person gave, with what was simulated.

    name: of the run; empty or the subject itself where nobody gave one.
    """
    return f"{name} ({subject})" if name not in ("", subject) else subject


def sweep_name(sweep: Sweep) -> str:
    """Return what a sweep is called in lists: what it is of, and the axes."""
    return f"{sweep_subject(sweep)} over {' x '.join(sweep.axes)}"[:80]


def sweep_subject(sweep: Sweep) -> str:
    """Return what a sweep is of, without a folder: its template, or the network that stands in for its.

    That is the network of all its points, where the template has another.
    """
    network = _network_of_all(sweep)
    if not network or network == _network_of_template(sweep.template):
        return Path(sweep.template).stem
    return Path(network).stem


def _network_of_all(sweep: Sweep) -> str:
    """Return the one network that a sweep names; empty where it names none or several."""
    groups: list[Mapping[str, Any]] = [sweep.grid, *sweep.zip]
    named = [group["network"] for group in groups if "network" in group]
    named.append([point["network"] for point in sweep.points if "network" in point])
    found = {str(value) for values in named if isinstance(values, list) for value in values}
    if "network" not in sweep.axes:
        found = {
            str(value)
            for keys in sweep.overrides.values()
            for key, value in keys.items()
            if key.strip().lower() == "network"
        }
    (network,) = found if len(found) == 1 else ("",)
    return os.path.abspath(network.strip()) if is_path("network", network) else network.strip()


def _network_of_template(template: str) -> str:
    """Return the network of a template with a name; empty for a path, which is not opened for a title."""
    try:
        templates_dir = Settings().templates_dir
        if template not in template_names(templates_dir):
            return ""
        return read_config(template, templates_dir=templates_dir).config.topology_settings.network
    except ConfigError:  # who computes says so
        return ""


def setting_lines(config: Config, inputs: Inputs) -> tuple[str, str]:
    """Return what was simulated, in two lines: with what, and how much of it."""
    general, network = config.general_settings, config.topology_settings
    bands = {name[0].upper(): slots for name, slots in config.spectrum_settings if slots}
    spectrum = " + ".join(
        counted(slots, "slot") if len(bands) == 1 else f"{band} {counted(slots, 'slot')}"
        for band, slots in bands.items()
    )
    cores = f", {network.cores_per_link} cores" if network.cores_per_link > 1 else ""
    topology = inputs.topology
    first = (
        f"**{topology.name}** ({counted(len(topology.nodes), 'node')}, "
        f"{counted(len(topology.links), 'link')}), "
        f"{spectrum} of {network.bw_per_slot:g} GHz{cores}, guard band {general.guard_slots}, "
        f"**{config.policy}** over {counted(config.routing_settings.k_paths, 'path')} by "
        f"{paths_text(config)}, modulation {general.mod_assumption}; {lengths_text(topology)}"
    )
    loads = config.loads
    span = f"{loads[0]:g} E" if len(loads) == 1 else f"{len(loads)} loads, {span_text(loads)} E"
    span += offered_text(config)
    rule = config.statistics_settings
    replications = (
        counted(general.max_iters, "replication")
        if rule.stopping_rule == "fixed"
        else f"{rule.min_replications} to {counted(general.max_iters, 'replication')}, until "
        f"{100 * rule.relative_precision:.4g} % precision,"
    )
    asked = config.simulation_settings.warmup_requests
    warmup = "automatic warm-up" if asked == "auto" else f"warm-up of {counted(asked, 'request')}"
    second = (
        f"{span}; {replications} of {counted(general.num_requests, 'request')} each; {warmup}; "
        f"seed {config.simulation_settings.seed}; "
        f"{100 * rule.confidence:.4g} % intervals"
    )
    return first, second


def paths_text(config: Config) -> str:
    """Return how the candidate paths are chosen and ordered, such as `km (ties: shortest)`."""
    if _has_rule(config):
        return rule_text(config)
    return config.routing_settings.path_order


def ties_text(config: Config, inputs: Inputs) -> str:
    """Return a sentence on how many node pairs have ties, or nothing where no rule decides these."""
    ties = ties_of(config, inputs, candidate_paths(config, inputs)) if _has_rule(config) else None
    return "" if ties is None else tie_sentence(ties)


def tie_sentence(ties: TieCount) -> str:
    """Return how many node pairs have ties, in a sentence."""
    told = f"{ties.in_order:,} have candidate paths that are equal in path_order"
    if ties.at_last_place is not None:
        told = f"{ties.at_last_place:,} have a tie for the last candidate path, and {told}"
    return f"Of {counted(ties.pairs, 'node pair')} {told}."


def _has_rule(config: Config) -> bool:
    """Return whether paths are candidates one by one, by our rules."""
    return not is_protected(config) and config.compatibility_settings.conventions == "none"


def span_text(loads: Sequence[float]) -> str:
    """Return the loads as `first-last`, or the only one."""
    return f"{loads[0]:g}" if len(loads) == 1 else f"{loads[0]:g}-{loads[-1]:g}"
