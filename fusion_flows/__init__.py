"""FUSION as a Prefect flow: `from fusion_flows import fusion; fusion(template="quick")`."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusion_flows.sim import SimResult, SimulationError, fusion

__all__ = ["SimResult", "SimulationError", "fusion"]


# The embedded server, which a call from Python may start, reports usage to its makers and logs long
# errors where it cannot; and from a cold disk it starts more slowly than it allows itself. Without
# heartbeats nobody sees that a machine is gone with its runs.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")


def __getattr__(name: str) -> Any:
    """Import the flow when it is asked for, so that process.py and plots.py need no Prefect."""
    if name in __all__:
        from fusion_flows import sim

        return getattr(sim, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
