"""The arithmetic floor of a trajectory: a bare loop with the multiplications and additions that its steps cannot avoid.

What a step needs is read off the state itself (:func:`watched`), whatever it is written in: the order K of its Taylor
series; n, the fewest amplitudes that hold all of the weight but the square of the tolerance; and k, the elements of
H_eff per amplitude among these that are above the tolerance times the largest of them. An element that is real or
imaginary counts one, any other two.

All amplitudes are taken to be complex; an engine that knows that they stay real makes half of these products.

The loop (:func:`steps`) does for each step K products of k real diagonals with a complex vector of n amplitudes, real
and imaginary parts apart, each added to the sum of the series, and one pass for the jump: an element times the state,
and the norm. No window is moved, no element is made, no jump time is searched, no channel is chosen, nothing is
measured at output times, and no random number is drawn: all that is above the floor.

A single amplitude |J, M> that nothing couples to others has no series and no such products: all its steps can need is a
Gillespie step, and that is its floor (:func:`hops`). For each jump: the squared amplitudes of the outcomes of every
channel in closed form, their sums, the waiting time, the choice, and the new J and M; and the two random numbers, from
the generator that the trajectories have. They are in it because nothing hides them here: beside the hundreds of
multiplications of other cases they do not show, and there they are left out to the disadvantage of the engine. The
exponential number comes from numpy's ziggurat, so that the step needs no logarithm. Rates that depend on the state,
Γ(Δ), are not looked up, no jump is counted or recorded, and nothing is measured: that is above the floor.

Of terms that change in time all elements are counted once, as if H_eff stayed while a step lasts. Beside that each
order needs the products of earlier rows with the coefficients of the envelopes, which are added up before a part is
applied to the sum (:func:`products_with_rows`): those that matter at the tolerance are in the floor, as products with
one row that stays in the fastest memory. What moves the frame of a boson mode is above the floor.

Where basis states are no line, grid or row, their neighbours are found through a list. Such a product does not run over
contiguous memory, which costs several times as much: :func:`gathers` is the same arithmetic through a list of places,
the floor of a representation that keeps one.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
from numba import njit

from cojump.trajectories import spin_state
from cojump.trajectories.kernels.common import PAD
from cojump.trajectories.loop import Wanted
from cojump.trajectories.mode_state import ModeState
from cojump.trajectories.no_jump_tables import LADDER_DOWN, LADDER_UP
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representation import Banded
from cojump.trajectories.sector_matrix import program_matrix, sector_matrix
from cojump.trajectories.spin_engine import Engine
from cojump.trajectories.spin_state import SpinState

OPTIONS = {"cache": True, "_nrt": False, "error_model": "numpy", "fastmath": {"reassoc", "contract", "arcp", "nsz"}}
"""Those of the package's kernels, written here because numba's cache looks at this file alone."""

COLUMNS = 64
"""Columns of H_eff, spread over the support, whose elements are counted."""

WATCHED = 200
"""Trajectories that are watched, at most."""

PATIENCE = 3.0
"""Seconds of processor time for which trajectories are watched, after the first, in which kernels are compiled."""


@njit(**OPTIONS)
def apply_diagonals(diagonals, n, re, im, to_re, to_im):
    """to[p] = Σ_k diagonals[k, p] · from[p + k] for p < n: three diagonals in each pass over memory, then one."""
    k, many = 0, diagonals.shape[0]
    while k < many:
        if many - k >= 3:
            a, b, c = diagonals[k, :n], diagonals[k + 1, :n], diagonals[k + 2, :n]
            if k == 0:
                for p in range(n):
                    to_re[p] = a[p] * re[p] + b[p] * re[p + 1] + c[p] * re[p + 2]
                    to_im[p] = a[p] * im[p] + b[p] * im[p + 1] + c[p] * im[p + 2]
            else:
                for p in range(n):
                    to_re[p] += a[p] * re[p + k] + b[p] * re[p + k + 1] + c[p] * re[p + k + 2]
                    to_im[p] += a[p] * im[p + k] + b[p] * im[p + k + 1] + c[p] * im[p + k + 2]
            k += 3
        else:
            a = diagonals[k, :n]
            if k == 0:
                for p in range(n):
                    to_re[p] = a[p] * re[p]
                    to_im[p] = a[p] * im[p]
            else:
                for p in range(n):
                    to_re[p] += a[p] * re[p + k]
                    to_im[p] += a[p] * im[p + k]
            k += 1


@njit(**OPTIONS)
def steps(supports, orders, sums, diagonals, rows_re, rows_im):
    """The floor of one step after another; returns a number that depends on all of them.

    Parameters
    ----------
    supports, orders, sums : (S,) int
        n and K of each step, and its products of coefficients and rows, all orders together.
    diagonals : (k, n) array
    rows_re, rows_im : (4, n + k) array
        Work space: two Taylor rows, the sum, and the state after the jump; row 0 and the cells beyond n are given.
    """
    total = 0.0
    for s in range(supports.size):
        n = supports[s]
        sum_re, sum_im, new_re, new_im = rows_re[2, :n], rows_im[2, :n], rows_re[3, :n], rows_im[3, :n]
        for p in range(n):
            sum_re[p], sum_im[p] = rows_re[0, p], rows_im[0, p]
        source, target = 0, 1
        for order in range(orders[s]):
            apply_diagonals(diagonals, n, rows_re[source], rows_im[source], rows_re[target], rows_im[target])
            more = sums[s] * (order + 1) // orders[s] - sums[s] * order // orders[s]
            for j in range(more):
                c, to_re, to_im = 1e-3 * (j + 1.0), rows_re[target, :n], rows_im[target, :n]
                for p in range(n):
                    to_re[p] += c * rows_re[3, p]
                    to_im[p] += c * rows_im[3, p]
            x = 0.5 / (order + 1.0)
            term_re, term_im = rows_re[target, :n], rows_im[target, :n]
            for p in range(n):
                sum_re[p] += x * term_im[p]
                sum_im[p] -= x * term_re[p]
            source, target = target, source
        element = diagonals[0, :n]
        norm2 = 0.0
        for p in range(n):
            new_re[p] = element[p] * sum_re[p]
            new_im[p] = element[p] * sum_im[p]
            norm2 += new_re[p] * new_re[p] + new_im[p] * new_im[p]
        total += norm2
    return total


@njit(**OPTIONS)
def gathers(supports, orders, values, places, rows_re, rows_im):
    """As :func:`steps`, but the k real elements of each row, (n, k), stand with the places that they belong to."""
    total, k = 0.0, values.shape[1]
    for s in range(supports.size):
        n = supports[s]
        sum_re, sum_im, new_re, new_im = rows_re[2, :n], rows_im[2, :n], rows_re[3, :n], rows_im[3, :n]
        for p in range(n):
            sum_re[p], sum_im[p] = rows_re[0, p], rows_im[0, p]
        source, target = 0, 1
        for order in range(orders[s]):
            re, im, to_re, to_im = rows_re[source], rows_im[source], rows_re[target, :n], rows_im[target, :n]
            for p in range(n):
                a = b = 0.0
                for j in range(k):
                    q = places[p, j]
                    a += values[p, j] * re[q]
                    b += values[p, j] * im[q]
                to_re[p] = a
                to_im[p] = b
            x = 0.5 / (order + 1.0)
            for p in range(n):
                sum_re[p] += x * to_im[p]
                sum_im[p] -= x * to_re[p]
            source, target = target, source
        norm2 = 0.0
        for p in range(n):
            new_re[p] = values[p, 0] * sum_re[p]
            new_im[p] = values[p, 0] * sum_im[p]
            norm2 += new_re[p] * new_re[p] + new_im[p] * new_im[p]
        total += norm2
    return total


@njit(**OPTIONS)
def hops(n, end, N, two_J, up, strengths, down, generator, sums):
    """The floor of n jumps of a single amplitude; a number that depends on all of them.

    Parameters
    ----------
    n : int
    end : float
        When a trajectory ends, and the next one begins.
    N, two_J, up : int
        Particles, 2J and J_z + N/2 at the start.
    strengths, down : (L,) float and bool arrays
        |j|² of each channel, all of them ladder operators of one particle, and whether it lowers.
    generator : numpy.random.Generator
    sums : (L, 3) array
        Work space: the weights of the outcomes so far.
    """
    t, J, M, total = 0.0, 0.5 * two_J, up - 0.5 * N, 0.0
    for _ in range(n):
        e = f = 0.0
        if J > 0.0:
            e, f = (0.5 * N + 1.0) / (2.0 * J * (J + 1.0)), (0.5 * N + J + 1.0) / (2.0 * J * (2.0 * J + 1.0))
        g = (0.5 * N - J) / (2.0 * (J + 1.0) * (2.0 * J + 1.0))
        rate = 0.0
        for l in range(strengths.size):
            along = M if down[l] else -M
            a, b, strength = J + along, J - along + 1.0, strengths[l]
            rate += strength * e * a * b
            sums[l, 0] = rate
            rate += strength * f * a * (a - 1.0)
            sums[l, 1] = rate
            rate += strength * g * b * (b + 1.0)
            sums[l, 2] = rate
        t += generator.standard_exponential() / rate
        if t > end:
            total += t
            t, J, M = 0.0, 0.5 * two_J, up - 0.5 * N
            continue
        left, place = generator.random() * rate, 0
        for l in range(strengths.size):
            place += (left >= sums[l, 0]) + (left >= sums[l, 1]) + (left >= sums[l, 2])
        place = min(place, 3 * strengths.size - 1)
        M += -1.0 if down[place // 3] else 1.0
        J += (place % 3 == 2) - (place % 3 == 1)
    return total + t


class Seen(NamedTuple):
    """What the steps of some trajectories need.

    Attributes
    ----------
    jumps : int
    supports, orders : (S,) int arrays
        Of each step.
    diagonals : int
        Elements of H_eff per amplitude, real ones: the median over some steps.
    hops : tuple or None
        Arguments of :func:`hops`, where the state is a single amplitude that nothing couples to others.
    sums : (S,) int array or None
        Products of coefficients and rows in each step; None is none.
    trajectories : int
        How many were watched.
    """

    jumps: int
    supports: np.ndarray
    orders: np.ndarray
    diagonals: int
    hops: tuple | None = None
    sums: np.ndarray | None = None
    trajectories: int = 0


def support(ket, tolerance):
    """Places of the fewest amplitudes that hold all of the weight but the square of the tolerance."""
    weights = np.abs(ket) ** 2
    rising = np.argsort(weights)
    tail = np.searchsorted(np.cumsum(weights[rising]), tolerance**2 * weights.sum(), side="right")
    return rising[tail:]


def elements(matrix, places, tolerance):
    """Real elements per amplitude among these places that are above the tolerance times the largest."""
    chosen = places[:: max(1, len(places) // COLUMNS)]
    block = matrix[:, chosen].tocsr()[places].toarray()
    least = tolerance * np.abs(block).max(initial=0.0)
    return float(sum(np.count_nonzero(np.abs(part) > least) for part in (block.real, block.imag)) / len(chosen))


def ket_of(state):
    """The amplitudes of a state before its step, in all of the window that H_eff is written on."""
    if not isinstance(state, SpinState):
        return state._ket
    lo, hi = int(state.now.lo), int(state.now.hi)
    ket = np.zeros(int(state.now.two_J) + 1, dtype=complex)
    first = (state.basis.h_eff.N - int(state.now.two_J)) // 2 + PAD
    ket[lo - first : hi - first] = state.work.taylor_re[0, lo:hi] + 1j * state.work.taylor_im[0, lo:hi]
    return ket


def matrix_of(state):
    """H_eff there."""
    if isinstance(state, SpinState):
        return sector_matrix(state.basis.h_eff, int(state.now.two_J))
    return program_matrix(state._sector.h_eff)


def products_with_rows(driven, norms, made, tolerance):
    """Products c_pj v_{k-j}, j >= 1, of a step that matter: what they add to its end is above a share of the tolerance.

    Each order leaves out the smallest ones of each part that add 2^-8 of half the tolerance at most, over the orders
    and parts of the step: h/(k+1) |c_pj| x^j |v_{k-j}| x^{k-j} times twice the factor by which the part stretches.
    """
    h, x = made.horizon, made.horizon / made.unit
    each, count = norms[: made.order + 1] * x ** np.arange(made.order + 1), 0
    for row, stretched in zip(driven.coefficients[1:], driven.stretched[1:], strict=True):
        sizes = np.abs(row) * x ** np.arange(len(row)) * 2.0 * stretched
        for k in range(1, made.order):
            adds = h / (k + 1) * sizes[1 : k + 1] * each[k - 1 :: -1][: len(sizes) - 1]
            count += int(np.sum(np.cumsum(adds[::-1]) > 2.0**-9 * tolerance))
    return count


def watched(model, start, times, tolerance, seed):
    """Watch the steps of trajectories 1, 2, ... for some seconds, by the general loop; what they need."""
    supports, orders, diagonals, sums, jumps, began = [], [], [], [], 0, 0.0
    loops = []
    # with imaginary parts, which are what is counted
    with patch.object(spin_state, "keeps_real_alone", lambda model: False):
        for part in recipe_of(model).parts:
            engine = Engine if isinstance(part.representation, Banded) else ProductEngine
            loops.append(engine(part.model, part.state(start), times, tolerance))

    def watch(state):
        step = state.step

        def seen(*arguments):
            places = support(ket_of(state), tolerance)
            if len(supports).bit_count() <= 1:  # after 0, 1, 2, 4, 8, ... steps
                diagonals.append(elements(matrix_of(state), places, tolerance))
            made = step(*arguments)
            supports.append(len(places))
            orders.append(made.order)
            driven = getattr(state, "driven", None)
            sums.append(0 if driven is None else products_with_rows(driven, state._work.norms, made, tolerance))
            return made

        state.step = seen

    for loop in loops:
        watch(loop.state)
    # where terms change in time, steps that say what the sums of their rows were made of
    with patch.object(ModeState, "_by_rows", False) if model.is_driven else nullcontext():
        for index in range(1, WATCHED + 1):
            jumps += sum(loop.stepwise(Wanted(seed, index, part=number)).n_jumps for number, loop in enumerate(loops))
            began = time.process_time() if index == 1 else began
            if time.process_time() - began >= PATIENCE:
                break
    alone = hops_of(loops[0], times, jumps, seed) if max(supports) == 1 and max(orders) == 0 else None
    k = max(1, round(float(np.median(diagonals))))
    return Seen(jumps, np.array(supports), np.array(orders), k, alone, np.array(sums), index)


def hops_of(loop, times, jumps, seed):
    """Arguments of :func:`hops` for a loop over one block of spins, all channels ladder operators of one particle."""
    jump_tables, generator = loop.basis.jumps, np.random.Generator(np.random.Philox(seed))
    assert set(jump_tables.kind) <= {LADDER_DOWN, LADDER_UP}
    loop.state.begin(generator)
    now = loop.state.now
    start = loop.basis.h_eff.N, int(now.two_J), int(now.lo) - PAD
    strengths, down = jump_tables.strength.copy(), jump_tables.kind == LADDER_DOWN
    return jumps, times[-1], *start, strengths, down, generator, np.empty((len(down), 3))


def prepared(seen):
    """Arguments of :func:`steps` for what has been seen."""
    n, k = int(seen.supports.max()), seen.diagonals
    generator = np.random.default_rng(0)
    diagonals = generator.uniform(-1, 1, (k, n)) / k
    rows_re, rows_im = generator.uniform(-1, 1, (2, 4, n + k))
    sums = np.zeros_like(seen.orders) if seen.sums is None else seen.sums
    return seen.supports, seen.orders, sums, diagonals, rows_re, rows_im


def prepared_gathers(seen):
    """Arguments of :func:`gathers`: the neighbours of a state lie all over the list, the same way for each of them."""
    supports, orders, _, diagonals, rows_re, rows_im = prepared(seen)
    n, k = int(supports.max()), seen.diagonals
    places = (np.arange(n)[:, None] + (np.arange(k) * n) // k) % n
    return supports, orders, np.ascontiguousarray(diagonals.T), places.astype(np.uint32), rows_re, rows_im


def bare(seen):
    """The loop that is the floor of what has been seen, and its arguments."""
    return (steps, prepared(seen)) if seen.hops is None else (hops, seen.hops)


def bare_gathers(seen):
    """The same with a list of places; a single amplitude has no neighbours."""
    return (gathers, prepared_gathers(seen)) if seen.hops is None else (hops, seen.hops)


def seconds(loop, arguments, least):
    """Processor time of one pass over all steps; passes are repeated for ``least`` seconds in all."""
    began, passes = time.process_time(), 0
    while passes == 0 or time.process_time() - began < least:
        loop(*arguments)
        passes += 1
    return (time.process_time() - began) / passes


YARDSTICK = Seen(1, np.full(1000, 1000), np.full(1000, 16), 3)
"""Steps of 10⁸ multiplications and additions: what the times of other things are compared with."""
