"""A compiled kernel has its own copies of all that it calls, so that its bits do not depend on what else is loaded.

numba links the functions that a kernel calls into its code, as weak symbols: where the process has loaded the same
function before, the loader takes that instead. The copies differ in their last bits, because sums may be reassociated
and each copy is optimised where it is; which of them runs would depend on the order of compiling and loading, and on
whether a kernel was compiled by this process or comes from the cache. Here these symbols are local to each kernel.
"""

from __future__ import annotations

from typing import Any

from llvmlite.binding import Linkage
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.typed_passes import NoPythonSupportedFeatureValidation


class _OwnCopies(JITCodeLibrary):
    """The machine code of one kernel."""

    def _finalize_final_module(self) -> None:
        functions = [f for f in self._final_module.functions if not f.is_declaration]
        for function in functions:
            if function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal
        super()._finalize_final_module()
        # What is linked into other kernels has weak symbols again: there the same functions become one.
        self._shared_module = self._final_module.clone()
        for function in functions:
            self._shared_module.get_function(function.name).linkage = Linkage.linkonce_odr


@register_pass(mutates_CFG=False, analysis_only=True)
class _MakeLibrary(FunctionPass):
    """Gives a kernel its library, which the next pass fills."""

    _name = "cojump_own_copies"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        state.library = _OwnCopies(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return False


class OwnCopies(CompilerBase):
    """numba's compiler of kernels, with libraries of that kind."""

    def define_pipelines(self) -> list[Any]:
        """The passes of numba's default, and one before code is written."""
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state)
        pipeline.add_pass_after(_MakeLibrary, NoPythonSupportedFeatureValidation)
        pipeline.finalize()
        return [pipeline]
