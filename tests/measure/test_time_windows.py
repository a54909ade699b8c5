"""Averages over the measurement window: weights, errors, closed forms, and the run file's keys."""

import numpy as np
import pytest

import cojump as cj
from cojump.measure.time_windows import window_of
from tests.support.command_line import invoke
from tests.support.each_trajectory import each, error_by_weights, standard_error
from tests.support.pauli import X, Z
from tests.support.run_files import flips, run_text

PATTERNS = np.array([[1, 1, 1, -1, -1], [1, 1, -1, 1, -1]])
RUN = run_text(flips([4, 6], system="free_flips", omega=0.0), end=4.0, steps=8, n_traj=20, keep=2)


def test_weights_are_those_of_the_trapezoid_rule():
    times = np.array([0.0, 0.3, 0.7, 1.5, 2.0])
    w = window_of(times, 0.3, 1.5)
    assert w.interval == (0.3, 1.5)
    assert w.places == slice(1, 4)
    assert w.weights == pytest.approx(np.array([0.2, 0.6, 0.4]) / 1.2, abs=1e-15)
    for power in (0, 1):  # exact for what is linear
        assert w.weights @ w.times**power == pytest.approx((0.3 + 1.5) ** power / 2**power, abs=1e-15)


def test_bounds_may_miss_an_output_time_by_rounding():
    times = np.linspace(0, 2, 21)
    assert window_of(times, 0.3, 0.7).interval == (times[3], times[7])
    assert len(window_of(times, 0.30000000000000004, 0.7).times) == 5


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"burn_in": 3.0}, "`burn_in` must be a finite number within 0 and 2, but it is 3.0"),
        ({"burn_in": -1.0}, "`burn_in` must be a finite number within 0"),
        ({"burn_in": "1"}, "`burn_in` must be a finite number"),
        ({"window": 2.5}, "`window` must be a finite number within 0 and 2"),
        ({"burn_in": 1.0, "window": 0.5}, "`burn_in` must be a finite number within 0 and 0.5"),
        ({"burn_in": 1.9}, "`burn_in` must leave at least two output times to average over, but there are 1"),
        ({"window": 0.1}, "`window` must leave at least two output times"),
        ({"burn_in": 0.6, "window": 0.9}, "there are 0 from 0.6 to 0.9"),
    ],
)
def test_bad_windows_are_refused_before_the_run(bounds, message):
    model = cj.systems.free_flips(3, 0.7, 1.0, 1.0)
    with pytest.raises(cj.ArgumentError) as error:
        cj.simulate(model, cj.tilted(model, 1.1, 0.4), np.linspace(0, 2, 5), n_traj=2, **bounds)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def hopfield():
    model = cj.systems.hopfield(PATTERNS, 0.5, 1.2)
    times = np.array([0.0, 0.5, 0.8, 1.5, 2.5, 3.0])
    asked = {"zz": [({"++": Z}, {"--": Z})], "x": {"+-": X}}
    state = cj.corrupted(model, 0, 0.8)
    result = cj.simulate(model, state, times, n_traj=30, keep=30, seed=2, observables=asked, burn_in=0.5, window=2.5)
    return model, window_of(times, 0.5, 2.5), result


def test_the_window_averages_the_trajectories(hopfield):
    """Mean and error from the kept series themselves; products and order parameters from the averages in time."""
    model, w, r = hopfield
    s = r.stationary
    assert s.labels == r.labels
    assert (s.start, s.end) == (0.5, 2.5)
    own = np.einsum("t,kta->ka", w.weights, r.trajectories[:, w.places])
    assert np.abs(s.mean - own.mean(axis=0)).max() < 1e-13
    assert np.abs(s.stderr - own.std(axis=0, ddof=1) / np.sqrt(30)).max() < 1e-13
    second = np.einsum("t,tab->ab", w.weights, r.second[w.places])
    assert np.abs(s.covariance - model.size * (second - np.outer(s.mean, s.mean))).max() < 1e-12
    m, q = each(model, cj.corrupted(model, 0, 0.8), r.times[w.places], r.n_traj, r.seed)
    m, q = np.einsum("t,kta->ka", w.weights, m), np.einsum("t,ktab->kab", w.weights, q)
    expected = error_by_weights(lambda m, q: model.size * (q - np.outer(m, m)), m, q)
    assert np.abs(s.covariance_stderr - expected).max() < 1e-7
    assert np.abs(s.covariance_stderr - model.size * standard_error(q)).max() > 0.02  # the control: without the means
    order = r.stationary_order
    assert order.labels == ("overlap1", "overlap2")
    assert np.abs(order.mean - w.weights @ r.order.mean[w.places]).max() < 1e-13
    assert tuple(order["overlap2"]) == (order.mean[1], order.stderr[1])
    found = r.stationary_observables
    assert np.abs(found["zz"][0] - w.weights @ r.observables["zz"][0][w.places]) < 1e-13


def test_it_survives_the_file(hopfield, tmp_path):
    _, _, r = hopfield
    r.save(tmp_path / "r.h5")
    again = cj.load(tmp_path / "r.h5")[0]
    assert np.array_equal(again.stationary.covariance_stderr, r.stationary.covariance_stderr)
    assert again.stationary.end == 2.5
    assert np.array_equal(again.stationary_order.stderr, r.stationary_order.stderr)


def test_a_run_without_a_window_says_so():
    model = cj.systems.free_flips(3, 0.7, 1.0, 1.0)
    result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 1.0, 2.0], n_traj=2)
    with pytest.raises(
        cj.ArgumentError, match="`stationary` must be averaged over a measurement window: give `burn_in`"
    ):
        _ = result.stationary
    with pytest.raises(cj.ArgumentError, match="be one of"):
        cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 1.0], n_traj=2, burn_in=0).stationary["w"]


