"""How much rules for ties between paths change the blocking, at the command."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fusion.config.config import load_config
from fusion.network.path_rule import TieCount
from fusion.sweep.definition import Sweep, Values
from fusion.sweep.point_state import point_states
from fusion.sweep.tie_rules import (
    BASE,
    rows_of_rules,
    rules_for,
    rules_with_paths_of_another,
    states_to_compute,
    sweep_of_rules,
    ties_at,
)
from fusion_flows.command import sweeps
from fusion_flows.command.other_files import refuse_other_files
from fusion_flows.flows.written_values import axis_of
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.settings import Settings

_MOST_SALTS = 100


class TieStudy(NamedTuple):
    """What `fusion ties` has found.

    node_pairs: with their ties. rows: as of `rows_of_rules`. files: the picture and its numbers. store: where
    the results are.
    """

    node_pairs: TieCount
    rows: list[dict[str, Any]]
    files: list[Path]
    store: Path


def ties(
    template: str,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    loads: str = "",
    replications: int = 10,
    salts: int = 3,
    to: Path | str = "plots",
    say: Callable[[str], None] = lambda text: None,
) -> TieStudy:
    """Show how much the rule for ties between paths changes the blocking.

    It simulates each rule (path_ties, candidate_ties) with the same requests, on this machine, and
    compares the others with the rule shortest, which is the default. A rule that gives all node pairs the
    same paths in the same order as one before it is not simulated: it has the numbers of that one. Points in
    the store are not simulated again. The picture shows the differences; its CSV has all numbers.

    Args:
        template: The name of a template, or an INI file.
        overrides: What to change in it, by section and key.
        loads: Loads in Erlang, such as "140, 160" or "140 to 220 step 20"; default: those of the template.
        replications: Replications of each rule and load; default: 10.
        salts: Number of rules that break ties by a hash, each with a different salt; default: 3.
        to: Folder for the files; default: plots.
        say: Is told how far it is, in a line.

    Raises:
        ConfigError: The settings are invalid, or other rules for ties are not available with them.
        StoreError: The store has contradictory results.
        ArgumentError: A number out of bounds, or a folder that cannot be written.
        ComputationFailedError: The simulator failed; what was finished is in the store.
        InterruptedRunError: Ctrl-C; what was finished is in the store.
    """
    if replications < 2:
        raise ArgumentError(
            f"--replications {replications}: must be 2 or more, as intervals need two"
        )
    if not 0 <= salts <= _MOST_SALTS:
        raise ArgumentError(f"--salts {salts}: must be from 0 to {_MOST_SALTS}")
    from fusion_flows.command.run_here import InterruptedRunError
    from fusion_flows.flows.point_computation import compute_points

    refuse_other_files(template)
    settings, changed = Settings(), dict(overrides or {})
    places = settings.places(remote=False)
    config = load_config(template, changed, **places)
    sweep = sweep_of_rules(config, template, changed, _loads(loads), replications, salts)
    rules = rules_for(config, salts)
    sweep, states, store = sweeps.states_of(sweep)
    same = rules_with_paths_of_another(states, rules)
    needed = states_to_compute(states, rules, same)
    try:
        compute_points(needed, sweep.metric, store, grace_seconds=settings.grace_seconds, say=say)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            f"Interrupted. What was simulated is in the store {store.folder}; the same command continues "
            "from there."
        ) from None
    points = [state.point for state in states]
    states = point_states(points, store.read(point.key for point in points), sweep.metric)
    rows = rows_of_rules(states, rules, same)
    node_pairs = ties_at(states[0])
    assert node_pairs is not None  # where other rules decide, this one was refused
    return TieStudy(node_pairs, rows, _draw(rows, sweep, Path(to)), store.folder)


def _loads(text: str) -> Values | None:
    if not text:
        return None
    wrong = f"--loads {text}: must be like 140 to 220 step 20, or like 140, 160, 180"
    try:
        values: Values = axis_of(f"erlang = {text}")[1]
    except ValueError:
        raise ArgumentError(wrong) from None
    if isinstance(values, list) and any(isinstance(value, str) for value in values):
        raise ArgumentError(wrong)
    return values


def _draw(rows: list[dict[str, Any]], sweep: Sweep, folder: Path) -> list[Path]:
    """Write the picture of the differences and all rows as CSV; return the files."""
    from fusion_flows.pictures.files import save_with_data  # here, as matplotlib is slow to load
    from fusion_flows.pictures.tie_rules import tie_figure
    from fusion_flows.report.setting import sweep_subject

    name = sweep_subject(sweep)
    figure = tie_figure(rows, f"Rules for ties between paths, {name}", BASE)
    try:
        return save_with_data(figure, rows, folder, f"{name}-ties")
    except OSError as error:
        raise ArgumentError(f"--to {folder}: {error.strerror or error}") from None
