"""Correlation times, residence times and waiting times against processes whose answers are known."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import kstest

import cojump as cj
from cojump import longtime
from tests.support.longer import few
from tests.support.pauli import LOWER, X

# ---- integrated autocorrelation times ------------------------------------------------------------


def _ar1(rng, rho, shape):
    """Stationary AR(1), x' = ρ x + ξ, of unit variance: τ = (1 + ρ)/(2 (1 - ρ)) steps."""
    kicks = rng.normal(size=shape) * np.sqrt(1 - rho**2)
    kicks[..., 0] /= np.sqrt(1 - rho**2)
    return lfilter([1.0], [1.0, -rho], kicks, axis=-1)


def _known(rho):
    return (1 + rho) / (2 * (1 - rho))


@pytest.mark.parametrize(("rho", "shape"), [(0.0, (4000,)), (0.5, (4000,)), (0.9, (20000,)), (0.9, (10, 2000))])
def test_correlation_time_of_an_autoregressive_process(rho, shape):
    """Over 200 seeds: unbiased to a part of its error, and the stated error is the spread."""
    rng = np.random.default_rng(11)
    found = [longtime.autocorrelation_time(_ar1(rng, rho, shape)) for _ in range(200)]
    values, errors = (np.array([getattr(f, name) for f in found]) for name in ("value", "stderr"))
    spread = values.std(ddof=1)
    assert errors.mean() < 0.11 * _known(rho)
    assert abs(values.mean() - _known(rho)) < 3 * spread / np.sqrt(200) + 0.005 * _known(rho)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(spread, rel=0.25)
    assert np.mean(np.abs(values - _known(rho)) < 3 * errors) > 0.95
    assert all(f.reliable for f in found)
    # control: the τ of another process is far outside
    assert abs(values.mean() - _known(rho + 0.05)) > 10 * spread / np.sqrt(200)


@pytest.mark.parametrize(("rho", "n"), few([(0.5, 450), (0.5, 1500), (0.9, 9500)], (0.5, 450), (0.5, 1500), rows=True))
def test_the_error_of_a_correlation_time_knows_that_its_window_fluctuates(rho, n):
    """For 300 and 1000 τ: with the error at a fixed window the median pull is 10 to 25 % too wide."""
    rng = np.random.default_rng(23)
    found = [longtime.autocorrelation_time(_ar1(rng, rho, (n,))) for _ in range(1500)]
    values, errors = (np.array([getattr(f, name) for f in found]) for name in ("value", "stderr"))
    assert values.std(ddof=1) / np.median(errors) == pytest.approx(1.03, abs=0.06)
    assert np.std((values - _known(rho)) / errors) == pytest.approx(1.01, abs=0.06)


BURN = 2000
"""Steps until the processes below have forgotten their start (0.98^2000 = 3e-18)."""


def _ar2(rng, r, theta, shape):
    """AR(2) with the poles r e^{±iθ}: ρ(k) is r^k times a cosine of period 2π/θ steps."""
    kicks = rng.normal(size=(*shape[:-1], shape[-1] + BURN))
    return lfilter([1.0], [1.0, -2 * r * np.cos(theta), r**2], kicks, axis=-1)[..., BURN:]


def _known2(r, theta):
    """Half the spectral density at frequency 0 over the variance (Yule-Walker)."""
    a, b = 2 * r * np.cos(theta), -(r**2)
    return (1 + b) * ((1 - b) ** 2 - a**2) / (2 * (1 - b) * (1 - a - b) ** 2)


@pytest.mark.parametrize(
    ("r", "theta", "shape"),
    [
        (0.95, 0.05, (20000,)),  # a third of a radian while it is damped
        (0.9, 0.5, (20000,)),
        (0.95, 0.3, (20000,)),
        (0.95, 0.3, (10, 2000)),
        (0.98, 0.1, (40000,)),
        (0.95, 1.0, (20000,)),  # τ = 0.086 steps, damped in 20
    ],
)
def test_correlation_time_of_a_damped_oscillation(r, theta, shape):
    """Over 200 seeds: unbiased to a part of its error, and the stated error is the spread."""
    rng = np.random.default_rng(13)
    tau = _known2(r, theta)
    found = [longtime.autocorrelation_time(_ar2(rng, r, theta, shape)) for _ in range(200)]
    values, errors = (np.array([getattr(f, name) for f in found]) for name in ("value", "stderr"))
    spread = values.std(ddof=1)
    assert errors.mean() < 0.36 * tau
    assert abs(values.mean() - tau) < 3 * spread / np.sqrt(200)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(spread, rel=0.25)
    assert np.mean(np.abs(values - tau) < 3 * errors) > 0.95
    # control: the τ of another oscillation with the same damping is far outside
    assert abs(values.mean() - _known2(r, 1.5 * theta)) > 10 * spread / np.sqrt(200)


