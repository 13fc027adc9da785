"""Write docs/config.md and docs/templates.md: `python docs/make_config_reference.py`."""

from __future__ import annotations

import json
from itertools import takewhile
from pathlib import Path
from typing import Any

import fusion
from fusion.config.sections import SECTIONS
from fusion.config.shipped import SAME_TABLES
from fusion.config.training_settings import SECTION, TrainingSettings

TARGET = Path(__file__).with_name("config.md")
TEMPLATES = Path(__file__).with_name("templates.md")
SHIPPED = Path(fusion.__file__).parent / "shipped"
SOURCES = {
    "example_mod_a": "SDNNetSim/FUSION (MIT licence), data/json_input/example_mods/example_mod_formats.json; "
    "doi:10.1109/ICC40277.2020.9149215",
    "slicing_dissertation": "SDNNetSim/FUSION (MIT licence), "
    "tests/fixtures/expected_results/baseline_kspf_ff/mod_formats.json",
}
"""Name of a table that is shipped under another one, too -> where it is from."""
HEAD = """# Configuration

Sections and keys of the INI file. The names are those of the original FUSION; the sections
`traffic_settings`, `simulation_settings` and `statistics_settings` and some keys are new. FUSION's other
keys are refused by name, with advice on what to do instead, or reported as ignored because they cannot
change a result.

A template sets keys, and overrides change them: `{"general_settings": {"erlang_start": 50}}`.

This page is made from the models in `fusion/config/` by `python docs/make_config_reference.py`.
"""


def reference() -> str:
    """Return the page in markdown."""
    parts = [HEAD]
    for section, model in {**SECTIONS, SECTION: TrainingSettings}.items():
        parts.append(f"\n## {section}\n\n{(model.__doc__ or '').strip()}\n")
        parts.append("| key | default | allowed | meaning |\n|---|---|---|---|")
        for key, schema in model.model_json_schema()["properties"].items():
            default = json.dumps(schema["default"]).strip('"') or "(empty)"
            cells = (f"`{key}`", f"`{default}`", _allowed(schema), schema["description"])
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(parts) + "\n"


def _allowed(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_allowed(each) for each in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    bounds = [
        f"{sign} {schema[name]:g}" if abs(schema[name]) < 1e6 else f"{sign} {schema[name]:.0e}"
        for name, sign in (
            ("exclusiveMinimum", ">"),
            ("minimum", "≥"),
            ("exclusiveMaximum", "<"),
            ("maximum", "≤"),
        )
        if name in schema
    ]
    return " ".join([schema.get("type", ""), ", ".join(bounds)]).strip()


def templates() -> str:
    """Return the page of the shipped templates and modulation tables, from their own words."""
    parts = ["# Templates and modulation tables\n\n## Templates"]
    for path in sorted((SHIPPED / "templates").glob("*.ini")):
        lines = path.read_text(encoding="utf-8").splitlines()
        words = [line.removeprefix("#").strip() for line in takewhile(_is_comment, lines)]
        parts.append(f"### {path.stem}\n\n" + "\n".join(words).split(": ", 1)[1])
    parts.append("## Modulation tables\n\nFor `mod_assumption`.\n")
    tables = ["| name | what | source |", "|---|---|---|"]
    for path in sorted((SHIPPED / "modulations").glob("*.json")):
        for name, table in json.loads(path.read_text(encoding="utf-8")).items():
            tables.append(f"| `{name}` | {table['description']} | {table['source']} |")
    for name, same in SAME_TABLES.items():
        tables.append(f"| `{name}` | The same numbers as `{same}` | {SOURCES[name]} |")
    tables[2:] = sorted(tables[2:])
    return "\n\n".join(parts) + "\n".join(["", *tables, ""])


def _is_comment(line: str) -> bool:
    return line.startswith("#")


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
    TEMPLATES.write_text(templates(), encoding="utf-8")
