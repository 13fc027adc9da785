"""Modulation tables: FUSION's numbers, the width rule in exact arithmetic, what is refused."""

import json
import pickle
from fractions import Fraction
from math import ceil, inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion.config.config import load_config
from fusion.config.shipped import modulation_names
from fusion.network.modulation import (
    ModulationError,
    bits_per_symbol,
    bits_per_symbol_steps,
    lightpath_widths,
    load_modulation,
)
from fusion.scenario.inputs import read_inputs

RULE = load_modulation("deeprmsa_reach")


def chosen(name: str, km: float, rate: float, slot_width: float = 12.5) -> tuple[int, str | None]:
    table = load_modulation(name)
    slots, formats = lightpath_widths(table, np.array([km]), [rate], slot_width)
    assert slots.shape == formats.shape == (1, 1)
    assert slots.dtype == formats.dtype == np.int32
    index = int(formats[0, 0])
    return int(slots[0, 0]), table.formats[index].name if index >= 0 else None


def problems_of(tmp_path: Path, table: object, name: str = "mine") -> list[str]:
    file = tmp_path / "table.json"
    file.write_text(json.dumps({"mine": table}), encoding="utf-8")
    with pytest.raises(ModulationError) as caught:
        load_modulation(name, file)
    assert all(problem.startswith(f"{file}: ") for problem in caught.value.problems)
    return caught.value.problems


def test_shipped_tables() -> None:
    assert modulation_names() == [
        "BON_FUSION",
        "DEFAULT",
        "MOD_ASSUMPTIONS_MBoSDM",
        "Mod_Grooming",
        "SNR_ASSUMPTIONS",
        "XTAR_ASSUMPTIONS",
        "deeprmsa_reach",
        "example_mod_a",
        "example_mod_b",
        "one_bit_per_symbol",
        "slicing_dissertation",
    ]
    for name in modulation_names():
        assert load_modulation(name).name == name
    for alias in ("example_mod_a", "slicing_dissertation"):
        assert load_modulation(alias)._replace(name="DEFAULT") == load_modulation("DEFAULT")
    xtar, example = load_modulation("XTAR_ASSUMPTIONS"), load_modulation("example_mod_b")
    assert xtar.bit_rates == example.bit_rates[1:]


@pytest.mark.parametrize(
    ("name", "km", "rate", "expected"),
    [
        ("DEFAULT", 916, 100, (2, "64-QAM")),
        ("DEFAULT", 916.000001, 100, (2, "16-QAM")),
        ("DEFAULT", 2375.5, 100, (4, "QPSK")),
        ("DEFAULT", 5540, 100, (4, "QPSK")),
        ("DEFAULT", 5540.1, 100, (0, None)),
        ("DEFAULT", 229, 400, (6, "64-QAM")),
        ("DEFAULT", 230, 400, (8, "16-QAM")),
        ("DEFAULT", 100, 25, (1, "64-QAM")),
        ("DEFAULT", 9501, 25, (1, "QPSK")),
        ("XTAR_ASSUMPTIONS", 2324, 100, (2, "16-QAM")),
        ("example_mod_b", 20759, 25, (1, "QPSK")),
        ("BON_FUSION", 1000, 400, (5, "64-QAM")),
        ("BON_FUSION", 40665, 100, (2, "32-QAM")),
        ("BON_FUSION", 41460, 400, (23, "BPSK")),
        ("MOD_ASSUMPTIONS_MBoSDM", 850, 600, (1, "BPSK")),
        ("SNR_ASSUMPTIONS", 1000, 600, (1, "BPSK")),
        ("SNR_ASSUMPTIONS", 40661, 600, (1, "QPSK")),
        ("Mod_Grooming", 1000, 800, (10, "64-QAM")),
        ("Mod_Grooming", 1000, 100, (3, "64-QAM")),
        ("Mod_Grooming", 41460, 800, (58, "BPSK")),
        ("deeprmsa_reach", 625, 100, (2, "16-QAM")),
        ("deeprmsa_reach", 626, 100, (3, "8-QAM")),
        ("deeprmsa_reach", 1250, 100, (3, "8-QAM")),
        ("deeprmsa_reach", 2500, 100, (4, "QPSK")),
        ("deeprmsa_reach", 2501, 100, (8, "BPSK")),
        ("deeprmsa_reach", 1e5, 37.5, (3, "BPSK")),
        ("one_bit_per_symbol", 1e5, 40, (4, "BPSK")),
    ],
)
def test_choice(name: str, km: float, rate: float, expected: tuple[int, str | None]) -> None:
    assert chosen(name, km, rate) == expected