def test_the_closed_forms_are_sums_of_correlations():
    k = np.arange(1, 4000)
    for r, theta in ((0.95, 0.3), (0.98, 0.1), (0.9, 2.5)):
        rho = r**k * (np.cos(k * theta) + (1 - r**2) / (1 + r**2) / np.tan(theta) * np.sin(k * theta))
        assert 0.5 + rho.sum() == pytest.approx(_known2(r, theta), rel=1e-9, abs=1e-12)
    assert _known2(0.0, 1.0) == _known(0.0) == 0.5


def test_a_sum_of_a_slow_decay_and_a_fast_oscillation():
    """The window follows the slower of the two, whatever their weights: τ is their weighted mean."""
    rng = np.random.default_rng(17)
    slow, fast = _known(0.95), _known2(0.95, 1.0)

    def series():
        a, b = _ar1(rng, 0.95, (40000,)), _ar2(rng, 0.95, 1.0, (40000,))
        return a + 2 * b / b.std()

    found = [longtime.autocorrelation_time(series()) for _ in range(60)]
    values, tau = np.array([f.value for f in found]), (slow + 4 * fast) / 5
    assert values.std(ddof=1) < 0.12 * tau
    assert abs(values.mean() - tau) < 3 * values.std(ddof=1) / np.sqrt(60) + 0.005 * tau


def test_an_oscillating_run_too_short_for_its_damping_is_flagged():
    rng = np.random.default_rng(3)
    assert longtime.autocorrelation_time(_ar2(rng, 0.98, 0.5, (20000,))).reliable
    assert not longtime.autocorrelation_time(_ar2(rng, 0.98, 0.5, (1500,))).reliable


@pytest.mark.parametrize("n", [4, 8, 20])
def test_a_few_values_are_never_reliable(n):
    rng = np.random.default_rng(4)
    assert not any(longtime.autocorrelation_time(_ar2(rng, 0.97, 0.2, (n,))).reliable for _ in range(200))


def test_what_fluctuates_has_an_error_even_if_its_correlation_time_is_estimated_as_zero():
    """τ is 0.13 ± 0.1 here: one estimate in ten is negative, and its σ √(2τ/T) would be 0."""
    rng = np.random.default_rng(5)
    runs = [
        longtime.averages(
            SimpleNamespace(
                times=np.arange(20000.0),
                labels=("a",),
                trajectories=_ar2(rng, np.exp(-1 / 50), 0.4, (1, 20000))[:, :, None],
            )
        )
        for _ in range(60)
    ]
    assert min(r.tau[0] for r in runs) == 0
    pulls = np.array([r.mean[0] / r.stderr[0] for r in runs])
    assert np.abs(pulls).max() < 4
    assert 0.5 < pulls.std(ddof=1) < 1.3


def test_averages_of_an_oscillating_series_have_honest_errors():
    """σ √(2τ/T) is 2.4 times less than what independent values would have."""
    rng = np.random.default_rng(19)
    times = np.arange(10000.0)
    runs = [
        longtime.averages(
            SimpleNamespace(times=times, labels=("a",), trajectories=_ar2(rng, 0.95, 1.0, (2, 10000))[:, :, None])
        )
        for _ in range(150)
    ]
    means = np.array([r.mean[0] for r in runs])
    stated = np.sqrt(np.mean([r.stderr[0] ** 2 for r in runs]))
    assert abs(means.std(ddof=1) / stated - 1) < 0.25


def test_units_of_time():
    x = _ar1(np.random.default_rng(1), 0.8, (5000,))
    steps, seconds = longtime.autocorrelation_time(x), longtime.autocorrelation_time(x, spacing=0.02)
    for name in ("value", "stderr", "cut"):
        assert getattr(seconds, name) == pytest.approx(0.02 * getattr(steps, name))
    assert seconds.variance == steps.variance == pytest.approx(1, abs=0.2)


def test_a_run_too_short_is_flagged():
    rng = np.random.default_rng(2)
    assert longtime.autocorrelation_time(_ar1(rng, 0.99, (20000,))).reliable
    assert not longtime.autocorrelation_time(_ar1(rng, 0.99, (1500,))).reliable
    # many series that are each too short do not help: all may sit where they began
    assert not longtime.autocorrelation_time(_ar1(rng, 0.99, (50, 1500))).reliable


