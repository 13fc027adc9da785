"""The command `fusion`. Each verb is a Python function, of a module here or of fusion_flows.runs.listing."""
