"""Models of several blocks, of arguments along different axes and of collective jumps, for the brute-force oracle."""

import numpy as np

import cojump as cj
from cojump.model.states import State
from tests import oracle
from tests.support.pauli import LOWER, ONE, RAISE, X, Y, Z

ALONG = 0.6 * X - 0.2 * Y + 0.7 * Z
TRACED = 0.4 * ONE + 0.3 * Z - 0.5j * LOWER

# Columns are particles; unequal blocks, among them pairs with opposite signatures.
PATTERNS = {
    "one": np.array([[1, 1, 1, -1, -1]]),
    "two": np.array([[1, 1, 1, 1, -1, -1], [1, 1, 1, -1, 1, 1]]),
    "two_opposite": np.array([[1, 1, 1, -1, -1, 1, -1], [1, 1, 1, -1, -1, -1, 1]]),
    "three": np.array([[1, 1, 1, 1, -1, -1], [1, 1, 1, -1, 1, 1], [1, 1, 1, 1, -1, -1]]),
    "three_coupled": np.array([[1, 1, 1, -1, 1, 1], [1, 1, 1, 1, -1, -1], [1, 1, 1, 1, 1, 1]]),
    "three_merging": np.array([[1, 1, -1, 1, -1, 1], [1, 1, -1, -1, 1, 1], [1, 1, -1, 1, -1, -1]]),
}
"""Signatures and sizes: one + 3, - 2; two ++ 3, +- 1, -+ 2; two_opposite ++ 3, -- 2, +- 1, -+ 1; three +++ 3, +-+ 1,
-+- 2; three_coupled +++ 3, -++ 1, +-+ 2; three_merging +++ 2, --- 1, +-+ 1, -+- 1, ++- 1."""


def hopfield(name, *, exclude_self=True, merge=False):
    return cj.systems.hopfield(PATTERNS[name], 0.6, 1.4, exclude_self=exclude_self, merge=merge)


def axes(size, *, exclude_self=False, second=Y):
    """One block, three channels whose arguments point in different directions, one of them at a kinked rate."""
    b = "spins"
    return cj.Model(
        [cj.Block(b, size)],
        [cj.OneBody(0.4 * X + 0.3 * Y - 0.2 * Z, b), cj.TwoBody(Z, Z, 0.5, (b, b))],
        [
            cj.LocalJump(
                TRACED,
                b,
                amplitude=lambda x: 0.8 + 0.8 * x - 0.3 * x**2,
                argument={b: ALONG},
                exclude_self=exclude_self,
            ),
            cj.LocalJump(
                0.6 * RAISE, b, rate=lambda y: (y + 1.1) ** 2, argument={b: second}, exclude_self=exclude_self
            ),
            cj.LocalJump(0.7 * LOWER, b, amplitude=lambda x: 0.1 + np.abs(x), argument={b: X}),
        ],
    )


def exchange(strength):
    """A complex two-body term between a and b that is not diagonal, with its partner."""
    first, second = X + 0.4j * Z, RAISE + 0.3 * Z
    return [
        cj.TwoBody(first, second, strength, ("a", "b")),
        cj.TwoBody(second.conj().T, first.conj().T, np.conj(strength), ("b", "a")),
    ]


def across(sizes, *, exclude_self=False, coupling=0.9 + 0.5j, second=Y, other=1.0):
    """Two blocks; every argument is a sum over both, along other axes in each channel. ``other`` scales block b's."""
    return cj.Model(
        [cj.Block(n, s) for n, s in zip("ab", sizes, strict=True)],
        [cj.OneBody(0.5 * X - 0.2 * Z, "a"), cj.OneBody(0.4 * Y, "b"), *exchange(coupling)],
        [
            cj.LocalJump(
                TRACED,
                "a",
                amplitude=lambda x: 0.9 + 0.5 * x,
                argument={"a": ALONG, "b": other * 0.8 * Z},
                exclude_self=exclude_self,
            ),
            cj.LocalJump(
                0.6 * RAISE,
                "b",
                rate=lambda y: (y + 2.1) ** 2 / 4,
                argument={"a": second, "b": other * second},
                exclude_self=exclude_self,
            ),
            cj.LocalJump(0.6 * LOWER, "b", amplitude=lambda x: 0.2 + np.abs(x), argument={"a": X, "b": other * X}),
        ],
    )


