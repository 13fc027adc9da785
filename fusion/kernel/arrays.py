"""The arrays that the event loop reads and changes, and how they are made."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.link_samples import SAMPLED
from fusion.kernel.spectrum import WORD_BITS, shift_table

Words = NDArray[np.uint64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Floats = NDArray[np.float64]


class Network(NamedTuple):
    """What stays the same for a whole run: candidate paths, widths and the spectrum of an empty network."""

    first_path: Int32s
    """int32[pair + 1]: candidates of pair p are first_path[p] ... first_path[p + 1] - 1, in order."""
    first_hop: Int32s
    """int32[path + 1]: hops of path q are links[first_hop[q]:first_hop[q + 1]]."""
    links: Int32s
    """int32[hop]: the link whose spectrum the hop uses."""
    width_row: Int32s
    """int32[path]: the row of `width` that holds for the path; paths within the same reaches share one."""
    width: Int32s
    """int32[row, bit rate]: slots, guard band included; 0 where no modulation format reaches, below 0
    where a link is down."""
    shifts: Words
    """uint64[width, step]: see `spectrum.shift_table`."""
    path_cost: Floats
    """float64[path]: added to the score of the path when paths are ranked, see `routing`."""
    spectrum: Words
    """uint64[plane, link, word]: the free slots of an empty network; planes in order of search."""
    path_of_hop: Int32s
    """int32[hop]: the path that the hop belongs to."""


class State(NamedTuple):
    """What changes with every request. A lightpath is a row number of the arrays [lightpath]."""

    free: Words
    """uint64[plane, link, word]."""
    usage: Int32s
    """int32[plane, slots + 1]: for each slot the number of links on which it is taken, summed over the slots
    below; of size 0 unless the policy needs it."""
    bucket: Int32s
    """int32[bucket]: first lightpath of each bucket of the timing wheel, or -1; size a power of two."""
    following: Int32s
    """int32[lightpath]: next lightpath of the same bucket, or of the list of unused rows, or -1."""
    departure: Floats
    """float64[lightpath]: when it ends. An unused row holds a time that has passed."""
    path: Int32s
    plane: Int32s
    start: Int32s
    width: Int32s
    """int32[lightpath], guard band included."""
    cursor: Int64s
    """int64[4]: first unused row or -1; rows ever used; bucket reached; requests until the next sample."""
    clock: Floats
    """float64[2]: time of the last arrival; buckets per unit of time."""
    bit_rate: Int32s
    """int32[lightpath]: of its request."""
    score: Floats
    """float64[candidate]: overwritten when paths are ranked; as many as the pair with most paths has."""
    common: Words
    """uint64[2, candidate]: overwritten when paths are compared: slots that are free on all of a path."""


class Tally(NamedTuple):
    """What is counted. All of it adds up over requests."""

    offered_by_pair: Int64s
    offered_by_bit_rate: Int64s
    blocked_by_pair: Int64s
    blocked_by_bit_rate: Int64s
    served_by_path: Int64s
    served_by_row: Int64s
    """int64[row, bit rate]: served requests by row of `Network.width`."""
    served_by_plane: Int64s
    busy_by_path: Floats
    """float64[path]: width times holding time of the lightpaths set up on the path."""
    sampled: Floats
    """float64[statistic, link]: sum over samples of each of `SAMPLED`, mean over planes."""
    events: Int64s
    """int64[2]: requests blocked because no candidate path is within reach; samples of the links."""


def make_network(
    first_path: Int32s,
    first_hop: Int32s,
    links: Int32s,
    width_row: Int64s,
    width: Int32s,
    n_links: int,
    slots_by_plane: list[int],
    path_cost: Floats | None = None,
) -> Network:
    """Return the network in the form that the event loop reads.

    first_path, first_hop, links, width_row, width, path_cost: as in `Network`; no path_cost is 0. n_links:
    number of spectra. slots_by_plane: slots of each plane, in order of search.
    """
    words = max(1, -(-max(slots_by_plane) // WORD_BITS))
    slots = np.arange(words * WORD_BITS)
    bits = np.left_shift(np.uint64(1), (slots % WORD_BITS).astype(np.uint64))
    spectrum = np.empty((len(slots_by_plane), n_links, words), dtype=np.uint64)
    for plane, count in enumerate(slots_by_plane):
        masked = np.where(slots < count, bits, np.uint64(0)).reshape(words, WORD_BITS)
        spectrum[plane] = np.bitwise_or.reduce(masked, axis=1)
    return Network(
        first_path=np.ascontiguousarray(first_path, dtype=np.int32),
        first_hop=np.ascontiguousarray(first_hop, dtype=np.int32),
        links=np.ascontiguousarray(links, dtype=np.int32),
        width_row=np.ascontiguousarray(width_row, dtype=np.int32),
        width=np.ascontiguousarray(width, dtype=np.int32),
        shifts=shift_table(int(width.max(initial=1))),
        path_cost=np.zeros(len(first_hop) - 1) if path_cost is None else path_cost,
        spectrum=spectrum,
        path_of_hop=np.repeat(np.arange(len(first_hop) - 1, dtype=np.int32), np.diff(first_hop)),
    )


def new_state(
    network: Network, load: float, mean_holding_time: float, *, keep_usage: bool
) -> State:
    """Return the state of an empty network at time 0.

    load: Erlang. keep_usage: whether the policy reads `State.usage`.
    """
    planes, _, words = network.spectrum.shape
    # A lightpath holds at least one slot of one link, so there are never more. The operating system gives
    # memory only to rows that are used, and freed rows are used again first.
    rows = max(1, int(np.bitwise_count(network.spectrum).sum()))
    # One bucket per mean inter-arrival time and eight mean holding times round the wheel: one exponential
    # holding time in 3,000 goes round more than once.
    buckets = 1 << max(6, min(20, int(np.ceil(np.log2(8.0 * load + 1.0)))))
    candidates = int(np.diff(network.first_path).max(initial=1))
    return State(
        free=network.spectrum.copy(),
        usage=np.zeros((planes, words * WORD_BITS + 1) if keep_usage else (1, 0), dtype=np.int32),
        bucket=np.full(buckets, -1, dtype=np.int32),
        following=np.empty(rows, dtype=np.int32),
        departure=np.empty(rows, dtype=np.float64),
        path=np.empty(rows, dtype=np.int32),
        plane=np.empty(rows, dtype=np.int32),
        start=np.empty(rows, dtype=np.int32),
        width=np.empty(rows, dtype=np.int32),
        cursor=np.array([-1, 0, 0, 0], dtype=np.int64),
        clock=np.array([0.0, load / mean_holding_time]),
        bit_rate=np.empty(rows, dtype=np.int32),
        score=np.empty(candidates),
        common=np.empty((2, candidates), dtype=np.uint64),
    )


def make_empty(network: Network, state: State) -> None:
    """Make a state again what `new_state` returned."""
    state.free[:] = network.spectrum
    state.usage[:] = 0
    state.bucket[:] = -1
    state.cursor[:] = (-1, 0, 0, 0)
    state.clock[0] = 0.0


def new_tally(network: Network) -> Tally:
    """Return counters that are all zero."""
    rows, bit_rates = network.width.shape
    pairs, paths = len(network.first_path) - 1, len(network.first_hop) - 1
    planes, links, _ = network.spectrum.shape

    def zeros(*shape: int) -> Int64s:
        return np.zeros(shape, dtype=np.int64)

    return Tally(
        offered_by_pair=zeros(pairs),
        offered_by_bit_rate=zeros(bit_rates),
        blocked_by_pair=zeros(pairs),
        blocked_by_bit_rate=zeros(bit_rates),
        served_by_path=zeros(paths),
        served_by_row=zeros(rows, bit_rates),
        served_by_plane=zeros(planes),
        busy_by_path=np.zeros(paths),
        sampled=np.zeros((len(SAMPLED), links)),
        events=zeros(2),
    )


def busy_from_now(network: Network, state: State) -> Floats:
    """Return float64[path]: width times remaining holding time of the lightpaths that are up."""
    rows = int(state.cursor[1])
    remaining = np.maximum(state.departure[:rows] - state.clock[0], 0.0)
    paths = len(network.first_hop) - 1
    busy = state.width[:rows] * remaining
    return np.bincount(state.path[:rows], busy, minlength=paths).astype(np.float64)
