"""Trajectories come back to Python by the work they do, whatever the model, and a pause changes no digit."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import counting_engine, loop, spin_engine
from cojump.trajectories.compilation import prepare
from cojump.trajectories.engine import make_engine
from tests.support.pauli import X, Z
from tests.support.unit_of_time import random_model


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    prepare([cj.Model([cj.Block("p", 2, levels=3)])])


class EnoughError(Exception):
    pass


def stops_after(engine, polls):
    """Whether a trajectory can be stopped after so many polls."""
    left = [polls]

    def poll():
        left[0] -= 1
        if left[0] == 0:
            raise EnoughError

    with pytest.raises(EnoughError):
        engine.run(0, 0, poll=poll)


@pytest.mark.timeout(60)
def test_few_jumps_and_a_strong_drive():
    model = cj.systems.free_flips(10_000, 10.0, 1e-4, 1e-4)
    stops_after(make_engine(model, cj.tilted(model, 1.0, 0.0), np.array([0.0, 400.0]), 1e-9), 5)


@pytest.mark.timeout(60)
def test_no_jumps_at_all():
    model = cj.Model([cj.Block("s", 2000)], [cj.OneBody(3.0 * X, "s"), cj.TwoBody(Z, Z, 1.0, ("s", "s"))])
    stops_after(make_engine(model, cj.tilted(model, 1.0, 0.0), np.array([0.0, 1e5]), 1e-9), 5)


@pytest.mark.timeout(60)
def test_many_output_times_in_one_step():
    model = cj.Model([cj.Block("s", 20_000)], [cj.OneBody(1e-9 * X, "s")])
    stops_after(make_engine(model, cj.tilted(model, 1.0, 0.0), np.linspace(0.0, 1.0, 200_000), 1e-9), 3)


@pytest.mark.timeout(60)
def test_several_blocks_without_jumps():
    terms = [cj.OneBody(5.0 * X, "a"), cj.OneBody(3.0 * X, "b")]
    terms += [cj.TwoBody(Z, Z, 1.0, pair) for pair in (("a", "b"), ("b", "a"))]
    model = cj.Model([cj.Block("a", 30), cj.Block("b", 30)], terms)
    stops_after(make_engine(model, cj.tilted(model, 1.0, 0.0), np.array([0.0, 1e5]), 1e-9), 3)


@pytest.mark.parametrize("seed", range(5))
def test_a_pause_changes_no_bit(seed, monkeypatch):
    model, kets, _ = random_model(seed)
    times = np.linspace(0.0, 0.6, 25)
    found = []
    for often in (False, True):
        if often:
            monkeypatch.setattr(spin_engine, "_EFFORT", 1)
            monkeypatch.setattr(counting_engine, "_EFFORT", 1)
            monkeypatch.setattr(loop, "POLL", 1)
        polls, states = [], {}
        engine = make_engine(model, cj.product(model, kets), times, 1e-9, [3, 20])
        one = engine.run(7, 1, record=True, poll=lambda polls=polls: polls.append(1), watch=states.__setitem__)
        found.append((one, len(polls), states))
    (one, few, states), (other, many, others) = found
    assert many > few
    for name in ("mean", "second", "sectors", "counts", "jumps"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert list(states) == list(others) == [3, 20]
    for place in states:
        for mine, theirs in zip(states[place].factors, others[place].factors, strict=True):
            np.testing.assert_array_equal(mine.amplitudes, theirs.amplitudes)
