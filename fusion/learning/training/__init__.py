"""Training: MaskablePPO on the environments, with checkpoints and evaluations (extra `train`)."""
