"""Populations alone, where no coherence is coupled to them: a birth-death process on the states |J, M> of each block.

In some basis of one particle the Hamiltonian and the arguments of all rates may be diagonal, and every jump diagonal or
a ladder: σ_-, not σ_- + c σ_z. All Kraus operators then take each basis state to a single one, with a definite change
of M: a density matrix without coherences stays one. Its populations p(J, M) obey a rate equation, with some N²/4
unknowns for a block of two levels in place of N³/6, and only a few elements of the matrix for each.

Nothing that is unique in the whole is lost in them. The generator commutes with turns about the axis of the basis, so
populations are fed by populations alone. Another stationary state beside one that is unique among them would make
a second one there: the turns act within the space of stationary states as a unitary does, whose eigenstates stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array, csr_array, diags_array, eye_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from ..basis.particle_removal import Label
from ..basis.sector_densities import block_populations, has_coherences, is_spread, labels_of_any
from ..basis.sector_operators import Operators
from ..basis.sectors import sector_labels
from ..errors import ArgumentError, UnsupportedError
from ..model import CollectiveJump, LocalJump, Model
from ..model.function_of_average import FunctionOfAverage
from ..model.hamiltonian import OneBody
from ..model.states import State
from ..tools import checks
from ..tools.matrices import common_basis, is_diagonal
from ..tools.types import Array, Matrix
from .final_density import FinalDensity
from .generator import GIB, reached_labels
from .generator_frames import Frame, frame_in
from .invariant_parts import Part
from .packed_states import DiagonalPacking
from .sector_maps import jumps_from
from .sector_states import SectorStates

METHODS = ("auto", "populations", "full")
"""How the master equation may be solved."""

_VECTORS = 12
"""Vectors of all populations that are alive at once."""

_FILL = 12.0
"""Entries of sparse factors for each unknown and power of two of them in a plane (4 to 11 measured)."""

_SHIFT, _STEPS = 1e-7, 5
"""Shift of the inverse iteration for a likely state, in parts of the norm, and its steps."""

_ROUNDING = 1e-12
"""Elements of a Hamiltonian beside its diagonal, in parts of its largest, that are rounding."""


def checked_method(method: object, methods: Sequence[str] = METHODS) -> str:
    """One of the methods."""
    if not isinstance(method, str) or method not in methods:
        raise ArgumentError("method", f"be one of {checks.named(methods)}", f"it is {checks.shown(method)}")
    return method


def closed_frame(model: Model) -> Frame | str:
    """The frame in which a model couples no coherence to populations; in words why there is none."""
    if model.modes:
        return "it has modes"
    if model.is_driven:
        return "its terms change in time"
    for block in model.blocks:
        if block.levels != 2:
            return f"block {block.name!r} has {block.levels} levels, not two"
    unitaries: dict[int, Matrix] = {}
    for b, block in enumerate(model.blocks):
        basis = common_basis(_asking(model, block.name) or [np.eye(2, dtype=complex)])
        if basis is None:
            return f"no basis of one particle of {block.name!r} makes all rates, jumps and one-body terms diagonal"
        if not is_diagonal(basis):
            unitaries[b] = basis
    frame = frame_in(model, unitaries)
    for l, jump in enumerate(frame.model.jumps):
        if not _takes_states_to_states(jump):
            return f"jumps[{l}] is neither diagonal nor a ladder in one basis"
    # Quadratic forms of spins are diagonal in all sectors if they are in one of at least three states of each block;
    # elements beside the diagonal are linear in the sizes: two of them tell those that vanish for one size alone.
    for more in (0, 2):
        sizes = [replace(block, size=2 + more + block.size % 2 if block.size > 1 else 1) for block in model.blocks]
        small = Operators(replace(frame.model, blocks=sizes, jumps=[], order_parameters={}))
        H = small.hamiltonian(tuple(block.size for block in sizes)).toarray()
        beside = np.abs(H - np.diag(H.diagonal())).max(initial=0.0)
        if beside > _ROUNDING * np.abs(H).max(initial=0.0):
            return "its Hamiltonian couples populations to coherences"
    return frame


def _asking(model: Model, name: str) -> list[Matrix]:
    """The Hermitian matrices of a block that the basis has to make diagonal."""
    found: list[Matrix] = []
    for term in model.terms:
        if isinstance(term, OneBody) and term.block == name:
            found.append(term.matrix)
        if isinstance(term, FunctionOfAverage):
            found += [argument[name] for argument in term.arguments if name in argument]
        j: Any = None
        if isinstance(term, LocalJump) and term.block == name:
            j = term.j
        elif isinstance(term, CollectiveJump):
            j = term.matrices.get(name)
        if j is not None:
            j = np.asarray(j, dtype=complex)
            right, left = j.conj().T @ j, j @ j.conj().T
            found += [right, left]
            if np.abs(right - left).max() <= _ROUNDING * np.abs(right).max():  # normal
                found += [(j + j.conj().T) / 2, (j - j.conj().T) / 2j]
    return [x for x in found if np.any(x)]


def _takes_states_to_states(jump: Any) -> bool:
    matrices = [np.asarray(y) for y in (jump.matrices.values() if isinstance(jump, CollectiveJump) else [jump.j])]
    matrices = [y for y in matrices if np.any(y)]
    if all(is_diagonal(y, _ROUNDING) for y in matrices):
        return True
    return len(matrices) == 1 and np.count_nonzero(np.abs(matrices[0]) > _ROUNDING * np.abs(matrices[0]).max()) == 1


class Populations(SectorStates):
    """The rate equation dp/dt = W p of the populations of a model.

    Parameters
    ----------
    model : Model
    frame : Frame
        Of ``closed_frame``.
    occupied : sequence of lists of labels
        The sectors of each block that the start occupies.
    """

    packing: DiagonalPacking

    def __init__(
        self,
        model: Model,
        frame: Frame,
        occupied: Sequence[Sequence[Label]],
    ) -> None:
        self.model, self.frames, self.spaces = model, [frame], ()
        labels = reached_labels(model, occupied)
        self._operators = [Operators(frame.model)]
        self.dims = {own: self._operators[0].dims(own) for own in product(*labels)}
        self.packing = DiagonalPacking({own: prod(dims) for own, dims in self.dims.items()})
        self.spare = 8
        self._gains = self._gains_of_jumps()
        self.matrix = self.tilted([0.0] * len(model.jumps))

    def _gains_of_jumps(self) -> list[csr_array]:
        """(n, n) Σ |K|² of each jump, element by element: the rates from each state to each other."""
        size = self.packing.size
        places: list[list[list[Array]]] = [[[], [], []] for _ in self.model.jumps]
        for source in self.packing.dims:
            for jump, target, K in jumps_from(self._operators[0], source):
                entries = coo_array(K)
                rows, columns, data = places[jump]
                rows.append(entries.coords[0] + self.packing.slices[target].start)
                columns.append(entries.coords[1] + self.packing.slices[source].start)
                data.append(np.abs(entries.data) ** 2)
        found = []
        for rows, columns, data in places:
            if not data:
                found.append(csr_array((size, size)))
                continue
            both = (np.concatenate(rows), np.concatenate(columns))
            found.append(csr_array(coo_array((np.concatenate(data), both), shape=(size, size))))
        return found

    def tilted(self, exponents: Sequence[float]) -> csr_array:
        """W with the jumps of each kind l in it times e^{-exponents[l]}."""
        total: Any = csr_array((self.packing.size, self.packing.size))
        for x, gain in zip(exponents, self._gains, strict=True):
            total = total + np.exp(-x) * gain - diags_array(gain.sum(axis=0))
        return csr_array(total)

    def gain(self, factors: Sequence[float]) -> csr_array:
        """Σ_l factor_l times the jumps of each kind l, beside ``matrix``."""
        total: Any = csr_array((self.packing.size, self.packing.size))
        for factor, own in zip(factors, self._gains, strict=True):
            if factor:
                total = total + factor * own
        return csr_array(total)

    def parts(self, pattern: csr_array) -> list[Part]:
        """The sets of states that a matrix with this pattern connects."""
        count, member = connected_components(pattern, directed=False)
        order = np.argsort(member, kind="stable")
        groups = np.split(order, np.cumsum(np.bincount(member, minlength=count))[:-1])
        return [Part(places, {}, None, True) for places in groups]

    @property
    def norm(self) -> float:
        """A bound on the norm of the matrix: the largest sum of a column."""
        return float(abs(self.matrix).sum(axis=0).max())

    def __call__(self, vector: Array) -> Array:
        """dp/dt."""
        change: Array = self.matrix @ vector
        return change

    def of_part(self, part: int, vector: Array) -> Array:
        """Refused: what changes in time has no such parts here, and ``closed_frame`` turns such a model away."""
        raise UnsupportedError("populations alone are those of models that do not change in time")

    def start(self, state: State) -> Array:
        """The populations of a state without coherences."""
        own = [
            block_populations(block, part, self.frames[0].unitaries.get(b))
            for b, (block, part) in enumerate(zip(self.model.blocks, state.blocks, strict=True))
        ]
        vector = np.zeros(self.packing.size)
        for labels, place in self.packing.slices.items():
            if all(label in found for label, found in zip(labels, own, strict=True)):
                p: Array = np.ones(1)
                for label, found in zip(labels, own, strict=True):
                    p = np.asarray(np.kron(p, found[label]))
                vector[place] = p
        return vector

    def taken_up(self, final: FinalDensity) -> Array:
        """The populations at the end of another run, which had no coherences."""
        vector = np.zeros(self.packing.size)
        units = _units(self.frames[0])
        if _held_in(final, units):
            for labels, place in final.packing.slices.items():
                vector[self.packing.slices[labels]] = final.packed[place]
        else:
            of = final.in_frames(units)
            for labels in final.sectors:
                self.packing.put(vector, labels, of(labels))
        return vector

    # ---- stationary distributions ----------------------------------------------------------------

    def closed_classes(self) -> list[NDArray[np.intp]]:
        """The sets of states that are never left and in which every state leads to every other one."""
        links = self.matrix.copy()
        links.setdiag(0.0)
        links.eliminate_zeros()
        entries = links.tocoo()
        _, member = connected_components(links, directed=True, connection="strong")
        rows, columns = entries.coords
        left = np.unique(member[columns[member[rows] != member[columns]]])
        order = np.argsort(member, kind="stable")
        groups = np.split(order, np.cumsum(np.bincount(member))[:-1])
        return [group for c, group in enumerate(groups) if c not in set(left.tolist())]

    def stationary(self, places: NDArray[np.intp]) -> tuple[Array, float]:
        """The stationary distribution on a class of ``closed_classes``, as a vector of all populations, and its error.

        The populations beside one that is not rare solve a system with an M-matrix. Rounding changes a rate by some
        1e-16 of the largest one, and that changes populations by as much as what is left takes time to come back: the
        error is this times the longest mean time to the one state.
        """
        whole = np.zeros(self.packing.size)
        if len(places) == 1:
            whole[places] = 1.0
            return whole, 0.0
        W = csr_array(self.matrix[places][:, places])
        rough = np.ones(len(places))
        slow = factors_of(_SHIFT * self.norm * eye_array(len(places)) - W)
        for _ in range(_STEPS):  # inverse iteration: which state is likely
            rough = slow.solve(rough / np.abs(rough).sum())
        likely = int(np.argmax(rough))
        others = np.delete(np.arange(len(places)), likely)
        try:
            factors = factors_of(-W[others][:, others])
        except RuntimeError:  # singular to rounding
            return whole, np.inf
        with np.errstate(all="ignore"):
            p = np.insert(factors.solve(W[others][:, [likely]].toarray().ravel()), likely, 1.0)
            whole[places] = p / p.sum()
            returns = factors.solve(np.ones(len(others)), trans="T")  # the mean time from each
            error = float(np.finfo(float).eps * self.norm * np.abs(returns).max())
        return whole, error if np.isfinite(whole).all() else np.inf

    def long_time(self, start: Array) -> tuple[Array, float]:
        """Where a start ends: the stationary distributions with the probabilities to come to them; and the error."""
        classes = self.closed_classes()
        inside = np.concatenate(classes)
        transient = np.setdiff1d(np.arange(self.packing.size), inside)
        arrived = start.copy()
        if len(transient) and start[transient].any():
            factors = factors_of(-self.matrix[transient][:, transient])
            spent = factors.solve(start[transient])  # the time spent in each
            arrived[inside] += self.matrix[inside][:, transient] @ spent
        vector, error = np.zeros(self.packing.size), 0.0
        for own in classes:
            weight, (found, off) = float(arrived[own].sum()), self.stationary(own)
            vector, error = vector + weight * found, error + weight * off
        return vector / vector.sum(), error + abs(float(vector.sum()) - 1)


def factors_of(matrix: csr_array | csc_array) -> Any:
    """The factors of a matrix of rates; an M-matrix needs no pivoting."""
    return splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})


def populations_for(
    model: Model,
    method: str,
    start: Sequence[State] | FinalDensity | None,
    memory: float,
    *,
    factors: bool = False,
    kept: int = 0,
) -> Populations | None:
    """The rate equation of a model where it holds and nothing else is asked for; None otherwise.

    Parameters
    ----------
    model : Model
    method : str
        Of ``METHODS``.
    start : sequence of State, FinalDensity or None
        All states that the start is a mixture of, or where another run has ended; None for all sectors, in which
        whatever has coherences at the start does not matter.
    memory : float
        GiB that may be used.
    factors : bool
        Whether the matrix is to be factorised.
    kept : int
        Vectors that the caller keeps.

    Raises
    ------
    UnsupportedError
        If populations are asked for and do not obey an equation of their own.
    ArgumentError
        If they do not fit into the memory.
    """
    if method == "full":
        return None
    found = closed_frame(model)
    if isinstance(found, Frame) and _is_coherent(start, found, method):
        found = "the start has coherences"
    if isinstance(found, str):
        if method == "populations":
            raise UnsupportedError(f"Populations alone do not obey an equation of their own: {found}")
        return None
    if isinstance(start, FinalDensity):
        occupied = start.occupied
    else:
        check_populations(model, _count(model, start), memory, factors=factors, kept=kept)
        occupied = [
            sector_labels(block) if start is None else labels_of_any(block, [one.blocks[b] for one in start])
            for b, block in enumerate(model.blocks)
        ]
    unknowns = prod(float(sum(label + 1 for label in own)) for own in reached_labels(model, occupied))
    check_populations(model, unknowns, memory, factors=factors, kept=kept)
    return Populations(model, found, occupied)


def populations_alone(model: Model, start: Sequence[State]) -> int | None:
    """How many populations are all that evolves of states that a start is a mixture of; None if there is more."""
    found = closed_frame(model)
    if isinstance(found, str) or _is_coherent(start, found, "auto"):
        return None
    return int(_count(model, start))


def _units(frame: Frame) -> list[Matrix]:
    """The basis of one particle of each block."""
    return [frame.unitaries.get(b, np.eye(2, dtype=complex)) for b in range(len(frame.model.blocks))]


def _held_in(final: FinalDensity, units: Sequence[Matrix]) -> bool:
    return final.diagonal and all(np.array_equal(a, b) for a, b in zip(units, final.frames, strict=True))


def _is_coherent(start: Sequence[State] | FinalDensity | None, frame: Frame, method: str) -> bool:
    """Whether a start has coherences in a frame; what has been held as a whole has some unless the method is named."""
    if isinstance(start, FinalDensity):
        units = _units(frame)
        if _held_in(start, units):
            return False
        of = start.in_frames(units)
        return (method == "auto" and not start.diagonal) or any(
            np.abs((rho := of(labels)) - np.diag(np.diag(rho))).max(initial=0.0) > _ROUNDING for labels in start.sectors
        )
    return any(has_coherences(own, frame.unitaries.get(b)) for one in start or () for b, own in enumerate(one.blocks))


def _count(model: Model, start: Sequence[State] | None) -> float:
    """How many populations there are, without a list of sectors."""
    unknowns = 1.0
    for b, block in enumerate(model.blocks):
        own = [one.blocks[b] for one in start or ()]
        if start is None or block.name in model.sectors_left or any(map(is_spread, own)):
            unknowns *= (block.size + 2) ** 2 // 4
        else:
            unknowns *= sum({getattr(one, "two_J", block.size) + 1 for one in own})
    return unknowns


def check_populations(model: Model, unknowns: float, memory: float, *, factors: bool = False, kept: int = 0) -> None:
    """Refuse a model whose populations do not fit into the memory."""
    needed = unknowns * (8.0 * (_VECTORS + kept) + 60.0 * (4.0 * len(model.jumps) + 1))
    if factors:
        axes = max(sum(1 + (block.name in model.sectors_left) for block in model.blocks), 1)
        fill = unknowns * max(_FILL * np.log2(unknowns + 1), unknowns ** (1 - 2 / axes) if axes > 2 else 0.0)
        needed += 14.0 * fill
    if needed > memory * GIB:
        number = f"{unknowns:,.0f}" if unknowns < 1e15 else f"{unknowns:.3g}"
        raise ArgumentError(
            "model",
            f"fit its populations into memory = {memory:g} GiB",
            f"its {number} populations need about {needed / GIB:.3g} GiB",
        )