@pytest.mark.parametrize(
    "series", [np.zeros(100), np.zeros((3, 4)), np.full((2, 100), 0.3) + 1e-17, np.full(60, -7e-30)]
)
def test_a_series_that_stands_still_has_no_correlation_time(series):
    """Nothing is known of how long it will stand still: not τ = 0 ± 0, and never reliable."""
    found = longtime.autocorrelation_time(series)
    assert np.isnan([found.value, found.stderr]).all()
    assert (found.variance, found.reliable) == (0.0, False)


def test_an_average_that_stands_still_does_not_know_its_error():
    series = np.zeros((1, 200, 2))
    series[:, :, 0] = 1e-17 * np.random.default_rng(1).normal(size=200)  # zero by symmetry, with its rounding
    kept = SimpleNamespace(times=np.arange(200.0), labels=("a", "b"), trajectories=series)
    found = longtime.averages(kept)
    assert np.isnan([found.tau, found.tau_stderr, found.stderr]).all()
    assert not found.reliable.any()


@pytest.mark.parametrize("unit", [1e-200, 1e-15, 1e12])
def test_the_unit_of_a_series_does_not_matter(unit):
    x = _ar1(np.random.default_rng(1), 0.8, (5000,))
    expected, found = longtime.autocorrelation_time(x), longtime.autocorrelation_time(unit * x)
    assert found.reliable
    assert [found.value, found.stderr] == pytest.approx([expected.value, expected.stderr], rel=1e-9)
    assert found.variance == pytest.approx(expected.variance * unit**2, rel=1e-9)


def test_averages_over_time_have_honest_errors():
    """The error of the mean from τ is the spread of the means; a naive one is three times too small."""
    rng = np.random.default_rng(5)
    times = 0.5 * np.arange(4000)

    def run():
        series = 0.4 + _ar1(rng, 0.8, (2, 2, 4000)).transpose(0, 2, 1)
        return longtime.averages(SimpleNamespace(times=times, labels=("a", "b"), trajectories=series), burn_in=100.0)

    runs = [run() for _ in range(150)]
    assert (runs[0].start, runs[0].end, runs[0].labels) == (100.0, 1999.5, ("a", "b"))
    means = np.array([r.mean for r in runs])
    stated = np.sqrt(np.mean([r.stderr**2 for r in runs], axis=0))
    assert np.all(np.abs(means.std(axis=0, ddof=1) / stated - 1) < 0.25)
    assert np.all(np.abs(means.mean(axis=0) - 0.4) < 4 * stated / np.sqrt(150))
    assert np.all(stated > 2.5 / np.sqrt(2 * 3800))
    assert np.mean([r.tau for r in runs]) == pytest.approx(0.5 * _known(0.8), rel=0.02)


def test_trajectories_of_flips_relax_with_their_rate():
    """Independent flips without a drive: <m_z> of a trajectory in a Dicke state relaxes with r_up + r_down."""
    model = cj.systems.free_flips(4, 0.0, 1.3, 0.8)
    times = np.arange(0, 3000, 0.1)
    one = cj.trajectory(model, cj.dicke(model, {"spins": (2, -2)}), times, seed=3, index=0)
    found = longtime.averages(one, burn_in=10.0)
    z = found.labels.index("spins.z")
    tau = 0.1 * (1 / (1 - np.exp(-0.21)) - 0.5)
    assert found.tau_stderr[z] < 0.06 * tau
    assert abs(found.tau[z] - tau) < 4 * found.tau_stderr[z]
    assert abs(found.mean[z] - 0.5 / 2.1) < 4 * found.stderr[z]
    assert found.stderr[z] == pytest.approx(np.sqrt(2 * tau * (1 - (0.5 / 2.1) ** 2) / 4 / 2990), rel=0.1)
    assert found.reliable[z]
    # a Dicke state has no coherences: what stands still is not said to be known
    assert np.isnan(found.stderr[:z]).all()
    assert not found.reliable[:z].any()


def test_bad_series_are_refused():
    kept = SimpleNamespace(times=np.array([0.0, 1.0, 3.0, 4.0, 5.0]), labels=("a",), trajectories=np.zeros((1, 5, 1)))
    with pytest.raises(cj.ArgumentError, match="`times` must be equally spaced in the window"):
        longtime.averages(kept)
    kept.trajectories = np.zeros((0, 5, 1))
    with pytest.raises(cj.ArgumentError, match="`source` must keep the series of trajectories"):
        longtime.averages(kept)
    with pytest.raises(cj.ArgumentError, match="be a result that keeps series, or a trajectory"):
        longtime.averages(3)
    for bad, message in (([1.0, 2.0], "at least four"), ([1.0, np.nan, 1, 1], "be finite"), (np.ones((2, 2, 2)), "sh")):
        with pytest.raises(cj.ArgumentError, match=message):
            longtime.autocorrelation_time(bad)


# ---- residence times -----------------------------------------------------------------------------


