"""What bad configurations get: every problem, in words, at once, and never a traceback."""

import os
import pickle
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion.config.config import ConfigError, Problem, load_config
from fusion.config.foreign_keys import find
from fusion.config.named_files import near_file
from fusion.config.overrides import read_overrides
from fusion.config.problems import show

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes an INI file and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "my.ini"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems(overrides: Any, template: Any = "quick") -> list[Problem]:
    """Return the problems of overrides, of which there must be some."""
    with pytest.raises(ConfigError) as error:
        load_config(template, overrides)
    assert error.value.problems
    assert len(str(error.value)) < 50_000
    return error.value.problems


def problem(overrides: Any, template: Any = "quick") -> Problem:
    """Return the only problem of overrides."""
    found = problems(overrides, template)
    assert len(found) == 1, found
    return found[0]


# --- values and keys


@pytest.mark.parametrize(
    ("section", "key", "given", "message"),
    [
        ("general_settings", "num_requests", "ten", "an integer from 1 to"),
        ("general_settings", "num_requests", 1.5, "an integer"),
        ("general_settings", "num_requests", True, "an integer"),
        ("general_settings", "num_requests", "1_000", "an integer"),
        ("general_settings", "num_requests", 0, "from 1 to 1,000,000,000,000"),
        ("general_settings", "num_requests", 10**6000, "an integer"),
        ("general_settings", "num_requests", "9" * 6000, "an integer"),
        ("general_settings", "num_requests", [1], "an integer"),
        ("general_settings", "erlang_step", 0, "a number from"),
        ("general_settings", "erlang_step", float("nan"), "a number"),
        ("general_settings", "erlang_step", "inf", "a number"),
        ("general_settings", "erlang_step", "1e999", "a number"),
        ("general_settings", "erlang_step", -(10**400), "a number"),
        ("general_settings", "erlang_step", "%(erlang_start)s", "without interpolation"),
        ("general_settings", "erlang_step", "5  # Erlang", "a comment needs a line of its own"),
        ("general_settings", "holding_time", {"a": 1}, "a number from 1e-09"),
        ("general_settings", "guard_slots", 320, "less than the slots of the largest band"),
        ("general_settings", "route_method", "xt-aware", "did you mean 'xt_aware'"),
        ("snr_settings", "beta", 1.5, "a number from 0 to 1"),
        ("snr_settings", "xt_type", "length", "one of with_length, without_length"),
        ("general_settings", "allocation_method", "first-fit", "did you mean 'first_fit'"),
        ("general_settings", "request_distribution", "{'25': 0.5}", "sum to 1; they sum to 0.5"),
        ("general_settings", "request_distribution", "{'25': 0.5, 25.0: 0.5}", "there twice"),
        ("general_settings", "request_distribution", {25: 0.5, "25": 0.5}, "there twice"),
        ("general_settings", "request_distribution", "{'a': 1}", "not a pair of numbers"),
        ("general_settings", "request_distribution", "{25: 1", "a dictionary"),
        ("general_settings", "request_distribution", "{}", "1 to 1000 bit rates"),
        ("general_settings", "request_distribution", "{'25': -1, '50': 2}", "shares from 0 to 1"),
        ("general_settings", "request_distribution", "{'-25': 1}", "bit rates above 0"),
        ("general_settings", "request_distribution", "{25: __import__('os')}", "not a pair"),
        ("general_settings", "request_distribution", "{" * 9999 + "}" * 9999, "not a pair"),
        ("general_settings", "request_distribution", 5, "a dictionary"),
        ("general_settings", "request_distribution", {25: float("nan")}, "not a pair of numbers"),
        ("topology_settings", "const_link_weight", "maybe", "True or False"),
        ("topology_settings", "const_link_weight", 2, "True or False"),
        ("topology_settings", "network", None, "must be text"),
        ("topology_settings", "network", "", "not empty"),
        ("topology_settings", "network", "NSFNt", "did you mean 'NSFNet'"),
        ("topology_settings", "network", "no/such.json", "file not found"),
        ("topology_settings", "network", "a\nb", "control characters"),
        ("topology_settings", "network", "x" * 10**6, "at most"),
        ("general_settings", "mod_assumption", "DEFALT", "did you mean 'DEFAULT'"),
        ("general_settings", "mod_assumption_path", "no/such.json", "file not found"),
        ("traffic_settings", "traffic_matrix", "\0.csv", "control characters"),
        ("spectrum_settings", "c_band", 0, "must not be 0 if all other bands are 0"),
        ("spectrum_settings", "c_band", -1, "an integer from 0 to 10,000"),
        ("topology_settings", "bw_per_slot", 1e-300, "a number from 1e-06 to 10,000"),
        ("topology_settings", "bw_per_slot", 4e-7, "a number from 1e-06 to 10,000"),
        ("simulation_settings", "warmup_requests", "automatic", "or 'auto'"),
        ("simulation_settings", "seed", 2**53, "an integer"),
        ("statistics_settings", "confidence", 1, "a number from 0.5 to 0.9999"),
    ],
    ids=lambda value: show(value, 30),
)
def test_bad_values(section: str, key: str, given: object, message: str) -> None:
    found = problem({section: {key: given}}, "default")
    assert (found.section, found.key, found.source) == (section, key, "overrides")
    assert message in found.message
    assert len(str(found)) < 1500
    assert str(found).isprintable()


