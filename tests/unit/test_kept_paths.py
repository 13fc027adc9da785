"""Candidate paths of large networks are kept by what they follow from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fusion.kernel_cache
from fusion.config.config import load_config
from fusion.network.paths import PathTable
from fusion.scenario import kept_paths, path_rules
from fusion.scenario.candidate_paths import candidate_paths
from fusion.scenario.inputs import read_inputs


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fusion.kernel_cache, "CACHE_DIR", tmp_path / "kernel")
    monkeypatch.setattr(kept_paths, "MANY_PAIRS", 100)
    return tmp_path / "paths"


def table(monkeypatch: pytest.MonkeyPatch, **keys: Any) -> tuple[PathTable, int]:
    """Return the candidates of a configuration, and how often paths were searched for."""
    config = load_config("quick", {"general_settings": keys})
    searches = 0

    def counted(*arguments: Any, **more: Any) -> PathTable:
        nonlocal searches
        searches += 1
        return found(*arguments, **more)

    found = path_rules.paths_by_rule
    with monkeypatch.context() as patch:
        patch.setattr(path_rules, "paths_by_rule", counted)
        return candidate_paths(config, read_inputs(config, quiet=True)), searches


def test_the_second_start_reads_what_the_first_found(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, searches = table(monkeypatch)
    again, none = table(monkeypatch)
    assert (searches, none) == (1, 0)
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert [one.dtype for one in first] == [other.dtype for other in again]
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize(
    "keys",
    [
        {"k_paths": 2},
        {"path_order": "km"},
        {"path_ties": "nodes"},
        {"link_directions": "shared"},
        {"network": "usnet_ptrnet"},
        {"const_link_weight": True},
    ],
)
def test_other_paths_have_another_file(
    cache: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any]
) -> None:
    table(monkeypatch)
    other, searches = table(monkeypatch, **keys)
    assert searches == 1
    assert len(list(cache.iterdir())) == 2
    kept, _ = table(monkeypatch, **keys)
    assert all(np.array_equal(one, again) for one, again in zip(other, kept, strict=True))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half", b"not a table"])
def test_a_broken_file_is_made_anew(
    cache: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    table(monkeypatch)
    (file,) = cache.iterdir()
    file.write_bytes(content)
    assert table(monkeypatch)[1] == 1
    assert table(monkeypatch)[1] == 0


def test_the_tables_that_were_used_last_stay(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_paths, "MOST_FILES", 2)
    for k in (1, 2, 3):
        table(monkeypatch, k_paths=k)
    assert len(list(cache.iterdir())) == 2
    assert table(monkeypatch, k_paths=3)[1] == 0


def test_paths_of_small_networks_and_of_no_folder_are_not_kept(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_paths, "MANY_PAIRS", 1000)
    table(monkeypatch)
    assert not cache.exists()
    monkeypatch.setattr(kept_paths, "MANY_PAIRS", 100)
    monkeypatch.setattr(fusion.kernel_cache, "CACHE_DIR", None)
    assert table(monkeypatch)[1] == 1
