"""Trajectories of several coupled blocks, of arguments along any axes, and of collective jumps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..errors import ConvergenceError
from ..model import Model
from ..schur.initial import draw_sector_state, is_random
from ..schur.product import Box, Channel, ProductBasis, ProductSector
from ..schur.spin_sector import rotation_matrix, spin_sector
from ..states import State
from .driver import JUMP, Outcome, Stream, UserFrame, work_space
from .kernels.common import MAX_ORDER, PAD
from .kernels.program import apply_axis, run_program
from .kernels.propagate import sum_series
from .kernels.trajectory import product_step

Array = NDArray[np.float64]
Ket = NDArray[np.complex128]
T = TypeVar("T")

_SMALL = 2000
"""Sectors with fewer amplitudes are taken whole."""

_SNAP = 16
"""Windows begin and end at multiples of this, so that the same ones come back."""

_POLL = 64
"""Jumps between two calls of ``poll`` in small sectors; in large ones it is called at every jump."""


class _Rows(NamedTuple):
    """A sparse matrix as the kernel wants it."""

    shape: tuple[int, int]
    pointers: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: Ket


def _rows(matrix: csr_array) -> _Rows:
    rows, columns = matrix.shape
    return _Rows(
        (rows, columns), matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data.astype(complex)
    )


@lru_cache(maxsize=512)
def _out_of(N: int, two_J: int) -> list[tuple[int, tuple[_Rows, _Rows]]]:
    """2μ and the weighted maps of every way to take a particle out of J."""
    return [(m.rest, (_rows(m.out[0]), _rows(m.out[1]))) for m in spin_sector(N, two_J).moves()]


@lru_cache(maxsize=1024)
def _into(N: int, two_J: int, two_mu: int) -> tuple[_Rows, _Rows]:
    """Adjoints of C_J^μ: put a particle that is up (down) back."""
    up, down = spin_sector(N, two_J).entrance(two_mu)
    return _rows(csr_array(up.conj().T)), _rows(csr_array(down.conj().T))


def _apply(matrix: _Rows, dims: tuple[int, ...], axis: int, state: Ket, target: Ket | None = None) -> Ket:
    """Matrix on one axis of a flat state of shape ``dims``; added to ``target`` if that is given."""
    rows, columns = matrix.shape
    outer, inner = prod(dims[:axis]), prod(dims[axis + 1 :])
    if target is None:
        target = np.zeros(outer * rows * inner, dtype=complex)
    apply_axis(outer, rows, columns, inner, matrix.pointers, matrix.columns, matrix.values, 1.0 + 0.0j, state, target)
    return target


def _replaced(values: tuple[T, ...], axis: int, value: T) -> tuple[T, ...]:
    return (*values[:axis], value, *values[axis + 1 :])


def _support(weights: Array, tail: float) -> tuple[int, int]:
    """First and past-last place of what is left when up to ``tail`` is cut off at each end."""
    from_left = np.cumsum(weights)
    from_right = np.cumsum(weights[::-1])
    first = int(np.searchsorted(from_left, tail, side="right"))
    last = len(weights) - int(np.searchsorted(from_right, tail, side="right"))
    return (first, last) if first < last else (0, len(weights))


def _moved(state: Ket, box: Box, target: Box) -> Ket:
    """A flat state from one window to another: zero where it was not, cut where the new one ends."""
    if box == target:
        return state
    made = np.zeros([hi - lo for lo, hi in target], dtype=complex)
    common = [(max(a, c), min(b, d)) for (a, b), (c, d) in zip(box, target, strict=True)]
    inside = tuple(slice(lo - t[0], hi - t[0]) for (lo, hi), t in zip(common, target, strict=True))
    source = tuple(slice(lo - s[0], hi - s[0]) for (lo, hi), s in zip(common, box, strict=True))
    made[inside] = state.reshape([hi - lo for lo, hi in box])[source]
    return made.ravel()


class ProductEngine:
    """Runs trajectories of one component of a model; the interface is that of the engine for one block.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.unravel.driver.Engine`.
    """

    def __init__(
        self, model: Model, state: State, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        self._snapshots = {int(t): row for row, t in enumerate(snapshots)}
        self.basis = ProductBasis(model)
        self.state = state.blocks
        self.times = np.ascontiguousarray(times, dtype=float)
        self.tolerance = float(tolerance)
        self._stream = Stream()
        self._frames = [UserFrame(rotation) for rotation in self.basis.rotations]
        self._cells = 0
        # Half of the tolerance is the Taylor series', the rest is shared by the ends of all axes.
        self._tail = (0.5 * self.tolerance) ** 2 / (4 * len(self.state))
        self._reach = MAX_ORDER * (2 if self.basis.inside else 1)
        self._fixed = [
            None if is_random(block) else self._draw_block(b, self._stream.generator)
            for b, block in enumerate(self.state)
        ]
        self._paulis = [
            [(o.block, u.conj().T @ o.matrix @ u) for o in model.observables if o.block == b]
            for b, u in enumerate(self.basis.rotations)
        ]
        self._pairs = np.triu_indices(3 * len(self.state))
        self._operators: dict[tuple[int, int, tuple[int, int]], list[_Rows]] = {}
        self._turns: dict[tuple[int, int, int], _Rows] = {}

    def run(
        self,
        seed: int,
        index: int,
        *,
        part: int = 0,
        record: bool = False,
        poll: Callable[[], None] | None = None,
    ) -> Outcome:
        """Trajectory ``index`` of the ensemble with ``seed``.

        Raises
        ------
        ConvergenceError
            If a step or a jump time cannot be brought within the tolerance.
        """
        generator = self._stream.move_to(seed, index, part)
        sector, state = self._draw(generator)
        B, T = len(self.state), len(self.times)
        mean, second = np.empty((T, 3 * B)), np.empty((T, 3 * B * (3 * B + 1) // 2))
        sectors = np.empty((T, B))
        n_jumps = np.zeros(len(self.basis.channels), dtype=np.int64)  # of each channel, so far
        counts, left = np.zeros((T, len(n_jumps)), dtype=np.int64), _POLL
        jumps: list[tuple[float, int, tuple[int, ...]]] = []
        t, waiting, shift, rate_shift, done = 0.0, generator.standard_exponential(), 0.0, 0.0, 0

        distributions = np.zeros((len(self._snapshots), sum(self.basis.sizes) + B))

        def measure(place: int, ket: Ket) -> None:
            mean[place], second[place] = self._averages(sector, ket)
            if place in self._snapshots:
                distributions[self._snapshots[place]] = self._distribution(sector, ket)
            sectors[place] = np.array(sector.two_J) / 2
            counts[place] = n_jumps

        while done < T and self.times[done] <= t:
            measure(done, state)
            done += 1
        tables = sector.tables
        while done < T:
            self._load(sector, state)
            size, cells = sector.size, slice(PAD, PAD + sector.size)
            most = self.times[-1] - t
            step, found, lost, _, order, horizon, energy, rate = product_step(
                tables, self._work, size, shift, rate_shift, waiting, most, self.tolerance
            )
            if found < 0 or not np.isfinite(energy) or t + step <= t:
                raise ConvergenceError(
                    f"Trajectory {index} of seed {seed}: the state did not converge at t = {t:.9g} "
                    f"(sector {tuple(j / 2 for j in sector.two_J)}, tolerance {self.tolerance:g})"
                )
            state = self._work.out_re[cells] + 1j * self._work.out_im[cells]
            until = self.times[-1] if found == 0 and horizon >= most else t + step
            while done < T and self.times[done] <= until:
                measure(done, self._at(order, size, self.times[done] - t))
                done += 1
            t, shift, rate_shift = t + step, energy, rate
            if found == 1 and done < T:
                channel, sector, state = self._jump(sector, state, generator.random())
                tables = sector.tables
                waiting = generator.standard_exponential()
                n_jumps[channel] += 1
                left -= 1
                if record:
                    jumps.append((t, channel, sector.two_J))
                if left == 0 or size > _SMALL:
                    left = _POLL
                    if poll is not None:
                        poll()
            else:
                waiting -= lost
                sector, state = self._fit(sector.two_J, sector.box, state)
                tables = sector.tables
            state = state / np.linalg.norm(state)
        made = record_of(jumps, B) if record else None
        return Outcome(
            mean, second, sectors[:, 0] if B == 1 else sectors, counts, int(n_jumps.sum()), made, distributions
        )

    def _draw(self, generator: np.random.Generator) -> tuple[ProductSector, Ket]:
        """One pure state of one sector; what does not vary between trajectories is made once."""
        drawn = [fixed if fixed is not None else self._draw_block(b, generator) for b, fixed in enumerate(self._fixed)]
        # The tails of each factor are cut before the product is made: all of it might not fit.
        cut = [_support(np.abs(ket) ** 2, self._tail) for _, ket in drawn]
        whole: Ket = np.ones(1, dtype=complex)
        for (_, ket), (lo, hi) in zip(drawn, cut, strict=True):
            whole = np.outer(whole, ket[lo:hi]).ravel()
        return self._fit(tuple(two_J for two_J, _ in drawn), tuple(cut), whole / np.linalg.norm(whole))

    def _fit(self, two_J: tuple[int, ...], box: Box, state: Ket) -> tuple[ProductSector, Ket]:
        """Put a state given on ``box`` into a window that its support cannot leave within one step.

        A step widens the support by at most MAX_ORDER times the bandwidth along each axis; what is cut off weighs
        no more than the tolerance allows (the same share as for one block).
        """
        whole: Box = tuple((0, j + 1) for j in two_J)
        target: Box = whole
        if prod(j + 1 for j in two_J) > _SMALL:
            weights = np.abs(state.reshape([hi - lo for lo, hi in box])) ** 2
            wanted = []
            for b, (lo, _) in enumerate(box):
                others = tuple(a for a in range(len(box)) if a != b)
                first, last = _support(weights.sum(axis=others), self._tail * float(weights.sum()))
                low, high = lo + first - self._reach, lo + last + self._reach
                low, high = low // _SNAP * _SNAP, -(-high // _SNAP) * _SNAP
                wanted.append(whole[b] if self.basis.whole_axes[b] else (max(low, 0), min(high, two_J[b] + 1)))
            target = tuple(wanted)
        return self.basis.sector(two_J, target), _moved(state, box, target)

    def _draw_block(self, b: int, generator: np.random.Generator) -> tuple[int, Ket]:
        N = self.basis.sizes[b]
        two_J, ket = draw_sector_state(self.state[b], N, self.basis.rotations[b], generator)
        first = (N - two_J) // 2
        return two_J, ket[first : first + two_J + 1]

    def _load(self, sector: ProductSector, state: Ket) -> None:
        if sector.size + 2 * PAD > self._cells:
            self._cells = sector.size + 2 * PAD
            self._work = work_space(self._cells, 1)
        cells = slice(PAD, PAD + sector.size)
        self._work.taylor_re[0, cells], self._work.taylor_im[0, cells] = state.real, state.imag

    def _at(self, order: int, size: int, t: float) -> Ket:
        """State at time t after the start of the step."""
        w = self._work
        sum_series(w.taylor_re, order, PAD, PAD + size, t, w.out_re)
        sum_series(w.taylor_im, order, PAD, PAD + size, t, w.out_im)
        return w.out_re[PAD : PAD + size] + 1j * w.out_im[PAD : PAD + size]

    def _averages(self, sector: ProductSector, state: Ket) -> tuple[Array, Array]:
        """<m_a> and <½{m_a, m_b}>: inner products of the vectors m_a ψ with ψ and with each other."""
        vectors = []
        for b, s in enumerate(sector.blocks):
            key = (b, s.two_J, s.window)
            if key not in self._operators:
                self._operators[key] = [_rows(s.one_body(m) * (1.0 / s.N)) for _, m in self._paulis[b]]
            vectors += [_apply(m, sector.dims, b, state) for m in self._operators[key]]
        stack = np.array(vectors)
        norm2 = np.vdot(state, state).real
        gram = (stack.conj() @ stack.T).real / norm2
        return (stack @ state.conj()).real / norm2, gram[self._pairs]

    def _distribution(self, sector: ProductSector, state: Ket) -> Array:
        """Probabilities of M in each block, block after block."""
        pieces = []
        tensor = state.reshape(sector.dims) / np.linalg.norm(state)
        for b, s in enumerate(sector.blocks):
            piece = np.zeros(s.N + 1)
            whole = np.zeros((s.two_J + 1, sector.size // s.dim), dtype=complex)
            whole[slice(*s.window)] = np.moveaxis(tensor, b, 0).reshape(s.dim, -1)
            lowest = (s.N - s.two_J) // 2
            piece[lowest : lowest + s.two_J + 1] = self._frames[b].probabilities(s.two_J, whole)
            pieces.append(piece)
        return np.concatenate(pieces)

    def _weights(self, sector: ProductSector, state: Ket) -> list[float]:
        """<rate operator> of every jump of the model, unnormalised."""
        weight = np.abs(state) ** 2
        weights = []
        for table, program in zip(sector.rate_tables, sector.rate_programs, strict=True):
            total = float(table @ weight)
            if program is not None:
                program.registers[0] = state
                run_program(program)
                total += float(np.vdot(state, program.registers[1]).real)
            weights.append(max(total, 0.0))
        return weights

    def _jump(self, sector: ProductSector, state: Ket, u: float) -> tuple[int, ProductSector, Ket]:
        """Choose a jump with probability ∝ |Kψ|² and apply it; the state after it is not normalised."""
        left = u * sum(weights := self._weights(sector, state))
        number = 0
        for n, weight in enumerate(weights):
            if weight > 0:
                number = n
                if left < weight:
                    break
                left -= weight
        channel, collective = self.basis.channels[number], self.basis.collective[number]
        if channel is None:
            assert collective is not None
            after = np.zeros(sector.size, dtype=complex)
            for b, y in collective.items():
                _apply(_rows(sector.blocks[b].one_body(y)), sector.dims, b, state, after)
            return (number, *self._fit(sector.two_J, sector.box, after))
        return (number, *self._local_jump(sector, channel, state, left))

    def _local_jump(
        self, sector: ProductSector, channel: Channel, state: Ket, left: float
    ) -> tuple[ProductSector, Ket]:
        """Outcome (μ, J') of a local jump, by the weights of its up to four Kraus operators."""
        b, dims = channel.block, sector.dims
        N = sector.blocks[b].N
        for axis, unitary in channel.turn.items():
            state = _apply(self._turn(axis, sector.two_J[axis], unitary, True), dims, axis, state)
        if not channel.excluded:
            state = state * sector.flat_gamma(channel)
        # the particle moves on the whole of its own axis
        box = _replaced(sector.box, b, (0, sector.two_J[b] + 1))
        state, dims = _moved(state, sector.box, box), _replaced(dims, b, sector.two_J[b] + 1)
        chosen: tuple[int, Ket] | None = None
        for two_mu, out in _out_of(N, sector.two_J[b]):
            rest = _replaced(dims, b, two_mu + 1)
            parts = [_apply(m, dims, b, state) for m in out]
            if channel.excluded:
                parts = [p * sector.flat_gamma(channel, two_mu) for p in parts]
            j = channel.matrix
            parts = [j[s, 0] * parts[0] + j[s, 1] * parts[1] for s in range(2)]
            for two_J in (two_mu - 1, two_mu + 1):
                if two_J < 0:
                    continue
                up, down = _into(N, two_J, two_mu)
                after = _apply(down, rest, b, parts[1], _apply(up, rest, b, parts[0]))
                weight = float(np.vdot(after, after).real)
                if weight > 0:
                    chosen = (two_J, after)
                    if left < weight:
                        return self._turn_back(sector, channel, *chosen)
                    left -= weight
        if chosen is None:
            raise ConvergenceError(f"A jump on block {self.basis.model.blocks[b].name!r} leads nowhere")
        return self._turn_back(sector, channel, *chosen)  # rounding: keep the last possible one

    def _turn_back(self, sector: ProductSector, channel: Channel, two_J: int, state: Ket) -> tuple[ProductSector, Ket]:
        after = _replaced(sector.two_J, channel.block, two_J)
        box = _replaced(sector.box, channel.block, (0, two_J + 1))
        dims = tuple(hi - lo for lo, hi in box)
        for axis, unitary in channel.turn.items():
            state = _apply(self._turn(axis, after[axis], unitary, False), dims, axis, state)
        return self._fit(after, box, state)

    def _turn(self, axis: int, two_J: int, unitary: NDArray[np.complex128], into: bool) -> _Rows:
        """Change of frame on one axis: into the channel's frame, or back."""
        key = (two_J, id(unitary), int(into))
        if key not in self._turns:
            D = rotation_matrix(two_J, unitary)
            self._turns[key] = _rows(csr_array(D.conj().T if into else D))
        return self._turns[key]


def record_of(jumps: list[tuple[float, int, tuple[int, ...]]], n_blocks: int) -> NDArray[np.void]:
    """The jump record as a structured array; ``sector`` has one entry per block if there are several."""
    made = np.empty(len(jumps), dtype=jump_type(n_blocks))
    for n, (time, channel, two_J) in enumerate(jumps):
        made[n] = (time, channel, two_J[0] / 2 if n_blocks == 1 else tuple(j / 2 for j in two_J))
    return made


def jump_type(n_blocks: int) -> np.dtype[np.void]:
    """Type of one entry of a jump record."""
    return JUMP if n_blocks == 1 else np.dtype([*JUMP.descr[:2], ("sector", "f8", (n_blocks,))])


def product_bytes(model: Model) -> int:
    """Memory of the engine in bytes for the largest sector: Taylor vectors, registers, tables."""
    amplitudes = int(np.prod([float(b.size + 1) for b in model.blocks]))
    return 8 * amplitudes * (2 * (MAX_ORDER + 1) + 14 + 2 * 7 + 6 * max(len(model.jumps), 1))
