"""Boson modes in theory: the master equation against the full space, closed forms, mean field, 1/N, fixed points."""

from __future__ import annotations

import numpy as np
import pytest

import cojump as cj
from cojump.basis.fock_space import FockSpace, states_for
from cojump.basis.sector_densities import block_densities
from cojump.theory.generator import Generator
from cojump.theory.mean_field import Flow
from cojump.theory.taylor_steps import evolve
from tests import oracle
from tests.support.extrapolation import Approach
from tests.support.pauli import LOWER, RAISE, X, Y, Z

LADDER = np.array([[0, 0, 0], [1, 0, 0], [0, 0.7j, 0]])


# ---- models --------------------------------------------------------------------------------------


def dicke(N, g, *, kappa=1.0, omega=1.0, omega_z=1.0, thermal=0.0):
    """H = (ω_z/2) Σ σ_z + ω a†a + (g/√N) (a + a†) Σ σ_x, loss κ."""
    hamiltonian = [
        cj.OneBody(omega_z / 2 * Z, "atoms"),
        cj.ModeEnergy(omega, "cavity"),
        cj.ModeCoupling({"atoms": g * X}, "cavity"),
    ]
    return cj.Model([cj.Block("atoms", N), cj.Mode("cavity")], hamiltonian, [cj.ModeLoss(kappa, "cavity", thermal)])


def one_mode(*, coupling=1.0):
    """Two particles: complex coupling, drive, thermal light, a local jump with an operator-valued rate."""
    return cj.Model(
        [cj.Block("a", 2), cj.Mode("m")],
        [
            cj.OneBody(0.5 * Z, "a"),
            cj.ModeEnergy(0.8, "m"),
            cj.ModeDrive(0.2 - 0.1j, "m"),
            cj.ModeCoupling({"a": coupling * ((0.4 + 0.3j) * LOWER + 0.2 * Z)}, "m"),
            cj.Potential(np.sin, {"a": 0.5 * X}),
        ],
        [
            cj.LocalJump(LOWER, "a", rate=lambda x: 1 + x**2, argument={"a": X}, exclude_self=True),
            cj.ModeLoss(1.0, "m", thermal=0.15),
        ],
    )


def two_modes(*, coupling=1.0):
    """Two blocks, one of three levels, and two modes, each coupled to both."""
    return cj.Model(
        [cj.Block("a", 1), cj.Mode("m"), cj.Block("b", 1, levels=3), cj.Mode("n")],
        [
            cj.OneBody(0.5 * X, "a"),
            cj.ModeEnergy(0.8, "m"),
            cj.ModeEnergy(-0.5, "n"),
            cj.ModeDrive(0.02j, "n"),
            cj.ModeCoupling({"a": coupling * (0.15 * LOWER + 0.05j * RAISE), "b": 0.1 * LADDER}, "m"),
            cj.ModeCoupling({"a": 0.05j * Y, "b": coupling * 0.1 * LADDER.T}, "n"),
        ],
        [cj.LocalJump(LADDER, "b"), cj.ModeLoss(1.0, "m"), cj.ModeLoss(0.6, "n")],
    )


def five(*, coupling=1.0):
    """Five particles, a collective jump beside the mode, no thermal light."""
    return cj.Model(
        [cj.Block("a", 5), cj.Mode("m")],
        [
            cj.OneBody(0.4 * X, "a"),
            cj.ModeEnergy(0.3, "m"),
            cj.ModeCoupling({"a": coupling * (0.25j * LOWER + 0.1 * X)}, "m"),
        ],
        [cj.CollectiveJump({"a": LOWER}, 0.5), cj.ModeLoss(0.7, "m")],
    )


CASES = {
    "one mode, thermal, driven": (one_mode, {"a": [0.6, 0.8j]}, {"m": 0.2j}, [0, 0.5, 1.5], {"m": 24}),
    "two modes, two blocks": (
        two_modes,
        {"a": [0.6, 0.8j], "b": np.array([0.6, 0.64, 0.48])},
        {"m": 0.02j, "n": 0.0},
        [0.3],
        {"m": 7, "n": 7},
    ),
    "five particles": (five, {"a": [0.8, 0.6]}, {"m": 0.05 - 0.05j}, [0.2, 0.4], {"m": 12}),
}


