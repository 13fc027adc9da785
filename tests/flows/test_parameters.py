"""Parameters as `prefect deployment run --param` hands them on: JSON that somebody typed."""

import urllib.error
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.exceptions import ParameterTypeError

from fusion.config.config import load_config, to_ini
from fusion_flows import fusion, fusion_sweep
from fusion_flows.engines import points
from fusion_flows.flows.maintenance import maintenance
from fusion_flows.following.flow_ends import SimulationError
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import run_id_of

from .prefect_server import Prefect
from .started import SMALL

OLD_RUN = "123456789012"
"""A run id of an earlier version, which JSON readers take for a number."""


@pytest.mark.parametrize(
    ("deployment", "parameters", "field"),
    [
        ("fusion/sim", {"name": None}, "name"),  # NaN and infinity, as they arrive
        ("fusion/sim", {"overrides": ""}, "overrides"),  # a value that was forgotten
        ("fusion-sweep/sweep", {"sweep": {"grid": {"k_paths": [1, None]}}}, "sweep.grid.k_paths"),
        ("fusion-sweep/sweep", {"failed": ""}, "failed"),
        ("fusion-maintenance/worker-maintenance", {"settle_seconds": None}, "settle_seconds"),
        ("fusion-maintenance/worker-maintenance", {"settle_seconds": -1}, "settle_seconds"),
        ("fusion-points/worker-points", {"order": "", "sweep_run": None}, "sweep_run"),
        ("fusion/sim", {"loads": "140~220"}, "loads"),
        ("fusion-sweep/sweep", {"sweep": {"template": "quick", "axes": ["k_paths"]}}, "sweep"),
    ],
)
def test_what_is_of_another_kind_is_refused_by_the_server_with_its_name(
    worker: Prefect, deployment: str, parameters: dict[str, Any], field: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        worker.submit(deployment, **parameters)
    assert refused.value.code == 409
    assert f"Validation failed for field '{field}" in refused.value.read().decode()


def test_a_run_is_resumed_by_whatever_it_is_called(worker: Prefect, tmp_path: Path) -> None:
    name = f"{tmp_path.name} resumed"
    first = worker.submit(overrides=SMALL, name=name)
    assert worker.finished(first, 120)["state_type"] == "COMPLETED"
    run_id = run_id_of(UUID(first))
    for called in (name, first, first[:23], run_id[:6]):
        run = worker.finished(worker.submit(resume=called), 120)
        assert (run["state_type"], run["name"]) == ("COMPLETED", name), run["state"]["message"]
        assert run["parameters"]["resume"] == run_id, "by which a directory finds its runs"
    state = worker.finished(worker.submit(resume=f"no {name}"))["state"]
    assert f"there is no run 'no {name}'" in state["message"]


def test_numbers_are_text_and_what_was_forgotten_is_refused_with_its_name(worker: Prefect) -> None:
    old = rundir.create(worker.runs, OLD_RUN, to_ini(load_config("quick", SMALL)))
    resumed = worker.submit(resume=int(OLD_RUN), name=1234567890123456789)
    forgotten = worker.submit(resume="")
    infinite = worker.submit(overrides={"general_settings": {"erlang_stop": None}})
    run = worker.finished(resumed, 120)
    assert (run["state_type"], run["name"]) == ("COMPLETED", "1234567890123456789")
    assert (old.output / "points.csv").is_file()
    for flow_run, message in (
        (forgotten, "the parameter resume is empty: give it a value, as in --param resume=VALUE"),
        (
            infinite,
            "[general_settings] erlang_stop = None: must be a number from 1e-06 to 1,000,000; Prefect "
            "stores NaN and infinity as null",
        ),
    ):
        state = worker.finished(flow_run)["state"]
        assert state["type"] == "FAILED"
        assert message in state["message"]


@pytest.mark.parametrize(
    ("given", "text"),
    [("007", "007"), (12345678901234567890123, "12345678901234567890123"), (1.5, "1.5")],
)
def test_a_number_is_text_with_all_its_digits(given: object, text: str) -> None:
    for parameter in ("name", "resume"):
        assert fusion.validate_parameters({parameter: given})[parameter] == text
    assert fusion_sweep.validate_parameters({"sweep": {}, "name": given})["name"] == text


@pytest.mark.parametrize("given", [True, None, ["a"], {"a": 1}])
def test_what_is_neither_text_nor_number_is_none(given: object) -> None:
    with pytest.raises(ParameterTypeError, match="name"):
        fusion.validate_parameters({"name": given})


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0, "", None])
def test_maintenance_waits_for_a_finite_time(seconds: object) -> None:
    with pytest.raises(ParameterTypeError, match="settle_seconds"):
        maintenance.validate_parameters({"settle_seconds": seconds})


def test_an_order_names_the_sweep_that_has_asked() -> None:
    with pytest.raises(SimulationError, match="sweep_run = 12: must be the id of the flow run"):
        points.sweep_id("12")
