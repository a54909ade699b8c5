"""What one trajectory gives back, in the frame of the user."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..model.final_states import PartStart
from ..model.records import Record
from ..model.unravellings import Diffusive, Unravelling
from ..tools.labelled import Labelled, last_averages
from ..tools.summaries import counted, facts, few, more, span
from ..tools.types import Array
from .observed_state import ObservedState
from .pure_state import Watch


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory(Labelled):
    """One trajectory.

    Attributes
    ----------
    times : (T,) array
    labels : tuple of A strings "block.x"
    mean : (T, A) array
        <m_a> in the pure state of the trajectory.
    sectors : (T,) or, for several blocks, (T, B) array
        Total spin J at the output times. If a block has more than two levels: the rows of the Young diagram of every
        block, (T, D) or (T, B, D) integers with D the largest number of levels, zeros behind a block's own rows, and
        (N/2 + J, N/2 - J) for two levels.
    jumps : structured array
        ``time``; ``channel``, the position in ``model.jumps``; ``sector``, the same as ``sectors`` after the jump.
    records : (T, C) array
        What the record Y of each current has gained from the output time before (or t = 0) to this one, where jumps are
        detected so (``cojump.unravelling``): ∫dY, in units of the root of time.
    record_labels : tuple of C strings
        The names of these jumps, with .x and .y for the two quadratures of heterodyne detection.
    jump_names : tuple of L strings
        Names of all jumps of the model, or their places where they have none.
    states : tuple of T ObservedState
        The state at each output time, see :mod:`cojump.trajectories.observed_state`; none unless it was asked for.
    unravelling : mapping of str to Unravelling
        How each jump with a name was detected.
    """

    times: NDArray[np.float64]
    labels: tuple[str, ...]
    mean: NDArray[np.float64]
    sectors: NDArray[np.float64]
    jumps: NDArray[np.void]
    records: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    record_labels: tuple[str, ...] = ()
    jump_names: tuple[str, ...] = ()
    states: tuple[ObservedState, ...] = ()
    unravelling: Mapping[str, Unravelling] = field(default_factory=dict)

    @property
    def record(self) -> Record:
        """What the detectors have shown, by the name of the jump, as :func:`cojump.conditional` takes it.

        Of a current the records, of a jump that is counted the times of its clicks; jumps without a name are left out.
        So is the loss of a mode for which no way was chosen: its jumps, from a reference that moves, are no photons.
        """
        shown: dict[str, NDArray[np.float64]] = {}
        for name, way in self.unravelling.items():
            if isinstance(way, Diffusive):
                columns = [self.records[:, self.record_labels.index(label)] for label in way.labels(name)]
                shown[name] = np.stack(columns, axis=-1) if len(columns) > 1 else columns[0]
            else:
                shown[name] = self.jumps["time"][self.jumps["channel"] == self.jump_names.index(name)]
        return Record(self.times, self.unravelling, shown)

    def _title(self) -> str:
        return f"Trajectory of {counted(len(self.jumps), 'jump')}: {span(self.times)}"

    def _lines(self) -> list[str]:
        jumps = self.jumps
        channels, numbers = np.unique(jumps["channel"], return_counts=True)
        names = dict(enumerate(self.jump_names))
        by_channel = few([f"{n:,} of {_called(names.get(c), c)}" for c, n in zip(channels, numbers, strict=True)])
        lines = facts(
            ("averages", few(self.labels)),
            ("jumps", by_channel),
            ("last jump", f"t = {jumps['time'][-1]:g}" if len(jumps) else ""),
        )
        if len(self.times):
            lines += last_averages(self, f"at t = {self.times[-1]:g}")
        return lines + more(f'["{self.labels[0]}"].mean, .mean, .sectors, .jumps; cj.longtime')


def _called(name: str | None, place: int) -> str:
    return f"channel {place}" if name is None or name == str(place) else name


class Runner(ABC):
    """What runs trajectories.

    A trajectory is gone through and read apart: what several of them have left is read at once, which takes hardly
    longer than one.
    """

    @abstractmethod
    def go(
        self,
        seed: int,
        index: int,
        *,
        part: int = 0,
        record: bool = False,
        poll: Callable[[], None] | None = None,
        watch: Watch | None = None,
    ) -> Any:
        """Go through trajectory ``index`` of the ensemble with ``seed``: what it leaves, for :meth:`outcomes`.

        Calls ``poll`` several times a second. ``watch`` is given the states at the snapshots that the runner was made
        for, in their order.

        Raises
        ------
        ConvergenceError
            If a step or a jump time cannot be brought within the tolerance.
        """

    def foresee(self, seed: int, indices: Sequence[int], *, part: int = 0) -> None:
        """Say which trajectories :meth:`go` is asked for next: it may go through them together, to the same bits."""
        return

    @abstractmethod
    def outcomes(self, left: Sequence[Any]) -> Outcomes:
        """Read what trajectories have left; each has the same bits whatever others it is read with."""

    def run(
        self,
        seed: int,
        index: int,
        *,
        part: int = 0,
        record: bool = False,
        poll: Callable[[], None] | None = None,
        watch: Watch | None = None,
    ) -> Outcome:
        """One trajectory, gone through as by :meth:`go` and read."""
        return self.outcomes([self.go(seed, index, part=part, record=record, poll=poll, watch=watch)]).of(0)


class Engine(Runner):
    """A runner of one independent part, which can be given another start."""

    @abstractmethod
    def start_from(self, state: PartStart) -> None:
        """Let trajectories from now on start from another state of the part."""


class Outcome(NamedTuple):
    """What one trajectory gives.

    Attributes
    ----------
    mean : (T, A) array
        <m_a> in the trajectory at the output times.
    second : (T, Q) array
        <½{m_a, m_b}> for the pairs a ≤ b, row by row.
    sectors : (T, ...) array
        Sectors at the output times, as :mod:`cojump.basis.reported_sectors` writes them: J where all have two levels.
    counts : (T, L) int array
        Number of jumps of each channel (position in ``model.jumps``) from t = 0 up to the output times.
    n_jumps : int
    jumps : structured array, or None if they were not recorded
        See :func:`cojump.basis.reported_sectors.jump_type`.
    records : (T, C) array
        What the record of each current has gained up to each output time since the one before; C = 0 without any.
    began : array or None
        The sector at t = 0, written as ``sectors`` are, or None if jumps were not recorded.
    """

    mean: Array
    second: Array
    sectors: Array
    counts: NDArray[np.int64]
    n_jumps: int
    jumps: NDArray[np.void] | None
    records: Array
    began: Array | None = None


class Outcomes(NamedTuple):
    """What K trajectories give: arrays have their number in front of the axes of :class:`Outcome`.

    ``n_jumps``, ``jumps`` and ``began`` have an entry for each.
    """

    mean: Array
    second: Array
    sectors: Array
    counts: NDArray[np.int64]
    n_jumps: Sequence[int]
    jumps: Sequence[NDArray[np.void] | None]
    records: Array
    began: Sequence[Array | None]

    def of(self, place: int) -> Outcome:
        """One of them."""
        return Outcome(
            self.mean[place],
            self.second[place],
            self.sectors[place],
            self.counts[place],
            self.n_jumps[place],
            self.jumps[place],
            self.records[place],
            self.began[place],
        )


def stacked(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Arrays of one shape with their number in front; of one a view."""
    return arrays[0][None] if len(arrays) == 1 else np.array(arrays)
