"""Policies that look at impairments: nonlinear interference on a link, light in adjacent cores.

They rank paths and cores by where light is at the moment. Two bit masks say that, and what a policy asks is
worked out from them as it asks. Where `Service.impairments` is None nothing of this is compiled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import inner
from fusion.kernel.arrays import Floats, Int32s, Network, Words
from fusion.kernel.routing import BY_INTERFERENCE
from fusion.kernel.spectrum import (
    ONE,
    ONES,
    WORD_BITS,
    count_ones,
    first_fit,
    last_fit,
    starts_in_word,
    stay_out_of_line,
    toggle,
    trailing_zeros,
)

FULL = 1000.0
"""Cost of a link without room, as in FUSION: more than that of any path that has some."""

GRAINS = float(1 << 30)
"""Costs are compared in grains of 1 / GRAINS: equal ones are equal however they were added up."""


class Impairments(NamedTuple):
    """What stays the same for a whole run."""

    guard: int
    """Slots of a guard band, which carry no light."""
    length: Floats
    """float64[link]: what its km cost."""
    weight: Floats
    """float64[link]: what its present interference, or share of lit neighbours, is multiplied by."""
    log_sum: Floats
    """float64[x + 2]: ln(x) + ln(x - 2) + ..., down to 1 or 2; 0 for x below 1."""
    adjacent: Int32s
    """int32[plane, any]: the same band in adjacent cores; -1 behind the last."""
    from_top: NDArray[np.bool_]
    """bool[plane]: whether cores that keep clear of their neighbours fill it from its highest slot."""


class Light(NamedTuple):
    """Where light is. Both change with every lightpath."""

    lit: Words
    """uint64[plane, link, word]: slots with light."""
    first: Words
    """uint64[plane, link, word]: the first slots of lightpaths."""


def new_light(network: Network) -> Light:
    """Return the light of an empty network."""
    shape = network.spectrum.shape
    return Light(np.zeros(shape, dtype=np.uint64), np.zeros(shape, dtype=np.uint64))


@inner
def switch_light(
    impairments: Impairments | None,
    light: Light,
    links: Int32s,
    plane: int,
    hop: int,
    end: int,
    start: int,
    width: int,
) -> None:
    """Note that a lightpath is set up over links[hop:end], or that it is torn down."""
    if impairments is not None:
        toggle(light.lit, plane, links, hop, end, start, width - impairments.guard)
        toggle(light.first, plane, links, hop, end, start, np.int64(1))


@inner
def slots_from(light: Words, first: Words, plane: int, link: int, start: int) -> Any:
    """Return the slots with light of the lightpath that starts at a slot."""
    slots = np.int64(1)
    while start + slots < light.shape[2] * WORD_BITS:
        at = start + slots
        word, bit = at >> 6, at & 63
        dark = ~((light[plane, link, word] & ~first[plane, link, word]) >> np.uint64(bit))
        more = trailing_zeros(dark) if dark else np.int64(WORD_BITS)
        slots += more
        if more < WORD_BITS - bit:
            break
    return slots


@inner
def sum_over_lightpaths(
    light: Words,
    first: Words,
    log_sum: Floats,
    plane: int,
    link: int,
    low: int,
    high: int,
    slots: int,
) -> Any:
    """Return the interference of the lightpaths in a plane of a link, summed over the starts low ... high.

    At a start a channel of so many `slots` is meant; none overlaps a lightpath. With D the distance of the
    centres and B the width of the lightpath, in half slots, it adds ln((D + B) / (D - B)) / B² with B in
    slots. As the starts are neighbours D runs in steps of 2, and the logarithms are sums from a table.
    """
    total = 0.0
    for word in range(first.shape[2]):
        begin = first[plane, link, word]
        while begin:
            lit_from = word * WORD_BITS + trailing_zeros(begin)
            begin &= begin - ONE
            lit = slots_from(light, first, plane, link, lit_from)
            if low > lit_from:
                near = 2 * (low - lit_from) + slots - lit
            else:
                near = 2 * (lit_from - high) + lit - slots
            far = near + 2 * (high - low)
            upper = log_sum[far + lit + 2] - log_sum[near + lit]
            lower = log_sum[far - lit + 2] - log_sum[near - lit]
            total += (upper - lower) / (lit * lit)
    return total


@inner
def interference(
    free: Words,
    light: Words,
    first: Words,
    links: Int32s,
    shifts: Words,
    log_sum: Floats,
    guard: int,
    hop: int,
    width: int,
) -> Any:
    """Return the mean interference over the free channels of links[hop], or -1 if there is none.

    width: of a channel, with its guard band. All starts in all planes count alike, each with the lightpaths
    of its own plane. In slots to the power of -2, see `sum_over_lightpaths`.
    """
    link, slots = np.int64(links[hop]), width - guard
    total, channels = 0.0, np.int64(0)
    for plane in range(free.shape[0]):
        for word in range(free.shape[2]):
            starts = starts_in_word(free, plane, links, hop, hop + 1, word, shifts, width)
            channels += count_ones(starts)
            while starts:
                bit = np.uint64(trailing_zeros(starts))
                dark = ~(starts >> bit)
                ones = trailing_zeros(dark) if dark else np.int64(WORD_BITS)
                starts &= ~((ONES >> np.uint64(WORD_BITS - ones)) << bit)
                low = word * WORD_BITS + np.int64(bit)
                total += sum_over_lightpaths(
                    light, first, log_sum, plane, link, low, low + ones - 1, slots
                )
    return total / channels if channels > 0 else -1.0


@inner
def lit_neighbours(free: Words, light: Words, adjacent: Int32s, link: int) -> Any:
    """Return the mean over the free slots of a link of the share of adjacent cores with light there.

    -1 if there is no free slot.
    """
    total, slots = 0.0, np.int64(0)
    for plane in range(free.shape[0]):
        near, lit = np.int64(0), np.int64(0)
        for k in range(adjacent.shape[1]):
            if adjacent[plane, k] >= 0:
                near += 1
        for word in range(free.shape[2]):
            here = free[plane, link, word]
            slots += count_ones(here)
            for k in range(near):
                lit += count_ones(here & light[adjacent[plane, k], link, word])
        if near > 0:
            total += lit / near
    return total / slots if slots > 0 else -1.0


@inner
def cost_of_links(
    free: Words,
    light: Words,
    first: Words,
    links: Int32s,
    shifts: Words,
    impairments: Impairments,
    choice: int,
    hop: int,
    end: int,
    width: int,
) -> Any:
    """Return the cost of a path over links[hop:end] at the moment: a whole number of grains.

    A link costs length + weight times its `interference` (BY_INTERFERENCE) or its `lit_neighbours`
    (BY_CROSSTALK), and FULL if it has no room. width: of the lightpath that is asked for; where the path is
    not open to it, 0 or less, a channel of one slot counts.

    Interference: the sum over lightpaths of the squared spectral density times ln((D + B/2) / (D - B/2)), B
    their width and D the distance of the centres, is that of the GN model for rectangular spectra: P.
    Johannisson, E. Agrell, "Modeling of nonlinear signal distortion in fiber-optic networks", J. Lightw.
    Technol. 32(23), 2014, pp. 4544-4552; J. Zhao, H. Wymeersch, E. Agrell, "Nonlinear impairment aware
    resource allocation in elastic optical networks", OFC 2015, M2I.1. Its mean over free channels, the
    crosstalk and the weights are FUSION's. To take the best of k paths is one of the two ways of H.
    Beyranvand, J. A. Salehi, "A quality-of-transmission aware dynamic routing and spectrum assignment scheme
    for future elastic optical networks", J. Lightw. Technol. 31(18), 2013, pp. 3043-3054.
    """
    stay_out_of_line()
    guard = np.int64(impairments.guard)
    slots: Any = width if width > 0 else guard + 1
    cost = 0.0
    for h in range(hop, end):
        link = np.int64(links[h])
        if choice == BY_INTERFERENCE:
            present = interference(
                free, light, first, links, shifts, impairments.log_sum, guard, h, slots
            )
        else:
            present = lit_neighbours(free, light, impairments.adjacent, link)
        if present >= 0.0:
            cost += impairments.length[link] + impairments.weight[link] * present
        else:
            cost += FULL
    return np.rint(cost * GRAINS)


@inner
def lightpaths_at(light: Words, first: Words, plane: int, link: int, start: int, slots: int) -> Any:
    """Return how many lightpaths have light in the slots from a start."""
    last = start + slots - 1
    number = np.int64(0)
    inside = light[plane, link, start >> 6] & ~first[plane, link, start >> 6]
    if (inside >> np.uint64(start & 63)) & ONE:
        number += 1  # it starts below
    for word in range(start >> 6, (last >> 6) + 1):
        begin = first[plane, link, word]
        if word == start >> 6:
            begin &= ONES << np.uint64(start & 63)
        if word == last >> 6:
            begin &= ONES >> np.uint64(63 - (last & 63))
        number += count_ones(begin)
    return number


@inner
def next_apart(
    free: Words,
    light: Words,
    first: Words,
    links: Int32s,
    shifts: Words,
    impairments: Impairments,
    hop: int,
    end: int,
    width: int,
    overlaps: int,
    plane: int,
) -> Any:
    """Return (plane, start, overlaps) of the best place over links[hop:end] behind another one.

    start is -1 if there is none.

    In each plane a lightpath would take the lowest start, or the highest if that is `from_top`, so that
    neighbours meet late. Overlaps are the lightpaths in adjacent cores that share slots with it, counted on
    each link. The fewest are best, of equal places the first plane. overlaps, plane: those of the other
    place, or -1s.

    To give neighbours slots that do not overlap, and cores an order that keeps neighbours apart: S. Fujii, Y.
    Hirota, H. Tode, K. Murakami, "On-demand spectrum and core allocation for reducing crosstalk in multicore
    fibers in elastic optical networks", J. Opt. Commun. Netw. 6(12), 2014, pp. 1059-1071. First fit in even
    and last fit in odd cores is FUSION's.
    """
    stay_out_of_line()
    best, best_start, fewest = np.int64(-1), np.int64(-1), np.int64(-1)
    for here in range(free.shape[0]):
        start = np.int64(-1)
        if impairments.from_top[here]:
            start = np.int64(last_fit(free, here, links, hop, end, shifts, width))
        else:
            start = np.int64(first_fit(free, here, links, hop, end, shifts, width))
        if start < 0:
            continue
        number = np.int64(0)
        for h in range(hop, end):
            for k in range(impairments.adjacent.shape[1]):
                there = np.int64(impairments.adjacent[here, k])
                if there < 0:
                    break
                slots = width - impairments.guard
                number += lightpaths_at(light, first, there, np.int64(links[h]), start, slots)
        is_behind = number > overlaps or (number == overlaps and here > plane)
        if is_behind and (best < 0 or number < fewest):
            best, best_start, fewest = np.int64(here), start, number
    return best, best_start, fewest
