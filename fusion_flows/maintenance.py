"""The former location of `fusion_flows.flows.maintenance`, which deployments and scripts may name."""

from fusion_flows.flows.maintenance import maintenance

__all__ = ["maintenance"]
