"""Files that a submitted run names: their content goes with its parameters, as a worker may not read them.

In the place of a path stands a text with what the file says when the run is submitted. The flow writes it
into the run's own directory, and from there on it is a file as any other.
"""

import base64
import hashlib
import os.path
import re
import shutil
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

from fusion.config.config import ConfigError, Problem
from fusion.config.named_files import (
    KEYS,
    file_of,
    input_folders,
    is_path,
    names_agent,
    split_policy,
    told_value,
)
from fusion.results.files import write_atomic
from fusion_flows.rundir.directory import absolute, own_run_id

_FOLDER = "inputs"  # in the run directory
_SENT = "sent-file:"
_MOST_BYTES = 400_000  # of all files packed: Prefect refuses parameters of more than 512 KiB
_MOST_UNPACKED = 64 * 1024**2
_NAME = re.compile(r"[\w][\w.,+ ()-]{0,99}")


def send(parameters: dict[str, Any], readable: tuple[Path, ...] | None) -> dict[str, Any]:
    """Return parameters with the content of each file in the place of its path.

    readable: folders that the worker may read, where that is known. What is too much to be sent stays a
    path. Raises ConfigError for such a one that the worker may not read.
    """
    folders = input_folders(readable, None)
    left = _MOST_BYTES
    problems: list[Problem] = []

    def packed(key: str, value: str) -> str:
        nonlocal left
        if not is_path(key, value):
            return value
        path = os.path.abspath(value)
        text = _pack(key, path)
        if len(text) <= left:
            left -= len(text)
            return text
        if folders is not None and not folders.hold(file_of(key, path)):
            message = (
                f"is too large to be sent to a worker ({len(text):,} bytes packed; all files of a run may "
                f"have {_MOST_BYTES:,}), and {folders.refusal()}"
            )
            problems.append(Problem("", key, told_value(key, path), message, "what is submitted"))
        return path

    found: dict[str, Any] = _changed(parameters, "", packed)
    if problems:
        raise ConfigError(problems)
    return found


def receive(parameters: Any, folder: Path) -> Any:
    """Return parameters with files in `folder` in the place of the contents that were sent.

    Raises ConfigError for what `send` has not packed.
    """

    def unpacked(key: str, value: str) -> str:
        if key not in KEYS or not value.startswith(_SENT):
            return value
        try:
            return _unpack(value.removeprefix(_SENT), folder)
        except (ValueError, zlib.error, OSError) as error:
            message = f"is not a file that was sent: {error}"
            raise ConfigError([Problem("", key, value, message, "the parameters")]) from None

    return _changed(parameters, "", unpacked)


def told(value: str) -> str:
    """Return a parameter as a person reads it: in the place of a file's content its name."""
    if not value.startswith(_SENT):
        return value
    body, colon, function = value.removeprefix(_SENT).partition(":")
    first = unquote(body.split(";")[0].partition("=")[0])
    return f"{first}{colon}{function} (sent with the run)"


def folder_of(runs_dir: Path, flow_run_id: UUID) -> Path:
    """Return where the files of a flow run go: into its run directory, which need not be there yet."""
    return absolute(runs_dir) / own_run_id(runs_dir, flow_run_id) / _FOLDER


def discard(folder: Path) -> None:
    """Delete the files that came for a run which cannot begin, and its directory if nothing else is there."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


def _changed(value: Any, key: str, change: Callable[[str, str], str]) -> Any:
    """Return nested data with each text replaced.  key: under which it stands, alone or in a list."""
    if isinstance(value, dict):
        return {
            name: _changed(each, str(name).strip().lower(), change) for name, each in value.items()
        }
    if isinstance(value, list):
        return [_changed(each, key, change) for each in value]
    return change(key, value) if isinstance(value, str) else value


def _pack(key: str, path: str) -> str:
    """Return the content of a file, or of all files of a policy, as one text."""
    if key != "policy" or names_agent(path):
        return _SENT + _entry(Path(path).name, Path(path).read_bytes())
    from fusion.scenario.policy.file import read_policy  # here: it takes its time

    source = read_policy(path)
    entries = [_entry(f"{file.name}.py", file.text.encode()) for file in source.files]
    return f"{_SENT}{';'.join(entries)}:{split_policy(path)[1]}"


def _entry(name: str, content: bytes) -> str:
    return f"{quote(name, safe='')}={base64.b64encode(zlib.compress(content, 9)).decode()}"


def _unpack(text: str, folder: Path) -> str:
    """Write what was sent, and return its path, with the function where it is a policy."""
    body, colon, function = text.partition(":")
    place = folder / hashlib.sha256(body.encode()).hexdigest()[:12]
    names = []
    for entry in body.split(";"):
        quoted, _, packed = entry.partition("=")
        name = unquote(quoted)
        if not _NAME.fullmatch(name):  # a name may lead out of the folder
            name = f"file{Path(name).suffix if _NAME.fullmatch(Path(name).suffix[1:]) else ''}"
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(base64.b64decode(packed, validate=True), _MOST_UNPACKED)
        if not unpacker.eof:
            raise ValueError(f"it is cut short, or larger than {_MOST_UNPACKED:,} bytes")
        place.mkdir(parents=True, exist_ok=True)
        write_atomic(place / name, content)
        names.append(name)
    return f"{place / names[0]}{colon}{function}"
