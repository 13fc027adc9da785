"""Have a simulator compute bounds on blocking, and show them with what policies block."""

import csv
import logging
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fusion.config.config import Config, to_ini
from fusion.config.sections import HOME
from fusion.results.files import write_atomic
from fusion.results.interval_text import probability_text
from fusion_flows.engines.simulator import simulator
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.log_stream import LogStream, tail
from fusion_flows.runs.comparison import METRIC, RUN, differing_settings, points_of_runs
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PREFIX = "fusion.cli.bounds: "
_LOOK_SECONDS = 0.1

ALL = "no policy can be here"
LONG_RUN = "nor one without knowledge of holding times, in the long run"

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
    bounds_only: bool = False,
    say: Callable[[str], None] = log.warning,
) -> Found:
    """Have a simulator compute the bounds of a configuration. say: takes lines of its log.

    Raises ArgumentError for what has no bounds, and RuntimeError when the simulator fails.
    """
    with tempfile.TemporaryDirectory(prefix="fusion-bounds-") as name:
        folder = Path(name)
        frozen, output, said = folder / "config.ini", folder / "bounds", folder / "sim.log"
        frozen.write_text(to_ini(config), encoding="utf-8")
        options: dict[str, object] = {"config": frozen, "output-dir": output}
        if replications is not None:
            options["replications"] = replications
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


def refuse_other_networks(config: Config, others: Mapping[str, Config]) -> None:
    """Raises ArgumentError for runs whose network or traffic is not that of a configuration."""
    for name, other in others.items():
        differ = [
            key
            for key in differing_settings([config, other])
            if HOME[key] not in _SECTIONS_OF_A_POLICY and key not in _OF_A_POLICY
        ]
        if differ:
            raise ArgumentError(
                f"--runs {name}: its {', '.join(differ)} {'differs' if len(differ) == 1 else 'differ'} "
                "from the settings of the bound, which does not hold for it"
            )


def figure_of(found: Found, runs: Sequence[RunDirectory], title: str) -> "Figure":
    """Draw the blocking of runs over load above the regions where no policy can be."""
    from fusion_flows.pictures.curves import sweep_figure  # here, as matplotlib is slow to load
    from fusion_flows.pictures.regions import Region

    regions = [
        Region(ALL, [(row["erlang"], row["clairvoyant_bound"]) for row in found.rows]),
        Region(
            LONG_RUN,
            [
                (row["erlang"], row["long_run_bound"])
                for row in found.rows
                if not math.isnan(row["long_run_bound"])
            ],
        ),
    ]
    points = points_of_runs(runs) if runs else _systems(found)
    return sweep_figure(points, (RUN, "erlang"), METRIC, title, regions=regions)


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


def texts(found: Found) -> list[dict[str, str]]:
    """Return the bounds as they are shown, a row for each load."""
    heads = {
        "clairvoyant_bound": "any policy",
        "long_run_bound": "long run",
        "clairvoyant_bit_rate_bound": "bit rate",
        "reduced_load": "reduced load ~",
        "without_continuity": "no continuity ~",
        "without_contiguity": "no contiguity ~",
        "without_both": "neither ~",
    }
    return [
        {
            "load (E)": f"{row['erlang']:g}",
            **{
                head: ""
                if math.isnan(row[name])
                else probability_text(
                    row[name], row.get(f"{name}_ci_lower"), row.get(f"{name}_ci_upper")
                )
                if f"{name}_ci_lower" in row and row[name] > 0.0
                else f"{row[name]:.3g}"
                for name, head in heads.items()
                if name in row
            },
        }
        for row in found.rows
    ]


NOTE = (
    "any policy: no policy blocks less, whatever it knows; long run: none that does not know holding times, "
    "in the long run; bit rate: as the first, of bit rate; ~: approximations, which are no bounds."
)
"""What the columns of `texts` say."""


def save(found: Found, figure: "Figure", folder: Path) -> list[Path]:
    """Write picture and tables, each complete or absent. Raises OSError."""
    from fusion_flows.pictures.files import save as save_figure

    paths = save_figure(figure, folder, "bounds")
    for name, text in found.tables.items():
        write_atomic(folder / name, text.encode())
        paths.append(folder / name)
    return paths
