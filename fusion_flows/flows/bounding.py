"""Have a simulator compute bounds on blocking, and show them with what policies block."""

import csv
import logging
import math
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fusion.config.config import Config, to_ini
from fusion.config.sections import HOME
from fusion.results.files import write_atomic
from fusion.results.interval_text import probability_text, two_digits
from fusion_flows.engines.simulator import simulator
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.log_stream import LogStream, tail
from fusion_flows.runs.comparison import METRIC, RUN, differing_settings, points_of_runs
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fusion_flows.pictures.regions import Region

_PREFIX = "fusion.cli.bounds: "
_LOOK_SECONDS = 0.1

ALL = "no policy can be here"
LONG_RUN = "no policy that does not know holding times can stay here for long"

_REGIONS = {
    METRIC: {ALL: "clairvoyant_bound", LONG_RUN: "long_run_bound"},
    "bit_rate_blocking_probability": {ALL: "clairvoyant_bit_rate_bound"},
}
"""Name of a region -> column of bounds.csv, for each metric that has a bound."""
BOUNDED = tuple(_REGIONS)
"""Metrics that have a bound."""

_SECTIONS_OF_A_POLICY = ("routing_settings", "statistics_settings", "simulation_settings")
_OF_A_POLICY = (
    *("route_method", "allocation_method", "spectrum_priority", "beta", "xt_type"),
    *("erlang_start", "erlang_stop", "erlang_step", "num_requests", "max_iters", "frag_calc_step"),
    "holding_time",
)
"""Sections and other keys in which a run may differ from the settings of a bound that is drawn with it."""

log = logging.getLogger(__name__)


class Found(NamedTuple):
    """The bounds at all loads. rows: of bounds.csv, numbers. tables: name of a file -> its text."""

    rows: list[dict[str, float]]
    tables: dict[str, str]


def compute_bounds(
    config: Config,
    *,
    replications: int | None = None,
    loads: Sequence[float] = (),
    bounds_only: bool = False,
    say: Callable[[str], None] = log.warning,
) -> Found:
    """Have a simulator compute the bounds of a configuration.

    loads: in Erlang; default: those of the configuration. say: takes lines of the simulator's log.

    Raises ArgumentError for what has no bounds, and RuntimeError when the simulator fails.
    """
    with tempfile.TemporaryDirectory(prefix="fusion-bounds-") as name:
        folder = Path(name)
        frozen, output, said = folder / "config.ini", folder / "bounds", folder / "sim.log"
        frozen.write_text(to_ini(config), encoding="utf-8")
        options: dict[str, object] = {"config": frozen, "output-dir": output}
        if replications is not None:
            options["replications"] = replications
        if loads:
            options["loads"] = ",".join(map(repr, loads))
        stream = LogStream(said, 1 << 20)
        with simulator(
            "bounds",
            options,
            flags=["bounds-only"] if bounds_only else [],
            log=said,
            grace_seconds=Settings().grace_seconds,
        ) as tree:
            while (code := tree.wait(_LOOK_SECONDS)) is None:
                for batch in stream.read():
                    if not batch.text.startswith(_PREFIX):
                        say(batch.text)
        end = tail(said)
        if code == 2:
            raise ArgumentError(end.rpartition(_PREFIX)[2])
        if code:
            raise RuntimeError(f"the simulator failed with exit code {code}\n{end}")
        tables = {path.name: path.read_text(encoding="utf-8") for path in sorted(output.iterdir())}
    rows = csv.DictReader(tables["bounds.csv"].splitlines())
    return Found(
        [{key: float(value or "nan") for key, value in row.items()} for row in rows], tables
    )


def of_bound(key: str) -> bool:
    """Return whether a key is of network or traffic, so that a bound is for one value of it."""
    return HOME[key] not in _SECTIONS_OF_A_POLICY and key not in _OF_A_POLICY


def refuse_other_networks(
    config: Config, others: Mapping[str, Config], option: str = "--runs"
) -> None:
    """Raises ArgumentError for runs whose network or traffic is not that of a configuration."""
    for name, other in others.items():
        differ = [key for key in differing_settings([config, other]) if of_bound(key)]
        if differ:
            raise ArgumentError(
                f"{option} {name}: a bound is for one network and one traffic, and here "
                f"{', '.join(differ)} {'differs' if len(differ) == 1 else 'differ'}; `fusion bound` "
                "computes the bound of each by itself"
            )


