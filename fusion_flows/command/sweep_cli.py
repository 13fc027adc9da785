"""The verbs of the command `fusion` that are about sweeps."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from fusion.config.counts import counted
from fusion.config.ini import format_value
from fusion.config.sections import HOME
from fusion.config.shipped import sweep_names
from fusion.results.durations import roughly
from fusion.results.interval_text import between, interval_text, probability_text
from fusion.scenario.offered_load import is_other_load
from fusion.sweep.compare import status_text
from fusion.sweep.joined_axes import POLICY, axes_to_compare, comparable_axes
from fusion.sweep.store import Store
from fusion.sweep.sweep_file import read_sweep
from fusion.sweep.tie_rules import SAME_PATHS
from fusion.sweep.verdicts import called_on, verdict_sentences
from fusion_flows.command import completion, schedules, settings_diff, submission, sweeps, ties
from fusion_flows.command.exit_codes import DONE
from fusion_flows.command.pictures import is_a_run
from fusion_flows.command.terminal import (
    fits,
    print_json,
    print_note,
    print_submitted,
    print_table,
    printable,
)
from fusion_flows.command.verb import Changes, Json, Template, own_text, text_of
from fusion_flows.flows import known_stores
from fusion_flows.flows.bound_regions import regions_of_runs
from fusion_flows.report.page import Cell
from fusion_flows.report.setting import tie_sentence
from fusion_flows.report.tables import (
    METHOD_BOUND,
    brief_comparison_cells,
    comparison_cells,
    comparison_notes,
    few_told,
    largest_difference,
)
from fusion_flows.runs.by_files import find_directory
from fusion_flows.runs.comparison import RUN, compare_runs, draw, read_labels
from fusion_flows.runs.time_expressions import ArgumentError
from fusion_flows.server.settings import Settings as Flows

if TYPE_CHECKING:
    from fusion_flows.pictures.paper import Paper

File = Annotated[
    Path,
    Parameter(help="TOML or JSON file with the sweep, or the name of a shipped one: quick."),
    completion.completed(completion.sweep_names, completion.sweep_files),
]
Axis = Annotated[str, completion.completed(completion.sweep_axes)]
Metric = Annotated[str, completion.completed(completion.metrics)]

Label = Annotated[
    list[str] | None,
    Parameter(
        name="--label",
        negative=(),
        help="value=label or axis=value=label: the label of a value in the legend; may be repeated; "
        "default: the labels of the sweep, or what the literature calls it.",
    ),
]
Settings = Annotated[
    str, completion.completed(completion.runs, completion.templates, completion.ini_files)
]
All = Annotated[bool, Parameter(name="--all", help="Show all points.")]
Detach = Annotated[bool, Parameter(help="Submit the sweep to a worker and return at once.")]
_SHOWN_POINTS = 40


@text_of(sweeps.plan)
def _plan(
    file: File,
    /,
    *,
    every: All = False,
    json: Json = False,
) -> int:
    planned = sweeps.plan(file)
    if json:
        print_json(planned)
        return DONE
    shown = planned.points if every else planned.points[:_SHOWN_POINTS]
    print_table(
        (*planned.axes, "replications in the store", "", "key"),
        [
            (
                *(format_value(point.axes[axis]) for axis in planned.axes),
                str(point.replications),
                "complete" if point.complete else "failed" if point.failed else "",
                point.key[:12],
            )
            for point in shown
        ],
        numbers=True,
    )
    if len(shown) < len(planned.points):
        print_note(f"... and {len(planned.points) - len(shown)} more; --all shows all of them")
    if planned.failed:
        print("\nFailed when they were computed last; `fusion sweep --failed` computes only these:")
        for error, count in Counter(filter(None, (p.failed for p in planned.points))).items():
            print(printable(f"  {count} x {error}"))
    failed = f", {planned.failed} failed" if planned.failed else ""
    left = "nothing is left to compute"
    if planned.replications_left:
        replications = counted(planned.replications_left, "replication")
        left = f"about {replications} left, {roughly(planned.seconds)} here"
    points = counted(len(planned.points), "point")
    print(f"\n{points}, {planned.complete} complete{failed} in {planned.store}; {left}")
    if planned.compile_seconds:
        print_note(f"Compiling takes about {roughly(planned.compile_seconds)} of that, once.")
    if planned.nominal:
        print_note(planned.nominal)
    if sweeps.why_the_store(file):
        print_note(f"The store is {_told_store(file)}")
    if not any(point.replications for point in planned.points):
        keys = {point.key for point in planned.points}
        if elsewhere := known_stores.hint(keys, Store(planned.store)):
            print_note(elsewhere)
    return DONE


@text_of(sweeps.sweep_here)
def _sweep(
    file: File,
    /,
    *,
    name: str = "",
    engine: str = "local",
    failed: bool = False,
    detach: Detach = False,
    json: Json = False,
) -> int:
    if detach:
        submitted = sweeps.submit_sweep(file, name=name, engine=engine, failed=failed)
        if json:
            print_json(submitted)
        else:
            print_submitted(submitted)
            print_note(sweeps.where_it_goes(file))
        return DONE
    if sweeps.why_the_store(file):
        print_note(f"The store is {_told_store(file)}")
    result = sweeps.sweep_here(file, name=name, engine=engine, failed=failed)
    if json:
        print_json(result)
    else:
        from fusion_flows.command.sweep_summary import print_summary  # here, as pages load slowly

        print_summary(file, Store(result.store))
        print(f"\n{counted(result.points, 'point')}: {result.points_csv}")
        print(f"Picture: {result.plot}\nReport:  {result.report}\nStore:   {result.store}")
    return DONE


@text_of(schedules.schedule_sweep)
def _schedule(
    file: File,
    cron: str,
    /,
    *,
    timezone: str = "UTC",
    name: str = "",
    engine: str = "local",
    json: Json = False,
) -> int:
    made = schedules.schedule_sweep(file, cron, timezone=timezone, name=name, engine=engine)
    if json:
        print_json(made)
        return DONE
    print(f"{made.name}  {made.cron}  {made.timezone}{'  (replaced)' if made.replaced else ''}")
    print(f"First at {made.next_date:%Y-%m-%d %H:%M %Z}")
    print_note(f"Switch it off or delete it at {made.url}")
    print_note(sweeps.where_it_goes(file))
    return DONE


@own_text
def _compare(
    what: Annotated[
        str,
        completion.completed(completion.runs, completion.sweep_names, completion.sweep_files),
    ],
    /,
    *other: Annotated[str, completion.completed(completion.sweep_axes, completion.runs)],
    base: str = "",
    label: list[str] | None = None,
    bound: bool = False,
    title: str | None = None,
    target: list[float] | None = None,
    load_limits: tuple[float, float] | None = None,
    limits: tuple[float, float] | None = None,
    width: Literal["auto", "column", "page"] | None = None,
    legend: Literal["below", "right", "inside", "none"] | None = None,
    to: Path | None = None,
    json: Json = False,
) -> int:
    """Compare blocking at each load along an axis of a sweep, or between runs.

    Only existing results are used. The difference is blocking minus that of the base. Replications that
    served the same requests are paired (common random numbers). For runs, a verdict in one line comes
    first, then the settings that differ; all curves are drawn in one picture.

    Args:
        what: TOML or JSON file with a sweep, or quick, a shipped one; or a run: its id (the first 4 digits
            are enough) or name.
        other: The axis of the sweep, such as path_order; several axes, to compare them together; or
            policy, for all axes that make the policy. For runs: the others, one at least.
        base: The value, such as hops or KSP-FF, or the run, to compare the others with; default: the first.
        label: run=label, or value=label of a sweep: the name in the tables and the picture; may be repeated;
            default: the name of the run, the value.
        bound: Compute below which blocking no policy can be, and shade it in the picture of runs. See `fusion
            bound`.
        title: Title above the picture of runs; default: none.
        target: A blocking probability at which to draw a line in that picture, such as 0.01; may be
            repeated; default: none.
        load_limits: Its lowest and highest load, in Erlang; default: all loads.
        limits: Its lowest and highest blocking probability; default: the range of the values.
        width: column (3.5 inches, one of two columns) or page (7.16 inches, both); default: as wide as
            needed.
        legend: Where it is: below (default) or to the right of the axes, inside, or none.
        to: Folder for the picture of runs; default: plots.
        json: Print JSON instead of text.
    """
    if not _is_sweep(what, other):
        paper = sweeps.paper_of_runs(
            target or (), load_limits, limits, width or "auto", legend or "below"
        )
        if what in sweep_names() and other and not is_a_run(what):
            axes = axes_to_compare(comparable_axes(read_sweep(what)))
            raise ArgumentError(
                f"{other[0]} is not an axis of the sweep {what}: {axes}; and no run is called {what}"
            )
        return _compare_runs(
            [what, *other], base, label or (), title or "", to, paper, bound=bound, json=json
        )
    for option, value in (
        *(("--bound", bound or None), ("--title", title), ("--target", target)),
        *(("--load-limits", load_limits), ("--limits", limits), ("--width", width)),
        *(("--legend", legend), ("--to", to)),
    ):
        if value is not None:
            raise ArgumentError(
                f"{option} applies to the picture of runs; `fusion plot {what} --against AXIS` draws a sweep"
            )
    if not other:
        axes = axes_to_compare(comparable_axes(read_sweep(what)))
        raise ArgumentError(f"name an axis of the sweep after {what}: {axes}")
    found = sweeps.compared_along(what, ",".join(other), base=base, labels=_labels(label or ()))
    if json:
        print_json(found.rows)
        for warning in found.warnings:  # JSON has the rows alone
            print_note(f"Warning: {warning}")
        return DONE
    _print_comparison(found.rows, found.axis)
    _print_warnings(found.warnings)
    for sentence in verdict_sentences(found.rows, called_on(found.axis)):
        print_note(sentence)
    _name_the_store(Path(what))
    return DONE


def _is_sweep(what: str, other: Sequence[str]) -> bool:
    """Return whether a sweep is compared: a file, or a shipped one if one of its axes follows."""
    if Path(what).suffix.lower() in (".toml", ".json"):
        return True
    return what in sweep_names() and (not other or other[0] in (POLICY, *read_sweep(what).axes))


def _compare_runs(
    runs: Sequence[str],
    base: str,
    labels: Sequence[str],
    title: str,
    to: Path | None,
    paper: "Paper",
    *,
    bound: bool,
    json: bool,
) -> int:
    given = [*runs, *([base] if base else [])]
    found = compare_runs(*runs, base=base, labels=read_labels(labels, given))
    regions = []
    if bound:
        compared = [find_directory(run, Flows().runs_dir) for run in runs]
        regions = regions_of_runs(compared, [row["erlang"] for row in found.points])
    pictures = draw(found, to or Path("plots"), title, regions, paper)
    if json:
        print_json({**found._asdict(), "pictures": pictures})
        return DONE
    print(f"{printable(found.headline)}\n")
    if found.settings:
        rows = [(key, *map(format_value, values)) for key, values in found.settings.items()]
        print_table(("setting", *found.runs), rows)
    else:
        print("They have the same settings.")
    print()
    if found.rows:
        _print_comparison(found.rows, RUN)
        _print_warnings(found.warnings)
        print()
    for path in pictures:
        print(path)
    return DONE


def _print_warnings(warnings: Sequence[str]) -> None:
    """Print what belongs to the verdicts of a table, below it."""
    for warning in warnings:
        print(f"Warning: {warning}")


def _print_comparison(rows: Sequence[Mapping[str, Any]], axis: str) -> None:
    """Print a comparison, without some columns where the terminal is narrow."""
    largest = largest_difference(rows)
    header, cells = _texts([comparison_cells(row, axis, largest) for row in rows])
    left_out: list[str] = []
    for without in (None, "n", "difference"):  # of the interval a difference is about the middle
        if fits(header, cells):
            break
        left_out += [without] if without else []
        brief = [brief_comparison_cells(row, axis, largest) for row in rows]
        header, cells = _texts(brief, left_out)
    print_table(header, cells, numbers=True)
    for note in comparison_notes(rows):
        if note != METHOD_BOUND or "n" not in left_out:
            print_note(note)


def _texts(
    rows: Sequence[Mapping[str, Cell]], left_out: Sequence[str] = ()
) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a table, without some columns."""
    header = [name for name in rows[0] if name not in left_out]
    return header, [[row[name].text for name in header] for row in rows]


