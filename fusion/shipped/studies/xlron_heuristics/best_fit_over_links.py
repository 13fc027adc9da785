"""XLRON's best fit: what is left of the free blocks on the links of the path, mean over the links.

The first path with room is taken, and all starts on it are weighed. On each link the lightpath is in a free
block, which has so many slots more. Of starts in equal blocks the two ends decide: `left` slots are free up
to the first of the lightpath, that one included, and `right` from it on. An end with e slots more than the
lightpath costs e + 1 / max(e, 1), and one with fewer the slots of a link, all divided by the slots of a link.
So in a block of less than twice its width a lightpath lies at the upper end, and in others near the middle.

M. Doherty, XLRON, best_fit in xlron/heuristics/heuristics.py, https://github.com/micdoh/XLRON.
"""

from fusion.request import BLOCKED, hops, link_is_free, next_block, slots, width


def choose(request):
    for path in range(request.paths):
        need = width(request, path)
        if need > 0:
            for plane in range(request.planes):
                start = best_start(request, path, plane, need)
                if start >= 0:
                    return path, plane, start
    return BLOCKED


def best_start(request, path, plane, need):
    best, least = -1, 0.0
    block, size = next_block(request, path, plane, 0)
    while size > 0:
        for start in range(block, block + size - need + 1):
            cost = gaps(request, path, plane, start, need)
            if best < 0 or cost < least - 1e-9:
                best, least = start, cost
        block, size = next_block(request, path, plane, block + size)
    return best


def gaps(request, path, plane, start, need):
    total = slots(request, plane)
    whole, ends = 0, 0.0
    for hop in range(hops(request, path)):
        left, right = 1, need
        while link_is_free(request, path, plane, hop, start - left):
            left += 1
        while link_is_free(request, path, plane, hop, start + right):
            right += 1
        whole += left + right - 1 - need
        ends += end_cost(left - need, total) + end_cost(right - need, total)
    return (whole + ends / total) / hops(request, path)


def end_cost(excess, total):
    if excess < 0:
        return total + 1.0 / total
    return excess + 1.0 / max(excess, 1)