def test_many_paths_and_bit_rates() -> None:
    slots, formats = lightpath_widths(RULE, [100.0, 1000.0, 3000.0], [25, 50, 100], 12.5)
    assert slots.tolist() == [[1, 1, 2], [1, 2, 3], [2, 4, 8]]
    assert [[RULE.formats[i].bits_per_symbol for i in row] for row in formats] == [
        [4, 4, 4],
        [3, 3, 3],
        [1, 1, 1],
    ]


@given(
    rate=st.integers(1, 10**7).map(lambda n: n / 10**4),
    width=st.sampled_from([3.125, 6.25, 12.5, 37.5, 50.0, 0.1, 33.3]),
    km=st.sampled_from([1.0, 700.0, 2000.0, 9000.0]),
)
def test_width_is_exact(rate: float, width: float, km: float) -> None:
    slots, formats = lightpath_widths(RULE, [km], [rate], width)
    bits = RULE.formats[int(formats[0, 0])].bits_per_symbol
    assert slots[0, 0] == ceil(Fraction(str(rate)) / (Fraction(str(width)) * Fraction(bits)))


def test_listed_slots_are_not_scaled() -> None:
    table = load_modulation("DEFAULT")
    with pytest.raises(ModulationError, match=r"12\.5 GHz, not of 25 GHz"):
        lightpath_widths(table, [100.0], [100], 25)
    with pytest.raises(ModulationError, match=r"no bit rate 37\.5 Gb/s; .* 25, 50, 100, 200, 400"):
        lightpath_widths(table, [100.0], [100, 37.5], 12.5)
    assert chosen("SNR_ASSUMPTIONS", 100, 200, slot_width=50)[0] == 1


def test_bits_per_symbol_of_the_rule() -> None:
    rates, shares = range(25, 101), [1 / 76] * 76
    expected = {1: 4, 625: 4, 625.000001: 3, 1250: 3, 1251: 2, 2500: 2, 2500.5: 1, 1e6: 1}
    assert {km: bits_per_symbol(RULE, km, rates, shares) for km in expected} == expected
    steps = bits_per_symbol_steps(RULE, (25.0,), (1.0,))
    assert steps.reach_km == (625, 1250, 2500, inf)
    assert steps.bits == (4, 3, 2, 1)


def test_bits_per_symbol_is_the_mean_over_bit_rates() -> None:
    table = load_modulation("DEFAULT")
    rates, shares = [25, 50, 100, 200, 400], [0.1, 0.1, 0.5, 0.2, 0.1]
    assert bits_per_symbol(table, 229, rates, shares) == 6
    assert bits_per_symbol(table, 230, rates, shares) == pytest.approx(0.9 * 6 + 0.1 * 4)
    assert bits_per_symbol(table, 10_000, rates, shares) == pytest.approx(0.1 * 2 + 0.1 * 2)
    assert bits_per_symbol(table, 22_161, rates, shares) == 0
    assert bits_per_symbol(table, 100, rates, [1, 1, 5, 2, 1]) == 6


