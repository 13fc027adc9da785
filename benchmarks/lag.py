"""How far log and progress in Prefect are behind the simulator: `python -m benchmarks.lag`.

Starts a Prefect server of its own and a run that goes on, by a call from Python. Meanwhile lines with
a time are appended to its logs/sim.log, 100 a second, and the API is asked for new ones all the
time; a line's lag ends with the answer that has it. An event's lag ends with the first `updated` of
the progress artifact whose description counts that replication, and begins with its `ts`.
"""

from __future__ import annotations

import argparse
import math
import re
import statistics
import threading
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import ArtifactFilter, LogFilter
from prefect.client.schemas.sorting import LogSort

from benchmarks.prefect_server import GOING_ON, prefect_server

LINES_PER_SECOND = 100
ROUND_SECONDS = 15.0
BOUND = 2.0
LAST_SECONDS = 5.0  # for what is on its way at the end of a round
ASK_SECONDS = 0.1  # between two questions, on top of the time that one takes
PAGE = 200
LINE = re.compile(r"line \d+ written at (\d+\.\d+)")
COUNT = re.compile(r"(\d+)/\d+ replications")


class Writer(threading.Thread):
    """Appends lines to a log, each with the time at which it was written."""

    def __init__(self, log: Path) -> None:
        super().__init__(daemon=True)
        self.count = 0
        self.stop = False
        self._log = log

    def run(self) -> None:
        began = time.monotonic()
        with self._log.open("a", buffering=1) as file:
            while not self.stop:
                file.write(f"INFO line {self.count} written at {time.time():.4f}\n")
                self.count += 1
                time.sleep(max(0.0, began + self.count / LINES_PER_SECOND - time.monotonic()))


class LogReader:
    """Asks for the log of a run; lags holds a value for each line that was met."""

    def __init__(self, client: SyncPrefectClient, flow_run_id: UUID) -> None:
        self.lags: list[float] = []
        self._client = client
        self._of_run = LogFilter.model_validate({"flow_run_id": {"any_": [str(flow_run_id)]}})
        self._met: set[UUID] = set()

    def look(self) -> None:
        """Ask for what is new."""
        while True:
            page = self._client.read_logs(
                self._of_run, limit=PAGE, offset=len(self._met), sort=LogSort.TIMESTAMP_ASC
            )
            now = time.time()
            for record in page:  # one of Prefect's own that comes late moves the others
                if record.id not in self._met:
                    self.lags += [now - float(at) for at in LINE.findall(record.message)]
            self._met |= {record.id for record in page}
            if len(page) < PAGE:
                return


class ProgressArtifact:
    """Asks for the progress artifact of a run; shown holds how many replications it counted when."""

    def __init__(self, client: SyncPrefectClient, flow_run_id: UUID) -> None:
        self.shown: list[tuple[int, float]] = []
        self._client = client
        self._of_run = ArtifactFilter.model_validate(
            {"flow_run_id": {"any_": [str(flow_run_id)]}, "type": {"any_": ["progress"]}}
        )

    def look(self) -> None:
        """Ask for its description."""
        for artifact in self._client.read_artifacts(artifact_filter=self._of_run):
            found = COUNT.search(artifact.description or "")
            if found and artifact.updated is not None:
                shown = int(found[1]), artifact.updated.timestamp()
                if not self.shown or self.shown[-1][0] != shown[0]:
                    self.shown.append(shown)

    def lags(self, finished: list[float], since: float) -> list[float]:
        """Return the lag of each replication from `since` on. finished: their times, in order."""
        lags = []
        for count, at in enumerate(finished, 1):
            seen = next((when for shown, when in self.shown if shown >= count), None)
            if at >= since and seen is not None:
                lags.append(seen - at)
        return lags


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    text = f"of {ROUND_SECONDS:g} s, each with a run of its own (default: %(default)s)"
    parser.add_argument("--rounds", type=int, default=3, help=text)
    rounds = parser.parse_args().rounds
    log: list[float] = []
    progress: list[float] = []
    written = 0
    with suppress(KeyboardInterrupt), prefect_server() as prefect:
        for _ in range(rounds):
            call = prefect.call(GOING_ON)
            run = prefect.run_of(call)
            prefect.wait_for_replications(run)
            reader, artifact = LogReader(prefect.client, run), ProgressArtifact(prefect.client, run)
            writer = Writer(prefect.directory(run).log)
            began = time.time()
            writer.start()
            while time.time() - began < ROUND_SECONDS + LAST_SECONDS:
                reader.look()
                artifact.look()
                if time.time() - began >= ROUND_SECONDS:
                    writer.stop = True
                    if len(reader.lags) == writer.count:
                        break
                time.sleep(ASK_SECONDS)
            finished = [
                datetime.fromisoformat(event["ts"]).timestamp()
                for event in prefect.events(run, "iteration")
            ]
            log += reader.lags
            written += writer.count
            progress += artifact.lags(finished, began)
            prefect.cancel(run)
            call.process.wait()
        print(
            f"{rounds} rounds of {ROUND_SECONDS:g} s, {LINES_PER_SECOND} lines a second; seconds:"
        )
        print(f"{'':<12} {'median':>6} {'95 %':>6} {'worst':>6} {'bound':>5}")
        print(f"{'log':<12} {_cells(log)}   {len(log)} of {written} lines")
        print(f"{'progress':<12} {_cells(progress)}   {len(progress)} replications")


def _cells(lags: list[float]) -> str:
    ordered = sorted(lags)
    percentile = ordered[math.ceil(0.95 * len(ordered)) - 1]
    ok = "ok" if ordered[-1] <= BOUND else "NO"
    median = statistics.median(ordered)
    return f"{median:>6.2f} {percentile:>6.2f} {ordered[-1]:>6.2f} {BOUND:>5.1f} {ok}"


if __name__ == "__main__":
    main()
