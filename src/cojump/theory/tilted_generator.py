"""Full counting statistics: the leading eigenvalue θ(s) of the tilted generator, and its derivatives.

With K the weighted number of jumps until t, <e^{-sK}> goes as e^{θ(s) t}, where θ(s) is the eigenvalue of largest real
part of

    𝓛_s ρ = -i(H_eff ρ - ρ H_eff†) + Σ_l e^{-s w_l} Σ K_l ρ K_l†.

Derivatives are exact, by perturbation theory: with 𝓛_{s+ε} = Σ_k ε^k 𝓛_k, 𝓛_k = Σ_l (-w_l)^k/k! e^{-s w_l} K_l · K_l†
for k > 0, right and left vectors r and ℓ with ℓ·r = 1, and ℓ·r_k = 0,

    θ_n = ℓ·Σ_{k=1}^n 𝓛_k r_{n-k},    (𝓛_s - θ) r_n = -Σ_{k=1}^n (𝓛_k - θ_k) r_{n-k},    θ^(n) = n! θ_n.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csc_array, csr_array, eye_array
from scipy.sparse.linalg import splu
from threadpoolctl import threadpool_limits

from ..basis.fock_space import FockSpace
from ..basis.particle_removal import Label
from ..basis.sector_densities import occupied_labels
from ..basis.sectors import sector_labels
from ..errors import ArgumentError, ConvergenceError, UnsupportedError
from ..model import Model
from ..model.channels import channel_names, channel_weights
from ..model.driven import refuse_driven
from ..model.model import check_model
from ..model.states import State, check_start
from ..tools import checks
from ..tools.summaries import Summarised, facts, more, table
from ..tools.types import Array
from .fock_growth import Edge, grown, spaces_at_rest
from .generator import GIB, Generator, check_unknowns
from .invariant_parts import arranged, parts_of
from .populations import Populations, checked_method, factors_of, populations_for
from .spectrum.eigenpairs import slowest_pairs

ORDER = 4
"""Derivatives that are given."""

_SAME = 1e-10
"""Leading eigenvalues of two parts that are as close as this, of the norm of the generator, are the same."""

_LOST = 1e-10
"""Error of θ by the Fock states that are left out, relative to the fastest energy or rate."""

_SHIFT = 1e-7
"""How far above θ the factors are made, in parts of the norm."""

_REFINEMENTS, _ALLOWED = 40, 1e-8
"""Steps of iterative refinement, and the residual that has to be reached."""

_MOST_POINTS = 10_000

_BASIS = 60
"""Vectors that the iteration keeps."""


@dataclass(frozen=True, eq=False, repr=False)
class Theta(Summarised):
    """θ(s), the scaled cumulant generating function of the weighted number K of jumps, and its derivatives.

    ``float(...)`` and ``np.asarray(...)`` of it are θ itself. All arrays have the shape of ``s``.

    Attributes
    ----------
    s : array
    theta : array
        θ(s) = lim (1/t) ln <e^{-sK}>.
    mean : array
        -θ'(s), the mean rate of K in the ensemble biased by e^{-sK}; at s = 0 that of the model itself.
    variance, third, fourth : array
        θ''(s), -θ'''(s), θ''''(s): the cumulants of K per unit of time.
    error : array
        Estimated error of θ by rounding.
    weights : dict of str to float
        With which weight a jump of each channel counts.
    n_particles : int
    """

    s: Array
    theta: Array
    mean: Array
    variance: Array
    third: Array
    fourth: Array
    error: Array
    weights: dict[str, float]
    n_particles: int

    @property
    def fano(self) -> Array:
        """Fano factor θ''(s)/(-θ'(s)): 1 for a Poisson process."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.variance / self.mean)

    @property
    def rate_function(self) -> tuple[Array, Array]:
        """(k, φ(k)) with P(K ≈ k t) ~ e^{-φ(k) t}, at the rates k = -θ'(s): φ = -θ(s) - s k (Legendre transform)."""
        return self.mean, -self.theta - self.s * self.mean

    def __float__(self) -> float:
        if self.theta.size != 1:
            raise TypeError(f"θ has {self.theta.size} values")
        return float(self.theta.ravel()[0])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.theta, dtype=dtype)

    def _title(self) -> str:
        return f"θ(s) at {self.s.size:,} values of s: N = {self.n_particles:,}"

    def _lines(self) -> list[str]:
        counts = ", ".join(f"{name}: {w:g}" for name, w in self.weights.items() if w)
        lines = facts(("counted", counts))
        shown = [a.ravel()[:12] for a in (self.theta, self.mean, self.fano, self.error)]
        rows = [(*(f"{x:.6g}" for x in row[:3]), f"{row[3]:.1e}") for row in zip(*shown, strict=True)]
        names = [f"{s:.6g}" for s in self.s.ravel()[:12]]
        lines += table(("s", "θ", "mean rate", "Fano", "error of θ"), names, rows)
        return lines + more(".theta, .mean, .variance, .third, .fourth, .fano, .rate_function")


