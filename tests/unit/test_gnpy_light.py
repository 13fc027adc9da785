"""Light that GNPy judges: what is read and refused, what is propagated and kept, and that it decides."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion.config.config import Config, ConfigError, Problem
from fusion.network.propagation import reading
from fusion.network.propagation.plant import slots_of, table_of_modes
from fusion.network.propagation.propagator import Propagator, Signal, Walk
from fusion.network.propagation.walks import quality_of_walks
from fusion.results.progress import ProgressReader, ProgressState, ProgressWriter
from fusion.results.replication_file import ReplicationFile
from fusion.scenario import input_files, kept_propagation
from fusion.scenario.content import content_key
from fusion.scenario.inputs import read_inputs
from fusion.scenario.kept_propagation import KeptSignals, bundles_of
from fusion.scenario.scenario import make_scenario
from fusion.simulation import propagate_ahead as ahead
from fusion.simulation.propagate_ahead import propagate_ahead
from fusion.simulation.replication import replicate
from fusion.simulation.simulation import run
from tests.features import LINKS, gnpy_network
from tests.gnpy_scene import Scene, examples, scene

pytest.importorskip("gnpy", reason="GNPy needs Python 3.12 or older")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what is propagated in a folder of the test."""
    folder = tmp_path / "kept"
    folder.mkdir()
    monkeypatch.setattr(kept_propagation, "folder_of", lambda name: folder)
    return folder


@pytest.fixture
def network(tmp_path: Path) -> Path:
    file = tmp_path / "network.json"
    file.write_text(gnpy_network(), encoding="utf-8")
    return file


def changed(network: Path, uid: str, **params: object) -> Path:
    """Change parameters of an element in a file."""
    data = json.loads(network.read_text(encoding="utf-8"))
    (element,) = [each for each in data["elements"] if each["uid"] == uid]
    element.setdefault("params", {}).update(params)
    network.write_text(json.dumps(data), encoding="utf-8")
    return network


def problem_of(config: Config) -> Problem:
    with pytest.raises(ConfigError) as caught:
        read_inputs(config)
    (found,) = caught.value.problems
    return found