def test_bits_per_symbol_needs_bits_that_do_not_rise(tmp_path: Path) -> None:
    with pytest.raises(ModulationError, match="2 bits per symbol beyond 40660 km, 1 up to there"):
        bits_per_symbol(load_modulation("SNR_ASSUMPTIONS"), 1, [100], [1])
    file = tmp_path / "table.json"
    entry = {"max_length": 100, "slots_needed": 2}
    file.write_text(json.dumps({"mine": {"100": {"own": entry}}}))
    with pytest.raises(ModulationError, match="own: bits_per_symbol is needed"):
        bits_per_symbol(load_modulation("mine", file), 1, [100], [1])
    file.write_text(json.dumps({"mine": {"100": {"own": entry | {"bits_per_symbol": 2.5}}}}))
    assert bits_per_symbol(load_modulation("mine", file), 1, [100], [1]) == 2.5


def test_own_tables(tmp_path: Path) -> None:
    file = tmp_path / "tables.json"
    tables = {
        "listed": {
            "description": "one format",
            "slot_width_ghz": 6.25,
            "37.5": {"8QAM": {"max_length": 800.5, "slots_needed": 2}},
        },
        "rule": {"formats": {"64-QAM": {"max_length": None, "bits_per_symbol": 6}}},
    }
    file.write_text(json.dumps(tables), encoding="utf-8-sig")
    listed = load_modulation("listed", file)
    slots, _ = lightpath_widths(listed, [800.5, 800.6], [37.5], 6.25)
    assert slots.tolist() == [[2], [0]]
    assert listed.formats == (("8QAM", 3),)
    assert lightpath_widths(load_modulation("rule", file), [1e5], [75], 12.5)[0].tolist() == [[1]]
    with pytest.raises(ModulationError, match="no modulation table listd; did you mean 'listed'"):
        load_modulation("listd", file)
    with pytest.raises(
        ModulationError, match="unknown modulation table; did you mean 'DEFAULT'\\? A"
    ):
        load_modulation("Defaults")


GOOD = {"max_length": 10, "slots_needed": 1}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (3, ["no modulation table mine"]),
        ({}, ["either bit rates or formats"]),
        ({"100": {"QPSK": GOOD}, "formats": {"QPSK": {"max_length": 1, "bits_per_symbol": 2}}},
         ["either"]),
        ({"fast": {"QPSK": GOOD}}, ["fast", "bit rate in Gb/s"]),
        ({"-1": {"QPSK": GOOD}}, ["-1", "bit rate"]),
        ({"nan": {"QPSK": GOOD}}, ["nan", "bit rate"]),
        ({"100": {"QPSK": GOOD}, "100.0": {"QPSK": GOOD}}, ["100.0", "duplicate bit rate"]),
        ({"100": {}}, ["100", "object of formats"]),
        ({"100": {"QPSK": 4}}, ["100: QPSK = 4", "object"]),
        ({"100": {"QPSK": {"slots_needed": 1}}}, ["100: QPSK: max_length", "km above 0"]),
        ({"100": {"QPSK": GOOD | {"max_length": -5}}}, ["max_length = -5"]),
        ({"100": {"QPSK": GOOD | {"max_length": inf}}}, ["max_length = inf"]),
        ({"100": {"QPSK": {"max_length": 1}}}, ["slots_needed = None"]),
        ({"100": {"QPSK": GOOD | {"slots_needed": 0}}}, ["slots_needed = 0", "from 1 to 1e6"]),
        ({"100": {"QPSK": GOOD | {"slots_needed": 2**31 - 1}}}, ["slots_needed", "from 1 to 1e6"]),
        ({"100": {"QPSK": GOOD | {"slots_needed": 1.5}}}, ["slots_needed = 1.5"]),
        ({"100": {"QPSK": GOOD | {"slots_needed": True}}}, ["slots_needed = True"]),
        ({"100": {"QPSK": GOOD | {"max_lenght": 4}}}, ["max_lenght", "did you mean 'max_length'"]),
        ({"100": {"QPSK": GOOD | {"bits_per_symbol": 0}}}, ["bits_per_symbol = 0"]),
        ({"100": {"X": GOOD | {"bits_per_symbol": 2}}, "200": {"X": GOOD}}, ["200: X", "is 2 at"]),
        ({"formats": {"QPSK": {"max_length": 1}}}, ["formats: QPSK: bits_per_symbol = None"]),
        ({"formats": []}, ["formats = []"]),
        ({"slot_width_ghz": 0, "100": {"QPSK": GOOD}}, ["slot_width_ghz = 0", "GHz above 0"]),
    ],
)  # fmt: skip
def test_bad_tables(tmp_path: Path, table: object, words: list[str]) -> None:
    problems = problems_of(tmp_path, table)
    assert any(all(word in problem for word in words) for problem in problems), problems


