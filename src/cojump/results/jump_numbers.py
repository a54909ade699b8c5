"""Numbers of jumps in windows of time: cumulants with errors, and their whole distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..tools import checks
from ..tools.numbers import format_value
from ..tools.summaries import Summarised, counted, facts, more, table
from ..tools.types import Array
from .jump_records import channel_place, jump_names, window_of

_MOST_WINDOWS = 10**8


@dataclass(frozen=True, eq=False, repr=False)
class JumpNumbers(Summarised):
    """Numbers K of jumps in windows of one width.

    Cumulants are unbiased (k-statistics), their standard errors those of the jackknife over whole trajectories, so that
    windows of one trajectory may depend on each other; over windows where there is one trajectory. Errors of the
    jackknife are themselves known to about 1/√(2n) for n trajectories, and too small where rare trajectories with very
    many jumps carry a cumulant and none has been seen.

    Attributes
    ----------
    numbers : (n, W) array
        K in each of W windows of n trajectories.
    width : float
        Length of a window.
    cumulants, stderr : (4,) arrays
        Mean, variance, third and fourth cumulant of K, and their standard errors; NaN where there are too few windows.
    fano, fano_stderr : float
        Variance over mean, and its standard error.
    """

    numbers: Array
    width: float
    cumulants: Array
    stderr: Array
    fano: float
    fano_stderr: float

    @property
    def rates(self) -> tuple[Array, Array]:
        """(4,) cumulants per unit of time, and their errors: for long windows ∓ the derivatives of θ at s = 0."""
        return self.cumulants / self.width, self.stderr / self.width

    @property
    def distribution(self) -> tuple[Array, Array, Array]:
        """(k, P(K = k), standard error) for all values of K that were seen.

        Errors are over trajectories, as those of the cumulants. The error of a value that no second trajectory has seen
        says little.
        """
        values, places = np.unique(self.numbers, return_inverse=True)
        n, W = self.numbers.shape
        shares = np.zeros((n, len(values)))
        np.add.at(shares, (np.repeat(np.arange(n), W), places.ravel()), 1.0 / W)
        samples, count = (shares, n) if n > 1 else (shares * np.nan, 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(samples.var(axis=0) / max(count - 1, 1))
        if n == 1 and W > 1:
            p = shares[0]
            error = np.sqrt(p * (1 - p) / (W - 1))
        return values, shares.mean(axis=0), error

    def _title(self) -> str:
        n, W = self.numbers.shape
        many = counted(n, "trajectory")
        return f"Numbers of jumps in {counted(W, 'window')} of {self.width:g} of {many}"

    def _lines(self) -> list[str]:
        lines = facts(("Fano factor", format_value(self.fano, self.fano_stderr, exact=0.0)))
        names = ("mean", "variance", "third", "fourth")
        rows = [(format_value(c, e, exact=0.0),) for c, e in zip(self.cumulants, self.stderr, strict=True)]
        lines += table(("cumulant", "value ± error"), names, rows)
        return lines + more(".cumulants, .stderr, .fano, .rates, .distribution, .numbers")


def numbers(
    records: Any,
    *,
    start: float = 0.0,
    end: float | None = None,
    width: float | None = None,
    channels: int | str | Sequence[int | str] | Mapping[int | str, float] | None = None,
) -> JumpNumbers:
    """Count the jumps of an ensemble in windows of time.

    Parameters
    ----------
    records : Result, Trajectory or structured array, or a sequence of the latter
        A result of a run with ``record=True``, trajectories (:func:`cojump.trajectory`), which know when they end, or
        their jump records ``.jumps``.
    start, end : float
        What is looked at; by default until the earliest end of a record.
    width : float, optional
        Length of a window, as many of which as fit follow one another from ``start`` on; by default one window.
    channels : int, str, sequence of these, or mapping of these to float, optional
        Names of jumps, or positions in ``model.jumps``, of what is counted, with weights if they are given; all jumps
        otherwise. Bare records know no names.

    Returns
    -------
    JumpNumbers

    Raises
    ------
    ArgumentError
        If something is no record, ``end`` is not after ``start`` or beyond a record, or a window is longer than all.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=1, omega=0.5, rate_up=0.0, rate_down=1.0)  # an atom that scatters light
    >>> result = cj.simulate(model, cj.tilted(model, np.pi, 0), [0, 110], n_traj=100, record=True)
    >>> found, exact = cj.counting.numbers(result, start=10, width=25.0), cj.counting.theta(model, 0.0)
    >>> print(f"{found.fano:.2f} ± {found.fano_stderr:.2f}, {float(exact.fano):.2f} for long windows")
    0.33 ± 0.02, 0.33 for long windows
    """
    given, ends, begin = window_of(records, start, end)
    if not given:
        raise ArgumentError("records", "be at least one", "there is none")
    last = float(ends.min())
    if not last > begin:
        raise ArgumentError("end", f"be after start = {begin:g}", f"the first record ends at {last:g}")
    length = last - begin if width is None else checks.number("width", width, above=0)
    W = int((last - begin) / length * (1 + 1e-12))
    if W < 1:
        raise ArgumentError("width", f"be at most {last - begin:g}, from start to end", f"it is {length:g}")
    if W * len(given) > _MOST_WINDOWS:
        raise ArgumentError("width", f"leave at most {_MOST_WINDOWS:,} windows", f"there are {W * len(given):,}")
    weights = _weights(channels, jump_names(records))
    edges = begin + length * np.arange(W + 1)
    found = np.empty((len(given), W))
    for row, record in zip(found, given, strict=True):
        own = None if weights is None else _of(record["channel"], weights)
        if own is not None:
            row[:] = np.histogram(record["time"][own != 0], edges, weights=own[own != 0])[0]
        else:
            row[:] = np.diff(np.searchsorted(record["time"], edges, side="left"))
    cumulants, errors, fano, fano_error = cumulants_of(found)
    return JumpNumbers(found, length, cumulants, errors, fano, fano_error)


def _weights(channels: Any, names: Sequence[str] | None) -> dict[int, float] | None:
    """Weights of the channels that are counted; None for all."""
    if channels is None:
        return None
    made = _given_weights(channels, names)
    if not any(made.values()):
        raise ArgumentError("channels", "count something", "no jump has a weight")
    return made


def _given_weights(channels: Any, names: Sequence[str] | None) -> dict[int, float]:
    if isinstance(channels, Mapping):
        return {
            channel_place("channels", key, names): checks.number(f"channels[{checks.shown(key)}]", w)
            for key, w in channels.items()
        }
    if isinstance(channels, int | np.integer | str):
        return {channel_place("channels", channels, names): 1.0}
    listed = checks.items("channels", channels, "a jump's place or name, a list of them, or a mapping to weights")
    return {channel_place("channels", key, names): 1.0 for key in listed}


def _of(channels: Array, weights: Mapping[int, float]) -> Array:
    made = np.zeros(len(channels))
    for channel, weight in weights.items():
        made[channels == channel] = weight
    return made


def cumulants_of(values: Array) -> tuple[Array, Array, float, float]:
    """Cumulants of (n, W) samples up to the fourth, their errors by the jackknife over rows, and the Fano factor's.

    k-statistics of power sums of what is left after the mean over all samples has been taken off; leaving out a row
    takes its own sums off.
    """
    rows = values if len(values) > 1 else values.T
    n, each = rows.shape
    centre = float(rows.mean())
    powers = np.array([np.sum((rows - centre) ** p, axis=1) for p in range(1, 5)])
    whole = powers.sum(axis=1, keepdims=True)
    total = _k_statistics(whole, n * each)[:, 0]
    total[0] += centre
    fano = float(total[1] / total[0]) if total[0] else np.nan
    if n < 2:
        return total, np.full(4, np.nan), fano, np.nan
    without = _k_statistics(whole - powers, (n - 1) * each)
    without[0] += centre
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = without[1] / without[0]
    factor = (n - 1) ** 2 / n
    errors = np.sqrt(factor * without.var(axis=1, ddof=1))
    return total, errors, fano, float(np.sqrt(factor * ratios.var(ddof=1)))


def _k_statistics(sums: Array, n: int) -> Array:
    """k_1 to k_4 of n samples from their power sums (4, m); NaN where n is too small."""
    S1, S2, S3, S4 = sums
    k = np.full((4, sums.shape[1]), np.nan)
    k[0] = S1 / n
    if n > 1:
        k[1] = (n * S2 - S1**2) / (n * (n - 1))
    if n > 2:
        k[2] = (2 * S1**3 - 3 * n * S1 * S2 + n**2 * S3) / (n * (n - 1) * (n - 2))
    if n > 3:
        k[3] = (
            -6 * S1**4 + 12 * n * S1**2 * S2 - 3 * n * (n - 1) * S2**2 - 4 * n * (n + 1) * S1 * S3 + n**2 * (n + 1) * S4
        ) / (n * (n - 1) * (n - 2) * (n - 3))
    return k
