"""Jumps that touch two things at once, as what the user writes down: what is taken, refused, kept and told apart."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.fingerprint import differences, identity_of
from cojump.ensemble.point import Point
from cojump.model.stored import described, rebuilt
from tests.support.pauli import LOWER, ONE, X, Z

S = "spins"
UP = np.diag([1.0, 0.0])
TIMES = np.linspace(0, 1, 3)


def model_of(jump, size=3):
    return cj.Model([cj.Block(S, size)], [cj.OneBody(0.7 * X, S)], [jump])


def rated(function=np.hypot, argument=({S: Z}, {S: UP}), **options):
    return cj.LocalJump(LOWER, S, amplitude=function, argument=argument, **options)


def gated(function=np.cosh, argument=None, **options):
    return cj.CollectiveJump({S: LOWER}, 0.7, amplitude=function, argument=argument or {S: Z}, **options)


def laser(jump=None):
    """Some emission into a mode that is lost."""
    jumps = [jump or cj.ModeJump(LOWER, S, "m", emits=True), cj.ModeLoss(0.5, "m")]
    return cj.Model([cj.Block(S, 3), cj.Mode("m")], [cj.OneBody(0.7 * X, S)], jumps)


def lased():
    model = laser()
    return model, cj.product(model, {S: [1, 0], "m": 0.2})


REFUSED = {
    "emits is missing": (lambda: cj.ModeJump(LOWER, S, "m", emits=None), "Argument `emits` must be True or False, but"),
    "no mode of that name": (
        lambda: laser(cj.ModeJump(LOWER, S, "n", emits=True)),
        "Argument `jumps[0].mode` must be one of the modes 'm', but it is 'n'",
    ),
    "no block of that name": (
        lambda: laser(cj.ModeJump(LOWER, "spin", "m", emits=True)),
        "Argument `jumps[0].block` must be one of 'spins', but it is 'spin'",
    ),
    "another shape": (
        lambda: laser(cj.ModeJump(np.eye(3), S, "m", emits=True)),
        "Argument `jumps[0].j` must have the shape (2, 2) of block 'spins', but its shape is (3, 3)",
    ),
    "a rate of a mode": (
        lambda: laser(rated(argument=({S: Z}, {"m": Z}))),
        "Rates and potentials are functions of averages of particles: jumps[0].argument has the mode 'm'",
    ),
    "bounds with quanta": (lambda: cj.bounds.gronwall(*lased(), TIMES), "The bound holds for particles alone"),
    "a collective jump with a number for Γ": (
        lambda: gated(2.0),
        "Argument `amplitude` must be a function of the average Δ (a constant belongs into the matrix, √γ·Y), but it",
    ),
    "a collective jump with Γ alone": (
        lambda: cj.CollectiveJump({S: LOWER}, 0.7, amplitude=np.cos),
        "Argument `argument` must be given together with `amplitude`, but it is missing",
    ),
    "a collective jump with an argument alone": (
        lambda: cj.CollectiveJump({S: LOWER}, 0.7, argument={S: Z}),
        "Argument `amplitude` must be given together with `argument`, but it is missing",
    ),
    "a collective jump with a function for its rate": (
        lambda: cj.CollectiveJump({S: LOWER}, np.cos, argument={S: Z}),
        "Argument `rate` must be a finite number of at least 0, but it is <ufunc 'cos'>",
    ),
    "a collective jump that is no function": (
        lambda: model_of(gated(lambda x: 1 / x), size=2),
        "Argument `jumps[0].amplitude` must be finite over the whole spectrum of Δ, but at Δ = 0 it returns inf",
    ),
    "a collective jump of an unknown block": (
        lambda: model_of(gated(argument={"spin": Z})),
        "Argument `jumps[0].argument` must",
    ),
    "bounds of a collective jump": (
        lambda: cj.bounds.gronwall(model_of(gated()), cj.tilted(model_of(gated()), 1, 0), TIMES),
        "The bound holds for local jumps (11)-(12) only, but jumps[0] is collective",
    ),
    "no commuting averages": (
        lambda: rated(argument=({S: Z}, {S: X})),
        "Argument `argument` must hold averages that commute, but in block 'spins' the largest element of a commutator "
        "is 2",
    ),
    "no average": (lambda: rated(argument=()), "Argument `argument` must hold at least one average, but it is ()"),
    "not Hermitian": (
        lambda: rated(argument=({S: Z}, {S: LOWER})),
        "Argument `argument[1]['spins']` must be Hermitian, but |X - X†| reaches 1",
    ),
    "a matrix in the place of an average": (
        lambda: rated(argument=(Z, Z)),
        "Argument `argument[0]` must map block names",
    ),
    "two shapes": (
        lambda: rated(argument=({S: Z}, {S: np.eye(3)})),
        "Argument `argument` must have matrices of one shape for block 'spins', but their shapes are [(2, 2), (3, 3)]",
    ),
    "an unknown block": (
        lambda: model_of(rated(argument=({S: Z}, {"spin": Z}))),
        "Argument `jumps[0].argument` must",
    ),
    "a function of one": (
        lambda: model_of(rated(np.cos)),
        "Argument `jumps[0].amplitude` must be a function of 2 averages, but numpy's cos is one of 1",
    ),
    "a function of three": (
        lambda: model_of(rated(lambda x, y, z: x)),
        "Argument `jumps[0].amplitude` must be a function that works on 2 arrays, one for each average (a vectorised "
        "numpy function), but it raises TypeError",
    ),
    "no numbers": (
        lambda: model_of(rated(lambda x, y: np.log(1 + x))),
        "Argument `jumps[0].amplitude` must be finite over the whole spectrum of Δ, but at Δ = (-1, 0) it returns -inf",
    ),
    "a negative rate": (
        lambda: model_of(cj.LocalJump(LOWER, S, rate=lambda x, y: x + y, argument=({S: Z}, {S: UP}))),
        "Argument `jumps[0].rate` must be finite over the whole spectrum of Δ and never negative, but at Δ = (-1, 0)",
    ),
    "one value for all": (
        lambda: model_of(rated(lambda x, y: 1.0)),
        "Argument `jumps[0].amplitude` must return one value per point (a vectorised numpy function), but for 2 "
        "arguments of shape (4,) it returns shape ()",
    ),
    "random": (
        lambda: cj.simulate(*twice(lambda x, y: np.random.default_rng().uniform(size=x.shape)), TIMES, n_traj=2),
        "must be a function of its argument alone, but for the same 4 points it returns other values than before",
    ),
    "bounds": (
        lambda: cj.bounds.gronwall(*twice(np.hypot), TIMES),
        "The bound holds for rates of one average (11)-(13) only, but that of jumps[0] is one of 2",
    ),
    "lemmas": (
        lambda: cj.bounds.lemmas(twice(np.hypot)[0]),
        "The bound holds for rates of one average (11)-(13) only, but that of jumps[0] is one of 2",
    ),
}


def twice(function):
    model = model_of(rated(function))
    return model, cj.tilted(model, 1.1, 0.4)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line(name):
    make, line = REFUSED[name]
    with pytest.raises((cj.ArgumentError, cj.UnsupportedError)) as caught:
        make()
    assert line in str(caught.value)
    assert str(caught.value).isprintable()


def test_one_average_in_a_list_is_one_average():
    jump = rated(np.cos, argument=[{S: Z}])
    assert list(jump.argument) == [S]
    assert model_of(jump).argument_spectrum(jump).shape == (4,)


def test_points_of_the_joint_spectrum():
    """All of them for few particles; corners stay among them for many; none beyond, exactly."""
    jump = cj.LocalJump(LOWER, "a", amplitude=np.hypot, argument=({"a": Z, "b": -Z}, {"b": UP}), exclude_self=True)
    points = jump.spectrum({"a": 3, "b": 2})
    up = [(a, b) for a in range(3) for b in range(3)]
    expected = {((2 * a - 2) / 3 - (2 * b - 2) / 2, b / 2) for a, b in up}
    assert {tuple(np.round(p, 12)) for p in points.T} == {tuple(np.round(p, 12)) for p in expected}
    many = replace(jump, exclude_self=False).spectrum({"a": 10**6, "b": 10**6}, 1000)
    assert many.shape[1] <= 1000
    assert {(-2.0, 1.0), (0.0, 1.0), (2.0, 0.0), (0.0, 0.0)} <= set(map(tuple, many.T))
    for big in (4, 10):
        three = np.diag(np.arange(3.0))
        sizes = {"a": big}
        jump = cj.LocalJump(np.eye(3, k=1), "a", amplitude=np.hypot, argument=({"a": three}, {"a": three @ three}))
        found = jump.spectrum(sizes)
        assert found.shape[1] == (big + 1) * (big + 2) // 2
        assert found.min(axis=1).tolist() == [0, 0]
        assert found.max(axis=1).tolist() == [2, 4]


def test_rounding_alone_makes_no_rate_negative():
    """1 - n_0 - n_1 is zero up to rounding where the third level is empty."""
    levels = [np.diag(np.eye(3)[a]) for a in (0, 1)]
    jump = cj.LocalJump(np.eye(3, k=1), "a", rate=lambda x, y: 1 - x - y, argument=({"a": levels[0]}, {"a": levels[1]}))
    for size in (3, 7, 10, 49):
        model = cj.Model([cj.Block("a", size, 3)], jumps=[jump])
        assert jump.gamma(model.argument_spectrum(jump)).min() == 0
    mf = cj.mean_field(model, cj.product(model, {"a": np.sqrt([0.3, 0.7, 0])}), [0, 1.0])
    assert np.abs(mf.mean[1] - mf.mean[0]).max() < 1e-9


def test_pickled_stored_and_told_apart():
    model, state = twice(np.hypot)
    assert pickle.loads(pickle.dumps(model)).jumps[0].argument[1][S].tolist() == UP.tolist()
    again = rebuilt(described(model))
    assert len(again.jumps[0].arguments) == 2
    assert "= hypot, x1 = average " in str(model)

    def facts(jump):
        return identity_of(Point(model_of(jump), state, TIMES, n_traj=1))

    here = facts(rated())
    assert not differences(here, facts(rated(lambda x, y: np.sqrt(x**2 + y**2))))
    assert not differences(here, identity_of(Point(again, state, TIMES, n_traj=1)))
    collective = facts(gated())
    assert not differences(collective, facts(gated(lambda x: (np.exp(x) + np.exp(-x)) / 2)))
    assert differences(collective, facts(gated(np.exp)))
    assert differences(collective, facts(gated(argument={S: 1.01 * Z})))
    assert differences(collective, facts(cj.CollectiveJump({S: LOWER}, 0.7)))
    assert rebuilt(described(model_of(gated()))).jumps[0].amplitude is np.cosh
    assert "rate 0.7, amplitude = cosh" in str(model_of(gated()))
    for other in (
        rated(lambda x, y: np.sqrt(x**2 + 1.01 * y**2)),
        rated(argument=({S: Z}, {S: UP + 0.01 * ONE})),
        rated(exclude_self=True),
    ):
        assert differences(here, facts(other))


def test_a_jump_with_a_quantum_is_kept_and_told_apart():
    model, state = lased()
    again = rebuilt(described(pickle.loads(pickle.dumps(model))))
    assert again.jumps[0].emits is True
    assert " on spins, into m" in str(model)

    def facts(made):
        return identity_of(Point(made, state, TIMES, n_traj=1))

    assert not differences(facts(model), facts(again))
    for other in (cj.ModeJump(LOWER, S, "m", emits=False), cj.ModeJump(1.01 * LOWER, S, "m", emits=True)):
        assert differences(facts(model), facts(laser(other)))


def test_parts_of_a_model_with_quanta():
    """N counts all particles, whichever part of the model they are in: a block that feels nothing of the rest."""
    one, two = cj.Block(S, 2), cj.Block("others", 6)
    jumps = [cj.ModeJump(LOWER, S, "m", emits=True), cj.ModeLoss(0.5, "m")]
    together = cj.Model([one, two, cj.Mode("m")], jumps=jumps)
    alone = cj.Model([one, cj.Mode("m")], jumps=[replace(jumps[0], j=0.5 * LOWER), jumps[1]])
    found = []
    for model, scale in ((together, 1.0), (alone, 2.0)):
        state = cj.product(model, {b.name: [1, 0] for b in model.blocks} | {"m": 0.2 * scale})
        figures = [
            cj.mean_field(model, state, TIMES),
            cj.master_equation(model, state, TIMES),
            cj.simulate(model, state, TIMES, n_traj=20, seed=1),
        ]
        found.append([[f[f"{S}.z"].mean, f["m.x"].mean / scale, f["m.y"].mean / scale] for f in figures])
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-8)


def test_parts_and_blocks_without_a_share():
    """A zero matrix couples nothing; what is left of an average in a part of the model is still an argument."""
    jump = cj.LocalJump(LOWER, "a", amplitude=lambda x, y: 1 + x + y, argument=({"a": Z}, {"b": 0 * X}))
    model = cj.Model([cj.Block("a", 2), cj.Block("b", 3)], jumps=[jump])
    plain = replace(jump, amplitude=lambda x: 1 + x, argument={"a": Z})
    state = cj.tilted(model, 1.1, 0.4)
    one, two = (cj.simulate(m, state, TIMES, n_traj=5, seed=2) for m in (model, cj.Model(model.blocks, jumps=[plain])))
    np.testing.assert_allclose(one.mean, two.mean, rtol=0, atol=1e-9)
