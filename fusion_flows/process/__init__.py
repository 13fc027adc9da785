"""A process tree that is always cleaned up (no prefect import)."""
