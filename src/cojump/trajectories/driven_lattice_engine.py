"""Trajectories of several coupled blocks of two levels whose terms change in time: the loop as one compiled kernel."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .driven_factors import factors_of
from .kernels.common import MAX_ORDER
from .kernels.driven_bands import Factors
from .kernels.driven_columns import ENERGY, HOPS, RATE
from .kernels.driven_lattice import DrivenLatticeHeff, PartRows
from .kernels.lattice import EDGE, Elements, Lattice
from .lattice_engine import LatticeEngine
from .lattice_tables import aligned, elements_of, empty_box, lattice_of, lattices_of, rows_within


class DrivenLatticeEngine(LatticeEngine):
    """Runs trajectories of blocks of two levels whose arguments are all diagonal, where terms change in time.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    @cached_property
    def _lattices(self) -> Lattice:
        assert self.state.driven is not None
        return lattices_of(self.state.driven.bases, self.lattice)

    @cached_property
    def _kinds(self) -> NDArray[np.int64]:
        assert self.state.driven is not None
        return np.array([_has(lattice_of(basis)) for basis in self.state.driven.bases], dtype=np.int64)

    @cached_property
    def _factors(self) -> Factors:
        assert self.state.driven is not None
        return factors_of(self.state.driven.drive, 0)

    def _new_h_eff(self, cells: int) -> Any:
        lattices = self._lattices
        B, L, P = len(self.lattice.sizes), len(self.lattice.kind), len(lattices.sizes)
        own = Lattice(*(value if name == "plane" else value[0] for name, value in lattices._asdict().items()))
        own = own._replace(mixed=lattices.mixed.max(axis=0))  # with room for rates that one of the parts has
        parts = elements_of(own, cells, (P,))
        padded = cells + 2 * EDGE
        depth = MAX_ORDER + 1 if B == 2 else 2  # of more blocks no hops lead to neighbours alone, but of tiny ones
        rows = PartRows(
            kinds=self._kinds,
            re=aligned(P, depth, padded),
            im=aligned(P, depth, padded),
            windows=np.zeros((P, 2, 4), dtype=np.int64),
            kept=np.zeros((P, 2, 4), dtype=np.int64),
            made=np.zeros((P, 2, rows_within(cells)), dtype=np.uint8),
            weights=np.zeros(rows_within(cells)),
            columns=np.zeros(parts.columns.shape[1]),
            sizes=np.zeros(P),
            wide=np.zeros(4, dtype=np.int64),
            one=np.ones(1),
        )
        return DrivenLatticeHeff(
            L > 0,
            self.lattice._replace(band=own.band, plane=False),
            empty_box(B),
            Elements(*(array[0] for array in parts)),
            np.zeros(B, dtype=np.int64),
            lattices,
            parts,
            np.zeros(B, dtype=np.int64),
            rows,
            self._factors,
        )


def _has(part: Lattice) -> int:
    """What H_eff of a part has: HOPS, ENERGY, RATE."""
    inside, beside = part.inside.size > 0, part.whole.size == 0
    energy = inside or part.one[:, [0, 1], [0, 1]].real.any() or part.across.size > 0 or part.energy.any()
    rate = inside or part.one[:, [0, 1], [0, 1]].imag.any() or beside or part.whole[1].any()
    return HOPS * bool(part.band.any()) + ENERGY * bool(energy) + RATE * bool(rate)
