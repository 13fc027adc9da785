"""From a person's click to the first number on the page: `python -m benchmarks.first_number`.

Starts `fusion up` with a home of its own, warms it up with one run, and then, in a browser, clicks Quick run
of the deployment `sim`, opens the page of the run, and waits for the first blocking probability on it, be it
on the timeline or in the log. The second part is the time from `fusion run quick --detach` to the state
Completed. Version 2 of the page asks for the state every 5 s, from the moment at which it was opened. It
draws the timeline once that is no longer Pending, and asks for the log 5 s after it has seen Running.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.prefect_server import ROOT, wait_for

sys.path.insert(0, str(ROOT / "tests"))  # the helpers of the tests in the browser

_PARTS = ("page open", "Pending", "Running", "number in the log", "number seen", "Completed")
_UP_SECONDS = 180.0
_RUN_SECONDS = 180.0


class Up(NamedTuple):
    """A running `fusion up`."""

    ui: str
    environment: dict[str, str]
    folder: Path

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Call the server's API."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(
            f"{self.ui}/api/{path}", method=method, data=data, headers=headers
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def fusion(self, *arguments: str) -> str:
        """Run the command and return what it prints."""
        command = [sys.executable, "-m", "fusion_flows.command.cli", *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def states(self, run: str) -> dict[str, float]:
        """Wait for the end of a run and return when it had which state, in seconds since 1970."""

        def is_over() -> bool:
            return self.api("GET", f"flow_runs/{run}")["state_type"] == "COMPLETED"

        wait_for(is_over, _RUN_SECONDS, f"the end of {run}")
        found = self.api("GET", f"flow_run_states/?flow_run_id={run}")
        return {state["type"]: _seconds(state["timestamp"]) for state in found}


def _seconds(time_text: str) -> float:
    return datetime.fromisoformat(time_text).timestamp()


@contextmanager
def running() -> Iterator[Up]:
    """Start `fusion up` in a temporary folder, and end it."""
    folder = Path(tempfile.mkdtemp(prefix="fusion-benchmark-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PREFECT_", "FUSION_"))
    }
    environment = {
        **kept,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "FUSION_RUNS_DIR": str(folder / "runs"),
    }
    log = folder / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "fusion_flows.command.cli", "up", "--port", port],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(lambda: "FUSION is up" in log.read_text(), _UP_SECONDS, f"fusion up, see {log}")
        ui = f"http://127.0.0.1:{port}"
        yield Up(ui, {**environment, "PREFECT_API_URL": f"{ui}/api"}, folder)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def clicked(up: Up, page: Any, timeline: Any, version: int) -> list[float]:
    """Start a run in the browser; return the seconds from the click to each of the parts."""
    from browser.pages import first_number, quick_run

    offset = time.time() - time.monotonic()
    run, began = quick_run(page, up.ui, version)
    opened = time.monotonic()
    _, seen = first_number(page, run, timeline)
    states = up.states(run)
    wanted = {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC", "limit": 200}
    line = next(
        each for each in up.api("POST", "logs/filter", wanted) if _is_number(each["message"])
    )
    began += offset
    return [
        opened + offset - began,
        states["PENDING"] - began,
        states["RUNNING"] - began,
        _seconds(line["created"]) - began,
        seen + offset - began,
        states["COMPLETED"] - began,
    ]


def _is_number(line: str) -> bool:
    return re.search(r"blocking 0\.\d", line) is not None


def detached(up: Up) -> float:
    """Return the seconds from `fusion run quick --detach` to Completed."""
    began = time.time()
    run_id = up.fusion("run", "quick", "--detach").split()[0]
    wanted = {"sort": "EXPECTED_START_TIME_DESC", "limit": 5}
    runs = up.api("POST", "flow_runs/filter", wanted)
    run = next(run["id"] for run in runs if run["id"].replace("-", "").endswith(run_id))
    return up.states(run)["COMPLETED"] - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each (default: %(default)s)")
    parser.add_argument("--version", type=int, default=2, choices=(1, 2), help="of the UI")
    options = parser.parse_args()
    from browser.conftest import NAMES
    from browser.pages import Timeline
    from playwright.sync_api import sync_playwright

    chromium = next(found for name in NAMES if (found := shutil.which(name)))
    with running() as up, sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=chromium).new_page()
        page.set_default_timeout(1000 * _RUN_SECONDS)
        timeline = Timeline(page)
        clicked(up, page, timeline, options.version)  # loads the pages, compiles the kernel
        rows = [clicked(up, page, timeline, options.version) for _ in range(options.rounds)]
        page.goto("about:blank")
        whole = [detached(up) for _ in range(options.rounds)]
    print(f"seconds from the click on Quick run, {options.rounds} runs: median and all")
    for name, seconds in zip(_PARTS, zip(*rows, strict=True), strict=True):
        print(f"{name:>20}  {statistics.median(seconds):5.1f}  {_all(seconds)}")
    print(f"seconds from `fusion run quick --detach` to Completed: {statistics.median(whole):.1f}")
    print(f"{'':>20}         {_all(whole)}")


def _all(seconds: Any) -> str:
    return " ".join(f"{each:.1f}" for each in seconds)


if __name__ == "__main__":
    main()
