"""Every compiled kernel against a slow, obvious twin: dense matrices of a sector, loops, scipy's expm and brentq."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.optimize import brentq

import cojump as cj
from cojump.trajectories.axes import axis_rotation
from cojump.trajectories.compilation import warm_up
from cojump.trajectories.kernels import jump as jumps
from cojump.trajectories.kernels import propagate, series, window
from cojump.trajectories.kernels.common import MAX_ORDER, PAD
from cojump.trajectories.kernels.measure import spin_averages
from cojump.trajectories.kernels.moments import spin_moments
from cojump.trajectories.kernels.waiting_time import find_jump
from cojump.trajectories.kernels.windowed_rows import sector_range
from cojump.trajectories.spin_engine import Engine
from cojump.trajectories.spin_tables import GENERAL, LADDER_DOWN, LADDER_UP, SELF_EXCLUDED, build
from cojump.trajectories.work_space import work_space
from tests import twins
from tests.support.pauli import LOWER, ONE, PAULI, RAISE, X, Y, Z

GARBAGE = 1e3
"""What the cells hold that no kernel may read."""


def expand(*arguments):
    """The loop over the orders of a series as Python, over compiled kernels; compiled it is in whole trajectories."""
    with np.errstate(all="ignore"):
        return series.expand(*arguments)


SECTORS = [(1, 1), (2, 0), (2, 2), (3, 1), (3, 3), (6, 0), (6, 2), (6, 6), (7, 1), (7, 5), (7, 7), (12, 8)]


@pytest.fixture(scope="module", autouse=True)
def _fresh_cache():
    warm_up()


def cells(N):
    return N + 1 + 2 * PAD


def positions(N, two_J):
    """Positions of M = -J..J."""
    first = (N - two_J) // 2 + PAD
    return np.arange(first, first + two_J + 1)


def windows(rng, N, two_J):
    """The whole sector, its two ends, one cell, and a few at random: first and past-last position."""
    first, last = sector_range(N, two_J)
    found = {(first, last), (first, first + 1), (last - 1, last), (first, max(first + 1, last - 2))}
    for _ in range(3):
        lo, hi = sorted(rng.choice(np.arange(first, last + 1), 2, replace=False))
        found.add((int(lo), int(hi)))
    return sorted(found)


def random_window(rng, N, lo, hi):
    """A state in lo..hi with zeros in the PAD cells beside it and garbage beyond: (re, im)."""
    re, im = np.full(cells(N), GARBAGE), np.full(cells(N), -GARBAGE)
    for part in (re, im):
        part[max(lo - PAD, 0) : hi + PAD] = 0.0
        part[lo:hi] = rng.normal(size=hi - lo)
    return re, im


def dense(N, two_J, re, im, lo, hi):
    """Amplitudes over M = -J..J of what is inside lo..hi."""
    ket = np.zeros(two_J + 1, dtype=complex)
    first = (N - two_J) // 2 + PAD
    for p in range(max(lo, first), min(hi, first + two_J + 1)):
        ket[p - first] = re[p] + 1j * im[p]
    return ket


def cases(seed=0):
    for N, two_J in SECTORS:
        rng = np.random.default_rng([seed, N, two_J])
        for lo, hi in windows(rng, N, two_J):
            yield rng, N, two_J, lo, hi


def raising(two_J):
    x, y, _ = twins.spin(two_J)
    return x + 1j * y


# ---- elements of H_eff and one Taylor term -------------------------------------------------------


def test_fill_real():
    for N, two_J in SECTORS:
        rng = np.random.default_rng([1, N, two_J])
        table, off = rng.normal(size=N + 1), np.full((2, cells(N)), GARBAGE)
        first, last = sector_range(N, two_J)
        propagate.fill_real(N, two_J, first, last, table, off)
        plus = raising(two_J).real
        for k in range(two_J + 1):
            expected = plus[k + 1, k] * table[first + k - PAD] if k < two_J else 0.0
            assert off[0, first + k] == pytest.approx(expected, abs=1e-13)
        assert np.all(off[1] == GARBAGE)
        assert np.all(off[0, :first] == GARBAGE)
        assert np.all(off[0, last:] == GARBAGE)


def test_fill_complex():
    for N, two_J in SECTORS:
        rng = np.random.default_rng([2, N, two_J])
        up = rng.normal(size=N + 1) + 1j * rng.normal(size=N + 1)
        down = rng.normal(size=N + 1) + 1j * rng.normal(size=N + 1)
        two = complex(rng.normal(), rng.normal())
        off_re, off_im = np.full((2, 2, cells(N)), GARBAGE)
        two_re, two_im = np.full((2, cells(N)), GARBAGE)
        first, last = sector_range(N, two_J)
        tables = (up.real.copy(), up.imag.copy(), down.real.copy(), down.imag.copy(), (two.real, two.imag))
        propagate.fill_complex(N, two_J, first, last, *tables, off_re, off_im, two_re, two_im)
        plus = raising(two_J).real
        for k in range(two_J + 1):
            c = plus[k + 1, k] if k < two_J else 0.0
            cc = (plus @ plus)[k + 2, k] if k + 1 < two_J else 0.0
            p = first + k
            assert off_re[0, p] + 1j * off_im[0, p] == pytest.approx(c * up[p - PAD], abs=1e-13)
            assert off_re[1, p] + 1j * off_im[1, p] == pytest.approx(c * down[p - PAD], abs=1e-13)
            assert two_re[p] + 1j * two_im[p] == pytest.approx(cc * two, abs=1e-12)


def written_range(N, two_J, lo, hi, band):
    first, last = sector_range(N, two_J)
    return max(lo - band, first), min(hi + band, last)


def put_rows(N, order, re, im, lo, hi):
    rows_re, rows_im = np.full((2, order + 2, cells(N)), GARBAGE)
    rows_re[order], rows_im[order] = re, im
    for rows in (rows_re, rows_im):
        rows[order, max(lo - 2 * PAD, 0) : lo] = 0.0
        rows[order, hi : hi + 2 * PAD] = 0.0
    return rows_re, rows_im


@pytest.mark.parametrize("order", [0, 3])
def test_apply_real(order):
    for rng, N, two_J, lo, hi in cases(3):
        re, im = random_window(rng, N, lo, hi)
        rows_re, rows_im = put_rows(N, order, re, im, lo, hi)
        diagonal, half_rate = rng.normal(size=(2, N + 1))
        shift, half_shift = rng.normal(size=2)
        unit = rng.uniform(0.1, 2.0)
        hop = rng.normal(size=two_J)
        at = positions(N, two_J)
        off = np.zeros((2, cells(N)))
        off[1] = GARBAGE
        off[0, at[:-1]] = hop
        H = np.diag(diagonal[at - PAD] - shift - 1j * (half_rate[at - PAD] - half_shift))
        H += np.diag(hop, 1) + np.diag(hop, -1)
        a, b = written_range(N, two_J, lo, hi, 1)
        tables = (off, 1, diagonal, half_rate)
        norm2 = propagate.apply_real(rows_re, rows_im, order, a, b, unit, *tables, shift, half_shift)
        expected = -1j * unit * H @ dense(N, two_J, re, im, lo, hi) / (order + 1)
        found = dense(N, two_J, rows_re[order + 1], rows_im[order + 1], a, b)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
        assert norm2 == pytest.approx(np.sum(np.abs(expected) ** 2), rel=1e-12)
        for rows in (rows_re, rows_im):
            assert np.all(rows[order + 1, :a] == GARBAGE)
            assert np.all(rows[order + 1, b:] == GARBAGE)


@pytest.mark.parametrize("order", [0, 3])
def test_apply_complex(order):
    for rng, N, two_J, lo, hi in cases(4):
        re, im = random_window(rng, N, lo, hi)
        rows_re, rows_im = put_rows(N, order, re, im, lo, hi)
        diagonal, half_rate = rng.normal(size=(2, N + 1))
        shift, half_shift = rng.normal(size=2)
        unit = rng.uniform(0.1, 2.0)
        up, down = rng.normal(size=(2, two_J)) + 1j * rng.normal(size=(2, two_J))
        two = rng.normal(size=max(two_J - 1, 0)) + 1j * rng.normal(size=max(two_J - 1, 0))
        at = positions(N, two_J)
        off_re, off_im = np.zeros((2, 2, cells(N)))
        two_re, two_im = np.zeros((2, cells(N)))
        for row, values in ((0, up), (1, down)):
            off_re[row, at[:-1]], off_im[row, at[:-1]] = values.real, values.imag
        H = np.diag(diagonal[at - PAD] - shift - 1j * (half_rate[at - PAD] - half_shift))
        H += np.diag(up, -1) + np.diag(down, 1)
        if two_J >= 2:
            two_re[at[:-2]], two_im[at[:-2]] = two.real, two.imag
            H += np.diag(two, -2) + np.diag(two.conj(), 2)
        a, b = written_range(N, two_J, lo, hi, 2)
        tables = (off_re, off_im, two_re, two_im, 2, diagonal, half_rate)
        norm2 = propagate.apply_complex(rows_re, rows_im, order, a, b, unit, *tables, shift, half_shift)
        expected = -1j * unit * H @ dense(N, two_J, re, im, lo, hi) / (order + 1)
        found = dense(N, two_J, rows_re[order + 1], rows_im[order + 1], a, b)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
        assert norm2 == pytest.approx(np.sum(np.abs(expected) ** 2), rel=1e-12)


# ---- sums over a window --------------------------------------------------------------------------


@pytest.mark.parametrize("order", range(10))
def test_sum_at(order):
    rng = np.random.default_rng(order)
    for lo, hi in ((2, 3), (2, 9), (4, 7), (1, 21)):
        (re, im), t = rng.normal(size=(2, MAX_ORDER + 1, 23)), 0.73
        out_re, out_im = np.full((2, 23), GARBAGE)
        norm2 = propagate.sum_at(re, im, out_re, out_im, order, lo, hi, t)
        for rows, out in ((re, out_re), (im, out_im)):
            for p in range(23):
                inside = sum(rows[k, p] * t**k for k in range(order + 1))
                assert out[p] == pytest.approx(inside if lo <= p < hi else GARBAGE, rel=1e-13, abs=1e-13)
        assert norm2 == pytest.approx(np.sum(out_re[lo:hi] ** 2 + out_im[lo:hi] ** 2), rel=1e-14)


def test_sum_at_the_start_and_at_the_highest_order():
    re, im = np.random.default_rng(5).normal(size=(2, MAX_ORDER + 1, 6))
    out_re, out_im = np.zeros((2, 6))
    propagate.sum_at(re, im, out_re, out_im, MAX_ORDER, 0, 6, 0.0)
    np.testing.assert_array_equal((out_re, out_im), (re[0], im[0]))
    propagate.sum_at(re, im, out_re, out_im, MAX_ORDER, 0, 6, 1.1)
    np.testing.assert_allclose(out_re, 1.1 ** np.arange(MAX_ORDER + 1) @ re, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(out_im, 1.1 ** np.arange(MAX_ORDER + 1) @ im, rtol=1e-12, atol=1e-12)


def test_overlap_and_norm():
    for rng, N, _, lo, hi in cases(6):
        rows_re, rows_im = rng.normal(size=(2, 4, cells(N)))
        a = rows_re[0, lo:hi] + 1j * rows_im[0, lo:hi]
        b = rows_re[2, lo:hi] + 1j * rows_im[2, lo:hi]
        real, imag = propagate.overlap(rows_re, rows_im, 2, lo, hi)
        assert real + 1j * imag == pytest.approx(np.vdot(a, b), abs=1e-13)
        assert propagate.norm_squared(rows_re[2], rows_im[2], lo, hi) == pytest.approx(np.vdot(b, b).real)


def trimmed(ket, lo, hi, weight):
    """Narrowest window whose cut tails each weigh no more than ``weight``, but never empty."""
    first, last = lo, hi
    while last - first > 1 and np.sum(np.abs(ket[lo : first + 1]) ** 2) <= weight:
        first += 1
    while last - first > 1 and np.sum(np.abs(ket[last - 1 : hi]) ** 2) <= weight:
        last -= 1
    return first, last


def test_trim():
    rng = np.random.default_rng(7)
    seen = set()
    for _ in range(300):
        n = int(rng.integers(1, 12))
        ket = 10.0 ** rng.uniform(-6, 0, size=n) * np.exp(1j * rng.uniform(0, 6, size=n))
        lo, hi = sorted(rng.choice(np.arange(n + 1), 2, replace=False))
        weight = 10.0 ** rng.uniform(-12, 1)
        found = window.trim(ket.real.copy(), ket.imag.copy(), lo, hi, weight)
        assert found == trimmed(ket, lo, hi, weight)
        seen.add((found[0] > lo, found[1] < hi))
    assert len(seen) == 4


def test_trim_keeps_one_cell_and_cuts_exact_zeros():
    zero = np.zeros(6)
    lo, hi = window.trim(zero, zero, 1, 5, 1e-20)
    assert hi - lo == 1
    re = np.array([0, 0, 0.5, 0.5, 0, 0])
    assert window.trim(re, zero, 0, 6, 0.0) == (2, 4)


def test_write_scaled_and_clear_beside():
    for rng, N, _, lo, hi in cases(8):
        from_re, from_im = rng.normal(size=(2, cells(N)))
        to_re, to_im = np.full((2, cells(N)), GARBAGE)
        window.write_scaled(from_re, from_im, lo, hi, 0.4, to_re, to_im)
        for source, target in ((from_re, to_re), (from_im, to_im)):
            for p in range(cells(N)):
                assert target[p] == (0.4 * source[p] if lo <= p < hi else GARBAGE)
        for width in (0, 1, 5, 100):
            a, b = np.full((2, cells(N)), GARBAGE)
            window.clear_beside(a, b, lo, hi, width)
            for p in range(cells(N)):
                cleared = lo - width <= p < hi + width and not lo <= p < hi
                assert a[p] == b[p] == (0.0 if cleared else GARBAGE)


def test_sector_range():
    for N, two_J in SECTORS:
        at = positions(N, two_J)
        assert sector_range(N, two_J) == (at[0], at[-1] + 1)
        assert at[0] - PAD == N / 2 - two_J / 2


# ---- averages ------------------------------------------------------------------------------------


def test_spin_averages():
    for rng, N, two_J, lo, hi in cases(9):
        re, im = random_window(rng, N, lo, hi)
        ket = dense(N, two_J, re, im, lo, hi)
        mean, second = np.empty(3), np.empty(6)
        norm2 = spin_averages(N, two_J, re, im, lo, hi, mean, second)
        assert norm2 == pytest.approx(np.vdot(ket, ket).real, rel=1e-14)
        expected_mean, expected_second = twins.averages(N, two_J, ket)
        np.testing.assert_allclose(mean, expected_mean, atol=1e-13)
        np.testing.assert_allclose(second, expected_second[np.triu_indices(3)], atol=1e-13)


# ---- jumps ---------------------------------------------------------------------------------------


def test_sector_factors():
    for N, two_J in SECTORS:
        J = two_J / 2
        e, f, g = jumps.sector_factors(N, two_J)
        assert g == pytest.approx((N / 2 - J) / (2 * (J + 1) * (2 * J + 1)))
        assert e == pytest.approx((N + 2) / (4 * J * (J + 1)) if J else 0.0)
        assert f == pytest.approx((N / 2 + J + 1) / (2 * J * (2 * J + 1)) if J else 0.0)


LADDERS = [(exclude, down) for exclude in (False, True) for down in (False, True)]


def ladder_model(N, exclude_self, down, rng):
    argument = {"s": np.diag(rng.normal(size=2))}
    matrix = 0.8j * (LOWER if down else RAISE)
    jump = cj.LocalJump(matrix, "s", amplitude=lambda x: 0.4 + np.sin(x), argument=argument, exclude_self=exclude_self)
    return cj.Model([cj.Block("s", N)], [], [jump])


@pytest.mark.parametrize(("exclude_self", "down"), LADDERS)
def test_ladder_jump_and_its_weights(exclude_self, down):
    for rng, N, two_J, lo, hi in cases(10):
        model = ladder_model(N, exclude_self, down, rng)
        tables = build(model).jumps
        assert tables.kind[0] == (LADDER_DOWN if down else LADDER_UP)
        re, im = random_window(rng, N, lo, hi)
        ket = dense(N, two_J, re, im, lo, hi)
        weights = np.full(3, np.nan)
        jumps.ladder_weights(N, two_J, down, False, tables.strength[0], tables.gamma[0], re, im, lo, hi, weights)
        for outcome, new in enumerate((two_J, two_J - 2, two_J + 2)):
            K = [
                twins.kraus(model, model.jumps[0], two_J, two_mu, to)
                for two_mu, to in twins.outcomes(N, two_J)
                if to == new
            ]
            expected = sum(np.linalg.norm(k @ ket) ** 2 for k in K)
            assert weights[outcome] == pytest.approx(expected, rel=1e-11, abs=1e-12)
            if expected < 1e-12:
                continue
            to_re, to_im = np.zeros((2, cells(N)))
            arguments = (N, two_J, down, outcome, tables.gamma[0], re, im, lo, hi)
            norm2 = jumps.ladder_jump(*arguments, to_re, to_im)
            move = -1 if down else 1
            found = dense(N, new, to_re, to_im, lo + move, hi + move)
            assert norm2 == pytest.approx(np.linalg.norm(found) ** 2, rel=1e-12)
            for k in K:  # σ_±: the two ways from J to J are proportional
                image = k @ ket
                if np.linalg.norm(image) > 1e-9:
                    ray = twins.same_ray(found / np.sqrt(norm2), image / np.linalg.norm(image))
                    assert ray < 1e-9


GENERAL_OUTCOMES = [(-1, 0), (-1, -2), (1, 0), (1, 2)]
"""2(μ - J) and 2(J' - J) of the outcomes of a general channel, in their order."""


def general_model(N, exclude_self, rng, matrix=None):
    if matrix is None:
        matrix = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
    argument = {"s": np.diag(rng.normal(size=2))}
    jump = cj.LocalJump(matrix, "s", amplitude=lambda x: 0.4 + np.sin(x), argument=argument, exclude_self=exclude_self)
    return cj.Model([cj.Block("s", N)], [], [jump])


def general_jump(N, tables, two_J, outcome, re, im, lo, hi, matrix=None, gammas=None):
    """J' (as 2J'), weight and state of one outcome, from fresh work space full of garbage."""
    rest_re, rest_im = np.full((2, 2, cells(N)), GARBAGE)
    to_re, to_im = np.full((2, cells(N)), GARBAGE)
    j = tables.j_re[0] + 1j * tables.j_im[0] if matrix is None else matrix
    gamma, rest = (tables.gamma[0], tables.gamma_rest[0]) if gammas is None else gammas
    jumps.leave_behind(gamma, rest, re, im, lo, hi, rest_re, rest_im)
    arguments = (N, two_J, outcome, j.real.copy(), j.imag.copy(), lo, hi, rest_re, rest_im, to_re, to_im)
    new, weight = jumps.general_jump(*arguments)
    return new, weight, dense(N, new, to_re, to_im, lo - 1, hi + 1) if weight > 0 else None


@pytest.mark.parametrize("exclude_self", [False, True])
def test_general_jump(exclude_self):
    for rng, N, two_J, lo, hi in cases(11):
        model = general_model(N, exclude_self, rng)
        tables = build(model).jumps
        D = twins.sector_rotation(two_J, build(model).rotation)
        np.testing.assert_allclose(D, np.diag(np.diag(D)), atol=1e-13)
        re, im = random_window(rng, N, lo, hi)
        ket = dense(N, two_J, re, im, lo, hi)
        possible = twins.outcomes(N, two_J)
        for outcome, (to_mu, to_J) in enumerate(GENERAL_OUTCOMES):
            two_mu, two_new = two_J + to_mu, two_J + to_J
            new, weight, found = general_jump(N, tables, two_J, outcome, re, im, lo, hi)
            if (two_mu, two_new) not in possible:
                assert weight == 0.0
                continue
            # the frame is turned about z at most: by D on the way in and D' on the way out
            D_new = twins.sector_rotation(two_new, build(model).rotation)
            image = D_new.conj().T @ twins.kraus(model, model.jumps[0], two_J, two_mu, two_new) @ D @ ket
            expected = np.linalg.norm(image) ** 2
            assert weight == pytest.approx(expected, rel=1e-11, abs=1e-12)
            if expected > 1e-9:
                assert new == two_new
                assert twins.same_ray(image, found) < 1e-11 * (1 + np.sqrt(expected))


@pytest.mark.parametrize("exclude_self", [False, True])
def test_the_rate_is_the_sum_over_outcomes(exclude_self):
    for rng, N, two_J, lo, hi in cases(12):
        model = general_model(N, exclude_self, rng)
        tables, rotation = build(model).jumps, build(model).rotation
        assert tables.kind[0] == (SELF_EXCLUDED if exclude_self else GENERAL)
        re, im = random_window(rng, N, lo, hi)
        ket = twins.sector_rotation(two_J, rotation) @ dense(N, two_J, re, im, lo, hi)
        rate = np.vdot(ket, twins.rate_operator(model, model.jumps[0], two_J) @ ket).real
        parts = [general_jump(N, tables, two_J, outcome, re, im, lo, hi)[1] for outcome in range(4)]
        assert sum(parts) == pytest.approx(rate, rel=1e-11, abs=1e-12)


SPECIAL = [ONE, X, Z, LOWER + 0.3 * Z, 0.2 * ONE + 1j * Y, LOWER + 1e-4 * ONE, LOWER + 1e-9 * Z]


def test_weights_by_moments_are_those_of_the_states_after_the_jump():
    trusted = []
    for rng, N, two_J, lo, hi in cases(14):
        for matrix in (None, *SPECIAL):
            tables = build(general_model(N, False, rng, matrix)).jumps
            re, im = random_window(rng, N, lo, hi)
            expected = [general_jump(N, tables, two_J, outcome, re, im, lo, hi)[1] for outcome in range(4)]
            rest_re, rest_im = np.full((2, 2, cells(N)), GARBAGE)
            jumps.leave_behind(tables.gamma[0], tables.gamma_rest[0], re, im, lo, hi, rest_re, rest_im)
            found = np.full(4, np.nan)
            moments = spin_moments(N, two_J, rest_re[1], rest_im[1], lo, hi)
            trusted.append(jumps.general_weights(N, two_J, tables.j_re[0], tables.j_im[0], moments, found))
            if trusted[-1]:
                np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * sum(expected))
                assert np.all(found[np.array(expected) < 1e-20 * sum(expected)] == 0.0)
    assert 0.9 < np.mean(trusted) < 1  # of the lowest state, LOWER leaves next to nothing


