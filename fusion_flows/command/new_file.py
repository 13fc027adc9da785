"""A file to start from: an INI file with what differs from the defaults and what most studies change."""

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion.config.config import Config, load_config
from fusion.config.ini import format_value
from fusion.config.relevant_fields import without_effect
from fusion.config.sections import DEFAULTS, SECTIONS, flat
from fusion_flows.command.other_files import refuse_other_files
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.settings import Settings

_OFTEN_CHANGED = frozenset(
    {
        *("network", "mod_assumption", "k_paths", "route_method", "path_order", "path_choice"),
        *("allocation_method", "c_band", "guard_slots", "bw_per_slot", "bit_rates"),
        *("request_distribution", "bit_rate_min", "bit_rate_max", "bit_rate_step"),
        *("erlang_start", "erlang_stop", "erlang_step", "num_requests", "max_iters", "seed"),
    }
)
_WIDTH = 100


def new(file: Path, *, template: str = "quick", overrides: Mapping[str, Any] | None = None) -> Path:
    """Write an INI file to start from, a copy of a template with a comment on each key; or a sweep file.

    The INI file contains the keys that most studies change and those that differ from their defaults, but
    none that has no effect here; all other keys keep their defaults. It gives exactly the results of the
    template.
    A sweep file has an axis and the loads of the template, and its other keys as comments.

    Args:
        file: Path of the new file: .ini, or .toml for a sweep. An existing file is never overwritten.
        template: Name of a template, or the path of an INI file; default: quick.
        overrides: What to change in it: {"section": {"key": value}}.

    Raises:
        ArgumentError: The file is there, or cannot be written.
        ConfigError: All that is wrong with the settings.
    """
    ending = file.suffix.lower()
    if ending not in (".ini", ".toml"):
        raise ArgumentError(
            f"{file}: the name of an INI file ends in .ini, that of a sweep file in .toml"
        )
    refuse_other_files(template)
    config = load_config(template, overrides, templates_dir=Settings().templates_dir)
    if ending == ".toml":
        from fusion_flows.command.new_sweep import new_sweep  # here, as sweeps come with it

        text = new_sweep(config, file, template, overrides or {})
    else:
        text = commented(config, file, template)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
            os.fsync(target.fileno())
    except FileExistsError:
        raise ArgumentError(f"{file}: already exists; choose another name") from None
    except OSError as error:
        raise ArgumentError(f"{file}: cannot be written: {error.strerror}") from None
    return file


def commented(config: Config, file: Path, template: str) -> str:
    """Return the text of the file, which `load_config` reads as this configuration."""
    parts = [
        f"# {file.stem}: from {Path(template).stem if template.endswith('.ini') else template}\n"
        "# Keys that are not listed here have their defaults; `fusion explain` lists all keys.\n"
    ]
    idle = without_effect(flat(config)).keys()
    for section, model in SECTIONS.items():
        values = vars(getattr(config, section))
        wanted = (_OFTEN_CHANGED | {key for key in values if values[key] != DEFAULTS[key]}) - idle
        written = [
            f"{_comment(field.description or '')}\n{key} = {format_value(values[key])}"
            for key, field in model.model_fields.items()
            if key in wanted
        ]
        if written:
            parts.append("\n\n".join([f"\n[{section}]", *written]) + "\n")
    return "".join(parts)


def _comment(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")
