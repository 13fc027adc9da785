"""The report of a training, its picture and its news, from the files that it writes; nothing needs torch."""

import json
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

from fusion.config.config import load_config, to_ini
from fusion.config.training_settings import TrainingSettings, training_ini
from fusion.learning.training.heuristics import Measured
from fusion.learning.training.table import (
    comparison_rows,
    evaluation_row,
    heuristic_rows,
    write_comparison,
    write_heuristics,
    write_table,
)
from fusion.results.progress import ProgressWriter
from fusion.results.provenance import RunFile
from fusion.results.training_progress import training_progress_of
from fusion.scenario.inputs import read_inputs
from fusion_flows.following.training_follower import training_news
from fusion_flows.pictures.training import training_figure
from fusion_flows.report.markdown import markdown
from fusion_flows.report.page import Picture, Table
from fusion_flows.report.results import read_rows
from fusion_flows.report.setting import training_name
from fusion_flows.report.training_page import read_heuristics, training_page
from fusion_flows.rundir import directory as rundir
from fusion_flows.rundir.directory import RunDirectory, RunDirectoryError

SETTINGS = TrainingSettings(steps=300_000, patience=3)
OFFERED = (1000, 1000, 1000)
KSP_FF = Measured("KSP-FF", (50, 52, 54), OFFERED)
MSCL = Measured("MSCL-KSP", (40, 43, 41), OFFERED)
BLOCKED = {0: (80, 85, 90), 100_000: (45, 47, 49), 200_000: (30, 32, 34), 300_000: (33, 34, 37)}


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    config = load_config("deeprmsa")
    made = rundir.create(tmp_path, "0123456789ab", to_ini(config), training=training_ini(SETTINGS))
    heuristics = {each.name: each for each in (KSP_FF, MSCL)}
    write_heuristics(made.output / "heuristics.csv", heuristic_rows(heuristics.values(), 0.95))
    rows = []
    for steps, blocked in BLOCKED.items():
        row = evaluation_row(Measured("agent", blocked, OFFERED), heuristics, 0.95)
        rows.append(row | {"steps": steps, "seconds": steps / 1e4, "is_best": int(steps < 300_000)})
    write_table(made.output / "training.csv", rows)
    return made


def compare(run: RunDirectory) -> None:
    agent = Measured("agent", (31, 33, 35), OFFERED)
    rows = comparison_rows([agent, KSP_FF, MSCL], 0.95)
    write_comparison(run.output / "comparison.csv", rows)


def page_of(run: RunDirectory, partial: str = "") -> str:
    config = load_config(run.config)
    inputs = read_inputs(config, quiet=True)
    return markdown(training_page(run, config, inputs, SETTINGS, partial))


def test_differences_are_paired(run: RunDirectory) -> None:
    last = read_rows(run.output / "training.csv")[-1]
    assert last["minus_ksp_ff"] == pytest.approx((33 + 34 + 37 - 50 - 52 - 54) / 3000)
    # All three differences are alike, so the interval is far narrower than that of either side.
    assert last["minus_ksp_ff_ci_upper"] < -0.012
    assert (last["best_heuristic"], last["ksp_ff"]) == ("MSCL-KSP", pytest.approx(0.052))
    compare(run)
    rows = read_rows(run.output / "comparison.csv")
    assert [row["policy"] for row in rows] == ["agent", "KSP-FF", "MSCL-KSP"]
    assert [row["verdict"] for row in rows] == [None, *["the agent blocks less"] * 2]


def test_the_model_card_says_what_was_found_and_by_which_replications(run: RunDirectory) -> None:
    compare(run)
    text = page_of(run)
    assert "**The agent blocks 0.033 " in text
    assert "**KSP-FF blocks 0.0520 " in text
    assert text.index("**MSCL-KSP blocks") < text.index("**KSP-FF blocks")
    assert "with another seed, training gives another agent" in text
    assert "neither training nor evaluations had" in text
    assert "The best agent was chosen by these evaluations" in text
    assert f"-s policy={run.output / 'agent.onnx'}" in text
    assert "| `patience` | 3 | 0 |" in text
    assert "data:image" in text


def test_the_model_card_says_on_what_the_same_training_gives_the_same_bytes(
    run: RunDirectory,
) -> None:
    compare(run)
    assert "with the same versions of torch and numpy on the same kind of CPU:" in page_of(run)
    file = RunFile(run.provenance)
    file.begin(packages=["torch"] if find_spec("torch") else ["pytest"])
    record = json.loads(run.provenance.read_text())
    numpy = metadata.version("numpy")
    assert record["packages"]["numpy"] == numpy
    assert record["packages"].keys() & {"torch", "pytest"}
    cpu = record["machine"]["cpu_model"]
    assert cpu
    assert f"numpy {numpy} on {cpu}:" in page_of(run)


def test_a_training_that_was_ended_says_how_to_go_on(run: RunDirectory) -> None:
    text = page_of(run, "the training was killed")
    assert "the training was killed (300,000 of 300,000 steps are evaluated)" in text
    assert f"fusion train --resume {run.path}" in text
    assert "In the evaluations the agent blocks 0.032 " in text
    assert "after 200,000 steps, KSP-FF 0.052, the best heuristic (MSCL-KSP) 0.0413" in text


