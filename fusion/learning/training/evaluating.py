"""What an agent does in some replications: as a policy of the simulator, or else in environments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fusion.config.config import Config, ConfigError, read_config
from fusion.learning.evaluation import Agent, evaluate
from fusion.learning.training.heuristics import Measured, measured, simulate, with_requests

AGENT = "agent"
"""What the agent is called in tables."""


class Evaluator:
    """Lets agents serve replications.

    An agent in a file is a policy, whose decisions are those of its network, many times faster; where the
    simulator does not take it as one, environments ask the network itself.
    """

    def __init__(
        self,
        template: str | Path,
        config: Config,
        load: float,
        options: dict[str, Any],
        stopped: Callable[[], bool],
        say: Callable[[str], None],
    ) -> None:
        """template: what the config was read from. load: Erlang. options: of the environments.

        stopped: asked often. say: is told once why environments are used.
        """
        self._template, self._config, self._load = template, config, load
        self._options, self._stopped, self._say = options, stopped, say
        self._is_policy = True

    def measure(
        self, file: Path, network: Agent, replications: range, requests: int | None = None
    ) -> Measured:
        """Return what an agent does. Raises Stopped.

        file, network: the same agent. requests: measured ones of a replication; None: as in the config.
        """
        if self._is_policy:
            try:
                config = read_config(
                    self._template, {"routing_settings": {"policy": str(file.absolute())}}
                ).config
                if requests is not None:
                    config = with_requests(config, requests)
                return simulate(AGENT, config, self._load, replications, self._stopped)
            except ConfigError as error:
                self._is_policy = False
                self._say(f"the agent is evaluated in environments: {error.problems[0].message}")
        config = self._config if requests is None else with_requests(self._config, requests)
        done = evaluate(network, config, replications=replications, **self._options)
        return measured(AGENT, done.replications)
