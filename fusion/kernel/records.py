"""What the loop of connections works on: the service, what is up, its noise, and what is counted."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.arrays import Floats, Int32s, Int64s, Words
from fusion.kernel.assignment import Assignment
from fusion.kernel.impairments import Impairments


class Quality(NamedTuple):
    """What a lightpath needs, and what disturbs it. Sizes of 0 stand for what a model does not have."""

    options: Int32s
    """int32[column, option]: columns of `Network.width`, one for each format, that are tried for a column, in
    order; -1 behind the last."""
    kind: Int32s
    """int32[column]: the kind of carrier: its width and its format's phi."""
    light: Int32s
    """int32[column]: slots that carry light, without guard band."""
    limit: Floats
    """float64[column]: the greatest ratio of noise to signal with which the format works."""
    band: Int32s
    """int32[plane]: place of its band in `own`."""
    first_slot: Int32s
    """int32[plane]: number of the first slot of its band when slots are numbered through all bands."""
    together: Int32s
    """int32[plane, any]: planes whose light is noise here, this one first; -1 behind the last."""
    adjacent: Int32s
    """int32[plane, any]: the same band in adjacent cores; -1 behind the last."""
    spans: Floats
    """float64[link]."""
    own: Floats
    """float64[kind, band, slot]: noise of one span without neighbours, of a lightpath from the slot on."""
    xci: Floats
    """float64[kind, other kind, distance]: what a neighbour adds in one span, by the half slots between the
    centres."""
    cross_row: Int32s
    """int32[kind]: place of its width in `cross`."""
    cross: Floats
    """float64[width, slot, half slot]: the same where it depends on the places, by the first slot and the
    half slot of the neighbour's centre, without its factors; where it is there, xci is not."""
    correction: Floats
    """float64[other kind, other slot, half slot]: what the neighbour's format takes off, by its first slot
    and the half slot of the centre of the lightpath that suffers."""
    cross_scale: Floats
    """float64[kind, other kind]: the factors: noise in W."""
    power: Floats
    """float64[kind]: W."""
    crosstalk: Floats
    """float64[link, cores]: crosstalk where so many adjacent cores carry light in the same slot."""
    file_ratio: Floats
    """float64[path, table, plane, slot]: noise that was not computed here but given."""
    file_rank: NDArray[np.int8]
    """int8[path, table, plane, slot]: the highest rank of a format that works there."""
    file_limit: Floats
    """float64[path, table, plane, slot]: the greatest ratio of noise to signal where a path has its own; of
    size 0 where it is `limit` everywhere."""
    file_table: Int32s
    """int32[column]: its table."""
    file_step: Int32s
    """int32[column]: slots from one entry of the table that counts for a lightpath to the next; the first is
    that of its first slot."""
    rank: Int32s
    """int32[column]: of its format."""
    adds_logs: bool
    """Whether ln(1 + noise / signal) adds and not noise / signal, as where the power of both together is set
    anew on each link; ratios and limits here, and those of `Noise`, are then these logarithms."""
    rechecks: bool
    """Whether lightpaths that are up must go on to work when another comes: those of the same plane."""
    rechecks_bands: bool
    """And those of other bands."""
    rechecks_cores: bool
    """And those of adjacent cores."""


class Lightpaths(Protocol):
    """Lightpaths whose signal quality counts, by row; those that are up are in `noise`."""

    @property
    def path(self) -> Int32s:
        """int32[lightpath]; so are plane, start, and column: of `Network.width`."""

    @property
    def plane(self) -> Int32s:
        """See `path`."""

    @property
    def start(self) -> Int32s:
        """See `path`."""

    @property
    def column(self) -> Int32s:
        """See `path`."""

    @property
    def noise(self) -> Any:
        """See `Noise`."""


class Noise(NamedTuple):
    """What changes. Rows of lightpaths are those of `Lightpaths`."""

    ratio: Floats
    """float64[lightpath]: noise to signal, over its whole path."""
    limit: Floats
    """float64[lightpath]: the greatest ratio with which its format works."""
    member: NDArray[np.uint32]
    """uint32[plane, link, any, 4]: the lightpaths on a link, in any order: row, kind of carrier, first slot,
    and centre in half slots. Slots are numbered through all bands."""
    members: Int32s
    """int32[plane, link]: how many they are."""
    owner: Int32s
    """int32[plane, link, slot]: the lightpath whose light is there, or -1; of size 0 without crosstalk."""
    added: Floats
    """float64[lightpath]: crosstalk that the lightpath at hand adds. 0 between uses."""
    near: Int32s
    """int32[lightpath]: those of which it is not 0."""
    looked_at: Int64s
    found: Floats
    """int64[4], float64[1]: path, plane, start and kind of the carrier whose noise was computed last, and its
    noise; -1 if lightpaths have come or gone since."""
    tried: Int32s
    """int32[plane, 2]: planes and starts that the request at hand has been tried in, on the path at hand."""
    refused: Int64s
    """int64[1]: places for the request at hand that had room and not the quality."""


