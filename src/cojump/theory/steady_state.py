"""The steady state of a model, exactly: the kernel of the generator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from ..basis.distribution import Distribution
from ..basis.fock_space import FockSpace
from ..basis.particle_removal import Label
from ..basis.sector_densities import occupied_labels
from ..basis.sectors import sector_labels
from ..errors import ConvergenceError, UnsupportedError
from ..model import Model
from ..model.collective_average import CollectiveAverage, average_of, emitted
from ..model.driven import refuse_driven
from ..model.model import check_model, check_not_frozen
from ..model.spin_squeezing import Squeezing, squeezing_from
from ..model.states import State, check_start
from ..tools import checks
from ..tools.labelled import Labelled
from ..tools.summaries import counted, facts, few, more
from ..tools.types import Array
from .evolution import Limits
from .exact_moments import Photons, moments_at_end, moments_of, photons_of
from .final_density import FinalDensity, described_method, distribution_of_quanta
from .fock_growth import Edge, grown, spaces_at_rest
from .generator import check_unknowns
from .populations import Populations, checked_method, populations_for
from .regression import Regression, regression_from
from .sector_states import SectorStates
from .stationary_vector import SAME, not_unique, stationary_vector
from .two_time import Coincidences, TwoTime, check_taus

LOST = 1e-10
"""What a steady state may lose beyond the Fock states of a mode per unit of time of the fastest energy or rate."""

_NO_STATE = 1e-9
"""A negative eigenvalue or a residual beyond this is not rounding."""


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
    error : float
        An estimate of the error of ρ in the trace norm, hence of every average: the residual divided by the slowest
        decay, or the distance between what two random starts come to.
    fock : mapping of str to int
        How many Fock states of each mode were kept, counted from a displaced vacuum.
    model : Model
    final : FinalDensity
        The density matrix, which a master equation can go on from.
    """

    labels: tuple[str, ...]
    n_particles: int
    mean: Array
    second: Array
    sectors: tuple[tuple[Label, ...], ...]
    sector_weights: Array
    residual: float
    error: float
    fock: dict[str, int]
    model: Model
    _photons: Array
    final: FinalDensity

    @property
    def method(self) -> str:
        """How it was found: from "populations" alone, as nothing couples them to coherences, or "full"."""
        return "populations" if self.final.diagonal else "full"

    @property
    def known_densities(self) -> tuple[FinalDensity, ...]:
        """The one density matrix."""
        return (self.final,)

    def distribution(self, average: str | Mapping[str, ArrayLike]) -> Distribution:
        """Distribution of the sum Σ_k X^(k) over one block in the steady state.

        See ``master_equation(...).distribution``.

        Examples
        --------
        >>> steady = cj.steady_state(cj.systems.free_flips(size=3, omega=0.0, rate_up=1.0, rate_down=1.0))
        >>> print(steady.distribution({"spins": cj.operators.sigma_z / 2}).probability.round(4))
        [[0.125 0.375 0.375 0.125]]
        """
        M, probability = self.final.distribution(average)
        return Distribution(np.array([np.inf]), M, probability[None], np.zeros((1, len(M))))

    def photon_distribution(self, mode: str) -> Distribution:
        """P(n) of the quanta n = a†a of a mode, exactly in the steady state.

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
        >>> model = cj.Model([cj.Mode("light")], jumps=[cj.ModeLoss(1.0, mode="light", thermal=1.0)])
        >>> print(cj.steady_state(model).photon_distribution("light").probability[0, :3].round(4))
        [0.5   0.25  0.125]
        """
        return distribution_of_quanta([self.final], mode)

    def two_time(
        self,
        taus: ArrayLike,
        a: str | Mapping[str, ArrayLike],
        b: str | Mapping[str, ArrayLike],
        *,
        tolerance: float = 1e-10,
        memory: float = 4.0,
        applications: float = 1e7,
    ) -> TwoTime:
        """<A(τ) B(0)> of two averages in the steady state, exactly, by the regression theorem.

        Parameters
        ----------
        taus, a, b, memory, applications
            As for ``master_equation(...).two_time``.
        tolerance : float
            Bound on the error in the trace norm, of what evolves.

        Returns
        -------
        TwoTime

        Raises
        ------
        ArgumentError, ConvergenceError
            As :func:`cojump.master_equation`.

        Examples
        --------
        >>> model = cj.systems.free_flips(size=20, omega=0.0, rate_up=1.3, rate_down=0.8)
        >>> z, taus = {"spins": cj.operators.sigma_z}, np.array([0, 0.5, 1])
        >>> found = cj.steady_state(model).two_time(taus, z, z).connected
        >>> m = 0.5 / 2.1  # each spin by itself
        >>> print(found.real.round(6), ((1 - m**2) * np.exp(-2.1 * taus)).round(6))
        [0.943311 0.330098 0.115514] [0.943311 0.330098 0.115514]
        """
        checked = check_taus(taus)
        first, second = average_of(self.model, "a", a), average_of(self.model, "b", b)
        return self._regression(tolerance, memory, applications, first, second).two_time(checked, first, second)

    def g2(
        self,
        taus: ArrayLike,
        of: str | int | Mapping[str, ArrayLike],
        *,
        tolerance: float = 1e-10,
        memory: float = 4.0,
        applications: float = 1e7,
    ) -> Coincidences:
        """g²(τ) in the steady state of the quanta of a mode or of the jumps of a collective jump.

        Parameters
        ----------
        taus, of
            As for ``master_equation(...).g2``.
        tolerance, memory, applications
            As for :meth:`two_time`.

        Returns
        -------
        Coincidences

        Raises
        ------
        ArgumentError, UnsupportedError, ConvergenceError
            As there.

        Examples
        --------
        Thermal light comes in bunches of the length 1/κ.

        >>> jumps = [cj.ModeLoss(1.0, mode="c", thermal=0.3), cj.LocalJump(cj.operators.sigma_minus, "atom")]
        >>> model = cj.Model([cj.Block("atom", 1), cj.Mode("c")], [], jumps)
        >>> print(cj.steady_state(model).g2([0, 1, 2], "c").mean.round(6), (1 + np.exp([0, -1, -2])).round(6))
        [2.       1.367879 1.135335] [2.       1.367879 1.135335]
        """
        checked = check_taus(taus)
        c = emitted(self.model, of)
        return self._regression(tolerance, memory, applications, c, pairs=True).coincidences(checked, c)

    def _regression(
        self, tolerance: Any, memory: Any, applications: Any, *acting: CollectiveAverage, pairs: bool = False
    ) -> Regression:
        limits = Limits(
            checks.number("tolerance", tolerance, 1e-12, 1e-2),
            checks.number("memory", memory, 0),
            checks.number("applications", applications, 1),
        )
        return regression_from(self.model, self.final, None, limits, *acting, pairs=pairs)

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
            ``mean`` (n,).

        Raises
        ------
        ArgumentError
            If a block has not two levels, or an argument breaks a rule.
        """
        return squeezing_from(self.model, self.mean, self.covariance, sums, kind)

    @property
    def photons(self) -> Photons:
        """<a†a>/N of each mode by its name; ArgumentError if there is none."""
        return photons_of(self.model, np.zeros(0), self._photons)

    def _title(self) -> str:
        return f"Steady state: N = {self.n_particles:,}, {counted(len(self.labels), 'average')}"

    def _lines(self) -> list[str]:
        lines = facts(
            ("averages", few(self.labels)),
            ("sectors", f"{len(self.sectors):,}"),
            ("method", described_method(self.final)),
            ("modes", ", ".join(f"{name}: {size:,} Fock states" for name, size in self.fock.items())),
            ("residual", f"{self.residual:.1e}, of ‖𝓛ρ‖ in parts of the norm of 𝓛"),
            ("error", f"{self.error:.1e}, estimated, in the trace norm of ρ"),
        )
        lines += moments_at_end(self.labels, self.n_particles, "average", self.mean, self.second)
        return lines + more(f'["{self.labels[0]}"].mean, .mean, .second, .covariance, .sector_weights, .two_time, .g2')

    @cached_property
    def covariance(self) -> Array:
        """(A, A) N (<½{m_a, m_b}> - <m_a><m_b>)."""
        return self.n_particles * (self.second - np.outer(self.mean, self.mean))


def steady_state(
    model: Model,
    state: State | None = None,
    *,
    memory: float = 4.0,
    method: str = "auto",
    progress: bool = False,
) -> SteadyState:
    """Find the steady state of all N particles, exactly: the unique one, or the one that a start comes to.

    Small generators (sparse factors of less than 64 MiB: N = 32 with one two-level block), and those of a single sector
    of two levels, are factorised; so are those that fall into small parts which nothing couples (a conserved number of
    excitations keeps coherences of different orders apart). Larger ones are left to a Krylov iteration that inverts all
    but the jumps and takes 1.4 kB for each unknown; where it does not converge, they are factorised too if the memory
    is enough.

    Of each mode more and more Fock states are kept, until what the steady state would lose beyond them is below 1e-10
    in the trace norm, in a unit of time of the fastest energy or rate. A mode that nothing damps has no end: it is
    refused when the memory is full.

    Parameters
    ----------
    model : Model
    state : State, optional
        Look only at the sectors that this start comes to: a collective jump alone keeps every sector, and the steady
        state is unique within one. Where it still is not (dark states, strong symmetries) it is the limit of ρ(t) from
        this start, or its long-time average where coherences turn for ever; :func:`cojump.spectrum.stationary` has all
        steady states.
    memory : float
        GiB that may be used. One block of N two-level particles has C(N+3, 3) unknowns.
    method : str
        "populations", "full" or "auto", as for :func:`cojump.master_equation`. Populations alone are factorised, of a
        thousand particles and more.
    progress : bool
        Show the progress of the iteration on stderr.

    Returns
    -------
    SteadyState

    Raises
    ------
    ArgumentError
        Before work starts, if the state does not fit or the model needs more memory.
    UnsupportedError
        If the steady state is not unique (a dark state beside others, a conserved quantity), or is not to the
        precision of the numbers, and no start is given, or modes or the memory stand against finding its limit.
    ConvergenceError
        If the iteration does not come to an end, or what is found is no state.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=20, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> steady, (point,) = cj.steady_state(model), cj.attractors.fixed_points(model)
    >>> print(steady["spins.z"].mean.round(6), point["spins.z"].mean.round(6))  # the same without correlations
    0.12605 0.12605

    A laser without a cavity to speak of, of 500 atoms that are pumped one by one:

    >>> down, up = cj.operators.sigma_minus, cj.operators.sigma_plus
    >>> jumps = [cj.CollectiveJump({"atoms": down}, rate=1.0), cj.LocalJump(np.sqrt(0.5) * up, "atoms")]
    >>> steady = cj.steady_state(cj.Model([cj.Block("atoms", size=500)], jumps=jumps))
    >>> print(steady.method, steady["atoms.z"].mean.round(3))
    populations 0.502
    """
    check_model(model)
    refuse_driven(model, "There are steady states")
    check_not_frozen(model)
    memory = checks.number("memory", memory, 0)
    progress = checks.boolean("progress", progress)
    if state is not None:
        check_start(model, state)
    spaces = spaces_at_rest(model)
    starts = None if state is None else [state]
    chosen = populations_for(model, checked_method(method), starts, memory, factors=True)
    if chosen is not None:
        with threadpool_limits(1):
            return _of_populations(model, chosen, state)
    check_unknowns(model, starts, memory, spaces=spaces)  # before so much as the sectors are listed
    if state is None:
        occupied = [sector_labels(block) for block in model.blocks]
    else:
        occupied = [occupied_labels(block, own) for block, own in zip(model.blocks, state.blocks, strict=True)]
    while True:
        check_unknowns(model, starts, memory, spaces=spaces)
        generator, vector, error = stationary_vector(model, state, occupied, spaces, memory, progress)
        lost = Edge(model, spaces, generator.packing, generator.dims).losses(vector)
        modes = [m for m, loss in enumerate(lost) if loss > LOST * (model.fastest or 1.0)]
        if not modes:
            break
        spaces = grown(spaces, modes)
    return described(model, generator, spaces, vector, error)


def described(
    model: Model, generator: SectorStates, spaces: Sequence[FockSpace], vector: Array, error: float
) -> SteadyState:
    """What there is to say of a packed stationary state of trace 1; ConvergenceError if it is none."""
    packing = generator.packing
    lowest = min(float(packing.spectrum(vector, labels)[0].min()) for labels in packing.dims)
    residual = packing.norm(generator(vector)) / (generator.norm or 1.0)
    if not (lowest > -_NO_STATE and residual < _NO_STATE):
        raise ConvergenceError(
            f"No steady state was found: the candidate has an eigenvalue {lowest:.3g} and a residual {residual:.3g}"
        )
    found = (generator.expectations() @ vector)[None, :]
    mean, second, weights, photons = moments_of(found, len(model.labels), len(model.modes))
    fock = {name: space.size for name, space in zip(model.mode_names, spaces, strict=True)}
    sectors = tuple(packing.dims)
    return SteadyState(
        model.labels,
        model.size,
        mean[0],
        second[0],
        sectors,
        weights[0],
        residual,
        error,
        fock,
        model,
        photons[0],
        generator.reached(vector, np.inf),
    )


def _of_populations(model: Model, generator: Populations, state: State | None) -> SteadyState:
    classes = generator.closed_classes()
    if len(classes) == 1:
        vector, error = generator.stationary(classes[0])
    elif state is None:
        raise not_unique(model, len(classes))
    else:
        vector, error = generator.long_time(generator.start(state))
    if not 0 <= error < SAME:  # rounding has made it singular, or nearly so
        raise UnsupportedError(
            "The steady state is not unique to the precision of the numbers: it has phases that are hardly ever left"
        )
    return described(model, generator, (), vector, error)
