"""Potentials: what is known of them in closed form, and in other words."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom

import cojump as cj
from cojump.basis.sector_operators import Operators
from cojump.theory.expansion import Expansion
from cojump.theory.rate_derivatives import PotentialSlopes
from tests import oracle
from tests.support.pauli import LOWER, X, Y, Z
from tests.support.random_models import random_density, random_hermitian, random_matrix

S = "spins"
TIMES = np.linspace(0, 1.5, 6)


def spins(size, *hamiltonian, jumps=()):
    return cj.Model([cj.Block(S, size)], hamiltonian, jumps)


# ---- in other words ------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [Z, 0.3 * X - 0.8 * Y + 0.5 * Z])
def test_a_square_is_a_two_body_term(axis):
    """Everywhere the same numbers: exact, mean field, C and δ; trajectories jump for jump."""
    decay = cj.LocalJump(0.9 * LOWER, S)
    pair = [
        spins(12, cj.OneBody(X, S), term, jumps=[decay])
        for term in (cj.TwoBody(axis, axis, 0.6, (S, S)), cj.Potential(np.square, {S: axis}, factor=0.6))
    ]
    states = [cj.tilted(model, 1.1, 0.4) for model in pair]
    exact = [cj.master_equation(m, s, TIMES) for m, s in zip(pair, states, strict=True)]
    np.testing.assert_allclose(exact[1].second, exact[0].second, rtol=0, atol=1e-11)
    mf = [cj.mean_field(m, s, TIMES) for m, s in zip(pair, states, strict=True)]
    for name in ("mean", "covariance", "correction"):
        np.testing.assert_allclose(getattr(mf[1], name), getattr(mf[0], name), rtol=0, atol=1e-8)
    if axis is not Z:  # the frame is another one there, and so is what a random number chooses
        return
    runs = [cj.simulate(m, s, TIMES, n_traj=20, seed=3, keep=20) for m, s in zip(pair, states, strict=True)]
    assert runs[0].n_jumps == runs[1].n_jumps > 20
    np.testing.assert_allclose(runs[1].trajectories, runs[0].trajectories, rtol=0, atol=1e-6)


def test_a_slope_is_a_one_body_term():
    """Of two blocks: N c (m_a + m_b) is (N c/N_b) σ_z of each particle of block b."""
    blocks = [cj.Block("a", 3), cj.Block("b", 2)]
    jumps = [cj.LocalJump(LOWER, "a"), cj.LocalJump(LOWER, "b", rate=np.exp, argument={"a": X})]
    drive = [cj.OneBody(X, "a"), cj.OneBody(Y, "b")]
    one = cj.Model(blocks, [*drive, cj.OneBody(5 / 3 * 0.4 * Z, "a"), cj.OneBody(5 / 2 * 0.4 * Z, "b")], jumps)
    other = cj.Model(blocks, [*drive, cj.Potential(lambda m: 0.4 * m, {"a": Z, "b": Z})], jumps)
    first, second = (cj.master_equation(m, cj.tilted(m, 1.1, 0.4), TIMES) for m in (one, other))
    np.testing.assert_allclose(second.second, first.second, rtol=0, atol=1e-11)


def test_three_bodies_along_three_axes_are_four_potentials():
    """The mean over all orders of m_x m_y m_z, by the sum of cubes that the docstring of Potential gives."""
    a, b, c = X, 0.5 * Y + 0.2 * X, Z
    signs = ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
    terms = [
        cj.Potential(lambda m: m**3, {S: a + s * b + t * c}, factor=0.8 * sign / 24)
        for sign, s, t in ((signs[0][0], 1, 1), (-1, 1, -1), (-1, -1, 1), (1, -1, -1))
    ]
    size = 4
    full = oracle.Oracle(spins(size, *terms))
    m = [full.collective(x, S) / size for x in (a, b, c)]
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    expected = 0.8 * size * sum(m[i] @ m[j] @ m[k] for i, j, k in orders) / 6
    np.testing.assert_allclose(full.hamiltonian, expected, atol=1e-12)
    assert np.abs(expected).max() > 0.1
    decay = cj.LocalJump(LOWER, S)
    model = spins(size, *terms, jumps=[decay])
    ket = np.array([0.6, 0.8j])
    exact = cj.master_equation(model, cj.product(model, {S: ket}), TIMES)
    found = oracle.solve(model, oracle.product_state(model, {S: ket}), TIMES)
    np.testing.assert_allclose(exact.second, found.second, rtol=0, atol=1e-10)


# ---- closed forms --------------------------------------------------------------------------------


@pytest.mark.parametrize("phi", [lambda m: m**3, np.abs, lambda m: np.cos(3 * m) + m], ids=["cube", "kink", "wave"])
@pytest.mark.parametrize("size", [1, 7, 60])
def test_precession_in_any_potential(phi, size):
    """H = N φ(m_z): a spin turns by N (φ(m_z with it up) - φ(with it down)), the others are up independently."""
    theta = 1.1
    up = np.cos(theta / 2) ** 2
    k = np.arange(size)
    shift = size * (phi((2 * (k + 1) - size) / size) - phi((2 * k - size) / size))
    weights = binom.pmf(k, size - 1, up)
    coherence = np.sin(theta) / 2 * np.exp(-1j * np.outer(TIMES, shift)) @ weights
    model = spins(size, cj.Potential(phi, {S: Z}))
    state = cj.tilted(model, theta, 0)
    expected = np.stack([2 * coherence.real, -2 * coherence.imag, np.full(len(TIMES), np.cos(theta))], axis=1)
    np.testing.assert_allclose(cj.master_equation(model, state, TIMES).mean, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(cj.simulate(model, state, TIMES, n_traj=1).mean, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("p", [2, 3, 5])
def test_mean_field_turns_about_the_axis_at_twice_the_slope(p):
    theta = 1.1
    mz = np.cos(theta)
    model = spins(10, cj.Potential(lambda m: -0.7 * m**p, {S: Z}))
    mf = cj.mean_field(model, cj.tilted(model, theta, 0), TIMES)
    angle = 2 * -0.7 * p * mz ** (p - 1) * TIMES
    expected = np.stack([np.sin(theta) * np.cos(angle), np.sin(theta) * np.sin(angle), np.full_like(angle, mz)], axis=1)
    np.testing.assert_allclose(mf.mean, expected, rtol=0, atol=1e-8)


def minimum(p, coupling, omega):
    """Energy of a spin and |m_z| in the mean-field ground state of the p-spin ferromagnet."""
    grid = np.linspace(0, np.pi / 2, 2001)

    def energy(angle):
        return -coupling * np.cos(angle) ** p - omega * np.sin(angle)

    best = grid[np.argmin(energy(grid))]
    found = minimize_scalar(energy, bounds=(best - 0.01, best + 0.01), method="bounded", options={"xatol": 1e-12})
    return found.fun, abs(np.cos(found.x))


@pytest.mark.parametrize(("p", "critical"), [(2, 2.0), (3, 3 * np.sqrt(3) / 4)])
def test_the_ground_state_orders_where_the_literature_says(p, critical):
    """omega = 2 coupling and 3√3/4 coupling: Jörg, Krzakala, Kurchan, Maggs, Pujos, EPL 89, 40004 (2010)."""
    below, above = (minimum(p, 1.0, critical * (1 + 0.002 * s))[1] for s in (-1, 1))
    assert above < 0.01
    assert below == pytest.approx(np.sqrt(1 - (0.998) ** 2), abs=1e-4) if p == 2 else below > 0.86
    for omega in (0.6 * critical, 1.5 * critical):
        energies = []
        for size in (100, 200):
            model = cj.systems.p_spin(size, p, 1.0, omega, 0.0)
            energies.append(np.linalg.eigvalsh(Operators(model).hamiltonian((size,)).toarray())[0] / size)
        extrapolated = 2 * energies[1] - energies[0]
        assert extrapolated == pytest.approx(minimum(p, 1.0, omega)[0], abs=3e-4)


@pytest.mark.parametrize("thermal", [0.0, 0.3])
def test_p_spin_with_two_bodies_orders_continuously(thermal):
    omega, kappa = 1.2, 0.9
    width, share = kappa * (1 + 2 * thermal), 1 / (1 + 2 * thermal)
    critical = (width**2 + 16 * omega**2) / (32 * omega * share)
    for coupling in (0.98 * critical, 1.02 * critical, 2 * critical):
        model = cj.systems.p_spin(50, 2, coupling, omega, kappa, thermal)
        points = cj.attractors.fixed_points(model)
        if coupling < critical:
            (point,) = points
            np.testing.assert_allclose(point.mean, [-share, 0, 0], atol=1e-9)
            assert point.stability == "stable"
            continue
        square = omega / coupling * (share - (width**2 + 16 * omega**2) / (32 * omega * coupling))
        stable = sorted(point.mean[2] for point in points if point.stability == "stable")
        np.testing.assert_allclose(stable, [-np.sqrt(square), np.sqrt(square)], atol=1e-8)
        assert len(points) == 3


@pytest.mark.parametrize("thermal", [0.0, 0.2])
def test_p_spin_with_three_bodies_orders_beside_the_disordered_state(thermal):
    """A pair appears where 9/2 c s (s ω/(6c))^(1/3) = (Γ² + 16 ω²)/(8 ω), c the coupling, Γ and s of the docstring."""
    omega, kappa = 1.2, 0.9
    width, share = kappa * (1 + 2 * thermal), 1 / (1 + 2 * thermal)
    reached = (width**2 + 16 * omega**2) / (8 * omega)
    spinodal = (reached / (4.5 * share * (share * omega / 6) ** (1 / 3))) ** 1.5
    for coupling in (0.97 * spinodal, 1.03 * spinodal):
        points = cj.attractors.fixed_points(cj.systems.p_spin(50, 3, coupling, omega, kappa, thermal))
        assert len(points) == (1 if coupling < spinodal else 3)
        for point in points:
            m = point.mean[2]
            if abs(m) > 1e-6:
                left = 6 * coupling * m * (share - 3 * coupling * m**3 / (2 * omega))
                assert left == pytest.approx(reached, abs=1e-7)
        assert any(abs(point.mean[2]) < 1e-9 and point.stability == "stable" for point in points)


# ---- the expansion -------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [2, 3])
def test_nothing_is_left_over_from_ordering(levels):
    """d<m>/dt of a product state at order 1/N, from exact sizes, is ½ f'' C alone; every part of it is needed."""
    rng = np.random.default_rng(5)
    x, r = random_hermitian(rng, levels), random_density(rng, levels)

    def build(n):
        return cj.Model([cj.Block(S, n, levels)], [cj.Potential(lambda m: m**3 - 0.5 * m**2, {S: x})])

    sizes = np.arange(1, 6)
    rates = []
    for n in sizes:
        full = oracle.Oracle(build(n))
        rates.append(full.moments(full.apply(oracle.product_state(full.model, {S: r})))[0])
    polynomial = np.linalg.lstsq((1.0 / sizes)[:, None] ** np.arange(4), np.array(rates), rcond=None)[0]
    expansion = Expansion(build(2))
    m = expansion.coordinates([r])
    P, C = expansion.averages, expansion.product_covariance(m)
    np.testing.assert_allclose(P @ expansion.flow(m), polynomial[0], atol=1e-9)
    found = P @ expansion.curvature(m, C)
    np.testing.assert_allclose(found, polynomial[1], atol=1e-7)
    np.testing.assert_array_equal(expansion.ordering(m), 0)
    assert np.abs(polynomial[1]).max() > 0.05


def test_derivatives_found_and_given():
    def phi(m):
        return np.exp(0.7 * m) - m**3

    exact = (
        lambda m: 0.7 * np.exp(0.7 * m) - 3 * m**2,
        lambda m: 0.49 * np.exp(0.7 * m) - 6 * m,
        lambda m: 0.343 * np.exp(0.7 * m) - 6 + 0 * m,
    )
    for given in (None, exact[:1], exact):
        slopes = PotentialSlopes(cj.Potential(phi, {S: Z}, given, factor=2.0), "phi")
        for x in (-1.0, -0.3, 0.8, 1.0, 1.0 + 1e-12):
            for order, (function, bound) in enumerate(zip(exact, (1e-11, 1e-9, 1e-6), strict=True), start=1):
                assert slopes.derivative(order, x) == pytest.approx(2 * function(min(x, 1.0)), abs=bound)
    wrong = PotentialSlopes(cj.Potential(phi, {S: Z}, (np.cos,)), "hamiltonian[0]")
    with pytest.raises(cj.ArgumentError, match=r"`hamiltonian\[0\].derivatives\[0\]` must be derivative 1 of"):
        wrong.derivative(1, 0.3)


def test_a_kink_is_gone_over_by_the_flow_and_refused_by_what_needs_more():
    model = spins(20, cj.OneBody(X, S), cj.Potential(np.abs, {S: Z}), jumps=[cj.LocalJump(LOWER, S)])
    state = cj.tilted(model, 0.3, 0)
    mf = cj.mean_field(model, state, TIMES)
    assert mf["spins.z"].mean.min() < 0 < mf["spins.z"].mean.max()
    with pytest.raises(cj.UnsupportedError, match=r"but φ of hamiltonian\[1\] is not smooth at Δ = "):
        _ = mf.covariance
    # the limit of smooth potentials
    near = spins(20, cj.OneBody(X, S), cj.Potential(lambda m: np.hypot(m, 1e-3), {S: Z}), jumps=model.jumps)
    np.testing.assert_allclose(cj.mean_field(near, state, TIMES).mean, mf.mean, atol=2e-3)
    assert cj.simulate(model, state, TIMES, n_traj=5).n_jumps > 0


def test_the_bound_of_the_paper_is_refused():
    model = spins(5, cj.Potential(np.square, {S: Z}), jumps=[cj.LocalJump(random_matrix(np.random.default_rng(1)), S)])
    state = cj.tilted(model, 0.3, 0)
    for ask in (lambda: cj.bounds.gronwall(model, state, TIMES), lambda: cj.bounds.lemmas(model)):
        with pytest.raises(cj.UnsupportedError, match=r"hamiltonian\[0\] is a Potential \(one whose φ is of second"):
            ask()