@pytest.mark.parametrize(
    ("overrides", "key", "message"),
    [
        ({"general_settings": {"erlang_stop": 9}}, "erlang_stop", "at least erlang_start = 140"),
        (
            {"general_settings": {"erlang_step": 0.001}},
            "erlang_step",
            "make 80,001 loads; at most 10,000 are",
        ),
        (
            {"traffic_settings": {"bit_rate_min": 200}},
            "bit_rate_min",
            "line 33) must be at least bit_rate_min = 200",
        ),
        ({"traffic_settings": {"bit_rate_step": 0.7}}, "bit_rate_step", "must divide"),
        (
            {"traffic_settings": {"bit_rate_step": 1e-9}},
            "bit_rate_step",
            "bit rates; at most 10,000 are",
        ),
        (
            {"statistics_settings": {"stopping_rule": "precision", "min_replications": 11}},
            "min_replications",
            "at most max_iters = 10",
        ),
    ],
)
def test_contradictions(overrides: dict[str, Any], key: str, message: str) -> None:
    found = problem(overrides)
    assert found.key == key
    assert message in found.message


def test_what_was_set_last_is_what_is_wrong(write: Write) -> None:
    """The value of an override is told, with that of the template which it does not go with."""
    path = write(
        "[general_settings]\nerlang_start = 100\nerlang_stop = 200\nguard_slots = 20\n"
        "[routing_settings]\npath_choice = all\n[spectrum_settings]\nc_band = 320\nl_band = 0\n"
    )
    stop, guard, choice = (f"{path}, line {line}" for line in (3, 4, 6))
    for overrides, key, message in (
        (
            {"general_settings": {"erlang_start": 300}},
            "erlang_start",
            f"erlang_stop = 200 ({stop}) must be at least erlang_start = 300",
        ),
        (
            {"general_settings": {"erlang_start": 300, "erlang_step": 7, "max_iters": 3}},
            "erlang_start",
            f"erlang_stop = 200 ({stop}) must be at least erlang_start = 300",
        ),
        (
            {"general_settings": {"erlang_start": 300, "erlang_stop": 290}},
            "erlang_stop",
            "must be at least erlang_start = 300",
        ),
        (
            {"spectrum_settings": {"c_band": 10, "s_band": 0}},
            "c_band",
            f"guard_slots = 20 ({guard}) must be less than the slots of the largest band, 10",
        ),
        (
            {"general_settings": {"route_method": "cong_aware"}},
            "route_method",
            f"path_choice = all ({choice}) must be in_order with route_method = cong_aware",
        ),
    ):
        found = problem(overrides, path)
        assert (found.key, found.source) == (key, "overrides")
        assert found.message.startswith(message)
    path = write("[general_settings]\nerlang_start = 900000\n")
    found = problem({"general_settings": {"max_iters": 3}}, path)
    assert (found.key, found.source) == ("erlang_start", f"{path}, line 2"), "before the default"
    assert found.message.startswith("erlang_stop = ")


