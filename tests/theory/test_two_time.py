"""Two-time functions of the master equation against the full space, their limit against them, and closed forms."""

import numpy as np
import pytest

import cojump as cj
from tests.oracle import DrivenOracle, product_state
from tests.support.longer import few
from tests.support.pauli import LOWER, RAISE, X, Y, Z
from tests.support.two_time_cases import CASES, FullSpace

TAUS, START = np.array([0.0, 0.3, 1.1]), 0.4


@pytest.mark.parametrize("name", few(CASES, "one_block", "apart", "three_levels", "two_blocks"))
def test_the_regression_theorem_in_blocks_is_that_of_the_full_space(name):
    case = CASES[name]()
    found = cj.master_equation(case.model, case.state, [0, 1]).two_time(TAUS, case.a, case.b, start=START)
    full = FullSpace(case, START)
    mean, connected = full.two_time(TAUS, case.a, case.b)
    np.testing.assert_allclose(found.mean, mean, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.connected, connected, rtol=0, atol=1e-8)
    other, _ = full.two_time(TAUS, case.a, case.b, wrong_side=True)
    assert np.abs(found.mean - other).max() > 1e-3


@pytest.mark.parametrize("name", CASES)
def test_coincidences_are_those_of_the_full_space(name):
    case = CASES[name]()
    found = cj.master_equation(case.model, case.state, [0, 1]).g2(TAUS, case.b, start=START)
    np.testing.assert_allclose(found.mean, FullSpace(case, START).g2(TAUS, case.b), rtol=0, atol=1e-7)


def driven(shift):
    """Four spins whose drive and decay change in time, from the time ``shift`` on."""
    pulse, ramp = lambda t: np.exp(-((t + shift - 0.8) ** 2)), lambda t: 1 + 0.5 * np.sin(3 * (t + shift))
    later = tuple(b - shift for b in (0.6,) if b > shift)
    kick = {"envelope": lambda t: np.where(t + shift < 0.6, 1.0, 2.0), "breaks": later}
    terms = [cj.OneBody(X, "s", envelope=pulse), cj.OneBody(0.3 * Z, "s", **kick)]
    jumps = [cj.LocalJump(LOWER, "s", envelope=ramp), cj.CollectiveJump({"s": LOWER}, 0.5)]
    return cj.Model([cj.Block("s", 4)], terms, jumps)


def test_what_changes_in_time_is_followed_from_the_start_on():
    start, taus, a, b = 0.4, np.array([0.0, 0.3, 1.1]), {"s": LOWER}, {"s": X + 0.5j * Y}
    model, state = driven(0.0), cj.tilted(driven(0.0), 1.1, 0.4)
    found = cj.master_equation(model, state, [0, 1]).two_time(taus, a, b, start=start)
    oracle, shifted = DrivenOracle(model), DrivenOracle(driven(start))
    ket = np.array([np.cos(0.55), np.exp(0.4j) * np.sin(0.55)])
    rho = oracle.solve(product_state(model, {"s": np.outer(ket, ket.conj())}), [0.0, start]).rho[-1]
    A, B = (oracle.collective(m["s"], "s") / 4 for m in (a, b))
    product = B @ rho
    parts = [(product + product.conj().T) / 2, (product - product.conj().T) / 2j]
    first, second = (shifted.solve(part, taus).rho for part in parts)
    wanted = [np.trace(A @ (x + 1j * y)) for x, y in zip(first, second, strict=True)]
    np.testing.assert_allclose(found.mean, wanted, rtol=0, atol=1e-8)


