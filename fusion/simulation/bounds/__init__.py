"""Bounds and approximations: how little any policy can block, and what simple models expect."""
