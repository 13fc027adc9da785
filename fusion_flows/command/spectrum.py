"""The spectrum of a network at one moment of a run, drawn at the command."""

import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fusion.config.config import Config, load_config, to_ini
from fusion.config.problems import nearest, show
from fusion.config.templates import template_names
from fusion.network.planes import planes_of
from fusion.network.spectra import is_separate, names_of_spectra, spectra_of
from fusion.results.snapshot import rows_of
from fusion.scenario.inputs import Inputs, read_inputs
from fusion_flows.command.other_files import refuse_other_files
from fusion_flows.command.pictures import inputs_of, run_of
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.log_stream import LogStream, tail
from fusion_flows.runs.lookup import NoSuchRunError
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PREFIX = "fusion.cli.spectrum: "
_LOOK_SECONDS = 0.1

log = logging.getLogger(__name__)


class Look(NamedTuple):
    """One moment of a replication. run: None where it is of settings. table: spectrum.csv as text."""

    run: RunDirectory | None
    config: Config
    inputs: Inputs
    load: float
    replication: int
    at: int
    core: int
    table: str

    @property
    def words(self) -> str:
        """The moment in words."""
        return f"after request {self.at:,} of replication {self.replication}"

    def name(self, kind: str, *, elsewhere: bool) -> str:
        """Return the name of a file about it, without ending. elsewhere: not among the run's pictures."""
        name = f"{kind}-{self.load:g}-{self.replication}-{self.at}"
        if not self.run or elsewhere:
            run = f"{self.run.run_id}-" if self.run else ""
            name = f"{self.inputs.topology.name}-{run}{name}"
        return name


def spectrum(
    what: str,
    /,
    *,
    overrides: Mapping[str, Any] | None = None,
    load: float | None = None,
    replication: int = 0,
    at: int | None = None,
    core: int = 0,
    color: str = "lightpath",
    title: str | None = None,
    to: Path | str = "",
) -> list[Path]:
    """Draw which lightpath holds which slots of each link at one moment, and write the table.

    The replication is simulated once more up to this moment, which gives what it was in the run. The
    table spectrum.csv has a row for each lightpath on each of its links. `fusion snapshot` writes the same
    moment for other programs.

    Args:
        what: A run: its id (the first 4 digits are enough), its name or its directory. Or a template or
            an INI file.
        overrides: What to change in a template or an INI file: {"section": {"key": value}}.
        load: Load in Erlang; default: the highest of the run.
        replication: Number of the replication, from 0; default: 0.
        at: Number of the request, after the warm-up, when it has just been served; default: the
            last.
        core: Core that is drawn, from 0; the table has all; default: 0.
        color: What colours a lightpath: lightpath, so that neighbours differ (default);
            modulation; or bit_rate_gbps.
        title: Title above the picture; default: network, policy, load and moment. "" for none.
        to: Folder for the files; default: that of the run's pictures, or plots here.

    Returns the files: PNG, PDF, SVG and CSV.

    Raises:
        ConfigError: All that is wrong with the settings.
        ArgumentError: There is no such moment, core or colouring, or the folder cannot be written.
        NoSuchRunError: It is neither a run nor settings, or several runs have the name.
        RunDirectoryError: It is a sweep, which has many networks.
        RuntimeError: The simulator failed.
    """
    check_color(color)
    look = look_at(what, overrides, load=load, replication=replication, at=at, core=core)
    figure = figure_of(look, color=color, title=title)
    folder = Path(to) if to else (look.run.plots if look.run else Path("plots"))
    name = look.name("spectrum", elsewhere=bool(to)) + (f"-core{core}" if core else "")
    return _saved(figure, folder, name, look.table)


def check_color(color: str) -> None:
    """Raise ArgumentError where lightpaths cannot be coloured so."""
    from fusion_flows.pictures.spectrum import COLORINGS

    if color not in COLORINGS:
        allowed = ", ".join(COLORINGS)
        raise ArgumentError(f"--color {color}: must be one of {allowed}{nearest(color, COLORINGS)}")


