"""One environment: gymnasium's own checks, the simulator's own numbers, and what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray

from fusion.config.config import ConfigError, load_config
from fusion.config.templates import template_names
from fusion.learning import ID, EonEnv, EonVectorEnv
from fusion.learning.episodes import LEARNING, LENGTH
from fusion.scenario.policies import FITS
from fusion.scenario.scenario import Scenario
from fusion.scenario.traffic import draw_requests
from fusion.simulation.plain import serve_chunk
from fusion.simulation.replication import replicate
from tests.learning.scenes import equal, play
from tests.twin.cases import first_requests, serve_all

LOAD = 220.0
SHORT = {"general_settings": {"num_requests": 40}, "simulation_settings": {"warmup_requests": 20}}


def overrides(requests: int = 2000, warmup: int = 500, **sections: Any) -> dict[str, Any]:
    general = {"num_requests": requests, "frag_calc_step": 100, **sections.pop("general", {})}
    return {
        "general_settings": general,
        "simulation_settings": {"warmup_requests": warmup},
        **{f"{name}_settings": values for name, values in sections.items()},
    }


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"blocks": 3, "shows_holding": True, "may_block": True},
        {"observation": "spectrum", "warm_up": "policy", "blocked_reward": 0.0},
        {"observation": "blocks", "blocks": 2, "actions": "paths"},
        {"observation": "graph", "shows_holding": True, "reward": "bit_rate"},
        {"actions": "slots", "reward": "capacity_loss"},
    ],
    ids=["default", "blocks", "spectrum", "blocks seen", "graph", "slots"],
)
def test_gymnasium_finds_nothing_wrong(options: dict[str, Any]) -> None:
    env = gymnasium.make(ID, config="quick", overrides=SHORT, load=LOAD, **options)
    check_env(env.unwrapped)


def test_an_agent_sees_parallel_links(tmp_path: Path) -> None:
    """Each choice of links is a candidate, and each link has a row of the spectrum."""
    (tmp_path / "net.csv").write_text("A,B,100\nA,B,120\nB,C,50\nC,A,70\n")
    sections = {
        "topology": {"network": str(tmp_path / "net.csv"), "link_directions": "shared"},
        "routing": {"k_paths": 2},
        "spectrum": {"c_band": 40},
    }
    changes = overrides(200, 0, **sections)
    env = EonEnv("quick", changes, load=20.0, observation="spectrum")
    observation, info = env.reset(seed=1)
    assert env.setting.layout.candidates == 3
    assert observation["free"].shape == (4, 40)
    assert observation["free"].all()
    after, *_ = env.step(int(np.flatnonzero(info["action_mask"])[0]))
    network = env.scenario.network
    routes = {
        tuple(network.links[first:end].tolist())
        for first, end in pairwise(network.first_hop.tolist())
    }
    assert tuple(np.flatnonzero(~after["free"].astype(bool).all(axis=1)).tolist()) in {
        tuple(sorted(route)) for route in routes
    }


def test_the_default_environment_can_be_made_by_name() -> None:
    env = gymnasium.make("fusion.learning:fusion/RMSA-v0")
    assert env.unwrapped.scenario.num_requests == 200_000  # type: ignore[attr-defined]
    observation, info = env.reset(seed=1)
    assert observation in env.observation_space
    assert env.action_space.sample(mask=info["action_mask"]) in env.action_space


def best_start(env: EonEnv) -> Any:
    """Take the path whose first block starts lowest: the policy ffksp."""

    def choose(observation: NDArray[np.float32], mask: NDArray[np.int8]) -> int:
        start = env.layout.paths(observation)[:, 5]
        return int(np.argmin(start)) if mask[:-1].any() else env.layout.actions - 1

    return choose


NETWORKS: dict[str, dict[str, Any]] = {
    "one spectrum for both directions": {"topology": {"link_directions": "shared"}},
    "no guard": {"general": {"guard_slots": 0}},
    "wide guard": {"general": {"guard_slots": 3}},
    "by km": {"routing": {"k_paths": 3, "path_order": "km"}},
    "cores and bands": {
        "topology": {"cores_per_link": 2},
        "spectrum": {"c_band": 20, "l_band": 26},
        "general": {"spectrum_priority": "BSC"},
    },
    "cores apart": {
        "topology": {"cores_per_link": 7},
        "spectrum": {"c_band": 13},
        "general": {"allocation_method": "priority_first"},
    },
    "channels": {
        "topology": {"bw_per_slot": 50},
        "spectrum": {"c_band": 24},
        "general": {"fixed_grid": True, "guard_slots": 0},
    },
    "cost239": {"topology": {"network": "cost239_deeprmsa"}, "spectrum": {"c_band": 64}},
    "usnet": {"topology": {"network": "usnet_gcnrnn"}, "spectrum": {"c_band": 72}},
    "fixed holding times": {"traffic": {"holding_distribution": "deterministic"}},
    "few bit rates": {
        "traffic": {"bit_rates": "distribution"},
        "general": {"request_distribution": {"50": 0.25, "100": 0.75}},
    },
    "no warm-up": {"warmup": 0},
    "more than a chunk": {"requests": 3000, "warmup": 1023},
}


@pytest.mark.parametrize("blocks", [1, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_first_fit_measures_what_the_simulator_measures(name: str, blocks: int) -> None:
    env = EonEnv("quick", overrides(**NETWORKS[name]), load=LOAD, blocks=blocks)
    done = play(env, 3)
    wanted = replicate(env.scenario, LOAD, 3, env.setting.warmup_requests)
    assert wanted.traffic.blocked.sum() > 0
    assert equal(done, wanted)


@pytest.mark.parametrize("name", ["no guard", "cores and bands"])
def test_the_lowest_start_measures_what_ffksp_measures(name: str) -> None:
    sections = {**NETWORKS[name], "routing": {"path_choice": "all"}}
    env = EonEnv("quick", overrides(**sections), load=LOAD)
    wanted = replicate(env.scenario, LOAD, 0, env.setting.warmup_requests)
    assert equal(play(env, 0, best_start(env)), wanted)


def test_each_request_is_decided_as_the_event_loop_decides_it() -> None:
    env = EonEnv("quick", overrides(requests=1500, warmup=500), load=LOAD)
    scenario = env.scenario
    requests = first_requests(scenario.traffic, LOAD, scenario.seed, 5, 2000)
    served = serve_all(scenario.network, scenario.policy, requests, LOAD, 1.0).decision
    observation, info = env.reset(options={"replication": 5})
    for pair, (path, _, start) in zip(requests.pair, served.tolist(), strict=True):
        action = int(np.argmax(info["action_mask"]))
        if path < 0:
            assert action == env.layout.actions - 1
        else:
            assert action == path - scenario.network.first_path[pair]
            shown = env.layout.paths(observation)[action, 5] * scenario.slots_per_link
            assert shown == pytest.approx(start)
        observation, reward, _, _, info = env.step(action)
        assert reward == (1.0 if path >= 0 else -1.0)


@pytest.mark.parametrize("fit", FITS)
def test_the_policy_of_the_config_warms_up(fit: str) -> None:
    sections = overrides(requests=300, warmup=1500, general={"allocation_method": fit})
    env = EonEnv("quick", sections, load=LOAD, warm_up="policy", observation="spectrum")
    observation, _ = env.reset(options={"replication": 2})
    # The free slots when request 1500 comes: those of an event loop that has served 1500 and blocks the next.
    scenario = env.scenario
    requests = first_requests(scenario.traffic, LOAD, scenario.seed, 2, 1501)
    served = serve_all(
        scenario.network, scenario.policy, requests.part(0, 1500), LOAD, 0.2, cuts=[0, 700, 1500]
    )
    blocked = requests.part(1500, 1501)._replace(bit_rate=np.zeros(1, dtype=np.int32))
    nothing = scenario.network._replace(width=np.zeros_like(scenario.network.width))
    serve_chunk(scenario._replace(network=nothing), served.state, served.tally, blocked)
    free = np.unpackbits(served.state.free[0].view(np.uint8), axis=1, bitorder="little")
    assert np.array_equal(observation["free"], free[:, : scenario.slots_per_link])
    if fit == "first_fit":
        assert equal(
            play(env, 2, lambda _, mask: np.argmax(mask)), replicate(scenario, LOAD, 2, 1500)
        )


def numbered(replication: int) -> dict[str, Any]:
    return {"replication": replication}


def test_a_replication_is_begun_by_its_number_and_then_the_next_one() -> None:
    env = EonEnv("quick", SHORT, load=LOAD)
    assert env.reset(options=numbered(0))[1]["replication"] == 0
    first, info = env.reset(options=numbered(5))
    assert info["replication"] == 5
    for _ in range(7):
        env.step(0)
    second, info = env.reset()
    assert info["replication"] == 6
    assert np.array_equal(env.reset(options=numbered(5))[0], first)
    assert np.array_equal(EonEnv("quick", SHORT, load=LOAD).reset(options=numbered(6))[0], second)
    strides = EonEnv("quick", SHORT, load=LOAD, stride=10)
    strides.reset(options=numbered(0))
    assert [strides.reset()[1]["replication"] for _ in range(2)] == [10, 20]


def replications(env: EonEnv, count: int, seed: int | None = None) -> list[int]:
    """Return the replications of the next episodes, the first of them with a seed."""
    first = env.reset(seed=seed)[1]["replication"]
    return [first, *(env.reset()[1]["replication"] for _ in range(count - 1))]


def test_episodes_of_seeds_are_neither_those_of_others_nor_of_runs() -> None:
    """As a library seeds them that knows nothing of replications: n, n + 1, ... or not at all."""
    envs = [EonEnv("quick", SHORT, load=LOAD) for _ in range(6)]
    seeds = [100, 101, 102, 0, None, None]
    met = [
        replication
        for env, seed in zip(envs, seeds, strict=True)
        for replication in replications(env, 20, seed)
    ]
    assert len(set(met)) == len(met)
    assert min(met) >= 1 << 50  # runs count from 0
    again = EonEnv("quick", SHORT, load=LOAD)
    assert replications(again, 20, 101) == met[20:40]
    observation, _ = envs[0].reset(seed=7)
    assert np.array_equal(again.reset(seed=7)[0], observation)
    assert not np.array_equal(again.reset()[0], observation)


def test_a_library_that_asks_for_pictures_gets_them() -> None:
    """stable_baselines3's make_vec_env asks for rgb_array, and takes a TypeError alone for a no."""
    env = gymnasium.make(
        ID,
        config="quick",
        overrides=SHORT,
        load=LOAD,
        observation="spectrum",
        render_mode="rgb_array",
    )
    assert env.render_mode == "rgb_array"
    observation, info = env.reset(seed=3)
    for _ in range(50):
        observation, _, _, _, info = env.step(int(np.argmax(info["action_mask"])))
    picture: Any = env.render()
    assert picture.dtype == np.uint8
    # The middle of each slot: light where it is free. Pixels as `fusion.learning.picture` says.
    links, slots = observation["free"].shape
    assert picture.shape == (8 * links, 10 + 4 * slots, 3)
    middles = picture[3::8, 11::4]
    assert np.array_equal(middles.mean(axis=2) > 128, observation["free"] == 1)
    assert 0 < observation["free"].mean() < 1
    layout, scenario = env.unwrapped.layout, env.unwrapped.scenario  # type: ignore[attr-defined]
    source, destination = np.flatnonzero(observation["features"][: 2 * len(layout.nodes)])
    pair = scenario.pairs.index(
        (layout.nodes[source], layout.nodes[destination - len(layout.nodes)])
    )
    network = scenario.network
    first, last = network.first_hop[network.first_path[[pair, pair + 1]]]
    marked = np.flatnonzero((picture[3::8, 3] != 255).any(axis=1))
    assert marked.tolist() == sorted(set(network.links[first:last].tolist()))
    assert EonEnv("quick", SHORT, load=LOAD, render_mode=None).render_mode is None


