"""A threshold: nodes near each other get a path only while it keeps some slots free for those far apart.

First fit serves whoever needs few links. Here some of that is given up for fairness; the total blocks more.
"""

from fusion.request import BLOCKED, first_fit, free_slots, hops, width

NEAR = 2  # hops of the first path
KEPT = 10  # slots


def choose(request):
    near = hops(request, 0) <= NEAR
    for path in range(request.paths):
        for plane in range(request.planes):
            start = first_fit(request, path, plane)
            left = free_slots(request, path, plane) - width(request, path)
            if start >= 0 and (left >= KEPT or not near):
                return path, plane, start
    return BLOCKED
