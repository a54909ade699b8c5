"""Named tuples that kernels are given as one address: all fields arrive, nested ones and their arrays too."""

import gc
import sys
from typing import NamedTuple

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from cojump.trajectories.by_reference import by_reference
from cojump.trajectories.kernels.common import OPTIONS
from cojump.trajectories.kernels.nothing import Nothing, is_nothing


@by_reference
class Inner(NamedTuple):
    flag: bool
    values: np.ndarray
    z: complex


class Plain(NamedTuple):
    n: int
    row: np.ndarray


@by_reference
class Outer(NamedTuple):
    count: int
    inner: Inner
    table: np.ndarray
    plain: Plain
    zeros: Nothing
    x: float


@njit(**OPTIONS)
def _read(inner, p):
    return inner.values[p] if inner.flag else -1.0


@njit(**OPTIONS)
def summed(outer, out):
    """A number of every field; writes through the arrays."""
    total = outer.x + outer.count + outer.plain.n + (100.0 if is_nothing(outer.zeros) else 0.0)
    for p in range(outer.inner.values.size):
        total += _read(outer.inner, p) * outer.inner.z.imag
        outer.plain.row[p] = outer.inner.values[p]  # an array that is read in the same loop
    for i in range(outer.table.shape[0]):
        for j in range(outer.table.shape[1]):
            out[i, j] = outer.table[i, j] + 1
    return total


def example(flag=True, values=(1.0, 2.0, 4.0), table=((1, 2), (3, 4))):
    inner = Inner(flag, np.array(values), 3.0 + 2.0j)
    return Outer(7, inner, np.array(table, dtype=np.int64), Plain(5, np.zeros(len(values))), Nothing(1), 0.25)


@pytest.mark.parametrize("flag", [True, False])
def test_all_fields_arrive_as_in_python(flag):
    outer, out = example(flag), np.zeros((2, 2), dtype=np.int64)
    assert summed(outer, out) == 112.25 + (14.0 if flag else -6.0)
    assert out.tolist() == [[2, 3], [4, 5]]
    assert outer.plain.row.tolist() == [1.0, 2.0, 4.0]


def test_other_arrays_are_read_at_the_next_call():
    out = np.zeros((2, 2), dtype=np.int64)
    for values in ((1.0,), (2.0, 3.0), (0.5,) * 50):
        assert summed(example(values=values), out) == 112.25 + 2.0 * sum(values)


def test_views_and_rows_beside_each_other_keep_their_strides():
    outer, out = example(), np.zeros((2, 2), dtype=np.int64)
    wide = np.arange(8, dtype=np.int64).reshape(2, 4)
    assert summed(outer._replace(table=wide[:, ::2]), out) == summed(outer, np.zeros_like(out))
    summed(outer._replace(table=wide[:, ::2]), out)
    assert out.tolist() == [[1, 3], [5, 7]]


@njit(**OPTIONS)
def _last(outer):
    return outer.x


def test_a_kernel_that_is_no_more_than_a_field_reads_what_it_was_called_with():
    outer = example()
    assert [_last(outer._replace(x=x)) for x in (0.5, -1.0, 2.0)] == [0.5, -1.0, 2.0]


def test_another_type_in_a_field_is_another_kernel():
    before = len(summed.overloads)
    outer, out = example(), np.zeros((2, 2), dtype=np.int64)
    with_floats = outer._replace(table=np.array([[0.5, 1.5], [2.5, 3.5]]))
    summed(with_floats, out)
    assert len(summed.overloads) in (before + 1, before + 2)  # the first call of this test may be that of the other
    assert out.tolist() == [[1, 2], [3, 4]]


def test_a_field_that_does_not_exist_is_refused():
    @njit(**OPTIONS)
    def kernel(outer):
        return outer.missing

    with pytest.raises(TypingError, match="missing"):
        kernel(example())


def test_nothing_is_kept_of_the_arrays():
    outer, out = example(), np.zeros((2, 2), dtype=np.int64)
    summed(outer, out)
    before = sys.getrefcount(outer.inner.values)
    for _ in range(100):
        summed(outer, out)
    gc.collect()
    after = sys.getrefcount(outer.inner.values)
    assert after == before