def test_the_name_tells_trainings_apart_and_the_card_has_the_offered_load(
    run: RunDirectory,
) -> None:
    config = load_config("deeprmsa", {"general_settings": {"allocation_method": "mscl"}})
    name = "train nsfnet_deeprmsa 250 E, seed 1"
    assert training_name(config, TrainingSettings()) == name
    assert training_name(config, TrainingSettings(actions="paths", width=128)) == (
        f"{name}, actions=paths, mscl, width=128"
    )
    assert "trained at 250 E nominal (171.7 E offered, because of holding_distribution) by" in (
        page_of(run)
    )


def test_progress_ends_at_the_last_step_and_says_what_is_simulated_meanwhile(
    tmp_path: Path,
) -> None:
    path = tmp_path / "progress.jsonl"
    writer = ProgressWriter(path)
    writer.write("training", steps=150_000, done=0)
    state = training_progress_of(path)
    assert training_news(state) == "0/150,000 steps, measuring heuristics"
    writer.write("trained", done=8192, steps=150_000)
    assert "heuristics" not in training_news(training_progress_of(path))
    writer.write("trained", done=155_648, steps=150_000)
    writer.write("comparing", replications=3)
    state = training_progress_of(path)
    assert (state.done, state.fraction) == (150_000, 1.0)
    assert training_news(state) == (
        "150,000/150,000 steps, comparing agent and heuristics in the replications of a run"
    )
    writer.write("complete", exit_code=0, summary={})
    writer.close()
    assert training_news(training_progress_of(path), ended=True) == "150,000/150,000 steps"


def test_before_the_first_evaluation_there_is_a_report(run: RunDirectory) -> None:
    for name in ("training.csv", "heuristics.csv"):
        (run.output / name).unlink()
    assert "There is no evaluation yet." in page_of(run, "the training was killed")


def test_the_picture_has_the_curve_its_band_and_a_line_for_each_of_two_heuristics(
    run: RunDirectory,
) -> None:
    rows = read_rows(run.output / "training.csv")
    figure = training_figure(rows, read_heuristics(run), 0.95, "NSFNET")
    (place,) = figure.axes
    curve, best, ksp_ff, mscl = place.lines
    assert list(curve.get_xdata()) == list(BLOCKED)
    assert list(curve.get_ydata()) == pytest.approx([sum(each) / 3000 for each in BLOCKED.values()])
    assert list(best.get_xdata()) == [200_000]
    assert [line.get_ydata()[0] for line in (ksp_ff, mscl)] == pytest.approx([0.052, 124 / 3000])
    assert len(place.collections) == 1
    (legend,) = figure.legends
    told = [text.get_text() for text in legend.get_texts()]
    assert told[2:] == ["KSP-FF: 0.052", "MSCL-KSP: 0.0413"]


def test_evaluations_that_are_done_again_after_a_kill_count_once(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    writer = ProgressWriter(path)
    for done in (0, 0):  # the second is the attempt after a kill
        writer.write("training", steps=100, done=done)
        writer.write("heuristic", name="KSP-FF", blocking={"mean": 0.05})
        for steps in (0, 50):
            writer.write("trained", steps=100, done=steps)
            writer.write("evaluation", row={"steps": steps, "blocking_probability": 0.1})
    state = training_progress_of(path)
    assert (state.done, state.steps, state.fraction) == (50, 100, 0.5)
    assert sorted(state.rows) == [0, 50]
    assert state.best is not None
    assert state.best["steps"] == 0  # the first of equal ones
    writer.write("comparing", replications=3)
    writer.write("complete", exit_code=0)
    writer.close()
    assert training_progress_of(path).fraction == 1.0


def test_only_a_training_is_resumed_as_one(run: RunDirectory, tmp_path: Path) -> None:
    rundir.refuse_other_than_training(run)
    with pytest.raises(
        RunDirectoryError, match=r"is the training of an agent; `fusion train --res"
    ):
        rundir.refuse_other_than_simulation(run)
    other = rundir.create(tmp_path, "0123456789ac", to_ini(load_config("quick")))
    with pytest.raises(RunDirectoryError, match="is no training"):
        rundir.refuse_other_than_training(other)
    with pytest.raises(RunDirectoryError, match="another configuration"):
        rundir.create(
            tmp_path,
            run.run_id,
            run.config.read_text(),
            training=training_ini(TrainingSettings(steps=400_000)),
        )


def test_tables_are_marked_as_long_as_they_are(run: RunDirectory) -> None:
    config = load_config(run.config)
    page = training_page(run, config, read_inputs(config, quiet=True), SETTINGS, "")
    parts = [part for section in page.sections for part in section.parts]
    assert [type(part) for part in parts if isinstance(part, Picture)] == [Picture]
    (table, _) = (part for part in parts if isinstance(part, Table))
    assert [row[0].text for row in table.rows] == ["300,000", "200,000", "100,000", "0"]
    assert json.dumps([row[4].text for row in table.rows]) == '["", "yes", "yes", "yes"]'
