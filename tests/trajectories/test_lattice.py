"""Several blocks of two levels in the compiled loop: H_eff, rates and jumps, and whole trajectories beside their twin.

The twin is the engine of tensor products, whose H_eff is a program of sparse matrices and whose loop is Python.
"""

import numpy as np
import pytest

import cojump as cj
from cojump.basis.sector_operators import Operators
from cojump.model.components import components
from cojump.model.states import State
from cojump.trajectories.kernels.lattice import ABSENT, EDGE, LENGTH, LONG_ROW, LOUD, TOUCHED, LatticeHeff, set_strides
from cojump.trajectories.kernels.lattice_averages import gram
from cojump.trajectories.kernels.lattice_box import FIRST, all_runs
from cojump.trajectories.kernels.lattice_heff import fill_elements, lay_rows
from cojump.trajectories.kernels.lattice_jump import channel_weights, first_table, general_jump, ladder_jump
from cojump.trajectories.kernels.lattice_plane import lay_plane, weight_at_rim
from cojump.trajectories.kernels.lattice_rows import apply_lattice
from cojump.trajectories.kernels.vectors import LANES
from cojump.trajectories.lattice_engine import LatticeEngine
from cojump.trajectories.lattice_tables import aligned, elements_of, empty_box, lattice_of
from cojump.trajectories.no_jump_tables import LADDER_DOWN
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.product_moves import carried_out
from cojump.trajectories.product_sectors import ProductBasis
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.representations import BANDED, LATTICE, PRODUCT, SPARSE, compiled_first
from cojump.trajectories.sector_matrix import program_matrix
from tests.support.pauli import LOWER, RAISE, X, Y, Z
from tests.support.random_models import random_hermitian, random_matrix
from tests.support.twin_trajectories import in_pieces, weights_of_M


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    compiled_first([LATTICE])


def random_lattice(rng, sizes):
    """Blocks with every kind of term and every kind of jump, all arguments along one axis."""
    names = "abcd"[: len(sizes)]
    terms = [cj.OneBody(random_hermitian(rng), n) for n in names]
    for i, a in enumerate(names):
        square = random_hermitian(rng)
        terms.append(cj.TwoBody(square, square, 0.3, (a, a)))
        for b in names[i + 1 :]:
            A, B, g = random_matrix(rng), random_matrix(rng), 0.4 + 0.1j
            terms += [cj.TwoBody(A, B, g, (a, b)), cj.TwoBody(B.conj().T, A.conj().T, g.conjugate(), (b, a))]
    argument = {n: (0.3 + i) * Z for i, n in enumerate(names)}
    terms += [cj.Potential(np.cos, argument, factor=0.4), cj.Potential(np.exp, {names[-1]: 0.6 * Z}, factor=0.3)]
    last = names[-1]
    jumps = [
        cj.LocalJump(random_matrix(rng), names[0], amplitude=lambda x: 1 + 0.3 * x, argument=argument),
        cj.LocalJump(random_matrix(rng), last, rate=lambda x: 1 + 0.3 * x**2, argument=argument, exclude_self=True),
        cj.LocalJump(LOWER, last, amplitude=lambda x: 1 + 0.3 * x, argument={last: 0.7 * Z}, exclude_self=True),
        cj.LocalJump(RAISE, names[0], amplitude=np.cos, argument=argument, exclude_self=True),
        cj.LocalJump(0.7 * RAISE, names[0]),
        cj.LocalJump(0.4 * Z, last),
        cj.CollectiveJump({n: random_matrix(rng) for n in names}, 0.5),
    ]
    return cj.Model([cj.Block(n, size) for n, size in zip(names, sizes, strict=True)], terms, jumps)


