"""A model of several blocks of two levels as the kernels of :mod:`cojump.trajectories.kernels.lattice` read it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..tools.types import Array, Matrix
from .kernels.lattice import LONG_ROW, Box, Elements, Lattice
from .no_jump_tables import COLLECTIVE, GENERAL, LADDER_DOWN, LADDER_UP
from .product_sectors import ProductBasis


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
    tables, start, stride = [np.ones(1)], np.zeros(L, dtype=np.int64), np.zeros((L, B), dtype=np.int64)
    mixed, n_mixed = np.full(B, -1), 0
    for l, (channel, collective) in enumerate(zip(basis.channels, basis.collective, strict=True)):
        if channel is None:
            assert collective is not None
            kind[l] = COLLECTIVE
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
        axis[l], kind[l] = b, _kind(channel.matrix)
        strength[l] = np.abs(channel.matrix).max() ** 2
        if kind[l] == GENERAL and np.any((channel.matrix.conj().T @ channel.matrix)[0, 1]) and mixed[b] < 0:
            mixed[b], n_mixed = n_mixed, n_mixed + 1
        start[l] = sum(table.size for table in tables)
        tables.append(np.ascontiguousarray(channel.gamma, dtype=float))
        stride[l] = _strides(tables[-1])
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
    return Lattice(
        sizes=np.array([block.size for block in basis.blocks]),
        one=np.array(basis.one_body, dtype=complex),
        inside_axis=np.array([b for b, _, _ in inside], dtype=np.int64),
        inside_first=_stack([first for _, first, _ in inside]),
        inside_second=_stack([second for _, _, second in inside]),
        across_axes=np.array([(b, c) for b, c, _, _ in across], dtype=np.int64).reshape(-1, 2),
        across_first=_stack([first for _, _, first, _ in across]),
        across_second=_stack([second for _, _, _, second in across]),
        band=band,
        kind=kind,
        axis=axis,
        strength=strength,
        j=j,
        excluded=excluded,
        gamma=np.concatenate([table.ravel() for table in tables]),
        gamma_start=start,
        gamma_stride=stride,
        y=y,
        mixed=mixed,
        energy=np.concatenate([table.ravel() for table in energies]),
        energy_start=np.array(energy_start, dtype=np.int64),
        energy_stride=energy_stride,
    )


def _strides(table: Array) -> NDArray[np.int64]:
    """Distance of two neighbours along each axis of a flat table; 0 along those on which it does not depend."""
    return np.where(np.array(table.shape) > 1, np.array(table.strides) // table.itemsize, 0)


def _kind(j: Matrix) -> int:
    if not np.diag(j).any():
        if j[0, 1] == 0:
            return LADDER_DOWN
        if j[1, 0] == 0:
            return LADDER_UP
    return GENERAL


def _flips(matrix: Matrix) -> int:
    return int(matrix[0, 1] != 0 or matrix[1, 0] != 0)


def _stack(matrices: list[Matrix]) -> Matrix:
    return np.array(matrices, dtype=complex).reshape(-1, 2, 2)


def empty_box(blocks: int) -> Box:
    """A box of no states."""
    return Box(*(np.zeros(n, dtype=np.int64) for n in (blocks, blocks, blocks, blocks, 1)))


def elements_of(lattice: Lattice, cells: int) -> Elements:
    """Room for H_eff in a box of at most ``cells`` states."""
    B, P, n = len(lattice.sizes), len(lattice.across_axes), int(lattice.sizes.max()) + 1
    hops, row = 2 * int(lattice.band.sum()) + 8 * P, min(cells, LONG_ROW * n)
    return Elements(
        c=np.zeros((B, n)),
        own=np.zeros((B, 5, n), dtype=complex),
        left=np.zeros((P, 3, n), dtype=complex),
        right=np.zeros((P, 3, n), dtype=complex),
        row=np.zeros(3, dtype=np.int64),
        shift=np.zeros(hops, dtype=np.int64),
        hop_re=np.zeros((hops, row)),
        hop_im=np.zeros((hops, row)),
        cross_re=np.zeros((3 * P, row)),
        cross_im=np.zeros((3 * P, row)),
        level_re=np.zeros(row),
        level_im=np.zeros(row),
        half_rate=np.zeros(cells),
        energy=np.zeros(cells if len(lattice.energy_start) else 0),
        rate_up=np.zeros((int(lattice.mixed.max()) + 1, cells), dtype=complex),
    )
