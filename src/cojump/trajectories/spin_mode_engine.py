"""Trajectories of blocks of two levels beside boson modes: the loop as one compiled kernel, in a frame that moves."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..basis.fock_window import radial
from ..basis.reported_sectors import reported_spins
from ..basis.sectors import Labels
from ..model import Model
from ..model.final_states import PartStart
from ..model.jumps import CollectiveJump
from ..tools.cache_by_bytes import CacheByBytes
from ..tools.matrices import ROUNDING, is_diagonal
from ..tools.types import Array, Matrix
from . import mode_state
from .axes import seen
from .counting_engine import CountingEngine
from .displaced_modes import DisplacedMode
from .kernels.common import MAX_ORDER
from .kernels.inner_products import PIECE
from .kernels.mode_columns import (
    B_IM,
    B_RE,
    FOR_EACH,
    FROM_PLANES,
    LEFT_THEN,
    TWO_J,
    SpinModeHeff,
    SpinModeModel,
    SpinModeWork,
)
from .kernels.spin_mode_frames import MARGIN, ROOM
from .kernels.spin_mode_jump import LOSS
from .kernels.spin_mode_state import SpinModeRoom
from .kernels.vectors import LANES
from .lattice_tables import kind_of
from .mode_state import ModeState
from .no_jump_tables import COLLECTIVE, COLLECTIVE_DOWN, COLLECTIVE_UP, GENERAL, LADDER_DOWN, LADDER_UP
from .product_averages import Collective
from .product_moves import Ket
from .product_sectors import Box, ProductBasis, ProductSector, is_product_of_diagonals
from .pure_state import PureState
from .state_factor import Factor
from .work_space import aligned, check_growth

FIRST_ROWS = 31
"""Fock states above a step's reach that a column has room for at first."""

FIRST_PLANES = 2 * MARGIN + 16
"""i of a block that planes are there for at first;"""

FIRST_QUANTA = MARGIN + 20
"""Fock states of any mode but the first that planes are there for at first;"""

MORE_PLANES = 12
"""and how many more than needed where these are not enough."""

SIZES = 16
"""Displacements that are kept, by their sizes, at most;"""

_SPREAD = 8
"""Standard deviations of i, √N_b/2 each, twice, that a state has amplitudes in."""

MEMORY = 8 * 2**20
"""and bytes of their matrices, but one of each mode in any case: they grow as the square of the number of rows."""


COLLECTIVE_KINDS = {LADDER_DOWN: COLLECTIVE_DOWN, LADDER_UP: COLLECTIVE_UP, GENERAL: COLLECTIVE}
"""What a collective jump of one block is, by what its matrix is; any that is no ladder is diagonal."""


MOST_QUANTA = 2**31
"""An axis of Fock states has no end."""


def columns_of(size: int) -> int:
    """Columns that a block of so many particles has."""
    return size // LANES + 1


def rows_for(wanted: int) -> int:
    """Fock states of a column: odd, so that columns, and vectors of the series, lie in different lines of the cache."""
    return wanted | 1


_MADE: CacheByBytes[tuple[int, int], Array] = CacheByBytes(MEMORY)


def _displacement(size: int, rows: int) -> Array:
    """The matrix of a displacement by √size/4 on so many Fock states; few sizes come back, in all engines."""
    return _MADE.get((size, rows), lambda: radial(np.sqrt(size) / 4, rows))


def bytes_of_columns(sizes: Sequence[int], modes: int, jumps: int, sums: int = 0) -> int:
    """Memory of an engine, with room for the Fock states that there is room for at first, and for sums of rows.

    Of all blocks but the last it has room for the i of a state with few correlations, and of a step.
    """
    rows, planes = rows_for(FIRST_ROWS + ROOM), (FIRST_QUANTA + 2.0) ** (modes - 1)
    for size in sizes[:-1]:
        planes *= min(size + 1, _SPREAD * sqrt(size) + 2 * MARGIN) + 2
    cells = LANES * (planes * (columns_of(sizes[-1]) + 2) + 1)
    tables = prod(size + 1.0 for size in sizes[:-1]) * LANES * columns_of(sizes[-1])
    numbers = cells * (rows * (2 * (MAX_ORDER + 1) + 14 + 2 * sums) + 30) + tables * (2 + 3 * jumps) + SIZES * rows**2
    return int(min(8 * numbers, 1e300))


