"""Run directories: create, lock, read and delete them (no prefect import)."""
