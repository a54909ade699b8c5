"""Sectors of particles with any number of levels: the identities of the Gelfand-Tsetlin basis, weights, conventions."""

from fractions import Fraction
from functools import cache, reduce
from math import comb, exp, factorial, log, prod

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.sparse import eye_array

import cojump as cj
from cojump.basis.diagram_sector import DiagramSector, diagram_sector
from cojump.basis.gelfand_tsetlin import Patterns, pattern_at, place_of
from cojump.basis.sectors import dimension_of, grown, largest_sector, most_sectors, rows_of, sector_labels, sector_of
from cojump.basis.spin_sector import spin_sector
from cojump.basis.young_diagrams import diagrams, dimension, largest_dimension, log_copies, removal_weight, with_box
from tests.oracle import Oracle
from tests.support.longer import few


def close(a, b, atol=1e-12):
    np.testing.assert_allclose(a, b, rtol=0, atol=atol)


@st.composite
def shapes(draw, largest=70):
    """Diagrams of two to five rows whose sectors are small enough for dense matrices."""
    d = draw(st.integers(2, 5))
    rows = draw(st.lists(st.integers(0, 12), min_size=d, max_size=d))
    diagram = tuple(sorted(rows, reverse=True))
    assume(sum(diagram) > 0 and dimension(diagram) <= largest)
    return diagram


def units(d):
    return {(a, b): np.outer(np.eye(d)[a], np.eye(d)[b]) for a in range(d) for b in range(d)}


def operators(diagram):
    """Dense Σ_k |a><b|^(k) as (d, d, dim, dim)."""
    d, s = len(diagram), diagram_sector(diagram)
    made = np.array([s.one_body(matrix).toarray() for matrix in units(d).values()])
    return made.reshape(d, d, s.dim, s.dim)


def dagger(matrices):
    return matrices.conj().swapaxes(-1, -2)


def maps(diagram, rest):
    return np.array([c.toarray() for c in diagram_sector(diagram).entrance(rest)])


# ---- the identities --------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(shapes())
def test_the_commutators_are_those_of_matrix_units(diagram):
    E, delta = operators(diagram), np.eye(len(diagram))
    products = E[:, :, None, None] @ E
    commutators = products - np.einsum("abcdik->cdabik", products)
    expected = np.einsum("bc,adik->abcdik", delta, E) - np.einsum("da,cbik->abcdik", delta, E)
    close(commutators, expected, atol=1e-12 * sum(diagram))


@settings(deadline=None, max_examples=40)
@given(shapes())
def test_taking_out_is_an_isometry_and_gives_back_the_collective_operators(diagram):
    E, N = operators(diagram), sum(diagram)
    by_removal = 0
    for move in diagram_sector(diagram).moves():
        C, out = (np.array([m.toarray() for m in part]) for part in (move.back, move.out))
        close((dagger(C) @ C).sum(axis=0), np.eye(C.shape[2]))
        close(out, np.sqrt(move.weight) * C)
        by_removal = by_removal + dagger(out)[:, None] @ out
        inside = sum(c.conj().T @ operators(move.rest) @ c for c in C)
        close(inside + dagger(C)[:, None] @ C, E, atol=1e-12 * N)
    close(by_removal, E, atol=1e-12 * N)


@settings(deadline=None, max_examples=40)
@given(shapes(largest=30))
def test_the_images_of_all_larger_sectors_complete_the_space(rest):
    bigger = [d for row in range(len(rest)) if (d := with_box(rest, row)) is not None]
    columns = np.concatenate([maps(d, rest).reshape(-1, dimension(d)) for d in bigger], axis=1)
    close(columns @ columns.conj().T, np.eye(len(rest) * dimension(rest)))


@settings(deadline=None, max_examples=40)
@given(shapes())
def test_patterns_are_all_there_once_and_carry_their_weights(diagram):
    p = Patterns(diagram)
    assert p.count == dimension(diagram) == p.rows[0].shape[1]
    assert np.all(np.diff(p.keys) > 0)
    for above, row in zip(p.rows[1:], p.rows, strict=False):
        assert np.all(above[:-1] >= row)
        assert np.all(row >= above[1:])
    assert np.all(p.occupations.sum(axis=1) == sum(diagram))
    s = diagram_sector(diagram)
    for a in range(len(diagram)):
        close(s.one_body(units(len(diagram))[a, a]).toarray(), np.diag(p.occupations[:, a]))


