"""Modes beside anything whose terms change in time: steps by rows of Fock states against those by matrices."""

from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories.kernel_cache import compiled
from cojump.trajectories.mode_state import ModeState
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import DRIVEN_MODES, DRIVEN_SPIN_MODE, compiled_first
from tests.support.pauli import LOWER, RAISE, X, Y, Z
from tests.support.twin_trajectories import assert_same_trajectories
from tests.trajectories.test_driven_bands import GATE, PULSE, RAMP, fast, slow

TIMES = np.linspace(0, 1.2, 7)
SLOW, FAST, SHORT = {"envelope": slow}, {"envelope": fast}, {"envelope": PULSE}


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    compiled_first([DRIVEN_MODES])


def two_species():
    """Complex couplings, an interaction between the blocks, thermal light."""
    blocks = [cj.Block("a", 4), cj.Block("b", 3), cj.Mode("m")]
    hamiltonian = [
        cj.OneBody(0.5 * X + 0.2 * Y + 0.3 * Z, "a", **SLOW),
        cj.TwoBody(Z, Z, 0.4, ("a", "b"), **GATE),
        cj.ModeEnergy(0.7, mode="m"),
        cj.ModeDrive(0.9 - 0.4j, mode="m", **RAMP),
        cj.ModeCoupling({"a": np.array([[0.1, 0.4j], [0.2, 0.3]]), "b": 0.5 * X}, mode="m", **SLOW),
    ]
    jumps = [
        cj.LocalJump(LOWER, "a", amplitude=np.cosh, argument={"a": Z, "b": Z}, exclude_self=True, **FAST),
        cj.ModeLoss(1.0, mode="m", thermal=0.3, **GATE),
        cj.LocalJump(0.6 * RAISE, "b"),
    ]
    model = cj.Model(blocks, hamiltonian, jumps)
    return model, cj.product(model, {"a": np.array([[0.7, 0.2], [0.2, 0.3]]), "b": [0.6, 0.8], "m": 0.6 - 0.2j})


def three_levels():
    """Jumps that come with a quantum, one after another in time."""
    down = np.diag([1.0, 1.0], 1)
    hamiltonian = [
        cj.OneBody(np.diag([0.0, 1.0, 2.5]), "a"),
        cj.ModeEnergy(1.0, mode="m", **SLOW),
        cj.ModeCoupling({"a": 0.5 * down}, mode="m", **SHORT),
    ]
    jumps = [
        cj.ModeJump(0.8 * down, "a", mode="m", emits=True, **GATE),
        cj.ModeJump(0.4 * down, "a", mode="m", emits=False, **RAMP),
        cj.ModeLoss(0.8, mode="m"),
    ]
    model = cj.Model([cj.Block("a", 4, 3), cj.Mode("m")], hamiltonian, jumps)
    return model, cj.product(model, {"a": [0.2, 0.4, np.sqrt(0.8)], "m": 0.5})


def two_modes():
    """Collective decay, and light that is counted beside a reference."""
    hamiltonian = [
        cj.ModeEnergy(0.7, mode="m"),
        cj.ModeEnergy(1.1, mode="n", **SLOW),
        cj.ModeCoupling({"a": 0.8 * X}, mode="m", **GATE),
        cj.ModeCoupling({"a": 0.6 * LOWER}, mode="n", **RAMP),
    ]
    jumps = [
        cj.ModeLoss(1.0, mode="m"),
        cj.CollectiveJump({"a": LOWER}, 1.5, **SHORT),
        cj.ModeLoss(0.6, mode="n", **SLOW),
    ]
    model = cj.Model([cj.Block("a", 3), cj.Mode("m"), cj.Mode("n")], hamiltonian, jumps)
    return model, cj.product(model, {"a": [0.8, 0.6], "m": 0.4, "n": 0.3j})


CASES = {"two species": two_species, "three levels": three_levels, "two modes": two_modes}


@pytest.mark.parametrize("name", CASES)
def test_trajectories_are_those_by_matrices(name, monkeypatch):
    """Whether or not they go in columns elsewhere."""
    model, state = CASES[name]()
    (part,) = recipe_of(model).parts
    assert part.representation is (DRIVEN_MODES if name == "three levels" else DRIVEN_SPIN_MODE)
    assert "terms that change in time" in part.method
    twin, engine = (ProductEngine(model, state, TIMES, 1e-10, [0, 2, 6]) for _ in range(2))

    def run(*arguments, **options):
        with monkeypatch.context() as by_matrices:
            by_matrices.setattr(ModeState, "_by_rows", False)
            return ProductEngine.run(twin, *arguments, **options)

    monkeypatch.setattr(twin, "run", run)
    assert assert_same_trajectories(twin, engine, seed=3, trajectories=3) > 0


@pytest.mark.parametrize("strength", [1e-2, 1e-5])
def test_nearly_an_eigenstate(strength, monkeypatch):
    """Nothing happens at first: the first rows say nothing about the next ones."""
    terms = [
        cj.ModeEnergy(2.0, mode="m"),
        cj.ModeDrive(strength, mode="m", envelope=np.sin),
        cj.ModeCoupling({"a": X, "b": Y}, mode="m", **RAMP),
        cj.OneBody(0.7 * Z, "a"),
    ]
    blocks = [cj.Block("a", 3), cj.Block("b", 2), cj.Mode("m")]
    model = cj.Model(blocks, terms, [cj.ModeLoss(1e-3, mode="m")])
    state = cj.product(model, {"a": [1, 0], "b": [0, 1]})
    engine = ProductEngine(model, state, TIMES, 1e-10).run(1, 0)
    monkeypatch.setattr(ModeState, "_by_rows", False)
    twin = ProductEngine(model, state, TIMES, 1e-10).run(1, 0)
    np.testing.assert_allclose(engine.mean, twin.mean, rtol=0, atol=1e-10)


def test_what_lies_beside_a_state_is_never_read(monkeypatch):
    """Rows of the series, and their sums, hold no numbers before; what ran before changes nothing."""
    model, state = two_species()
    clean, engine = (ProductEngine(model, state, TIMES, 1e-9) for _ in range(2))
    found = [clean.run(2, number, record=True) for number in range(2)]
    in_rows = ModeState._in_rows

    def spoiled(self, h_eff):
        for array in (h_eff.factors.sum_re, h_eff.factors.sum_im):
            array[:] = np.nan
        if self._rows is not None:
            for array in (self._rows.taylor_re, self._rows.taylor_im, self._rows.out_re, self._rows.out_im):
                array[:] = np.nan
        return in_rows(self, h_eff)

    monkeypatch.setattr(ModeState, "_in_rows", spoiled)
    for number in (1, 0):
        one, other = found[number], engine.run(2, number, record=True)
        assert one.n_jumps > 0
        for field in ("mean", "second", "sectors", "counts", "jumps"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)


def test_all_kernels_are_compiled_before():
    before = compiled()["compiled"]
    for build in CASES.values():
        model, state = build()
        ProductEngine(replace(model), state, TIMES / 4, 1e-9, [2]).run(1, 0, record=True)
    assert compiled()["compiled"] == before