def in_box(lattice, labels, long_row=LONG_ROW, plane=False):
    """The box that is all of a sector, and what acts there, in rows of at least so many states or in one for all.

    What acts there in the symmetric sector has been in the box before, so that only blocks with another J change it.
    """
    box, N, two_J = empty_box(len(labels)), lattice.sizes, np.array(labels)
    box.lo[:], box.n[:] = (N - two_J) // 2, two_J + 1
    set_strides(box.n, box.stride, box.size)
    elements, place = elements_of(lattice, LONG_ROW * int(box.size[0])), np.zeros(len(labels), dtype=np.int64)
    if plane:
        lay_plane(box, lattice.band, elements.row)
    else:
        lay_rows(box.n, elements.row, long_row)
    fill_elements(lattice, box, elements, N, place, True)
    fill_elements(lattice, box, elements, two_J, place, False)
    return box, elements, place


def runs_in(box, place):
    """All of a box, in pieces."""
    runs = np.zeros((int(box.size[0]), FIRST + len(box.n)), dtype=np.int64)
    return runs, all_runs(box.n, place, runs)


def parts_of(psi):
    return psi.real.copy(), psi.imag.copy()


def room_for(n, jumps, sizes):
    """A state after a jump, a profile, and weights of jumps."""
    return np.zeros((2, 3 * n)), np.zeros(max(sizes) + LANES + 1), np.zeros(jumps)


def outcome_of(lattice, box, place, l, outcome, psi):
    """What a jump of any matrix makes: 2J', its weight, and the state."""
    b, rest, to = int(lattice.axis[l]), np.zeros((2, 2, 2 * len(psi))), np.zeros((2, 3 * len(psi)))
    two_J, weight = general_jump(
        outcome, lattice.j[l], b, lattice.sizes[b], box.two_J[b], lattice.excluded[l], lattice.gamma,
        lattice.gamma_start[l], lattice.gamma_stride[l], box.lo, box.n, box.stride, box.size[0], place,
        *parts_of(psi), *rest, *to,
    )  # fmt: skip
    return two_J, weight, to[0] + 1j * to[1]


SIZES = [(5,), (3, 4), (2, 3, 3), (5, 1), (2, 2, 1, 2)]


