"""The generator of the master equation, dρ/dt = -i[H, ρ] + Σ (J ρ J† - ½{J†J, ρ}), on ⊕_λ ρ_λ.

In each frame (see :mod:`cojump.theory.generator_frames`) it is a map of the packed vector: one sparse real matrix where
that fits into the memory, else products with the operators of each sector (see :mod:`cojump.theory.sector_maps`). The
terms of other frames than the first are applied between the representations of the relative rotation, axis by axis.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from itertools import product
from math import comb, prod
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ..basis.fock_space import FockSpace
from ..basis.particle_removal import Label
from ..basis.rotations import representation
from ..basis.sector_densities import is_spread
from ..basis.sector_operators import Operators
from ..basis.sectors import Labels, dimension_of, sector_labels, sector_of
from ..errors import ArgumentError, UnsupportedError
from ..model import Model
from ..model.driven import driven_parts
from ..model.states import DickeBlock, OccupationBlock, SectorBlock, State
from ..tools.types import Array, Matrix
from .final_density import FinalDensity
from .fock_growth import in_words
from .generator_frames import Frame, frames_of
from .packed_states import Packing, packed, unpacked
from .sector_maps import SectorMaps, entries_of, matrix_of, sided_matrix, terms
from .sector_states import SectorStates

GIB = 2.0**30
_AVERAGES = 500
"""Averages whose products can be read off: an operator is made for each pair."""

_VECTORS = 8
"""Vectors of all unknowns, 8 bytes each, that are alive at once beside those that the caller keeps."""

LEAST, _USUAL = 2, 8
"""Vectors that a caller needs at least, and those that it has at its disposal where the matrix is stored."""

ENTRY = 30
"""Bytes per entry of the sparse matrix at the peak of its assembly (27 measured): 12 stay, the rest sorts them."""


class Generator(SectorStates):
    """dρ/dt of a model on some of its sectors, in the frame of most of its rates.

    The matrix is stored if it fits: it is the fastest way for small sectors, and as it always was. Without it the same
    memory holds some five times as many unknowns.

    Parameters
    ----------
    model : Model
    occupied : sequence of lists of labels
        The sectors of each block that the start occupies. A block with a local jump comes to all of its sectors.
    memory : float
        GiB that may be used.
    least : int
        Vectors that the caller must keep beside the generator.
    whole : bool
        Put everything into one matrix, however dense; what memory that and its factors need, the caller has judged.
    spaces : sequence of FockSpace
        One for each mode of the model.
    frame : Frame, optional
        The one frame to work in, with ``whole``.

    Attributes
    ----------
    stored : bool
        Whether the matrices are stored.

    Raises
    ------
    ArgumentError
        Before any work, if the unknowns need more memory.
    """

    packing: Packing

    def __init__(
        self,
        model: Model,
        occupied: Sequence[Sequence[Label]],
        *,
        memory: float,
        least: int = LEAST,
        whole: bool = False,
        spaces: Sequence[FockSpace] = (),
        frame: Frame | None = None,
    ) -> None:
        self.model, self.spaces, self.whole = model, tuple(spaces), whole
        self.block_labels = reached_labels(model, occupied)
        self.unknowns = unknowns_of(model, self.block_labels, spaces)
        self.frames = [frame or single_frame(model)] if whole else frames_of(model)
        keys = {part.key: p for p, part in enumerate(driven_parts(model))}
        self._part_of = [0] * len(self.frames)
        if model.is_driven:
            split = [(frame, part) for frame in self.frames for part in driven_parts(frame.model)]
            self.frames = [Frame(part.model, frame.unitaries) for frame, part in split]
            self._part_of = [keys[part.key] for _, part in split]
        turned = len(self.frames) - 1
        vectors = _VECTORS + (3 + 2 * turned if turned else 0)  # the rotations of one block, and what goes through them
        _check_memory(model, self.unknowns, vectors + least, memory, spaces)
        operators = [Operators(frame.model, spaces) for frame in self.frames]
        sectors = list(product(*self.block_labels))
        self.dims = {labels: operators[0].dims(labels) for labels in sectors}
        self.packing = Packing({labels: prod(dims) for labels, dims in self.dims.items()})
        largest = max(sectors, key=lambda s: self.packing.dims[s])
        entries = sum(entries_of(op, largest) for op in operators) / self.packing.dims[largest] ** 2
        room = memory * GIB / self.unknowns / 8 - vectors
        needed = ENTRY / 8 * entries
        self.stored = whole or needed + max(least, _USUAL) <= room
        self.spare = int(room - needed * self.stored)
        self._operators = operators
        self._maps = [matrix_of(op, self.packing) if self.stored else SectorMaps(op, self.packing) for op in operators]
        self._turns = [self._turn(frame) for frame in self.frames[1:]]

    @property
    def matrix(self) -> csr_array:
        """The real (unknowns, unknowns) matrix, where it is stored and there is one frame."""
        (matrix,) = self._maps
        assert isinstance(matrix, csr_array)
        return matrix

    def gain(self, factors: Sequence[float]) -> csr_array:
        """Σ_l factor_l Σ K ρ K† over the operators of each jump l of the model, as a matrix beside ``matrix``."""
        (operators,) = self._operators
        return matrix_of(operators, self.packing, gains=factors, drift=False)

    def __call__(self, vector: Array) -> Array:
        """dρ/dt as a packed vector."""
        return self._applied(self._maps, vector)

    def adjoint(self, vector: Array) -> Array:
        """The transposed map: dX/dt of an observable in the Heisenberg picture, as a packed vector."""
        return self._applied(self._adjoint_maps, vector)

    @cached_property
    def _adjoint_maps(self) -> list[Any]:
        return [
            csr_array(map_.T) if isinstance(map_, csr_array) else SectorMaps(op, self.packing, adjoint=True)
            for map_, op in zip(self._maps, self._operators, strict=True)
        ]

    def gains(self, jumps: Collection[int], *, adjoint: bool = False) -> Callable[[Array], Array]:
        """The map Σ K ρ K† of some jumps of the model, or its transposed."""
        maps = [
            SectorMaps(
                operators,
                self.packing,
                jumps=[n for n, l in enumerate(frame.jumps or range(len(frame.model.jumps))) if l in jumps],
                drift=False,
                adjoint=adjoint,
            )
            for operators, frame in zip(self._operators, self.frames, strict=True)
        ]
        return lambda vector: self._applied(maps, vector)

    def emitted(self, jump: int, labels: Labels) -> list[csr_array]:
        """The operators of a collective jump without a rate of its own, or of the loss of a mode, in the first frame.

        Those of a mode are of b = a - γ.
        """
        frame, operators = self.frames[0], self._operators[0]
        own = frame.jumps.index(jump) if frame.jumps else jump
        if own in frame.model.mode_losses:
            return operators.mode_jumps(own, labels)
        return [operators.collective_jump(own, labels)]

    def sided(self, operator: Callable[[Labels], csr_array], *, stored: bool) -> csr_array | SectorMaps:
        """The map ρ → C ρ + ρ C† of an operator in the first frame, as a matrix or without one."""
        blocks = {labels: operator(labels) for labels in self.packing.dims}
        return (sided_matrix if stored else SectorMaps.sided)(self.packing, blocks)

    def _applied(self, maps: Sequence[Any], vector: Array) -> Array:
        change: Array = maps[0] @ vector
        for map_, turns in zip(maps[1:], self._turns, strict=True):
            turned = self._rotate(vector, turns, inverse=False)
            change += self._rotate(map_ @ turned, turns, inverse=True)
        return change

    def of_part(self, part: int, vector: Array) -> Array:
        """What the terms of one part of a model that changes in time add to dρ/dt, without their factor."""
        change = np.zeros_like(vector)
        for n, (map_, own) in enumerate(zip(self._maps, self._part_of, strict=True)):
            if own != part:
                continue
            turns = self._turns[n - 1] if n else []
            if any(turn is not None for turn in turns):
                change += self._rotate(map_ @ self._rotate(vector, turns, inverse=False), turns, inverse=True)
            else:
                change += map_ @ vector
        return change

    @property
    def norm(self) -> float:
        """A bound on the norm of the generator: the largest sum of a column, of the terms of all frames."""
        return self._norm

    @cached_property
    def _norm(self) -> float:
        return sum(float(abs(m).sum(axis=0).max()) if isinstance(m, csr_array) else m.norm for m in self._maps)

    def effective_hamiltonian(self, labels: Labels) -> Matrix:
        """H_eff = H - (i/2) Σ K†K of a sector, of the terms of all frames, in the first one."""
        total: Matrix = terms(self._operators[0], labels)[0].toarray()
        for operators, turns in zip(self._operators[1:], self._turns, strict=True):
            D = np.ones((1, 1), dtype=complex)
            for b, (own, dim) in enumerate(zip(turns, self.dims[labels], strict=True)):
                D = np.kron(D, np.eye(dim) if own is None else own[labels[b]])
            total += D @ (terms(operators, labels)[0] @ D.conj().T)
        return total

    def start(self, densities: Sequence[Mapping[Label, Matrix]], amplitudes: Sequence[complex] = ()) -> Array:
        """The packed vector of ⊗_b ρ_b, blocks given in the user's frame, with modes in coherent states |√N α>."""
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
                for space, alpha in zip(self.spaces, amplitudes, strict=True):
                    rho = np.kron(rho, space.coherent(np.sqrt(self.model.size) * alpha))
                blocks[labels] = rho
        return self.packing.pack(blocks)

    def taken_up(self, final: FinalDensity) -> Array:
        """The packed vector of a density matrix that another master equation has come to.

        Its Fock states must be around the same coherent states as those here, and no more.
        """
        units = [np.eye(block.levels, dtype=complex) for block in self.model.blocks]
        of = final.in_frames([self.frames[0].unitaries.get(b, one) for b, one in enumerate(units)])
        blocks: dict[Labels, Matrix] = {}
        for labels, dims in zip(final.sectors, final.dims, strict=True):
            wide = np.zeros(self.dims[labels] * 2, dtype=complex)
            wide[tuple(map(slice, dims * 2))] = of(labels).reshape(dims * 2)
            blocks[labels] = wide.reshape(self.packing.dims[labels], -1)
        return self.packing.pack(blocks)

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
        return [*turns, *([None] * len(self.spaces))]

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


