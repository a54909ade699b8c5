"""Theory of models that oscillate fast or have fast rates: it runs, or one line says what it would cost."""

import warnings

import numpy as np
import pytest
from scipy.integrate import OdeSolver
from scipy.linalg import expm

import cojump as cj
from cojump.tools.ode import Method, integrate
from tests.support.pauli import LOWER, X

S, UP = "spins", np.diag([1.0, 0.0])


def _bloch(omega, up, down, t):
    """One driven spin with flips, dr/dt = A r + b, from r = z."""
    total = up + down
    A = np.array([[-total / 2, 0, 0], [0, -total / 2, -2 * omega], [0, 2 * omega, -total]])
    whole = np.zeros((4, 4))
    whole[:3, :3], whole[2, 3] = A, up - down
    return (expm(whole * t) @ [0, 0, 1, 1])[:3]


@pytest.mark.parametrize(("omega", "up", "down"), [(1e6, 10, 7), (1e3, 1, 2), (0.7, 1e6, 2e6), (1e6, 0, 0)])
def test_a_free_flow_is_followed_however_stiff(omega, up, down):
    """10^6 periods once took more derivatives than are given."""
    model = cj.systems.free_flips(100, omega, up, down)
    times = [0.0, 0.3, 1.0]
    found = cj.mean_field(model, cj.tilted(model, 0.0, 0.0), times)
    expected = np.array([_bloch(omega, up, down, t) for t in times])
    assert found.mean == pytest.approx(expected, abs=1e-7)  # phases of 10^6 in both
    C = found.covariance[-1]  # product state of free particles: N cov = 1 - r r
    assert pytest.approx(np.eye(3) - np.outer(expected[-1], expected[-1]), abs=1e-6) == C
    assert found.correction == pytest.approx(0, abs=1e-9)


def test_the_two_ways_to_solve_a_free_flow_agree():
    model = cj.systems.free_flips(10, 3.0, 1.0, 0.4)
    state = cj.tilted(model, 0.4, 0.3)
    short, long = (cj.mean_field(model, state, [0.0, 1.0, end]) for end in (2.0, 400.0))
    assert long.mean[1] == pytest.approx(short.mean[1], abs=1e-9)
    assert long.covariance[1] == pytest.approx(short.covariance[1], abs=1e-8)


@pytest.mark.parametrize(("c", "low"), [(1e7, 0.1), (1e12, 1e-4)])
def test_a_rate_that_is_large_where_the_state_is_not(c, low):
    """Γ² = c on the upper half and smooth: the flow leaves it at once and is slow from there on."""

    def rate(v):
        return c * np.clip((v - 0.5) / 0.5, 0, None) ** 4 + 1

    model = cj.Model([cj.Block(S, 40)], [cj.OneBody(0.3 * X, S)], [cj.LocalJump(LOWER, S, rate=rate, argument={S: UP})])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of the integrators
        found = cj.mean_field(model, cj.tilted(model, low, 0.0), [0.0, 1.0, 8.0])
    slow = cj.Model([cj.Block(S, 40)], [cj.OneBody(0.3 * X, S)], [cj.LocalJump(LOWER, S)])
    assert found.mean[-1, 2] < 0
    later = cj.mean_field(slow, cj.product(slow, {S: found.densities[0][1]}), [0.0, 7.0])
    assert found.mean[-1] == pytest.approx(later.mean[-1], abs=1e-8)


@pytest.mark.parametrize("method", ["DOP853", "LSODA"])
def test_what_no_integrator_follows_is_one_line_without_warnings(method, capfd, monkeypatch):
    """dy/dt = y² has no solution at t = 1, and an edge in the flow holds it for ever."""
    step = OdeSolver.step

    def complains(self):
        warnings.warn_explicit("lsoda: Repeated error test failures", UserWarning, "_ode.py", 1, "scipy.integrate._ode")
        return step(self)

    monkeypatch.setattr(OdeSolver, "step", complains)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(cj.ConvergenceError, match="could not be integrated to t = 2: ") as beyond:
            integrate(lambda t, y: y**2, np.ones(1), np.array([0.0, 2.0]), methods=[Method(method, 20_000, 0)])
        with pytest.raises(cj.ConvergenceError, match="could not be integrated to t = 2: "):
            integrate(
                lambda t, y: np.where(y > 0.5, -1e9, 1.0),
                np.zeros(1),
                np.array([2.0]),
                methods=[Method(method, 2000, 0)],
            )
    assert not seen
    assert "\n" not in str(beyond.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("size", "omega", "rate", "t"), [(12, 1e6, 10.0, 1e-5), (12, 1e6, 1e7, 1e-6), (1, 1e49, 0, 1e-49)]
)
def test_short_steps_of_the_master_equation(size, omega, rate, t):
    """Steps that are far too long overflow, quietly, and are made shorter."""
    model = cj.systems.free_flips(size, omega, rate, 0.5 * rate)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cj.master_equation(model, cj.tilted(model, 0.0, 0.0), [0.0, t])
    assert found.mean[-1] == pytest.approx(_bloch(omega, rate, 0.5 * rate, t), abs=1e-9)
    assert found.sector_weights.sum(axis=1) == pytest.approx(1, abs=1e-10)


def test_what_is_not_finite_is_not_called_a_success():
    with pytest.raises(cj.ConvergenceError, match="to t = 2: the solution is not finite"):
        integrate(
            lambda t, y: np.where(t > 1, np.nan, -y), np.ones(1), np.array([2.0]), methods=[Method("LSODA", 5000, 0)]
        )


def test_a_first_step_that_overflows_is_made_shorter_quietly():
    model = cj.systems.free_flips(2, 1e49, 0, 0)
    state = cj.tilted(model, 0.0, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(cj.ConvergenceError, match="would apply its generator"):
            cj.master_equation(model, state, [0.0, 1.0])


def test_what_a_master_equation_would_cost_is_said_before_it_is_spent():
    model = cj.systems.free_flips(40, 1e6, 10, 10)
    state = cj.tilted(model, 1.1, 0.4)
    with pytest.raises(
        cj.ConvergenceError, match=r"to t = 1 would apply its generator .*e\+08 times, some .* hours here"
    ):
        cj.master_equation(model, state, [0.0, 1.0])
    with pytest.raises(cj.ConvergenceError, match="`applications` = 20 are allowed"):
        cj.master_equation(model, state, [0.0, 1e-5], applications=20)
    with pytest.raises(cj.ArgumentError, match="`applications` must be a finite number of at least 1"):
        cj.master_equation(model, state, [0.0, 1e-5], applications=0)


def test_a_detuned_spin_of_long_standing():
    """A single undamped spin at energies of 1e-6 over t = 2·10^7."""
    H = 1e-6 * np.array([[0.3, 0.5], [0.5, -0.3]])
    model = cj.Model([cj.Block(S, 1)], [cj.OneBody(H, S)])
    times = [0.0, 1.3e7, 2e7]
    state = cj.product(model, {S: [1, 0]})
    kets = [expm(-1j * H * t) @ [1, 0] for t in times]
    expected = [
        [2 * (k[0].conj() * k[1]).real, 2 * (k[0].conj() * k[1]).imag, abs(k[0]) ** 2 - abs(k[1]) ** 2] for k in kets
    ]
    for solve in (cj.master_equation, cj.mean_field):
        assert solve(model, state, times).mean == pytest.approx(np.array(expected), abs=1e-9)
