"""Averages of tensor products from inner products of pieces, against matrices on whole states."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories.kernels.inner_products import PIECE, find_cells
from cojump.trajectories.product_averages import ProductAverages
from cojump.trajectories.product_moves import Moves, around
from cojump.trajectories.product_sectors import ProductBasis
from cojump.trajectories.representations import MODES, PRODUCT, compiled_first

TOLERANCE = 1e-9


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    compiled_first([PRODUCT, MODES])


def sector_of(model, labels, windows=()):
    """A sector, in windows of its modes, and what measures its states."""
    basis = ProductBasis(model)
    box = (*basis.whole(labels)[: len(labels)], *windows)
    averages = ProductAverages(basis, [Moves(block, 2**20) for block in model.blocks], TOLERANCE)
    return basis.sector(labels, box), averages


def slow_twin(model, basis, sector, displacements, ket):
    """<m_a> and <½{m_a, m_b}> by one sparse matrix for each average."""
    ket = ket / np.linalg.norm(ket)
    made = []
    for o in model.observables:
        rotation = basis.rotations[o.block]
        seen = rotation.conj().T @ o.matrix @ rotation
        matrix = sector.blocks[o.block].one_body(seen / model.blocks[o.block].size).toarray()
        made.append(on_axis(sector, o.block, matrix, ket))
    for q in model.quadratures:
        axis, window = sector.modes[q.mode]
        a = window.lowering.toarray() + displacements[q.mode] * np.eye(window.dim)
        part = (a + a.conj().T) / 2 if q.part == 0 else (a - a.conj().T) / 2j
        made.append(on_axis(sector, axis, part / np.sqrt(model.size), ket))
    made = np.array(made)
    gram = (made.conj() @ made.T).real
    return (made @ ket.conj()).real, gram[np.triu_indices(len(made))]


def on_axis(sector, axis, matrix, ket):
    outer, inner = around(sector.dims, axis)
    return np.einsum("ij,ojp->oip", matrix, ket.reshape(outer, sector.dims[axis], inner)).ravel()


def spins_and_modes(averages=None):
    blocks = [cj.Block("a", 5), cj.Block("b", 4), cj.Mode("m"), cj.Mode("n")]
    return cj.Model(blocks, averages=averages), (3, 4), ((0, 5), (2, 12))


def levels_and_spins(averages=None):
    return cj.Model([cj.Block("s", 3), cj.Block("a", 6, 3)], averages=averages), (1, (4, 1, 1)), ()


def five_levels(averages=None):
    return cj.Model([cj.Block("a", 7, 5)], averages=averages), ((5, 1, 1, 0, 0),), ()


def one_state_and_a_mode(averages=None):
    """A block of which the sector has one state, so that there is one row: its operators act on another axis."""
    return cj.Model([cj.Block("a", 2), cj.Mode("m")], averages=averages), (0,), ((0, 40),)


def one_state_and_levels(averages=None):
    return cj.Model([cj.Block("s", 2), cj.Block("a", 6, 3)], averages=averages), (0, (4, 1, 1)), ()


def two_modes_of_nothing(averages=None):
    """Two axes of one state each in front of that of a mode."""
    blocks = [cj.Block("a", 3, 3), cj.Mode("m"), cj.Mode("n")]
    return cj.Model(blocks, averages=averages), ((1, 1, 1),), ((3, 4), (1, 90))


CASES = {
    "spins, modes": (spins_and_modes, None),
    "few of spins, modes": (spins_and_modes, ["b.y", "n.x"]),
    "levels, spins": (levels_and_spins, None),
    "few of levels, spins": (levels_and_spins, ["a.x02", "a.n1", "s.z"]),
    "five levels": (five_levels, None),
    "one of five levels": (five_levels, ["a.y13"]),
    "one state, a mode": (one_state_and_a_mode, None),
    "one state, levels": (one_state_and_levels, None),
    "one state, one number of quanta, a mode": (two_modes_of_nothing, None),
    "one state, a mode of which nothing is asked": (one_state_and_a_mode, ["a.x", "a.z"]),
}


@pytest.mark.parametrize("occupied", [1.0, 0.2])
@pytest.mark.parametrize("name", CASES)
def test_averages_are_those_by_matrices(name, occupied):
    build, labels = CASES[name]
    model, own, windows = build(labels)
    sector, averages = sector_of(model, own, windows)
    rng = np.random.default_rng(7)
    ket = rng.normal(size=sector.size) + 1j * rng.normal(size=sector.size)
    ket *= rng.random(sector.size) < occupied
    displacements = [0.3 - 1.2j, -0.4 + 0.1j][: len(windows)]
    averages.displace(displacements)
    mean, second = averages.averages(sector, ket)
    expected = slow_twin(model, averages.basis, sector, displacements, ket)
    np.testing.assert_allclose(mean, expected[0], rtol=0, atol=1e-14)
    np.testing.assert_allclose(second, expected[1], rtol=0, atol=1e-14)


def test_a_row_is_longer_than_a_piece():
    """So that the cases above have rows of several pieces, too."""
    model, own, _ = five_levels()
    assert sector_of(model, own)[0].dims[-1] > 3 * PIECE


@pytest.mark.parametrize("occupied", [0, 1, 8])
def test_cells_to_which_operators_lead(occupied):
    """Those of a state and all that any of the matrices leads to from there, in their order."""
    model, own, _ = five_levels()
    sector, averages = sector_of(model, own)
    joined, size = averages._operators_of(sector), sector.size
    rng, expected = np.random.default_rng(4), np.zeros(size, dtype=bool)
    chosen = rng.choice(size, occupied, replace=False)
    re, im = np.full((2, size), 1e-12)
    re[chosen[::2]], im[chosen[1::2]] = 1.0, -1.0
    expected[chosen] = True
    for matrix in (sector.blocks[0].one_body(np.outer(a, b)) for a in np.eye(5) for b in np.eye(5)):
        expected |= abs(matrix.toarray())[:, chosen].any(axis=1)
    cells, filled = np.empty((2, size), dtype=np.int64)
    found = find_cells(joined.axes, joined.pointers, joined.columns, re, im, 1e-20, cells, filled)
    assert cells[:found].tolist() == np.flatnonzero(expected).tolist()
    assert found < size


@pytest.mark.parametrize("quiet", [1e3, 0.1, 1e-3])
def test_what_is_left_out_of_one_row(quiet):
    """The same as below, of most of the amplitudes of one block."""
    model, own, _ = five_levels()
    sector, averages = sector_of(model, own)
    rng = np.random.default_rng(8)
    ket = rng.normal(size=sector.size) + 0j
    small = rng.random(sector.size) < 0.95
    ket[small] *= quiet * TOLERANCE / np.linalg.norm(ket[small]) * np.linalg.norm(ket[~small])
    mean, second = averages.averages(sector, ket)
    expected = slow_twin(model, averages.basis, sector, [], ket)
    assert np.abs(mean - expected[0]).max() < TOLERANCE
    assert np.abs(second - expected[1]).max() < TOLERANCE


@pytest.mark.parametrize("quiet", [1e3, 0.1, 1e-3])
def test_what_is_left_out(quiet):
    """Half of the rows have this norm in units of the tolerance: whether they are looked at or not, it is kept."""
    model, own, windows = spins_and_modes()
    sector, averages = sector_of(model, own, windows)
    averages.displace([0.0, 0.0])
    rng = np.random.default_rng(8)
    ket = rng.normal(size=(sector.size // sector.dims[-1], sector.dims[-1])) + 0j
    small = rng.random(len(ket)) < 0.5
    ket[small] *= quiet * TOLERANCE / np.linalg.norm(ket[small]) * np.linalg.norm(ket[~small])
    mean, second = averages.averages(sector, ket.ravel())
    expected = slow_twin(model, averages.basis, sector, [0.0, 0.0], ket.ravel())
    assert np.abs(mean - expected[0]).max() < TOLERANCE
    assert np.abs(second - expected[1]).max() < TOLERANCE


def test_no_number_is_none():
    """Where the state is no number the averages are none, and no zeros."""
    model, own, windows = levels_and_spins()
    sector, averages = sector_of(model, own, windows)
    ket = np.ones(sector.size, dtype=complex)
    ket[3] = np.nan
    with np.errstate(invalid="ignore"):
        mean, second = averages.averages(sector, ket)
    assert np.isnan(mean).all()
    assert np.isnan(second).all()
