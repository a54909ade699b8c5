"""Symmetries of a mean-field flow: those that come in families, and those that do not.

Both are found by trying: f(S q) = S f(q) for a map S of the states, at a random point, and its derivative for the maps
exp(-iKs) ρ exp(iKs) of one parameter, which is linear in K.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, permutations, product

import numpy as np
from numpy.typing import NDArray

from ...errors import UnsupportedError
from ...tools.types import Array, Complex
from .dynamics import MeanFieldDynamics

Map = Callable[[Array], Array]

_SAME = 1e-10
"""Difference of f(S q) and S f(q), in units of the fastest rate, that is rounding."""

_MOST_LEVELS = 4
"""Permutations of more levels than these are not tried."""

_MOST_MODES = 2
"""Reflections of more modes than these are tried in all of them together."""

_SAMPLES = 3
"""Random points at which a symmetry with a parameter must hold."""


def random_density(levels: int, rng: np.random.Generator, rank: int | None = None) -> NDArray[np.complex128]:
    """A density matrix, uniform in the Hilbert-Schmidt measure (for two levels: uniform in the Bloch ball)."""
    shape = (levels, rank or levels)
    a = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    rho = a @ a.conj().T
    return rho / np.trace(rho).real


def discrete(dynamics: MeanFieldDynamics) -> list[Map]:
    """Maps q -> S q that the flow commutes with: reflections and permutations of levels, exchanges of blocks, each with
    reflections of modes.
    """
    rng = np.random.default_rng(0)
    q = _random_point(dynamics, rng)
    f = dynamics.flow(q)
    found: list[Map] = []
    reflections = _reflections(len(dynamics.model.modes))
    for images in _candidates([b.levels for b in dynamics.model.blocks]):
        for signs in reflections:
            move = partial(_moved, dynamics, images, signs)
            if np.abs(dynamics.flow(move(q)) - move(f)).max() < _SAME * dynamics.fastest_rate:
                found.append(move)
    return found


def _random_point(dynamics: MeanFieldDynamics, rng: np.random.Generator) -> Array:
    """(k,) a random state, of the modes as well."""
    q = dynamics.point([random_density(b.levels, rng) for b in dynamics.model.blocks])
    of_modes = 2 * len(dynamics.model.modes)
    if of_modes:
        q[-of_modes:] = rng.normal(size=of_modes) / 2
    return q


def _reflections(modes: int) -> list[Array]:
    """Signs of x and y of each mode: all of a few modes, the same for all of many."""
    each = list(product((1.0, -1.0), repeat=2))
    chosen = product(each, repeat=modes) if modes <= _MOST_MODES else ([signs] * modes for signs in each)
    return [np.array(signs).ravel() for signs in chosen]


Image = tuple[int, Callable[[Complex], Complex]]
"""Which block's density matrix is put in place, and what is done to it."""


def _moved(dynamics: MeanFieldDynamics, images: list[Image], signs: Array, q: Array) -> Array:
    r = dynamics.densities(q)
    moved = dynamics.point([change(r[b]) for b, change in images])
    if len(signs):
        moved[-len(signs) :] = signs * q[-len(signs) :]
    return moved


def _candidates(levels: list[int]) -> Iterator[list[Image]]:
    """Maps that may be symmetries: one operation in all blocks or in one, exchanges of two blocks with one."""
    operations = {d: _operations(d) for d in set(levels)}
    most = max(len(o) for o in operations.values())
    for i in range(1, most):
        yield [(b, operations[d][i % len(operations[d])]) for b, d in enumerate(levels)]
    if len(levels) == 1:
        return
    same: list[Image] = [(b, operations[d][0]) for b, d in enumerate(levels)]
    # in one block alone only for two levels: there are too many of more, and they are hardly ever symmetries
    alone = {d: o if d == 2 else o[:1] for d, o in operations.items()}
    for b, d in enumerate(levels):
        for change in alone[d][1:]:
            yield [*same[:b], (b, change), *same[b + 1 :]]
    for b, c in combinations(range(len(levels)), 2):
        if levels[b] == levels[c]:
            for change in alone[levels[b]]:
                image = list(same)
                image[b], image[c] = (c, change), (b, change)
                yield image


def _operations(levels: int) -> list[Callable[[Complex], Complex]]:
    """Operations on a density matrix, the identity first: for two levels reflections of x, y, z; else permutations."""
    if levels == 2:
        return [partial(_reflected, np.array(signs)) for signs in product((1, -1), repeat=3)]
    orders = permutations(range(levels)) if levels <= _MOST_LEVELS else iter([tuple(range(levels))])
    return [partial(_permuted, np.array(order), turned) for order in orders for turned in (False, True)]


def _reflected(signs: NDArray[np.int64], r: Complex) -> Complex:
    x, y, z = signs
    up, down = (r[0, 0], r[1, 1]) if z > 0 else (r[1, 1], r[0, 0])
    off = x * r[0, 1].real + 1j * y * r[0, 1].imag
    return np.array([[up, off], [off.conjugate(), down]])


def _permuted(order: NDArray[np.int64], turned: bool, r: Complex) -> Complex:
    r = r[np.ix_(order, order)]
    return r.conj() if turned else r


def continuous(dynamics: MeanFieldDynamics) -> list[Array]:
    """Matrices A (k, k), linearly independent, of the unitary symmetries exp(As): G(q) A q = A f(q) for every q.

    Empty where a rate has no derivative.
    """
    rng = np.random.default_rng(0)
    turns = dynamics.turns()
    rows = []
    try:
        for _ in range(_SAMPLES):
            q = _random_point(dynamics, rng)
            G, f = dynamics.jacobian(q), dynamics.flow(q)
            rows.append((turns @ q) @ G.T - turns @ f)
    except UnsupportedError:
        return []
    equations = np.concatenate(rows, axis=1)
    left, sizes, _ = np.linalg.svd(equations, full_matrices=True)
    sizes = np.append(sizes, np.zeros(len(left) - len(sizes)))
    return list(np.einsum("jn,jab->nab", left[:, sizes < _SAME * dynamics.fastest_rate], turns))
