"""Functions that are optimised only as parts of others.

numba optimises each function with all that it calls and makes machine code of it, and then links it into all
its callers, where the same is done to it again. Nobody runs the machine code of a function that only
compiled code calls. Here it is lowered and linked, so that an event loop is optimised once, as a whole:
little more than half of the time to compile, and code that is as fast.
"""

from __future__ import annotations

import ctypes
import uuid
from typing import Any

from llvmlite.binding import (
    Linkage,
    PipelineTuningOptions,
    create_new_module_pass_manager,
    create_pass_builder,
)
from numba import _dynfunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering

_REFUSAL = ctypes.cast(ctypes.pythonapi.PyObject_GetItem, ctypes.c_void_p).value
"""What runs if Python calls a part: it raises TypeError, as a part is not subscriptable."""


class PartLibrary(JITCodeLibrary):  # type: ignore[misc]
    """The code of a function and of all that it calls, to be linked into that of callers."""

    def finalize(self) -> None:
        """Link what is called, and leave the rest to the callers."""
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalize_dynamic_globals()
        self._finalized = True


class WholeLibrary(JITCodeLibrary):  # type: ignore[misc]
    """The code of a function that Python calls, with all its parts.

    Nobody else calls these, so each needs only those of its arguments that it looks at. A tuple of arrays is
    handed over as hundreds of numbers, which takes longer than what many parts do.
    """

    def _optimize_final_module(self) -> None:
        super()._optimize_final_module()
        own = uuid.uuid4().hex
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.linkonce_odr:
                function.linkage = "internal"
                # In a process a name stands for one function, and others call this with all arguments.
                function.name += f".{own}"
        # Last: a function that nobody else calls is inlined wherever it is called once, which made slicing
        # slower and its code twice as long.
        passes = create_new_module_pass_manager()
        passes.add_dead_arg_elimination_pass()
        passes.add_dead_code_elimination_pass()
        passes.run(
            self._final_module, create_pass_builder(self._codegen._tm, PipelineTuningOptions())
        )


@register_pass(mutates_CFG=True, analysis_only=False)
class WholeLowering(NativeLowering):  # type: ignore[misc]
    """Lowers a function that Python calls."""

    _name = "whole_lowering"

    def run_pass(self, state: Any) -> bool:
        """Set what numba's own pass sets."""
        state.library = WholeLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return bool(super().run_pass(state))


@register_pass(mutates_CFG=True, analysis_only=False)
class PartLowering(NativeLowering):  # type: ignore[misc]
    """Lowers a function to LLVM's language, and makes no machine code of it."""

    _name = "part_lowering"

    def run_pass(self, state: Any) -> bool:
        """Set what numba's own pass sets."""
        library = PartLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library, state.flags.no_compile = library, True
        super().run_pass(state)
        lowered = state["cr"]
        description = lowered.fndesc
        function = _dynfunc.make_function(
            description.lookup_module(),
            description.qualname.split(".")[-1],
            "",
            _REFUSAL,
            lowered.env,
            (library,),
        )
        state.targetctx.insert_user_function(function, description, [library])
        state.reload_init.extend(library._reload_init)
        state["cr"] = lowered._replace(cfunc=function)
        return True


class _Compiler(Compiler):  # type: ignore[misc]
    """numba's compiler, with another lowering."""

    lowering: type[NativeLowering]

    def define_pipelines(self) -> Any:
        """Return the passes."""
        pipelines = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [
                (self.lowering if each is NativeLowering else each, text)
                for each, text in pipeline.passes
            ]
        return pipelines


class PartCompiler(_Compiler):
    """Compiles parts."""

    lowering = PartLowering


class WholeCompiler(_Compiler):
    """Compiles what Python calls."""

    lowering = WholeLowering
