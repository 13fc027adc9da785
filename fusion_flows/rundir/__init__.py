"""Run directories: made, locked, read and deleted (no prefect import)."""
