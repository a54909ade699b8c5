"""Models whose jumps touch two things at once, for the brute-force oracle: each way that trajectories run them."""

import numpy as np

import cojump as cj
from tests import oracle
from tests.support.pauli import LOWER, ONE, RAISE, X, Y, Z

ALONG = 0.6 * X - 0.2 * Y + 0.7 * Z
UP = np.diag([1.0, 0.0])


def crossed(x, y):
    return 0.9 + 0.4 * x - 0.3 * y + 0.5 * x * y


def bent(x, y):
    """Kinked, and no sum or product of functions of one average."""
    return 0.5 + np.abs(x - 0.5 * y)


def damped(x, y):
    """A rate."""
    return (0.4 + x**2) / (1.5 + y)


def spins(argument, function=crossed, f=1.0, *, size=4, beside=(), exclude_self=False):
    rated = cj.LocalJump(
        np.sqrt(f) * (0.8 * LOWER + 0.2j * X), "a", amplitude=function, argument=argument, exclude_self=exclude_self
    )
    drive = cj.OneBody(0.7 * X + 0.3 * Y, "a")
    return cj.Model([cj.Block("a", size)], [drive], [*beside, rated, cj.LocalJump(0.5 * RAISE, "a")])


def pair(argument, function, f=1.0, *, sizes=(3, 2), beside=(), exclude_self=False):
    """The first of two blocks jumps as averages of both say."""
    blocks = [cj.Block(name, size) for name, size in zip("ab", sizes, strict=True)]
    terms = [cj.OneBody(0.5 * X, "a"), cj.OneBody(0.8 * Y, "b"), cj.TwoBody(Z, Z, 0.4, ("a", "b"))]
    rated = cj.LocalJump(np.sqrt(f) * LOWER, "a", rate=function, argument=argument, exclude_self=exclude_self)
    return cj.Model(blocks, terms, [*beside, rated, cj.LocalJump(0.6 * RAISE, "a"), cj.LocalJump(0.7 * LOWER, "b")])


def levels(argument, function=crossed, f=1.0, *, size=3, exclude_self=False, beside=()):
    """Three levels with a cascade of decays."""
    step = [np.eye(3)[:, [a]] @ np.eye(3)[[b]] for a, b in ((0, 1), (1, 2))]
    drive = 0.6 * (step[0] + step[0].T) + 0.4j * (step[1] - step[1].T)
    rated = cj.LocalJump(
        np.sqrt(f) * (step[0] + 0.3 * step[1]), "a", amplitude=function, argument=argument, exclude_self=exclude_self
    )
    jumps = [*beside, rated, cj.LocalJump(step[1], "a")]
    return cj.Model([cj.Block("a", size, levels=3)], [cj.OneBody(drive, "a")], jumps)


def turning(axis):
    """A rate along another axis, with a kink: no two of these arguments are diagonal in one frame."""
    return cj.LocalJump(0.6 * RAISE, "a", amplitude=lambda x: 0.4 + np.abs(x), argument={"a": axis})


N0, N1 = (np.diag(np.eye(3)[a]) for a in (0, 1))
HOP = np.array([[0, 1, 0.3j], [1, 0.4, 0], [-0.3j, 0, -0.2]])

SEVERAL = {
    "one axis": lambda f=1: spins(({"a": Z}, {"a": UP}), f=f),
    "one axis, self excluded": lambda f=1: spins(({"a": Z}, {"a": UP}), bent, f, exclude_self=True),
    "turned": lambda f=1: spins(({"a": ALONG}, {"a": ONE - 0.5 * ALONG}), bent, f, beside=[turning(Z), turning(Y)]),
    "two blocks": lambda f=1: pair(({"a": Z}, {"b": UP}), damped, f),
    "two blocks, crossed": lambda f=1: pair(({"a": Z, "b": -Z}, {"a": UP, "b": UP}), damped, f, exclude_self=True),
    "two blocks, turned": lambda f=1: pair(
        ({"a": ALONG, "b": X - Y}, {"b": 0.5 * (X - Y)}), lambda x, y: 0.5 + np.abs(x + y), f, beside=[turning(Z)]
    ),
    "three levels": lambda f=1: levels(({"a": N0}, {"a": N1}), f=f),
    "three levels, self excluded": lambda f=1: levels(({"a": N0}, {"a": N1}), bent, f, exclude_self=True),
    "three levels, turned": lambda f=1: levels(
        ({"a": HOP}, {"a": HOP @ HOP}),
        bent,
        f,
        beside=[cj.LocalJump(0.7 * np.eye(3, k=1), "a", amplitude=np.cos, argument={"a": N0})],
    ),
}
"""Rates of several averages, by name, and with one rate times a factor: a wrong model."""


