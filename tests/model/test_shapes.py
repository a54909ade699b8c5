"""Named shapes: what they are, that they are the same wherever they go, and which parameters they can multiply."""

import inspect
import pickle
from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.model.driven import Drive, driven_parts
from cojump.model.envelopes import NAMED, FromFile, Root
from cojump.model.parameter_drives import with_drives
from cojump.model.stored import described, rebuilt
from tests.support.pauli import LOWER, RAISE, X, Z

S = "spins"
TIMES = np.linspace(0.0, 2.0, 9)

SHAPES = {
    "step": (cj.envelopes.step(0.7, 0.2, 1.1), lambda t: 0.2 if t < 0.7 else 1.1),
    "linear": (cj.envelopes.linear(0.5, 1.5, 2.0, -1.0), lambda t: 2.0 - 3.0 * min(max(t - 0.5, 0.0), 1.0)),
    "sine": (cj.envelopes.sine(0.5, 3.0, 0.4, 1.0), lambda t: 1 + 0.5 * np.sin(3 * t + 0.4)),
    "gaussian": (cj.envelopes.gaussian(1.2, 0.1, 2.0, 0.3), lambda t: 0.3 + 2 * np.exp(-50 * (t - 1.2) ** 2)),
    "pulses": (
        cj.envelopes.pulses(0.8, 0.3, 2, "cosine", 0.5, 2.0, 0.3),
        lambda t: 0.3 + 2 * sum(np.cos(np.pi * (t - c) / 0.3) ** 2 * (abs(t - c) < 0.15) for c in (0.5, 1.3)),
    ),
}


def spins(shape, size=4):
    terms = [cj.OneBody(X, S, envelope=shape), cj.TwoBody(Z, Z, 0.4, (S, S))]
    return cj.Model([cj.Block(S, size)], terms, [cj.LocalJump(LOWER, S), cj.LocalJump(0.4 * RAISE, S, envelope=shape)])


def test_all_are_here():
    assert set(SHAPES) == set(NAMED)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_the_function(name):
    """The same as a user's function with the same breaks; and again from a pickle and from a file."""
    shape, by_hand = SHAPES[name]
    np.testing.assert_allclose(shape(TIMES + 0.01), [by_hand(t) for t in TIMES + 0.01], rtol=0, atol=1e-13)
    model = spins(shape)
    assert model.hamiltonian[0].breaks == shape.breaks
    plain = model.hamiltonian[0]
    others = [replace(plain, envelope=by_hand, breaks=shape.breaks), model.hamiltonian[1]]
    jumps = [model.jumps[0], replace(model.jumps[1], envelope=by_hand, breaks=shape.breaks)]
    own = replace(model, hamiltonian=others, jumps=jumps)
    found, wanted = (cj.mean_field(m, cj.tilted(m, 1.1, 0.4), TIMES).mean for m in (model, own))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10)
    for again in (pickle.loads(pickle.dumps(model)), rebuilt(described(model))):
        assert again.hamiltonian[0].envelope == shape
        assert again.hamiltonian[0].envelope is not shape
        assert again.hamiltonian[0].breaks == shape.breaks
        assert [part.hamiltonian for part in driven_parts(again)] == [(1,), (0,), ()]
    assert replace(model.hamiltonian[0], block="other").breaks == shape.breaks


def test_equal_shapes_are_one():
    """Two-body terms that are Hermitian only together, each with a shape of its own that is the same."""
    up, down = (
        cj.TwoBody(y, y, 0.3j if y is RAISE else -0.3j, (S, S), envelope=cj.envelopes.step(1.0)) for y in (RAISE, LOWER)
    )
    model = cj.Model([cj.Block(S, 3)], [up, down])
    assert len(driven_parts(model)) == 2
    with pytest.raises(cj.ArgumentError, match="Hermitian"):
        cj.Model([cj.Block(S, 3)], [up, replace(down, envelope=cj.envelopes.step(1.5), breaks=())])


