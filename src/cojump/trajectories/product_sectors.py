"""Several blocks, arguments along any axes, collective jumps, any number of levels: sectors of ⊗_b V_{λ_b}.

Every block is rotated once so that as many arguments as possible are diagonal (the main frame). Where an argument
points elsewhere, a smooth Γ(Δ) is a polynomial of Δ, a banded matrix (:mod:`cojump.trajectories.polynomial_rates`). Any
other channel has a frame of its own: Γ(Δ) is Γ's table there, between the dense representations of the relative
rotation on each axis (exact spectral calculus, so a kinked Γ is as good as a smooth one). Potentials N φ(Δ) are treated
alike, as parts of H.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, triu

from ..basis.occupations import Occupations
from ..basis.particle_removal import Label
from ..basis.rotations import representation
from ..basis.sectors import Labels, dimension_of, rest_sector_of, sector_of
from ..basis.spin_sector import rotation_matrix
from ..model import CollectiveJump, Model
from ..model.driven import DrivenPart
from ..tools.cache_by_bytes import CacheByBytes
from ..tools.matrices import ROUNDING, is_diagonal
from ..tools.types import Array, Matrix
from .axes import seen
from .displaced_modes import displaced_modes
from .fock_tables import FockTables
from .kernels.product_rows import STATES
from .no_jump_tables import Bands, ProgramHeff
from .potentials import PotentialTable, potentials_of
from .product_channels import Channel, CollectiveRate, channels_of
from .product_moves import Ket, Rows, apply, around
from .product_program import APPLY, APPLY_ADD, CLEAR, MULTIPLY, MULTIPLY_ADD, Builder, Program, rows_beside
from .sector_matrix import program_matrix
from .sector_modes import SectorModes

_ZERO = 1e-14
_RESULT, _STATE, _PARTICLES = 1, 0, 7

MEMORY = 256 * 2**20
"""Bytes of sectors that a basis keeps for the next visit, and again of changes of frame."""

MODES_MEMORY = 128 * 2**20
"""Bytes of sectors where there are boson modes.

