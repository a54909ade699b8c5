"""When jumps happen: only where the log-survival does reach the number drawn, within the tolerance, on both sides."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories.compilation import warm_up
from cojump.trajectories.engine import make_engine
from cojump.trajectories.kernels.common import PAD
from cojump.trajectories.kernels.waiting_time import moved, summed
from cojump.trajectories.lattice_engine import LatticeEngine
from cojump.trajectories.pattern_engine import PatternEngine
from cojump.trajectories.product_state import ProductState
from cojump.trajectories.recipe import recipe_of
from cojump.trajectories.spin_engine import Engine
from tests import twins
from tests.support.pauli import LOWER, X, Z

THETA, PHI = 1.1, 0.4


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    warm_up()


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize("dark", ["no rate", "dark state"])
def test_no_jump_at_rate_zero(blocks, dark):
    names = "ab"[:blocks]
    omega = 1.0 if dark == "no rate" else 0.0
    terms = [cj.OneBody(omega * X, b) for b in names]
    if blocks == 2:
        terms.append(cj.TwoBody(Z, Z, 0.5, ("a", "b")))
        terms.append(cj.TwoBody(Z, Z, 0.5, ("b", "a")))
    rate = 0.0 if dark == "no rate" else 1.0
    model = cj.Model([cj.Block(b, 6) for b in names], terms, [cj.LocalJump(np.sqrt(rate) * LOWER, b) for b in names])
    state = cj.tilted(model, np.pi if dark == "dark state" else 1.5, 0.0)
    engine = make_engine(model, state, np.array([0.0, 5.0]), 1e-2)
    for index in range(1500 if blocks == 1 else 300):
        assert engine.run(0, index).n_jumps == 0


@pytest.mark.parametrize("name", ["several blocks", "patterns"])
def test_a_sum_is_moved_to_another_time(name):
    """Whatever the state is written in: the rows of the last step of a trajectory, summed at one time and another."""
    model = cj.systems.potts_hopfield([[0] * 8], 3, 0.3, 2.0)
    if name == "several blocks":
        model = cj.systems.hopfield([[1] * 10, [1, -1] * 5], 0.5, 1.7)
    kind = {"several blocks": LatticeEngine, "patterns": PatternEngine}[name]
    part = recipe_of(model).parts[0]
    engine = kind(part.model, part.state(cj.corrupted(model, 0, 0.8)), np.array([0.0, 0.4]), 1e-9)
    engine.run(1, 0)
    work, order, here, there = engine._work, 6, 0.3, 0.3002
    lo, hi = PAD, work.out_re.size - PAD
    for array in (work.out_re, work.out_im):
        array[:] = 0.0
    expected = summed(work, order, lo, hi, there)
    exact = work.out_re + 1j * work.out_im
    for least in (1e-8, 1e-6, 1e-5):
        summed(work, order, lo, hi, here)
        norm2, gone = moved(work, order, lo, hi, here, there, least)
        missing = np.linalg.norm(work.out_re + 1j * work.out_im - exact)
        assert 0.0 < gone <= least
        assert 0.0 < missing <= gone + 1e-15
        assert abs(norm2 - expected) <= 2 * gone
    assert moved(work, order, lo, hi, there, here, 0.0)[1] == 0.0


def test_free_flips_without_rates():
    model = cj.systems.free_flips(10, 1.0, 0.0, 0.0)
    engine = Engine(model, cj.tilted(model, 1.5, 0.0), np.array([0.0, 5.0]), 1e-3)
    assert all(engine.run(0, index).n_jumps == 0 for index in range(10_000))


def misses(model, tolerance, end, n_traj):
    """By how much the log-survival that was lost at each jump exceeds the number drawn, from dense matrices."""
    N, found = model.size, []
    start = twins.product_ket(N, np.array([np.cos(THETA / 2), np.exp(1j * PHI) * np.sin(THETA / 2)]))
    H = {t: np.linalg.eig(-1j * twins.h_eff(model, t)) for t in twins.sectors(N)}
    words = np.random.SeedSequence(5).generate_state(2, np.uint64)
    for index in range(n_traj):
        one = cj.trajectory(model, cj.tilted(model, THETA, PHI), [0.0, end], seed=5, index=index, tolerance=tolerance)
        generator = np.random.Generator(np.random.Philox(counter=[0, 0, 0, index], key=words))
        ket, two_J, now = start, N, 0.0
        for record in one.jumps:
            waiting, values, vectors = generator.standard_exponential(), *H[two_J]
            ket = vectors @ (np.exp(values * (record["time"] - now)) * np.linalg.solve(vectors, ket))
            found.append(-2 * np.log(np.linalg.norm(ket)) - waiting)
            now, after, jump = record["time"], round(2 * record["sector"]), model.jumps[record["channel"]]
            generator.random()
            ways = [twins.kraus(model, jump, two_J, *way) @ ket for way in twins.outcomes(N, two_J) if way[1] == after]
            ket, two_J = max(ways, key=np.linalg.norm), after  # of a ladder they are proportional
            ket = ket / np.linalg.norm(ket)
    return np.array(found)


CASES = {
    "often": (lambda: cj.systems.free_flips(6, 0.7, 1.3, 0.8, chi=0.4), 4.0, 15),
    "seldom": (lambda: cj.systems.free_flips(6, 0.7, 0.013, 0.008), 200.0, 20),
    "many steps to a jump": (lambda: cj.systems.free_flips(8, 2.0, 0.005, 0.002, chi=1.0), 300.0, 10),
    "constrained": (lambda: cj.systems.constrained(6, 0.7, 1.3, 0.8), 6.0, 20),
}


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-6])
@pytest.mark.parametrize("name", CASES)
def test_jumps_come_neither_early_nor_late(name, tolerance):
    build, end, n_traj = CASES[name]
    found = misses(build(), tolerance, end, n_traj) / tolerance
    assert len(found) > 60
    assert np.abs(found).max() < 1
    assert abs(found.mean()) < 0.1


def test_seldom_jumps_come_in_time_on_average():
    """A step that loses less than the tolerance, again and again: the jump must not be taken one tolerance early."""
    model = cj.Model([cj.Block("s", 1)], [cj.OneBody(X, "s")], [cj.LocalJump(0.02 * Z, "s")])
    found = misses(model, 1e-2, 2000.0, 150) / 1e-2
    assert len(found) > 60
    assert np.abs(found).max() < 1
    assert abs(found.mean()) < 0.12


@pytest.mark.parametrize("waiting", [1e-300, 1e-17])
def test_no_jump_is_before_its_step(waiting):
    """What is left to lose may be less than the rounding of the sum that shows it."""
    generator, model = np.random.default_rng(0), cj.systems.potts_hopfield([[0] * 4], 3, 0.3, 2.0)
    part = recipe_of(model).parts[0]
    state = ProductState(part.model, part.state(cj.corrupted(model, 0, 0.8)), 1e-9, generator)
    for most in np.geomspace(1e-3, 1.0, 40):
        state.begin(generator)
        step = state.step(waiting, most)
        assert step.found == 1
        assert 0.0 <= step.time * step.rate < 1e-9