def test_weights_of_no_numbers_are_no_numbers():
    j = np.array([[0.3, 0.2], [0.5, 0.1]])
    found = np.zeros(4)
    moments = (np.nan, np.nan, np.nan, complex(np.nan), complex(np.nan), complex(np.nan))
    assert jumps.general_weights(5, 3, j, 0 * j, moments, found)
    assert np.isnan(found).all()


@pytest.mark.parametrize(("exclude_self", "down"), LADDERS)
def test_ladder_path_equals_general_path(exclude_self, down):
    for rng, N, two_J, lo, hi in cases(13):
        model = ladder_model(N, exclude_self, down, rng)
        ladder = build(model).jumps
        # the same Γ as a general channel holds it: before the particle is taken out, or of those left behind
        x = np.diag(model.jumps[0].argument["s"]).real
        i = np.arange(N + 1)
        before = model.jumps[0].gamma((i * x[0] + (N - i) * x[1]) / N)
        rest = model.jumps[0].gamma((i * x[0] + (N - 1 - i) * x[1]) / N)
        gammas = (np.ones(N + 1), rest) if exclude_self else (before, np.ones(N + 1))
        re, im = random_window(rng, N, lo, hi)
        weights = np.zeros(3)
        jumps.ladder_weights(N, two_J, down, False, ladder.strength[0], ladder.gamma[0], re, im, lo, hi, weights)
        general = np.zeros(3)
        for outcome in range(4):
            arguments = (N, ladder, two_J, outcome, re, im, lo, hi, model.jumps[0].matrix, gammas)
            new, weight, found = general_jump(*arguments)
            which = {0: 0, -2: 1, 2: 2}[new - two_J]
            general[which] += weight
            if weight > 1e-9:
                to_re, to_im = np.zeros((2, cells(N)))
                norm2 = jumps.ladder_jump(N, two_J, down, which, ladder.gamma[0], re, im, lo, hi, to_re, to_im)
                move = -1 if down else 1
                other = dense(N, new, to_re, to_im, lo + move, hi + move)
                assert twins.same_ray(found / np.sqrt(weight), other / np.sqrt(norm2)) < 1e-8
        np.testing.assert_allclose(weights, general, rtol=1e-11, atol=1e-12)