def figure_of(found: Found, runs: Sequence[RunDirectory], title: str) -> "Figure":
    """Draw the blocking of runs over load above the regions where no policy can be."""
    from fusion_flows.pictures.curves import sweep_figure  # here, as matplotlib is slow to load

    points = points_of_runs(runs) if runs else _systems(found)
    return sweep_figure(
        points, (RUN, "erlang"), METRIC, title, regions=regions_of(found), name_single_curve=True
    )


def regions_of(found: Found, metric: str = METRIC, keys: Collection[str] = ()) -> "list[Region]":
    """Return the regions of a picture of blocking where no policy can be.

    metric: blocking_probability or bit_rate_blocking_probability. keys: of the points that the bounds are
    for; default: all in the picture.
    """
    from fusion_flows.pictures.regions import Region

    return [
        Region(
            name,
            [(row["erlang"], row[column]) for row in found.rows if not math.isnan(row[column])],
            frozenset(keys),
        )
        for name, column in _REGIONS[metric].items()
    ]


def _systems(found: Found) -> list[dict[str, Any]]:
    """Return the points of the reference systems, or of the bound where there are none."""
    names = [name for name in _NAMES if name in found.rows[0]] or ["clairvoyant_bound"]
    return [
        {
            "metric": METRIC,
            RUN: _NAMES.get(name, "bound on all policies"),
            "erlang": row["erlang"],
            "estimate": row[name],
            "ci_lower": row.get(f"{name}_ci_lower"),
            "ci_upper": row.get(f"{name}_ci_upper"),
            "confidence": row["confidence"],
            "complete": True,
        }
        for name in names
        for row in found.rows
    ]


_NAMES = {
    "reduced_load": "reduced load, first path (approximation)",
    "without_continuity": "without continuity (no bound)",
    "without_contiguity": "without contiguity (no bound)",
    "without_both": "without both (no bound)",
}


APPROXIMATIONS = ("reduced_load", "without_continuity", "without_contiguity", "without_both")
_BOUNDS = ("clairvoyant_bound", "long_run_bound", "clairvoyant_bit_rate_bound")
_COLUMNS = (*_BOUNDS, *APPROXIMATIONS)
"""The columns of bounds.csv that are shown."""
_NOTHING = "-"


def texts(found: Found, runs: Sequence[RunDirectory] = ()) -> list[dict[str, str]]:
    """Return the bounds as they are shown, a row for each load, with the blocking of runs beside them."""
    blocking: dict[str, dict[float, str]] = {}
    for point in points_of_runs(runs) if runs else ():
        text = probability_text(point["estimate"], point["ci_lower"], point["ci_upper"])
        blocking.setdefault(str(point[RUN]), {})[float(point["erlang"])] = text
    return [
        {
            "load (E)": f"{row['erlang']:g}",
            **{name: at.get(row["erlang"], _NOTHING) for name, at in blocking.items()},
            **{name: _number(row, name) for name in _COLUMNS if name in row},
        }
        for row in found.rows
    ]


def _number(row: Mapping[str, float], name: str) -> str:
    """Return a number of bounds.csv in the notation of probabilities."""
    value = row[name]
    if math.isnan(value) or (value == 0.0 and name.endswith("_bound")):
        return _NOTHING  # as a bound 0 says nothing
    if f"{name}_ci_lower" in row and value > 0.0:
        return probability_text(value, row[f"{name}_ci_lower"], row[f"{name}_ci_upper"])
    return two_digits(value)


_OF_BOUNDS = (
    "clairvoyant_bound: no policy blocks less, whatever it knows; long_run_bound: no policy that does not "
    "know holding times blocks less in the long run; clairvoyant_bit_rate_bound: as the first, of bit rate"
)
_OF_NOTHING = (
    "-: the bound is 0 or not available, so that nothing can be said; it does not mean that a policy can "
    "block nothing."
)
NOTE_OF_BOUNDS = f"{_OF_BOUNDS}. {_OF_NOTHING}"
"""What the columns say that are bounds."""

NOTE = f"{_OF_BOUNDS}; the other columns are approximations, not bounds. {_OF_NOTHING}"
"""What the columns of `texts` say."""


def save(found: Found, figure: "Figure", folder: Path) -> list[Path]:
    """Write picture and tables, each complete or absent. Raises OSError."""
    from fusion_flows.pictures.files import save as save_figure

    paths = save_figure(figure, folder, "bounds")
    for name, text in found.tables.items():
        write_atomic(folder / name, text.encode())
        paths.append(folder / name)
    return paths
