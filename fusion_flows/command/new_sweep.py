"""A sweep file to start from: a template, an axis of its own, its loads, and every other key as a comment."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion.config.config import Config, ConfigError
from fusion.config.relevant_fields import without_effect
from fusion.config.sections import HOME, flat
from fusion.sweep.definition import make_sweep
from fusion.sweep.points import sweep_points
from fusion_flows.server.settings import Settings

_AXES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("path_order", ("km", "hops")),
    ("k_paths", (1, 3, 5)),
    ("seed", (0, 1)),
)
"""What may be an axis, the first that has an effect with these settings and that they permit."""


def new_sweep(config: Config, file: Path, template: str, overrides: Mapping[str, Any]) -> str:
    """Return the text of a sweep's file.

    config: what template and overrides make together.  template: a name, or a path, which is written as it
    is from the folder of the file.
    """
    given = template
    if os.path.exists(template) and ("/" in template or template.lower().endswith(".ini")):
        template = os.path.relpath(template, file.parent)
    changed = {
        section: {key: config.model_dump(mode="json")[HOME[key]][key] for key in keys}
        for section, keys in _known(overrides).items()
    }
    axis, values = _axis(config, given, changed)
    return "\n".join(_lines(config, file, template, changed, axis, values)) + "\n"


def _known(overrides: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the keys of the settings in overrides, by section."""
    found: dict[str, list[str]] = {}
    for keys in overrides.values():
        for name in keys:
            if (key := name.strip().lower()) in HOME:
                found.setdefault(HOME[key], []).append(key)
    return found


def _lines(
    config: Config,
    file: Path,
    template: str,
    changed: Mapping[str, Mapping[str, Any]],
    axis: str,
    values: Sequence[Any],
) -> Iterator[str]:
    yield f"# {file.stem}: a sweep; a point is computed once, whichever sweep asks for it."
    yield f"#   fusion plan {file}      # the points, and a time estimate"
    yield f"#   fusion sweep {file}     # computes what is missing"
    yield f"template = {_toml(template)}   # a template, or an INI file beside this one"
    yield "# where = \"k_paths > 1 or path_order == 'km'\"   # which combinations are wanted"
    yield '# metric = "blocking_probability"   # what is judged, drawn and compared'
    yield "\n[grid]   # all combinations of these axes: erlang, the load, and any key of the settings"
    yield f"{axis} = {_toml(list(values))}"
    yield f"erlang = {_loads(config)}"
    yield "\n# [[zip]]   # ... with these, which go together value by value"
    yield '# allocation_method = ["first_fit", "best_fit"]'
    yield '# path_choice = ["in_order", "all"]'
    yield "\n# [[points]]   # ... with these, each written out"
    yield "# seed = 1"
    for section, keys in changed.items():
        yield f"\n[overrides.{section}]   # for all points"
        yield from (f"{key} = {_toml(value)}" for key, value in keys.items())
    if "general_settings" not in changed:
        yield "\n# [overrides.general_settings]   # for all points"
        yield f"# max_iters = {config.general_settings.max_iters}"
    yield "\n# [labels]   # what values are called in pictures"
    yield f'# {values[0]} = "its name in the legend"'


def _axis(
    config: Config, template: str, changed: Mapping[str, Mapping[str, Any]]
) -> tuple[str, tuple[Any, ...]]:
    """Return an axis that these settings permit, and its values. template: as it was given."""
    idle = without_effect(flat(config))
    settings = config.general_settings
    for axis, values in _AXES[:-1]:
        if axis in idle or any(axis in keys for keys in changed.values()):
            continue
        data = {
            "template": template,
            "grid": {axis: list(values), "erlang": [settings.erlang_start]},
            "overrides": changed,
        }
        try:
            sweep_points(
                make_sweep(data, "the new sweep"), **Settings().places(remote=False), quiet=True
            )
        except ConfigError:
            continue
        return axis, values
    return _AXES[-1]


def _loads(config: Config) -> str:
    loads = config.loads
    if len(loads) == 1:
        return _toml([loads[0]])
    step = config.general_settings.erlang_step
    return f"{{ start = {loads[0]:g}, stop = {loads[-1]:g}, step = {step:g} }}"


def _toml(value: Any) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{json.dumps(k)} = {_toml(v)}' for k, v in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return json.dumps(value, ensure_ascii=False)
