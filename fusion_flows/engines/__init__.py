"""Points of a sweep on other machines: a Dask cluster, the workers of a work pool."""
