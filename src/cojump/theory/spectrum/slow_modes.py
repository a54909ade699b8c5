"""The slowest modes of the generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from ...basis.fock_space import FockSpace
from ...basis.particle_removal import Label
from ...basis.sector_densities import occupied_labels
from ...basis.sectors import sector_labels
from ...errors import ArgumentError, ConvergenceError, UnsupportedError
from ...model import Model
from ...model.driven import refuse_driven
from ...model.model import check_model, check_not_frozen
from ...model.states import State, check_start
from ...tools import checks
from ...tools.matrices import from_pairs
from ...tools.summaries import Summarised, counted, facts, more, table
from ...tools.types import Array, Matrix
from ..fock_growth import Edge, grown, spaces_at_rest
from ..generator import Generator, check_unknowns
from ..invariant_parts import Part, Symmetry, arranged, in_words, parts_of, symmetry_of
from ..populations import Populations, checked_method, populations_for
from .eigenpairs import Eigenpairs, slowest_pairs

FLOOR = 1e-11
"""Real parts below this, of the norm of the generator, are zero: rounding leaves no more."""

_LOST = 1e-9
"""What a mode of the spectrum may lose beyond the Fock states that are kept, as for a steady state."""

VECTORS = 60
"""Vectors that the iteration keeps, beside four for each eigenvalue."""


@dataclass(frozen=True, eq=False, repr=False)
class SlowModes(Summarised):
    """The slowest modes R of the generator, 𝓛R = λR: ρ(t) = ρ_stationary + Σ c R e^{λt}.

    Of a pair of complex eigenvalues that with Im λ > 0 is listed. Modes are scaled to ‖R‖_2 = 1, and those of a real λ
    are Hermitian.

    Attributes
    ----------
    eigenvalues : (k,) complex array
        By rising |Re λ|; the stationary ones are not among them.
    errors : (k,) array
        Estimate of |δλ| by rounding: the residual times the condition number of λ where the left vectors are known.
    labels : tuple of A strings "block.x"
    n_particles : int
    mean : (k, A) complex array
        tr(m_a R): which averages the mode changes. All are zero for a mode of correlations, or of a coherence that no
        average sees.
    second : (k, A, A) complex array
        tr(½{m_a, m_b} R).
    orders : tuple of k dicts
        The conserved coherence order of each mode where the generator has one: by which number of quanta |i> and |j> of
        its elements <i|R|j> differ, in a block, a level "block.n0", a mode, or "excitations", all together; "even" or
        "odd" where only that is conserved.
    phases : (k,) complex array
        Eigenvalue of the symmetry that was given; NaN without one.
    sectors : tuple of S tuples of labels
    sector_shares : (k, S) array
        ‖R‖² in each sector.
    stationary : int
        Number of vanishing eigenvalues that were seen among the slowest.
    undamped : (u,) complex array
        Purely imaginary eigenvalues that were seen.
    fock : mapping of str to int
        Fock states of each mode.
    model : Model
    """

    eigenvalues: NDArray[np.complex128]
    errors: Array
    labels: tuple[str, ...]
    n_particles: int
    mean: NDArray[np.complex128]
    second: NDArray[np.complex128]
    orders: tuple[dict[str, int | str], ...]
    phases: NDArray[np.complex128]
    sectors: tuple[tuple[Label, ...], ...]
    sector_shares: Array
    stationary: int
    undamped: NDArray[np.complex128]
    fock: dict[str, int]
    model: Model

    @property
    def gap(self) -> float:
        """|Re λ| of the slowest mode that decays."""
        return float(-self.eigenvalues[0].real)

    def _title(self) -> str:
        return f"{counted(len(self.eigenvalues), 'slowest mode')}: N = {self.n_particles:,}, gap {self.gap:.6g}"

    def _lines(self) -> list[str]:
        lines = facts(
            ("stationary", f"{self.stationary}"),
            ("undamped", counted(len(self.undamped), "purely imaginary eigenvalue") if len(self.undamped) else ""),
            ("modes", ", ".join(f"{name}: {size:,} Fock states" for name, size in self.fock.items())),
        )
        names, rows = [], []
        for n, value in enumerate(self.eigenvalues):
            moved = np.abs(self.mean[n])
            most = self.labels[int(np.argmax(moved))] if moved.max(initial=0) > 1e-8 else "none"
            phase = self.phases[n]
            names.append(str(n))
            rows.append(
                (
                    f"{value.real:.6g}",
                    f"{value.imag:.6g}",
                    most,
                    in_words(self.orders[n], None if np.isnan(phase) else complex(phase)),
                )
            )
        lines += table(("mode", "Re λ", "Im λ", "moves most", "order"), names, rows)
        return lines + more(".eigenvalues, .errors, .mean, .second, .orders, .sector_shares, .gap")


@dataclass(frozen=True, eq=False)
class Found:
    """Eigenpairs of the whole generator, gathered from its parts.

    Attributes
    ----------
    generator : Generator or Populations
    values, errors : (k,) arrays
        Decaying modes by rising |Re λ|, one of each pair.
    right, left : (n, k) complex arrays
        ``left`` only where it was asked for.
    parts : list of k Parts or Nones
    kernel : (n, stationary) complex array
        Vectors of vanishing eigenvalues that were seen.
    undamped : (u,) complex array
    """

    generator: Generator | Populations
    values: NDArray[np.complex128]
    errors: Array
    right: Matrix
    left: Matrix | None
    parts: list[Part | None]
    kernel: Matrix
    undamped: NDArray[np.complex128]

    @property
    def stationary(self) -> int:
        """Number of vanishing eigenvalues that were seen."""
        return self.kernel.shape[1]


def slow_pairs(
    model: Model,
    state: State | None,
    k: int,
    memory: float,
    symmetry: Symmetry | None,
    spaces: Sequence[FockSpace],
    *,
    left: bool = False,
    chosen: Populations | None = None,
) -> Found:
    """The k slowest decaying modes in the given Fock spaces, or among populations alone.

    With ``left`` those of parts with populations alone, and their left vectors.
    """
    generator: Generator | Populations
    matrix: csr_array | None
    parts: list[Part | None] = [None]
    if chosen is not None:
        generator, matrix = chosen, chosen.matrix
        parts = list(chosen.parts(matrix))
    else:
        if state is None:
            occupied = [sector_labels(block) for block in model.blocks]
        else:
            occupied = [occupied_labels(block, own) for block, own in zip(model.blocks, state.blocks, strict=True)]
        generator, matrix = arranged(model, occupied, spaces, memory, symmetry, least=VECTORS + 8 * k)
        if matrix is not None:
            parts = list(parts_of(generator, matrix, symmetry))
    norm = generator.norm or 1.0
    size = generator.packing.size
    found: list[tuple[complex, float, Part | None, Matrix, Matrix | None]] = []
    kernel, undamped = [], []
    for part in parts:
        if left and part is not None and not part.diagonal:
            continue
        if part is None or matrix is None:
            assert isinstance(generator, Generator)
            turned = generator.adjoint if left else None
            # from populations nothing leads to what they are not connected to
            start = some_populations(generator) if left else None
            pairs, places = _decaying(generator, size, k, norm, left, turned, start), np.arange(size)
        else:
            places = part.places
            pairs = _decaying(csr_array(matrix[places][:, places]), len(places), k, norm, left)
        for n, value in enumerate(pairs.values):
            if value.real > FLOOR * norm + 10 * pairs.errors[n]:
                raise ConvergenceError(
                    f"The spectrum was not found: rounding gives an eigenvalue {value:.3g}, Re λ > 0"
                )
            if abs(value) <= FLOOR * norm:
                kernel.append(_spread(pairs.right[:, n], places, size))
            elif value.imag < -FLOOR * norm:
                continue
            elif -value.real <= FLOOR * norm:
                undamped.append(value)
            else:
                right = _spread(pairs.right[:, n], places, size)
                own = _spread(pairs.left[:, n], places, size) if left and pairs.left is not None else None
                found.append((complex(value), float(pairs.errors[n]), part, right, own))
        found = sorted(found, key=lambda one: (-one[0].real, one[0].imag))[:k]
    values = np.array([one[0] for one in found], dtype=complex)
    real = np.abs(values.imag) <= FLOOR * norm
    values[real] = values[real].real
    rights = np.array([one[3] for one in found]).reshape(-1, size).T
    lefts = np.array([one[4] for one in found]).reshape(-1, size).T if left else None
    return Found(
        generator,
        values,
        np.array([one[1] for one in found]),
        rights,
        lefts,
        [one[2] for one in found],
        np.array(kernel).reshape(-1, size).T,
        np.array(undamped, dtype=complex),
    )


def some_populations(generator: Generator) -> Array:
    """A random vector of populations."""
    rng = np.random.default_rng(0)
    packing = generator.packing
    return packing.pack({s: np.diag(rng.normal(size=dim)).astype(complex) for s, dim in packing.dims.items()})


def _decaying(
    apply: Any,
    size: int,
    k: int,
    norm: float,
    left: bool,
    turned: Callable[[Array], Array] | None = None,
    start: Array | None = None,
) -> Eigenpairs:
    """Enough pairs of one part that k of those that decay, one of each pair, are among them."""
    wanted = min(k + 3, size)
    while True:
        pairs = slowest_pairs(apply, size, wanted, norm, left=left, turned=turned, start=start)
        decaying = (-pairs.values.real > FLOOR * norm) & (pairs.values.imag >= -FLOOR * norm)
        # the last one may be half of a pair
        if decaying[: len(decaying) - 1].sum() >= k or wanted >= size:
            return pairs
        wanted = min(2 * wanted, size)


def _spread(own: Matrix, places: NDArray[np.intp], size: int) -> Matrix:
    whole = np.zeros(size, dtype=complex)
    whole[places] = own
    return whole


def slowest(
    model: Model,
    k: int = 6,
    *,
    state: State | None = None,
    symmetry: Mapping[str, Any] | None = None,
    memory: float = 4.0,
    method: str = "full",
) -> SlowModes:
    """Find the slowest modes of the generator of the master equation, exactly.

    The generator acts on states that are symmetric under permutations within each block, as all states of this program
    are. What it keeps apart is treated apart (coherence orders, parities, sectors, found by themselves), small parts by
    full diagonalisation, larger ones by an iteration with e^{𝓛τ} that sorts eigenvalues by their real parts alone, so
    that weakly damped oscillations are not missed. Where the matrix of the generator does not fit into the memory it is
    applied without one.

    Parameters
    ----------
    model : Model
    k : int
        How many modes.
    state : State, optional
        Look only at the sectors that this start comes to: a collective jump alone keeps every sector.
    symmetry : mapping of str to (d, d) unitary or phase, optional
        A symmetry ρ → U ρ U† with U = ⊗_k u of the particles of the blocks named, and u^(a†a) of the modes named, to
        resolve modes of the spectrum by its eigenvalues: {"spins": σ_x} for a parity, {"atoms": σ_z, "cavity": -1} for
        that of the Dicke model. It is refused if the generator does not have it.
    memory : float
        GiB that may be used. One block of N two-level particles has C(N+3, 3) unknowns.
    method : str
        "full", or "populations" for the modes of populations alone where nothing couples them to coherences, of
        thousands of particles (see :func:`cojump.master_equation`). Modes of coherences, which may be slower, are then
        not among them.

    Raises
    ------
    ArgumentError
        If an argument breaks a rule, the model needs more memory, or fewer than k modes decay.
    UnsupportedError
        For terms that change in time, or if no mode decays.
    ConvergenceError
        If the iteration does not come to an end.

    Examples
    --------
    >>> model = cj.systems.boundary_time_crystal(size=30, omega=1.5, kappa=1.0)
    >>> modes = cj.spectrum.slowest(model, 4, state=cj.tilted(model, 0, 0))
    >>> print(modes.eigenvalues.round(4))  # oscillations of the phase that breaks the symmetry in time decay slowly
    [-0.017 +0.j     -0.0259+2.9554j -0.0508+0.j     -0.0597+2.9557j]
    """
    check_model(model)
    refuse_driven(model, "There is a spectrum")
    check_not_frozen(model)
    k = checks.integer("k", k, 1, 1000)
    memory = checks.number("memory", memory, 0)
    if state is not None:
        check_start(model, state)
    turn = symmetry_of(model, symmetry)
    starts = None if state is None else [state]
    chosen = None
    if checked_method(method, ("full", "populations")) == "populations":
        if turn is not None:
            raise ArgumentError("symmetry", "be left out for modes of populations alone", "it is given")
        chosen = populations_for(model, method, starts, memory, kept=VECTORS + 8 * k)
    spaces = spaces_at_rest(model)
    with threadpool_limits(1):
        while True:
            if chosen is None:
                check_unknowns(model, starts, memory, least=VECTORS + 8 * k, spaces=spaces)
            found = slow_pairs(model, state, k, memory, turn, spaces, chosen=chosen)
            outgrown = _outgrown(model, spaces, found)
            if not outgrown:
                break
            spaces = grown(spaces, outgrown)
    if not len(found.values):
        raise UnsupportedError("No mode of the generator decays: there is no gap")
    if len(found.values) < k:
        raise ArgumentError("k", f"be at most {len(found.values)}, the number of modes that decay", f"it is {k}")
    return _read(model, found, spaces)


def gap(
    model: Model,
    *,
    state: State | None = None,
    symmetry: Mapping[str, Any] | None = None,
    memory: float = 4.0,
    method: str = "full",
) -> float:
    """The gap of the generator: the smallest |Re λ| of all modes that decay; see :func:`slowest` for the modes.

    Parameters
    ----------
    model, state, symmetry, memory, method
        As for :func:`slowest`.

    Raises
    ------
    ArgumentError, UnsupportedError, ConvergenceError
        As :func:`slowest`.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=10, omega=0.0, rate_up=1.3, rate_down=0.8)
    >>> print(round(cj.spectrum.gap(model), 9))  # a coherence of one particle decays with half of the rates
    1.05
    >>> large = cj.systems.free_flips(size=200, omega=0.0, rate_up=1.3, rate_down=0.8)
    >>> print(round(cj.spectrum.gap(large, method="populations"), 6))  # and a population with their sum
    2.1
    """
    return slowest(model, 1, state=state, symmetry=symmetry, memory=memory, method=method).gap


def _outgrown(model: Model, spaces: Sequence[FockSpace], found: Found) -> list[int]:
    """Modes of light in which one of the modes of the spectrum comes to the edge of the Fock states."""
    if not spaces:
        return []
    edge = Edge(model, spaces, found.generator.packing, found.generator.dims)
    allowed = _LOST * (model.fastest or 1.0)
    outgrown: set[int] = set()
    for vector in found.right.T:
        for part in (vector.real, vector.imag):
            lost = edge.losses(np.ascontiguousarray(part))
            outgrown |= {m for m, loss in enumerate(lost) if loss > allowed}
    return sorted(outgrown)


def _read(model: Model, found: Found, spaces: Sequence[FockSpace]) -> SlowModes:
    """What the modes are, read off their vectors."""
    packing, k, A = found.generator.packing, len(found.values), len(model.labels)
    right = found.right.copy()
    for n in range(k):
        largest = right[np.argmax(np.abs(right[:, n])), n]
        right[:, n] *= abs(largest) / largest
    read = (found.generator.expectations() @ right).T
    pairs = A * (A + 1) // 2
    second = from_pairs(read[:, A : A + pairs].real, A) + 1j * from_pairs(read[:, A : A + pairs].imag, A)
    shares = np.array([np.sum(np.abs(right[place]) ** 2, axis=0) for place in packing.slices.values()]).T
    empty: dict[str, int | str] = {}
    phases = [np.nan if p is None or p.phase is None else p.phase for p in found.parts]
    return SlowModes(
        found.values,
        found.errors,
        model.labels,
        model.size,
        read[:, :A],
        second,
        tuple(empty if p is None else dict(p.orders) for p in found.parts),
        np.array(phases, dtype=complex),
        tuple(packing.dims),
        shares / shares.sum(axis=1, keepdims=True),
        found.stationary,
        found.undamped,
        {name: space.size for name, space in zip(model.mode_names, spaces, strict=True)},
        model,
    )
