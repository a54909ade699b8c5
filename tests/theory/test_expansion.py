"""Every term of the 1/N expansion against the exact generator in a product state: no integration, no large N.

In a product state the exact d<m>/dt and dC/dt of a model with polynomial Γ are polynomials in 1/N of known degree. A
few brute-force sizes give their coefficients exactly; that of 1/N is what the theory claims. `contributions` writes the
claim of docs/fluctuations.md term by term for one block, so that each term can be taken away or turned round.
"""

import numpy as np
import pytest

import cojump as cj
from cojump.theory.expansion import Expansion
from cojump.theory.rate_derivatives import RateJet
from tests.oracle import Oracle, product_state
from tests.support.longer import few
from tests.support.random_models import random_density, random_hermitian, random_matrix, random_unitary

S = "spins"


# ---- what the exact generator says ---------------------------------------------------------------


def exact_drift(build, states, sizes):
    """N, d<m_a>/dt and d/dt N (<½{m_a, m_b}> - <m_a><m_b>) in the product state, for every size."""
    found = []
    for n in sizes:
        model = build(n)
        oracle = Oracle(model)
        rho = product_state(model, states)
        mean, _ = oracle.moments(rho)
        change, second = oracle.moments(oracle.apply(rho))
        N = model.size
        found.append((N, change, N * (second - np.outer(change, mean) - np.outer(mean, change))))
    N, change, spread = zip(*found, strict=True)
    return np.array(N), np.array(change), np.array(spread)


def coefficient(N, values, order, degree, leading=None):
    """Coefficient of N^-order of the polynomial in 1/N through the values; ``leading`` is that of order 0 if known."""
    powers = np.arange(0 if leading is None else 1, degree + 1)
    flat = values.reshape(len(N), -1) - (0 if leading is None else np.ravel(leading))
    assert len(N) >= len(powers)
    found, *_ = np.linalg.lstsq((1.0 / N)[:, None] ** powers, flat, rcond=None)
    missed = np.abs((1.0 / N)[:, None] ** powers @ found - flat).max()
    assert missed < 1e-9 * (1 + np.abs(flat).max()), "the exact rates are no such polynomial"
    return found[np.flatnonzero(powers == order)[0]].reshape(values.shape[1:])


def exact_coefficients(build, states, sizes, power):
    """Order 1/N of d<m>/dt and order 1 of dC/dt for a Γ that is a polynomial of degree ``power``."""
    N, change, spread = exact_drift(build, states, sizes)
    model = build(1)
    expansion = Expansion(model)
    f = expansion.averages @ expansion.flow(start_of(expansion, states))
    drift = coefficient(N, change, 1, 2 * power, leading=f)
    return drift, coefficient(N, spread, 0, 2 * power)


def start_of(expansion, states):
    return expansion.coordinates([states[b.name] for b in expansion.model.blocks])


def theory(model, states):
    """The same from the expansion, for averages per block."""
    expansion = Expansion(model)
    m = start_of(expansion, states)
    C, P = expansion.product_covariance(m), expansion.averages
    G = expansion.jacobian(m)
    drift = expansion.curvature(m, C) + expansion.ordering(m)
    return P @ drift, P @ (G @ C + C @ G.T + expansion.diffusion(m)) @ P.T


# ---- the claim, one term at a time ---------------------------------------------------------------


def commutator(a, b):
    return a @ b - b @ a


