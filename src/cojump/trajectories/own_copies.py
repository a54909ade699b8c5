"""A compiled kernel has its own copies of all that it calls, which are optimised and made machine code of once, in it.

numba links the functions that a kernel calls into its code, as weak symbols: where the process has loaded the same
function before, the loader takes that instead. The copies differ in their last bits, because sums may be reassociated
and each copy is optimised where it is; which of them runs would depend on the order of compiling and loading, and on
whether a kernel was compiled by this process or comes from the cache. Here these symbols are local to each kernel.

numba also optimises each of these functions where it is compiled, again in each function that calls it, and makes
machine code of all. Here a function that is compiled because a kernel calls it is a piece of that kernel and nothing
more: it is optimised together with the rest. Where Python calls it later, it is compiled as a kernel by itself.
"""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite.binding import Linkage
from numba import _dynfunc
from numba.core import sigutils
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder, Flags
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import FunctionPass, LoweringPass, register_pass
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import NativeLowering, NoPythonSupportedFeatureValidation


class _Depth(threading.local):
    """How many kernels this thread is compiling, each because the one before calls it."""

    value = 0


_depth = _Depth()

_YOUNG = 100_000
"""Objects that a compilation makes between two searches for cycles among them."""


def _is_no_code(self: int, args: int, kws: int) -> None:
    """What stands where the machine code of a piece would be: Python never gets it to call."""


_NO_CODE = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(_is_no_code)


class _OwnCopies(JITCodeLibrary):
    """The code of one kernel, or of a piece of one.

    Attributes
    ----------
    is_piece : bool
        Whether it is compiled for kernels that call it only.
    """

    def __init__(self, codegen: Any, name: str, is_piece: bool) -> None:
        super().__init__(codegen, name)
        self.is_piece = is_piece

    def finalize(self) -> None:
        """Link the pieces, optimise the whole, and make machine code of it; a piece is left as it is."""
        self._raise_if_finalized()
        if self.is_piece:
            _share(self._final_module)
            self._finalized = True
            return
        self._link(self._final_module)
        self._shared_module = self._final_module.clone()
        _share(self._shared_module)
        # Only behind it are they local: before, the compiler would inline whatever is called once, and long loops are
        # slower there.
        self._optimize_final_module()
        for function in self._final_module.functions:
            if function.linkage == Linkage.linkonce_odr and not function.is_declaration:
                function.linkage = Linkage.internal
        self._final_module.verify()
        self._finalize_final_module()

    def _link(self, module: Any) -> None:
        """Link all that this code calls into a module, callers first: what nobody there has named is left out."""
        seen, waiting = set(), list(reversed(self._linking_libraries))
        while waiting:
            library = waiting.pop()
            is_piece = isinstance(library, _OwnCopies) and library.is_piece
            # a call that was dropped with its branch names nobody: who else calls the same piece comes later
            if library in seen or (is_piece and not _is_named(library._final_module, module)):
                continue
            seen.add(library)
            self._reload_init.update(library._reload_init)
            if is_piece:
                module.link_in(library._final_module, preserve=True)
                waiting += reversed(library._linking_libraries)
            else:
                module.link_in(library._get_module_for_linking(), preserve=True)

    def _get_module_for_linking(self) -> Any:
        self._ensure_finalized()
        if self._shared_module is None:  # for a function that is no kernel
            self._shared_module = self._final_module.clone()
            self._link(self._shared_module)
        return self._shared_module


def _is_named(piece: Any, module: Any) -> bool:
    """Whether a module calls a function of a piece."""
    for function in piece.functions:
        if not function.is_declaration:
            try:
                module.get_function(function.name)
            except NameError:
                continue
            return True
    return False


def _share(module: Any) -> None:
    """Let the functions of a module be linked into others."""
    for function in module.functions:
        if function.linkage == Linkage.external and not function.is_declaration:
            function.linkage = Linkage.linkonce_odr


