"""How many Fock states of each mode the master equation keeps: as many as the tolerance needs, found while it runs.

With P on the states that are kept, n < F of b = a - γ, the equation that is solved is that of P b P in place of b: a
master equation of its own, whose solution differs from the true one by what the two generators differ on it. With
H = b† G + b G† + .. and thermal light that grows at most by

    (2 √F ‖G‖ + 3 κ n̄ F) ‖Π ρ‖_1        per unit of time, Π on n = F - 1,

for the true evolution contracts the trace norm. Of jumps a† j^(k)/√N of N_b particles L = (b† + γ*) j/√N leaves P by
√F |F><F-1| j/√N, and L†L by γ √F |F><F-1| j†j/N: at most (N_b/N) ‖j‖² (4 F + 3 √F |γ|) ‖Π ρ‖_1; of a j^(k)/√N only the
latter is there, (N_b/N) ‖j‖² √F |γ| ‖Π ρ‖_1; each times the largest Γ² where the jump has one. Where terms change in
time it is the sum of what each part of the model gives, times the largest |c_p| of the step. This is watched at the end
of every step. A step after which it is more than the tolerance has room for is taken again with more states, from where
it began: there the state was good.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from math import prod

import numpy as np
from numpy.typing import ArrayLike

from ..basis.fock_space import FockSpace, states_for
from ..basis.sectors import Labels
from ..errors import ConvergenceError
from ..model import Model
from ..model.function_of_average import SPECTRUM_POINTS
from ..model.states import State
from ..tools.checks import SHORTEST
from ..tools.types import Array
from .mean_field import mean_field
from .packed_states import DiagonalPacking, Packing

_LEAST = 6
"""Fock states to begin with, at least."""

_MORE, _GROWTH = 4, 1.2
"""States that are added at least, and the factor by which a space grows."""

_MARGIN = 1e-26
"""Of a coherent start what may be beyond the space to begin with: its trace norm is the root of it."""

_POINTS = 200
"""Times at which mean field is looked at for where the state will be."""


class Outgrown(Exception):  # noqa: N818 - no error: more states are taken
    """The state has come to the edge of what is kept: where to go on from, and in which modes it has."""

    def __init__(self, time: float, vector: Array, modes: list[int]) -> None:
        super().__init__(time, vector, modes)
        self.time, self.vector, self.modes = time, vector, modes


class Edge:
    """What is lost beyond the Fock states that are kept.

    Parameters
    ----------
    model : Model
    spaces : sequence of FockSpace
        One for each mode.
    packing : Packing or DiagonalPacking
    dims : mapping of labels to (int, ..)
        Dimensions of each sector: of the blocks, then of the modes.
    parts : sequence of Model, optional
        The parts of a model that changes in time, which have a factor each.
    """

    def __init__(
        self,
        model: Model,
        spaces: Sequence[FockSpace],
        packing: Packing | DiagonalPacking,
        dims: dict[Labels, tuple[int, ...]],
        parts: Sequence[Model] | None = None,
    ) -> None:
        self._packing, self._dims, self._blocks = packing, dims, len(model.blocks)
        self.strengths = np.array(
            [[_strength(part, m, space) for part in parts or [model]] for m, space in enumerate(spaces)]
        )

    def losses(self, vector: Array, factors: ArrayLike = (1.0,)) -> list[float]:
        """For each mode a bound on what is lost per unit of time, in the trace norm, where no part is multiplied by
        more than its ``factors`` (P,).
        """
        strengths = [float(own @ np.asarray(factors)) for own in self.strengths]
        return [strength * self._weight(vector, m) if strength else 0.0 for m, strength in enumerate(strengths)]

    def _weight(self, vector: Array, mode: int) -> float:
        """A bound on ‖Π ρ‖_1: in each sector at most √rank(Π) ‖Π ρ‖_2."""
        total = 0.0
        for labels, place in self._packing.slices.items():
            dims = self._dims[labels]
            axis = self._blocks + mode
            left, size, right = prod(dims[:axis]), dims[axis], prod(dims[axis + 1 :])
            y = vector[place].reshape(left, size, right, left, size, right)
            # |ρ_ij|² of y = Re ρ + Im ρ is (y_ij² + y_ji²)/2
            squares = (float(np.sum(y[:, -1] ** 2)) + float(np.sum(y[:, :, :, :, -1] ** 2))) / 2
            total += np.sqrt(left * right * squares)
        return total


def _strength(model: Model, mode: int, space: FockSpace) -> float:
    """2 √F ‖G‖ + 3 κ n̄ F, and what jumps of particles with a quantum add."""
    name, root = model.modes[mode].name, np.sqrt(model.size)
    losses = [loss for loss in model.mode_losses.values() if loss.mode == name]
    omega = sum(term.omega for term in model.mode_energies if term.mode == name)
    drive = sum(term.eta for term in model.mode_drives if term.mode == name) * root
    field = abs(drive + (omega - 0.5j * sum(loss.kappa for loss in losses)) * space.centre)
    sizes = model.sizes
    for term in model.mode_couplings:
        if term.mode == name:
            field += sum(sizes[b] * float(np.linalg.norm(y, 2)) for b, y in term.matrices.items()) / root
    strength = float(2 * np.sqrt(space.size) * field + 3 * space.size * sum(loss.rates[1] for loss in losses))
    crossing = np.sqrt(space.size) * abs(space.centre)
    for jump in model.mode_jumps.values():
        if jump.mode == name:
            largest = jump.largest_gamma(sizes, SPECTRUM_POINTS) * float(np.linalg.norm(jump.matrix, 2))
            rate = sizes[jump.block] / model.size * largest**2
            strength += rate * (4 * space.size + 3 * crossing if jump.emits else crossing)
    return float(strength)


def grown(spaces: Sequence[FockSpace], modes: Sequence[int]) -> tuple[FockSpace, ...]:
    """The same spaces with more states of some modes."""
    return tuple(
        FockSpace(max(s.size + _MORE, int(_GROWTH * s.size)), s.centre) if m in modes else s
        for m, s in enumerate(spaces)
    )


def widened(
    vector: Array,
    before: Packing,
    after: Packing,
    old: dict[Labels, tuple[int, ...]],
    new: dict[Labels, tuple[int, ...]],
) -> Array:
    """A packed vector in larger spaces, zero in what is added."""
    whole = np.zeros(after.size)
    for labels, place in before.slices.items():
        wide = whole[after.slices[labels]].reshape(new[labels] * 2)
        wide[tuple(slice(d) for d in old[labels] * 2)] = vector[place].reshape(old[labels] * 2)
    return whole


def spaces_for_path(model: Model, starts: Sequence[State], times: Array) -> tuple[FockSpace, ...]:
    """Spaces to begin with: in the middle of where mean field goes, and wide enough for the start and for its ways."""
    if not model.modes:
        return ()
    first = np.array([state.amplitudes for state in starts])
    alphas = first
    with suppress(ConvergenceError):  # it only chooses the middle
        for state in starts:
            points = _POINTS if times[-1] >= _POINTS * SHORTEST else 1
            path = mean_field(model, state, np.linspace(0.0, times[-1], points))
            alphas = np.concatenate([alphas, path.amplitudes])
    spaces = []
    for own, start in zip(alphas.T, first[0], strict=True):
        middle = complex((own.real.max() + own.real.min()) / 2, (own.imag.max() + own.imag.min()) / 2)
        centre = np.sqrt(model.size) * middle
        farthest = model.size * float(np.max(np.abs(own - middle) ** 2))
        if len(starts) == 1 and model.size * abs(start - middle) ** 2 < 1e-24:
            centre = np.sqrt(model.size) * start
        spaces.append(FockSpace(max(_LEAST, states_for(farthest, _MARGIN)), complex(centre)))
    return tuple(spaces)


def spaces_at_rest(model: Model) -> tuple[FockSpace, ...]:
    """Spaces to begin with for a steady state: around where the drives alone would hold the modes."""
    spaces = []
    for name in model.mode_names:
        pole = 1j * sum(term.omega for term in model.mode_energies if term.mode == name)
        pole += sum(loss.kappa for loss in model.mode_losses.values() if loss.mode == name) / 2
        drive = sum(term.eta for term in model.mode_drives if term.mode == name)
        spaces.append(FockSpace(2 * _LEAST, complex(np.sqrt(model.size) * -1j * drive / pole) if pole else 0j))
    return tuple(spaces)


def in_words(model: Model, spaces: Sequence[FockSpace]) -> str:
    """How many Fock states of which mode, for a message."""
    return ", ".join(f"{s.size:,} of {name}" for name, s in zip(model.mode_names, spaces, strict=True))
