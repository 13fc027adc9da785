"""What is up at one moment of a run, written for other programs at the command."""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from fusion.config.config import Config
from fusion.config.counts import counted
from fusion.config.problems import nearest, show
from fusion.config.shipped import OTHER_NAMES, topology_names
from fusion.network.gnpy_network import PARALLEL, GnpyUids, gnpy_network, uids_of
from fusion.network.planes import planes_of
from fusion.network.readers.gnpy_topology import GNPY_TOPOLOGY, GnpyParts, gnpy_parts
from fusion.network.readers.registry import read_content
from fusion.network.spectra import is_separate
from fusion.network.topology import Topology
from fusion.results.files import write_atomic
from fusion.results.snapshot import (
    FORMATS,
    Snapshot,
    SpectrumLink,
    UpLightpath,
    carried_by,
    lightpath_rows,
    lightpath_table,
    links_of,
    rows_of,
    slots_in_use,
    snapshot_of,
)
from fusion.results.snapshot_gnpy import (
    equipment,
    misfit,
    services,
    signals_of,
    spectrum_of_link,
    taken_back,
)
from fusion.results.spectrum_table import WORKING
from fusion.scenario.inputs import Inputs
from fusion_flows.command.spectrum import Look, check_color, figure_of, look_at
from fusion_flows.runs.time_expressions import ArgumentError

_USUAL = ("gnpy", "graphml", "parquet", "csv", "png")
_PICTURES = ("png", "pdf", "svg")


class SnapshotFiles(NamedTuple):
    """The files that were written. summary: what is up, in a line.  remarks: what to know of the files."""

    files: list[Path]
    summary: str
    remarks: list[str]


def snapshot(
    what: str,
    /,
    *,
    overrides: Mapping[str, Any] | None = None,
    load: float | None = None,
    replication: int = 0,
    at: int | None = None,
    core: int = 0,
    to: Sequence[Path | str] = (),
    formats: Sequence[str] = (),
    link: str = "",
    color: str = "lightpath",
) -> SnapshotFiles:
    """Write what is up at one moment of a run for GNPy, networkx and pandas, with a picture.

    The replication is simulated once more up to this moment, as for `fusion spectrum`. The ending of a file
    says what it becomes. .json: services of GNPy with route and slots; beside it the network as GNPy's JSON,
    unless the run has read that, and a transceiver with the formats in use. .graphml: the network for
    networkx, each link with its slots in use and free, and what it carries. .parquet and .csv: a row for each
    lightpath. .png, .pdf and .svg: links by slots.

    Args:
        what: A run: its id (the first 4 digits are enough), its name or its directory. Or a template or
            an INI file.
        overrides: What to change in a template or an INI file: {"section": {"key": value}}.
        load: Load in Erlang; default: the highest of the run.
        replication: Number of the replication, from 0; default: 0.
        at: Number of the request, after the warm-up, when it has just been served; default: the
            last.
        core: Core for GNPy and for pictures, from 0; the other files have all; default: 0.
        to: File to write; may be repeated; default: a file for each of the formats, in the folder
            of the run's pictures, or in plots here.
        formats: gnpy, graphml, parquet, csv, png, pdf or svg; may be repeated; default: as the ending of the
            file says, and without one gnpy, graphml, parquet, csv and png.
        link: A link as SOURCE,DESTINATION (or SOURCE,DESTINATION,NAME): for GNPy its spectrum is written, for
            --spectrum of gnpy-transmission-example; default: the services of the network.
        color: What colours a lightpath in a picture: lightpath, so that neighbours differ (default);
            modulation; or bit_rate_gbps.

    Raises:
        ConfigError: All that is wrong with the settings.
        ArgumentError: There is no such moment, core, link or format, GNPy has no such spectrum, or a
            file cannot be written.
        NoSuchRunError: It is neither a run nor settings, or several runs have the name.
        RunDirectoryError: It is a sweep, which has many networks.
        RuntimeError: The simulator failed.
    """
    wanted = _wanted(to, formats)
    check_color(color)
    is_asked = bool(to or formats)

    def check(config: Config, inputs: Inputs) -> None:
        if is_asked and any(form == "gnpy" for form, _ in wanted):
            why = misfit(
                planes_of(config),
                config.topology_settings.bw_per_slot,
                is_judged=inputs.plant is not None,
            )
            if why:
                raise ArgumentError(f"gnpy: {why}")
        if link:
            _link(links_of(config, inputs.topology), link, separate=is_separate(config))

    look = look_at(
        what, overrides, load=load, replication=replication, at=at, core=core, check=check
    )
    topology = look.inputs.topology
    found = snapshot_of(look.config, topology, rows_of(look.table))
    if not to:
        folder = look.run.plots if look.run else Path("plots")
        name = look.name("snapshot", elsewhere=False)
        wanted = [(form, folder / f"{name}{FORMATS[form]}") for form, _ in wanted]
    remarks: list[str] = []
    written: list[tuple[Path, bytes]] = []
    for form, path in wanted:
        if form == "gnpy":
            written += _for_gnpy(look, found, path, link, remarks)
        else:
            written.append((path, _content(form, look, found, color)))
    for path, content in written:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, content)
        except OSError as error:
            raise ArgumentError(f"{path}: cannot be written: {error.strerror or error}") from None
    return SnapshotFiles([path for path, _ in written], _summary(look, found), remarks)


