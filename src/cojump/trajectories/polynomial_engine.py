"""Trajectories of one block of two levels whose arguments do not commute: the loop as one compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..basis.reported_sectors import reported_spins
from ..basis.sectors import Labels
from ..model import Model
from ..model.final_states import PartStart
from ..tools.types import Array
from .counting_engine import CountingEngine
from .kernels.common import PAD
from .kernels.polynomial_bands import TWO_J, WIDE_HI, WIDE_LO, PolynomialHeff, PolynomialRoom
from .kernels.vectors import LANES
from .polynomial_tables import PolynomialTables
from .product_moves import Ket
from .product_sectors import Box
from .work_space import work_space


class PolynomialEngine(CountingEngine):
    """Runs trajectories of one block of two levels whose Γ and potentials are tables or polynomials of Δ.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    sector_numbers = 1
    n_vectors = 4

    def __init__(
        self, model: Model, state: PartStart, times: Array, tolerance: float, snapshots: Sequence[int] = ()
    ) -> None:
        super().__init__(model, state, times, tolerance, snapshots)
        self.tables = PolynomialTables(self.basis)
        # a window may end beyond its sector
        cells = (model.size // LANES + 2) * LANES + 2 * self.tables.width
        self._where = np.zeros(7, dtype=np.int64)
        self._work = work_space(cells, len(model.jumps))
        self._room = PolynomialRoom(
            waiting=np.zeros(3, dtype=np.int64),
            norm2=np.zeros(1),
            phi_re=np.zeros(cells),
            phi_im=np.zeros(cells),
            filled=np.full(3, -1),
        )
        self._read()

    def _read(self) -> None:
        t = self.tables
        self._h_eff = PolynomialHeff(self._n_channels > 0, t.N, t.lead, t.width, t.read(), t.jumps, self._where)

    def _labels(self, numbers: list[int]) -> Labels:
        return (numbers[0],)

    def _reported(self, numbers: NDArray[np.int64]) -> NDArray:
        return reported_spins(numbers)

    def _averages(self, grams: Ket) -> tuple[Array, Array]:
        return self.state.averages.of_grams(grams)

    def _grow(self, now: Any) -> None:
        """Make the tables of the sector that the state has come to, around it."""
        two_J, lo, hi = self._room.waiting.tolist()
        self.tables.make(two_J, lo - PAD, hi - PAD, int(now.reach))
        self._read()

    def _ready(self, labels: Labels, box: Box, ket: Ket) -> tuple[NDArray[np.int64], Array, Array, float]:
        """Sector and window, the real and imaginary parts of the amplitudes, and their weight."""
        (two_J,), ((lo, hi),) = labels, box
        assert isinstance(two_J, int)
        first = (self.tables.N - two_J) // 2 + PAD
        return (
            np.array([two_J, first + lo, first + hi]),
            ket.real.copy(),
            ket.imag.copy(),
            float(np.vdot(ket, ket).real),
        )

    def _wait(self, ready: tuple[NDArray[np.int64], Array, Array, float]) -> None:
        """Let a state wait in ``room`` that was made ready."""
        where, re, im, norm2 = ready
        _, lo, hi = where.tolist()
        self._work.new_re[lo:hi], self._work.new_im[lo:hi] = re, im
        self._room.waiting[:] = where
        self._room.norm2[0] = norm2

    def _seen(self, re: Array, im: Array) -> tuple[Labels, Box, Ket]:
        """A state in its window: the label, the window, and the amplitudes."""
        two_J, lo, hi = (int(self._where[place]) for place in (TWO_J, WIDE_LO, WIDE_HI))
        first = (self.tables.N - two_J) // 2 + self.tables.width
        return (two_J,), ((lo - first, hi - first),), re[lo:hi] + 1j * im[lo:hi]
