"""The verb of the command `fusion` that trains agents."""

from typing import Annotated, Any

from cyclopts import Parameter

from fusion.config.problems import Problems
from fusion.config.training_check import extra_problems
from fusion.config.training_settings import read_assignments
from fusion_flows.command import completion, submission, training
from fusion_flows.command.exit_codes import DONE
from fusion_flows.command.terminal import print_json, print_submitted, print_table
from fusion_flows.command.verb import Changes, Json, Overrides, Run, Template, own_text
from fusion_flows.runs.time_expressions import ArgumentError

TrainingChanges = Annotated[
    list[str] | None,
    Parameter(
        name=("--training", "-t"),
        negative=(),
        help="key=value of [training_settings], such as network=mlp; may be repeated; default: no change.",
    ),
]
TrainingFile = Annotated[str, completion.completed(completion.ini_files)]


@own_text
def _train(
    template: Template = "",
    /,
    *,
    steps: int | None = None,
    seed: list[int] | None = None,
    training_changes: TrainingChanges = None,
    training_file: TrainingFile = "",
    changes: Changes = None,
    overrides: Overrides = "",
    name: str = "",
    resume: Run = "",
    detach: bool = False,
    json: Json = False,
) -> int:
    """Train an agent with MaskablePPO, here or (with --detach) on a worker; needs the extra `train`.

    The agent that blocks least in the evaluations is written as ONNX, and then compared with heuristics in
    the replications of a run.

    Args:
        template: Name of a template, or the path of an INI file, whose section [training_settings] counts,
            too; required without --resume.
        steps: Requests that the agent decides while it learns; default: as in the settings.
        seed: Seed of the weights and of exploration; given several times, an agent is trained with each, here
            one after the other, on a worker as many at once as its queue lets; default: as in the settings.
        training_changes: key=value of [training_settings], such as network=mlp; may be repeated.
        changes: key=value or section.key=value, read as in an INI file; may be repeated.
        training_file: INI file with [training_settings]; default: that of the template.
        overrides: JSON or TOML file with overrides: {section: {key: value}}; default: none.
        name: Name of the run in lists; default: topology, load, seed and kind of agent.
        resume: Id, name or directory of an earlier training to finish, with its own settings; give no
            others; default: a new one.
        detach: Submit the training to a worker and return at once.
        json: Print JSON instead of text.
    """
    given = [*(training_changes or ()), *([f"steps={steps}"] if steps is not None else ())]
    if resume and (template or given or seed or training_file or changes or overrides):
        raise ArgumentError(
            "--resume: a resumed training has the settings it was begun with; leave the others out"
        )
    if not (resume or template):
        raise ArgumentError(
            "name a template, such as deeprmsa (`fusion templates` lists them), the path of an INI file, or "
            "an earlier training with --resume"
        )
    if len(set(seed or ())) < len(seed or ()):
        raise ArgumentError(f"--seed: {', '.join(map(str, seed or ()))}: each once")
    problems = Problems()
    changed: dict[str, Any] = {}
    assigned: dict[str, object] = {}
    with problems.part():
        changed = submission.read_assignments(changes or (), overrides, template=template)
    with problems.part():
        assigned = read_assignments(given)
    if problems.found:  # what could be read is checked as well, so that all of it is told at once
        with problems.part():
            training.settings_of(template, changed, assigned, training_file, needs_extra=False)
        problems.found += [] if detach else extra_problems()
        problems.tell()
    own: list[list[str]] = [[f"seed={one}"] for one in seed or ()] or [[]]
    trainings = [
        training.Training(
            template,
            changed,
            read_assignments([*given, *one]),
            training_file,
            f"{name}, {one[0]}" if name and len(own) > 1 else name,
            resume,
        )
        for one in own
    ]
    if detach:
        submitted = training.submit_trainings(trainings)
        if json:
            print_json(submitted if len(submitted) > 1 else submitted[0])
        else:
            for each in submitted:
                print_submitted(each)
        return DONE
    results = training.train_here(trainings)
    if json:
        print_json(results if len(results) > 1 else results[0])
        return DONE
    for result in results:
        print(f"\n{result.headline}\n\nAgent:   {result.agent}")
        if result.plot:
            print(f"Picture: {result.plot}")
        if result.report:
            print(f"Report:  {result.report}")
    if len(results) > 1:
        print()
        rows = training.seed_rows(seed or [], results)
        print_table(tuple(rows[0]), [tuple(row.values()) for row in rows], numbers=True)
    return DONE