@text_of(sweeps.loads_at)
def _loads_at(file: File, target: float, /, *, json: Json = False) -> int:
    rows = sweeps.loads_at(file, target)
    if not rows:
        raise _nothing_found(file, "interpolate")
    if json:
        print_json(rows)
        return DONE
    others = list(rows[0])[: list(rows[0]).index("load")]
    print_table(
        (*others, *_load_header(rows, target), "loads", ""),
        [
            (
                *(format_value(row[name]) for name in others),
                *_load_cells(row, _are_other(rows)),
                str(row["loads"]) + (f" of {row['loads'] + missing}" if missing else ""),
                status_text(row),
            )
            for row in rows
            for missing in [len(row["missing"])]
        ],
        numbers=True,
    )
    for note in few_told(rows):
        print_note(note)
    print_note(
        "The interval is without the error of interpolating between the loads of the sweep; "
        "`fusion find-load` simulates at the load itself."
    )
    _name_the_store(file)
    return DONE


@text_of(sweeps.find_loads)
def _find_load(
    file: File,
    target: float,
    /,
    *,
    precision: float = 0.01,
    max_requests: float = 1e8,
    json: Json = False,
) -> int:
    rows = sweeps.find_loads(
        file, target, precision=precision, max_requests=max_requests, say=print_note
    )
    if json:
        print_json(rows)
        return DONE
    others = list(rows[0])[: list(rows[0]).index("load")]
    print_table(
        (*others, *_load_header(rows, target), "requests", "simulated now", ""),
        [
            (
                *(format_value(row[name]) for name in others),
                *_load_cells(row, _are_other(rows)),
                f"{row['requests']:,}",
                f"{row['simulated']:,}",
                "" if row["status"] == "found" else row["status"],
            )
            for row in rows
        ],
        numbers=True,
    )
    print_note(f"\nWhat was simulated is in the store {_told_store(file)}")
    return DONE