def contributions(model, r):
    """Terms of d<m_a>/dt at order 1/N and of D_ab, by name, for one block in the state r."""
    v = [o.matrix for o in model.observables]
    drift, spread = {}, {}

    def mean(a):
        return np.trace(r @ a)

    def add(where, name, values):
        where[name] = where.get(name, 0) + np.array(values)

    for term in model.hamiltonian:
        A, B, g = term.first, term.second, term.strength
        double = [commutator(A, commutator(B, a)) + commutator(commutator(A, a), B) for a in v]
        add(drift, "two-body", [0.5j * g * mean(q) for q in double])
    for jump in model.jumps:
        if isinstance(jump, cj.CollectiveJump):
            y, kappa = jump.matrices[S], jump.rate
            h = y.conj().T
            double = [commutator(commutator(h, a), y) + commutator(h, commutator(a, y)) for a in v]
            add(drift, "collective", [kappa / 4 * mean(q) for q in double])
            kicks = np.array([mean(commutator(a, y)) for a in v])
            add(spread, "collective", kappa * np.outer(kicks.conj(), kicks).real)
            continue
        j, x = jump.matrix, jump.argument[S]
        z, w = j.conj().T @ j, [commutator(a, x) for a in v]
        L = [j.conj().T @ a @ j - (z @ a + a @ z) / 2 for a in v]
        gamma, slope, bend = RateJet(jump, *np.linalg.eigvalsh(x)[[0, -1]], "jump")(mean(x).real)
        add(drift, "Γ'² <[x,w]> <z>", [slope**2 / 2 * mean(commutator(x, q)) * mean(z) for q in w])
        if jump.exclude_self:
            add(drift, "ΓΓ' <{L,x}>", [-gamma * slope * mean(q @ x + x @ q) for q in L])
        else:
            add(drift, "ΓΓ'' <[z,x]> <w>", [gamma * bend / 2 * mean(commutator(z, x)) * mean(q) for q in w])
            add(drift, "Γ'² <w> <[x,z]>", [slope**2 / 2 * mean(q) * mean(commutator(x, z)) for q in w])
            add(drift, "ΓΓ' <[z,w]>", [gamma * slope / 2 * mean(commutator(z, q)) for q in w])
        # a jump moves the averages by [v, j] Γ, through its own particle, and by j Γ' <w>, through all the others
        own, others = [gamma * commutator(a, j) for a in v], [slope * mean(q) * j for q in w]
        cross = np.array([[mean(p.conj().T @ q).real for q in others] for p in own])
        add(spread, "own", [[mean(p.conj().T @ q).real for q in own] for p in own])
        add(spread, "others", [[mean(p.conj().T @ q).real for q in others] for p in others])
        add(spread, "own × others", cross + cross.T)
    for values in drift.values():
        assert np.abs(values.imag).max() < 1e-12
    return {name: values.real for name, values in drift.items()}, spread


# ---- one block: every term alone, then all together ----------------------------------------------


def parabola(x0, a, b, c):
    """a + b (x - x0) + c (x - x0)², exact for the interpolant that finds the derivatives."""
    return lambda x: a + b * (x - x0) + c * (x - x0) ** 2


def one_block(levels, hamiltonian=(), jumps=()):
    return lambda n: cj.Model([cj.Block(S, n, levels)], hamiltonian, jumps)


def local(j, x, r, shape, *, exclude_self=False):
    x0 = np.trace(r @ x).real
    return cj.LocalJump(j, S, amplitude=parabola(x0, *shape), argument={S: x}, exclude_self=exclude_self)


def two_body(rng, d):
    A, B, g = random_matrix(rng, d), random_matrix(rng, d), complex(*rng.normal(size=2))
    both = (S, S)
    return [cj.TwoBody(A, B, g, both), cj.TwoBody(B.conj().T, A.conj().T, g.conjugate(), both)]


