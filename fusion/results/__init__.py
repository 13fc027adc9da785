"""The results of replications, as estimates with intervals, and the files of a run."""
