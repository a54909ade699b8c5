"""Engines that start from one pure state of one sector, and what a collective operator makes of such a state."""

import numpy as np
import pytest

import cojump as cj
from cojump.model.collective_average import average_of
from cojump.trajectories.collective_action import collective_action
from cojump.trajectories.engine import make_engine
from cojump.trajectories.lattice_engine import LatticeEngine
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.sparse_engine import SparseEngine
from cojump.trajectories.spin_engine import Engine
from tests.support.pauli import LOWER, RAISE, X, Y, Z
from tests.support.random_models import random_density, random_hermitian, random_matrix

TIMES = np.array([0.0, 0.35, 0.8])


def spins(axis, N=40):
    jumps = [cj.LocalJump(LOWER, "s", amplitude=lambda x: 1 + 0.4 * x, argument={"s": axis}), cj.LocalJump(RAISE, "s")]
    return cj.Model([cj.Block("s", N)], [cj.OneBody(0.7 * X + 0.2 * Z, "s")], jumps)


def pair():
    jumps = [cj.LocalJump(LOWER, b, amplitude=np.cos, argument={"a": Z, "b": Z}) for b in "ab"]
    return cj.Model([cj.Block("a", 6), cj.Block("b", 9)], [cj.OneBody(X, "a"), cj.OneBody(Y, "b")], jumps)


def axes():
    jumps = [cj.LocalJump(LOWER, b, amplitude=np.cos, argument={b: x}) for b, x in (("a", Z), ("a", X), ("b", Z))]
    return cj.Model([cj.Block("a", 6), cj.Block("b", 9)], [cj.TwoBody(X, Z, 0.8, ("a", "b"))], jumps)


def three():
    rng = np.random.default_rng(3)
    jumps = [cj.LocalJump(random_matrix(rng, 3), "a"), cj.CollectiveJump({"a": random_matrix(rng, 3)}, 0.3)]
    return cj.Model([cj.Block("a", 6, levels=3)], [cj.OneBody(random_hermitian(rng, 3), "a")], jumps)


def mode():
    terms = [cj.ModeEnergy(0.8, "c"), cj.ModeCoupling({"s": 0.9 * X}, "c"), cj.OneBody(0.5 * Z, "s")]
    return cj.Model([cj.Block("s", 5), cj.Mode("c")], terms, [cj.ModeLoss(1.0, "c", 0.2), cj.LocalJump(LOWER, "s")])


CASES = {
    "one block": (spins(Z), Engine),
    "turned": (spins(X + 0.3 * Y), Engine),
    "lattice": (pair(), LatticeEngine),
    "axes": (axes(), ProductEngine),
    "three levels": (three(), SparseEngine),
    "a mode": (mode(), ProductEngine),
}


def start_of(model):
    rng = np.random.default_rng(5)
    return cj.product(
        model,
        {b.name: random_density(rng, b.levels) for b in model.blocks} | {m.name: 0.4 - 0.7j for m in model.modes},
    )


@pytest.mark.parametrize("name", CASES)
def test_an_engine_goes_on_from_a_state_that_it_has_handed_over(name):
    model, kind = CASES[name]
    states = {}
    engine = make_engine(model, start_of(model), TIMES, 1e-10, [1])
    assert isinstance(engine, kind)
    one = engine.run(3, 0, watch=states.__setitem__)
    (factor,) = states[1].final().factors
    engine.start_from(factor)
    again = engine.run(4, 0)
    np.testing.assert_allclose(again.mean[0], one.mean[1], atol=2e-9)
    np.testing.assert_allclose(again.second[0], one.second[1], atol=2e-9)
    np.testing.assert_array_equal(again.sectors[0], one.sectors[1])
    engine.start_from(start_of(model))  # and from a state of the user's again
    np.testing.assert_array_equal(engine.run(3, 0).mean, one.mean)


@pytest.mark.parametrize("name", CASES)
def test_a_collective_operator_keeps_the_sector_and_has_the_average_that_is_reported(name):
    model, _ = CASES[name]
    states, rng = {}, np.random.default_rng(7)
    one = make_engine(model, start_of(model), TIMES, 1e-10, [1]).run(3, 0, watch=states.__setitem__)
    (factor,) = states[1].factors
    given = {b.name: random_matrix(rng, b.levels) for b in model.blocks}
    given |= {m.name: rng.normal(size=2) + 1j * rng.normal(size=2) for m in model.modes}
    average = average_of(model, "b", given)
    matrices = {b: x / model.blocks[b].size for b, x in average.blocks.items()}
    psi, made = collective_action(factor, model.blocks, matrices, {m: average.ladder(m) for m in average.modes})
    c, w = average.coefficients
    assert np.vdot(psi.amplitudes, made) == pytest.approx(c + w @ one.mean[1], abs=1e-9)
    # <B†B> from the products of averages: <m_a m_b> = <½{m_a, m_b}> + ½<[m_a, m_b]>, of which this is the first part
    rows, columns = np.triu_indices(len(w))
    second = np.zeros((len(w), len(w)))
    second[rows, columns] = second[columns, rows] = one.second[1]
    wanted = (w.conj() @ second @ w + 2 * (c.conjugate() * (w @ one.mean[1])) + abs(c) ** 2).real
    found = np.vdot(made, made).real
    for part, sign in zip(average.hermitian, (1, 1j), strict=True):
        own = {b: x / model.blocks[b].size for b, x in part.blocks.items()}
        _, half = collective_action(factor, model.blocks, own, {m: part.ladder(m) for m in part.modes})
        d, v = part.coefficients
        squared = (v.conj() @ second @ v + 2 * (d.conjugate() * (v @ one.mean[1])) + abs(d) ** 2).real
        assert np.vdot(half, half).real == pytest.approx(squared, abs=1e-8), sign
    assert found != pytest.approx(wanted, abs=1e-6)  # B does not commute with B†
