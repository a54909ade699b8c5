"""The boson modes of a sector: their windows of Fock states, and what H_eff and the jumps have of them.

See :mod:`cojump.trajectories.displaced_modes` for the frame and for the letters u, v, b, β and d.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.sparse import csr_array, eye_array

from ..basis.fock_window import FockWindow
from ..basis.sectors import Sector
from ..tools.types import Array, Matrix
from .displaced_modes import DisplacedMode
from .kernels.fock_rows import mean_of_lowering
from .product_moves import Ket, Rows, apply, around
from .product_program import APPLY, APPLY_ADD, MULTIPLY_ADD, Builder

_ZERO = 1e-14
_RESULT, _STATE, _BETWEEN = 1, 0, 2

Factor = Callable[[complex, complex], complex]
"""Of an instruction, from b and β of a mode."""


class SectorModes:
    """The modes of one sector, whose axes stand behind those of the blocks.

    Parameters
    ----------
    modes : sequence of DisplacedMode
    windows : sequence of (int, int)
        First and past-last Fock state of each.
    blocks : tuple of int
        Number of states of each block.

    Attributes
    ----------
    dims : tuple of int
        Number of states of each block and mode.
    """

    def __init__(
        self, modes: Sequence[DisplacedMode], windows: Sequence[tuple[int, int]], blocks: tuple[int, ...]
    ) -> None:
        self._modes, self._first = modes, len(blocks)
        self.windows = [FockWindow(*window) for window in windows]
        self.dims = (*blocks, *(window.dim for window in self.windows))
        self._displaced: list[tuple[int, Factor, int]] = []

    def __len__(self) -> int:
        return len(self.windows)

    def __iter__(self) -> Iterator[tuple[int, FockWindow]]:
        """The axis of each mode, and its window."""
        return iter(enumerate(self.windows, start=self._first))

    def __getitem__(self, m: int) -> tuple[int, FockWindow]:
        """The axis of a mode, and its window."""
        return self._first + m, self.windows[m]

    @property
    def displaced(self) -> list[int]:
        """The instructions of H_eff whose factors depend on the displacements."""
        return [place for place, _, _ in self._displaced]

    @property
    def energy(self) -> Array:
        """Σ ω a'†a', diagonal, to broadcast over the sector."""
        return self._diagonal([mode.omega * window.quanta for mode, window in self._pairs()])

    @property
    def half_rate(self) -> Array:
        """½ Σ [κ₁ a'†a' + κ₂ a'a'†], diagonal, to broadcast over the sector."""
        rates = []
        for mode, window in self._pairs():
            losses = mode.losses.values()
            rates.append(sum((0.5 * (down * window.quanta + up * (window.quanta + 1)) for down, up in losses), 0.0))
        return self._diagonal(rates)

    def add(self, program: Builder, blocks: Sequence[Sector]) -> None:
        """Add what is not diagonal of H_eff to a program: terms of a'†, of a', and of the displacements."""
        for m, mode in enumerate(self._modes):
            axis, window = self[m]
            raising, lowering = program.matrix(axis, window.raising), program.matrix(axis, window.lowering)
            self._put(program, m, raising, mode.raising)
            self._put(program, m, lowering, mode.lowering)
            for block, y in mode.couplings:
                adjoint = np.ascontiguousarray(y.conj().T)
                ways: list[tuple[Matrix, int, Factor]]
                if np.allclose(y, adjoint, rtol=_ZERO, atol=0):
                    both = program.matrix(axis, csr_array(window.raising + window.lowering))
                    ways = [(y, both, lambda b, _: 2 * b.real)]
                else:
                    ways = [(y, raising, lambda b, _: b.conjugate()), (adjoint, lowering, lambda b, _: b)]
                for matrix, of_mode, of_displacement in ways:
                    of_block = program.matrix(block, blocks[block].one_body(matrix))
                    program.put(APPLY, _BETWEEN, _STATE, of_block)
                    program.put(APPLY_ADD, _RESULT, _BETWEEN, of_mode)
                    self._put(program, m, of_block, of_displacement)

    def add_exchange(self, program: Builder, m: int, emits: bool, source: int) -> None:
        """Add -(i/2)(a' + b)(a'† + b*) times what is in a register, or in the other order where a quantum is taken."""
        axis, window = self[m]
        raising, lowering = program.matrix(axis, window.raising), program.matrix(axis, window.lowering)
        one = program.table(np.ones((1,) * len(self.dims)))
        quanta = self._diagonal([window.quanta + emits if n == m else 0.0 for n, window in enumerate(self.windows)])
        program.put(MULTIPLY_ADD, _RESULT, source, program.table(quanta), -0.5j)
        self._put(program, m, raising, lambda b, _: -0.5j * b, source=source)
        self._put(program, m, lowering, lambda b, _: -0.5j * b.conjugate(), source=source)
        self._put(program, m, one, lambda b, _: -0.5j * abs(b) ** 2, source=source, instruction=MULTIPLY_ADD)

    def displace(self, factors: Ket, displacements: Sequence[complex], references: Sequence[complex]) -> float:
        """Set the factors of a program to these b and β; returns what is added to the diagonal of ``half_rate``."""
        for place, factor, m in self._displaced:
            factors[place] = factor(displacements[m], references[m])
        self._displacements = list(displacements)
        self._references = list(references)
        self._offsets = [b - beta for b, beta in zip(displacements, references, strict=True)]
        return sum((0.5 * mode.rates[1] * abs(d) ** 2 for mode, d in zip(self._modes, self._offsets, strict=True)), 0.0)

    def lost(self, place: int, state: Ket) -> list[tuple[Ket, float]]:
        """What the two jumps of a loss make of a state, √κ₁ (a' + d) ψ and √κ₂ (a'† + d*) ψ, and their weights.

        ``place`` is the position of the loss among the jumps of the model.
        """
        m = next(m for m, mode in enumerate(self._modes) if place in mode.losses)
        (axis, window), d = self[m], self._offsets[m]
        outside, made = around(self.dims, axis), []
        ways = ((window.lowering, d), (window.raising, d.conjugate()))
        for rate, (matrix, number) in zip(self._modes[m].losses[place], ways, strict=True):
            if rate > 0:
                after = np.sqrt(rate) * (apply(Rows.of(matrix), outside, state) + number * state)
                made.append((after, float(np.vdot(after, after).real)))
        return made

    def exchanged(self, m: int, emits: bool, state: Ket) -> Ket:
        """a† ψ = (a'† + b*) ψ, or a ψ = (a' + b) ψ."""
        (axis, window), b = self[m], self._displacements[m]
        matrix, number = (window.raising, b.conjugate()) if emits else (window.lowering, b)
        return apply(Rows.of(matrix), around(self.dims, axis), state) + number * state

    def seen(self, place: int) -> tuple[int, csr_array, complex]:
        """√κ₁ (a' + d) of a loss on the axis of its mode, and √κ₁ β, by which √κ₁ a is larger.

        ``place`` is the position of the loss among the jumps of the model.
        """
        m = next(m for m, mode in enumerate(self._modes) if place in mode.losses)
        (axis, window), d, root = self[m], self._offsets[m], np.sqrt(self._modes[m].losses[place][0])
        operator = csr_array(root * (window.lowering + d * eye_array(window.dim, format="csr")))
        return axis, operator, complex(root * self._references[m])

    def mean(self, m: int, state: Ket) -> complex:
        """<a'> of a mode in a normalised state."""
        axis, window = self[m]
        outer, inner = around(self.dims, axis)
        return complex(*mean_of_lowering(state, outer, window.roots, inner))

    def ladder(self, m: int, state: Ket, lowered: Ket, raised: Ket) -> None:
        """Write a' ψ and a'† ψ into flat arrays of zeros."""
        axis, window = self[m]
        outer, inner = around(self.dims, axis)
        here, below, above = (array.reshape(outer, window.dim, inner) for array in (state, lowered, raised))
        np.multiply(here[:, 1:], window.roots[:, None], out=below[:, :-1])
        np.multiply(here[:, :-1], window.roots[:, None], out=above[:, 1:])

    def _pairs(self) -> Iterator[tuple[DisplacedMode, FockWindow]]:
        return zip(self._modes, self.windows, strict=True)

    def _diagonal(self, values: Sequence[Array | float]) -> Array:
        """Σ over the modes of a vector over the Fock states of each."""
        total = np.zeros((1,) * len(self.dims))
        for (axis, _), of_mode in zip(self, values, strict=True):
            total = total + np.reshape(of_mode, [-1 if a == axis else 1 for a in range(len(self.dims))])
        return total

    def _put(
        self,
        program: Builder,
        m: int,
        number: int,
        factor: Factor,
        *,
        source: int = _STATE,
        instruction: int = APPLY_ADD,
    ) -> None:
        """Add a matrix or a table with a factor that depends on the displacement of a mode and on its reference."""
        self._displaced.append((len(program.code), factor, m))
        program.put(instruction, _RESULT, source, number)