def test_an_episode_is_truncated_and_shows_the_request_after_it() -> None:
    observations = {}
    for requests in (40, 41):
        env = EonEnv("quick", overrides(requests=requests, warmup=20), load=LOAD)
        observation, info = env.reset(seed=1)
        ends = []
        for _ in range(60):
            action = int(np.argmax(info["action_mask"]))
            observation, _, terminated, truncated, info = env.step(action)
            ends.append(truncated)
            assert not terminated
            assert ("blocking_probability" in info) == truncated
        observations[requests] = observation
        assert ends == [False] * 59 + [requests == 40]
    assert np.array_equal(observations[40], observations[41])


def test_what_is_in_the_mask_succeeds_and_nothing_else() -> None:
    env = EonEnv("quick", overrides(warmup=0), load=2 * LOAD, blocks=3)
    random = np.random.default_rng(1)
    _, info = env.reset(seed=0)
    last, seen = env.layout.actions - 1, set()
    for _ in range(2000):
        mask = info["action_mask"]
        assert np.array_equal(env.action_masks(), mask == 1)
        assert mask.any()
        assert mask[last] == (not mask[:last].any())
        action = int(random.integers(last + 1))
        _, reward, _, _, info = env.step(action)
        assert (reward == 1.0) == (mask[action] == 1 and action < last)
        seen.add((int(mask[action]), reward))
    assert seen == {(1, 1.0), (0, -1.0), (1, -1.0)}


