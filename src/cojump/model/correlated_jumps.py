"""Collective jumps whose noise is correlated: a matrix of rates between them, diagonalised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError
from ..tools import checks
from .jumps import CollectiveJump
from .term import checked_matrices

_ROUNDING = 1e-12
"""Eigenvalue of the rates, in parts of the largest, that is rounding."""


def correlated_jumps(matrices: Sequence[Mapping[str, ArrayLike]], rates: ArrayLike) -> list[CollectiveJump]:
    """Collective jumps with a positive matrix of rates between them (Kossakowski form), as independent ones.

    With Y_i = Σ_b Σ_{k in b} Y_{i,b}^(k), and N counting all particles, they stand for

        dρ/dt = (1/N) Σ_ij γ_ij (Y_i ρ Y_j† - ½ Y_j† Y_i ρ - ½ ρ Y_j† Y_i)

    (Gorini, Kossakowski, Sudarshan, J. Math. Phys. 17, 821 (1976)). In the eigenbasis γ = U diag(g) U† of the rates
    this is one jump L_m = sqrt(g_m/N) Σ_i U_im Y_i for each eigenvalue that is not zero. Groups that γ does not
    connect are diagonalised apart: a jump that is correlated with no other one stays as it is.

    Averages over the ensemble depend on γ alone. A single trajectory, its jumps and their channels belong to the
    operators L_m: other ones, mixed by a unitary matrix, would have the same averages and other trajectories.

    Parameters
    ----------
    matrices : sequence of K mappings of str to (d_b, d_b) array
        Y_i as for :class:`CollectiveJump`: the matrices of the blocks that take part, any matrices.
    rates : (K, K) array
        γ, Hermitian and positive semi-definite, in units of inverse time. γ_ii are rates; the others say how much
        noise two jumps have in common: two jumps of the rate γ with γ_12 = γ are one jump of Y_1 + Y_2.

    Returns
    -------
    list of CollectiveJump
        To be put among the jumps of a model; as many as γ has eigenvalues above rounding (1e-12 of the largest).

    Raises
    ------
    ArgumentError
        If γ is not Hermitian, has a negative eigenvalue or another shape, or a matrix is not finite.

    Examples
    --------
    >>> down = cj.operators.sigma_minus
    >>> jumps = cj.correlated_jumps([{"a": down}, {"b": down}], rates=[[1.0, 0.6], [0.6, 1.0]])
    >>> for jump in jumps:  # light of both blocks in phase, and out of phase
    ...     print(round(jump.rate, 6), (jump.matrices["b"] / jump.matrices["a"].max()).real.round(6).tolist())
    ...
    0.4 [[0.0, 0.0], [-1.0, 0.0]]
    1.6 [[0.0, 0.0], [1.0, 0.0]]
    >>> model = cj.Model([cj.Block("a", 10), cj.Block("b", 10)], jumps=jumps)
    """
    given = checks.items("matrices", matrices, "a list of mappings of block names to matrices")
    made = [checked_matrices(f"matrices[{i}]", one) for i, one in enumerate(given)]
    K, rule = len(made), f"be a Hermitian matrix ({len(made)}, {len(made)}), one row for each of `matrices`"
    gamma = checks.array("rates", rates).astype(complex)
    if gamma.shape != (K, K):
        raise ArgumentError("rates", rule, f"its shape is {gamma.shape}")
    size = float(np.abs(gamma).max(initial=0.0))
    skew = float(np.abs(gamma - gamma.conj().T).max(initial=0.0))
    if skew > _ROUNDING * size:
        raise ArgumentError("rates", "be Hermitian", f"|γ - γ†| reaches {skew:.3g}")
    gamma = (gamma + gamma.conj().T) / 2
    _check_shapes(made)
    jumps: list[CollectiveJump] = []
    for group in _groups(gamma):
        g, U = np.linalg.eigh(gamma[np.ix_(group, group)])
        if g[0] < -_ROUNDING * size:
            raise ArgumentError("rates", "have no negative eigenvalue", f"one is {g[0]:.6g}")
        for rate, weights in zip(g, U.T, strict=True):
            if rate > _ROUNDING * size:
                jumps.append(CollectiveJump(_mixed([made[i] for i in group], _with_real_largest(weights)), float(rate)))
    return jumps


def _groups(gamma: NDArray[np.complex128]) -> list[list[int]]:
    """Rows that γ connects, in the order of their first ones."""
    left, groups = list(range(len(gamma))), []
    while left:
        group = [left.pop(0)]
        for i in group:  # which grows
            found = [j for j in left if gamma[i, j] != 0]
            left = [j for j in left if j not in found]
            group += found
        groups.append(sorted(group))
    return groups


def _with_real_largest(weights: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """An eigenvector whose first large component is real and positive: its phase is not left to the library."""
    first = weights[np.flatnonzero(np.abs(weights) > 0.5 * np.abs(weights).max())[0]]
    return weights * (abs(first) / first)


def _mixed(made: Sequence[Mapping[str, NDArray[Any]]], weights: NDArray[np.complex128]) -> dict[str, NDArray[Any]]:
    """Σ_i w_i Y_i of every block that one of them has."""
    total: dict[str, NDArray[Any]] = {}
    for one, weight in zip(made, weights, strict=True):
        for block, matrix in one.items():
            total[block] = total.get(block, 0) + weight * matrix
    return total


def _check_shapes(made: Sequence[Mapping[str, NDArray[Any]]]) -> None:
    """Raise ArgumentError if two matrices of one block have unlike shapes."""
    first: dict[str, tuple[str, tuple[int, ...]]] = {}
    for i, one in enumerate(made):
        for block, matrix in one.items():
            name = f"matrices[{i}][{block!r}]"
            other, shape = first.setdefault(block, (name, matrix.shape))
            if matrix.shape != shape:
                raise ArgumentError(name, f"have the shape {shape} of {other}", f"its shape is {matrix.shape}")
