"""All that is wrong with what a training is given, at once: its settings, network and traffic, packages."""

from collections.abc import Callable

from fusion.config.problems import Problem, Problems
from fusion.config.sections import Config
from fusion.config.training_extra import MissingExtraError, missing_packages, need_training_extra
from fusion.config.training_settings import TrainingSettings


def extra_problems() -> list[Problem]:
    """Return what is to be installed for training, to be told with other problems; nothing where all is."""
    try:
        need_training_extra()
    except MissingExtraError as error:
        return [Problem("", "", None, str(error), "")]
    return []


def check_training(
    config: Callable[[], Config],
    settings: Callable[[], TrainingSettings],
    environments: Callable[[Config, TrainingSettings], object],
    *,
    needs_extra: bool = True,
) -> tuple[Config, TrainingSettings]:
    """Return what an agent is trained with, once nothing is wrong with it.

    config: reads and checks network and traffic. settings: reads those of the training. environments: checks
    what environments take of both; it needs gymnasium, and is left out without. needs_extra: whether the
    agent is trained on this machine.

    Raises ConfigError with all problems, and MissingExtraError where nothing else is wrong.
    """
    problems = Problems()
    read: Config | None = None
    trained: TrainingSettings | None = None
    with problems.part():
        read = config()
    with problems.part():
        trained = settings()
    if read is not None and "gymnasium" not in missing_packages():
        with (
            problems.part()
        ):  # wrong settings are as good as none: then it is the config that is checked
            environments(read, trained or TrainingSettings())
    if needs_extra and not problems.found:
        need_training_extra()
    problems.found += extra_problems() if needs_extra else []
    problems.tell()
    assert read is not None
    assert trained is not None
    return read, trained
