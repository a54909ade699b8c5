"""The inverse of the generator without what the jumps bring in, and with it the kernel of the whole generator.

Without the gain Σ K ρ K† the generator is ρ → -i(H_eff ρ - ρ H_eff†), a Sylvester operator in each sector for itself,
and as cheap to invert as H_eff is to bring into Schur form. The jumps alone are left to a Krylov iteration.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import schur
from scipy.linalg.lapack import ztrsyl

from ..errors import ConvergenceError
from ..tools.types import Array
from .generator import Generator
from .packed_states import packed, unpacked

VECTORS = 10
"""Vectors of all unknowns that the Schur forms, a right-hand side and a solution take."""

_SHIFT = 1e-10
"""Subtracted from the spectrum of the part without jumps, so that dark states have an inverse too; the norm is 1."""

_ENOUGH, _ALLOWED = 1e-16, 1e-13
"""Residual at which the iteration ends, and the one that it must reach, of ‖𝓛ρ‖ relative to ‖𝓛‖‖ρ‖."""

_GAIN, _APPLICATIONS = 0.7, 5_000
"""A cycle that leaves more than this share of the residual has come to rounding or to no end; it also comes to no end
if more than so many applications are to be expected."""

_ORTHOGONAL = 0.1
"""A projection that leaves more than this of a vector need not be repeated."""


class NoJumpInverse:
    """(𝓛_0 - s)⁻¹ on packed vectors, 𝓛_0 ρ = -i(H_eff ρ - ρ H_eff†).

    With -iH_eff - s/2 = U T U† the equation is T Y + Y T† = U†ρU, Y = U†XU; that of the transposed map, of 𝓛_0†, is
    T† Y + Y T. s is 0 and a little, or ``above`` and a little.
    """

    def __init__(self, generator: Generator, above: float = 0.0) -> None:
        shift = above + _SHIFT * (generator.norm or 1.0)
        self._places = generator.packing.slices
        self._forms = {
            labels: schur(-1j * generator.effective_hamiltonian(labels) - shift / 2 * np.eye(dim), output="complex")
            for labels, dim in generator.packing.dims.items()
        }

    def __call__(self, vector: Array) -> Array:
        """X as a packed vector."""
        return self._solved(vector, "N", "C")

    def adjoint(self, vector: Array) -> Array:
        """The same of the transposed map."""
        return self._solved(vector, "C", "N")

    def _solved(self, vector: Array, left: str, right: str) -> Array:
        result = np.empty_like(vector)
        for labels, (T, U) in self._forms.items():
            place = self._places[labels]
            rho = unpacked(vector[place].reshape(T.shape))
            Y, scale, _ = ztrsyl(T, T, U.conj().T @ rho @ U, trana=left, tranb=right)
            result[place] = packed(U @ Y @ U.conj().T).ravel() / scale
        return result


Map = Callable[[Array], Array]


def null_vector(
    generator: Map,
    norm: float,
    inverse: Map,
    start: Array,
    directions: int,
    told: Callable[[float], None] = lambda share: None,
) -> Array:
    """A vector with 𝓛ρ = 0 to rounding: ``start`` and what the Krylov space of its derivative takes from it.

    ρ = ρ_0 + (𝓛_0 - s)⁻¹ y, with the y that makes ‖𝓛ρ‖ least in cycles of ``directions`` directions. Different starts
    lead to different vectors if there is more than one.

    Raises
    ------
    ConvergenceError
        If the residual stays above 1e-13.
    """
    scale = norm or 1.0
    rho = start / np.linalg.norm(start)
    first = before = np.inf
    spent = 0
    while True:
        change = generator(rho)
        residual = float(np.linalg.norm(change)) / scale
        first = min(first, residual)
        if residual <= _ENOUGH or residual > _GAIN * before:
            break
        if spent * np.log(first / _ENOUGH) > _APPLICATIONS * np.log(first / residual):  # as it went until now
            break
        digits = np.log10(first / _ENOUGH)

        def reached(relative: float, now: float = residual, digits: float = digits, first: float = first) -> None:
            told(float(np.log10(first / (now * relative)) / digits))

        y, steps = least_residual(lambda v: generator(inverse(v)), -change, directions, _ENOUGH / residual, reached)
        rho = rho + inverse(y)
        rho /= np.linalg.norm(rho)
        before, spent = residual, spent + steps
    if not residual <= _ALLOWED:
        raise ConvergenceError(
            f"The steady state was not found: after {spent:,} applications the residual of 𝓛ρ = 0 is {residual:.2g}, "
            f"not {_ALLOWED:g}; {directions} directions were kept, more `memory` keeps more"
        )
    return rho


def least_residual(
    apply: Map, right: Array, most: int, enough: float, told: Callable[[float], None] = lambda share: None
) -> tuple[Array, int]:
    """The y in the Krylov space of ``right`` that makes ‖apply(y) - right‖ least, and its dimension (GMRES).

    It ends after ``most`` dimensions, or when the residual is below ``enough`` of the right-hand side.
    """
    size = float(np.linalg.norm(right))
    basis = np.empty((most + 1, len(right)))
    basis[0] = right / size
    R, turns = np.zeros((most + 1, most)), np.zeros((most, 2))
    left = np.zeros(most + 1)
    left[0] = size
    k = 0
    while k < most:
        w = apply(basis[k])
        whole = before = after = float(np.linalg.norm(w))
        while True:
            projection = basis[: k + 1] @ w
            w -= projection @ basis[: k + 1]
            R[: k + 1, k] += projection
            before, after = after, float(np.linalg.norm(w))
            if after > _ORTHOGONAL * before or after <= 1e-15 * whole:  # else rounding has left something
                break
        for i, (c, s) in enumerate(turns[:k]):
            R[i, k], R[i + 1, k] = c * R[i, k] + s * R[i + 1, k], c * R[i + 1, k] - s * R[i, k]
        length = float(np.hypot(R[k, k], after))
        if length == 0:
            break
        c, s = turns[k] = R[k, k] / length, after / length
        R[k, k] = length
        left[k], left[k + 1] = c * left[k], -s * left[k]
        k += 1
        relative = abs(left[k]) / size
        told(max(relative, 1e-300))
        if relative <= enough or after <= 1e-15 * whole:
            break
        basis[k] = w / after
    y = np.linalg.solve(R[:k, :k], left[:k]) if k else np.zeros(0)
    return y @ basis[:k], k
