"""What an environment with signal quality shows and allows, against a slow twin that asks the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.config import load_config
from fusion.kernel.connections import BLOCKED_BY_QUALITY
from fusion.kernel.environment_loop import BEGIN, DECIDE
from fusion.learning.connection_batch import ConnectionBatch
from fusion.learning.setting import Setting
from fusion.network.modulation import value_of
from fusion.scenario.layout import make_layout
from tests.twin.cases import first_requests
from tests.twin.connections import Connection, Lightpath
from tests.twin.quality import QualityTwin
from tests.twin.test_quality import Case, cases, configs, twin_of
from tests.twin.twin import Choice

IN_ONE = {"max_segments": 1, "is_grooming_enabled": False, "can_partially_serve": False}


def in_one_lightpath(overrides: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {**overrides, "general_settings": {**overrides["general_settings"], **IN_ONE}}


def setting_of(case: Case, blocks: int) -> Setting:
    scenario = case.scenario._replace(num_requests=len(case.requests.arrival), sample_every=9)
    return Setting(
        config=load_config("quick"),
        scenario=scenario,
        load=case.load,
        warmup_requests=0,
        agent_warms_up=True,
        layout=make_layout(scenario, blocks, shows_holding=False),
        blocked_reward=-1.0,
        may_block=False,
        shows_spectrum=False,
    )


def offers(
    twin: QualityTwin, connection: Connection, path: int, blocks: int
) -> list[tuple[Lightpath, int]]:
    """Return the first good lightpaths on a path, each with the size of the block that it begins.

    The lowest block that is wide enough, for each format in order and in it for each plane; then the second
    lowest, up to as many as there are actions on the path. Of a place the first format that is good there.
    """
    found: list[tuple[Lightpath, int]] = []
    for turn in range(blocks):
        for column in twin.options[connection.bit_rate]:
            width = twin.spectrum.width[path][column]
            if not width:
                continue
            for plane in range(twin.spectrum.planes):
                wide = [each for each in twin.spectrum.blocks(path, plane) if each[1] >= width]
                if turn >= len(wide) or len(found) == blocks:
                    continue
                start, size = wide[turn]
                choice = Choice(path, plane, start)
                if all(one.choice != choice for one, _ in found):
                    new = twin._try(choice, column, connection)
                    found += [(new, size)] if new else []
    return found


def margin(twin: QualityTwin, case: Case, one: Lightpath) -> float:
    """Return by how many decibels a lightpath that is not up would be better than it must be."""
    if case.table is not None:
        return 10.0
    snr = case.config.snr_settings
    decibels = -10.0 * float(np.log10(max(twin.noise(one, twin.live), 1e-300)))
    name = twin.format_of(one)
    if snr.snr_type == "xt_calculation":
        return decibels + (value_of(snr.requested_xt, name) or 0.0)
    return decibels - (value_of(snr.snr_thresholds, name) or 0.0)


@given(
    case=cases(most_requests=50, overrides=configs().map(in_one_lightpath)),
    blocks=st.integers(1, 3),
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_a_random_walk_is_that_of_the_twin(case: Case, blocks: int) -> None:
    setting, twin = setting_of(case, blocks), twin_of(case)
    layout, scenario, count = setting.layout, setting.scenario, len(case.requests.arrival)
    requests = first_requests(scenario.traffic, case.load, scenario.seed, 3, count)
    random = np.random.default_rng(count)
    batch = ConnectionBatch(setting, 1)
    batch.begin(0, 3)
    batch.step(np.zeros(1, np.int64), np.full(1, BEGIN, np.int8))
    shown = batch.shown
    slots = [plane.slots for plane in scenario.planes]
    blocked = by_quality = 0
    for index in range(count):
        now, holding = float(requests.arrival[index]), float(requests.holding[index])
        pair, bit_rate = int(requests.pair[index]), int(requests.bit_rate[index])
        twin.end_until(now)
        twin.refused = 0
        connection = Connection(now, now + holding, pair, bit_rate)
        seen = dict(zip(layout.names, shown.features[0].tolist(), strict=True))
        choices: list[Lightpath | None] = []
        for place, path in enumerate(twin.spectrum.candidates[pair]):
            found = offers(twin, connection, path, blocks)
            widths = [twin.spectrum.width[path][one] for one in twin.options[bit_rate]]
            width = next((each for each in widths if each), 0)
            assert seen[f"path {place}: width"] == pytest.approx(min(1.0, width / max(slots)))
            for block in range(blocks):
                name = f"of block {block}"
                start, size, width, db = 1.0, 0, 0, 0.0
                choices.append(None)
                if block < len(found):
                    one, size = found[block]
                    choices[-1] = one
                    start = (sum(slots[: one.choice.plane]) + one.choice.start) / sum(slots)
                    width, db = one.width, margin(twin, case, one)
                of_path = {
                    f"start {name}": start,
                    f"size {name}": size / max(slots),
                    f"width {name}": width / max(slots),
                    f"margin {name}": max(0.0, min(db / 10.0, 1.0)),
                }
                for what, value in of_path.items():
                    wanted = pytest.approx(value, rel=1e-5, abs=1e-6)
                    assert seen[f"path {place}: {what}"] == wanted, what
        choices += [None] * (layout.actions - 1 - len(choices))
        possible = [choice is not None for choice in choices]
        assert shown.mask[0].tolist() == [*possible, not any(possible)]

        action = int(random.integers(layout.actions))  # also what is not in the mask
        if any(possible) and random.random() < 0.7:
            action = int(random.choice(np.flatnonzero(possible)))
        new = choices[action] if action < layout.actions - 1 else None
        if new is None:
            blocked += 1
            by_quality += twin.refused > 0
        else:
            twin._add(connection, new, int(twin.service.rate[bit_rate]))
            twin.up.append(connection)
        batch.step(np.array([action]), np.full(1, DECIDE, np.int8))
        assert shown.reward[0] == (1.0 if new else -1.0)
        assert shown.ended[0] == (index == count - 1)
    done = batch.measured(0)
    assert done.traffic.blocked.sum() == blocked
    assert (
        done.quality.blocked_by_quality == by_quality == batch._counts.number[0, BLOCKED_BY_QUALITY]
    )
