"""What Prefect is told while a run goes on and when it ends."""
