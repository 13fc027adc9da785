"""Where numbers come from: versions, code revision, machine, seed and how the process ended."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
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

    def begin(self, *, packages: Sequence[str] = (), **fields: Any) -> None:
        """Write versions, code revision, machine, process, and these fields.

        packages: further ones whose versions are written.
        """
        self._record = {
            "fusion_version": __version__,
            "code_revision": _code_revision(),
            "python": platform.python_version(),
            "packages": versions_of([*_PACKAGES, *packages]),
            "machine": {
                "hostname": socket.gethostname(),
                "system": f"{platform.system()} {platform.release()}",
                "processor": platform.machine(),
                "cpu_model": cpu_model(),
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


def versions_of(packages: Sequence[str]) -> dict[str, str]:
    """Return package -> version, of those that are installed as packages."""
    found = {}
    for name in packages:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def cpu_model() -> str:
    """Return the model of this machine's CPU; of Linux with the numbers that tell its kind; "": not known."""
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        with suppress(OSError, subprocess.SubprocessError):
            told = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
            return told.stdout.strip()
    first: dict[str, str] = {}
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.strip():
                break
            name, _, value = line.partition(":")
            first[name.strip()] = value.strip()
    if "model name" not in first:
        return platform.processor()
    numbers = {"family": "cpu family", "model": "model", "stepping": "stepping"}
    kind = ", ".join(f"{name} {first[key]}" for name, key in numbers.items() if key in first)
    return first["model name"] + (f" ({kind})" if kind else "")


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
