"""The simulator process: `python -m fusion.cli.run_sim --config FILE --output-dir DIR --progress-file FILE`.

Exit codes: 0 complete; 2 bad config or arguments; 130 or 143 ended by SIGINT or SIGTERM with what was done on
disk; 1 anything else. The first signal ends the run in order, the second at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from fusion.provenance import RunFile

if TYPE_CHECKING:
    from fusion.progress import ProgressWriter

BAD_INPUT = 2
FAILED = 1


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
        "--output-dir", required=True, type=Path, metavar="DIR", help="where the result files go"
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
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            if "fusion.pool" in sys.modules:
                sys.modules["fusion.pool"].end_workers()
            os._exit(128 + number)
        self.received = number

    def stopped(self) -> bool:
        """Say whether a signal has come."""
        return self.received is not None

    @property
    def exit_code(self) -> int:
        """The exit code of a process that was ended by the signal."""
        return 128 + (self.received or 0)

    @property
    def reason(self) -> str:
        """Why the run ended, in words."""
        return f"interrupted by {signal.Signals(self.received).name}" if self.received else ""


def main(arguments: list[str] | None = None) -> int:
    """Run the simulator and return its exit code."""
    options = parser().parse_args(arguments)
    signals = Signals()
    # The rest is imported here so that --help and a wrong argument are answered at once.
    from fusion.config import ConfigError, load_config, relevant_fields
    from fusion.inputs import content_key, read_inputs
    from fusion.logging_config import configure_logging
    from fusion.progress import ProgressWriter
    from fusion.replication_file import ForeignResultsError, ReplicationFile
    from fusion.simulation import run

    configure_logging()
    directory: Path = options.output_dir
    run_file = RunFile(options.run_file or directory / "run.json")
    progress: ProgressWriter | None = None
    try:
        try:
            progress = ProgressWriter(options.progress_file or directory / "progress.jsonl")
            config = load_config(options.config)
            inputs = read_inputs(config)
            key = content_key(config, inputs)
            directory.mkdir(parents=True, exist_ok=True)
            file = ReplicationFile(directory / "replications.jsonl", key, relevant_fields(config))
        except (ConfigError, ForeignResultsError, OSError) as error:
            return _refuse(str(error), progress)
        run_file.begin(seed=config.simulation_settings.seed, content_key=key)
        with closing(file):
            complete = run(config, inputs, directory, file, progress, signals.stopped)
        exit_code = 0 if complete else signals.exit_code
        seconds = run_file.end(exit_code, "complete" if complete else signals.reason)
        progress.write("complete", exit_code=exit_code, summary={"total_time_seconds": seconds})
        return exit_code
    except Exception as error:
        traceback.print_exc()
        message = f"{type(error).__name__}: {error}"
        # The disk may be what failed, so each of these may fail too.
        with suppress(OSError):
            run_file.end(FAILED, message)
        with suppress(OSError):
            if progress is not None:
                progress.write("error", message=message, traceback=traceback.format_exc())
        return FAILED
    finally:
        if progress is not None:
            progress.close()


def _refuse(message: str, progress: ProgressWriter | None) -> int:
    print(f"fusion-sim: {message}", file=sys.stderr)
    if progress is not None:
        progress.write("error", message=message, traceback=None)
    return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
