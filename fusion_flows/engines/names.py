"""What computes the points of a sweep, as the parameter `engine` names it."""

from fusion.config.config import ConfigError, Problem

LOCAL = "local"


def check_engine(engine: str, source: str) -> None:
    """Raises ConfigError for what does not name an engine. source: where it is from, for the message."""
    if engine != LOCAL and "/" not in engine:
        message = (
            "must be local, the address of a Dask scheduler such as tcp://host:8786, or a deployment "
            "such as fusion-points/worker-points"
        )
        raise ConfigError([Problem("", "engine", engine, message, source)])
