"""Several runs side by side: the settings that differ, and which blocks less at each load."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fusion.config.config import Config, load_config
from fusion.config.policy_names import policy_name
from fusion.config.problems import nearest
from fusion.config.sections import HOME, flat
from fusion.results.outcome import Outcome, outcome_of
from fusion.results.replication_file import finished
from fusion.scenario.inputs import read_inputs
from fusion.sweep.compare import compare_points
from fusion.sweep.definition import ERLANG
from fusion.sweep.point_state import PointState
from fusion.sweep.points import at_load, make_point
from fusion.sweep.results import point_rows
from fusion.sweep.unequal_traffic import unequal_traffic
from fusion.sweep.verdicts import verdict_sentences
from fusion_flows.report.setting import run_name
from fusion_flows.rundir.directory import RunDirectory
from fusion_flows.rundir.file_state import recorded_name
from fusion_flows.runs.by_files import find_directory
from fusion_flows.runs.lookup import RunError
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fusion_flows.pictures.paper import Paper
    from fusion_flows.pictures.regions import Region

RUN = "run"
"""The axis along which runs are compared."""
METRIC = "blocking_probability"


class RunComparison(NamedTuple):
    """What several runs have found. A run is called by its name, or by its run id where two have one name."""

    runs: list[str]
    settings: dict[str, list[Any]]
    """section.key -> value in each run, of those that differ."""
    rows: list[dict[str, Any]]
    """A row for each load and each run but the base; see `fusion.sweep.compare.compare`."""
    points: list[dict[str, Any]]
    """A row for each run and load, as in the points.csv of a sweep."""
    legend: list[str]
    """What each run is called in a picture: by its policy, where no two have the same."""
    warnings: list[str]
    """Which runs are offered different loads at the same nominal load."""

    @property
    def headline(self) -> str:
        """At how many loads which run blocks less: `'this' blocks less than 'that' at 3 of 5 loads`."""
        found = verdict_sentences(self.rows, lambda name: f"'{name}'")
        return "; ".join(found) or f"No load in common: {', '.join(self.runs)}"


def compare_runs(
    *run: str, base: str = "", labels: Mapping[str, str] | None = None
) -> RunComparison:
    """Show in which settings runs differ, and which blocks less at each load, from the results so far.

    Replications that served the same requests are paired (common random numbers).

    Args:
        run: Run ids (the first 4 digits are enough), names, or ids of flow runs: two or more.
        base: The run to compare the others with; default: the first.
        labels: What runs are called in tables and in the picture, such as {"9f0f": "KSP-FF"}.

    Raises:
        NoSuchRunError: No run, or more than one, matches.
        RunDirectoryError: A directory is not on this machine.
        RunError: A run is a sweep, or has no result yet.
        ConfigError: An input of a run is gone.
        ArgumentError: There are not two runs, the base or a run with a label is not one of them, or two
            runs would have one label.
    """
    runs_dir = Settings().runs_dir
    found = list(
        {one.path: one for one in (find_directory(each, runs_dir) for each in run)}.values()
    )
    if len(found) < 2:
        raise ArgumentError("name two runs, or more; `fusion runs` lists them")
    first = find_directory(base, runs_dir) if base else found[0]
    places = [one.path for one in found]
    if first.path not in places:
        raise ArgumentError(f"--base {base}: is not one of the runs that are compared")
    given = _given_labels(labels or {}, found, runs_dir)
    names = _names(found)
    called = [given.get(one.path, name) for one, name in zip(found, names, strict=True)]
    _refuse_equal(called)
    configs = [_config(one) for one in found]
    states = [
        state
        for one, name, config in zip(found, called, configs, strict=True)
        for state in _states(one, name, config)
    ]
    settings = differing_settings(configs)
    rows = compare_points(states, (RUN, ERLANG), RUN, METRIC, called[places.index(first.path)])
    return RunComparison(
        called,
        {f"{HOME[key]}.{key}": list(values) for key, values in settings.items()},
        rows,
        point_rows(states, [METRIC]),
        _legend(found, called, configs),
        unequal_traffic(states, rows, RUN),
    )


def points_of_runs(found: Sequence[RunDirectory]) -> list[dict[str, Any]]:
    """Return a row for each run and load, as in the points.csv of a sweep, runs called as in a legend.

    Raises RunError for a sweep, and for a run without results.
    """
    labels = _names(found)
    configs = [_config(one) for one in found]
    states = [
        state
        for one, name, config in zip(found, _legend(found, labels, configs), configs, strict=True)
        for state in _states(one, name, config)
    ]
    return point_rows(states, [METRIC])


def read_labels(texts: Sequence[str], runs: Sequence[str]) -> dict[str, str]:
    """Return the labels of run=label. Raises ArgumentError.

    runs: as they are given. A name may have an equals sign itself: that of one of the runs goes before.
    """
    labels: dict[str, str] = {}
    for text in texts:
        known = [run for run in runs if text.startswith(f"{run}=")]
        run = max(known, key=len, default=text.partition("=")[0]).strip()
        label = text[len(run) :].strip().removeprefix("=").strip()
        if not (run and label):
            example = runs[0] if runs else "9f0f"
            raise ArgumentError(f"--label {text}: must be run=label, such as {example}='KSP-FF'")
        if run in labels:
            raise ArgumentError(f"--label {text}: {run} has the label {labels[run]}, too")
        labels[run] = label
    return labels


def figure_of(
    comparison: RunComparison,
    title: str = "",
    regions: "Sequence[Region]" = (),
    paper: "Paper | None" = None,
) -> "Figure":
    """Return a picture of blocking over load, with a curve for each run.

    regions: where no curve can be. paper: what a paper asks for.
    """
    from fusion_flows.pictures.curves import sweep_figure  # here, as matplotlib is slow to load
    from fusion_flows.pictures.paper import AS_NEEDED

    labels = dict(zip(comparison.runs, comparison.legend, strict=True))
    rows = [{**row, RUN: labels[row[RUN]]} for row in comparison.points]
    return sweep_figure(rows, (RUN, ERLANG), METRIC, title, paper or AS_NEEDED, regions)


def draw(
    comparison: RunComparison,
    to: Path,
    title: str = "",
    regions: "Sequence[Region]" = (),
    paper: "Paper | None" = None,
) -> list[Path]:
    """Draw blocking over load, a curve for each run, as PNG, PDF and SVG, and the numbers as CSV.

    regions, paper: as for `figure_of`. Raises ArgumentError when the folder cannot be written.
    """
    from fusion_flows.pictures.files import save_with_data

    try:
        return save_with_data(
            figure_of(comparison, title, regions, paper), comparison.points, to, "comparison"
        )
    except OSError as error:
        raise ArgumentError(f"--to {to}: {error.strerror or error}") from None


def differing_settings(configs: Sequence[Config]) -> dict[str, tuple[Any, ...]]:
    """Return key -> its value in each configuration, of the keys that differ."""
    values = [flat(config) for config in configs]
    by_key = {key: tuple(each[key] for each in values) for key in HOME}
    return {key: found for key, found in by_key.items() if any(one != found[0] for one in found)}


def _given_labels(
    labels: Mapping[str, str], found: Sequence[RunDirectory], runs_dir: Path
) -> dict[Path, str]:
    """Return the label of each run that has one, by its directory. Raises ArgumentError."""
    given: dict[Path, str] = {}
    ids = {one.path: one.run_id for one in found}
    names = [name for one in found for name in (one.run_id, recorded_name(one)) if name]
    for run, label in labels.items():
        try:
            path = find_directory(run, runs_dir).path
        except RunError:
            path = Path()
        if path not in ids:
            raise ArgumentError(
                f"--label {run}={label}: {run} is not one of the runs that are compared, "
                f"{', '.join(ids.values())}{nearest(run, names)}"
            )
        if path in given:
            raise ArgumentError(
                f"--label {run}={label}: {ids[path]} has the label {given[path]}, too"
            )
        given[path] = label
    return given


def _refuse_equal(called: Sequence[str]) -> None:
    """Raises ArgumentError where a label is that of another run, or its name."""
    name, count = Counter(called).most_common(1)[0]
    if count > 1:
        raise ArgumentError(
            f"--label: {count} runs would be called {name}; give each its own label"
        )


def _names(found: Sequence[RunDirectory]) -> list[str]:
    names = [recorded_name(one) for one in found]
    return [
        name if name and names.count(name) == 1 else one.run_id
        for name, one in zip(names, found, strict=True)
    ]


def _legend(
    found: Sequence[RunDirectory], labels: Sequence[str], configs: Sequence[Config]
) -> list[str]:
    """Return what the runs are called in a picture. A name that somebody has given stays."""
    policies = [policy_name(config) for config in configs]
    if len(set(policies)) < len(policies):
        return list(labels)
    legend = [
        policy
        if label == run_name(config)
        else f"{policy} ({label})"
        if label == run.run_id
        else label
        for run, label, config, policy in zip(found, labels, configs, policies, strict=True)
    ]
    # A label that somebody has given may be the policy of another run.
    return legend if len(set(legend)) == len(legend) else list(labels)


def _config(run: RunDirectory) -> Config:
    if run.sweep.is_file():
        raise RunError(
            f"{run.run_id} is a sweep: `fusion compare {run.sweep} AXIS` compares along its axes"
        )
    return load_config(run.config)


def _states(run: RunDirectory, label: str, config: Config) -> list[PointState]:
    """Return a state for each load of a run that has a replication."""
    by_load: dict[float, dict[int, Outcome]] = {}
    for one in finished(run.output / "replications.jsonl"):
        by_load.setdefault(one.erlang, {})[one.replication] = outcome_of(one)
    if not by_load:
        raise RunError(f"{run.run_id}  {label}: has no result yet")
    point = make_point(config, read_inputs(config, quiet=True), {RUN: label, ERLANG: 0.0})
    return [
        PointState(at_load(point, load), outcomes, METRIC)
        for load, outcomes in sorted(by_load.items())
    ]
