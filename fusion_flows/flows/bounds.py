"""The flow `fusion-bound`: how little any policy can block, below the curves of runs."""

from typing import Any
from uuid import UUID

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run as current
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict

from fusion.config.config import ConfigError, load_config
from fusion.results.interval_text import two_digits
from fusion.scenario.inputs import read_inputs
from fusion_flows.flows.bounding import (
    APPROXIMATIONS,
    NOTE,
    NOTE_OF_BOUNDS,
    Found,
    compute_bounds,
    figure_of,
    refuse_other_networks,
    texts,
)
from fusion_flows.flows.comparison import Runs
from fusion_flows.flows.sim import Overrides, Template
from fusion_flows.following.flow_ends import log_for_a_person
from fusion_flows.report.markdown import markdown
from fusion_flows.report.page import Page, Picture, Section, Text, numbered
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError, run_id_of
from fusion_flows.runs.by_files import find_directory
from fusion_flows.runs.lookup import RunError
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.address import NoServerError
from fusion_flows.server.settings import Settings

_TOLD = (ArgumentError, ConfigError, NoServerError, RunDirectoryError, RunError)
"""What ends the flow with a message that says everything."""
_DPI = 200
_NO_OVERRIDES: dict[str, Any] = {}  # never changed; a form shows it as an empty object
_NO_RUNS: list[str] = []


class BoundsResult(BaseModel):
    """The bounds that were found."""

    model_config = ConfigDict(frozen=True)

    headline: str
    rows: list[dict[str, float | None]]
    """A row for each load, as in bounds.csv; null where there is no bound."""


def _run_name() -> str:
    given = current.parameters
    runs = [str(run) for run in given.get("runs") or [] if run]
    return f"bound {', '.join(runs) or given.get('template')}"[:80]


@flow(name="fusion-bound", flow_run_name=_run_name)
def fusion_bound(
    template: Template = "quick", overrides: Overrides = _NO_OVERRIDES, runs: Runs = _NO_RUNS
) -> "BoundsResult | State[BoundsResult]":
    """Compute how little any policy can block at each load, and draw it with the curves of runs.

    Args:
        template: Settings of network, traffic and loads: a shipped template, one of your own in
            FUSION_TEMPLATES_DIR, or the path of an INI file. Not used where there are runs.
        overrides: What to change in the template, by section and key.
        runs: Runs whose curves are drawn, one a row: names, or run ids (the first 4 digits are enough). The
            bounds are for the settings of the first.
    """
    try:
        found, shown, network = _found(template, overrides, [run for run in runs if run])
    except _TOLD as error:
        log_for_a_person()
        # As a state: Prefect puts words of its own before the message of an exception.
        return Failed(message=str(error), data=error)
    last = found.rows[-1]
    least = last["clairvoyant_bound"]
    headline = f"At {last['erlang']:g} Erlang " + (
        f"no policy blocks less than {two_digits(least)}"
        if least > 0.0
        else "the bound is 0, so that nothing can be said"
    )
    get_run_logger().info("%s", headline)
    _publish(found, shown, network, headline)
    rows = [
        {key: None if value != value else value for key, value in row.items()} for row in found.rows
    ]
    return Completed(message=headline, data=BoundsResult(headline=headline, rows=rows))


def _found(
    template: str, overrides: dict[str, Any], runs: list[str]
) -> tuple[Found, list[RunDirectory], str]:
    """Return the bounds, the runs to be drawn, and the name of the network."""
    settings = Settings()
    shown = [find_directory(run, settings.runs_dir) for run in runs]
    for run in shown:
        if run.sweep.is_file():
            raise RunError(f"{run.run_id} is a sweep, which has many networks")
    if shown:
        config = load_config(shown[0].config)
        refuse_other_networks(config, {run.run_id: load_config(run.config) for run in shown[1:]})
    else:
        config = load_config(template, overrides, templates_dir=settings.templates_dir)
    network = read_inputs(config, quiet=True).topology.name
    logger = get_run_logger()
    return compute_bounds(config, say=lambda line: logger.info("%s", line)), shown, network


def _publish(found: Found, shown: list[RunDirectory], network: str, headline: str) -> None:
    """Leave the bounds as a table, and as a page with the picture; a list shows their descriptions alone."""
    from fusion_flows.pictures.files import images  # here, as matplotlib is slow to load

    own = run_id_of(UUID(str(current.id)))
    # The UI cuts off a table with all columns.
    rows = texts(found, shown)
    bounds = [{name: row[name] for name in row if name not in APPROXIMATIONS} for row in rows]
    told = f"{headline}. {NOTE_OF_BOUNDS}"
    create_table_artifact(bounds, key=f"1-bounds-{own}", description=told)
    figure = figure_of(found, shown, network)
    told = "Blocking probability over load, above the regions where no policy can be"
    png, svg = images(figure, ("png", "svg"), _DPI)
    picture = Picture("bounds", f"{told}.", told, png, svg.decode())
    sections = [Section("Bounds", (picture, Text(NOTE)))]
    page = Page(network, (f"**{headline}**",), "", numbered(sections), "")
    create_markdown_artifact(markdown(page), key=f"2-picture-{own}", description=headline)
    others = [{name: row[name] for name in row if not name.endswith("_bound")} for row in rows]
    create_table_artifact(
        others,
        key=f"3-approximations-{own}",
        description="Blocking by approximations, which are not bounds: a policy may block less.",
    )
