"""The event loop for learners: it stops at each request, shows the network, and does what it is told.

Many environments go one request further in one call. Each has a row in the arrays, and no two have anything
in common but the network. What a request finds, takes and counts is what it does in `event_loop.serve`; that
loop has all of it in one function for its speed, so the parts are written again here, and the tests compare
the two request by request.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import INSIDE, compiled, inner
from fusion.kernel.arrays import Floats, Int32s, Int64s, Network, Tally, Words
from fusion.kernel.bundle import arguments_of
from fusion.kernel.cache_lines import LINE, fetch
from fusion.kernel.event_loop import sample_links
from fusion.kernel.observation import Float32s, Int8s, show, show_free
from fusion.kernel.spectrum import toggle

Flags = NDArray[np.bool_]

DECIDE, BEGIN, REST = range(3)
"""What an environment does in a call: take an action, show its first request, nothing."""

FEW = 16
"""As many environments stay in the near cache."""

_OF_PLACE = {
    "position": np.int64,  # of the request that waits for a decision
    "last": np.int64,  # position of the last request that is drawn
    "decided": np.int64,  # requests of the episode that have been decided
    "unused": np.int64,  # first unused row of lightpaths or -1
    "rows": np.int64,  # rows of lightpaths ever used
    "reached": np.int64,  # bucket reached
    "countdown": np.int64,  # requests until the next sample of the links
    "now": np.float64,  # time of the last arrival
    "counted": np.int64,  # position of the first request that is not in the tally
    "began": np.float64,  # when measuring began
    "ended": np.float64,  # and ended
}
PLACE = np.dtype({"names": [*_OF_PLACE], "formats": [*_OF_PLACE.values()], "itemsize": 2 * LINE})
"""Where an environment is: what most requests change comes first, in one line of the cache."""

LIGHTPATH = np.dtype(
    [
        ("departure", np.float64),  # an unused row holds a time that has passed
        ("following", np.int32),  # next row of the same bucket, or of the unused ones, or -1
        ("path", np.int32),
        ("plane", np.int32),
        ("start", np.int32),
        ("width", np.int32),  # guard band included
        ("bit_rate", np.int32),
    ]
)

REQUEST = np.dtype(
    [
        ("arrival", np.float64),
        ("holding", np.float64),
        ("pair", np.int32),
        ("bit_rate", np.int32),
        ("path", np.int32),  # what was decided: the path, or -1 where the request is blocked
        ("plane", np.int32),
    ]
)


class Rules(NamedTuple):
    """What is the same for all environments and episodes."""

    warmup: int
    """Requests at the start of an episode that are not measured."""
    total: int
    """Requests of an episode, those of the warm-up included."""
    sample_every: int
    first_sample: int
    """Measured requests until the first sample of the links."""
    blocked_reward: float
    may_block: int
    """Whether the action that blocks is in the mask where there is another."""
    buckets_per_time: float
    """Buckets of the timing wheel per unit of time."""


class Environments(NamedTuple):
    """What changes with every request, of each environment: little, and together.

    A thousand environments take turns in the cache of the processor, so an array for each number, as in
    `arrays.State`, would take a line of it for each of them.
    """

    free: Words
    """uint64[environment, plane, link, word]."""
    bucket: Int32s
    """int32[environment, bucket]: first lightpath of each bucket of the timing wheel, or -1."""
    lightpath: Any
    """LIGHTPATH[environment, row]."""
    request: Any
    """REQUEST[environment, request]: those from the one that waits to the last one are to come."""
    place: Any
    """PLACE[environment]."""
    choice: Int32s
    """int32[environment, action, 2]: plane and first slot of each action that places a lightpath; or -1."""
    remaining: Floats
    """float64[path], overwritten."""


class Spectrum(NamedTuple):
    """The spectrum of one environment."""

    free: Words
    """uint64[plane, link, word]."""


class Shown(NamedTuple):
    """What a call says of each environment."""

    features: Float32s
    """float32[environment, feature]."""
    free: Int8s
    """int8[environment, link, slot over all planes], 1 = free; or of size 0."""
    mask: Int8s
    """int8[environment, action], 1 = can be done; the last action blocks the request."""
    reward: Floats
    """float64[environment]."""
    ended: Flags
    """bool[environment]."""


@compiled(**INSIDE)
def release(
    network: Network,
    free: Words,
    bucket: Int32s,
    lightpaths: Any,
    place: Any,
    buckets_per_time: float,
    now: float,
) -> None:
    """Release what has ended by `now`, which becomes the time."""
    mask = bucket.shape[0] - 1
    present = np.int64(now * buckets_per_time)
    reached, unused = place.reached, place.unused
    while reached <= present:
        slot = reached & mask
        row = bucket[slot]
        if row >= 0:
            kept = np.int32(-1)
            while row >= 0:
                one = lightpaths[row]
                following = one.following
                if one.departure <= now:
                    hop, end = network.first_hop[one.path], network.first_hop[one.path + 1]
                    plane, start = np.int64(one.plane), np.int64(one.start)
                    toggle(free, plane, network.links, hop, end, start, one.width)
                    one.following = unused
                    unused = np.int64(row)
                else:
                    one.following = kept
                    kept = row
                row = following
            bucket[slot] = kept
        reached += 1
    place.unused = unused
    place.reached = present
    place.now = now


@compiled(**INSIDE)
def set_up(
    network: Network,
    free: Words,
    bucket: Int32s,
    lightpaths: Any,
    place: Any,
    buckets_per_time: float,
    holding: float,
    bit_rate: int,
    path: int,
    plane: int,
    start: int,
) -> None:
    """Set up a lightpath now, on slots that are free."""
    width = network.width[network.width_row[path], bit_rate]
    hop, end = network.first_hop[path], network.first_hop[path + 1]
    toggle(free, plane, network.links, hop, end, start, width)
    row = place.unused
    if row >= 0:
        place.unused = np.int64(lightpaths[row].following)
    else:
        row = place.rows
        place.rows = row + 1
    departure = place.now + holding
    slot = np.int64(departure * buckets_per_time) & (bucket.shape[0] - 1)
    one = lightpaths[row]
    one.departure = departure
    one.following = bucket[slot]
    one.path = path
    one.plane = plane
    one.start = start
    one.width = width
    one.bit_rate = bit_rate
    bucket[slot] = row


@inner
def count_decided(network: Network, tally: Tally, requests: Any, first: int, end: int) -> None:
    """Count requests that have been decided, in their order.

    Not one by one as they are decided, as the counters of each environment lie far apart.
    """
    for position in range(first, end):
        request = requests[position]
        pair, bit_rate, path = request.pair, request.bit_rate, request.path
        tally.offered_by_pair[pair] += 1
        tally.offered_by_bit_rate[bit_rate] += 1
        if path >= 0:
            row = network.width_row[path]
            tally.served_by_path[path] += 1
            tally.served_by_row[row, bit_rate] += 1
            tally.served_by_plane[request.plane] += 1
            tally.busy_by_path[path] += network.width[row, bit_rate] * request.holding
        else:
            block(network, tally, pair, bit_rate)


@inner
def block(network: Network, tally: Tally, pair: int, bit_rate: int) -> None:
    """Count a request that is not served."""
    tally.blocked_by_pair[pair] += 1
    tally.blocked_by_bit_rate[bit_rate] += 1
    reachable = False
    for candidate in range(network.first_path[pair], network.first_path[pair + 1]):
        if network.width[network.width_row[candidate], bit_rate] > 0:
            reachable = True
    if not reachable:
        tally.events[0] += 1


@inner
def busy_from_now(lightpaths: Any, rows: int, now: float, busy: Floats) -> None:
    """Set float64[path] to what `arrays.busy_from_now` returns, added up in the same order."""
    busy[:] = 0.0
    for row in range(rows):
        one = lightpaths[row]
        busy[one.path] += one.width * max(one.departure - now, 0.0)


@inner
def begin_measuring(lightpaths: Any, place: Any, tally: Tally, first_sample: int) -> None:
    """Count from now on, and of the lightpaths that are up what is still to come."""
    tally.offered_by_pair[:] = 0
    tally.offered_by_bit_rate[:] = 0
    tally.blocked_by_pair[:] = 0
    tally.blocked_by_bit_rate[:] = 0
    tally.served_by_path[:] = 0
    tally.served_by_row[:, :] = 0
    tally.served_by_plane[:] = 0
    tally.sampled[:, :] = 0.0
    tally.events[:] = 0
    busy_from_now(lightpaths, place.rows, place.now, tally.busy_by_path)
    place.counted = place.position
    place.countdown = first_sample
    place.began = place.now


@inner
def end_measuring(
    network: Network, lightpaths: Any, requests: Any, place: Any, tally: Tally, remaining: Floats
) -> None:
    """Count what has been decided, and of the lightpaths that are up nothing of what is still to come."""
    count_decided(network, tally, requests, place.counted, place.position)
    place.counted = place.position
    busy_from_now(lightpaths, place.rows, place.now, remaining)
    for path in range(remaining.shape[0]):
        tally.busy_by_path[path] -= remaining[path]
    place.ended = place.now


@inner
def tally_of(tallies: Tally, environment: int) -> Any:
    """Return the row of an environment."""
    return Tally(
        tallies.offered_by_pair[environment],
        tallies.offered_by_bit_rate[environment],
        tallies.blocked_by_pair[environment],
        tallies.blocked_by_bit_rate[environment],
        tallies.served_by_path[environment],
        tallies.served_by_row[environment],
        tallies.served_by_plane[environment],
        tallies.busy_by_path[environment],
        tallies.sampled[environment],
        tallies.events[environment],
    )


@compiled(**INSIDE)
def fetch_soon(
    environments: Environments, shown: Shown, environment: int, buckets_per_time: float
) -> None:
    """Have ready what the next environments need, one after the other what depends on another.

    Of a thousand environments little is still in the near cache of when they had their last turn.
    """
    count = environments.place.shape[0]
    buckets, rows = environments.bucket.shape[1], environments.lightpath.shape[1]
    soon = environment + 4
    if soon < count:
        fetch(environments.place, soon)
        words, features = environments.free.size // count, shown.features.shape[1]
        for word in range(0, words, 8):
            fetch(environments.free, soon * words + word)
        for feature in range(0, features, 16):
            fetch(shown.features, soon * features + feature)
        fetch(environments.choice, soon * (environments.choice.size // count))
    soon = environment + 3
    if soon < count:
        place = environments.place[soon]
        position = soon * environments.request.shape[1] + place.position
        fetch(environments.request, position)
        fetch(environments.request, min(position + 1, environments.request.size - 1))
        fetch(environments.bucket, soon * buckets + (place.reached & (buckets - 1)))
    soon = environment + 2
    if soon < count:
        place = environments.place[soon]
        if place.unused >= 0:
            fetch(environments.lightpath, soon * rows + place.unused)
        departure = place.now + environments.request[soon, place.position].holding
        slot = np.int64(departure * buckets_per_time) & (buckets - 1)
        fetch(environments.bucket, soon * buckets + slot)
        for ahead in range(3):
            row = environments.bucket[soon, (place.reached + ahead) & (buckets - 1)]
            if row >= 0:
                fetch(environments.lightpath, soon * rows + row)


@compiled(is_kept=True, nogil=True)
def step(bundle: Any, action: Int64s, task: Int8s) -> Any:
    """Decide the request that waits in each environment, and go on to the next one.

    Returns the number of environments for which no request is drawn after the one that waits now, or -1 where
    an action is none and nothing was done; and the number of environments whose episode has ended now.

    bundle: a `bundle.Bundle` of Network, View, Rules, Environments, Tally and Shown; Tally has the
    environment before all other axes, and Shown is overwritten. action: int64[environment], candidate path x
    blocks + block, or the last one, which blocks; one that is not in the mask blocks, too. task:
    int8[environment], DECIDE, BEGIN or REST. For an environment that decides, the request after the one that
    waits must be drawn. What is decided is in the tally when there is no request after the one that waits,
    and when the episode ends.
    """
    network, view, rules, environments, tallies, shown = arguments_of(bundle)
    blocks = view.blocks
    for environment in range(action.shape[0]):
        if not 0 <= action[environment] < shown.mask.shape[1]:
            return np.int64(-1), np.int64(0)
    waiting, ended = np.int64(0), np.int64(0)
    for environment in range(action.shape[0]):
        if action.shape[0] > FEW:
            fetch_soon(environments, shown, environment, rules.buckets_per_time)
        if task[environment] == REST:
            continue
        place, requests = environments.place[environment], environments.request[environment]
        lightpaths, bucket = environments.lightpath[environment], environments.bucket[environment]
        free = environments.free[environment]
        shown.reward[environment] = 0.0
        shown.ended[environment] = False
        if task[environment] == DECIDE:
            request = requests[place.position]
            chosen = action[environment]
            plane, path = np.int64(-1), np.int64(-1)
            if chosen < environments.choice.shape[1]:
                plane = np.int64(environments.choice[environment, chosen, 0])
            if plane >= 0:
                path = network.first_path[request.pair] + chosen // blocks
                set_up(
                    network,
                    free,
                    bucket,
                    lightpaths,
                    place,
                    rules.buckets_per_time,
                    request.holding,
                    request.bit_rate,
                    path,
                    plane,
                    np.int64(environments.choice[environment, chosen, 1]),
                )
                shown.reward[environment] = 1.0
            else:
                shown.reward[environment] = rules.blocked_reward
            request.path = path
            request.plane = plane
            place.position += 1
            place.decided += 1
        decided, at = place.decided, place.position
        if decided == rules.warmup:
            tally = tally_of(tallies, environment)
            begin_measuring(lightpaths, place, tally, rules.first_sample)
        if decided == rules.total:
            tally = tally_of(tallies, environment)
            end_measuring(network, lightpaths, requests, place, tally, environments.remaining)
            shown.ended[environment] = True
            ended += 1
        if at == place.last:
            count_decided(network, tally_of(tallies, environment), requests, place.counted, at)
            place.counted = at
            waiting += 1

        request = requests[at]
        release(network, free, bucket, lightpaths, place, rules.buckets_per_time, request.arrival)
        if decided < rules.total:
            place.countdown -= 1
            if place.countdown <= 0:
                sample_links(network, free, tally_of(tallies, environment))
                place.countdown = rules.sample_every
        show(
            network,
            view,
            Spectrum(free),
            np.int64(request.pair),
            np.int64(request.bit_rate),
            request.holding,
            rules.may_block,
            shown.features[environment],
            shown.mask[environment],
            environments.choice[environment],
        )
        if shown.free.shape[1] > 0:
            show_free(view, Spectrum(free), shown.free[environment])
    return waiting, ended
