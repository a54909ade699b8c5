"""Conserved quantities and symmetries are told from instability: fixed points, cycles, stationary covariances."""

import numpy as np
import pytest

import cojump as cj
from cojump.errors import ArgumentError, ConvergenceError, UnsupportedError
from cojump.theory.fluctuations import fluctuations, stationary
from tests.support.pauli import PAULI, X, Z

UP, DOWN = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])


def ensembles(w, delta, kappa):
    """Two ensembles, detuned by delta, that are pumped one by one and decay together."""
    pumps = [cj.LocalJump(np.sqrt(w) * UP, block=b) for b in "ab"]
    return cj.Model(
        [cj.Block("a", 50), cj.Block("b", 50)],
        [cj.OneBody(delta / 4 * Z, "a"), cj.OneBody(-delta / 4 * Z, "b")],
        [*pumps, cj.CollectiveJump({"a": DOWN, "b": DOWN}, rate=kappa)],
    )


def bloch(model, *vectors):
    densities = [(np.eye(2) + sum(a * p for a, p in zip(v, PAULI, strict=True))) / 2 for v in vectors]
    return cj.product(model, {b.name: r for b, r in zip(model.blocks, densities, strict=True)})


def laser(w=0.4, kappa=1.0):
    """In the frame that rotates with it: any phase is at rest."""
    return cj.Model(
        [cj.Block("spins", 50)],
        [],
        [cj.LocalJump(np.sqrt(w) * UP, block="spins"), cj.CollectiveJump({"spins": DOWN}, rate=kappa)],
    )


# ---- fixed points --------------------------------------------------------------------------------


def test_a_laser_has_its_dark_state_and_a_circle():
    dark, bright = sorted(cj.attractors.fixed_points(laser()), key=lambda p: -p.mean[2])
    assert dark.mean == pytest.approx([0, 0, 1], abs=1e-9)
    assert (dark.stability, dark.family) == ("unstable", 0)
    assert np.sort(dark.eigenvalues.real) == pytest.approx([-0.4, 0.3, 0.3], abs=1e-9)
    # m_z = w/κ, r² = 2 (w/κ)(1 - w/κ)
    assert [np.hypot(*bright.mean[:2]), bright.mean[2]] == pytest.approx([np.sqrt(0.48), 0.4], abs=1e-8)
    assert (bright.stability, bright.family, bright.neutral) == ("neutral", 1, 1)
    # below threshold the dark state is all there is
    (below,) = cj.attractors.fixed_points(laser(1.2))
    assert (below.stability, below.family) == ("stable", 0)


def test_two_detuned_ensembles_keep_their_isolated_state():
    (dark,) = cj.attractors.fixed_points(ensembles(0.5, 1.5, 2.0), starts=10)
    assert dark.mean == pytest.approx([0, 0, 1, 0, 0, 1], abs=1e-9)
    assert (dark.stability, dark.family) == ("unstable", 0)


def test_the_spin_length_is_conserved():
    """ω0 = 2 omega, κ_usual = kappa/2: lines m_y = ω0/κ_usual, m_x = 0 below the transition, and the circle m_z = 0."""
    points = cj.attractors.fixed_points(cj.systems.boundary_time_crystal(50, 0.2, 1.0), starts=10)
    assert all(p.family == 1 for p in points)
    lines = [p for p in points if abs(p.mean[2]) > 1e-6]
    assert sorted((p.stability, np.sign(p.mean[2])) for p in lines) == [("neutral", -1), ("unstable", 1)]
    for p in lines:
        assert p.mean[:2] == pytest.approx([0, 0.8], abs=1e-9)
    (centre,) = (p for p in points if abs(p.mean[2]) < 1e-6)
    assert (centre.stability, centre.neutral) == ("neutral", 3)
    assert not points.certain


@pytest.mark.parametrize(("omega", "family"), [(0.4, 1), (0.0, 3)])
def test_nothing_damps(omega, family):
    (point,) = cj.attractors.fixed_points(cj.systems.free_flips(50, omega, 0.0, 0.0), starts=5)
    assert (point.stability, point.family, point.neutral) == ("neutral", family, 3)


@pytest.mark.parametrize(("omega", "T"), [(0.0, 1.0), (0.5, 2 / 3)])
def test_a_bifurcation_is_not_neutral(omega, T):
    """The pitchfork and the Hopf line of the Hopfield network: nothing conserves anything there."""
    (point,) = cj.attractors.fixed_points(cj.systems.hopfield(np.ones((1, 100)), omega, 1 / T), starts=5)
    assert (point.stability, point.family, point.neutral) == ("marginal", 0, 0)


@pytest.mark.parametrize("omega", [1e3, 1e6, 1e7, 1e8])
def test_a_slow_decay_beside_a_fast_drive_is_stable(omega):
    """Optical Bloch equations: the decay rates 1/2 and 3/4 of a spin that turns at the frequency 2 omega."""
    model = cj.Model([cj.Block("spins", 10)], [cj.OneBody(omega * X, "spins")], [cj.LocalJump(DOWN, block="spins")])
    points = cj.attractors.fixed_points(model, starts=5)
    assert [(p.stability, p.family) for p in points] == [("stable", 0)]
    assert points[0].growth == pytest.approx(-0.5, rel=1e-6)
    assert points.certain


