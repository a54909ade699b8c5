"""The covariance and the mean correction in time: closed forms, known numbers, the flow they are expanded around.

That every term of the expansion is right is shown in test_expansion.py.
"""

import numpy as np
import pytest

import cojump as cj
from cojump import fluctuations as theory
from cojump.errors import ArgumentError, ConvergenceError
from cojump.theory.expansion import Expansion
from cojump.theory.mean_field import Flow
from tests.oracle import Oracle, product_state
from tests.support.pauli import LOWER, RAISE, X, Z
from tests.support.random_models import everything, random_density, random_hermitian, random_matrix

S = "spins"
ROWS, COLUMNS = np.triu_indices(3)
"""xx, xy, xz, yy, yz, zz."""


# ---- known numbers -------------------------------------------------------------------------------


def mixed_decay(size):
    """A collective decay beside a local one at an operator-valued rate."""
    local = cj.LocalJump(np.sqrt(0.3) * LOWER, S, amplitude=lambda n: 1 + 0.5 * n, argument={S: RAISE @ LOWER})
    return cj.Model([cj.Block(S, size)], [cj.OneBody(0.75 * X, S)], [cj.CollectiveJump({S: LOWER}, 1.0), local])


def hopfield(size, *, exclude_self):
    return cj.systems.hopfield(np.ones((1, size)), 0.5, 0.6, exclude_self=exclude_self)


KNOWN = {
    "constrained": (
        cj.systems.constrained(10, 0.7, 1.3, 0.8),
        [0.9599, 0.1715, -0.2387, 0.9740, 0.1915, 0.8969],
        [0.0731, 0.3613, -0.5266],
    ),
    "hopfield": (hopfield(10, exclude_self=False), None, [0.0929, 0.0352, -0.0576]),
    "hopfield, excluded": (hopfield(10, exclude_self=True), None, [-0.0466, 0.1144, -0.2388]),
    "mixed decay": (
        mixed_decay(10),
        [0.5472, 0.0153, -0.0222, 1.2395, 0.0021, 1.2014],
        [-0.6133, 0.3956, -0.4916],
    ),
}
"""C (xx, xy, xz, yy, yz, zz) and δ at t = 1 from θ = 1.1, φ = 0.4, met by the exact master equation extrapolated."""


@pytest.mark.parametrize("name", KNOWN)
def test_known_numbers(name):
    model, covariance, correction = KNOWN[name]
    mf = cj.mean_field(model, cj.tilted(model, 1.1, 0.4), [0, 0.5, 1.0])
    np.testing.assert_allclose(mf.correction[-1], correction, rtol=0, atol=5.1e-5)
    if covariance is not None:
        np.testing.assert_allclose(mf.covariance[-1][ROWS, COLUMNS], covariance, rtol=0, atol=5.1e-5)


def test_the_covariance_does_not_know_who_is_left_out():
    times = np.linspace(0, 3, 7)
    both = [hopfield(10, exclude_self=e) for e in (False, True)]
    found = [cj.mean_field(m, cj.tilted(m, 1.1, 0.4), times) for m in both]
    np.testing.assert_allclose(found[0].covariance, found[1].covariance, atol=1e-9)
    assert np.abs(found[0].correction - found[1].correction)[1:].max() > 0.1


# ---- closed forms --------------------------------------------------------------------------------


def test_independent_particles_stay_independent():
    model = cj.systems.free_flips(7, 0.7, 1.3, 0.8)
    times = np.linspace(0, 4, 9)
    mf = cj.mean_field(model, cj.tilted(model, 1.1, 0.4), times)
    expected = np.eye(3) - np.einsum("ta,tb->tab", mf.mean, mf.mean)
    np.testing.assert_allclose(mf.covariance, expected, atol=1e-9)
    np.testing.assert_allclose(mf.correction, 0, atol=1e-9)
    np.testing.assert_allclose(mf.deviation, (3 - np.sum(mf.mean**2, axis=1)) / 2, atol=1e-9)


