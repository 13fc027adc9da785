"""Points in time as a person gives them: a date, a date with a time, or how long ago."""

import re
from datetime import datetime, timedelta

from fusion.config.problems import show


class ArgumentError(ValueError):
    """A value that cannot be; the message says what is allowed."""


_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}


def moment(text: str, what: str, *, end: bool = False) -> datetime:
    """Return the time that is meant, with its zone; without one it is the local zone.

    text: `2d` (days ago; s, m, h, d, w), or ISO 8601 such as 2026-11-23 or 2026-11-23T14:30.
    what: where it was given, for the message.  end: a date alone means its end and not its start.
    Raises ArgumentError.
    """
    given = text.strip()
    try:
        if ago := _AGO.fullmatch(given.lower()):
            seconds = float(ago[1]) * _SECONDS[ago[2]]
            return datetime.now().astimezone() - timedelta(seconds=seconds)
        time = datetime.fromisoformat(given)
        if end and len(given) == len("2026-11-23"):
            time += timedelta(days=1)
        return time.astimezone()
    except (ValueError, OverflowError, OSError):
        raise ArgumentError(
            f"{what} {show(text)}: must be a time ago such as 90m, 3h, 2d or 1w, a date such as "
            "2026-11-23, or a date with a time such as 2026-11-23T14:30"
        ) from None


def in_words(text: str) -> str:
    """Return the time from such a moment until now in words: less than 1 week ago, since 2026-11-23."""
    given = text.strip()
    if ago := _AGO.fullmatch(given.lower()):
        number = float(ago[1])
        unit = _UNITS[ago[2]]
        return f"less than {number:g} {unit if number == 1 else f'{unit}s'} ago"
    return f"since {given}"
