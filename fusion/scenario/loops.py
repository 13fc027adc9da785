"""Which event loop a configuration needs."""

from __future__ import annotations

from typing import NamedTuple

from fusion.config.named_files import names_agent
from fusion.config.sections import Config
from fusion.scenario.full_needs_as_fusion import needs_full
from fusion.scenario.policies import looks_at_impairments, ranks_paths
from fusion.scenario.policy.source import PolicySource
from fusion.scenario.protection import is_protected


class Loop(NamedTuple):
    """Which event loop a config needs.

    For connections with a backup, for others (FUSION's; with signal quality; by impairments), or plain.
    in_full: FUSION's, step by step. policy: of the user's, for which there is a plain loop of its own. agent:
    whether a trained agent decides, for which there is one, too.
    """

    protected: bool
    connections: bool
    fails: bool
    as_fusion: bool
    in_full: bool
    quality: bool
    impaired: bool
    policy: PolicySource | None
    agent: bool = False


def loop_of(config: Config, policy: PolicySource | None) -> Loop:
    """Return which event loop a config needs with a policy of its inputs, and whether links fail in it."""
    fails = config.failure_settings.failure_type != "none"
    as_fusion, in_full = config.compatibility_settings.conventions != "none", needs_full(config)
    quality = needs_quality(config)
    connections, impaired = takes_connections(config), looks_at_impairments(config)
    protected = is_protected(config)
    agent = names_agent(config.routing_settings.policy)
    return Loop(protected, connections, fails, as_fusion, in_full, quality, impaired, policy, agent)


def takes_connections(config: Config) -> bool:
    """Return whether a request may take several lightpaths, a part of one, or one that must be good.

    Or one that is placed by impairments, or by a user's policy on paths that are ranked: only the loop for
    connections knows where light is, and keeps the order of the paths.
    """
    general = config.general_settings
    if needs_full(config):
        return False  # its loop has arrays of its own
    # By FUSION's conventions a lightpath has the bit rate of its request: there is nothing to groom.
    grooms = general.is_grooming_enabled and config.compatibility_settings.conventions == "none"
    many = general.max_segments > 1 or grooms
    ranked = bool(config.routing_settings.policy) and ranks_paths(config)
    return many or ranked or needs_quality(config) or looks_at_impairments(config)


def needs_quality(config: Config) -> bool:
    """Return whether lightpaths need some signal quality, by our models."""
    return config.snr_settings.snr_type != "None" and not needs_full(config)