@pytest.fixture(scope="module")
def solved():
    """The oracle's solution of a case, with <a†a>/N and the weight at the edge of its Fock spaces."""
    known = {}

    def of(name):
        if name not in known:
            build, kets, amplitudes, times, fock = CASES[name]
            model = build()
            full = oracle.Oracle(model, fock=fock)
            rho = oracle.with_coherent_modes(oracle.product_state(model, kets), model, fock, amplitudes)
            solution = full.solve(rho, times)
            photons = np.array([[np.trace(r @ n).real for n in full.photons] for r in solution.rho])
            known[name] = solution, photons, max(full.edge(r) for r in solution.rho)
        return known[name]

    return of


# ---- the master equation -------------------------------------------------------------------------


LONG = {"two modes, two blocks", "five particles"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.validation] * (n in LONG)) for n in CASES])
def test_the_master_equation_is_that_of_the_full_space(name, solved):
    build, kets, amplitudes, times, _ = CASES[name]
    solution, photons, edge = solved(name)
    assert edge < 1e-16  # amplitudes beyond the oracle's space are below 1e-8
    model = build()
    exact = cj.master_equation(model, cj.product(model, {**kets, **amplitudes}), times)
    assert exact.labels == (
        *(label for label, _, _ in oracle.observables(model)),
        *model.labels[-2 * len(model.modes) :],
    )
    np.testing.assert_allclose(exact.mean, solution.mean, atol=1e-8)
    np.testing.assert_allclose(exact.second, solution.second, atol=1e-8)
    np.testing.assert_allclose(exact.covariance, solution.covariance, atol=1e-7)
    np.testing.assert_allclose(exact.photons.mean, photons, atol=1e-8)
    assert set(exact.fock) == set(amplitudes)
    other = build(coupling=1.2)
    wrong = cj.master_equation(other, cj.product(other, {**kets, **amplitudes}), times)
    assert np.abs(wrong.mean - solution.mean).max() > 2e-4


def path_in(model, state, times, spaces):
    """Averages (T, A) by the generator in given Fock spaces."""
    pairs = list(zip(model.blocks, state.blocks, strict=True))
    densities = [block_densities(block, own) for block, own in pairs]
    generator = Generator(model, [list(own) for own in densities], memory=1, spaces=spaces)
    start = generator.start(densities, state.amplitudes)
    path = evolve(generator, start, times, norm=generator.packing.norm, tolerance=1e-10)
    return np.array([(generator.expectations() @ y)[: len(model.labels)] for y in path])


def test_any_displacement_is_the_same_physics():
    """And not without the term that compensates the shift of the jumps: a drive that takes it away shows."""
    times = np.array([0.0, 0.7])
    models = [one_mode()]
    gamma = 0.6 - 0.4j
    compensating = 0.5j * gamma / np.sqrt(2)  # -i(κ/2)γ a† of H, as η √N
    models.append(
        cj.Model(
            [*models[0].blocks, *models[0].modes],
            [*models[0].hamiltonian, cj.ModeDrive(compensating, "m")],
            models[0].jumps,
        )
    )
    found = [
        path_in(model, cj.product(model, {"a": [0.6, 0.8j], "m": 0.2j}), times, [FockSpace(30, centre)])
        for model, centre in ((models[0], 0j), (models[0], gamma), (models[1], gamma))
    ]
    np.testing.assert_allclose(found[0], found[1], atol=1e-9)
    assert np.abs(found[0] - found[2]).max() > 0.05


def test_the_tail_is_within_the_tolerance():
    """A smaller tolerance keeps more states, and the difference is within the larger one."""
    model = dicke(3, 0.8)
    state, times = cj.tilted(model, 2.5, 0.0), np.array([0.0, 1.0, 2.0])
    fine = cj.master_equation(model, state, times, tolerance=1e-10)
    rough = cj.master_equation(model, state, times, tolerance=1e-4)
    assert rough.fock["cavity"] < fine.fock["cavity"]
    # ‖a/√N‖ on what is kept turns a trace norm into an average
    assert 0 < np.abs(rough.mean - fine.mean).max() < 1e-4 * np.sqrt(fine.fock["cavity"] / 3)


def test_what_does_not_fit_is_refused_with_the_numbers():
    model = dicke(3, 0.8)
    state = cj.tilted(model, 2.5, 0.0)
    with pytest.raises(
        cj.ArgumentError, match=r"with the Fock states that its modes reach \(\d+ of cavity\) need about"
    ):
        cj.master_equation(model, state, [0, 2], memory=1e-4)
    undamped = dicke(2, 0.8, kappa=0.0)
    with pytest.raises((cj.ArgumentError, cj.UnsupportedError)):
        cj.steady_state(undamped, memory=0.01)


