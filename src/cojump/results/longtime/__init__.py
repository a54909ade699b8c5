"""Statistics of long trajectories: correlation times, residence in metastable states, waiting times between jumps.

They work on the series that a run keeps (``result.trajectories``), on single trajectories (:func:`cojump.trajectory`)
or on plain arrays. Standard errors over many trajectories need none of it: see ``result.stationary``.
"""

from __future__ import annotations

from .correlation_time import CorrelationTime, TimeAverages, autocorrelation_time, averages
from .kept_series import kept_series
from .passage_times import first_passage, last_jumps
from .residence import Residence, at_jumps, residence
from .waiting_times import WaitingTimes, waiting_times

__all__ = [
    "CorrelationTime",
    "Residence",
    "TimeAverages",
    "WaitingTimes",
    "at_jumps",
    "autocorrelation_time",
    "averages",
    "first_passage",
    "kept_series",
    "last_jumps",
    "residence",
    "waiting_times",
]


def __dir__() -> list[str]:
    return __all__