def _are_other(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether loads that are offered differ from the nominal ones."""
    return any(is_other_load(row["offered_per_nominal"], 1.0) for row in rows)


def _load_header(rows: Sequence[Mapping[str, Any]], target: float) -> list[str]:
    nominal = f"load at {target:g} (E)"
    return [nominal, "interval", *(["offered (E)"] if _are_other(rows) else [])]


def _load_cells(row: Mapping[str, Any], offered: bool) -> list[str]:
    """Return a load with its interval, and what is offered at it, with as many decimals."""
    share = row["offered_per_nominal"]
    loads = row["load"], row["ci_lower"], row["ci_upper"]
    cells = [interval_text(*loads).estimate, between(*loads[1:])]
    return [*cells, interval_text(*(share * load for load in loads)).estimate] if offered else cells


@text_of(ties.ties)
def _ties(
    template: Template,
    /,
    *,
    changes: Changes = None,
    loads: str = "",
    replications: int = 10,
    salts: int = 3,
    to: Path = Path("plots"),
    json: Json = False,
) -> int:
    overrides = submission.read_assignments(changes or (), template=template)
    found = ties.ties(
        template,
        overrides,
        loads=loads,
        replications=replications,
        salts=salts,
        to=to,
        say=print_note,
    )
    if json:
        print_json({**found._asdict(), "node_pairs": found.node_pairs._asdict()})
        return DONE
    if all(row["verdict"] in (None, SAME_PATHS) for row in found.rows):
        ties_there = found.node_pairs.in_order or found.node_pairs.at_last_place
        why = "All rules give the same paths" if ties_there else "No ties"
        print(f"{why}: the rule changes nothing here.\n")
    print_table(
        (
            "load (E)",
            "rule",
            "blocking",
            "interval",
            "difference",
            "interval",
            "relative",
            "verdict",
        ),
        [_tie_cells(row) for row in found.rows],
        numbers=True,
    )
    print(f"\n{tie_sentence(found.node_pairs)}")
    print("\n".join(map(str, found.files)))
    print_note(f"\nWhat was simulated is in the store {found.store}")
    return DONE


def _tie_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    name = "blocking_probability"
    ends = row[f"{name}_ci_lower"], row[f"{name}_ci_upper"]
    between_rules = row["difference_ci_lower"], row["difference_ci_upper"]
    relative = row["relative_difference"]
    if row["verdict"] == SAME_PATHS:
        blocking = probability_text(row[name], *ends), between(*ends)
        return (format_value(row["erlang"]), row["rule"], *blocking, "0", "", "", SAME_PATHS)
    verdicts = {"a blocks less": "blocks less", "b blocks less": "blocks more"}
    verdict = verdicts.get(row["verdict"], row["verdict"] or "(base)")
    if row["same_paths_as"]:
        verdict += f" ({SAME_PATHS} as {row['same_paths_as']})"
    return (
        format_value(row["erlang"]),
        row["rule"],
        probability_text(row[name], *ends),
        between(*ends),
        interval_text(row["difference"], *between_rules, signed=True).estimate,
        between(*between_rules, signed=True),
        "" if relative is None else _percent(relative),
        verdict,
    )


def _percent(relative: float) -> str:
    """Return a relative difference; zero has no sign."""
    text = f"{100 * relative:+.1f}"
    return f"{text.lstrip('+-') if float(text) == 0.0 else text} %"


@text_of(sweeps.plot)
def _plot(
    file: File,
    /,
    *,
    metric: Metric = "",
    against: Axis = "",
    base: str = "",
    heat_map: Annotated[tuple[str, str] | None, completion.completed(completion.sweep_axes)] = None,
    title: str | None = None,
    label: Label = None,
    only: Annotated[list[str] | None, completion.completed(completion.axis_values)] = None,
    bound: bool = False,
    target: list[float] | None = None,
    load_limits: tuple[float, float] | None = None,
    limits: tuple[float, float] | None = None,
    width: Literal["auto", "column", "page"] = "auto",
    legend: Literal["below", "right", "inside", "none"] = "below",
    eps: bool = False,
    to: Path = Path("plots"),
    json: Json = False,
) -> int:
    labels = _labels(label or ())
    paths = sweeps.plot(
        file,
        metric=metric,
        against=against,
        base=base,
        heat_map=heat_map,
        title=title,
        labels=labels,
        only=only or (),
        bound=bound,
        target=target or (),
        load_limits=load_limits,
        limits=limits,
        width=width,
        legend=legend,
        eps=eps,
        to=to,
    )
    if not paths:
        raise _nothing_found(file, "draw")
    if json:
        print_json(paths)
    else:
        print("\n".join(map(str, paths)))
        _name_the_store(file)
    return DONE


def _labels(given: Sequence[str]) -> dict[str, str]:
    """Return the labels of value=label and axis=value=label."""
    labels = {}
    for text in given:
        name, equals, label = text.partition("=")
        if name in HOME:
            value, equals, label = label.partition("=")
            name = f"{name}={value}"
        if not (equals and name and label):
            raise ArgumentError(
                f"--label {text}: must be value=label, such as first_fit='first fit'"
            )
        labels[name] = label
    return labels


def _nothing_found(file: Path, what: str) -> sweeps.NothingFoundError:
    _, states, store = sweeps.states_of(file, quiet=True)
    return sweeps.nothing_found(states, store, what)


def _name_the_store(file: Path) -> None:
    print_note(f"\nFrom the store {_told_store(file)}")


def _told_store(file: Path) -> str:
    """Return the store that is meant, and why where that is not for the settings to say."""
    why = sweeps.why_the_store(file)
    return f"{sweeps.the_store(file).folder}{', ' if why else ''}{why}"


@text_of(settings_diff.diff)
def _diff(one: Settings, other: Settings, /, *, json: Json = False) -> int:
    found = settings_diff.diff(one, other)
    if json:
        print_json(found)
    elif found:
        rows = [(name, _or_default(a), _or_default(b)) for name, a, b in found]
        print_table(("", one, other), rows)
    else:
        print("Nothing differs.")
    return DONE


@text_of(sweeps.merge)
def _merge(folder: Path, /) -> int:
    print(f"{sweeps.merge(folder)} new replications in {sweeps.the_store().folder}")
    return DONE


def _or_default(value: object) -> str:
    return "(default)" if value is None else format_value(value)
