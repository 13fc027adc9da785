"""FUSION as Prefect flows: `from fusion_flows import fusion; fusion(template="quick")`, and sweeps."""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusion.sweep.definition import Sweep
    from fusion_flows.command.bounds import bound
    from fusion_flows.command.reproduce import reproduce
    from fusion_flows.command.sweeps import compare, load_sweep, loads_at, plan
    from fusion_flows.command.ties import ties
    from fusion_flows.flows.sim import SimResult, fusion
    from fusion_flows.flows.sweep import SweepResult, fusion_sweep
    from fusion_flows.flows.training import TrainingResult, fusion_train
    from fusion_flows.following.flow_ends import SimulationError

__all__ = [
    "SimResult",
    "SimulationError",
    "Sweep",
    "SweepResult",
    "TrainingResult",
    "bound",
    "compare",
    "fusion",
    "fusion_sweep",
    "fusion_train",
    "load_sweep",
    "loads_at",
    "plan",
    "reproduce",
    "ties",
]

_HOMES = {
    "SimResult": "fusion_flows.flows.sim",
    "SimulationError": "fusion_flows.following.flow_ends",
    "Sweep": "fusion.sweep.definition",
    "SweepResult": "fusion_flows.flows.sweep",
    "TrainingResult": "fusion_flows.flows.training",
    "bound": "fusion_flows.command.bounds",
    "compare": "fusion_flows.command.sweeps",
    "fusion": "fusion_flows.flows.sim",
    "fusion_sweep": "fusion_flows.flows.sweep",
    "fusion_train": "fusion_flows.flows.training",
    "load_sweep": "fusion_flows.command.sweeps",
    "loads_at": "fusion_flows.command.sweeps",
    "plan": "fusion_flows.command.sweeps",
    "reproduce": "fusion_flows.command.reproduce",
    "ties": "fusion_flows.command.ties",
}


# Prefect, and the embedded server, which a call from Python may start, report usage to their makers; the
# server logs long errors where it cannot, and from a cold disk it starts more slowly than it allows itself.
# Without heartbeats nobody sees that a machine is gone with its runs.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")


def __getattr__(name: str) -> Any:
    """Import a flow when it is asked for, so that process.py and pictures/ need no Prefect."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
