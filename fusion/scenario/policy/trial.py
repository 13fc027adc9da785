"""A policy tried out before anything starts: on a tiny network, in plain Python and compiled."""

from __future__ import annotations

import ast
import dis
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType, FunctionType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fusion.config.config import Config
from fusion.config.problems import show
from fusion.kernel.arrays import make_network
from fusion.kernel.cache import is_kept
from fusion.kernel.connection_loop import (
    serve_connections,
    serve_impaired,
    serve_impaired_with_quality,
    serve_with_quality,
)
from fusion.kernel.connections import new_connections
from fusion.kernel.event_loop import serve
from fusion.kernel.records import Quality
from fusion.kernel.request import BLOCKED, Facts, Request, is_free, width
from fusion.kernel.user_policy import CompileError, check_types, loop_with, make_ready
from fusion.network.paths import k_shortest_paths
from fusion.network.planes import BANDS, planes_of
from fusion.network.topology import Topology
from fusion.scenario.assignment import capacity_of
from fusion.scenario.loops import needs_quality, takes_connections
from fusion.scenario.policies import looks_at_impairments, ranks_paths
from fusion.scenario.policy import arithmetic, rules
from fusion.scenario.policy import build as building
from fusion.scenario.policy.build import asks, build, chooser_of
from fusion.scenario.policy.errors import in_words
from fusion.scenario.policy.rules import OFFERED, PLAIN, read_rules
from fusion.scenario.policy.source import PolicySource
from fusion.scenario.service_arrays import make_service

_MOST_NEGATIVE, _MOST = -(2**63), 2**64 - 1  # of numba's integers

MOST_LINES = 2_000_000
"""Lines of plain Python, also of the functions that it calls, after which a policy is taken to never end."""

MOST_SECONDS = 10.0
"""The same for time on a processor; a request takes some 0.1 ms as a rule."""

_LOOK_EVERY = 1024  # lines between two looks at the clock

_ENOUGH_LINES = (
    2_000_000  # of all requests together: a policy that does much per request gets fewer
)
_NOT_COUNTED = {arithmetic.__file__, building.__file__, rules.__file__, ast.__file__}
_SQUARE = Topology(
    name="a square with one diagonal",
    nodes=("0", "1", "2", "3"),
    links=((0, 1, 100.0), (0, 2, 250.0), (0, 3, 100.0), (1, 2, 100.0), (2, 3, 200.0)),
    endpoints=(0, 1, 2, 3),
    coordinates={},
    names={},
)


class Conditions(NamedTuple):
    """What the try-out has in common with the run.

    planes: (core, band, slots) each. formats: that a bit rate may be carried in, with signal quality.
    connections: whether a request may take several lightpaths, or one that must be good. ranked: whether the
    paths come in an order of the moment, impaired: in one by impairments.
    """

    planes: tuple[tuple[int, int, int], ...]
    bit_rates_gbps: tuple[float, ...]
    k_paths: int
    formats: int
    connections: bool
    quality: bool
    ranked: bool
    impaired: bool

    @property
    def loop(self) -> Any:
        """The event loop that the policy will be in."""
        if self.impaired:
            return serve_impaired_with_quality if self.quality else serve_impaired
        if self.quality:
            return serve_with_quality
        return serve_connections if self.connections else serve


def conditions_of(config: Config, formats: int = 1) -> Conditions:
    """Return the conditions of a run. formats: the most that a bit rate may be carried in."""
    return Conditions(
        tuple((plane.core, BANDS.index(plane.band), plane.slots) for plane in planes_of(config)),
        tuple(config.bit_rate_shares),
        config.routing_settings.k_paths,
        formats,
        takes_connections(config),
        needs_quality(config),
        ranks_paths(config),
        looks_at_impairments(config),
    )


class WrongPolicyError(ValueError):
    """A policy that goes wrong; the message has file and line."""


