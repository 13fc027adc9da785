"""Bounds on blocking, computed and drawn at the command."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fusion.config.config import load_config
from fusion_flows.command.pictures import run_of
from fusion_flows.command.spectrum import settings_of
from fusion_flows.flows import bounding
from fusion_flows.runs.time_expressions import ArgumentError


class Bound(NamedTuple):
    """What was found, as the table that is shown, and the files that were written."""

    rows: list[dict[str, float]]
    table: list[dict[str, str]]
    files: list[Path]


def bound(
    what: str,
    /,
    *,
    overrides: Mapping[str, Any] | None = None,
    runs: Sequence[str] = (),
    replications: int | None = None,
    bounds_only: bool = False,
    title: str | None = None,
    to: Path | str = "",
) -> Bound:
    """Compute how little any policy can block at each load, and draw it below the curves of policies.

    The bounds are for the requests with which policies are simulated. The page on bounds in the
    documentation has the proofs, and says which columns are approximations rather than bounds.

    Args:
        what: A template or an INI file, or a run (its id, its name or its directory), whose curve is drawn.
        overrides: What to change in a template or an INI file: {"section": {"key": value}}.
        runs: Runs whose curves are drawn, of any policies on the same network with the same traffic; default:
            none.
        replications: Replications of each load; default: those of the settings.
        bounds_only: Leave out approximations and reference systems, which are not bounds.
        title: Title above the picture; default: the network. "" for none.
        to: Folder for the files; default: bounds, here or in the directory of the run.

    Raises:
        ConfigError: All that is wrong with the settings.
        ArgumentError: There are no bounds for the settings, or a run has another network or traffic, or the
            folder cannot be written.
        NoSuchRunError: No run, or more than one, matches.
        RunDirectoryError: It is a sweep, which has many networks.
        RunError: A run is a sweep, or has no result yet.
        RuntimeError: The simulator failed.
    """
    run, config, inputs = settings_of(what, overrides)
    others = {name: run_of(name) for name in runs}
    bounding.refuse_other_networks(
        config, {name: load_config(one.config) for name, one in others.items()}
    )
    found = bounding.compute_bounds(config, replications=replications, bounds_only=bounds_only)
    shown = [*([run] if run else []), *others.values()]
    shown = list({one.path: one for one in shown}.values())
    figure = bounding.figure_of(found, shown, inputs.topology.name if title is None else title)
    folder = Path(to) if to else run.path / "bounds" if run else Path("bounds")
    try:
        files = bounding.save(found, figure, folder)
    except OSError as error:
        raise ArgumentError(f"--to {folder}: {error.strerror or error}") from None
    return Bound(found.rows, bounding.texts(found, shown), files)
