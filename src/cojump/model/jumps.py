"""Jumps: of one particle, and collective ones, both with operator-valued rates.

Equation numbers in brackets are those of arXiv:2302.04155. Each term checks its own matrices and functions when it is
made; what takes the whole model to see is checked by :class:`cojump.model.Model`.
"""

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
from .blocks import checked_block_name
from .function_of_average import FunctionOfAverage, checked_argument, checked_functions
from .operators import matrix_of
from .term import Jump, checked_matrices, norm

_SCALE_POINTS = 64
"""Points of the spectrum that tell how large a rate is."""

_RATE_POINTS = 257
"""Points of the spectrum on which the largest rate of a channel is looked for."""


def check_function(name: str, function: object, constant: str) -> None:
    """Raise ArgumentError unless a rate or an amplitude is None or a function; ``constant`` is how one is written."""
    if function is not None and not callable(function):
        rule = f"be a function of the average Δ (a constant belongs into the matrix, {constant})"
        raise ArgumentError(name, rule, f"it is {checks.shown(function)}")


class RatedJump(Jump, FunctionOfAverage):
    """A jump whose amplitude is multiplied by an operator Γ(Δ), or by nothing.

    Each kind has the fields ``amplitude``, ``argument`` and ``derivatives``, and may have a rate R = Γ² in place of Γ.
    """

    amplitude: RealFunction | None
    derivatives: tuple[RealFunction, RealFunction] | None

    def _check_function(self) -> None:
        """Check amplitude or rate, argument and derivatives against each other, and put them into their form."""
        function, given = self.function, "rate" if self.is_rate else "amplitude"
        argument: Any = self.argument
        if argument is None and function is not None:
            raise ArgumentError("argument", f"be given together with `{given}`", "it is missing")
        empty = isinstance(argument, Mapping) and not argument  # as a jump without a rate has it
        if function is None and argument is not None and not empty:
            raise ArgumentError(self._without_function, "be given together with `argument`", "it is missing")
        argument = {} if function is None else checked_argument(argument)
        derivatives = self.derivatives
        if derivatives is not None:
            derivatives = checked_functions("derivatives", derivatives, "be a pair of functions", (2,))  # type: ignore[assignment]
            if function is None:
                rule = "be given together with `amplitude` or `rate`"
                raise ArgumentError("derivatives", rule, "both are missing")
        object.__setattr__(self, "argument", argument)
        object.__setattr__(self, "derivatives", derivatives)

    _without_function = "amplitude"
    """How an error calls what is missing beside an argument."""

    @property
    def function(self) -> RealFunction | None:
        """The function that is given: Γ, or the rate Γ²."""
        return self.amplitude

    @property
    def is_rate(self) -> bool:
        """Whether that is the rate."""
        return False

    @property
    def has_rate(self) -> bool:
        """Whether Γ depends on Δ at all."""
        return bool(self.argument)

    def _written_function(self) -> str:
        """What the title says of Γ, after a comma: nothing where there is none."""
        if self.function is None:
            return ""
        name = "rate" if self.is_rate else "amplitude"
        return f", {written.function(name, self.function, self.arguments)}"

    def gamma(self, x: ArrayLike) -> NDArray[np.float64]:
        """Γ at the points ``x`` of the spectrum of Δ, (n,), or (K, n) of K averages; shape (n,).

        Raises
        ------
        ArgumentError
            If the user's function returns another shape, complex, NaN, infinite or (a rate) negative values.
        """
        if not isinstance(x, np.ndarray) or x.dtype != float:  # one that is right is not looked at: theory calls often
            x = checks.array("x", x, "an array (n,) of numbers", real=True).astype(float)
        function = self.function
        if function is None:
            return np.ones(x.shape[-1:])
        values = self.checked_values("rate" if self.is_rate else "amplitude", function, x, signed=not self.is_rate)
        return np.sqrt(values) if self.is_rate else values

    def largest_gamma(self, sizes: Mapping[str, int], most: int) -> float:
        """The largest |Γ| on the spectrum, of which up to ``most`` points are looked at."""
        return float(np.abs(self.gamma(self.spectrum(sizes, most))).max())


