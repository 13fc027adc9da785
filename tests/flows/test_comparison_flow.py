"""The deployment `fusion-compare/tool-compare`: verdicts, one picture and settings, as artifacts."""

import base64
import json
import re
from pathlib import Path

from .prefect_server import Prefect, wait_for
from .started import SMALL, script

DEPLOYMENT = "fusion-compare/tool-compare"


def test_runs_are_compared_on_a_worker(worker: Prefect, tmp_path: Path) -> None:
    one, many = f"{tmp_path.name} one path", f"{tmp_path.name} many paths"
    code = "\n".join(
        f"fusion(overrides={SMALL | {'routing_settings': {'k_paths': k}}!r}, name={name!r})"
        for k, name in ((1, one), (5, many))
    )
    short = f"{tmp_path.name} short holding times"
    changes = SMALL | {"traffic_settings": {"holding_distribution": "truncated_exponential"}}
    code += f"\nfusion(overrides={changes!r}, name={short!r})"
    assert worker.call(script(tmp_path, code)).wait(120) == 0
    by_id = worker.directory(worker.named(many)).name[:8]

    run = worker.submit(DEPLOYMENT, runs=[one, "", by_id], base=many)
    state = worker.finished(run)["state"]
    assert state["type"] == "COMPLETED", state
    assert worker.run(run)["name"] == f"compare {one}, {by_id}"
    found = worker.artifacts(run)
    verdict = f"'{one}' blocks more than '{many}' at 5 of 5 loads"
    assert found["verdicts"]["description"] == verdict
    assert found["comparison"]["description"] == verdict
    assert found["settings"]["description"] == "1 setting differs: routing_settings.k_paths"
    rows = json.loads(found["verdicts"]["data"])
    assert [row["load (E)"] for row in rows] == ["140", "160", "180", "200", "220"]
    columns = ["load (E)", "verdict", "difference", "interval", "blocking", f"of {many}"]
    assert list(rows[0]) == columns, "a window has room for these"
    assert {row["verdict"] for row in rows} == {"blocks more"}
    assert json.loads(found["settings"]["data"]) == [
        {"setting": "routing_settings.k_paths", one: "1", many: "5"}
    ]
    page = found["comparison"]["data"]
    assert "| `routing_settings.k_paths` | 1 | 5 |" in page
    told = f"Blocking of {one} compared with {many}, with 3 paired replications; paired: "
    assert told in page.replace("\u200b", "")
    assert page.count("| blocks more |") == 5
    picture = re.search(r"data:image/svg\+xml;base64,([^)]+)\)", page)
    assert picture is not None
    drawn = base64.b64decode(picture[1]).decode()
    assert one in drawn
    assert many in drawn

    compared = worker.submit(DEPLOYMENT, runs=[many, short])
    assert worker.finished(compared)["state"]["type"] == "COMPLETED"
    found = worker.artifacts(compared)
    warning = (
        f"Warning: at 220 E {many} is offered 220 E and {short} 151.1 E, as holding_distribution "
        "differs: the verdicts compare different traffic"
    )
    assert warning in found["verdicts"]["description"]
    assert f"**{warning}.**" in found["comparison"]["data"]

    labels = [f"{one}=shortest", "", f"{many}=five"]
    labelled = worker.submit(
        DEPLOYMENT, runs=[one, many], labels=labels, title="NSFNET", bound=True
    )
    assert worker.finished(labelled)["state"]["type"] == "COMPLETED"
    found = worker.artifacts(labelled)
    assert "above the regions where no policy can be" in found["comparison"]["data"]
    verdict = "'five' blocks less than 'shortest' at 5 of 5 loads"
    assert found["verdicts"]["description"] == verdict
    assert "a curve for each of shortest, five" in found["comparison"]["data"]

    for runs, told in (
        ([one], "name two runs, or more"),
        ([one, f"{tmp_path.name} none"], "there is no run"),
    ):
        failed = worker.submit(DEPLOYMENT, runs=runs)
        state = worker.finished(failed)["state"]
        assert state["type"] == "FAILED"
        assert state["message"].startswith(told)
        assert worker.artifacts(failed) == {}


def test_an_unknown_run_is_told_once_and_without_a_traceback(worker: Prefect) -> None:
    run = worker.submit(DEPLOYMENT, runs=["nobody's", "another's"])
    state = worker.finished(run)["state"]
    assert state["type"] == "FAILED"
    told = wait_for(
        lambda: [line for _, line in worker.log(run) if "there is no run" in line], 20, "the log"
    )
    assert told == [state["message"]]
    assert not any("Traceback" in line for _, line in worker.log(run))
