"""Eigenvalues of largest real part of a real matrix or map, with right and, where there is a matrix, left vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eig
from scipy.sparse import csr_array
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

from ...errors import ConvergenceError
from ...tools.types import Array, Matrix

DENSE = 600
"""Unknowns up to which all eigenvalues are computed at once."""

_REACH, _TERMS = 4.0, 80
"""Length of a Taylor step in units of 1/‖𝓛‖, and the most terms of one."""

_STEPS = 6
"""Such steps in one application of e^{𝓛τ}: the basis of the iteration is as dear as some of them."""

_MOST = 2_000_000
"""Applications of the generator that are made at most."""


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """Eigenvalues by falling real part, with vectors of unit 2-norm.

    Attributes
    ----------
    values : (k,) complex array
    right : (n, k) complex array
    left : (n, k) complex array or None
        L^T l = λ l, with l·r = 1 (no conjugate).
    errors : (k,) array
        ‖𝓛r - λr‖ times the condition number ‖l‖‖r‖/|l·r| of λ; without left vectors times one.
    """

    values: NDArray[np.complex128]
    right: Matrix
    left: Matrix | None
    errors: Array


def slowest_pairs(
    apply: csr_array | Callable[[Array], Array],
    size: int,
    k: int,
    norm: float,
    *,
    left: bool = False,
    turned: Callable[[Array], Array] | None = None,
    start: Array | None = None,
) -> Eigenpairs:
    """The k eigenvalues with the largest real parts; all of them if there are fewer.

    Small matrices are diagonalised. Of larger ones, and of maps, e^{𝓛τ} is iterated (Arnoldi with restarts): its
    largest eigenvalues are those of 𝓛 with the largest real parts, whatever their frequencies; λ itself is the Rayleigh
    quotient of 𝓛. Copies of a degenerate eigenvalue may be missed by the iteration, not by the diagonalisation.

    Parameters
    ----------
    apply : sparse matrix or callable
    size, k : int
    norm : float
        A bound on the norm of the map.
    left : bool
        Whether left vectors are wanted, of a map with ``turned``, the transposed one.
    start : array, optional
        What the iteration begins with, which does not leave what is connected to it.

    Raises
    ------
    ConvergenceError
        If the iteration does not come to an end.
    """
    if size <= DENSE or k + 2 >= size:
        dense = apply.toarray() if isinstance(apply, csr_array) else np.array([apply(e) for e in np.eye(size)]).T
        return _dense(dense, min(k, size))
    map_ = (lambda v: apply @ v) if isinstance(apply, csr_array) else apply
    values, right = _iterated(map_, size, k, norm, start)
    errors = np.linalg.norm(_on_complex(map_, right) - right * values, axis=0)
    if not left:
        return Eigenpairs(values, right, None, errors)
    if turned is None:
        assert isinstance(apply, csr_array)
        transposed = csr_array(apply.T)
        turned = transposed.__matmul__
    others, vectors = _iterated(turned, size, k, norm, start)
    partner = [int(np.argmin(np.abs(others - value))) for value in values]
    chosen = vectors[:, partner]
    overlap = np.einsum("nk,nk->k", chosen, right)
    return Eigenpairs(values, right, chosen / overlap, errors / np.abs(overlap))


def _dense(matrix: Array, k: int) -> Eigenpairs:
    values, left, right = eig(matrix, left=True)
    order = np.argsort(-values.real, kind="stable")[:k]
    values, right, left = values[order], right[:, order], left[:, order].conj()
    overlap = np.einsum("nk,nk->k", left, right)
    errors = np.linalg.norm(matrix @ right - right * values, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Eigenpairs(values.astype(complex), right.astype(complex), left / overlap, errors / np.abs(overlap))


def _iterated(
    apply: Callable[[Array], Array], size: int, k: int, norm: float, start: Array | None = None
) -> tuple[NDArray[np.complex128], Matrix]:
    rng = np.random.default_rng(0)
    vector = rng.normal(size=size) if start is None else start
    seen = 0.0
    for _ in range(30):  # a norm of what matters: a bound by column sums is up to ten times as large
        vector = apply(vector / np.linalg.norm(vector))
        seen = max(seen, float(np.linalg.norm(vector)))
    step = _REACH / min(seen, norm) if seen > 0 else 1.0
    spent = 0

    def evolved(v: Array) -> Array:
        nonlocal spent
        v = np.asarray(v, dtype=float).reshape(size)
        for _ in range(_STEPS):
            term = v
            total = v.copy()
            for n in range(1, _TERMS):
                term = apply(term) * (step / n)
                total += term
                spent += 1
                if np.linalg.norm(term) <= 1e-17 * np.linalg.norm(total):
                    break
            else:
                raise ConvergenceError("The spectrum was not found: the exponential of the generator does not converge")
            v = total
        if spent > _MOST:
            raise ConvergenceError(
                f"The spectrum was not found after {spent:,} applications of the generator: its slowest modes are too "
                f"slow, or lie too close, beside its largest energies and rates"
            )
        return v

    wanted = min(k + 2, size - 2)
    basis = min(max(4 * wanted + 10, 30), size - 1)
    try:
        _, right = eigs(
            LinearOperator((size, size), matvec=evolved, dtype=float),
            k=wanted,
            ncv=basis,
            which="LM",
            v0=rng.normal(size=size) if start is None else start,
            maxiter=_MOST,
        )
    except ArpackNoConvergence as error:
        raise ConvergenceError("The spectrum was not found: the iteration does not converge") from error
    right = right / np.linalg.norm(right, axis=0)
    values = np.einsum("nk,nk->k", right.conj(), _on_complex(apply, right))
    order = np.argsort(-values.real, kind="stable")[:k]
    return values[order], right[:, order]


def _on_complex(apply: Callable[[Array], Array], vectors: Matrix) -> Matrix:
    """A real map on complex columns."""
    found = [
        apply(np.ascontiguousarray(v.real)) + 1j * apply(np.ascontiguousarray(v.imag))
        if np.iscomplexobj(v)
        else apply(v)
        for v in vectors.T
    ]
    return np.array(found).T
