"""Fixed points, limit cycles and phase diagrams of the mean-field flow, against closed forms and independent flows."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import cojump as cj
from cojump.errors import ArgumentError, ConvergenceError
from cojump.theory.attractors import Cycle
from cojump.theory.attractors.cycles import PhaseNoise, adjoint, closed
from cojump.theory.attractors.dynamics import MeanFieldDynamics
from cojump.theory.attractors.settling import Rest, Settling
from cojump.theory.attractors.shooting import Orbit
from cojump.theory.expansion import Expansion
from cojump.theory.mean_field import Flow
from tests.support.longer import few
from tests.support.pauli import PAULI

UP, DOWN = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])
Z = np.diag([1.0, -1.0])


def hopfield(omega, T, size=100):
    return cj.systems.hopfield(np.ones((1, size)), omega, 1 / T)


def large(model):
    """A start of large amplitude: pure, along -y, with a little of the other directions."""
    return cj.tilted(model, np.pi / 2 + 0.1, -np.pi / 2 + 0.1)


def z_and_kind(model, **options):
    return [(p.mean[2], p.stability) for p in cj.attractors.fixed_points(model, **options)]


# ---- fixed points --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("omega", "T", "kinds"),
    [
        # across T_c = 1 without a field
        (0.0, 1.01, ["stable"]),
        (0.0, 0.99, ["stable", "unstable", "stable"]),
        # across Ω = sqrt((1/T - 1)/8) = 0.17678 at T = 0.8
        (0.1762, 0.8, ["stable", "unstable", "stable"]),
        (0.1773, 0.8, ["stable"]),
        # across the Hopf line T = 2/3 of the paramagnet, Ω > 1/4
        (0.7, 0.669, ["stable"]),
        (0.7, 0.664, ["unstable"]),
        # across Ω_H(T), where the ferromagnet becomes unstable
        (0.7700, 0.1, ["stable", "unstable", "stable"]),
        (0.7720, 0.1, ["unstable", "unstable", "unstable"]),
        (0.4455, 0.3, ["stable", "unstable", "stable"]),
        (0.4465, 0.3, ["unstable", "unstable", "unstable"]),
        (0.3198, 0.5, ["stable", "unstable", "stable"]),
        (0.3206, 0.5, ["unstable", "unstable", "unstable"]),
        (0.2757, 0.6, ["stable", "unstable", "stable"]),
        (0.2763, 0.6, ["unstable", "unstable", "unstable"]),
    ],
)
def test_hopfield_fixed_points_on_both_sides_of_every_line(omega, T, kinds):
    points = cj.attractors.fixed_points(hopfield(omega, T))
    assert [p.stability for p in sorted(points, key=lambda p: p.mean[2])] == kinds
    for p in points:
        x, y, z = p.mean
        assert abs(x) < 1e-9
        assert y == pytest.approx(-4 * omega * z, abs=1e-9)
        assert np.tanh(z / T) == pytest.approx((1 + 8 * omega**2) * z, abs=1e-9)
        assert p.residual < 1e-10
        s = np.tanh(z / T)
        G = [[-0.5, 0, 0], [0, -0.5, -2 * omega], [0, 2 * omega, (1 - s**2) / T - 1]]
        np.testing.assert_allclose(np.sort_complex(p.eigenvalues), np.sort_complex(np.linalg.eigvals(G)), atol=1e-8)
        assert p.growth == pytest.approx(np.linalg.eigvals(G).real.max(), abs=1e-8)


@pytest.mark.parametrize("gamma", [0.01, 1.0, 30.0])
def test_facilitated_flips_have_one_or_three_fixed_points(gamma):
    assert z_and_kind(cj.systems.facilitated(50, 0.0, 3.99 * gamma, gamma)) == [(pytest.approx(-1), "stable")]
    root = np.sqrt(1 - 4 / 4.01)
    expected = [(-1, "stable"), (-root, "unstable"), (root, "stable")]
    found = z_and_kind(cj.systems.facilitated(50, 0.0, 4.01 * gamma, gamma))
    assert found == [(pytest.approx(z, abs=1e-9), kind) for z, kind in expected]


def test_the_spinodal_point_is_marginal():
    found = z_and_kind(cj.systems.facilitated(50, 0.0, 4.0, 1.0))
    assert found == [(pytest.approx(-1), "stable"), (pytest.approx(0, abs=1e-4), "marginal")]
    assert z_and_kind(hopfield(0.0, 1.0)) == [(pytest.approx(0, abs=1e-4), "marginal")]


def test_contact_process_whose_amplitude_has_a_root_at_the_absorbing_state():
    assert z_and_kind(cj.systems.facilitated(50, 0.0, 0.9, 1.0, power=1)) == [(pytest.approx(-1), "stable")]
    model = cj.systems.facilitated(50, 0.0, 1.25, 1.0, power=1)
    assert z_and_kind(model) == [(pytest.approx(-1), "unstable"), (pytest.approx(2 * 0.2 - 1), "stable")]
    (absorbing, _) = cj.attractors.fixed_points(model)
    np.testing.assert_allclose(absorbing.eigenvalues, [0.25, -0.5, -0.5], atol=1e-9)


def test_a_rate_without_a_derivative_at_a_fixed_point():
    """R = κ√n is infinitely steep at n = 0: the point is found, its stability is not claimed."""
    model = cj.systems.facilitated(50, 0.0, 2.0, 1.0, power=0.5)
    n = np.roots([2.0, 1.0, -2.0])[1] ** 2  # κ(1 - n) = γ√n
    assert z_and_kind(model) == [(pytest.approx(-1), "unknown"), (pytest.approx(2 * n - 1, abs=1e-9), "stable")]
    assert np.all(np.isnan(cj.attractors.fixed_points(model)[0].eigenvalues))


def test_a_rate_with_a_step():
    """Γ² jumps at Δ = 0 from 1 to 3: one fixed point on each side of the step."""

    def rate(x):
        return np.where(x < 0, 0.5, 3.0)

    flips = [
        cj.LocalJump(UP, block="spins", rate=rate, argument={"spins": Z}),
        cj.LocalJump(DOWN, block="spins"),
    ]
    found = z_and_kind(cj.Model([cj.Block("spins", 20)], [], flips))
    assert found == [(pytest.approx(-1 / 3), "stable"), (pytest.approx(0.5), "stable")]


def test_constrained_flips():
    (point,) = cj.attractors.fixed_points(cj.systems.constrained(50, 0.7, 1.3, 0.8))
    assert point.stable
    # without a drive the dark state joins: nothing moves there to first order
    found = z_and_kind(cj.systems.constrained(50, 0.0, 1.3, 0.8))
    assert found == [(pytest.approx(-1), "marginal"), (pytest.approx(0.5 / 2.1, abs=1e-9), "stable")]


@pytest.mark.parametrize("merge", [False, True])
def test_two_orthogonal_patterns_have_all_products_of_fixed_points(merge):
    """After merging the two blocks do not interact: three points each, nine in all, 2 × 2 of them stable."""
    patterns = np.array([[1, 1, 1, -1, -1, -1, 1], [1, 1, -1, 1, 1, -1, -1]])
    points = cj.attractors.fixed_points(cj.systems.hopfield(patterns, 0.1, 3.0, merge=merge))
    assert len(points) == 9
    assert sum(p.stable for p in points) == 4


def test_three_patterns_against_another_flow():
    """Every point is one of cojump.theory.mean_field's flow, and comes with its mirror image."""
    patterns = cj.systems.random_patterns(3, 60, 5)
    model = cj.systems.hopfield(patterns, 0.1, 2.2, merge=True)
    points = cj.attractors.fixed_points(model)
    assert sum(p.stable for p in points) >= 6
    flow = Flow(model)
    for p in points:
        assert max(np.abs(change).max() for change in flow(p.densities)) < 1e-10
        assert min(np.abs(p.mean + other.mean).max() for other in points) < 1e-8
        assert all(np.linalg.eigvalsh(r)[0] > -1e-9 for r in p.densities)
    # stability by integration from aside
    rng = np.random.default_rng(1)
    for p in (next(p for p in points if p.stable), next(p for p in points if not p.stable)):
        aside = [0.999 * r + 0.001 * np.diag(d) for r in p.densities for d in [rng.dirichlet([1, 1])]]
        state = cj.product(model, {b.name: r for b, r in zip(model.blocks, aside, strict=True)})
        distance = np.abs(cj.mean_field(model, state, [0.0, 12.0 / abs(p.growth)]).mean - p.mean).max(axis=1)
        assert (distance[1] < 0.1 * distance[0]) == p.stable
        assert (distance[1] > 10 * distance[0]) == (not p.stable)


