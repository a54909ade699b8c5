"""Polynomials of averages that the user asks for.

A product is the mean over all orders of its factors, which need not be Hermitian; its real part is measured. Up to two
factors it is a linear map of what every trajectory reports. Three and four are read off the state itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..model import Model
from ..model.collective_average import CollectiveAverage, average_of
from ..tools import checks
from ..tools.matrices import pairs
from ..tools.types import Array
from .meter import Meter, ObservedState, StateMeter, Trajectories

MOST = 4
"""Factors of a product."""

Polynomial = list[tuple[CollectiveAverage, ...]]
"""Its terms, each as its factors; a factor that occurs twice is one and the same object."""


def polynomials_of(model: Model, observables: Mapping[str, Any]) -> dict[str, Polynomial]:
    """What a user has written as polynomials, checked.

    Raises
    ------
    ArgumentError
        If a label is none, a term has no factor or too many, or a factor is no average.
    """
    made: dict[str, Polynomial] = {}
    rule = f"have terms of one average ({{block: matrix}} or a label) or a product (tuple) of up to {MOST}"
    for label, terms in observables.items():
        checks.name_as_key("observables", label)
        name = f"observables[{checks.shown(label)}]"
        what = f"a list of terms, each an average ({{block: matrix}} or a label) or a tuple of up to {MOST}"
        made[label] = []
        for term in [terms] if isinstance(terms, Mapping | str) else checks.items(name, terms, what):
            factors = term if isinstance(term, tuple) else (term,)
            if not 1 <= len(factors) <= MOST:
                raise ArgumentError(name, rule, f"one term has {len(factors)}")
            known = {id(f): average_of(model, name, f) for f in factors}
            made[label].append(tuple(known[id(f)] for f in factors))
        if not made[label]:
            raise ArgumentError(name, "have at least one term", "it has none")
    return made


def is_low(polynomial: Polynomial) -> bool:
    """Whether no term has more than two factors."""
    return all(len(term) <= 2 for term in polynomial)


class PolynomialMeter(Meter):
    """Polynomials of the averages up to second order."""

    name = "observables"

    def __init__(self, model: Model, times: Array, polynomials: Mapping[str, Polynomial]) -> None:
        super().__init__(tuple(polynomials), times)
        self._A = A = len(model.labels)
        self._factors: list[tuple[int, complex, Any, complex, Any]] = []
        for n, (label, terms) in enumerate(polynomials.items()):
            for term in terms:
                maps = [average.measured(model, f"observables[{checks.shown(label)}]") for average in term]
                if len(maps) == 1:
                    maps.append((1.0 + 0j, np.zeros(A, dtype=complex)))
                (c, v), (d, w) = maps
                self._factors.append((n, c, v, d, w))

    @cached_property
    def _coefficients(self) -> tuple[Array, Array, Array]:
        """(n,), (A, n) and (Q, n) coefficients of 1, of the averages and of their products of pairs i ≤ j."""
        n, (i, j) = len(self.labels), pairs(self._A)
        constant, first, second = np.zeros(n), np.zeros((self._A, n)), np.zeros((len(i), n))
        for column, c, v, d, w in self._factors:
            constant[column] += (c * d).real
            first[:, column] += (c * w + d * v).real
            second[:, column] += np.where(i == j, v[i] * w[i], v[i] * w[j] + v[j] * w[i]).real
        return constant, first, second

    def samples(self, several: Trajectories, reference: Array) -> Array:
        """(K, T, n) expectation values."""
        constant, first, second = self._coefficients
        return constant + several.mean @ first + several.second @ second


class HighPolynomialMeter(StateMeter):
    """Polynomials with products of three or four averages, read off the state at every output time."""

    name = "products"

    def __init__(self, times: Array, polynomials: Mapping[str, Polynomial]) -> None:
        super().__init__(tuple(polynomials), times)
        self._polynomials = list(polynomials.values())

    def read(self, state: ObservedState) -> Array:
        """(n,) expectation values."""
        return np.array([sum(state.pure.product(term).real for term in terms) for terms in self._polynomials])
