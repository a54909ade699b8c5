"""States that stay real: which models and starts keep them, and trajectories beside the twin."""

import numpy as np
import pytest
from numba import njit

import cojump as cj
from cojump.basis.real_states import turned_real, turns
from cojump.basis.spin_starts import SpinStart
from cojump.trajectories import in_one_call, spin_state
from cojump.trajectories.compilation import _used, warm_up
from cojump.trajectories.engine import make_engine
from cojump.trajectories.kernels.nothing import Nothing, in_turn, is_nothing, of_complex
from cojump.trajectories.kernels.vectors import LANES, fused, load, load_row, spread, store, total
from cojump.trajectories.lattice_engine import LatticeEngine
from cojump.trajectories.loop import Wanted
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.real_models import keeps_real, keeps_real_alone
from cojump.trajectories.representations import LATTICE, REAL_LATTICE
from cojump.trajectories.spin_engine import Engine
from tests.support.pauli import LOWER, RAISE, X, Y, Z
from tests.support.random_models import random_unitary
from tests.support.twin_trajectories import in_pieces, weights_of_M

TIMES = np.linspace(0, 1.2, 7)


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    warm_up()


def driven_blocks(rng, sizes):
    """Blocks that drives along x turn, flips up and down with rates of all of them, with and without the particle."""
    names = "abcd"[: len(sizes)]
    argument = {n: rng.uniform(-1, 1) * Z for n in names}
    jumps = [
        cj.LocalJump(j * rng.uniform(0.5, 1.5), n, amplitude=lambda x: 1 + 0.4 * x, argument=argument, exclude_self=e)
        for n in names
        for j, e in ((LOWER, True), (RAISE, False))
    ]
    jumps.append(cj.LocalJump(0.7j * LOWER, names[-1]))
    drives = [cj.OneBody(rng.uniform(-1, 1) * X, n) for n in names]
    return cj.Model([cj.Block(n, size) for n, size in zip(names, sizes, strict=True)], drives, jumps)


def starts_in_the_plane(model, rng):
    """Spins that point somewhere in the plane of y and z, pure or not, and a Dicke state."""
    angles = rng.uniform(0, 2 * np.pi, len(model.blocks))
    along = [np.cos(angle) * Z + np.sin(angle) * Y for angle in angles]
    lengths = (1.0, 0.6, 1.0, 0.3)
    yield cj.product(
        model, {b.name: np.eye(2) / 2 + r / 2 * s for b, r, s in zip(model.blocks, lengths, along, strict=False)}
    )
    yield cj.dicke(model, {b.name: (b.size / 2, b.size / 2 - 1) for b in model.blocks})


def agree(a, b):
    assert np.array_equal(a.jumps["channel"], b.jumps["channel"])
    assert np.array_equal(a.jumps["sector"], b.jumps["sector"])
    assert np.array_equal(a.counts, b.counts)
    for mine, other in ((a.mean, b.mean), (a.second, b.second), (a.jumps["time"], b.jumps["time"])):
        np.testing.assert_allclose(mine, other, rtol=0, atol=2e-8)


SIZES = [(3, 4), (1, 14), (40, 30), (2, 3, 3), (9, 8, 12), (2, 2, 1, 2)]
"""Two blocks as one row of memory and in rows, and more with rows of one axis and of two."""


@pytest.mark.parametrize("sizes", SIZES)
def test_trajectories_are_those_of_the_twin(sizes):
    rng = np.random.default_rng(sum(sizes))
    model = driven_blocks(rng, sizes)
    assert keeps_real(model)
    times, n_jumps = TIMES if sum(sizes) < 40 else TIMES / 8, 0
    for state in starts_in_the_plane(model, rng):
        twin, engine = (kind(model, state, times, 1e-9, [0, 2, 6]) for kind in (ProductEngine, LatticeEngine))
        for index in range(2):
            seen = [], []
            a, b = (
                e.run(3, index, record=True, watch=lambda done, pure, to=to: to.append(weights_of_M(pure, model)))
                for e, to in zip((twin, engine), seen, strict=True)
            )
            assert is_nothing(engine._work.taylor_im)
            assert len(seen[0]) == 3
            for mine, other in zip(*seen, strict=True):
                np.testing.assert_allclose(mine, other, rtol=0, atol=2e-8)
            agree(a, b)
            n_jumps += a.n_jumps
    assert n_jumps > 8


