"""Other actions, rewards and observations than those of the loops for learners, around these.

Before a loop decides, `translate` says what an agent's action is among the loop's own, which are candidate
path x block; after it, `show_adapted` writes what the next request looks like. The loops know nothing of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusion.kernel import compiled, inner
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network, Words
from fusion.kernel.block_observation import BlockView, show_more, show_places
from fusion.kernel.bundle import arguments_of
from fusion.kernel.capacity import Capacity, least_loss, loss_of
from fusion.kernel.environment_loop import DECIDE, REST
from fusion.kernel.graph_observation import GraphView, Int16s, show_links, show_path_links
from fusion.kernel.observation import Float32s, Int8s, View, allow_to_block
from fusion.kernel.search import BEST_FIT, EXACT_FIT, LAST_FIT
from fusion.kernel.spectrum import (
    ONE,
    WORD_BITS,
    ZERO,
    best_fit,
    exact_fit,
    last_fit,
    starts_in_word,
    trailing_zeros,
)

BLOCKS, FIRST_BLOCKS, PATHS, SLOTS = range(4)
"""Kinds of actions: path x block, as in the loops; path, and on it the first block; path, and on it what a
fit chooses; path x slot."""

LEAST_LOSS = -1
"""The fit of `capacity.least_loss`."""

BY_SERVICE, BY_BIT_RATE, BY_CAPACITY = range(3)
"""Kinds of rewards: of the loops; in proportion to the bit rate; less the capacity that a placement takes."""


class Adapted(NamedTuple):
    """What is adapted, and how."""

    actions: int
    fit: int
    """How PATHS chooses a place: a code of `search`, or LEAST_LOSS."""
    reward: int
    may_block: int
    weight: Floats
    """float64[bit rate]: over the mean bit rate."""
    most_lost: Floats
    """float64[pair, bit rate]: the most capacity that a lightpath takes in the empty network."""
    most: float
    """The most of `most_lost`."""


class Waiting(NamedTuple):
    """The requests that wait, as they lie in a loop's arrays."""

    pair: Int32s
    bit_rate: Int32s
    arrival: Floats
    holding: Floats
    """[environment, request]."""
    position: Int64s
    """int64[environment]: the request that waits."""
    choice: Int32s
    """int32[environment, path x block, 2 or 3]: see `Episodes` and `Stretches`."""
    width_row: Int32s
    """int32[environment or 1, path]."""
    free: Words
    """uint64[environment, plane, link, word]."""
    features: Float32s
    """float32[environment, number]: what the loop shows."""
    mask: Int8s
    """int8[environment, path x block + 1]."""
    reward: Floats
    """float64[environment]: what the loop rewards with."""


class Adapting(NamedTuple):
    """What is shown instead, and what is remembered while a loop decides."""

    features: Float32s
    links: Float32s
    """float32[environment, link, number] of `graph_observation`; or of size 0."""
    path_links: Int16s
    """int16[environment, candidate, hop]; or of size 0."""
    mask: Int8s
    """int8[environment, action]."""
    reward: Floats
    place: Int32s
    """int32[environment, candidate, 2]: plane and first slot of each action of the kind PATHS; or -1."""
    action: Int64s
    """int64[environment]: what the loop is to do."""
    weight: Floats
    """float64[environment]: what the loop's reward is multiplied by."""
    lost: Floats
    """float64[environment]: what is taken off it."""


@inner
def place_on(
    network: Network,
    capacity: Capacity | None,
    free: Words,
    fit: int,
    path: int,
    plane: int,
    width: int,
) -> Any:
    """Return the first slot that a fit chooses on a path and plane, or -1."""
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    start = np.int64(-1)
    if fit == LAST_FIT:
        start = np.int64(last_fit(free, plane, network.links, hop, end, network.shifts, width))
    elif fit == BEST_FIT:
        start, _ = best_fit(free, plane, network.links, hop, end, network.shifts, width)
    elif fit == EXACT_FIT:
        start, _ = exact_fit(free, plane, network.links, hop, end, network.shifts, width)
    elif capacity is not None:
        start, _ = least_loss(network, capacity, None, free, path, plane, width)
    return start


@inner
def offer_paths(
    network: Network,
    capacity: Capacity | None,
    width_row: Int32s,
    free: Words,
    fit: int,
    pair: int,
    bit_rate: int,
    mask: Int8s,
    place: Int32s,
) -> None:
    """Write which paths have room, and where on each, on the first such plane, the fit places a lightpath."""
    mask[:] = 0
    place[:, :] = -1
    first = np.int64(network.first_path[pair])
    for candidate in range(network.first_path[pair + 1] - first):
        path = np.int64(first + candidate)
        width = np.int64(network.width[width_row[path], bit_rate])
        if width > 0:
            for plane in range(free.shape[0]):
                start = place_on(network, capacity, free, fit, path, np.int64(plane), width)
                if start >= 0:
                    mask[candidate] = 1
                    place[candidate, 0] = plane
                    place[candidate, 1] = start
                    break