class OneParticleJump(RatedJump):
    """A jump of one particle of a block, j^(k) Γ(Δ), or j^(k) Γ_k(Δ without particle k).

    Each kind has the fields ``j``, ``block`` and ``exclude_self``, and those of a rate.
    """

    j: NDArray[Any]
    block: str
    rate: RealFunction | None
    exclude_self: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        check_function("amplitude", self.amplitude, "√γ·j")
        check_function("rate", self.rate, "√γ·j")
        if self.amplitude is not None and self.rate is not None:
            raise ArgumentError("rate", "be left out when `amplitude` is given", "both are there")
        self._check_function()
        object.__setattr__(self, "exclude_self", checks.boolean("exclude_self", self.exclude_self))
        object.__setattr__(self, "j", matrix_of("j", self.j))
        checked_block_name("block", self.block)

    def _homes(self) -> Mapping[str, tuple[str, str] | None]:
        return {"j": ("block", self.block), "argument": None}

    _without_function = "amplitude` or `rate"

    @property
    def function(self) -> RealFunction | None:
        """The function that is given: Γ, or the rate Γ²."""
        return self.rate if self.amplitude is None else self.amplitude

    @property
    def is_rate(self) -> bool:
        """Whether that is the rate."""
        return self.rate is not None

    @property
    def matrix(self) -> NDArray[Any]:
        """The matrix j under the name that all terms of one matrix have in common."""
        return self.j

    @property
    def leaves_self_out(self) -> bool:
        """Whether the jumping particle is left out of a sum that it would otherwise be in."""
        return self.exclude_self and self.block in self.argument_blocks

    def missing(self, block: str) -> int:
        """How many particles of a block are left out of its sum: the jumping one, or none."""
        return int(self.leaves_self_out and block == self.block)

    @property
    def sectors_left(self) -> set[str]:
        """The block whose particles jump: one of them alone takes it from sector to sector."""
        return {self.block}

    def among(self, names: Collection[str], share: float) -> Self:
        """The same jump without the zero matrices of the blocks left out; an argument of zero stays one."""
        if set(self.argument_blocks) <= set(names):
            return self
        argument = self.arguments_among(names, {self.block: np.zeros_like(self.j)})
        return replace(self, argument=argument)  # type: ignore[call-arg]  # each kind has the field

    def fastest(self, sizes: Mapping[str, int]) -> float:
        """The largest rate of one particle."""
        return (norm(self.j) * self.largest_gamma(sizes, _SCALE_POINTS)) ** 2

    def most_jumps(self, sizes: Mapping[str, int]) -> float:
        """Largest number of jumps per unit of time of all particles together."""
        return sizes[self.block] * self.largest_gamma(sizes, _RATE_POINTS) ** 2 * norm(self.j) ** 2

    def can_fire(self, sizes: Mapping[str, int]) -> bool:
        """Whether its rate is above zero anywhere on the spectrum."""
        return bool(np.any(self.j)) and bool(np.any(np.abs(self.gamma(self.spectrum(sizes))) > 0))


