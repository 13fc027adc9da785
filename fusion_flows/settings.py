"""What the environment says: the `FUSION_*` variables of the flows."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Places and limits that belong to a machine, not to a run."""

    model_config = SettingsConfigDict(env_prefix="FUSION_", frozen=True, extra="ignore")

    runs_dir: Path = Field(
        default=Path("runs"),
        description="Folder of the run directories; relative to where the flow runs.",
    )
    templates_dir: Path | None = Field(
        default=None,
        description="Folder with templates of your own, offered beside the shipped ones.",
    )
    max_log_size_bytes: int = Field(
        default=10 * 1024**2,
        ge=0,
        description="How much of sim.log goes into the run's log in Prefect; the file has all.",
    )
    grace_seconds: float = Field(
        default=2.0,
        ge=0,
        le=600,
        description="Seconds from SIGTERM to SIGKILL when a run is ended.",
    )
