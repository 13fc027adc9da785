"""Title and legend, which take as much room as their words need."""

import textwrap
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

from fusion_flows.pictures.style import SMALL
from fusion_flows.pictures.words import plain


def put_title(figure: Figure, title: str) -> None:
    """Put the title above the axes, in as many lines as it needs."""
    if title:
        letters = int(figure.get_figwidth() * 72 / 4.9)
        text = textwrap.fill(title, letters)
        figure.suptitle(plain(text), fontsize=9, x=0.01, ha="left")


def put_legend(figure: Figure, handles: Sequence[tuple[Any, str]], where: str = "below") -> None:
    """Put the legend below the axes, in as many columns as fit, and make the figure higher by it.

    where: or to the right of the axes, inside the first of them, or nowhere (right, inside, none).
    """
    if not handles or where == "none":
        return
    if where != "below":
        _put_beside(figure, handles, where)
        return
    room = figure.get_figwidth() * 72 - 8
    sign = 3.4 * SMALL
    texts = [_wrapped(text, room - sign) for _, text in handles]
    widths = [width_of(text, SMALL) + sign for text in texts]
    columns = next(
        columns
        for columns in range(min(len(texts), 8), 0, -1)
        if columns == 1
        or sum(map(max, _shared_out(widths, columns))) + 1.4 * SMALL * (columns - 1) <= room
    )
    heights = [text.count("\n") + 1.4 for text in texts]
    lines = max(map(sum, _shared_out(heights, columns)))
    figure.set_figheight(figure.get_figheight() + (lines * 1.1 * SMALL + 8) / 72)
    figure.legend(
        [handle for handle, _ in handles],
        [plain(text) for text in texts],
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        columnspacing=1.4,
        borderaxespad=0.2,
        **_SIGNS,
    )


_SIGNS: dict[str, Any] = {
    "fontsize": SMALL,
    "handlelength": 2.7,
    "handletextpad": 0.6,
    "labelspacing": 0.35,
}


def _put_beside(figure: Figure, handles: Sequence[tuple[Any, str]], where: str) -> None:
    """Put the legend to the right of the axes, with a third of the width, or inside the first of them."""
    signs = [sign for sign, _ in handles]
    room = figure.get_figwidth() * 72 / 3 - 3.4 * SMALL
    if where == "right":
        texts = [plain(_wrapped(text, room)) for _, text in handles]
        figure.legend(signs, texts, loc="outside right center", frameon=False, **_SIGNS)
    else:
        texts = [plain(_wrapped(text, 2 * room)) for _, text in handles]
        figure.axes[0].legend(signs, texts, loc="best", framealpha=0.9, edgecolor="none", **_SIGNS)


def _shared_out(values: Sequence[float], columns: int) -> list[list[float]]:
    """Return the values of each column of a legend; the first ones have one more."""
    each, more = divmod(len(values), columns)
    starts = [number * each + min(number, more) for number in range(columns + 1)]
    return [list(values[start:end]) for start, end in pairwise(starts)]


def _wrapped(text: str, room: float) -> str:
    """Return a text in lines that are no wider than the room, in points."""
    width = width_of(text, SMALL)
    return (
        text if width <= room else textwrap.fill(text, max(8, int(0.92 * len(text) * room / width)))
    )


@lru_cache(4096)
def width_of(text: str, size: float) -> float:
    """Return the width of a text in points."""
    return max(
        # Of all that describes the outlines: their exact extents take twenty times as long.
        float(np.ptp(TextPath((0, 0), line, size=size).vertices[:, 0])) if line.strip() else 0.0
        for line in plain(text).split("\n")
    )
