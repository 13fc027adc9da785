"""The deployment `fusion-bound/tool-bound`: bounds as a table and a picture with the curves of runs."""

import json
import re
from pathlib import Path

from .prefect_server import Prefect
from .started import SMALL, script

DEPLOYMENT = "fusion-bound/tool-bound"


def test_bounds_are_computed_on_a_worker(worker: Prefect, tmp_path: Path) -> None:
    name = f"{tmp_path.name} bounded"
    code = f"fusion(overrides={SMALL!r}, name={name!r})"
    assert worker.call(script(tmp_path, code)).wait(120) == 0

    run = worker.submit(DEPLOYMENT, runs=[name, ""])
    state = worker.finished(run)["state"]
    assert state["type"] == "COMPLETED", state
    assert worker.run(run)["name"] == f"bound {name}"
    found = worker.artifacts(run)
    assert set(found) == {"bounds", "picture", "approximations"}
    assert state["message"] == found["picture"]["description"]
    rows = json.loads(found["bounds"]["data"])
    assert [row["load (E)"] for row in rows] == ["140", "160", "180", "200", "220"]
    # The UI cuts off what is wider.
    bounds = ["clairvoyant_bound", "long_run_bound", "clairvoyant_bit_rate_bound"]
    assert list(rows[0]) == ["load (E)", name, *bounds]
    others = json.loads(found["approximations"]["data"])
    assert list(others[0])[2:] == [
        *("reduced_load", "without_continuity", "without_contiguity", "without_both")
    ]
    headline = found["picture"]["description"]
    assert re.fullmatch(r"At 220 Erlang no policy blocks less than [0-9.e-]+", headline)
    page = found["picture"]["data"]
    assert "data:image/svg+xml;base64," in page
    assert "no policy blocks less, whatever it knows" in page

    failed = worker.submit(
        DEPLOYMENT, template="quick", overrides={"general_settings": {"max_segments": 2}}
    )
    state = worker.finished(failed)["state"]
    assert state["type"] == "FAILED"
    assert "must be 1 with a bound on blocking" in state["message"]
