"""Whatever is given for any parameter of any public function: a valid outcome, or one line that names the argument."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache, partial
from unittest.mock import MagicMock

import numpy as np
import pytest
from matplotlib.figure import Figure

import cojump as cj
from cojump.errors import EXPECTED
from tests.support.longer import few

S = "spins"
X, Z, DOWN = np.array([[0, 1], [1, 0]]), np.diag([1, -1]), np.array([[0, 0], [1, 0]])


class Qobj:
    """As a QuTiP object looks, and as long when it is printed."""

    def __init__(self, matrix):
        self.matrix = np.asarray(matrix)
        self.shape = self.matrix.shape

    def full(self):
        return self.matrix

    def __repr__(self):
        return f"Quantum object: dims=[[2], [2]]\nQobj data =\n{self.matrix}"


class Broken:
    """Everything that one may ask of it raises."""

    def __repr__(self):
        raise RuntimeError("no name")

    def __array__(self, *_args, **_options):
        raise RuntimeError("no array")

    def __len__(self):
        raise RuntimeError("no length")


def hostile():
    """Values of the wrong type, or of the right one and beyond all bounds; made anew for each call."""
    return {
        "None": None,
        "text": "x",
        "empty text": "",
        "long text": "x\n\x1b[31m" * 1000,
        "bytes": b"x",
        "negative": -1,
        "zero": 0,
        "nan": float("nan"),
        "inf": float("inf"),
        "1e308": 1e308,
        "2^63": 2**63,
        "10^400": 10**400,
        "10^5000": 10**5000,
        "fraction": Fraction(10**400, 3),
        "complex": 1 + 2j,
        "true": True,
        "list": [],
        "ragged": [[1, 2], [3]],
        "nested": [[[]]],
        "list of text": ["a", "b"],
        "list of None": [None, None],
        "dict": {},
        "dict of None": {S: None},
        "wrong keys": {1: 2, None: 3},
        "set": {1},
        "object": object(),
        "broken": Broken(),
        "class": int,
        "function": lambda *_arguments: None,
        "raises": lambda *_arguments: 1 / 0,
        "generator": (i for i in range(3)),
        "range": range(10**12),
        "mock": MagicMock(),
        "Qobj": Qobj(np.eye(3)),
        "array of objects": np.array(None, dtype=object),
        "array of texts": np.array([["1", "2"], ["3", "4"]]),
        "array of dates": np.array([["2020-01-01", "2020-01-02"]] * 2, dtype="datetime64[D]"),
        "date": np.datetime64("2020-01-01"),
        "interval": np.timedelta64(3, "s"),
        "masked": np.ma.masked_array(np.eye(2), mask=[[0, 1], [0, 0]]),
        "masked number": np.ma.masked,
        "huge entries": np.full((2, 2), 1e308),
        "nan entries": np.full((2, 2), np.nan),
        "cube": np.zeros((2, 2, 2)),
        "empty": np.zeros((0, 0)),
        "structured": np.zeros(2, dtype=[("a", float)]),
        "truth values": np.eye(2, dtype=bool),
    }


def at(state):
    return state.time


@lru_cache
def given():
    """A small model, its state, and what the functions that read results need."""
    model = cj.Model(
        [cj.Block(S, 3)],
        [cj.OneBody(0.7 * X, S)],
        [cj.LocalJump(DOWN, S, rate=lambda x: 1 + x**2, argument={S: Z})],
        {"m": {S: Z}},
    )
    state = cj.tilted(model, 1.1, 0.4)
    times = np.linspace(0.0, 2.0, 9)
    result = cj.simulate(model, state, times, n_traj=3, keep=2, burn_in=0.5, distributions=[1.0], callbacks={"f": at})
    record = cj.trajectory(model, state, times, seed=0, index=0).jumps
    return model, state, times, result, record


def build(x, y):
    return cj.systems.constrained(4, x, 1.0, y)


@lru_cache
def calls():
    """A valid call of each public function: it, and all of its arguments that have a value here."""
    model, state, times, result, record = given()
    drive = cj.OneBody(X, S, envelope=cj.envelopes.sine(1.0, 2.0))
    driven = cj.Model([cj.Block(S, 3)], [drive], [cj.LocalJump(DOWN, S)])
    network = cj.systems.hopfield(np.ones((1, 4)), 0.3, 1.0)
    with_mode = cj.Model([*model.blocks, cj.Mode("m")], model.hamiltonian, [cj.ModeLoss(1.0, "m")])
    pumped = cj.systems.free_flips(3, 0.1, 1.0, 1.0)
    common = {"model": model, "state": state, "times": times}
    exact, steady, effort = cj.master_equation(**common), cj.steady_state(model), {"memory": 4.0, "applications": 1e7}
    free = cj.systems.free_flips(3, 0.7, 1.3, 0.8)
    at_rest = cj.fluctuations.stationary(free, cj.attractors.fixed_points(free, starts=1)[0].densities)
    several = steady.two_time(times, {S: Z}, {S: Z})
    source = {"model": model, "source": result}
    axes = Figure().add_subplot()
    seen = cj.trajectory(**common, seed=0, index=0, states=True).states[-1]
    found = [
        (cj.Block, {"name": S, "size": 2, "levels": 2}),
        (cj.OneBody, {"eps": X, "block": S}),
        (cj.TwoBody, {"A": Z, "B": Z, "g": 0.3, "blocks": (S, S)}),
        (
            cj.LocalJump,
            {
                "j": DOWN,
                "block": S,
                "amplitude": np.abs,
                "rate": None,
                "argument": {S: Z},
                "exclude_self": False,
                "derivatives": (np.sign, np.zeros_like),
                "name": "flip",
            },
        ),
        (cj.CollectiveJump, {"matrices": {S: DOWN}, "rate": 0.5, "name": "decay"}),
        (cj.correlated_jumps, {"matrices": [{S: DOWN}], "rates": [[0.5]]}),
        (cj.Mode, {"name": "m"}),
        (cj.ModeEnergy, {"omega": 1.0, "mode": "m"}),
        (cj.ModeDrive, {"eta": 1j, "mode": "m"}),
        (cj.ModeCoupling, {"matrices": {S: DOWN}, "mode": "m"}),
        (
            cj.ModeJump,
            {
                "j": DOWN,
                "block": S,
                "mode": "m",
                "emits": True,
                "amplitude": np.abs,
                "argument": {S: Z},
                "exclude_self": False,
                "derivatives": (np.sign, np.zeros_like),
                "name": "flip",
            },
        ),
        (cj.ModeLoss, {"kappa": 1.0, "mode": "m", "thermal": 0.1, "name": "loss"}),
        (cj.unravelling.counting, {"efficiency": 0.5}),
        (cj.unravelling.shifted, {"beta": 1j, "efficiency": 0.5}),
        (cj.unravelling.homodyne, {"phase": 0.3, "efficiency": 1.0, "error": 1e-3, "record": [0.1, 0.2]}),
        (cj.unravelling.heterodyne, {"efficiency": 1.0, "error": 1e-3, "record": [[0.1, 0.2]]}),
        (cj.Potential, {"phi": np.abs, "argument": {S: Z}, "derivatives": (np.sign,), "factor": 2.0}),
        (cj.Potential(np.abs, {S: Z}).energy, {"x": np.zeros(3)}),
        (
            cj.Model,
            {
                "blocks": model.blocks,
                "hamiltonian": model.hamiltonian,
                "jumps": model.jumps,
                "order_parameters": {"m": {S: Z}},
                "averages": ["spins.z"],
                "modes": [],
            },
        ),
        (partial(model.linear, "m"), {"matrices": {S: Z}}),
        (model.jumps[0].gamma, {"x": np.zeros(3)}),
        (cj.product, {"model": with_mode, "states": {S: [1, 0], "m": 0.5}}),
        (cj.tilted, {"model": with_mode, "theta": 1.1, "phi": 0.4, "modes": {"m": 1j}}),
        (cj.dicke, {"model": model, "states": {S: (1.5, 0.5)}}),
        (cj.occupation, {"model": model, "states": {S: (1, 2)}}),
        (cj.symmetric, {"model": model, "states": {S: [0, 1, 0, 0]}}),
        (cj.start, {"model": model, "states": {S: cj.Dicke(1.5, 0.5)}}),
        (cj.mixture, {"states": [(1.0, state)]}),
        (cj.to_qutip, {"model": with_mode, "state": cj.product(with_mode, {S: [1, 0]}), "fock": {"m": 3}}),
        (cj.corrupted, {"model": network, "pattern": 0, "quality": 0.8, "modes": {}}),
        (
            cj.simulate,
            {
                **common,
                "n_traj": 1,
                "seed": 1,
                "tolerance": 1e-9,
                "chunk": 2,
                "averages": ["spins.x", "spins.y", "spins.z"],
                "observables": {"zz": [({S: Z}, {S: Z})]},
                "distributions": times[1:2],
                "distribution_of": {"x": {S: X}},
                "reduced": {S: 2},
                "squeezing": {"a": {S: 2.0}},
                "callbacks": {"f": lambda one: one.time},
                "burn_in": 0.5,
                "window": 1.5,
                "unravelling": {},
                "keep": 1,
                "record": True,
                "target_error": 0.5,
                "min_traj": 2,
                "checkpoint": None,
                "extend": None,
                "workers": 1,
                "comm": None,
                "progress": False,
            },
        ),
        (
            cj.estimate,
            {**common, "n_traj": 2, "seed": 1, "tolerance": 1e-9, "chunk": 2, "ranks": 1, "seconds": 0.001},
        ),
        (
            cj.two_time,
            {
                "model": model,
                "state": state,
                "taus": [0.0, 0.5],
                "a": {S: Z},
                "b": {S: DOWN},
                "start": 0.5,
                "n_traj": 1,
                "seed": 1,
                "tolerance": 1e-9,
                "chunk": 2,
                "comm": None,
                "progress": False,
            },
        ),
        (
            cj.g2,
            {
                "model": with_mode,
                "state": cj.tilted(with_mode, 1.1, 0.4, modes={"m": 0.5}),
                "taus": [0.0, 0.5],
                "of": "m",
                "start": 0.5,
                "n_traj": 1,
                "seed": 1,
                "tolerance": 1e-9,
                "chunk": 2,
                "comm": None,
                "progress": False,
            },
        ),
        (exact.two_time, {"taus": [0.5], "a": {S: Z}, "b": {S: DOWN}, "start": 0.5, **effort}),
        (exact.g2, {"taus": [0.5], "of": {S: DOWN}, "start": 0.5, **effort}),
        (steady.two_time, {"taus": [0.5], "a": {S: Z}, "b": {S: DOWN}, "tolerance": 1e-9, **effort}),
        (steady.g2, {"taus": [0.5], "of": {S: DOWN}, "tolerance": 1e-9, **effort}),
        (exact.squeezing, {"sums": {"a": {S: 1.0}}, "kind": "wineland"}),
        (steady.squeezing, {"sums": {"a": {S: 1.0}}, "kind": "wineland"}),
        (cj.mean_field(**common).squeezing, {"sums": {"a": {S: 1.0}}, "kind": "wineland"}),
        (at_rest.squeezing, {"sums": {"a": {"spins": 1.0}}, "kind": "wineland"}),
        (cj.mean_field(**common).two_time, {"taus": [0.5], "a": {S: Z}, "b": {S: DOWN}, "start": 0.5}),
        (at_rest.two_time, {"taus": [0.5], "a": {"spins": Z}, "b": {"spins": DOWN}}),
        (several.spectrum, {"omegas": [0.0, 1.0], "damping": 0.1}),
        (cj.trajectory, {**common, "seed": 1, "index": 0, "tolerance": 1e-9, "unravelling": {}, "states": True}),
        (cj.mean_field, common),
        (
            cj.master_equation,
            {**common, "tolerance": 1e-10, "memory": 4.0, "applications": 1e7, "progress": False, "keep": True},
        ),
        (
            cj.conditional,
            {
                **common,
                "model": replace(model, jumps=[replace(model.jumps[0], name=S)]),
                "record": {S: [0.5]},
                "unravelling": {S: cj.unravelling.counting(0.5)},
                "tolerance": 1e-10,
                "memory": 4.0,
                "applications": 1e7,
                "progress": False,
                "keep": True,
            },
        ),
        (cj.steady_state, {"model": model, "state": None, "memory": 4.0, "progress": False}),
        (cj.spectrum.gap, {"model": model, "state": state, "symmetry": None, "memory": 4.0}),
        (cj.spectrum.slowest, {"model": model, "k": 2, "state": state, "symmetry": {S: np.eye(2)}, "memory": 4.0}),
        (cj.spectrum.switching, {"model": pumped, "state": None, "memory": 4.0}),
        (cj.spectrum.stationary, {"model": model, "state": state, "memory": 4.0}),
        (cj.counting.theta, {"model": model, "s": [0.1], "channels": {0: 1.0}, "state": state, "memory": 4.0}),
        (cj.merge, {"results": [result]}),
        (cj.load, {"path": "none.h5"}),
        (cj.save, {"results": result, "path": "/none/none.h5"}),
        (result.save, {"path": "/none/none.h5"}),
        (result.distribution, {"block": S}),
        (result.callback, {"name": "f"}),
        (exact.distribution, {"average": {S: X}}),
        (steady.distribution, {"average": {S: X}}),
        (exact.photon_distribution, {"mode": "light"}),
        (steady.photon_distribution, {"mode": "light"}),
        (exact.final.quanta, {"mode": "light"}),
        (exact.final.reduced, {"counts": {S: 2}}),
        (seen.distribution, {"average": {S: X}}),
        (seen.sector, {"block": S}),
        (seen.amplitudes, {"name": S}),
        (seen.together, {"name": S}),
        (result.observables.__getitem__ if "observables" in result.extras else result.spin.__getitem__, {"label": S}),
        (result.stationary.__getitem__, {"label": f"{S}.z"}),
        (cj.systems.free_flips, {"size": 3, "omega": 1.0, "rate_up": 1.0, "rate_down": 1.0, "chi": 0.1}),
        (cj.systems.constrained, {"size": 3, "omega": 1.0, "rate_up": 1.0, "rate_down": 1.0}),
        (cj.systems.facilitated, {"size": 3, "omega": 1.0, "kappa": 1.0, "gamma": 1.0, "power": 2}),
        (cj.systems.lambda_pump, {"size": 3, "omega": 1.0, "kappa": 1.0, "gamma": 1.0, "power": 2}),
        (
            cj.systems.p_spin,
            {"size": 3, "p": 3, "coupling": 1.0, "omega": 1.0, "kappa": 1.0, "thermal": 0.1},
        ),
        (cj.systems.boundary_time_crystal, {"size": 3, "omega": 1.0, "kappa": 1.0}),
        (
            cj.systems.dicke,
            {
                "size": 3,
                "omega_atom": 1.0,
                "omega_mode": 1.0,
                "coupling": 0.5,
                "kappa": 1.0,
                "thermal": 0.1,
                "gamma": 0.1,
            },
        ),
        (
            cj.systems.tavis_cummings,
            {
                "size": 3,
                "omega_atom": 1.0,
                "omega_mode": 1.0,
                "coupling": 0.5,
                "kappa": 1.0,
                "drive": 0.1,
                "thermal": 0.1,
                "gamma": 0.1,
                "pump": 0.1,
            },
        ),
        (
            cj.systems.multimode_dicke,
            {
                "patterns": np.ones((1, 4)),
                "omega": 1.0,
                "omega_mode": 1.0,
                "coupling": 0.5,
                "kappa": 1.0,
                "thermal": 0.1,
            },
        ),
        (cj.envelopes.step, {"time": 1.0, "before": 0.0, "after": 1.0}),
        (cj.envelopes.linear, {"start": 0.0, "end": 1.0, "before": 0.0, "after": 1.0}),
        (cj.envelopes.sine, {"amplitude": 1.0, "frequency": 1.0, "phase": 0.0, "offset": 0.0}),
        (
            cj.envelopes.pulses,
            {
                "period": 1.0,
                "width": 0.1,
                "number": 2,
                "form": "square",
                "first": 0.5,
                "height": 1.0,
                "offset": 0.0,
            },
        ),
        (cj.envelopes.gaussian, {"centre": 1.0, "width": 1.0, "height": 1.0, "offset": 0.0}),
        (cj.systems.random_patterns, {"p": 1, "size": 3, "seed": 1, "levels": 2}),
        (
            cj.systems.hopfield,
            {"patterns": np.ones((1, 4)), "omega": 1, "beta": 1, "exclude_self": True, "merge": False},
        ),
        (
            cj.systems.potts_hopfield,
            {"patterns": np.zeros((1, 4)), "levels": 3, "omega": 1, "beta": 1, "exclude_self": True},
        ),
        (cj.operators.transition, {"a": 0, "b": 1, "levels": 3}),
        (cj.operators.projector, {"a": 0, "levels": 3}),
        (cj.fluctuations.fluctuations, common),
        (cj.fluctuations.stationary, {"model": model, "densities": [np.diag([0.3, 0.7])]}),
        (cj.attractors.fixed_points, {"model": model, "starts": 1, "states": (), "seed": 0}),
        (cj.attractors.stability, {"model": model, "densities": [np.diag([0.3, 0.7])]}),
        (cj.attractors.limit_cycle, {"model": model, "start": state, "time_limit": 5.0}),
        (
            cj.attractors.stroboscopic,
            {"model": driven, "period": np.pi, "multiple": 1, "starts": 0, "states": (), "seed": 0},
        ),
        (cj.attractors.survey, {"model": model, "starts": [state], "search": 1, "time_limit": 5.0, "seed": 0}),
        (
            cj.attractors.scan,
            {
                "build": build,
                "x_values": [1.0],
                "y_values": [1.0],
                "classify": None,
                "time_limit": 5.0,
                "search": 1,
                "seed": 0,
                "progress": False,
            },
        ),
        (cj.bounds.gronwall, {**common, "taylor": None}),
        (cj.bounds.lemmas, {"model": model, "taylor": None, "support": 1}),
        (cj.longtime.autocorrelation_time, {"series": np.sin(np.ones((2, 50)) * np.arange(50)), "spacing": 1.0}),
        (
            cj.longtime.at_jumps,
            {"model": model, "state": state, "times": times, "seed": 0, "index": 0, "tolerance": 1e-9},
        ),
        (cj.longtime.averages, {"source": result, "burn_in": 0.5, "window": 1.5}),
        (cj.longtime.kept_series, {"source": result, "observable": {S: Z}, "model": model}),
        (cj.longtime.residence, {"times": times, "series": np.sin(9 * times)[None], "low": -0.3, "high": 0.3}),
        (cj.longtime.waiting_times, {"records": record, "channel": 0, "start": 0.0}),
        (cj.longtime.first_passage, {"records": record, "number": 1, "channel": 0, "start": 0.0, "end": 2.0}),
        (cj.longtime.last_jumps, {"records": record, "quiet": 0.1, "start": 0.0, "end": 2.0}),
        (
            cj.counting.clones,
            {
                "model": model,
                "state": state,
                "s": 0.1,
                "n_clones": 2,
                "time": 0.2,
                "interval": 0.1,
                "burn_in": 0.1,
                "populations": 3,
                "channels": {0: 1.0},
                "seed": 1,
                "tolerance": 1e-9,
                "comm": None,
            },
        ),
        (
            cj.counting.numbers,
            {"records": record, "start": 0.0, "end": 2.0, "width": 0.5, "channels": {0: 1.0}},
        ),
        (cj.reduced.one, {**source, "block": S}),
        (cj.plot.averages, {"results": result, "averages": f"{S}.z", "ax": axes}),
        (cj.plot.deviation, {"results": result, "scaled": True, "ax": axes}),
        (cj.plot.jumps, {"result": result, "average": f"{S}.z", "most": 2, "ax": axes}),
        (cj.plot.distribution, {"result": result, "block": S, "ax": axes}),
        (cj.plot.scan, {"diagram": cj.attractors.scan(build, [0.5], [1.0], search=1), "ax": axes}),
        (cj.reduced.particles, {"model": model, "source": exact, "counts": {S: 2}}),
        (cj.reduced.two, {**source, "first": S, "second": S}),
        (cj.reduced.correlators, {**source, "first": S, "second": S}),
        (cj.reduced.correlator, {**source, "first": f"{S}.z", "second": f"{S}.z"}),
        (
            cj.reduced.distance,
            {**source, "mean_field": cj.mean_field(model, state, times), "block": S, "partner": None},
        ),
    ]
    own = [(getattr(f, "func", f), f, arguments) for f, arguments in found]
    return {f"{named.__module__}.{named.__qualname__}": (f, arguments) for named, f, arguments in own}


def trouble(function, arguments):
    """What a call does wrong: another exception than those with a line for users, a long or broken line, a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            function(**arguments)
        except EXPECTED as error:
            line = str(error)
            if len(line) > 2300 or not line.isprintable():
                return f"the line {line[:100]!r}.. of {len(line)} characters"
        except Exception as error:  # noqa: BLE001
            return f"{type(error).__name__}: {str(error)[:100]}"
    return f"the warning {caught[0].message}" if caught else None