@dataclass(frozen=True, eq=False, repr=False)
class LocalJump(OneParticleJump):
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
    argument : mapping of str to (d_b, d_b) array, or several such mappings, optional
        The Hermitian X_b of each block that enters Δ. Needed with ``amplitude`` or ``rate``, meaningless without. With
        several, argument=({..}, {..}), the function is one of as many averages that commute, Γ(x1, x2) of two arrays:
        the X_b of a block have to commute with each other. It is evaluated on their joint spectrum, by mean field in
        its convex hull; up to rounding, for the sum of two averages is no exact number.
    exclude_self : bool
        Leave the jumping particle out of its own block's sums, (58); the factor 1/N_b does not change.
    derivatives : pair of callables, optional
        First and second derivative of the function given, ``amplitude`` or ``rate``; of K averages the gradient
        (K, n) and the second derivatives (K, K, n). Only the theory of fluctuations needs them, and finds them by
        itself where the function is smooth.
    envelope : callable, optional
        f(t), a real function of time: the amplitude of the jump is multiplied by it, its rate by f². See ``Model``.
    breaks : sequence of float, optional
        Times at which f jumps or has a kink, increasing: it is smooth between them.
    name : str, optional
        How the jump is referred to where one chooses how it is watched, see ``cojump.unravelling``.

    Raises
    ------
    ArgumentError
        If a matrix is not finite, an X_b is not Hermitian, averages do not commute, or the options contradict each
        other.

    Examples
    --------
    >>> down, n = cj.operators.sigma_minus, cj.operators.projector(0, 2)
    >>> decay = cj.LocalJump(down, "spins", rate=lambda x: 2.0 * x**2, argument={"spins": n})
    >>> model = cj.Model([cj.Block("spins", size=100)], jumps=[decay])  # a spin decays at the rate 2 n_av²
    >>> mf = cj.mean_field(model, cj.tilted(model, 0, 0), [0, 1])  # dn/dt = -2 n³
    >>> print(((1 + mf["spins.z"].mean) / 2).round(6), 1 / np.sqrt(5))
    [1.       0.447214] 0.4472135954999579

    A rate that two species set together, by how many of each are up:

    >>> blocks = [cj.Block("prey", size=60), cj.Block("hunters", size=20)]
    >>> caught = cj.LocalJump(
    ...     down, "prey", rate=lambda prey, hunters: hunters / (1 + 2 * prey), argument=({"prey": n}, {"hunters": n})
    ... )
    >>> model = cj.Model(blocks, jumps=[caught])
    >>> mf = cj.mean_field(model, cj.product(model, {"prey": [1, 0], "hunters": [0.6, 0.8]}), [0, 1, 10])
    >>> print(((1 + mf["prey.z"].mean) / 2).round(4))  # dn/dt = -0.36 n / (1 + 2 n)
    [1.     0.8825 0.1497]
    """

    j: NDArray[Any]
    block: str
    _: KW_ONLY
    amplitude: RealFunction | None = None
    rate: RealFunction | None = None
    argument: Mapping[str, NDArray[Any]] | tuple[Mapping[str, NDArray[Any]], ...] = None  # type: ignore[assignment]  # it becomes {}
    exclude_self: bool = False
    derivatives: tuple[RealFunction, RealFunction] | None = None

    def _title(self) -> str:
        excluded = ", self excluded" if self.leaves_self_out else ""
        return f"LocalJump {written.matrix(self.j)} on {self.block}{self._written_function()}{excluded}"

    @property
    def is_free(self) -> bool:
        """Whether no particle feels another one in it: if Γ is constant."""
        return not self.has_rate


@dataclass(frozen=True, eq=False, repr=False)
class CollectiveJump(RatedJump):
    """One jump operator L = Γ(Δ) sqrt(rate/N) Σ_b Σ_{k in b} Y_b^(k); N counts all particles. It keeps every sector.

    Γ stands to the left of the sum: it sees the state that the sum leaves behind. Without ``amplitude`` it is 1.

    Parameters
    ----------
    matrices : mapping of str to (d_b, d_b) array
        Y_b of each block that takes part, any matrices.
    rate : float
        At least 0, in units of inverse time.
    amplitude : callable, optional
        Γ(x), a vectorised real function of an average Δ, or of several: as for ``LocalJump``.
    argument : mapping of str to (d_b, d_b) array, or several such mappings, optional
        The Hermitian X_b of each block that enters Δ, as for ``LocalJump``. Needed with ``amplitude``.
    derivatives : pair of callables, optional
        First and second derivative of Γ, as for ``LocalJump``.
    envelope : callable, optional
        f(t), a real function of time: the amplitude of the jump is multiplied by it, its rate by f². See ``Model``.
    breaks : sequence of float, optional
        Times at which f jumps or has a kink, increasing: it is smooth between them.
    name : str, optional
        How the jump is referred to where one chooses how it is watched, see ``cojump.unravelling``.

    Raises
    ------
    ArgumentError
        If a matrix is not finite, the rate is negative, an X_b is not Hermitian, or the options contradict each other.

    Examples
    --------
    >>> decay = cj.CollectiveJump({"spins": cj.operators.sigma_minus}, rate=1.0)
    >>> model = cj.Model([cj.Block("spins", size=20)], jumps=[decay])  # superradiance
    >>> one = cj.trajectory(model, cj.tilted(model, 0, 0), [0, 100], seed=1, index=0)
    >>> len(one.jumps)  # every spin gives one photon, and then the state is dark
    20

    Superradiance that ends where half of the spins are down:

    >>> up = cj.operators.projector(0, 2)
    >>> down = {"spins": cj.operators.sigma_minus}
    >>> gated = cj.CollectiveJump(down, rate=1.0, amplitude=lambda x: np.maximum(x - 0.4, 0), argument={"spins": up})
    >>> model = cj.Model([cj.Block("spins", size=20)], jumps=[gated])
    >>> one = cj.trajectory(model, cj.tilted(model, 0, 0), [0, 1000], seed=1, index=0)
    >>> len(one.jumps)  # with 9 spins up behind it a jump can happen, with 8 it cannot
    11
    """

    matrices: Mapping[str, NDArray[Any]]
    rate: float
    _: KW_ONLY
    amplitude: RealFunction | None = None
    argument: Mapping[str, NDArray[Any]] | tuple[Mapping[str, NDArray[Any]], ...] = None  # type: ignore[assignment]  # it becomes {}
    derivatives: tuple[RealFunction, RealFunction] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "matrices", checked_matrices("matrices", self.matrices))
        object.__setattr__(self, "rate", checks.number("rate", self.rate, 0))
        check_function("amplitude", self.amplitude, "√γ·Y")
        self._check_function()

    def _title(self) -> str:
        return f"CollectiveJump {written.matrices(self.matrices)}, rate {self.rate:.6g}{self._written_function()}"

    def _homes(self) -> Mapping[str, tuple[str, str] | None]:
        return {"matrices": None, "argument": None}

    @property
    def is_free(self) -> bool:
        """Whether no particle feels another one in it: no."""
        return False

    def among(self, names: Collection[str], share: float) -> Self:
        """The same jump without the zero matrices of the blocks left out, where N counts ``share`` of the particles."""
        inside = {name: y for name, y in self.matrices.items() if name in names}
        made = replace(self, matrices=inside, rate=self.rate * share)
        if set(self.argument_blocks) <= set(names):
            return made
        some, y = next(iter(inside.items()))
        return replace(made, argument=self.arguments_among(names, {some: np.zeros_like(y)}))

    def fastest(self, sizes: Mapping[str, int]) -> float:
        """The rate that one particle adds, as mean field sees it."""
        gamma = self.largest_gamma(sizes, _SCALE_POINTS)
        return self.rate * (gamma * max(norm(y) for y in self.matrices.values())) ** 2

    def most_jumps(self, sizes: Mapping[str, int]) -> float:
        """Largest number of jumps per unit of time, N counting all of ``sizes``."""
        reach = sum(sizes[name] * norm(matrix) for name, matrix in self.matrices.items())
        return self.rate / sum(sizes.values()) * (reach * self.largest_gamma(sizes, _RATE_POINTS)) ** 2

    def can_fire(self, sizes: Mapping[str, int]) -> bool:
        """Whether its rate is above zero for any state."""
        some = any(np.any(y) for y in self.matrices.values())
        return self.rate > 0 and some and bool(np.any(np.abs(self.gamma(self.spectrum(sizes))) > 0))
