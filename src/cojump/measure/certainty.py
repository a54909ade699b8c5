"""Whether a sample of trajectories can know its own error: how many of them carry it, and what chance can still do.

The standard error of a mean is known to a part of about 1/sqrt(k), k the effective number of trajectories that carry
the spread (:meth:`cojump.measure.moments.Moments.effective`). Below ``LEAST`` of them the error is called uncertain.
Where all trajectories agree there is nothing to count, and two cases are told apart by what is known of the model:
nothing random can have happened to the figure (its error is zero), or a jump is possible and has been seen by too few
trajectories (its error is not known). Jumps and a mixed start are all that differs between trajectories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..model import CollectiveJump, LocalJump, ModeJump, Model
from ..model.components import components
from ..model.final_states import FinalFactor, FinalStates
from ..model.jumps import RatedJump
from ..model.mixtures import Mixture, starts_of
from ..model.states import BlockState, DickeBlock, ProductBlock, State
from ..model.unravelled import detections
from ..tools.types import Array

Flags = NDArray[np.bool_]

LEAST = 8.0
"""Effective trajectories below which an error is uncertain; as many must have seen each jump that can happen."""

_UNBOUNDED = 1e300
"""In place of a rate that has no bound that is known."""

UNSEEN = 3.0
"""What n trajectories have not seen has a probability of at most ``UNSEEN``/n, at 95 %: (1 - 3/n)^n = 0.05."""

NOISE = 1e-9
"""Spread in parts of a figure's range that is no more than the trajectories' own tolerance."""

ROUNDING = 1e-14
"""Spread in parts of a figure's range that may be rounding alone, of a figure that a symmetry keeps at zero."""

_PURE = 1e-12
"""Weight outside one ket that is taken as rounding."""


@dataclass(frozen=True, eq=False)
class Chance:
    """What can differ between the trajectories of a point, known before the first of them.

    Attributes
    ----------
    widths : (A,) array
        Largest minus smallest value that each average can have.
    component : (A,) int array
        Number of the independent component of the model that the average belongs to.
    alike : (A,) bool array
        Whether all trajectories of that component start in the same state.
    rate : (A,) array
        Largest number of jumps per unit of time in that component.
    acts : (A, L) bool array
        Which channels can change the average: their rate is not zero everywhere, and the start is no state that the
        component never leaves.
    fires : (L,) bool array
        Which channels can jump at all.
    order : (P, A) array
        Coefficients of the order parameters.
    """

    widths: Array
    component: NDArray[np.int64]
    alike: Flags
    rate: Array
    acts: Flags
    fires: Flags
    order: Array


@dataclass(frozen=True, eq=False)
class Ground:
    """What is known of n figures at T times beside their spread.

    Attributes
    ----------
    constant : (T, n) bool array
        Figures on which the trajectories must agree where they do: nothing random can have changed them, or all that
        can has been seen.
    bound : (T, n) array
        Largest standard error that what has not been seen leaves.
    widths : (n,) array
        Largest minus smallest value.
    noise : float
        Standard deviations up to this part of the width are none.
    hidden : (T, n) array
        ``bound`` where a channel that can change the figure has not jumped once, else 0: however well the spread is
        known, what that channel does to the figure is not in it.
    """

    constant: Flags
    bound: Array
    widths: Array
    noise: float
    hidden: Array


def uncertain(
    variance: Array, effective: Array, widths: Array, noise: float, constant: Flags, hidden: Array | float = 0.0
) -> Flags:
    """Say which errors a sample cannot know, from the variances of single trajectories; all shapes alike.

    A spread up to ``noise`` of the ``widths`` is none, if it is not a few trajectories that have it: a coherence that
    decays in all trajectories, and in few of them slowly, falls below the tolerance long before its mean does.
    ``hidden`` is the largest standard deviation of single trajectories that a channel without a jump can add.
    """
    spread = np.sqrt(np.maximum(variance, 0.0))
    few = ~(np.where(np.isfinite(effective), effective, 0.0) >= LEAST)
    small = np.where(spread > min(ROUNDING, noise) * widths, few, False) | ~constant
    large = few | (spread < hidden)
    return np.asarray(
        np.where(np.isfinite(variance), np.where(spread > noise * widths, large, small), True), dtype=bool
    )


def seen_by(count: int, mean: Array, comoment: Array) -> Array:
    """(..) effective number of trajectories that have jumped, (Σ n)² / Σ n², from moments of their counts n."""
    squares = comoment + count * mean**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(squares > 0, (count * mean) ** 2 / squares, 0.0)


