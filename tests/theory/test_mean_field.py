"""The mean-field flow against small independent equations of motion, and as the limit of many particles."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import cojump as cj
from cojump.errors import ArgumentError
from cojump.theory.mean_field import Flow, mean_of, paths, solutions
from cojump.theory.packed_flow import PackedFlow, is_packed
from cojump.tools.checks import check_times
from tests import twins
from tests.oracle import Oracle, product_state
from tests.support.longer import few
from tests.support.pauli import LOWER, PAULI, X, Z
from tests.support.random_models import everything, random_density, random_hermitian, random_matrix

TIMES = np.array([0.0, 0.4, 1.3, 3.0, 6.0])
THETA, PHI = 1.1, 0.4
START = np.array([np.sin(THETA) * np.cos(PHI), np.sin(THETA) * np.sin(PHI), np.cos(THETA)])


def integrate(derivative, start=START):
    path = solve_ivp(lambda t, m: derivative(*m), (0, TIMES[-1]), start, t_eval=TIMES, rtol=1e-11, atol=1e-12)
    return path.y.T


def agrees(model, derivative):
    found = cj.mean_field(model, cj.tilted(model, THETA, PHI), TIMES)
    np.testing.assert_allclose(found.mean, integrate(derivative), rtol=0, atol=2e-9)
    np.testing.assert_array_equal(found.times, TIMES)
    assert found.labels == model.labels


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("exclude_self", [False, True])
def test_hopfield_of_one_pattern(size, exclude_self):
    omega, beta = 0.45, 1.7
    model = cj.systems.hopfield(np.ones((1, size)), omega, beta, exclude_self=exclude_self)
    agrees(
        model,
        lambda x, y, z: [-x / 2, -2 * omega * z - y / 2, 2 * omega * y + np.tanh(beta * z) - z],
    )


def test_independent_particles_follow_the_bloch_equations():
    omega, detuning, gamma, dephasing = 0.9, 0.55, 0.7, 0.2
    model = cj.Model(
        [cj.Block("s", 5)],
        [cj.OneBody(omega * X + detuning / 2 * Z, "s")],
        [cj.LocalJump(np.sqrt(gamma) * LOWER, "s"), cj.LocalJump(np.sqrt(dephasing) * Z, "s")],
    )
    width = gamma / 2 + 2 * dephasing
    flow = np.array(
        [
            [-width, -detuning, 0, 0],
            [detuning, -width, -2 * omega, 0],
            [0, 2 * omega, -gamma, -gamma],
            [0, 0, 0, 0],
        ]
    )
    expected = [(expm(flow * t) @ np.append(START, 1))[:3] for t in TIMES]
    found = cj.mean_field(model, cj.tilted(model, THETA, PHI), TIMES)
    np.testing.assert_allclose(found.mean, expected, rtol=0, atol=1e-10)


def test_one_axis_twisting():
    chi = 0.8
    model = cj.systems.free_flips(50, 0.0, 0.0, 0.0, chi=chi)
    agrees(model, lambda x, y, z: [-4 * chi * z * y, 4 * chi * z * x, 0.0])


def test_boundary_time_crystal():
    omega, kappa = 0.7, 1.9
    model = cj.systems.boundary_time_crystal(50, omega, kappa)
    agrees(
        model,
        lambda x, y, z: [
            kappa / 2 * x * z,
            -2 * omega * z + kappa / 2 * y * z,
            2 * omega * y - kappa / 2 * (x * x + y * y),
        ],
    )
    found = cj.mean_field(model, cj.tilted(model, THETA, PHI), TIMES).mean
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-9)


def test_constrained_and_facilitated():
    omega, up, down = 0.7, 1.3, 0.8

    def constrained(x, y, z):
        n = (1 + z) / 2
        width = (up + down) / 2 * n**2
        return [-width * x, -2 * omega * z - width * y, 2 * omega * y + n**2 * (up * (1 - z) - down * (1 + z))]

    agrees(cj.systems.constrained(9, omega, up, down), constrained)

    def facilitated(x, y, z):
        a, d = 4.0 * (1 + z) / 2, 0.6
        return [-(a + d) / 2 * x, -2 * omega * z - (a + d) / 2 * y, 2 * omega * y + a * (1 - z) - d * (1 + z)]

    agrees(cj.systems.facilitated(9, omega, 4.0, 0.6, power=1), facilitated)


def test_hopfield_of_several_patterns_with_unequal_blocks():
    patterns = np.array([[1, -1, 1, 1, -1, 1, -1], [1, 1, -1, 1, -1, 1, 1], [-1, 1, 1, -1, 1, -1, 1]])
    omega, beta, (_, N) = 0.4, 1.3, patterns.shape
    model = cj.systems.hopfield(patterns, omega, beta)
    rng = np.random.default_rng(0)
    kets = {b.name: (k := rng.normal(size=2) + 1j * rng.normal(size=2)) / np.linalg.norm(k) for b in model.blocks}
    found = cj.mean_field(model, cj.product(model, kets), TIMES)
    # every spin by itself, ΔE_k = (1/N) Σ_μ ξ_k^μ Σ_j ξ_j^μ m_j^z
    names = ["".join("+" if s > 0 else "-" for s in column) for column in patterns.T]
    start = np.array([[np.vdot(kets[n], p @ kets[n]).real for p in PAULI] for n in names])

    def derivative(_t, m):
        x, y, z = m.reshape(N, 3).T
        energy = patterns.T @ (patterns @ z) / N
        change = [-x / 2, -2 * omega * z - y / 2, 2 * omega * y + np.tanh(beta * energy) - z]
        return np.array(change).T.ravel()

    path = solve_ivp(derivative, (0, TIMES[-1]), start.ravel(), t_eval=TIMES, rtol=1e-11, atol=1e-12).y.T
    for b, block in enumerate(model.blocks):
        k = names.index(block.name)
        np.testing.assert_allclose(found.mean[:, 3 * b : 3 * b + 3], path[:, 3 * k : 3 * k + 3], atol=2e-9)


# ---- the factorised Heisenberg equations, written with commutators of observables ----------------


def heisenberg(model, r, block, v):
    """d<v>/dt of one particle of a block, every average of a product replaced by the product of averages."""
    share = {b.name: b.size / model.size for b in model.blocks}

    def average(matrix, name):
        return np.trace(matrix @ r[name])

    def commutator(a, b):
        return a @ b - b @ a

    change = 0j
    for term in model.hamiltonian:
        if isinstance(term, cj.OneBody):
            if term.block == block:
                change += 1j * average(commutator(term.matrix, v), block)
            continue
        if isinstance(term, cj.Potential):
            if block in term.argument:
                assert term.phi is np.sin
                slope = term.factor * np.cos(sum(average(x, b).real for b, x in term.argument.items()))
                change += 1j * slope / share[block] * average(commutator(term.argument[block], v), block)
            continue
        b, c = term.blocks
        if b == block:
            change += 1j * term.strength * share[c] * average(commutator(term.first, v), b) * average(term.second, c)
        if c == block:
            change += 1j * term.strength * share[b] * average(term.first, b) * average(commutator(term.second, v), c)
    for jump in model.jumps:
        if isinstance(jump, cj.LocalJump):
            if jump.block != block:
                continue
            delta = sum(average(m, b).real for b, m in jump.argument.items())
            gamma = twins.amplitude_of(jump)(np.array([delta]))[0] if jump.argument else 1.0
            j, dagger = jump.matrix, jump.matrix.conj().T
            inner = dagger @ commutator(v, j) + commutator(dagger, v) @ j
            change += gamma**2 / 2 * average(inner, block)
        elif block in jump.matrices:
            y = jump.matrices[block]
            mean = sum(share[b] * average(m, b) for b, m in jump.matrices.items())
            ahead = average(commutator(y.conj().T, v), block) * mean
            change += jump.rate / 2 * (ahead + np.conj(mean) * average(commutator(v, y), block))
    return change


@pytest.mark.parametrize("seed", range(6))
def test_flow_of_everything_at_once(seed):
    rng = np.random.default_rng(seed)
    model = everything(rng)
    r = {b.name: random_density(rng, b.levels) for b in model.blocks}
    change = Flow(model)([r[b.name] for b in model.blocks])
    for block, rate in zip(model.blocks, change, strict=True):
        assert abs(np.trace(rate)) < 1e-12
        np.testing.assert_allclose(rate, rate.conj().T, atol=1e-12)
        for _ in range(4):
            v = random_hermitian(rng, block.levels)
            expected = heisenberg(model, r, block.name, v)
            assert abs(expected.imag) < 1e-11 * (1 + abs(expected))
            assert np.trace(v @ rate).real == pytest.approx(expected.real, rel=1e-11, abs=1e-11)


def gated(rng):
    """A collective jump with a rate of an average of two blocks, and a local one with a rate of two averages."""
    x = {b: random_hermitian(rng) for b in "ab"}
    diagonal = [{"a": np.diag(rng.normal(size=2))} for _ in range(2)]
    jumps = [
        cj.CollectiveJump({b: random_matrix(rng) for b in "ab"}, 0.8, amplitude=np.cos, argument=x),
        cj.LocalJump(random_matrix(rng), "b", rate=lambda s, t: np.exp(s) + t**2, argument=diagonal),
    ]
    return cj.Model([cj.Block("a", 3), cj.Block("b", 5)], [], jumps)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("build", [everything, gated, lambda rng: everything(rng, (4, 2), (2, 2))])
def test_the_flow_as_one_matrix_is_the_flow(build, seed):
    """Its slow twin multiplies the matrices of each term; with one particle more it is another flow."""
    rng = np.random.default_rng(seed)
    model = build(rng)
    first, *others = model.blocks
    other = replace(model, blocks=[replace(first, size=first.size + 1), *others])
    assert is_packed(model)
    r = [random_density(rng, b.levels).astype(complex) for b in model.blocks]
    y = np.concatenate([one.ravel() for one in r]).view(float)
    expected = np.concatenate([change.ravel() for change in Flow(model)(r)]).view(float)
    np.testing.assert_allclose(PackedFlow(model)(y), expected, rtol=0, atol=1e-13 * np.abs(expected).max())
    assert np.abs(PackedFlow(other)(y) - expected).max() > 1e-6


def test_flows_of_modes_and_of_many_levels_go_term_by_term():
    assert not is_packed(cj.systems.dicke(50, 1.0, 1.0, 1.0, 1.0))
    assert not is_packed(cj.Model([cj.Block("site", 1, 40)], [], [cj.LocalJump(np.diag(np.ones(39), 1), "site")]))


def test_mean_fields_that_another_process_has_found():
    """The same bits, of a start that may be several states as well."""
    model = cj.systems.constrained(6, 0.7, 1.3, 0.8)
    start = cj.mixture([(0.25, cj.tilted(model, THETA, PHI)), (0.75, cj.tilted(model, 0.3, 0.0))])
    own = paths(model, start, TIMES)
    sent = pickle.loads(pickle.dumps(solutions(own)))
    found = paths(model, start, TIMES, sent)
    assert mean_of(found).tobytes() == mean_of(own).tobytes()
    assert [weight for weight, _ in found] == [0.25, 0.75]
    for (_, a), (_, b) in zip(found, own, strict=True):
        assert a.state is b.state
        assert a.densities[0].tobytes() == b.densities[0].tobytes()
    with pytest.raises(ValueError, match="zip"):
        paths(model, start, TIMES, sent[:1])


def test_solution_obeys_its_flow_and_stays_a_state():
    rng = np.random.default_rng(20)
    model = everything(rng)
    start = {b.name: random_density(rng, b.levels) for b in model.blocks}
    times = np.linspace(0, 1, 201)
    found = cj.mean_field(model, cj.product(model, start), times)
    np.testing.assert_allclose(found.densities[0][0], start["a"], atol=1e-15)
    for densities, block in zip(found.densities, model.blocks, strict=True):
        np.testing.assert_allclose(np.trace(densities, axis1=1, axis2=2), 1, atol=1e-11)
        np.testing.assert_allclose(densities, densities.conj().transpose(0, 2, 1), atol=1e-11)
        assert np.linalg.eigvalsh(densities).min() > -1e-10
        assert densities.shape == (len(times), block.levels, block.levels)
    spins = found.mean[:, -3:]
    assert np.linalg.norm(spins, axis=1).max() <= 1 + 1e-10
    flow = Flow(model)
    k, h = 100, times[1]
    for b in (0, 1):
        r = found.densities[b]
        slope = (8 * (r[k + 1] - r[k - 1]) - (r[k + 2] - r[k - 2])) / (12 * h)
        np.testing.assert_allclose(slope, flow([d[k] for d in found.densities])[b], atol=1e-4)
    for label, series, (o, b) in zip(
        found.labels, found.mean.T, [(o.matrix, o.block) for o in model.observables], strict=True
    ):
        expected = [np.trace(o @ rho).real for rho in found.densities[b]]
        np.testing.assert_allclose(series, expected, atol=1e-13, err_msg=label)


# ---- the limit of many particles -----------------------------------------------------------------


LIMITS = {
    "constrained": lambda N: cj.systems.constrained(N, 0.7, 1.3, 0.8),
    "hopfield": lambda N: cj.systems.hopfield(np.ones((1, N)), 0.5, 0.6),
    "hopfield with self": lambda N: cj.systems.hopfield(np.ones((1, N)), 0.5, 0.6, exclude_self=False),
    "boundary time crystal": lambda N: cj.systems.boundary_time_crystal(N, 0.7, 1.0),
    "twisting": lambda N: cj.systems.free_flips(N, 0.7, 0.3, 0.8, chi=0.4),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limit_of_the_full_master_equation(name):
    # <m> at N = 2..5 as a polynomial in 1/N, carried on to 1/N = 0.
    sizes, ket = np.array([2, 3, 4, 5]), np.array([np.cos(THETA / 2), np.exp(1j * PHI) * np.sin(THETA / 2)])
    means = []
    for N in sizes:
        model = LIMITS[name](int(N))
        rho = product_state(model, {model.blocks[0].name: ket})
        means.append(Oracle(model).solve(rho, [0.5]).mean[0])
    limit = np.linalg.solve(np.vander(1 / sizes, increasing=True), np.array(means))[0]
    mean_field = cj.mean_field(model, cj.tilted(model, THETA, PHI), [0.5]).mean[0]
    np.testing.assert_allclose(mean_field, limit, rtol=0, atol=1.5e-3)
    assert np.abs(mean_field - means[-1]).max() > 6e-3  # five particles alone would not pass


# ---- times and inputs ----------------------------------------------------------------------------


def test_times_do_not_disturb_each_other():
    model = cj.systems.constrained(9, 0.7, 1.3, 0.8)
    state = cj.tilted(model, THETA, PHI)
    many = cj.mean_field(model, state, np.linspace(0, 6, 301)).mean
    np.testing.assert_allclose(cj.mean_field(model, state, [6.0]).mean[0], many[-1], atol=1e-10)
    np.testing.assert_allclose(cj.mean_field(model, state, [0.0]).mean[0], START, atol=1e-15)
    np.testing.assert_allclose(cj.mean_field(model, state, [0.0, 1.0]).mean[0], START, atol=1e-15)


def test_mixed_and_dicke_starts_enter_by_their_one_particle_density():
    model = cj.systems.free_flips(4, 0.7, 0.3, 0.8)
    dicke = cj.mean_field(model, cj.dicke(model, {"spins": (2, 1)}), TIMES)
    mixed = cj.mean_field(model, cj.product(model, {"spins": np.diag([0.75, 0.25])}), TIMES)
    np.testing.assert_allclose(dicke.mean, mixed.mean, atol=1e-12)


BAD_TIMES = [
    ([0.0, 0.5, 0.5], "Argument `times` must be increasing, but times[2] = 0.5 ≤ times[1] = 0.5"),
    ([0.0, 0.6, 0.5], "Argument `times` must be increasing, but times[2] = 0.5 ≤ times[1] = 0.6"),
    ([-0.1, 0.5], "Argument `times` must start at 0 or later, but times[0] = -0.1"),
    ([0.0, np.nan], "Argument `times` must be finite, but times[1] = nan"),
    ([0.0, np.inf], "Argument `times` must be finite, but times[1] = inf"),
]


@pytest.mark.parametrize(("times", "message"), BAD_TIMES, ids=[m for _, m in BAD_TIMES])
def test_bad_times(times, message):
    with pytest.raises(ArgumentError) as caught:
        check_times(times)
    assert str(caught.value) == message


@pytest.mark.parametrize("times", [[], [[0.0, 1.0]], 1.0, "now", [1j]])
def test_times_of_a_wrong_shape(times):
    with pytest.raises(ArgumentError, match=r"^Argument `times` must"):
        check_times(times)


def test_a_state_of_another_model_is_refused():
    model, other = cj.systems.constrained(4, 1, 1, 1), cj.Model([cj.Block("q", 4, levels=3)])
    with pytest.raises(ArgumentError, match=r"^Argument `state` must be made for this model"):
        cj.mean_field(model, cj.product(other, {"q": [1, 0, 0]}), [0.0, 1.0])


def stepped(low, high, at, omega=0.0, pump=1.0):
    """Decay whose rate jumps from low² to high² where <z> passes ``at``."""
    decay = cj.LocalJump(LOWER, "s", amplitude=lambda v: np.where(v > at, high, low), argument={"s": Z})
    jumps = [decay, cj.LocalJump(pump * LOWER.T, "s")] if pump else [decay]
    return cj.Model([cj.Block("s", 8)], [cj.OneBody(omega * X, "s")], jumps)


@pytest.mark.parametrize(
    ("low", "high", "omega"),
    few(
        [(0.5, 3.0, 0.0), (0.5, 3.0, 0.7), (0.9, 1e3, 0.0), (0.5, 3e3, 3.0)],
        (0.5, 3.0, 0.7),
        (0.9, 1e3, 0.0),
        rows=True,
    ),
)
def test_a_flow_that_slides_along_a_jump_of_a_rate_is_refused_soon(low, high, omega, monkeypatch):
    """On both sides it leads back to the jump: no integrator gets anywhere, and none is given a million derivatives."""
    model, calls = stepped(low, high, -0.3, omega), []
    gamma = type(model.jumps[0]).gamma
    monkeypatch.setattr(type(model.jumps[0]), "gamma", lambda jump, v: calls.append(1) or gamma(jump, v))
    with pytest.raises(cj.ConvergenceError, match=r"a rate is discontinuous"):
        cj.mean_field(model, cj.tilted(model, 0.3, 0.0), [0.0, 2.0])
    assert len(calls) < 100_000


def test_a_jump_of_a_rate_that_is_crossed_at_every_turn_is_no_slide():
    """Between two crossings the flow goes far. Twice the weak decay is another flow: a control."""
    ends = []
    for high in (0.02, 0.04):
        model = stepped(high / 4, high, 0.2, omega=5.0, pump=0.0)
        ends.append(cj.mean_field(model, cj.tilted(model, 0.3, 0.0), [0.0, 25.0]).mean[-1])
    assert np.abs(ends[0] - ends[1]).max() > 1e-3


@pytest.mark.parametrize("fast", [1e6, 1e10])
def test_a_stiff_flow_that_comes_to_rest_is_no_slide(fast):
    """Near its rest the derivatives of neighbours differ by more than what is left of them."""
    decay = cj.LocalJump(LOWER, "s", rate=lambda v: np.where(v > 0.99, 1.0, fast * (1 - v)), argument={"s": Z})
    model = cj.Model([cj.Block("s", 6)], [cj.OneBody(X, "s")], [decay])
    found = cj.mean_field(model, cj.tilted(model, 1.1, 0.4), [0.0, 1.0]).mean[-1]
    np.testing.assert_allclose(found, [0.0, 2 / fast, -1.0], rtol=1e-5, atol=1e-11)
