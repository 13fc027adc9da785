"""A policy of the user's is checked before anything starts, and told with file and line what is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusion.config.config import Config, ConfigError, load_config
from fusion.config.other_names import meant_key
from fusion.scenario.content import content_key
from fusion.scenario.inputs import Inputs, read_inputs
from fusion.scenario.policy.file import PolicyFileError, checked
from fusion.scenario.policy.source import PolicyFile, PolicySource
from fusion.scenario.scenario import make_scenario
from fusion.simulation.replication import replicate
from fusion.sweep.definition import Sweep
from fusion.sweep.point_file import from_text, to_text
from fusion.sweep.points import sweep_points
from tests.twin.user_policies import FIRST_FIT, HELPED, WRONG

HEAD = "from fusion.request import BLOCKED, first_fit, width\n"


GSNR: dict[str, Any] = {
    "general_settings": {
        "request_distribution": {"400": 1.0},
        "max_segments": 4,
        "mod_assumption": "SNR_ASSUMPTIONS",
    },
    "traffic_settings": {"bit_rates": "distribution"},
    "snr_settings": {"snr_type": "gsnr"},
}


def test_the_name_of_a_built_in_policy_is_shown_as_written_with_a_hint(tmp_path: Path) -> None:
    file = tmp_path / "mine.ini"
    file.write_text("[routing_settings]\npolicy = KSP-FF\n")
    with pytest.raises(ConfigError) as error:
        load_config(str(file))
    (problem,) = error.value.problems
    assert problem.value == "KSP-FF"
    assert problem.message.endswith(
        "a built-in policy is chosen by path_choice and allocation_method"
    )
    for name in ("KSP-FF", "kspff", "ksp_ff"):
        assert "path_choice = in_order with allocation_method = first_fit" in meant_key(name)
    assert "path_choice = all with" in meant_key("FF-KSP")


def config_of(policy: Path | str, function: str = "choose", **keys: Any) -> Config:
    routing = {"policy": f"{policy}:{function}"}
    return load_config("quick", {"routing_settings": routing, **keys})


def problem(path: Path, text: str, function: str = "choose") -> str:
    """Return the one thing that is wrong with a policy, without where the config came from."""
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_inputs(config_of(path, function))
    (found,) = error.value.problems
    assert found.key == "policy"
    return found.message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def choose(request)\n    return 1\n", "line 1: is not valid Python: expected ':'"),
        (HEAD + "def other(request):\n    return BLOCKED\n", "no function 'choose'; it has other"),
        (
            HEAD + "def choose():\n    return BLOCKED\n",
            "line 2: choose takes (); a policy takes one",
        ),
        (HEAD + "def choose(a, b):\n    return BLOCKED\n", "line 2: choose takes (a, b); a policy"),
        (HEAD + "def choose(r):\n    return fist_fit(r, 0, 0)\n", "did you mean 'first_fit'?"),
        (
            HEAD + "def choose(r):\n    return last_fit(r, 0, 0)\n",
            "from fusion.request import last_fit",
        ),
        (HEAD + "def choose(r):\n    return [0, 0, 0]\n", "line 3: a list: a policy has numbers"),
        (HEAD + "def choose(r):\n    return\n", "line 3: returns nothing; return BLOCKED"),
        (
            HEAD + "def choose(r):\n    return None\n",
            "BLOCKED is what says that nothing was chosen",
        ),
        (
            HEAD + "def choose(r):\n    print(r.paths)\n    return BLOCKED\n",
            "FUSION_PLAIN_POLICY=1",
        ),
        (
            HEAD + "def choose(r):\n    return r.free\n",
            "line 3: a request has no 'free'; it has source",
        ),
        (HEAD + "def choose(r):\n    return choose(r)\n", "line 2: 'choose' calls itself"),
        (
            HEAD + "from numpy import zeros\ndef choose(r):\n    return BLOCKED\n",
            "'numpy.py' is not there",
        ),
        (
            HEAD + "import os\ndef choose(r):\n    return BLOCKED\n",
            "line 2: 'os' is not allowed: a policy may import from math and fusion.request, and from",
        ),
        (
            HEAD + "import os.path\ndef choose(r):\n    return BLOCKED\n",
            "line 2: 'os.path' is not allowed: a policy may import from math",
        ),
        (
            HEAD + "import math as m\ndef choose(r):\n    return BLOCKED\n",
            "line 2: write: import math; or from math import ...",
        ),
        (
            HEAD + "import fusion.request\ndef choose(r):\n    return BLOCKED\n",
            "line 2: write: from fusion.request import ...",
        ),
        (
            HEAD + "import helper\ndef choose(r):\n    return BLOCKED\n",
            "line 2: write: from helper import ..., for a file helper.py in the policy's folder",
        ),
        ("from math import tan2\ndef choose(r):\n    return r\n", "line 1: math has no 'tan2'"),
        (
            "from helper import x\ndef choose(r):\n    return x\n",
            "line 1: 'helper.py' is not there",
        ),
        (HEAD + "A = open\ndef choose(r):\n    return A\n", "line 2: 'open' is not there"),
        (f"X = ({'1, ' * 4001})\ndef choose(r):\n    return X\n", "line 1: a tuple of 4,001 items"),
        (HEAD + "@staticmethod\ndef choose(r):\n    return BLOCKED\n", "no decorator"),
        (
            HEAD + "for i in (1, 2):\n    pass\ndef choose(r):\n    return BLOCKED\n",
            "line 2: a file has",
        ),
    ],
)
def test_against_the_rules(text: str, told: str, tmp_path: Path) -> None:
    message = problem(tmp_path / "mine.py", text)
    assert message.startswith(("mine.py, line ", "mine.py: "))
    assert told in message


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return 0, 0", "line 3: choose returned (0, 0); it must return (path, plane, start)"),
        ("return 0, 0, 0.0", "line 3: choose returned (0, 0, 0.0); it must return"),
        ("return 0, 0, True", "line 3: choose returned (0, 0, True); it must return"),
        ("if r.paths < 0:\n        return BLOCKED", "line 3: choose returned nothing; it must"),
        ("return r.paths, 0, 0", "there are 3 paths, numbered from 0"),
        ("return 0, 1, 0", "returned (0, 1, 0); there are 1 planes, numbered from 0"),
        ("return 0, 0, 99", "slots; slots 99 to 1"),
        ("return 0, 0, 0", "are not free on every link of the path"),
        ("return 2, 0, first_fit(r, 3, 0)", "line 3: IndexError: there is no path of this number"),
        ("return 0, 0, 1 // (r.paths - 3)", "line 3: ZeroDivisionError: integer division"),
        ("while True:\n        pass", "lines for one request: does it ever end?"),
        ("raise ValueError('no way')", "line 3: ValueError: no way"),
    ],
)
def test_goes_wrong_on_the_tiny_network(body: str, told: str, tmp_path: Path) -> None:
    text = f"{HEAD}def choose(r):\n    {body}\n"
    message = problem(tmp_path / "mine.py", text)
    assert message.startswith("mine.py, line ")
    assert told in message


TOO_LARGE = "OverflowError: an integer of more than 4,096 bits; compiled ones have 64"
TOO_MANY = "OverflowError: more than 4,000 items in one operation"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("int(1e400)", "OverflowError: cannot convert float infinity to integer"),
        ("10 ** 10 ** 10", TOO_LARGE),
        ("1 << 10 ** 10", TOO_LARGE),
        ("round(5, -10 ** 9)", TOO_LARGE),
        ("math.factorial(10 ** 7)", TOO_LARGE),
        ("math.perm(10 ** 9, 10 ** 8)", TOO_LARGE),
        ("math.comb(10 ** 9, 10 ** 8)", TOO_LARGE),
        ("(1,) * 10 ** 10", TOO_MANY),
        ("max(range(10 ** 12))", TOO_MANY),
        ("0.5 in range(10 ** 12)", TOO_MANY),
        ("1 not in (0, math.fsum(range(10 ** 12)))", TOO_MANY),
    ],
)
@pytest.mark.parametrize("place", ["constant", "function"])
def test_no_operation_takes_long(value: str, told: str, place: str, tmp_path: Path) -> None:
    """A constant is computed when a file is read."""
    lines = {
        "constant": f"X = {value}\ndef choose(r):\n    return BLOCKED\n",
        "function": f"def choose(r):\n    x = {value}\n    return BLOCKED\n",
    }
    message = problem(tmp_path / "mine.py", f"{HEAD}import math\n{lines[place]}")
    assert message == f"mine.py, line {4 if place == 'function' else 3}: {told}"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("10 ** 10 ** 10", TOO_LARGE),
        ("math.factorial(10 ** 7)", TOO_LARGE),
    ],
)
def test_nor_has_the_default_of_an_argument_such_a_value(
    value: str, told: str, tmp_path: Path
) -> None:
    text = f"{HEAD}import math\ndef choose(r, x={value}):\n    return BLOCKED\n"
    assert problem(tmp_path / "mine.py", text) == f"mine.py, line 3: {told}"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("x = 2\n    while True:\n        x *= x", f"line 5: {TOO_LARGE}"),
        ("x = (1,)\n    while True:\n        x = x + x", f"line 5: {TOO_MANY}"),
        (
            "while True:\n        first_fit(r, 0, 0)",
            "line 4: choose has executed 2,000,000 lines for one request: does it ever end?",
        ),
    ],
)
def test_no_request_takes_long(body: str, told: str, tmp_path: Path) -> None:
    """Lines of the functions that a policy calls count, too."""
    message = problem(tmp_path / "mine.py", f"{HEAD}def choose(r):\n    {body}\n")
    assert message == f"mine.py, {told}"


def test_a_constant_that_a_function_beside_it_never_returns(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def least(x):\n    while True:\n        x += 1\n")
    text = HEAD + "from helper import least\nX = least(1)\ndef choose(r):\n    return BLOCKED\n"
    message = problem(tmp_path / "mine.py", text)
    assert message.startswith("helper.py, line ")
    assert "has executed 2,000,000 lines to compute its constants: does it ever end?" in message


def test_time_is_limited_where_lines_take_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fusion.scenario.policy.trial.MOST_SECONDS", 0.01)
    message = problem(
        tmp_path / "mine.py", f"{HEAD}def choose(r):\n    while True:\n        first_fit(r, 0, 0)\n"
    )
    assert "choose has worked for 0.01 s for one request: does it ever end?" in message


def test_numbers_of_more_than_64_bits_may_come_and_go(tmp_path: Path) -> None:
    """As in a random number that is made by hand: compiled integers drop what is above."""
    path = tmp_path / "mine.py"
    path.write_text(
        f"{HEAD}def choose(r):\n    x = 2 ** 62 * (r.paths + 3) % 8\n    return BLOCKED\n"
    )
    read_inputs(config_of(path))


@pytest.mark.parametrize(
    ("constant", "value", "told"),
    [
        ("BIG = 10**400", "BIG", "mine.py, line 4: BIG is an integer of more than 64 bits"),
        (
            "BIG = (1, -(2**64))",
            "BIG[1]",
            "mine.py, line 4: BIG is an integer of more than 64 bits",
        ),
        ("", "10**30", "mine.py, line 4: a number is an integer of more than 64 bits"),
    ],
)
def test_an_integer_that_cannot_be_compiled_is_told_with_its_line(
    constant: str, value: str, told: str, tmp_path: Path
) -> None:
    text = f"{HEAD}{constant}\ndef choose(r):\n    return (0, 0, 0) if r.paths == {value} else BLOCKED\n"
    message = problem(tmp_path / "mine.py", text)
    assert message == f"{told}; compiled ones have 64"


def test_a_file_that_is_not_utf8_is_not_told_of_spreadsheets(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    for code, told in (
        ("cp1252", "not UTF-8 text: byte 2 is 0xe4; "),
        ("utf-16", "UTF-16, and not UTF-8: "),
    ):
        path.write_bytes(f"# ä\n{HEAD}".encode(code))
        with pytest.raises(ConfigError) as error:
            read_inputs(config_of(path))
        message = error.value.problems[0].message
        assert message.endswith(f"'mine.py' {told}save it as UTF-8"), message


RARE = "if r.arrival_time > 1e9:\n        "


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            RARE + "return 0, 0, 0.5",
            "returns (int, int, float); it must return (path, plane, start)",
        ),
        (RARE + "return 0, 0, first_fit(r, 0)", "line 4: choose cannot be compiled: Cannot bind"),
        (
            RARE + "return 0, 0, len(r.paths)",
            "line 4: choose cannot be compiled: len cannot be done",
        ),
        (
            "best = (1, 2)\n    for n in range(0):\n        best = n\n    if best == 3:\n        pass",
            "'best' is (int, int) and then int: a variable keeps its type",
        ),
    ],
)
def test_cannot_be_compiled(body: str, told: str, tmp_path: Path) -> None:
    message = problem(
        tmp_path / "mine.py", f"{HEAD}def choose(r):\n    {body}\n    return BLOCKED\n"
    )
    assert message.startswith("mine.py")
    assert told in message
    assert "\n" not in message
    assert "numba" not in message


def test_a_config_names_file_and_function(tmp_path: Path) -> None:
    for value in ("mine.py", "mine:choose", "mine.py:", "mine.py:1st", "mine.txt:choose"):
        with pytest.raises(ConfigError, match=r"such as my_policy\.py:choose"):
            load_config("quick", {"routing_settings": {"policy": value}})
    with pytest.raises(ConfigError, match="file not found"):
        config_of(tmp_path / "mine.py")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("protection_settings", "protection_mode", "1plus1"),
        ("compatibility_settings", "conventions", "fusion"),
    ],
)
def test_what_a_policy_cannot_be_had_with(
    section: str, key: str, value: object, tmp_path: Path
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(FIRST_FIT)
    with pytest.raises(ConfigError) as error:
        config_of(path, **{section: {key: value}})
    assert "policy" in {problem.key for problem in error.value.problems}


def test_files_lie_in_the_folders_that_may_be_read(tmp_path: Path) -> None:
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    allowed.mkdir()
    outside.mkdir()
    (outside / "mine.py").write_text(FIRST_FIT)
    overrides = {"routing_settings": {"policy": f"{outside / 'mine.py'}:choose"}}
    with pytest.raises(ConfigError, match="lies outside the folders"):
        load_config("quick", overrides, input_dirs=[allowed])
    with pytest.raises(ConfigError, match="lies outside the folders"):
        read_inputs(load_config("quick", overrides), input_dirs=[allowed])
    # What it imports from beside it is not let out by a link.
    (allowed / "mine.py").write_text(
        "from helper import choose\n" + FIRST_FIT.replace("choose", "go")
    )
    os.symlink(outside / "mine.py", allowed / "helper.py")
    config = config_of(allowed / "mine.py", "go")
    read_inputs(config)
    with pytest.raises(ConfigError, match=r"mine\.py, line 1: 'helper\.py' lies outside"):
        read_inputs(config, input_dirs=[allowed])


def inputs_of(path: Path, text: str, **helpers: str) -> tuple[Config, Inputs]:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    for name, content in helpers.items():
        (path.parent / f"{name}.py").write_text(content)
    config = config_of(path)
    return config, read_inputs(config)


def test_the_content_of_all_files_counts_and_not_where_they_lie(tmp_path: Path) -> None:
    text = "from limit import LIMIT\n" + FIRST_FIT.replace("start >= 0", "start >= LIMIT")
    keys = [
        content_key(*inputs_of(tmp_path / folder / name, text + end, limit=f"LIMIT = {limit}\n"))
        for folder, name, end, limit in (
            ("a", "mine.py", "", 0),
            ("b", "other.py", "", 0),
            ("a", "mine.py", "", 1),
            ("a", "mine.py", "# edited\n", 0),
        )
    ]
    assert keys[0] == keys[1]
    assert len({*keys, content_key(config := load_config("quick"), read_inputs(config))}) == 4
    # What the policy stands in for does not count, and what it is asked for does.
    for general, same in (({"allocation_method": "best_fit"}, True), ({"guard_slots": 3}, False)):
        config = config_of(tmp_path / "b" / "other.py", general_settings=general)
        assert (content_key(config, read_inputs(config)) == keys[0]) == same


def test_points_take_the_source_with_them(tmp_path: Path) -> None:
    """Two policies and the built-in one on an axis; elsewhere the points are the same without the files."""
    inputs_of(tmp_path / "helped.py", HELPED, helper="FIRST = 1\n")
    inputs_of(tmp_path / "mine.py", FIRST_FIT)
    policies = ["", *(f"{tmp_path / name}.py:choose" for name in ("mine", "helped"))]
    general = {"num_requests": 2000, "max_iters": 1}
    sweep = Sweep(
        template="quick",
        grid={"policy": policies, "erlang": [200]},
        overrides={"general_settings": general},
    )
    points = sweep_points(sweep)
    names = [point.axes["policy"] for point in points]
    assert names == ["kspff", "mine.py:choose", "helped.py:choose"]
    assert [point.config.policy for point in points] == names
    assert len({point.key for point in points}) == 3
    text = to_text(points, "blocking_probability")
    for file in tmp_path.glob("*.py"):
        file.unlink()
    there, _ = from_text(text)
    assert [point.key for point in there] == [point.key for point in points]
    blocked = [
        replicate(make_scenario(point.config, point.inputs), 200.0, 0, 1000).traffic.blocked
        for point in there
    ]
    assert np.array_equal(blocked[0], blocked[1])
    assert not np.array_equal(blocked[1], blocked[2])


@pytest.mark.parametrize(
    "text",
    [
        "import os\ndef choose(request):\n    return os.getpid(), 0, 0\n",
        "def choose(request):\n    return request.__class__\n",
        "def choose(request):\n    return eval('1')\n",
        "def choose(request):\n    return (1).real\n",
        "X = ''.join\ndef choose(request):\n    return X\n",
        "def choose(request):\n    return __builtins__\n",
        "from other import choose\n",
    ],
)
def test_a_source_from_elsewhere_can_do_nothing_but_choose(text: str) -> None:
    with pytest.raises(PolicyFileError):
        checked(PolicySource("choose", (PolicyFile("mine", text),)))


LATE = """
from fusion.request import BLOCKED, first_fit

