"""Sectors of several blocks: H_eff, rate operators, components and whole trajectories against dense matrices."""

from functools import lru_cache, reduce
from itertools import product as combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cojump as cj
from cojump.basis.spin_sector import SpinSector, rotation_matrix, spin_sector
from cojump.model.components import components
from cojump.model.states import State
from cojump.trajectories import compilation, kernel_cache, representations
from cojump.trajectories.engine import make_engine
from cojump.trajectories.product_averages import _at_once, _by_products
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.product_moves import carried_out
from cojump.trajectories.product_sectors import ProductBasis
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.spin_engine import Engine
from cojump.trajectories.spin_tables import build, is_banded
from tests import oracle, twins
from tests.statistical.cases import MODELS as SINGLE
from tests.statistical.rules import compare
from tests.support.pauli import LOWER, ONE, PAULI, RAISE, X, Y, Z
from tests.support.random_models import random_hermitian, random_matrix


@pytest.fixture(scope="module", autouse=True)
def _fresh_cache():
    representations.compiled_first([representations.LATTICE, representations.PRODUCT])


def random_unitary(rng):
    q, r = np.linalg.qr(random_matrix(rng))
    return q * (np.diag(r) / np.abs(np.diag(r)))


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * (1 + np.abs(expected).max(initial=0)))


# ---- dense matrices of a sector of several blocks, in the user's frame ---------------------------


def kron(parts):
    return reduce(np.kron, parts)


def at(b, matrix, dims):
    """A matrix on factor b (its columns), the identity on the others."""
    return kron([matrix if c == b else np.eye(d) for c, d in enumerate(dims)])


def summed(model, matrices, counts, two_J):
    """Σ_b Σ_k x_b^(k) for a dictionary of block names, with ``counts`` particles in each block."""
    dims = [j + 1 for j in two_J]
    total = np.zeros((np.prod(dims),) * 2, dtype=complex)
    for name, matrix in matrices.items():
        b = model.block_index(name)
        total += at(b, twins.collective(matrix, counts[b], two_J[b]), dims)
    return total


def sizes_of(model):
    return [b.size for b in model.blocks]


def gamma(model, jump, two_J, out=None):
    """Γ(Δ) on ⊗V_J; with ``out`` one particle of that block is missing and ``two_J`` holds 2μ there."""
    sizes = sizes_of(model)
    counts = [n - int(b == out) for b, n in enumerate(sizes)]
    scaled = {name: x / sizes[model.block_index(name)] for name, x in jump.argument.items()}
    return twins.function_of(twins.amplitude_of(jump), summed(model, scaled, counts, two_J))


def gamma_before(model, jump, two_J):
    if not jump.argument or jump.exclude_self:
        return np.eye(np.prod([j + 1 for j in two_J]))
    return gamma(model, jump, two_J)


def replaced(values, b, value):
    return (*values[:b], value, *values[b + 1 :])


def act(model, jump, two_J, two_mu):
    """Γ_μ ⊗ j on the space with one particle of the jump's block written out beside V_μ."""
    b = model.block_index(jump.block)
    rest = replaced(two_J, b, two_mu)
    dims = [j + 1 for j in rest]
    inside = jump.argument and jump.exclude_self
    G = gamma(model, jump, rest, out=b) if inside else np.eye(np.prod(dims))
    shape = (int(np.prod(dims[: b + 1])), int(np.prod(dims[b + 1 :])))
    split = np.einsum("azcy,st->aszcty", G.reshape(*shape, *shape), jump.matrix)
    return split.reshape((2 * np.prod(dims),) * 2)


def kraus(model, jump, two_J, two_mu, new):
    b = model.block_index(jump.block)
    out = at(b, twins.clebsch(two_J[b], two_mu), [j + 1 for j in two_J])
    back = at(b, twins.clebsch(new, two_mu), [j + 1 for j in replaced(two_J, b, new)])
    weight = np.sqrt(twins.removal_weight(sizes_of(model)[b], two_J[b], two_mu))
    return weight * back.T @ act(model, jump, two_J, two_mu) @ out @ gamma_before(model, jump, two_J)


def collective_jump(model, jump, two_J):
    return np.sqrt(jump.rate / model.size) * summed(model, jump.matrices, sizes_of(model), two_J)


def rate_operator(model, jump, two_J):
    if isinstance(jump, cj.CollectiveJump):
        L = collective_jump(model, jump, two_J)
        return L.conj().T @ L
    b = model.block_index(jump.block)
    total = 0
    for two_mu in twins.remaining(sizes_of(model)[b], two_J[b]):
        out = at(b, twins.clebsch(two_J[b], two_mu), [j + 1 for j in two_J])
        half = act(model, jump, two_J, two_mu) @ out @ gamma_before(model, jump, two_J)
        total = total + twins.removal_weight(sizes_of(model)[b], two_J[b], two_mu) * half.conj().T @ half
    return total


def hamiltonian(model, two_J):
    sizes, H = sizes_of(model), 0
    for term in model.hamiltonian:
        if isinstance(term, cj.OneBody):
            H = H + summed(model, {term.block: term.matrix}, sizes, two_J)
        else:
            first, second = (
                summed(model, {name: m}, sizes, two_J)
                for name, m in zip(term.blocks, (term.first, term.second), strict=True)
            )
            H = H + term.strength / model.size * first @ second
    return H + np.zeros((np.prod([j + 1 for j in two_J]),) * 2, dtype=complex)


