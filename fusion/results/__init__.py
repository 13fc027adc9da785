"""What replications measured, as estimates with intervals, and the files of a run."""
