"""FUSION: Monte-Carlo simulation of elastic optical networks.

The promised names: `from fusion import load_config, make_scenario, read_inputs, replicate`.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if sys.platform == "win32":  # file locks, signals and process groups are not what we need there
    raise ImportError(
        "FUSION runs on Linux and macOS. On Windows, install and run it in WSL, which is Linux: "
        "https://learn.microsoft.com/windows/wsl/install"
    )

if TYPE_CHECKING:
    from fusion.config.config import Config, ConfigError, load_config, to_ini
    from fusion.config.templates import template_names
    from fusion.network.topology import Topology, load_topology
    from fusion.results.statistics import blocking_estimate
    from fusion.scenario.content import content_key
    from fusion.scenario.inputs import Inputs, read_inputs
    from fusion.scenario.scenario import Scenario, make_scenario
    from fusion.simulation.replication import replicate

__version__ = "0.1.0"

__all__ = [
    "Config",
    "ConfigError",
    "Inputs",
    "Scenario",
    "Topology",
    "blocking_estimate",
    "content_key",
    "load_config",
    "load_topology",
    "make_scenario",
    "read_inputs",
    "replicate",
    "template_names",
    "to_ini",
]

_HOMES = {
    "Config": "fusion.config.config",
    "ConfigError": "fusion.config.config",
    "Inputs": "fusion.scenario.inputs",
    "Scenario": "fusion.scenario.scenario",
    "Topology": "fusion.network.topology",
    "blocking_estimate": "fusion.results.statistics",
    "content_key": "fusion.scenario.content",
    "load_config": "fusion.config.config",
    "load_topology": "fusion.network.topology",
    "make_scenario": "fusion.scenario.scenario",
    "read_inputs": "fusion.scenario.inputs",
    "replicate": "fusion.simulation.replication",
    "template_names": "fusion.config.templates",
    "to_ini": "fusion.config.config",
}


def __getattr__(name: str) -> Any:
    """Import a promised name when it is asked for: `import fusion` alone costs nothing."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
