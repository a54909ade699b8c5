"""The generator of the master equation, dρ/dt = -i[H, ρ] + Σ (J ρ J† - ½{J†J, ρ}), on ⊕_λ ρ_λ.

In each frame (see :mod:`cojump.theory.generator_frames`) it is one sparse real matrix on the packed vector. The terms
of other frames than the first are applied between the representations of the relative rotation, axis by axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement, product
from math import comb, prod
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array, eye_array, kron

from ..basis.particle_removal import Label
from ..basis.rotations import representation
from ..basis.sector_densities import is_spread
from ..basis.sector_operators import Operators
from ..basis.sectors import Labels, sector_labels, sector_of
from ..errors import ArgumentError, UnsupportedError
from ..model import Model
from ..model.states import BlockState, DickeBlock
from ..tools.types import Array, Matrix
from .generator_frames import Frame, frames_of, rotated_matrix
from .packed_states import Packing, packed, packed_map, unpacked

_GIB = 2.0**30
_AVERAGES = 500
"""Averages whose products can be read off: an operator is made for each pair."""

_VECTORS = 16
"""Vectors of all unknowns, 8 bytes each, that are alive at once: the steps, places and elements of the packing."""

_ENTRY = 30
"""Bytes per entry of the sparse matrix at the peak of its assembly (27 measured): 12 stay, the rest sorts them."""


class Generator:
    """dρ/dt of a model on some of its sectors, in the frame of most of its rates.

    Parameters
    ----------
    model : Model
    occupied : sequence of lists of labels
        The sectors of each block that the start occupies. A block with a local jump comes to all of its sectors.
    memory : float
        GiB that may be used.
    whole : bool
        Put everything into one matrix, however dense, and leave room for its sparse factors.

    Raises
    ------
    ArgumentError
        Before any work, if the unknowns or the matrix need more memory.
    """

    def __init__(
        self, model: Model, occupied: Sequence[Sequence[Label]], *, memory: float, whole: bool = False
    ) -> None:
        self.model = model
        self.block_labels = [
            sector_labels(block) if block.name in model.sectors_left else list(own)
            for block, own in zip(model.blocks, occupied, strict=True)
        ]
        self.unknowns = unknowns_of(model, self.block_labels)
        _check_memory(self.unknowns, _VECTORS * 8.0 * self.unknowns, memory)
        self.frames = frames_of(model)
        if whole and len(self.frames) > 1:
            self.frames = [Frame(model, {})]
        operators = [Operators(frame.model) for frame in self.frames]
        sectors = list(product(*self.block_labels))
        self.dims = {labels: operators[0].dims(labels) for labels in sectors}
        self.packing = Packing({labels: prod(dims) for labels, dims in self.dims.items()})
        entries = sum(_entries(op, max(sectors, key=lambda s: self.packing.dims[s])) for op in operators)
        largest = max(self.packing.dims.values()) ** 2
        needed = (8.0 * _VECTORS + _ENTRY * entries / largest) * self.unknowns
        _check_memory(self.unknowns, needed + (_factors(self.unknowns, len(model.blocks)) if whole else 0.0), memory)
        self.operators = operators[0]
        self._matrices = [_assemble(op, self.packing) for op in operators]
        self._turns = [self._turn(frame) for frame in self.frames[1:]]

    @property
    def matrix(self) -> csr_array:
        """The real (unknowns, unknowns) matrix of the first frame: all there is if there is one frame."""
        return self._matrices[0]

    def __call__(self, vector: Array) -> Array:
        """dρ/dt as a packed vector."""
        change = self._matrices[0] @ vector
        for matrix, turns in zip(self._matrices[1:], self._turns, strict=True):
            turned = self._rotate(vector, turns, inverse=False)
            change += self._rotate(matrix @ turned, turns, inverse=True)
        return change

    def start(self, densities: Sequence[Mapping[Label, Matrix]]) -> Array:
        """The packed vector of ⊗_b ρ_b, blocks given in the user's frame."""
        turned = []
        for b, (block, own) in enumerate(zip(self.model.blocks, densities, strict=True)):
            unitary = self.frames[0].unitaries.get(b)
            if unitary is not None:
                turns = {label: representation(sector_of(block, label), unitary) for label in own}
                own = {label: turns[label].conj().T @ rho @ turns[label] for label, rho in own.items()}
            turned.append(own)
        blocks: dict[Labels, Matrix] = {}
        for labels in self.packing.dims:
            if all(label in own for label, own in zip(labels, turned, strict=True)):
                rho = np.ones((1, 1), dtype=complex)
                for label, own in zip(labels, turned, strict=True):
                    rho = np.kron(rho, own[label])
                blocks[labels] = rho
        return self.packing.pack(blocks)

    def expectations(self) -> csr_array:
        """(A + Q + S, unknowns) matrix that reads <m_a>, <½{m_a, m_b}> for a ≤ b, and the weight of each sector."""
        model, A = self.model, len(self.model.observables)
        pairs = list(combinations_with_replacement(range(A), 2))
        places, data, lines = [], [], []

        def add(line: int, labels: Labels, operator: csr_array) -> None:
            entries = coo_array(operator)
            rows, columns = entries.coords
            lines.append(np.full(entries.nnz, line))
            places.append(self.packing.slices[labels].start + rows * operator.shape[1] + columns)
            data.append(packed(entries.data))

        matrices = [
            {o.block: rotated_matrix(o.matrix, self.frames[0].unitaries.get(o.block)) / model.blocks[o.block].size}
            for o in model.observables
        ]
        for s, labels in enumerate(self.packing.dims):
            means = [self.operators.collective(labels, m) for m in matrices]
            for a, m in enumerate(means):
                add(a, labels, m)
            for q, (a, b) in enumerate(pairs):
                add(A + q, labels, csr_array((means[a] @ means[b] + means[b] @ means[a]) / 2))
            add(A + len(pairs) + s, labels, csr_array(eye_array(self.packing.dims[labels], dtype=complex)))
        shape = (A + len(pairs) + len(self.packing.dims), self.packing.size)
        entries = (np.concatenate(data), (np.concatenate(lines), np.concatenate(places)))
        return csr_array(coo_array(entries, shape=shape))

    def _turn(self, frame: Frame) -> list[dict[Label, Matrix] | None]:
        """For each block the representations that lead from the first frame to another one; None where it stays."""
        turns: list[dict[Label, Matrix] | None] = []
        for b, block in enumerate(self.model.blocks):
            one = np.eye(block.levels, dtype=complex)
            relative = self.frames[0].unitaries.get(b, one).conj().T @ frame.unitaries.get(b, one)
            if np.abs(relative - one).max() == 0:
                turns.append(None)
            else:
                turns.append({s: representation(sector_of(block, s), relative) for s in self.block_labels[b]})
        return turns

    def _rotate(self, vector: Array, turns: list[dict[Label, Matrix] | None], *, inverse: bool) -> Array:
        """D† ρ D in every sector, or D ρ D†."""
        result = np.empty_like(vector)
        for labels, place in self.packing.slices.items():
            dim = self.packing.dims[labels]
            rho = unpacked(vector[place].reshape(dim, dim))
            for _ in range(2):  # X = D† ρ, and D† X† is again the Hermitian D† ρ D
                for b, own in enumerate(turns):
                    if own is not None:
                        D = own[labels[b]] if inverse else own[labels[b]].conj().T
                        left = prod(self.dims[labels][:b])
                        rho = np.matmul(D, rho.reshape(left, len(D), -1)).reshape(dim, dim)
                rho = rho.conj().T
            result[place] = packed(rho).ravel()
        return result


