"""All stationary states of a model whose generator has more than one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from ...basis.particle_removal import Label
from ...basis.rotations import representation
from ...basis.sector_densities import block_densities, occupied_labels
from ...basis.sectors import Labels, sector_labels, sector_of
from ...errors import UnsupportedError
from ...model import Model
from ...model.driven import refuse_driven
from ...model.model import check_model, check_not_frozen
from ...model.states import State, check_start
from ...tools import checks
from ...tools.summaries import Summarised, counted, facts, few, more, table
from ...tools.types import Array, Matrix
from ..fock_growth import Edge, grown, spaces_at_rest
from ..generator import Generator, check_unknowns
from ..invariant_parts import arranged
from ..kernel import Kernel, kernel_by_iteration, kernel_of
from ..steady_state import LOST, SteadyState, described

_LEAST = 160
"""Vectors that the iteration without a matrix must be able to keep."""


@dataclass(frozen=True, eq=False, repr=False)
class StationaryStates(Summarised):
    """The stationary states of a model: all are mixtures of m minimal ones with orthogonal supports.

    Attributes
    ----------
    states : tuple of m SteadyStates
        The minimal ones: none is a mixture of others. Where ``coherences`` is not zero, some of them are one choice
        of many (any basis of a space without decoherence).
    conserved : tuple of m dicts of sector to (dim, dim) matrix
        Conserved quantities J_k, 𝓛†J_k = 0: a start ρ ends in states[k] with the probability tr(J_k ρ). 0 ≤ J_k,
        Σ_k J_k = 1, tr(J_k ρ_l) = δ_kl. In the basis of each sector, |J, M> by rising M for two levels.
    sectors : tuple of S tuples of labels
    reached : (m, S) array
        tr(J_k P)/dim for the projector P on each sector: with which probability the sector's mixed state ends in k.
    weights : (m,) array or None
        tr(J_k ρ) of the start that was given.
    coherences : int
        Dimension of the stationary coherences between the states, beside their m populations.
    n_particles : int
    """

    states: tuple[SteadyState, ...]
    conserved: tuple[dict[Labels, Matrix], ...]
    sectors: tuple[tuple[Label, ...], ...]
    reached: Array
    weights: Array | None
    coherences: int
    n_particles: int

    def _title(self) -> str:
        return f"{counted(len(self.states), 'stationary state')}: N = {self.n_particles:,}"

    def _lines(self) -> list[str]:
        lines = facts(
            ("sectors", f"{len(self.sectors):,}"),
            ("coherences", f"between the states: {self.coherences} stationary" if self.coherences else ""),
        )
        labels = self.states[0].labels[:4]
        names, rows = [], []
        for k, state in enumerate(self.states):
            own = [few([str(s) for s in np.array(self.sectors, dtype=object)[state.sector_weights > 1e-9]], 2)]
            weight = ["" if self.weights is None else f"{self.weights[k]:.6g}"]
            names.append(str(k))
            rows.append((*weight, *(f"{m:.6g}" for m in state.mean[: len(labels)]), *own))
        lines += table(("state", "weight", *labels, "sectors"), names, rows)
        return lines + more(".states[k].mean, .conserved, .reached, .weights")


def stationary(model: Model, state: State | None = None, *, memory: float = 4.0) -> StationaryStates:
    """Find all stationary states, exactly: one, or several where there are dark states or strong symmetries.

    :func:`cojump.steady_state` gives the one state where it is unique, and what a given start comes to where it is not.

    Parameters
    ----------
    model : Model
    state : State, optional
        Look only at the sectors that this start comes to, and say with which probability it ends in each state.
    memory : float
        GiB that may be used. Where the matrix of the generator fits it is factorised, part by part; else its kernel is
        iterated from random starts until they lead to nothing new, which takes some 1.5 kB for each unknown.

    Raises
    ------
    ArgumentError
        If an argument breaks a rule or the model needs more memory.
    UnsupportedError
        For terms that change in time, if there are too many stationary states (more than 64 that nothing keeps apart,
        or in all without a matrix), or if a start with modes is given.
    ConvergenceError
        If rounding leaves no clear kernel, or an iteration does not come to an end.

    Examples
    --------
    >>> model = cj.systems.facilitated(size=6, omega=0.0, kappa=5.0, gamma=1.0)  # all down is dark
    >>> [float(state["spins.z"].mean.round(6)) for state in cj.spectrum.stationary(model).states]
    [-1.0]
    >>> crystal = cj.systems.boundary_time_crystal(size=4, omega=0.8, kappa=1.2)  # keeps the spin J
    >>> found = cj.spectrum.stationary(crystal)
    >>> print([float(state["spins.z"].mean.round(4)) + 0.0 for state in found.states], found.sectors)
    [0.0, -0.012, -0.0409] ((0,), (2,), (4,))
    """
    check_model(model)
    refuse_driven(model, "There are stationary states")
    check_not_frozen(model)
    memory = checks.number("memory", memory, 0)
    if state is not None:
        check_start(model, state)
        if model.modes:
            raise UnsupportedError("The stationary states of a start with modes are not supported; leave out `state`")
    starts = None if state is None else [state]
    spaces = spaces_at_rest(model)
    check_unknowns(model, starts, memory, spaces=spaces)
    if state is None:
        occupied: Sequence[Sequence[Label]] = [sector_labels(block) for block in model.blocks]
    else:
        occupied = [occupied_labels(block, own) for block, own in zip(model.blocks, state.blocks, strict=True)]
    with threadpool_limits(1):
        while True:
            check_unknowns(model, starts, memory, spaces=spaces)
            generator, matrix = arranged(model, occupied, spaces, memory, least=_LEAST)
            kernel = kernel_by_iteration(generator) if matrix is None else kernel_of(generator, matrix)
            edge = Edge(model, spaces, generator.packing, generator.dims)
            allowed = LOST * (model.fastest or 1.0)
            lost = np.max([edge.losses(vector) for vector in kernel.states], axis=0) if spaces else np.zeros(0)
            outgrown = [m for m, loss in enumerate(lost) if loss > allowed]
            if not outgrown:
                break
            spaces = grown(spaces, outgrown)
    return _read(model, generator, kernel, state, spaces)


def _read(
    model: Model, generator: Generator, kernel: Kernel, state: State | None, spaces: Sequence
) -> StationaryStates:
    packing = generator.packing
    weights = None
    if state is not None:
        own = [block_densities(block, part) for block, part in zip(model.blocks, state.blocks, strict=True)]
        weights = kernel.conserved @ generator.start(own, state.amplitudes)
    reached = np.array(
        [[float(np.trace(J).real) / len(J) for J in packing.unpack(packed).values()] for packed in kernel.conserved]
    )
    states = tuple(described(model, generator, spaces, vector, np.nan) for vector in kernel.states)
    conserved = tuple(
        {labels: _turned(generator, labels, J) for labels, J in packing.unpack(packed).items()}
        for packed in kernel.conserved
    )
    return StationaryStates(states, conserved, tuple(packing.dims), reached, weights, kernel.coherences, model.size)


def _turned(generator: Generator, labels: Labels, matrix: Matrix) -> Matrix:
    """A matrix of a sector in the user's frame."""
    D = np.ones((1, 1), dtype=complex)
    unitaries = generator.frames[0].unitaries
    for b, block in enumerate(generator.model.blocks):
        sector = sector_of(block, labels[b])
        own = unitaries.get(b)
        D = np.kron(D, np.eye(sector.dim) if own is None else representation(sector, own))
    for space in generator.spaces:
        D = np.kron(D, np.eye(space.size))
    return D @ matrix @ D.conj().T
