"""How the states of an independent part of a model are written down: what each kind holds, needs and runs on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import comb, factorial, prod
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_array

from ..basis.diagram_sector import MEMORY as DIAGRAMS
from ..basis.sectors import largest_sector, most_sectors
from ..model import Block, LocalJump, Model
from ..model.final_states import PartStart
from ..model.product_states import tilted
from ..model.states import State
from ..model.symmetric_states import occupation
from ..model.systems import boundary_time_crystal, free_flips, lambda_pump
from ..model.unravelled import detections, unravelled
from ..model.unravellings import homodyne
from ..tools.types import Array
from .diffusion_engine import DiffusionEngine
from .frames import shares_frame
from .kernel_cache import compiling
from .kernels.banded_matrix import polynomial, product
from .kernels.common import MAX_ORDER, PAD
from .kernels.fock_rows import mean_of_lowering
from .kernels.lattice import LONG_ROW, LONGER_ROW
from .kernels.program import twice_bands
from .kernels.window import ends_within, weights_of_rows
from .lattice_engine import LatticeEngine
from .lattice_tables import WHOLE
from .no_jump_tables import Bands
from .outcome import Engine as PartEngine
from .pattern_cost import MANY_STATES, is_closed_form, keeps_a_number
from .pattern_engine import PatternEngine, most_cells, most_paths, most_rows
from .polynomial_engine import PolynomialEngine
from .polynomial_tables import MEMORY as POLYNOMIAL_MEMORY
from .potentials import PotentialTable, potentials_of
from .product_averages import MEMORY as AVERAGES
from .product_channels import Channel, CollectiveRate, channels_of
from .product_engine import ProductEngine
from .product_moves import Rows, apply, apply_adjoint, carried_out
from .product_program import Builder
from .product_sectors import MEMORY, memory_of
from .product_state import moves_memory_of
from .sparse_engine import SparseEngine
from .sparse_tables import MEMORY as SPARSE_MEMORY
from .spin_engine import Engine
from .spin_tables import build, is_banded

FOCK_STATES = 48
"""Fock states of a displaced mode: some that are occupied, and room for one step of no-jump evolution."""


MOST_LEVELS_OF_ROWS = 4
"""Levels of a block up to which its patterns go by rows: of more there are many rows, and they are short."""

MOST_BYTES_OF_ROWS = 2**31
"""Of which a state that fills a small part of its sector uses a small part."""


class Representation(ABC):
    """How the states of an independent part of a model are written down, and what runs its trajectories there.

    Attributes
    ----------
    kernels : str
        Name of the kernels that its trajectories need.
    runs : type
        The engine of its trajectories.
    """

    kernels: ClassVar[str]
    runs: ClassVar[type[Any]]

    @abstractmethod
    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""

    @abstractmethod
    def method(self, model: Model) -> str:
        """What is done, in words."""

    def amplitudes(self, model: Model) -> int:
        """Number of amplitudes of the largest sector (an upper bound for more than two levels)."""
        return prod(largest_sector(b) for b in model.blocks)

    @abstractmethod
    def nbytes(self, model: Model) -> int:
        """Memory of an engine in bytes, in closed form: nothing is made for it."""

    @abstractmethod
    def rates(self, model: Model) -> Sequence[Array | None]:
        """Γ of each jump wherever trajectories will need it; None for a jump without Γ.

        Raises
        ------
        ArgumentError
            If a rate returns something that is no rate.
        """

    def engine(
        self, model: Model, state: PartStart, times: Array, tolerance: float, snapshots: Sequence[int]
    ) -> PartEngine:
        """What runs its trajectories."""
        engine: PartEngine = self.runs(model, state, times, tolerance, snapshots)
        return engine

    def energies(self, model: Model) -> list[Array]:
        """N factor φ of each potential wherever trajectories will need it.

        Raises
        ------
        ArgumentError
            If a potential returns something that is no energy.
        """
        return [table.energy for table in potentials_of(model).tables]

    def starting(self, model: Model, state: State | None) -> Sequence[Representation]:
        """Those whose kernels trajectories of a part need from a state, or from any that is not known yet (None)."""
        return (self,)

    def compile(self) -> None:
        """Compile the kernels that its trajectories need, or load them from the cache."""
        with compiling(self.kernels) as needed:
            if needed:
                self._call()

    @abstractmethod
    def _call(self) -> None:
        """Call all kernels that its trajectories need."""


def functions_of(model: Model) -> list[Channel | CollectiveRate | PotentialTable]:
    """The functions of averages of a model, rates and potentials, as the product basis has them."""
    return [*channels_of(model).functions, *potentials_of(model).tables]


class Banded(Representation):
    """One block of two levels whose arguments share an axis: H_eff has at most two bands along M."""

    kernels = "banded"
    runs = Engine

    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""
        return is_banded(model)

    def method(self, model: Model) -> str:
        """What is done, in words."""
        return "banded H_eff, windowed"

    def nbytes(self, model: Model) -> int:
        """Memory of the engine: the Taylor vectors dominate."""
        cells = sum(b.size + 1 + 2 * PAD for b in model.blocks)
        arrays = 2 * (MAX_ORDER + 1) + 4 + 2 + 4 + 4 + 12 + 6 * max(len(model.jumps), 1)
        return 8 * cells * arrays

    def rates(self, model: Model) -> Sequence[Array | None]:
        """Γ of each jump over i; (2, N + 1) with that of the others behind it where the particle is left out."""
        tables = build(model).jumps
        found: list[Array | None] = [None] * len(model.jumps)
        for place, jump in model.local_jumps.items():
            gamma, others = tables.gamma[place], tables.gamma_rest[place]
            found[place] = np.stack([gamma, others]) if jump.leaves_self_out else gamma
        return found

    def _call(self) -> None:
        model = free_flips(2, 1.0, 1.0, 1.0)
        Engine(model, tilted(model, 1.0, 0.0), np.array([0.0, 0.1]), 1e-9).run(0, 0)


class Product(Representation):
    """Tensor product of the sectors of any blocks, with arguments along any axes and any collective jumps."""

    words = "tensor product of sectors"
    kernels = "product"
    runs: ClassVar[type[Any]] = ProductEngine

    def holds(self, model: Model) -> bool:
        """It can run whatever is made of blocks."""
        return True

    def method(self, model: Model) -> str:
        """What is done, in words."""
        method = self.words
        if any(b.levels > 2 for b in model.blocks):
            method += ", Gelfand-Tsetlin bases"
        if not all(shares_frame(model, b) for b in range(len(model.blocks))):
            functions = functions_of(model)
            polynomials = [made.polynomial for made in functions if made.polynomial is not None]
            if polynomials:
                degree, error = max(p.degree for p in polynomials), max(p.error for p in polynomials)
                what = "functions" if model.potentials else "Γ"
                method += f", {what} of non-commuting arguments as polynomials of degree {degree} (error {error:.0e})"
            if any(made.turn for made in functions):
                method += ", dense rotations between the frames of non-commuting arguments"
        if model.collective_jumps:
            method += ", collective jumps"
        return method

    def nbytes(self, model: Model) -> int:
        """Memory of the engine: the largest sector at work, and all that may be kept within the budgets."""
        dims, jumps = [largest_sector(b) for b in model.blocks], max(len(model.jumps), 1)
        amplitudes = prod(float(d) for d in dims)
        jumps += len(model.potentials)  # what one of them needs is no more than what a jump does
        levels = max(b.levels for b in model.blocks)
        work = 8 * amplitudes * (2 * (MAX_ORDER + 1) + 14)
        # registers and tables, and some twelve elements of H on each axis of more than two levels, three otherwise
        sector = 8 * amplitudes * (2 * 7 + (2 + 2 * levels) * jumps)
        sector += amplitudes * sum(24 * (12 if b.levels > 2 else 3) for b in model.blocks)
        # a change of frame: the matrix and its adjoint, for H_eff and for the rate of the channel
        turned = [float(d) ** 2 for b, d in enumerate(dims) if not shares_frame(model, b)]
        if turned and len(dims) == 1 and model.blocks[0].levels == 2:
            # bands of H_eff, of the rates and of Γ where all of them are polynomials
            functions = functions_of(model)
            if not any(made.turn for made in functions):
                turned = []
            sector += sum(100 * (f.polynomial.degree + 1) * dims[0] for f in functions if f.polynomial is not None)
        sector += sum(4 * 24 * jumps * elements for elements in turned)
        sectors = prod(most_sectors(b) for b in model.blocks)
        moves = sum(most_sectors(b) * 12 * d * b.levels**3 for b, d in zip(model.blocks, dims, strict=True))
        kept = min(max(sector, memory_of(model)), sectors * sector) + min(moves_memory_of(model), moves)
        kept += min(AVERAGES, moves)  # tables of what is measured, joined
        # patterns and elements of the sectors of more than two levels, some 25 d³ bytes per state
        patterns = sum(
            most_sectors(b) * 25 * b.levels**3 * d for b, d in zip(model.blocks, dims, strict=True) if b.levels > 2
        )
        kept += min(DIAGRAMS, patterns)
        if turned:
            kept += min(MEMORY, sectors * sum(2 * 24 * jumps * elements for elements in turned)) + 4 * 16 * max(turned)
        return int(min(work + kept, 1e300))

    def rates(self, model: Model) -> Sequence[Array | None]:
        """Γ of each jump on its grid of occupations, see :class:`cojump.trajectories.product_channels.Channel`."""
        return channels_of(model).tables

    def _call(self) -> None:
        model = lambda_pump(2, 1.0, 1.0, 1.0)
        start = occupation(model, {"particles": [2, 0, 0]})
        ProductEngine(model, start, np.array([0.0, 0.1]), 1e-9).run(0, 0)
        # what that trajectory does not call: jumps of particles, complex matrices of collective jumps, and their rates
        for matrix, real in ((np.eye(2), True), (np.eye(2, dtype=complex), False)):
            apply(Rows.of(csr_array(matrix), real=real), (1, 1), np.zeros(2, dtype=complex))
        apply_adjoint(Rows.of(csr_array(np.eye(2)), real=True), (1, 1), np.zeros(2, dtype=complex))
        carried_out(Builder((2,)).build(), np.zeros(2, dtype=complex))
        weights_of_rows(np.zeros(1, dtype=complex), np.empty(1), np.empty(1))
        ends_within(np.zeros(1), 0.0)
        mean_of_lowering(np.zeros(1, dtype=complex), 1, np.empty(0), 1)
        compile_polynomials()
        twice_bands(*Bands.of(csr_array((1, 1))), np.zeros(1, dtype=complex))


def compile_polynomials() -> None:
    """Compile what makes Γ of non-commuting arguments."""
    tridiagonal = np.zeros((2, 3), dtype=complex)
    product(tridiagonal, polynomial(np.ones(2), tridiagonal))


class Diffusing(Product):
    """Sectors of blocks, and boson modes, of which some jumps give a current instead of clicks."""

    kernels = "diffusion"
    runs = DiffusionEngine

    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""
        return bool(detections(model))

    def method(self, model: Model) -> str:
        """What is done, in words."""
        modes = ", boson modes in displaced Fock spaces" if model.modes else ""
        return super().method(model) + modes + ", diffusion along a path of noise"

    def amplitudes(self, model: Model) -> int:
        """Amplitudes of the largest sector of the blocks, times the Fock states of modes with few fluctuations."""
        return super().amplitudes(model) * FOCK_STATES ** len(model.modes)

    def nbytes(self, model: Model) -> int:
        """Memory of the engine: that of a product of sectors, and sparse matrices of some sectors beside."""
        elements = 1.0
        for block in model.blocks:
            elements *= 5 if block.levels == 2 else 3 * block.levels**2
        own = 16 * self.amplitudes(model) * elements * (3 + len(detections(model)))
        return int(min(super().nbytes(model) * FOCK_STATES ** len(model.modes) + own, 1e300))

    def compile(self) -> None:
        """Compile the kernels of several blocks, and those of diffusion."""
        Product().compile()
        super().compile()

    def _call(self) -> None:
        model, times = boundary_time_crystal(2, 1.0, 1.0), np.array([0.0, 0.1])
        watched = unravelled(model, {"decay": homodyne(0.0, 0.5)}, times)
        DiffusionEngine(watched, tilted(model, 1.0, 0.0), times, 1e-9).run(0, 0)


class Sparse(Product):
    """The same wherever H_eff and the jumps are sparse matrices in every sector: the states that are occupied."""

    words = "occupied states of the sectors, sparse matrices"
    kernels = "sparse"
    runs = SparseEngine

    def holds(self, model: Model) -> bool:
        """Whether it can run this part: nothing has to be turned, and the tables of a sector are small."""
        most = SPARSE_MEMORY // (4 if len(model.blocks) == 1 else 32)
        if self._sector(model) > most:
            return False
        if all(shares_frame(model, b) for b in range(len(model.blocks))):
            return True
        return not any(made.turn for made in functions_of(model))

    def keeps_all(self, model: Model) -> bool:
        """Whether tables of all sectors stay in memory, so that each is made once."""
        # in the mean a sector has less than a quarter of the states of the largest one
        return 0.25 * prod(float(most_sectors(b)) for b in model.blocks) * self._sector(model) <= SPARSE_MEMORY

    def _sector(self, model: Model) -> float:
        """Bytes of the tables of the largest sector."""
        dims = [float(largest_sector(b)) for b in model.blocks]
        jumps = max(len(model.jumps) + len(model.potentials), 1)
        # H_eff, the rates and the operators that are measured
        elements = 20.0 + 12 * len(model.observables) + 8 * jumps
        for b, block in enumerate(model.blocks):
            elements += 12 * (3 if block.levels == 2 else 2 * block.levels**2)
            if not shares_frame(model, b):  # bands of polynomials
                elements += 20 * (2 + jumps) * min(dims[b], 64)
        moves = sum(12.0 * d * block.levels**3 for d, block in zip(dims, model.blocks, strict=True))
        return prod(dims) * elements + moves

    def nbytes(self, model: Model) -> int:
        """Memory of the engine: room for a state, and all that may be kept within the budgets."""
        amplitudes = prod(float(largest_sector(b)) for b in model.blocks)
        levels, sector = max(b.levels for b in model.blocks), self._sector(model)
        work = 8 * amplitudes * (2 * (MAX_ORDER + 1) + 24 + 4 * levels) + 3 * sector
        sectors = prod(float(most_sectors(b)) for b in model.blocks)
        patterns = sum(most_sectors(b) * 25.0 * b.levels**3 * largest_sector(b) for b in model.blocks if b.levels > 2)
        # the arrays grow by doubling
        kept = min(2 * max(sector, SPARSE_MEMORY), 2 * sectors * sector) + min(DIAGRAMS, patterns)
        return int(min(work + kept, 1e300))

    def _call(self) -> None:
        model = lambda_pump(2, 1.0, 1.0, 1.0)
        start = occupation(model, {"particles": [0, 2, 0]})  # from where it jumps
        SparseEngine(model, start, np.array([0.0, 1.0]), 1e-9).run(0, 0)
        compile_polynomials()


SPARSE_TABLES = Sparse()


class Polynomials(Product):
    """One block of two levels whose arguments do not commute: H_eff in the bands that polynomials of them have."""

    words = "bands of polynomials, windowed"
    kernels = "polynomials"
    runs = PolynomialEngine

    def holds(self, model: Model) -> bool:
        """Whether it can run this part: all functions are tables or polynomials, and none leaves the particle out."""
        if len(model.blocks) != 1 or model.blocks[0].levels != 2 or shares_frame(model, 0):
            return False
        return are_bands(model)

    def nbytes(self, model: Model) -> int:
        """Memory of the engine: room for a state, and tables of windows within their budget."""
        return self._nbytes(model, 1)

    def _nbytes(self, model: Model, parts: int) -> int:
        """The same where each table has so many H_eff."""
        cells = float(model.size + 1)
        degrees = [made.polynomial.degree for made in functions_of(model) if made.polynomial is not None]
        rows = 2 + 2 * (2 * max(degrees, default=0) + 3) + sum(2 * degree + 1 for degree in degrees)
        work = 8 * (cells + 4 * max(degrees, default=0)) * (2 * (MAX_ORDER + 1) + 14 + 4 * len(model.jumps))
        tables = 16 * parts * rows * most_sectors(model.blocks[0]) * cells
        return int(work + min(2 * POLYNOMIAL_MEMORY, tables))

    def _call(self) -> None:
        compile_polynomials()
        terms = [
            LocalJump(np.eye(2, k=k), "a", amplitude=np.exp, argument={"a": x})
            for k, x in ((-1, np.diag([1.0, -1.0])), (1, np.eye(2)[::-1]))
        ]
        model = Model([Block("a", 40)], [], terms)
        PolynomialEngine(model, tilted(model, 1.0, 0.0), np.array([0.0, 0.1]), 1e-9).run(0, 0)


def are_bands(model: Model) -> bool:
    """Whether H_eff and all Γ of one block are tables or polynomials, and none of these leaves the particle out."""
    if any(jump.has_rate for jump in model.collective_jumps.values()):
        return False
    excluded = any(c is not None and c.polynomial is not None and c.excluded for c in channels_of(model).of_jumps)
    return not excluded and not any(made.turn for made in functions_of(model))


class PatternRows(Product):
    """One block of three levels or more: rows of Gelfand-Tsetlin patterns, whose matrices are closed forms."""

    kernels = "patterns"
    runs = PatternEngine
    many = 0
    """States of the largest sector from which on closed forms are faster than a list, tables included."""

    def holds(self, model: Model) -> bool:
        """Whether it can run this part, and is not slower than lists.

        Of three levels there is less to do along a row than is read from a list, unless operators are not closed forms.
        """
        if not self.can_hold(model):
            return False
        if not (SPARSE_TABLES.holds(model) and SPARSE_TABLES.keeps_all(model)):
            return True
        (block,) = model.blocks
        if block.levels > 3:
            return False
        states = largest_sector(block)
        return states >= self.many if is_closed_form(model) else states >= MANY_STATES and not keeps_a_number(model)

    def can_hold(self, model: Model) -> bool:
        """Whether it can run this part: arguments are diagonal, and rows are long."""
        return not model.is_driven and self._are_rows(model)

    def _are_rows(self, model: Model) -> bool:
        """Whether there is one block of few levels, and rows are long; without a look at what changes in time."""
        if len(model.blocks) != 1 or model.modes:
            return False
        (block,) = model.blocks
        if not 3 <= block.levels <= MOST_LEVELS_OF_ROWS or block.size < block.levels or not shares_frame(model, 0):
            return False
        # of three levels nothing else needs less
        return block.levels == 3 or self.nbytes(model) <= MOST_BYTES_OF_ROWS

    def method(self, model: Model) -> str:
        """What is done, in words."""
        return "rows of Gelfand-Tsetlin patterns that are occupied, elements in closed form"

    def nbytes(self, model: Model) -> int:
        """Memory of the engine, if a state ever fills the largest sector, and of patterns of starts."""
        (block,) = model.blocks
        d, cells, rows = block.levels, float(most_cells(block)), float(most_rows(block))
        operators = min(len(model.observables), d**2)
        arrays = 2 * (MAX_ORDER + 1) + 9 + 2 * (1 + d) + 2 * (1 + operators)
        links = (18 * factorial(d) + 7 * most_paths(d) + 4) * rows
        rated = sum(jump.has_rate for jump in model.local_jumps.values())
        tables = comb(block.size + d - 1, d - 1) * (4 + 2 * len(model.jumps) + d * rated)
        patterns = min(DIAGRAMS, most_sectors(block) * 25 * d**3 * largest_sector(block))
        spans = (2 * (MAX_ORDER + 4) + 8) * rows
        return int(min(8 * (cells * arrays + links + 3 * rows * (d * d + 17) + spans + tables) + patterns, 1e300))

    def _call(self) -> None:
        model = lambda_pump(2, 1.0, 1.0, 1.0)
        start = occupation(model, {"particles": [0, 2, 0]})  # from where it jumps
        PatternEngine(model, start, np.array([0.0, 1.0]), 1e-9).run(0, 0)


class Lattice(Product):
    """Blocks of two levels whose arguments share an axis in each: a box of the grid of their M."""

    kernels = "lattice"
    runs = LatticeEngine

    def holds(self, model: Model) -> bool:
        """Whether it can run this part."""
        if any(jump.has_rate for jump in model.collective_jumps.values()):
            return False
        return all(b.levels == 2 and shares_frame(model, n) for n, b in enumerate(model.blocks))

    def method(self, model: Model) -> str:
        """What is done, in words."""
        return "grid of M, a box that moves with the state" + (", collective jumps" if model.collective_jumps else "")

    def nbytes(self, model: Model) -> int:
        """Memory of the engine: tables of Γ, and the box if it ever is all of the largest sector."""
        cells = prod(float(largest_sector(b)) for b in model.blocks)
        B = len(model.blocks)
        crossed = sum(1 for term in model.two_body if term.blocks[0] != term.blocks[1]) + B * B * len(
            model.collective_jumps
        )
        # the series, a state and one after a jump with what is left of it, weights, diagonals, and pieces along an axis
        each = 2 * (MAX_ORDER + 1) + 2 + 6 + 8 + 1 + 2 + 2 * B + 3 * (2.0 + B) / (model.blocks[-1].size + 1)
        each += (3 * (MAX_ORDER + 1) + 2 + 3 * (4 * B + 8 * crossed)) / LONG_ROW
        row = min(cells, LONGER_ROW * (max(b.size for b in model.blocks) + 8.0))
        states = prod(b.size + 1.0 for b in model.blocks)
        grid = states * (len(model.jumps) + len(model.potentials)) + (2 * states if states <= WHOLE else 0)
        return int(min(8 * (2 * cells * each + row * (14 * B + 22 * crossed + 6) + grid), 1e300))

    def _call(self) -> None:
        model = Model([Block("a", 1), Block("b", 1)], [], [LocalJump(np.diag([1.0], 1), "a")])
        LatticeEngine(model, tilted(model, 1.0, 0.0), np.array([0.0, 0.1]), 1e-9).run(0, 0)
