"""The elements of H_eff of blocks of two levels beside a boson mode, of a sector in a displaced frame."""

from __future__ import annotations

import numpy as np
from numba import njit

from .common import OPTIONS
from .lattice import DOWN, UP
from .mode_columns import (
    B_HIGH,
    B_IM,
    B_LOW,
    B_RE,
    BETA_IM,
    BETA_RE,
    BOTH,
    DAMPING,
    DRIVE_IM,
    DRIVE_RE,
    ENERGY,
    FOR_EACH,
    FROM_PLANES,
    INSIDE,
    LEVEL,
    NET,
    OMEGA,
    OTHER_GAIN,
    OTHER_P,
    P_HIGH,
    P_LOW,
    Q_HIGH,
    Q_LOW,
    UP_OF,
    P,
    Q,
)
from .vectors import LANES, before, fused, load, rising, spread, store

MOST_ALIKE = 2.0**64
"""How many times larger B may be than Y to be written as a multiple of it."""


@njit(**OPTIONS)
def set_elements_of_mode(sizes, y, one, collected, of_mode, frame, c, planes, elements, beside, multiple):
    """Write H_eff of a sector in a frame: see :mod:`cojump.trajectories.displaced_modes`; 1 if B or Y are complex."""
    last, lost, is_complex = sizes.size - 1, 0.0, 0
    for m in range(frame.shape[0]):
        d_re, d_im = frame[m, B_RE] - frame[m, BETA_RE], frame[m, B_IM] - frame[m, BETA_IM]
        lost += 0.5 * of_mode[m, BOTH] * (d_re * d_re + d_im * d_im)
    for block in range(sizes.size):
        _, _, up, _ = _driven_by(y, one, frame, block)
        alone, is_real = y[0, block, UP, DOWN], up.imag == 0.0 and y[0, block, UP, DOWN].imag == 0.0
        times = up.real / alone.real if alone.real != 0.0 else np.inf
        is_alike = is_real and alone == np.conj(y[0, block, DOWN, UP]) and abs(times) < MOST_ALIKE
        multiple[block] = times if is_alike else np.nan
    _set_planes_beside(sizes, y, one, collected, of_mode, frame, c, planes, beside)
    driven = _driven_by(y, one, frame, last)
    for m in range(frame.shape[0]):
        b, beta = complex(frame[m, B_RE], frame[m, B_IM]), complex(frame[m, BETA_RE], frame[m, BETA_IM])
        force = of_mode[m, OMEGA] * b + complex(of_mode[m, DRIVE_RE], of_mode[m, DRIVE_IM])
        net, both = of_mode[m, NET], of_mode[m, BOTH]
        u = force - 0.5j * (net * beta + both * (b - beta))
        v = np.conj(force) + 0.5j * (net * np.conj(beta) - both * np.conj(b - beta))
        _set_coupling(sizes[last], y[m, last], u, v, c[last], elements[m])
        if m == 0:
            is_complex = _set_last_block(sizes[last], y[0, last], driven, collected[last], lost, c[last], elements[0])
    return is_complex


@njit(**OPTIONS)
def _driven_by(y, one, frame, block):
    """What displacements make of a block: energies of up and down, and elements of B that lead up and down."""
    of_up, of_down, up, down = 0.0, 0.0, one[block, UP, DOWN], one[block, DOWN, UP]
    for m in range(frame.shape[0]):  # b* y + b y†
        b, own = complex(frame[m, B_RE], frame[m, B_IM]), y[m, block]
        of_up += 2.0 * (np.conj(b) * own[UP, UP]).real
        of_down += 2.0 * (np.conj(b) * own[DOWN, DOWN]).real
        up += np.conj(b) * own[UP, DOWN] + b * np.conj(own[DOWN, UP])
        down += np.conj(b) * own[DOWN, UP] + b * np.conj(own[UP, DOWN])
    return of_up, of_down, up, down


