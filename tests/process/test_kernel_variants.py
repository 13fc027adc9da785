"""Every event loop is compiled once, before its simulation, and kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FAILURE = {"failure_type": "node", "failed_node_id": 5, "t_repair_after_arrivals": 40}
AT_RANDOM = {"failure_type": "random", "mtbf": 30, "mtbf_of": "link", "mttr": 3}
CROSSTALK = {"BPSK": -14, "QPSK": -18, "8-QAM": -21, "16-QAM": -25, "64-QAM": -34}


def variant(failures: dict[str, Any] | None = None, **sections: dict[str, Any]) -> dict[str, Any]:
    """Return overrides of a template: sections without `_settings`, and what fails."""
    overrides = {f"{name}_settings": dict(keys) for name, keys in sections.items()}
    if failures:
        overrides["failure_settings"] = failures
    return overrides


VARIANTS = {
    "plain": variant(),
    "random fit by congestion": variant(
        general={"route_method": "cong_aware", "allocation_method": "random_fit"}
    ),
    "most used, lost at a failure": variant(FAILURE, general={"allocation_method": "most_used"}),
    "restored": variant(FAILURE | {"restoration": "reroute"}),
    "failing at random, waiting": variant(AT_RANDOM | {"restoration": "wait"}),
    "sliced": variant(general={"max_segments": 4}),
    "groomed": variant(general={"is_grooming_enabled": True, "can_partially_serve": True}),
    "sliced and restored": variant(
        FAILURE | {"restoration": "reroute"}, general={"max_segments": 4}
    ),
    "groomed, failing at random": variant(
        AT_RANDOM | {"restoration": "wait"}, general={"is_grooming_enabled": True}
    ),
    "gsnr": variant(snr={"snr_type": "gsnr"}),
    "gsnr, sliced and rechecked": variant(
        general={"max_segments": 4, "dynamic_lps": True},
        snr={"snr_type": "gsnr", "snr_recheck": True},
    ),
    "snr_calc_nli, restored": variant(
        FAILURE | {"restoration": "reroute"}, snr={"snr_type": "snr_calc_nli"}
    ),
    "xt_calculation": variant(
        topology={"cores_per_link": 7},
        snr={"snr_type": "xt_calculation", "requested_xt": CROSSTALK},
    ),
    "nli_aware": variant(general={"route_method": "nli_aware"}),
    "xt_aware, restored": variant(
        AT_RANDOM | {"restoration": "reroute"},
        general={"route_method": "xt_aware", "allocation_method": "xt_aware"},
        topology={"cores_per_link": 7},
    ),
    "nli_aware with gsnr, restored": variant(
        FAILURE | {"restoration": "reroute"},
        general={"route_method": "nli_aware"},
        snr={"snr_type": "gsnr"},
    ),
    "1plus1": variant(protection={"protection_mode": "1plus1"}),
    "1plus1, failing at random": variant(
        AT_RANDOM | {"restoration": "reroute"}, protection={"protection_mode": "1plus1"}
    ),
    "shared_backup, waiting": variant(
        FAILURE | {"restoration": "wait"},
        protection={"protection_mode": "shared_backup", "revert_to_primary": True},
    ),
    "1plus1 with gsnr, by congestion": variant(
        general={"route_method": "cong_aware"},
        protection={"protection_mode": "1plus1"},
        snr={"snr_type": "gsnr"},
    ),
    "shared_backup with gsnr, failing at random": variant(
        AT_RANDOM | {"restoration": "reroute"},
        protection={"protection_mode": "shared_backup", "revert_to_primary": True},
        snr={"snr_type": "gsnr"},
    ),
    "xt_aware with shared_backup": variant(
        general={"route_method": "xt_aware", "allocation_method": "xt_aware"},
        topology={"cores_per_link": 7},
        protection={"protection_mode": "shared_backup", "revert_to_primary": True},
    ),
    "as FUSION": variant(general={"max_segments": 1}, compatibility={"conventions": "fusion"}),
    "as FUSION, sliced": variant(
        general={"max_segments": 4}, compatibility={"conventions": "fusion"}
    ),
    "policy": variant(routing={"policy": "load_balancing.py:choose"}),
    "policy, restored": variant(
        FAILURE | {"restoration": "reroute"}, routing={"policy": "load_balancing.py:choose"}
    ),
}

SCRIPT = """
import json, pickle, sys
from numba.core import event
from fusion.simulation.compilation import ONCE, announced, compile_for
from fusion.config.config import ConfigError, load_config
from fusion.scenario.inputs import read_inputs
from fusion.simulation.replication import replicate
from fusion.scenario.loops import loop_of
from fusion.scenario.scenario import make_scenario

def compiled_by(work):
    with event.install_recorder("numba:compile") as recorder:
        work()
    return [record.data["dispatcher"].py_func.__name__ for _, record in recorder.buffer]

found = {}
def look(name, prepare, *works):
    said = []
    first = compiled_by(lambda: prepare(said.append))
    found[name] = said, first, [each for work in works for each in compiled_by(work)]

few = {"num_requests": 300, "erlang_start": 60, "erlang_stop": 60, "max_iters": 2}
for name, overrides in json.load(sys.stdin).items():
    overrides["general_settings"] = few | overrides.get("general_settings", {})
    template = "default" if "compatibility_settings" in overrides else "quick"
    config = load_config(template, overrides)
    scenario = make_scenario(config, read_inputs(config))
    sent = pickle.loads(pickle.dumps(scenario, protocol=pickle.HIGHEST_PROTOCOL))
    look(
        name,
        lambda say: compile_for(scenario, loop_of(config, None), say, "the rest follows"),
        lambda: replicate(scenario, 60.0, 0, 100),
        lambda: replicate(sent, 60.0, 1, 0),
    )

from fusion.learning import EonEnv, EonVectorEnv
from fusion.simulation.splitting import compile_splitting, estimate_rare_blocking

def prepare(work):
    def announce(say):
        with announced(say, ONCE, "the rest follows"):
            work()
    return announce

def steps(env, action):
    env.reset()
    for _ in range(30):
        env.step(action)

few = {"general_settings": few}
for seen in ("features", "spectrum"):
    env = EonEnv("quick", few, observation=seen, warm_up="policy")
    look(f"environment, {seen}", prepare(env.reset), lambda: steps(env, 0))
env = EonVectorEnv(2, "quick", few)
look("environments", prepare(env.reset), lambda: steps(env, [0, 0]))
config = load_config("quick", few | {"simulation_settings": {"workers": 1}})
inputs = read_inputs(config)
look(
    "splitting",
    prepare(lambda: compile_splitting(config, inputs)),
    lambda: estimate_rare_blocking(config, inputs, 60.0),
)
print(json.dumps(found))
"""


def look(cache: Path) -> dict[str, tuple[list[str], list[str], list[str]]]:
    """Return by variant what was said, what was compiled first, and what by the simulation behind it."""
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=Path(__file__).parents[2] / "examples" / "policies",
        input=json.dumps(VARIANTS),
        env={**os.environ, "FUSION_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    found: dict[str, tuple[list[str], list[str], list[str]]] = json.loads(result.stdout)
    assert len(found) == len(VARIANTS) + 4
    return found


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_variant_is_compiled_before_it_begins_and_never_again(tmp_path: Path) -> None:
    for name, (said, first, later) in look(tmp_path).items():
        assert later == [], name
        assert [line.split()[0] for line in said] == (["compiling", "compiled"] if first else [])
    for name, found in look(tmp_path).items():
        assert found == [[], [], []], name
