"""Keep secrets of the environment out of what a run starts, writes and shows."""

import os
import re
from collections.abc import Mapping

_NAMES = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|AUTH"
    r"|CONNECTION_(URL|STRING)|DATABASE_URL|DSN$|COOKIE",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"://[^/@\s:]*:([^/@\s]+)@")  # scheme://user:password@host
_SHORTEST = 6  # characters; a shorter value would be found in harmless text


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a simulator may have: none of Prefect's, and no secret."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("PREFECT") and not _is_secret(name, value)
    }


def redact(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return a text with the secrets of the environment replaced by `[secret]`."""
    found: set[str] = set()
    for name, value in environment.items():
        if _is_secret(name, value):
            found |= {value, *_IN_URL.findall(value), *value.split(":", 1)[1:]}
    for secret in sorted(found, key=len, reverse=True):
        if len(secret) >= _SHORTEST and secret in text:
            text = text.replace(secret, "[secret]")
    return text


def _is_secret(name: str, value: str) -> bool:
    return bool(_NAMES.search(name) or _IN_URL.search(value))
