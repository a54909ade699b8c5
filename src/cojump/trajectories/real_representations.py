"""How states are written down that stay real where each particle up has a phase -i."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..model import Block, LocalJump, Model
from ..model.product_states import tilted
from ..model.states import State
from ..model.systems import free_flips
from .lattice_engine import LatticeEngine
from .real_models import keeps_real, keeps_real_alone, starts_real
from .representation import Banded, Lattice, Representation
from .spin_engine import Engine


class RealBanded(Banded):
    """The window of a :class:`Banded` without imaginary parts: models that keep states real, and starts that are."""

    kernels = "real banded"
    otherwise = Banded()
    """Where a start is not real."""

    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""
        return super().holds(model) and keeps_real_alone(model)

    def starting(self, model: Model, state: State | None) -> Sequence[Representation]:
        """Those whose kernels are needed: of other starts the amplitudes are complex."""
        return _starting(self, model, state)

    def _call(self) -> None:
        model = free_flips(2, 1.0, 1.0, 1.0)
        Engine(model, tilted(model, 1.0, -np.pi / 2), np.array([0.0, 0.1]), 1e-9).run(0, 0)


class RealLattice(Lattice):
    """The box of a :class:`Lattice` without imaginary parts: models that keep states real, and starts that are."""

    kernels = "real lattice"
    otherwise = Lattice()
    """Where a start is not real."""

    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""
        return super().holds(model) and keeps_real(model)

    def starting(self, model: Model, state: State | None) -> Sequence[Representation]:
        """Those whose kernels are needed: of other starts the amplitudes are complex."""
        return _starting(self, model, state)

    def _call(self) -> None:
        model = Model([Block("a", 1), Block("b", 1)], [], [LocalJump(np.diag([1.0], 1), "a")])
        LatticeEngine(model, tilted(model, 1.0, -np.pi / 2), np.array([0.0, 0.1]), 1e-9).run(0, 0)


def _starting(own: RealBanded | RealLattice, model: Model, state: State | None) -> Sequence[Representation]:
    if state is None:
        return own, own.otherwise
    return (own,) if starts_real(model, state) else (own.otherwise,)
