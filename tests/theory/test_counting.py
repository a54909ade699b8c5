"""θ(s): closed forms, brute force on the full space, and its own derivatives."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest

import cojump as cj
from cojump.theory import tilted_generator
from cojump.theory.spectrum import eigenpairs
from tests.oracle import Oracle
from tests.statistical.block_cases import across
from tests.statistical.cases import MODELS
from tests.support.pauli import LOWER, X, Z

S = "spins"


def brute(model, s, weights, gains=None):
    """Leading eigenvalue of the tilted Liouvillian of the full space, for complex s too."""
    full = Oracle(model)
    L = full.liouvillian().astype(complex)
    for jump, w in zip(model.jumps, weights, strict=True):
        for J in full._jump_operators(jump):
            L += (np.exp(-s * w) - 1) * np.kron(J, J.conj())
    values = np.linalg.eigvals(L)
    return values[np.argmax(values.real)]


def cauchy(f, s, radius=0.2, points=24):
    """Derivatives up to the fourth of an analytic function, by its values on a circle."""
    around = np.exp(2j * np.pi * np.arange(points) / points)
    c = np.fft.fft([f(s + radius * z) for z in around]) / points
    return np.array([factorial(k) * c[k].real / radius**k for k in range(5)])


@pytest.mark.parametrize(
    ("model", "channels", "weights"),
    [
        (MODELS["constrained"](3), None, (1, 1)),
        (MODELS["constrained"](3), {0: 1.0, 1: -0.5}, (1, -0.5)),
        (across((2, 1), exclude_self=True), [0], None),
    ],
)
def test_against_the_full_space(model, channels, weights):
    if weights is None:
        weights = [1] + [0] * (len(model.jumps) - 1)
    for s in (0.0, 0.3, -0.4):
        found = cj.counting.theta(model, s, channels)
        expected = cauchy(lambda z: brute(model, z, weights), s)
        own = [found.theta, -found.mean, found.variance, -found.third, found.fourth]
        np.testing.assert_allclose(own[:3], expected[:3], rtol=0, atol=1e-9)
        np.testing.assert_allclose(own[3:], expected[3:], rtol=0, atol=1e-7)
        assert found.error < 1e-13
    # wrong on purpose: another weight
    assert abs(float(cj.counting.theta(model, 0.3, channels)) - brute(model, 0.3, [1.1 * w for w in weights])) > 1e-4


def test_a_poisson_process():
    """Every σ_x is a jump at the rate γ N, whatever the state: θ = γN (e^{-s} - 1)."""
    rate, size = 0.7, 5
    model = cj.Model(
        [cj.Block(S, size)], [cj.OneBody(0.3 * Z, S)], [cj.LocalJump(np.sqrt(rate) * X, S), cj.LocalJump(LOWER, S)]
    )
    s = np.array([[-0.6, 0.0], [0.4, 2.0]])
    found = cj.counting.theta(model, s, 0)
    mean = rate * size * np.exp(-s)
    np.testing.assert_allclose(found.theta, mean - rate * size, rtol=1e-12, atol=1e-13)
    for moment in (found.mean, found.variance, found.third, found.fourth):
        np.testing.assert_allclose(moment, mean, rtol=1e-9)
    np.testing.assert_allclose(found.fano, 1, rtol=1e-10)
    k, phi = found.rate_function
    np.testing.assert_allclose(phi, k * np.log(k / (rate * size)) - k + rate * size, rtol=0, atol=1e-11)


def test_an_atom_that_is_driven_in_closed_form():
    """θ³ + (3γ/2) θ² + (γ²/2 + W²) θ + ½γW² (1 - e^{-s}) = 0 with the Rabi frequency W; F = 1 - 6γ²W²/(γ² + 2W²)²."""
    gamma, W = 0.9, 1.7
    model = cj.Model([cj.Block(S, 1)], [cj.OneBody(W / 2 * X, S)], [cj.LocalJump(np.sqrt(gamma) * LOWER, S)])
    s = np.array([-1.0, -0.2, 0.0, 0.5, 3.0])
    found = cj.counting.theta(model, s)
    for value, field in zip(found.theta, s, strict=True):
        roots = np.roots([1, 1.5 * gamma, gamma**2 / 2 + W**2, gamma * W**2 / 2 * (1 - np.exp(-field))])
        assert value == pytest.approx(roots[np.argmax(roots.real)].real, abs=1e-12)
    assert found.mean[2] == pytest.approx(gamma * W**2 / (gamma**2 + 2 * W**2), abs=1e-13)
    assert found.fano[2] == pytest.approx(1 - 6 * gamma**2 * W**2 / (gamma**2 + 2 * W**2) ** 2, abs=1e-12)
    # independent particles: N times the same
    many = cj.Model([cj.Block(S, 4)], model.hamiltonian, model.jumps)
    np.testing.assert_allclose(cj.counting.theta(many, s).theta, 4 * found.theta, rtol=0, atol=1e-11)


def test_the_mean_is_that_of_the_steady_state():
    model = cj.systems.boundary_time_crystal(12, 1.0, 1.0)
    start = cj.tilted(model, 0, 0)
    found = cj.counting.theta(model, 0.0, state=start)
    steady = cj.steady_state(model, start)
    quadratic = np.trace(steady.second[:2, :2]) / 4 * 12 + steady.mean[2] / 2  # <S_+S_->/N of S_- = Σσ_-
    assert float(found.mean) == pytest.approx(quadratic, rel=1e-10)
    assert abs(float(found)) < 1e-13


def test_photons_of_a_mode():
    """A driven cavity: coherent light, a Poisson process of the rate κ|α|²; beside a spin that it does not see."""
    kappa, eta = 0.8, 0.3
    model = cj.Model(
        [cj.Block(S, 1), cj.Mode("light")],
        [cj.ModeDrive(eta, mode="light")],
        [cj.ModeLoss(kappa, mode="light"), cj.LocalJump(LOWER, S)],
    )
    s = np.array([-0.2, 0.0, 0.5])
    found = cj.counting.theta(model, s, 0)
    rate = kappa * (2 * eta / kappa) ** 2
    np.testing.assert_allclose(found.theta, rate * np.expm1(-s), rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.fano, 1, rtol=0, atol=1e-6)


def test_small_and_large_ways_agree(monkeypatch):
    model = MODELS["traced"](7)
    dense = cj.counting.theta(model, [0.0, 0.4], 0)
    monkeypatch.setattr(eigenpairs, "DENSE", 10)
    large = cj.counting.theta(model, [0.0, 0.4], 0)
    for name in ("theta", "mean", "variance", "third", "fourth"):
        np.testing.assert_allclose(getattr(large, name), getattr(dense, name), rtol=1e-9, atol=1e-11)
    monkeypatch.undo()
    monkeypatch.setattr(tilted_generator, "_fill", lambda *_: 1e12)  # no room for factors
    beside = cj.counting.theta(model, [0.0, 0.4], 0)
    for name in ("theta", "mean", "variance", "third", "fourth"):
        np.testing.assert_allclose(getattr(beside, name), getattr(dense, name), rtol=1e-9, atol=1e-11)


def test_a_near_crossing_is_sharper_for_more_particles():
    """The constrained model near its dark state: an active and an inactive phase of trajectories, at some s > 0."""
    s = np.linspace(0.02, 0.12, 6)
    steepest = []
    for size in (3, 6, 9):
        found = cj.counting.theta(cj.systems.constrained(size, 0.05, 2.0, 1.0), s)
        steepest.append(float(np.max(found.fano)))
        assert found.mean[0] / size > 0.1
        assert found.mean[-1] < 0.8 * found.mean[0]
    assert steepest[2] > 1.4 * steepest[1] > 1.4 * 1.4 * steepest[0]


def test_refusals():
    model = MODELS["constrained"](3)
    theta = cj.counting.theta
    with pytest.raises(cj.UnsupportedError, match=r"not unique at s = 0.* `state` chooses"):
        theta(cj.systems.boundary_time_crystal(5, 1.0, 1.0), 0.0)
    driven = cj.Model([cj.Block(S, 3)], [cj.OneBody(X, S, envelope=np.cos)], [cj.LocalJump(LOWER, S)])
    with pytest.raises(cj.UnsupportedError, match="has an envelope"):
        theta(driven, 0.0)
    for channels in (2, -1, "up", [0, 5], True, {"2": 1.0}):
        with pytest.raises(
            cj.ArgumentError, match="`channels` must name jumps of the model, 0, 1 or their places 0 to 1"
        ):
            theta(model, 0.0, channels)
    with pytest.raises(cj.ArgumentError, match="count something"):
        theta(model, 0.0, {0: 0.0})
    with pytest.raises(cj.ArgumentError, match="`model` must have jumps"):
        theta(cj.Model([cj.Block(S, 3)], [cj.OneBody(X, S)], []), 0.0)
    with pytest.raises(cj.ArgumentError, match="at most 100 in size"):
        theta(model, 1000.0)
    assert theta(model, []).theta.shape == (0,)
    with pytest.raises(TypeError, match="2 values"):
        float(theta(model, [0.0, 0.1]))
    assert np.asarray(theta(model, 0.1)).shape == ()


def test_a_dark_sector_is_told():
    """A collective jump keeps J, and J = 0 does not shine: without a start it wins at s > 0, and says so."""
    model, s = cj.systems.boundary_time_crystal(4, 1.5, 1.0), np.array([0.5, -0.5])
    found = cj.counting.theta(model, s)
    np.testing.assert_array_equal(found.dark, [True, False])
    np.testing.assert_allclose(found.sector_shares, [[1, 0, 0], [0, 0, 1]], atol=1e-12)
    assert found.sectors == ((0,), (2,), (4,))
    assert found.apart == 3
    assert "3 parts that nothing connects" in found.doubt
    assert "no jump that is counted happens in the state that θ belongs to at s = 0.5" in found.doubt
    own = cj.counting.theta(model, s, state=cj.tilted(model, 0, 0))
    assert own.doubt == ""
    assert own.theta[1] == pytest.approx(found.theta[1], abs=1e-12)
    # each sector by itself: the largest of all is what is found without a start
    values = [float(cj.counting.theta(model, -0.5, state=one)) for one in (_in_sector(model, J) for J in (0, 1, 2))]
    assert max(values) == pytest.approx(found.theta[1], abs=1e-12)
    assert values[0] == 0 < values[1] < values[2]


def _in_sector(model, J):
    return cj.start(model, {"spins": cj.Sector(J, np.eye(2 * J + 1)[0])})


@pytest.mark.parametrize("method", ["auto", "full"])
def test_from_a_dark_state_nothing_is_ever_counted(method):
    """All down is dark; what is not down has θ(-0.5) > 0, which this start never sees."""
    model = cj.systems.facilitated(5, omega=0.0, kappa=5.0, gamma=1.0)
    dark, bright = (cj.counting.theta(model, -0.5, state=cj.tilted(model, a, 0), method=method) for a in (np.pi, 1.0))
    assert float(dark) == 0
    assert dark.dark
    assert "no jump that is counted happens" in dark.doubt
    assert float(bright) > 1
    assert bright.doubt == ""


def test_a_start_without_a_part_in_the_leading_state_is_refused():
    """The dark superposition of a Λ atom is no basis state: the matrix leads away from it, its elements cancel."""
    up = np.zeros((3, 3))
    up[0, 1:] = 1
    decays = [cj.LocalJump(np.outer(np.eye(3)[k], np.eye(3)[0]), "atoms") for k in (1, 2)]
    model = cj.Model([cj.Block("atoms", 1, levels=3)], [cj.OneBody(up + up.T, "atoms")], decays)
    dark, bright = (cj.product(model, {"atoms": np.array([0, 1, sign]) / np.sqrt(2)}) for sign in (-1, 1))
    assert float(cj.counting.theta(model, -2.0, state=bright)) > 0.1
    with pytest.raises(cj.UnsupportedError, match="no part in the state that belongs to it"):
        cj.counting.theta(model, -2.0, state=dark)


def test_a_small_part_in_the_leading_state_is_a_part():
    """All up has a part of 1e-20 in what independent flips come to at large s, a factor for each particle."""
    down, up, s, N = 4.0, 0.2, 3.0, 16
    jumps = [cj.LocalJump(np.sqrt(down) * LOWER, S), cj.LocalJump(np.sqrt(up) * LOWER.T, S)]
    found = cj.counting.theta(model := cj.Model([cj.Block(S, N)], [], jumps), s, state=cj.tilted(model, 0, 0))
    one = np.array([[-down, up * np.exp(-s)], [down * np.exp(-s), -up]])
    assert abs(found.theta - N * np.linalg.eigvals(one).real.max()) < 1e-12


def test_a_jump_that_never_happens_is_told():
    model = cj.Model([cj.Block(S, 2)], [cj.OneBody(X, S)], [cj.LocalJump(LOWER, S), cj.LocalJump(1e-30 * LOWER.T, S)])
    found = cj.counting.theta(model, [0.3, 0.6], 1)
    assert found.doubt == "no jump that is counted happens in the state that θ belongs to"
    assert cj.counting.theta(model, [0.3, 0.6], 0).doubt == ""
    assert "θ(s) at 1 value of s" in str(cj.counting.theta(model, 0.3, 0))