def _telegraph(rng, rates, duration, times):
    """±1, leaving -1 and +1 at the given rates, at the output times; and how often it switched."""
    t, state, switches, ends = 0.0, 0, [], []
    while t < duration:
        t += rng.exponential(1 / rates[state])
        switches.append(t)
        state = 1 - state
        ends.append(state)
    values = np.array([0, *ends])[np.searchsorted(switches, times, side="right")]
    return 2.0 * values - 1, int(np.sum(np.array(switches) < times[-1]))


@pytest.fixture(scope="module")
def telegraph():
    rng = np.random.default_rng(8)
    times = np.arange(0, 4000, 0.02)
    series, switches = zip(*(_telegraph(rng, (0.5, 0.2), 4000, times) for _ in range(3)), strict=True)
    noisy = np.array(series) + rng.uniform(-0.4, 0.4, size=(3, len(times)))  # what hysteresis is for
    return longtime.residence(times, noisy, -0.5, 0.5), sum(switches)


def test_residence_times_of_a_telegraph_process(telegraph):
    found, switches = telegraph
    assert np.all(found.stderr < 0.025 * found.mean)
    assert np.all(np.abs(found.mean - [2.0, 5.0]) < 4 * found.stderr)
    assert abs(found.switches - switches) <= 0.02 * switches  # shorter visits than a step are missed
    assert found.time.sum() == pytest.approx(3 * 3999.98)
    # control: the rates of another process
    assert abs(found.mean[0] - 1 / 0.6) > 4 * found.stderr[0]
    assert abs(found.mean[1] - 1 / 0.25) > 4 * found.stderr[1]


def test_visits_are_marked_where_they_are_cut(telegraph):
    found, _ = telegraph
    v = found.visits
    assert v["censored"].sum() == 6
    for k in range(3):
        own = v[v["trajectory"] == k]
        assert own["censored"][[0, -1]].all()
        assert np.array_equal(own["state"][1:], 1 - own["state"][:-1])
        assert own["start"][1:] == pytest.approx(own["start"][:-1] + own["duration"][:-1], abs=1e-9)


def test_censored_stays_count():
    """Series shorter than the stays: complete ones alone would be three times too short."""
    rng = np.random.default_rng(9)
    times = np.arange(0, 6, 0.02)
    series = np.array([_telegraph(rng, (0.25, 0.1), 6, times)[0] for _ in range(3000)])
    found = longtime.residence(times, series, -0.5, 0.5)
    assert np.all(np.abs(found.mean - [4.0, 10.0]) < 4 * found.stderr)
    assert found.stderr[0] < 0.1
    complete = found.visits[~found.visits["censored"] & (found.visits["state"] == 1)]
    assert complete["duration"].mean() < 3.0


def test_hysteresis_and_the_time_of_a_passage():
    t = np.arange(8.0)
    x = np.array([0.0, 1.0, 0.0, -0.4, 0.2, -1.0, 0.0, 3.0])
    found = longtime.residence(t, x, -0.5, 0.5)
    assert found.visits["state"].tolist() == [1, 0, 1]
    # the passages: 0 → 1 reaches 0.5 at 0.5, 0.2 → -1 reaches -0.5 at 4 + 0.7/1.2, 0 → 3 reaches 0.5 at 6 + 1/6
    assert found.visits["start"] == pytest.approx([0.5, 4 + 0.7 / 1.2, 6 + 1 / 6])
    assert found.visits["censored"].tolist() == [False, False, True]
    assert found.exits.tolist() == [1, 1]
    assert found.switches == 2


def test_states_never_left_and_never_seen():
    found = longtime.residence([0.0, 1.0, 2.0], [0.0, 0.0, -1.0], -0.5, 0.5)
    assert found.mean[0] == np.inf
    assert np.isnan(found.stderr).all()
    assert np.isnan(found.mean[1])
    nothing = longtime.residence([0.0, 1.0], [[0.0, 0.1]], -0.5, 0.5)
    assert nothing.visits.size == nothing.switches == 0
    for low, high, series, message in (
        (0.5, -0.5, [0.0, 0.0], "`low` must be less than `high`"),
        (-0.5, 0.5, [0.0], "`series` must have one value for each of the 2 times"),
        ("a", 0.5, [0.0, 0.0], "`low` must be a finite number"),
    ):
        with pytest.raises(cj.ArgumentError, match=message):
            longtime.residence([0.0, 1.0], series, low, high)


