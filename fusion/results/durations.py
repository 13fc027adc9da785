"""Durations as text."""

import math


def clock(seconds: float) -> str:
    """Return the time left as mm:ss, or h:mm:ss from an hour on."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def in_two_units(seconds: float | None) -> str:
    """Return a time that was measured in two units, such as 2 h 05 min; nothing for None."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def roughly(seconds: float) -> str:
    """Return a time that was estimated in one unit, such as 2.1 h."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return "under 1 s" if seconds < 1.0 else f"{seconds:.0f} s"
