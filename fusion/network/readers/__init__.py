"""Readers of network files: one file for each format, and a registry that knows a format by its content."""
