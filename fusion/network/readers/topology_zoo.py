"""What the attributes of the Internet Topology Zoo mean, in its GML as well as its GraphML.

S. Knight, H. X. Nguyen, N. Falkner, R. Bowden, M. Roughan, "The Internet Topology Zoo", IEEE J. Sel. Areas
Commun. 29 (2011) 1765. No file has lengths. Of 276 networks 96 have parallel links (654, all listed from the
same end), and 191 have nodes without coordinates (2,137). 975 nodes are of other networks (Internal = 0), 226
are hyperedges, and two links lead from a node to itself. Guessed wrong: that GML says `multigraph 1` where
links are parallel.
"""

from collections.abc import Mapping

from fusion.config.counts import agreeing, counted
from fusion.config.named_files import quote
from fusion.network.listed_network import PASS_THROUGH, REGION, ListedNetwork

HYPEREDGE, EXTERNAL = "hyperedge", "external"
"""Kinds of nodes, where they are not sites of the network."""
_FEW = 3


def is_zoo(network: ListedNetwork) -> bool:
    """Return whether nodes have the attribute that the Zoo gives all of them."""
    return bool(network.nodes) and all("Internal" in each for each in network.nodes.values())


def with_meaning(network: ListedNetwork) -> ListedNetwork:
    """Return a network with what the Zoo's attributes say of its nodes, and remarks about it."""
    if not is_zoo(network):
        return network
    nodes: dict[str, Mapping[str, object]] = {}
    hyperedges, external, nowhere = [], [], []
    for node, attributes in network.nodes.items():
        is_hyperedge = _is_set(attributes.get("hyperedge"))
        if is_hyperedge:
            hyperedges.append(node)
        elif not _is_set(attributes.get("Internal")):
            external.append(node)
        if "Latitude" not in attributes or "Longitude" not in attributes:
            nowhere.append(node)
        region = attributes.get("Country")
        more: dict[str, object] = {"kind": HYPEREDGE, PASS_THROUGH: True} if is_hyperedge else {}
        if node in external[-1:]:
            more["kind"] = EXTERNAL
        nodes[node] = {**attributes, **more, **({REGION: region} if region else {})}
    for found, noun, what in (
        (
            hyperedges,
            "hyperedge",
            "a medium that several nodes share: no traffic starts or ends there",
        ),
        (external, "external node", "of another network (Internal = 0)"),
        (nowhere, "node", "without coordinates"),
    ):
        if found:
            shown = ", ".join(map(quote, found[:_FEW])) + (", ..." if len(found) > _FEW else "")
            verb = "" if noun == "node" else f" {agreeing(len(found), 'is', 'are')}"
            network.remarks.append(f"{counted(len(found), noun)} ({shown}){verb} {what}")
    return network._replace(
        nodes=nodes,
        without_lengths="the Topology Zoo has no lengths: `fusion import FILE --lengths great-circle` takes "
        "great circles between the coordinates, --lengths 1.3 that much more",
    )


def _is_set(value: object) -> bool:
    return str(value).strip() not in ("None", "", "0", "False")
