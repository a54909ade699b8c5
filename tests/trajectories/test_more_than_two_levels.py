"""The engine with more than two levels per particle: frames, sectors of a model, starts, records, budgets."""

from functools import reduce
from itertools import product as combinations
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cojump as cj
from cojump.basis.diagram_sector import diagram_sector
from cojump.basis.occupations import Occupations
from cojump.basis.reported_sectors import Places, sector_array, spins_in
from cojump.basis.rotations import representation, rotated
from cojump.basis.sectors import dimension_of, rows_of, sector_labels, sector_of
from cojump.basis.tableau_starts import TableauStart, insert, pattern_of, symmetric_product
from cojump.tools.cache_by_bytes import CacheByBytes
from cojump.tools.matrices import ROUNDING, is_diagonal
from cojump.trajectories import product_state
from cojump.trajectories.engine import make_engine
from cojump.trajectories.frames import common_frame, shares_frame, turn_of
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.product_moves import carried_out
from cojump.trajectories.product_sectors import ProductBasis
from cojump.trajectories.recipe import recipe_of
from tests import oracle
from tests.statistical.level_cases import MODELS, start
from tests.support.longer import few
from tests.support.random_models import random_hermitian, random_matrix, random_unitary


def close(a, b, atol=1e-12):
    np.testing.assert_allclose(a, b, rtol=0, atol=atol)


def rng_of(*seed):
    return np.random.default_rng(seed)


def hermitian(rng, d):
    return random_hermitian(rng, d) / 2


def kron(factors):
    return reduce(np.kron, factors)


# ---- occupation numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "levels"), [(0, 3), (5, 2), (4, 3), (3, 5), (1, 4)])
def test_occupations_are_numbered_in_their_order(count, levels):
    grid = Occupations(count, levels)
    every = grid.all()
    assert len(grid) == len(every) == len({tuple(n) for n in every})
    np.testing.assert_array_equal(every.sum(axis=1), count)
    np.testing.assert_array_equal(grid.number(every), np.arange(len(grid)))
    if levels == 2:
        np.testing.assert_array_equal(every[:, 0], np.arange(count + 1))


def test_averages_do_not_leave_their_interval():
    values = np.array([1 / 3, 0.1, 1 / 3])
    averages = Occupations(7, 3).averages(values, 7)
    assert averages.max() == 1 / 3
    assert averages.min() == 0.1
    close(Occupations(6, 3).averages(values, 7), Occupations(6, 3).all() @ values / 7)


# ---- frames ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [3, 4, 5])
def test_commuting_matrices_share_a_frame_even_if_degenerate(levels):
    U = random_unitary(rng_of(levels), levels)
    spectra = [np.repeat([1.0, -1.0], [levels - 1, 1]), np.eye(levels)[0], np.arange(levels) // 2, np.ones(levels)]
    matrices = [(U * np.asarray(s, dtype=float)) @ U.conj().T for s in spectra]
    frame = common_frame(matrices, levels)
    close(frame.conj().T @ frame, np.eye(levels))
    for m in matrices:
        assert is_diagonal(frame.conj().T @ m @ frame, ROUNDING)


def test_what_does_not_commute_gets_a_turn_of_its_own():
    rng = rng_of(1)
    first, second = hermitian(rng, 3), hermitian(rng, 3)
    frame = common_frame([first, second, first @ first], 3)
    assert turn_of(frame.conj().T @ first @ frame) is None
    assert turn_of(frame.conj().T @ (first @ first) @ frame) is None
    seen = frame.conj().T @ second @ frame
    assert is_diagonal(turn_of(seen).conj().T @ seen @ turn_of(seen), ROUNDING)
    assert np.array_equal(common_frame([np.diag([1.0, 2, 2]), np.diag([3.0, 0, 1])], 3), np.eye(3))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([(2, 1, 0), (4, 1, 0), (2, 2, 1, 0), (3, 0, 0, 0), (3, 2), (1, 1, 1)]))
def test_representations_multiply_and_turn_collective_operators(seed, diagram):
    d, rng = len(diagram), rng_of(seed)
    U, V, x = random_unitary(rng, d), random_unitary(rng, d), hermitian(rng, d)
    s = diagram_sector(diagram)
    D = representation(s, U)
    close(D @ representation(s, V), representation(s, U @ V), atol=1e-11)
    turned = s.one_body(U @ x @ U.conj().T).toarray()
    close(D @ s.one_body(x).toarray() @ D.conj().T, turned, atol=1e-11)
    ket = rng.normal(size=s.dim) + 1j * rng.normal(size=s.dim)
    close(rotated(s, U, ket), D @ ket, atol=1e-11)


