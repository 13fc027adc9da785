"""Where the nodes of a network are in a picture: at their coordinates, or in a layout that never changes."""

import json
import math
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.network.topology import Topology

Positions = dict[str, tuple[float, float]]
"""Node to its place: x to the right, y up, the longer side of all of them 1."""

KEPT = Path(__file__).with_name("layouts.json")
"""Layouts of the shipped topologies that have no coordinates; `make_layouts.py` makes them."""

_STARTS = 12
_STEPS = 300
_MOST_NODES = 400  # of a layout by distances; its time grows with their square
_LEAST_APART = 0.055
_PUSHES = 200

_Array = NDArray[Any]


def positions(topology: Topology) -> Positions:
    """Return where the nodes are, from 0 to 1 along the longer side; the same at each call.

    At the coordinates of the file where all nodes have them, those too close to tell apart moved a little;
    in the kept layout of a shipped topology; else where straight distances are most like those along links.
    """
    if set(topology.coordinates) >= set(topology.nodes):
        places = np.array([topology.coordinates[node] for node in topology.nodes])
        return _named(topology, _pushed_apart(_unit(_projected(places))))
    kept = _kept().get(topology.name, {})
    if set(kept) == set(topology.nodes):
        return {node: (kept[node][0], kept[node][1]) for node in topology.nodes}
    return _named(topology, computed(topology, _STARTS))


@cache
def _kept() -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def _named(topology: Topology, places: _Array) -> Positions:
    pairs = zip(topology.nodes, places.tolist(), strict=True)
    return {node: (round(x, 4), round(y, 4)) for node, (x, y) in pairs}


def _projected(places: _Array) -> _Array:
    """Return longitudes and latitudes as on a small map, cut where the widest gap in longitude is."""
    longitude, latitude = places.T
    around = np.sort(np.mod(longitude, 360.0))
    gaps = np.diff(np.append(around, around[0] + 360.0))
    cut = around[(int(gaps.argmax()) + 1) % len(around)]
    east = np.mod(longitude - cut, 360.0)
    return np.column_stack([east * math.cos(math.radians(float(latitude.mean()))), latitude])


def _unit(places: _Array) -> _Array:
    low, high = places.min(axis=0), places.max(axis=0)
    found: _Array = (places - low) / (float((high - low).max()) or 1.0)
    return found


def _pushed_apart(places: _Array) -> _Array:
    """Move nodes that are too close away from each other, a little at a time."""
    places = places.copy()
    for _ in range(_PUSHES):
        away = places[:, None] - places[None]
        apart = np.hypot(*np.moveaxis(away, 2, 0))
        np.fill_diagonal(apart, np.inf)
        if apart.min() >= _LEAST_APART:
            break
        # Two nodes in one place are moved along directions that differ by their numbers.
        turn = np.arange(len(places)) * 2.4
        aside = np.column_stack([np.cos(turn), np.sin(turn)])
        same = apart < 1e-9
        direction = np.where(
            same[..., None], aside[:, None], away / np.maximum(apart, 1e-9)[..., None]
        )
        push = np.where(apart < _LEAST_APART, 0.5 * (_LEAST_APART - np.minimum(apart, 1.0)), 0.0)
        places += (direction * push[..., None]).sum(axis=1)
    return _unit(places)


def computed(topology: Topology, starts: int) -> _Array:
    """Return a layout: of several, the one with the fewest crossings and the nodes clear of the links.

    Each minimises the stress, the squared relative differences between straight distances and those along
    links (Gansner, Koren and North, Graph Drawing by Stress Majorization, 2004). Very many nodes are put
    on a circle.
    """
    count = len(topology.nodes)
    ends = np.array([(a, b) for a, b, _ in topology.links])
    turn = 2.0 * math.pi * np.arange(count) / count
    circle = np.column_stack([np.sin(turn), np.cos(turn)])
    if count > _MOST_NODES:
        return _unit(circle)
    distances = _distances(count, topology.links)
    random = np.random.default_rng(0)
    found = [(faults(_unit(circle), ends), -1, _unit(circle))]
    for number in range(starts):
        start = circle if number == 0 else random.standard_normal((count, 2))
        places = _level(_least_stress(distances, start))
        found.append((faults(places, ends), number, places))
    return min(found, key=lambda one: one[:2])[2]


def _distances(count: int, links: Any) -> _Array:
    """Return the lengths of the shortest ways; a link counts as its length within a factor of the mean."""
    mean = sum(km for *_, km in links) / len(links)
    distances = np.full((count, count), np.inf)
    np.fill_diagonal(distances, 0.0)
    for a, b, km in links:
        distances[a, b] = distances[b, a] = min(distances[a, b], max(km / mean, 0.6), 1.6)
    for via in range(count):
        np.minimum(distances, distances[:, via, None] + distances[None, via, :], out=distances)
    return distances


def _least_stress(distances: _Array, places: _Array) -> _Array:
    weights = np.divide(1.0, distances**2, out=np.zeros_like(distances), where=distances > 0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    solve = np.linalg.pinv(laplacian)
    for _ in range(_STEPS):
        apart = np.hypot(*np.moveaxis(places[:, None] - places[None], 2, 0))
        pull = -np.divide(weights * distances, apart, out=np.zeros_like(apart), where=apart > 1e-9)
        np.fill_diagonal(pull, 0.0)
        np.fill_diagonal(pull, -pull.sum(axis=1))
        moved: _Array = solve @ (pull @ places)
        if np.abs(moved - places).max() < 1e-4:
            return moved
        places = moved
    return places


def _level(places: _Array) -> _Array:
    """Turn a layout so that it is widest from left to right; the first node is in the upper left."""
    centred = places - places.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    turned = centred @ axes[:, ::-1]
    turned *= np.where(turned[0] > 0, -1.0, 1.0) * np.array([1.0, -1.0])
    return _unit(turned)


def faults(places: _Array, ends: _Array) -> float:
    """Return how bad a layout is: crossings of links, nodes on links of others, nodes that are too close."""
    start, end = places[ends[:, 0]], places[ends[:, 1]]
    way = end - start
    cross = 0
    for one, other in combinations(range(len(ends)), 2):
        if not set(ends[one]) & set(ends[other]):
            cross += _crosses(start[one], end[one], start[other], end[other])
    length = np.maximum((way**2).sum(axis=1), 1e-12)
    along = ((places[:, None] - start[None]) * way[None]).sum(axis=2) / length
    nearest = start[None] + np.clip(along, 0.0, 1.0)[..., None] * way[None]
    clear = np.hypot(*np.moveaxis(places[:, None] - nearest, 2, 0))
    for number, (a, b) in enumerate(ends):
        clear[[a, b], number] = np.inf
    apart = np.hypot(*np.moveaxis(places[:, None] - places[None], 2, 0))
    np.fill_diagonal(apart, np.inf)
    on_links = float(np.maximum(0.0, 1.0 - clear / 0.06).sum())
    close = float(np.maximum(0.0, 1.0 - apart / 0.08).sum())
    return cross + 3.0 * on_links + 3.0 * close


def _crosses(a: _Array, b: _Array, c: _Array, d: _Array) -> bool:
    return _side(a, b, c) != _side(a, b, d) and _side(c, d, a) != _side(c, d, b)


def _side(a: _Array, b: _Array, point: _Array) -> bool:
    return bool((b[0] - a[0]) * (point[1] - a[1]) > (b[1] - a[1]) * (point[0] - a[0]))
