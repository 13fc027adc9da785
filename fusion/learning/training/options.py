"""What the environments of a training are made with; nothing here needs torch."""

from __future__ import annotations

from typing import Any

from fusion.config.config import Config, ConfigError, Problem
from fusion.config.training_settings import SECTION, TrainingSettings
from fusion.learning.setting import Setting, make_setting


def options_of(settings: TrainingSettings) -> dict[str, Any]:
    """Return the options of an environment in which an agent is evaluated."""
    return {
        "load": settings.load or None,
        "blocks": settings.blocks,
        "observation": settings.observation,
        "actions": settings.actions,
        "shows_holding": settings.shows_holding,
    }


def learning_options(settings: TrainingSettings) -> dict[str, Any]:
    """Return the options of an environment in which an agent learns: short, with rewards near 0."""
    return {
        **options_of(settings),
        "warm_up": "policy",
        "reward": settings.reward,
        "blocked_reward": 0.0 if is_shifted(settings) else -1.0,
    }


def is_shifted(settings: TrainingSettings) -> bool:
    """Return whether 1 is subtracted from each reward, so that a request that is served well has 0."""
    return settings.reward != "bit_rate"


def check_environments(config: Config, settings: TrainingSettings) -> Setting:
    """Return the setting in which an agent learns.

    Raises ConfigError for a config, or settings of a training, that environments do not take.
    """
    try:
        return make_setting(config, **learning_options(settings))
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError([Problem(SECTION, "", None, str(error), "")]) from None
