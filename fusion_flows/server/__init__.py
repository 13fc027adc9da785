"""The Prefect server: its address, whether it answers, and its settings."""
