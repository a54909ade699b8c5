"""Rows of patterns between two steps, as :mod:`.counting` goes on with them where terms change in time."""

from __future__ import annotations

from .driven_state import ended_at, may_leap, until_change  # noqa: F401 - the same for all
from .pattern_state import (  # noqa: F401 - rows are what they are where nothing changes
    cells,
    first_cell,
    is_cut_short,
    jumped,
    landed,
    measured,
    set_aside,
    settle,
    tail_of,
)


def work_of(h_eff):
    """Multiplications that all parts of H_eff take for each amplitude, roughly."""
    return 8 * h_eff.tables.levels * h_eff.parts.hops.size