def test_all_problems_come_at_once_and_survive_pickling(tmp_path: Path) -> None:
    file = tmp_path / "table.json"
    file.write_text('{"mine": {"x": 1, "100": {"QPSK": {"max_length": 0, "slots_needed": 0}}}}')
    with pytest.raises(ModulationError) as caught:
        load_modulation("mine", file)
    assert len(caught.value.problems) == 3
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"\0", b"[" * 100_000, b"[]", b"{}", b"3", b'{"mine": 3}', b"#" * 2**21,
        b'{"mine": {"formats": {"Q": {"max_length": ' + b"9" * 5000 + b"}}}}",
        b'{"mine": {"100": {"Q": {}}, "100": {"Q": {}}}}',
    ],
)  # fmt: skip
def test_garbage_is_a_modulation_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "garbage.json"
    file.write_bytes(content)
    with pytest.raises(ModulationError, match=r"garbage\.json: "):
        load_modulation("mine", file)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModulationError, match="cannot be read: No such file"):
        load_modulation("DEFAULT", tmp_path / "missing.json")
    with pytest.raises(ModulationError, match="is a folder, not a file"):
        load_modulation("DEFAULT", tmp_path)


def test_a_table_of_xlron_is_a_rule(tmp_path: Path) -> None:
    file = tmp_path / "modulations.csv"
    file.write_text(
        "name,maximum_length,spectral_efficiency,minimum_osnr,inband_xt\n"
        "BPSK,100000,1,12.6,-14\nQPSK,2000,2,12.6,-17\n16QAM,500,4,22.4,-23\n"
    )
    table = load_modulation("any name", file)
    assert table.name == "modulations"
    assert [each.bits_per_symbol for each in table.formats] == [1, 2, 4]
    assert [entry.reach_km for entry in table.rule] == [100000, 2000, 500]
    # 100 Gb/s at 12.5 GHz: XLRON's ceil(bit rate / (efficiency * slot)), in the most efficient in reach.
    slots, _ = lightpath_widths(table, np.array([500.0, 500.1, 2000.1]), [100.0], 12.5)
    assert slots.ravel().tolist() == [2, 4, 8]
    ini = tmp_path / "my.ini"
    ini.write_text(
        "[general_settings]\nerlang_start = 10\nerlang_stop = 10\nerlang_step = 10\n"
        "mod_assumption_path = modulations.csv\nbit_rates = uniform\nbit_rate_min = 25\n"
        "bit_rate_max = 100\nbit_rate_step = 25\n[topology_settings]\nnetwork = nsfnet_deeprmsa\n"
    )
    assert read_inputs(load_config(str(ini)), quiet=True).modulation == table


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("", "a table of formats without formats"),
        ("BPSK,0,1\n", "line 2: BPSK: maximum_length and spectral_efficiency must be above 0"),
        ("BPSK,10\n", "line 2: BPSK: maximum_length and spectral_efficiency must be above 0"),
        ("BPSK,10,1\nBPSK,5,2\n", "line 3: duplicate format"),
    ],
)
def test_what_is_wrong_in_a_table_of_xlron(rows: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "modulations.csv"
    file.write_text("name,maximum_length,spectral_efficiency\n" + rows)
    with pytest.raises(ModulationError, match=told):
        load_modulation("", file)
