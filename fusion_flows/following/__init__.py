"""Reports to Prefect during a run and when it ends."""
