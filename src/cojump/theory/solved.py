"""What all solutions in the basis of the exact master equation have in common: where they begin, and what is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ..basis.distribution import Distribution
from ..basis.fock_space import FockSpace
from ..basis.particle_removal import Label
from ..basis.sector_densities import block_densities, labels_of_any
from ..errors import ArgumentError
from ..model import Model
from ..model.final_states import Final, FinalStates
from ..model.mixtures import Mixture, check_mixture, starts_of
from ..model.spin_squeezing import Squeezing, squeezing_from
from ..model.states import State
from ..tools.types import Array
from .evolution import least_vectors
from .exact_moments import ExactMoments, Photons, order_parameters_of, photons_of
from .final_density import FinalDensity, density_of, distribution_of_quanta
from .fock_growth import spaces_for_path
from .generator import GIB, Generator, check_unknowns
from .sector_states import SectorStates

Read = tuple[Array, FinalDensity | None]
Reading = Callable[[SectorStates], Callable[[Array], Read]]
"""What is read at the output times."""


@dataclass(frozen=True, eq=False, repr=False)
class SolvedStates(ExactMoments):
    """Density matrices of a model at T times, and their averages "block.x", per block: (1/N_b) Σ_k.

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

    def photon_distribution(self, mode: str) -> Distribution:
        """P(n) of the quanta n = a†a of a mode, exactly: at the last time, or at all with ``keep=True``.

        Parameters
        ----------
        mode : str
            Its name.

        Returns
        -------
        Distribution
            ``M`` are the numbers of quanta.

        Raises
        ------
        ArgumentError
            If there is no such mode, or 4,096 Fock states do not hold it.

        Examples
        --------
        >>> model = cj.systems.dicke(size=2, omega_atom=1.0, omega_mode=1.0, coupling=0.0, kappa=1.0)
        >>> start = cj.tilted(model, np.pi, 0, modes={"cavity": 1.0})  # two photons on average, then 2/e
        >>> found = cj.master_equation(model, start, [0, 1.0], keep=True).photon_distribution("cavity")
        >>> print(found.probability[:, :4].round(4), (found.probability @ found.M).round(6))
        [[0.1353 0.2707 0.2707 0.1804]
         [0.4791 0.3525 0.1297 0.0318]] [2.       0.735759]
        """
        return distribution_of_quanta(self.known_densities, mode)

    @property
    def photons(self) -> Photons:
        """<a†a>/N of each mode by its name; ArgumentError if there is none."""
        return photons_of(self.model, self.times, self._photons)

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


@dataclass(frozen=True, eq=False)
class Start:
    """Where a solution begins.

    Attributes
    ----------
    model : Model
    before : FinalDensity or None
        The end of another run.
    states : list of (weight, State)
        The states that it is a mixture of, where there is no run before it.
    """

    model: Model
    before: FinalDensity | None
    states: list[tuple[float, State]]

    @classmethod
    def given(cls, model: Model, state: object, memory: float) -> Start:
        """As the user gives it; ArgumentError if it is no start of this model."""
        check_mixture(model, state, FinalStates, FinalDensity)
        if isinstance(state, FinalStates):
            if not state.states:
                raise ArgumentError("state", "have final states to go on from", "it has none")
            # the sectors of the mean of many states are as many as they are in: judged before that is made
            check_unknowns(model, [], memory, occupied=_labels_of(state))
            return cls(model, density_of(state), [])
        if isinstance(state, FinalDensity):
            return cls(model, state, [])
        assert isinstance(state, State | Mixture)
        return cls(model, None, starts_of(state))

    @property
    def own(self) -> list[State]:
        """The states without their weights."""
        return [one for _, one in self.states]

    def spaces(self, times: Array, memory: float) -> Sequence[FockSpace]:
        """The Fock spaces to begin with; ArgumentError if the unknowns do not fit into the memory."""
        return self._judged(times, memory)[0]

    def unknowns(self, times: Array, memory: float) -> int:
        """How many there are; refused as ``spaces``."""
        return self._judged(times, memory)[1]

    def _judged(self, times: Array, memory: float) -> tuple[Sequence[FockSpace], int]:
        before = self.before
        spaces = spaces_for_path(self.model, self.own, times) if before is None else before.spaces
        least, occupied = least_vectors(self.model.is_driven), None if before is None else before.occupied
        return spaces, check_unknowns(self.model, self.own, memory, least, spaces, occupied)

    def packed(self, spaces: Sequence[FockSpace], memory: float) -> tuple[Generator, Sequence[Sequence[Label]], Array]:
        """The generator, the sectors that it was made for, and the packed vector of the start."""
        model, before = self.model, self.before
        if before is not None:
            occupied = before.occupied
        else:
            occupied = [labels_of_any(block, [s.blocks[b] for s in self.own]) for b, block in enumerate(model.blocks)]
        generator = Generator(model, occupied, memory=memory, least=least_vectors(model.is_driven), spaces=spaces)
        if before is not None:
            return generator, occupied, generator.taken_up(before)
        vector = np.zeros(generator.packing.size)
        for weight, one in self.states:
            own = [block_densities(block, part) for block, part in zip(model.blocks, one.blocks, strict=True)]
            vector += weight * generator.start(own, one.amplitudes)
        return generator, occupied, vector


def _labels_of(final: FinalStates) -> list[list[Label]]:
    """The labels of each block that occur."""
    found: list[dict[Label, None]] = [{} for _ in final.blocks]
    for state in final.states:
        for factor in state.factors:
            for b, label in zip(factor.blocks, factor.labels, strict=True):
                found[b][label] = None
    return [list(own) for own in found]


def reading(n_times: int, memory: float, keep: bool) -> Reading:
    """Reads moments off a state, and keeps it where that is asked for and fits."""

    def of(generator: SectorStates) -> Callable[[Array], Read]:
        needed = 8.0 * n_times * generator.packing.size / GIB
        if keep and needed > memory:
            found = f"{n_times:,} density matrices need {needed:,.1f} GiB"
            raise ArgumentError("keep", f"be of output times whose density matrices fit in {memory:g} GiB", found)
        matrix = generator.expectations()
        return lambda y: (matrix @ y, generator.reached(y.copy(), 0.0) if keep else None)

    return of