def within(cells, window, made, length):
    """A Taylor vector in rows: zero but for what is there of its window."""
    low, high, first, last = window
    rows = np.zeros((len(made), length), dtype=complex)
    rows[low:high, first:last] = cells[EDGE : EDGE + rows.size].reshape(rows.shape)[low:high, first:last]
    rows[made == ABSENT] = 0
    return rows


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("long_row", [1, 4, LONG_ROW])
def test_heff_is_that_of_the_sparse_matrices(sizes, long_row):
    rng = np.random.default_rng(len(sizes))
    model = random_lattice(rng, sizes)
    basis = ProductBasis(model)
    lattice = lattice_of(basis)
    for labels in Operators(model).sectors:
        # rows of one axis, with products across rows; or all in one
        box, elements, place = in_box(lattice, labels, long_row)
        n, length, windows = int(box.size[0]), int(elements.row[LENGTH]), np.zeros((2, 2, 4), dtype=np.int64)
        h_eff = LatticeHeff(True, lattice, box, elements, place)
        re, im, found = np.zeros((2, n + 2 * EDGE)), np.zeros((2, n + 2 * EDGE)), np.zeros((n, n), dtype=complex)
        for p in range(n):
            re[0], im[0, :] = 0, 0
            re[0, EDGE + p] = 1
            windows[:, 0] = p // length, p // length + 1, p % length, p % length + 1
            made = np.zeros((2, n // length), dtype=np.uint8)
            apply_lattice(re, im, 0, EDGE, 1.0, h_eff, *windows, made, 0.0, 0.0, 0.0)
            found.reshape(-1, length, n)[:, :, p] = within(1j * (re + 1j * im)[1], windows[0, 1], made[1], length)
        assert elements.row[TOUCHED] == 0  # a sector cannot be left
        expected = program_matrix(basis.sector(labels).h_eff).toarray()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


def powers(h_eff, psi, orders):
    """A Taylor row of a state in a box, what it weighs, and which rows are there."""
    length = int(h_eff.elements.row[LENGTH])
    rows = psi.size // length
    re, im = aligned(2, orders + 1, psi.size + 2 * EDGE)
    re[:], im[:] = 7.0, 7.0  # what stands beside a window is any number
    windows, kept = np.zeros((2, orders + 1, 4), dtype=np.int64)
    row, column = np.nonzero(psi.reshape(rows, length))
    kept[0] = row.min(), row.max() + 1, column.min(), column.max() + 1
    windows[0] = 0, rows, 0, length
    re[0, EDGE : EDGE + psi.size], im[0, EDGE : EDGE + psi.size] = parts_of(psi)
    made = np.zeros((orders + 1, rows), dtype=np.uint8)
    for k in range(orders):
        norm2 = apply_lattice(re, im, k, EDGE, 0.5, h_eff, windows, kept, made, 0.3, 0.2, 0.0)
    return within((re + 1j * im)[orders], windows[orders], made[orders], length).ravel(), norm2, made


@pytest.mark.parametrize("driven", ["", "a", "b", "ab"])
def test_hops_to_neighbours_are_those_of_the_sparse_matrices(driven):
    """Rows of one axis go eight columns at a time; the same box in one row goes as every other H_eff does, or has the
    elements of each cell."""
    rng = np.random.default_rng(3)
    terms = [cj.OneBody(0.4 * X + 0.3 * Z, name) for name in driven] + [cj.TwoBody(Z, Z, 0.5, ("a", "b"))]
    jumps = [cj.LocalJump(LOWER, "a", amplitude=lambda x: 1 + 0.3 * x, argument={"b": Z}), cj.LocalJump(RAISE, "b")]
    jumps.append(cj.CollectiveJump({"b": Z + 0.3 * np.eye(2)}, 0.5))
    model = cj.Model([cj.Block("a", 6), cj.Block("b", 23)], terms, jumps)
    basis = ProductBasis(model)
    lattice, labels = lattice_of(basis), (6, 23)
    assert lattice.plane
    matrix = program_matrix(basis.sector(labels).h_eff)
    for lo, hi in (((0, 0), (7, 24)), ((2, 9), (4, 15)), ((3, 8), (4, 16)), ((0, 17), (1, 24))):
        state = np.zeros((7, 24), dtype=complex)
        state[lo[0] : hi[0], lo[1] : hi[1]] = random_matrix(rng, 24)[: hi[0] - lo[0], : hi[1] - lo[1]]
        expected = state.ravel()
        for k in range(4):
            expected = -0.5j * (matrix @ expected - (0.3 - 0.2j) * expected) / (k + 1)
        for long_row, plane in ((LONG_ROW, False), (1000, False), (1000, True)):
            box, elements, place = in_box(lattice, labels, long_row, plane)
            found, norm2, _ = powers(LatticeHeff(True, lattice, box, elements, place), state.ravel(), 4)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * np.abs(expected).max())
            np.testing.assert_allclose(norm2, np.vdot(expected, expected).real, rtol=1e-13)


@pytest.mark.parametrize("lo", [(3, 4), (0, 4), (3, 0), (2, 6)])
def test_what_may_leave_a_box_in_one_row_is_weighed(lo):
    """At the ends of both axes where the sector goes on, as far as a window has it."""
    rng, n, sizes = np.random.default_rng(2), np.array((5, 9)), np.array((6, 14))
    box = empty_box(2)
    box.two_J[:], box.lo[:], box.n[:] = sizes, lo, n
    set_strides(box.n, box.stride, box.size)
    re, im = rng.normal(size=(2, 45 + 2 * EDGE))
    at_rim = np.zeros((5, 9), dtype=bool)
    at_rim[0] |= lo[0] > 0
    at_rim[-1] |= lo[0] + 5 < 7
    at_rim[:, 0] |= lo[1] > 0
    at_rim[:, -1] |= lo[1] + 9 < 15
    weights = (np.abs(re + 1j * im) ** 2)[EDGE : EDGE + 45] * at_rim.ravel()
    for first, last in ((0, 45), (8, 40), (16, 24), (0, 8), (40, 45)):
        found = weight_at_rim(re, im, EDGE, box, sizes, np.array((1, 1)), first, last)
        corners = weights.reshape(5, 9).copy()
        corners[1:-1], corners[:, 1:-1] = 0.0, 0.0  # counted once for each axis that they are at the end of
        twice = [lo[0] > 0 and lo[1] > 0, lo[0] > 0 and lo[1] + 9 < 15, lo[0] + 5 < 7 and lo[1] > 0]
        twice.append(lo[0] + 5 < 7 and lo[1] + 9 < 15)
        corners[[0, 0, -1, -1], [0, -1, 0, -1]] *= twice
        np.testing.assert_allclose(found, (weights + corners.ravel())[first:last].sum(), rtol=1e-13)


def test_rows_to_which_nothing_leads_are_left_out():
    """With three axes, two of them outside of a row; zeros are negligible."""
    terms = [cj.OneBody(0.4 * X, name) for name in "abc"] + [cj.TwoBody(Z, Z, 0.5, ("a", "c"))]
    jumps = [cj.LocalJump(LOWER, "a", amplitude=lambda x: 1 + 0.3 * x, argument={"b": Z, "c": 0.5 * Z})]
    model = cj.Model([cj.Block("a", 5), cj.Block("b", 6), cj.Block("c", 12)], terms, jumps)
    basis = ProductBasis(model)
    lattice, labels = lattice_of(basis), (5, 6, 12)
    state = np.zeros((6, 7, 13), dtype=complex)
    state[1, 2, 4:9], state[4, 4, 5:7] = 0.3 + 0.1j, 0.2
    expected, matrix = state.ravel(), program_matrix(basis.sector(labels).h_eff)
    for k in range(2):
        expected = -0.5j * (matrix @ expected - (0.3 - 0.2j) * expected) / (k + 1)
    box, elements, place = in_box(lattice, labels)
    found, norm2, made = powers(LatticeHeff(True, lattice, box, elements, place), state.ravel(), 2)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13 * np.abs(expected).max())
    np.testing.assert_allclose(norm2, np.vdot(expected, expected).real, rtol=1e-13)
    # two rows, those next to them, and those at most two hops away; nothing is made of the others
    assert (made == LOUD).sum(axis=1).tolist() == [2, 10, 24]
    assert (made[2] == ABSENT).sum() == 42 - 24


