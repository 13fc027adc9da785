"""Read a text file that somebody else wrote."""

from pathlib import Path


def read_text(file: Path, max_bytes: int) -> str:
    """Return the UTF-8 text of `file`, without a byte order mark.

    Raise ValueError, with the reason but not the name of the file, when it is not there, not a
    regular file, not readable, larger than `max_bytes` or not text.
    """
    try:
        if file.exists() and not file.is_file():  # a pipe or a device would never end
            raise ValueError("not a file")
        with file.open("rb") as stream:
            content = stream.read(max_bytes + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    if len(content) > max_bytes:
        raise ValueError(f"larger than {max_bytes / 2**20:g} MiB, which is what is read at most")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"not UTF-8 text: byte {error.start} is {content[error.start]:#04x}"
        ) from error
    if "\0" in text:
        raise ValueError("not text: it holds a NUL character")
    return text