def alone(rng, size, *more):
    """One block that a drive turns, with flips and collective flips."""
    jumps = [
        cj.LocalJump(LOWER, "a", amplitude=lambda x: 1 + 0.4 * x, argument={"a": Z}, exclude_self=True),
        cj.LocalJump(0.7j * RAISE, "a", rate=lambda x: 1 + 0.3 * x**2, argument={"a": Z}),
        cj.CollectiveJump({"a": 1.5 * LOWER}, 0.4),
    ]
    return cj.Model([cj.Block("a", size)], [cj.OneBody(rng.uniform(0.5, 1) * X, "a")], [*jumps, *more])


@pytest.mark.parametrize("size", [1, 5, 40])
def test_one_block_is_what_it_is_with_imaginary_parts(size, monkeypatch):
    rng = np.random.default_rng(size)
    model, n_jumps = alone(rng, size), 0
    assert keeps_real_alone(model)
    for state in starts_in_the_plane(model, rng):
        engine = Engine(model, state, TIMES, 1e-9, [0, 2, 6])
        with monkeypatch.context() as patched:
            patched.setattr(spin_state, "keeps_real_alone", lambda model: False)
            twin = Engine(model, state, TIMES, 1e-9, [0, 2, 6])
        assert not twin.state.is_real
        for index in range(3):
            seen = [], []
            a, b = (
                e.run(3, index, record=True, watch=lambda done, pure, to=to: to.append(pure.final()))
                for e, to in zip((twin, engine), seen, strict=True)
            )
            assert engine.state.is_real
            assert is_nothing(engine.state.work.taylor_im)
            for mine, other in zip(*seen, strict=True):
                assert abs(abs(np.vdot(whole(mine.factors[0]), whole(other.factors[0]))) - 1) < 1e-8
            agree(a, b)
            n_jumps += a.n_jumps
            again = engine.stepwise(Wanted(3, index, record=True))
            assert np.array_equal(again.gathered.mean, engine.counted(Wanted(3, index)).gathered.alone.mean)
            assert np.array_equal(again.jumps, b.jumps)
    assert n_jumps > 4


def whole(factor):
    """Amplitudes of all basis states of the sectors."""
    cells = np.zeros([two_J + 1 for two_J in factor.labels], dtype=complex)
    cells[tuple(slice(*ends) for ends in factor.window)] = factor.amplitudes
    return cells


LEAVE_ALONE = {
    "an energy": ([cj.OneBody(0.1 * Z, "a")], []),
    "a square": ([cj.TwoBody(Z, Z, 0.1, ("a", "a"))], []),
    "a potential": ([cj.Potential(np.cos, {"a": Z}, factor=0.1)], []),
    "two ways at once": ([], [cj.CollectiveJump({"a": LOWER + 0.1 * Z}, 0.1)]),
    "dephasing": ([], [cj.LocalJump(0.1 * Z, "a")]),
}


@pytest.mark.parametrize("name", LEAVE_ALONE)
def test_what_leaves_real_states_of_one_block(name):
    terms, jumps = LEAVE_ALONE[name]
    model = alone(np.random.default_rng(1), 4, *jumps)
    model = cj.Model(model.blocks, [*model.hamiltonian, *terms], model.jumps)
    assert not keeps_real_alone(model)


def test_a_final_state_is_that_of_the_twin():
    """Amplitudes with their phases, not weights alone; and trajectories go on from it."""
    model = driven_blocks(np.random.default_rng(2), (4, 3))
    state = cj.tilted(model, 1.1, -np.pi / 2)
    finals = []
    for kind in (ProductEngine, LatticeEngine):
        engine = kind(model, state, TIMES, 1e-10, [6])
        engine.run(1, 0, watch=lambda done, pure: finals.append(pure.final()))
    (mine,), (other,) = (final.factors for final in finals)

    assert mine.labels == other.labels
    assert abs(abs(np.vdot(whole(mine), whole(other))) - 1) < 1e-9
    engine = LatticeEngine(model, mine, TIMES, 1e-10)
    assert is_nothing(engine._work.taylor_im)
    agree(ProductEngine(model, mine, TIMES, 1e-10).run(2, 0, record=True), engine.run(2, 0, record=True))


