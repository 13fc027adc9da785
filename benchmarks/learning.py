"""Steps per second of one core, in reinforcement-learning environments: `python -m benchmarks.learning`.

NSFNET, k = 5, with 100 and 320 slots; the agent takes the first action of the mask. A step is all that the
agent waits for: the decision, the release of what ends, the next request, the observation and the mask; the
agent's own time is left out. The settings are run in turn, round after round, and the fastest round counts;
time is that of the processor, so that what else the machine does matters little. `loop` is the event loop
alone with the same policy, the traffic drawn: what there is to be lost.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.throughput import Runner, make
from fusion.learning import EonEnv, EonVectorEnv
from fusion.scenario.traffic import CHUNK

SETTINGS = (("nsfnet_100_slots", 170.0, 75), ("nsfnet_320_slots", 650.0, 47))
"""Template, load in Erlang, and the requests per second of optical-rl-gym in that setting.

It is on no package index, so its figures were measured before, on one core of a machine of this kind.
"""
COUNTS = (64, 1024)
STEPS = 40_000
ROUNDS = 7
OPTIONS: dict[str, dict[str, Any]] = {
    "features": {},
    "features, no copies": {"copy": False},
    "features, 5 blocks": {"blocks": 5},
    "spectrum": {"observation": "spectrum"},
    "quality": {"overrides": {"snr_settings": {"snr_type": "gsnr"}}},
    "failures": {
        "overrides": {"failure_settings": {"failure_type": "random", "mtbf": 1e5, "mttr": 1}}
    },
}


class Single:
    """One environment past its warm-up."""

    def __init__(self, template: str, load: float, options: dict[str, Any]) -> None:
        self.env = EonEnv(template, load=load, warm_up="policy", **options)
        _, self.infos = self.env.reset(seed=0)

    def seconds_per_step(self) -> float:
        spent = 0.0
        for _ in range(STEPS // 4):
            action = int(self.infos["action_mask"].argmax())
            start = time.process_time()
            *_, self.infos = self.env.step(action)
            spent += time.process_time() - start
        return spent / (STEPS // 4)


class Many:
    """Environments side by side."""

    def __init__(self, template: str, load: float, options: dict[str, Any], count: int) -> None:
        self.env = EonVectorEnv(count, template, load=load, warm_up="policy", **options)
        _, self.infos = self.env.reset(seed=0)

    def seconds_per_step(self) -> float:
        count, spent = self.env.num_envs, 0.0
        steps = max(10, STEPS // count)
        for _ in range(steps):
            actions = self.infos["action_mask"].argmax(axis=1)
            start = time.process_time()
            *_, self.infos = self.env.step(actions)
            spent += time.process_time() - start
        return spent / (steps * count)


class Loop:
    """The event loop, without anyone who learns."""

    def __init__(self, template: str, load: float) -> None:
        self.runner = Runner(make(template, "first_fit", "in_order"), load)

    def seconds_per_step(self) -> float:
        start = time.process_time()
        self.runner.carry_on(STEPS // CHUNK + 1)
        return (time.process_time() - start) / (STEPS // CHUNK + 1) / CHUNK


def main() -> None:
    for template, load, other in SETTINGS:
        runners: dict[tuple[str, str], Single | Many | Loop] = {("loop", ""): Loop(template, load)}
        for name, options in OPTIONS.items():
            if "copy" not in options:
                runners["1", name] = Single(template, load, options)
            for count in COUNTS:
                if name.startswith("features") or count == COUNTS[0]:
                    runners[f"{count:,}", name] = Many(template, load, options, count)
        fastest = dict.fromkeys(runners, np.inf)
        for _ in range(ROUNDS):
            for key, runner in runners.items():
                fastest[key] = min(fastest[key], runner.seconds_per_step())
        print(f"\n{template}, {load:g} Erlang (optical-rl-gym, measured before: {other} steps/s)")
        print(f"{'environments':>12} {'observation':>20} {'steps/s':>12} {'ns':>8} {'times':>8}")
        for (count, name), seconds in fastest.items():
            print(
                f"{count:>12} {name:>20} {1 / seconds:>12,.0f} {1e9 * seconds:>8,.0f} "
                f"{1 / seconds / other:>8,.0f}"
            )


if __name__ == "__main__":
    main()
