"""What an agent is compared with while it learns: heuristics on the same requests, by the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from fusion.config.config import Config, ConfigError, read_config
from fusion.results.measured import Replication
from fusion.results.statistics import Estimate, blocking_estimate
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import make_scenario
from fusion.simulation.replication import replicate

KSP_FF = "KSP-FF"
"""First fit on the first path in order of hops that has room."""

_ROUTE, _FIT = "k_shortest_path", "allocation_method"
HEURISTICS: dict[str, tuple[str, str]] = {
    KSP_FF: ("in_order", "first_fit"),
    "FF-KSP": ("all", "first_fit"),
    "KSP-EF": ("in_order", "exact_fit"),
    "KSP-BF": ("in_order", "best_fit"),
    "KSP-MSCL": ("in_order", "mscl"),
    "MSCL-KSP": ("all", "mscl"),
}
"""Name -> path_choice and allocation_method; all with path_order = hops."""


class Measured(NamedTuple):
    """What a policy did in some replications: the numbers that comparisons need.

    blocked, offered: requests of each replication.
    """

    name: str
    blocked: tuple[int, ...]
    offered: tuple[int, ...]

    def blocking(self, confidence: float) -> Estimate:
        """Return the blocking probability with its interval over replications."""
        return blocking_estimate(self.blocked, self.offered, confidence)


def measured(name: str, replications: Iterable[Replication]) -> Measured:
    """Return the numbers of replications."""
    done = list(replications)
    return Measured(
        name,
        tuple(int(each.traffic.blocked.sum()) for each in done),
        tuple(int(each.requests) for each in done),
    )


def configs_of_heuristics(
    template: str | Path, config: Config, say: Callable[[str], None]
) -> dict[str, Config]:
    """Return the configuration of each heuristic that goes with a setting.

    template: what the setting was read from. say: is told which ones are left out, and why.
    """
    found = {}
    for name, (choice, fit) in HEURISTICS.items():
        general = {_FIT: fit}
        routing = {"path_choice": choice, "policy": ""}
        if config.general_settings.route_method == "shortest_path" or not (
            config.routing_settings.paths_file
        ):
            general["route_method"] = _ROUTE
            routing["path_order"] = "hops"
        overrides = {"general_settings": general, "routing_settings": routing}
        try:
            found[name] = read_config(template, overrides).config
        except ConfigError as error:
            say(f"no comparison with {name}: {error.problems[0]}")
    return found


def simulate(
    name: str,
    config: Config,
    load: float,
    replications: Iterable[int],
    stopped: Callable[[], bool],
) -> Measured:
    """Return what the policy of a configuration does in some replications. Raises Stopped."""
    scenario = make_scenario(config, read_inputs(config, quiet=True))
    warmup = config.warmup_requests(load)
    return measured(
        name, (replicate(scenario, load, each, warmup, stopped) for each in replications)
    )


def with_requests(config: Config, requests: int) -> Config:
    """Return a configuration whose replications have so many measured requests."""
    general = config.general_settings.model_copy(update={"num_requests": requests})
    return config.model_copy(update={"general_settings": general})
