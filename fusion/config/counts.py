"""Counts as people write them: the noun agrees with the number."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: 1 load, 2 loads, 1,234 requests.

    noun: as for one.  plural: where it is not the noun with an s.
    """
    return f"{number:,} {agreeing(number, noun, plural)}"


def agreeing(number: int, noun: str, plural: str = "") -> str:
    """Return the noun, or a verb given with both its forms, as it follows this number."""
    return noun if number == 1 else plural or f"{noun}s"