# ---- against the full space ------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "levels"), [(2, 3), (3, 3), (4, 3), (3, 4), (2, 5)])
def test_traces_of_products_are_those_of_the_full_space(size, levels):
    """Σ_λ f_λ tr_λ(S_A S_B S_C S_A) is the trace over d^N: dimensions, copies and elements at once."""
    rng = np.random.default_rng(10 * size + levels)
    A, B, C = rng.normal(size=(3, levels, levels)) + 1j * rng.normal(size=(3, levels, levels))
    model = cj.Model([cj.Block("b", size, levels=levels)])
    full = Oracle(model)
    expected = np.trace(reduce(np.matmul, [full.collective(m, "b") for m in (A, B, C, A)]))
    total = 0
    for label in sector_labels(model.blocks[0]):
        s = sector_of(model.blocks[0], label)
        total += exp(s.log_copies) * np.trace(reduce(np.matmul, [s.one_body(m).toarray() for m in (A, B, C, A)]))
    assert abs(total - expected) < 1e-11 * abs(expected)


@pytest.mark.parametrize(("size", "levels"), [(1, 2), (7, 2), (1, 3), (9, 3), (6, 4), (5, 5), (4, 6)])
def test_sectors_fill_the_space(size, levels):
    block = cj.Block("b", size, levels=levels)
    labels = sector_labels(block)
    dims = [dimension_of(block, label) for label in labels]
    assert (
        sum(round(exp(sector_of(block, x).log_copies)) * d for x, d in zip(labels, dims, strict=True)) == levels**size
    )
    assert rows_of(block, labels[-1]) == (size, *[0] * (levels - 1))
    assert max(dims) <= largest_sector(block)
    assert len(labels) <= most_sectors(block)
    assert dims == [sector_of(block, label).dim for label in labels]
    assert [rows_of(block, label) for label in labels] == diagrams(size, levels)


