"""What a request costs on a network of 1,008 nodes, beside NSFNET's 14: `python -m benchmarks.large`.

The large one is NSFNET 72 times, with a link between each and the next and with traffic only within each, at
72 times the load: paths are as long and links as full as in one. Shown are nanoseconds of CPU for each
request, of drawing the traffic and of the event loop, medians over the rounds. What grows is where the
processor waits for memory.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.throughput import CHUNKS, ROUNDS, Runner
from fusion import load_config, make_scenario, read_inputs
from fusion.network.topology import load_topology

COPIES, LOAD = 72, 170.0


def runner(copies: int, folder: Path) -> Runner:
    """Return a simulation of some copies of NSFNET."""
    one = load_topology("nsfnet_deeprmsa")
    size = len(one.nodes)
    links = [
        {"source": f"{copy}.{a}", "target": f"{copy}.{b}", "length_km": km}
        for copy in range(copies)
        for a, b, km in one.links
    ]
    links += [
        {"source": f"{copy}.0", "target": f"{copy + 1}.0", "length_km": 9000}
        for copy in range(copies - 1)
    ]
    nodes = [{"id": f"{copy}.{node}"} for copy in range(copies) for node in range(size)]
    network = folder / f"nsfnet_{copies}.json"
    network.write_text(json.dumps({"nodes": nodes, "links": links}), encoding="utf-8")
    matrix = folder / f"traffic_{copies}.csv"
    within = np.kron(np.eye(copies), 1 - np.eye(size))
    np.savetxt(matrix, within, fmt="%d", delimiter=",")
    config = load_config(
        "nsfnet_100_slots",
        {
            "topology_settings": {"network": str(network)},
            "traffic_settings": {"traffic_matrix": str(matrix)},
        },
    )
    return Runner(make_scenario(config, read_inputs(config)), LOAD * copies)


def main() -> None:
    """Print a line for each network, and the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        runners = {14 * copies: runner(copies, Path(folder)) for copies in (1, COPIES)}
        measured: dict[int, list[tuple[float, float]]] = {nodes: [] for nodes in runners}
        for each in runners.values():
            each.carry_on(CHUNKS)
        for _ in range(ROUNDS):
            for nodes, each in runners.items():
                measured[nodes].append(each.carry_on(CHUNKS))
    print(f"{'nodes':>6} {'traffic':>8} {'loop':>8} {'both':>8}   ns of CPU for each request")
    sums = []
    for nodes, pairs in measured.items():
        traffic, loop = (statistics.median(values) for values in zip(*pairs, strict=True))
        sums.append(traffic + loop)
        print(f"{nodes:>6,} {traffic:8.1f} {loop:8.1f} {sums[-1]:8.1f}")
    print(f"{'ratio':>6} {'':>8} {'':>8} {sums[1] / sums[0]:8.2f}   at most 2 is the aim")


if __name__ == "__main__":
    main()