@pytest.mark.parametrize("control", [False, True])
def test_independent_flips_are_stationary_binomials(control):
    """<m_z> = (r_up - r_down)/(r_up + r_down) and N var(m_z) = 1 - <m_z>²; a burn-in too short is seen."""
    size, up, down, n_traj = 8, 1.3, 0.8, 1500
    model = cj.systems.free_flips(size, 0.0, up, down)
    times = np.linspace(0, 10, 41)
    state = cj.dicke(model, {"spins": (size / 2, -size / 2)})
    s = cj.simulate(model, state, times, n_traj=n_traj, seed=5, burn_in=0.0 if control else 5.0, window=8.0).stationary
    z = (up - down) / (up + down)
    assert s.stderr[2] < 0.009
    near = abs(s.mean[2] - z) < 4 * s.stderr[2]
    assert near is not control
    if not control:
        assert abs(s.covariance[2, 2] - (1 - z**2)) < 4 * s.covariance_stderr[2, 2]
        assert s.covariance_stderr[2, 2] < 0.03
        # the average over [5, 8] of an Ornstein-Uhlenbeck-like correlation e^{-Γt}, Γ = up + down, is known too
        rate, duration = up + down, 3.0
        decayed = 2 / (rate * duration) * (1 - (1 - np.exp(-rate * duration)) / (rate * duration))
        assert s.stderr[2] == pytest.approx(np.sqrt((1 - z**2) / size * decayed / n_traj), rel=0.08)


@pytest.mark.validation
def test_errors_are_honest_although_times_are_correlated():
    """The spread over 50 seeds is the stated error, however dense the output times are."""
    model = cj.systems.facilitated(10, 0.3, 3.0, 1.0)
    state = cj.tilted(model, 1.0, 0.0)
    times = np.linspace(0, 4, 41)
    runs = [cj.simulate(model, state, times, n_traj=40, seed=s, burn_in=2.0).stationary for s in range(50)]
    for name in ("mean", "covariance"):
        error = "stderr" if name == "mean" else "covariance_stderr"
        spread = np.std([getattr(r, name) for r in runs], axis=0, ddof=1)
        stated = np.sqrt(np.mean([getattr(r, error) ** 2 for r in runs], axis=0))
        assert np.all(np.abs(spread / stated - 1) < 0.35), name  # 50 seeds know a spread to 10 %


def _read(tmp_path, text):
    from cojump.jobs.run_file import read_run_file

    path = tmp_path / "run.toml"
    path.write_text(text)
    return read_run_file(path)


def test_keys_of_the_run_file(tmp_path):
    run = _read(tmp_path, RUN + "burn_in = 1\nwindow = 3.5\n").run
    assert (run.burn_in, run.window) == (1.0, 3.5)
    plain = _read(tmp_path, RUN)
    assert (plain.run.burn_in, plain.run.window) == (None, None)
    assert plain.differences(RUN + "burn_in = 1.0\n", {}) == ["[run] burn_in is missing here and 1.0 there"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("burn_in = -1", "`[run] burn_in` must be a finite number of at least 0"),
        ('burn_in = "1"', "`[run] burn_in` must be a finite number"),
        ("window = 0", "`[run] window` must be a finite number greater than 0"),
        ("window = 4.5", "`[run] window` must be a finite number within 0 and 4"),
        ("burn_in = 3.8", "`[run] burn_in` must leave at least two output times"),
        ("burnin = 3.8", 'did you mean "burn_in"?'),
    ],
)
def test_bad_keys_of_the_run_file(tmp_path, keys, message):
    with pytest.raises(cj.ArgumentError) as error:
        _read(tmp_path, RUN + keys + "\n")
    assert message in str(error.value)


@pytest.mark.parametrize("end", [8.0, 200.0])
def test_the_report_has_the_window_and_flags_short_runs(end):
    import io

    from cojump.report.console import make_console
    from cojump.report.tables import print_tables

    model = cj.systems.free_flips(4, 0.0, 1.3, 0.8)
    times = np.arange(0, end, 0.25)
    result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), times, n_traj=3, keep=1, burn_in=2.0)
    stream = io.StringIO()
    print_tables([result], make_console(stream))
    text = stream.getvalue()
    assert f"Averages over t = 2 to {end - 0.25:g}" in text
    assert f"{result.stationary.mean[2]:.3f}"[:4] in text
    # x and y vanish at the first jump: a few values say nothing of their correlation time in either run
    (row,) = (line for line in text.splitlines() if line.startswith("spins.z") and line.count("±") == 3)
    assert ("(run too short)" in row) is (end < 100)
    assert f"Jumps from t = 2 to {end - 0.25:g}" in text
    plain = cj.simulate(model, cj.tilted(model, 1.1, 0.4), times[:3], n_traj=3)
    print_tables([plain], make_console(stream := io.StringIO()))
    assert "Averages over" not in stream.getvalue()


def test_run_show_and_resume(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(RUN + "burn_in = 1.0\n")
    assert "over 7 output times, 1 to 4, in each trajectory" in invoke("show", path)[0]
    invoke("run", path)
    results = cj.load(tmp_path / "results")
    assert [r.stationary.start for r in results] == [1.0, 1.0]
    path.write_text(RUN)
    assert "averaged" not in invoke("show", path)[0]
    assert "burn_in" in invoke("run", path, status=2)[1]
