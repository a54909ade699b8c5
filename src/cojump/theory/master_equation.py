"""The exact master equation in the block-permutation basis: no sampling, the yardstick for everything else.

An exchangeable state is ρ = ⊕_λ ρ_λ ⊗ 1/f_λ, so C(N+3, 3) real numbers for one block of two levels, not 4^N. It shares
the model, the states and the basis with the trajectories and nothing of their tables, frames or kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from ..basis.distribution import Distribution
from ..basis.fock_space import FockSpace
from ..basis.particle_removal import Label
from ..basis.sector_densities import block_densities, labels_of_any
from ..errors import ArgumentError, ConvergenceError
from ..model import Model
from ..model.collective_average import CollectiveAverage, average_of, emitted
from ..model.final_states import Final, FinalStates
from ..model.mixtures import Mixture, check_mixture, starts_of
from ..model.spin_squeezing import Squeezing, squeezing_from
from ..model.states import State
from ..tools import checks
from ..tools.checks import check_times
from ..tools.progress import Percentage
from ..tools.summaries import counted, facts, few, more, span
from ..tools.types import Array
from .evolution import Evolved, Limits, evolved, least_vectors
from .exact_moments import ExactMoments, Photons, moments_at_end, moments_of, order_parameters_of, photons_of
from .final_density import FinalDensity, density_of, described_method
from .fock_growth import spaces_for_path
from .generator import GIB, Generator, check_unknowns
from .populations import Populations, checked_method, populations_for
from .regression import Regression, regression_from
from .sector_states import SectorStates
from .two_time import Coincidences, TwoTime, check_span, check_taus

_Read = tuple[Array, FinalDensity | None]
_Reading = Callable[[SectorStates], Callable[[Array], _Read]]
"""What is read at the output times."""


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
    final : FinalDensity
        The density matrix at the last time, which another master equation can go on from.
    fock : mapping of str to int
        How many Fock states of each mode were kept in the end, counted from a displaced vacuum.
    """

    sectors: tuple[tuple[Label, ...], ...]
    sector_weights: Array
    tolerance: float
    model: Model
    state: State | Mixture | Final
    fock: dict[str, int]
    _photons: Array
    _end: FinalDensity
    _kept: tuple[FinalDensity, ...] = ()

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

    @property
    def densities(self) -> tuple[FinalDensity, ...]:
        """The density matrix at each output time, sector by sector, of a run with ``keep=True``.

        Raises
        ------
        ArgumentError
            If they were not kept.
        """
        if not self._kept:
            raise ArgumentError("densities", "be kept: give `keep=True`", "only that at the last time is, `final`")
        return self._kept

    @property
    def known_densities(self) -> tuple[FinalDensity, ...]:
        """The density matrices that there are: at all output times, or at the last one."""
        return self._kept or (self._end,)

    def distribution(self, average: str | Mapping[str, ArrayLike]) -> Distribution:
        """Distribution of the sum Σ_k X^(k) over one block, exactly: at the last time, or at all with ``keep=True``.

        Parameters
        ----------
        average : {block: matrix}
            X, Hermitian: ``{"spins": sigma_z / 2}`` for J_z, ``{"particles": projector(0, 3)}`` for the number of
            particles in level 0.

        Returns
        -------
        Distribution

        Raises
        ------
        ArgumentError
            If it is no average of one block, or the sum has too many values.

        Examples
        --------
        >>> model = cj.systems.free_flips(size=4, omega=0.0, rate_up=0.0, rate_down=1.0)
        >>> exact = cj.master_equation(model, cj.tilted(model, 0, 0), [0, np.log(2)], keep=True)
        >>> found = exact.distribution({"spins": cj.operators.sigma_z / 2})
        >>> print(found.M, found.probability.round(6) + 0.0)
        [-2. -1.  0.  1.  2.] [[0.     0.     0.     0.     1.    ]
         [0.0625 0.25   0.375  0.25   0.0625]]
        """
        states = self.known_densities
        rows = [state.distribution(average) for state in states]
        probability = np.array([row for _, row in rows])
        times = np.array([state.time for state in states])
        return Distribution(times, rows[0][0], probability, np.zeros_like(probability))

    @property
    def photons(self) -> Photons:
        """<a†a>/N of each mode by its name; ArgumentError if there is none."""
        return photons_of(self.model, self.times, self._photons)

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

    def squeezing(self, sums: Mapping[str, Mapping[str, float]] | None = None, *, kind: str = "wineland") -> Squeezing:
        """Spin squeezing ξ² of each block of two levels, or of weighted sums of blocks; below 1 is squeezed.

        Parameters
        ----------
        sums : mapping of str to {block: weight}, optional
            Sums S = Σ_b w_b S_b of the spins of blocks, by label; each block by itself if it is not given.
        kind : str
            "wineland", or "kitagawa_ueda": see :mod:`cojump.model.spin_squeezing`.

        Returns
        -------
        Squeezing
            ``mean`` (T, n).

        Raises
        ------
        ArgumentError
            If a block has not two levels, or an argument breaks a rule.

        Examples
        --------
        One-axis twisting, in closed form:

        >>> N, chi, t = 100, 0.1, 1.0
        >>> model = cj.systems.free_flips(N, omega=0.0, rate_up=0.0, rate_down=0.0, chi=chi)
        >>> exact = cj.master_equation(model, cj.tilted(model, np.pi / 2, 0), [t])
        >>> mu = 8 * chi * t / N  # of exp(-i mu S_z²/2)
        >>> A, B = 1 - np.cos(mu) ** (N - 2), 4 * np.sin(mu / 2) * np.cos(mu / 2) ** (N - 2)
        >>> V = 1 + (N - 1) / 4 * (A - np.hypot(A, B))
        >>> print(exact.squeezing(kind="kitagawa_ueda").mean.round(9), round(V, 9))
        [[0.455397843]] 0.455397843
        """
        return squeezing_from(self.model, self.mean, self.covariance, sums, kind)

    @cached_property
    def order(self) -> ExactMoments:
        """Moments of the order parameters of the model; ArgumentError if it has none."""
        return order_parameters_of(self, self.model)


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
    check_mixture(model, state, FinalStates, FinalDensity)
    before: FinalDensity | None = None
    starts: list[tuple[float, State]] = []
    if isinstance(state, FinalStates):
        if not state.states:
            raise ArgumentError("state", "have final states to go on from", "it has none")
        # the sectors of the mean of many states are as many as they are in: judged before that is made
        check_unknowns(model, [], memory, occupied=_labels_of(state))
        before = density_of(state)
    elif isinstance(state, FinalDensity):
        before = state
    else:
        assert isinstance(state, State | Mixture)
        starts = starts_of(state)
    chosen = populations_for(model, checked_method(method), before or [one for _, one in starts], memory)
    least, own = least_vectors(model.is_driven), [one for _, one in starts]
    if chosen is None:
        spaces = spaces_for_path(model, own, checked) if before is None else before.spaces
        check_unknowns(model, own, memory, least, spaces, None if before is None else before.occupied)
    with (
        threadpool_limits(1),  # the matrices are small: more threads only wait for each other
        Percentage(progress, "the time") as told,
    ):
        start, limits = starts if before is None else before, Limits(tolerance, memory, applications)
        reading = _reading(len(checked), memory, keep)
        if chosen is None:
            path = _solved(model, start, checked, spaces, limits, told, reading)
        else:
            path = evolved(chosen, (), _populations_of(chosen, start), checked, reading, limits, told)
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


