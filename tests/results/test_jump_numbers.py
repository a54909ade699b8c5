"""Numbers of jumps, first passages and last jumps against closed forms and the exact θ(s)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstat, poisson

import cojump as cj
from cojump.results.jump_numbers import cumulants_of
from cojump.results.jump_records import JumpRecords

WITHIN = 4.5
"""Standard errors: one of the some twenty comparisons here fails by chance with 1e-4."""


def poisson_records(rate, end, n, seed):
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        times = np.sort(rng.uniform(0, end, rng.poisson(rate * end)))
        record = np.zeros(len(times), dtype=[("time", "f8"), ("channel", "i8"), ("sector", "f8")])
        record["time"], record["channel"] = times, rng.integers(2, size=len(times))
        made.append(record)
    return JumpRecords.of(made, made[0].dtype, end)


def test_k_statistics_are_unbiased_ones():
    values = np.random.default_rng(1).gamma(2.0, size=(40, 3))
    found, _, fano, _ = cumulants_of(values)
    np.testing.assert_allclose(found, [kstat(values, k) for k in (1, 2, 3, 4)], rtol=1e-12)
    assert fano == pytest.approx(found[1] / found[0])
    # far from zero nothing is lost
    np.testing.assert_allclose(cumulants_of(values + 1e6)[0][1:], found[1:], rtol=1e-7)


def test_a_poisson_process_and_its_errors():
    rate, width, expected = 1.4, 2.5, 1.4 * 2.5
    found = cj.counting.numbers(poisson_records(rate, 10.0, 4000, 1), width=width)
    assert found.numbers.shape == (4000, 4)
    assert np.all(np.abs(found.cumulants - expected) < WITHIN * found.stderr)
    assert np.all(found.stderr < [0.03, 0.06, 0.2, 1.0])
    assert abs(found.fano - 1) < WITHIN * found.fano_stderr < 0.08
    k, p, error = found.distribution
    seen = p * 16000 > 20
    assert np.all(np.abs(p - poisson.pmf(k, expected))[seen] < WITHIN * error[seen])
    assert p.sum() == pytest.approx(1.0)
    # errors are the spread of repeated runs
    many = [cj.counting.numbers(poisson_records(rate, 10.0, 100, 10 + i), width=width) for i in range(100)]
    spread = np.std([one.cumulants for one in many], axis=0)
    stated = np.mean([one.stderr for one in many], axis=0)
    np.testing.assert_allclose(stated / spread, 1, atol=0.3)
    # wrong on purpose: another rate
    assert abs(found.cumulants[0] - 1.1 * expected) > WITHIN * found.stderr[0]


def test_channels_and_weights():
    records = poisson_records(2.0, 10.0, 3000, 3)
    one = cj.counting.numbers(records, channels=1)
    assert abs(one.cumulants[0] - 10) < WITHIN * one.stderr[0]
    both = cj.counting.numbers(records, channels=[0, 1])
    assert np.array_equal(both.numbers, cj.counting.numbers(records).numbers)
    difference = cj.counting.numbers(records, channels={0: 1.0, 1: -1.0})  # Skellam: even cumulants 20, odd ones 0
    assert np.all(np.abs(difference.cumulants - [0, 20, 0, 20]) < WITHIN * difference.stderr)


def test_jumps_are_known_by_their_names(tmp_path):
    jumps = [
        cj.LocalJump(j, "a", name=n) for j, n in ((cj.operators.sigma_minus, "decay"), (cj.operators.sigma_plus, None))
    ]
    model = cj.Model([cj.Block("a", 5)], jumps=jumps)
    state = cj.tilted(model, 0, 0)
    result = cj.simulate(model, state, [0, 1], n_traj=4, record=True)
    result.save(tmp_path / "r.h5")
    for known in (result, cj.load(tmp_path / "r.h5")[0]):
        assert known.activity.labels == known.counts.labels == ("decay", "1", "total")
        assert known.activity["decay"].mean == known.activity["0"].mean
        assert known.counts["decay"].mean[-1] == known.counts["0"].mean[-1]
        for by_name, by_place in (("decay", 0), (["decay", 1], None), ({"decay": 2.0, "1": 1.0}, {0: 2.0, 1: 1.0})):
            pair = [cj.counting.numbers(known, channels=own).numbers for own in (by_name, by_place)]
            assert np.array_equal(*pair)
        waits = [cj.longtime.waiting_times(known, own).intervals for own in ("decay", 0)]
        assert np.array_equal(*waits)
        first = [cj.longtime.first_passage(known, 1, own).intervals for own in ("decay", 0)]
        assert np.array_equal(*first)
        with pytest.raises(cj.ArgumentError, match="`channels` must be one of decay, 1, or its place, but it is 'up'"):
            cj.counting.numbers(known, channels="up")
        with pytest.raises(cj.ArgumentError, match="`channel` must be an integer within 0 and 1, but it is 2"):
            cj.longtime.waiting_times(known, 2)
    one = cj.trajectory(model, state, [0, 1], seed=0, index=0)
    assert "of decay" in str(one)
    assert np.array_equal(
        cj.counting.numbers([one], channels="decay").numbers,
        cj.counting.numbers(one.jumps, end=1.0, channels=0).numbers,
    )
    with pytest.raises(cj.ArgumentError, match="`channel` must be the place of a jump: these have no names"):
        cj.longtime.waiting_times(one.jumps, "decay")


def test_mean_and_fano_factor_are_the_derivatives_of_theta():
    """Long windows of the constrained model; transients fall as 1/width and are far below the errors."""
    model = cj.systems.constrained(12, 0.7, 1.3, 0.8)
    result = cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 128.0], n_traj=320, seed=5, record=True)
    found = cj.counting.numbers(result, start=8.0, width=20.0)
    exact = cj.counting.theta(model, 0.0)
    rates, errors = found.rates
    assert abs(rates[0] - exact.mean) < WITHIN * errors[0] < 0.03 * exact.mean
    finite = 0.02 * exact.fano  # of a window of 20 with correlations over 3
    assert abs(found.fano - exact.fano) < WITHIN * found.fano_stderr + finite
    assert found.fano_stderr < 0.07
    # wrong on purpose: independent jumps
    assert abs(found.fano - 1) > WITHIN * found.fano_stderr
    activity = cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 128.0], n_traj=320, seed=5).activity["total"]
    whole = cj.counting.numbers(result)
    assert whole.cumulants[0] / 128 / 12 == pytest.approx(float(activity.mean), rel=1e-12)


def test_passages_and_last_jumps_of_decays():
    """Four atoms decay one by one: the k-th after 1/4 + 1/3 + .. (k terms)."""
    model = cj.systems.free_flips(4, 0.0, 0.0, 1.0)
    result = cj.simulate(model, cj.tilted(model, 0, 0), [0.0, 14.0], n_traj=800, seed=2, record=True)
    mean = 0.0
    for k in (1, 2, 3, 4):
        mean += 1 / (5 - k)
        found = cj.longtime.first_passage(result, k)
        assert abs(found.mean - mean) < WITHIN * found.stderr < 0.2
    last = cj.longtime.last_jumps(result, quiet=7.0)
    assert abs(last.mean - mean) < WITHIN * last.stderr < 0.2
    early = cj.longtime.first_passage(result, 4, end=2.0)  # cut ones are bounds
    assert len(early.intervals) + len(early.cut) == 800
    survived, error = early.survival([1.5])
    exact = 1 - (1 - np.exp(-1.5)) ** 4
    assert abs(survived[0] - exact) < WITHIN * error[0]
    assert abs(survived[0] - 1.1 * exact) > WITHIN * error[0]
    waits = cj.longtime.waiting_times(result)
    assert waits.intervals.size == result.n_jumps - 800
    never = cj.longtime.first_passage(result, 5)
    assert never.intervals.size == 0
    assert np.isnan(never.mean)
    down = cj.longtime.first_passage(result, channel=0)
    assert np.array_equal(down.intervals, cj.longtime.first_passage(result).intervals)
    with pytest.raises(cj.ArgumentError, match="`channel` must be an integer within 0 and 0, but it is 1"):
        cj.longtime.first_passage(result, channel=1)  # no jump goes up: the model has none


def test_few_samples():
    record = poisson_records(2.0, 10.0, 1, 3)
    alone = cj.counting.numbers(record)
    assert np.isnan(alone.stderr).all()
    windows = cj.counting.numbers(record, width=0.5)
    assert np.isfinite(windows.stderr).all()
    assert windows.distribution[2].max() > 0
    str(alone), str(windows), repr(record)


def test_refusals():
    records = poisson_records(2.0, 10.0, 3, 3)
    numbers = cj.counting.numbers
    for options, said in [
        ({"width": 11.0}, "`width` must be at most 10"),
        ({"width": 0.0}, "`width`"),
        ({"width": 1e-9}, "leave at most 100,000,000 windows"),
        ({"start": 10.0}, "`end` must be after start = 10"),
        ({"start": 3.0, "end": 2.0}, "`end` must be at least start"),
        ({"channels": "x"}, "`channels`"),
        ({"channels": -1}, "`channels`"),
        ({"channels": {0: "x"}}, "`channels"),
        ({"channels": []}, "`channels` must count something"),
        ({"channels": {0: 0.0}}, "`channels` must count something"),
    ]:
        with pytest.raises(cj.ArgumentError, match=said):
            numbers(records, **options)
    longtime = cj.longtime
    for count in (
        numbers,
        longtime.waiting_times,
        longtime.first_passage,
        lambda r, **o: longtime.last_jumps(r, 1, **o),
    ):
        # nothing is known of what was before or after a record: not that there were no jumps
        with pytest.raises(cj.ArgumentError, match="`start` must be a finite number of at least 0"):
            count(records, start=-1.0)
        with pytest.raises(cj.ArgumentError, match="`end` must be at most 10, where the first record ends"):
            count(records, end=10.5)
        assert repr(count(records, end=10.0 * (1 + 1e-15)))
    with pytest.raises(cj.ArgumentError, match="`records`"):
        numbers(3)
    with pytest.raises(cj.ArgumentError, match="be at least one"):
        numbers([])
    with pytest.raises(cj.ArgumentError, match="`quiet` must be shorter"):
        cj.longtime.last_jumps(records, 11.0)
    with pytest.raises(cj.ArgumentError, match="`number`"):
        cj.longtime.first_passage(records, 0)
    with pytest.raises(cj.ArgumentError, match="`index`"):
        records[3]
    assert records[-1].tobytes() == records[2].tobytes()
