"""Loops that are one compiled kernel, which goes through several trajectories in one call, one after another.

Around a trajectory Python would take as long as several of its jumps: nothing of what it does between two of them is
close to the processor any more.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..model import Model
from ..model.final_states import PartStart
from ..tools.types import Array
from .kernel_cache import bound
from .kernels.common import FINISHED, NO_CONVERGENCE, NOT_FINITE, STIFF, TO_BEGIN
from .kernels.generators import by_addresses
from .long_step import Patience
from .loop import Gone, Loop, MeasuredState, Wanted
from .pure_state import Watch
from .random_streams import Stream
from .unravelling import Counting, leap

Key = tuple[int, int, int]
"""Seed, index, and part: what the random numbers of a trajectory are a function of."""

_AHEAD = 2**20
"""Bytes of states that are drawn before it is their turn, at most, but for the last one."""


class Written(NamedTuple):
    """What trajectory k of several has written, with their number in front of the axes of what all have written."""

    together: Any
    k: int

    @property
    def alone(self) -> Any:
        """The arrays of this one."""
        times, *written, snapshot = self.together
        return type(self.together)(times, *(array[self.k] for array in written), snapshot)


class InOneCall:
    """Some trajectories, of which the first ones may have ended and the next one may be on its way.

    Parameters
    ----------
    keys : sequence of Key
    began : sequence
        The sectors that they begin in, as the representation names them.
    stands : (K,) array
        Where each trajectory stands, with what PROGRESS has and ``pending``.
    numbers, starts, gathered
        As the kernel takes them.

    Attributes
    ----------
    places : dict
        Of each key.
    turn : (1,) array
        How many have ended, as the kernel says.
    ended : int
        The same.
    said : int or None
        What the kernel has said of the one that is on its way, if nothing has been done about it.
    """

    def __init__(
        self,
        keys: Sequence[Key],
        began: Sequence[Any],
        stands: NDArray[Any],
        numbers: Any,
        starts: Any,
        gathered: Any,
    ) -> None:
        self.places = {key: k for k, key in enumerate(keys)}
        self.began, self.stands = began, stands
        self.numbers, self.starts, self.gathered = numbers, starts, gathered
        self.turn: NDArray[np.int64] = np.zeros(1, dtype=np.int64)
        self.ended = 0
        self.said: int | None = None

    def __len__(self) -> int:
        return len(self.began)

    def has(self, key: Key, from_the_start: bool) -> bool:
        """Whether a trajectory has ended, or is the next one; ``from_the_start``: which has not begun."""
        k = self.places.get(key)
        if k is None or k > self.ended:
            return False
        return not from_the_start or bool(k == self.ended and self.stands["pending"][k] == TO_BEGIN)


class CompiledLoop(Loop):
    """A loop whose photon counting is one compiled kernel.

    Attributes
    ----------
    kernel
        It is called with what :meth:`_arguments` gives.
    """

    kernel: Callable[..., int]
    _ahead: InOneCall | None = None

    def __init__(self, model: Model, state: MeasuredState, times: Array, snapshots: Sequence[int] = ()) -> None:
        super().__init__(model, state, times, snapshots)
        self._streams: list[Stream] = []
        self._numbers = by_addresses([])
        self._bound: dict[bool, Callable[..., int]] = {}
        """The kernel for states that stay real, and for any, which some branches and mixtures have in turn."""

    def counted(self, wanted: Wanted) -> Gone:
        """The trajectory by photon counting, in the compiled kernel."""
        key = (wanted.seed, wanted.trajectory, wanted.part)
        run, self._ahead = self._ahead, None  # nobody goes on where this one breaks off
        if run is None or not run.has(key, wanted.record or wanted.watch is not None):
            self._give_up(run)
            run = self._alone(key)
        k = run.places[key]
        jumps = self._go_on(run, k, wanted) if run.ended == k else []
        if len(run) > 1:
            self._ahead = run
        made = self._record_of(jumps) if wanted.record else None
        return self._gone(Written(run.gathered, k), int(run.stands["n_jumps"][k]), made, run.began[k])

    def stepwise(self, wanted: Wanted) -> Gone:
        """The trajectory step by step in Python, in any unravelling."""
        self._foresee_none()  # its state may be where the kernel has that of the one that is on its way
        return super().stepwise(wanted)

    def _go_on(self, run: InOneCall, k: int, wanted: Wanted) -> list[Any]:
        """Go through trajectory k, and those behind it as long as nobody has to be asked; the record of its jumps."""
        seed, index, _, record, poll, watch = wanted
        buffer = self._buffer if record else self._no_record
        stop = k + 1 if record or watch is not None else len(run)
        jumps: list[Any] = []
        patience = Patience()
        while True:
            if run.said is None:
                run.said = self._run_on(run, stop, buffer)
                run.ended = int(run.turn[0])
            status = run.said
            if record:
                jumps += self._drained(buffer, int(run.stands["recorded"][k]))
                run.stands["recorded"][k] = 0
            self._show(run, k, watch)
            if run.ended > k:
                if status == FINISHED:
                    run.said = None
                return jumps
            run.said, now = None, run.stands[k]
            if status in (NO_CONVERGENCE, NOT_FINITE):
                what = "did not converge" if status == NO_CONVERGENCE else "became NaN or zero"
                self._hand_over(now)
                self._clear()
                self._fail(seed, index, float(now.t), what)
            if poll is not None:
                poll()
            if status == STIFF:
                now.taylor_steps = patience.after(self._leap(now))
            else:
                self._make_missing(status, now)

    def _run_on(self, run: InOneCall, stop: int, buffer: Any) -> int:
        """What the kernel says of trajectories up to ``stop``; tables and arrays may have grown since the last time."""
        arguments, kind = self._arguments(run, stop, buffer), self._is_real
        if kind in self._bound:
            return self._bound[kind](*arguments)
        status = self.kernel(*arguments)
        self._bound[kind] = bound(self.kernel, arguments)
        return status

    def _leap(self, now: Any) -> bool:
        """Go on to the next output time or jump in one long step, if that is possible."""
        self._hand_over(now)
        t, soon = float(now.t), float(self.times[now.done])
        made = leap(self.state, float(now.waiting), t, soon - t, float(now.horizon))
        if made is None:
            return False
        time, now.waiting = made
        now.t = soon if time >= soon - t else t + time
        self._take_back(now)
        return True

    def foresee(self, seed: int, indices: Sequence[int], *, part: int = 0) -> None:
        """Let trajectories that come next be gone through in one call, as many as there is memory for their starts."""
        self._foresee_none()
        if not self._can_begin or type(self.unravelling) is not Counting or len(indices) < 2:
            return
        keys, drawn, used = [], [], 0
        for n, index in enumerate(indices):
            if n == len(self._streams):
                self._streams.append(Stream())
            keys.append((seed, index, part))
            drawn.append(self._drawn(self._streams[n].move_to(seed, index, part)))
            used += drawn[-1].nbytes
            if used > _AHEAD:
                break
        if len(self._numbers) < len(self._streams):
            self._numbers = by_addresses([s.generator for s in self._streams])
        self._ahead = self._together(keys, drawn, self._numbers)

    def start_from(self, state: PartStart) -> None:
        """Let trajectories from now on start from another state of the same part."""
        self._foresee_none()
        super().start_from(state)

    def _side_by_side(self, gathered: Sequence[Any]) -> Any:
        first = gathered[0]
        if not isinstance(first, Written):  # step by step
            return super()._side_by_side(gathered)
        (all_of_them, begin), end = first, first.k + len(gathered)
        if [g.k for g in gathered] != [*range(begin, end)] or any(g.together is not all_of_them for g in gathered):
            return super()._side_by_side([g.alone for g in gathered])
        times, *written, snapshot = all_of_them
        if len(gathered) == len(written[0]):
            return all_of_them
        return type(all_of_them)(times, *[array[begin:end] for array in written], snapshot)

    def _foresee_none(self) -> None:
        self._give_up(self._ahead)
        self._ahead = None

    def _give_up(self, run: InOneCall | None) -> None:
        """Leave what nobody has asked for: a trajectory may have failed there."""
        if run is not None and run.said in (NO_CONVERGENCE, NOT_FINITE):
            self._clear()

    def _clear(self) -> None:
        """Let no NaN of a trajectory that has failed be where later ones read."""
        return

    def _make_missing(self, status: int, now: Any) -> None:
        """Make what the kernel has found missing, if it says so."""
        return

    # What all trajectories share is made with the first one: it takes longer than to write it anew.

    @cached_property
    def _own_numbers(self) -> Any:
        return by_addresses([self._stream.generator])

    @cached_property
    def _buffer(self) -> Any:
        return self._empty_record(True)

    @cached_property
    def _no_record(self) -> Any:
        return self._empty_record(False)

    @property
    def _is_real(self) -> bool:
        """Whether states stay real but for known phases, as all those do that come of one start."""
        return False

    @property
    def _can_begin(self) -> bool:
        """Whether the kernel takes up the states that trajectories begin with."""
        return True

    @abstractmethod
    def _arguments(self, run: InOneCall, stop: int, buffer: Any) -> Sequence[Any]:
        """What the kernel is called with to go on up to ``stop`` trajectories."""

    @abstractmethod
    def _drawn(self, generator: np.random.Generator) -> Any:
        """The state that a trajectory begins with; it has ``nbytes``."""

    @abstractmethod
    def _together(self, keys: Sequence[Key], drawn: Sequence[Any], numbers: Any) -> InOneCall:
        """Trajectories that begin in the kernel, with these states."""

    @abstractmethod
    def _alone(self, key: Key) -> InOneCall:
        """One trajectory, which has begun in Python: not every kernel takes the first state up."""

    @abstractmethod
    def _empty_record(self, kept: bool) -> Any:
        """Room for the jumps up to a pause, or none."""

    @abstractmethod
    def _drained(self, buffer: Any, n: int) -> list[Any]:
        """The n jumps that the kernel has recorded, for :meth:`_record_of`."""

    @abstractmethod
    def _record_of(self, jumps: list[Any]) -> NDArray[np.void]:
        """The record of the jumps of a trajectory."""

    @abstractmethod
    def _show(self, run: InOneCall, k: int, watch: Watch | None) -> None:
        """Show states of trajectory k at output times, as far as there are."""

    @abstractmethod
    def _hand_over(self, now: Any) -> None:
        """Let ``state`` be the one that a step begins with."""

    @abstractmethod
    def _take_back(self, now: Any) -> None:
        """Let the kernel go on from ``state``."""
