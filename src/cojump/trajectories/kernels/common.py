"""Compilation options, constants and status codes that all kernels share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

OPTIONS = {  # no "cache": cojump.trajectories.kernel_cache gives all kernels one together
    "nogil": True,
    "error_model": "numpy",
    # Sums may be reassociated, so that reductions vectorise; NaN and infinity keep their meaning.
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
}

PAD = 2
"""Zero cells beside a window: the largest bandwidth of H_eff."""

LONG_STEP = 2**21
"""Cells of states in Taylor steps that take as long as a long step (see long_step) of a small sector."""

MAX_ORDER = 24
"""Highest order of the Taylor series; a step that needs more is made shorter."""

FINISHED, PAUSED, RECORD_FULL, NO_CONVERGENCE, NOT_FINITE, STIFF = range(6)
"""Status codes of the trajectory kernel."""


class Work(NamedTuple):
    """Preallocated arrays of one trajectory.

    Attributes
    ----------
    taylor_re, taylor_im : (MAX_ORDER + 1, N + 1 + 2 PAD)
        Row k is (-i H̃ τ)^k ψ / k!, τ the unit of time of the step; row 0 is the state itself.
    off_re, off_im : (2, N + 1 + 2 PAD)
        Elements of H_eff upwards and downwards between p and p + 1.
    two_re, two_im : (N + 1 + 2 PAD,)
        Elements of H_eff upwards between p and p + 2.
    out_re, out_im, new_re, new_im : (N + 1 + 2 PAD,)
        A state at a later time, and a state after a jump.
    rest_re, rest_im : (2, N + 1 + 2 PAD)
        The jumping particle up and down, times the state of the others.
    norms : (MAX_ORDER + 1,)
        Norms of the Taylor rows.
    weights : (L, 3)
        Weights of the outcomes of each channel.
    """

    taylor_re: NDArray[np.float64]
    taylor_im: NDArray[np.float64]
    off_re: NDArray[np.float64]
    off_im: NDArray[np.float64]
    two_re: NDArray[np.float64]
    two_im: NDArray[np.float64]
    out_re: NDArray[np.float64]
    out_im: NDArray[np.float64]
    new_re: NDArray[np.float64]
    new_im: NDArray[np.float64]
    rest_re: NDArray[np.float64]
    rest_im: NDArray[np.float64]
    norms: NDArray[np.float64]
    weights: NDArray[np.float64]
