"""Boson modes beside the particles: their energy, drive, coupling to the particles, loss, and jumps of both.

N counts all particles of the blocks. A mode a is scaled with them, α = <a>/√N, so that all of its averages have a limit
for N → ∞: <a†a> is of the order of N.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..tools import checks
from ..tools.types import RealFunction
from . import written
from .jumps import OneParticleJump
from .term import Jump, Term, checked_matrices, norm

_LOSS = 2.0
"""Quanta that a mode of a part of a model exchanges with its surroundings per unit of 1/κ, for an estimate of cost."""


def checked_mode_name(name: str, value: object) -> str:
    """Return ``value`` if it can name a mode, or raise an ArgumentError about ``name``."""
    return checks.text_of_a_name(name, value, "a mode")


@dataclass(frozen=True)
class Mode:
    """A boson mode: a harmonic oscillator a, a cavity mode say. It stands among the blocks of a model.

    Its averages are x = (a + a†)/(2√N) and y = (a - a†)/(2i√N), labels "cavity.x" and "cavity.y", after those of the
    blocks; N counts all particles of the blocks. So a/√N = x + iy and <a†a>/N = <x²> + <y²> - 1/(2N). E_N, the paper's
    sum over averages of particles, leaves modes out.

    Parameters
    ----------
    name : str
        How terms and labels refer to the mode.

    Raises
    ------
    ArgumentError
        If the name is none, or has a dot.

    Examples
    --------
    >>> model = cj.Model([cj.Block("atoms", size=50), cj.Mode("cavity")])
    >>> model.size, model.labels
    (50, ('atoms.x', 'atoms.y', 'atoms.z', 'cavity.x', 'cavity.y'))
    """

    name: str

    def __post_init__(self) -> None:
        checked_mode_name("name", self.name)
        if "." in self.name:
            raise ArgumentError("name", "have no '.' (labels are 'mode.x')", f"it is {checks.shown(self.name)}")


class ModeTerm(Term, ABC):
    """A term in which one mode takes part."""

    mode: str

    def __post_init__(self) -> None:
        super().__post_init__()
        checked_mode_name("mode", self.mode)

    def _homes(self) -> Mapping[str, tuple[str, str] | None]:
        return {}

    @property
    def coupled(self) -> set[str]:
        """Names of the mode and of the blocks that the term couples to it."""
        return {self.mode} | super().coupled

    @property
    def is_free(self) -> bool:
        """Whether no particle feels another one in it."""
        return not self.parts()


@dataclass(frozen=True, eq=False, repr=False)
class ModeEnergy(ModeTerm):
    """The Hamiltonian term ω a†a of a mode.

    Parameters
    ----------
    omega : float
        ω, in units of energy (ħ = 1); any sign. In the frame of a drive it is the detuning.
    mode : str
        Name of the mode.
    envelope : callable, optional
        f(t), a real function of time: the term is f(t) times what it is without. See ``Model``.
    breaks : sequence of float, optional
        Times at which f jumps or has a kink, increasing: it is smooth between them.

    Raises
    ------
    ArgumentError
        If ω is not a finite number.

    Examples
    --------
    >>> model = cj.Model([cj.Block("atoms", size=50), cj.Mode("cavity")], [cj.ModeEnergy(0.5, mode="cavity")])
    >>> state = cj.product(model, {"atoms": [0, 1], "cavity": 0.3})
    >>> mf = cj.mean_field(model, state, [0, np.pi])  # α turns by -ωt
    >>> print(mf["cavity.x"].mean.round(6), mf["cavity.y"].mean.round(6))
    [0.3 0. ] [ 0.  -0.3]
    """

    omega: float
    mode: str

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "omega", checks.number("omega", self.omega))

    def _title(self) -> str:
        return f"ModeEnergy of {self.mode}, ω = {self.omega:.6g}"

    def fastest(self, sizes: Mapping[str, int]) -> float:
        """|ω|."""
        return abs(self.omega)


@dataclass(frozen=True, eq=False, repr=False)
class ModeDrive(ModeTerm):
    """The Hamiltonian term √N (η a† + η* a): a coherent drive of a mode.

    Parameters
    ----------
    eta : complex
        η, in units of energy.
    mode : str
        Name of the mode.
    envelope : callable, optional
        f(t), a real function of time: the term is f(t) times what it is without. See ``Model``.
    breaks : sequence of float, optional
        Times at which f jumps or has a kink, increasing: it is smooth between them.

    Raises
    ------
    ArgumentError
        If η is not a finite number.

    Examples
    --------
    >>> model = cj.Model(
    ...     [cj.Block("atoms", size=50), cj.Mode("cavity")],
    ...     [cj.ModeEnergy(0.5, mode="cavity"), cj.ModeDrive(0.2, mode="cavity")],
    ...     [cj.ModeLoss(1.0, mode="cavity")],
    ... )
    >>> mf = cj.mean_field(model, cj.product(model, {"atoms": [0, 1]}), [0, 60])  # from the vacuum
    >>> alpha = -1j * 0.2 / (1j * 0.5 + 1.0 / 2)
    >>> print(mf.mean[-1, -2:].round(6), np.round(alpha, 6))
    [-0.2 -0.2] (-0.2-0.2j)
    """

    eta: complex
    mode: str

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "eta", checks.complex_number("eta", self.eta))

    def _title(self) -> str:
        return f"ModeDrive of {self.mode}, η = {written.number(self.eta)}"

    def fastest(self, sizes: Mapping[str, int]) -> float:
        """|η|."""
        return abs(self.eta)

    def among(self, names: Collection[str], share: float) -> Self:
        """The same drive √N η where N counts ``share`` of the particles."""
        return replace(self, eta=self.eta / np.sqrt(share))


@dataclass(frozen=True, eq=False, repr=False)
class ModeCoupling(ModeTerm):
    """The Hamiltonian term (1/√N) Σ_b Σ_{k in b} (a† y_b^(k) + a y_b^(k)†): particles and mode exchange energy.

    The Dicke model has y = g σ_x, the Tavis-Cummings model y = g σ_-. Several modes take one term each.

    Parameters
    ----------
    matrices : mapping of str to (d_b, d_b) array
        y_b of each block that takes part, any matrices, in units of energy.
    mode : str
        Name of the mode.
    envelope : callable, optional
        f(t), a real function of time: the term is f(t) times what it is without. See ``Model``.
    breaks : sequence of float, optional
        Times at which f jumps or has a kink, increasing: it is smooth between them.

    Raises
    ------
    ArgumentError
        If a matrix is not finite.

    Examples
    --------
    >>> model = cj.Model(
    ...     [cj.Block("atoms", size=100), cj.Mode("cavity")],
    ...     [cj.ModeCoupling({"atoms": 0.8 * cj.operators.sigma_minus}, mode="cavity")],
    ... )
    >>> state = cj.tilted(model, theta=3.13, phi=0.0)  # a few of the atoms are excited, and there is no photon
    >>> mf = cj.mean_field(model, state, [0, np.pi / 1.6, np.pi / 0.8])  # the energy goes to the mode, and comes back
    >>> print(mf["atoms.z"].mean.round(4), np.abs(mf.amplitudes[:, 0]).round(4))
    [-0.9999 -1.     -0.9999] [0.     0.0058 0.    ]
    """

    matrices: Mapping[str, NDArray[Any]]
    mode: str

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "matrices", checked_matrices("matrices", self.matrices))

    def _title(self) -> str:
        return f"ModeCoupling of {self.mode} to {written.matrices(self.matrices)}"

    def _homes(self) -> Mapping[str, tuple[str, str] | None]:
        return {"matrices": None}

    def fastest(self, sizes: Mapping[str, int]) -> float:
        """Energy of one particle in the field of a mode with |α| = 1, ‖y‖."""
        return max(norm(y) for y in self.matrices.values())

    def among(self, names: Collection[str], share: float) -> Self:
        """The same coupling without the zero matrices of the blocks left out, N counting ``share`` of the particles."""
        inside = {name: y * np.sqrt(share) for name, y in self.matrices.items() if name in names}
        return replace(self, matrices=inside)


@dataclass(frozen=True, eq=False, repr=False)
class ModeLoss(Jump, ModeTerm):
    """Loss of a mode into surroundings with n̄ thermal quanta: the jumps √(κ(1+n̄)) a and √(κ n̄) a†.

    It is one entry of ``Model.jumps``: both kinds of jumps have its number.

    Parameters
    ----------
    kappa : float
        κ, at least 0: the rate at which the energy of the mode decays, its amplitude at κ/2.
    mode : str
        Name of the mode.
    thermal : float
        n̄, at least 0: the number of quanta of a mode in equilibrium with its surroundings.
    envelope : callable, optional
        f(t), a real function of time: the amplitude of the jump is multiplied by it, its rate by f². See ``Model``.
    breaks : sequence of float, optional
        Times at which f jumps or has a kink, increasing: it is smooth between them.
    name : str, optional
        How the jump is referred to where one chooses how it is watched, see ``cojump.unravelling``.

    Raises
    ------
    ArgumentError
        If a number is out of range.

    Examples
    --------
    >>> loss = cj.ModeLoss(1.0, mode="cavity", thermal=0.5)
    >>> model = cj.Model([cj.Block("atoms", size=20), cj.Mode("cavity")], jumps=[loss])
    >>> mf = cj.mean_field(model, cj.product(model, {"atoms": [0, 1], "cavity": 0.8}), [0, 1, 2])
    >>> print(mf["cavity.x"].mean.round(6), (0.8 * np.exp(-mf.times / 2)).round(6))
    [0.8      0.485225 0.294304] [0.8      0.485225 0.294304]
    >>> print(mf.covariance[-1, -2, -2].round(6))  # from 1/4 to (1 + 2 n̄)/4
    0.466166
    """

    kappa: float
    mode: str
    thermal: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "kappa", checks.number("kappa", self.kappa, 0))
        object.__setattr__(self, "thermal", checks.number("thermal", self.thermal, 0))

    def _title(self) -> str:
        thermal = f", n̄ = {self.thermal:.6g}" if self.thermal else ""
        return f"ModeLoss of {self.mode}, κ = {self.kappa:.6g}{thermal}"

    @property
    def rates(self) -> tuple[float, float]:
        """κ(1+n̄) of the jump a, and κ n̄ of the jump a†."""
        return self.kappa * (1 + self.thermal), self.kappa * self.thermal

    def fastest(self, sizes: Mapping[str, int]) -> float:
        """κ(1+2n̄), at which thermal quanta come and go."""
        return sum(self.rates)

    def most_jumps(self, sizes: Mapping[str, int]) -> float:
        """Jumps per unit of time, counted from the moving amplitude of the mode: a scale of κ(1+2n̄), not a bound."""
        return _LOSS * sum(self.rates)

    def can_fire(self, sizes: Mapping[str, int]) -> bool:
        """Whether its rate is above zero for any state."""
        return self.kappa > 0


@dataclass(frozen=True, eq=False, repr=False)
class ModeJump(OneParticleJump, ModeTerm):
    """One jump operator a† j^(k) Γ(Δ)/√N or a j^(k) Γ(Δ)/√N for each particle k of a block: with a quantum of a mode.

    N counts all particles. Without ``amplitude`` or ``rate`` Γ is 1; else Γ(Δ) is applied first, as in ``LocalJump``,
    and depends on averages of particles. One particle jumps at the rate j†j Γ² times (<a†a> + 1)/N where it emits, and
    <a†a>/N where it absorbs: for N → ∞ times |α|², and the mode gains or loses amplitude by stimulated emission and
    absorption, dα/dt = ±(1/2N) Σ_k <j†j> Γ² α. With j = √γ σ_- where it emits and √γ σ_+ where it absorbs: a laser's
    gain and loss.

    Parameters
    ----------
    j : (d, d) array
        Any matrix of one particle; its square is a rate.
    block : str
        The block whose particles jump.
    mode : str
        Name of the mode.
    emits : bool
        Whether the particle gives a quantum to the mode (a†), or takes one from it (a).
    amplitude : callable, optional
        Γ(x), a vectorised real function of an average Δ of particles, or of several, as in ``LocalJump``.
    rate : callable, optional
        R(x) ≥ 0 instead of ``amplitude``, with Γ = √R.
    argument : mapping of str to (d_b, d_b) array, or several such mappings, optional
        The Hermitian X_b of each block that enters Δ, as in ``LocalJump``. Needed with ``amplitude`` or ``rate``.
    exclude_self : bool
        Leave the jumping particle out of its own block's sums.
    derivatives : pair of callables, optional
        First and second derivative of the function given, as in ``LocalJump``.
    envelope : callable, optional
        f(t), a real function of time: the amplitude of the jump is multiplied by it, its rate by f². See ``Model``.
    breaks : sequence of float, optional
        Times at which f jumps or has a kink, increasing: it is smooth between them.
    name : str, optional
        How the jump is called.

    Raises
    ------
    ArgumentError
        If a matrix is not finite or no square matrix, an X_b is not Hermitian, or the options contradict each other.

    Examples
    --------
    >>> down, up = cj.operators.sigma_minus, cj.operators.sigma_plus
    >>> model = cj.Model(
    ...     [cj.Block("atoms", size=100), cj.Mode("cavity")],
    ...     jumps=[
    ...         cj.LocalJump(1.5 * up, "atoms"),
    ...         cj.ModeJump(down, "atoms", "cavity", emits=True),
    ...         cj.ModeJump(up, "atoms", "cavity", emits=False),
    ...         cj.ModeLoss(0.5, "cavity"),
    ...     ],
    ... )
    >>> state = cj.product(model, {"atoms": [0, 1], "cavity": 0.01})
    >>> mf = cj.mean_field(model, state, [0, 400])  # a laser above its threshold: gain <σ_z> is the loss, 0.5
    >>> print(mf["atoms.z"].mean[-1].round(6), (mf["cavity.x"].mean[-1] ** 2).round(6), 2.25 * (1 / 0.5 - 1) / 2)
    0.5 1.125 1.125

    Atoms that emit the faster the more of them are up:

    >>> n = {"atoms": cj.operators.projector(0, 2)}
    >>> burst = cj.ModeJump(down, "atoms", "cavity", emits=True, rate=lambda x: 4 * x, argument=n)
    >>> model = cj.Model([cj.Block("atoms", size=100), cj.Mode("cavity")], jumps=[burst])
    >>> mf = cj.mean_field(model, cj.product(model, {"atoms": [1, 0], "cavity": 0.1}), [0, 1, 2])
    >>> print(((1 + mf["atoms.z"].mean) / 2 + mf.photons["cavity"].mean).round(6))  # each gives one photon
    [1.01 1.01 1.01]
    """

    j: NDArray[Any]
    block: str
    mode: str
    _: KW_ONLY
    emits: bool
    amplitude: RealFunction | None = None
    rate: RealFunction | None = None
    argument: Mapping[str, NDArray[Any]] | tuple[Mapping[str, NDArray[Any]], ...] = None  # type: ignore[assignment]  # it becomes {}
    exclude_self: bool = False
    derivatives: tuple[RealFunction, RealFunction] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "emits", checks.boolean("emits", self.emits))

    def _title(self) -> str:
        excluded = ", self excluded" if self.leaves_self_out else ""
        way = f"{'into' if self.emits else 'out of'} {self.mode}"
        return f"ModeJump {written.matrix(self.j)} on {self.block}, {way}{self._written_function()}{excluded}"

    def among(self, names: Collection[str], share: float) -> Self:
        """The same jump where N counts ``share`` of the particles."""
        return replace(super().among(names, share), j=self.j * np.sqrt(share))
