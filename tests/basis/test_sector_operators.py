"""Operators of a sector, frames and packed generators against dense matrices and against each other."""

from functools import reduce

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.sparse import csr_array

import cojump as cj
from cojump.basis.rotations import representation
from cojump.basis.sector_densities import block_densities
from cojump.basis.sector_operators import Operators
from cojump.basis.sectors import rest_sector_of, sector_labels, sector_of
from cojump.theory.generator import Generator
from cojump.theory.generator_frames import frames_of
from cojump.theory.packed_states import Packing, packed, packed_map, unpacked
from tests import twins
from tests.statistical.block_cases import MODELS as SEVERAL
from tests.statistical.block_cases import start
from tests.statistical.cases import MODELS as SINGLE
from tests.support.pauli import ONE, X, Y, Z
from tests.support.random_models import random_hermitian


def close(found, expected, atol=1e-12):
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


# ---- operators -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("name", sorted(SINGLE))
def test_one_block_has_the_matrices_of_the_twins(name, size):
    model = SINGLE[name](size)
    operators = Operators(model)
    assert operators.sectors == [(two_J,) for two_J in twins.sectors(size)]
    for labels in operators.sectors:
        (two_J,) = labels
        close(operators.hamiltonian(labels).toarray(), twins.hamiltonian(model, two_J))
        for l, jump in enumerate(model.jumps):
            outcomes = list(operators.kraus(l, labels))
            assert {(k.rest, *k.target) for k in outcomes} == set(twins.outcomes(size, two_J))
            for k in outcomes:
                close(k.matrix.toarray(), twins.kraus(model, jump, two_J, k.rest, k.target[0]))
            close(operators.rate(l, labels).toarray(), twins.rate_operator(model, jump, two_J))


def test_gamma_of_several_blocks_is_the_spectral_calculus_of_the_argument():
    model = SEVERAL["across_excluded"]()
    operators = Operators(model)
    labels = operators.sectors[-1]
    for l, jump in enumerate(model.jumps):
        delta = operators.argument(l, labels).toarray()
        close(operators.gamma(l, labels).toarray(), twins.function_of(twins.amplitude_of(jump), delta))
        own = model.block_index(jump.block)
        rest = sector_labels(model.blocks[own])[-1] - 1
        parts = operators.parts(labels)
        parts[own] = rest_sector_of(model.blocks[own], rest)
        delta = 0
        for name, x in jump.argument.items():
            b = model.block_index(name)
            factors = [p.one_body(x).toarray() if c == b else np.eye(p.dim) for c, p in enumerate(parts)]
            delta = delta + reduce(np.kron, factors) / model.blocks[b].size
        found = operators.gamma(l, labels, rest).toarray()
        close(found, twins.function_of(twins.amplitude_of(jump), delta))


def test_gamma_is_evaluated_inside_the_spectrum_and_exactly_at_its_edges():
    seen = []

    def root(x):
        seen.append(x)
        return np.sqrt(x) * np.sqrt(1 - x)

    tilted = 0.5 * ONE + 0.3 * X - 0.4 * Z  # a projector, whose eigenvalues come out with rounding
    for matrix in (tilted, np.diag([1.0, 0.0])):
        jump = cj.LocalJump(X, "a", amplitude=root, argument={"a": matrix}, exclude_self=True)
        operators = Operators(cj.Model([cj.Block("a", 6)], [], [jump]))
        for labels in operators.sectors:
            operators.gamma(0, labels)
            list(operators.kraus(0, labels))
    points = np.concatenate(seen)
    assert points.min() == 0
    assert points.max() == 1


@pytest.mark.parametrize("name", ["across_excluded", "together", "hopfield_three_merged"])
def test_dissipators_are_adjoint_to_the_generator(name):
    """tr(ρ (i[H, X] + Σ D[X])) = tr(X dρ/dt) for a random ρ over all sectors."""
    model = SEVERAL[name]()
    operators, generator = Operators(model), Generator(model, _all(model), memory=1, whole=True)
    rng = np.random.default_rng(3)
    rho = {labels: random_hermitian(rng, d) for labels, d in generator.packing.dims.items()}
    change = generator.packing.unpack(generator(generator.packing.pack(rho)))
    for a in (0, len(model.observables) - 1):

        def average(labels, a=a):
            return operators.average(labels, a)

        heisenberg = schroedinger = 0.0
        for labels in operators.sectors:
            x, H = average(labels), operators.hamiltonian(labels)
            moved = 1j * (H @ x - x @ H)
            for l in range(len(model.jumps)):
                moved = moved + operators.dissipator(l, labels, average)
            heisenberg += np.trace(rho[labels] @ moved.toarray())
            schroedinger += np.trace(change[labels] @ x.toarray())
        close(heisenberg, schroedinger, atol=1e-10)
        assert abs(schroedinger) > 0.1
    total = sum(np.trace(block) for block in change.values())
    close(total, 0, atol=1e-10)


