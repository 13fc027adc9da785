"""JSON data as a short text, for parameters and artifacts, whose size Prefect limits."""

import base64
import json
import zlib

MOST_BYTES = 400_000
"""Of a packed text: Prefect refuses parameters of more than 512 KiB, and artifacts that are much larger."""

_MOST_UNPACKED = 256 << 20


def pack(value: object) -> str:
    """Return JSON data as a short text."""
    return base64.b64encode(zlib.compress(json.dumps(value).encode(), 9)).decode()


def unpack(text: str) -> object:
    """Return what `pack` was given. Raises ValueError."""
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(base64.b64decode(text, validate=True), _MOST_UNPACKED)
    except zlib.error as error:
        raise ValueError(f"is damaged: {error}") from None
    if stream.unconsumed_tail:
        raise ValueError(f"has more than {_MOST_UNPACKED >> 20} MiB")
    if not stream.eof:
        raise ValueError("is damaged: its end is missing")
    return json.loads(data)
