"""Initial states of a two-level block as a pure state of one sector.

A mixed exchangeable state is ⊕_J p_J ρ_J ⊗ 1/f_J; a trajectory starts from one pure state drawn from it, exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.special import gammaln

from ..model.states import BlockState, DickeBlock, OccupationBlock, ProductBlock, SectorBlock, SymmetricBlock
from .spin_sector import turned

Ket = NDArray[np.complex128]

PURE = 1e-13
"""Second largest eigenvalue of a single-particle density matrix below which it is pure."""


def _raising(two_J: int) -> NDArray[np.float64]:
    """(2J,) elements <M+1|J_+|M> for M = -J..J-1."""
    k = np.arange(two_J, dtype=float)
    return np.sqrt((two_J - k) * (k + 1))


def product_amplitudes(N: int, ket: Ket) -> Ket:
    """(N+1,) amplitudes of ket^{⊗N} over i = number of particles up, from the ratios of neighbours.

    c_i² is binomial; summing logarithms of ratios away from its mode keeps every digit at any N.
    """
    up, down = np.abs(ket)
    amplitudes = np.zeros(N + 1, dtype=complex)
    mode = min(N, int((N + 1) * up**2 / (up**2 + down**2)))
    logs = np.zeros(N + 1)
    if up > 0 and down > 0:
        i = np.arange(N, dtype=float)
        ratios = 0.5 * np.log((N - i) / (i + 1)) + np.log(up) - np.log(down)
        logs[mode + 1 :] = np.cumsum(ratios[mode:])
        logs[:mode] = -np.cumsum(ratios[:mode][::-1])[::-1]
        phase = np.angle(ket[0]) - np.angle(ket[1])
        amplitudes[:] = np.exp(logs + 1j * phase * np.arange(-mode, N + 1 - mode))
    else:
        amplitudes[mode] = 1.0
    return amplitudes / np.linalg.norm(amplitudes)


def component_eigenstate(two_J: int, two_M: int, axis: NDArray[np.float64]) -> Ket:
    """(2J+1,) amplitudes over M = -J..J of the state with axis·J = M; its phase is arbitrary.

    J_n is tridiagonal with known eigenvalues; the phase about z is put on afterwards.
    """
    sine, phi = np.hypot(axis[0], axis[1]), np.arctan2(axis[1], axis[0])
    index = (two_J + two_M) // 2
    if two_J == 0:
        return np.ones(1, dtype=complex)
    if sine < 1e-15:
        ket = np.zeros(two_J + 1, dtype=complex)
        ket[index if axis[2] > 0 else two_J - index] = 1
        return ket
    M = np.arange(two_J + 1) - two_J / 2
    _, vector = eigh_tridiagonal(axis[2] * M, 0.5 * sine * _raising(two_J), select="i", select_range=(index, index))
    return vector[:, 0] * np.exp(-1j * phi * np.arange(two_J + 1))


def draw_two_J(N: int, two_M: int, u: float) -> int:
    """2J of a random arrangement of N/2 + M particles up and N/2 - M down, for u uniform in [0, 1).

    P(J) = f_J / C(N, N/2+M) and the degeneracies telescope, f_J = C(N, N/2-J) - C(N, N/2-J-1), so that
    P(J ≥ j) = C(N, N/2-j) / C(N, N/2-|M|).
    """
    k = np.arange((N - abs(two_M)) // 2 + 1)
    logs = -gammaln(k + 1.0) - gammaln(N - k + 1.0)
    # J = N/2 - k with the smallest k for which P(J ≥ N/2 - k) exceeds u.
    return N - 2 * int(np.searchsorted(np.exp(logs - logs[-1]), u, side="right"))


def rotate_symmetric(amplitudes: Ket, rotation: Ket) -> Ket:
    """Amplitudes (N+1,) over i in the frame whose single-particle kets are the columns of ``rotation``.

    The components in the new frame are (rotation†)^{⊗N} = exp(-iα n·J) up to a global phase.
    """
    return turned(len(amplitudes) - 1, rotation.conj().T, amplitudes)


def draw_sector_state(state: BlockState, N: int, rotation: Ket, generator: np.random.Generator) -> tuple[int, Ket]:
    """One pure state of one sector: 2J and the (N+1,) amplitudes over i in the rotated frame.

    A pure start draws nothing. A mixed product state is the mixture over the number of particles in each
    eigenket, binomial, and over the sectors of a random arrangement of them.
    """
    padded = np.zeros(N + 1, dtype=complex)
    if isinstance(state, SymmetricBlock):
        return N, rotate_symmetric(state.amplitudes[::-1], rotation)
    if isinstance(state, SectorBlock):
        offset = (N - state.two_J) // 2
        turned_back = turned(state.two_J, rotation.conj().T, state.amplitudes[::-1])
        padded[offset : offset + state.two_J + 1] = turned_back
        return state.two_J, padded
    assert not isinstance(state, OccupationBlock)  # made for more levels only
    if isinstance(state, DickeBlock):
        two_J, two_M, axis = state.two_J, state.two_M, np.array([0.0, 0.0, 1.0])
    else:
        weights, kets = np.linalg.eigh(state.density)
        if weights[0] < PURE:
            return N, product_amplitudes(N, rotation.conj().T @ kets[:, 1])
        two_M = 2 * int(generator.binomial(N, weights[1])) - N
        two_J = draw_two_J(N, two_M, generator.random())
        spinor = kets[:, 1]
        flip = 2 * spinor[0].conj() * spinor[1]
        axis = np.array([flip.real, flip.imag, abs(spinor[0]) ** 2 - abs(spinor[1]) ** 2])
    # The axis as the rotated frame sees it: O^T with O_ab = ½ tr(U†σ_a U σ_b).
    ket = rotation.conj().T @ _spinor(axis)
    flip = 2 * ket[0].conj() * ket[1]
    seen = np.array([flip.real, flip.imag, abs(ket[0]) ** 2 - abs(ket[1]) ** 2])
    offset = (N - two_J) // 2
    padded[offset : offset + two_J + 1] = component_eigenstate(two_J, two_M, seen)
    return two_J, padded


def _spinor(axis: NDArray[np.float64]) -> Ket:
    """(2,) ket pointing along a unit vector."""
    theta, phi = np.arctan2(np.hypot(axis[0], axis[1]), axis[2]), np.arctan2(axis[1], axis[0])
    return np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])


def is_random(state: BlockState) -> bool:
    """Whether the sector or the state in it is drawn anew for each trajectory."""
    return isinstance(state, ProductBlock) and bool(np.linalg.eigvalsh(state.density)[-2] >= PURE)
