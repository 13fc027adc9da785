"""What a paper asks of a picture: its width, where the legend is, limits of the axes, a target."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from matplotlib.axes import Axes

from fusion_flows.pictures.rows import Row, finite, kind_of
from fusion_flows.pictures.style import COLUMN, GREY, PAGE, Look, handle

Width = Literal["auto", "column", "page"]
Legend = Literal["below", "right", "inside", "none"]
Limits = tuple[float, float]


class Paper(NamedTuple):
    """What is asked for; what is not is as the picture needs it."""

    width: Width = "auto"
    """column: 3.5 inches, one of two columns of a page; page: 7.16 inches, both of them."""
    legend: Legend = "below"
    """below and right: outside of the axes."""
    targets: Sequence[float] = ()
    """Values of the metric at which there is a line."""
    load_limits: Limits | None = None
    """Lowest and highest load, in Erlang."""
    limits: Limits | None = None
    """Lowest and highest value of the metric, or of its difference."""

    def inches(self, needed: float) -> float:
        """Return the width of a picture. needed: the width that suits what is in it."""
        return {"auto": needed, "column": COLUMN, "page": PAGE}[self.width]

    def within(self, rows: Sequence[Row], log: bool) -> list[Row]:
        """Return the rows without bounds outside of the limits, whose arrows no axis would cut off."""
        lowest, highest = self.limits or (float("-inf"), float("inf"))
        left, right = self.load_limits or (float("-inf"), float("inf"))
        return [
            row
            for row in rows
            if kind_of(row, log) != "none"
            or (
                left <= float(row["erlang"]) <= right
                and lowest <= (finite(row, "ci_upper") or 0.0) <= highest
            )
        ]

    def draw_targets(self, place: Axes) -> None:
        """Draw the targets, behind all curves."""
        for target in self.targets:
            place.axhline(target, color=GREY, linewidth=0.8, linestyle=_LINE, zorder=1.5)

    def signs(self) -> list[tuple[Any, str]]:
        """Return the targets for the legend."""
        values = ", ".join(f"{target:g}" for target in self.targets)
        return (
            [(handle(Look(GREY, "none", _LINE), width=0.8), f"target {values}")] if values else []
        )

    def set_limits(self, place: Axes) -> None:
        """Set the limits of the axes; where none is asked for, make room for the targets."""
        if self.load_limits is not None:
            place.set_xlim(*self.load_limits)
        if self.limits is not None:
            place.set_ylim(*self.limits)
        elif self.targets:
            low, high = place.get_ylim()
            lowest, highest = min(self.targets), max(self.targets)
            if place.get_yscale() == "log":
                lowest, highest = lowest / _ROOM, highest * _ROOM
            place.set_ylim(min(low, lowest), max(high, highest))


AS_NEEDED = Paper()
"""Nothing is asked for."""

_LINE = (0, (1, 2))
_ROOM = 1.4