@inner
def offer_slots(
    network: Network,
    view: View,
    width_row: Int32s,
    free: Words,
    pair: int,
    bit_rate: int,
    mask: Int8s,
) -> None:
    """Write at which slots of each path the lightpath fits; slots are counted over all planes."""
    mask[:] = 0
    slots = view.offset[view.offset.shape[0] - 1]
    first = np.int64(network.first_path[pair])
    for candidate in range(network.first_path[pair + 1] - first):
        path = first + candidate
        width = np.int64(network.width[width_row[path], bit_rate])
        hop, end = network.first_hop[path], network.first_hop[path + 1]
        if width > 0:
            for plane in range(free.shape[0]):
                at = candidate * slots + view.offset[plane]
                for word in range(free.shape[2]):
                    starts = starts_in_word(
                        free, plane, network.links, hop, end, word, network.shifts, width
                    )
                    while starts != ZERO:
                        mask[at + word * WORD_BITS + trailing_zeros(starts)] = 1
                        starts &= starts - ONE


@inner
def place_of(
    view: View,
    adapted: Adapted,
    waiting: Waiting,
    adapting: Adapting,
    environment: int,
    chosen: int,
) -> Any:
    """Return (candidate, plane, start) of an action that is in the mask and places a lightpath."""
    if adapted.actions == SLOTS:
        slots = view.offset[view.offset.shape[0] - 1]
        candidate, slot = chosen // slots, chosen % slots
        plane = np.int64(0)
        while slot >= view.offset[plane + 1]:
            plane += 1
        return candidate, plane, slot - view.offset[plane]
    if adapted.actions == PATHS:
        place = adapting.place[environment, chosen]
        return chosen, np.int64(place[0]), np.int64(place[1])
    own = chosen if adapted.actions == BLOCKS else chosen * view.blocks
    choice = waiting.choice[environment, own]
    return own // view.blocks, np.int64(choice[0]), np.int64(choice[1])


@inner
def loss_at(
    network: Network,
    adapted: Adapted,
    capacity: Capacity | None,
    waiting: Waiting,
    environment: int,
    pair: int,
    bit_rate: int,
    path: int,
    plane: int,
    start: int,
    column: int,
) -> Any:
    """Return the capacity that a placement takes, of the most that one takes in the empty network."""
    lost = 0.0
    if capacity is not None and adapted.reward == BY_CAPACITY:
        row = min(environment, waiting.width_row.shape[0] - 1)
        width = np.int64(network.width[waiting.width_row[row, path], column])
        free = waiting.free[environment]
        lost = float(loss_of(network, capacity, free, path, plane, start, width))
        lost = min(lost / adapted.most_lost[pair, bit_rate], 1.0)
    return lost


@inner
def show_features(
    network: Network,
    width_row: Int32s,
    view: View,
    more: BlockView | None,
    free: Words,
    pair: int,
    bit_rate: int,
    choice: Int32s,
    shown: Float32s,
    features: Float32s,
) -> None:
    """Do as `show_more` does, or copy where nothing more is shown."""
    if more is None:
        for number in range(features.shape[0]):
            features[number] = shown[number]
    else:
        show_more(network, width_row, view, more, free, pair, bit_rate, choice, shown, features)


@inner
def show_capacity(
    network: Network,
    capacity: Capacity | None,
    width_row: Int32s,
    view: View,
    more: BlockView | None,
    adapted: Adapted,
    free: Words,
    pair: int,
    bit_rate: int,
    choice: Int32s,
    place: Int32s,
    features: Float32s,
) -> None:
    """Do as `show_places` does, where an action is a path and more is shown of it."""
    if capacity is not None and more is not None:
        if adapted.actions == FIRST_BLOCKS:
            place = place[:0]
        if adapted.actions == FIRST_BLOCKS or adapted.actions == PATHS:
            show_places(
                network,
                capacity,
                width_row,
                more,
                adapted.most,
                view.share,
                free,
                pair,
                bit_rate,
                choice,
                place,
                features,
            )


@inner
def show_graph(
    network: Network,
    graph: GraphView | None,
    free: Words,
    pair: int,
    adapting: Adapting,
    environment: int,
) -> None:
    """Write what a graph has of links, where that is shown."""
    if graph is not None:
        show_links(graph, free, adapting.links[environment])
        show_path_links(network, pair, adapting.path_links[environment])


