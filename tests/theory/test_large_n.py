"""The 1/N expansion against the exact master equation at growing N, and against trajectories."""

import numpy as np
import pytest

import cojump as cj
from tests.support.extrapolation import MODELS, approach, hopfield, tilted

TIMES = np.array([0.5, 1.0, 2.0])
QUICK = ("constrained", "mixed decay", "hopfield, excluded", "p-spin")


def check_approach(name):
    for figure, found in zip(("C", "δ"), approach(name, TIMES), strict=True):
        print(f"\n{name}: {figure} missed by {found.miss:.1e}, {found.still:.3f} left, ratio {found.ratio:.3f}", end="")
        assert found.miss < 0.02
        assert 1.7 < found.ratio < 2.2
        # the three sizes alone do not reach the limit, so it is the theory that they are extrapolated to
        assert found.still > 0.01


@pytest.mark.parametrize("name", QUICK)
def test_exact_moments_extrapolate_to_the_theory(name):
    check_approach(name)


@pytest.mark.validation
@pytest.mark.parametrize("name", [name for name in MODELS if name not in QUICK])
def test_exact_moments_of_larger_models_extrapolate_to_the_theory(name):
    check_approach(name)


def exact_difference(N, times):
    """N times the difference of the exact means, the flipping spin left out (58) less taken along (59)."""
    means = []
    for exclude_self in (True, False):
        model = hopfield(N, exclude_self=exclude_self)
        means.append(cj.master_equation(model, tilted(model), times).mean)
    return N * (means[0] - means[1])


@pytest.mark.validation
def test_leaving_the_flipping_spin_out_shifts_the_means_by_one_over_n():
    """(58) and (59) have one limit, and N times their difference tends to that of the two corrections."""
    sizes = (16, 32, 64, 128)
    found = np.array([exact_difference(N, TIMES) for N in sizes])
    corrections = []
    for exclude_self in (True, False):
        model = hopfield(10, exclude_self=exclude_self)
        corrections.append(cj.mean_field(model, tilted(model), TIMES).correction)
    limit = corrections[0] - corrections[1]
    away = np.abs(found - limit).max(axis=(1, 2)) / np.abs(limit).max()
    print("\nN, distance from the limit:", *(f"{N}: {a:.4f}" for N, a in zip(sizes, away, strict=True)))
    assert np.all(np.abs(away[:-1] / away[1:] - 2) < [0.2, 0.1, 0.06])  # it halves, the better the larger N
    assert away[-1] < 0.02
    extrapolated = (8 * found[3] - 6 * found[2] + found[1]) / 3
    assert np.abs(extrapolated - limit).max() < 1e-3 * np.abs(limit).max()


# ---- trajectories --------------------------------------------------------------------------------


@pytest.mark.validation
def test_trajectories_of_a_thousand_spins_meet_the_covariance():
    model = cj.systems.constrained(1000, 0.7, 1.3, 0.8)
    state, times = tilted(model), np.array([0.5, 1.0, 2.0, 3.0])
    mf = cj.mean_field(model, state, times)
    result = cj.simulate(model, state, times, n_traj=3000, seed=11)
    diagonal = np.einsum("taa->ta", mf.covariance)
    error = np.einsum("taa->ta", result.covariance_stderr) / diagonal
    assert error.max() < 0.03
    rows, columns = np.triu_indices(3)
    off = (result.covariance - mf.covariance)[:, rows, columns] / result.covariance_stderr[:, rows, columns]
    print(f"\nlargest error {100 * error.max():.2f} % of the diagonal, worst {np.abs(off).max():.2f} standard errors")
    assert np.abs(off).max() < 4
    # control: the covariance of independent spins at the same means is far outside
    wrong = np.eye(3) - np.einsum("ta,tb->tab", mf.mean, mf.mean)
    assert np.abs((result.covariance - wrong) / result.covariance_stderr).max() > 10
    deviation = (1000 * result.deviation - mf.deviation) / (1000 * result.deviation_stderr)
    assert np.abs(deviation).max() < 4


@pytest.mark.validation
def test_trajectories_of_a_hundred_spins_resolve_the_correction_of_the_mean():
    N = 100
    model = cj.systems.constrained(N, 0.7, 1.3, 0.8)
    state, times = tilted(model), np.array([0.5, 1.0, 2.0])
    mf = cj.mean_field(model, state, times)
    result = cj.simulate(model, state, times, n_traj=40_000, seed=12)
    found, error = N * (result.mean - mf.mean), N * result.mean_stderr
    for t, a, b, e in zip(times, found[:, 2], mf.correction[:, 2], error[:, 2], strict=True):
        print(f"\nt = {t}: N(<m_z> - m_z) = {a:.3f} ± {e:.3f}, δ_z = {b:.3f}", end="")
    assert np.all(np.abs(found[:, 2]) > 5 * error[:, 2])
    # the next order is δ/N in size; what is left is noise
    left = np.abs(found - mf.correction) - 3 * np.abs(mf.correction).max() / N
    assert np.all(left < 4 * error)
    # the mean is nearer to the corrected mean field, in all components together
    plain = np.abs(result.mean - mf.mean).max()
    assert np.abs(result.mean - mf.mean - mf.correction / N).max() < 0.2 * plain