class Traced:
    """A policy's function in plain Python that knows in which line it is."""

    def __init__(self, source: PolicySource) -> None:
        """source: of the policy. Raises WrongPolicyError for its constants."""
        self.lines = 0
        """Lines that were executed."""
        self._function = source.function
        self._names = source.names
        self._place = ""
        self._questions = [
            OFFERED[each.module][each.name]
            for file in source.files
            for each in read_rules(file.text, debugging=PLAIN).imports
            if each.module in OFFERED and callable(OFFERED[each.module][each.name])
        ]
        self._most = 0
        self._until = 0.0
        self._choose = self._within_limits(
            lambda: build(source, limited=True), "to compute its constants"
        )

    def __call__(self, request: Request) -> Any:
        """Return what the policy chooses, if that can be done. Raises WrongPolicyError."""
        for question in self._questions:
            make_ready(question, request)  # compiling is not the policy's work
        chosen = self._within_limits(lambda: self._choose(request), "for one request")
        if reason := reason_against(chosen, request):
            raise WrongPolicyError(f"{self._place}: {self._function} {reason}")
        return chosen

    def _within_limits(self, work: Callable[[], Any], what_for: str) -> Any:
        self._most = self.lines + MOST_LINES
        self._until = time.thread_time() + MOST_SECONDS
        self._place = next(iter(self._names.values()))
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            return work()
        except _Endless as limit:
            message = f"{limit} {what_for}: does it ever end?"
            raise WrongPolicyError(f"{self._place}: {self._function} {message}") from None
        except Exception as error:
            reason = f"{type(error).__name__}: {show(str(error), 200)}"
            raise WrongPolicyError(f"{self._place}: {reason}") from None
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        file = frame.f_code.co_filename
        if file in self._names:
            return self._follow
        return None if file in _NOT_COUNTED else self._count

    def _follow(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            self._place = f"{self._names[frame.f_code.co_filename]}, line {frame.f_lineno}"
            self._add_line()
        return self._follow

    def _count(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            self._add_line()
        return self._count

    def _add_line(self) -> None:
        self.lines += 1
        if self.lines > self._most:
            raise _Endless(f"has executed {MOST_LINES:,} lines")
        if self.lines % _LOOK_EVERY == 0 and time.thread_time() > self._until:
            raise _Endless(f"has worked for {MOST_SECONDS:g} s")


class _Endless(BaseException):
    pass


def reason_against(chosen: Any, request: Request) -> str:
    """Return why a choice cannot be made, or nothing."""
    if chosen is None:
        return "returned nothing; it must return (path, plane, start), or BLOCKED"
    if (
        not isinstance(chosen, tuple)
        or len(chosen) != 3
        or any(isinstance(n, bool) or not isinstance(n, int | np.integer) for n in chosen)
    ):
        return f"returned {show(chosen)}; it must return (path, plane, start), three integers, or BLOCKED"
    if chosen == BLOCKED:
        return ""
    path, plane, start = chosen
    told = f"returned {show(tuple(map(int, chosen)))}"
    if not 0 <= path < request.paths:
        return f"{told}; there are {request.paths} paths, numbered from 0"
    if not 0 <= plane < request.planes:
        return f"{told}; there are {request.planes} planes, numbered from 0"
    need = width(request, path)
    if not need:
        return f"{told}; it cannot be served on this path, whose width is 0"
    if not is_free(request, path, plane, start, need):
        return (
            f"{told} for a request that needs {need} slots; slots {start} to {start + need - 1} are "
            "not free on every link of the path"
        )
    return ""


def try_out(source: PolicySource, conditions: Conditions) -> list[str]:
    """Return what is wrong with a policy, with file and line; nothing if it serves a tiny network.

    Unless policies run in plain Python its function is then compiled, if the cache has not got it.
    """
    began = time.thread_time()
    try:
        traced = Traced(source)
        for request in trial_requests(conditions, knows_capacity=asks(source, "capacity_loss")):
            traced(request)
            if traced.lines > _ENOUGH_LINES or time.thread_time() - began > MOST_SECONDS:
                break
    except WrongPolicyError as error:
        return [str(error)]
    return [] if PLAIN else _compile(source, request, conditions.loop)


def _compile(source: PolicySource, request: Request, loop: Any) -> list[str]:
    chooser = chooser_of(source)
    if is_kept(loop_with(loop, chooser)):
        return []
    try:
        # The event loop's spectrum may be written to, which is another type.
        check_types(chooser, request._replace(free=request.free.copy()))
    except CompileError as error:
        return [_too_large(source) or _in_words(str(error), source)]
    except Exception as error:  # of numba itself
        told = f"{type(error).__name__}: {show(str(error), 200)}"
        return [
            _too_large(source) or f"{source.label}: {source.function} cannot be compiled: {told}"
        ]
    return []


def _too_large(source: PolicySource) -> str:
    """Return where a function of a policy names an integer of more than 64 bits; empty: nowhere."""
    functions: list[FunctionType] = []

    def note(function: FunctionType) -> FunctionType:
        functions.append(function)
        return function

    build(source, note)
    for function in functions:
        for step in dis.get_instructions(function):
            value = step.argval
            if step.opname == "LOAD_GLOBAL":
                value = function.__globals__.get(step.argval)
            elif step.opname != "LOAD_CONST":
                continue
            values = value if isinstance(value, tuple) else (value,)
            if any(isinstance(n, int) and not _MOST_NEGATIVE <= n <= _MOST for n in values):
                place = f"{source.names[function.__code__.co_filename]}, line {_line_of(step)}"
                name = step.argval if step.opname == "LOAD_GLOBAL" else "a number"
                return f"{place}: {name} is an integer of more than 64 bits; compiled ones have 64"
    return ""


def _line_of(step: dis.Instruction) -> int | None:
    return step.positions.lineno if step.positions else None


def trial_requests(conditions: Conditions, *, knows_capacity: bool = False) -> Iterator[Request]:
    """Yield requests on a network of four nodes, from empty to full, with the planes of the run.

    knows_capacity: whether the policy may ask for lost capacity.
    """
    random = np.random.default_rng(1)
    paths = k_shortest_paths(_SQUARE, min(conditions.k_paths, 3), "km", False)
    step = -(-len(conditions.bit_rates_gbps) // 8)
    rates = np.array(conditions.bit_rates_gbps[::step])
    slots = [count for _, _, count in conditions.planes]
    widest = max(1, min(12, max(slots) // 4))
    near = random.integers(1, widest + 1, len(rates))
    formats = conditions.formats if conditions.quality else 0
    # A column for each bit rate, and with signal quality one behind them for each of its formats.
    of_near = np.concatenate([near, *(near + number for number in range(formats))])
    network = make_network(
        paths.first_path,
        paths.first_hop,
        paths.links,
        np.where(paths.length_km < 300, 0, np.where(paths.length_km < 400, 1, 2)),
        np.array([of_near, 2 * of_near, 0 * of_near], dtype=np.int32),
        len(_SQUARE.links),
        slots,
    )
    rate_of_column = np.tile(rates.astype(np.float64), 1 + formats)
    quality = state = None
    if conditions.quality:
        quality = _any_quality(random, formats, len(rates), len(paths.length_km), slots)
    if conditions.connections:
        service = make_service(
            paths,
            rate_of_column.tolist(),
            len(rates),
            max_segments=1,
            grooms=False,
            partial=False,
            separate_directions=False,
        )._replace(quality=quality)
        state = new_connections(network, service, 1.0, 1.0, keep_usage=False)
    facts = Facts(
        np.ascontiguousarray(paths.pairs[:, 0], dtype=np.int32),
        np.ascontiguousarray(paths.pairs[:, 1], dtype=np.int32),
        rate_of_column,
        paths.length_km,
        np.array(conditions.planes, dtype=np.int32).reshape(-1, 3),
        capacity_of(network, network.width[network.width_row], 1, all_widths=False)
        if knows_capacity
        else None,
    )
    count = 0
    for share in (0.0, 0.3, 0.6, 0.9, 1.0):
        free = network.spectrum.copy()
        for plane, number in enumerate(slots):
            for link in range(free.shape[1]):
                _take(free[plane, link], number, share, random)
        free.flags.writeable = False
        for pair in range(len(paths.pairs)):
            rate = int(random.integers(len(rates)))
            count += 1
            yield Request(
                source=int(facts.source[pair]),
                destination=int(facts.destination[pair]),
                bit_rate_gbps=float(rates[rate]),
                arrival_time=0.1 * count,
                holding_time=float(random.exponential()),
                paths=int(paths.first_path[pair + 1] - paths.first_path[pair]) * max(1, formats),
                planes=len(slots),
                formats=max(1, formats),
                random=float(random.random()),
                first_path=int(paths.first_path[pair]),
                order=_backwards(*paths.first_path[pair : pair + 2]) if conditions.ranked else None,
                column=rate,
                free=free,
                network=network,
                facts=facts,
                quality=quality,
                state=state,
            )


def _backwards(first: int, end: int) -> NDArray[np.int32]:
    return np.arange(end - 1, first - 1, -1, dtype=np.int32)


def _any_quality(
    random: np.random.Generator, formats: int, bit_rates: int, paths: int, slots: list[int]
) -> Quality:
    """Return signal quality as from a file, by chance: a format with fewer bits works in more places."""
    column = bit_rates + np.arange(formats) * bit_rates
    options = np.full((bit_rates * (1 + formats), formats), -1, dtype=np.int32)
    options[:bit_rates] = column + np.arange(bit_rates)[:, None]
    place = (paths, 1, len(slots), max(slots))
    columns, cube = len(options), np.zeros((0, 0, 0))
    return Quality(
        options=options,
        kind=np.zeros(columns, dtype=np.int32),
        light=np.ones(columns, dtype=np.int32),
        limit=np.full(columns, np.inf),
        band=np.zeros(len(slots), dtype=np.int32),
        first_slot=np.zeros(len(slots), dtype=np.int32),
        together=np.arange(len(slots), dtype=np.int32).reshape(-1, 1),
        adjacent=np.full((len(slots), 1), -1, dtype=np.int32),
        spans=np.ones(len(_SQUARE.links)),
        own=cube,
        xci=cube,
        cross_row=np.zeros(0, dtype=np.int32),
        cross=cube,
        correction=cube,
        cross_scale=np.zeros((0, 0)),
        power=np.zeros(0),
        crosstalk=np.zeros((0, 1)),
        file_ratio=10.0 ** -random.uniform(0.5, 3.0, place),
        file_rank=random.integers(0, formats + 1, place).astype(np.int8),
        file_limit=np.zeros((0, 0, 0, 0)),
        file_table=np.zeros(columns, dtype=np.int32),
        file_step=np.ones(columns, dtype=np.int32),
        rank=np.repeat(np.arange(formats + 1, 0, -1), bit_rates).astype(np.int32) - 1,
        adds_logs=False,
        rechecks=False,
        rechecks_bands=False,
        rechecks_cores=False,
    )


def _take(words: Any, slots: int, share: float, random: np.random.Generator) -> None:
    """Take runs of slots of a link until about a share of them is gone."""
    wanted, taken = share * slots, 0 if share < 1 else slots
    if share == 1:
        words[:] = 0
    while taken < wanted:
        start = int(random.integers(slots))
        for slot in range(start, min(start + int(random.integers(1, 8)), slots)):
            words[slot // 64] &= ~(np.uint64(1) << np.uint64(slot % 64))
        taken = slots - int(np.bitwise_count(words).sum())


def _in_words(message: str, source: PolicySource) -> str:
    place, reason = in_words(message, source.names)
    return f"{place or source.label}: {source.function} cannot be compiled: {reason}"
