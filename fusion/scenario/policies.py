"""Policies: which of the search rules of `fusion.kernel.search` a config asks for."""

from __future__ import annotations

from typing import NamedTuple

from fusion.config.named_files import names_agent
from fusion.config.sections import Config
from fusion.kernel.adapted_environment import LEAST_LOSS
from fusion.kernel.assignment import NO_FIT
from fusion.kernel.routing import (
    ALL_PATHS,
    BY_BOTTLENECK,
    BY_CONGESTION,
    BY_CROSSTALK,
    BY_FRAGMENTATION,
    BY_INTERFERENCE,
    IN_ORDER,
)
from fusion.kernel.search import (
    APART,
    BEST_FIT,
    EXACT_FIT,
    FIRST_FIT,
    LAST_FIT,
    LEAST_USED,
    MOST_USED,
    RANDOM_FIT,
)
from fusion.scenario.assignment import ASSIGNMENTS
from fusion.scenario.policy.build import reads_random
from fusion.scenario.policy.source import PolicySource

FITS = {
    "first_fit": FIRST_FIT,
    "last_fit": LAST_FIT,
    "best_fit": BEST_FIT,
    "random_fit": RANDOM_FIT,
    "most_used": MOST_USED,
    "least_used": LEAST_USED,
    "exact_fit": EXACT_FIT,
    # These differ from the first two in the order of the planes.
    "priority_first": FIRST_FIT,
    "priority_last": LAST_FIT,
}

RANKS = {
    "cong_aware": BY_CONGESTION,
    "least_congested": BY_BOTTLENECK,
    "frag_aware": BY_FRAGMENTATION,
}
"""Routing methods that rank the candidate paths for each request."""

ASSIGNED = dict.fromkeys(ASSIGNMENTS, NO_FIT)
"""Allocation methods that are not fits: `scenario.assignment` has what they are."""

IMPAIRMENT_FITS = {"xt_aware": APART}
"""Allocation methods that look at impairments: only the loop for connections has them."""

IMPAIRMENT_RANKS = {"nli_aware": BY_INTERFERENCE, "xt_aware": BY_CROSSTALK}
"""The same of routing methods; they rank the candidate paths, too."""

CHOICES = {"in_order": IN_ORDER, "all": ALL_PATHS} | RANKS | IMPAIRMENT_RANKS
"""Values of path_choice, and of route_method where that decides."""


_PATH_FITS = (FIRST_FIT, LAST_FIT, BEST_FIT, EXACT_FIT)


class Policy(NamedTuple):
    """fit: a code of `fusion.kernel.search`. choice: a code of `fusion.kernel.routing`.

    draws: whether it reads a random number per request whatever the codes say, as a user's policy may.
    """

    fit: int
    choice: int
    draws: bool = False

    @property
    def needs_ties(self) -> bool:
        """Whether the policy reads a random number per request."""
        return self.draws or self.fit == RANDOM_FIT

    @property
    def needs_usage(self) -> bool:
        """Whether the policy reads on how many links each slot is taken."""
        return self.fit in (MOST_USED, LEAST_USED)


def built_in_policy(allocation_method: str, choice: str) -> Policy:
    """Return the policy of an allocation method and a key of `CHOICES`.

    Raises KeyError for what does not exist (the config has checked it).
    """
    return Policy(
        fit=(FITS | ASSIGNED | IMPAIRMENT_FITS)[allocation_method], choice=CHOICES[choice]
    )


def policy_of(config: Config, source: PolicySource | None) -> Policy:
    """Return the policy of a config. source: of the user's, which then chooses among paths in its order.

    Where an agent decides it is KSP-FF, which restores connections after a failure.
    """
    general, ranked = config.general_settings, ranks_paths(config)
    if names_agent(config.routing_settings.policy):
        return Policy(FIRST_FIT, IN_ORDER)
    if source is not None:
        choice = CHOICES[general.route_method] if ranked else IN_ORDER
        return Policy(FIRST_FIT, choice, draws=reads_random(source))
    path_choice = config.routing_settings.path_choice
    return built_in_policy(
        general.allocation_method, general.route_method if ranked else path_choice
    )


def ranks_paths(config: Config) -> bool:
    """Return whether the candidate paths of a config are ranked for each request."""
    return config.general_settings.route_method in RANKS | IMPAIRMENT_RANKS


def looks_at_impairments(config: Config) -> bool:
    """Return whether the paths or the cores of a config are ranked by impairments."""
    general = config.general_settings
    if general.route_method in IMPAIRMENT_RANKS:
        return True
    return not config.routing_settings.policy and general.allocation_method in IMPAIRMENT_FITS


def path_fit(config: Config) -> int:
    """Return how a lightpath is placed on the path that an agent chooses: by the config's allocation_method.

    Raises ValueError for a method that does not choose on one path.
    """
    method = config.general_settings.allocation_method
    fit = LEAST_LOSS if method == "mscl" else FITS.get(method)
    if fit not in (*_PATH_FITS, LEAST_LOSS):
        raise ValueError(
            f"actions = 'paths' with allocation_method = {method}: must be first_fit, last_fit, best_fit,"
            " exact_fit or mscl"
        )
    return fit
