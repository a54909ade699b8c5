"""The mean-field flow of small blocks as one matrix on a row of numbers: three products of small arrays for each call.

The elements of all density matrices, real and imaginary parts, are one real vector y. Every term of the flow is a
coefficient, real, which depends on a few real averages of y, times a matrix that is known before:
dy/dt = (Σ_k c_k(y) S_k) y. It is the flow of :class:`cojump.theory.mean_field.Flow`, which says what the terms are and
is fast for many levels; a product of arrays costs its call there, and there are twenty of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model import Model
from ..model.driven import refuse_driven
from ..model.jumps import RatedJump
from ..tools.types import Array
from .rate_derivatives import PotentialSlopes

_MOST = 600_000
"""Numbers in all S_k together beyond which their sum costs more than the products one by one."""

Matrices = Mapping[int, NDArray[Any]]
"""A matrix of one particle of each block, by the place of the block."""


def is_packed(model: Model) -> bool:
    """Whether the flow of a model is run so: without modes, and with few levels in few blocks."""
    numbers = 2 * sum(block.levels**2 for block in model.blocks)
    terms = (
        1 + 4 * len(model.two_body) + len(model.potentials) + 2 * len(model.collective_jumps) + len(model.local_jumps)
    )
    return not model.modes and terms * numbers**2 <= _MOST


Coefficients = Callable[[list[float]], list[float]]
"""From real averages of y to the coefficients of one term."""


class PackedFlow:
    """dy/dt of a model without modes; y are the elements of all density matrices, row by row, as real numbers.

    Parameters
    ----------
    model : Model
        One that :func:`is_packed`.
    """

    def __init__(self, model: Model) -> None:
        refuse_driven(model, "A mean-field flow without a time is that")
        self._model = model
        ends = np.cumsum([0] + [b.levels**2 for b in model.blocks]).tolist()
        self._places = [slice(*pair) for pair in pairwise(ends)]
        self._size = ends[-1]
        self._averages: list[Array] = []
        self._bent: list[Coefficients] = []
        self._linear = 0
        shares = [b.size / model.size for b in model.blocks]
        still = np.zeros((self._size, self._size), dtype=complex)
        linear: list[tuple[Array, NDArray[np.complex128]]] = []
        changes: list[NDArray[np.complex128]] = []
        for one in model.one_body:
            still += self._energy({model.block_index(one.block): one.eps})
        for two in model.two_body:
            b, c = (model.block_index(name) for name in two.blocks)
            for own, x, other, y in ((b, two.first, c, two.second), (c, two.second, b, two.first)):
                rows = self._rows({other: two.strength * shares[other] * y})
                linear += zip(rows, (self._energy({own: field}) for field in _hermitian_parts(x)), strict=True)
        for i, term in model.potentials.items():
            # one particle changes N φ(Δ) by (N/N_b) φ' times its own x
            argument = {model.block_index(name): x for name, x in term.argument.items()}
            self._bent.append(self._slope(PotentialSlopes(term, f"hamiltonian[{i}]"), argument))
            changes.append(self._energy({b: x / shares[b] for b, x in argument.items()}))
        for jump in model.collective_jumps.values():
            # on one particle it acts like the field (iκ/2)(ȳ* y - ȳ y†), ȳ the average over all
            ys = {model.block_index(name): y for name, y in jump.matrices.items()}
            rows = self._rows({b: jump.rate * shares[b] * y for b, y in ys.items()})
            fields = [self._energy({b: _hermitian_parts(y)[k] for b, y in ys.items()}) for k in (1, 0)]
            if jump.arguments:
                self._bent.append(self._field(self._rate(jump), rows))
                changes += fields
            else:
                linear += zip(rows, fields, strict=True)
        for local in model.local_jumps.values():
            change = self._jumping(model.block_index(local.block), local.matrix)
            if local.arguments:
                self._bent.append(self._alone(self._rate(local)))
                changes.append(change)
            else:
                still += change
        linear = [(row, change) for row, change in linear if row.any() and change.any()]
        self._linear = len(linear)
        self._rows_of = np.array([row for row, _ in linear] + self._averages).reshape(-1, 2 * self._size)
        self._changes = np.array([_real(change).ravel() for change in (still, *(c for _, c in linear), *changes)])

    def __call__(self, y: Array) -> Array:
        """Time derivative of y."""
        found = (self._rows_of @ y).tolist()
        coefficients = [1.0, *found[: self._linear]]
        averages = found[self._linear :]
        for more in self._bent:
            coefficients += more(averages)
        made: Array = (np.array(coefficients) @ self._changes).reshape(len(y), len(y)) @ y
        return made

    def _rows(self, matrices: Matrices) -> tuple[Array, Array]:
        """The vectors whose products with y are the real and the imaginary part of Σ_b tr(x_b r_b)."""
        elements = np.zeros(self._size, dtype=complex)
        for b, x in matrices.items():
            elements[self._places[b]] = x.T.ravel()
        return elements.conj().view(float).copy(), (1j * elements.conj()).view(float).copy()

    def _average(self, matrices: Matrices) -> int:
        """Where an average stands among those that coefficients are made of."""
        self._averages.append(self._rows(matrices)[0])
        return len(self._averages) - 1

    def _rate(self, jump: RatedJump) -> Callable[[list[float]], float]:
        """Γ²; the integrator's rounding must not carry an average out of its spectrum."""
        places = [
            (self._average({self._model.block_index(name): x for name, x in argument.items()}), *reach)
            for argument, reach in zip(jump.arguments, jump.reaches, strict=True)
        ]

        def rate(x: list[float]) -> float:
            at = np.array([min(max(x[k], lowest), highest) for k, lowest, highest in places])
            return float(jump.gamma(at if len(at) == 1 else at[:, None])[0] ** 2)

        return rate

    @staticmethod
    def _alone(rate: Callable[[list[float]], float]) -> Coefficients:
        return lambda x: [rate(x)]

    def _slope(self, slopes: PotentialSlopes, argument: Matrices) -> Coefficients:
        at = self._average(argument)
        return lambda x: [slopes.slope(x[at])]

    def _field(self, rate: Callable[[list[float]], float], rows: tuple[Array, Array]) -> Coefficients:
        first = len(self._averages)
        self._averages += rows

        def found(x: list[float]) -> list[float]:
            gamma = rate(x)
            return [gamma * x[first], gamma * x[first + 1]]

        return found

    def _energy(self, matrices: Matrices) -> NDArray[np.complex128]:
        """-i[h_b, r_b] of each block as a matrix on the elements."""
        made = np.zeros((self._size, self._size), dtype=complex)
        for b, h in matrices.items():
            one = np.eye(len(h))
            made[self._places[b], self._places[b]] = -1j * (np.kron(h, one) - np.kron(one, h.T))
        return made

    def _jumping(self, b: int, j: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """D[j] of a block."""
        made = np.zeros((self._size, self._size), dtype=complex)
        one, square = np.eye(len(j)), j.conj().T @ j
        decay = (np.kron(square, one) + np.kron(one, square.T)) / 2
        made[self._places[b], self._places[b]] = np.kron(j, j.conj()) - decay
        return made


def _hermitian_parts(x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """What the real and the imaginary part of a number c multiply in the Hermitian part of c x."""
    return (x + x.conj().T) / 2, 0.5j * (x - x.conj().T)


def _real(change: NDArray[np.complex128]) -> Array:
    """The matrix on real and imaginary parts side by side."""
    made = np.empty((len(change), 2, len(change), 2))
    made[:, 0, :, 0] = made[:, 1, :, 1] = change.real
    made[:, 1, :, 0], made[:, 0, :, 1] = change.imag, -change.imag
    return made.reshape(2 * len(change), 2 * len(change))
