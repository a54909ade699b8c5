"""Two numbers at a time, in one register: real and imaginary part of an amplitude, which lie beside each other.

Amplitudes that are looked up in a list come from anywhere: with both parts in one place there is one look-up, not two.
As in :mod:`.vectors` each function says in Python what it does, and ``lowered`` what it is in compiled code.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import PrimitiveModel
from numba.extending import register_model

from .vectors import lowered


def cell(array, p):
    """Cell p of an array; p is not negative."""
    return array[p]


def load_pair(array, p):
    """The numbers 2p and 2p + 1 of an array, whatever its shape; p is not negative."""
    return array.reshape(-1)[2 * p : 2 * p + 2].copy()


def store_pair(array, p, pair):
    """Write them."""
    array.reshape(-1)[2 * p : 2 * p + 2] = pair


def pair_of(x, y):
    """Two numbers."""
    return np.array([x, y])


def scaled(x, pair, other):
    """The number x times a pair, and another one added."""
    return x * pair + other


def turned(pair):
    """I times an amplitude: minus the second number, and the first."""
    return np.array([-pair[1], pair[0]])


def first_of(pair):
    """The first number."""
    return pair[0]


def second_of(pair):
    """The second number."""
    return pair[1]


class _Pair(types.Type):
    """numba's type of two such numbers."""

    def __init__(self):
        super().__init__(name="Pair")


_PAIR = _Pair()
_DOUBLES = ir.VectorType(ir.DoubleType(), 2)


def _places(*numbers):
    return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), list(numbers))


@register_model(_Pair)
class _Model(PrimitiveModel):
    """It is a vector of LLVM's."""

    def __init__(self, manager, own_type):
        super().__init__(manager, own_type, _DOUBLES)


def _at(context, builder, sig, args, numbers=1):
    """Where the p-th so many numbers of an array lie."""
    array = context.make_array(sig.args[0])(context, builder, args[0])
    p = context.cast(builder, args[1], sig.args[1], types.int64)
    return builder.gep(array.data, [builder.mul(p, ir.Constant(p.type, numbers))])


@lowered(cell, types.float64[::1], types.Integer, gives=types.float64)
@lowered(cell, types.uint32[::1], types.Integer, gives=types.uint32)
@lowered(cell, types.int32[::1], types.Integer, gives=types.int32)
@lowered(cell, types.int64[::1], types.Integer, gives=types.int64)
def _cell(context, builder, sig, args):
    return builder.load(_at(context, builder, sig, args))


@lowered(load_pair, types.Array, types.Integer, gives=_PAIR)
def _load_pair(context, builder, sig, args):
    return builder.load(builder.bitcast(_at(context, builder, sig, args, 2), _DOUBLES.as_pointer()), align=8)


@lowered(store_pair, types.Array, types.Integer, _PAIR, gives=types.none)
def _store_pair(context, builder, sig, args):
    pointer = _at(context, builder, sig, args, 2)
    builder.store(args[2], builder.bitcast(pointer, _DOUBLES.as_pointer()), align=8)
    return context.get_dummy_value()


@lowered(pair_of, types.Float, types.Float, gives=_PAIR)
def _pair_of(context, builder, sig, args):
    made = ir.Constant(_DOUBLES, ir.Undefined)
    for place, x in enumerate(args):
        made = builder.insert_element(made, x, ir.Constant(ir.IntType(32), place))
    return made


@lowered(scaled, types.Float, _PAIR, _PAIR, gives=_PAIR)
def _scaled(context, builder, sig, args):
    x = builder.insert_element(ir.Constant(_DOUBLES, ir.Undefined), args[0], ir.Constant(ir.IntType(32), 0))
    fused = ir.FunctionType(_DOUBLES, [_DOUBLES] * 3)
    function = cgutils.get_or_insert_function(builder.module, fused, "llvm.fmuladd.v2f64")
    return builder.call(function, [builder.shuffle_vector(x, x, _places(0, 0)), *args[1:]])


@lowered(turned, _PAIR, gives=_PAIR)
def _turned(context, builder, sig, args):
    return builder.shuffle_vector(args[0], builder.fneg(args[0]), _places(3, 0))


@lowered(operator.add, _PAIR, _PAIR, gives=_PAIR)
def _added(context, builder, sig, args):
    return builder.fadd(*args)


def _one_of(function, place):
    @lowered(function, _PAIR, gives=types.float64)
    def taken(context, builder, sig, args):
        return builder.extract_element(args[0], ir.Constant(ir.IntType(32), place))


_one_of(first_of, 0)
_one_of(second_of, 1)
