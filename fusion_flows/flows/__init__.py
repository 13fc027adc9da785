"""The flows: a run, a sweep, batches of points for workers, maintenance."""
