"""The inequalities under Theorem 1 as numbers: operator norms at the size of the model beside the paper's constants.

Every operator here is invariant under permutations of the particles (of those that are not in the support of a local
operator O), so its norm is the largest 2-norm over the sectors of the block-permutation basis: exact, and cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from math import prod
from operator import matmul
from typing import Any

import numpy as np

from ...basis.sector_operators import Kraus, Operators
from ...basis.sectors import Labels, largest_sector
from ...errors import ArgumentError
from ...model import Block, Model
from ...tools import checks
from ...tools.matrices import commutator
from ...tools.summaries import Summarised, counted, more, table
from ...tools.types import Matrix
from .apart import set_apart
from .form import Element, PaperForm, paper_form
from .gronwall import Constants, constants_of

_ROUNDING = 1e-14
"""Rounding of a difference, relative to the operators that cancel in it."""

_MEMORY = 4.0 * 2**30
"""Bytes that the dense matrices of one sector may take."""

_KINDS = {
    "i": ("Lemma 1 i", "[Γ, O]", 1, True),
    "ii": ("Lemma 1 ii", "[Γ, X]", 1, False),
    "iii": ("Lemma 1 iii", "[Γ, [Γ, O]]", 2, True),
    "iv": ("Lemma 1 iv", "[Γ, [Γ, X]]", 2, False),
    "O": ("Lemma 2 O", "D[O] - Γ²D_loc[O]", 1, True),
    "X": ("Lemma 2 X", "D[X] - Γ²D_loc[X]", 1, False),
    "L": ("Lemma 3", "L[m] - f(m)", 1, False),
    "P": ("(32)", "Σ[J†, m][m, J]", 1, False),
}
"""Name, statement, power of 1/N, and whether it is about a local operator O."""


@dataclass(frozen=True, repr=False)
class Inequality(Summarised):
    """One inequality norm ≤ constant/N^order at one size.

    Attributes
    ----------
    name : str
        Where it stands in the paper, such as "Lemma 1 ii".
    statement : str
        The operator whose norm is taken.
    jump : int or None
        Number l of the jump; None where all of them enter.
    operator : str
        Label of the v_α that is x of X_N, or each factor of O.
    size : int
        N.
    order : int
        Power of 1/N.
    norm : float
        The norm, by the exact sectors.
    constant : float
        The paper's constant with ‖x‖ or ‖O‖ in it.
    """

    name: str
    statement: str
    jump: int | None
    operator: str
    size: int
    order: int
    norm: float
    constant: float

    @property
    def scaled(self) -> float:
        """N^order · norm, which must stay below ``constant`` at every N."""
        return self.norm * self.size**self.order

    @property
    def slack(self) -> float:
        """constant/(N^order · norm): below 1 the inequality is broken, infinite where the norm is zero."""
        return self.constant / self.scaled if self.scaled > 0 else float("inf")

    def _title(self) -> str:
        channel = "" if self.jump is None else f" l = {self.jump}"
        power = "N" if self.order == 1 else f"N^{self.order}"
        return (
            f"{self.name:<11}{channel:<6} {self.operator:<10} N = {self.size:<4} "
            f"{power}·‖{self.statement}‖ = {self.scaled:.6g} ≤ {self.constant:.6g}, slack {self.slack:.4g}"
        )


class Inequalities(Summarised, tuple[Inequality, ...]):
    """The inequalities of a model; where it is printed, the tightest one of each name."""

    __slots__ = ()

    def _title(self) -> str:
        broken = sum(one.slack < 1 for one in self)
        return f"{counted(len(self), 'inequality')} of the proof, {broken or 'none'} broken"

    def _lines(self) -> list[str]:
        tightest: dict[str, Inequality] = {}
        for one in sorted(self, key=lambda one: one.slack):
            tightest.setdefault(one.name, one)
        rows = ((f"{one.scaled:.4g}", f"{one.constant:.4g}", f"{one.slack:.4g}") for one in tightest.values())
        lines = table(("tightest", "N^order · norm", "constant", "slack"), list(tightest), rows)
        return lines + more("[0].scaled, [0].constant, [0].slack, [0].statement, [0].jump, [0].operator")


def lemmas(model: Model, *, taylor: Mapping[int, Sequence[float]] | None = None, support: int = 1) -> Inequalities:
    """Evaluate the inequalities on which the proof of Theorem 1 rests at the size N of a model.

    With X_N = m_α = (1/N) Σ_k v_α^(k) and O = v_α^(1) ⊗ .. ⊗ v_α^(N_O), for every v_α but the identity:

    - Lemma 1 i:   ‖[Γ_l(Δ), O]‖ ≤ (N_O/N) ‖O‖ 2δ_l γ'(δ_l)
    - Lemma 1 ii:  ‖[Γ_l(Δ), X_N]‖ ≤ (1/N) ‖x‖ 2δ_l γ'(δ_l)
    - Lemma 1 iii: ‖[Γ_l(Δ), [Γ_l(Δ), O]]‖ ≤ (N_O²/N²) ‖O‖ [2δ_l γ'(δ_l)]²
    - Lemma 1 iv:  ‖[Γ_l(Δ), [Γ_l(Δ), X_N]]‖ ≤ (1/N²) ‖x‖ [2δ_l γ'(δ_l)]²
    - Lemma 2 O:   ‖D_l[O] - Γ_l²(Δ) D_l^loc[O]‖ ≤ C_O/N
    - Lemma 2 X:   ‖D_l[X_N] - Γ_l²(Δ) D_l^loc[X_N]‖ ≤ C_x/N
    - Lemma 3:     ‖L_N[m_α] - f_α(m^N)‖ ≤ C_L/N
    - (32):        ‖Σ_{l,k} [J_l^k†, m_α][m_α, J_l^k]‖ ≤ C_P/N

    A rate in the form of section 5.2 has C_σ for 2δ_l γ'(δ_l): (60), (62)-(64), and its own C_O and C_x, (65).

    Parameters
    ----------
    model : Model
    taylor : mapping of int to sequence of float, optional
        As in :func:`cojump.theory.bounds.gronwall`.
    support : int
        N_O, the number of particles on which O acts; each block of the model needs as many.

    Returns
    -------
    tuple of Inequality (Inequalities)
        One for each inequality, jump and v_α. The matrices of all sectors are dense: some seconds at N = 64.

    Raises
    ------
    ArgumentError
        If an argument breaks a rule, or the matrices of a sector would not fit into 4 GiB.
    UnsupportedError
        If the theorem does not apply to the model, or the basis does not hold its number of levels.

    Examples
    --------
    >>> model = cj.systems.constrained(size=10, omega=0.7, rate_up=1.3, rate_down=0.8)
    >>> found = cj.bounds.lemmas(model)
    >>> print(found[0].name, found[0].statement)
    Lemma 1 ii [Γ, X]
    >>> all(one.norm <= one.constant / one.size**one.order for one in found)
    True
    """
    form = paper_form(model)
    support = checks.integer("support", support, 1)
    for block in model.blocks:
        if block.size < support:
            rule = f"be at most the {counted(block.size, 'particle')} of block {block.name!r}"
            raise ArgumentError("support", rule, f"it is {support}")
    _check_memory(model, support)
    found = constants_of(form, taylor)
    return Inequalities((*_of_averages(form, found), *_of_local_operators(form, found, support)))


def _check_memory(model: Model, support: int) -> None:
    """Refuse a model whose largest sector has too large dense matrices, some six of them for each v_α."""
    whole = prod(largest_sector(block) for block in model.blocks)
    apart = max(
        block.levels**support
        * largest_sector(Block("rest", max(block.size - support, 1), block.levels))
        * (whole // largest_sector(block))
        for block in model.blocks
    )
    dim, count = max(whole, apart), sum(block.levels**2 for block in model.blocks)
    needed = 6 * count * 16.0 * dim**2
    if needed > _MEMORY:
        rule = f"have matrices that fit into {_MEMORY / 2**30:g} GiB"
        raise ArgumentError("model", rule, f"those of a sector of dimension {dim:,} need {needed / 2**30:.3g} GiB")


class _Largest:
    """Collects the largest norm over the sectors for each key; what is the rounding of a difference counts as 0."""

    def __init__(self, form: PaperForm, found: Constants) -> None:
        # the terms that cancel are at most of the size of Γ, of H and of the total rates Σ_k J†J: each in its own unit
        self._norms = [rate.norm for rate in found.rates]
        self._rates = [float(j**2 * rate.norm**2) for j, rate in zip(found.j_norm, found.rates, strict=True)]
        self._energies = float(np.abs(form.epsilon).sum() + np.abs(form.h).sum())
        self._rounding = _ROUNDING * form.model.size
        self.norms: dict[tuple[str, int | None, int], float] = {}

    def _size(self, kind: str, l: int | None) -> float:
        """Size of what cancels in the operator of one kind."""
        if l is None:
            return sum(self._rates) + (self._energies if kind == "L" else 0.0)
        if kind in "OX":
            return self._rates[l]
        return self._norms[l] ** _KINDS[kind][2]

    def add(self, key: tuple[str, int | None, int], matrix: Matrix) -> None:
        norm = float(np.linalg.norm(matrix, 2)) if np.abs(matrix).max() > 0 else 0.0
        floor = self._rounding * self._size(key[0], key[1])
        self.norms[key] = max(self.norms.get(key, 0.0), norm if norm > floor else 0.0)


def _dissipators(
    outcomes: Sequence[Kraus], labels: Labels, observables: Sequence[Callable[[Labels], Any]]
) -> list[Matrix]:
    """D[X] in a sector for several X, from all outcomes K of the jumps: Σ K†XK - ½{Σ K†K, X}."""
    here = [x(labels) for x in observables]
    if not outcomes:
        return [np.zeros(x.shape, dtype=complex) for x in here]
    rate = sum(k.matrix.conj().T @ k.matrix for k in outcomes)
    images = []
    for x, in_sector in zip(observables, here, strict=True):
        gain = sum(k.matrix.conj().T @ x(k.target) @ k.matrix for k in outcomes)
        images.append((gain - (rate @ in_sector + in_sector @ rate) / 2).toarray())
    return images


def _averages(operators: Operators, form: PaperForm) -> list[Callable[[Labels], Any]]:
    """m_α as functions of the sector, each matrix made once."""

    def average(v: Element) -> Callable[[Labels], Any]:
        return lambda labels: operators.collective(labels, {v.block: v.matrix}) / form.model.size

    return [lru_cache(maxsize=None)(average(v)) for v in form.basis]


def _local(operators: Operators, matrix: Matrix, support: int) -> Callable[[Labels], Any]:
    """O = v ⊗ .. ⊗ v on the particles set apart, as a function of the sector, each matrix made once."""

    def of(labels: Labels) -> Any:
        return reduce(matmul, (operators.collective(labels, {i: matrix}) for i in range(support)))

    return lru_cache(maxsize=None)(of)


def _traceless(form: PaperForm) -> list[int]:
    """Numbers of the v_α that are no multiple of the identity."""
    eye = [np.eye(len(v.matrix)) * v.matrix[0, 0] for v in form.basis]
    return [a for a, v in enumerate(form.basis) if np.abs(v.matrix - eye[a]).max() > 0]


def _of_averages(form: PaperForm, found: Constants) -> Iterator[Inequality]:
    """Lemma 1 ii and iv, Lemma 2 for X_N, Lemma 3 and (32)."""
    operators, largest = Operators(form.model), _Largest(form, found)
    m = _averages(operators, form)
    chosen = _traceless(form)
    for labels in operators.sectors:
        here = np.array([x(labels).toarray() for x in m])
        H = operators.hamiltonian(labels).toarray()
        deviation = {a: 1j * commutator(H, here[a]) - _mean_field_hamiltonian(form, a, here) for a in chosen}
        spread = {a: np.zeros_like(H) for a in chosen}
        for l in range(len(form.jumps)):
            gamma = operators.gamma(l, labels).toarray()
            outcomes = list(operators.kraus(l, labels))
            images = _dissipators(outcomes, labels, [m[a] for a in chosen])
            for a, image in zip(chosen, images, strict=True):
                once = commutator(gamma, here[a])
                largest.add(("ii", l, a), once)
                largest.add(("iv", l, a), commutator(gamma, once))
                rest = image - gamma @ gamma @ np.tensordot(form.M[l, a], here, 1)
                largest.add(("X", l, a), rest)
                deviation[a] = deviation[a] + rest
                for k in outcomes:
                    moved = (m[a](k.target) @ k.matrix - k.matrix @ m[a](labels)).toarray()
                    spread[a] = spread[a] + moved.conj().T @ moved
        for a in chosen:
            largest.add(("L", None, a), deviation[a])
            largest.add(("P", None, a), spread[a])

    yield from _rows(form, found, largest, 1)


def _rows(form: PaperForm, found: Constants, largest: _Largest, support: int) -> Iterator[Inequality]:
    """The norms beside their constants."""
    for (kind, l, a), norm in largest.norms.items():
        name, statement, order, is_local = _KINDS[kind]
        count = support if is_local else 1
        operator = float(np.linalg.norm(form.basis[a].matrix, 2)) ** count
        if l is None:
            constant = found.C_L if kind == "L" else found.C_P  # both with ‖v_α‖ ≤ 1 in them
        elif kind in "OX":
            constant = operator * found.C_O(l, count)
        else:
            constant = operator * (float(found.C_sigma[l]) * count) ** order
        yield Inequality(name, statement, l, form.basis[a].label, form.model.size, order, norm, constant)


def _mean_field_hamiltonian(form: PaperForm, a: int, m: Matrix) -> Matrix:
    """The Hamiltonian part of f_α(m): i Σ_β A_αβ m_β + i Σ_βγ B_αβγ m_β m_γ, operators in this order (Lemma 3)."""
    total = 1j * np.tensordot(form.A[a], m, 1)
    for b in np.flatnonzero(form.B[a].any(axis=1)):
        total = total + 1j * m[b] @ np.tensordot(form.B[a, b], m, 1)
    return total


def _of_local_operators(form: PaperForm, found: Constants, support: int) -> Iterator[Inequality]:
    """Lemma 1 i and iii and Lemma 2 for O, with the particles of O as blocks of their own."""
    for block in range(len(form.model.blocks)):
        apart = set_apart(form.model, block, support)
        operators, largest = Operators(apart.model), _Largest(form, found)
        chosen = [a for a in _traceless(form) if form.basis[a].block == block]

        O = [_local(operators, form.basis[a].matrix, support) for a in chosen]
        for labels in operators.sectors:
            for l, becomes in enumerate(apart.jumps):
                gamma = operators.gamma(becomes[0], labels).toarray()
                outcomes = [k for jump in becomes for k in operators.kraus(jump, labels)]
                images = _dissipators(outcomes, labels, O)
                for i, a in enumerate(chosen):
                    here = O[i](labels).toarray()
                    once = commutator(gamma, here)
                    largest.add(("i", l, a), once)
                    largest.add(("iii", l, a), commutator(gamma, once))
                    loc = _local_image(form, l, a, operators, labels, support)
                    largest.add(("O", l, a), images[i] - gamma @ gamma @ loc)
        yield from _rows(form, found, largest, support)


def _local_image(form: PaperForm, l: int, a: int, operators: Operators, labels: Labels, support: int) -> Matrix:
    """D_l^loc[O], (16): D acts on one factor of v ⊗ .. ⊗ v after the other, where the jump belongs to their block."""
    v = form.basis[a]
    j = form.jumps[l].matrix
    if form.model.block_index(form.jumps[l].block) != v.block:
        return 0 * operators.collective(labels, {}).toarray()
    square = j.conj().T @ j
    image = j.conj().T @ v.matrix @ j - (square @ v.matrix + v.matrix @ square) / 2
    total: Any = operators.collective(labels, {})
    for i in range(support):
        factors = (operators.collective(labels, {k: image if k == i else v.matrix}) for k in range(support))
        total = total + reduce(matmul, factors)
    return total.toarray()