# ---- no-jump evolution ---------------------------------------------------------------------------


@lru_cache
def flips(N, omega=0.7, chi=0.4):
    return cj.systems.free_flips(N, omega, 1.3, 0.8, chi=chi)


@lru_cache
def complex_model(N):
    """Off-diagonals that are complex, differ upwards and downwards, and reach two cells."""
    terms = [cj.OneBody(0.6 * X - 0.3 * Y + 0.2 * Z, "s"), cj.TwoBody(X, X, 0.5, blocks=("s", "s"))]
    terms += [cj.TwoBody(X, Y, 0.2, blocks=("s", "s")), cj.TwoBody(Y, X, 0.2, blocks=("s", "s"))]
    local = [
        cj.LocalJump(0.8 * LOWER + (0.3 - 0.2j) * Z + 0.1 * ONE, "s", amplitude=np.exp, argument={"s": 0.5 * Z}),
        cj.LocalJump(0.6 * RAISE, "s", amplitude=np.cos, argument={"s": Z}, exclude_self=True),
    ]
    return cj.Model([cj.Block("s", N)], terms, local)


@lru_cache
def dark_model(N):
    """H = 0.7 Σσ_x + (0.4/N)(Σσ_z)² and no jumps at all."""
    return cj.Model([cj.Block("s", N)], [cj.OneBody(0.7 * X, "s"), cj.TwoBody(Z, Z, 0.4, blocks=("s", "s"))])


