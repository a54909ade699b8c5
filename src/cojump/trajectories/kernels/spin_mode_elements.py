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
    OTHER_Q,
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
    b, beta, last, N = complex(frame[B_RE], frame[B_IM]), complex(frame[BETA_RE], frame[BETA_IM]), sizes.size - 1, sizes
    d, omega = b - beta, of_mode[OMEGA]
    force = omega * b + complex(of_mode[DRIVE_RE], of_mode[DRIVE_IM])
    u = force - 0.5j * (of_mode[NET] * beta + of_mode[BOTH] * d)
    v = np.conj(force) + 0.5j * (of_mode[NET] * np.conj(beta) - of_mode[BOTH] * np.conj(d))
    for block in range(sizes.size):
        _, _, up, _ = _driven_by(y[block], one[block], b)
        of_mode_alone, is_real = y[block, UP, DOWN], up.imag == 0.0 and y[block, UP, DOWN].imag == 0.0
        times = up.real / of_mode_alone.real if of_mode_alone.real != 0.0 else np.inf
        is_alike = is_real and of_mode_alone == np.conj(y[block, DOWN, UP]) and abs(times) < MOST_ALIKE
        multiple[block] = times if is_alike else np.nan
    _set_planes_beside(N, y, one, collected, b, c, planes, beside)
    lost = 0.5 * of_mode[BOTH] * (d.real * d.real + d.imag * d.imag)
    return _set_last_block(N[last], y[last], one[last], collected[last], b, u, v, lost, c[last], elements)


@njit(**OPTIONS)
def _driven_by(y, one, b):
    """What a displacement makes of a block: energies of up and down, and elements of B that lead up and down."""
    # b* y + b y†
    up = one[UP, DOWN] + np.conj(b) * y[UP, DOWN] + b * np.conj(y[DOWN, UP])
    down = one[DOWN, UP] + np.conj(b) * y[DOWN, UP] + b * np.conj(y[UP, DOWN])
    return 2.0 * (np.conj(b) * y[UP, UP]).real, 2.0 * (np.conj(b) * y[DOWN, DOWN]).real, up, down


@njit(**OPTIONS)
def _set_planes_beside(sizes, y, one, collected, b, c, planes, beside):
    """Write what all blocks but the last add in each plane."""
    for p in range(planes.shape[0]):
        if planes[p, INSIDE] < 1:
            continue
        own, energy, gain, diagonal = beside[p], 0.0, 0.0, complex(0.0, 0.0)
        for block in range(sizes.size - 1):
            i, Y = planes[p, UP_OF + block], y[block]
            rest, low, high = sizes[block] - i, c[block, i - 1] if i > 0 else 0.0, c[block, i]
            of_up, of_down, up, down = _driven_by(Y, one[block], b)
            energy += of_up * i + of_down * rest
            gain += 0.5 * (collected[block, 0] * low * low + collected[block, 1] * high * high)
            diagonal += Y[UP, UP] * i + Y[DOWN, DOWN] * rest
            at = FROM_PLANES + FOR_EACH * block
            for number in (
                up * low,
                down * high,
                Y[UP, DOWN] * low,
                Y[DOWN, UP] * high,
                np.conj(Y[DOWN, UP]) * low,
                np.conj(Y[UP, DOWN]) * high,
            ):
                own[at], own[at + 1] = number.real, number.imag
                at += 2
        own[ENERGY], own[OTHER_GAIN] = energy, gain
        own[OTHER_P], own[OTHER_P + 1] = diagonal.real, diagonal.imag
        own[OTHER_Q], own[OTHER_Q + 1] = diagonal.real, -diagonal.imag


@njit(**OPTIONS)
def _set_last_block(N, y, one, collected, b, u, v, lost, c, elements):
    """Write what stays the same in all planes; 1 if B or Y are complex."""
    drive_up, drive_down, up, down = _driven_by(y, one, b)
    last = spread(0.0)
    for q in range(0, elements.shape[1], LANES):
        here, i = load(c, q, LANES), rising(1.0 * q)
        low, rest = before(last, here), spread(1.0 * N) - i
        store(elements[LEVEL], q, LANES, fused(spread(drive_up), i, spread(drive_down) * rest))
        of_down, of_up = spread(0.5 * collected[0]), spread(0.5 * collected[1])
        store(elements[DAMPING], q, LANES, fused(of_down * low, low, fused(of_up * here, here, spread(lost))))
        store(elements[B_LOW], q, LANES, spread(up.real) * low)
        store(elements[B_LOW + 1], q, LANES, spread(up.imag) * low)
        store(elements[B_HIGH], q, LANES, spread(down.real) * here)
        store(elements[B_HIGH + 1], q, LANES, spread(down.imag) * here)
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
    real = up.imag == 0.0 and down.imag == 0.0 and y[UP, DOWN].imag == 0.0 and y[DOWN, UP].imag == 0.0
    return 0 if real else 1
