"""An agent as a policy blocks what it blocks in an environment with onnxruntime, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fusion.config.config import load_config
from fusion.learning.evaluation import evaluate
from fusion.learning.setting import make_setting
from fusion.results.measured import Replication
from fusion.results.replication_file import to_record
from fusion.scenario.agent.about import About
from fusion.scenario.agent.file import agent_content
from fusion.scenario.agent.graph import Graph
from fusion.scenario.inputs import read_inputs
from fusion.scenario.layout import Layout
from fusion.scenario.scenario import make_scenario
from fusion.simulation.replication import replicate
from tests.agent.networks import (
    Attention,
    Dense,
    Norm,
    mlp_graph,
    onnxruntime_session,
    paths_graph,
)

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

LOAD = 260.0
THRESHOLDS = {"QPSK": 12.0, "8-QAM": 15.0, "16-QAM": 18.0, "32-QAM": 21.0, "64-QAM": 24.0}
NOISE = {"snr_type": "gsnr", "snr_thresholds": {"BPSK": 9.0, **THRESHOLDS}, "input_power": 2e-3}
LINK = {"failure_type": "link", "failed_link_src": "1", "failed_link_dst": "2"}
LINK |= {"t_fail_arrival_index": "300", "t_repair_after_arrivals": "300"}
RANDOM = {"failure_type": "random", "mtbf": 4, "mtbf_of": "link", "mttr": 0.3}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({"general": {"num_requests": 20_000}}, {}),
    "three blocks and the holding time": ({}, {"blocks": 3, "shows_holding": True}),
    "may block": ({}, {"may_block": True}),
    "numbers of blocks": ({}, {"blocks": 3, "observation": "blocks"}),
    "numbers of blocks, and noise": ({"snr": NOISE}, {"blocks": 2, "observation": "blocks"}),
    "numbers of blocks, and failures": (
        {"failure": {**RANDOM, "restoration": "reroute"}},
        {"blocks": 2, "observation": "blocks"},
    ),
    "paths": ({}, {"actions": "paths"}),
    "paths by best fit": (
        {
            "general": {"allocation_method": "best_fit"},
            "failure": {**RANDOM, "restoration": "wait"},
        },
        {"actions": "paths"},
    ),
    "paths by MSCL": (
        {"general": {"allocation_method": "mscl"}},
        {"actions": "paths", "observation": "blocks", "blocks": 2},
    ),
    "paths and what they cost": ({}, {"actions": "paths", "observation": "blocks"}),
    "paths with slices": ({"general": {"max_segments": 4}}, {"blocks": 2, "actions": "paths"}),
    "slots": (
        {"topology": {"cores_per_link": 2}, "spectrum": {"c_band": 40, "l_band": 20}},
        {"actions": "slots"},
    ),
    "slots and failures": (
        {"failure": {**RANDOM, "restoration": "wait"}},
        {"actions": "slots", "observation": "blocks", "blocks": 2},
    ),
    "another network": ({"topology": {"network": "cost239_deeprmsa"}}, {}),
    "cores and bands": (
        {"topology": {"cores_per_link": 2}, "spectrum": {"c_band": 40, "l_band": 20}},
        {"blocks": 2},
    ),
    "noise": ({"snr": NOISE}, {"blocks": 2}),
    "noise of those that are up": (
        {"snr": {**NOISE, "snr_recheck": True}, "spectrum": {"c_band": 40, "l_band": 40}},
        {},
    ),
    "slices": ({"general": {"max_segments": 4}}, {}),
    "slices in part": (
        {"general": {"max_segments": 3, "can_partially_serve": True}},
        {"blocks": 2},
    ),
    "good slices": ({"snr": NOISE, "general": {"max_segments": 4, "dynamic_lps": True}}, {}),
    "a failure": ({"failure": LINK}, {"blocks": 2}),
    "failures and rerouting": ({"failure": {**RANDOM, "restoration": "reroute"}}, {}),
    "failures and waiting": ({"failure": {**RANDOM, "restoration": "wait"}}, {}),
    "failures and noise": (
        {"failure": {**RANDOM, "restoration": "reroute"}, "snr": NOISE},
        {"blocks": 2},
    ),
    "failures and slices": (
        {"failure": {**RANDOM, "restoration": "reroute"}, "general": {"max_segments": 3}},
        {},
    ),
}


def overrides(sections: dict[str, Any], policy: str = "") -> dict[str, Any]:
    general = {
        "num_requests": 1500,
        "frag_calc_step": 50,
        "erlang_start": LOAD,
        "erlang_stop": LOAD,
    }
    return {
        **{f"{name}_settings": values for name, values in sections.items()},
        "general_settings": {**general, **sections.get("general", {})},
        "simulation_settings": {"warmup_requests": 200},
        "routing_settings": {"policy": policy} if policy else {},
    }


def dense(random: np.random.Generator, size: int, width: int) -> Dense:
    return Dense(random.normal(size=(size, width)) / np.sqrt(size), random.normal(size=width) * 0.1)


def mlp(layout: Layout, seed: int) -> Graph:
    random = np.random.default_rng(seed)
    layers = [dense(random, layout.size, 64), dense(random, 64, 64)]
    return mlp_graph(layers, dense(random, 64, layout.actions), "tanh")


def with_attention(layout: Layout, seed: int) -> Graph:
    random = np.random.default_rng(seed)
    of_path = layout.paths(np.zeros(layout.size, dtype=np.float32)).shape[-1]
    context = layout.size - layout.candidates * of_path
    attention = Attention(4, *(dense(random, 32, 32) for _ in range(4)))
    return paths_graph(
        context=context,
        paths=layout.candidates,
        shared=[dense(random, context + of_path, 32)],
        attention=[(attention, Norm(np.ones(32), np.zeros(32)))],
        score=dense(random, 32, layout.blocks),
        block=dense(random, 32, 1),
    )


class ByOnnxruntime:
    """An agent for environments. close: decisions between logits that are nearly the same, and not quite."""

    def __init__(self, path: Path) -> None:
        self._session = onnxruntime_session(path)
        self.close = 0

    def __call__(
        self, observations: NDArray[np.float32], masks: NDArray[np.int8]
    ) -> NDArray[np.int64]:
        (logits,) = self._session.run(None, {"observation": observations})
        possible = np.where(masks, logits, -np.inf)
        first, second = np.sort(possible, axis=1)[:, :-3:-1].T
        self.close += int(((first != second) & (first - second < 1e-5)).sum())
        return possible.argmax(axis=1)


def by_policy(path: Path, sections: dict[str, Any], replications: int) -> list[Replication]:
    config = load_config("quick", overrides(sections, str(path)))
    scenario = make_scenario(config, read_inputs(config))
    return [replicate(scenario, LOAD, number, 200) for number in range(replications)]


def equal(one: Replication, other: Replication) -> bool:
    """Return whether two replications measured the same, bit for bit.

    But for the time asked for where links fail: it is added up by the requests that are drawn together.
    """
    a, b = to_record(one), to_record(other)
    asked = [each.pop("asked_time", 0.0) for each in (a, b)]
    return a == b and asked[0] == pytest.approx(asked[1], rel=1e-12)


@pytest.mark.parametrize(
    ("name", "network"),
    [
        *((name, mlp) for name in CASES),
        *((name, with_attention) for name in ("plain", "good slices", "failures and noise")),
    ],
)
def test_it_blocks_what_onnxruntime_blocks(name: str, network: Any, tmp_path: Path) -> None:
    sections, options = CASES[name]
    layout = make_setting("quick", overrides(sections), **options).layout
    about = About(nodes=layout.nodes, candidates=layout.candidates, **options)
    path = tmp_path / "agent.onnx"
    for seed in (5, 6, 7, 8):
        path.write_bytes(agent_content(".onnx", network(layout, seed), about))
        done = by_policy(path, sections, 2)
        agent = ByOnnxruntime(path)
        found = evaluate(agent, "quick", overrides(sections), replications=2, **options)
        if all(equal(a, b) for a, b in zip(done, found.replications, strict=True)):
            break
        # Only logits that are alike to 1e-5 may explain it; then another network decides.
        assert agent.close, f"the network of seed {seed} decides otherwise"
    else:
        pytest.fail("no network without decisions between logits that are alike to 1e-5")
    assert all(each.traffic.blocked.sum() > 0 for each in done)
    builtin = load_config("quick", overrides(sections))
    kspff = make_scenario(builtin, read_inputs(builtin))
    assert to_record(replicate(kspff, LOAD, 0, 200)) != to_record(done[0])


def test_no_two_decisions_of_an_agent_depend_on_what_it_decided_before(tmp_path: Path) -> None:
    """Memory of a replication is its own: in any order, and twice, each measures the same."""
    layout = make_setting("quick", overrides({})).layout
    path = tmp_path / "agent.onnx"
    path.write_bytes(agent_content(".onnx", mlp(layout, 1), About()))
    config = load_config("quick", overrides({}, str(path)))
    scenario = make_scenario(config, read_inputs(config))
    found = {}
    for number in (2, 0, 1, 0, 2):
        record = to_record(replicate(scenario, LOAD, number, 200))
        assert found.setdefault(number, record) == record
