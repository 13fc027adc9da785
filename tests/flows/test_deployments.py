"""What is deployed: what a person starts comes first, and nothing else fills the lists."""

import subprocess
import sys
import urllib.error
from typing import Any

import pytest

from fusion_flows.flows.maintenance import NOTHING_MENDED

from .prefect_server import Prefect, wait_for

MAINTENANCE = "fusion-maintenance/worker-maintenance"


def python(server: Prefect, script: str) -> None:
    """Run a script with our package and this server."""
    subprocess.run([sys.executable, "-c", script], env=server.environment, check=True, timeout=120)


def timer(server: Prefect) -> dict[str, Any]:
    """Return the automation that has maintenance run again and again."""
    found = server.api("POST", "automations/filter", {})
    (one,) = (
        each
        for each in found
        if each["trigger"].get("posture") == "Proactive"
        and any(action["type"] == "run-deployment" for action in each["actions"])
    )
    return dict(one)


def test_the_ui_lists_what_a_person_starts_first(worker: Prefect) -> None:
    ours = [
        *("sim", "sweep", "sweep-nightly", "tool-bound", "tool-compare"),
        *("train", "worker-maintenance", "worker-points"),
    ]
    page = worker.api("POST", "deployments/paginate", {"sort": "NAME_ASC", "limit": 100})
    assert [one["name"] for one in page["results"]] == ours


def test_maintenance_has_a_timer_and_no_planned_runs(worker: Prefect) -> None:
    deployment = worker.api("GET", f"deployments/name/{MAINTENANCE}")
    assert deployment["schedules"] == []
    assert timer(worker)["trigger"]["within"] == 3600
    planned = {
        "deployment_id": {"any_": [deployment["id"]]},
        "state": {"name": {"any_": ["Scheduled"]}},
    }
    assert len(worker.api("POST", "flow_runs/filter", {"flow_runs": planned})) <= 1


def test_a_maintenance_that_mended_nothing_makes_room_for_the_next(worker: Prefect) -> None:
    first, second, third = (
        worker.finished(worker.submit(MAINTENANCE, settle_seconds=1), 120) for _ in range(3)
    )
    assert {first["state_type"], second["state_type"], third["state_type"]} == {"COMPLETED"}
    assert {"fusion", "automatic", NOTHING_MENDED} == set(worker.run(third["id"])["tags"])
    with pytest.raises(urllib.error.HTTPError) as gone:
        worker.run(second["id"])
    assert gone.value.code == 404
    of_second = {"artifacts": {"flow_run_id": {"any_": [second["id"]]}}}
    assert worker.api("POST", "artifacts/filter", of_second) == []
    kept = {
        "flow_runs": {
            "deployment_id": {"any_": [third["deployment_id"]]},
            "tags": {"all_": [NOTHING_MENDED]},
        }
    }
    assert [run["id"] for run in worker.api("POST", "flow_runs/filter", kept)] == [third["id"]]


@pytest.mark.slow
def test_the_timer_has_maintenance_run(worker: Prefect) -> None:
    deployment = worker.api("GET", f"deployments/name/{MAINTENANCE}")
    runs = {"flow_runs": {"deployment_id": {"any_": [deployment["id"]]}}}
    seen: set[str] = set()  # a run deletes the one before it

    def look() -> int:
        seen.update(run["id"] for run in worker.api("POST", "flow_runs/filter", runs))
        return len(seen)

    automation = timer(worker)
    path, within = f"automations/{automation['id']}", automation["trigger"]["within"]
    kept = {
        key: automation[key] for key in ("name", "description", "enabled", "trigger", "actions")
    }
    try:
        before = look()
        kept["trigger"]["within"] = 15
        worker.api("PUT", path, kept)
        wait_for(lambda: look() >= before + 2, 120, "two more runs")
    finally:
        kept["trigger"]["within"] = within
        worker.api("PUT", path, kept)


def test_deployments_under_former_names_are_deleted_unless_somebody_schedules_them(
    worker: Prefect,
) -> None:
    def make(flow: str, name: str, schedules: list[dict[str, Any]]) -> str:
        flow_id = worker.api("POST", "flows/", {"name": flow})["id"]
        body = {"name": name, "flow_id": flow_id, "schedules": schedules}
        return str(worker.api("POST", "deployments/", body)["id"])

    each_day = {"active": True, "schedule": {"cron": "0 1 * * *"}}
    quarter = {"active": True, "schedule": {"interval": 900}}
    make("fusion-maintenance", "maintenance", [quarter])
    make("fusion-points", "points", [])
    used = make("fusion-sweep", "nightly", [each_day])
    script = "from fusion_flows.command.deploy import prepare; prepare()"
    python(worker, script)
    assert "nightly" in worker.deployments()
    assert not {"maintenance", "points"} & set(worker.deployments())
    worker.api("DELETE", f"deployments/{used}")
    make("fusion-sweep", "nightly", [{**each_day, "active": False}])
    python(worker, script)
    assert "nightly" not in worker.deployments()
