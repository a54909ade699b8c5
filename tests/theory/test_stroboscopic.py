"""Periodic drives: fixed points of the map over a period against closed forms, long integrations and other units."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

import cojump as cj
from tests.support.longer import few
from tests.support.pauli import LOWER, X, Z

S = "spins"


def wave(s=1.0):
    return cj.envelopes.sine(0.8, 2.0 * s, phase=0.3, offset=0.4)


def damped(s=1.0, size=10):
    """A field along x that oscillates; relaxation towards -z that is the same in all directions."""
    jumps = [cj.LocalJump(np.sqrt(0.7 * s) * LOWER, S), cj.LocalJump(np.sqrt(0.7 * s / 4) * Z, S)]
    return cj.Model([cj.Block(S, size)], [cj.OneBody(0.9 * s * X, S, envelope=wave(s))], jumps)


@pytest.mark.parametrize("s", few([1.0, 2.0**40], 2.0**40))
def test_a_damped_spin_by_hand(s):
    """w = m_y + i m_z obeys dw/dt = (2i h(t) - γ) w - iγ; in any unit of time."""
    gamma, shape, T = 0.7, wave(), np.pi

    def angle(t):
        return 2 * 0.9 * (0.4 * t + 0.8 / 2.0 * (np.cos(0.3) - np.cos(2 * t + 0.3)))

    def source(t, part):
        return getattr(np.exp(1j * (angle(T) - angle(t)) - gamma * (T - t)) * -1j * gamma, part)

    given = (
        quad(source, 0, T, args=("real",), epsabs=1e-13)[0] + 1j * quad(source, 0, T, args=("imag",), epsabs=1e-13)[0]
    )
    w = given / (1 - np.exp(1j * angle(T) - gamma * T))
    found = cj.attractors.stroboscopic(damped(s), shape.period / s, starts=1)
    (point,) = found
    assert found.certain
    np.testing.assert_allclose(point.mean[0], [0, w.real, w.imag], rtol=0, atol=1e-9)
    np.testing.assert_allclose(point.mean[-1], point.mean[0], rtol=0, atol=1e-9)
    wanted = np.exp(-gamma * T) * np.array([1, np.exp(1j * angle(T)), np.exp(-1j * angle(T))])
    np.testing.assert_allclose(np.sort_complex(point.multipliers), np.sort_complex(wanted), rtol=0, atol=1e-9)
    assert (point.stability, point.periods, point.stable) == ("stable", 1, True)
    assert point.times[-1] == pytest.approx(shape.period / s)
    mf = cj.mean_field(damped(s), cj.tilted(damped(s), 1.1, 0.4), [0.0, *(40 * shape.period / s + point.times[:3])])
    np.testing.assert_allclose(point.mean[:3], mf.mean[1:], rtol=0, atol=1e-9)
    # control
    other = cj.attractors.stroboscopic(replace(damped(s), jumps=damped(s).jumps[:1]), shape.period / s, starts=0)
    assert np.abs(other[0].mean[0] - point.mean[0]).max() > 0.01


def test_a_driven_mode_by_hand():
    """dα/dt = -(iω + κ/2) α - iη cos Ωt, beside atoms that it does not feel."""
    omega, kappa, eta, frequency = 1.3, 0.5, 40.0, 0.9
    model = cj.Model(
        [cj.Block(S, 2), cj.Mode("m")],
        [cj.ModeEnergy(omega, "m"), cj.ModeDrive(eta, "m", envelope=cj.envelopes.sine(1.0, frequency, np.pi / 2))],
        [cj.ModeLoss(kappa, "m", thermal=0.3), cj.LocalJump(LOWER, S)],
    )
    T = 2 * np.pi / frequency
    (point,) = cj.attractors.stroboscopic(model, T, starts=2)
    up, down = (np.exp(sign * 1j * frequency * point.times) for sign in (1, -1))
    wanted = -0.5j * eta * (up / (kappa / 2 + 1j * (omega + frequency)) + down / (kappa / 2 + 1j * (omega - frequency)))
    np.testing.assert_allclose(point.amplitudes[:, 0], wanted, rtol=0, atol=1e-7)
    decay = np.exp((-kappa / 2 + 1j * omega * np.array([1, -1])) * T)
    np.testing.assert_allclose(np.sort_complex(point.multipliers[:2]), np.sort_complex(decay), rtol=0, atol=1e-9)


def kicked(periods=1):
    """A p-spin model that is ordered, turned over about x by a short kick in each period: a discrete time crystal."""
    T, width = 4.0, 0.2
    base = cj.systems.p_spin(100, 2, coupling=1.5, omega=0.6, kappa=0.5)
    breaks = [k * T + x for k in range(periods) for x in (0.0, width)][1:]
    kick = cj.OneBody(
        (np.pi / 2 + 0.03) / width * X,
        S,
        envelope=lambda t: np.where(np.asarray(t) % T < width, 1.0, 0.0),
        breaks=breaks,
    )
    return replace(base, hamiltonian=[*base.hamiltonian, kick]), T


@pytest.mark.validation
def test_an_orbit_of_two_periods():
    model, T = kicked()
    found = cj.attractors.stroboscopic(model, T, multiple=2, starts=0)
    assert [(p.stability, p.periods) for p in found] == [("unstable", 1), ("stable", 2), ("stable", 2)]
    assert found.certainty.index == 1
    one, other = found[1], found[2]
    np.testing.assert_allclose(one.mean[64], other.mean[0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(one.mean[0] * [1, -1, -1], other.mean[0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(one.multipliers, other.multipliers, rtol=0, atol=1e-7)
    # where a start goes
    longer = kicked(30)[0]
    mf = cj.mean_field(longer, cj.tilted(longer, 1.1, 0.4), T * np.arange(26, 30))
    np.testing.assert_allclose(np.abs(mf.mean), np.tile(np.abs(one.mean[0]), (4, 1)), rtol=0, atol=1e-8)
    assert (mf["spins.z"].mean[1:] * mf["spins.z"].mean[:-1] < 0).all()
    # what is left of it for the map over one period is the point that repels
    (alone,) = cj.attractors.stroboscopic(model, T, starts=0)
    assert alone.stability == "unstable"
    np.testing.assert_allclose(alone.mean[0], [-1, 0, 0], rtol=0, atol=1e-8)
    np.testing.assert_allclose(found[0].multipliers, alone.multipliers, rtol=1e-6, atol=1e-6)


def test_what_nothing_damps():
    """A field that oscillates alone leaves a whole axis where it was."""
    model = cj.Model([cj.Block(S, 10)], [cj.OneBody(X, S, envelope=wave())])
    found = cj.attractors.stroboscopic(model, np.pi, starts=2)
    (point,) = found
    assert point.stability == "marginal"
    np.testing.assert_allclose(np.abs(point.multipliers), 1, rtol=0, atol=1e-9)
    assert not found.certain
    assert "degenerate" in found.doubt
    pumped = replace(model, jumps=[cj.LocalJump(np.sqrt(0.5) * X, S)])  # damps y and z, and keeps x
    (point,) = cj.attractors.stroboscopic(pumped, np.pi, starts=1)
    assert point.stability == "neutral"


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (
            lambda: cj.attractors.stroboscopic(cj.systems.free_flips(4, 1.0, 1.0, 1.0), 1.0),
            "`model` must have terms that",
        ),
        (
            lambda: cj.attractors.stroboscopic(damped(), 1.0),
            "`period` must be a period of all envelopes from t = 0 on, b",
        ),
        (
            lambda: cj.attractors.stroboscopic(damped(), 0.0),
            "`period` must be a finite number greater than 0, but it is ",
        ),
        (
            lambda: cj.attractors.stroboscopic(damped(), np.pi, multiple=0),
            "`multiple` must be an integer within 1 and 64",
        ),
        (
            lambda: cj.attractors.stroboscopic(
                replace(damped(), hamiltonian=[cj.OneBody(X, S, envelope=cj.envelopes.linear(0, 2))]), 3.0
            ),
            "but hamiltonian[0].envelope is ",
        ),
        (lambda: cj.attractors.stroboscopic(damped(), np.pi, states=[3]), "`states[0]` must be a cojump State"),
    ],
)
def test_refused_in_one_line(call, line):
    with pytest.raises(cj.ArgumentError) as caught:
        call()
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