def test_one_axis_twisting():
    """<m_x> = cos^{N-1}(4χt/N) from θ = π/2, and a linear shear of y by z."""
    chi, times = 0.3, np.linspace(0, 2, 6)
    model = cj.systems.free_flips(50, 0.0, 0.0, 0.0, chi=chi)
    mf = cj.mean_field(model, cj.tilted(model, np.pi / 2, 0.0), times)
    np.testing.assert_allclose(mf.correction[:, 0], -8 * (chi * times) ** 2, atol=1e-9)
    np.testing.assert_allclose(mf.correction[:, 1:], 0, atol=1e-9)
    shear = 4 * chi * times
    zero = np.zeros_like(times)
    expected = np.array([zero, zero, zero, 1 + shear**2, shear, zero + 1]).T
    np.testing.assert_allclose(mf.covariance[:, ROWS, COLUMNS], expected, atol=1e-9)
    exact = [N * (np.cos(4 * chi * times / N) ** (N - 1) - 1) for N in (10**4, 2 * 10**4)]
    np.testing.assert_allclose(2 * exact[1] - exact[0], mf.correction[:, 0], atol=1e-5)


def test_dephasing_at_a_rate_that_the_conserved_z_sets():
    """The coherence of particle 1 decays at 2 Γ²(z') + 2 Γ'² (N-1)/N², z' = (1/N) Σ over the N - 1 others."""
    model = cj.Model([cj.Block(S, 9)], [], [cj.LocalJump(Z, S, amplitude=lambda z: 0.5 + 0.3 * z, argument={S: Z})])
    times = np.linspace(0, 1.5, 4)
    mf = cj.mean_field(model, cj.tilted(model, 1.1, 0.0), times)
    z0, slope, gamma = np.cos(1.1), 0.3, 0.5 + 0.3 * np.cos(1.1)
    x = np.sin(1.1) * np.exp(-2 * gamma**2 * times)
    np.testing.assert_allclose(mf.mean, np.stack([x, 0 * x, z0 + 0 * x], axis=1), atol=1e-10)
    # <z'> = z0 - z0/N and Var z' = (1 - z0²)/N to this order; first and second derivative of exp(-2 Γ² t) by z'
    first, second, variance = -4 * gamma * slope * times, -4 * slope**2 * times, 1 - z0**2
    second = second + first**2
    np.testing.assert_allclose(mf.covariance[:, 2, 2], variance, atol=1e-9)
    np.testing.assert_allclose(mf.covariance[:, 0, 2], x * (first * variance - z0), atol=1e-9)
    expected = x * (-2 * slope**2 * times - first * z0 + second * variance / 2)
    np.testing.assert_allclose(mf.correction, np.stack([expected, 0 * x, 0 * x], axis=1), atol=1e-9)


# ---- the flow and its derivatives ----------------------------------------------------------------


def random_case(seed, levels=(3, 2)):
    rng = np.random.default_rng(seed)
    model = everything(rng, levels=levels)
    densities = [0.3 * random_density(rng, d) + 0.7 * np.eye(d) / d for d in levels]
    expansion = Expansion(model)
    return rng, model, densities, expansion, expansion.coordinates(densities)


