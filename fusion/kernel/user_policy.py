"""A policy of the user's inside the event loop.

The loop is compiled once for each policy. The policy is an argument whose type carries the content of its
source, so that numba takes two sources for two types, and keeps the loops of both apart.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types
from numba.core.errors import NumbaError
from numba.extending import (
    NativeValue,
    models,
    overload,
    register_jitable,
    register_model,
    typeof_impl,
    unbox,
)

from fusion.kernel import CACHE_DIR, INSIDE, compiled
from fusion.kernel.answers import ANSWERS, run_is_free
from fusion.kernel.arrays import Int64s, Network, Words
from fusion.kernel.cache import kept
from fusion.kernel.request import PUBLIC, Facts, Request

Build = Callable[[Callable[[Any], Any], Any], Any]
"""Makes a policy's function: (what to apply to each of its functions, what to use for questions) -> it."""

Int: Any = np.int64
_MOST_KEPT = 100  # compiled policies; each takes half a megabyte


class CompileError(ValueError):
    """A policy that numba cannot compile; the message is numba's."""


class Chooser:
    """A policy's function: in plain Python, and compiled when that is asked for."""

    def __init__(self, key: str, plain: Callable[[Request], Any], build: Build) -> None:
        """key: names the content of the source."""
        self.key = key
        self.plain = plain
        self._build = build

    def compiled(self) -> Any:
        """Return the function for compiled code, the same one each time."""
        if self.key not in _functions:
            wrap = compiled(**{**INSIDE, "boundscheck": True})
            _functions[self.key] = self._build(wrap, ANSWERS)
        return _functions[self.key]


_functions: dict[str, Any] = {}
_choosers: dict[str, Chooser] = {}
_loops: dict[tuple[Any, str], Any] = {}


class ChooserType(types.Opaque):  # type: ignore[misc]
    """The type of one source's chooser."""

    def __init__(self, key: str) -> None:
        """key: as of the chooser."""
        self.source = key
        super().__init__(f"Chooser({key})")


register_model(ChooserType)(models.OpaqueModel)


@typeof_impl.register(Chooser)
def _type_of(chooser: Chooser, _context: Any) -> ChooserType:
    _choosers[chooser.key] = chooser
    return ChooserType(chooser.key)


@unbox(ChooserType)
def _unbox(_type: Any, _value: Any, context: Any) -> Any:
    return NativeValue(context.context.get_dummy_value())


def in_python(request: Request) -> Request:
    """Return a request with Python's own numbers, whose arithmetic is not numpy's."""
    public = {name: getattr(request, name) for name in PUBLIC}
    return request._replace(**{name: np.asarray(value).item() for name, value in public.items()})


def call(chooser: Chooser, request: Request) -> tuple[int, int, int]:
    """Return what a policy chooses for a request."""
    return chooser.plain(in_python(request))


@overload(call, jit_options={"_nrt": False, **INSIDE})
def _call(chooser: Any, request: Any) -> Any:
    choose = _choosers[chooser.source].compiled()

    def implementation(chooser: Any, request: Any) -> Any:
        path, plane, start = choose(request)
        return np.int64(path), np.int64(plane), np.int64(start)

    return implementation


class Asked(NamedTuple):
    """What goes with a chooser into the event loop, and comes back. at: int64[2], see `ask`."""

    facts: Facts
    at: Int64s


REQUEST, WRONG = range(2)
"""Places of `Asked.at`."""


@register_jitable(_nrt=False, **INSIDE)
def make_request(
    network: Network,
    facts: Facts,
    free: Words,
    pair: int,
    bit_rate: int,
    arrival: float,
    holding: float,
    random: float,
) -> Request:
    """Return a request as its policy sees it."""
    first = Int(network.first_path[pair])
    return Request(
        Int(facts.source[pair]),
        Int(facts.destination[pair]),
        facts.bit_rate_gbps[bit_rate],
        arrival,
        holding,
        Int(network.first_path[pair + 1]) - first,
        Int(free.shape[0]),
        random,
        first,
        Int(bit_rate),
        free,
        network,
        facts,
    )


@register_jitable(_nrt=False, **INSIDE)
def ask(chooser: Chooser, request: Request, at: Int64s, i: int) -> Any:
    """Return (path, plane, start) that a policy chooses, path a number of the network; or -1s.

    i: number of the request. at: receives it; and 1, if the choice is none that can be made.
    """
    at[REQUEST] = i
    path, plane, start = call(chooser, request)
    if path == -1 and plane == -1 and start == -1:
        return path, plane, start
    if 0 <= path < request.paths and 0 <= plane < request.planes:
        network, number = request.network, request.first_path + path
        width = network.width[network.width_row[number], request.bit_rate]
        hop, end = network.first_hop[number], network.first_hop[number + 1]
        if run_is_free(request.free, plane, network.links, hop, end, start, width):
            return number, plane, start
    at[WRONG] = 1
    return np.int64(-1), np.int64(-1), np.int64(-1)


def module_name(key: str, number: int) -> str:
    """Return the name of the module of one of a policy's files.

    numba finds the modules of functions by their names when it loads compiled code, which may have been made
    where the files had other names: they are told apart by the policy's content and their place in it.
    """
    return f"fusion_policy_{key[:32]}_{number}"


def check_types(chooser: Chooser, request: Request) -> None:
    """Compile a policy's function for requests like this one. Raises CompileError."""
    function = chooser.compiled()
    try:
        function.compile((numba.typeof(request),))
    except NumbaError as error:
        raise CompileError(str(error)) from None
    found = function.nopython_signatures[-1].return_type
    if not (
        isinstance(found, types.BaseTuple)
        and len(found) == 3
        and all(isinstance(each, types.Integer) for each in found)
    ):
        raise CompileError(f"returns {found}; it must return (path, plane, start), three integers")


def loop_with(loop: Any, chooser: Chooser) -> Any:
    """Return an event loop for one policy: the same function, with a folder of its own in the cache."""
    name = chooser.key[:32]
    if (loop, name) not in _loops:
        folder = None if CACHE_DIR is None else CACHE_DIR / "policies" / name
        if folder is not None:
            _make_room(folder)
            folder.mkdir(parents=True, exist_ok=True)
        _loops[loop, name] = kept(compiled(nogil=True)(loop.py_func), folder)
    return _loops[loop, name]


def _make_room(folder: Any) -> None:
    """Delete the oldest compiled policies when there are many, and make this one the newest."""
    with suppress(OSError):
        if folder.exists():
            folder.touch()
            return
        others = sorted(folder.parent.iterdir(), key=lambda other: other.stat().st_mtime)
        for other in others[: -(_MOST_KEPT - 1)]:
            shutil.rmtree(other, ignore_errors=True)
