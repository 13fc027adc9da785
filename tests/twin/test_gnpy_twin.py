"""Noise of what is up with GNPy's network: the loop decides as a twin that computes all noise anew."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from fusion.config.config import Config
from fusion.kernel.connections import BLOCKED_BY_QUALITY
from fusion.network.physics.fibre import Fibre
from fusion.network.physics.gn import cross_channel_noise
from fusion.scenario import kept_propagation
from fusion.scenario.inputs import read_inputs
from fusion.scenario.kept_propagation import calibrated_neighbours, propagated_quality
from fusion.scenario.scenario import Scenario, make_scenario
from tests.features import LINKS, gnpy_network
from tests.gnpy_scene import Scene, scene
from tests.twin.cases import first_requests
from tests.twin.connections import Lightpath
from tests.twin.quality import QualityTwin
from tests.twin.test_quality import Case, rows_up, run

pytest.importorskip("gnpy", reason="GNPy needs Python 3.12 or older")


class GnpyTwin(QualityTwin):
    """Has the noise of a lightpath alone from GNPy, and that of neighbours carrier by carrier."""

    def __init__(self, config: Config, scenario: Scenario, fit: str) -> None:
        super().__init__(config, scenario, None, fit, "in_order")
        here = Scene(config)
        self._plant = here.plant
        self._alone = propagated_quality(config, here.plant, here.inputs.topology, here.paths)
        neighbours = calibrated_neighbours(config, here.plant, here.inputs.topology)
        assert neighbours is not None
        self._spans, self._power = neighbours.spans, neighbours.power
        self._from = cache(self._noise_from)
        self._worst_of = cache(self._worst_carrier)  # most of what is asked was asked before

    def _carriers(self, one: Lightpath) -> tuple[int, tuple[int, ...]]:
        """Return the mode and the first slot of each carrier."""
        names = [mode.name for mode in self._plant.modes]
        mode = names.index(self.format_of(one))
        step, start = self._plant.modes[mode].slots, one.choice.start
        return mode, tuple(range(start, start + one.width - self._guard, step))

    def _noise_from(self, mode: int, other: int, half_slots: int) -> float:
        modes, hertz = self._plant.modes, self._plant.band.slot_hz
        watts, others = (1e-3 * float(self._power[number]) for number in (mode, other))
        rates = modes[mode].baud_rate, modes[other].baud_rate
        spacing = half_slots * hertz / 2
        noise = cross_channel_noise(Fibre(), watts, rates[0], others, rates[1], spacing)
        return float(noise) / watts

    def _worst(self, one: Lightpath, other: Lightpath) -> float:
        """Return the noise of a span that the carriers of another make in the worst one of a lightpath."""
        return self._worst_of(*self._carriers(one), *self._carriers(other), one is other)

    def _worst_carrier(
        self,
        mode: int,
        starts: tuple[int, ...],
        other_mode: int,
        others: tuple[int, ...],
        is_itself: bool,
    ) -> float:
        width, other_width = (self._plant.modes[number].slots for number in (mode, other_mode))
        sums = [
            sum(
                self._from(mode, other_mode, abs(2 * at + width - 2 * place - other_width))
                for place in others
                if not is_itself or place != at
            )
            for at in starts
        ]
        return max(sums)

    def noise(self, one: Lightpath, others: Sequence[Lightpath]) -> float:
        mode, starts = self._carriers(one)
        ratio = max(float(self._alone.ratio[one.choice.path, mode, 0, slot]) for slot in starts)
        kept = 1.0 / (1.0 + ratio)  # of the power, to the signal
        route = self.spectrum.route[one.choice.path]
        each = {id(other): other for other in [one, *others]}.values()
        beside = [
            (there, self._worst(one, other))
            for other in each
            if not (there := set(self.spectrum.route[other.choice.path])).isdisjoint(route)
        ]
        for link in route:
            noise = float(self._spans[link]) * sum(
                worst for there, worst in beside if link in there
            )
            kept *= float(np.exp(-noise))
        return 1.0 / kept - 1.0

    def works(self, one: Lightpath, others: Sequence[Lightpath]) -> bool:
        mode, starts = self._carriers(one)
        path = one.choice.path
        if not all(self._alone.rank[path, mode, 0, slot] for slot in starts):
            return False
        limit = min(float(self._alone.limit[path, mode, 0, slot]) for slot in starts)
        return self.noise(one, others) <= limit


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for what is propagated, which is the same with and without a second check."""
    return tmp_path_factory.mktemp("kept")


@pytest.mark.parametrize("recheck", [True, False])
@pytest.mark.parametrize(("directions", "guard"), [("separate", 0), ("shared", 1)])
def test_same_decisions_as_the_twin(
    recheck: bool,
    directions: str,
    guard: int,
    kept: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_propagation, "folder_of", lambda name: kept)
    network = tmp_path / "network.json"
    network.write_text(gnpy_network({link: 9 * km for link, km in LINKS.items()}), encoding="utf-8")
    config = scene(
        network,
        {
            "general_settings": {"guard_slots": guard},
            "topology_settings": {"link_directions": directions},
            "spectrum_settings": {"c_band": 120},
            "snr_settings": {"gnpy_load": "current", "snr_recheck": recheck},
        },
    )
    scenario = make_scenario(config, read_inputs(config))
    requests = first_requests(scenario.traffic, 60.0, 3, 0, 500)
    case = Case(config, scenario, None, requests, 60.0)
    done, twin = run(case), GnpyTwin(config, scenario, "first_fit")
    twin.serve(requests)
    assert done.decision.tolist() == [list(decision) for decision in twin.decisions]
    assert done.count.number[BLOCKED_BY_QUALITY] == twin.blocked_by_quality > 0
    assert done.count.noise[0] == pytest.approx(twin.noise_at_set_up, rel=1e-9)
    state = done.state
    up = {
        (int(state.path[row]), int(state.plane[row]), int(state.start[row])): state.noise.ratio[row]
        for row in rows_up(case, state)
    }
    assert up.keys() == {tuple(one.choice) for one in twin.live}
    for one in twin.live:
        noise = twin.noise(one, twin.live)
        assert np.expm1(up[tuple(one.choice)]) == pytest.approx(noise, rel=1e-9)
    works = np.array([twin.works(one, twin.live) for one in twin.live])
    assert len(works) > 10
    assert works.all() or not recheck
