"""Prepare kernels for models of every representation, run them, and print what was compiled or loaded after that.

python compiled_after.py
"""

import json
import sys

import numpy as np

import cojump as cj
from cojump import systems
from cojump.trajectories import kernel_cache
from cojump.trajectories.compilation import prepare
from tests.support.pauli import LOWER, RAISE, X, Y, Z

COMPLEX = np.array([[0.1, 0.4j], [0.2, 0.3]])


def models():
    spins, pair = [cj.Block("a", 4)], [cj.Block("a", 3), cj.Block("b", 2)]
    drive = [cj.OneBody(X, "a")]

    def local(matrix, axis=Z, function=np.cosh, **options):
        return cj.LocalJump(matrix, "a", amplitude=function, argument={"a": axis}, **options)

    yield "no jump", cj.Model(spins, drive)
    yield "no Hamiltonian", cj.Model(spins, [], [cj.LocalJump(LOWER, "a")])
    yield "nothing at all", cj.Model(spins)
    yield "diagonal", cj.Model(spins, [cj.OneBody(Z, "a")], [cj.LocalJump(Z, "a")])
    twist = [cj.OneBody(Y, "a"), cj.TwoBody(X, X, 0.3, ("a", "a"))]
    yield "general", cj.Model(spins, twist, [local(COMPLEX, exclude_self=True)])
    yield "zero jump", cj.Model(spins, drive, [cj.LocalJump(0 * LOWER, "a")])
    yield "integer rate", cj.Model(spins, drive, [local(LOWER, function=lambda x: np.ones(len(x), dtype=int))])
    yield "along x", cj.Model(spins, [cj.OneBody(Z, "a")], [local(LOWER, X)])
    yield "collective", systems.boundary_time_crystal(4, 1.0, 1.0)
    yield "collective, not banded", cj.Model(spins, drive, [cj.CollectiveJump({"a": X}, 5.0)])
    yield "two axes", cj.Model(spins, drive, [local(LOWER), local(RAISE, X)])
    yield "polynomials", cj.Model([cj.Block("a", 9)], drive, [local(LOWER), local(RAISE, X, lambda x: 1 + 0.1 * x)])
    both = [local(X + LOWER, exclude_self=True), local(RAISE + 1j * Z, X, exclude_self=True)]
    yield "two axes, self-excluded", cj.Model(spins, drive, both)
    yield "independent blocks", cj.Model(pair, drive, [cj.LocalJump(LOWER, "b")])
    yield "blocks without jumps", cj.Model(pair, [cj.TwoBody(X, Y, 0.3, ("a", "b"))])
    yield "diagonal blocks", cj.Model(pair, [cj.TwoBody(Z, Z, 0.3, ("a", "b"))])
    gated = cj.LocalJump(LOWER, "a", rate=lambda x: x**2, argument={"b": Z})
    shared = cj.CollectiveJump({"a": LOWER, "b": 1j * Z}, 4.0)
    yield "coupled blocks", cj.Model(pair, [cj.TwoBody(X, Y, 0.3, ("a", "b"))], [gated, shared])
    yield "potential", cj.Model(spins, [*drive, cj.Potential(np.cosh, {"a": Z})], [local(LOWER)])
    yield "potential on another axis", cj.Model(spins, [*drive, cj.Potential(np.abs, {"a": X})], [local(LOWER)])
    yield "potential as a polynomial", cj.Model(spins, [cj.Potential(lambda x: x**2, {"a": X})], [local(LOWER)])
    yield "potential of two blocks", cj.Model(pair, [*drive, cj.Potential(np.cosh, {"a": Z, "b": Z})], [gated])
    yield "levels without jumps", cj.Model([cj.Block("a", 3, levels=3)])
    yield "levels", systems.lambda_pump(4, 1.0, 1.0, 1.0)
    one = np.ones((3, 3))
    mixed = [cj.Block("a", 3, levels=3), cj.Block("b", 2)]
    jumps = [cj.CollectiveJump({"a": 1j * one, "b": X}, 4.0), local(one, one, np.sin, exclude_self=True)]
    yield "levels and spins", cj.Model(mixed, [], jumps)
    yield "one particle", cj.Model([cj.Block("a", 1)], drive)
    yield "Hopfield", systems.hopfield(systems.random_patterns(2, 8, 1), 0.3, 1.5)
    yield "Potts", systems.potts_hopfield(systems.random_patterns(1, 4, 1, 3), 3, 0.3, 1.5)
    large = [cj.Block("a", 60), cj.Block("b", 60)]
    gate = cj.LocalJump(LOWER, "a", amplitude=np.cosh, argument={"b": Z})
    mode = cj.Mode("mode")
    coupling = cj.ModeCoupling({"a": COMPLEX}, mode="mode")
    yield "a mode", cj.Model([*spins, mode], [*drive, coupling], [cj.ModeLoss(1.0, mode="mode", thermal=0.1)])
    yield "a mode beside ladders", systems.dicke(4, 1.0, 1.0, 0.8, 1.0, 0.3)
    both = [local(LOWER), local(RAISE, X), cj.ModeJump(LOWER, "a", mode="mode", emits=True)]
    yield "a mode beside two axes", cj.Model([*spins, mode], [*drive, coupling], both)
    yield "windows", cj.Model(large, [cj.TwoBody(X, X, 0.1, ("a", "b"))], [gate])


def states(model):
    yield cj.product(model, {b.name: np.eye(b.levels) / b.levels for b in model.blocks})
    yield cj.product(model, {b.name: np.ones(b.levels) / np.sqrt(b.levels) for b in model.blocks})
    if all(b.levels == 2 for b in model.blocks):
        yield cj.dicke(model, {b.name: (b.size / 2, b.size / 2 - 1) for b in model.blocks})
        yield cj.symmetric(model, {b.name: np.eye(b.size + 1)[0] for b in model.blocks})
    else:
        yield cj.occupation(model, {b.name: [b.size] + [0] * (b.levels - 1) for b in model.blocks})


def main():
    cases = dict(models())
    prepare(cases.values())
    before, late = kernel_cache.compiled(), {}
    for name, model in cases.items():
        for state in states(model):
            end = 0.01 if model.size > 50 else 0.5
            cj.trajectory(model, state, [0.0, end], seed=1, index=0)
            cj.trajectory(model, state, [end], seed=1, index=1, tolerance=1e-3)
        if (after := kernel_cache.compiled()) != before:
            late[name], before = after, after
    json.dump(late, sys.stdout)


if __name__ == "__main__":
    main()
