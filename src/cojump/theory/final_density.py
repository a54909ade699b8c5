"""Where the master equation has come to, as a start of another one: a density matrix, sector by sector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..basis.distribution import Distribution
from ..basis.final_frames import in_frames
from ..basis.fock_space import FockSpace
from ..basis.fock_window import displacement
from ..basis.level_weights import LevelWeights
from ..basis.particle_removal import Label
from ..basis.readable_state import ReadableState
from ..basis.reduction import joined, taken_out
from ..basis.rotations import representation
from ..basis.sectors import Labels, dimension_of, sector_of
from ..errors import ArgumentError
from ..model import Block, Mode, Model
from ..model.final_states import Final, FinalFactor, FinalState, FinalStates
from ..model.states import Mixture, ProductBlock, State
from ..tools import checks
from ..tools.summaries import counted, facts, few, more
from ..tools.types import Array, Matrix
from .packed_states import DiagonalPacking, Packing, packed

_TAIL = 1e-29
"""Of a pure state the weight in the last Fock states of a space that holds it."""

_BEYOND = 1e-12
"""Probability of more quanta than a distribution lists."""

_NO_WEIGHT, _NEGATIVE = 1e-15, 1e-2
"""Eigenvalue of a density matrix below which it is rounding, and what those below 0 may add up to: the largest
tolerance of a master equation.
"""

_ROUNDING = 1e-17
"""Eigenvalue of a density matrix, in parts of its largest one, that is left out where particles are taken out of it."""

_END, _MORE, _MOST = 4, 16, 4096
"""Fock states at an end that show what is beyond it, those that are added until it is nothing, and the most of them."""


@dataclass(frozen=True, eq=False, repr=False)
class FinalDensity(ReadableState, Final):
    """The density matrix that a master equation has come to; ``exact.final``, ``steady.final``.

    Another one goes on from it: ``cj.master_equation(model, exact.final, times)``, with the same model or another one
    of the same blocks and modes, and with times that begin at 0 again. So do trajectories, ``cj.simulate(model,
    exact.final, times)``: each draws one of its eigenstates by the eigenvalues.

    Attributes
    ----------
    blocks, modes, time, reference
        As for :class:`cojump.model.final_states.Final`; the time of a steady state is inf.
    sectors : tuple of S tuples of labels
        The sectors, one label for each block.
    dims : tuple of S tuples of int
        Number of states of each block and of Fock states of each mode in them.
    frames : tuple of (d, d) arrays
        Of each block; the columns are the kets of one particle that ``packed`` belongs to.
    spaces : tuple of FockSpace
        Of each mode.
    packed : array
        As :mod:`cojump.theory.packed_states` has it.
    diagonal : bool
        Whether it has populations alone, in the frames.
    """

    sectors: tuple[Labels, ...]
    dims: tuple[tuple[int, ...], ...]
    frames: tuple[Matrix, ...]
    spaces: tuple[FockSpace, ...]
    packed: Array
    diagonal: bool = False

    def _title(self) -> str:
        when = "a steady state" if np.isinf(self.time) else f"t = {self.time:g}"
        return f"Density matrix of {when}: {counted(len(self.sectors), 'sector')}"

    def _lines(self) -> list[str]:
        lines = facts(
            ("blocks", few([f"{b.name} ({counted(b.size, 'particle')})" for b in self.blocks])),
            ("modes", ", ".join(f"{m}: {s.size:,} Fock states" for m, s in zip(self.modes, self.spaces, strict=True))),
            ("unknowns", f"{len(self.packed):,}"),
        )
        read = ".matrix(*labels) of a sector, .distribution(..), .reduced(..), .density()"
        return lines + more(f"{read}; cj.master_equation(model, final, times) goes on")

    @property
    def packing(self) -> Packing | DiagonalPacking:
        """Where each sector sits in ``packed``."""
        kind = DiagonalPacking if self.diagonal else Packing
        return kind({labels: prod(dims) for labels, dims in zip(self.sectors, self.dims, strict=True)})

    @property
    def occupied(self) -> list[list[Label]]:
        """The labels of each block that occur."""
        return [list(dict.fromkeys(labels[b] for labels in self.sectors)) for b in range(len(self.blocks))]

    def matrix(self, *labels: Label) -> Matrix:
        """The density matrix in a sector, in the user's frame, its trace the weight of the sector.

        Rows stand for M = -J..J of a block of two levels, for Gelfand-Tsetlin patterns of more, block after block; then
        for the Fock states of each mode, counted from its displaced vacuum (``spaces``).

        Parameters
        ----------
        *labels : int or tuple
            One for each block: 2J for two levels, the rows of a Young diagram for more.

        Raises
        ------
        ArgumentError
            If there is no such sector.
        """
        if labels not in self.sectors:
            known = few([checks.shown(own if len(own) > 1 else own[0]) for own in self.sectors])
            raise ArgumentError("labels", f"be of one of the sectors, {known}", f"they are {checks.shown(labels)}")
        return self.in_frames([np.eye(block.levels, dtype=complex) for block in self.blocks])(labels)

    def own_model(self) -> Model:
        """Its blocks and modes."""
        return Model(self.blocks, modes=[Mode(name) for name in self.modes])

    def levels(self, block: int, weights: LevelWeights) -> tuple[NDArray[Any], Array]:
        """Occupations (n, d) of some kets of one particle in a block, and their probabilities (n,)."""
        frame, packing = self.frames[block], self.packing
        of = self.in_frames([weights.kets if b == block else own for b, own in enumerate(self.frames)])
        alone = self.diagonal and weights.are_those_of(frame)
        found = []
        for labels, dims in zip(self.sectors, self.dims, strict=True):
            inside = self.packed[packing.slices[labels]] if alone else np.diagonal(of(labels)).real
            own = inside.reshape(prod(dims[:block]), dims[block], -1).sum(axis=(0, 2))
            kets = frame if alone else weights.kets
            root = np.sqrt(np.maximum(own, 0.0))[:, None].astype(complex)
            found.append(weights.of(kets, labels[block], (0, dims[block]), root))
        return np.concatenate([o for o, _ in found]), np.concatenate([p for _, p in found])

    def quanta(self, mode: str) -> Array:
        """(n,) probabilities of 0, 1, .. quanta a†a of a mode; what is left out beyond them is below 1e-12.

        Parameters
        ----------
        mode : str
            Its name.

        Raises
        ------
        ArgumentError
            If there is no such mode, or 4,096 Fock states do not hold it.

        Examples
        --------
        >>> model = cj.systems.tavis_cummings(size=1, omega_atom=1.0, omega_mode=1.0, coupling=0.5, kappa=0.0)
        >>> start = cj.product(model, {"spins": [1, 0]})
        >>> print(cj.master_equation(model, start, [0, 1.0]).final.quanta("cavity")[:2].round(4))
        [0.7702 0.2298]
        """
        if not isinstance(mode, str) or mode not in self.modes:
            known = f"one of the modes {checks.named(self.modes)}" if self.modes else "a mode, of which there is none"
            raise ArgumentError("mode", f"be {known}", f"it is {checks.shown(mode)}")
        place = self.modes.index(mode)
        space, axis = self.spaces[place], len(self.blocks) + place
        alone: Any = 0
        for labels, dims in zip(self.sectors, self.dims, strict=True):
            shape = (prod(dims[:axis]), dims[axis], prod(dims[axis + 1 :]))
            rho = self.packing.block(self.packed, labels).reshape(*shape, *shape)
            alone = alone + np.einsum("anbamb->nm", rho)
        whole, size = np.trace(alone).real, int((abs(space.centre) + np.sqrt(space.size)) ** 2) + _MORE
        while size <= _MOST:
            moved = displacement(space.centre, (0, space.size), (0, size))
            made: Array = np.einsum("kn,nm,km->k", moved, alone, moved.conj(), optimize=True).real
            if whole - made.sum() <= _BEYOND:
                last = int(np.argmax(np.cumsum(made) >= whole - _BEYOND))
                return made[: last + 1]
            size *= 2
        raise ArgumentError("mode", f"need at most {_MOST:,} Fock states", f"{mode!r} has more than they hold")

    def taken_out(self, counts: Mapping[int, int]) -> Matrix:
        """Density matrix of so many particles of each block, block by block in the order of ``counts``."""
        own = [counts.get(b, 0) for b in range(len(self.blocks))]
        total: Any = 0
        packing = self.packing
        for labels, dims in zip(self.sectors, self.dims, strict=True):
            if self.diagonal:
                total = total + self._of_populations(labels, dims, own)
                continue
            weights, kets = np.linalg.eigh(packing.block(self.packed, labels))
            kept = weights > _ROUNDING * max(float(weights[-1]), 0.0)
            if not kept.any():
                continue
            tensor = (kets[:, kept] * np.sqrt(weights[kept])).reshape(*dims, -1)
            total = total + taken_out(self.blocks, labels, self.frames, tensor, own)
        levels = [block.levels for block, count in zip(self.blocks, own, strict=True) for _ in range(count)]
        starts, order = np.concatenate([[0], np.cumsum(own)]), list(counts)
        places = np.concatenate([np.arange(starts[b], starts[b + 1]) for b in order])
        back = np.argsort(places)
        return joined([(back.tolist(), total)], [levels[place] for place in places])

    def _of_populations(self, labels: Labels, dims: tuple[int, ...], counts: Sequence[int]) -> Matrix:
        """What a sector of populations alone, of two levels, adds to the density matrix of some particles.

        n particles that are taken out change M by at most n between each other, so that basis states whose M differ by
        n + 1 or more may stand in one vector: n + 1 combs of M in place of a vector for each.
        """
        inside = [b for b, count in enumerate(counts) if count]
        outside = tuple(b for b, count in enumerate(counts) if not count)
        p = np.maximum(self.packed[self.packing.slices[labels]], 0.0).reshape(dims).sum(axis=outside)
        tensor = np.sqrt(p).astype(complex)[..., None]
        for axis, b in enumerate(inside):
            combs = np.arange(dims[b])[:, None] % (counts[b] + 1) == np.arange(counts[b] + 1)
            shape = [dims[b] if a == axis else 1 for a in range(len(inside))] + [1, counts[b] + 1]
            tensor = (tensor[..., None] * combs.reshape(shape)).reshape(*tensor.shape[:-1], -1)
        own = [(self.blocks[b], labels[b], self.frames[b], counts[b]) for b in inside]
        blocks, sectors, frames, taken = zip(*own, strict=True)
        return taken_out(blocks, sectors, frames, tensor, taken)

    def in_frames(self, frames: Sequence[Matrix]) -> Any:
        """A function of labels that gives the density matrix in a sector in other frames of one particle."""
        packing = self.packing
        turns = [_Turn(*three) for three in zip(self.blocks, self.frames, frames, strict=True)]

        def of(labels: Labels) -> Matrix:
            rho, dims = packing.block(self.packed, labels), self.dims[self.sectors.index(labels)]
            for _ in range(2):  # X = D ρ, and D X† is again the Hermitian D ρ D†
                for b, turn in enumerate(turns):
                    if (D := turn.of(labels[b])) is not None:
                        shape = rho.shape
                        rho = np.matmul(D, rho.reshape(prod(dims[:b]), dims[b], -1)).reshape(shape)
                rho = rho.conj().T
            return rho

        return of


def distribution_of_quanta(states: Sequence[FinalDensity], mode: str) -> Distribution:
    """P(n) of the quanta of a mode in several states, over the n that any of them needs."""
    rows = [state.quanta(mode) for state in states]
    most = max(map(len, rows))
    probability = np.array([np.pad(row, (0, most - len(row))) for row in rows])
    times = np.array([state.time for state in states])
    return Distribution(times, np.arange(most, dtype=float), probability, np.zeros_like(probability))


def described_method(final: FinalDensity) -> str:
    """How a density matrix was held, for a summary."""
    return f"populations alone, {len(final.packed):,}: no coherence is coupled to them" if final.diagonal else ""


class _Turn:
    """The change of frame of one block, made once for each sector."""

    def __init__(self, block: Block, before: Matrix, after: Matrix) -> None:
        self._block, self._relative = block, after.conj().T @ before
        self._known: dict[Label, Matrix] = {}
        self._same = bool(np.abs(self._relative - np.eye(block.levels)).max() < 1e-15)

    def of(self, label: Label) -> Matrix | None:
        """Of a sector; None where nothing changes."""
        if self._same:
            return None
        if label not in self._known:
            self._known[label] = representation(sector_of(self._block, label), self._relative)
        return self._known[label]


def mixture_of(density: FinalDensity) -> FinalStates:
    """The eigenstates of a density matrix with their eigenvalues as weights.

    Where it has no mean field behind it, as a steady state, that of the particles by themselves takes its place.

    Raises
    ------
    ArgumentError
        If it is no density matrix, up to the error of a master equation.
    """
    packing, B = density.packing, len(density.blocks)
    modes = tuple(range(len(density.modes)))
    centres = tuple(complex(space.centre) for space in density.spaces)
    states, weights, lost = [], [], 0.0
    for labels, dims in zip(density.sectors, density.dims, strict=True):
        rho = packing.block(density.packed, labels)
        if density.diagonal:
            values, kets = rho.diagonal().real, np.eye(len(rho), dtype=complex)
        else:
            values, kets = np.linalg.eigh(rho)
        lost += float(np.abs(values[values < _NO_WEIGHT]).sum())
        for weight, ket in zip(values, kets.T, strict=True):
            if weight >= _NO_WEIGHT:
                window = tuple((0, dim) for dim in dims)
                tensor = np.ascontiguousarray(ket.reshape(dims))
                whole = FinalFactor(tuple(range(B)), modes, labels, window, density.frames, centres, tensor).trimmed()
                states.append(FinalState(_split(whole)))
                weights.append(float(weight))
    if lost > _NEGATIVE or not states:
        raise ArgumentError("state", "be a density matrix", f"eigenvalues that are below 0 add up to {lost:.3g}")
    total = sum(weights)
    reference = density.reference
    if reference is None:
        reference = Mixture(np.ones(1), (_one_by_one(density),))
    place = (density.blocks, density.modes, density.time, reference)
    return FinalStates(*place, tuple(states), weights=tuple(weight / total for weight in weights))


def _split(factor: FinalFactor) -> tuple[FinalFactor, ...]:
    """One basis state as a product of its blocks and modes, which may then be run apart; others stay whole."""
    if factor.amplitudes.size > 1:
        return (factor,)
    one, B = np.ones(1, dtype=complex), len(factor.blocks)
    blocks = [
        FinalFactor((b,), (), (factor.labels[b],), (factor.window[b],), (factor.frames[b],), (), one) for b in range(B)
    ]
    modes = [
        FinalFactor((), (m,), (), (factor.window[B + m],), (), (factor.displacements[m],), one) for m in factor.modes
    ]
    return (*blocks, *modes)


def _one_by_one(density: FinalDensity) -> State:
    """The product state with the one-particle densities and amplitudes of the modes that a density matrix has."""
    N, B = sum(block.size for block in density.blocks), len(density.blocks)
    ones = [np.zeros((block.levels,) * 2, dtype=complex) for block in density.blocks]
    lowered = np.zeros(len(density.modes), dtype=complex)
    weight = 0.0
    for labels, dims in zip(density.sectors, density.dims, strict=True):
        rho = density.packing.block(density.packed, labels)
        weight += float(np.trace(rho).real)
        for axis, dim in enumerate(dims):
            left, right = prod(dims[:axis]), prod(dims[axis + 1 :])
            own = np.einsum("aibajb->ij", rho.reshape(left, dim, right, left, dim, right))
            if axis >= B:
                lowered[axis - B] += np.sum(np.sqrt(np.arange(1.0, dim)) * own.diagonal(-1))
                continue
            sector, size = sector_of(density.blocks[axis], labels[axis]), density.blocks[axis].size
            for i, j in np.ndindex(ones[axis].shape):
                unit = np.zeros_like(ones[axis])
                unit[i, j] = 1
                ones[axis][j, i] += (sector.one_body(unit) @ own).trace() / size
    turned = [F @ r @ F.conj().T / weight for F, r in zip(density.frames, ones, strict=True)]
    amplitudes = [(space.centre + b / weight) / np.sqrt(N) for space, b in zip(density.spaces, lowered, strict=True)]
    return State(tuple(ProductBlock((r + r.conj().T) / 2) for r in turned), tuple(map(complex, amplitudes)))


def density_of(final: FinalStates) -> FinalDensity:
    """The mean (1/K) Σ |ψ><ψ| of the final states of trajectories, in the user's frame."""
    everything = range(len(final.blocks)), range(len(final.modes))
    whole = [state.of(*everything) for state in final.states]
    frames = [np.eye(block.levels, dtype=complex) for block in final.blocks]
    centres = [complex(np.mean([f.displacements[m] for f in whole])) for m in everything[1]]
    B = len(final.blocks)
    kets = []
    for factor in whole:
        window, tensor = in_frames(final.blocks, factor, frames)
        whole_dims = [dimension_of(b, label) for b, label in zip(final.blocks, factor.labels, strict=True)]
        padded = np.zeros((*whole_dims, *tensor.shape[B:]), dtype=complex)
        padded[tuple(slice(*ends) for ends in window[:B])] = tensor
        for m, (centre, b) in enumerate(zip(centres, factor.displacements, strict=True)):
            padded = _displaced(padded, B + m, window[B + m], b - centre)
        kets.append(padded / np.linalg.norm(padded))
    sizes = tuple(max(ket.shape[B + m] for ket in kets) for m in everything[1])
    found: dict[Labels, Any] = {}
    dims_of: dict[Labels, tuple[int, ...]] = {}
    for factor, ket in zip(whole, kets, strict=True):
        wide = np.zeros((*ket.shape[:B], *sizes), dtype=complex)
        wide[tuple(map(slice, ket.shape))] = ket
        dims_of[factor.labels] = wide.shape
        rho = np.outer(wide, wide.conj()) / len(kets)
        found[factor.labels] = found[factor.labels] + rho if factor.labels in found else rho
    sectors = tuple(sorted(found))
    vector = np.concatenate([packed(found[labels]).ravel() for labels in sectors])
    spaces = tuple(FockSpace(size, centre) for size, centre in zip(sizes, centres, strict=True))
    dims = tuple(dims_of[labels] for labels in sectors)
    place = (final.blocks, final.modes, final.time, final.reference)
    return FinalDensity(*place, sectors, dims, tuple(frames), spaces, vector)


def _displaced(tensor: Matrix, axis: int, window: tuple[int, int], delta: complex) -> Matrix:
    """One mode of a state moved by δ, from a window of Fock states to those from 0 on, as many as it needs."""
    rows, size = np.moveaxis(tensor, axis, 0), window[1]
    while True:
        size += _MORE
        if size > _MOST:
            raise ArgumentError(
                "state", f"need at most {_MOST:,} Fock states of a mode", "its trajectories are too far apart"
            )
        moved = np.tensordot(displacement(delta, window, (0, size)), rows, axes=1)
        if float(np.sum(np.abs(moved[-_END:]) ** 2)) <= _TAIL:
            return np.moveaxis(moved, 0, axis)
