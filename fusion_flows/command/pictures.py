"""Networks drawn, and reports written, at the command."""

import json
from pathlib import Path
from typing import Any

from fusion.config.config import Config, ConfigError, Problem, read_config
from fusion.config.named_files import ENDINGS, missing_file
from fusion.config.problems import nearest, show
from fusion.config.shipped import OTHER_NAMES, sweep_names, topology_names
from fusion.network.topology import Topology, TopologyError, load_topology
from fusion.results.link_statistics import LINK_COLUMNS
from fusion.scenario.inputs import Inputs, read_inputs
from fusion.sweep.point_state import PointState
from fusion_flows.command.sweeps import nothing_found, states_of
from fusion_flows.flows.run_store import store_of_run
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir import lock as run_lock
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError
from fusion_flows.rundir.file_state import CANCELLED, SUSPENDED, file_state
from fusion_flows.runs.by_files import find_directory
from fusion_flows.runs.lookup import NoSuchRunError, RunError
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.settings import Settings


def topology(
    network: str,
    /,
    *,
    metric: str = "",
    load: float | None = None,
    title: str | None = None,
    to: Path | str = "",
    length_key: str = "",
) -> list[Path]:
    """Draw a network, or the link utilisation of a run, as PNG, PDF and SVG.

    Nodes are drawn at their coordinates, or else in a layout that is the same each time. For a run, links are
    coloured by its results so far, and the node pair with the highest blocking is marked, with its first
    path.

    Args:
        network: Name of a shipped topology (`fusion topologies` lists them), your own file, or a run:
            its id (the first 4 digits are enough), its name or its directory.
        metric: What colours the links of a run: a statistic of links.csv, such as fragmentation; default:
            utilisation.
        load: Load of the run in Erlang; default: the highest with results.
        title: Title above the picture; default: network, policy and load. "" for no title, for a
            figure with a caption.
        to: Folder for the files, which are named after network and run; default: ./plots, or the plots folder
            of the run.
        length_key: Link attribute in your file that holds the length in km, if that is
            ambiguous; default: the only possible one.

    Raises:
        ConfigError: The file is not a topology.
        ArgumentError: There is no such metric or load, or the folder cannot be written.
        NoSuchRunError: It is neither a topology nor a file nor a run, or several runs have the name.
        NoServerError: A run is named by its name, and no server answers.
    """
    from fusion_flows.pictures.files import save  # here, as matplotlib is slow to load
    from fusion_flows.pictures.topology import topology_figure

    shown = metric or "utilisation"
    if shown not in LINK_COLUMNS:
        near = nearest(shown, LINK_COLUMNS)
        raise ArgumentError(f"--metric {shown}: must be one of {', '.join(LINK_COLUMNS)}{near}")
    found = _network(network, length_key)
    if found is not None:
        if metric or load is not None:
            raise ArgumentError("--metric and --load are of a run; this is a topology")
        given = found.name if title is None else title
        figure, folder, name = topology_figure(found, given), Path(to or "plots"), found.name
    else:
        from fusion_flows.report.results import read_results
        from fusion_flows.report.run_page import network_figure

        try:
            run = run_of(network)
        except NoSuchRunError as error:
            raise NoSuchRunError(
                f"{show(network)} is neither a topology nor a file; {error}"
            ) from None
        config, inputs = inputs_of(run)
        results = read_results(run, load)
        if results.load is None:
            loads = ", ".join(f"{row['erlang']:g}" for row in results.points) or "none yet"
            asked = "" if load is None else f"--load {load:g}: "
            raise ArgumentError(f"{asked}run {run.run_id} has results at these loads: {loads}")
        figure = network_figure(config, inputs, results, shown, title=title)
        folder = Path(to) if to else run.plots
        name = f"{inputs.topology.name}-{run.run_id}" if to else "topology"
        name += f"-{shown}" if metric else ""
        name += f"-{load:g}" if load is not None else ""
    try:
        return save(figure, folder, name, ("png", "pdf", "svg"), dpi=200)
    except OSError as error:
        raise ArgumentError(f"--to {folder}: {error.strerror or error}") from None