def unknowns_of(model: Model, block_labels: Sequence[Sequence[Label]]) -> int:
    """Number of real unknowns: Σ dim² over the sectors, which factorises over the blocks."""
    return prod(
        sum(sector_of(block, label).dim ** 2 for label in labels)
        for block, labels in zip(model.blocks, block_labels, strict=True)
    )


def check_unknowns(model: Model, states: Sequence[BlockState] | None, memory: float) -> None:
    """Refuse a model whose unknowns do not fit, from the numbers of particles and levels alone.

    No list of sectors is made: that of a block of 10^9 particles would need more memory than there is.

    Parameters
    ----------
    model : Model
    states : sequence of BlockState or None
        The start of each block; None for all sectors.
    memory : float
        GiB that may be used.

    Raises
    ------
    ArgumentError
        If there are too many.
    UnsupportedError
        If the levels are too many for the products of all averages.
    """
    averages = sum(block.levels**2 for block in model.blocks)
    if averages > _AVERAGES:
        raise UnsupportedError(
            f"The exact master equation gives the products of all pairs of averages: {averages} averages are too many "
            f"({_AVERAGES} at most)"
        )
    unknowns = 1
    for b, block in enumerate(model.blocks):
        own, d = None if states is None else states[b], block.levels
        if block.name in model.sectors_left or own is None or is_spread(own):
            unknowns *= comb(block.size + d**2 - 1, d**2 - 1)  # Σ dim² over all sectors
        elif isinstance(own, DickeBlock):
            unknowns *= (own.two_J + 1) ** 2
        else:
            unknowns *= comb(block.size + d - 1, d - 1) ** 2
    unknowns = min(unknowns, 10**100)
    _check_memory(unknowns, _VECTORS * 8.0 * unknowns, memory)


