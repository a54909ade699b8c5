"""Where an ensemble has come to: the pure states at the end of trajectories, to be started from again.

A pure state stands here as its factors, each a state of blocks and modes that may be entangled with each other and with
no others. Its amplitudes belong to kets of one particle that are given in the user's frame, and to Fock states of a
displaced mode, so that a model with other frames can take it up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError
from ..tools import checks
from ..tools.summaries import Summarised, counted, facts, few, more
from .blocks import Block
from .model import Model
from .states import Mixture, State

Label = int | tuple[int, ...]
"""A sector of a block: 2J for two levels, the rows of a Young diagram for more."""

_NORM = 1e-6
"""Deviation of a norm from 1 above which amplitudes are not those of a state."""

_EMPTY = 1e-32
"""Weight of basis states at the ends of a window that are not kept."""

APART = 2**40
"""Streams of random numbers between a run and the one that goes on from its end, beyond those of all its parts."""


@dataclass(frozen=True, eq=False)
class FinalFactor:
    """The state of blocks and modes that may be entangled with each other.

    Attributes
    ----------
    blocks, modes : tuple of int
        Their positions in the model.
    labels : tuple
        The sector of each block: 2J for two levels, a Young diagram for more.
    window : tuple of (int, int)
        First and past-last basis state of each axis, the blocks before the modes: of M + J for two levels, of the
        Gelfand-Tsetlin patterns for more, of the Fock states of the displaced mode.
    frames : tuple of (d, d) arrays
        Of each block; the columns are the kets of one particle that the amplitudes belong to, in the user's frame.
    displacements : tuple of complex
        b of each mode: a = b + a', and the Fock states are those of a'.
    amplitudes : array, one axis for each block and mode
    """

    blocks: tuple[int, ...]
    modes: tuple[int, ...]
    labels: tuple[Label, ...]
    window: tuple[tuple[int, int], ...]
    frames: tuple[NDArray[np.complex128], ...]
    displacements: tuple[complex, ...]
    amplitudes: NDArray[np.complex128]

    def check(self, blocks: Sequence[Block]) -> None:
        """Raise ValueError unless its parts fit together and fit the blocks of the model."""
        axes = (len(self.blocks), len(self.modes))
        fits = len(self.labels) == len(self.frames) == axes[0] and len(self.displacements) == axes[1]
        fits = fits and len(self.window) == sum(axes) and all(b < len(blocks) for b in self.blocks)
        fits = fits and self.amplitudes.shape == tuple(hi - lo for lo, hi in self.window)
        if not fits:
            raise ValueError("the parts of a final state do not fit together")
        for b, label, frame in zip(self.blocks, self.labels, self.frames, strict=True):
            d, N = blocks[b].levels, blocks[b].size
            if isinstance(label, tuple):
                known = len(label) == d > 2 and sum(label) == N and list(label) == sorted(label, reverse=True)
                known = known and label[-1] >= 0
            else:
                known = d == 2 and 0 <= label <= N and (N - label) % 2 == 0
            if not known:
                raise ValueError(f"a final state is in the sector {checks.shown(label)}, which its block has not")
            if frame.shape != (d, d) or not np.allclose(frame.conj().T @ frame, np.eye(d), rtol=0, atol=1e-9):
                raise ValueError("the frame of a final state is not unitary")
        ends = [label + 1 if isinstance(label, int) else None for label in self.labels] + [None] * axes[1]
        for (lo, hi), end in zip(self.window, ends, strict=True):
            if not 0 <= lo < hi or (end is not None and hi > end):
                raise ValueError(f"a final state has the window {lo} to {hi}")
        norm = float(np.linalg.norm(self.amplitudes))
        if not abs(norm - 1) < _NORM or not np.all(np.isfinite(self.displacements)):
            raise ValueError(f"a final state has the norm {norm:.6g}")

    def trimmed(self) -> FinalFactor:
        """The same without empty basis states at the ends of its windows."""
        weights = np.abs(self.amplitudes) ** 2
        cut = []
        for axis in range(weights.ndim):
            own = weights.sum(axis=tuple(a for a in range(weights.ndim) if a != axis))
            occupied = np.flatnonzero(own > _EMPTY)
            cut.append((int(occupied[0]), int(occupied[-1]) + 1))
        window = tuple((lo + a, lo + b) for (lo, _), (a, b) in zip(self.window, cut, strict=True))
        inside = self.amplitudes[tuple(slice(*ends) for ends in cut)]
        return replace(self, window=window, amplitudes=np.array(inside, order="C"))


PartStart = State | FinalFactor
"""What an independent part of a model may start from."""


@dataclass(frozen=True, eq=False)
class FinalState:
    """The pure state of one trajectory: a product of its factors."""

    factors: tuple[FinalFactor, ...]

    def check_within(self, blocks: Sequence[int], modes: Sequence[int]) -> list[FinalFactor]:
        """The factors of some blocks and modes.

        Raises
        ------
        ArgumentError
            If one of them may be entangled with a block or mode that is not among them.
        """
        own = [f for f in self.factors if set(f.blocks) & set(blocks) or set(f.modes) & set(modes)]
        if not all(set(f.blocks) <= set(blocks) and set(f.modes) <= set(modes) for f in own):
            raise ArgumentError(
                "state",
                "be of blocks and modes that the model couples, where they may be entangled",
                "the model runs some of them apart (a term of strength 0 keeps them together)",
            )
        return own

    def of(self, blocks: Sequence[int], modes: Sequence[int]) -> FinalFactor:
        """The state of some blocks and modes as one factor, with positions among them; refuses as check_within."""
        own = self.check_within(blocks, modes)
        amplitudes: Any = np.ones(())
        for factor in own:
            amplitudes = np.multiply.outer(amplitudes, factor.amplitudes)
        axes: dict[tuple[str, int], int] = {}
        for factor in own:
            for key in [*(("block", b) for b in factor.blocks), *(("mode", m) for m in factor.modes)]:
                axes[key] = len(axes)
        order = [axes["block", b] for b in blocks] + [axes["mode", m] for m in modes]
        windows = [ends for factor in own for ends in factor.window]
        labels = {b: label for f in own for b, label in zip(f.blocks, f.labels, strict=True)}
        frames = {b: frame for f in own for b, frame in zip(f.blocks, f.frames, strict=True)}
        displacements = {m: b for f in own for m, b in zip(f.modes, f.displacements, strict=True)}
        return FinalFactor(
            tuple(range(len(blocks))),
            tuple(range(len(modes))),
            tuple(labels[b] for b in blocks),
            tuple(windows[axis] for axis in order),
            tuple(frames[b] for b in blocks),
            tuple(displacements[m] for m in modes),
            np.ascontiguousarray(amplitudes.transpose(order)),
        )


@dataclass(frozen=True, eq=False, repr=False)
class Final(Summarised):
    """Where a run has come to, which another run of the same blocks and modes can go on from.

    Attributes
    ----------
    blocks : tuple of Block
    modes : tuple of str
        Names of the modes.
    time : float
        When that was. A run that goes on counts its times from 0 again.
    reference : Mixture or None
        Where mean field has come to from the same start; None where no start has led here. A run that goes on has its
        mean field go on from there.
    """

    blocks: tuple[Block, ...]
    modes: tuple[str, ...]
    time: float
    reference: Mixture | None

    def check_fits(self, model: Model) -> None:
        """Raise ArgumentError unless ``model`` has the same blocks and modes."""
        here = [(b.name, b.size, b.levels) for b in self.blocks]
        there = [(b.name, b.size, b.levels) for b in model.blocks]
        if here != there or self.modes != model.mode_names:
            one, other = next((pair for pair in zip(here, there, strict=False) if pair[0] != pair[1]), (None, None))
            found = "it has other blocks or modes"
            if one is not None:
                found = f"its block is {checks.shown(one)} and that of the model {checks.shown(other)} (size, levels)"
            raise ArgumentError("state", "be of the blocks and modes of this model", found)


@dataclass(frozen=True, eq=False, repr=False)
class FinalStates(Final):
    """The pure states of kept trajectories at their last output time; ``result.final``.

    A run from them deals them out: its trajectory i goes on from where trajectory i mod K has stopped, K the number of
    states, with random numbers that no run before has used, also with the same seed. With up to K trajectories it is
    the same ensemble as one long run, errors included. With more, averages are those of an ensemble that starts from
    these K states, and their errors do not know how far K states are from all. Times begin at 0 again.

    Attributes
    ----------
    blocks, modes, time, reference
        As for :class:`Final`.
    states : tuple of K FinalState
        ``final[k]`` is the same with one of them alone.
    runs : int
        How many runs are behind them, one after another.
    weights : tuple of K float, optional
        Of states that a density matrix is a mixture of: then each trajectory draws its own by them.
    """

    states: tuple[FinalState, ...] = ()
    runs: int = 1
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        everything = (list(range(len(self.blocks))), list(range(len(self.modes))))
        for state in self.states:
            for factor in state.factors:
                factor.check(self.blocks)
            there = (
                sorted(b for f in state.factors for b in f.blocks),
                sorted(m for f in state.factors for m in f.modes),
            )
            if there != everything:
                raise ValueError("a final state lacks blocks or modes, or has one twice")
        if not self.runs >= 1:
            raise ValueError(f"{self.runs} runs are behind final states")
        if self.weights is not None and (len(self.weights) != len(self.states) or not min(self.weights) >= 0):
            raise ValueError("the weights of final states do not fit them")

    def __len__(self) -> int:
        return len(self.states)

    def __iter__(self) -> Iterator[FinalStates]:
        return (self[k] for k in range(len(self.states)))

    def __getitem__(self, k: int) -> FinalStates:
        """One of them alone."""
        place = checks.integer("k", k, -len(self.states), len(self.states) - 1)
        return replace(self, states=(self.states[place],), weights=None)

    @property
    def n_amplitudes(self) -> int:
        """Numbers of all states together."""
        return sum(f.amplitudes.size for state in self.states for f in state.factors)

    def _title(self) -> str:
        if self.weights is not None:
            return f"Mixture of {counted(len(self.states), 'pure state')}, which a density matrix is"
        return f"Final states of {counted(len(self.states), 'trajectory')} at t = {self.time:g}"

    def _lines(self) -> list[str]:
        lines = facts(
            ("blocks", few([f"{b.name} ({counted(b.size, 'particle')})" for b in self.blocks])),
            ("modes", few(self.modes) if self.modes else ""),
            ("amplitudes", f"{self.n_amplitudes:,} in all"),
            ("runs", f"{self.runs:,} behind them" if self.runs > 1 else ""),
        )
        return lines + more("[k] is one of them alone; cj.simulate(model, final, times, n_traj=...) goes on")

    def dealt(self, index: int) -> FinalState:
        """The state that trajectory ``index`` goes on from."""
        return self.states[index % len(self.states)]

    def drawn(self, generator: np.random.Generator) -> FinalState:
        """One of the states, by its weight; takes one random number."""
        assert self.weights is not None
        place = np.searchsorted(np.cumsum(self.weights), generator.random(), side="right")
        return self.states[min(int(place), len(self.states) - 1)]


def flat(states: Sequence[FinalState]) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Final states as plain data, as a file holds them: what JSON knows, and an array (n, 2) of all amplitudes."""
    frames: list[NDArray[np.complex128]] = []
    places: dict[bytes, int] = {}
    listed = []
    for state in states:
        own = []
        for f in state.factors:
            for frame in f.frames:
                if places.setdefault(frame.tobytes(), len(frames)) == len(frames):
                    frames.append(frame)
            numbers = [places[frame.tobytes()] for frame in f.frames]
            own.append([f.blocks, f.modes, f.labels, f.window, numbers, [[b.real, b.imag] for b in f.displacements]])
        listed.append(own)
    flats = [f.amplitudes.ravel() for state in states for f in state.factors]
    amplitudes = np.concatenate([np.zeros(0, dtype=complex), *flats])
    written = [np.ascontiguousarray(frame).ravel().view(float).tolist() for frame in frames]
    return {"frames": written, "states": listed}, amplitudes.view(float).reshape(-1, 2)