def test_three_levels_against_the_null_space_of_the_master_equation():
    rng = np.random.default_rng(2)
    jumps = [rng.normal(size=(3, 3)) for _ in range(3)]
    h = rng.normal(size=(3, 3))
    H = h + h.T
    model = cj.Model(
        [cj.Block("atoms", 10, levels=3)], [cj.OneBody(H, "atoms")], [cj.LocalJump(j, block="atoms") for j in jumps]
    )
    one = np.eye(3)
    L = -1j * (np.kron(H, one) - np.kron(one, H.T))
    for j in jumps:
        z = j.T @ j
        L += np.kron(j, j) - 0.5 * (np.kron(z, one) + np.kron(one, z.T))
    rho = np.linalg.svd(L)[2][-1].conj().reshape(3, 3)
    (point,) = cj.attractors.fixed_points(model, starts=5)
    np.testing.assert_allclose(point.densities[0], rho / np.trace(rho), atol=1e-10)
    found, expected = (np.sort_complex(np.round(v, 8)) for v in (np.append(point.eigenvalues, 0), np.linalg.eigvals(L)))
    np.testing.assert_allclose(found, expected, atol=2e-8)


def test_fixed_points_are_the_same_for_the_same_seed_and_refuse_bad_input():
    model = hopfield(0.2, 0.5)
    first, second = (cj.attractors.fixed_points(model, seed=3) for _ in range(2))
    assert [p.mean.tolist() for p in first] == [p.mean.tolist() for p in second]
    with pytest.raises(ArgumentError, match="starts"):
        cj.attractors.fixed_points(model, starts=-1)
    with pytest.raises(ArgumentError, match="model"):
        cj.attractors.fixed_points("hopfield")
    with pytest.raises(ArgumentError, match="state"):
        cj.attractors.fixed_points(model, states=[cj.dicke(hopfield(0.2, 0.5, 10), {"+": (5, 0)})])


