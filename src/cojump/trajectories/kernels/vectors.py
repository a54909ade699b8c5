"""Eight numbers at a time, in registers: for loops over a window that are too short for the compiler to do well.

A loop that LLVM vectorises begins with a test of each pair of arrays for overlap and ends with single cells; over the
thirty cells of a small window both take longer than the sums. Here both are written out: the last cells of a window are
a vector with fewer lanes, and neighbours are shifted within registers, because a load across two stores waits for both.

Each function says in Python what it does, and ``lowered`` what it is in compiled code. Nothing of it is reassociated,
so that the bits of a kernel made of it do not depend on where the compiler puts it.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import PrimitiveModel
from numba.core.imputils import lower_builtin
from numba.core.types.containers import UniTuple
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import register_model

LANES = 8


def load(array, p, n):
    """Cells p, p + 1, ... of an array in the first n lanes, at most eight; zeros behind."""
    made, n = np.zeros(LANES), min(max(n, 0), LANES)
    found = array[p : p + n]
    if not isinstance(found, np.ndarray):  # nothing
        return found
    made[:n] = found
    return made


def load_row(rows, k, p, n):
    """The same of row k of an array of rows."""
    return load(rows[k], p, n)


def store(array, p, n, vector):
    """Write the first n lanes, at most eight, into the cells p, p + 1, ..."""
    n = min(max(n, 0), LANES)
    array[p : p + n] = vector[:n]


def spread(x):
    """The number x in every lane."""
    return np.full(LANES, x)


def spread_cell(array, p):
    """Cell p of an array in every lane; p is not negative."""
    return spread(array[p])


def rising(x):
    """The numbers x, x + 1, ..., x + 7."""
    return x + np.arange(LANES)


def fused(a, b, c):
    """A b + c, rounded once where the processor does that."""
    return a * b + c


def root(vector):
    """Square roots; 0 of a negative number."""
    return np.sqrt(np.maximum(vector, 0.0))


def before(previous, here):
    """Each lane has what stands one place before it in ``here``, the first one the last of ``previous``."""
    return np.concatenate([previous, here])[LANES - 1 : -1]


def two_before(previous, here):
    """The same two places before."""
    return np.concatenate([previous, here])[LANES - 2 : -2]


def three_before(previous, here):
    """The same three places before."""
    return np.concatenate([previous, here])[LANES - 3 : -3]


def after(here, following):
    """Each lane has what stands one place after it in ``here``, the last one the first of ``following``."""
    return np.concatenate([here, following])[1 : 1 + LANES]


def two_after(here, following):
    """The same two places after."""
    return np.concatenate([here, following])[2 : 2 + LANES]


def three_after(here, following):
    """The same three places after."""
    return np.concatenate([here, following])[3 : 3 + LANES]


def transposed(a, b, c, d, e, f, g, h):
    """The first lanes of eight vectors, their second lanes, ..."""
    return tuple(np.stack([a, b, c, d, e, f, g, h]).T)


def total(vector):
    """The sum of all lanes."""
    while len(vector) > 1:
        half = len(vector) // 2
        vector = vector[:half] + vector[half:]
    return vector[0]


def larger(a, b):
    """The larger number of each lane; b where a is NaN."""
    return np.where(a > b, a, b)


def largest(vector):
    """The largest number of all lanes."""
    while len(vector) > 1:
        half = len(vector) // 2
        vector = larger(vector[:half], vector[half:])
    return vector[0]


def quiet_first(vector, most):
    """How many lanes in front are at most this number: 8 where all are; NaN is above it."""
    loud = np.flatnonzero(~(vector <= most))
    return loud[0] if len(loud) else LANES


def quiet_last(vector, most):
    """How many lanes at the end are at most this number."""
    return quiet_first(vector[::-1], most)


def first_lanes(vector, n):
    """The first n lanes of a vector, zeros behind."""
    return np.where(np.arange(LANES) < n, vector, 0.0)


def behind_lanes(vector, n):
    """All but the first n lanes of a vector, zeros in front."""
    return np.where(np.arange(LANES) < n, 0.0, vector)


def loud(vector, weight, least):
    """A vector without the lanes in which another one is at most ``least``: zeros there."""
    return np.where(~(weight <= least), vector, 0.0)


def quiet(vector, weight, least):
    """A vector without the lanes in which another one is above ``least``, as NaN is: what ``loud`` leaves out.

    The vector less its loud lanes would not do: sums may be taken in any order, and what is small is lost in the rest.
    """
    return np.where(weight <= least, vector, 0.0)


class _Vector(types.Type):
    """numba's type of such eight numbers."""

    def __init__(self):
        super().__init__(name=f"Vector({LANES})")


_VECTOR = _Vector()
_DOUBLES, _INTS, _FLAGS = (ir.VectorType(t, LANES) for t in (ir.DoubleType(), ir.IntType(64), ir.IntType(1)))
_PLACES = ir.Constant(_INTS, list(range(LANES)))
_ALIGNED = ir.Constant(ir.IntType(32), 8)


