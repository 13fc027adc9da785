"""The loop with signal quality decides as its slow twin does, and keeps the noise that the formulas give."""

from __future__ import annotations

from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.config import Config, load_config
from fusion.kernel.arrays import Int32s, Tally, new_tally
from fusion.kernel.connection_loop import serve_with_quality
from fusion.kernel.connections import (
    BLOCKED_BY_QUALITY,
    GROOMED,
    PARTLY_SERVED,
    SLICED,
    UNSERVED,
    new_connections,
    new_count,
)
from fusion.kernel.records import Connections, Count
from fusion.network.modulation import ModulationTable
from fusion.network.modulation_tables import Entry, ModulationFormat
from fusion.network.quality_file import QualityTable, SlotQuality, Spot
from fusion.network.topology import Topology
from fusion.scenario.inputs import Inputs, read_inputs
from fusion.scenario.scenario import Scenario, make_scenario
from fusion.scenario.traffic import Requests
from tests.twin.cases import first_requests, topologies
from tests.twin.connections import Lightpath
from tests.twin.quality import QualityTwin
from tests.twin.twin import Choice, as_list

FORMATS = ("64-QAM", "16-QAM", "QPSK")
RATES = (50.0, 100.0, 200.0)
NAMES = ("BPSK", "QPSK", "8-QAM", "16-QAM", "32-QAM", "64-QAM")
KINDS = ("gsnr", "gsnr", "snr_calc_nli", "xt_calculation", "snr_e2e_external_resources")
POLICIES = (
    ("first_fit", "in_order"),
    ("first_fit", "all"),
    ("best_fit", "all"),
    ("random_fit", "in_order"),
    ("most_used", "in_order"),
    ("last_fit", "cong_aware"),
)


class Case(NamedTuple):
    """A config with what it is served on, and requests."""

    config: Config
    scenario: Scenario
    table: QualityTable | None
    requests: Requests
    load: float


class Done(NamedTuple):
    decision: Int32s
    state: Connections
    tally: Tally
    count: Count