def test_no_derivative_of_the_amplitude_but_one_of_the_rate():
    """The flow is differentiated through R = Γ²: kinks and roots of Γ that R does not have do no harm."""
    flips = [
        cj.LocalJump(UP, block="spins", amplitude=np.abs, argument={"spins": Z}),
        cj.LocalJump(DOWN, block="spins"),
    ]
    expansion = Expansion(cj.Model([cj.Block("spins", 20)], [], flips))
    for z in (-0.3, 0.0, 0.4):
        m = expansion.coordinates([np.diag([(1 + z) / 2, (1 - z) / 2]).astype(complex)])
        slope = expansion.averages[2] @ expansion.jacobian(m) @ (expansion.averages[2] / 2)
        # dz/dt = z²(1 - z) - (1 + z); half of the row of averages is the coordinate vector of one unit of m_z
        assert slope == pytest.approx(2 * z - 3 * z**2 - 1, abs=1e-9)


@pytest.mark.parametrize("given", ["amplitude", "rate"])
def test_derivatives_given_by_the_user_reach_the_jacobian(given):
    functions = {
        "amplitude": (lambda x: x**2, lambda x: 2 * x, lambda x: 2 + 0 * x),
        "rate": (lambda x: x**4, lambda x: 4 * x**3, lambda x: 12 * x**2),
    }[given]
    wrong = (functions[0], lambda x: 0 * x + 1.0, functions[2])

    def jacobian(f, derivatives):
        jump = cj.LocalJump(UP, block="spins", argument={"spins": Z}, derivatives=derivatives, **{given: f})
        expansion = Expansion(cj.Model([cj.Block("spins", 20)], [], [jump]))
        return expansion.jacobian(expansion.coordinates([np.diag([0.7, 0.3]).astype(complex)]))

    found = jacobian(functions[0], None)
    np.testing.assert_allclose(jacobian(functions[0], functions[1:]), found, atol=1e-9)
    assert np.abs(jacobian(wrong[0], wrong[1:]) - found).max() > 0.01


