"""The exact master equation in the block-permutation basis: no sampling, the yardstick for everything else.

An exchangeable state is ρ = ⊕_λ ρ_λ ⊗ 1/f_λ, so C(N+3, 3) real numbers for one block of two levels, not 4^N. It shares
the model, the states and the basis with the trajectories and nothing of their tables, frames or kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import splu
from threadpoolctl import threadpool_limits

from ..basis.particle_removal import Label
from ..basis.sector_densities import block_densities, occupied_labels
from ..basis.sectors import sector_labels
from ..errors import ArgumentError, ConvergenceError, UnsupportedError
from ..model import Model
from ..model.model import check_model
from ..model.states import State, check_start
from ..tools import checks
from ..tools.checks import check_times
from ..tools.labelled import Labelled
from ..tools.matrices import from_pairs
from ..tools.numbers import format_number
from ..tools.summaries import counted, facts, few, more, span, table
from ..tools.types import Array
from .generator import Generator, check_unknowns

_TERMS = 80
"""Most terms of a Taylor step."""

_LARGEST = 1e2, 1e4
"""Terms of a step are kept below the first of these, in units of the norm of ρ, and refused above the second: they
cancel, and digits go with them."""

_AT_ONCE = 8
"""Most output times within one step."""

_SHIFT, _VANISHING = 1e-9, 1e-11
"""Shift of the inverse iteration for the steady state, and the eigenvalue that is taken as zero; the norm is 1."""

_NO_STATE = 1e-9
"""A negative eigenvalue or a residual beyond this is not rounding."""


@dataclass(frozen=True, eq=False, repr=False)
class ExactMoments(Labelled):
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

    def _title(self) -> str:
        return f"Exact moments of {few(self.labels)}: N = {self.n_particles:,}, {span(self.times)}"

    def _lines(self) -> list[str]:
        return _moments_at_end(self, f"at t = {self.times[-1]:g}", self.mean[-1], self.second[-1]) + more(
            f'["{self.labels[0]}"].mean, .mean, .second, .covariance'
        )

    @cached_property
    def covariance(self) -> Array:
        """(T, n, n) N (<½{m_a, m_b}> - <m_a><m_b>)."""
        return self.n_particles * (self.second - self.mean[:, :, None] * self.mean[:, None, :])


@dataclass(frozen=True, eq=False, repr=False)
class Exact(ExactMoments):
    """The solution of the master equation. Averages are per block, (1/N_b) Σ_k, as in the results of trajectories.

    Attributes
    ----------
    times, labels, n_particles, mean, second
        As for :class:`ExactMoments`, of the A averages "block.x".
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
    model: Model
    state: State

    def _title(self) -> str:
        return f"Exact solution: N = {self.n_particles:,}, {span(self.times)}, {counted(len(self.labels), 'average')}"

    def _lines(self) -> list[str]:
        lines = facts(
            ("averages", few(self.labels)),
            ("sectors", f"{len(self.sectors):,}"),
            ("tolerance", f"{self.tolerance:g} in the trace norm of ρ, and so of each average"),
        )
        lines += _moments_at_end(self, f"at t = {self.times[-1]:g}", self.mean[-1], self.second[-1])
        return lines + more(f'["{self.labels[0]}"].mean, .mean, .second, .covariance, .deviation, .sector_weights')

    @cached_property
    def deviation(self) -> Array:
        """(T,) E_N(t) = Σ_a w_a <(m_a - m̄_a)²>, summed over blocks in the orthonormal basis, (24).

        Raises
        ------
        ConvergenceError
            If the mean field m̄ cannot be integrated.
        """
        from .mean_field import mean_field

        off = self.mean - mean_field(self.model, self.state, self.times).mean
        variance = np.einsum("taa->ta", self.covariance) / self.n_particles
        return (variance + off**2) @ self.model.deviation_weights

    @cached_property
    def order(self) -> ExactMoments:
        """Moments of the order parameters of the model; ArgumentError if it has none."""
        return _order_parameters(self, self.model)


