"""A section of a configuration."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """What all sections share: they never change, and know no other keys than theirs."""

    model_config = ConfigDict(frozen=True, extra="forbid")
