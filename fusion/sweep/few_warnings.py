"""Warnings about many configurations: each once, and only the first few of a kind."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

_MOST = 5


@contextmanager
def few_warnings(logger: logging.Logger) -> Iterator[None]:
    """Pass on each text that a logger is given once; of those that differ in numbers five, and a count."""
    passed: dict[str, set[str]] = defaultdict(set)

    def is_new(record: logging.LogRecord) -> bool:
        known, text = passed[str(record.msg)], record.getMessage()
        if text in known:
            return False
        known.add(text)
        return len(known) <= _MOST

    logger.addFilter(is_new)
    try:
        yield
    finally:
        logger.removeFilter(is_new)
        for known in passed.values():
            if len(known) > _MOST:
                logger.warning("... and %s more warnings like the last", f"{len(known) - _MOST:,}")
