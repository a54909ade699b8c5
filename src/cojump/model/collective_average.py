"""Averages of any matrices, as users write them: {block: matrix}, not necessarily Hermitian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, UnsupportedError
from ..tools import checks
from ..tools.matrices import commutator
from ..tools.types import Matrix
from .jumps import CollectiveJump
from .model import Model
from .modes import ModeLoss
from .operators import check_hermitian, matrix_of


@dataclass(frozen=True, eq=False)
class CollectiveAverage:
    """Σ_b (1/N_b) Σ_{k in b} X_b^(k) + Σ (c_x x + c_y y), with any matrices X_b and any complex numbers c.

    Attributes
    ----------
    model : Model
        All of its averages are measured.
    blocks : dict of int to (d_b, d_b) complex array
        X_b by the position of the block.
    modes : dict of int to (complex, complex)
        c_x and c_y by the position of the mode.
    """

    model: Model
    blocks: dict[int, Matrix]
    modes: dict[int, tuple[complex, complex]]

    @property
    def hermitian(self) -> tuple[CollectiveAverage, CollectiveAverage]:
        """A_1 and A_2, Hermitian, with A = A_1 + i A_2."""
        first = {b: (x + x.conj().T) / 2 for b, x in self.blocks.items()}
        second = {b: (x - x.conj().T) / 2j for b, x in self.blocks.items()}
        real = {m: (complex(x.real), complex(y.real)) for m, (x, y) in self.modes.items()}
        imaginary = {m: (complex(x.imag), complex(y.imag)) for m, (x, y) in self.modes.items()}
        return replace(self, blocks=first, modes=real), replace(self, blocks=second, modes=imaginary)

    def measured(self, model: Model, name: str) -> tuple[complex, NDArray[np.complex128]]:
        """The same as ``coefficients`` over the averages that a model measures; ArgumentError about ``name``."""
        found: list[tuple[float, NDArray[np.float64]]] = []
        for part in self.hermitian:
            named: dict[str, Any] = {self.model.blocks[b].name: x for b, x in part.blocks.items()}
            named |= {self.model.modes[m].name: (x.real, y.real) for m, (x, y) in part.modes.items()}
            found.append(model.linear(name, named))
        (c, w), (d, v) = found
        return complex(c, d), w + 1j * v

    @cached_property
    def coefficients(self) -> tuple[complex, NDArray[np.complex128]]:
        """The number c and the vector w (A,) with which it is c + Σ_a w_a m_a, over all averages of the model."""
        return self.measured(self.model, "average")

    @property
    def square(self) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Numbers with which A†A is c + Σ_a w_a m_a + Σ_ab W_ab ½{m_a, m_b}, over all averages of the model.

        With A = A_1 + i A_2 it is A_1² + A_2² + i[A_1, A_2], and the commutator of two averages is 1/N_b times one.
        """
        first, second = self.hermitian
        sizes = [block.size for block in self.model.blocks]
        blocks = {
            b: np.asarray(commutator(1j * x, second.blocks[b]) / sizes[b], dtype=np.complex128)
            for b, x in first.blocks.items()
        }
        beside = CollectiveAverage(self.model, blocks, {})
        constant, linear = beside.coefficients if blocks else (0j, np.zeros(len(self.model.labels)))
        for m, (c_x, c_y) in first.modes.items():  # [x, y] = i/(2N)
            d_x, d_y = second.modes[m]
            constant -= (c_x * d_y - c_y * d_x) / (2 * self.model.size)
        c, w = self.coefficients
        return (
            float((constant + abs(c) ** 2).real),
            np.real(linear + 2 * (np.conj(c) * w).real),
            np.outer(w.conj(), w).real,
        )

    def ladder(self, mode: int) -> tuple[complex, complex]:
        """The factors of a and of a† of a mode."""
        c_x, c_y = self.modes[mode]
        root = 2 * np.sqrt(self.model.size)
        return (c_x - 1j * c_y) / root, (c_x + 1j * c_y) / root


