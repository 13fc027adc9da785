"""Configurations made of the examples of features, on a network of four nodes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fusion import make_scenario
from fusion.config.config import Config, ConfigError, Problem
from fusion.config.features import features_of, rows
from fusion.config.misfits import misfits
from fusion.config.sections import DEFAULTS, HOME
from fusion.config.variants import Variants
from fusion.scenario.inputs import InputReader, Inputs
from fusion.scenario.read_keys import Memory

NODES = "ABCD"
FILES = {
    "my_policy.py": "from fusion.request import BLOCKED\n\n\ndef choose(request):\n    return BLOCKED\n",
    "my_paths.csv": "A,B\nA,C,B\nA,C\nA,D\nB,C\nB,A,D\nC,D\n",
    "my_matrix.csv": "".join(
        ",".join("01"[row != column] for column in NODES) + "\n" for row in NODES
    ),
    "my_quality.csv": "source,destination,path,band,slot,gsnr_db\nA,B,1,c,0,20\n",
    "network.txt": "A\tB\t100\nB\tC\t100\nC\tD\t100\nD\tA\t100\nA\tC\t150\n",
}
BASE = {
    "num_requests": 200,
    "max_iters": 20,
    "max_segments": 1,
    "cores_per_link": 1,
    "network": "network.txt",
    "c_band": 40,
    "erlang_start": 10,
    "erlang_stop": 10,
    "requested_xt": {"BPSK": -14, "QPSK": -18.5, "8-QAM": -21, "16-QAM": -25, "64-QAM": -34},
}
Example = Mapping[str, object]


class Bench:
    """Makes configurations of examples, with the files that they name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reader = InputReader(memory=Memory())
        for name, text in FILES.items():
            (folder / name).write_text(text)
        self._variants = Variants("default", self._sections(BASE))

    def config(self, example: Example) -> Config:
        changes = {key: self._value(value) for key, value in example.items()}
        return self._variants.config(self._variants.draft(changes))

    def inputs(self, config: Config) -> Inputs:
        return self._reader.read(config)

    def _sections(self, example: Example) -> dict[str, dict[str, object]]:
        sections: dict[str, dict[str, object]] = {}
        for key, value in example.items():
            sections.setdefault(HOME[key], {})[key] = self._value(value)
        return sections

    def _value(self, value: object) -> object:
        is_file = isinstance(value, str) and value.partition(":")[0] in FILES
        return str(self._folder / str(value)) if is_file else value

    def problems(self, example: Example, uses: tuple[str, ...] = ()) -> list[Problem]:
        """Return what is wrong with an example, also where it is used in certain ways."""
        try:
            config = self.config(example)
            make_scenario(config, self.inputs(config))
        except ConfigError as error:
            return error.problems
        return [problem for use in uses for problem in misfits(config, use)]


def on(values: Example) -> set[str]:
    return set(features_of({**DEFAULTS, **BASE, **values}))


def rows_of(values: Example, uses: tuple[str, ...]) -> list[tuple[str, ...]]:
    return rows({**DEFAULTS, **BASE, **values}, uses)