def test_excitations_die_out_in_facilitated_flips():
    """One pair, up-flips at κ n_av², decay γ: without a drive the active states are left for good, at a known time.

    From two excitations: 2γ down to one; from there γ down to none, or κ/4 (times the one particle that is down)
    back up. The mean time to absorption solves h1 = (1 + κ/4 h2)/(γ + κ/4), h2 = 1/(2γ) + h1.
    """
    kappa, gamma = 3.0, 1.0
    model = cj.systems.facilitated(2, 0.0, kappa, gamma)
    times = np.arange(0, 30, 0.05)
    result = cj.simulate(model, cj.dicke(model, {"spins": (1, 1)}), times, n_traj=400, keep=400, seed=6)
    n = longtime.kept_series(result, {"spins": np.diag([1.0, 0.0])}, model=model)
    assert n == pytest.approx((1 + longtime.kept_series(result, "spins.z")) / 2, abs=1e-12)
    found = longtime.residence(times, n, 0.01, 0.45)
    h1 = (1 + kappa / 4 / (2 * gamma)) / gamma
    h2 = 1 / (2 * gamma) + h1
    assert found.exits.tolist() == [0, 400]
    assert found.mean[0] == np.inf
    stays = found.visits[found.visits["state"] == 1]["duration"]
    error = stays.std(ddof=1) / np.sqrt(400)
    assert error < 0.09
    assert abs(stays.mean() - h2) < 4 * error
    assert found.mean[1] == pytest.approx(stays.mean(), rel=1e-12)


