"""Both parts of an amplitude at once: compiled code does what Python says; sums and products made of it."""

import numpy as np
import pytest
from numba import njit

from cojump.trajectories.kernels.common import OPTIONS
from cojump.trajectories.kernels.inner_products import add_products
from cojump.trajectories.kernels.pairs import (
    cell,
    first_of,
    load_pair,
    pair_of,
    scaled,
    second_of,
    store_pair,
    turned,
)
from cojump.trajectories.kernels.sparse import ALL_REAL, rows_times
from cojump.trajectories.kernels.vectors import LANES


@njit(**OPTIONS)
def kernel(a, factors, column, out):
    """Something of everything; returns two numbers."""
    x = load_pair(a, cell(column, 0))
    x = scaled(cell(factors, 3), turned(x) + pair_of(1.0, 2.0), x)
    store_pair(out, 2, x)
    return first_of(x), second_of(x)


def test_compiled_and_python():
    a, column = np.random.default_rng(0).normal(size=(5, 2)), np.array([4], dtype=np.uint32)
    found, expected = np.full((2, 4, 2), 7.0)
    numbers = kernel(a, a.ravel(), column, found)
    assert numbers == pytest.approx(kernel.py_func(a, a.ravel(), column, expected), abs=1e-14)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    x = complex(*a[4])
    assert complex(*numbers) == pytest.approx(x + a[1, 1] * (1j * x + 1 + 2j), abs=1e-14)
    assert np.all(np.delete(found, 2, axis=0) == 7.0)


@pytest.mark.parametrize("is_real", [True, False])
def test_rows_of_any_length(is_real):
    """Against the sum written out; imaginary elements are elsewhere, and so are the rows of another matrix."""
    rng, n = np.random.default_rng(1), 12
    length = np.array([3, *range(n)], dtype=np.int32)
    first = np.array([0, *np.cumsum(length)[:-1]])
    column, values = rng.integers(n, size=length.sum()).astype(np.uint32), rng.normal(size=length.sum())
    beyond, imaginary = (ALL_REAL, np.zeros(0)) if is_real else (-2, rng.normal(size=length.sum() - 2))
    state, x, made = rng.permutation(n), rng.normal(size=(n, 2)), np.zeros((n, 2))
    rows_times(1, beyond, first, length, column, values, imaginary, state, n - 1, x, made)
    for s in range(n - 1):
        elements = range(first[1 + state[s]], first[1 + state[s]] + length[1 + state[s]])
        expected = sum(
            complex(values[k], 0 if is_real else imaginary[k - 2]) * complex(*x[column[k]]) for k in elements
        )
        assert complex(*made[s]) == pytest.approx(expected, abs=1e-13)
    assert np.all(made[n - 1] == 0)


@pytest.mark.parametrize("many", [1, 3, 5, 7])
def test_products_of_all_pairs(many):
    vectors = np.random.default_rng(many).normal(size=(many, 4 * LANES))
    vectors[:, 19:] = 0.0
    vectors[1::3] = 0.0
    sums, present = np.ones((many**2, LANES)), np.delete(np.arange(many), slice(1, None, 3))
    add_products(vectors, present, 19, many, sums)
    found, upper = sums.sum(axis=1).reshape(many, many) - LANES, np.triu_indices(many)
    np.testing.assert_allclose(found[upper], (vectors @ vectors.T)[upper], rtol=0, atol=1e-13)
