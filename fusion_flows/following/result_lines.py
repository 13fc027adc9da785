"""Results as lines for a terminal: a line per load."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion.config.counts import counted
from fusion.results.interval_text import below, between, interval_text, plus_minus, with_interval
from fusion.scenario.offered_load import is_other_load

_BLOCKING = tuple(f"blocking_probability{end}" for end in ("", "_ci_lower", "_ci_upper"))
HEADER = " load (E)   blocking probability   interval             replications"


def results(points: Iterable[Mapping[str, Any]]) -> str:
    """Return a table of results. points: rows of points.csv."""
    return "\n".join([HEADER, *map(result_line, points)])


def places(output: Path, plot: Path | None, report: Path | None) -> str:
    """Return where results, picture and report are, a line each of what there is."""
    found = {"Results": output, "Picture": plot, "Report": report}
    return "\n".join(f"{what + ':':<8} {path}" for what, path in found.items() if path)


def result_line(point: Mapping[str, Any]) -> str:
    """Return a line of the table; it ends with the offered load where that is not the nominal one."""
    lower, upper = (point[f"blocking_probability_ci_{end}"] for end in ("lower", "upper"))
    if point["blocked"]:
        mean = interval_text(point["blocking_probability"], lower, upper).estimate
        interval = between(lower, upper)
    else:
        mean, interval = below(upper), ""
    line = f"{point['erlang']:>9g}   {mean:>20}   {interval:<19}  {point['replications']:>12}"
    offered = float(point["offered_erlang"])
    other = is_other_load(offered, float(point["erlang"]))
    return f"{line}   offered: {offered:.4g} E" if other else line


def summary(points: Sequence[Mapping[str, Any]]) -> str:
    """Return what a run has found in a line: the number of loads, and blocking at the lowest and highest.

    points: rows of points.csv.
    """
    by_load = sorted(points, key=lambda point: float(point["erlang"]))
    ends = by_load if len(by_load) < 2 else [by_load[0], by_load[-1]]
    found = " … ".join(map(_at_load, ends))
    return f"{counted(len(points), 'load')}, blocking at {found}" if found else ""


def at_highest_load(points: Iterable[Mapping[str, Any]]) -> str:
    """Return the blocking at the highest load, such as 220 E: 0.0872 [0.0854, 0.0890]; or nothing."""
    highest = max(points, key=lambda point: float(point["erlang"]), default=None)
    return "" if highest is None else _at_load(highest)


def unbroken(text: str) -> str:
    """Return a text in which no line ends within an interval such as [0.0065, 0.0080]."""
    return re.sub(r"(\[\S+,) (\S+\])", "\\1\u00a0\\2", text)


def _at_load(point: Mapping[str, Any]) -> str:
    return f"{point['erlang']:g} E: {_blocking(point)}"


def _blocking(point: Mapping[str, Any]) -> str:
    mean, lower, upper = (point[column] for column in _BLOCKING)
    if mean is None:
        return "unknown"
    return below(upper) if mean == 0 and upper else with_interval(mean, lower, upper)


def so_far(mean: float | None, lower: float | None, upper: float | None) -> str:
    """Return a blocking probability with half its interval, such as 0.0416 ± 0.0012."""
    if mean is None:
        return ""
    if mean == 0:
        return "" if upper is None else below(upper)
    if lower is None or upper is None:
        return f"{mean:.3g}"
    return plus_minus(mean, (upper - lower) / 2)