def h_eff(model, two_J):
    return hamiltonian(model, two_J) - 0.5j * sum(rate_operator(model, jump, two_J) for jump in model.jumps)


def all_sectors(model):
    return list(combinations(*(twins.sectors(n) for n in sizes_of(model))))


def frame(basis, two_J):
    """Columns are the states of the main frame in the user's."""
    return kron([twins.sector_rotation(j, u) for j, u in zip(two_J, basis.rotations, strict=True)])


# ---- the same from the program -------------------------------------------------------------------


def dense_program(program, size):
    columns = []
    for n in range(size):
        program.re[:] = program.im[:] = np.nan  # nothing may be left from the run before
        columns.append(carried_out(program, np.eye(size, dtype=complex)[n]))
    return np.array(columns).T


def dense_bands(bands, size):
    total = np.zeros((size, size), dtype=complex)
    for shift, imaginary, values in zip(*bands, strict=True):
        total += (1j if imaginary else 1) * np.diag(values[max(-shift, 0) : size - max(shift, 0)], shift)
    return total


def dense_sector(sector):
    h_eff, size = sector.h_eff, sector.size
    diagonal = np.diag(h_eff.diagonal - 1j * h_eff.half_rate)
    return diagonal + dense_program(h_eff.program, size) + dense_bands(h_eff.bands, size)


def dense_rate(sector, number):
    rate = np.diag(sector.rate_tables[number]).astype(complex)
    program, bands = sector.rate_programs[number], sector.rate_bands[number]
    if bands is not None:
        above = dense_bands(bands, sector.size)
        rate = rate + above + above.conj().T
    return rate if program is None else rate + dense_program(program, sector.size)


def pair(rng, b, c):
    """A complex two-body term with the partner that makes the sum Hermitian."""
    A, B, g = random_matrix(rng), random_matrix(rng), complex(rng.normal(), rng.normal())
    return [cj.TwoBody(A, B, g, (b, c)), cj.TwoBody(B.conj().T, A.conj().T, g.conjugate(), (c, b))]


def kink(x):
    return 0.2 + np.abs(x)


def step(x):
    return np.where(x > 0.05, 1.0, 0.3)


def random_model(sizes, seed, *, parallel=False):
    """Every kind of term; the arguments along as many axes as there are of them, or along one per block."""
    rng = np.random.default_rng([seed, *sizes])
    names = [f"b{n}" for n in range(len(sizes))]
    axes = {name: random_hermitian(rng) for name in names}
    terms = [cj.OneBody(random_hermitian(rng), name) for name in names]
    for b, first in enumerate(names):
        for second in names[b:]:
            terms += pair(rng, first, second)
    terms.append(cj.TwoBody(Z, Z, 0.4, (names[0], names[-1])))

    def argument(*over):
        if parallel:
            return {name: rng.normal() * axes[name] + rng.normal() * ONE for name in over}
        return {name: random_hermitian(rng) for name in over}

    first, last = names[0], names[-1]
    jumps = [
        cj.LocalJump(random_matrix(rng), first, amplitude=np.sin, argument=argument(*names)),
        cj.LocalJump(random_matrix(rng), last, amplitude=kink, argument=argument(*names), exclude_self=True),
        cj.CollectiveJump({name: random_matrix(rng) for name in names}, 0.8),
        cj.LocalJump(random_matrix(rng), last),
        cj.LocalJump(0.7 * LOWER, first, rate=np.exp, argument=argument(last), exclude_self=True),
        cj.LocalJump(0.4j * RAISE, last, amplitude=step, argument=argument(first)),
        cj.CollectiveJump({last: LOWER + 0.3 * ONE}, 0.3),
        cj.LocalJump(0.5 * Z, first, amplitude=np.cos, argument={first: 0.3 * ONE, last: Z}, exclude_self=True),
    ]
    return cj.Model([cj.Block(name, n) for name, n in zip(names, sizes, strict=True)], terms, jumps)


SIZES = [(1,), (2,), (5,), (1, 1), (3, 2), (1, 4), (2, 4), (1, 1, 1), (2, 1, 3)]


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_h_eff_and_rate_operators_of_random_models(sizes, parallel):
    model = random_model(sizes, 1, parallel=parallel)
    basis = ProductBasis(model)
    for two_J in all_sectors(model):
        sector, D = basis.sector(two_J), frame(basis, two_J)
        assert sector.dims == tuple(j + 1 for j in two_J)
        close(dense_sector(sector), D.conj().T @ h_eff(model, two_J) @ D)
        for number, jump in enumerate(model.jumps):
            close(dense_rate(sector, number), D.conj().T @ rate_operator(model, jump, two_J) @ D)


@pytest.mark.parametrize("merge", [False, True])
@pytest.mark.parametrize("exclude_self", [False, True])
def test_h_eff_of_hopfield_networks(exclude_self, merge):
    patterns = np.array([[1, 1, -1, 1, 1], [1, -1, 1, 1, 1], [1, 1, 1, 1, -1]])
    model = cj.systems.hopfield(patterns, 0.4, 1.9, exclude_self=exclude_self, merge=merge)
    basis = ProductBasis(model)
    assert not any(channel.turn for channel in basis.channels)
    for two_J in all_sectors(model):
        sector = basis.sector(two_J)
        close(dense_sector(sector), h_eff(model, two_J))
        for number, jump in enumerate(model.jumps):
            close(dense_rate(sector, number), rate_operator(model, jump, two_J))


