"""Write docs/api.md, the Python API as its docstrings say it: `python docs/make_api_reference.py`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, get_args, get_origin

from pydantic import BaseModel

TARGET = Path(__file__).with_name("api.md")
HEAD = """# Python API

You may rely on these names, their parameters and what they return; everything else may change without
notice. `fusion` alone needs neither Prefect nor a server; `fusion_flows` runs simulations on Prefect,
which starts a server of its own if none is configured.

This page is made from the docstrings by `python docs/make_api_reference.py`.

A replication without Prefect, files and processes:

<!-- run -->
```python
from fusion import load_config, make_scenario, read_inputs, replicate

config = load_config("quick", {"general_settings": {"num_requests": 5000}})
scenario = make_scenario(config, read_inputs(config))
found = replicate(scenario, load=180.0, replication=0, warmup_requests=3600)
print(found.blocking_probability)
```
"""
SECTIONS = {
    "Runs and sweeps": ("fusion_flows", ()),
    "Runs on a server": (
        "fusion_flows.runs",
        (
            *("runs", "show", "log_lines", "pause", "resume", "cancel", "delete"),
            *("Run", "Details"),
        ),
    ),
    "The configuration": ("fusion", ("load_config", "template_names", "to_ini")),
    "The simulator alone": (
        "fusion",
        (
            "read_inputs",
            "content_key",
            "make_scenario",
            "replicate",
            "load_topology",
            "blocking_estimate",
        ),
    ),
}

_MODULES = r"\b(?:fusion(?:_flows)?|typing|pathlib|collections\.abc)(?:\.\w+)*\.(?=\w)"


def reference() -> str:
    """Return the page in markdown."""
    parts = [HEAD]
    for title, (home, names) in SECTIONS.items():
        module = import_module(home)
        parts.append(f"\n## {title}\n")
        for name in names or module.__all__:
            path, _, last = f"{home}.{name}".rpartition(".")
            parts += _entry(path, last, getattr(import_module(path), last))
    return "\n".join(parts) + "\n"


def _entry(home: str, name: str, thing: object) -> Iterator[str]:
    function = getattr(thing, "fn", thing)  # of a flow
    yield f"### `{home}.{name}`\n"
    if not inspect.isclass(function):
        yield f"<!-- not run: a signature -->\n```python\n{_signature(name, function)}\n```\n"
    yield _text(inspect.getdoc(function) or "")
    if inspect.isclass(function):
        yield from _fields(function)
    yield ""


def _signature(name: str, function: object) -> str:
    assert callable(function)
    signature = inspect.signature(getattr(function, "fn", function))  # a flow has that of its form
    plain = [
        each.replace(annotation=_plain(each.annotation), default=_default(each.default))
        for each in signature.parameters.values()
    ]
    returns = signature.return_annotation
    text = f"{name}{signature.replace(parameters=plain, return_annotation=_plain(returns))}"
    text = re.sub(r"'([^'\n]*)'(?=[,)=\n ]|$)", _unquoted, text)
    if len(text) > 100:
        inside = re.sub(
            r", (?=\*?\w+[:,)]|\*,)", ",\n    ", text[text.index("(") + 1 : text.rindex(") ->")]
        )
        text = f"{name}(\n    {inside},\n){text[text.rindex(') ->') + 1 :]}"
    return text


def _unquoted(match: re.Match[str]) -> str:
    return match[1] if re.search(r"[\[\]|.]|^[A-Z]\w+$", match[1]) else match[0]


def _plain(annotation: object) -> object:
    """Return an annotation as short text, without what only a form reads."""
    if annotation is inspect.Signature.empty:
        return annotation
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return _Text(re.sub(_MODULES, "", text))


def _default(default: object) -> object:
    """Return a default as it is read; a function has an address in its text."""
    return _Text("...") if inspect.isfunction(default) else default


class _Text(str):
    """Text that a signature shows without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _fields(model: type) -> Iterator[str]:
    """Yield the fields of a record as a table."""
    fields = model.model_fields if issubclass(model, BaseModel) else getattr(model, "_fields", ())
    documented = _documented(model)
    if fields:
        yield "\n| field | |\n|---|---|"
        for field in fields:
            yield f"| `{field}` | {documented.get(field, '')} |"
    for name, member in vars(model).items():
        if inspect.isfunction(member) and not name.startswith("_"):
            first = (inspect.getdoc(member) or "").partition("\n")[0]
            yield f"\n`{name}()`: {first}"


def _documented(model: type) -> dict[str, str]:
    """Return the texts below the fields of a class, and the descriptions of fields."""
    source = inspect.getsource(model)
    found = {
        match[1]: " ".join(match[2].split())
        for match in re.finditer(r'^    (\w+):[^\n]*\n    """(.*?)"""', source, re.M | re.S)
    }
    if issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            if field.description:
                found[name] = field.description
    return {name: text.replace("|", "\\|") for name, text in found.items()}


def _text(docstring: str) -> str:
    """Return a docstring as markdown: its parameters and errors as lists."""
    lines: list[str] = []
    listed = False
    for line in docstring.splitlines():
        title = line.strip()
        if title in ("Args:", "Raises:", "Returns:"):
            lines.append(f"**{'Parameters' if title == 'Args:' else title[:-1]}**\n")
            listed = True
        elif listed and re.match(r"    \*?\w+: ", line):
            name, _, text = title.partition(": ")
            lines.append(f"- `{name}`: {text}")
        elif listed and line.startswith("     "):
            lines[-1] += f" {title}"
        else:
            listed = listed and not title
            lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