@register_pass(mutates_CFG=False, analysis_only=True)
class _MakeLibrary(FunctionPass):
    """Gives a kernel, or a piece of one, its library, which the next pass fills."""

    _name = "cojump_own_copies"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        is_piece = _depth.value > 1
        state.library = _OwnCopies(state.targetctx.codegen(), state.func_id.func_qualname, is_piece)
        state.library.enable_object_caching()
        state.flags.no_compile = state.flags.no_cpython_wrapper = is_piece
        return False


@register_pass(mutates_CFG=True, analysis_only=False)
class _NamePiece(LoweringPass):
    """Tells kernels that call a piece where it is, as numba does with what it has made machine code of."""

    _name = "cojump_name_piece"

    def __init__(self) -> None:
        LoweringPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        if state.library.is_piece:
            made, library = state.cr, state.library
            library._ensure_finalized()
            address = ctypes.cast(_NO_CODE, ctypes.c_void_p).value
            module, name = made.fndesc.lookup_module(), made.fndesc.qualname.split(".")[-1]
            entry = _dynfunc.make_function(module, name, "a piece of kernels", address, made.env, (library,))
            state.targetctx.insert_user_function(entry, made.fndesc, [library])
            state.cr = made._replace(cfunc=entry)
        return False


class _Options(Flags):
    """Options of the compiler that are found in a table by those that have been set.

    numba looks there for each function that is called, and reads all options each time, set or not.
    """

    def __hash__(self) -> int:
        return hash(frozenset(self._values))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Options) and self._values == other._values


class OwnCopies(CompilerBase):
    """numba's compiler of kernels, with libraries of that kind."""

    def define_pipelines(self) -> list[Any]:
        """The passes of numba's default, one before code is written, and one behind that."""
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state)
        pipeline.add_pass_after(_MakeLibrary, NoPythonSupportedFeatureValidation)
        pipeline.add_pass_after(_NamePiece, NativeLowering)
        pipeline.finalize()
        return [pipeline]

    def _compile_core(self) -> Any:
        _depth.value += 1
        self.state.flags = _Options(self.state.flags)
        try:
            return super()._compile_core()
        finally:
            _depth.value -= 1


class Apart(OwnCopies):
    """The same for a kernel whose arrays do not overlap: no loop of it has to find that out."""

    def define_pipelines(self) -> list[Any]:
        """Those of kernels."""
        self.state.flags.noalias = True
        return super().define_pipelines()


@contextmanager
def _seldom_searched() -> Iterator[None]:
    """Let Python look for unused objects less often: a compiler keeps nearly all it makes until it has ended.

    With Python's own numbers the searches take 7 of 52 s of compiling the grid of several blocks, so 2.
    """
    before = gc.get_threshold()
    if not 0 < before[0] < _YOUNG:
        yield
        return
    gc.set_threshold(_YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _with_room(action: Callable[[], Any]) -> Any:
    """Do it behind a large frame, so that all frames inside are in one piece of memory.

    Python takes memory for frames in pieces of 16 KB and gives back each that becomes empty. A compiler calls itself
    deeply and is often at an edge between two: a hundred thousand pieces for one kernel, a tenth of its time.
    """
    return action()


_with_room.__code__ = _with_room.__code__.replace(co_stacksize=2**17)  # 1 MB, and as much is free behind it


class Kernel(CPUDispatcher):
    """A compiled function that knows its pieces from kernels: Python calls kernels only."""

    def add_overload(self, cres: Any) -> None:
        """Keep what has been compiled; Python is told of kernels alone."""
        if is_piece(cres):
            self.overloads[tuple(cres.signature.args)] = cres
        else:
            super().add_overload(cres)

    def compile(self, sig: Any) -> Any:
        """Compile for these types, again where that has been done for kernels only and now Python calls."""
        with global_compiler_lock:
            args = tuple(sigutils.normalize_signature(sig)[0])
            if _depth.value > 0:
                return super().compile(sig)
            if args in self.overloads and is_piece(self.overloads[args]):
                del self.overloads[args]
            with _seldom_searched():
                return _with_room(lambda: super(Kernel, self).compile(sig))


def is_piece(cres: Any) -> bool:
    """Whether what has been compiled is a piece of kernels."""
    return getattr(cres.library, "is_piece", False)
