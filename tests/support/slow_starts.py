"""How starts are drawn, written from the beginning for every trajectory; nothing is kept."""

import numpy as np
from scipy.special import gammaln

from cojump.basis.spin_sector import turned
from cojump.basis.spin_starts import PURE, component_eigenstate, product_amplitudes, rotate_symmetric
from cojump.model.states import DickeBlock, SectorBlock, SymmetricBlock


def draw_two_J(N, two_M, u):
    """2J of a random arrangement of N/2 + M particles up and N/2 - M down, for u uniform in [0, 1).

    P(J) = f_J / C(N, N/2+M) and the degeneracies telescope, f_J = C(N, N/2-J) - C(N, N/2-J-1), so that
    P(J ≥ j) = C(N, N/2-j) / C(N, N/2-|M|).
    """
    k = np.arange((N - abs(two_M)) // 2 + 1)
    logs = -gammaln(k + 1.0) - gammaln(N - k + 1.0)
    # J = N/2 - k with the smallest k for which P(J ≥ N/2 - k) exceeds u.
    return N - 2 * int(np.searchsorted(np.exp(logs - logs[-1]), u, side="right"))


def draw_sector_state(state, N, rotation, generator):
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


def _spinor(axis):
    """(2,) ket pointing along a unit vector."""
    theta, phi = np.arctan2(np.hypot(axis[0], axis[1]), axis[2]), np.arctan2(axis[1], axis[0])
    return np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])
