"""The network of a run while it runs: how full its links are at the load that is being simulated."""

import json
import math
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusion.config.config import Config
from fusion.network.spectra import names_of_spectra, spectra_of
from fusion.results.line_file import LineFile
from fusion.results.statistics import probability_interval, student_t
from fusion.scenario.inputs import Inputs
from fusion_flows.report.results import Results
from fusion_flows.rundir.directory import RunDirectory

_LOOKED_AT = 20  # pairs with the largest ratios, of which one surely blocks most


class LiveNetwork:
    """Reads replications as they are finished, and draws the network with those of the newest load."""

    def __init__(self, run: RunDirectory, config: Config, inputs: Inputs) -> None:
        """run: what it writes is read from now on."""
        self._file = LineFile(run.output / "replications.jsonl")
        self._config = config
        self._inputs = inputs
        self._load: float | None = None
        self._count = 0
        """Replications of that load."""
        self._utilisation: NDArray[np.float64]
        """Sum over them, float64[link]."""
        self._sums: NDArray[np.float64]
        """Sums over them, float64[5, pair]: blocked, asked for, and their products with each other."""

    def draw(self, form: str, dots_per_inch: int) -> bytes:
        """Return the picture as svg or png, or nothing while there is no replication."""
        from fusion_flows.pictures.files import image  # here, as matplotlib is slow to load
        from fusion_flows.report.run_page import network_figure

        results = self.results()
        if results.load is None:
            return b""
        figure = network_figure(self._config, self._inputs, results, so_far=self._count)
        return image(figure, form, dots_per_inch)

    def results(self) -> Results:
        """Return links and the pairs that block most, at the newest load."""
        for line in self._file.lines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if "utilisation" not in record:  # the header: the file may have been written anew
                self._load = None
                continue
            if record["erlang"] != self._load:
                self._load, self._count = record["erlang"], 0
            self._add(record)
        if self._load is None:
            return Results([], [], [], None, [], [])
        return Results([], [], [], self._load, self._links(), self._pairs())

    def _add(self, record: dict[str, Any]) -> None:
        utilisation = np.array(record["utilisation"])
        blocked, asked = (np.array(record[name], float) for name in ("blocked", "requested"))
        sums = np.array([blocked, asked, blocked * blocked, blocked * asked, asked * asked])
        self._utilisation = utilisation + (self._utilisation if self._count else 0.0)
        self._sums = sums + (self._sums if self._count else 0.0)
        self._count += 1

    def _links(self) -> list[dict[str, Any]]:
        ends, _ = spectra_of(self._config, self._inputs.topology)
        names = names_of_spectra(self._config, self._inputs.topology)
        rows: list[dict[str, Any]] = [
            {
                "source": source,
                "destination": destination,
                "utilisation": float(total / self._count),
            }
            for (source, destination), total in zip(ends, self._utilisation, strict=True)
        ]
        for row, name in zip(rows, names, strict=False):
            row["link"] = name
        return rows

    def _pairs(self) -> list[dict[str, Any]]:
        nodes, endpoints = self._inputs.topology.nodes, self._inputs.topology.endpoints
        names = [(nodes[a], nodes[b]) for a, b in permutations(endpoints, 2)]
        ratio = self._sums[0] / np.maximum(self._sums[1], 1)
        rows = []
        for pair in np.argsort(-ratio, kind="stable")[:_LOOKED_AT]:
            lower, upper = self._interval(float(ratio[pair]), self._sums[:, pair])
            rows.append(
                {
                    "source": names[pair][0],
                    "destination": names[pair][1],
                    "blocked": int(self._sums[0, pair]),
                    "blocking_probability": float(ratio[pair]),
                    "blocking_probability_ci_lower": lower,
                    "blocking_probability_ci_upper": upper,
                }
            )
        return rows

    def _interval(
        self, ratio: float, sums: NDArray[np.float64]
    ) -> tuple[float, float] | tuple[None, None]:
        """Return the interval of a ratio as `fusion.results.statistics.blocking_estimate` does, from sums."""
        count = self._count
        _, asked, blocked_2, product, asked_2 = sums
        spread = float(blocked_2 - 2 * ratio * product + ratio * ratio * asked_2)
        if count < 2 or spread <= 0 or not 0 < ratio < 1:
            return None, None
        error = math.sqrt(spread / (count - 1) / count) / (float(asked) / count)
        confidence = self._config.statistics_settings.confidence
        return probability_interval(ratio, error, student_t(confidence, count - 1))