def test_retrieval_of_a_pattern_and_of_its_negative():
    """Without a drive a Hopfield network from a Dicke state is a birth-death chain on the number k of spins up.

    The mean stay along the pattern is the mean first-passage time from the first k with overlap ≥ 1/2 to the first
    with overlap ≤ -1/2: -1 = w_up(k) (h(k+1) - h(k)) + w_dn(k) (h(k-1) - h(k)).
    """
    N, beta = 8, 1.2
    model = cj.systems.hopfield(np.ones((1, N)), 0.0, beta)
    times = np.arange(0, 3000, 0.05)
    one = cj.trajectory(model, cj.dicke(model, {"+": (N / 2, N / 2)}), times, seed=7, index=0)
    overlap = longtime.kept_series(one, "overlap1", model=model)
    found = longtime.residence(times, overlap, -0.5, 0.5)

    def rates(k):
        """Glauber rates of the whole chain: a spin flips along its field h at e^{βh}/(2 cosh βh)."""
        up, down = (2 * k - (N - 1)) / N, (2 * (k - 1) - (N - 1)) / N
        return (N - k) / (1 + np.exp(-2 * beta * up)), k / (1 + np.exp(2 * beta * down))

    ks = np.arange(N // 4 + 1, N + 1)  # overlap above -1/2
    chain = np.zeros((len(ks), len(ks)))
    for row, k in enumerate(ks):
        w_up, w_dn = rates(k)
        chain[row, row] = -(w_up + w_dn)
        if row + 1 < len(ks):
            chain[row, row + 1] = w_up
        if row > 0:
            chain[row, row - 1] = w_dn
    passage = np.linalg.solve(chain, -np.ones(len(ks)))[3 * N // 4 - ks[0]]
    assert np.all(found.stderr < 0.12 * passage)
    assert np.all(np.abs(found.mean - passage) < 4 * found.stderr)
    assert found.switches > 150
    # control: the passage to an overlap of 0 is another time
    assert np.all(np.abs(found.mean - np.linalg.solve(chain[2:, 2:], -np.ones(len(ks) - 2))[1]) > 4 * found.stderr)


def _birth_death(N, beta, low, high):
    """Mean stay along the pattern, from the first overlap ≥ high to the first ≤ low; a spin feels all N spins."""
    k = np.arange(N + 1)
    overlap = (2 * k - N) / N
    w_up, w_dn = (N - k) / (1 + np.exp(-2 * beta * overlap)), k / (1 + np.exp(2 * beta * overlap))
    chain = np.diag(-(w_up + w_dn)) + np.diag(w_up[:-1], 1) + np.diag(w_dn[1:], -1)
    inside = np.flatnonzero(overlap > low + 1e-9)
    passage = np.linalg.solve(chain[np.ix_(inside, inside)], -np.ones(len(inside)))
    return passage[np.flatnonzero(overlap[inside] > high - 1e-9)[0]]


@pytest.fixture(scope="module")
def near_a_barrier():
    """Two networks of 20 spins that pass between a pattern and its negative, at all of their jumps."""
    N, beta, end = 20, 1.4, 12000.0
    model = cj.systems.hopfield(np.ones((1, N)), 0.0, beta, exclude_self=False)
    state = cj.dicke(model, {"+": (N / 2, N / 2)})
    runs = [longtime.at_jumps(model, state, [0.0, end], seed=11, index=i) for i in range(2)]
    return runs, [longtime.kept_series(run, "overlap1", model=model)[0] for run in runs]


def _seen_at(runs, overlaps, step):
    times = np.arange(0, runs[0].times[-1], step)
    series = [x[np.searchsorted(r.times, times, side="right") - 1] for r, x in zip(runs, overlaps, strict=True)]
    return longtime.residence(times, np.array(series), -0.35, 0.35)


def test_stays_measured_from_the_jumps_have_no_bias(near_a_barrier):
    """Near a barrier passages are often undone at once; output times 4 apart make stays 30 % too long."""
    runs, overlaps = near_a_barrier
    exact = _birth_death(20, 1.4, -0.35, 0.35)
    assert exact == pytest.approx(93.27, abs=0.01)
    found = longtime.residence([r.times for r in runs], overlaps, -0.35, 0.35)
    assert np.all(found.stderr < 0.1 * exact)
    assert np.all(np.abs(found.mean - exact) < 3 * found.stderr)
    assert np.abs(found.step_bias).max() < 1e-3
    biases = []
    for step in (0.05, 1.0, 4.0):
        seen = _seen_at(runs, overlaps, step)
        biases.append((seen.mean / found.mean - 1).mean())
        # what is told is of the order of what is there
        assert biases[-1] / 5 < seen.step_bias.mean() < 2 * biases[-1]
    assert biases[0] == pytest.approx(0.016, abs=0.01)
    assert biases[2] == pytest.approx(0.30, abs=0.08)


def test_output_times_at_jumps_belong_to_the_same_trajectory():
    model = cj.systems.constrained(6, 0.7, 1.3, 0.8)
    state = cj.tilted(model, 1.1, 0.4)
    times = np.linspace(0, 5, 11)
    plain = cj.trajectory(model, state, times, seed=4, index=2)
    found = longtime.at_jumps(model, state, times, seed=4, index=2)
    assert np.array_equal(found.jumps, plain.jumps)
    assert found.mean[np.isin(found.times, times)] == pytest.approx(plain.mean, abs=1e-12)
    places = np.searchsorted(found.times, plain.jumps["time"])
    steps = np.abs(found.mean[places + 1] - found.mean[places]).max(axis=1)
    assert np.all(np.diff(found.times)[places] < 1e-14)
    assert np.median(steps) > 0.1


def test_a_value_on_a_threshold_but_for_rounding_has_reached_it():
    x = [-0.5 + 3e-10, 0.0, 0.5 - 3e-10, 0.1, -0.5 + 3e-10, 0.0]
    for unit in (1e-9, 1.0, 1e9):
        found = longtime.residence(np.arange(6.0), unit * np.array(x), -0.5 * unit, 0.5 * unit)
        assert found.visits["state"].tolist() == [0, 1, 0]
        assert found.exits.tolist() == [1, 1]


def test_series_of_order_parameters():
    model = cj.systems.hopfield(np.array([[1, 1, 1, -1, -1], [1, 1, -1, 1, -1]]), 0.2, 2.0)
    result = cj.simulate(model, cj.corrupted(model, 0, 0.9), [0.0, 1.0, 2.0], n_traj=3, keep=3)
    overlap = longtime.kept_series(result, "overlap1", model=model)
    assert overlap.mean(axis=0) == pytest.approx(result.order.mean[:, 0], abs=1e-12)
    with pytest.raises(
        cj.ArgumentError, match=r"`observable` must be one of .*, overlap1, overlap2, but it is 'overlap'"
    ):
        longtime.kept_series(result, "overlap", model=model)


# ---- waiting times -------------------------------------------------------------------------------


def test_waiting_times_of_a_poisson_process():
    size, rate = 5, 1.2
    model = cj.systems.free_flips(size, 0.5, rate, rate)
    records = [cj.trajectory(model, cj.tilted(model, 1.1, 0.4), [0.0, 60.0], seed=2, index=i).jumps for i in range(6)]
    waits = longtime.waiting_times(records)
    assert waits.intervals.size > 1800
    assert kstest(waits.intervals, "expon", args=(0, 1 / (size * rate))).pvalue > 0.01
    assert kstest(waits.intervals, "expon", args=(0, 1.15 / (size * rate))).pvalue < 1e-3  # control
    assert abs(waits.mean - 1 / (size * rate)) < 4 * waits.stderr
    assert waits.randomness == pytest.approx(1, abs=0.15)
    S, error = waits.survival([0.0, 0.2])
    assert abs(S[1] - np.exp(-0.2 * size * rate)) < 4 * error[1]
    one = longtime.waiting_times(records[0], channel=1, start=30.0)
    chosen = records[0][(records[0]["channel"] == 1) & (records[0]["time"] >= 30)]["time"]
    assert np.array_equal(one.intervals, np.sort(np.diff(chosen)))


def test_waiting_times_of_a_driven_atom():
    """After a photon the atom is down: w(t) = γ (Ω/μ)² e^{-γt/2} sin²(μt/2), μ² = Ω² - γ²/4."""
    omega, gamma = 1.5, 1.0
    model = cj.Model([cj.Block("atom", 1)], [cj.OneBody(omega / 2 * X, "atom")], [cj.LocalJump(LOWER, "atom")])
    record = cj.trajectory(model, cj.tilted(model, np.pi, 0.0), [0.0, 8000.0], seed=1, index=0).jumps
    waits = longtime.waiting_times(record, 0)
    grid = np.linspace(0, 80, 80_001)
    mu = np.sqrt(omega**2 - gamma**2 / 4)
    density = gamma * (omega / mu) ** 2 * np.exp(-gamma * grid / 2) * np.sin(mu * grid / 2) ** 2
    cumulative = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2) * 1e-3])
    assert cumulative[-1] == pytest.approx(1, abs=1e-6)
    assert waits.intervals.size > 3000
    assert kstest(waits.intervals, lambda t: np.interp(t, grid, cumulative)).pvalue > 0.01
    assert kstest(waits.intervals, "expon", args=(0, waits.mean)).pvalue < 1e-6  # control
    mean = (gamma**2 + 2 * omega**2) / (gamma * omega**2)
    assert abs(waits.mean - mean) < 4 * waits.stderr
    # a renewal process: its Fano factor is the variance of the waits over their squared mean
    fano = 1 - 6 * omega**2 * gamma**2 / (gamma**2 + 2 * omega**2) ** 2
    assert waits.randomness == pytest.approx(fano, abs=0.06)
    w, error = waits.density([0.0, 0.3, 1.5, 2.5])
    expected = np.diff(np.interp([0.0, 0.3, 1.5, 2.5], grid, cumulative)) / [0.3, 1.2, 1.0]
    assert np.all(np.abs(w - expected) < 4 * error)


