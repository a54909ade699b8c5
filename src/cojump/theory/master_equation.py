"""The exact master equation in the block-permutation basis: no sampling, the yardstick for everything else.

An exchangeable state is ρ = ⊕_λ ρ_λ ⊗ 1/f_λ, so C(N+3, 3) real numbers for one block of two levels, not 4^N. It shares
the model, the states and the basis with the trajectories and nothing of their tables, frames or kernels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from ..basis.particle_removal import Label
from ..basis.sector_densities import block_densities, occupied_labels
from ..errors import ConvergenceError
from ..model import Model
from ..model.states import State, check_start
from ..tools import checks
from ..tools.checks import check_times
from ..tools.progress import Percentage
from ..tools.summaries import counted, facts, few, more, span
from ..tools.types import Array
from .exact_moments import ExactMoments, moments_at_end, moments_of, order_parameters_of
from .generator import Generator, check_unknowns
from .taylor_steps import evolve


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
        lines += moments_at_end(
            self.labels, self.n_particles, f"at t = {self.times[-1]:g}", self.mean[-1], self.second[-1]
        )
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
        return order_parameters_of(self, self.model)


def master_equation(
    model: Model,
    state: State,
    times: ArrayLike,
    *,
    tolerance: float = 1e-10,
    memory: float = 4.0,
    applications: float = 1e7,
    progress: bool = False,
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
        GiB that may be used. One block of N two-level particles has C(N+3, 3) unknowns. Where the matrix of the
        generator does not fit, it is applied without one: 80 bytes for each unknown are enough.
    applications : float
        How often the generator 𝓛 may be applied to ρ. Some 6 ‖𝓛‖t times are needed (for a single block ‖𝓛‖ is about N
        times the largest energy or rate), which is much for fast oscillations or fast rates over a long time. A model
        that needs more is refused after the first step, with its cost.
    progress : bool
        Show on stderr which share of the time is done, and how long the rest takes.

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
    progress = checks.boolean("progress", progress)
    check_start(model, state)
    check_unknowns(model, state.blocks, memory)
    pairs = list(zip(model.blocks, state.blocks, strict=True))
    with threadpool_limits(1):  # the matrices are small: more threads only wait for each other
        generator = Generator(model, [occupied_labels(block, own) for block, own in pairs], memory=memory)
        start = generator.start([block_densities(block, own) for block, own in pairs])
        reader = generator.expectations()
        with Percentage(progress, "the time") as told:
            path = evolve(
                generator,
                start,
                checked,
                norm=generator.packing.norm,
                tolerance=tolerance,
                most=applications,
                at_once=min(generator.spare, 8),
                told=told,
            )
            found = np.array([reader @ y for y in path])
    mean, second, weights = moments_of(found, len(model.labels))
    off = float(np.abs(weights.sum(axis=1) - 1).max())
    if not off < tolerance + 1e-11:
        raise ConvergenceError(f"The trace of ρ is off by {off:.3g}: rounding has spoilt the solution")
    sectors = tuple(generator.packing.dims)
    return Exact(checked, model.labels, model.size, mean, second, sectors, weights, tolerance, model, state)
