"""The generator of the terms of one frame: as a sparse matrix on the packed vector, or applied sector by sector.

Both are maps of packed vectors, used as ``map @ vector``. The matrix is the faster one for small sectors; the operators
need no memory beside ρ, since a sector of dimension D has D² unknowns and operators with some D elements.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_array, csr_array, eye_array, kron

from ..basis.sector_operators import Operators
from ..basis.sectors import Labels
from ..tools.types import Array
from .packed_states import Packing, packed_map


class Outcome(NamedTuple):
    """One Kraus operator K of a jump from a sector: the jump's place in ``model.jumps``, and where it leads."""

    jump: int
    target: Labels
    matrix: csr_array


def terms(operators: Operators, labels: Labels) -> tuple[csr_array, list[Outcome]]:
    """H_eff = H - (i/2) Σ K†K of a sector, and all Kraus operators K of all jumps from it with where they lead."""
    jumps = jumps_from(operators, labels)
    H = operators.hamiltonian(labels)
    for _, _, K in jumps:
        H = H - 0.5j * (K.conj().T @ K)
    return csr_array(H), jumps


def jumps_from(operators: Operators, labels: Labels) -> list[Outcome]:
    """All Kraus operators of all jumps from a sector."""
    jumps: list[Outcome] = []
    for l in range(len(operators.model.jumps)):
        if l in operators.model.local_jumps or l in operators.model.mode_jumps:
            jumps += [Outcome(l, kraus.target, kraus.matrix) for kraus in operators.kraus(l, labels)]
        elif l in operators.model.mode_losses:
            jumps += [Outcome(l, labels, matrix) for matrix in operators.mode_jumps(l, labels)]
        else:
            jumps.append(Outcome(l, labels, operators.collective_jump(l, labels)))
    return jumps


def entries_of(operators: Operators, labels: Labels) -> float:
    """About how many entries the columns of one sector have in the matrix, from those of its operators."""
    H, jumps = terms(operators, labels)

    def parts(matrix: csr_array) -> int:
        return int(np.count_nonzero(matrix.data.real)) + int(np.count_nonzero(matrix.data.imag))

    # an element of a map with a real and an imaginary part takes two places
    gain = sum(float(K.nnz) ** 2 * (2 if parts(K) > K.nnz else 1) for _, _, K in jumps)
    return gain + 2.0 * parts(H) * H.shape[0]


def matrix_of(
    operators: Operators, packing: Packing, *, gains: Sequence[float] | None = None, drift: bool = True
) -> csr_array:
    """The real matrix of the generator; on the elements row by row A ρ B† is (A ⊗ B*) ρ.

    With ``gains``, one number for each jump, K ρ K† is multiplied by that of its jump and H_eff is left as it is;
    without ``drift`` H_eff is left out.
    """
    kind = np.int32 if packing.size < 2**31 else np.int64
    rows, columns, data = [], [], []
    for source, dim in packing.dims.items():
        H, jumps = terms(operators, source)
        one = eye_array(dim)
        into: dict[Labels, Any] = {}
        if drift:
            into[source] = kron(-1j * H, one, format="csr") + kron(one, 1j * H.conj(), format="csr")
        for jump, target, K in jumps:
            factor = 1.0 if gains is None else gains[jump]
            if factor == 0:
                continue
            term = kron(K, K.conj(), format="csr")
            if factor != 1:
                term = factor * term
            into[target] = into[target] + term if target in into else term
        for target, full in into.items():
            part = packed_map(full, dim)
            rows.append((part.coords[0] + packing.slices[target].start).astype(kind))
            columns.append((part.coords[1] + packing.slices[source].start).astype(kind))
            data.append(part.data)
    if not data:
        return csr_array((packing.size, packing.size))
    found = (np.concatenate(data), (np.concatenate(rows), np.concatenate(columns)))
    return csr_array(coo_array(found, shape=(packing.size, packing.size)))