def single_frame(model: Model) -> Frame:
    """One frame for all of a model: that in which its arguments are diagonal, else the user's own."""
    frames = frames_of(model)
    return frames[0] if len(frames) == 1 else Frame(model, {})


def unknowns_of(model: Model, block_labels: Sequence[Sequence[Label]], spaces: Sequence[FockSpace] = ()) -> int:
    """Number of real unknowns: Σ dim² over the sectors, which factorises over the blocks and the modes."""
    return prod(space.size**2 for space in spaces) * prod(
        sum(sector_of(block, label).dim ** 2 for label in labels)
        for block, labels in zip(model.blocks, block_labels, strict=True)
    )


def entries_in_one_frame(model: Model, labels: Sequence[Sequence[Label]], spaces: Sequence[FockSpace] = ()) -> float:
    """About how many entries the whole generator has as one matrix, from those of its largest sector."""
    largest = tuple(
        max(own, key=lambda s: sector_of(block, s).dim) for block, own in zip(model.blocks, labels, strict=True)
    )
    operators = Operators(single_frame(model).model, spaces)
    return entries_of(operators, largest) / prod(operators.dims(largest)) ** 2 * unknowns_of(model, labels, spaces)


def reached_labels(model: Model, occupied: Sequence[Sequence[Label]]) -> list[list[Label]]:
    """The sectors of each block that a start comes to: a block with a local jump comes to all of them."""
    return [
        sector_labels(block) if block.name in model.sectors_left else list(own)
        for block, own in zip(model.blocks, occupied, strict=True)
    ]