@pytest.mark.parametrize("width", [1e-6, 1e-3, 0.3])
def test_a_pulse_is_never_missed(width):
    """However short: its area is the angle."""
    pulse = cj.envelopes.gaussian(5.0, width, 0.3 / width)
    model = cj.Model([cj.Block(S, 2)], [cj.OneBody(X, S, envelope=pulse)])
    mf = cj.mean_field(model, cj.tilted(model, 0, 0), [0.0, 40.0])
    assert mf[f"{S}.z"].mean[-1] == pytest.approx(np.cos(2 * 0.3 * np.sqrt(2 * np.pi)), abs=1e-9)


@pytest.mark.parametrize(("form", "area"), [("square", 1.0), ("cosine", 0.5), ("gaussian", np.sqrt(2 * np.pi))])
@pytest.mark.parametrize("width", [1e-5, 0.2, 0.9])
def test_a_train_of_pulses_turns_by_its_area(form, area, width):
    """However short its pulses, and where their flanks overlap; after each of them in turn."""
    train = cj.envelopes.pulses(1.0, width, 5, form, first=10.0, height=0.1 / (area * width))
    model = cj.Model([cj.Block(S, 2)], [cj.OneBody(X, S, envelope=train)])
    mf = cj.mean_field(model, cj.tilted(model, 0, 0), [0.0, 30.0])
    assert mf[f"{S}.z"].mean[-1] == pytest.approx(np.cos(2 * 0.1 * 5), abs=1e-9)
    t = np.linspace(0, 30, 4001)
    assert train(t).min() >= train.lowest
    negative = replace(train, height=-1.0)
    assert negative(t).min() >= negative.lowest


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: cj.envelopes.linear(1.0, 1.0), "`end` must be greater than `start`, but start = 1 and end = 1"),
        (lambda: cj.envelopes.sine(1.0, 0.0), "`frequency` must be greater than 0, but it is 0.0"),
        (lambda: cj.envelopes.gaussian(1.0, -1.0), "`width` must be greater than 0, but it is -1.0"),
        (
            lambda: cj.envelopes.pulses(1.0, 1.0, 3),
            "`width` must be greater than 0 and less than `period`, but width = 1 and period = 1",
        ),
        (lambda: cj.envelopes.pulses(1.0, 0.5, 0), "`number` must be an integer within 1 and 1000, but it is 0"),
        (
            lambda: cj.envelopes.pulses(1.0, 0.5, 3, "round"),
            "`form` must be one of square, cosine, gaussian, but it is 'round'",
        ),
        (lambda: cj.envelopes.step(np.nan), "`time` must be a finite number, but it is nan"),
        (lambda: cj.envelopes.step("1"), "`time` must be a finite number, but it is '1'"),
    ],
)
def test_no_shapes(make, line):
    with pytest.raises(cj.ArgumentError) as caught:
        make()
    assert str(caught.value) == f"Argument {line}"


# ---- functions of files --------------------------------------------------------------------------

TEXT = """
import numpy as np
def pulse(t, width, tops=(1.0,)):
    return sum(tops) * np.exp(-(t / width) ** 2)
"""


def test_a_function_of_a_file_goes_along():
    shape = FromFile("pulses.py", "pulse", TEXT, {"width": 0.5, "tops": [1.0, 2.0]}, (0.1,))
    assert shape(0.5) == pytest.approx(3 / np.e)
    assert shape.breaks == (0.1,)
    model = spins(shape)
    for again in (pickle.loads(pickle.dumps(model)), rebuilt(described(model))):
        assert again.hamiltonian[0].envelope == shape
        assert again.hamiltonian[0].envelope(0.5) == shape(0.5)
    assert shape != replace(shape, options={"width": 0.6})
    assert hash(shape) == hash(replace(shape))


# ---- parameters ----------------------------------------------------------------------------------

VALUES = {
    "size": 6,
    "patterns": np.array([[1, 1, -1, 1]]),
    "omega": 0.5,
    "rate_up": 1.3,
    "rate_down": 0.8,
    "chi": 0.3,
    "kappa": 1.1,
    "gamma": 0.7,
    "power": 2,
    "p": 3,
    "coupling": 0.6,
    "thermal": 0.2,
    "beta": 1.5,
    "levels": 3,
    "omega_atom": 1.0,
    "omega_mode": 0.9,
    "drive": 0.2,
    "pump": 0.3,
    "exclude_self": True,
    "merge": False,
}
RATES = {"rate_up", "rate_down", "kappa", "gamma", "pump"}
ENERGIES = {"omega", "chi", "coupling", "omega_atom", "omega_mode", "drive"}


