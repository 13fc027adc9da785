"""Reference systems: the same requests on the same paths where slots are less constrained. No bounds.

Each accepts whatever it can. A policy that refuses some wide requests on purpose can block fewer than any of
them, and so can, by chance, one that fragments the spectrum.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.relaxed_loop import BOTH, CONTIGUITY, CONTINUITY, new_relaxed, serve_relaxed
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import Requests

Int64s = NDArray[np.int64]

SYSTEMS = {
    "without_continuity": CONTINUITY,
    "without_contiguity": CONTIGUITY,
    "without_both": BOTH,
}
"""Name of a reference system -> what is relaxed."""


def relaxed_blocking(
    scenario: Scenario, system: str, before: Iterable[Requests], measured: Iterable[Requests]
) -> tuple[Int64s, Int64s]:
    """Return offered and blocked requests, int64[bit rate]. before: requests that are not counted."""
    relaxed = SYSTEMS[system]
    state = new_relaxed(scenario.network, relaxed)
    rates = len(scenario.traffic.bit_rate_shares)
    offered, blocked = np.zeros((2, 2, rates), dtype=np.int64).swapaxes(0, 1)
    parts = chain(((0, chunk) for chunk in before), ((1, chunk) for chunk in measured))
    for part, chunk in parts:
        serve_relaxed(
            scenario.network,
            state,
            relaxed,
            *(chunk.arrival, chunk.holding, chunk.pair, chunk.bit_rate),
            *(offered[part], blocked[part]),
        )
    return offered[1], blocked[1]