def ground_of(
    chance: Chance, coefficients: Array, times: Array, n_traj: int, seen: Array, healthy: Flags, tolerance: float
) -> Ground:
    """What is known of figures that depend on the averages.

    Parameters
    ----------
    chance : Chance
    coefficients : (n, A) array
        How much each figure depends on each average; zero where it does not.
    times : (T,) array
    n_traj : int
    seen : (T, L) array
        See :func:`seen_by`: jumps of each channel up to the times.
    healthy : (T, A) bool array
        Averages whose spread is carried by enough trajectories.
    tolerance : float
        Of the trajectories.
    """
    needed = coefficients != 0
    widths = np.abs(coefficients) @ chance.widths
    alike = ~np.any(needed & ~chance.alike, axis=1)
    acts = np.any(needed[:, :, None] & chance.acts, axis=1)
    rate = np.zeros(len(coefficients))
    shown = np.all((seen[:, None, :] >= LEAST) | ~acts, axis=2)
    # A mixed start has been seen where any average of each component in question has a spread that is known.
    mixed = np.ones((len(times), len(coefficients)), dtype=bool)
    for c in np.unique(chance.component):
        inside = chance.component == c
        touched = (needed[:, inside] & ~chance.alike[inside]).any(axis=1)
        rate += np.where(needed[:, inside].any(axis=1), chance.rate[inside].max(), 0.0)
        mixed &= ~touched | np.any(healthy[:, inside], axis=1, keepdims=True)
    start = (times == 0)[:, None]
    constant = np.where(start, alike | mixed, shown & (alike | mixed))
    n = max(n_traj, 1)
    hits = np.minimum(np.where(alike, rate * times[:, None], np.inf), UNSEEN / n)
    bound = widths * np.sqrt(hits / n)
    silent = np.any((seen[:, None, :] == 0) & acts, axis=2) & ~start
    return Ground(constant, bound, widths, min(tolerance, NOISE), np.where(silent, bound, 0.0))


def chance_of(model: Model, state: State | Mixture | FinalStates) -> Chance:
    """What can differ between the trajectories of a model from a state, or from one that each has of its own."""
    if isinstance(state, FinalStates):
        return _chance_after(model, state)
    made = [_chance(model, one) for _, one in starts_of(state)]
    first = made[0]
    if len(made) == 1:
        return first
    widths = np.max([one.widths for one in made], axis=0)
    acts, fires = (np.any([getattr(one, name) for one in made], axis=0) for name in ("acts", "fires"))
    # all components of the model start from the same state of the mixture
    return replace(first, widths=widths, alike=np.zeros_like(first.alike), acts=acts, fires=fires)


def _chance_after(model: Model, final: FinalStates) -> Chance:
    """The same of trajectories that go on from where others have stopped: nothing is known to stay as it is."""
    root = np.sqrt(model.size)
    farthest = [
        max((abs(b) / root for s in final.states for f in s.factors for b in _of_mode(f, m)), default=0.0)
        for m in range(len(model.modes))
    ]
    return _chance(model, None, farthest, alike=len(final.states) == 1)


def _of_mode(factor: FinalFactor, mode: int) -> list[complex]:
    return [b for m, b in zip(factor.modes, factor.displacements, strict=True) if m == mode]


def _chance(model: Model, state: State | None, farthest: Sequence[float] = (), *, alike: bool = True) -> Chance:
    """Of one state, or of several whose modes are at most so far from the vacuum."""
    A, L = len(model.labels), len(model.jumps)
    if state is not None:
        farthest = [abs(alpha) for alpha in state.amplitudes]
    widths = [float(np.ptp(np.linalg.eigvalsh(o.matrix))) for o in model.observables]
    widths += [2 * max(1.0, farthest[q.mode]) for q in model.quadratures]
    component, same = np.zeros(A, dtype=np.int64), np.ones(A, dtype=bool)
    rate, acts, fires = np.zeros(A), np.zeros((A, L), dtype=bool), np.zeros(L, dtype=bool)
    counted = np.array([i not in detections(model) for i in range(L)], dtype=bool)  # a current is always there
    for c, part in enumerate(components(model)):
        own = np.array(
            [o.block in part.blocks for o in model.observables] + [q.mode in part.modes for q in model.quadratures]
        )
        starts = None if state is None else [state.blocks[b] for b in part.blocks]
        able = np.array([jump.can_fire(part.model.sizes) for jump in part.model.jumps], dtype=bool)
        left = None if starts is None else _jumps_that_leave(part.model, starts)
        component[own], same[own] = c, all(map(_starts_alike, starts or ())) and alike
        # of a jump that changes in time the largest rate is not known here
        # nor of one that comes with a quantum of a mode
        driven = any(jump.envelope is not None or isinstance(jump, ModeJump) for jump in part.model.jumps)
        rate[own] = _UNBOUNDED if driven else part.model.jump_rate
        places = np.array(part.jumps, dtype=int)
        able &= counted[places]
        acts[np.ix_(own, places)] = able & (left is None)
        fires[places] = able & (True if left is None else left)
    maps = [model.linear(name, x)[1] for name, x in model.order_parameters.items()]
    return Chance(np.array(widths), component, same, rate, acts, fires, np.array(maps).reshape(-1, A))


def _starts_alike(block: BlockState) -> bool:
    """Whether all trajectories begin with the same state of the block: only a mixed product state draws lots."""
    return not isinstance(block, ProductBlock) or _ket(block.density) is not None


def _ket(density: NDArray[np.complex128]) -> NDArray[np.complex128] | None:
    values, vectors = np.linalg.eigh(density)
    return vectors[:, -1] if values[-1] > 1 - _PURE else None


