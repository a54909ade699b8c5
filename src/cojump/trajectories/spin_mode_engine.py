"""Trajectories of a block of two levels beside a boson mode: the loop as one compiled kernel, in a frame that moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..basis.fock_window import radial
from ..basis.reported_sectors import reported_spins
from ..basis.sectors import Labels
from ..model import Model
from ..model.final_states import PartStart
from ..tools.cache_by_bytes import CacheByBytes
from ..tools.types import Array
from . import mode_state
from .counting_engine import CountingEngine
from .kernels.common import MAX_ORDER
from .kernels.spin_mode import (
    B_IM,
    B_RE,
    LEFT_THEN,
    TWO_J,
    SpinModeHeff,
    SpinModeModel,
    SpinModeWork,
)
from .kernels.spin_mode_jump import LOSS
from .kernels.spin_mode_state import ROOM, SpinModeRoom
from .kernels.vectors import LANES
from .lattice_tables import kind_of
from .mode_state import ModeState
from .no_jump_tables import GENERAL
from .product_moves import Ket
from .product_sectors import Box, ProductBasis, ProductSector
from .pure_state import PureState
from .state_factor import Factor
from .work_space import aligned

FIRST_ROWS = 31
"""Fock states above a step's reach that a column has room for at first."""

SIZES = 16
"""Displacements that are kept, by their sizes, at most;"""

MEMORY = 8 * 2**20
"""and bytes of their matrices, but one is kept in any case: they grow as the square of the number of Fock states."""


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


def bytes_of_columns(size: int, jumps: int, sums: int = 0) -> int:
    """Memory of an engine, with room for the Fock states that there is room for at first, and for sums of rows."""
    rows, cells = rows_for(FIRST_ROWS + ROOM), LANES * (columns_of(size) + 3)
    return 8 * (cells * (rows * (2 * (MAX_ORDER + 1) + 14 + 2 * sums) + 30 + 3 * jumps) + SIZES * rows**2)


