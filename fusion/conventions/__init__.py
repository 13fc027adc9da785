"""The conventions of the original FUSION: its requests, paths, formats and counters, quirks included."""
