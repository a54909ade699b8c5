"""Processes that share the work of simulate(): the same bits, and nothing that hangs."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.point import Point
from cojump.errors import WorkerError
from cojump.parallel import processes
from tests.support.hooks import listen
from tests.support.pauli import LOWER, X, Z

TIMES = np.linspace(0, 1, 4)


def model_with_a_lambda(size=6):
    jump = cj.LocalJump(LOWER, "a", amplitude=lambda x: 1 + 0.5 * x, argument={"a": Z})
    return cj.Model([cj.Block("a", size)], [cj.OneBody(X, "a")], [jump])


MODEL = model_with_a_lambda()
STATE = cj.tilted(MODEL, 1.1, 0.4)


def simulate(n_traj=50, model=MODEL, **options):
    options = {"chunk": 8, "seed": 3, "keep": min(12, n_traj), **options}
    return cj.simulate(model, STATE, TIMES, n_traj=n_traj, **options)


def same(one, other):
    for name in ("mean", "covariance_stderr", "trajectories", "reference"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert one.n_traj == other.n_traj
    assert one.n_jumps == other.n_jumps


def children():
    return {p.pid for p in multiprocessing.active_children()}


@pytest.mark.parametrize("workers", [2, 3, 9])
def test_any_number_of_workers_gives_the_same_bits(workers):
    """Of a model that no process can be sent: its rate is a lambda."""
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(MODEL)
    made = simulate(workers=workers)
    same(made, simulate())
    assert made.model() is MODEL
    more, again = (cj.simulate(MODEL, r.final, TIMES, n_traj=12, seed=1) for r in (made, simulate()))
    assert more.mean.tobytes() == again.mean.tobytes()
    assert not children()


def test_a_target_is_reached_after_the_same_trajectories():
    made = [simulate(10_000, target_error={"a.z": 0.02}, min_traj=20, workers=n, keep=0) for n in (1, 2)]
    same(*made)
    assert made[0].n_traj < 10_000
    assert made[0]["a.z"].stderr.max() <= 0.02
    shorter = simulate(made[0].n_traj - 8, keep=0)
    assert shorter["a.z"].stderr.max() > 0.02


def slow():
    """Long enough for a signal to come in between."""
    return model_with_a_lambda(40)


def later(action):
    """Run ``action`` when the workers are at work."""

    def wait_for_them():
        end = time.monotonic() + 30
        while not children() and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.3)
        action()

    threading.Thread(target=wait_for_them).start()


def long_run(**options):
    model = slow()
    return cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 3.0], n_traj=10**6, chunk=8, seed=3, **options)


def test_a_worker_that_is_killed_ends_the_run_with_one_line():
    later(lambda: os.kill(min(children()), signal.SIGKILL))
    with pytest.raises(WorkerError) as caught:
        long_run(workers=2)
    assert str(caught.value) == (
        "One of 2 workers was ended by signal SIGKILL; if the machine is out of memory, fewer of them may do"
    )
    assert not children()
    partial = caught.value.partial
    if partial is not None:  # what was finished before
        model = slow()
        short = cj.simulate(
            model, cj.tilted(model, 1.1, 0.4), [0.0, 3.0], n_traj=min(partial.n_traj, 8), chunk=8, seed=3
        )
        assert short.n_traj <= partial.n_traj


def test_ctrl_c_keeps_what_is_finished():
    later(lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(cj.SimulationInterrupted) as caught:
        long_run(workers=2)
    partial = caught.value.partial
    assert not children()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert partial.n_traj >= 1
    model = slow()
    again = cj.simulate(model, cj.tilted(model, 1.1, 0.4), [0.0, 3.0], n_traj=partial.n_traj, chunk=8, seed=3)
    assert again.mean.tobytes() == partial.mean.tobytes()


class ForeignError(Exception):
    """Of code that is not cojump's, with arguments that its pickle does not know."""

    def __init__(self, one, two):
        super().__init__(f"{one}, {two}")


@pytest.mark.parametrize("error", [KeyError("k"), ForeignError(1, 2)])
def test_an_error_in_a_worker_comes_up_with_its_place(error, monkeypatch):
    def at(event, args):
        if event == "cojump.trajectory" and args[1] == 20:
            raise error

    listen(monkeypatch, at)
    with pytest.raises(Exception) as caught:
        simulate(workers=2)
    known = not isinstance(error, ForeignError)
    assert type(caught.value) is (type(error) if known else RuntimeError)
    notes = "\n".join(caught.value.__notes__)
    assert type(error).__name__ in notes
    assert "worker.py" in notes
    assert caught.value.partial.n_traj >= 1
    assert not children()


def test_progress_counts_the_trajectories_of_all(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    simulate(workers=2, progress=True)
    assert "50" in stream.getvalue()


def test_memory_is_shared_by_the_workers(monkeypatch):
    point = Point(MODEL, STATE, TIMES, n_traj=5)
    room = 3 * point.nbytes
    monkeypatch.setattr("cojump.ensemble.point.for_each_rank", lambda workers=1: room // workers)
    point.check_memory()
    point.check_memory(2)
    with pytest.raises(cj.ArgumentError, match="GiB for it in each of 4 workers"):
        simulate(workers=4, n_traj=5, keep=0)


def test_what_is_refused(monkeypatch):
    for wrong in (0, -1, 1.5, "2", None):
        with pytest.raises(cj.ArgumentError, match="Argument `workers` must be an integer"):
            simulate(workers=wrong)
    with pytest.raises(cj.ArgumentError, match="`workers` must be 1 with a communicator, whose ranks share the work"):
        simulate(workers=2, comm=object())
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    with pytest.raises(cj.ArgumentError, match="`workers` must be 1 where a process cannot be copied, but on "):
        simulate(workers=2)
    monkeypatch.undo()
    monkeypatch.setattr(processes.multiprocessing, "current_process", lambda: type("P", (), {"daemon": True}))
    with pytest.raises(
        cj.ArgumentError, match="`workers` must be 1 in a process that may have no processes of its own"
    ):
        simulate(workers=2)