@pytest.mark.parametrize("sizes", SIZES)
def test_weights_and_outcomes_are_those_of_the_rate_operators(sizes):
    rng = np.random.default_rng(7)
    model = random_lattice(rng, sizes)
    basis = ProductBasis(model)
    lattice = lattice_of(basis)
    for labels in Operators(model).sectors:
        box, elements, place = in_box(lattice, labels)
        n, sector = int(box.size[0]), basis.sector(labels)
        psi = rng.normal(size=n) + 1j * rng.normal(size=n)
        expected = []
        for table, program in zip(sector.rate_tables, sector.rate_programs, strict=True):
            expected.append(float(table @ np.abs(psi) ** 2))
            if program is not None:
                expected[-1] += np.vdot(psi, carried_out(program, psi)).real
        new, profile, found = room_for(n, len(model.jumps), sizes)
        sums = np.zeros(LANES * len(model.jumps))
        channel_weights(lattice, box, elements, place, *runs_in(box, place), *parts_of(psi), new, profile, sums, found)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * max(expected))
        for l in (0, 1, 2, 3, 4, 5):  # a ladder is a jump of any matrix as well
            ways = [outcome_of(lattice, box, place, l, k, psi)[1] for k in range(4)]
            np.testing.assert_allclose(sum(ways), expected[l], rtol=1e-12, atol=1e-12 * max(expected))


