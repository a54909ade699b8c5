"""A state in rows of patterns laid out with room for what operators make of it; and put back."""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .lattice import copy_into
from .pattern_links import forget_rows, spread_rows
from .pattern_products import widen_hops
from .pattern_rows import CELLS, FIRST, ROWS, add_row, clear, copy_cells, drop_rows, empty, place, weight_of
from .vectors import LANES


@njit(**OPTIONS)
def lay_out(h_eff, room, x, re, im, psi_re, psi_im):
    """Give all rows cells of ``psi`` for what a one-body matrix makes of low..high, one row behind the other, and write
    low..high of a state there.

    Where their cells were before is kept in ``room.layout``, where they are now is in ``room.here``. Returns what
    :func:`lay_back` needs: rows, cells, links, and rows that were not spread, before.
    """
    rows, links, layout, here = h_eff.rows, h_eff.links, room.layout, room.here
    known, cells, linked, alone = rows.extent[ROWS], rows.extent[CELLS], links.made[0], 0
    for r in range(known):
        rows.first[r], rows.last[r] = rows.low[r], rows.high[r]
        if rows.low[r] < rows.high[r] and rows.spread[r] == 0:
            room.spread[alone] = r
            alone += 1
    spread_rows(rows, links, h_eff.tables)
    widen_hops(rows, links, x)
    rows.extent[CELLS] = FIRST
    clear(psi_re, psi_im, 0, FIRST)
    for r in range(rows.extent[ROWS]):
        base = rows.base[r]
        layout[0, r], layout[1, r], layout[2, r] = base, rows.left[r], rows.right[r]
        rows.base[r] = rows.left[r] = rows.right[r] = here[r, 0] = here[r, 1] = 0
        if rows.first[r] >= rows.last[r]:
            continue
        place(rows, r, rows.first[r], rows.last[r])
        here[r, 0], here[r, 1] = rows.left[r], rows.right[r]
        a, b = rows.low[r] // LANES * LANES, (rows.high[r] + LANES - 1) // LANES * LANES
        if a >= b:
            a = b = rows.right[r]
        to = rows.base[r]
        clear(psi_re, psi_im, to + rows.left[r], to + a)
        copy_cells(re, im, base + a, b - a, psi_re, psi_im, to + a)
        clear(psi_re, psi_im, to + b, to + rows.right[r])
    return known, cells, linked, alone


@njit(**OPTIONS)
def lay_back(h_eff, room, known, cells, linked, alone):
    """Put rows where they were before, and forget those that were not there.

    What is measured, or weighed, must not decide where later numbers are added up.
    """
    rows = h_eff.rows
    for r in range(known):
        rows.base[r], rows.left[r], rows.right[r] = room.layout[0, r], room.layout[1, r], room.layout[2, r]
    drop_rows(rows, known, cells)
    forget_rows(rows, h_eff.links, linked)
    for k in range(alone):
        rows.spread[room.spread[k]] = 0


@njit(**OPTIONS)
def copy_rows(rows, tables, re, im, made):
    """Write low..high of rows into a plane of other rows, of the same diagram."""
    copy_into(made.diagram, rows.diagram)
    empty(made)
    for r in range(rows.extent[ROWS]):
        if rows.low[r] < rows.high[r]:
            s = add_row(made, tables, rows.entry, r)
            place(made, s, rows.low[r], rows.high[r])
            a, b = made.left[s], made.right[s]
            made.spans[0, s, 0], made.spans[0, s, 1] = a, b
            copy_cells(re, im, rows.base[r] + a, b - a, made.re[0], made.im[0], made.base[s] + a)
    made.norm2[0] = weight_of(made, made.spans[0], made.re[0], made.im[0])