@compiled(is_kept=True, nogil=True)
def translate(bundle: Any, action: Int64s, task: Int8s) -> Any:
    """Write into `Adapting.action` what each action is to the loop; return whether all are actions.

    bundle: a `bundle.Bundle` of Network, View, Adapted, Waiting, Adapting, and Capacity or None. action:
    int64[environment]; one that is not in the mask blocks. task: int8[environment], as for the loops.
    """
    network, view, adapted, waiting, adapting, capacity = arguments_of(bundle)
    last, blocking = adapting.mask.shape[1] - 1, waiting.mask.shape[1] - 1
    for environment in range(action.shape[0]):
        if not 0 <= action[environment] <= last:
            return False
    for environment in range(action.shape[0]):
        adapting.weight[environment], adapting.lost[environment] = 1.0, 0.0
        adapting.action[environment] = blocking
        if task[environment] != DECIDE:
            continue
        at = waiting.position[environment]
        pair = np.int64(waiting.pair[environment, at])
        bit_rate = np.int64(waiting.bit_rate[environment, at])
        if adapted.reward == BY_BIT_RATE:
            adapting.weight[environment] = adapted.weight[bit_rate]
        chosen = action[environment]
        if chosen == last or not adapting.mask[environment, chosen]:
            continue
        candidate, plane, start = place_of(view, adapted, waiting, adapting, environment, chosen)
        own = candidate * view.blocks
        if adapted.actions == BLOCKS:
            own = chosen
        adapting.action[environment] = own
        choice = waiting.choice[environment, own]
        if adapted.actions >= PATHS:
            choice[0] = plane
            choice[1] = start
            if choice.shape[0] > 2:
                choice[2] = bit_rate
        if plane >= 0:
            path = np.int64(network.first_path[pair] + candidate)
            column = np.int64(choice[2]) if choice.shape[0] > 2 else bit_rate
            adapting.lost[environment] = loss_at(
                network,
                adapted,
                capacity,
                waiting,
                environment,
                pair,
                bit_rate,
                path,
                plane,
                start,
                column,
            )
    return True


@compiled(is_kept=True, nogil=True)
def show_adapted(bundle: Any, task: Int8s) -> None:
    """Write what is shown of each environment that a loop has brought to its next request.

    bundle: a `bundle.Bundle` of Network, View, Adapted, Waiting, Adapting, Capacity or None, and BlockView
    and GraphView or None where nothing of theirs is shown. task: int8[environment], as for the loops.
    """
    network, view, adapted, waiting, adapting, capacity, more, graph = arguments_of(bundle)
    for environment in range(task.shape[0]):
        if task[environment] == REST:
            continue
        at = waiting.position[environment]
        pair = np.int64(waiting.pair[environment, at])
        bit_rate = np.int64(waiting.bit_rate[environment, at])
        width_row = waiting.width_row[min(environment, waiting.width_row.shape[0] - 1)]
        free, mask = waiting.free[environment], adapting.mask[environment]
        reward = waiting.reward[environment] * adapting.weight[environment]
        adapting.reward[environment] = reward - adapting.lost[environment]
        if adapted.actions == BLOCKS:
            for each in range(mask.shape[0]):
                mask[each] = waiting.mask[environment, each]
        elif adapted.actions == FIRST_BLOCKS:
            for candidate in range(view.candidates):
                mask[candidate] = waiting.mask[environment, candidate * view.blocks]
        elif adapted.actions == PATHS:
            place = adapting.place[environment]
            offer_paths(
                network, capacity, width_row, free, adapted.fit, pair, bit_rate, mask, place
            )
        else:
            offer_slots(network, view, width_row, free, pair, bit_rate, mask)
        if adapted.actions != BLOCKS:
            allow_to_block(mask, adapted.may_block)
        show_features(
            network,
            width_row,
            view,
            more,
            free,
            pair,
            bit_rate,
            waiting.choice[environment],
            waiting.features[environment],
            adapting.features[environment],
        )
        show_capacity(
            network,
            capacity,
            width_row,
            view,
            more,
            adapted,
            free,
            pair,
            bit_rate,
            waiting.choice[environment],
            adapting.place[environment],
            adapting.features[environment],
        )
        show_graph(network, graph, free, pair, adapting, environment)


@compiled(is_kept=True, nogil=True)
def count_most_lost(
    network: Network, capacity: Capacity, slots: Int64s, columns: int, most: Floats
) -> None:
    """Set float64[pair, bit rate] to the most capacity a lightpath takes in the empty network; at least 1.

    That is in the middle of a plane, as the capacity of a run is convex in its length. slots: int64[plane].
    """
    for pair in range(most.shape[0]):
        for column in range(columns):
            most[pair, column] = 1.0
            for path in range(network.first_path[pair], network.first_path[pair + 1]):
                width = np.int64(network.width[network.width_row[path], column])
                for plane in range(slots.shape[0]):
                    if 0 < width <= slots[plane]:
                        lost = loss_of(
                            network,
                            capacity,
                            network.spectrum,
                            np.int64(path),
                            np.int64(plane),
                            np.int64((slots[plane] - width) // 2),
                            width,
                        )
                        most[pair, column] = max(most[pair, column], float(lost))
