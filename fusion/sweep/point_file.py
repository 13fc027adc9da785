"""The file that tells a simulator process which points to compute."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fusion.config import Config
from fusion.files import write_atomic
from fusion.sweep.points import Point


def write_points(path: Path, points: Sequence[Point], metric: str) -> None:
    """Write points, and what the stopping rule looks at. Raises OSError."""
    write_atomic(path, json.dumps(to_record(points, metric)).encode())


def to_record(points: Sequence[Point], metric: str) -> dict[str, Any]:
    """Return points as JSON data."""
    return {
        "metric": metric,
        "points": [
            {
                "key": point.key,
                "axes": dict(point.axes),
                "config": point.config.model_dump(mode="json"),
                "content": dict(point.content),
            }
            for point in points
        ],
    }


def read_points(path: Path) -> tuple[list[Point], str]:
    """Return points and metric of a file of `write_points`. Raises ValueError, OSError."""
    return from_record(json.loads(path.read_text(encoding="utf-8")))


def from_record(record: dict[str, Any]) -> tuple[list[Point], str]:
    """Return points and metric from what `to_record` returned."""
    points = [
        Point(each["key"], each["axes"], Config.model_validate(each["config"]), each["content"])
        for each in record["points"]
    ]
    return points, str(record["metric"])