class Service(NamedTuple):
    """How requests may be served, and what comes of it."""

    slices: Int32s
    """int32[bit rate, option, 2]: a column of `Network.width` of a lower bit rate, and how many lightpaths of
    it carry the request; by bit rate, highest first; behind the last option the number is 0."""
    max_segments: int
    """Lightpaths that a request may be sliced into."""
    grooms: bool
    """Whether requests use what is left of lightpaths between the same nodes."""
    partial: bool
    """Whether a request may be served in part."""
    rate: Int64s
    """int64[column of Network.width]: the bit rate in 1e-6 Gb/s."""
    group: Int32s
    """int32[pair]: pairs with the same number share their lightpaths."""
    route: Int32s
    """int32[path]: paths of a group over the same links have the same number."""
    tiers: Int32s
    """int32[bit rate, option]: columns of the lightpaths that a request may be sliced into, which need not be
    alike, highest bit rate first; -1 behind the last. Of size 0 where all slices of a request are alike."""
    quality: Quality | None
    """The signal quality that lightpaths need; None: any."""
    impairments: Impairments | None = None
    """What a policy knows that looks at impairments; None: another policy."""
    assignment: Assignment | None = None
    """What the spectrum is assigned by; None: by a fit, or by impairments."""


class Count(NamedTuple):
    """What is counted beside `Tally`."""

    number: Int64s
    """int64[6]: requests carried by lightpaths that were there alone; requests carried by several lightpaths;
    requests carried in part; bit rate that these were not given; lightpaths that have ended; blocked requests
    for which there was room, but not the signal quality."""
    use: Floats
    """float64[1]: sum over lightpaths that have ended of the mean share of their bit rate that was in use."""
    noise: Floats
    """float64[1]: sum over lightpaths of noise to signal as they are set up."""


class Connections(NamedTuple):
    """What changes with every request. Rows of ended connections, parts and lightpaths are used again."""

    free: Words
    """uint64[plane, link, word]."""
    usage: Int32s
    """int32[plane, slots + 1]: for each slot the number of links on which it is taken, summed over the slots
    below; of size 0 unless the policy needs it."""
    score: Floats
    order: Int32s
    """float64, int32[candidate]: overwritten where paths are put in order."""
    common: Words
    """uint64[2, candidate]: overwritten where paths are compared: slots that are free on all of a path."""
    spare_on: Int64s
    """int64[route]: zero between requests."""

    path: Int32s
    plane: Int32s
    start: Int32s
    width: Int32s
    """int32[lightpath], guard band included."""
    column: Int32s
    """int32[lightpath]: of `Network.width`."""
    spare: Int64s
    """int64[lightpath]: bit rate that is not in use."""
    users: Int32s
    """int32[lightpath]: parts that it carries."""
    since: Floats
    until: Floats
    """float64[lightpath]: when it was set up; when the last of its users so far ends."""
    carried: Floats
    """float64[lightpath]: bit rate times holding time of all its users."""
    following: Int32s
    preceding: Int32s
    """int32[lightpath]: the next and the last of its group by age, or -1; following also of unused rows."""
    oldest: Int32s
    newest: Int32s
    """int32[group]: lightpath or -1."""

    bucket: Int32s
    """int32[bucket]: first connection of each bucket of the timing wheel, or -1; size a power of two."""
    departure: Floats
    """float64[connection]."""
    pair: Int32s
    bit_rate: Int32s
    """int32[connection]: of its request."""
    first_part: Int32s
    """int32[connection]."""
    next_connection: Int32s
    """int32[connection]: next of the same bucket, or of the unused rows, or -1."""

    part_of: Int32s
    """int32[part]: the lightpath that carries it."""
    part_rate: Int64s
    """int64[part]."""
    part_is_new: NDArray[np.bool_]
    """bool[part]: whether the lightpath was set up for it."""
    next_part: Int32s
    """int32[part]: next of the same connection, or of the unused rows, or -1."""

    cursor: Int64s
    """int64[8]: see CONNECTION ... COUNTDOWN."""
    clock: Floats
    """float64[3]: time of the last arrival; buckets per unit of time; since when is measured."""
    noise: Any  # a Noise or None; the two are compiled apart
    """See `Noise`; None where any signal quality is good."""
    light: Any  # a Light or None, in the same way
    """See `impairments.Light`; None where no policy looks at impairments."""