@pytest.mark.parametrize("levels", [(3, 2), (2, 2), (2, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_flow_is_that_of_mean_field(seed, levels):
    _, model, densities, expansion, m = random_case(seed, levels)
    change = expansion.coordinates(Flow(model)(densities))
    np.testing.assert_allclose(expansion.flow(m), change, rtol=0, atol=1e-11 * np.abs(change).max())
    for found, given in zip(expansion.densities(m), densities, strict=True):
        np.testing.assert_allclose(found, given, atol=1e-14)


def test_flow_of_complex_kets_of_three_levels():
    rng = np.random.default_rng(8)
    model = everything(rng)
    kets = {
        b.name: (k := rng.normal(size=b.levels) + 1j * rng.normal(size=b.levels)) / np.linalg.norm(k)
        for b in model.blocks
    }
    state = cj.product(model, kets)
    expansion = Expansion(model)
    m = expansion.coordinates(state.densities)
    change = expansion.coordinates(Flow(model)([r.astype(complex) for r in state.densities]))
    np.testing.assert_allclose(expansion.flow(m), change, rtol=0, atol=1e-11 * np.abs(change).max())
    expected = cj.mean_field(model, state, [0, 0.1]).mean
    np.testing.assert_allclose(theory.fluctuations(model, state, [0, 0.1]).mean, expected, atol=1e-8)


FIRST = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
SECOND = {0: -205 / 72, 1: 8 / 5, 2: -1 / 5, 3: 8 / 315, 4: -1 / 560}
"""Central differences of eighth order."""


@pytest.mark.parametrize("seed", range(3))
def test_jacobian_and_curvature_against_differences_of_the_flow(seed):
    rng, _, _, expansion, m = random_case(seed)
    f, h, n = expansion.flow, 0.01, len(m)

    def first(u):
        return sum(c * (f(m + k * h * u) - f(m - k * h * u)) for k, c in FIRST.items()) / h

    def second(u):
        total = SECOND[0] * f(m) + sum(c * (f(m + k * h * u) + f(m - k * h * u)) for k, c in SECOND.items() if k)
        return total / h**2

    G = expansion.jacobian(m)
    np.testing.assert_allclose(G, np.stack([first(u) for u in np.eye(n)], axis=1), rtol=0, atol=1e-9 * np.abs(G).max())
    # the two-body flow is quadratic: its differences are exact, those of the rates are good to h^8
    root = rng.normal(size=(n, 3)) / np.sqrt(n)
    expected = sum(second(u) for u in root.T) / 2
    found = expansion.curvature(m, root @ root.T)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


def test_the_sizes_of_blocks_are_conserved():
    _, _, _, expansion, m = random_case(4)
    C = expansion.product_covariance(m)
    ones = np.eye(len(m)) - expansion.traceless @ expansion.traceless.T
    for still in (expansion.flow(m), expansion.curvature(m, C), expansion.ordering(m), expansion.diffusion(m)):
        np.testing.assert_allclose(ones @ still, 0, atol=1e-11)


def test_solution_obeys_its_equations():
    """Independent of the integrator: differences of the output against the right-hand side."""
    rng = np.random.default_rng(11)
    model = everything(rng)
    state = cj.product(model, {b.name: random_density(rng, b.levels) for b in model.blocks})
    h = 2e-3
    times = 0.1 + h * np.arange(-4, 5)
    found = theory.fluctuations(model, state, times)
    weights = np.array([-FIRST[4], -FIRST[3], -FIRST[2], -FIRST[1], 0, FIRST[1], FIRST[2], FIRST[3], FIRST[4]]) / h
    expansion = Expansion(model)
    P = expansion.averages
    # the labels do not span the identity: m from mean field, C and δ have no part along it
    m = expansion.coordinates([d[4] for d in cj.mean_field(model, state, times).densities])
    back = np.linalg.pinv(P @ expansion.traceless)
    lift = expansion.traceless @ back
    C, delta = lift @ found.covariance[4] @ lift.T, lift @ found.correction[4]
    G = expansion.jacobian(m)
    dC = P @ (G @ C + C @ G.T + expansion.diffusion(m)) @ P.T
    ddelta = P @ (G @ delta + expansion.curvature(m, C) + expansion.ordering(m))
    np.testing.assert_allclose(np.einsum("t,tab->ab", weights, found.covariance), dC, atol=1e-6 * np.abs(dC).max())
    np.testing.assert_allclose(weights @ found.correction, ddelta, atol=1e-6 * np.abs(ddelta).max())


# ---- labels, normalisation, deviation ------------------------------------------------------------


@pytest.mark.parametrize(("sizes", "levels"), [((4,), (3,)), ((3, 1), (2, 3)), ((1, 2), (2, 2))])
def test_the_start_is_that_of_the_product_state_for_all_labels(sizes, levels):
    rng = np.random.default_rng(2)
    names = "ab"[: len(sizes)]
    model = cj.Model([cj.Block(b, n, d) for b, n, d in zip(names, sizes, levels, strict=True)])
    states = {b: random_density(rng, d) for b, d in zip(names, levels, strict=True)}
    found = theory.fluctuations(model, cj.product(model, states), [0.0])
    mean, second = Oracle(model).moments(product_state(model, states))
    assert found.labels == model.labels
    np.testing.assert_allclose(found.mean[0], mean, atol=1e-13)
    np.testing.assert_allclose(found.covariance[0], model.size * (second - np.outer(mean, mean)), atol=1e-12)
    np.testing.assert_array_equal(found.correction, 0)
    trace = sum(np.diag(found.covariance[0]) * [1 / np.trace(o.matrix @ o.matrix).real for o in model.observables])
    assert found.deviation[0] == pytest.approx(trace, abs=1e-12)


def test_particles_of_one_kind_in_two_blocks():
    """A block cut in two: the averages over both are those of the one, weighted by the shares."""
    times = np.linspace(0, 1.5, 4)
    whole = cj.systems.constrained(9, 0.7, 1.3, 0.8)
    sizes = {"a": 3, "b": 6}
    argument = {b: n / 9 * RAISE @ LOWER for b, n in sizes.items()}
    jumps = [
        cj.LocalJump(np.sqrt(g) * j, b, amplitude=lambda n: n, argument=argument)
        for b in sizes
        for g, j in ((1.3, RAISE), (0.8, LOWER))
    ]
    cut = cj.Model([cj.Block(b, n) for b, n in sizes.items()], [cj.OneBody(0.7 * X, b) for b in sizes], jumps)
    one, two = (cj.mean_field(m, cj.tilted(m, 1.1, 0.4), times) for m in (whole, cut))
    share = np.repeat([1 / 3, 2 / 3], 3)[:, None] * np.tile(np.eye(3), (2, 1))
    np.testing.assert_allclose(np.einsum("ai,tab,bj->tij", share, two.covariance, share), one.covariance, atol=1e-8)
    np.testing.assert_allclose(two.correction @ share, one.correction, atol=1e-8)
    # each block alone is at the same mean, so its correction is the same too
    np.testing.assert_allclose(two.correction[:, :3], two.correction[:, 3:], atol=1e-8)


# ---- what is refused -----------------------------------------------------------------------------


def test_only_product_states_have_the_theory():
    model = cj.systems.constrained(6, 0.7, 1.3, 0.8)
    for state in (cj.dicke(model, {S: (3, 1)}), cj.dicke(model, {S: (2, 2)}), cj.symmetric(model, {S: np.eye(7)[2]})):
        mf = cj.mean_field(model, state, [0, 1.0])
        assert np.isfinite(mf.mean).all()
        for figure in ("covariance", "correction", "deviation"):
            with pytest.raises(ArgumentError, match="`state` must be a product state"):
                getattr(mf, figure)
    up = cj.mean_field(model, cj.dicke(model, {S: (3, 3)}), [0, 1.0])
    same = cj.mean_field(model, cj.tilted(model, 0.0, 0.0), [0, 1.0])
    np.testing.assert_allclose(up.covariance, same.covariance, atol=1e-12)
    with pytest.raises(ArgumentError, match="increasing"):
        theory.fluctuations(model, cj.tilted(model, 1.1, 0.4), [1.0, 0.5])
    with pytest.raises(ArgumentError, match="made for this model"):
        theory.fluctuations(hopfield(4, exclude_self=True), cj.dicke(model, {S: (3, 3)}), [1.0])


# ---- stationary ----------------------------------------------------------------------------------


def test_paramagnet_of_the_hopfield_network():
    """m = 0: D = diag(1, 1, 2) and a Lyapunov equation of two dimensions, solved by hand."""
    omega, beta = 0.4, 0.6
    model = cj.systems.hopfield(np.ones((1, 10)), omega, beta)
    found = theory.stationary(model, [np.eye(2) / 2])
    # 0 = -yy - 4Ω yz + 1;  0 = -2Ω zz + 2Ω yy + (β - 3/2) yz;  0 = 4Ω yz + 2(β - 1) zz + 2
    w = 2 * omega
    equations = [[-1, -2 * w, 0], [w, beta - 1.5, -w], [0, 2 * w, 2 * (beta - 1)]]
    yy, yz, zz = np.linalg.solve(equations, [-1, 0, -2])
    np.testing.assert_allclose(found.covariance, [[1, 0, 0], [0, yy, yz], [0, yz, zz]], atol=1e-10)
    np.testing.assert_allclose(found.mean, 0, atol=1e-14)
    np.testing.assert_allclose(found.correction, 0, atol=1e-10)
    assert found.deviation == pytest.approx((1 + yy + zz) / 2)
    classical = theory.stationary(cj.systems.hopfield(np.ones((1, 10)), 0.0, beta), [np.eye(2) / 2])
    np.testing.assert_allclose(np.diag(classical.covariance), [1, 1, 1 / (1 - beta)], atol=1e-10)


@pytest.mark.parametrize("name", ["mixed decay", "hopfield, excluded"])
def test_the_stationary_state_is_where_the_flow_ends(name):
    model, *_ = KNOWN[name]
    state = cj.tilted(model, 1.1, 0.4)
    end = cj.mean_field(model, state, [150.0])
    found = theory.stationary(model, [r[0] for r in end.densities])
    np.testing.assert_allclose(found.mean, end.mean[0], atol=1e-9)
    np.testing.assert_allclose(found.covariance, end.covariance[0], atol=1e-7)
    np.testing.assert_allclose(found.correction, end.correction[0], atol=1e-7)
    assert found.deviation == pytest.approx(end.deviation[0], abs=1e-7)


def test_stationary_state_of_two_coupled_blocks_of_different_levels():
    rng = np.random.default_rng(12)
    d = {"a": 2, "b": 3}
    jumps = [cj.LocalJump(random_matrix(rng, d[b]), b) for b in d]
    jumps += [
        cj.LocalJump(
            random_matrix(rng, d[b]),
            b,
            amplitude=lambda x: 1 + 0.1 * x,
            argument={c: random_hermitian(rng, d[c]) for c in d},
            exclude_self=b == "b",
        )
        for b in d
    ]
    hamiltonian = [cj.OneBody(random_hermitian(rng, d[b]), b) for b in d]
    model = cj.Model([cj.Block("a", 3, 2), cj.Block("b", 5, 3)], hamiltonian, jumps)
    state = cj.product(model, {b: random_density(rng, d[b]) for b in d})
    end = cj.mean_field(model, state, [60.0])
    found = theory.stationary(model, [r[0] for r in end.densities])
    np.testing.assert_allclose(found.covariance, end.covariance[0], atol=1e-7)
    np.testing.assert_allclose(found.correction, end.correction[0], atol=1e-7)


def test_what_is_no_stable_fixed_point_is_refused():
    model = cj.systems.hopfield(np.ones((1, 10)), 0.1, 1.7)
    with pytest.raises(ConvergenceError, match="no stationary covariance"):
        theory.stationary(model, [np.eye(2) / 2])
    with pytest.raises(ArgumentError, match="`densities` must be a fixed point"):
        theory.stationary(model, [np.diag([0.6, 0.4])])
    with pytest.raises(ConvergenceError, match="no stationary covariance"):
        theory.stationary(cj.systems.free_flips(10, 0.3, 0, 0), [np.eye(2) / 2])
