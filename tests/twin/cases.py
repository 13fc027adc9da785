"""Random small networks with random requests, and what the event loop makes of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from fusion.kernel.arrays import Int32s, Network, State, Tally, make_network, new_state, new_tally
from fusion.kernel.event_loop import serve
from fusion.network.paths import PathTable, k_shortest_paths
from fusion.network.slots_of_links import masked
from fusion.network.spectra import links_of_spectra
from fusion.network.topology import Topology
from fusion.scenario.policies import FITS, RANKS, Policy, built_in_policy
from fusion.scenario.traffic import CHUNK, Requests, TrafficModel, draw_requests

_FITS = [fit for fit in FITS if not fit.startswith("priority")]  # those are an order of planes
POLICIES = [
    *((fit, choice) for fit in _FITS for choice in ("in_order", "all")),
    *((fit, choice) for choice in RANKS for fit in ("first_fit", "random_fit")),
]
HOLDING_DISTRIBUTIONS = ("exponential", "deterministic", "truncated_exponential")


class Case(NamedTuple):
    """A network, requests for it, and how they are served."""

    network: Network
    paths: PathTable
    separate: bool
    load: float
    traffic: TrafficModel
    seed: int
    requests: Requests
    cuts: list[int]
    """Where the requests are cut into chunks: 0, ..., number of requests."""
    wheel_load: float
    """What the timing wheel is made for; must change nothing."""
    sample_every: int


class Served(NamedTuple):
    """What the event loop leaves behind. decision: int32[request, 3]."""

    decision: Int32s
    state: State
    tally: Tally


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Connected graphs of 2 to 6 nodes with few different lengths, so that there are ties."""
    count = draw(st.integers(2, 6))
    links = {(draw(st.integers(0, node - 1)), node) for node in range(1, count)}
    others = [(a, b) for b in range(count) for a in range(b) if (a, b) not in links]
    if others:
        links |= set(draw(st.lists(st.sampled_from(others), max_size=4)))
    return Topology(
        name="random",
        nodes=tuple(map(str, range(count))),
        links=tuple((a, b, float(draw(st.integers(1, 3)))) for a, b in sorted(links)),
        endpoints=tuple(range(count)),
        coordinates={},
        names={},
    )


