"""What differs between the settings of two runs or files, or between two points of the store."""

from collections.abc import Mapping
from typing import Any

from fusion.config.config import Config, load_config
from fusion.config.sections import HOME
from fusion.config.templates import template_names
from fusion.sweep.store import StoreError, differences
from fusion_flows.command.sweeps import the_store
from fusion_flows.runs.by_files import find_directory
from fusion_flows.runs.comparison import differing_settings
from fusion_flows.runs.lookup import NoSuchRunError
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.address import NoServerError
from fusion_flows.server.settings import Settings


def diff(one: str, other: str) -> list[tuple[str, Any, Any]]:
    """Show the settings that differ between two runs, INI files or points of the store.

    "(default)" means that the point has the default value (null with --json).

    Args:
        one: A run, a template, an INI file, or the key of a point or its first digits.
        other: What to compare it with.

    Raises:
        NoSuchRunError: There is no such run, file or point.
        StoreError: Several points have a key that starts so, and no run is called that.
        RunDirectoryError: The directory of the run is not here.
        ConfigError: All that is wrong with an INI file.
        ArgumentError: One is a point of the store, which has no more than can change a result.
    """
    found = [_settings_or_point(each) for each in (one, other)]
    configs = [each for each in found if isinstance(each, Config)]
    if len(configs) == 2:
        return [
            (f"{HOME[key]}.{key}", *values) for key, values in differing_settings(configs).items()
        ]
    if configs:
        raise ArgumentError(f"{one} and {other}: a point of the store is compared with a point")
    points = [each for each in found if not isinstance(each, Config)]
    return differences(points[0], points[1])


def _settings_or_point(text: str) -> Config | Mapping[str, Any]:
    """Return the settings of a run, a template or an INI file, or what a point of the store is made from."""
    templates_dir = Settings().templates_dir
    if text.lower().endswith(".ini") or text in template_names(templates_dir):
        return load_config(text, templates_dir=templates_dir)
    try:
        return the_store().content(text)[1]
    except StoreError as of_store:
        try:
            run = find_directory(text, Settings().runs_dir)
        except NoServerError:
            raise of_store from None
        except NoSuchRunError as error:
            if the_store().contents(text):
                raise of_store from None
            told = str(error).replace("there is no run ", "there is no run, file or point ", 1)
            raise NoSuchRunError(told) from None
        return load_config(run.config)
