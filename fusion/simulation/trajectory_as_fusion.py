"""What a replication of the original FUSION has decided."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.scenario.traffic import Requests


class Trajectory(NamedTuple):
    """What was decided, request by request.

    outcome, unserved, lightpath, setups: as in `kernel.fusion_loop.Ledger`; of lightpaths only those that
    last, in the order in which they were set up. made: int32[lightpath, 3], slots without guard band, index
    of the format, index of the bit rate. groomed: bool[request], whether lightpaths that were there carry all
    of it. weight: float64[request], what its path costs, in km but for paths by congestion. until:
    float64[lightpath], when each ends; inf where that is later than all that was simulated. measured:
    float64[lightpath, 2], signal quality in dB as FUSION writes it, and the percentage that was in use; None
    where FUSION measures neither.
    """

    requests: Requests
    outcome: NDArray[np.int32]
    unserved: NDArray[np.int64]
    lightpath: NDArray[np.int32]
    setups: NDArray[np.int64]
    made: NDArray[np.int32]
    groomed: NDArray[np.bool_]
    weight: NDArray[np.float64]
    until: NDArray[np.float64]
    measured: NDArray[np.float64] | None = None
