"""A policy of the user's inside the event loop.

The loop is compiled once for each policy. The policy is an argument whose type carries the content of its
source, so that numba takes two sources for two types, and keeps the loops of both apart.
"""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import NumbaError
from numba.extending import (
    NativeValue,
    intrinsic,
    models,
    overload,
    register_jitable,
    register_model,
    typeof_impl,
    unbox,
)

from fusion.kernel import INSIDE, compiled
from fusion.kernel.answers import ANSWERS, run_is_free, slots_needed, way
from fusion.kernel.arrays import Int32s, Int64s, Network, Words
from fusion.kernel.cache import kept
from fusion.kernel.quality import lacks_quality, signal_to_noise
from fusion.kernel.records import Quality
from fusion.kernel.request import PUBLIC, Facts, Request, gsnr_db, meets_quality
from fusion.kernel_cache import CACHE_DIR

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


def chooser_of_type(kind: ChooserType) -> Chooser:
    """Return the chooser of a type that numba has met."""
    return _choosers[kind.source]


@typeof_impl.register(Chooser)
def _type_of(chooser: Chooser, _context: Any) -> ChooserType:
    _choosers[chooser.key] = chooser
    return ChooserType(chooser.key)


@unbox(ChooserType)
def _unbox(_type: Any, _value: Any, context: Any) -> Any:
    return NativeValue(context.context.get_dummy_value())


class PlainChooser:
    """A policy in plain Python that compiled code calls, the same code for all of them."""

    key = "plain-python"

    def __init__(self, choose: Callable[[], tuple[int, int, int]]) -> None:
        """choose: knows which request is meant. What it raises is in `raised`, and the loop has ended."""
        self.raised: BaseException | None = None
        self._choose = choose
        self._function = _CALLED(self._answer)
        self.address = ctypes.cast(self._function, ctypes.c_void_p).value

    def _answer(self, chosen: Any) -> int:
        try:
            chosen[0], chosen[1], chosen[2] = self._choose()
        except BaseException as error:  # nothing can be raised through compiled code
            self.raised = error
            return 1
        return 0


_CALLED = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.POINTER(ctypes.c_int64))


class PlainChooserType(types.Type):  # type: ignore[misc]
    """The type of all policies in plain Python: an address."""

    def __init__(self) -> None:
        super().__init__("PlainChooser")


_PLAIN_CHOOSER = PlainChooserType()


@register_model(PlainChooserType)
class _PlainChooserModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, of: Any) -> None:
        super().__init__(manager, of, ir.IntType(64))


@typeof_impl.register(PlainChooser)
def _type_of_plain(_chooser: PlainChooser, _context: Any) -> PlainChooserType:
    return _PLAIN_CHOOSER


@unbox(PlainChooserType)
def _unbox_plain(_type: Any, value: Any, context: Any) -> Any:
    address = context.pyapi.object_getattr_string(value, "address")
    native = context.pyapi.long_as_longlong(address)
    context.pyapi.decref(address)
    return NativeValue(native)


