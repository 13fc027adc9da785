"""Which signal quality lightpaths need, and what disturbs them: config and physics to arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusion.config.config import Config
from fusion.config.problems import show
from fusion.config.sections import NOISE_MODELS
from fusion.network.cores import LAYOUTS, adjacency
from fusion.network.formats import FormatOptions
from fusion.network.modulation import ModulationTable, value_of
from fusion.network.physics.crosstalk import mean_crosstalk, power_coupling
from fusion.network.physics.fibre import MULTI_BAND_FIBRE, Fibre, Grid, make_grid, span_count
from fusion.network.physics.gsnr import from_db, noise_tables
from fusion.network.physics.raman import factor_bytes, raman_factors
from fusion.network.propagation.neighbours import Neighbours
from fusion.network.quality_file import FromFile

if TYPE_CHECKING:
    from fusion.kernel.records import Quality

TABLES = ("snr_e2e_external_resources", "gnpy")
"""Values of snr_type that say which format works where, by path and slot."""

MOST_BYTES = 2**30
"""Of the tables of Raman scattering, which have an entry for each width and kind of carrier and two slots."""


class Physics(NamedTuple):
    """Fibre, grid and power that a config stands for: what the tables are computed from.

    grid: None where no noise counts. coupling: power coupling between adjacent cores in 1/m, 0 where
    crosstalk does not count. fractional: whether a link has length / span of spans, or the next whole number.
    """

    fibre: Fibre
    grid: Grid | None
    power: float
    fractional: bool
    coupling: float

    @property
    def tilts(self) -> bool:
        """Whether bands disturb each other, with Raman scattering."""
        return self.grid is not None and len(self.grid.bands) > 1


class _Noise(NamedTuple):
    own: NDArray[np.float64]
    xci: NDArray[np.float64]
    cross_row: NDArray[np.int32]
    cross: NDArray[np.float64]
    correction: NDArray[np.float64]
    cross_scale: NDArray[np.float64]
    power: NDArray[np.float64]


def physics_of(config: Config) -> Physics:
    """Return what the noise and the crosstalk of a config are computed from.

    Raise ValueError for bands that overlap at this slot width.
    """
    settings, kind = config.snr_settings, config.snr_settings.snr_type
    grid = None
    if kind in NOISE_MODELS:
        bands = {"c": config.spectrum_settings.c_band, "l": config.spectrum_settings.l_band}
        grid = make_grid(bands, config.topology_settings.bw_per_slot * 1e9)
    fibre = MULTI_BAND_FIBRE if grid is not None and len(grid.bands) > 1 else Fibre()
    leaks = kind == "xt_calculation" or (kind in NOISE_MODELS and settings.xt_noise)
    return Physics(
        fibre=fibre,
        grid=grid,
        power=settings.input_power,
        fractional=kind == "snr_calc_nli",
        coupling=power_coupling(fibre) if leaks else 0.0,
    )


def quality_problems(
    config: Config, table: ModulationTable, format_options: FormatOptions
) -> Iterator[tuple[str, str]]:
    """Yield (key, message) for what signal quality cannot be computed with.

    format_options: those of the bit rates that are asked for.
    """
    settings = config.snr_settings
    kind = settings.snr_type
    for key in _keys_by_format(config):
        numbers: Mapping[str, float] = getattr(settings, key)
        used = {one.format for one in format_options.entry if one is not None}
        names = [table.formats[index].name for index in sorted(used)]
        missing = [name for name in names if value_of(numbers, name) is None]
        if missing:
            lacking = ", ".join(show(name) for name in missing)
            yield (
                key,
                f"must have a number for every format of the modulation table; not there: {lacking}",
            )
        if key == "phi" and any(not 0 <= phi <= 1 for phi in numbers.values()):
            yield key, "must have numbers from 0 (Gaussian) to 1 (QPSK)"
    try:
        physics = physics_of(config)
    except ValueError as error:
        yield "l_band", str(error)
        return
    cores = config.topology_settings.cores_per_link
    if physics.coupling and cores not in LAYOUTS:
        why = f"snr_type = {kind}" if kind == "xt_calculation" else "xt_noise = True"
        yield (
            "cores_per_link",
            f"must be one of {', '.join(map(str, LAYOUTS))} with {why}: of others it is not known which "
            "cores are neighbours",
        )
    if physics.tilts and physics.grid is not None:
        kinds = _kinds(config, table, format_options)[0]
        widths = len({width for width, _ in kinds})
        corrected = len(kinds) if any(phi for _, phi in kinds) else 0
        needed = factor_bytes(sum(physics.grid.slots), widths, corrected)
        if needed > MOST_BYTES:
            yield (
                "snr_type",
                f"needs {needed >> 20:,} MiB for C and L band with {len(kinds)} widths (and formats, with "
                f"egn_model); at most {MOST_BYTES >> 20:,}: use fewer bit rates, or wider slots",
            )


def make_quality(
    config: Config,
    table: ModulationTable,
    format_options: FormatOptions,
    planes: Sequence[tuple[int, str]],
    link_km: ArrayLike,
    from_file: FromFile | None = None,
    added: Neighbours | None = None,
) -> Quality:
    """Return the signal quality of a config as arrays.

    planes: core and band of each. link_km: km of each spectrum. from_file: of snr_e2e_external_resources,
    or by GNPy. added: what lightpaths add to each other's noise beside it.
    """
    from fusion.kernel.records import Quality  # loads numba; checks need none

    settings, physics = config.snr_settings, physics_of(config)
    metres = np.asarray(link_km, dtype=np.float64) * 1e3
    kinds, kind = _kinds(config, table, format_options)
    noise = _noise(physics, [width for width, _ in kinds], [phi for _, phi in kinds])
    spans = span_count(physics.fibre, metres, fractional=physics.fractional)
    nothing = (0, 0, 0, 0)
    from_file = from_file or FromFile(np.zeros(nothing), np.zeros(nothing, dtype=np.int8))
    if added is not None:
        own, xci = added.tables([(width, int(mode)) for width, mode in kinds])
        noise, spans = noise._replace(own=own, xci=xci), added.spans
        ratio, limit = np.log1p(from_file.ratio), np.log1p(from_file.limit)
        from_file = from_file._replace(ratio=ratio, limit=limit)
    bands = tuple(dict.fromkeys(band for _, band in planes))
    if physics.grid is not None:
        bands = physics.grid.bands
    first_slot = dict(zip(bands, np.cumsum([0, *_slots(physics)]).tolist(), strict=False))
    cores = config.topology_settings.cores_per_link
    crosstalk = np.zeros((0, 1))
    adjacent = np.zeros((cores, cores), dtype=np.bool_)
    if physics.coupling:
        adjacent = adjacency(cores)
        neighbours = np.arange(int(adjacent.sum(axis=0).max()) + 1)
        crosstalk = mean_crosstalk(neighbours, metres[:, None], physics.coupling)
    tables = [_table(config, one) for one in _formats(format_options)]
    return Quality(
        options=format_options.options,
        kind=np.array(kind, dtype=np.int32),
        light=np.array([one.slots if one else 0 for one in format_options.entry], dtype=np.int32),
        limit=np.array([_limit(config, table, one) for one in _formats(format_options)]),
        band=np.array([bands.index(band) for _, band in planes], dtype=np.int32),
        first_slot=np.array([first_slot.get(band, 0) for _, band in planes], dtype=np.int32),
        together=lists_as_array(
            [
                [here, *(p for p in _same_core(planes, here) if p != here and physics.tilts)]
                for here in range(len(planes))
            ]
        ),
        adjacent=lists_as_array(
            [
                [p for p, (c, b) in enumerate(planes) if b == band and adjacent[core, c]]
                for core, band in planes
            ]
        ),
        spans=spans,
        own=noise.own,
        xci=noise.xci,
        cross_row=noise.cross_row,
        cross=noise.cross,
        correction=noise.correction,
        cross_scale=noise.cross_scale,
        power=noise.power,
        crosstalk=crosstalk,
        file_ratio=from_file.ratio,
        file_rank=from_file.rank,
        file_limit=from_file.limit,
        file_table=np.array(tables, dtype=np.int32),
        file_step=np.array([from_file.step[each] for each in tables], dtype=np.int32),
        rank=np.array(
            [_rank(config, table, one) for one in _formats(format_options)], dtype=np.int32
        ),
        adds_logs=added is not None,
        rechecks=settings.snr_recheck,
        rechecks_bands=settings.recheck_crossband,
        rechecks_cores=settings.recheck_adjacent_cores,
    )


def _keys_by_format(config: Config) -> list[str]:
    """Return the keys whose numbers every format needs."""
    settings = config.snr_settings
    if settings.snr_type == "gnpy":
        return []
    if settings.snr_type == "xt_calculation":
        return ["requested_xt"]
    egn = settings.snr_type in NOISE_MODELS and settings.egn_model
    return ["snr_thresholds", "phi"] if egn else ["snr_thresholds"]


def _formats(format_options: FormatOptions) -> list[int]:
    """Return the format of each column, -1 where it has none."""
    return [-1 if one is None else one.format for one in format_options.entry]


def _slots(physics: Physics) -> tuple[int, ...]:
    return () if physics.grid is None else physics.grid.slots


def _kinds(
    config: Config, table: ModulationTable, format_options: FormatOptions
) -> tuple[list[tuple[int, float]], list[int]]:
    """Return the kinds of carriers, (slots, phi), and the kind of each column; 0 for one too wide.

    With GNPy they are (slots, mode).
    """
    settings = config.snr_settings
    widest = max(config.spectrum_settings.c_band, config.spectrum_settings.l_band)
    kinds: dict[tuple[int, float], int] = {}
    kind = []
    for one in format_options.entry:
        if one is None or one.slots > widest:
            kind.append(0)
            continue
        if settings.snr_type == "gnpy":
            kind.append(kinds.setdefault((one.slots, float(one.format)), len(kinds)))
            continue
        phi = value_of(settings.phi, table.formats[one.format].name) if settings.egn_model else 0.0
        kind.append(kinds.setdefault((one.slots, phi or 0.0), len(kinds)))
    return list(kinds), kind


def _noise(physics: Physics, widths: Sequence[int], phi: Sequence[float]) -> _Noise:
    cube, rows = np.zeros((0, 0, 0)), np.zeros(0, dtype=np.int32)
    none = _Noise(cube, cube, rows, cube, cube, np.zeros((0, 0)), np.zeros(0))
    if physics.grid is None or not widths:
        return none
    grid = physics.grid
    if not physics.tilts:
        tables = noise_tables(
            physics.fibre, grid, widths, physics.power, phi=phi, ase_by_start=True
        )
        return none._replace(own=tables.ase + tables.sci[:, None, None], xci=tables.xci)
    raman = raman_factors(
        physics.fibre, grid, widths, physics.power, phi=phi, most_bytes=MOST_BYTES
    )
    own = np.full((len(widths), len(grid.bands), max(grid.slots)), np.nan)
    for band, (first, slots) in enumerate(zip(raman.first_slot, grid.slots, strict=True)):
        own[:, band, :slots] = (raman.ase + raman.sci)[:, first : first + slots]
    return none._replace(
        own=own,
        cross_row=raman.row.astype(np.int32),
        cross=raman.cross,
        correction=raman.correction,
        cross_scale=raman.scale,
        power=raman.power,
    )


def _limit(config: Config, table: ModulationTable, index: int) -> float:
    """Return the greatest noise to signal with which a format works."""
    settings = config.snr_settings
    if index < 0 or settings.snr_type in TABLES:
        return float("inf")
    name = table.formats[index].name
    if settings.snr_type == "xt_calculation":  # below it, where others reach it
        below = from_db(value_of(settings.requested_xt, name) or 0.0)
        return float(np.nextafter(below, 0.0))
    return float(from_db(-(value_of(settings.snr_thresholds, name) or 0.0)))


def _table(config: Config, index: int) -> int:
    """Return the table of a format: of GNPy's modes each has its own."""
    return max(index, 0) if config.snr_settings.snr_type == "gnpy" else 0


def _rank(config: Config, table: ModulationTable, index: int) -> int:
    """Return the place of a format among the thresholds, from 1; 0 for none. A mode of GNPy works or not."""
    if index < 0:
        return 0
    if config.snr_settings.snr_type == "gnpy":
        return 1
    return format_rank(config.snr_settings.snr_thresholds, table.formats[index].name) or 0


def format_rank(thresholds: Mapping[str, float], name: str) -> int | None:
    """Return how many different thresholds are not above that of a format; None for an unknown one."""
    own = value_of(thresholds, name)
    return None if own is None else sum(value <= own for value in set(thresholds.values()))


def _same_core(planes: Sequence[tuple[int, str]], here: int) -> list[int]:
    return [plane for plane, (core, _) in enumerate(planes) if core == planes[here][0]]


def lists_as_array(lists: Sequence[Sequence[int]]) -> NDArray[np.int32]:
    """Return lists as the rows of an array, -1 behind the last."""
    most = max(map(len, lists))
    return np.array(
        [[*each, *([-1] * (most - len(each)))] for each in lists], dtype=np.int32
    ).reshape(len(lists), most)
