"""How states are written down that stay real where each particle up has a phase -i."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..model import Block, LocalJump, Model
from ..model.product_states import tilted
from ..model.states import State
from .lattice_engine import LatticeEngine
from .real_models import keeps_real, starts_real
from .representation import Lattice, Representation


class RealLattice(Lattice):
    """The box of a :class:`Lattice` without imaginary parts, for models that keep states real, and starts that are."""

    kernels = "real lattice"
    otherwise = Lattice()
    """Where a start is not real."""

    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""
        return super().holds(model) and keeps_real(model)

    def method(self, model: Model) -> str:
        """What is done, in words."""
        return super().method(model) + ", real where the start is"

    def starting(self, model: Model, state: State | None) -> Sequence[Representation]:
        """Those whose kernels are needed: of other starts the amplitudes are complex."""
        if state is None:
            return self, self.otherwise
        return (self,) if starts_real(model, state) else (self.otherwise,)

    def _call(self) -> None:
        model = Model([Block("a", 1), Block("b", 1)], [], [LocalJump(np.diag([1.0], 1), "a")])
        LatticeEngine(model, tilted(model, 1.0, -np.pi / 2), np.array([0.0, 0.1]), 1e-9).run(0, 0)