# ---- limit cycles --------------------------------------------------------------------------------

CYCLES = [(0.1, 0.8272, 3.4485), (0.3, 0.7848, 3.3056), (0.5, 0.6072, 3.2543), (0.6, 0.4070, 3.2460)]


@pytest.fixture(scope="module")
def cycle():
    model = hopfield(1.0, 0.3)
    return cj.attractors.limit_cycle(model, large(model))


@pytest.mark.parametrize(("T", "amplitude", "period"), few(CYCLES, *CYCLES[2:], rows=True))
def test_amplitude_and_period_of_the_hopfield_cycle(T, amplitude, period):
    model = hopfield(1.0, T)
    found = cj.attractors.limit_cycle(model, large(model))
    assert abs(found.maximum[2] - amplitude) < 0.5e-4
    assert abs(found.period - period) < 0.5e-4
    np.testing.assert_allclose(found.maximum, -found.minimum, atol=1e-9)  # m → -m
    np.testing.assert_allclose(found.amplitude, found.maximum, atol=1e-9)
    assert found.mean[0, 2] == pytest.approx(found.maximum[2], abs=1e-10)  # t = 0 is the top of m_z
    assert found.stable
    assert abs(found.multipliers[0] - 1) < 1e-7
    # Liouville: the product of the multipliers is the exponential of the mean divergence
    divergence = (1 - np.tanh(found.mean[:, 2] / T) ** 2) / T - 1 - 0.5 - 0.5
    assert np.prod(found.multipliers).real == pytest.approx(np.exp(found.period * divergence.mean()), rel=1e-7)


def test_the_period_is_good_to_eight_digits(cycle):
    """Against the two equations of the Hopfield network, written out and integrated to 1e-13."""

    def f(_t, m):
        return [-2 * m[1] - m[0] / 2, 2 * m[0] + np.tanh(m[1] / 0.3) - m[1]]

    def crossing(_t, m):
        return m[1]

    crossing.direction = 1
    path = solve_ivp(f, (0, 100), [0.7, 0.1], events=crossing, method="DOP853", rtol=1e-13, atol=1e-13)
    assert cycle.period == pytest.approx(np.diff(path.t_events[0])[-5:].mean(), abs=1e-9)
    at_maximum = solve_ivp(
        f, (0, 3), cycle.mean[0, 1:], t_eval=[cycle.times[20]], method="DOP853", rtol=1e-12, atol=1e-13
    )
    np.testing.assert_allclose(at_maximum.y[:, 0], cycle.mean[20, 1:], atol=1e-9)


def test_floquet_multipliers_against_the_monodromy_by_differences(cycle):
    """Starts displaced in each direction, carried once round by cojump.mean_field."""
    model, h = cycle.model, 1e-5
    name = model.blocks[0].name

    def once_round(m):
        rho = (np.eye(2) + sum(a * p for a, p in zip(m, PAULI, strict=True))) / 2
        return cj.mean_field(model, cj.product(model, {name: rho}), [0.0, cycle.period]).mean[-1]

    start = cycle.mean[0]
    M = np.array([(once_round(start + e) - once_round(start - e)) / (2 * h) for e in h * np.eye(3)]).T
    np.testing.assert_allclose(np.sort(np.linalg.eigvals(M).real), np.sort(cycle.multipliers.real), atol=1e-7)
    # the gradient of the phase is its left eigenvector, 1 along the flow
    gradient = cycle.phase_gradient
    np.testing.assert_allclose(gradient[0] @ M, gradient[0], atol=1e-6)
    y, z = cycle.mean[:, 1:].T
    flow = np.stack([0 * y, -2 * z - y / 2, 2 * y + np.tanh(z / 0.3) - z], axis=1)
    np.testing.assert_allclose(np.einsum("ka,ka->k", gradient, flow), 1, atol=1e-8)


