"""How long trajectories stay in a metastable state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import ArgumentError
from ...model import Model
from ...tools import checks
from ...tools.checks import check_times
from ...tools.numbers import format_value
from ...tools.summaries import Summarised, counted, more, table
from ...tools.types import Array
from .kept_series import series_matrix

if TYPE_CHECKING:
    from ...model.states import Mixture, State
    from ...trajectories.outcome import Trajectory

_SLACK = 1e-7
"""Part of the distance between two thresholds by which a value on one of them may miss it: rounding of averages."""

VISIT = np.dtype([("trajectory", "i8"), ("state", "i8"), ("start", "f8"), ("duration", "f8"), ("censored", "?")])
"""One stay in a state: in which series, 0 low or 1 high, from when, how long, and whether begin or end is unseen."""


@dataclass(frozen=True, eq=False, repr=False)
class Residence(Summarised):
    """Stays in two states, low and high.

    Attributes
    ----------
    visits : structured array
        ``trajectory``, ``state`` (0 low, 1 high), ``start``, ``duration``, ``censored`` (it had begun before the
        series or goes on after it, so that the duration is a lower bound).
    time : (2,) array
        Time spent in low and in high, censored stays included.
    exits : (2,) int array
        How often low and high were left.
    mean, stderr : (2,) arrays
        Mean residence times: time/exits, the maximum-likelihood estimate for exponentially distributed stays of which
        some are censored, and its standard error mean/√exits. Infinite, with an error NaN, for a state never left
        (an absorbing one); NaN for one never visited.
    step_bias : (2,) array
        By which part ``mean`` becomes longer if only every second output time is used. ``mean`` itself is too long by
        as much at least, by the 1.5-fold where this is 0.01 and the fourfold where it is 0.07 in the example of
        :func:`residence`; if it is not far below stderr/mean, use shorter steps or :func:`at_jumps`, for which it has
        no meaning. NaN where too few passages are left.
    """

    visits: NDArray[np.void]
    time: Array
    exits: NDArray[np.int64]
    mean: Array
    stderr: Array
    step_bias: Array

    def _title(self) -> str:
        return f"Residence in two states: {counted(len(self.visits), 'stay')}, {counted(self.switches, 'passage')}"

    def _lines(self) -> list[str]:
        rows = (
            (format_value(m, e, exact=0.0), f"{t:.6g}", f"{n:,}")
            for m, e, t, n in zip(self.mean, self.stderr, self.time, self.exits, strict=True)
        )
        lines = table(("state", "mean stay ± error", "time in it", "left"), ("low", "high"), rows)
        return lines + more(".mean, .stderr, .time, .exits, .visits, .step_bias")

    @property
    def switches(self) -> int:
        """Number of passages between the states, both ways."""
        return int(self.exits.sum())


def residence(
    times: ArrayLike | Sequence[ArrayLike], series: ArrayLike | Sequence[ArrayLike], low: float, high: float
) -> Residence:
    """Residence times of a series in two metastable states, told apart by two thresholds (hysteresis).

    The state is low once the series is at or below ``low``, high once it is at or above ``high``, and what it was in
    between; the time before the first of the two is left out. A passage happens where the straight line between two
    output times reaches the threshold of the new state. A value that misses a threshold by rounding (1e-7 of the
    distance between the two) is on it.

    Excursions between two output times are not seen, so that mean residence times are too large: by a part of about
    step/(2 × mean stay in the other state) if the series stays there once it has passed, and by much more if it may
    turn back at once, as it does near a barrier. Stays of 93.3 of a network of 20 spins come out 1.6, 6.5, 16, 30 % too
    long with steps of 0.05, 0.25, 1 and 4, jumps being 0.2 apart. Output times on both sides of every jump,
    :func:`at_jumps`, see all passages by jumps and have no such bias; ``Residence.step_bias`` shows how large it is
    otherwise.

    Parameters
    ----------
    times : (T,) array, or a list of K of them
        Increasing.
    series : (T,) or (K, T) array, or a list of K arrays
        One series or K of them, for instance of :func:`kept_series`. A list has one array for each of the times.
    low, high : float
        Thresholds, low < high.

    Raises
    ------
    ArgumentError
        If shapes do not fit or the thresholds are not in order.

    Examples
    --------
    >>> times = np.arange(9.0)
    >>> stays = cj.longtime.residence(times, [1, 1, -1, -1, -1, 1, 1, -1, -1], low=-0.5, high=0.5)
    >>> print(stays.visits["state"], stays.visits["duration"], stays.exits)
    [1 0 1 0] [1.75 3.   2.   1.25] [1 2]
    """
    pairs = _series_at(times, series)
    low, high = checks.number("low", low), checks.number("high", high)
    if not low < high:
        raise ArgumentError("low", "be less than `high`", f"low = {low:g} and high = {high:g}")
    visits, time, exits = _all_visits(pairs, low, high)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = time / exits
        stderr = np.where(exits > 0, mean / np.sqrt(exits), np.nan)
        coarser = [
            _all_visits([(t[k::2], x[k::2]) for t, x in pairs if len(t) > 3], low, high)[1:]
            for k in (0, 1)
            if any(len(t) > 3 for t, _ in pairs)
        ]
        longer = sum(c[0] for c in coarser) / sum(c[1] for c in coarser) if coarser else np.full(2, np.nan)
        bias = np.where(np.isfinite(longer / mean), longer / mean - 1, np.nan)
    return Residence(visits, time, exits, mean, stderr, bias)


def _series_at(times: Any, series: Any) -> list[tuple[Array, Array]]:
    """Pairs of times and values, one for each series."""
    if isinstance(times, list | tuple) and times and not isinstance(times[0], Real):
        rule = f"have one array for each of the {len(times)} arrays of times"
        if not isinstance(series, list | tuple | np.ndarray) or (isinstance(series, np.ndarray) and not series.ndim):
            raise ArgumentError("series", rule, f"it is {checks.shown(series)}")
        if len(series) != len(times):
            raise ArgumentError("series", rule, f"it has {len(series)}")
        pairs = []
        for k, (own, values) in enumerate(zip(times, series, strict=True)):
            t, x = check_times(own, f"times[{k}]"), series_matrix(f"series[{k}]", values)
            if x.shape != (1, len(t)):
                rule = f"have one value for each of the {len(t)} times[{k}]"
                raise ArgumentError(f"series[{k}]", rule, f"its shape is {np.shape(values)}")
            pairs.append((t, x[0]))
        return pairs
    t, x = check_times(times), series_matrix("series", series)
    if x.shape[1] != len(t):
        raise ArgumentError("series", f"have one value for each of the {len(t)} times", f"it has {x.shape[1]}")
    return [(t, row) for row in x]


def at_jumps(
    model: Model, state: State | Mixture, times: ArrayLike, *, seed: int, index: int, tolerance: float = 1e-9
) -> Trajectory:
    """Run one trajectory with output times on both sides of each of its jumps, beside those given.

    It is the trajectory of :func:`cojump.trajectory` with the same seed and index, run twice: first for the times of
    its jumps. What :func:`residence` finds in it does not depend on the output times as far as passages are made by
    jumps; where a Hamiltonian moves the averages between jumps as well, ``times`` have to be dense enough for that.

    Parameters
    ----------
    model, state, times, seed, index, tolerance
        As for :func:`cojump.trajectory`.

    Returns
    -------
    Trajectory
        Its times are those given, each jump's (just before it), and the next floating-point number (just after it).

    Raises
    ------
    ArgumentError, UnsupportedError, ConvergenceError
        As :func:`cojump.trajectory`.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=4, omega=0.0, rate_up=1.0, rate_down=1.0)
    >>> one = cj.longtime.at_jumps(model, cj.tilted(model, 0, 0), [0, 10], seed=1, index=0)
    >>> len(one.times) == 2 + 2 * len(one.jumps)
    True
    >>> print(one["spins.z"].mean[:7].round(6))  # jumps of a single spin: steps of 2/N
    [1.  1.  0.5 0.5 0.  0.  0.5]
    """
    import cojump

    checked = check_times(times)
    first = cojump.trajectory(model, state, checked[[-1]], seed=seed, index=index, tolerance=tolerance)
    jumps = first.jumps["time"]
    after = np.nextafter(jumps, np.inf)
    both = np.unique(np.concatenate([checked, jumps, after[after <= checked[-1]]]))
    return cojump.trajectory(model, state, both, seed=seed, index=index, tolerance=tolerance)


def _all_visits(
    pairs: Sequence[tuple[Array, Array]], low: float, high: float
) -> tuple[NDArray[np.void], Array, NDArray[np.int64]]:
    """Stays, the time in low and in high, and how often each was left."""
    pieces = [_visits(k, t, row, low, high) for k, (t, row) in enumerate(pairs)]
    visits = np.concatenate(pieces)
    time = np.array([visits["duration"][visits["state"] == state].sum() for state in (0, 1)])
    # every stay but the last of a series is followed by another: it was left
    exits = np.array([sum(int((p["state"][:-1] == state).sum()) for p in pieces) for state in (0, 1)])
    return visits, time, exits


def _visits(number: int, t: Array, x: Array, low: float, high: float) -> NDArray[np.void]:
    """Stays of one series."""
    slack = _SLACK * (high - low)
    seen = np.flatnonzero((x <= low + slack) | (x >= high - slack))
    state = (x[seen] >= high - slack).astype(int)
    new = np.flatnonzero(np.diff(state, prepend=-1))
    if not new.size:
        return np.empty(0, dtype=VISIT)
    at, state = seen[new], state[new]
    start = t[at].copy()
    after = at > 0  # the first one may be there from the beginning
    i = at[after]
    threshold = np.where(state[after] == 1, high, low)
    start[after] = t[i - 1] + (t[i] - t[i - 1]) * np.clip((threshold - x[i - 1]) / (x[i] - x[i - 1]), 0.0, 1.0)
    made = np.empty(len(start), dtype=VISIT)
    made["trajectory"], made["state"], made["start"] = number, state, start
    made["duration"] = np.diff(start, append=t[-1])
    made["censored"] = False
    made["censored"][-1] = True
    made["censored"][0] |= at[0] == 0
    return made