def report(what: str, /, *, to: Path | str = "", empty: bool = True) -> Path:
    """Write the report of a run or a sweep, with the results so far, as one HTML file.

    The file opens from disk, without a network connection. Every run and sweep writes a report when it
    ends; this command can write one at any time, which says what is missing and why.

    Args:
        what: A run: its id (the first 4 digits are enough), its name or its directory. Or the TOML or
            JSON file of a sweep, or quick, a shipped one: its results are read from the store.
        to: File to write; default: report.html in the directory of the run, NAME-report.html for a
            sweep's file.
        empty: Write it for a sweep without any result, too; the command does not.

    Raises:
        ConfigError: All that is wrong with the sweep; an input of the run that is gone.
        StoreError: The store has contradictory results.
        NoSuchRunError: No run, or more than one, matches.
        NothingFoundError: The store has no result of the sweep, and `empty` is False; it says which store.
        ArgumentError: The file cannot be written.
        NoServerError: A run is named by its name, and no server answers.
    """
    from fusion_flows.report.html import write_html
    from fusion_flows.report.sweep_page import sweep_page

    is_file = Path(what).suffix.lower() in (".toml", ".json") or Path(what).is_file()
    if is_file or (what in sweep_names() and not is_a_run(what)):
        sweep, states, store = states_of(Path(what), quiet=True)
        if not empty and not any(state.outcomes for state in states):
            raise nothing_found(states, store, "report")
        page = sweep_page(sweep, states, _missing(states), file=Path(what))
        target = Path(to or f"{Path(what).stem}-report.html")
    else:
        run = run_of(what)
        target = Path(to) if to else run.report
        if run.sweep.is_file():
            sweep, states, store = states_of(run.sweep, store_of_run(run), quiet=True)
            reason = why_partial(run)
            if not (empty or reason or any(state.outcomes for state in states)):
                raise nothing_found(states, store, "report")
            page = sweep_page(sweep, states, _missing(states), run=run, suspended=is_suspended(run))
        elif run.training.is_file():
            from fusion.config.training_settings import read_training
            from fusion_flows.report.training_page import training_page

            partial, suspended = why_partial(run), is_suspended(run)
            training = read_training(run.training)
            page = training_page(run, *inputs_of(run), training, partial, suspended=suspended)
        else:
            from fusion_flows.report.run_page import run_page

            partial, suspended = why_partial(run), is_suspended(run)
            page = run_page(run, *inputs_of(run), partial, suspended=suspended)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return write_html(page, target)
    except OSError as error:
        raise ArgumentError(f"--to {target}: {error.strerror or error}") from None


def is_a_run(what: str) -> bool:
    """Return whether a run here is called so."""
    try:
        return bool(run_of(what))
    except (RunError, RunDirectoryError):
        return False


def is_suspended(run: RunDirectory) -> bool:
    """Return whether Resume goes on with a run, as far as its files know."""
    return file_state(run).name == SUSPENDED


def why_partial(run: RunDirectory) -> str:
    """Return why results of a run are missing, or nothing when none is."""
    if run_lock.in_use(run):
        return "the run is going on"
    try:
        record: dict[str, Any] = json.loads(run.provenance.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "the simulator has not begun"
    if record.get("exit_code") == 0:
        return ""
    if (state := file_state(run).name) in (CANCELLED, SUSPENDED):  # a signal to the simulator
        return f"{state}; what was finished is kept"
    return str(record.get("exit_reason") or "the simulator was killed")


def _network(name: str, length_key: str) -> Topology | None:
    """Return the topology of this name or in this file; None where the name is not even like one."""
    known = (*topology_names(), *OTHER_NAMES)
    ending = Path(name).suffix.lower()
    if ending and ending in ENDINGS["network"] and not Path(name).exists():
        raise ConfigError([missing_file("network", name, ENDINGS["network"])])
    if name not in known and not Path(name).is_file() and not nearest(name, known):
        return None
    try:
        return load_topology(name, length_key=length_key)
    except TopologyError as error:
        problems = [Problem("", "network", name, text, "") for text in error.problems]
        raise ConfigError(problems) from None


def run_of(name: str) -> RunDirectory:
    """Return the directory of a run: by its path, by its id without a server, else by its name."""
    if (path := rundir.absolute(name)).is_dir():
        run = RunDirectory(path)
        if run.config.is_file() or run.sweep.is_file():
            return run
        raise RunDirectoryError(
            f"{path} is not a run directory: it has no config.ini and no sweep.json"
        )
    return find_directory(name, Settings().runs_dir)


def inputs_of(run: RunDirectory) -> tuple[Config, Inputs]:
    """Return the settings and the input files of a run. Raises RunDirectoryError for a sweep."""
    if not run.config.is_file():
        raise RunDirectoryError(f"{run.path} is of a sweep, which has many networks")
    config = read_config(run.config).config
    return config, read_inputs(config, quiet=True)


def _missing(states: list[PointState]) -> str:
    done = sum(state.stop_reason is not None for state in states)
    return "" if done == len(states) else "not all points are computed"
