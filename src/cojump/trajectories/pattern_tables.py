"""What the kernels of rows of patterns (:mod:`cojump.trajectories.kernels.pattern_rows`) read, in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..basis.occupations import Integers, Occupations
from ..tools.matrices import ROUNDING
from ..tools.types import Array, Matrix
from .kernels.pattern_pairs import BESIDE_DIAGONAL, COLLECTIVE, DIAGONAL, RATED, PatternPairs
from .kernels.pattern_rows import PatternTables
from .kernels.vectors import LANES
from .product_averages import Collective
from .product_sectors import Channel, ProductBasis, is_product_of_diagonals
from .work_space import aligned


def tables_of(basis: ProductBasis, operators: list[Collective]) -> PatternTables:
    """The tables of one block of three levels or more; ``operators`` are measured."""
    (block,) = basis.blocks
    N, d, L, V = block.size, block.levels, len(basis.channels), len(operators)
    occupations, start, columns = _occupations(N, d, N + 1)
    others, start_of_others, columns_of_others = _occupations(N - 1, d, N + 1)
    place = Occupations(N, d).number(occupations)
    facts = facts_of(basis)
    gamma = aligned(L, facts.shape[1])
    j = np.zeros((L, d, d), dtype=complex)
    for l, channel in enumerate(basis.channels):
        rate = basis.collective_rates[l]
        if rate is not None:
            gamma[l, columns] = np.broadcast_to(rate.gamma.ravel(), len(place))[place]
        if channel is None:  # of all particles together
            continue
        j[l] = channel.matrix
        own = Occupations(N - channel.excluded, d)
        values = np.broadcast_to(channel.gamma.ravel(), len(own))
        if channel.excluded:
            gamma[l, columns_of_others] = values[own.number(others)]
        else:
            gamma[l, columns] = values[place]
    beside = beside_diagonal(basis)
    measured = np.array([_matrix(o) for o in operators]).reshape(V, d, d)
    return PatternTables(
        d,
        N + 1,
        *_roots(N),
        *_parts(beside),
        _planes(measured),
        _hops(
            [
                beside,
                *measured,
                *(_beside(channel) for channel in basis.channels if channel is not None),
                *(matrix for _, A, B, _ in _pairs(basis) for matrix in (A, B)),
            ]
        ),
        facts,
        gamma,
        np.array([start, start_of_others]),
        np.array([channel is not None and channel.excluded for channel in basis.channels], dtype=np.int64),
        *_parts(j),
        (j != 0).any(axis=1).astype(np.int64),
        (j != 0).any(axis=2).astype(np.int64),
        *_parts(measured),
        _reach(measured),
    )


def facts_of(basis: ProductBasis) -> Array:
    """``facts`` of PatternTables; jumps that are none of a part's have no rate, and collective ones none here."""
    (block,), (h,) = basis.blocks, basis.one_body
    N, d = block.size, block.levels
    occupations, _, columns = _occupations(N, d, N + 1)
    place = Occupations(N, d).number(occupations)
    energy = occupations @ np.diag(h).real
    for _, A, B, g in basis.inside:
        if not is_product_of_diagonals(A, B):
            continue
        energy = energy + (g * (occupations @ np.diag(A)) * (occupations @ np.diag(B))).real
    for potential in basis.potentials:
        energy = energy + np.broadcast_to(potential.energy.ravel(), len(place))[place]
    facts = np.zeros((2 + len(basis.channels), len(place)))
    for l, channel in enumerate(basis.channels):
        if channel is None:
            continue
        out = (np.abs(channel.matrix) ** 2).sum(axis=0)
        own = Occupations(N - channel.excluded, d)
        values = np.broadcast_to(channel.gamma.ravel(), len(own))
        if not channel.excluded:
            facts[2 + l] = values[place] ** 2 * (occupations @ out)
            continue
        for a in np.flatnonzero(out):
            there = occupations[:, a] > 0
            left = occupations[there] - np.eye(d, dtype=np.int64)[a]
            facts[2 + l, there] += out[a] * occupations[there, a] * values[own.number(left)] ** 2
    facts[0], facts[1] = energy, 0.5 * facts[2:].sum(axis=0)
    in_columns = aligned(len(facts), (columns[-1] // LANES + 1) * LANES)
    in_columns[:, columns] = facts
    return in_columns


def beside_diagonal(basis: ProductBasis) -> Matrix:
    """The one-body matrix of H_eff without its diagonal."""
    (h,) = basis.one_body
    return h - np.diag(np.diag(h)) - 0.5j * sum(_rates_beside(basis))


def _beside(channel: Channel) -> Matrix:
    """j†j of a jump without its diagonal."""
    rate: Matrix = channel.matrix.conj().T @ channel.matrix
    rate[(np.abs(rate) <= ROUNDING * np.abs(rate).max()) | np.eye(len(rate), dtype=bool)] = 0
    return rate


def _rates_beside(basis: ProductBasis) -> list[Matrix]:
    """Γ² j†j of each jump beside its diagonal, of which Γ is a number; zeros of other jumps."""
    d, made = basis.blocks[0].levels, []
    for channel in basis.channels:
        own = np.zeros((d, d), dtype=complex)
        if channel is not None and channel.gamma.size == 1:
            own = _beside(channel) * float(channel.gamma.flat[0]) ** 2
        made.append(own)
    return made


def _rated(basis: ProductBasis) -> list[tuple[int, Matrix, Array, bool]]:
    """What rates with Γ(Δ) have beside the diagonal: the number of the jump, O, g, and whether it is g O g.

    With the self it is Γ O Γ. Of the others alone it is O g, g = Γ²(n - e_a) at the occupation numbers n, for each
    level a that a particle leaves.
    """
    (block,), made = basis.blocks, []
    N, d = block.size, block.levels
    occupations, _, columns = _occupations(N, d, N + 1)
    for l, channel in enumerate(basis.channels):
        if channel is None or channel.gamma.size == 1:
            continue
        beside, own = _beside(channel), Occupations(N - channel.excluded, d)
        values = np.broadcast_to(channel.gamma.ravel(), len(own))
        if not channel.excluded:
            g = aligned(columns[-1] // LANES * LANES + LANES)
            g[columns] = values[own.number(occupations)]
            made.append((l, beside, g, True))
            continue
        for level in range(d):
            g, O = aligned(columns[-1] // LANES * LANES + LANES), np.where(np.arange(d) == level, beside, 0)
            there = occupations[:, level] > 0
            g[columns[there]] = values[own.number(occupations[there] - np.eye(d, dtype=np.int64)[level])] ** 2
            made.append((l, O, g, False))
    return [one for one in made if one[1].any() and one[2].any()]


def _pairs(basis: ProductBasis) -> list[tuple[complex, Matrix, Matrix, int]]:
    """f, A and B of all products in H_eff, and the jump whose Γ² is between A and B, or -1."""
    pairs: list[tuple[complex, Matrix, Matrix, int]] = [
        (g, A, B, -1) for _, A, B, g in basis.inside if not is_product_of_diagonals(A, B)
    ]
    for l, collective in enumerate(basis.collective):
        if collective is not None:
            (y,) = collective.values()
            pairs.append((-0.5j, y.conj().T, y, -1 if basis.collective_rates[l] is None else l))
    return pairs


def pairs_of(basis: ProductBasis, parts: Sequence[ProductBasis], R: int, cells: int) -> PatternPairs:
    """The products of H_eff in all of its parts, and jumps whose rates are not diagonal, with room for R rows."""
    d, pairs, of_part = basis.blocks[0].levels, [], []
    for p, part in enumerate(parts):
        own = _pairs(part)
        pairs += own
        of_part += [p] * len(own)
    f_re, f_im = _parts(np.array([f for f, *_ in pairs], dtype=complex))
    A, B = (np.array([pair[n] for pair in pairs], dtype=complex).reshape(-1, d, d) for n in (1, 2))
    rated = [(p, *own) for p, part in enumerate(parts) for own in _rated(part)]
    kind, y = np.full(len(basis.channels), DIAGONAL), np.array(_rates_beside(basis), dtype=complex).reshape(-1, d, d)
    kind[[l for _, l, *_ in rated]] = RATED
    O = np.array([own for _, _, own, _, _ in rated], dtype=complex).reshape(-1, d, d)
    for l, collective in enumerate(basis.collective):
        if collective is not None:
            kind[l], (y[l],) = COLLECTIVE, collective.values()
        elif y[l].any():
            kind[l] = BESIDE_DIAGONAL
    return PatternPairs(
        np.array(of_part, dtype=np.int64),
        f_re,
        f_im,
        *_parts(A),
        *_parts(B),
        np.array([l for *_, l in pairs], dtype=np.int64),
        np.array([rate is not None for rate in basis.collective_rates], dtype=np.int64),
        _reach(B),
        _reach(np.array([*A, *O, *(beside_diagonal(part) for part in parts)])),
        kind,
        *_parts(y),
        np.array([(p, l) for p, l, *_ in rated], dtype=np.int64).reshape(-1, 2),
        *_parts(O),
        np.array([g for *_, g, _ in rated]) if rated else np.zeros((0, 0)),
        np.array([is_around for *_, is_around in rated], dtype=np.int64),
        _reach(y),
        np.zeros((R + 1, 2), dtype=np.int64),
        aligned(cells),
        aligned(cells),
        aligned(cells if rated else 0),
        aligned(cells if rated else 0),
    )


def _reach(matrices: Matrix) -> Array:
    """1 where any of the matrices has an element beside the diagonal."""
    return (matrices != 0).any(axis=0) * (1.0 - np.eye(matrices.shape[-1]))


def _occupations(N: int, d: int, radix: int) -> tuple[Integers, Integers, Integers]:
    """All occupation numbers, n_0 growing fastest; where those with each n_2, n_3, .. begin, and columns of all.

    Of each n_2, n_3, .. there are whole vectors of columns.
    """
    above = np.indices((radix,) * (d - 2)).reshape(d - 2, -1)[::-1]  # n_2 grows fastest
    left = N - above.sum(axis=0)
    counts = np.maximum(left + 1, 0)
    vectors = (counts + LANES - 1) // LANES
    start = LANES * (np.cumsum(vectors) - vectors)
    above, left = np.repeat(above, counts, axis=1), np.repeat(left, counts)
    n0 = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.concatenate([[n0], [left - n0], above]).T.copy(), start, np.repeat(start, counts) + n0


def _roots(N: int) -> tuple[int, int, int, Array]:
    """rise, fall, ones and roots of PatternTables."""
    M = N + 2 * LANES + 1
    roots = np.sqrt(np.maximum(np.arange(-LANES, M, dtype=float), 0.0))
    return LANES, len(roots) + M - 1, 2 * len(roots), np.concatenate([roots, roots[::-1], np.ones(M)])


def _matrix(operator: Collective) -> Matrix:
    if operator.diagonal is not None:
        return np.diag(operator.diagonal).astype(complex)
    return operator.matrix.conj().T if operator.adjoint else operator.matrix


def _parts(matrix: Matrix) -> tuple[Array, Array]:
    return np.ascontiguousarray(matrix.real), np.ascontiguousarray(matrix.imag)


def _planes(matrices: Matrix) -> Integers:
    """For a < b of the levels 0, 1, 2: which matrix is E_ab + E_ba, and of (b, a) which is i (E_ba - E_ab), or -1."""
    made = np.full((3, 3), -1, dtype=np.int64)
    for v, m in enumerate(matrices):
        if np.diag(m).any() or (m[3:] != 0).any():
            continue
        ((a, b),) = np.argwhere(np.triu(m))
        made[(a, b) if m[a, b].real else (b, a)] = v
    return made


def _hops(matrices: Sequence[Matrix]) -> Integers:
    """1 where any of the matrices has an element, or that on the other side of the diagonal.

    Of each by itself: what cancels in H_eff does not do so in the rates of single jumps, or where factors change.
    """
    there = (np.array(matrices) != 0).any(axis=0)
    return (there | there.T).astype(np.int64)


def hops_of_parts(whole: Integers, parts: Sequence[ProductBasis]) -> Integers:
    """``hops`` of a model, with those of each of its parts."""
    return whole | _hops([beside_diagonal(part) for part in parts])
