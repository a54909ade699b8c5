"""The exact master equation in the block-permutation basis: no sampling, the yardstick for everything else.

An exchangeable state is ρ = ⊕_λ ρ_λ ⊗ 1/f_λ, so C(N+3, 3) real numbers for one block of two levels, not 4^N. It shares
the model, the states and the basis with the trajectories and nothing of their tables, frames or kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import checks
from .checks import check_times
from .errors import ArgumentError, ConvergenceError
from .model import Model
from .schur.blocks import Label
from .schur.densities import block_densities
from .schur.generator import Generator
from .states import State

Array = NDArray[np.float64]

_TERMS = 80
"""Most terms of a Taylor step."""

_LARGEST = 1e2, 1e4
"""Terms of a step are kept below the first of these, in units of the norm of ρ, and refused above the second: they
cancel, and digits go with them."""

_AT_ONCE = 8
"""Most output times within one step."""


@dataclass(frozen=True, eq=False)
class ExactMoments:
    """Exact first and second moments of n averages at T times.

    Attributes
    ----------
    times : (T,) array
    labels : tuple of n strings
    n_particles : int
        N, all particles.
    mean : (T, n) array
    second : (T, n, n) array
        <½{m_a, m_b}>.
    """

    times: Array
    labels: tuple[str, ...]
    n_particles: int
    mean: Array
    second: Array

    @cached_property
    def covariance(self) -> Array:
        """(T, n, n) N (<½{m_a, m_b}> - <m_a><m_b>)."""
        return self.n_particles * (self.second - self.mean[:, :, None] * self.mean[:, None, :])


@dataclass(frozen=True, eq=False)
class Exact(ExactMoments):
    """The solution of the master equation. Averages are per block, (1/N_b) Σ_k, as in the results of trajectories.

    Attributes
    ----------
    times : (T,) array
    labels : tuple of A strings "block.x"
    n_particles : int
        N, all particles.
    mean : (T, A) array
    second : (T, A, A) array
        <½{m_a, m_b}>.
    sectors : tuple of S tuples of labels
        The sectors, one label for each block: 2J for two levels.
    sector_weights : (T, S) array
        Probability of each sector.
    tolerance : float
        As given.
    model, state
        As given.
    """

    sectors: tuple[tuple[Label, ...], ...]
    sector_weights: Array
    tolerance: float
    model: Model = field(repr=False)
    state: State = field(repr=False)

    @cached_property
    def deviation(self) -> Array:
        """(T,) E_N(t) = Σ_a w_a <(m_a - m̄_a)²>, summed over blocks in the orthonormal basis, (24).

        Raises
        ------
        ConvergenceError
            If the mean field m̄ cannot be integrated.
        """
        from .meanfield import mean_field

        off = self.mean - mean_field(self.model, self.state, self.times).mean
        variance = np.einsum("taa->ta", self.covariance) / self.n_particles
        return (variance + off**2) @ self.model.deviation_weights

    @cached_property
    def order(self) -> ExactMoments:
        """Moments of the order parameters of the model; ArgumentError if it has none."""
        return _order_parameters(self, self.model)


def _order_parameters(moments: ExactMoments, model: Model) -> ExactMoments:
    if not model.order_parameters:
        raise ArgumentError("model", "have order parameters", "it has none")
    maps = [model.linear(name, x) for name, x in model.order_parameters.items()]
    c, W = np.array([constant for constant, _ in maps]), np.array([weights for _, weights in maps])
    linear = moments.mean @ W.T
    cross = linear[:, :, None] * c
    second = W @ moments.second @ W.T + cross + cross.transpose(0, 2, 1) + np.outer(c, c)
    return ExactMoments(moments.times, tuple(model.order_parameters), moments.n_particles, linear + c, second)


def master_equation(
    model: Model, state: State, times: ArrayLike, *, tolerance: float = 1e-10, memory: float = 4.0
) -> Exact:
    """Solve the master equation of all N particles, exactly up to a stated tolerance.

    Parameters
    ----------
    model : Model
    state : State
        The state at t = 0.
    times : (T,) array
        Increasing, times[0] ≥ 0.
    tolerance : float
        Bound on the error of ρ(t) in the trace norm, hence on that of every average, at every time; between 1e-12
        and 0.01. Rounding comes on top, some 1e-13.
    memory : float
        GiB that may be used. One block of N two-level particles has C(N+3, 3) unknowns.

    Returns
    -------
    Exact

    Raises
    ------
    ArgumentError
        Before work starts, if an argument breaks a rule or the model needs more memory.
    UnsupportedError
        If the basis does not hold the number of levels of a block.
    ConvergenceError
        If a step does not keep its tolerance.
    """
    checked = check_times(times)
    tolerance = checks.number("tolerance", tolerance, 1e-12, 1e-2)
    memory = checks.number("memory", memory, 0)
    state.check_fits(model)
    densities = [block_densities(block, own) for block, own in zip(model.blocks, state.blocks, strict=True)]
    generator = Generator(model, [own.keys() for own in densities], memory=memory)
    reader = generator.expectations()
    norm = generator.packing.norm
    found = np.array(
        [reader @ y for y in _evolve(generator, generator.start(densities), checked, norm=norm, tolerance=tolerance)]
    )
    A = len(model.observables)
    mean, pairs, weights = np.split(found, [A, A + A * (A + 1) // 2], axis=1)
    off = float(np.abs(weights.sum(axis=1) - 1).max())
    if not off < tolerance + 1e-11:
        raise ConvergenceError(f"The trace of ρ is off by {off:.3g}: rounding has spoilt the solution")
    rows, columns = np.triu_indices(A)
    second = np.empty((len(checked), A, A))
    second[:, rows, columns] = second[:, columns, rows] = pairs
    sectors = tuple(generator.packing.dims)
    return Exact(checked, model.labels, model.size, mean, second, sectors, weights, tolerance, model, state)


def _evolve(
    derivative: Callable[[Array], Array],
    start: Array,
    times: Array,
    *,
    norm: Callable[[Array], float],
    tolerance: float,
) -> list[Array]:
    """e^{𝓛t} ρ at the times, by Taylor steps whose remainder is bounded.

    With v_k = (h𝓛)^k ρ/k! the remainder after v_{K-1} is ∫ e^{𝓛(h-s)} .. ds, and e^{𝓛t} contracts the trace norm of
    Hermitian matrices, so the error of the step is at most ‖v_K‖_1. Each step may spend the share h/t of the tolerance.
    """
    found = [start] if times[0] == 0 else []
    end, t, y = float(times[-1]), 0.0, start
    h = end
    while len(found) < len(times):
        size = norm(y)
        due = times[len(found) : len(found) + _AT_ONCE]
        h = min(h, float(due[-1]) - t)
        inside = due[due < t + h]
        term, total, partial = y, y, [y] * len(inside)
        largest, bound = size, np.inf
        for k in range(1, _TERMS + 1):
            term = derivative(term) * (h / k)
            bound = norm(term)
            largest = max(largest, bound)
            if not largest <= _LARGEST[1] * size:
                break
            total = total + term
            partial = [p + term * ((s - t) / h) ** k for p, s in zip(partial, inside, strict=True)]
            if bound <= tolerance * h / end:
                break
        if not bound <= tolerance * h / end:
            h /= 2
            if h < 1e-12 * end:
                raise ConvergenceError(f"The master equation could not be integrated beyond t = {t:g}")
            continue
        found += partial
        if len(inside) < len(due) and t + h >= due[len(inside)]:
            found.append(total)
        t, y = t + h, total
        # the largest term goes as e^{h‖𝓛‖}: as long a step as the digits allow
        h *= float(np.clip(1 + 0.2 * np.log(_LARGEST[0] * size / largest), 0.5, 2))
    return found
