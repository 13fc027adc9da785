"""Compiled answers to the questions of `request`: the same functions, as the event loop runs them.

They are inlined, as the thin ones of them must be: a request has some hundred numbers inside, and handing
it over costs more than most answers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import register_jitable

from fusion.kernel import INSIDE, compiled, inner, spectrum
from fusion.kernel.capacity import loss_of
from fusion.kernel.quality import decibels_of, is_refused
from fusion.kernel.request import BAND, CORE, QUESTIONS, SLOTS
from fusion.kernel.routing import free_slots as slots_free_on_link
from fusion.kernel.spectrum import (
    ONES,
    WORD_BITS,
    ZERO,
    common_word,
    count_ones,
    free_and_largest_block,
    trailing_zeros,
)

Int: Any = np.int64


@register_jitable(_nrt=False, **INSIDE)  # Python calls it, too, where a policy runs in plain Python
def way(quality: Any, order: Any, request: Any, path: int) -> Any:
    """Return the number of a candidate among the paths of the network, and the column of its width.

    quality, order: those of the request. The column is -1 for a format that the bit rate does not have.
    """
    if path < 0 or path >= request.paths:
        raise IndexError("there is no path of this number")
    place = path
    if quality is not None:
        place = path // request.formats
    number = Int(request.first_path + place) if order is None else Int(order[place])
    if quality is None:
        return number, request.column
    return number, Int(quality.options[request.column, path % request.formats])


@register_jitable(_nrt=False, **INSIDE)
def slots_needed(quality: Any, network: Any, path: int, column: int) -> Any:
    """Return the slots of a lightpath, by the numbers that `way` returns; 0 or less if it cannot be."""
    if quality is not None and column < 0:
        return Int(0)
    return Int(network.width[network.width_row[path], column])


@compiled(**INSIDE)
def number(request: Any, path: int) -> Any:
    """Return the number of a candidate among the paths of the network."""
    return way(request.quality, request.order, request, path)[0]


@compiled(**INSIDE)
def checked(request: Any, plane: int) -> Any:
    """Return a plane that there is."""
    if plane < 0 or plane >= request.planes:
        raise IndexError("there is no plane of this number")
    return plane


@compiled(**INSIDE)
def ends(request: Any, path: int) -> Any:
    """Return the places in `network.links` where the links of a path begin and end."""
    q = number(request, path)
    return request.network.first_hop[q], request.network.first_hop[q + 1]


@compiled(**INSIDE)
def link(request: Any, path: int, hop: int) -> Any:
    """Return a link of a path."""
    first, end = ends(request, path)
    if hop < 0 or hop >= end - first:
        raise IndexError("there is no hop of this number")
    return request.network.links[first + hop]


@compiled(**INSIDE)
def hops(request: Any, path: int) -> Any:
    """Answer `request.hops`."""
    first, end = ends(request, path)
    return np.int64(end - first)


@compiled(**INSIDE)
def length_km(request: Any, path: int) -> Any:
    """Answer `request.length_km`."""
    return request.facts.length_km[number(request, path)]


@compiled(**INSIDE)
def width(request: Any, path: int) -> Any:
    """Answer `request.width`."""
    number, column = way(request.quality, request.order, request, path)
    return max(np.int64(0), slots_needed(request.quality, request.network, number, column))


@compiled(**INSIDE)
def core(request: Any, plane: int) -> Any:
    """Answer `request.core`."""
    return np.int64(request.facts.plane[checked(request, plane), CORE])


@compiled(**INSIDE)
def band(request: Any, plane: int) -> Any:
    """Answer `request.band`."""
    return np.int64(request.facts.plane[checked(request, plane), BAND])


@compiled(**INSIDE)
def slots(request: Any, plane: int) -> Any:
    """Answer `request.slots`."""
    return np.int64(request.facts.plane[checked(request, plane), SLOTS])


@compiled(**INSIDE)
def first_fit(request: Any, path: int, plane: int) -> Any:
    """Answer `request.first_fit`."""
    (hop, end), need, network = ends(request, path), width(request, path), request.network
    plane = checked(request, plane)
    if need == 0:
        return np.int64(-1)
    return np.int64(
        spectrum.first_fit(request.free, plane, network.links, hop, end, network.shifts, need)
    )


@compiled(**INSIDE)
def last_fit(request: Any, path: int, plane: int) -> Any:
    """Answer `request.last_fit`."""
    (hop, end), need, network = ends(request, path), width(request, path), request.network
    plane = checked(request, plane)
    if need == 0:
        return np.int64(-1)
    return np.int64(
        spectrum.last_fit(request.free, plane, network.links, hop, end, network.shifts, need)
    )


@compiled(**INSIDE)
def best_fit(request: Any, path: int, plane: int) -> Any:
    """Answer `request.best_fit`."""
    (hop, end), need = ends(request, path), width(request, path)
    plane = checked(request, plane)
    if need == 0:
        return np.int64(-1)
    network = request.network
    start, _ = spectrum.best_fit(request.free, plane, network.links, hop, end, network.shifts, need)
    return start


@compiled(**INSIDE)
def is_free(request: Any, path: int, plane: int, start: int, size: int) -> Any:
    """Answer `request.is_free`."""
    (hop, end), plane = ends(request, path), checked(request, plane)
    return run_is_free(request.free, plane, request.network.links, hop, end, start, size)


@compiled(forceinline=True)  # Python calls it, too, where a policy runs in plain Python
def run_is_free(
    free: Any, plane: int, links: Any, hop: int, end: int, start: int, size: int
) -> Any:
    """Return whether a run of slots is free on links[hop:end]; False beyond the ends, and for no slots."""
    if size <= 0 or start < 0 or start > free.shape[2] * WORD_BITS - size:
        return False
    last = start + size - 1
    for word in range(start >> 6, (last >> 6) + 1):
        wanted = ONES
        if word == start >> 6:
            wanted &= ONES << np.uint64(start & 63)
        if word == last >> 6:
            wanted &= ONES >> np.uint64(63 - (last & 63))
        if common_word(free, plane, links, hop, end, word) & wanted != wanted:
            return False
    return True


@compiled(**INSIDE)
def meets_quality(request: Any, path: int, plane: int, start: int) -> Any:
    """Answer `request.meets_quality`."""
    if not is_free(request, path, plane, start, width(request, path)):
        return False
    number, column = way(request.quality, request.order, request, path)
    return not is_refused(
        request.quality,
        request.network,
        request.state,
        np.int64(number),
        np.int64(plane),
        np.int64(start),
        np.int64(column),
    )


@compiled(**INSIDE)
def gsnr_db(request: Any, path: int, plane: int, start: int) -> Any:
    """Answer `request.gsnr_db`."""
    if not is_free(request, path, plane, start, width(request, path)):
        return -math.inf
    number, column = way(request.quality, request.order, request, path)
    return decibels_of(
        request.quality,
        request.network,
        request.state,
        np.int64(number),
        np.int64(plane),
        np.int64(start),
        np.int64(column),
    )


@compiled(**INSIDE)
def next_block(request: Any, path: int, plane: int, slot: int) -> Any:
    """Answer `request.next_block`."""
    (hop, end), plane = ends(request, path), checked(request, plane)
    return block_from(request.free, plane, request.network.links, hop, end, slot)


@inner
def block_from(free: Any, plane: int, links: Any, hop: int, end: int, slot: int) -> Any:
    """Return (start, size) of the first run of slots at or above a slot that are free, or (-1, 0)."""
    at = max(np.int64(slot), np.int64(0))
    start, limit = np.int64(-1), np.int64(free.shape[2] * WORD_BITS)
    while at < limit:
        word = at >> 6
        rest = common_word(free, plane, links, hop, end, word) >> np.uint64(at & 63)
        left = WORD_BITS - (at & 63)
        if start < 0:
            if rest == ZERO:
                at += left
                continue
            zeros = trailing_zeros(rest)
            at += zeros
            start = at
            rest = rest >> np.uint64(zeros)
            left -= zeros
        ones = np.int64(left) if rest == ONES else min(trailing_zeros(~rest), left)
        at += ones
        if ones < left:
            break
    if start < 0:
        return np.int64(-1), np.int64(0)
    return start, at - start


@compiled(**INSIDE)
def free_slots(request: Any, path: int, plane: int) -> Any:
    """Answer `request.free_slots`."""
    (hop, end), plane = ends(request, path), checked(request, plane)
    total = np.int64(0)
    for word in range(request.free.shape[2]):
        total += count_ones(common_word(request.free, plane, request.network.links, hop, end, word))
    return total


@compiled(**INSIDE)
def largest_block(request: Any, path: int, plane: int) -> Any:
    """Answer `request.largest_block`."""
    largest = np.int64(0)
    start, size = next_block(request, path, plane, 0)
    while size > 0:
        largest = max(largest, size)
        start, size = next_block(request, path, plane, start + size)
    return largest


@compiled(**INSIDE)
def congestion(request: Any, path: int) -> Any:
    """Answer `request.congestion`."""
    total = np.int64(0)
    for plane in range(request.planes):
        total += slots(request, plane)
    count, taken = hops(request, path), np.int64(0)
    for hop in range(count):
        taken += total - slots_free_on_link(request.free, link(request, path, hop))
    return taken / (count * total)


@compiled(**INSIDE)
def fragmentation(request: Any, path: int, plane: int) -> Any:
    """Answer `request.fragmentation`."""
    count, total = hops(request, path), 0.0
    for hop in range(count):
        free, largest = free_and_largest_block(
            request.free, checked(request, plane), link(request, path, hop)
        )
        if free > 0:
            total += 1.0 - largest / free
    return total / count


@compiled(**INSIDE)
def lost(request: Any, capacity: Any, path: int, plane: int, start: int, width: int) -> Any:
    """Return the loss of a lightpath. capacity: of the request's facts."""
    if capacity is None:
        return math.inf
    return float(loss_of(request.network, capacity, request.free, path, plane, start, width))


