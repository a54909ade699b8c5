"""What the parts of H_eff are multiplied by where terms change in time, as kernels read it."""

from __future__ import annotations

from math import comb

import numpy as np

from ..model.driven import Drive
from .kernels.common import MAX_ORDER
from .kernels.driven_bands import ROOM, TERMS, Factors
from .work_space import aligned


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
