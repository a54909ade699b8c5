"""Polynomials of averages that the user asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..model import Model
from ..tools import checks
from ..tools.matrices import from_pairs
from ..tools.types import Array
from .meter import Trajectory, diagonal_pairs
from .moments import Moments
from .statistics import Extra


class PolynomialMeter:
    """Polynomials of the averages up to second order, given as matrices."""

    name = "observables"

    def __init__(self, model: Model, times: Array, observables: Mapping[str, Any]) -> None:
        self._labels, self._times = tuple(observables), times
        A = len(model.labels)
        self._constant, self._first = np.zeros(len(observables)), np.zeros((len(observables), A))
        self._second = np.zeros((len(observables), A, A))
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
                self._constant[n] += c * d
                self._first[n] += c * w + d * v
                self._second[n] += (np.outer(v, w) + np.outer(w, v)) / 2

    def empty(self) -> Extra:
        """No trajectory yet."""
        n = len(self._labels)
        moments = Moments.empty((len(self._times), n), diagonal_pairs(n), np.arange(n))
        return Extra(self._labels, self._times, np.empty((len(self._times), 0)), moments)

    def sample(self, one: Trajectory) -> Array:
        """(T, n) expectation values in one trajectory."""
        products = np.einsum("tij,nij->tn", from_pairs(one.second, one.mean.shape[1]), self._second)
        return self._constant + one.mean @ self._first.T + products