def test_all_problems_at_once(write: Write) -> None:
    path = write(
        "[general_settings]\nmax_iters = x\nnum_request = 5\nerlang_start = 9\nerlang_stop = 3\n"
        "[topology_setting]\nnetwork = NSFNet\n[snr_settings]\nsnr_type = snr\n"
        "[s2]\nk_paths = 3\n[routing_settings]\nno equals sign\nk_paths = 3\nk_paths = 3\n"
    )
    found = problems({"spectrum_settings": {"c_band": "wide"}, "erlang_stop": 5}, path)
    assert {(p.section, p.key) for p in found} == {
        ("general_settings", "max_iters"),
        ("general_settings", "num_request"),
        ("general_settings", "erlang_stop"),
        ("topology_setting", ""),
        ("snr_settings", "snr_type"),
        ("s2", ""),
        ("routing_settings", ""),
        ("routing_settings", "k_paths"),
        ("spectrum_settings", "c_band"),
        ("", "erlang_stop"),
    }
    lines = str(ConfigError(found)).splitlines()
    assert len(lines) == len(found)
    told = {(p.section, p.key): str(p) for p in found}
    assert f"{path}, line 2" in told["general_settings", "max_iters"]
    assert "did you mean 'num_requests'" in told["general_settings", "num_request"]
    assert "did you mean 'topology_settings'" in told["topology_setting", ""]
    assert "did you mean 'gsnr'" in told["snr_settings", "snr_type"]
    assert "overrides" in told["spectrum_settings", "c_band"]
    assert "key of general_settings" in told["", "erlang_stop"]
    assert "further processes" in told["s2", ""]


def test_an_error_can_be_pickled() -> None:
    error = ConfigError(problems({"general_settings": {"max_iters": object()}}))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_key_given_twice_with_different_values_is_an_error(write: Write) -> None:
    path = write("[general_settings]\nk_paths = 5\n[routing_settings]\nk_paths = 4\n")
    assert "is given as 5, too" in problem(None, path).message
    write("[general_settings]\nk_paths = 5\n[routing_settings]\nk_paths = 5.0\n")
    assert load_config(path).routing_settings.k_paths == 5


def test_a_key_in_the_wrong_section_is_an_error(write: Write) -> None:
    path = write("[topology_settings]\nk_paths = 5\n")
    assert problem(None, path).message == "the key belongs in [routing_settings]"


@pytest.mark.parametrize(
    ("section", "key", "value", "hint"),
    [
        ("general_settings", "save_start_end_slots", "True", "save_start_end_slots = False"),
        ("topology_settings", "save_start_end_slots", "True", "save_start_end_slots = False"),
        ("general_settings", "request_seeds", [1, 2], "seed"),
        ("general_settings", "erlangs", "{'start': 300}", "erlang_start"),
        ("snr_settings", "snr_margin", 1.0, "snr_thresholds"),
        ("file_settings", "file_type", "xlsx", "file_type = json"),
        ("ml_settings", "deploy_model", "True", "not available"),
        ("protection_settings", "protection_enabled", "perhaps", "must be True or False"),
        ("offline_rl_settings", "policy_type", "bc", "ksp_ff"),
        ("policy_settings", "policy_name", "load_balanced", "first_feasible"),
        ("dataset_logging", "log_offline_dataset", "true", "log_offline_dataset = False"),
        ("routing_settings", "routing_weight", "hops", "path_order"),
    ],
)
def test_features_that_are_not_there_are_refused(
    section: str, key: str, value: object, hint: str
) -> None:
    found = problem({section: {key: value}})
    assert (found.section, found.key) == (section, key)
    assert hint in found.message
    foreign = find(section, key)
    assert foreign is not None
    if key != "erlangs":
        harmless = {"policy_type": "ksp_ff", "policy_name": "first_feasible"}.get(key, "None")
        assert load_config("quick", {section: {key: harmless}}) == load_config("quick")


