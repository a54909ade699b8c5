"""Everything that a user can hold survives pickle and copy, and so a process pool: models, states, results, errors."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import inspect
import multiprocessing
import pickle
import pkgutil
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module

import numpy as np
import pytest

import cojump as cj
from cojump import errors, systems
from cojump.model.stored import described, rebuilt
from tests.support.pauli import LOWER, X, Z

TIMES = np.linspace(0, 1, 5)

MODELS = {
    "free_flips": lambda: systems.free_flips(4, 0.7, 1.3, 0.8, 0.2),
    "constrained": lambda: systems.constrained(4, 0.7, 1.3, 0.8),
    "facilitated": lambda: systems.facilitated(4, 0.3, 5.0, 1.0),
    "hopfield": lambda: systems.hopfield(systems.random_patterns(2, 6, 1), 0.3, 1.5),
    "potts_hopfield": lambda: systems.potts_hopfield(systems.random_patterns(1, 4, 1, 3), 3, 0.3, 1.5),
    "lambda_pump": lambda: systems.lambda_pump(3, 1.0, 1.0, 1.0),
    "p_spin": lambda: systems.p_spin(4, 3, 1.0, 0.7, 0.5, 0.2),
    "boundary_time_crystal": lambda: systems.boundary_time_crystal(4, 1.0, 1.0),
    "dicke": lambda: systems.dicke(2, 1.0, 0.9, 0.3, 0.7, gamma=0.2),
    "tavis_cummings": lambda: systems.tavis_cummings(2, 1.0, 0.9, 0.3, 0.7, drive=0.1, pump=0.1),
    "multimode_dicke": lambda: systems.multimode_dicke([[1, -1]], 0.5, 0.9, 0.2, 0.7),
}

WAYS = {"pickle": lambda x: pickle.loads(pickle.dumps(x)), "copy": copy.copy, "deepcopy": copy.deepcopy}


def start(model):
    return cj.product(model, {b.name: np.eye(b.levels)[0] for b in model.blocks})


def same(one, other):
    """Whether two objects hold the same: all numbers, however deep."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            same(*pair)
    elif dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, int | float | complex | str | bytes | None):
        assert repr(one) == repr(other)


def touched(thing):
    """The object after everything that it makes when it is asked for the first time has been made."""
    for name, _ in inspect.getmembers(type(thing), lambda member: not callable(member)):
        if not name.startswith("_"):
            with contextlib.suppress(errors.ArgumentError, errors.UnsupportedError, errors.ConvergenceError):
                getattr(thing, name)
    return thing


def round_trips(thing):
    for way in WAYS.values():
        same(thing, way(thing))
    touched(thing)
    for way in WAYS.values():
        same(thing, way(thing))


def test_every_named_system_is_here():
    assert set(MODELS) == set(systems.NAMED)


@pytest.mark.parametrize("name", MODELS)
def test_named_systems_and_what_is_made_of_them(name):
    model = MODELS[name]()
    round_trips(model)
    again = pickle.loads(pickle.dumps(model))
    for jump, other in zip(model.jumps, again.jumps, strict=True):
        if isinstance(jump, cj.LocalJump):
            x = model.argument_spectrum(jump)
            assert np.array_equal(jump.gamma(x), other.gamma(x))
    round_trips(start(model))
    round_trips(cj.mean_field(model, start(model), TIMES))
    round_trips(cj.master_equation(model, start(model), TIMES))
    round_trips(cj.trajectory(model, start(model), TIMES, seed=1, index=0))
    if name != "lambda_pump":  # its √rate is not smooth where it starts
        round_trips(cj.fluctuations.fluctuations(model, start(model), TIMES))