def theta(
    model: Model,
    s: ArrayLike,
    channels: Any = None,
    *,
    state: State | None = None,
    memory: float = 4.0,
    method: str = "auto",
) -> Theta:
    """Find θ(s) of any set of jumps, exactly, with the cumulants of their number up to the fourth.

    Parameters
    ----------
    model : Model
        With modes every loss counts the quanta that leave (a†a, whatever frame is used elsewhere).
    s : float or array
        Counting fields: s > 0 favours trajectories with few jumps, s < 0 those with many.
    channels : int, str, sequence of these, or mapping of these to float, optional
        What is counted: a jump by its place in ``model.jumps`` or its name, several of them, or a weight for each; all
        jumps if it is not given. A loss with thermal light counts the quanta that come in as well.
    state : State, optional
        Look only at the sectors that this start comes to: a collective jump alone keeps every sector.
    memory : float
        GiB that may be used; the matrix of the generator and its factors have to fit.
    method : str
        "populations", "full" or "auto", as for :func:`cojump.master_equation`.

    Raises
    ------
    ArgumentError
        If an argument breaks a rule or the model needs more memory.
    UnsupportedError
        For terms that change in time, or where several sectors or dark states have the same leading eigenvalue: the
        statistics then depend on the start.
    ConvergenceError
        If the iteration does not come to an end.

    Examples
    --------
    >>> model = cj.systems.free_flips(size=1, omega=0.5, rate_up=0.0, rate_down=1.0)  # an atom that scatters light
    >>> found = cj.counting.theta(model, [0.0, 0.5])
    >>> print(found.theta.round(6) + 0.0, found.mean.round(6), found.fano.round(6))
    [ 0.       -0.151891] [0.333333 0.272344] [0.333333 0.489168]
    """
    check_model(model)
    refuse_driven(model, "There is θ(s)")
    fields = checks.array("s", s, "a number or an array of numbers", real=True).astype(float)
    if fields.size > _MOST_POINTS:
        raise ArgumentError("s", f"have at most {_MOST_POINTS:,} values", f"it has {fields.size:,}")
    weights = channel_weights(model, channels)
    if fields.size and np.abs(np.multiply.outer(fields, weights)).max() > 100:
        raise ArgumentError("s", "be at most 100 in size, times each weight", "it is larger")
    memory = checks.number("memory", memory, 0)
    if state is not None:
        check_start(model, state)
    starts = None if state is None else [state]
    spaces = tuple(FockSpace(space.size, 0j) for space in spaces_at_rest(model))
    chosen = populations_for(model, checked_method(method), starts, memory, factors=True, kept=_BASIS)
    if chosen is None:
        check_unknowns(model, starts, memory, spaces=spaces)
    if state is None:
        occupied: Sequence[Sequence[Label]] = [sector_labels(block) for block in model.blocks]
    else:
        occupied = [occupied_labels(block, own) for block, own in zip(model.blocks, state.blocks, strict=True)]
    found: list[Array] = []
    with threadpool_limits(1):
        tilted = Tilted(model, occupied, spaces, memory, weights, chosen)
        for field in fields.ravel():
            while True:
                derivatives, outgrown = tilted.at(float(field))
                if not outgrown:
                    break
                spaces = grown(spaces, outgrown)
                check_unknowns(model, starts, memory, spaces=spaces)
                tilted = Tilted(model, occupied, spaces, memory, weights)
            found.append(derivatives)
    table_ = np.array(found).reshape(-1, ORDER + 2).T.reshape(ORDER + 2, *fields.shape)
    signs = (-1.0) ** np.arange(1, ORDER + 1)
    names = channel_names(model)
    mean, variance, third, fourth = (sign * row for sign, row in zip(signs, table_[1:-1], strict=True))
    counted = dict(zip(names, map(float, weights), strict=True))
    return Theta(fields, table_[0], mean, variance, third, fourth, table_[-1], counted, model.size)


