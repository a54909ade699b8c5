"""Zeros of the flow: Newton's method, and curves that lead from one zero to the next.

If every particle is also reset to a state a, dq/dt = (1 - s) f(q) + s (a - q), the fixed points lie on curves over s:
one begins with q = a at s = 1, where there is nothing but the reset. For 0 < s < 1 it cannot leave the states, because
the reset points into them, so it comes to s = 0, a zero of f; there it goes on, and may come back through other zeros.
Their indices, the signs of det(-G), alternate along a curve, the first one's is +1. A curve goes on through folds,
where s turns round: it finds the pairs of a stable and an unstable point from which Newton's method is led away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ...errors import UnsupportedError
from ...tools.types import Array
from .dynamics import Dynamics, MeanFieldDynamics

RESIDUAL = 1e-10
"""Largest |dm/dt| of what is called a fixed point, in units of the fastest rate."""

_POLISHED = 1e-15
"""Newton's method goes on to this, or until rounding stops it."""

_NEWTON_STEPS, _LONGEST_STEP, _FARTHEST = 60, 0.5, 3.0

_RANK = 1e-9
"""Singular values of the Jacobian below this share of the largest are zero for a Newton step."""

_CURVE_STEPS, _FIRST, _LONGEST, _SHORTEST = 250, 0.1, 0.5, 1e-4
"""Steps along a curve, how many and how long."""

_ACROSS = 0.02
"""A zero is passed with a step of at most this, so that Newton's method starts nearer to it than to its neighbour."""

_ON_CURVE = 1e-4
"""A corrector step shorter than this ends on the curve."""

_TURN, _OFF = 0.75, 0.3
"""Least cosine between neighbouring tangents of a curve, and most of a step by which its prediction may be wrong."""

_OUTSIDE = -1e-2
"""A curve has left the states when the lowest eigenvalue is below this."""


def newton(dynamics: Dynamics, q: Array, known: Callable[[Array, float], bool] | None = None) -> Array | None:
    """The zero of the flow that Newton's method reaches from q, or None.

    Steps are the shortest that solve the linear equations (a singular Jacobian moves q no further than it must), and
    no longer than 0.5. If a rate has no derivative on the way the answer is q itself where it is a zero, else None.
    None too as soon as ``known(q, length of the last step)`` says that the way leads to a zero known before.
    """
    f, scale = dynamics.flow(q), dynamics.fastest_rate
    for _ in range(_NEWTON_STEPS):
        size = float(np.abs(f).max())
        if size <= _POLISHED * scale:
            return q
        try:
            left, values, right = np.linalg.svd(dynamics.jacobian(q))
        except UnsupportedError:
            return None
        kept = values > _RANK * scale
        step = -right[kept].T @ ((left.T[kept] @ f) / values[kept])
        length = float(np.linalg.norm(step))
        if length > _LONGEST_STEP:
            step *= _LONGEST_STEP / length
        q = q + step
        f = dynamics.flow(q)
        if float(np.linalg.norm(q)) > _FARTHEST or (known is not None and known(q, length)):
            return None
        # a short step that gains nothing: rounding is reached
        if length < 1e-15 or (length < 1e-7 and float(np.abs(f).max()) >= size):
            break
    return q if float(np.abs(f).max()) < RESIDUAL * scale else None


def zeros_along(
    dynamics: MeanFieldDynamics, reset: Array, zero: Array | None = None, sign: int = -1
) -> Iterator[Array]:
    """Rough zeros of the flow along a curve of fixed points with a reset, in order; each within a step of a true one.

    Parameters
    ----------
    dynamics : MeanFieldDynamics
    reset : (k,) array
        a, a state.
    zero : (k,) array, optional
        A zero of the flow at which the curve begins, at s = 0; by default it begins at s = 1.
    sign : int
        Whether s falls (-1) or grows (1) at first.
    """
    k, scale = dynamics.dimension, dynamics.fastest_rate

    one = np.eye(k)

    def linear(y: Array) -> tuple[Array, Array, Array, Array]:
        q, s = y[:k], y[k]
        f, back = dynamics.flow(q) / scale, reset - q
        slopes = np.empty((k, k + 1))
        slopes[:, :k] = (1 - s) / scale * dynamics.jacobian(q) - s * one
        slopes[:, k] = back - f
        return ((1 - s) * f + s * back, *np.linalg.svd(slopes))

    y, step = np.append(reset, 1.0) if zero is None else np.append(zero, 0.0), _FIRST
    try:
        tangent = linear(y)[3][-1]
        tangent = tangent if tangent[k] * sign > 0 else -tangent
        for _ in range(_CURVE_STEPS):
            ahead = y + step * tangent
            there, corrections, onto = ahead, 0, False
            while not onto and corrections < 3:
                moved, left, values, right = linear(there)
                correction = right[:k].T @ ((left.T @ moved) / np.maximum(values, 1e-14))
                there, corrections = there - correction, corrections + 1
                onto = bool(np.linalg.norm(correction) < _ON_CURVE)
            turned = right[-1] if right[-1] @ tangent > 0 else -right[-1]
            # s that comes to zero and turns round within a step may have passed it twice
            passed = y[k] * there[k] < 0
            misses = not passed and tangent[k] * turned[k] < 0 and tangent[k] * y[k] < 0 and abs(there[k]) < step
            bad = not onto or turned @ tangent < _TURN or np.linalg.norm(there - ahead) > _OFF * step
            if (bad and step > _SHORTEST) or (misses and step > 10 * _SHORTEST) or (passed and step > _ACROSS):
                step /= 2 if not passed else 4
                continue
            if bad:
                return
            if passed:
                yield y[:k] + y[k] / (y[k] - there[k]) * (there[:k] - y[:k])
            y, tangent = there, turned
            step = min(_LONGEST, 1.5 * step) if corrections <= 2 else step
            if not -1 < y[k] < 1 or (y[k] < 0 and dynamics.lowest(y[:k]) < _OUTSIDE):
                return
    except UnsupportedError:
        return
