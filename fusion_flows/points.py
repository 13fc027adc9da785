"""The former location of `fusion_flows.engines.points`, which deployments and scripts may name."""

from fusion_flows.engines.points import fusion_points

__all__ = ["fusion_points"]