def test_numbers_are_printed_as_before(network: Path) -> None:
    """GNPy changes numpy for the whole process, and with it the bytes of pictures."""
    script = (
        "import sys; from pathlib import Path; import numpy as np; "
        "from tests.gnpy_scene import Scene, scene; from fusion.network.readers import gnpy_workbook; "
        "assert Scene(scene(Path(sys.argv[1]))).plant.modes; "
        "gnpy_workbook.read_gnpy_workbook(Path(sys.argv[1]), is_xls=True); "
        "print(repr(np.float64(1.5)))"
    )
    call = [sys.executable, "-c", script, str(network)]
    done = subprocess.run(call, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.split() == ["np.float64(1.5)"], done.stderr


def test_a_bit_rate_takes_as_many_carriers_as_it_needs(network: Path) -> None:
    plant = Scene(scene(network)).plant
    assert [(mode.name, mode.slots) for mode in plant.modes] == [
        ("mode 1", 3),
        ("mode 3", 5),
        ("mode 2", 6),
        ("mode 4", 6),
    ]
    table = table_of_modes(plant, [400.0, 50.0])
    names = {
        rate: [(table.formats[one.format].name, one.slots) for one in entries]
        for rate, entries in table.bit_rates
    }
    assert names[400.0] == [("mode 2", 6), ("mode 4", 12), ("mode 3", 10), ("mode 1", 12)]
    assert names[50.0][0] == ("mode 1", 3)
    assert set(names) == {400.0, 50.0, 100.0, 200.0, 300.0}
    assert [slots_of(hz, 12.5e9) for hz in (37.5e9, 37.6e9, 12.5e9, 1e9)] == [3, 4, 1, 1]


def test_the_first_slot_begins_where_the_first_channel_of_the_library_does(network: Path) -> None:
    plant = Scene(scene(network)).plant
    assert str(plant.band) == "191.325 to 195.075 THz"
    assert plant.centres(0)[:2] == pytest.approx((191.34375e12, 191.38125e12))
    assert plant.channels == (100, 60, 50, 50)
    guarded = scene(network, {"general_settings": {"guard_slots": 1}})
    assert Scene(guarded).plant.channels[0] == 75


@pytest.mark.parametrize(
    ("section", "values", "key", "message"),
    [
        ("spectrum_settings", {"c_band": 500}, "c_band", "191.325 to 197.575 THz"),
        ("spectrum_settings", {"c_band": 500}, "c_band", "191.275 to 196.125 THz"),
        ("spectrum_settings", {"c_band": 2}, "c_band", "slots of a carrier of some mode"),
        ("snr_settings", {"gnpy_transceiver": "Voyage"}, "gnpy_transceiver", "'Voyager'"),
        ("snr_settings", {"gnpy_band_start": 196.0}, "c_band", "196 to 199.75 THz"),
        ("topology_settings", {"network": "NSFNet"}, "network", "must be a topology of GNPy"),
    ],
)
def test_what_is_refused(
    section: str, values: dict[str, object], key: str, message: str, network: Path
) -> None:
    found = problem_of(scene(network, {section: values}))
    assert found.key == key
    assert message in found.message


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("gnpy_equipment", "{}", "GNPy does not take it"),
        (
            "gnpy_equipment",
            "[]",
            "must be an equipment library of GNPy, and this is no JSON object",
        ),
        (
            "gnpy_equipment",
            "[light]",
            "must be an equipment library of GNPy, in JSON: Expecting value",
        ),
        (
            "gnpy_equipment",
            '{"elements": [], "connections": []}',
            "must be an equipment library of GNPy, and this is a topology",
        ),
        (
            "gnpy_sim_params",
            '{"Edfa": [], "Transceiver": []}',
            "must be a file of simulation parameters of GNPy, and this is an equipment library",
        ),
        (
            "gnpy_sim_params",
            '{"nli_params": {"method": "ggn_spectrally_separated", "dispersion_tolerance": 1, '
            '"phase_shift_tolerance": 0.1, "computed_channels": [1, 900]}}',
            "its computed_channels must be among the carriers of each mode of the transceiver",
        ),
        ("gnpy_spectrum", '{"spectrum": [{"f_min": 1}]}', "GNPy does not take it"),
        (
            "gnpy_spectrum",
            '{"spectrum": [{"f_min": 193e12, "f_max": 194e12, "baud_rate": 32e9, "slot_width": 50e9,'
            ' "roll_off": 0.15}]}',
            "must have carriers over all slots, 191.325 to 195.075 THz",
        ),
        ("gnpy_sim_params", '{"nli_params": {"method": "no such"}}', "GNPy does not take it"),
    ],
)
def test_files_that_are_refused(
    key: str, text: str, message: str, network: Path, tmp_path: Path
) -> None:
    file = tmp_path / "file.json"
    file.write_text(text, encoding="utf-8")
    values: dict[str, object] = {key: str(file)}
    if key == "gnpy_spectrum":
        values["gnpy_load"] = "file"
    found = problem_of(scene(network, {"snr_settings": values}))
    assert found.key == key
    assert message in found.message


def test_a_workbook_is_refused_as_what_gnpy_would_propagate() -> None:
    """It was to be saved as CSV."""
    found = problem_of(scene(examples() / "meshTopologyExampleV2.xls"))
    assert (found.key, found.message) == (
        "network",
        "must be a topology of GNPy, a JSON file, with snr_type = gnpy",
    )


def test_an_element_that_gnpy_does_not_know_is_refused(network: Path) -> None:
    text = network.read_text(encoding="utf-8").replace("SSMF", "no such fibre")
    network.write_text(text, encoding="utf-8")
    found = problem_of(scene(network))
    assert found.key == "network"
    assert "no such fibre" in found.message


@pytest.mark.parametrize(("version", "message"), [(None, "pip install"), ("2.11", "works with")])
def test_without_gnpy(
    version: str | None, message: str, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "gnpy_version", lambda: version)
    found = problem_of(scene(network))
    assert found.key == "snr_type"
    assert message in found.message


def test_a_table_beyond_the_memory_is_refused(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_files, "_MOST_GIGABYTES", 0)
    found = problem_of(scene(network, {"routing_settings": {"k_paths": 100}}))
    assert found.key == "k_paths"
    assert "1,200 paths with 4 modes and 300 slots" in found.message


def test_shared_beginnings_change_nothing(network: Path) -> None:
    here = Scene(scene(network, {"topology_settings": {"link_directions": "shared"}}))
    walks = list(dict.fromkeys(walk for each in here.walks for walk in each))
    assert len(walks) == len(here.walks)  # each path is the way back of another
    together = here.signals(walks)
    for walk, signal in list(zip(walks, together, strict=True))[::5]:
        (alone,) = here.signals([walk])
        np.testing.assert_array_equal(alone, signal)
    again = Propagator(here.plant)
    again(walks[::-1])
    np.testing.assert_array_equal(again(walks), together)


