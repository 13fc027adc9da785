"""Files that are not networks, or not read yet: what each is, and what to do instead."""

import csv
from collections.abc import Collection, Mapping
from typing import Any

from fusion.network.delimited_text import divider_of, split_line
from fusion.network.listed_network import ListedNetwork, empty_network, number_of
from fusion.network.readers.reader import INSTEAD, NetworkFile, Reader

_XML = {
    "ons": f"XML of the simulator ONS, but without a physical topology: {INSTEAD}",
    "network": f"a network in XML that is neither SNDlib's nor Net2Plan's, and is not read: {INSTEAD}",
    "html": "a web page, and not the file that it shows: download that (on GitHub: Raw)",
    "gexf": "GEXF, which is not read: networkx makes GraphML of it (read_gexf, write_graphml)",
    "svg": "a picture, and not a network",
}
"""What XML with this root is, and what to do instead."""

_LEAST, _MOST = 3, 2000
"""Rows of a table of numbers: three may be links, and more than that is not looked at."""

_MODULATIONS = "name,maximum_length,spectral_efficiency"
_TOPOLOGY = "name the topology that goes with it, which has elements and connections"
_GNPY = {
    "an equipment library": (
        ("Edfa", "Transceiver"),
        ("Fiber", "SI"),
        ("gnpy-eqpt-config:equipment",),
    ),
    "a list of services (path requests)": (("path-request",), ("gnpy-path-computation:services",)),
    "a result of path requests": (("response",), ("path",), ("gnpy-path-computation:responses",)),
    "a spectrum": (("spectrum",), ("gnpy-spectrum:spectrum",)),
    "a file of simulation parameters": (
        ("raman_params",),
        ("nli_params",),
        ("gnpy-sim-params:sim-params",),
    ),
    "a model of an amplifier": (
        ("nf_fit_coeff", "dgt"),
        ("nf_ripple",),
        ("gnpy-edfa-config:edfa-config",),
    ),
    "a single element": (("uid", "params"),),
}
"""What of GNPy JSON is that has one of these groups of keys."""

_JSON = {
    "elements": "JSON of Cytoscape",
    "features": "GeoJSON",
    "children": "a tree of networkx",
}
"""What JSON with this key is."""


def kind_of_gnpy(keys: Collection[str]) -> str:
    """Return which file of GNPy has these keys at its top, such as "an equipment library"; empty: none.

    A topology is among them.
    """
    if {"elements", "connections"} <= set(keys):
        return "a topology"
    return next(
        (
            what
            for what, groups in _GNPY.items()
            if any(set(keys).issuperset(group) for group in groups)
        ),
        "",
    )


def _what(file: NetworkFile) -> str | None:
    """Return what a file is that no reader takes, with what to do; None where it is not known."""
    if file.root in _XML:
        return _XML[file.root]
    if what := kind_of_gnpy(file.keys):
        return f"{what} of GNPy, and not a topology: {_TOPOLOGY}"
    if {"routes", "alias"} <= file.keys:
        return "a route file of Flex Net Sim, and not a network: name its file with nodes and links"
    if _has_bit_rates(file):
        return (
            "a bit-rate file of Flex Net Sim, and not a network: name its file with nodes and links"
        )
    if file.text[:200].lower().lstrip("\ufeff").startswith(_MODULATIONS):
        return "a table of modulation formats of XLRON, and not a network: name it as mod_assumption_path"
    if (count := _square(file.text)) > _LEAST:
        return (
            f"a square of {count} x {count} numbers, as a traffic matrix is, and not a network: name it as "
            "traffic_matrix"
        )
    return next(
        (
            f"{what}, which is not read: {INSTEAD}"
            for key, what in _JSON.items()
            if key in file.keys
        ),
        None,
    )


def _square(text: str) -> int:
    """Return how many rows and columns a table of numbers has that is square, or 0."""
    lines = [line for line in text.splitlines()[: _MOST + 1] if line.strip()]
    if not lines or len(lines) > _MOST:
        return 0
    divider = divider_of(lines)
    try:
        rows = [split_line(line, divider) for line in lines]
    except csv.Error:
        return 0
    is_square = all(len(row) == len(rows) for row in rows)
    are_numbers = is_square and all(number_of(cell) is not None for row in rows for cell in row)
    return len(rows) if are_numbers else 0


def _has_bit_rates(file: NetworkFile) -> bool:
    """Return whether JSON has, for each bit rate, formats with their slots and their reach."""
    if not file.keys or not all(key.isdigit() for key in file.keys):
        return False
    values = file.json.values()
    formats = [each for value in values if isinstance(value, list) for each in value]
    return bool(formats) and all(map(_is_format, formats))


def _is_format(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(each, Mapping) and "slots" in each for each in value.values()
    )


def _refuse(file: NetworkFile) -> ListedNetwork:
    return empty_network(str(_what(file)))


OTHER = Reader("not a network", lambda file: _what(file) is not None, _refuse)
"""Comes behind the readers, for what none of them takes."""
