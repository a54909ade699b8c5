"""States of one, two and more particles, and their correlations: Theorem 2 as numbers.

For large N the particles of a block follow the product generator (50): the state of any one of them goes to that of
the mean field, any two are uncorrelated, and both differences fall as 1/N. What a model's averages and their products
say about one or two particles is exact, for every N: with o an orthogonal basis of single-particle matrices,

    r = Σ_a <m_a> o_a / tr(o_a²),      r2 = Σ_ab <o_a^(1) o_b^(2)> o_a ⊗ o_b / (tr(o_a²) tr(o_b²)),

<o_a^(1) o_b^(2)> = <m_a m_b> for particles of different blocks, and within a block of n particles

    <o_a^(1) o_b^(2)> = (n <½{m_a, m_b}> - <½ (o_a o_b + o_b o_a)>) / (n - 1).

Of three and more particles they say less than all: states of these are read off the state itself (:func:`particles`).

A *source* below is anything with ``labels``, ``mean`` (T, A) and ``second`` (T, A, A): a result of trajectories, the
exact master equation; or with ``mean`` alone, the mean field, whose particles are uncorrelated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..basis.reduction import check_counts
from ..errors import ArgumentError
from ..measure.averages import Averages
from ..model import Model
from ..model.model import check_model
from ..model.operators import single_particle_basis, symmetric_products
from ..theory.master_equation import Exact
from ..theory.mean_field import MeanField
from ..theory.steady_state import SteadyState
from ..tools import checks
from ..tools.numbers import format_number, format_value
from ..tools.summaries import Summarised, counted, more, span, table
from ..tools.types import Array
from .result import Result

__all__ = ["Correlators", "ReducedStates", "correlator", "correlators", "distance", "one", "particles", "two"]


def __dir__() -> list[str]:
    return __all__


Matrices = NDArray[np.complex128]


class _Basis:
    """Orthogonal Hermitian matrices of one block, and where their averages are in a source.

    For two levels the identity is added in front, which is no average; for more levels the averages span it.

    Attributes
    ----------
    matrices : (n, d, d) array
    weights : (n,) array
        1/tr(o²).
    places : slice
        The averages of the block among those of the model.
    lead : int
        1 if the identity is in front, else 0.
    """

    def __init__(self, model: Model, block: str) -> None:
        b = model.block_index(_name("block", block))
        if not model.measures(b):
            found = f"of block {checks.shown(block)} some are not"
            raise ArgumentError("source", "have all averages of the block: its state is made of them", found)
        numbers = [a for a, o in enumerate(model.observables) if o.block == b]
        self.size, self.levels = model.blocks[b].size, model.blocks[b].levels
        self.places = slice(numbers[0], numbers[-1] + 1)
        self.matrices, self.weights = single_particle_basis(self.levels)
        self.lead = len(self.matrices) - len(numbers)

    def means(self, source: Any) -> Array:
        """(T, n) averages, that of the identity included."""
        mean = np.asarray(source.mean)[:, self.places]
        return np.concatenate([np.ones((len(mean), self.lead)), mean], axis=1)

    def without_identity(self) -> slice:
        """The averages proper, for arrays over the basis."""
        return slice(self.lead, None)


def one(model: Model, source: Any, block: str) -> Matrices:
    """Density matrix of one particle of a block.

    Parameters
    ----------
    model : Model
        The model the source belongs to.
    source : Result, MeanField or exact solution
    block : str

    Returns
    -------
    (T, d, d) array

    Raises
    ------
    ArgumentError
        If the block is unknown or the source is not of this model.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=10, omega=0.0, rate_up=0.0, rate_down=1.0)
    >>> exact = cj.master_equation(model, cj.tilted(model, 0, 0), [0, np.log(2)])
    >>> print(np.diagonal(cj.reduced.one(model, exact, "spins")[-1]).real.round(6))
    [0.5 0.5]
    """
    _check(model, source)
    basis = _Basis(model, block)
    return np.einsum("ta,a,aij->tij", basis.means(source), basis.weights, basis.matrices)


def two(model: Model, source: Any, first: str, second: str) -> Matrices:
    """Density matrix of two different particles, one of block ``first`` and one of block ``second``.

    Parameters
    ----------
    model, source
        As for :func:`one`.
    first, second : str
        Blocks; the same one twice for two of its particles.

    Returns
    -------
    (T, d d', d d') array
        In the product basis, the particle of ``first`` being the more significant digit.

    Raises
    ------
    ArgumentError
        If a block is unknown or has no two particles, or the source is not of this model.

    Examples
    --------
    >>> model = cj.systems.boundary_time_crystal(size=10, omega=0.5, kappa=2.0)
    >>> exact = cj.master_equation(model, cj.tilted(model, 0, 0), [0, 1])
    >>> pair = cj.reduced.two(model, exact, "spins", "spins")[-1]
    >>> print(np.trace(pair).real.round(6), np.trace(pair @ pair).real.round(4))  # its purity
    1.0 0.518
    """
    _check(model, source)
    left, right = _Basis(model, first), _Basis(model, second)
    pairs = left.means(source)[:, :, None] * right.means(source)[:, None, :]
    if hasattr(source, "second"):
        pairs[:, left.lead :, right.lead :] += correlators(model, source, first, second).value
    else:
        _check_pair(left, first, second)
    made = np.einsum("tab,a,b,aij,bkl->tikjl", pairs, left.weights, right.weights, left.matrices, right.matrices)
    d = left.levels * right.levels
    return made.reshape(len(pairs), d, d)


@dataclass(frozen=True, eq=False, repr=False)
class Correlators(Summarised):
    """Connected correlations of two different particles.

    Attributes
    ----------
    labels : pair of tuples of strings
        Labels of the first and of the second particle's averages, n and n' of them.
    value : (T, n, n') array
        <a^(1) b^(2)> - <a><b>.
    stderr : (T, n, n') array or None
        Standard errors, if the source is an ensemble of trajectories.
    """

    labels: tuple[tuple[str, ...], tuple[str, ...]]
    value: Array
    stderr: Array | None

    def _title(self) -> str:
        first, second = (labels[0].rsplit(".", 1)[0] for labels in self.labels)
        return f"Correlations of two particles, of {first} and of {second}: {counted(len(self.value), 'time')}"

    def _lines(self) -> list[str]:
        if not len(self.value):
            return []
        value, error = self.value[-1], None if self.stderr is None else self.stderr[-1]

        def cell(a: int, b: int) -> str:
            return format_number(value[a, b]) if error is None else format_value(value[a, b], error[a, b])

        columns = self.labels[1][:3]
        rows = ([cell(a, b) for b in range(len(columns))] for a in range(len(self.labels[0])))
        return table(("at the last time", *columns), self.labels[0], rows) + more(".labels, .value, .stderr")


@dataclass(frozen=True, eq=False, repr=False)
class ReducedStates(Summarised):
    """Density matrices of a few particles at several times.

    Attributes
    ----------
    times : (T,) array
    counts : mapping of str to int
        How many particles of each block, in the order in which they stand in the product basis.
    mean : (T, D, D) array
    stderr : (T, D, D) complex array or None
        Standard errors of the real and of the imaginary parts, if the source is an ensemble of trajectories.
    """

    times: Array
    counts: Mapping[str, int]
    mean: Matrices
    stderr: Matrices | None

    def _title(self) -> str:
        of = ", ".join(f"{count} of {block}" for block, count in self.counts.items())
        return f"Density matrices of particles, {of}: {span(self.times)}"

    def _lines(self) -> list[str]:
        return more(".mean, .stderr, .times")


def particles(model: Model, source: Any, counts: Mapping[str, int]) -> ReducedStates:
    """Density matrix of some particles of some blocks, of three of one block for instance.

    From trajectories it is the mean over them, of an option of the run: ``simulate(..., reduced={"spins": 3})``. Of the
    master equation it is exact, at the last time, or at all of a run with ``keep=True``; of a steady state, too. In the
    mean field particles are independent, the limit of all the others for large N.

    Parameters
    ----------
    model : Model
        The model the source belongs to.
    source : Result, Exact, SteadyState, or MeanField
    counts : mapping of str to int
        How many particles of each block.

    Returns
    -------
    ReducedStates
        D = Π_b d_b^counts[b]; in the product basis, block by block in the order of ``counts``.

    Raises
    ------
    ArgumentError
        If a block is not known or has not so many particles, or the source has no such state.

    Examples
    --------
    Three of ten particles that decay together:

    >>> model = cj.systems.boundary_time_crystal(size=10, omega=0.5, kappa=2.0)
    >>> state, times = cj.tilted(model, 0, 0), [0, 1]
    >>> exact = cj.reduced.particles(model, cj.master_equation(model, state, times), {"spins": 3})
    >>> result = cj.simulate(model, state, times, n_traj=200, reduced={"spins": 3})
    >>> sampled = cj.reduced.particles(model, result, {"spins": 3})
    >>> p, found, error = (x[-1, 0, 0].real for x in (exact.mean, sampled.mean, sampled.stderr))  # all three up
    >>> print(f"{p:.3f}, {found:.3f} ± {error:.3f}")
    0.169, 0.176 ± 0.015
    """
    check_model(model)
    wanted = {model.blocks[b].name: n for b, n in check_counts(model, "counts", counts).items()}
    if isinstance(source, Exact | SteadyState):
        states = source.known_densities
        if [(b.name, b.size) for b in states[0].blocks] != [(b.name, b.size) for b in model.blocks]:
            raise ArgumentError("source", "have the blocks of the model", "it has others")
        made = np.array([state.reduced(wanted) for state in states])
        return ReducedStates(np.array([state.time for state in states]), wanted, made, None)
    if not isinstance(source, Result | MeanField):
        found = f"it is {checks.shown(source)}"
        raise ArgumentError("source", "be a result, an exact solution, a steady state or a mean field", found)
    _check(model, source)
    if isinstance(source, MeanField):
        one = {block: source.densities[model.block_index(block)] for block in wanted}
        product = [
            _power([one[block][t] for block, n in wanted.items() for _ in range(n)]) for t in range(len(source.times))
        ]
        return ReducedStates(source.times, wanted, np.array(product), None)
    name = next((name for name, own in source.particles.items() if list(own.items()) == list(wanted.items())), None)
    if name is None:
        rule = f"have measured these particles: give `reduced={wanted}` to the run"
        raise ArgumentError(
            "source", rule, f"it has {checks.named(list(map(str, source.particles.values()))) or 'none'}"
        )
    return ReducedStates(source.times, wanted, *source.particle_matrices(name))


def _power(matrices: Sequence[Matrices]) -> Matrices:
    """The product of density matrices of particles that are independent."""
    made: Any = np.ones((1, 1), dtype=complex)
    for matrix in matrices:
        made = np.kron(made, matrix)
    return np.asarray(made)


def correlators(model: Model, source: Any, first: str, second: str) -> Correlators:
    """Connected correlations of two different particles of blocks ``first`` and ``second``, which may be the same.

    Parameters
    ----------
    model, source, first, second
        As for :func:`two`; the source has second moments.

    Raises
    ------
    ArgumentError
        As :func:`two`; or if the source has no second moments.

    Examples
    --------
    >>> model = cj.systems.boundary_time_crystal(size=10, omega=0.5, kappa=2.0)
    >>> exact = cj.master_equation(model, cj.tilted(model, 0, 0), [0, 1])
    >>> print(cj.reduced.correlators(model, exact, "spins", "spins").value[-1].round(4) + 0.0)
    [[0.2602 0.     0.    ]
     [0.     0.1293 0.0415]
     [0.     0.0415 0.2677]]
    """
    _check(model, source)
    if not hasattr(source, "second"):
        raise ArgumentError("source", "have second moments", f"a {type(source).__name__} has means alone")
    left, right = _Basis(model, first), _Basis(model, second)
    _check_pair(left, first, second)
    labels = source.labels[left.places], source.labels[right.places]
    spread = _spread(model, source)[:, left.places, right.places]
    if first != second:
        error = source.covariance_stderr[:, left.places, right.places] / model.size if _sampled(source) else None
        return Correlators(labels, spread, error)
    n, mean = left.size, np.asarray(source.mean)[:, left.places]
    own = left.without_identity()
    s = symmetric_products(left.matrices, left.weights)[own, own]
    together = np.einsum("abc,tc->tab", s, left.means(source))
    value = (n * spread + mean[:, :, None] * mean[:, None, :] - together) / (n - 1)
    return Correlators(labels, value, _pair_error(source, left, s) if _sampled(source) else None)


def correlator(model: Model, source: Any, first: str, second: str) -> tuple[Array, Array | None]:
    """One connected correlation <a^(1) b^(2)> - <a><b> by the labels of a and b, for instance ``"spins.z"``.

    Returns
    -------
    value, stderr : (T,) arrays
        See :class:`Correlators`; stderr is None if the source is exact.

    Raises
    ------
    ArgumentError
        As :func:`correlators`; or if a label is unknown.

    Examples
    --------
    >>> model = cj.systems.boundary_time_crystal(size=10, omega=0.5, kappa=2.0)
    >>> state = cj.tilted(model, 0, 0)
    >>> exact = cj.master_equation(model, state, [0, 1])
    >>> value, _ = cj.reduced.correlator(model, exact, "spins.z", "spins.z")
    >>> result = cj.simulate(model, state, [0, 1], n_traj=200)
    >>> sampled, error = cj.reduced.correlator(model, result, "spins.z", "spins.z")
    >>> print(f"{value[-1]:.4f}, {sampled[-1]:.4f} ± {error[-1]:.4f}")
    0.2677, 0.2747 ± 0.0168
    """
    _check(model, source)
    observables = [
        model.observables[checks.place(_name("label", label), [o.label for o in model.observables])]
        for label in (first, second)
    ]
    blocks = [model.blocks[o.block].name for o in observables]
    found = correlators(model, source, *blocks)
    a, b = found.labels[0].index(first), found.labels[1].index(second)
    return found.value[:, a, b], None if found.stderr is None else found.stderr[:, a, b]


def distance(
    model: Model, source: Any, mean_field: Any, block: str, partner: str | None = None
) -> tuple[Array, Array | None]:
    """Trace distance ½ ‖r - r_mf‖_1 of the state of one or two particles from the mean field, which falls as 1/N.

    Parameters
    ----------
    model, source
        As for :func:`one`.
    mean_field : MeanField
        At the same times: the one-particle states follow the product generator (50).
    block, partner : str
        With ``partner`` the state of two particles, one of each block, against the product of the mean field's.

    Returns
    -------
    value : (T,) array
        Sampling noise adds to it: of no use where it is not larger than its error.
    stderr : (T,) array or None
        Standard error (linear expansion) of one particle's; None for two particles, or if the source is exact.

    Raises
    ------
    ArgumentError
        If the times differ, or as :func:`two`.

    Examples
    --------
    >>> for size in (10, 20, 40):
    ...     model = cj.systems.constrained(size, omega=0.7, rate_up=1.3, rate_down=0.8)
    ...     state = cj.tilted(model, theta=1.1, phi=0.4)
    ...     exact, mf = cj.master_equation(model, state, [0, 1]), cj.mean_field(model, state, [0, 1])
    ...     value, _ = cj.reduced.distance(model, exact, mf, "spins")
    ...     print(f"N = {size}: {value[-1]:.5f}")
    ...
    N = 10: 0.03162
    N = 20: 0.01595
    N = 40: 0.00801
    """
    _check(model, source)
    _check(model, mean_field, "mean_field")
    times, others = (np.asarray(getattr(s, "times", ())) for s in (source, mean_field))
    if times.ndim != 1 or not checks.same_times(times, others):
        raise ArgumentError("mean_field", "have the times of the source", "they differ")
    if partner is not None:
        difference = two(model, source, block, partner) - two(model, _MeansOnly(mean_field), block, partner)
        return np.abs(np.linalg.eigvalsh(difference)).sum(axis=1) / 2, None
    difference = one(model, source, block) - one(model, mean_field, block)
    values, vectors = np.linalg.eigh(difference)
    length = np.abs(values).sum(axis=1) / 2
    if not _sampled(source):
        return length, None
    basis = _Basis(model, block)
    sign = np.einsum("tik,tk,tjk->tij", vectors, np.sign(values), vectors.conj())
    slope = np.einsum("tij,aji,a->ta", sign, basis.matrices, basis.weights).real[:, basis.without_identity()] / 2
    return length, source.linear_error(slope, basis.places)


class _MeansOnly:
    """A source seen without its second moments."""

    def __init__(self, source: Any) -> None:
        self.labels, self.mean = source.labels, source.mean


def _pair_error(source: Averages, basis: _Basis, products: Array) -> Array:
    """(T, n, n) errors of the correlators within a block of two or more particles.

    C_ab = n/(n - 1) (<½{m_a, m_b}> - f <m_a><m_b> - <½(ab + ba)>/n), f = (n - 1)/n, and the products are centred on
    the mean field m̄: its differential is that of q_ab + (m̄ - f <m>)_a m_b + (m̄ - f <m>)_b m_a, less the last term.
    """
    n, own = basis.size, basis.places
    f = (n - 1) / n
    factors = (source.reference - f * source.mean)[:, own]
    one = np.eye(factors.shape[1])
    coefficients = np.einsum("ta,bc->tabc", factors, one) + np.einsum("tb,ac->tabc", factors, one)
    coefficients = coefficients - products[:, :, basis.lead :] / n
    return source.pair_error(own, coefficients) / f


def _spread(model: Model, source: Any) -> Array:
    """(T, A, A) <½{m_a, m_b}> - <m_a><m_b>; of an ensemble from products centred on the mean field."""
    if _sampled(source):
        return source.covariance / model.size
    mean = np.asarray(source.mean)
    return np.asarray(source.second) - mean[:, :, None] * mean[:, None, :]


def _sampled(source: Any) -> bool:
    return isinstance(source, Averages)


def _name(argument: str, value: object) -> str:
    if not isinstance(value, str):
        raise ArgumentError(argument, "be a name", f"it is {checks.shown(value)}")
    return value


def _check(model: Model, source: Any, name: str = "source") -> None:
    check_model(model)
    labels = getattr(source, "labels", None)
    if not isinstance(labels, tuple | list) or tuple(labels) != model.labels:
        found = (
            f"its labels are {checks.shown(labels)}" if hasattr(source, "labels") else f"it is {checks.shown(source)}"
        )
        raise ArgumentError(name, "have the averages of the model", found)
    A, mean = len(labels), getattr(source, "mean", None)
    if not isinstance(mean, np.ndarray) or mean.ndim != 2 or mean.shape[1] != A:
        raise ArgumentError(name, "have averages (T, A) at T times", f"a {type(source).__name__} has none")
    second = getattr(source, "second", mean[:, :, None] * mean[:, None, :])
    if not isinstance(second, np.ndarray) or second.shape != (len(mean), A, A):
        raise ArgumentError(name, "have second moments (T, A, A)", f"those of a {type(source).__name__} are none")
    size = getattr(source, "n_particles", model.size)
    if size != model.size:
        raise ArgumentError(name, f"have the {counted(model.size, 'particle')} of the model", f"it has {size}")


def _check_pair(basis: _Basis, first: str, second: str) -> None:
    if first == second and basis.size < 2:
        raise ArgumentError("block", "have two particles for a pair inside it", f"block {checks.shown(first)} has one")
