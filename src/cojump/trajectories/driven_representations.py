"""How states are written down where terms change in time: H_eff has a part for each envelope."""

from __future__ import annotations

from dataclasses import replace
from math import comb, prod

import numpy as np

from ..basis.sectors import largest_sector
from ..model import Block, LocalJump, Model
from ..model.driven import driven_parts
from ..model.product_states import tilted
from ..model.symmetric_states import occupation
from ..model.systems import free_flips, lambda_pump
from .driven_engine import DrivenEngine
from .driven_lattice_engine import DrivenLatticeEngine
from .driven_list_engine import DrivenListEngine
from .driven_pattern_engine import DrivenPatternEngine
from .kernels.common import MAX_ORDER
from .pattern_engine import most_cells, most_rows
from .product_engine import ProductEngine
from .representation import Lattice, PatternRows, Polynomials, Product, Sparse, are_bands, compile_polynomials


class Driven(Product):
    """Whatever else changes in time, step by step in Python: the parts of H_eff that have one envelope each."""

    kernels = "driven"

    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""
        return model.is_driven

    def method(self, model: Model) -> str:
        """What is done, in words."""
        return super().method(model) + ", terms that change in time"

    def nbytes(self, model: Model) -> int:
        """Memory of the engine: the tables of the whole model, those of its parts, and the rows of a step."""
        return int(min(2 * super().nbytes(model) + 16 * self.amplitudes(model) * (2 * MAX_ORDER + 8), 1e300))

    def compile(self) -> None:
        """Compile the kernels of several blocks, and what steps call of them one by one."""
        Product().compile()
        super().compile()

    def _call(self) -> None:
        two, three = free_flips(2, 1.0, 1.0, 1.0), lambda_pump(2, 1.0, 1.0, 1.0)
        starts = tilted(two, 1.0, 0.0), occupation(three, {"particles": [2, 0, 0]})
        for model, start in zip((two, three), starts, strict=True):
            driven = replace(model, hamiltonian=[replace(h, envelope=np.cos) for h in model.hamiltonian])
            ProductEngine(driven, start, np.array([0.0, 0.1]), 1e-9).run(0, 0)


class DrivenBands(Polynomials):
    """One block of two levels whose terms change in time: the bands of the parts that have one envelope each."""

    words = "bands of each envelope, windowed"
    kernels = "driven bands"
    runs = DrivenEngine

    def holds(self, model: Model) -> bool:
        """Whether it can run this part: as bands, whether or not arguments share an axis."""
        if not model.is_driven or model.modes or len(model.blocks) != 1 or model.blocks[0].levels != 2:
            return False
        return are_bands(model)

    def method(self, model: Model) -> str:
        """What is done, in words."""
        return super().method(model) + ", terms that change in time"

    def nbytes(self, model: Model) -> int:
        """Memory of the engine: room for a state and what each part makes of it, and tables of all parts."""
        parts = len(driven_parts(model))
        return self._nbytes(model, parts) + 16 * (parts + 1) * (model.size + 64)

    def _call(self) -> None:
        compile_polynomials()
        model = free_flips(2, 1.0, 1.0, 1.0)
        driven = replace(model, hamiltonian=[replace(h, envelope=np.cos) for h in model.hamiltonian])
        DrivenEngine(driven, tilted(model, 1.0, 0.0), np.array([0.0, 0.1]), 1e-9).run(0, 0)


class DrivenLattice(Lattice):
    """Such blocks where terms change in time: H_eff of the parts that have one envelope each, in one box."""

    kernels = "driven lattice"
    runs = DrivenLatticeEngine

    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""
        return model.is_driven and not model.modes and super().holds(model)

    def method(self, model: Model) -> str:
        """What is done, in words."""
        return super().method(model) + ", terms that change in time"

    def nbytes(self, model: Model) -> int:
        """Memory of the engine: tables and elements of every part, and what it makes of each row, beside the series."""
        return int(min(float(super().nbytes(model)) * (len(driven_parts(model)) + 1), 1e300))

    def _call(self) -> None:
        jump = LocalJump(np.diag([1.0], 1), "a", envelope=np.cos)
        model = Model([Block("a", 1), Block("b", 1)], [], [jump])
        DrivenLatticeEngine(model, tilted(model, 1.0, 0.0), np.array([0.0, 0.1]), 1e-9).run(0, 0)


class DrivenPatterns(PatternRows):
    """Such a block of three levels or more where terms change in time: rows of patterns for each part of H_eff."""

    kernels = "driven patterns"
    runs = DrivenPatternEngine
    many = 150

    def can_hold(self, model: Model) -> bool:
        """Whether it can run this part: as where nothing changes."""
        return model.is_driven and self._are_rows(model)

    def method(self, model: Model) -> str:
        """What is done, in words."""
        return super().method(model) + ", terms that change in time"

    def nbytes(self, model: Model) -> int:
        """Memory of the engine: a diagonal and a sum of rows for each part, beside the tables of the whole."""
        (block,) = model.blocks
        states = comb(block.size + block.levels - 1, block.levels - 1)
        each = 2 * float(most_cells(block)) + 2 * states + 2 * float(most_rows(block))
        return int(min(super().nbytes(model) + 8 * (len(driven_parts(model)) + 1) * each, 1e300))

    def _call(self) -> None:
        model = lambda_pump(2, 1.0, 1.0, 1.0)
        driven = replace(model, hamiltonian=[replace(h, envelope=np.cos) for h in model.hamiltonian])
        start = occupation(model, {"particles": [0, 2, 0]})  # from where it jumps
        DrivenPatternEngine(driven, start, np.array([0.0, 1.0]), 1e-9).run(0, 0)


class DrivenList(Sparse):
    """Sectors whose H_eff and jumps are sparse matrices, where terms change in time: rows of the parts of H_eff."""

    kernels = "driven list"
    runs = DrivenListEngine

    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""
        return model.is_driven and not model.modes and super().holds(model)

    def method(self, model: Model) -> str:
        """What is done, in words."""
        return super().method(model) + ", terms that change in time"

    def nbytes(self, model: Model) -> int:
        """Memory of the engine: the rows of all parts beside those of the whole."""
        parts, dims = len(driven_parts(model)), prod(float(largest_sector(b)) for b in model.blocks)
        return int(min(super().nbytes(model) + 8 * parts * (4 * dims + self._sector(model)), 1e300))

    def _call(self) -> None:
        model = lambda_pump(2, 1.0, 1.0, 1.0)
        driven = replace(model, hamiltonian=[replace(h, envelope=np.cos) for h in model.hamiltonian])
        start = occupation(model, {"particles": [0, 2, 0]})  # from where it jumps
        DrivenListEngine(driven, start, np.array([0.0, 1.0]), 1e-9).run(0, 0)
        compile_polynomials()
