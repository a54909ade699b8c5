"""Eight numbers at a time: compiled code does what Python says, for windows of any length."""

import numpy as np
import pytest
from numba import TypingError, njit

from cojump.trajectories.kernels.common import OPTIONS
from cojump.trajectories.kernels.vectors import (
    LANES,
    after,
    before,
    behind_lanes,
    first_lanes,
    fused,
    larger,
    largest,
    load,
    load_row,
    loud,
    quiet,
    quiet_first,
    quiet_last,
    rising,
    root,
    spread,
    store,
    three_after,
    three_before,
    total,
    transposed,
    two_after,
    two_before,
)


@njit(**OPTIONS)
def kernel(a, rows, lo, hi, out):
    """Something of everything; returns a sum over the window."""
    summed, last = spread(0.0), spread(0.0)
    here = load(a, lo, hi - lo)
    for p in range(lo, hi, LANES):
        following = load(a, p + LANES, hi - p - LANES)
        x, y = load_row(rows, 0, p, hi - p), load_row(rows, 1, p, hi - p)
        z = fused(x, before(last, here), y * two_before(last, here)) - after(here, following)
        z = fused(-rising(0.5 * p), two_after(here, following), z) + root(x) * here
        z = z + three_before(last, here) * three_after(here, following)
        store(out, p, hi - p, z)
        summed, last, here = summed + load(out, p, hi - p), here, following
    return total(summed)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 15, 16, 17, 26])
def test_compiled_and_python(size):
    rng, lo = np.random.default_rng(size), 3
    a, rows = rng.normal(size=size + 6), rng.normal(size=(2, size + 6))
    found, expected = np.full((2, size + 6), 7.0)
    a[:lo] = a[lo + size :] = np.nan  # nothing beside the window is read
    sums = kernel(a, rows, lo, lo + size, found), kernel.py_func(a, rows, lo, lo + size, expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
    assert sums[0] == pytest.approx(sums[1], abs=1e-12)
    assert np.all(found[:lo] == 7.0)
    assert np.all(found[lo + size :] == 7.0)


def test_by_hand():
    here, beside = np.arange(8.0), np.arange(8.0) + 100.0
    assert before(beside, here).tolist() == [107, 0, 1, 2, 3, 4, 5, 6]
    assert two_before(beside, here).tolist() == [106, 107, 0, 1, 2, 3, 4, 5]
    assert after(here, beside).tolist() == [1, 2, 3, 4, 5, 6, 7, 100]
    assert two_after(here, beside).tolist() == [2, 3, 4, 5, 6, 7, 100, 101]
    assert three_before(beside, here).tolist() == [105, 106, 107, 0, 1, 2, 3, 4]
    assert three_after(here, beside).tolist() == [3, 4, 5, 6, 7, 100, 101, 102]
    assert total(here) == 28
    assert load(here, 5, 3).tolist() == [5, 6, 7, 0, 0, 0, 0, 0]
    assert not load(here, 5, -2).any()
    assert root(np.array([-1.0, 4.0])).tolist() == [0, 2]


@njit(**OPTIONS)
def quiet_ends(a, most):
    """Quiet lanes at both ends of eight numbers."""
    return quiet_first(load(a, 0, LANES), most), quiet_last(load(a, 0, LANES), most)


def test_quiet_lanes():
    for some in ([], [0], [7], [2, 5], [3]):
        for value in (2.0, np.nan):
            a = np.full(LANES, 0.5)
            a[some] = value
            expected = (some[0], LANES - 1 - some[-1]) if some else (LANES, LANES)
            assert quiet_ends(a, 0.5) == quiet_ends.py_func(a, 0.5) == expected


@njit(**OPTIONS)
def parted(a, n, front, behind):
    """The lanes of eight numbers before the nth, and the others."""
    store(front, 0, LANES, first_lanes(load(a, 0, LANES), n))
    store(behind, 0, LANES, behind_lanes(load(a, 0, LANES), n))


def test_some_lanes():
    a = np.arange(1.0, 1 + LANES)
    for n in (0, 3, LANES):
        for kernel in (parted, parted.py_func):
            front, behind = np.ones(LANES), np.ones(LANES)
            kernel(a, n, front, behind)
            assert front.tolist() == [*a[:n], *[0] * (LANES - n)]
            assert behind.tolist() == [*[0] * n, *a[n:]]


@njit(**OPTIONS)
def larger_ones(a, b, out):
    """The larger numbers of two vectors, and the largest of the first one."""
    store(out, 0, LANES, larger(load(a, 0, LANES), load(b, 0, LANES)))
    return largest(load(a, 0, LANES))


def test_the_larger_number():
    rng = np.random.default_rng(3)
    for place in range(LANES):
        a, b = rng.normal(size=(2, LANES))
        a[place] = 9.0
        for kernel in (larger_ones, larger_ones.py_func):
            out = np.zeros(LANES)
            assert kernel(a, b, out) == 9.0
            np.testing.assert_array_equal(out, np.maximum(a, b))


@njit(**OPTIONS)
def turned(a, least, out):
    """What is loud of eight vectors, with lanes and vectors exchanged."""
    vectors = transposed(
        load(a, 0, LANES), load(a, 8, LANES), load(a, 16, LANES), load(a, 24, LANES),
        load(a, 32, LANES), load(a, 40, LANES), load(a, 48, LANES), load(a, 56, LANES),
    )  # fmt: skip
    for j in range(LANES):
        store(out, j * LANES, LANES, loud(vectors[j], vectors[j] * vectors[j], least))


def test_lanes_and_vectors_are_exchanged():
    a = np.random.default_rng(1).normal(size=LANES**2)
    a[5] = np.nan  # which is loud
    expected = np.where(a**2 <= 0.25, 0, a).reshape(LANES, LANES).T
    assert 5 < np.count_nonzero(expected) < 60
    for kernel in (turned, turned.py_func):
        out = np.ones(LANES**2)
        kernel(a, 0.25, out)
        np.testing.assert_array_equal(out.reshape(LANES, LANES), expected)


@njit(**OPTIONS)
def weighed(a, least, sums):
    """What is loud of some vectors, and what is quiet."""
    loud_ones = quiet_ones = spread(0.0)
    for p in range(0, a.size, LANES):
        weight = load(a, p, LANES)
        loud_ones, quiet_ones = loud_ones + loud(weight, weight, least), quiet_ones + quiet(weight, weight, least)
    store(sums, 0, LANES, loud_ones)
    store(sums, LANES, LANES, quiet_ones)


def test_little_is_not_lost_beside_much():
    """A sum of all less that of the loud ones would have nothing of it."""
    rng = np.random.default_rng(2)
    a = np.where(rng.random(40 * LANES) < 0.5, 1.0, 1e-24) * rng.random(40 * LANES)
    expected = [np.where(chosen, a, 0).reshape(-1, LANES).sum(axis=0) for chosen in (a > 1e-20, a <= 1e-20)]
    for kernel in (weighed, weighed.py_func):
        sums = np.zeros(2 * LANES)
        kernel(a, 1e-20, sums)
        np.testing.assert_allclose(sums.reshape(2, LANES), expected, rtol=1e-13)
    a[3] = np.nan
    weighed(a, 1e-20, sums)
    assert np.isnan(sums[3])
    assert not np.isnan(sums[LANES:]).any()


def test_cells_that_are_not_beside_each_other():
    with pytest.raises(TypingError):
        kernel(np.ones(40)[::2], np.ones((2, 20)), 0, 20, np.ones(20))
