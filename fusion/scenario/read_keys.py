"""Results of functions of a configuration, kept by the keys that each has read.

Of many configurations that differ in a few keys most functions give the same: those that have not looked at
these keys. What a function looks at is not written down anywhere, it is seen: a function is called with a
configuration that notes which keys are read, in their order. As the function is pure, the next configuration
with the same values there takes the same way to the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from pydantic import BaseModel

from fusion.config.config import Config
from fusion.config.section import Section
from fusion.config.sections import SECTIONS

P = ParamSpec("P")
R = TypeVar("R")

Place = tuple[str, str]
"""Section and key."""

_NOTE = "_note"  # in the `__dict__` of a section that is looked at; no field begins so
_HARMLESS = {"__class__"}


class _Question:
    """The key that is read next, and where each of its values leads to: another question, or the result."""

    __slots__ = ("answers", "place")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.answers: dict[Hashable, _Question | _Result] = {}


class _Result:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Memory:
    """What functions gave, as long as this object lives."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._first: dict[Hashable, _Question | _Result] = {}
        self._kept: list[object] = []  # an address names an object as long as that is there

    def call(
        self, function: Callable[Concatenate[Config, P], R], config: Config, *others: Any
    ) -> R:
        """Return function(config, *others), called only where nothing equal was.

        function: pure, and never changed by what it returned before. others: are the same when they are
        the same object. What it raises is not kept.
        """
        start = (function, *map(id, others))
        found = self._first.get(start)
        while type(found) is _Question:
            section, key = found.place
            found = found.answers.get(_hashable(getattr(getattr(config, section), key)))
        if found is not None:
            return cast(R, cast(_Result, found).value)
        reads: dict[Place, None] = {}
        result = function(_noting(config, reads), *others)  # type: ignore[call-arg]
        self._keep(start, config, list(reads), result)
        self._kept.append(others)
        return result

    def _keep(self, start: Hashable, config: Config, reads: list[Place], value: Any) -> None:
        answers, answer = self._first, start
        for place in reads:
            question = answers.setdefault(answer, _Question(place))
            if type(question) is not _Question or question.place != place:
                return  # it is not a pure function: call it each time
            section, key = place
            answers, answer = question.answers, _hashable(getattr(getattr(config, section), key))
        answers.setdefault(answer, _Result(value))


def _hashable(value: Any) -> Hashable:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return cast(Hashable, value)


def _noting(config: Config, reads: dict[Place, None]) -> Config:
    """Return the same configuration, which notes what is read of it."""
    noting = _Noting.__new__(_Noting)
    _fill(noting, {**vars(config), _NOTE: reads})
    return noting


def _fill(model: BaseModel, content: dict[str, Any]) -> None:
    for name, value in (
        ("__dict__", content),
        ("__pydantic_fields_set__", set()),
        ("__pydantic_extra__", None),
        ("__pydantic_private__", None),
    ):
        object.__setattr__(model, name, value)


class _Noting(Config):
    """A configuration whose sections note what is read of them."""

    def __getattribute__(self, name: str) -> Any:
        read = super().__getattribute__
        if name in SECTIONS:
            content = read("__dict__")
            section = content[name]
            if type(section) is SECTIONS[name]:
                noting = _noting_section(SECTIONS[name])
                values = vars(section)
                section = content[name] = noting.__new__(noting)
                _fill(section, {**values, _NOTE: (name, content[_NOTE])})
            return section
        if name == "__dict__":
            for section in SECTIONS:
                getattr(self, section)
        return read(name)


@cache
def _noting_section(model: type[Section]) -> type[Section]:
    keys = frozenset(model.model_fields)

    class Noting(model):  # type: ignore[valid-type,misc]
        def __getattribute__(self, name: str) -> Any:
            read = super().__getattribute__
            place = read("__dict__").get(_NOTE)  # a copy has none: who made it has read everything
            if place is not None and name not in _HARMLESS:
                section, reads = place
                if name in keys:
                    reads[section, name] = None
                else:  # a method or the like may read anything
                    reads.update(dict.fromkeys((section, key) for key in keys))
            if name == "__dict__":
                return {key: value for key, value in read(name).items() if key != _NOTE}
            return read(name)

    return Noting
