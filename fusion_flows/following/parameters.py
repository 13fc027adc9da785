"""Parameters of the flows as Prefect hands them on: JSON, from a form or from `prefect deployment run`.

That command reads each --param as JSON. So text that looks like a number arrives as one, NaN and infinity
arrive as null, and a value that was forgotten arrives as empty text.
"""

from typing import Annotated

from prefect.context import FlowRunContext
from pydantic import BeforeValidator, WithJsonSchema

from fusion.config.config import ConfigError, Problem


def _text(value: object) -> object:
    """Return a number as text with all its digits; anything else is left to pydantic."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return repr(value) if is_number else value


# The form shows a tab for each kind. Without the second kind the server, which checks by the schema of the
# form, refuses a number before there is a run; both versions of the UI show tabs where two kinds are taken.
Text = Annotated[
    str,
    BeforeValidator(_text),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "title": "text"}, {"type": "number", "title": "a number"}]}
    ),
]
"""Text, for which a number is good, too."""


def refuse_forgotten(sent_by_forms: str) -> None:
    """Raise ConfigError for a parameter of the current run whose value was forgotten.

    sent_by_forms: the parameter without which no form sends a run. Forms send text that was left empty, and
    mean what the parameter is by default.
    """
    context = FlowRunContext.get()
    given = (context.flow_run.parameters if context and context.flow_run else None) or {}
    if sent_by_forms in given:
        return
    problems = [
        Problem(
            *("", "", None),
            f"the parameter {name} is empty: give it a value, as in --param {name}=VALUE, or leave it out",
            "the parameters of the run",
        )
        for name, value in given.items()
        if value == ""
    ]
    if problems:
        raise ConfigError(problems)


def with_nulls_told(error: ConfigError) -> ConfigError:
    """Return an error that says of each value that is null what it may have been."""
    return ConfigError(
        problem._replace(message=f"{problem.message}; Prefect stores NaN and infinity as null")
        if problem.key and problem.value is None
        else problem
        for problem in error.problems
    )
