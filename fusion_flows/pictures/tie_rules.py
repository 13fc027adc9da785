"""How much more or less each rule for ties between paths blocks than one of them, a line for each rule."""

from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from fusion.sweep.tie_rules import SAME_PATHS
from fusion_flows.pictures.legend import put_legend, put_title
from fusion_flows.pictures.rows import Row, finite, grouped, text_of, values_on
from fusion_flows.pictures.scales import grid_of
from fusion_flows.pictures.style import GREY, MARKER, PAGE, STYLE, Look, handle, looks_of

_LINE_INCHES, _STEP_POINTS = 0.24, 7.0


def tie_figure(rows: Sequence[Row], title: str, base: str) -> Figure:
    """Draw relative differences with their intervals: filled where the interval excludes zero.

    rows: of `fusion.sweep.tie_rules.rows_of_rules`; those without a difference, as of the base, are left out,
    and so are those where the base has nothing blocked. Rules with the paths of the base get the words and
    no marker, as they were not simulated. base: what the rule is called that the others are
    compared with.
    """
    shown = [row for row in rows if finite(row, "relative_difference") is not None]
    rules = values_on(shown, "rule")
    loads = grouped(shown, ["erlang"], {"erlang": values_on(shown, "erlang")})
    looks = looks_of(list(loads))
    step = min(_STEP_POINTS, 14.0 / max(1, len(loads)))
    with matplotlib.rc_context(STYLE):
        height = 0.9 + _LINE_INCHES * max(1, len(rules))
        figure = Figure(figsize=(PAGE, height), layout="constrained")
        place = figure.add_subplot()
        place.axvline(0.0, color="black", linewidth=0.8, zorder=1.5)
        for number, (names, of_load) in enumerate(loads.items()):
            look = looks[names]
            shift = ((len(loads) - 1) / 2 - number) * step / 72
            aside = place.transData + ScaledTranslation(0, shift, figure.dpi_scale_trans)
            for row in of_load:
                if row.get("verdict") == SAME_PATHS:
                    continue
                line = rules.index(text_of(row["rule"]))
                mean, lower, upper = _percent(row)
                is_shown = upper > lower and (lower > 0 or upper < 0)
                if upper > lower:
                    place.hlines(
                        line,
                        lower,
                        upper,
                        color=look.color,
                        linewidth=0.9,
                        transform=aside,
                    )
                place.plot(
                    mean,
                    line,
                    linestyle="none",
                    marker=look.marker,
                    markersize=MARKER,
                    markeredgewidth=0.8,
                    color=look.color,
                    markerfacecolor=look.color if is_shown else "white",
                    transform=aside,
                )
        same = {text_of(row["rule"]) for row in shown if row.get("verdict") == SAME_PATHS}
        others = {text_of(row["rule"]): row.get("same_paths_as") for row in shown}
        names_shown = [
            f"{rule} ({SAME_PATHS})"
            if rule in same
            else f"{rule} ({SAME_PATHS} as {others[rule]})"
            if others[rule]
            else rule
            for rule in rules
        ]
        place.set_yticks(range(len(rules)), names_shown)
        place.set_ylim(max(1, len(rules)) - 0.5, -0.5)
        place.set_xlim(_limits(shown))
        if shown and len(same) == len(rules):
            place.set_xticks([0.0])  # nothing was measured
        place.set_xlabel(f"blocking relative to that of {base}, difference in %")
        grid_of(place)
        put_title(figure, title)
        handles = [(handle(looks[names]._replace(line="none")), f"{names[0]} E") for names in loads]
        dot = Look(GREY, "o", "none")
        handles.append((handle(dot), "interval excludes zero"))
        handles.append((handle(dot, hollow=True), "zero not excluded"))
        put_legend(figure, handles)
    return figure


def _percent(row: Row) -> tuple[float, float, float]:
    """Return the relative difference and the ends of its interval, in percent; without one, itself."""
    base = row["blocking_probability"] - row["difference"]
    lower, upper = (finite(row, f"difference_ci_{end}") for end in ("lower", "upper"))
    mean = 100.0 * float(row["relative_difference"])
    if lower is None or upper is None:
        return mean, mean, mean
    return mean, 100.0 * lower / base, 100.0 * upper / base


def _limits(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the ends of the axis, with room for the markers."""
    ends = [0.0, *(end for row in rows for end in _percent(row))]
    room = 0.05 * (max(ends) - min(ends)) or 1.0
    return min(ends) - room, max(ends) + room