def emitted(model: Model, of: object, name: str = "of") -> CollectiveAverage:
    """C of a mode, a/√N; of a collective jump, (1/N) Σ_k y^(k); or an average that a user has written or named.

    Raises
    ------
    ArgumentError
        About ``name``, if it is none of these.
    UnsupportedError
        If it is a local jump.
    """
    model = model if model.averages is None else replace(model, averages=None)
    if isinstance(of, Mapping):
        return average_of(model, name, of)
    named = [place for place, jump in enumerate(model.jumps) if isinstance(of, str) and jump.name == of]
    if named and of not in model.mode_names:
        of = named[0]
    elif isinstance(of, str) and of not in model.mode_names and of in model.by_label():
        return average_of(model, name, of)
    if isinstance(of, str):
        known = list(dict.fromkeys([*model.mode_names, *(jump.name for jump in model.jumps if jump.name)]))
        if of not in known:
            rule = f"name a mode or a jump ({checks.named(known)}), be the place of a jump, or an average"
            rule = rule if known else "be the place of a jump, or an average (no mode is there, and no jump has a name)"
            raise ArgumentError(name, rule, f"it is {checks.shown(of)}{checks.suggestion(of, known)}")
        return CollectiveAverage(model, {}, {model.mode_index(of, name): (1.0 + 0j, 1j)})
    if not model.jumps:
        raise ArgumentError(name, "be a mode or an average (the model has no jumps)", f"it is {checks.shown(of)}")
    place = checks.integer(name, of, 0, len(model.jumps) - 1)
    jump = model.jumps[place]
    if isinstance(jump, ModeLoss):
        return CollectiveAverage(model, {}, {model.mode_index(jump.mode): (1.0 + 0j, 1j)})
    if isinstance(jump, CollectiveJump) and not getattr(jump, "has_rate", False):
        shares = {b: block.size / model.size for b, block in enumerate(model.blocks)}
        places = {model.block_index(name): y for name, y in jump.matrices.items()}
        matrices = {b: np.asarray(y * shares[b], dtype=np.complex128) for b, y in places.items()}
        return CollectiveAverage(model, matrices, {})
    kind = "one with an operator-valued rate" if isinstance(jump, CollectiveJump) else "a local one"
    raise UnsupportedError(f"g² is of modes and collective jumps that are averages, but jumps[{place}] is {kind}")


def average_of(model: Model, name: str, average: object) -> CollectiveAverage:
    """The average that a user has written or named, of a model of which all averages are measured.

    Raises
    ------
    ArgumentError
        About ``name``, if a key names neither a block nor a mode, or a value does not fit it.
    """
    model = model if model.averages is None else replace(model, averages=None)
    blocks: dict[int, Matrix] = {}
    modes: dict[int, tuple[complex, complex]] = {}
    for key, value in model.in_matrices(name, average).items():
        label = f"{name}[{key!r}]"
        if isinstance(key, str) and key in model.mode_names:
            pair = checks.array(label, value, "a pair (c_x, c_y) of numbers").astype(complex)
            if pair.shape != (2,):
                raise ArgumentError(label, "be a pair (c_x, c_y) of numbers", f"its shape is {pair.shape}")
            modes[model.mode_index(key)] = complex(pair[0]), complex(pair[1])
            continue
        model.check_keys(name, [key])
        b = model.block_index(key)
        matrix, levels = matrix_of(label, value), model.blocks[b].levels
        if matrix.shape != (levels, levels):
            rule = f"have the shape ({levels}, {levels}) of block {key!r}"
            raise ArgumentError(label, rule, f"its shape is {matrix.shape}")
        blocks[b] = matrix
    return CollectiveAverage(model, blocks, modes)


def hermitian_of_one_block(model: Model, name: str, matrices: object) -> tuple[int, Matrix]:
    """The position of the block and the Hermitian matrix of an average of one block alone.

    Raises
    ------
    ArgumentError
        About ``name``: as :func:`average_of`; or if it is of a mode, of several blocks, or not Hermitian.
    """
    average = average_of(model, name, matrices)
    if average.modes or len(average.blocks) != 1:
        found = "it has a mode" if average.modes else f"it has {len(average.blocks)}"
        raise ArgumentError(name, "be an average of one block of particles, {block: matrix}", found)
    ((b, matrix),) = average.blocks.items()
    check_hermitian(f"{name}[{model.blocks[b].name!r}]", matrix)
    return b, (matrix + matrix.conj().T) / 2