# --- files and overrides


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not UTF-8"),
        (b"[general_settings]\nmax_iters = 1\x00\n", "NUL"),
        (b"[general_settings]\nmax_iters = \x1b[31m5\n", "control character"),
        (b"max_iters = 1\n", "before the first [section]"),
        (b"[general_settings\nmax_iters = 1\n", "not a [section]"),
        (b"[general_settings]\n[general_settings]\n", "duplicate section"),
        (b"[DEFAULT]\nmax_iters = 3\n", "unknown section"),
        (b"[general_settings]\nmax_iters\n", "expected `key = value`"),
        (b"[general_settings]\n= 5\n", "expected `key = value`"),
        (b"[general_settings]\nmax_iters = 1\nMAX_ITERS = 2\n", "duplicate key, see"),
        (b"#" * (1 << 20) + b"#", "larger than"),
        (b"x\n" * 400_000, "expected `key = value`"),
        (b"[general_settings]\n" + b"x\n" * 400_000, "reading stopped"),
        (b"[" + b"a" * 900_000 + b"]\nb = 1\n", "unknown section"),
        (b"[general_settings]\n" + b"k = 1\n" * 99_999, "reading stopped"),
        (b"[general_settings]\n" + b"".join(b"k%d = 1\n" % i for i in range(9999)), "unknown key"),
    ],
    ids=lambda value: show(value, 30),
)
def test_nasty_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "nasty.ini"
    path.write_bytes(content)
    found = problems(None, path)
    assert any(message in p.message for p in found)
    assert all(str(path) in p.source for p in found)


def test_of_lines_before_the_first_section_one_is_told(write: Write) -> None:
    path = write("user = me\npassword = 1234\n[no\nplain words\n\x01\n[general_settings]\nx\n")
    first, other = problems(None, path)
    assert (first.key, first.source) == ("user", f"{path}, line 1")
    assert (other.message, other.source) == ("expected `key = value`, found: x", f"{path}, line 7")


def test_an_unknown_section_is_told_once_and_without_its_values(write: Write) -> None:
    path = write("[database]\nuser = me\npassword = 1234\n")
    found = problem(None, path)
    assert "unknown section" in found.message
    assert "1234" not in str(found)
    assert found.source == f"{path}, line 2"


def test_a_template_that_is_not_there_hides_no_other_mistake(tmp_path: Path) -> None:
    overrides = {
        "routing_settings": {"k_paths": "x"},
        "topology_settings": {"network": "./none.csv"},
        "general_settings": {"mod_assumption": "of the template"},
    }
    with pytest.raises(ConfigError) as error:
        load_config(tmp_path / "none.ini", overrides)
    assert [each.key for each in error.value.problems] == ["template", "k_paths", "network"]


@pytest.mark.parametrize(
    ("given", "near"),
    [
        *(
            ("sweeps.toml", "sweep.toml"),
            ("my_swep.toml", "my_sweep.toml"),
            ("mime.ini", "mine.ini"),
        ),
        *(
            ("where.toml", "14_where.toml"),
            ("ring.grapml", "ring.graphml"),
            ("ring", "ring.graphml"),
        ),
        *(
            ("path_order.toml", "path_orders.toml"),
            ("sweep.tml", "sweep.toml"),
            ("SWEEP", "sweep.toml"),
        ),
    ],
)
def test_a_file_is_offered_whose_name_is_alike(tmp_path: Path, given: str, near: str) -> None:
    (tmp_path / near).touch()
    assert near_file(str(tmp_path / given), None) == f"; did you mean '{near}'?"


