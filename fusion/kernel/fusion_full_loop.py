"""The event loop for whatever else of the original FUSION than one lightpath per request and equal slices.

Paths by congestion, several formats to a path, slices of unlike bit rates, lightpaths that are shared, and
signal quality. It follows FUSION step by step; where `event_loop` or `fusion_loop` do the same, they are much
faster.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.kernel import compiled, inner
from fusion.kernel.arrays import Floats, Int32s, Int64s, Tally
from fusion.kernel.fusion_full import (
    AFTER,
    BAND,
    BY_CONGESTION,
    CARRIED,
    CHANNELS,
    EQUAL,
    FIRST,
    FIXED_GRID,
    GROOMS,
    GROUP,
    GUARD,
    HOP,
    IS_NEW,
    K_PATHS,
    KIND,
    KM,
    LACKED,
    MAX_SEGMENTS,
    NEEDED,
    NEXT,
    NOTED,
    OF,
    OF_LONGEST,
    OLDEST,
    ON,
    PARTIAL,
    RECORD,
    ROUTE,
    ROW,
    SETUPS,
    SLICING,
    SLOTS,
    SPARE,
    UNEQUAL,
    UNSERVED_GBPS,
    WAITING,
    XT_NOISE,
    Diary,
    Live,
    Rules,
    depart,
    leave,
    raise_lightpath,
    share,
)
from fusion.kernel.fusion_full_quality import (
    POWER,
    SPAN_M,
    XT_PER_M,
    in_db,
    is_good,
    noise_to_signal,
)
from fusion.kernel.link_samples import values_of_plane


@inner
def mean_of_links(values: Floats, count: int) -> Any:
    """Return the mean as numpy computes it: from eight values on, eight sums side by side."""
    total = 0.0
    if count < 8:
        for i in range(count):
            total += values[i]
        return total / count
    whole = count - count % 8
    r0, r1, r2, r3 = values[0], values[1], values[2], values[3]
    r4, r5, r6, r7 = values[4], values[5], values[6], values[7]
    for i in range(8, whole, 8):
        r0 += values[i]
        r1 += values[i + 1]
        r2 += values[i + 2]
        r3 += values[i + 3]
        r4 += values[i + 4]
        r5 += values[i + 5]
        r6 += values[i + 6]
        r7 += values[i + 7]
    total = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(whole, count):
        total += values[i]
    return total / count


@inner
def put_in_order(rules: Rules, live: Live, pair: int, shares: Floats) -> Any:
    """Write the candidates of a pair into `live.order` as they are to be tried, and return how many."""
    first = rules.pair[pair, FIRST]
    count = rules.pair[pair + 1, FIRST] - first
    slots = 0
    for plane in range(rules.plane.shape[0]):
        if rules.plane[plane, BAND] == 0:
            slots += rules.plane[plane, SLOTS]
    for place in range(count):
        path = first + place
        live.order[place] = path
        live.score[place] = rules.cost[path, KM]
        if rules.number[BY_CONGESTION] == 0:
            continue
        hops = 0
        for hop in range(rules.path[path, HOP], rules.path[path + 1, HOP]):
            shares[hops] = live.busy[rules.links[hop]] / slots
            hops += 1
        cost = 0.3 * mean_of_links(shares, hops) + (1.0 - 0.3) * rules.cost[path, OF_LONGEST]
        at = place
        while at > 0 and live.score[at - 1] > cost:
            live.score[at] = live.score[at - 1]
            live.order[at] = live.order[at - 1]
            at -= 1
        live.score[at] = cost
        live.order[at] = path
    return count


@inner
def first_start(rules: Rules, live: Live, plane: int, path: int, width: int) -> Any:
    """Return the lowest slot from which `width` slots are free on all links of a path, or -1."""
    start = 0
    while start + width <= rules.plane[plane, SLOTS]:
        taken = -1
        for hop in range(rules.path[path, HOP], rules.path[path + 1, HOP]):
            slots = live.owner[plane, rules.links[hop]]
            for slot in range(start + width - 1, start - 1, -1):
                if slots[slot] != 0:
                    taken = slot
                    break
            if taken >= 0:
                break
        if taken < 0:
            return start
        start = taken + 1
    return -1


@inner
def find(rules: Rules, live: Live, path: int, width: int) -> Any:
    """Return plane and first slot of the first place with room, (-1, -1) if there is none."""
    for plane in range(rules.plane.shape[0]):
        start = first_start(rules, live, plane, path, width + rules.number[GUARD])
        if start >= 0:
            return np.int64(plane), np.int64(start)
    return np.int64(-1), np.int64(-1)


@inner
def has_block(rules: Rules, live: Live, path: int, width: int) -> bool:
    """Say whether the first link of a path has a free block that is large enough."""
    link = rules.links[rules.path[path, HOP]]
    for plane in range(rules.plane.shape[0]):
        free = 0
        for slot in range(rules.plane[plane, SLOTS]):
            free = free + 1 if live.owner[plane, link, slot] == 0 else 0
            if free == width + rules.number[GUARD]:
                return True
    return False


@inner
def raise_measured(
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
    noise: float,
) -> None:
    """Set up a lightpath and note its signal quality."""
    record = raise_lightpath(
        rules, live, diary, request, group, path, plane, start, width, form, capacity, gbps
    )
    shown = 0.0
    if rules.number[KIND] == 1:
        shown = 10.0 * np.log10(noise) if noise > 0.0 else 0.0
    elif rules.number[KIND] == 2:
        # FUSION writes the power of the crosstalk that it reckons with.
        if rules.number[XT_NOISE] > 0:
            c = rules.constants
            shown = -100.0 * c[XT_PER_M] * c[SPAN_M] * c[POWER]
    elif rules.number[KIND] > 2:
        shown = in_db(noise)
    diary.measured[record, 0] = shown
    diary.measured[record, 1] = noise
    diary.measured[record, 2] = 0.0


@inner
def alone(
    rules: Rules,
    live: Live,
    diary: Diary,
    request: int,
    group: int,
    path: int,
    bit_rate: int,
    rest: int,
    in_part: bool,
) -> bool:
    """Serve a request, or `rest` of it where the other part is groomed, by one lightpath."""
    total = rules.rate[bit_rate, 0]
    row = rules.path[path, ROW]
    tier = rules.tier.shape[0] - 1
    while in_part and tier >= 0 and rules.tier[tier] < rest:
        tier -= 1
    count = rules.any_format.shape[1] if in_part else rules.tries.shape[2]
    for number in range(count):
        if in_part:
            form = np.int64(rules.any_format[bit_rate, number])
            if form < 0 or (tier < 0 and rules.number[FIXED_GRID] == 0):
                break
            width = (
                np.int64(1) if rules.number[FIXED_GRID] > 0 else np.int64(rules.width[tier, form])
            )
        else:
            form = np.int64(rules.tries[row, bit_rate, number, 0])
            width = np.int64(rules.tries[row, bit_rate, number, 1])
        if width == 0:
            break
        plane, start = find(rules, live, path, width)
        if plane < 0:
            continue
        noise = noise_to_signal(rules, live, path, plane, start, width, form)
        is_narrow = rules.number[KIND] > 2 and rules.number[FIXED_GRID] > 0
        is_narrow = is_narrow and rules.of_format[form, CARRIED] < total
        if is_narrow or not is_good(rules, noise, form):
            diary.outcome[request, LACKED] = 1
            continue
        raise_measured(
            rules,
            live,
            diary,
            request,
            group,
            path,
            plane,
            start,
            width,
            form,
            total,
            rest,
            noise,
        )
        return True
    return False


@inner
def one_slice(
    rules: Rules, live: Live, diary: Diary, request: int, group: int, path: int, tier: int
) -> bool:
    """Set up a lightpath of a bit rate in the first format with room that is good."""
    gbps = rules.tier[tier]
    for number in range(rules.slices.shape[2]):
        form = np.int64(rules.slices[rules.path[path, ROW], tier, number, 0])
        width = np.int64(rules.slices[rules.path[path, ROW], tier, number, 1])
        if width == 0:
            break
        plane, start = find(rules, live, path, width)
        if plane < 0:
            continue
        noise = noise_to_signal(rules, live, path, plane, start, width, form)
        if not is_good(rules, noise, form):
            diary.outcome[request, LACKED] = 1
            continue
        raise_measured(
            rules, live, diary, request, group, path, plane, start, width, form, gbps, gbps, noise
        )
        return True
    return False


@inner
def equal_slices(
    rules: Rules,
    live: Live,
    diary: Diary,
    request: int,
    group: int,
    path: int,
    total: int,
    may_be_partial: bool,
) -> Any:
    """Serve a request by lightpaths of one lower bit rate, and return (how many FUSION counts, rest).

    (0, rest) where it cannot be; rest: -1 unless slices were given up or are missing.
    """
    rest = -1
    for tier in range(rules.tier.shape[0]):
        gbps = rules.tier[tier]
        if gbps >= total or rules.slices[rules.path[path, ROW], tier, 0, 1] == 0:
            continue
        number = total // gbps
        if number > rules.number[MAX_SEGMENTS]:
            break
        placed = 0
        while placed < number and one_slice(rules, live, diary, request, group, path, tier):
            placed += 1
        if placed == number:
            return np.int64(number), np.int64(rest)
        if may_be_partial and placed > 0:
            return np.int64(number), np.int64(total - placed * gbps)
        leave(rules, live, group, request, True)
        rest = total
    return np.int64(0), np.int64(rest)


@inner
def unequal_slices(
    rules: Rules,
    live: Live,
    diary: Diary,
    request: int,
    group: int,
    path: int,
    total: int,
    may_be_partial: bool,
) -> Any:
    """The same by as many lightpaths as there is room for of each bit rate, the highest first."""
    rest, placed = total, 0
    for tier in range(rules.tier.shape[0]):
        gbps = rules.tier[tier]
        if gbps >= total:
            continue
        while (
            rest >= gbps
            and placed < rules.number[MAX_SEGMENTS]
            and one_slice(rules, live, diary, request, group, path, tier)
        ):
            rest -= gbps
            placed += 1
    if placed > 0 and (rest == 0 or may_be_partial):
        return np.int64(placed), np.int64(rest)
    leave(rules, live, group, request, True)
    return np.int64(0), np.int64(-1)


@inner
def channels(
    rules: Rules,
    live: Live,
    diary: Diary,
    request: int,
    group: int,
    path: int,
    bit_rate: int,
    wanted: int,
    may_be_partial: bool,
) -> Any:
    """The same by channels of the fixed grid, each in the best format that its signal quality allows."""
    total, rest, placed = rules.rate[bit_rate, 0], wanted, 0
    while rest > 0:
        chosen, noise = -1, 0.0
        plane, start = find(rules, live, path, 1)
        if plane >= 0:
            noise = noise_to_signal(rules, live, path, plane, start, 1, 0)
            for number in range(rules.any_format.shape[1]):
                form = rules.any_format[bit_rate, number]
                if form >= 0 and in_db(noise) >= rules.of_format[form, NEEDED]:
                    chosen = form
                    break
            if chosen < 0:
                diary.outcome[request, LACKED] = 1
        if chosen < 0:
            if may_be_partial and rest != total:
                return np.int64(placed), np.int64(rest)
            leave(rules, live, group, request, True)
            return np.int64(0), np.int64(total)
        capacity = int(rules.of_format[chosen, CARRIED])
        raise_measured(
            rules,
            live,
            diary,
            request,
            group,
            path,
            plane,
            start,
            1,
            chosen,
            capacity,
            min(capacity, rest),
            noise,
        )
        rest -= capacity
        placed += 1
    return np.int64(placed), np.int64(0)


@inner
def tiers(
    rules: Rules,
    live: Live,
    diary: Diary,
    request: int,
    group: int,
    path: int,
    total: int,
    wanted: int,
    may_be_partial: bool,
) -> Any:
    """The same by as many good lightpaths as there is room for of each bit rate, the highest first."""
    rest, placed = wanted, 0
    row = rules.path[path, ROW]
    for tier in range(rules.tier.shape[0]):
        gbps = rules.tier[tier]
        if gbps >= total:
            continue
        while rest >= gbps:
            chosen, noise = -1, 0.0
            at_plane, at_start, at_width = -1, -1, 0
            for number in range(rules.slices.shape[2]):
                form = int(rules.slices[row, tier, number, 0])
                width = int(rules.slices[row, tier, number, 1])
                if width == 0:
                    break
                plane, start = find(rules, live, path, width)
                if plane >= 0:
                    at_plane, at_start, at_width = plane, start, width
                elif at_plane < 0 or has_block(rules, live, path, width):
                    # FUSION keeps the place that it found for the format before, where the first link
                    # has no free block for this one.
                    at_plane = -1
                    continue
                noise = noise_to_signal(rules, live, path, at_plane, at_start, at_width, form)
                if is_good(rules, noise, form):
                    chosen = form
                    break
                diary.outcome[request, LACKED] = 1
            if chosen < 0:
                break
            raise_measured(
                rules,
                live,
                diary,
                request,
                group,
                path,
                at_plane,
                at_start,
                at_width,
                chosen,
                gbps,
                min(gbps, rest),
                noise,
            )
            rest -= gbps
            placed += 1
    if rest <= 0:
        return np.int64(placed), np.int64(0)
    if may_be_partial and rest != total:
        return np.int64(placed), np.int64(rest)
    leave(rules, live, group, request, True)
    return np.int64(0), np.int64(total)


@inner
def groom(rules: Rules, live: Live, request: int, group: int, total: int) -> Any:
    """Take what the path with most room has, in the order of age; return (path or -1, what is left)."""
    best, most = -1, 0
    row = live.ends[group, OLDEST]
    while row >= 0:
        if live.lightpath[row, SPARE] > 0:
            live.spare_on[rules.path[live.lightpath[row, ON], ROUTE]] += live.lightpath[row, SPARE]
        row = live.lightpath[row, AFTER]
    row = live.ends[group, OLDEST]
    while row >= 0:
        route = rules.path[live.lightpath[row, ON], ROUTE]
        if live.lightpath[row, SPARE] > 0 and live.spare_on[route] > most:
            best, most = route, live.spare_on[route]
        row = live.lightpath[row, AFTER]
    row = live.ends[group, OLDEST]
    rest, path = total, -1
    while row >= 0:
        following = live.lightpath[row, AFTER]
        route = rules.path[live.lightpath[row, ON], ROUTE]
        if route == best and live.lightpath[row, SPARE] > 0 and rest > 0:
            gbps = min(rest, live.lightpath[row, SPARE])
            rest -= gbps
            path = live.lightpath[row, ON]
            share(live, request, row, gbps, False)
        live.spare_on[route] = 0
        row = following
    return np.int64(path), np.int64(rest)


@inner
def serve_request(
    rules: Rules,
    live: Live,
    diary: Diary,
    shares: Floats,
    request: int,
    pair: int,
    bit_rate: int,
) -> Any:
    """Serve a request; return (path or -1, its place, transponders, 0, 1 or 2 for grooming, what is left)."""
    group = rules.pair[pair, GROUP]
    total = rules.rate[bit_rate, 0]
    rest, groomed = total, 0
    if rules.number[GROOMS] > 0:
        path, rest = groom(rules, live, request, group, total)
        if path >= 0 and rest == 0:
            return path, np.int64(-1), np.int64(0), np.int64(1), np.int64(0)
        if path >= 0:
            groomed = 2
            live.order[0] = path
            count = 1
    if groomed == 0:
        rest = total
        count = put_in_order(rules, live, pair, shares)
    for place in range(count):
        path = np.int64(live.order[place])
        if alone(rules, live, diary, request, group, path, bit_rate, rest, groomed > 0):
            return path, np.int64(place), np.int64(1), np.int64(groomed), np.int64(0)
    left = rest if groomed > 0 else -1
    kind = rules.number[SLICING]
    if kind > 0 and rules.rate[bit_rate, 1] > 0:
        for place in range(count):
            path = np.int64(live.order[place])
            last = groomed > 0 or place >= rules.number[K_PATHS] - 1
            partial = rules.number[PARTIAL] > 0 and last
            if kind == EQUAL:
                number, given = equal_slices(
                    rules, live, diary, request, group, path, total, partial
                )
            elif kind == UNEQUAL:
                number, given = unequal_slices(
                    rules, live, diary, request, group, path, total, partial
                )
            elif kind == CHANNELS:
                number, given = channels(
                    rules, live, diary, request, group, path, bit_rate, rest, partial
                )
            else:
                number, given = tiers(
                    rules, live, diary, request, group, path, total, rest, partial
                )
            if given >= 0:
                left = given
            if number > 0:
                return path, np.int64(place), number, np.int64(groomed), max(left, np.int64(0))
    if groomed > 0 and rules.number[PARTIAL] > 0:
        alone_tried = np.int64(kind == 0 or rules.rate[bit_rate, 1] == 0)
        return np.int64(live.order[0]), np.int64(0), alone_tried, np.int64(groomed), rest
    leave(rules, live, group, request, False)
    return np.int64(-1), np.int64(-1), np.int64(0), np.int64(0), np.int64(0)


@inner
def sample_links(rules: Rules, live: Live, tally: Tally) -> None:
    """Add a sample as `event_loop.sample_links` does, for slots that have owners."""
    planes = rules.plane.shape[0]
    for link in range(live.owner.shape[1]):
        for plane in range(planes):
            free, run, most = 0, 0, 0
            for slot in range(rules.plane[plane, SLOTS]):
                run = run + 1 if live.owner[plane, link, slot] == 0 else 0
                free += run > 0
                most = max(most, run)
            values = values_of_plane(rules.plane[plane, SLOTS], free, most)
            for statistic, value in enumerate(values):
                tally.sampled[statistic, link] += value / planes
    tally.events[1] += 1


@compiled(is_kept=True, nogil=True)
def serve_in_full(
    rules: Rules,
    live: Live,
    diary: Diary,
    tally: Tally,
    shares: Floats,
    sample_every: int,
    begin: int,
    end: int,
    arrival: Floats,
    holding: Floats,
    pair: Int32s,
    bit_rate: Int32s,
    by_departure: Int64s,
    ended: Int64s,
) -> None:
    """Serve requests `begin` ... `end` - 1, changing `live` and adding to `diary` and `tally`.

    After the last of all, those that are still there end.

    shares: float64[link], overwritten. by_departure: requests in the order in which they end. ended:
    int64[1], how many of these have.
    """
    total = by_departure.shape[0]
    for request in range(begin, end + 1 if end == total else end):
        now = arrival[request] if request < total else np.inf
        while ended[0] < total:
            other = by_departure[ended[0]]
            departure = arrival[other] + holding[other]
            if departure > now:
                break
            if live.first_part[other] >= 0:
                depart(
                    rules,
                    live,
                    diary,
                    rules.pair[pair[other], GROUP],
                    other,
                    departure,
                    holding[other],
                )
            ended[0] += 1
        if request == total:
            break
        if (request + 1) % min(sample_every, total) == 0:
            sample_links(rules, live, tally)
        live.first_part[request] = -1
        diary.outcome[request, LACKED] = 0
        before = live.cursor[RECORD]
        path, place, transponders, groomed, left = serve_request(
            rules,
            live,
            diary,
            shares,
            request,
            np.int64(pair[request]),
            np.int64(bit_rate[request]),
        )
        diary.outcome[request, 0] = live.cursor[RECORD] - before
        diary.outcome[request, 1] = transponders
        diary.outcome[request, 2] = path
        diary.outcome[request, 3] = place
        diary.outcome[request, 4] = groomed
        diary.outcome[request, UNSERVED_GBPS] = left
        if path >= 0:
            by_score = rules.number[BY_CONGESTION] > 0 and groomed == 0
            diary.weight[request] = live.score[place] if by_score else rules.cost[path, KM]
        if groomed > 1:
            # A path on which others were groomed costs what it did when it was chosen.
            part = live.first_part[request]
            while live.part[part, IS_NEW] > 0:
                part = live.part[part, NEXT]
            record = live.lightpath[live.part[part, OF], NOTED]
            diary.weight[request] = diary.weight[diary.lightpath[record, 0]]
        if path >= 0 and diary.outcome[request, 0] > 0:
            for link in range(diary.links.shape[0]):
                diary.links[link, SETUPS] += diary.links[link, WAITING]
                diary.links[link, WAITING] = 0
