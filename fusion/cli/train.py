"""The process that trains an agent: `python -m fusion.cli.train --config FILE --output-dir DIR`.

It writes training.csv, agent.onnx (the one that has blocked least), last_agent.onnx, checkpoints and event
files of TensorBoard. Started again in the same directory it goes on from the last checkpoint. It ends as
`fusion.cli.ending` says.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fusion.cli.ending import BAD_INPUT, FAILED, Signals, run_to_end
from fusion.results.provenance import RunFile

if TYPE_CHECKING:
    from fusion.config.config import Config
    from fusion.config.training_settings import TrainingSettings
    from fusion.results.progress import ProgressWriter


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="fusion.cli.train",
        description="Train an agent to serve the requests of an elastic optical network.",
        epilog="Started again in the same output directory, it goes on from the last checkpoint there.",
    )
    parser.add_argument(
        "--config",
        required=True,
        metavar="FILE",
        help="INI file, or the name of a shipped template such as quick",
    )
    parser.add_argument(
        "--training",
        type=Path,
        metavar="FILE",
        help="INI file with [training_settings] (default: that of --config)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a key of [training_settings], such as steps=100000; may be given several times",
    )
    parser.add_argument(
        "--output-dir", required=True, type=Path, metavar="DIR", help="where the files go"
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
    """Train, and return the exit code."""
    options = parser().parse_args(arguments)
    signals = Signals()
    # The rest is imported here so that --help and a wrong argument are answered at once.
    from fusion.config.config import ConfigError, read_config
    from fusion.config.reading import warn_of_reading
    from fusion.config.training_check import check_training
    from fusion.config.training_extra import NEEDED, MissingExtraError
    from fusion.config.training_settings import SECTION, read_assignments, read_training
    from fusion.results.logging_config import configure_logging
    from fusion.results.progress import ProgressWriter

    configure_logging()
    directory: Path = options.output_dir
    run_file = RunFile(options.run_file or directory / "run.json")

    def read() -> Config:
        reading = read_config(options.config)
        others = [each for each in reading.ignored if each.section != SECTION]
        warn_of_reading(others, reading.dropped, reading.notes)
        return reading.config

    def read_settings() -> TrainingSettings:
        file = options.training or _file_of(options.config)
        return read_training(file, read_assignments(options.set))

    def check(config: Config, settings: TrainingSettings) -> None:
        from fusion.learning.training.options import check_environments  # needs gymnasium

        check_environments(config, settings)

    try:
        config, settings = check_training(read, read_settings, check)
    except (ConfigError, MissingExtraError) as error:
        print(f"fusion.cli.train: {error}", file=sys.stderr)
        return BAD_INPUT
    try:
        directory.mkdir(parents=True, exist_ok=True)
        progress = ProgressWriter(options.progress_file or directory / "progress.jsonl")
        run_file.begin(
            packages=[*NEEDED.values()],
            seed=settings.seed,
            config=config.model_dump(mode="json"),
            training=settings.model_dump(mode="json"),
        )
    except OSError as error:
        print(f"fusion.cli.train: {directory}: {error.strerror or error}", file=sys.stderr)
        return BAD_INPUT

    def train() -> bool:
        from fusion.learning.training.trainer import Training

        return Training(options.config, config, settings, directory, progress, signals.heed).run()

    try:
        return run_to_end(train, signals, _Record(run_file, progress))
    finally:
        progress.close()


def _file_of(config: str) -> Path:
    from fusion.config.templates import find_template

    return find_template(config, None, None)


class _Record:
    """The last words of a training: in its run file, and as an event."""

    def __init__(self, run_file: RunFile, progress: ProgressWriter) -> None:
        self._run_file = run_file
        self._progress = progress

    def end(self, exit_code: int, reason: str) -> None:
        seconds = self._run_file.end(exit_code, reason)
        self._progress.write(
            "complete", exit_code=exit_code, summary={"total_time_seconds": seconds}
        )

    def fail(self, message: str, trace: str) -> None:
        with suppress(OSError):
            self._run_file.end(FAILED, message)
        self._progress.write("error", message=message, traceback=trace)


if __name__ == "__main__":
    sys.exit(main())
