"""A run of a network with parallel, one-way and unequal links: each fibre is shown by its name."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from .prefect_server import Prefect, wait_for
from .started import replications, simulators

FIBRES: dict[str, Any] = {
    "directed": True,
    "multigraph": True,
    "nodes": [
        {"id": "A", "longitude": 0, "latitude": 50},
        {"id": "B", "longitude": 4, "latitude": 50},
        {"id": "C", "longitude": 2, "latitude": 52},
        {"id": "D", "longitude": 6, "latitude": 52},
    ],
    "edges": [
        {"source": a, "target": b, "length_km": km, **more}
        for a, b, km, more in (
            ("A", "B", 500, {"name": "north"}),
            ("B", "A", 500, {"name": "north"}),
            ("A", "B", 560, {"name": "south", "c_band": 40}),
            ("B", "A", 560, {"name": "south", "c_band": 40}),
            ("B", "C", 400, {}),
            ("C", "B", 400, {}),
            ("C", "A", 450, {"one_way": True}),
            ("C", "D", 300, {}),
            ("D", "C", 310, {}),
            ("D", "B", 350, {}),
            ("B", "D", 350, {}),
        )
    ],
}
DIRECTIONS = 11


@pytest.fixture
def network() -> Iterator[Path]:
    """Write the network where runs from the UI may read it: below the folder of the worker."""
    build = Path("build").absolute()
    build.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=build) as folder:
        file = Path(folder, "fibres.json")
        file.write_text(json.dumps(FIBRES))
        yield file


def overrides(network: Path, **general: Any) -> dict[str, Any]:
    return {
        "general_settings": {
            "erlang_start": 300,
            "erlang_stop": 300,
            "num_requests": 3000,
            "max_iters": 3,
            **general,
        },
        "topology_settings": {
            "network": str(network),
            "link_directions": "separate",
        },
        "failure_settings": {
            "failure_type": "link",
            "failed_link_src": "A",
            "failed_link_dst": "B",
            "failed_link_name": "north",
        },
        "simulation_settings": {"workers": 1},
    }


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_each_fibre_is_shown_by_its_name(worker: Prefect, network: Path) -> None:
    run_id = worker.submit(overrides=overrides(network))
    run = worker.finished(run_id, 120)
    assert run["state_type"] == "COMPLETED", (run["state"]["message"], worker.log(run_id))
    directory = worker.directory(run_id)
    links = rows(directory / "output" / "links.csv")
    ends = [(row["source"], row["destination"], row["link"]) for row in links]
    assert len(set(ends)) == len(ends) == DIRECTIONS
    assert {("A", "B", "north"), ("A", "B", "south"), ("B", "A", "south"), ("C", "A", "")} < set(
        ends
    )
    assert ("A", "C", "") not in ends
    assert all(0 <= float(row["utilisation"]) <= 1 for row in links)
    outages = [
        (row["source"], row["destination"], row["link"])
        for row in rows(directory / "output" / "availability.csv")
        if row["what"] == "link" and int(row["outages"])
    ]
    assert outages == [("A", "B", "north"), ("B", "A", "north")]
    (interrupted,) = {
        row["interrupted"]
        for row in rows(directory / "output" / "failures.csv")
        if row["interrupted"]
    }
    assert int(interrupted) > 0
    wait_for(lambda: "report" in worker.artifacts(run_id), 60, "the report")
    report = worker.artifacts(run_id)["report"]["data"]
    page = (directory / "report.html").read_text()
    assert "The link A - B (north) fails." in report
    assert "The link A - B (north) fails." in page
    for name in ("north", "south"):
        assert re.search(rf"<td[^>]*>{name}</td>", page)
    assert (directory / "plots" / "topology.svg").stat().st_size > 5000


def test_a_run_with_fibres_is_cancelled_in_order(worker: Prefect, network: Path) -> None:
    run_id = worker.submit(overrides=overrides(network, num_requests=300_000, max_iters=30_000))
    directory = worker.directory(run_id)
    wait_for(lambda: len(replications(directory)) > 1, 60, "a replication")
    worker.cancel(run_id)
    assert worker.finished(run_id, 60)["state_type"] == "CANCELLED"
    wait_for(lambda: not simulators(directory), 10, "the end of the processes")
    links = rows(directory / "output" / "links.csv")
    assert {row["link"] for row in links} == {"", "north", "south"}