class SpinModeEngine(CountingEngine):
    """Runs trajectories of blocks of two levels, whose j†j are diagonal, beside modes.

    Columns are of the Fock states of the first mode.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    state: ModeState

    def __init__(
        self, model: Model, state: PartStart, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        super().__init__(model, state, times, tolerance, snapshots)
        self._modes, self._sizes = len(model.modes), [block.size for block in model.blocks]
        self._is_dicke = len(self._sizes) == self._modes == 1
        self._model = model_of(self.basis, [] if self._is_dicke else self.state.averages.operators)
        self.sector_numbers, columns = len(self._sizes), columns_of(self._sizes[-1])
        self._frame, self._where = np.zeros((self._modes, 6)), np.full(2 + len(self._sizes), -1)
        self._c = aligned(len(self._sizes), max(LANES * columns, *(size + 2 for size in self._sizes)))
        self._elements = aligned(self._modes, 18, LANES * columns)
        planes = [min(size + 1, FIRST_PLANES) for size in self._sizes[:-1]] + [FIRST_QUANTA] * (self._modes - 1)
        self._make_room(rows_for(FIRST_ROWS + ROOM), planes)

    @property
    def n_vectors(self) -> int:
        """Of one block and mode ψ, n_up ψ, J_+ψ, J_-ψ, aψ and a†ψ; of several ψ and what averages need."""
        if self._is_dicke:
            return 6
        return 1 + len(self._model.seen) + (2 * self._modes if self.basis.model.quadratures else 0)

    def _make_room(self, rows: int, extents: Sequence[int]) -> None:
        """Arrays for so many Fock states, and i or n of what has planes; only the pages used take memory."""
        width, B, A, M = columns_of(self._sizes[-1]) + 2, len(self._sizes), len(extents), self._modes
        padded, largest = [n + 2 for n in extents], max([rows, *extents])
        hops = np.array([prod(padded[a + 1 :]) for a in range(A)], dtype=np.int64)
        planes, L = prod(padded), len(self._model.kind)
        C = planes * width
        self._layout = (*padded, width, rows, LANES)
        # an odd number of lines, as for columns
        cells, general = LANES * (C * rows + 1 - C % 2), GENERAL in self._model.kind
        grid = LANES * (width - 2) * rows * prod(extents) if general else 0
        shortest = min([LANES * (width - 2), *extents])  # a jump needs one cell more along an axis, and then two
        vectors = self.n_vectors + 1

        def numbers(*shape: int) -> NDArray[np.int64]:
            return np.zeros(shape, dtype=np.int64)

        self._work = SpinModeWork(
            taylor_re=aligned(MAX_ORDER + 1, cells),
            taylor_im=aligned(MAX_ORDER + 1, cells),
            out_re=aligned(cells),
            out_im=aligned(cells),
            norms=np.zeros(MAX_ORDER + 1),
            shape=np.array([rows, C - 2, width, planes, 0, 0, B - 1]),
            hops=hops,
            first=numbers(A),
            planes=numbers(planes, 2 + A),
            cover=numbers(MAX_ORDER + 1, C, 2),
            columns=numbers(MAX_ORDER + 1, planes, 2),
            tight=numbers(C, 3, 2),
            reach=numbers(MAX_ORDER + 1, C, 2),
            span=numbers(C, 2),
            other_re=aligned(LANES * rows),
            other_im=aligned(LANES * rows),
        )
        self._room = SpinModeRoom(
            new_re=aligned(cells),
            new_im=aligned(cells),
            span=numbers(C, 2),
            kept=numbers(C, 2),
            two_J=numbers(B),
            first=numbers(A),
            aim=numbers(A),
            means=np.zeros((M, 2)),
            moves=np.zeros((M, 2)),
            wanted=numbers(2 + A),
            profile=aligned(LANES * C),
            amplitude=np.zeros(self._c.shape[1] + 2 * LANES),
            weights=np.zeros(L),
            phases=np.zeros((2, largest)),
            grid=np.zeros((2, grid)),
            rest=np.zeros((2, 2, grid + grid // shortest)),
            after=np.zeros((2, grid + 2 * grid // shortest)),
            lattice=numbers(4, 2 + A),
            place=numbers(2 + A),
            vectors=aligned(vectors + 1, 2 * PIECE),
            present=numbers(vectors),
            sums=aligned(vectors**2, LANES),
            filled=np.full(3, -1),
        )
        self._model = self._model._replace(roots=np.sqrt(np.arange(largest + 3.0)))
        self._where[TWO_J:] = -1
        sizes = max(min(SIZES, MEMORY // (8 * largest**2)), M)  # all modes may move at once
        self._h_eff = SpinModeHeff(
            L > 0,
            self._model,
            self._elements,
            np.zeros((planes, FROM_PLANES + FOR_EACH * (B - 1) + (M - 1) * (4 + 8 * (B - 1)))),
            np.zeros(B),
            self._c,
            self._frame,
            self._where,
            np.full(sizes, -1),
            np.zeros((sizes, largest, largest)),
        )
        self._next_size = 0

    def _shown_too(self) -> Any:
        shown = super()._shown_too()
        if shown.span is self._work.span:
            shown = self._shown = shown._replace(span=np.zeros_like(shown.span))
        return shown

    def _labels(self, numbers: list[int]) -> Labels:
        return tuple(numbers)

    def _reported(self, numbers: NDArray[np.int64]) -> NDArray:
        return reported_spins(numbers)

    def _averages(self, grams: Ket) -> tuple[Array, Array]:
        return self.state.averages.of_grams(grams, needed=not self._is_dicke)

    def _grow(self, now: Any) -> None:
        """More Fock states, or planes, than the state that waits in ``room`` needs, or a displacement."""
        rows, size, *planes = self._room.wanted.tolist()
        if rows or any(planes):
            self._more_room(rows, planes)
        else:
            place = self._next_size % len(self._h_eff.size)
            self._h_eff.radial[place] = _displacement(size, self._h_eff.radial.shape[1])
            self._h_eff.size[place] = size
            self._next_size += 1

    def _more_room(self, wanted: int, planes: Sequence[int] = ()) -> None:
        """Columns with room for so many Fock states, and as many planes; what waits in ``room`` stays there.

        Raises
        ------
        MemoryError
            If that is more than a rank may use: no number of quanta is the last one.
        """
        old, before = self._room, self._layout
        rows, extents = before[-2], [n - 2 for n in before[:-3]]
        if wanted > rows:
            rows = rows_for(wanted + FIRST_ROWS)
        for b, needed in enumerate(planes):
            if needed:
                extents[b] = min(needed + MORE_PLANES, int(self._model.limits[b]) + 1)
        columns = self._sizes[-1] + 1
        check_growth(prod(extents) * columns * rows, " × ".join(f"{n:,}" for n in (*extents, columns, rows)))
        self._make_room(rows, extents)
        self._room.first[:] = np.minimum(old.first, self._model.limits + 1 - extents)
        at = [slice(1 + up, up + n - 1) for up, n in zip(old.first - self._room.first, before, strict=False)]
        inside = (*at, slice(None), slice(before[-2]))
        here = (slice(1, -1),) * len(extents)
        for new, kept in ((self._room.new_re, old.new_re), (self._room.new_im, old.new_im)):
            self._in_columns(new)[inside] = kept[: prod(before)].reshape(before)[here]
        self._of_columns(self._room.span)[inside[:-1]] = old.span.reshape(*before[:-2], 2)[here]
        self._room.two_J[:] = old.two_J

    def _in_columns(self, cells: Array) -> Array:
        """A state by planes, columns, Fock states, and the i of a column."""
        return cells[: prod(self._layout)].reshape(self._layout)

    def _of_columns(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Two numbers of each column by planes and columns."""
        return numbers.reshape(*self._layout[:-2], 2)

    def _ready(self, labels: Labels, box: Box, ket: Ket) -> tuple[Labels, Box, Ket]:
        """All of it: what is written into ``room`` depends on its size."""
        return labels, box, ket

    def _wait(self, ready: tuple[Labels, Box, Ket]) -> None:
        """Let a state wait in ``room``, in the frame of the start."""
        labels, box, ket = ready
        B, N = len(labels), self._sizes
        ((bottom, top), *others), blocks = box[B:], box[:B]
        starts = [(n - int(two_J)) // 2 + lo for n, two_J, (lo, _) in zip(N, labels, blocks, strict=True)]
        dims, last = [hi - lo for lo, hi in blocks], starts[-1]
        windows = [(first, first + n) for first, n in zip(starts[:-1], dims[:-1], strict=True)] + list(others)
        needed = [hi - lo for lo, hi in windows[: B - 1]] + [hi for _, hi in others]
        extents = [n - 2 for n in self._layout[:-3]]
        wider = [n if n > there else 0 for n, there in zip(needed, extents, strict=True)]
        if top + ROOM > self._work.shape[0] or any(wider):
            self._more_room(top + ROOM, wider)
        room, at = self._room, []
        for a, ((lo, hi), n) in enumerate(zip(windows, self._layout[:-3], strict=False)):
            begin = min(max(lo + (hi - lo - n + 2) // 2, 0), int(self._model.limits[a]) + 3 - n) if a < B - 1 else 0
            room.first[a] = min(begin, lo)
            at.append(slice(lo - int(room.first[a]) + 1, hi - int(room.first[a]) + 1))
        begin, end = last // LANES, (last + dims[-1] - 1) // LANES + 1
        tensor = ket.reshape(*dims, top - bottom, *(hi - lo for lo, hi in others))
        tensor = np.moveaxis(tensor, [B - 1, B], [-2, -1])
        outer = tensor.shape[:-2]
        padded = np.zeros((*outer, (end - begin) * LANES, top - bottom), dtype=complex)
        padded[..., last - begin * LANES :, :][..., : dims[-1], :] = tensor
        cells = padded.reshape(*outer, end - begin, LANES, top - bottom).swapaxes(-1, -2)
        place = (*at, slice(begin + 1, end + 1))
        for to, part in ((room.new_re, cells.real), (room.new_im, cells.imag)):
            self._in_columns(to)[(*place, slice(bottom, top))] = part
        room.span[:] = 0
        self._of_columns(room.span)[place] = bottom, top
        room.two_J[:] = labels

    def _begin(self, ready: tuple[Labels, Box, Ket]) -> None:
        """Let a state wait in ``room`` that a trajectory begins with, and the frame of the start."""
        self._wait(ready)
        for own, start in zip(self._frame, self.state.start_displacements, strict=True):
            own[[B_RE, B_IM]] = start.real, start.imag
        self._frame[0, LEFT_THEN] = 0.0  # the references move to <a>

    def _seen(self, re: Array, im: Array) -> tuple[Labels, Box, Ket]:
        """A state in columns: the labels, the windows of the blocks and of the mode, and the amplitudes."""
        labels = tuple(self._where[TWO_J:].tolist())
        if re is self._shown.out_re:
            span = self._of_columns(self._shown.span)
        else:
            span = self._of_columns(np.zeros_like(self._work.span))
            flat = span.reshape(-1, 2)
            for first, last in self._work.columns[0]:
                flat[first:last] = self._work.cover[0, first:last]
        used = span[..., 1] > 0
        windows, at, B = [], [], len(labels)
        for b in range(len(self._work.first)):
            (places,) = np.nonzero(used.any(axis=tuple(a for a in range(used.ndim) if a != b)))
            at.append(slice(places[0], places[-1] + 1))
            i = int(self._work.first[b]) - 1 - ((self._sizes[b] - labels[b]) // 2 if b < B - 1 else 0)
            windows.append((i + int(places[0]), i + int(places[-1]) + 1))
        inside, top = (*at, slice(1, -1)), int(span[..., 1].max())
        rows, span = np.arange(top)[:, None], span[inside]
        here = (rows >= span[..., None, None, 0]) & (rows < span[..., None, None, 1])
        re, im = (self._in_columns(part)[(*inside, slice(top))] for part in (re, im))
        cells = np.where(here, re + 1j * im, 0.0).swapaxes(-1, -2)
        grid = cells.reshape(*cells.shape[:-3], -1, top)
        first, two_J = (self._sizes[-1] - labels[-1]) // 2, labels[-1]
        box = (*windows[: B - 1], (0, two_J + 1), (0, top), *windows[B - 1 :])
        return labels, box, np.moveaxis(grid[..., first : first + two_J + 1, :], [-2, -1], [B - 1, B]).copy()

    def _pure_state(self) -> PureState:
        """The state at the output time measured last."""
        labels, box, state = self._seen(self._shown.out_re, self._shown.out_im)
        B, displaced, modes = len(labels), tuple(self._displacements()), tuple(range(self._modes))
        tensor, blocks = state / np.linalg.norm(state), tuple(range(B))
        return PureState((Factor(blocks, labels, box[:B], tensor, self.state.frames, modes, box[B:], displaced),))

    def _displacements(self) -> list[complex]:
        return [complex(*own) for own in self._frame[:, [B_RE, B_IM]].tolist()]

    def _hand_over(self, now: Any) -> None:
        """Let the sector in the tensor product be the one that a step begins with, for what is said of it."""
        labels, window, state = self._seen(self._work.taylor_re[0], self._work.taylor_im[0])
        self.state.hand_over(labels, window, state.ravel(), self._displacements())


def model_of(basis: ProductBasis, measured: Sequence[Collective]) -> SpinModeModel:
    """Gather the terms of H_eff and the jumps, in the main frames of the blocks; ``roots`` are those of no Fock state.

    ``measured``: operators that averages need.
    """
    sizes, L = [block.size for block in basis.blocks], len(basis.channels)
    kind, strength, axis = np.zeros(L, dtype=np.int64), np.zeros((L, 2)), np.zeros(L, dtype=np.int64)
    shape = (*(size + 1 for size in sizes[:-1]), LANES * columns_of(sizes[-1]))
    cells, whole = prod(shape), _whole(basis)
    gamma, tables, excluded = np.zeros((L, cells)), np.zeros((L, cells + 2 * LANES)), np.zeros(L, dtype=np.int64)
    j = np.zeros((L, 2, 2), dtype=complex)
    for l, channel in enumerate(basis.channels):
        together = basis.collective[l]
        if together is not None:
            ((axis[l], matrix),) = together.items()
            kind[l] = COLLECTIVE_KINDS[kind_of(_clean(matrix))]
            strength[l, 0] = 1.0 if kind[l] == COLLECTIVE else np.abs(matrix).max() ** 2
            j[l], gamma[l] = matrix, 1.0
            continue
        if channel is None:
            axis[l] = next(m for m, mode in enumerate(basis.modes) if l in mode.losses)
            kind[l], strength[l] = LOSS, basis.modes[axis[l]].losses[l]
            continue
        axis[l] = b = channel.block
        kind[l], down = kind_of(channel.matrix), channel.matrix[0, 1] == 0
        if kind[l] == GENERAL:
            j[l], excluded[l] = channel.matrix, channel.excluded
            tables[l, LANES : LANES + cells] = _on_all(channel.gamma, shape, b, 0)
            gamma[l] = _padded(whole.rate_tables[l], sizes)
            continue
        strength[l, 0] = np.abs(channel.matrix).max() ** 2
        # the others number one less, and those that are up are one less where the particle is
        gamma[l] = _on_all(channel.gamma, shape, b, int(channel.excluded and down))
    return SpinModeModel(
        **terms_of(basis),
        sizes=np.array(sizes),
        limits=np.array([*sizes[:-1], *(MOST_QUANTA for _ in basis.modes[1:])], dtype=np.int64),
        strides=np.array([prod(shape[b + 1 :]) for b in range(len(sizes))]),
        kind=kind,
        axis=axis,
        strength=strength,
        gamma=gamma,
        j=j,
        table=tables,
        excluded=excluded,
        roots=np.zeros(0),
        seen_in=np.array([o.block for o in measured], dtype=np.int64),
        seen=np.array([_matrix_of(o) for o in measured], dtype=complex).reshape(len(measured), 2, 2),
    )


def holds_collective(jump: CollectiveJump, frames: dict[str, Matrix]) -> bool:
    """Whether it is of one block, a ladder or diagonal in its frame, and has a constant rate."""
    matrices = [_clean(seen(frames[name], y)) for name, y in jump.matrices.items()]
    if len(matrices) != 1 or jump.amplitude is not None:
        return False
    (matrix,) = matrices
    return bool(is_diagonal(matrix) or kind_of(matrix) != GENERAL)


def _clean(matrix: Matrix) -> Matrix:
    """Without rounding."""
    return np.where(np.abs(matrix) > ROUNDING * np.abs(matrix).max(initial=0), matrix, 0)


def _matrix_of(operator: Collective) -> Ket:
    return operator.matrix if operator.diagonal is None else np.diag(operator.diagonal)


def _on_all(gamma: Array, shape: tuple[int, ...], b: int, less: int) -> Array:
    """Γ by the i of all blocks, those of block b being ``less`` up where the table is read; flat."""
    made = np.asarray(gamma, dtype=float)
    for axis, n in enumerate(shape):
        places = np.arange(n) - (less if axis == b else 0)
        made = made.take(np.clip(places, 0, made.shape[axis] - 1), axis=axis)
    return made.ravel()


def terms_of(basis: ProductBasis) -> dict[str, Any]:
    """H_eff of a model, or of a part of it: ``y``, ``one``, ``collected``, ``level``, ``damping`` and ``of_mode``."""
    assert all(is_product_of_diagonals(A, B) for _, _, A, B, _ in basis.across)  # all else would be left out
    sizes, whole = [block.size for block in basis.blocks], _whole(basis)
    y = np.zeros((len(basis.modes), len(sizes), 2, 2), dtype=complex)
    for m, mode in enumerate(basis.modes):
        for b, matrix in mode.couplings:
            y[m, b] += matrix
    collected, half_rate = np.zeros((len(sizes), 2)), np.reshape(whole.half_rate, [size + 1 for size in sizes])
    for b, matrix in (pair for together in basis.collective if together for pair in together.items()):
        made, up = kind_of(_clean(matrix)), np.arange(sizes[b] + 1)
        if made == GENERAL:  # diagonal
            square = 0.5 * np.abs(matrix[0, 0] * up + matrix[1, 1] * (sizes[b] - up)) ** 2
            half_rate = half_rate + square.reshape([-1 if c == b else 1 for c in range(len(sizes))])
        else:
            collected[b, int(made == LADDER_UP)] += np.abs(matrix).max() ** 2
    return {
        "y": y,
        "one": np.array(basis.one_body, dtype=complex),
        "collected": collected,
        "level": _padded(whole.energy, sizes),
        "damping": _padded(half_rate, sizes),
        "of_mode": np.array([_of_mode(mode, min(own.tick for own in basis.modes)) for mode in basis.modes]),
    }


def _of_mode(mode: DisplacedMode, tick: float) -> list[float]:
    """See OMEGA and the slots behind it."""
    (net, both), stays = mode.rates, 0j if mode.reference is None else mode.reference
    return [
        mode.omega, mode.drive.real, mode.drive.imag, net, both, tick, mode.reference is None, stays.real, stays.imag,
        mode_state.FAR,
    ]  # fmt: skip


def _whole(basis: ProductBasis) -> ProductSector:
    """The sector of all J beside no quantum: what is diagonal does not depend on J."""
    sizes = tuple(block.size for block in basis.blocks)
    return ProductSector(basis, sizes, (*((0, size + 1) for size in sizes), *((0, 1) for _ in basis.modes)))


def _padded(values: Array, sizes: Sequence[int]) -> Array:
    """Numbers by the i of all blocks, those of the last one in whole columns; flat."""
    grid = np.reshape(values, [size + 1 for size in sizes])
    made = aligned(*grid.shape[:-1], LANES * columns_of(sizes[-1]))
    made[..., : grid.shape[-1]] = grid
    return made.ravel()
