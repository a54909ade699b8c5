"""What the Taylor series asks of each way to write a state in; which it is, the type of H_eff says to the compiler.

``begin_rows(h_eff, work, two_J, lo, hi, tolerance)``
    Makes the state, which is row 0, ready; the window of all rows and how much wider than the state it is.
``next_row(h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, filled, unit, shift, rate_shift, least)``
    Makes row order + 1, -i(H_eff - shift + i rate_shift/2) unit/(order + 1) of row ``order``. Returns its |row|², the
    end of the state and of the window, and the norm at the end of the step of what was left out of the row.
``overlap_with_second(h_eff, work, order, lo, hi)``
    Real and imaginary part of <row 0|row ``order``>.
``in_another_unit(h_eff, work, order, lo, hi, factor)``
    Writes the rows up to ``order`` in a unit of time ``factor`` times the old one, a power of two, and their norms.
``wider(h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, room, unit, power, ratio, tolerance)``
    Whether the window was too narrow for row ``order`` and has been made wider, and what it is.
``end_rows(h_eff, wide_lo, wide_hi)``
    Keeps the window of the sum, where others ask for it.
``lone_amplitude(h_eff, two_J, lo, hi)``
    Whether the state is one amplitude that nothing couples to others, and its energy and rate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from ..no_jump_tables import BandedHeff, ProgramHeff
from .by_type import by_type
from .common import INLINED, OPTIONS, PAD
from .fock_rows import FockHeff, apply_fock, change_unit_of_fock, keep_fock, overlap_of_fock
from .horizon import LEFT_OUT
from .lattice import LatticeHeff
from .lattice_rows import apply_lattice
from .lattice_sums import change_unit_of_rows, overlap_of_rows
from .mode_columns import SpinModeHeff, keep_columns
from .mode_sums import change_unit_of_columns, overlap_of_columns
from .pattern_links import keep_rows
from .pattern_pairs import PatternHeff, apply_rows
from .pattern_sums import overlap_with_row
from .polynomial_bands import PolynomialHeff
from .product_rows import apply_product, change_unit_of_product, leave_out, overlap_of_product
from .propagate import overlap
from .sparse import SparseHeff, apply_lists, apply_runs, keep_slots
from .spin_mode import apply_columns_of_mode
from .window import clear_beside
from .windowed_rows import (
    begin_bands,
    begin_block,
    end_bands,
    lone_of_block,
    row_of_bands,
    row_of_block,
    wider_bands,
    wider_block,
)

BESIDE_ROWS = 2.0**-7
"""Part of the tolerance that the norm of what is left out of a row of the series may have, of several blocks on a grid:
first and last rows of it, and first and last columns.
"""

LEFT_OUT_ROWS = 2.0**-2
"""Part of the tolerance for all that is left out of the rows of the series: of patterns, of Fock states, of products.

