"""The loop for connections, for learners: it stops at each request, and an agent chooses the lightpath.

What a request finds and counts are the steps of `connection_loop`; only the choice is the agent's, among the
lightpaths for which there is room, whose signal quality is good, and none of whose links is down. Requests
come in stretches in which nothing happens but arrivals and departures: at the end of one an environment
waits, so that links can fail and be repaired before it goes on.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fusion.kernel import compiled, inner
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network
from fusion.kernel.bundle import arguments_of
from fusion.kernel.connection_loop import arrive, begin_connection, settle, slice_request
from fusion.kernel.connections import CONNECTION, LIGHTPATH, add_part, drop_parts, give_row, set_up
from fusion.kernel.environment_loop import DECIDE, REST, tally_of
from fusion.kernel.impairments import Light
from fusion.kernel.observation import (
    BLOCK_FEATURES,
    PATH_FEATURES,
    Float32s,
    Int8s,
    View,
    allow_to_block,
    look_at_paths,
    show_ends,
    show_free,
    show_no_block,
    show_path,
)
from fusion.kernel.quality import as_ratio, decibels_of, is_refused, limit_of
from fusion.kernel.records import Connections, Count, Noise, Quality, Service
from fusion.kernel.search import FIRST_FIT
from fusion.kernel.spectrum import free_from, nth_block

QUALITY_FEATURES = 2
"""Numbers of a block that are shown where lightpaths need some signal quality."""

SLICE_FEATURES = 2
"""Numbers of a path that are shown where a request may be sliced."""

SLICED = -2
"""The plane of a choice that is not one place: the request is sliced on the path."""

MARGIN_DB = 10.0
"""Decibels above what a format needs that are shown as 1."""


class Stretches(NamedTuple):
    """Where each environment is. The requests of a row are those from `position` to `last`."""

    arrival: Floats
    holding: Floats
    pair: Int32s
    bit_rate: Int32s
    """[environment, request], as in `traffic.Requests`."""
    position: Int64s
    """int64[environment]: the request that waits for a decision; after `last`: none does."""
    last: Int64s
    """int64[environment]: the last request of the stretch."""
    decided: Int64s
    """int64[environment]: requests of the episode that have been decided."""
    choice: Int32s
    """int32[environment, action, 3]: plane, first slot and column of `Network.width` of each action that
    places a lightpath; SLICED as the plane of one that places several; or -1."""
    decision: Int32s
    """int32[environment, request, 3]: what was decided, see `connection_loop.serve_each`."""


class More(NamedTuple):
    """What is shown of a path beside the numbers of `observation.show_path`."""

    size: int
    """Numbers of a path."""
    quality: int
    """Place of the first of those of blocks about quality; read only where there is quality."""
    slices: int
    """Place of the first of those about slices; read only where requests may be sliced."""
    down: int
    """Place of the number that is 1 where a link of the path is down; or -1."""
    rows: int
    """Rows of widths of paths that are up; those of the others follow, see `failures.able_to_fail`."""


@inner
def network_of(network: Network, width_row: Int32s, environment: int) -> Any:
    """Return the network with the failed links of an environment.

    width_row: int32[environment, path], as in `Network`; or one row for all.
    """
    row = min(environment, width_row.shape[0] - 1)
    return Network(
        network.first_path,
        network.first_hop,
        network.links,
        width_row[row],
        network.width,
        network.shifts,
        network.path_cost,
        network.spectrum,
        network.path_of_hop,
    )


@inner
def noise_of(noise: Noise | None, environment: int) -> Any:
    """Return the row of an environment."""
    if noise is None:
        return None
    return Noise(
        noise.ratio[environment],
        noise.limit[environment],
        noise.member[environment],
        noise.members[environment],
        noise.owner[environment],
        noise.added[environment],
        noise.near[environment],
        noise.looked_at[environment],
        noise.found[environment],
        noise.tried[environment],
        noise.refused[environment],
    )


@inner
def light_of(light: Light | None, environment: int) -> Any:
    """Return the row of an environment."""
    if light is None:
        return None
    return Light(light.lit[environment], light.first[environment])


@inner
def connections_of(states: Connections, environment: int) -> Any:
    """Return the row of an environment."""
    return Connections(
        states.free[environment],
        states.usage[environment],
        states.score[environment],
        states.order[environment],
        states.common[environment],
        states.spare_on[environment],
        states.path[environment],
        states.plane[environment],
        states.start[environment],
        states.width[environment],
        states.column[environment],
        states.spare[environment],
        states.users[environment],
        states.since[environment],
        states.until[environment],
        states.carried[environment],
        states.following[environment],
        states.preceding[environment],
        states.oldest[environment],
        states.newest[environment],
        states.bucket[environment],
        states.departure[environment],
        states.pair[environment],
        states.bit_rate[environment],
        states.first_part[environment],
        states.next_connection[environment],
        states.part_of[environment],
        states.part_rate[environment],
        states.part_is_new[environment],
        states.next_part[environment],
        states.cursor[environment],
        states.clock[environment],
        noise_of(states.noise, environment),
        light_of(states.light, environment),
    )


@inner
def count_of(counts: Count, environment: int) -> Any:
    """Return the row of an environment."""
    return Count(counts.number[environment], counts.use[environment], counts.noise[environment])


@inner
def is_offered(choice: Int32s, found: int, plane: int, start: int) -> Any:
    """Return whether one of the first `found` choices is the place."""
    is_there = False
    for each in range(found):
        if choice[each, 0] == plane and choice[each, 1] == start:
            is_there = True
    return is_there


@inner
def offer_good(
    quality: Quality,
    network: Network,
    view: View,
    more: More,
    state: Connections,
    path: int,
    column: int,
    feature: Float32s,
    mask: Int8s,
    choice: Int32s,
) -> None:
    """Offer the first places on a path at which a lightpath is good, each in the first format that is.

    In the order of `quality_search.place_well` with first fit, which offers the same where an agent chooses
    among one block: by format, plane, and of each plane the lowest free block that is wide enough. Then those
    with the second lowest block, up to as many as there are actions on the path.
    """
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    planes = state.free.shape[0]
    slots = view.offset[planes]
    found = np.int64(0)
    for turn in range(view.blocks):
        has_more = False
        for option in range(quality.options.shape[1]):
            one = np.int64(quality.options[column, option])
            if one < 0:
                break
            width = np.int64(network.width[network.width_row[path], one])
            if width <= 0:
                continue
            for place in range(planes):
                if found == view.blocks:
                    break
                plane = np.int64(place)
                start = nth_block(
                    state.free, plane, network.links, hop, end, network.shifts, width, turn
                )
                if start < 0:
                    continue
                has_more = True
                if is_offered(choice, found, plane, start) or is_refused(
                    quality, network, state, np.int64(path), plane, start, one
                ):
                    continue
                at = PATH_FEATURES + BLOCK_FEATURES * found
                size = free_from(state.free, plane, network.links, hop, end, start)
                feature[at] = (view.offset[plane] + start) / slots
                feature[at + 1] = size / view.largest
                at = more.quality + QUALITY_FEATURES * found
                margin = decibels_of(quality, network, state, np.int64(path), plane, start, one)
                limit = limit_of(quality, np.int64(path), plane, start, one)
                margin += 10.0 * math.log10(as_ratio(quality, limit))
                feature[at] = width / view.largest
                feature[at + 1] = max(0.0, min(margin / MARGIN_DB, 1.0))
                mask[found] = 1
                choice[found, 0] = plane
                choice[found, 1] = start
                choice[found, 2] = one
                found += 1
        if not has_more or found == view.blocks:
            break


@inner
def least_width(quality: Quality, network: Network, path: int, column: int) -> Any:
    """Return the slots in the first format that is tried on a path, or 0 where none is."""
    for option in range(quality.options.shape[1]):
        one = quality.options[column, option]
        if one < 0:
            break
        width = network.width[network.width_row[path], one]
        if width > 0:
            return np.int64(width)
    return np.int64(0)


@inner
def offer_on(
    quality: Quality | None,
    network: Network,
    view: View,
    more: More,
    state: Connections,
    path: int,
    candidate: int,
    column: int,
    feature: Float32s,
    mask: Int8s,
    choice: Int32s,
) -> None:
    """Write the features of one path, and what lightpaths on it an agent may choose."""
    nothing, width = np.int64(0), np.int64(0)
    if quality is None:
        width = np.int64(max(network.width[network.width_row[path], column], 0))
    show_path(view, state.free, path, candidate, width, feature, nothing, mask, choice, nothing)
    if quality is None:
        for found in range(view.blocks):
            choice[found, 2] = column
    else:
        width = least_width(quality, network, path, column)
        feature[1] = view.part[min(width, view.largest)]
        offer_good(quality, network, view, more, state, path, column, feature, mask, choice)
    if more.down >= 0:
        feature[more.down] = 1.0 if network.width_row[path] >= more.rows else 0.0


@inner
def slice_on(
    network: Network,
    service: Service,
    pair_of_path: Int32s,
    state: Connections,
    connection: int,
    pair: int,
    bit_rate: int,
    path: int,
) -> Any:
    """Serve a request by several lightpaths on a path, by first fit; return what they do not carry.

    As `connection_loop.serve_request` does where it is the only path.
    """
    state.order[0] = path
    left: Any = service.rate[bit_rate]
    for attempt in range(2 if service.partial else 1):
        left = slice_request(
            network,
            service,
            state,
            pair_of_path,
            FIRST_FIT,
            1,
            connection,
            pair,
            bit_rate,
            attempt == 1,
            0.0,
            state.clock[0],
        )
        if left == 0:
            break
    return left


@inner
def slice_chosen(
    network: Network,
    service: Service,
    pair_of_path: Int32s,
    state: Connections,
    kept: Floats | None,
    connection: int,
    pair: int,
    bit_rate: int,
    path: int,
) -> Any:
    """Serve a request as `slice_on` does where requests may be sliced."""
    if kept is None:
        return service.rate[bit_rate]
    return slice_on(network, service, pair_of_path, state, connection, pair, bit_rate, path)


@inner
def keep_noise(noise: Noise | None, rows: int, kept: Floats) -> None:
    """Remember the noise of lightpaths, bit for bit."""
    if noise is not None:
        for row in range(rows):
            kept[row] = noise.ratio[row]


@inner
def put_noise_back(noise: Noise | None, rows: int, kept: Floats) -> None:
    """Give lightpaths the noise that was remembered."""
    if noise is not None:
        for row in range(rows):
            noise.ratio[row] = kept[row]


@inner
def try_slices(
    network: Network,
    service: Service,
    pair_of_path: Int32s,
    state: Connections,
    kept: Floats,
    pair: int,
    bit_rate: int,
    path: int,
) -> Any:
    """Return what `slice_on` would return and the number of its lightpaths; nothing of it stays."""
    rows = state.cursor[LIGHTPATH + 1]
    keep_noise(state.noise, rows, kept)
    connection = begin_connection(state)
    left = slice_on(network, service, pair_of_path, state, connection, pair, bit_rate, path)
    parts = np.int64(0)
    part = state.first_part[connection]
    while part >= 0:
        parts += 1
        part = state.next_part[part]
    drop_parts(network, service, state, pair_of_path, connection, None, None)
    give_row(state.cursor, CONNECTION, state.next_connection, connection)
    put_noise_back(state.noise, rows, kept)
    return left, parts


@inner
def offer_slices(
    network: Network,
    service: Service,
    pair_of_path: Int32s,
    more: More,
    state: Connections,
    kept: Floats | None,
    pair: int,
    bit_rate: int,
    path: int,
    feature: Float32s,
    mask: Int8s,
    choice: Int32s,
) -> None:
    """Write what the first action of a path carries; where there is no place for one lightpath, slices."""
    if kept is not None:
        carried, parts = 1.0, np.int64(1)
        if not mask[0]:
            left, parts = try_slices(
                network, service, pair_of_path, state, kept, pair, bit_rate, path
            )
            carried = 1.0 - left / service.rate[bit_rate]
            if carried > 0.0:
                mask[0] = 1
                choice[0, 0] = SLICED
        feature[more.slices] = carried
        feature[more.slices + 1] = parts / service.max_segments


@inner
def show_connection(
    network: Network,
    service: Service,
    pair_of_path: Int32s,
    kept: Floats | None,
    view: View,
    more: More,
    state: Connections,
    pair: int,
    bit_rate: int,
    holding: float,
    may_block: int,
    features: Float32s,
    mask: Int8s,
    choice: Int32s,
) -> None:
    """Write what is known of a request, and which actions can be done."""
    at = show_ends(view, pair, bit_rate, holding, features, mask, choice)
    look_at_paths(network, view, state.free, pair, bit_rate)
    first, end = network.first_path[pair], network.first_path[pair + 1]
    for candidate in range(view.candidates):
        path = first + candidate
        if path >= end:
            show_no_block(view, features[at : at + more.size])
        else:
            offer_on(
                service.quality,
                network,
                view,
                more,
                state,
                np.int64(path),
                np.int64(candidate),
                bit_rate,
                features[at : at + more.size],
                mask[candidate * view.blocks : (candidate + 1) * view.blocks],
                choice[candidate * view.blocks : (candidate + 1) * view.blocks],
            )
            offer_slices(
                network,
                service,
                pair_of_path,
                more,
                state,
                kept,
                pair,
                bit_rate,
                np.int64(path),
                features[at : at + more.size],
                mask[candidate * view.blocks : (candidate + 1) * view.blocks],
                choice[candidate * view.blocks : (candidate + 1) * view.blocks],
            )
        at += more.size
    allow_to_block(mask, may_block)


@compiled(is_kept=True, nogil=True)
def step_connections(bundle: Any, action: Int64s, task: Int8s) -> Any:
    """Decide the request that waits in each environment, and go on to the next one of its stretch.

    Returns the number of environments whose stretch is over, which show nothing, or -1 where an action is
    none and nothing was done; and the number of environments whose episode has ended now. Called again with
    BEGIN, when they have another stretch, they show its first request.

    bundle: a `bundle.Bundle` of Network; width_row, as for `network_of`; Service; int32[path], the pair;
    View; More; Rules; sample_every; float64[lightpath], overwritten, where requests may be sliced, else None;
    Connections, Tally and Count, with the environment before all other axes; Stretches; Shown. action, task:
    as for `environment_loop.step`; what an environment that does not decide is rewarded with is left as it
    is.
    """
    (
        network,
        width_row,
        service,
        pair_of_path,
        view,
        more,
        rules,
        sample_every,
        kept,
        states,
        tallies,
        counts,
        stretches,
        shown,
    ) = arguments_of(bundle)
    for environment in range(action.shape[0]):
        if not 0 <= action[environment] < shown.mask.shape[1]:
            return np.int64(-1), np.int64(0)
    waiting, ended = np.int64(0), np.int64(0)
    for environment in range(action.shape[0]):
        if task[environment] == REST:
            continue
        state, tally = connections_of(states, environment), tally_of(tallies, environment)
        count, own = count_of(counts, environment), network_of(network, width_row, environment)
        if task[environment] == DECIDE:
            at = stretches.position[environment]
            pair = np.int64(stretches.pair[environment, at])
            bit_rate = np.int64(stretches.bit_rate[environment, at])
            now = state.clock[0]
            connection = begin_connection(state)
            left = service.rate[bit_rate]
            chosen = action[environment]
            plane = np.int64(-1)
            if chosen < stretches.choice.shape[1]:
                plane = np.int64(stretches.choice[environment, chosen, 0])
            path = np.int64(own.first_path[pair] + chosen // view.blocks)
            if plane >= 0:
                start = np.int64(stretches.choice[environment, chosen, 1])
                column = np.int64(stretches.choice[environment, chosen, 2])
                row = set_up(own, service, state, pair, path, plane, start, column, now)
                add_part(state, connection, row, left, True)
                left = np.int64(0)
            elif plane == SLICED:
                left = slice_chosen(
                    own, service, pair_of_path, state, kept, connection, pair, bit_rate, path
                )
            share = 1.0 - left / service.rate[bit_rate]
            shown.reward[environment] = share + (1.0 - share) * rules.blocked_reward
            settle(
                own,
                service,
                state,
                tally,
                count,
                connection,
                pair,
                bit_rate,
                left,
                stretches.holding[environment, at],
                stretches.decision[environment],
                at,
            )
            stretches.position[environment] += 1
            stretches.decided[environment] += 1
        shown.ended[environment] = stretches.decided[environment] == rules.total
        if task[environment] == DECIDE and shown.ended[environment]:
            ended += 1
        at = stretches.position[environment]
        if at > stretches.last[environment]:
            waiting += 1
            continue
        now = stretches.arrival[environment, at]
        arrive(own, service, state, pair_of_path, tally, count, sample_every, now)
        show_connection(
            own,
            service,
            pair_of_path,
            kept,
            view,
            more,
            state,
            np.int64(stretches.pair[environment, at]),
            np.int64(stretches.bit_rate[environment, at]),
            stretches.holding[environment, at],
            rules.may_block,
            shown.features[environment],
            shown.mask[environment],
            stretches.choice[environment],
        )
        if shown.free.shape[1] > 0:
            show_free(view, state, shown.free[environment])
    return waiting, ended