@pytest.mark.parametrize(
    ("given", "far"),
    [
        *(("nothere.toml", "14_where.toml"), ("nowhere.ini", "14_where.ini")),
        *(("ring.toml", "grid.toml"), ("net.csv", "test.csv"), ("a.toml", "b.toml")),
        *(("base.ini", "phase.ini"), ("traffic.csv", "matrix.csv"), ("zip.toml", "clip.toml")),
    ],
)
def test_no_file_is_offered_that_has_little_but_its_ending(
    tmp_path: Path, given: str, far: str
) -> None:
    (tmp_path / far).touch()
    assert near_file(str(tmp_path / given), None) == ""


def test_of_files_alike_that_with_the_ending_is_offered(tmp_path: Path) -> None:
    for name in ("ring.csv", "ring.json", "rings.jsn"):
        (tmp_path / name).touch()
    assert "'ring.json'" in near_file(str(tmp_path / "ring.jsn"), None)


def test_templates_that_are_none(tmp_path: Path) -> None:
    assert "did you mean 'quick'" in problem(None, "quik").message
    (tmp_path / "mine.ini").write_text("")
    (tmp_path / "mime.csv").write_text("")
    for name, message in (
        ("absent.ini", "file not found"),
        ("mime.ini", f"file not found; did you mean '{tmp_path / 'mine.ini'}'?"),
        ("quik.ini", "file not found; did you mean the template 'quick'?"),
        ("none/mine.ini", f"there is no folder {tmp_path / 'none'}"),
    ):
        found = problem(None, tmp_path / name)
        assert (found.key, found.message, found.source) == ("template", message, "")
    assert problem(None, tmp_path).message == "is a folder, not a file"
    os.mkfifo(tmp_path / "pipe.ini")
    assert problem(None, tmp_path / "pipe.ini").message == "is not a regular file"
    for name in ("", "..", "../quick", "a\0b", "a\0b.ini", "x" * 10**6, "x" * 10**6 + ".ini", 5):
        problem(None, name)


@pytest.mark.parametrize(
    "overrides",
    [
        [1],
        "general_settings",
        5,
        {"general_settings": 5},
        {"general_settings": None},
        {5: {"max_iters": 1}},
        {"general_settings": {5: 1}},
        {"general_settings": {"max_iters": {"a": {"b": [1]}}}},
        {"no_such_section": {}, "general_settings": {"no_such_key": float("inf")}},
        {"general_settings": {f"k{i}": i for i in range(5000)}},
        {f"s{i}x": {"a": 1} for i in range(5000)},
        {"general_settings": {"max_iters": "x" * 10_000_000}},
        {"x" * 10_000_000: {"a": 1}},
        {"\x1b[31m": {"\x00": "\r\n"}},
    ],
    ids=lambda value: show(value, 30),
)
def test_nasty_overrides(overrides: Any) -> None:
    for found in problems(overrides):
        assert str(found).isprintable()
        assert len(str(found)) < 2000


