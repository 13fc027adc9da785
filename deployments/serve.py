"""Serve the flow from a clone: `python -m deployments.serve` is `python -m fusion_flows.serve`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("fusion_flows.serve", run_name="__main__")
