"""Log files that other processes append to, kept at a bounded size."""

import os
import shutil
from pathlib import Path

MOST_BYTES = 20_000_000


def keep_small(log: Path, most_bytes: int = MOST_BYTES) -> None:
    """Empty a log that has grown above its size; what it held is then in NAME.old, as one before it was.

    Who writes must have opened it to append. What is written in the moment between is lost. Raises OSError
    where nothing can be written.
    """
    if log.stat().st_size > most_bytes:
        shutil.copyfile(log, log.with_name(log.name + ".old"))
        os.truncate(log, 0)
