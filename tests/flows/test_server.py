"""Prefect's server as we start it: requests that are cut short do not hang it."""

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from fusion_flows.rundir.bounded_log import keep_small

from .prefect_server import Prefect, prefect_in, start_server, stop, wait_for

RUBBISH = """
import threading, time
from fusion_flows.server.__main__ import collect_in_a_thread_of_its_own

freed = []

class Rubbish:
    def __del__(self):
        freed.append(threading.current_thread().name)

def leave():
    rubbish = Rubbish()
    rubbish.itself = rubbish

collect_in_a_thread_of_its_own()
deadline = time.monotonic() + 20
while not freed and time.monotonic() < deadline:
    leave()
    kept = [[] for _ in range(100_000)]  # so many that Python would collect here
    time.sleep(0.1)
print(*set(freed), sep=",")
"""


def test_garbage_is_collected_by_a_thread_that_does_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", RUBBISH], capture_output=True, text=True)
    assert done.stdout == "garbage collection\n", done.stderr


SETTING = """
from fusion_flows.server.__main__ import let_waiting_runs_wait
from prefect.settings import get_current_settings
let_waiting_runs_wait()
print(get_current_settings().server.services.late_runs.enabled)
"""
LATE, DATABASE = (
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
)


@pytest.mark.parametrize(
    ("given", "marked"),
    [
        ({}, False),
        ({LATE: "true"}, True),
        ({DATABASE: "postgresql+asyncpg://a:b@localhost/c"}, True),
    ],
)
def test_waiting_runs_are_not_marked_as_late_on_sqlite(
    given: dict[str, str], marked: bool, tmp_path: Path
) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in (LATE, DATABASE)}
    environment |= {"PREFECT_HOME": str(tmp_path), **given}
    done = subprocess.run(
        [sys.executable, "-c", SETTING], env=environment, capture_output=True, text=True
    )
    assert done.stdout == f"{marked}\n", done.stderr


@pytest.mark.slow
def test_many_waiting_runs_lock_nobody_out(tmp_path: Path) -> None:
    own = prefect_in(tmp_path)
    process = start_server(own)
    try:
        flow = own.api("POST", "flows/", {"name": "of nobody"})["id"]
        for _ in range(60):
            own.api("POST", "flow_runs/", {"flow_id": flow, "state": {"type": "SCHEDULED"}})
        time.sleep(40)  # with the stock server they are late after 15 to 20 s
        runs = own.api("POST", "flow_runs/filter", {})
        assert {run["state_name"] for run in runs} == {"Scheduled"}
    finally:
        stop(process)
    logs = [path.read_text() for path in tmp_path.rglob("*.log")]
    assert logs
    assert not any("database is locked" in text for text in logs)


