"""JSON schemas of the flow's parameters: what the form in Prefect's UI is made from.

A form has fields for what most runs change, and one of JSON for the rest: with a field for every key it
was twelve screens long. A browser test holds the two screens that it has.

Prefect checks a deployment's parameters against these schemas before a run exists, so they say what
helps to fill in the form: choices, and bounds, which a browser checks in the field. What else is
allowed is for `load_config` to judge, with its better messages. Of what is wrong inside a field of JSON
neither version of the UI would show anything, so its schema says nothing about that.

Both versions of the UI sort the fields by `position`, show a title above each, and send a field only when
somebody has filled it in, or when it has a default. The title says what the template has: a description
would be another line, by which the form grows out of its two screens.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, JsonValue
from pydantic_core import MISSING, PydanticUndefined

from fusion.config.config import Config, load_config
from fusion.config.sections import HOME, SECTIONS
from fusion.config.shipped import modulation_names, topology_names
from fusion.config.templates import template_names
from fusion.config.training_settings import TrainingSettings
from fusion.sweep.definition import Sweep
from fusion_flows.flows.sweep_parameter import PACKED
from fusion_flows.flows.written_values import FORM_OF_AXIS, FORM_OF_LOADS, loads_text
from fusion_flows.server.settings import Settings

DEFAULT_TEMPLATE = "quick"
"""The template of a run whose form is left as it is."""

_BOUNDS = ("minimum", "exclusiveMinimum", "maximum")
_POLICY = ("path_order", "path_choice", "allocation_method", "route_method")
"""Keys whose choices come first, after those of the network."""
_OFTEN = (
    *(
        "mod_assumption",
        "link_directions",
        "is_grooming_enabled",
        "can_partially_serve",
        "fixed_grid",
    ),
    *("protection_mode", "failure_type", "restoration", "snr_type", "bit_rates"),
    *("holding_distribution", "stopping_rule", "path_ties"),
)
"""Keys whose choices come next. All others follow, section by section."""
_NUMBERS = {
    "num_requests": "requests of a replication",
    "max_iters": "replications of each load",
    "k_paths": "candidate paths of a node pair",
    "c_band": "slots of a link",
    "seed": "of all random numbers",
}


def template_schema() -> dict[str, Any]:
    """Return a choice of the templates there are now, or any other text."""
    try:
        names = template_names(Settings().templates_dir)
    except ValueError:  # bad settings are for the run to tell
        names = template_names()
    return _choice("a template", names, "the path of an INI file")


def engine_schema() -> dict[str, Any]:
    """Return a choice of what computes a sweep without further set-up, or any other text."""
    return _choice(
        "here or on the work pool", ["local", "fusion-points/worker-points"], "a Dask scheduler"
    )


def overrides_schema() -> dict[str, Any]:
    """Return an object, which both versions of the UI show as a field of JSON."""
    return {"type": "object"}


def choices_schema() -> dict[str, Any]:
    """Return a choice of any number of `key=value`: of every key that has fixed values."""
    return {"type": "array", "items": {"type": "string", "enum": list(_choices())}}


def loads_schema() -> dict[str, Any]:
    """Return text that may be loads."""
    return {"type": "string", "pattern": FORM_OF_LOADS}


def number_schema(key: str) -> dict[str, Any]:
    """Return the type and the bounds of a key that is a number."""
    schema = _schema_of(key)
    return {name: schema[name] for name in ("type", *_BOUNDS) if name in schema}


def form_of_a_run(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of the flow `fusion` as its form has it: with titles, and in their order."""
    config = _default_config()
    loads = config.general_settings
    titles = {
        "template": "template: fields left empty keep its values",
        "loads": "loads in Erlang, evenly spaced, such as 150 to 300 step 50 "
        f"({DEFAULT_TEMPLATE}: {loads_text(loads.erlang_start, loads.erlang_stop, loads.erlang_step)})",
        "num_requests": _number_title("num_requests", config),
        "max_iters": _number_title("max_iters", config),
        "choices": "choices: network, path order, policy, then everything else with fixed values",
        "k_paths": _number_title("k_paths", config),
        "c_band": _number_title("c_band", config),
        "seed": _number_title("seed", config),
        "overrides": 'overrides: any other key as JSON, such as {"general_settings": {"guard_slots": 0}}',
        "name": "name of the run, unless it is given above as Run Name",
        "resume": "resume: name or run id of an earlier run, to finish it",
    }
    chosen = ", ".join(f"{key}={_value(config, key)}" for key in ("network", *_POLICY[:3]))
    return _signature(function, titles, {"choices": f"In {DEFAULT_TEMPLATE}: {chosen}"})


def training_schema(key: str) -> dict[str, Any]:
    """Return the type and the bounds of a number of [training_settings]."""
    schema = TrainingSettings.model_json_schema()["properties"][key]
    return {name: schema[name] for name in ("type", *_BOUNDS) if name in schema}