class SpinModeEngine(CountingEngine):
    """Runs trajectories of one block of two levels, whose j†j are diagonal, beside one mode.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    state: ModeState
    sector_numbers = 1
    n_vectors = 6
    """ψ, n_up ψ, J_+ψ, J_-ψ, aψ and a†ψ."""

    def __init__(
        self, model: Model, state: PartStart, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        super().__init__(model, state, times, tolerance, snapshots)
        self._model = model_of(self.basis)
        columns = columns_of(model.size)
        self._frame, self._where = np.zeros(6), np.full(3, -1)
        self._c, self._elements = aligned(LANES * columns), aligned(18, LANES * columns)
        self._make_room(rows_for(FIRST_ROWS + ROOM))

    def _make_room(self, rows: int) -> None:
        """Arrays for so many Fock states; only the pages that are used take memory."""
        columns, L = columns_of(self._model.N), len(self._model.kind)
        cells, general = LANES * (columns + 2) * rows, rows if GENERAL in self._model.kind else 0
        # an odd number of lines, as for columns
        cells += LANES * (1 - (columns + 2) % 2)

        def numbers(*shape: int) -> NDArray[np.int64]:
            return np.zeros((*shape, columns + 2, 2), dtype=np.int64)

        self._work = SpinModeWork(
            taylor_re=aligned(MAX_ORDER + 1, cells),
            taylor_im=aligned(MAX_ORDER + 1, cells),
            out_re=aligned(cells),
            out_im=aligned(cells),
            norms=np.zeros(MAX_ORDER + 1),
            shape=np.array([rows, columns, 0, 0]),
            cover=numbers(MAX_ORDER + 1),
            columns=np.zeros((MAX_ORDER + 1, 2), dtype=np.int64),
            tight=np.zeros((columns + 2, 3, 2), dtype=np.int64),
            reach=numbers(MAX_ORDER + 1),
            span=numbers(),
        )
        self._room = SpinModeRoom(
            new_re=aligned(cells),
            new_im=aligned(cells),
            span=numbers(),
            kept=numbers(),
            two_J=np.zeros(1, dtype=np.int64),
            wanted=np.zeros(2, dtype=np.int64),
            profile=np.zeros(LANES * (columns + 2)),
            amplitude=np.zeros(LANES * (columns + 2)),
            weights=np.zeros(L),
            phases=np.zeros((2, rows)),
            grid=np.zeros((2, general * LANES * columns)),
            rest=np.zeros((2, 2, general * (LANES * columns + 1))),
            after=np.zeros((2, general * (LANES * columns + 2))),
            lattice=np.zeros((4, 2), dtype=np.int64),
            place=np.zeros(2, dtype=np.int64),
            filled=np.full(3, -1),
        )
        self._model = self._model._replace(roots=np.sqrt(np.arange(rows + 3.0)))
        self._where[TWO_J] = -1
        sizes = max(min(SIZES, MEMORY // (8 * rows**2)), 1)
        self._h_eff = SpinModeHeff(
            L > 0,
            self._model,
            self._elements,
            self._c,
            self._frame,
            self._where,
            np.full(sizes, -1),
            np.zeros((sizes, rows, rows)),
        )
        self._next_size = 0

    def _shown_too(self) -> Any:
        shown = super()._shown_too()
        if shown.span is self._work.span:
            shown = self._shown = shown._replace(span=np.zeros_like(shown.span))
        return shown

    def _labels(self, numbers: list[int]) -> Labels:
        return (numbers[0],)

    def _reported(self, numbers: NDArray[np.int64]) -> NDArray:
        return reported_spins(numbers)

    def _averages(self, grams: Ket) -> tuple[Array, Array]:
        return self.state.averages.of_grams(grams)

    def _grow(self, now: Any) -> None:
        """More Fock states than the state that waits in ``room`` needs, or a displacement."""
        wanted, size = self._room.wanted.tolist()
        if wanted:
            self._more_rows(wanted)
        else:
            place, rows = self._next_size % len(self._h_eff.size), int(self._work.shape[0])
            self._h_eff.radial[place] = _displacement(size, rows)
            self._h_eff.size[place] = size
            self._next_size += 1

    def _more_rows(self, wanted: int) -> None:
        """Columns with room for so many Fock states; what waits in ``room`` stays there."""
        old, before = self._room, int(self._work.shape[0])
        rows, columns = rows_for(wanted + FIRST_ROWS), int(self._work.shape[1]) + 2
        self._make_room(rows)
        for new, kept in ((self._room.new_re, old.new_re), (self._room.new_im, old.new_im)):
            own, of_old = new[: LANES * columns * rows], kept[: LANES * columns * before]
            own.reshape(columns, -1)[:, : LANES * before] = of_old.reshape(columns, -1)
        self._room.span[:], self._room.two_J[:] = old.span, old.two_J

    def _ready(self, labels: Labels, box: Box, ket: Ket) -> tuple[Labels, Box, Ket]:
        """All of it: what is written into ``room`` depends on its size."""
        return labels, box, ket

    def _wait(self, ready: tuple[Labels, Box, Ket]) -> None:
        """Let a state wait in ``room``, in the frame of the start."""
        (two_J,), ((lo, hi), (bottom, top)), ket = ready
        assert isinstance(two_J, int)
        if top + ROOM > self._work.shape[0]:
            self._more_rows(top + ROOM)
        room, rows, columns = self._room, int(self._work.shape[0]), columns_of(self._model.N) + 2
        first = (self._model.N - two_J) // 2 + lo
        begin, end = first // LANES, (first + hi - lo - 1) // LANES + 1
        padded = np.zeros(((end - begin) * LANES, top - bottom), dtype=complex)
        padded[first - begin * LANES :][: hi - lo] = ket.reshape(hi - lo, top - bottom)
        cells = padded.reshape(end - begin, LANES, top - bottom).transpose(0, 2, 1)
        for to, part in ((room.new_re, cells.real), (room.new_im, cells.imag)):
            to[: LANES * columns * rows].reshape(columns, rows, LANES)[begin + 1 : end + 1, bottom:top] = part
        room.span[:] = 0
        room.span[begin + 1 : end + 1] = bottom, top
        room.two_J[0] = two_J

    def _begin(self, ready: tuple[Labels, Box, Ket]) -> None:
        """Let a state wait in ``room`` that a trajectory begins with, and the frame of the start."""
        self._wait(ready)
        (start,) = self.state.start_displacements
        self._frame[[B_RE, B_IM]] = start.real, start.imag
        self._frame[LEFT_THEN] = 0.0  # the reference moves to <a>

    def _seen(self, re: Array, im: Array) -> tuple[Labels, Box, Ket]:
        """A state in columns: the label, the window of the block and of the mode, and the amplitudes."""
        rows, columns = (int(n) for n in self._work.shape[:2])
        two_J = int(self._where[TWO_J])
        first, used = (self._model.N - two_J) // 2, np.zeros((columns, rows), dtype=bool)
        span = self._shown.span if re is self._shown.out_re else self._work.cover[0]
        for k in range(columns):
            used[k, span[k + 1, 0] : span[k + 1, 1]] = True
        inside = slice(LANES * rows, LANES * (columns + 1) * rows)
        cells = (re[inside] + 1j * im[inside]).reshape(columns, rows, LANES)
        grid = np.where(used[:, :, None], cells, 0.0).transpose(0, 2, 1).reshape(LANES * columns, rows)
        top = int(span[:, 1].max())
        return (two_J,), ((0, two_J + 1), (0, top)), grid[first : first + two_J + 1, :top].copy()

    def _pure_state(self) -> PureState:
        """The state at the output time measured last."""
        labels, box, state = self._seen(self._shown.out_re, self._shown.out_im)
        displaced = complex(self._frame[B_RE], self._frame[B_IM])
        tensor = state / np.linalg.norm(state)
        return PureState((Factor((0,), labels, box[:1], tensor, self.state.frames, (0,), box[1:], (displaced,)),))

    def _hand_over(self, now: Any) -> None:
        """Let the sector in the tensor product be the one that a step begins with, for what is said of it."""
        labels, window, state = self._seen(self._work.taylor_re[0], self._work.taylor_im[0])
        self.state.hand_over(labels, window, state.ravel(), [complex(*self._frame[[B_RE, B_IM]])])


def model_of(basis: ProductBasis) -> SpinModeModel:
    """Gather the terms of H_eff and the jumps, in the main frame of the block; ``roots`` are those of no Fock state."""
    (block,), (mode,) = basis.blocks, basis.modes
    N, cells, L = block.size, LANES * columns_of(block.size), len(basis.channels)
    kind, strength, gamma = np.zeros(L, dtype=np.int64), np.zeros((L, 2)), np.zeros((L, cells))
    j, tables, excluded = np.zeros((L, 2, 2), dtype=complex), np.zeros((L, cells + LANES)), np.zeros(L, dtype=np.int64)
    for l, channel in enumerate(basis.channels):
        if channel is None:
            kind[l], strength[l] = LOSS, mode.losses[l]
            continue
        table = np.asarray(channel.gamma, dtype=float).ravel()
        kind[l], down = kind_of(channel.matrix), channel.matrix[0, 1] == 0
        if kind[l] == GENERAL:
            others = np.clip(np.arange(N + 1), 0, len(table) - 1)
            j[l], excluded[l], tables[l, 1 : N + 2] = channel.matrix, channel.excluded, table[others]
            gamma[l, : N + 1] = _whole(basis).rate_tables[l]
            continue
        strength[l, 0] = np.abs(channel.matrix).max() ** 2
        # the others number one less, and those that are up are one less where the particle is
        places = np.clip(np.arange(N + 1) - (channel.excluded and down), 0, len(table) - 1)
        gamma[l, : N + 1] = table[places]
    return SpinModeModel(
        **terms_of(basis),
        N=N,
        kind=kind,
        strength=strength,
        gamma=gamma,
        j=j,
        table=tables,
        excluded=excluded,
        roots=np.zeros(0),
    )


def terms_of(basis: ProductBasis) -> dict[str, Any]:
    """H_eff of a model, or of a part of it: ``y``, ``one``, ``level``, ``damping`` and ``of_mode``."""
    (block,), (mode,) = basis.blocks, basis.modes
    cells, whole = LANES * columns_of(block.size), _whole(basis)
    net, both = mode.rates
    stays = 0j if mode.reference is None else mode.reference
    return {
        "y": sum((matrix for _, matrix in mode.couplings), np.zeros((2, 2), dtype=complex)),
        "one": np.array(basis.one_body[0], dtype=complex),
        "level": _padded(whole.energy, cells),
        "damping": _padded(whole.half_rate, cells),
        "of_mode": np.array([
            mode.omega, mode.drive.real, mode.drive.imag, net, both, mode.tick, mode.reference is None, stays.real,
            stays.imag, mode_state.FAR,
        ]),
    }  # fmt: skip


def _whole(basis: ProductBasis) -> ProductSector:
    """The sector of all J beside no quantum: what is diagonal does not depend on J."""
    (N,) = (block.size for block in basis.blocks)
    return ProductSector(basis, (N,), ((0, N + 1), (0, 1)))


def _padded(values: Array, cells: int) -> Array:
    made = aligned(cells)
    made[: len(values)] = values
    return made