def test_fock_states_of_a_tail():
    for quanta in (0.0, 0.3, 20.0, 300.0):
        n = states_for(quanta, 1e-12)
        space = FockSpace(n, 0j)
        beyond = 1 - np.trace(space.coherent(np.sqrt(quanta))).real
        assert abs(beyond) < 1e-12
        assert n < quanta + 8 * np.sqrt(quanta) + 20


# ---- closed forms --------------------------------------------------------------------------------


def test_a_damped_driven_mode_alone():
    """A coherent state that spirals to -iη/(iω + κ/2), and n̄ (1 - e^{-κt}) thermal photons."""
    omega, kappa, thermal, eta = 0.7, 1.3, 0.5, 0.4 - 0.3j
    model = cj.Model(
        [cj.Block("a", 1), cj.Mode("m")],
        [cj.ModeEnergy(omega, "m"), cj.ModeDrive(eta, "m")],
        [cj.ModeLoss(kappa, "m", thermal=thermal)],
    )
    times, pole = np.linspace(0, 3, 4), 1j * omega + kappa / 2
    rest = -1j * eta / pole
    alpha = rest + (0.6j - rest) * np.exp(-pole * times)
    state = cj.product(model, {"a": [1, 0], "m": 0.6j})
    exact, mf = cj.master_equation(model, state, times), cj.mean_field(model, state, times)
    grown = thermal * (1 - np.exp(-kappa * times))
    for found in (exact, mf):
        np.testing.assert_allclose(found["m.x"].mean, alpha.real, atol=1e-9)
        np.testing.assert_allclose(found["m.y"].mean, alpha.imag, atol=1e-9)
        for xy in ("x", "y"):
            a = found.labels.index(f"m.{xy}")
            np.testing.assert_allclose(found.covariance[:, a, a], (1 + 2 * grown) / 4, atol=1e-9)
    np.testing.assert_allclose(exact.photons["m"].mean, np.abs(alpha) ** 2 + grown, atol=1e-9)
    np.testing.assert_allclose(mf.photons["m"].mean, np.abs(alpha) ** 2, atol=1e-9)
    assert np.abs(mf.correction).max() < 1e-12
    pumped = cj.Model([*model.blocks, *model.modes], model.hamiltonian, [*model.jumps, cj.LocalJump(LOWER, "a")])
    steady = cj.steady_state(pumped)
    assert steady.photons["m"].mean == pytest.approx(abs(rest) ** 2 + thermal, abs=1e-8)
    assert steady["m.y"].mean == pytest.approx(rest.imag, abs=1e-9)


@pytest.mark.parametrize("N", [2, 5])
def test_tavis_cummings_rabi_oscillations(N):
    """One excitation goes between the atoms and the mode as cos²(g t): (g/√N) √N, for every N."""
    g, times = 0.8, np.linspace(0, 4, 9)
    model = cj.Model([cj.Block("atoms", N), cj.Mode("m")], [cj.ModeCoupling({"atoms": g * LOWER}, "m")])
    exact = cj.master_equation(model, cj.occupation(model, {"atoms": (1, N - 1)}), times)
    excited = N * (1 + exact["atoms.z"].mean) / 2
    np.testing.assert_allclose(excited, np.cos(g * times) ** 2, atol=1e-9)
    np.testing.assert_allclose(N * exact.photons["m"].mean, np.sin(g * times) ** 2, atol=1e-9)


CRITICAL = 0.5 * np.sqrt(1.2 * (0.9**2 + 0.7**2 / 4) / 0.9)
"""g_c = ½ √(ω_z (ω² + κ²/4)/ω) for ω_z = 1.2, ω = 0.9, κ = 0.7."""