class Tilted:
    """The tilted generator of a model, part by part.

    Raises
    ------
    ArgumentError
        If its matrix or the factors do not fit into the memory.
    """

    def __init__(
        self,
        model: Model,
        occupied: Sequence[Sequence[Label]],
        spaces: Sequence[FockSpace],
        memory: float,
        weights: Array,
        chosen: Populations | None = None,
    ) -> None:
        self.model, self.spaces = model, spaces
        generator: Generator | Populations
        if chosen is None:
            generator, matrix = arranged(model, occupied, spaces, memory)
        else:
            generator, matrix = chosen, chosen.matrix
        if matrix is None or (isinstance(generator, Generator) and 32 * _fill(generator) > memory * GIB):
            raise ArgumentError(
                "model",
                f"have a generator whose matrix and factors fit into memory = {memory:g} GiB",
                f"it has {generator.packing.size:,} unknowns",
            )
        self.generator = generator
        self.norm = generator.norm or 1.0
        kinds = [float(w) for w in np.unique(weights) if w]
        gains = {w: generator.gain([float(own == w) for own in weights]) for w in kinds}
        pattern = abs(matrix)
        for gain in gains.values():
            pattern = csr_array(pattern + abs(gain))
        self._parts = []
        own_parts = parts_of(generator, pattern) if isinstance(generator, Generator) else generator.parts(pattern)
        for part in own_parts:
            if part.diagonal:
                own = part.places
                cut = {w: csr_array(gain[own][:, own]) for w, gain in gains.items()}
                self._parts.append((own, csr_array(matrix[own][:, own]), cut))
        self._edge = Edge(model, spaces, generator.packing, generator.dims) if spaces else None
        self._factors = factors_of if chosen is not None else splu

    def at(self, s: float) -> tuple[Array, list[int]]:
        """(θ, θ', .., θ'''', error) at s; and the modes of which more Fock states are needed."""
        found: list[tuple[float, _Leading]] = []
        for places, matrix, gains in self._parts:
            L = csr_array(sum((np.expm1(-s * w) * gain for w, gain in gains.items()), matrix))
            pairs = slowest_pairs(L, len(places), 2, self.norm)
            changes = {w: np.exp(-s * w) * gain for w, gain in gains.items()}
            found += [
                (float(value.real), _Leading(places, L, changes, vector.real, self.norm, self._factors))
                for value, vector in zip(pairs.values, pairs.right.T, strict=True)
            ]
        found.sort(key=lambda one: -one[0])
        if len(found) > 1 and found[0][0] - found[1][0] < _SAME * self.norm:
            raise UnsupportedError(
                f"θ(s) is not unique at s = {s:g}: several sectors or dark states have the same leading eigenvalue, "
                f"and the statistics depend on the start; `state` chooses the sectors of one"
            )
        value, leading = found[0]
        derivatives, right, left = leading.expand(value)
        return derivatives, self._outgrown(leading.places, right, left)

    def _outgrown(self, places: NDArray[np.intp], right: Array, left: Array) -> list[int]:
        """Modes at whose edge more is lost than θ may be wrong by: |ℓ| times what r loses there."""
        if self._edge is None:
            return []
        packing = self.generator.packing
        whole = np.zeros((2, packing.size))
        whole[:, places] = right, left
        largest = max(float(np.linalg.norm(block, 2)) for block in packing.unpack(whole[1]).values())
        allowed = _LOST * (self.model.fastest or 1.0)
        return [m for m, lost in enumerate(self._edge.losses(whole[0])) if largest * lost > allowed]