# ---- sectors of a model ----------------------------------------------------------------------------


def random_model(shapes, seed, *, diagonal=False):
    """Every kind of term on blocks of (size, levels); arguments along any directions, or all of them diagonal."""
    rng = rng_of(seed, *np.ravel(shapes))
    blocks = [cj.Block(f"b{n}", size, levels=d) for n, (size, d) in enumerate(shapes)]
    first, last = blocks[0], blocks[-1]
    terms = [cj.OneBody(hermitian(rng, b.levels), b.name) for b in blocks]
    for b in blocks:
        for c in blocks:
            A, B, g = random_matrix(rng, b.levels), random_matrix(rng, c.levels), complex(*rng.normal(size=2)) / 4
            terms += [cj.TwoBody(A, B, g, (b.name, c.name))]
            terms += [cj.TwoBody(B.conj().T, A.conj().T, g.conjugate(), (c.name, b.name))]

    def argument(*over):
        if diagonal:
            return {b.name: np.diag(rng.normal(size=b.levels)) for b in over}
        return {b.name: hermitian(rng, b.levels) for b in over}

    jumps = [
        cj.LocalJump(random_matrix(rng, first.levels), first.name, amplitude=np.sin, argument=argument(*blocks)),
        cj.LocalJump(
            random_matrix(rng, last.levels), last.name, amplitude=np.cos, argument=argument(*blocks), exclude_self=True
        ),
        cj.CollectiveJump({b.name: random_matrix(rng, b.levels) for b in blocks}, 0.8),
        cj.LocalJump(random_matrix(rng, last.levels), last.name),
        cj.LocalJump(
            np.eye(first.levels)[[1, 0, *range(2, first.levels)]] * 0.5j,
            first.name,
            rate=np.exp,
            argument=argument(first),
            exclude_self=True,
        ),
    ]
    return cj.Model(blocks, terms, jumps)


def dense(sector):
    columns = []
    for n in range(sector.size):
        program = sector.h_eff.program
        program.re[:] = program.im[:] = np.nan  # nothing may be left from the run before
        columns.append(carried_out(program, np.eye(sector.size, dtype=complex)[n]))
    return np.diag(sector.energy - 1j * sector.half_rate) + np.array(columns).T