@st.composite
def multigraphs(draw: st.DrawFn, *, directions: bool = False) -> Topology:
    """Such graphs with more links between nodes that have one.

    directions: some links have one direction only, or another length back.
    """
    topology = draw(topologies())
    kinds = st.sampled_from([(a, b) for a, b, _ in topology.links])
    more = draw(st.lists(kinds, min_size=1, max_size=3))
    turned = [draw(st.booleans()) for _ in more]
    links = topology.links + tuple(
        (*((b, a) if back else (a, b)), float(draw(st.integers(1, 3))))
        for (a, b), back in zip(more, turned, strict=True)
    )
    topology = topology._replace(links=links, link_names=tuple(map(str, range(len(links)))))
    if not directions:
        return topology
    # The first links connect all nodes both ways.
    one_way = [False] * (len(links) - len(more)) + [draw(st.booleans()) for _ in more]
    back = [float(draw(st.integers(1, 3))) for _ in links]
    return topology._replace(
        one_way=tuple(one_way) if any(one_way) else (),
        km_back=tuple(back) if draw(st.booleans()) else (),
    )


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    most_requests: int = 300,
    one_width: bool = False,
    parallel: bool = False,
    unequal: bool = False,
) -> Case:
    """Networks of any number of planes, slots and widths, with traffic that blocks now and then.

    one_width: the width of a request is the same on all of its paths. parallel: nodes may have several links,
    whose directions may differ. unequal: links have the lowest of the slots of a plane, some none.
    """
    topology = draw(multigraphs(directions=True) if parallel else topologies())
    separate = draw(st.booleans()) or topology.has_directions
    order = draw(st.sampled_from(["km", "hops"]))
    paths = k_shortest_paths(topology, draw(st.integers(1, 4)), order, separate)
    slots = st.one_of(st.integers(1, 12), st.integers(60, 70), st.integers(125, 200))
    slots_by_plane = draw(st.lists(slots, min_size=1, max_size=3))
    widths = st.one_of(
        st.integers(1, 4), st.integers(1, 20), st.sampled_from([63, 64, 65, 90, 130])
    )
    shape = (1 if one_width else draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    guard = draw(st.integers(0, 2))
    reached = st.integers(0, 4).map(bool)
    width = np.array(
        [
            [draw(widths) + guard if draw(reached) else 0 for _ in range(shape[1])]
            for _ in range(shape[0])
        ]
    )
    seed = draw(st.integers(0, 2**32))
    random = np.random.default_rng(seed)
    network = make_network(
        paths.first_path,
        paths.first_hop,
        paths.links,
        random.integers(0, shape[0], len(paths.length_km)),
        # The last bit rate is out of reach and never asked for: a test may end with it.
        np.column_stack([width, np.zeros(shape[0])]),
        len(links_of_spectra(topology, separate=separate)),
        slots_by_plane,
        # Few different ones, so that there are ties.
        random.integers(0, 3, len(paths.length_km)) * draw(st.sampled_from([0.0, 0.1, 5.0])),
    )
    if unequal:
        shares = st.sampled_from([0.0, 0.3, 0.5, 1.0, 1.0])
        own = [
            [int(draw(shares) * most) for _ in range(network.spectrum.shape[1])]
            for most in slots_by_plane
        ]
        network = network._replace(spectrum=masked(network.spectrum, np.array(own)))
    pairs = len(paths.pairs)
    uniform = draw(st.booleans())
    traffic = TrafficModel(
        pair_shares=np.full(pairs, 1 / pairs) if uniform else random.dirichlet(np.ones(pairs)),
        bit_rate_shares=np.append(random.dirichlet(np.ones(shape[1])), 0.0),
        mean_holding_time=draw(st.sampled_from([1.0, 0.25, 3600.0])),
        holding_distribution=draw(st.sampled_from(HOLDING_DISTRIBUTIONS)),
    )
    load = draw(st.sampled_from([0.5, 3.0, 10.0, 40.0, 150.0]))
    count = draw(st.integers(1, most_requests))
    cuts = draw(st.lists(st.integers(0, count), max_size=3))
    return Case(
        network=network,
        paths=paths,
        separate=separate,
        load=load,
        traffic=traffic,
        seed=seed,
        requests=first_requests(traffic, load, seed, 0, count),
        cuts=[0, *sorted(cuts), count],
        wheel_load=load * draw(st.sampled_from([0.001, 1.0, 1.0, 1000.0])),
        sample_every=draw(st.integers(1, 50)),
    )


def first_requests(
    traffic: TrafficModel, load: float, seed: int, replication: int, count: int
) -> Requests:
    """Return the first requests of a replication in one piece."""
    chunks = draw_requests(traffic, load, seed, replication, ties=True)
    drawn = [next(chunks) for _ in range(-(-count // CHUNK))]
    columns = zip(*drawn, strict=True)
    return Requests(*(np.concatenate(column)[:count] for column in columns))


def serve_all(
    network: Network,
    policy: Policy,
    requests: Requests,
    load: float,
    mean_holding_time: float,
    sample_every: int = 1000,
    cuts: list[int] | None = None,
) -> Served:
    """Serve requests on an empty network, in one call or in a call for each chunk."""
    count = len(requests.arrival)
    served = Served(
        np.full((count, 3), -9, dtype=np.int32),
        new_state(network, load, mean_holding_time, keep_usage=policy.needs_usage),
        new_tally(network),
    )
    for start, stop in pairwise(cuts or [0, count]):
        serve_part(network, policy, requests.part(start, stop), served, sample_every, start)
    return served


def serve_part(
    network: Network,
    policy: Policy,
    requests: Requests,
    served: Served,
    sample_every: int,
    start: int,
) -> None:
    """Serve one chunk, whose decisions go to the rows from `start`."""
    if not policy.needs_ties:
        requests = requests._replace(tie=np.empty(0))
    decision = served.decision[start : start + len(requests.arrival)]
    serve(
        network,
        served.state,
        served.tally,
        policy.fit,
        policy.choice,
        sample_every,
        *requests,
        decision,
    )


def serve_case(case: Case, fit: str, path_choice: str, *, in_chunks: bool = True) -> Served:
    """Serve the requests of a case under a policy."""
    return serve_all(
        case.network,
        built_in_policy(fit, path_choice),
        case.requests,
        case.wheel_load,
        case.traffic.mean_holding_time,
        case.sample_every,
        case.cuts if in_chunks else None,
    )


def arrays_equal(a: Any, b: Any) -> bool:
    """Say whether two tuples of arrays are equal bit for bit."""
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
