"""One block of two-level particles: everything a sector needs, as tables.

The single-particle basis is rotated once so that every argument Δ is diagonal. A basis state |J, M> is then
numbered by i = M + N/2 = 0..N, the number of particles up, whatever its sector J, and almost everything is a table
over i that does not know J:

- Γ(Δ) is Γ at ((i x_up + (N-i) x_down)/N), and for the self-excluded rate Γ at the N - 1 particles left behind;
- the diagonal of H_eff, potentials included, up to a constant of the sector that only turns the global phase;
- the off-diagonals of H_eff divided by c_J(i) = <i+1|J_+|i> = sqrt((J-M)(J+M+1)), the only thing that knows J.

Because Σ_k j†j^(k) is a one-body operator, the rate term has the same closed form with and without
self-exclusion: weighing the removal of a particle with N f_μ/f_λ and its two amplitudes gives back the numbers of
particles up and down, i and N - i, and c_J(i).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedError
from ..model import CollectiveJump, LocalJump, Model
from ..model.facts import once_per_model, once_per_recent_model
from ..model.operators import SIGMA_X, SIGMA_Y, SIGMA_Z
from ..model.spectrum import snapped, two_level_averages
from ..tools.matrices import conjugate
from ..tools.types import Array, Matrix
from .axes import ZERO, seen, snapped_to_zero, without_rounding
from .frames import block_frame, shares_frame
from .no_jump_tables import (
    COLLECTIVE,
    COLLECTIVE_DOWN,
    COLLECTIVE_UP,
    GENERAL,
    LADDER_DOWN,
    LADDER_UP,
    SELF_EXCLUDED,
    BandedHeff,
    SpinJumps,
)
from .potentials import potentials_of

MEMORY = 64 * 2**20
"""Bytes of tables that are kept of the models used last."""


@dataclass(frozen=True, eq=False)
class SpinBasis:
    """The tables of a model and the rotation they are written in.

    Attributes
    ----------
    rotation : (2, 2) unitary array
        Columns are the rotated up and down kets; an operator o becomes rotation† o rotation.
    h_eff : BandedHeff
    jumps : SpinJumps
    """

    rotation: Matrix
    h_eff: BandedHeff
    jumps: SpinJumps

    @property
    def nbytes(self) -> int:
        """Memory of the tables."""
        return sum(array.nbytes for array in (*self.h_eff, *self.jumps) if isinstance(array, np.ndarray))

    @property
    def frame(self) -> Array:
        """(3, 3) orthogonal O with (Pauli averages of the user) = O (Pauli averages of the rotated frame)."""
        paulis = (SIGMA_X, SIGMA_Y, SIGMA_Z)
        turned = [conjugate(self.rotation, p) for p in paulis]
        return np.array([[np.trace(t @ p).real / 2 for p in paulis] for t in turned])


@once_per_model
def is_banded(model: Model) -> bool:
    """Whether the tables of this module hold the model: one block, arguments along one axis, of local jumps alone.

    A collective jump may have σ_+ or σ_- beside the diagonal, in the rotated frame, but not both: L†L would couple
    M to M ± 2 with other elements upwards than downwards.
    """
    if len(model.blocks) > 1 or model.blocks[0].levels != 2 or not shares_frame(model, 0):
        return False
    if any(jump.has_rate for jump in model.collective_jumps.values()):
        return False
    rotation = block_frame(model, 0)
    turned = [seen(rotation, y) for jump in model.collective_jumps.values() for y in jump.matrices.values()]
    return all(y[0, 1] == 0 or y[1, 0] == 0 for y in turned)


def _ladder_components(matrix: Matrix) -> Matrix:
    """(4,) coefficients of 1, σ_+, σ_-, σ_z."""
    return np.array(
        [
            (matrix[0, 0] + matrix[1, 1]) / 2,
            matrix[0, 1],
            matrix[1, 0],
            (matrix[0, 0] - matrix[1, 1]) / 2,
        ]
    )


class SpinHamiltonian(NamedTuple):
    """H in a sector: diagonal[0] + diagonal[1] M + diagonal[2] M² up to a constant; c_J(i)(up[0] + up[1] M); two."""

    diagonal: Array
    up: Matrix
    two: complex


def hamiltonian_of(model: Model, rotation: Matrix) -> SpinHamiltonian:
    """Coefficients of J_z, J_±, and their products, from S_± = J_±, S_z = 2 J_z, S_1 = N."""
    N = model.size
    one = np.zeros(4, dtype=complex)
    two = np.zeros((4, 4), dtype=complex)
    for single in model.one_body:
        one += _ladder_components(seen(rotation, single.eps))
    for pair in model.two_body:
        a, b = (_ladder_components(seen(rotation, x)) for x in (pair.A, pair.B))
        two += np.outer(a, b) * (pair.g / N)
    one, two = snapped_to_zero(one), snapped_to_zero(two)  # what terms have left of each other
    unit, plus, minus, z = range(4)
    diagonal = np.array(
        [
            0.0,
            2 * one[z] + 2 * N * (two[unit, z] + two[z, unit]) + two[plus, minus] - two[minus, plus],
            4 * two[z, z] - two[plus, minus] - two[minus, plus],
        ]
    )
    up = np.array(
        [
            one[plus] + N * (two[unit, plus] + two[plus, unit]) + 2 * two[z, plus],
            2 * (two[z, plus] + two[plus, z]),
        ]
    )
    return SpinHamiltonian(diagonal.real, up, complex(two[plus, plus]))


class SpinRates(NamedTuple):
    """Tables of one channel, see SpinJumps."""

    kind: int
    strength: float
    matrix: Matrix
    gamma: Array
    gamma_rest: Array
    diagonal: Array
    up: Matrix
    casimir: float = 0.0


def _lonely_flip(matrix: Matrix) -> tuple[int, int] | None:
    """Where the only entry of a matrix is, if that flips a spin."""
    places = [(int(a), int(b)) for a, b in np.argwhere(matrix != 0)]
    return places[0] if len(places) == 1 and places[0] in ((1, 0), (0, 1)) else None


def is_ladder(matrix: Matrix) -> bool:
    """Whether a jump with this matrix is one of those that a block knows as ladder operators."""
    return _lonely_flip(without_rounding(matrix)) is not None


def collective_rates(model: Model, jump: CollectiveJump, rotation: Matrix) -> SpinRates:
    """L = l(i) + y_ud J_+ + y_du J_- with l(i) = i y_uu + (N - i) y_dd, and L†L from J_∓J_± = J(J+1) - M² ∓ M."""
    N = model.size
    (matrix,) = jump.matrices.values()
    y = without_rounding(np.sqrt(jump.rate / N) * seen(rotation, matrix))
    i = np.arange(N + 1)
    M = i - N / 2
    along = i * y[0, 0] + (N - i) * y[1, 1]
    raised, lowered = abs(y[0, 1]) ** 2, abs(y[1, 0]) ** 2
    diagonal = np.abs(along) ** 2 - (raised + lowered) * M**2 - (raised - lowered) * M
    up = np.zeros(N + 1, dtype=complex)
    up[:N] = along[1:].conj() * y[0, 1] + np.conj(y[1, 0]) * along[:N]
    one = np.ones(N + 1)
    alone = _lonely_flip(y)
    kind = COLLECTIVE if alone is None else (COLLECTIVE_DOWN if alone == (1, 0) else COLLECTIVE_UP)
    return SpinRates(kind, float(np.abs(y).max() ** 2), y, one, one, diagonal, up, raised + lowered)


def local_rates(model: Model, jump: LocalJump, rotation: Matrix) -> SpinRates:
    """Tables of a local jump whose arguments are diagonal in the rotated frame."""
    N = model.size
    j = without_rounding(seen(rotation, jump.matrix))
    ends = [
        snapped(sum((np.diag(conjugate(rotation, m)).real for m in x.values()), np.zeros(2))) for x in jump.arguments
    ]

    def gamma_of(count: int) -> Array:
        values = [two_level_averages(x[0], x[1], count, N) for x in ends] or [np.zeros(count + 1)]
        return jump.gamma(values[0] if len(values) == 1 else np.array(values))

    i = np.arange(N + 1)
    gamma = gamma_of(N) if not jump.leaves_self_out else np.ones(N + 1)
    rest = np.ones(N + 1)
    if jump.leaves_self_out:
        rest[:N] = gamma_of(N - 1)
    # The rate operator: Γ (Σ j†j) Γ, or with the particle left out Σ_μ (N f_μ/f_λ) C†(Γ_μ² ⊗ j†j)C.
    square = snapped_to_zero(j.conj().T @ j)
    rest_without_up = np.concatenate([[1.0], rest[:N]])
    diagonal = gamma**2 * (i * square[0, 0].real * rest_without_up**2 + (N - i) * square[1, 1].real * rest**2)
    up = np.zeros(N + 1, dtype=complex)
    up[:N] = gamma[1:] * gamma[:N] * rest[:N] ** 2 * square[0, 1]
    alone = _lonely_flip(j)
    if alone is not None:
        kind = LADDER_DOWN if alone == (1, 0) else LADDER_UP
        return SpinRates(
            kind,
            float(np.abs(j).max() ** 2),
            j,
            gamma * (rest_without_up if kind == LADDER_DOWN else rest),
            np.ones(N + 1),
            diagonal,
            up,
        )
    return SpinRates(SELF_EXCLUDED if jump.leaves_self_out else GENERAL, 1.0, j, gamma, rest, diagonal, up)


@once_per_recent_model(MEMORY)
def build(model: Model) -> SpinBasis:
    """Tables of a model with one block of two-level particles and arguments along one axis.

    Raises
    ------
    UnsupportedError
        If the model is outside that class.
    ArgumentError
        If a rate returns something that is no rate.
    """
    if not is_banded(model):
        raise UnsupportedError("Tables hold one block of two levels with arguments along one axis only")
    rotation = block_frame(model, 0)
    hamiltonian = hamiltonian_of(model, rotation)
    rates = [
        local_rates(model, model.local_jumps[i], rotation)
        if i in model.local_jumps
        else collective_rates(model, model.collective_jumps[i], rotation)
        for i in range(len(model.jumps))
    ]
    energy = sum((table.energy for table in potentials_of(model).tables), np.zeros(model.size + 1))
    return SpinBasis(rotation, _h_eff(model.size, hamiltonian, energy, rates), stacked_jumps(model.size, rates))


def _h_eff(N: int, hamiltonian: SpinHamiltonian, energy: Array, rates: list[SpinRates]) -> BandedHeff:
    M = np.arange(N + 1) - N / 2
    H_up = hamiltonian.up[0] + hamiltonian.up[1] * M
    R_up = sum((r.up for r in rates), np.zeros(N + 1, dtype=complex))
    up, down = H_up - 0.5j * R_up, H_up.conj() - 0.5j * R_up.conj()
    scale = max(float(np.abs(up).max()), float(np.abs(down).max()), 1e-300)
    for band in (up, down):
        band.imag[np.abs(band.imag) < ZERO * scale] = 0.0
    two = hamiltonian.two if abs(hamiltonian.two) > ZERO * scale else 0j
    is_real = two == 0 and not up.imag.any() and bool(np.allclose(up.real, down.real, rtol=0, atol=ZERO * scale))
    band_width = 2 if two != 0 else int(bool(np.abs(up[:N]).any() or np.abs(down[:N]).any()))
    return BandedHeff(
        N=N,
        band=band_width,
        is_real=is_real,
        has_jumps=bool(rates),
        diagonal=hamiltonian.diagonal[1] * M + hamiltonian.diagonal[2] * M**2 + energy,
        half_rate=0.5 * sum((r.diagonal for r in rates), np.zeros(N + 1)),
        casimir=float(sum(r.casimir for r in rates)),  # an integer 0 would be another signature to the compiler
        up_re=up.real.copy(),
        up_im=up.imag.copy(),
        down_re=down.real.copy(),
        down_im=down.imag.copy(),
        two_re=float(two.real),
        two_im=float(two.imag),
    )


def stacked_jumps(N: int, rates: list[SpinRates]) -> SpinJumps:
    """All jumps as the kernels read them."""

    def stack(name: str, shape: tuple[int, ...]) -> NDArray[np.complex128]:
        return np.array([getattr(r, name) for r in rates]).reshape(len(rates), *shape)

    matrices = stack("matrix", (2, 2))
    return SpinJumps(
        kind=np.array([r.kind for r in rates], dtype=np.int64),
        strength=np.array([r.strength for r in rates], dtype=float),
        j_re=matrices.real.copy(),
        j_im=matrices.imag.copy(),
        gamma=stack("gamma", (N + 1,)).real.copy(),
        gamma_rest=stack("gamma_rest", (N + 1,)).real.copy(),
    )
