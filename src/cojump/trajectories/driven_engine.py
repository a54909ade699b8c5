"""Trajectories of one block of two levels whose terms change in time: the loop as one compiled kernel."""

from __future__ import annotations

from functools import cached_property
from math import comb

import numpy as np

from ..model.driven import Drive
from .kernels.common import MAX_ORDER
from .kernels.driven_bands import ROOM, TERMS, DrivenHeff, Factors
from .polynomial_engine import PolynomialEngine
from .work_space import aligned


class DrivenEngine(PolynomialEngine):
    """Runs trajectories of one block of two levels whose Γ and potentials are tables or polynomials of Δ.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    @cached_property
    def _factors(self) -> Factors:
        assert self.state.driven is not None
        return factors_of(self.state.driven.drive, len(self._work.out_re))

    def _read(self) -> None:
        t = self.tables
        self._h_eff = DrivenHeff(
            self._n_channels > 0, t.N, t.lead, t.width, t.read(), t.jumps, self._where, t.parts, self._factors
        )


def factors_of(drive: Drive, cells: int) -> Factors:
    """The factors of the parts of a model as kernels read them, with room for states of ``cells`` cells."""
    P, n = len(drive.parts), len(drive.pieces)
    series = np.zeros((n, P, 2 * ROOM))
    series[:, 0, 0] = 1.0
    for own, piece in zip(series, drive.pieces, strict=True):
        own[1:, :TERMS] = piece.series
    binomials = np.array([[comb(i + j, j) for j in range(ROOM)] for i in range(TERMS)], dtype=float)
    return Factors(
        start=np.array([piece.start for piece in drive.pieces]),
        end=np.array([piece.end for piece in drive.pieces]),
        series=series,
        acts=(series != 0).any(axis=2),
        binomials=binomials,
        of_jump=np.array(drive.of_jump, dtype=np.int64),
        place=np.zeros(1, dtype=np.int64),
        clock=np.zeros(1),
        total=np.array([drive.end]),
        at_jump=np.ones(P),
        around=aligned(P, ROOM),
        coefficients=aligned(P, ROOM),
        sizes=aligned(P, ROOM),
        terms=np.zeros(P, dtype=np.int64),
        behind=np.zeros(P),
        back=np.zeros(P, dtype=np.int64),
        weights=np.zeros(ROOM),
        energy=np.zeros(P),
        spread=np.zeros(P),
        dropped=np.zeros(P),
        known=np.zeros(P, dtype=np.bool_),
        each=np.zeros(MAX_ORDER + 1),
        sum_re=aligned(cells),
        sum_im=aligned(cells),
    )
