"""Lists of occupied states whose terms change in time: whole trajectories against the steps in tensor products."""

from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import counting_engine
from cojump.trajectories.compilation import prepare
from cojump.trajectories.driven_list_engine import DrivenListEngine
from cojump.trajectories.kernel_cache import compiled
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import DRIVEN, DRIVEN_LIST
from tests.support.pauli import LOWER, X, Z
from tests.support.pauses import assert_same_bits
from tests.support.twin_trajectories import assert_same_trajectories
from tests.trajectories import test_sparse
from tests.trajectories.test_driven_bands import GATE, PULSE, RAMP, fast, slow

TIMES = np.linspace(0, 1.2, 7)
ENVELOPES = [{}, {"envelope": slow}, {"envelope": fast}, GATE, RAMP, {"envelope": PULSE}, {"envelope": np.sin}]


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    prepare([pump()[0]])


def pump():
    """A pulsed drive, and decay that is closed for a while."""
    model, state = test_sparse.pump()
    terms = [replace(term, envelope=PULSE) for term in model.hamiltonian]
    return replace(model, hamiltonian=terms, jumps=[replace(jump, **GATE) for jump in model.jumps]), state


def with_envelopes(build, seed):
    """A model of test_sparse, each term with an envelope drawn from all."""
    model, state = build()
    rng = np.random.default_rng(seed)
    terms, jumps = (
        [replace(term, **ENVELOPES[rng.integers(len(ENVELOPES))]) for term in some]
        for some in (model.hamiltonian, model.jumps)
    )
    return replace(model, hamiltonian=terms, jumps=jumps), state


CASES = {
    "pulses": pump,
    "two axes": lambda: with_envelopes(test_sparse.two_axes, 1),
    "two axes of two blocks": lambda: with_envelopes(test_sparse.two_axes_of_two_blocks, 0),
    "two levels beside three": lambda: with_envelopes(test_sparse.two_levels_beside_three, 0),
    "mixed start": lambda: with_envelopes(test_sparse.mixed_start, 1),
    "collective": lambda: with_envelopes(test_sparse.collective, 1),
    "one particle": lambda: with_envelopes(test_sparse.one_particle, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_trajectories_are_those_of_the_twin(name):
    model, state = CASES[name]()
    assert recipe_of(model).parts[0].representation is DRIVEN_LIST
    times = TIMES if model.size < 20 else TIMES / 2
    twin, engine = (kind(model, state, times, 1e-10, [0, 2, 6]) for kind in (ProductEngine, DrivenListEngine))
    assert assert_same_trajectories(twin, engine, seed=1, trajectories=2) > 2


def test_pauses_and_what_is_forgotten_have_no_influence(monkeypatch):
    model, state = CASES["two levels beside three"]()
    whole = DrivenListEngine(model, state, TIMES, 1e-9, [3]).run(1, 0, record=True)
    monkeypatch.setattr(counting_engine, "_SEGMENT", 3)
    monkeypatch.setattr(counting_engine, "_EFFORT", 1)
    engine = DrivenListEngine(model, state, TIMES, 1e-9, [3])
    monkeypatch.setattr(engine.tables, "_memory", 5_000)
    assert whole.n_jumps > 10
    assert_same_bits(whole, engine)


@pytest.mark.parametrize("strength", [1e-2, 1e-5])
def test_nearly_an_eigenstate(strength):
    """Its first rows say nothing about the next ones."""
    assert_same_from_nearly_an_eigenstate(DrivenListEngine, strength)


def assert_same_from_nearly_an_eigenstate(kind, strength):
    steady, field = np.diag([2.0, 0.5, -1.0]), np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    terms = [cj.OneBody(steady, "a"), cj.OneBody(strength * field, "a", envelope=np.cos)]
    model = cj.Model([cj.Block("a", 5, 3)], terms, [cj.LocalJump(1e-3 * np.diag([1.0, 1.0], 1), "a")])
    state = cj.product(model, {"a": [1, 0, 0]})
    twin, engine = (made(model, state, TIMES, 1e-10).run(1, 0) for made in (ProductEngine, kind))
    np.testing.assert_allclose(engine.mean, twin.mean, rtol=0, atol=1e-10)


def test_what_it_holds():
    def representation(function):
        jumps = [
            cj.LocalJump(LOWER, "a", amplitude=function, argument={"a": axis}, exclude_self=True, envelope=np.cos)
            for axis in (X, Z)
        ]
        return recipe_of(cj.Model([cj.Block("a", 30)], [], jumps)).parts[0].representation

    assert representation(np.cos) is DRIVEN_LIST
    assert representation(np.abs) is DRIVEN  # no polynomial
    assert recipe_of(pump()[0]).parts[0].method.endswith("terms that change in time")


def test_all_kernels_are_compiled_before():
    before = compiled()["compiled"]
    model, state = CASES["two levels beside three"]()
    DrivenListEngine(model, state, TIMES / 4, 1e-9, [2]).run(1, 0, record=True)
    assert compiled()["compiled"] == before
