"""The engine of a whole model: its independent components side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..basis.reported_sectors import jump_type, placed, sector_array
from ..basis.sectors import largest_sector
from ..model import CollectiveJump, LocalJump, Model
from ..model.components import Component, components
from ..model.states import State, occupation
from ..model.systems import lambda_pump
from ..tools.matrices import from_pairs
from ..tools.types import Array
from ..unravel.kernels.program import run_program
from .frames import shares_frame
from .kernel_cache import compiling
from .product_engine import ProductEngine, product_bytes
from .product_moves import Rows, apply
from .product_program import Builder
from .product_sectors import ProductBasis
from .spin_engine import Engine, Outcome, bytes_needed, warm_up
from .spin_tables import build, is_banded


class Runner(Protocol):
    """What runs trajectories."""

    def run(
        self,
        seed: int,
        index: int,
        *,
        part: int = 0,
        record: bool = False,
        poll: Callable[[], None] | None = None,
    ) -> Outcome:
        """Trajectory ``index`` of the ensemble with ``seed``."""


def rate_tables(model: Model) -> dict[int, Array]:
    """Γ of every local jump, by its position in the model, as trajectories read it: at each point of its spectrum.

    Raises
    ------
    ArgumentError
        If a rate returns something that is no rate.
    """
    found: dict[int, Array] = {}
    for part in components(model):
        if is_banded(part.model):
            tables = build(part.model).tables
            for place, gamma, rest in zip(part.jumps, tables.gamma, tables.gamma_rest, strict=True):
                jump = model.jumps[place]
                if isinstance(jump, LocalJump):
                    found[place] = np.stack([gamma, rest]) if jump.leaves_self_out else gamma
        else:
            for place, channel in zip(part.jumps, ProductBasis(part.model).channels, strict=True):
                if channel is not None:
                    found[place] = channel.gamma
    return found


def check_rates(model: Model) -> None:
    """Evaluate every rate wherever trajectories will need it; raise ArgumentError if one returns no rate."""
    rate_tables(model)


@dataclass(frozen=True)
class Plan:
    """How the trajectories of a component run, and what they need.

    Attributes
    ----------
    blocks : tuple of str
    method : str
    amplitudes : int
        Of the largest sector (an upper bound for more than two levels).
    nbytes : int
    """

    blocks: tuple[str, ...]
    method: str
    amplitudes: int
    nbytes: int


def plan(model: Model) -> tuple[Plan, ...]:
    """Return how each independent component of a model will be run, and the memory it needs."""
    plans = []
    for part in components(model):
        names = tuple(b.name for b in part.model.blocks)
        amplitudes = int(np.prod([largest_sector(b) for b in part.model.blocks], dtype=object))
        if is_banded(part.model):
            plans.append(Plan(names, "banded H_eff, windowed", amplitudes, bytes_needed(part.model)))
            continue
        method = "tensor product of sectors"
        if any(b.levels > 2 for b in part.model.blocks):
            method += ", Gelfand-Tsetlin bases"
        if not all(shares_frame(part.model, b) for b in range(len(names))):
            method += ", dense rotations between the frames of non-commuting arguments"
        if any(isinstance(jump, CollectiveJump) for jump in part.model.jumps):
            method += ", collective jumps"
        plans.append(Plan(names, method, amplitudes, product_bytes(part.model)))
    return tuple(plans)


def prepare(models: Iterable[Model]) -> None:
    """Compile the kernels that trajectories of these models need, or load them from the cache."""
    warm_up()
    if all(is_banded(part.model) for model in models for part in components(model)):
        return
    with compiling("product") as needed:
        if needed:
            model = lambda_pump(2, 1.0, 1.0, 1.0)
            start = occupation(model, {"particles": [2, 0, 0]})
            make_engine(model, start, np.array([0.0, 0.1]), 1e-9).run(0, 0)
            # what that trajectory does not call: complex matrices of collective jumps, and the rates that they have
            apply(Rows.of(csr_array(np.eye(2, dtype=complex))), (1, 1), np.zeros(2, dtype=complex))
            run_program(Builder((2,)).build())


def make_engine(model: Model, state: State, times: Array, tolerance: float, snapshots: Sequence[int] = ()) -> Runner:
    """Return the engine for a model: the banded one where it fits, the general one elsewhere, one per component."""
    parts = components(model)
    runners: list[Runner] = []
    for part in parts:
        own = State(tuple(state.blocks[b] for b in part.blocks))
        kind = Engine if is_banded(part.model) else ProductEngine
        runners.append(kind(part.model, own, times, tolerance, snapshots))
    return runners[0] if len(parts) == 1 else _SideBySide(model, parts, runners)


class _SideBySide:
    """Components that never become entangled: products of their averages, their jumps in order of time."""

    def __init__(self, model: Model, parts: tuple[Component, ...], runners: list[Runner]) -> None:
        self._parts, self._runners = parts, runners
        self._blocks, self._n_averages, self._n_jumps = model.blocks, len(model.observables), len(model.jumps)
        owner = [o.block for o in model.observables]
        self._sectors = sector_array(model.blocks, [])
        self._places = [np.concatenate([np.flatnonzero(np.equal(owner, b)) for b in part.blocks]) for part in parts]

    def run(
        self,
        seed: int,
        index: int,
        *,
        part: int = 0,
        record: bool = False,
        poll: Callable[[], None] | None = None,
    ) -> Outcome:
        """Trajectory ``index`` of the ensemble with ``seed``; component c has streams of its own."""
        single = [r.run(seed, index, part=part + c, record=record, poll=poll) for c, r in enumerate(self._runners)]
        T, A = len(single[0].mean), self._n_averages
        mean, counts = np.empty((T, A)), np.zeros((T, self._n_jumps), dtype=np.int64)
        sectors = np.zeros((T, *self._sectors.shape[1:]), dtype=self._sectors.dtype)
        for places, component, one in zip(self._places, self._parts, single, strict=True):
            mean[:, places] = one.mean
            placed(self._blocks, component.blocks, one.sectors, sectors)
            counts[:, list(component.jumps)] = one.counts
        second = mean[:, :, None] * mean[:, None, :]
        for places, one in zip(self._places, single, strict=True):
            second[:, places[:, None], places] = from_pairs(one.second, len(places))
        rows, columns = np.triu_indices(A)
        distributions = self._gathered([one.distributions for one in single])
        jumps = self._merged([one.jumps for one in single], sectors[0]) if record else None
        n_jumps = sum(one.n_jumps for one in single)
        return Outcome(mean, second[:, rows, columns], sectors, counts, n_jumps, jumps, distributions)

    def _gathered(self, distributions: list[Array]) -> Array:
        """Distributions of the components in the order of the blocks of the whole model."""
        pieces: dict[int, Array] = {}
        for component, values in zip(self._parts, distributions, strict=True):
            spins = [b for b in component.blocks if self._blocks[b].levels == 2]
            ends = np.cumsum([self._blocks[b].size + 1 for b in spins])
            pieces.update(zip(spins, np.split(values, ends[:-1], axis=1), strict=False))
        return np.concatenate([np.empty((len(distributions[0]), 0)), *(pieces[b] for b in sorted(pieces))], axis=1)

    def _merged(self, records: list[NDArray[np.void] | None], start: NDArray) -> NDArray[np.void]:
        """One record of all components, in order of time; each entry carries the sectors of all blocks."""
        pieces, owners = [], []
        for c, (component, jumps) in enumerate(zip(self._parts, records, strict=True)):
            assert jumps is not None
            piece = np.zeros(len(jumps), dtype=jump_type(self._blocks))
            piece["time"], piece["channel"] = jumps["time"], np.array(component.jumps, dtype=int)[jumps["channel"]]
            sectors = piece["sector"].copy()
            placed(self._blocks, component.blocks, jumps["sector"], sectors)
            piece["sector"] = sectors
            pieces.append(piece)
            owners.append(np.full(len(jumps), c))
        merged, owner = np.concatenate(pieces), np.concatenate(owners)
        order = np.argsort(merged["time"], kind="stable")
        merged, owner = merged[order], owner[order]
        sector = start.copy()
        for n, c in enumerate(owner):
            moved = list(self._parts[c].blocks)
            sector[moved] = merged["sector"][n][moved]
            merged["sector"][n] = sector
        return merged
