"""The report of a sweep: table, picture and where the files are."""

import base64
from collections.abc import Sequence
from pathlib import Path

from fusion.sweep.definition import Sweep
from fusion.sweep.point_state import PointState
from fusion.sweep.results import POINTS, REPLICATIONS, Row, point_rows
from fusion_flows.rundir import RunDirectory
from fusion_flows.sweep_follower import SHOWN_POINTS, shown, table

_PICTURE_BYTES = 700_000  # Prefect refuses an artifact that is much larger


def report(
    run: RunDirectory, sweep: Sweep, states: Sequence[PointState], partial: str
) -> tuple[str, str, Path | None]:
    """Return the report in markdown, the data of the table artifact, and where the picture is.

    partial: why results are missing, or empty. Raises OSError when the picture cannot be written.
    """
    rows = point_rows(states, [sweep.metric])
    parts = [f"**{len(states)} points** of `{sweep.template}` over {', '.join(sweep.axes)}"]
    if partial:
        parts.append(f"**Partial results**: {partial}")
    plot = _draw(run, sweep, rows) if rows else None
    if plot is not None and plot.stat().st_size < _PICTURE_BYTES:
        data = base64.b64encode(plot.read_bytes()).decode()
        parts.append(f"![{sweep.metric} over load](data:image/png;base64,{data})")
    if rows:
        cells = [shown(row, sweep) for row in rows[:SHOWN_POINTS]]
        lines = [list(cells[0]), ["---:"] * len(cells[0]), *(list(row.values()) for row in cells)]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
        if len(rows) > SHOWN_POINTS:
            parts.append(
                f"The first {SHOWN_POINTS} of {len(rows)} points; the file has all of them."
            )
    parts.append(
        f"Files in `{run.path}`: `output/points.csv` (a row per point and metric), "
        "`output/replications.csv`, `plots/sweep.pdf`, `logs/sim.log`, `sweep.json`."
    )
    return "\n\n".join(parts), table(rows[:SHOWN_POINTS], sweep) if rows else "", plot


def write_parquet(folder: Path) -> None:
    """Write the tables beside themselves as Parquet, a tenth of the size. Raises OSError."""
    from pyarrow import csv, parquet  # here, as they are slow to load

    for name in (POINTS, REPLICATIONS):
        table = csv.read_csv(folder / name)
        target = (folder / name).with_suffix(".parquet")
        temporary = target.with_name(f".{target.name}.tmp")
        parquet.write_table(table, temporary)
        temporary.replace(target)


def _draw(run: RunDirectory, sweep: Sweep, rows: Sequence[Row]) -> Path:
    from fusion_flows.pictures.curves import sweep_figure  # here, as matplotlib is slow to load
    from fusion_flows.pictures.files import save_with_data

    figure = sweep_figure(rows, sweep.axes, sweep.metric, Path(sweep.template).stem)
    save_with_data(figure, rows, run.plots, "sweep", dpi=200)  # the paper takes the PDF
    return run.plots / "sweep.png"
