"""Unravellings: how the light of a collective jump or of a boson mode is detected (``cojump.unravelling``).

All of them belong to one master equation: averages over trajectories do not depend on the choice. What does are single
trajectories, and with them the two parts of a covariance, within the trajectories and between them. A run takes the
choice by the name of the jump, ``unravelling={"decay": cj.unravelling.homodyne(0.0)}``; jumps that are not named there
are counted.

β and the records are in units of L, the root of a rate: L = sqrt(rate/N) Σ_b Σ_k y_b^(k) of a collective jump (so that
<L> grows as √N), L = √(κ(1+n̄)) a of the loss of a mode.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError
from ..tools import checks
from ..tools.summaries import Summarised
from .written import number

__all__ = ["Unravelling", "counting", "heterodyne", "homodyne", "shifted"]


class Unravelling(Summarised, ABC):
    """How a jump is detected; made by the functions of ``cojump.unravelling``."""

    @property
    @abstractmethod
    def seen(self) -> float:
        """Efficiency: the share of the light that is seen."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Clicks(Unravelling):
    """A detection with clicks.

    Attributes
    ----------
    efficiency : float or None
        None for 1: with it a run is what it was before there were others.
    """

    efficiency: float | None = None

    def __post_init__(self) -> None:
        if self.efficiency is not None:
            efficiency = checks.number("efficiency", self.efficiency, 0, 1)
            object.__setattr__(self, "efficiency", None if efficiency == 1 else efficiency)

    @property
    def seen(self) -> float:
        """Efficiency: the share of the jumps that are seen."""
        return 1.0 if self.efficiency is None else self.efficiency

    def _share(self) -> str:
        return "" if self.efficiency is None else f", efficiency {self.efficiency:g}"


@dataclass(frozen=True, eq=False, repr=False)
class Counting(Clicks):
    """Photon counting, see :func:`counting`."""

    def _title(self) -> str:
        return f"Photon counting{self._share()}"


@dataclass(frozen=True, eq=False, repr=False)
class Shifted(Clicks):
    """Counting of L + β, see :func:`shifted`."""

    beta: complex

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "beta", checks.complex_number("beta", self.beta))

    def _title(self) -> str:
        return f"Counting of L + β, β = {number(self.beta)}{self._share()}"


@dataclass(frozen=True, eq=False, repr=False)
class Diffusive(Unravelling, ABC):
    """A detection with a current instead of clicks, see :func:`homodyne` and :func:`heterodyne`."""

    efficiency: float
    error: float = 1e-3
    record: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "efficiency", checks.number("efficiency", self.efficiency, 0, 1))
        object.__setattr__(self, "error", checks.number("error", self.error, 1e-6, 0.1))
        if self.record is None:
            return
        if self.efficiency < 1:
            rule = "be given for the efficiency 1 alone (else the state that belongs to it is mixed)"
            raise ArgumentError("record", rule, f"the efficiency is {self.efficiency:g}")
        object.__setattr__(self, "record", checks.array("record", self.record, real=True).astype(float))

    @property
    def seen(self) -> float:
        """Efficiency: the share of the light that is seen."""
        return self.efficiency

    @property
    @abstractmethod
    def phases(self) -> tuple[complex, ...]:
        """M of each of its channels, as a factor of L."""

    @abstractmethod
    def labels(self, name: str) -> tuple[str, ...]:
        """What the records of its channels are called."""


@dataclass(frozen=True, eq=False, repr=False)
class Homodyne(Diffusive):
    """One quadrature, see :func:`homodyne`."""

    phase: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "phase", checks.number("phase", self.phase))

    def _title(self) -> str:
        return f"Homodyne detection, phase {self.phase:.6g}, efficiency {self.efficiency:g}"

    @property
    def phases(self) -> tuple[complex, ...]:
        """√η e^{-iφ}."""
        return (sqrt(self.efficiency) * complex(np.exp(-1j * self.phase)),)

    def labels(self, name: str) -> tuple[str, ...]:
        """The name of the jump."""
        return (name,)


@dataclass(frozen=True, eq=False, repr=False)
class Heterodyne(Diffusive):
    """Both quadratures, see :func:`heterodyne`."""

    def _title(self) -> str:
        return f"Heterodyne detection, efficiency {self.efficiency:g}"

    @property
    def phases(self) -> tuple[complex, ...]:
        """√(η/2) and -i √(η/2)."""
        root = sqrt(self.efficiency / 2)
        return complex(root), -1j * root

    def labels(self, name: str) -> tuple[str, ...]:
        """The name of the jump with .x and .y."""
        return f"{name}.x", f"{name}.y"


def counting(efficiency: float = 1.0) -> Counting:
    """Photon counting: each jump L is a click, L = √(κ(1+n̄)) a and √(κ n̄) a† of the loss of a mode.

    Collective jumps are counted anyway. Of the loss of a mode trajectories count the jumps of a - β with a reference β
    that follows <a>, because they are few at any number of photons; with this choice real photons are counted, as many
    as leave: n̄, κ<a†a> in a unit of time, and a run takes so much longer.

    Parameters
    ----------
    efficiency : float
        The share of the jumps that the detector sees. Below 1 it belongs to :func:`cojump.conditional` alone: the
        clicks of a trajectory, each of them kept with this probability, are the record of such a detector.

    Examples
    --------
    >>> model = cj.Model(
    ...     [cj.Block("atoms", 2), cj.Mode("cavity")], jumps=[cj.ModeLoss(1.0, mode="cavity", name="loss")]
    ... )
    >>> state = cj.product(model, {"atoms": [1, 0], "cavity": 3.0})  # 18 photons
    >>> one = cj.trajectory(model, state, [0, 20], seed=1, index=0)
    >>> photons = cj.trajectory(model, state, [0, 20], seed=1, index=0, unravelling={"loss": cj.unravelling.counting()})
    >>> len(one.jumps), len(photons.jumps)
    (3, 23)
    """
    return Counting(efficiency=efficiency)


