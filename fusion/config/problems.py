"""What is wrong with a configuration, reported all at once."""

import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, NamedTuple

from fusion.config.counts import counted

_SHOWN_CHARACTERS = 80
_SHOWN_PROBLEMS = 100
_WHOLE = 1e15  # up to here a float is written as an integer
_ALIKE = 0.7  # of difflib's ratio
_A_WORD = 5  # letters; shorter ones mean something else as often
_A_START = 4

_LINE = re.compile(r"(.*), line (\d+)")
"""The source of a problem in a file."""

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = _SHOWN_CHARACTERS


class Problem(NamedTuple):
    """One thing to mend: where it stands, what it is, what is allowed, where it came from.

    Without a source it is of what was just typed.
    """

    section: str
    key: str
    value: object
    message: str
    source: str

    def __str__(self) -> str:
        """Return the problem as one line."""
        place = f"[{show(self.section)}] " if self.section else ""
        what = f"{show(self.key)} = {show(self.value)}: " if self.key else ""
        source = f" (from {show(self.source, 400)})" if self.source else ""
        return f"{place}{what}{self.message}{source}"


class ConfigError(ValueError):
    """A configuration that cannot be run; `problems` holds all that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems, those of a file by its lines, as the only argument: so it can be pickled."""
        self.problems: list[Problem] = _by_lines(list(problems))
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Return one line per problem."""
        lines = [str(problem) for problem in self.problems[:_SHOWN_PROBLEMS]]
        if more := max(0, len(self.problems) - _SHOWN_PROBLEMS):
            lines.append(f"... and {counted(more, 'more problem')}")
        return "\n".join(lines)


class Problems:
    """What several checks find, so that all of it can be told at once."""

    def __init__(self) -> None:
        """Nothing is found yet."""
        self.found: list[Problem] = []

    @contextmanager
    def part(self) -> Iterator[None]:
        """Keep the problems of a check that raises ConfigError, and go on behind it."""
        try:
            yield
        except ConfigError as error:
            self.found += error.problems

    def tell(self) -> None:
        """Raise ConfigError with all that was found, each once, if there is anything."""
        if self.found:
            raise ConfigError(
                each for place, each in enumerate(self.found) if each not in self.found[:place]
            )


def _by_lines(problems: list[Problem]) -> list[Problem]:
    """Return problems file by file, in the order of the lines; all else as it was."""
    places = [_LINE.fullmatch(problem.source) for problem in problems]
    files = [
        place[1] if place else each.source for each, place in zip(problems, places, strict=True)
    ]
    first = {file: number for number, file in reversed(list(enumerate(files)))}
    lines = [int(place[2]) if place else 0 for place in places]
    keys = [(first[file], line) for file, line in zip(files, lines, strict=True)]
    order = sorted(range(len(problems)), key=keys.__getitem__)
    return [problems[number] for number in order]


def show(value: object, characters: int = _SHOWN_CHARACTERS) -> str:
    """Return a value as short printable text on one line, whatever it is and however large."""
    if isinstance(value, str):
        text = value[: characters + 1]
        text = text if text.isprintable() else repr(text)
    else:
        try:
            if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE:
                value = int(value)  # 250 is what people write, and 250.0 what it is read as
            text = _short.repr(value)
        except Exception:  # an integer too long for text, an object whose repr fails
            text = f"<{type(value).__name__}>"
    return text if len(text) <= characters else text[: characters - 3] + "..."


def brief(value: object) -> object:
    """Return a value that is safe to keep, print, pickle and send: itself, or a short text."""
    small = (
        value is None
        or isinstance(value, bool | float)
        or (isinstance(value, int) and abs(value) < 10**18)
    )
    return value if small else show(value)


def closest(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name most like this one, or the only one of which it is a word or the start; or None.

    Names that have little more in common than some letters mislead: load is not o_band.
    """
    by_lower = {choice.lower(): choice for choice in valid}
    matches = get_close_matches(name.lower()[:200], by_lower, n=1, cutoff=_ALIKE)
    if not matches:  # grooming is is_grooming_enabled, util is utilisation
        word = name.lower()
        having = [one for one in by_lower if len(word) >= _A_WORD and word in one.split("_")]
        starting = [one for one in by_lower if len(word) >= _A_START and one.startswith(word)]
        matches = next((those for those in (having, starting) if len(those) == 1), [])
    return by_lower[matches[0]] if matches else None


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the valid name most like this one, or nothing."""
    found = closest(name, valid)
    return "" if found is None else f"; did you mean '{found}'?"


def with_allowed(message: str, hint: str, allowed: str) -> str:
    """Return what is wrong, what was probably meant, and then all that is allowed, which may be long.

    hint: of `nearest`, or nothing.
    """
    return f"{message}{hint} {allowed[0].upper()}{allowed[1:]}" if hint else f"{message}; {allowed}"


def words(schema: Mapping[str, Any]) -> str:
    """Return what a key takes, from its JSON schema."""
    if "anyOf" in schema:
        return " or ".join(map(words, schema["anyOf"]))
    if "const" in schema:
        return f"'{schema['const']}'"
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    kinds = {"integer": "an integer", "number": "a number", "boolean": "True or False"}
    text = kinds.get(schema["type"], "text")
    if schema.get("minLength"):
        text += ", not empty"
    bounds = within(schema)
    return f"{text} {bounds}" if bounds else text


def within(schema: Mapping[str, Any]) -> str:
    """Return the bounds of a number, from its JSON schema: from 1 to 100, above 0 and at most 1."""
    if "minimum" in schema and "maximum" in schema:
        return f"from {schema['minimum']:,} to {schema['maximum']:,}"
    bounds = (
        ("exclusiveMinimum", "above"),
        ("minimum", "of at least"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "below"),
    )
    return " and ".join(f"{told} {schema[name]:,}" for name, told in bounds if name in schema)
