"""Several blocks, arguments along any axes, collective jumps: sectors (J_1, .., J_B) of ⊗_b V_{J_b}.

Every block is rotated once so that as many arguments as possible are diagonal (the main frame). A channel whose
argument points elsewhere has a frame of its own: Γ(Δ) is Γ's table there, between the dense representations of the
relative rotation on each axis (exact spectral calculus, so a kinked Γ is as good as a smooth one).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..model import CollectiveJump, LocalJump, Model, OneBody, snapped, two_level_averages
from .program import APPLY, APPLY_ADD, CLEAR, MULTIPLY, MULTIPLY_ADD, Program
from .spin_sector import rotation_matrix, spin_sector
from .two_level import SpinTables, argument_axis, axis_rotation, block_axis

Matrix = NDArray[np.complex128]
Array = NDArray[np.float64]

_PARALLEL = 1e-12
_ZERO = 1e-14
_RESULT, _STATE = 1, 0

Box = tuple[tuple[int, int], ...]
"""A window along every axis: first and past-last state of each block."""


@dataclass(frozen=True, eq=False)
class Channel:
    """One local jump in the frame where its argument is diagonal.

    Attributes
    ----------
    block : int
    turn : dict of int to (2, 2) unitary
        Rotation from the main frame on the axes where this channel needs another one.
    matrix : (2, 2) array
        j in its frame.
    gamma : array
        Γ on the grid of occupation numbers, one axis per block, of length N_b + 1 for the blocks of the argument and
        1 otherwise; with self-exclusion N_b on the axis of the jumping particle's block.
    excluded : bool
        Whether ``gamma`` is that of the other particles.
    """

    block: int
    turn: dict[int, Matrix]
    matrix: Matrix
    gamma: Array
    excluded: bool


def _conjugate(rotation: Matrix, matrix: Matrix) -> Matrix:
    return rotation.conj().T @ matrix @ rotation


class ProductBasis:
    """Frames, channels and sectors of a model of two-level blocks.

    Parameters
    ----------
    model : Model
    memory : int
        Bytes of sectors to keep for the next visit.
    """

    def __init__(self, model: Model, memory: int = 256 * 2**20) -> None:
        self.model = model
        self.sizes = [b.size for b in model.blocks]
        self.rotations = [axis_rotation(block_axis(model, b)[0]) for b in range(len(model.blocks))]
        self.channels = [self._channel(jump) if isinstance(jump, LocalJump) else None for jump in model.jumps]
        self.one_body = [np.zeros((2, 2), dtype=complex) for _ in model.blocks]
        self.inside: list[tuple[int, Matrix, Matrix, complex]] = []
        self.across: list[tuple[int, int, Matrix, Matrix, complex]] = []
        for term in model.hamiltonian:
            if isinstance(term, OneBody):
                b = model.block_index(term.block)
                self.one_body[b] += _conjugate(self.rotations[b], term.matrix)
                continue
            b, c = (model.block_index(name) for name in term.blocks)
            A, B = _conjugate(self.rotations[b], term.first), _conjugate(self.rotations[c], term.second)
            g = term.strength / model.size
            if b == c:
                self.inside.append((b, A, B, g))
            else:
                self.across.append((b, c, A, B, g))
        self.collective = [
            {
                model.block_index(name): np.sqrt(jump.rate / model.size)
                * _conjugate(self.rotations[model.block_index(name)], y)
                for name, y in jump.matrices.items()
            }
            if isinstance(jump, CollectiveJump)
            else None
            for jump in model.jumps
        ]
        self._kept: OrderedDict[tuple[tuple[int, ...], Box], ProductSector] = OrderedDict()
        turned = {b for channel in self.channels if channel is not None for b in channel.turn}
        self.whole_axes = tuple(b in turned for b in range(len(self.sizes)))
        """Axes that a change of frame mixes from end to end, so that they have no window."""
        self._memory, self._used = memory, 0

    def sector(self, two_J: tuple[int, ...], box: Box | None = None) -> ProductSector:
        """The window ``box`` (or all) of sector (2J_1, ..); recent ones are kept within the memory budget."""
        box = tuple((0, j + 1) for j in two_J) if box is None else box
        found = self._kept.get((two_J, box))
        if found is not None:
            self._kept.move_to_end((two_J, box))
            return found
        made = ProductSector(self, two_J, box)
        self._kept[two_J, box] = made
        self._used += made.nbytes
        while self._used > self._memory and len(self._kept) > 1:
            self._used -= self._kept.popitem(last=False)[1].nbytes
        return made

    def _channel(self, jump: LocalJump) -> Channel:
        own = self.model.block_index(jump.block)
        turn: dict[int, Matrix] = {}
        argument: Array = np.zeros((1,) * len(self.sizes))
        excluded = jump.leaves_self_out
        for name, matrix in jump.argument.items():
            b = self.model.block_index(name)
            seen = _conjugate(self.rotations[b], matrix)
            axis = argument_axis(seen)
            if axis is not None and np.hypot(axis[0], axis[1]) > _PARALLEL:
                turn[b] = axis_rotation(axis)
                seen = _conjugate(turn[b], seen)
            x = snapped(np.diag(seen).real)
            size = self.sizes[b]
            count = size - int(excluded and b == own)
            shape = [1] * len(self.sizes)
            shape[b] = count + 1
            argument = argument + two_level_averages(x[0], x[1], count, size).reshape(shape)
        gamma = jump.gamma(argument.ravel()).reshape(argument.shape)
        j = _conjugate(self.rotations[own], jump.matrix)
        if own in turn:
            j = _conjugate(turn[own], j)
        return Channel(own, turn, j, gamma, excluded)


@dataclass
class _Builder:
    """Collects instructions, matrices and tables of one sector."""

    dims: tuple[int, ...]
    code: list[tuple[int, int, int, int]] = field(default_factory=list)
    factor: list[complex] = field(default_factory=list)
    tables: list[Array] = field(default_factory=list)
    matrices: list[tuple[int, csr_array]] = field(default_factory=list)
    registers: int = 2

    def put(self, instruction: int, dst: int, src: int, number: int = 0, factor: complex = 1.0) -> None:
        self.code.append((instruction, dst, src, number))
        self.factor.append(complex(factor))
        self.registers = max(self.registers, dst + 1, src + 1)

    def table(self, values: Array) -> int:
        self.tables.append(np.broadcast_to(values, self.dims).ravel())
        return len(self.tables) - 1

    def matrix(self, axis: int, matrix: csr_array) -> int:
        self.matrices.append((axis, matrix))
        return len(self.matrices) - 1

    def build(self) -> Program:
        size = prod(self.dims)
        axes, starts, pointers, columns, values = [], [], [], [], []
        pointer_count = entry_count = 0
        for axis, m in self.matrices:
            axes.append((prod(self.dims[:axis]), self.dims[axis], prod(self.dims[axis + 1 :])))
            starts.append(pointer_count)
            pointers.append(m.indptr.astype(np.int64) + entry_count)
            columns.append(m.indices.astype(np.int64))
            values.append(m.data.astype(complex))
            pointer_count += len(m.indptr)
            entry_count += len(m.data)

        def join(parts: list[NDArray], dtype: type) -> NDArray:
            return np.concatenate(parts) if parts else np.zeros(0, dtype=dtype)

        return Program(
            np.array(self.code, dtype=np.int64).reshape(-1, 4),
            np.array(self.factor, dtype=complex),
            np.array(self.tables, dtype=float).reshape(len(self.tables), size),
            np.array(axes, dtype=np.int64).reshape(-1, 3),
            np.array(starts, dtype=np.int64),
            join(pointers, np.int64),
            join(columns, np.int64),
            join(values, complex),
            np.zeros((self.registers, size), dtype=complex),
        )


class ProductSector:
    """H_eff and the rate operators of one sector, within a window along every axis.

    Attributes
    ----------
    box : tuple of (int, int)
        First and past-last state of each block, counted from M = -J.
    dims : tuple of int
        Number of states of each block; states are flat arrays in C order.
    size : int
        Number of amplitudes.
    energy, half_rate : (size,) arrays
        Diagonal of H_eff: real part, and minus the imaginary part.
    program : Program
        The rest of H_eff.
    rate_tables : list of (size,) arrays
        Diagonal of the rate operator of each jump of the model.
    rate_programs : list of Program or None
        The rest of it in its frame; None if there is none.
    """

    def __init__(self, basis: ProductBasis, two_J: tuple[int, ...], box: Box | None = None) -> None:
        self.basis, self.two_J = basis, two_J
        self.box = tuple((0, j + 1) for j in two_J) if box is None else box
        self.blocks = [spin_sector(n, j, w) for n, j, w in zip(basis.sizes, two_J, self.box, strict=True)]
        self.dims = tuple(s.dim for s in self.blocks)
        self.size = prod(self.dims)
        self._gammas: dict[tuple[int, int | None], Array] = {}
        self._hamiltonian = _Builder(self.dims)
        # Never empty, so that a program is told from a banded H_eff.
        self._hamiltonian.put(CLEAR, _RESULT, _STATE)
        self.energy = self._add_hamiltonian()
        half_rate = np.zeros(self.dims)
        self.rate_tables: list[Array] = []
        self.rate_programs: list[Program | None] = []
        for channel, collective in zip(basis.channels, basis.collective, strict=True):
            single = _Builder(self.dims)
            if channel is not None:
                diagonal, turned = self._rate_diagonal(channel), bool(channel.turn)
                self._add_rate(single, channel, diagonal if turned else None, 1.0)
                self._add_rate(self._hamiltonian, channel, diagonal if turned else None, -0.5j)
                diagonal = np.zeros(self.dims) if turned else diagonal
            else:
                assert collective is not None
                self._add_collective(single, collective, 1.0)
                self._add_collective(self._hamiltonian, collective, -0.5j)
                diagonal = np.zeros(self.dims)
            half_rate += 0.5 * diagonal
            self.rate_tables.append(diagonal.ravel())
            self.rate_programs.append(single.build() if single.code else None)
        self.half_rate = half_rate.ravel()
        self.program = self._hamiltonian.build()

    @property
    def nbytes(self) -> int:
        """Memory of the tables and programs."""
        programs = [self.program, *(p for p in self.rate_programs if p is not None)]
        return int(
            # Γ is kept once or twice per channel when a jump first needs it
            sum(a.nbytes for p in programs for a in p)
            + 2 * self.size * 8 * len(self.rate_tables)
            + sum(t.nbytes for t in self.rate_tables)
            + self.energy.nbytes
            + self.half_rate.nbytes
        )

    @cached_property
    def tables(self) -> SpinTables:
        """The sector as the no-jump kernels read it: the flat basis takes the place of i, a program that of bands."""
        none, zero = np.zeros(0), np.zeros(1)
        no_channel = np.zeros((0, 1))
        return SpinTables(
            N=self.size - 1,
            band=0,
            is_real=False,
            diagonal=self.energy,
            half_rate=self.half_rate,
            casimir=0.0,
            up_re=zero,
            up_im=zero,
            down_re=zero,
            down_im=zero,
            two_re=0.0,
            two_im=0.0,
            kind=np.zeros(0, dtype=np.int64),
            strength=none,
            j_re=np.zeros((0, 2, 2)),
            j_im=np.zeros((0, 2, 2)),
            gamma=no_channel,
            gamma_rest=no_channel,
            rate_diagonal=no_channel,
            rate_up_re=no_channel,
            rate_up_im=no_channel,
            program=self.program,
        )

    def along(self, b: int, values: NDArray[Any]) -> NDArray[Any]:
        """A vector over the states of block b, shaped to broadcast over the sector."""
        shape = [1] * len(self.dims)
        shape[b] = -1
        return values.reshape(shape)

    def gamma(self, channel: Channel, first: int | None = None, count: int | None = None) -> Array:
        """Γ on this sector; for self-exclusion on ``count`` states from ``first`` up of the channel's own axis."""
        cut = []
        for b, s in enumerate(self.blocks):
            if channel.gamma.shape[b] == 1:
                cut.append(slice(None))
            elif b == channel.block and first is not None and count is not None:
                cut.append(slice(first, first + count))
            else:
                cut.append(slice(s.first, s.first + s.dim))
        return channel.gamma[tuple(cut)]

    def flat_gamma(self, channel: Channel, two_mu: int | None = None) -> Array:
        """Γ as a flat array over the sector, or with ``two_mu`` over the sector with the particle taken out."""
        key = (id(channel), two_mu)
        if key not in self._gammas:
            if two_mu is None:
                self._gammas[key] = np.broadcast_to(self.gamma(channel), self.dims).ravel()
            else:
                b = channel.block
                dims = (*self.dims[:b], two_mu + 1, *self.dims[b + 1 :])
                values = self.gamma(channel, (self.blocks[b].N - 1 - two_mu) // 2, two_mu + 1)
                self._gammas[key] = np.broadcast_to(values, dims).ravel()
        return self._gammas[key]

    def _rest(self, channel: Channel, up: bool) -> Array:
        """Γ of the particles left behind when one that is up (or down) is taken out, over this sector."""
        s = self.blocks[channel.block]
        if channel.gamma.shape[channel.block] == 1:
            return self.gamma(channel)
        index = s.ups - 1 if up else s.ups
        inside = (index >= 0) & (index < s.N)
        index = np.where(inside, index, 0)
        cut: list[slice | NDArray] = []
        for b, other in enumerate(self.blocks):
            whole = channel.gamma.shape[b] == 1 or b == channel.block
            cut.append(slice(None) if whole else slice(other.first, other.first + other.dim))
        values = np.take(channel.gamma[tuple(cut)], index, axis=channel.block)
        return np.where(self.along(channel.block, inside), values, 0.0)

    def _add_hamiltonian(self) -> Array:
        """Add H to the program, except for its diagonal, which is returned flat."""
        energy = np.zeros(self.dims)
        basis = self.basis
        for b, s in enumerate(self.blocks):
            total = s.one_body(basis.one_body[b])
            for place, A, B, g in basis.inside:
                if place == b:
                    total = total + g * s.product(A, B)
            energy += self.along(b, total.diagonal().real)
            self._add_off_diagonal(b, total)
        for b, c, A, B, g in basis.across:
            first, second = self.blocks[b].one_body(A), self.blocks[c].one_body(B)
            if np.abs(A - np.diag(np.diag(A))).max() + np.abs(B - np.diag(np.diag(B))).max() == 0 and np.isreal(g):
                energy += (g * self.along(b, first.diagonal()) * self.along(c, second.diagonal())).real
                continue
            program = self._hamiltonian
            program.put(APPLY, 2, _STATE, program.matrix(c, second))
            program.put(APPLY_ADD, _RESULT, 2, program.matrix(b, first), g)
        return energy.ravel()

    def _add_off_diagonal(self, b: int, matrix: csr_array) -> None:
        rest = _off_diagonal(matrix)
        if rest.nnz:
            program = self._hamiltonian
            program.put(APPLY_ADD, _RESULT, _STATE, program.matrix(b, rest))

    def _rate_diagonal(self, channel: Channel) -> Array:
        """Diagonal of Γ Σj†j Γ, or of its self-excluded form, in the frame of the channel."""
        s = self.blocks[channel.block]
        square = channel.matrix.conj().T @ channel.matrix
        ups = self.along(channel.block, s.ups.astype(float))
        if channel.excluded:
            up, down = self._rest(channel, True) ** 2, self._rest(channel, False) ** 2
        else:
            up = down = self.gamma(channel) ** 2
        diagonal = ups * square[0, 0].real * up + (s.N - ups) * square[1, 1].real * down
        return np.broadcast_to(diagonal, self.dims).copy()

    def _add_rate(self, program: _Builder, channel: Channel, diagonal: Array | None, factor: complex) -> None:
        """Add factor times the rate operator: its off-diagonal part, and in another frame ``diagonal`` too."""
        square = channel.matrix.conj().T @ channel.matrix
        flips = abs(square[0, 1]) > _ZERO * np.abs(square).max(initial=0)
        if not channel.turn:
            if flips:
                self._add_flips(program, channel, square, _STATE, _RESULT, factor)
            return
        at = _STATE
        for b, unitary in channel.turn.items():
            adjoint = csr_array(rotation_matrix(self.two_J[b], unitary).conj().T)
            to = 5 if at == 4 else 4
            program.put(APPLY, to, at, program.matrix(b, adjoint))
            at = to
        program.put(CLEAR, 6, _STATE)
        assert diagonal is not None
        program.put(MULTIPLY_ADD, 6, at, program.table(diagonal))
        if flips:
            self._add_flips(program, channel, square, at, 6, 1.0)
        at = 6
        for n, (b, unitary) in enumerate(channel.turn.items()):
            D = program.matrix(b, csr_array(rotation_matrix(self.two_J[b], unitary)))
            if n == len(channel.turn) - 1:
                program.put(APPLY_ADD, _RESULT, at, D, factor)
            else:
                to = 5 if at != 5 else 4
                program.put(APPLY, to, at, D)
                at = to

    def _add_flips(
        self, program: _Builder, channel: Channel, square: Matrix, src: int, dst: int, factor: complex
    ) -> None:
        """Off-diagonal part of the rate operator: Γ (z_ud S_+ + h.c.) Γ; with self-exclusion Σ_ab z_ab E_ab Γ_b²."""
        s, b = self.blocks[channel.block], channel.block
        up = np.array([[0, square[0, 1]], [0, 0]])
        down = np.array([[0, 0], [square[1, 0], 0]])
        if channel.excluded:
            for matrix, taken_up in ((up, False), (down, True)):
                program.put(MULTIPLY, 2, src, program.table(self._rest(channel, taken_up) ** 2))
                program.put(APPLY_ADD, dst, 2, program.matrix(b, s.one_body(matrix)), factor)
            return
        gamma = program.table(self.gamma(channel))
        program.put(MULTIPLY, 2, src, gamma)
        program.put(APPLY, 3, 2, program.matrix(b, s.one_body(up + down)))
        program.put(MULTIPLY_ADD, dst, 3, gamma, factor)

    def _add_collective(self, program: _Builder, matrices: dict[int, Matrix], factor: complex) -> None:
        """Add factor L†L, L = Σ_b Y_b with the strength in Y."""
        operators = {b: self.blocks[b].one_body(y) for b, y in matrices.items()}
        program.put(CLEAR, 2, _STATE)
        for b, y in operators.items():
            program.put(APPLY_ADD, 2, _STATE, program.matrix(b, y))
        for b, y in operators.items():
            program.put(APPLY_ADD, _RESULT, 2, program.matrix(b, csr_array(y.conj().T)), factor)


def _off_diagonal(matrix: csr_array) -> csr_array:
    """A sparse matrix without its diagonal and without rounding."""
    entries = matrix.tocoo()
    row, column = entries.coords
    keep = (row != column) & (np.abs(entries.data) > _ZERO * np.abs(entries.data).max(initial=0))
    return csr_array((entries.data[keep], (row[keep], column[keep])), shape=matrix.shape)