@intrinsic
def _call_python(_context: Any, chooser: Any) -> Any:
    """Return whether a function in Python failed, and the three numbers that it chose."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer = ir.IntType(64)
        chosen = cgutils.alloca_once(builder, ir.ArrayType(integer, 3))
        pointer = builder.bitcast(chosen, integer.as_pointer())
        function = ir.FunctionType(integer, [integer.as_pointer()])
        failed = builder.call(
            builder.inttoptr(arguments[0], function.as_pointer()), [pointer], name="failed"
        )
        numbers = [builder.load(cgutils.gep_inbounds(builder, chosen, 0, n)) for n in range(3)]
        return context.make_tuple(builder, signature.return_type, [failed, *numbers])

    return types.UniTuple(types.int64, 4)(chooser), generate


def in_python(request: Request) -> Request:
    """Return a request with Python's own numbers, whose arithmetic is not numpy's."""
    public = {name: getattr(request, name) for name in PUBLIC}
    return request._replace(**{name: np.asarray(value).item() for name, value in public.items()})


def call(chooser: Chooser, request: Request) -> tuple[int, int, int]:
    """Return what a policy chooses for a request."""
    return chooser.plain(in_python(request))


@overload(call, jit_options={"_nrt": False, **INSIDE})
def _call(chooser: Any, request: Any) -> Any:
    if isinstance(chooser, PlainChooserType):

        def called_back(chooser: Any, request: Any) -> Any:
            failed, path, plane, start = _call_python(chooser)
            if failed != 0:
                raise RuntimeError("a policy in plain Python has raised what it holds")
            return path, plane, start

        return called_back
    choose = _choosers[chooser.source].compiled()

    def implementation(chooser: Any, request: Any) -> Any:
        path, plane, start = choose(request)
        return np.int64(path), np.int64(plane), np.int64(start)

    return implementation


class Asked(NamedTuple):
    """What goes with a chooser into the event loop, and comes back. at: int64[4], see REQUEST."""

    facts: Facts
    at: Int64s


REQUEST, WRONG, COLUMN, LEFT = range(4)
"""Places of `Asked.at`: number of the request at hand; 1 after a choice that cannot be made. For one of
several lightpaths its column of `Network.width`, and the bit rate in 1e-6 Gb/s that is left to carry."""


@register_jitable(_nrt=False, **INSIDE)
def formats_of(quality: Quality | None) -> Any:
    """Return in how many formats each path is there."""
    if quality is None:
        return Int(1)
    return Int(quality.options.shape[1])


@register_jitable(_nrt=False, **INSIDE)
def gbps_of(facts: Facts, column: int, left: int) -> Any:
    """Return the bit rate of a lightpath, in Gb/s. left: in 1e-6 Gb/s, to be carried by it and others.

    Where the format decides what a lightpath carries it is what is left.
    """
    gbps = facts.bit_rate_gbps[column]
    return gbps if gbps > 0.0 else left * 1e-6


@register_jitable(_nrt=False, **INSIDE)
def make_request(
    network: Network,
    facts: Facts,
    free: Words,
    quality: Quality | None,
    state: Any,
    order: Int32s | None,
    pair: int,
    column: int,
    gbps: float,
    arrival: float,
    holding: float,
    random: float,
) -> Request:
    """Return a request as its policy sees it.

    quality, state, order: as in `Request`. column: of `Network.width`, for the lightpath that is asked for.
    gbps: its bit rate.
    """
    first, formats = Int(network.first_path[pair]), formats_of(quality)
    return Request(
        Int(facts.source[pair]),
        Int(facts.destination[pair]),
        gbps,
        arrival,
        holding,
        (Int(network.first_path[pair + 1]) - first) * formats,
        Int(free.shape[0]),
        formats,
        random,
        first,
        order,
        Int(column),
        free,
        network,
        facts,
        quality,
        state,
    )


@register_jitable(_nrt=False, **INSIDE)
def ask(chooser: Chooser, request: Request, at: Int64s, i: int) -> Any:
    """Return (path, plane, start, column) that a policy chooses, path a number of the network; or -1s.

    column: that of the width. i: number of the request. at: receives it, and whether the choice cannot be
    made.
    """
    at[REQUEST] = i
    path, plane, start = call(chooser, request)
    if path == -1 and plane == -1 and start == -1:
        return path, plane, start, Int(-1)
    if 0 <= path < request.paths and 0 <= plane < request.planes:
        network = request.network
        number, column = way(request.quality, request.order, request, path)
        width = slots_needed(request.quality, network, number, column)
        hop, end = network.first_hop[number], network.first_hop[number + 1]
        if run_is_free(request.free, plane, network.links, hop, end, start, width):
            return number, plane, start, column
    at[WRONG] = 1
    return Int(-1), Int(-1), Int(-1), Int(-1)


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


def make_ready(question: Callable[..., Any], request: Request) -> None:
    """Have what a question calls in plain Python compiled for requests like this one."""
    called = {meets_quality: lacks_quality, gsnr_db: signal_to_noise}.get(question)
    if called is not None and request.quality is not None:
        where = (request.quality, request.network, request.state)
        called.compile((*map(numba.typeof, where), *[types.int64] * 4))


def loop_with(loop: Any, chooser: Chooser | PlainChooser) -> Any:
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
