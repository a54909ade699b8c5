"""Trajectories that are gone through in one call of the compiled loop are those that are gone through one by one."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import counting_engine, in_one_call
from cojump.trajectories.engine import make_engine
from cojump.trajectories.kernels.common import NOT_FINITE
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


@pytest.mark.parametrize("build", [hopfield, one_particle, driven, pump])
@pytest.mark.parametrize("effort", [None, 1, 40_000])
def test_same_bits_as_one_by_one(monkeypatch, build, effort):
    """Wherever the loop pauses, in whatever order they are asked for, recorded or not, and after one has broken off."""
    model, state = build()
    alone = make_engine(model, state, TIMES, 1e-9)
    wanted = {i: alone.run(1, i, record=True) for i in range(9)}
    assert sum(one.n_jumps for one in wanted.values()) > 20
    if effort is not None:
        monkeypatch.setattr(counting_engine, "_EFFORT", effort)
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
