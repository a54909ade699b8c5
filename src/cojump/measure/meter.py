"""What is measured along trajectories beside the averages of the blocks: one small meter for each kind of figure.

A meter turns one trajectory into a vector per time and knows which co-moments of it are kept; the ensemble gathers
the moments without knowing what they mean. Order parameters, polynomials of averages, total spins and the spin
squeezing are functions of what every trajectory reports; distributions need the amplitudes and are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..basis.reported_sectors import spins_in
from ..errors import ArgumentError, UnsupportedError
from ..model import Model
from ..tools import checks
from ..tools.matrices import from_pairs
from ..tools.types import Array
from .averages import Estimates, Extra, Layout, layout_of
from .moments import Moments


class Trajectory(Protocol):
    """What a meter sees of one trajectory; see cojump.trajectories.outcome.Outcome."""

    @property
    def mean(self) -> Array:
        """(T, A) averages."""

    @property
    def second(self) -> Array:
        """(T, Q) products of pairs."""

    @property
    def sectors(self) -> Array:
        """(T, ...) sectors."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """(T, L) jumps of each channel so far."""

    @property
    def distributions(self) -> Array:
        """(T', Σ_b (N_b + 1)) probabilities in the blocks of two levels."""


class Meter(Protocol):
    """Measures one kind of figure."""

    name: str

    def empty(self) -> Extra:
        """No trajectory yet."""

    def sample(self, one: Trajectory) -> Array:
        """(T', n) vector of one trajectory."""


def _diagonal(n: int) -> NDArray[np.intp]:
    return np.array([np.arange(n), np.arange(n)])


class AverageMeter:
    """The averages of the blocks: what every result is about."""

    name = "averages"

    def __init__(self, model: Model, times: Array, reference: Array) -> None:
        self._labels, self._times, self._reference = model.labels, times, reference
        self._layout, self._weights = layout_of(model.labels), model.deviation_weights

    def empty(self) -> Extra:
        """No trajectory yet."""
        shape = (len(self._times), self._layout.width)
        moments = Moments.empty(shape, self._layout.pairs, self._layout.followed)
        return Extra(self._labels, self._times, self._reference, moments)

    def sample(self, one: Trajectory) -> Array:
        """The vector of Layout."""
        return self._layout.vector(one.mean, one.second, self._reference, self._weights)


class OrderMeter:
    """Order parameters: linear in the averages, so their means and products are exact linear maps of those."""

    name = "order"

    def __init__(self, model: Model, times: Array, reference: Array) -> None:
        self._labels = tuple(model.order_parameters)
        maps = [model.linear(name, x) for name, x in model.order_parameters.items()]
        self._constant, self._map = np.array([c for c, _ in maps]), np.array([w for _, w in maps])
        self._layout, self._times = Layout(len(maps)), times
        self._reference = self._constant + reference @ self._map.T

    def empty(self) -> Extra:
        """No trajectory yet."""
        shape = (len(self._times), self._layout.width)
        moments = Moments.empty(shape, self._layout.pairs, self._layout.followed)
        return Extra(self._labels, self._times, self._reference, moments)

    def sample(self, one: Trajectory) -> Array:
        """The vector of Layout for the order parameters."""
        w, c = self._map, self._constant
        linear = one.mean @ w.T
        second = w @ from_pairs(one.second, w.shape[1]) @ w.T
        second += c[:, None] * linear[:, None, :] + linear[:, :, None] * c + c[:, None] * c
        packed = second[:, self._layout.rows, self._layout.columns]
        return self._layout.vector(linear + c, packed, self._reference, np.ones(len(c)))


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
        moments = Moments.empty((len(self._times), n), _diagonal(n), np.arange(n))
        return Extra(self._labels, self._times, np.empty((len(self._times), 0)), moments)

    def sample(self, one: Trajectory) -> Array:
        """(T, n) expectation values in one trajectory."""
        products = np.einsum("tij,nij->tn", from_pairs(one.second, one.mean.shape[1]), self._second)
        return self._constant + one.mean @ self._first.T + products


class SpinMeter:
    """Total spin J of each block of two levels."""

    name = "spin"

    def __init__(self, model: Model, times: Array) -> None:
        self._blocks, self._times = model.blocks, times
        self._labels = tuple(b.name for b in model.blocks if b.levels == 2)

    def empty(self) -> Extra:
        """No trajectory yet."""
        n = len(self._labels)
        moments = Moments.empty((len(self._times), n), _diagonal(n), np.arange(n))
        return Extra(self._labels, self._times, np.empty((len(self._times), 0)), moments)

    def sample(self, one: Trajectory) -> Array:
        """(T, B) spins."""
        return spins_in(self._blocks, one.sectors)


class SqueezingMeter:
    """Centred means and products of one two-level block with all their covariances, for the error of ξ²."""

    def __init__(self, model: Model, b: int, times: Array, reference: Array) -> None:
        self.name = f"squeezing/{model.blocks[b].name}"
        self._label, self._times = f"{model.blocks[b].name}:{model.blocks[b].size}", times
        self._places = np.array([a for a, o in enumerate(model.observables) if o.block == b])
        self._reference = reference[:, self._places]
        A = len(model.observables)
        number = np.zeros((A, A), dtype=int)
        number[np.triu_indices(A)] = np.arange(A * (A + 1) // 2)
        rows, columns = np.triu_indices(3)
        self._pairs = number[self._places[rows], self._places[columns]]
        self._rows, self._columns = rows, columns

    def empty(self) -> Extra:
        """No trajectory yet."""
        moments = Moments.empty((len(self._times), 9), np.array(np.triu_indices(9)), np.empty(0, dtype=np.intp))
        return Extra((self._label,), self._times, self._reference, moments)

    def sample(self, one: Trajectory) -> Array:
        """(T, 9): a_x, a_y, a_z and the six q_ij, see cojump.measure.averages."""
        m, r = one.mean[:, self._places], self._reference
        i, j = self._rows, self._columns
        q = one.second[:, self._pairs] - r[:, i] * m[:, j] - m[:, i] * r[:, j] + r[:, i] * r[:, j]
        return np.concatenate([m - r, q], axis=1)


def squeezing_of(blocks: Mapping[str, Extra]) -> Estimates:
    """Spin-squeezing parameter of each block from what its meter gathered.

    ξ² = N n·Q n / |m|² with m = <m>, Q_ij = <½{m_i, m_j}> and n the direction across m of least n·Q n. Its error is
    that of its linear expansion, dξ² = N/|m|² (n·dQ n - 2 (n·Q m)(n·dm)/|m|²) - 2 ξ² m·dm/|m|², with all covariances
    of the trajectories' m and Q.
    """
    values = {name: _squeezing(extra) for name, extra in blocks.items()}
    return Estimates(
        tuple(values),
        np.array([v for v, _ in values.values()]).T,
        np.array([e for _, e in values.values()]).T,
    )


def _squeezing(extra: Extra) -> tuple[Array, Array]:
    size = int(extra.labels[0].rsplit(":", 1)[1])
    T = len(extra.times)
    value, error = np.full(T, np.nan), np.full(T, np.nan)
    rows, columns = np.triu_indices(3)
    covariance = from_pairs(extra.moments.covariance(), 9)
    for t in range(T):
        a, q = extra.moments.mean[t, :3], from_pairs(extra.moments.mean[t : t + 1, 3:], 3)[0]
        r = extra.reference[t]
        m = r + a
        length2 = float(m @ m)
        if length2 == 0:
            continue
        Q = q + np.outer(r, a) + np.outer(a, r) + np.outer(r, r)
        across = np.linalg.svd(m[None, :])[2][1:]
        lowest, directions = np.linalg.eigh(across @ Q @ across.T)
        n = directions[:, 0] @ across
        value[t] = size * lowest[0] / length2
        # dQ = dq + r da + da r, so every differential is linear in (da, dq)
        turn = -2 * (n @ Q @ m) / length2 * n
        by_a = size / length2 * (2 * (n @ r) * n + turn) - 2 * value[t] * m / length2
        by_q = size / length2 * n[rows] * n[columns] * np.where(rows == columns, 1, 2)
        gradient = np.concatenate([by_a, by_q])
        error[t] = np.sqrt(max(float(gradient @ covariance[t] @ gradient), 0.0) / extra.moments.count)
    return value, error


class DistributionMeter:
    """Probabilities of M in each block of two levels."""

    name = "distribution"

    def __init__(self, model: Model, times: Array) -> None:
        spins = [b for b in model.blocks if b.levels == 2]
        if not spins:
            raise UnsupportedError("Distributions of M need a block of two levels, and this model has none")
        self._labels = tuple(f"{b.name}:{b.size}" for b in spins)
        self._times, self._n = times, sum(b.size + 1 for b in spins)

    def empty(self) -> Extra:
        """No trajectory yet."""
        moments = Moments.empty((len(self._times), self._n), _diagonal(self._n), np.arange(self._n))
        return Extra(self._labels, self._times, np.empty((len(self._times), 0)), moments)

    def sample(self, one: Trajectory) -> Array:
        """(T', Σ_b (N_b + 1)) probabilities."""
        return one.distributions


@dataclass(frozen=True, eq=False)
class Distribution:
    """Distribution of J_z of one block over the ensemble.

    Attributes
    ----------
    times : (T',) array
    M : (N_b + 1,) array
        -N_b/2 .. N_b/2; the average is m_z = 2M/N_b.
    probability, stderr : (T', N_b + 1) arrays
    uncertain : (T', N_b + 1) bool array or None
        Where ``stderr`` may be far too small, see :attr:`cojump.results.Result.uncertain`.
    """

    times: Array
    M: NDArray[np.floating]
    probability: Array
    stderr: Array
    uncertain: NDArray[np.bool_] | None = None


def distribution_of(
    extra: Extra, block: str, constant: NDArray[np.bool_] | None = None, noise: float = 0.0
) -> Distribution:
    """Distribution of one block from what the meter gathered; ``constant`` and ``noise`` as for its estimates."""
    first = 0
    estimates = extra.estimates(constant, noise)
    for label in extra.labels:
        name, size = label.rsplit(":", 1)
        count = int(size) + 1
        if isinstance(block, str) and name == block:
            cut = slice(first, first + count)
            M = np.arange(count, dtype=float) - int(size) / 2
            flags = None if estimates.uncertain is None else estimates.uncertain[:, cut]
            return Distribution(extra.times, M, estimates.mean[:, cut], estimates.stderr[:, cut], flags)
        first += count
    names = ", ".join(label.rsplit(":", 1)[0] for label in extra.labels)
    raise ArgumentError("block", f"be one of {names}", f"it is {checks.shown(block)}")
