"""What is set up on a Prefect server for FUSION: pool, queues, limit, automation, deployments."""

import contextlib
import importlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

import psutil
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from fusion.config.config import ConfigError
from fusion.config.ini import format_value
from fusion.config.problems import words
from fusion.config.sections import SECTIONS
from fusion_flows.command.catalogue import templates
from fusion_flows.following.flow_ends import FLOWS
from fusion_flows.server.settings import Settings
from fusion_flows.server.shipped import prefect_file
from fusion_flows.server.watch import LOST

POOL = "fusion"
RUNS_QUEUE = "default"
"""The queue of the simulations: its limit is how many run at once, over all workers."""
MAINTENANCE_QUEUE = "maintenance"
"""A queue without a limit, so that maintenance does not wait behind a simulation."""
POINTS_QUEUE = "points"
"""The queue of what sweeps have computed elsewhere: in that of the runs it would wait for the sweep."""
_FORMER_MAINTENANCE = "fusion-maintenance/maintenance"
_FORMER = (
    *(_FORMER_MAINTENANCE, "fusion-points/points", "fusion-sweep/nightly"),
    *("fusion-compare/verdict", "fusion-bound/verdict-bound"),
)
"""Names of deployments that others have taken the place of."""
HEARTBEAT_SECONDS = 30  # the least that Prefect sends
_SILENCE = timedelta(seconds=50)  # from the last heartbeat to the verdict: a minute with delays
AUTOMATION = "FUSION: a run whose heartbeat has stopped is Crashed"


class SetUpError(RuntimeError):
    """The server could not be set up; the message is Prefect's."""


def here() -> dict[str, str]:
    """Return this folder, the command that starts a run with this interpreter, the templates and the keys.

    A build step of prefect.yaml. Without a command, a process worker starts each run through a
    process that prepares a workspace and imports Prefect once more: 1.5 s of CPU for nothing.
    """
    return {
        "folder": str(Path.cwd()),
        "command": f"{shlex.quote(sys.executable)} -m prefect.engine",
        "heartbeat_seconds": str(HEARTBEAT_SECONDS),
        "templates": _templates_table(),
        "keys": _keys_table(),
    }


def _templates_table() -> str:
    """Return the templates as a table in markdown, for the page of a deployment."""
    try:
        found = templates()
    except ConfigError as error:  # for a run to tell, too
        return str(error)
    rows = [(f"`{each.name}`", each.about, each.loads, each.network, each.policy) for each in found]
    return _table("template", "what it is", "loads (E)", "network", "policy", rows=rows)


def _keys_table() -> str:
    """Return all keys of a configuration as a table in markdown."""
    rows = []
    for section, model in SECTIONS.items():
        for key, schema in model.model_json_schema()["properties"].items():
            takes = "numbers by name" if schema.get("type") == "object" else words(schema)
            default = format_value(model.model_fields[key].default)
            rows.append((section, f"`{key}`", takes, default and f"`{default}`"))
    return _table("section", "key", "takes", "default", rows=rows)


def _table(*head: str, rows: Iterable[Sequence[str]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def beside_the_worker() -> dict[str, str]:
    """Return the folder in which the worker was started, on whatever machine it is.

    A pull step of prefect.yaml: without it a run works in a temporary folder, which a killed worker
    leaves behind.
    """
    return {"directory": psutil.Process(os.getppid()).cwd()}


def prepare() -> None:
    """Make queues, limit and automation where they are missing, and keep those that are there.

    A build step of prefect.yaml. The work pool is there by then.
    """
    with get_client(sync_client=True) as client:
        _delete_former(client)
        _make_queues(client)
        _make_automation(client)


def set_up(max_concurrent_runs: int | None = None) -> None:
    """Set up everything on the server that PREFECT_API_URL names; do it again after an upgrade.

    max_concurrent_runs: the new limit, at once and without a restart of anything; None keeps the
    one that is there, at first that of the settings. Raises SetUpError.
    """
    with get_client(sync_client=True) as client:
        with contextlib.suppress(ObjectAlreadyExists):
            client.create_work_pool(
                WorkPoolCreate(name=POOL, type="process", description="Simulations of FUSION.")
            )
        _delete_former(client)
        _make_queues(client)
        _make_automation(client)
        if max_concurrent_runs is not None:
            limit_runs(client, max_concurrent_runs)
    command = ["-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file"]
    done = subprocess.run(
        [sys.executable, *command, str(prefect_file())],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SetUpError(f"cannot deploy: {(done.stderr or done.stdout).strip()}")


def deployment_names() -> list[str]:
    """Return the names of all deployments that `set_up` makes, as flow/deployment."""
    import yaml

    text = prefect_file().read_text(encoding="utf-8")
    return [
        f"{_flow_name(one['entrypoint'])}/{one['name']}"
        for one in yaml.safe_load(text)["deployments"]
    ]


def _flow_name(entrypoint: str) -> str:
    """Return the name of the flow at module.function."""
    module, _, function = entrypoint.rpartition(".")
    return str(getattr(importlib.import_module(module), function).name)


def limit_runs(client: SyncPrefectClient, at_once: int) -> None:
    """Change how many simulations may run at once. Runs that are going on are left alone."""
    queue = client.read_work_queue_by_name(RUNS_QUEUE, work_pool_name=POOL)
    client.update_work_queue(queue.id, concurrency_limit=at_once)


def _delete_former(client: SyncPrefectClient) -> None:
    """Delete deployments under names that an earlier version gave them, but none that somebody schedules."""
    for name in _FORMER:
        try:
            deployment = client.read_deployment_by_name(name)
        except ObjectNotFound:
            continue
        own_schedule = name == _FORMER_MAINTENANCE
        if own_schedule or not any(schedule.active for schedule in deployment.schedules):
            client.delete_deployment(deployment.id)


def _make_queues(client: SyncPrefectClient) -> None:
    for name in (RUNS_QUEUE, MAINTENANCE_QUEUE, POINTS_QUEUE):
        try:
            queue = client.read_work_queue_by_name(name, work_pool_name=POOL)
        except ObjectNotFound:
            queue = client.create_work_queue(name, work_pool_name=POOL)
        if name == RUNS_QUEUE and queue.concurrency_limit is None:
            limit_runs(client, Settings().max_concurrent_runs)


def _make_automation(client: SyncPrefectClient) -> None:
    """See a run that went with its machine: nobody is left there to say so.

    A run that is alive after all, as after an absence of the server, corrects its state.
    """
    final = ("Completed", "Failed", "Crashed", "Cancelled", "TimedOut")
    waiting = ("Scheduled", "AwaitingRetry", "Pending", "Paused", "Suspended")
    wanted = AutomationCore(
        name=AUTOMATION,
        description=f"Nothing was heard of a run for {_SILENCE.seconds} s.",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={
                "prefect.resource.role": "flow",
                "prefect.resource.name": list(FLOWS),
            },
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat"}
            | {f"prefect.flow-run.{name}" for name in (*final, *waiting)},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=_SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name="Crashed",
                force=False,
                message=f"{LOST} for {_SILENCE.seconds} s: its process or its machine is gone. "
                "What it had finished is kept; a retry continues from there.",
            )
        ],
    )
    for there in client.read_automations_by_name(AUTOMATION):
        client.update_automation(there.id, wanted)
        return
    client.create_automation(wanted)
