"""What is printed of anything that a user can hold: one short line among others, a screenful by itself."""

import time
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

import cojump as cj
from cojump.measure.averages import layout_of
from cojump.measure.moments import Moments
from cojump.results.result import Result
from cojump.tools.summaries import Summarised
from tests.test_pickling import held

TIMES = [0.0, 0.5, 1.0]
MODEL = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
START = cj.tilted(MODEL, 1.1, 0.4)


def everything():
    yield from held()
    network = cj.systems.hopfield(cj.systems.random_patterns(3, 12, 1), 0.3, 1.5)
    yield from (network, *network.hamiltonian, *network.jumps, cj.corrupted(network), *START.blocks)
    crystal = cj.systems.boundary_time_crystal(4, 1.0, 1.0)
    pair = cj.TwoBody(np.eye(2), np.eye(2), 0.3, blocks=("spins", "spins"))
    yield from (crystal, *crystal.jumps, pair, cj.systems.free_flips(10**5, 0.7, 1.3, 0.8))
    many = cj.simulate(network, cj.corrupted(network), TIMES, n_traj=5, keep=2, distributions=[1.0], burn_in=0)
    yield from (many, many.order, many.counts, many.activity, many.spin, many.squeezing, many.stationary_order)
    yield from (many.distribution("++-"), many["++-.z"], many.counts["total"], many.stationary["++-.z"])
    yield cj.mean_field(MODEL, START, TIMES)
    exact = cj.master_equation(MODEL, START, TIMES)
    yield from (exact, exact["spins.z"])
    yield cj.trajectory(MODEL, START, TIMES, seed=1, index=0)
    yield cj.fluctuations.fluctuations(MODEL, START, TIMES)
    yield cj.bounds.gronwall(MODEL, START, TIMES).constants
    found = cj.attractors.survey(cj.systems.hopfield(np.ones((1, 50)), 1.0, 1 / 0.3), search=2)
    yield from (found, found.fixed_points[0], *found.cycles)


def test_a_line_and_a_screenful():
    for thing in everything():
        kind = type(thing).__name__
        assert isinstance(thing, Summarised), kind
        line, text = repr(thing), str(thing)
        assert text == thing.summary(), kind
        assert line == f"<{text.splitlines()[0]}>"
        assert max(map(len, [line, *text.splitlines()])) <= 100, text
        assert len(text.splitlines()) <= 40, text
        assert "array(" not in text
        assert unescape(thing._repr_html_()).endswith(f">{text}</pre>")
        assert "\n\n\n" not in text


def test_what_a_result_says():
    result = cj.simulate(MODEL, START, TIMES, n_traj=40, keep=3, burn_in=0.5)
    text = str(result)
    for part in ("Result of 40 trajectories: N = 4, 3 times from 0 to 1", "series    of the first 3 trajectories"):
        assert part in text
    assert f"jumps     {result.n_jumps} in all" in text
    assert "at t = 1" in text
    z = result["spins.z"]
    (row,) = (line.split() for line in text.splitlines() if line.startswith("  spins.z "))
    assert float(row[1]) == pytest.approx(z.mean[-1], abs=z.stderr[-1] / 10)
    assert float(row[3]) == pytest.approx(z.stderr[-1], rel=0.1)
    assert float(row[-1]) == pytest.approx(result.reference[-1, 2], abs=1e-5)
    assert ("?" in row) == result.uncertain[-1, 2]
    assert ".stationary" in text


def empty(n_traj, n_times=2):
    labels = ("spins.x", "spins.y", "spins.z")
    layout = layout_of(labels)
    moments = Moments.empty((n_times, layout.width), layout.pairs)
    moments.count = n_traj
    zero = np.zeros((n_times, 3))
    weights = np.full(3, 0.5)
    return Result(np.arange(n_times), labels, 10**5, weights, zero, moments, np.empty((0, n_times, 3)), 0, 1e-9, 0)


def test_nothing_and_hardly_anything():
    assert str(empty(0)).startswith("Result of 0 trajectories: N = 100,000, 2 times from 0 to 1\n")
    assert "0.00000 ± —" in str(empty(1))
    one = cj.simulate(MODEL, START, [0.0], n_traj=1)
    assert str(one).startswith("Result of 1 trajectory: N = 4, t = 0\n")
    wrong = replace(one, reference=np.full((1, 3), np.nan))
    assert " — " in str(wrong)


def test_control_characters_are_shown_and_not_obeyed():
    strange = cj.Model([cj.Block("a\x1b[31m\nb", 2)], [cj.OneBody(np.eye(2), "a\x1b[31m\nb")])
    mf = cj.mean_field(strange, cj.tilted(strange, 0.1, 0), TIMES)
    assert "\x1b" not in str(mf) + repr(mf)
    assert "a\\x1b[31m\\nb.x" in str(mf)


def test_a_name_is_no_markup_in_a_notebook():
    model = cj.Model([cj.Block("<script>alert(1)</script>&", 3)])
    page = model._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<") == 2, "the frame of the text alone"


def test_a_million_times_are_printed_at_once():
    result = empty(2, 10**6)
    before = time.process_time()
    assert "1,000,000 times from 0 to 999999" in str(result)
    assert repr(result).endswith("1,000,000 times from 0 to 999999>")
    assert time.process_time() - before < 0.2
