"""What the conventions make of a config that takes the loop which follows FUSION step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusion.config.config import Config
from fusion.config.limits_as_fusion import TABLED
from fusion.kernel.arrays import Floats, Int32s, Network
from fusion.kernel.fusion_full import (
    CARRIED,
    CHANNELS,
    EQUAL,
    FIRST,
    GROOMS,
    GROUP,
    MAX_SEGMENTS,
    ROUTE,
    SLICING,
    SLOTS,
    TIERS,
    UNEQUAL,
    Diary,
    Live,
    Rules,
)
from fusion.kernel.fusion_full_quality import PLANCK
from fusion.network.cores import LAYOUTS, adjacency
from fusion.network.formats_as_fusion import BY_LENGTH, by_reach, entries_of
from fusion.network.modulation import value_of
from fusion.network.modulation_tables import Entry, ModulationTable
from fusion.network.paths import PathTable
from fusion.network.topology import load_topology
from fusion.scenario.full_needs_as_fusion import has_table_of_paths, slicing_of
from fusion.scenario.service_as_fusion import NEVER_SLICED

ORDER = ("64-QAM", "32-QAM", "16-QAM", "8-QAM", "QPSK", "BPSK")
"""In which FUSION's newer slicing tries formats."""

_SNR_DB = 8.5
_SPAN_M = 100e3
_RAMAN_AND_DISPERSION = (0.028e-15, -22.6e-27, 0.14e-39)
_FIRST_HZ = {"c": 3e8 / 1565e-9, "l": 3e8 / 1620e-9}
_EMISSION = {"c": 1.77, "l": 1.99}
_KINDS = {"None": 0, "xt_calculation": 1, "snr_calc_nli": 2, "gsnr": 3}
_SLICING = {"none": 0, "equal": EQUAL, "unequal": UNEQUAL, "channels": CHANNELS, "tiers": TIERS}
_TWO_BANDS = 4
"""Models of signal quality, as in `Rules.number`."""

_Tries = list[tuple[int, int]]
"""Format and width, in order."""


def make_rules(
    config: Config,
    table: ModulationTable,
    paths: PathTable,
    network: Network,
    links_km: Sequence[float],
    planes: Sequence[tuple[int, str, int]],
) -> Rules:
    """Return the arrays of the loop. planes: core, band and slots, in order of search."""
    k_paths = config.compatibility_settings.k_paths_in_file or config.routing_settings.k_paths
    general, snr = config.general_settings, config.snr_settings
    requested = list(config.bit_rate_shares)
    tiers = sorted((rate for rate, _ in table.bit_rates), reverse=True)
    rows, row = _rows(config, table, paths, requested, tiers)
    group, route = _groups(paths)
    bands = list(dict.fromkeys(band for _, band, _ in planes))
    width = np.zeros((len(tiers), len(table.formats)), dtype=np.int32)
    for index, rate in enumerate(tiers):
        for entry in entries_of(table, rate):
            width[index, entry.format] = entry.slots
    kind = _KINDS[snr.snr_type]
    if snr.snr_type == "gsnr" and len(bands) > 1:
        kind = _TWO_BANDS
    needed = snr.requested_xt if snr.snr_type == "xt_calculation" else snr.snr_thresholds
    return Rules(
        pair=_columns(network.first_path, [*group, 0]),
        path=_columns(network.first_hop, [*route, 0], [*row, 0]),
        links=network.links,
        cost=_costs(paths),
        link_km=np.array(links_km, dtype=np.float64),
        tries=_padded([each[: len(requested)] for each in rows]),
        any_format=_any_format(table, requested),
        rate=np.column_stack([requested, _sliced(config, requested)]).astype(np.int64),
        tier=np.array(tiers, dtype=np.int64),
        slices=_padded([each[len(requested) :] for each in rows]),
        width=width,
        plane=np.array(
            [(core, bands.index(band), slots) for core, band, slots in planes], np.int32
        ),
        number=np.array(
            [
                k_paths,
                general.guard_slots,
                general.max_segments,
                _SLICING[slicing_of(config)],
                general.can_partially_serve,
                general.is_grooming_enabled,
                general.fixed_grid,
                general.route_method == "cong_aware",
                kind,
                snr.egn_model,
                snr.xt_noise,
            ],
            dtype=np.int64,
        ),
        of_format=np.column_stack(
            [_by_format(each, table) for each in (needed, general.channel_capacity, snr.phi)]
        ),
        of_plane=np.array(
            [(_FIRST_HZ.get(band, 0.0), _EMISSION.get(band, 0.0)) for _, band, _ in planes]
        ),
        beside=_beside(config.topology_settings.cores_per_link),
        constants=_constants(config),
    )


def _columns(*columns: ArrayLike) -> Int32s:
    return np.column_stack(columns).astype(np.int32)


