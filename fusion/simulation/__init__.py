"""One run: replications, each by the event loop that its scenario needs, in a pool of processes."""