def check_unknowns(
    model: Model,
    starts: Sequence[State] | None,
    memory: float,
    least: int = LEAST,
    spaces: Sequence[FockSpace] = (),
    occupied: Sequence[Sequence[Label]] | None = None,
) -> int:
    """How many unknowns a model has, from the numbers of particles and levels alone; refused if they do not fit.

    No list of sectors is made: that of a block of 10^9 particles would need more memory than there is.

    Parameters
    ----------
    model : Model
    starts : sequence of State or None
        All states that the start is a mixture of; None for all sectors.
    memory : float
        GiB that may be used.
    least : int
        Vectors that must be kept.
    spaces : sequence of FockSpace
        One for each mode, as they are to begin with.
    occupied : sequence of lists of labels, optional
        The sectors of each block at the start, in place of the states that it is a mixture of.

    Raises
    ------
    ArgumentError
        If there are too many.
    UnsupportedError
        If the levels are too many for the products of all averages.
    """
    averages = sum(block.levels**2 for block in model.blocks) + 2 * len(model.modes)
    if averages > _AVERAGES:
        raise UnsupportedError(
            f"The exact master equation gives the products of all pairs of averages: {averages} averages are too many "
            f"({_AVERAGES} at most)"
        )
    unknowns = prod(space.size**2 for space in spaces)
    for b, block in enumerate(model.blocks):
        own, d = [start.blocks[b] for start in starts or ()], block.levels
        if occupied is not None and block.name not in model.sectors_left:
            unknowns *= sum(sector_of(block, label).dim ** 2 for label in occupied[b])
        elif block.name in model.sectors_left or starts is None or any(map(is_spread, own)):
            unknowns *= comb(block.size + d**2 - 1, d**2 - 1)  # Σ dim² over all sectors
        else:
            symmetric = comb(block.size + d - 1, d - 1)
            unknowns *= sum(
                dim**2
                for dim in {
                    s.two_J + 1
                    if isinstance(s, DickeBlock | SectorBlock)
                    else dimension_of(block, s.rows)
                    if isinstance(s, OccupationBlock)
                    else symmetric
                    for s in own
                }
            )
    unknowns = min(unknowns, 10**100)
    _check_memory(model, unknowns, _VECTORS + least, memory, spaces)
    return unknowns


def _check_memory(model: Model, unknowns: int, vectors: int, memory: float, spaces: Sequence[FockSpace]) -> None:
    needed = 8.0 * vectors * unknowns
    if needed > memory * GIB:
        modes = f" with the Fock states that its modes reach ({in_words(model, spaces)})" if spaces else ""
        raise ArgumentError(
            "model",
            f"fit the exact master equation into memory = {memory:g} GiB",
            f"its {f'{unknowns:,}' if unknowns < 10**15 else f'{float(unknowns):.3g}'} unknowns{modes} need about "
            f"{needed / GIB:.3g} GiB",
        )