def _all(model):
    return [sector_labels(block) for block in model.blocks]


# ---- frames --------------------------------------------------------------------------------------


def test_commuting_arguments_share_one_frame():
    assert [len(frames_of(m)) for m in (SINGLE["traced"](3), SEVERAL["commuting"](), SEVERAL["hopfield_three"]())] == [
        1,
        1,
        1,
    ]
    assert len(frames_of(SEVERAL["axes"]())) == 3
    assert frames_of(SINGLE["constrained"](3))[0].model.jumps[0].argument["spins"][0, 0] == 1


def test_a_representation_carries_one_body_operators():
    rng = np.random.default_rng(1)
    U, V = (expm(1j * random_hermitian(rng, 2)) for _ in range(2))
    block = cj.Block("a", 7)
    for label in sector_labels(block):
        sector, x = sector_of(block, label), random_hermitian(rng, 2)
        D = representation(sector, U)
        close(D.conj().T @ D, np.eye(sector.dim))
        turned = D.conj().T @ sector.one_body(x).toarray() @ D
        close(turned, sector.one_body(U.conj().T @ x @ U).toarray())
        ratio = representation(sector, U @ V).conj().T @ D @ representation(sector, V)
        close(np.abs(ratio), np.eye(sector.dim))  # up to the sign of a half-integer turn


@pytest.mark.parametrize("name", ["axes_excluded", "across_excluded", "together", "commuting_excluded"])
def test_frames_and_the_plain_matrix_are_the_same_generator(name):
    """Rotated tables against dense spectral calculus of Γ: the same derivatives of all first and second moments."""
    model = SEVERAL[name]()
    state = start(model, 1)[0]
    densities = [block_densities(block, own) for block, own in zip(model.blocks, state.blocks, strict=True)]
    found = []
    for whole in (True, False):
        generator = Generator(model, _all(model), memory=1, whole=whole)
        y = generator.start(densities)
        found.append(generator.expectations() @ np.array([y, generator(y), generator(generator(y))]).T)
    close(*found, atol=1e-11)
    assert len(generator.frames) == (1 if name == "commuting_excluded" else len(frames_of(model)))


# ---- packing -------------------------------------------------------------------------------------


def test_packing_is_an_isometry_and_its_maps_are_those_of_matrices():
    rng = np.random.default_rng(2)
    a, b = random_hermitian(rng, 5), random_hermitian(rng, 5)
    close(unpacked(packed(a)), a)
    close(np.sum(packed(a) * packed(b)), np.trace(a @ b).real)
    K = rng.normal(size=(4, 5)) + 1j * rng.normal(size=(4, 5))
    moved = packed_map(csr_array(np.kron(K, K.conj())), 5) @ packed(a).ravel()
    close(unpacked(moved.reshape(4, 4)), K @ a @ K.conj().T)


def test_the_norm_bounds_the_trace_norm():
    rng = np.random.default_rng(5)
    blocks = {(0,): random_hermitian(rng, 1), (2,): random_hermitian(rng, 3)}
    packing = Packing({labels: len(rho) for labels, rho in blocks.items()})
    exact = sum(np.abs(np.linalg.eigvalsh(rho)).sum() for rho in blocks.values())
    assert exact <= packing.norm(packing.pack(blocks)) <= np.sqrt(3) * exact
    close(packing.unpack(packing.pack(blocks))[2,], blocks[2,])


def test_densities_of_product_states_keep_every_digit_at_sixty_particles():
    """Weights of the sectors of a mixed product state: P(J) from binomials of exact integers."""
    from fractions import Fraction
    from math import comb

    size, p = 60, Fraction(7, 10)
    block = cj.Block("a", size)
    state = cj.product(cj.Model([block]), {"a": 0.5 * ONE + 0.2 * (0.6 * X + 0.8 * Y)}).blocks[0]
    found = block_densities(block, state)
    for two_J, rho in found.items():
        k = (size - two_J) // 2
        copies = comb(size, k) - (comb(size, k - 1) if k else 0)
        exact = sum(copies * p ** (k + i) * (1 - p) ** (size - k - i) for i in range(two_J + 1))
        assert abs(np.trace(rho).real - float(exact)) <= 1e-12 * float(exact)
    jx = sum(np.trace(rho @ sector_of(block, label).one_body(X).toarray()).real for label, rho in found.items())
    close(jx / size, 0.4 * 0.6)
