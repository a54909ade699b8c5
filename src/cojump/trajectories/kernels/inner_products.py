"""Inner products of what operators make of a state of several axes: a piece of the last axis after the other.

Axes are those of blocks and boson modes. A row is what differs along the last of them alone. For each piece of a row
the vectors that all operators make there are written beside each other, in the fastest memory, and then multiplied with
each other. Rows in which nothing is, and to which nothing leads, are left out; and so are such cells where there is one
row alone and all operators act along it, as those of one block of many levels do.
"""

from __future__ import annotations

from numba import njit

from .common import OPTIONS
from .product_rows import quiet_weight
from .vectors import LANES, fused, load, load_row, spread, spread_cell, store, total

PIECE = 72
"""Cells of a piece at most: the vectors of two blocks of three levels fit into the fastest memory."""

STEP, DIM, FIRST, VECTORS = range(4)
"""What the kernel is told of each operator: by how many rows two neighbours along its axis are apart, 0 for the last
axis; states of the axis; where its pointers begin; and 2 where real and imaginary elements are operators of their own.
"""


@njit(**OPTIONS)
def split_rows(ket, length, stride, re, im, weights):
    """Write a flat state as real and imaginary parts, rows of whole vectors, and what each row weighs; |ψ|²."""
    norm2 = 0.0
    for r in range(weights.size):
        at, to, weight = r * length, r * stride, 0.0
        for c in range(length):
            x, y = ket[at + c].real, ket[at + c].imag
            re[to + c] = x
            im[to + c] = y
            weight += x * x + y * y
        for c in range(length, stride):
            re[to + c] = 0.0
            im[to + c] = 0.0
        weights[r] = weight
        norm2 += weight
    return norm2


@njit(**OPTIONS)
def find_cells(axes, pointers, columns, re, im, least, cells, filled):
    """Write the cells of the only row that weigh more than ``least``, and those to which operators lead from them.

    All of these act on the last axis, and are Hermitian: they lead from a cell to where they lead to it from.
    ``filled`` is room to work in, a number for each cell. How many there are.
    """
    for c in range(cells.size):
        filled[c] = 0
    for c in range(cells.size):
        if not re[c] * re[c] + im[c] * im[c] <= least:
            filled[c] = 1
            for o in range(axes.shape[0]):
                first = axes[o, FIRST]
                for k in range(pointers[first + c], pointers[first + c + 1]):
                    filled[columns[k]] = 1
    found = 0
    for c in range(cells.size):
        cells[found] = c
        found += filled[c]
    return found


