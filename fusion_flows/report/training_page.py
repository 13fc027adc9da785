"""The report of a training: the model card of an agent, read from its directory and put on a page."""

import shlex
from typing import TYPE_CHECKING

from fusion.config.config import Config
from fusion.config.ini import format_value
from fusion.config.training_settings import TrainingSettings
from fusion.results.interval_text import probability_text, with_interval
from fusion.scenario.inputs import Inputs
from fusion.scenario.offered_load import offered_text
from fusion_flows.report.page import (
    Cell,
    Code,
    Files,
    Page,
    Picture,
    Section,
    Table,
    Text,
    numbered,
)
from fusion_flows.report.pictures import drawn
from fusion_flows.report.provenance import about, read_record
from fusion_flows.report.results import Row, read_rows
from fusion_flows.report.setting import setting_lines, training_name
from fusion_flows.report.suspended import GOES_ON, how_to_resume
from fusion_flows.rundir.directory import RunDirectory, command_to_go_on
from fusion_flows.rundir.file_state import recorded_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BRIEF = 12
"""Evaluations that a narrow page shows."""
_FILES = (
    ("output/agent.onnx", "the agent that has blocked least in the evaluations"),
    ("output/last_agent.onnx", "the agent after the last evaluation"),
    ("output/training.csv", "a row per evaluation"),
    ("output/heuristics.csv", "what heuristics block in the replications of the evaluations"),
    ("output/comparison.csv", "the agent and the heuristics in replications of a run"),
    ("output/checkpoints/", "what the training goes on from"),
    ("output/tensorboard/", "event files of TensorBoard"),
    ("plots/", "the picture, as PNG and SVG"),
    ("config.ini", "all settings of network and traffic"),
    ("training.ini", "all settings of the training"),
    ("run.json", "versions, seed, machine"),
    ("logs/sim.log", "what the training printed"),
)
_DECISIVE = ("torch", "stable-baselines3", "sb3-contrib", "onnx", "numpy")
"""Packages on whose versions the bytes of an agent depend."""
CHOSEN = (
    "The best agent was chosen by these evaluations, so the blocking that they show for it is a little low. "
    "No run of the simulator has their replications."
)


def training_page(
    run: RunDirectory,
    config: Config,
    inputs: Inputs,
    settings: TrainingSettings,
    partial: str,
    *,
    suspended: bool = False,
) -> Page:
    """Return the report of a training, with what there is of it by now.

    partial: why results are missing, or empty. suspended: whether Resume in Prefect goes on with the run.
    Raises OSError where the tables cannot be read.
    """
    rows, heuristics = read_rows(run.output / "training.csv"), read_heuristics(run)
    compared = read_rows(run.output / "comparison.csv")
    title = recorded_name(run) or training_name(config, settings)
    load = settings.load or config.loads[0]
    lines = (
        setting_lines(config, inputs)[0],
        f"trained at {load:g} E{offered_text(config, [load])} by {settings.algorithm} for up to "
        f"{settings.steps:,} steps, network {settings.network}, {settings.layers} layers of "
        f"{settings.width}, seed {settings.seed}",
    )
    sections = [
        *([_compared(compared)] if compared else []),
        _learning(config, rows, heuristics, title),
        _settings(settings),
        Section(
            "Files",
            (
                Text(f"In `{run.path}`:"),
                Files(
                    run.path,
                    tuple((name, what) for name, what in _FILES if (run.path / name).exists()),
                ),
            ),
        ),
        _again(run, bool(partial) and partial != GOES_ON, suspended),
    ]
    missing = ""
    if partial:
        steps = int(rows[-1]["steps"]) if rows else 0
        missing = f"{partial.strip()} ({steps:,} of {settings.steps:,} steps are evaluated)"
    return Page(title, lines, missing, numbered(sections), about(run), findings(rows, compared))


def read_heuristics(run: RunDirectory) -> dict[str, float]:
    """Return name -> blocking of the heuristics in the replications of the evaluations."""
    rows = read_rows(run.output / "heuristics.csv")
    return {str(row["policy"]): float(row["blocking_probability"]) for row in rows}


def findings(rows: list[Row], compared: list[Row]) -> tuple[str, ...]:
    """Return what was found, in sentences: of the comparison, or else of the evaluations.

    The heuristic that blocks least comes first: an agent that is better than a weak one shows little.
    """
    if compared:
        agent = compared[0]
        others = sorted(compared[1:], key=lambda row: float(row["blocking_probability"]))
        return (
            f"The agent blocks {_blocking(agent)}",
            *(f"{row['policy']} blocks {_blocking(row)}: {row['verdict']}" for row in others),
        )
    if not rows:
        return ()
    best = min(rows, key=lambda row: float(row["blocking_probability"]))
    told = (
        f"In the evaluations the agent blocks {_blocking(best)} after {int(best['steps']):,} steps"
    )
    if best.get("ksp_ff") is not None:
        told += f", KSP-FF {best['ksp_ff']:.3g}"
    if best.get("best_heuristic"):
        told += (
            f", the best heuristic ({best['best_heuristic']}) {best['best_heuristic_blocking']:.3g}"
        )
    return (told,)


