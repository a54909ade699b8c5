"""Trajectories that are gone through in one call of the compiled loop are those that are gone through one by one."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import counting_engine, in_one_call, spin_engine
from cojump.trajectories.engine import make_engine
from cojump.trajectories.kernels.common import NOT_FINITE
from cojump.trajectories.loop import Wanted
from tests.support.pauli import LOWER, RAISE, X, Z
from tests.trajectories.test_driven_lattice import two_blocks
from tests.trajectories.test_driven_list import pump

TIMES = np.linspace(0.0, 2.0, 6)


def hopfield():
    """Two parts of two blocks each, which start in a random sector."""
    patterns = cj.systems.random_patterns(2, 24, 1)
    model = cj.systems.hopfield(patterns, 0.5, 1.7)
    return model, cj.corrupted(model, 0, 0.8)


def one_particle():
    a = np.diag(np.sqrt(np.arange(1.0, 5)), 1)
    model = cj.Model([cj.Block("site", 1, 5)], [cj.OneBody(3 * (a + a.T), "site")], [cj.LocalJump(4.0 * a, "site")])
    return model, cj.product(model, {"site": np.diag([0.4, 0.3, 0.2, 0.1, 0.0])})


def driven():
    """Two blocks whose terms change in time."""
    return two_blocks(8)


def spins():
    """One block that starts in a random sector."""
    drive = [cj.OneBody(0.5 * X, "s")]
    model = cj.Model([cj.Block("s", 9)], drive, [cj.LocalJump(LOWER, "s"), cj.LocalJump(0.7 * RAISE + 0.2 * Z, "s")])
    return model, cj.product(model, {"s": np.array([[0.7, 0.3], [0.3, 0.3]])})


def real_spins():
    """The same without imaginary parts, from one state."""
    model = cj.systems.free_flips(9, 0.7, 1.3, 0.8)
    return model, cj.tilted(model, 1.0, np.pi / 2)


def amplitude():
    """A single amplitude."""
    model = cj.systems.free_flips(9, 0.0, 1.3, 0.8)
    return model, cj.product(model, {"spins": np.diag([0.6, 0.4])})


class StoppedError(Exception):
    pass


def stop(*_):
    raise StoppedError


def assert_same(outcome, wanted):
    assert outcome.n_jumps == wanted.n_jumps
    for field in ("mean", "second", "sectors", "counts"):
        np.testing.assert_array_equal(getattr(outcome, field), getattr(wanted, field), err_msg=field)
    if outcome.jumps is not None:
        np.testing.assert_array_equal(outcome.jumps, wanted.jumps)


@pytest.mark.parametrize("build", [hopfield, one_particle, driven, pump, spins, real_spins, amplitude])
@pytest.mark.parametrize("effort", [None, 1, 40_000])
def test_same_bits_as_one_by_one(monkeypatch, build, effort):
    """Wherever the loop pauses, in whatever order they are asked for, recorded or not, and after one has broken off."""
    model, state = build()
    alone = make_engine(model, state, TIMES, 1e-9)
    wanted = {i: alone.run(1, i, record=True) for i in range(9)}
    assert sum(one.n_jumps for one in wanted.values()) > 20
    if effort is not None:
        monkeypatch.setattr(counting_engine, "_EFFORT", effort)
        monkeypatch.setattr(spin_engine, "_EFFORT", min(effort, 4_000))
    engine = make_engine(model, state, TIMES, 1e-9)

    def go(i, **options):
        return engine.outcomes([engine.go(1, i, **options)]).of(0)

    engine.foresee(1, range(5))
    for i in range(5):
        assert_same(go(i), wanted[i])
    assert_same(go(3), wanted[3])  # once more
    engine.foresee(1, range(9))
    for i, record in ((0, False), (1, True), (2, True), (3, False), (6, False), (4, True), (5, False), (8, False)):
        assert_same(go(i, record=record), wanted[i])

    engine.foresee(1, range(9))
    if effort == 1:
        for _ in range(2):
            with pytest.raises(StoppedError):
                go(0, poll=stop)
    for i in range(9):
        assert_same(go(i), wanted[i])


@pytest.mark.parametrize("next_one", ["foreseen", "alone"])
def test_a_failed_trajectory_that_nobody_asks_for_leaves_nothing_behind(monkeypatch, next_one):
    monkeypatch.setattr(counting_engine, "_EFFORT", 1)
    model, state = driven()
    engine = make_engine(model, state, TIMES, 1e-9)
    wanted = engine.run(1, 0)
    engine.foresee(1, range(1, 3))
    engine._ahead.said = NOT_FINITE
    for rows in (engine._work.taylor_re, engine._work.taylor_im):
        rows[:] = np.nan
    if next_one == "foreseen":
        engine.foresee(1, range(2))
    else:
        with pytest.raises(StoppedError):
            engine.go(2, 0, poll=stop)
    assert np.isfinite(engine._work.taylor_re).all()
    assert_same(engine.run(1, 0), wanted)


@pytest.mark.parametrize("build", [driven, pump])
def test_streams_that_are_not_finished(monkeypatch, build):
    """Stopped while they are made, later trajectories have theirs all the same; none need be foreseen."""
    model, state = build()
    engine = make_engine(model, state, TIMES, 1e-9)
    wanted = engine.run(1, 2)
    engine.foresee(1, range(0))

    with monkeypatch.context() as patch:
        patch.setattr(in_one_call, "by_addresses", stop)
        with pytest.raises(StoppedError):
            engine.foresee(1, range(3))
    engine.foresee(1, range(3))
    for i in range(2):
        engine.go(1, i)
    assert_same(engine.run(1, 2), wanted)


@pytest.mark.parametrize("build", [spins, real_spins, amplitude])
def test_states_that_are_looked_at(monkeypatch, build):
    """Some of several are watched."""
    model, state = build()

    def watched(engine, i, **options):
        seen = []
        one = engine.run(1, i, watch=lambda place, pure: seen.append((place, pure.factors[0].amplitudes)), **options)
        return one, seen

    alone = make_engine(model, state, TIMES, 1e-9, [2, 5])
    wanted = [watched(alone, i, record=True) for i in range(5)]
    monkeypatch.setattr(spin_engine, "_EFFORT", 1)
    engine = make_engine(model, state, TIMES, 1e-9, [2, 5])
    engine.foresee(1, range(5))
    for i, looked in enumerate((False, True, True, False, True)):
        one, seen = watched(engine, i) if looked else (engine.run(1, i), [])
        assert_same(one, wanted[i][0])
        assert [place for place, _ in seen] == ([2, 5] if looked else [])
        for (_, mine), (_, other) in zip(seen, wanted[i][1], strict=False):
            np.testing.assert_array_equal(mine, other)


def test_one_goes_step_by_step_while_another_is_on_its_way(monkeypatch):
    model, state = spins()
    wanted = make_engine(model, state, TIMES, 1e-9).run(1, 1)
    monkeypatch.setattr(spin_engine, "_EFFORT", 1)
    engine = make_engine(model, state, TIMES, 1e-9)
    engine.foresee(1, range(2))
    engine.go(1, 0)
    engine.stepwise(Wanted(1, 3))
    assert_same(engine.run(1, 1), wanted)


def test_one_of_several_fails():
    """It is told by its own number when it is asked for; those before and behind it are as ever."""
    model, state = amplitude()
    wanted = [make_engine(model, state, TIMES, 1e-9).run(1, i) for i in range(12)]
    engine = make_engine(model, state, TIMES, 1e-9)
    engine.basis.h_eff.half_rate[2] = np.nan
    failed = []
    for i in range(12):
        if i in (0, 6):
            engine.foresee(1, range(i, i + 6))
        try:
            one = engine.run(1, i)
        except cj.ConvergenceError:
            failed.append(i)
        else:
            assert_same(one, wanted[i])
    assert 2 < len(failed) < 10
    for i in failed:
        engine.foresee(1, range(i - 1, i + 2))
        for earlier in {i - 1} - {*failed}:
            engine.run(1, earlier)
        with pytest.raises(cj.ConvergenceError, match=f"Trajectory {i} of seed 1: the state became NaN or zero"):
            engine.run(1, i)


def test_what_waits_is_bounded(monkeypatch):
    """Of states that take much memory fewer are drawn ahead; the others go alone, as ever."""
    model, state = spins()
    wanted = [make_engine(model, state, TIMES, 1e-9).run(1, i) for i in range(6)]
    monkeypatch.setattr(in_one_call, "_AHEAD", 3000)
    engine = make_engine(model, state, TIMES, 1e-9)
    engine.foresee(1, range(6))
    assert 1 < len(engine._ahead) < 6
    for i in range(6):
        assert_same(engine.run(1, i), wanted[i])
