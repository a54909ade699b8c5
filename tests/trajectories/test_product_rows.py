"""The series of a state of several blocks row by row: what the program says, on the rows that are kept alone."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories.kernels.product_rows import (
    ProductWork,
    apply_product,
    change_unit_of_product,
    keep_rows_of_product,
    leave_out,
    move_product,
    overlap_of_product,
    quiet_weight,
    sum_product,
)
from cojump.trajectories.kernels.vectors import LANES
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.product_program import ROWS_AT_ONCE
from cojump.trajectories.product_sectors import ProductBasis
from cojump.trajectories.sector_matrix import program_matrix
from cojump.trajectories.work_space import product_work
from tests.support.random_models import everything, random_hermitian

DOWN = np.eye(3, k=-1)


def three(seed=None):
    """Three blocks of three levels: real elements, or any where a seed is given."""
    energy = DOWN + DOWN.T if seed is None else random_hermitian(np.random.default_rng(seed), 3)
    terms = [cj.OneBody((1 + n) * energy, b) for n, b in enumerate("abc")]
    terms.append(cj.TwoBody(np.diag([1.0, 0, -1]), np.diag([0.0, 1, 1]), 0.7, ("a", "c")))
    return cj.Model([cj.Block(b, 4, 3) for b in "abc"], terms, [cj.LocalJump(DOWN, "b")])


SECTORS = [
    (three(), ((3, 1, 0), (2, 2, 0), (4, 0, 0))),  # rows of one axis
    (three(1), ((3, 1, 0), (3, 1, 0), (2, 1, 1))),  # rows of two
    (everything(np.random.default_rng(1), sizes=(4, 17)), ((3, 1, 0), 17)),  # tables, turns, and sums of matrices
    (everything(np.random.default_rng(2), sizes=(2, 3)), ((2, 0, 0), 3)),  # one row
    (
        everything(np.random.default_rng(3), sizes=(4, 2), levels=(2, 4)),
        (0, (2, 0, 0, 0)),
    ),  # and another axis beside it
]


def parted(sector, seed):
    """A state that is nothing in half of the rows, and whatever stands there; quiet in some other cells."""
    row, size = sector.h_eff.row, sector.size
    rng, rows = np.random.default_rng(seed), -(-size // row)
    state = rng.normal(size=size) + 1j * rng.normal(size=size)
    state[::5] *= 1e-12
    kept = rng.random(rows) < 0.5
    kept[0] = True
    return np.where(np.repeat(kept, row)[:size], state, 0), np.where(np.repeat(kept, row)[:size], state, np.nan)


def in_row(work, k, state):
    work.taylor_re[k, : len(state)], work.taylor_im[k, : len(state)] = state.real, state.imag


def row_of(work, k, row, size):
    kept = np.repeat(work.kept[k], row)[:size]
    return np.where(kept == 1, work.taylor_re[k, :size] + 1j * work.taylor_im[k, :size], 0)


def test_rows_at_once_are_lanes():
    assert ROWS_AT_ONCE == LANES


@pytest.mark.parametrize("case", range(len(SECTORS)))
def test_a_row_of_the_series_is_that_of_the_matrix(case):
    model, labels = SECTORS[case]
    sector = ProductBasis(model).sector(labels)
    h, size, unit, shift, half_shift = sector.h_eff, sector.size, 0.5, 0.2, 0.1
    state, written = parted(sector, case)
    work = product_work(size)
    in_row(work, 1, np.nan_to_num(written))
    work.kept[1] = 1
    keep_rows_of_product(work.taylor_re[1, :size], work.taylor_im[1, :size], h.row, work.kept[1], 1e-20)
    state = np.where(np.abs(state) ** 2 > 1e-20, state, 0)
    np.testing.assert_array_equal(row_of(work, 1, h.row, size), state)
    in_row(work, 1, np.where(np.isnan(written), np.nan, state))  # rows that are not kept are not read
    work.taylor_re[2], work.taylor_im[2] = np.nan, np.nan
    h.program.re[:] = h.program.im[:] = np.nan
    expected = -0.5j * unit * (program_matrix(h) @ state - (shift - 1j * half_shift) * state)
    least = float(np.quantile(np.abs(expected) ** 2, 0.3)) * (1 + 1e-9)
    norm2, missing = apply_product(
        h, work.taylor_re, work.taylor_im, work.kept, 1, size, unit, shift, half_shift, least
    )
    left = np.abs(expected) ** 2 <= least
    assert 0 < left.sum() < size
    found = row_of(work, 2, h.row, size)
    np.testing.assert_allclose(found, np.where(left, 0, expected), rtol=0, atol=1e-12)
    assert norm2 == pytest.approx(np.linalg.norm(expected[~left]) ** 2)
    assert missing == pytest.approx(np.linalg.norm(expected[left]) ** 2)
    assert 0 < work.kept[2].sum() <= -(-size // h.row)


@pytest.mark.parametrize("case", [0, 1])
def test_little_that_is_left_out_is_counted(case):
    """Beside a row that weighs 10^28 times as much."""
    model, labels = SECTORS[case]
    sector = ProductBasis(model).sector(labels)
    h, size, rng, work = sector.h_eff, sector.size, np.random.default_rng(case), product_work(sector.size)
    state = 1e-14 * (rng.normal(size=size) + 1j * rng.normal(size=size))
    state[size // 2] = 1.0
    in_row(work, 0, state)
    work.kept[0] = 1
    norm2, missing = apply_product(h, work.taylor_re, work.taylor_im, work.kept, 0, size, 1.0, 0.2, 0.1, 1e-24)
    weights = np.abs(program_matrix(h) @ state - (0.2 - 0.1j) * state) ** 2
    assert 0 < missing < 1e-22
    assert missing == pytest.approx(weights[weights <= 1e-24].sum(), rel=1e-3, abs=0)
    assert norm2 > 1e-2


def test_nothing_but_a_diagonal():
    """What was written for another state is not read where H_eff leads nowhere."""
    arguments = np.diag([0.5, -0.5]), np.eye(2)[::-1] / 2
    jumps = [cj.LocalJump(np.eye(2, k=-1), "a", amplitude=lambda m: 1 + m, argument={"a": x}) for x in arguments]
    basis = ProductBasis(cj.Model([cj.Block("a", 10)], [cj.OneBody(np.diag([0.4, 0]), "a")], jumps))
    sector, wide = basis.sector((0,)), basis.sector((10,))
    assert sector.size == 1
    assert not sector.h_eff.pointers.size + sector.h_eff.bands.shift.size
    assert wide.h_eff.bands.shift.size > 0
    work = product_work(1)
    in_row(work, 0, np.ones(1))
    in_row(work, 1, np.full(1, 7.0))
    work.kept[:] = 1
    norm2, _ = apply_product(sector.h_eff, work.taylor_re, work.taylor_im, work.kept, 0, 1, 1.0, 0.0, 0.0, 0.0)
    (expected,) = program_matrix(sector.h_eff).diagonal()
    assert expected.imag < 0
    assert row_of(work, 1, 1, 1)[0] == pytest.approx(-1j * expected)
    assert norm2 == pytest.approx(abs(expected) ** 2)


def test_sums_and_units_of_rows():
    row, size, order, x = 20, 109, 3, 0.7
    rng, work = np.random.default_rng(3), product_work(size)
    rows = rng.normal(size=(order + 1, size)) + 1j * rng.normal(size=(order + 1, size))
    work.kept[: order + 1] = rng.random((order + 1, work.kept.shape[1])) < 0.6
    work.kept[0] |= work.kept[3]
    for k in range(order + 1):
        in_row(work, k, np.where(np.repeat(work.kept[k], row)[:size] == 1, rows[k], np.nan))
    rows = np.array([row_of(work, k, row, size) for k in range(order + 1)])
    re, im, out = work.taylor_re, work.taylor_im, (work.out_re, work.out_im)
    real, imaginary = overlap_of_product(re, im, row, work.kept, 3, size)
    assert real + 1j * imaginary == pytest.approx(np.vdot(rows[0], rows[3]))
    norm2 = sum_product(re, im, row, work.kept, order, size, x, *out)
    expected = (x ** np.arange(order + 1)) @ rows
    np.testing.assert_allclose(out[0][:size] + 1j * out[1][:size], expected, atol=1e-13)
    assert norm2 == pytest.approx(np.linalg.norm(expected) ** 2)
    work.moves[1:3] = 0.3, -0.1
    norm2 = move_product(re, im, row, work.kept, work.moves, 2, size, *out)
    expected += 0.3 * rows[1] - 0.1 * rows[2]
    np.testing.assert_allclose(out[0][:size] + 1j * out[1][:size], expected, atol=1e-13)
    assert norm2 == pytest.approx(np.linalg.norm(expected) ** 2)
    work.norms[:] = 1.0
    change_unit_of_product(re, im, work.norms, row, work.kept, order, size, 0.5)
    for k in range(order + 1):
        np.testing.assert_array_equal(row_of(work, k, row, size), rows[k] * 0.5**k)
    assert work.norms[: order + 1].tolist() == [1, 0.5, 0.25, 0.125]
    assert isinstance(work, ProductWork)


@pytest.mark.parametrize("most", [1e-30, 1e-12, 1e-4, 1e9])
def test_as_much_is_left_out_as_may_be(most):
    """Of kept rows alone: by steps of eight in weight, and never more than what may be."""
    row, size = 12, 1003
    rng = np.random.default_rng(9)
    amplitudes = rng.normal(size=size) * 10.0 ** rng.uniform(-18, 0, size)
    re, im = amplitudes * np.cos(1.0), amplitudes * np.sin(1.0)
    kept = (rng.random(-(-size // row)) < 0.7).astype(np.uint8)
    there, weights = np.repeat(kept, row)[:size] == 1, re * re + im * im
    ladder = most / size * 8.0 ** np.arange(6)
    below = np.array([weights[there & (weights <= least)].sum() for least in ladder])
    chosen = np.flatnonzero(below <= most)[-1]
    assert quiet_weight(re, im, row, kept, most, ladder[0]) == pytest.approx(
        (ladder[chosen], below[chosen]), rel=1e-12, abs=0
    )
    written, rows = np.where(there, re, np.nan), kept.copy()
    gone = leave_out(written, im.copy(), row, rows, most)
    assert gone == pytest.approx(below[chosen], rel=1e-12, abs=0)
    assert gone <= most
    np.testing.assert_array_equal(written, np.where(there, np.where(weights <= ladder[chosen], 0, re), np.nan))
    loud = there & (weights > ladder[chosen])
    np.testing.assert_array_equal(rows, np.add.reduceat(loud, np.arange(0, size, row)) > 0)


def test_more_is_left_out_than_each_amplitude_might_be():
    """The share that all amplitudes have would leave out less: that is why sums are looked at."""
    rng, size, most = np.random.default_rng(9), 1000, 1e-12
    re = rng.normal(size=size) * 10.0 ** rng.uniform(-18, 0, size)
    least, gone = quiet_weight(re, np.zeros(size), size, np.ones(1, dtype=np.uint8), most, most / size)
    assert least > 7 * most / size
    assert np.sum(re[re * re <= most / size] ** 2) < gone / 4


@pytest.mark.parametrize("tolerance", [1e-6, 1e-9, 1e-12])
def test_what_is_left_out_of_columns_is_within_the_tolerance(tolerance):
    """The same of one block of many levels, whose H_eff is given by columns."""
    hops = np.diag(np.sqrt([1.0, 2, 3, 4]), 1)
    rare = cj.LocalJump(1e-9 * hops, "atoms")  # without it the levels would be those of H
    model = cj.Model([cj.Block("atoms", 16, 5)], [cj.OneBody(hops + hops.T, "atoms")], [rare])
    times = np.linspace(0, 0.6, 4)
    state = cj.product(model, {"atoms": [1.0, 0, 0, 0, 0]})
    engine = ProductEngine(model, state, times, tolerance)
    found = engine.run(0, 0)
    assert engine.state.here.h_eff.pointers.size > 0
    np.testing.assert_allclose(found.mean, cj.mean_field(model, state, times).mean, atol=max(20 * tolerance, 1e-11))


@pytest.mark.parametrize("tolerance", [1e-6, 1e-9])
def test_what_is_left_out_is_within_the_tolerance(tolerance):
    """Without a jump the averages are those of particles that feel no other one."""
    spin = np.array([[0, 1.0], [1, 0]]) / 2
    terms = [cj.OneBody(DOWN + DOWN.T, "atoms"), cj.OneBody(spin, "spins")]
    model = cj.Model([cj.Block("atoms", 12, 3), cj.Block("spins", 16)], terms)
    state = cj.product(model, {"atoms": [1, 0, 0], "spins": [0, 1]})
    times = np.linspace(0, 1.5, 4)
    found = ProductEngine(model, state, times, tolerance).run(0, 0)
    np.testing.assert_allclose(found.mean, cj.mean_field(model, state, times).mean, atol=max(20 * tolerance, 1e-11))
