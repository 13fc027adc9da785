"""A sweep that is more than Prefect takes as a parameter travels packed."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fusion.config.config import ConfigError
from fusion.sweep.definition import make_sweep
from fusion_flows import fusion_sweep
from fusion_flows.flows.form import sweep_schema
from fusion_flows.flows.sweep_parameter import sweep_as_parameter, sweep_of_parameter

from .prefect_server import Prefect
from .test_sweep_command import fusion

POLICY = {
    "k_paths": 3,
    "path_order": "km",
    "path_choice": "in_order",
    "allocation_method": "first_fit",
    "route_method": "k_shortest_path",
    "mod_assumption": "deeprmsa_reach",
    "holding_time": 0.2,
    "warmup_requests": "auto",
}


def large(points: int) -> dict[str, Any]:
    """Return a sweep with so many points written out, of which two are wanted."""
    general = {"num_requests": 1000, "max_iters": 2}
    return {
        "template": "quick",
        "overrides": {"general_settings": general},
        "where": "seed <= 2 and erlang == 150",
        "points": [{"seed": n + 1, **POLICY} for n in range(points)],
        "grid": {"erlang": [150]},
    }


def test_a_sweep_that_is_too_large_for_a_parameter_is_handed_over_packed(
    worker: Prefect, tmp_path: Path
) -> None:
    sweep = large(3_000)
    assert len(json.dumps(sweep)) > 512 * 1024
    (tmp_path / "large.json").write_text(json.dumps(sweep))
    submitted = json.loads(fusion(worker, tmp_path, "sweep", "large.json", "--detach", "--json"))
    run = worker.finished(submitted["flow_run_id"], 150)
    assert run["state_type"] == "COMPLETED", worker.log(run["id"])
    assert set(run["parameters"]["sweep"]) == {"packed"}
    directory = worker.runs / submitted["run_id"]
    assert json.loads((directory / "sweep.json").read_text())["points"] == sweep["points"]
    assert fusion(worker, tmp_path, "report", submitted["run_id"])


def test_what_is_packed_is_the_same_sweep_and_what_is_too_large_is_told_first() -> None:
    small = large(10)
    assert sweep_as_parameter(small) == small
    sweep = make_sweep(large(3_000), "a")
    packed = sweep_as_parameter(sweep)
    assert isinstance(packed, dict)
    assert len(packed["packed"]) < 100_000
    assert sweep_of_parameter(packed) == sweep
    Draft202012Validator(sweep_schema()).validate(packed)
    assert not Draft202012Validator(sweep_schema()).is_valid({"pack": ""})
    chance = random.Random(1)
    points = [{"holding_time": chance.random()} for _ in range(60_000)]
    for take in (
        sweep_as_parameter,
        lambda given: fusion_sweep(given),
        lambda given: fusion_sweep(sweep=given),
    ):
        with pytest.raises(
            ConfigError, match=r"has 2,\d\d\d KiB, and \d+ KiB packed; .* takes 469 KiB"
        ):
            take({"points": points})
    for damaged in ("", "AAAA", packed["packed"][:1000], "no base64"):
        with pytest.raises(ConfigError, match="packed"):
            sweep_of_parameter({"packed": damaged})
