"""Connections whose lightpaths a policy of the user's chooses, one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.kernel import inner
from fusion.kernel.arrays import Int32s, Network
from fusion.kernel.connections import add_part, drop_parts, groom, set_up
from fusion.kernel.quality import is_refused
from fusion.kernel.records import Connections, Quality, Service
from fusion.kernel.user_policy import (
    COLUMN,
    LEFT,
    WRONG,
    Asked,
    Chooser,
    ask,
    gbps_of,
    make_request,
)

WHOLE = -1
"""The request in one lightpath, and no slices."""


@inner
def place_chosen(
    network: Network,
    quality: Quality | None,
    state: Connections,
    chooser: Chooser,
    asked: Asked,
    order: Int32s | None,
    i: int,
    pair: int,
    column: int,
    left: int,
    now: float,
    holding: float,
    tie: float,
) -> Any:
    """Return (path, plane, start, column) of the lightpath that a policy chooses, if it is good; else -1s.

    order: as in `Request`. column: of what is asked for. left: the bit rate that is still to be carried.
    """
    asked.at[COLUMN], asked.at[LEFT] = column, left
    gbps = gbps_of(asked.facts, column, left)
    request = make_request(
        network,
        asked.facts,
        state.free,
        quality,
        state,
        order,
        pair,
        column,
        gbps,
        now,
        holding,
        tie,
    )
    path, plane, start, one = ask(chooser, request, asked.at, i)
    if path >= 0 and is_refused(
        quality,
        network,
        state,
        np.int64(path),
        np.int64(plane),
        np.int64(start),
        np.int64(one),
    ):
        return np.int64(-1), np.int64(-1), np.int64(-1), np.int64(-1)
    return np.int64(path), np.int64(plane), np.int64(start), np.int64(one)


@inner
def carry(
    network: Network,
    service: Service,
    state: Connections,
    chooser: Chooser,
    asked: Asked,
    order: Int32s | None,
    option: int,
    i: int,
    connection: int,
    pair: int,
    bit_rate: int,
    left: int,
    now: float,
    holding: float,
    tie: float,
) -> Any:
    """Set up the lightpaths of one way to serve a request; return what of it they do not carry.

    option: WHOLE, or a place in `Service.slices`; with `Service.tiers` any other number: lightpaths that need
    not be alike, as in `connection_loop.fill`.
    """
    uneven = option != WHOLE and service.tiers.shape[0] > 0
    most, column = np.int64(1), np.int64(bit_rate)
    if option != WHOLE:
        most = np.int64(service.max_segments)
        if not uneven:
            column = np.int64(service.slices[bit_rate, option, 0])
            most = min(most, np.int64(service.slices[bit_rate, option, 1]))
    number, tier = np.int64(0), np.int64(0)
    while left > 0 and number < most:
        if uneven:
            tiers = service.tiers.shape[1]
            column = np.int64(service.tiers[bit_rate, tier]) if tier < tiers else np.int64(-1)
            if column < 0:
                break
            is_last = tier + 1 == tiers or service.tiers[bit_rate, tier + 1] < 0
            if not is_last and left < service.rate[column]:
                tier += 1
                continue
        path, plane, start, one = place_chosen(
            network,
            service.quality,
            state,
            chooser,
            asked,
            order,
            i,
            pair,
            column,
            left,
            now,
            holding,
            tie,
        )
        if path >= 0:
            row = set_up(network, service, state, pair, path, plane, start, one, now)
            rate = min(left, service.rate[one])
            add_part(state, connection, row, rate, True)
            left -= rate
            number += 1
        elif uneven and asked.at[WRONG] == 0:
            tier += 1
        else:
            break
    return left


@inner
def serve_chosen(
    network: Network,
    service: Service,
    state: Connections,
    pair_of_path: Int32s,
    chooser: Chooser,
    asked: Asked,
    order: Int32s | None,
    i: int,
    connection: int,
    pair: int,
    bit_rate: int,
    now: float,
    holding: float,
    tie: float,
) -> Any:
    """Give a connection its parts, and return what they do not carry; all of it: the request is blocked.

    What lightpaths have left is used first, and the policy is asked for one for the rest, or for the whole
    request, which is the same question. If it has none it is asked for slices, whose lightpaths may take any
    paths. A choice that cannot be made ends it all at once, and leaves the state in which it was made.
    """
    total = np.int64(service.rate[bit_rate])
    left, groomed = total, total
    if service.grooms:
        left, _ = groom(network, service, state, connection, pair, total)
        groomed = left
    best, least = np.int64(WHOLE), np.int64(total)
    options = np.int64(0)
    if service.max_segments > 1:
        options = np.int64(1 if service.tiers.shape[0] > 0 else service.slices.shape[1])
    for option in range(WHOLE, options + 1):
        again = option == options
        if again:
            if not service.partial or best == WHOLE:
                break
        elif option != WHOLE and service.tiers.shape[0] == 0:
            number = service.slices[bit_rate, option, 1]
            if number == 0 or (number > service.max_segments and not service.partial):
                continue
        left = carry(
            network,
            service,
            state,
            chooser,
            asked,
            order,
            best if again else np.int64(option),
            i,
            connection,
            pair,
            bit_rate,
            left,
            now,
            holding,
            tie,
        )
        if left == 0 or again or asked.at[WRONG] != 0:
            break
        if option != WHOLE and left < least:
            best, least = np.int64(option), np.int64(left)
        drop_parts(network, service, state, pair_of_path, connection, None, None)
        left = total
    if service.partial and groomed < left and asked.at[WRONG] == 0:
        drop_parts(network, service, state, pair_of_path, connection, None, None)
        left, _ = groom(network, service, state, connection, pair, total)
    return left
