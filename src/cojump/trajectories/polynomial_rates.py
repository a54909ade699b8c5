"""Γ(Δ) of an argument that is not diagonal in the main frame, as a polynomial of the tridiagonal matrix Δ.

On a sector V_J of a block of two levels, Δ has the eigenvalues at which Γ is tabulated. So the error of a polynomial p
in place of Γ is known, not estimated: ‖p(Δ) - Γ(Δ)‖ is the largest |p(x) - Γ(x)| of these eigenvalues x. A smooth Γ
needs a low degree; the matrix has that many bands, where the change of frame that makes Δ diagonal has full rows. The
energy N φ(Δ) of a potential is the same kind of matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..basis.particle_removal import Label
from ..basis.sectors import Sector, dimension_of
from ..basis.spin_sector import SpinSector, spin_sector
from ..errors import ArgumentError
from ..model import Block, Model
from ..model.function_of_average import FunctionOfAverage
from ..model.spectrum import snapped
from ..tools.chebyshev import converged
from ..tools.matrices import conjugate
from ..tools.types import Array, Matrix, RealFunction
from .kernels.banded_matrix import polynomial, product

BOUND = 1e-13
"""Largest error of a polynomial on the spectrum, relative to the largest |Γ| there: as that of dense matrices."""

_COEFFICIENTS, _BANDS = 0.5 * BOUND, 4e-15
"""Sum of the coefficients, and of the norms of outer bands, that are left out, relative to the largest ones.

