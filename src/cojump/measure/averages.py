"""Averages, fluctuations and their standard errors from the moments of an ensemble.

For each trajectory and output time the statistics take, centred on the mean field m̄ (known before the run),

    a_i = <m_i> - m̄_i,   q_ij = <½{m_i - m̄_i, m_j - m̄_j}>,   g_ij = a_i a_j,   e = Σ_i w_i q_ii,

with <.> the expectation in that trajectory. E_N is the mean of e (24); the covariance and its parts within and
between trajectories follow from the means of q and g. Because everything is centred before it is multiplied, the
variances of a, q, g, e and their covariances give honest standard errors: from raw products the terms would cancel
and leave an error many times too large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from ..model.operators import labelled_basis, single_particle_basis, symmetric_products
from ..tools.labelled import Labelled, last_averages
from ..tools.summaries import counted, few, more, span
from ..tools.types import Array
from .certainty import Ground, uncertain
from .moments import Moments


class Layout:
    """Where a, q, g and e sit in the vector of one trajectory, and which of their covariances are kept.

    Parameters
    ----------
    n_observables : int
        A; the pairs i ≤ j are numbered row by row, Q = A(A+1)/2 of them.
    triples : (3, P) int array, optional
        Further covariances to keep, of q_ij with a_k: the columns are (i, j, k), i ≤ j.
    """

    def __init__(self, n_observables: int, triples: NDArray[np.intp] | None = None) -> None:
        A = n_observables
        self.rows, self.columns = np.triu_indices(A)
        Q = len(self.rows)
        self.a = np.arange(A)
        self.q = A + np.arange(Q)
        self.g = A + Q + np.arange(Q)
        self.e = np.array([A + 2 * Q])
        self.followed = np.concatenate([self.a, self.q, self.e])
        self.width = A + 2 * Q + 1
        self._centre, self._squares = Centre(self.rows, self.columns), np.flatnonzero(self.rows == self.columns)
        self.full = np.zeros((A, A), dtype=np.intp)
        self.full[self.rows, self.columns] = self.full[self.columns, self.rows] = np.arange(Q)
        a_row, a_column = self.a[self.rows], self.a[self.columns]
        wanted = {
            "aa": (a_row, a_column),
            "qq": (self.q, self.q),
            "gg": (self.g, self.g),
            "qg": (self.q, self.g),
            "q_row": (self.q, a_row),
            "q_column": (self.q, a_column),
            "g_row": (self.g, a_row),
            "g_column": (self.g, a_column),
            "ee": (self.e, self.e),
        }
        self.parts: dict[str, slice] = {}
        start = 0
        for name, (left, _) in wanted.items():
            self.parts[name] = slice(start, start + len(left))
            start += len(left)
        self.triples = np.empty((3, 0), dtype=np.intp) if triples is None else triples
        i, j, k = self.triples
        wanted["triples"] = (self.q[self.full[i, j]], self.a[k])
        self.parts["triples"] = slice(start, start + len(k))
        self.pairs = np.array([np.concatenate([w[side] for w in wanted.values()]) for side in (0, 1)])

    def vector(self, mean: Array, second: Array, reference: Array, weights: Array) -> Array:
        """The (..., T, D) vectors of trajectories from their <m> (..., T, A) and <½{m_i, m_j}> (..., T, Q)."""
        a, q = mean - reference, self._centre.about(reference, mean, second)
        g = a.take(self.rows, axis=-1)
        g *= a.take(self.columns, axis=-1)
        e = q.take(self._squares, axis=-1) @ weights
        return np.concatenate([a, q, g, e[..., None]], axis=-1)


class Centre:
    """Centres products of pairs on a reference; what depends on that alone is kept from one trajectory to the next.

    Parameters
    ----------
    i, j : (Q,) int arrays
        The pairs.
    """

    def __init__(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> None:
        self._i, self._j = i, j
        self._of: Array | None = None

    def about(self, reference: Array, mean: Array, second: Array) -> Array:
        """(..., T, Q) averages of ½{m_i - r_i, m_j - r_j} from those of m and of ½{m_i, m_j}."""
        if self._of is not reference:
            self._of = reference
            self._at_i, self._at_j = reference.take(self._i, axis=1), reference.take(self._j, axis=1)
            self._both = self._at_i * self._at_j
        part = mean.take(self._j, axis=-1)
        part *= self._at_i
        made = second - part
        part = mean.take(self._i, axis=-1)
        part *= self._at_j
        made -= part
        made += self._both
        return made


def size_of(A: int, triples: int = 0) -> tuple[int, int, int]:
    """Numbers of values, pairs and followed components in the :class:`Layout` of A averages, in closed form."""
    Q = A * (A + 1) // 2
    return A + 2 * Q + 1, 8 * Q + 1 + triples, A + Q + 1


def layout_of(labels: Sequence[str]) -> Layout:
    """Layout of the averages of blocks with these labels, "block.x".

    Within a block of more than two levels ½(o_a o_b + o_b o_a) holds third averages: the error of a correlation of two
    particles needs their covariances with q_ab. Where only some of its averages are measured, that is not asked.
    """
    blocks, _, names = zip(*(label.rpartition(".") for label in labels), strict=True)
    triples = [np.empty((3, 0), dtype=np.intp)]
    for name in dict.fromkeys(blocks):
        first, count = blocks.index(name), blocks.count(name)
        levels = isqrt(count)
        if count > 3 and names[first : first + count] == tuple(label for label, _ in labelled_basis(levels)):
            products = symmetric_products(*single_particle_basis(levels))
            i, j, k = np.nonzero(products)
            triples.append(first + np.array([i, j, k])[:, (i <= j) & (k != i) & (k != j)])
    return Layout(len(labels), np.concatenate(triples, axis=1))


@dataclass(frozen=True, eq=False, repr=False)
class Averages(Labelled):
    """Means, second moments, covariances and E_N of A averages at T times, with their standard errors.

    Attributes
    ----------
    times : (T,) array
    labels : tuple of A strings
    n_particles : int
        N, all particles.
    weights : (A,) array
        Weights of the averages in E_N.
    reference : (T, A) array
        The mean field m̄ on which products are centred.
    moments : Moments
        Statistics of the vectors of :class:`Layout`.
    """

    times: Array
    labels: tuple[str, ...]
    n_particles: int
    weights: Array
    reference: Array
    moments: Moments

    @cached_property
    def _layout(self) -> Layout:
        return layout_of(self.labels)

    def _mean_of(self, index: NDArray[np.intp]) -> Array:
        return self.moments.mean[:, index]

    @cached_property
    def _covariances(self) -> Array:
        return self.moments.covariance()

    def _cov(self, part: str) -> Array:
        return self._covariances[:, self._layout.parts[part]]

    def _error(self, variance: Array) -> Array:
        """Standard error of a mean from the variance of one trajectory (rounding below zero is zero)."""
        return np.sqrt(np.maximum(variance, 0.0) / max(self.n_traj, 1))

    def _square(self, packed: Array) -> Array:
        """(T, Q) -> (T, A, A), symmetric."""
        return packed[:, self._layout.full]

    def _product_error(self, kind: str, left: Array, right: Array) -> Array:
        """(T, Q) error of <p_ij> + left_i <a_j> + right_j <a_i>, p = q or g: all covariances taken along."""
        rows, columns = self._layout.rows, self._layout.columns
        l, r = left[:, rows], right[:, columns]
        v_rows, v_columns = self._variance_a[:, rows], self._variance_a[:, columns]
        variance = (
            self._cov(kind * 2)
            + l**2 * v_columns
            + r**2 * v_rows
            + 2 * l * self._cov(f"{kind}_column")
            + 2 * r * self._cov(f"{kind}_row")
            + 2 * l * r * self._cov("aa")
        )
        return self._error(variance)

    def pair_error(self, places: slice, coefficients: Array) -> Array:
        """(T, n, n) standard errors of q_ab + Σ_c u_abc <a_c> over the averages of one block, for known u (T, n, n, n).

        u_abc may differ from zero where c is a or b, and where the covariance of q_ab with a_c is kept.
        """
        inside = np.arange(len(self.labels))[places]
        n, T = len(inside), len(coefficients)
        mixed = np.zeros((T, n, n, n))
        kept = [
            (self._layout.rows, self._layout.columns, self._layout.rows, "q_row"),
            (self._layout.rows, self._layout.columns, self._layout.columns, "q_column"),
            (*self._layout.triples, "triples"),
        ]
        for i, j, k, part in kept:
            own = np.isin(i, inside) & np.isin(j, inside)
            a, b, c = (x[own] - inside[0] for x in (i, j, k))
            mixed[:, a, b, c] = mixed[:, b, a, c] = self._cov(part)[:, own]
        linear = self._square(self._cov("aa"))[:, places, places]
        variance = self._square(self._cov("qq"))[:, places, places]
        variance = variance + 2 * (coefficients * mixed).sum(axis=3)
        variance += np.einsum("tabc,tcd,tabd->tab", coefficients, linear, coefficients, optimize=True)
        return self._error(variance)

    def linear_error(self, coefficients: Array, places: slice) -> Array:
        """(T,) standard errors of Σ_a c_a <m_a> over the averages at ``places``, for coefficients c (T, n)."""
        covariance = self._square(self._cov("aa"))[:, places, places]
        return self._error(np.einsum("ta,tab,tb->t", coefficients, covariance, coefficients))

    @property
    def _ground(self) -> Ground | None:
        """What is known beside the spread of the trajectories; None if it is not."""
        return None

    @cached_property
    def _effective(self) -> Array | None:
        return self.moments.effective()

    @cached_property
    def effective(self) -> Array | None:
        """(T, A) effective number of trajectories that carry the spread of each average, see ``uncertain``.

        NaN where all trajectories agree; None for a result of an older file, which does not say.
        """
        return None if self._effective is None else self._effective[:, : len(self.labels)]

    @cached_property
    def uncertain(self) -> NDArray[np.bool_] | None:
        """(T, A) where ``mean_stderr`` may be far too small: the sample cannot know it.

        Fewer than ``cojump.measure.certainty.LEAST`` effective trajectories carry the spread, or there is none although
        a jump is possible that has hardly been seen, or it is less than what a channel that has not jumped once can
        still add. None for a result of an older file, which does not say.
        """
        if self._effective is None or self._ground is None:
            return None
        ground, few = self._ground, self._effective[:, : len(self.labels)]
        hidden = ground.hidden * np.sqrt(max(self.n_traj, 1))
        return uncertain(self._variance_a, few, ground.widths, ground.noise, ground.constant, hidden)

    @cached_property
    def deviation_uncertain(self) -> NDArray[np.bool_] | None:
        """(T,) where ``deviation_stderr`` may be far too small, as ``uncertain``."""
        if self._effective is None or self._ground is None:
            return None
        ground, far = self._ground, self.weights * self._ground.widths
        constant = np.all(ground.constant, axis=1)
        hidden = ground.hidden @ far * np.sqrt(max(self.n_traj, 1))
        width = ground.widths @ far
        return uncertain(self._cov("ee")[:, 0], self._effective[:, -1], width, ground.noise, constant, hidden)

    @cached_property
    def covariance_uncertain(self) -> NDArray[np.bool_] | None:
        """(T, A, A) where ``covariance_stderr`` may be far too small, as ``uncertain``; so are its two parts there."""
        if self._effective is None or self._ground is None:
            return None
        i, j, A, ground = self._layout.rows, self._layout.columns, len(self.labels), self._ground
        widths, constant = ground.widths[i] * ground.widths[j], ground.constant[:, i] & ground.constant[:, j]
        found = uncertain(self._cov("qq"), self._effective[:, A:-1], widths, ground.noise, constant)
        return found[:, self._layout.full]

    @cached_property
    def second_uncertain(self) -> NDArray[np.bool_] | None:
        """(T, A, A) where ``second_stderr`` may be far too small: that of the covariance or of an average is."""
        if self.uncertain is None or self.covariance_uncertain is None:
            return None
        return self.covariance_uncertain | self.uncertain[:, :, None] | self.uncertain[:, None, :]

    def unseen_error(self, place: int | None) -> Array:
        """(T,) largest error that what no trajectory has shown can leave: of one average, or (None) of E_N."""
        assert self._ground is not None
        if place is None:
            return self._ground.bound @ (self.weights * self._ground.widths)
        return self._ground.bound[:, place]

    @cached_property
    def _variance_a(self) -> Array:
        diagonal = self._layout.rows == self._layout.columns
        return self._cov("aa")[:, diagonal]

    @property
    def n_traj(self) -> int:
        """Number of trajectories."""
        return self.moments.count

    @property
    def _shift(self) -> Array:
        """(T, A) ā = <a> averaged over trajectories."""
        return self._mean_of(self._layout.a)

    @cached_property
    def mean(self) -> Array:
        """(T, A) averages <m_a>."""
        return self.reference + self._shift

    @cached_property
    def mean_stderr(self) -> Array:
        """(T, A) standard errors of ``mean``; NaN for one trajectory."""
        return self._error(self._variance_a)

    @property
    def stderr(self) -> Array:
        """(T, A) standard errors of ``mean``, the same as ``mean_stderr``."""
        return self.mean_stderr

    @cached_property
    def second(self) -> Array:
        """(T, A, A) symmetrised products <½{m_a, m_b}>."""
        m, a = self.reference, self._shift
        q = self._square(self._mean_of(self._layout.q))
        cross = m[:, :, None] * a[:, None, :]
        return q + cross + cross.transpose(0, 2, 1) + m[:, :, None] * m[:, None, :]

    @cached_property
    def second_stderr(self) -> Array:
        """(T, A, A) standard errors of ``second``."""
        return self._square(self._product_error("q", self.reference, self.reference))

    @cached_property
    def covariance(self) -> Array:
        """(T, A, A) N (<½{m_a, m_b}> - <m_a><m_b>), N all particles."""
        a = self._shift
        return self.n_particles * (self._square(self._mean_of(self._layout.q)) - a[:, :, None] * a[:, None, :])

    @cached_property
    def covariance_stderr(self) -> Array:
        """(T, A, A) standard errors of ``covariance``."""
        return self.n_particles * self._square(self._product_error("q", -self._shift, -self._shift))

    @cached_property
    def within(self) -> Array:
        """(T, A, A) part of ``covariance`` inside each trajectory, N E[<½{m_a, m_b}> - <m_a><m_b>].

        The split belongs to the unravelling; only the sum does not.
        """
        q, g = self._mean_of(self._layout.q), self._mean_of(self._layout.g)
        return self.n_particles * self._square(q - g)

    @cached_property
    def within_stderr(self) -> Array:
        """(T, A, A) standard errors of ``within``."""
        variance = self._cov("qq") + self._cov("gg") - 2 * self._cov("qg")
        return self.n_particles * self._square(self._error(variance))

    @cached_property
    def between(self) -> Array:
        """(T, A, A) part of ``covariance`` between trajectories, N Cov(<m_a>, <m_b>).

        The covariance of the n trajectories that ran, n in the denominator: its expectation is 1 - 1/n of the limit.
        """
        a = self._shift
        g = self._square(self._mean_of(self._layout.g))
        return self.n_particles * (g - a[:, :, None] * a[:, None, :])

    @cached_property
    def between_stderr(self) -> Array:
        """(T, A, A) standard errors of ``between``."""
        return self.n_particles * self._square(self._product_error("g", -self._shift, -self._shift))

    @cached_property
    def deviation(self) -> Array:
        """(T,) E_N(t) = Σ_a w_a <(m_a - m̄_a)²>, summed over blocks in the orthonormal basis, (24).

        Where not all averages are measured: the part of it that those make which are.
        """
        return self._mean_of(self._layout.e)[:, 0]

    @cached_property
    def deviation_stderr(self) -> Array:
        """(T,) standard errors of ``deviation``."""
        return self._error(self._cov("ee"))[:, 0]


@dataclass(frozen=True, eq=False, repr=False)
class OrderParameters(Averages):
    """The averages called ``labels`` are the P order parameters of a model, which belong to no block."""

    ground: Ground | None = None

    @property
    def _ground(self) -> Ground | None:
        return self.ground

    def _title(self) -> str:
        many = counted(self.n_traj, "trajectory")
        return f"Order parameters {few(self.labels)}: {span(self.times)}, {many}"

    def _lines(self) -> list[str]:
        if not self.n_traj or not len(self.times):
            return []
        return last_averages(self, f"at t = {self.times[-1]:g}") + more(
            f'["{self.labels[0]}"], .mean, .covariance, .within, .between, each with its _stderr'
        )

    @cached_property
    def _layout(self) -> Layout:
        return Layout(len(self.labels))
