"""Distances on the Earth, taken as a sphere."""

import math

EARTH_RADIUS_KM = 6371.0
"""Mean radius of the Earth."""

Place = tuple[float, float]
"""Longitude and latitude, in degrees."""


def great_circle_km(one: Place, other: Place) -> float:
    """Return the km between two places along the surface (R. W. Sinnott, Sky Telesc. 68 (1984) 159)."""
    (longitude0, latitude0), (longitude, latitude) = (map(math.radians, at) for at in (one, other))
    haversine = (
        math.sin((latitude - latitude0) / 2) ** 2
        + math.cos(latitude0) * math.cos(latitude) * math.sin((longitude - longitude0) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, haversine)))
