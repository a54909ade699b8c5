"""Trajectories that are measured together have the bits that each has alone."""

from typing import NamedTuple

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.point import Point
from cojump.ensemble.schedule import Task
from cojump.ensemble.worker import Worker
from cojump.measure.moments import Moments
from cojump.measure.order_parameters import OrderMeter
from cojump.measure.polynomials import PolynomialMeter, polynomials_of
from cojump.tools.matrices import from_pairs
from tests.support.pauli import LOWER, X, Y, Z

TIMES = np.linspace(0.0, 0.6, 4)


def one_by_one(moments, samples):
    """Welford's rule for one vector after another, written down."""
    for x in samples:
        moments.count += 1
        before = x - moments.mean
        moments.mean += before / moments.count
        after = x - moments.mean
        moments.comoment += before[..., moments.pairs[0]] * after[..., moments.pairs[1]]
        if moments.count == 1:
            moments.tails.shift[...] = x[..., moments.tails.followed]
        y = x[..., moments.tails.followed] - moments.tails.shift
        moments.tails.cubes += y * (y * y)
        moments.tails.fourths += (y * y) * (y * y)


def sums_of(moments):
    return moments.mean, moments.comoment, moments.tails.shift, moments.tails.cubes, moments.tails.fourths


# a single number, few, and more products than are made at once
@pytest.mark.parametrize(("times", "size"), [(1, 1), (1, 2), (2, 1), (4, 3), (4, 300)])
@pytest.mark.parametrize("cuts", [(), (1,), (3, 4, 20)])
def test_moments_take_in_many_as_one_by_one(times, size, cuts):
    rng = np.random.default_rng(size)
    samples = rng.normal(size=(41, times, size)) + rng.normal(size=(times, size))
    pairs = rng.integers(0, size, (2, 5 * size if size > 1 else 1))
    pairs[:, :size] = np.arange(size)
    many, slow = (Moments.empty((times, size), pairs, np.arange(size // 2, size)) for _ in range(2))
    for piece in np.split(samples, cuts):
        many.extend(piece)
    one_by_one(slow, samples)
    assert many.count == slow.count == 41
    for found, expected in zip(sums_of(many), sums_of(slow), strict=True):
        np.testing.assert_array_equal(found, expected)


def hopfield():
    model = cj.systems.hopfield(cj.systems.random_patterns(2, 11, 1), 0.5, 1.7)
    b = model.blocks[0].name
    asked = {
        "observables": {"zz": [({b: Z}, {b: Z}), {b: X}], "xyz": [({b: Z}, {b: X}, {b: Y})]},
        "squeezing": {"all": {block.name: 1.0 for block in model.blocks}},
        "distributions": TIMES[2:],
        "reduced": {b: 1},
        "callbacks": {"time": lambda state: state.time},
        "burn_in": 0.2,
        "record": True,
        "keep": 5,
    }
    return model, cj.corrupted(model, 0, 0.8), asked


def mode():
    model = cj.systems.dicke(3, 1.0, 1.2, 0.6, 1.0, gamma=0.3)
    return model, cj.tilted(model, 1.0, 0.3), {"burn_in": 0.2}


def current():
    jumps = [cj.CollectiveJump({"s": LOWER}, rate=1.0, name="light")]
    model = cj.Model([cj.Block("s", 4)], [cj.OneBody(0.5 * X, "s")], jumps)
    return model, cj.tilted(model, 1.0, 0.3), {"unravelling": {"light": cj.unravelling.homodyne(0.0)}}


def spins():
    model = cj.systems.constrained(12, 0.7, 1.3, 0.8)
    state = cj.mixture([(0.5, cj.tilted(model, 1.0, 0.3)), (0.5, cj.product(model, {"spins": np.eye(2) / 2}))])
    return model, state, {"keep": 2}


@pytest.mark.parametrize("case", [hopfield, mode, current, spins])
def test_a_chunk_does_not_depend_on_when_its_sums_are_made(case):
    model, state, asked = case()
    point = Point(model, state, TIMES, n_traj=40, seed=3, **asked)
    parts = []
    once = Worker(point).run(Task(0, 0, 0, 9, None), lambda: None, lambda so_far: None)
    each = Worker(point).run(Task(0, 0, 0, 9, None), lambda: None, lambda so_far: parts.append(so_far().stop))
    rest = Task(0, 0, 4, 9, Worker(point).run(Task(0, 0, 0, 4, None), lambda: None, lambda so_far: None))
    again = Worker(point).run(rest, lambda: None, lambda so_far: None)
    assert parts == list(range(1, 9))
    for other in (each, again):
        assert (other.start, other.stop, other.n_jumps) == (once.start, once.stop, once.n_jumps)
        for one, two in zip(once.moments, other.moments, strict=True):
            assert one.count == two.count == 9
            for found, expected in zip(sums_of(one), sums_of(two), strict=True):
                np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(once.series, other.series)
        assert len(once.final) == len(other.final) == asked.get("keep", 0)
        assert len(once.records) == len(other.records) == (9 if "record" in asked else 0)
        for one, two in zip(once.records, other.records, strict=True):
            np.testing.assert_array_equal(one, two)


class Reported(NamedTuple):
    """What meters of averages look at."""

    mean: np.ndarray
    second: np.ndarray


def test_order_parameters_and_polynomials_are_linear_in_the_products():
    model = cj.systems.hopfield(cj.systems.random_patterns(2, 10, 1), 0.5, 1.7)
    a, b = (block.name for block in model.blocks[:2])
    rng, A = np.random.default_rng(2), len(model.labels)
    several = Reported(rng.normal(size=(5, 4, A)), rng.normal(size=(5, 4, A * (A + 1) // 2)))
    order = OrderMeter(model, TIMES)
    maps = [model.linear(name, x) for name, x in model.order_parameters.items()]
    c, w = np.array([c for c, _ in maps]), np.array([w for _, w in maps])
    reference = rng.normal(size=(4, len(c)))
    found = order.samples(several, reference)
    polynomials = polynomials_of(model, {"p": [({a: X}, {b: Z}), ({a: Z + 0.3 * np.eye(2)}, {a: Z}), {b: LOWER}]})
    values = PolynomialMeter(model, TIMES, polynomials).samples(several, reference)
    place = {label: n for n, label in enumerate(model.labels)}
    ax, az, bz, bx = (place[f"{name}.{axis}"] for name, axis in ((a, "x"), (a, "z"), (b, "z"), (b, "x")))
    for k in range(5):
        second = from_pairs(several.second[k], A)
        for t in range(4):
            linear = w @ several.mean[k, t]
            products = w @ second[t] @ w.T + np.outer(c, linear) + np.outer(linear, c) + np.outer(c, c)
            away = linear + c - reference[t]
            centred = products - np.outer(reference[t], linear + c) - np.outer(linear + c, reference[t])
            centred += np.outer(reference[t], reference[t])
            upper = np.triu_indices(len(c))
            expected = np.concatenate([away, centred[upper], np.outer(away, away)[upper], [np.trace(centred)]])
            np.testing.assert_allclose(found[k, t], expected, rtol=0, atol=1e-12)
            m = several.mean[k, t]
            value = second[t][ax, bz] + second[t][az, az] + 0.3 * m[az] + m[bx] / 2
            np.testing.assert_allclose(values[k, t, 0], value, rtol=0, atol=1e-12)
