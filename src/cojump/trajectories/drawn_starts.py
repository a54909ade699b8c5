"""Trajectories that do not all start alike: each from one of several states, chosen before all else."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from ..model.components import Component
from ..model.final_states import APART, FinalState, FinalStates
from ..model.mixtures import Mixture
from ..model.states import State
from .outcome import Engine, Outcomes, Runner
from .pure_state import Watch
from .random_streams import Stream

_PART = 2**32
"""The stream that draws the state, beyond those of all independent parts: which all start from the same one."""


class ChosenStarts(Runner):
    """An engine whose start is another one for each trajectory.

    Parameters
    ----------
    runner : Runner
    parts, engines : sequences
        The independent parts of the model, and the engine of each.
    """

    _ahead = 0
    """How many streams lie before those of the first part."""

    def __init__(self, runner: Runner, parts: Sequence[Component], engines: Sequence[Engine]) -> None:
        self._runner, self._pairs = runner, list(zip(parts, engines, strict=True))
        self._last: State | FinalState | None = None

    @abstractmethod
    def chosen(self, seed: int, index: int, part: int) -> State | FinalState:
        """The state that trajectory ``index`` starts from."""

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
        """Go through trajectory ``index`` of the ensemble with ``seed``."""
        state = self.chosen(seed, index, part)
        if state is not self._last:
            for component, engine in self._pairs:
                engine.start_from(component.state(state))
            self._last = state
        return self._runner.go(seed, index, part=part + self._ahead, record=record, poll=poll, watch=watch)

    def outcomes(self, left: Sequence[Any]) -> Outcomes:
        """Read what trajectories have left."""
        return self._runner.outcomes(left)


class DrawnStarts(ChosenStarts):
    """From a mixture each trajectory draws its own state by the weights."""

    def __init__(self, mixture: Mixture, runner: Runner, parts: Sequence[Component], engines: Sequence[Engine]) -> None:
        super().__init__(runner, parts, engines)
        self._mixture, self._stream = mixture, Stream()

    def chosen(self, seed: int, index: int, part: int) -> State:
        """By one random number of the trajectory."""
        return self._mixture.drawn(self._stream.move_to(seed, index, _PART + part))


class DealtStarts(ChosenStarts):
    """Trajectories that go on where those of another run have stopped, one after another, again and again; or by the
    weights of the states of a density matrix.

    The random numbers are those of streams that no run before has used: one with the same seed had those of the
    trajectory in its past.
    """

    def __init__(
        self, final: FinalStates, runner: Runner, parts: Sequence[Component], engines: Sequence[Engine]
    ) -> None:
        super().__init__(runner, parts, engines)
        self._final, self._ahead, self._stream = final, final.runs * APART, Stream()

    def chosen(self, seed: int, index: int, part: int) -> FinalState:
        """Trajectory i has the state i mod K, or one that it draws."""
        if self._final.weights is None:
            return self._final.dealt(index)
        return self._final.drawn(self._stream.move_to(seed, index, _PART + part + self._ahead))


class ContinuedStarts(ChosenStarts):
    """Trajectories that go on from pure states with which they are fed, in one generation after another.

    Those of generation g have random numbers of their own, as if g runs were behind them.
    """

    def __init__(self, runner: Runner, parts: Sequence[Component], engines: Sequence[Engine]) -> None:
        super().__init__(runner, parts, engines)
        self._states: Sequence[FinalState] = ()

    def feed(self, states: Sequence[FinalState], generation: int) -> None:
        """Trajectory i of this generation goes on from states[i]."""
        self._states, self._ahead, self._last = states, generation * APART, None

    def chosen(self, seed: int, index: int, part: int) -> FinalState:
        """The state that it was fed with."""
        return self._states[index]
