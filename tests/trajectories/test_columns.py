"""H_eff of one block of many levels as one matrix by columns: what it is, what it leaves out, and the same runs."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories.kernels.product_rows import apply_product, keep_rows_of_product
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.product_sectors import ProductBasis, ProductSector
from cojump.trajectories.sector_matrix import program_matrix
from tests.support.random_models import random_hermitian

TIMES = np.linspace(0, 1.5, 5)


def ladder(levels, size, seed=None):
    """Hops and decay of particles with these levels; a random Hermitian energy where a seed is given."""
    down = np.eye(levels, k=-1)
    energy = down + down.T if seed is None else random_hermitian(np.random.default_rng(seed), levels)
    jumps = [cj.LocalJump(down, "atoms"), cj.LocalJump(0.3 * np.eye(levels, k=levels - 1), "atoms")]
    return cj.Model([cj.Block("atoms", size, levels)], [cj.OneBody(0.4 * energy, "atoms")], jumps)


def potts():
    """Rates that see the other particles, and a mixed start."""
    model = cj.systems.potts_hopfield(np.zeros((1, 12), dtype=int), 3, 0.3, 2.0)
    return model, cj.corrupted(model, 0, 0.8)


def started(model):
    block = model.blocks[0]
    return model, cj.occupation(model, {"atoms": [block.size, *[0] * (block.levels - 1)]})


@pytest.mark.parametrize("seed", [None, 1])
def test_the_columns_are_the_program(seed):
    basis = ProductBasis(ladder(4, 5, seed))
    sector = basis.sector(((3, 1, 1, 0),))
    h_eff, size = sector.h_eff, sector.size
    assert (h_eff.values_im.size == 0) is (seed is None)
    expected = program_matrix(h_eff).toarray()
    rng = np.random.default_rng(2)
    state = rng.normal(size=size) + 1j * rng.normal(size=size)
    state[::3] *= 1e-9
    unit, shift, half_shift, least = 0.5, 0.2, 0.1, 1e-12
    for cut in (0.0, least):
        re, im = (
            np.array([np.zeros(size), state.real, np.ones(size)]),
            np.array([np.zeros(size), state.imag, np.ones(size)]),
        )
        kept_rows = np.ones((3, size), dtype=np.uint8)
        keep_rows_of_product(re[1], im[1], h_eff.row, kept_rows[1], cut)
        norm2, _ = apply_product(h_eff, re, im, kept_rows, 1, size, unit, shift, half_shift, 0.0)
        kept = np.where(np.abs(state) ** 2 > cut, state, 0)
        made = -1j * (unit / 2) * (expected @ kept - (shift - 1j * half_shift) * kept)
        np.testing.assert_allclose(re[2] + 1j * im[2], made, atol=1e-13)
        assert norm2 == pytest.approx(np.linalg.norm(made) ** 2)
    assert np.abs(made - -1j * (unit / 2) * (expected @ state - (shift - 1j * half_shift) * state)).max() > 1e-10


@pytest.mark.parametrize("case", [started(ladder(3, 6)), started(ladder(4, 4, 5)), started(ladder(9, 1)), potts()])
def test_same_trajectories_as_with_the_program(case, monkeypatch):
    """The program is the slow twin: same jumps, times and averages."""
    model, state = case
    fast = [ProductEngine(model, state, TIMES, 1e-9).run(3, i, record=True) for i in range(4)]
    monkeypatch.setattr(ProductSector, "_is_one_matrix", lambda *_: False)
    slow = [ProductEngine(model, state, TIMES, 1e-9).run(3, i, record=True) for i in range(4)]
    assert sum(one.n_jumps for one in fast) > 4
    for one, other in zip(fast, slow, strict=True):
        for field in ("channel", "sector"):
            np.testing.assert_array_equal(one.jumps[field], other.jumps[field])
        np.testing.assert_allclose(one.jumps["time"], other.jumps["time"], atol=2e-9)
        np.testing.assert_allclose(one.mean, other.mean, atol=2e-8)
        np.testing.assert_allclose(one.second, other.second, atol=2e-8)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-9, 1e-12])
def test_what_is_left_out_is_within_the_tolerance(tolerance):
    """Without a jump the norm and the averages are those of the whole matrix."""
    down = np.eye(3, k=-1)
    model = cj.Model([cj.Block("atoms", 20, 3)], [cj.OneBody(down + down.T, "atoms")])
    state = cj.product(model, {"atoms": [1, 0, 0]})
    fast = ProductEngine(model, state, TIMES, tolerance).run(0, 0)
    field = cj.mean_field(model, state, TIMES)  # exact: no particle feels another one
    np.testing.assert_allclose(fast.mean, field.mean, atol=max(20 * tolerance, 1e-11))