SHAPES = [((1, 3),), ((3, 3),), ((2, 4),), ((2, 2), (2, 3)), ((1, 4), (1, 2), (1, 3)), ((2, 5),)]


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("shapes", SHAPES)
def test_traces_over_the_full_space(shapes, diagonal):
    """Words in H_eff and the averages have the same trace over d^N as over all sectors, each as often as it occurs."""
    model = random_model(shapes, 3, diagonal=diagonal)
    whole = oracle.Oracle(model)
    full = whole.hamiltonian - 0.5j * sum(J.conj().T @ J for J in whole.jumps)
    chosen = [0, len(model.observables) // 2, len(model.observables) - 1]

    def words(H, m):
        dagger = H.conj().T
        found = [np.trace(H), np.trace(H @ H), np.trace(dagger @ H), np.trace(H @ H @ dagger)]
        return np.array(found + [np.trace(H @ a) for a in m] + [np.trace(H @ a @ dagger @ b) for a in m for b in m])

    basis, total = ProductBasis(model), 0
    for labels in combinations(*map(sector_labels, model.blocks)):
        sectors = [sector_of(b, label) for b, label in zip(model.blocks, labels, strict=True)]
        averages = []
        for o in (model.observables[a] for a in chosen):
            U, factors = basis.rotations[o.block], [np.eye(s.dim) for s in sectors]
            factors[o.block] = sectors[o.block].one_body(U.conj().T @ o.matrix @ U).toarray() / sectors[o.block].N
            averages.append(kron(factors))
        copies = exp(sum(s.log_copies for s in sectors))
        total = total + copies * words(dense(basis.sector(labels)), averages)
    expected = words(full, [whole.averages[a] for a in chosen])
    np.testing.assert_allclose(total, expected, rtol=0, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("shapes", SHAPES)
def test_averages_of_a_random_state(shapes):
    """<m_a> and <½{m_a, m_b}> by matrix units are those of dense operators."""
    model = random_model(shapes, 4)
    ground = cj.product(model, {b.name: np.eye(b.levels)[0] for b in model.blocks})
    engine, rng = ProductEngine(model, ground, np.array([0.0, 1.0]), 1e-9), rng_of(5)
    for labels in combinations(*map(sector_labels, model.blocks)):
        sector = engine.basis.sector(labels)
        ket = rng.normal(size=sector.size) + 1j * rng.normal(size=sector.size)
        m = []
        for o in model.observables:
            U, factors = engine.basis.rotations[o.block], [np.eye(s.dim) for s in sector.blocks]
            factors[o.block] = sector.blocks[o.block].one_body(U.conj().T @ o.matrix @ U).toarray()
            m.append(kron(factors) @ ket / model.blocks[o.block].size)
        mean, second = engine.state.averages.averages(sector, ket)
        norm2 = np.vdot(ket, ket).real
        close(mean, np.array([np.vdot(ket, v).real for v in m]) / norm2)
        gram = (np.array(m).conj() @ np.array(m).T).real / norm2
        close(second, gram[np.triu_indices(len(m))])


# ---- starts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "levels"), [(1, 3), (4, 3), (5, 2), (3, 4)])
def test_each_pattern_comes_from_as_many_words_as_its_sector_has_copies(size, levels):
    """Robinson-Schensted-Knuth over all words: what makes the drawn mixture exact."""
    found = {}
    for word in combinations(range(levels), repeat=size):
        diagram, place = pattern_of(insert(word, levels))
        np.testing.assert_array_equal(diagram_sector(diagram).occupations[place], np.bincount(word, minlength=levels))
        found[diagram, place] = found.get((diagram, place), 0) + 1
    assert len(found) == sum(diagram_sector(d).dim for d in {d for d, _ in found})
    for (diagram, _), count in found.items():
        assert count == round(exp(diagram_sector(diagram).log_copies))


@pytest.mark.parametrize(("size", "levels"), [(1, 3), (6, 3), (3, 5), (40, 3)])
def test_pure_product_states(size, levels):
    """Averages of ket⊗ket⊗..⊗ket: <x> and <x^2> of every particle being alone."""
    rng = rng_of(size, levels)
    ket = rng.normal(size=levels) + 1j * rng.normal(size=levels)
    ket[-1] = 0
    ket /= np.linalg.norm(ket)
    state = symmetric_product(size, ket)
    s = sector_of(cj.Block("b", size, levels=levels), (size, *[0] * (levels - 1)))
    x = hermitian(rng, levels)
    X = s.one_body(x)
    mean, square = (ket.conj() @ m @ ket for m in (x, x @ x))
    close(state.conj() @ X @ state, size * mean, atol=1e-12 * size)
    close(state.conj() @ (X @ (X @ state)), size * square + size * (size - 1) * mean**2, atol=1e-12 * size**2)


def test_mixed_starts_have_the_density_matrix_they_should():
    """Averages over many draws against tr(r^{⊗N} ·), in a frame that is neither r's nor the user's."""
    model = random_model(((4, 3),), 6)
    rng = rng_of(7)
    r = hermitian(rng, 3)
    r = r @ r / np.trace(r @ r).real
    x, block, frame = hermitian(rng, 3), model.blocks[0], random_unitary(rng, 3)
    start, draws = TableauStart(cj.product(model, {"b0": r}).blocks[0], block, frame), 4000
    seen = frame.conj().T @ x @ frame
    values = []
    for _ in range(draws):
        diagram, ket = start.draw(rng)
        close(np.linalg.norm(ket), 1)
        X = sector_of(block, diagram).one_body(seen)
        values.append([(ket.conj() @ X @ ket).real, np.linalg.norm(X @ ket) ** 2])
    mean, square = np.trace(r @ x).real, np.trace(r @ x @ x).real
    exact = np.array([4 * mean, 4 * square + 12 * mean**2])
    error = np.std(values, axis=0) / np.sqrt(draws)
    assert np.all(np.abs(np.mean(values, axis=0) - exact) < 4 * error)
    assert np.all(error < [0.01, 0.05])


def test_words_are_those_of_numpy():
    """A word is drawn as ``Generator.choice`` draws it, without its checks of the weights."""
    model = random_model(((7, 4),), 6)
    density = np.diag([0.4, 0.3, 0.2, 0.1])
    start = TableauStart(cj.product(model, {"b0": density}).blocks[0], model.blocks[0], random_unitary(rng_of(1), 4))
    one, other = rng_of(5), rng_of(5)
    for _ in range(50):
        word = other.choice(4, size=7, p=start._weights)
        assert start.choose(one) == insert(word, 4)
    assert one.bit_generator.state == other.bit_generator.state


def test_starts_in_large_sectors_are_those_of_small_ones(monkeypatch):
    """The change of frame as a kept matrix and by its generator are the same state."""
    import cojump.basis.tableau_starts as words

    model = random_model(((5, 3),), 8)
    state = cj.product(model, {"b0": np.diag([0.5, 0.3, 0.2])}).blocks[0]
    U, drawn = random_unitary(rng_of(2), 3), []
    for large in (0, 10**6):
        monkeypatch.setattr(words, "_LARGE", large)
        drawn.append(TableauStart(state, model.blocks[0], U).draw(rng_of(3)))
    assert drawn[0][0] == drawn[1][0]
    close(drawn[0][1], drawn[1][1], atol=1e-11)


def test_occupation_states():
    model = cj.Model([cj.Block("a", 4, levels=3), cj.Block("b", 3)], [cj.OneBody(hermitian(rng_of(1), 3), "a")])
    state = cj.occupation(model, {"a": (1, 2, 1), "b": [2, 1]})
    close(state.densities[0], np.diag([0.25, 0.5, 0.25]))
    close(state.densities[1], np.diag([2 / 3, 1 / 3]))
    assert not state.is_product
    assert cj.occupation(model, {"a": (0, 4, 0), "b": (3, 0)}).is_product
    one = cj.trajectory(model, state, [0.0], seed=0, index=0)
    close(one.mean[0, :3], [0.25, 0.5, 0.25])
    close(one.mean[0, -1], 1 / 3)
    assert rows_of(model.blocks[1], 1) == (2, 1)
    np.testing.assert_array_equal(one.sectors[0], [[4, 0, 0], [3, 0, 0]])


def test_an_occupation_state_evolves_as_the_oracle_says():
    """A generalised Dicke state of three particles, written out over 27 states."""
    model = cj.systems.lambda_pump(3, 0.7, 3.0, 0.4)
    ket = np.zeros(27)
    for word in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        ket[np.ravel_multi_index(word, (3, 3, 3))] = 1 / np.sqrt(6)
    times = np.linspace(0, 1, 3)
    exact = oracle.solve(model, np.outer(ket, ket), times)
    result = cj.simulate(model, cj.occupation(model, {"particles": (1, 1, 1)}), times, n_traj=2000, seed=3)
    off = np.abs(result.mean - exact.mean)
    assert np.all(off <= 4.5 * result.mean_stderr + 1e-9)
    assert result.mean_stderr.max() < 0.012


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ((1, 2), "be 3 numbers of particles"),
        ((1, 2, 2), "add up to 4 particles"),
        ((-1, 3, 2), "integer of at least 0"),
        ((1.5, 2, 0.5), "integer"),
        ("110", "be 3 numbers of particles"),
    ],
)
def test_bad_occupations_are_refused(value, message):
    model = cj.Model([cj.Block("a", 4, levels=3)])
    with pytest.raises(cj.ArgumentError, match=message):
        cj.occupation(model, {"a": value})


