"""The loop in Python over one block is the slow twin of the compiled loop: the same bits."""

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import spin_engine, unravelling
from cojump.trajectories.lattice_engine import LatticeEngine
from cojump.trajectories.loop import Wanted
from cojump.trajectories.product_engine import ProductEngine
from cojump.trajectories.spin_engine import Engine
from tests.support.pauli import LOWER, RAISE, X, Z

FIELDS = ("mean", "second", "sectors", "counts", "n_jumps", "jumps")
RHO = np.array([[0.7, 0.2], [0.2, 0.3]])


def local(matrix, function=lambda x: 1 + 0.4 * x, **options):
    return cj.LocalJump(matrix, "s", amplitude=function, argument={"s": Z}, **options)


def one(terms, jumps, N=20):
    return cj.Model([cj.Block("s", N)], terms, jumps)


def stiff(rate=1e6):
    jumps = [cj.LocalJump(LOWER, "s", rate=lambda x: np.where(x > 0, rate, 1.0), argument={"s": Z})]
    return one([cj.OneBody(X, "s")], [*jumps, cj.LocalJump(RAISE, "s")], 40)


MODELS = {
    "ladder": cj.systems.free_flips(60, 0.7, 1.3, 0.8, chi=0.3),
    "dark": cj.systems.constrained(30, 0.7, 1.3, 0.8),
    "trace": one([cj.OneBody(0.5 * X + 0.2 * Z, "s")], [local(0.7 * LOWER + 0.3 * Z + 0.4 * np.eye(2))]),
    "collective": cj.systems.boundary_time_crystal(30, 1.5, 1.0),
    "collective and local": one([cj.OneBody(0.75 * X, "s")], [cj.CollectiveJump({"s": LOWER}, 1.0), local(LOWER)]),
    "self-excluded": one([cj.OneBody(0.5 * X, "s")], [local(LOWER + 0.2 * Z, np.exp, exclude_self=True)]),
    "another frame": one([cj.OneBody(0.5 * Z, "s")], [cj.LocalJump(LOWER, "s", rate=np.exp, argument={"s": X})]),
    "two bands": one([cj.TwoBody(X, X, 0.8, ("s", "s"))], [local(LOWER)]),
    "no jumps": one([cj.OneBody(X, "s"), cj.TwoBody(Z, Z, 1.0, ("s", "s"))], []),
    "stiff": stiff(),
}


def starts(name, model):
    (block,) = model.blocks
    yield cj.tilted(model, np.pi if name == "stiff" else 1.1, 0.4)
    if name in ("ladder", "trace"):
        yield cj.product(model, {block.name: RHO})


def step_by_step(engine, wanted):
    return engine.outcomes([engine.stepwise(wanted)]).of(0)


def compare(one, other):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("name", MODELS)
def test_the_compiled_loop_and_its_twin(name, monkeypatch):
    model, made = MODELS[name], []

    def counted(*arguments):
        made.append(long_step(*arguments))
        return made[-1]

    long_step = unravelling.long_step
    monkeypatch.setattr(unravelling, "long_step", counted)
    for start in starts(name, model):
        engine = Engine(model, start, np.linspace(0.0, 0.8, 17), 1e-9, [0, 3, 16])
        jumps = 0
        for index in range(3):
            states, others = {}, {}
            fused = engine.run(7, index, record=True, watch=states.__setitem__)
            steps = len(made)
            stepwise = step_by_step(engine, Wanted(7, index, record=True, watch=others.__setitem__))
            compare(fused, stepwise)
            assert list(states) == list(others) == [0, 3, 16]
            for done, state in states.items():
                (mine,), (theirs,) = state.factors, others[done].factors
                assert mine.labels == theirs.labels
                np.testing.assert_array_equal(mine.amplitudes, theirs.amplitudes)
            assert (len(made) > steps) == (name == "stiff")
            jumps += fused.n_jumps
        assert (jumps > 5) == (name != "no jumps")
    assert any(step is not None for step in made) == (name == "stiff")


def test_the_twin_of_a_loop_that_pauses(monkeypatch):
    model = MODELS["trace"]
    engine = Engine(model, cj.tilted(model, 1.1, 0.4), np.linspace(0.0, 0.8, 17), 1e-9)
    monkeypatch.setattr(spin_engine, "_EFFORT", 1)
    compare(engine.run(7, 0, record=True), step_by_step(engine, Wanted(7, 0, record=True)))


