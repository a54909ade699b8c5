"""Boson modes in a frame that follows them: H and the jumps of a displaced mode.

A mode may hold thousands of quanta, but its fluctuations are few. A trajectory writes a = b + a', where the number b,
the displacement, is constant during a step of no-jump evolution and follows <a> between two steps, so that few Fock
states of a' are occupied at any number of quanta. Where the Fock states are is numerics: no figure depends on b.

What is counted as a jump is another matter. A lossy mode of κ|<a>|² quanta in a unit of time would jump as often; the
freedom of any Lindblad equation, L → L + s together with H → H - (i/2)(s* L - s L†), takes the jumps of a to be those
of a - β instead, and of a† those of a† - β*. The reference β follows <a> at regular times (``tick``, short against
the time in which √N α moves by one), as the local oscillator of an adaptive measurement does, and few jumps are left.
The average over trajectories does not depend on it. With N particles, κ₁ = κ(1+n̄), κ₂ = κ n̄, and d = b - β,

    H_eff = ω a'†a' + u a'† + v a' + (1/√N) Σ_k [(a'† + b*) y^(k) + (a' + b) y^(k)†]
            - (i/2) [κ₁ a'†a' + κ₂ a'a'† + (κ₁ + κ₂)|d|²],
    u = ω b + √N η - (i/2) [(κ₁ - κ₂) β + (κ₁ + κ₂) d],    v = (ω b + √N η)* + (i/2) [(κ₁ - κ₂) β* - (κ₁ + κ₂) d*],

up to real numbers, and the jumps are √κ₁ (a' + d) and √κ₂ (a'† + d*).

Jumps of particles with a quantum, a† j/√N and a j/√N, are counted as they are, for each is seen at a particle:
(a'† + b*) j Γ/√N and (a' + b) j Γ/√N, with (a' + b)(a'† + b*) and (a'† + b*)(a' + b) times Γ j†j Γ/N in H_eff.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from ..model import Model
from ..model.term import norm
from ..model.unravelled import ObservedLoss
from ..tools.types import Matrix
from .axes import seen


@dataclass(frozen=True, eq=False)
class DisplacedMode:
    """What a mode does in its displaced frame.

    Attributes
    ----------
    omega : float
        ω.
    drive : complex
        √N η.
    losses : dict of int to (float, float)
        Rates of a and of a†, by the position of the loss among the jumps.
    couplings : list of (int, (d_b, d_b) array)
        Block and y_b/√N in the main frame of the block.
    root : float
        √N.
    exchange : float
        The rates of one particle at |α| = 1 of all jumps of particles with a quantum.
    reference : complex or None
        β, if it stays; None where it follows the mode.
    """

    omega: float
    drive: complex
    losses: dict[int, tuple[float, float]]
    couplings: list[tuple[int, Matrix]]
    root: float
    exchange: float
    reference: complex | None = None

    @cached_property
    def rates(self) -> tuple[float, float]:
        """κ₁ - κ₂ and κ₁ + κ₂ of all losses together."""
        down, up = (sum(rates[n] for rates in self.losses.values()) for n in (0, 1))
        return down - up, down + up

    @property
    def tick(self) -> float:
        """Time between two moves of the reference: 1/√N of that in which α moves by one; inf without a loss."""
        return tick([self], [1.0])

    @property
    def speed(self) -> float:
        """How fast α moves at most, at |α| of 1."""
        couplings = sum(norm(y) for _, y in self.couplings) * self.root
        gained = 0.5 * self.exchange
        return float(abs(self.omega) + 0.5 * sum(self.rates) + abs(self.drive) / self.root + couplings + gained)

    def raising(self, b: complex, beta: complex) -> complex:
        """The factor u of a'†."""
        net, both = self.rates
        return complex(self.omega * b + self.drive - 0.5j * (net * beta + both * (b - beta)))

    def lowering(self, b: complex, beta: complex) -> complex:
        """The factor v of a'."""
        net, both = self.rates
        force = complex(self.omega * b + self.drive)
        return force.conjugate() + 0.5j * (net * beta.conjugate() - both * (b - beta).conjugate())


def tick(parts: Sequence[DisplacedMode], factors: Iterable[float]) -> float:
    """The same of a mode whose terms are in parts, each with a factor."""
    if not any(part.losses for part in parts):
        return inf
    speed = sum(abs(factor) * part.speed for part, factor in zip(parts, factors, strict=True))
    return 1 / (parts[0].root * speed) if speed > 0 else inf


def displaced_modes(model: Model, rotations: list[NDArray[np.complex128]]) -> list[DisplacedMode]:
    """The modes of a model; ``rotations`` are the main frames of its blocks."""
    modes = []
    for name in model.mode_names:
        couplings: dict[int, Matrix] = {}
        for term in model.mode_couplings:
            if term.mode == name:
                for block, y in term.matrices.items():
                    b = model.block_index(block)
                    here = seen(rotations[b], y) / sqrt(model.size)
                    couplings[b] = couplings[b] + here if b in couplings else here
        exchange = sum(jump.fastest(model.sizes) for jump in model.mode_jumps.values() if jump.mode == name)
        modes.append(
            DisplacedMode(
                sum(term.omega for term in model.mode_energies if term.mode == name),
                sqrt(model.size) * sum(term.eta for term in model.mode_drives if term.mode == name),
                {place: loss.rates for place, loss in model.mode_losses.items() if loss.mode == name},
                sorted(couplings.items()),
                sqrt(model.size),
                exchange,
                _staying(model, name),
            )
        )
    return modes


def _staying(model: Model, mode: str) -> complex | None:
    """The reference of a mode that stays; None if it follows it.

    Where all of its light gives a current nothing is counted: no reference has any effect, and 0 makes no new tables.
    """
    losses = [jump for jump in model.mode_losses.values() if jump.mode == mode]
    observed = [loss for loss in losses if isinstance(loss, ObservedLoss)]
    given = [loss.reference for loss in observed if loss.reference is not None]
    if given:
        return given[0]
    whole = [o for o in observed if o.detection is not None and o.detection.efficiency == 1]
    return 0j if losses and len(whole) == len(losses) else None
