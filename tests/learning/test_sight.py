"""What is shown of many paths, of wide requests and of many slots, against the definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fusion.kernel.environment_loop import BEGIN
from fusion.learning.plain_batch import PlainBatch
from fusion.learning.setting import make_setting
from tests.learning.scenes import look
from tests.twin.twin import Spectrum

SETTINGS: dict[str, dict[str, Any]] = {
    "more paths than lanes": {"routing": {"k_paths": 19}, "spectrum": {"c_band": 100}},
    "more words than lanes": {"spectrum": {"c_band": 700}},
    "whole words": {"spectrum": {"c_band": 128}},
    "wider than a word": {"general": {"guard_slots": 61}, "spectrum": {"c_band": 320}},
    "planes": {"topology": {"cores_per_link": 3}, "spectrum": {"c_band": 70, "l_band": 130}},
}


@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_shown_is_there(name: str, blocks: int) -> None:
    sections = {f"{section}_settings": values for section, values in SETTINGS[name].items()}
    setting = make_setting("quick", sections, load=300.0, blocks=blocks, shows_holding=True)
    batch, network = PlainBatch(setting, 20), setting.scenario.network
    random = np.random.default_rng(3)
    free, seen, offered = batch._environments.free, Spectrum(network), 0
    for row in range(20):
        batch.begin(row, row)
        taken = random.random(free.shape[1:]) < 0.3 * (row % 4)
        words = random.integers(2**63, size=free.shape[1:], dtype=np.uint64)
        for _ in range(row % 5):  # long runs
            words |= words << np.uint64(1) | words >> np.uint64(3)
        free[row] = np.where(taken, words, ~np.uint64(0)) & network.spectrum
    batch.step(np.zeros(20, np.int64), np.full(20, BEGIN, np.int8))
    for row in range(20):
        for plane, link in seen.free:
            bits = np.unpackbits(free[row, plane, link].view(np.uint8), bitorder="little")
            seen.free[plane, link] = set(np.flatnonzero(bits).tolist())
        request = batch._environments.request[row, 0]
        pair, bit_rate = int(request["pair"]), int(request["bit_rate"])
        wanted = look(seen, setting, pair, bit_rate, float(request["holding"]))
        shown = batch.shown.features[row].tolist()
        assert shown == pytest.approx([wanted.features[each] for each in setting.layout.names])
        places = batch._environments.choice[row].tolist()
        assert places == [[each.plane, each.start] if each else [-1, -1] for each in wanted.choices]
        assert batch.shown.mask[row, :-1].tolist() == [each is not None for each in wanted.choices]
        offered += int(batch.shown.mask[row, :-1].sum())
    assert 0 < offered < batch.shown.mask[:, :-1].size
