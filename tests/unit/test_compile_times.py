"""What is compiled already costs no time, and what is not costs what it has cost here before."""

import json
from pathlib import Path

import pytest

from fusion.config.config import load_config
from fusion.scenario.loops import Loop, loop_of
from fusion.simulation import compile_times
from fusion.simulation.compile_times import expected_seconds, keep_time, seconds_to_compile
from fusion_flows.command import sweeps

SWEEP = {
    "template": "quick",
    "grid": {"max_segments": [1, 2], "erlang": [150, 200]},
    "overrides": {"general_settings": {"max_iters": 2, "num_requests": 500}},
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of compiled code, in which there is nothing."""
    folder = tmp_path / "cache" / "kernel-0123456789abcdef"
    folder.mkdir(parents=True)
    monkeypatch.setattr(compile_times, "CACHE_DIR", folder)
    return folder


def loop(segments: int = 1) -> Loop:
    return loop_of(load_config("quick", {"general_settings": {"max_segments": segments}}), None)


def test_only_what_is_not_compiled_takes_time(cache: Path) -> None:
    plain, sliced = loop(), loop(2)
    assert seconds_to_compile([plain, sliced, plain]) == expected_seconds(plain) + expected_seconds(
        sliced
    )
    keep_time(plain, 3.5)
    assert expected_seconds(plain) == 3.5
    assert seconds_to_compile([plain]) == 0.0
    assert seconds_to_compile([plain, sliced]) == expected_seconds(sliced) > 3.5


def test_another_version_has_to_compile_and_knows_how_long(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_time(loop(), 3.5)
    keep_time(loop(), None)  # it was there
    other = cache.parent / "kernel-fedcba9876543210"
    other.mkdir()
    monkeypatch.setattr(compile_times, "CACHE_DIR", other)
    assert seconds_to_compile([loop()]) == 3.5
    keep_time(loop(), None)
    assert (seconds_to_compile([loop()]), expected_seconds(loop())) == (0.0, 3.5)
    next((other / "times").iterdir()).write_text("{")
    assert expected_seconds(loop()) == 3.5


def test_nothing_is_kept_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_times, "CACHE_DIR", None)
    keep_time(loop(), 3.5)
    assert seconds_to_compile([loop()]) == expected_seconds(loop()) > 3.5


def test_a_plan_counts_the_time_of_compiling(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSION_STORE_DIR", str(tmp_path / "store"))
    before = sweeps.plan(SWEEP)
    assert before.compile_seconds == seconds_to_compile([loop(), loop(2)]) > 0
    keep_time(loop(), 3.5)
    keep_time(loop(2), 9.0)
    after = sweeps.plan(SWEEP)
    assert after.compile_seconds == 0.0
    assert before.seconds - after.seconds == pytest.approx(before.compile_seconds)
    assert json.loads((next((cache / "times").iterdir())).read_text())["seconds"] in (3.5, 9.0)
