"""The former location of `fusion_flows.flows.sim`, which deployments and scripts may name."""

from fusion_flows.flows.sim import SimResult, fusion

__all__ = ["SimResult", "fusion"]
