"""Spin squeezing of each block of two levels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..model import Model
from ..model.spin_squeezing import across
from ..tools.matrices import from_pairs
from ..tools.types import Array
from .averages import about
from .meter import Meter, Size, Trajectory
from .moments import Moments
from .statistics import Estimates, Extra


class SqueezingMeter(Meter):
    """Centred means and products of one two-level block with all their covariances, for the error of ξ²."""

    def __init__(self, model: Model, b: int, times: Array) -> None:
        self.name = f"squeezing/{model.blocks[b].name}"
        super().__init__((f"{model.blocks[b].name}:{model.blocks[b].size}",), times)
        self._places = np.array([a for a, o in enumerate(model.observables) if o.block == b])
        A = len(model.labels)
        number = np.zeros((A, A), dtype=int)
        number[np.triu_indices(A)] = np.arange(A * (A + 1) // 2)
        rows, columns = np.triu_indices(3)
        self._pairs = number[self._places[rows], self._places[columns]]
        self._rows, self._columns = rows, columns

    @property
    def size(self) -> Size:
        """Three averages and six products, with all their products; nothing is followed."""
        return Size(len(self.times), 9, 45, 0)

    def empty(self, mean_field: Array) -> Extra:
        """No trajectory yet."""
        moments = Moments.empty((len(self.times), 9), np.array(np.triu_indices(9)), np.empty(0, dtype=np.intp))
        return Extra(self.labels, self.times, mean_field[:, self._places], moments)

    def sample(self, one: Trajectory, reference: Array) -> Array:
        """(T, 9): a_x, a_y, a_z and the six q_ij, see cojump.measure.averages."""
        m, second = one.mean.take(self._places, axis=1), one.second.take(self._pairs, axis=1)
        return np.concatenate([m - reference, about(reference, m, second, self._rows, self._columns)], axis=1)


def squeezing_of(blocks: Mapping[str, Extra], kind: str = "wineland") -> Estimates:
    """Spin-squeezing parameter of each block from what its meter gathered, see :mod:`cojump.model.spin_squeezing`.

    With m = <m>, Q_ij = <½{m_i, m_j}> and n the direction across m of least n·Q n, ξ_S² = N n·Q n has the linear
    expansion dξ_S² = N (n·dQ n - 2 (n·Q m)(n·dm)/|m|²), and ξ_W² = ξ_S²/|m|² besides - 2 ξ_W² m·dm/|m|²; errors are
    those of it, with all covariances of the trajectories' m and Q.
    """
    values = {name: _squeezing(extra, kind) for name, extra in blocks.items()}
    return Estimates(
        tuple(values),
        np.array([v for v, _ in values.values()]).T,
        np.array([e for _, e in values.values()]).T,
    )


def _squeezing(extra: Extra, kind: str) -> tuple[Array, Array]:
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
