"""Full counting statistics: the leading eigenvalue θ(s) of the tilted generator, and its derivatives.

With K the weighted number of jumps until t, <e^{-sK}> goes as e^{θ(s) t}, where θ(s) is the eigenvalue of largest real
part of

    𝓛_s ρ = -i(H_eff ρ - ρ H_eff†) + Σ_l e^{-s w_l} Σ K_l ρ K_l†.

Derivatives are exact, by perturbation theory: with 𝓛_{s+ε} = Σ_k ε^k 𝓛_k, 𝓛_k = Σ_l (-w_l)^k/k! e^{-s w_l} K_l · K_l†
for k > 0, right and left vectors r and ℓ with ℓ·r = 1, and ℓ·r_k = 0,

    θ_n = ℓ·Σ_{k=1}^n 𝓛_k r_{n-k},    (𝓛_s - θ) r_n = -Σ_{k=1}^n (𝓛_k - θ_k) r_{n-k},    θ^(n) = n! θ_n.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, eye_array
from scipy.sparse.linalg import splu

from ..basis.fock_space import FockSpace
from ..basis.particle_removal import Label
from ..basis.sector_densities import block_densities
from ..errors import ConvergenceError, UnsupportedError
from ..model import Model
from ..model.states import State
from ..tools.types import Array, Matrix
from .fock_growth import Edge
from .generator import GIB, Generator
from .invariant_parts import arranged, parts_of
from .no_jump_inverse import VECTORS, Map, NoJumpInverse, least_residual
from .populations import Populations, factors_of
from .spectrum.eigenpairs import Eigenpairs, slowest_pairs
from .spectrum.slow_modes import some_populations

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

_NO_WEIGHT = 1e-12
"""Weight of a start in a state that is not told from zero."""

_NO_ENTRY = 1e-15
"""Entries below this, of the largest one, are rounding."""

BASIS = 60
"""Vectors that the iteration keeps."""

_LEAST, _DIRECTIONS, _ENOUGH = 120, 400, 1e-10
"""Vectors that must fit beside a generator without a matrix, directions of a Krylov iteration at most, and the residual
that it comes to before it is refined."""


class _Part(ABC):
    """One part of the tilted generator, as matrices or as maps.

    Attributes
    ----------
    places : (n,) int array
        Of the packed vector.
    norm : float
        A bound on the norm of the generator.
    """

    def __init__(self, places: NDArray[np.intp], norm: float) -> None:
        self.places, self.norm = places, norm

    @abstractmethod
    def pairs(self, s: float) -> Eigenpairs:
        """The two leading eigenvalues at s, with right vectors."""

    @abstractmethod
    def leading(self, s: float, value: float, start: Array) -> _Leading:
        """That eigenvalue near ``value`` with a right vector near ``start``, in full."""


class _MatrixPart(_Part):
    """A part with its matrix, and ``gains`` w: the jumps of weight w in it."""

    def __init__(
        self,
        places: NDArray[np.intp],
        norm: float,
        matrix: csr_array,
        gains: dict[float, csr_array],
        factors: Callable[[csc_array], Any],
    ) -> None:
        super().__init__(places, norm)
        self._matrix, self._gains, self._factors = matrix, gains, factors

    def _tilted(self, s: float) -> csr_array:
        return csr_array(sum((np.expm1(-s * w) * gain for w, gain in self._gains.items()), self._matrix))

    def pairs(self, s: float) -> Eigenpairs:
        """The two leading eigenvalues at s, with right vectors."""
        return slowest_pairs(self._tilted(s), len(self.places), 2, self.norm)

    def leading(self, s: float, value: float, start: Array) -> _Leading:
        """By inverse iteration: θ is the nearest eigenvalue by far."""
        L, n = self._tilted(s), len(self.places)
        inverse = self._factors(((value + _SHIFT * self.norm) * eye_array(n) - L).tocsc())
        right, left = start, start
        for _ in range(3):
            right = inverse.solve(right / np.linalg.norm(right))
            left = inverse.solve(left / np.linalg.norm(left), trans="T")
        changes = {w: csr_array(np.exp(-s * w) * gain).__matmul__ for w, gain in self._gains.items()}

        def corrected(residual: Array) -> Array:
            step: Array = -inverse.solve(residual)
            return step

        return _Leading(self.places, L.__matmul__, changes, right, left, corrected)


class _MapPart(_Part):
    """The whole without a matrix; ``kinds`` w: the jumps of weight w."""

    def __init__(self, generator: Generator, kinds: Mapping[float, Sequence[int]]) -> None:
        super().__init__(np.arange(generator.packing.size), generator.norm or 1.0)
        self._generator = generator
        self._gains = {w: generator.gains(jumps) for w, jumps in kinds.items()}
        self._turned = {w: generator.gains(jumps, adjoint=True) for w, jumps in kinds.items()}
        self._start = some_populations(generator)

    def _tilted(self, s: float, *, turned: bool = False) -> Map:
        apply = self._generator.adjoint if turned else self._generator
        gains = self._turned if turned else self._gains
        return lambda v: sum((np.expm1(-s * w) * gain(v) for w, gain in gains.items()), apply(v))

    def pairs(self, s: float) -> Eigenpairs:
        """The two leading eigenvalues at s, with right vectors."""
        return slowest_pairs(self._tilted(s), len(self.places), 2, self.norm, start=self._start)

    def leading(self, s: float, value: float, start: Array) -> _Leading:
        """The left vector by the same iteration; the derivatives by a Krylov iteration that inverts all but jumps."""
        L = self._tilted(s)
        turned = slowest_pairs(self._tilted(s, turned=True), len(self.places), 1, self.norm, start=self._start)
        left = _real(turned.right[:, 0])
        left = left / (left @ start)
        inverse = NoJumpInverse(self._generator, max(value, 0.0))
        directions = max(min(self._generator.spare - VECTORS - 2 * ORDER, _DIRECTIONS), 2)
        changes = {w: _times(np.exp(-s * w), gain) for w, gain in self._gains.items()}

        def corrected(residual: Array) -> Array:
            def apply(y: Array) -> Array:
                x = inverse(y)
                x -= (left @ x) * start
                made = L(x) - value * x
                projected: Array = made - (left @ made) * start
                return projected

            y, _ = least_residual(apply, residual, directions, _ENOUGH)
            return inverse(y)

        return _Leading(self.places, L, changes, start, left, corrected)


def _times(factor: float, apply: Map) -> Map:
    return lambda vector: factor * apply(vector)


def _real(vector: Matrix) -> Array:
    """An eigenvector of a real eigenvalue, as real numbers of unit norm."""
    turned = (vector * np.conj(vector[np.argmax(np.abs(vector))])).real
    return np.asarray(turned / np.linalg.norm(turned))


class Tilted:
    """The tilted generator of a model, part by part where it has a matrix.

    Raises
    ------
    ArgumentError
        If it does not fit into the memory.
    """

    def __init__(
        self,
        model: Model,
        occupied: Sequence[Sequence[Label]],
        spaces: Sequence[FockSpace],
        memory: float,
        weights: Array,
        chosen: Populations | None = None,
        state: State | None = None,
    ) -> None:
        self.model, self.spaces = model, spaces
        kinds = {float(w): [l for l, own in enumerate(weights) if own == w] for w in np.unique(weights) if w}
        self.generator: Generator | Populations
        if chosen is not None:
            self.generator = chosen
            self._start = None if state is None else chosen.start(state)
            self._parts: list[_Part] = list(_cut(chosen, chosen.matrix, weights, kinds, self._start))
        else:
            generator, matrix = arranged(model, occupied, spaces, memory)
            if matrix is None or 32 * _fill(generator) > memory * GIB:
                generator = Generator(model, occupied, memory=memory, least=_LEAST, spaces=spaces)
                self._start = _start_in(generator, state)
                self._parts = [_MapPart(generator, kinds)]
            else:
                self._start = _start_in(generator, state)
                self._parts = list(_cut(generator, matrix, weights, kinds, self._start))
            self.generator = generator
        self.norm = self.generator.norm or 1.0
        self._edge = Edge(model, spaces, self.generator.packing, self.generator.dims) if spaces else None

    @property
    def apart(self) -> int:
        """How many parts hold populations."""
        return len(self._parts)

    def at(self, s: float) -> tuple[Array, Array, list[int]]:
        """(θ, θ', .., θ'''', error) at s; the share of each sector; the modes of which more Fock states are needed."""
        found: list[tuple[float, _Part, Array]] = []
        for part in self._parts:
            pairs = part.pairs(s)
            found += [
                (float(value.real), part, _real(vector))
                for value, vector in zip(pairs.values, pairs.right.T, strict=True)
            ]
        found.sort(key=lambda one: -one[0])
        if len(found) > 1 and found[0][0] - found[1][0] < _SAME * self.norm:
            raise UnsupportedError(
                f"θ(s) is not unique at s = {s:g}: several sectors or dark states have the same leading eigenvalue, "
                f"and the statistics depend on the start; `state` chooses the sectors of one"
            )
        value, part, start = found[0]
        derivatives, right, left = part.leading(s, value, start).expand()
        outgrown = self._outgrown(part.places, right, left)
        if not outgrown:
            self._check_weight(s, part.places, left)
        return derivatives, self._shares(part.places, right), outgrown

    def _shares(self, places: NDArray[np.intp], right: Array) -> Array:
        """Probability of each sector in the leading state."""
        packing = self.generator.packing
        populations = np.zeros(packing.size)
        populations[places] = right
        populations *= packing.identity
        found = np.array([populations[own].sum() for own in packing.slices.values()])
        return np.asarray(found / found.sum())

    def _check_weight(self, s: float, places: NDArray[np.intp], left: Array) -> None:
        """Refuse a start of which <e^{-sK}> does not go with the eigenvalue found: ℓ·ρ = 0.

        Not of populations, whose rates have no signs that could cancel: each state that leads to those of the
        eigenvalue has a part in it, if one that gets smaller with every particle.
        """
        if self._start is None or not isinstance(self.generator, Generator):
            return
        packing = self.generator.packing
        whole = np.zeros(packing.size)
        whole[places] = left
        largest = max(float(np.abs(packing.spectrum(whole, labels)[0]).max()) for labels in packing.dims)
        weight = abs(float(left @ self._start[places])) / largest
        if weight < _NO_WEIGHT:
            raise UnsupportedError(
                f"θ(s) of this start is not the leading eigenvalue at s = {s:g}: the start has no part in the state "
                f"that belongs to it (weight {weight:.0e}), as a dark state that is no basis state has none"
            )

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


def _start_in(generator: Generator, state: State | None) -> Array | None:
    """A start as a packed vector; None where it does not matter, or with modes, whose Fock states may not hold it."""
    if state is None or generator.spaces:
        return None
    blocks = zip(generator.model.blocks, state.blocks, strict=True)
    return generator.start([block_densities(block, own) for block, own in blocks])


def _reached(pattern: csr_array, start: Array | None) -> NDArray[np.bool_]:
    """What a map with this pattern ever makes of a start: the elements that its own ones lead to."""
    if start is None:
        return np.ones(pattern.shape[0], dtype=bool)
    links = pattern > _NO_ENTRY * pattern.max()
    found = np.abs(start) > _NO_ENTRY * np.abs(start).max()
    while True:
        grown_to = found | (links @ found > 0)
        if grown_to.sum() == found.sum():
            return np.asarray(found)
        found = grown_to


def _cut(
    generator: Generator | Populations,
    matrix: csr_array,
    weights: Array,
    kinds: Mapping[float, Sequence[int]],
    start: Array | None,
) -> Iterator[_MatrixPart]:
    """The parts with populations, of them what the start leads to."""
    gains = {w: generator.gain([float(own == w) for own in weights]) for w in kinds}
    pattern = csr_array(sum((abs(gain) for gain in gains.values()), abs(matrix)))
    whole, reached = isinstance(generator, Generator), _reached(pattern, start)
    for part in parts_of(generator, pattern) if isinstance(generator, Generator) else generator.parts(pattern):
        own = part.places[reached[part.places]]
        if part.diagonal and len(own):
            cut = {w: csr_array(gain[own][:, own]) for w, gain in gains.items()}
            factors = splu if whole else factors_of
            yield _MatrixPart(own, generator.norm or 1.0, csr_array(matrix[own][:, own]), cut, factors)


class _Leading:
    """The leading eigenvalue of one part.

    Parameters
    ----------
    places : (n,) int array
    apply : callable
        The tilted generator 𝓛.
    changes : dict of float to callable
        w: e^{-sw} times the jumps of weight w.
    right, left : arrays
        Its vectors, not normalised.
    corrected : callable
        About (𝓛 - θ)⁻¹ of a residual, to be refined.
    """

    def __init__(
        self,
        places: NDArray[np.intp],
        apply: Map,
        changes: dict[float, Map],
        right: Array,
        left: Array,
        corrected: Map,
    ) -> None:
        self.places, self._apply, self._changes, self._corrected = places, apply, changes, corrected
        self._right = right / np.linalg.norm(right)
        self._left = left / (left @ self._right)

    def expand(self) -> tuple[Array, Array, Array]:
        """(θ, θ', .., error), the right and the left vector."""
        right, left = self._right, self._left
        moved = self._apply(right)
        theta = float(left @ moved)
        error = float(np.linalg.norm(moved - theta * right) * np.linalg.norm(left))

        def order(k: int, vector: Array) -> Array:
            terms = ((-w) ** k / factorial(k) * gain(vector) for w, gain in self._changes.items())
            return sum(terms, np.zeros(len(vector)))

        thetas, rows = [theta], [right]
        for m in range(1, ORDER + 1):
            made = [order(k, rows[m - k]) for k in range(1, m + 1)]
            thetas.append(float(left @ sum(made)))
            if m < ORDER:
                source = -sum((x - thetas[k] * rows[m - k] for k, x in enumerate(made, 1)), np.zeros(len(right)))
                rows.append(self._solved(source, theta))
        derivatives = [factorial(m) * value for m, value in enumerate(thetas)]
        return np.array([*derivatives, error]), right, left

    def _solved(self, source: Array, theta: float) -> Array:
        """Solve (𝓛 - θ) x = source with ℓ·x = 0 by refinement.

        With factors of shift - 𝓛 one step leaves the part shift/(shift + gap) of the error.
        """
        right, left = self._right, self._left
        source = source - (left @ source) * right
        x, before = np.zeros_like(source), np.inf
        for _ in range(_REFINEMENTS):
            residual = source - (self._apply(x) - theta * x)
            residual -= (left @ residual) * right
            size = float(np.linalg.norm(residual))
            if size <= 1e-15 * np.linalg.norm(source) or size > 0.5 * before:
                break
            before = size
            x = x + self._corrected(residual)
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
