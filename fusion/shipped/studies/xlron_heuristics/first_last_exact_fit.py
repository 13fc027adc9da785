"""First-last-exact fit as in XLRON, on the first path with room.

A request of at most 62.5 Gb/s, the middle of 25 and 100, takes the lowest free block that has as many slots
as it needs, without one the lowest start. A larger one takes the highest such block, without one the highest
start.

B. C. Chatterjee, W. Fadini, E. Oki, "A spectrum allocation scheme based on first-last-exact fit policy for
elastic optical networks", J. Netw. Comput. Appl. 68 (2016); M. Doherty, XLRON, ksp_flef in
xlron/heuristics/heuristics.py, https://github.com/micdoh/XLRON.
"""

from fusion.request import BLOCKED, first_fit, last_fit, next_block, width

MIDDLE_GBPS = 62.5


def choose(request):
    large = request.bit_rate_gbps > MIDDLE_GBPS
    for path in range(request.paths):
        for plane in range(request.planes):
            start = exact(request, path, plane, large)
            if start < 0:
                start = last_fit(request, path, plane) if large else first_fit(request, path, plane)
            if start >= 0:
                return path, plane, start
    return BLOCKED


def exact(request, path, plane, highest):
    found, need = -1, width(request, path)
    start, size = next_block(request, path, plane, 0)
    while size > 0:
        if size == need and (highest or found < 0):
            found = start
        start, size = next_block(request, path, plane, start + size)
    return found
