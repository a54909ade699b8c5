"""Models with potentials for the brute-force oracle: each way that trajectories have to run one, any kind of φ."""

import numpy as np

import cojump as cj
from tests import oracle
from tests.support.pauli import LOWER, RAISE, X, Y, Z

ALONG = 0.6 * X - 0.2 * Y + 0.7 * Z


def cube(m):
    return m**3


def well(m):
    """Neither odd nor even, no polynomial."""
    return np.exp(-m) - 0.4 * np.cos(2 * m)


def kink(m):
    return np.abs(m - 0.1)


def spins(phi, argument, jumps, *, size=5, factor=1.0, drive=X):
    terms = [cj.OneBody(0.7 * drive, "a"), cj.Potential(phi, {"a": argument}, factor=factor)]
    return cj.Model([cj.Block("a", size)], terms, jumps)


def decay(amplitude=None, axis=Z):
    options = {} if amplitude is None else {"amplitude": amplitude, "argument": {"a": axis}}
    return cj.LocalJump(0.8 * LOWER, "a", **options)


def lift(amplitude):
    return cj.LocalJump(0.5 * RAISE, "a", amplitude=amplitude, argument={"a": Z})


def bent(m):
    return 0.6 + np.abs(m)


def linear(m):
    return 1 + 0.4 * m


def pair(phi, x, y, *, factor=1.0, sizes=(3, 2), rates=(None, linear)):
    """Two blocks that a potential and a rate couple."""
    argument = {"a": x} if y is None else {"a": x, "b": y}
    blocks = [cj.Block(name, size) for name, size in zip("ab", sizes, strict=True)]
    terms = [cj.OneBody(0.5 * X, "a"), cj.OneBody(0.8 * Y, "b"), cj.Potential(phi, argument, factor=factor)]
    jumps = [decay(rates[0]), cj.LocalJump(0.7 * RAISE, "b", amplitude=rates[1], argument={"a": Z})]
    return cj.Model(blocks, terms, jumps)


def levels(phi, argument, *, factor=1.0, size=3, gated=False):
    """Three levels with a cascade of decays."""
    step = [np.eye(3)[:, [a]] @ np.eye(3)[[b]] for a, b in ((0, 1), (1, 2))]
    drive = 0.6 * (step[0] + step[0].T) + 0.4j * (step[1] - step[1].T)
    options = {"amplitude": linear, "argument": {"a": np.diag([1, 0, 0])}} if gated else {}
    jumps = [cj.LocalJump(0.8 * step[0], "a", **options), cj.LocalJump(step[1], "a")]
    terms = [cj.OneBody(drive, "a"), cj.Potential(phi, {"a": argument}, factor=factor)]
    return cj.Model([cj.Block("a", size, levels=3)], terms, jumps)


HOP = np.array([[0, 1, 0.3j], [1, 0.4, 0], [-0.3j, 0, -0.2]])

MODELS = {
    "odd": lambda f=1: spins(cube, Z, [decay()], factor=1.5 * f),
    "even": lambda f=1: spins(np.square, Z, [decay()], factor=1.5 * f),
    "no polynomial": lambda f=1: spins(well, Z, [decay(linear)], factor=f),
    "kinked, tilted": lambda f=1: spins(kink, ALONG, [decay()], factor=1.5 * f),
    "beside a rate, polynomial": lambda f=1: spins(cube, X, [decay(linear)], factor=1.5 * f, drive=Y),
    "beside a rate, tilted": lambda f=1: spins(kink, ALONG, [decay(linear)], factor=1.5 * f),
    "beside rates, turned": lambda f=1: spins(kink, ALONG, [decay(bent), lift(bent)], factor=1.5 * f),
    "beside a polynomial rate": lambda f=1: spins(cube, X, [decay(linear, ALONG)], factor=1.5 * f, size=6, drive=Y),
    "two blocks": lambda f=1: pair(well, Z, 1.5 * Z, factor=f),
    "two blocks, turned": lambda f=1: pair(np.cos, ALONG, X - Y, factor=f, rates=(bent, bent)),
    "two blocks, one of them": lambda f=1: pair(cube, X, None, factor=1.5 * f, sizes=(4, 2)),
    "three levels": lambda f=1: levels(cube, np.diag([1, 0.3, -1]), factor=1.5 * f),
    "three levels, turned": lambda f=1: levels(well, HOP, factor=f, gated=True),
}
"""By name, and with φ times a factor: a wrong model."""

KINDS = {
    "odd": "table",
    "kinked, tilted": "table",
    "beside a rate, polynomial": "polynomial",
    "beside rates, turned": "turned",
    "two blocks": "table",
    "two blocks, turned": "turned",
    "two blocks, one of them": "polynomial",
    "three levels": "table",
    "three levels, turned": "turned",
}
"""What some of the potentials are in the frames that trajectories choose."""


def start(model):
    """A pure product state, and the same for the oracle."""
    kets = {}
    for n, block in enumerate(model.blocks):
        ket = np.arange(1, block.levels + 1) + 1j * (np.arange(block.levels)[::-1] - 0.5 * n)
        kets[block.name] = ket / np.linalg.norm(ket)
    return cj.product(model, kets), oracle.product_state(model, kets)
