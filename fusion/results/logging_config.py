"""The one place where logging is set up: human-readable lines on standard error."""

from __future__ import annotations

import logging
import sys


def get_logger(name: str) -> logging.Logger:
    """Return the logger of a module."""
    return logging.getLogger(name)


def configure_logging(level: int = logging.INFO) -> None:
    """Send the log of the process to standard error, one line per record."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S")
    )
    root = logging.getLogger("fusion")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
