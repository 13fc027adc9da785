"""Sweeps: many points from one small file, kept by content, never computed twice. Independent of Prefect."""
