"""Models of the same blocks, each run in another representation, between which a run may be quenched."""

import numpy as np

import cojump as cj
from tests.support.pauli import LOWER, X, Y, Z

LEVELS = np.diag([1.0, 0.0, -1.0])
HOP = np.array([[0, 1, 0], [0, 0, 1.0], [0, 0, 0]], dtype=complex)


def rate(scale):
    return lambda x: 1 + scale * x


def banded(axis=Z, drive=0.7):
    """One block of two levels; the axis of the argument chooses its frame."""
    jump = cj.LocalJump(0.9 * LOWER, "a", amplitude=rate(0.5), argument={"a": axis})
    return cj.Model([cj.Block("a", 5)], [cj.OneBody(drive * X + 0.3 * Y, "a")], [jump, cj.LocalJump(0.4 * Z, "a")])


def kinked(x):
    return 0.6 + np.abs(x - 0.1)


def blocks_of_two(axes=(Z, Z), g=0.5, function=None):
    """Two blocks of two levels: a lattice where all arguments share an axis in each block, else products."""
    jumps = [
        cj.LocalJump(0.8 * LOWER, "a", amplitude=function or rate(0.5), argument={"a": axes[0], "b": axes[1]}),
        cj.LocalJump(0.5 * LOWER.T, "b", amplitude=function or rate(0.4), argument={"a": Z}),
    ]
    terms = [cj.OneBody(0.7 * X, "a"), cj.OneBody(0.2 * Y + 0.3 * Z, "b"), cj.TwoBody(X, Y, g, ("a", "b"))]
    return cj.Model([cj.Block("a", 3), cj.Block("b", 2)], terms, jumps)


def levels(g=0.4):
    """Three levels beside two: sparse in every sector."""
    jumps = [
        cj.LocalJump(0.8 * HOP, "a", amplitude=rate(0.4), argument={"a": LEVELS, "b": Z}),
        cj.LocalJump(0.6 * LOWER, "b"),
    ]
    terms = [cj.OneBody(0.5 * (HOP + HOP.T), "a"), cj.OneBody(0.6 * X, "b"), cj.TwoBody(HOP + HOP.T, Z, g, ("a", "b"))]
    return cj.Model([cj.Block("a", 3, levels=3), cj.Block("b", 2)], terms, jumps)


def turned_levels():
    """The same blocks, with an argument that is not diagonal."""
    other = (HOP + HOP.T) / np.sqrt(2)
    jump = cj.LocalJump(0.8 * HOP, "a", amplitude=rate(0.4), argument={"a": other})
    terms = [cj.OneBody(0.9 * LEVELS, "a"), cj.TwoBody(LEVELS, X, 0.5, ("a", "b"))]
    return cj.Model([cj.Block("a", 3, levels=3), cj.Block("b", 2)], terms, [jump, cj.LocalJump(0.6 * LOWER, "b")])


def mode(coupling=0.6, drive=0.5, kappa=0.8):
    """A block and a mode that is driven, damped, and coupled."""
    terms = [
        cj.OneBody(0.6 * Z, "a"),
        cj.ModeEnergy(0.7, "m"),
        cj.ModeDrive(drive, "m"),
        cj.ModeCoupling({"a": coupling * X}, "m"),
    ]
    jumps = [cj.LocalJump(0.5 * LOWER, "a"), cj.ModeLoss(kappa, "m")]
    return cj.Model([cj.Block("a", 3), cj.Mode("m")], terms, jumps)


def apart():
    """Two blocks that nothing couples."""
    jumps = [
        cj.LocalJump(0.8 * LOWER, "a", amplitude=rate(0.5), argument={"a": Z}),
        cj.LocalJump(0.5 * LOWER.T, "b", amplitude=rate(0.4), argument={"b": X}),
    ]
    return cj.Model([cj.Block("a", 3), cj.Block("b", 2)], [cj.OneBody(0.7 * X, "a"), cj.OneBody(0.4 * Y, "b")], jumps)


QUENCHES = {
    "banded": (banded, lambda: banded(0.6 * X + 0.8 * Z, 0.2)),
    "lattice": (blocks_of_two, lambda: blocks_of_two(g=-1.8)),
    "product": (lambda: blocks_of_two((X, Z), 0.5, kinked), lambda: blocks_of_two((Z, Y), 0.8, kinked)),
    "sparse": (levels, lambda: levels(-0.5)),
    "turned levels": (levels, turned_levels),
    "modes": (mode, lambda: mode(0.9, -0.4, 1.1)),
    "apart": (apart, blocks_of_two),
}
"""Pairs of models before and after, by the way they are run."""

METHODS = {
    "banded": "banded H_eff",
    "lattice": "grid of M",
    "product": "tensor product",
    "sparse": "occupied states",
    "turned levels": "occupied states",
    "modes": "columns of Fock states",
    "apart": "banded H_eff",
}


def start(model):
    """A product state that is an eigenstate of nothing."""
    kets = {2: np.array([0.8, 0.6j]), 3: np.array([0.6, 0.64, 0.48j])}
    states = {b.name: kets[b.levels] for b in model.blocks}
    return cj.product(model, {**states, **dict.fromkeys(model.mode_names, 0.4 - 0.2j)})
