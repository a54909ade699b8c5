"""The main frame of each block: the basis of one particle in which its trajectories are fastest.

Where it may be, arguments are diagonal and jumps lead from one level to another. Rotations that could do that are few:
the eigenbases of the arguments, of the rates j†j and of the Hamiltonian. Each of them is judged by what trajectories
would take there (:mod:`cojump.trajectories.frame_cost`); the user's own basis is kept where it is about as good. An
argument that is not diagonal in the frame chosen has a turn of its own from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import schur

from ..model import Model
from ..model.facts import once_per_model
from ..tools.matrices import ROUNDING, commutator, conjugate, is_diagonal
from ..tools.types import Matrix
from .axes import argument_axis, axis_of, axis_rotation, lines_of
from .frame_cost import Acting, acting_on, cost, with_real_hops

_DEGENERATE = 1e-9
"""Relative distance of eigenvalues below which one argument alone does not tell their states apart."""

_AS_GOOD = 1.1
"""Factor within which frames cost the same: the first one is taken."""


def common_frame(matrices: Iterable[Matrix], levels: int) -> Matrix:
    """A unitary (d, d) that diagonalises as many Hermitian matrices as it can, the first ones first.

    A matrix is taken along if it commutes with all those taken before. Each one splits the levels that its
    predecessors leave degenerate; what is diagonal already is not turned.
    """
    return _split(matrices, levels)[0]


def _split(matrices: Iterable[Matrix], levels: int) -> tuple[Matrix, bool]:
    """The same, and whether the matrices tell all levels apart."""
    frame = np.eye(levels, dtype=complex)
    groups = [np.arange(levels)]
    taken: list[Matrix] = []
    for matrix in matrices:
        if len(groups) == levels:
            break
        scale = float(np.abs(matrix).max())
        if any(np.abs(commutator(matrix, t)).max() > ROUNDING * scale * np.abs(t).max() for t in taken):
            continue
        taken.append(matrix)
        split: list[NDArray[np.intp]] = []
        for group in groups:
            inside = conjugate(frame[:, group], matrix)
            values = np.diag(inside).real
            if not is_diagonal(inside, ROUNDING):
                values, vectors = np.linalg.eigh((inside + inside.conj().T) / 2)
                frame[:, group] = frame[:, group] @ vectors
            order = np.argsort(values, kind="stable")
            breaks = np.flatnonzero(np.diff(values[order]) > _DEGENERATE * scale) + 1
            split += [np.sort(group[part]) for part in np.split(order, breaks)]
        groups = split
    return frame, len(groups) == levels


@once_per_model
def main_frames(model: Model) -> tuple[Matrix, ...]:
    """The main frame (d, d) of every block; columns are its kets."""
    return tuple(_best(acting) for acting in acting_on(model))


def block_frame(model: Model, b: int) -> Matrix:
    """The main frame of block b."""
    return main_frames(model)[b]


def shares_frame(model: Model, b: int) -> bool:
    """Whether all arguments on block b are diagonal in its main frame."""
    frame, name = block_frame(model, b), model.blocks[b].name
    terms = (*model.rated_jumps.values(), *model.potentials.values())
    arguments = (x[name] for t in terms for x in t.arguments if name in x)
    return all(turn_of(conjugate(frame, x)) is None for x in arguments)


def turn_of(argument: Matrix) -> Matrix | None:
    """The rotation in which an argument, seen from the main frame, is diagonal; None if it is there."""
    if len(argument) == 2:
        axis = argument_axis(argument)
        return None if axis is None or np.hypot(axis[0], axis[1]) <= ROUNDING else axis_rotation(axis)
    if is_diagonal(argument, ROUNDING):
        return None
    return np.linalg.eigh((argument + argument.conj().T) / 2)[1]


def common_turn(arguments: Sequence[Matrix]) -> Matrix | None:
    """The same for several arguments that commute: one rotation in which all of them are diagonal."""
    if len(arguments) == 1:
        return turn_of(arguments[0])
    if all(turn_of(x) is None for x in arguments):
        return None
    if len(arguments[0]) == 2:  # of one axis, but for those that are numbers
        return next(turn for turn in map(turn_of, arguments) if turn is not None)
    return common_frame(arguments, len(arguments[0]))


def named_frames(model: Model) -> str:
    """Which blocks are turned, and how: "block spins: axis (0, 0.6, 0.8)"; nothing for those in the user's basis."""
    clauses = []
    for block, frame in zip(model.blocks, main_frames(model), strict=True):
        if is_diagonal(frame):
            continue
        if block.levels > 2:
            clauses.append(f"block {block.name}: a basis of its own")
            continue
        components = ", ".join(f"{c:.3g}" for c in axis_of(frame).round(6) + 0.0)
        clauses.append(f"block {block.name}: axis ({components})")
    return "; ".join(clauses)


