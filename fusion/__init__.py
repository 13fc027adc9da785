"""FUSION: Monte-Carlo simulation of elastic optical networks."""

__version__ = "0.1.0"
