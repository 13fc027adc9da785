"""What a network file lists: nodes and links as the file has them, not yet checked.

Attributes with these names mean the same in every format, in whatever case they are written; a reader of a
format that has its own names for them gives them these. All may be missing.

Of a node: `name`; `longitude` and `latitude`, in degrees; `region` and `site`, texts; `pass_through`, true
where no traffic starts or ends, as at an amplifier site. Of a link: `name`, of the fibre, which is unique
among the links of the same two nodes; `one_way`, true where light goes from source to destination only;
`length_back_km`, the length from destination to source where that differs; and where it has fewer than the
others, `cores_per_link` and the slots of each band, `c_band`, `l_band`, `s_band`, `o_band`, `e_band`.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from fusion.config.named_files import quote


class ListedLink(NamedTuple):
    """A link as the file has it; `where` is its line or number there."""

    where: str
    source: str
    destination: str
    attributes: Mapping[str, object]


class ListedNetwork(NamedTuple):
    """What a file says.

    nodes: id -> attributes, in file order.  problems: what could not be read, one line each.
    remarks: what was understood that the reader may have meant otherwise.  directed: what the file
    says of itself; None where its format does not.  repeats_links: undirected links come from either
    of their nodes, as in an adjacency list.  has_column_names: links have attributes by name, and
    not a length that is only known by its place.  without_lengths: why no link has one, where the
    format says so.  demands: traffic that the file has, too.  multigraph: whether each link that is
    listed is one of its own, also where two nodes have several; None where the file does not say: then
    links that are listed repeatedly in one direction are parallel links, and a link that is listed from
    either node is one link.
    """

    nodes: dict[str, Mapping[str, object]]
    links: list[ListedLink]
    problems: list[str]
    remarks: list[str]
    directed: bool | None = None
    repeats_links: bool = False
    has_column_names: bool = True
    without_lengths: str = ""
    demands: int = 0
    multigraph: bool | None = None


NAME, ONE_WAY, LENGTH_BACK = "name", "one_way", "length_back_km"
"""Attributes of links, see above."""
LIMITS = ("cores_per_link", "c_band", "l_band", "s_band", "o_band", "e_band")
"""Attributes of links that are keys of a configuration, which holds where a link has none."""
REGION, SITE, PASS_THROUGH = "region", "site", "pass_through"
"""Attributes of nodes, see above."""


def empty_network(*problems: str) -> ListedNetwork:
    """Return a network without nodes, and what is wrong with its file."""
    return ListedNetwork({}, [], list(problems), [])


def node_id(value: object) -> str | None:
    """Return the id of a node as text, or None when it is neither an integer nor printable text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value.strip()
    return None


def number_of(value: object) -> float | None:
    """Return a finite number, also from its text as GraphML and line files have it, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and "_" in value:  # which Python would read
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def add_node(
    network: ListedNetwork, where: str, value: object, attributes: Mapping[str, object]
) -> None:
    """Add a node, or to the problems why it is not one."""
    node = node_id(value)
    if node is None:
        refuse(network, where, value, "a node's id must be an integer or a printable text")
    elif node in network.nodes:
        refuse(network, where, value, "duplicate id")
    else:
        network.nodes[node] = attributes


def add_link(
    network: ListedNetwork,
    where: str,
    source: object,
    destination: object,
    attributes: Mapping[str, object],
) -> None:
    """Add a link between nodes that are there, or to the problems which one is not."""
    ends = (node_id(source), node_id(destination))
    unknown = False
    for value, node in zip((source, destination), ends, strict=True):
        if node not in network.nodes:
            refuse(network, where, value, "node not found")
            unknown = True
    if not unknown:
        network.links.append(ListedLink(where, str(ends[0]), str(ends[1]), attributes))


def refuse(network: ListedNetwork, where: str, value: object, reason: str) -> None:
    """Add to the problems a piece of the file, where it is, and what is wrong with it."""
    network.problems.append(f"{where}: {quote(value)}: {reason}")
