"""Every public function with a model that changes in time: it honours the envelope, or refuses it in one line."""

from dataclasses import replace

import numpy as np
import pytest

import cojump as cj
from cojump.trajectories import recipe
from cojump.trajectories.representations import DRIVEN, PRODUCT
from tests.support.pauli import LOWER, X, Z
from tests.test_wrong_types import calls

S = "spins"

REFUSES = {
    "theory.spectrum.slow_modes.gap": "There is a spectrum",
    "theory.spectrum.slow_modes.slowest": "There is a spectrum",
    "theory.spectrum.stationary.stationary": "There are stationary states",
    "theory.spectrum.switching.switching": "There are rates of switching",
    "theory.conditional.conditional": "There are conditional states",
    "ensemble.cloning.clones": "Biased ensembles are those",
    "theory.counting_statistics.theta": "There is θ(s)",
    "theory.steady_state.steady_state": "There are steady states",
    "theory.fluctuations.stationary": "Stationary fluctuations are those",
    "theory.attractors.fixed_points.fixed_points": "Attractors are those",
    "theory.attractors.fixed_points.stability": "Attractors are those",
    "theory.attractors.cycles.limit_cycle": "Attractors are those",
    "theory.attractors.phase_diagram.survey": "Attractors are those",
    "theory.attractors.phase_diagram.scan": "Attractors are those",
    "theory.bounds.gronwall.gronwall": "The bound is one",
    "theory.bounds.lemmas.lemmas": "The bound is one",
}
"""How the refusal begins."""

HONOURS = {
    "theory.master_equation.master_equation": lambda found: found.mean,
    "theory.mean_field.mean_field": lambda found: found.mean,
    "theory.fluctuations.fluctuations": lambda found: np.append(found.covariance, found.correction),
    "ensemble.simulate.simulate": lambda found: found.mean,
    "ensemble.simulate.trajectory": lambda found: found.mean,
    "ensemble.two_time.two_time": lambda found: found.mean.view(float),
    "results.longtime.residence.at_jumps": lambda found: found.mean[-1],
}
"""What is compared of their results."""

ESTIMATES = {"ensemble.estimate.estimate"}
"""Its figures are times; it says how a model is run."""

ELSEWHERE = {"ensemble.two_time.g2", "model.to_qutip.to_qutip"}
"""They need a mode, or QuTiP: what changes in time is held to the full space in tests of their own."""

ASKS_FOR = {"theory.attractors.stroboscopic.stroboscopic"}
"""What is refused is a model that does not change in time: tests/theory/test_stroboscopic.py."""

NO_DYNAMICS = {
    "model.product_states.product",
    "model.product_states.tilted",
    "model.product_states.corrupted",
    "model.kinds_of_start.start",
    "model.symmetric_states.dicke",
    "model.symmetric_states.occupation",
    "model.symmetric_states.symmetric",
    "results.longtime.kept_series.kept_series",
    "results.reduced_states.one",
    "results.reduced_states.two",
    "results.reduced_states.correlators",
    "results.reduced_states.correlator",
    "results.reduced_states.distance",
    "results.reduced_states.particles",
}
"""They ask a model for its blocks and averages alone."""


def of_models():
    """The calls of public functions that take a model, or a function that makes one."""
    found = {name.removeprefix("cojump."): call for name, call in calls().items()}
    return {name: call for name, call in found.items() if {"model", "build"} & set(call[1])}


def spins(factor=1.0, envelope=None):
    """As the model of the calls, a term and a jump times a factor, or with an envelope."""
    own = {} if envelope is None else {"envelope": envelope}
    jump = cj.LocalJump(factor * LOWER, S, rate=lambda x: 1 + x**2, argument={S: Z}, **own)
    return cj.Model([cj.Block(S, 3)], [cj.OneBody(0.7 * factor * X, S, **own)], [jump], {"m": {S: Z}})


def called(name, model):
    function, arguments = of_models()[name]
    given = dict(arguments)
    if "build" in given:
        return function(**{**given, "build": lambda *_: model})
    return function(**{**given, "model": model})


def test_none_is_left_out():
    assert set(of_models()) == {*REFUSES, *HONOURS, *ESTIMATES, *ELSEWHERE, *ASKS_FOR, *NO_DYNAMICS}


@pytest.mark.parametrize("name", REFUSES)
@pytest.mark.parametrize("place", ["hamiltonian[0]", "jumps[0]"])
def test_refused_in_one_line(name, place):
    plain, driven = spins(), spins(envelope=np.cos)
    model = replace(plain, hamiltonian=driven.hamiltonian) if place[0] == "h" else replace(plain, jumps=driven.jumps)
    with pytest.raises(cj.UnsupportedError) as caught:
        called(name, model)
    line = f"{REFUSES[name]} of models that do not change in time only, but {place} has an envelope"
    assert str(caught.value) == line


@pytest.mark.parametrize("name", ESTIMATES)
def test_told(name):
    assert called(name, spins(envelope=np.cos)).methods[S].endswith(", terms that change in time")
    assert "change in time" not in called(name, spins()).methods[S]


@pytest.mark.parametrize("name", HONOURS)
def test_honoured(name, monkeypatch):
    # seed for seed in one representation alone: another one draws the outcomes of a jump in another order
    monkeypatch.setattr(recipe, "REPRESENTATIONS", (DRIVEN, PRODUCT))
    figures = HONOURS[name]
    one, two = (figures(called(name, spins(factor))) for factor in (1.0, 2.0))
    for factor, plain in ((1.0, one), (2.0, two)):
        found = figures(called(name, spins(envelope=lambda _, factor=factor: factor)))
        np.testing.assert_allclose(found, plain, rtol=0, atol=1e-7)
    assert np.abs(one - two).max() > 0.05
