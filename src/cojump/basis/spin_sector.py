"""One sector V_J of a block of two-level particles: its collective operators and one-particle moves as sparse matrices.

States are ordered by M = -J..J. What is here is all that the engine for several blocks asks of a block, so that
blocks of more levels only need another class of the same shape.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, dia_array
from scipy.sparse.linalg import expm_multiply
from scipy.special import gammaln

from ..tools.types import Matrix
from .particle_removal import Removal


class SpinSector:
    """V_J of N two-level particles, or a window of it.

    Parameters
    ----------
    N, two_J : int
    window : (int, int), optional
        First and past-last state, counted from M = -J; all of them without. Operators are cut at its ends.
    """

    def __init__(self, N: int, two_J: int, window: tuple[int, int] | None = None) -> None:
        self.N, self.two_J = N, two_J
        self.window = (0, two_J + 1) if window is None else window
        self.dim = self.window[1] - self.window[0]
        self.first = (N - two_J) // 2 + self.window[0]
        """Number of particles up in the lowest state."""

    @cached_property
    def ups(self) -> NDArray[np.int64]:
        """(dim,) number of particles up in each state."""
        return self.first + np.arange(self.dim)

    @cached_property
    def occupations(self) -> NDArray[np.int64]:
        """(dim, 2) number of particles up and down in each state."""
        return np.stack([self.ups, self.N - self.ups], axis=1)

    @property
    def places(self) -> slice:
        """Where the states are in a table over the occupations of the N particles (by the number up)."""
        return slice(self.first, self.first + self.dim)

    @property
    def log_copies(self) -> float:
        """Logarithm of f_J, f_J = (2J+1)/(N/2+J+1) · C(N, N/2-J) (hook-length formula)."""
        N, k = self.N, (self.N - self.two_J) // 2
        binomial = gammaln(N + 1) - gammaln(k + 1) - gammaln(N - k + 1)
        return float(binomial + np.log((self.two_J + 1) / (N - k + 1)))

    def one_body(self, matrix: Matrix) -> csr_array:
        """Σ_k matrix^(k), a sparse (dim, dim) matrix."""
        rows = self.one_body_bands(matrix)
        bands = np.zeros((3, self.dim), dtype=complex)
        bands[0, :-1], bands[1], bands[2, 1:] = rows[1:, 0], rows[:, 1], rows[:-1, 2]
        offsets = np.array([-1, 0, 1])
        return csr_array(dia_array((bands, offsets), shape=(self.dim, self.dim)))

    def one_body_bands(self, matrix: Matrix) -> Matrix:
        """The same as (dim, 3) bands: elements of each row one below its diagonal, on it, and one above."""
        M = self.ups - self.N / 2
        J = self.two_J / 2
        raising = np.sqrt((J - M[:-1]) * (J + M[:-1] + 1))
        # rows and columns go with growing M: <M+1|σ_+|M> lies below the diagonal
        bands = np.zeros((self.dim, 3), dtype=complex)
        bands[1:, 0] = matrix[0, 1] * raising
        bands[:, 1] = matrix[0, 0] * self.ups + matrix[1, 1] * (self.N - self.ups)
        bands[:-1, 2] = matrix[1, 0] * raising
        return bands

    def product(self, first: Matrix, second: Matrix) -> csr_array:
        """Σ_k first^(k) Σ_j second^(j): multiplied in the whole sector, then cut."""
        whole = SpinSector(self.N, self.two_J)
        cut = slice(*self.window)
        return csr_array((whole.one_body(first) @ whole.one_body(second))[cut, cut])

    def removals(self) -> list[tuple[int, float]]:
        """2μ and N f_μ/f_λ of the one or two ways to take a particle out."""
        J = self.two_J / 2
        low, high = 2 * J * (self.N / 2 + J + 1) / (2 * J + 1), (2 * J + 2) * (self.N / 2 - J) / (2 * J + 1)
        ways = ((self.two_J - 1, low), (self.two_J + 1, high))
        return [(two_mu, weight) for two_mu, weight in ways if 0 <= two_mu <= self.N - 1]

    def moves(self) -> list[Removal]:
        """All ways to take a particle out of the whole sector (closed forms for two levels)."""
        return [Removal(two_mu, weight, self.entrance(two_mu)) for two_mu, weight in self.removals()]

    def entrance(self, two_mu: int) -> tuple[csr_array, csr_array]:
        """C_J^μ as matrices (2μ+1, 2J+1) for the particle up and down; their adjoints put a particle into J."""
        J = self.two_J / 2
        m = np.arange(two_mu + 1) - two_mu / 2
        columns = np.arange(two_mu + 1) + (self.two_J - two_mu - 1) // 2
        if two_mu < self.two_J:
            up, down = (J + m + 0.5) / (2 * J), (J - m + 0.5) / (2 * J)
            sign = 1.0
        else:
            up, down = (J + 0.5 - m) / (2 * J + 2), (J + 0.5 + m) / (2 * J + 2)
            sign = -1.0

        def shift(values: NDArray[np.floating], step: int) -> csr_array:
            """Rows m, columns M = m ± ½."""
            target = columns + step
            inside = (target >= 0) & (target <= self.two_J)
            rows = np.arange(two_mu + 1)[inside]
            data = np.sqrt(np.maximum(values[inside], 0)) + 0j
            return csr_array((data, (rows, target[inside])), shape=(two_mu + 1, self.two_J + 1))

        return shift(up, 1) * sign, shift(down, 0)


@lru_cache(maxsize=512)
def spin_sector(N: int, two_J: int, window: tuple[int, int] | None = None) -> SpinSector:
    """The sector J of N particles; kept, because trajectories come back to the same few."""
    return SpinSector(N, two_J, window)


def rotation_axis(unitary: Matrix) -> tuple[float, Matrix]:
    """Write a (2, 2) unitary as exp(-i α n·σ) up to its phase; returns α and n·σ/2, so that it is exp(-2i α n·J)."""
    special = unitary / np.sqrt(np.linalg.det(unitary) + 0j)
    cosine = np.trace(special).real / 2
    part = 1j * (special - cosine * np.eye(2))
    sine = float(np.linalg.norm(part)) / np.sqrt(2)
    if sine == 0:
        return 0.0, np.zeros((2, 2), dtype=complex)
    return float(np.arctan2(sine, cosine)), part / (2 * sine)


def rotation_matrix(two_J: int, unitary: Matrix) -> Matrix:
    """(2J+1, 2J+1) representation of a single-particle unitary (columns: new up, new down) on V_J.

    Column M is the state |J, M> of the new frame in the old one. The global phase det(unitary)^J is left out.
    """
    half, generator = rotation_axis(unitary)
    if half == 0:
        return np.eye(two_J + 1, dtype=complex)
    n_J = SpinSector(two_J, two_J).one_body(generator).toarray()
    values, vectors = np.linalg.eigh((n_J + n_J.conj().T) / 2)
    exact = np.round(2 * values) / 2
    return (vectors * np.exp(-2j * half * exact)) @ vectors.conj().T


def turned(two_J: int, unitary: Matrix, amplitudes: Matrix) -> Matrix:
    """``rotation_matrix`` applied to amplitudes (2J+1, ...), without that matrix: for large sectors."""
    half, generator = rotation_axis(unitary)
    if half == 0:
        return amplitudes
    J_n = SpinSector(two_J, two_J).one_body(generator).tocsc()
    columns = amplitudes.astype(complex).reshape(two_J + 1, -1)
    return np.asarray(expm_multiply(-2j * half * J_n, columns, traceA=0.0)).reshape(amplitudes.shape)
