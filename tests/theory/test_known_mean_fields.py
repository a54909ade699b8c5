"""Known lines and numbers of mean-field theory, from the library: the Hopfield network and facilitated flips."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, fsolve

import cojump as cj
from cojump.theory.mean_field import Flow
from tests.support.longer import few
from tests.support.pauli import PAULI


def bloch_flow(model):
    """dm/dt of the (3,) Pauli averages of a model with one block, through the flow of its density matrix."""
    flow = Flow(model)
    one, paulis = np.eye(2), np.array(PAULI)

    def derivative(m):
        rho = (one + np.einsum("a,aij->ij", np.asarray(m, dtype=float), paulis)) / 2
        return np.einsum("aij,ji->a", paulis, flow([rho])[0]).real

    return derivative


def uniform(omega, beta, size=1000):
    return cj.systems.hopfield(np.ones((1, size)), omega, beta)


def hopfield_flow(omega, T):
    return bloch_flow(uniform(omega, 1 / T))


def jacobian(f, m, h=1e-5):
    """(3, 3) matrix of ∂f/∂m by central differences of the fourth order."""
    columns = []
    for e in h * np.eye(3):
        columns.append((8 * (f(m + e) - f(m - e)) - (f(m + 2 * e) - f(m - 2 * e))) / (12 * h))
    return np.array(columns).T


def growth(f, m):
    """Eigenvalue with the largest real part of the flow at a fixed point."""
    values = np.linalg.eigvals(jacobian(f, np.asarray(m, dtype=float)))
    return values[np.argmax(values.real)]


PARAMAGNET = np.zeros(3)


def ferromagnet(f):
    """The fixed point with m_z > 0 that is connected to m_z = 1 at low temperature."""
    point = fsolve(f, [0.0, -0.5, 0.95], xtol=1e-12)
    assert np.abs(f(point)).max() < 1e-10
    assert point[2] > 1e-3
    return point


# ---- one uniform pattern: fixed points and their stability ---------------------------------------


@pytest.mark.parametrize("exclude_self", [False, True])
def test_the_flow_of_the_averages(exclude_self):
    rng, omega, beta = np.random.default_rng(3), 0.45, 2.3
    f = bloch_flow(cj.systems.hopfield(np.ones((1, 50)), omega, beta, exclude_self=exclude_self))
    for m in rng.uniform(-0.57, 0.57, size=(20, 3)):
        x, y, z = m
        expected = [-x / 2, -2 * omega * z - y / 2, 2 * omega * y + np.tanh(beta * z) - z]
        np.testing.assert_allclose(f(m), expected, rtol=0, atol=1e-13)


def test_critical_temperature_without_a_field():
    T_c = brentq(lambda T: growth(hopfield_flow(0.0, T), PARAMAGNET).real, 0.8, 1.2, xtol=1e-12)
    assert pytest.approx(1, abs=1e-7) == T_c
    # below it a ferromagnet m_z = tanh(β m_z) attracts, above it only the paramagnet is left
    below = ferromagnet(hopfield_flow(0.0, 0.8))
    assert below[2] == pytest.approx(np.tanh(below[2] / 0.8), abs=1e-12)
    assert below[2] > 0.6
    assert growth(hopfield_flow(0.0, 0.8), below).real < 0
    model = uniform(0.0, 1 / 1.1)
    assert abs(cj.mean_field(model, cj.tilted(model, 0.3, 0.0), [0.0, 200.0]).mean[-1, 2]) < 1e-7


@pytest.mark.parametrize("T", [0.7, 0.8, 0.9, 0.97])
def test_line_between_paramagnet_and_ferromagnet(T):
    line = brentq(lambda omega: growth(hopfield_flow(omega, T), PARAMAGNET).real, 0.0, 1.0, xtol=1e-12)
    assert line == pytest.approx(np.sqrt((1 / T - 1) / 8), abs=1e-7)
    # a single real eigenvalue passes through zero
    assert growth(hopfield_flow(line, T), PARAMAGNET).imag == 0


@pytest.mark.parametrize("omega", [0.27, 0.5, 1.0, 3.0])
def test_hopf_line_of_the_paramagnet(omega):
    T = brentq(lambda T: growth(hopfield_flow(omega, T), PARAMAGNET).real, 0.6, 0.75, xtol=1e-12)
    assert pytest.approx(2 / 3, abs=1e-7) == T
    pair = growth(hopfield_flow(omega, T), PARAMAGNET)
    assert abs(pair.imag) == pytest.approx(np.sqrt(4 * omega**2 - 1 / 4), abs=1e-6)


def test_the_hopf_line_ends_where_it_meets_the_other():
    # at T = 2/3 the pair becomes real at Ω = 1/4, the end of Ω = sqrt((1/T - 1)/8)
    assert growth(hopfield_flow(0.2499, 2 / 3), PARAMAGNET).imag == 0
    assert growth(hopfield_flow(0.2499, 2 / 3), PARAMAGNET).real > 0.01
    assert abs(growth(hopfield_flow(0.2501, 2 / 3), PARAMAGNET).imag) > 0.01


@pytest.mark.parametrize(("T", "expected"), [(0.1, 0.7710), (0.3, 0.4460), (0.5, 0.3202), (0.6, 0.2760)])
def test_instability_of_the_ferromagnet(T, expected):
    def rate(omega):
        f = hopfield_flow(omega, T)
        return growth(f, ferromagnet(f)).real

    found = brentq(rate, 0.9 * expected, 1.003 * expected, xtol=1e-10)
    s = np.sqrt(1 - 3 * T / 2)  # tanh(β m_z) there
    assert found == pytest.approx(np.sqrt((s / (T * np.arctanh(s)) - 1) / 8), abs=1e-7)
    assert abs(found - expected) < 0.5e-4
    f = hopfield_flow(found, T)
    assert np.tanh(ferromagnet(f)[2] / T) == pytest.approx(s, abs=1e-6)
    assert abs(growth(f, ferromagnet(f)).imag) > 0.05  # a Hopf bifurcation


# ---- one uniform pattern: the limit cycle --------------------------------------------------------


def half_return(f, y):
    """Start at m_z = 0 going down, m = (0, -y, 0): minus the next m_y at m_z = 0, or None if it is never reached.

    By the symmetry m → -m a cycle is a point that this map leaves where it is.
    """

    def crossing(t, m):
        return m[2] if t > 1e-6 else -1.0

    crossing.terminal, crossing.direction = True, 1
    path = solve_ivp(
        lambda _t, m: f(m), (0, 60), [0, -y, -1e-14], events=crossing, method="DOP853", rtol=1e-8, atol=1e-10
    )
    return path.y[1, -1] if path.status == 1 else None


def largest_gain(f, center):
    """Largest change P(y) - y of the half-return map near ``center``; positive if a cycle exists."""
    gains = []
    for y in center + np.linspace(-0.03, 0.03, 13):
        if y > 0 and (back := half_return(f, y)) is not None:
            gains.append(back - y)
    assert gains, "no orbit returns"
    return max(gains)


# The last figure is where P(y) - y is largest at the onset, far from the ferromagnets.
@pytest.mark.parametrize(
    ("T", "onset", "center"),
    few(
        [(0.1, 0.631, 0.49), (0.3, 0.418, 0.29), (0.5, 0.310, 0.11), (0.6, 0.272, 0.035)],
        (0.1, 0.631, 0.49),
        (0.6, 0.272, 0.035),
        rows=True,
    ),
)
def test_onset_of_the_limit_cycle(T, onset, center):
    # A stable and an unstable cycle appear together: none 0.0005 below the third decimal, one 0.0005 above.
    assert largest_gain(hopfield_flow(onset - 0.0005, T), center) < 0
    above = hopfield_flow(onset + 0.0005, T)
    assert largest_gain(above, center) > 0
    # large orbits shrink and tiny ones do not escape: the cycle attracts from outside, the ferromagnet is stable
    assert half_return(above, 0.9) < 0.9
    assert growth(above, ferromagnet(above)).real < 0


@pytest.mark.parametrize("T", [0.3, 0.5])
def test_coexistence_of_cycle_and_ferromagnet(T):
    """Below Ω_H and above the onset the start decides."""
    model = uniform({0.3: 0.43, 0.5: 0.317}[T], 1 / T)
    f = bloch_flow(model)
    times = np.linspace(0, 150, 601)
    fixed = ferromagnet(f)
    near = (fixed + np.array([0, 0.02, 0.02])).clip(-1, 1)
    rho = (np.eye(2) + sum(a * p for a, p in zip(near, PAULI, strict=True))) / 2
    settled = cj.mean_field(model, cj.product(model, {model.blocks[0].name: rho}), [0, 600.0]).mean[-1]
    np.testing.assert_allclose(settled, fixed, atol=1e-2)
    assert settled[2] > 0
    cycling = cj.mean_field(model, cj.tilted(model, np.pi / 2, -np.pi / 2), times).mean[:, 2]
    assert np.sum(np.diff(np.sign(cycling[300:])) != 0) >= 5


# T, amplitude max m_z and period at Ω = 1
CYCLES = [(0.1, 0.8272, 3.4485), (0.3, 0.7848, 3.3056), (0.5, 0.6072, 3.2543), (0.6, 0.4070, 3.2460)]


@pytest.mark.parametrize(("T", "amplitude", "period"), few(CYCLES, *CYCLES[1:3], rows=True))
def test_amplitude_and_period_of_the_limit_cycle(T, amplitude, period):
    model = uniform(1.0, 1 / T)
    step, long = 0.005, {0.1: 20.0, 0.3: 30.0, 0.5: 50.0, 0.6: 130.0}[T]
    times = np.concatenate([[0.0], np.arange(long, long + 5 * period, step)])
    path = cj.mean_field(model, cj.tilted(model, 2.0, -np.pi / 2), times)
    z, t = path.mean[1:, 2], path.times[1:]
    up = np.flatnonzero((z[:-1] < 0) & (z[1:] >= 0))
    # t as a polynomial in m_z near 0
    crossings = [np.polynomial.Polynomial.fit(z[k - 2 : k + 4], t[k - 2 : k + 4], 5)(0.0) for k in up[1:-1]]
    periods = np.diff(crossings)
    assert len(periods) >= 2
    assert np.ptp(periods) < 1e-6
    assert abs(periods.mean() - period) < 0.5e-4
    # the top of a parabola through three points
    tops = np.flatnonzero((z[1:-1] >= z[:-2]) & (z[1:-1] > z[2:])) + 1
    curvature = z[tops - 1] - 2 * z[tops] + z[tops + 1]
    heights = z[tops] - (z[tops + 1] - z[tops - 1]) ** 2 / (8 * curvature)
    assert np.ptp(heights) < 1e-6
    assert abs(heights.mean() - amplitude) < 0.5e-4
    assert np.abs(path.mean[:, 0]).max() < 1e-12


# ---- facilitated flips without a field -----------------------------------------------------------


def change_of_n(kappa, gamma, power):
    """dn/dt as a function of the fraction n that is up, without coherence."""
    f = bloch_flow(cj.systems.facilitated(100, 0.0, kappa, gamma, power=power))
    return lambda n: f([0.0, 0.0, 2 * n - 1])[2] / 2


def stationary(derivative):
    """All fixed points n in [0, 1] with the sign of the flow between them, from a fine grid."""
    grid = np.linspace(1e-4, 1, 401)
    values = np.array([derivative(n) for n in grid])
    places = np.flatnonzero(np.sign(values[1:]) != np.sign(values[:-1]))
    return [brentq(derivative, grid[i], grid[i + 1], xtol=1e-13) for i in places]


@pytest.mark.parametrize("gamma", [0.5, 1.0])
@pytest.mark.parametrize("power", [1, 2])
def test_no_excitation_is_absorbing(power, gamma):
    model = cj.systems.facilitated(100, 0.0, 7.0, gamma, power=power)
    assert abs(change_of_n(7.0, gamma, power)(0.0)) < 1e-15
    down = cj.mean_field(model, cj.product(model, {"spins": [0, 1]}), [0.0, 50.0]).mean[-1]
    np.testing.assert_allclose(down, [0, 0, -1], atol=1e-12)


@pytest.mark.parametrize("gamma", [0.5, 1.0])
def test_facilitated_flips_are_bistable_beyond_the_spinodal(gamma):
    assert stationary(change_of_n(3.99 * gamma, gamma, 2)) == []
    kappa = 4.01 * gamma
    inner, outer = stationary(change_of_n(kappa, gamma, 2))
    root = np.sqrt(1 - 4 * gamma / kappa)
    np.testing.assert_allclose([inner, outer], [(1 - root) / 2, (1 + root) / 2], atol=1e-9)
    spinodal = brentq(lambda k: max(change_of_n(k, gamma, 2)(n) for n in (0.499, 0.5, 0.501)), 3 * gamma, 5 * gamma)
    assert spinodal == pytest.approx(4 * gamma, rel=1e-9)
    assert change_of_n(4 * gamma, gamma, 2)(0.5) == pytest.approx(0, abs=1e-12)
    # which state is reached depends on the side of the inner point
    model = cj.systems.facilitated(100, 0.0, 5 * gamma, gamma)
    inner, outer = stationary(change_of_n(5 * gamma, gamma, 2))
    for start, end in ((inner - 0.02, 0.0), (inner + 0.02, outer)):
        state = cj.product(model, {"spins": np.diag([start, 1 - start])})
        n = (1 + cj.mean_field(model, state, [0.0, 100.0 / gamma]).mean[-1, 2]) / 2
        assert n == pytest.approx(end, abs=1e-8)


def test_contact_process():
    for kappa, gamma in ((1.5, 1.0), (4.0, 0.5), (1.01, 1.0)):
        (n,) = stationary(change_of_n(kappa, gamma, 1))
        assert n == pytest.approx(1 - gamma / kappa, abs=1e-10)
    assert stationary(change_of_n(0.99, 1.0, 1)) == []
    model = cj.systems.facilitated(100, 0.0, 4.0, 0.5, power=1)
    state = cj.product(model, {"spins": np.diag([0.01, 0.99])})
    assert cj.mean_field(model, state, [0.0, 40.0]).mean[-1, 2] == pytest.approx(2 * (1 - 0.5 / 4) - 1, abs=1e-10)


# ---- several patterns ----------------------------------------------------------------------------


PATTERNS = {
    1: np.array([[1, 1, 1, -1, 1, -1]]),
    2: np.array([[1, 1, 1, -1, -1, -1, 1], [1, 1, -1, 1, 1, -1, -1]]),
    3: np.array([[1, 1, 1, -1, -1, 1, 1, -1, 1], [1, 1, 1, -1, -1, -1, 1, 1, 1], [1, 1, -1, 1, -1, 1, 1, -1, -1]]),
}
TIMES = np.array([0.0, 0.3, 1.1, 2.5, 6.0])


def block_equations(patterns, omega, beta, starts):
    """Bloch vectors of the blocks by overlaps: ΔE_b = Σ_μ f_b^μ m_μ, m_μ = Σ_b (N_b/N) f_b^μ m_z,b."""
    signs = sorted(starts, key=lambda f: "".join("+" if s > 0 else "-" for s in f))
    share = np.array([np.mean(np.all(f == patterns.T, axis=1)) for f in signs])
    F = np.array(signs)

    def derivative(_t, m):
        x, y, z = m.reshape(3, -1)
        field = F @ (F.T @ (share * z))
        return np.concatenate([-x / 2, -2 * omega * z - y / 2, 2 * omega * y + np.tanh(beta * field) - z])

    start = np.array([starts[f] for f in signs]).T.ravel()
    path = solve_ivp(derivative, (0, TIMES[-1]), start, t_eval=TIMES, rtol=1e-11, atol=1e-12)
    return path.y.T.reshape(len(TIMES), 3, -1).transpose(0, 2, 1).reshape(len(TIMES), -1), (share, F)


def random_starts(patterns, seed):
    """A Bloch vector inside the ball for each signature."""
    rng = np.random.default_rng(seed)
    return {tuple(int(s) for s in f): rng.uniform(-0.55, 0.55, size=3) for f in np.unique(patterns.T, axis=0)}


def prepared(model, starts):
    densities = {}
    for block in model.blocks:
        m = starts[tuple(1 if s == "+" else -1 for s in block.name)]
        densities[block.name] = (np.eye(2) + sum(a * p for a, p in zip(m, PAULI, strict=True))) / 2
    return cj.product(model, densities)


@pytest.mark.parametrize("exclude_self", [False, True])
@pytest.mark.parametrize("p", PATTERNS)
def test_several_patterns_with_unequal_blocks(p, exclude_self):
    patterns, omega, beta = PATTERNS[p], 0.4, 2.1
    starts = random_starts(patterns, p)
    model = cj.systems.hopfield(patterns, omega, beta, exclude_self=exclude_self)
    assert len({b.size for b in model.blocks}) > 1
    expected, _ = block_equations(patterns, omega, beta, starts)
    found = cj.mean_field(model, prepared(model, starts), TIMES).mean
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-9)


@pytest.mark.parametrize("p", PATTERNS)
def test_merged_blocks_have_the_same_overlaps(p):
    """The rotation σ_z → -σ_z, σ_y → -σ_y of the spins with ξ^1 = -1 changes no overlap."""
    patterns, omega, beta = PATTERNS[p], 0.4, 2.1
    merged = cj.systems.hopfield(patterns, omega, beta, merge=True)
    model = cj.systems.hopfield(patterns, omega, beta)
    assert len(merged.blocks) < len(model.blocks)
    starts = random_starts(patterns * patterns[0], p)
    turned = {}
    for block in model.blocks:
        f = tuple(1 if s == "+" else -1 for s in block.name)
        turned[f] = starts[tuple(f[0] * s for s in f)] * np.array([1, f[0], f[0]])
    overlaps = []
    for m, s in ((model, turned), (merged, starts)):
        z = cj.mean_field(m, prepared(m, s), TIMES).mean[:, 2::3]
        signs = np.array([[1 if c == "+" else -1 for c in b.name] for b in m.blocks])
        overlaps.append(z @ (np.array([b.size for b in m.blocks])[:, None] / m.size * signs))
    np.testing.assert_allclose(overlaps[0], overlaps[1], rtol=0, atol=1e-10)
    assert np.ptp(overlaps[0], axis=0).min() > 1e-2


def test_a_corrupted_pattern_starts_with_its_overlap_and_is_retrieved():
    patterns = PATTERNS[3]
    N = patterns.shape[1]
    model = cj.systems.hopfield(patterns, 0.05, 8.0)
    signs = np.array([[1 if c == "+" else -1 for c in b.name] for b in model.blocks])
    weights = np.array([b.size for b in model.blocks])[:, None] / N * signs
    found = cj.mean_field(model, cj.corrupted(model, pattern=1, quality=0.85), np.array([0.0, 30.0])).mean[:, 2::3]
    overlaps = found @ weights
    np.testing.assert_allclose(overlaps[0], 0.7 * patterns @ patterns[1] / N, atol=1e-12)
    assert overlaps[1, 1] > 0.95


@pytest.mark.validation
def test_a_limit_cycle_is_followed_for_long():
    """A hundred periods against the two equations of m_y and m_z alone."""
    omega, beta, times = 1.0, 1 / 0.3, np.linspace(0, 330, 34)
    model = uniform(omega, beta)
    found = cj.mean_field(model, cj.tilted(model, 1.1, -np.pi / 2), times).mean

    def derivative(_t, m):
        return [-2 * omega * m[1] - m[0] / 2, 2 * omega * m[0] + np.tanh(beta * m[1]) - m[1]]

    start = [-np.sin(1.1), np.cos(1.1)]
    exact = solve_ivp(derivative, (0, 330), start, method="DOP853", t_eval=times, rtol=1e-12, atol=1e-14).y
    assert np.abs(found[:, 1:] - exact.T).max() < 1e-7
    assert np.ptp(found[17:, 2]) > 1
