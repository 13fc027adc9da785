"""The last word in a terminal is that of the command, and not that Prefect is still sending its records."""

import logging


def leave_the_last_word() -> None:
    """Have Prefect not say that it is still sending. It sends all the same, and the process waits for it."""
    for sender in (
        "APILogWorker",
        "EventsWorker",
    ):  # the names of their loggers are those of the classes
        logging.getLogger(sender).addFilter(_is_no_last_word)


def _is_no_last_word(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Still processing items")
