"""Which models are the same: every change of a table that trajectories read is seen, no rounding of a machine is."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.fingerprint import MADE_BY, differences, identity_of
from cojump.ensemble.point import Point
from tests.support.pauli import LOWER, RAISE, X, Z

UP = np.diag([1.0, 0.0])
RNG = np.random.default_rng(5)


def point(model, **options):
    state = cj.product(model, {b.name: np.eye(b.levels) / b.levels for b in model.blocks})
    return Point(model, state, np.linspace(0, 1, 5), n_traj=10, seed=3, **options)


def found(one, other):
    """What the first model has otherwise than the second one, as that comes back from a file."""
    stored = json.loads(json.dumps(identity_of(point(other))))
    return [difference.text for difference in differences(identity_of(point(one)), stored)]


def pole(x):
    return 1 / (1 - x + 1e-9)


def one_block(amplitude, size=400, argument=UP, exclude=False):
    jump = cj.LocalJump(LOWER, "spins", amplitude=amplitude, argument={"spins": argument}, exclude_self=exclude)
    return cj.Model([cj.Block("spins", size)], [cj.OneBody(0.7 * X, "spins")], [jump])


def tilted_axis(amplitude):
    """Arguments along two axes: no banded tables."""
    jumps = [
        cj.LocalJump(LOWER, "spins", amplitude=amplitude, argument={"spins": UP}),
        cj.LocalJump(RAISE, "spins", amplitude=lambda x: 1 + x, argument={"spins": X}),
    ]
    return cj.Model([cj.Block("spins", 40)], [], jumps)


def two_blocks(amplitude):
    argument = {"a": 0.5 * UP, "b": 0.5 * UP}
    jump = cj.LocalJump(LOWER, "a", amplitude=amplitude, argument=argument, exclude_self=True)
    return cj.Model([cj.Block("a", 60), cj.Block("b", 50)], [cj.TwoBody(X, X, 0.1, ("a", "b"))], [jump])


def three_levels(amplitude):
    jump = cj.LocalJump(np.eye(3, k=1), "p", amplitude=amplitude, argument={"p": np.diag([1.0, 0.5, 0.0])})
    return cj.Model([cj.Block("p", 30, levels=3)], [], [jump])


MODELS = {
    "short": one_block,
    "self-excluded": lambda f: one_block(f, exclude=True),
    "general and self-excluded": lambda f: cj.Model(
        [cj.Block("spins", 300)],
        [],
        [cj.LocalJump(X + 1j * Z, "spins", amplitude=f, argument={"spins": UP}, exclude_self=True)],
    ),
    "long": lambda f: one_block(f, size=3000),
    "longer than the grid that a rate is tried on": lambda f: one_block(f, size=150_001),
    "turned": tilted_axis,
    "two blocks": two_blocks,
    "three levels": three_levels,
}


@pytest.mark.parametrize("name", MODELS)
def test_a_change_far_below_the_largest_value(name):
    (text,) = found(MODELS[name](lambda x: pole(x) + 0.5 * (x < 0.9)), MODELS[name](pole))
    assert text.startswith("jumps[0] Γ over the spectrum is ")


@pytest.mark.parametrize("size", [50, 400, 3000, 150_001])
@pytest.mark.parametrize("factor", [1 + 1e-8, -1.0, 0.0])
def test_one_value_of_many(size, factor):
    place = size // 3

    def changed(x):
        return np.where(np.rint(x * size) == place, factor, 1.0) * np.exp(30 * x)

    (text,) = found(one_block(changed, size), one_block(lambda x: np.exp(30 * x), size))
    if size == 400:
        assert f" in its value {place + 1} of {size + 1}" in text
    if size == 3000:
        assert " here and an array (3001) from 1 to " in text
        assert ", apart among its values 941 to 1128" in text


@pytest.mark.parametrize("name", MODELS)
def test_the_rounding_of_another_machine(name):
    rng = np.random.default_rng(1)

    def rounded(x):
        return pole(x) * (1 + rng.choice([-4e-16, 0.0, 4e-16, 4e-14], size=x.shape))

    assert found(MODELS[name](rounded), MODELS[name](pole)) == []
    assert found(MODELS[name](lambda x: pole(x) * 0.5), MODELS[name](lambda x: pole(x) / 2)) == []


def matrix_model(matrix, jump=LOWER):
    return cj.Model([cj.Block("spins", 4)], [cj.OneBody(matrix, "spins")], [cj.LocalJump(jump, "spins")])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (X, X + 1e-17 * Z),
        (X, X * (1 + 1e-15)),
        (1e-30 * X, 1e-30 * X * (1 + 1e-15)),
        (1e6 * Z + X, 1e6 * Z + X * (1 + 1e-11)),
    ],
)
def test_matrices_that_differ_by_rounding(one, other):
    assert found(matrix_model(one), matrix_model(other)) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [(X, X + 1e-9 * Z), (1e-30 * X, 1.0001e-30 * X), (1e6 * Z + X, 1e6 * Z + 1.0001 * X), (X, X + 1e-12 * Z)],
)
def test_matrices_that_differ(one, other):
    (text,) = found(matrix_model(one), matrix_model(other))
    ours, _, theirs = text.partition(" here and ")
    assert ours.removeprefix("hamiltonian[0] matrix is ") != theirs.removesuffix(" there"), "the numbers shown differ"


def test_what_is_compared_although_the_physics_may_be_the_same():
    """A block of another name, a jump that never happens, an argument of a constant Γ: the record would be another."""

    def constant(argument, *more, name="spins"):
        jump = cj.LocalJump(LOWER, name, amplitude=np.ones_like, argument={name: argument})
        return cj.Model([cj.Block(name, 4)], [], [jump, *more])

    base = constant(Z)
    assert found(constant(Z), base) == []
    assert found(constant(Z, name="atoms"), base)[0] == "blocks[0] name is atoms here and spins there"
    assert found(constant(X), base)[0].startswith("jumps[0] argument 'spins' is ")
    never = cj.LocalJump(0 * LOWER, "spins")
    assert found(constant(Z, never), base)[0] == "jumps[1] kind is LocalJump here and missing there"


def test_derivatives_and_order_parameters():
    def model(slope=1.0, weight=1.0):
        pair = (lambda x: slope * np.ones_like(x), np.zeros_like)
        jump = cj.LocalJump(LOWER, "spins", amplitude=lambda x: x, argument={"spins": UP}, derivatives=pair)
        return cj.Model([cj.Block("spins", 4)], [], [jump], order_parameters={"m": {"spins": weight * Z}})

    assert found(model(), model()) == []
    assert found(model(slope=2.0), model())[0].startswith("jumps[0] derivatives[0] over the spectrum is")
    assert found(model(weight=2.0), model())[0].startswith("order parameters 'm' 'spins' is")


def test_a_long_state():
    def start(change):
        model = one_block(np.cosh, 2000)
        amplitudes = np.exp(-(np.linspace(-3, 3, 2001) ** 2)) * np.exp(1j * np.arange(2001))
        amplitudes[5] += change
        state = cj.symmetric(model, {"spins": amplitudes / np.linalg.norm(amplitudes)})
        return identity_of(Point(model, state, np.array([0.0, 1.0]), n_traj=10))

    assert differences(start(0.0), json.loads(json.dumps(start(0.0)))) == []
    (difference,) = differences(start(1e-6), json.loads(json.dumps(start(0.0))))
    assert difference.name.startswith("initial state[0] amplitudes")
    assert "apart among its values 1 to 126" in difference.text


def test_facts_of_an_earlier_version_are_compared_as_it_would_have_done():
    model = one_block(np.cosh)
    old = json.loads(json.dumps(identity_of(point(model), sketched=True)))
    assert MADE_BY not in old
    assert differences(identity_of(point(one_block(np.cosh)), sketched=True), old) == []
    (difference,) = differences(identity_of(point(one_block(np.cos)), sketched=True), old)
    assert difference.text.startswith("jumps[0] Γ over the spectrum is an array (401) of norm")
