"""One step of no-jump evolution: the Taylor vectors of a state and how far in time they are good."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import MAX_ORDER, OPTIONS, PAD
from .propagate import apply_complex, apply_real, fill_elements, inner_product, norm_squared
from .window import clear_beside

ROUNDING = 4e-16


@njit(**OPTIONS)
def sector_range(N, two_J):
    """First and one past the last position of a sector."""
    first = (N - two_J) // 2 + PAD
    return first, first + two_J + 1


@njit(**OPTIONS)
def refresh_elements(tables, work, two_J, lo, hi, filled, margin):
    """Have the off-diagonals ready for ``margin`` cells beside the window; ``filled`` is what is ready."""
    first, last = sector_range(tables.N, two_J)
    if filled[0] == two_J and filled[1] <= max(lo - margin, first) and filled[2] >= min(hi + margin, last):
        return
    start = max(lo - 2 * margin, first)
    stop = min(hi + 2 * margin, last)
    fill_elements(
        tables.N,
        two_J,
        start,
        stop,
        tables.is_real,
        tables.band,
        (tables.up_re, tables.up_im),
        (tables.down_re, tables.down_im),
        (tables.two_re, tables.two_im),
        work.off_re,
        work.off_im,
        work.two_re,
        work.two_im,
    )
    for p in range(max(start - PAD, 0), start):  # nothing couples into the sector or the window from below
        work.off_re[:, p] = 0.0
        work.off_im[:, p] = 0.0
        work.two_re[p] = 0.0
        work.two_im[p] = 0.0
    filled[0], filled[1], filled[2] = two_J, start, stop


@njit(**OPTIONS)
def next_term(tables, work, order, lo, hi, shift, half_shift):
    """Taylor row order + 1 on lo..hi from row order; returns its norm."""
    scale = 1.0 / (order + 1.0)
    diagonal, half_rate = tables.diagonal[lo - PAD : hi - PAD], tables.half_rate[lo - PAD : hi - PAD]
    from_re, from_im = work.taylor_re[order], work.taylor_im[order]
    to_re, to_im = work.taylor_re[order + 1, lo:hi], work.taylor_im[order + 1, lo:hi]
    if tables.is_real:
        norm2 = apply_real(
            from_re[lo - 1 : hi + 1],
            from_im[lo - 1 : hi + 1],
            work.off_re[0, lo - 1 : hi + 1],
            diagonal,
            half_rate,
            shift,
            half_shift,
            scale,
            to_re,
            to_im,
        )
    else:
        norm2 = apply_complex(
            from_re[lo - 2 : hi + 2],
            from_im[lo - 2 : hi + 2],
            work.off_re[:, lo - 2 : hi + 2],
            work.off_im[:, lo - 2 : hi + 2],
            work.two_re[lo - 2 : hi + 2],
            work.two_im[lo - 2 : hi + 2],
            diagonal,
            half_rate,
            shift,
            half_shift,
            scale,
            to_re,
            to_im,
        )
    clear_beside(work.taylor_re[order + 1], work.taylor_im[order + 1], lo, hi, PAD)
    return np.sqrt(norm2)


@njit(**OPTIONS)
def _level_windows(work, order, lo, hi, band, first, last):
    """Zero every row out to the window of the highest one, so that the series is summed in one sweep."""
    for k in range(order):
        row_lo, row_hi = max(lo - k * band, first), min(hi + k * band, last)
        clear_beside(work.taylor_re[k], work.taylor_im[k], row_lo, row_hi, (order - k) * band)


@njit(**OPTIONS)
def expand(tables, work, two_J, lo, hi, filled, shift, rate_shift, waiting, most, tolerance):
    """Taylor vectors of exp(-i(H_eff - s)t) ψ, s = shift - i rate_shift/2, up to where they are needed and good.

    Truncated after order K the series is off by at most e^{rate_shift t/2} |row_K| t^K in norm, rigorously,
    because H_eff only damps; K is the first order for which that is within ``tolerance`` at the horizon, which is
    the time to the expected jump (``waiting`` is the log-survival left to lose) but at most ``most``. If no order
    does, the horizon shrinks.

    Returns
    -------
    order, horizon, energy, rate, curvature
        The last three at t = 0: <H>, <R>, and c with -log|ψ(t)|² ≈ rate t - c t². The window of the sum is lo, hi
        widened by order · band.
    """
    first, last = sector_range(tables.N, two_J)
    refresh_elements(tables, work, two_J, lo, hi, filled, 12 * tables.band)
    norms = np.empty(MAX_ORDER + 1)
    norms[0] = 1.0
    energy, rate, half_log2, horizon = shift, rate_shift, 0.0, most
    order, done = 0, False
    while order < MAX_ORDER and not done:
        if order == 12:
            refresh_elements(tables, work, two_J, lo, hi, filled, MAX_ORDER * tables.band)
        row_lo, row_hi = max(lo - (order + 1) * tables.band, first), min(hi + (order + 1) * tables.band, last)
        norms[order + 1] = next_term(tables, work, order, row_lo, row_hi, shift, 0.5 * rate_shift)
        if order == 0:
            real, imag = inner_product(
                work.taylor_re[0, lo:hi], work.taylor_im[0, lo:hi], work.taylor_re[1, lo:hi], work.taylor_im[1, lo:hi]
            )
            energy, rate = shift - imag, max(rate_shift - 2.0 * real, 0.0)
            horizon = most
            if rate * horizon > 1.08 * waiting + 0.02:
                horizon = (1.08 * waiting + 0.02) / rate
            if rate * horizon > 4.0:
                horizon = 4.0 / rate
            if abs(energy - shift) * horizon > 0.25 or abs(rate - rate_shift) * horizon > 0.25:
                # the sector or the state has changed much since the shift was taken: take it anew
                if shift != energy or rate_shift != rate:
                    shift, rate_shift = energy, rate
                    continue
        if order == 1:
            real, imag = inner_product(
                work.taylor_re[0, lo:hi], work.taylor_im[0, lo:hi], work.taylor_re[2, lo:hi], work.taylor_im[2, lo:hi]
            )
            half_log2 = 2.0 * real + norms[1] ** 2 - 0.5 * (rate_shift - rate) ** 2
        order += 1
        done = np.exp(0.5 * rate_shift * horizon) * norms[order] * horizon**order <= tolerance
    if not done and norms[order] > 0.0:
        horizon = min(horizon, (tolerance * np.exp(-0.5 * rate_shift * horizon) / norms[order]) ** (1.0 / order))
    for k in range(order + 1):  # terms much larger than their sum would leave rounding behind
        if norms[k] * horizon**k * ROUNDING > 0.1 * tolerance and k > 0:
            horizon = (0.1 * tolerance / (ROUNDING * norms[k])) ** (1.0 / k)
    _level_windows(work, order, lo, hi, tables.band, first, last)
    return order, horizon, energy, rate, half_log2, shift, rate_shift


@njit(**OPTIONS)
def log_survival(work, lo, hi, rate_shift, t):
    """-log|ψ(t)|² for the state summed into ``out``, and its squared norm without the shift."""
    norm2 = norm_squared(work.out_re[lo:hi], work.out_im[lo:hi])
    return rate_shift * t - np.log(norm2), norm2