def test_an_amplifier_that_saturates_goes_back_to_its_gain(network: Path) -> None:
    """With a stronger spectrum GNPy's amplifiers keep a lower gain for whatever comes next."""
    here = Scene(scene(network))
    propagator = Propagator(here.plant)
    walk = here.walks[0][0]
    before = propagator([walk])
    for amplifiers in propagator.designed.gains.values():
        for amplifier, _ in amplifiers:
            amplifier.effective_gain -= 3.0
    np.testing.assert_array_equal(propagator([walk]), before)


def test_half_of_the_channels_make_less_noise(network: Path) -> None:
    full, half = (
        Scene(scene(network, {"snr_settings": {"gnpy_load": load}})) for load in ("full", "half")
    )
    walk = full.walks[0][0]
    ((margin, snr),) = full.signals([walk])
    ((half_margin, half_snr),) = half.signals([walk])
    assert half.plant.channels == full.plant.channels
    assert (half_snr > snr).all()
    assert (half_snr - snr).mean() > 0.1
    np.testing.assert_allclose(half_margin - margin, half_snr - snr, atol=0.2)


def test_both_directions_must_work_where_they_share_their_slots(network: Path) -> None:
    changed(network, "fiber B-A", loss_coef=0.3)
    shared, separate = (
        Scene(scene(network, {"topology_settings": {"link_directions": kind}}))
        for kind in ("shared", "separate")
    )
    ratios = {}
    for name, here in (("shared", shared), ("separate", separate)):
        walks = [walk for each in here.walks for walk in each]
        signals: dict[Walk, Signal] = dict(zip(walks, here.signals(walks), strict=True))
        table = quality_of_walks(here.plant, here.walks, signals)
        pairs = here.paths.pairs.tolist()
        there, back = (int(here.paths.first_path[pairs.index(p)]) for p in ([0, 1], [1, 0]))
        assert here.walks[there][0][0] == "trx A"
        ratios[name] = table.ratio[there, 0, 0, 5], table.ratio[back, 0, 0, 5]
    assert ratios["shared"][0] == ratios["shared"][1] == max(ratios["separate"])
    assert ratios["separate"][0] < ratios["separate"][1]


def test_a_path_takes_its_own_one_of_parallel_fibres(network: Path) -> None:
    data = json.loads(network.read_text(encoding="utf-8"))
    for a, b in (("A", "B"), ("B", "A")):
        (fibre,) = [each for each in data["elements"] if each["uid"] == f"fiber {a}-{b}"]
        second = {**fibre, "uid": f"second {a}-{b}", "params": {**fibre["params"], "length": 130}}
        data["elements"].append(second)
        data["connections"].append({"from_node": f"roadm {a}", "to_node": second["uid"]})
        data["connections"].append({"from_node": second["uid"], "to_node": f"roadm {b}"})
    network.write_text(json.dumps(data), encoding="utf-8")
    here = Scene(scene(network))
    pair = here.paths.pairs.tolist().index([0, 1])
    of_pair = range(here.paths.first_path[pair], here.paths.first_path[pair + 1])
    by_km = {
        round(float(here.paths.length_km[path])): {
            uid.partition("_")[0] for uid in here.walks[path][0] if "A-B" in uid
        }
        for path in of_pair
        if len(here.paths.links[here.paths.first_hop[path] : here.paths.first_hop[path + 1]]) == 1
    }
    assert any("second A-B" in uid for uid in by_km[130])
    assert not any("second" in uid for uid in by_km[100])


def test_long_fibres_are_cut_into_the_parts_of_the_design(network: Path) -> None:
    changed(network, "fiber A-B", length=400)
    changed(network, "fiber B-A", length=400)
    here = Scene(scene(network))
    parts = [
        uid for each in here.walks for uid in each[0] if uid.startswith(("fiber A-B", "fiber B-A"))
    ]
    assert {uid[len("fiber A-B") :] for uid in parts} >= {"_(1/4)", "_(4/4)"}


