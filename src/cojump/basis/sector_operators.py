"""Operators of a model in its sectors as sparse matrices: plain, in the user's frame, for any number of levels.

A sector of a model is one label for each block, (λ_1, .., λ_B), and its space is ⊗_b V_{λ_b}, flat in C order. Behind
the blocks stand the Fock states of the modes that are kept: b = a - γ of each, see :mod:`cojump.basis.fock_space`.
What is here follows the definitions step by step and shares no table or kernel with the trajectories: the exact master
equation and the norms of the paper's lemmas are built on it. Everything about a block comes from the interface of
:mod:`cojump.basis.sectors`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, eye_array, kron

from ..errors import ArgumentError
from ..model import ModeJump, Model, OneBody, Potential, TwoBody
from ..model.function_of_average import FunctionOfAverage
from ..model.jumps import OneParticleJump, RatedJump
from ..model.spectrum import levels_along, snapped
from ..tools.matrices import common_basis, is_diagonal
from ..tools.types import Array, Matrix, RealFunction
from .fock_space import FockSpace
from .particle_removal import Label, Removal
from .rotations import representation
from .sectors import Labels, Sector, rest_sector_of, sector_labels, sector_of


class Kraus(NamedTuple):
    """One outcome of a local jump of any particle of a block: K takes ρ_source to its share K ρ K† of ρ_target.

    Attributes
    ----------
    source, target : tuples of labels
        The sector before and after.
    rest : label
        The intermediate sector μ of the other particles of the jumping particle's block.
    matrix : sparse (dim target, dim source) array
    """

    source: Labels
    rest: Label
    target: Labels
    matrix: csr_array


class Operators:
    """Matrices of a model, sector by sector. A jump is named by its place in ``model.jumps``.

    Parameters
    ----------
    model : Model
    spaces : sequence of FockSpace
        One for each mode of the model.

    Raises
    ------
    UnsupportedError
        If the basis does not hold the number of levels of a block.
    """

    def __init__(self, model: Model, spaces: Sequence[FockSpace] = ()) -> None:
        self.model, self.spaces = model, tuple(spaces)
        self.block_labels = [sector_labels(block) for block in model.blocks]

    @property
    def sectors(self) -> list[Labels]:
        """All sectors of the model."""
        return list(product(*self.block_labels))

    def parts(self, labels: Labels) -> list[Sector]:
        """The sector of each block."""
        return [sector_of(block, label) for block, label in zip(self.model.blocks, labels, strict=True)]

    def dims(self, labels: Labels) -> tuple[int, ...]:
        """Dimension of V_λ of each block, and number of Fock states of each mode."""
        return (*(part.dim for part in self.parts(labels)), *(space.size for space in self.spaces))

    def collective(self, labels: Labels, matrices: Mapping[int, NDArray[Any]]) -> csr_array:
        """Σ_b Σ_{k in b} x_b^(k), the matrices given by the number of their block."""
        parts, dims = self.parts(labels), self.dims(labels)
        total = csr_array((prod(dims), prod(dims)), dtype=complex)
        for b, matrix in matrices.items():
            total = total + _on_axis(parts[b].one_body(np.asarray(matrix, dtype=complex)), b, dims)
        return csr_array(total)

    def average(self, labels: Labels, a: int) -> csr_array:
        """The block average m_a = (1/N_b) Σ_k o^(k), a the number of an observable of the model."""
        o = self.model.observables[a]
        return self.collective(labels, {o.block: o.matrix}) / self.model.blocks[o.block].size

    def hamiltonian(self, labels: Labels) -> csr_array:
        """H, (10), with potentials N φ(Δ) by exact spectral calculus."""
        H = self.collective(labels, {})
        for term in self.model.hamiltonian:
            if isinstance(term, OneBody):
                H = H + self.collective(labels, {self._block(term.block): term.matrix})
            elif isinstance(term, Potential):
                H = H + self.model.size * self._calculus(term, term.energy, self.parts(labels))
            elif isinstance(term, TwoBody):
                first, second = (
                    self.collective(labels, {self._block(name): matrix})
                    for name, matrix in zip(term.blocks, (term.first, term.second), strict=True)
                )
                H = H + (term.strength / self.model.size) * (first @ second)
        for mode in range(len(self.spaces)):
            H = H + self._mode_hamiltonian(labels, mode)
        return csr_array((H + H.conj().T) / 2)

    # ---- modes -----------------------------------------------------------------------------------

    def lowering(self, labels: Labels, mode: int) -> csr_array:
        """The operator b of a mode, a = b + γ."""
        return _on_axis(self.spaces[mode].lowering(), len(self.model.blocks) + mode, self.dims(labels))

    def mode_jumps(self, jump: int, labels: Labels) -> list[csr_array]:
        """√(κ(1+n̄)) b and √(κ n̄) b†: the jumps a - γ of a loss, those that there are."""
        loss = self.model.mode_losses[jump]
        b = self.lowering(labels, self.model.mode_index(loss.mode))
        both = zip(loss.rates, (b, csr_array(b.conj().T)), strict=True)
        return [csr_array(np.sqrt(rate) * operator) for rate, operator in both if rate]

    def _mode_hamiltonian(self, labels: Labels, mode: int) -> csr_array:
        """The terms of a mode in b = a - γ without their constant, b† G + b G† + ω b†b + Σ_k (γ* y + γ y†)/√N.

        With the jumps a - γ in place of a the same master equation has i(κ/2)(γ* a - γ a†) in H.
        """
        model, name, gamma = self.model, self.model.modes[mode].name, self.spaces[mode].centre
        b, root = self.lowering(labels, mode), np.sqrt(model.size)
        raised = csr_array(b.conj().T)
        number: Any = 0.0
        field = 0j
        H = self.collective(labels, {})
        for energy in model.mode_energies:
            if energy.mode == name:
                number, field = number + energy.omega, field + energy.omega * gamma
        for drive in model.mode_drives:
            if drive.mode == name:
                field += root * drive.eta
        for loss in model.mode_losses.values():
            if loss.mode == name:
                field -= 0.5j * loss.kappa * gamma
        G: Any = self.collective(labels, {})
        for term in model.mode_couplings:
            if term.mode == name:
                Y = self.collective(labels, {self._block(block): y for block, y in term.matrices.items()}) / root
                G = G + Y
                H = H + np.conj(gamma) * Y + gamma * Y.conj().T
        raising = raised @ G + field * raised
        return csr_array(H + number * (raised @ b) + raising + raising.conj().T)

    def collective_jump(self, jump: int, labels: Labels) -> csr_array:
        """L = Γ(Δ) sqrt(rate/N) Σ_b Σ_{k in b} Y_b^(k)."""
        term = self.model.collective_jumps[jump]
        scale = np.sqrt(term.rate / self.model.size)
        L = scale * self.collective(labels, {self._block(name): y for name, y in term.matrices.items()})
        return csr_array(self.gamma(jump, labels) @ L) if term.has_rate else L

    # ---- operator-valued rates -------------------------------------------------------------------

    def argument(self, jump: int, labels: Labels, number: int = 0) -> csr_array:
        """Δ = Σ_b (1/N_b) Σ_{k in b} X_b^(k) of a jump, or one of its averages."""
        argument = self._rated(jump).arguments[number]
        return self.collective(
            labels, {self._block(b): x / self.model.blocks[self._block(b)].size for b, x in argument.items()}
        )

    def gamma(self, jump: int, labels: Labels, rest: Label | None = None) -> csr_array:
        """Γ(Δ) of a local or collective jump on ⊗_b V_{λ_b}, by exact spectral calculus.

        Parameters
        ----------
        jump : int
        labels : tuple of labels
        rest : label, optional
            μ: Γ(Δ without one particle of the jumping block), on V_μ in place of that block's V_λ.
        """
        term = self._rated(jump)
        parts = self.parts(labels)
        if rest is not None:
            own = self._block(self._local(jump).block)
            parts[own] = rest_sector_of(self.model.blocks[own], rest)
        if not term.argument:
            return self._beside_modes(csr_array(eye_array(prod(part.dim for part in parts), dtype=complex)))
        return self._calculus(term, term.gamma, parts)

    def _calculus(self, term: FunctionOfAverage, function: RealFunction, parts: Sequence[Sector]) -> csr_array:
        """A function of the average Δ of a term, or of several, on a sector of each block."""
        dims = [part.dim for part in parts]
        single = len(term.arguments) == 1
        total, ends = np.zeros([1] * len(dims)), np.zeros((2, 1) if single else (2, len(term.arguments), 1))
        turns: dict[int, Matrix] = {}
        for name in term.argument_blocks:
            b = self._block(name)
            size = self.model.blocks[b].size
            if single:
                values, vectors = _spectrum(parts[b], term.arguments[0][name], size)
            else:
                values, vectors = _joint_spectrum(parts[b], [x.get(name) for x in term.arguments], size)
            total = total + values.reshape([*values.shape[:-1], *(-1 if c == b else 1 for c in range(len(dims)))])
            ends = ends + np.stack([values.min(axis=-1, keepdims=True), values.max(axis=-1, keepdims=True)])
            if vectors is not None:
                turns[b] = vectors
        # rounding must carry Δ neither beyond the spectrum, where Γ may not exist, nor off a zero of a rate inside it
        points = total.reshape((*total.shape[: total.ndim - len(dims)], -1))
        points = np.clip(snapped(points) if single else np.array([snapped(own) for own in points]), *ends)
        table = np.broadcast_to(function(points).reshape(total.shape[-len(dims) :]), dims).ravel()
        result = csr_array(diags_array(table.astype(complex)))
        if turns:
            rotation = _product_matrix([turns.get(b) for b in range(len(dims))], dims)
            result = csr_array(rotation @ result @ rotation.conj().T)
        return self._beside_modes(result)

    def _beside_modes(self, matrix: csr_array) -> csr_array:
        """An operator of the particles on the whole space."""
        beside = prod(space.size for space in self.spaces)
        return matrix if beside == 1 else csr_array(kron(matrix, eye_array(beside), format="csr"))

    # ---- local jumps -----------------------------------------------------------------------------

    def kraus(self, jump: int, source: Labels) -> Iterator[Kraus]:
        """All outcomes of a local jump from a sector, one for each intermediate μ and final λ', or of a jump with a
        quantum of a mode, which are those of j times a† or a.

        K = sqrt(N f_μ/f_λ) C_{λ'}^{μ†} (Γ_μ ⊗ j) C_λ^μ Γ_λ, in which only one of the two Γ is there: Γ_μ if the jumping
        particle is left out of its own block's sum, Γ_λ otherwise. The other blocks stay where they are. In the
        Schrödinger picture Σ_k J_k ρ J_k† has the blocks Σ_K K ρ_source K†, in the Heisenberg picture Σ_k J_k† X J_k
        has the blocks Σ_K K† X_target K.
        """
        term = self._local(jump)
        b = self._block(term.block)
        dims = self.dims(source)
        left_out = term.leaves_self_out
        before = self.gamma(jump, source) if term.has_rate and not left_out else None
        for move in self._exits[b][source[b]]:
            between = self.gamma(jump, source, move.rest) if left_out else None
            taken = [_on_axis(out, b, dims) for out in move.out]
            if between is not None:
                taken = [csr_array(between @ out) for out in taken]
            elif before is not None:
                taken = [csr_array(out @ before) for out in taken]
            for label, back in self._entrances[b][move.rest]:
                K: Any = None
                for s, t in zip(*np.nonzero(term.matrix), strict=True):
                    put = _on_axis(csr_array(back[s].conj().T), b, _replaced(dims, b, back[s].shape[0]))
                    piece = term.matrix[s, t] * (put @ taken[t])
                    K = piece if K is None else K + piece
                if K is not None and isinstance(term, ModeJump):
                    K = self._exchanged(term, _replaced(source, b, label)) @ K
                if K is not None:
                    yield Kraus(source, move.rest, _replaced(source, b, label), csr_array(K))

    def _exchanged(self, term: ModeJump, labels: Labels) -> csr_array:
        """a†/√N or a/√N."""
        mode = self.model.mode_index(term.mode)
        one = csr_array(eye_array(prod(self.dims(labels)), dtype=complex))
        a = (self.lowering(labels, mode) + self.spaces[mode].centre * one) / np.sqrt(self.model.size)
        return csr_array(a.conj().T if term.emits else a)

    def rate(self, jump: int, labels: Labels) -> csr_array:
        """Σ_k J_k†J_k of a local jump, or L†L of a collective one: the operator of its total rate."""
        if jump in self.model.collective_jumps:
            L = self.collective_jump(jump, labels)
            return csr_array(L.conj().T @ L)
        return _sum((k.matrix.conj().T @ k.matrix for k in self.kraus(jump, labels)), self.dims(labels))

    def dissipator(self, jump: int, labels: Labels, operator: Callable[[Labels], csr_array]) -> csr_array:
        """D[X] = Σ (J†XJ - ½{J†J, X}) of one jump in a sector, Heisenberg picture, for a collective X.

        Parameters
        ----------
        jump : int
        labels : tuple of labels
        operator : callable
            X in the sector of given labels, such as ``lambda s: operators.average(s, 0)``.
        """
        here = operator(labels)
        if jump in self.model.collective_jumps:
            L = self.collective_jump(jump, labels)
            gain = csr_array(L.conj().T @ here @ L)
        else:
            pieces = (k.matrix.conj().T @ operator(k.target) @ k.matrix for k in self.kraus(jump, labels))
            gain = _sum(pieces, self.dims(labels))
        rate = self.rate(jump, labels)
        return csr_array(gain - (rate @ here + here @ rate) / 2)

    def _block(self, name: str) -> int:
        return self.model.block_index(name)

    def _rated(self, jump: int) -> RatedJump:
        term = self.model.jumps[jump]
        if not isinstance(term, RatedJump):
            raise ArgumentError("jump", "be the number of a jump of particles", f"jumps[{jump}] is none")
        return term

    def _local(self, jump: int) -> OneParticleJump:
        term = self.model.jumps[jump]
        if not isinstance(term, OneParticleJump):
            raise ArgumentError("jump", "be the number of a local jump", f"jumps[{jump}] is collective")
        return term

    @cached_property
    def _exits(self) -> list[dict[Label, list[Removal]]]:
        """The ways to take a particle out, per block and label."""
        return [
            {label: list(sector_of(block, label).moves()) for label in labels}
            for block, labels in zip(self.model.blocks, self.block_labels, strict=True)
        ]

    @cached_property
    def _entrances(self) -> list[dict[Label, list[tuple[Label, Any]]]]:
        """The sectors into which a particle can be put, with C, per block and label μ of the others."""
        found: list[dict[Label, list[tuple[Label, Any]]]] = []
        for exits in self._exits:
            into: dict[Label, list[tuple[Label, Any]]] = {}
            for label, moves in exits.items():
                for move in moves:
                    into.setdefault(move.rest, []).append((label, move.back))
            found.append(into)
        return found


def _spectrum(sector: Sector, x: Matrix, size: int) -> tuple[Array, Matrix | None]:
    """Eigenvalues of (1/size) Σ_k x^(k) in a sector and its eigenvectors (columns; None if it is diagonal).

    The eigenvalues are known exactly: the occupation numbers of the levels of x run over those of the basis states,
    whatever basis x is diagonal in. The diagonalisation only has to give the vectors, in ascending order.
    """
    diagonal = is_diagonal(x)
    levels = snapped(np.diag(x).real if diagonal else np.linalg.eigvalsh(x))
    count = int(sector.occupations[0].sum())
    lowest, highest = (levels.min(), levels.max()) if count == size else (levels.min() * count, levels.max() * count)
    if count != size:
        lowest, highest = lowest / size, highest / size
    values = np.clip(sector.occupations @ levels / size, lowest, highest)
    if diagonal:
        return values, None
    matrix = sector.one_body(x).toarray()
    return np.sort(values), np.linalg.eigh((matrix + matrix.conj().T) / 2)[1]


def _joint_spectrum(sector: Sector, matrices: Sequence[Matrix | None], size: int) -> tuple[Array, Matrix | None]:
    """Eigenvalues (K, dim) of (1/size) Σ_k x^(k) of matrices that commute, None for zero, and their eigenvectors.

    In the basis that all of them are diagonal in; those of the sector are the states that this basis has there.
    """
    given = [x for x in matrices if x is not None]
    basis = common_basis(given)
    assert basis is not None
    share = int(sector.occupations[0].sum()) / size
    values = np.zeros((len(matrices), sector.dim))
    for k, x in enumerate(matrices):
        if x is not None:
            levels = levels_along(basis, x)
            values[k] = np.clip(sector.occupations @ levels / size, levels.min() * share, levels.max() * share)
    return values, None if all(is_diagonal(x) for x in given) else representation(sector, basis)


def _on_axis(matrix: csr_array, b: int, dims: Iterable[int]) -> csr_array:
    """The matrix on factor b of a tensor product, the identity on the others."""
    sizes = list(dims)
    left, right = prod(sizes[:b]), prod(sizes[b + 1 :])
    lifted: Any = matrix
    if left > 1:
        lifted = kron(eye_array(left), lifted, format="csr")
    if right > 1:
        lifted = kron(lifted, eye_array(right), format="csr")
    return csr_array(lifted)


def _product_matrix(factors: Iterable[Matrix | None], dims: Iterable[int]) -> csr_array:
    """⊗_b of dense factors, None for the identity."""
    total = csr_array(np.ones((1, 1), dtype=complex))
    for factor, d in zip(factors, dims, strict=True):
        total = csr_array(kron(total, eye_array(d) if factor is None else csr_array(factor), format="csr"))
    return total


def _replaced(values: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    return (*values[:place], value, *values[place + 1 :])


def _sum(matrices: Iterable[Any], dims: Iterable[int]) -> csr_array:
    total = csr_array((prod(dims), prod(dims)), dtype=complex)
    for matrix in matrices:
        total = total + matrix
    return csr_array(total)
