"""A process tree that ends whatever happens (no prefect import)."""