@njit(**OPTIONS)
def _set_planes_beside(sizes, y, one, collected, of_mode, frame, c, planes, beside):
    """Write what all blocks but the last, and all modes but the first, add in each plane."""
    blocks = sizes.size - 1
    for p in range(planes.shape[0]):
        if planes[p, INSIDE] < 1:
            continue
        own, energy, gain = beside[p], 0.0, 0.0
        for m in range(frame.shape[0]):
            diagonal = complex(0.0, 0.0)
            of_mode_at = FROM_PLANES + FOR_EACH * blocks + (4 + 8 * blocks) * (m - 1)
            if m > 0:
                n = planes[p, UP_OF + blocks + m - 1]
                energy += of_mode[m, OMEGA] * n
                gain += 0.5 * of_mode[m, BOTH] * n
            for block in range(blocks):
                i, Y = planes[p, UP_OF + block], y[m, block]
                rest, low, high = sizes[block] - i, c[block, i - 1] if i > 0 else 0.0, c[block, i]
                diagonal += Y[UP, UP] * i + Y[DOWN, DOWN] * rest
                at = FROM_PLANES + FOR_EACH * block if m == 0 else of_mode_at + 4 + 8 * block
                if m == 0:
                    of_up, of_down, up, down = _driven_by(y, one, frame, block)
                    energy += of_up * i + of_down * rest
                    gain += 0.5 * (collected[block, 0] * low * low + collected[block, 1] * high * high)
                    for number in (up * low, down * high):
                        own[at], own[at + 1] = number.real, number.imag
                        at += 2
                for number in (
                    Y[UP, DOWN] * low,
                    Y[DOWN, UP] * high,
                    np.conj(Y[DOWN, UP]) * low,
                    np.conj(Y[UP, DOWN]) * high,
                ):
                    own[at], own[at + 1] = number.real, number.imag
                    at += 2
            at = OTHER_P if m == 0 else of_mode_at
            own[at], own[at + 1], own[at + 2], own[at + 3] = diagonal.real, diagonal.imag, diagonal.real, -diagonal.imag
        own[ENERGY], own[OTHER_GAIN] = energy, gain


@njit(**OPTIONS)
def _set_last_block(N, y, driven, collected, lost, c, elements):
    """Write what is the same in all planes and no coupling; 1 if B or Y are complex."""
    drive_up, drive_down, up, down = driven
    last, of_down, of_up = spread(0.0), spread(0.5 * collected[0]), spread(0.5 * collected[1])
    for q in range(0, elements.shape[1], LANES):
        here, i = load(c, q, LANES), rising(1.0 * q)
        low, rest = before(last, here), spread(1.0 * N) - i
        store(elements[LEVEL], q, LANES, fused(spread(drive_up), i, spread(drive_down) * rest))
        store(elements[DAMPING], q, LANES, fused(of_down * low, low, fused(of_up * here, here, spread(lost))))
        store(elements[B_LOW], q, LANES, spread(up.real) * low)
        store(elements[B_LOW + 1], q, LANES, spread(up.imag) * low)
        store(elements[B_HIGH], q, LANES, spread(down.real) * here)
        store(elements[B_HIGH + 1], q, LANES, spread(down.imag) * here)
        last = here
    real = up.imag == 0.0 and down.imag == 0.0 and y[UP, DOWN].imag == 0.0 and y[DOWN, UP].imag == 0.0
    return 0 if real else 1


@njit(**OPTIONS)
def _set_coupling(N, y, u, v, c, elements):
    """Write u + Y and v + Y† of the last block and a mode."""
    last = spread(0.0)
    for q in range(0, elements.shape[1], LANES):
        here, i = load(c, q, LANES), rising(1.0 * q)
        low, rest = before(last, here), spread(1.0 * N) - i
        f, g = y[UP, UP], y[DOWN, DOWN]
        store(elements[P], q, LANES, spread(u.real) + fused(spread(f.real), i, spread(g.real) * rest))
        store(elements[P + 1], q, LANES, spread(u.imag) + fused(spread(f.imag), i, spread(g.imag) * rest))
        store(elements[Q], q, LANES, spread(v.real) + fused(spread(f.real), i, spread(g.real) * rest))
        store(elements[Q + 1], q, LANES, spread(v.imag) - fused(spread(f.imag), i, spread(g.imag) * rest))
        f, g = y[UP, DOWN], y[DOWN, UP]
        store(elements[P_LOW], q, LANES, spread(f.real) * low)
        store(elements[P_LOW + 1], q, LANES, spread(f.imag) * low)
        store(elements[P_HIGH], q, LANES, spread(g.real) * here)
        store(elements[P_HIGH + 1], q, LANES, spread(g.imag) * here)
        store(elements[Q_LOW], q, LANES, spread(g.real) * low)
        store(elements[Q_LOW + 1], q, LANES, spread(-g.imag) * low)
        store(elements[Q_HIGH], q, LANES, spread(f.real) * here)
        store(elements[Q_HIGH + 1], q, LANES, spread(-f.imag) * here)
        last = here
