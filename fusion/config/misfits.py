"""Which settings of a configuration do not go with a particular use of it."""

from fusion.config.features import refusals
from fusion.config.problems import Problem
from fusion.config.sections import CHOICES, Config, flat
from fusion.config.sources import problem_of


def misfits(config: Config, use: str) -> list[Problem]:
    """Return what does not go with a way to use a configuration: a feature that no key switches on."""
    found = refusals(flat(config), CHOICES, (use,))
    return [problem_of(config, key, message) for key, message in found]
