"""Boson modes in a model: what they are called, what they couple, what is refused, and how they are kept."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import cojump as cj
from cojump.ensemble.fingerprint import differences, identity_of
from cojump.model.components import components
from cojump.model.stored import described, rebuilt
from tests.support.pauli import LOWER, X, Z
from tests.test_pickling import same


def two_modes(*, thermal=0.3, eta=0.2 - 0.1j):
    """Two blocks and two modes, everything coupled."""
    return cj.Model(
        [cj.Block("a", 3), cj.Mode("red"), cj.Block("b", 2, levels=3), cj.Mode("blue")],
        [
            cj.OneBody(Z, "a"),
            cj.ModeEnergy(0.7, "red"),
            cj.ModeDrive(eta, "blue"),
            cj.ModeCoupling({"a": 0.5 * LOWER, "b": np.diag([1, 0, -1])}, mode="red"),
            cj.ModeCoupling({"a": 0.3j * X}, mode="blue"),
        ],
        [cj.LocalJump(LOWER, "a"), cj.ModeLoss(1.0, "red", thermal=thermal), cj.ModeLoss(0.5, "blue")],
        order_parameters={"m": {"a": Z, "red": (1.0, 2.0)}},
    )


STATES = {"a": [1, 0], "b": np.eye(3)[0], "red": 0.4 - 0.3j}


def test_modes_stand_among_blocks_and_are_apart_from_them():
    model = two_modes()
    assert [b.name for b in model.blocks] == ["a", "b"]
    assert model.mode_names == ("red", "blue")
    assert model.size == 5
    assert model.labels[-4:] == ("red.x", "red.y", "blue.x", "blue.y")
    assert [q.label for q in model.quadratures] == list(model.labels[-4:])
    assert len(model.observables) == 3 + 9
    assert not model.deviation_weights[-4:].any()
    assert model.deviation_weights[:-4].all()
    assert cj.Model([cj.Block("a", 3)], modes=[cj.Mode("red")]).labels[-2:] == ("red.x", "red.y")


def test_a_mode_that_nobody_names_is_in_the_vacuum():
    model = two_modes()
    assert cj.product(model, STATES).amplitudes == (0.4 - 0.3j, 0j)
    spins = cj.Model([cj.Block("a", 2), cj.Mode("red")])
    assert cj.tilted(spins, 1.0, 0.0).amplitudes == (0j,)
    assert cj.tilted(spins, 1.0, 0.0, modes={"red": 2}).amplitudes == (2 + 0j,)
    for state in (
        cj.dicke(spins, {"a": (1, 0), "red": 1j}),
        cj.symmetric(spins, {"a": [0, 1, 0], "red": 1j}),
        cj.occupation(spins, {"a": (1, 1), "red": 1j}),
        cj.corrupted(cj.Model([cj.Block("+-", 2), cj.Mode("red")]), modes={"red": 1j}),
    ):
        assert state.amplitudes == (1j,)


def test_order_parameters_and_chosen_averages_may_have_modes():
    model = two_modes()
    constant, weights = model.linear("m", model.order_parameters["m"])
    found = dict(zip(model.labels, weights, strict=True))
    assert constant == 0
    assert {label: w for label, w in found.items() if w} == {"a.z": 1.0, "red.x": 1.0, "red.y": 2.0}
    chosen = cj.Model([cj.Block("a", 2), cj.Mode("red")], averages=["red.y", "a.x"])
    assert chosen.labels == ("a.x", "red.y")
    mf = cj.mean_field(chosen, cj.product(chosen, {"a": [1, 0], "red": 2 + 3j}), [0])
    assert mf.mean.tolist() == [[0.0, 3.0]]
    alone = cj.Model([cj.Block("a", 2), cj.Mode("red")], averages=["red.y"])
    assert cj.mean_field(alone, cj.product(alone, {"a": [1, 0], "red": 2 + 3j}), [0]).mean.tolist() == [[3.0]]
    with pytest.raises(cj.ArgumentError, match="measured, but it takes red"):
        cj.Model([cj.Block("a", 2), cj.Mode("red")], order_parameters={"m": {"red": (1, 0)}}, averages=["red.y"])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: cj.Mode("a.b"), r"`name` must have no '\.'"),
        (lambda: cj.Mode(""), "`name` must be the name of a mode"),
        (lambda: cj.Model([cj.Mode("m")]), "`blocks` must hold at least one block, but it has modes alone"),
        (lambda: cj.Model([cj.Block("m", 2), cj.Mode("m")]), "`blocks` must have different names"),
        (lambda: cj.Model([cj.Block("a", 2)], modes=[cj.Block("b", 2)]), r"`modes\[0\]` must be one of"),
        (lambda: cj.Model([cj.Block("a", 2)], [cj.ModeEnergy(1, "m")]), r"`hamiltonian\[0\].mode` must be the name"),
        (
            lambda: cj.Model([cj.Block("a", 2), cj.Mode("m")], [], [cj.ModeLoss(1, "a")]),
            r"`jumps\[0\].mode` must be one of the modes 'm', but it is 'a'",
        ),
        (
            lambda: cj.Model([cj.Block("a", 2, 3), cj.Mode("m")], [cj.ModeCoupling({"a": X}, "m")]),
            r"`hamiltonian\[0\].matrices\['a'\]` must have the shape \(3, 3\)",
        ),
        (
            lambda: cj.Model([cj.Block("a", 2), cj.Mode("m")], [cj.ModeCoupling({"m": X}, "m")]),
            r"must have names of blocks as keys \('a'\), but one is 'm'",
        ),
        (lambda: cj.ModeEnergy(1j, "m"), "`omega` must be a finite number"),
        (lambda: cj.ModeDrive("1", "m"), "`eta` must be a finite number"),
        (lambda: cj.ModeDrive(complex("nan"), "m"), "`eta` must be a finite number"),
        (lambda: cj.ModeLoss(-1.0, "m"), "`kappa` must be a finite number of at least 0"),
        (lambda: cj.ModeLoss(1.0, "m", thermal=-1), "`thermal` must be a finite number of at least 0"),
        (lambda: cj.product(two_modes(), {**STATES, "red": "x"}), r"`states\['red'\]` must be a finite number"),
        (
            lambda: cj.product(two_modes(), {**STATES, "green": 1}),
            "`states` must have names of blocks and modes as keys",
        ),
        (lambda: cj.tilted(cj.Model([cj.Block("a", 2)]), 1, 1, modes={"m": 1}), "`modes` must be the name of a mode"),
        (
            lambda: cj.mean_field(
                two_modes(), cj.product(cj.Model([*two_modes().blocks]), {"a": [1, 0], "b": [1, 0, 0]}), [0]
            ),
            "`state` must be made for this model, but it has 0 modes and the model 2",
        ),
        (
            lambda: cj.Model([cj.Block("a", 2), cj.Mode("m")], order_parameters={"o": {"m": 1.0}}),
            r"`order_parameters\['o'\]\['m'\]` must be a pair \(c_x, c_y\)",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(make, said):
    with pytest.raises(cj.ArgumentError, match=said) as raised:
        make()
    assert "\n" not in str(raised.value)


def test_rates_of_a_mode_are_refused():
    jump = cj.LocalJump(LOWER, "a", rate=np.exp, argument={"m": X})
    with pytest.raises(cj.UnsupportedError, match=r"averages of particles: jumps\[0\].argument has the mode 'm'"):
        cj.Model([cj.Block("a", 2), cj.Mode("m")], [], [jump])


def test_a_model_with_modes_comes_back_from_its_description_and_from_pickle():
    model = two_modes()
    state = cj.product(model, STATES)
    for thing in (model, state):
        description = described(thing)
        assert not description["missing"]
        same(thing, rebuilt(description))
        same(thing, pickle.loads(pickle.dumps(thing)))
    assert "modes" not in str(described(cj.Model([cj.Block("a", 2)])))


def test_all_of_a_mode_is_part_of_what_a_point_is():
    """The numbers of every term, and the start."""

    class Point:
        def __init__(self, model, **amplitudes):
            self.model, self.times, self.tried_callbacks = model, np.array([0.0, 1.0]), ()
            self.state = cj.product(model, {**STATES, **amplitudes})

        def __getattr__(self, name):
            return None

    facts = identity_of(Point(two_modes()), sketched=True)
    again = identity_of(Point(two_modes()), sketched=True)
    assert not differences(facts, again)
    for other, name in (
        (Point(two_modes(thermal=0.2)), "jumps[1] thermal"),
        (Point(two_modes(eta=0.2)), "hamiltonian[2] eta"),
        (Point(two_modes(), blue=0.1), "initial amplitudes[1]"),
    ):
        assert [d.name for d in differences(facts, identity_of(other, sketched=True))] == [name]


def test_a_mode_couples_its_blocks_and_parts_keep_the_physics():
    """Two independent blocks, each with its mode, give in the parts the same mean field and fluctuations.

    N of a part is smaller: amplitudes there are larger by the root of the share.
    """

    def half(block, mode, g):
        return [cj.ModeCoupling({block: g * X}, mode), cj.ModeEnergy(1.0, mode), cj.ModeDrive(0.2, mode)]

    losses = [cj.ModeLoss(1.0, "m", thermal=0.5), cj.ModeLoss(0.6, "n")]
    model = cj.Model(
        [cj.Block("a", 30), cj.Block("b", 50), cj.Block("c", 20), cj.Mode("m"), cj.Mode("n"), cj.Mode("idle")],
        [*half("a", "m", 0.7), *half("b", "n", 0.5), cj.ModeCoupling({"c": 0.2 * LOWER}, "m"), cj.OneBody(Z, "a")],
        losses,
    )
    state = cj.tilted(model, 2.0, 0.3, modes={"m": 0.3 + 0.1j, "n": -0.2j})
    parts = components(model)
    assert [(p.blocks, p.jumps, p.modes) for p in parts] == [((0, 2), (0,), (0, 2)), ((1,), (1,), (1,))]
    assert [p.share for p in parts] == [0.5, 0.5]
    times = np.linspace(0, 2, 3)
    whole = cj.mean_field(model, state, times)
    for part in parts:
        own = cj.mean_field(part.model, part.state(state), times)
        places = [model.labels.index(label) for label in part.model.labels]
        scale = np.array([np.sqrt(part.share) if label[0] in "mni" else 1.0 for label in part.model.labels])
        np.testing.assert_allclose(own.mean * scale, whole.mean[:, places], atol=1e-8)
        covariance = own.covariance * np.outer(scale, scale) / part.share
        np.testing.assert_allclose(covariance, whole.covariance[:, places][:, :, places], atol=1e-6)
    coupled = cj.Model([cj.Block("a", 3), cj.Block("b", 5), cj.Mode("m")], [cj.ModeCoupling({"a": X, "b": X}, "m")], [])
    assert len(components(coupled)) == 1


def test_bounds_say_that_they_know_no_modes():
    model = cj.Model([cj.Block("a", 3), cj.Mode("m")], [cj.ModeCoupling({"a": X}, "m")], [cj.ModeLoss(1.0, "m")])
    state = cj.tilted(model, 1.0, 0.0)
    with pytest.raises(cj.UnsupportedError, match="the model has the mode m"):
        cj.bounds.gronwall(model, state, [0, 1])