def test_overrides_that_contain_themselves() -> None:
    deep: dict[str, Any] = {}
    deep["general_settings"] = {"max_iters": deep, "request_distribution": deep}
    assert len(problems(deep)) == 2
    nested: Any = 1
    for _ in range(100_000):
        nested = [nested]
    problem({"general_settings": {"max_iters": nested}})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("o.json", b'{"a": {"b": 1}, "a": {"b": 2}}', "there twice"),
        ("o.json", b"{", "line 1"),
        ("o.json", b"[1]", "sections of keys"),
        ("o.json", b"[" * 200_000, "nested too deeply"),
        ("o.json", b'{"a": ' + b"9" * 9999 + b"}", "integer string conversion"),
        ("o.json", b"\xff\xfe", "not UTF-8"),
        ("o.json", b" " * 10_000_000, "larger than"),
        ("o.toml", b"a = 1\na = 2\n", "line 2"),
        ("o.toml", b"a = " + b"[" * 100_000, "nested too deeply"),
        ("o.yaml", b"a: 1\n", "ends in .json or .toml"),
    ],
    ids=lambda value: show(value, 30),
)
def test_nasty_override_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        read_overrides(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_override_files_that_hold_other_things(tmp_path: Path) -> None:
    (tmp_path / "nine.json").write_text("{}")
    with pytest.raises(
        ConfigError, match=r"overrides = .*file not found; did you mean '.*nine.json'"
    ):
        read_overrides(tmp_path / "none.json")
    (tmp_path / "o.toml").write_text("[general_settings]\nmax_iters = 1979-05-27\n")
    assert problem(read_overrides(tmp_path / "o.toml")).key == "max_iters"


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(
            st.sampled_from(
                [
                    *("[general_settings]", "[s2]", "[", "]", "erlang_start", "k_paths", "7", "-"),
                    *("=", ":", "{25:1}", "{[(", "%(a)s", "None", "nan", "1e999", "#", ";", "\t"),
                    *("\n", "\r", "\u2028", "${x}", "request_distribution", "max_iters"),
                ]
            ),
            max_size=60,
        ).map(lambda words: " ".join(words).encode()),
    )
)
def test_garbage_is_a_config_or_a_config_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "garbage.ini"
        path.write_bytes(content)
        told = "no problem"
        try:
            load_config(path)
        except ConfigError as error:
            told = str(error)
        assert told.replace("\n", "").isprintable()
        assert told


def test_show() -> None:
    assert show("plain") == "plain"
    assert show("a\nb") == "'a\\nb'"
    assert len(show("x" * 1000)) == 80
    assert show(10**6000).startswith("<int")
    assert len(show({i: [i] * 100 for i in range(100)})) <= 80


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("load", "; loads are erlang_start, erlang_stop and erlang_step of general_settings"),
        ("arrival_rate", "; an arrival rate is the load divided by the mean holding time: set erl"),
        ("slots", "; the slots of each band are c_band, l_band"),
        ("replications", "; did you mean 'max_iters', of general_settings?"),
        ("topology", "; did you mean 'network', of topology_settings?"),
        ("erlang_stopp", "; did you mean 'erlang_stop'?"),
    ],
)
def test_what_a_key_is_called_elsewhere_leads_to_it(key: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config("quick", {"general_settings": {key: 1}})
    assert f"unknown key{hint}" in str(refused.value)


@pytest.mark.parametrize("key", ["rate", "net", "bandit", "grid", "modes", "pool", "steps"])
def test_a_name_that_is_unlike_all_keys_has_no_nearest(key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config("quick", {"general_settings": {key: 1}})
    assert "did you mean" not in str(refused.value)


def test_errors_of_a_file_are_told_in_the_order_of_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "study.ini"
    file.write_text(
        "[topology_settings]\nnetwork = nowhere\n[routing_settings]\nk_paths = 0\nk_path = 2\n"
        "[general_settings]\nguard_slots = -1\nerlang_start = 5\nerlang_stop = 4\nholding_tim = 2\n"
    )
    with pytest.raises(ConfigError) as error:
        load_config(file, {"general_settings": {"max_iters": 0}})
    sources = [problem.source for problem in error.value.problems]
    of_file = [int(source.rpartition(" ")[2]) for source in sources if source.startswith(str(file))]
    assert of_file == sorted(of_file)
    assert {2, 4, 5, 7, 10} <= set(of_file)
    files = [source.partition(", line")[0] for source in sources]
    assert len(set(files)) == 1 + sum(one != other for one, other in pairwise(files))
