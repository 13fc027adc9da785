"""The operating points of tests/data as scenarios: a shipped template with the point's own values."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from fusion import load_config, make_scenario, read_inputs
from fusion.scenario.scenario import Scenario

DATA = Path(__file__).parents[1] / "tests" / "data"

_TEMPLATES = {
    "DeepRMSA": "deeprmsa",
    "GCN-RMSA": "gcn_rmsa",
    "MaskRSA": "maskrsa",
    "PtrNet-RSA": "ptrnet_rsa_40",
}
_DIRECTIONS = {
    "one spectrum per direction": "separate",
    "one spectrum for both directions": "shared",
}
_HOLDING = {
    "exponential": "exponential",
    "exponential, redrawn above twice the mean": "truncated_exponential",
}
_POLICIES = {"kspff": "in_order", "ffksp": "all"}


class SteadyPoint(NamedTuple):
    """A point of steady_points.csv: blocking with the half-width of its 95 % interval."""

    name: str
    template: str
    overrides: dict[str, dict[str, object]]
    load: float
    path_order: str
    blocking: float
    ci95: float


class IndependentPoint(NamedTuple):
    """The independent figures of published_points.csv; shares, not percent."""

    name: str
    template: str
    overrides: dict[str, dict[str, object]]
    load: float
    blocking: float
    ci95: float


def steady_points() -> list[SteadyPoint]:
    """Return the rows of steady_points.csv."""
    return [
        SteadyPoint(
            name=f"{row['slots']} slots, {row['load_erlang']} Erlang, {row['path_order'].split(',')[0]}, "
            f"{row['policy']}",
            template=f"nsfnet_{row['slots']}_slots",
            overrides={
                "routing_settings": {
                    "k_paths": int(row["k"]),
                    "path_order": row["path_order"].split(",")[0],
                    "path_choice": _POLICIES[row["policy"]],
                },
                "topology_settings": {
                    "network": row["topology"],
                    "link_directions": _DIRECTIONS[row["links"]],
                },
                "traffic_settings": {"holding_distribution": _HOLDING[row["holding"]]},
            },
            load=float(row["load_erlang"]),
            path_order=row["path_order"].split(",")[0],
            blocking=float(row["blocking"]),
            ci95=float(row["ci95"]),
        )
        for row in _rows("steady_points.csv")
    ]


def independent_points() -> list[IndependentPoint]:
    """Return the rows of published_points.csv."""
    return [
        IndependentPoint(
            name=f"{row['setting']}, {row['load_erlang']} Erlang, {row['path_order']}",
            template=_TEMPLATES[row["setting"]],
            overrides={
                "routing_settings": {"k_paths": int(row["k"]), "path_order": row["path_order"]},
                "topology_settings": {
                    "network": row["topology"],
                    "link_directions": _DIRECTIONS[row["links"]],
                },
                "spectrum_settings": {"c_band": int(row["slots"])},
                "traffic_settings": {"holding_distribution": _HOLDING[row["holding"]]},
            },
            load=float(row["load_erlang"]),
            blocking=float(row["independent_blocking_pct"]) / 100.0,
            ci95=float(row["independent_ci95_pct"]) / 100.0,
        )
        for row in _rows("published_points.csv")
    ]


def scenario_of(
    point: SteadyPoint | IndependentPoint, num_requests: int, **routing: object
) -> Scenario:
    """Return the scenario of a point.

    num_requests: measured ones of each replication. routing: further keys of routing_settings.
    """
    overrides = {
        **point.overrides,
        "routing_settings": {**point.overrides["routing_settings"], **routing},
        "general_settings": {"num_requests": num_requests},
    }
    config = load_config(point.template, overrides)
    return make_scenario(config, read_inputs(config))


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="") as file:
        return list(csv.DictReader(file))