RECORD = np.dtype([("time", "f8"), ("channel", "i8")])

LAWS = {
    "Poisson": (lambda rng, n: rng.exponential(1.0, n), lambda t: np.exp(-t)),
    "regular": (lambda rng, n: rng.gamma(3, 1 / 3, n), lambda t: np.exp(-3 * t) * (1 + 3 * t + 4.5 * t**2)),
}
"""Renewal processes of mean wait 1: draws, and the probability to wait longer."""


def _renewals(rng, draw, duration, count):
    records = []
    for _ in range(count):
        times = np.cumsum(draw(rng, int(3 * duration + 40)))
        record = np.zeros(int(np.sum(times < duration)), dtype=RECORD)
        record["time"] = times[times < duration]
        records.append(record)
    return records


@pytest.mark.parametrize("law", LAWS)
def test_waits_that_the_end_of_a_record_cuts_are_counted(law):
    """Records of ten waits: complete ones alone are 4 to 11 % too short, z = -1.6 and -2.7 for 50 of them."""
    rng, (draw, survival) = np.random.default_rng(31), LAWS[law]
    pulls = {"mean": [], "end": [], "survival": [], "density": []}
    edges = np.array([0.3, 0.9, 1.5])
    probability = -np.diff(survival(edges)) / 0.6
    for _ in range(300):
        records = _renewals(rng, draw, 10.0, 50)
        found, told = longtime.waiting_times(records), longtime.waiting_times(records, end=10.0)
        pulls["mean"].append((found.mean - 1) / found.stderr)
        pulls["end"].append((told.mean - 1) / told.stderr)
        S, error = found.survival([1.3])
        pulls["survival"].append((S[0] - survival(1.3)) / error[0])
        w, error = found.density(edges)
        pulls["density"].append(((w - probability) / error)[1])
    for name, z in pulls.items():
        assert abs(np.mean(z)) < 0.2, name
        assert np.std(z) == pytest.approx(1, abs=0.2), name


def test_without_cut_waits_the_figures_are_those_of_the_sample():
    waits = np.sort(np.random.default_rng(1).exponential(1.0, 200))
    found = longtime.WaitingTimes(waits)
    assert found.mean == pytest.approx(waits.mean(), rel=1e-12)
    assert found.stderr == pytest.approx(waits.std(ddof=1) / np.sqrt(200), rel=1e-12)
    assert found.randomness == pytest.approx(waits.var(ddof=1) / waits.mean() ** 2, rel=1e-12)
    S, error = found.survival([0.5, 100.0])
    share = np.mean(waits > 0.5)
    assert [*S, *error] == pytest.approx([share, 0, np.sqrt(share * (1 - share) / 200), 0], rel=1e-12)
    w, error = found.density([0.0, 1.0])
    assert [w[0], error[0]] == pytest.approx(
        [1 - np.mean(waits >= 1), np.sqrt(np.mean(waits >= 1) * np.mean(waits < 1) / 200)]
    )