To make one takes as long as a step in it. Windows begin and end at multiples, and trajectories come back to them; but
frames move on, and in a long run kept ones would fill any budget.
"""

_EACH = 200
"""Bytes that an instruction of H_eff takes in each row of Fock states: few elements, with their places."""

Box = tuple[tuple[int, int], ...]
"""A window along every axis: first and past-last state of each block, and of each mode behind them."""

_MOST_QUANTA = 2**31
"""An axis of Fock states has no end; its windows do."""


@dataclass(frozen=True)
class Turn:
    """A change of frame on one sector of a block, as sparse matrices without zeros."""

    into: csr_array
    back: csr_array

    @classmethod
    def of(cls, representation: Matrix) -> Turn:
        """From the matrix whose columns are the states of the other frame."""
        return cls(csr_array(representation.conj().T), csr_array(representation))

    @property
    def nbytes(self) -> int:
        """Memory of both matrices."""
        return 2 * int(self.back.data.nbytes + self.back.indices.nbytes + self.back.indptr.nbytes)


def memory_of(model: Model) -> int:
    """Bytes of sectors that a basis of a model keeps."""
    return MODES_MEMORY if model.modes else MEMORY


def is_product_of_diagonals(A: Matrix, B: Matrix) -> bool:
    """Whether a product of operators of two blocks is diagonal, but for rounding: it is part of the energies then."""
    return is_diagonal(A, ROUNDING) and is_diagonal(B, ROUNDING)


class ProductBasis:
    """Frames, channels and sectors of a model.

    Parameters
    ----------
    model : Model
    memory : int, optional
        Bytes of sectors to keep for the next visit, and of changes of frame: those of ``memory_of`` without.
    part : DrivenPart, optional
        Only these of its terms; the frames are those of the whole model. Jumps that are not among them have no rate.
    """

    def __init__(self, model: Model, memory: int | None = None, part: DrivenPart | None = None) -> None:
        self.model = model
        self.blocks = model.blocks
        made, tables = channels_of(model), potentials_of(model).tables
        self.rotations, self.channels, self.potentials = made.rotations, made.of_jumps, tables
        self.collective_rates = made.of_collective
        own = range(len(model.jumps)) if part is None else part.jumps
        if part is not None:
            self.channels = [channel if i in own else None for i, channel in enumerate(made.of_jumps)]
            self.collective_rates = [rate if i in own else None for i, rate in enumerate(made.of_collective)]
            pairs = zip(model.potentials, tables, strict=True)
            self.potentials = tuple(table for i, table in pairs if i in part.hamiltonian)
        terms = model if part is None else part.model
        self.one_body = [np.zeros((b.levels, b.levels), dtype=complex) for b in model.blocks]
        self.inside: list[tuple[int, Matrix, Matrix, complex]] = []
        self.across: list[tuple[int, int, Matrix, Matrix, complex]] = []
        for one in terms.one_body:
            b = model.block_index(one.block)
            self.one_body[b] += one.eps
        self.one_body = [seen(*pair) for pair in zip(self.rotations, self.one_body, strict=True)]
        for two in terms.two_body:
            b, c = (model.block_index(name) for name in two.blocks)
            A, B = seen(self.rotations[b], two.A), seen(self.rotations[c], two.B)
            g = two.g / model.size
            if b == c:
                self.inside.append((b, A, B, g))
            else:
                self.across.append((b, c, A, B, g))
        self.collective = [
            {
                model.block_index(name): np.sqrt(jump.rate / model.size)
                * seen(self.rotations[model.block_index(name)], y)
                for name, y in jump.matrices.items()
            }
            if isinstance(jump, CollectiveJump) and i in own
            else None
            for i, jump in enumerate(model.jumps)
        ]
        self.modes = displaced_modes(terms, self.rotations)
        self.whole = lru_cache(maxsize=4096)(self._whole)
        """The window that is all of a sector, from its labels."""
        self._kept: CacheByBytes[tuple[Labels, Box], ProductSector] = CacheByBytes(
            memory_of(model) if memory is None else memory
        )
        self._turns: CacheByBytes[tuple[int, Label, int], Turn] = CacheByBytes(MEMORY if memory is None else memory)
        turned = {b for made in self.functions for b in made.turn}
        turned |= {made.polynomial.axis for made in self.functions if made.polynomial is not None}
        self.whole_axes = tuple(b in turned or block.levels > 2 for b, block in enumerate(self.blocks))
        self.whole_axes += (False,) * len(self.modes)
        """Axes without a window: a change of frame mixes them from end to end, or they have more than two levels."""

    @property
    def functions(self) -> list[Channel | CollectiveRate | PotentialTable]:
        """All functions of averages: rates and potentials."""
        return [*(made for made in (*self.channels, *self.collective_rates) if made is not None), *self.potentials]

    def _whole(self, labels: Labels) -> Box:
        blocks = tuple((0, dimension_of(b, label)) for b, label in zip(self.blocks, labels, strict=True))
        return blocks + ((0, _MOST_QUANTA),) * len(self.modes)

    def sector(self, labels: Labels, box: Box | None = None) -> ProductSector:
        """The window ``box`` (or all) of a sector; recent ones are kept within the memory budget."""
        window = self.whole(labels) if box is None else box
        return self._kept.get((labels, window), lambda: ProductSector(self, labels, window))

    def turn(self, b: int, label: Label, unitary: Matrix) -> Turn:
        """The change of frame on block b to the one whose kets ``unitary`` (of a channel) holds."""

        def made() -> Turn:
            if self.blocks[b].levels == 2:
                return Turn.of(rotation_matrix(label, unitary))  # up to a global phase
            return Turn.of(representation(sector_of(self.blocks[b], label), unitary))

        return self._turns.get((b, label, id(unitary)), made)


class ProductSector:
    """H_eff and the rate operators of one sector, within a window along every axis.

    Attributes
    ----------
    box : tuple of (int, int)
        First and past-last state of each block (counted from M = -J for two levels; all of them for more), then those
        of the displaced modes.
    blocks : list of sectors
    modes : SectorModes
    dims : tuple of int
        Number of states of each block, then of each mode; states are flat arrays in C order.
    size : int
        Number of amplitudes.
    energy, half_rate : (size,) arrays
        What is diagonal of H and of the rates, term by term: real part of H_eff, and minus its imaginary part.
    h_eff : ProgramHeff
        H_eff as a no-jump step reads it.
    rate_tables : list of (size,) arrays
        Diagonal of the rate operator of each jump of the model; of j alone where a quantum of a mode comes with it.
    rate_programs : list of Program or None
        The rest of it in its frame; None if there is none, or
    rate_bands : list of Bands or None
        has it, above the diagonal.
    """

    def __init__(self, basis: ProductBasis, labels: Labels, box: Box) -> None:
        self.basis, self.labels, self.box = basis, labels, box
        whole = basis.whole(labels)
        self.blocks = [
            sector_of(block, label, None if block.levels > 2 or window == ends else window)
            for block, label, window, ends in zip(basis.blocks, labels, box, whole, strict=False)
        ]
        self.modes = SectorModes(basis.modes, box[len(labels) :], tuple(s.dim for s in self.blocks))
        self.dims = self.modes.dims
        self.size = prod(self.dims)
        self._gammas: dict[tuple[int, Label | None], Array] = {}
        self._polynomials: dict[tuple[int, Label | None], Rows] = {}
        self._left_behind: dict[tuple[int, int], tuple[NDArray[np.bool_], NDArray[np.int64]]] = {}
        self._hamiltonian = Builder(self.dims)
        self._hamiltonian.put(CLEAR, _RESULT, _STATE)
        self.energy = self._add_hamiltonian()
        half_rate = np.zeros(self.dims) + self.modes.half_rate
        self.rate_tables: list[Array] = []
        self.rate_programs: list[Program | None] = []
        self.rate_bands: list[Bands | None] = []
        for channel, collective, rate in zip(basis.channels, basis.collective, basis.collective_rates, strict=True):
            single = Builder(self.dims)
            bands = None
            if channel is not None and channel.polynomial is not None:
                diagonal, bands = self._add_polynomial_rate(single, channel)
            elif channel is not None:
                diagonal, turned = self._rate_diagonal(channel), bool(channel.turn)
                self._add_rate(single, channel, diagonal if turned else None, 1.0)
                if channel.mode is None:
                    self._add_rate(self._hamiltonian, channel, diagonal if turned else None, -0.5j)
                else:
                    self._add_exchange(channel, diagonal)
                diagonal = np.zeros(self.dims) if turned else diagonal
            elif collective is None:  # the loss of a mode, which is in self.modes
                diagonal = np.zeros(self.dims)
            else:
                self._add_collective(single, collective, rate, 1.0)
                self._add_collective(self._hamiltonian, collective, rate, -0.5j)
                diagonal = np.zeros(self.dims)
            if channel is None or channel.mode is None:
                half_rate += 0.5 * diagonal
            self.rate_tables.append(diagonal.ravel())
            self.rate_programs.append(single.build() if single.code else None)
            self.rate_bands.append(bands)
        self.half_rate = half_rate.ravel()
        self.h_eff = self._no_jump_tables()
        self._left_behind.clear()  # needed for the tables above alone

    @property
    def nbytes(self) -> int:
        """Memory of the tables and programs."""
        h = self.h_eff
        programs = [h.program, *(p for p in self.rate_programs if p is not None)]
        polynomials = [made.polynomial for made in self.basis.functions if made.polynomial is not None]
        tables = max(block.levels for block in self.basis.blocks)
        return int(
            # Γ is kept once per channel and way to take its particle out when a jump first needs it
            sum(a.nbytes for p in programs for a in p[1:])
            + sum(a.nbytes for a in (h.pointers, h.rows, h.values_re, h.values_im, h.beside, h.near))
            + sum(p.nbytes(self.dims[p.axis]) for p in polynomials)
            + tables * self.size * 8 * len(self.rate_tables)
            + sum(t.nbytes for t in self.rate_tables)
            + self.energy.nbytes
            + self.half_rate.nbytes
            + sum(bands.values.nbytes for bands in (self.h_eff.bands, *self.rate_bands) if bands is not None)
            + self._bytes_of_rows()
        )

    def _bytes_of_rows(self) -> int:
        """About the memory of ``fock_rows``, which are made when a step first needs them."""
        rows = self.size // self.dims[-1] if self.modes else 0
        return _EACH * rows * len(self.h_eff.program.code)

    @cached_property
    def multiplications(self) -> int:
        """How many it takes to apply H_eff once."""
        made = self.h_eff.program
        # bands, and instructions that are no matrices, take one for each amplitude
        total = (len(made.code) + len(self.h_eff.bands.shift) + 2) * self.size
        for instruction, _, _, number in made.code:
            if instruction in (APPLY, APPLY_ADD):
                outer, rows, inner = made.axis[number]
                first = made.start[number]
                total += int(outer * inner * (made.pointers[first + rows] - made.pointers[first]))
        return int(total)

    @cached_property
    def fock_rows(self) -> FockTables:
        """H_eff in the frame of :meth:`displace`, as rows of Fock states of the last mode."""
        return FockTables(self.h_eff, self.half_rate, self.modes.windows[-1], self.modes.displaced)

    def _no_jump_tables(self) -> ProgramHeff:
        """H_eff as a no-jump step reads it: as bands where polynomials make it a banded matrix, which is faster."""
        p, values = self._hamiltonian.build(), np.empty(0, dtype=complex)
        pointers, rows = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
        beside = near = np.empty(0, dtype=np.int64)
        alone = len(self.dims) == 1
        if self._is_one_matrix(p):
            matrix = csr_array((p.factor[-1] * p.values, p.columns, p.pointers), shape=(self.size, self.size)).tocsc()
            pointers, rows, values = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data
            beside, near = rows_beside(pointers, rows, STATES)
        parts = values.real.copy(), values.imag[: len(values) if values.imag.any() else 0].copy()
        none = Bands.none(self.size)
        half_rate = self.half_rate.copy() if self.modes else self.half_rate  # `displace` adds to it
        row = STATES if len(pointers) else p.row
        made = ProgramHeff(
            bool(self.rate_tables), self.energy, half_rate, row, p, pointers, rows, *parts, beside, near, none
        )
        functions = self.basis.functions
        if not alone or not any(made.polynomial for made in functions) or any(made.turn for made in functions):
            return made
        matrix = program_matrix(made)
        diagonal, nothing = matrix.diagonal(), Builder(self.dims).build()
        return made._replace(
            diagonal=diagonal.real.copy(), half_rate=-diagonal.imag, program=nothing, bands=Bands.of(matrix)
        )

    def _is_one_matrix(self, program: Program) -> bool:
        """Whether a program applies one matrix to the only axis, of more than two levels, and nothing else."""
        alone = len(self.dims) == 1 and self.basis.blocks[0].levels > 2
        return alone and bool(program.code[:, 0].tolist() == [CLEAR, APPLY_ADD])

    def along(self, b: int, values: NDArray[Any]) -> NDArray[Any]:
        """A vector over the states of block b, shaped to broadcast over the sector."""
        shape = [1] * len(self.dims)
        shape[b] = -1
        return values.reshape(shape)

    def gamma(self, channel: Channel, places: slice | NDArray[np.int64] | None = None) -> Array:
        """Γ on this sector, to broadcast over it; ``places`` replace those of the channel's own axis."""
        return self._on_grid(channel.gamma, {} if places is None else {channel.block: places})

    def _on_grid(self, values: Array, places: Mapping[int, slice | NDArray[np.int64]]) -> Array:
        """What a table over occupation numbers has on this sector; ``places`` replace those of some axes."""
        values = values.reshape(values.shape + (1,) * len(self.modes))
        for b, s in enumerate(self.blocks):
            if values.shape[b] > 1:
                values = values[(slice(None),) * b + (places.get(b, s.places),)]
        return values

    def flat_gamma(self, channel: Channel, rest: Label | None = None) -> Array:
        """Γ as a flat array over the sector, or with ``rest`` over the sector with the particle taken out."""
        key = (id(channel), rest)
        if key not in self._gammas:
            b, places, dims = channel.block, None, self.dims
            if rest is not None:
                fewer = rest_sector_of(self.basis.blocks[b], rest)
                places, dims = fewer.places, (*dims[:b], fewer.dim, *dims[b + 1 :])
            self._gammas[key] = np.broadcast_to(self.gamma(channel, places), dims).ravel()
        return self._gammas[key]

    def with_gamma(self, channel: Channel, state: Ket, rest: Label | None = None) -> Ket:
        """Γ times a flat state over the sector, or with ``rest`` over the sector with the particle taken out."""
        polynomial = channel.polynomial
        if polynomial is None:
            return state * self.flat_gamma(channel, rest)
        key, axis, dims = (id(channel), rest), polynomial.axis, self.dims
        if key not in self._polynomials:
            sector = self.blocks[axis] if rest is None else rest_sector_of(self.basis.blocks[axis], rest)
            gamma = polynomial.gamma(sector)
            self._polynomials[key] = Rows.of(gamma, real=not gamma.data.imag.any())
        return apply(self._polynomials[key], around(dims, axis), state)

    def _rest(self, channel: Channel, level: int) -> Array:
        """Γ of the particles left behind when one in ``level`` is taken out, over this sector; 0 if none is there."""
        key = (channel.block, level)
        if key not in self._left_behind:
            s = self.blocks[channel.block]
            inside = s.occupations[:, level] > 0
            left = s.occupations - np.eye(s.occupations.shape[1], dtype=np.int64)[level]
            left[~inside] = [*[0] * (left.shape[1] - 1), s.N - 1]  # any place will do
            self._left_behind[key] = inside, Occupations(s.N - 1, left.shape[1]).number(left)
        inside, places = self._left_behind[key]
        return np.where(self.along(channel.block, inside), self.gamma(channel, places), 0.0)

    def displace(self, displacements: Sequence[complex], references: Sequence[complex]) -> None:
        """Set H_eff to the frame with these b and β of the modes, see cojump.trajectories.displaced_modes."""
        damping = self.modes.displace(self.h_eff.program.factor, displacements, references)
        np.add(self.half_rate, damping, out=self.h_eff.half_rate)

    def _add_hamiltonian(self) -> Array:
        """Add H to the program, except for its diagonal, which is returned flat."""
        energy = np.zeros(self.dims)
        basis = self.basis
        for b, s in enumerate(self.blocks):
            total = s.one_body(basis.one_body[b])
            for place, A, B, g in basis.inside:
                if place == b:
                    total = total + g * s.product(A, B)
            for potential in basis.potentials:
                if potential.polynomial is not None and potential.polynomial.axis == b:
                    matrix = potential.polynomial.gamma(s)
                    total = total + 0.5 * (matrix + matrix.conj().T)
            energy += self.along(b, total.diagonal().real)
            self._add_off_diagonal(b, total)
        for b, c, A, B, g in basis.across:
            first, second = self.blocks[b].one_body(A), self.blocks[c].one_body(B)
            if is_product_of_diagonals(A, B):
                # with a complex g there is its adjoint among the terms, too: what is imaginary cancels
                energy += (g * self.along(b, first.diagonal()) * self.along(c, second.diagonal())).real
                continue
            program = self._hamiltonian
            program.put(APPLY, 2, _STATE, program.matrix(c, second))
            program.put(APPLY_ADD, _RESULT, 2, program.matrix(b, first), g)
        for potential in basis.potentials:
            if potential.is_table:
                energy += self._on_grid(potential.energy, {})
            elif potential.turn:
                self._add_turned(self._hamiltonian, potential.turn, self._on_grid(potential.energy, {}), 1.0)
        self.modes.add(self._hamiltonian, self.blocks)
        return (energy + self.modes.energy).ravel()

    def _add_off_diagonal(self, b: int, matrix: csr_array) -> None:
        rest = _off_diagonal(matrix)
        if rest.nnz:
            program = self._hamiltonian
            program.put(APPLY_ADD, _RESULT, _STATE, program.matrix(b, rest))

    def _rate_diagonal(self, channel: Channel) -> Array:
        """Diagonal of Γ Σj†j Γ, or of its self-excluded form Σ_a n_a (j†j)_aa Γ_a², in the frame of the channel."""
        occupations = self.blocks[channel.block].occupations
        square = np.diag(channel.matrix.conj().T @ channel.matrix).real
        if channel.excluded:
            terms = [
                self.along(channel.block, weight * occupations[:, a]) * self._rest(channel, a) ** 2
                for a, weight in enumerate(square)
                if weight > 0
            ]
            return np.broadcast_to(sum(terms, np.zeros(1)), self.dims).copy()
        diagonal = self.along(channel.block, occupations @ square) * self.gamma(channel) ** 2
        return np.broadcast_to(diagonal, self.dims).copy()

    def _add_exchange(self, channel: Channel, diagonal: Array) -> None:
        """Add -(i/2) times the rate operator of a jump with a quantum to H_eff: that of the particle, then the mode."""
        assert channel.mode is not None
        program = self._hamiltonian
        if channel.turn:
            program.put(CLEAR, _PARTICLES, _STATE)
            self._add_rate(program, channel, diagonal, 1.0, dst=_PARTICLES)
        else:
            program.put(MULTIPLY, _PARTICLES, _STATE, program.table(diagonal))
            self._add_rate(program, channel, None, 1.0, dst=_PARTICLES)
        self.modes.add_exchange(program, *channel.mode, _PARTICLES)

    def _add_rate(
        self, program: Builder, channel: Channel, diagonal: Array | None, factor: complex, *, dst: int = _RESULT
    ) -> None:
        """Add factor times the rate operator: its off-diagonal part, and in another frame ``diagonal`` too."""
        square = channel.matrix.conj().T @ channel.matrix
        beside = square - np.diag(np.diag(square))
        beside[np.abs(beside) <= _ZERO * np.abs(square).max(initial=0)] = 0
        flips = bool(beside.any())
        if not channel.turn:
            if flips:
                self._add_flips(program, channel, beside, _STATE, dst, factor)
            return
        assert diagonal is not None
        also = partial(self._add_flips, program, channel, beside) if flips else None
        self._add_turned(program, channel.turn, diagonal, factor, also, dst=dst)

    def _add_turned(
        self,
        program: Builder,
        turn: dict[int, Matrix],
        diagonal: Array,
        factor: complex,
        also: Callable[[int, int, complex], None] | None = None,
        *,
        src: int = _STATE,
        dst: int = _RESULT,
    ) -> None:
        """Add factor times what is ``diagonal`` in another frame; ``also`` adds the rest, from register to register."""
        at = src
        for b, unitary in turn.items():
            to = 5 if at == 4 else 4
            program.put(APPLY, to, at, program.matrix(b, self.basis.turn(b, self.labels[b], unitary).into))
            at = to
        program.put(CLEAR, 6, _STATE)
        program.put(MULTIPLY_ADD, 6, at, program.table(diagonal))
        if also is not None:
            also(at, 6, 1.0)
        at = 6
        for n, (b, unitary) in enumerate(turn.items()):
            D = program.matrix(b, self.basis.turn(b, self.labels[b], unitary).back)
            if n == len(turn) - 1:
                program.put(APPLY_ADD, dst, at, D, factor)
            else:
                to = 5 if at != 5 else 4
                program.put(APPLY, to, at, D)
                at = to

    def _add_polynomial_rate(self, single: Builder, channel: Channel) -> tuple[Array, Bands | None]:
        """Add the rate operator of a channel whose Γ is a polynomial to H_eff, and to ``single``, the jump's own.

        Of one block its diagonal, which is added to neither, and the bands above it are returned instead.
        """
        polynomial, b = channel.polynomial, channel.block
        assert polynomial is not None
        a, square = polynomial.axis, channel.matrix.conj().T @ channel.matrix
        block, label, window = self.basis.blocks[a], self.labels[a], self.box[a]
        rate = polynomial.rate(block, label, window, square if a == b else None, channel.excluded)
        program = self._hamiltonian
        if len(self.dims) == 1:
            above = csr_array(triu(rate, 1))
            program.put(APPLY_ADD, _RESULT, _STATE, program.matrix(a, csr_array(above + above.conj().T)), -0.5j)
            return rate.diagonal().real.copy(), Bands.of(above)
        for program, factor in ((single, 1.0), (self._hamiltonian, -0.5j)):
            if a == b:
                program.put(APPLY_ADD, _RESULT, _STATE, program.matrix(a, rate), factor)
            else:
                program.put(APPLY, 2, _STATE, program.matrix(a, rate))
                program.put(APPLY_ADD, _RESULT, 2, program.matrix(b, self.blocks[b].one_body(square)), factor)
        return np.zeros(self.dims), None

    def _add_flips(
        self, program: Builder, channel: Channel, beside: Matrix, src: int, dst: int, factor: complex
    ) -> None:
        """Off-diagonal part z of j†j: Γ Σ_ab z_ab E_ab Γ; with self-exclusion Σ_ab z_ab E_ab Γ_b²."""
        s, b = self.blocks[channel.block], channel.block
        if channel.excluded:
            for level in np.flatnonzero(beside.any(axis=0)):
                from_level = np.zeros_like(beside)
                from_level[:, level] = beside[:, level]
                program.put(MULTIPLY, 2, src, program.table(self._rest(channel, int(level)) ** 2))
                program.put(APPLY_ADD, dst, 2, program.matrix(b, s.one_body(from_level)), factor)
            return
        gamma = program.table(self.gamma(channel))
        program.put(MULTIPLY, 2, src, gamma)
        program.put(APPLY, 3, 2, program.matrix(b, s.one_body(beside)))
        program.put(MULTIPLY_ADD, dst, 3, gamma, factor)

    def _add_collective(
        self, program: Builder, matrices: dict[int, Matrix], rate: CollectiveRate | None, factor: complex
    ) -> None:
        """Add factor L†L = factor Y†Γ²Y, Y = Σ_b Y_b with the strength in it."""
        operators = {b: self.blocks[b].one_body(y) for b, y in matrices.items()}
        at = 2
        program.put(CLEAR, 2, _STATE)
        for b, y in operators.items():
            program.put(APPLY_ADD, 2, _STATE, program.matrix(b, y))
        if rate is not None:
            at, square = 3, self._on_grid(rate.gamma**2, {})
            if rate.turn:
                program.put(CLEAR, 3, 2)
                self._add_turned(program, rate.turn, square, 1.0, src=2, dst=3)
            else:
                program.put(MULTIPLY, 3, 2, program.table(square))
        for b, y in operators.items():
            program.put(APPLY_ADD, _RESULT, at, program.matrix(b, csr_array(y.conj().T)), factor)

    def after_collective(self, number: int, state: Ket) -> Ket:
        """L ψ of a collective jump, L = Γ Σ_b Y_b with the strength in Y."""
        collective, rate = self.basis.collective[number], self.basis.collective_rates[number]
        assert collective is not None
        after = np.zeros(self.size, dtype=complex)
        for b, y in collective.items():
            apply(Rows.of(self.blocks[b].one_body(y)), around(self.dims, b), state, after)
        if rate is None:
            return after
        turns = [(around(self.dims, b), self.basis.turn(b, self.labels[b], u)) for b, u in rate.turn.items()]
        for outside, turn in turns:
            after = apply(Rows.of(turn.into), outside, after)
        after = after * self.on_sector(rate.gamma)
        for outside, turn in turns:
            after = apply(Rows.of(turn.back), outside, after)
        return after

    def on_sector(self, table: Array) -> Array:
        """A table over occupation numbers as a flat array over the sector."""
        return np.broadcast_to(self._on_grid(table, {}), self.dims).ravel()


def _off_diagonal(matrix: csr_array) -> csr_array:
    """A sparse matrix without its diagonal and without rounding."""
    entries = matrix.tocoo()
    row, column = entries.coords
    keep = (row != column) & (np.abs(entries.data) > _ZERO * np.abs(entries.data).max(initial=0))
    return csr_array((entries.data[keep], (row[keep], column[keep])), shape=matrix.shape)
