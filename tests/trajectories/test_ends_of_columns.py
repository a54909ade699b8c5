"""Columns of Fock states: which rows of them lead on, and sums of several vectors of the series."""

import numpy as np
import pytest

from cojump.trajectories.kernels.mode_columns import ALL, FARTHEST, FIRST, LAST, find_ends
from cojump.trajectories.kernels.mode_sums import add_row, add_two_rows
from cojump.trajectories.kernels.vectors import LANES

SIZE, COLUMNS = 13, 6


def looked_at(weights, rows, least):
    """What find_ends says, read off whole arrays: ranges of three kinds, and the weights that lead nowhere."""
    tight = np.empty((len(rows), 3, 2), dtype=np.int64)
    tight[..., 0], tight[..., 1] = FARTHEST, 0
    gone = 0.0
    for k, (lo, hi) in enumerate(rows):
        if lo == hi:
            continue
        own = weights[k, lo:hi]
        loud = own > least
        for kind, of_rows in ((ALL, loud.any(axis=1)), (FIRST, loud[:, 0]), (LAST, loud[:, -1])):
            found = np.flatnonzero(of_rows)
            if len(found):
                tight[k, kind] = lo + found[0], lo + found[-1] + 1
        all_rows = np.arange(lo, hi)
        within = (tight[k, ALL, 0] <= all_rows) & (all_rows < tight[k, ALL, 1])
        gone += own[~within].sum()
        for kind, lane in ((FIRST, 0), (LAST, -1)):
            of_lane = (tight[k, kind, 0] <= all_rows) & (all_rows < tight[k, kind, 1])
            gone += own[within & ~of_lane, lane].sum()
    return tight, gone


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 1.0])
def test_ends_of_columns_and_what_lies_beside_them(share, seed):
    generator = np.random.default_rng(seed)
    re, im = generator.normal(size=(2, COLUMNS, SIZE, LANES)) * 1e-12
    loud = generator.random((COLUMNS, SIZE, LANES)) < share
    re[loud] = 1.0
    rows = np.sort(generator.integers(0, SIZE + 1, (COLUMNS, 2)), axis=1)
    rows[0] = 0, 0
    tight = np.full((COLUMNS, 3, 2), -5)
    gone = find_ends(re.ravel(), im.ravel(), SIZE, np.array([0, COLUMNS]), rows, 1e-20, tight)
    expected, weight = looked_at(re**2 + im**2, rows, 1e-20)
    expected[rows[:, 0] == rows[:, 1]] = FARTHEST, 0
    np.testing.assert_array_equal(tight, expected)
    assert gone == pytest.approx(weight, rel=1e-12, abs=0.0)
    assert share == 1.0 or weight > 0.0


def test_columns_that_are_not_asked_for_stay():
    tight = np.full((COLUMNS, 3, 2), -5)
    cells = np.ones(COLUMNS * SIZE * LANES)
    find_ends(cells, cells, SIZE, np.array([2, 4]), np.tile([1, 3], (COLUMNS, 1)), 1e-20, tight)
    assert (tight[[0, 1, 4, 5]] == -5).all()
    assert (tight[2:4] == [1, 3]).all()


def test_what_is_no_number_is_not_negligible():
    re, im, tight = np.zeros(SIZE * LANES), np.zeros(SIZE * LANES), np.zeros((1, 3, 2), dtype=np.int64)
    re[5 * LANES + 3] = im[7 * LANES] = np.nan
    assert find_ends(re, im, SIZE, np.array([0, 1]), np.array([[0, SIZE]]), 1.0, tight) == 0.0
    assert tight[0].tolist() == [[5, 8], [7, 8], [FARTHEST, 0]]


@pytest.mark.parametrize("to", [0, -3 * LANES])
@pytest.mark.parametrize("low", range(3, 9))
@pytest.mark.parametrize("high", range(3, 9))
def test_sums_of_two_vectors(low, high, to):
    """Ranges that overlap, touch, lie in each other, apart, or hold nothing."""
    generator = np.random.default_rng(1)
    rows_re, rows_im = generator.normal(size=(2, 4, SIZE * LANES))
    begun = generator.normal(size=(2, SIZE * LANES))
    sums, lo, hi = begun.copy(), 5, 7
    add_two_rows(rows_re, rows_im, 1, 0.3, lo, hi, 3, -0.7, low, max(low, high), 0, *sums, to)
    for made, rows, start in zip(sums, (rows_re, rows_im), begun, strict=True):
        expected = start.copy()
        for row, factor, first, last in ((1, 0.3, lo, hi), (3, -0.7, low, max(low, high))):
            cells = slice(LANES * first, LANES * last)
            expected[LANES * first + to : LANES * last + to] += factor * rows[row, cells]
        np.testing.assert_allclose(made, expected, rtol=0, atol=1e-14)
    one, other = begun.copy()
    add_row(rows_re, rows_im, 2, 0.5, 4, 6, LANES, one, other, to)
    cells, into = slice(5 * LANES, 7 * LANES), slice(5 * LANES + to, 7 * LANES + to)
    np.testing.assert_allclose(one[into], begun[0, into] + 0.5 * rows_re[2, cells], rtol=0, atol=1e-14)
    np.testing.assert_allclose(other[into], begun[1, into] + 0.5 * rows_im[2, cells], rtol=0, atol=1e-14)
    assert (np.delete(one, np.r_[into]) == np.delete(begun[0], np.r_[into])).all()
