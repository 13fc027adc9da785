"""Whatever stands where in a sweep's or an overrides file, what is wrong is told and nothing breaks."""

from __future__ import annotations

import copy
import math
import pickle
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fusion.config.config import Config, ConfigError, load_config
from fusion.config.overrides import read_overrides
from fusion.sweep.definition import Steps, Sweep
from fusion.sweep.points import sweep_points
from fusion.sweep.sweep_file import read_sweep

VALUES: dict[str, str] = {
    "text": '"a"',
    "empty text": '""',
    "a path": '"study.ini"',
    "a whole number": "3",
    "a negative number": "-1",
    "a huge number": "1" + "0" * 30,
    "a number": "1.5",
    "not a number": "nan",
    "infinite": "inf",
    "true": "true",
    "a date": "2026-01-01",
    "a time": "2026-01-01T00:00:00Z",
    "an empty list": "[]",
    "a list of numbers": "[1, 2]",
    "a list of texts": '["a", "study.ini"]',
    "lists in a list": "[[1], 2]",
    "tables in a list": "[{a = 1}, {k_paths = 2}]",
    "an empty table": "{}",
    "a table": "{a = 1}",
    "a table of lists": "{k_paths = [1, [2]], a = {b = 1}}",
    "steps": "{start = 1, stop = 3, step = 1}",
    "misspelt steps": "{start = 1, stop = 0, stepp = 1}",
    "a table of tables": "{routing_settings = {k_paths = 1}}",
}
"""What it is -> TOML text."""
PARSED: dict[str, Any] = {
    name: tomllib.loads(f"value = {text}")["value"] for name, text in VALUES.items()
} | {"null": None}

SWEEP: dict[str, Any] = {
    "template": "quick",
    "overrides": {"routing_settings": {"k_paths": 2}, "topology_settings": {"network": "./no.txt"}},
    "sent_settings": {"routing_settings": {"k_paths": 2}},
    "grid": {
        "erlang": [100, 200],
        "network": ["NSFNet", "./no.txt"],
        "seed": {"start": 1, "stop": 2, "step": 1},
    },
    "zip": [{"guard_slots": [0, 1], "path_choice": ["in_order", "all"]}],
    "points": [{"max_iters": 2}, {"max_iters": 3}],
    "where": "erlang > 1",
    "metric": "blocking_probability",
    "labels": {"NSFNet": "the network"},
}
NEW_PLACES: list[tuple[Any, ...]] = [
    ("axes",),
    ("overrides", "unknown"),
    ("overrides", "general_settings"),
    ("overrides", "routing_settings", "unknown"),
    ("grid", "unknown"),
    ("grid", "k_paths"),
    ("grid", "policy"),
    ("grid", "seed", "stepp"),
    ("zip", 0, "unknown"),
    ("zip", 0, "policy"),
    ("points", 0, "unknown"),
    ("points", 0, "paths_file"),
    ("labels", "unknown"),
]


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield each place in nested data, the whole first, as the keys and numbers that lead there."""
    yield at
    inside = data if isinstance(data, dict) else dict(enumerate(data if type(data) is list else ()))
    for name, value in inside.items():
        yield from places(value, (*at, name))


def put(data: Any, at: tuple[Any, ...], value: Any) -> Any:
    """Return nested data with another value at a place."""
    if not at:
        return value
    name, *rest = at
    changed = copy.copy(data)
    changed[name] = put(data[name], tuple(rest), value) if rest else value
    return changed


PLACES = [*places(SWEEP), *NEW_PLACES]


def read(data: Any, ending: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep | None:
    """Return the sweep of a file that says something, checked with its points; None: refused, in words."""
    file = folder / f"sweep{ending}"
    file.touch()
    monkeypatch.setattr("fusion.sweep.sweep_file.parse_nested", lambda *_: copy.deepcopy(data))
    try:
        sweep = read_sweep(file)
        sweep_points(sweep, quiet=True)
    except ConfigError as error:
        refused = error
    else:
        return sweep
    assert refused.problems
    assert all(str(problem).strip() for problem in refused.problems)
    assert str(pickle.loads(pickle.dumps(refused))) == str(refused)
    return None


@pytest.mark.parametrize("name", PARSED)
def test_any_value_anywhere_in_a_sweep_is_read_or_refused_in_words(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = ".json" if name == "null" else ".toml"
    for at in PLACES:
        read(put(SWEEP, at, PARSED[name]), ending, tmp_path, monkeypatch)
    for key in SWEEP:
        read({key: PARSED[name]}, ending, tmp_path, monkeypatch)


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["k_paths", "erlang", "a", "start", "stop"]), inner)
    ),
    max_leaves=6,
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), VALUE), min_size=1, max_size=3))
def test_several_values_of_any_form_are_read_or_refused_in_words(
    changes: list[tuple[tuple[Any, ...], Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data: Any = SWEEP
    for at, value in changes:
        with suppress(LookupError, TypeError, AttributeError):  # an earlier change took that place
            data = put(data, at, value)
    read(data, ".json", tmp_path, monkeypatch)


@settings(deadline=None, max_examples=200)
@given(
    start=st.floats(),
    stop=st.floats(),
    count=st.integers(-1, 5),
    step=st.none() | st.floats(),
    scale=st.sampled_from(["linear", "log"]),
)
@example(start=-1e308, stop=1e308, count=3, step=None, scale="linear")
@example(start=1e-300, stop=1e300, count=3, step=None, scale="log")
@example(start=1.5, stop=1.7976931348623157e308, count=3, step=None, scale="log")
@example(
    start=191349999999996.0, stop=1.7976931348622215e308, count=2, step=None, scale="log"
)  # the end by its logarithm is beyond the largest number
def test_steps_of_any_size_are_finite_loads_or_refused(
    start: float, stop: float, count: int, step: float | None, scale: str
) -> None:
    parts = {"step": step} if step is not None else {"count": count}
    try:
        found = Steps.model_validate({"start": start, "stop": stop, "scale": scale, **parts})
    except ValidationError:
        return
    assert all(map(math.isfinite, found.values))


OVERRIDES: dict[str, Any] = {
    "routing_settings": {"k_paths": 2},
    "topology_settings": {"network": "NSFNet"},
}
OVERRIDE_PLACES = [
    *places(OVERRIDES),
    ("unknown",),
    ("routing_settings", "unknown"),
    ("topology_settings", "policy"),
]


@pytest.mark.parametrize("name", PARSED)
def test_any_value_anywhere_in_overrides_is_read_or_refused_in_words(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "overrides.json"
    file.touch()
    for at in OVERRIDE_PLACES:
        data = put(OVERRIDES, at, PARSED[name])
        with monkeypatch.context() as patch:
            patch.setattr("fusion.config.overrides.parse_nested", lambda *_, data=data: data)
            try:
                found: Config | str = load_config("quick", read_overrides(file))
            except ConfigError as error:
                found = str(error).strip()
        assert found
