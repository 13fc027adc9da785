"""What an agent was trained on, as it stands in its file."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

METADATA_KEY = "fusion_agent"
"""Key of the metadata of a file under which `About` stands as JSON."""

MOST_BLOCKS = 1000


class About(BaseModel):
    """What an agent sees and does, and where it comes from. Whatever else a trainer writes is kept.

    observation: kind of the observation, as environments name it. actions: what an action chooses. blocks:
    free blocks of a path among which it chooses. shows_holding: whether the holding time is among the
    numbers. may_block: whether it may block a request that has room. candidates: paths of the pair of nodes
    that has most. nodes: their names, in the order of source and destination. names: of the numbers of an
    observation. allocation_method: what decides on the path that it chooses; empty: not known, or no
    meaning, as its actions are not paths. network, load, seed, steps: of training; the load is nominal, in
    Erlang. setting: the config it was trained with. name: for legends and tables; empty: that of the file.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    observation: str = "features"
    actions: str = "blocks"
    blocks: int = Field(default=1, ge=1, le=MOST_BLOCKS)
    shows_holding: bool = False
    may_block: bool = False
    candidates: int | None = Field(default=None, ge=1)
    nodes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    inputs: Any = None
    allocation_method: str = Field(default="", max_length=100)
    network: str = Field(default="", max_length=1000)
    load: float | None = Field(default=None, ge=0)
    seed: int | None = Field(default=None, ge=0)
    steps: int | None = Field(default=None, ge=0)
    setting: Any = None
    name: str = Field(default="", max_length=100)

    @property
    def decides_by(self) -> list[object]:
        """All of it that a decision depends on, as JSON data."""
        return [
            self.observation,
            self.actions,
            self.blocks,
            self.shows_holding,
            self.may_block,
            list(self.nodes),
        ]