def test_names_say_what_the_numbers_are() -> None:
    env = EonEnv("quick", SHORT, load=LOAD, blocks=2, shows_holding=True)
    names = env.layout.names
    assert isinstance(env.observation_space, spaces.Box)
    assert len(names) == len(set(names)) == env.observation_space.shape[0] == env.layout.size
    observation, _ = env.reset(seed=0)
    seen = dict(zip(names, observation.tolist(), strict=True))
    assert sum(seen[f"source {node}"] for node in env.layout.nodes) == 1.0
    paths = env.layout.paths(observation)
    assert paths[2, 5] == observation[names.index("path 2: start of block 0")]
    assert paths.shape == (5, 9)
    assert np.shares_memory(paths, observation)


REFUSED = {
    "is_grooming_enabled": {"general_settings": {"is_grooming_enabled": True}},
    "protection_mode": {"protection_settings": {"protection_mode": "1plus1"}},
    "conventions": {
        "compatibility_settings": {"conventions": "fusion"},
        "topology_settings": {"link_directions": "shared"},
        "routing_settings": {"path_order": "km"},
        "traffic_settings": {"bit_rates": "distribution"},
    },
}


@pytest.mark.parametrize("key", REFUSED)
def test_what_is_not_modelled_is_refused_by_name(key: str) -> None:
    with pytest.raises(ConfigError) as told:
        EonEnv("quick", REFUSED[key])
    assert any(problem.key == key for problem in told.value.problems)
    assert f"{key} = " in str(told.value)
    assert "with a reinforcement-learning environment: " in str(told.value)


