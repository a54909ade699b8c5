"""A generator of random numbers as kernels are called with it: by the addresses of its parts.

A kernel that is called with the generator itself looks these up at every call, which takes longer than all other
arguments together, and keeps a reference to it for ever, since kernels count none.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import c_void_p, cast
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from .common import OPTIONS


class GeneratorAt(NamedTuple):
    """Where the parts of a generator are, which must be kept alive."""

    state_address: int
    state: int
    next_uint64: int
    next_uint32: int
    next_double: int


def _by_address(generator: np.random.Generator) -> GeneratorAt:
    parts: Any = generator.bit_generator.ctypes
    functions = (parts.next_uint64, parts.next_uint32, parts.next_double)
    addresses = [cast(function, c_void_p).value or 0 for function in functions]
    return GeneratorAt(parts.state_address, parts.state.value, *addresses)


def by_addresses(generators: Sequence[np.random.Generator]) -> Any:
    """What kernels are called with in place of generators, of which they choose one by :func:`generator_of`.

    Where kernels are not compiled they are the generators themselves.
    """
    if numba.config.DISABLE_JIT:
        return list(generators)
    return np.array([_by_address(generator) for generator in generators], dtype=np.int64)


def generator_of(places: Any, k: int) -> Any:
    """In a kernel: one of several generators."""
    return places[k]


@intrinsic
def _made(typing_context, place):
    def generate(context, builder, signature, arguments):
        bits = cgutils.create_struct_proxy(types.npy_bitgen)(context, builder)
        bits.parent = cgutils.get_null_value(bits.parent.type)
        addresses = cgutils.unpack_tuple(builder, arguments[0])
        bits.state_address, bits.state = addresses[:2]
        bits.fnptr_next_uint64, bits.fnptr_next_uint32, bits.fnptr_next_double = addresses[2:]
        made = cgutils.create_struct_proxy(types.npy_rng)(context, builder)
        made.bit_generator = bits._getvalue()
        made.meminfo = cgutils.get_null_value(made.meminfo.type)
        made.parent = cgutils.get_null_value(made.parent.type)
        return made._getvalue()

    return types.npy_rng(place), generate


@overload(generator_of, jit_options=OPTIONS, strict=False)
def _generator_of(places, k):
    def chosen(places, k):
        return _made(GeneratorAt(places[k, 0], places[k, 1], places[k, 2], places[k, 3], places[k, 4]))

    return chosen