def _costs(paths: PathTable) -> Floats:
    """Return float64[path, 2]: km, and km / km of the longest path of the pair."""
    km = np.asarray(paths.length_km, dtype=np.float64)
    candidates = np.diff(paths.first_path)
    longest = np.zeros(len(candidates))
    pair = np.repeat(np.arange(len(candidates)), candidates)
    np.maximum.at(longest, pair, km)
    return np.column_stack([km, km / longest[pair]])


def _sliced(config: Config, requested: Sequence[float]) -> NDArray[np.bool_]:
    newer = config.compatibility_settings.conventions == "fusion_orchestrator"
    return np.array([newer or rate != NEVER_SLICED for rate in requested])


def _rows(
    config: Config,
    table: ModulationTable,
    paths: PathTable,
    requested: Sequence[float],
    tiers: Sequence[float],
) -> tuple[list[list[_Tries]], Int32s]:
    """Return for each kind of path what is tried for each bit rate, and int32[path], the kind of each."""
    tabled = None
    if has_table_of_paths(config):
        core = load_topology(TABLED, core_nodes_only=True).endpoints
        tabled = set(core)
    candidates = np.diff(paths.first_path)
    pairs = np.repeat(np.asarray(paths.pairs), candidates, axis=0).tolist()
    found: dict[tuple[object, ...], int] = {}
    rows: list[list[_Tries]] = []
    which = np.empty(len(pairs), dtype=np.int32)
    alone, slices = _alone(config, table), _of_slices(config, table)
    limits = sorted({entry.reach_km for _, entries in table.bit_rates for entry in entries})
    for path, (ends, km) in enumerate(
        zip(pairs, np.asarray(paths.length_km).tolist(), strict=True)
    ):
        there = tabled is None or tabled.issuperset(ends)
        key = (there, int(np.searchsorted(limits, km)))
        if key not in found:
            found[key] = len(rows)
            rows.append(
                [alone(rate, km) for rate in requested] + [slices(rate, km) for rate in tiers]
                if there
                else [[] for _ in (*requested, *tiers)]
            )
        which[path] = found[key]
    return rows, which


def _alone(config: Config, table: ModulationTable) -> Callable[[float, float], _Tries]:
    """Return what is tried for a request of a bit rate on a path of a length."""
    general = config.general_settings
    by_length = config.compatibility_settings.pre_calc_mod_selection
    congested, tabled = general.route_method == "cong_aware", has_table_of_paths(config)

    def tries(rate: float, km: float) -> _Tries:
        entries = by_reach(table, rate)
        if tabled:
            entries = entries[::-1]
        elif congested:
            # FUSION finds no format at all where it is to choose by length.
            chosen = _by_length(table, rate, km) or _named(table, rate)["QPSK"]
            entries = [] if by_length else [chosen]
        elif by_length:
            one = _by_length(table, rate, km)
            entries = [one] if one else []
        else:
            entries = [entry for entry in entries if entry.reach_km >= km]
        return _widths(entries, general.fixed_grid)

    return tries


def _of_slices(config: Config, table: ModulationTable) -> Callable[[float, float], _Tries]:
    """Return what is tried for a slice of a bit rate on a path of a length."""
    kind, fixed = slicing_of(config), config.general_settings.fixed_grid

    def tries(rate: float, km: float) -> _Tries:
        if kind == "equal":
            one = _by_length(table, rate, km)
            return _widths([one] if one else [], fixed)
        if kind == "unequal":
            named = _named(table, rate)
            order = [named[name] for name in ORDER if name in named]
            return _widths([entry for entry in order if entry.reach_km >= km], fixed)
        return _widths(by_reach(table, rate), one_slot=False)

    return tries


def _by_length(table: ModulationTable, rate: float, km: float) -> Entry | None:
    named = _named(table, rate)
    qpsk, qam_16, qam_64 = (named[name] for name in BY_LENGTH)
    if qam_16.reach_km < km <= qpsk.reach_km:
        return qpsk
    if qam_64.reach_km < km <= qam_16.reach_km:
        return qam_16
    return qam_64 if km <= qam_64.reach_km else None


def _named(table: ModulationTable, rate: float) -> dict[str, Entry]:
    return {table.formats[entry.format].name: entry for entry in entries_of(table, rate)}


def _widths(entries: Sequence[Entry], one_slot: bool) -> _Tries:
    return [(entry.format, 1 if one_slot else entry.slots) for entry in entries]


def _any_format(table: ModulationTable, requested: Sequence[float]) -> Int32s:
    """Return int32[bit rate, n]: the formats of each bit rate by reach, -1 behind the last."""
    formats = [[entry.format for entry in by_reach(table, rate)] for rate in requested]
    most = max(map(len, formats))
    padded = [[*each, *([-1] * (most - len(each)))] for each in formats]
    return np.array(padded, dtype=np.int32)


