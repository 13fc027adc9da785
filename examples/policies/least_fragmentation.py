"""Least fragmentation: of all places for a lightpath the one that cuts the fewest free blocks in two.

A cut costs as much as half a hop, so that detours are worth it now and then. The idea is that of Y. Yin et
al., "Spectral and spatial 2D fragmentation-aware routing and spectrum assignment algorithms in elastic
optical networks", J. Opt. Commun. Netw. 5 (2013) A100-A106.
"""

from fusion.request import BLOCKED, hops, link_is_free, next_block, width


def choose(request):
    best, least = BLOCKED, 1000
    for path in range(request.paths):
        for plane in range(request.planes):
            start, size = next_block(request, path, plane, 0)
            while size > 0:
                if size >= width(request, path) > 0:
                    cost = 2 * hops(request, path) + cuts(request, path, plane, start)
                    if cost < least:
                        best, least = (path, plane, start), cost
                start, size = next_block(request, path, plane, start + size)
    return best


def cuts(request, path, plane, start):
    """Return on how many links of the path a free block would be cut in two."""
    above, count = start + width(request, path), 0
    for hop in range(hops(request, path)):
        if link_is_free(request, path, plane, hop, start - 1) and link_is_free(
            request, path, plane, hop, above
        ):
            count += 1
    return count
