"""The arrays of `fusion_full_loop`, and how a lightpath of the original FUSION is set up and taken down.

Spectra hold the lightpath of every slot, as FUSION's do, and not bits: what has signal quality asks which
slots a lightpath fills, and which are its guard band.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusion.kernel import inner
from fusion.kernel.arrays import Floats, Int32s, Int64s

EQUAL, UNEQUAL, CHANNELS, TIERS = 1, 2, 3, 4
"""How requests are sliced: `Rules.slicing`; 0: not at all."""

LIGHTPATH = 0
"""Place in `Live.cursor` of the first unused row or -1, and behind it of the rows ever used."""
PART, RECORD = 2, 4
"""Places in `Live.cursor`: as LIGHTPATH; lightpaths so far, those that were given up left out."""


ON, PLANE, START, WIDTH, FORMAT, CAPACITY, SPARE, USERS, NOTED, AFTER, BEFORE = range(11)
"""Columns of `Live.lightpath`: path, plane, first slot, slots without guard band, format, bit rate, what is
left of it, requests that it carries, its row in `Diary`; the next and the last of its group by age, or -1."""
OF, GBPS, IS_NEW, NEXT = range(4)
"""Columns of `Live.part`: the lightpath, what the request has of it, whether it was set up for the request;
the next part of the same request, or of the unused rows, or -1."""
OLDEST, NEWEST = range(2)
"""Columns of `Live.ends`."""
HOP, ROUTE, ROW = range(3)
"""Columns of `Rules.path`: first hop; the same number for the same links; row of `tries` and `slices`."""
FIRST, GROUP = range(2)
"""Columns of `Rules.pair`: first path; the same number for the same two nodes."""
KM, OF_LONGEST = range(2)
"""Columns of `Rules.cost`: km; km / km of the longest candidate of the pair."""
CORE, BAND, SLOTS = range(3)
"""Columns of `Rules.plane`; band 0 is C."""
NEEDED, CARRIED, PHI = range(3)
"""Columns of `Rules.of_format`: least GSNR, or most crosstalk, in dB; Gb/s of a channel of the fixed grid;
phi."""
LOWEST, EMISSION = range(2)
"""Columns of `Rules.of_plane`: lowest frequency of its band in Hz; spontaneous emission factor."""
(
    K_PATHS,
    GUARD,
    MAX_SEGMENTS,
    SLICING,
    PARTIAL,
    GROOMS,
    FIXED_GRID,
    BY_CONGESTION,
    KIND,
    EGN,
    XT_NOISE,
) = range(11)
"""Places in `Rules.number`. KIND: 0, any signal quality is good; 1, crosstalk; 2, SNR of the C band; 3, GSNR
of one band; 4, of C and L band."""
CROSSTALK = 1
UNSERVED_GBPS, LACKED = 5, 6
"""Further columns of `Diary.outcome`."""
SHOWN, NOISE, IN_USE, UNTIL = range(4)
"""Columns of `Diary.measured`."""
SETUPS, WAITING = range(2)
"""Columns of `Diary.links`."""


class Rules(NamedTuple):
    """What stays the same for a whole run. Bit rates in Gb/s; widths in slots without guard band."""

    pair: Int32s
    """int32[pair + 1, 2]: see FIRST; candidates of pair p are the paths up to the first one of pair p + 1."""
    path: Int32s
    """int32[path + 1, 3]: see HOP."""
    links: Int32s
    """int32[hop]."""
    cost: Floats
    """float64[path, 2]: see KM."""
    link_km: Floats
    tries: Int32s
    """int32[row, bit rate, n, 2]: format and width to try, in order; width 0 behind the last."""
    any_format: Int32s
    """int32[bit rate, n]: all formats of a bit rate by reach, -1 behind the last."""
    rate: Int64s
    """int64[bit rate, 2]: of requests, and whether these are sliced."""
    tier: Int64s
    """int64[tier]: bit rates of the table, descending."""
    slices: Int32s
    """int32[row, tier, n, 2]: as `tries`, for slices of a bit rate."""
    width: Int32s
    """int32[tier, format]: 0 where the table has none."""
    plane: Int32s
    """int32[plane, 3], in order of search: see CORE."""
    number: Int64s
    """int64[11]: see K_PATHS."""
    of_format: Floats
    """float64[format, 3]: see NEEDED."""
    of_plane: Floats
    """float64[plane, 2]: see LOWEST."""
    beside: Int32s
    """int32[core, 6]: neighbours, -1 behind the last."""
    constants: Floats
    """float64[15]: see `fusion_full_quality`."""


class Live(NamedTuple):
    """What changes with every request. Rows of ended lightpaths and parts are used again."""

    owner: Int32s
    """int32[plane, link, slot]: 0, or the row of the lightpath + 1, negative for its guard band."""
    busy: Int64s
    """int64[link]: slots of the C band that are taken, guard bands included."""
    order: Int32s
    score: Floats
    """int32, float64[candidate]: overwritten where paths are put in order."""
    spare_on: Int64s
    """int64[route]: zero between requests."""
    lightpath: Int64s
    """int64[row, 11]: see ON."""
    carried: Floats
    """float64[row]: bit rate times holding time of its users."""
    ends: Int64s
    """int64[group, 2]: the oldest and the newest lightpath of a group, or -1."""
    first_part: Int32s
    """int32[request]: its latest, or -1."""
    part: Int64s
    """int64[row, 4]: see OF."""
    cursor: Int64s
    """int64[5]: see LIGHTPATH ... RECORD."""


class Diary(NamedTuple):
    """What was decided, request by request, and what FUSION's counters are made from."""

    outcome: Int64s
    """int64[request, 7]: lightpaths set up for it; transponders; path or -1; place of the path among the
    candidates as they were tried; 1 if it was groomed as a whole, 2 in part; what FUSION has left over, in
    Gb/s; whether there was room, but not the signal quality."""
    weight: Floats
    """float64[request]: what the path costs."""
    lightpath: Int32s
    """int32[record, 8]: request, path, plane, start, width, format, bit rate, bit rate that the request
    was given of it."""
    measured: Floats
    """float64[record, 4]: signal quality as FUSION writes it; noise to signal; bit rate times holding time of
    its users; when it ended, inf of those that did not."""
    links: Int64s
    """int64[link, 2]: `setups` and `waiting` of `fusion_loop.Ledger`."""


