"""The mean-field flow in the coordinates that it can change and in a unit of time of its own, and paths along it.

Every module here works on a :class:`Dynamics`: a flow f(q) in k real numbers with its Jacobian and its noise. The one
of a model is :class:`MeanFieldDynamics`; tests bring others. The same physics in other units of time must have the same
attractors, so a model's flow is divided once, here, by its own fastest rate (rounded to a power of two, which changes
no bits); all constants of this folder are pure numbers, and what leaves it is converted back with ``unit``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from functools import cached_property
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import UnsupportedError
from ...model import Model
from ...model.driven import refuse_driven
from ...model.model import check_not_frozen
from ...model.states import State
from ...tools.matrices import commutator
from ...tools.ode import LSODA, integrate
from ...tools.types import Array, Complex
from ..expansion import Expansion

ATTRACTORS = "Attractors are those"
"""How the refusal of models that change in time begins."""

_RTOL, _ATOL = 1e-6, 1e-8
"""Tolerances of paths that only have to arrive somewhere; what they find is refined afterwards."""

POSITIVE = 1e-9
"""A lowest eigenvalue of a density matrix above minus this is rounding."""

_TANGENT = 1e-6
"""A way along the edge of the states: it changes their vanishing eigenvalues by less than this share of itself."""


class Dynamics(Protocol):
    """dq/dt = f(q) with noise: N·covariance of q grows by ``diffusion`` per unit time."""

    @property
    def dimension(self) -> int:
        """Number of coordinates, k."""

    @property
    def fastest_rate(self) -> float:
        """Scale of all rates, about 1: the unit of every time and tolerance."""

    def flow(self, q: Array) -> Array:
        """(k,) f(q)."""

    def jacobian(self, q: Array) -> Array:
        """(k, k) ∂f_a/∂q_b."""

    def diffusion(self, q: Array) -> Array:
        """(k, k) D(q)."""


def refuse(model: Model) -> None:
    """Raise the UnsupportedError of a model whose attractors are not searched for."""
    refuse_driven(model, ATTRACTORS)


class MeanFieldDynamics:
    """The mean-field flow of a model in its traceless coordinates: m = m_mixed + Q q, q = Qᵀ(m - m_mixed).

    m are the coordinates of :class:`~cojump.fluctuations.Expansion`, m_mixed those of the maximally mixed state and Q
    its orthonormal ``traceless`` directions: the shares of the blocks, which never change, are left out. |q| ≤ 1. Modes
    are measured by the largest amplitude at which they can settle, so that |q| ≤ √2 at every fixed point; with jumps of
    particles with a quantum by a scale of it.
    """

    def __init__(self, model: Model) -> None:
        refuse(model)
        check_not_frozen(model)
        self.model = model
        self._expansion = Expansion(model)
        self._directions, self._back = self._expansion.traceless, self._expansion.traceless.T
        if modes := self._expansion.modes:
            sizes = np.ones(len(self._back))
            sizes[-2 * len(modes) :] = np.repeat([mode.reach * np.sqrt(len(modes)) for mode in modes], 2)
            self._directions, self._back = self._directions * sizes, self._back / sizes[:, None]
        self._mixed = self._expansion.coordinates([np.eye(b.levels, dtype=complex) / b.levels for b in model.blocks])

    def of_terms(self, model: Model) -> MeanFieldDynamics:
        """The flow of other terms of the same blocks and modes, in these coordinates and this unit of time."""
        assert self.unit
        made = copy(self)
        made.model, made._expansion = model, Expansion(model)
        return made

    @property
    def dimension(self) -> int:
        """Number of coordinates, k = Σ_b (d_b² - 1) + 2M for M modes."""
        return self._directions.shape[1]

    @cached_property
    def unit(self) -> float:
        """The model's rate that is 1 here, a power of two: times of the model are times here divided by it."""
        return 2.0 ** (np.frexp(self._fastest)[1] - 1)

    @cached_property
    def fastest_rate(self) -> float:
        """From 1 up to 2; in the model's own units it is ``unit`` times as large."""
        return self._fastest / self.unit

    @cached_property
    def _fastest(self) -> float:
        """Largest norm of the Jacobian at simple states, in the model's units; 1 if nothing moves.

        If there is a Jacobian at none of them, the fastest change of the states themselves.
        """
        points = [np.zeros(self.dimension)]
        simple = [simple_states(b.levels) for b in self.model.blocks]
        points += [self.point([s[i % len(s)] for s in simple]) for i in range(max(len(s) for s in simple))]
        largest, Q, back = 0.0, self._directions, self._back
        for q in points:
            with suppress(UnsupportedError):
                G = back @ self._expansion.jacobian(self._mixed + Q @ q) @ Q
                largest = max(largest, float(np.linalg.norm(G, 2)))
        if largest == 0:
            largest = max(float(np.linalg.norm(self._expansion.flow(self._mixed + Q @ q) @ back.T)) for q in points)
        return largest if largest > 0 else 1.0

    def flow(self, q: Array) -> Array:
        """(k,) dq/dt."""
        return self._expansion.flow(self._mixed + self._directions @ q) @ self._back.T / self.unit

    def jacobian(self, q: Array) -> Array:
        """(k, k) ∂f/∂q. Raises UnsupportedError where a rate has no derivative."""
        Q = self._directions
        return self._back @ self._expansion.jacobian(self._mixed + Q @ q) @ Q / self.unit

    def diffusion(self, q: Array) -> Array:
        """(k, k) diffusion matrix. Raises UnsupportedError where a Γ has no derivative."""
        return self._back @ self._expansion.diffusion(self._mixed + self._directions @ q) @ self._back.T / self.unit

    def averages(self, q: Array) -> Array:
        """(..., A) averages per block, in the order of the model's labels, of points q (..., k)."""
        return (self._mixed + q @ self._directions.T) @ self._expansion.averages.T

    @property
    def average_slopes(self) -> Array:
        """(A, k) change of the averages with q."""
        return self._expansion.averages @ self._directions

    def densities(self, q: Array) -> list[Complex]:
        """One-particle density matrix (d_b, d_b) of each block."""
        return self._expansion.densities(self._mixed + self._directions @ q)

    def amplitudes(self, q: Array) -> list[complex]:
        """α of each mode."""
        return self._expansion.amplitudes(self._mixed + self._directions @ q)

    def turns(self) -> Array:
        """(n, k, k) the changes A q of states under -i[K, ρ], K a basis of the traceless Hermitian matrices, and of
        modes under dα/dt = iα.
        """
        Q, v = self._directions, self._expansion.basis
        # Q has orthonormal columns: as many traceless matrices as it has beside the modes
        of_particles = self.dimension - 2 * len(self.model.modes)
        generators = np.einsum("ak,aij->kij", Q[: len(v), :of_particles], v)
        turns = [self._back @ self._expansion.matrix(1j * commutator(K, v)).real @ Q for K in generators]
        for x in range(of_particles, self.dimension, 2):
            turn = np.zeros((self.dimension,) * 2)
            turn[x, x + 1], turn[x + 1, x] = -1, 1
            turns.append(turn)
        return np.array(turns)

    def point(self, densities: Sequence[ArrayLike], amplitudes: Sequence[complex] | None = None) -> Array:
        """(k,) q of one-particle density matrices, and of α of each mode: that at which it rests if it is not given."""
        m = self._expansion.coordinates([np.asarray(r, dtype=complex) for r in densities], amplitudes or ())
        if amplitudes is None:
            m = self._expansion.settled(m)
        return self._back @ (m - self._mixed)

    def lit(self, q: Array, rng: np.random.Generator) -> Array:
        """(k,) q with any amplitude of the modes whose quanta particles jump with: at which it rests is not known."""
        modes, lit = self._expansion.modes, q.copy()
        of_modes = lit[len(lit) - 2 * len(modes) :].reshape(-1, 2)
        for own, mode in zip(of_modes, modes, strict=True):
            if mode.gains:
                own[:] = rng.normal(size=2) / 2
        return lit

    @property
    def inward(self) -> bool:
        """Whether the flow is known to lead back from large amplitudes: jumps with a quantum may have a gain there."""
        return not self.model.mode_jumps

    def start(self, state: State) -> Array:
        """(k,) q of a state."""
        return self.point(state.densities, state.amplitudes)

    def is_physical(self, q: Array) -> bool:
        """Whether every density matrix is positive, up to rounding."""
        return self.lowest(q) > -POSITIVE

    def lowest(self, q: Array) -> float:
        """Lowest eigenvalue of the density matrices."""
        return min(float(np.linalg.eigvalsh(r)[0]) for r in self.densities(q))

    def stays_physical(self, q: Array, way: Array) -> bool | None:
        """Whether a state at the edge stays one when it goes along ``way`` (k,); None if that cannot be told.

        The edge is where a density matrix has eigenvalues that are zero; to first order they change as the matrix of
        the way between their eigenvectors.
        """
        change = [b - a for a, b in zip(self.densities(np.zeros_like(q)), self.densities(way), strict=True)]
        scale = max(float(np.abs(c).max()) for c in change)
        slopes = []
        for r, c in zip(self.densities(q), change, strict=True):
            values, vectors = np.linalg.eigh(r)
            dark = vectors[:, values < POSITIVE]
            if dark.shape[1]:
                slopes.append(float(np.linalg.eigvalsh(dark.conj().T @ c @ dark)[0]) / scale)
        if slopes and abs(min(slopes)) < _TANGENT:
            return None
        return not slopes or min(slopes) > 0


def simple_states(levels: int) -> list[NDArray[np.complex128]]:
    """Pure states: the levels, and the equal superpositions of two of them with four phases."""
    unit = np.eye(levels, dtype=complex)
    kets = list(unit)
    for a, b in combinations(range(levels), 2):
        kets += [(unit[a] + phase * unit[b]) / np.sqrt(2) for phase in (1, -1, 1j, -1j)]
    return [np.outer(ket, ket.conj()) for ket in kets]


def travel(derivative: Callable[[float, Array], Array], start: Array, times: Array) -> Array:
    """(T, n) path of dy/dt = derivative(t, y) from ``start`` at times[0] = 0, to about 1e-6.

    Raises
    ------
    ConvergenceError
        If the integrator gives up.
    """
    # the method that switches to implicit steps where it must, at once: most paths end where nothing moves
    return integrate(derivative, start, times, what="mean-field flow", tolerances=(_RTOL, _ATOL), methods=(LSODA,))
