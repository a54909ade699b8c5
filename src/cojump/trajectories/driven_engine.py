"""Trajectories of one block of two levels whose terms change in time: the loop as one compiled kernel."""

from __future__ import annotations

from functools import cached_property
from math import comb

import numpy as np

from ..model.driven import Drive
from .kernels.driven_bands import TERMS, DrivenHeff, Factors
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
    series = np.zeros((n, P, TERMS))
    series[:, 0, 0] = 1.0
    for own, piece in zip(series, drive.pieces, strict=True):
        own[1:] = piece.series
    binomials = np.array([[comb(k, j) for k in range(TERMS)] for j in range(TERMS)], dtype=float)
    return Factors(
        start=np.array([piece.start for piece in drive.pieces]),
        end=np.array([piece.end for piece in drive.pieces]),
        series=series,
        most=np.abs(series) @ binomials.T,  # |x₀| is 1 at most
        binomials=binomials,
        of_jump=np.array(drive.of_jump, dtype=np.int64),
        place=np.zeros(1, dtype=np.int64),
        clock=np.zeros(1),
        total=np.array([drive.end]),
        at_jump=np.ones(P),
        coefficients=np.zeros((P, TERMS)),
        terms=np.zeros(P, dtype=np.int64),
        energy=np.zeros(P),
        spread=np.zeros(P),
        made_re=aligned(P + 1, cells),
        made_im=aligned(P + 1, cells),
    )
