"""The Prefect server: where it is, whether it answers, and what is set for it."""