def test_every_template_is_taken_or_refused_by_name() -> None:
    taken = set()
    for name in template_names():
        try:
            env = EonEnv(name)
        except ConfigError as error:
            keys = {problem.key for problem in error.problems}
            assert keys <= {"is_grooming_enabled"}, name
        else:
            assert env.reset(seed=0)[0] in env.observation_space
            taken.add(name)
    assert {"quick", "deeprmsa", "nsfnet_320_slots", "ptrnet_rsa_80"} <= taken


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"load": 0.0}, "load = 0: must be from 1e-6 to 1e6 Erlang"),
        ({"load": float("nan")}, "load = nan"),
        ({"blocks": 0}, "blocks = 0: must be an integer from 1 to 1,000"),
        (
            {"observation": "image"},
            "observation = 'image': must be 'features', 'spectrum', 'blocks' or 'graph'",
        ),
        ({"warm_up": "none"}, "warm_up = 'none': must be 'agent' or 'policy'"),
        ({"render_mode": "human"}, "render_mode = 'human'"),
        ({"stride": 0}, "stride = 0: must be at least 1"),
        ({"config": load_config("quick"), "overrides": SHORT}, "a Config has them already"),
    ],
)
def test_bad_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EonEnv(**{"config": "quick", **options})


def test_an_option_that_is_none() -> None:
    with pytest.raises(TypeError, match="block_size"):
        EonEnv("quick", block_size=3)  # type: ignore[call-arg]


def test_a_config_that_is_read_already() -> None:
    config = load_config("quick", SHORT)
    a, b = EonEnv(config), EonEnv("quick", SHORT)
    assert np.array_equal(a.reset(seed=4)[0], b.reset(seed=4)[0])
    assert a.setting.load == config.loads[0] == 140.0