def case(name, levels, seed=0):
    """A model of few terms, its state, the degree of Γ, and the names of the terms of the drift that do not vanish."""
    rng = np.random.default_rng(seed)
    r, x, j = random_density(rng, levels), random_hermitian(rng, levels), random_matrix(rng, levels)
    # a state that commutes with the argument: <w> = 0 and <[x, w]> = 0
    _, V = np.linalg.eigh(x)
    aligned = (V * np.linalg.eigvalsh(r)) @ V.conj().T
    every = {
        "two-body",
        "collective",
        "Γ'² <[x,w]> <z>",
        "ΓΓ' <{L,x}>",
        "ΓΓ'' <[z,x]> <w>",
        "Γ'² <w> <[x,z]>",
        "ΓΓ' <[z,w]>",
    }
    match name:
        case "two-body":
            return one_block(levels, two_body(rng, levels)), r, 1, {"two-body"}
        case "collective":
            return one_block(levels, (), [cj.CollectiveJump({S: j}, 0.8)]), r, 1, {"collective"}
        case "curved":
            return one_block(levels, (), [local(j, x, r, (1, 0, 0.7))]), r, 2, {"ΓΓ'' <[z,x]> <w>"}
        case "curved, excluded":
            return one_block(levels, (), [local(j, x, r, (1, 0, 0.7), exclude_self=True)]), r, 2, set()
        case "unitary":
            return (
                one_block(levels, (), [local(random_unitary(rng, levels), x, r, (0, 1, 0))]),
                r,
                1,
                {"Γ'² <[x,w]> <z>"},
            )
        case "unitary, excluded":
            jump = local(random_unitary(rng, levels), x, r, (0, 1, 0), exclude_self=True)
            return one_block(levels, (), [jump]), r, 1, {"Γ'² <[x,w]> <z>"}
        case "slope":
            names = {"Γ'² <[x,w]> <z>", "Γ'² <w> <[x,z]>"}
            return one_block(levels, (), [local(j, x, r, (0, 1, 0))]), r, 1, names
        case "slope, excluded":
            jump = local(j, x, r, (0, 1, 0), exclude_self=True)
            return one_block(levels, (), [jump]), r, 1, {"Γ'² <[x,w]> <z>"}
        case "aligned":
            return one_block(levels, (), [local(j, x, aligned, (1, 0.8, 0))]), aligned, 1, {"ΓΓ' <[z,w]>"}
        case "aligned, excluded":
            jump = local(j, x, aligned, (1, 0.8, 0), exclude_self=True)
            return one_block(levels, (), [jump]), aligned, 1, {"ΓΓ' <{L,x}>"}
        case "all":
            shape = (0.9, 0.8, 0.6)
            jumps = [
                local(j, x, r, shape),
                local(random_matrix(rng, levels), random_hermitian(rng, levels), r, shape, exclude_self=True),
                cj.CollectiveJump({S: random_matrix(rng, levels)}, 0.8),
            ]
            return one_block(levels, two_body(rng, levels), jumps), r, 2, every
    raise AssertionError(name)


ALONE = (
    "two-body",
    "collective",
    "curved",
    "curved, excluded",
    "unitary",
    "unitary, excluded",
    "slope",
    "slope, excluded",
    "aligned",
    "aligned, excluded",
)
CASES = [(name, levels) for name in ALONE for levels in (2, 3)] + [("all", 2)]


def off(found, expected):
    """Largest difference, relative to the size of what is expected."""
    return np.abs(found - expected).max() / max(1.0, np.abs(expected).max())


@pytest.mark.parametrize(("name", "levels"), CASES)
def test_every_term_alone_and_all_together(name, levels):
    build, r, power, names = case(name, levels)
    drift, spread = exact_coefficients(build, {S: r}, range(1, 2 * power + 2), power)
    model = build(5)
    expected_drift, expected_spread = theory(model, {S: r})
    assert off(expected_drift, drift) < 1e-9
    assert off(expected_spread, spread) < 1e-9

    # the formulas of the derivation, and what the drift has beside them
    quantum, noise = contributions(model, r)
    alive = {key for key, values in quantum.items() if np.abs(values).max() > 1e-9}
    assert alive == names
    expansion = Expansion(model)
    m = start_of(expansion, {S: r})
    C, P = expansion.product_covariance(m), expansion.averages
    curvature = P @ expansion.curvature(m, C)
    assert off(curvature + sum(quantum.values()), drift) < 1e-9
    G = expansion.jacobian(m)
    carried = P @ (G @ C + C @ G.T) @ P.T
    assert off(carried + sum(noise.values(), np.zeros_like(carried)), spread) < 1e-9

    # control: without any one of its terms, or with its sign turned, the theory is visibly wrong
    total = curvature + sum(quantum.values())
    for values in [quantum[key] for key in alive] + ([curvature] if np.abs(curvature).max() > 1e-9 else []):
        assert off(total - values, drift) > 1e-3
        assert off(total - 2 * values, drift) > 1e-3
    total = carried + sum(noise.values(), np.zeros_like(carried))
    for values in [*noise.values(), P @ G @ C @ P.T]:
        if np.abs(values).max() > 1e-9:
            assert off(total - values, spread) > 1e-3
            assert off(total - 2 * values, spread) > 1e-3


def test_the_terms_of_the_covariance_are_all_seen():
    build, r, _, _ = case("all", 2)
    _, noise = contributions(build(5), r)
    assert set(noise) == {"own", "others", "own × others", "collective"}
    assert min(np.abs(values).max() for values in noise.values()) > 0.1


