"""A trajectory has the same bits whatever an engine has run before, and whatever it has kept of that."""

import gc
import sys
import weakref

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories.engine import make_engine
from tests.support.pauli import LOWER, RAISE, X, Z
from tests.support.random_models import random_density

TIMES = np.linspace(0, 0.8, 5)


def _coupled(N):
    terms = [cj.OneBody(0.6 * X, "a"), cj.OneBody(0.3 * X, "b"), cj.TwoBody(Z, Z, 0.5, blocks=("a", "b"))]
    jumps = [cj.LocalJump(LOWER, "a", amplitude=_affine, argument={"b": Z}), cj.LocalJump(RAISE, "b")]
    return cj.Model([cj.Block("a", N), cj.Block("b", N + 1)], terms, jumps)


def _two_axes(N):
    jumps = [cj.LocalJump(m, "s", amplitude=_affine, argument={"s": axis}) for m, axis in ((LOWER, Z), (RAISE, X))]
    return cj.Model([cj.Block("s", N)], [cj.OneBody(0.5 * X, "s")], jumps)


def _three_levels(N):
    return cj.systems.potts_hopfield(np.zeros((1, N), dtype=int), 3, 0.3, 2.0)


def _parts(N):
    blocks = [cj.Block("a", N), cj.Block("b", 4, levels=3), cj.Block("c", 5)]
    jumps = [cj.LocalJump(LOWER, "a"), cj.LocalJump(np.diag([1.0, 1.0], 1), "b"), cj.LocalJump(RAISE + 0.2 * Z, "c")]
    return cj.Model(blocks, [cj.OneBody(0.5 * X, "a")], jumps)


def _affine(x):
    return 1 + 0.4 * x


MODELS = {
    "one block": cj.systems.constrained(30, 0.7, 1.3, 0.8),
    "a single amplitude": cj.systems.free_flips(20, 0.0, 1.3, 0.8),
    "coupled blocks": _coupled(20),
    "two axes": _two_axes(14),
    "three levels": _three_levels(6),
    "independent parts": _parts(8),
    "a mode": cj.systems.dicke(4, 1.0, 1.2, 0.6, 1.0, gamma=0.3),
}


def _all_of(engine, index):
    seen = []
    one = engine.run(7, index, record=True, watch=lambda place, state: seen.append(state))
    tensors = [factor.amplitudes for state in seen for factor in state.factors]
    return [one.mean, one.second, one.sectors, one.counts, one.jumps, one.records, *tensors]


@pytest.mark.parametrize("kind", ["mixed", "pure", "mixture"])
@pytest.mark.parametrize("name", MODELS)
def test_what_is_kept_changes_no_bit(name, kind, monkeypatch):
    model = MODELS[name]
    rng = np.random.default_rng(3)
    densities = {block.name: random_density(rng, block.levels) for block in model.blocks}
    if name == "a single amplitude":
        densities = {"spins": np.diag([0.6, 0.4])}
    pure = {block.name: np.eye(block.levels)[0] for block in model.blocks}
    state = cj.product(model, pure if kind == "pure" else densities)
    if kind == "mixture":
        state = cj.mixture([(0.6, state), (0.4, cj.product(model, pure))])
    used = make_engine(model, state, TIMES, 1e-9, (1, 3))
    before = [_all_of(used, i) for i in range(6)]
    together = used.outcomes([used.go(7, i, record=True) for i in range(6)])
    for i, one in enumerate(before):
        several = together.of(i)
        read = (several.mean, several.second, several.sectors, several.counts, several.jumps, several.records)
        for first, second in zip(one, read, strict=False):
            np.testing.assert_array_equal(first, second)
    for module in ("product_state", "spin_state"):
        monkeypatch.setattr(f"cojump.trajectories.{module}.STARTS_MEMORY", 0)
        monkeypatch.setattr(f"cojump.trajectories.{module}.STATES", 1)
    for i in (3, 0):
        again, fresh = _all_of(used, i), _all_of(make_engine(model, state, TIMES, 1e-9, (1, 3)), i)
        for first, second, third in zip(before[i], again, fresh, strict=True):
            np.testing.assert_array_equal(first, second)
            np.testing.assert_array_equal(first, third)


@pytest.mark.parametrize("name", ["one block", "coupled blocks"])
def test_no_reference_to_the_generator_is_left(name):
    # kernels count no references: one that a call takes would stay for ever, with the memory that it has
    model = MODELS[name]
    engine = make_engine(model, cj.product(model, {b.name: np.eye(2) / 2 for b in model.blocks}), TIMES, 1e-9)
    engine.run(1, 0)
    before = sys.getrefcount(engine._stream.generator)
    for i in range(20):
        engine.run(1, i)
    after = sys.getrefcount(engine._stream.generator)
    assert after == before


@pytest.mark.parametrize("name", ["one block", "coupled blocks", "two axes", "three levels", "a mode"])
def test_an_engine_frees_its_memory(name):
    # not when cycles are looked for next: it may have hundreds of megabytes, of which the collector knows nothing
    model = MODELS[name]
    engine = make_engine(model, cj.product(model, {b.name: np.eye(b.levels)[0] for b in model.blocks}), TIMES, 1e-9)
    engine.run(1, 0, record=True)
    left = weakref.ref(engine), weakref.ref(engine.state)
    gc.disable()
    try:
        del engine
        assert [one() for one in left] == [None, None]
    finally:
        gc.enable()
