"""The frames of the master equation: single-particle bases in which operator-valued rates are diagonal.

In the eigenbasis of the X_b of its argument a rate Γ(Δ) or a potential N φ(Δ) is a table over the occupation numbers,
and every jump operator is as sparse as j itself. Terms whose arguments commute share one frame; the first frame also
holds the rest of the Hamiltonian and the collective jumps, which are sparse in any. A model with commuting arguments
therefore needs a single frame.

The trajectories choose theirs by other rules (trajectories/frames.py) and share nothing with these: each checks the
other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from ..model import Model
from ..model.function_of_average import FunctionOfAverage
from ..model.spectrum import levels_along
from ..model.term import Term
from ..tools.matrices import common_basis, conjugate, is_diagonal
from ..tools.types import Matrix

T = TypeVar("T", bound=Term)

_ZERO = 1e-15
"""Relative size below which an element of a rotated matrix is the rounding of the rotation."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A part of a model written in another single-particle basis of some blocks.

    Attributes
    ----------
    model : Model
        The blocks, with those terms that belong to this frame.
    unitaries : dict of int to (d, d) unitary
        Columns are the kets of the new basis, by number of the block; a block that is not in it keeps its basis.
    jumps : tuple of int
        Which jumps of the whole model those of this one are; all of them, in their order, if it is empty.
    """

    model: Model
    unitaries: dict[int, Matrix]
    jumps: tuple[int, ...] = ()


def frames_of(model: Model) -> list[Frame]:
    """Split a model into frames with diagonal arguments; whatever has none is in the first."""
    groups: list[dict[int, list[Matrix]]] = [{}]
    members: list[set[int]] = [{n for n, term in enumerate(model.terms) if not _arguments(term)}]
    for n in (*range(len(model.hamiltonian), len(model.terms)), *range(len(model.hamiltonian))):  # the jumps first
        arguments: dict[int, list[Matrix]] = {}
        for argument in _arguments(model.terms[n]):
            for name, x in argument.items():
                arguments.setdefault(model.block_index(name), []).append(x)
        if not arguments:
            continue
        fits = [all(common_basis([*g.get(b, []), *x]) is not None for b, x in arguments.items()) for g in groups]
        if not any(fits):
            groups.append({})
            members.append(set())
        place = fits.index(True) if any(fits) else -1
        for b, matrices in arguments.items():
            groups[place].setdefault(b, []).extend(matrices)
        members[place].add(n)
    frames: list[Frame] = []
    for group, own in zip(groups, members, strict=True):
        # what a later frame leaves open is as in the first one, so that its blocks need not be turned
        unitaries = dict(frames[0].unitaries) if frames else {}
        for b, matrices in group.items():
            unitary = common_basis(matrices)
            assert unitary is not None
            if frames or not is_diagonal(unitary):
                unitaries[b] = unitary
        H = len(model.hamiltonian)
        frames.append(Frame(_rotated(model, own, unitaries), unitaries, tuple(sorted(n - H for n in own if n >= H))))
    return frames


def frame_in(model: Model, unitaries: Mapping[int, Matrix]) -> Frame:
    """A whole model in given bases of one particle, in which its arguments are diagonal."""
    return Frame(_rotated(model, range(len(model.terms)), unitaries), dict(unitaries))


def _arguments(term: Term) -> Sequence[Mapping[str, Matrix]]:
    """The matrices of each average that a term is a function of; none if it is none."""
    return term.arguments if isinstance(term, FunctionOfAverage) else ()


def _rotated(model: Model, members: Collection[int], unitaries: Mapping[int, Matrix]) -> Model:
    """The blocks of a model with some of its terms, U† x U for every matrix; the arguments come out diagonal."""
    H = len(model.hamiltonian)
    own = replace(
        model,
        hamiltonian=[term for n, term in enumerate(model.hamiltonian) if n in members],
        jumps=[jump for n, jump in enumerate(model.jumps) if H + n in members],
        order_parameters={},
    )
    if all(is_diagonal(u) for u in unitaries.values()):
        return own

    def turn(name: str, x: Matrix) -> Matrix:
        return rotated_matrix(x, unitaries.get(model.block_index(name)))

    def diagonal(name: str, x: Matrix) -> Matrix:
        # exactly the eigenvalues that the model has been checked with
        unitary = unitaries.get(model.block_index(name), np.eye(len(x), dtype=complex))
        return np.diag(levels_along(unitary, x)).astype(complex)

    def moved(term: T) -> T:
        turned = term.mapped(turn)
        arguments = [{b: diagonal(b, x) for b, x in one.items()} for one in _arguments(term)]
        return turned.of(arguments) if isinstance(turned, FunctionOfAverage) and arguments else turned

    return replace(own, hamiltonian=[moved(t) for t in own.hamiltonian], jumps=[moved(t) for t in own.jumps])


def rotated_matrix(matrix: Matrix, unitary: Matrix | None) -> Matrix:
    """U† x U without its rounding; x itself without a rotation."""
    if unitary is None:
        return matrix
    turned = conjugate(unitary, matrix)
    return np.where(np.abs(turned) > _ZERO * np.abs(turned).max(), turned, 0)
