"""What an ensemble is said to cost is what it costs, within the stated factors."""

from __future__ import annotations

import time

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.estimate import total_of
from cojump.ensemble.point import Point
from tests.benchmarks.cases import constrained, free_flips, hopfield_2, potts
from tests.support.command_line import invoke
from tests.support.run_files import flips, run_text

TIMES = np.linspace(0.0, 2.0, 11)
FACTOR, CUT_FACTOR = 2.0, 4.0


def spent(model, state, n_traj, times=TIMES):
    """Seconds that a run takes."""
    began = time.thread_time()
    cj.simulate(model, state, times, n_traj=n_traj)
    return time.thread_time() - began


CASES = {"one block": (constrained, 200, 60), "parts": (hopfield_2, 40, 20), "three levels": (potts, 12, 40)}


@pytest.mark.parametrize("name", CASES)
def test_whole_trials(name):
    build, size, n_traj = CASES[name]
    model, state = build(size)
    cost = cj.estimate(model, state, TIMES, n_traj)
    assert cost.reached == TIMES[-1]
    assert cost.trials > 3
    assert 1 / FACTOR < spent(model, state, n_traj) / cost.total < FACTOR


def test_trials_that_are_cut_short():
    model, state = free_flips(2000)
    times = np.linspace(0.0, 4.0, 11)
    cost = cj.estimate(model, state, times, 10, seconds=0.02)
    assert cost.reached < 0.5 * cost.end
    assert 1 / CUT_FACTOR < spent(model, state, 10, times) / cost.total < CUT_FACTOR
    assert f"cut at t = {cost.reached:.3g} of 4" in " ".join(cost.summary().split())


def test_a_model_that_costs_more_is_said_to_cost_more():
    """The control: the factors tell sizes apart that are sixteen times as large."""
    small, large = (cj.estimate(*free_flips(size), TIMES, 100, seconds=0.1).per_trajectory for size in (100, 1600))
    assert large > CUT_FACTOR * small


def test_memory_and_methods_are_those_of_the_recipe():
    model, state = hopfield_2(24)
    cost, point = cj.estimate(model, state, TIMES, 5, seconds=0.0), Point(model, state, TIMES, n_traj=5)
    assert cost.memory == point.nbytes
    assert cost.methods == {", ".join(part.names): part.method for part in point.recipe.parts}
    assert len(cost.methods) == 2


def test_ranks_share_whole_chunks():
    model, state = constrained(10)
    one, many = (cj.estimate(model, state, TIMES, 128, ranks=ranks, chunk=64, seconds=0.0) for ranks in (1, 1000))
    assert one.total == pytest.approx(one.preparation + 128 * one.per_trajectory)
    assert many.total == pytest.approx(many.preparation + 64 * many.per_trajectory)
    both = total_of([one, many], 2)
    assert both == pytest.approx(one.preparation + many.preparation + 64 * (one.per_trajectory + many.per_trajectory))


def test_one_trajectory_has_no_spread():
    model, state = constrained(10)
    cost = cj.estimate(model, state, TIMES, 1)
    assert cost.trials == 1
    assert np.isnan(cost.spread)
    assert repr(cost) == "<Estimate: 1 trajectory in less than a second on 1 rank>"


@pytest.mark.parametrize("name", ["n_traj", "ranks"])
def test_wrong_numbers_are_refused(name):
    model, state = constrained(4)
    with pytest.raises(cj.ArgumentError, match=f"`{name}` must be an integer of at least 1, but it is 0"):
        cj.estimate(model, state, TIMES, **{"n_traj": 2, name: 0})


def test_show_says_how_long_a_run_takes(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(run_text(flips([4, 8]), n_traj=10, seed=7), encoding="utf-8")
    out, _ = invoke("show", path)
    assert "said with --ranks N" in out
    assert "s each" not in out
    out, err = invoke("show", path, "--ranks", "2")
    assert err == ""
    assert "less than a second on 2 ranks" in out
    assert "s each" in out
    _, err = invoke("show", path, "--ranks", "0", status=2)
    assert err.count("\n") == 1
    invoke("run", path)
    _, err = invoke("show", tmp_path / "results", "--ranks", "2", status=2)
    assert "`--ranks` must be given with a run file" in err


def test_detectors_cost_what_they_do():
    model = cj.systems.boundary_time_crystal(size=8, omega=0.4, kappa=1.0)
    watched = {"decay": cj.unravelling.homodyne(phase=0.0, error=0.1)}
    found = cj.estimate(model, cj.tilted(model, 1.1, 0.4), [0, 0.2], 10, unravelling=watched, seconds=0.05)
    assert "diffus" in next(iter(found.methods.values()))