def bowed(x):
    return 0.7 + 0.9 * x**2 + 0.5 * x


def gated(argument, function=bowed, f=1.0, *, matrix=LOWER + 0.2 * X, size=5, beside=()):
    """A collective jump of one block that an average opens and closes."""
    jump = cj.CollectiveJump({"a": matrix}, 1.3 * f, amplitude=function, argument=argument)
    return cj.Model([cj.Block("a", size)], [cj.OneBody(0.7 * X + 0.3 * Y, "a")], [*beside, jump])


def shared(argument, function, f=1.0, *, beside=()):
    """A collective jump of two blocks, of three levels and of two."""
    step = np.eye(3, k=1) + 0.4j * np.eye(3, k=-1)
    jump = cj.CollectiveJump({"a": LOWER, "b": 0.8 * step}, 1.5 * f, amplitude=function, argument=argument)
    blocks = [cj.Block("a", 2), cj.Block("b", 2, levels=3)]
    terms = [cj.OneBody(0.6 * X, "a"), cj.OneBody(0.5 * (step + step.conj().T), "b")]
    return cj.Model(blocks, terms, [*beside, jump, cj.LocalJump(0.5 * RAISE, "a")])


GATED = {
    "collective": lambda f=1: gated({"a": Z}, f=f),
    "collective, beside a local rate": lambda f=1: gated({"a": UP}, f=f, beside=[cj.LocalJump(0.7 * RAISE, "a")]),
    "collective, turned": lambda f=1: gated({"a": X}, f=f, beside=[turning(Z)]),
    "collective, two averages": lambda f=1: gated(({"a": Z}, {"a": UP}), crossed, f),
    "collective, two blocks": lambda f=1: shared(({"a": Z}, {"b": N0}), bent, f),
    "collective, two blocks, turned": lambda f=1: shared(
        {"a": ALONG, "b": HOP},
        bowed,
        f,
        beside=[turning(Z), cj.LocalJump(0.7 * N1, "b", amplitude=np.cos, argument={"b": N0})],
    ),
}
"""Collective jumps with an operator-valued rate, in the same form."""


def laser(f=1.0, *, size=2, j=LOWER, thermal=0.2, absorbs=0.4):
    """Atoms that emit into a lossy mode, are pumped, and absorb."""
    blocks = [cj.Block("a", size), cj.Mode("m")]
    terms = [cj.OneBody(0.6 * X + 0.2 * Z, "a"), cj.ModeEnergy(0.5, "m"), cj.ModeDrive(0.2 - 0.1j, "m")]
    jumps = [
        cj.LocalJump(0.9 * RAISE, "a"),
        cj.ModeJump(np.sqrt(f) * j, "a", "m", emits=True),
        cj.ModeJump(np.sqrt(absorbs) * RAISE, "a", "m", emits=False),
        cj.ModeLoss(1.0, "m", thermal=thermal),
    ]
    return cj.Model(blocks, terms, jumps)


def two_modes(f=1.0):
    """One particle between two modes, one of which it is also coupled to."""
    jumps = [
        cj.ModeJump(0.8 * np.sqrt(f) * (LOWER + 0.3 * Z), "a", "m", emits=True),
        cj.ModeJump(1.5 * np.sqrt(f) * (RAISE + 0.2j * X), "a", "n", emits=False),
        cj.ModeLoss(1.5, "m"),
    ]
    terms = [cj.OneBody(0.6 * X, "a"), cj.ModeCoupling({"a": 0.3 * LOWER}, "m")]
    return cj.Model([cj.Block("a", 1), cj.Mode("m"), cj.Mode("n")], terms, jumps)


def two_blocks_with_a_mode(f=1.0):
    """One block emits, the other one absorbs."""
    jumps = [
        cj.ModeJump(0.9 * np.sqrt(f) * LOWER, "a", "m", emits=True),
        cj.ModeJump(1.2 * np.sqrt(f) * (RAISE + 0.2j * X), "b", "m", emits=False),
        cj.ModeLoss(1.0, "m"),
        cj.LocalJump(0.8 * RAISE, "a", amplitude=crossed, argument=({"a": Z}, {"b": UP})),
    ]
    terms = [cj.OneBody(0.6 * X, "a"), cj.TwoBody(Z, X, 0.4, ("a", "b"))]
    return cj.Model([cj.Block("a", 2), cj.Block("b", 1), cj.Mode("m")], terms, jumps)