def look_at(
    what: str,
    overrides: Mapping[str, Any] | None,
    *,
    load: float | None,
    replication: int,
    at: int | None,
    core: int,
    check: Callable[[Config, Inputs], None] = lambda config, inputs: None,
) -> Look:
    """Simulate a replication up to a moment; the arguments and what is raised are those of `spectrum`.

    check: called before anything is simulated; may raise.
    """
    run, config, inputs = settings_of(what, overrides)
    check(config, inputs)
    cores = sorted({plane.core for plane in planes_of(config)})
    if core not in cores:
        allowed = f"0 to {cores[-1]}" if len(cores) > 1 else "0, as there is one core"
        raise ArgumentError(f"--core {core}: must be {allowed}")
    if load is None:
        load = max(config.loads)
    if at is None:
        at = config.general_settings.num_requests
    table = _simulated(config, load=load, replication=replication, at=at)
    return Look(run, config, inputs, load, replication, at, core, table)


def figure_of(look: Look, *, color: str, title: str | None = None) -> "Figure":
    """Return the picture of a moment."""
    from fusion_flows.pictures.spectrum import Band, spectrum_figure

    config, topology, core = look.config, look.inputs.topology, look.core
    planes = planes_of(config)
    ends, _ = spectra_of(config, topology)
    names = names_of_spectra(config, topology) or ("",) * len(ends)
    shown = [topology.name, config.policy, f"{look.load:g} Erlang", look.words]
    if len({plane.core for plane in planes}) > 1:
        shown.append(f"core {core}")
    return spectrum_figure(
        [row for row in rows_of(look.table) if row["core"] == core],
        [(*both, name) for both, name in zip(ends, names, strict=True)],
        [Band(plane.band, plane.slots) for plane in planes if plane.core == core],
        ", ".join(shown) if title is None else title,
        color=color,
        arrows=is_separate(config),
    )


def is_settings(what: str) -> bool:
    """Return whether this is a template or a file, and not a run."""
    is_file = Path(what).is_file() or Path(what).suffix.lower() == ".ini"
    return is_file or what in template_names(Settings().templates_dir)


def settings_of(
    what: str, overrides: Mapping[str, Any] | None
) -> tuple[RunDirectory | None, Config, Inputs]:
    """Return run, settings and input files of a run, or of settings, which have no run.

    Raises ConfigError, ArgumentError, NoSuchRunError and RunDirectoryError.
    """
    templates = Settings().templates_dir
    if is_settings(what):
        refuse_other_files(what)
        config = load_config(what, overrides, templates_dir=templates)
        return None, config, read_inputs(config, quiet=True)
    try:
        run = run_of(what)
    except NoSuchRunError as error:
        if near := nearest(what, template_names(templates)):
            raise NoSuchRunError(f"there is no run and no template '{what}'{near}") from None
        raise NoSuchRunError(f"{show(what)} is not a template; {error}") from None
    if overrides:
        raise ArgumentError(f"-s changes a template or an INI file, and {what} is a run")
    return run, *inputs_of(run)


def _simulated(config: Config, *, load: float, replication: int, at: int) -> str:
    """Return spectrum.csv as text, which the simulator writes."""
    from fusion_flows.engines.simulator import simulator

    with tempfile.TemporaryDirectory(prefix="fusion-spectrum-") as name:
        folder = Path(name)
        frozen, output, said = folder / "config.ini", folder / "spectrum.csv", folder / "sim.log"
        frozen.write_text(to_ini(config), encoding="utf-8")
        options = {
            "config": frozen,
            "output": output,
            "load": load,
            "replication": replication,
            "at": at,
        }
        stream = LogStream(said, 1 << 20)
        with simulator(
            "spectrum", options, log=said, grace_seconds=Settings().grace_seconds
        ) as tree:
            while (code := tree.wait(_LOOK_SECONDS)) is None:
                for batch in stream.read():
                    if not batch.text.startswith(_PREFIX):
                        log.warning("%s", batch.text)
        end = tail(said)
        if code == 2:
            raise ArgumentError(end.rpartition(_PREFIX)[2])
        if code:
            raise RuntimeError(f"the simulator failed with exit code {code}\n{end}")
        return output.read_text(encoding="utf-8")


def _saved(figure: Any, folder: Path, name: str, table: str) -> list[Path]:
    from fusion.results.files import write_atomic
    from fusion_flows.pictures.files import save

    try:
        paths = save(figure, folder, name, ("png", "pdf", "svg"), dpi=200)
        write_atomic(folder / f"{name}.csv", table.encode())
    except OSError as error:
        raise ArgumentError(f"--to {folder}: {error.strerror or error}") from None
    return [*paths, folder / f"{name}.csv"]
