"""What an environment shows, allows and counts, against a slow twin with sets of slots."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.kernel.arrays import Tally
from fusion.kernel.environment_loop import BEGIN, DECIDE
from fusion.learning.plain_batch import PlainBatch
from fusion.scenario.traffic import Requests
from tests.learning.scenes import look, setting_of
from tests.twin.cases import Case, Served, cases, first_requests
from tests.twin.test_invariants import assert_consistent, slots_of
from tests.twin.test_twin import assert_same_tally
from tests.twin.twin import Choice, Twin


class LearnersTwin(Twin):
    """A twin that is told what to do."""

    def arrive(self, now: float) -> None:
        self._release(now)
        if (len(self.decisions) + 1) % self._sample_every == 0:  # the last of so many requests
            self.fragmentation.append(self.fragmentation_now())

    def decide(self, choice: Choice | None, requests: Requests, index: int) -> None:
        pair, bit_rate = int(requests.pair[index]), int(requests.bit_rate[index])
        if choice is None:
            self._block(pair, bit_rate)
        else:
            now, holding = float(requests.arrival[index]), float(requests.holding[index])
            self._set_up(choice, now, holding, bit_rate)


@given(case=cases(most_requests=120), blocks=st.integers(1, 4), may_block=st.booleans())
@settings(derandomize=True, deadline=None, max_examples=80)
def test_a_random_walk_is_that_of_the_twin(case: Case, blocks: int, may_block: bool) -> None:
    count = len(case.requests.arrival)
    setting = setting_of(case, count, 0, blocks, may_block=may_block, blocked_reward=-0.5)
    sample_every = min(case.sample_every, count)
    twin = LearnersTwin(case.network, "first_fit", "in_order", sample_every)
    requests = first_requests(case.traffic, case.load, case.seed, 7, count + 1)
    random = np.random.default_rng(case.seed)
    batch = PlainBatch(setting, 1)
    batch.begin(0, 7)
    batch.step(np.zeros(1, np.int64), np.full(1, BEGIN, np.int8))
    shown = batch.shown
    last = setting.layout.actions - 1
    for index in range(count):
        twin.arrive(float(requests.arrival[index]))
        pair, bit_rate = int(requests.pair[index]), int(requests.bit_rate[index])
        sight = look(twin.spectrum, setting, pair, bit_rate, float(requests.holding[index]))
        names = setting.layout.names
        assert shown.features[0].tolist() == pytest.approx([sight.features[each] for each in names])
        possible = [choice is not None for choice in sight.choices]
        assert shown.mask[0].tolist() == [*possible, may_block or not any(possible)]
        for (plane, link), free in twin.spectrum.free.items():
            first = sum(each.slots for each in setting.scenario.planes[:plane])
            slots = setting.scenario.planes[plane].slots
            row = shown.free[0, link, first : first + slots]
            assert set(np.flatnonzero(row).tolist()) == free

        action = int(random.integers(last + 1))  # also what is not in the mask
        choice = sight.choices[action] if action < last else None
        twin.decide(choice, requests, index)
        batch.step(np.array([action]), np.full(1, DECIDE, np.int8))
        assert shown.reward[0] == (1.0 if choice else -0.5)
        assert shown.ended[0] == (index == count - 1)

    tally = Tally(*(each[0] for each in batch._tallies))
    # What is still to come of the lightpaths that are up has been taken off.
    still = np.zeros(len(tally.busy_by_path))
    now = float(requests.arrival[count - 1])
    for one in twin.lightpaths:
        still[one.path] += one.width * max(0.0, one.departure - now)
    tally = tally._replace(busy_by_path=tally.busy_by_path + still)
    assert_same_tally(case.network, twin, tally)
    # The request that is shown last has arrived and is not decided.
    state = batch.state_of(0)
    decision = np.array([*twin.decisions, (-1, -1, -1)], dtype=np.int32)
    served = Served(decision, state, tally)
    assert_consistent(case._replace(requests=requests), served, count + 1)
    twin._release(float(requests.arrival[count]))
    free = slots_of(state.free)
    for (plane, link), slots in twin.spectrum.free.items():
        assert set(np.flatnonzero(free[plane, link]).tolist()) == slots
