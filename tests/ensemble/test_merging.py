"""Results of different seeds joined to one, and results that a longer run goes on with: figures, bits and refusals."""

from __future__ import annotations

import copy
import pickle
import signal
from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble import fingerprint
from cojump.results.continuation import Identity
from tests.support.interrupted import Watch, hit

MODEL = cj.systems.constrained(6, 0.7, 1.3, 0.8)
STATE = cj.tilted(MODEL, 1.1, 0.4)
TIMES = np.linspace(0, 1, 4)
Z = np.diag([1.0, -1.0])
OPTIONS = {
    "chunk": 8,
    "record": True,
    "burn_in": 0.0,
    "distributions": [1.0],
    "observables": {"zz": [({"spins": Z}, {"spins": Z})]},
}


def simulate(n_traj=20, seed=3, **options):
    return cj.simulate(MODEL, STATE, TIMES, n_traj=n_traj, seed=seed, **{"keep": min(n_traj, 10), **OPTIONS, **options})


@pytest.fixture(scope="module")
def parts():
    return [simulate(20, 1, keep=20), simulate(13, 2, keep=13, chunk=5), simulate(8, 2**70, keep=8)]


def bits(result):
    arrays = [result.trajectories, result.jump_records.jumps, result.jump_records.starts]
    for moments in [result.moments, *(extra.moments for extra in result.extras.values())]:
        arrays += [moments.mean, moments.comoment, *(() if moments.tails is None else [moments.tails.fourths])]
    ends = [state.factors[0].amplitudes for state in result.final.states]
    return repr((result.n_traj, result.n_jumps)).encode() + b"".join(np.asarray(a).tobytes() for a in [*arrays, *ends])


def test_figures_are_those_of_all_trajectories_together(parts):
    """Against the series of all trajectories, one by one: the program's own merging of moments is not asked."""
    whole = cj.merge(parts)
    series = np.concatenate([part.trajectories for part in parts])
    assert whole.n_traj == len(series) == 41
    assert whole.seeds == {1: 20, 2: 13, 2**70: 8}
    assert sum(whole.seeds.values()) == whole.n_traj
    np.testing.assert_allclose(whole.mean, series.mean(axis=0), atol=1e-13)
    np.testing.assert_allclose(whole.mean_stderr, series.std(axis=0, ddof=1) / np.sqrt(41), atol=1e-13)
    between = 6 * np.einsum("nta,ntb->tab", series - series.mean(axis=0), series - series.mean(axis=0)) / 41
    np.testing.assert_allclose(whole.between, between, atol=1e-13)
    n = np.array([20, 13, 8])
    for read in (
        lambda r: r.second,
        lambda r: r.observables.mean,
        lambda r: r.stationary.mean,
        lambda r: r.counts.mean,
    ):
        pooled = np.tensordot(n / 41, [read(part) for part in parts], axes=1)
        np.testing.assert_allclose(read(whole), pooled, atol=1e-12)
    numbers = np.array([len(record) for part in parts for record in part.jump_records])
    assert whole.n_jumps == numbers.sum()
    np.testing.assert_allclose(whole.counts["total"].mean[-1], numbers.mean())
    np.testing.assert_allclose(whole.counts["total"].variance[-1], numbers.var(ddof=1))
    assert [len(record) for record in whole.jump_records] == numbers.tolist()
    assert len(whole.final) == 41
    np.testing.assert_allclose(whole.distribution("spins").probability.sum(axis=1), 1)
    assert "seeds     1 (20), 2 (13), 1180591620717411303424 (8)" in str(whole)


def test_merged_results_are_files_and_parts_of_others(parts, tmp_path):
    pair = cj.merge(parts[:2])
    cj.save([pair, parts[2]], tmp_path / "r.h5")
    loaded = cj.load(tmp_path / "r.h5")
    assert loaded[0].seeds == {1: 20, 2: 13}
    assert loaded[1].seeds == {2**70: 8}
    assert bits(cj.merge(loaded)) == bits(cj.merge([pair, parts[2]]))
    np.testing.assert_allclose(cj.merge(loaded).second_stderr, cj.merge(parts).second_stderr, rtol=1e-11)
    assert bits(cj.merge([parts[0]])) == bits(parts[0])
    assert not cj.merge([parts[0]]).merged
    assert pickle.loads(pickle.dumps(pair)).seeds == pair.seeds
    with pytest.raises(cj.ArgumentError, match=r"`results` must have no seed in common, but 2 is the seed of two"):
        cj.merge([loaded[0], parts[1]])


def test_a_sweep_over_seeds_is_merged(parts):
    points = [replace(p, parameters={"seed": seed, "size": 6}) for p, seed in zip(parts, (1, 2, 3), strict=True)]
    assert cj.merge(points).parameters == {"size": 6}