def commuting(sizes, *, exclude_self=False, other=1.0):
    """Two blocks that only a rate couples, along one axis: the main frame holds everything."""
    return cj.Model(
        [cj.Block(n, s) for n, s in zip("ab", sizes, strict=True)],
        [cj.OneBody(0.5 * X, "a"), cj.OneBody(0.6 * X - 0.3 * Y, "b")],
        [
            cj.LocalJump(0.8 * LOWER, "a", amplitude=lambda x: 0.3 + x, argument={"b": other * Z}),
            cj.LocalJump(
                0.7 * RAISE + 0.3 * Z,
                "b",
                amplitude=lambda x: 0.8 + 0.6 * x,
                argument={"a": ALONG, "b": Z},
                exclude_self=exclude_self,
            ),
        ],
    )


def together(sizes, *, exclude_self=False, rate=0.7):
    """Local jumps and collective ones, of which one acts on both blocks by matrices with a trace."""
    return cj.Model(
        [cj.Block(n, s) for n, s in zip("ab", sizes, strict=True)],
        [cj.OneBody(0.7 * X, "a"), cj.OneBody(0.3 * Z + 0.2 * Y, "b")],
        [
            cj.CollectiveJump({"a": LOWER + 0.2 * ONE, "b": TRACED}, rate),
            cj.LocalJump(
                0.6 * LOWER, "a", amplitude=lambda x: 1 + 0.5 * x, argument={"a": Z}, exclude_self=exclude_self
            ),
            cj.CollectiveJump({"b": Z - 0.3j * X}, 0.4),
            cj.LocalJump(0.5 * RAISE, "b", amplitude=lambda x: 0.8 - 0.4 * x, argument={"a": Y, "b": 0.5 * X}),
        ],
    )


def crystal(size):
    return cj.systems.boundary_time_crystal(size, 0.8, 1.2)


MODELS = {
    **{
        f"hopfield_{name}{'_self' * (not e)}{'_merged' * m}": lambda name=name, e=e, m=m: hopfield(
            name, exclude_self=e, merge=m
        )
        for name in PATTERNS
        for e in (True, False)
        for m in (True, False)
    },
    "axes": lambda: axes(4),
    "axes_excluded": lambda: axes(4, exclude_self=True),
    "axes_pair": lambda: axes(2),
    "axes_pair_excluded": lambda: axes(2, exclude_self=True),
    "axes_large": lambda: axes(6),
    "axes_large_excluded": lambda: axes(6, exclude_self=True),
    "across": lambda: across((3, 2)),
    "across_excluded": lambda: across((3, 2), exclude_self=True),
    "across_unequal": lambda: across((1, 4)),
    "across_unequal_excluded": lambda: across((1, 4), exclude_self=True),
    "across_large_excluded": lambda: across((4, 2), exclude_self=True),
    "commuting": lambda: commuting((2, 3)),
    "commuting_excluded": lambda: commuting((2, 3), exclude_self=True),
    "together": lambda: together((3, 2)),
    "together_excluded": lambda: together((2, 4), exclude_self=True),
    "crystal": lambda: crystal(5),
    "crystal_small": lambda: crystal(3),
}


def ket(theta, phi):
    return np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])


def _pure(alone, b):
    vector = ket(0.9 + 0.5 * b, 0.4 - b)
    return cj.product(alone, {"one": vector}), oracle.product_state(alone, {"one": vector})


def _mixed(alone, b):
    rho = np.array([[0.65 - 0.1 * b, 0.2 - 0.1j], [0.2 + 0.1j, 0.35 + 0.1 * b]])
    return cj.product(alone, {"one": rho}), oracle.product_state(alone, {"one": rho})


def _dicke(alone, b):
    size = alone.blocks[0].size
    J = size / 2 - (1 if size > 1 else 0)
    pair = {"one": (J, J - 1 if J >= 1 else (J if b % 2 else -J))}
    return cj.dicke(alone, pair), oracle.dicke_state(alone, pair)


def _symmetric(alone, b):
    k = np.arange(alone.blocks[0].size + 1)
    amplitudes = np.exp(1j * (k**2 + b)) / (1 + k)
    amplitudes /= np.linalg.norm(amplitudes)
    return cj.symmetric(alone, {"one": amplitudes}), oracle.symmetric_state(alone, {"one": amplitudes})


KINDS = (_pure, _mixed, _dicke, _symmetric)


def start(model, first=0):
    """A different kind of state in each block, ``first`` says where to begin; the state and its density matrix."""
    blocks, densities = [], {}
    for b, block in enumerate(model.blocks):
        alone = cj.Model([cj.Block("one", block.size)])
        state, density = KINDS[(b + first) % len(KINDS)](alone, b)
        blocks += state.blocks
        densities[block.name] = density
    return State(tuple(blocks)), oracle.join_blocks(model, densities)
