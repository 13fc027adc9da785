"""A region of the Earth around a point, and the links that run through it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fusion.network.geography import EARTH_RADIUS_KM, Place


def links_in_region(
    centre: Place,
    radius_km: float,
    places: Sequence[Place],
    links: Sequence[tuple[int, int]],
) -> list[int]:
    """Return the links, as indices, of which some point is within a radius of the centre.

    places: of the nodes. links: pairs of nodes, taken as straight lines on a map whose distances and
    directions from the centre are true (azimuthal equidistant). Such a circular cut is the disaster of S.
    Neumayer, G. Zussman, R. Cohen, E. Modiano, "Assessing the vulnerability of the fiber infrastructure to
    disasters", IEEE/ACM Trans. Netw. 19 (2011) 1610.
    """
    points = _map_around(centre, np.array(places, dtype=np.float64))
    a, b = np.array(links).T
    way = points[b] - points[a]
    length2 = np.maximum((way * way).sum(axis=1), 1e-12)
    share = np.clip(-(points[a] * way).sum(axis=1) / length2, 0.0, 1.0)
    nearest = points[a] + share[:, None] * way
    near = np.hypot(nearest[:, 0], nearest[:, 1]) <= radius_km
    return [int(link) for link in np.flatnonzero(near)]


def _map_around(centre: Place, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return float64[place, 2], km east and north of the centre at true distance and direction."""
    longitude, latitude = np.radians(places).T
    longitude0, latitude0 = np.radians(centre)
    east = longitude - longitude0
    cosine = np.sin(latitude0) * np.sin(latitude)
    cosine += np.cos(latitude0) * np.cos(latitude) * np.cos(east)
    x = np.cos(latitude) * np.sin(east)
    y = np.cos(latitude0) * np.sin(latitude) - np.sin(latitude0) * np.cos(latitude) * np.cos(east)
    size = np.hypot(x, y)
    distance = EARTH_RADIUS_KM * np.arctan2(size, cosine)
    scale = np.divide(distance, size, out=np.zeros_like(distance), where=size > 1e-12)
    return np.stack([x * scale, y * scale], axis=1)
