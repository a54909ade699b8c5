"""Compilation options, constants and status codes that all kernels share."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..by_reference import by_reference
from ..own_copies import Apart, OwnCopies

OPTIONS = {  # no "cache": cojump.trajectories.kernel_cache gives all kernels one together
    "nogil": True,
    # No references are counted: nothing is allocated here, and atomic counts of every slice cost more than the sums.
    "_nrt": False,
    "error_model": "numpy",
    # Sums may be reassociated, so that reductions vectorise; NaN and infinity keep their meaning.
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
    "no_cfunc_wrapper": True,  # for functions handed over as values, which is not done
    "pipeline_class": OwnCopies,
    # Said of each function: numba gives it on to what a function calls, if no other kernel has called that before.
    "forceinline": False,
}

INLINED = OPTIONS | {"forceinline": True}
"""For a function that is always written out where it is called."""

APART = OPTIONS | {"pipeline_class": Apart}
"""For a kernel with short loops over arrays none of which overlaps another one that is handed in."""

ALLOCATES = OPTIONS | {"_nrt": True}
"""For a kernel that makes arrays; kernels with OPTIONS alone must not call it, they would never free them."""

PAD = 2
"""Zero cells beside a window: the largest bandwidth of H_eff."""

LONG_STEP = 2**21
"""Cells of states in Taylor steps that take as long as a long step (see long_step) of a small sector."""

MAX_ORDER = 24
"""Highest order of the Taylor series; a step that needs more is made shorter."""

FINISHED, PAUSED, RECORD_FULL, NO_CONVERGENCE, NOT_FINITE, STIFF = range(6)
"""Status codes of the trajectory kernel."""

NO_JUMP, NO_NUMBER = -1, -2
"""In place of a channel: no jump is possible; the weights are no numbers, or the state after it is zero."""

PROGRESS: list[tuple[Any, ...]] = [
    ("energy", np.float64),
    ("rate", np.float64),
    ("t", np.float64),
    ("waiting", np.float64),
    ("done", np.int64),
    ("n_jumps", np.int64),
    ("recorded", np.int64),
    ("taylor_steps", np.int64),
    ("horizon", np.float64),
]
"""How far a trajectory is between two steps.

Energy and rate that the next step takes away; time, and log-survival left to lose before the next jump (0 where it is
due); output times done, jumps made, jumps in the record; steps in which no long one is asked for, and the length of the
Taylor step where one is.
"""

TO_BEGIN = 2
"""``pending`` where a trajectory has not begun."""

_WINDOW: list[tuple[Any, ...]] = [("two_J", np.int64), ("lo", np.int64), ("hi", np.int64)]
NOW = np.dtype((np.record, [*_WINDOW, *PROGRESS, ("filled", np.int64, (3,)), ("pending", np.int64)]))
"""Where a trajectory of one block stands: sector and window of the state; PROGRESS; sector and positions that the
elements of H_eff are for; TO_BEGIN, or 0.
"""


class Step(NamedTuple):
    """One step of no-jump evolution.

    Attributes
    ----------
    time, found, lost : float, int, float
        Where it ends; 1 where that is a jump, 0 where it is not, -1 where the search did not converge; the log-survival
        lost by then.
    horizon : float
        How far in time the series is good.
    order, lo, hi : int
        Order of the series and window of its sum.
    unit : float
        Unit of time of the rows.
    norm2 : float
        |ψ|² there.
    energy, rate : float
        <H> and <R> at the start.
    """

    time: float
    found: int
    lost: float
    horizon: float
    order: int
    lo: int
    hi: int
    unit: float
    norm2: float
    energy: float
    rate: float


@by_reference
class Gathered(NamedTuple):
    """What a trajectory gathers at its T output times, in the frame of its representation.

    Attributes
    ----------
    times : (T,)
    mean, second : (T, A), (T, Q)
    sectors : (T,) array
        As the representation names them: 2J, or the labels of all blocks.
    counts : (T + 1, L) int
        Jumps of each channel up to each output time; the row of the next output time holds the running number.
    snapshot : (T,) int
        Row of each output time among those at which states are wanted, or -1.
    """

    times: NDArray[np.float64]
    mean: NDArray[np.float64]
    second: NDArray[np.float64]
    sectors: NDArray[Any]
    counts: NDArray[np.int64]
    snapshot: NDArray[np.int64]


@by_reference
class Amplitudes(NamedTuple):
    """Normalised amplitudes of one block at the snapshots: real and imaginary parts, (n, N + 1) each."""

    re: NDArray[np.float64]
    im: NDArray[np.float64]


@by_reference
class JumpRecord(NamedTuple):
    """Times and channels of jumps, and 2J after each of them; empty arrays for no record."""

    time: NDArray[np.float64]
    channel: NDArray[np.int64]
    two_J: NDArray[np.int64]


@by_reference
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
        What a particle that is up, or down, leaves behind when it jumps.
    norms : (MAX_ORDER + 1,)
        Norms of the Taylor rows.
    weights : (L, 4)
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
