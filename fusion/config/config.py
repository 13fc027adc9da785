"""Loading and writing configurations: template + overrides -> checked, frozen `Config`.

Everything wrong is found before anything is computed, and told at once. What each key means is in
`sections`; what becomes of FUSION's other keys is in `foreign_keys`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fusion.config.ini import format_value
from fusion.config.problems import ConfigError, Problem
from fusion.config.reading import Reading, warn_of_reading
from fusion.config.relevant_fields import idle_overrides
from fusion.config.sections import SECTIONS, Config
from fusion.config.variants import Variants

__all__ = [
    "Config",
    "ConfigError",
    "Problem",
    "ignored_keys",
    "load_config",
    "read_config",
    "to_ini",
]


def load_config(
    template: str | Path,
    overrides: Mapping[str, object] | None = None,
    *,
    templates_dir: Path | None = None,
    input_dirs: Sequence[Path] | None = None,
) -> Config:
    """Return the checked configuration: defaults < template < overrides.

    template: name of a template (in `templates_dir`, else shipped), or the path of an INI file.
    overrides: {"section": {"key": value}}, values typed or as INI text. Relative paths start from
    the INI file's folder, in overrides from the working directory, and become absolute. Keys of
    FUSION that cannot change a result are left out, with one warning in the log; other remarks on reading
    it (`Reading`) are logged, too.
    input_dirs: folders in which the template and all files that are named must lie, symbolic links
    followed; `templates_dir` and what is shipped may be read, too. None: any place, for a caller
    with the rights of this process.

    Raises ConfigError with all problems. A file outside is neither opened nor looked for.
    """
    reading = read_config(template, overrides, templates_dir=templates_dir, input_dirs=input_dirs)
    warn_of_reading(reading.ignored, reading.dropped, reading.notes)
    return reading.config


def read_config(
    template: str | Path,
    overrides: Mapping[str, object] | None = None,
    *,
    templates_dir: Path | None = None,
    input_dirs: Sequence[Path] | None = None,
) -> Reading:
    """Do what `load_config` does without a word in the log: what is to be known is returned."""
    variants = Variants(template, overrides, templates_dir=templates_dir, input_dirs=input_dirs)
    draft = variants.draft()
    config = variants.config(draft)
    reading = variants.reading(draft, config)
    return reading._replace(
        notes=[*reading.notes, *map(str, idle_overrides(draft.entries, config))]
    )


def ignored_keys(
    template: str | Path,
    overrides: Mapping[str, object] | None = None,
    *,
    templates_dir: Path | None = None,
    input_dirs: Sequence[Path] | None = None,
) -> list[Problem]:
    """Return what `load_config` leaves out, with the reasons; it raises as `load_config` does."""
    reading = read_config(template, overrides, templates_dir=templates_dir, input_dirs=input_dirs)
    return [*reading.ignored, *reading.dropped]


def to_ini(config: Config) -> str:
    """Return the whole configuration as INI text, every key with its value.

    `load_config` reads the same Config from it.
    """
    lines = []
    for section, model in SECTIONS.items():
        values = getattr(config, section)
        lines.append(f"[{section}]")
        lines += [f"{key} = {format_value(getattr(values, key))}" for key in model.model_fields]
        lines.append("")
    return "\n".join(lines)
