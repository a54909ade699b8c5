"""The exact master equation in the block-permutation basis: no sampling, the yardstick for everything else.

An exchangeable state is ρ = ⊕_λ ρ_λ ⊗ 1/f_λ, so C(N+3, 3) real numbers for one block of two levels, not 4^N. It shares
the model, the states and the basis with the trajectories and nothing of their tables, frames or kernels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from ..errors import ArgumentError, ConvergenceError
from ..model import Model
from ..model.collective_average import CollectiveAverage, average_of, emitted
from ..model.final_states import FinalStates
from ..model.mixtures import Mixture
from ..model.states import State
from ..tools import checks
from ..tools.checks import check_times
from ..tools.progress import Percentage
from ..tools.summaries import counted, facts, few, more, span
from ..tools.types import Array
from .evolution import Limits, evolved
from .exact_moments import moments_at_end, moments_of
from .final_density import FinalDensity, described_method
from .populations import Populations, checked_method, populations_for
from .regression import Regression, regression_from
from .solved import SolvedStates, Start, reading
from .two_time import Coincidences, TwoTime, check_span, check_taus


@dataclass(frozen=True, eq=False, repr=False)
class Exact(SolvedStates):
    """The solution of the master equation. Averages are per block, (1/N_b) Σ_k, as in the results of trajectories.

    Its attributes are those of :class:`cojump.theory.solved.SolvedStates`.
    """

    @property
    def method(self) -> str:
        """How it was solved: "populations", as nothing coupled them to coherences, or "full"."""
        return "populations" if self._end.diagonal else "full"

    def _title(self) -> str:
        return f"Exact solution: N = {self.n_particles:,}, {span(self.times)}, {counted(len(self.labels), 'average')}"

    def _lines(self) -> list[str]:
        lines = facts(
            ("averages", few(self.labels)),
            ("sectors", f"{len(self.sectors):,}"),
            ("method", described_method(self._end)),
            ("modes", ", ".join(f"{name}: {size:,} Fock states" for name, size in self.fock.items())),
            ("tolerance", f"{self.tolerance:g} in the trace norm of ρ, and so of each average"),
        )
        lines += moments_at_end(
            self.labels, self.n_particles, f"at t = {self.times[-1]:g}", self.mean[-1], self.second[-1]
        )
        return lines + more(
            f'["{self.labels[0]}"].mean, .mean, .second, .covariance, .deviation, .sector_weights, .distribution, '
            ".two_time, .g2"
        )

    @cached_property
    def deviation(self) -> Array:
        """(T,) E_N(t) = Σ_a w_a <(m_a - m̄_a)²>, summed over blocks in the orthonormal basis, (24).

        Raises
        ------
        ArgumentError
            If the start is a steady state, to which no mean field has led.
        ConvergenceError
            If the mean field m̄ cannot be integrated.
        """
        from .mean_field import reference

        off = self.mean - reference(self.model, self.state, self.times)
        variance = np.einsum("taa->ta", self.covariance) / self.n_particles
        return (variance + off**2) @ self.model.deviation_weights

    @cached_property
    def final(self) -> FinalDensity:
        """The density matrix at the last time; another master equation, of another model too, can go on from it."""
        from .mean_field import ends_of, paths

        try:
            return replace(self._end, reference=ends_of(paths(self.model, self.state, self.times[-1:])))
        except (ArgumentError, ConvergenceError):  # after a steady state, or where mean field cannot be followed
            return self._end

    def two_time(
        self,
        taus: ArrayLike,
        a: str | Mapping[str, ArrayLike],
        b: str | Mapping[str, ArrayLike],
        *,
        start: float = 0.0,
        memory: float = 4.0,
        applications: float = 1e7,
    ) -> TwoTime:
        """<A(s+τ) B(s)> of two averages, exactly, by the regression theorem.

        Parameters
        ----------
        taus : (T,) array
            Times τ, increasing, taus[0] ≥ 0.
        a, b : str, or mapping of str to (d_b, d_b) array
            A = Σ_b (1/N_b) Σ_{k in b} a_b^(k), and B; the matrices need not be Hermitian. A mode adds c_x x + c_y y,
            written "cavity": (c_x, c_y): (1, 1j) is a/√N. A text is the label of an average, "spins.z".
        start : float
            s; the state goes there from t = 0.
        memory, applications
            As for :func:`master_equation`; of each of the four ways to go.

        Returns
        -------
        TwoTime
            Its error is the tolerance times ‖A‖ ‖B‖, and a few times that.

        Raises
        ------
        ArgumentError, UnsupportedError, ConvergenceError
            As :func:`master_equation`.

        Examples
        --------
        >>> model = cj.systems.boundary_time_crystal(size=20, omega=0.4, kappa=1.0)
        >>> exact = cj.master_equation(model, cj.tilted(model, theta=1.1, phi=0.4), [0, 2])
        >>> z = {"spins": cj.operators.sigma_z}
        >>> found = exact.two_time([0, 0.5, 1], z, z, start=2.0)
        >>> print(found.mean.round(4))
        [0.8168+0.j     0.7994-0.0032j 0.7913-0.004j ]
        """
        checked = check_taus(taus)
        first, second = average_of(self.model, "a", a), average_of(self.model, "b", b)
        return self._regression(checked, start, memory, applications, first, second).two_time(checked, first, second)

    def g2(
        self,
        taus: ArrayLike,
        of: str | int | Mapping[str, ArrayLike],
        *,
        start: float = 0.0,
        memory: float = 4.0,
        applications: float = 1e7,
    ) -> Coincidences:
        """g²(τ) of the quanta of a mode or of the jumps of a collective jump, in normal and time order.

        Parameters
        ----------
        taus : (T,) array
            Times τ, increasing, taus[0] ≥ 0.
        of : str, int or mapping
            The name of a mode, the name of a collective jump or its place among ``model.jumps``, or c as an average,
            as in :meth:`two_time`.
        start, memory, applications
            As for :meth:`two_time`.

        Returns
        -------
        Coincidences

        Raises
        ------
        ArgumentError, UnsupportedError, ConvergenceError
            As :func:`master_equation`.

        Examples
        --------
        A driven atom: after a photon it is in its ground state.

        >>> model = cj.systems.boundary_time_crystal(size=1, omega=1.0, kappa=1.0)
        >>> exact = cj.master_equation(model, cj.tilted(model, theta=np.pi, phi=0), [0, 1])
        >>> print(exact.g2([0, 0.5, 1, 2], 0, start=30.0).mean.round(4))
        [0.     0.5679 1.3867 1.2225]
        """
        checked = check_taus(taus)
        c = emitted(self.model, of)
        return self._regression(checked, start, memory, applications, c, pairs=True).coincidences(checked, c)

    def _regression(
        self,
        taus: Array,
        start: Any,
        memory: Any,
        applications: Any,
        *acting: CollectiveAverage,
        pairs: bool = False,
    ) -> Regression:
        begun = check_span(start, taus)
        limits = Limits(
            self.tolerance, checks.number("memory", memory, 0), checks.number("applications", applications, 1)
        )
        assert isinstance(self.state, State | Mixture | FinalStates | FinalDensity)
        there = master_equation(
            self.model,
            self.state,
            [begun],
            tolerance=self.tolerance,
            memory=limits.memory,
            applications=limits.applications,
        )
        return regression_from(self.model, there._end, begun, limits, *acting, pairs=pairs)


def master_equation(
    model: Model,
    state: State | Mixture | FinalStates | FinalDensity,
    times: ArrayLike,
    *,
    tolerance: float = 1e-10,
    memory: float = 4.0,
    applications: float = 1e7,
    method: str = "auto",
    progress: bool = False,
    keep: bool = False,
) -> Exact:
    """Solve the master equation of all N particles, exactly up to a stated tolerance.

    Of each mode as many Fock states are kept as the tolerance needs, around a coherent state in the middle of where
    mean field goes: what is lost beyond them is bounded step by step, and more are taken where the bound comes to half
    of the tolerance (``fock`` has their number).

    Parameters
    ----------
    model : Model
    state : State, Mixture, or the end of another run
        The state at t = 0. ``exact.final`` of another solution, ``steady.final`` of a steady state, or the mean of the
        final states ``result.final`` of trajectories, of the same blocks and modes: what changes between is a quench.
        Times begin at 0 again.
    times : (T,) array
        Increasing, times[0] ≥ 0.
    tolerance : float
        Bound on the error of ρ(t) in the trace norm, hence on that of every average, at every time; between 1e-12
        and 0.01. Rounding comes on top, some 1e-13. With modes the tails beyond their Fock states are in it.
    memory : float
        GiB that may be used. One block of N two-level particles has C(N+3, 3) unknowns. Where the matrix of the
        generator does not fit, it is applied without one: 80 bytes for each unknown are enough.
    applications : float
        How often the generator 𝓛 may be applied to ρ. Some 6 ‖𝓛‖t times are needed (for a single block ‖𝓛‖ is about N
        times the largest energy or rate), which is much for fast oscillations or fast rates over a long time. A model
        that needs more is refused after the first step, with its cost.
    method : str
        "populations" evolves the populations of the states |J, M> alone, some N²/4 numbers for a block of two levels in
        place of N³/6: thousands of particles. It needs a Hamiltonian, rates and a start that are diagonal in one basis
        of one particle, and jumps that are diagonal or ladders (σ_-) in it. "full" does without. "auto" takes
        populations where that holds; ``method`` of the result says which it was.
    progress : bool
        Show on stderr which share of the time is done, and how long the rest takes.
    keep : bool
        Keep the density matrix at every output time (``exact.densities``), 8 bytes for each unknown and time.

    Returns
    -------
    Exact

    Raises
    ------
    ArgumentError
        Before work starts, if an argument breaks a rule or the model needs more memory; with modes also later, when
        their Fock states need more.
    UnsupportedError
        If the basis does not hold the number of levels of a block, or populations are asked for and coupled to
        coherences.
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

    Superradiance of 1000 atoms, as populations alone:

    >>> decay = cj.CollectiveJump({"atoms": cj.operators.sigma_minus}, rate=1.0)
    >>> model = cj.Model([cj.Block("atoms", size=1000)], jumps=[decay])
    >>> exact = cj.master_equation(model, cj.tilted(model, 0, 0), [0, 5, 10])
    >>> print(exact.method, exact["atoms.z"].mean.round(4))
    populations [ 1.      0.7659 -0.7575]
    """
    checked = check_times(times)
    tolerance = checks.number("tolerance", tolerance, 1e-12, 1e-2)
    memory = checks.number("memory", memory, 0)
    applications = checks.number("applications", applications, 1)
    progress, keep = checks.boolean("progress", progress), checks.boolean("keep", keep)
    start = Start.given(model, state, memory)
    chosen = populations_for(model, checked_method(method), start.before or start.own, memory)
    spaces = start.spaces(checked, memory) if chosen is None else ()
    with (
        threadpool_limits(1),  # the matrices are small: more threads only wait for each other
        Percentage(progress, "the time") as told,
    ):
        limits, read = Limits(tolerance, memory, applications), reading(len(checked), memory, keep)
        if chosen is None:
            path = evolved(*start.packed(spaces, memory), checked, read, limits, told)
        else:
            path = evolved(chosen, (), _populations_of(chosen, start), checked, read, limits, told)
    generator = path.generator
    found = np.array([row for row, _ in path.found])
    mean, second, weights, photons = moments_of(found, len(model.labels), len(model.modes))
    off = float(np.abs(weights.sum(axis=1) - 1).max())
    if not off < tolerance + 1e-11:
        raise ConvergenceError(f"The trace of ρ is off by {off:.3g}: rounding has spoilt the solution")
    sectors = tuple(generator.packing.dims)
    fock = {name: space.size for name, space in zip(model.mode_names, generator.spaces, strict=True)}
    last = generator.reached(np.array(path.vector), float(checked[-1]))
    kept = tuple(replace(s, time=float(t)) for (_, s), t in zip(path.found, checked, strict=True) if s is not None)
    measured = checked, model.labels, model.size, mean, second
    return Exact(*measured, sectors, weights, tolerance, model, state, fock, photons, last, kept)


def _populations_of(generator: Populations, start: Start) -> Array:
    if start.before is not None:
        return generator.taken_up(start.before)
    return sum((weight * generator.start(one) for weight, one in start.states), np.zeros(generator.packing.size))


def unknowns(model: Model, state: State | Mixture | FinalStates, end: float, memory: float = 4.0) -> int:
    """How many numbers the exact solution up to a time has; refused as by :func:`master_equation`, before any work."""
    start = Start.given(model, state, memory)
    chosen = populations_for(model, "auto", start.before or start.own, memory)
    return start.unknowns(np.array([end]), memory) if chosen is None else chosen.packing.size
