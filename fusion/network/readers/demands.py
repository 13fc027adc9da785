"""The demands that a network file has beside its nodes and links."""

from fusion.network.readers.net2plan import NET2PLAN, read_net2plan_demands
from fusion.network.readers.reader import NetworkFile
from fusion.network.readers.sndlib_native import is_sndlib, read_demands
from fusion.network.readers.sndlib_places import Demand
from fusion.network.readers.sndlib_xml import is_sndlib_xml, read_xml_demands


def demands_of(file: NetworkFile) -> list[Demand]:
    """Return the demands of a file, in its unit; of SNDlib both ways where none is listed the other way.

    Raises ValueError, with the reason but not the name of the file, where it has none.
    """
    if is_sndlib(file.text):
        return both_ways(read_demands(file.text))
    if is_sndlib_xml(file):
        return both_ways(read_xml_demands(file))
    if NET2PLAN.recognises(file):
        return read_net2plan_demands(file)
    raise ValueError("has no demands that are read: SNDlib's and Net2Plan's files can have some")


def both_ways(demands: list[Demand]) -> list[Demand]:
    """Return demands both ways, unless one is listed the other way itself."""
    pairs = {(each.source, each.destination) for each in demands}
    if any((destination, source) in pairs for source, destination in pairs):
        return demands
    return demands + [
        each._replace(source=each.destination, destination=each.source) for each in demands
    ]
