"""One block of two levels whose terms change in time: whole trajectories against the steps in tensor products."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories.driven_engine import DrivenEngine
from cojump.trajectories.engine import make_engine
from cojump.trajectories.kernel_cache import compiled
from cojump.trajectories.outcome import Outcome
from cojump.trajectories.polynomial_engine import PolynomialEngine
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import (
    DRIVEN,
    DRIVEN_BANDS,
    DRIVEN_LATTICE,
    DRIVEN_LIST,
    DRIVEN_PATTERNS,
    POLYNOMIALS,
    compiled_first,
)
from tests.support.pauli import LOWER, RAISE, X, Y, Z
from tests.support.pauses import assert_no_influence_of_pauses
from tests.support.random_models import random_hermitian, random_matrix
from tests.support.twin_trajectories import assert_same_trajectories

TIMES = np.linspace(0, 1.2, 7)


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    compiled_first([DRIVEN_BANDS, POLYNOMIALS])


def slow(t):
    return 1 + 0.3 * np.cos(2 * t)


def fast(t):
    """Of a period that is far shorter than what is between two jumps."""
    return np.cos(90 * t)


def gate(t):
    """Closed from 0.3 to 0.7, where it jumps."""
    return np.where((t > 0.3) & (t < 0.7), 0.0, 1.0 + 0.5 * t)


def ramp(t):
    """Its polynomial is 0 at its beginning to the last bit."""
    return np.where(t > 0.1, t - 0.1, 0.0)


RAMP = {"envelope": ramp, "breaks": (0.1,)}
GATE = {"envelope": gate, "breaks": (0.3, 0.7)}
PULSE = cj.envelopes.gaussian(0.5, 0.1)


def affine(x):
    return 1.0 + 0.4 * x


def model_of(size, hamiltonian, jumps=()):
    model = cj.Model([cj.Block("a", size)], hamiltonian, jumps)
    return model, cj.tilted(model, 1.1, 0.4)


def up_and_down(**own):
    return [
        cj.LocalJump(LOWER, "a", amplitude=affine, argument={"a": Z}, **own),
        cj.LocalJump(0.8 * RAISE, "a"),
    ]


def waves(size=12):
    return model_of(size, [cj.OneBody(0.7 * X, "a", envelope=slow), cj.OneBody(0.4 * Z, "a")], up_and_down())


def dicke(size, two_J):
    model, _ = model_of(size, [cj.OneBody(X, "a", envelope=PULSE)], up_and_down(envelope=slow))
    return model, cj.dicke(model, {"a": (two_J / 2, -two_J / 2)})


def everything():
    """Complex matrices, three axes, interactions, potentials, collective jumps, rates left out, five envelopes."""
    rng = np.random.default_rng(4)
    jumps = [
        cj.LocalJump(random_matrix(rng), "a", amplitude=np.cos, argument={"a": X}, envelope=slow),
        cj.LocalJump(random_matrix(rng), "a", amplitude=np.sin, argument={"a": 0.6 * Y + 0.8 * Z}, **GATE),
        cj.LocalJump(LOWER + 0.3 * Z, "a", amplitude=affine, argument={"a": Z}, exclude_self=True, envelope=PULSE),
        cj.LocalJump(RAISE, "a", amplitude=affine, argument={"a": Z}, exclude_self=True, **GATE),
        cj.LocalJump(0.5 * LOWER, "a"),
        cj.CollectiveJump({"a": 0.5 * random_matrix(rng)}, 0.8, envelope=np.cos),
        cj.CollectiveJump({"a": LOWER}, 0.3, **GATE),
    ]
    pair = random_hermitian(rng)
    terms = [
        cj.OneBody(random_hermitian(rng), "a", envelope=slow),
        cj.TwoBody(pair, pair, 0.4, blocks=("a", "a"), envelope=np.sin),
        cj.Potential(np.cosh, {"a": Z}, envelope=slow),
        cj.Potential(np.cos, {"a": Y}, **GATE),
    ]
    return model_of(18, terms, jumps)


def eigenstate(size=5):
    """All parts that change have no effect on the start, nor on what a jump of the last particle leaves."""
    jumps = [cj.LocalJump(3 * RAISE, "a", amplitude=affine, argument={"a": Z}, envelope=slow), cj.LocalJump(LOWER, "a")]
    model, _ = model_of(size, [cj.OneBody(0.7 * X, "a"), cj.OneBody(4 * Z, "a", envelope=np.sin)], jumps)
    return model, cj.product(model, {"a": [1, 0]})


def mixed_start():
    model, _ = waves()
    return model, cj.product(model, {"a": np.array([[0.6, 0.2j], [-0.2j, 0.4]])})


CASES = {
    "H": waves,
    "a rate": lambda: model_of(12, [cj.OneBody(0.7 * X, "a")], up_and_down(envelope=slow)),
    "a rate that vanishes for a while": lambda: model_of(
        12, [cj.OneBody(0.7 * X, "a")], [cj.LocalJump(LOWER + 0.2 * Z, "a", **GATE)]
    ),
    "everything off for a while": lambda: model_of(
        12, [cj.OneBody(0.7 * X, "a", **GATE)], [cj.LocalJump(LOWER, "a", **GATE)]
    ),
    "nothing steady, begins at zero": lambda: model_of(
        12, [cj.OneBody(X, "a", envelope=np.sin)], [cj.LocalJump(LOWER, "a", envelope=np.sin)]
    ),
    "nothing at all before a ramp": lambda: model_of(12, [], [cj.LocalJump(3 * LOWER, "a", **RAMP)]),
    "no Hamiltonian": lambda: model_of(12, [], up_and_down(envelope=slow)),
    "no jumps": lambda: model_of(20, [cj.OneBody(X, "a", envelope=slow), cj.TwoBody(Z, Z, 0.8, ("a", "a"))]),
    "many pieces": lambda: model_of(12, [cj.OneBody(3 * X, "a", envelope=fast)], up_and_down()),
    "one particle": lambda: waves(1),
    "two particles": lambda: waves(2),
    "J = 0": lambda: dicke(8, 0),
    "one amplitude of many": lambda: dicke(12, 10),
    "mixed start": mixed_start,
    "begins with an eigenstate": eigenstate,
    "everything": everything,
    "narrow in its sector": lambda: waves(150),
}


@pytest.mark.parametrize("name", CASES)
def test_trajectories_are_those_of_the_twin(name):
    model, state = CASES[name]()
    assert recipe_of(model).parts[0].representation is DRIVEN_BANDS
    times = TIMES if model.size < 50 else TIMES / 8
    twin, engine = (kind(model, state, times, 1e-10, [0, 2, 6]) for kind in (ProductEngine, DrivenEngine))
    jumps = assert_same_trajectories(twin, engine, seed=3, trajectories=2)
    assert jumps > (-1 if name == "no jumps" else 1 if model.size < 3 else 4)


def test_pauses_and_tables_have_no_influence(monkeypatch):
    model, state = model_of(80, [cj.OneBody(X, "a", envelope=fast)], up_and_down(**GATE))
    assert_no_influence_of_pauses(monkeypatch, lambda: DrivenEngine(model, state, TIMES / 3, 1e-9, [3]))


@pytest.mark.parametrize("envelope", [None, cj.envelopes.linear(0, 0.6)])
def test_what_ran_before_has_no_influence(envelope):
    """A step that has met the end of its tables begins again with the bits that it has where they are wide enough."""
    interaction = cj.TwoBody(X, X, 4, ("a", "a"), envelope=envelope)
    jumps = [cj.LocalJump(0.3 * LOWER, "a", amplitude=affine, argument={"a": axis}) for axis in (X, Z)]
    model, state = model_of(300, [cj.OneBody(0.5 * Y, "a"), interaction], jumps)
    fresh, later = (make_engine(model, state, TIMES / 2, 1e-9) for _ in range(2))
    assert isinstance(fresh, PolynomialEngine)
    later.run(2, 0)
    for field, one, other in zip(Outcome._fields, *(e.run(2, 1, record=True) for e in (fresh, later)), strict=True):
        np.testing.assert_array_equal(one, other, err_msg=field)


def test_no_step_is_longer_than_its_bound_says():
    """Strong rates that change much while hardly anything jumps: steps as long as the orders of the series last."""
    dark = [cj.LocalJump(LOWER, "a", amplitude=lambda x: 3 * (1 + x), argument={"a": Z}, envelope=fast)]
    model, _ = model_of(40, [cj.OneBody(0.05 * X, "a", envelope=slow)], dark)
    state = cj.product(model, {"a": [0.1, np.sqrt(0.99)]})
    coarse, fine = (DrivenEngine(model, state, TIMES, tolerance).run(1, 0, record=True) for tolerance in (1e-7, 1e-12))
    np.testing.assert_array_equal(coarse.jumps["channel"], fine.jumps["channel"])
    np.testing.assert_allclose(coarse.mean, fine.mean, rtol=0, atol=3e-7)
    assert np.abs(coarse.mean - fine.mean).max() > 1e-13  # the tolerance is felt


@pytest.mark.parametrize("strength", [1e-4, 1e-6])
def test_nearly_an_eigenstate(strength):
    """Its first row says nothing about the next ones."""
    terms = [cj.OneBody(2 * Z, "a"), cj.OneBody(strength * X, "a", envelope=np.cos)]
    model, _ = model_of(5, terms, [cj.LocalJump(1e-3 * LOWER, "a")])
    state = cj.product(model, {"a": [0, 1]})
    twin, engine = (kind(model, state, TIMES, 1e-10).run(1, 0) for kind in (ProductEngine, DrivenEngine))
    np.testing.assert_allclose(engine.mean, twin.mean, rtol=0, atol=2e-10)


def test_a_part_is_known_by_what_it_does_behind_the_start():
    """Of which it makes nothing; and of what a weak field makes of that, its factor makes nothing at first."""
    model, _ = model_of(3, [cj.OneBody(4 * Z, "a", envelope=np.square), cj.OneBody(1e-6 * X, "a")])
    state, times = cj.product(model, {"a": [0, 1]}), np.array([0.0, 0.5, 1.0])
    twin, found = (kind(model, state, times, 1e-10).run(1, 0) for kind in (ProductEngine, DrivenEngine))
    np.testing.assert_allclose(found.mean, twin.mean, rtol=0, atol=1e-9)


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_a_constant_envelope_is_a_factor(factor):
    """The same jumps as of the model that it stands for, where nothing changes and series are other ones."""

    def made(f, envelope=None, opposite=None):
        jumps = [
            cj.LocalJump(f * LOWER, "a", amplitude=affine, argument={"a": Z}, envelope=opposite),
            cj.LocalJump(f * (RAISE + 0.3 * Z), "a", amplitude=np.cos, argument={"a": X}, envelope=envelope),
        ]
        return model_of(24, [cj.OneBody(0.5 * f * X, "a", envelope=envelope)], jumps)

    (steady, state), (driven, _) = made(factor), made(1.0, lambda _: factor, lambda _: -factor)
    assert [recipe_of(m).parts[0].representation for m in (steady, driven)] == [POLYNOMIALS, DRIVEN_BANDS]
    for index in range(3):
        a, b = (cj.trajectory(m, state, TIMES, seed=2, index=index, tolerance=1e-10) for m in (driven, steady))
        np.testing.assert_array_equal(a.jumps["channel"], b.jumps["channel"])
        np.testing.assert_allclose(a.jumps["time"], b.jumps["time"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(a.mean, b.mean, rtol=0, atol=1e-9)


def test_what_it_holds():
    def part(*jumps, levels=2, blocks=1):
        model = cj.Model([cj.Block(f"{n}", 30, levels=levels) for n in range(blocks)], [], jumps)
        return recipe_of(model).parts[0]

    def jump(axis, function=np.cos, **options):
        return cj.LocalJump(LOWER, "0", amplitude=function, argument={"0": axis}, envelope=np.cos, **options)

    assert part(jump(Z)).representation is DRIVEN_BANDS
    assert part(jump(X), jump(Z)).representation is DRIVEN_BANDS
    assert "polynomials of degree" in part(jump(X), jump(Z)).method
    assert part(jump(Z)).method.endswith("terms that change in time")
    assert part(jump(X, np.abs), jump(Z, np.abs)).representation is DRIVEN
    assert part(*(jump(axis, exclude_self=True) for axis in (X, Z))).representation is DRIVEN_LIST
    rated = cj.CollectiveJump({"0": LOWER}, 1.0, amplitude=np.cos, argument={"0": X}, envelope=np.cos)
    assert part(rated).representation is DRIVEN_LIST
    assert part(cj.LocalJump(np.eye(3, k=1), "0", envelope=np.cos), levels=3).representation is DRIVEN_PATTERNS
    gated = cj.LocalJump(LOWER, "0", amplitude=np.cos, argument={"1": Z}, envelope=np.cos)
    assert part(gated, blocks=2).representation is DRIVEN_LATTICE


def test_all_kernels_are_compiled_before():
    models = [CASES[name]() for name in ("H", "everything")]
    before = compiled()["compiled"]
    for model, state in models:
        DrivenEngine(model, state, TIMES, 1e-9, [2]).run(1, 0, record=True)
    assert compiled()["compiled"] == before


def test_a_run_that_is_over_at_once():
    """It has no pieces of the time axis."""
    model, state = waves()
    found = cj.trajectory(model, state, [0.0], seed=1, index=0)
    np.testing.assert_allclose(
        found.mean[0], [np.sin(1.1) * np.cos(0.4), np.sin(1.1) * np.sin(0.4), np.cos(1.1)], rtol=0, atol=1e-9
    )
