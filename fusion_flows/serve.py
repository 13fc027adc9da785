"""Serve the flow from this process, without a work pool: `python -m fusion_flows.serve`."""

from fusion_flows import fusion
from fusion_flows.server.settings import Settings

if __name__ == "__main__":
    fusion.serve(name="sim", tags=["fusion", "simulation"], limit=Settings().max_concurrent_runs)
