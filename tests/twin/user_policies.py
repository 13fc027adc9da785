"""Policies as a user writes them, and their slow twin."""

from __future__ import annotations

import numpy as np

from fusion.kernel.arrays import Network, new_state, new_tally
from fusion.kernel.request import BLOCKED, Facts, Request
from fusion.scenario.assignment import capacity_of
from fusion.scenario.policy.build import build
from fusion.scenario.policy.file import checked
from fusion.scenario.policy.source import PolicyFile, PolicySource
from fusion.scenario.user_policy import UserPolicy
from fusion.simulation.user_policy_loop import UserPolicyLoop
from tests.twin.cases import Case, Served
from tests.twin.twin import Choice, Twin

FIRST_FIT = """
from fusion.request import BLOCKED, first_fit

def choose(request):
    for path in range(request.paths):
        for plane in range(request.planes):
            start = first_fit(request, path, plane)
            if start >= 0:
                return path, plane, start
    return BLOCKED
"""
HELPED = "from helper import FIRST\n" + FIRST_FIT.replace(
    "range(request.paths)", "range(min(FIRST, 2), request.paths)"
)
"""First fit from a path on that a file beside it says."""
LAST_FIT = FIRST_FIT.replace("first_fit", "last_fit")
BEST_FIT = FIRST_FIT.replace("first_fit", "best_fit")
EVERYTHING = """
# Asks every question on every path and plane, and lets each answer decide.
from math import inf
from fusion.request import (
    BLOCKED, band, best_fit, capacity_loss, congestion, core, first_fit, fragmentation, free_slots,
    gsnr_db, hops, is_free, largest_block, last_fit, length_km, link_free_slots, link_is_free,
    link_largest_block, meets_quality, next_block, slots, width,
)

def choose(request):
    best, least = BLOCKED, inf
    for path in range(request.paths):
        for plane in range(request.planes):
            rest = answers(request, path, plane)
            for fit in range(4):
                start = start_by(request, path, plane, fit)
                fits = is_free(request, path, plane, start, width(request, path))
                good = fits and meets_quality(request, path, plane, start)
                if good and gsnr_db(request, path, plane, start) > request.formats:
                    score = (rest * (3 + fit) + start * 7.0) % 1009.0
                    if score < least:
                        best, least = (path, plane, start), score
    if request.random < 0.1 or (request.holding_time > 2 and request.bit_rate_gbps > 50):
        return BLOCKED
    return best

def answers(request, path, plane):
    total = 11.0 * hops(request, path) + 13.0 * length_km(request, path)
    total += 17.0 * core(request, plane) + 19.0 * band(request, plane) + 23.0 * slots(request, plane)
    total += 29.0 * free_slots(request, path, plane) + 31.0 * largest_block(request, path, plane)
    total += 37.0 * congestion(request, path) + 41.0 * fragmentation(request, path, plane)
    total += request.source * 2.0 + request.destination * 3.0 + request.arrival_time
    for start in range(-1, slots(request, plane), 4):
        total += 59.0 * min(capacity_loss(request, path, plane, start), 1e5)
    for hop in range(hops(request, path)):
        total += link_free_slots(request, path, plane, hop) * 43.0
        total += link_largest_block(request, path, plane, hop) * 47.0
        for slot in range(-1, slots(request, plane) + 2, 5):
            if link_is_free(request, path, plane, hop, slot):
                total += slot * 53.0
    return total

def start_by(request, path, plane, fit):
    if fit == 0:
        return first_fit(request, path, plane)
    if fit == 1:
        return last_fit(request, path, plane)
    if fit == 2:
        return best_fit(request, path, plane)
    start, size = next_block(request, path, plane, -1)
    while 0 < size < width(request, path):
        start, size = next_block(request, path, plane, start + size + 1)
    return start + size - width(request, path)
"""
LEAST_LOSS = """
# The start of all paths that takes least capacity away, on the first plane with room.
from fusion.request import BLOCKED, capacity_loss, slots
from math import inf

def choose(request):
    for plane in range(request.planes):
        best, least = BLOCKED, inf
        for path in range(request.paths):
            for start in range(slots(request, plane)):
                loss = capacity_loss(request, path, plane, start)
                if loss < least:
                    best, least = (path, plane, start), loss
        if least < inf:
            return best
    return BLOCKED
"""
"""What allocation_method = mscl with path_choice = all does."""
GOOD_FIT = FIRST_FIT.replace("BLOCKED, first_fit", "BLOCKED, first_fit, meets_quality").replace(
    "start >= 0", "start >= 0 and meets_quality(request, path, plane, start)"
)
"""First fit where the lightpath is good: what the built-in one does."""
BEST_SIGNAL = """
# Takes the place with the best signal, in grains of 1e-6 dB; now and then one that is not good.
from fusion.request import (
    BLOCKED, gsnr_db, hops, last_fit, meets_quality, next_block, slots, width,
)

def choose(request):
    best, most = BLOCKED, -(10**9)
    for path in range(request.paths):
        for plane in range(request.planes):
            start = last_fit(request, path, plane)
            if request.random < 0.2 and start >= 0:
                return path, plane, start
            if gsnr_db(request, path, plane, slots(request, plane)) > -1e300:
                return path, plane, -1
            start, size = next_block(request, path, plane, 0)
            while size > 0:
                if size >= width(request, path) > 0:
                    decibels = min(gsnr_db(request, path, plane, start), 200.0)
                    value = int(1e6 * decibels + 0.3) - 10**6 * (path % request.formats)
                    value += hops(request, path)
                    if value > most and meets_quality(request, path, plane, start):
                        best, most = (path, plane, start), value
                start, size = next_block(request, path, plane, start + size)
    return best
"""
BY_CHANCE = """
# Another path, fit and mood for each lightpath.
from fusion.request import BLOCKED, first_fit, last_fit, meets_quality

def choose(request):
    mood = int(997 * request.random + 0.44 * request.bit_rate_gbps + 7 * request.holding_time)
    if mood % 5 == 0:
        return BLOCKED
    for n in range(request.paths):
        path = (n + mood) % request.paths
        for plane in range(request.planes):
            start = first_fit(request, path, plane)
            if mood % 2 == 0:
                start = last_fit(request, path, plane)
            if meets_quality(request, path, plane, start):
                return path, plane, start
    return BLOCKED
"""
WRONG = """
# Goes wrong for a slice after some time: takes taken slots, divides by 0, asks for a path that is not there.
from fusion.request import BLOCKED, first_fit, meets_quality

def choose(request):
    if request.arrival_time > 5 and request.bit_rate_gbps < 400:
        if request.planes == 1:
            return 0, 0, 0
        if request.planes == 2:
            return 0, 0, 1 // (request.paths - request.paths)
        return 0, 0, first_fit(request, request.paths, 0)
    for path in range(request.paths):
        start = first_fit(request, path, 0)
        if meets_quality(request, path, 0, start):
            return path, 0, start
    return BLOCKED
"""


