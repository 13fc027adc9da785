"""The built-in policies: which of the search rules of `fusion.kernel.search` a config asks for."""

from __future__ import annotations

from typing import NamedTuple

from fusion.kernel.search import BEST_FIT, FIRST_FIT, LAST_FIT, MOST_USED, RANDOM_FIT

FITS = {
    "first_fit": FIRST_FIT,
    "last_fit": LAST_FIT,
    "best_fit": BEST_FIT,
    "random_fit": RANDOM_FIT,
    "most_used": MOST_USED,
}


class Policy(NamedTuple):
    """fit: a code of `fusion.kernel.search`. all_paths: compare all candidate paths, or take the first."""

    fit: int
    all_paths: bool

    @property
    def needs_ties(self) -> bool:
        """Whether the policy reads a random number per request."""
        return self.fit == RANDOM_FIT

    @property
    def needs_usage(self) -> bool:
        """Whether the policy reads on how many links each slot is taken."""
        return self.fit == MOST_USED


def built_in_policy(allocation_method: str, path_choice: str) -> Policy:
    """Return the policy for the values of the two config keys of these names.

    Raises KeyError for an allocation method that does not exist (the config has checked it).
    """
    return Policy(fit=FITS[allocation_method], all_paths=path_choice == "all")
