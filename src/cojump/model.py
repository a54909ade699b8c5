"""The models: blocks of exchangeable particles, a Hamiltonian, and jumps with operator-valued rates.

The class of models is that of Fiorelli, Müller, Lesanovsky, Carollo, arXiv:2302.04155 (equation numbers in
brackets are that paper's), extended to several blocks of unequal sizes and to collective jumps. Everything is
validated once, when a :class:`Model` is made; the rest of the program trusts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import checks
from .errors import ArgumentError, UnsupportedError
from .terms import (
    HERMITIAN,
    PROJECTOR_UP,
    SIGMA_MINUS,
    SIGMA_PLUS,
    SIGMA_X,
    SIGMA_Y,
    SIGMA_Z,
    Block,
    CollectiveJump,
    LocalJump,
    OneBody,
    RealFunction,
    TwoBody,
    check_hermitian,
    matrix_of,
)

__all__ = [
    "PROJECTOR_UP",
    "SIGMA_MINUS",
    "SIGMA_PLUS",
    "SIGMA_X",
    "SIGMA_Y",
    "SIGMA_Z",
    "Block",
    "CollectiveJump",
    "LocalJump",
    "Model",
    "Observable",
    "OneBody",
    "RealFunction",
    "TwoBody",
    "check_model",
    "snapped",
    "two_level_averages",
]

_MOST_PARTICLES = 2**53
"""Numbers of particles up to this are exact as floating-point numbers."""

_SPECTRUM_POINTS = 100_000
"""A rate is tried on every point of its argument's spectrum up to this many, on a grid of it beyond."""


@dataclass(frozen=True, eq=False)
class Observable:
    """One average (1/N_b) Σ_{k in b} o^(k) that every result reports: its label, block and matrix o (d, d)."""

    label: str
    block: int
    matrix: NDArray[np.complex128]

    @property
    def weight(self) -> float:
        """1/tr(o²): the factor that turns (m - m̄)² into the paper's orthonormal basis, as E_N needs it."""
        return 1.0 / float(np.trace(self.matrix @ self.matrix).real)


def _labelled_basis(levels: int) -> list[tuple[str, NDArray[np.complex128]]]:
    """Labels and matrices that, with the identity, span the Hermitian (d, d) matrices orthogonally."""
    if levels == 2:
        return [("x", SIGMA_X), ("y", SIGMA_Y), ("z", SIGMA_Z)]
    unit = np.eye(levels, dtype=complex)
    basis = [(f"n{a}", np.outer(unit[a], unit[a])) for a in range(levels)]
    for a in range(levels):
        for b in range(a + 1, levels):
            flip = np.outer(unit[a], unit[b])
            basis.append((f"x{a}{b}", flip + flip.T))
            basis.append((f"y{a}{b}", -1j * flip + 1j * flip.T))
    return basis


def single_particle_basis(levels: int) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Orthogonal Hermitian matrices o (n, d, d) that span all of them, and 1/tr(o²) (n,).

    Those whose averages are reported; for two levels with the identity in front, which they do not span.
    """
    matrices = [matrix for _, matrix in _labelled_basis(levels)]
    if levels == 2:
        matrices = [np.eye(2, dtype=complex), *matrices]
    stack = np.array(matrices)
    return stack, 1.0 / np.einsum("aij,aji->a", stack, stack).real


def symmetric_products(matrices: NDArray[np.complex128], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, n, n) coefficients of ½(o_a o_b + o_b o_a) = Σ_c s_abc o_c in such a basis.

    Raises
    ------
    UnsupportedError
        If they do not fit in memory: the levels are too many for statistics of products.
    """
    need, have = 40.0 * len(matrices) ** 3, float(checks.memory())
    if need > 0.5 * have:
        levels, gib = matrices.shape[1], 2.0**30
        raise UnsupportedError(
            f"Products of the {len(matrices)} averages of a particle of {levels} levels need {need / gib:,.1f} GiB "
            f"and there are {have / gib:,.1f} GiB"
        )
    traces = np.einsum("aij,bjk,cki->abc", matrices, matrices, matrices, optimize=True).real
    return (traces + traces.transpose(1, 0, 2)) / 2 * weights