def _best(acting: Acting) -> Matrix:
    """The cheapest frame, or the first one that is about as cheap; with the phases that make its hops real."""
    frames, phased, costs = list(_candidates(acting)), [], []
    for frame in frames:
        turned = with_real_hops(acting, frame)
        same = turned is frame
        if same and len(frames) == 1:
            return frame
        found = cost(acting, frame)
        lower = found if same else cost(acting, turned)
        phased.append(turned if lower < found else frame)
        costs.append(min(found, lower))
    return phased[int(np.argmax(np.array(costs) <= _AS_GOOD * min(costs)))]


def _candidates(acting: Acting) -> Iterator[Matrix]:
    """Frames that may be best: of arguments that do not commute each in turn, otherwise the user's own basis first."""
    arguments, d = [x for x, _ in acting.arguments], acting.levels
    if d == 2:
        lines = lines_of(arguments)
        if not lines:
            z = np.array([0.0, 0.0, 1.0])
            lines = [z, *lines_of([np.diag([1.0, -1.0]), *_resolving(acting), *_triangular(acting)])[1:]]
        yield from map(axis_rotation, lines)
        return
    beside: list[Matrix] = []  # arguments that do not commute with the first ones
    while True:
        first = [*beside[:1], *arguments]
        frame, resolved = _split(first, d)
        yield frame
        if not resolved:
            others, made = list(_resolving(acting)), list[Matrix]()
            for other in others:
                if not any(is_diagonal(conjugate(m, other), ROUNDING) for m in made):
                    made.append(common_frame([*first, other, *others], d))
            yield from made
        beside = beside[1:] if beside else [x for x in arguments if not is_diagonal(conjugate(frame, x), ROUNDING)]
        if not beside:
            return


def _resolving(acting: Acting) -> Iterator[Matrix]:
    """Hermitian matrices whose eigenbases may be good frames, each once.

    j†j and jj† of a jump |a><b| are |b><b| and |a><a|, whatever a trace it has besides; in the eigenbasis of j†j with
    the trace the rate is diagonal; a Hermitian jump, whatever its phase, and H have eigenbases of their own.
    """
    known: list[Matrix] = []
    rate = sum((j.conj().T @ j for j in acting.jumps), np.zeros_like(acting.one))
    found = [rate]
    for m in acting.matrices:
        bare = m - np.trace(m) / acting.levels * np.eye(acting.levels)
        if np.abs(bare).max() <= ROUNDING * np.abs(m).max():
            continue
        adjoint = bare.conj().T
        found += [adjoint @ bare, bare @ adjoint, bare + adjoint, 1j * (bare - adjoint), m.conj().T @ m]
    for h in found:
        bare = h - np.trace(h) / acting.levels * np.eye(acting.levels)
        size = np.linalg.norm(bare)
        if size <= ROUNDING * np.linalg.norm(h):
            continue
        bare /= size
        if all(min(np.abs(bare - k).max(), np.abs(bare + k).max()) > ROUNDING for k in known):
            known.append(bare)
            yield bare


def _triangular(acting: Acting) -> Iterator[Matrix]:
    """Projectors on the axes along which a collective jump of two levels has σ_+ or σ_-, not both."""
    for y in acting.collective:
        for matrix in (y, y.conj().T):
            ket = schur(matrix, output="complex")[1][:, 0]
            yield np.outer(ket, ket.conj())
