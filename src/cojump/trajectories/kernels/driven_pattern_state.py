"""Rows of patterns between two steps, as :mod:`.counting` goes on with them where terms change in time."""

from __future__ import annotations


def work_of(h_eff):
    """Multiplications that all parts of H_eff take for each amplitude, roughly."""
    return 8 * h_eff.tables.levels * h_eff.parts.hops.size
