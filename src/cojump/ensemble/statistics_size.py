"""How much memory the statistics of an ensemble take, before anything is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..measure.meter import Size

COPIES, COPIES_OF_SERIES = 9, 5
"""Sets of statistics, and of kept series, at once at the peak of a run: a chunk, what is folded, the result with its
partial last chunk apart, and its file being written.

Measured as up to 5.8 while trajectories run and 6.8 to 8.4 while a file is written, series as 3.9; the tests measure it
again.
"""

COPIES_OF_RECORDS = 5
"""Sets of jump records at once at the peak: the chunks, the result, its arrays for the file, the file in memory."""


class Statistics(NamedTuple):
    """Bytes that the statistics of a point take at their peak: moments over the output times, and kept series."""

    moments: int
    series: int


def statistics_bytes(sizes: Iterable[Size], series: int) -> Statistics:
    """What the statistics of an ensemble take at their peak, in closed form: nothing is made for it.

    Parameters
    ----------
    sizes : iterable of Size
        Of each meter.
    series : int
        Numbers in the series that are kept.
    """
    numbers = pairs = 0
    for size in sizes:
        numbers += size.times * size.each
        pairs += 2 * size.each  # which products are kept, as integers
    return Statistics(COPIES * 8 * (numbers + pairs), COPIES_OF_SERIES * 8 * series)
