"""A model of several blocks of two levels as the kernels of :mod:`cojump.trajectories.kernels.lattice` read it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model.function_of_average import FunctionOfAverage
from ..tools.types import Array, Matrix
from .kernels.lattice import DOWN, LONG_ROW, LONGER_ROW, UP, Box, Elements, Lattice
from .kernels.lattice_heff import fill_diagonal
from .kernels.vectors import LANES
from .no_jump_tables import COLLECTIVE, GENERAL, LADDER_DOWN, LADDER_UP
from .product_channels import argument_grid
from .product_sectors import ProductBasis

WHOLE = 2**21
"""States of the grid of all i_b up to which the diagonal of H_eff is kept for all of them."""

_MOST, _SAME = 16, 1e-14
"""Multiples that are small, and how far apart values of Γ that are one may be, of the largest one."""


def lattice_of(basis: ProductBasis) -> Lattice:
    """Gather the terms of H_eff and the jumps, in the main frames of the blocks."""
    B, L = len(basis.blocks), len(basis.channels)
    inside = [(b, g * first, second) for b, first, second, g in basis.inside]
    across = []
    for b, c, first, second, g in basis.across:
        across.append((b, c, g * first, second) if b < c else (c, b, g * second, first))
    kind, axis, strength = np.zeros(L, dtype=np.int64), np.zeros(L, dtype=np.int64), np.zeros(L)
    excluded = np.zeros(L, dtype=np.int64)
    j, y = np.zeros((L, 2, 2), dtype=complex), np.zeros((L, B, 2, 2), dtype=complex)
    tables: list[Array] = []
    start, stride = np.zeros(L, dtype=np.int64), np.zeros((L, B), dtype=np.int64)
    mixed, n_mixed = np.full(B, -1), 0
    for l, (channel, collective) in enumerate(zip(basis.channels, basis.collective, strict=True)):
        if channel is None:
            kind[l] = COLLECTIVE
            if collective is None:  # it belongs to another part of a model that changes in time
                continue
            for b, matrix in collective.items():
                y[l, b] = matrix
            for b, first in collective.items():  # -i/2 L†L
                for c, second in collective.items():
                    if b == c:
                        inside.append((b, -0.5j * first.conj().T, second))
                    elif b < c:
                        across += [(b, c, -0.5j * first.conj().T, second), (b, c, -0.5j * first, second.conj().T)]
            continue
        b, j[l], excluded[l] = channel.block, channel.matrix, channel.excluded
        axis[l], kind[l] = b, kind_of(channel.matrix)
        strength[l] = np.abs(channel.matrix).max() ** 2
        if kind[l] == GENERAL and np.any((channel.matrix.conj().T @ channel.matrix)[0, 1]) and mixed[b] < 0:
            mixed[b], n_mixed = n_mixed, n_mixed + 1
        table, zero, stride[l] = _laid_out(basis, l, channel.gamma)
        start[l] = zero + sum(table.size for table in tables)
        tables.append(table)
    # read where there is no particle that could jump, or no such state; counts for nothing
    beside = np.zeros(int(np.abs(stride).max(initial=0)) + LANES)
    start += beside.size
    energies, energy_start, energy_stride = [np.zeros(0)], [], np.zeros((len(basis.potentials), B), dtype=np.int64)
    for n, potential in enumerate(basis.potentials):
        energy_start.append(sum(table.size for table in energies))
        energies.append(potential.energy)
        energy_stride[n] = _strides(potential.energy)
    inside = [term for term in inside if np.any(term[1]) and np.any(term[2])]
    across = [term for term in across if np.any(term[2]) and np.any(term[3])]
    band = np.zeros(B, dtype=np.int64)
    for b, matrix in enumerate(basis.one_body):
        band[b] = max(band[b], _flips(matrix), mixed[b] >= 0)
    for b, first, second in inside:
        band[b] = max(band[b], _flips(first) + _flips(second))
    for b, c, first, second in across:
        band[b], band[c] = max(band[b], _flips(first)), max(band[c], _flips(second))
    lattice = Lattice(
        sizes=np.array([block.size for block in basis.blocks]),
        one=np.array(basis.one_body, dtype=complex),
        inside_axis=np.array([b for b, _, _ in inside], dtype=np.int64),
        inside=_pairs([(first, second) for _, first, second in inside]),
        across_axes=np.array([(b, c) for b, c, _, _ in across], dtype=np.int64).reshape(-1, 2),
        across=_pairs([(first, second) for _, _, first, second in across]),
        band=band,
        kind=kind,
        axis=axis,
        strength=strength,
        j=j,
        excluded=excluded,
        gamma=np.concatenate([beside, *tables, beside]),
        gamma_start=start,
        gamma_stride=stride,
        y=y,
        mixed=mixed,
        energy=np.concatenate([*(table.ravel() for table in energies), np.zeros(LANES)]),
        energy_start=np.array(energy_start, dtype=np.int64),
        energy_stride=energy_stride,
        plane=B == 2 and n_mixed == 0 and _is_plane(basis.one_body, inside, across),
        whole=np.zeros((2, 0)),
    )
    if prod(block.size + 1 for block in basis.blocks) > WHOLE:
        return lattice
    grid = lattice.sizes + 1
    cells, zeros = int(np.prod(grid)), np.zeros(B, dtype=np.int64)
    whole = np.zeros((2, cells + LANES))
    fill_diagonal(
        lattice.sizes, kind, axis, excluded, j, lattice.gamma, start, stride, lattice.energy, lattice.energy_start,
        energy_stride, lattice.across_axes, lattice.across, zeros, grid, cells, whole, zeros.copy(),
    )  # fmt: skip
    return lattice._replace(whole=whole)


def real_form(lattice: Lattice) -> Lattice:
    """The same model for states (-i)^(Σ_b i_b) φ with real φ, if it keeps them real (see :mod:`.real_models`).

    -iH takes φ to h from a state with a particle less up, and to -h from one with a particle more, where h are the
    elements of H: these stand where those of H do.
    """
    one = lattice.one.copy()
    one[:, DOWN, UP] *= -1.0
    return lattice._replace(one=one)


def _laid_out(basis: ProductBasis, l: int, gamma: Array) -> tuple[Array, int, NDArray[np.int64]]:
    """A table of Γ as a flat array, where its first state is, and the distance of two neighbours along each axis.

    Of more than two blocks it is large, and most of its values are the same ones: where the argument is a sum of small
    multiples of the i_b, those of the same sum share one row along the last axis.
    """
    dense = np.ascontiguousarray(gamma, dtype=float)
    if sum(n > 1 for n in dense.shape[:-1]) > 1:
        multiples = _multiples(basis, l)
        if multiples is not None:
            steps = np.where(np.array(dense.shape) > 1, multiples, 0)[:-1]
            sums = reduce(np.add.outer, [k * np.arange(n) for k, n in zip(steps, dense.shape[:-1], strict=True)])
            lowest = int(sums.min())
            rows = np.zeros((int(sums.max()) - lowest + 1, dense.shape[-1]))
            rows[sums - lowest] = dense
            if np.abs(rows[sums - lowest] - dense).max() <= _SAME * np.abs(dense).max() and rows.size < dense.size:
                last = dense.shape[-1]
                return rows.ravel(), -lowest * last, np.append(steps * last, 1 if last > 1 else 0)
    return dense.ravel(), 0, _strides(dense)


def _multiples(basis: ProductBasis, l: int) -> NDArray[np.int64] | None:
    """By how much of the smallest change the argument of a jump changes with each i_b, if these are small integers."""
    jump = basis.model.jumps[l]
    assert isinstance(jump, FunctionOfAverage)
    _, argument = argument_grid(basis.model, jump, basis.rotations)
    B = len(basis.blocks)
    if argument.ndim > B:  # several averages
        return None
    change = np.zeros(B)
    for b in range(B):
        if argument.shape[b] > 1:
            first, second = (argument[tuple(k * (a == b) for a in range(B))] for k in (0, 1))
            change[b] = second - first
    smallest = np.abs(change[change != 0]).min(initial=np.inf)
    multiples = np.rint(change / smallest)
    if np.abs(multiples).max() > _MOST or np.abs(multiples * smallest - change).max() > 1e-9 * smallest:
        return None
    return multiples.astype(np.int64)


def _strides(table: Array) -> NDArray[np.int64]:
    """Distance of two neighbours along each axis of a flat table; 0 along those on which it does not depend."""
    return np.where(np.array(table.shape) > 1, np.array(table.strides) // table.itemsize, 0)


def kind_of(j: Matrix) -> int:
    """What kind of jump a matrix of one particle makes: a ladder, or any."""
    if not np.diag(j).any():
        if j[0, 1] == 0:
            return LADDER_DOWN
        if j[1, 0] == 0:
            return LADDER_UP
    return GENERAL


def _is_plane(
    one_body: Sequence[Matrix], inside: list[tuple[int, Matrix, Matrix]], across: list[tuple[int, int, Matrix, Matrix]]
) -> bool:
    """Whether H_eff leads from one state of all blocks to neighbours on one axis only, with real elements."""
    pairs = [(first, second) for _, first, second in inside] + [(first, second) for _, _, first, second in across]
    return not any(_flips(first) or _flips(second) for first, second in pairs) and all(
        np.isreal([h[0, 1], h[1, 0]]).all() for h in one_body
    )


def _flips(matrix: Matrix) -> int:
    return int(matrix[0, 1] != 0 or matrix[1, 0] != 0)


def _pairs(products: list[tuple[Matrix, Matrix]]) -> Matrix:
    return np.array(products, dtype=complex).reshape(-1, 2, 2, 2)


def aligned(*shape: int) -> Array:
    """Zeros, with rows that begin at whole vectors of memory: no bits depend on that, but it takes half of the time."""
    row = -(-shape[-1] // LANES) * LANES
    made = np.zeros(prod(shape[:-1]) * row + LANES)
    first = -made.ctypes.data // made.itemsize % LANES
    return made[first : first + prod(shape[:-1]) * row].reshape(*shape[:-1], row)


def empty_box(blocks: int) -> Box:
    """A box of no states; all its numbers are one array, the ``base`` of each of them."""
    numbers = np.zeros(4 * blocks + 1, dtype=np.int64)
    return Box(*np.split(numbers, [blocks, 2 * blocks, 3 * blocks, 4 * blocks]))


def rows_within(cells: int) -> int:
    """How many rows a box of so many states can have at most."""
    return cells // LONG_ROW + 1


def elements_of(lattice: Lattice, cells: int, ahead: tuple[int, ...] = ()) -> Elements:
    """Room for H_eff in a box of at most ``cells`` states; ``ahead`` are first axes of all arrays."""
    B, P, n = len(lattice.sizes), len(lattice.across_axes), int(lattice.sizes.max()) + LANES
    hops, row, rows = 2 * int(lattice.band.sum()) + 8 * P, min(cells, LONGER_ROW * n), rows_within(cells)
    return Elements(
        c=np.zeros((*ahead, B, n)),
        own=np.zeros((*ahead, B, 5, n), dtype=complex),
        sides=np.zeros((*ahead, P, 2, 3, n), dtype=complex),
        row=np.zeros((*ahead, 15), dtype=np.int64),
        hops=np.zeros((*ahead, 3, hops), dtype=np.int64),
        hop=aligned(*ahead, 2, hops + 2, row),
        cross=np.zeros((*ahead, 2, 3 * P, row)),
        outers=np.zeros((*ahead, 4, hops), dtype=np.int64),
        outer=np.zeros((*ahead, 2, hops + 2, rows)),
        opens=np.zeros((*ahead, hops + 2, rows), dtype=np.int64),
        diagonal=aligned(*ahead, 2, cells),
        mixed=np.zeros((*ahead, 2, int(lattice.mixed.max()) + 1, cells)),
        plane=aligned(*ahead, 6, cells if lattice.plane else 0),
        weights=np.zeros((*ahead, rows)),
        columns=np.zeros((*ahead, row + LANES)),
    )


def lattices_of(bases: Sequence[ProductBasis], whole: Lattice) -> Lattice:
    """Those of the parts of a model along a first axis; all of them have the hops of the ``whole``.

    Terms that one has more than another are zero in that one.
    """
    parts = [lattice_of(basis) for basis in bases]
    made: dict[str, Any] = {"plane": False}
    for name in Lattice._fields:
        if name == "plane":
            continue
        arrays = [getattr(part, name) for part in parts]
        longest = np.max([array.shape for array in arrays], axis=0)
        made[name] = np.zeros((len(parts), *longest), dtype=arrays[0].dtype)
        for to, array, part in zip(made[name], arrays, parts, strict=True):
            if name == "energy_start":
                to[:] = len(part.energy) - LANES  # zeros, for potentials that this part has not
            to[tuple(map(slice, array.shape))] = array
    made["band"][:] = np.max([whole.band, *made["band"]], axis=0)
    return Lattice(**made)