def held():
    """One of every other kind of object that a user can hold."""
    model = MODELS["constrained"]()
    state = start(model)
    result = cj.simulate(
        model,
        state,
        TIMES,
        n_traj=6,
        keep=3,
        record=True,
        burn_in=0.0,
        distributions=[1.0],
        reduced={"spins": 3},
        callbacks={"J": lambda state: state.sector("spins")},
        observables={"zz": [({"spins": Z}, {"spins": Z})]},
    )
    yield from (result, result.observables, result.stationary, result.final)
    yield cj.simulate(model, result.final, TIMES, n_traj=2, keep=1)
    yield cj.estimate(model, state, TIMES, 2, seconds=0.0)
    yield cj.symmetric(model, {"spins": np.eye(5)[1]})
    yield cj.dicke(model, {"spins": (1, 0)})
    yield cj.start(model, {"spins": cj.Sector(1, [0, 0.6, 0.8])})
    yield cj.mixture([(1.0, start(model))])
    yield cj.occupation(MODELS["lambda_pump"](), {"particles": [1, 1, 1]})
    yield cj.spectrum.slowest(MODELS["free_flips"](), 2)
    yield cj.spectrum.switching(systems.facilitated(16, 0.1, 5.0, 1.0))
    yield cj.spectrum.stationary(MODELS["boundary_time_crystal"](), cj.tilted(MODELS["boundary_time_crystal"](), 1, 0))
    yield result.jump_records
    yield cj.counting.clones(model, state, 0.1, n_clones=2, time=0.2, interval=0.1, populations=3)
    yield cj.counting.numbers(result)
    yield cj.counting.theta(MODELS["free_flips"](), [0.0, 0.1])
    yield (steady := cj.steady_state(MODELS["free_flips"]()))
    yield steady.squeezing()
    z, taus = {"spins": Z}, np.linspace(0, 1, 5)
    yield from (steady.two_time(taus, z, z), steady.two_time(taus, z, z).spectrum([0.0]), steady.g2(taus, z))
    sampled = cj.two_time(model, state, taus, z, z, n_traj=2)
    yield from (sampled, sampled.spectrum([0.0]), cj.g2(model, state, taus, z, n_traj=2))
    mode = cj.Model([*model.blocks, cj.Mode("m")], model.hamiltonian, [*model.jumps, cj.ModeLoss(1.0, "m")])
    yield mode
    yield cj.mean_field(mode, start(mode), TIMES).photons
    yield cj.master_equation(mode, start(mode), TIMES)
    yield cj.steady_state(mode).photons
    yield cj.fluctuations.fluctuations(mode, start(mode), TIMES)
    yield cj.attractors.fixed_points(MODELS["hopfield"](), starts=2)
    cycle = systems.hopfield(np.ones((1, 50)), 1.0, 1 / 0.3)
    yield cj.attractors.limit_cycle(cycle, cj.tilted(cycle, 0.5, 0.3))
    (point,) = cj.attractors.fixed_points(systems.free_flips(4, 0.7, 1.3, 0.8), starts=2)
    yield cj.fluctuations.stationary(systems.free_flips(4, 0.7, 1.3, 0.8), point.densities)
    yield cj.attractors.survey(systems.free_flips(4, 0.7, 1.3, 0.8), search=2)
    yield cj.attractors.scan(lambda x, y: systems.free_flips(4, x, y, 0.8), [0.1, 0.7], [1.3], search=2)
    yield cj.bounds.gronwall(model, cj.tilted(model, 1.1, 0.4), [0.0, 1.0])
    yield cj.bounds.lemmas(model)
    series = np.sin(np.arange(400.0)) + np.random.default_rng(1).normal(size=400)
    yield cj.longtime.autocorrelation_time(series)
    yield cj.longtime.residence(np.arange(400.0), series, -0.5, 0.5)
    yield cj.longtime.waiting_times([cj.trajectory(model, state, [0.0, 30.0], seed=1, index=i).jumps for i in (0, 1)])
    yield cj.longtime.averages(result)
    yield cj.reduced.correlators(model, result, "spins", "spins")
    yield cj.reduced.particles(model, result, {"spins": 3})
    yield from (result.distribution("spins"), result.callback("J"))
    yield cj.trajectory(model, state, TIMES, seed=1, index=0, states=True)
    yield cj.master_equation(model, state, TIMES, keep=True)
    watched, chosen = MODELS["boundary_time_crystal"](), {"decay": cj.unravelling.homodyne(0.0, 0.5)}
    yield (one := cj.trajectory(watched, cj.tilted(watched, 1, 0), TIMES, seed=1, index=0, unravelling=chosen))
    yield one.record
    yield cj.conditional(watched, cj.tilted(watched, 1, 0), TIMES, one.record, unravelling=chosen)


def test_all_other_objects():
    for thing in held():
        round_trips(thing)


@pytest.mark.parametrize("name", MODELS)
def test_a_file_can_hold_every_named_system(name):
    """A rate that a file could not hold would only be missed when the model is asked for."""
    model = MODELS[name]()
    said = described(model)
    assert said["missing"] == []
    again = rebuilt(said)
    for jump, other in zip(model.jumps, again.jumps, strict=True):
        if isinstance(jump, cj.LocalJump):
            x = model.argument_spectrum(jump)
            assert np.array_equal(jump.gamma(x), other.gamma(x))


def test_stored_results(tmp_path):
    from cojump.storage.result_file import load, save_results

    model = MODELS["hopfield"]()
    save_results(tmp_path / "r.h5", [cj.simulate(model, start(model), TIMES, n_traj=4, keep=1)])
    results = load(tmp_path / "r.h5")
    for way in WAYS.values():
        again = way(results)
        same(list(again), list(results))
        same(again.origin, results.origin)


def exceptions():
    """Every exception of the package, with arguments."""
    for found in pkgutil.walk_packages(cj.__path__, "cojump."):
        if found.name == "cojump.__main__":
            continue
        for thing in vars(import_module(found.name)).values():
            if isinstance(thing, type) and issubclass(thing, BaseException) and thing.__module__ == found.name:
                yield thing


def test_exceptions():
    found = set(exceptions())
    assert errors.ArgumentError in found
    assert len(found) >= 6
    for kind in found:
        parameters = inspect.signature(kind.__init__).parameters.values()
        n = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters) - 1
        parts = [f"part {i}" for i in range(n if n > 0 else 1)]
        error = kind(None, 5) if kind is errors.SimulationInterrupted else kind(*parts)
        error.add_note("where it was seen")
        for name, way in WAYS.items():
            again = way(error)
            assert type(again) is kind
            assert str(again) == str(error), name
            assert vars(again) == vars(error)
    inner = errors.ArgumentError("rate", "be a number", "it is 'x'").inside("jumps[1]")
    assert pickle.loads(pickle.dumps(inner)).name == "jumps[1].rate"


def test_a_pool_of_processes():
    model = MODELS["constrained"]()
    here = cj.simulate(model, start(model), TIMES, n_traj=4)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        refused = pool.submit(cj.simulate, model, start(model), TIMES, n_traj=-1)
        made = pool.submit(cj.simulate, model, start(model), TIMES, n_traj=4)
        with pytest.raises(cj.ArgumentError, match=r"`n_traj` must be an integer of at least 1, but it is -1"):
            refused.result(timeout=100)
        same(made.result(timeout=100).mean, here.mean)


def test_a_function_that_cannot_be_pickled_is_named_by_pickle():
    jump = cj.LocalJump(LOWER, "spins", amplitude=lambda x: x, argument={"spins": Z})
    model = cj.Model([cj.Block("spins", 3)], [cj.OneBody(X, "spins")], [jump])
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(model)
    assert copy.deepcopy(model).jumps[0].amplitude is jump.amplitude