# ---- records, components, budgets --------------------------------------------------------------------


def mixed_model():
    """Spins and three-level particles that nothing couples, and a coupled pair of blocks besides."""
    unit = np.eye(3)
    down = np.array([[0, 0], [1, 0]])
    flip = np.outer(unit[0], unit[2])
    return cj.Model(
        [cj.Block("s", 3), cj.Block("p", 2, levels=3), cj.Block("t", 2)],
        [
            cj.OneBody(0.6 * (down + down.T), "s"),
            cj.OneBody(0.5 * (flip + flip.T), "p"),
            cj.TwoBody(np.diag([1, -1]), np.diag([1, 0, -1]), 0.4, ("t", "p")),
        ],
        [
            cj.LocalJump(down, "s"),
            cj.LocalJump(np.outer(unit[1], unit[2]), "p", amplitude=np.exp, argument={"p": np.diag([1, 0, 0])}),
            cj.LocalJump(down, "t"),
            cj.LocalJump(0.5 * down.T, "s"),
        ],
    )


def test_sectors_of_models_with_more_levels_are_rows_of_diagrams():
    model = mixed_model()
    kets = {"s": [0.8, 0.6j], "p": np.ones(3) / np.sqrt(3), "t": [0.6, 0.8]}
    state, times = cj.product(model, kets), np.linspace(0, 2, 5)
    one = cj.trajectory(model, state, times, seed=2, index=1)
    assert one.sectors.shape == (5, 3, 3)
    assert one.sectors.dtype.kind == "i"
    np.testing.assert_array_equal(one.sectors.sum(axis=2), [[3, 2, 2]] * 5)
    np.testing.assert_array_equal(one.sectors[:, [0, 2], 2], 0)
    np.testing.assert_array_equal(one.sectors[0], [[3, 0, 0], [2, 0, 0], [2, 0, 0]])
    assert len(one.jumps) >= 3
    assert np.all(np.diff(one.jumps["time"]) >= 0)
    assert one.jumps["sector"].shape == (len(one.jumps), 3, 3)
    moved = {0: [0], 1: [1], 2: [2], 3: [0]}
    before = one.sectors[0]
    for entry in one.jumps:
        still = [b for b in range(3) if b not in moved[int(entry["channel"])]]
        np.testing.assert_array_equal(entry["sector"][still], before[still])
        before = entry["sector"]
    np.testing.assert_array_equal(before, one.sectors[-1])
    result = cj.simulate(model, state, times, n_traj=4, seed=2, keep=4, distributions=[2.0])
    np.testing.assert_array_equal(result.trajectories[1], one.mean)
    assert result.spin.labels == ("s", "t")
    assert np.all(result.spin.mean[0] == [1.5, 1.0])
    assert result.squeezing.labels == ("s", "t")
    close(result.distribution("t").probability.sum(axis=1), 1)
    close(result.distribution("s").probability @ (2 * np.arange(4) / 3 - 1), result.mean[-1:, 2])
    pumped = cj.systems.lambda_pump(2, 1.0, 1.0, 1.0)
    without = cj.simulate(pumped, cj.occupation(pumped, {"particles": (1, 0, 1)}), [0.0], n_traj=1)
    for name in ("spin", "squeezing"):
        with pytest.raises(cj.ArgumentError, match="must belong to a block of two levels, but this model has none"):
            getattr(without, name)
    with pytest.raises(cj.ArgumentError, match=r"be one of s, .*t, but"):
        result.distribution("p")


