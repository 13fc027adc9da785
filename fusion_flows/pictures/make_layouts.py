"""Make the layouts of the shipped topologies that have no coordinates.

`python -m fusion_flows.pictures.make_layouts` takes a minute and gives the same file each time.

One whose links are those of a topology with coordinates, node for node, takes these.
"""

import json

from fusion.config.shipped import topology_names
from fusion.network.topology import Topology, load_topology
from fusion_flows.pictures.layout import KEPT, computed, positions

_STARTS = 400


def main() -> None:
    """Write layouts.json."""
    found = [load_topology(name) for name in topology_names()]
    mapped = {_shape(one): one for one in found if one.coordinates}
    layouts = {}
    for topology in found:
        if topology.coordinates:
            continue
        if (like := mapped.get(_shape(topology))) is not None:
            places = list(positions(like).values())
            order = sorted(range(len(places)), key=lambda i: int(like.nodes[i]))
            ranked = sorted(topology.nodes, key=int)
            at = {node: places[i] for node, i in zip(ranked, order, strict=True)}
            layouts[topology.name] = {node: list(at[node]) for node in topology.nodes}
        else:
            places = computed(topology, _STARTS).round(4).tolist()
            layouts[topology.name] = dict(zip(topology.nodes, places, strict=True))
    lines = [f" {json.dumps(name)}: {json.dumps(at)}" for name, at in layouts.items()]
    KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def _shape(topology: Topology) -> frozenset[frozenset[int]]:
    """Return the links by the ranks of their ends."""
    rank = {node: i for i, node in enumerate(sorted(topology.nodes, key=int))}
    nodes = topology.nodes
    return frozenset(frozenset((rank[nodes[a]], rank[nodes[b]])) for a, b, _ in topology.links)


if __name__ == "__main__":
    main()
