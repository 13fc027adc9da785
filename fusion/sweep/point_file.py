"""Points as text, with all that they compute with: for another process, here or on another machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from fusion.config.config import Config
from fusion.network.modulation_tables import ModulationTable
from fusion.network.topology import Topology
from fusion.results.files import write_atomic
from fusion.scenario.agent.source import AgentSource
from fusion.scenario.inputs import Inputs
from fusion.scenario.policy.source import PolicySource
from fusion.sweep.points import Point, make_point

_TOPOLOGY, _MODULATION = TypeAdapter(Topology), TypeAdapter(ModulationTable)
_POLICY = TypeAdapter(PolicySource)


def write_points(path: Path, points: Sequence[Point], metric: str) -> None:
    """Write points, and what the stopping rule looks at. Raises OSError."""
    write_atomic(path, to_text(points, metric).encode())


def read_points(path: Path) -> tuple[list[Point], str]:
    """Return points and metric of a file of `write_points`. Raises ValueError, OSError."""
    return from_text(path.read_text(encoding="utf-8"))


def to_text(points: Sequence[Point], metric: str) -> str:
    """Return points and metric as JSON; inputs that several points share are in it once."""
    inputs = {id(point.inputs): point.inputs for point in points}
    places = {each: place for place, each in enumerate(inputs)}
    return json.dumps(
        {
            "metric": metric,
            "inputs": [_to_record(each) for each in inputs.values()],
            "points": [
                {
                    "key": point.key,
                    "axes": dict(point.axes),
                    "config": point.config.model_dump(mode="json"),
                    "inputs": places[id(point.inputs)],
                }
                for point in points
            ],
        }
    )


def from_text(text: str) -> tuple[list[Point], str]:
    """Return points and metric from what `to_text` returned.

    Raises ValueError, KeyError or TypeError for what is not such a text, and ValueError for a point that is
    another one to this version of the program: its outcomes would be filed under a wrong key.
    """
    record = json.loads(text)
    inputs = [_from_record(each) for each in record["inputs"]]
    points = []
    for each in record["points"]:
        config = Config.model_validate(each["config"])
        point = make_point(config, inputs[each["inputs"]], each["axes"])
        if point.key != each["key"]:
            raise ValueError(
                f"point {each['key'][:12]} has the key {point.key[:12]} here: it comes from another version "
                "of this package, which would give other results"
            )
        points.append(point)
    return points, str(record["metric"])


def _to_record(inputs: Inputs) -> dict[str, Any]:
    matrix = inputs.traffic_matrix
    return {
        "topology": _TOPOLOGY.dump_python(inputs.topology, mode="json"),
        "modulation": _MODULATION.dump_python(inputs.modulation, mode="json"),
        "traffic_matrix": None if matrix is None else matrix.tolist(),
        "paths": None if inputs.paths is None else sorted(inputs.paths.items()),
        "policy": None if inputs.policy is None else inputs.policy._replace(folder=""),
        **({} if inputs.agent is None else {"agent": _agent_record(inputs.agent)}),
    }


def _from_record(record: dict[str, Any]) -> Inputs:
    matrix, paths, policy = (record[name] for name in ("traffic_matrix", "paths", "policy"))
    return Inputs(
        _TOPOLOGY.validate_python(record["topology"]),
        _MODULATION.validate_python(record["modulation"]),
        None if matrix is None else np.array(matrix, dtype=np.float64),
        None if paths is None else {tuple(pair): tuple(map(tuple, of)) for pair, of in paths},
        None if policy is None else _checked(policy),
        agent=_agent(record["agent"]) if "agent" in record else None,
    )


def _agent_record(agent: AgentSource) -> dict[str, str]:
    from fusion.scenario.agent.file import to_record  # here: it takes its time

    return to_record(agent)


def _agent(record: Any) -> AgentSource:
    from fusion.scenario.agent.file import from_record  # here: it takes its time

    return from_record(record)


def _checked(record: Any) -> PolicySource:
    """Return the source of a policy, if it can do nothing but choose. Raises ValueError."""
    from fusion.scenario.policy.file import checked  # here: it takes its time

    return checked(_POLICY.validate_python(record))