@pytest.mark.parametrize("kind", [LatticeEngine, Engine])
def test_starts_of_both_kinds_one_after_another(kind, monkeypatch):
    """Bits depend neither on what the engine ran before, nor on which start comes first."""
    rng = np.random.default_rng(4)
    model = driven_blocks(rng, (5, 4)) if kind is LatticeEngine else alone(rng, 9)
    states = cj.tilted(model, 1.0, np.pi / 2), cj.tilted(model, 1.0, 0.3)
    fresh = [kind(model, state, TIMES, 1e-9).run(1, 0, record=True) for state in states]
    engine, found, bound = kind(model, states[0], TIMES, 1e-9), [], in_one_call.bound
    monkeypatch.setattr(in_one_call, "bound", lambda *called: found.append(called) or bound(*called))
    for n in (0, 1, 1, 0, 1):
        engine.start_from(states[n])
        assert is_nothing((engine._work if kind is LatticeEngine else engine.state.work).taylor_im) == (n == 0)
        again = engine.run(1, 0, record=True)
        for field in ("mean", "second", "sectors", "counts", "jumps"):
            assert np.array_equal(getattr(again, field), getattr(fresh[n], field)), field
    assert len(found) == 2  # kernels are kept: to find one takes longer than a short trajectory
    mixed = cj.mixture([(0.5, states[0]), (0.5, states[1])])
    few, many = (cj.simulate(model, mixed, TIMES, n_traj=200, seed=2, chunk=chunk) for chunk in (7, 200))
    np.testing.assert_allclose(few["a.x"].mean, many["a.x"].mean, rtol=0, atol=1e-14)
    exact, other = (cj.master_equation(model, state, TIMES) for state in (mixed, states[0]))
    labels = model.labels
    errors = np.array([many[label].stderr for label in labels])
    assert errors.max() < 0.05
    away = [np.abs(np.array([many[label].mean - theory[label].mean for label in labels])) for theory in (exact, other)]
    assert (away[0] <= 4 * errors + 1e-9).all()
    assert (away[1] > 6 * errors + 1e-9).any()


def test_pauses_and_room_have_no_influence(monkeypatch):
    model = driven_blocks(np.random.default_rng(9), (6, 14))
    in_pieces(monkeypatch, model, cj.tilted(model, 1.0, -np.pi / 2), TIMES)


BLOCKS = [cj.Block("a", 3), cj.Block("b", 2)]
LEAVES = {
    "an energy": ([cj.OneBody(0.1 * Z, "a")], []),
    "energies that two drives share": ([cj.OneBody(X + 0.1 * Z, "a")], []),
    "a product of blocks": ([cj.TwoBody(X, X, 0.1, ("a", "b"))], []),
    "a potential": ([cj.Potential(np.cos, {"a": Z}, factor=0.1)], []),
    "dephasing": ([cj.OneBody(X, "a")], [cj.LocalJump(Z, "a")]),
    "a collective jump": ([], [cj.CollectiveJump({"a": LOWER}, 1.0)]),
    "a drive that changes": ([cj.OneBody(X, "a", envelope=np.cos)], []),
}


@pytest.mark.parametrize("name", LEAVES)
def test_what_leaves_real_states(name):
    terms, jumps = LEAVES[name]
    down = cj.LocalJump(LOWER, "b", amplitude=lambda x: 1 + 0.3 * x, argument={"a": Z})
    assert not keeps_real(cj.Model(BLOCKS, terms, [down, *jumps]))
    assert keeps_real(cj.Model(BLOCKS, [cj.OneBody(X, "a")], [down]))