def test_what_lasts_longer_than_any_record_has_no_known_mean():
    records = _renewals(np.random.default_rng(2), LAWS["Poisson"][0], 2.0, 100)
    found = longtime.waiting_times(records, end=2.0)
    assert found.unseen > 0.05
    assert np.isnan(found.stderr)
    assert found.mean == pytest.approx(1, abs=0.3)
    S, error = found.survival([1.0, 5.0])
    assert abs(S[0] - np.exp(-1)) < 4 * error[0]
    assert np.isnan([S[1], error[1]]).all()


def test_trajectories_know_when_they_end_and_bare_records_may_not():
    model = cj.systems.free_flips(3, 0.2, 0.5, 0.5)
    state = cj.tilted(model, 1.1, 0.4)
    short = [cj.trajectory(model, state, [0.0, 6.0], seed=3, index=i) for i in range(150)]
    long = [cj.trajectory(model, state, [0.0, 200.0], seed=4, index=i) for i in range(3)]
    found = longtime.waiting_times(short)  # rate 3/2
    assert found.cut.size == sum(1 for one in short if one.jumps.size)
    assert abs(found.mean - 2 / 3) < 3 * found.stderr
    assert np.all(longtime.waiting_times(short, end=6.0).intervals == found.intervals)
    with pytest.raises(cj.ArgumentError, match="`end` must be given for records that may not have ended together"):
        longtime.waiting_times([one.jumps for one in (*short, *long)])
    together = longtime.waiting_times([*short, *long])
    assert abs(together.mean - 2 / 3) < 3 * together.stderr


def test_what_is_no_record_is_refused():
    with pytest.raises(cj.ArgumentError, match="`records` must be jump records"):
        longtime.waiting_times([np.zeros(3)])
    empty = longtime.waiting_times([])
    assert np.isnan([empty.mean, empty.stderr, empty.randomness]).all()


@pytest.mark.parametrize(
    ("times", "rule"),
    [
        ([1.0, np.nan, 3.0], "finite"),
        ([1.0, 2.0, np.inf], "finite"),
        ([3.0, 2.0, 1.0], "in order"),
        ([1.0, 3.0, 2.0], "in order"),
    ],
)
def test_jump_times_that_cannot_be_are_refused(times, rule):
    record = np.zeros(3, dtype=[("time", "f8"), ("channel", "i8")])
    record["time"] = times
    with pytest.raises(cj.ArgumentError, match=f"`records` must have .*{rule}"):
        longtime.waiting_times(record, end=10.0)


def test_waits_that_are_all_zero_have_no_randomness():
    record = np.ones(3, dtype=[("time", "f8"), ("channel", "i8")])
    found = longtime.waiting_times(record)
    assert found.mean == 0
    assert np.isnan(found.randomness)


@pytest.mark.parametrize("places", [[700], [10, 500], range(300, 400)])
def test_a_spread_that_few_values_carry_is_not_reliable(places):
    """One odd value, two, or one excursion: nothing is known of how often there are others."""
    series = np.zeros(10_000)
    series[list(places)] = 1.0
    assert not longtime.autocorrelation_time(series).reliable
    noise = 1e-3 * np.random.default_rng(1).normal(size=10_000)
    assert not longtime.autocorrelation_time(series + noise).reliable
    assert longtime.autocorrelation_time(noise).reliable


def test_waiting_times_of_a_record_that_ends_before_it_starts():
    record = np.zeros(2, dtype=[("time", "f8"), ("channel", "i8")])
    with pytest.raises(cj.ArgumentError, match="`end` must be at least start = 3, but it is 2"):
        longtime.waiting_times(record, start=3, end=2)


def test_a_mean_wait_without_an_error_has_a_reason():
    none, one = cj.longtime.WaitingTimes(np.empty(0), np.array([1.0])), cj.longtime.WaitingTimes(np.ones(1))
    cut = cj.longtime.WaitingTimes(np.linspace(0.1, 1, 10), np.full(5, 2.0))
    sound = cj.longtime.WaitingTimes(np.linspace(0.1, 1, 10))
    assert none.doubt.startswith("no wait has been seen")
    assert one.doubt.startswith("one wait has been seen")
    assert "about 33% of waits are longer than all 10" in cut.doubt
    assert sound.doubt == ""
    for waits in (none, one, cut, sound):
        assert np.isfinite(waits.stderr) == (not waits.doubt)
    assert "no error      about 33%" in str(cut)