@pytest.mark.parametrize("system", cj.systems.NAMED)
def test_which_parameters_of_the_named_systems(system):
    """A constant factor is the same as another value of the parameter, to all orders that theory knows."""
    function = cj.systems.NAMED[system]
    given = {key: VALUES[key] for key in inspect.signature(function).parameters}
    if "levels" in given:
        given["patterns"] = np.array([[0, 1, 2, 0]])
    half = cj.envelopes.step(9.0, before=0.5)
    for key, value in given.items():
        if key not in RATES | ENERGIES:
            with pytest.raises(cj.ArgumentError, match=rf"`{key}` must be a number that terms of the model are propor"):
                with_drives(function, given, {key: half})
            continue
        driven, plain = with_drives(function, given, {key: half}), function(**{**given, key: value / 2})
        assert any(isinstance(jump.envelope, Root) for jump in driven.jumps) == (key in RATES)
        kets = {b.name: np.arange(1, b.levels + 1) / np.linalg.norm(np.arange(1, b.levels + 1)) for b in plain.blocks}
        found, wanted = (cj.mean_field(m, cj.product(m, kets), [0.0, 0.6, 1.2]) for m in (driven, plain))
        np.testing.assert_allclose(found.mean, wanted.mean, rtol=0, atol=1e-9)
        assert (
            np.abs(found.mean - cj.mean_field(function(**given), cj.product(plain, kets), found.times).mean).max()
            > 1e-6
        )


def own(size, a, b=0.0, bent=1.0):
    terms = [cj.OneBody(a * X, S, envelope=np.cos if b else None), cj.OneBody(bent**2 * Z, S)]
    return cj.Model([cj.Block(S, size)], terms, [cj.LocalJump(a * LOWER, S)])


@pytest.mark.parametrize(
    ("key", "own_values", "line"),
    [
        (
            "a",
            {"b": 1.0},
            "`a` must multiply terms that nothing else drives, but hamiltonian[0] has an envelope of its own",
        ),
        ("a", {"a": 0}, "`a` must have a value other than 0, which the shape multiplies, but it is 0"),
        (
            "b",
            {"b": 0.5},
            "`b` must be a number that terms of the model are proportional to, but no term depends on it",
        ),
        ("bent", {}, "proportional to, but hamiltonian[1] changes with it in another way"),
        ("size", {}, "proportional to, but it changes more than its terms"),
        ("none", {}, "proportional to, but it is None"),
    ],
)
def test_parameters_that_cannot_be_driven(key, own_values, line):
    given = {"size": 3, "a": 1.0, "bent": 1.0, **own_values}
    with pytest.raises(cj.ArgumentError) as caught:
        with_drives(own, given, {key: cj.envelopes.step(1.0)})
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_amplitudes_and_energies_of_one_parameter():
    """Of a user's own function, where the amplitude of a jump has it."""
    shape = cj.envelopes.sine(1.0, 2.0)
    model = with_drives(own, {"size": 3, "a": 1.0}, {"a": shape})
    assert [term.envelope for term in model.terms] == [shape, None, shape]


def test_a_rate_does_not_become_negative():
    function, given = cj.systems.free_flips, {"size": 3, "omega": 0.5, "rate_up": 1.0, "rate_down": 1.0}
    with pytest.raises(cj.ArgumentError, match=r"jumps\[0\] has it in its rate, but the shape goes down to -0.5"):
        with_drives(function, given, {"rate_up": cj.envelopes.sine(1.0, 1.0, offset=0.5)})
    shape = FromFile("f.py", "f", "def f(t):\n    return 1 - t\n")
    model = with_drives(function, given, {"rate_up": shape})
    with pytest.raises(cj.ArgumentError, match=r"it raises ValueError: a rate is multiplied by -0\.\d+"):
        Drive(model, 2.0)
    with pytest.raises(cj.ArgumentError, match=r"nothing else drives, but hamiltonian\[0\] has omega"):
        with_drives(
            lambda omega, omega2: function(3, omega * omega2, 1.0, 1.0),
            {"omega": 1.0, "omega2": 1.0},
            {"omega": shape, "omega2": shape},
        )