def _moments_at_end(moments: ExactMoments | SteadyState, heading: str, mean: Array, second: Array) -> list[str]:
    """A table of averages (n,) and of what their second moments (n, n) say of their variances."""
    variance = moments.n_particles * (np.diagonal(second) - mean**2)
    rows = ((format_number(m), format_number(v)) for m, v in zip(mean, variance, strict=True))
    return table((heading, "value", "N·variance"), moments.labels, rows)


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
    model: Model,
    state: State,
    times: ArrayLike,
    *,
    tolerance: float = 1e-10,
    memory: float = 4.0,
    applications: float = 1e7,
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
    applications : float
        How often the generator 𝓛 may be applied to ρ. Some 6 ‖𝓛‖t times are needed (for a single block ‖𝓛‖ is about N
        times the largest energy or rate), which is much for fast oscillations or fast rates over a long time. A model
        that needs more is refused after the first step, with its cost.

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
        If more applications of the generator are needed than allowed, or rounding spoils the solution.

    Examples
    --------
    >>> model = cj.systems.constrained(size=10, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> state, times = cj.tilted(model, theta=1.1, phi=0.4), np.linspace(0, 2, 3)
    >>> exact, mf = cj.master_equation(model, state, times), cj.mean_field(model, state, times)
    >>> print((exact.mean[-1] - mf.mean[-1]).round(4))  # what mean field misses ..
    [-0.0022  0.0944 -0.0446]
    >>> print((mf.correction[-1] / 10).round(4))  # .. and its first order in 1/N
    [ 0.0014  0.1009 -0.0538]
    """
    checked = check_times(times)
    tolerance = checks.number("tolerance", tolerance, 1e-12, 1e-2)
    memory = checks.number("memory", memory, 0)
    applications = checks.number("applications", applications, 1)
    check_start(model, state)
    check_unknowns(model, state.blocks, memory)
    pairs = list(zip(model.blocks, state.blocks, strict=True))
    with threadpool_limits(1):  # the matrices are small: more threads only wait for each other
        generator = Generator(model, [occupied_labels(block, own) for block, own in pairs], memory=memory)
        start = generator.start([block_densities(block, own) for block, own in pairs])
        reader = generator.expectations()
        path = _evolve(generator, start, checked, norm=generator.packing.norm, tolerance=tolerance, most=applications)
        found = np.array([reader @ y for y in path])
    mean, second, weights = _moments(found, len(model.labels))
    off = float(np.abs(weights.sum(axis=1) - 1).max())
    if not off < tolerance + 1e-11:
        raise ConvergenceError(f"The trace of ρ is off by {off:.3g}: rounding has spoilt the solution")
    sectors = tuple(generator.packing.dims)
    return Exact(checked, model.labels, model.size, mean, second, sectors, weights, tolerance, model, state)


def _moments(found: Array, A: int) -> tuple[Array, Array, Array]:
    """Split what the generator's reader gives, (T, A + Q + S), into <m_a>, <½{m_a, m_b}> and weights of sectors."""
    mean, pairs, weights = np.split(found, [A, A + A * (A + 1) // 2], axis=1)
    return mean, from_pairs(pairs, A), weights


@dataclass(frozen=True, eq=False, repr=False)
class SteadyState(Labelled):
    """The steady state of a model. Averages are per block, (1/N_b) Σ_k.

    Attributes
    ----------
    labels : tuple of A strings "block.x"
    n_particles : int
        N, all particles.
    mean : (A,) array
    second : (A, A) array
        <½{m_a, m_b}>.
    sectors : tuple of S tuples of labels
    sector_weights : (S,) array
        Probability of each sector.
    residual : float
        ‖𝓛ρ‖ in the trace norm, relative to the norm of the generator.
    """

    labels: tuple[str, ...]
    n_particles: int
    mean: Array
    second: Array
    sectors: tuple[tuple[Label, ...], ...]
    sector_weights: Array
    residual: float

    def _title(self) -> str:
        return f"Steady state: N = {self.n_particles:,}, {counted(len(self.labels), 'average')}"

    def _lines(self) -> list[str]:
        lines = facts(
            ("averages", few(self.labels)),
            ("sectors", f"{len(self.sectors):,}"),
            ("residual", f"{self.residual:.1e}, of ‖𝓛ρ‖ in parts of the norm of 𝓛"),
        )
        lines += _moments_at_end(self, "average", self.mean, self.second)
        return lines + more(f'["{self.labels[0]}"].mean, .mean, .second, .covariance, .sector_weights')

    @cached_property
    def covariance(self) -> Array:
        """(A, A) N (<½{m_a, m_b}> - <m_a><m_b>)."""
        return self.n_particles * (self.second - np.outer(self.mean, self.mean))


def steady_state(model: Model, state: State | None = None, *, memory: float = 4.0) -> SteadyState:
    """Find the unique steady state by sparse linear algebra, for small sizes (N = 60 with one two-level block).

    Parameters
    ----------
    model : Model
    state : State, optional
        Look only at the sectors that this start comes to: a collective jump alone keeps every sector, and the steady
        state is unique within one.
    memory : float
        GiB that may be used.

    Returns
    -------
    SteadyState

    Raises
    ------
    ArgumentError
        Before work starts, if the state does not fit or the model needs more memory.
    UnsupportedError
        If the steady state is not unique (a dark state beside others, a conserved quantity), or is not to the
        precision of the numbers.
    ConvergenceError
        If what is found is no state.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=20, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> steady, (point,) = cj.steady_state(model), cj.attractors.fixed_points(model)
    >>> print(steady["spins.z"].mean.round(6), point["spins.z"].mean.round(6))  # the same without correlations
    0.12605 0.12605
    """
    check_model(model)
    memory = checks.number("memory", memory, 0)
    if state is not None:
        check_start(model, state)
    check_unknowns(model, None if state is None else state.blocks, memory)
    if state is None:
        occupied = [sector_labels(block) for block in model.blocks]
    else:
        occupied = [occupied_labels(block, own) for block, own in zip(model.blocks, state.blocks, strict=True)]
    with threadpool_limits(1):
        generator = Generator(model, occupied, memory=memory, whole=True)
        packing, L = generator.packing, generator.matrix
        scale = float(abs(L).sum(axis=0).max()) or 1.0
        vector, count = _kernel(L / scale)
    if count > 1:
        still = {b.name for b in model.blocks} - model.sectors_left
        kept = f"; without local jumps on {', '.join(map(repr, sorted(still)))} no sector is ever left" if still else ""
        raise UnsupportedError(
            f"The steady state is not unique: the generator has {count} or more vanishing eigenvalues, as dark states "
            f"or conserved quantities give{kept}"
        )
    blocks = packing.unpack(vector)
    trace = sum(float(np.trace(rho).real) for rho in blocks.values())
    vector = vector / trace
    lowest = min(float(np.linalg.eigvalsh(rho / trace)[0]) for rho in blocks.values())
    residual = packing.norm(L @ vector) / scale
    if not (lowest > -_NO_STATE and residual < _NO_STATE):
        raise ConvergenceError(
            f"No steady state was found: the candidate has an eigenvalue {lowest:.3g} and a residual {residual:.3g}"
        )
    mean, second, weights = _moments((generator.expectations() @ vector)[None, :], len(model.labels))
    sectors = tuple(packing.dims)
    return SteadyState(model.labels, model.size, mean[0], second[0], sectors, weights[0], residual)


def _kernel(L: csr_array) -> tuple[Array, int]:
    """A null vector of a generator of norm 1, and how many vanishing eigenvalues there are (up to four are seen).

    Inverse iteration with several vectors at once: (s - 𝓛)⁻¹ exists for s > 0 and enlarges what decays slower than s.
    A block finds a degenerate kernel, which a single vector does not.
    """
    n = L.shape[0]
    inverse = splu((_SHIFT * eye_array(n) - L).tocsc())
    vectors = np.random.default_rng(0).normal(size=(n, min(n, 4)))
    for _ in range(8):
        vectors = np.linalg.qr(inverse.solve(vectors))[0]
    values, mixtures = np.linalg.eig(vectors.T @ (L @ vectors))
    order = np.argsort(np.abs(values))
    null = mixtures[:, order[0]]
    null = null / null[np.argmax(np.abs(null))]
    return vectors @ null.real, int(np.sum(np.abs(values) < _VANISHING))


def _evolve(
    derivative: Callable[[Array], Array],
    start: Array,
    times: Array,
    *,
    norm: Callable[[Array], float],
    tolerance: float,
    most: float = np.inf,
) -> list[Array]:
    """e^{𝓛t} ρ at the times, by Taylor steps whose remainder is bounded.

    With v_k = (h𝓛)^k ρ/k! the remainder after v_{K-1} is ∫ e^{𝓛(h-s)} .. ds, and e^{𝓛t} contracts the trace norm of
    Hermitian matrices, so the error of the step is at most ‖v_K‖_1. Each step may spend the share h/t of the tolerance.
    A step whose terms become too large is made shorter until they do not; what all steps will cost is known after the
    first one, and refused if it is more than ``most`` derivatives.
    """
    found = [start] if times[0] == 0 else []
    end, t, y = float(times[-1]), 0.0, start
    longest = end
    asked, clock = 0, perf_counter()
    while len(found) < len(times):
        size = norm(y)
        due = times[len(found) : len(found) + _AT_ONCE]
        h = min(longest, float(due[-1]) - t)
        after = float(due[-1]) if h < longest else min(t + h, float(due[-1]))
        inside = due[due < after]
        allowed = tolerance * (h / end)
        term, total, partial = y, y, [y] * len(inside)
        largest, bound, k = size, np.inf, 0
        with np.errstate(over="ignore", invalid="ignore"):  # a step that is far too long overflows, and is made shorter
            for k in range(1, _TERMS + 1):
                term = derivative(term) * (h / k)
                bound = norm(term)
                largest = max(largest, bound)
                if not largest <= _LARGEST[1] * size:
                    break
                total = total + term
                partial = [p + term * ((s - t) / h) ** k for p, s in zip(partial, inside, strict=True)]
                if bound <= allowed:
                    break
        asked += k
        if not (bound <= allowed and largest <= _LARGEST[1] * size):
            longest = h / 2
            if t + longest == t:
                raise ConvergenceError(f"The master equation could not be integrated beyond t = {t:g}")
            continue
        needed = asked + k * ((end - after) / h)
        if h == longest and needed > most:
            hours = (perf_counter() - clock) / asked * needed / 3600
            raise ConvergenceError(
                f"The master equation to t = {end:g} would apply its generator {needed:.2g} times, some {hours:.2g} "
                f"hours here, in steps of {h:.2g} that its largest energies and rates need: `applications` = "
                f"{most:.2g} are allowed"
            )
        found += partial
        if after == due[len(inside)]:
            found.append(total)
        t, y = after, total
        # the largest term goes as e^{h‖𝓛‖}: as long a step as the digits allow
        reach = h * float(np.clip(1 + 0.2 * np.log(_LARGEST[0] * size / largest), 0.5, 2))
        longest = reach if h == longest else max(longest, reach)
    return found