@register_model(_Vector)
class _Model(PrimitiveModel):
    """It is a vector of LLVM's."""

    def __init__(self, manager, own_type):
        super().__init__(manager, own_type, _DOUBLES)


def lowered(function, *takes, gives=_VECTOR):
    """Decorate what writes ``function`` in LLVM's language, for arguments of the types that it takes."""

    def fits(found, wanted):
        if wanted is types.Array:  # cells of other arrays are not beside each other
            return isinstance(found, types.Array) and found.layout == "C" and found.dtype == types.float64
        return found == wanted if isinstance(wanted, types.Type) else isinstance(found, wanted)

    class Template(AbstractTemplate):
        key = function

        def generic(self, args, kws):
            if kws or len(args) != len(takes) or not all(map(fits, args, takes)):
                return None
            return signature(gives, *args)

    infer_global(function, types.Function(Template))
    return lower_builtin(function, *takes)


def _number(context, builder, value, own_type, wanted):
    return context.cast(builder, value, own_type, wanted)


def _same(builder, x):
    """A scalar in every lane."""
    vector = ir.VectorType(x.type, LANES)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), x, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, first, zeros)


def _called(builder, name, gives, *arguments):
    made = ir.FunctionType(gives, [a.type for a in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, made, name), arguments)


def _within(builder, n):
    """Whether all lanes are wanted, and which."""
    all_lanes = builder.icmp_signed(">=", n, ir.Constant(n.type, LANES))
    return all_lanes, lambda: builder.icmp_signed(">", _same(builder, n), _PLACES)


def _loaded(builder, pointer, n):
    """``load`` from a pointer to doubles."""
    pointer = builder.bitcast(pointer, _DOUBLES.as_pointer())
    all_lanes, mask = _within(builder, n)
    with builder.if_else(all_lanes) as (whole, part):
        with whole:
            one, from_one = builder.load(pointer, align=8), builder.block
        with part:
            name, nothing = "llvm.masked.load.v8f64.p0", ir.Constant(_DOUBLES, [0.0] * LANES)
            other = _called(builder, name, _DOUBLES, pointer, _ALIGNED, mask(), nothing)
            from_other = builder.block
    found = builder.phi(_DOUBLES)
    found.add_incoming(one, from_one)
    found.add_incoming(other, from_other)
    return found


@lowered(load, types.Array, types.Integer, types.Integer)
def _load(context, builder, sig, args):
    array = context.make_array(sig.args[0])(context, builder, args[0])
    p, n = (_number(context, builder, x, t, types.int64) for x, t in zip(args[1:], sig.args[1:], strict=True))
    return _loaded(builder, builder.gep(array.data, [p]), n)


@lowered(load_row, types.Array, types.Integer, types.Integer, types.Integer)
def _load_row(context, builder, sig, args):
    array = context.make_array(sig.args[0])(context, builder, args[0])
    k, p, n = (_number(context, builder, x, t, types.int64) for x, t in zip(args[1:], sig.args[1:], strict=True))
    size = builder.extract_value(array.shape, 1)
    return _loaded(builder, builder.gep(array.data, [builder.add(builder.mul(k, size), p)]), n)


@lowered(store, types.Array, types.Integer, types.Integer, _VECTOR, gives=types.none)
def _store(context, builder, sig, args):
    array = context.make_array(sig.args[0])(context, builder, args[0])
    p, n = (_number(context, builder, x, t, types.int64) for x, t in zip(args[1:3], sig.args[1:3], strict=True))
    pointer = builder.bitcast(builder.gep(array.data, [p]), _DOUBLES.as_pointer())
    all_lanes, mask = _within(builder, n)
    with builder.if_else(all_lanes) as (whole, part):
        with whole:
            builder.store(args[3], pointer, align=8)
        with part:
            _called(builder, "llvm.masked.store.v8f64.p0", ir.VoidType(), args[3], pointer, _ALIGNED, mask())
    return context.get_dummy_value()


@lowered(spread, types.Number)
def _spread(context, builder, sig, args):
    return _same(builder, _number(context, builder, args[0], sig.args[0], types.float64))


@lowered(spread_cell, types.Array, types.Integer)
def _spread_cell(context, builder, sig, args):
    array = context.make_array(sig.args[0])(context, builder, args[0])
    p = _number(context, builder, args[1], sig.args[1], types.int64)
    return _same(builder, builder.load(builder.gep(array.data, [p])))


@lowered(rising, types.Number)
def _rising(context, builder, sig, args):
    places = ir.Constant(_DOUBLES, [float(k) for k in range(LANES)])
    return builder.fadd(_spread(context, builder, sig, args), places)


@lowered(fused, _VECTOR, _VECTOR, _VECTOR)
def _fused(context, builder, sig, args):
    return _called(builder, "llvm.fmuladd.v8f64", _DOUBLES, *args)


