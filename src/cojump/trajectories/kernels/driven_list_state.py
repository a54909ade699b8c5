"""A list of basis states between two steps, as :mod:`.counting` goes on with it where terms change in time."""

from __future__ import annotations


def work_of(h_eff):
    """Multiplications that all parts of H_eff take for each amplitude, roughly."""
    return 32 * h_eff.parts.matrix.shape[1]