@dataclass(frozen=True, eq=False)
class Model:
    """An open quantum many-body model: dρ/dt = -i[H, ρ] + Σ (J ρ J† - ½{J†J, ρ}).

    Parameters
    ----------
    blocks : sequence of Block
    hamiltonian : sequence of OneBody and TwoBody
        H is their sum; as an operator on the whole system it must be Hermitian.
    jumps : sequence of LocalJump and CollectiveJump
        Their order numbers the channels of the jump record.
    order_parameters : mapping of str to mapping of str to (d_b, d_b) array
        Sums of averages that results report besides those of the blocks, by name: m = Σ_b (1/N_b) Σ_{k in b} X_b^(k)
        with Hermitian X_b. A Hopfield model has the overlaps with its patterns here.

    Raises
    ------
    ArgumentError
        If names, shapes, Hermiticity or the values of a rate over the spectrum of its argument break a rule.
    """

    blocks: Sequence[Block]
    hamiltonian: Sequence[OneBody | TwoBody] = ()
    jumps: Sequence[LocalJump | CollectiveJump] = ()
    order_parameters: Mapping[str, Mapping[str, ArrayLike]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, kinds in (
            ("blocks", Block),
            ("hamiltonian", (OneBody, TwoBody)),
            ("jumps", (LocalJump, CollectiveJump)),
        ):
            value = checks.items(name, getattr(self, name), "a list")
            for i, item in enumerate(value):
                if not isinstance(item, kinds):
                    found = f"it is {checks.shown(item)}"
                    raise ArgumentError(f"{name}[{i}]", "be one of cojump's terms for it", found)
            object.__setattr__(self, name, tuple(value))
        if not self.blocks:
            raise ArgumentError("blocks", "hold at least one block", "it is empty")
        names = [b.name for b in self.blocks]
        if len(set(names)) != len(names):
            raise ArgumentError("blocks", "have different names", f"the names are {names[:20]}")
        if self.size > _MOST_PARTICLES:
            found = f"they hold {checks.shown(self.size)} together"
            raise ArgumentError("blocks", f"hold at most 2^53 = {_MOST_PARTICLES:,} particles", found)
        self._check_shapes()
        self._check_hermitian()
        checks.mapping("order_parameters", self.order_parameters, "map names to {block: matrix}")
        for name, matrices in self.order_parameters.items():
            if not isinstance(name, str) or not name:
                raise ArgumentError("order_parameters", "have names as keys", f"one is {checks.shown(name)}")
            self.linear(f"order_parameters[{name!r}]", matrices)
        for i, jump in enumerate(self.jumps):
            if isinstance(jump, LocalJump):
                try:
                    jump.gamma(self.argument_spectrum(jump))
                except ArgumentError as error:
                    raise error.inside(f"jumps[{i}]") from None

    @property
    def size(self) -> int:
        """N, the number of all particles."""
        return sum(b.size for b in self.blocks)

    def block_index(self, name: str, argument: str = "block") -> int:
        """Position of the block called ``name``; raises ArgumentError about ``argument`` if there is none."""
        for i, block in enumerate(self.blocks):
            if isinstance(name, str) and block.name == name:
                return i
        raise ArgumentError(argument, f"be one of {self._block_names}", f"it is {checks.shown(name)}")

    def check_keys(self, name: str, blocks: Iterable[object]) -> None:
        """Raise ArgumentError about the mapping ``name`` unless its keys ``blocks`` are names of blocks."""
        known = [b.name for b in self.blocks]
        for block in blocks:
            if not isinstance(block, str) or block not in known:
                raise ArgumentError(
                    name, f"have names of blocks as keys ({self._block_names})", f"one is {checks.shown(block)}"
                )

    @property
    def _block_names(self) -> str:
        return checks.named([checks.shown(b.name) for b in self.blocks])

    @cached_property
    def observables(self) -> tuple[Observable, ...]:
        """The averages that results report, A of them, block by block.

        Two levels: x, y, z (Pauli). More: n0..n{d-1}, then x{ab}, y{ab} for each a < b.
        """
        return tuple(
            Observable(f"{block.name}.{label}", i, matrix)
            for i, block in enumerate(self.blocks)
            for label, matrix in _labelled_basis(block.levels)
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The A labels ``"block.x"`` of the observables."""
        return tuple(o.label for o in self.observables)

    @property
    def deviation_weights(self) -> NDArray[np.float64]:
        """(A,) weights of (m_a - m̄_a)² in E_N, (24) in the orthonormal basis of (7)."""
        return np.array([o.weight for o in self.observables])

    def argument_spectrum(self, jump: LocalJump, most: int = _SPECTRUM_POINTS) -> NDArray[np.float64]:
        """Eigenvalues of Δ of a jump (of Δ without the jumping particle if that is left out), sorted.

        All of them up to ``most`` points; beyond, a grid of eigenvalues that keeps both ends.
        """
        if not jump.argument:
            return np.zeros(1)
        spectra = []
        budget = max(2, int(most ** (1.0 / min(len(jump.argument), 2))))
        for name, matrix in jump.argument.items():
            block = self.blocks[self.block_index(name)]
            levels = snapped(np.linalg.eigvalsh(matrix))
            count = block.size - int(jump.leaves_self_out and name == jump.block)
            spectra.append(_average_spectrum(levels, count, block.size, budget))
        return reduce(lambda a, b: _thinned(np.unique(np.add.outer(a, b)), most), spectra)

    def linear(self, name: str, matrices: Mapping[str, ArrayLike]) -> tuple[float, NDArray[np.float64]]:
        """Write Σ_b (1/N_b) Σ_{k in b} X_b^(k) as constant + Σ_a c_a m_a; returns the constant and c (A,).

        Raises
        ------
        ArgumentError
            If a block is unknown or an X_b is not Hermitian of the block's shape; ``name`` is what it is called.
        """
        constant, coefficients = 0.0, np.zeros(len(self.observables))
        if not isinstance(matrices, Mapping) or not matrices:
            raise ArgumentError(name, "map block names to matrices", f"it is {checks.shown(matrices)}")
        self.check_keys(name, matrices)
        for block, value in matrices.items():
            b = self.block_index(block)
            matrix, levels = matrix_of(f"{name}[{block!r}]", value), self.blocks[b].levels
            if matrix.shape != (levels, levels):
                rule = f"have the shape ({levels}, {levels}) of block {block!r}"
                raise ArgumentError(f"{name}[{block!r}]", rule, f"its shape is {matrix.shape}")
            check_hermitian(f"{name}[{block!r}]", matrix)
            if levels == 2:  # the Pauli matrices do not span the identity, the projectors of more levels do
                constant += float(np.trace(matrix).real) / 2
            for a, o in enumerate(self.observables):
                if o.block == b:
                    coefficients[a] += float(np.trace(matrix @ o.matrix).real) * o.weight
        return constant, coefficients

    def _check_shapes(self) -> None:
        def check(name: str, matrix: NDArray[np.complex128], block: str) -> None:
            levels = self.blocks[self.block_index(block)].levels
            if matrix.shape != (levels, levels):
                rule = f"have the shape ({levels}, {levels}) of block {block!r}"
                raise ArgumentError(name, rule, f"its shape is {matrix.shape}")

        for i, term in enumerate(self.hamiltonian):
            if isinstance(term, OneBody):
                self.block_index(term.block, f"hamiltonian[{i}].block")
                check(f"hamiltonian[{i}].eps", term.matrix, term.block)
            else:
                for block in term.blocks:
                    self.block_index(block, f"hamiltonian[{i}].blocks")
                check(f"hamiltonian[{i}].A", term.first, term.blocks[0])
                check(f"hamiltonian[{i}].B", term.second, term.blocks[1])
        for i, jump in enumerate(self.jumps):
            if isinstance(jump, LocalJump):
                self.block_index(jump.block, f"jumps[{i}].block")
                self.check_keys(f"jumps[{i}].argument", jump.argument)
                check(f"jumps[{i}].j", jump.matrix, jump.block)
                for name, matrix in jump.argument.items():
                    check(f"jumps[{i}].argument[{name!r}]", matrix, name)
            else:
                self.check_keys(f"jumps[{i}].matrices", jump.matrices)
                for name, matrix in jump.matrices.items():
                    check(f"jumps[{i}].matrices[{name!r}]", matrix, name)

    def _check_hermitian(self) -> None:
        """Refuse a Hamiltonian that is not Hermitian as an operator on the whole system.

        The two-body terms are brought to a sum over different particles plus a one-body part (k = j), and each
        is split into pieces orthogonal in the trace: scalar, one-body traceless, two-body traceless.
        """
        pairs, singles, scalar = _orthogonal_pieces(self)
        scale = max(1.0, max((float(np.abs(p).max()) for p in (*pairs.values(), *singles)), default=0.0))
        worst = abs(scalar.imag)
        for single in singles:
            worst = max(worst, float(np.abs(single - single.conj().T).max()))
        for pair in pairs.values():
            worst = max(worst, float(np.abs(pair - pair.conj().transpose(1, 0, 3, 2)).max()))
        if worst > HERMITIAN * scale * max(1.0, self.size**0.5):
            raise ArgumentError(
                "hamiltonian",
                "be Hermitian as an operator on the whole system",
                f"|H - H†| reaches {worst:.3g}",
            )


def check_model(model: object) -> None:
    """Raise ArgumentError unless ``model`` is a Model."""
    if not isinstance(model, Model):
        raise ArgumentError("model", "be a cojump Model", f"it is {checks.shown(model)}")


def snapped(levels: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Eigenvalues without the rounding of a diagonalisation: a projector has 0 and 1, not -1e-17.

    Rates may vanish, or have a root, at the edge of the spectrum.
    """
    largest = float(np.abs(levels).max(initial=0))
    if largest == 0:
        return np.zeros(len(levels))
    scale = 2.0 ** np.ceil(np.log2(largest))
    return np.round(levels / scale, 14) * scale


def two_level_averages(
    up: float, down: float, count: int, size: int, places: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Values of (i up + (count - i) down)/size for i particles up: i = 0..count, or the ``places`` alone."""
    i = np.arange(count + 1) if places is None else places
    values = (i * up + (count - i) * down) / size
    # the ends are exact: a rate may be defined up to them and no further
    lowest, highest = min(count * up / size, count * down / size), max(count * up / size, count * down / size)
    if count == size:
        lowest, highest = min(up, down), max(up, down)
    return np.minimum(np.maximum(values, lowest), highest)


def _thinned(values: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """At most ``most`` of sorted values, both ends among them."""
    if len(values) <= most:
        return values
    return values[np.unique(np.linspace(0, len(values) - 1, most).astype(int))]


def _average_spectrum(levels: NDArray[np.floating[Any]], count: int, size: int, budget: int) -> NDArray[np.float64]:
    """Values of (1/size) Σ_a n_a levels_a over occupations with Σ n_a = count, thinned to about ``budget``."""
    ladder = np.zeros(1)
    used = np.zeros(1, dtype=int)
    if len(levels) == 2:
        places = np.unique(np.linspace(0, count, min(count + 1, budget)).astype(int))
        return np.unique(two_level_averages(levels[1], levels[0], count, size, places))
    for level in levels[:-1]:
        steps = np.unique(np.linspace(0, count, min(count + 1, max(2, int(budget ** (1 / (len(levels) - 1)))))))
        n = steps.astype(int)
        total, value = np.add.outer(used, n).ravel(), np.add.outer(ladder, n * level).ravel()
        used, ladder = total[total <= count], value[total <= count]
    share = 1.0 if count == size else count / size  # the ends are exact, as for two levels
    values = (ladder + (count - used) * levels[-1]) / size
    return np.unique(np.clip(values, levels.min() * share, levels.max() * share))


def _orthogonal_pieces(
    model: Model,
) -> tuple[dict[tuple[int, int], NDArray[np.complex128]], list[NDArray[np.complex128]], complex]:
    """H as Σ_{pairs} traceless two-body + Σ_k traceless one-body + scalar·1.

    Returns the two-body tensors t[a, a', c, c'] (row and column of each particle) per pair of blocks, the
    one-body matrix of each block, and the scalar.
    """
    n_all = model.size
    singles = [np.zeros((b.levels, b.levels), dtype=complex) for b in model.blocks]
    pairs: dict[tuple[int, int], NDArray[np.complex128]] = {}
    for term in model.hamiltonian:
        if isinstance(term, OneBody):
            singles[model.block_index(term.block)] += term.matrix
            continue
        b, c = (model.block_index(name) for name in term.blocks)
        tensor = np.einsum("ab,cd->abcd", term.first, term.second) * (term.strength / n_all)
        if b == c:
            singles[b] += term.first @ term.second * (term.strength / n_all)
            tensor = (tensor + tensor.transpose(2, 3, 0, 1)) / 2
        elif b > c:
            b, c, tensor = c, b, tensor.transpose(2, 3, 0, 1)
        pairs[b, c] = pairs.get((b, c), 0) + tensor
    scalar = 0j
    for (b, c), tensor in pairs.items():
        size_b, size_c = model.blocks[b].size, model.blocks[c].size
        d_b, d_c = model.blocks[b].levels, model.blocks[c].levels
        one_b, one_c = np.eye(d_b), np.eye(d_c)
        on_b = np.einsum("abcc->ab", tensor) / d_c
        on_c = np.einsum("aacd->cd", tensor) / d_b
        both = np.trace(on_b) / d_b
        tensor = (
            tensor
            - np.einsum("ab,cd->abcd", on_b, one_c)
            - np.einsum("ab,cd->abcd", one_b, on_c)
            + both * np.einsum("ab,cd->abcd", one_b, one_c)
        )
        pairs[b, c] = tensor if b != c or size_b > 1 else np.zeros_like(tensor)
        partners = (size_c, size_b) if b != c else (size_b - 1, size_b - 1)
        singles[b] = singles[b] + (on_b - both * one_b) * partners[0]
        singles[c] = singles[c] + (on_c - both * one_c) * partners[1]
        scalar += both * (size_b * size_c if b != c else size_b * (size_b - 1))
    for i, block in enumerate(model.blocks):
        mean = np.trace(singles[i]) / block.levels
        singles[i] = singles[i] - mean * np.eye(block.levels)
        scalar += mean * block.size
    return pairs, singles, complex(scalar)
