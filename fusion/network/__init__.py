"""The network: its graph, paths, cores and bands, modulation formats and physics."""