def test_results_of_other_points_are_refused(parts):
    def another(**options):
        return simulate(2, 9, **options)

    other = cj.systems.constrained(6, 0.7, 1.3, 0.80001)
    changed = cj.simulate(other, cj.tilted(other, 1.1, 0.4), TIMES, n_traj=2, seed=9, keep=2, **OPTIONS)
    cases = {
        r"tolerance is 1e-08 in results\[1\] and 1e-09 in results\[0\]": another(tolerance=1e-8),
        r"burn_in is missing in results\[1\] and 0 in results\[0\]": another(burn_in=None),
        r"record is False in results\[1\]": another(record=False),
        r"jumps\[1\] .* is .* in results\[1\]": changed,
        r"results\[1\] does not say which model it is of": replace(parts[1], identity=None),
        r"one is 'text'": "text",
        r"of an older cojump, which told": replace(
            parts[1], identity=Identity.stored({k: v for k, v in parts[1].identity.facts.items() if k != "made by"})
        ),
        r"counts was measured otherwise in results\[1\]": replace(
            parts[1], extras={name: extra for name, extra in parts[1].extras.items() if name != "counts"}
        ),
    }
    for message, result in cases.items():
        with pytest.raises(cj.ArgumentError, match=message) as caught:
            cj.merge([parts[0], result])
        assert "\n" not in str(caught.value)
    for nothing in ([], "text", None, 3):
        with pytest.raises(cj.ArgumentError, match="`results` must be results of one point"):
            cj.merge(nothing)


@pytest.mark.parametrize(("first", "then"), [(8, 24), (11, 13), (11, 16), (3, 5), (20, 37)])
def test_an_extended_result_has_the_bits_of_one_long_run(first, then):
    keep = {"keep": min(first, 10)}
    short = simulate(first, **keep)
    assert (short.rest is None) == (first % 8 == 0)
    kept = bits(short)
    made = simulate(then, extend=short, **keep)
    assert bits(made) == bits(simulate(then, **keep))
    assert bits(simulate(then + 9, extend=made, **keep)) == bits(simulate(then + 9, **keep))
    assert bits(short) == kept, "it is not changed by what goes on with it"
    assert bits(simulate(first, extend=short, **keep)) == kept


def test_from_files_pickles_and_by_workers(tmp_path):
    short, expected = simulate(19), bits(simulate(45))
    short.save(tmp_path / "r.h5")
    (loaded,) = cj.load(tmp_path / "r.h5")
    loaded.save(tmp_path / "again.h5")
    for result in (loaded, cj.load(tmp_path / "again.h5")[0], pickle.loads(pickle.dumps(short)), copy.deepcopy(short)):
        assert bits(simulate(45, extend=result)) == expected
    assert bits(simulate(45, extend=loaded, workers=2, checkpoint=tmp_path / "ck")) == expected
    assert bits(simulate(45, extend=loaded, checkpoint=tmp_path / "ck")) == expected


def test_what_an_interrupted_run_has_finished_is_gone_on_with(monkeypatch):
    with monkeypatch.context() as patch:
        Watch(patch, 13, hit(signal.SIGINT))
        with pytest.raises(cj.SimulationInterrupted) as stopped:
            simulate(40)
    partial = stopped.value.partial
    assert 0 < partial.n_traj < 40
    with monkeypatch.context() as patch:
        rest = Watch(patch)
        made = simulate(40, extend=partial)
        assert [i for _, i in rest.indices] == list(range(partial.n_traj, 40)), "none is run twice"
    assert bits(made) == bits(simulate(40))


def test_a_target_may_be_sharpened():
    options = {"target_error": 0.05, "min_traj": 10, "keep": 0, "record": False}
    first = simulate(5000, **options)
    second = simulate(5000, extend=first, **{**options, "target_error": 0.04})
    assert first.n_traj < second.n_traj < 5000
    assert second.mean.tobytes() == simulate(second.n_traj, **{**options, "target_error": None}).mean.tobytes()


def test_what_cannot_be_extended(parts, monkeypatch):
    short = simulate(11)
    stale = {**short.identity.facts, "made by": ["cojump of the moon"]}
    old = {k: v for k, v in short.identity.facts.items() if k != "made by"}
    cases = {
        r"`extend` .* seed is 4 here and 3 in the result": (short, {"seed": 4}),
        r"`extend` .* tolerance is 1e-08 here and 1e-09 in the result": (short, {"tolerance": 1e-8}),
        r"`n_traj` must be at least 11, that of `extend`, but it is 10": (short, {"n_traj": 10, "keep": 10}),
        r"`extend` must be a result of one seed, but it has 3; go on with": (cj.merge(parts), {}),
        r"`extend` must be a result .* it is 'text'": ("text", {}),
        r"`extend` must know which run it is of": (replace(short, identity=None), {}),
        r"`extend` must know which run": (replace(short, identity=Identity.stored(old)), {}),
        r"must be made by the same code, .* cojump of the moon; run another seed and join both by cojump.merge": (
            replace(short, identity=Identity.stored(stale)),
            {},
        ),
        r"must have its last chunk apart, but 11 trajectories are no whole chunks": (replace(short, rest=None), {}),
        r"measured otherwise \(counts\)": (
            replace(short, extras={name: extra for name, extra in short.extras.items() if name != "counts"}),
            {},
        ),
    }
    for message, (result, options) in cases.items():
        with pytest.raises(cj.ArgumentError, match=message) as caught:
            simulate(**{"n_traj": 20, **options}, extend=result)
        assert "\n" not in str(caught.value)


def test_the_facts_of_a_result_are_worked_out_when_asked(monkeypatch):
    asked = []
    inner = fingerprint.identity_of
    monkeypatch.setattr("cojump.ensemble.worker.identity_of", lambda point: asked.append(1) or inner(point))
    result = simulate(4)
    assert not asked
    assert result.identity.facts is result.identity.facts
    assert asked == [1]
