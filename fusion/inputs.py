"""The former location of `fusion.scenario.inputs`, which deployments and scripts may name."""

from fusion.scenario.inputs import Inputs, read_inputs

__all__ = ["Inputs", "read_inputs"]