class _Eigenstate:
    """Of which operators the start of a block is an eigenstate, as far as that is seen from one ket.

    A product of one ket, or |J, ±J>, which all collective operators see as one.
    """

    def __init__(self, block: BlockState, size: int) -> None:
        self.size, self.two_M = size, size
        self.is_product = block.is_product
        ket = _ket(block.density) if block.is_product else None
        if isinstance(block, DickeBlock) and abs(block.two_M) == block.two_J:
            self.two_M = abs(block.two_M)
            ket = np.array([1.0, 0.0] if block.two_M >= 0 else [0.0, 1.0], dtype=complex)
        self.ket = ket

    def single(self, matrix: NDArray[np.complex128]) -> complex | None:
        """Eigenvalue of a matrix of one particle; None if the ket is none of its eigenvectors."""
        if self.ket is None:
            return None
        moved = matrix @ self.ket
        value = complex(self.ket.conj() @ moved)
        rounding = _PURE * float(np.linalg.norm(matrix, 2))
        if np.linalg.norm(moved - value * self.ket) > rounding:
            return None
        return 0j if abs(value) <= rounding else value

    def total(self, matrix: NDArray[np.complex128]) -> complex | None:
        """Eigenvalue of its sum over the particles."""
        value = self.single(matrix)
        if value is None:
            return None
        mean = complex(np.trace(matrix)) / len(matrix)
        return self.size * mean + self.two_M * (value - mean)


def _jumps_that_leave(model: Model, starts: list[BlockState]) -> Flags | None:
    """None if the start changes; else (L,) which channels jump although they change nothing but a phase.

    The start never changes if it is an eigenstate of every term of H and of every jump, or dark for it. Modes are taken
    to change it.
    """
    if model.modes:
        return None
    blocks = {b.name: _Eigenstate(s, b.size) for b, s in zip(model.blocks, starts, strict=True)}
    for term in model.hamiltonian:
        if any(blocks[part.block].total(part.matrix) is None for part in term.parts()):
            return None
    found = []
    for jump in model.jumps:
        if isinstance(jump, LocalJump):
            strength = _local(model, jump, blocks)
        else:
            strength = _collective(model, jump, blocks) if isinstance(jump, CollectiveJump) else None
        if strength is None:
            return None
        found.append(strength > 0)
    return np.array(found, dtype=bool)


def _local(model: Model, jump: LocalJump, blocks: Mapping[str, _Eigenstate]) -> float | None:
    """|Γ j| of the start; None if a jump changes it."""
    own = blocks[jump.block]
    value = own.single(jump.matrix) if own.is_product else None
    if value == 0 or not np.any(jump.matrix):
        return 0.0
    gamma = _gamma(model, jump, blocks)
    if gamma is None or gamma == 0:
        return gamma
    return None if value is None else gamma * abs(value)


def _gamma(model: Model, jump: RatedJump, blocks: Mapping[str, _Eigenstate]) -> float | None:
    """|Γ| of the start; None if it is no eigenstate of an average."""
    if not jump.has_rate:
        return 1.0
    deltas = [_average(argument, jump, blocks) for argument in jump.arguments]
    if any(delta is None for delta in deltas):
        return None
    point = np.array([delta for delta in deltas if delta is not None])
    spectrum = np.atleast_2d(model.argument_spectrum(jump))
    nearest = spectrum[:, np.abs(spectrum - point[:, None]).max(axis=0).argmin()]
    if np.any(np.abs(nearest - point) > _PURE * np.maximum(np.ptp(spectrum, axis=1), np.abs(nearest))):
        # of a long spectrum not all points are there
        nearest = np.clip(point, spectrum.min(axis=1), spectrum.max(axis=1))
    return float(np.abs(jump.gamma(nearest if len(nearest) == 1 else nearest[:, None]))[0])


def _average(
    argument: Mapping[str, NDArray[np.complex128]], jump: RatedJump, blocks: Mapping[str, _Eigenstate]
) -> float | None:
    """Eigenvalue of an average, without the particle that jumps if that is left out; None if there is none."""
    delta = 0.0
    for name, x in argument.items():
        own = blocks[name]
        total = own.total(x)
        if total is None:
            return None
        delta += total.real / own.size
        if jump.missing(name):
            inside = own.single(x) if own.is_product else None
            if inside is None:
                return None
            delta -= inside.real / own.size
    return delta


def _collective(model: Model, jump: CollectiveJump, blocks: Mapping[str, _Eigenstate]) -> float | None:
    totals = [blocks[name].total(y) for name, y in jump.matrices.items()]
    if any(total is None for total in totals):
        return None
    whole = abs(sum(t for t in totals if t is not None))
    scale = sum(blocks[n].size * float(np.linalg.norm(y, 2)) for n, y in jump.matrices.items())
    if whole <= _PURE * scale:
        return 0.0
    gamma = _gamma(model, jump, blocks)
    return None if gamma is None else jump.rate * (gamma * whole) ** 2