@njit(**OPTIONS)
def _along_row(
    base, first, cells, at, n, pointers, columns, value_re, value_im, re, im, one_re, one_im, other_re, other_im, least
):
    """Write what the real and the imaginary elements of a matrix on the last axis make in n cells of a row.

    Whether it weighs more than ``least``.
    """
    weight = 0.0
    for c in range(n):
        x = y = z = w = 0.0
        row = first + cells[at + c]
        for k in range(pointers[row], pointers[row + 1]):
            a, b, u, v = re[base + columns[k]], im[base + columns[k]], value_re[k], value_im[k]
            x += u * a
            y += u * b
            z -= v * b
            w += v * a
        one_re[c] = x
        one_im[c] = y
        other_re[c] = z
        other_im[c] = w
        weight += x * x + y * y + z * z + w * w
    for c in range(n, (n + LANES - 1) // LANES * LANES):
        one_re[c] = one_im[c] = other_re[c] = other_im[c] = 0.0
    return not weight <= least


@njit(**OPTIONS)
def _from_rows(
    r, step, here, first, last, at, n, stride, columns, value_re, value_im, weights, least, re, im, one_re, one_im,
    other_re, other_im,
):  # fmt: skip
    """The same of a matrix on another axis, which leads to a row from others; whether there is anything."""
    some = False
    for k in range(first, last):
        some = some or not weights[r + (columns[k] - here) * step] <= least
    if some:
        for c in range(0, n, LANES):
            x = y = z = w = spread(0.0)
            for k in range(first, last):
                p = (r + (columns[k] - here) * step) * stride + at + c
                u, v, a, b = spread_cell(value_re, k), spread_cell(value_im, k), load(re, p, LANES), load(im, p, LANES)
                x, y, z, w = fused(u, a, x), fused(u, b, y), fused(-v, b, z), fused(v, a, w)
            store(one_re, c, LANES, x)
            store(one_im, c, LANES, y)
            store(other_re, c, LANES, z)
            store(other_im, c, LANES, w)
    return some


@njit(**OPTIONS)
def _add(to_re, to_im, re, im, n):
    """Add one vector to another one."""
    for c in range(0, n, LANES):
        store(to_re, c, LANES, load(to_re, c, LANES) + load(re, c, LANES))
        store(to_im, c, LANES, load(to_im, c, LANES) + load(im, c, LANES))


@njit(**OPTIONS)
def add_products(vectors, present, n, many, sums):
    """Add the products of all pairs of some real vectors, lane by lane, three with three at a time.

    Parameters
    ----------
    vectors : (V, .)
        n numbers of each count, and what is behind them up to a multiple of eight.
    present : flat int
        Which vectors; the others are zero.
    many : int
        V, or fewer if the last ones are never present.
    sums : (many², LANES)
    """
    last = present.size - 1
    for i in range(0, present.size, 3):
        a, b, c = present[i], present[min(i + 1, last)], present[min(i + 2, last)]
        for j in range(i, present.size, 3):
            d, e, f = present[j], present[min(j + 1, last)], present[min(j + 2, last)]
            ad, ae, af = (
                load_row(sums, many * a + d, 0, LANES),
                load_row(sums, many * a + e, 0, LANES),
                load_row(sums, many * a + f, 0, LANES),
            )
            bd, be, bf = (
                load_row(sums, many * b + d, 0, LANES),
                load_row(sums, many * b + e, 0, LANES),
                load_row(sums, many * b + f, 0, LANES),
            )
            cd, ce, cf = (
                load_row(sums, many * c + d, 0, LANES),
                load_row(sums, many * c + e, 0, LANES),
                load_row(sums, many * c + f, 0, LANES),
            )
            for p in range(0, n, LANES):
                x, y, z = (
                    load_row(vectors, a, p, LANES),
                    load_row(vectors, b, p, LANES),
                    load_row(vectors, c, p, LANES),
                )
                u = load_row(vectors, d, p, LANES)
                ad, bd, cd = fused(x, u, ad), fused(y, u, bd), fused(z, u, cd)
                u = load_row(vectors, e, p, LANES)
                ae, be, ce = fused(x, u, ae), fused(y, u, be), fused(z, u, ce)
                u = load_row(vectors, f, p, LANES)
                af, bf, cf = fused(x, u, af), fused(y, u, bf), fused(z, u, cf)
            # where one vector stands for two the same is written twice
            store(sums[many * a + d], 0, LANES, ad)
            store(sums[many * a + e], 0, LANES, ae)
            store(sums[many * a + f], 0, LANES, af)
            store(sums[many * b + d], 0, LANES, bd)
            store(sums[many * b + e], 0, LANES, be)
            store(sums[many * b + f], 0, LANES, bf)
            store(sums[many * c + d], 0, LANES, cd)
            store(sums[many * c + e], 0, LANES, ce)
            store(sums[many * c + f], 0, LANES, cf)


@njit(**OPTIONS)
def inner_products(
    ket, length, tolerance, axes, pointers, columns, value_re, value_im, re, im, weights, cells, filled, vectors,
    present, sums, gram,
):  # fmt: skip
    """Real parts of the inner products of ψ and the V vectors that operators make of it, into ``gram``.

    Parameters
    ----------
    ket : flat
        ψ, of rows of ``length`` cells.
    tolerance : float
        Norm of what may be left out of a normalised ψ.
    axes : (operators, 4) int
        See STEP.
    pointers, columns, value_re, value_im : flat
        Rows of all operators, compressed.
    re, im : flat
    weights : (rows,)
    cells, filled : (length,) int
    vectors : (2 + V, 2 PIECE)
    present : (1 + V,) int
    sums : ((1 + V)², LANES)
        Room to work in.
    gram : (1 + V, 1 + V)
    """
    stride, many, found = (length + LANES - 1) // LANES * LANES, gram.shape[0], length
    norm2 = split_rows(ket, length, stride, re, im, weights)
    least = tolerance * tolerance * norm2 / weights.size
    # an operator on another axis knows nothing of cells: it leads from rows to rows, even from one to itself
    alone = weights.size == 1
    for o in range(axes.shape[0]):
        alone = alone and axes[o, STEP] == 0
    if alone:
        present[0] = 1  # the row is kept
        quiet, _ = quiet_weight(re[:length], im[:length], length, present, least, least / length)
        found = find_cells(axes, pointers, columns, re, im, quiet, cells, filled)
    else:
        for c in range(length):
            cells[c] = c
    vectors_of_row = (found + LANES - 1) // LANES
    pieces = (LANES * vectors_of_row + PIECE - 1) // PIECE
    piece = (vectors_of_row + pieces - 1) // pieces * LANES
    sums[:] = 0.0
    for r in range(weights.size):
        lives = not weights[r] <= least
        for at in range(0, found, piece):
            n, count, v = min(piece, found - at), 0, 1
            whole = (n + LANES - 1) // LANES * LANES  # from real to imaginary parts of a vector
            if lives:
                for c in range(n):
                    p = r * stride + cells[at + c]
                    vectors[0, c], vectors[0, whole + c] = re[p], im[p]
                for c in range(n, whole):
                    vectors[0, c] = vectors[0, whole + c] = 0.0
                present[0] = 0
                count = 1
            for o in range(axes.shape[0]):
                step, first, some = axes[o, STEP], axes[o, FIRST], lives
                one_re, one_im, other_re, other_im = (
                    vectors[v],
                    vectors[v, whole:],
                    vectors[v + 1],
                    vectors[v + 1, whole:],
                )
                if step > 0:
                    here = (r // step) % axes[o, DIM]
                    some = _from_rows(
                        r, step, here, pointers[first + here], pointers[first + here + 1], at, n, stride, columns,
                        value_re, value_im, weights, least, re, im, one_re, one_im, other_re, other_im,
                    )  # fmt: skip
                elif lives:
                    some = _along_row(
                        r * stride, first, cells, at, n, pointers, columns, value_re, value_im, re, im, one_re,
                        one_im, other_re, other_im, least / pieces,
                    )  # fmt: skip
                if some:
                    present[count] = v
                    count += 1
                    if axes[o, VECTORS] == 2:
                        present[count] = v + 1
                        count += 1
                    else:
                        _add(one_re, one_im, other_re, other_im, n)
                v += axes[o, VECTORS]
            add_products(vectors, present[:count], 2 * whole, many, sums)
    for a in range(many):
        for b in range(a, many):
            gram[a, b] = gram[b, a] = total(load_row(sums, a * many + b, 0, LANES))
