"""Configurations made of the examples of features, on a network of four nodes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import util
from pathlib import Path

import numpy as np

from fusion import make_scenario
from fusion.config.config import Config, ConfigError, Problem
from fusion.config.features import features_of, rows
from fusion.config.misfits import misfits
from fusion.config.sections import DEFAULTS, HOME
from fusion.config.variants import Variants
from fusion.scenario.inputs import InputReader, Inputs
from fusion.scenario.layout import make_layout
from fusion.scenario.read_keys import Memory

NODES = "ABCD"
LINKS = {"AB": 100, "BC": 100, "CD": 100, "DA": 100, "AC": 150}
HAS_GNPY = util.find_spec("gnpy") is not None
FILES = {
    "my_policy.py": "from fusion.request import BLOCKED\n\n\ndef choose(request):\n    return BLOCKED\n",
    "my_paths.csv": "A,B\nA,C,B\nA,C\nA,D\nB,C\nB,A,D\nC,D\n",
    "my_matrix.csv": "".join(
        ",".join("01"[row != column] for column in NODES) + "\n" for row in NODES
    ),
    "my_quality.csv": "source,destination,path,band,slot,gsnr_db\nA,B,1,c,0,20\n",
    "network.txt": "".join(f"{a}\t{b}\t{km}\n" for (a, b), km in LINKS.items()),
    "my_gnpy_network.json": "",
    "my_equipment.json": "",
}
AGENT = "my_agent.safetensors"
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


def gnpy_network(links: Mapping[str, float] = LINKS) -> str:
    """Return a topology of GNPy with a fibre in each direction of some links."""
    nodes = sorted(set("".join(links)))
    beside = [(f"trx {node}", f"roadm {node}") for node in nodes]
    elements = [
        {"uid": uid, "type": kind}
        for both in beside
        for uid, kind in zip(both, ("Transceiver", "Roadm"), strict=True)
    ]
    steps = [(x, y) for both in beside for x, y in (both, both[::-1])]
    for (one, other), km in links.items():
        for a, b in ((one, other), (other, one)):
            fibre = {"length": km, "length_units": "km", "loss_coef": 0.2, "con_in": 0.5}
            uid = f"fiber {a}-{b}"
            params = {**fibre, "con_out": 0.5}
            elements.append({"uid": uid, "type": "Fiber", "type_variety": "SSMF", "params": params})
            steps += [(f"roadm {a}", uid), (uid, f"roadm {b}")]
    connections = [{"from_node": x, "to_node": y} for x, y in steps]
    return json.dumps({"elements": elements, "connections": connections})


def gnpy_equipment() -> str:
    """Return GNPy's library, with a name of its own for a transceiver."""
    from tests.gnpy_scene import examples

    library = json.loads((examples() / "eqpt_config.json").read_text(encoding="utf-8"))
    library["Transceiver"][-1]["type_variety"] = "my transceiver"
    return json.dumps(library)


class Bench:
    """Makes configurations of examples, with the files that they name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reader = InputReader(memory=Memory())
        for name, text in FILES.items():
            (folder / name).write_text(text)
        if HAS_GNPY:
            (folder / "my_gnpy_network.json").write_text(gnpy_network())
            (folder / "my_equipment.json").write_text(gnpy_equipment())
        self._variants = Variants("default", self._sections(BASE))

    def config(self, example: Example) -> Config:
        changes = {key: self._value(value) for key, value in example.items()}
        if changes.get("policy") == AGENT:
            changes["policy"] = str(self._agent(example))
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

    def _agent(self, example: Example) -> Path:
        """Write an agent that fits what it goes with."""
        from fusion.scenario.agent.file import agent_content
        from tests.agent.networks import Dense, mlp_graph

        try:
            unused = ("policy", "path_choice", "allocation_method")  # where an agent decides
            config = self.config({key: each for key, each in example.items() if key not in unused})
            layout = make_layout(make_scenario(config, self.inputs(config)), 1, shows_holding=False)
            size, actions = layout.size, layout.actions
        except ConfigError:  # there is none
            size, actions = 10, 2
        weight, bias = np.ones((size, actions)), np.zeros(actions)
        path = self._folder / f"agent_{size}_{actions}.safetensors"
        path.write_bytes(agent_content(".safetensors", mlp_graph([], Dense(weight, bias)), None))
        return path

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
