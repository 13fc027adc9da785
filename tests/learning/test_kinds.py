"""Other kinds of observations, actions and rewards: from their definitions, and beside the policies."""

from __future__ import annotations

import functools
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fusion.config.config import load_config
from fusion.learning import EonEnv
from fusion.scenario.inputs import read_inputs
from fusion.scenario.scenario import make_scenario
from fusion.simulation.replication import replicate
from tests.learning.scenes import equal, play
from tests.learning.test_environment import NETWORKS, overrides
from tests.learning.test_general_environment import same_counts

ROOT = Path(__file__).parents[2]
LOAD = 220.0
FAILURES = {
    "failure": {"failure_type": "random", "mtbf": 0.5, "mtbf_of": "link", "mttr": 0.05},
    "requests": 600,
    "warmup": 200,
}
KINDS: dict[str, dict[str, Any]] = {
    "paths": {"actions": "paths"},
    "slots": {"actions": "slots"},
    "blocks seen": {"observation": "blocks", "blocks": 3},
    "graph seen": {"observation": "graph", "actions": "slots"},
    "spectrum seen": {"observation": "spectrum", "actions": "paths", "blocks": 2},
    "by bit rate": {"reward": "bit_rate", "actions": "slots"},
    "by capacity": {"reward": "capacity_loss"},
}


@pytest.mark.parametrize("network", ["cores and bands", "wide guard", "failures"])
@pytest.mark.parametrize("kind", KINDS)
def test_first_fit_measures_what_the_simulator_measures(kind: str, network: str) -> None:
    sections = {"failures": FAILURES}.get(network) or NETWORKS[network]
    env = EonEnv("quick", overrides(**sections), load=LOAD, **KINDS[kind])
    wanted = replicate(env.scenario, LOAD, 3, env.setting.warmup_requests)
    assert wanted.traffic.blocked.sum() > 0
    done = play(env, 3)
    if network == "failures":  # what is interrupted is added up in another order
        assert same_counts(done, wanted)
        wanted = play(EonEnv("quick", overrides(**sections), load=LOAD), 3)
    assert equal(done, wanted)


@pytest.mark.parametrize("network", ["cores and bands", "no guard"])
@pytest.mark.parametrize("method", ["last_fit", "priority_last", "best_fit", "exact_fit", "mscl"])
def test_the_fit_of_the_config_places_on_the_path(method: str, network: str) -> None:
    sections = NETWORKS[network]
    general = {**sections.get("general", {}), "allocation_method": method}
    if method == "priority_last":
        general["spectrum_priority"] = "CSB"
    changes = overrides(requests=800, warmup=300, **{**sections, "general": general})
    env = EonEnv("quick", changes, load=LOAD, actions="paths")
    assert env.layout.actions == env.layout.candidates + 1
    wanted = replicate(env.scenario, LOAD, 1, env.setting.warmup_requests)
    assert equal(play(env, 1), wanted)
    if "last" not in method:  # with one plane that blocks as first fit does, from the other end
        first = EonEnv("quick", overrides(requests=800, warmup=300, **sections), load=LOAD)
        assert not equal(play(first, 1), wanted)


def test_last_fit_takes_the_last_slots() -> None:
    changes = overrides(20, 0, general={"allocation_method": "last_fit"})
    env = EonEnv("quick", changes, load=LOAD, actions="paths", observation="spectrum")
    env.reset(seed=0)
    seen, *_ = env.step(0)
    assert not seen["free"][:, -1].all()
    assert seen["free"][:, 0].all()


def test_quality_with_one_action_for_each_path() -> None:
    """That of the first block: a place at which the lightpath works."""
    changes = overrides(requests=300, warmup=100, snr={"snr_type": "gsnr", "snr_recheck": True})
    env = EonEnv("quick", changes, load=LOAD, actions="paths", observation="blocks", blocks=3)
    other = EonEnv("quick", changes, load=LOAD)
    assert equal(play(env, 2), play(other, 2))
    of_a_path = [name.removeprefix("path 4: ") for name in env.layout.names if "path 4: " in name]
    assert of_a_path.index("efficiency") == of_a_path.index("margin of block 2") + 1


def free_of(env: EonEnv) -> NDArray[np.bool_]:
    """Return bool[plane, link, slot], the free slots as they are."""
    words = env._batch._free()[0].view(np.uint8)
    bits = np.unpackbits(words, axis=2, bitorder="little").astype(np.bool_)
    return bits[:, :, : max(plane.slots for plane in env.scenario.planes)]


