"""From the submission of a run to its first simulated request: `python -m benchmarks.submission`.

Starts a Prefect server and a worker of its own, warms them up with one run, and submits runs of the
deployment `fusion/sim`, one after the other, each when the one before has ended. A run is one
replication of one request, so the event of its end is that of its first request. The moments are
the states that the server keeps, the frozen config.ini, and the events of progress.jsonl. What
`fusion_flows` adds to the imports of Prefect, before our function is called, is measured apart.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime
from itertools import pairwise

from benchmarks.prefect_server import QUERY_SECONDS, Prefect, prefect_server

ONE_REQUEST = {
    "general_settings": {"num_requests": 1, "max_iters": 1, "erlang_stop": 140},
    "simulation_settings": {"warmup_requests": 0},
}
PREFECTS, OURS = "Prefect's", "ours"
PARTS = (
    (PREFECTS, f"submission to Pending: the worker looks every {QUERY_SECONDS} s"),
    (PREFECTS, "to Running: the worker starts a process, that imports"),
    (OURS, "to config.ini: the settings are checked and frozen"),
    (OURS, "to `start`: the simulator is started, imports, reads its files"),
    (OURS, "to `erlang_start`: the first replication is asked for"),
    (OURS, "to `iteration`: the kernel is loaded, the request served"),
)
IMPORTS = "import prefect.engine, prefect.flow_engine, prefect.flows"
IMPORT_ROUNDS = 5


def one_run(prefect: Prefect) -> list[float]:
    """Submit a run and return how long each part took, in seconds."""
    submitted = time.time()
    run = prefect.submit(ONE_REQUEST)
    prefect.wait_for_end(run)
    states = prefect.client.read_flow_run_states(run)
    at = {state.type.value: state.timestamp.timestamp() for state in states}
    moments = [submitted, at["PENDING"], at["RUNNING"]]
    moments.append(prefect.directory(run).config.stat().st_mtime)
    for kind in ("start", "erlang_start", "iteration"):
        told = prefect.events(run, kind)[0]["ts"]
        moments.append(datetime.fromisoformat(told).timestamp())
    return [after - before for before, after in pairwise(moments)]


def import_seconds(code: str) -> float:
    """Return the CPU time of a Python that does this."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs (default: %(default)s)")
    rounds = parser.parse_args().rounds
    times = []
    with suppress(KeyboardInterrupt), prefect_server() as prefect:
        prefect.set_up()
        prefect.start_worker()
        one_run(prefect)
        for _ in range(rounds):
            time.sleep(random.uniform(0, QUERY_SECONDS))  # a run may come at any time
            times.append(one_run(prefect))
        imports = [
            (import_seconds(IMPORTS), import_seconds(f"{IMPORTS}, fusion_flows.flows.sim"))
            for _ in range(IMPORT_ROUNDS)
        ]
        report(times, imports)


def report(times: list[list[float]], imports: list[tuple[float, float]]) -> None:
    print(f"{len(times)} runs on a warm worker, seconds: {'median':>29} {'worst':>6}")
    for (whose, what), seconds in zip(PARTS, zip(*times, strict=True), strict=True):
        print(f"{whose:>9}  {what:<62} {statistics.median(seconds):>6.2f} {max(seconds):>6.2f}")
    print()
    whole = statistics.median(map(sum, times))
    for name in (PREFECTS, OURS):
        sums = [
            sum(part for part, (whose, _) in zip(run, PARTS, strict=True) if whose == name)
            for run in times
        ]
        median = statistics.median(sums)
        print(
            f"{name:>9}  {'in all':<62} {median:>6.2f} {max(sums):>6.2f}  {100 * median / whole:.0f} %"
        )
    print(
        f"{'both':>9}  {'submission to first request':<62} {whole:>6.2f} {max(map(sum, times)):>6.2f}"
    )
    before, with_ours = (statistics.median(part) for part in zip(*imports, strict=True))
    print(
        f"\nimports before Running: {before:.2f} s of CPU for Prefect, "
        f"{with_ours - before:.2f} s more for fusion_flows"
    )


if __name__ == "__main__":
    main()