def test_a_displaced_start_is_late_by_the_phase_gradient(cycle):
    """Long after a kick the path runs behind or ahead of the cycle by ∂φ/∂m times the kick."""
    model, k, kick = cycle.model, 37, np.array([0.0, 1.0, -0.7]) * 1e-4

    def after(m):
        rho = (np.eye(2) + sum(a * p for a, p in zip(m, PAULI, strict=True))) / 2
        state = cj.product(model, {model.blocks[0].name: rho})
        return cj.mean_field(model, state, [0.0, 12 * cycle.period]).mean[-1]

    ahead, behind = after(cycle.mean[k] + kick), after(cycle.mean[k] - kick)
    y, z = cycle.mean[k, 1:]
    flow = np.array([0, -2 * z - y / 2, 2 * y + np.tanh(z / 0.3) - z])
    shift = (ahead - behind) @ flow / (2 * flow @ flow)
    assert shift == pytest.approx(cycle.phase_gradient[k] @ kick, rel=1e-5)
    assert abs(shift) > 1e-5


@pytest.mark.parametrize(
    ("T", "onset"),
    [
        (0.3, 0.418),
        (0.6, 0.272),
        *(pytest.param(*of, marks=pytest.mark.validation) for of in ((0.1, 0.631), (0.5, 0.310))),
    ],
)
def test_onset_of_the_cycle_from_a_start_of_large_amplitude(T, onset):
    below, above = hopfield(onset - 0.0005, T), hopfield(onset + 0.0005, T)
    with pytest.raises(ConvergenceError, match="fixed point"):
        cj.attractors.limit_cycle(below, large(below))
    found = cj.attractors.survey(above, [large(above)], search=2)
    assert isinstance(found.reached[0], Cycle)
    # coexistence: the ferromagnets are still stable
    assert found.label == "2 stable, 1 unstable, cycle"


def laser(omega, w, kappa, chi):
    """Spins pumped one by one that decay together, in a frame that rotates: superradiant lasing for 0 < w < κ."""
    return cj.Model(
        [cj.Block("spins", 100)],
        [cj.OneBody(omega / 2 * Z, "spins"), cj.TwoBody(Z, Z, chi, blocks=("spins", "spins"))],
        [cj.LocalJump(np.sqrt(w) * UP, block="spins"), cj.CollectiveJump({"spins": DOWN}, rate=kappa)],
    )


@pytest.mark.parametrize(("omega", "w", "kappa", "chi"), [(2.0, 0.4, 1.0, 0.0), (1.5, 0.9, 1.6, 0.3), (3, 1, 4, -0.8)])
def test_phase_diffusion_of_a_laser_in_closed_form(omega, w, kappa, chi):
    """U(1) symmetry: the cycle is a circle at m_z = w/κ, r² = 2(w/κ)(1 - w/κ), at the frequency ω + 4χ m_z.

    Noise D = w + κ m_z² in both directions of the plane; a change of r by δ shifts the phase by -8χδ/(κr), because
    m_z, which sets the frequency, relaxes with r.
    """
    model = laser(omega, w, kappa, chi)
    found = cj.attractors.limit_cycle(model, cj.tilted(model, 1.0, 0.3))
    z = w / kappa
    r, frequency = np.sqrt(2 * z * (1 - z)), omega + 4 * chi * z
    assert found.period == pytest.approx(2 * np.pi / frequency, abs=1e-8)
    np.testing.assert_allclose(found.maximum, [r, r, z], atol=1e-8)
    np.testing.assert_allclose(found.minimum, [-r, -r, z], atol=1e-8)
    rates = np.linalg.eigvals([[-w, -kappa * r], [kappa * r / 2, 0]])
    expected = np.sort_complex(np.exp(rates * found.period))
    np.testing.assert_allclose(np.sort_complex(found.multipliers[1:]), expected, atol=1e-8)
    diffusion = (w + kappa * z**2) / r**2 * (1 + (8 * chi / kappa) ** 2) / 2
    assert found.phase_diffusion == pytest.approx(diffusion / frequency**2, rel=1e-7)
    assert found.damping == pytest.approx(diffusion, rel=1e-7)