def _factors(unknowns: int, blocks: int) -> float:
    """Bytes of the sparse factors of a generator, as measured: 2 n^1.65 entries for one block, n²/2 for more."""
    return 16.0 * (2 * unknowns**1.65 if blocks == 1 else unknowns**2 / 2)


def _check_memory(unknowns: int, needed: float, memory: float) -> None:
    if needed > memory * _GIB:
        raise ArgumentError(
            "model",
            f"fit the exact master equation into memory = {memory:g} GiB",
            f"its {f'{unknowns:,}' if unknowns < 10**15 else f'{float(unknowns):.3g}'} unknowns need about "
            f"{needed / _GIB:.3g} GiB",
        )


def _terms(operators: Operators, labels: Labels) -> tuple[csr_array, list[tuple[Labels, csr_array]]]:
    """H_eff = H - (i/2) Σ K†K of a sector, and all Kraus operators K of all jumps from it with where they lead."""
    jumps: list[tuple[Labels, csr_array]] = []
    for l in range(len(operators.model.jumps)):
        if l in operators.model.local_jumps:
            jumps += [(kraus.target, kraus.matrix) for kraus in operators.kraus(l, labels)]
        else:
            jumps.append((labels, operators.collective_jump(l, labels)))
    H = operators.hamiltonian(labels)
    for _, K in jumps:
        H = H - 0.5j * (K.conj().T @ K)
    return csr_array(H), jumps


def _entries(operators: Operators, labels: Labels) -> float:
    """About how many entries the columns of one sector have, from those of its operators."""
    H, jumps = _terms(operators, labels)

    def parts(matrix: csr_array) -> int:
        return int(np.count_nonzero(matrix.data.real)) + int(np.count_nonzero(matrix.data.imag))

    # an element of a map with a real and an imaginary part takes two places
    gain = sum(float(K.nnz) ** 2 * (2 if parts(K) > K.nnz else 1) for _, K in jumps)
    return gain + 2.0 * parts(H) * H.shape[0]


def _assemble(operators: Operators, packing: Packing) -> csr_array:
    """The real matrix of the generator; on the elements row by row A ρ B† is (A ⊗ B*) ρ."""
    kind = np.int32 if packing.size < 2**31 else np.int64
    rows, columns, data = [], [], []
    for source, dim in packing.dims.items():
        H, jumps = _terms(operators, source)
        one = eye_array(dim)
        into: dict[Labels, Any] = {source: kron(-1j * H, one, format="csr") + kron(one, 1j * H.conj(), format="csr")}
        for target, K in jumps:
            term = kron(K, K.conj(), format="csr")
            into[target] = into[target] + term if target in into else term
        for target, full in into.items():
            part = packed_map(full, dim)
            rows.append((part.coords[0] + packing.slices[target].start).astype(kind))
            columns.append((part.coords[1] + packing.slices[source].start).astype(kind))
            data.append(part.data)
    entries = (np.concatenate(data), (np.concatenate(rows), np.concatenate(columns)))
    return csr_array(coo_array(entries, shape=(packing.size, packing.size)))
