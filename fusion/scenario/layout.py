"""What an agent sees and what it may do: the order of the numbers in an observation, and of the actions.

The observation is that of DeepRMSA (X. Chen et al., "DeepRMSA: A Deep Reinforcement Learning Framework for
Routing, Modulation and Spectrum Assignment in Elastic Optical Networks", J. Lightw. Technol. 37(16), 2019,
pp. 4155-4163, section IV), with the bit rate, the hops and the largest block beside; all in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.arrays import Network
from fusion.kernel.block_observation import (
    MORE_OF_A_BLOCK,
    MORE_OF_A_PATH,
    MORE_OF_A_PLACE,
    BlockView,
    make_block_view,
)
from fusion.kernel.connection_environment import QUALITY_FEATURES, SLICE_FEATURES, More
from fusion.kernel.graph_observation import LINK_FEATURES
from fusion.kernel.observation import BLOCK_FEATURES, PATH_FEATURES, View, make_survey
from fusion.kernel.records import Service

LONGEST = 8.0
"""Mean holding times that are shown as 1."""

_OF_A_PATH = ("hops", "width", "free", "largest", "mean")
_OF_A_BLOCK = ("start", "size")
_OF_QUALITY = ("width", "margin")
assert (len(_OF_A_PATH), len(_OF_A_BLOCK)) == (PATH_FEATURES, BLOCK_FEATURES)
_OF_SLICES = ("carried", "lightpaths")
assert (len(_OF_QUALITY), len(_OF_SLICES)) == (QUALITY_FEATURES, SLICE_FEATURES)
_MORE_OF_A_PATH = ("efficiency", "free blocks", "highest load", "mean load")
_MORE_OF_A_BLOCK = ("exact fit", "cuts", "left over")
_OF_A_PLACE = ("start of place", "loss of place", "loss of first block")
assert (len(_MORE_OF_A_PATH), len(_MORE_OF_A_BLOCK)) == (MORE_OF_A_PATH, MORE_OF_A_BLOCK)
assert len(_OF_A_PLACE) == MORE_OF_A_PLACE
_OF_A_LINK = ("length", "load", "free", "largest")
assert len(_OF_A_LINK) == LINK_FEATURES

ObservationKind = Literal["features", "spectrum", "blocks", "graph", "own"]
ActionKind = Literal["blocks", "paths", "slots"]


class Layout(NamedTuple):
    """Where things are in an observation and among the actions.

    nodes: names, in the order of source and destination. candidates: paths of the pair that has most.
    blocks: free blocks of a path among which an action chooses. shows_holding: whether the holding time is
    shown. shows_quality: whether lightpaths need some signal quality. shows_slices: whether a
    request may be sliced. shows_failures: whether links fail. observation, action_kind: as in
    `fusion.learning.setting.Options`; `own`: by a function of the user's, which gives `own_size` numbers.
    slots: of a link in all planes.
    """

    nodes: tuple[str, ...]
    candidates: int
    blocks: int
    shows_holding: bool
    shows_quality: bool = False
    shows_slices: bool = False
    shows_failures: bool = False
    observation: ObservationKind = "features"
    action_kind: ActionKind = "blocks"
    slots: int = 0
    own_size: int = 0

    @property
    def of_loop(self) -> Layout:
        """The layout of the event loop, which shows features and takes path x block."""
        return self._replace(observation="features", action_kind="blocks")

    @property
    def shows_more(self) -> bool:
        """Whether the numbers of paths include those of the kind `blocks`."""
        return self.observation in ("blocks", "graph")

    @property
    def shows_place(self) -> bool:
        """Whether the numbers of paths include what the fit of each path takes of the capacity."""
        return self.shows_more and self.action_kind == "paths"

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each number of an observation."""
        if self.observation == "own":
            return tuple(f"number {number}" for number in range(self.own_size))
        of_a_path = [
            *_OF_A_PATH,
            *(f"{what} of block {block}" for block in range(self.blocks) for what in _OF_A_BLOCK),
        ]
        if self.shows_quality:
            each = [(what, block) for block in range(self.blocks) for what in _OF_QUALITY]
            of_a_path += [f"{what} of block {block}" for what, block in each]
        if self.shows_slices:
            of_a_path += _OF_SLICES
        if self.shows_failures:
            of_a_path.append("down")
        if self.shows_more:
            of_a_path += _MORE_OF_A_PATH
            each = [(what, block) for block in range(self.blocks) for what in _MORE_OF_A_BLOCK]
            of_a_path += [f"{what} of block {block}" for what, block in each]
        if self.shows_place:
            of_a_path += _OF_A_PLACE
        return (
            *(f"source {node}" for node in self.nodes),
            *(f"destination {node}" for node in self.nodes),
            "bit rate",
            *(["holding time"] if self.shows_holding else []),
            *(f"path {path}: {what}" for path in range(self.candidates) for what in of_a_path),
        )

    @property
    def size(self) -> int:
        """Numbers of an observation."""
        if self.observation == "own":
            return self.own_size
        return self.head + self.candidates * self.path_size

    @property
    def actions(self) -> int:
        """Number of actions; the last one blocks the request."""
        of_a_path = {"blocks": self.blocks, "paths": 1, "slots": self.slots}[self.action_kind]
        return self.candidates * of_a_path + 1

    @property
    def link_names(self) -> tuple[str, ...]:
        """The name of each number of a link in an observation of the kind `graph`."""
        return (*_OF_A_LINK, "down") if self.shows_failures else _OF_A_LINK

    @property
    def link_size(self) -> int:
        """Numbers of a link in an observation of the kind `graph`."""
        return len(self.link_names)

    def paths(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the part of each candidate path, float32[..., path, feature of a path], as a view.

        The features are hops, width, free, largest, mean, and start and size of each block; then width and
        margin of each block where lightpaths need some signal quality, carried and lightpaths where requests
        may be sliced, and down where links fail. Of the kinds `blocks` and `graph` then efficiency, free
        blocks, highest and mean load, and exact fit, cuts and left over of each block; with actions of the
        kind `paths` then the start of the place that an action takes, and how much capacity a lightpath there
        and one on the first block take.
        """
        paths = observation[..., self.head :]
        return paths.reshape(*paths.shape[:-1], self.candidates, self.path_size)

    @property
    def head(self) -> int:
        """Numbers of an observation before those of paths."""
        return 2 * len(self.nodes) + 1 + self.shows_holding

    @property
    def _size_without_more(self) -> int:
        return PATH_FEATURES + BLOCK_FEATURES * self.blocks

    @property
    def path_size(self) -> int:
        """Numbers of a path in an observation."""
        size = self._first_of_slices + SLICE_FEATURES * self.shows_slices + self.shows_failures
        size += (MORE_OF_A_PATH + MORE_OF_A_BLOCK * self.blocks) * self.shows_more
        return size + MORE_OF_A_PLACE * self.shows_place

    @property
    def _first_of_slices(self) -> int:
        return self._size_without_more + QUALITY_FEATURES * self.blocks * self.shows_quality

    def more(self, rows: int) -> More:
        """Return where things are for the loop for connections. rows: of `Network.width`."""
        return More(
            size=self.path_size,
            quality=self._size_without_more,
            slices=self._first_of_slices,
            down=self.path_size - 1 if self.shows_failures else -1,
            rows=rows // 2 if self.shows_failures else rows,
        )


class Simulated(Protocol):
    """What of a scenario is shown; `scenario.Scenario` says what each is."""

    @property
    def pairs(self) -> Sequence[tuple[str, str]]:
        """Names of source and destination."""

    @property
    def network(self) -> Network:
        """Of the event loops."""

    @property
    def service(self) -> Service | None:
        """How requests may be served."""

    @property
    def failure(self) -> object | None:
        """Of links."""

    @property
    def planes(self) -> Sequence[Any]:
        """Each with `slots`."""

    @property
    def candidates(self) -> Any:
        """With `hops`, int32[path]."""

    @property
    def lightpaths(self) -> Any:
        """With `bit_rates_gbps`, float64[bit rate]."""

    @property
    def traffic(self) -> Any:
        """With `mean_holding_time`."""

    @property
    def slots_per_link(self) -> int:
        """Slots of one link over all cores and bands."""


def make_layout(
    scenario: Simulated,
    blocks: int,
    *,
    shows_holding: bool,
    observation: ObservationKind = "features",
    action_kind: ActionKind = "blocks",
    own_size: int = 0,
) -> Layout:
    """Return the layout for a scenario."""
    return Layout(
        nodes=tuple(dict.fromkeys(name for pair in scenario.pairs for name in pair)),
        candidates=int(np.diff(scenario.network.first_path).max()),
        blocks=blocks,
        shows_holding=shows_holding,
        shows_quality=scenario.service is not None and scenario.service.quality is not None,
        shows_slices=scenario.service is not None and scenario.service.max_segments > 1,
        shows_failures=scenario.failure is not None,
        observation=observation,
        action_kind=action_kind,
        slots=scenario.slots_per_link,
        own_size=own_size,
    )


def make_view(scenario: Simulated, layout: Layout) -> View:
    """Return what the compiled loop needs to write observations in this layout."""
    number = {name: index for index, name in enumerate(layout.nodes)}
    slots = [plane.slots for plane in scenario.planes]
    longest = LONGEST * scenario.traffic.mean_holding_time
    return View(
        ends=np.array([[number[name] for name in pair] for pair in scenario.pairs], dtype=np.int32),
        bit_rate=scenario.lightpaths.bit_rates_gbps / scenario.lightpaths.bit_rates_gbps.max(),
        hops=scenario.candidates.hops / scenario.candidates.hops.max(),
        offset=np.cumsum([0, *slots]),
        nodes=len(layout.nodes),
        candidates=layout.candidates,
        blocks=layout.blocks,
        largest=max(slots),
        longest=longest if layout.shows_holding else 0.0,
        share=(np.arange(sum(slots) + 1) / sum(slots)).astype(np.float32),
        part=(np.arange(max(slots) + 1) / max(slots)).astype(np.float32),
        survey=make_survey(scenario.network),
    )


def make_block_view_of(scenario: Simulated, layout: Layout) -> BlockView:
    """Return what the compiled loop needs to write observations of the kind `blocks` in this layout."""
    lightpaths = scenario.lightpaths
    return make_block_view(
        scenario.network,
        lightpaths.bit_rates_gbps,
        lightpaths.bit_rates_gbps[lightpaths.rate_of_column],
        (layout.head, layout.of_loop.path_size, layout.path_size),
        np.cumsum([0, *(plane.slots for plane in scenario.planes)]),
    )