def status(server: Prefect, method: str, path: str, body: object = None) -> int:
    """Ask the server once, as a click in its UI does, and return the status of the answer."""
    request = urllib.request.Request(
        f"{server.url}/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_what_is_changed_in_the_ui_is_changed(tmp_path: Path) -> None:
    """Some changes write through a second connection, inside the transaction of the first one."""
    own = prefect_in(tmp_path)
    process = start_server(own)
    try:
        pool = own.api("POST", "work_pools/", {"name": "a pool", "type": "process"})["name"]
        pool = urllib.parse.quote(pool)
        queue = own.api("POST", f"work_pools/{pool}/queues", {"name": "second"})["id"]
        flow = own.api("POST", "flows/", {"name": "of nobody"})["id"]
        named = {"name": "none", "flow_id": flow, "work_pool_name": "a pool"}
        deployment = own.api("POST", "deployments/", named)["id"]
        run = own.api("POST", f"deployments/{deployment}/create_flow_run", {})["id"]
        part = {"flow_run_id": run, "task_key": "a", "dynamic_key": "0"}
        task = own.api("POST", "task_runs/", part)["id"]
        schedule = {"active": True, "schedule": {"cron": "0 0 * * *"}}
        limit = own.api("POST", "v2/concurrency_limits/", {"name": "all", "limit": 1})["id"]
        automation = {
            "name": "a timer",
            "trigger": {"type": "event", "posture": "Proactive", "within": 3600, "threshold": 1},
            "actions": [{"type": "do-nothing"}],
        }
        automation = own.api("POST", "automations/", automation)["id"]
        asked: list[tuple[str, str, object]] = [
            *(("PATCH", f"work_queues/{queue}", {"is_paused": to}) for to in (True, False)),
            *(("PATCH", f"work_pools/{pool}", {"is_paused": to}) for to in (True, False)),
            ("PATCH", f"work_pools/{pool}", {"concurrency_limit": 2}),
            ("PATCH", f"work_pools/{pool}/queues/second", {"concurrency_limit": 1}),
            ("POST", f"work_pools/{pool}/workers/heartbeat", {"name": "w"}),
            ("POST", f"work_pools/{pool}/get_scheduled_flow_runs", {}),
            *(
                ("POST", f"deployments/{deployment}/{to}_deployment", {})
                for to in ("pause", "resume")
            ),
            ("PATCH", f"deployments/{deployment}", {"paused": True, "concurrency_limit": 1}),
            ("POST", f"deployments/{deployment}/schedules", [schedule]),
            *(
                ("POST", f"flow_runs/{run}/set_state", {"state": {"type": to}, "force": True})
                for to in ("PENDING", "RUNNING", "PAUSED", "CANCELLING", "CANCELLED")
            ),
            ("POST", f"task_runs/{task}/set_state", {"state": {"type": "RUNNING"}}),
            ("PATCH", f"flow_runs/{run}", {"name": "another"}),
            (
                "POST",
                "artifacts/",
                {"key": "a", "type": "markdown", "data": "b", "flow_run_id": run},
            ),
            ("POST", "variables/", {"name": "a", "value": 1}),
            ("PATCH", "variables/name/a", {"value": 2}),
            ("DELETE", "variables/name/a", None),
            ("POST", "v2/concurrency_limits/increment", {"names": ["all"], "slots": 1}),
            ("POST", "v2/concurrency_limits/decrement", {"names": ["all"], "slots": 1}),
            ("PATCH", f"v2/concurrency_limits/{limit}", {"limit": 2}),
            ("PATCH", f"automations/{automation}", {"enabled": False}),
            ("DELETE", f"automations/{automation}", None),
            ("DELETE", f"flow_runs/{run}", None),
            ("DELETE", f"deployments/{deployment}", None),
            ("DELETE", f"work_pools/{pool}/queues/second", None),
            ("DELETE", f"work_pools/{pool}", None),
            ("DELETE", f"flows/{flow}", None),
        ]
        answers = [(method, path, status(own, method, path, body)) for method, path, body in asked]
        assert [each for each in answers if each[-1] not in (200, 201, 204)] == []
    finally:
        stop(process)


def test_what_is_asked_for_while_others_write_is_not_refused(tmp_path: Path) -> None:
    """A click on Submit was answered by 503 now and then, and the UI does not ask again."""
    own = prefect_in(tmp_path)
    process = start_server(own)
    try:
        flow = own.api("POST", "flows/", {"name": "of nobody"})["id"]
        deployment = own.api("POST", "deployments/", {"name": "none", "flow_id": flow})["id"]
        run = {"flow_id": flow, "state": {"type": "RUNNING"}}

        def ask(number: int) -> set[int]:
            path = f"deployments/{deployment}/create_flow_run" if number % 2 else "flow_runs/"
            body = {} if number % 2 else run
            return {status(own, "POST", path, body) for _ in range(15)}

        with ThreadPoolExecutor(8) as clients:
            assert set().union(*clients.map(ask, range(8))) <= {200, 201}
    finally:
        stop(process)


def test_a_log_that_is_appended_to_stays_small(tmp_path: Path) -> None:
    log, old, pause = (tmp_path / name for name in ("server.log", "server.log.old", "pause"))
    script = (
        "import os\n"
        "for n in range(3000): os.write(1, b'line %6d\\n' % n)\n"
        "open('pause', 'w').close()\n"
        "input()\n"  # the last line is written when nobody empties the log
        "os.write(1, b'the last\\n')"
    )
    with (
        open(log, "ab") as output,
        subprocess.Popen(
            [sys.executable, "-c", script], cwd=tmp_path, stdin=subprocess.PIPE, stdout=output
        ) as one,
    ):
        while not pause.exists():
            keep_small(log, 4000)
            assert log.stat().st_size < 40_000
        keep_small(log, 4000)
        one.communicate(b"\n", timeout=60)
    kept = [*old.read_text().splitlines(), *log.read_text().splitlines()]
    assert kept[-1] == "the last"
    numbers = [
        int(line.removeprefix("line")) for line in kept[:-1] if len(line) == len("line   2999")
    ]
    assert numbers
    assert numbers == sorted(set(numbers))
    assert log.stat().st_size <= 4000 + len("the last\n")


@pytest.mark.slow
def test_requests_that_are_cut_short_do_not_hang_it(tmp_path: Path) -> None:
    own = prefect_in(tmp_path)
    process = start_server(own)
    try:
        flow = own.api("POST", "flows/", {"name": "of nobody"})["id"]
        run = {"flow_id": flow, "state": {"type": "SCHEDULED"}}
        longest = 0.0
        with cut_short(own, "flow_runs/", run) as number:
            began = time.monotonic()
            while time.monotonic() < began + 90:
                asked = time.monotonic()
                own.api("POST", "flow_runs/count", {})
                longest = max(longest, time.monotonic() - asked)
                time.sleep(0.05)
        assert number[0] > 1000
        assert longest < 10
        wait_for(lambda: own.api("POST", "flow_runs/", run), 60, "a run that is taken")
    finally:
        stop(process)


@contextmanager
def cut_short(server: Prefect, path: str, body: object) -> Iterator[list[int]]:
    """Send requests and leave before the answer, all the time; yield how many, in a list."""
    port = int(server.url.split(":")[2].split("/")[0])
    data = json.dumps(body).encode()
    head = (
        f"POST /api/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    number, over = [0], threading.Event()

    def go_on() -> None:
        chance = random.Random(threading.current_thread().name)
        while not over.is_set():
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(head.encode() + data)
                time.sleep(chance.uniform(0, 0.06))
            number[0] += 1

    threads = [threading.Thread(target=go_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield number
    finally:
        over.set()
        for thread in threads:
            thread.join()