class StuartLandau:
    """dz/dt = (1 + iω)z - (1 + ic)|z|² z with a mode that relaxes beside it, and noise along and across the radius."""

    dimension, fastest_rate = 3, 5.0

    def __init__(self, omega, c, noise):
        self.omega, self.c, self.noise = omega, c, noise

    def flow(self, q):
        z = complex(q[0], q[1])
        change = (1 + 1j * self.omega) * z - (1 + 1j * self.c) * abs(z) ** 2 * z
        return np.array([change.real, change.imag, -40 * q[2] + q[0]])

    def jacobian(self, q, h=1e-6):
        # of a cubic: exact up to h²
        return np.array([(self.flow(q + e) - self.flow(q - e)) / (2 * h) for e in h * np.eye(3)]).T

    def diffusion(self, q):
        x, y = q[:2] / np.hypot(*q[:2])
        R = np.array([[x, -y, 0], [y, x, 0], [0, 0, 1]])
        return R @ np.diag(self.noise) @ R.T


@pytest.mark.parametrize(("c", "noise"), [(0.0, (1, 2, 5)), (0.7, (1, 2, 5)), (-1.3, (3, 0, 1))])
def test_phase_diffusion_of_the_stuart_landau_oscillator(c, noise):
    """The phase arg z - c ln|z| runs at ω - c: D = (D_angle + c² D_radius)/(2 (ω - c)²). A mode of multiplier e^{-40T}
    hangs on."""
    omega = 4.0
    dynamics = StuartLandau(omega, c, noise)
    reached = Settling(dynamics, 100.0).follow(np.array([0.2, 0.1, 0.3]))
    assert isinstance(reached, Orbit)
    orbit = closed(dynamics, reached)
    period = 2 * np.pi / (omega - c)
    assert orbit.period == pytest.approx(period, abs=1e-9)
    gradient, multipliers = adjoint(dynamics, orbit)
    np.testing.assert_allclose(multipliers, [1, np.exp(-2 * period), 0], atol=1e-8)
    expected = (noise[1] + c**2 * noise[0]) / (2 * (omega - c) ** 2)
    assert PhaseNoise(dynamics, orbit.path, gradient).diffusion == pytest.approx(expected, rel=1e-7)


def test_an_orbit_run_through_twice_is_halved():
    dynamics = StuartLandau(4.0, 0.0, (1, 1, 1))
    angles = 4 * np.pi * np.arange(64) / 64
    q = np.array([1.0, 0.0, 40 / (1600 + 16)])
    twice = Orbit(q, np.pi, np.eye(3), np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1))
    assert closed(dynamics, twice).period == pytest.approx(np.pi / 2, abs=1e-9)


def test_no_limit_cycle_is_an_error_that_names_the_fixed_point():
    for model in (hopfield(0.2, 0.3), hopfield(0.5, 0.8), cj.systems.constrained(50, 0.7, 1.3, 0.8)):
        with pytest.raises(ConvergenceError, match="goes to the fixed point with averages"):
            cj.attractors.limit_cycle(model, large(model))
    # a time that is too short for anything to settle
    slow = cj.systems.free_flips(50, 0.0, 1.0, 1.0)
    with pytest.raises(ConvergenceError, match=r"settled neither .* by t = 5$"):
        cj.attractors.limit_cycle(slow, cj.tilted(slow, 0.3, 0.2), time_limit=4.0)
    with pytest.raises(ArgumentError, match="start"):
        cj.attractors.limit_cycle(hopfield(1.0, 0.3), [np.eye(3) / 3])
    with pytest.raises(ArgumentError, match="time_limit"):
        cj.attractors.limit_cycle(hopfield(1.0, 0.3), [np.eye(2) / 2], time_limit=-1.0)


