"""What connections that are restored add to the counters.

They are served by the event loop once more, into counters of their own, as they have been counted before as
requests that were offered and served. Each counter is named here: one that is not ends the simulation.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fusion.kernel.arrays import Tally
from fusion.kernel.records import Count

COUNTS: Mapping[str, bool] = {
    # Requests, counted when they arrived.
    "offered_by_pair": False,
    "offered_by_bit_rate": False,
    "blocked_by_pair": False,
    "blocked_by_bit_rate": False,
    "events": False,
    # Lightpaths are those of requests that were served: a second one for the same request is not.
    "served_by_path": False,
    "served_by_row": False,
    "served_by_plane": False,
    # Slots are in use on the new path; on the old one, what was to come has been taken off.
    "busy_by_path": True,
    # Sampled at arrivals.
    "sampled": False,
    # Connections of several lightpaths: as they were when the request arrived. Nothing ends meanwhile.
    "number": False,
    "use": False,
    "noise": False,
}
"""Field of `Tally` or `Count` -> whether restored connections count in it."""


def add_restored(counters: Tally | Count, restored: Tally | Count) -> None:
    """Add what counts of restored connections. Raises KeyError for a counter that is not in `COUNTS`."""
    for name, value, more in zip(counters._fields, counters, restored, strict=True):
        if COUNTS[name]:
            np.add(value, more, out=value)
