"""How near policies come to the bounds, on ten networks: `python -m validation.bounds_study --to DIR`.

For each network the load at which 0.1 % of the requests are blocked, by each policy, and the load at which
the bounds reach 0.1 %. DIR/loads.jsonl has a line for each load that was found; what is there is not computed
again. DIR/table.md and DIR/shares.png are made from it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from fusion.config.config import Config, load_config
from fusion.results.files import write_atomic
from fusion.results.load_finder import find_load
from fusion.scenario.inputs import Inputs, read_inputs
from fusion.scenario.scenario import make_scenario
from fusion.simulation.bounds.bounds import Bounds, load_at_bound
from fusion.simulation.replication import replicate
from fusion_flows.pictures.files import save
from fusion_flows.pictures.style import GREY, LOOKS, PAGE, STYLE

NETWORKS = (
    *("nsfnet_deeprmsa", "cost239_deeprmsa", "fusion_dt_network", "fusion_japan12"),
    *("fusion_metro_net", "fusion_pan_european", "fusion_usnet", "usnet_gcnrnn"),
    *("fusion_spainbackbone30", "jpn48_12576km"),
)
POLICIES: dict[str, dict[str, dict[str, object]]] = {
    "SP-FF": {"general_settings": {"route_method": "shortest_path"}},
    "KSP-FF": {},
    "FF-KSP": {"routing_settings": {"path_choice": "all"}},
    "least congested": {"general_settings": {"route_method": "least_congested"}},
}
TARGET = 1e-3
LONG_RUN, CLAIRVOYANT, COUNTED = "long run", "clairvoyant", "slots counted"


def settings_of(network: str, changes: dict[str, dict[str, object]]) -> Config:
    """Return the template quick on another network, with a policy."""
    sections: dict[str, dict[str, object]] = {
        "topology_settings": {"network": network},
        "general_settings": {"num_requests": 20_000},
    }
    for section, values in changes.items():
        sections[section] = {**sections.get(section, {}), **values}
    return load_config("quick", sections)


def searched(
    simulate: Callable[[float, int], tuple[int, int]], lowest: float, highest: float
) -> dict[str, Any]:
    """Return load, ci_lower and ci_upper at which what is simulated blocks as much as the target."""
    found = find_load(
        simulate,
        TARGET,
        lowest=lowest,
        highest=highest,
        relative_precision=0.02,
        max_requests=2e7,
    )
    names = ("load", "ci_lower", "ci_upper", "status")
    return {name: getattr(found, name) for name in names}


def of_policy(config: Config, inputs: Inputs, lowest: float, highest: float) -> dict[str, Any]:
    """Return the load of a policy."""
    scenario = make_scenario(config, inputs)

    def simulate(load: float, replication: int) -> tuple[int, int]:
        done = replicate(scenario, load, replication, config.warmup_requests(load))
        return int(done.traffic.blocked.sum()), done.requests

    return searched(simulate, lowest, highest)


def study(folder: Path) -> list[dict[str, Any]]:
    """Compute what is missing, and return a row for each network and policy or bound."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "loads.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    known = {(row["network"], row["of"]): row for row in rows}

    def keep(network: str, of: str, found: dict[str, Any]) -> dict[str, Any]:
        row = {"network": network, "of": of, **found}
        known[network, of] = row
        with file.open("a") as lines:
            lines.write(json.dumps(row) + "\n")
        print(row, flush=True)
        return row

    for network in NETWORKS:
        config = settings_of(network, {})
        inputs = read_inputs(config, quiet=True)
        bounds = Bounds(config, inputs)

        def long_run(load: float, bounds: Bounds = bounds) -> float:
            return bounds.long_run(load, bounds.resources(load))

        row = known.get((network, LONG_RUN))
        if row is None:
            high = 50.0
            while long_run(high) < TARGET:
                high *= 1.5
            load = load_at_bound(long_run, TARGET, high / 1.5, high)
            row = keep(network, LONG_RUN, {"load": load, "ci_lower": load, "ci_upper": load})
        most = row["load"]
        for of, bound in (
            (CLAIRVOYANT, bounds.clairvoyant_blocked),
            (COUNTED, bounds.counted_blocked),
        ):
            if (network, of) not in known:
                keep(network, of, searched(bound, 0.3 * most, 2.0 * most))
        for policy, changes in POLICIES.items():
            if (network, policy) not in known:
                own = settings_of(network, changes)
                keep(network, policy, of_policy(own, inputs, 0.05 * most, 1.1 * most))
    return [known[network, of] for network in NETWORKS for of in (*BOUNDS, *POLICIES)]


