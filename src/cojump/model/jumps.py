"""Jumps: of one particle with an operator-valued rate, and collective ones.

Equation numbers in brackets are those of arXiv:2302.04155. Each term checks its own matrices and functions when it is
made; what takes the whole model to see is checked by :class:`cojump.model.Model`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError, foreign
from ..tools import checks
from ..tools.types import RealFunction
from .blocks import checked_block_name
from .operators import check_hermitian, matrix_of

_REMEMBERED = 2**20
"""Values of a rate that are remembered, to be compared with later ones at the same points."""

_ROUNDED = 1e-9
"""Relative difference of two values that are the same up to rounding."""


def values_of(name: str, function: RealFunction, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (n,) of a user's function at points (n,), or an ArgumentError about ``name`` if they are none."""
    try:
        with np.errstate(all="ignore"):
            returned = function(x.copy())
            values = np.asarray(returned)
    except (Exception, SystemExit) as error:  # sys.exit in it must not end the run, and with status 0 at that
        rule = "be a function that works on an array (a vectorised numpy function)"
        raise ArgumentError(name, rule, f"it raises {foreign(error, '')}") from error
    if isinstance(returned, np.ma.MaskedArray):
        raise ArgumentError(name, "return numbers", "it returns a masked array")
    if values.shape != x.shape:
        rule = "return one value per point (a vectorised numpy function)"
        raise ArgumentError(name, rule, f"for an argument of shape {x.shape} it returns shape {values.shape}")
    if values.dtype.kind not in "fiu":
        raise ArgumentError(name, "return real numbers", f"it returns dtype {values.dtype}")
    return values.astype(float)


def _check_derivatives(derivatives: object, function: object) -> None:
    """Raise ArgumentError unless ``derivatives`` is None or a pair of functions beside one that they belong to."""
    if derivatives is None:
        return
    pair = isinstance(derivatives, Sequence) and len(derivatives) == 2 and all(callable(f) for f in derivatives)
    if not pair:
        raise ArgumentError("derivatives", "be a pair of functions", f"it is {checks.shown(derivatives)}")
    if function is None:
        raise ArgumentError("derivatives", "be given together with `amplitude` or `rate`", "both are missing")