@inner
def take(cursor: Int64s, kind: int, rows: Int64s, following: int) -> Any:
    """Return a row that is not in use. kind: LIGHTPATH or PART; following: the column of `rows`."""
    row = cursor[kind]
    if row >= 0:
        cursor[kind] = rows[row, following]
    else:
        row = cursor[kind + 1]
        cursor[kind + 1] += 1
    return row


@inner
def fill(rules: Rules, live: Live, row: int, value: int, change: int) -> None:
    """Write a lightpath into the spectra of its links, or take it out with value = 0."""
    path, plane, start = (
        live.lightpath[row, ON],
        live.lightpath[row, PLANE],
        live.lightpath[row, START],
    )
    behind = start + live.lightpath[row, WIDTH]
    for hop in range(rules.path[path, HOP], rules.path[path + 1, HOP]):
        slots = live.owner[plane, rules.links[hop]]
        for slot in range(start, behind):
            slots[slot] = value
        for slot in range(behind, behind + rules.number[GUARD]):
            slots[slot] = -value
        if rules.plane[plane, BAND] == 0:
            live.busy[rules.links[hop]] += change * (
                live.lightpath[row, WIDTH] + rules.number[GUARD]
            )


@inner
def raise_lightpath(
    rules: Rules,
    live: Live,
    diary: Diary,
    request: int,
    group: int,
    path: int,
    plane: int,
    start: int,
    width: int,
    form: int,
    capacity: int,
    gbps: int,
) -> Any:
    """Set up a lightpath for a request and return its record."""
    row = take(live.cursor, LIGHTPATH, live.lightpath, AFTER)
    live.lightpath[row, ON] = path
    live.lightpath[row, PLANE] = plane
    live.lightpath[row, START] = start
    live.lightpath[row, WIDTH] = width
    live.lightpath[row, FORMAT] = form
    live.lightpath[row, CAPACITY] = capacity
    live.lightpath[row, SPARE] = capacity
    live.lightpath[row, USERS] = 0
    live.carried[row] = 0.0
    last = live.ends[group, NEWEST]
    live.lightpath[row, BEFORE] = last
    live.lightpath[row, AFTER] = -1
    if last >= 0:
        live.lightpath[last, AFTER] = row
    else:
        live.ends[group, OLDEST] = row
    live.ends[group, NEWEST] = row
    fill(rules, live, row, row + 1, 1)
    for hop in range(rules.path[path, HOP], rules.path[path + 1, HOP]):
        diary.links[rules.links[hop], WAITING] += 1
    record = live.cursor[RECORD]
    live.cursor[RECORD] += 1
    live.lightpath[row, NOTED] = record
    diary.lightpath[record, 0] = request
    diary.lightpath[record, 1] = path
    diary.lightpath[record, 2] = plane
    diary.lightpath[record, 3] = start
    diary.lightpath[record, 4] = width
    diary.lightpath[record, 5] = form
    diary.lightpath[record, 6] = capacity
    diary.lightpath[record, 7] = gbps
    diary.measured[record, UNTIL] = np.inf
    share(live, request, row, gbps, True)
    return record


