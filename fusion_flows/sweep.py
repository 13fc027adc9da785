"""The former location of `fusion_flows.flows.sweep`, which deployments and scripts may name."""

from fusion_flows.flows.sweep import SweepResult, fusion_sweep

__all__ = ["SweepResult", "fusion_sweep"]