@dataclass(frozen=True, eq=False)
class LocalJump:
    """One jump operator j^(k) Γ(Δ) for every particle k of a block, (11)-(13).

    Δ = Σ_b (1/N_b) Σ_{k in b} X_b^(k) is an average over all particles, Γ is applied first. Γ is an amplitude:
    the rate of the transition is Γ².

    Parameters
    ----------
    j : (d, d) array
        Any matrix: not necessarily traceless, not necessarily a ladder operator.
    block : str
        The block whose particles jump.
    amplitude : callable, optional
        Γ(x), a vectorised real function of a real array. Evaluated only inside the spectrum of Δ. A kinked Γ is fine.
    rate : callable, optional
        R(x) ≥ 0 instead of ``amplitude``, with Γ = √R.
    argument : mapping of str to (d_b, d_b) array, optional
        The Hermitian X_b of each block that enters Δ. Needed with ``amplitude`` or ``rate``, meaningless without.
    exclude_self : bool
        Leave the jumping particle out of its own block's sum, (58); the factor 1/N_b does not change.
    derivatives : pair of callables, optional
        First and second derivative of the function given, ``amplitude`` or ``rate``. Only the theory of fluctuations
        needs them, and finds them by itself where the function is smooth.

    Raises
    ------
    ArgumentError
        If a matrix is not finite, an X_b is not Hermitian, or the options contradict each other.

    Examples
    --------
    >>> down, n = cj.operators.sigma_minus, cj.operators.projector(0, 2)
    >>> decay = cj.LocalJump(down, "spins", rate=lambda x: 2.0 * x**2, argument={"spins": n})
    >>> model = cj.Model([cj.Block("spins", size=100)], jumps=[decay])  # a spin decays at the rate 2 n_av²
    >>> mf = cj.mean_field(model, cj.tilted(model, 0, 0), [0, 1])  # dn/dt = -2 n³
    >>> print(((1 + mf["spins.z"].mean) / 2).round(6), 1 / np.sqrt(5))
    [1.       0.447214] 0.4472135954999579
    """

    j: NDArray[np.complex128]
    block: str
    amplitude: RealFunction | None
    rate: RealFunction | None
    argument: Mapping[str, NDArray[np.complex128]]
    exclude_self: bool
    derivatives: tuple[RealFunction, RealFunction] | None

    def __init__(
        self,
        j: ArrayLike,
        block: str,
        *,
        amplitude: RealFunction | None = None,
        rate: RealFunction | None = None,
        argument: Mapping[str, ArrayLike] | None = None,
        exclude_self: bool = False,
        derivatives: tuple[RealFunction, RealFunction] | None = None,
    ) -> None:
        for name, function in (("amplitude", amplitude), ("rate", rate)):
            if function is not None and not callable(function):
                raise ArgumentError(
                    name,
                    "be a function of the average Δ (a constant belongs into the matrix, √γ·j)",
                    f"it is {checks.shown(function)}",
                )
        if amplitude is not None and rate is not None:
            raise ArgumentError("rate", "be left out when `amplitude` is given", "both are there")
        function = amplitude if amplitude is not None else rate
        if (function is None) != (argument is None):
            given, missing = "argument", "amplitude` or `rate"
            if function is not None:
                given, missing = ("amplitude" if rate is None else "rate"), "argument"
            raise ArgumentError(missing, f"be given together with `{given}`", "it is missing")
        if argument is not None and (not isinstance(argument, Mapping) or not argument):
            raise ArgumentError("argument", "map block names to matrices", f"it is {checks.shown(argument)}")
        _check_derivatives(derivatives, function)
        matrices = {}
        for name, value in (argument or {}).items():
            matrices[checked_block_name("argument", name)] = matrix_of(f"argument[{name!r}]", value)
            check_hermitian(f"argument[{name!r}]", matrices[name])
        alone = checks.boolean("exclude_self", exclude_self)
        object.__setattr__(self, "j", matrix_of("j", j))
        object.__setattr__(self, "block", checked_block_name("block", block))
        object.__setattr__(self, "amplitude", amplitude)
        object.__setattr__(self, "rate", rate)
        object.__setattr__(self, "argument", matrices)
        object.__setattr__(self, "exclude_self", alone)
        object.__setattr__(self, "derivatives", None if derivatives is None else tuple(derivatives))

    @property
    def matrix(self) -> NDArray[np.complex128]:
        """The matrix j under the name that all terms of one matrix have in common."""
        return self.j

    @property
    def has_rate(self) -> bool:
        """Whether Γ depends on Δ at all."""
        return bool(self.argument)

    @property
    def leaves_self_out(self) -> bool:
        """Whether the jumping particle is left out of a sum that it would otherwise be in."""
        return self.exclude_self and self.block in self.argument

    def gamma(self, x: ArrayLike) -> NDArray[np.float64]:
        """Γ at the points ``x`` (n,) of the spectrum of Δ; shape (n,).

        Raises
        ------
        ArgumentError
            If the user's function returns another shape, complex, NaN, infinite or (a rate) negative values.
        """
        if not isinstance(x, np.ndarray) or x.dtype != float:  # one that is right is not looked at: theory calls often
            x = checks.array("x", x, "an array (n,) of numbers", real=True).astype(float)
        name = "amplitude" if self.rate is None else "rate"
        function = self.amplitude if self.rate is None else self.rate
        if function is None:
            return np.ones_like(x)
        values = values_of(name, function, x)
        bad = ~(np.abs(values) <= checks.LARGEST)
        if self.rate is not None:
            bad |= values < 0
        if bad.any():
            where = int(np.argmax(bad))
            rule = "be finite over the whole spectrum of Δ" + ("" if self.rate is None else " and never negative")
            if np.isfinite(values.flat[where]) and values.flat[where] > 0:
                rule = f"be at most {checks.LARGEST:g} over the whole spectrum of Δ"
            raise ArgumentError(name, rule, f"at Δ = {x.flat[where]:.12g} it returns {values.flat[where]:.6g}")
        self._check_same(name, x, values)
        return values if self.rate is None else np.sqrt(values)

    def _check_same(self, name: str, x: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Refuse a function that has given other values at the same points: a random one, or one that reads a variable.

        Only tables are compared, which the checks of a model and the trajectories both ask for; up to rounding, for a
        function may be summed by several threads.
        """
        if x.size < 2:
            return
        seen: dict[bytes, NDArray[np.float64]] = self.__dict__.setdefault("_seen", {})
        points = hashlib.blake2b(x.tobytes(), digest_size=16).digest()
        before = seen.get(points, values)
        size = np.maximum(np.abs(before), np.abs(values))
        if not (np.abs(before - values) <= _ROUNDED * size).all():
            found = f"for the same {x.size} points it returns other values than before"
            raise ArgumentError(name, "be a function of its argument alone", found)
        if sum(table.size for table in seen.values()) + x.size <= _REMEMBERED:
            seen[points] = values

    def __getstate__(self) -> dict[str, Any]:
        """All but the tables that are remembered."""
        return {key: value for key, value in self.__dict__.items() if key != "_seen"}


@dataclass(frozen=True, eq=False)
class CollectiveJump:
    """One jump operator L = sqrt(rate/N) Σ_b Σ_{k in b} Y_b^(k); N counts all particles. It keeps every sector.

    Parameters
    ----------
    matrices : mapping of str to (d_b, d_b) array
        Y_b of each block that takes part, any matrices.
    rate : float
        At least 0, in units of inverse time.

    Raises
    ------
    ArgumentError
        If a matrix is not finite or the rate is negative.

    Examples
    --------
    >>> decay = cj.CollectiveJump({"spins": cj.operators.sigma_minus}, rate=1.0)
    >>> model = cj.Model([cj.Block("spins", size=20)], jumps=[decay])  # superradiance
    >>> one = cj.trajectory(model, cj.tilted(model, 0, 0), [0, 100], seed=1, index=0)
    >>> len(one.jumps)  # every spin gives one photon, and then the state is dark
    20
    """

    matrices: Mapping[str, NDArray[np.complex128]]
    rate: float

    def __init__(self, matrices: Mapping[str, ArrayLike], rate: float) -> None:
        if not isinstance(matrices, Mapping) or not matrices:
            raise ArgumentError("matrices", "map block names to matrices", f"it is {checks.shown(matrices)}")
        checked = {checked_block_name("matrices", b): matrix_of(f"matrices[{b!r}]", y) for b, y in matrices.items()}
        object.__setattr__(self, "matrices", checked)
        object.__setattr__(self, "rate", checks.number("rate", rate, 0))
