"""Numbers with their errors, as they are printed."""

from __future__ import annotations

import math

_EXACT = 1e-13
"""A standard error below this is rounding of zero: at the start, or of a conserved average."""

_DECIMALS = 7
"""An error whose two figures need more decimals is written with an exponent ..."""

_SMALL = 1e-3
"""... and so is a value below this beside it."""

_LARGE = 1e15
"""Whole numbers from here on are written with an exponent, too."""


def format_value(value: float, error: float, uncertain: bool = False, exact: float = _EXACT) -> str:
    """Write ``value ± error`` with two figures of the error.

    An error of zero, where all trajectories agree, becomes ``± 0``, an unknown one (a single trajectory) ``± —``. One
    that the sample cannot know gets a question mark, ``± ?`` alone where no trajectory differs. Figures that would have
    many zeros in front are written with an exponent.

    Parameters
    ----------
    value, error : float
    uncertain : bool
        See :attr:`cojump.results.result.Result.uncertain`.
    exact : float
        Errors up to this one are rounding of zero.
    """
    if not math.isfinite(value):
        return "—"
    if not math.isfinite(error):
        return f"{format_number(value)} ± —"
    if error <= exact:
        return f"{format_number(value)} ± {'?' if uncertain else '0'}"
    digits, mark = _digits(error), " ?" if uncertain else ""
    if max(abs(value), error) >= _LARGE:
        return f"{value:.{min(max(0, math.floor(math.log10(abs(value) or error)) + digits), 16)}e} ± {error:.1e}{mark}"
    if digits <= _DECIMALS:
        digits = max(0, digits)
        return f"{value:z.{digits}f} ± {error:.{digits}f}{mark}"
    power = digits - 1  # of the first figure of the error, without its sign
    if abs(value) >= _SMALL:
        return f"{value:z.{min(digits, 16)}f} ± {error:.1e}{mark}"
    size = -power if value == 0 else max(math.floor(math.log10(abs(value))), -power)
    return f"{value * 10.0**-size:z.{min(size + power + 1, 16)}f}e{size:+03d} ± {error:.1e}{mark}"


def format_number(value: float, error: float = math.nan) -> str:
    """Write a number beside which there is none or another one's error: five decimals, more if that error is smaller.

    A zero has no sign; what is not known is a dash.
    """
    if not math.isfinite(value):
        return "—"
    fine = math.isnan(error) or (error > _EXACT and _digits(error) > _DECIMALS)
    tiny = fine and _EXACT < abs(value) < _SMALL
    return f"{value:.2e}" if tiny or abs(value) >= _LARGE else f"{value:z.5f}"


def _digits(error: float) -> int:
    """Decimals that show two figures of an error."""
    return 1 - math.floor(math.log10(error))


def format_difference(value: float, reference: float, error: float, uncertain: bool = False) -> str:
    """Write (value - reference) in units of the error, or a dash where that has no meaning."""
    if not math.isfinite(error) or error <= _EXACT or uncertain or not math.isfinite(value - reference):
        return "—"
    return f"{(value - reference) / error:+.1f}"
