"""Which panels a picture has: by the network, else by what is not a policy."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

from fusion_flows.pictures.rows import Row, grouped

_FEW_CURVES, _MOST_PANELS = 6, 12
MOST_CURVES = 8
"""Curves of one panel that can be told apart."""

POLICY = {
    *("k_paths", "path_order", "path_choice", "route_method"),
    *("allocation_method", "spectrum_priority", "policy"),
}
"""Axes that are compared, so that they are curves of one panel rather than panels."""


def panel_axes(
    rows: Sequence[Row], varying: Sequence[str], values: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return the one or two axes whose values get panels, or none of them."""
    if len(grouped(rows, varying, values)) <= _FEW_CURVES:
        return []
    choices = []
    for split in (*combinations(varying, 1), *combinations(varying, 2)):
        labels = [axis for axis in varying if axis not in split]
        panels = len(grouped(rows, split, values))
        curves = len(grouped(rows, labels, values))
        if labels and panels <= _MOST_PANELS:
            split = tuple(sorted(split, key=lambda axis: axis != "network"))
            policies = sum(axis in POLICY for axis in split)
            crowded = max(0, curves - MOST_CURVES)
            without = "network" in varying and "network" not in split
            choices.append((crowded, without, len(split), policies, panels, split))
    return list(min(choices)[-1]) if choices else []


def panels_wide(panels: int, counts: Sequence[int]) -> int:
    """Return how many panels stand side by side. counts: values of each of their axes."""
    if len(counts) == 2 and math.prod(counts) == panels and counts[1] <= 4:
        return counts[1]  # a line of panels for each value of the first axis
    return next(
        wide for most, wide in ((1, 1), (2, 2), (3, 3), (4, 2), (6, 3), (99, 4)) if panels <= most
    )


def share_loads(panels: Sequence[Sequence[Row]]) -> bool:
    """Tell whether all panels have about the same loads; those of two networks may be far apart."""
    ends = [
        (min(loads), max(loads))
        for rows in panels
        if (loads := [float(row["erlang"]) for row in rows])
    ]
    if not ends:
        return True
    whole = max(high for _, high in ends) - min(low for low, _ in ends)
    return all(high - low >= 0.6 * whole for low, high in ends)