@pytest.mark.parametrize("sizes", SIZES)
def test_a_ladder_leads_where_the_jump_of_its_matrix_does(sizes):
    """For each number drawn: the same sector and the same state."""
    rng = np.random.default_rng(9)
    model = random_lattice(rng, sizes)
    lattice = lattice_of(ProductBasis(model))
    for labels in Operators(model).sectors:
        box, _, place = in_box(lattice, labels)
        runs, n_runs = runs_in(box, place)
        n, dims = int(box.size[0]), tuple(box.n.tolist())
        psi = rng.normal(size=n) + 1j * rng.normal(size=n)
        for l in (2, 3, 4):
            b = int(lattice.axis[l])
            wide = tuple(d + 2 * (a == b) for a, d in enumerate(dims))
            begun = 0.0
            for outcome in (1, 0, 2, 3):
                two_J, weight, to = outcome_of(lattice, box, place, l, outcome, psi)
                if weight <= 1e-12:
                    continue
                whole = to[: np.prod(wide)].reshape(wide)
                new, profile, _ = room_for(n, len(model.jumps), sizes)
                found_J, move = ladder_jump(
                    b, lattice.sizes[b], box.two_J[b], bool(lattice.kind[l] == LADDER_DOWN), lattice.strength[l],
                    begun + weight / 2, first_table(lattice, l), lattice.gamma_stride[l], lattice.gamma,
                    box.lo, box.n[b], runs, n_runs, profile, *parts_of(psi), *new,
                )  # fmt: skip
                begun += weight
                state = (new[0] + 1j * new[1])[:n].reshape(dims)
                inside = tuple(slice(1 + move, 1 + move + d) if a == b else slice(None) for a, d in enumerate(dims))
                assert found_J == two_J
                overlap = abs(np.vdot(whole[inside], state)) / np.linalg.norm(whole) / np.linalg.norm(state)
                assert overlap == pytest.approx(1, abs=1e-12)


def ladder_elements(N, two_J, i):
    J, M = 0.5 * two_J, i - 0.5 * N
    return np.sqrt(np.maximum((J - M) * (J + M + 1), 0))


def grams_of_vectors(sizes, two_J, lo, psi):
    """The vectors themselves, on a box that is one place larger on each side."""
    state = np.pad(psi, 1)
    vectors = [state]
    for b, (N, j) in enumerate(zip(sizes, two_J, strict=True)):
        along = [-1 if a == b else 1 for a in range(psi.ndim)]
        i = lo[b] - 1 + np.arange(state.shape[b]).reshape(along)
        c = ladder_elements(N, j, i)
        vectors += [i * state, np.roll(c * state, 1, b), c * np.roll(state, -1, b)]
    stack = np.array([v.ravel() for v in vectors])
    return stack.conj() @ stack.T


