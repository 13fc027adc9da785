"""JSON schemas of the flow's parameters: what the form in Prefect's UI is made from.

Prefect checks a deployment's parameters against these schemas before a run exists, so they say what
helps to fill in the form: choices, and bounds, which a browser checks in the field. What else is
allowed is for `load_config` to judge, with its better messages.

Both versions of the UI show a description as plain text, sort the fields by `position`, and send a
field only when somebody has filled it in, or when it has a default.
"""

from collections.abc import Sequence
from typing import Any

from fusion.config.sections import SECTIONS
from fusion.config.shipped import modulation_names, topology_names
from fusion.config.templates import template_names
from fusion.sweep.definition import Sweep
from fusion_flows.flows.sweep_parameter import PACKED
from fusion_flows.server.settings import Settings

_BOUNDS = ("minimum", "exclusiveMinimum", "maximum")
_SHOWN = ("description", "type", "enum", "anyOf", "additionalProperties", *_BOUNDS)
_LARGE = 1e9
_SWEEP_FIELDS = ("template", "grid", "zip", "points", "where", "metric", "overrides")
"""The fields of a sweep in the order of the form: what makes it a sweep before sixty keys."""


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
    """Return the sections with their keys, none of them required and none with a default.

    A field that is left empty is not sent, so the template's value stands.
    """
    return {
        "type": "object",
        "properties": {
            section: {
                "title": section,
                "type": "object",
                "description": (model.__doc__ or "").strip(),
                "properties": {
                    key: _field(key, schema)
                    for key, schema in model.model_json_schema()["properties"].items()
                },
            }
            for section, model in SECTIONS.items()
        },
    }


def sweep_schema() -> dict[str, Any]:
    """Return the fields of a sweep; its template and overrides as in the form of a run."""
    schema = Sweep.model_json_schema()
    parts = schema.pop("$defs", {})
    fields = schema["properties"]
    for name, made in (("template", template_schema()), ("overrides", overrides_schema())):
        fields[name] = {"description": fields[name]["description"], **made}
    schema["properties"] = {
        name: fields[name] | {"title": name, "position": position}
        for position, name in enumerate(_SWEEP_FIELDS)
    }
    found = _with_parts(schema, parts)
    assert isinstance(found, dict)
    # Of a large sweep, of one with a template of one's own, and of one with labels; no field of the form, but
    # Prefect is to take them.
    objects = ("sent_settings", "labels")
    unseen = {
        f"^{PACKED}$": {"type": "string"},
        **{f"^{name}$": {"type": "object"} for name in objects},
    }
    return found | {"patternProperties": unseen}


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


def _field(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the field of a key."""
    field = {"title": key} | {name: schema[name] for name in _SHOWN if name in schema}
    if key == "network":
        del field["type"]
        field |= _choice("a shipped topology", topology_names(), "a file, or FUSION's name")
    elif key == "mod_assumption":
        del field["type"]
        field |= _choice("a shipped table", modulation_names(), "one in mod_assumption_path")
    elif "anyOf" in field:
        field["anyOf"] = [
            {"title": each.get("const", "a number"), **each} for each in field["anyOf"]
        ]
    elif field.get("type") == "boolean":  # as a switch it would be sent, as False, untouched
        del field["type"]
        field["enum"] = [True, False]
    return field | {"description": f"{field['description']}{bounds_text(schema)}"}


def bounds_text(schema: dict[str, Any]) -> str:
    """Return the bounds of a number as a sentence that follows another, or nothing."""
    for each in (schema, *schema.get("anyOf", ())):
        low, above, high = (each.get(name) for name in _BOUNDS)
        if high is None:
            continue
        if low is None:
            most = "" if high > _LARGE else f" and at most {_number(high)}"
            return f" Allowed: above {_number(above)}{most}."
        if high > _LARGE:  # no limit of the thing itself
            return f" Allowed: {_number(low)} or more."
        return f" Allowed: {_number(low)} to {_number(high)}."
    return ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
