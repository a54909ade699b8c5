"""Statistics of one meter, and the estimates with standard errors that they give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..tools.labelled import Labelled, last_averages
from ..tools.summaries import counted, few
from ..tools.types import Array
from .certainty import uncertain
from .moments import Moments


@dataclass(frozen=True, eq=False, repr=False)
class Estimates(Labelled):
    """Means of several figures over the trajectories.

    Attributes
    ----------
    labels : tuple of n strings
    mean, stderr : (T, n) arrays, (n,) for averages over a window
    uncertain : bool array of the same shape, or None
        Where ``stderr`` may be far too small, see :attr:`Averages.uncertain`; None where an older file does not say.
    """

    labels: tuple[str, ...]
    mean: Array
    stderr: Array
    uncertain: NDArray[np.bool_] | None = None

    def _title(self) -> str:
        times = f", {counted(len(self.mean), 'time')}" if self.mean.ndim > 1 else ""
        return f"Estimates of {few(self.labels)}{times}"

    def _lines(self) -> list[str]:
        return last_averages(self, "at the last time" if self.mean.ndim > 1 else "over the window")


@dataclass(frozen=True, eq=False)
class Extra:
    """Statistics beside the averages of the blocks, as a meter (measure/meter.py) gathers them.

    Attributes
    ----------
    labels : tuple of strings
        What the components of the vectors are called.
    times : (T',) array
        When they are measured.
    reference : (T', n) array
        Mean-field values on which they are centred; empty where they are not.
    moments : Moments
    interval : (start, end) or None
        The measurement window, for figures over a window of time.
    """

    labels: tuple[str, ...]
    times: Array
    reference: Array
    moments: Moments
    interval: tuple[float, float] | None = None

    @property
    def is_labelled(self) -> bool:
        """Whether each component is one figure with its label, at each time, and not centred on anything."""
        width = self.moments.mean.shape[1]
        return len(self.labels) == width and not self.reference.shape[1] and self.interval is None

    def estimates(self, constant: NDArray[np.bool_] | None = None, noise: float = 0.0) -> Estimates:
        """Means and standard errors of vectors whose variances alone are kept.

        Parameters
        ----------
        constant : (T', n) bool array, optional
            Figures whose trajectories are known to agree where they do, see :class:`cojump.measure.certainty.Ground`.
        noise : float
            A spread up to this part of the largest mean is none.
        """
        variance = np.maximum(self.moments.covariance(), 0.0)
        errors, effective, flags = np.sqrt(variance / self.moments.count), self.moments.effective(), None
        if effective is not None and constant is not None:
            widths = np.abs(self.moments.mean).max(axis=0, initial=0.0)
            flags = uncertain(variance, effective, widths, noise, np.broadcast_to(constant, variance.shape))
        return Estimates(self.labels, self.moments.mean, errors, flags)
