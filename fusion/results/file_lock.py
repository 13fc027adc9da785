"""A lock on an open file, which the kernel frees whatever ends the process that has it."""

import sys
from typing import IO, Any

_LOCKED_BYTE = 1 << 30  # Windows locks bytes, and nobody else can read those: one beyond the text


def lock(file: IO[Any], *, exclusive: bool = True) -> bool:
    """Lock a file and return whether that was possible; closing it unlocks it.

    Those that only look share the lock, so that they do not see each other.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(_LOCKED_BYTE)
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # there is no shared one
            finally:
                file.seek(0)
        else:
            import fcntl

            kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
            fcntl.flock(file.fileno(), kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
