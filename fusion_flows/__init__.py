"""FUSION as a Prefect flow: `from fusion_flows import fusion; fusion(template="quick")`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusion_flows.sim import SimResult, SimulationError, fusion

__all__ = ["SimResult", "SimulationError", "fusion"]


def __getattr__(name: str) -> Any:
    """Import the flow when it is asked for, so that process.py and plots.py need no Prefect."""
    if name in __all__:
        from fusion_flows import sim

        return getattr(sim, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