BOUNDS = (LONG_RUN, CLAIRVOYANT, COUNTED)


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table in markdown: loads, and those of policies as a share of the lower of the bounds."""
    head = ("network", *(f"{name} (E)" for name in BOUNDS), *POLICIES)
    lines = [head, ("---", *["---:"] * (len(head) - 1))]
    for network in dict.fromkeys(row["network"] for row in rows):
        of = {row["of"]: row for row in rows if row["network"] == network}
        bound = min(of[LONG_RUN]["load"], of[CLAIRVOYANT]["load"])
        cells = [network, f"{of[LONG_RUN]['load']:.0f}"]
        cells += [_in_erlang(of[name]) for name in BOUNDS[1:]]
        cells += [_share(of[name], bound) for name in POLICIES]
        lines.append(tuple(cells))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def figure(rows: list[dict[str, Any]]) -> Figure:
    """Return a picture of the loads over the lower of the bounds, a row for each network."""
    networks = list(dict.fromkeys(row["network"] for row in rows))
    with matplotlib.rc_context(STYLE):
        drawn = Figure(figsize=(PAGE, 3.6), layout="constrained")
        place = drawn.subplots()
        place.axvspan(100.0, 110.0, color=GREY, alpha=0.45, linewidth=0.0)
        for look, name in zip(LOOKS, (*POLICIES, COUNTED), strict=False):
            shares, errors = [], []
            for network in networks:
                of = {row["of"]: row for row in rows if row["network"] == network}
                bound = min(of[LONG_RUN]["load"], of[CLAIRVOYANT]["load"])
                load, lower, upper = (
                    100.0 * of[name][key] / bound for key in ("load", "ci_lower", "ci_upper")
                )
                shares.append(load)
                errors.append((load - lower, upper - load))
            place.errorbar(
                shares,
                range(len(networks)),
                xerr=list(zip(*errors, strict=True)),
                label="slots only counted (no bound)" if name == COUNTED else name,
                color=look.color,
                marker=look.marker,
                linestyle="none",
                markersize=4.5,
                elinewidth=1.0,
            )
        place.set_yticks(range(len(networks)), networks)
        place.invert_yaxis()
        place.set_xlim(0.0, 110.0)
        place.set_xlabel("Load at 0.1 % blocking, % of the load at which no policy can block less")
        place.grid(axis="x", linewidth=0.4, alpha=0.5)
        drawn.legend(loc="outside lower center", ncols=5, frameon=False)
    return drawn


def _in_erlang(row: dict[str, Any]) -> str:
    load, lower, upper = (row[name] for name in ("load", "ci_lower", "ci_upper"))
    return f"{load:.0f} ({lower:.0f} to {upper:.0f})"


def _share(row: dict[str, Any], bound: float) -> str:
    load, lower, upper = (100.0 * row[name] / bound for name in ("load", "ci_lower", "ci_upper"))
    return f"{load:.0f} % ({lower:.0f} to {upper:.0f})" if math.isfinite(load) else row["status"]


def main() -> None:
    """Compute the study, and write its table and its picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--to", type=Path, default=Path("build/bounds"))
    folder = parser.parse_args().to
    rows = study(folder)
    write_atomic(folder / "table.md", table(rows).encode())
    save(figure(rows), folder, "shares", ("png", "svg"), dpi=160)
    print(table(rows))


if __name__ == "__main__":
    main()