NAMES = tuple(calls())

LONG_CALLS = ("cojump.theory.attractors.stroboscopic.stroboscopic",)
"""A cycle is searched for at each of their values."""

LONG = [("cojump.theory.mean_field.MeanField.two_time", "start", "2^63")]
"""The flow is integrated to there."""


@pytest.mark.validation
@pytest.mark.parametrize(("name", "parameter", "kind"), LONG)
def test_a_value_that_takes_long(name, parameter, kind):
    function, arguments = calls()[name]
    assert trouble(function, {**arguments, parameter: hostile()[kind]}) is None


@pytest.mark.parametrize("name", few(NAMES, *(n for n in NAMES if n not in LONG_CALLS)))
def test_any_value_of_any_parameter(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function, arguments = calls()[name]
    assert trouble(function, arguments) is None
    wrong = []
    for parameter in inspect.signature(function).parameters:
        for kind, value in hostile().items():
            if (name, parameter, kind) in LONG:
                continue
            found = trouble(function, {**arguments, parameter: value})
            if found:
                wrong.append(f"{parameter} = {kind}: {found}")
    assert not wrong, "\n".join(wrong)


INNER = {
    "cojump.model.product_states.product": "states",
    "cojump.model.symmetric_states.dicke": "states",
    "cojump.model.symmetric_states.occupation": "states",
    "cojump.model.symmetric_states.symmetric": "states",
    "cojump.model.jumps.LocalJump": "argument",
    "cojump.model.jumps.CollectiveJump": "matrices",
    "cojump.model.modes.ModeCoupling": "matrices",
    "cojump.model.potential.Potential": "argument",
    "cojump.model.constituents.Constituents.linear": "matrices",
    "cojump.theory.conditional.conditional": "record",
}


@pytest.mark.parametrize("name", INNER)
def test_any_value_inside_a_mapping(name):
    function, arguments = calls()[name]
    wrong = []
    for kind, value in hostile().items():
        found = trouble(function, {**arguments, INNER[name]: {S: value}})
        if found:
            wrong.append(f"{kind}: {found}")
        found = trouble(function, {**arguments, INNER[name]: {S: (value, value)}})
        if found:
            wrong.append(f"a pair of {kind}: {found}")
    assert not wrong, "\n".join(wrong)


def test_every_public_function_is_called():
    known = {function for function, _ in calls().values()}
    skipped = {cj.attractors.default_starts}  # of other functions
    for name in cj.__all__:
        home = getattr(cj, name)
        members = vars(home).values() if inspect.ismodule(home) else [home]
        for f in members:
            own = inspect.isfunction(f) and f.__module__.startswith("cojump") and not f.__name__.startswith("_")
            if own and (not inspect.ismodule(home) or f.__module__.startswith(home.__name__)):
                assert f in known | skipped, f"{f.__module__}.{f.__name__} is not tried"
