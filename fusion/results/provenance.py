"""Where numbers come from: versions, code revision, machine, seed and how the process ended."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from fusion import __version__
from fusion.results.files import atomic_file
from fusion.results.json_text import to_json

_PACKAGES = ("numpy", "numba", "networkx", "pydantic", "scipy")


class RunFile:
    """run.json: written when the run starts and again, with exit code and reason, when it ends.

    A file without an exit code is that of a run that is going on or was killed.
    """

    def __init__(self, path: Path) -> None:
        """path: where the file goes."""
        self.path = path
        self._record: dict[str, Any] = {}
        self._began = time.monotonic()

    def begin(self, **fields: Any) -> None:
        """Write versions, code revision, machine, process, and these fields."""
        self._record = {
            "fusion_version": __version__,
            "code_revision": _code_revision(),
            "python": platform.python_version(),
            "packages": {name: metadata.version(name) for name in _PACKAGES},
            "machine": {
                "hostname": socket.gethostname(),
                "system": f"{platform.system()} {platform.release()}",
                "processor": platform.machine(),
                "cpus": os.cpu_count(),
            },
            "command": sys.argv,
            "pid": os.getpid(),
            **fields,
            "started": _now(),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._write()

    def end(self, exit_code: int, exit_reason: str) -> float:
        """Write how the process ended; return how long it took, in seconds."""
        self._record |= {"ended": _now(), "exit_code": exit_code, "exit_reason": exit_reason}
        self._write()
        return time.monotonic() - self._began

    def _write(self) -> None:
        with atomic_file(self.path) as file:
            file.write(to_json(self._record, indent=2) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _code_revision() -> str | None:
    """Return the git revision of a source checkout, with "+" for local changes; None for an installed one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        git = ["git", "-C", str(root)]
        revision = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
        status = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return revision.stdout.strip() + ("+" if status.stdout.strip() else "")