@lowered(root, _VECTOR)
def _root(context, builder, sig, args):
    zero = ir.Constant(_DOUBLES, [0.0] * LANES)
    negative = builder.fcmp_ordered("<", args[0], zero)  # NaN stays NaN
    return _called(builder, "llvm.sqrt.v8f64", _DOUBLES, builder.select(negative, zero, args[0]))


def _lanes_of_both(function, first):
    """Eight lanes of two vectors behind each other, from ``first`` on."""
    places = ir.Constant(ir.VectorType(ir.IntType(32), LANES), list(range(first, first + LANES)))

    @lowered(function, _VECTOR, _VECTOR)
    def shuffled(context, builder, sig, args):
        return builder.shuffle_vector(*args, places)


for _n, _both in enumerate(((before, after), (two_before, two_after), (three_before, three_after)), start=1):
    _lanes_of_both(_both[0], LANES - _n)
    _lanes_of_both(_both[1], _n)


@lowered(transposed, *[_VECTOR] * LANES, gives=UniTuple(_VECTOR, LANES))
def _transposed(context, builder, sig, args):
    made, step = list(args), 1
    while step < LANES:  # blocks of so many lanes and vectors change places
        for i in range(LANES):
            if i & step == 0:
                one, other = made[i], made[i + step]
                first = [j if j & step == 0 else LANES + j - step for j in range(LANES)]
                second = [j + step if j & step == 0 else LANES + j for j in range(LANES)]
                places = (ir.Constant(ir.VectorType(ir.IntType(32), LANES), lanes) for lanes in (first, second))
                made[i], made[i + step] = (builder.shuffle_vector(one, other, lanes) for lanes in places)
        step *= 2
    return context.make_tuple(builder, sig.return_type, made)


def _larger_of(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


@lowered(larger, _VECTOR, _VECTOR)
def _larger(context, builder, sig, args):
    return _larger_of(builder, *args)


def _of_all_lanes(function, join):
    """What ``join`` makes of halves of a vector, down to one lane."""

    @lowered(function, _VECTOR, gives=types.float64)
    def joined(context, builder, sig, args):
        vector, lanes = args[0], LANES
        while lanes > 1:
            lanes //= 2
            halves = (ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(a, a + lanes))) for a in (0, lanes))
            vector = join(builder, *(builder.shuffle_vector(vector, vector, half) for half in halves))
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


_of_all_lanes(total, lambda builder, a, b: builder.fadd(a, b))
_of_all_lanes(largest, _larger_of)


def _quiet_lanes(function, name):
    """Lanes before the first that is above a number, counted by an instruction on the bits of the comparison."""

    @lowered(function, _VECTOR, types.Number, gives=types.int64)
    def counted(context, builder, sig, args):
        most = _same(builder, _number(context, builder, args[1], sig.args[1], types.float64))
        loud = builder.bitcast(builder.fcmp_unordered(">", args[0], most), ir.IntType(LANES))
        made = ir.FunctionType(loud.type, [loud.type, ir.IntType(1)])
        count = cgutils.get_or_insert_function(builder.module, made, f"llvm.{name}.i{LANES}")
        return builder.zext(builder.call(count, [loud, ir.Constant(ir.IntType(1), 0)]), ir.IntType(64))


_quiet_lanes(quiet_first, "cttz")
_quiet_lanes(quiet_last, "ctlz")


def _lanes_by_weight(function, zeros_in_loud):
    """Lanes in which a weight is above a number, as NaN is, or the others."""

    @lowered(function, _VECTOR, _VECTOR, types.Number)
    def chosen(context, builder, sig, args):
        least = _same(builder, _number(context, builder, args[2], sig.args[2], types.float64))
        both = args[0], ir.Constant(_DOUBLES, [0.0] * LANES)
        return builder.select(builder.fcmp_unordered(">", args[1], least), *(both[::-1] if zeros_in_loud else both))


_lanes_by_weight(loud, zeros_in_loud=False)
_lanes_by_weight(quiet, zeros_in_loud=True)


def _some_lanes(function, relation):
    """Lanes whose places have this relation to a number."""

    @lowered(function, _VECTOR, types.Integer)
    def chosen(context, builder, sig, args):
        n = _same(builder, _number(context, builder, args[1], sig.args[1], types.int64))
        wanted = builder.icmp_signed(relation, _PLACES, n)
        return builder.select(wanted, args[0], ir.Constant(_DOUBLES, [0.0] * LANES))


_some_lanes(first_lanes, "<")
_some_lanes(behind_lanes, ">=")


def _operation(symbol, name):
    @lowered(symbol, _VECTOR, _VECTOR)
    def done(context, builder, sig, args):
        return getattr(builder, name)(*args)


for _symbol, _name in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _operation(_symbol, _name)


@lowered(operator.neg, _VECTOR)
def _negated(context, builder, sig, args):
    return builder.fneg(args[0])