@lru_cache
def constrained(N):
    return cj.systems.constrained(N, 0.7, 1.3, 0.8)


@lru_cache
def rotated_frame(model, two_J):
    """Tables, and the dense H_eff of a sector in their frame."""
    basis = build(model)
    D = twins.sector_rotation(two_J, basis.rotation)
    return basis.h_eff, D.conj().T @ twins.h_eff(model, two_J) @ D


MODELS = {"flips": flips, "constrained": constrained, "complex": complex_model}
TOLERANCES = [1e-4, 1e-6, 1e-9, 1e-12]


class Step:
    """One call of ``expand`` from a random state in a window, with what its twin needs."""

    def __init__(self, model, two_J, lo, hi, *, rng, waiting, most, tolerance, shifts=(0.0, 0.0), filled=None, **more):
        self.N, self.two_J = model.size, two_J
        self.h_eff, self.H = rotated_frame(model, two_J)
        self.work = more.get("work") or work_space(cells(self.N), max(len(model.jumps), 1))
        if "work" not in more:
            for cell in self.work:
                cell[:] = GARBAGE
        re, im = random_window(rng, self.N, lo, hi)
        norm = np.sqrt(np.sum(re[lo:hi] ** 2 + im[lo:hi] ** 2))
        window.write_scaled(re, im, lo, hi, 1 / norm, self.work.taylor_re[0], self.work.taylor_im[0])
        self.ket = dense(self.N, two_J, re, im, lo, hi) / norm
        filled = np.full(3, -1) if filled is None else filled
        self.waiting, self.tolerance = waiting, tolerance
        arguments = (self.h_eff, self.work, two_J, lo, hi, filled, *shifts, waiting, most, tolerance)
        found = expand(*arguments)
        self.order, self.horizon, self.energy, self.rate, self.curvature, self.shift, self.rate_shift = found[:7]
        self.unit, self.lo, self.hi = found[7:]
        first, last = sector_range(self.N, two_J)
        assert first <= self.lo <= lo
        assert hi <= self.hi <= last

    def at(self, t):
        """The series summed at time t."""
        work = self.work
        rows, out = (work.taylor_re, work.taylor_im), (work.out_re, work.out_im)
        propagate.sum_at(*rows, *out, self.order, self.lo, self.hi, t / self.unit)
        return dense(self.N, self.two_J, self.work.out_re, self.work.out_im, self.lo, self.hi)

    def exact(self, t):
        """exp(-i(H_eff - s)t) ψ, but for a phase (the tables drop a real constant of the sector)."""
        return np.exp(0.5 * self.rate_shift * t) * twins.evolve(self.H, self.ket, t)

    def error(self, t):
        return twins.same_ray(self.exact(t), self.at(t))

    def lost(self, t):
        """Log-survival lost by t, from the dense matrix."""
        return -2 * np.log(np.linalg.norm(twins.evolve(self.H, self.ket, t)))

    def find(self, tolerance, **wrong):
        guess = {"rate": self.rate, "curvature": self.curvature, "horizon": self.horizon} | wrong
        return find_jump(
            self.work,
            self.order,
            self.lo,
            self.hi,
            guess["horizon"],
            self.unit,
            self.rate_shift,
            guess["rate"],
            guess["curvature"],
            self.waiting,
            tolerance,
        )[:4]


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("name", MODELS)
def test_expand_honours_its_error_bound(name, tolerance):
    for N, two_J in [(1, 1), (2, 0), (7, 3), (12, 8)]:
        rng = np.random.default_rng([20, N, two_J])
        for lo, hi in windows(rng, N, two_J):
            for waiting, most in ((0.7, 10.0), (5.0, 10.0), (0.3, 0.01)):
                step = Step(MODELS[name](N), two_J, lo, hi, rng=rng, waiting=waiting, most=most, tolerance=tolerance)
                assert 0 < step.horizon <= most
                assert 1 <= step.order <= MAX_ORDER
                for t in (0.4 * step.horizon, step.horizon):
                    assert step.error(t) <= tolerance + 1e-14


