"""What the original FUSION counts in an iteration, under its names: an entry of `iter_stats`.

Lists that grow from one iteration to the next are left to `load_file`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fusion.kernel.fusion_loop import LIGHTPATHS, PATH, PLACE, TRANSPONDERS
from fusion.network.slicing import PER_GBPS
from fusion.simulation.moments_as_fusion import NONE, described, in_cents, rounded

if TYPE_CHECKING:
    from fusion.scenario.conventions import Conventions
    from fusion.scenario.scenario import Scenario
    from fusion.simulation.trajectory_as_fusion import Trajectory


def iteration_record(
    scenario: Scenario, conventions: Conventions, found: Trajectory
) -> dict[str, Any]:
    """Return the counters of an iteration as JSON data."""
    outcome, requests = found.outcome, found.requests
    served = outcome[:, PATH] >= 0
    blocked = ~served
    rates = scenario.lightpaths.bit_rates_gbps
    by_rate = np.bincount(requests.bit_rate[blocked], minlength=len(rates))
    # Of requests that other lightpaths carry FUSION counts no more than that it has served them.
    lit = outcome[:, LIGHTPATHS] > 0
    path = outcome[lit, PATH]
    places = np.bincount(outcome[lit, PLACE], minlength=conventions.k_paths)
    transponders = outcome[lit, TRANSPONDERS].sum() / served.sum() if served.any() else 0.0
    lightpaths = _Lightpaths(scenario, conventions, found)
    links = {} if conventions.is_newer else link_usage(scenario, found)
    return {
        "snapshots_dict": {},
        "cores_dict": lightpaths.by_core(),
        "weights_dict": lightpaths.weights(),
        "mods_used_dict": lightpaths.formats(),
        "block_bw_dict": {
            _key(tier): int(by_rate[_index(rates, tier)]) if tier in rates else 0
            for tier in conventions.tiers
        },
        "demand_realization_ratio": _realized(scenario, conventions, found),
        "frag_dict": {},
        "lp_bw_utilization_dict": lightpaths.utilization(),
        "sim_lp_utilization_list": lightpaths.mean_utilization(),
        "block_reasons_dict": {
            reason: 0 if not blocked.any() else float(reason == conventions.reason)
            for reason in ("distance", "congestion", "xt_threshold")
        },
        "link_usage_dict": links,
        **rounded("trans", np.array([transponders])),
        **rounded("hops", scenario.candidates.hops[path].astype(float)),
        **rounded("lengths", np.round(scenario.candidates.length_km[path], 2)),
        **{f"route_times_{name}": 0.0 for name in ("mean", "min", "max")},
        **{f"xt_{name}": None for name in ("mean", "min", "max")},
        **rounded("snr", lightpaths.quality_of_requests()),
        **_slots(scenario, conventions, found),
        "bands_list": [],
        "modulation_list": [],
        "bandwidth_list": [],
        "path_index_list": places[: conventions.k_paths].tolist(),
        "protection_switchovers": 0,
        "protection_failures": 0,
        "failure_induced_blocks": 0,
        "switchover_times": [],
    }


def _slots(scenario: Scenario, conventions: Conventions, found: Trajectory) -> dict[str, list[int]]:
    """Return first and last slots of lightpaths, as FUSION numbers them, if it is to list them.

    The last is that of the lightpath without guard band, and one behind the guard slot with one.
    """
    if not conventions.lists_slots:
        return {"start_slot_list": [], "end_slot_list": []}
    start = found.lightpath[:, 3]
    width = found.made[:, 0] + scenario.lightpaths.guard_slots
    end = start + width - (0 if scenario.lightpaths.guard_slots else 1)
    return {"start_slot_list": start.tolist(), "end_slot_list": end.tolist()}


def link_usage(scenario: Scenario, found: Trajectory) -> dict[str, dict[str, float]]:
    """Return for each direction of each link its lightpaths and the traffic of requests that have ended.

    usage_count: lightpaths set up over it, those of slices that were given up among them. throughput: bit
    rate times holding time of the requests that had ended when the last lightpath was set up, in the order of
    their ends; over the path of the request, once for all its lightpaths.
    """
    requests, network = found.requests, scenario.network
    throughput = np.zeros(len(scenario.links))
    served = np.flatnonzero(found.outcome[:, PATH] >= 0)
    if len(served):
        departure = requests.arrival + requests.holding
        lit = np.flatnonzero(found.outcome[:, LIGHTPATHS] > 0)
        ended = served[departure[served] <= requests.arrival[lit[-1]]]
        ended = ended[np.argsort(departure[ended], kind="stable")]
        path = found.outcome[ended, PATH]
        gbps = scenario.lightpaths.bit_rates_gbps[requests.bit_rate[ended]]
        traffic = gbps * (departure[ended] - requests.arrival[ended])
        hops = scenario.candidates.hops[path]
        first = np.repeat(network.first_hop[path] - np.cumsum(hops) + hops, hops)
        links = network.links[first + np.arange(len(first))]
        np.add.at(throughput, links, np.repeat(traffic, hops))
    usage = {}
    for (a, b), count, sent in zip(
        scenario.links, found.setups.tolist(), throughput.tolist(), strict=True
    ):
        usage[f"{a}-{b}"] = usage[f"{b}-{a}"] = {"usage_count": count, "throughput": sent}
    return usage


class _Lightpaths:
    """Lightpaths by bit rate, format, band and core. Arrays are [lightpath]."""

    def __init__(self, scenario: Scenario, conventions: Conventions, found: Trajectory) -> None:
        self._request, path, plane, _, _ = found.lightpath.T
        self._conventions = conventions
        self._bands = list(dict.fromkeys(plane.band for plane in scenario.planes))
        self._band = np.array([self._bands.index(each.band) for each in scenario.planes])[plane]
        self._core = np.array([each.core for each in scenario.planes])[plane]
        _, self._format, rate = found.made.T
        self._names = scenario.lightpaths.formats
        self._rate = scenario.lightpaths.bit_rates_gbps[rate]
        self._weight, self._hops = (
            found.weight[self._request],
            scenario.candidates.hops[path].astype(float),
        )
        # As Python rounds, which matters for costs alone.
        self._cents = np.array([round(weight, 2) for weight in self._weight.tolist()])
        # Where nothing is measured, every lightpath has one user, which has all of it.
        self._use = np.full(len(path), 100.0)
        self._quality = None
        if found.measured is not None:
            self._use = np.round(found.measured[:, 1], 2)
            if conventions.has_quality:
                self._quality = found.measured[:, 0]

    def by_core(self) -> dict[str, int]:
        count = np.bincount(self._core, minlength=self._conventions.cores)
        return {str(core): int(number) for core, number in enumerate(count)}

    def weights(self) -> dict[str, Any]:
        return {
            _key(tier): {name: described(self._cents[self._of(tier, name)]) for name in names}
            for tier, names in self._tables()
        }

    def quality_of_requests(self) -> NDArray[np.float64]:
        """Return the mean signal quality in dB of the lightpaths of each request that has some."""
        if self._quality is None:
            return np.zeros(0)
        count = np.bincount(self._request)
        total = np.bincount(self._request, self._quality)
        return np.asarray(total[count > 0] / count[count > 0])

    def formats(self) -> dict[str, Any]:
        """Return counts by bit rate and format, and by format and band with lengths and hops."""
        found: dict[str, Any] = {}
        for tier, names in self._tables():
            found[_key(tier)] = {name: int(self._of(tier, name).sum()) for name in names}
            for name in names:
                if name not in found:
                    found[name] = self._one_format(name)
        return found

    def _one_format(self, name: str) -> dict[str, Any]:
        mine = self._format == self._names.index(name)
        by_band = {band: mine & (self._band == number) for number, band in enumerate(self._bands)}
        groups = {"overall": mine} | by_band
        quality, by_crosstalk = self._quality, self._conventions.by_crosstalk
        snr = {
            key: []
            if quality is None
            else in_cents(quality[group] if not by_crosstalk else quality[:0])
            for key, group in groups.items()
        }
        crosstalk = {
            key: quality[group].tolist() if quality is not None and by_crosstalk else []
            for key, group in groups.items()
        }
        return {
            "length": {key: in_cents(self._weight[group]) for key, group in groups.items()},
            "hop": {key: in_cents(self._hops[group]) for key, group in groups.items()},
            "snr": snr,
            "xt_cost": crosstalk,
            **{band: int(group.sum()) for band, group in by_band.items()},
        }

    def utilization(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            _key(tier): {
                band: {
                    str(core): in_cents(
                        self._use[
                            (self._rate == tier) & (self._band == number) & (self._core == core)
                        ]
                    )
                    for core in range(self._conventions.cores)
                }
                for number, band in enumerate(self._bands)
            }
            for tier in self._conventions.tiers
        }
        return found | {"overall": in_cents(self._use)}

    def mean_utilization(self) -> list[float]:
        return [in_cents(self._use)["mean"]] if len(self._use) else []

    def _tables(self) -> zip[tuple[float, tuple[str, ...]]]:
        return zip(self._conventions.tiers, self._conventions.formats, strict=True)

    def _of(self, tier: float, name: str) -> NDArray[np.bool_]:
        of_format = self._format == self._names.index(name)
        return np.asarray((self._rate == tier) & of_format)


def _realized(scenario: Scenario, conventions: Conventions, found: Trajectory) -> dict[str, Any]:
    """Return the share of its bit rate that a request was given, by bit rate; only for service in part."""
    keys = ["overall", *map(_key, conventions.tiers)]
    if not conventions.partial:
        return {key: [] for key in keys}
    served = found.outcome[:, LIGHTPATHS] > 0
    asked = scenario.lightpaths.bit_rates_gbps[found.requests.bit_rate]
    ratio = 1.0 - found.unserved / PER_GBPS / asked
    groups = {"overall": served} | {
        _key(tier): served & (asked == tier) for tier in conventions.tiers
    }
    number = len(asked)
    of_group = {"overall": number} | {
        _key(tier): conventions.shares[tier] * number for tier in conventions.tiers
    }
    return {key: _ratios(ratio[group], of_group[key]) for key, group in groups.items()}


def _ratios(values: NDArray[np.float64], requests: float) -> Mapping[str, float | None]:
    if len(values) == 0:
        return dict(NONE)
    full = int((values == 1.0).sum())
    found = described(values)
    return {
        "mean": round(float(values.mean()), 2),
        "std": found["std"] if found["std"] is None else round(found["std"], 2),
        "min": float(values.min()),
        "max": float(values.max()),
        "num_full_served": full,
        "ratio_full_served": full / requests if requests > 0 else 0,
    }


def _index(rates: NDArray[np.float64], rate: float) -> int:
    return int(np.flatnonzero(rates == rate)[0])


def _key(rate: float) -> str:
    return f"{rate:g}"
