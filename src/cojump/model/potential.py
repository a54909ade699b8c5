"""A potential: the energy of all particles together as a function of one average."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError
from ..tools import checks
from ..tools.types import RealFunction
from . import written
from .function_of_average import FunctionOfAverage, checked_argument, checked_functions

_SCALE_POINTS = 65
"""Points of the spectrum between which slopes of φ are taken, to tell how large energies are."""


@dataclass(frozen=True, eq=False, repr=False)
class Potential(FunctionOfAverage):
    """The Hamiltonian term N φ(Δ): an energy of any number of bodies, as long as it is a function of one average.

    Δ = Σ_b (1/N_b) Σ_{k in b} X_b^(k), N counts all particles of the model, and φ(Δ) is a function of an operator, by
    its eigenvalues. φ(x) = g x² with one block is ``TwoBody(X, X, g)``; φ(x) = -x^p the p-spin interaction.

    Mean field sees in it the one-particle Hamiltonian (N/N_b) φ'(Δ) X_b of each block b.

    Parameters
    ----------
    phi : callable
        φ(x), a vectorised real function of a real array, an energy for each particle (ħ = 1). Evaluated only inside
        the spectrum of Δ. It may have kinks: trajectories and the master equation run it all the same.
    argument : mapping of str to (d_b, d_b) array
        The Hermitian X_b of each block that enters Δ.
    derivatives : sequence of up to three callables, optional
        φ', φ'' and φ''': mean field needs the first, stability and covariance the second, the 1/N correction the
        third. Those that are not given are found where φ is smooth.
    factor : float
        A number that φ is multiplied by.
    envelope : callable, optional
        f(t), a real function of time: the term is f(t) times what it is without. See ``Model``.
    breaks : sequence of float, optional
        Times at which f jumps or has a kink, increasing: it is smooth between them.

    Raises
    ------
    ArgumentError
        If φ is no function, an X_b is not Hermitian, or the factor is not finite.

    Notes
    -----
    Terms of three and more bodies that are no function of one average are sums of potentials, if their averages stand
    in symmetric order: the mean over all orders of abc, for averages a, b, c, is
    [(a+b+c)³ - (a+b-c)³ - (a-b+c)³ + (a-b-c)³] / 24. Other orders differ by terms of fewer bodies, divided by N.

    Examples
    --------
    >>> z = cj.operators.sigma_z
    >>> model = cj.Model([cj.Block("spins", size=100)], [cj.Potential(lambda m: m**3, {"spins": z})])
    >>> mf = cj.mean_field(model, cj.tilted(model, np.pi / 3, 0), [0, np.pi / 3])  # turns about z by 2 φ'(m_z) t = π/2
    >>> print(mf["spins.x"].mean.round(6), mf["spins.y"].mean.round(6))
    [0.866025 0.      ] [0.       0.866025]
    """

    phi: RealFunction
    argument: Mapping[str, NDArray[Any]]
    derivatives: tuple[RealFunction, ...] | None = None
    _: KW_ONLY
    factor: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        phi: Any = self.phi
        if not callable(phi):
            rule = "be a function of the average Δ (of one particle: OneBody, of two: TwoBody)"
            raise ArgumentError("phi", rule, f"it is {checks.shown(phi)}")
        argument: Any = self.argument
        if isinstance(argument, list | tuple):
            rule = "map block names to matrices, of one average (products of several: see the Notes of Potential)"
            raise ArgumentError("argument", rule, f"it is {checks.shown(argument)}")
        object.__setattr__(self, "argument", checked_argument(argument))
        if self.derivatives is not None:
            rule = "be up to three functions, φ', φ'' and φ'''"
            made = checked_functions("derivatives", self.derivatives, rule, (1, 2, 3))
            object.__setattr__(self, "derivatives", made)
        object.__setattr__(self, "factor", checks.number("factor", self.factor))

    def _title(self) -> str:
        factor = "" if self.factor == 1 else f"{self.factor:.6g} "
        return f"Potential N {factor}φ(x), {written.function('φ', self.phi, self.arguments)}"

    def _homes(self) -> Mapping[str, tuple[str, str] | None]:
        return {"argument": None}

    @property
    def is_free(self) -> bool:
        """Whether no particle feels another one in it: no."""
        return False

    def fastest(self, sizes: Mapping[str, int]) -> float:
        """The largest energy that one particle takes to its other end: slopes of φ times what it changes of N Δ."""
        x = self.spectrum(sizes, _SCALE_POINTS)
        if x[-1] == x[0]:
            return 0.0
        # neighbours in the spectrum of several blocks may be only rounding apart
        steps = np.maximum(np.diff(x), (x[-1] - x[0]) / _SCALE_POINTS)
        slope = float((np.abs(np.diff(self.energy(x))) / steps).max())
        total = sum(sizes.values())
        widths = (total / sizes[name] * float(levels[-1] - levels[0]) for name, levels in self.levels.items())
        return slope * max(widths)

    def among(self, names: Collection[str], share: float) -> Self:
        """The same term without the zero matrices of the blocks left out, where N counts ``share`` of the particles."""
        inside = {name: x for name, x in self.argument.items() if name in names}
        return replace(self, argument=inside, factor=self.factor / share)

    def energy(self, x: ArrayLike) -> NDArray[np.float64]:
        """Energy for each particle, ``factor`` φ, at the points ``x`` (n,) of the spectrum of Δ; shape (n,).

        Raises
        ------
        ArgumentError
            If the user's function returns another shape, complex, NaN or infinite values.
        """
        points = checks.array("x", x, "an array (n,) of numbers", real=True).astype(float)
        return self.factor * self.checked_values("phi", self.phi, points, signed=True)
