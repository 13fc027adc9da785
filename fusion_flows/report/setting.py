"""What was simulated, in words."""

from collections.abc import Sequence
from pathlib import Path

from fusion.config import Config
from fusion.counts import counted
from fusion.inputs import Inputs
from fusion.sweep.definition import Sweep
from fusion.topology import lengths_text


def run_name(config: Config) -> str:
    """Return what a run is called in lists: topology, policy and loads."""
    network = Path(config.topology_settings.network).stem
    return f"{network} {config.policy} {span_text(config.loads)} E"


def sweep_name(sweep: Sweep) -> str:
    """Return what a sweep is called in lists: the template, without its folder, and the axes."""
    return f"{Path(sweep.template).stem} over {' x '.join(sweep.axes)}"[:80]


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
        f"{config.routing_settings.path_order}, modulation {general.mod_assumption}; {lengths_text(topology)}"
    )
    loads = config.loads
    span = f"{loads[0]:g} E" if len(loads) == 1 else f"{len(loads)} loads, {span_text(loads)} E"
    rule = config.statistics_settings
    replications = (
        counted(general.max_iters, "replication")
        if rule.stopping_rule == "fixed"
        else f"{rule.min_replications} to {counted(general.max_iters, 'replication')}, until "
        f"{rule.relative_precision:.1%} precision,"
    )
    asked = config.simulation_settings.warmup_requests
    warmup = "automatic warm-up" if asked == "auto" else f"warm-up of {counted(asked, 'request')}"
    second = (
        f"{span}; {replications} of {counted(general.num_requests, 'request')} each; {warmup}; "
        f"seed {config.simulation_settings.seed}; "
        f"{100 * rule.confidence:.4g} % intervals"
    )
    return first, second


def span_text(loads: Sequence[float]) -> str:
    """Return the loads as `first-last`, or the only one."""
    return f"{loads[0]:g}" if len(loads) == 1 else f"{loads[0]:g}-{loads[-1]:g}"
