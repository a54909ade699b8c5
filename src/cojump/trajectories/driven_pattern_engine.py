"""Trajectories of one block of three levels or more whose terms change in time, on rows of patterns."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..model import Block
from .driven_factors import factors_of
from .kernels.common import MAX_ORDER
from .kernels.driven_patterns import DrivenPatternHeff, PatternParts
from .kernels.pattern_links import Links
from .kernels.pattern_rows import Rows
from .pattern_engine import PatternEngine, most_cells
from .pattern_tables import beside_diagonal, facts_of, hops_of_parts, pairs_of
from .product_sectors import ProductBasis
from .work_space import aligned


class DrivenPatternEngine(PatternEngine):
    """Runs trajectories of one block of d >= 3 levels whose arguments are diagonal, where terms change in time.

    Parameters
    ----------
    model, state, times, tolerance, snapshots
        As for :class:`cojump.trajectories.spin_engine.Engine`.
    """

    def _new_h_eff(self, rows: Rows, links: Links) -> Any:
        driven, (block,) = self.state.driven, self.blocks
        assert driven is not None
        pairs = pairs_of(self.basis, driven.bases, len(rows.left), most_cells(block))
        parts = _parts(driven.bases, block, len(rows.left))
        for p in [*pairs.of_part, *pairs.of_rate[:, 0]]:
            parts.hops[p] = 1
        hops, factors = hops_of_parts(self.tables.hops, driven.bases), factors_of(driven.drive, 0)
        tables = self.tables._replace(hops=hops)
        return DrivenPatternHeff(self._n_channels > 0, tables, rows, links, pairs, parts, factors)


def _parts(bases: list[ProductBasis], block: Block, R: int) -> PatternParts:
    """What the parts of a model have, each with a basis of its own, and room for a sum of rows of the series."""
    cells = most_cells(block)
    beside = np.array([beside_diagonal(basis) for basis in bases])
    return PatternParts(
        facts=np.array([facts_of(basis)[:2] for basis in bases]),
        h_re=np.ascontiguousarray(beside.real),
        h_im=np.ascontiguousarray(beside.imag),
        hops=(beside != 0).any(axis=(1, 2)).astype(np.int64),
        ends=np.zeros((MAX_ORDER + 1, R, 2), dtype=np.int64),
        re=aligned(cells),
        im=aligned(cells),
        spans=np.zeros((R + 1, 2), dtype=np.int64),
        made_re=aligned(cells),
        made_im=aligned(cells),
        gone=np.zeros(MAX_ORDER + 1),
    )
