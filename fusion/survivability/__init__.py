"""Failures, restoration and protection."""