@pytest.mark.parametrize("ratio", [0.7, 0.99, 1.01, 1.5])
def test_the_superradiant_transition_of_the_dicke_model(ratio):
    """|α|² = g² (1 - (g_c/g)⁴)/(ω² + κ²/4) above g_c, nothing below; the normal state is stable below g_c alone."""
    g, (omega, kappa, omega_z) = ratio * CRITICAL, (0.9, 0.7, 1.2)
    model = dicke(100, g, kappa=kappa, omega=omega, omega_z=omega_z)
    normal = cj.attractors.stability(model, cj.tilted(model, np.pi, 0.0))
    growth = normal.eigenvalues[np.abs(normal.eigenvalues) > 1e-9].real.max()  # the length of the spins never changes
    assert (growth < 0) == (ratio < 1)
    if ratio < 1:
        return
    pole = 1j * omega + kappa / 2
    x = np.sqrt(1 - ratio**-4)
    photons = g**2 * x**2 / (omega**2 + kappa**2 / 4)
    for sign in (1, -1):
        alpha = -1j * g * sign * x / pole
        r = (np.eye(2) + sign * x * X - ratio**-2 * Z) / 2
        point = cj.attractors.stability(model, [r, alpha])
        assert point.residual < 1e-12
        assert point.eigenvalues[np.abs(point.eigenvalues) > 1e-9].real.max() < 0
        assert abs(point.amplitudes[0]) ** 2 == pytest.approx(photons, rel=1e-9)