# ---- several blocks ------------------------------------------------------------------------------


def blocks(rng, shares, levels, *, excluded):
    """Blocks "a", "b": two-body terms within and across, rates of averages over both, a shared collective jump."""
    d = dict(zip("ab", levels, strict=True))
    hamiltonian = []
    for b, c in ("aa", "ab", "bb"):
        A, B, g = random_matrix(rng, d[b]), random_matrix(rng, d[c]), complex(*rng.normal(size=2))
        hamiltonian += [cj.TwoBody(A, B, g, (b, c)), cj.TwoBody(B.conj().T, A.conj().T, g.conjugate(), (c, b))]
    x = {b: random_hermitian(rng, d[b]) for b in "ab"}
    y = {b: random_hermitian(rng, d[b]) for b in "ab"}
    jumps = [
        cj.LocalJump(random_matrix(rng, d["a"]), "a", amplitude=lambda t: 0.8 + t, argument=x, exclude_self=excluded),
        cj.LocalJump(random_matrix(rng, d["b"]), "b", amplitude=lambda t: 0.6 - t, argument=y),
        cj.LocalJump(random_matrix(rng, d["b"]), "b", amplitude=lambda t: 0.7 + t, argument={"a": y["a"]}),
        cj.CollectiveJump({b: random_matrix(rng, d[b]) for b in "ab"}, 0.7),
    ]

    def build(n):
        sizes = [cj.Block(b, n * s, d[b]) for b, s in zip("ab", shares, strict=True)]
        return cj.Model(sizes, hamiltonian, jumps)

    return build


@pytest.mark.parametrize(
    ("shares", "levels", "excluded"),
    few(
        [((1, 1), (2, 2), True), ((1, 1), (3, 2), False), ((1, 1), (3, 2), True), ((1, 2), (2, 2), False)],
        ((1, 1), (2, 2), True),
        ((1, 1), (3, 2), False),
        rows=True,
    ),
)
def test_blocks_of_any_sizes_and_levels(shares, levels, excluded):
    rng = np.random.default_rng(3)
    build = blocks(rng, shares, levels, excluded=excluded)
    states = {b: random_density(rng, d) for b, d in zip("ab", levels, strict=True)}
    drift, spread = exact_coefficients(build, states, (1, 2, 3), 1)
    model = build(4)
    expected_drift, expected_spread = theory(model, states)
    assert off(expected_drift, drift) < 1e-9
    assert off(expected_spread, spread) < 1e-9

    # control: the sizes of the blocks matter, by N/N_b, and so does leaving the particle out
    for other in (
        blocks(np.random.default_rng(3), (3, 1), levels, excluded=excluded),
        blocks(np.random.default_rng(3), shares, levels, excluded=not excluded),
    ):
        wrong_drift, _ = theory(other(4), states)
        assert off(wrong_drift, drift) > 1e-2
    wrong_spread = theory(blocks(np.random.default_rng(3), (3, 1), levels, excluded=excluded)(4), states)[1]
    assert off(wrong_spread, spread) > 1e-2


@pytest.mark.parametrize(("sizes", "levels"), [((3, 1), (2, 2)), ((1, 2), (3, 2)), ((2, 2), (2, 3))])
def test_covariance_of_a_product_state(sizes, levels):
    rng = np.random.default_rng(5)
    model = cj.Model([cj.Block(b, n, d) for b, n, d in zip("ab", sizes, levels, strict=True)])
    states = {b: random_density(rng, d) for b, d in zip("ab", levels, strict=True)}
    mean, second = Oracle(model).moments(product_state(model, states))
    expansion = Expansion(model)
    m = start_of(expansion, states)
    np.testing.assert_allclose(expansion.averages @ m, mean, atol=1e-13)
    found = expansion.averages @ expansion.product_covariance(m) @ expansion.averages.T
    np.testing.assert_allclose(found, model.size * (second - np.outer(mean, mean)), atol=1e-12)
    # the sizes of the blocks do not fluctuate
    ones = np.eye(len(m)) - expansion.traceless @ expansion.traceless.T
    np.testing.assert_allclose(ones @ expansion.product_covariance(m), 0, atol=1e-14)
