"""The command in the process of the tests, where a process of its own is not what is tested.

To start Python and import Prefect takes a second of CPU, and what most verbs do a tenth of that. What is
read once in a process stays as it is here, such as the folder of what is compiled, or of temporary files:
verbs that look at these, or remove something, need a process.
"""

import contextlib
import io
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest import mock

from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from fusion_flows.command import cli


@contextlib.contextmanager
def placed(environment: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Have this environment, with Prefect's settings in it, and this folder in the meantime."""
    settings = {PREFECT_HOME: environment["PREFECT_HOME"]}
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        contextlib.chdir(folder),
        temporary_settings(
            settings | {PREFECT_API_URL: url}
            if (url := environment.get("PREFECT_API_URL"))
            else settings,
            restore_defaults=set() if url else {PREFECT_API_URL},
        ),
    ):
        yield


def fusion(
    environment: Mapping[str, str], folder: Path, *words: str
) -> subprocess.CompletedProcess[str]:
    """Run a verb that starts no flow here, in this environment and folder, without a terminal."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with (
        placed(environment, folder),
        open(os.devnull) as nothing,
        mock.patch("sys.stdin", nothing),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = cli.main(list(words))
    said = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(["fusion", *words], code, *said)