def test_kernels_are_those_of_the_start():
    """In axes that are named otherwise, too: what stays real depends on the model, not on names."""
    model = driven_blocks(np.random.default_rng(6), (3, 2))
    rng = np.random.default_rng(7)
    turned = {b.name: random_unitary(rng, 2) for b in model.blocks}

    def change(block, matrix):
        return turned[block] @ matrix @ turned[block].conj().T

    terms, jumps = ([t.mapped(change) for t in terms] for terms in (model.hamiltonian, model.jumps))
    other = cj.Model(model.blocks, terms, jumps)
    plain, aside = cj.tilted(model, 0.7, np.pi / 2), cj.tilted(model, 0.7, 0.1)
    for made, map_ in ((model, lambda b, rho: rho), (other, change)):
        assert keeps_real(made)
        for state, wanted in ((plain, {REAL_LATTICE}), (aside, {LATTICE})):
            spins = {b.name: map_(b.name, own.density) for b, own in zip(model.blocks, state.blocks, strict=True)}
            assert _used([made], [cj.product(made, spins)]) == wanted
        assert _used([made], ()) == {REAL_LATTICE, LATTICE}
    tops = cj.tilted(model, 0.0, 0.0)
    for other_one, wanted in ((tops, {REAL_LATTICE}), (aside, {REAL_LATTICE, LATTICE})):
        assert _used([model], [cj.mixture([(0.5, plain), (0.5, other_one)])]) == wanted
    engine = make_engine(other, cj.product(other, {b: change(b, np.eye(2) / 2 + 0.3 * Y) for b in "ab"}), TIMES, 1e-9)
    assert is_nothing(engine._work.taylor_im)


@pytest.mark.parametrize("phi", [np.pi / 2, -np.pi / 2, 0.4, np.pi / 2 + 1e-6])
@pytest.mark.parametrize("purity", [1.0, 0.5])
def test_which_starts_are_real(phi, purity):
    """As drawn: whatever is drawn of a start that is real is real, and of others something is not."""
    spin = np.sin(1.0) * np.cos(phi) * X + np.sin(1.0) * np.sin(phi) * Y + np.cos(1.0) * Z
    model = cj.Model([cj.Block("a", 12)])
    (block,) = cj.product(model, {"a": np.eye(2) / 2 + 0.5 * purity * spin}).blocks
    start, generator = SpinStart(block, 12, np.eye(2)), np.random.default_rng(1)
    left = []
    for _ in range(20):
        two_J, ket = start.draw(generator)
        real, rest = turned_real(ket, [(12 - two_J) // 2], [two_J + 1])
        np.testing.assert_allclose(np.linalg.norm(real), np.sqrt(1 - rest**2), rtol=1e-9)
        left.append(rest)
    assert start.stays_real == (max(left) < 1e-12) == (abs(abs(phi) - np.pi / 2) < 1e-9)


def test_turns_count_particles_up():
    np.testing.assert_array_equal(turns([1, 2], [2, 3]), [1j ** (1 + i + 2 + k) for i in range(2) for k in range(3)])


@njit
def _both(re, im, scale, to):
    x, y = in_turn(re, im)
    a, b = load(x, 0, LANES), load(y, 0, LANES)
    here_re, here_im = in_turn(a, b)
    factor, square = spread(scale), spread(0.0)
    square = fused(here_re, here_re, fused(here_im, here_im, square))
    store(im, 0, LANES, factor * (b + b) - b)
    store(to, 0, LANES, fused(factor, here_re, here_im) - factor * here_im)
    im[1] = 7.0
    return total(square), total(here_im), im[1]


def test_nothing_is_zero():
    """Without imaginary parts kernels do what they do with zeros, but what -i makes of real parts stays where it is."""
    re, to, other = np.arange(8.0) + 1, np.zeros(8), np.zeros(8)
    squares, imaginary, kept = _both(re, Nothing(1), 3.0, to)
    assert (squares, imaginary, kept) == (np.sum(re**2), 0.0, 0.0)
    np.testing.assert_array_equal(to, 3.0 * re)
    im = np.zeros(8)
    squares, imaginary, kept = _both(re, im, 3.0, other)
    assert (squares, imaginary, kept) == (np.sum(re**2), 0.0, 7.0)
    np.testing.assert_array_equal(other, to)
    rows = Nothing(2)
    found = load_row(rows, 1, 0, LANES)
    np.testing.assert_array_equal(np.ones(8) + found, np.ones(8))
    assert rows[1].ndim == 1
    assert rows[0][2] == 0.0


def test_what_nothing_has_is_not_made():
    made = of_complex(lambda im, a: a + im[0], -1.0)

    @njit
    def called(im, a):
        return made(im, a)

    assert called(np.ones(2), 2.0) == made(np.ones(2), 2.0) == 3.0
    assert called(Nothing(1), 2.0) == made(Nothing(1), 2.0) == -1.0
