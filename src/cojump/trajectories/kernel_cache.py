"""Where the machine code of the kernels is kept, and what it belongs to.

numba looks at the file of a function only, at neither the functions that it calls nor the constants that it has from
elsewhere. Here all kernels share one directory of the cache that is named by their whole content, so that code is used
again exactly where all of it is the same, whatever the dates of the files say and however many versions share a cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from pickle import UnpicklingError
from types import CodeType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from llvmlite import binding
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.misc.appdirs import AppDirs

from ..errors import one_line
from ..tools.whole_files import reason
from .own_copies import Kernel, is_piece

_SETTINGS = ("OPT", "BOUNDSCHECK", "LOOP_VECTORIZE", "SLP_VECTORIZE", "ENABLE_AVX", "CPU_NAME", "CPU_FEATURES")
"""Settings of numba (NUMBA_OPT and so on) that change the code."""

_VECTORS = ("avx512f", "avx2", "avx", "sse2", "sve", "neon")
"""Vector units of processors, the widest first: sums are made in as many parts as they have places."""

_UNUSED = 60 * 24 * 3600
"""Seconds after which a directory of other kernels that nobody has used is removed."""

_PATIENCE = 600.0
"""Seconds to wait for another process that compiles the same kernels; then this one compiles them, too."""


def processor() -> str:
    """The kind of processor that compiled code is made for: what the last bits of results depend on."""
    name = numba.config.CPU_NAME or binding.get_host_cpu_name()
    features = binding.get_host_cpu_features()
    asked = numba.config.CPU_FEATURES
    has = {f for f in features if features[f]} if asked is None else set(re.findall(r"\+([\w.-]+)", asked))
    if not numba.config.ENABLE_AVX:
        has = {f for f in has if not f.startswith("avx")}
    return ", ".join([name, *[f for f in _VECTORS if f in has][:1]])


def digest_of(modules: list[ModuleType], records: Sequence[type] = ()) -> str:
    """Name the content of kernel modules: their text and that of what they import, and their code.

    The code is taken from what Python has loaded, too: it may be older than the file, if that was put back with an
    old date. ``records`` are named tuples that kernels are called with: numba does not see it when their fields change
    places.
    """
    made = hashlib.sha256(str([_content(record) for record in records]).encode())
    for path in sorted({path for module in modules for path in _sources(module)}):
        made.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for module in sorted(modules, key=lambda m: m.__name__):
        for name, value in sorted(vars(module).items()):
            if not name.startswith("__"):
                made.update(f"{name} = {_content(value)}\n".encode())
    return made.hexdigest()


def _target() -> str:
    """All that machine code depends on beside its source: versions, settings of the compiler, the processor."""
    versions = (sys.version, numba.__version__, llvmlite.__version__, np.__version__)
    settings = [(name, getattr(numba.config, name, None)) for name in _SETTINGS]
    features = binding.get_host_cpu_features()
    return repr((versions, settings, processor(), sorted(name for name in features if features[name])))


def _sources(module: ModuleType) -> Iterator[Path]:
    """The file of a module, and those of the modules of this package that it imports."""
    path = Path(str(module.__file__))
    if not path.is_file():  # in an archive
        return
    yield path
    for dots, name in re.findall(r"^from (\.+)([\w.]*) import", path.read_text(encoding="utf-8"), re.MULTILINE):
        found = path.parents[len(dots) - 1].joinpath(*name.split(".")).with_suffix(".py")
        if found.is_file():
            yield found


def _content(value: Any) -> str:
    """A constant, a function, or a kind of tuple in words that are the same in every process."""
    function = getattr(value, "py_func", value)
    if isinstance(code := getattr(function, "__code__", None), CodeType):
        return f"{_code(code)} {_content(function.__defaults__)} {_content(getattr(value, 'targetoptions', None))}"
    if isinstance(value, type):
        return f"{value.__name__}{getattr(value, '_fields', ())}"
    if isinstance(value, dict):
        return str(sorted(f"{key}: {_content(item)}" for key, item in value.items()))
    if isinstance(value, set | frozenset):
        return str(sorted(map(_content, value)))
    if isinstance(value, tuple | list):
        return str([_content(item) for item in value])
    if isinstance(value, CodeType):
        return _code(value)
    plain = value is None or isinstance(value, int | float | complex | str | bytes)
    return repr(value) if plain else type(value).__name__


def _code(code: CodeType) -> str:
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {_content(code.co_consts)}"


class _Locator(_CacheLocator):
    """The directory of all kernels; its name says what they are, so that no file needs a stamp of its own."""

    def __init__(self, py_func: Any) -> None:
        self._py_file = py_func.__code__.co_filename  # for a warning of numba's

    def get_cache_path(self) -> str:
        return str(kernels_in_use.place)

    def get_source_stamp(self) -> str:
        return kernels_in_use.digest

    def get_disambiguator(self) -> str:
        return "kernel"


class _Impl(CompileResultCacheImpl):
    def __init__(self, py_func: Any) -> None:
        self._lineno = py_func.__code__.co_firstlineno
        self._locator = _Locator(py_func)
        module = py_func.__module__.rpartition(".")[2]
        self._filename_base = self.get_filename_base(f"{module}.{py_func.__qualname__}", sys.abiflags)


class _Cache(FunctionCache):
    """The code of one kernel. A file that cannot be read is compiled again, one that cannot be written is left out."""

    _impl_class = _Impl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # noqa: BLE001 - a damaged file: whatever unpickling it raises
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        if is_piece(data):
            return
        try:
            with locked(kernels_in_use.place):
                super().save_overload(sig, data)
        except (OSError, EOFError, UnpicklingError) as error:
            kernels_in_use.refuse(f"cannot write into {kernels_in_use.place}: {one_line(error)}")


class _Kernels:
    """What this process knows of the kernels' code.

    Attributes
    ----------
    digest : str
        Of their source, the same on all processors.
    place : Path or None
        Where the code is kept; None if nothing can be written anywhere.
    refusal : str
        Why nothing, or not all, is kept.
    told : bool
        Whether that has been said.
    dispatchers : list
        The kernels.
    ready : set of str
        What this process has compiled or loaded, see :func:`compiling`.
    """

    def __init__(self) -> None:
        self.digest, self.refusal = "", ""
        self.told = False
        self.place: Path | None = None
        self.dispatchers: list[Any] = []
        self.ready: set[str] = set()

    def refuse(self, why: str) -> None:
        self.refusal = self.refusal or why


kernels_in_use = _Kernels()


def keep(modules: list[ModuleType], records: Sequence[type]) -> None:
    """Give all kernels of these modules, which have just been imported, their place in the cache; see digest_of."""
    own = [(m, f) for m in modules for f in vars(m).values() if hasattr(f, "py_func")]
    kernels_in_use.dispatchers = [f for m, f in own if f.py_func.__module__ == m.__name__]
    for dispatcher in kernels_in_use.dispatchers:
        dispatcher.__class__ = Kernel
    kernels_in_use.digest = digest_of(modules, records)
    if not kernels_in_use.dispatchers:  # NUMBA_DISABLE_JIT
        return
    name = hashlib.sha256((kernels_in_use.digest + _target()).encode()).hexdigest()[:32]
    kernels_in_use.place = _writable(Path(str(modules[0].__file__)).parent, name)
    if kernels_in_use.place is None:
        return
    for dispatcher in kernels_in_use.dispatchers:
        dispatcher._cache = _Cache(dispatcher.py_func)


def _writable(directory: Path, name: str) -> Path | None:
    """The first place for the code that can be written: NUMBA_CACHE_DIR, beside the kernels, in the home directory."""
    asked = numba.config.CACHE_DIR
    homes = [Path(asked)] if asked else []
    homes += [directory / "__pycache__", Path(AppDirs(appname="numba", appauthor=False).user_cache_dir)]
    why = []
    for home in homes:
        place = home.absolute() / f"cojump-{name}"
        try:
            new = not place.is_dir()
            place.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=place).close()
        except OSError as error:
            why.append(f"{home}: {reason(error)}")
            continue
        with contextlib.suppress(OSError):
            os.utime(place)  # it is used
        if new:
            _remove_unused(place)
        return place
    kernels_in_use.refuse("; ".join(why))
    return None


def _remove_unused(place: Path) -> None:
    """Remove the code of other kernels that has not been used for long."""
    for other in place.parent.glob("cojump-*"):
        with contextlib.suppress(OSError):
            ours = re.fullmatch(r"cojump-[0-9a-f]{32}", other.name) and other != place
            if ours and time.time() - other.stat().st_mtime > _UNUSED:
                for path in other.iterdir():
                    path.unlink(missing_ok=True)
                other.rmdir()


@contextlib.contextmanager
def locked(place: Path | None, name: str = "index") -> Iterator[None]:
    """Hold a lock file of the cache: numba reads, changes and writes an index, and two jobs at once would mix theirs.

    Where a file system has no locks, or one is held for very long, the work goes on without.
    """
    try:
        import fcntl

        assert place is not None
        stream = open(place / f".{name}.lock", "a")  # noqa: SIM115 - closed below
    except (ImportError, OSError, AssertionError):
        yield
        return
    with stream:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:
                break
        yield


@contextlib.contextmanager
def compiling(what: str) -> Iterator[bool]:
    """Inside, kernels are compiled, by one process at a time; the others wait and read what it has made.

    Gives whether this process has still to do it. Nobody waits once it has been done: a file says so.
    """
    if what in kernels_in_use.ready:
        yield False
        return
    place, done = kernels_in_use.place, _done(what)
    if done is None or done.exists():
        yield True
    else:
        with locked(place, what):
            yield True
        if not kernels_in_use.refusal:
            with contextlib.suppress(OSError):
                done.touch()
    kernels_in_use.ready.add(what)


def _done(what: str) -> Path | None:
    """The file that says that kernels have been compiled."""
    return None if kernels_in_use.place is None else kernels_in_use.place / f"{what}.done"


def is_compiled(what: str) -> bool:
    """Whether :func:`compiling` has been gone through, by this process or by one that has left its code."""
    done = _done(what)
    nothing_to_compile = not kernels_in_use.dispatchers  # NUMBA_DISABLE_JIT
    return nothing_to_compile or what in kernels_in_use.ready or (done is not None and done.exists())


def tell_refusal() -> None:
    """Say once on standard error why compiled code is not kept, if it is not."""
    if kernels_in_use.refusal and not kernels_in_use.told:
        kernels_in_use.told = True
        with contextlib.suppress(OSError, ValueError):  # a message is worth no run
            print(
                f"cojump: compiled code is not kept, each process compiles for itself ({kernels_in_use.refusal}); "
                "NUMBA_CACHE_DIR can name a place for it",
                file=sys.stderr,
                flush=True,
            )


def compiled() -> dict[str, int]:
    """How many kernels this process has compiled, and how many it has read from the cache."""
    stats = [d.stats for d in kernels_in_use.dispatchers]
    return {
        "compiled": sum(sum(s.cache_misses.values()) for s in stats),
        "loaded": sum(sum(s.cache_hits.values()) for s in stats),
    }


def bound(kernel: Callable[..., Any], arguments: Sequence[Any]) -> Callable[..., Any]:
    """The machine code of a kernel that has been called with arguments of exactly these types.

    Whoever calls it again and again with the same named tuples saves numba's look at the type of every array in them,
    which takes longer than handing them over.
    """
    if numba.config.DISABLE_JIT:
        return kernel
    compiled: Any = kernel
    found: Callable[..., Any] = compiled.overloads[tuple(map(compiled.typeof_pyval, arguments))].entry_point
    return found