@inner
def share(live: Live, request: int, row: int, gbps: int, is_new: bool) -> None:
    """Have a lightpath carry some bit rate of a request."""
    part = take(live.cursor, PART, live.part, NEXT)
    live.part[part, OF] = row
    live.part[part, GBPS] = gbps
    live.part[part, IS_NEW] = is_new
    live.part[part, NEXT] = live.first_part[request]
    live.first_part[request] = part
    live.lightpath[row, SPARE] -= gbps
    live.lightpath[row, USERS] += 1


@inner
def take_down(rules: Rules, live: Live, group: int, row: int) -> None:
    """Give back the slots and the row of a lightpath."""
    fill(rules, live, row, 0, -1)
    before, after = live.lightpath[row, BEFORE], live.lightpath[row, AFTER]
    if before >= 0:
        live.lightpath[before, AFTER] = after
    else:
        live.ends[group, OLDEST] = after
    if after >= 0:
        live.lightpath[after, BEFORE] = before
    else:
        live.ends[group, NEWEST] = before
    live.lightpath[row, AFTER] = live.cursor[LIGHTPATH]
    live.cursor[LIGHTPATH] = row


@inner
def leave(rules: Rules, live: Live, group: int, request: int, only_new: bool) -> None:
    """Undo what was tried for a request: all of it, or the lightpaths that were set up for it.

    Lightpaths that are new to it are the latest, so they stand first.
    """
    part = live.first_part[request]
    while part >= 0 and (live.part[part, IS_NEW] or not only_new):
        row = live.part[part, OF]
        live.lightpath[row, SPARE] += live.part[part, GBPS]
        live.lightpath[row, USERS] -= 1
        if live.part[part, IS_NEW]:
            live.cursor[RECORD] -= 1
            take_down(rules, live, group, row)
        following = live.part[part, NEXT]
        live.part[part, NEXT] = live.cursor[PART]
        live.cursor[PART] = part
        part = following
    live.first_part[request] = part


@inner
def depart(
    rules: Rules, live: Live, diary: Diary, group: int, request: int, now: float, holding: float
) -> None:
    """End a request, and the lightpaths that nobody else uses."""
    part = live.first_part[request]
    while part >= 0:
        row = live.part[part, OF]
        live.lightpath[row, SPARE] += live.part[part, GBPS]
        live.carried[row] += live.part[part, GBPS] * holding
        live.lightpath[row, USERS] -= 1
        if live.lightpath[row, USERS] == 0:
            diary.measured[live.lightpath[row, NOTED], UNTIL] = now
            diary.measured[live.lightpath[row, NOTED], 2] = live.carried[row]
            take_down(rules, live, group, row)
        following = live.part[part, NEXT]
        live.part[part, NEXT] = live.cursor[PART]
        live.cursor[PART] = part
        part = following
    live.first_part[request] = -1
