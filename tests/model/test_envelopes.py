"""Envelopes as users write them: what is refused and how, and the polynomials that stand for them."""

import itertools
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.model.components import components
from cojump.model.driven import Drive, driven_parts
from tests.support.pauli import LOWER, RAISE, X, Z

S = "spins"

TERMS = {
    "OneBody": lambda **own: cj.OneBody(X, S, **own),
    "TwoBody": lambda **own: cj.TwoBody(Z, Z, 0.3, (S, S), **own),
    "Potential": lambda **own: cj.Potential(np.square, {S: Z}, **own),
    "ModeEnergy": lambda **own: cj.ModeEnergy(1.0, "m", **own),
    "ModeDrive": lambda **own: cj.ModeDrive(1j, "m", **own),
    "ModeCoupling": lambda **own: cj.ModeCoupling({S: LOWER}, "m", **own),
    "LocalJump": lambda **own: cj.LocalJump(LOWER, S, **own),
    "CollectiveJump": lambda **own: cj.CollectiveJump({S: LOWER}, 0.5, **own),
    "ModeLoss": lambda **own: cj.ModeLoss(1.0, "m", **own),
}


def model(envelope, breaks=(), size=3):
    return cj.Model([cj.Block(S, size)], [cj.OneBody(X, S, envelope=envelope, breaks=breaks)], [cj.LocalJump(LOWER, S)])


def counting():
    numbers = itertools.count()
    return lambda t: t * 0 + next(numbers)


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"envelope": 2.0}, "`envelope` must be a function f(t) of time (a constant factor belongs into the term)"),
        ({"envelope": "sin"}, "`envelope` must be a function f(t) of time"),
        ({"envelope": np.sin, "breaks": [2, 1]}, "`breaks` must be a list of times, increasing and greater than 0"),
        ({"envelope": np.sin, "breaks": [1, 1]}, "`breaks` must be a list of times, increasing"),
        ({"envelope": np.sin, "breaks": [-1, 1]}, "`breaks` must be a list of times, increasing"),
        ({"envelope": np.sin, "breaks": [0.0]}, "`breaks` must be a list of times, increasing"),
        ({"envelope": np.sin, "breaks": [math.nan]}, "`breaks[0]` must be a finite number"),
        ({"envelope": np.sin, "breaks": [1, math.inf]}, "`breaks[1]` must be a finite number"),
        ({"envelope": np.sin, "breaks": ["1"]}, "`breaks[0]` must be a finite number"),
        ({"envelope": np.sin, "breaks": "12"}, "`breaks` must be a list of times"),
        ({"envelope": np.sin, "breaks": 1.0}, "`breaks` must be a list of times"),
        ({"breaks": [1.0]}, "`breaks` must be given together with `envelope`"),
    ],
)
def test_bad_terms_are_one_line(name, own, message):
    with pytest.raises(cj.ArgumentError) as caught:
        TERMS[name](**own)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("envelope", "breaks", "message"),
    [
        (lambda t: np.log(t - 1), (), "must return finite numbers of at most 1e+50 in size, but at t = 0.0"),
        (lambda t: t * 1e60, (), "must return finite numbers of at most 1e+50"),
        (lambda t: 1j * t, (), "must return one real number for each time, but at t = "),
        (lambda _: np.ones(3), (), "must return one real number for each time, but at t = "),
        (lambda _: "1", (), "must return one real number for each time, but at t = "),
        (lambda _: None, (), "returns a value of type NoneType"),
        (lambda _: np.ma.masked, (), "must return one real number for each time"),
        (lambda t: {}[t], (), "must be a function of time, but at t = "),
        (lambda t: sys_exit(), (), "must be a function of time, but at t = "),
        (lambda: 1.0, (), "must be a function of time, but at t = "),
        (counting(), (), "must be a function of time alone, but at t = "),
        (lambda t: np.where(t < 0.9, 0.0, 1.0), (), "must be smooth between its `breaks`, the times at which"),
        (lambda t: np.where(t < 1.2, 0.0, 1.0), (0.9,), "near t = 1.2"),
        (lambda t: np.abs(t - 1.3), (), "near t = 1.3 it is not"),
    ],
)
def test_bad_functions_are_one_line(envelope, breaks, message):
    made = model(envelope, breaks)
    with pytest.raises(cj.ArgumentError) as caught:
        cj.mean_field(made, cj.tilted(made, 1.0, 0.0), [0.0, 2.0])
    assert "`hamiltonian[0].envelope`" in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def sys_exit():
    raise SystemExit(0)


