"""How states are written down that stay real where each particle up has a phase -i."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from ..model import Block, LocalJump, Model
from ..model.product_states import tilted
from ..model.states import State
from ..model.systems import free_flips
from .lattice_engine import LatticeEngine
from .real_models import keeps_real, keeps_real_alone, starts_real
from .representation import Banded, Lattice, Representation
from .spin_engine import Engine


class _Real(Representation):
    """One without imaginary parts, for models that keep states real, where a start is.

    Attributes
    ----------
    otherwise : Representation
        Where a start is not real.
    keeps : callable
        Whether a model that this one holds keeps states real.
    """

    otherwise: ClassVar[Representation]
    keeps: ClassVar[Callable[[Model], bool]]

    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""
        return self.otherwise.holds(model) and type(self).keeps(model)

    def starting(self, model: Model, state: State | None) -> Sequence[Representation]:
        """Those whose kernels are needed: of other starts the amplitudes are complex."""
        if state is None:
            return self, self.otherwise
        return (self,) if starts_real(model, state) else (self.otherwise,)


class RealBanded(_Real, Banded):
    """The window of a :class:`Banded` without imaginary parts."""

    kernels = "real banded"
    otherwise, keeps = Banded(), keeps_real_alone

    def _call(self) -> None:
        model = free_flips(2, 1.0, 1.0, 1.0)
        Engine(model, tilted(model, 1.0, -np.pi / 2), np.array([0.0, 0.1]), 1e-9).run(0, 0)


class RealLattice(_Real, Lattice):
    """The box of a :class:`Lattice` without imaginary parts."""

    kernels = "real lattice"
    otherwise, keeps = Lattice(), keeps_real

    def _call(self) -> None:
        model = Model([Block("a", 1), Block("b", 1)], [], [LocalJump(np.diag([1.0], 1), "a")])
        LatticeEngine(model, tilted(model, 1.0, -np.pi / 2), np.array([0.0, 0.1]), 1e-9).run(0, 0)