def form_of_a_training(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of the flow `fusion-train` as its form has it."""
    default = TrainingSettings()
    titles = {
        "template": "template: network and traffic",
        "steps": f"steps: requests that the agent decides while it learns (default: {default.steps:,})",
        "seed": f"seed: of weights and exploration (default: {default.seed})",
        "training": 'training: any other key of [training_settings] as JSON, such as {"network": "mlp"}',
        "overrides": 'overrides: what to change in it, such as {"routing_settings": {"k_paths": 3}}',
        "name": "name of the run, unless it is given above as Run Name",
        "resume": "resume: run id of an earlier training, to finish it",
    }
    return _signature(function, titles, {})


def form_of_a_sweep(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of the flow `fusion-sweep` as its form has it."""
    titles = {
        "sweep": "sweep",
        "engine": "engine: where the points are computed",
        "failed": "failed: compute only the points that failed last time",
        "name": "name of the run, unless it is given above as Run Name",
    }
    return _signature(function, titles, {})


def sweep_schema() -> dict[str, Any]:
    """Return the fields of a sweep, of which the form shows the first ones."""
    schema = Sweep.model_json_schema()
    parts = schema.pop("$defs", {})
    config = _default_config()
    fields = {
        # Also where the form is opened without the example of the deployment.
        "template": {"title": "template", "default": DEFAULT_TEMPLATE, **template_schema()},
        "axes": {
            "title": "axes, one per row, such as k_paths = 1, 3, 5 or erlang = 140 to 220 step 20",
            "type": "array",
            "items": {"type": "string", "pattern": FORM_OF_AXIS},
        },
        **{
            key: {"title": _number_title(key, config), **number_schema(key)}
            for key in ("num_requests", "max_iters")
        },
        "where": {
            "title": "where: which combinations are wanted, such as k_paths > 1 or path_order == 'km'",
            "type": "string",
        },
        "more": {
            "title": 'more: anything else in a sweep as JSON, such as {"zip": [...], "overrides": {...}}',
            "type": "object",
        },
    }
    found = _with_parts(schema, parts)
    assert isinstance(found, dict)
    # What a file says of a sweep, what is written by `fusion sweep --detach`, and a large sweep: no fields of
    # the form, but Prefect is to take them, and to check them.
    unseen = {name: each for name, each in found.pop("properties").items() if name not in fields}
    unseen["overrides"] = overrides_schema()
    unseen[PACKED] = {"type": "string"}
    return found | {
        "properties": {
            name: {**field, "position": position}
            for position, (name, field) in enumerate(fields.items())
        },
        "patternProperties": {f"^{name}$": each for name, each in unseen.items()},
    }


class _FormParameter(inspect.Parameter):
    """A parameter whose default is what Prefect makes a field from; `help` shows only the default in it."""

    def __str__(self) -> str:
        default = self.default.default
        if default is PydanticUndefined:
            default = self.empty
        elif default is MISSING:
            default = None
        return str(
            inspect.Parameter(self.name, self.kind, default=default, annotation=self.annotation)
        )


def _signature(
    function: Callable[..., Any], titles: Mapping[str, str], descriptions: Mapping[str, str]
) -> inspect.Signature:
    """Return a signature from which Prefect makes a form with these titles, in this order.

    A default of None means that nothing is sent: in the schema it would be a null, which the UI would send.
    """
    signature = inspect.signature(function)
    parameters = []
    for name, parameter in signature.parameters.items():
        extra: dict[str, JsonValue] = {
            "title": titles[name],
            "description": descriptions.get(name, ""),
            "position": list(titles).index(name),
        }
        default = MISSING if parameter.default is None else parameter.default
        field = Field(
            default=... if default is parameter.empty else default, json_schema_extra=extra
        )
        parameters.append(
            _FormParameter(name, parameter.kind, default=field, annotation=parameter.annotation)
        )
    return signature.replace(parameters=parameters)


def _default_config() -> Config:
    """Return what the template of an untouched form has."""
    try:
        return load_config(DEFAULT_TEMPLATE, templates_dir=Settings().templates_dir)
    except ValueError:  # for the run to tell
        return load_config(DEFAULT_TEMPLATE)


def _number_title(key: str, config: Config) -> str:
    value = _value(config, key)
    return f"{key}: {_NUMBERS[key]} ({DEFAULT_TEMPLATE}: {value:,})"


def _value(config: Config, key: str) -> Any:
    value = getattr(getattr(config, HOME[key]), key)
    return Path(value).stem if key == "network" else value


def _choices() -> Iterator[str]:
    """Yield `key=value` for each value of each key that has some few, the most changed ones first."""
    yield from (f"network={name}" for name in topology_names())
    for key in dict.fromkeys((*_POLICY, *_OFTEN, *HOME)):
        if key == "network":
            continue
        schema = _schema_of(key)
        values: Sequence[object] = schema.get("enum", ())
        if key == "mod_assumption":
            values = modulation_names()
        elif schema.get("type") == "boolean":
            values = (True, False)
        yield from (f"{key}={value}" for value in values)


def _schema_of(key: str) -> dict[str, Any]:
    """Return the JSON schema of a key."""
    schema = _schemas(HOME[key])[key]
    assert isinstance(schema, dict)
    return schema


@cache
def _schemas(section: str) -> dict[str, Any]:
    """Return the JSON schema of each key of a section. Each run imports this file, so it is made once."""
    properties = SECTIONS[section].model_json_schema()["properties"]
    assert isinstance(properties, dict)
    return properties


def _with_parts(schema: Any, parts: dict[str, Any]) -> Any:
    """Return a schema with its references replaced by what they refer to."""
    if isinstance(schema, list):
        return [_with_parts(each, parts) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _with_parts(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {name: _with_parts(each, parts) for name, each in schema.items()}


def _choice(title: str, names: Sequence[str], other: str) -> dict[str, Any]:
    """Return a field with two tabs: a list to choose from, and free text."""
    return {
        "anyOf": [
            {"type": "string", "title": title, "enum": list(names)},
            {"type": "string", "title": other},
        ]
    }
