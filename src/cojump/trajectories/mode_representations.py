"""How states of particles beside boson modes are written down, beside those of particles alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..model import Model
from ..model.driven import driven_parts
from ..model.product_states import tilted
from ..model.systems import dicke
from ..tools.matrices import is_diagonal
from .axes import seen
from .driven_mode_engine import DrivenModeEngine
from .driven_representations import Driven
from .frames import block_frame, shares_frame
from .kernels.common import MAX_ORDER
from .potentials import potentials_of
from .product_channels import channels_of
from .product_engine import ProductEngine
from .product_sectors import is_product_of_diagonals
from .representation import FOCK_STATES, MOST_BYTES_OF_ROWS, Product, Representation
from .spin_mode_engine import SpinModeEngine, bytes_of_columns, holds_collective

MOST_MODES = 2
"""Modes that columns of Fock states are made for: of three, most of the room for what may come would stay empty."""


class Modes(Product):
    """Sectors of blocks beside boson modes, each in few Fock states of a frame that follows it."""

    kernels = "modes"

    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""
        return bool(model.modes)

    def method(self, model: Model) -> str:
        """What is done, in words."""
        return super().method(model) + ", boson modes in displaced Fock spaces"

    def amplitudes(self, model: Model) -> int:
        """Amplitudes of the largest sector of the blocks, times the Fock states of modes with few fluctuations."""
        return super().amplitudes(model) * FOCK_STATES ** len(model.modes)

    def nbytes(self, model: Model) -> int:
        """Memory of the engine, with these Fock states."""
        return super().nbytes(model) * FOCK_STATES ** len(model.modes)

    def compile(self) -> None:
        """Compile the kernels of several blocks, and those of rows of Fock states."""
        Product().compile()
        super().compile()

    def _call(self) -> None:
        model = dicke(2, 1.0, 1.0, 1.0, 1.0, 1.0)
        ProductEngine(model, tilted(model, 1.0, 0.0), np.array([0.0, 1.0]), 1e-9).run(0, 0)


class DrivenModes(Modes):
    """Such sectors and modes where terms change in time: rows of the parts of H_eff that have one envelope each."""

    kernels = "driven modes"

    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""
        return super().holds(model) and model.is_driven

    def method(self, model: Model) -> str:
        """What is done, in words."""
        return super().method(model) + ", terms that change in time"

    def nbytes(self, model: Model) -> int:
        """Memory of the engine: the tables of the whole model, those of its parts, and the rows of a step."""
        return int(min(2 * super().nbytes(model) + 16 * self.amplitudes(model) * (2 * MAX_ORDER + 8), 1e300))

    def compile(self) -> None:
        """Compile what the same needs where nothing changes, and steps one by one where rates are dense matrices."""
        Driven().compile()
        super().compile()

    def _call(self) -> None:
        super()._call()
        model = dicke(2, 1.0, 1.0, 1.0, 1.0, 1.0)
        driven = replace(model, hamiltonian=[replace(h, envelope=np.cos) for h in model.hamiltonian])
        ProductEngine(driven, tilted(model, 1.0, 0.0), np.array([0.0, 1.0]), 1e-9).run(0, 0)


class SpinMode(Modes):
    """Blocks of two levels beside modes: columns of Fock states, in a compiled loop."""

    words = "columns of Fock states that are occupied"
    kernels = "spin mode"
    runs = SpinModeEngine

    def holds(self, model: Model) -> bool:
        """Whether it can run this part: j†j, L†L and interactions are diagonal, and no quanta come with jumps."""
        return not model.is_driven and self._has_form(model)

    def _has_form(self, model: Model) -> bool:
        blocks = range(len(model.blocks))
        if not 0 < len(model.modes) <= MOST_MODES or any(block.levels != 2 for block in model.blocks):
            return False
        if model.mode_jumps or not all(shares_frame(model, b) for b in blocks):
            return False
        if not all(table.is_table for table in potentials_of(model).tables):
            return False
        frames = {model.blocks[b].name: block_frame(model, b) for b in blocks}
        products = [
            [seen(frames[name], matrix) for name, matrix in zip(two.blocks, (two.A, two.B), strict=True)]
            for two in model.two_body
        ]
        moves = [channel.matrix for channel in channels_of(model).of_jumps if channel is not None]
        return (
            all(is_product_of_diagonals(*pair) for pair in products)
            and all(is_diagonal(matrix.conj().T @ matrix) for matrix in moves)
            and all(holds_collective(jump, frames) for jump in model.collective_jumps.values())
            and self.nbytes(model) <= MOST_BYTES_OF_ROWS
        )

    def nbytes(self, model: Model) -> int:
        """Memory of the engine, if a state ever has amplitudes for all M."""
        return bytes_of_columns(list(model.sizes.values()), len(model.modes), len(model.jumps))

    def compile(self) -> None:
        """Compile the kernels of columns alone."""
        Representation.compile(self)

    def _call(self) -> None:
        model = dicke(2, 1.0, 1.0, 1.0, 1.0, 1.0)
        SpinModeEngine(model, tilted(model, 1.0, 0.0), np.array([0.0, 0.1]), 1e-9).run(0, 0)


class DrivenSpinMode(SpinMode):
    """Such blocks and mode where terms change in time: columns of the parts of H_eff that have one envelope each."""

    kernels = "driven spin mode"
    runs = DrivenModeEngine

    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""
        return model.is_driven and self._has_form(model)

    def method(self, model: Model) -> str:
        """What is done, in words."""
        return super().method(model) + ", terms that change in time"

    def nbytes(self, model: Model) -> int:
        """Memory of the engine: the elements of each part beside those of the whole, and a sum of rows."""
        parts, sizes = len(driven_parts(model)), list(model.sizes.values())
        return bytes_of_columns(sizes, len(model.modes), len(model.jumps) + parts, sums=1) + 8 * 18 * parts * (
            sizes[-1] + 64
        )

    def _call(self) -> None:
        model = dicke(2, 1.0, 1.0, 1.0, 1.0, 1.0)
        driven = replace(model, hamiltonian=[replace(h, envelope=np.cos) for h in model.hamiltonian])
        DrivenModeEngine(driven, tilted(model, 1.0, 0.0), np.array([0.0, 0.1]), 1e-9).run(0, 0)
