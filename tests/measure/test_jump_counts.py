"""Numbers of jumps against closed forms: Poisson, resonance fluorescence; and against the jump records."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories.engine import make_engine
from tests.support.pauli import LOWER, X

TIMES = np.linspace(0, 2, 9)
PATTERNS = np.array([[1, 1, 1, -1, -1], [1, 1, -1, 1, -1]])


def _models():
    return {
        "banded": cj.systems.constrained(20, 0.7, 1.3, 0.8),
        "one": cj.systems.constrained(1, 0.7, 1.3, 0.8),
        "side by side": cj.systems.hopfield(PATTERNS, 0.5, 1.2),
        "several blocks": cj.systems.hopfield(cj.systems.random_patterns(3, 6, 1), 0.5, 1.2),
        "no jumps": cj.Model([cj.Block("s", 3)], [cj.OneBody(X, "s")]),
    }


@pytest.mark.parametrize("name", _models())
def test_counts_are_those_of_the_jump_record(name):
    model = _models()[name]
    engine = make_engine(model, cj.tilted(model, 1.1, 0.4), TIMES, 1e-9)
    for index in range(3):
        one = engine.run(1, index, record=True)
        before = one.jumps["time"][None, :] <= TIMES[:, None]
        channels = one.jumps["channel"][None, :] == np.arange(len(model.jumps))[:, None]
        assert np.array_equal(one.counts, before.astype(int) @ channels.T)
        assert one.counts.dtype == np.int64
        assert one.counts[-1].sum() == one.n_jumps


def test_counts_over_a_pause_of_the_kernel(monkeypatch):
    """The running number survives the return to Python every few thousand jumps."""
    model = cj.systems.free_flips(30, 0.7, 1.3, 0.8)
    state = cj.tilted(model, 1.1, 0.4)
    whole = make_engine(model, state, TIMES, 1e-9).run(3, 0)
    monkeypatch.setattr("cojump.trajectories.spin_engine._SEGMENT", 5)
    pieces = make_engine(model, state, TIMES, 1e-9).run(3, 0)
    assert np.array_equal(whole.counts, pieces.counts)
    assert whole.n_jumps > 50


@pytest.mark.parametrize("size", [1, 12])
def test_flips_of_equal_rates_are_a_poisson_process(size):
    """Every particle flips at the rate r, up or down, whatever the drive does: n is Poisson with mean N r t."""
    rate, n_traj = 1.5, 3000
    model = cj.systems.free_flips(size, 0.6, rate, rate)
    result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), TIMES, n_traj=n_traj, seed=size, burn_in=0.5)
    counts, activity = result.counts, result.activity
    expected = size * rate * TIMES
    assert counts.labels == ("0", "1", "total")
    assert np.array_equal(counts.mean[0], np.zeros(3))
    off = np.abs(counts["total"][0] - expected)[1:] / np.sqrt(expected[1:] / n_traj)
    assert off.max() < 4
    # the variance of n over n_traj Poisson numbers varies by √((2 m² + m)/n_traj)
    spread = np.sqrt((2 * expected**2 + expected)[1:] / n_traj)
    assert (np.abs(counts["total"][1] - expected)[1:] / spread).max() < 4
    value, error = activity["total"]
    assert abs(value - rate) < 4 * error
    assert error == pytest.approx(np.sqrt(rate / (size * 1.5 * n_traj)), rel=0.05)
    assert (activity.start, activity.end) == (0.5, 2.0)
    assert abs(activity.fano[-1] - 1) < 4 * activity.fano_stderr[-1]
    # Var(s²/n̄) of Poisson numbers is 2/n_traj to leading order, whatever the mean
    assert activity.fano_stderr[-1] == pytest.approx(np.sqrt(2 / n_traj), rel=0.1)
    assert result.n_jumps == pytest.approx(counts.mean[-1, -1] * n_traj, rel=1e-12)


def _fluorescence(omega, gamma, duration):
    """Rate and Fano factor of the photons of a driven atom in its stationary state, counted for ``duration``.

    Var(n) = R T + 2 R² ∫_0^T (T - τ)(g2(τ) - 1) dτ with the intensity correlation of resonance fluorescence
    g2 = 1 - e^{-3γτ/4} (cos μτ + 3γ/(4μ) sin μτ), μ² = Ω² - γ²/16 (Carmichael and Walls 1976).
    """
    rate = gamma * omega**2 / (gamma**2 + 2 * omega**2)
    mu = np.sqrt(complex(omega**2 - gamma**2 / 16))
    tau, weight = np.polynomial.legendre.leggauss(400)
    tau, weight = duration * (tau + 1) / 2, weight * duration / 2
    excess = -np.exp(-0.75 * gamma * tau) * (np.cos(mu * tau) + 0.75 * gamma / mu * np.sin(mu * tau)).real
    return rate, 1 + 2 * rate / duration * float(weight @ ((duration - tau) * excess))


def test_the_closed_form_of_the_fluorescence_is_mandels():
    omega, gamma = 0.7, 1.0
    _, fano = _fluorescence(omega, gamma, 4000.0)
    assert fano == pytest.approx(1 - 6 * omega**2 * gamma**2 / (gamma**2 + 2 * omega**2) ** 2, abs=1e-3)


@pytest.fixture(scope="module")
def atom():
    """One atom, H = (Ω/2) σ_x, decay γ = 1, near the strongest antibunching Ω = γ/√2."""
    model = cj.Model([cj.Block("atom", 1)], [cj.OneBody(0.35 * X, "atom")], [cj.LocalJump(LOWER, "atom")])
    state = cj.tilted(model, np.pi, 0.0)
    return model, state, cj.simulate(model, state, [0.0, 15.0, 45.0], n_traj=3000, seed=4, burn_in=15.0)


def test_resonance_fluorescence_is_sub_poissonian(atom):
    _, _, result = atom
    rate, fano = _fluorescence(0.7, 1.0, 30.0)
    activity = result.activity
    assert fano < 0.3
    assert abs(activity.mean[-1] - rate) < 4 * activity.stderr[-1]
    assert abs(activity.fano[-1] - fano) < 4 * activity.fano_stderr[-1]
    assert activity.fano_stderr[-1] < 0.01
    # controls: independent photons, and a drive 10 % too strong
    assert abs(activity.fano[-1] - 1) > 50 * activity.fano_stderr[-1]
    assert abs(activity.mean[-1] - _fluorescence(0.77, 1.0, 30.0)[0]) > 10 * activity.stderr[-1]


@pytest.mark.validation
def test_the_error_of_the_fano_factor_is_its_spread():
    """Over 60 seeds; bunched jumps, so that the third and fourth moments matter."""
    model = cj.systems.facilitated(6, 0.3, 3.0, 1.0)
    state = cj.tilted(model, 0.3, 0.0)
    runs = [cj.simulate(model, state, [0.0, 2.0, 6.0], n_traj=100, seed=s, burn_in=2.0).activity for s in range(50)]
    assert np.mean([r.fano[-1] for r in runs]) > 1.5
    spread = np.std([r.fano for r in runs], axis=0, ddof=1)
    stated = np.sqrt(np.mean([r.fano_stderr**2 for r in runs], axis=0))
    assert np.all(np.abs(spread / stated - 1) < 0.3)  # 50 seeds know a spread to 10 %


def test_counts_survive_the_file(atom, tmp_path):
    _, _, result = atom
    result.save(tmp_path / "r.h5")
    again = cj.load(tmp_path / "r.h5")[0]
    assert np.array_equal(again.counts.variance, result.counts.variance)
    assert again.activity.fano_stderr[0] == result.activity.fano_stderr[0]
    assert (again.activity.start, again.activity.end) == (15.0, 45.0)


def test_a_single_trajectory_and_a_single_time():
    model = cj.systems.free_flips(3, 0.7, 1.0, 1.0)
    state = cj.tilted(model, 1.1, 0.4)
    one = cj.simulate(model, state, [0.0, 1.0], n_traj=1)
    assert np.isnan(one.activity.fano).all()
    assert np.isfinite(one.activity.mean).all()
    assert np.isnan(one.counts.variance).all()
    with pytest.raises(
        cj.ArgumentError, match="`activity` must be counted between two output times, but this run has one"
    ):
        _ = cj.simulate(model, state, [1.0], n_traj=2).activity
    with pytest.raises(cj.ArgumentError, match="be one of 0, 1, total"):
        one.counts["2"]
