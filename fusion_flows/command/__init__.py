"""The command `fusion`. Each subcommand is a Python function, here or in fusion_flows.runs."""
