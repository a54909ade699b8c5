"""The steady state of a model, exactly: the kernel of the generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import splu
from threadpoolctl import threadpool_limits

from ..basis.distribution import Distribution
from ..basis.fock_space import FockSpace
from ..basis.particle_removal import Label
from ..basis.sector_densities import block_densities, occupied_labels
from ..basis.sectors import sector_labels
from ..errors import ConvergenceError, UnsupportedError
from ..model import Model
from ..model.collective_average import CollectiveAverage, average_of, emitted
from ..model.driven import refuse_driven
from ..model.model import check_model
from ..model.spin_squeezing import Squeezing, squeezing_from
from ..model.states import State, check_start
from ..tools import checks
from ..tools.labelled import Labelled
from ..tools.progress import Percentage
from ..tools.summaries import counted, facts, few, more
from ..tools.types import Array
from .evolution import Limits
from .exact_moments import Photons, moments_at_end, moments_of, photons_of
from .final_density import FinalDensity, described_method, distribution_of_quanta
from .fock_growth import Edge, grown, spaces_at_rest
from .generator import ENTRY, GIB, Generator, check_unknowns, entries_in_one_frame, reached_labels, unknowns_of
from .invariant_parts import arranged, parts_of
from .kernel import kernel_of
from .no_jump_inverse import VECTORS, NoJumpInverse, null_vector
from .populations import Populations, checked_method, populations_for
from .regression import Regression, regression_from
from .sector_states import SectorStates
from .two_time import Coincidences, TwoTime, check_taus

_SHIFT, _VANISHING = 1e-9, 1e-11
"""Shift of the inverse iteration for the steady state, and the eigenvalue that is taken as zero; the norm is 1."""

_SMALL = 1 / 16
"""GiB up to which a matrix and its factors are small."""

_PATTERN = 1e7
"""Entries of a matrix whose pattern is looked at for parts that it keeps apart."""

_COPIES = 8
"""So many matrices of that size are there at most while it is looked at."""

_FEWEST, _MOST = 150, 800
"""Directions that the iteration must be able to keep, and those that it would like to keep."""

_SAME = 1e-6
"""Unit vectors whose difference is below this are the same."""

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
        generator, vector, error = _found(model, state, occupied, spaces, memory, progress)
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
        raise _not_unique(model, len(classes))
    else:
        vector, error = generator.long_time(generator.start(state))
    if not 0 <= error < _SAME:  # rounding has made it singular, or nearly so
        raise UnsupportedError(
            "The steady state is not unique to the precision of the numbers: it has phases that are hardly ever left"
        )
    return described(model, generator, (), vector, error)


def _not_unique(model: Model, count: int) -> UnsupportedError:
    still = {b.name for b in model.blocks} - model.sectors_left
    kept = f"; without local jumps on {', '.join(map(repr, sorted(still)))} no sector is ever left" if still else ""
    return UnsupportedError(
        f"The steady state is not unique: the generator has {count} or more vanishing eigenvalues, as dark states "
        f"or conserved quantities give{kept} (cj.spectrum.stationary gives each steady state, and with `state` the one "
        f"that a start comes to is found)"
    )


def _found(
    model: Model,
    state: State | None,
    occupied: Sequence[Sequence[Label]],
    spaces: Sequence[FockSpace],
    memory: float,
    progress: bool,
) -> tuple[Generator, Array, float]:
    """The generator, the packed steady state of trace 1, and its error.

    UnsupportedError if it is not unique and no start says which one is meant.
    """
    with threadpool_limits(1):
        factors, faster = _factors(model, occupied, memory, spaces)
        factorised = faster and np.isfinite(factors)
        apart = None if factorised else _by_parts(model, occupied, memory, spaces)
        if apart is not None:
            generator, vector, count, error = apart
        elif not factorised:
            generator = Generator(model, occupied, memory=memory, least=_FEWEST + VECTORS, spaces=spaces)
            try:
                with Percentage(progress, "the digits") as told:
                    vector, count, error = _by_iteration(generator, told)
            except ConvergenceError:
                if not np.isfinite(factors):
                    raise
                factorised = True
        if factorised:
            generator = Generator(model, occupied, memory=memory, whole=True, spaces=spaces)
            vector, count, error = _by_factors(generator)
        if count > 1 and state is not None and not model.modes:
            found = _limit(model, state, occupied, memory)
            if found is not None:
                return found
    if count > 1:
        raise _not_unique(model, count)
    blocks = generator.packing.unpack(vector)
    trace = sum(float(np.trace(rho).real) for rho in blocks.values())
    return generator, vector / trace, error / abs(trace)


def _limit(
    model: Model, state: State, occupied: Sequence[Sequence[Label]], memory: float
) -> tuple[Generator, Array, float] | None:
    """The long-time average of what a start becomes, by what is conserved; None if the matrix does not fit."""
    generator, matrix = arranged(model, occupied, (), memory)
    if matrix is None:
        return None
    kernel = kernel_of(generator, matrix)
    own = [block_densities(block, part) for block, part in zip(model.blocks, state.blocks, strict=True)]
    vector = kernel.average(generator.start(own))
    return generator, vector, generator.packing.norm(generator(vector)) / (generator.norm or 1.0)


def _factors(
    model: Model, occupied: Sequence[Sequence[Label]], memory: float, spaces: Sequence[FockSpace]
) -> tuple[float, bool]:
    """GiB of the matrix and its sparse factors, without end if they do not fit; and whether they are the faster way."""
    labels = reached_labels(model, occupied)
    unknowns = unknowns_of(model, labels, spaces)
    one_block = len(model.blocks) == 1 and not spaces
    # the elements of one matrix and what they are coupled to lie in a plane, whose factors have few entries
    planar = one_block and model.blocks[0].levels == 2 and len(labels[0]) == 1
    # measured: 2 n^1.65 entries of the factors for one block, n²/2 for more
    fill = 0.0 if planar else 2 * unknowns**1.65 if one_block else unknowns**2 / 2
    if 16 * fill > memory * GIB:
        return np.inf, False
    entries = entries_in_one_frame(model, labels, spaces)
    if planar:
        fill = 2 * entries * np.log2(unknowns + 1)
    needed = (16 * fill + ENTRY * entries) / GIB
    return needed if needed <= memory else np.inf, planar or needed <= _SMALL


def _by_factors(generator: Generator) -> tuple[Array, int, float]:
    """A null vector, how many vanishing eigenvalues there are (up to four are seen), and the error of the vector.

    Inverse iteration with several vectors at once: (s - 𝓛)⁻¹ exists for s > 0 and enlarges what decays slower than s.
    A block finds a degenerate kernel, which a single vector does not.
    """
    return _of_parts(generator, generator.matrix, [np.arange(generator.packing.size)])


def _by_parts(
    model: Model, occupied: Sequence[Sequence[Label]], memory: float, spaces: Sequence[FockSpace]
) -> tuple[Generator, Array, int, float] | None:
    """The same from the parts that the generator keeps apart, coherences of different orders say.

    None where there is one alone, or one with large factors.
    """
    entries = entries_in_one_frame(model, reached_labels(model, occupied), spaces)
    if entries > _PATTERN or _COPIES * ENTRY * entries > memory * GIB:
        return None
    generator, matrix = arranged(model, occupied, spaces, memory)
    assert matrix is not None
    parts = [part.places for part in parts_of(generator, matrix)]
    if len(parts) == 1 or 16 * max(map(len, parts)) ** 2 / 2 > _SMALL * GIB:
        return None
    return generator, *_of_parts(generator, matrix, parts)


def _of_parts(generator: Generator, matrix: csr_array, parts: Sequence[NDArray[np.intp]]) -> tuple[Array, int, float]:
    """Null vector, count and error from the blocks of a matrix that nothing couples."""
    L = matrix / (generator.norm or 1.0)
    found, values = np.zeros(L.shape[0]), []
    least = np.inf
    for places in parts:
        own = L if len(parts) == 1 else csr_array(L[places][:, places])
        n = len(places)
        inverse = splu((_SHIFT * eye_array(n) - own).tocsc())
        vectors = np.random.default_rng(0).normal(size=(n, min(n, 4)))
        for _ in range(8):
            vectors = np.linalg.qr(inverse.solve(vectors))[0]
        rates, mixtures = np.linalg.eig(vectors.T @ (own @ vectors))
        smallest = int(np.argmin(np.abs(rates)))
        if abs(rates[smallest]) < least:
            least = float(abs(rates[smallest]))
            null = mixtures[:, smallest]
            null = null / null[np.argmax(np.abs(null))]
            found[:] = 0
            found[places] = vectors @ null.real
        values.append(np.abs(rates))
    decays = np.sort(np.concatenate(values))
    slowest = decays[1] if len(decays) > 1 else 1.0
    error = generator.packing.norm(L @ found) / max(slowest, np.finfo(float).tiny)
    return found, int(np.sum(decays < _VANISHING)), error


def _by_iteration(generator: Generator, told: Callable[[float], None]) -> tuple[Array, int, float]:
    """The same by a Krylov iteration from random starts, which come to the same vector only if there is one alone."""
    rng, packing = np.random.default_rng(0), generator.packing
    identity = packing.identity
    inverse = NoJumpInverse(generator)
    directions = min(generator.spare - VECTORS, _MOST)
    found: list[Array] = []
    while len(found) < 4:

        def reached(share: float, n: int = len(found)) -> None:
            told((n + share) / 2)

        start = identity + rng.normal(size=packing.size)
        vector = null_vector(generator, generator.norm, inverse, start, directions, reached)
        found.append(vector / np.linalg.norm(vector))
        strengths = np.linalg.svd(np.array(found), compute_uv=False)
        count = int(np.sum(strengths > _SAME))
        if len(found) > 1 and count == 1:
            break
    traces = [float(identity @ vector) for vector in found[:2]]
    error = packing.norm(found[0] - found[1] * (traces[0] / traces[1]))
    return found[0], count, error
