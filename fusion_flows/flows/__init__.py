"""The flows: a run, a sweep, portions of points for workers, maintenance."""