def test_a_seed_has_a_stream_of_its_own_or_is_refused() -> None:
    env = EonEnv("quick", SHORT, load=LOAD)
    for wrong in (2**32, 2**32 + 3, 2**70, -1, 1.5, True, "3"):
        for options in (None, numbered(0)):
            with pytest.raises(ValueError, match=r"seed = .* an integer from 0 to 4294967295"):
                env.reset(seed=wrong, options=options)  # type: ignore[arg-type]
    assert env.reset(seed=2**32 - 1)[1]["replication"] == LEARNING + LENGTH * (2**32 - 1)
    assert env.reset(options=numbered(2**62 - 1))[1]["replication"] == 2**62 - 1
    assert env.reset()[1]["replication"] == 2**62


def test_what_is_asked_at_the_wrong_time() -> None:
    env = EonEnv("quick", SHORT, load=LOAD)
    for ask in (env.action_masks, lambda: env.step(0), env.render):
        with pytest.raises(RuntimeError, match="call reset first"):
            ask()
    with pytest.raises(RuntimeError, match="an episode is measured at its end"):
        env.measured()
    env.reset(seed=0)
    for action in (-1, env.layout.actions):
        with pytest.raises(ValueError, match=f"action = {action}: must be an integer from 0 to 5"):
            env.step(action)
    with pytest.raises(ValueError, match="'load' is unknown; there is replication"):
        env.reset(options={"load": 3})
    for wrong in (
        -1,
        1.5,
        True,
        2**62,
        2**63,
        2**64,
        10**400,
        float("inf"),
        float("nan"),
        "3",
        [3],
    ):
        with pytest.raises(
            ValueError, match=r"replication = .* an integer from 0 to 46116860184273"
        ):
            env.reset(options={"replication": wrong})
    with pytest.raises(ValueError, match="must be an integer from 0 to 5"):
        env.step(0.5)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="0 of 60 requests have been decided"):
        env.measured()
    play(env, 0)
    with pytest.raises(RuntimeError, match="call reset first"):
        env.step(0)


def test_the_simulator_does_not_load_gymnasium() -> None:
    code = "import sys, fusion.cli.run_sim, fusion.simulation.simulation; print('gymnasium' in sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_traffic_is_that_of_a_sweep() -> None:
    """What is shown of each request is what the simulator draws for seed, load and replication."""
    env = EonEnv("quick", {**SHORT, "simulation_settings": {"seed": 9}}, load=LOAD)
    scenario: Scenario = env.scenario
    chunk = next(draw_requests(scenario.traffic, LOAD, 9, 4, ties=False))
    observation, _ = env.reset(options={"replication": 4})
    rates = scenario.lightpaths.bit_rates_gbps
    for index in range(30):
        source, destination = scenario.pairs[chunk.pair[index]]
        nodes = env.layout.nodes
        count = len(nodes)
        assert nodes[int(observation[:count].argmax())] == source
        assert nodes[int(observation[count : 2 * count].argmax())] == destination
        rate = rates[chunk.bit_rate[index]] / rates.max()
        assert observation[2 * count] == pytest.approx(rate)
        observation, *_ = env.step(0)


def test_the_vector_environment_takes_the_same_arguments() -> None:
    with pytest.raises(ConfigError):
        EonVectorEnv(2, "quick", REFUSED["is_grooming_enabled"])
    with pytest.raises(ValueError, match="blocks = 0"):
        EonVectorEnv(2, "quick", blocks=0)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"load": "a"}, "load = a: must be a finite number"),
        ({"load": [1]}, "load = [1]: must be a finite number"),
        ({"load": 0}, "load = 0: must be from 1e-6 to 1e6 Erlang"),
        ({"blocks": 1.5}, "blocks = 1.5: must be an integer from 1 to 1,000"),
        ({"blocks": "a"}, "blocks = a: must be an integer from 1 to 1,000"),
        ({"blocked_reward": "x"}, "blocked_reward = x: must be a finite number"),
        ({"may_block": "no"}, "may_block = no: must be True or False"),
        ({"shows_holding": 3}, "shows_holding = 3: must be True or False"),
    ],
)
def test_an_option_of_another_type_is_told_by_its_name(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        EonEnv("quick", **options)


@pytest.mark.parametrize("action", [0.5, "a", None, 10**30])
def test_an_action_that_is_not_an_integer_is_told(action: Any) -> None:
    env = EonEnv("quick")
    env.reset()
    with pytest.raises(
        ValueError, match=f"action = {str(action)[:9]}.*: must be an integer from 0 to 5"
    ):
        env.step(action)
