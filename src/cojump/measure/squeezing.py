"""Spin squeezing of each block of two levels, and of weighted sums of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..model import Model
from ..model.spin_squeezing import NO_SPIN, across, blocks_of_spins, check_sums
from ..tools import checks
from ..tools.matrices import from_pairs
from ..tools.types import Array
from .averages import Centre
from .meter import Meter, Size, Trajectories
from .moments import Moments
from .statistics import Estimates, Extra


class SqueezingMeter(Meter):
    """Centred means and products of the spin of blocks with all their covariances, for the error of ξ².

    The spin S = ½ Σ_b w_b Σ_{k in b} σ^(k) is measured as s = Σ_b w_b N_b m_b / Σ_b |w_b| N_b, of one block its m.

    Parameters
    ----------
    model : Model
    label : str
    weights : mapping of str to float
        w_b of each block.
    times : (T,) array
    """

    def __init__(self, model: Model, label: str, weights: Mapping[str, float], times: Array) -> None:
        self.name = f"squeezing/{label}"
        sizes = {name: model.sizes[name] for name, weight in weights.items() if weight}
        length = sum(abs(weights[name]) * size for name, size in sizes.items())
        alone = len(sizes) == 1
        scale = length**2 / sum(weights[name] ** 2 * size for name, size in sizes.items())
        blocks = tuple(sizes)
        label_of_size = f"{label}:{next(iter(sizes.values())) if alone else repr(float(scale))}"
        super().__init__((label_of_size,) if blocks == (label,) else (label_of_size, *blocks), times)
        places = [[a for a, o in enumerate(model.observables) if model.blocks[o.block].name == name] for name in blocks]
        self._places = np.array(places)  # (blocks, 3)
        signs = [np.sign(weights[name]) if alone else weights[name] * size / length for name, size in sizes.items()]
        self._factors = np.array(signs)
        self._A = len(model.labels)
        self._is_block = bool(alone and signs[0] == 1.0)
        self._rows, self._columns = np.triu_indices(3)
        self._centre = Centre(self._rows, self._columns)

    @property
    def size(self) -> Size:
        """Three averages and six products, with all their products; nothing is followed."""
        return Size(len(self.times), 9, 45, 0)

    def empty(self, mean_field: Array) -> Extra:
        """No trajectory yet."""
        moments = Moments.empty((len(self.times), 9), np.array(np.triu_indices(9)), np.empty(0, dtype=np.intp))
        return Extra(self.labels, self.times, self._spin(mean_field), moments)

    def _spin(self, mean: Array) -> Array:
        """(..., T, 3) s of averages (..., T, A)."""
        if self._is_block:
            return mean.take(self._places[0], axis=-1)
        spin: Array = self._factors @ mean.take(self._places, axis=-1)
        return spin

    @cached_property
    def _pairs(self) -> list[tuple[NDArray[np.intp], float]]:
        """Where the six products of each two blocks are among those that a trajectory reports, and their factors."""
        number = np.zeros((self._A, self._A), dtype=int)
        number[np.triu_indices(self._A)] = np.arange(self._A * (self._A + 1) // 2)
        number = np.maximum(number, number.T)
        return [
            (number[left[self._rows], right[self._columns]], float(f * g))
            for left, f in zip(self._places, self._factors, strict=True)
            for right, g in zip(self._places, self._factors, strict=True)
        ]

    def samples(self, several: Trajectories, reference: Array) -> Array:
        """(K, T, 9): a_x, a_y, a_z and the six q_ij, see cojump.measure.averages."""
        m = self._spin(several.mean)
        if self._is_block:
            second = several.second.take(self._pairs[0][0], axis=-1)
        else:
            second = np.zeros((*m.shape[:-1], 6))
            for places, f in self._pairs:
                second += f * several.second.take(places, axis=-1)
        return np.concatenate([m - reference, self._centre.about(reference, m, second)], axis=-1)


def squeezing_meters(model: Model, times: Array, sums: Any) -> list[SqueezingMeter]:
    """A meter of each block of two levels of which x, y and z are measured, and of each sum that is asked for.

    Raises
    ------
    ArgumentError
        If a sum breaks a rule, or is called like a block.
    """
    alone = blocks_of_spins(model)
    wanted = check_sums(model, sums, "squeezing") if sums else {}
    for label in wanted:
        if label in model.sizes:
            raise ArgumentError("squeezing", "have other names than blocks as keys", f"one is {checks.shown(label)}")
    return [SqueezingMeter(model, label, weights, times) for label, weights in {**alone, **wanted}.items()]


def blocks_of(extra: Extra) -> tuple[str, ...]:
    """The blocks whose spins are added."""
    return extra.labels[1:] or (extra.labels[0].rsplit(":", 1)[0],)


def squeezing_of(blocks: Mapping[str, Extra], kind: str = "wineland") -> Estimates:
    """Spin-squeezing parameter of each spin from what its meter gathered, see :mod:`cojump.model.spin_squeezing`.

    N is N_b of one block, and (Σ |w_b| N_b)² / Σ w_b² N_b of a sum. With m = <m>, Q_ij = <½{m_i, m_j}> and n the
    direction across m of least n·Q n, ξ_S² = N n·Q n has the linear expansion
    dξ_S² = N (n·dQ n - 2 (n·Q m)(n·dm)/|m|²), and ξ_W² = ξ_S²/|m|² besides
    - 2 ξ_W² m·dm/|m|²; errors are those of it, with all covariances of the trajectories' m and Q.
    """
    values = {name: _squeezing(extra, kind) for name, extra in blocks.items()}
    return Estimates(
        tuple(values),
        np.array([v for v, _ in values.values()]).T,
        np.array([e for _, e in values.values()]).T,
    )


def _squeezing(extra: Extra, kind: str) -> tuple[Array, Array]:
    size = float(extra.labels[0].rsplit(":", 1)[1])
    T = len(extra.times)
    value, error = np.full(T, np.nan), np.full(T, np.nan)
    rows, columns = np.triu_indices(3)
    covariance = from_pairs(extra.moments.covariance(), 9)
    for t in range(T):
        a, q = extra.moments.mean[t, :3], from_pairs(extra.moments.mean[t : t + 1, 3:], 3)[0]
        r = extra.reference[t]
        m = r + a
        length2 = float(m @ m)
        if length2 <= NO_SPIN**2:
            continue
        Q = q + np.outer(r, a) + np.outer(a, r) + np.outer(r, r)
        directions = across(m)
        lowest, mixed = np.linalg.eigh(directions @ Q @ directions.T)
        n = mixed[:, 0] @ directions
        scale = size / length2 if kind == "wineland" else size
        value[t] = scale * lowest[0]
        # dQ = dq + r da + da r, so every differential is linear in (da, dq)
        turn = -2 * (n @ Q @ m) / length2 * n
        by_a = scale * (2 * (n @ r) * n + turn)
        if kind == "wineland":
            by_a = by_a - 2 * value[t] * m / length2
        by_q = scale * n[rows] * n[columns] * np.where(rows == columns, 1, 2)
        gradient = np.concatenate([by_a, by_q])
        error[t] = np.sqrt(max(float(gradient @ covariance[t] @ gradient), 0.0) / extra.moments.count)
    return value, error