@pytest.mark.parametrize("sizes", [(9,), (20, 30), (3, 40), (12, 3, 14), (2, 3, 4, 3)])
def test_inner_products_are_those_of_the_vectors(sizes):
    """For rows of one axis and of several; a state in a part of its box and a box in a part of its sector."""
    rng, B = np.random.default_rng(len(sizes)), len(sizes)
    sizes = np.array(sizes)
    for axis, lower in np.ndindex(B, 2):
        two_J = sizes - 2 * lower
        below = np.minimum(lower, two_J // 3)  # places of the sector below the box, and above it
        lo, n = (sizes - two_J) // 2 + below, two_J + 1 - 2 * below
        stride, size = np.zeros_like(n), np.zeros(1, dtype=np.int64)
        set_strides(n, stride, size)
        length = int(np.prod(n[axis:]))
        count = int(size[0]) // length
        low, first = (count > 2), (8 if length > 16 else 0)
        window = np.array([low, count, first, length])
        psi = rng.normal(size=n) + 1j * rng.normal(size=n)
        for b in range(B):  # what jumps and averages lead to is in the box
            if below[b]:
                np.moveaxis(psi, b, 0)[[0, -1]] = 0
        rows = psi.reshape(count, length)
        rows[:low], rows[:, :first] = 0, 0
        re, im = rng.normal(size=(2, size[0] + 2 * EDGE))  # beside the window any numbers
        for part, values in ((re, rows.real), (im, rows.imag)):
            part[EDGE : EDGE + size[0]].reshape(rows.shape)[low:, first:] = values[low:, first:]
        c = np.zeros((B, max(n)))
        for b in range(B):
            c[b, : n[b]] = ladder_elements(sizes[b], two_J[b], lo[b] + np.arange(n[b]))
        made, factors = np.zeros((1 + 3 * B, 1 + 3 * B), dtype=complex), np.ones((1 + 4 * B, count + length))
        shape, sums = np.array([count, length]), np.zeros((4, length + LANES))
        gram(sizes, two_J, lo, n, stride, axis, c, re, im, window, shape, factors, sums, 2.0, made)
        expected = grams_of_vectors(sizes, two_J, lo, psi) / 2
        np.testing.assert_allclose(made, expected, rtol=0, atol=1e-14 * abs(expected).max() * size[0] ** 0.5)


# ---- whole trajectories ------------------------------------------------------------------------------


def coupled(N):
    terms = [cj.OneBody(0.6 * X, "a"), cj.OneBody(0.3 * X, "b"), cj.TwoBody(Z, Z, 0.5, ("a", "b"))]
    terms += [cj.TwoBody(RAISE, LOWER, 0.4, ("a", "b")), cj.TwoBody(LOWER, RAISE, 0.4, ("a", "b"))]
    jumps = [
        cj.LocalJump(LOWER, "a", amplitude=lambda x: 1 + 0.5 * x, argument={"a": Z, "b": 0.5 * Z}),
        cj.LocalJump(RAISE, "b"),
        cj.CollectiveJump({"a": LOWER, "b": 0.5 * LOWER}, 0.7),
    ]
    return cj.Model([cj.Block("a", N), cj.Block("b", N + 3)], terms, jumps)


def hopfield(p, N, **options):
    return cj.systems.hopfield(cj.systems.random_patterns(p, N, 1), 0.5, 1.7, **options)


CASES = {
    "coupled": (coupled(14), lambda m: cj.tilted(m, 1.0, 0.3)),
    "coupled, windows": (coupled(60), lambda m: cj.tilted(m, 1.0, 0.3)),
    "coupled, mixed start": (coupled(9), lambda m: cj.product(m, {"a": [[0.7, 0.2], [0.2, 0.3]], "b": [1, 0]})),
    "hopfield": (hopfield(2, 24, exclude_self=False), lambda m: cj.corrupted(m, 0, 0.8)),
    "hopfield, long rows": (hopfield(2, 64), lambda m: cj.corrupted(m, 0, 0.8)),
    "hopfield, others alone": (hopfield(3, 20, merge=True), lambda m: cj.corrupted(m, 0, 0.8)),
    "all terms": (random_lattice(np.random.default_rng(4), (4, 3)), lambda m: cj.tilted(m, 0.7, 0.2)),
    "three blocks": (random_lattice(np.random.default_rng(5), (3, 2, 4)), lambda m: cj.tilted(m, 0.7, 0.2)),
    "three blocks, one of one place": (  # the first and the second axis go one row far
        cj.Model(
            [cj.Block("a", 3), cj.Block("b", 2), cj.Block("c", 50)],
            [cj.OneBody(0.9 * X, name) for name in "abc"] + [cj.TwoBody(Z, Z, 0.5, ("a", name)) for name in "bc"],
            [cj.LocalJump(LOWER, "a"), cj.LocalJump(LOWER, "c", rate=lambda x: 0.2 + 0 * x, argument={"c": Z})],
        ),
        lambda m: cj.dicke(m, {"a": (1.5, 1.5), "b": (0, 0), "c": (25, 0)}),
    ),
    "one block": (random_lattice(np.random.default_rng(6), (9,)), lambda m: cj.tilted(m, 0.7, 0.2)),
    "no drive": (
        cj.Model(
            [cj.Block("a", 8), cj.Block("b", 7)],
            [],
            [cj.LocalJump(LOWER, "a", amplitude=np.exp, argument={"b": Z}), cj.LocalJump(RAISE, "b")],
        ),
        lambda m: cj.dicke(m, {"a": (4, 4), "b": (3.5, -3.5)}),
    ),
}


def of_parts(name):
    """Coupled blocks of a case with their states."""
    model, start = CASES[name]
    state = start(model)
    for part in components(model):
        if len(part.blocks) > 1 or len(model.blocks) == 1:
            yield part.model, State(tuple(state.blocks[b] for b in part.blocks))


TIMES = np.linspace(0, 1.2, 7)


@pytest.mark.parametrize("name", CASES)
def test_trajectories_are_those_of_the_twin(name):
    n_jumps = 0
    for model, state in of_parts(name):
        twin, engine = (kind(model, state, TIMES, 1e-9, [0, 2, 6]) for kind in (ProductEngine, LatticeEngine))
        for index in range(4):
            seen = [], []
            a, b = (
                e.run(
                    3,
                    index,
                    record=True,
                    watch=lambda done, pure, to=to, model=model: to.append((done, weights_of_M(pure, model))),
                )
                for e, to in zip((twin, engine), seen, strict=True)
            )
            for (done, mine), (other_done, other) in zip(*seen, strict=True):
                assert done == other_done
                np.testing.assert_allclose(mine, other, rtol=0, atol=2e-8)
            assert len(seen[0]) == 3
            n_jumps += a.n_jumps
            assert np.array_equal(a.jumps["channel"], b.jumps["channel"])
            assert np.array_equal(a.jumps["sector"], b.jumps["sector"])
            assert np.array_equal(a.sectors, b.sectors)
            assert np.array_equal(a.counts, b.counts)
            assert a.n_jumps == b.n_jumps
            for mine, other in ((a.mean, b.mean), (a.second, b.second), (a.jumps["time"], b.jumps["time"])):
                np.testing.assert_allclose(mine, other, rtol=0, atol=2e-8)
    assert n_jumps > 10


@pytest.mark.parametrize("name", ["coupled, windows", "hopfield, long rows", "hopfield, others alone"])
def test_pauses_and_room_have_no_influence(monkeypatch, name):
    """Bits do not depend on where the loop returns to Python, nor on what ran before."""
    in_pieces(monkeypatch, *next(of_parts(name)), TIMES)


def test_a_tolerance_is_kept():
    """Until the first jump that differs, trajectories of two tolerances agree."""
    ((model, state),) = of_parts("coupled")
    coarse, fine = (LatticeEngine(model, state, TIMES, tolerance) for tolerance in (1e-7, 1e-12))
    for index in range(10):
        a, b = coarse.run(5, index, record=True), fine.run(5, index, record=True)
        assert np.array_equal(a.jumps["channel"], b.jumps["channel"])
        np.testing.assert_allclose(a.mean, b.mean, rtol=0, atol=1e-5)


def test_a_series_that_leads_as_far_as_its_orders_do():
    """Where it comes to the end of a box that has room for all of them, the step is good (and was made for ever)."""
    terms = [cj.TwoBody(Z, Z, 2.0, ("a", "b")), cj.OneBody(2 * X, "a"), cj.OneBody(1.5 * X + 0.5 * Y, "b")]
    jumps = [cj.LocalJump(LOWER, "a", amplitude=lambda x: 0.055 + 0 * x, argument={"b": Z})]
    jumps.append(cj.CollectiveJump({"b": Z}, 0.02))
    model = cj.Model([cj.Block("a", 1), cj.Block("b", 40)], terms, jumps)
    state = cj.product(model, {"a": [0, 1], "b": [1, 0]})
    times = np.linspace(0, 3, 5)
    twin, engine = (kind(model, state, times, 1e-7) for kind in (ProductEngine, LatticeEngine))
    for index in range(4):
        a, b = twin.run(11, index), engine.run(11, index)
        assert np.array_equal(a.counts, b.counts)
        np.testing.assert_allclose(a.mean, b.mean, rtol=0, atol=1e-6)


def test_what_a_lattice_holds():
    def representation(model):
        return recipe_of(model).parts[0].representation

    assert representation(coupled(3)) is LATTICE
    one = cj.Model([cj.Block("a", 4)], [], [cj.CollectiveJump({"a": X}, 1.0), cj.CollectiveJump({"a": Z + RAISE}, 1.0)])
    assert representation(one) in (BANDED, LATTICE)
    turned = [cj.LocalJump(LOWER, "a", amplitude=np.exp, argument={"b": o}) for o in (X, Z)]
    assert representation(cj.Model([cj.Block("a", 2), cj.Block("b", 2)], [], turned)) is PRODUCT
    shared = [cj.CollectiveJump({"a": np.eye(3), "b": X}, 1.0)]
    assert representation(cj.Model([cj.Block("a", 2, 3), cj.Block("b", 2)], [], shared)) is SPARSE