def sided_matrix(packing: Packing, blocks: Mapping[Labels, csr_array]) -> csr_array:
    """The real matrix of ρ → C ρ + ρ C†, C sector by sector; those that are missing are zero."""
    rows, columns, data = [], [], []
    for labels, C in blocks.items():
        dim, start = packing.dims[labels], packing.slices[labels].start
        one = eye_array(dim)
        part = packed_map(kron(C, one, format="csr") + kron(one, C.conj(), format="csr"), dim)
        rows.append(part.coords[0].astype(np.int64) + start)
        columns.append(part.coords[1].astype(np.int64) + start)
        data.append(part.data)
    if not data:
        return csr_array((packing.size, packing.size))
    found = (np.concatenate(data), (np.concatenate(rows), np.concatenate(columns)))
    return csr_array(coo_array(found, shape=(packing.size, packing.size)))


class SectorMaps:
    """The same generator without its matrix: products of the operators of each sector with ρ.

    Of y = Re ρ + Im ρ the map ρ' = K ρ K† with K = A + iB makes y' = A (A yᵀ - B y)ᵀ + B (A y + B yᵀ)ᵀ, and
    ρ' = -i H_eff ρ + h.c. with H_eff = P + iQ makes y' = (Q y - P yᵀ) + (Q yᵀ + P y)ᵀ.

    Parameters
    ----------
    operators : Operators
    packing : Packing
    jumps : collection of int, optional
        Those of which the gain K ρ K† is in the map; all of them if it is not given.
    drift : bool
        Whether H_eff is in it.
    adjoint : bool
        The transposed map in place of it, X' = K† X K and X' = i H_eff† X + h.c.: tr(X ρ') = tr(X' ρ).
    """

    def __init__(
        self,
        operators: Operators,
        packing: Packing,
        *,
        jumps: Collection[int] | None = None,
        drift: bool = True,
        adjoint: bool = False,
    ) -> None:
        self._packing = packing
        moves: dict[Labels, list[tuple[Labels, csr_array | None, csr_array | None]]] = {s: [] for s in packing.dims}
        drifts: dict[Labels, tuple[csr_array | None, csr_array | None]] = {}
        for source in packing.dims:
            H, outcomes = terms(operators, source)
            drifts[source] = _parts(csr_array(-H.conj().T) if adjoint else H) if drift else (None, None)
            for jump, target, K in outcomes:
                if jumps is not None and jump not in jumps:
                    continue
                if adjoint:
                    moves[target].append((source, *_parts(csr_array(K.conj().T))))
                else:
                    moves[source].append((target, *_parts(K)))
        self._terms = [(source, drifts[source], moves[source]) for source in packing.dims]

    @classmethod
    def sided(cls, packing: Packing, blocks: Mapping[Labels, csr_array]) -> SectorMaps:
        """The map ρ → C ρ + ρ C†, that of H_eff = i C: see :func:`sided_matrix`."""
        made = cls.__new__(cls)
        made._packing = packing
        made._terms = [(labels, _parts(csr_array(1j * C)), []) for labels, C in blocks.items()]
        return made

    @property
    def norm(self) -> float:
        """A bound on the largest sum of a column."""

        def column(*parts: csr_array | None) -> float:
            return sum(float(abs(part).sum(axis=0).max()) for part in parts if part is not None)

        return max(2 * column(*H) + sum(column(A, B) ** 2 for _, A, B in jumps) for _, H, jumps in self._terms)

    def __matmul__(self, vector: Array) -> Array:
        change = np.zeros_like(vector)
        squares = {s: (change[place], vector[place]) for s, place in self._packing.slices.items()}
        matrices = {s: tuple(v.reshape(d, d) for v in squares[s]) for s, d in self._packing.dims.items()}
        for source, (P, Q), jumps in self._terms:
            own, y = matrices[source]
            turned = np.ascontiguousarray(y.T)
            if P is not None:
                own -= P @ turned
                own += (P @ y).T
            if Q is not None:
                own += Q @ y
                own += (Q @ turned).T
            for target, A, B in jumps:
                into, _ = matrices[target]
                if A is not None:
                    right = A @ turned if B is None else A @ turned - B @ y
                    into += A @ np.ascontiguousarray(right.T)
                if B is not None:
                    right = B @ turned if A is None else A @ y + B @ turned
                    into += B @ np.ascontiguousarray(right.T)
        return change


def _parts(matrix: csr_array) -> tuple[csr_array | None, csr_array | None]:
    """Real and imaginary part; None for one that is zero."""
    found = []
    for part in (matrix.real, matrix.imag):
        part = csr_array(part)
        part.eliminate_zeros()
        found.append(part if part.nnz else None)
    return found[0], found[1]
