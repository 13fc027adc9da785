"""Look into a run directory: list, open and preview its files, and never one from outside.

Paths may come from anywhere, and whatever runs on the machine may change the directory meanwhile.
A path is taken literally, part by part; nothing in it is decoded, normalised or resolved.
"""

import codecs
import csv
import io
import json
import os
import stat
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Literal, NamedTuple, TypeAlias

from fusion.config.problems import nearest
from fusion_flows.rundir.directory import (
    MAX_DEPTH,
    RunDirectory,
    RunDirectoryError,
    open_folder,
    shown,
    walk,
)

Kind: TypeAlias = Literal["text", "json", "csv", "picture", "binary"]

_MAX_PATH = 4096  # characters; no system opens more
_NEAREST_OF = 2000  # files among which the name that was meant is looked for
_DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    port + digit for port in ("COM", "LPT") for digit in "0123456789¹²³"
}
_KINDS: dict[str, Kind] = {
    **dict.fromkeys((".txt", ".log", ".ini", ".jsonl", ".md", ".xml", ".graphml"), "text"),
    ".json": "json",
    ".csv": "csv",
    **dict.fromkeys((".png", ".svg", ".jpg", ".jpeg", ".gif", ".webp"), "picture"),
}
_PICTURES = {  # how such a file starts
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class FileRefusedError(RunDirectoryError):
    """A file of a run that is not given out; `reason` says why."""

    def __init__(self, run_id: str, path: str, reason: str) -> None:
        """Keep all; they are the exception's arguments, so it can be pickled."""
        super().__init__(run_id, path, reason)
        self.run_id = run_id
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        """Return the message, with the path as Python writes it."""
        return f"run {self.run_id}: {shown(self.path)} is refused: {self.reason}"


class FileEntry(NamedTuple):
    """A file of a run."""

    path: str
    """Relative to the run directory, with `/`."""
    size: int
    """Bytes."""
    modified: datetime
    """When it was last written, UTC."""
    kind: Kind
    """What its name says that it is."""


class Preview(NamedTuple):
    """The start of a file, read according to what it holds."""

    path: str
    size: int
    """Bytes of the whole file."""
    kind: Kind
    """What it is: `binary` or `text` where the content is not what the name says."""
    truncated: bool = False
    """Whether there is more in the file than here."""
    text: str = ""
    """Whole lines; of a line that is too long alone, its start. Bytes that are not UTF-8 are U+FFFD."""
    value: Any = None
    """Of a JSON file that is within the limit in bytes: what it says."""
    header: list[str] | None = None
    """Of a CSV file: its first row."""
    rows: list[list[str]] | None = None
    """Of a CSV file: the others."""
    content: bytes = b""
    """Of a picture that is within the limit in bytes: the file."""
    media_type: str = ""
    """Of a picture. An SVG picture may hold scripts: show it as an image, not as a page."""


def list_files(run: RunDirectory) -> list[FileEntry]:
    """Return the files of a run in the order of their names: just those that `open_file` opens.

    Raises RunDirectoryError when the directory cannot be read.
    """
    return [
        FileEntry(path, status.st_size, _time(status.st_mtime), _kind(path))
        for path, status in walk(run)
        if not _refusal(path)
    ]


def _time(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # a file may say that it is from the year 30000
        limit = datetime.max if seconds > 0 else datetime.min
        return limit.replace(tzinfo=UTC)


def _kind(path: str) -> Kind:
    return _KINDS.get(PurePosixPath(path).suffix.lower(), "binary")


def open_file(run: RunDirectory, path: str) -> BinaryIO:
    """Open a regular file of a run for reading, by its path as `list_files` gives it.

    Raises FileRefusedError for anything else: what is not there, what lies outside, behind a
    symbolic link or behind a name that some system reads in another way, folders, pipes, devices.

    A hard link cannot be told from a file, so a file from outside that was linked into the
    directory is opened. Such a link can be made within one file system only, and (where Linux
    protects hard links, as it does by default) only by the owner of the file or by somebody who
    may read and write it: it shows nothing that its maker could not have copied there.
    """
    if reason := _refusal(path):
        raise FileRefusedError(run.run_id, path, reason)
    try:
        file = _open(run, path.split("/"))
        try:
            mode = os.fstat(file).st_mode
            if not stat.S_ISREG(mode):
                what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
                raise _NotAFileError(f"it is {what}")
            os.set_blocking(file, True)  # only the open must not wait
            return os.fdopen(file, "rb")
        except BaseException:
            os.close(file)
            raise
    except _NotAFileError as error:
        raise FileRefusedError(run.run_id, path, str(error)) from None
    except (FileNotFoundError, NotADirectoryError):
        raise FileRefusedError(run.run_id, path, _not_there(run, path)) from None
    except OSError as error:
        raise FileRefusedError(run.run_id, path, error.strerror or str(error)) from error


class _NotAFileError(Exception):
    """What was found is not a file that is given out; the message says what it is."""


_LINK = "it is, or lies behind, a symbolic link, and none is followed"


def _refusal(path: str) -> str:
    """Return why no file has this path, on any system; empty when one may have it."""
    if not isinstance(path, str):
        return "a path is text"
    if len(path) > _MAX_PATH:
        return f"it has more than {_MAX_PATH} characters"
    names = path.split("/")
    if len(names) > MAX_DEPTH:
        return f"it has more than {MAX_DEPTH} parts"
    for name in names:
        if not name:
            return "it has an empty part; a path is relative to the run directory"
        if name.startswith("."):
            return "a name that starts with a dot is not a result of a run"
        if "\\" in name or ":" in name:
            return "it has a backslash or a colon, which some systems do not take for a name"
        if name[-1] in " .":
            return "a name ends in a dot or a space, which some systems leave out"
        if name.partition(".")[0].rstrip(" ").upper() in _DEVICES:
            return f"{shown(name)} is a device on some systems"
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
            return "it has characters that are not text"
    return ""


def _open(run: RunDirectory, names: list[str]) -> int:
    """Open a file part by part, each in the folder that is open by then.

    The open is the check: there is no moment between them in which a link could be swapped in.
    """
    folder = open_folder(run.path)
    try:
        for name in names[:-1]:
            try:
                inner = open_folder(name, folder)
            except OSError as error:
                raise _explained(error, name, folder) from None
            outer, folder = folder, inner
            try:
                _check_spelling(name, outer)
            finally:
                os.close(outer)
        try:
            file = os.open(names[-1], _FILE_FLAGS, dir_fd=folder)
        except OSError as error:
            raise _explained(error, names[-1], folder) from None
        try:
            _check_spelling(names[-1], folder)
        except BaseException:
            os.close(file)
            raise
        return file
    finally:
        os.close(folder)


def _explained(error: OSError, name: str, folder: int) -> Exception:
    """Return what to raise for an open that failed; the look at the file only finds the words."""
    try:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except OSError:
        return error
    if stat.S_ISLNK(mode):
        return _NotAFileError(_LINK)
    return _NotAFileError("it is a socket") if stat.S_ISSOCK(mode) else error


def _check_spelling(name: str, folder: int) -> None:
    """Raise FileNotFoundError unless the folder lists the name just so.

    Some file systems open a file by other names: in another case, or composed in another way.
    """
    for _ in range(3):  # a file that is replaced meanwhile may be missing from one listing
        with os.scandir(folder) as entries:
            if any(entry.name == name for entry in entries):
                return
    raise FileNotFoundError(name)


def _not_there(run: RunDirectory, path: str) -> str:
    """Return that a file is not found, and the one that may have been meant."""
    paths: list[str] = []
    with suppress(RunDirectoryError):
        paths = [entry.path for entry in list_files(run)[:_NEAREST_OF]]
    return "file not found" + nearest(path, paths)


def preview(
    run: RunDirectory, path: str, max_lines: int = 1000, max_bytes: int = 1_000_000
) -> Preview:
    """Return the start of a file: at most so many lines, of at most so many bytes.

    No more than that is read, whatever the file holds. Raises FileRefusedError as `open_file`
    does, and ValueError when a limit is below 1.
    """
    if min(max_lines, max_bytes) < 1:
        raise ValueError("max_lines and max_bytes are at least 1")
    with open_file(run, path) as file:
        start = file.read(max_bytes + 1)
        size = max(os.fstat(file.fileno()).st_size, len(start))
    whole = len(start) <= max_bytes
    start = start[:max_bytes]
    kind = _kind(path)

    if kind == "picture" and (media_type := _media_type(path, start)):
        content = start if whole else b""  # half a picture is of no use
        return Preview(path, size, kind, not whole, content=content, media_type=media_type)
    text, cut = _first_lines(start, whole, max_lines)
    if "\0" in text or (kind in ("picture", "binary") and "\ufffd" in text):
        return Preview(path, size, "binary", truncated=not whole)
    seen = Preview(path, size, "text", cut, text)
    if kind == "json":
        return _with_value(seen, start) if whole else seen._replace(kind=kind)
    return _with_rows(seen) if kind == "csv" else seen


def _media_type(path: str, start: bytes) -> str:
    if path.lower().endswith(".svg"):
        return "image/svg+xml" if b"<svg" in start else ""
    for signature, media_type in _PICTURES.items():
        if start.startswith(signature):
            return media_type
    return ""


def _first_lines(start: bytes, whole: bool, max_lines: int) -> tuple[str, bool]:
    """Return the text of the first lines, and whether there is more in the file.

    start: of the file.  whole: whether that is all of it.
    """
    *lines, rest = start.split(b"\n", max_lines)
    cut = not whole or (len(lines) == max_lines and bool(rest))
    if cut and lines:
        start = start[: len(start) - len(rest)]
    # A character that the cut has torn is left out.
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    return decoder.decode(start, final=not cut), cut


def _with_value(seen: Preview, content: bytes) -> Preview:
    """Add what a JSON file says; leave it a text when it is not JSON."""
    try:
        return seen._replace(kind="json", value=json.loads(content))
    except (ValueError, RecursionError):
        return seen


def _with_rows(seen: Preview) -> Preview:
    """Add the rows of a CSV file; leave it a text when it is not CSV."""
    try:
        rows = [row for row in csv.reader(io.StringIO(seen.text, newline="")) if row]
    except csv.Error:
        return seen
    if seen.truncated and seen.text.count('"') % 2:  # the cut is within the quotes of a cell
        rows.pop()
    return seen._replace(kind="csv", header=rows[0] if rows else [], rows=rows[1:])