def test_stability_of_a_point_that_is_known():
    model = laser()
    r, z = np.sqrt(0.48), 0.4
    point = cj.attractors.stability(model, bloch(model, (r * np.cos(0.7), r * np.sin(0.7), z)))
    assert (point.stability, point.family, point.neutral) == ("neutral", 1, 1)
    assert point.mean == pytest.approx([r * np.cos(0.7), r * np.sin(0.7), z], abs=1e-10)
    for p in cj.attractors.fixed_points(cj.systems.facilitated(50, 0.1, 5.0, 1.0), starts=3):
        again = cj.attractors.stability(cj.systems.facilitated(50, 0.1, 5.0, 1.0), p.densities)
        assert again.stability == p.stability
        np.testing.assert_allclose(again.eigenvalues, p.eigenvalues, atol=1e-10)
    with pytest.raises(ArgumentError, match="`densities` must be a fixed point"):
        cj.attractors.stability(model, bloch(model, (0.3, 0.0, 0.0)))
    with pytest.raises(ArgumentError, match="model"):
        cj.attractors.stability(3, [np.eye(2) / 2])


# ---- cycles --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("omega", "start"), [(0.613, (0.3, 0.2)), (0.613, (2.0, 1.0)), (1.5, (0.0, 0.0))])
def test_the_time_crystal_oscillates_at_its_frequency(omega, start):
    """On the sphere every orbit has the frequency sqrt(ω0² - κ_usual²), ω0 = 2 omega, κ_usual = kappa/2."""
    model = cj.systems.boundary_time_crystal(50, omega, 1.0)
    found = cj.attractors.limit_cycle(model, cj.tilted(model, *start))
    assert found.period == pytest.approx(2 * np.pi / np.sqrt(4 * omega**2 - 0.25), abs=1e-8)
    assert (found.stability, found.stable, found.neutral) == ("neutral", False, 2)
    np.testing.assert_allclose(found.multipliers, 1, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found.mean, axis=1), 1, atol=1e-8)
    with pytest.raises(UnsupportedError, match="one of a continuum"):
        _ = found.phase_diffusion


def test_the_cycle_is_the_one_through_the_start():
    model = cj.systems.boundary_time_crystal(50, 0.6, 1.0)
    start = np.array([0.2, 0.3, 0.5])
    found = cj.attractors.limit_cycle(model, bloch(model, start))
    np.testing.assert_allclose(np.linalg.norm(found.mean, axis=1), np.linalg.norm(start), atol=1e-8)
    back = cj.mean_field(model, bloch(model, start), [0.0, found.period]).mean
    np.testing.assert_allclose(back[1], start, atol=1e-7)


def test_two_ensembles_beat():
    """W = 0.5, δ = 1.5: the period 8.37; a common phase of both leads from one cycle to the next."""
    model = ensembles(0.5, 1.5, 2.0)
    found = cj.attractors.limit_cycle(model, cj.tilted(model, 1.1, 0.4))
    assert found.period == pytest.approx(8.3672, abs=1e-4)
    assert (found.stability, found.neutral) == ("neutral", 1)
    on = bloch(model, found.mean[0, :3], found.mean[0, 3:])
    back = cj.mean_field(model, on, [0.0, found.period]).mean
    np.testing.assert_allclose(back[1], back[0], atol=1e-8)
    survey = cj.attractors.survey(model, [cj.tilted(model, 1.1, 0.4)], search=3)
    assert survey.label == "0 stable, 1 unstable, cycle"
    assert survey.cycles[0].period == pytest.approx(found.period, abs=1e-5)


def test_a_stable_cycle_stays_stable():
    model = cj.systems.hopfield(np.ones((1, 100)), 1.0, 1 / 0.3)
    found = cj.attractors.limit_cycle(model, cj.tilted(model, 1.67, -1.47))
    assert (found.stability, found.neutral) == ("stable", 0)


# ---- stationary covariance -----------------------------------------------------------------------


def test_covariance_of_the_time_crystal_at_rest():
    """Nothing damps along the spin length, and no noise changes it; against the covariance in time from |down...>."""
    model = cj.systems.boundary_time_crystal(50, 0.2, 1.0)
    y, z = 0.8, -0.6
    found = stationary(model, bloch(model, (0, y, z)))
    assert found.neutral == 1
    expected = fluctuations(model, cj.tilted(model, np.pi, 0.0), [0.0, 150.0]).covariance[-1]
    np.testing.assert_allclose(found.covariance, expected, atol=1e-8)
    assert found.deviation == pytest.approx(np.trace(expected) / 2, abs=1e-8)
    assert np.isnan(found.correction[2])  # along the line of fixed points: the start decides
    np.testing.assert_allclose(found.correction[:2], 0, atol=1e-9)


