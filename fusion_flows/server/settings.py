"""Settings from the environment: the `FUSION_*` variables of the flows."""

import os
from pathlib import Path
from typing import Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field, field_validator

from fusion_flows.server import address as server_address


class Places(TypedDict):
    """Where load_config may look."""

    templates_dir: Path | None
    input_dirs: tuple[Path, ...] | None


def _runs_dir() -> Path:
    """Return the folder of the runs where FUSION_RUNS_DIR is not set."""
    server = server_address.meant()
    return Path("runs") if server is None else server.runs_dir


_PREFIX = "FUSION_"


class Settings(BaseModel):
    """Places and limits that belong to a machine, not to a run."""

    model_config = ConfigDict(frozen=True)

    runs_dir: Path = Field(
        default_factory=_runs_dir,
        description="Folder of the run directories; relative to where the flow runs. Not set: that of "
        "the `fusion up` whose server is meant, else `runs`.",
    )
    templates_dir: Path | None = Field(
        default=None,
        description="Folder with templates of your own, offered beside the shipped ones.",
    )
    store_dir: Path | None = Field(
        default=None,
        description="Folder in which sweeps keep what they have computed, by content. Not set: that "
        "of the `fusion up` whose folder of runs this is, else `store` in the folder of the runs.",
    )
    max_log_size_bytes: int = Field(
        default=10 * 1024**2,
        ge=0,
        description="How much of sim.log goes into the run's log in Prefect; the file has all.",
    )
    input_dirs: tuple[Path, ...] | None = Field(
        default=None,
        description="Folders that templates, topologies and tables may be read from, separated as "
        "in PATH, beside the shipped ones and FUSION_TEMPLATES_DIR. Not set: for runs of a "
        "deployment the folder where the flow runs; a call from Python reads what its caller may.",
    )
    max_concurrent_runs: int = Field(
        default=1,
        ge=1,
        description="How many runs of the deployment may be going on at once; further ones wait.",
    )
    server_wait_seconds: float = Field(
        default=3600.0,
        ge=0,
        description="How long a finished run waits for a Prefect server that is away.",
    )
    grace_seconds: float = Field(
        default=2.0,
        ge=0,
        le=600,
        description="Seconds from SIGTERM to SIGKILL when a run is ended.",
    )
    stall_seconds: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Seconds in which a simulator neither writes nor computes, and is called stalled then. "
        "Not set: ten times the longest time between two replications so far, and 120 at least.",
    )
    end_stalled_seconds: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="A run that has been stalled for so many seconds is ended. Not set: it is not.",
    )
    keep_days: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="A run none of whose files has changed for so many days is not kept.",
    )
    keep_bytes: int | None = Field(
        default=None,
        ge=0,
        description="Space on disk that all runs may take; beyond it the oldest are not kept.",
    )

    def __init__(self) -> None:
        """Read them. Raises ValidationError.

        By hand, as pydantic_settings loads asyncio, which no verb that only reads has a use for.
        """
        given = {name.upper(): value for name, value in os.environ.items()}
        names = {name: _PREFIX + name.upper() for name in type(self).model_fields}
        super().__init__(**{name: given[key] for name, key in names.items() if key in given})

    @property
    def store(self) -> Path:
        """The folder of the store, the same for whoever asks: a verb, a flow, Python."""
        if self.store_dir is not None:
            return self.store_dir
        server = server_address.meant()
        if server is not None and self.runs_dir.expanduser().absolute() == server.runs_dir:
            return server.store
        return self.runs_dir / "store"

    def places(self, *, remote: bool) -> Places:
        """Return where files may be read. remote: for parameters that anybody may have sent."""
        input_dirs = self.input_dirs
        if input_dirs is None and remote:
            input_dirs = (Path.cwd(),)
        return {"templates_dir": self.templates_dir, "input_dirs": input_dirs}

    @field_validator("input_dirs", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Split as PATH is; an empty part is nothing, not the working directory."""
        if not isinstance(value, str):
            return value
        return [Path(part).expanduser() for part in value.split(os.pathsep) if part]