def test_nothing_is_propagated_twice(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    propagated: list[Walk] = []

    class Counted(Propagator):
        def __call__(self, walks: Sequence[Walk]) -> Signal:
            propagated.extend(walks)
            return super().__call__(walks)

    for module in (ahead, kept_propagation):
        monkeypatch.setattr(module, "Propagator", Counted)
    two, three = (scene(network, {"routing_settings": {"k_paths": k}}) for k in (2, 3))
    news: list[tuple[int, int]] = []
    assert propagate_ahead(two, read_inputs(two), lambda: False, lambda *n: news.append(n))
    first = len(propagated)
    assert news[0] == (0, first)
    assert news[-1] == (first, first)
    make_scenario(two, read_inputs(two))
    assert len(propagated) == first
    make_scenario(three, read_inputs(three))
    assert first < len(propagated) == len(set(propagated)) == len(Scene(three).walks)
    assert propagate_ahead(three, read_inputs(three), lambda: False)
    assert len(propagated) == len(set(propagated))


def test_a_start_that_was_stopped_goes_on(network: Path) -> None:
    config = scene(network)
    inputs = read_inputs(config)
    assert inputs.plant is not None
    news: list[int] = []
    stopped = propagate_ahead(
        config, inputs, lambda: len(news) > 1, lambda done, _: news.append(done)
    )
    assert not stopped
    kept = KeptSignals(inputs.plant)
    bundles = bundles_of(Scene(config).walks)
    done = [bundle for bundle in bundles if len(kept.load(bundle)) == len(bundle.walks)]
    assert 0 < len(done) < len(bundles)
    rest: list[tuple[int, int]] = []
    assert propagate_ahead(config, inputs, lambda: False, lambda *n: rest.append(n))
    assert rest[0][1] == sum(len(bundle.walks) for bundle in bundles if bundle not in done)


def test_a_damaged_file_is_made_again(network: Path, cache: Path) -> None:
    config = scene(network)
    whole = make_scenario(config, read_inputs(config)).service
    assert whole is not None
    (file, *_) = cache.rglob("*.npz")
    file.write_bytes(file.read_bytes()[:100])
    again = make_scenario(config, read_inputs(config)).service
    assert again is not None
    np.testing.assert_array_equal(whole.quality.file_ratio, again.quality.file_ratio)


def test_what_the_files_hold_counts_and_not_their_names(network: Path, tmp_path: Path) -> None:
    library = json.loads((examples() / "eqpt_config.json").read_text(encoding="utf-8"))
    file = tmp_path / "other.json"

    def key(**values: object) -> str:
        config = scene(network, {"snr_settings": values})
        return content_key(config, read_inputs(config))

    file.write_text(json.dumps(library), encoding="utf-8")
    assert key() == key(gnpy_equipment=str(file))
    library["SI"][0]["sys_margins"] = 3
    file.write_text(json.dumps(library), encoding="utf-8")
    keys = {key(), key(gnpy_equipment=str(file)), key(gnpy_load="half"), key(gnpy_band_start=191.3)}
    assert len(keys) == 4


def result_of(network: Path, km: float) -> Any:
    links = dict.fromkeys(LINKS, km)
    network.write_text(gnpy_network(links), encoding="utf-8")
    values = {
        "request_distribution": {"400": 1.0},
        "erlang_start": 2,
        "erlang_stop": 2,
        "num_requests": 500,
    }
    config = scene(network, {"general_settings": values, "routing_settings": {"k_paths": 1}})
    return replicate(make_scenario(config, read_inputs(config)), 2.0, 0, 0)


def test_the_modes_that_work_decide_the_slots(network: Path) -> None:
    """400 Gb/s: one carrier of 6 slots over 80 km, 12 slots over 1,200 km, nothing over 9,000 km."""
    near, far, too_far = (result_of(network, km) for km in (80.0, 1200.0, 9000.0))
    assert near.traffic.blocked.sum() == far.traffic.blocked.sum() == 0
    assert near.served.slots / near.served.lightpaths == 6
    assert far.served.slots / far.served.lightpaths == 12
    assert too_far.traffic.blocked.sum() == too_far.quality.blocked_by_quality == too_far.requests
    assert near.quality.noise_to_signal < far.quality.noise_to_signal


def test_a_run_says_how_many_paths_are_propagated(network: Path, tmp_path: Path) -> None:
    config = scene(
        network,
        {
            "general_settings": {
                "num_requests": 200,
                "max_iters": 1,
                "erlang_start": 2,
                "erlang_stop": 2,
            }
        },
    )
    inputs = read_inputs(config)
    reader = ProgressReader(tmp_path / "progress.jsonl")
    file = ReplicationFile(tmp_path / "replications.jsonl", content_key(config, inputs), {})
    with closing(ProgressWriter(tmp_path / "progress.jsonl")) as progress, closing(file):
        assert run(config, inputs, tmp_path, file, progress, lambda: False)
    state, told = ProgressState(), []
    for event in reader.read():
        state.add(event)
        told.append((event["type"], state.compiling))
    paths = len({walk for each in Scene(config).walks for walk in each})
    assert told[0] == ("propagating", f"propagating paths (0 of {paths})")
    assert ("propagating", f"propagating paths ({paths} of {paths})") in told
    assert told[-1] == ("erlang_complete", "")
