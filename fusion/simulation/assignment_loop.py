"""The plain event loop with an assignment of the spectrum that is not a fit."""

from __future__ import annotations

import numpy as np

from fusion.kernel.arrays import Floats, Int32s, Network, State, Tally
from fusion.kernel.assignment import Assignment
from fusion.kernel.capacity import Kept
from fusion.kernel.event_loop import serve


class AssignmentLoop:
    """The plain event loop with one assignment, for one replication."""

    def __init__(self, assignment: Assignment) -> None:
        """assignment: of a scenario."""
        self._assignment = assignment

    def __call__(
        self,
        network: Network,
        state: State,
        tally: Tally,
        _fit: int,
        choice: int,
        sample_every: int,
        arrival: Floats,
        holding: Floats,
        pair: Int32s,
        bit_rate: Int32s,
        tie: Floats,
        decision: Int32s,
    ) -> None:
        """Serve requests as `event_loop.serve` does."""
        if self._assignment.capacity is not None and self._assignment.kept is None:
            self._assignment = self._assignment._replace(kept=self._new_kept(network))
        requests = (arrival, holding, pair, bit_rate, tie)
        serve(
            *(network, state, tally, None, choice, sample_every),
            *requests,
            *(decision, None, None, self._assignment),
        )

    def _new_kept(self, network: Network) -> Kept:
        """Return room for what is worked out anew as each call begins: a call need not know the last."""
        capacity = self._assignment.capacity
        assert capacity is not None
        planes, _, words = network.spectrum.shape
        shape = (planes, len(capacity.route))
        return Kept(
            free=np.zeros((*shape, words), dtype=np.uint64),
            lost=np.zeros((*shape, len(capacity.total)), dtype=capacity.total.dtype),
        )