def test_fixed_points_with_a_mode():
    """Decay makes the points isolated: their number is confirmed, and the two superradiant ones are mirror images."""
    decay = [cj.LocalJump(0.3 * LOWER, "atoms")]
    for g, number in ((0.4, 1), (1.0, 3)):
        plain = dicke(50, g)
        model = cj.Model([*plain.blocks, *plain.modes], plain.hamiltonian, [*plain.jumps, *decay])
        points = cj.attractors.fixed_points(model, starts=5)
        assert len(points) == number
        assert points.certain
        assert sum(p.stable for p in points) == (1 if number == 1 else 2)
        for p in points:
            again = cj.attractors.stability(model, [*p.densities, *p.amplitudes])
            np.testing.assert_allclose(again.mean, p.mean, atol=1e-9)
            mf = cj.mean_field(model, cj.product(model, {"atoms": p.densities[0], "cavity": p.amplitudes[0]}), [0, 1])
            np.testing.assert_allclose(mf.mean[-1], p.mean, atol=1e-8)
        np.testing.assert_allclose(points[0].mean[[0, 3, 4]], -points[-1].mean[[0, 3, 4]], atol=1e-9)
    stationary = cj.fluctuations.stationary(model, [*points[0].densities, *points[0].amplitudes])
    start = cj.product(model, {"atoms": points[0].densities[0], "cavity": points[0].amplitudes[0]})
    np.testing.assert_allclose(
        cj.mean_field(model, start, [0, 260]).covariance[-1], stationary.covariance, rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(
        cj.mean_field(model, start, [0, 260]).correction[-1], stationary.correction, rtol=1e-6, atol=1e-8
    )


def test_large_amplitudes_are_found_as_small_ones_are():
    """A strongly driven mode, |α| = 40, and a weakly driven one, and the flow that settles there."""
    for eta in (20.0, 0.002):
        model = cj.Model(
            [cj.Block("a", 10), cj.Mode("m")],
            [cj.OneBody(0.3 * X, "a"), cj.ModeDrive(eta, "m"), cj.ModeCoupling({"a": 0.02 * LOWER}, "m")],
            [cj.LocalJump(LOWER, "a"), cj.ModeLoss(1.0, "m")],
        )
        (point,) = cj.attractors.fixed_points(model, starts=5)
        assert point.stable
        mf = cj.mean_field(model, cj.tilted(model, 1.0, 0.0), [0, 80])
        np.testing.assert_allclose(mf.mean[-1], point.mean, rtol=1e-6, atol=1e-9)


# ---- the flow, and what is beyond it -------------------------------------------------------------


def test_the_flow_is_that_of_averages_in_product_states():
    """d<a>/dt and d<y>/dt of the full space in a product of coherent and product states: exact without a potential."""
    model = one_mode()
    kets, amplitudes, fock = {"a": np.array([0.6, 0.8j])}, {"m": 0.3 - 0.2j}, {"m": 24}
    linear = [term for term in model.hamiltonian if not isinstance(term, cj.Potential)]
    free = cj.Model([*model.blocks, *model.modes], linear, [model.jumps[1]])
    full = oracle.Oracle(free, fock=fock)
    change = full.apply(oracle.with_coherent_modes(oracle.product_state(free, kets), free, fock, amplitudes))
    found = np.array([np.trace(change @ m).real for m in full.averages])
    flow = Flow(free)
    r, alpha = [np.outer(kets["a"], kets["a"].conj())], np.array([0.3 - 0.2j])
    (drho,), (dalpha,) = flow(r, alpha), flow.modes(r, alpha)
    expected = [*(np.trace(drho @ p).real for p in (X, Y, Z)), dalpha.real, dalpha.imag]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def driven(N):
    """Tavis-Cummings with a drive, thermal light and a complex coupling; all stays symmetric."""
    return cj.Model(
        [cj.Block("atoms", N), cj.Mode("m")],
        [
            cj.OneBody(0.3 * Z + 0.4 * X, "atoms"),
            cj.ModeEnergy(0.5, "m"),
            cj.ModeDrive(0.1, "m"),
            cj.ModeCoupling({"atoms": (0.5 + 0.2j) * LOWER + 0.2 * Z}, "m"),
            cj.Potential(np.sin, {"atoms": 0.5 * X}),
        ],
        [cj.ModeLoss(1.0, "m", thermal=0.05)],
    )


def lossy(N):
    """Operator-valued local rates beside a mode."""
    jump = cj.LocalJump(0.8 * LOWER, "atoms", rate=lambda x: 1 + 0.5 * x, argument={"atoms": X})
    return cj.Model(
        [cj.Block("atoms", N), cj.Mode("m")],
        [cj.OneBody(0.5 * X, "atoms"), cj.ModeCoupling({"atoms": 0.6 * X}, "m"), cj.ModeEnergy(1.0, "m")],
        [jump, cj.ModeLoss(1.0, "m")],
    )


def of_two(N):
    """Two blocks of half of the particles each at one mode, with a collective jump."""
    return cj.Model(
        [cj.Block("a", N // 2), cj.Block("b", N // 2), cj.Mode("m")],
        [cj.OneBody(0.5 * X, "a"), cj.ModeCoupling({"a": 0.6 * LOWER, "b": 0.5j * RAISE}, "m")],
        [cj.CollectiveJump({"a": LOWER}, 0.5), cj.ModeLoss(1.0, "m")],
    )


@pytest.mark.parametrize(("build", "sizes"), [(driven, (4, 8, 16)), (lossy, (2, 4, 8)), (of_two, (2, 4, 8))])
def test_exact_moments_extrapolate_to_the_theory(build, sizes):
    """C and δ of averages of particles and of modes; no term of the order of operators is missing."""
    times = np.array([0.6])
    covariances, corrections = [], []
    for N in sizes:
        model = build(N)
        state = cj.product(
            model, {**{b.name: [np.cos(0.55), 1j * np.sin(0.55)] for b in model.blocks}, "m": 0.1 - 0.1j}
        )
        mf, exact = cj.mean_field(model, state, times), cj.master_equation(model, state, times, tolerance=1e-7)
        covariances.append(exact.covariance.reshape(1, -1))
        corrections.append(N * (exact.mean - mf.mean))
    spread = Approach(np.array(covariances), mf.covariance.reshape(1, -1))
    drift = Approach(np.array(corrections), mf.correction)
    for found in (spread, drift):
        assert found.miss < 0.02
        assert 1.6 < found.ratio < 2.6
        assert found.still > 0.02 * 0.1


def test_a_limit_cycle_has_the_mode_beside_it():
    """Inverted atoms at one mode above threshold: the phase of the light is free, and |α| is that of the mean field."""
    model = cj.Model(
        [cj.Block("atoms", 100), cj.Mode("m")],
        [cj.OneBody(0.5 * Z, "atoms"), cj.ModeEnergy(1.0, "m"), cj.ModeCoupling({"atoms": 1.0 * LOWER}, "m")],
        [
            cj.LocalJump(np.sqrt(2.0) * RAISE, "atoms"),
            cj.LocalJump(np.sqrt(0.5) * LOWER, "atoms"),
            cj.ModeLoss(0.5, "m"),
        ],
    )
    cycle = cj.attractors.limit_cycle(model, cj.tilted(model, 0.5, 0.0, modes={"m": 0.1}))
    assert cycle.period == pytest.approx(2 * np.pi, rel=1e-6)
    # the gain holds the loss: <σ_z> = κ Γ/(4 g²), Γ = 2.5 the decay of both together; energy: κ |α|² = net pumping
    s = 0.5 * 2.5 / 4
    quanta = (2.0 * (1 - s) / 2 - 0.5 * (1 + s) / 2) / 0.5
    np.testing.assert_allclose(np.abs(cycle.amplitudes[:, 0]) ** 2, quanta, rtol=1e-6)


# ---- named systems -------------------------------------------------------------------------------


def bloch(r):
    return np.array([np.trace(r @ p).real for p in (X, Y, Z)])


def test_the_mean_fields_of_the_named_systems_are_those_of_the_literature():
    """Written out: s = <σ>, α = <a>/√N; for Tavis-Cummings with pump and decay the Maxwell-Bloch equations."""
    rng = np.random.default_rng(1)
    atom, omega, g, kappa, gamma, pump, eta = 1.1, 0.8, 0.6, 0.7, 0.3, 0.5, 0.2
    ket = rng.normal(size=2) + 1j * rng.normal(size=2)
    ket /= np.linalg.norm(ket)
    r, alpha = np.outer(ket, ket.conj()), 0.3 - 0.4j
    x, y, z = bloch(r)
    flow = Flow(cj.systems.dicke(50, atom, omega, g, kappa, thermal=0.3))
    field = 2 * g * alpha.real
    change = bloch(flow([r], np.array([alpha]))[0])
    np.testing.assert_allclose(change, [-atom * y, atom * x - 2 * field * z, 2 * field * y], atol=1e-12)
    (dalpha,) = flow.modes([r], np.array([alpha]))
    assert dalpha == pytest.approx(-(1j * omega + kappa / 2) * alpha - 1j * g * x, abs=1e-12)

    flow = Flow(cj.systems.tavis_cummings(50, atom, omega, g, kappa, drive=eta, gamma=gamma, pump=pump))
    s = (x - 1j * y) / 2  # <σ_->
    change = bloch(flow([r], np.array([alpha]))[0])
    ds = (change[0] - 1j * change[1]) / 2
    assert ds == pytest.approx(-(1j * atom + (gamma + pump) / 2) * s + 1j * g * alpha * z, abs=1e-12)
    gain = pump * (1 - z) - gamma * (1 + z) + 4 * g * (np.conj(alpha) * s).imag
    assert change[2] == pytest.approx(-gain + 2 * (pump * (1 - z) - gamma * (1 + z)), abs=1e-12)
    (dalpha,) = flow.modes([r], np.array([alpha]))
    assert dalpha == pytest.approx(-(1j * omega + kappa / 2) * alpha - 1j * eta - 1j * g * s, abs=1e-12)


def test_the_network_of_modes():
    """One pattern is the Dicke model with its axes turned; the modes of several see the overlaps."""
    omega, energy, g, kappa = 0.4, 0.9, 0.7, 0.6
    patterns = cj.systems.random_patterns(2, 12, seed=1)
    model = cj.systems.multimode_dicke(patterns, omega, energy, g, kappa)
    state = cj.corrupted(model, pattern=0, quality=0.9)
    flow = Flow(model)
    change = flow.modes(list(state.densities), np.zeros(2, dtype=complex))
    overlaps = 0.8 * np.array([1.0, patterns[0] @ patterns[1] / 12])
    np.testing.assert_allclose(change, -1j * g * overlaps, atol=1e-12)
    means = cj.mean_field(model, state, [0]).mean[0]
    measured = [
        constant + weights @ means for constant, weights in map(model.linear, "mm", model.order_parameters.values())
    ]
    np.testing.assert_allclose(measured, overlaps, atol=1e-12)

    one = cj.systems.multimode_dicke([[1, -1, -1, 1, 1]], omega, energy, g, kappa)
    atoms = cj.systems.dicke(5, 2 * omega, energy, g, kappa)
    times = np.linspace(0, 5, 6)
    here = cj.mean_field(one, cj.corrupted(one, quality=0.8, modes={"mode1": 0.1j}), times)
    ket = {"spins": (np.eye(2) + 0.6 * X) / 2, "cavity": 0.1j}
    there = cj.mean_field(atoms, cj.product(atoms, ket), times)
    for xy in "xy":
        np.testing.assert_allclose(here[f"mode1.{xy}"].mean, there[f"cavity.{xy}"].mean, atol=1e-8)
    J = g**2 * energy / (energy**2 + kappa**2 / 4)
    assert (omega < 2 * J) == (g > 0.5 * np.sqrt(2 * omega * (energy**2 + kappa**2 / 4) / energy))