@pytest.mark.parametrize("name", MODELS)
def test_expand_reports_energy_rate_and_curvature(name):
    for shifts in ((0.0, 0.0), (1.3, 0.4)):
        for N, two_J in [(1, 1), (2, 0), (3, 1), (6, 6), (7, 3)]:
            rng = np.random.default_rng([21, N, two_J])
            first, last = sector_range(N, two_J)
            step = Step(
                MODELS[name](N),
                two_J,
                first,
                last,
                rng=rng,
                waiting=0.5,
                most=10.0,
                tolerance=1e-12,
                shifts=shifts,
            )
            A = -1j * step.H
            ket = step.ket
            slope = 2 * np.vdot(ket, A @ ket).real  # d|ψ|²/dt
            bend = np.vdot(ket, (A.conj().T @ A.conj().T + 2 * A.conj().T @ A + A @ A) @ ket).real
            assert step.rate == pytest.approx(-slope, abs=1e-11)
            assert step.curvature == pytest.approx(bend / 2 - slope**2 / 2, abs=1e-9)
            # the tables leave out a real constant of the sector
            constant = (step.H[0, 0] - step.h_eff.diagonal[(N - two_J) // 2]).real
            assert step.energy == pytest.approx(np.vdot(ket, step.H @ ket).real - constant, abs=1e-11)


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_a_step_that_cannot_converge_is_shortened(tolerance):
    for most in (30.0, 1e4, 1e8):
        for N, two_J in [(1, 1), (6, 6), (12, 8)]:
            rng = np.random.default_rng([22, N])
            first, last = sector_range(N, two_J)
            step = Step(dark_model(N), two_J, first, last, rng=rng, waiting=1.0, most=most, tolerance=tolerance)
            assert step.rate == pytest.approx(0.0, abs=1e-12)
            assert step.order == MAX_ORDER
            assert 0.01 < step.horizon < most
            assert step.error(step.horizon) <= tolerance + 1e-14
            assert step.error(0.5 * step.horizon) <= tolerance + 1e-14
            # the full length would not have converged at the highest order
            assert step.error(min(3 * step.horizon, most)) > tolerance


@pytest.mark.parametrize("most", [1.0, 1e6, 1e12])
def test_a_state_that_never_changes_takes_one_step(most):
    N, two_J = 6, 6
    model = cj.systems.constrained(N, 0.0, 1.3, 0.8)
    first, _ = sector_range(N, two_J)
    rng = np.random.default_rng(0)
    step = Step(model, two_J, first, first + 1, rng=rng, waiting=0.3, most=most, tolerance=1e-9)
    assert step.rate == 0.0
    assert step.horizon == most
    _, found, lost, norm2 = step.find(1e-9)
    assert found == 0
    assert lost == pytest.approx(0.0, abs=1e-12)
    assert norm2 == pytest.approx(1.0)


@pytest.mark.parametrize("waiting", [0.01, 0.7, 3.0, 9.0])
def test_a_single_amplitude_that_nothing_couples(waiting):
    N, two_J, M = 20, 12, -2
    model = cj.systems.free_flips(N, 0.0, 1.3, 0.8)
    lo = N // 2 + M + PAD
    step = Step(model, two_J, lo, lo + 1, rng=np.random.default_rng(3), waiting=waiting, most=5.0, tolerance=1e-9)
    rate = 1.3 * (N / 2 - M) + 0.8 * (N / 2 + M)
    assert (step.order, step.lo, step.hi) == (0, lo, lo + 1)
    assert step.rate == pytest.approx(rate, rel=1e-14)
    assert step.error(step.horizon) <= 1e-14
    t, found, lost, _ = step.find(1e-9)
    assert found == (waiting < 4.0)  # a step loses 4 at most
    assert lost == pytest.approx(min(waiting, 4.0), rel=1e-14)
    assert t == pytest.approx(min(waiting, 4.0) / rate, rel=1e-14)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("most", [1e12, 1e15, 1e18])
def test_expand_ends_for_any_horizon(most):
    # Energies of order N and a horizon of 1e15: rounding of <H> times the horizon is no reason to go on.
    for N in (5, 1000):
        model = cj.Model([cj.Block("s", N)], [cj.TwoBody(Z, Z, 0.4321, blocks=("s", "s"))])
        rng = np.random.default_rng(N)
        first, last = sector_range(N, N)
        h_eff, work = build(model).h_eff, work_space(cells(N), 1)
        re, im = random_window(rng, N, first, last)
        norm = np.sqrt(propagate.norm_squared(re, im, first, last))
        window.write_scaled(re, im, first, last, 1 / norm, work.taylor_re[0], work.taylor_im[0])
        filled = np.full(3, -1)
        order, horizon, *_ = expand(h_eff, work, N, first, last, filled, 0.0, 0.0, 1.0, most, 1e-9)
        assert order == MAX_ORDER
        assert 0 < horizon < most


def test_the_shift_is_taken_anew_when_the_state_has_changed():
    # Energies near 1e4 with a spread of order 1: without the shift no step could keep 1e-9.
    N = 8
    model = cj.Model(
        [cj.Block("s", N)],
        [cj.OneBody(2e3 * Z + 0.5 * X, "s")],
        [cj.LocalJump(LOWER, "s")],
    )
    first, last = sector_range(N, N)
    rng = np.random.default_rng(1)
    step = Step(model, N, last - 1, last, rng=rng, waiting=1.0, most=1.0, tolerance=1e-9)
    assert step.shift == pytest.approx(2e3 * N)
    assert step.rate_shift == pytest.approx(N)
    near = (2e3 * N + 1e-3, N + 1e-3)
    again = Step(model, N, last - 1, last, rng=rng, waiting=1.0, most=1e-3, tolerance=1e-9, shifts=near)
    assert (again.shift, again.rate_shift) == near
    assert again.energy == pytest.approx(2e3 * N)
    assert again.rate == pytest.approx(N)
    assert first < last - 1


@pytest.mark.parametrize("name", MODELS)
def test_expand_reuses_the_elements_of_a_sector(name):
    N, two_J = 300, 290
    model = MODELS[name](N)
    h_eff, work = build(model).h_eff, work_space(cells(N), 2)
    filled = np.full(3, -1)
    rng = np.random.default_rng(30)
    for lo in (100, 104, 109, 90, 75, 60, 200, 199, 150):
        hi = lo + 9
        re, im = random_window(rng, N, lo, hi)
        norm = np.sqrt(propagate.norm_squared(re, im, lo, hi))
        results = []
        for space, memory in ((work, filled), (work_space(cells(N), 2), np.full(3, -1))):
            window.write_scaled(re, im, lo, hi, 1 / norm, space.taylor_re[0], space.taylor_im[0])
            found = expand(h_eff, space, two_J, lo, hi, memory, 0.0, 0.0, 1.0, 5.0, 1e-9)
            wide_lo, wide_hi = found[-2:]
            rows, out = (space.taylor_re, space.taylor_im), (space.out_re, space.out_im)
            propagate.sum_at(*rows, *out, found[0], wide_lo, wide_hi, found[1] / found[-3])
            results.append((*found, space.out_re[wide_lo:wide_hi].copy()))
        for a, b in zip(*results, strict=True):
            np.testing.assert_array_equal(a, b)


def test_elements_are_renewed_in_another_sector():
    N = 9
    model, filled = flips(N), np.full(3, -1)
    work = work_space(cells(N), 2)
    rng = np.random.default_rng(31)
    for two_J in (9, 5, 7, 1, 3, 9):
        first, last = sector_range(N, two_J)
        more = {"filled": filled, "work": work}
        step = Step(model, two_J, first, last, rng=rng, waiting=1.0, most=1.0, tolerance=1e-10, **more)
        assert step.error(step.horizon) <= 1e-10


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize("name", MODELS)
def test_find_jump(name, tolerance):
    for N, two_J in [(1, 1), (2, 0), (7, 3), (12, 8)]:
        rng = np.random.default_rng([40, N, two_J])
        for lo, hi in windows(rng, N, two_J):
            for waiting in (0.003, 0.3, 1.2):
                step = Step(
                    MODELS[name](N), two_J, lo, hi, rng=rng, waiting=waiting, most=3.0, tolerance=0.5 * tolerance
                )
                t, found, lost, norm2 = step.find(tolerance)
                # a state off by ε in norm has a log-survival off by about 2ε/|ψ|
                slack = tolerance + 2 * tolerance * np.exp(waiting / 2) + 1e-13
                exact = step.lost(step.horizon)
                if found == 0:
                    assert t == step.horizon
                    assert exact <= waiting + slack
                    assert lost == pytest.approx(exact, abs=slack)
                else:
                    assert found == 1
                    assert abs(step.lost(t) - waiting) <= slack
                    assert abs(lost - waiting) <= tolerance
                    if exact > waiting:
                        root = brentq(lambda s, step=step: step.lost(s) - step.waiting, 0, step.horizon, xtol=1e-14)
                        slope = (step.lost(root) - step.lost(root * 0.999)) / (0.001 * root)
                        assert abs(t - root) * slope <= 2 * slack + 1e-9 * root
                out = dense(N, two_J, step.work.out_re, step.work.out_im, step.lo, step.hi)
                assert norm2 == pytest.approx(np.linalg.norm(out) ** 2, rel=1e-12)
                assert twins.same_ray(step.exact(t), out) <= 0.5 * tolerance + 1e-14


def test_find_jump_does_not_need_a_good_guess():
    N, two_J = 6, 6
    first, last = sector_range(N, two_J)
    for name, build_model in MODELS.items():
        rng = np.random.default_rng(41)
        for share in (1e-5, 0.1, 0.9):
            step = Step(build_model(N), two_J, first, last, rng=rng, waiting=0.4, most=3.0, tolerance=1e-12)
            waiting = step.waiting = share * step.lost(step.horizon)
            good, found, *_ = step.find(1e-11)
            assert found == 1, name
            for rate, curvature in ((1e-6, 0.0), (1e6, 0.0), (0.0, 0.0), (step.rate, 1e3), (step.rate, -1e3)):
                t, found, lost, _ = step.find(1e-11, rate=rate, curvature=curvature)
                assert found == 1
                assert abs(lost - waiting) <= 1e-11
                assert step.lost(t) == pytest.approx(step.lost(good), abs=1e-10)


def test_find_jump_where_the_rate_starts_at_zero():
    # All down is dark; only the drive brings excitations: -log|ψ|² grows as a high power of t.
    N = 5
    model = cj.systems.constrained(N, 0.9, 0.7, 1.1)
    rng = np.random.default_rng(0)
    first, _ = sector_range(N, N)
    for tolerance in (1e-5, 1e-9):
        step = Step(model, N, first, first + 1, rng=rng, waiting=1e-3, most=50.0, tolerance=0.5 * tolerance)
        assert step.rate == 0.0
        t, found, _, _ = step.find(tolerance)
        assert found == 1
        root = brentq(lambda s, step=step: step.lost(s) - step.waiting, 0, step.horizon, xtol=1e-14)
        assert abs(step.lost(t) - 1e-3) <= 3 * tolerance
        assert 0.05 < root < step.horizon


# ---- whole trajectories --------------------------------------------------------------------------


@lru_cache
def tilted_arguments(N):
    """Everything at once: a common axis of the arguments that is not z, and all kinds of channels."""
    axis = np.array([0.6, -0.5, 0.4])
    U = axis_rotation(axis)
    along = sum(a * p for a, p in zip(axis / np.linalg.norm(axis), PAULI, strict=True))
    terms = [
        cj.OneBody(0.5 * X + 0.2 * Y, "s"),
        cj.TwoBody(X, Y, 0.3, blocks=("s", "s")),
        cj.TwoBody(Y, X, 0.3, blocks=("s", "s")),
        cj.TwoBody(RAISE, LOWER, 0.25, blocks=("s", "s")),
    ]
    local = [
        cj.LocalJump(0.8 * LOWER + 0.4 * ONE, "s", amplitude=np.exp, argument={"s": 0.6 * along + 0.1 * ONE}),
        cj.LocalJump(0.9 * U @ RAISE @ U.conj().T, "s", rate=np.exp, argument={"s": along}, exclude_self=True),
        cj.LocalJump(0.7 * Y + 0.3j * Z, "s", amplitude=np.cos, argument={"s": 1.2 * along}, exclude_self=True),
        cj.LocalJump(0.5 * U @ LOWER @ U.conj().T, "s"),
    ]
    return cj.Model([cj.Block("s", N)], terms, local)


TRAJECTORIES = {
    "flips": flips,
    "constrained": lambda N: cj.systems.constrained(N, 0.7, 2.3, 1.8),
    "facilitated": lambda N: cj.systems.facilitated(N, 0.6, 4.0, 0.7, power=1),
    "hopfield": lambda N: cj.systems.hopfield(np.ones((1, N)), 0.5, 1.3),
    "hopfield with self": lambda N: cj.systems.hopfield(np.ones((1, N)), 0.5, 1.3, exclude_self=False),
    "complex": complex_model,
    "tilted": tilted_arguments,
}
THETA, PHI = 1.1, 0.4
TIMES = np.array([0.0, 0.15, 0.5, 1.0, 1.7, 2.5])


def draws(seed, index):
    """Random numbers of a trajectory from a pure start: a waiting, then for each jump a choice and a waiting."""
    words = np.random.SeedSequence(seed).generate_state(2, np.uint64)
    return np.random.Generator(np.random.Philox(counter=[0, 0, 0, index], key=words))


class Replay:
    """A trajectory again with dense matrices, from its jump record.

    Keeps the averages at the output times, and for each jump by how much the log-survival that was lost misses the
    exponential number drawn, and whether the number drawn picks the recorded channel and sector.
    """

    def __init__(self, model, one, start, two_J, generator):
        N, self.means, self.misses, self.picked = model.size, [], [], []
        self.sectors = []
        ket, now, lost = start / np.linalg.norm(start), 0.0, 0.0
        waiting = generator.standard_exponential()
        output = list(one.times)
        kinds = build(model).jumps.kind
        H = {t: twins.h_eff(model, t) for t in twins.sectors(N)}
        K = {
            (l, t, mu, new): twins.kraus(model, jump, t, mu, new)
            for l, jump in enumerate(model.jumps)
            for t in twins.sectors(N)
            for mu, new in twins.outcomes(N, t)
        }

        def move(ket, duration):
            ket = twins.evolve(H[two_J], ket, duration)
            norm = np.linalg.norm(ket)
            return ket / norm, -2 * np.log(norm)

        for record in one.jumps:
            while output and output[0] <= record["time"]:
                at, _ = move(ket, output.pop(0) - now)
                self.means.append(twins.averages(N, two_J, at)[0])
                self.sectors.append(two_J / 2)
            ket, lost = move(ket, record["time"] - now)
            self.misses.append(lost - waiting)
            now = record["time"]
            # Outcomes in the order in which one uniform number runs through them.
            ways, weights = [], []
            for l in range(len(model.jumps)):
                order = (0, -2, 2) if kinds[l] in (LADDER_DOWN, LADDER_UP) else None
                found = [(mu, new) for mu in (two_J - 1, two_J + 1) for new in (two_J, two_J - 2, two_J + 2)]
                found = [way for way in found if (l, two_J, *way) in K]
                if order is not None:  # a ladder channel: both ways from J to J give the same state
                    found.sort(key=lambda way, order=order: order.index(way[1] - two_J))
                for way in found:
                    ways.append((l, *way))
                    weights.append(np.linalg.norm(K[l, two_J, *way] @ ket) ** 2)
            reached = np.cumsum(weights) / np.sum(weights)
            chosen = min(int(np.searchsorted(reached, generator.random(), side="right")), len(ways) - 1)
            l, mu, new = ways[chosen]
            self.picked.append((l, new / 2) == (record["channel"], record["sector"]))
            if not self.picked[-1]:
                return
            ket = K[l, two_J, mu, new] @ ket
            ket, two_J = ket / np.linalg.norm(ket), new
            waiting = generator.standard_exponential()
        for t in output:
            at, _ = move(ket, t - now)
            self.means.append(twins.averages(N, two_J, at)[0])
            self.sectors.append(two_J / 2)
        _, lost = move(ket, one.times[-1] - now)
        self.last = waiting - lost


def replay(model, index, tolerance, start=None, two_J=None):
    N = model.size
    if start is None:
        one_particle = np.array([np.cos(THETA / 2), np.exp(1j * PHI) * np.sin(THETA / 2)])
        state, start, two_J = cj.tilted(model, THETA, PHI), twins.product_ket(N, one_particle), N
    else:
        state = cj.dicke(model, {model.blocks[0].name: (two_J / 2, start - two_J / 2)})
        start = np.eye(two_J + 1)[start]
    one = cj.trajectory(model, state, TIMES, seed=99, index=index, tolerance=tolerance)
    return one, Replay(model, one, start, two_J, draws(99, index))


@pytest.mark.parametrize("N", [1, 2, 3, 6])
@pytest.mark.parametrize("name", TRAJECTORIES)
def test_whole_trajectory(name, N):
    model = TRAJECTORIES[name](N)
    jumped = 0
    for index in range(3):
        one, twin = replay(model, index, 1e-9)
        assert all(twin.picked)
        assert np.abs(twin.misses).max(initial=0) < 2e-8
        assert twin.last > -2e-8  # and no jump is missing at the end
        np.testing.assert_allclose(one.mean, twin.means, rtol=0, atol=1e-7)
        np.testing.assert_array_equal(one.sectors, twin.sectors)
        jumped += len(one.jumps)
    assert jumped >= N


@pytest.mark.parametrize("name", ["flips", "tilted"])
@pytest.mark.parametrize(("two_J", "up"), [(6, 0), (6, 6), (4, 1), (2, 2), (0, 0)])
def test_whole_trajectory_from_a_dicke_state(name, two_J, up):
    model = TRAJECTORIES[name](6)
    one, twin = replay(model, 5, 1e-9, start=up, two_J=two_J)
    assert all(twin.picked)
    assert np.abs(twin.misses).max(initial=0) < 2e-8
    np.testing.assert_allclose(one.mean, twin.means, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(one.sectors, twin.sectors)


@pytest.mark.parametrize("name", ["constrained", "complex", "tilted"])
def test_a_trajectory_improves_with_its_tolerance(name):
    errors = []
    for tolerance in (1e-3, 1e-6, 1e-9, 1e-12):
        one, twin = replay(TRAJECTORIES[name](6), 1, tolerance)
        assert all(twin.picked)
        assert np.abs(twin.misses).max() < 20 * tolerance + 1e-12
        errors.append(np.abs(one.mean - twin.means).max())
        assert errors[-1] < 200 * tolerance + 1e-12
    assert errors[0] > 10 * errors[1]
    assert errors[1] > 10 * errors[2]
    assert errors[2] > 10 * errors[3]


@pytest.mark.parametrize("name", ["flips", "constrained", "hopfield"])
def test_real_path_equals_complex_path(name):
    model = TRAJECTORIES[name](20)
    state, times = cj.tilted(model, THETA, PHI), TIMES
    engines = [Engine(model, state, times, 1e-10) for _ in range(2)]
    basis = engines[1].basis
    assert basis.h_eff.is_real
    engines[1].state.basis = replace(basis, h_eff=basis.h_eff._replace(is_real=False))
    for index in range(3):
        real, general = (engine.run(7, index, record=True) for engine in engines)
        np.testing.assert_array_equal(real.jumps["channel"], general.jumps["channel"])
        np.testing.assert_array_equal(real.sectors, general.sectors)
        np.testing.assert_allclose(real.jumps["time"], general.jumps["time"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(real.mean, general.mean, rtol=0, atol=1e-8)
        np.testing.assert_allclose(real.second, general.second, rtol=0, atol=1e-8)


def test_wide_band_path_equals_real_path():
    # The same tridiagonal model told to reach two cells.
    model = TRAJECTORIES["flips"](9)
    engines = [Engine(model, cj.tilted(model, THETA, PHI), TIMES, 1e-10) for _ in range(2)]
    basis = engines[1].basis
    engines[1].state.basis = replace(basis, h_eff=basis.h_eff._replace(is_real=False, band=2))
    one, other = (engine.run(7, 0) for engine in engines)
    np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-8)


def test_trajectory_at_a_later_start_and_at_many_output_times():
    # Output times neither disturb the jumps nor the averages at the other times.
    model = TRAJECTORIES["complex"](5)
    state = cj.tilted(model, THETA, PHI)
    dense_times = np.linspace(0, 2.5, 501)
    many = cj.trajectory(model, state, dense_times, seed=3, index=2)
    few = cj.trajectory(model, state, [dense_times[123], dense_times[-1]], seed=3, index=2)
    np.testing.assert_allclose(few.mean, many.mean[[123, -1]], rtol=0, atol=1e-7)
    np.testing.assert_allclose(few.jumps["time"], many.jumps["time"], rtol=0, atol=1e-8)
    alone = cj.trajectory(model, state, [0.0], seed=3, index=2)
    np.testing.assert_allclose(alone.mean[0], [np.sin(THETA) * np.cos(PHI), np.sin(THETA) * np.sin(PHI), np.cos(THETA)])
    assert len(alone.jumps) == 0


@pytest.mark.parametrize("name", TRAJECTORIES)
@pytest.mark.parametrize("up", [None, 12, 5])
def test_a_trajectory_does_not_know_the_one_before_it(name, up):
    # The same work space again and again; narrow windows next to what earlier ones have left behind.
    N = 24
    model = TRAJECTORIES[name](N)
    pair = {model.blocks[0].name: (N / 2, (up or 0) - N / 2)}
    state = cj.tilted(model, THETA, PHI) if up is None else cj.dicke(model, pair)
    times = np.array([0.2, 0.6])
    engine = Engine(model, state, times, 1e-9)
    for index in range(5):
        again, alone = engine.run(3, index), Engine(model, state, times, 1e-9).run(3, index)
        np.testing.assert_array_equal(again.mean, alone.mean)
        np.testing.assert_array_equal(again.second, alone.second)
        assert again.n_jumps == alone.n_jumps


def test_the_jump_record_does_not_end_at_its_buffer(monkeypatch):
    from cojump.trajectories import spin_engine

    model = TRAJECTORIES["flips"](6)
    state = cj.tilted(model, THETA, PHI)
    whole = cj.trajectory(model, state, TIMES, seed=1, index=0)
    monkeypatch.setattr(spin_engine, "_SEGMENT", 3)
    pieces = cj.trajectory(model, state, TIMES, seed=1, index=0)
    assert len(whole.jumps) > 10
    np.testing.assert_array_equal(pieces.mean, whole.mean)
    np.testing.assert_array_equal(pieces.jumps, whole.jumps)


def test_dense_evolution_twin():
    # The twin itself: e^{-iHt} as a product of many short Euler steps of second order.
    H = twins.h_eff(complex_model(4), 4)
    n = 2**18
    small = np.eye(5) - 1j * H * 0.7 / n - 0.5 * (H * 0.7 / n) @ (H * 0.7 / n)
    for _ in range(18):
        small = small @ small
    np.testing.assert_allclose(small, expm(-0.7j * H), atol=1e-8)