def _labels_of(final: FinalStates) -> list[list[Label]]:
    """The labels of each block that occur."""
    found: list[dict[Label, None]] = [{} for _ in final.blocks]
    for state in final.states:
        for factor in state.factors:
            for b, label in zip(factor.blocks, factor.labels, strict=True):
                found[b][label] = None
    return [list(own) for own in found]


def _solved(
    model: Model,
    start: Sequence[tuple[float, State]] | FinalDensity,
    times: Array,
    spaces: Sequence[FockSpace],
    limits: Limits,
    told: Callable[[float], None],
    reading: _Reading,
) -> Evolved[_Read]:
    """What the generator's reader gives at the times, beside the state if it is kept, and the last step's generator."""
    if isinstance(start, FinalDensity):
        occupied = start.occupied
    else:
        occupied = [labels_of_any(block, [s.blocks[b] for _, s in start]) for b, block in enumerate(model.blocks)]
    generator = Generator(model, occupied, memory=limits.memory, least=least_vectors(model.is_driven), spaces=spaces)
    if isinstance(start, FinalDensity):
        vector = generator.taken_up(start)
    else:
        vector = np.zeros(generator.packing.size)
        for weight, one in start:
            own = [block_densities(block, part) for block, part in zip(model.blocks, one.blocks, strict=True)]
            vector += weight * generator.start(own, one.amplitudes)

    return evolved(generator, occupied, vector, times, reading, limits, told)


def _populations_of(generator: Populations, start: Sequence[tuple[float, State]] | FinalDensity) -> Array:
    if isinstance(start, FinalDensity):
        return generator.taken_up(start)
    return sum((weight * generator.start(one) for weight, one in start), np.zeros(generator.packing.size))


def _reading(n_times: int, memory: float, keep: bool) -> _Reading:
    """Reads moments off a state, and keeps it where that is asked for and fits."""

    def reading(generator: SectorStates) -> Callable[[Array], _Read]:
        needed = 8.0 * n_times * generator.packing.size / GIB
        if keep and needed > memory:
            found = f"{n_times:,} density matrices need {needed:,.1f} GiB"
            raise ArgumentError("keep", f"be of output times whose density matrices fit in {memory:g} GiB", found)
        matrix = generator.expectations()
        return lambda y: (matrix @ y, generator.reached(y.copy(), 0.0) if keep else None)

    return reading