def _label(written: Any) -> Label:
    return tuple(map(int, written)) if isinstance(written, list | tuple) else int(written)


def from_flat(facts: Any, amplitudes: NDArray[np.float64]) -> tuple[FinalState, ...]:
    """Undo :func:`flat`; ValueError, TypeError, KeyError or IndexError if it is something else."""
    frames = []
    for written in facts["frames"]:
        frame = np.array(written, dtype=float).view(complex)
        frames.append(frame.reshape(int(np.sqrt(len(frame))), -1))
    numbers = np.ascontiguousarray(amplitudes, dtype=float)
    if numbers.ndim != 2 or numbers.shape[1] != 2:
        raise ValueError(f"amplitudes of final states have the shape {numbers.shape}")
    kets, at, states = numbers.view(complex)[:, 0], 0, []
    for own in facts["states"]:
        factors = []
        for blocks, modes, labels, window, frame_numbers, displacements in own:
            shape = [int(hi) - int(lo) for lo, hi in window]
            size = int(np.prod(shape, dtype=object))
            if min(shape, default=1) < 1 or size > len(kets) - at:
                raise ValueError("amplitudes of final states are missing")
            factors.append(
                FinalFactor(
                    tuple(map(int, blocks)),
                    tuple(map(int, modes)),
                    tuple(map(_label, labels)),
                    tuple((int(lo), int(hi)) for lo, hi in window),
                    tuple(frames[n] for n in frame_numbers),
                    tuple(complex(re, im) for re, im in displacements),
                    kets[at : at + size].reshape(shape).copy(),
                )
            )
            at += size
        states.append(FinalState(tuple(factors)))
    if at != len(kets):
        raise ValueError("there are more amplitudes of final states than they have")
    return tuple(states)