What is set to zero in row k is missing in the following ones as if it had never come up: w(t) = Σ t^k w_k, where row k
is w_k + δ_k before δ_k is set to zero, obeys dw/dt = Aw - Σ k t^(k-1) δ_k - A t^K w_K. A only damps, up to the shift of
the rate, so that the error is at most e^(rate_shift t/2) Σ t^k ‖δ_k‖ and the remainder.
"""


LEFT_OUT_AT_FIRST = 2.0**-4
"""The same of a state of rows of Fock states, or of products, which is row 0: what the rows before have left there."""


class LeftOut(NamedTuple):
    """What decides how much may be left out of a row.

    Attributes
    ----------
    tolerance : float
        Of the step.
    power, more : float
        What a row of norm 1 counts at the end of the step: as far as that is known, and at most.
    growth, gone : float
        By how much the remainder may grow until then, and the norm of all that was left out before.
    """

    tolerance: float
    power: float
    more: float
    growth: float
    gone: float


def _begin(h_eff, work, two_J, lo, hi, tolerance):
    return lo, hi, 0


def _begin_fock(h_eff, work, two_J, lo, hi, tolerance):
    least = (LEFT_OUT_AT_FIRST * tolerance) ** 2 / (hi - lo)
    keep_fock(work.taylor_re, work.taylor_im, work.shape, work.cover, work.tight, least)
    return lo, hi, 0


def _begin_product(h_eff, work, two_J, lo, hi, tolerance):
    work.shape[0], work.shape[1] = h_eff.row, hi - lo
    work.kept[0] = 1
    leave_out(
        work.taylor_re[0][:hi], work.taylor_im[0][:hi], h_eff.row, work.kept[0], (LEFT_OUT_AT_FIRST * tolerance) ** 2
    )
    return lo, hi, 0


def _begin_columns(h_eff, work, two_J, lo, hi, tolerance):
    keep_columns(work.taylor_re, work.taylor_im, work, (LEFT_OUT_AT_FIRST * tolerance) ** 2, hi - lo)
    return lo, hi, 0


def _begin_patterns(h_eff, work, two_J, lo, hi, tolerance):
    keep_rows(h_eff.rows, h_eff.links, work.taylor_re, work.taylor_im)
    return lo, hi, 0


def _begin_list(h_eff, work, two_J, lo, hi, tolerance):
    keep_slots(h_eff.occupied, h_eff.occupied.slots[1])
    return lo, hi, 0


def _row_of_lattice(h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, filled, unit, shift, rate_shift, least):
    norm2 = apply_lattice(
        work.taylor_re,
        work.taylor_im,
        order,
        lo,
        unit,
        h_eff,
        work.windows,
        work.kept,
        work.made,
        shift,
        0.5 * rate_shift,
        (BESIDE_ROWS * least.tolerance / least.more) ** 2,
    )
    return norm2, hi, wide_hi, 0.0


@njit(**INLINED)
def _still_to_leave_out(least):
    """The norm that rows of patterns, of products, and rows and columns of Fock states may still leave out."""
    return max(LEFT_OUT_ROWS * least.tolerance / least.growth - least.gone, 0.0)


def _row_of_fock(h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, filled, unit, shift, rate_shift, least):
    left = _still_to_leave_out(least)
    norm2, weight = apply_fock(
        work.taylor_re,
        work.taylor_im,
        np.int64(order),
        unit,
        work.shape,
        h_eff.level,
        h_eff.lower,
        h_eff.upper,
        h_eff.pointer,
        h_eff.column,
        h_eff.value,
        h_eff.beside,
        h_eff.near,
        work.cover,
        work.tight,
        shift,
        0.5 * rate_shift,
        (left / least.more) ** 2 / (hi - lo),
    )
    return norm2, hi, wide_hi, least.more * np.sqrt(weight)


def _row_of_columns(h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, filled, unit, shift, rate_shift, least):
    weight = (_still_to_leave_out(least) / least.more) ** 2
    norm2, gone = apply_columns_of_mode(h_eff, work, np.int64(order), unit, shift, 0.5 * rate_shift, weight)
    return norm2, hi, wide_hi, least.more * np.sqrt(gone)


def _row_of_patterns(h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, filled, unit, shift, rate_shift, least):
    left = _still_to_leave_out(least)
    norm2, hi, weight = apply_rows(
        work.taylor_re,
        work.taylor_im,
        np.int64(order),
        unit,
        h_eff,
        shift,
        0.5 * rate_shift,
        (left / least.more) ** 2 / (hi - lo),
    )
    return norm2, hi, hi, least.more * np.sqrt(weight)


def _row_of_list(h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, filled, unit, shift, rate_shift, least):
    here = h_eff.occupied.slots[0]
    matrix = h_eff.sectors.h_eff[here]
    beyond = h_eff.matrices.imaginary[matrix]
    bound, half_shift = (LEFT_OUT * least.tolerance / least.more) ** 2 / (hi - lo), 0.5 * rate_shift
    if h_eff.matrices.run[matrix] == 1:
        norm2, hi = apply_runs(
            work.taylor_re,
            work.taylor_im,
            np.int64(order),
            lo,
            hi,
            unit,
            beyond,
            h_eff.matrices.row[matrix],
            h_eff.matrices.first,
            h_eff.matrices.length,
            h_eff.matrices.column,
            h_eff.matrices.re,
            h_eff.matrices.im,
            h_eff.sectors.facts_at[here],
            h_eff.sectors.facts,
            h_eff.occupied.slots,
            h_eff.occupied.state,
            h_eff.occupied.slot,
            h_eff.occupied.spread,
            h_eff.occupied.energy,
            h_eff.occupied.half_rate,
            h_eff.occupied.x_re,
            h_eff.occupied.x_im,
            shift,
            half_shift,
            bound,
        )
    else:
        norm2, hi = apply_lists(
            work.taylor_re,
            work.taylor_im,
            np.int64(order),
            lo,
            hi,
            unit,
            beyond,
            h_eff.matrices.row[matrix],
            h_eff.matrices.first,
            h_eff.matrices.length,
            h_eff.matrices.column,
            h_eff.matrices.re,
            h_eff.matrices.im,
            h_eff.sectors.facts_at[here],
            h_eff.sectors.facts,
            h_eff.occupied.slots,
            h_eff.occupied.state,
            h_eff.occupied.slot,
            h_eff.occupied.spread,
            h_eff.occupied.energy,
            h_eff.occupied.half_rate,
            h_eff.occupied.x,
            h_eff.occupied.made,
            shift,
            half_shift,
            bound,
        )
    clear_beside(work.taylor_re[order + 1], work.taylor_im[order + 1], lo, hi, 2 * PAD)
    return norm2, hi, hi, 0.0


def _row_of_program(h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, filled, unit, shift, rate_shift, least):
    most, k = (_still_to_leave_out(least) / least.more) ** 2, order + 1
    norm2, weight = apply_product(
        h_eff,
        work.taylor_re,
        work.taylor_im,
        work.kept,
        np.int64(order),
        np.int64(hi),
        unit,
        shift,
        0.5 * rate_shift,
        most / (hi - lo),
    )
    # of several axes, to look for what else may go takes longer than it saves
    if h_eff.pointers.size > 0 and most > weight:
        weight += leave_out(work.taylor_re[k][:hi], work.taylor_im[k][:hi], h_eff.row, work.kept[k], most - weight)
    return norm2, hi, wide_hi, least.more * np.sqrt(weight)


def _overlap(h_eff, work, order, lo, hi):
    return overlap(work.taylor_re, work.taylor_im, order, lo, hi)


def _overlap_of_product(h_eff, work, order, lo, hi):
    return overlap_of_product(work.taylor_re, work.taylor_im, h_eff.row, work.kept, np.int64(order), np.int64(hi))


def _overlap_of_lattice(h_eff, work, order, lo, hi):
    return overlap_of_rows(work.taylor_re, work.taylor_im, order, lo, work.shape[1], work.windows, work.made)


def _overlap_of_fock(h_eff, work, order, lo, hi):
    return overlap_of_fock(work.taylor_re, work.taylor_im, np.int64(order), work.shape, work.cover)


def _overlap_of_columns(h_eff, work, order, lo, hi):
    return overlap_of_columns(work.taylor_re, work.taylor_im, np.int64(order), work)


def _overlap_of_patterns(h_eff, work, order, lo, hi):
    return overlap_with_row(work, order)


@njit(**OPTIONS)
def _change_unit(rows_re, rows_im, norms, order, lo, hi, factor):
    """Write the rows up to ``order``, within lo..hi, in a unit of time ``factor`` times the old one, a power of two."""
    scale = 1.0
    for k in range(1, order + 1):
        scale *= factor
        norms[k] *= scale
        re, im = rows_re[k][lo:hi], rows_im[k][lo:hi]
        for p in range(re.size):
            re[p] *= scale
            im[p] *= scale


def _in_another_unit(h_eff, work, order, lo, hi, factor):
    _change_unit(work.taylor_re, work.taylor_im, work.norms, order, lo, hi, factor)


def _product_in_another_unit(h_eff, work, order, lo, hi, factor):
    change_unit_of_product(
        work.taylor_re, work.taylor_im, work.norms, h_eff.row, work.kept, np.int64(order), np.int64(hi), factor
    )


def _lattice_in_another_unit(h_eff, work, order, lo, hi, factor):
    change_unit_of_rows(
        work.taylor_re, work.taylor_im, work.norms, order, lo, work.shape[1], work.windows, work.made, factor
    )


def _fock_in_another_unit(h_eff, work, order, lo, hi, factor):
    change_unit_of_fock(work.taylor_re, work.taylor_im, work.norms, np.int64(order), work.shape, work.cover, factor)


def _columns_in_another_unit(h_eff, work, order, lo, hi, factor):
    change_unit_of_columns(work.taylor_re, work.taylor_im, work.norms, np.int64(order), work, factor)


def _as_wide(h_eff, work, two_J, order, lo, hi, wide_lo, wide_hi, room, unit, power, ratio, tolerance):
    return False, wide_lo, wide_hi, room


def _end(h_eff, wide_lo, wide_hi):
    pass


def _never_alone(h_eff, two_J, lo, hi):
    return False, 0.0, 0.0


WRITTEN_IN = (
    BandedHeff,
    ProgramHeff,
    LatticeHeff,
    SparseHeff,
    PatternHeff,
    PolynomialHeff,
    FockHeff,
    SpinModeHeff,
)
"""H_eff of one block, of dense vectors, grids, lists, rows of patterns, bands, and modes."""


def _by_type(usual, others):
    """The function for the type of the first argument, ``usual`` where none is named."""
    return by_type(dict.fromkeys(WRITTEN_IN, usual) | others, INLINED)


begin_rows = _by_type(
    _begin,
    {
        BandedHeff: begin_block,
        ProgramHeff: _begin_product,
        PolynomialHeff: begin_bands,
        FockHeff: _begin_fock,
        SpinModeHeff: _begin_columns,
        PatternHeff: _begin_patterns,
        SparseHeff: _begin_list,
    },
)
next_row = _by_type(
    row_of_block,
    {
        ProgramHeff: _row_of_program,
        PolynomialHeff: row_of_bands,
        LatticeHeff: _row_of_lattice,
        FockHeff: _row_of_fock,
        SpinModeHeff: _row_of_columns,
        PatternHeff: _row_of_patterns,
        SparseHeff: _row_of_list,
    },
)
overlap_with_second = _by_type(
    _overlap,
    {
        ProgramHeff: _overlap_of_product,
        LatticeHeff: _overlap_of_lattice,
        FockHeff: _overlap_of_fock,
        SpinModeHeff: _overlap_of_columns,
        PatternHeff: _overlap_of_patterns,
    },
)
in_another_unit = _by_type(
    _in_another_unit,
    {
        ProgramHeff: _product_in_another_unit,
        LatticeHeff: _lattice_in_another_unit,
        FockHeff: _fock_in_another_unit,
        SpinModeHeff: _columns_in_another_unit,
    },
)
wider = _by_type(_as_wide, {BandedHeff: wider_block, PolynomialHeff: wider_bands})
end_rows = _by_type(_end, {PolynomialHeff: end_bands})
lone_amplitude = _by_type(_never_alone, {BandedHeff: lone_of_block})