def atoms(f=1.0):
    """Three levels."""
    step = np.eye(3, k=1) + 0.3j * np.eye(3, k=-1)
    jumps = [
        cj.ModeJump(0.8 * np.sqrt(f) * step, "a", "m", emits=True),
        cj.ModeJump(0.9 * np.eye(3, k=-1), "a", "m", emits=False),
        cj.ModeLoss(1.5, "m"),
    ]
    drive = cj.OneBody(0.5 * (step + step.conj().T), "a")
    return cj.Model([cj.Block("a", 2, levels=3), cj.Mode("m")], [drive], jumps)


def rated(f=1, *, exclude_self=False, x=Z, j=LOWER, curved=1.0):
    """A laser whose gain grows with the atoms that are up, and whose loss has a Γ of two averages."""
    jumps = [
        cj.ModeJump(
            1.2 * j,
            "a",
            "m",
            emits=True,
            rate=lambda x: f * (0.6 + 0.5 * curved * np.abs(x)),
            argument={"a": x},
            exclude_self=exclude_self,
        ),
        cj.ModeJump(
            0.7 * RAISE + 0.2 * Z,
            "a",
            "m",
            emits=False,
            amplitude=lambda x, y: 0.8 + 0.6 * x * y,
            argument=({"a": x},) * 2,
        ),
        cj.ModeLoss(0.8, "m", thermal=0.1),
    ]
    terms = [cj.OneBody(0.6 * X, "a"), cj.ModeEnergy(0.5, "m"), cj.ModeCoupling({"a": 0.4 * X}, "m")]
    return cj.Model([cj.Block("a", 3), cj.Mode("m")], terms, jumps)


def rated_across(f=1):
    """A block of three levels that emits at a rate set by another block, along another axis there."""
    step = np.diag([1.0, 0.7], 1)
    jumps = [
        cj.ModeJump(
            np.sqrt(f) * step.T,
            "a",
            "m",
            emits=True,
            amplitude=lambda x: np.exp(-x),
            argument={"a": np.diag([0.5, 0, 0]), "b": 0.6 * X},
        ),
        cj.LocalJump(0.7 * LOWER, "b", rate=lambda x: 1 + x, argument={"b": Z}),
        cj.ModeLoss(1.0, "m"),
    ]
    terms = [cj.OneBody(0.5 * (step + step.T), "a"), cj.OneBody(0.5 * Z, "b")]
    return cj.Model([cj.Block("a", 2, levels=3), cj.Block("b", 1), cj.Mode("m")], terms, jumps)


QUANTA = {
    "emission and absorption": laser,
    "emission with a trace": lambda f=1: laser(f, j=0.8 * LOWER + 0.3 * X + 0.2 * ONE, thermal=0.0, absorbs=0.2),
    "two modes": two_modes,
    "two blocks with a mode": two_blocks_with_a_mode,
    "three levels with a mode": atoms,
    "rates and quanta": rated,
    "rates and quanta, self excluded": lambda f=1: rated(f, exclude_self=True, j=LOWER + 0.3 * X),
    "rates and quanta, turned": lambda f=1: rated(f, x=0.8 * X + 0.6 * Z, j=LOWER + 0.3 * Z),
    "rates of two blocks and quanta": rated_across,
}
"""Jumps of particles with a quantum of a mode, in the same form."""

FOCK = {name: {"m": 22} for name in QUANTA} | {"two modes": {"m": 13, "n": 9}, "three levels with a mode": {"m": 15}}
FOCK["rates of two blocks and quanta"] = {"m": 18}
AMPLITUDES = {"m": 0.3 - 0.2j, "n": 0.3j}


def start(model, fock=None):
    """A pure product state, modes in coherent states, and the same for the oracle."""
    kets = {}
    for n, block in enumerate(model.blocks):
        ket = np.arange(1, block.levels + 1) + 1j * (np.arange(block.levels)[::-1] - 0.5 * n)
        kets[block.name] = ket / np.linalg.norm(ket)
    amplitudes, fock = {mode: AMPLITUDES[mode] for mode in model.mode_names}, fock or dict.fromkeys(AMPLITUDES, 2)
    rho = oracle.with_coherent_modes(oracle.product_state(model, kets), model, fock, amplitudes)
    return cj.product(model, kets | amplitudes), rho