# ---- two levels: the general path against the closed forms -------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40).flatmap(lambda N: st.tuples(st.just(N), st.integers(0, N // 2))), st.integers(0, 2**32 - 1))
def test_two_levels_agree_with_the_closed_forms_operator_by_operator(case, seed):
    """The convention map is the identity: λ = (N/2 + J, N/2 - J), same order of states, same signs."""
    N, k = case
    rng = np.random.default_rng(seed)
    matrix, other = rng.normal(size=(2, 2, 2)) + 1j * rng.normal(size=(2, 2, 2))
    general, closed = diagram_sector((N - k, k)), spin_sector(N, N - 2 * k)
    assert general.dim == closed.dim
    np.testing.assert_array_equal(general.occupations, closed.occupations)
    close(general.one_body(matrix).toarray(), closed.one_body(matrix).toarray(), atol=1e-12 * N)
    close(general.product(matrix, other).toarray(), closed.product(matrix, other).toarray(), atol=1e-12 * N**2)
    close(general.log_copies, closed.log_copies, atol=1e-11)
    moves = {m.rest[0] - m.rest[1]: m for m in general.moves()}
    assert set(moves) == {m.rest for m in closed.moves()}
    for move in closed.moves():
        for ours, theirs in zip(moves[move.rest].out, move.out, strict=True):
            close(ours.toarray(), theirs.toarray(), atol=1e-12 * np.sqrt(N))
        for ours, theirs in zip(moves[move.rest].back, move.back, strict=True):
            close(ours.toarray(), theirs.toarray())
    for two_J in grown(cj.Block("b", N + 1), N - 2 * k):
        label = ((N + 1 + two_J) // 2, (N + 1 - two_J) // 2)
        for ours, theirs in zip(maps(label, (N - k, k)), spin_sector(N + 1, two_J).entrance(N - 2 * k), strict=True):
            close(ours, theirs.toarray())


# ---- many particles --------------------------------------------------------------------------------


@cache
def copies(diagram):
    """f_λ in integers, by hook lengths."""
    below = [sum(1 for row in diagram if row > j) for j in range(diagram[0])]
    hooks = prod(diagram[i] - j + below[j] - i - 1 for i in range(len(diagram)) for j in range(diagram[i]))
    return factorial(sum(diagram)) // hooks


@pytest.mark.parametrize("diagram", [(1000, 0, 0), (334, 333, 333), (600, 400, 0), (500, 300, 200), (998, 1, 1)])
def test_weights_of_a_thousand_particles_do_not_overflow(diagram):
    weights = []
    for row in range(3):
        weights.append(removal_weight(diagram, row))
        rest = (*diagram[:row], diagram[row] - 1, *diagram[row + 1 :])
        if list(rest) == sorted(rest, reverse=True) and rest[-1] >= 0:
            exact = Fraction(1000 * copies(rest), copies(diagram))
            assert abs(weights[-1] / float(exact) - 1) < 1e-12
        else:
            assert weights[-1] == 0
    assert abs(sum(weights) - 1000) < 1e-9
    assert abs(log_copies(diagram) - log(copies(diagram))) < 1e-9


def test_sectors_of_sixty_particles():
    """The identity and the collective number on the largest and on a typical sector of N = 60, d = 3."""
    for diagram in ((41, 18, 1), (30, 20, 10)):
        s = DiagramSector(diagram)
        total = sum(out.conj().T @ out for move in s.moves() for out in move.out)
        assert abs(total - 60 * eye_array(s.dim)).max() < 1e-10
        assert s.nbytes < 10 * 2**20


@pytest.mark.parametrize(("size", "levels"), [(1, 2), (50, 2), (60, 3), (25, 4), (12, 5)])
def test_the_bound_on_dimensions_is_tight(size, levels):
    largest = max(dimension(d) for d in diagrams(size, levels))
    bound = largest_dimension(size, levels)
    assert largest <= bound < 1.15 * largest + 1
    if levels == 2:
        assert bound == largest


def test_the_bound_on_the_number_of_sectors_is_tight_for_many_particles():
    block = cj.Block("b", 60, levels=3)
    assert most_sectors(block) < 1.1 * len(sector_labels(block))


def test_the_symmetric_sector_counts_occupations():
    assert dimension((7, 0, 0, 0)) == comb(10, 3)


@pytest.mark.parametrize(("diagram", "d"), few([((1,), 64), ((2,), 40), ((1, 1), 24)], ((1, 1), 24), rows=True))
def test_few_particles_of_many_levels_cost_what_their_states_do(diagram, d):
    """d! paths would end at some nine levels, keys of one digit per entry at some fifteen."""
    diagram = (*diagram, *[0] * (d - len(diagram)))
    sector = DiagramSector(diagram)
    N = sum(diagram)
    assert sector.dim == {1: d, 2: d * (d + 1) // 2 if diagram[0] == 2 else d * (d - 1) // 2}[N]
    occupied = sector.occupations
    assert (occupied.sum(axis=1) == N).all()
    assert len(np.unique(occupied, axis=0)) == sector.dim
    rng = np.random.default_rng(2)
    A, B = (rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d)) for _ in range(2))
    a, b = sector.one_body(A).toarray(), sector.one_body(B).toarray()
    close(a @ b - b @ a, sector.one_body(A @ B - B @ A).toarray(), 1e-11)
    if N == 1:  # a single particle: |a><b| itself, the levels in the order of the patterns
        order = occupied.argmax(axis=1)
        close(np.abs(a), np.abs(A[np.ix_(order, order)]))
    for rest, weight in sector.removals():
        out = np.array([m.toarray() * np.sqrt(weight) for m in sector.entrance(rest)])
        flat = out.reshape(-1, sector.dim)
        close(flat.conj().T @ flat, N * np.eye(sector.dim), 1e-11)
        close(flat.conj().T @ np.tensordot(A, out, axes=1).reshape(flat.shape), a, 1e-11)


@pytest.mark.parametrize("diagram", [(5, 2, 1), (4, 4, 0), (3, 3, 3), (4, 2, 1, 0), (2, 2, 0, 0)])
def test_single_patterns_are_found_without_the_others(diagram):
    patterns = Patterns(diagram)
    for n in range(patterns.count):
        rows = [row[:, n] for row in patterns.rows]
        assert place_of(diagram, rows[:-1]) == n == patterns.place(np.concatenate(rows[:-1]))
        for found, row in zip(pattern_at(diagram, n), rows, strict=True):
            np.testing.assert_array_equal(found, row)
