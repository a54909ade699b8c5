"""H_eff of each part of a model with boson modes whose terms change in time, as rows of Fock states in one sector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .kernels.driven_bands import Factors
from .kernels.driven_fock import DrivenFockHeff
from .product_sectors import ProductSector
from .work_space import aligned


class DrivenFockTables:
    """The parts of H_eff of one sector within a window.

    Parameters
    ----------
    sectors : sequence of ProductSector
        Of the parts, with the same window; the elements of their rows are from now on in the arrays of all. They are
        kept: others in their place have other rows.
    factors : Factors
        With no room for a sum of rows.

    Attributes
    ----------
    h_eff : DrivenFockHeff
    size : int
        Number of amplitudes.
    """

    def __init__(self, sectors: Sequence[ProductSector], factors: Factors) -> None:
        self._sectors, each = sectors, [sector.fock_rows.h_eff for sector in sectors]
        shape = each[0].shape
        rows, quanta, stride = (int(n) for n in shape)
        self.size = rows * quanta
        ends = np.cumsum([0, *(len(h.column) for h in each)])
        level, pointer = np.zeros((len(each), rows, 4)), np.zeros((len(each), rows, 5), dtype=np.int64)
        column, value = np.zeros(ends[-1], dtype=np.int64), np.zeros(3 * ends[-1])
        for p, (sector, h) in enumerate(zip(sectors, each, strict=True)):
            own, here = slice(*ends[p : p + 2]), slice(*(3 * ends[p : p + 2]))
            level[p] = h.level
            sector.fock_rows.h_eff = h._replace(
                level=level[p], pointer=pointer[p], column=column[own], value=value[here]
            )
        to = [np.repeat(np.arange(rows), np.diff(h.beside)) for h in each]
        places = np.unique(np.concatenate([rows * row + h.near for row, h in zip(to, each, strict=True)]))
        self.h_eff = DrivenFockHeff(
            any(h.has_jumps for h in each),
            shape,
            each[0].lower,
            each[0].upper,
            level,
            pointer,
            ends[:-1],
            column,
            value,
            np.searchsorted(places, np.arange(rows + 1) * rows),
            places % rows,
            np.zeros((rows, 4), dtype=np.int64),
            factors._replace(sum_re=aligned(rows * stride), sum_im=aligned(rows * stride)),
        )

    @property
    def nbytes(self) -> int:
        """Memory of the arrays of all parts."""
        return int(
            sum(a.nbytes for a in self.h_eff if isinstance(a, np.ndarray)) + 2 * self.h_eff.factors.sum_re.nbytes
        )

    def refresh(self) -> None:
        """Take the frames of the modes that the parts have now."""
        for sector in self._sectors:
            sector.fock_rows.refresh()
