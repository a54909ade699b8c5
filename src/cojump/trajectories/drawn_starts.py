"""Trajectories that start from a mixture: each from one of its states, drawn before all else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..model.components import Component
from ..model.mixtures import Mixture
from .outcome import Engine, Outcome, Runner
from .pure_state import Watch
from .random_streams import Stream

_PART = 2**32
"""The stream that draws the state, beyond those of all independent parts: which all start from the same one."""


class DrawnStarts:
    """An engine whose start is another one for each trajectory."""

    def __init__(self, mixture: Mixture, runner: Runner, parts: Sequence[Component], engines: Sequence[Engine]) -> None:
        self._mixture, self._runner, self._stream = mixture, runner, Stream()
        self._pairs = list(zip(parts, engines, strict=True))
        self._last = mixture.states[0]

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
        """Trajectory ``index`` of the ensemble with ``seed``."""
        state = self._mixture.drawn(self._stream.move_to(seed, index, _PART + part))
        if state is not self._last:
            for component, engine in self._pairs:
                engine.start_from(component.state(state))
            self._last = state
        return self._runner.run(seed, index, part=part, record=record, poll=poll, watch=watch)
