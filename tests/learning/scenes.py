"""Settings for environments on random networks, and what an environment shows, from the definitions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.config.config import load_config
from fusion.learning.environment import EonEnv
from fusion.learning.setting import Setting
from fusion.network.planes import Plane
from fusion.results.measured import Replication
from fusion.results.replication_file import to_record
from fusion.scenario.candidate_paths import Candidates
from fusion.scenario.layout import make_layout
from fusion.scenario.network_rows import Lightpaths
from fusion.scenario.policies import built_in_policy
from fusion.scenario.scenario import Scenario
from tests.twin.cases import Case
from tests.twin.twin import Choice, Spectrum, free_blocks


def scenario_of(case: Case, num_requests: int) -> Scenario:
    """Return the random network of a case as a scenario."""
    network, paths = case.network, case.paths
    slots = [int(np.bitwise_count(plane[0]).sum()) for plane in network.spectrum]
    candidates = np.diff(network.first_path)
    rank = [place for count in candidates for place in range(count)]
    return Scenario(
        network=network,
        traffic=case.traffic,
        policy=built_in_policy("first_fit", "in_order"),
        service=None,
        failure=None,
        protection=None,
        conventions=None,
        user_policy=None,
        planes=tuple(Plane(core, "c", count) for core, count in enumerate(slots)),
        candidates=Candidates(
            np.diff(network.first_hop), paths.length_km, np.array(rank, dtype=np.int32)
        ),
        lightpaths=Lightpaths(
            formats=("any",),
            format_by_row=np.zeros_like(network.width),
            guard_slots=0,
            bit_rates_gbps=np.arange(1.0, network.width.shape[1] + 1),
            rate_of_column=np.arange(network.width.shape[1], dtype=np.int32),
        ),
        pairs=tuple((str(source), str(destination)) for source, destination in paths.pairs),
        links=tuple((f"link {link}", "") for link in range(network.spectrum.shape[1])),
        link_km=(1.0,) * network.spectrum.shape[1],
        seed=case.seed,
        num_requests=num_requests,
        sample_every=case.sample_every,
    )


def setting_of(case: Case, num_requests: int, warmup: int, blocks: int, **changes: Any) -> Setting:
    """Return a setting in which nothing but the scenario and the layout comes from a config."""
    scenario = scenario_of(case, num_requests)
    setting = Setting(
        config=load_config("quick"),
        scenario=scenario,
        load=case.load,
        warmup_requests=warmup,
        agent_warms_up=True,
        layout=make_layout(scenario, blocks, shows_holding=True),
        blocked_reward=-1.0,
        may_block=False,
        shows_spectrum=True,
    )
    return setting._replace(**changes)


class Sight(NamedTuple):
    """What should be shown. choices: where an action places a lightpath; None: it cannot be done."""

    features: dict[str, float]
    choices: list[Choice | None]


def look(spectrum: Spectrum, setting: Setting, pair: int, bit_rate: int, holding: float) -> Sight:
    """Return what an agent should see of a request, by the names of `Layout`."""
    scenario, blocks = setting.scenario, setting.layout.blocks
    slots = [plane.slots for plane in scenario.planes]
    source, destination = scenario.pairs[pair]
    seen = {f"source {node}": float(node == source) for node in setting.layout.nodes}
    seen |= {f"destination {node}": float(node == destination) for node in setting.layout.nodes}
    seen["bit rate"] = scenario.lightpaths.bit_rates_gbps[bit_rate] / max(
        scenario.lightpaths.bit_rates_gbps
    )
    seen["holding time"] = min(1.0, holding / (8 * scenario.traffic.mean_holding_time))
    choices: list[Choice | None] = []
    for candidate in range(setting.layout.candidates):
        found: list[tuple[Choice, int]] = []
        whole: list[int] = []
        hops = width = 0
        if candidate < len(spectrum.candidates[pair]):
            path = spectrum.candidates[pair][candidate]
            hops, width = len(spectrum.route[path]), spectrum.width[path][bit_rate]
            for plane in range(spectrum.planes):
                free = [spectrum.free[plane, link] for link in spectrum.route[path]]
                for start, size in free_blocks(set.intersection(*free)):
                    whole.append(size)
                    if width and size >= width:
                        found.append((Choice(path, plane, start), size))
        name = f"path {candidate}: "
        seen[name + "hops"] = hops / max(map(len, spectrum.route))
        seen[name + "width"] = min(1.0, width / max(slots))
        seen[name + "free"] = sum(whole) / sum(slots)
        seen[name + "largest"] = max(whole, default=0) / max(slots)
        seen[name + "mean"] = sum(whole) / len(whole) / max(slots) if whole else 0.0
        for block in range(blocks):
            start, size = 1.0, 0.0
            choices.append(found[block][0] if block < len(found) else None)
            if block < len(found):
                choice, size = found[block]
                start = (sum(slots[: choice.plane]) + choice.start) / sum(slots)
            seen[f"{name}start of block {block}"] = start
            seen[f"{name}size of block {block}"] = size / max(slots)
    return Sight(seen, choices)


def first_possible(mask: NDArray[np.int8]) -> int:
    """Take the first path in order with room, on it first fit: the policy kspff."""
    return int(np.argmax(mask))


def play(env: EonEnv, replication: int, choose: Any = None) -> Replication:
    """Return what an agent measured; choose: (observation, mask) to action."""
    observation, info = env.reset(options={"replication": replication})
    ended = False
    while not ended:
        mask = info["action_mask"]
        action = choose(observation, mask) if choose else first_possible(mask)
        observation, _, terminated, ended, info = env.step(action)
        assert not terminated
    return env.measured()


def equal(one: Replication, other: Replication) -> bool:
    """Say whether two replications measured the same, bit for bit."""
    return to_record(one) == to_record(other)