@compiled(**INSIDE)
def capacity_loss(request: Any, path: int, plane: int, start: int) -> Any:
    """Answer `request.capacity_loss`."""
    need = width(request, path)
    if not is_free(request, path, plane, start, need):
        return math.inf
    on = number(request, path)
    return lost(request, request.facts.capacity, on, np.int64(plane), np.int64(start), need)


@compiled(**INSIDE)
def link_free_slots(request: Any, path: int, plane: int, hop: int) -> Any:
    """Answer `request.link_free_slots`."""
    on, plane, total = link(request, path, hop), checked(request, plane), np.int64(0)
    for word in range(request.free.shape[2]):
        total += count_ones(request.free[plane, on, word])
    return total


@compiled(**INSIDE)
def link_largest_block(request: Any, path: int, plane: int, hop: int) -> Any:
    """Answer `request.link_largest_block`."""
    on = link(request, path, hop)
    return free_and_largest_block(request.free, checked(request, plane), on)[1]


@compiled(**INSIDE)
def link_is_free(request: Any, path: int, plane: int, hop: int, slot: int) -> Any:
    """Answer `request.link_is_free`."""
    on, plane = link(request, path, hop), checked(request, plane)
    if slot < 0 or slot >= request.free.shape[2] * WORD_BITS:
        return False
    return (request.free[plane, on, slot >> 6] >> np.uint64(slot & 63)) & np.uint64(1) != ZERO


ANSWERS = {question: globals()[question.__name__] for question in QUESTIONS}
"""The compiled code of each question."""
