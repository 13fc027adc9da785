"""The spectra of a network: one for each link, or for each of its directions."""

from __future__ import annotations

from fusion.config.config import Config
from fusion.network.topology import Topology


def spectra_of(
    config: Config, topology: Topology
) -> tuple[tuple[tuple[str, str], ...], tuple[float, ...]]:
    """Return (from, to) names and km of each spectrum: with separate directions of both of a link."""
    names = topology.nodes
    ways = topology.ways[: len(links_of_spectra(topology, separate=is_separate(config)))]
    return tuple((names[a], names[b]) for a, b, *_ in ways), tuple(km for _, _, km, _ in ways)


def names_of_spectra(config: Config, topology: Topology) -> tuple[str, ...]:
    """Return the name of the link of each spectrum, or nothing where its two nodes name a link.

    Where two nodes have several links, those have names; of the others an empty one.
    """
    if not topology.has_parallel_links:
        return ()
    links = links_of_spectra(topology, separate=is_separate(config))
    return tuple(topology.link_names[link] for link in links)


def links_of_spectra(topology: Topology, *, separate: bool) -> tuple[int, ...]:
    """Return the link of each spectrum, as an index into topology.links."""
    links = tuple(range(len(topology.links)))
    return links + topology.back_links if separate else links


def is_separate(config: Config) -> bool:
    """Return whether the directions of a link have a spectrum each."""
    return config.topology_settings.link_directions == "separate"
