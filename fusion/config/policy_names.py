"""The name of a policy in the literature: KSP-FF, FF-KSP, KSP-MSCL."""

from __future__ import annotations

from fusion.config import sections
from fusion.config.config import Config
from fusion.config.sections import FIT_LABELS

POLICY_KEYS = ("route_method", "path_choice", "allocation_method")
"""The keys that make a policy together."""
PATH_CHOICES = ("in_order", "all")


def policy_name(config: Config) -> str:
    """Return the policy as the literature writes it: KSP-FF searches path by path, FF-KSP slot by slot."""
    label = config.policy
    if config.routing_settings.policy:
        return label
    fit = FIT_LABELS[config.general_settings.allocation_method]
    choice = config.routing_settings.path_choice
    route = label.removesuffix(fit) if choice == "in_order" else label.removeprefix(fit)
    return sections.policy_name(route, fit, choice)