class _Leading:
    """The leading eigenvalue of one part, with ``changes`` w: e^{-sw} times the jumps of weight w."""

    def __init__(
        self,
        places: NDArray[np.intp],
        matrix: csr_array,
        changes: dict[float, csr_array],
        start: Array,
        norm: float,
        factors: Callable[[csc_array], Any],
    ) -> None:
        self.places, self._matrix, self._changes, self._start, self._norm = places, matrix, changes, start, norm
        self._factors = factors

    def expand(self, value: float) -> tuple[Array, Array, Array]:
        """(θ, θ', .., error), the right and the left vector."""
        L, n = self._matrix, len(self.places)
        shift = value + _SHIFT * self._norm
        inverse = self._factors((shift * eye_array(n) - L).tocsc())
        right, left = self._start, self._start
        for _ in range(3):  # inverse iteration: θ is the nearest eigenvalue by far
            right = inverse.solve(right / np.linalg.norm(right))
            left = inverse.solve(left / np.linalg.norm(left), trans="T")
        right = right / np.linalg.norm(right)
        left = left / (left @ right)
        theta = float(left @ (L @ right))
        error = float(np.linalg.norm(L @ right - theta * right) * np.linalg.norm(left))

        def order(k: int, vector: Array) -> Array:
            return sum(((-w) ** k / factorial(k) * (M @ vector) for w, M in self._changes.items()), np.zeros(n))

        thetas, rows = [theta], [right]
        for m in range(1, ORDER + 1):
            made = [order(k, rows[m - k]) for k in range(1, m + 1)]
            thetas.append(float(left @ sum(made)))
            source = -sum((x - thetas[k] * rows[m - k] for k, x in enumerate(made, 1)), np.zeros(n))
            rows.append(self._solved(inverse, source, theta, right, left))
        derivatives = [factorial(m) * value for m, value in enumerate(thetas)]
        return np.array([*derivatives, error]), right, left

    def _solved(self, inverse: Any, source: Array, theta: float, right: Array, left: Array) -> Array:
        """Solve (𝓛 - θ) x = source with ℓ·x = 0, from the factors of shift - 𝓛 by refinement.

        One step leaves the part shift/(shift + gap) of the error.
        """
        source = source - (left @ source) * right
        x, before = np.zeros_like(source), np.inf
        for _ in range(_REFINEMENTS):
            residual = source - (self._matrix @ x - theta * x)
            residual -= (left @ residual) * right
            size = float(np.linalg.norm(residual))
            if size <= 1e-15 * np.linalg.norm(source) or size > 0.5 * before:
                break
            before = size
            x = x - inverse.solve(residual)
            x -= (left @ x) * right
        if not size <= _ALLOWED * np.linalg.norm(source):
            raise ConvergenceError(
                f"The derivatives of θ were not found: the next eigenvalue is too close to θ = {theta:.6g} (residual "
                f"{size:.2g})"
            )
        return x


def _fill(generator: Generator) -> float:
    """Entries of the factors of the largest part at most, as for steady states."""
    n, one = generator.packing.size, len(generator.model.blocks) == 1 and not generator.spaces
    return 2 * n**1.65 if one else n**2 / 2
