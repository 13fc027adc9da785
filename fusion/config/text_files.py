"""Read a text file from outside, with limits."""

from pathlib import Path

_KINDS = (
    (
        b"PK\x03\x04",
        "an Excel file (.xlsx) or another archive, and not text: save its sheet as 'CSV UTF-8'",
    ),
    (
        b"\xd0\xcf\x11\xe0",
        "an older Excel file (.xls), and not text: save it as 'CSV UTF-8'",
    ),
    (b"%PDF-", "a PDF, and not text"),
    (b"\x1f\x8b", "compressed (gzip), and not text: unpack it"),
    (b"\xff\xfe", "UTF-16, and not UTF-8: save it as UTF-8"),
    (b"\xfe\xff", "UTF-16, and not UTF-8: save it as UTF-8"),
)
"""How files of other kinds begin, and what to say of them."""


def _kind(content: bytes) -> str | None:
    """Return what a file is that is not UTF-8 text and is known by how it begins."""
    return next((what for beginning, what in _KINDS if content.startswith(beginning)), None)


_OF_SPREADSHEETS = {
    b"\xff\xfe": "UTF-16, as Excel's 'Unicode text' is, and not UTF-8: save it as 'CSV UTF-8'",
}
"""The same of a table, which may come from a spreadsheet."""


def read_text(file: Path, max_bytes: int, *, table: bool = False) -> str:
    """Return the UTF-8 text of `file`, without a byte order mark.

    table: whether it may come from a spreadsheet, so that a message says how to save it there.

    Raise ValueError, with the reason but not the name of the file, when it is not there, a folder, not a
    regular file, not readable, larger than `max_bytes` or not text.
    """
    try:
        if file.is_dir():
            raise ValueError("is a folder, not a file")
        if file.exists() and not file.is_file():  # a pipe or a device would never end
            raise ValueError("is not a regular file")
        with file.open("rb") as stream:
            content = stream.read(max_bytes + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    if len(content) > max_bytes:
        raise ValueError(f"larger than {max_bytes / 2**20:g} MiB, which is what is read at most")
    if (kind := _kind(content)) is not None:
        raise ValueError(_OF_SPREADSHEETS.get(content[:2], kind) if table else kind)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = f"byte {error.start} is {content[error.start]:#04x}"
        advice = "save it as UTF-8"
        if table:
            advice = "from a spreadsheet, save it as 'CSV UTF-8', as plain CSV has an older code"
        instead = "" if b"\0" in content else f"; {advice}"
        raise ValueError(f"not UTF-8 text: {place}{instead}") from error
    if "\0" in text:
        raise ValueError("not text: it holds a NUL character")
    return text
