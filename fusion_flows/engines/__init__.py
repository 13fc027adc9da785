"""Engines that compute points on other machines: a Dask cluster, or the workers of a work pool."""
