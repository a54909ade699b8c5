"""The kernel of the generator where it has several dimensions: the minimal stationary states, and what is conserved.

Stationary states of a generator form ⊕_k ρ_k ⊗ (matrix algebra): several states ρ_k with orthogonal supports, and in
places coherences between such states. A conserved quantity J, 𝓛†J = 0, of each state says with which probability
tr(J_k ρ) a start ends in it: J_k ≥ 0, Σ_k J_k = 1.

In every part that the generator keeps apart the right and left null vectors R, L give the projector R (LᵀR)⁻¹ Lᵀ of the
long-time average. On the support of what it makes of the identity, all J restricted to that support commute with the
Hamiltonian and all jumps; the spectral projectors of a generic one of them cut it into minimal states.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import splu

from ..errors import ConvergenceError, UnsupportedError
from ..tools.types import Array, Matrix
from .generator import Generator
from .invariant_parts import parts_of
from .no_jump_inverse import VECTORS, Map, NoJumpInverse, null_vector

_SHIFT, VANISHING = 1e-9, 1e-11
"""Shift of the inverse iteration, and the eigenvalue that is taken as zero; the norm is 1."""

_MOST = 64
"""Dimension of the kernel of one part at most."""

_SUPPORT, _CLUSTER = 1e-9, 1e-6
"""Eigenvalues of a state below this, of its largest, are none; those of a conserved quantity that differ by less are
the same."""

_IDLE, _NOTHING_NEW, _DIRECTIONS = 2, 1e-7, 800
"""Random starts in a row that lead to nothing new, what is nothing, and directions that an iteration keeps at most."""

_ROUNDING = 1e-8
"""A residual or a trace that is off by more is not rounding."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """All stationary states of a generator.

    Attributes
    ----------
    states : (m, n) array
        Packed minimal stationary states of trace 1.
    conserved : (m, n) array
        Packed J_k, tr(J_k ρ_l) = δ_kl.
    coherences : int
        Further dimensions of the kernel: stationary coherences between states.
    right, left : (d, n) arrays
        The whole kernel and its dual, left_a·right_b = δ_ab: the long-time average of a start is right^T (left @ ρ).
    """

    states: Array
    conserved: Array
    coherences: int
    right: Array
    left: Array

    def average(self, start: Array) -> Array:
        """The long-time average of what a packed start becomes."""
        return (self.left @ start) @ self.right


def kernel_of(generator: Generator, matrix: csr_array) -> Kernel:
    """The kernel, part by part.

    Raises
    ------
    UnsupportedError
        If a part of the generator has a kernel of more than 64 dimensions.
    ConvergenceError
        If rounding leaves no clear kernel.
    """
    scale, size = generator.norm or 1.0, generator.packing.size
    states: list[Array] = []
    conserved: list[Array] = []
    rights: list[Array] = []
    lefts: list[Array] = []
    for part in parts_of(generator, matrix):
        own = csr_array(matrix[part.places][:, part.places]) / scale
        R, L = _null_spaces(own)
        if not R.shape[1]:
            continue
        whole = [np.zeros((X.shape[1], size)) for X in (R, L)]
        for wide, X in zip(whole, (R, L), strict=True):
            wide[:, part.places] = X.T
        right = whole[0]
        left = _dual(right, whole[1])
        rights.append(right)
        lefts.append(left)
        if part.diagonal:
            found = _minimal(generator, right, left, part.places)
            states += [state for state, _ in found]
            conserved += [J for _, J in found]
    right, left = (np.concatenate(x) if x else np.zeros((0, size)) for x in (rights, lefts))
    if not states:
        raise ConvergenceError("No stationary state was found: no eigenvalue of the generator vanishes")
    return Kernel(np.array(states), np.array(conserved), len(right) - len(states), right, left)


def kernel_by_iteration(generator: Generator) -> Kernel:
    """The kernel without a matrix, from random starts until they lead to nothing new.

    Raises
    ------
    UnsupportedError
        If it has more than 64 dimensions.
    ConvergenceError
        If an iteration does not come to an end, or rounding leaves no clear kernel.
    """
    inverse, identity = NoJumpInverse(generator), generator.packing.identity
    right = _null_vectors(generator, generator.norm, inverse, identity, generator.spare)
    left = _null_vectors(generator.adjoint, generator.norm, inverse.adjoint, identity, generator.spare)
    if left.shape != right.shape:
        raise ConvergenceError("No clear kernel of the generator was found: eigenvalues too close to zero")
    left = _dual(right, left)
    found = _minimal(generator, right, left, np.arange(generator.packing.size))
    states, conserved = (np.array(own) for own in zip(*found, strict=True))
    return Kernel(states, conserved, len(right) - len(states), right, left)


def _null_vectors(apply: Map, norm: float, inverse: Map, around: Array, spare: int) -> Array:
    """(d, n) orthonormal null vectors of a map."""
    rng, found = np.random.default_rng(0), np.zeros((0, len(around)))
    missed = 0
    while missed < _IDLE:
        if len(found) >= _MOST:
            raise UnsupportedError(
                f"The stationary states are too many: the generator has a kernel of more than {_MOST} dimensions"
            )
        start = rng.normal(size=len(around)) + (around if not len(found) else 0.0)
        vector = null_vector(apply, norm, inverse, start, max(min(spare - VECTORS - len(found), _DIRECTIONS), 2))
        vector = vector / np.linalg.norm(vector)
        rest = vector - (found @ vector) @ found
        size = float(np.linalg.norm(rest))
        if size < _NOTHING_NEW:
            missed += 1
            continue
        rest = rest / size
        rest -= (found @ rest) @ found
        found = np.vstack([found, rest / np.linalg.norm(rest)])
    return found


def _dual(right: Array, left: Array) -> Array:
    """The combinations of ``left`` rows with left_a·right_b = δ_ab."""
    overlap = left @ right.T
    if np.linalg.cond(overlap) > 1e8:
        raise ConvergenceError("No clear kernel of the generator was found: left and right null vectors do not match")
    return np.asarray(np.linalg.solve(overlap, left))


def _null_spaces(L: csr_array) -> tuple[Array, Array]:
    """(n, d) null vectors of a matrix of norm 1 and of its transpose, by inverse iteration with growing blocks."""
    n = L.shape[0]
    if n == 1:
        one = np.ones((1, int(abs(L[0, 0]) < VANISHING)))
        return one, one.copy()
    inverse = splu((_SHIFT * eye_array(n) - L).tocsc())
    width = min(n, 4)
    while True:
        right = _null_block(L, inverse.solve, width)
        if right.shape[1] < width or width == n:
            break
        if width >= _MOST:
            raise UnsupportedError(
                f"The stationary states are too many: a part of the generator has a kernel of more than {_MOST} "
                f"dimensions"
            )
        width = min(2 * width, n)
    left = _null_block(csr_array(L.T), lambda v: inverse.solve(v, trans="T"), width)
    if left.shape != right.shape:
        raise ConvergenceError("No clear kernel of the generator was found: eigenvalues too close to zero")
    return right, left


def _null_block(L: csr_array, solve: Callable[[Array], Array], width: int) -> Array:
    vectors = np.random.default_rng(0).normal(size=(L.shape[0], width))
    for _ in range(8):
        vectors = np.linalg.qr(solve(vectors))[0]
    small = vectors.T @ (L @ vectors)
    count = int(np.sum(np.abs(np.linalg.eigvals(small)) < VANISHING))
    _, _, rows = np.linalg.svd(small)
    return vectors @ rows[width - count :].T


def _minimal(generator: Generator, right: Array, left: Array, places: NDArray[np.intp]) -> list[tuple[Array, Array]]:
    """The minimal stationary states of one part, each with its conserved quantity."""
    packing = generator.packing
    own = np.zeros(packing.size)
    own[places] = 1.0
    identity = packing.identity * own

    def average(start: Array) -> Array:
        return (left @ start) @ right

    widest = packing.unpack(average(identity))
    J = packing.unpack(np.random.default_rng(0).normal(size=len(left)) @ left)
    supports: dict[tuple, tuple[Matrix, Array, Matrix]] = {}
    top = max(float(np.linalg.eigvalsh(rho)[-1]) for rho in widest.values())
    values = []
    for labels, rho in widest.items():
        weights, kets = np.linalg.eigh(rho)
        support = kets[:, weights > _SUPPORT * top]
        eigenvalues, vectors = np.linalg.eigh(support.conj().T @ J[labels] @ support)
        supports[labels] = (rho, eigenvalues, support @ vectors)
        values.append(eigenvalues)
    together = np.sort(np.concatenate(values))
    spread = max(float(np.abs(together).max(initial=0.0)), np.finfo(float).tiny)
    edges = [-np.inf, *(together[1:] + together[:-1])[np.diff(together) > _CLUSTER * spread] / 2, np.inf]
    found = []
    for low, high in pairwise(edges):
        pieces, projectors = {}, {}
        for labels, (rho, eigenvalues, kets) in supports.items():
            chosen = kets[:, (eigenvalues > low) & (eigenvalues <= high)]
            P = chosen @ chosen.conj().T
            pieces[labels], projectors[labels] = P @ rho @ P, P
        state = average(packing.pack(pieces))
        trace = float(identity @ state)
        # lim e^{𝓛†t} P
        conserved = (right @ packing.pack(projectors)) @ left
        found.append((state / trace, conserved))
    return found
