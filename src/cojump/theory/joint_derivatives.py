"""Derivatives of a rate Γ(Δ_1, .., Δ_K) of several averages that commute, from values where it may be called alone.

That is the convex hull of the joint spectrum. Gradient and second derivatives at a point are put together of the
derivatives along straight lines through it, from end to end of the hull: as many lines as the hull has dimensions R,
towards its corners, and one between each two of them. Along a line Γ is a function of one variable, see
:mod:`cojump.theory.rate_derivatives`. The hull may be flatter than K dimensions, if one average is known by the others;
derivatives across it are then zero, and nothing in the theory asks for them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.linalg import qr
from scipy.spatial import ConvexHull

from ..errors import ArgumentError, UnsupportedError
from ..model.function_of_average import values_of
from ..model.jumps import RatedJump
from ..tools.chebyshev import Interpolant
from ..tools.types import Array
from .rate_derivatives import SAME, Jet, not_smooth

_FLAT = 1e-10
"""Relative extension of the hull below which it is flat."""


class _Along(NamedTuple):
    """First and second derivative along a line, and their scales."""

    value: float
    first: float
    second: float
    scales: tuple[float, float]


class JointRateJet:
    """Γ and R = Γ² of one jump with their derivatives, anywhere in the hull of the joint spectrum of its arguments.

    Parameters
    ----------
    jump : RatedJump
    name : str
        How messages call the jump, such as ``jumps[1]``.

    Raises
    ------
    UnsupportedError
        If a particle is left out of averages that are fixed among each other only together with it.
    """

    def __init__(self, jump: RatedJump, name: str) -> None:
        self._jump, self._name = jump, name
        corners = reduce(_sum, (np.unique(levels.T, axis=0) for levels in jump.levels.values()))
        self._middle = corners.mean(axis=0)
        _, sizes, directions = np.linalg.svd(corners - self._middle, full_matrices=False)
        self._span = directions[sizes > _FLAT * max(float(np.abs(corners).max()), 1e-300)].T  # (K, R)
        self._corners = (corners - self._middle) @ self._span
        self._facets = _facets(self._corners)
        self._last: tuple[bytes, Jet] | None = None
        block = getattr(jump, "block", "")
        if jump.missing(block) and jump.derivatives is None:
            own = jump.levels[block]
            across = own - self._span @ (self._span.T @ own)
            if np.abs(across).max() > _FLAT * np.abs(own).max():
                raise UnsupportedError(
                    f"Fluctuations need derivatives of {name} across the joint spectrum of its averages, because the "
                    "jumping particle is left out of them: give `derivatives`"
                )

    def rate(self, x: Array) -> float:
        """R(x) = Γ(x)²."""
        return float(self._jump.gamma(np.reshape(x, (-1, 1)))[0]) ** 2

    def rate_slope(self, x: Array) -> Array:
        """(K,) the gradient of R = Γ².

        Raises
        ------
        UnsupportedError
            If R has none there; R is smooth at many a point where Γ is not.
        """
        if self._jump.derivatives is not None:
            (first,) = self._given(x, 1)
            return first if self._jump.is_rate else 2 * float(self._jump.gamma(np.reshape(x, (-1, 1)))[0]) * first
        need = "Stability and fluctuations need a derivative"
        lines, directions = self._lines(x)
        found = [self._along(x, line, lambda at: self._jump.gamma(at) ** 2, need, "rate") for line in lines]
        return self._gradient(found, directions)

    def __call__(self, x: Array) -> Jet:
        """Γ, its gradient (K,) and its second derivatives (K, K) at a point (K,).

        Raises
        ------
        UnsupportedError
            If Γ has no two derivatives there.
        ArgumentError
            If those given are not those of Γ.
        """
        key = np.asarray(x, dtype=float).tobytes()
        if self._last is None or self._last[0] != key:
            self._last = key, self._made(x)
        return self._last[1]

    def _made(self, x: Array) -> Jet:
        jump = self._jump
        gamma = float(jump.gamma(np.reshape(x, (-1, 1)))[0])
        if jump.derivatives is None:
            return Jet(gamma, *self._found(x, jump.gamma, "√rate"))
        first, second = self._given(x, 2)
        self._check_given(x, first, second)
        if not jump.is_rate:
            return Jet(gamma, first, second)
        if gamma == 0:
            raise UnsupportedError(f"Γ = √rate of {self._name} has no derivatives where its rate is zero, {_at(x)}")
        slope = first / (2 * gamma)
        return Jet(gamma, slope, (second / 2 - np.outer(slope, slope)) / gamma)

    def _found(self, x: Array, function: Callable[[Array], Array], what: str) -> tuple[Array, Array]:
        """Gradient and second derivatives of a function."""
        lines, directions = self._lines(x)
        need = "Fluctuations need two derivatives"
        single = [self._along(x, line, function, need, what) for line in lines]
        bends = np.diag([along.second for along in single])
        for a, b in combinations(range(len(lines)), 2):
            both = self._along(x, lines[a] + lines[b], function, need, what).second
            bends[a, b] = bends[b, a] = (both - bends[a, a] - bends[b, b]) / 2
        if not lines:
            return np.zeros(len(x)), np.zeros((len(x), len(x)))
        back = self._span @ np.linalg.inv(directions).T
        return self._gradient(single, directions), back @ bends @ back.T

    def _gradient(self, found: list[_Along], directions: Array) -> Array:
        if not found:
            return np.zeros(len(self._span))
        return self._span @ np.linalg.solve(directions.T, [along.first for along in found])

    def _lines(self, x: Array) -> tuple[list[Array], Array]:
        """R directions (R,) from a point towards corners of the hull, as independent as can be, and their matrix."""
        if not self._span.size:
            return [], np.zeros((0, 0))
        towards = (self._corners - (x - self._middle) @ self._span).T
        pivots = qr(towards, mode="r", pivoting=True)[1][: len(towards)]
        directions = towards[:, pivots]
        return list(directions.T), directions

    def _along(self, x: Array, line: Array, function: Callable[[Array], Array], need: str, what: str) -> _Along:
        """Derivatives along a line through a point, which ends where the hull does."""
        outwards = self._facets[:, :-1] @ line
        room = -np.minimum(self._facets[:, :-1] @ ((x - self._middle) @ self._span) + self._facets[:, -1], 0.0)
        moving = np.abs(outwards) > 1e-14 * np.abs(outwards).max()
        ends = room[moving] / outwards[moving]
        highest, lowest = ends[outwards[moving] > 0].min(), ends[outwards[moving] < 0].max()
        step = self._span @ line
        values = Interpolant(lambda s: function(x[:, None] + step[:, None] * s), float(lowest), float(highest))
        piece = values.piece(0.0)
        if piece is None:
            raise not_smooth(self._jump, self._name, need, what, _at(x))
        return _Along(piece.value(0.0), piece.first(0.0), piece.second(0.0), (piece.size(1), piece.size(2)))

    def _given(self, x: Array, orders: int) -> list[Array]:
        """The user's own derivatives, of Γ or of R = Γ²."""
        K, point = len(x), np.reshape(x, (-1, 1))
        made = []
        for n, function in enumerate((self._jump.derivatives or ())[:orders]):
            shape, name = (K,) * (n + 1), f"{self._name}.derivatives[{n}]"
            kept: list[Array] = []

            def flat(
                *at: Array,
                function: Callable[..., Array] = function,
                shape: tuple[int, ...] = shape,
                kept: list[Array] = kept,
            ) -> Array:
                values = np.asarray(function(*at), dtype=float)
                if values.shape != (*shape, 1):
                    raise ValueError(f"an array of shape {values.shape}, not {(*shape, 1)}")
                kept.append(values.reshape(shape))
                return values.ravel()[:1]

            values_of(name, flat, point)  # errors in the user's function are told as those of Γ are
            made += kept
        if not all(np.all(np.isfinite(values)) for values in made):
            raise UnsupportedError(f"The derivatives given for {self._name} are not finite at {_at(x)}")
        return made

    def _check_given(self, x: Array, first: Array, second: Array) -> None:
        """Refuse derivatives of another function; where this one cannot be interpolated there is nothing to compare."""
        jump = self._jump
        lines, _ = self._lines(x)
        pairs = [a + b for a, b in combinations(lines, 2)]

        def own(at: Array) -> Array:
            return jump.gamma(at) ** 2 if jump.is_rate else jump.gamma(at)

        for line in (*lines, *pairs):
            try:
                found = self._along(x, line, own, "", "")
            except UnsupportedError:
                continue
            step = self._span @ line
            for n, value in enumerate((float(first @ step), float(step @ second @ step))):
                if abs(value - (found.first, found.second)[n]) > SAME * found.scales[n]:
                    raise ArgumentError(
                        f"{self._name}.derivatives[{n}]",
                        f"be the derivatives of order {n + 1} of the function given",
                        f"at {_at(x)} they make {value:.9g} along a line and the function has "
                        f"{(found.first, found.second)[n]:.9g}",
                    )


def _at(x: Array) -> str:
    return f"Δ = ({', '.join(f'{value:.6g}' for value in x)})"


def _sum(first: Array, second: Array) -> Array:
    """Corners (m, K) of the sum of two convex bodies, or points of it among which they are."""
    points = np.unique((first[:, None] + second[None]).reshape(-1, first.shape[1]), axis=0)
    centred = points - points.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    flat = centred @ directions[sizes > _FLAT * max(float(np.abs(points).max()), 1e-300)].T
    if flat.shape[1] == 0:
        return points[:1]
    if flat.shape[1] == 1:
        return points[[int(flat.argmin()), int(flat.argmax())]]
    return points[ConvexHull(flat).vertices]


def _facets(corners: Array) -> Array:
    """(F, R + 1) the planes that bound a body: n·y + offset is at most 0 inside."""
    if corners.shape[1] == 0:
        return np.zeros((0, 1))
    if corners.shape[1] == 1:
        return np.array([[1.0, -corners.max()], [-1.0, corners.min()]])
    return np.asarray(ConvexHull(corners).equations)
