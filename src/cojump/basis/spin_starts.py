"""Initial states of a two-level block as a pure state of one sector.

A mixed exchangeable state is ⊕_J p_J ρ_J ⊗ 1/f_J; a trajectory starts from one pure state drawn from it, exactly.
"""

from __future__ import annotations

from bisect import bisect_right
from math import log

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.special import gammaln

from ..model.states import BlockState, DickeBlock, OccupationBlock, SectorBlock, SymmetricBlock
from .real_states import is_real
from .spin_sector import turned

Ket = NDArray[np.complex128]

PURE = 1e-13
"""Second largest eigenvalue of a single-particle density matrix below which it is pure."""

_ROUNDING = 1e-15
"""Component of an axis that an angle of the user's may leave beside a plane."""


_NOTHING = -745.1332191019412
"""Logarithm above which an exponential is more than zero."""


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


class Arrangements:
    """Total spins of random arrangements of N particles, so many of them up.

    P(J) = f_J / C(N, N/2+M) and the degeneracies telescope, f_J = C(N, N/2-J) - C(N, N/2-J-1), so that
    P(J ≥ j) = C(N, N/2-j) / C(N, N/2-|M|).
    """

    def __init__(self, N: int) -> None:
        self._N = N
        k = np.arange(N // 2 + 1)
        self._logs: NDArray[np.float64] = -gammaln(k + 1.0) - gammaln(N - k + 1.0)

    def two_J(self, two_M: int, u: float) -> int:
        """2J of one of N/2 + M particles up and N/2 - M down, for u uniform in [0, 1)."""
        least = (self._N - abs(two_M)) // 2
        # J = N/2 - k with the smallest k for which P(J ≥ N/2 - k) exceeds u.
        share = float(self._logs[least]) + (log(u) if u > 0.0 else _NOTHING)
        return self._N - 2 * bisect_right(self._logs, share, 0, least)

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        return self._logs.nbytes


def rotate_symmetric(amplitudes: Ket, rotation: Ket) -> Ket:
    """Amplitudes (N+1,) over i in the frame whose single-particle kets are the columns of ``rotation``.

    The components in the new frame are (rotation†)^{⊗N} = exp(-iα n·J) up to a global phase.
    """
    return turned(len(amplitudes) - 1, rotation.conj().T, amplitudes)


class SpinStart:
    """The initial state of one block of two levels, to be drawn from as often as there are trajectories.

    A pure start draws nothing. A mixed product state is the mixture over the number of particles in each
    eigenket, binomial, and over the sectors of a random arrangement of them. What follows from the numbers drawn
    alone can be kept: the same ones come again.

    Parameters
    ----------
    state : BlockState
    N : int
        Number of particles.
    rotation : (2, 2) unitary
        The frame in which amplitudes are wanted.
    """

    def __init__(self, state: BlockState, N: int, rotation: Ket) -> None:
        self._N = N
        self._fixed: tuple[int, Ket] | None = None
        back = rotation.conj().T
        assert not isinstance(state, OccupationBlock)  # made for more levels only
        if isinstance(state, SymmetricBlock):
            self._fixed = N, rotate_symmetric(state.amplitudes[::-1], rotation)
        elif isinstance(state, SectorBlock):
            self._fixed = state.two_J, np.array(turned(state.two_J, back, state.amplitudes[::-1]), dtype=complex)
        elif isinstance(state, DickeBlock):
            axis = _axis(back @ _spinor(np.array([0.0, 0.0, 1.0])))
            self._fixed = state.two_J, component_eigenstate(state.two_J, state.two_M, axis)
        else:
            weights, kets = np.linalg.eigh(state.density)
            if weights[0] < PURE:
                self._fixed = N, product_amplitudes(N, back @ kets[:, 1])
            else:
                self._weight, self._arrangements = float(weights[1]), Arrangements(N)
                # the phase of the eigenket does not matter
                self._axis = _axis(back @ _spinor(_axis(kets[:, 1])))

    @property
    def is_random(self) -> bool:
        """Whether the sector and the state in it are drawn anew for each trajectory."""
        return self._fixed is None

    @property
    def stays_real(self) -> bool:
        """Whether all states that can be drawn are real where each particle up has a phase -i, see real_states."""
        if self._fixed is not None:
            two_J, ket = self._fixed
            return is_real(ket, [0], [two_J + 1])
        return abs(float(self._axis[0])) <= _ROUNDING

    def choose(self, generator: np.random.Generator) -> tuple[int, int]:
        """Draw 2J, and 2M along the axis of the state; (2J, 0) of a pure start."""
        if self._fixed is not None:
            return self._fixed[0], 0
        two_M = 2 * int(generator.binomial(self._N, self._weight)) - self._N
        return self._arrangements.two_J(two_M, generator.random()), two_M

    def chosen(self, choice: tuple[int, int]) -> tuple[int, Ket]:
        """The pure state of one sector that was drawn: 2J and its (2J+1,) amplitudes over M = -J..J."""
        if self._fixed is not None:
            return self._fixed
        two_J, two_M = choice
        return two_J, component_eigenstate(two_J, two_M, self._axis)

    def draw(self, generator: np.random.Generator) -> tuple[int, Ket]:
        """Draw one pure state of one sector."""
        return self.chosen(self.choose(generator))


def _spinor(axis: NDArray[np.float64]) -> Ket:
    """(2,) ket pointing along a unit vector."""
    theta, phi = np.arctan2(np.hypot(axis[0], axis[1]), axis[2]), np.arctan2(axis[1], axis[0])
    return np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])


def _axis(ket: Ket) -> NDArray[np.float64]:
    """The unit vector along which a (2,) ket points."""
    flip = 2 * ket[0].conj() * ket[1]
    return np.array([flip.real, flip.imag, abs(ket[0]) ** 2 - abs(ket[1]) ** 2])
