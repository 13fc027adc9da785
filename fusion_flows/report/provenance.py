"""What made the results, in a line."""

import json
from typing import Any

from fusion_flows.rundir.directory import RunDirectory


def read_record(run: RunDirectory) -> dict[str, Any]:
    """Return what run.json has; nothing where it is not there."""
    try:
        record = json.loads(run.provenance.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def about(run: RunDirectory) -> str:
    """Return versions, times and content key, from run.json; nothing where it is not there."""
    record = read_record(run)
    if not record:
        return ""
    revision = record.get("code_revision")
    seconds = "to".join(f" {record[key]} " for key in ("started", "ended") if key in record).strip()
    parts = [
        f"FUSION {record.get('fusion_version')}" + (f" ({revision[:10]})" if revision else ""),
        f"Python {record.get('python')}",
        *(f"{name} {version}" for name, version in record.get("packages", {}).items()),
        seconds,
        f"content key {record['content_key'][:12]}" if record.get("content_key") else "",
    ]
    return ", ".join(filter(None, parts))
