"""One long step of no-jump evolution where damping is stiff: rates so large that Taylor steps would be far too short.

A large rate on states that a trajectory hardly touches keeps ‖H_eff‖ t small for short t only, although the state does
not move fast. Here exp(-At)ψ, A = i(H_eff - <H>), is taken from the Krylov space of (1 + γA)^{-1}, in which what is
damped fast counts little: with its orthonormal basis V and the matrix T of (1 + γA)^{-1} there, ψ(t) ≈ V u(t),
u' = -(T^{-1} - 1)/γ u. The residual of the differential equation is known,

    r(t) = (h/γ) (1 + γA) v_{m+1} · <m|T^{-1} u(t)>,

and because A only damps, the error is at most ∫‖r‖dt.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import splu

from ..tools.types import Array
from .kernels.horizon import guessed_horizon

Ket = NDArray[np.complex128]

LARGEST = 20_000
"""Amplitudes of a sector above which the basis would take too much memory."""

MOST_ENTRIES = 2_000_000
"""Elements of H_eff above which its factors would take too long."""

_SIZES = (12, 20, 32, 48)
"""Dimensions of the Krylov space at which its error is looked at."""

_ATTEMPTS = 3

_WORTH = 64.0
"""Taylor steps that a long step must be worth."""

_FIRST = 512

_CONDITION = 1e5
"""Condition of the eigenvectors of the small matrix above which they are not used."""

_EPSILON = 2e-16

_GONE = 1e-14
"""Eigenvalues of (1 + γA)^{-1} below which they are rounding: what is damped so fast is gone at once."""


class LongStep:
    """The state at all times of a long step.

    Parameters
    ----------
    basis : (dim, m) orthonormal array
    inverse : (m, m) array
        (1 + γA)^{-1} in this basis, T.
    gamma, span : float
        γ, and the length that is aimed at.

    Attributes
    ----------
    span : float
    reach : float
        Length up to which the bound on the error is within the tolerance.
    """

    def __init__(self, basis: Ket, inverse: Ket, gamma: float, span: float) -> None:
        self._basis, self._inverse, self._gamma = basis, inverse, gamma
        self.span, self.reach = span, 0.0
        # Eigenvalues of T itself: those of its inverse would lose all digits where rates differ by many orders.
        values, vectors = np.linalg.eig(inverse)
        self._modes: tuple[Ket, Ket, Ket] | None = None
        if np.linalg.cond(vectors) < _CONDITION:
            start = np.zeros(len(values), dtype=complex)
            start[0] = 1.0
            values = np.where(np.abs(values) < _GONE, _GONE, values)
            damping = 1.0 / values - 1.0  # its real part is not negative: A only damps
            rates = (np.maximum(damping.real, 0.0) + 1j * damping.imag) / gamma
            self._modes = rates, vectors, np.linalg.solve(vectors, start)

    def coefficients(self, times: Array) -> Ket:
        """(m, n) u(t) at n times."""
        if self._modes is None:
            generator = (np.linalg.inv(self._inverse) - np.eye(len(self._inverse))) / self._gamma
            return np.array([expm(-t * generator)[:, 0] for t in times]).T
        rates, vectors, weights = self._modes
        return np.asarray(vectors @ (np.exp(np.outer(-rates, times)) * weights[:, None]))

    def last(self, times: Array) -> Array:
        """(n,) |<m|T^{-1} u(t)>| at n times."""
        return np.abs(np.linalg.solve(self._inverse, self.coefficients(times))[-1])

    def rounding(self, times: Array) -> Array:
        """(n,) what rounding of the eigenvalues of T, of order 1e-16, leaves at n times.

        An error ε of an eigenvalue θ is one of ε/(γ|θ|²) of the rate (1/θ - 1)/γ; what is damped fast forgets it.
        """
        if self._modes is None:
            return _EPSILON * float(np.linalg.norm(np.linalg.inv(self._inverse), 2)) ** 2 * times / self._gamma
        rates, vectors, weights = self._modes
        errors = _EPSILON * np.abs(1.0 + self._gamma * rates) ** 2 / self._gamma
        sizes = np.linalg.norm(vectors, axis=0) * np.abs(weights) * errors
        return np.asarray(sizes @ (times * np.exp(np.outer(-rates.real, times))))

    def state(self, t: float) -> Ket:
        """(dim,) state, not normalised."""
        return np.asarray(self._basis @ self.coefficients(np.array([t]))[:, 0])

    def lost(self, t: float) -> float:
        """Log-survival lost by t."""
        return -2.0 * float(np.log(np.linalg.norm(self.coefficients(np.array([t])))))

    def until(self, waiting: float, tolerance: float) -> tuple[float, float]:
        """Time at which ``waiting`` is lost to within ``tolerance``, or the reach; and what is lost by then."""
        lost, t = self.lost(self.reach), self.reach
        if lost < waiting:
            return t, lost
        low, high = 0.0, self.reach
        before, lost_before = 0.0, 0.0
        for _ in range(200):
            # a secant, or the middle where that leaves the bracket
            slope = (lost - lost_before) / (t - before)
            guess = t + (waiting - lost) / slope if slope > 0 else low
            before, lost_before = t, lost
            t = guess if low < guess < high else 0.5 * (low + high)
            lost = self.lost(t)
            if abs(lost - waiting) <= tolerance or not low < t < high:
                break
            low, high = (t, high) if lost < waiting else (low, t)
        return t, lost


def long_step(
    matrix: csc_array, ket: Ket, waiting: float, most: float, short: float, tolerance: float
) -> LongStep | None:
    """Evolution of a normalised state up to the time ``most`` or until a jump is to be expected.

    Parameters
    ----------
    matrix : (dim, dim) sparse array
        H_eff.
    ket : (dim,) array
    waiting : float
        Log-survival left to lose.
    most, short : float
        The time wanted, and that of a Taylor step.
    tolerance : float
        Half of it bounds the error of the state in norm.

    Returns
    -------
    LongStep or None
        None if it would not be worth while.
    """
    if matrix.nnz > MOST_ENTRIES or len(ket) > LARGEST:
        return None
    mean = complex(np.vdot(ket, matrix @ ket))
    rate = max(-2.0 * mean.imag, 0.0)
    span = guessed_horizon(rate, waiting, most)
    unit = eye_array(len(ket), format="csc")
    generator = csc_array(1j * (matrix - mean.real * unit))  # the energy only turns the phase
    best: LongStep | None = None
    for _ in range(_ATTEMPTS):
        if span < _WORTH * short:
            break
        found = _attempt(generator, unit, ket, span, 0.5 * tolerance)
        if best is None or found.reach > best.reach:
            best = found
        if best.reach >= 0.25 * span:
            break
        span = max(span / 16, 2 * best.reach)
    return best if best is not None and best.reach >= _WORTH * short else None


class Patience:
    """How many Taylor steps are made before a long step is tried again: more and more where it fails."""

    def __init__(self) -> None:
        self._steps = _FIRST

    def after(self, success: bool) -> int:
        """Number of steps, after a long step that succeeded or failed."""
        if success:
            self._steps = _FIRST
            return 0
        self._steps *= 2
        return self._steps


def _attempt(generator: csc_array, unit: csc_array, ket: Ket, span: float, tolerance: float) -> LongStep:
    """Build the Krylov space for one length until it is good for all of it, or is large enough."""
    gamma = span / 10
    inverse = splu(csc_array(unit + gamma * generator), permc_spec="COLAMD")
    size = min(_SIZES[-1], len(ket))
    V = np.zeros((len(ket), size + 1), dtype=complex, order="F")
    T = np.zeros((size + 1, size), dtype=complex)
    V[:, 0] = ket
    step = None
    for m in range(size):
        w = inverse.solve(V[:, m])
        for _ in range(2):  # twice is enough for vectors orthogonal to rounding
            overlap = V[:, : m + 1].conj().T @ w
            w -= V[:, : m + 1] @ overlap
            T[: m + 1, m] += overlap
        beyond = float(np.linalg.norm(w))
        T[m + 1, m] = beyond
        ends = beyond <= 1e-14 * float(np.linalg.norm(T[: m + 1, m]))
        if not ends:
            V[:, m + 1] = w / beyond
        if ends or m + 1 in _SIZES or m + 1 == size:
            step = LongStep(V[:, : m + 1], T[: m + 1, : m + 1], gamma, span)
            last = V[:, m + 1]
            scale = 0.0 if ends else beyond / gamma * float(np.linalg.norm(last + gamma * (generator @ last)))
            step.reach = _reach(step, scale, span, tolerance)
            if ends or step.reach >= span:
                break
    assert step is not None
    return step


def _reach(step: LongStep, scale: float, span: float, tolerance: float) -> float:
    """The longest time up to which the integral of the residual, and rounding, are within the tolerance."""
    times = span * np.concatenate([[0.0], np.geomspace(1e-9, 0.02, 30), np.linspace(0.04, 1.0, 49)])
    sizes = scale * step.last(times)
    total = np.concatenate([[0.0], np.cumsum(np.maximum(sizes[1:], sizes[:-1]) * np.diff(times))])
    bad = np.flatnonzero(~(total + step.rounding(times) <= tolerance))
    return float(times[max(bad[0] - 1, 0)]) if len(bad) else span