@st.composite
def configs(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Overrides for every model, with thresholds near what a few spans and neighbours leave."""
    kind = draw(st.sampled_from(KINDS))
    two_bands = kind == "gsnr" and draw(st.booleans())
    slots = st.integers(5, 14)
    crosstalk = kind == "xt_calculation" or draw(st.booleans())
    cores = draw(st.sampled_from([4, 7] if crosstalk else [1, 1, 2]))
    slicing = draw(st.sampled_from([1, 1, 3]))
    fit, choice = draw(st.sampled_from(POLICIES))
    lowest = draw(st.sampled_from([9.0, 14.0, 17.0, 19.0]))
    return {
        "general_settings": {
            "request_distribution": {"50": 0.3, "100": 0.4, "200": 0.3},
            "guard_slots": draw(st.integers(0, 1)),
            "allocation_method": fit,
            "route_method": choice if choice == "cong_aware" else "k_shortest_path",
            "max_segments": slicing,
            "is_grooming_enabled": draw(st.booleans()),
            "can_partially_serve": draw(st.booleans()),
            "fixed_grid": draw(st.booleans()),
            "dynamic_lps": draw(st.booleans()),
            "channel_capacity": {"QPSK": 100, "16-QAM": 200, "64-QAM": 300},
        },
        "traffic_settings": {"bit_rates": "distribution"},
        "topology_settings": {
            "cores_per_link": cores,
            "link_directions": draw(st.sampled_from(["shared", "separate"])),
            "bw_per_slot": draw(st.sampled_from([12.5, 25.0, 50.0])),
        },
        "routing_settings": {
            "k_paths": draw(st.integers(1, 3)),
            "path_choice": choice if choice == "all" else "in_order",
        },
        "spectrum_settings": {
            "c_band": draw(slots) if cores < 4 else 6,
            "l_band": draw(slots) if two_bands else 0,
        },
        "snr_settings": {
            "snr_type": kind,
            "input_power": draw(st.sampled_from([5e-4, 2e-3, 4e-3])),
            "egn_model": draw(st.booleans()),
            "snr_thresholds": {"QPSK": lowest, "16-QAM": lowest + 4, "64-QAM": lowest + 8},
            "requested_xt": {"QPSK": -40, "16-QAM": -42, "64-QAM": -45},
            "xt_noise": crosstalk,
            "snr_recheck": draw(st.booleans()),
            "recheck_adjacent_cores": draw(st.booleans()),
            "recheck_crossband": draw(st.booleans()),
            # It is there, and not read: the table is made below.
            "quality_file": __file__ if kind == KINDS[-1] else "",
        },
    }


@st.composite
def tables(draw: st.DrawFn, config: Config, topology: Topology) -> QualityTable:
    """What a file may say of some paths and slots: best formats, or GSNR alone."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    names = [None] if draw(st.booleans()) else ["", "QPSK", "16-QAM", "64-QAM"]
    by_core = draw(st.booleans())
    share = draw(st.sampled_from([0.7, 1.0]))
    planes = [
        (core, band, slots)
        for core in (range(config.topology_settings.cores_per_link) if by_core else [-1])
        for band, slots in (
            ("c", config.spectrum_settings.c_band),
            ("l", config.spectrum_settings.l_band),
        )
    ]
    return {
        (a, b, number): {
            Spot(core, band, slot): SlotQuality(
                float(random.uniform(8, 28)), names[random.integers(len(names))]
            )
            for core, band, slots in planes
            for slot in range(slots)
            if random.random() < share
        }
        for a, b in permutations(range(len(topology.nodes)), 2)
        if a < b or random.random() < 0.5  # of the others the direction that is there counts
        for number in range(1, 4)
    }


@st.composite
def cases(
    draw: st.DrawFn,
    most_requests: int = 80,
    overrides: st.SearchStrategy[dict[str, dict[str, Any]]] | None = None,
    networks: st.SearchStrategy[Topology] | None = None,
) -> Case:
    config = load_config("quick", draw(configs() if overrides is None else overrides))
    topology = draw(topologies() if networks is None else networks)
    topology = topology._replace(links=tuple((a, b, 130.0 * km) for a, b, km in topology.links))
    reach = (9e9, 9e9, 9e9)  # the tilt of C and L band is that of all formats in the table
    if not config.spectrum_settings.l_band:
        reach = draw(st.sampled_from([(400.0, 800.0, 9e9), reach]))
    table = ModulationTable(
        "test",
        tuple(ModulationFormat(name, bits) for name, bits in zip(FORMATS, (6, 4, 2), strict=True)),
        (),
        tuple(
            (rate, tuple(Entry(n, reach[n], -(-int(rate) // (50 * (3 - n)))) for n in range(3)))
            for rate in RATES
        ),
        None,
    )
    qualities = draw(tables(config, topology)) if config.snr_settings.quality_file else None
    scenario = make_scenario(config, Inputs(topology, table, None, quality=qualities))
    load = draw(st.sampled_from([5.0, 15.0, 40.0]))
    count = draw(st.integers(1, most_requests))
    requests = first_requests(scenario.traffic, load, draw(st.integers(0, 2**32)), 0, count)
    return Case(config, scenario, qualities, requests, load)


def run(case: Case) -> Done:
    scenario = case.scenario
    service = scenario.service
    assert service is not None
    done = Done(
        np.full((len(case.requests.arrival), 3), -9, dtype=np.int32),
        new_connections(
            scenario.network,
            service,
            case.load,
            scenario.traffic.mean_holding_time,
            keep_usage=scenario.policy.needs_usage,
        ),
        new_tally(scenario.network),
        new_count(),
    )
    serve(case, done, case.requests, done.decision)
    return done


def serve(case: Case, done: Done, requests: Requests, decision: Int32s) -> None:
    scenario = case.scenario
    candidates = np.diff(scenario.network.first_path)
    serve_with_quality(
        scenario.network,
        scenario.service,
        done.state,
        np.repeat(np.arange(len(candidates), dtype=np.int32), candidates),
        done.tally,
        done.count,
        scenario.policy.fit,
        scenario.policy.choice,
        1000,
        *requests,
        decision,
    )


def twin_of(case: Case) -> QualityTwin:
    general, routing = case.config.general_settings, case.config.routing_settings
    ranks = general.route_method == "cong_aware"
    choice = "cong_aware" if ranks else routing.path_choice
    return QualityTwin(case.config, case.scenario, case.table, general.allocation_method, choice)


def rows_up(case: Case, state: Connections) -> list[int]:
    rows = []
    for row in state.oldest.tolist():
        while row >= 0:
            rows.append(row)
            row = int(state.following[row])
    return rows


@given(case=cases())
@settings(derandomize=True, deadline=None, max_examples=100)
def test_same_decisions_as_the_twin(case: Case) -> None:
    done, twin = run(case), twin_of(case)
    twin.serve(case.requests)
    assert done.decision.tolist() == [list(decision) for decision in twin.decisions]
    number = done.count.number
    assert number[[GROOMED, SLICED, PARTLY_SERVED, UNSERVED, BLOCKED_BY_QUALITY]].tolist() == [
        *(twin.groomed, twin.sliced, twin.partly_served, twin.unserved, twin.blocked_by_quality)
    ]
    assert done.count.noise[0] == pytest.approx(twin.noise_at_set_up, rel=1e-9)
    columns = range(case.scenario.network.width.shape[1])
    assert done.tally.served_by_row.sum(axis=0).tolist() == as_list(twin.served_by_column, columns)
    assert done.tally.events[0] == twin.out_of_reach

    # What was added and taken away comes to what there is.
    state = done.state
    up = {
        (int(state.path[row]), int(state.plane[row]), int(state.start[row])): state.noise.ratio[row]
        for row in rows_up(case, state)
    }
    assert up.keys() == {tuple(one.choice) for one in twin.live}
    for one in twin.live:
        assert up[tuple(one.choice)] == pytest.approx(twin.noise(one, twin.live), rel=1e-9)
    snr = case.config.snr_settings
    if snr.snr_recheck and snr.recheck_adjacent_cores and snr.recheck_crossband:
        assert all(twin.works(one, twin.live) for one in twin.live)


@given(case=cases())
@settings(derandomize=True, deadline=None, max_examples=40)
def test_nothing_is_left_when_all_have_ended(case: Case) -> None:
    done = run(case)
    end = float((case.requests.arrival + case.requests.holding).max())
    # From one node to another without any way to go there the last request asks for nothing.
    last = case.requests.part(0, 1)._replace(arrival=np.array([end]), holding=np.array([1e-9]))
    serve(case, done, last, done.decision[:1])
    last = last._replace(arrival=np.array([end + 1.0]))
    nothing = case.scenario.network._replace(width=case.scenario.network.width * 0)
    empty = case._replace(scenario=case.scenario._replace(network=nothing))
    serve(empty, done, last, done.decision[:1])
    assert done.decision[0].tolist() == [-1, -1, -1]
    noise = done.state.noise
    assert np.array_equal(done.state.free, case.scenario.network.spectrum)
    assert not noise.members.any()
    assert not noise.added.any()
    assert (noise.owner == -1).all()


@pytest.mark.parametrize(("bands", "cores", "load"), [((80, 0), 1, 900.0), ((30, 30), 4, 2500.0)])
def test_noise_after_many_requests_is_what_the_formulas_give(
    bands: tuple[int, int], cores: int, load: float
) -> None:
    """NSFNET: tens of thousands of set-ups later no lightpath that is up is below its threshold."""
    config = load_config(
        "quick",
        {
            "general_settings": {
                "fixed_grid": True,
                "guard_slots": 0,
                "mod_assumption": "SNR_ASSUMPTIONS",
                "request_distribution": {"100": 0.2, "200": 0.4, "400": 0.4},
            },
            "traffic_settings": {"bit_rates": "distribution"},
            "topology_settings": {"bw_per_slot": 50, "cores_per_link": cores},
            "spectrum_settings": {"c_band": bands[0], "l_band": bands[1]},
            # So much power that neighbours make most of the noise.
            "snr_settings": {
                "snr_type": "gsnr",
                "input_power": 2e-3 if cores == 1 else 4e-3,
                "snr_thresholds": dict(zip(NAMES, (7.0, 9.5, 12.0, 14.0, 17.0, 20.0), strict=True)),
                "xt_noise": cores > 1,
                "snr_recheck": True,
            },
        },
    )
    inputs = read_inputs(config)
    scenario = make_scenario(config, inputs)
    requests = first_requests(scenario.traffic, load, 1, 0, 25_000)
    case = Case(config, scenario, None, requests, load)
    done, twin = run(case), twin_of(case)
    assert done.count.number[BLOCKED_BY_QUALITY] > 500
    state, rows = done.state, rows_up(case, done.state)
    twin.live = [
        Lightpath(
            Choice(int(state.path[row]), int(state.plane[row]), int(state.start[row])),
            int(state.width[row]),
            int(state.column[row]),
            0,
            0.0,
        )
        for row in rows
    ]
    assert len(rows) > 300
    for row, one in list(zip(rows, twin.live, strict=True))[::5]:
        assert state.noise.ratio[row] == pytest.approx(twin.noise(one, twin.live), rel=1e-9)
        assert twin.works(one, twin.live)