def _padded(rows: Sequence[Sequence[_Tries]]) -> Int32s:
    """Return int32[row, bit rate, n, 2]."""
    most = max((len(tries) for row in rows for tries in row), default=0)
    found = np.zeros((len(rows), len(rows[0]), max(1, most), 2), dtype=np.int32)
    for index, row in enumerate(rows):
        for rate, tries in enumerate(row):
            if tries:
                found[index, rate, : len(tries)] = tries
    return found


def _groups(paths: PathTable) -> tuple[Int32s, Int32s]:
    """Return int32[pair], the same for both directions, and int32[path], the same for the same links."""
    groups: dict[tuple[int, ...], int] = {}
    routes: dict[tuple[int, tuple[int, ...]], int] = {}
    group, route = [], []
    for pair, ends in enumerate(paths.pairs.tolist()):
        group.append(groups.setdefault((min(ends), max(ends)), len(groups)))
        for path in range(paths.first_path[pair], paths.first_path[pair + 1]):
            links = tuple(paths.links[paths.first_hop[path] : paths.first_hop[path + 1]].tolist())
            route.append(routes.setdefault((group[-1], min(links, links[::-1])), len(routes)))
    return np.array(group, dtype=np.int32), np.array(route, dtype=np.int32)


def _beside(cores: int) -> Int32s:
    """Return int32[core, 6]: the neighbours of each core, -1 behind the last or where they are not known."""
    beside = np.full((cores, 6), -1, dtype=np.int32)
    if cores in LAYOUTS:
        for core, others in enumerate(adjacency(cores)):
            near = np.flatnonzero(others)
            beside[core, : len(near)] = near
    return beside


def _constants(config: Config) -> Floats:
    """Return FUSION's figures of a fibre and its amplifiers, in the order of `fusion_full_quality`."""
    attenuation, kerr, dispersion = 0.2 / 4.343 * 1e-3, 1.3e-3, 21.3e-27
    crosstalk = 2 * 0.05 * 4.0e-4**2 / (4e6 * 4e-5)
    noise = PLANCK * 1.9341e14 * 1.8
    middle = (_FIRST_HZ["c"] + 6.0e12 + _FIRST_HZ["l"]) / 2
    return np.array(
        [
            *(attenuation, kerr, dispersion, _SPAN_M, 3.78e-9, crosstalk, _SNR_DB, noise),
            *(*_RAMAN_AND_DISPERSION, middle),
            config.topology_settings.bw_per_slot * 1e9,
            config.snr_settings.input_power,
        ]
    )


def _by_format(values: Mapping[str, float], table: ModulationTable) -> Floats:
    found = [value_of(values, each.name) for each in table.formats]
    return np.array([0.0 if value is None else value for value in found])


def new_live(rules: Rules, requests: int) -> Live:
    """Return the state of an empty network."""
    planes, links = len(rules.plane), len(rules.link_km)
    slots = rules.plane[:, SLOTS]
    candidates = int(np.diff(rules.pair[:, FIRST]).max(initial=1))
    # The operating system gives memory only to rows that are used, and freed rows are used again first.
    lightpaths = int(slots.sum()) * links + 1
    rates = rules.rate[:, 0]
    most = max(int(rates.max()), int(rules.of_format[:, CARRIED].max()))
    users = -(-most // int(rates.min())) if rules.number[GROOMS] else 1
    return Live(
        owner=np.zeros((planes, links, int(slots.max())), dtype=np.int32),
        busy=np.zeros(links, dtype=np.int64),
        order=np.empty(candidates, dtype=np.int32),
        score=np.empty(candidates),
        spare_on=np.zeros(int(rules.path[:, ROUTE].max()) + 1, dtype=np.int64),
        lightpath=np.empty((lightpaths, 11), dtype=np.int64),
        carried=np.empty(lightpaths),
        ends=np.full((int(rules.pair[:, GROUP].max()) + 1, 2), -1, dtype=np.int64),
        first_part=np.empty(requests, dtype=np.int32),
        part=np.empty((lightpaths * (users + 1), 4), dtype=np.int64),
        cursor=np.array([-1, 0, -1, 0, 0], dtype=np.int64),
    )


def new_diary(rules: Rules, requests: int) -> Diary:
    """Return an empty diary for so many requests."""
    records = requests * _most_lightpaths(rules)
    return Diary(
        outcome=np.zeros((requests, 7), dtype=np.int64),
        weight=np.zeros(requests),
        lightpath=np.empty((records, 8), dtype=np.int32),
        measured=np.empty((records, 4)),
        links=np.zeros((len(rules.link_km), 2), dtype=np.int64),
    )


def _most_lightpaths(rules: Rules) -> int:
    """Return how many lightpaths a request may take."""
    kind = rules.number[SLICING]
    if kind == 0:
        return 1
    least = rules.tier.min()
    if kind == CHANNELS:
        carried = rules.of_format[:, CARRIED]
        least = carried[carried > 0].min()
    most = int(np.ceil(rules.rate[:, 0].max() / least))
    return min(most, int(rules.number[MAX_SEGMENTS])) if kind in (EQUAL, UNEQUAL) else most
