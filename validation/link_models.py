"""Small models of a few links: classes of requests with the paths that they may take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fusion.kernel.arrays import make_network
from fusion.network.planes import Plane
from fusion.scenario.candidate_paths import Candidates
from fusion.scenario.network_rows import Lightpaths
from fusion.scenario.policies import built_in_policy
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import TrafficModel

POLICY_NAMES = {
    "kspff": ("first_fit", "in_order"),
    "ffksp": ("first_fit", "all"),
    "lf": ("last_fit", "in_order"),
    "bf": ("best_fit", "in_order"),
    "rf": ("random_fit", "in_order"),
}
"""Short names of policies -> the values of allocation_method and path_choice."""


class RequestClass(NamedTuple):
    """Requests that are alike. erlang: offered. width: slots. paths: link numbers, in order."""

    erlang: float
    width: int
    paths: Sequence[Sequence[int]]


def link_model(
    classes: Sequence[RequestClass],
    slots_by_plane: Sequence[int],
    policy: tuple[str, str],
    *,
    num_requests: int,
    holding_distribution: str = "exponential",
    seed: int = 1,
) -> tuple[Scenario, float]:
    """Return a scenario in which every class is a pair of its own, and the total load in Erlang.

    slots_by_plane: slots of a link in each plane. policy: allocation_method, path_choice.
    """
    paths = [path for one in classes for path in one.paths]
    hops = np.array([len(path) for path in paths])
    links = np.concatenate([np.asarray(path) for path in paths])
    per_class = np.array([len(one.paths) for one in classes])
    erlang = np.array([one.erlang for one in classes])
    n_links = int(links.max()) + 1
    network = make_network(
        first_path=np.concatenate([[0], np.cumsum(per_class)]),
        first_hop=np.concatenate([[0], np.cumsum(hops)]),
        links=links,
        width_row=np.repeat(np.arange(len(classes)), per_class),
        width=np.array([[one.width] for one in classes]),
        n_links=n_links,
        slots_by_plane=list(slots_by_plane),
    )
    scenario = Scenario(
        network=network,
        traffic=TrafficModel(erlang / erlang.sum(), np.ones(1), 1.0, holding_distribution),
        policy=built_in_policy(*policy),
        planes=tuple(Plane(core, "c", slots) for core, slots in enumerate(slots_by_plane)),
        candidates=Candidates(
            hops=hops.astype(np.int32),
            length_km=np.ones(len(paths)),
            rank=np.concatenate([np.arange(count) for count in per_class]).astype(np.int32),
        ),
        lightpaths=Lightpaths(
            formats=("any",),
            format_by_row=np.zeros((len(classes), 1), dtype=np.int32),
            guard_slots=0,
            bit_rates_gbps=np.ones(1),
            rate_of_column=np.zeros(1, dtype=np.int32),
        ),
        service=None,
        failure=None,
        protection=None,
        conventions=None,
        user_policy=None,
        pairs=tuple((f"class {number}", "") for number in range(len(classes))),
        links=tuple((f"link {number}", "") for number in range(n_links)),
        link_km=(1.0,) * n_links,
        seed=seed,
        num_requests=num_requests,
        sample_every=num_requests,
    )
    return scenario, float(erlang.sum())


def warmup_requests(load: float) -> int:
    """Return 20 mean holding times of requests at a load in Erlang, and at least 200 requests."""
    return max(200, int(np.ceil(20 * load)))
