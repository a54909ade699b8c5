"""The packed steady state of a generator: its null vector by factors, part by part, or by a Krylov iteration."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import splu
from threadpoolctl import threadpool_limits

from ..basis.fock_space import FockSpace
from ..basis.particle_removal import Label
from ..basis.sector_densities import block_densities
from ..errors import ConvergenceError, UnsupportedError
from ..model import Model
from ..model.states import State
from ..tools.progress import Percentage
from ..tools.types import Array
from .generator import ENTRY, GIB, Generator, entries_in_one_frame, reached_labels, unknowns_of
from .invariant_parts import arranged, parts_of
from .kernel import kernel_of
from .no_jump_inverse import VECTORS, NoJumpInverse, null_vector

_SHIFT, _VANISHING = 1e-9, 1e-11
"""Shift of the inverse iteration for the steady state, and the eigenvalue that is taken as zero; the norm is 1."""

_SMALL = 1 / 16
"""GiB up to which a matrix and its factors are small."""

_PATTERN = 1e7
"""Entries of a matrix whose pattern is looked at for parts that it keeps apart."""

_COPIES = 8
"""So many matrices of that size are there at most while it is looked at."""

_FEWEST, _MOST = 150, 800
"""Directions that the iteration must be able to keep, and those that it would like to keep."""

SAME = 1e-6
"""Unit vectors whose difference is below this are the same."""


def not_unique(model: Model, count: int) -> UnsupportedError:
    """What is to be said where a generator has ``count`` or more vanishing eigenvalues."""
    still = {b.name for b in model.blocks} - model.sectors_left
    kept = f"; without local jumps on {', '.join(map(repr, sorted(still)))} no sector is ever left" if still else ""
    return UnsupportedError(
        f"The steady state is not unique: the generator has {count} or more vanishing eigenvalues, as dark states "
        f"or conserved quantities give{kept} (cj.spectrum.stationary gives each steady state, and with `state` the one "
        f"that a start comes to is found)"
    )


def stationary_vector(
    model: Model,
    state: State | None,
    occupied: Sequence[Sequence[Label]],
    spaces: Sequence[FockSpace],
    memory: float,
    progress: bool,
) -> tuple[Generator, Array, float]:
    """The generator, the packed steady state of trace 1, and its error.

    UnsupportedError if it is not unique and no start says which one is meant.
    """
    with threadpool_limits(1):
        factors, faster = _factors(model, occupied, memory, spaces)
        factorised = faster and np.isfinite(factors)
        apart = None if factorised else _by_parts(model, occupied, memory, spaces)
        if apart is not None:
            generator, vector, count, error = apart
        elif not factorised:
            generator = Generator(model, occupied, memory=memory, least=_FEWEST + VECTORS, spaces=spaces)
            try:
                with Percentage(progress, "the digits") as told:
                    vector, count, error = _by_iteration(generator, told)
            except ConvergenceError:
                if not np.isfinite(factors):
                    raise
                factorised = True
        if factorised:
            generator = Generator(model, occupied, memory=memory, whole=True, spaces=spaces)
            vector, count, error = _by_factors(generator)
        if count > 1 and state is not None and not model.modes:
            found = _limit(model, state, occupied, memory)
            if found is not None:
                return found
    if count > 1:
        raise not_unique(model, count)
    blocks = generator.packing.unpack(vector)
    trace = sum(float(np.trace(rho).real) for rho in blocks.values())
    return generator, vector / trace, error / abs(trace)


def _limit(
    model: Model, state: State, occupied: Sequence[Sequence[Label]], memory: float
) -> tuple[Generator, Array, float] | None:
    """The long-time average of what a start becomes, by what is conserved; None if the matrix does not fit."""
    generator, matrix = arranged(model, occupied, (), memory)
    if matrix is None:
        return None
    kernel = kernel_of(generator, matrix)
    own = [block_densities(block, part) for block, part in zip(model.blocks, state.blocks, strict=True)]
    vector = kernel.average(generator.start(own))
    return generator, vector, generator.packing.norm(generator(vector)) / (generator.norm or 1.0)


def _factors(
    model: Model, occupied: Sequence[Sequence[Label]], memory: float, spaces: Sequence[FockSpace]
) -> tuple[float, bool]:
    """GiB of the matrix and its sparse factors, without end if they do not fit; and whether they are the faster way."""
    labels = reached_labels(model, occupied)
    unknowns = unknowns_of(model, labels, spaces)
    one_block = len(model.blocks) == 1 and not spaces
    # the elements of one matrix and what they are coupled to lie in a plane, whose factors have few entries
    planar = one_block and model.blocks[0].levels == 2 and len(labels[0]) == 1
    # measured: 2 n^1.65 entries of the factors for one block, n²/2 for more
    fill = 0.0 if planar else 2 * unknowns**1.65 if one_block else unknowns**2 / 2
    if 16 * fill > memory * GIB:
        return np.inf, False
    entries = entries_in_one_frame(model, labels, spaces)
    if planar:
        fill = 2 * entries * np.log2(unknowns + 1)
    needed = (16 * fill + ENTRY * entries) / GIB
    return needed if needed <= memory else np.inf, planar or needed <= _SMALL


def _by_factors(generator: Generator) -> tuple[Array, int, float]:
    """A null vector, how many vanishing eigenvalues there are (up to four are seen), and the error of the vector.

    Inverse iteration with several vectors at once: (s - 𝓛)⁻¹ exists for s > 0 and enlarges what decays slower than s.
    A block finds a degenerate kernel, which a single vector does not.
    """
    return _of_parts(generator, generator.matrix, [np.arange(generator.packing.size)])


def _by_parts(
    model: Model, occupied: Sequence[Sequence[Label]], memory: float, spaces: Sequence[FockSpace]
) -> tuple[Generator, Array, int, float] | None:
    """The same from the parts that the generator keeps apart, coherences of different orders say.

    None where there is one alone, or one with large factors.
    """
    most = min(_PATTERN, memory * GIB / (_COPIES * ENTRY))
    labels = reached_labels(model, occupied)
    # an unknown has an entry at least, and those of a large sector take long to count
    if unknowns_of(model, labels, spaces) > most or entries_in_one_frame(model, labels, spaces) > most:
        return None
    generator, matrix = arranged(model, occupied, spaces, memory)
    assert matrix is not None
    parts = [part.places for part in parts_of(generator, matrix)]
    if len(parts) == 1 or 16 * max(map(len, parts)) ** 2 / 2 > _SMALL * GIB:
        return None
    return generator, *_of_parts(generator, matrix, parts)


def _of_parts(generator: Generator, matrix: csr_array, parts: Sequence[NDArray[np.intp]]) -> tuple[Array, int, float]:
    """Null vector, count and error from the blocks of a matrix that nothing couples."""
    L = matrix / (generator.norm or 1.0)
    found, values = np.zeros(L.shape[0]), []
    least = np.inf
    for places in parts:
        own = L if len(parts) == 1 else csr_array(L[places][:, places])
        n = len(places)
        inverse = splu((_SHIFT * eye_array(n) - own).tocsc())
        vectors = np.random.default_rng(0).normal(size=(n, min(n, 4)))
        for _ in range(8):
            vectors = np.linalg.qr(inverse.solve(vectors))[0]
        rates, mixtures = np.linalg.eig(vectors.T @ (own @ vectors))
        smallest = int(np.argmin(np.abs(rates)))
        if abs(rates[smallest]) < least:
            least = float(abs(rates[smallest]))
            null = mixtures[:, smallest]
            null = null / null[np.argmax(np.abs(null))]
            found[:] = 0
            found[places] = vectors @ null.real
        values.append(np.abs(rates))
    decays = np.sort(np.concatenate(values))
    slowest = decays[1] if len(decays) > 1 else 1.0
    error = generator.packing.norm(L @ found) / max(slowest, np.finfo(float).tiny)
    return found, int(np.sum(decays < _VANISHING)), error


def _by_iteration(generator: Generator, told: Callable[[float], None]) -> tuple[Array, int, float]:
    """The same by a Krylov iteration from random starts, which come to the same vector only if there is one alone."""
    rng, packing = np.random.default_rng(0), generator.packing
    identity = packing.identity
    inverse = NoJumpInverse(generator)
    directions = min(generator.spare - VECTORS, _MOST)
    found: list[Array] = []
    while len(found) < 4:

        def reached(share: float, n: int = len(found)) -> None:
            told((n + share) / 2)

        start = identity + rng.normal(size=packing.size)
        vector = null_vector(generator, generator.norm, inverse, start, directions, reached)
        found.append(vector / np.linalg.norm(vector))
        strengths = np.linalg.svd(np.array(found), compute_uv=False)
        count = int(np.sum(strengths > SAME))
        if len(found) > 1 and count == 1:
            break
    traces = [float(identity @ vector) for vector in found[:2]]
    error = packing.norm(found[0] - found[1] * (traces[0] / traces[1]))
    return found[0], count, error
