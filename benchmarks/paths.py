"""What the candidate paths of a large network cost: `python -m benchmarks.paths`.

A network of nodes that lie at random on a square, with links between near ones; all pairs, k paths. Each line
is measured in a process of its own: seconds, CPU seconds, microseconds of CPU for each pair, and the most
memory. "some" are pairs of which a tenth has traffic, and "one by one" is the search that small networks use,
for as many pairs as it gets through in a few seconds.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

from fusion.network import paths
from fusion.network.paths import k_shortest_paths
from fusion.network.topology import Topology

_NEAR = 24


def network(nodes: int, links: int, seed: int = 1) -> Topology:
    """Return a network: first links between which no other node lies, the others by length."""
    place = np.random.default_rng(seed).random((nodes, 2)) * 5000
    km = np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1))
    found = set()
    for a in range(nodes):
        for b in np.argsort(km[a])[1 : _NEAR + 1].tolist():
            is_beside = bool(((km[a] < km[a, b]) & (km[b] < km[a, b])).any())
            found.add((is_beside, round(float(km[a, b]) * 1.3, 1), min(a, b), max(a, b)))
    ends = tuple((a, b, length) for _, length, a, b in sorted(found)[:links])
    return Topology("random", tuple(map(str, range(nodes))), ends, tuple(range(nodes)), {}, {})


def measure(topology: Topology, k: int, order: str, which: str) -> str:
    """Return a line."""
    nodes = len(topology.nodes)
    wanted = ~np.eye(nodes, dtype=np.bool_)
    if which == "some":
        wanted &= np.random.default_rng(2).random((nodes, nodes)) < 0.1
    if which == "one by one":
        paths.MANY_PATHS = 1 << 60
        wanted[:, np.arange(nodes) % 100 > 0] = False
        wanted[np.arange(nodes) % 10 > 0, :] = False
    start, cpu = time.monotonic(), time.process_time()
    k_shortest_paths(topology, k, order, True, wanted=None if which == "all" else wanted)
    seconds, cpu = time.monotonic() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pairs = int(wanted.sum())
    each = 1e6 * cpu / pairs
    return f"{order:<5} {which:<11} {pairs:>9,} {seconds:8.2f} {cpu:8.2f} {each:9.1f} {peak:8,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--links", type=int, default=2000)
    parser.add_argument("--k", type=int, default=5)
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        topology = network(options.nodes, options.links)
        print(measure(topology, options.k, *options.only))
        return
    print(f"{'order':<5} {'pairs':<11} {'':>9} {'s':>8} {'CPU s':>8} {'us a pair':>9} {'MB':>8}")
    for order in ("km", "hops"):
        for which in ("one by one", "all", "some"):
            command = [sys.executable, "-m", "benchmarks.paths", "--only", order, which]
            sizes = [f"--{name}={getattr(options, name)}" for name in ("nodes", "links", "k")]
            done = subprocess.run([*command, *sizes], capture_output=True, text=True, check=True)
            print(done.stdout, end="", flush=True)


if __name__ == "__main__":
    main()
