"""H_eff as a no-jump step reads it, potentials included, against the operators of the exact theory."""

from functools import reduce

import numpy as np
import pytest

import cojump as cj
from cojump.basis.rotations import representation
from cojump.basis.sector_operators import Operators
from cojump.basis.sectors import sector_of
from cojump.trajectories.product_sectors import ProductBasis
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import BANDED
from cojump.trajectories.sector_matrix import program_matrix, sector_matrix
from cojump.trajectories.spin_tables import build
from tests.statistical.potential_cases import ALONG, MODELS, kink, spins, well
from tests.support.pauli import LOWER, Z


def exact(operators, labels, rotations):
    """H - (i/2) Σ rates in a sector, seen from other single-particle bases."""
    model = operators.model
    H = operators.hamiltonian(labels).toarray()
    for jump in range(len(model.jumps)):
        H = H - 0.5j * operators.rate(jump, labels).toarray()
    turns = [representation(sector_of(b, s), r) for b, s, r in zip(model.blocks, labels, rotations, strict=True)]
    D = reduce(np.kron, turns)
    return D.conj().T @ H @ D


@pytest.mark.parametrize("name", MODELS)
def test_heff_of_the_tensor_product(name):
    model = MODELS[name]()
    operators, basis = Operators(model), ProductBasis(model)
    without, seen = Operators(cj.Model(model.blocks, model.one_body, model.jumps)), 0.0
    for labels in operators.sectors:
        found = program_matrix(basis.sector(labels).h_eff).toarray()
        expected = exact(operators, labels, basis.rotations)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
        seen = max(seen, np.abs(found - exact(without, labels, basis.rotations)).max())
    assert seen > 0.1


@pytest.mark.parametrize("name", ["odd", "even", "no polynomial", "kinked, tilted"])
def test_heff_of_one_block(name):
    model = MODELS[name]()
    assert recipe_of(model).parts[0].representation is BANDED
    operators, tables = Operators(model), build(model)
    for labels in operators.sectors:
        found = sector_matrix(tables.h_eff, labels[0]).toarray()
        expected = exact(operators, labels, [tables.rotation])
        shift = np.trace(found - expected).real / len(found)  # a constant of the sector turns the phase alone
        np.testing.assert_allclose(found - shift * np.eye(len(found)), expected, rtol=0, atol=1e-12)


def test_a_polynomial_of_higher_degree():
    model = spins(well, ALONG, [cj.LocalJump(LOWER, "a", amplitude=kink, argument={"a": Z})], size=40)
    operators, basis = Operators(model), ProductBasis(model)
    (potential,) = basis.potentials
    assert potential.polynomial is not None
    assert 8 < potential.polynomial.degree < 20
    assert potential.polynomial.error < 1e-13
    for labels in ((40,), (22,)):
        found = program_matrix(basis.sector(labels).h_eff).toarray()
        expected = exact(operators, labels, basis.rotations)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_a_constant_energy_is_not_felt():
    """Not even one that is far larger than all others: the shift of a step takes it away."""
    times = np.linspace(0, 1, 4)
    pair = [spins(lambda m, c=c: c + m**3, Z, [cj.LocalJump(LOWER, "a")], size=30) for c in (0.0, 1000.0)]
    one, other = (cj.trajectory(m, cj.tilted(m, 0.9, 0.4), times, seed=1, index=0) for m in pair)
    assert len(one.jumps) == len(other.jumps) > 5
    np.testing.assert_allclose(other.mean, one.mean, rtol=0, atol=1e-7)
