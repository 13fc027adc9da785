"""What verbs share: options that several have, and where the text of their help comes from."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter

from fusion_flows.command import completion
from fusion_flows.command.terminal import help_of

Json = Annotated[bool, Parameter(help="Print JSON instead of text.")]

Changes = Annotated[
    list[str] | None,
    Parameter(
        name=("--set", "-s"),
        negative=(),
        help="key=value or section.key=value, read as in an INI file; may be repeated; default: no "
        "change.",
    ),
    completion.completed(completion.assignments),
]

Run = Annotated[str, completion.completed(completion.runs)]
Template = Annotated[str, completion.completed(completion.templates, completion.ini_files)]
Overrides = Annotated[str, completion.completed(completion.sweep_files)]

Verb = TypeVar("Verb", bound=Callable[..., int])


def text_of(function: Callable[..., Any]) -> Callable[[Verb], Verb]:
    """Give a verb the docstring of the function that it calls, as its help."""

    def give(verb: Verb) -> Verb:
        verb.__doc__ = help_of(function)
        return verb

    return give


def own_text(verb: Verb) -> Verb:
    """Give a verb its own docstring as its help, with each paragraph in one line."""
    verb.__doc__ = help_of(verb)
    return verb


def as_dicts(values: Iterable[Any]) -> list[dict[str, Any]]:
    """Return named tuples as what JSON can hold."""
    return [value._asdict() for value in values]
