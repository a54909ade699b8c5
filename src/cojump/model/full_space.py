"""Small models as operators of the full space of all particles, for comparison with other programs.

Nothing here knows of permutation symmetry: each particle and each mode has its own factor of the tensor product, in
the order of ``model.blocks`` and then ``model.modes``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from math import log2, prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, eye_array, kron

from ..errors import ArgumentError, UnsupportedError
from ..tools import checks
from ..tools.matrices import common_basis, is_diagonal
from .function_of_average import FunctionOfAverage
from .hamiltonian import OneBody, TwoBody
from .jumps import CollectiveJump, OneParticleJump
from .model import Model
from .modes import ModeCoupling, ModeDrive, ModeEnergy, ModeJump, ModeLoss
from .potential import Potential
from .spectrum import levels_along
from .states import ProductBlock, State, SymmetricBlock

_DIAGONAL, _TILTED = 2**14, 2**11
"""Largest dimension of the full space; the smaller one where a function of an average is a full matrix of it."""

_LEAST = 1e-14
"""Entries of a function of an average below this part of the largest are rounding."""


class FullOperators(NamedTuple):
    """Sparse operators of the full space.

    Attributes
    ----------
    dimensions : tuple of int
        Levels of each particle, block by block, and Fock states of each mode.
    hamiltonian : list of (operator, envelope)
        H is their sum, each times its envelope f(t) where that is not None.
    jumps : list of (operator, envelope, int)
        The jump operators of the single particles, or of the whole block, with the number of their jump in
        ``model.jumps``.
    averages : dict of str to operator
        The averages of the model by label.
    """

    dimensions: tuple[int, ...]
    hamiltonian: list[tuple[csr_array, Callable[[Any], Any] | None]]
    jumps: list[tuple[csr_array, Callable[[Any], Any] | None, int]]
    averages: dict[str, csr_array]


class _Space:
    """The tensor product of all particles and modes of a model."""

    def __init__(self, model: Model, fock: Mapping[str, int]) -> None:
        self.model, self.total = model, model.size
        self.dimensions = (
            *(b.levels for b in model.blocks for _ in range(b.size)),
            *(fock[mode] for mode in model.mode_names),
        )
        ends = np.cumsum([b.size for b in model.blocks]).tolist()
        self.members = {b.name: range(end - b.size, end) for b, end in zip(model.blocks, ends, strict=True)}
        self.places = {mode: self.total + m for m, mode in enumerate(model.mode_names)}
        self.size = prod(self.dimensions)

    def local(self, matrix: NDArray[Any], place: int) -> csr_array:
        """A matrix of one factor, and the identity on all others."""
        before, after = (prod(part) for part in (self.dimensions[:place], self.dimensions[place + 1 :]))
        inner = kron(csr_array(np.asarray(matrix, dtype=complex)), eye_array(after), format="csr")
        return csr_array(kron(eye_array(before), inner, format="csr"))

    def collective(self, matrices: Mapping[str, NDArray[Any]]) -> csr_array:
        """Σ_b Σ_{k in b} y_b^(k)."""
        zero = csr_array((self.size, self.size), dtype=complex)
        return sum((self.local(y, k) for name, y in matrices.items() for k in self.members[name]), zero)

    def lowering(self, mode: str) -> csr_array:
        """The mode operator a."""
        place = self.places[mode]
        return self.local(np.diag(np.sqrt(np.arange(1.0, self.dimensions[place])), 1), place)

    def function(
        self, term: FunctionOfAverage, values: Callable[[NDArray[np.float64]], Any], without: int | None = None
    ) -> csr_array:
        """A function of the averages of a term by their eigenvalues, if need be without one particle in them."""
        found = {block: _eigenbasis(term, block) for block in term.argument_blocks}
        deltas, turns = np.zeros((len(term.arguments), 1)), []
        for block in self.model.blocks:
            levels, turn = found.get(block.name, (np.zeros((len(deltas), block.levels)), None))
            for k in self.members[block.name]:
                part = levels * 0 if k == without else levels / block.size
                deltas = (deltas[:, :, None] + part[:, None, :]).reshape(len(deltas), -1)
                turns.append(turn)
        points = np.round(deltas[0] if len(deltas) == 1 else deltas, 13) + 0.0
        modes = prod(self.dimensions[self.total :])
        diagonal = np.repeat(np.asarray(values(points), dtype=float), modes)
        made = csr_array(diags_array(diagonal.astype(complex)))
        if all(turn is None for turn in turns):
            return made
        factors = [csr_array(np.eye(d) if t is None else t) for d, t in zip(self.dimensions, turns, strict=False)]
        factors += [csr_array(eye_array(modes))]
        whole = csr_array(reduce(lambda a, b: csr_array(kron(a, b, format="csr")), factors))
        dense = (whole @ made @ whole.conj().T).toarray()
        dense[np.abs(dense) < _LEAST * np.abs(dense).max(initial=0)] = 0
        return csr_array(dense)

    def energy(self, term: Any, name: str) -> csr_array:
        """A term of the Hamiltonian."""
        if isinstance(term, OneBody):
            return self.collective({term.block: term.eps})
        if isinstance(term, TwoBody):
            first, second = ({b: x} for b, x in zip(term.blocks, (term.first, term.second), strict=True))
            return term.strength / self.total * (self.collective(first) @ self.collective(second))
        if isinstance(term, Potential):
            return self.total * self.function(term, term.energy)
        if isinstance(term, ModeEnergy):
            a = self.lowering(term.mode)
            return term.omega * (a.conj().T @ a)
        if isinstance(term, ModeDrive):
            emission = np.sqrt(self.total) * term.eta * self.lowering(term.mode).conj().T
        elif isinstance(term, ModeCoupling):
            emission = self.lowering(term.mode).conj().T @ self.collective(term.matrices) / np.sqrt(self.total)
        else:
            raise _unknown(name, term)
        return csr_array(emission + emission.conj().T)

    def jump(self, jump: Any, name: str) -> list[csr_array]:
        """The operators of a jump: one for each particle of a local one."""
        if isinstance(jump, OneParticleJump):
            one = csr_array(eye_array(self.size, dtype=complex))
            together = None
            if not jump.has_rate:
                together = one
            elif not jump.leaves_self_out:
                together = self.function(jump, jump.gamma)
            if isinstance(jump, ModeJump):
                a = self.lowering(jump.mode) / np.sqrt(self.total)
                one = csr_array(a.conj().T) if jump.emits else a
            return [
                one @ self.local(jump.j, k) @ (self.function(jump, jump.gamma, k) if together is None else together)
                for k in self.members[jump.block]
            ]
        if isinstance(jump, CollectiveJump):
            together = np.sqrt(jump.rate / self.total) * self.collective(jump.matrices)
            return [self.function(jump, jump.gamma) @ together if jump.has_rate else together]
        if isinstance(jump, ModeLoss):
            a = self.lowering(jump.mode)
            lost, gained = np.sqrt(jump.rates)
            return [lost * a] + ([gained * csr_array(a.conj().T)] if gained else [])
        raise _unknown(name, jump)

    def quadratures(self) -> dict[str, csr_array]:
        """The averages x and y of the modes that the model reports, by label."""
        made = {}
        for q in self.model.quadratures:
            a = self.lowering(self.model.mode_names[q.mode])
            made[q.label] = csr_array((a.conj().T - a) * 1j if q.part else a + a.conj().T) / (2 * np.sqrt(self.total))
        return made


def _eigenbasis(term: FunctionOfAverage, block: str) -> tuple[NDArray[np.float64], NDArray[Any] | None]:
    """Eigenvalues (K, d) of the K matrices of a block, and their eigenvectors, None where all are diagonal."""
    some = next(argument[block] for argument in term.arguments if block in argument)
    matrices = [argument.get(block, np.zeros_like(some)) for argument in term.arguments]
    basis = common_basis(matrices)
    assert basis is not None
    diagonal = all(map(is_diagonal, matrices))
    return np.array([levels_along(basis, x) for x in matrices]), None if diagonal else basis


def _unknown(name: str, term: object) -> UnsupportedError:
    return UnsupportedError(f"the full space knows no terms of the type {type(term).__name__} yet, but {name} is one")


def checked_fock(model: Model, fock: object) -> dict[str, int]:
    """How many Fock states of each mode are kept, or an ArgumentError about ``fock``."""
    rule = "map the name of each mode to a number of Fock states"
    given = checks.mapping("fock", {} if fock is None else fock, rule)
    for name in given:
        model.mode_index(name, "fock")
    missing = [mode for mode in model.mode_names if mode not in given]
    if missing:
        raise ArgumentError("fock", rule, f"{checks.shown(missing[0])} has none")
    return {mode: checks.integer(f"fock[{mode!r}]", given[mode], 2) for mode in model.mode_names}


def full_operators(model: Model, fock: Mapping[str, int]) -> FullOperators:
    """All operators of a model of few particles in the full space.

    Raises
    ------
    UnsupportedError
        If the space is too large, or a term is of a kind that has no operators here.
    """
    tilted = any(
        isinstance(term, FunctionOfAverage) and not all(is_diagonal(x) for own in term.arguments for x in own.values())
        for term in (*model.hamiltonian, *model.jumps)
    )
    most = _TILTED if tilted else _DIAGONAL
    power = sum(b.size * log2(b.levels) for b in model.blocks) + sum(log2(n) for n in fock.values())
    if power > log2(most) + 1e-9:
        why = ", where a rate or a potential is not diagonal" if tilted else ""
        found = f"{round(2**power):,}" if power <= 50 else f"2^{power:,.0f}"
        raise UnsupportedError(f"the full space has at most {most:,} dimensions{why}, but this model has {found}")
    space = _Space(model, fock)
    hamiltonian = [(space.energy(t, f"hamiltonian[{i}]"), t.envelope) for i, t in enumerate(model.hamiltonian)]
    jumps = [
        (operator, jump.envelope, i)
        for i, jump in enumerate(model.jumps)
        for operator in space.jump(jump, f"jumps[{i}]")
    ]
    averages = {
        o.label: space.collective({model.blocks[o.block].name: o.matrix}) / model.blocks[o.block].size
        for o in model.observables
    }
    return FullOperators(space.dimensions, hamiltonian, jumps, averages | space.quadratures())


def full_state(model: Model, state: State, fock: Mapping[str, int]) -> NDArray[np.complex128]:
    """A state in the full space: a ket (D, 1) where it is pure, else a density matrix (D, D).

    Raises
    ------
    UnsupportedError
        If a block is neither in a product state nor in a symmetric one.
    """
    parts = [_block_state(s, b.name, b.size) for s, b in zip(state.blocks, model.blocks, strict=True)]
    parts += [coherent(np.sqrt(model.size) * a, fock[m]) for a, m in zip(state.amplitudes, fock, strict=True)]
    if all(part.shape[1] == 1 for part in parts):
        return _tensor(parts)
    return _tensor([part @ part.conj().T if part.shape[1] == 1 else part for part in parts])


def _tensor(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return reduce(lambda a, b: np.kron(a, b), parts)


def _block_state(state: Any, name: str, size: int) -> NDArray[np.complex128]:
    if isinstance(state, ProductBlock):
        levels, vectors = np.linalg.eigh(state.density)
        one = vectors[:, -1:] if levels[-1] > 1 - _LEAST else state.density
        return _tensor([one] * size)
    if isinstance(state, SymmetricBlock):
        down = np.array([k.bit_count() for k in range(2**size)])
        every = np.bincount(down, minlength=size + 1)
        return (state.amplitudes / np.sqrt(every))[down][:, None]
    raise UnsupportedError(f"the full space knows product states and symmetric ones, but block {name!r} has another")


def coherent(alpha: complex, states: int) -> NDArray[np.complex128]:
    """The coherent state |alpha> in Fock states 0..states-1, normalised there; (states, 1)."""
    n = np.arange(1, states)
    ket = np.concatenate([[1.0 + 0j], np.cumprod(alpha / np.sqrt(n))])
    return (ket / np.linalg.norm(ket))[:, None]
