"""The spectra of a network: one for each link, or for each of its directions."""

from __future__ import annotations

from fusion.config.config import Config
from fusion.network.topology import Topology


def spectra_of(
    config: Config, topology: Topology
) -> tuple[tuple[tuple[str, str], ...], tuple[float, ...]]:
    """Return (from, to) names and km of each spectrum: with separate directions of both of a link."""
    names = topology.nodes
    links = tuple((names[a], names[b]) for a, b, _ in topology.links)
    km = tuple(km for _, _, km in topology.links)
    if config.topology_settings.link_directions == "separate":
        return links + tuple((b, a) for a, b in links), km * 2
    return links, km