LIMITS = {
    "collective and local": lambda N: cj.Model(
        [cj.Block("s", N)],
        [cj.OneBody(0.75 * X, "s"), cj.TwoBody(Z, Z, 0.2, ("s", "s"))],
        [
            cj.CollectiveJump({"s": LOWER}, 1.0),
            cj.LocalJump(LOWER, "s", amplitude=lambda x: 0.5 + 0.25 * x, argument={"s": Z}),
        ],
    ),
    "unequal blocks": lambda N: cj.Model(
        [cj.Block("s", N // 4), cj.Block("q", 3 * N // 4)],
        [cj.TwoBody(X, Z, 0.9, ("s", "q")), cj.OneBody(0.6 * Y, "q")],
        [cj.CollectiveJump({"s": LOWER, "q": RAISE}, 0.8)],
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_the_limit_is_that_of_the_master_equation_for_many_particles(name):
    make, taus, start = LIMITS[name], np.array([0.0, 0.5, 1.2]), 0.5
    found = []
    for N in (8, 16, 32):
        model = make(N)
        a, b = {"s": LOWER}, {"s": X + 0.5j * Z}
        if len(model.blocks) > 1:
            b["q"] = Y + 0.3j * X
        state = cj.tilted(model, 1.1, 0.4)
        exact = cj.master_equation(model, state, [0, 1], tolerance=1e-8)
        found.append(exact.two_time(taus, a, b, start=start).connected)
    theory = cj.mean_field(model, state, [0, 1]).two_time(taus, a, b, start=start).connected
    extrapolated = (8 * found[2] - 6 * found[1] + found[0]) / 3  # without 1/N and 1/N²
    assert np.abs(theory - extrapolated).max() < 0.02 * np.abs(theory).max()
    assert np.abs(theory - found[2]).max() > 0.03 * np.abs(theory).max()  # N = 32 alone is not enough


def test_a_mode_beside_its_limit():
    def make(N):
        terms = [cj.ModeEnergy(0.8, mode="c"), cj.ModeCoupling({"s": 0.5 * X}, mode="c"), cj.OneBody(0.4 * Z, "s")]
        return cj.Model([cj.Block("s", N), cj.Mode("c")], terms, [cj.ModeLoss(1.5, mode="c", thermal=0.1)])

    taus, a, b, found = np.array([0.0, 0.5, 1.2]), {"c": (1, -1j)}, {"c": (1, 1j), "s": Y}, []
    for N in (3, 6):
        model = make(N)
        state = cj.product(model, {"s": np.array([0.8, 0.6]), "c": 0.2})
        exact = cj.master_equation(model, state, [0, 1], tolerance=1e-7)
        found.append(exact.two_time(taus, a, b, start=0.4).connected)
    theory = cj.mean_field(model, state, [0, 1]).two_time(taus, a, b, start=0.4).connected
    extrapolated = 2 * found[1] - found[0]
    assert np.abs(theory - extrapolated).max() < 0.02 * np.abs(theory).max()


def test_the_steady_state_is_where_a_long_start_comes_to():
    model = cj.systems.constrained(6, 0.7, 1.3, 0.8)
    taus, a, b = np.array([0.0, 0.4, 1.5]), {"spins": LOWER}, {"spins": RAISE + 0.3 * Z}
    steady = cj.steady_state(model)
    exact = cj.master_equation(model, cj.tilted(model, 1.1, 0.4), [0, 1])
    late = exact.two_time(taus, a, b, start=120.0)
    np.testing.assert_allclose(steady.two_time(taus, a, b).mean, late.mean, rtol=0, atol=1e-7)
    np.testing.assert_allclose(steady.g2(taus, a).mean, exact.g2(taus, a, start=120.0).mean, rtol=0, atol=1e-6)


def light(kappa, thermal, eta=0.0, omega=0.0):
    """A mode alone, beside an atom that it does not see."""
    terms = [cj.ModeDrive(eta, mode="c")] if eta else []
    terms += [cj.ModeEnergy(omega, mode="c")] if omega else []
    jumps = [cj.ModeLoss(kappa, mode="c", thermal=thermal), cj.LocalJump(LOWER, "atom")]
    return cj.Model([cj.Block("atom", 1), cj.Mode("c")], terms, jumps)


def test_light_in_closed_form():
    taus = np.linspace(0, 3, 7)
    thermal = cj.steady_state(light(1.3, 0.4)).g2(taus, "c")
    np.testing.assert_allclose(thermal.mean, 1 + np.exp(-1.3 * taus), atol=1e-7)
    assert thermal.intensity == pytest.approx(0.4, abs=1e-8)
    coherent = cj.steady_state(light(1.3, 0.0, eta=0.7)).g2(taus, 0)
    np.testing.assert_allclose(coherent.mean, 1, atol=1e-7)
    # thermal and coherent light together: interference
    n, m = 0.4, (2 * 0.7 / 1.3) ** 2
    both = cj.steady_state(light(1.3, n, eta=0.7)).g2(taus, "c")
    wanted = 1 + (n**2 * np.exp(-1.3 * taus) + 2 * n * m * np.exp(-0.65 * taus)) / (n + m) ** 2
    np.testing.assert_allclose(both.mean, wanted, atol=1e-7)


def test_a_driven_atom_emits_one_photon_at_a_time():
    # H = Ω σ_x/2 · 2 and the rate κ: Carmichael and Walls, with the Rabi frequency 2Ω
    omega, kappa, taus = 1.0, 1.0, np.linspace(0, 4, 9)
    model = cj.Model(
        [cj.Block("atom", 1)], [cj.OneBody(omega * X, "atom")], [cj.CollectiveJump({"atom": LOWER}, kappa)]
    )
    mu = np.sqrt((2 * omega) ** 2 - (kappa / 4) ** 2)
    wanted = 1 - np.exp(-0.75 * kappa * taus) * (np.cos(mu * taus) + 0.75 * kappa / mu * np.sin(mu * taus))
    found = cj.steady_state(model).g2(taus, 0)
    np.testing.assert_allclose(found.mean, wanted, atol=1e-8)


def test_a_spectrum_is_a_lorentzian_where_correlations_decay():
    model = cj.systems.free_flips(5, 0.0, 1.3, 0.8)
    m, z, taus, omegas = 0.5 / 2.1, {"spins": Z}, np.linspace(0, 12, 241), np.linspace(-3, 3, 13)
    line = (1 - m**2) / (2.1 - 1j * omegas)
    exact = cj.steady_state(model).two_time(taus, z, z).spectrum(omegas)
    np.testing.assert_allclose(exact.mean, line, atol=2e-6)
    assert exact.tail == pytest.approx(np.exp(-2.1 * 12), rel=1e-3)
    (point,) = cj.attractors.fixed_points(model)
    theory = cj.fluctuations.stationary(model, point.densities).two_time(taus, z, z).spectrum(omegas, damping=0.4)
    np.testing.assert_allclose(theory.mean, (1 - m**2) / (2.5 - 1j * omegas), atol=1e-9)
    damped = cj.steady_state(model).two_time(taus[:121], z, z).spectrum(omegas, damping=0.4)
    np.testing.assert_allclose(damped.mean, theory.mean, atol=2e-6)
