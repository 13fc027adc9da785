"""What holds for every field of the arrays of an event loop, also for one that is added."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest

from fusion.config.sections import TrafficSettings
from fusion.kernel import connection_environment, environment_loop
from fusion.kernel.arrays import (
    Network,
    State,
    Tally,
    make_empty,
    make_network,
    new_state,
    new_tally,
)
from fusion.kernel.connections import make_empty as empty_connections
from fusion.kernel.connections import new_connections, new_count
from fusion.kernel.impairments import Light, new_light
from fusion.kernel.link_samples import SAMPLED
from fusion.kernel.quality import new_noise
from fusion.kernel.records import Connections, Count, Noise
from fusion.kernel.splitting_loop import restore_state, save_state
from fusion.results.link_statistics import LINK_COLUMNS, LinkStatistics
from fusion.scenario.service_arrays import plain_service
from fusion.scenario.traffic import HoldingDistribution, TrafficModel, draw_requests, offered_load
from fusion.simulation.restored import COUNTS, add_restored

OVERWRITTEN = {"score", "common"}
"""Fields of a state that mean nothing between two requests."""


def network() -> Network:
    """Return two nodes, a link and four slots."""
    one, zeros = np.array([0, 1]), np.array([0])
    return make_network(one, one, zeros, zeros, np.array([[1]]), 1, [4])


def connections() -> Connections:
    """Return the state of the loop for connections, with noise and light."""
    state = new_connections(network(), plain_service(1, 1, [1.0], 1), 1.0, 1.0, keep_usage=True)
    crosstalk: Any = SimpleNamespace(crosstalk=np.ones(1))
    noise = new_noise(crosstalk, network(), len(state.path))
    return state._replace(noise=noise, light=new_light(network()))


def parts(state: Connections) -> dict[str, Any]:
    """Return the arrays of a state by names of their own."""
    named = {name: getattr(state, name) for name in state._fields}
    for name in ("noise", "light"):
        part = named.pop(name)
        named |= {f"{name}.{field}": getattr(part, field) for field in part._fields}
    return named


def numbered_connections(rows: int = 0) -> Connections:
    state = connections()
    noise, light = numbered(Noise, state.noise, rows=rows), numbered(Light, state.light, rows=rows)
    return numbered(Connections, state[:-2], rows=rows, more=(noise, light))


def numbered(
    kind: Any, arrays: tuple[Any, ...], *, rows: int = 0, more: tuple[Any, ...] = ()
) -> Any:
    """Return arrays of the same shapes, or rows of such, with other numbers in each; and more fields."""
    shapes = [(rows, *each.shape) if rows else each.shape for each in arrays]
    return kind(
        *(
            np.arange(int(np.prod(shape))).reshape(shape).astype(each.dtype) + 7 * place + 1
            for place, (shape, each) in enumerate(zip(shapes, arrays, strict=True))
        ),
        *more,
    )


def new() -> State:
    return new_state(network(), 1.0, 1.0, keep_usage=True)


def test_an_environment_has_each_counter_of_its_own_row() -> None:
    rows = numbered(Tally, new_tally(network()), rows=2)
    row = environment_loop.tally_of.py_func(rows, 1)
    for name, found in zip(Tally._fields, row, strict=True):
        assert np.shares_memory(found, getattr(rows, name)[1]), name
        assert np.array_equal(found, getattr(rows, name)[1]), name


def test_an_environment_of_connections_has_each_field_of_its_own_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("noise_of", "light_of"):
        whole = getattr(connection_environment, name).py_func
        monkeypatch.setattr(connection_environment, name, whole)
    rows = numbered_connections(rows=2)
    row = parts(connection_environment.connections_of.py_func(rows, 1))
    assert row.keys() == parts(rows).keys()
    for name, found in row.items():
        assert np.shares_memory(found, parts(rows)[name][1]), name
        assert np.array_equal(found, parts(rows)[name][1]), name
    counts = numbered(Count, new_count(), rows=2)
    count = connection_environment.count_of.py_func(counts, 1)
    for name, found in zip(Count._fields, count, strict=True):
        assert np.shares_memory(found, getattr(counts, name)[1]), name


def test_measuring_begins_with_every_counter_at_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    of_busy = environment_loop.busy_from_now.py_func
    monkeypatch.setattr(environment_loop, "busy_from_now", of_busy)
    tally = numbered(Tally, new_tally(network()))
    place = np.recarray(1, environment_loop.PLACE)[0]
    place.rows = 0
    environment_loop.begin_measuring.py_func(None, place, tally, 1)
    for name, value in zip(Tally._fields, tally, strict=True):
        assert not value.any(), name


def test_a_trajectory_that_is_copied_has_every_field() -> None:
    rows = len(new().departure)
    state = numbered(State, new())
    state.cursor[1] = rows
    before = State(*(each.copy() for each in state))
    saved = State(*(np.zeros((2, *each.shape), each.dtype) for each in state))
    save_state.py_func(state, saved, 1)
    for each in state:
        each[...] = 0
    restore_state.py_func(saved, 1, state)
    for name in set(State._fields) - OVERWRITTEN:
        assert np.array_equal(getattr(state, name), getattr(before, name)), name


def test_a_network_that_is_emptied_is_as_a_new_one() -> None:
    state, fresh = numbered(State, new()), new()
    state.clock[1] = fresh.clock[1]
    make_empty(network(), state)
    ever_used = int(state.cursor[1])
    assert ever_used == 0
    for name, value in zip(State._fields, state, strict=True):
        if name not in OVERWRITTEN and len(getattr(fresh, name)) != len(fresh.departure):
            assert np.array_equal(value, getattr(fresh, name)), name


def test_connections_that_are_emptied_are_as_new_ones() -> None:
    state, fresh = numbered_connections(), connections()
    state.clock[1] = fresh.clock[1]
    empty_connections(network(), state)
    of_rows = {len(fresh.path), len(fresh.departure), len(fresh.part_of)}
    of_routes = {"spare_on", "oldest", "newest"}
    overwritten = {"score", "order", "common", "noise.member", "noise.refused"}
    overwritten |= {"noise.found", "noise.tried"}  # only where `looked_at` says so; by each search
    for name, value in parts(state).items():
        wanted = parts(fresh)[name]
        if name not in overwritten and (len(wanted) not in of_rows or name in of_routes):
            assert np.array_equal(value, wanted), name


def test_every_counter_says_whether_restored_connections_count() -> None:
    assert COUNTS.keys() == {*Tally._fields, *Count._fields}
    for counters in (new_tally(network()), new_count()):
        restored = type(counters)(*(np.ones_like(each) for each in counters))
        add_restored(counters, restored)
        for name, value in zip(counters._fields, counters, strict=True):
            assert value.all() if COUNTS[name] else not value.any(), name


def test_a_counter_that_nobody_has_thought_of_is_not_lost_in_silence() -> None:
    class Longer(NamedTuple):
        busy_by_path: Any
        regenerators: Any

    some: Any = Longer(np.zeros(1), np.zeros(1))
    with pytest.raises(KeyError, match="regenerators"):
        add_restored(some, some)


def test_an_unknown_distribution_of_holding_times_is_refused() -> None:
    """It was taken for the exponential one."""
    annotation = TrafficSettings.model_fields["holding_distribution"].annotation
    assert get_args(annotation) == get_args(HoldingDistribution)
    one = np.ones(1)
    weibull: Any = "weibull"
    model = TrafficModel(one, one, 1.0, weibull)
    for ask in (
        lambda: offered_load(model, 1.0),
        lambda: next(draw_requests(model, 1.0, 0, 0, ties=False)),
    ):
        with pytest.raises(ValueError, match="'weibull': must be one of exponential, determ"):
            ask()


def test_what_is_sampled_of_links_has_its_columns() -> None:
    assert LinkStatistics._fields == ("utilisation", *SAMPLED)
    assert tuple(LINK_COLUMNS) == LinkStatistics._fields
