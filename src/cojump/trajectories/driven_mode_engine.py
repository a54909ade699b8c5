"""Trajectories of blocks of two levels beside boson modes whose terms change in time: one compiled kernel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ..basis.sectors import Labels
from .displaced_modes import tick
from .driven_factors import factors_of
from .kernels.common import MAX_ORDER
from .kernels.driven_bands import Factors
from .kernels.driven_mode import DrivenModeHeff, PartsOfMode
from .kernels.mode_columns import BOTH
from .product_moves import Ket
from .product_sectors import Box
from .spin_mode_engine import SpinModeEngine, terms_of
from .work_space import aligned


class DrivenModeEngine(SpinModeEngine):
    """Runs trajectories of blocks of two levels beside modes, where terms change in time.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    @cached_property
    def _factors(self) -> Factors:
        assert self.state.driven is not None
        return factors_of(self.state.driven.drive, 0)

    @cached_property
    def _parts(self) -> PartsOfMode:
        assert self.state.driven is not None
        bases, drive = self.state.driven.bases, self.state.driven.drive
        terms = [terms_of(basis) for basis in bases]
        modes = list(zip(*(basis.modes for basis in bases), strict=True))
        flips = np.array(
            [(abs(own["y"]).sum(axis=0) + abs(own["one"]))[:, [0, 1], [1, 0]].any(axis=1) for own in terms]
        )
        other = np.array([own["y"][1:].any() or own["of_mode"][1:, : BOTH + 1].any() for own in terms])
        return PartsOfMode(
            **{name: np.stack([own[name] for own in terms]) for name in terms[0]},
            elements=aligned(len(bases), *self._elements.shape),
            beside=np.zeros((len(bases), 0, 0)),
            multiple=np.zeros((len(bases), len(self._sizes))),
            hops=flips[:, -1].astype(np.int64),
            far=(flips[:, :-1].sum(axis=1) + other > 0).astype(np.int64),
            kind=np.zeros(len(bases), dtype=np.int64),
            tick=np.array([min(tick(parts, piece.largest) for parts in modes) for piece in drive.pieces]),
            later=np.zeros((MAX_ORDER + 1, 0, 3, 2), dtype=np.int64),
            gone=np.zeros((MAX_ORDER + 1, 2)),
        )

    def _make_room(self, rows: int, extents: Sequence[int]) -> None:
        super()._make_room(rows, extents)
        h, cells = self._h_eff, len(self._work.out_re)
        factors = self._factors._replace(sum_re=aligned(cells), sum_im=aligned(cells))
        parts = self._parts._replace(
            beside=np.zeros((len(self._parts.y), *h.beside.shape)),
            later=np.zeros((MAX_ORDER + 1, *self._work.tight.shape), dtype=np.int64),
        )
        self._h_eff = DrivenModeHeff(h.has_jumps, h.model, h.c, h.frame, h.where, h.size, h.radial, parts, factors)

    def _begin(self, ready: tuple[Labels, Box, Ket]) -> None:
        """Let a state wait that a trajectory begins with, at t = 0."""
        super()._begin(ready)
        self._factors.clock[0] = self._factors.place[0] = 0
