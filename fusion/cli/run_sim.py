"""The simulator process: `python -m fusion.cli.run_sim --config FILE --output-dir DIR --progress-file FILE`.

It ends as `fusion.cli.ending` says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fusion.cli.ending import BAD_INPUT, FAILED, Signals, run_to_end
from fusion.results.provenance import RunFile

if TYPE_CHECKING:
    from fusion.results.progress import ProgressWriter


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
    from fusion.scenario.path_rules import rule_text

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
                path_rule=rule_text(config),
                config=config.model_dump(mode="json"),
            )
    except (ConfigError, ForeignResultsError, CannotWriteError) as error:
        print(f"fusion-sim: {error}", file=sys.stderr)
        return BAD_INPUT

    def simulate() -> bool:
        from fusion.simulation.simulation import run

        return run(config, inputs, directory, file, progress, signals.heed)

    try:
        return run_to_end(simulate, signals, _Record(run_file, progress))
    finally:
        progress.close()
        file.close()


class _Record:
    """The last words of a run: in its run file, and as an event."""

    def __init__(self, run_file: RunFile, progress: ProgressWriter) -> None:
        self._run_file = run_file
        self._progress = progress

    def end(self, exit_code: int, reason: str) -> None:
        seconds = self._run_file.end(exit_code, reason)
        summary = {"total_time_seconds": seconds}
        self._progress.write("complete", exit_code=exit_code, summary=summary)

    def fail(self, message: str, trace: str) -> None:
        with suppress(OSError):
            self._run_file.end(FAILED, message)
        self._progress.write("error", message=message, traceback=trace)


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
