"""One step of no-jump evolution: the Taylor vectors of a state and how far in time they are good."""

from __future__ import annotations

import math

import numpy as np
from numba.extending import overload

from ..no_jump_tables import BandedHeff
from .common import INLINED, MAX_ORDER
from .driven_series import KINDS, expand_driven
from .horizon import FEW, LARGE, LEAST, ROUNDING, guessed_horizon, horizon_to_jump, power_of_two
from .polynomial_bands import PolynomialHeff
from .taylor_rows import (
    WRITTEN_IN,
    LeftOut,
    begin_rows,
    end_rows,
    in_another_unit,
    lone_amplitude,
    next_row,
    overlap_with_second,
    wider,
)

NEAR = 16.0
"""Factor by which the unit of time may miss the horizon."""

LONGEST = 4.0
"""Units of time that a step may be long where what rows leave out is judged before its length is known."""

MOST_LOST = 8.0
"""Log-survival that a step may lose at the rate that the shift takes away."""

TINY = 2.0**-960

AHEAD = 1.15
"""By this factor a step is begun longer than its rate says: two rows are made before it is known how that changes."""


def _expansion(by_rate, cuts):
    """What ``expand`` does; the arguments are constants to numba, which drops other branches.

    Parameters
    ----------
    by_rate : bool
        The rate alone says where the step ends: to look for a better end takes longer than the rows that it saves.
    cuts : bool
        Rows leave out what the tolerance does not show.
    """

    def expanded(h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance):
        norms = work.norms
        norms[0] = 1.0
        alone, energy, rate = lone_amplitude(h_eff, two_J, lo, hi)
        if alone:  # it decays, and that is all
            norms[1] = 0.0
            horizon = guessed_horizon(rate, waiting, most)
            return np.int64(0), horizon, energy, rate, 0.0, energy, rate, power_of_two(horizon), lo, hi
        wide_lo, wide_hi, room = begin_rows(h_eff, work, two_J, lo, hi, tolerance)
        energy, rate, curvature, horizon = shift, rate_shift, 0.0, most
        ahead = waiting if by_rate else AHEAD * waiting
        unit = power_of_two(guessed_horizon(rate_shift, ahead, most))
        # the order is no literal 0, for which every kernel would be compiled once more
        order, done, renewed, again, power, peak, growth = np.int64(0), False, False, False, 1.0, 1.0, 2.0
        ratio = LONGEST  # horizon / unit, or what it is at most until it is known
        gone = 0.0  # norm of what rows leave out, as it is at the horizon
        while order < MAX_ORDER and not done:
            more = power * max(ratio, 1.0)  # what the next row counts, at most, where the step ends
            if cuts and order == 0:  # how long the step is, at most, until it is known
                growth = 1.0 + np.exp(0.5 * min(LONGEST * rate_shift * unit, MOST_LOST))
            least = LeftOut(tolerance, power, more, growth, gone)
            norm2, hi, wide_hi, missing = next_row(
                h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, filled, unit, shift, rate_shift, least
            )
            gone += missing
            if order == 0 and not norm2 < LARGE**4 and unit > most * TINY:
                unit /= LARGE  # the square of the row has overflowed, or nearly so
                continue
            norms[order + 1] = np.sqrt(norm2)
            if order == 0:
                real, imag = overlap_with_second(h_eff, work, order + 1, lo, hi)
                energy, rate = shift - imag / unit, max(rate_shift - 2.0 * real / unit, 0.0)
                horizon = guessed_horizon(rate, ahead, most)
                if not renewed and (abs(energy - shift) + abs(rate - rate_shift)) * horizon > 0.25:
                    # the sector or the state has changed much since the shift was taken: take it anew
                    shift, rate_shift, renewed, gone = energy, rate, True, 0.0
                    # not the unit of what was before: in a smaller one all of the row would be negligible
                    unit = power_of_two(horizon)
                    continue
                if cuts and not again and horizon > LONGEST * unit:
                    again, gone = True, 0.0  # too much has been left out of the row for so long a step
                    unit = power_of_two(horizon)
                    continue
                if rate_shift * horizon > MOST_LOST:  # the rate is rounding of what the shift has taken away
                    horizon = MOST_LOST / rate_shift
                growth = 1.0 + np.exp(0.5 * rate_shift * horizon)
                wanted = power_of_two(horizon)
                if norms[1] < LARGE and (unit > NEAR * wanted or unit * NEAR < wanted):
                    in_another_unit(h_eff, work, order + 1, wide_lo, wide_hi, wanted / unit)
                    unit = wanted
                ratio = horizon / unit
            widened, wide_lo, wide_hi, room = wider(
                h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, room, unit, power, ratio, tolerance
            )
            if widened:
                continue
            order += 1
            if norms[order] > LARGE:
                _, exponent = math.frexp(norms[order])
                factor = math.ldexp(1.0, -int(exponent // order + 1))
                in_another_unit(h_eff, work, order, wide_lo, wide_hi, factor)
                unit *= factor
                ratio = horizon / unit
                power = ratio ** (order - 1)
            if order == 2:
                real, imag = overlap_with_second(h_eff, work, order, lo, hi)
                curvature = 2.0 * real + norms[1] ** 2 - 0.5 * ((rate_shift - rate) * unit) ** 2
                curvature = curvature / unit / unit
                shorter = horizon if by_rate else horizon_to_jump(rate, curvature, waiting, horizon)
                if shorter < horizon:
                    horizon, ratio = shorter, shorter / unit
                    growth = 1.0 + np.exp(0.5 * rate_shift * horizon)
                    power, peak = ratio, max(1.0, norms[1] * ratio)
            power *= ratio
            term = norms[order] * power if norms[order] > 0.0 else 0.0
            peak = max(peak, term)
            done = growth * term <= tolerance
        if not done:
            horizon = min(horizon, unit * (tolerance / (growth * norms[order])) ** (1.0 / order))
            if h_eff.has_jumps and FEW * rate * horizon < waiting:
                # Many such steps lead to the jump, and their errors of the norm add up: each has its share.
                horizon *= max(FEW * rate * horizon / waiting, LEAST) ** (1.0 / order)
        if peak * ROUNDING > 0.1 * tolerance:  # terms much larger than their sum would leave rounding behind
            for k in range(1, order + 1):
                if norms[k] * (horizon / unit) ** k * ROUNDING > 0.1 * tolerance:
                    horizon = unit * (0.1 * tolerance / (ROUNDING * norms[k])) ** (1.0 / k)
        end_rows(h_eff, wide_lo, wide_hi)
        return order, horizon, energy, rate, curvature, shift, rate_shift, unit, wide_lo, wide_hi

    return expanded


_USUAL = _expansion(by_rate=False, cuts=True)
_EXPANSIONS = (
    dict.fromkeys(WRITTEN_IN, _USUAL)
    | dict.fromkeys(KINDS, expand_driven)
    | {
        BandedHeff: _expansion(by_rate=True, cuts=False),
        PolynomialHeff: _expansion(by_rate=True, cuts=False),
    }
)


def expand(h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance):
    """Taylor vectors of exp(-i(H_eff - s)t) ψ, s = shift - i rate_shift/2, up to where they are needed and good.

    Summed up to order K the series is off by at most (1 + e^{rate_shift t/2}) |row_K| (t/τ)^K in norm, rigorously,
    because H_eff only damps: the remainder before row K is an integral over it, and then row K is added. K is the
    first order for which that is within ``tolerance`` at the horizon, which is the time to the expected jump
    (``waiting`` is the log-survival left to lose) but at most ``most``. If no order does, the horizon shrinks.

    The unit τ of the rows is near the horizon, so that no row can vanish or overflow whatever the units of the model;
    where rows grow too large all the same it is lowered on the way. It is a power of two: no digit depends on it.

    Returns
    -------
    order, horizon, energy, rate, curvature, shift, rate_shift, unit, lo, hi
        Energy, rate and curvature at t = 0: <H>, <R>, and c with -log|ψ(t)|² ≈ rate t - c t². The window of the sum has
        all that does not weigh less than the tolerance shows.
    """
    return _EXPANSIONS[type(h_eff)](h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance)


@overload(expand, jit_options=INLINED)
def _choose_expansion(h_eff, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance):
    return _EXPANSIONS[h_eff.instance_class]
