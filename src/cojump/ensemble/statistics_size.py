"""How much memory the statistics of an ensemble take, before anything is made."""

from __future__ import annotations

from typing import NamedTuple

from ..model import Model

COPIES = 7
"""Sets of statistics at once, at the peak of a run: a chunk, what is folded, the result, and its file being written.

Measured as 4.3 to 5 while trajectories run and 4.9 to 6.8 while a file is written; the tests measure it again.
"""


class Statistics(NamedTuple):
    """Bytes that the statistics of a point take at their peak: moments over the output times, and kept series."""

    moments: int
    series: int


def statistics_bytes(model: Model, n_times: int, keep: int, n_observables: int, n_distributions: int) -> Statistics:
    """What the statistics of an ensemble take at their peak, in closed form: nothing is made for it.

    Parameters
    ----------
    model : Model
    n_times : int
        Output times.
    keep : int
        Trajectories whose series are kept.
    n_observables : int
    n_distributions : int
        Output times of the distributions of M.
    """
    A, P = sum(_averages(b.levels) for b in model.blocks), len(model.order_parameters)
    triples = sum(4 * b.levels**3 for b in model.blocks if b.levels > 2)
    spins = [b.size for b in model.blocks if b.levels == 2]
    small = n_observables + len(model.jumps) + 1 + len(spins)
    row = _of_averages(A) + triples + (_of_averages(P) if P else 0) + 5 * small + 54 * len(spins)
    cells = n_times * row + n_distributions * 5 * sum(size + 1 for size in spins)
    pairs = 16 * (row + triples)  # which products are kept, as integers
    return Statistics(COPIES * (8 * cells + pairs), COPIES * 8 * keep * n_times * A)


def _averages(levels: int) -> int:
    return 3 if levels == 2 else levels**2


def _of_averages(A: int) -> int:
    """Numbers per output time of A averages with their products: means, co-moments, and three of each tail."""
    Q = A * (A + 1) // 2
    return (A + 2 * Q + 1) + (8 * Q + 1) + 3 * (A + Q + 1)