LONE = {
    "flips": (one([cj.OneBody(Z, "s")], [local(LOWER), local(RAISE, lambda x: 0.3 - x)]), (8, 3)),
    "collective": (
        one([], [cj.CollectiveJump({"s": LOWER}, 1.0), cj.CollectiveJump({"s": RAISE}, 0.4), local(RAISE)]),
        (4, 0),
    ),
    "to the dark": (one([], [local(LOWER), cj.CollectiveJump({"s": LOWER}, 2.0)]), (10, 10)),
    "without itself": (one([], [local(LOWER, np.exp, exclude_self=True), local(RAISE)]), (0, 0)),
    "one particle": (one([], [local(LOWER), local(RAISE)], N=1), (0.5, -0.5)),
    "no jumps": (one([cj.OneBody(Z, "s")], []), (8, 3)),
}


def apart(engine, index, **watch):
    """The largest differences of one trajectory from its twin in time and in averages; all else is equal."""
    fused = engine.run(7, index, record=True, **watch)
    twin = step_by_step(engine, Wanted(7, index, record=True))
    for name in ("sectors", "counts", "n_jumps"):
        np.testing.assert_array_equal(getattr(fused, name), getattr(twin, name))
    for field in ("channel", "sector"):
        np.testing.assert_array_equal(fused.jumps[field], twin.jumps[field])
    worst = max(np.abs(getattr(fused, name) - getattr(twin, name)).max() for name in ("mean", "second"))
    return np.abs(fused.jumps["time"] - twin.jumps["time"]).max(initial=0.0), worst, fused


@pytest.mark.parametrize("name", LONE)
def test_a_single_amplitude_and_its_twin(name, monkeypatch):
    model, pair = LONE[name]
    engine = Engine(model, cj.dicke(model, {"s": pair}), np.linspace(0.0, 3.0, 17), 1e-9, [0, 16])
    states, jumps, made = {}, 0, []
    for index in range(6):
        late, off, fused = apart(engine, index, watch=states.__setitem__)
        assert late < 1e-12
        assert off < 1e-14
        assert list(states) == [0, 16]
        (factor,) = states[16].factors
        assert np.count_nonzero(factor.amplitudes) == 1
        jumps += fused.n_jumps
        made.append(fused)
    assert (jumps > 3) == (name != "no jumps")
    monkeypatch.setattr(spin_engine, "_EFFORT", 1)  # where it pauses changes nothing
    for index, before in enumerate(made):
        compare(engine.run(7, index, record=True), before)


def test_a_state_that_becomes_a_single_amplitude(monkeypatch):
    """It goes on as one from there, and not from where the loop pauses."""
    jumps = [local(LOWER, lambda x: 1.3 + x), local(0.8 * RAISE, lambda x: 1.1 + x**2)]
    model = one([cj.OneBody(0.3 * Z, "s")], jumps)
    engine = Engine(model, cj.tilted(model, 1.0, 0.3), np.linspace(0.0, 20.0, 9), 1e-9)
    made = [engine.run(1, index, record=True) for index in range(3)]
    monkeypatch.setattr(spin_engine, "_EFFORT", 1)
    for index, before in enumerate(made):
        compare(engine.run(1, index, record=True), before)


def test_a_state_that_does_not_stay_a_single_amplitude():
    """Jumps that are no ladder operators lead out of it."""
    model = one([], [local(LOWER + 0.2 * RAISE)])
    engine = Engine(model, cj.dicke(model, {"s": (8, 3)}), np.linspace(0.0, 3.0, 17), 1e-9)
    compare(engine.run(7, 0, record=True), step_by_step(engine, Wanted(7, 0, record=True)))


@pytest.mark.parametrize("kind", [Engine, ProductEngine])
@pytest.mark.parametrize("stepwise", [False, True])
def test_a_fault_has_the_same_words_in_every_engine(kind, stepwise):
    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
    engine = kind(model, cj.tilted(model, 1.1, 0.4), np.array([0.0, 1.0]), 1e-9)
    h_eff = engine.basis.h_eff if kind is Engine else engine.basis.sector((4,)).h_eff
    h_eff.half_rate[:] = np.nan
    run = engine.stepwise if stepwise else engine.counted
    with pytest.raises(cj.ConvergenceError) as error:
        run(Wanted(3, 5))
    words = "Trajectory 5 of seed 3: the state became NaN or zero at t = 0 (sector 2.0, tolerance 1e-09)"
    assert str(error.value) == words


def test_another_unravelling_of_the_same_model():
    """Counting with jumps that are looked for later than they are due: the loop leaves clicks to the unravelling."""

    class Late(unravelling.Counting):
        def begin(self, generator):
            super().begin(generator)
            self.waiting += 1e9

    model = cj.systems.free_flips(4, 0.7, 1.3, 0.8)
    for kind in (ProductEngine, Engine, LatticeEngine):
        engine = kind(model, cj.tilted(model, 1.1, 0.4), np.array([0.0, 0.5]), 1e-9)
        assert engine.run(0, 0).n_jumps > 0
        engine.unravelling = Late()
        assert engine.run(0, 0).n_jumps == 0
