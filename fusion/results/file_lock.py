"""A lock on an open file, which the kernel frees whatever ends the process that has it."""

import fcntl
from typing import IO, Any


def lock(file: IO[Any], *, exclusive: bool = True) -> bool:
    """Lock a file and return whether that was possible; closing it unlocks it.

    Those that only look share the lock, so that they do not see each other.
    """
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(file.fileno(), kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
