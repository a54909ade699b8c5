"""Trajectories of one block of two levels whose terms change in time: the loop as one compiled kernel."""

from __future__ import annotations

from functools import cached_property

from .driven_factors import factors_of
from .kernels.driven_bands import DrivenHeff, Factors
from .polynomial_engine import PolynomialEngine


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
