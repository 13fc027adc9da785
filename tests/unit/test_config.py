"""Loading, merging and writing configurations. What bad ones get is in test_bad_config."""

import json
import logging
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fusion.config.config import (
    Config,
    ConfigError,
    ignored_keys,
    load_config,
    read_config,
    to_ini,
)
from fusion.config.foreign_keys import ALSO_IN, OF_CONVENTIONS, find
from fusion.config.foreign_keys import SECTIONS as FOREIGN_SECTIONS
from fusion.config.overrides import read_overrides
from fusion.config.relevant_fields import relevant_fields
from fusion.config.sections import (
    FIT_LABELS,
    HOME,
    PROTECTION_LABELS,
    RANKING,
    ROUTE_LABELS,
    SECTIONS,
)
from fusion.config.templates import template_names
from fusion.scenario.policies import ASSIGNED, FITS, IMPAIRMENT_FITS

Write = Callable[[str], Path]

FUSION_STYLE = """\
[general_settings]
holding_time = 0.2
mod_assumption = DEFAULT
mod_assumption_path = data/json_input/example_mods/default_mod_formats.json
erlang_start = 300
erlang_stop = 600
erlang_step = 100
thread_erlangs = False
pre_calc_mod_selection = False
max_segments = 1
dynamic_lps = False
fixed_grid = False
guard_slots = 1
num_requests = 250
request_distribution = {"25": 0.0, "50": 0.3, "100": 0.5, "200": 0.0, "400": 0.2}
max_iters = 2
spectrum_priority = None
k_paths=4
route_method = k_shortest_path
allocation_method = first_fit
blocking_type_ci = 'bit_rate'
fragmentation_metrics = ['entropy', 'rss']
save_snapshots = True
snapshot_step = 10
print_step = 1
save_step = 1
save_start_end_slots = False

[topology_settings]
network = NSFNet
bw_per_slot = 12.5
cores_per_link = 3
const_link_weight = False
is_only_core_node = True
multi_fiber = False

[spectrum_settings]
c_band = 320
guard_slots = 1

[snr_settings]
snr_type = None
input_power = 0.001
phi = {"QPSK": 1, "16-QAM": 0.68}

[rl_settings]
is_training = True
path_algorithm = dqn
some_agent_option = 3

[ml_settings]
deploy_model = False
ml_model = None

[failure_settings]
failure_type = none
failed_link_src = 0

[reporting]
export_csv = true

[file_settings]
file_type = json
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes an INI file and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "my.ini"
        path.write_text(text, encoding="utf-8")
        return path

    return write


# --- the models ----------------------------------------------------------------------------------


def test_every_key_is_in_one_section_and_tells_what_it_is() -> None:
    assert len(HOME) == sum(len(section.model_fields) for section in SECTIONS.values())
    for section in SECTIONS.values():
        for key, field in section.model_fields.items():
            assert str(field.description).endswith("."), key
            assert not field.is_required(), key


def test_schema_is_clean() -> None:
    schema = Config.model_json_schema()
    assert list(schema["properties"]) == list(SECTIONS)
    for name, model in SECTIONS.items():
        definition = schema["$defs"][model.__name__]
        for key, field in definition["properties"].items():
            assert {"title", "description", "default"} <= set(field), key
            if field.get("type") in ("integer", "number"):
                assert {"minimum", "exclusiveMinimum"} & set(field), key
                assert "maximum" in field, key
        model.model_validate({key: f["default"] for key, f in definition["properties"].items()})
        assert name.endswith("_settings")
    general = schema["$defs"]["GeneralSettings"]["properties"]
    assert general["allocation_method"]["enum"][0] == "first_fit"
    json.dumps(schema, allow_nan=False)


def test_config_is_frozen_and_can_be_pickled() -> None:
    config = load_config("quick")
    with pytest.raises(ValidationError):
        config.general_settings.max_iters = 3
    assert pickle.loads(pickle.dumps(config)) == config


def test_direct_construction_checks_the_same() -> None:
    config = Config.model_validate({"general_settings": {"erlang_start": 5, "erlang_stop": "10"}})
    assert config.loads == (5.0,)
    with pytest.raises(ValidationError, match="erlang_start = 50"):
        Config.model_validate({"general_settings": {"erlang_start": 50, "erlang_stop": 10}})
    with pytest.raises(ValidationError):
        Config.model_validate({"general_settings": {"erlang": 50}})


@pytest.mark.parametrize(
    ("start", "stop", "step", "loads"),
    [
        (300, 1200, 300, (300.0, 600.0, 900.0, 1200.0)),
        (0.1, 0.5, 0.1, (0.1, 0.2, 0.3, 0.4, 0.5)),
        (150, 250, 30, (150.0, 180.0, 210.0, 240.0)),
        (7, 7, 1e-6, (7.0,)),
        (1.1, 2, 1e6, (1.1,)),
    ],
)
def test_loads(start: float, stop: float, step: float, loads: tuple[float, ...]) -> None:
    general = {"erlang_start": start, "erlang_stop": stop, "erlang_step": step}
    assert load_config("quick", {"general_settings": general}).loads == loads


def test_policy_warmup_and_bit_rates() -> None:
    config = load_config("default", {"general_settings": {"allocation_method": "last_fit"}})
    assert config.policy == "ksplf"
    labels = {
        load_config(
            "quick",
            {
                "general_settings": {"allocation_method": fit},
                "routing_settings": {"path_choice": choice},
            },
        ).policy
        for fit in FITS | ASSIGNED
        for choice in ("in_order", "all")
    }
    assert len(labels) == 2 * len(FITS | ASSIGNED)
    routes = {*ROUTE_LABELS.values(), *PROTECTION_LABELS.values()}
    fits = set(FIT_LABELS.values())
    assert FIT_LABELS.keys() == FITS.keys() | ASSIGNED.keys() | IMPAIRMENT_FITS.keys()
    assert len(fits) == len(FIT_LABELS)
    assert len(routes) == len({*ROUTE_LABELS, *PROTECTION_LABELS}) - 1  # 1plus1 is there twice
    routes |= {
        backup + ROUTE_LABELS[method]
        for backup in PROTECTION_LABELS.values()
        for method in (*RANKING, "external_ksp")
    }
    pairs = [*product(routes, fits), *product(fits, routes)]
    assert len({"".join(pair) for pair in pairs}) == len(pairs) - 1  # xa
    assert {"kspff", "ffksp", "lfksp", "kspmu", "ksppl"} <= labels
    ranked = {"general_settings": {"route_method": "congestion_aware"}}
    assert load_config("quick", ranked).policy == "caff"
    for mode, label in (("1plus1", "1p1caff"), ("shared_backup", "sbppcaff")):
        backup = {"protection_mode": mode, "revert_to_primary": True}
        assert load_config("quick", {**ranked, "protection_settings": backup}).policy == label
    aware = {"general_settings": {"route_method": "nli_aware", "allocation_method": "xt_aware"}}
    assert load_config("quick", aware).policy == "naxa"
    assert config.warmup_requests(300) == 0
    assert load_config("quick").warmup_requests(0.07) == 2
    assert load_config("quick").warmup_requests(170) == 3400
    shares = load_config("quick").bit_rate_shares
    assert list(shares)[:2] == [25.0, 26.0]
    assert len(shares) == 76
    zero = {"general_settings": {"request_distribution": {"100": 1, "25": 0}}}
    assert load_config("default", zero).bit_rate_shares == {100.0: 1.0}


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "key", "given", "value"),
    [
        ("general_settings", "num_requests", "1e6", 1_000_000),
        ("general_settings", "num_requests", 300.0, 300),
        ("general_settings", "num_requests", " 12 ", 12),
        ("general_settings", "erlang_step", ".5", 0.5),
        ("topology_settings", "const_link_weight", "True", True),
        ("topology_settings", "const_link_weight", "no", False),
        ("topology_settings", "const_link_weight", 1, True),
        ("general_settings", "spectrum_priority", None, "None"),
        ("general_settings", "mod_assumption_path", None, ""),
        ("traffic_settings", "traffic_matrix", "None", ""),
        ("simulation_settings", "warmup_requests", "Auto", "auto"),
        ("simulation_settings", "warmup_requests", "0", 0),
        ("simulation_settings", "seed", str(2**53 - 1), 2**53 - 1),
        ("general_settings", "request_distribution", '{"25": 0.4, "100": .6}', {25: 0.4, 100: 0.6}),
        ("general_settings", "request_distribution", "{'100': 0.6, 25: 0.4,}", {25: 0.4, 100: 0.6}),
        ("general_settings", "request_distribution", {100: 0.6, "25": "0.4"}, {25: 0.4, 100: 0.6}),
    ],
)
def test_values_are_read(section: str, key: str, given: object, value: object) -> None:
    config = load_config("default", {section: {key: given}})
    assert getattr(getattr(config, section), key) == value


def test_contradictions_of_modes_that_are_off_do_not_matter() -> None:
    load_config("default", {"traffic_settings": {"bit_rate_min": 200}})
    load_config("default", {"statistics_settings": {"min_replications": 50}})


def test_shortest_path_has_one_path(write: Write) -> None:
    path = write("[general_settings]\nroute_method = shortest_path\nk_paths = 4\n")
    assert load_config(path).routing_settings.k_paths == 1
    assert [p.key for p in ignored_keys(path)] == ["k_paths"]
    with pytest.raises(ValidationError, match="k_paths must be 1"):
        Config.model_validate({"general_settings": {"route_method": "shortest_path"}})


# --- places, precedence, paths -------------------------------------------------------------------


def test_precedence(write: Write) -> None:
    path = write("[general_settings]\nmax_iters = 7\nnum_requests = 9\n")
    general = load_config(path, {"General_Settings": {"NUM_REQUESTS": 11}}).general_settings
    assert (general.max_iters, general.num_requests, general.guard_slots) == (7, 11, 1)


def test_a_key_may_stand_where_fusion_puts_it(write: Write) -> None:
    path = write(
        "[general_settings]\nnetwork = USNet\nk_paths = 5\nseed = 42\n"
        "[routing_settings]\nroute_method = k_shortest_path\nk_paths = 5\n"
        "[spectrum_settings]\nguard_slots = 0\nallocation_method = last_fit\n"
    )
    config = load_config(path)
    assert config.topology_settings.network == "USNet"
    assert config.routing_settings.k_paths == 5
    assert config.simulation_settings.seed == 42
    assert config.general_settings.guard_slots == 0
    assert config.policy == "ksplf"
    changed = load_config(path, {"routing_settings": {"k_paths": 2}})
    assert changed.routing_settings.k_paths == 2


def test_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ini").mkdir()
    (tmp_path / "ini" / "net.txt").write_text("a\tb\t1\n")
    (tmp_path / "traffic.csv").write_text("0,1\n1,0\n")
    path = tmp_path / "ini" / "my.ini"
    path.write_text("[topology_settings]\nnetwork = net.txt\n")
    monkeypatch.chdir(tmp_path)
    config = load_config("ini/my.ini", {"traffic_settings": {"traffic_matrix": "traffic.csv"}})
    assert config.topology_settings.network == str(tmp_path / "ini" / "net.txt")
    assert config.traffic_settings.traffic_matrix == str(tmp_path / "traffic.csv")
    (tmp_path / "frozen.ini").write_text(to_ini(config))
    assert load_config(tmp_path / "frozen.ini") == config


def test_the_tables_of_fusion_are_the_shipped_ones_unless_there_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "my.ini"
    tables = "data/json_input/example_mods/default_mod_formats.json"
    path.write_text(f"[general_settings]\nmod_assumption_path = {tables}\n")
    assert load_config(path).general_settings.mod_assumption_path == ""
    assert [p.key for p in ignored_keys(path)] == ["mod_assumption_path"]
    (tmp_path / tables).parent.mkdir(parents=True)
    (tmp_path / tables).write_text("{}")
    assert load_config(path).general_settings.mod_assumption_path == str(tmp_path / tables)
    assert ignored_keys(path) == []


# --- FUSION's files ------------------------------------------------------------------------------


def test_a_file_of_fusion_loads(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    path = write(FUSION_STYLE)
    with caplog.at_level(logging.WARNING):
        config = load_config(path)
    assert [record.name for record in caplog.records] == ["fusion.config"]
    assert "[rl_settings] is_training, path_algorithm, some_agent_option" in caplog.text
    assert config.general_settings.num_requests == 250
    assert config.routing_settings.k_paths == 4
    assert config.bit_rate_shares == {50.0: 0.3, 100.0: 0.5, 400.0: 0.2}
    ignored = {(p.section, p.key) for p in ignored_keys(path)}
    assert {("general_settings", "save_step"), ("topology_settings", "multi_fiber")} <= ignored
    given = {line.partition("=")[0].strip() for line in FUSION_STYLE.splitlines() if "=" in line}
    assert {key for _, key in ignored} | set(HOME) >= given
    assert load_config(write(to_ini(config))) == config


def test_a_load_without_ignored_keys_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        load_config("quick")
    assert not caplog.records


def test_no_key_is_both_ours_and_foreign() -> None:
    switches = {key for _, key in OF_CONVENTIONS}  # ours with FUSION's conventions alone
    for key in HOME:
        for section in FOREIGN_SECTIONS:
            foreign = find(section, key)
            known = (
                section in ALSO_IN.get(key, ()) or section == "general_settings" or key in switches
            )
            assert foreign is None or known or foreign is find(section, "*")


# --- text ----------------------------------------------------------------------------------------


def test_indented_keys_and_values_over_several_lines(write: Write) -> None:
    path = write(
        "\ufeff[general_settings]\r\n  max_iters = 3\r\n  num_requests : 5\r\n; a comment\r\n"
        'request_distribution = {"25": 0.5,\r\n    # half\r\n    "50": 0.5}\r\nguard_slots = 0\r\n'
    )
    general = load_config(path).general_settings
    assert (general.max_iters, general.num_requests, general.guard_slots) == (3, 5, 0)
    assert general.request_distribution == {25.0: 0.5, 50.0: 0.5}


def test_override_files(tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text('{"general_settings": {"max_iters": 4}}')
    (tmp_path / "o.toml").write_text("[general_settings]\nmax_iters = 4\n")
    expected = {"general_settings": {"max_iters": 4}}
    assert read_overrides(tmp_path / "o.json") == read_overrides(str(tmp_path / "o.toml"))
    assert read_overrides(tmp_path / "o.toml") == expected


# --- writing and the content ---------------------------------------------------------------------


def _value(key: str, schema: dict[str, Any]) -> st.SearchStrategy[object]:
    """Return values that a key takes, whatever the others are."""
    if key in (
        "network",
        "mod_assumption",
        "mod_assumption_path",
        "traffic_matrix",
        "paths_file",
        "quality_file",
        "gnpy_equipment",
        "gnpy_transceiver",
        "gnpy_load",
        "gnpy_spectrum",
        "gnpy_sim_params",
    ):
        return st.just(schema["default"])
    if key in ("erlang_start", "erlang_step"):
        return st.floats(0.5, 500)
    if key == "erlang_stop":
        return st.floats(500, 1000)
    if key in ("bit_rate_min", "bit_rate_max", "bit_rate_step"):
        return st.just(schema["default"])
    if key == "guard_slots":
        return st.integers(0, 9)
    if key == "c_band":
        return st.integers(10, 400)
    if key == "request_distribution":
        return st.floats(0, 1).map(lambda share: {12.5: share, 1 / 3: 1 - share})
    if key == "route_method":
        return st.just("k_shortest_path")
    if key == "stopping_rule":
        return st.just("fixed")
    if key in ("failure_type", "conventions", "protection_mode"):
        return st.just("none")
    if key in ("snr_type", "dynamic_lps", "load_per_core", "is_training"):
        return st.just(schema["default"])
    if key in ("pre_calc_mod_selection", "save_start_end_slots", "k_paths_in_file"):
        return st.just(schema["default"])
    if key in ("failed_link_src", "failed_link_dst", "failed_node_id", "geo_center_node"):
        return st.sampled_from(["", "1", "Berlin"])
    if key == "failed_link_name":
        return st.sampled_from(["", "north", 3])
    if key == "length_key":
        return st.sampled_from(["", "weight", "Length (km)"])
    if key == "geo_center_point":
        return st.sampled_from(["", "-74.0, 40.7"])
    if key == "srlg_links":
        return st.sampled_from(["", "[(1, 2)]", "[(a, b), (2, 3, north)]"])
    if key == "further_failures":
        return st.sampled_from(["", "[{'failed_node_id': 3}]", [{"t_fail_time": 2.5}, {}]])
    if key == "policy":
        return st.sampled_from(["", "none"])
    if key == "warmup_requests":
        return st.one_of(st.just("auto"), st.integers(0, 10**12))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "object":
        names = st.sampled_from(["QPSK", "16-QAM", "my format"])
        return st.dictionaries(names, st.floats(-50, 1000), min_size=1)
    if schema["type"] == "boolean":
        return st.booleans()
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    lowest = schema.get("minimum", schema.get("exclusiveMinimum"))
    return st.floats(lowest, schema["maximum"], exclude_min="exclusiveMinimum" in schema)


_VALUES = {
    section: st.fixed_dictionaries(
        {}, optional={k: _value(k, s) for k, s in model.model_json_schema()["properties"].items()}
    )
    for section, model in SECTIONS.items()
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries(_VALUES))
def test_what_is_written_is_read(values: dict[str, dict[str, object]]) -> None:
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        if any(one["loc"] for one in error.errors()):  # each value is right by itself
            raise
        reject()  # they contradict each other
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frozen.ini"
        path.write_text(to_ini(config), encoding="utf-8")
        assert load_config(path) == config
        assert ignored_keys(path) == []
    assert load_config("default", config.model_dump()) == config
    assert load_config("default", json.loads(config.model_dump_json())) == config


def test_to_ini_has_every_key() -> None:
    text = to_ini(load_config("quick"))
    for key in HOME:
        assert f"\n{key} = " in text
    assert "erlang_start = 140\n" in text


def test_relevant_fields(write: Write) -> None:
    assert relevant_fields(load_config(write(""))) == {}
    same = {
        "general_settings": {"erlang_start": 300, "spectrum_priority": "CSB"},
        "simulation_settings": {"workers": 3},
        "traffic_settings": {"bit_rate_max": 400},
        "statistics_settings": {"look_ahead": 7},
    }
    assert relevant_fields(load_config(write(""), same)) == {}
    config = load_config(write(""), {"general_settings": {"erlang_start": "12.0", "max_iters": 3}})
    assert relevant_fields(config) == {
        "general_settings.erlang_start": 12,
        "general_settings.max_iters": 3,
    }
    one_path = load_config(write(""), {"routing_settings": {"k_paths": 1}})
    shortest = load_config(write(""), {"general_settings": {"route_method": "shortest_path"}})
    assert relevant_fields(shortest) == relevant_fields(one_path)


# --- the rest ------------------------------------------------------------------------------------


def test_user_templates(tmp_path: Path) -> None:
    (tmp_path / "mine.ini").write_text("[general_settings]\nmax_iters = 3\n")
    (tmp_path / "quick.ini").write_text("[general_settings]\nmax_iters = 4\n")
    (tmp_path / "notes.txt").write_text("no template")
    names = template_names(tmp_path)
    assert {"mine", "quick", "default"} <= set(names)
    assert "notes" not in names
    assert load_config("mine", templates_dir=tmp_path).general_settings.max_iters == 3
    assert load_config("quick", templates_dir=tmp_path).general_settings.max_iters == 4
    with pytest.raises(ConfigError, match="cannot be listed"):
        template_names(tmp_path / "none")


def test_importing_is_cheap() -> None:
    """The command line answers `--help` and bad configurations without the numeric libraries."""
    code = "import sys, fusion.config.config; fusion.config.config.load_config('quick'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "numba", "networkx", "pandas", "prefect", "configparser"}


def test_checking_all_of_a_config_loads_no_compiler() -> None:
    """The flow and the command line check what the simulator, another process, will compute."""
    code = (
        "import sys; from fusion import load_config, read_inputs\n"
        "over = {'snr_settings': {'snr_type': 'gsnr'}, 'general_settings': {'route_method': 'nli_aware'}}\n"
        "read_inputs(load_config('quick', over)); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"numba", "pandas", "matplotlib", "prefect"}


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (
            {"general_settings": {"request_distribution": {"100": 1}}},
            ['request_distribution = {"100": 1}: has no effect with bit_rates = uniform'],
        ),
        (
            {"failure_settings": {"failed_link_src": "A", "mtbf": 3}},
            [
                "failed_link_src = A: has no effect with failure_type = none",
                "mtbf = 3: has no effect with failure_type = none",
            ],
        ),
        (
            {"statistics_settings": {"relative_precision": 0.01}},
            ["relative_precision = 0.01: has no effect with stopping_rule = fixed"],
        ),
        (
            {"statistics_settings": {"relative_precision": 0.01, "stopping_rule": "precision"}},
            [],
        ),
        (
            {"snr_settings": {"snr_type": "gsnr", "recheck_crossband": False}},
            [
                "recheck_crossband = False: has no effect with snr_type = gsnr and the other keys beside it"
            ],
        ),
        ({"failure_settings": {"failed_link_src": ""}}, []),
    ],
)
def test_an_override_without_effect_is_told(
    overrides: dict[str, dict[str, object]], told: list[str]
) -> None:
    overrides = {"traffic_settings": {"bit_rates": "uniform"}} | overrides
    notes = read_config("quick", overrides).notes
    assert [note.partition("] ")[2] for note in notes] == told
