"""Polynomials of averages that the user asks for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..model import Model
from ..tools import checks
from ..tools.matrices import from_pairs
from ..tools.types import Array
from .meter import Meter, Trajectory


class PolynomialMeter(Meter):
    """Polynomials of the averages up to second order, given as matrices."""

    name = "observables"

    def __init__(self, model: Model, times: Array, observables: Mapping[str, Any]) -> None:
        super().__init__(tuple(observables), times)
        self._A = A = len(model.labels)
        self._factors: list[tuple[int, float, Array, float, Array]] = []
        rule = "have terms of one average {block: matrix} or a product (tuple) of two"
        for n, (label, terms) in enumerate(observables.items()):
            if not isinstance(label, str) or not label:
                raise ArgumentError("observables", "have names as keys", f"one is {checks.shown(label)}")
            name = f"observables[{checks.shown(label)}]"
            if isinstance(terms, Mapping):
                terms = [terms]
            for term in checks.items(name, terms, "a list of terms, each an average {block: matrix} or a tuple of two"):
                factors = term if isinstance(term, tuple) else (term,)
                if not 1 <= len(factors) <= 2:
                    raise ArgumentError(name, rule, f"one term has {len(factors)}")
                maps = [model.linear(name, f) for f in factors]
                if len(maps) == 1:
                    maps.append((1.0, np.zeros(A)))
                (c, v), (d, w) = maps
                self._factors.append((n, c, v, d, w))

    @cached_property
    def _coefficients(self) -> tuple[Array, Array, Array]:
        """(n,), (n, A) and (n, A, A) coefficients of 1, of the averages and of their products."""
        n, A = len(self.labels), self._A
        constant, first, second = np.zeros(n), np.zeros((n, A)), np.zeros((n, A, A))
        for i, c, v, d, w in self._factors:
            constant[i] += c * d
            first[i] += c * w + d * v
            second[i] += (np.outer(v, w) + np.outer(w, v)) / 2
        return constant, first, second

    def sample(self, one: Trajectory, reference: Array) -> Array:
        """(T, n) expectation values in one trajectory."""
        constant, first, second = self._coefficients
        products = np.einsum("tij,nij->tn", from_pairs(one.second, one.mean.shape[1]), second)
        return constant + one.mean @ first.T + products