def _wanted(to: Sequence[Path | str], formats: Sequence[str]) -> list[tuple[str, Path]]:
    """Return the format and the file of each thing to write; the file is open where none is named."""
    for form in formats:
        if form not in FORMATS:
            allowed = ", ".join(FORMATS)
            raise ArgumentError(
                f"--format {form}: must be one of {allowed}{nearest(form, FORMATS)}"
            )
    if not to:
        return [(form, Path()) for form in formats or _USUAL]
    if formats and len(formats) != len(to):
        raise ArgumentError("--format: give one for each --to, or none, as endings say it")
    of_ending = {ending: form for form, ending in FORMATS.items()}
    wanted = []
    for number, file in enumerate(to):
        path = Path(file)
        form = formats[number] if formats else of_ending.get(path.suffix.lower(), "")
        if not form:
            raise ArgumentError(
                f"--to {path}: must end in {', '.join(of_ending)}, or have a --format"
            )
        wanted.append((form, path))
    return wanted


def _content(form: str, look: Look, found: Snapshot, color: str) -> bytes:
    if form in _PICTURES:
        from fusion_flows.pictures.files import image

        return image(figure_of(look, color=color), form, 200)
    if form == "csv":
        return lightpath_table(found).encode()
    if form == "graphml":
        from fusion.results.snapshot_graph import graphml

        about = {"load": look.load, "replication": look.replication, "request": look.at}
        return graphml(found, **about).encode()
    return _parquet(found)


def _parquet(found: Snapshot) -> bytes:
    import pyarrow
    from pyarrow import parquet

    texts = pyarrow.list_(pyarrow.string())
    types = {
        **dict.fromkeys(("path", "links"), texts),
        **dict.fromkeys(("role", "source", "destination", "band", "modulation"), pyarrow.string()),
        **dict.fromkeys(("length_km", "bit_rate_gbps", "time_left"), pyarrow.float64()),
        **dict.fromkeys(
            ("lightpath", "hops", "core", "first_slot", "slots", "guard_slots"), pyarrow.int64()
        ),
    }
    schema = pyarrow.schema(list(types.items()))
    table = pyarrow.Table.from_pylist(lightpath_rows(found), schema=schema)
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _summary(look: Look, found: Snapshot) -> str:
    used = sum(slots_in_use(lightpaths) for lightpaths in carried_by(found))
    slots = sum(link.slots for link in found.links)
    share = f"{used:,} of {slots:,} slots in use ({100 * used / slots:.1f} %)"
    up = counted(len(found.lightpaths), "lightpath")
    return f"{look.load:g} Erlang, {look.words}: {up}, {share}"


# --- for GNPy -------------------------------------------------------------------------------------


