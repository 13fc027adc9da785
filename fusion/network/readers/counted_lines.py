"""Networks of optical-rl-gym and optical-networking-gym as text: two counts, then a link per line.

Below remarks, the file has a line with the number of nodes, one with the number of links, and that many
lines with source, destination and km. Nodes are numbered from 1. The networks that the programs come with are
of this kind or SNDlib's XML; guessed wrong was that links have numbers.
"""

import re

from fusion.config.counts import counted
from fusion.network.listed_network import ListedNetwork
from fusion.network.readers.link_lines import read_link_lines
from fusion.network.readers.reader import NetworkFile, Reader

_COUNT = re.compile(r"\d+")


def _counts(text: str) -> list[tuple[int, int]]:
    """Return place and number of the two counts that a text begins with, or nothing."""
    found: list[tuple[int, int]] = []
    for place, line in enumerate(text.splitlines()):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        if not _COUNT.fullmatch(content):
            return []
        found.append((place, int(content)))
        if len(found) == 2:
            return found
    return []


def _read(file: NetworkFile) -> ListedNetwork:
    (first, nodes), (second, links) = _counts(file.text)
    lines = file.text.splitlines()
    lines[first] = lines[second] = ""  # so that the others keep their numbers
    network = read_link_lines(NetworkFile("\n".join(lines), file.ending, file.length_key))
    for count, listed, noun in ((nodes, network.nodes, "node"), (links, network.links, "link")):
        if not network.problems and count != len(listed):
            network.problems.append(
                f"the file announces {counted(count, noun)}, and lists {len(listed)}"
            )
    return network


COUNTED_LINES = Reader("optical-rl-gym text", lambda file: bool(_counts(file.text)), _read)
