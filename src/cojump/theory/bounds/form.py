"""A model in the paper's letters: the basis v_α of (7), structure constants a of (8), ε, h, r, and A, B, M of Lemma 3.

Several blocks are one kind of particle with a conserved label: v = P_b v_b, m_α = (1/N) Σ_{k in b} v_α^(k), and every
sum over the d² basis operators runs over the Σ_b d_b² block-diagonal ones, which the dynamics never leaves. Blocks of
any sizes are then in the paper's class as they stand; for one block nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import UnsupportedError
from ...model import LocalJump, Model
from ...model.driven import refuse_driven
from ...model.model import check_model
from ...tools.matrices import commutator
from ...tools.types import Array, Matrix


@dataclass(frozen=True, eq=False)
class Element:
    """One Hermitian basis operator v_α: its name "block.x", block and matrix (d, d), tr(v_α v_β) = δ_αβ."""

    label: str
    block: int
    matrix: Matrix


@dataclass(frozen=True, eq=False)
class PaperForm:
    """The coefficients of a model; n = Σ_b d_b², the paper's d².

    Attributes
    ----------
    model : Model
    basis : tuple of n Element
    jumps : tuple of q LocalJump
    structure : (n, n, n) array
        a_αβ^γ as structure[α, β, γ], imaginary.
    epsilon : (n,) array
        ε_α of (10).
    h : (n, n) array
        h_αβ of (10), Hermitian.
    A : (n, n) array, B : (n, n, n) array
        A_αβ and B_αβγ of Lemma 3.
    M : (q, n, n) array
        M_lα^β of Lemma 3 as M[l, α, β].
    r : (q, n) array
        r_lα of (13); zero for a jump without argument.
    """

    model: Model
    basis: tuple[Element, ...]
    jumps: tuple[LocalJump, ...]
    structure: Matrix
    epsilon: Array
    h: Matrix
    A: Matrix
    B: Matrix
    M: Array
    r: Array

    @property
    def delta(self) -> Array:
        """(q,) δ_l = Σ_α |r_lα| ≥ ‖Δ_N^l‖, (14)."""
        return np.abs(self.r).sum(axis=1)

    def coefficients(self, block: int, matrix: Matrix) -> Matrix:
        """(n,) tr(x v_α) for an operator x of the particles of one block, (7)."""
        return _coefficients(self.basis, block, matrix)


def _coefficients(basis: tuple[Element, ...], block: int, matrix: Matrix) -> Matrix:
    return np.array([np.trace(matrix @ v.matrix) if v.block == block else 0j for v in basis])


def paper_basis(model: Model) -> tuple[Element, ...]:
    """Return the orthonormal basis of all blocks; for two levels (σ_x, σ_y, σ_z, 1)/√2."""
    found = []
    for b, block in enumerate(model.blocks):
        found += [Element(o.label, b, o.matrix * np.sqrt(o.weight)) for o in model.all_averages() if o.block == b]
        if block.levels == 2:  # the observables of more levels already span the identity
            found.append(Element(f"{block.name}.1", b, np.eye(2, dtype=complex) / np.sqrt(2)))
    return tuple(found)


def paper_form(model: Model) -> PaperForm:
    """Write a model in the paper's letters.

    Raises
    ------
    ArgumentError
        If it is no Model.
    UnsupportedError
        If a jump is collective, a term of the Hamiltonian a potential, or there is a mode: the paper treats particles
        with one- and two-body energies and local jumps only.
    """
    check_model(model)
    refuse_driven(model, "The bound is one")
    if model.modes:
        raise UnsupportedError(f"The bound holds for particles alone, but the model has the mode {model.mode_names[0]}")
    for i in model.collective_jumps:
        raise UnsupportedError(f"The bound holds for local jumps (11)-(12) only, but jumps[{i}] is collective")
    for i, jump in model.local_jumps.items():
        if len(jump.arguments) > 1:
            found = f"that of jumps[{i}] is one of {len(jump.arguments)}"
            raise UnsupportedError(f"The bound holds for rates of one average (11)-(13) only, but {found}")
    for i in model.potentials:
        raise UnsupportedError(
            f"The bound holds for one- and two-body Hamiltonians (10) only, but hamiltonian[{i}] is a Potential "
            "(one whose φ is of second degree is a sum of OneBody and TwoBody terms)"
        )
    jumps = tuple(model.local_jumps.values())
    basis = paper_basis(model)
    n = len(basis)
    structure = np.zeros((n, n, n), dtype=complex)
    for a, v in enumerate(basis):
        for b, w in enumerate(basis):
            if v.block == w.block:
                structure[a, b] = _coefficients(basis, v.block, commutator(v.matrix, w.matrix))

    epsilon, h = np.zeros(n), np.zeros((n, n), dtype=complex)
    for one in model.one_body:
        epsilon += _coefficients(basis, model.block_index(one.block), one.eps).real
    for two in model.two_body:
        b, c = (model.block_index(name) for name in two.blocks)
        h += two.g * np.outer(_coefficients(basis, b, two.A), _coefficients(basis, c, two.B))
    h = np.asarray(
        (h + h.conj().T) / 2, dtype=complex
    )  # the sum over terms is Hermitian, so this is the same Hamiltonian

    M = np.zeros((len(jumps), n, n))
    r = np.zeros((len(jumps), n))
    for l, jump in enumerate(jumps):
        block = model.block_index(jump.block)
        j, j_dagger = jump.matrix, jump.matrix.conj().T
        for a, v in enumerate(basis):
            if v.block == block:
                x = v.matrix
                image = j_dagger @ x @ j - 0.5 * (j_dagger @ j @ x + x @ j_dagger @ j)
                M[l, a] = _coefficients(basis, block, image).real
        for name, x in (item for argument in jump.arguments for item in argument.items()):
            b = model.block_index(name)
            r[l] += _coefficients(basis, b, x).real * (model.size / model.blocks[b].size)
    return PaperForm(
        model=model,
        basis=basis,
        jumps=jumps,
        structure=structure,
        epsilon=epsilon,
        h=h,
        A=np.einsum("e,eab->ab", epsilon, structure),
        B=np.einsum("eag,be->abg", structure, h + h.T),
        M=M,
        r=r,
    )