def _blocking(row: Row) -> str:
    return with_interval(
        row["blocking_probability"],
        row["blocking_probability_ci_lower"],
        row["blocking_probability_ci_upper"],
    )


def _compared(rows: list[Row]) -> Section:
    cells = tuple(
        (
            Cell(str(row["policy"])),
            Cell(_blocking(row), row["blocking_probability"]),
            Cell(_difference(row, "agent_minus"), row.get("agent_minus")),
            Cell(str(row.get("verdict") or "")),
        )
        for row in rows
    )
    return Section(
        "The agent and heuristics",
        (
            Text(
                f"In {int(rows[0]['replications'])} replications of a run, which neither training nor "
                "evaluations had; differences are paired, as all served the same requests. The intervals are "
                "those of this agent: with another seed, training gives another agent."
            ),
            Table(
                "Blocking probability, and the agent's minus that of the heuristic.",
                ("policy", "blocking", "agent minus", "verdict"),
                cells,
                100,
                "output/comparison.csv",
            ),
        ),
    )


def _learning(config: Config, rows: list[Row], heuristics: dict[str, float], title: str) -> Section:
    if not rows:
        return Section("How it learned", (Text("There is no evaluation yet."),))

    def draw() -> "Figure":
        from fusion_flows.pictures.training import training_figure

        return training_figure(rows, heuristics, config.statistics_settings.confidence, title)

    first, last = rows[0], rows[-1]
    picture: Picture | Text = drawn(
        "training",
        "Blocking probability in the evaluations over steps, with its interval.",
        f"Curve of the blocking probability over steps: {_blocking(first)} at the start, "
        f"{_blocking(last)} after {int(last['steps']):,} steps.",
        draw,
    )
    return Section("How it learned", (picture, _table(rows), Text(CHOSEN)))


def _table(rows: list[Row]) -> Table:
    texts = evaluation_texts(rows)
    columns = tuple(texts[0])
    cells = tuple(tuple(Cell(row[name]) for name in columns) for row in texts)
    return Table(
        "Evaluations, the last one first.", columns, cells[::-1], _BRIEF, "output/training.csv"
    )


def evaluation_texts(rows: list[Row]) -> list[dict[str, str]]:
    """Return rows of training.csv as they are shown."""
    return [
        {
            "steps": f"{int(row['steps']):,}",
            "blocking": probability_text(
                row["blocking_probability"],
                row["blocking_probability_ci_lower"],
                row["blocking_probability_ci_upper"],
            ),
            "minus KSP-FF": _difference(row, "minus_ksp_ff"),
            "minus best heuristic": _difference(row, "minus_best"),
            "best so far": "yes" if row.get("is_best") else "",
            "seconds": f"{float(row['seconds']):.0f}",
        }
        for row in rows
    ]


def _difference(row: Row, name: str) -> str:
    if row.get(name) is None:
        return "–"
    lower, upper = row.get(f"{name}_ci_lower"), row.get(f"{name}_ci_upper")
    return f"{row[name]:+.4f}" + (
        f" [{lower:+.4f}, {upper:+.4f}]" if lower is not None and upper is not None else ""
    )


def _settings(settings: TrainingSettings) -> Section:
    default = TrainingSettings().model_dump()
    rows = tuple(
        (
            Cell(f"`{key}`"),
            Cell(format_value(value)),
            Cell("" if value == default[key] else format_value(default[key])),
        )
        for key, value in settings.model_dump().items()
    )
    table = Table("All settings.", ("key", "value", "default, where it differs"), rows, 100, "")
    return Section("Settings of the training", (table,))


def _same_bytes(run: RunDirectory) -> str:
    """Return what is needed to get the same agent once more."""
    record = read_record(run)
    packages = record.get("packages", {})
    versions = [f"{name} {packages[name]}" for name in _DECISIVE if packages.get(name)]
    cpu = record.get("machine", {}).get("cpu_model")
    if not (versions and cpu):
        where = "with the same versions of torch and numpy on the same kind of CPU"
    else:
        where = f"with {', '.join(versions)} on {cpu}"
    return f"To train it again; on one thread it has the same bytes {where}:"


def _again(run: RunDirectory, is_partial: bool, suspended: bool) -> Section:
    parts: list[Text | Code] = []
    if is_partial:
        parts += how_to_resume(run) if suspended else ()
        parts += [
            Text("As a new run:" if suspended else "To finish it:"),
            Code(command_to_go_on(run)),
        ]
    agent = shlex.quote(str(run.output / "agent.onnx"))
    if not is_partial:
        config = shlex.quote(str(run.config))
        parts += [
            Text("To simulate the agent as a policy:"),
            Code(f"fusion run {config} -s policy={agent}"),
        ]
    parts += [
        Text(_same_bytes(run)),
        Code(
            f"python -m fusion.cli.train --config {shlex.quote(str(run.config))} "
            f"--training {shlex.quote(str(run.training))} --output-dir again"
        ),
    ]
    return Section("How to reproduce it", tuple(parts))