def test_covariance_of_a_laser_but_for_its_phase():
    model = laser()
    at = bloch(model, (np.sqrt(0.48), 0.0, 0.4))
    found = stationary(model, at)
    late = fluctuations(model, at, [0.0, 60.0])
    rest = np.ix_([0, 2], [0, 2])
    np.testing.assert_allclose(found.covariance[rest], late.covariance[-1][rest], atol=1e-7)
    assert found.correction[2] == pytest.approx(late.correction[-1, 2], abs=2e-4)
    assert np.isnan(found.covariance[1]).all()  # the phase diffuses
    assert np.isnan(found.correction[:2]).all()
    assert np.isnan(found.deviation)


def test_no_stationary_covariance_where_there_is_none():
    model = laser()
    with pytest.raises(ConvergenceError, match=r"grows at the rate 0\.3"):
        stationary(model, bloch(model, (0, 0, 1)))
    undamped = cj.systems.free_flips(50, 0.4, 0.0, 0.0)
    with pytest.raises(ConvergenceError, match="nothing decays"):
        stationary(undamped, bloch(undamped, (0.3, 0, 0)))
    for unit in (1.0, 1e-9, 1e9):
        dark = cj.systems.constrained(20, 0.0, unit, unit)  # the flow goes as n³ there: it has no slope
        with pytest.raises(ConvergenceError, match="nothing decays"):
            stationary(dark, cj.tilted(dark, np.pi, 0))
        with pytest.raises(cj.ArgumentError, match="be a fixed point"):
            stationary(dark, cj.tilted(dark, 3.1, 0))


def test_a_neutral_block_beside_a_damped_one():
    """A block that nothing touches stays what it is; the other has the covariance that it has alone."""
    flips = [cj.LocalJump(UP, block="a"), cj.LocalJump(np.sqrt(2) * DOWN, block="a")]
    hamiltonian = [cj.OneBody(0.4 * X, "a")]
    alone = cj.Model([cj.Block("a", 50)], hamiltonian, flips)
    beside = cj.Model([cj.Block("a", 50), cj.Block("b", 50)], [*hamiltonian, cj.OneBody(0.3 * Z, "b")], flips)
    (point,) = cj.attractors.fixed_points(alone, starts=3)
    expected = stationary(alone, point.densities)
    found = stationary(beside, [point.densities[0], np.eye(2) / 2])
    assert found.neutral == 3
    # N counts both blocks
    np.testing.assert_allclose(found.covariance[:3, :3], 2 * expected.covariance, atol=1e-10)
    np.testing.assert_allclose(found.covariance[3:, 3:], 0, atol=1e-12)
    np.testing.assert_allclose(found.correction[:3], 2 * expected.correction, atol=1e-10)
    assert np.isnan(found.correction[3:]).all()


def test_where_continua_cross():
    """Without jumps |m| stays: of H = ω S_x + χ S_z²/N the x axis and the line m_x = ω/2χ' rest, and they cross."""
    Z = cj.operators.sigma_z
    top = cj.Model(
        [cj.Block("a", 100)], [cj.OneBody(0.5 * cj.operators.sigma_x, "a"), cj.TwoBody(Z, Z, 0.6, ("a", "a"))]
    )
    points = cj.attractors.fixed_points(top)
    assert [(p.stability, p.family) for p in points] == [("neutral", 1), ("neutral", 1), ("unstable", 1)]
    assert points[1]["a.x"].mean == pytest.approx(0.5 / 1.2, abs=1e-9)
    assert abs(points[1]["a.z"].mean) > 0.1  # not where they cross, and nothing turns any more
    assert not points.certain
    known = cj.attractors.stability(top, cj.tilted(top, np.pi / 2, 0))
    assert known.stability == "unstable"
    assert known.growth == pytest.approx(np.sqrt(1.0 * (2.4 - 1.0)), rel=1e-9)
    with pytest.raises(cj.ConvergenceError, match="nothing decays"):
        cj.fluctuations.stationary(top, cj.tilted(top, np.pi / 2, np.pi))


def test_a_game_without_a_winner():
    """Rock, paper and scissors: mean field keeps n_0 n_1 n_2 and turns on closed orbits about the middle."""
    n = [cj.operators.projector(i, 3) for i in range(3)]

    def beaten(i):
        winner = np.zeros((3, 3))
        winner[(i + 1) % 3, i] = 1
        return cj.LocalJump(winner, "a", rate=lambda x: x, argument={"a": n[(i + 1) % 3]})

    game = cj.Model([cj.Block("a", 60, levels=3)], jumps=[beaten(i) for i in range(3)])
    start = np.diag([0.5, 0.3, 0.2])
    cycle = cj.attractors.limit_cycle(game, cj.product(game, {"a": start}))
    assert cycle.stability == "neutral"
    np.testing.assert_allclose(np.prod(cycle.mean[:, :3], axis=1), 0.03, rtol=1e-7)
    near = cj.attractors.limit_cycle(game, cj.product(game, {"a": np.diag([0.39, 0.33, 0.28])}))
    assert near.period == pytest.approx(2 * np.pi * np.sqrt(3), rel=1e-2)  # eigenvalues ±i/√3
    middle = cj.attractors.stability(game, [np.eye(3) / 3])
    assert (middle.stability, middle.neutral) == ("neutral", 2)