def shifted(beta: complex, efficiency: float = 1.0) -> Shifted:
    """Counting of L + β instead of L: the light of the jump on a beam splitter with that of a local oscillator.

    The master equation has the freedom L → L + β, H → H - (i/2)(β* L - β L†), so every engine runs it without loss.
    For |β| ≫ |<L>| it is homodyne detection with the phase of β: many clicks, each of which tells little. Of the loss
    of a mode a is replaced by a - s with the fixed reference s = -β/√(κ(1+n̄)), and a† by its adjoint.

    Parameters
    ----------
    beta : complex
        In units of L, the root of a rate. <L> grows as √N, and so does a β that is to compare with it. The oscillator
        makes |β|² clicks in a unit of time, of which a trajectory may have 1e9.
    efficiency : float
        As for :func:`counting`.

    Examples
    --------
    >>> model = cj.systems.boundary_time_crystal(size=20, omega=1.5, kappa=1.0)
    >>> state, chosen = cj.tilted(model, 0.2, 0.0), {"decay": cj.unravelling.shifted(5.0)}
    >>> one = cj.trajectory(model, state, [0, 4], seed=1, index=0, unravelling=chosen)
    >>> len(one.jumps) > 80  # |β|² = 25 in a unit of time, and those of the spins
    True
    """
    return Shifted(beta, efficiency=efficiency)


def homodyne(
    phase: float, efficiency: float = 1.0, *, error: float = 1e-3, record: ArrayLike | None = None
) -> Homodyne:
    """Homodyne detection of the quadrature e^{-iφ} L + h.c., with the current dY = √η <e^{-iφ} L + h.c.> dt + dW.

    With dW of variance dt a trajectory obeys, in the sense of Itô and up to its norm,

        dψ = [-i H_eff dt + √η e^{-iφ} L dY] ψ,    H_eff = H - (i/2) Σ L†L;

    what is not seen, √(1-η) L, is counted by nobody: its jumps are drawn, and neither counted nor reported, so that the
    efficiency 0 gives the ensemble without a detector. All other jumps of the model, local ones too, go on as they are.

    The noise is a path that depends on (seed, i) alone, whatever the steps. A step is made once whole and once in two
    halves along the same path and taken if these differ by no more than ``error`` √(h/τ), τ a power of two next to 1
    over the fastest rate of a particle. The strong order is 1 in h if all operators that diffuse commute, as those of
    one jump do, else 1/2; ``error`` is the root mean square error of the state (its norm) that a time τ adds.

    Parameters
    ----------
    phase : float
        φ in radians.
    efficiency : float
        η in [0, 1].
    error : float
        What the steps of a time τ add to the error of the state, from 1e-6 to 0.1.
    record : (T,) array, optional
        The record instead of a random one: what Y has gained from each output time to the next, the first entry from
        t = 0, as results give it. It is taken as straight between the output times, which must be close for the same
        state to come out. Only where nothing else in the model jumps, and for the efficiency 1.

    Raises
    ------
    ArgumentError
        If a number is out of range.

    Examples
    --------
    >>> model = cj.systems.boundary_time_crystal(size=20, omega=1.5, kappa=1.0)
    >>> state, times = cj.tilted(model, 0.2, 0.0), np.linspace(0, 2, 201)
    >>> chosen = {"decay": cj.unravelling.homodyne(np.pi / 2)}
    >>> one = cj.trajectory(model, state, times, seed=1, index=0, unravelling=chosen)
    >>> one.records.shape, one.record_labels
    ((201, 1), ('decay',))
    >>> given = {"decay": cj.unravelling.homodyne(np.pi / 2, record=one.records[:, 0])}
    >>> again = cj.trajectory(model, state, times, seed=2, index=0, unravelling=given)
    >>> bool(np.abs(again.mean - one.mean).max() < 0.05)
    True
    """
    return Homodyne(efficiency, error, _given(record), phase=phase)


def heterodyne(efficiency: float = 1.0, *, error: float = 1e-3, record: ArrayLike | None = None) -> Heterodyne:
    """Heterodyne detection: both quadratures of L, each with half of the light; it has no phase.

    Two homodyne detectors at the phases 0 and π/2 see L/√2 each, with the currents dX = √(η/2) <L + L†> dt + dW_x and
    dY = √(η/2) <-i L + i L†> dt + dW_y; (dX + i dY)/√(2η) is <L> dt and noise. See :func:`homodyne` for the rest.

    Parameters
    ----------
    efficiency : float
        η in [0, 1].
    error : float
        What the steps of a time τ add to the error of the state.
    record : (T, 2) array, optional
        The records of X and Y instead of random ones.

    Raises
    ------
    ArgumentError
        If a number is out of range.

    Examples
    --------
    >>> model = cj.systems.boundary_time_crystal(size=20, omega=1.5, kappa=1.0)
    >>> state, chosen = cj.tilted(model, 0.2, 0.0), {"decay": cj.unravelling.heterodyne()}
    >>> result = cj.simulate(model, state, [0, 1, 2], n_traj=4, unravelling=chosen)
    >>> list(result.current.labels), result.current.mean.shape
    (['decay.x', 'decay.y'], (2, 2))
    """
    return Heterodyne(efficiency, error, _given(record))


def _given(record: ArrayLike | None) -> Any:
    return None if record is None else checks.array("record", record, real=True)


def __dir__() -> list[str]:
    return list(__all__)
