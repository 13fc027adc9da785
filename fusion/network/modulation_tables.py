"""Read a modulation table, shipped or the user's own, and check it.

A table says how far each format reaches, in one of two ways. A listed table, FUSION's kind, gives
reach and slots for each bit rate and format. A rule gives reach and bits per symbol for each format
at any bit rate, from which the slots follow: bit rate / (slot width * bits), rounded up.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from fusion.config.named_files import quote
from fusion.config.problems import nearest, show, with_allowed
from fusion.config.shipped import MODULATIONS, SAME_TABLES, modulation_names
from fusion.config.text_files import read_text

FUSION_SLOT_WIDTH_GHZ = 12.5

_MAX_BYTES = 2**20
_XLRON = ("name", "maximum_length", "spectral_efficiency")
"""The first columns of a table of XLRON."""
_BITS = {"BPSK": 1, "QPSK": 2, "8QAM": 3, "16QAM": 4, "32QAM": 5, "64QAM": 6}
_BITS |= {"128QAM": 7, "256QAM": 8}


class ModulationFormat(NamedTuple):
    """bits_per_symbol: 0 where neither the name nor the file says how many."""

    name: str
    bits_per_symbol: float


class Entry(NamedTuple):
    """A format at one bit rate.

    format: index into the table's formats.  reach_km: the longest path, inclusive; inf for any.
    slots: without guard band; 0 in a rule.
    """

    format: int
    reach_km: float
    slots: int


class ModulationTable(NamedTuple):
    """Formats and how far they reach.

    rule: entries for any bit rate, empty in a listed table.  bit_rates: (Gb/s, entries), empty in a
    rule.  slot_width_ghz: what a listed table counts its slots in, None when it does not matter.
    """

    name: str
    formats: tuple[ModulationFormat, ...]
    rule: tuple[Entry, ...]
    bit_rates: tuple[tuple[float, tuple[Entry, ...]], ...]
    slot_width_ghz: float | None


class ModulationError(ValueError):
    """A modulation table that cannot be used. `problems`: a line for each thing that is wrong."""

    def __init__(self, problems: Iterable[str]) -> None:
        """Keep the problems; they are the exception's only argument, so it can be pickled."""
        self.problems = list(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Return one line per problem."""
        return "\n".join(self.problems)


def load_modulation(name: str, path: Path | None = None) -> ModulationTable:
    """Read the table `name` from the file `path`, or else from the shipped ones.

    A file is JSON: {name: {bit rate in Gb/s: {format: {"max_length": km, "slots_needed": n}}}}, or
    for a rule {name: {"formats": {format: {"max_length": km, "bits_per_symbol": m}}}}.  A
    max_length of null is any length.  A table may also have "description", "source" and
    "slot_width_ghz" (12.5 when left out, null for channels of any width), and a listed format
    "bits_per_symbol" where its name does not tell them.

    A CSV file of XLRON is a rule as well, whatever `name` is: a format per line with its maximum_length in km
    and its spectral_efficiency in bit/s/Hz, which are bits per symbol; reach is inclusive and slots are
    rounded up there as well (micdoh/XLRON, `required_slots`). Its other columns are left out.

    Raise ModulationError with all problems of the table.
    """
    key = name
    if path is None:
        names = modulation_names()
        if name not in names:
            available = f"available: {', '.join(names)}, or name the file that has it"
            problem = with_allowed("unknown modulation table", nearest(name, names), available)
            raise ModulationError([f"{show(name)}: {problem}"])
        key = SAME_TABLES.get(name, name)
        path = MODULATIONS / f"{key}.json"
    try:
        text = read_text(path, _MAX_BYTES)
        if is_xlron(text):
            return _of_xlron(path, text)
        tables = json.loads(text, object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError) as error:
        raise ModulationError([f"{path}: {error}"]) from error
    if not isinstance(tables, dict) or not isinstance(tables.get(key), dict):
        names = [quote(other) for other in tables] if isinstance(tables, dict) else []
        there = f"the file has {quote(', '.join(names)) or 'none'}"
        problem = with_allowed(f"no modulation table {show(key)}", nearest(key, names), there)
        raise ModulationError([f"{path}: {problem}"])
    problems: list[str] = []
    table = _parse_table(name, f"{path}: {show(key)}", tables[key], problems)
    if problems:
        raise ModulationError(problems)
    return table


def is_xlron(text: str) -> bool:
    """Return whether a table is one of XLRON's modulation formats."""
    head = text.lstrip().partition("\n")[0].lower().replace(" ", "").split(",")
    return head[:3] == list(_XLRON)


def _of_xlron(path: Path, text: str) -> ModulationTable:
    """Return a table of XLRON as a rule. Raises ModulationError."""
    rows = [line.split(",") for line in text.split("\n")[1:] if line.strip()]
    problems: list[str] = []
    formats: dict[str, ModulationFormat] = {}
    rule: list[Entry] = []
    for number, row in enumerate(rows, 2):
        place = f"{path}: line {number}"
        name, *numbers = (*(cell.strip() for cell in row), "", "")[:3]
        reach, bits = map(_positive, numbers)
        if not name or name in formats:
            problems.append(f"{place}: {'duplicate format' if name else 'a format without a name'}")
        elif reach is None or bits is None:
            problems.append(
                f"{place}: {quote(name)}: maximum_length and spectral_efficiency must be above 0"
            )
        else:
            formats[name] = ModulationFormat(name, bits)
            rule.append(Entry(len(rule), reach, 0))
    if not rows:
        problems.append(f"{path}: a table of formats without formats")
    if problems:
        raise ModulationError(problems)
    return ModulationTable(path.stem, tuple(formats.values()), tuple(rule), (), None)


def _parse_table(
    name: str, where: str, table: dict[str, object], problems: list[str]
) -> ModulationTable:
    formats: dict[str, ModulationFormat] = {}
    rule: tuple[Entry, ...] = ()
    rates: dict[float, tuple[Entry, ...]] = {}
    width: float | None = FUSION_SLOT_WIDTH_GHZ
    for key, value in table.items():
        place = f"{where}: {quote(key)}"
        if key in ("description", "source"):
            continue
        if key == "slot_width_ghz":
            width = _positive(value)
            if width is None and value is not None:
                problems.append(f"{place} = {quote(value)}: must be GHz above 0, or null")
        elif key == "formats":
            rule = _parse_entries(place, value, "bits_per_symbol", formats, problems)
        elif (rate := _positive(key)) is None:
            problems.append(
                f"{place}: must be a bit rate in Gb/s above 0, or description, source,"
                " slot_width_ghz or formats"
            )
        elif rate in rates:
            problems.append(f"{place}: duplicate bit rate")
        else:
            rates[rate] = _parse_entries(place, value, "slots_needed", formats, problems)
    if ("formats" in table) == bool(rates) and not problems:
        problems.append(f"{where}: must have either bit rates or formats for any bit rate")
    return ModulationTable(
        name, tuple(formats.values()), rule, tuple(rates.items()), None if rule else width
    )


def _parse_entries(
    where: str,
    entries: object,
    width_key: str,
    formats: dict[str, ModulationFormat],
    problems: list[str],
) -> tuple[Entry, ...]:
    """Return the entries of one bit rate or of a rule; formats not met before join `formats`."""
    if not isinstance(entries, dict) or not entries:
        problems.append(f"{where} = {quote(entries)}: must be an object of formats")
        return ()
    result = []
    for name, entry in entries.items():
        place = f"{where}: {quote(name)}"
        if not isinstance(entry, dict):
            problems.append(f"{place} = {quote(entry)}: must be an object")
            continue
        problems.extend(f"{place}: {problem}" for problem in _entry_problems(entry, width_key))
        bits = entry.get("bits_per_symbol", _BITS.get(name.upper().replace("-", ""), 0))
        known = formats.setdefault(name, ModulationFormat(name, bits))
        if known.bits_per_symbol != bits:
            problems.append(
                f"{place}: bits_per_symbol = {quote(bits)}: is"
                f" {quote(known.bits_per_symbol)} at another bit rate"
            )
        reach = math.inf if entry.get("max_length") is None else _positive(entry["max_length"])
        slots = entry.get("slots_needed", 0)
        result.append(Entry(list(formats).index(name), reach or 0.0, slots))
    return tuple(result)


def _entry_problems(entry: dict[str, object], width_key: str) -> list[str]:
    keys = ["max_length", *sorted({width_key, "bits_per_symbol"})]
    problems = [
        f"{quote(key)}: "
        + with_allowed("unknown key", nearest(key, keys), f"available: {', '.join(keys)}")
        for key in entry
        if key not in keys
    ]
    reach = entry.get("max_length", "")
    if reach is not None and _positive(reach) is None:
        problems.append(f"max_length = {quote(reach)}: must be km above 0, or null for any length")
    slots = entry.get("slots_needed")
    if width_key == "slots_needed" and not (type(slots) is int and 1 <= slots <= 10**6):
        problems.append(f"slots_needed = {quote(slots)}: must be an integer from 1 to 1e6")
    bits = entry.get("bits_per_symbol")
    if (width_key == "bits_per_symbol" or bits is not None) and (
        isinstance(bits, str) or _positive(bits) is None
    ):
        problems.append(f"bits_per_symbol = {quote(bits)}: must be a number above 0")
    return problems


def _positive(value: object) -> float | None:
    """Return a number from 1e-6 to 1e9, also from its text as keys are, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return round(number, 6) if 1e-6 <= number <= 1e9 else None


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object as a dictionary; json itself would let the last of equal keys win."""
    for key, times in Counter(key for key, _ in pairs).items():
        if times > 1:
            raise ValueError(f"the key {quote(key)} is there {times} times")
    return dict(pairs)
