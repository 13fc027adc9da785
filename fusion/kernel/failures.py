"""What a failure of links does to the network, between two requests: the event loop knows nothing of it.

A failed link has no free slots, so no search finds any there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.kernel import CACHE_DIR, compiled
from fusion.kernel.arrays import Floats, Int32s, Network, State
from fusion.kernel.event_loop import change_usage
from fusion.kernel.spectrum import toggle

Flags = NDArray[np.bool_]


@compiled(cache=CACHE_DIR is not None, nogil=True)
def interrupt(
    network: Network,
    state: State,
    failed: Flags,
    now: float,
    path: Int32s,
    width: Int32s,
    bit_rate: Int32s,
    departure: Floats,
) -> Any:
    """Tear down the lightpaths over failed links and return how many they were.

    failed: bool[link]. now: not before the last arrival; what has ended by then is released, too. path,
    width, bit_rate, departure: [lightpath], receive what those were that had not ended.
    """
    count = np.int64(0)
    links = network.links
    for slot in range(state.bucket.shape[0]):
        lightpath = state.bucket[slot]
        kept = np.int32(-1)
        while lightpath >= 0:
            following = state.following[lightpath]
            on = state.path[lightpath]
            hop, end = network.first_hop[on], network.first_hop[on + 1]
            has_ended = state.departure[lightpath] <= now
            is_hit = False
            for h in range(hop, end):
                if failed[links[h]]:
                    is_hit = True
            if has_ended or is_hit:
                plane, start = np.int64(state.plane[lightpath]), np.int64(state.start[lightpath])
                slots = state.width[lightpath]
                toggle(state.free, plane, links, hop, end, start, slots)
                if state.usage.shape[1] > 0:
                    change_usage(state.usage, plane, start, slots, hop - end)
                if not has_ended:
                    path[count] = on
                    width[count] = slots
                    bit_rate[count] = state.bit_rate[lightpath]
                    departure[count] = state.departure[lightpath]
                    count += 1
                state.following[lightpath] = state.cursor[0]
                state.departure[lightpath] = now  # an unused row holds a time that has passed
                state.cursor[0] = lightpath
            else:
                state.following[lightpath] = kept
                kept = lightpath
            lightpath = following
        state.bucket[slot] = kept
    return count


def take_away(state: State, failed: Flags) -> None:
    """Leave failed links without free slots. Nothing may be up on them."""
    state.free[:, failed] = 0


def give_back(network: Network, state: State, failed: Flags) -> None:
    """Make all slots of links free that had failed."""
    state.free[:, failed] = network.spectrum[:, failed]