def test_hermitian_at_every_time():
    up, down = (cj.TwoBody(y, y, 0.3j if y is RAISE else -0.3j, (S, S), envelope=np.sin) for y in (RAISE, LOWER))
    cj.Model([cj.Block(S, 3)], [up, down])
    with pytest.raises(
        cj.ArgumentError, match=r"Hermitian as an operator .*, the terms of each envelope by themselves"
    ):
        cj.Model([cj.Block(S, 3)], [up, replace(down, envelope=np.cos)])


# ---- what stands for them ------------------------------------------------------------------------


def pulse(t):
    return np.exp(-(((t - 3) / 0.2) ** 2))


def steps(t):
    return np.where(t < 1, 0.3, np.where(t < 4.5, np.cos(20 * t), t**2))


@pytest.mark.parametrize(
    ("f", "breaks"),
    [
        (pulse, ()),
        (np.sin, ()),
        (lambda t: math.sin(30 * t), ()),
        (steps, (1, 4.5)),
        (lambda _: 2, ()),
        (lambda t: 1.0 if t < 2 else -1.0, (2,)),
        (np.zeros_like, ()),
    ],
)
@pytest.mark.parametrize("of_jump", [False, True])
def test_the_polynomials_are_the_envelope(f, breaks, of_jump):
    block = [cj.Block(S, 2)]
    own = {"envelope": f, "breaks": breaks}
    made = (
        cj.Model(block, [], [cj.LocalJump(LOWER, S, **own)]) if of_jump else cj.Model(block, [cj.OneBody(X, S, **own)])
    )
    drive = Drive(made, 7.0)
    assert drive.pieces[0].start == 0
    assert drive.pieces[-1].end == 7
    assert {a.end for a in drive.pieces[:-1]} == {b.start for b in drive.pieces[1:]}
    assert {piece.end for piece in drive.pieces} >= set(breaks)
    times = np.random.default_rng(1).uniform(0, 7, 400)
    wanted = np.array([float(f(t)) ** (1 + of_jump) for t in times])
    scale = np.abs(wanted).max()
    found = np.array([drive.piece(t).values(t)[1] for t in times])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-12 * scale)
    # and as a series in the time since t
    for t in times[:100]:
        piece = drive.piece(t)
        left = piece.end - t
        (series,) = piece.powers(t, left / 2)
        later = t + 0.9 * left
        assert np.polyval(series[::-1], 1.8) == pytest.approx(float(f(later)) ** (1 + of_jump), abs=1e-11 * scale)


def test_few_pieces():
    assert len(Drive(model(lambda t: t), 1e6).pieces) == 1
    assert len(Drive(model(np.sin), 20 * np.pi).pieces) <= 64
    assert len(Drive(model(pulse), 7.0).pieces) < 60


def test_terms_of_one_envelope_are_one_part():
    made = cj.Model(
        [cj.Block(S, 4), cj.Mode("m")],
        [make(envelope=np.sin) for name, make in TERMS.items() if "Jump" not in name and name != "ModeLoss"]
        + [cj.OneBody(Z, S)],
        [make(envelope=np.sin) for name, make in TERMS.items() if "Jump" in name or name == "ModeLoss"],
    )
    parts = driven_parts(made)
    assert [part.hamiltonian for part in parts] == [(6,), (0, 1, 2, 3, 4, 5), ()]
    assert [part.jumps for part in parts] == [(), (), (0, 1, 2)]
    assert [part.power for part in parts] == [1, 1, 2]
    assert not any(part.model.is_driven for part in parts)
    assert "changes in time" in str(made)


def test_envelopes_go_along():
    """Into the parts of a model, a change of basis, and another process."""
    blocks = [cj.Block("a", 2), cj.Block("b", 3)]
    made = cj.Model(
        blocks, [cj.TwoBody(Z, Z, 0.4, ("b", "b"), envelope=np.sin, breaks=[1])], [cj.LocalJump(LOWER, "a")]
    )
    _, part = components(made)
    for term in (part.model.hamiltonian[0], made.mapped(lambda _, x: x).hamiltonian[0]):
        assert term.envelope is np.sin
        assert term.breaks == (1.0,)
    assert pickle.loads(pickle.dumps(made)).hamiltonian[0].envelope is np.sin
