"""CPU that the flow adds to the bare simulator on a running server: `python -m benchmarks.overhead`.

Starts a Prefect server of its own, then runs the template `quick` bare and as the flow, in turn.
"""

from __future__ import annotations

import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROUNDS = 5
FLOW = "from fusion_flows import fusion; fusion(template='quick')"


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def prefect_server(folder: Path) -> Iterator[dict[str, str]]:
    """Start a server on a free port and give the environment that leads to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/api"
    environment = {
        **os.environ,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": address,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "FUSION_RUNS_DIR": str(folder / "runs"),
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        yield environment
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def main() -> None:
    bare, flow = [], []
    with tempfile.TemporaryDirectory() as name, prefect_server(Path(name)) as environment:
        simulator = [sys.executable, "-m", "fusion.cli.run_sim", "--config", "quick"]
        for number in range(ROUNDS + 1):
            output = ["--output-dir", f"{name}/{number}"]
            bare.append(cpu_seconds([*simulator, *output], environment))
            flow.append(cpu_seconds([sys.executable, "-c", FLOW], environment))
    # The first round fills caches.
    simulator_seconds, flow_seconds = statistics.median(bare[1:]), statistics.median(flow[1:])
    print(f"bare simulator: {simulator_seconds:.2f} s of CPU")
    print(
        f"as a flow:      {flow_seconds:.2f} s of CPU, {flow_seconds / simulator_seconds:.2f} times"
    )
    print(f"added:          {flow_seconds - simulator_seconds:.2f} s")


if __name__ == "__main__":
    main()