@pytest.mark.parametrize("sizes", [(4,), (2, 2), (1, 3), (2, 1, 1)])
def test_traces_over_the_full_space(sizes):
    """Words in H_eff and the averages have the same trace over d^N as over all sectors, each as often as it occurs."""
    model = random_model(sizes, 7)
    whole = oracle.Oracle(model)
    full = whole.hamiltonian - 0.5j * sum(J.conj().T @ J for J in whole.jumps)

    def words(H, m):
        dagger = H.conj().T
        found = [np.trace(H), np.trace(H @ H), np.trace(H @ H @ H), np.trace(dagger @ H), np.trace(H @ H @ dagger)]
        found += [np.trace(H @ a) for a in m] + [np.trace(H @ a @ dagger @ b) for a in m for b in m]
        return np.array(found)

    basis, total = ProductBasis(model), 0
    for two_J in all_sectors(model):
        D = frame(basis, two_J)
        averages = [
            D.conj().T @ summed(model, {b.name: o / b.size}, sizes, two_J) @ D for b in model.blocks for o in PAULI
        ]
        copies = np.prod([twins.copies(n, j) for n, j in zip(sizes, two_J, strict=True)])
        total = total + copies * words(dense_sector(basis.sector(two_J)), averages)
    expected = words(full, whole.averages)
    np.testing.assert_allclose(total, expected, rtol=0, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("sizes", [(3,), (2, 3), (1, 2, 1)])
def test_twin_kraus_operators_add_up_to_the_rate_operator(sizes):
    """The dense Kraus operators by which trajectories are replayed below are those of the rate operator."""
    model = random_model(sizes, 3)
    for two_J in all_sectors(model):
        for jump in model.jumps:
            if isinstance(jump, cj.CollectiveJump):
                continue
            b = model.block_index(jump.block)
            K = [kraus(model, jump, two_J, mu, new) for mu, new in twins.outcomes(sizes[b], two_J[b])]
            close(sum(k.conj().T @ k for k in K), rate_operator(model, jump, two_J))


def test_sectors_are_kept_within_their_memory():
    model = random_model((3, 3), 2)
    basis = ProductBasis(model, memory=1)
    kept = ProductBasis(model)
    for two_J in (*all_sectors(model), *all_sectors(model)):
        close(dense_sector(basis.sector(two_J)), dense_sector(kept.sector(two_J)))
        assert len(basis._kept) == 1
        assert basis._kept.used == basis.sector(two_J).nbytes
    assert len(kept._kept) == len(all_sectors(model))
    assert kept.sector((3, 1)) is kept.sector((3, 1))


# ---- one block of the tensor product -------------------------------------------------------------

sector = st.integers(1, 14).flatmap(lambda N: st.tuples(st.just(N), st.sampled_from(twins.sectors(N))))
seeds = st.integers(0, 2**32 - 1)


@given(sector, seeds, seeds)
def test_one_body_operators(case, seed, other):
    N, two_J = case
    s = SpinSector(N, two_J)
    a, b = random_matrix(np.random.default_rng(seed)), random_matrix(np.random.default_rng(other))
    A, B = s.one_body(a).toarray(), s.one_body(b).toarray()
    close(A, twins.collective(a, N, two_J))
    close(A @ B - B @ A, s.one_body(a @ b - b @ a).toarray())
    close(s.ups - N / 2, np.arange(two_J + 1) - two_J / 2)
    close(np.diag(s.ups), s.one_body(np.diag([1, 0])).toarray())


@given(sector, seeds)
def test_moves_take_one_particle_out(case, seed):
    N, two_J = case
    s, x = SpinSector(N, two_J), random_matrix(np.random.default_rng(seed))
    assert [m.rest for m in s.moves()] == twins.remaining(N, two_J)
    number, operator = 0, 0
    for move in s.moves():
        C = twins.clebsch(two_J, move.rest).reshape(move.rest + 1, 2, two_J + 1)
        weight = np.sqrt(twins.removal_weight(N, two_J, move.rest))
        for spin in range(2):
            close(move.back[spin].toarray(), C[:, spin])
            close(move.out[spin].toarray(), weight * C[:, spin])
            close(s.entrance(move.rest)[spin].toarray(), C[:, spin])
        number = number + sum((o.conj().T @ o).toarray() for o in move.out)
        operator = operator + sum(
            x[r, c] * (move.out[r].conj().T @ move.out[c]).toarray() for r in range(2) for c in range(2)
        )
    close(number, N * np.eye(two_J + 1))
    close(operator, s.one_body(x).toarray())


@given(st.integers(1, 14).flatmap(lambda N: st.tuples(st.just(N), st.sampled_from(twins.sectors(N - 1)))))
def test_entrances_are_complete(case):
    """V_μ ⊗ C² is filled by the sectors that a particle can be put into."""
    N, two_mu = case
    total = 0
    for two_J in (two_mu - 1, two_mu + 1):
        if two_J >= 0:
            C = np.concatenate([c.toarray() for c in spin_sector(N, two_J).entrance(two_mu)])
            close(C.conj().T @ C, np.eye(two_J + 1))
            total = total + C @ C.conj().T
    close(total, np.eye(2 * (two_mu + 1)))


@given(st.integers(0, 24), seeds)
def test_rotation_matrix_turns_operators(two_J, seed):
    rng = np.random.default_rng(seed)
    U, x = random_unitary(rng), random_matrix(rng)
    s, D = SpinSector(two_J, two_J), rotation_matrix(two_J, U)
    close(D.conj().T @ D, np.eye(two_J + 1))
    close(D.conj().T @ s.one_body(x).toarray() @ D, s.one_body(U.conj().T @ x @ U).toarray())
    expected = twins.sector_rotation(two_J, U)
    phase = np.vdot(expected, D)
    close(D, expected * phase / abs(phase))


@given(st.integers(0, 24), seeds, seeds)
def test_rotations_follow_each_other(two_J, seed, other):
    U, V = random_unitary(np.random.default_rng(seed)), random_unitary(np.random.default_rng(other))
    both, one_by_one = rotation_matrix(two_J, U @ V), rotation_matrix(two_J, U) @ rotation_matrix(two_J, V)
    phase = np.vdot(both, one_by_one)
    close(one_by_one, both * phase / abs(phase))


@pytest.mark.parametrize("phase", [1, -1, 1j])
@pytest.mark.parametrize("turn", [0.0, np.pi, 2 * np.pi, np.pi / 2])
@pytest.mark.parametrize("two_J", [0, 1, 6, 7])
def test_rotation_matrix_of_special_angles(two_J, turn, phase):
    for pauli in PAULI:
        U = phase * (np.cos(turn / 2) * ONE - 1j * np.sin(turn / 2) * pauli)
        s, D = SpinSector(two_J, two_J), rotation_matrix(two_J, U)
        for x in (*PAULI, RAISE):
            close(D.conj().T @ s.one_body(x).toarray() @ D, s.one_body(U.conj().T @ x @ U).toarray())


@pytest.mark.parametrize("angle", [1e-11, 1e-9, 1e-8, 1e-7, 1e-6, 1e-4, np.pi - 1e-8, 2 * np.pi - 1e-8])
@pytest.mark.parametrize("two_J", [1, 20])
def test_rotation_matrix_of_axes_that_nearly_agree(two_J, angle):
    """A small angle must not be lost in its cosine, nor one just below a whole turn."""
    U = np.cos(angle / 2) * ONE - 1j * np.sin(angle / 2) * (0.6 * X + 0.8 * Y)
    s, D = SpinSector(two_J, two_J), rotation_matrix(two_J, U)
    close(D.conj().T @ s.one_body(Z).toarray() @ D, s.one_body(U.conj().T @ Z @ U).toarray())


# ---- components ----------------------------------------------------------------------------------

A, B, C = (cj.Block(name, size) for name, size in (("a", 2), ("b", 1), ("c", 3)))
NOTHING = np.zeros((2, 2))


def three_blocks(*terms, jumps=()):
    return cj.Model([A, B, C], [cj.OneBody(0.3 * X, n) for n in "abc"] + list(terms), list(jumps))


GROUPS = {
    "nothing": (three_blocks(), [(0,), (1,), (2,)]),
    "one block alone": (cj.Model([A]), [(0,)]),
    "two-body term": (three_blocks(cj.TwoBody(Z, Z, 0.4, ("a", "c"))), [(0, 2), (1,)]),
    "two-body term within": (three_blocks(cj.TwoBody(Z, Z, 0.4, ("c", "c"))), [(0,), (1,), (2,)]),
    "a rate": (three_blocks(jumps=[cj.LocalJump(LOWER, "c", amplitude=np.exp, argument={"b": X})]), [(0,), (1, 2)]),
    "a rate of two others": (
        three_blocks(jumps=[cj.LocalJump(LOWER, "c", amplitude=np.exp, argument={"a": X, "b": Z})]),
        [(0, 1, 2)],
    ),
    "a rate with nothing in it": (
        three_blocks(jumps=[cj.LocalJump(LOWER, "c", amplitude=np.exp, argument={"a": NOTHING, "b": NOTHING})]),
        [(0,), (1,), (2,)],
    ),
    "a collective jump": (three_blocks(jumps=[cj.CollectiveJump({"a": LOWER, "c": RAISE}, 1.0)]), [(0, 2), (1,)]),
    "a collective jump with nothing in it": (
        three_blocks(jumps=[cj.CollectiveJump({"a": LOWER, "c": NOTHING}, 1.0)]),
        [(0,), (1,), (2,)],
    ),
    "a chain": (
        three_blocks(
            cj.TwoBody(Z, Z, 0.4, ("c", "b")), jumps=[cj.LocalJump(LOWER, "b", amplitude=np.exp, argument={"a": X})]
        ),
        [(0, 1, 2)],
    ),
}


@pytest.mark.parametrize("name", GROUPS)
def test_which_blocks_are_coupled(name):
    model, expected = GROUPS[name]
    parts = components(model)
    assert [part.blocks for part in parts] == expected
    for part in parts:
        assert [b.name for b in part.model.blocks] == [model.blocks[b].name for b in part.blocks]
    assert sorted(j for part in parts for j in part.jumps) == list(range(len(model.jumps)))
    assert [p.names for p in recipe_of(model).parts] == [
        tuple(model.blocks[b].name for b in part.blocks) for part in parts
    ]


def test_hopfield_blocks_with_orthogonal_signatures_are_independent():
    patterns = np.array([[1, 1, 1, -1, -1, -1, 1], [1, 1, -1, 1, -1, -1, 1]])
    model = cj.systems.hopfield(patterns, 0.5, 2.0)
    assert [b.name for b in model.blocks] == ["++", "+-", "-+", "--"]
    assert [part.blocks for part in components(model)] == [(0, 3), (1, 2)]
    merged = cj.systems.hopfield(patterns, 0.5, 2.0, merge=True)
    assert [part.blocks for part in components(merged)] == [(0,), (1,)]
    assert all(is_banded(part.model) for part in components(merged))
    three = cj.systems.hopfield(np.vstack([patterns, [1, -1, 1, 1, -1, 1, -1]]), 0.5, 2.0, merge=True)
    assert len(components(three)) == 1


def separable():
    """Blocks a and c coupled in every way, b alone; matrices of zeros that couple nothing."""
    rng = np.random.default_rng(5)
    terms = [cj.OneBody(random_hermitian(rng), name) for name in "abc"] + pair(rng, "a", "c") + pair(rng, "b", "b")
    jumps = [
        cj.LocalJump(random_matrix(rng), "c", amplitude=np.sin, argument={"a": X, "b": NOTHING, "c": Y}),
        cj.CollectiveJump({"b": LOWER + ONE}, 0.7),
        cj.LocalJump(random_matrix(rng), "b", rate=np.exp, argument={"a": NOTHING, "b": X + Z}, exclude_self=True),
        cj.CollectiveJump({"a": LOWER, "b": NOTHING, "c": random_matrix(rng)}, 0.9),
        cj.LocalJump(0.7 * RAISE, "b", amplitude=kink, argument={"c": NOTHING}),
        cj.LocalJump(0.4 * Z, "a", amplitude=kink, argument={"c": ONE + X}, exclude_self=True),
    ]
    return cj.Model([A, cj.Block("b", 2), cj.Block("c", 1)], terms, jumps)


def test_components_rescale_their_strengths():
    model = separable()
    coupled, alone = components(model)
    assert (coupled.blocks, alone.blocks) == ((0, 2), (1,))
    assert (coupled.jumps, alone.jumps) == ((0, 3, 5), (1, 2, 4))
    for part, share in ((coupled, 3 / 5), (alone, 2 / 5)):
        names = {b.name for b in part.model.blocks}
        theirs = [t for t in model.hamiltonian if isinstance(t, cj.TwoBody) and set(t.blocks) <= names]
        found = [t for t in part.model.hamiltonian if isinstance(t, cj.TwoBody)]
        assert len(found) == len(theirs) == 2
        for mine, whole in zip(found, theirs, strict=True):
            # g/N is the same
            assert mine.strength / part.model.size == pytest.approx(whole.strength / model.size)
            assert mine.strength == pytest.approx(share * whole.strength)
        for number, jump in zip(part.jumps, part.model.jumps, strict=True):
            whole = model.jumps[number]
            assert type(jump) is type(whole)
            if isinstance(jump, cj.CollectiveJump):
                assert jump.rate / part.model.size == pytest.approx(whole.rate / model.size)
                assert set(jump.matrices) <= names
            else:
                assert set(jump.argument) <= names
                assert jump.exclude_self == whole.exclude_self
    assert components(cj.Model([A]))[0].model.size == 2


def test_components_have_the_master_equation_of_the_whole():
    model, times = separable(), [0.0, 0.3, 0.9]
    rng = np.random.default_rng(9)
    kets = {name: (k := rng.normal(size=2) + 1j * rng.normal(size=2)) / np.linalg.norm(k) for name in "abc"}
    whole = oracle.solve(model, oracle.product_state(model, kets), times)
    for part in components(model):
        rho = oracle.product_state(part.model, {b.name: kets[b.name] for b in part.model.blocks})
        alone = oracle.solve(part.model, rho, times)
        places = np.concatenate([np.arange(3 * b, 3 * b + 3) for b in part.blocks])
        close(alone.mean, whole.mean[:, places])
        close(alone.second, whole.second[np.ix_(range(len(times)), places, places)])
    close(whole.second[:, 0:3, 3:6], whole.mean[:, 0:3, None] * whole.mean[:, None, 3:6])
    assert np.abs(whole.second[:, 0:3, 6:9] - whole.mean[:, 0:3, None] * whole.mean[:, None, 6:9]).max() > 1e-3


# ---- the general engine on models that the banded one runs ---------------------------------------


@pytest.mark.parametrize("N", [1, 2, 5])
@pytest.mark.parametrize("name", sorted(SINGLE))
def test_both_engines_have_the_same_h_eff(name, N):
    model = SINGLE[name](N)
    banded, general = build(model), ProductBasis(model)
    for two_J in twins.sectors(N):
        one, other = twins.sector_rotation(two_J, banded.rotation), frame(general, (two_J,))
        first = one @ twins.banded_matrix(banded.h_eff, two_J) @ one.conj().T
        second = other @ dense_sector(general.sector((two_J,))) @ other.conj().T
        shift = (second - first)[0, 0].real  # a constant of the sector that only turns the phase
        close(first + shift * np.eye(two_J + 1), second)
        values = np.sort_complex(np.round(np.linalg.eigvals(first) + shift, 6))
        np.testing.assert_allclose(values, np.sort_complex(np.round(np.linalg.eigvals(second), 6)), atol=3e-6)


def figures(engine, n_traj, seed):
    """Means and second moments over trajectories with their standard errors."""
    found = [engine.run(seed, index) for index in range(n_traj)]
    both = []
    for values in (np.array([o.mean for o in found]), np.array([o.second for o in found])):
        both.append((values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(n_traj)))
    return both


@pytest.mark.parametrize(("name", "N"), [("traced_excluded", 4), ("hopfield", 3), ("dephasing", 5)])
def test_both_engines_give_the_same_averages(name, N):
    model, times = SINGLE[name](N), np.array([0.0, 0.4, 0.9])
    state = cj.product(model, {model.blocks[0].name: np.array([[0.7, 0.25 - 0.2j], [0.25 + 0.2j, 0.3]])})
    banded = figures(Engine(model, state, times, 1e-9), 8000, 1)
    general = figures(ProductEngine(model, state, times, 1e-9), 1200, 2)
    pairs = [(a, np.hypot(ea, eb), b) for (a, ea), (b, eb) in zip(general, banded, strict=True)]
    verdict = compare(pairs)
    print(f"{name}: {verdict}")
    assert verdict.passes, verdict
    assert verdict.largest_error < 0.025


# ---- whole trajectories --------------------------------------------------------------------------

TIMES = np.array([0.0, 0.15, 0.5, 1.0, 1.6])
THETA, PHI = 1.1, 0.4


def draws(seed, index, part=0):
    """Random numbers from a pure start: a waiting, then for each jump a choice and a waiting."""
    words = np.random.SeedSequence(seed).generate_state(2, np.uint64)
    return np.random.Generator(np.random.Philox(counter=[0, 0, part, index], key=words))


def averages(model, two_J, ket):
    m = [summed(model, {b.name: o / b.size}, sizes_of(model), two_J) @ ket for b in model.blocks for o in PAULI]
    return np.array([np.vdot(ket, v).real for v in m]), np.array([[np.vdot(a, b).real for b in m] for a in m])


class Replay:
    """A trajectory of one component again with dense matrices in the user's frame, from its jump record."""

    def __init__(self, model, jumps, ket, two_J, generator):
        self.means, self.seconds, self.sectors, self.misses, self.picked = [], [], [], [], []
        now, waiting, output = 0.0, generator.standard_exponential(), list(TIMES)

        @lru_cache
        def outcomes(two_J):
            ways = []
            for l, jump in enumerate(model.jumps):
                if isinstance(jump, cj.CollectiveJump):
                    ways.append((l, two_J, collective_jump(model, jump, two_J)))
                    continue
                b = model.block_index(jump.block)
                for mu in (two_J[b] - 1, two_J[b] + 1):
                    for new in (mu - 1, mu + 1):
                        if (mu, new) in twins.outcomes(model.blocks[b].size, two_J[b]):
                            ways.append((l, replaced(two_J, b, new), kraus(model, jump, two_J, mu, new)))
            return ways

        H = lru_cache(lambda two_J: h_eff(model, two_J))

        def move(duration):
            after = twins.evolve(H(two_J), ket, duration)
            norm = np.linalg.norm(after)
            return after / norm, -2 * np.log(norm)

        def report(t):
            mean, second = averages(model, two_J, move(t - now)[0])
            self.means.append(mean)
            self.seconds.append(second[np.triu_indices(len(second))])
            self.sectors.append(np.array(two_J) / 2)

        for record in jumps:
            while output and output[0] <= record["time"]:
                report(output.pop(0))
            ket, lost = move(record["time"] - now)
            self.misses.append(lost - waiting)
            now = record["time"]
            ways = outcomes(two_J)
            reached = np.cumsum([np.linalg.norm(K @ ket) ** 2 for *_, K in ways])
            l, new, K = ways[
                min(np.searchsorted(reached, generator.random() * reached[-1], side="right"), len(ways) - 1)
            ]
            self.picked.append(l == record["channel"] and np.array_equal(np.array(new) / 2, record["sector"]))
            if not self.picked[-1]:
                return
            ket, two_J = K @ ket, new
            ket = ket / np.linalg.norm(ket)
            waiting = generator.standard_exponential()
        while output:
            report(output.pop(0))
        self.last = waiting - move(TIMES[-1] - now)[1]


def replayed(model, part, one, index, part_number, seed=99):
    """Dense twin of the blocks of one component, from the record of the whole."""
    size = len(model.blocks)
    record = one.jumps[np.isin(one.jumps["channel"], part.jumps)]
    jumps = [
        {
            "time": r["time"],
            "channel": part.jumps.index(r["channel"]),
            "sector": np.atleast_1d(r["sector"])[list(part.blocks)] if size > 1 else np.atleast_1d(r["sector"]),
        }
        for r in record
    ]
    ket = np.array([np.cos(THETA / 2), np.exp(1j * PHI) * np.sin(THETA / 2)])
    start = kron([twins.product_ket(b.size, ket) for b in part.model.blocks])
    two_J = tuple(b.size for b in part.model.blocks)
    return Replay(part.model, jumps, start, two_J, draws(seed, index, part_number))


def two_components():
    """Two groups that the general engine runs: a and c with everything, b with arguments along three axes."""
    rng = np.random.default_rng(5)
    coupled = random_model((2, 2), 4)
    names = {"b0": "a", "b1": "c"}

    def renamed(matrices):
        return {names[name]: x for name, x in matrices.items()}

    jumps = []
    for jump in coupled.jumps:
        if isinstance(jump, cj.CollectiveJump):
            jumps.append(cj.CollectiveJump(renamed(jump.matrices), jump.rate))
            continue
        options = {"amplitude": jump.amplitude, "rate": jump.rate, "argument": renamed(jump.argument) or None}
        jumps.append(cj.LocalJump(0.7 * jump.matrix, names[jump.block], exclude_self=jump.exclude_self, **options))
    alone = [
        cj.LocalJump(random_matrix(rng), "b", amplitude=kink, argument={"b": o}, exclude_self=e)
        for o, e in ((X, False), (Y, True), (Z, False))
    ]
    jumps[1:1] = alone[:2]
    terms = [cj.TwoBody(X, Y, 0.5, ("a", "c")), cj.OneBody(0.3 * Y, "b"), cj.TwoBody(Z, Z, 0.4, ("b", "b"))]
    return cj.Model([cj.Block("a", 2), cj.Block("b", 3), cj.Block("c", 2)], terms, [*jumps, alone[2]])


WHOLE = {
    "random, one block": lambda: random_model((4,), 2),
    "random, two blocks": lambda: random_model((2, 3), 2),
    "random, three blocks": lambda: random_model((1, 2, 2), 2),
    "parallel arguments": lambda: random_model((3, 2), 6, parallel=True),
    "hopfield": lambda: cj.systems.hopfield(
        np.array([[1, 1, -1, 1, -1], [1, -1, 1, 1, 1], [1, 1, 1, 1, -1]]), 0.7, 1.2
    ),
    "two patterns": lambda: cj.systems.hopfield(np.array([[1, 1, -1, 1, -1, -1], [1, -1, 1, 1, 1, -1]]), 0.7, 1.2),
    "two components": two_components,
    "collective up and down": lambda: cj.Model(
        [cj.Block("spins", 5)],
        [cj.OneBody(0.9 * X, "spins")],
        [cj.CollectiveJump({"spins": LOWER + 0.4j * RAISE}, 1.5), cj.CollectiveJump({"spins": Z}, 0.2)],
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_trajectory(name):
    model = WHOLE[name]()
    state, parts, jumped = cj.tilted(model, THETA, PHI), components(model), 0
    assert not any(is_banded(part.model) for part in parts)
    for index in range(3):
        one = cj.trajectory(model, state, TIMES, seed=99, index=index)
        sectors = one.sectors.reshape(len(TIMES), -1)
        assert np.all(np.diff(one.jumps["time"]) > 0)
        for number, part in enumerate(parts):
            twin = replayed(model, part, one, index, number)
            assert all(twin.picked)
            assert np.abs(twin.misses).max(initial=0) < 2e-8
            assert twin.last > -2e-8  # no jump is missing at the end
            places = np.concatenate([np.arange(3 * b, 3 * b + 3) for b in part.blocks])
            np.testing.assert_allclose(one.mean[:, places], twin.means, rtol=0, atol=1e-7)
            np.testing.assert_array_equal(sectors[:, list(part.blocks)], twin.sectors)
        jumped += len(one.jumps)
    assert jumped >= 3


def test_second_moments_of_a_trajectory():
    model = random_model((2, 3), 2)
    engine = make_engine(model, cj.tilted(model, THETA, PHI), TIMES, 1e-9)
    outcome = engine.run(99, 1, record=True)
    one = cj.trajectory(model, cj.tilted(model, THETA, PHI), TIMES, seed=99, index=1)
    np.testing.assert_array_equal(outcome.mean, one.mean)
    twin = replayed(model, components(model)[0], one, 1, 0)
    np.testing.assert_allclose(outcome.second, twin.seconds, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "tolerance", "bound"), [("random, two blocks", 1e-6, 1e-4), ("hopfield", 1e-12, 1e-9)]
)
def test_a_trajectory_honours_its_tolerance(name, tolerance, bound):
    model = WHOLE[name]()
    one = cj.trajectory(model, cj.tilted(model, THETA, PHI), TIMES, seed=99, index=0, tolerance=tolerance)
    twin = replayed(model, components(model)[0], one, 0, 0)
    assert all(twin.picked)
    np.testing.assert_allclose(one.mean, twin.means, rtol=0, atol=bound)


@pytest.mark.parametrize(
    "patterns", [[[1, 1, 1, 1, -1, -1], [1, 1, 1, -1, 1, 1]], [[1, 1, 1, 1, -1], [1, 1, 1, -1, 1]]]
)
def test_record_of_several_components(patterns):
    """The banded engine beside the general one: one record, with the numbers and the sectors of the whole model."""
    model = cj.systems.hopfield(np.array(patterns), 0.6, 1.5)
    state, parts = cj.tilted(model, THETA, PHI), components(model)
    assert {is_banded(part.model) for part in parts} == {True, False}
    B = len(model.blocks)
    for index in range(4):
        one = cj.trajectory(model, state, TIMES, seed=3, index=index)
        record = one.jumps
        assert record["sector"].shape == (len(record), B)
        assert np.all(np.diff(record["time"]) > 0)
        assert np.all((record["time"] > 0) & (record["time"] <= TIMES[-1]))
        sector = np.array([b.size / 2 for b in model.blocks])
        np.testing.assert_array_equal(one.sectors[0], sector)
        for n, entry in enumerate(record):
            b = model.block_index(model.jumps[entry["channel"]].block)
            assert np.flatnonzero(entry["sector"] != sector).tolist() in ([], [b])
            assert abs(entry["sector"][b] - sector[b]) <= 1
            sector = entry["sector"]
            until = record["time"][n + 1] if n + 1 < len(record) else np.inf
            between = np.array([entry["time"] <= t < until for t in TIMES])
            assert np.all(one.sectors[between] == sector)
        for number, part in enumerate(parts):
            own = State(tuple(state.blocks[b] for b in part.blocks))
            alone = make_engine(part.model, own, TIMES, 1e-9).run(3, index, part=number, record=True)
            mine = record[np.isin(record["channel"], part.jumps)]
            np.testing.assert_array_equal(mine["time"], alone.jumps["time"])
            np.testing.assert_array_equal(mine["channel"], np.array(part.jumps)[alone.jumps["channel"]])
            places = np.concatenate([np.arange(3 * b, 3 * b + 3) for b in part.blocks])
            np.testing.assert_array_equal(one.mean[:, places], alone.mean)


def test_a_trajectory_is_that_of_the_ensemble():
    model = random_model((2, 2), 8)
    state = cj.product(model, {b.name: np.array([[0.7, 0.1j], [-0.1j, 0.3]]) for b in model.blocks})
    result = cj.simulate(model, state, TIMES, n_traj=5, seed=4, keep=5)
    for index in (4, 0, 2):
        one = cj.trajectory(model, state, TIMES, seed=4, index=index)
        np.testing.assert_array_equal(one.mean, result.trajectories[index])
    assert result.n_jumps == sum(len(cj.trajectory(model, state, TIMES, seed=4, index=i).jumps) for i in range(5))


def test_a_kinked_rate_that_is_zero_somewhere():
    """|x| vanishes at the middle of the spectrum: the waiting there is endless and must not be cut short."""
    model = cj.Model(
        [cj.Block("a", 2), cj.Block("b", 2)],
        [],
        [cj.LocalJump(RAISE, "a", amplitude=np.abs, argument={"a": Z, "b": X}), cj.LocalJump(Z, "b")],
    )
    # M = 0 in a and in b along x: Δ = 0
    assert components(model)[0].blocks == (0, 1)
    two_J = (2, 2)
    close(dense_rate(ProductBasis(model).sector(two_J), 0)[4, 4], 0)
    state = cj.dicke(model, {"a": (1, 0), "b": (1, 1)})
    times = np.array([0.0, 0.7, 1.5])
    result = cj.simulate(model, state, times, n_traj=1500, seed=2)
    rho = oracle.dicke_state(model, {"a": (1, 0), "b": (1, 1)})
    exact = oracle.solve(model, rho, times)
    assert compare([(result.mean, result.mean_stderr, exact.mean)]).passes


def test_record_when_nothing_jumps():
    """Components without a single jump leave an empty record of the right shape."""
    patterns = np.array([[1, 1, 1, -1], [1, 1, -1, 1]])
    model = cj.systems.hopfield(patterns, 0.6, 1.5)
    one = cj.trajectory(model, cj.tilted(model, THETA, PHI), [0.0, 1e-9], seed=0, index=0)
    assert one.jumps.shape == (0,)
    assert one.jumps["sector"].shape == (0, 3)
    np.testing.assert_array_equal(one.sectors, [[1, 0.5, 0.5]] * 2)


def test_averages_of_inner_products_at_once_are_those_of_products():
    # a matrix that is made once against <m_a> and <½{m_a, m_b}> as they are written
    rng, sizes = np.random.default_rng(4), []
    for A, V in ((1, 2), (3, 4), (6, 7), (9, 9), (12, 13)):
        w, vectors = (rng.normal(size=shape) + 1j * rng.normal(size=shape) for shape in ((A, V), (5, V, 30)))
        grams = vectors.conj() @ vectors.transpose(0, 2, 1)
        at_once, (mean, second) = _at_once(w), (made[0] for made in _by_products(w, grams[None]))
        averages = np.einsum("av,tvn->tan", w, vectors)
        rows, columns = np.triu_indices(A)
        np.testing.assert_allclose(mean, np.einsum("tn,tan->ta", vectors[:, 0].conj(), averages).real, atol=1e-11)
        products = np.einsum("tan,tbn->tab", averages.conj(), averages).real
        np.testing.assert_allclose(second, products[:, rows, columns], atol=1e-10)
        sizes.append(at_once is not None)
        if at_once is not None:
            made = grams.reshape(5, -1).view(float) @ at_once
            np.testing.assert_allclose(made, np.concatenate([mean, second], axis=1), atol=1e-10)
    assert sizes == [True, True, True, True, False]


@pytest.mark.parametrize(("levels", "needed"), [(2, ["real banded", "banded"]), (3, ["banded", "patterns"])])
def test_kernels_are_compiled_before_the_work_only_where_they_are_needed(levels, needed, monkeypatch):
    made = []
    for representation in representations.REPRESENTATIONS:
        monkeypatch.setattr(type(representation), "compile", lambda self: made.append(self.kernels))
    monkeypatch.setattr(kernel_cache.kernels_in_use, "ready", set())
    monkeypatch.setattr(kernel_cache.kernels_in_use, "place", None)
    compilation.prepare([cj.Model([cj.Block("p", 3, levels=levels)])])
    assert made == needed
