"""What a model is made of by name, and the averages of it that are reported: of its particles, and of its modes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError
from ..tools import checks
from ..tools.summaries import few
from .blocks import Block
from .modes import Mode
from .operators import HERMITIAN, SIGMA_MINUS, SIGMA_PLUS, check_hermitian, labelled_basis, matrix_of


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


class Quadrature(NamedTuple):
    """One average of a mode that every result reports, x or y of a/√N = x + iy.

    Attributes
    ----------
    label : str
    mode : int
        Position of the mode in ``model.modes``.
    part : int
        0 for x, 1 for y.
    """

    label: str
    mode: int
    part: int


class Constituents:
    """Blocks and modes by their names, and the averages of them that results report.

    Attributes
    ----------
    blocks : tuple of Block
    modes : tuple of Mode
    averages : tuple of str, or None
        Labels of the averages that are reported; None for all of them.
    """

    blocks: Sequence[Block]
    modes: Sequence[Mode]
    averages: Sequence[str] | None

    @property
    def size(self) -> int:
        """N, the number of all particles."""
        return sum(b.size for b in self.blocks)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of particles of each block."""
        return {b.name: b.size for b in self.blocks}

    @property
    def mode_names(self) -> tuple[str, ...]:
        """The names of the modes."""
        return tuple(mode.name for mode in self.modes)

    def mode_index(self, name: str, argument: str = "mode") -> int:
        """Position of the mode called ``name``; raises ArgumentError about ``argument`` if there is none."""
        if name not in self.mode_names:
            known = f"be one of the modes {checks.named([checks.shown(m) for m in self.mode_names])}"
            rule = known if self.modes else "be the name of a mode"
            found = f"it is {checks.shown(name)}"
            raise ArgumentError(argument, rule, found if self.modes else f"{found}, and there is no mode")
        return self.mode_names.index(name)

    def block_index(self, name: str, argument: str = "block") -> int:
        """Position of the block called ``name``; raises ArgumentError about ``argument`` if there is none."""
        for i, block in enumerate(self.blocks):
            if isinstance(name, str) and block.name == name:
                return i
        raise ArgumentError(argument, f"be one of {self._block_names}", f"it is {checks.shown(name)}")

    def check_keys(self, name: str, keys: Iterable[object], *, modes: bool = False) -> None:
        """Raise ArgumentError about the mapping ``name`` unless its keys are blocks; or, with ``modes``, modes."""
        known = [b.name for b in self.blocks] + (list(self.mode_names) if modes else [])
        what = "blocks and modes" if modes and self.mode_names else "blocks"
        for key in keys:
            if not isinstance(key, str) or key not in known:
                rule = f"have names of {what} as keys ({checks.named([checks.shown(n) for n in known])})"
                raise ArgumentError(name, rule, f"one is {checks.shown(key)}")

    @property
    def _block_names(self) -> str:
        return checks.named([checks.shown(b.name) for b in self.blocks])

    @cached_property
    def observables(self) -> tuple[Observable, ...]:
        """The averages that results report, A of them, block by block.

        Two levels: x, y, z (Pauli). More: n0..n{d-1}, then x{ab}, y{ab} for each a < b. Those of ``averages`` alone, if
        they are given.
        """
        chosen = None if self.averages is None else frozenset(self.averages)
        return tuple(o for o in self.all_averages() if chosen is None or o.label in chosen)

    @cached_property
    def quadratures(self) -> tuple[Quadrature, ...]:
        """The averages x and y of the modes that results report, after the ``observables``, which are of particles."""
        chosen = None if self.averages is None else frozenset(self.averages)
        return tuple(q for q in self.all_quadratures() if chosen is None or q.label in chosen)

    def all_quadratures(self) -> Iterator[Quadrature]:
        """The averages x and y of all modes, whether they are measured or not."""
        for i, mode in enumerate(self.modes):
            yield from (Quadrature(f"{mode.name}.{xy}", i, part) for part, xy in enumerate("xy"))

    def all_averages(self) -> Iterator[Observable]:
        """The averages of particles that a model has, whether they are measured or not, one after the other."""
        for i, block in enumerate(self.blocks):
            for label, matrix in labelled_basis(block.levels):
                yield Observable(f"{block.name}.{label}", i, matrix)

    def measures(self, block: int) -> bool:
        """Whether all averages of a block are measured."""
        levels = self.blocks[block].levels
        n_all = 3 if levels == 2 else levels**2
        return self.averages is None or sum(o.block == block for o in self.observables) == n_all

    def _chosen(self) -> tuple[str, ...] | None:
        """The labels of ``averages`` in their order in the model; None for all of them."""
        if self.averages is None:
            return None
        labels = checks.items("averages", self.averages, "a list of labels")
        known = [*(o.label for o in self.all_averages()), *(q.label for q in self.all_quadratures())]
        for label in labels:
            if not isinstance(label, str) or label not in known:
                rule = f"name averages of the model, such as {checks.named([repr(k) for k in known[:9]])}"
                raise ArgumentError("averages", rule, f"one is {checks.shown(label)}")
        if not labels or len(set(labels)) != len(labels):
            found = f"it is {checks.shown(labels)}"
            raise ArgumentError("averages", "name at least one average, and each of them once", found)
        return None if len(labels) == len(known) else tuple(label for label in known if label in labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """The A labels of all that is reported: ``"block.x"`` of the observables, then those of the quadratures."""
        return (*(o.label for o in self.observables), *(q.label for q in self.quadratures))

    @property
    def deviation_weights(self) -> NDArray[np.float64]:
        """(A,) weights of (m_a - m̄_a)² in E_N, (24) in the orthonormal basis of (7).

        Modes have none, their weight is 0: E_N is the paper's sum over averages of particles.
        """
        return np.array([o.weight for o in self.observables] + [0.0] * len(self.quadratures))

    def by_label(self) -> dict[str, Mapping[str, ArrayLike]]:
        """{block: matrix} of every average that has a label, measured or not, and {mode: (c_x, c_y)} of modes.

        Order parameters are averages, too; "spins.plus" and "spins.minus" are σ_+ and σ_- of two levels, "cavity.a" and
        "cavity.adag" a/√N and a†/√N.
        """
        orders: Mapping[str, Any] = getattr(self, "order_parameters", {})
        found: dict[str, Mapping[str, ArrayLike]] = {
            **{o.label: {self.blocks[o.block].name: o.matrix} for o in self.all_averages()},
            **{q.label: {self.modes[q.mode].name: ((1.0, 0.0), (0.0, 1.0))[q.part]} for q in self.all_quadratures()},
            **{label: matrices for label, matrices in orders.items() if isinstance(matrices, Mapping)},
        }
        for block in self.blocks:
            if block.levels == 2:
                ladder = {f"{block.name}.plus": SIGMA_PLUS, f"{block.name}.minus": SIGMA_MINUS}
                found |= {label: {block.name: x} for label, x in ladder.items() if label not in found}
        for mode in self.mode_names:
            ladder_of_mode = {f"{mode}.a": (1.0, 1j), f"{mode}.adag": (1.0, -1j)}
            found |= {label: {mode: pair} for label, pair in ladder_of_mode.items() if label not in found}
        return found

    def in_matrices(self, name: str, average: object) -> Mapping[str, ArrayLike]:
        """{block: matrix} of an average that is given so, or by its label; raises ArgumentError about ``name``."""
        if isinstance(average, str):
            known = self.by_label()
            if average not in known:
                rule = f"be {{block: matrix}} or name one of {checks.named(list(known))}"
                raise ArgumentError(name, rule, f"it is {checks.shown(average)}{checks.suggestion(average, known)}")
            return known[average]
        if not isinstance(average, Mapping) or not average:
            rule = "map block names to matrices, {block: matrix}, or name an average"
            raise ArgumentError(name, rule, f"it is {checks.shown(average)}")
        return average

    def linear(self, name: str, matrices: str | Mapping[str, ArrayLike]) -> tuple[float, NDArray[np.float64]]:
        """Write Σ_b (1/N_b) Σ_{k in b} X_b^(k) as constant + Σ_a c_a m_a; returns the constant and c (A,).

        A mode adds c_x x + c_y y, given as (c_x, c_y). A label stands for its average.

        Raises
        ------
        ArgumentError
            If a block is unknown or an X_b is not Hermitian of the block's shape, or if it takes an average that is not
            measured; ``name`` is what it is called.
        """
        constant, coefficients, given = 0.0, np.zeros(len(self.labels)), self.in_matrices(name, matrices)
        of_modes = {key: value for key, value in given.items() if isinstance(key, str) and key in self.mode_names}
        self.check_keys(name, given, modes=True)
        for mode, value in of_modes.items():
            coefficients += self._of_mode(f"{name}[{mode!r}]", mode, value)
        for block, value in given.items():
            if block in of_modes:
                continue
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
            if not self.measures(b):
                self._check_measured(f"{name}[{block!r}]", b, matrix)
        return constant, coefficients

    def _of_mode(self, name: str, mode: str, value: ArrayLike) -> NDArray[np.float64]:
        """(A,) coefficients of c_x x + c_y y of a mode, given as (c_x, c_y)."""
        pair = checks.array(name, value, "a pair (c_x, c_y) of numbers", real=True).astype(float)
        if pair.shape != (2,):
            raise ArgumentError(name, "be a pair (c_x, c_y) of numbers", f"its shape is {pair.shape}")
        place = self.mode_index(mode)
        missing = [
            q.label for q in self.all_quadratures() if q.mode == place and pair[q.part] and q not in self.quadratures
        ]
        if missing:
            raise ArgumentError(name, "be a sum of the `averages` that are measured", f"it takes {few(missing)} too")
        own = [pair[q.part] if q.mode == place else 0.0 for q in self.quadratures]
        return np.array([0.0] * len(self.observables) + own)

    def _check_measured(self, name: str, block: int, matrix: NDArray[np.complex128]) -> None:
        """Raise ArgumentError unless a matrix of a block is a sum of measured averages (and of the identity)."""
        assert self.averages is not None
        overlaps = {o.label: np.vdot(o.matrix, matrix) * o.weight for o in self.all_averages() if o.block == block}
        least = HERMITIAN * float(np.abs(matrix).max())
        missing = [label for label, c in overlaps.items() if abs(c) > least and label not in self.averages]
        if missing:
            raise ArgumentError(name, "be a sum of the `averages` that are measured", f"it takes {few(missing)} too")