Rates may be far below the largest one where the state is, and Γ² even more so: bands are left out for rounding alone.
"""

HIGHEST = 512
"""Highest degree of a polynomial."""


@dataclass(frozen=True, eq=False)
class PolynomialRate:
    """Γ(Δ), or another function of Δ, for an argument on one block of two levels.

    Attributes
    ----------
    axis : int
        The block of the argument.
    argument : (2, 2) array
        X/N_b in the main frame of the block.
    frame : (2, 2) unitary
        Its eigenkets in the main frame.
    series : Chebyshev
    error : float
        ‖p(Δ) - Γ(Δ)‖ in all sectors, relative to the largest |Γ|.
    """

    axis: int
    argument: Matrix
    frame: Matrix
    series: Chebyshev
    error: float

    @property
    def degree(self) -> int:
        """Degree of the polynomial."""
        return len(self.series.coef) - 1

    def nbytes(self, dim: int) -> int:
        """Memory of Γ(Δ) on a sector, an estimate: its elements may be complex, or every other band may be zero."""
        return 12 * (2 * self.degree + 1) * dim

    def gamma(self, sector: Sector) -> csr_array:
        """Γ(Δ) or N φ(Δ) on a sector, of all particles of the block or of those that are left when one is taken out."""
        return _sparse(self.bands(sector))

    def beside(self, block: Block, label: Label, window: tuple[int, int]) -> tuple[int, int]:
        """A window as far as Γ leads from it: what it passes on its way out and back belongs to a product."""
        (lo, hi), beyond = window, self.degree + 1
        return max(lo - beyond, 0), min(hi + beyond, dimension_of(block, label))

    def rate(
        self, block: Block, label: Label, window: tuple[int, int], square: Matrix | None, excluded: bool
    ) -> csr_array:
        """The rate operator of a jump within a window of a sector.

        Parameters
        ----------
        block, label, window
        square : (2, 2) array or None
            j†j in the main frame; None for a jump on another block, of which Γ² is returned.
        excluded : bool
            Whether Γ is that of the other particles.
        """
        lo, hi = window
        first, last = self.beside(block, label, window)
        assert isinstance(label, int)
        sector = spin_sector(block.size, label, (first, last))
        if excluded:
            # Σ_ab z_ab E_ab Γ_b²: Γ_b, seen by one in state b, is Γ at Δ less that particle's own share
            assert square is not None
            made: Matrix = np.zeros((sector.dim, 1), dtype=complex)
            for share, ket in zip(self._shares(), self.frame.T, strict=True):
                others = self.bands(sector, share)
                move = sector.one_body_bands(square @ np.outer(ket, ket.conj()))
                made = sum_of_bands(made, product(move, product(others, others)))
        else:
            made = self.rate_bands(sector, self.bands(sector), square)
        return csr_array(_sparse(made)[lo - first : hi - first, lo - first : hi - first])

    def _shares(self) -> Array:
        """The part of one particle in Δ, by its state."""
        return snapped(np.diag(conjugate(self.frame, self.argument)).real)

    def rate_bands(self, sector: SpinSector, gamma: Matrix, square: Matrix | None) -> Matrix:
        """Γ Σj†j Γ, or Γ² without j†j, from the bands of Γ on a sector."""
        made = gamma if square is None else product(gamma, sector.one_body_bands(square))
        return np.asarray(product(made, gamma))

    def bands(self, sector: Sector, share: float = 0.0) -> Matrix:
        """p(Δ - share) on a sector, row by row as :mod:`.kernels.banded_matrix` has it."""
        assert isinstance(sector, SpinSector)
        lowest, highest = self.series.domain
        scaled = sector.one_body_bands(self.argument)
        scaled[:, 1] -= share + 0.5 * (lowest + highest)
        return np.asarray(polynomial(self.series.coef, scaled * (2 / (highest - lowest))))


def polynomial_rate(
    model: Model,
    term: FunctionOfAverage,
    function: RealFunction,
    rotations: list[Matrix],
    turn: dict[int, Matrix],
    argument: Array,
    values: Array,
) -> PolynomialRate | None:
    """A function of Δ as a polynomial; None where it is not smooth, or depends on more than one block of two levels.

    Parameters
    ----------
    model, term
    function : callable
        Γ, or the energy of a potential.
    rotations : list of arrays
        Main frames of the blocks.
    turn : dict
        Rotations from there to the frames where the argument is diagonal.
    argument, values : arrays
        Eigenvalues of Δ, and the function there.
    """
    if not depends_on_one(term):
        return None
    (axis,) = turn
    block = model.blocks[axis]
    if argument.size < 3:
        return None
    series = _series(function, block, float(argument.min()), float(argument.max()))
    if series is None:
        return None
    error = float(np.abs(series(argument) - values).max() / max(np.abs(values).max(), np.finfo(float).tiny))
    if error > BOUND:
        return None
    seen = conjugate(rotations[axis], term.arguments[0][block.name]) / block.size
    return PolynomialRate(axis, seen, turn[axis], series, error)


def depends_on_one(term: FunctionOfAverage) -> bool:
    """Whether a term is a function of one average of one block."""
    return len(term.arguments) == len(term.argument_blocks) == 1


def degree_of(model: Model, term: FunctionOfAverage, function: RealFunction) -> int | None:
    """Degree of the polynomial of a term whose argument is not diagonal; None where it needs dense matrices."""
    if not depends_on_one(term):
        return None
    (name,) = term.argument_blocks
    series = _series(function, model.blocks[model.block_index(name)], *term.reach)
    return None if series is None else len(series.coef) - 1


def _series(function: RealFunction, block: Block, lowest: float, highest: float) -> Chebyshev | None:
    """A function as a polynomial between the ends of the spectrum; None if it is not smooth or the degree too high."""
    if block.levels > 2 or not lowest < highest:
        return None
    try:
        series = converged(function, lowest, highest, rounding=0.1 * BOUND, reproduced=BOUND)
    except ArgumentError:  # it has values on the spectrum, but not between its points
        return None
    if series is None:
        return None
    series.coef = series.coef[
        : len(series.coef) - _negligible(np.abs(series.coef[:0:-1]), _COEFFICIENTS * np.abs(series.coef).max())
    ]
    # of a degree of N or more it would have no fewer bands than the matrix has
    return None if len(series.coef) > min(block.size, HIGHEST + 1) else series


def _negligible(sizes: Array, most: float) -> int:
    """How many of the first numbers add up to no more than this."""
    return int(np.searchsorted(np.cumsum(sizes), most, side="right"))


def sum_of_bands(first: Matrix, second: Matrix) -> Matrix:
    """The sum of two banded matrices, the first of which has no more bands."""
    made, beside = second.copy(), (second.shape[1] - first.shape[1]) // 2
    made[:, beside : beside + first.shape[1]] += first
    return made


def _sparse(bands: NDArray[Any]) -> csr_array:
    """Bands as a sparse matrix; the outer ones are left out as far as the norm of all of them is rounding."""
    n, width = len(bands), bands.shape[1] // 2
    largest = np.abs(bands).max(axis=0, initial=0)  # the norm of each band
    left_out = _negligible(largest[:width] + largest[:width:-1], _BANDS * largest.max(initial=0))
    offsets = np.arange(left_out, 2 * width + 1 - left_out) - width
    columns = np.arange(n)[:, None] + offsets
    kept = bands[:, left_out : 2 * width + 1 - left_out]
    inside = (columns >= 0) & (columns < n) & (kept != 0)
    pointers = np.concatenate([[0], np.cumsum(inside.sum(axis=1))])
    return csr_array((kept[inside], columns[inside], pointers), shape=(n, n))
