"""The simulator process: `python -m fusion.cli.run_sim --config FILE --output-dir DIR --progress-file FILE`.

Exit codes: 0 complete; 2 bad config or arguments; 130 or 143 ended by SIGINT or SIGTERM with what was done on
disk; 1 anything else. The first signal ends the run in order, the second at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from fusion.results.provenance import RunFile

if TYPE_CHECKING:
    from fusion.results.progress import ProgressWriter

BAD_INPUT = 2
FAILED = 1
ORDERLY_SECONDS = 1.5
"""From the first signal to the end of a process that cannot end in order: in the middle of compiling, or of
a replication whose requests take very long. Who has heard of the signal may write what there is."""


def _directory(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("must be the name of a directory")
    return Path(text)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="fusion-sim",
        description="Simulate the blocking probability of an elastic optical network.",
        epilog="Started again with the same config and output directory, it computes only what is missing.",
    )
    parser.add_argument(
        "--config",
        required=True,
        metavar="FILE",
        help="INI file, or the name of a shipped template such as quick",
    )
    parser.add_argument(
        "--output-dir",
        required=True,
        type=_directory,
        metavar="DIR",
        help="where the result files go",
    )
    parser.add_argument(
        "--progress-file",
        type=Path,
        metavar="FILE",
        help="where progress events go, one JSON object per line (default: DIR/progress.jsonl)",
    )
    parser.add_argument(
        "--run-file",
        type=Path,
        metavar="FILE",
        help="where versions, machine, seed and exit reason go (default: DIR/run.json)",
    )
    return parser


class Signals:
    """Remember the first SIGINT or SIGTERM; end everything at the second."""

    def __init__(self) -> None:
        """Take over both signals."""
        self.received: int | None = None
        self._received_at = 0.0
        self._is_heeded = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            end_at_once(128 + number)
        self.received = number
        self._received_at = time.monotonic()

    def stopped(self) -> bool:
        """Return whether a signal has come."""
        return self.received is not None

    def heed(self) -> bool:
        """Return whether a signal has come; who calls this ends in order then, and is waited for."""
        self._is_heeded = self.stopped()
        return self._is_heeded

    def overdue(self) -> bool:
        """Return whether a signal that nobody has heeded came so long ago that nobody is waited for."""
        if self.received is None or self._is_heeded:
            return False
        return time.monotonic() - self._received_at > ORDERLY_SECONDS

    @property
    def exit_code(self) -> int:
        """The exit code of a process that was ended by the signal."""
        return 128 + (self.received or 0)

    @property
    def reason(self) -> str:
        """Why the run ended, in words."""
        return f"interrupted by {signal.Signals(self.received).name}" if self.received else ""


def end_at_once(exit_code: int) -> NoReturn:
    """End this process and its workers, whatever they are doing."""
    if pool := sys.modules.get("fusion.simulation.pool"):
        pool.end_workers()
    os._exit(exit_code)


def main(arguments: list[str] | None = None) -> int:
    """Run the simulator and return its exit code."""
    options = parser().parse_args(arguments)
    signals = Signals()
    # The rest is imported here so that --help and a wrong argument are answered at once.
    from fusion.config.config import ConfigError, load_config
    from fusion.config.relevant_fields import relevant_fields
    from fusion.results.logging_config import configure_logging
    from fusion.results.progress import ProgressWriter
    from fusion.results.replication_file import ForeignResultsError, ReplicationFile
    from fusion.scenario.content import content_key
    from fusion.scenario.inputs import read_inputs

    configure_logging()
    directory: Path = options.output_dir
    run_file = RunFile(options.run_file or directory / "run.json")
    try:
        config = load_config(options.config)
        inputs = read_inputs(config)
        key = content_key(config, inputs)
        with _told_as("--output-dir", directory):
            directory.mkdir(parents=True, exist_ok=True)
            file = ReplicationFile(directory / "replications.jsonl", key, relevant_fields(config))
        progress_path = options.progress_file or directory / "progress.jsonl"
        with _told_as("--progress-file", progress_path):
            progress = ProgressWriter(progress_path)
        with _told_as("--run-file", run_file.path):
            run_file.begin(
                seed=config.simulation_settings.seed,
                content_key=key,
                config=config.model_dump(mode="json"),
            )
    except (ConfigError, ForeignResultsError, CannotWriteError) as error:
        print(f"fusion-sim: {error}", file=sys.stderr)
        return BAD_INPUT

    def simulate() -> bool:
        from fusion.simulation.simulation import run

        return run(config, inputs, directory, file, progress, signals.heed)

    try:
        complete = _run_and_watch(simulate, signals, run_file, progress)
        exit_code = 0 if complete else signals.exit_code
        seconds = run_file.end(exit_code, "complete" if complete else signals.reason)
        progress.write("complete", exit_code=exit_code, summary={"total_time_seconds": seconds})
    except Exception as error:
        traceback.print_exc()
        message = f"{type(error).__name__}: {error}"
        # The disk may be what failed, so each of these may fail too.
        with suppress(OSError):
            run_file.end(FAILED, message)
        with suppress(OSError):
            progress.write("error", message=message, traceback=traceback.format_exc())
        return FAILED
    finally:
        progress.close()
        file.close()
    return exit_code


def _run_and_watch(
    simulate: Callable[[], bool], signals: Signals, run_file: RunFile, progress: ProgressWriter
) -> bool:
    def end_late() -> None:
        with suppress(OSError):
            seconds = run_file.end(signals.exit_code, signals.reason)
            summary = {"total_time_seconds": seconds}
            progress.write("complete", exit_code=signals.exit_code, summary=summary)
        end_at_once(signals.exit_code)

    return wait_for_end(simulate, signals, end_late)


def wait_for_end(
    simulate: Callable[[], bool], signals: Signals, end_late: Callable[[], None]
) -> bool:
    """Run in a thread, so that this one hears signals also while compiled code runs for long.

    end_late: called when an orderly end after a signal takes too long.
    """
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(simulate)
        while not running.done():
            wait([running], timeout=0.1)
            if signals.overdue():
                end_late()
        return running.result()


class CannotWriteError(OSError):
    """A path of the command line that cannot be written; the message names the option."""


@contextmanager
def _told_as(option: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotWriteError(f"{option} {path}: {error.strerror or error}") from error


if __name__ == "__main__":
    sys.exit(main())
