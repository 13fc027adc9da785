"""An agent as its file has it, which goes with the inputs of a run wherever they go."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from fusion.scenario.agent.about import About
from fusion.scenario.agent.graph import Graph, json_text


class AgentSource(NamedTuple):
    """An agent as its file has it. label: name of the file. about: None where the file has nothing of it."""

    label: str
    graph: Graph
    about: About | None

    @property
    def key(self) -> str:
        """SHA-256, in hex, of what its decisions depend on: the network, and what it sees and does."""
        decides_by = None if self.about is None else self.about.decides_by
        found = json_text([decides_by, self.graph.digest()])
        return hashlib.sha256(found.encode()).hexdigest()
