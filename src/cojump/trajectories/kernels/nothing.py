"""Imaginary parts that are zero throughout: what is said of them in a kernel is left out when it is compiled.

A kernel is written once, for real and imaginary parts. Where a state stays real it is called with :class:`Nothing` for
the imaginary ones: what is loaded from there is no vector, what it is multiplied by is gone, and nothing is stored.
"""

from __future__ import annotations

import operator
from itertools import product

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.types.containers import UniTuple
from numba.core.types.misc import SliceType as _Slice
from numba.extending import NativeValue, models, overload, register_model, typeof_impl, unbox

from . import vectors
from .common import OPTIONS
from .vectors import LANES, after, before, fused, load, load_row, lowered, store, total, two_after, two_before


class Nothing:
    """Zeros with so many axes that are nowhere kept; what is written there is gone. Eight lanes of it are it, too."""

    __array_ufunc__ = None  # of an array and nothing numpy makes no array of objects

    def __init__(self, ndim):
        self.ndim = ndim

    def __getitem__(self, place):
        fewer = sum(not isinstance(p, slice) for p in (place if isinstance(place, tuple) else (place,)))
        return Nothing(self.ndim - fewer) if self.ndim > fewer else 0.0

    def __setitem__(self, place, value):
        pass

    def __len__(self):
        return 1

    def __array__(self, dtype=None, copy=None):
        return np.zeros(LANES)

    def __mul__(self, other):
        return self

    def __add__(self, other):
        return self if is_nothing(other) else other + 0.0

    def __rsub__(self, other):
        return other + 0.0

    def __neg__(self):
        return self

    __rmul__, __radd__ = __mul__, __add__


def is_nothing(array):
    """Whether these parts are zero throughout."""
    return isinstance(array, Nothing)


def in_turn(a, b):
    """Two parts of a state, or eight lanes of each, the other way round if one of them is nothing.

    -i times a real operator makes the imaginary part of what is real, and the real part of what is imaginary. Where
    basis states have phases such that it makes real parts of real ones, they stand where imaginary ones would:
    of (re, im) that is (nothing, re), and then back again.
    """
    return (b, a) if is_nothing(a) or is_nothing(b) else (a, b)


def of_complex(function, otherwise, options=OPTIONS):
    """``function`` where its first argument, imaginary parts, is not nothing; else what it gives is ``otherwise``."""

    def chosen(im, *rest):
        return otherwise if is_nothing(im) else function(im, *rest)

    @overload(chosen, jit_options=options, strict=False)
    def choose(im, *rest):
        return (lambda im, *rest: otherwise) if isinstance(im, _NothingType) else function

    return chosen


class _NothingType(types.Type):
    """numba's type of it."""

    def __init__(self, ndim):
        self.ndim = ndim
        super().__init__(name=f"Nothing({ndim})")


class _NoVector(types.Type):
    """numba's type of eight lanes of it."""

    def __init__(self):
        super().__init__(name="NoVector")


_NO_VECTOR, _VECTOR, _DOUBLES = _NoVector(), vectors._VECTOR, vectors._DOUBLES
_BOTH = (_VECTOR, _NO_VECTOR)
register_model(_NothingType)(models.OpaqueModel)
register_model(_NoVector)(models.OpaqueModel)


@typeof_impl.register(Nothing)
def _type_of(value, context):
    return _NothingType(value.ndim)


@unbox(_NothingType)
def _unboxed(typ, value, c):
    return NativeValue(c.context.get_dummy_value())


@overload(is_nothing, inline="always")
def _is_nothing(array):
    found = isinstance(array, _NothingType)
    return lambda array: found


@overload(in_turn, inline="always")
def _in_turn(a, b):
    if any(isinstance(x, _NothingType | _NoVector) for x in (a, b)):
        return lambda a, b: (b, a)
    return lambda a, b: (a, b)


def _nothing(context, builder, sig, args):
    return context.get_dummy_value()


def _zero(context, builder, sig, args):
    return ir.Constant(ir.DoubleType(), 0.0)


def _argument(n):
    return lambda context, builder, sig, args: args[n]


_NONE, _ROWS = _NothingType(1), _NothingType(2)
for _array in (_NONE, _ROWS):
    lowered(operator.getitem, _array, _Slice, gives=_array)(_nothing)
lowered(operator.getitem, _ROWS, types.Integer, gives=_NONE)(_nothing)
lowered(operator.getitem, _NONE, types.Integer, gives=types.float64)(_zero)
lowered(operator.setitem, _NONE, types.Integer, types.Number, gives=types.none)(_nothing)
_CELL = UniTuple(types.int64, 2)
lowered(operator.getitem, _ROWS, _CELL, gives=types.float64)(_zero)
lowered(operator.setitem, _ROWS, _CELL, types.Number, gives=types.none)(_nothing)
lowered(load, _NothingType, types.Integer, types.Integer, gives=_NO_VECTOR)(_nothing)
lowered(load_row, _NothingType, types.Integer, types.Integer, types.Integer, gives=_NO_VECTOR)(_nothing)
for _vector in _BOTH:
    lowered(store, _NothingType, types.Integer, types.Integer, _vector, gives=types.none)(_nothing)
for _symbol in (before, after, two_before, two_after, operator.add, operator.sub, operator.mul):
    lowered(_symbol, _NO_VECTOR, _NO_VECTOR, gives=_NO_VECTOR)(_nothing)
for _pair in ((_VECTOR, _NO_VECTOR), (_NO_VECTOR, _VECTOR)):
    lowered(operator.mul, *_pair, gives=_NO_VECTOR)(_nothing)
    lowered(operator.add, *_pair)(_argument(_pair.index(_VECTOR)))
lowered(operator.sub, _VECTOR, _NO_VECTOR)(_argument(0))
lowered(operator.neg, _NO_VECTOR, gives=_NO_VECTOR)(_nothing)


lowered(total, _NO_VECTOR, gives=types.float64)(_zero)
for _first, _second, _added in product(_BOTH, repeat=3):
    if (_first, _second) != (_VECTOR, _VECTOR):
        lowered(fused, _first, _second, _added, gives=_added)(_argument(2))


@lowered(fused, _VECTOR, _VECTOR, _NO_VECTOR)
def _multiplied(context, builder, sig, args):
    return builder.fmul(args[0], args[1])