def _for_gnpy(
    look: Look, found: Snapshot, path: Path, link: str, remarks: list[str]
) -> list[tuple[Path, bytes]]:
    """Return the files for GNPy; none, with the reason among the remarks, where it has no such spectrum."""
    plant = look.inputs.plant
    signals = signals_of(plant, look.config.topology_settings.bw_per_slot)
    if why := misfit(found.planes, signals.slot_ghz, is_judged=plant is not None):
        remarks.append(f"without the files for GNPy: {why}")
        return []
    lightpaths = [each for each in found.lightpaths if each.core == look.core]
    if look.config.protection_settings.protection_mode == "shared_backup":
        lightpaths = [each for each in lightpaths if each.role == WORKING]
        remarks.append("without backups, which share slots, as no two services of GNPy can")
    if not link and (one_way := _without_way_back(look.inputs.topology, lightpaths)):
        lightpaths = [each for each in lightpaths if each not in one_way]
        remarks.append(
            f"without {counted(len(one_way), 'lightpath')} over links in one direction only, on which "
            "gnpy-path-request ends without a message"
        )
    if link:
        number = _link(found.links, link, separate=found.separate)
        spectrum = spectrum_of_link(found, lightpaths, number, signals)
        return [(path, _json(spectrum))]
    if len({plane.core for plane in found.planes}) > 1:
        remarks.append(f"GNPy has one core: the services are those of core {look.core}")
    topology = look.inputs.topology
    network = Path(look.config.topology_settings.network)
    theirs = _of_gnpy(network)
    files = []
    if theirs is None:
        uids = uids_of(topology)
        network = path.with_name(f"{path.stem}-network.json")
        files.append((network, _json(gnpy_network(topology))))
    else:
        uids = _their_uids(topology, theirs)
    listed = services(found, lightpaths, uids, signals)
    files = [(path, _json(listed)), *files]
    if plant is None:
        trx = path.with_name(f"{path.stem}-equipment.json")
        files.append((trx, _json(equipment(lightpaths, signals))))
        library = f"--extra-equipment {trx}"
    else:
        library = f"-e {look.config.snr_settings.gnpy_equipment}"
    if count := taken_back(found, lightpaths):
        remarks.append(
            f"GNPy books both directions of each path: {counted(count, 'lightpath')} share slots with "
            "another in the opposite direction, and some of these will get NO_SPECTRUM"
        )
    if topology.has_parallel_links:
        remarks.append(PARALLEL)
    remarks.append(f"gnpy-path-request {network} {path} {library}")
    return files


def _without_way_back(topology: Topology, lightpaths: Sequence[UpLightpath]) -> list[UpLightpath]:
    """Return the lightpaths that take a link between two nodes with none in the other direction."""
    nodes = topology.nodes
    there = {(nodes[a], nodes[b]) for a, b, *_ in topology.ways}
    return [
        each for each in lightpaths if any((b, a) not in there for a, b in pairwise(each.nodes))
    ]


def _of_gnpy(network: Path) -> GnpyParts | None:
    """Return the parts of a network that is a file of GNPy."""
    name = str(network)
    if OTHER_NAMES.get(name, name) in topology_names():
        return None
    content = read_content(network)
    return gnpy_parts(content.file) if content.format == GNPY_TOPOLOGY.format else None


def _their_uids(topology: Topology, theirs: GnpyParts) -> GnpyUids:
    """Return the uids in a file of GNPy, for the directions of links as `Topology.ways` has them."""
    left = list(theirs.lines)
    fibres = []
    for a, b, km, link in topology.ways:
        name = topology.link_names[link] if topology.link_names else ""
        ends = (topology.nodes[a], topology.nodes[b])
        those = [each for each in left if (each.source, each.destination) == ends]
        # By its name, which is that of the fibre ahead, or else by its length, as they were joined.
        line = min(those, key=lambda each: (each.fibre != name, abs(each.km - km)))
        left.remove(line)
        fibres.append((line.fibre,))
    return GnpyUids(theirs.roadms, theirs.transceivers, tuple(fibres))


def _link(links: Sequence[SpectrumLink], text: str, *, separate: bool) -> int:
    """Return the link that a person names, as an index into `Snapshot.links`."""
    parts = [part.strip() for part in text.split(",", 2)]
    for number, each in enumerate(links):
        ends = [each.source, each.destination]
        is_it = parts[:2] == ends or (not separate and parts[:2] == ends[::-1])
        if is_it and (len(parts) < 3 or parts[2] == each.name):
            return number
    some = ", ".join(show(f"{each.source},{each.destination}") for each in links[:3])
    raise ArgumentError(
        f"--link {text}: no such link; write SOURCE,DESTINATION with ids of nodes, as {some}"
    )


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()
