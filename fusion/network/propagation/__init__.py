"""Signal quality of paths by GNPy's own propagation; only what propagates loads GNPy."""
