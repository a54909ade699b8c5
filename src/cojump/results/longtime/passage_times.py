"""First passages and last jumps: when the number of jumps reaches a value, and when a trajectory comes to rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ArgumentError
from ...tools import checks
from ..jump_records import channel_place, chosen, jump_names, window_of
from .waiting_times import WaitingTimes


def first_passage(
    records: Any, number: int = 1, channel: int | str | None = None, *, start: float = 0.0, end: float | None = None
) -> WaitingTimes:
    """Times until the jump with a given number, counted from ``start``, over an ensemble.

    Trajectories that end before it are cut, not left out: their ends are lower bounds (Kaplan and Meier), and
    ``unseen`` is the probability that it takes longer than anything seen.

    Parameters
    ----------
    records : Result, Trajectory or structured array, or a sequence of the latter
        As for :func:`waiting_times`.
    number : int
        Which jump: 1 is the first.
    channel : int or str, optional
        Position in ``model.jumps``, or the name of a jump; None takes all jumps together.
    start, end : float
        As for :func:`waiting_times`.

    Returns
    -------
    WaitingTimes
        ``intervals`` are the times of passage, ``cut`` the lengths of the records that have none.

    Raises
    ------
    ArgumentError
        As :func:`waiting_times`.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=4, omega=0.0, rate_up=0.0, rate_down=1.0)
    >>> result = cj.simulate(model, cj.tilted(model, 0, 0), [0, 2], n_traj=400, record=True)
    >>> first = cj.longtime.first_passage(result)  # at the rate 4
    >>> print(f"{first.mean:.3f} ± {first.stderr:.3f}")
    0.243 ± 0.012
    """
    count = checks.integer("number", number, 1)
    place = None if channel is None else channel_place("channel", channel, jump_names(records))
    given, ends, begin = window_of(records, start, end)
    passed, cut = [], []
    for record, until in zip(given, ends, strict=True):
        times = chosen(record, place)
        times = times[(times >= begin) & (times <= until)]
        if len(times) >= count:
            passed.append(float(times[count - 1]) - begin)
        elif until > begin:
            cut.append(float(until) - begin)
    return WaitingTimes(np.sort(np.array(passed, dtype=float)), np.sort(np.array(cut, dtype=float)))


def last_jumps(records: Any, quiet: float, *, start: float = 0.0, end: float | None = None) -> WaitingTimes:
    """Times of absorption: when the last jump came, over an ensemble of which some or all have come to rest.

    A trajectory counts as at rest since its last jump if nothing has happened for ``quiet`` at least until its record
    ends; one that is not is cut at the end less ``quiet``. Where the rate of jumps outside of the absorbing state is r
    at least, e^{-r quiet} of the trajectories that are still active are taken for absorbed.

    Parameters
    ----------
    records, start, end
        As for :func:`waiting_times`.
    quiet : float
        How long nothing must have happened.

    Returns
    -------
    WaitingTimes
        ``intervals`` are the times of absorption from ``start`` on (0 for one without any jump), ``cut`` those of the
        trajectories that are not at rest.

    Raises
    ------
    ArgumentError
        As :func:`waiting_times`, or if ``quiet`` is longer than a record.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=4, omega=0.0, rate_up=0.0, rate_down=1.0)
    >>> result = cj.simulate(model, cj.tilted(model, 0, 0), [0, 20], n_traj=400, record=True)
    >>> rest = cj.longtime.last_jumps(result, quiet=9.0)  # the last of four decays: 1 + 1/2 + 1/3 + 1/4
    >>> print(f"{rest.mean:.3f} ± {rest.stderr:.3f}")
    2.118 ± 0.062
    """
    silent = checks.number("quiet", quiet, 0)
    given, ends, begin = window_of(records, start, end)
    if len(ends) and float(ends.min()) - begin < silent:
        raise ArgumentError("quiet", "be shorter than every record", f"it is {silent:g}")
    at_rest, cut = [], []
    for record, until in zip(given, ends, strict=True):
        times = record["time"][(record["time"] >= begin) & (record["time"] <= until)]
        last = float(times[-1]) if len(times) else begin
        if last <= until - silent:
            at_rest.append(last - begin)
        else:
            cut.append(float(until) - silent - begin)
    return WaitingTimes(np.sort(np.array(at_rest, dtype=float)), np.sort(np.array(cut, dtype=float)))
