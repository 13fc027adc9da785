"""What must hold of the state after any number of requests, whatever the policy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from fusion.kernel.arrays import Network, State, busy_from_now
from fusion.scenario.policies import built_in_policy
from fusion.scenario.traffic import Requests
from tests.twin.cases import POLICIES, Case, Served, cases, serve_case, serve_part


def slots_of(words: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return bool[plane, link, slot] for uint64[plane, link, word]."""
    bytes_ = words.astype("<u8").view(np.uint8)
    return np.unpackbits(bytes_, axis=-1, bitorder="little").astype(np.bool_)


def live_lightpaths(state: State) -> list[int]:
    """Return the rows that wait in the timing wheel for their departure."""
    rows = []
    for row in state.bucket.tolist():
        while row >= 0:
            rows.append(row)
            row = int(state.following[row])
    return rows


def unused_rows(state: State) -> list[int]:
    rows = []
    row = int(state.cursor[0])
    while row >= 0:
        rows.append(row)
        row = int(state.following[row])
    return rows


def held_slots(network: Network, state: State) -> NDArray[np.int64]:
    """Return int64[plane, link, slot]: the live lightpaths that hold each slot."""
    held = np.zeros(slots_of(state.free).shape, dtype=np.int64)
    for row in live_lightpaths(state):
        path, start = state.path[row], state.start[row]
        for link in network.links[network.first_hop[path] : network.first_hop[path + 1]]:
            held[state.plane[row], link, start : start + state.width[row]] += 1
    return held


def assert_consistent(case: Case, served: Served, end: int) -> None:
    network, state = case.network, served.state
    free, empty = slots_of(state.free), slots_of(network.spectrum)
    held = held_slots(network, state)
    # Continuity and contiguity: the same run of slots is held on every link of the path. No overlap: no
    # slot is held twice. Conservation: free or held, never both, and nothing outside the spectrum.
    assert held.max(initial=0) <= 1
    assert np.array_equal(free | (held == 1), empty)
    assert not np.any(free & (held == 1))
    if state.usage.size:
        assert np.array_equal(np.diff(state.usage), held.sum(axis=1))

    # Live is exactly what was served and has not ended.
    live, unused = live_lightpaths(state), unused_rows(state)
    assert sorted(live + unused) == list(range(int(state.cursor[1])))
    requests, now = case.requests.part(0, end), served.state.clock[0]
    assert now == requests.arrival[-1]
    wanted = set()
    for i in np.flatnonzero(served.decision[:end, 0] >= 0):
        path, plane, start = served.decision[i].tolist()
        assert (
            network.first_path[requests.pair[i]] <= path < network.first_path[requests.pair[i] + 1]
        )
        width = int(network.width[network.width_row[path], requests.bit_rate[i]])
        if (departure := requests.arrival[i] + requests.holding[i]) > now:
            wanted.add((departure, path, plane, start, width))
    found = {(state.departure[r], *(int(column[r]) for column in state[5:9])) for r in live}
    assert found == wanted
    remaining = sum(width * (departure - now) for departure, *_, width in wanted)
    assert busy_from_now(network, state).sum() == pytest.approx(remaining)


@pytest.mark.parametrize(("fit", "path_choice"), POLICIES)
@given(case=cases(most_requests=500))
@settings(derandomize=True, deadline=None, max_examples=20)
def test_spectrum_is_conserved(fit: str, path_choice: str, case: Case) -> None:
    """After each chunk the slots are free or held by one live lightpath; at the end all are free."""
    policy = built_in_policy(fit, path_choice)
    served = serve_case(case, fit, path_choice)
    assert_consistent(case, served, len(case.requests.arrival))
    for end in filter(None, case.cuts[:-1]):
        assert_consistent(case, serve_case(until(case, end), fit, path_choice), end)

    last = Requests(
        arrival=np.array([(case.requests.arrival + case.requests.holding).max()]),
        holding=np.array([1.0]),
        pair=np.zeros(1, dtype=np.int32),
        bit_rate=np.array([case.network.width.shape[1] - 1], dtype=np.int32),
        tie=np.zeros(1),
    )
    serve_part(case.network, policy, last, served, case.sample_every, 0)
    assert served.decision[0].tolist() == [-1, -1, -1]
    assert np.array_equal(served.state.free, case.network.spectrum)
    assert not served.state.usage.any()
    assert not live_lightpaths(served.state)
    assert not busy_from_now(case.network, served.state).any()


def until(case: Case, end: int) -> Case:
    """Return the case with its first requests only."""
    cuts = sorted({min(cut, end) for cut in case.cuts})
    return case._replace(requests=case.requests.part(0, end), cuts=cuts)