def test_components_of_more_levels_give_the_same_figures_as_the_whole():
    """Two uncoupled parts side by side and as one product have the same ensemble (the streams differ)."""
    model = mixed_model()
    assert len(recipe_of(model).parts) == 2
    assert "Gelfand-Tsetlin" in recipe_of(model).parts[1].method
    state = cj.product(model, {"s": [0.8, 0.6j], "p": np.eye(3)[2], "t": [0.6, 0.8]})
    times = np.array([0.0, 0.7])
    apart = make_engine(model, state, times, 1e-9)
    whole = ProductEngine(model, state, times, 1e-9)
    means = [np.array([e.run(3, i).mean[-1] for i in range(800)]) for e in (apart, whole)]
    error = np.sqrt(sum(m.var(axis=0) for m in means) / 800)
    off = np.abs(means[0].mean(axis=0) - means[1].mean(axis=0))
    assert np.all(off <= 4.5 * error + 1e-9)
    assert error.max() < 0.05


def test_sector_reports():
    blocks = [cj.Block("s", 3), cj.Block("p", 4, levels=4)]
    sectors = sector_array(blocks, [(1, (2, 1, 1, 0)), (3, (4, 0, 0, 0))])
    np.testing.assert_array_equal(sectors[0], [[2, 1, 0, 0], [2, 1, 1, 0]])
    np.testing.assert_array_equal(spins_in(blocks, sectors), [[0.5], [1.5]])
    np.testing.assert_array_equal(sector_array(blocks[1:], [((2, 1, 1, 0),)]), [[2, 1, 1, 0]])
    np.testing.assert_array_equal(sector_array(blocks[:1], [(1,), (3,)]), [0.5, 1.5])
    whole = np.zeros_like(sectors)
    Places(blocks, [1]).write(sectors[:, 1], whole)
    Places(blocks, [0]).write(np.array([0.5, 1.5]), whole)
    np.testing.assert_array_equal(whole, sectors)


