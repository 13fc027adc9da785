"""The former location of `fusion.simulation.replication`, which deployments and scripts may name."""

from fusion.simulation.replication import replicate

__all__ = ["replicate"]
