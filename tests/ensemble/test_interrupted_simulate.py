"""Ctrl-C and errors in simulate(): what was finished is kept, and what was shown is over."""

from __future__ import annotations

import os
import pickle
import signal
import threading

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble import ordered_merge
from cojump.errors import SimulationInterrupted
from tests.support.interrupted import Watch, hit
from tests.support.pauli import Z

MODEL = cj.systems.constrained(6, 0.7, 1.3, 0.8)
STATE = cj.tilted(MODEL, 1.1, 0.4)
TIMES = np.linspace(0, 1, 4)


def simulate(n_traj=50, **options):
    return cj.simulate(MODEL, STATE, TIMES, n_traj=n_traj, chunk=8, seed=3, keep=min(12, n_traj), **options)


def check(partial, n):
    """It is the shorter run, in every bit."""
    assert partial.n_traj == n
    whole = simulate(n)
    for name in ("mean", "covariance_stderr", "trajectories", "reference"):
        assert getattr(partial, name).tobytes() == getattr(whole, name).tobytes(), name
    assert partial.moments.comoment.tobytes() == whole.moments.comoment.tobytes()
    assert partial.counts.mean.tobytes() == whole.counts.mean.tobytes()
    assert partial.n_jumps == whole.n_jumps


@pytest.mark.parametrize("at", [0, 3, 8, 21, 49])
def test_ctrl_c_keeps_every_finished_trajectory(at, monkeypatch):
    with monkeypatch.context() as patch:
        watch = Watch(patch, at, hit(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt) as caught:
            simulate()
    stop = caught.value
    assert isinstance(stop, cj.SimulationInterrupted)
    kept = len(watch.indices)
    assert kept in (at, at + 1)
    check(stop.partial, kept)
    place = "; they are in `.partial` of this exception (sys.last_value.partial at a prompt)"
    assert str(stop) == f"interrupted after {kept} of 50 trajectories{place}"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again = pickle.loads(pickle.dumps(SimulationInterrupted(None, 7)))
    assert (again.partial, again.asked, str(again)) == (None, 7, "interrupted after 0 of 7 trajectories")


class ForeignError(Exception):
    """Of the program that calls simulate."""


def fail():
    raise ForeignError


@pytest.mark.parametrize(
    "error", [ForeignError, cj.ConvergenceError("no step"), MemoryError("none left"), SystemExit(3)]
)
def test_any_exception_leaves_what_was_finished(error, monkeypatch):
    def broken():
        raise error

    with monkeypatch.context() as patch:
        Watch(patch, 13, broken)
        with pytest.raises(BaseException) as caught:
            simulate()
    assert caught.value is error or type(caught.value) is error
    check(caught.value.partial, 13)
    assert caught.value.__notes__[-1].startswith("13 of 50 trajectories were finished; they are in `.partial`")


def test_a_handler_that_raises_comes_up_anywhere(monkeypatch):
    """A time limit of the calling program, in the middle of the sums that belong together: whole chunks are kept."""
    extend, count = ordered_merge.Moments.extend, [0]

    def interrupted(moments, samples):
        extend(moments, samples)
        count[0] += 1
        if count[0] == 2 * 2 + 1:  # of the first of two groups, in the third chunk
            raise ForeignError

    with monkeypatch.context() as patch:
        patch.setattr(ordered_merge.Moments, "extend", interrupted)
        with pytest.raises(ForeignError) as caught:
            cj.simulate(MODEL, STATE, TIMES, n_traj=50, chunk=8, seed=3, keep=12, burn_in=0.5)
    assert caught.value.partial.n_traj == 16
    merge = ordered_merge.Moments.merge

    def torn(moments, part):
        merge(moments, part)
        raise ForeignError

    with monkeypatch.context() as patch:
        patch.setattr(ordered_merge.Moments, "merge", torn)
        with pytest.raises(ForeignError) as caught:
            simulate()
    assert caught.value.partial is None


class Display:
    """Stands for the bar: it goes on over everything as long as it is not stopped."""

    def __init__(self, log):
        self.log = log

    def note(self, text):
        pass

    def start(self, total):
        self.log.append("on")

    def advance(self, n):
        pass

    def stop(self):
        self.log.append("off")


@pytest.mark.parametrize("action", [hit(signal.SIGINT), fail])
def test_the_display_stops_in_every_case(action, monkeypatch):
    log = []
    monkeypatch.setattr("cojump.tools.progress.make_progress", lambda *_: Display(log))
    with monkeypatch.context() as patch:
        Watch(patch, 4, action)
        with pytest.raises((KeyboardInterrupt, ForeignError)):
            simulate(progress=True)
    assert log[0] == "on"
    assert log[-1] == "off"


def test_a_second_ctrl_c_breaks_off(monkeypatch):
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    Watch(monkeypatch, 11, twice)
    with pytest.raises(cj.SimulationInterrupted) as caught:
        simulate()
    assert caught.value.partial.n_traj == 11


def test_a_handler_of_the_program_stays(monkeypatch):
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        Watch(monkeypatch, 5, hit(signal.SIGINT))
        assert simulate().n_traj == 50
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [1]


def test_in_another_thread_nothing_is_listened_to():
    made = []
    thread = threading.Thread(target=lambda: made.append(simulate(9)))
    thread.start()
    thread.join()
    assert made[0].n_traj == 9


@pytest.mark.parametrize("where", ["times", "mean field"])
def test_ctrl_c_before_the_first_trajectory_is_the_same_exception(where):
    """While the arguments are checked, which calls what the user has given; and in the first integration."""

    class Times:
        def __array__(self, dtype=None, copy=None):
            return interrupted(TIMES)

    def interrupted(values):
        if armed and (where == "times" or len(values) == 1):  # one argument: the rate along the mean field
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("it has been heard")
        return values

    armed = False
    jump = cj.LocalJump(Z, "spins", amplitude=interrupted, argument={"spins": Z})
    model = cj.Model([cj.Block("spins", 6)], [], [jump])
    state, armed = cj.tilted(model, 1.1, 0.4), True
    with pytest.raises(cj.SimulationInterrupted, match=r"^interrupted after 0 of 50 trajectories$") as caught:
        cj.simulate(model, state, Times() if where == "times" else TIMES, n_traj=50)
    assert caught.value.partial is None
