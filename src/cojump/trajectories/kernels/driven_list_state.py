"""A list of basis states between two steps, as :mod:`.counting` goes on with it where terms change in time."""

from __future__ import annotations

from .driven_state import ended_at, may_leap, until_change  # noqa: F401 - the same for both
from .sparse_state import (  # noqa: F401 - a list is what it is where nothing changes
    begin,
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
    return 32 * h_eff.parts.matrix.shape[1]