def test_what_is_kept_stays_within_its_budget(monkeypatch):
    model = cj.systems.potts_hopfield(np.array([[0, 0, 1, 2, 1, 0]]), 3, 0.4, 1.1)
    state = cj.product(model, {b.name: [0.6, 0.64, 0.48] for b in model.blocks})
    times = np.linspace(0, 1, 3)
    plenty = ProductEngine(model, state, times, 1e-9).run(1, 0, record=True)
    monkeypatch.setattr(product_state, "MOVES_MEMORY", 3000)
    engine = ProductEngine(model, state, times, 1e-9)
    engine.basis._kept.budget = 20_000
    scarce = engine.run(1, 0, record=True)
    np.testing.assert_array_equal(scarce.mean, plenty.mean)
    np.testing.assert_array_equal(scarce.jumps, plenty.jumps)
    assert len(plenty.jumps) > 3
    kept = engine.basis._kept
    assert kept.used == sum(s.nbytes for s in kept.values())
    assert kept.used <= kept.budget or len(kept) == 1


def test_kept_things_leave_in_the_order_of_their_use():
    class Thing:
        nbytes = 10

    kept, made = CacheByBytes(30), []
    for key in "abcadbe":
        kept.get(key, lambda key=key: (made.append(key), Thing())[1])
    assert made == list("abcdbe")
    assert len(kept) == 3
    assert kept.used == 30


def test_a_model_that_does_not_fit_is_refused_before_work_starts():
    model = cj.Model([cj.Block("p", 3000, levels=4)], [], [cj.LocalJump(np.eye(4), "p")])
    state = cj.product(model, {"p": [1, 0, 0, 0]})
    with pytest.raises(cj.ArgumentError, match="leave a trajectory that fits in memory"):
        cj.simulate(model, state, [0.0, 1.0], n_traj=1)


def test_changes_of_frame_count_in_the_recipe():
    rng = rng_of(4)
    jumps = [cj.LocalJump(np.eye(3), "p", amplitude=np.cos, argument={"p": hermitian(rng, 3)}) for _ in range(2)]
    common, apart = (cj.Model([cj.Block("p", 12, levels=3)], [], jumps[:n]) for n in (1, 2))
    assert shares_frame(common, 0)
    assert not shares_frame(apart, 0)
    (one,), (two,) = recipe_of(common).parts, recipe_of(apart).parts
    assert (
        one.amplitudes
        == two.amplitudes
        >= max(dimension_of(common.blocks[0], x) for x in sector_labels(common.blocks[0]))
    )
    assert two.nbytes > 10 * one.nbytes
    assert "dense rotations" in two.method


# ---- the exact master equation on the same sectors ---------------------------------------------------


@pytest.mark.parametrize("kind", ["pure", "mixed"])
@pytest.mark.parametrize(
    "name",
    few(
        ["mixing_3_4", "mixing_3_3_excluded", "mixing_4_2_excluded", "potts", "beside_spins"],
        "mixing_3_3_excluded",
        "mixing_4_2_excluded",
        "beside_spins",
    ),
)
def test_the_master_equation_is_that_of_the_full_space(name, kind):
    model, times = MODELS[name](), np.linspace(0, 0.6, 3)
    state, rho = start(model, kind)
    exact, full = cj.master_equation(model, state, times), oracle.solve(model, rho, times)
    close(exact.mean, full.mean, atol=1e-11)
    close(exact.second, full.second, atol=1e-11)


def test_the_master_equation_starts_from_occupation_states():
    model = cj.systems.lambda_pump(5, 0.7, 3.0, 0.4)
    state = cj.occupation(model, {"particles": (2, 2, 1)})
    exact = cj.master_equation(model, state, [0.0, 0.5])
    close(exact.mean[0, :3], [0.4, 0.4, 0.2])
    result = cj.simulate(model, state, [0.0, 0.5], n_traj=1500, seed=4)
    assert np.all(np.abs(result.mean - exact.mean) <= 4.5 * result.mean_stderr + 1e-9)
    assert result.mean_stderr.max() < 0.012
