"""Networks in the programs of DeepRMSA: lines such as `linkmap[1][2] = (0, 1050)`, with number and km.

X. Chen et al., "DeepRMSA: a deep reinforcement learning framework for routing, modulation and spectrum
assignment in elastic optical networks", J. Lightwave Technol. 37 (2019) 4155. The programs are never run.
Guessed wrong: that the network has a file of its own. The MATLAB scripts beside the programs compute it
(`topology = topology/2`), and are refused.
"""

import re

from fusion.network.listed_network import ListedNetwork, add_link, add_node, empty_network
from fusion.network.readers.reader import INSTEAD, NetworkFile, Reader

_LINK = re.compile(
    r"^\s*linkmap\[(\d+)\]\[(\d+)\]\s*=\s*\(\s*\d+\s*,\s*([\d.]+)\s*\)\s*(?:#.*)?$", re.MULTILINE
)
_MATLAB = re.compile(r"^\s*function\s+\w+\s*=\s*\w+|^topology\s*=\s*\[", re.MULTILINE)


def _read(file: NetworkFile) -> ListedNetwork:
    if not _LINK.search(file.text):
        return empty_network(
            f"a MATLAB program, which computes its network and is not run: {INSTEAD}"
        )
    network = empty_network()._replace(directed=True)
    found = [
        (match, file.text.count("\n", 0, match.start(1)) + 1) for match in _LINK.finditer(file.text)
    ]
    for node in sorted({int(match[end]) for match, _ in found for end in (1, 2)}):
        add_node(network, "node", str(node), {})
    for match, line in found:
        add_link(network, f"line {line}", match[1], match[2], {"length_km": match[3]})
    return network


def _recognises(file: NetworkFile) -> bool:
    return _LINK.search(file.text) is not None or _MATLAB.match(file.text) is not None


DEEPRMSA = Reader("DeepRMSA", _recognises, _read)