def request_of(env: EonEnv) -> tuple[int, int]:
    """Return the pair and the bit rate of the request that waits."""
    waiting = env._batch.waiting()
    at = waiting.position[0]
    return int(waiting.pair[0, at]), int(waiting.bit_rate[0, at])


def runs(free: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (start, end) of each run of free slots."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], free.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def wild_steps(env: EonEnv, count: int) -> Any:
    """Yield (observation, mask) of steps with actions by chance among the possible ones."""
    random = np.random.default_rng(1)
    observation, info = env.reset(options={"replication": 1})
    for _ in range(count):
        yield observation, info["action_mask"]
        action = int(random.choice(np.flatnonzero(info["action_mask"])))
        observation, *_, info = env.step(action)


SMALL: dict[str, dict[str, Any]] = {
    "plain": {},
    "planes": NETWORKS["cores and bands"],
    "wide": {"spectrum": {"c_band": 150}, "topology": {"bw_per_slot": 1.25}, "load": 60.0},
}


def scene(name: str, **options: Any) -> EonEnv:
    sections = dict(SMALL[name])
    load = sections.pop("load", LOAD)
    return EonEnv("quick", overrides(400, 0, **sections), load=load, **options)


@pytest.mark.parametrize("name", SMALL)
def test_an_action_for_each_slot_is_possible_where_the_lightpath_fits(name: str) -> None:
    env = scene(name, actions="slots")
    network, planes = env.scenario.network, env.scenario.planes
    offset = np.cumsum([0, *(plane.slots for plane in planes)])
    seen_wide = False
    for _, mask in wild_steps(env, 150):
        pair, rate = request_of(env)
        free, wanted = free_of(env), np.zeros(env.layout.actions, dtype=np.int8)
        first, end = network.first_path[pair : pair + 2]
        for candidate, path in enumerate(range(first, end)):
            width = network.width[network.width_row[path], rate]
            seen_wide |= width > 64
            links = network.links[network.first_hop[path] : network.first_hop[path + 1]]
            for plane in range(len(planes)):
                for start, stop in runs(free[plane][links].all(axis=0)):
                    at = candidate * env.layout.slots + offset[plane]
                    if width:
                        wanted[at + start : at + max(start, stop - width + 1)] = 1
        wanted[-1] = not wanted.any()
        assert np.array_equal(mask, wanted)
    assert seen_wide == (name == "wide")


@pytest.mark.parametrize("name", SMALL)
def test_numbers_of_blocks_are_what_they_are_defined_as(name: str) -> None:
    env = scene(name, observation="blocks", blocks=3)
    scenario = env.scenario
    network, planes = scenario.network, scenario.planes
    total, largest = scenario.slots_per_link, max(plane.slots for plane in planes)
    offset = np.cumsum([0, *(plane.slots for plane in planes)])
    gbps = scenario.lightpaths.bit_rates_gbps
    per_slot = (gbps / np.where(network.width > 0, network.width, np.inf)).max()
    most_hops = max(np.diff(network.first_hop))
    names = env.layout.names
    plain = scene(name, blocks=3)
    plain.reset(options={"replication": 1})
    for observation, _ in wild_steps(env, 100):
        pair, rate = request_of(env)
        free = free_of(env)
        seen = dict(zip(names, observation.tolist(), strict=True))
        for candidate, path in enumerate(range(*network.first_path[pair : pair + 2])):
            width = int(network.width[network.width_row[path], rate])
            links = network.links[network.first_hop[path] : network.first_hop[path + 1]]
            whole = [
                (plane, *run)
                for plane in range(len(planes))
                for run in runs(free[plane][links].all(axis=0))
            ]
            load = 1 - free[:, links].sum(axis=(0, 2)) / total
            blocks = sum(-(-plane.slots // 2) for plane in planes)
            wanted = {
                "efficiency": gbps[rate] / width / per_slot if width else 0.0,
                "free blocks": len(whole) / blocks,
                "highest load": load.max(),
                "mean load": load.mean(),
                "width": min(width / largest, 1.0),
            }
            wide = [each for each in whole if width and each[2] - each[1] >= width]
            for block in range(3):
                wanted |= {
                    f"{what} of block {block}": 0.0 for what in ("exact fit", "cuts", "left over")
                }
                wanted[f"start of block {block}"] = 1.0
                if block < len(wide):
                    plane, start, stop = wide[block]
                    cuts = sum(
                        start > 0
                        and start + width < planes[plane].slots
                        and free[plane, link, start - 1]
                        and free[plane, link, start + width]
                        for link in links
                    )
                    wanted |= {
                        f"start of block {block}": (offset[plane] + start) / total,
                        f"exact fit of block {block}": float(stop - start == width),
                        f"cuts of block {block}": cuts / most_hops,
                        f"left over of block {block}": (stop - start - width) / largest,
                    }
            for what, value in wanted.items():
                assert seen[f"path {candidate}: {what}"] == pytest.approx(value, abs=1e-6), what
    # And what other observations have of paths comes first.
    few = plain.layout.path_size
    same = np.allclose(
        env.layout.paths(env.reset(options={"replication": 1})[0])[:, :few],
        plain.layout.paths(plain.reset(options={"replication": 1})[0]),
    )
    assert same


def test_the_numbers_of_blocks_suffice_for_least_fragmentation() -> None:
    """An agent that reads nothing else decides as the policy of the same name among the examples."""
    policy = f"{ROOT / 'examples' / 'policies' / 'least_fragmentation.py'}:choose"
    changes = overrides(2000, 500)
    config = load_config("quick", {**changes, "routing_settings": {"policy": policy}})
    scenario = make_scenario(config, read_inputs(config))
    env = EonEnv("quick", changes, load=LOAD, observation="blocks", blocks=20)
    layout, most = env.layout, int(max(np.diff(env.scenario.network.first_hop)))
    of_a_path = [name.removeprefix("path 0: ") for name in layout.names if "path 0: " in name]
    at = [of_a_path.index(f"cuts of block {block}") for block in range(20)]

    def choose(observation: NDArray[np.float32], mask: NDArray[np.int8]) -> int:
        paths = layout.paths(observation)
        cost = 2 * np.rint(paths[:, :1] * most) + np.rint(paths[:, at] * most)
        cost = np.where(mask[:-1].reshape(cost.shape), cost, 1000)
        return int(cost.argmin()) if mask[:-1].any() else layout.actions - 1

    assert equal(play(env, 2, choose), replicate(scenario, LOAD, 2, 500))


@pytest.mark.parametrize("name", SMALL)
def test_a_graph_is_the_network(name: str) -> None:
    env = scene(name, observation="graph", blocks=2, shows_holding=True)
    scenario, layout = env.scenario, env.layout
    network, links = scenario.network, scenario.links
    other = scene(name, observation="blocks", blocks=2, shows_holding=True)
    flat, _ = other.reset(options={"replication": 1})
    km = np.array(scenario.link_km)
    largest = max(plane.slots for plane in scenario.planes)
    random = np.random.default_rng(1)
    for seen, mask in wild_steps(env, 60):
        pair, _ = request_of(env)
        assert seen in env.observation_space
        assert [layout.nodes[node] for node in seen["nodes"].argmax(axis=0)] == [
            *scenario.pairs[pair]
        ]
        assert seen["nodes"].sum() == 2
        ends = [(layout.nodes[one], layout.nodes[two]) for one, two in seen["ends"]]
        assert ends == list(links)
        free = free_of(env)
        for link, numbers in enumerate(seen["links"]):
            number = free[:, link].sum()
            block = max(
                (stop - start for plane in free for start, stop in runs(plane[link])), default=0
            )
            total = scenario.slots_per_link
            wanted = [km[link] / km.max(), 1 - number / total, number / total, block / largest]
            assert numbers == pytest.approx(wanted, abs=1e-6)
        for candidate, path in enumerate(range(*network.first_path[pair : pair + 2])):
            hops = network.links[network.first_hop[path] : network.first_hop[path + 1]]
            row = seen["path_links"][candidate]
            assert row[: len(hops)].tolist() == hops.tolist()
            assert set(row[len(hops) :].tolist()) <= {-1}
        assert np.array_equal(layout.paths(flat), seen["paths"])
        nodes = len(layout.nodes)
        assert np.array_equal(flat[2 * nodes : layout.head], seen["request"])
        assert len(seen["request"]) == 2
        flat, *_ = other.step(int(random.choice(np.flatnonzero(mask))))
    assert layout.link_names == ("length", "load", "free", "largest")


def test_a_graph_has_the_links_that_are_down_and_nodes_that_only_pass_through() -> None:
    down = {"failure": {"failure_type": "random", "mtbf": 0.05, "mtbf_of": "link", "mttr": 0.02}}
    env = EonEnv("quick", overrides(400, 0, **down), load=LOAD, observation="graph")
    assert env.layout.link_names[-1] == "down"
    met = set()
    for seen, mask in wild_steps(env, 300):
        is_down = seen["links"][:, -1] == 1
        met.add(int(is_down.sum()))
        for candidate, links in enumerate(seen["path_links"]):
            over = is_down[links[links >= 0]].any()
            assert bool(seen["paths"][candidate][7]) == over
            assert not (over and mask[candidate])
    assert len(met) > 2


def lost_starts(env: EonEnv, before: Any, after: Any, path: int) -> int:
    """Return how many placements of the widths of each route it loses, of routes that share a link."""
    lost = 0
    for links, widths in beside(env, path):
        for free, sign in ((before, 1), (after, -1)):
            for plane in free:
                for start, stop in runs(plane[links].all(axis=0)):
                    lost += sign * sum(max(0, stop - start - w + 1) for w in widths)
    return lost


@functools.cache
def beside(env: EonEnv, path: int) -> list[tuple[list[int], set[int]]]:
    """Return links and widths of each route that shares a link with a path."""
    network = env.scenario.network
    hops = [set(network.links[a:b].tolist()) for a, b in pairwise(network.first_hop.tolist())]
    return [
        (sorted(route), {w for w in network.width[network.width_row[other]].tolist() if w > 0})
        for other, route in enumerate(hops)
        if route & hops[path]
    ]


@pytest.mark.parametrize("actions", ["blocks", "slots"])
def test_the_capacity_that_a_lightpath_takes_is_taken_off_its_reward(actions: Any) -> None:
    sections: dict[str, Any] = {"topology": {"network": "cost239_deeprmsa"}}
    changes = overrides(
        100, 0, **sections, spectrum={"c_band": 20}, routing={"k_paths": 2, "interfering_routes": 0}
    )
    env = EonEnv("quick", changes, load=40.0, reward="capacity_loss", actions=actions)
    network, random = env.scenario.network, np.random.default_rng(3)
    _, info = env.reset(options={"replication": 0})
    most: dict[tuple[int, int], int] = {}
    rewards = set()
    full = np.ones_like(free_of(env))
    for _ in range(40):
        pair, rate = request_of(env)
        if (pair, rate) not in most:
            losses = [1]
            for path in range(*network.first_path[pair : pair + 2]):
                width = int(network.width[network.width_row[path], rate])
                links = network.links[network.first_hop[path] : network.first_hop[path + 1]]
                taken = full.copy()
                middle = (20 - width) // 2
                taken[0, links, middle : middle + width] = False
                losses.append(lost_starts(env, full, taken, path))
            most[pair, rate] = max(losses)
        before = free_of(env).copy()
        possible = np.flatnonzero(info["action_mask"])
        action = int(random.choice(possible))
        per_path = (env.layout.actions - 1) // env.layout.candidates
        served = action < env.layout.actions - 1
        path = int(network.first_path[pair]) + action // per_path
        placed = before.copy()
        if served:
            width = int(network.width[network.width_row[path], rate])
            links = network.links[network.first_hop[path] : network.first_hop[path + 1]]
            common = before[0, links].all(axis=0)
            start = action % per_path
            if actions == "blocks":
                start = next(a for a, b in runs(common) if b - a >= width)
            placed[0, links, start : start + width] = False
        _, reward, *_, info = env.step(action)
        wanted = -1.0
        if served:
            wanted = 1.0 - lost_starts(env, before, placed, path) / most[pair, rate]
        assert reward == pytest.approx(wanted, abs=1e-9)
        rewards.add(round(float(reward), 3))
    assert len(rewards) > 10


@pytest.mark.parametrize("method", ["first_fit", "last_fit", "mscl"])
def test_the_capacity_that_each_path_costs_is_shown(method: str) -> None:
    sections: dict[str, Any] = {"topology": {"network": "cost239_deeprmsa"}}
    changes = overrides(
        100, 0, **sections, spectrum={"c_band": 20}, routing={"k_paths": 2, "interfering_routes": 0}
    )
    changes["general_settings"]["allocation_method"] = method
    env = EonEnv("quick", changes, load=40.0, observation="blocks", actions="paths")
    network, full = env.scenario.network, np.ones_like(free_of(env))

    def loss(path: int, rate: int, before: NDArray[np.bool_], start: int) -> int:
        after = before.copy()
        width = int(network.width[network.width_row[path], rate])
        links = network.links[network.first_hop[path] : network.first_hop[path + 1]]
        after[0, links, start : start + width] = False
        return lost_starts(env, before, after, path)

    rates = range(len(env.scenario.traffic.bit_rate_shares))
    widths = network.width[network.width_row].astype(int)
    most = max(
        loss(path, rate, full, (20 - widths[path, rate]) // 2)
        for path in range(len(widths))
        for rate in rates
        if 0 < widths[path, rate] <= 20
    )
    last = [name.removeprefix("path 0: ") for name in env.layout.names if "path 0: " in name][-3:]
    assert last == ["start of place", "loss of place", "loss of first block"]
    places = set()
    for observation, mask in wild_steps(env, 60):
        pair, rate = request_of(env)
        before = free_of(env).copy()
        for candidate, shown in enumerate(env.layout.paths(observation)[:, -3:]):
            path = int(network.first_path[pair]) + candidate
            if not mask[candidate]:
                assert shown.tolist() == [1.0, 1.0, 1.0]
                continue
            links = network.links[network.first_hop[path] : network.first_hop[path + 1]]
            width = widths[path, rate]
            starts = [
                start
                for run, end in runs(before[0, links].all(axis=0))
                for start in range(run, end - width + 1)
            ]
            losses = [loss(path, rate, before, start) for start in starts]
            at = {"first_fit": 0, "last_fit": -1, "mscl": int(np.argmin(losses))}[method]
            wanted = starts[at] / 20, (losses[at] / most) ** 0.5, (losses[0] / most) ** 0.5
            assert shown == pytest.approx(wanted, abs=1e-6)
            places.add(starts[at])
    assert len(places) > 5


def test_a_reward_in_proportion_to_the_bit_rate() -> None:
    shares = {"request_distribution": {"50": 0.25, "100": 0.5, "400": 0.25}}
    changes = overrides(600, 0, general=shares, traffic={"bit_rates": "distribution"})
    env = EonEnv("quick", changes, load=LOAD, reward="bit_rate", blocked_reward=-0.5)
    _, info = env.reset(options={"replication": 0})
    gbps, met = env.scenario.lightpaths.bit_rates_gbps, set()
    for _ in range(500):
        _, rate = request_of(env)
        action = int(info["action_mask"].argmax())
        _, reward, *_, info = env.step(action)
        served = action < env.layout.actions - 1
        assert reward == pytest.approx((1.0 if served else -0.5) * gbps[rate] / 162.5)
        met.add((rate, served))
    assert len(met) >= 5


QUALITY = {"snr_settings": {"snr_type": "gsnr"}}
SLICES = {"general_settings": {"max_segments": 3}}


@pytest.mark.parametrize(
    ("changes", "options", "told"),
    [
        ({}, {"observation": "image"}, "must be 'features', 'spectrum', 'blocks' or 'graph'"),
        ({}, {"actions": "nodes"}, "actions = 'nodes': must be 'blocks', 'paths' or 'slots'"),
        ({}, {"reward": "money"}, "must be 'served', 'bit_rate' or 'capacity_loss'"),
        (
            {"general_settings": {"allocation_method": "random_fit"}},
            {"actions": "paths"},
            "actions = 'paths' with allocation_method = random_fit: must be first_fit",
        ),
        (QUALITY, {"actions": "slots"}, "actions = 'slots': not with snr_type"),
        (SLICES, {"actions": "slots"}, "actions = 'slots': not with max_segments"),
        (
            {**QUALITY, "general_settings": {"allocation_method": "best_fit"}},
            {"actions": "paths"},
            "actions = 'paths' with another allocation_method than first_fit: not with snr_type",
        ),
        (SLICES, {"reward": "capacity_loss"}, "reward = 'capacity_loss': not with max_segments"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(
    changes: dict[str, Any], options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        EonEnv("quick", changes, **options)
