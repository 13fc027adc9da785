"""The demands that a file has: beside its nodes and links, or alone."""

import re
from typing import NamedTuple

from fusion.network.readers.gnpy_services import has_services, read_services
from fusion.network.readers.gnpy_topology import GNPY_TOPOLOGY, gnpy_transceivers
from fusion.network.readers.net2plan import NET2PLAN, read_net2plan_demands
from fusion.network.readers.reader import NetworkFile, tag
from fusion.network.readers.sndlib_native import is_sndlib, read_demands
from fusion.network.readers.sndlib_places import Demand
from fusion.network.readers.sndlib_xml import is_sndlib_xml, read_xml_demands

_UNIT = re.compile(r"^\s*unit\s*=\s*([A-Z]+)", re.MULTILINE)
"""In the section META of SNDlib's native format."""
_UNITS = {"MBITPERSEC": "Mb/s", "GBITPERSEC": "Gb/s", "KBITPERSEC": "kb/s"}


class DemandList(NamedTuple):
    """Demands of a file. what: of what they are, such as SNDlib.  unit: of their values; empty: not said."""

    listed: list[Demand]
    what: str
    unit: str


def has_demands(file: NetworkFile) -> bool:
    """Return whether a file is of a format that can have demands."""
    return bool(
        has_services(file)
        or is_sndlib(file.text)
        or is_sndlib_xml(file)
        or NET2PLAN.recognises(file)
    )


def demands_of(file: NetworkFile, network: NetworkFile | None = None) -> DemandList:
    """Return the demands of a file; of SNDlib both ways where none is listed the other way.

    network: the file of the network that they are of, where it is another one: of GNPy it names the
    transceivers. Raises ValueError, with the reason but not the name of the file, where it has none.
    """
    if has_services(file):
        topology = file if network is None else network
        uids = gnpy_transceivers(topology) if GNPY_TOPOLOGY.recognises(topology) else {}
        return DemandList(read_services(file, uids), "GNPy", "Gb/s")
    if is_sndlib(file.text):
        match = _UNIT.search(file.text)
        unit = _UNITS.get(match[1], match[1]) if match else ""
        return _of_sndlib(read_demands(file.text), unit)
    if is_sndlib_xml(file):
        text = next((each.text or "" for each in file.xml.iter() if tag(each) == "unit"), "")
        unit = _UNITS.get(text.strip(), text.strip())
        return _of_sndlib(read_xml_demands(file), unit)
    if NET2PLAN.recognises(file):
        named = (each.get("demandTrafficUnitsName") for each in file.xml.iter())
        unit = next((each for each in named if each), "")
        return DemandList(read_net2plan_demands(file), "Net2Plan", unit)
    raise ValueError(
        "has no demands that are read: files of SNDlib, Net2Plan and GNPy (services) can have some"
    )


def _of_sndlib(demands: list[Demand], unit: str) -> DemandList:
    listed = both_ways(demands)
    what = "SNDlib" if len(listed) == len(demands) else "SNDlib, each taken both ways"
    return DemandList(listed, what, unit)


def both_ways(demands: list[Demand]) -> list[Demand]:
    """Return demands both ways, unless one is listed the other way itself."""
    pairs = {(each.source, each.destination) for each in demands}
    if any((destination, source) in pairs for source, destination in pairs):
        return demands
    return demands + [
        each._replace(source=each.destination, destination=each.source) for each in demands
    ]
