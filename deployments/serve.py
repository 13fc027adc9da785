"""Serve the flows from this process, without a work pool: `python -m deployments.serve`."""

from fusion_flows import fusion

if __name__ == "__main__":
    fusion.serve(name="sim", tags=["fusion", "simulation"], limit=1)