def source_of(text: str, function: str = "choose", **others: str) -> PolicySource:
    """Return a policy. others: text of files beside it."""
    files = (PolicyFile("policy", text), *(PolicyFile(*file) for file in others.items()))
    return checked(PolicySource(function, files))


def facts_of(case: Case) -> Facts:
    """Return facts about a case; cores and bands are any."""
    planes, rates = case.network.spectrum.shape[0], case.network.width.shape[1]
    slots = np.bitwise_count(case.network.spectrum[:, :1]).sum(axis=(1, 2))
    return Facts(
        source=np.ascontiguousarray(case.paths.pairs[:, 0], dtype=np.int32),
        destination=np.ascontiguousarray(case.paths.pairs[:, 1], dtype=np.int32),
        bit_rate_gbps=25.0 * np.arange(1, rates + 1),
        length_km=case.paths.length_km,
        plane=np.array([(n % 2, n // 2, slots[n]) for n in range(planes)], dtype=np.int32),
        capacity=capacity_of(
            case.network, case.network.width[case.network.width_row], 2, all_widths=False
        ),
    )


def serve_with_user_policy(case: Case, source: PolicySource) -> Served:
    """Serve the requests of a case with a policy compiled into the event loop."""
    network, requests, count = case.network, case.requests, len(case.requests.arrival)
    mean = case.traffic.mean_holding_time
    served = Served(
        np.full((count, 3), -9, dtype=np.int32),
        new_state(network, case.wheel_load, mean, keep_usage=False),
        new_tally(network),
    )
    pairs = [(str(a), str(b)) for a, b in case.paths.pairs]
    loop = UserPolicyLoop(UserPolicy(source, facts_of(case)), pairs)
    loop(network, served.state, served.tally, 0, 0, case.sample_every, *requests, served.decision)
    return served


class UserPolicyTwin(Twin):
    """The twin with a policy of the user's, in plain Python, on what the twin's own sets say is free."""

    def __init__(self, case: Case, source: PolicySource) -> None:
        super().__init__(case.network, "", "", case.sample_every)
        self._network, self._facts = case.network, facts_of(case)
        self._choose = build(source)

    def choose(
        self, arrival: float, holding: float, pair: int, bit_rate: int, tie: float
    ) -> Choice | None:
        candidates = self.spectrum.candidates[pair]
        path, plane, start = self._choose(
            Request(
                source=int(self._facts.source[pair]),
                destination=int(self._facts.destination[pair]),
                bit_rate_gbps=float(self._facts.bit_rate_gbps[bit_rate]),
                arrival_time=arrival,
                holding_time=holding,
                paths=len(candidates),
                planes=self.spectrum.planes,
                formats=1,
                random=tie,
                first_path=candidates.start,
                order=None,
                column=bit_rate,
                free=free_words(self._network, self.spectrum.free),
                network=self._network,
                facts=self._facts,
                quality=None,
                state=None,
            )
        )
        if (path, plane, start) == BLOCKED:
            return None
        return Choice(candidates[path], plane, start)


def free_words(network: Network, free: dict[tuple[int, int], set[int]]) -> np.ndarray:
    """Return sets of free slots as the event loop keeps them."""
    words = np.zeros_like(network.spectrum)
    for (plane, link), slots in free.items():
        for slot in slots:
            words[plane, link, slot // 64] |= np.uint64(1) << np.uint64(slot % 64)
    return words
