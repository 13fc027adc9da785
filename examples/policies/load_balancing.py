"""Load balancing: the path whose hops, made longer by what is taken on them, are fewest; first fit on it."""

from fusion.request import BLOCKED, congestion, first_fit, hops

WEIGHT = 2.0  # a full link counts as three hops, an empty one as one


def choose(request):
    best, least = BLOCKED, 1e9
    for path in range(request.paths):
        cost = hops(request, path) * (1.0 + WEIGHT * congestion(request, path))
        if cost < least:
            for plane in range(request.planes):
                start = first_fit(request, path, plane)
                if start >= 0 and cost < least:
                    best, least = (path, plane, start), cost
    return best