def test_a_fixed_point_next_to_the_flow_catches_only_what_stays():
    """Inside the unstable cycle around a ferromagnet the flow ends there, outside it does not."""
    model = hopfield(0.44, 0.3)  # below Ω_H = 0.4460: the ferromagnet is stable, in a small basin
    dynamics = MeanFieldDynamics(model)
    fixed = next(p for p in cj.attractors.fixed_points(model) if p.stable)
    near, far = ([0.985 * r + 0.015 * s for r in fixed.densities] for s in (np.eye(2) / 2, np.diag([0.0, 1.0])))
    ends = [Settling(dynamics, 2e3).follow(dynamics.point(start)) for start in (near, far)]
    for start, end in zip((near, far), ends, strict=True):
        state = cj.product(model, {"+": start[0]})
        late = cj.mean_field(model, state, np.linspace(0, 900, 1801)).mean[-100:, 2]
        assert isinstance(end, Rest) == (np.ptp(late) < 0.05)


# ---- scans ---------------------------------------------------------------------------------------


def test_scan_of_the_hopfield_network(capsys):
    diagram = cj.attractors.scan(
        lambda omega, T: hopfield(omega, T),
        [0.1, 0.43, 1.0],
        [0.3, 0.75, 1.1],
        starts=lambda model: [large(model), cj.tilted(model, 0.4, -0.9)],
        progress=True,
    )
    assert "9/9 points" in capsys.readouterr().err
    assert diagram.failures == {}
    assert diagram.labels.tolist() == [
        ["2 stable, 1 unstable"] * 2 + ["1 stable, 0 unstable"],
        ["2 stable, 1 unstable, cycle"] + ["1 stable, 0 unstable"] * 2,
        ["0 stable, 1 unstable, cycle"] + ["1 stable, 0 unstable"] * 2,
    ]
    assert diagram.stable.tolist() == [[2, 2, 1], [2, 1, 1], [0, 1, 1]]
    assert diagram.unstable.tolist() == [[1, 1, 0], [1, 0, 0], [1, 0, 0]]
    assert diagram.cycle.tolist() == [[False] * 3, [True, False, False], [True, False, False]]
    np.testing.assert_allclose(diagram.periods[2, 0], 3.3056, atol=1e-4)
    np.testing.assert_allclose(diagram.maximum[2, 0, :, 2], 0.7848, atol=2e-3)  # of 64 points
    assert np.isnan(diagram.periods[0]).all()
    np.testing.assert_array_equal(diagram.maximum[0], diagram.minimum[0])
    assert diagram.observables == ("+.x", "+.y", "+.z")


def test_scan_of_facilitated_flips_reports_points_that_fail():
    def build(omega, kappa):
        # κ < 0 is no model
        return cj.systems.facilitated(50, omega, kappa, 1.0) if kappa != 1 else hopfield(0.1, 1.0, 0)

    diagram = cj.attractors.scan(
        build,
        [0.0, 0.1],
        [3.9, 6.0, 1.0, -2.0],
        starts=lambda model: [cj.product(model, {"spins": np.diag(p)}) for p in ([0.9, 0.1], [0.05, 0.95])],
        classify=lambda found: "bistable" if sum(p.stable for p in found.fixed_points) > 1 else "one",
    )
    assert diagram.labels[0].tolist() == ["one", "bistable", "failed", "failed"]
    assert diagram.labels[1].tolist() == ["one", "bistable", "failed", "failed"]
    assert set(diagram.failures) == {(0, 2), (0, 3), (1, 2), (1, 3)}
    assert "patterns" in diagram.failures[0, 2]
    assert "kappa" in diagram.failures[1, 3]
    assert np.isnan(diagram.maximum[0, 3]).all()
    assert diagram.stable[0].tolist() == [1, 2, -1, -1]
    # active and absorbing, by the start
    root = np.sqrt(1 - 4 / 6)
    np.testing.assert_allclose(diagram.maximum[0, 1, :, 2], [root, -1], atol=0.06)


