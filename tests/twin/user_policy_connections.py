"""A slow twin of the loop for connections with a policy of the user's, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fusion.config.config import Config
from fusion.kernel.arrays import Network
from fusion.kernel.records import Service
from fusion.kernel.request import BLOCKED, Facts, Request, gsnr_db, is_free, meets_quality, width
from fusion.network.quality_file import QualityTable
from fusion.scenario.policy.build import build
from fusion.scenario.policy.source import PolicySource
from fusion.scenario.scenario import Scenario
from tests.twin.connections import Connection, ConnectionTwin, Lightpath
from tests.twin.quality import QualityTwin
from tests.twin.twin import Choice
from tests.twin.user_policies import free_words


class UserPolicyConnectionTwin(ConnectionTwin):
    """The twin whose lightpaths a policy chooses, on what the twin's own sets say is free."""

    def __init__(
        self,
        network: Network,
        service: Service,
        facts: Facts,
        source: PolicySource,
        path_choice: str = "in_order",
    ) -> None:
        super().__init__(network, service, "", path_choice)
        self.choose_with(network, facts, build(source))

    def choose_with(self, network: Network, facts: Facts, choose: Callable[..., Any]) -> None:
        self._network, self._facts, self._choose = network, facts, choose

    def _serve(self, connection: Connection, pair: int, bit_rate: int) -> None:
        self._ranked = super()._ordered(pair)
        super()._serve(connection, pair, bit_rate)

    def _ordered(self, pair: int) -> list[int]:
        # Slices are tried once, and not on one path after another.
        return self._ranked[:1]

    def _order(self) -> np.ndarray | None:
        if self._path_choice == "in_order":
            return None
        return np.array(self._ranked, dtype=np.int32)

    def ask(self, connection: Connection, column: int, left: int, formats: int) -> Choice | None:
        """Return what the policy chooses; the path is its place among those that it sees."""
        pair, candidates = connection.pair, self._ranked
        gbps = float(self._facts.bit_rate_gbps[column]) or left / 1e6
        words = free_words(self._network, self.spectrum.free)
        chosen = self._choose(
            Request(
                source=int(self._facts.source[pair]),
                destination=int(self._facts.destination[pair]),
                bit_rate_gbps=gbps,
                arrival_time=connection.arrival,
                holding_time=self._holding,
                paths=len(candidates) * formats,
                planes=self.spectrum.planes,
                formats=formats,
                random=self._tie,
                first_path=self.spectrum.candidates[pair].start,
                order=self._order(),
                column=column,
                free=words,
                network=self._network_now(),
                facts=self._facts,
                quality=self.service.quality,
                state=None,
            )
        )
        return None if chosen == BLOCKED else Choice(*chosen)

    def _network_now(self) -> Network:
        """Return the network, on which nothing fits on paths that are down."""
        width = self._network.width[self._network.width_row]
        width[[self.spectrum.fails(path) for path in range(len(width))]] = 0
        rows = np.arange(len(width), dtype=np.int32)
        return self._network._replace(width=width, width_row=rows)

    def _place(self, connection: Connection, path: int, column: int, left: int) -> int:
        chosen = self.ask(connection, column, left, 1)
        if chosen is None:
            return 0
        number = self._ranked[chosen.path]
        return self._set_up([chosen._replace(path=number)], connection, column, left)

    def _place_on_any(
        self, connection: Connection, pair: int, paths: list[int], column: int, left: int
    ) -> int:
        return self._place(connection, -1, column, left)

    def _set_up(self, choices: list[Choice], connection: Connection, column: int, left: int) -> int:
        tie, self._tie = self._tie, 0.0
        carried = super()._set_up(choices, connection, column, left)
        self._tie = tie
        return carried


class UserPolicyQualityTwin(UserPolicyConnectionTwin, QualityTwin):
    """The same with signal quality, which the policy may ask for."""

    def __init__(
        self,
        config: Config,
        scenario: Scenario,
        table: QualityTable | None,
        source: PolicySource,
        path_choice: str = "in_order",
    ) -> None:
        QualityTwin.__init__(self, config, scenario, table, "", path_choice)
        assert scenario.user_policy is not None
        assert scenario.service is not None
        assert scenario.service.quality is not None
        self._formats = scenario.service.quality.options.shape[1]
        answers = {meets_quality: self._meets_quality, gsnr_db: self._gsnr_db}
        self.choose_with(
            scenario.network, scenario.user_policy.facts, build(source, answers=answers)
        )
        self._asking: Connection | None = None

    def _way(self, request: Request, path: int) -> tuple[int, int]:
        number = self._ranked[path // self._formats]
        return number, self.options[request.column][path % self._formats]

    def _meets_quality(self, request: Request, path: int, plane: int, start: int) -> bool:
        if not is_free(request, path, plane, start, width(request, path)):
            return False
        number, column = self._way(request, path)
        return self._try(Choice(number, plane, start), column, self._asking) is not None

    def _gsnr_db(self, request: Request, path: int, plane: int, start: int) -> float:
        if not is_free(request, path, plane, start, width(request, path)):
            return -math.inf
        number, column = self._way(request, path)
        slots = self.spectrum.width[number][column]
        new = Lightpath(Choice(number, plane, start), slots, column, 0, 0.0)
        if self._table is not None and None in self._spots(new):
            return 0.0  # the file does not know it
        ratio = self.noise(new, [*self.live, new])
        return -10 * float(np.log10(ratio)) if ratio > 0 else math.inf

    def _place(self, connection: Connection, path: int, column: int, left: int) -> int:
        self._asking = connection
        chosen = self.ask(connection, column, left, self._formats)
        if chosen is None:
            return 0
        number = self._ranked[chosen.path // self._formats]
        one = self.options[column][chosen.path % self._formats]
        new = self._try(chosen._replace(path=number), one, connection)
        return self._add(connection, new, left)
