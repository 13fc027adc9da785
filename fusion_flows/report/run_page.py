"""The report of a run: read from its directory, drawn, and put on a page."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusion.config.config import Config
from fusion.config.counts import agreeing, counted
from fusion.network.topology import Topology
from fusion.results.gnpy_difference import FILE, difference_of, difference_told
from fusion.results.interval_text import with_interval
from fusion.scenario.failures import links_of_failures
from fusion.scenario.inputs import Inputs
from fusion_flows.pictures.rows import has_many_bit_rates
from fusion_flows.report import tables
from fusion_flows.report.page import Code, Files, Page, Picture, Section, Table, Text, numbered
from fusion_flows.report.pictures import drawn
from fusion_flows.report.provenance import about
from fusion_flows.report.results import Results, Row, read_results, read_rows
from fusion_flows.report.setting import run_name, setting_lines, ties_text, titled
from fusion_flows.report.suspended import GOES_ON, how_to_resume
from fusion_flows.report.terms import terms_section
from fusion_flows.report.worst import blocking_told, first_path, worst_pair
from fusion_flows.rundir.directory import RunDirectory, command_to_go_on
from fusion_flows.rundir.file_state import recorded_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLOCKING = "blocking_probability"
_MOST_NAMED = 10
"""Links of a failure that are named."""
_FILES = (
    ("output/points.csv", "a row per load"),
    ("output/replications.csv", "a row per load and replication"),
    ("output/links.csv", "a row per load and link"),
    ("output/pairs.csv", "a row per load and pair of nodes"),
    ("output/bit_rates.csv", "a row per load and bit rate"),
    ("output/failures.csv", "a row per load and phase of the failure"),
    ("output/availability.csv", "a row per load for connections, and for each link"),
    ("output/gnpy_difference.csv", "a row per lightpath that GNPy propagated among what was up"),
    ("plots/", "the pictures, as PNG and SVG"),
    ("config.ini", "all settings"),
    ("run.json", "versions, seed, machine"),
    ("logs/sim.log", "what the simulator printed"),
)


def run_page(
    run: RunDirectory, config: Config, inputs: Inputs, partial: str, *, suspended: bool = False
) -> Page:
    """Return the report of a run, with what there is of it by now.

    partial: why results are missing, or empty. suspended: whether Resume in Prefect goes on with the run.
    A picture that cannot be drawn is left out, and the page says why. Raises OSError where the tables cannot
    be read.
    """
    results = read_results(run)
    going_on = partial == GOES_ON
    unfinished = tables.SUSPENDED if suspended else "running" if going_on else tables.INTERRUPTED
    sections = [
        _blocking(config, results, unfinished),
        *([_where(config, inputs, results)] if results.load is not None else []),
        *([_links(config, inputs, results)] if results.links else []),
        *_failures(run, config, inputs),
        *_gnpy(run),
        *([_convergence(config, results)] if results.points else []),
        _files(run),
        _again(run, bool(partial) and not going_on, suspended),
    ]
    missing = ""
    if partial:
        complete = sum(row["stop_reason"] != tables.INTERRUPTED for row in results.points)
        loads = len(config.loads)
        verb = agreeing(loads, "is", "are")
        missing = f"{partial.strip()} ({complete} of {counted(loads, 'load')} {verb} complete)"
    title = titled(recorded_name(run), run_name(config))
    setting = setting_lines(config, inputs)
    found = (f"Blocking probability {_told(results.points)}",) if results.points else ()
    sections.append(terms_section(setting, sections))
    return Page(title, setting, missing, numbered(sections), about(run), found)


def network_figure(
    config: Config,
    inputs: Inputs,
    results: Results,
    metric: str = "utilisation",
    *,
    title: str | None = None,
    so_far: int = 0,
) -> "Figure":
    """Return the picture of a run's network at the load of the results, which has links.

    title: None: what the picture is of. so_far: replications that there are by now, where more are
    to come.
    """
    from fusion_flows.pictures.topology import Worst, topology_figure

    pair = worst_pair(results.pairs)
    worst = None
    if pair is not None:
        ends = str(pair["source"]), str(pair["destination"])
        worst = Worst(*ends, first_path(config, inputs, *ends), blocking_told(pair))
    if title is None:
        title = f"{_short_title(config)}, {results.load:g} E"
        if so_far:
            title += f", {so_far} {'replication' if so_far == 1 else 'replications'} so far"
    return topology_figure(inputs.topology, title, links=results.links, metric=metric, worst=worst)


def _blocking(config: Config, results: Results, unfinished: str) -> Section:
    rows = results.points
    if not rows:
        return Section("Blocking over load", (Text("There are no results yet."),))

    def draw() -> "Figure":
        from fusion_flows.pictures.run import blocking_figure

        return blocking_figure(rows, _short_title(config))

    told = _told(rows)
    level = f"{100 * config.statistics_settings.confidence:.4g} %"
    return Section(
        "Blocking over load",
        (
            drawn(
                "blocking",
                f"Blocking probability over load, with {level} intervals over replications.",
                f"Curve of the blocking probability over load: {told}.",
                draw,
            ),
            tables.points_table(rows, unfinished),
        ),
    )


def _where(config: Config, inputs: Inputs, results: Results) -> Section:
    rows, called = results.pairs, inputs.topology.called
    load = results.load
    assert load is not None
    blocked = sum(row["blocked"] for row in rows)
    point = next(row for row in results.points if float(row["erlang"]) == load)
    parts: list[Picture | Table | Text] = [Text(_where_told(point, rows, load))]
    if blocked:
        if len({row["bit_rate_gbps"] for row in results.bit_rates}) > 1:

            def draw() -> "Figure":
                from fusion_flows.pictures.bit_rates import bit_rate_figure

                confidence = config.statistics_settings.confidence
                return bit_rate_figure(results.bit_rates, confidence, _short_title(config))

            told = "Blocking probability over the bit rate"
            told += (
                f", at {load:g} E."
                if has_many_bit_rates(results.bit_rates)
                else ", a curve for each load."
            )
            parts.append(drawn("bit_rates", told, f"{told} The numbers are in the table.", draw))
        parts.append(tables.bit_rates_table(results.bit_rates, load))
        parts.append(tables.pairs_table(rows, load, called))
    if ties := ties_text(config, inputs):
        parts.append(Text(ties))
    return Section("Where blocking happens", tuple(parts))


def _where_told(point: Row, pairs: Sequence[Row], load: float) -> str:
    blocked = sum(row["blocked"] for row in pairs)
    if not blocked:
        return f"At {load:g} E nothing is blocked."
    most = sorted((row["blocked"] for row in pairs), reverse=True)
    tenth = max(1, round(len(most) / 10))
    share = sum(most[:tenth]) / blocked
    words = [
        f"At {load:g} E, {point['blocked']:,} of {counted(point['requests'], 'request')} "
        f"{agreeing(point['blocked'], 'is', 'are')} blocked.",
        f"The {tenth} of {len(most)} node pairs with the most blocked requests "
        f"{agreeing(tenth, 'has', 'have')} {100 * share:.0f} % of "
        "them.",
    ]
    if far := point["blocked_out_of_reach"]:
        words.append(f"{far:,} have no candidate path within reach.")
    return " ".join(words)


def _links(config: Config, inputs: Inputs, results: Results) -> Section:
    load = results.load
    assert load is not None
    full = sorted(results.links, key=lambda row: float(row["utilisation"]))
    least, most = full[0], full[-1]
    called = inputs.topology.called
    mean = sum(float(row["utilisation"]) for row in full) / len(full)
    told = (
        f"At {load:g} E the mean utilisation is {mean:.2f}; the fullest link is "
        f"{_link(most, called)} with {most['utilisation']:.2f}, the emptiest "
        f"{_link(least, called)} with {least['utilisation']:.2f}."
    )
    return Section(
        "How full the links are",
        (
            Text(told),
            drawn(
                "topology",
                f"The network at {load:g} E: colour and width of a link are its utilisation.",
                f"Map of the network, links coloured by utilisation. {told}",
                lambda: network_figure(config, inputs, results),
            ),
            tables.links_table(results.links, load, called),
        ),
    )


def _link(row: Row, called: Callable[[str], str]) -> str:
    name = f" ({row['link']})" if row.get("link") else ""
    return f"{called(str(row['source']))} to {called(str(row['destination']))}{name}"


def _failures(run: RunDirectory, config: Config, inputs: Inputs) -> list[Section]:
    phases = read_rows(run.output / "failures.csv")
    rows = read_rows(run.output / "availability.csv")
    shown: list[Table | Text] = [tables.failures_table(phases)] if phases else []
    if phases and (told := _what_fails(config, inputs.topology)):
        shown.insert(0, Text(told))
    if rows:
        shown.append(tables.availability_table(rows))
    return [Section("The failure" if phases else "Failures", tuple(shown))] if shown else []


def _gnpy(run: RunDirectory) -> list[Section]:
    rows = read_rows(run.output / FILE)
    found = difference_of([row["difference_db"] for row in rows])
    if found is None:
        return []
    return [Section("Compared with GNPy", (Text(f"{difference_told(found, rows[0]['erlang'])}."),))]


def _what_fails(config: Config, topology: Topology) -> str:
    """Return which links fail, a sentence for each failure; nothing of those that are drawn at random."""
    if config.failure_settings.failure_type == "none":
        return ""
    sentences = []
    for links in links_of_failures(config.failure_settings, topology):
        names = [_fibre(topology, link) for link in links[:_MOST_NAMED]]
        more = f" and {len(links) - _MOST_NAMED} more" if len(links) > _MOST_NAMED else ""
        if len(links) == 1:
            sentences.append(f"The link {names[0]} fails.")
        elif links:
            sentences.append(f"The links {', '.join(names)}{more} fail together.")
    return " ".join(sentences)


def _fibre(topology: Topology, link: int) -> str:
    a, b, _ = topology.links[link]
    name = topology.link_names[link] if topology.has_parallel_links else ""
    told = f" ({name})" if name else ""
    return f"{topology.called(topology.nodes[a])} - {topology.called(topology.nodes[b])}{told}"


def _convergence(config: Config, results: Results) -> Section:
    def draw() -> "Figure":
        from fusion_flows.pictures.convergence import convergence_figure

        confidence = config.statistics_settings.confidence
        return convergence_figure(results.replications, confidence, _short_title(config))

    counts = {row["replications"] for row in results.points}
    few, many = min(counts), max(counts)
    span = f"{few}" if few == many else f"{few} to {many}"
    precisions = [row["relative_precision"] for row in results.points]
    widest = max((value for value in precisions if value is not None), default=None)
    told = f"{span} {agreeing(many, 'replication')} per load."
    if not any(row["blocked"] for row in results.replications):
        told += " Nothing is blocked in any of them, so there is nothing to converge."
        return Section("Convergence over replications", (Text(told),))
    if widest is not None:
        told += f" The half-width of the widest interval is {100 * widest:.1f} % of its mean."
    if missing := _left_out(results):
        told += f" The picture has {missing}."
    return Section(
        "Convergence over replications",
        (
            Text(told),
            drawn(
                "convergence",
                "The mean over the first n replications with its interval, over n.",
                "For each load, the blocking probability of the first n replications over n: "
                f"the interval narrows. {told}",
                draw,
            ),
        ),
    )


def _left_out(results: Results) -> str:
    from fusion_flows.pictures.convergence import left_out  # here, as matplotlib is slow to load

    return left_out(results.replications)


def _files(run: RunDirectory) -> Section:
    there = tuple((name, what) for name, what in _FILES if (run.path / name).exists())
    return Section("Files", (Text(f"In `{run.path}`:"), Files(run.path, there)))


def _again(run: RunDirectory, is_partial: bool, suspended: bool) -> Section:
    parts: list[Text | Code] = []
    if is_partial:
        parts += how_to_resume(run) if suspended else ()
        how = "As a new run:" if suspended else "To finish it:"
        parts += [Text(how), Code(command_to_go_on(run))]
    parts += [
        Text("To run it again, with the same numbers:"),
        Code(f"fusion-sim --config {shlex.quote(str(run.config))} --output-dir again"),
    ]
    return Section("How to reproduce it", tuple(parts))


def _short_title(config: Config) -> str:
    return f"{Path(config.topology_settings.network).stem}, {config.policy}"


def _told(rows: Sequence[Row]) -> str:
    """Return what there is at the lowest and the highest load: `at 150 Erlang 0.0132 ± 0.0008; at ...`."""
    return "; ".join(f"at {row['erlang']:g} Erlang {_value(row)}" for row in _ends(rows))


def _ends(rows: Sequence[Row]) -> list[Row]:
    return [rows[0], rows[-1]] if len(rows) > 1 else list(rows)


def _value(row: Row) -> str:
    upper = row[f"{_BLOCKING}_ci_upper"]
    if not row[_BLOCKING]:
        return f"below {upper:.2g}" if upper else "0"
    return with_interval(row[_BLOCKING], row[f"{_BLOCKING}_ci_lower"], upper)