def choose(request):
    if request.arrival_time > 50:
        if request.planes == 1:
            return 0, 0, 0
        if request.planes == 2:
            return 0, 0, 1 // (request.paths - request.paths)
        return 0, 0, first_fit(request, request.paths, 0)
    for path in range(request.paths):
        start = first_fit(request, path, 0)
        if start >= 0:
            return path, 0, start
    return BLOCKED
"""


def test_a_policy_that_goes_wrong_later_ends_the_replication(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(LATE)
    for cores, told in (
        (1, "line 7: choose returned (0, 0, 0) for a request that needs"),
        (2, "line 9: ZeroDivisionError: integer division or modulo by zero"),
        (3, "line 10: IndexError: there is no path of this number"),
    ):
        config = config_of(path, topology_settings={"cores_per_link": cores})
        scenario = make_scenario(config, read_inputs(config))
        with pytest.raises(ValueError, match=r"^mine\.py, ") as error:
            replicate(scenario, 300.0, 0, 100_000)
        assert told in str(error.value)
        assert "(request from " in str(error.value)


@pytest.mark.timeout(900)  # on a busy machine what is compiled takes minutes
def test_nor_goes_it_on_with_what_is_wrong_for_a_slice(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(WRONG)
    for cores, told in (
        (1, "line 8: choose returned (0, 0, 0) for a request that needs"),
        (2, "line 10: ZeroDivisionError: integer division or modulo by zero"),
        (3, "line 11: IndexError: there is no path of this number"),
    ):
        config = config_of(path, **GSNR, topology_settings={"cores_per_link": cores})
        scenario = make_scenario(config, read_inputs(config))
        with pytest.raises(ValueError, match=r"^mine\.py, ") as error:
            replicate(scenario, 900.0, 0, 0)
        assert told in str(error.value)
        assert "(a lightpath of 300 Gb/s for the request from " in str(error.value)
        assert ", 400 Gb/s, at time " in str(error.value)


def test_with_signal_quality_the_tiny_network_has_formats(tmp_path: Path) -> None:
    """And lines that are executed to compile what a question calls are not the policy's."""
    path = tmp_path / "mine.py"
    path.write_text(
        "from fusion.request import gsnr_db, width\n"
        "def choose(request):\n"
        "    if gsnr_db(request, 0, 0, 0) > 0.0 and width(request, 1) > width(request, 0):\n"
        "        return request.paths, 0, 0\n"
        "    return 0, 0, -9\n"
    )
    with pytest.raises(ConfigError) as error:
        read_inputs(config_of(path, **GSNR))
    (found,) = error.value.problems
    assert f"there are {3 * 6} paths, numbered from 0" in found.message
