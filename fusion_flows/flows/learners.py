"""What environments for learners take of a configuration."""

from fusion.config.config import Config
from fusion.config.training_settings import TrainingSettings


def refuse_for_learners(config: Config, training: TrainingSettings) -> None:
    """Raise ConfigError for what environments do not model. Needs gymnasium, and nothing else of training."""
    from fusion.learning.training.options import check_environments  # here, as it needs gymnasium

    check_environments(config, training)
