"""JSON schemas of the flow's parameters: what the form in Prefect's UI is made from.

Prefect checks a deployment's parameters against these schemas before a run exists, so they only
say what helps to fill in the form. What is allowed is for `load_config` to judge, with its better
messages.
"""

from typing import Any

from fusion.config import template_names
from fusion.sections import SECTIONS
from fusion.sweep.definition import Sweep
from fusion_flows.settings import Settings

_SHOWN = ("description", "type", "enum", "anyOf", "additionalProperties")


def template_schema() -> dict[str, Any]:
    """Return a choice of the templates there are now, or any other text."""
    try:
        names = template_names(Settings().templates_dir)
    except ValueError:  # bad settings are for the run to tell
        names = template_names()
    return {
        "anyOf": [
            {"type": "string", "title": "a template", "enum": names},
            {"type": "string", "title": "the path of an INI file"},
        ]
    }


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
        fields[name] = {"title": name, "description": fields[name]["description"], **made}
    found = _with_parts(schema, parts)
    assert isinstance(found, dict)
    return found


def _with_parts(schema: Any, parts: dict[str, Any]) -> Any:
    """Return a schema with its references replaced by what they refer to."""
    if isinstance(schema, list):
        return [_with_parts(each, parts) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _with_parts(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {name: _with_parts(each, parts) for name, each in schema.items()}


def _field(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    field = {"title": key} | {name: schema[name] for name in _SHOWN if name in schema}
    if field.get("type") == "boolean":  # as a switch it would be sent, as False, untouched
        del field["type"]
        field["enum"] = [True, False]
    return field