def test_scan_refuses_bad_input_before_it_starts():
    def never(x, y):
        raise AssertionError

    for name, arguments in {"x_values": ([], [1.0]), "y_values": ([1.0], [np.nan])}.items():
        with pytest.raises(ArgumentError, match=name):
            cj.attractors.scan(never, *arguments)
    with pytest.raises(ArgumentError, match="build"):
        cj.attractors.scan(lambda x, y: None, [1.0], [1.0])


def test_a_scan_survives_functions_that_raise():
    """One line names the function, the parameters and the error, for each point; the first one may be such a point."""

    def build(x, y):
        return cj.systems.free_flips(4, 1 / x, 1.0 / y, 1.0)

    def classify(survey):
        if survey.model.hamiltonian[0].matrix[0, 1].real == 0.5:
            raise LookupError("no\nname")
        return survey.label

    diagram = cj.attractors.scan(build, [0.0, 1.0, 2.0], [1.0, 0.0], classify=classify, search=1)
    assert diagram.labels[1, 0] == "1 stable, 0 unstable"
    line = build.__code__.co_firstlineno + 1
    zero = f"raises ZeroDivisionError: float division by zero (test_attractors.py, line {line})"
    assert diagram.failures == {
        (0, 0): f"Argument `build` must be a function that works, but build(0, 1) {zero}",
        (0, 1): f"Argument `build` must be a function that works, but build(0, 0) {zero}",
        (1, 1): f"Argument `build` must be a function that works, but build(1, 0) {zero}",
        (2, 0): "Argument `classify` must be a function that works, but classify(<Survey>) raises "
        f"LookupError: no name (test_attractors.py, line {classify.__code__.co_firstlineno + 2})",
        (2, 1): f"Argument `build` must be a function that works, but build(2, 0) {zero}",
    }
    assert (diagram.stable[2, 0], diagram.labels[2, 0]) == (-1, "failed")


def test_a_scan_of_which_every_point_fails_is_refused_with_the_traceback_behind_it():
    with pytest.raises(ArgumentError, match=r"build\(0, 0\) raises KeyError: 'gamma'") as caught:
        cj.attractors.scan(lambda x, y: {}["gamma"], [0.0], [0.0])
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_scan_goes_on_where_the_flow_slows_down_without_end():
    """At the critical temperature, and at a spinodal: deviations decay as a power of time, and the point says so."""
    diagram = cj.attractors.scan(lambda w, beta: hopfield(w, 1 / beta), [0.0], [0.9, 1.0, 1.1])
    assert diagram.failures == {}
    assert diagram.labels[0].tolist() == [
        "1 stable, 0 unstable",
        "0 stable, 1 unstable, not settled, count not certain",
        "2 stable, 1 unstable",
    ]
    assert "from start 0: The mean-field flow has settled neither" in diagram.doubts[0, 1]
    assert np.isnan(diagram.maximum[0, 1]).all()
    assert np.isfinite(diagram.maximum[0, ::2]).all()
    spinodal = cj.systems.facilitated(10, 0.0, 4.0, 1.0)
    found = cj.attractors.survey(spinodal)
    assert found.reached.count(None) >= 1
    assert "nowhere in the time given" in str(found)
    assert found.unsettled in found.doubt


def test_ctrl_c_loses_no_finished_point_of_a_scan():
    def build(x, y):
        if (x, y) == (2.0, 2.0):
            raise KeyboardInterrupt
        return cj.systems.free_flips(4, x, y, 1.0)

    with pytest.raises(KeyboardInterrupt) as caught:
        cj.attractors.scan(build, [1.0, 2.0], [1.0, 2.0, 3.0], search=1)
    partial = caught.value.partial
    assert partial.labels.tolist() == [["1 stable, 0 unstable"] * 3, ["1 stable, 0 unstable", "not run", "not run"]]
    assert partial.stable.tolist() == [[1, 1, 1], [1, -1, -1]]
    assert "4 of 6 points were finished" in caught.value.__notes__[0]
    whole = cj.attractors.scan(lambda x, y: cj.systems.free_flips(4, x, y, 1.0), [1.0], [1.0, 2.0, 3.0], search=1)
    assert partial.maximum[0].tobytes() == whole.maximum[0].tobytes()
